"""LISEZMOI.txt and README.txt of a case file: every file that is in it, and the commands that verify it elsewhere.

Each language has its own: the file leaves the platform, and its reader's language is not known. What starts with four
spaces is a command, to be run as it is written from inside the folder.
"""

import re
import shlex
from fnmatch import fnmatchcase

from django.conf import settings
from django.urls import reverse

from marketplace import keys
from marketplace.ledger import verifier

# Path: what it is, in French then in English. The first that fits.
FILES = {
    "sommaire.pdf": ("le dossier en quelques pages", "the file in a few pages (in French)"),
    "occasion.json": ("l’avis, sa grille, ses addendas", "the notice, its grid, its addenda"),
    "avis/version-*.json": ("ce qui fut publié, version par version", "what was published, version by version"),
    "proces-verbal.json": ("le procès-verbal de l’ouverture, signé", "the signed minutes of the opening"),
    "propositions/*/proposition.json": (
        "une proposition ouverte : état, prix s’il se voit, déclarations, notes, motif du rejet",
        "an opened proposal: state, price if shown, declarations, scores, reason of its rejection",
    ),
    "propositions/*/texte.txt": ("son texte", "its text"),
    "propositions/*/commentaires.txt": ("ses commentaires", "its comments"),
    "propositions/*/accuse.json": ("son accusé de dépôt, signé", "its signed receipt"),
    "propositions/*/fichiers/*": ("un fichier joint à cette proposition", "a file attached to that proposal"),
    "evaluation.csv": (
        "les notes, leurs commentaires, les rangs, les motifs de rejet",
        "scores with their comments, ranks, reasons of rejections",
    ),
    "attribution.json": ("l’attribution", "the award"),
    "attribution-annulee-*.json": ("une attribution annulée, avec son motif", "a reversed award, with the reason"),
    "tirage.json": ("le tirage au sort, à refaire", "the draw, for anyone to compute again"),
    "liste-de-controle.csv": ("la liste de contrôle de l’attribution", "the checklist of the award"),
    "conclusions/*.json": ("une conclusion sur l’attribution, signée", "a signed conclusion on the award"),
    "conclusions/*.pdf": ("la même, à lire", "the same, to be read (in French)"),
    "contrats/*/attestation.json": (
        "qui a signé le contrat, et quand, signé",
        "who signed the contract and when, signed",
    ),
    "contrats/*/livraisons/*/livraison.json": ("une livraison", "a delivery"),
    "contrats/*/livraisons/*": ("un fichier livré", "a delivered file"),
    "contrats/*.pdf": ("un document du contrat", "a document of the contract (in French)"),
    "factures/*": ("une facture", "an invoice (in French)"),
    "paiements.csv": ("les factures et leurs paiements", "invoices and their payments"),
    "avenants.csv": ("les avenants", "amendments"),
    "verifications/*/*.txt": ("une pièce d’une vérification", "a message of an audit case"),
    "verifications/*": ("une lettre ou un document joint", "a letter, or a document joined to a message"),
    "signaux.csv": ("les signaux, et ce qui en est dit", "red flags, and what was said of them"),
    "inscriptions.jsonl": (
        "les inscriptions au registre, avec leur détail; ce n’est pas un export du registre : chacune a sa preuve",
        "the ledger’s entries with their details; not an export of the ledger: each one has its proof",
    ),
    "preuves/*": (
        "la preuve de chaque inscription, sous son rang (RANG.json)",
        "the proof of each entry, under its number (NUMBER.json)",
    ),
    "releve.txt": ("le relevé signé qui couvre ces inscriptions", "the signed checkpoint that covers these entries"),
    "verify.py": ("l’outil de vérification", "the verifier"),
    "LISEZMOI.txt": ("ce texte", "this text in French"),
    "README.txt": ("ce texte en anglais", "this text"),
    "SHA256SUMS": ("l’empreinte de chaque fichier", "the digest of each file"),
}
FR, EN = 0, 1


def about(path: str, language: int) -> str:
    """What a file is; KeyError for one that nobody described."""
    for pattern, words in FILES.items():
        if fnmatchcase(path, pattern):
            return words[language]
    raise KeyError(path)


def commands(casefile, paths: list[str]) -> list[tuple[tuple[str, str], str]]:
    """[((in French, in English), command)]: each verifies something of these files, and returns 0."""
    key = f"--key {keys.key_id()}"
    checks = [
        (("Rien n’a changé depuis le téléchargement :", "Nothing changed since the download:"),
         "sha256sum --check SHA256SUMS"),
    ]  # fmt: skip
    proofs = [path for path in paths if path.startswith("preuves/")]
    if proofs:
        checks += [
            (("Le relevé est signé par la plateforme :", "The checkpoint is signed by the platform:"),
             f"python3 verify.py checkpoints releve.txt {key}"),
            (("Une inscription est au registre, par exemple :", "An entry is in the ledger, for example:"),
             f"python3 verify.py proof {proofs[0]} {key}"),
            (("Toutes y sont :", "All of them are:"),
             f'for preuve in preuves/*.json; do python3 verify.py proof "$preuve" {key} || break; done'),
        ]  # fmt: skip
    for path in paths:
        quoted = shlex.quote(path)
        if path.endswith("/accuse.json"):
            words = ("Un accusé de dépôt est authentique :", "A receipt is genuine:")
            checks.append((words, f"python3 verify.py receipt {quoted} {key}"))
        elif fnmatchcase(path, "avis/version-*.json") and (proof := _proof_of_version(casefile, path)) in proofs:
            words = ("Une version de l’avis est celle qui fut publiée :", "A version of the notice is as published:")
            checks.append((words, f"python3 verify.py notice {path} --proof {proof} {key}"))
        elif path == "tirage.json":
            words = ("Le tirage est celui que donne le calcul :", "The draw is the computed one:")
            commitment = casefile.opportunity.draw_commitment
            beside = f"--commitment {commitment} --minutes proces-verbal.json"
            checks.append((words, f"python3 verify.py draw tirage.json {beside} {key}"))
        elif fnmatchcase(path, "conclusions/*.json"):
            words = ("Une conclusion sur l’attribution est signée :", "A conclusion on the award is signed:")
            checks.append((words, f"python3 verify.py review {quoted} {key}"))
        elif path.endswith("/attestation.json"):
            folder = path.rpartition("/")[0]
            signed = next(name for name in paths if fnmatchcase(name, f"{folder}/*-signe-*.pdf"))
            words = ("Le contrat est celui que les parties ont signé :", "The contract is what the parties signed:")
            checks.append((words, f"python3 verify.py contract {quoted} --pdf {shlex.quote(signed)} {key}"))
    return checks


def _proof_of_version(casefile, path: str) -> str:
    """The file of the proof of the entry that holds this version's digest; "" for a version that no entry holds."""
    number, occasion = int(path[-7:-5]), casefile.opportunity.ledger_subject()
    for act in casefile.told:
        if act.entry.subject == occasion and act.body and act.body.get("notice_version") == number:
            return f"preuves/{act.entry.seq:08d}.json"
    return ""


def guides(casefile, paths: list[str]) -> list[tuple[str, str]]:
    """[(name, text)] for a case file (audit/casefile/archive.py) that holds these paths."""
    proofs = sum(path.startswith("preuves/") for path in paths)
    bare = [path for path in paths if not path.startswith("preuves/")]
    names = [*bare, *(["preuves/"] if proofs else []), "LISEZMOI.txt", "README.txt", "SHA256SUMS"]
    covered = sum(bool(casefile.checkpoint) and act.entry.seq <= casefile.checkpoint.size for act in casefile.told)
    values = {
        "number": casefile.opportunity.number,
        "last": casefile.told[-1].entry.seq,
        "covered": covered,
        "count": len(casefile.told),
        "key": keys.key_id(),
        "key_url": settings.BASE_URL + reverse("public_keys"),
        "verifier_url": settings.BASE_URL + reverse("opendata:verifier"),
        "sha256": verifier.sha256(),
    }
    texts = []
    for name, language, template in (("LISEZMOI.txt", FR, _FRENCH), ("README.txt", EN, _ENGLISH)):
        lines, said = [], ""
        for words, command in commands(casefile, paths):
            if language == EN:
                command = re.sub(r"(python3 verify\.py .*?)( \|\||$)", r"\1 --lang en\2", command)
            lines += [] if words[language] == said else ["", words[language]]
            lines.append(f"    {command}")
            said = words[language]
        width = max(len(path) for path in names)
        listed = "\n".join(f"{path:<{width}}  {about(path, language)}" for path in names)
        texts.append((name, template % (values | {"commands": "\n".join(lines[1:]), "files": listed})))
    return texts


_FRENCH = """\
DOSSIER %(number)s
==================

Ce dossier contient tout ce que la personne qui l’a téléchargé peut lire de cette occasion, jusqu’à
l’inscription %(last)s du registre. Ce qui n’a pas été ouvert n’y est pas. Les lectures n’y sont pas non plus.

VÉRIFIER
--------
Dans ce dossier, avec Python 3.9 ou plus récent et sa bibliothèque « cryptography » (pip install cryptography).
L’outil verify.py est celui que publie %(verifier_url)s
Son empreinte SHA-256 : %(sha256)s

La clé qui suit --key est celle de la plateforme. Comparez-la à celle que publie
%(key_url)s
ou, mieux, à celle que vous avez gardée : %(key)s

%(commands)s

%(covered)s des %(count)s inscriptions ont une preuve; s’il en manque, elles en auront une au prochain relevé signé.

CE QU’IL Y A ICI
----------------
Les montants sont en cents, avant taxes sauf ceux des factures. Les en-têtes des tables sont en anglais, comme
ceux des données ouvertes.

%(files)s
"""

_ENGLISH = """\
CASE FILE %(number)s
====================

This file holds everything that the person who downloaded it may read of this opportunity, up to entry %(last)s of
the ledger. What was not opened is not here. Neither are records of reading. Documents are in French.

VERIFY
------
In this folder, with Python 3.9 or newer and its library “cryptography” (pip install cryptography).
The tool verify.py is the one published at %(verifier_url)s
Its SHA-256 digest: %(sha256)s

The key that follows --key is the platform’s. Compare it with the one published at
%(key_url)s
or, better, with the one that you kept: %(key)s

%(commands)s

%(covered)s of %(count)s entries have a proof; any others will have one at the next signed checkpoint.

WHAT IS HERE
------------
Amounts are in cents, before taxes except those of invoices.

%(files)s
"""
