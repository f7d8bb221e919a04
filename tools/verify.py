#!/usr/bin/env python3
"""Verify what the platform published, without the platform: Python 3.9 or newer and `cryptography`, nothing else.

Without `cryptography`, what needs no signature is still checked, and nothing that needs one is called verified.

    verify.py ledger  FILE [--key BASE64] [--lang en] [--from N] [--expect HASH] [--checkpoints FILE]
                                                             an export of the ledger (JSON Lines)
    verify.py proof   FILE [--receipt FILE] [--key BASE64]   the proof that an entry, or a receipt's, is in the ledger
    verify.py consistency FILE [--key BASE64]                the proof that a later checkpoint changed nothing earlier
    verify.py checkpoints FILE [--key BASE64]                relevés signés, one or all those published
    verify.py receipt FILE [--envelope FILE] [--key BASE64]  an accusé de dépôt, and the sealed envelope it names
    verify.py passport FILE [--archive FILE] [--key BASE64]  a passeport de livrable, and the code that it recognises
    verify.py contract FILE [--pdf FILE] [--key BASE64]      an attestation of signatures, and the PDF that was signed
    verify.py review  FILE [--key BASE64]                    an officer's conclusion on an award
    verify.py draw    FILE [--commitment HEX] [--minutes FILE] [--key BASE64]
                                                             a tirage au sort, the notice's commitment, the minutes
    verify.py notes   FILE [--proof FILE] [--ledger FILE] [--key BASE64]
                                                             the notes of a proposal, and the entry that holds them
    verify.py sample  FILE [--ledger FILE] [--key BASE64]    an auditors' sample, and its entries in the ledger
    verify.py notice  FILE [--proof FILE] [--ledger FILE] [--kept FILE] [--key BASE64]
                                                             a version of a published notice, and its entry
    verify.py notices FILE --ledger FILE [--key BASE64]      every published notice, its versions, and the ledger

Exit codes: 0 verified, 1 not verified (the first bad row is named), 2 nothing could be verified (file, arguments,
interrupted, what was found could not be written), or no signature was.
Give --key, with the value that the platform publishes (/.well-known/dan-cles.json) or the one you kept: without it, a
signature is checked against the key written in the file itself, which proves nothing about who signed. After a change
of key, give --key once for each: every one of them is then believed.
A ledger is whole, from entry 1, unless --from N asks for an excerpt. A genuine older export is genuine: whoever kept a
hash (a former head, a public page) asks with --expect HASH whether the ledger still contains it, and whoever kept
checkpoints asks with --checkpoints FILE. Trees, inclusion and consistency are those of RFC 9162; a checkpoint is a
signed note (C2SP tlog-checkpoint), followed by its instant and by the hash of the last entry.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import stat
import sys
import tarfile
import unicodedata
import zipfile
import zlib
from contextlib import suppress
from datetime import datetime, timezone
from fractions import Fraction
from itertools import zip_longest

if sys.version_info < (3, 9):  # noqa: UP036 - whoever verifies has their own Python, not the platform's
    sys.stderr.write("verify.py : Python 3.9 ou plus recent est necessaire. / Python 3.9 or newer is needed.\n")
    raise SystemExit(2)

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    Ed25519PublicKey.from_public_bytes(bytes(32))  # an OpenSSL that has no Ed25519 says so
except (KeyboardInterrupt, SystemExit):
    raise
except BaseException:  # absent, or broken in a way of its own (its panics are no Exception): digests are checked all
    Ed25519PublicKey, InvalidSignature = None, ValueError  # the same; `main` says that signatures were not

try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it: what it compresses cannot be read here
    LZMAError = EOFError

try:
    from zoneinfo import ZoneInfo

    QUEBEC = ZoneInfo("America/Toronto")
except (ImportError, LookupError):  # no data on time zones here: instants stay in UTC
    QUEBEC = None

GENESIS = "0" * 64
HEADER = {"type", "key", "origin", "first", "frontier", "signature"}
HEAD = {
    *("type", "first", "previous", "count", "seq", "hash", "root", "payloads", "without", "checkpoints", "at"),
    "signature",
}
CHAINED = ("seq", "at", "recorded_at", "action", "actor", "subject", "digest", "previous")
BARE = {*CHAINED, "hash"}
TOLD = {*BARE, "salt", "body"}
NOT_TEXT = {"seq", "body"}
CHECKPOINT = {"checkpoint", "checkpoint_root", "checkpoint_place"}
LINE_MAX = 4 * 1024 * 1024
RECEIPT = {
    "type": str, "number": str, "occasion": str, "proposal": str, "proponent": str, "version": int,
    "received_at": str, "closes_at": str, "envelope_sha256": str, "previous_sha256": str, "key": str, "signature": str,
}  # fmt: skip
MAYBE = (bool, type(None))
PASSPORT = {
    "type": str, "id": str, "contract": str, "occasion": str, "milestone": int, "delivery": int, "body": str,
    "vendor": str, "name": str, "summary": str, "repository": str, "reference": str, "commit": str,
    "commit_agrees": MAYBE, "swhid": str, "archive_sha256": str, "licence": str, "licence_agrees": MAYBE,
    "open_licence": bool, "publiccode_sha256": str, "sbom_format": str, "sbom_sha256": str, "accepted_at": str,
    "supersedes": str, "key": str, "signature": str,
}  # fmt: skip
CONTRACT = {
    "type": str, "contract": str, "text_sha256": str, "signed_sha256": str, "signatures": list, "value_cents": int,
    "key": str, "signature": str,
}  # fmt: skip
SIGNED = {"party", "name", "title", "at", "method"}
REVIEW = {
    "type": str, "occasion": str, "body": str, "vendor": str, "amount_cents": int, "awarded_at": str, "opinion": str,
    "comment": str, "checklist": list, "by": str, "method": str, "at": str, "key": str, "signature": str,
}  # fmt: skip
CHECKED = {"code": str, "title": str, "done": MAYBE, "by": list, "at": str, "found": str}
MINUTES = {
    "type": str, "occasion": str, "closes_at": str, "opened_at": str, "commitment": str, "envelopes": list, "key": str,
    "signature": str,
}  # fmt: skip
ENVELOPE = {"receipt": str, "proponent": str, "received_at": str, "sha256": str, "intact": bool}
SAMPLE = {
    "format": str, "number": str, "method": str, "since": str, "until": str, "body": (str, type(None)),
    "minimum_cents": int, "size": int, "seed": str, "drawn_at": str, "population": list, "population_sha256": str,
    "picks": list,
}  # fmt: skip
NOTICE = {"type": str, "number": str, "version": int, "kind": str, "at": str, "title": str}  # and what it announces
MAKES_A_VERSION = {
    f"opportunity.{act}"
    for act in ("publish", "addendum", "suspend", "resume", "confirm_award", "reverse_award", "conclude_without_award",
                "cancel")
}  # fmt: skip
VERSION = {"version": int, "sha256": str, "document": str}
# How people call what a notice holds: French, English. Whatever is not here keeps its own name.
NOTICE_WORDS = {
    "title": ("titre", "title"), "teaser": ("résumé", "summary"), "description": ("description", "description"),
    "remote_ok": ("travail à distance", "remote work"), "remote_description": ("précisions sur la distance",
    "about remote work"), "location": ("lieu", "place"), "region": ("région", "region"), "code_licence": ("licence",
    "licence"), "submission_info": ("remise du travail", "handing in"), "acceptance_criteria": (
    "critères d’acceptation", "acceptance criteria"), "evaluation_criteria": ("précisions sur l’évaluation",
    "about the evaluation"), "contact_name": ("personne à joindre", "contact"), "contact_email": (
    "courriel de la personne à joindre", "contact’s e-mail"), "questions_close_at": ("date limite des questions",
    "questions until"), "closes_at": ("date limite de dépôt", "closing"), "assignment_date": ("attribution prévue",
    "expected award"), "start_date": ("début du travail", "start of work"), "completion_date": ("fin du travail",
    "end of work"), "short_period_reason": ("motif du délai abrégé", "reason for the short period"), "state_reason": (
    "motif", "reason"), "unsuccessful_reason": ("motif sans attribution", "reason without award"), "budget_cents": (
    "montant", "amount"), "award_mode": ("mode d’adjudication", "award mode"), "k_percent": ("K", "K"),
    "draw_commitment": ("empreinte du tirage", "draw’s commitment"), "published_at": ("publication", "publication"),
    "status": ("état", "status"), "body": ("organisme", "body"), "default_minimum": ("seuil", "threshold"),
    "skills": ("compétence", "skill"), "criteria": ("critère", "criterion"), "weight": ("poids", "weight"),
    "minimum": ("minimum", "minimum"), "acceptable": ("niveau acceptable", "acceptable level"), "attachments": (
    "pièce jointe", "file"), "name": ("nom", "name"), "size": ("taille", "size"), "sha256": ("empreinte", "digest"),
    "addenda": ("addenda", "addendum"), "text": ("texte", "text"), "number": ("numéro", "number"), "at": ("date",
    "date"), "award": ("attribution", "award"), "amount_cents": ("montant", "amount"), "vendor": ("prestataire",
    "vendor"), "justification": ("justification", "justification"), "ranking": ("rang", "rank"), "final": (
    "note finale", "final note"), "price_cents": ("prix", "price"), "adjusted_cents": ("prix ajusté",
    "adjusted price"), "notes": ("note", "note"), "value": ("valeur", "value"), "received": ("propositions reçues",
    "proposals received"), "recommended_at": ("recommandation", "recommendation"), "version": ("version", "version"),
    "kind": ("nature", "kind"), "receipt": ("accusé", "receipt"), "drawn": ("tirage", "draw"), "rank": ("rang",
    "rank"), "by": ("par", "by"), "reversed": ("annulation", "reversal"), "reason": ("motif", "reason"), "author": (
    "rédaction", "author"), "submitted_by": ("envoi en révision", "sent for review by"), "published_by": (
    "publication par", "published by"), "recommended_by": ("recommandation par", "recommended by"), "notes_frozen_by": (
    "notes gelées par", "notes frozen by"), "notes_frozen_at": ("notes gelées le", "notes frozen at"),
    "reversal_requested_by": ("annulation demandée par", "reversal asked by"), "reversal_reason": (
    "motif de l’annulation demandée", "reason of the reversal asked"), "state": ("état", "state"), "examined_by": (
    "examen par", "examined by"), "rejection": ("rejet", "rejection"), "code": ("motif", "reason"), "total": ("total",
    "total"), "comments_sha256": ("commentaires", "comments"), "label": ("titre", "title"), "secret": ("secret",
    "secret"), "digests": ("enveloppes", "envelopes"), "order": ("ordre", "order"),
}  # fmt: skip
# What a notice holds besides texts, whole numbers, yes and no; and what these hold.
NOTICE_PARTS = {
    "body": dict,
    "skills": str,
    "criteria": [dict],
    "attachments": [dict],
    "addenda": [dict],
    "award": dict,
}
AWARD_PARTS = {"ranking": [dict], "notes": [dict]}
# What a proposal becomes by each act, where the detail that says it was erased.
BECOMES = {
    "open": "opened", "admit": "admissible", "reject": "rejected", "score": "scored", "award": "awarded",
    "decline": "not_awarded", "reexamine": "opened", "readmit": "admissible", "exclude": "rejected",
    "restore": "scored",
}  # fmt: skip
EXPORTED = {"number", "last", "live", "versions", "files", "awards", "people", "proposals", "draws", "unread"}
STORED_FILE = {"name": str, "sha256": str, "stored": (str, type(None))}
AWARDED = {"award": dict, "by": str, "reversed": (dict, type(None))}
REVERSED = {"at": str, "by": str, "reason": str}
PEOPLE = {
    "author": str, "submitted_by": str, "published_by": str, "recommended_by": str, "notes_frozen_by": str,
    "reversal_requested_by": str, "notes_frozen_at": str, "reversal_reason": str,
}  # fmt: skip
DRAWN = {"secret": str, "digests": list, "order": list}
OUTCOME = {
    "proposal": str, "envelope": str, "state": str, "examined_by": str, "rejection": dict, "notes": (dict, type(None)),
}  # fmt: skip
SALTED = {"salt": str, "kept": dict, "live": dict}
MOST_LATER = 20  # acts that an export may have seen halfway
NOTES = {"occasion": str, "proposal": str, "version": int, "criteria": list, "total": str, "comments_sha256": str}
NOTE = {"id": int, "label": str, "weight": int, "value": str, "by": str}
COMMENT = {"id": int, "comment": str}
HELD = {"hash": str, "salt": str, "body": dict}
AWARD = {"number": str, "cents": int, "signals": int, "sha256": str, "rank": int, "retained": bool}
OPINIONS = {
    "compliant": ("conforme", "compliant"),
    "reserved": ("conforme, avec réserves", "compliant, with reservations"),
    "not_compliant": ("non conforme", "not compliant"),
}

HELP = """\
Vérifie ce que la plateforme a publié, sans la plateforme : Python 3.9 ou plus récent et « cryptography », rien d’autre.
Sans « cryptography », ce qui ne demande pas de signature est vérifié quand même, et rien d’autre n’est dit vérifié.

    verify.py ledger  FICHIER [--key BASE64] [--lang fr] [--from N] [--expect EMPREINTE] [--checkpoints FICHIER]
                                                             un export du registre (JSON Lines)
    verify.py proof   FICHIER [--receipt FICHIER] [--key BASE64]   la preuve qu’une inscription est au registre
    verify.py consistency FICHIER [--key BASE64]             la preuve qu’un relevé plus récent n’a rien changé d’avant
    verify.py checkpoints FICHIER [--key BASE64]             des relevés signés, un seul ou tous ceux publiés
    verify.py receipt FICHIER [--envelope FICHIER] [--key BASE64]  un accusé de dépôt, et l’enveloppe qu’il nomme
    verify.py passport FICHIER [--archive FICHIER] [--key BASE64]  un passeport de livrable, et son code
    verify.py contract FICHIER [--pdf FICHIER] [--key BASE64]      une attestation de signatures, et le PDF signé
    verify.py review  FICHIER [--key BASE64]                 la conclusion d’une ou d’un responsable sur une attribution
    verify.py draw    FICHIER [--commitment EMPREINTE] [--minutes FICHIER] [--key BASE64]
                                                             un tirage au sort, l’empreinte de l’avis, le procès-verbal
    verify.py notes   FICHIER [--proof FICHIER] [--ledger FICHIER] [--key BASE64]
                                                             les notes d’une proposition, et l’inscription qui les tient
    verify.py sample  FICHIER [--ledger FICHIER] [--key BASE64]    un échantillon de vérification, et ses inscriptions
    verify.py notice  FICHIER [--proof FICHIER] [--ledger FICHIER] [--kept FICHIER] [--key BASE64]
                                                             une version d’un avis publié, et son inscription
    verify.py notices FICHIER --ledger FICHIER [--key BASE64]      tous les avis publiés, leurs versions et le registre

Codes de sortie : 0 vérifié, 1 non vérifié (la première ligne fautive est nommée), 2 rien n’a pu être vérifié, ou pas
les signatures, ou la vérification n’a pas été jusqu’au bout (interrompue, réponse impossible à écrire).
Donnez --key, avec la valeur publiée (/.well-known/dan-cles.json) ou celle que vous avez gardée : sans
elle, une signature est comparée à la clé écrite dans le fichier, ce qui ne prouve pas qui a signé. Après un changement
de clé, donnez --key une fois pour chacune. Un registre est entier, depuis l’inscription 1, sauf si --from N demande un
extrait; --expect EMPREINTE demande si le registre contient toujours une empreinte gardée, et --checkpoints FICHIER, des
relevés. Les arbres, l’inclusion et la cohérence sont ceux de la RFC 9162; un relevé est une note signée (C2SP).
In English: verify.py --lang en --help
"""

FR, EN = 0, 1
MESSAGES = {
    "row": ("Ligne {line} : {why}", "Line {line}: {why}"),
    "row_seq": ("Ligne {line} (inscription {seq}) : {why}", "Line {line} (entry {seq}): {why}"),
    "unreadable": ("Le fichier ne peut pas être lu : {why}", "The file cannot be read: {why}"),
    "no_file": ("il n’y a pas de fichier de ce nom ({path}).", "there is no file of that name ({path})."),
    "a_folder": ("c’est un dossier ({path}).", "it is a folder ({path})."),
    "not_allowed": ("vous n’avez pas le droit de le lire ({path}).", "you are not allowed to read it ({path})."),
    "not_read": ("le système le refuse, erreur {code} ({path}).", "the system refuses it, error {code} ({path})."),
    "too_big": ("il est trop grand pour la mémoire.", "it is too big for the memory."),
    "interrupted": ("Interrompu : rien n’est vérifié.", "Interrupted: nothing is verified."),
    "not_told": ("Ce qui a été trouvé n’a pas pu être écrit en entier (sortie fermée, disque plein) : n’en concluez "
                 "rien.",
                 "What was found could not be written whole (closed output, full disk): conclude nothing from it."),
    "nested": ("il est imbriqué à l’excès.", "it is nested beyond reason."),
    "unpacked": ("elle est abîmée, protégée ou d’un autre format.", "it is damaged, protected or of another format."),
    "arguments": ("Cette commande ne se comprend pas : {given}\nToutes les commandes : verify.py --help",
                  "This command cannot be understood: {given}\nAll commands: verify.py --lang en --help"),
    "no_signatures": ("Aucune signature n’est vérifiée : installez « cryptography » (python3 -m pip install "
                      "cryptography), puis refaites cette commande.",
                      "No signature is verified: install “cryptography” (python3 -m pip install cryptography), then "
                      "run this command again."),
    "chain_ok": ("Inscriptions {first} à {last} : dans l’ordre, sans trou, chacune conforme à son empreinte.",
                 "Entries {first} to {last}: in order, with no gap, each agreeing with its hash."),
    "path_ok": ("L’inscription {seq} ({action}, {at}) mène à la racine que donne le relevé.",
                "Entry {seq} ({action}, {at}) leads to the root that the checkpoint gives."),
    "bad_key": ("La clé donnée n’est pas une clé Ed25519 en base64.", "The given key is not an Ed25519 key in base64."),
    "not_json": ("ce n’est pas un objet JSON sous forme canonique.", "this is not a JSON object in canonical form."),
    "too_long": ("la ligne est démesurée.", "the line is far too long."),
    "no_newline": ("la ligne est coupée : le fichier est tronqué.", "the line is cut off: the file is truncated."),
    "header": ("ce n’est pas un export « dan-ledger/2 » (peut-être un autre fichier), ou l’en-tête a été changé.",
               "this is not a “dan-ledger/2” export of the ledger (perhaps another file), or the header was changed."),
    "header_key": ("la clé de l’en-tête n’est pas la clé attendue.", "the header’s key is not the expected key."),
    "first": ("le fichier commence à l’inscription {first}, pas à {asked} : est-ce un extrait (--from {first})?",
              "the file starts at entry {first}, not at {asked}: is it an excerpt (--from {first})?"),
    "no_head": ("la tête signée manque : fichier tronqué.", "the signed head is missing: truncated file."),
    "after_head": ("rien ne doit suivre la tête signée.", "nothing may follow the signed head."),
    "fields": ("des champs manquent, sont en trop ou n’ont pas le bon type.",
               "fields are missing, are extra or have the wrong type."),
    "seq": ("l’inscription {expected} était attendue : une ligne a été supprimée, ajoutée, répétée ou déplacée.",
            "entry {expected} was expected: a line was deleted, added, repeated or moved."),
    "hash": ("son contenu ne correspond pas à son empreinte : il a été changé.",
             "its content does not match its hash: it was changed."),
    "previous": ("elle ne suit pas l’inscription précédente : l’une des deux a été changée.",
                 "it does not follow the entry before it: one of the two was changed."),
    "payload": ("le détail ne correspond pas à l’empreinte inscrite.",
                "the payload does not match the recorded digest."),
    "stripped": ("son détail a été retiré : la tête signée en compte un.",
                 "its payload was removed: the signed head counts one."),
    "added": ("elle a un détail que la tête signée ne compte pas.",
              "it has a payload that the signed head does not count."),
    "expect": ("l’empreinte attendue {hash} n’est pas dans ce registre : il est plus ancien, ou différent.",
               "the expected hash {hash} is not in this ledger: it is older, or another one."),
    "head_link": ("la tête ne correspond pas à la dernière inscription : des lignes manquent ou ont été changées.",
                  "the head does not match the last entry: lines are missing or were changed."),
    "checkpoint": ("le relevé n’est pas un relevé signé de ce registre : il a été changé, ou il vient d’ailleurs.",
                   "the checkpoint is not one that this ledger signed: it was changed, or comes from elsewhere."),
    "checkpoint_root": ("le relevé signé atteste un autre registre : sa racine n’est pas celle des inscriptions.",
                        "the signed checkpoint attests another ledger: its root is not that of the entries."),
    "checkpoint_place": ("le relevé n’est pas à sa place : il atteste {size} inscription(s).",
                         "the checkpoint is not in its place: it attests {size} entries."),
    "checkpoint_removed": ("un relevé signé a été retiré, celui de {size} inscription(s) : la tête signée le compte.",
                           "a checkpoint was removed, that of {size} entries: the signed head counts it."),
    "checkpoint_added": ("ce relevé n’est pas de ceux que compte la tête signée.",
                         "this checkpoint is not one that the signed head counts."),
    "kept": ("le relevé de {size} inscription(s) que vous avez gardé n’est pas celui de ce registre.",
             "the checkpoint of {size} entries that you kept is not this ledger’s."),
    "kept_beyond": ("vous avez gardé un relevé de {size} inscriptions, que ce fichier ne contient pas toutes.",
                    "you kept a checkpoint of {size} entries, not all of which are in this file."),
    "checkpoints_ok": ("{count} relevé(s) signé(s), de {first} à {last} inscription(s) : les racines sont justes.",
                       "{count} signed checkpoint(s), from {first} to {last} entries: the roots are right."),
    "kept_ok": ("Relevés gardés : {count} comparé(s) et justes; {left}, d’avant l’extrait, non comparé(s).",
                "Checkpoints kept: {count} compared and right; {left}, from before the excerpt, not compared."),
    "kept_none": ("ATTENTION : les {left} relevé(s) gardés sont d’avant cet extrait : aucun n’a pu être comparé.",
                  "WARNING: the {left} checkpoint(s) kept are from before this excerpt: none could be compared."),
    "checkpoint_bad": ("Relevé {rank} : {why}", "Checkpoint {rank}: {why}"),
    "checkpoint_order": ("il ne suit pas celui d’avant : moins d’inscriptions, ou un instant plus ancien.",
                         "it does not follow the one before it: fewer entries, or an earlier instant."),
    "checkpoint_none": ("Il n’y a aucun relevé signé dans ce fichier.", "There is no checkpoint in this file."),
    "checkpoint_ok": ("Relevé signé le {at} : {size} inscription(s), racine {root}",
                      "Checkpoint signed at {at}: {size} entries, root {root}"),
    "proof_fields": ("Ce n’est pas une preuve « dan-proof/1 » complète.",
                     "This is not a complete “dan-proof/1” proof."),
    "proof_checkpoint": ("Le relevé de la preuve n’est pas signé par la clé attendue, ou il a été changé.",
                         "The proof’s checkpoint is not signed by the expected key, or it was changed."),
    "proof_entry": ("L’inscription ne correspond pas à son empreinte : elle a été changée.",
                    "The entry does not match its hash: it was changed."),
    "proof_payload": ("Le détail ne correspond pas à l’empreinte inscrite.",
                      "The payload does not match the recorded digest."),
    "proof_path": ("L’inscription n’est pas dans le registre que le relevé atteste.",
                   "The entry is not in the ledger that the checkpoint attests."),
    "proof_receipt": ("L’inscription n’est pas celle de cet accusé de dépôt.",
                      "The entry is not that of this receipt."),
    "proof_ok": ("Preuve vérifiée : l’inscription {seq} ({action}, {at}) est dans le registre de {size}.",
                 "Proof verified: entry {seq} ({action}, {at}) is in the ledger of {size} entries."),
    "proof_payload_ok": ("Le détail correspond à l’empreinte inscrite : {body}",
                         "The payload matches the recorded digest: {body}"),
    "proof_receipt_ok": ("L’inscription est celle de l’accusé {number}.", "The entry is that of receipt {number}."),
    "consistency_fields": ("Ce n’est pas une preuve « dan-consistency/1 » complète.",
                           "This is not a complete “dan-consistency/1” proof."),
    "consistency_checkpoint": ("L’un des deux relevés n’est pas signé par la clé attendue, ou il a été changé.",
                               "One of the two checkpoints is not signed by the expected key, or it was changed."),
    "consistency_path": ("Le second relevé ne contient pas le premier : registre réécrit, ou preuve changée.",
                         "The second checkpoint does not contain the first: ledger rewritten, or proof changed."),
    "consistency_ok": ("Cohérence vérifiée : les {first} inscription(s) du premier relevé ({first_at}) sont intactes "
                       "dans les {second} du second ({second_at}).",
                       "Consistency verified: the {first} entries of the first checkpoint ({first_at}) are untouched "
                       "in the {second} of the second ({second_at})."),
    "head_signature": ("la signature de la tête n’est pas valable.", "the head’s signature is not valid."),
    "ledger_ok": ("Registre vérifié : inscriptions {first} à {last}, dans l’ordre, sans trou ni changement.",
                  "Ledger verified: entries {first} to {last}, in order, with no gap and no change."),
    "ledger_empty": ("Registre vérifié : il est vide.", "Ledger verified: it is empty."),
    "payloads": ("{count} détail(s) correspondent à leur empreinte.", "{count} payload(s) match their digest."),
    "excerpt": ("C’est un extrait : il suit l’inscription {before}, d’empreinte {previous}, non vérifiée ici.",
                "This is an excerpt: it follows entry {before}, of hash {previous}, which is not verified here."),
    "expect_ok": ("L’empreinte attendue y est : {hash}", "The expected hash is in it: {hash}"),
    "head_ok": ("Tête signée le {at} : empreinte {hash}", "Head signed at {at}: hash {hash}"),
    "own_key": ("ATTENTION : la clé vient du fichier lui-même; n’importe qui peut l’y avoir mise. Refaites avec --key "
                "et la clé publiée à /.well-known/dan-cles.json.\nClé du fichier : {key}",
                "WARNING: the key comes from the file itself; anybody may have put one there. Run again with --key and "
                "the key published at /.well-known/dan-cles.json.\nThe file’s key: {key}"),
    "bad_option": ("--from veut un nombre d’au moins 1; --expect et --commitment, une empreinte de 64 caractères.",
                   "--from takes a number of at least 1; --expect and --commitment, a hash of 64 characters."),
    "key_needed": ("Donnez la clé publiée avec --key : un relevé ne porte pas la sienne.",
                   "Give the published key with --key: a checkpoint does not carry its own."),
    "given_key": ("Clé attendue : {key}", "Expected key: {key}"),
    "receipt_late": ("L’accusé se contredit : reçu à la fermeture ou après.",
                     "The receipt contradicts itself: received at or after the closing."),
    "envelope": ("L’enveloppe n’est pas celle que nomme l’accusé.", "The envelope is not the one the receipt names."),
    "envelope_ok": ("L’enveloppe est celle que nomme l’accusé, octet pour octet.",
                    "The envelope is the one the receipt names, byte for byte."),
    "receipt_ok": ("Accusé vérifié : {number}, occasion {occasion}, {proponent},\n"
                   "dépôt n° {version} reçu le {received_at} (fermeture : {closes_at}).",
                   "Receipt verified: {number}, opportunity {occasion}, {proponent},\n"
                   "submission no. {version} received at {received_at} (closing: {closes_at})."),
    "passport_ok": ("Passeport vérifié : {name}, contrat {contract}, jalon {milestone}, accepté le {accepted_at},\n"
                    "licence {licence}, {swhid}",
                    "Passport verified: {name}, contract {contract}, milestone {milestone}, accepted at {accepted_at},"
                    "\nlicence {licence}, {swhid}"),
    "archive_unreadable": ("L’archive n’est ni un .zip ni un .tar lisible : {why}",
                           "The archive is neither a readable .zip nor a .tar: {why}"),
    "archive_code": ("Ce code n’est pas celui du passeport : son identifiant est {swhid}",
                     "This code is not the passport’s: its identifier is {swhid}"),
    "archive_same": ("L’archive est celle qui a été livrée, octet pour octet.",
                     "The archive is the one that was delivered, byte for byte."),
    "archive_code_ok": ("L’identifiant recalculé est celui du passeport : c’est le même contenu.",
                        "The recomputed identifier is the passport’s: it is the same content."),
    "contract_parties": ("L’attestation ne nomme pas les deux parties, le prestataire d’abord.",
                         "The attestation does not name both parties, the vendor first."),
    "contract_pdf": ("Ce PDF n’est ni le texte que les parties ont signé, ni le contrat signé que nomme l’attestation.",
                     "This PDF is neither the text that the parties signed nor the attestation’s signed contract."),
    "contract_ok": ("Contrat vérifié : {contract}, {amount_fr} avant taxes, texte {text_sha256}",
                    "Contract verified: {contract}, {amount_en} before taxes, text {text_sha256}"),
    "by_vendor": ("Signé pour le prestataire par {name}, {title}, le {at} ({method}).",
                  "Signed for the vendor by {name}, {title}, at {at} ({method})."),
    "by_body": ("Signé pour l’organisme public par {name}, {title}, le {at} ({method}).",
                "Signed for the public body by {name}, {title}, at {at} ({method})."),
    "pdf_text": ("Le PDF est le texte que les deux parties ont signé, octet pour octet.",
                 "The PDF is the text that both parties signed, byte for byte."),
    "pdf_signed": ("Le PDF est le contrat avec ses signatures, octet pour octet.",
                   "The PDF is the contract with its signatures, byte for byte."),
    "review_ok": ("Conclusion vérifiée : attribution {occasion} à {vendor}, {amount_fr} avant taxes,\n"
                  "« {opinion_fr} », par {by}, le {at}.",
                  "Conclusion verified: award {occasion} to {vendor}, {amount_en} before taxes,\n"
                  "“{opinion_en}”, by {by}, at {at}."),
    "review_lines": ("Points respectés : {yes}; non respectés : {no}; sans objet : {none}.",
                     "Points that hold: {yes}; that do not: {no}; that do not apply: {none}."),
    "review_missing": ("- Non respecté : {title} ({found})", "- Does not hold: {title} ({found})"),
    "draw_fields": ("Ce n’est pas un tirage : commitment, secret (32 octets), digests (sans répétition) et order "
                    "(deux empreintes ou plus par égalité) sont attendus, et rien d’autre.",
                    "This is not a draw: commitment, secret (32 bytes), digests (none repeated) and order (two "
                    "digests or more for each tie) are expected, and nothing else."),
    "draw_secret": ("Le secret n’est pas celui dont le tirage donne l’empreinte.",
                    "The secret is not the one whose hash the draw gives."),
    "draw_tied": ("L’ordre nomme une proposition qui n’a pas été ouverte, ou deux fois la même.",
                  "The order names a proposal that was not opened, or the same one twice."),
    "draw_order": ("L’ordre publié n’est pas celui que donne le calcul. Attendu : {expected}",
                   "The published order is not the computed one. Expected: {expected}"),
    "draw_notice": ("L’empreinte du secret n’est pas celle de l’avis.", "The secret’s hash is not the notice’s."),
    "draw_minutes": ("Le procès-verbal a d’autres propositions ({extra} en trop ici, {missing} absentes) ou un autre "
                     "secret.",
                     "The minutes have other proposals ({extra} too many here, {missing} missing) or another secret."),
    "draw_ok": ("Tirage vérifié : l’ordre est celui que donnent le secret et les empreintes.",
                "Draw verified: the order is the one that the secret and the digests give."),
    "draw_facts": ("Propositions : {count}; dans chaque égalité : {ties}. Empreinte du secret : {commitment}",
                   "Proposals: {count}; in each tie: {ties}. The secret’s hash: {commitment}"),
    "draw_notice_ok": ("L’empreinte du secret est celle de l’avis.", "The secret’s hash is the notice’s."),
    "draw_minutes_ok": ("Les propositions et le secret sont ceux du procès-verbal : {occasion}, {opened_at}",
                        "The proposals and the secret are those of the minutes: {occasion}, {opened_at}"),
    "draw_no_notice": ("ATTENTION : comparez l’empreinte du secret à celle de l’avis, option --commitment.",
                       "WARNING: compare the secret’s hash with the notice’s, option --commitment."),
    "draw_no_minutes": ("ATTENTION : comparez les propositions à celles du procès-verbal, option --minutes.",
                        "WARNING: compare the proposals with those of the minutes, option --minutes."),
    "notes_fields": ("Ce n’est pas un fichier de notes « dan-notes/1 ».",
                     "This is not a “dan-notes/1” file of scores."),
    "notes_digest": ("Les notes ne sont pas celles dont le fichier donne l’empreinte.",
                     "The scores are not those whose digest the file gives."),
    "notes_total": ("Le total n’est pas celui que donnent les notes et les poids. Attendu : {expected}",
                    "The total is not what the scores and weights give. Expected: {expected}"),
    "notes_comments": ("Les commentaires ne sont pas ceux de ces notes.",
                       "The comments are not those of these scores."),
    "notes_entry": ("L’inscription que cite le fichier n’est pas celle du registre, ou n’a pas cette empreinte.",
                    "The entry that the file quotes is not the ledger’s, or does not have this digest."),
    "notes_ok": ("Notes vérifiées : occasion {occasion}, proposition {proposal}, version {version}. "
                 "Note finale : {total_fr}",
                 "Scores verified: opportunity {occasion}, proposal {proposal}, version {version}. "
                 "Final score: {total_en}"),
    "notes_line": ("- {label} ({weight} %) : {value_fr}", "- {label} ({weight}%): {value_en}"),
    "notes_comments_ok": ("Les commentaires sont ceux dont ces notes donnent l’empreinte.",
                          "The comments are those whose digest these scores give."),
    "notes_held": ("Au registre : l’empreinte de ces notes est dans l’inscription {seq} ({action}, {at}).",
                   "In the ledger: the digest of these scores is in entry {seq} ({action}, {at})."),
    "notes_later": ("ATTENTION : l’inscription {seq} ({at}) remplace ces notes, après un réexamen.",
                    "WARNING: entry {seq} ({at}) replaces these scores, after a re-examination."),
    "notes_alone": ("ATTENTION : rien ne dit ici quand ces notes ont été gelées; comparez-les au registre, avec "
                    "--proof ou --ledger.",
                    "WARNING: nothing here says when these scores were frozen; compare them with the ledger, with "
                    "--proof or --ledger."),
    "sample_fields": ("Ce n’est pas un échantillon « dan-sample/2 ».", "This is not a “dan-sample/2” sample."),
    "sample_digest": ("La population n’est pas celle dont l’échantillon donne l’empreinte.",
                      "The population is not the one whose digest the sample gives."),
    "sample_rank": ("{number} : empreinte, rang ou sort ne sont pas ceux que donne la règle.",
                    "{number}: its digest, its rank or its lot is not what the rule gives."),
    "sample_picks": ("Les attributions retenues ne sont pas celles de la règle. Attendu : {expected}",
                     "The awards retained are not those of the rule. Expected: {expected}"),
    "sample_ledger": ("Le registre n’a pas cette graine puis cette population (ou l’export n’a pas ses détails).",
                      "The ledger does not have this seed then this population (or the export lacks its payloads)."),
    "sample_ok": ("Échantillon vérifié : {number}, {picked} attribution(s) sur {count} ({method}, {since} à {until}).",
                  "Sample verified: {number}, {picked} award(s) of {count} ({method}, {since} to {until})."),
    "sample_order": ("Dans l’ordre : {picks}", "In order: {picks}"),
    "sample_ledger_ok": ("Au registre : la graine est l’inscription {seed}, la population ensuite, la {drawn}.",
                         "In the ledger: the seed is entry {seed}, the population comes after, entry {drawn}."),
    "notice_fields": ("Ce n’est pas un avis « dan-notice/1 » complet.",
                      "This is not a complete “dan-notice/1” notice."),
    "notice_ok": ("Avis lu : {number}, version {version} ({kind}, {at}),\n« {title} », empreinte {digest}",
                  "Notice read: {number}, version {version} ({kind}, {at}),\n“{title}”, digest {digest}"),
    "notice_proof": ("La preuve n’est pas celle de cette version de l’avis.",
                     "The proof is not that of this version of the notice."),
    "notice_changed": ("Ce n’est pas l’avis {number} que le registre a inscrit comme version {version} : il a été "
                       "changé. Empreinte inscrite : {digest}",
                       "This is not the notice {number} that the ledger recorded as version {version}: it was changed. "
                       "Recorded digest: {digest}"),
    "notice_recorded": ("L’empreinte est celle que le registre a inscrite pour cette version, inscription {seq}.",
                        "The digest is the one that the ledger recorded for this version, entry {seq}."),
    "notice_unrecorded": ("Le registre n’a pas la version {version} de l’avis {number} (ou l’export n’a pas ses "
                          "détails).",
                          "The ledger does not have version {version} of the notice {number} (or the export lacks its "
                          "payloads)."),
    "notice_later": ("Le registre a une version plus récente de cet avis : {last}.",
                     "The ledger has a later version of this notice: {last}."),
    "notice_alone": ("ATTENTION : rien ne dit encore que c’est l’avis publié; donnez --proof, la preuve que donne la "
                     "page de l’occasion, ou --ledger, un export et ses détails.",
                     "WARNING: nothing yet says that this is the published notice; give --proof, the proof that the "
                     "opportunity’s page gives, or --ledger, an export with its payloads."),
    "notice_kept_other": ("La copie gardée est celle d’un autre avis : {number}.",
                          "The copy kept is that of another notice: {number}."),
    "notice_kept_content": ("C’est le même avis que la copie gardée; seule la façon d’écrire le fichier diffère.",
                            "It is the same notice as the copy kept; only the way the file is written differs."),
    "notice_kept_same": ("C’est, à l’octet près, la copie gardée.", "It is the copy kept, byte for byte."),
    "notice_differs": ("- Différence avec la version {version} : {fields_fr}",
                       "- Difference from version {version}: {fields_en}"),
    "notices_fields": ("Ligne {line} : ce n’est pas un export « dan-notices/1 », ou il est coupé.",
                       "Line {line}: this is not a “dan-notices/1” export, or it is cut."),
    "notices_ledger": ("Donnez un export du registre et ses détails avec --ledger : un avis ne se vérifie pas seul.",
                       "Give an export of the ledger with its payloads with --ledger: a notice does not verify alone."),
    "notices_ok": ("Avis vérifiés : {count}, {versions} version(s) inscrites au registre; les lignes de la base sont "
                   "celles qui ont été publiées.",
                   "Notices verified: {count}, {versions} version(s) recorded in the ledger; the database’s rows are "
                   "those that were published."),
    "notices_before": ("{count} avis d’avant les versions ne seront inscrits qu’à leur prochain acte : leur version 1 "
                       "n’est comparée qu’à elle-même.",
                       "{count} notice(s) from before versions will be recorded at their next act only: their version "
                       "1 is compared with itself alone."),
    "notice_erased": ("ATTENTION : {number}, version {version} : le détail de l’acte qui l’a faite a été effacé du "
                      "registre; plus rien n’atteste cette version.",
                      "WARNING: {number}, version {version}: the detail of the act that made it was erased from the "
                      "ledger; nothing vouches for this version any more."),
    "notices_bad": ("Avis qui ne sont pas ce qui a été publié : {count} sur {among}.",
                    "Notices that are not what was published: {count} of {among}."),
    "notice_live": ("{number} : la base ne dit plus ce que la version {version} a publié : {fields_fr}.",
                    "{number}: the database no longer says what version {version} published: {fields_en}."),
    "notice_version": ("{number}, version {version} : son texte n’est pas celui que le registre a inscrit.",
                       "{number}, version {version}: its text is not the one that the ledger recorded."),
    "notice_extra": ("{number}, version {version} : aucun acte du registre ne l’a faite.",
                     "{number}, version {version}: no act of the ledger made it."),
    "notice_missing": ("{number}, version {version} : le registre l’a inscrite, elle n’est plus dans la base.",
                       "{number}, version {version}: the ledger recorded it, it is no longer in the database."),
    "notice_gone": ("{number} : le registre en a des versions, l’avis n’est plus dans la base.",
                    "{number}: the ledger has versions of it, the notice is no longer in the database."),
    "notice_unversioned": ("{number} : publié sans qu’aucune version n’en ait été faite.",
                           "{number}: published, and no version of it was made."),
    "notice_link": ("{number}, version {version} : elle ne nomme pas l’empreinte de la version d’avant.",
                    "{number}, version {version}: it does not name the digest of the version before it."),
    "notice_unread": ("{number} : {column} ne se lit pas : la base y tient autre chose que ce qui a été écrit.",
                      "{number}: {column} cannot be read: the database holds something else there than what was "
                      "written."),
    "notice_last": ("{number} : la base dit que sa dernière version est la {last}, qui n’est pas la dernière gardée.",
                    "{number}: the database says that its last version is {last}, which is not the last one kept."),
    "notice_file": ("{number}, fichier « {name} » : ses octets ne sont pas ceux qui ont été publiés; l’empreinte de ce "
                    "qui est dans le stockage est {stored}.",
                    "{number}, file “{name}”: its bytes are not those that were published; the digest of what is in "
                    "the storage is {stored}."),
    "notice_file_gone": ("{number}, fichier « {name} » : il n’est plus dans le stockage.",
                         "{number}, file “{name}”: it is no longer in the storage."),
    "award_differs": ("{number}, attribution {rank} : ce n’est pas celle que le registre et les versions ont gardée : "
                      "{fields_fr}.",
                      "{number}, award {rank}: it is not the one that the ledger and the versions kept: {fields_en}."),
    "award_extra": ("{number}, attribution {rank} : aucun acte du registre ne l’a confirmée.",
                    "{number}, award {rank}: no act of the ledger confirmed it."),
    "award_gone": ("{number}, attribution {rank} : le registre l’a inscrite, elle n’est plus dans la base.",
                   "{number}, award {rank}: the ledger recorded it, it is no longer in the database."),
    "people_differ": ("{number} : la base ne dit plus qui a fait ce que le registre a inscrit : {fields_fr}.",
                      "{number}: the database no longer says who did what the ledger recorded: {fields_en}."),
    "draws_differ": ("{number} : les tirages ne sont pas ceux que le registre a inscrits : {fields_fr}.",
                     "{number}: the draws are not those that the ledger recorded: {fields_en}."),
    "proposal_differs": ("{number}, proposition {proposal} : la base ne dit plus ce que le registre a inscrit : "
                         "{fields_fr}.",
                         "{number}, proposal {proposal}: the database no longer says what the ledger recorded: "
                         "{fields_en}."),
    "proposal_extra": ("{number}, proposition {proposal} : le procès-verbal d’ouverture ne l’a pas.",
                       "{number}, proposal {proposal}: the minutes of the opening do not have it."),
    "proposal_gone": ("{number} : l’enveloppe {envelope} est au procès-verbal d’ouverture, sa proposition n’est plus "
                      "dans la base.",
                      "{number}: the envelope {envelope} is in the minutes of the opening, its proposal is no longer "
                      "in the database."),
    "notes_differ": ("{number}, proposition {proposal} : ses notes ne sont plus celles dont le registre a "
                     "l’empreinte : {fields_fr}.",
                     "{number}, proposal {proposal}: its notes are no longer those whose digest the ledger has: "
                     "{fields_en}."),
    "notes_unheld": ("{number}, proposition {proposal} : la version gardée de ses notes n’a pas l’empreinte que le "
                     "registre a inscrite.",
                     "{number}, proposal {proposal}: the kept version of its notes does not have the digest that the "
                     "ledger recorded."),
    "notes_weights": ("Les poids ne sont pas des nombres entiers de 1 à 100 dont la somme est 100.",
                      "The weights are not whole numbers from 1 to 100 whose sum is 100."),
    "sample_no_ledger": ("ATTENTION : le numéro, la période, les critères et l’instant de la graine sont ceux du "
                         "fichier; seul --ledger, avec un export et ses détails, les compare au registre.",
                         "WARNING: the number, period, criteria and instant of the seed are the file’s own; only "
                         "--ledger, with an export and its payloads, compares them with the ledger."),
}  # fmt: skip
_PAPER = {
    "fields": ("Ce n’est pas un fichier « dan-KIND/1 » complet.", "This is not a complete “dan-KIND/1” file."),
    "key": ("Il n’est pas signé par la clé attendue.", "It is not signed by the expected key."),
    "signature": ("La signature n’est pas valable : il a été changé.", "The signature is not valid: it was changed."),
}
for _kind in ("receipt", "passport", "contract", "review", "minutes"):
    for _name, _words in _PAPER.items():
        MESSAGES[f"{_kind}_{_name}"] = tuple(words.replace("KIND", _kind) for words in _words)


# What still holds when signatures could not be checked: digests and computations; and what is said in place of others.
BY_DIGESTS = {
    *("payloads", "excerpt", "expect_ok", "envelope_ok", "archive_same", "archive_code_ok", "proof_payload_ok"),
    *("proof_receipt_ok", "draw_ok", "draw_facts", "draw_notice_ok", "draw_no_notice", "draw_no_minutes", "notes_ok"),
    *("notes_line", "notes_comments_ok", "notes_alone", "sample_ok", "sample_order", "sample_no_ledger", "notice_ok"),
    *("notice_kept_same", "notice_differs", "notice_alone"),
}
INSTEAD = {"ledger_ok": "chain_ok", "proof_ok": "path_ok"}
UNCHECKED = []  # the keys of signatures that were passed over


class Bad(Exception):
    """Not verified: (message name, values), after `more` of them."""

    def __init__(self, name, more=(), **values):
        super().__init__(name)
        self.name, self.more, self.values = name, more, values


class Unusable(Exception):
    """Nothing could be verified: (message name, values)."""

    def __init__(self, name, **values):
        super().__init__(name)
        self.name, self.values = name, values


def say(*lang_and_message, **values):
    lang, message = lang_and_message  # no « / »: an older Python must read this file to say that it is too old
    return MESSAGES[message][lang].format(**{name: _shown(value, lang) for name, value in values.items()})


def _shown(value, lang):
    """A value as people read it: instants in Québec's time, then as written; nothing of a file moves the cursor."""
    text = "".join(
        char if unicodedata.category(char)[0] != "C" and char not in "\u2028\u2029" else f"\\u{ord(char):04x}"
        for char in str(value)
    )
    if QUEBEC and re.fullmatch(r"[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text, re.ASCII):
        with suppress(ValueError, OverflowError):
            at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)  # noqa: UP017 - 3.9
            told = ("{:%Y-%m-%d à %H h %M min %S s}, heure du Québec", "{:%Y-%m-%d %H:%M:%S} Québec time")[lang]
            return f"{told.format(at.astimezone(QUEBEC))} ({text})"
    return text


def _score(name, value):
    """How both languages write a score, « 86,50 » of "86.5": two decimals at least, and nothing rounded."""
    whole, _point, rest = value.partition(".")
    return {f"{name}_fr": f"{whole},{rest:0<2}", f"{name}_en": f"{whole}.{rest:0<2}"}


def _amounts(cents):
    """How both languages write an amount of money."""
    dollars, rest = divmod(abs(cents), 100)
    words, space = f"{'-' * (cents < 0)}{dollars:,}", "\u00a0"
    return {"amount_fr": f"{words.replace(',', space)},{rest:02}{space}$", "amount_en": f"${words}.{rest:02}"}


# --- The recipes: the same as the platform's -----------------------------------------------------------------------
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(value):
    """JSON with sorted keys, no spaces, UTF-8; ValueError for what has none."""
    try:
        return _encode(value).encode()
    except RecursionError as error:
        raise ValueError("nested") from error


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def draw_order(secret, all_digests, tied):
    """Smallest SHA-256(seed ‖ own digest) first; seed = SHA-256(secret ‖ every opened envelope's digest, sorted)."""
    seed = hashlib.sha256(secret + "".join(sorted(all_digests)).encode()).digest()
    return sorted(tied, key=lambda digest: hashlib.sha256(seed + digest.encode()).hexdigest())


def from_base64(text, size):
    """Exactly `size` bytes, written the one canonical way; ValueError otherwise."""
    found = base64.b64decode(text, validate=True)
    if len(found) != size or base64.b64encode(found).decode() != text:
        raise ValueError("base64")
    return found


def keys_of(key):
    """The keys to believe: none, one, or several after a change of key."""
    return () if key is None else (key,) if isinstance(key, str) else tuple(key)


def _whose(key, own=None):
    """What is said of the key: the one expected, or the file's own."""
    return ("given_key", {"key": " ".join(keys_of(key))}) if key else ("own_key", {"key": own})


def _is_digest(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _fits(row, fields):
    """Whether an object has exactly these fields, of exactly these types (no bool for an int)."""
    return (
        isinstance(row, dict)
        and set(row) == set(fields)
        and all(type(row[name]) in (types if isinstance(types, tuple) else (types,)) for name, types in fields.items())
    )


def signed(message, signature, key):
    """Whether this key signed it. Without `cryptography`, whether it could have: `main` then says so."""
    if Ed25519PublicKey is None:
        UNCHECKED.append(key)
        with suppress(ValueError, TypeError):
            return bool(from_base64(key, 32) and from_base64(signature, 64))
        return False
    try:
        Ed25519PublicKey.from_public_bytes(from_base64(key, 32)).verify(from_base64(signature, 64), message)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def parse(blob):
    """One JSON object; ValueError for anything else, a repeated key or NaN included."""

    def once(pairs):
        if len({key for key, _value in pairs}) != len(pairs):
            raise ValueError("repeated key")
        return dict(pairs)

    def refuse(name):
        raise ValueError(name)

    try:
        value = json.loads(blob.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("nested") from error
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


# --- Merkle trees: RFC 9162 §2.1 ------------------------------------------------------------------------------------
def leaf(content):
    return hashlib.sha256(b"\x00" + content).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the complete subtrees that a growing tree is made of, the largest first: log2(size) hashes."""

    def __init__(self, size=0, peaks=()):
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != bin(size).count("1"):
            raise ValueError("frontier")

    def add(self, leaf_hash):
        size = self.size
        while size & 1:
            leaf_hash = hashlib.sha256(b"\x01" + self.peaks.pop() + leaf_hash).digest()
            size >>= 1
        self.peaks.append(leaf_hash)
        self.size += 1

    def root(self):
        if not self.peaks:
            return hashlib.sha256().digest()
        found = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            found = node(peak, found)
        return found


def root_from_inclusion(leaf_hash, position, size, path):
    """RFC 9162 §2.1.3.2: the root that this path leads to, None when the path has the wrong length."""
    if not 0 <= position < size:
        return None
    here, last, found = position, size - 1, leaf_hash
    for step in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            found = node(step, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node(found, step)
        here, last = here >> 1, last >> 1
    return found if last == 0 else None


def roots_from_consistency(first, second, first_root, path):
    """RFC 9162 §2.1.4.2: (root of the first tree, root of the second) that the path leads to, None when it cannot."""
    if not 0 < first <= second:
        return None
    if first == second:
        return None if path else (first_root, first_root)
    path = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not path:
        return None
    here, last = first - 1, second - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return None
        if here & 1 or here == last:
            old, new = node(step, old), node(step, new)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new = node(new, step)
        here, last = here >> 1, last >> 1
    return (old, new) if last == 0 else None


# --- Checkpoints: signed notes -------------------------------------------------------------------------------------
def read_note(text, key, origin=None):
    """The checkpoint that a signed note holds: {origin, size, root, at, hash}; ValueError unless `key` signed it.

    `key`: one, or several. One spelling only: origin, size, root in base64, instant, last entry's hash; an empty line;
    one signature, whose first four bytes name the key (C2SP signed-note, Ed25519).
    """
    body, _blank, last = text.rpartition("\n\n")
    lines = body.split("\n")
    match = re.fullmatch("\u2014 ([^ +\\s]+) ([A-Za-z0-9+/]+=*)\n", last)
    if len(lines) != 5 or not match or match[1] != lines[0] or origin not in (None, lines[0]):
        raise ValueError("note")
    if not re.fullmatch("[1-9][0-9]{0,17}", lines[1]) or not re.fullmatch("[0-9a-f]{64}", lines[4]):
        raise ValueError("note")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", lines[3], re.ASCII):
        raise ValueError("note")
    signature = from_base64(match[2], 68)
    message, text = f"{body}\n".encode(), base64.b64encode(signature[4:]).decode()
    for one in keys_of(key):
        named = hashlib.sha256(lines[0].encode() + b"\n\x01" + from_base64(one, 32)).digest()[:4]
        if signature[:4] == named and signed(message, text, one):
            break
    else:
        raise ValueError("signature")
    root = from_base64(lines[2], 32)
    return {"origin": lines[0], "size": int(lines[1]), "root": root, "at": lines[3], "hash": lines[4]}


def notes_of(blob):
    """The notes of a text that holds one after the other, an empty line between."""
    rest, *signatures = blob.decode("utf-8").split("\n\u2014 ")
    found = []
    for text in signatures:
        signature, newline, after = text.partition("\n")
        found.append(f"{rest}\n\u2014 {signature}{newline}")
        rest = after[1:] if after.startswith("\n") and after != "\n" else after
    return found + [rest] if rest else found  # what is left was cut or defaced


def steps_of(path):
    """The hashes of a proof, written the one canonical way; ValueError or TypeError otherwise."""
    if not isinstance(path, list) or not all(re.fullmatch("[0-9a-f]{64}", step) for step in path):
        raise ValueError("path")
    return [bytes.fromhex(step) for step in path]


def verify_checkpoints(blob, key):
    """Every note of the published file, in order: the key, the origin, growing sizes and instants."""
    if key is None:
        raise Unusable("key_needed")
    try:
        texts = notes_of(blob)
    except ValueError as error:
        raise Bad("checkpoint_none") from error
    if not texts:
        raise Bad("checkpoint_none")
    report, before = [], None
    for rank, text in enumerate(texts, start=1):
        try:
            note = read_note(text, key, before and before["origin"])
        except ValueError as error:
            raise Bad("checkpoint_bad", rank=rank, why=("checkpoint", {})) from error
        if before and (note["size"] <= before["size"] or note["at"] < before["at"]):
            raise Bad("checkpoint_bad", rank=rank, why=("checkpoint_order", {}))
        before = note
        report.append(("checkpoint_ok", note | {"root": note["root"].hex()}))
    return [*report, _whose(key)]


def verify_proof(blob, key, receipt=None):
    """An entry, the path to a checkpoint's root and the checkpoint; with a receipt: the entry is its own."""
    if key is None:
        raise Unusable("key_needed")
    try:
        row = parse(blob)
        entry, path = row["entry"], steps_of(row["path"])
        told = {"salt", "body"} & set(row)
        right = row["type"] == "dan-proof/1" and set(row) == {"type", "entry", "path", "checkpoint"} | told
        typed = isinstance(entry, dict) and set(entry) == {*CHAINED, "hash"} and type(entry["seq"]) is int
        if not right or not typed or len(told) == 1:
            raise ValueError("fields")
        if not all(isinstance(value, str) for name, value in entry.items() if name != "seq"):
            raise ValueError("fields")
        if told and not (isinstance(row["salt"], str) and isinstance(row["body"], dict)):
            raise ValueError("fields")
        bare = canonical({name: entry[name] for name in CHAINED})
        salt, body = (row["salt"].encode(), canonical(row["body"])) if told else (b"", b"")
        content = bytes.fromhex(entry["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise Bad("proof_fields") from error
    try:
        note = read_note(row["checkpoint"], key)
    except (ValueError, TypeError, AttributeError) as error:
        raise Bad("proof_checkpoint") from error
    if sha256(bare) != entry["hash"]:
        raise Bad("proof_entry")
    if told and (sha256(salt + body) != entry["digest"] or not _agrees(entry, row["body"])):
        raise Bad("proof_payload")
    if root_from_inclusion(leaf(content), entry["seq"] - 1, note["size"], path) != note["root"]:
        raise Bad("proof_path")
    report = [("proof_ok", entry | {"size": note["size"]})]
    if told:
        report.append(("proof_payload_ok", {"body": body.decode()}))
    if receipt is not None:
        paper = _paper(receipt, "receipt", RECEIPT, key)
        same = told and row["body"].get("subject") == f"proposal:{paper['proposal']}"
        if not same or any(row["body"].get(name) != paper[name] for name in ("version", "envelope_sha256")):
            raise Bad("proof_receipt")
        report.append(("proof_receipt_ok", paper))
    report.append(("checkpoint_ok", note | {"root": note["root"].hex()}))
    return [*report, _whose(key)]


def verify_consistency(blob, key):
    if key is None:
        raise Unusable("key_needed")
    try:
        row = parse(blob)
        path = steps_of(row["path"])
        if row["type"] != "dan-consistency/1" or set(row) != {"type", "first", "second", "path"}:
            raise ValueError("fields")
    except (ValueError, KeyError, TypeError) as error:
        raise Bad("consistency_fields") from error
    try:
        first = read_note(row["first"], key)
        second = read_note(row["second"], key, first["origin"])
    except (ValueError, TypeError, AttributeError) as error:
        raise Bad("consistency_checkpoint") from error
    roots = roots_from_consistency(first["size"], second["size"], first["root"], path)
    if roots != (first["root"], second["root"]) or second["at"] < first["at"]:
        raise Bad("consistency_path")
    values = {"first": first["size"], "first_at": first["at"], "second": second["size"], "second_at": second["at"]}
    return [("consistency_ok", values), _whose(key)]


# --- Ledger --------------------------------------------------------------------------------------------------------
def verify_ledger(file, key, first=1, expect=None, kept=()):
    """Read an export line by line, memory flat; the list of what was verified, or Bad at the first bad row.

    The export must start at entry `first`, contain the hash `expect` when there is one, and agree with the checkpoints
    `kept` (as read_note gives them).
    """
    number, state, count, kept = 0, None, len(kept), {note["size"]: note["root"] for note in kept}
    while True:
        blob = file.readline(LINE_MAX + 1)
        if not blob:
            break
        number += 1
        try:
            row = _row(blob, known=state is not None)
            if state is None:
                state = _header(row, key, first)
                _compare(first - 1, state, kept)
            elif state["head"] is not None:
                raise Bad("after_head")
            elif "type" not in row:
                _entry(row, state)
                state["expected"] |= row["hash"] == expect
                _compare(row["seq"], state, kept)
            elif row["type"] == "checkpoint":
                _checkpoint(row, state)
            else:
                _head(row, state, expect)
                for size in sorted(size for size in kept if size >= first):
                    raise Bad("kept_beyond", size=size)
        except Bad as bad:
            raise _at(number, state, bad) from None
    if state is None or state["head"] is None:
        raise _at(number + 1, state, Bad("no_head"))
    return _ledger_report(state, key, expect, count - len(kept), len(kept))


def _compare(size, state, kept):
    """The checkpoint that somebody kept at this size, if any, with the tree as it stands."""
    if size in kept and kept.pop(size) != state["tree"].root():
        raise Bad("kept", size=size)


def _at(number, state, bad):
    """Where it is: the line, and which entry should be there. The head may denounce a line before it."""
    if bad.name in {"stripped", "added"}:
        seq = bad.values["seq"]
        return Bad("row_seq", line=_line_of(seq, state), seq=seq, why=(bad.name, {}))
    if bad.name in {"checkpoint_removed", "checkpoint_added"}:
        return Bad("row", line=_line_of(bad.values["size"], state) + 1, why=(bad.name, bad.values))
    if state is None or bad.name in {"after_head", "no_head", "expect", "kept_beyond"} | CHECKPOINT:
        return Bad("row", line=number, why=(bad.name, bad.values))
    return Bad("row_seq", line=number, seq=state["next"], why=(bad.name, bad.values))


def _line_of(seq, state):
    """The line of an entry: after the header, the entries and the checkpoints before it."""
    return seq - state["first"] + 2 + sum(size < seq for size in state["checkpoints"])


def _row(blob, known=True):
    """One way only to write a row: a changed space, a repeated key, NaN are changes."""
    if len(blob) > LINE_MAX:
        raise Bad("too_long" if known else "header")
    if blob[-1:] != b"\n":
        raise Bad("no_newline")
    try:
        row = json.loads(blob)
        same = type(row) is dict and canonical(row) == blob[:-1]
    except (ValueError, RecursionError) as error:
        raise Bad("not_json" if known else "header") from error
    if not same:
        raise Bad("not_json" if known else "header")
    return row


def _header(row, key, first):
    if set(row) != HEADER or row["type"] != "dan-ledger/2":
        raise Bad("header")
    if type(row["first"]) is not int or row["first"] < 1 or not isinstance(row["origin"], str):
        raise Bad("header")
    if key is not None and row["key"] not in keys_of(key):
        raise Bad("header_key")
    bare = {name: value for name, value in row.items() if name != "signature"}
    if not signed(canonical(bare), row["signature"], row["key"]):
        raise Bad("header")
    if row["first"] != first:
        raise Bad("first", first=row["first"], asked=first)
    try:
        tree = Frontier(first - 1, map(bytes.fromhex, row["frontier"]))
    except (ValueError, TypeError) as error:
        raise Bad("header") from error
    previous = GENESIS if first == 1 else None
    state = {"key": row["key"], "keys": key or row["key"], "origin": row["origin"]}
    state |= {"first": first, "next": first, "tree": tree, "head": None}
    state |= {"previous": previous, "hash": previous, "payloads": 0, "without": [], "checkpoints": []}
    return state | {"expected": False}


def _entry(row, state):
    names = row.keys()
    told = names == TOLD
    texts = [value for name, value in row.items() if name not in NOT_TEXT]
    if not (told or names == BARE) or type(row["seq"]) is not int or not all(type(text) is str for text in texts):
        raise Bad("fields")
    if told and type(row["body"]) is not dict:
        raise Bad("fields")
    if row["seq"] != state["next"]:
        raise Bad("seq", expected=state["next"])
    if sha256(canonical({name: row[name] for name in CHAINED})) != row["hash"]:
        raise Bad("hash")
    if state["hash"] is not None and row["previous"] != state["hash"]:
        raise Bad("previous")
    if told:
        digest = sha256(row["salt"].encode() + canonical(row["body"]))
        if digest != row["digest"] or not _agrees(row, row["body"]):
            raise Bad("payload")
        state["payloads"] += 1
    elif state["without"] and state["without"][-1][1] == row["seq"] - 1:
        state["without"][-1][1] = row["seq"]
    else:
        state["without"].append([row["seq"], row["seq"]])
    state["previous"] = state["previous"] or row["previous"]
    state["hash"], state["next"] = row["hash"], row["seq"] + 1
    state["tree"].add(leaf(bytes.fromhex(row["hash"])))


def _agrees(entry, body):
    """A payload repeats what its entry says, but for a sealed entry, which says nothing."""
    names = ("action", "actor", "subject")
    return entry["action"] == "sealed" or all(body.get(name) == entry[name] for name in names)


def _checkpoint(row, state):
    """A relevé: signed, of this ledger, right after the entry that it ends with."""
    try:
        if set(row) != {"type", "note"}:
            raise ValueError("fields")
        note = read_note(row["note"], state["keys"], state["origin"])
    except (ValueError, TypeError, AttributeError) as error:
        raise Bad("checkpoint") from error
    size = note["size"]
    if size != state["next"] - 1 or size < state["first"] or size in state["checkpoints"][-1:]:
        raise Bad("checkpoint_place", size=size)
    if note["root"] != state["tree"].root() or note["hash"] != state["hash"]:
        raise Bad("checkpoint_root")
    state["checkpoints"].append(size)


def _head(row, state, expect):
    """The signature comes first: what an unsigned head claims denounces nobody."""
    bare = {name: value for name, value in row.items() if name != "signature"}
    ranges, sizes = row.get("without"), row.get("checkpoints")
    if set(row) != HEAD or not isinstance(ranges, list) or not all(map(_is_range, ranges)):
        raise Bad("fields")
    if not isinstance(sizes, list) or not all(type(size) is int for size in sizes) or type(row["at"]) is not str:
        raise Bad("fields")
    if not signed(canonical(bare), row["signature"], state["key"]):
        raise Bad("head_signature")
    count = state["next"] - state["first"]
    ends = (state["next"] - 1, state["hash"], state["previous"]) if count else (0, GENESIS, GENESIS)
    if row["type"] != "head" or (row["first"], row["count"]) != (state["first"], count):
        raise Bad("head_link")
    if (row["seq"], row["hash"], row["previous"]) != ends or row["root"] != state["tree"].root().hex():
        raise Bad("head_link")
    _payloads_of_the_head(row, state)
    if sizes != state["checkpoints"]:
        said, found = {*sizes}, {*state["checkpoints"]}
        if said == found:  # one of them twice, or out of order
            raise Bad("head_link")
        size = min(said ^ found)
        raise Bad("checkpoint_removed" if size in said else "checkpoint_added", size=size)
    if expect is not None and not state["expected"]:
        raise Bad("expect", hash=expect)
    state["head"] = row


def _is_range(value):
    return isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)


def _payloads_of_the_head(row, state):
    """Name the first entry whose payload was removed, or added, since the head was signed."""
    for said, found in zip_longest(row["without"], state["without"], fillvalue=[None, None]):
        if said == found:
            continue
        # Two sorted lists of ranges: they part where one range starts, or ends, before the other.
        if said[0] == found[0]:
            longer = found[1] > said[1]
            raise Bad("stripped" if longer else "added", seq=min(said[1], found[1]) + 1)
        stripped = said[0] is None or (found[0] is not None and found[0] < said[0])
        raise Bad("stripped" if stripped else "added", seq=found[0] if stripped else said[0])
    if row["payloads"] != state["payloads"]:
        raise Bad("head_link")


def _ledger_report(state, key, expect, kept, left):
    count = state["next"] - state["first"]
    last = state["next"] - 1
    report = [("ledger_ok", {"first": state["first"], "last": last}) if count else ("ledger_empty", {})]
    if state["payloads"]:
        report.append(("payloads", {"count": state["payloads"]}))
    if state["first"] > 1:
        report.append(("excerpt", {"before": state["first"] - 1, "previous": state["previous"]}))
    if sizes := state["checkpoints"]:
        report.append(("checkpoints_ok", {"count": len(sizes), "first": sizes[0], "last": sizes[-1]}))
    if kept or left:
        report.append(("kept_ok" if kept else "kept_none", {"count": kept, "left": left}))
    if expect:
        report.append(("expect_ok", {"hash": expect}))
    report.append(("head_ok", {"at": state["head"]["at"], "hash": state["head"]["hash"]}))
    return [*report, _whose(key, state["key"])]


# --- Receipt, passport and draw --------------------------------------------------------------------------------------
def _paper(blob, kind, fields, key):
    """The object of a signed file: its fields and their types, its key, its signature; Bad otherwise.

    `kind`: "receipt" stands for the type dan-receipt/1 and the messages receipt_fields, receipt_key, receipt_signature.
    """
    try:
        row = parse(blob)
        if not _fits(row, fields) or row["type"] != f"dan-{kind}/1":
            raise ValueError("fields")
        message = canonical({name: value for name, value in row.items() if name != "signature"})
    except ValueError as error:  # half of a surrogate pair is not text either
        raise Bad(f"{kind}_fields") from error
    if key is not None and row["key"] not in keys_of(key):
        raise Bad(f"{kind}_key")
    if not signed(message, row["signature"], row["key"]):
        raise Bad(f"{kind}_signature")
    return row


def verify_receipt(blob, key, envelope=None):
    row = _paper(blob, "receipt", RECEIPT, key)
    if row["received_at"] >= row["closes_at"]:
        raise Bad("receipt_late")
    report = [("receipt_ok", row)]
    if envelope is not None:
        if sha256(envelope) != row["envelope_sha256"]:
            raise Bad("envelope")
        report.append(("envelope_ok", {}))
    return [*report, _whose(key, row["key"])]


def verify_contract(blob, key, pdf=None):
    """With a PDF: the text that was offered and signed, or the contract with its signatures."""
    row = _paper(blob, "contract", CONTRACT, key)
    rows = row["signatures"]
    if not all(isinstance(one, dict) and set(one) == SIGNED and {*map(type, one.values())} == {str} for one in rows):
        raise Bad("contract_fields")
    if [one["party"] for one in rows] != ["vendor", "body"] or rows[0]["at"] > rows[1]["at"]:
        raise Bad("contract_parties")
    report = [("contract_ok", row | _amounts(row["value_cents"]))]
    report += [(f"by_{one['party']}", one) for one in rows]
    if pdf is not None:
        named = {row["text_sha256"]: "pdf_text", row["signed_sha256"]: "pdf_signed"}
        if sha256(pdf) not in named:
            raise Bad("contract_pdf")
        report.append((named[sha256(pdf)], {}))
    return [*report, _whose(key, row["key"])]


def verify_review(blob, key):
    row = _paper(blob, "review", REVIEW, key)
    lines = row["checklist"]
    if row["opinion"] not in OPINIONS or not all(_fits(line, CHECKED) for line in lines):
        raise Bad("review_fields")
    fr, en = OPINIONS[row["opinion"]]
    done = [line["done"] for line in lines]
    return [
        ("review_ok", row | _amounts(row["amount_cents"]) | {"opinion_fr": fr, "opinion_en": en}),
        ("review_lines", {"yes": done.count(True), "no": done.count(False), "none": done.count(None)}),
        *(("review_missing", line) for line in lines if line["done"] is False),
        _whose(key, row["key"]),
    ]


def verify_passport(blob, key, packed=None):
    """With the archive: the very one, or another one of the same content."""
    row = _paper(blob, "passport", PASSPORT, key)
    report = [("passport_ok", row)]
    if packed is not None:
        same = sha256(packed) == row["archive_sha256"]
        try:
            found = "swh:1:dir:" + _folder(tree_of(packed)).hex()
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, KeyError,
                ValueError, RuntimeError, AttributeError, TypeError) as error:  # fmt: skip
            if not same:  # a git bundle, for one: its digest alone is checked
                raise Unusable("archive_unreadable", why=("unpacked", {})) from error
            found = None
        if found not in (None, row["swhid"]):
            raise Bad("archive_code", swhid=found)
        report += [("archive_same", {})] if same else []
        report += [("archive_code_ok", {})] if found else []
    return [*report, _whose(key, row["key"])]


def tree_of(blob):
    """{name: (git mode, bytes) or a folder} of a .zip, .tar, .tar.gz or .tar.xz.

    As git keeps it: no empty folder, no date, no owner; without the single folder that forges put everything in.
    """
    entries = [(_parts(path), entry) for path, entry in (_zip(blob) if blob[:2] == b"PK" else _tar(blob))]
    entries = [(parts, entry) for parts, entry in entries if parts]
    one = len({parts[0] for parts, _entry in entries}) == 1
    forged = one and all(len(parts) > 1 for parts, entry in entries if entry is not None)
    root = {}
    for parts, entry in entries:
        here, names = root, parts[1:] if forged else parts
        if entry is not None:
            for name in names[:-1]:
                here = here.setdefault(name, {})
            here[names[-1]] = entry
    return root


def _parts(path):
    return [part for part in path.split("/") if part not in ("", ".")]


def _zip(blob):
    with zipfile.ZipFile(io.BytesIO(blob)) as packed:
        for info in packed.infolist():
            name, kind = info.filename, info.external_attr >> 16
            if not info.flag_bits & 0x800:  # not said to be UTF-8; most often it is
                with suppress(ValueError):
                    name = name.encode("cp437").decode()
            mode = 0o120000 if stat.S_ISLNK(kind) else 0o100755 if kind & stat.S_IXUSR else 0o100644
            yield name, None if name.endswith("/") else (mode, packed.read(info))


def _tar(blob):
    files = {}
    with tarfile.open(fileobj=io.BytesIO(blob)) as packed:
        for info in packed:
            if info.issym():
                files[info.name] = 0o120000, info.linkname.encode("utf-8", "surrogateescape")
            elif info.islnk():
                files[info.name] = files[info.linkname]
            elif info.isreg():
                mode = 0o100755 if info.mode & stat.S_IXUSR else 0o100644
                files[info.name] = mode, packed.extractfile(info).read()
            elif not info.isdir():
                raise ValueError(info.name)
            yield info.name, files.get(info.name)


def _git(kind, data):
    return hashlib.sha1(b"%s %d\0" % (kind, len(data)) + data).digest()


def _folder(here):
    """The 20 bytes that git, and SWHIDs after it, name a folder by."""
    lines = []
    for name, entry in here.items():
        folder, raw = isinstance(entry, dict), name.encode("utf-8", "surrogateescape")
        mode, digest = (0o40000, _folder(entry)) if folder else (entry[0], _git(b"blob", entry[1]))
        lines.append((raw + b"/" * folder, b"%o %s\0" % (mode, raw) + digest))
    return _git(b"tree", b"".join(line for _name, line in sorted(lines)))


# --- Draws and samples -----------------------------------------------------------------------------------------------
def verify_draw(blob, key=None, commitment=None, minutes=None):
    """`order`: one list of digests for each tie, in drawn order. `minutes`: the signed ones of the opening (bytes).

    The computation alone proves little: `commitment` (the notice's) and `minutes` say that neither the secret nor the
    proposals were chosen afterwards.
    """
    try:
        row = parse(blob)
        if set(row) != {"commitment", "secret", "digests", "order"}:
            raise ValueError("fields")
        digests, groups = row["digests"], row["order"]
        named = [digest for group in groups for digest in group]
        right = isinstance(digests, list) and isinstance(groups, list) and groups and _is_digest(row["secret"])
        if not right or not all(isinstance(group, list) and len(group) > 1 for group in groups):
            raise ValueError("shapes")
        if not all(map(_is_digest, [row["commitment"], *digests, *named])) or len(set(digests)) != len(digests):
            raise ValueError("digests")
        secret = bytes.fromhex(row["secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise Bad("draw_fields") from error
    if sha256(secret) != row["commitment"]:
        raise Bad("draw_secret")
    if len(set(named)) != len(named) or not set(named) <= set(digests):
        raise Bad("draw_tied")
    expected = [draw_order(secret, digests, group) for group in groups]
    if groups != expected:
        raise Bad("draw_order", expected=", ".join(digest[:12] for group in expected for digest in group))
    if commitment not in (None, row["commitment"]):
        raise Bad("draw_notice")
    ties = ", ".join(str(len(group)) for group in groups)
    report = [("draw_ok", {}), ("draw_facts", row | {"count": len(digests), "ties": ties})]
    report.append(("draw_notice_ok" if commitment else "draw_no_notice", {}))
    if minutes is None:
        return [*report, ("draw_no_minutes", {})]
    told = _paper(minutes, "minutes", MINUTES, key)
    if not all(_fits(one, ENVELOPE) for one in told["envelopes"]):
        raise Bad("minutes_fields")
    opened = {one["sha256"] for one in told["envelopes"]}
    if opened != set(digests) or told["commitment"] != row["commitment"]:
        extra, missing = len(set(digests) - opened), len(opened - set(digests))
        raise Bad("draw_minutes", extra=extra, missing=missing)
    return [*report, ("draw_minutes_ok", told), _whose(key, told["key"])]


def sample_order(method, seed, population):
    """The population in the order of the rule, then by number; None for a method that has none."""
    ranks = {
        "random": lambda award: sha256(f"{seed}{award['number']}".encode()),
        "amount": lambda award: -award["cents"],
        "flags": lambda award: (-award["signals"], -award["cents"]),
    }
    rank = ranks.get(method)
    return rank and sorted(population, key=lambda award: (rank(award), award["number"]))


def verify_sample(blob, key=None, ledger=None):
    """Draw again. `ledger`: an export with its payloads, verified too, where the seed comes before the population."""
    try:
        row = parse(blob)
        rows = row["population"]
        right = _fits(row, SAMPLE) and row["format"] == "dan-sample/2" and all(_fits(one, AWARD) for one in rows)
        right = right and len({one["number"] for one in rows}) == len(rows) and _is_digest(row["seed"])
        order = sample_order(row["method"], row["seed"], rows) if right else None
        if not order or row["size"] < 1 or not all(isinstance(pick, str) for pick in row["picks"]):
            raise ValueError("fields")
        frozen = [[one[name] for name in ("number", "cents", "signals")] for one in rows]
        digest = sha256(canonical(sorted(frozen)))
    except (ValueError, KeyError, TypeError) as error:
        raise Bad("sample_fields") from error
    if digest != row["population_sha256"]:
        raise Bad("sample_digest")
    expected = [one["number"] for one in order[: row["size"]]]
    if row["picks"] != expected:
        raise Bad("sample_picks", expected=", ".join(expected))
    for rank, one in enumerate(order, start=1):
        lot = sha256(f"{row['seed']}{one['number']}".encode())
        if (one["sha256"], one["rank"], one["retained"]) != (lot, rank, rank <= row["size"]):
            raise Bad("sample_rank", number=one["number"])
    values = {"count": len(rows), "picked": len(expected)}
    report = [("sample_ok", row | values), ("sample_order", {"picks": ", ".join(expected)})]
    if ledger is None:
        return [*report, ("sample_no_ledger", {})]
    whole = verify_ledger(io.BytesIO(ledger), key)
    return [*report, ("sample_ledger_ok", _recorded(row, map(json.loads, io.BytesIO(ledger)))), *whole]


def _recorded(row, entries):
    """{seed, drawn}: the numbers of the sample's two entries in a verified export; Bad unless they say the same."""
    found = {}
    for entry in entries:
        body = entry.get("body") or {}
        if body.get("subject") == f"sample:{row['number']}":
            found.setdefault(entry["action"], entry)
    seed, drawn = found.get("sample.seed"), found.get("sample.draw")
    if not seed or not drawn or seed["seq"] > drawn["seq"] or seed["body"].get("seed") != row["seed"]:
        raise Bad("sample_ledger")
    names = ("method", "since", "until", "body", "minimum_cents", "size", "population_sha256", "picks")
    same = all(drawn["body"].get(name) == ("" if row[name] is None else row[name]) for name in names)
    if not same or drawn["at"] != row["drawn_at"]:
        raise Bad("sample_ledger")
    return {"seed": seed["seq"], "drawn": drawn["seq"]}


# --- Notices ---------------------------------------------------------------------------------------------------------
def verify_notice(blob, key=None, ledger=None, proof=None, kept=None):
    """One version of a notice, as the occasion's page gives it. `kept`: another copy, to name what differs."""
    row = read_notice(blob)
    number, version, digest = row["number"], row["version"], sha256(canonical(row))
    report = [("notice_ok", row | {"digest": digest})]
    before = None if kept is None else read_notice(kept)
    if before and before["number"] != number:
        raise Bad("notice_kept_other", number=before["number"])
    same = before is not None and canonical(before) == canonical(row)
    more = [("notice_differs", {"version": before["version"], **_told(before, row)})] if before and not same else []
    if proof is not None:
        proved = verify_proof(proof, key)
        entry, body = parse(proof)["entry"], parse(proof).get("body", {})
        if body.get("subject") != f"occasion:{number}" or body.get("notice_version") != version:
            raise Bad("notice_proof", more=more)
        if body.get("notice_sha256") != digest:
            raise Bad("notice_changed", more=more, number=number, version=version, digest=body.get("notice_sha256"))
        report += [("notice_recorded", {"seq": entry["seq"]}), *proved]
    if ledger is not None:
        whole = verify_ledger(io.BytesIO(ledger), key)
        held = notices_held(io.BytesIO(ledger)).get(number, {}).get("versions", {})
        if version not in held:
            raise Bad("notice_unrecorded", more=more, number=number, version=version)
        if held[version]["sha256"] != digest:
            raise Bad("notice_changed", more=more, number=number, version=version, digest=held[version]["sha256"])
        report.append(("notice_recorded", held[version]))
        if max(held) > version:
            report.append(("notice_later", {"last": max(held)}))
        report += whole
    if before:
        report += more or [("notice_kept_same" if kept == blob else "notice_kept_content", {})]
    if proof is None and ledger is None:
        report.append(("notice_alone", {}))
    return report


def read_notice(blob):
    """A « dan-notice/1 » document; Bad for anything else."""
    try:
        row = parse(blob)
        named = {name: row.get(name) for name in NOTICE}
        if not _fits(named, NOTICE) or row["type"] != "dan-notice/1" or row["version"] < 1:
            raise ValueError("fields")
        if not _holds_parts(row, NOTICE_PARTS) or not _holds_parts(row.get("award", {}), AWARD_PARTS):
            raise ValueError("parts")
        canonical(row)
    except (ValueError, AttributeError) as error:
        raise Bad("notice_fields") from error
    return row


def _holds_parts(row, parts):
    """Whether an object holds only texts, whole numbers, yes, no and nothing, but for these parts, of these shapes."""
    plain = (str, int, bool)
    for name, value in row.items():
        shape = parts.get(name)
        if shape is None:
            right = type(value) in plain or value is None
        elif shape is str:
            right = isinstance(value, list) and all(isinstance(one, str) for one in value)
        elif shape is dict:
            inside = {*AWARD_PARTS} if name == "award" else set()
            right = isinstance(value, dict) and all(
                type(one) in plain or one is None for key, one in value.items() if key not in inside
            )
        else:
            right = isinstance(value, list) and all(isinstance(one, dict) and _holds_parts(one, {}) for one in value)
        if not right:
            return False
    return True


def notices_held(entries):
    """{number: {published, versions: {n: {seq, sha256, at}}, erased, acts, proposals}} of a verified export.

    erased: how many acts that make versions have no detail there any more. acts: those about the occasion, in their
    order; proposals: {identifier: acts about it}, of every occasion.
    """
    held, proposals = {}, {}
    for blob in entries:
        entry = json.loads(blob)
        body, subject = entry.get("body") or {}, entry.get("subject", "")
        if subject.startswith("proposal:"):
            proposals.setdefault(subject[len("proposal:") :], []).append(entry)
        if not subject.startswith("occasion:"):
            continue
        notice = held.setdefault(
            subject[len("occasion:") :],
            {"published": False, "versions": {}, "erased": 0, "acts": [], "proposals": proposals},
        )
        notice["acts"].append(entry)
        notice["erased"] += not body and entry["action"] in MAKES_A_VERSION
        notice["published"] |= entry["action"] == "opportunity.publish"
        version, digest = body.get("notice_version"), body.get("notice_sha256")
        if type(version) is int and _is_digest(digest):  # the first one counts: no act makes the same version twice
            notice["versions"].setdefault(version, {"seq": entry["seq"], "sha256": digest, "at": entry["recorded_at"]})
    return held


def differences(before, after, path=()):
    """[(path, value before, value after)] of two JSON values, deepest first; None stands for what is not there."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted({*before, *after})
        return [one for name in names for one in differences(before.get(name), after.get(name), (*path, name))]
    if isinstance(before, list) and isinstance(after, list):
        pairs = enumerate(zip_longest(before, after), start=1)
        return [one for place, pair in pairs for one in differences(*pair, (*path, place))]
    return [] if before == after and type(before) is type(after) else [(path, before, after)]


def _told(before, after):
    """{fields_fr, fields_en}: every field that differs, as people call it, with both values."""
    found = differences(before, after)
    return {f"fields_{name}": "; ".join(_field(lang, *one) for one in found) for lang, name in ((FR, "fr"), (EN, "en"))}


def _field(lang, path, before, after):
    words = []
    for step in path:
        if isinstance(step, int):
            words[-1] = f"{words[-1]} {step}"
        else:
            words.append(NOTICE_WORDS.get(step, (step, step))[lang])
    return f"{', '.join(words)} ({_short(before)} → {_short(after)})"


def _short(value):
    text = "–" if value is None else value if isinstance(value, str) else canonical(value).decode("utf-8", "replace")
    return text if len(text) <= 60 else f"{text[:57]}…"


def verify_notices(blob, key=None, ledger=None):
    """An export of every published notice against an export of the ledger with its payloads."""
    if ledger is None:
        raise Unusable("notices_ledger")
    whole = verify_ledger(io.BytesIO(ledger), key)
    if "payloads" not in dict(whole):
        raise Unusable("notices_ledger")
    at, rows = read_notices(blob)
    held = notices_held(io.BytesIO(ledger))
    found, facts = compare_notices(at, rows, held)
    if found:
        count = len({values["number"] for _name, values in found})
        raise Bad(
            "notices_bad", more=found, count=count, among=len({*rows} | {values["number"] for _n, values in found})
        )
    report = [("notices_ok", facts)]
    if facts["before"]:
        report.append(("notices_before", {"count": facts["before"]}))
    report += [("notice_erased", values) for values in facts["erased"]]
    return [*report, *whole]


def read_notices(blob):
    """(its instant, {number: the occasion's line}) of an export; Bad at the first line that is not one."""
    lines = blob.split(b"\n")
    rows, at, ended = {}, None, False
    for place, line in enumerate(lines[:-1], start=1):
        try:
            row = parse(line)
            canonical(row)  # half of a surrogate pair is not text
            if place == 1:
                if set(row) != {"type", "at"} or row["type"] != "dan-notices/1" or not isinstance(row["at"], str):
                    raise ValueError("header")
                at = row["at"]
            elif row.get("type") == "end":
                if set(row) != {"type", "count"} or row["count"] != len(rows) or place != len(lines) - 1:
                    raise ValueError("end")
                ended = True
            else:
                if not _is_exported(row) or row["number"] in rows:
                    raise ValueError("fields")
                rows[row["number"]] = row
        except (ValueError, TypeError) as error:
            raise Bad("notices_fields", line=place) from error
    if not ended or lines[-1]:
        raise Bad("notices_fields", line=len(lines))
    return at, rows


def compare_notices(at, rows, held):
    """([(message, values)] of all that is wrong, {count, versions, before, erased}).

    held: as `notices_held` gives it; at: the instant of the export; versions that the ledger recorded after it are not
    expected. erased: what nothing vouches for any more, for the detail of the last act was erased.
    """
    found, recorded, before, erased = [], 0, 0, []
    for number, row in rows.items():
        notice = held.get(number, {"published": False, "versions": {}, "erased": 0, "acts": [], "proposals": {}})
        wrong, facts = _compare_notice(at, number, row, notice)
        for instant in _later(at, row, notice) if wrong else ():  # it was read after an act that came meanwhile
            again, then = _compare_notice(instant, number, row, notice)
            if not again:
                wrong, facts = again, then
                break
        found += wrong
        recorded, before, erased = recorded + facts["recorded"], before + facts["before"], erased + facts["erased"]
    for number in sorted({*held} - {*rows}):
        if any(one["at"] <= at for one in held[number]["versions"].values()):
            found.append(("notice_gone", {"number": number}))
    return found, {"count": len(rows), "versions": recorded, "before": before, "erased": erased}


def _later(at, row, notice):
    """The instants of what the ledger recorded about an occasion after the export began, the first ones."""
    about = [notice["proposals"].get(one["proposal"], []) for one in row["proposals"] or ()]
    later = {act["recorded_at"] for acts in (notice["acts"], *about) for act in acts if act["recorded_at"] > at}
    return sorted(later)[:MOST_LATER]


def _compare_notice(at, number, row, notice):
    """(what is wrong with one occasion as the ledger had it at that instant, {recorded, before, erased})."""
    before, erased = 0, []
    expected = {n: one["sha256"] for n, one in notice["versions"].items() if one["at"] <= at}
    wrong = _wrong_versions(number, row["versions"], notice, expected)
    unvouched = _unvouched(row["versions"], notice, expected)
    if unvouched and len(unvouched) <= notice["erased"]:
        wrong = [one for one in wrong if one[0] != "notice_extra" or one[1]["version"] not in unvouched]
        if unvouched[-1] == row["versions"][-1]["version"]:
            erased.append({"number": number, "version": unvouched[-1]})
    else:
        before += not expected and bool(row["versions"])
    if not row["versions"]:
        wrong.append(("notice_unversioned", {"number": number}))
    elif row["live"] is None and row["unread"]:
        pass  # said below
    elif not wrong:
        last = row["versions"][-1]
        published = read_notice(last["document"].encode())
        if row["live"] != published or canonical(row["live"]) != last["document"].encode():
            told = _told(published, row["live"])
            wrong.append(("notice_live", {"number": number, "version": last["version"], **told}))
    else:  # the kept texts are not what was published: what the rows say is compared with the nearest one that is
        wrong += _against_the_last_sound(number, row, expected)
    if row["last"] != max([one["version"] for one in row["versions"]], default=0):
        wrong.append(("notice_last", {"number": number, "last": row["last"]}))
    acts = [act for act in notice["acts"] if act["recorded_at"] <= at]
    wrong += [("notice_unread", {"number": number, "column": column}) for column in row["unread"]]
    wrong += [*_wrong_files(number, row["files"])]
    wrong += [*_wrong_people(number, row["people"], acts, legacy=1 not in notice["versions"])]
    if row["awards"] is not None:
        wrong += [*_wrong_awards(number, row, acts, expected)]
    if row["draws"] is not None:
        wrong += [*_wrong_draws(number, row["draws"], acts)]
    if row["proposals"] is not None:
        known = {one["proposal"]: notice["proposals"].get(one["proposal"], []) for one in row["proposals"]}
        known = {uid: [act for act in about if act["recorded_at"] <= at] for uid, about in known.items()}
        wrong += [*_wrong_proposals(number, row["proposals"], acts, known)]
    return wrong, {"recorded": len(expected), "before": before, "erased": erased}


def _differs(name, values, expected, found):
    """[(name, values and every field that differs)], nothing when all agree."""
    return [] if canonical(expected) == canonical(found) else [(name, {**values, **_told(expected, found)})]


def _done(acts, *verbs):
    return [act for act in acts if act["action"] in {f"opportunity.{verb}" for verb in verbs}]


def _wrong_files(number, files):
    """The bytes in the storage against the digest that the row, and the notice with it, holds."""
    for one in files:
        if one["stored"] is None:
            yield "notice_file_gone", {"number": number, "name": one["name"]}
        elif one["stored"] != one["sha256"]:
            yield "notice_file", {"number": number, "name": one["name"], "stored": one["stored"]}


def _wrong_people(number, people, acts, legacy):
    """Who did what, against who the ledger says did it. Where it says nothing of a name, nothing is said.

    legacy: published before versions were kept; its notes may then be frozen by nobody.
    """
    expected = {"recommended_by": "", "reversal_requested_by": "", "reversal_reason": ""}
    expected |= {"notes_frozen_by": "", "notes_frozen_at": ""}
    for act in acts:
        verb, actor, body = act["action"].rpartition(".")[2], act["actor"], act.get("body") or {}
        if not act["action"].startswith("opportunity."):
            continue
        first = {"create": "author", "submit_for_review": "submitted_by", "publish": "published_by"}.get(verb)
        if first:
            expected[first] = actor
        if verb in {"unveil_prices", "recommend"} and not expected["notes_frozen_at"]:
            expected |= {"notes_frozen_by": actor, "notes_frozen_at": act["at"]}
        if verb == "recommend":
            expected["recommended_by"] = actor
        if verb in {"reject_recommendation", "reverse_award"}:
            expected["recommended_by"] = ""
        if verb == "request_reversal":
            expected |= {
                "reversal_requested_by": actor,
                "reversal_reason": body.get("reason", people["reversal_reason"]),
            }
        if verb in {"withdraw_reversal", "reverse_award", "confirm_award"}:
            expected |= {"reversal_requested_by": "", "reversal_reason": ""}
    if legacy and people["notes_frozen_by"] == "":
        del expected["notes_frozen_by"], expected["notes_frozen_at"]
    found = {name: people[name] for name in expected}
    return _differs("people_differ", {"number": number}, expected, found)


def _wrong_awards(number, row, acts, vouched):
    """Every award, reversed ones too, against the acts that confirmed and reversed them and the versions these made."""
    documents = {
        one["version"]: read_notice(one["document"].encode())
        for one in row["versions"]
        if sha256(one["document"].encode()) == vouched.get(one["version"])
    }
    expected = []
    for act in _done(acts, "confirm_award", "reverse_award"):
        body = act.get("body") or {}
        version = body.get("notice_version")
        told = documents.get(version, {}) if type(version) is int else {}
        if act["action"].endswith("confirm_award"):
            known = {"by": act["actor"], "reversed": None}
            if told.get("award"):
                known["award"] = told["award"]
            elif "award_cents" in body:
                known["amount_cents"] = body["award_cents"]
            expected.append(known)
        elif expected:
            reason = told.get("state_reason", body.get("reason"))
            expected[-1]["reversed"] = {"by": act["actor"]} | ({} if reason is None else {"reason": reason})
            if told:
                expected[-1]["reversed"]["at"] = told["at"]
    for rank, (known, award) in enumerate(zip_longest(expected, row["awards"]), start=1):
        values = {"number": number, "rank": rank}
        if known is None or award is None:
            yield "award_extra" if known is None else "award_gone", values
            continue
        found = {name: award.get(name) for name in known}
        if "amount_cents" in known:
            found["amount_cents"] = award["award"].get("amount_cents")
        if known["reversed"] and award["reversed"]:
            found["reversed"] = {name: award["reversed"][name] for name in known["reversed"]}
        yield from _differs("award_differs", values, known, found)


def _wrong_draws(number, draws, acts):
    details = [act.get("body") or {} for act in acts if act["action"] == "draw"]
    if not all(details):  # one was erased
        return []
    expected = [{name: body.get(name) for name in DRAWN} for body in details]
    return _differs("draws_differ", {"number": number}, {"order": expected}, {"order": draws})


def _wrong_proposals(number, proposals, acts, known):
    """What became of each opened proposal, and its frozen notes, against the acts about it."""
    minutes = [act["body"] for act in acts if act["action"] == "opening.minutes" and act.get("body")]
    envelopes = minutes[-1].get("envelopes") if minutes else None
    if isinstance(envelopes, list) and all(isinstance(one, str) for one in envelopes):
        for one in proposals:
            if one["envelope"] not in envelopes:
                yield "proposal_extra", {"number": number, "proposal": one["proposal"]}
        for envelope in sorted({*envelopes} - {one["envelope"] for one in proposals}):
            yield "proposal_gone", {"number": number, "envelope": envelope}
    for one in proposals:
        values = {"number": number, "proposal": one["proposal"]}
        about = known.get(one["proposal"], [])
        expected = _outcome(about)
        yield from _differs("proposal_differs", values, expected, {name: one[name] for name in expected})
        yield from _wrong_notes(values, one["notes"], acts, about)


def _outcome(about):
    """{state, examined_by, rejection} that these acts lead a proposal to; a name is left out where none says it."""
    expected = {}
    for act in about:
        model, _dot, verb = act["action"].partition(".")
        body = act.get("body") or {}
        if model != "proposal":
            continue
        if "after" in body or verb in BECOMES:
            expected["state"] = body.get("after", BECOMES.get(verb))
        if verb == "open":
            expected |= {"examined_by": "", "rejection": {"code": "", "text": ""}}
        if verb in {"admit", "reject"}:
            expected["examined_by"] = act["actor"]
        elif verb in {"readmit", "exclude", "reexamine"}:  # by two people, whom the detail names; or not examined yet
            expected.pop("examined_by", None)
            expected |= {"examined_by": body["decided_by"]} if "decided_by" in body else {}
        if verb in {"reject", "exclude"} and body:
            expected["rejection"] = {"code": body.get("code", ""), "text": str(body.get("text", "")).strip()}
        elif verb in {"reject", "exclude"}:
            expected.pop("rejection", None)
        elif verb in {"reexamine", "readmit"}:
            expected["rejection"] = {"code": "", "text": ""}
    return expected if "state" in expected else {}


def _wrong_notes(values, notes, acts, about):
    """The frozen notes of a proposal, against the last digest of them that the ledger has."""
    sealing = sorted([*acts, *about], key=lambda act: act["seq"])
    digests = [digest for act in sealing for digest in _digests(act.get("body") or {}, values["proposal"])]
    if not digests and not notes:
        return []
    if not notes or (digests and sha256(notes["salt"].encode() + canonical(notes["kept"])) != digests[-1]):
        return [("notes_unheld", values)]
    if not digests and not any("body" not in act for act in sealing):
        return [("notes_unheld", values)]
    return _differs("notes_differ", values, notes["kept"], notes["live"])


def _is_exported(row):
    """Whether an object is the line of an occasion."""
    lists = {"versions": VERSION, "files": STORED_FILE, "awards": AWARDED, "draws": DRAWN, "proposals": OUTCOME}
    right = set(row) == EXPORTED and isinstance(row["number"], str) and isinstance(row["live"], (dict, type(None)))
    right = right and type(row["last"]) is int and _fits(row["people"], PEOPLE) and type(row["unread"]) is list
    right = right and all(isinstance(column, str) for column in row["unread"])
    for name, fields in lists.items() if right else ():
        missing = row[name] is None and bool(row["unread"]) and name in {"awards", "draws", "proposals"}
        if not missing and not (type(row[name]) is list and all(_fits(one, fields) for one in row[name])):
            return False
    if not right:
        return False
    reversals = [one["reversed"] for one in row["awards"] or () if one["reversed"] is not None]
    salted = [one["notes"] for one in row["proposals"] or () if one["notes"] is not None]
    return all(_fits(one, REVERSED) for one in reversals) and all(_fits(one, SALTED) for one in salted)


def _unvouched(versions, notice, expected):
    """The versions that no act holds, those of before versions were kept left out."""
    missing = [one["version"] for one in versions if one["version"] not in expected]
    first = versions[0]["document"] if versions else ""
    return missing[1:] if missing[:1] == [1] and '"kind":"before"' in first else missing


def _wrong_versions(number, versions, notice, expected):
    """What is wrong with the kept texts: one that the ledger does not have, one that it has otherwise, a gap."""
    wrong, previous = [], ""
    for place, one in enumerate(versions, start=1):
        version, blob = one["version"], one["document"].encode()
        values = {"number": number, "version": version}
        digest, row = sha256(blob), {}
        try:
            row = read_notice(blob)
        except Bad:
            wrong.append(("notice_version", values))
        old = version == 1 and 1 not in notice["versions"] and notice["published"] and row.get("kind") == "before"
        if version not in expected and not old:
            wrong.append(("notice_extra", values))
        elif (
            {expected.get(version, digest), one["sha256"]} != {digest}
            or version != place
            or (row.get("number"), row.get("version")) != (number, version)
        ):
            wrong.append(("notice_version", values))
        elif row.get("previous_sha256", "") != previous:
            wrong.append(("notice_link", values))
        previous = digest
    present = {one["version"] for one in versions}
    wrong += [("notice_missing", {"number": number, "version": n}) for n in sorted({*expected} - present)]
    return list({(name, tuple(values.items())): (name, values) for name, values in wrong}.values())


def _against_the_last_sound(number, row, expected):
    """What the rows say, against the last kept text that the ledger vouches for, under that one's own name."""
    sound = [one for one in row["versions"] if expected.get(one["version"]) == sha256(one["document"].encode())]
    if not sound or row["live"] is None:
        return []
    published = read_notice(sound[-1]["document"].encode())
    own = ("version", "kind", "at", "previous_sha256")
    live = {name: value for name, value in row["live"].items() if name not in own}
    live |= {name: published[name] for name in own if name in published}
    if live == published:
        return []
    return [("notice_live", {"number": number, "version": published["version"], **_told(published, live)})]


def verify_notes(blob, key=None, proof=None, ledger=None):
    """A proposal's notes. `proof`: of the entry that holds their digest; `ledger`: an export, with its payloads or not.

    The file repeats what that entry says, salt included, so that its digest is computed again without the payload.
    """
    try:
        row = parse(blob)
        notes, told = row["notes"], {"comments", "comments_salt"} & set(row)
        held = row.get("entry")
        right = set(row) - told - {"entry"} == {"type", "notes", "salt", "sha256"} and row["type"] == "dan-notes/1"
        right = right and len(told) != 1 and _fits(notes, NOTES) and all(_fits(one, NOTE) for one in notes["criteria"])
        right = right and isinstance(row["salt"], str) and (held is None or _fits(held, HELD))
        if not right or (told and not all(_fits(one, COMMENT) for one in row["comments"])):
            raise ValueError("fields")
        numbers = [re.fullmatch(r"[0-9]{1,3}\.[0-9]{2}", one["value"]) for one in notes["criteria"]]
        if not all(numbers) or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,4})?", notes["total"]):
            raise ValueError("numbers")
        digest = sha256(row["salt"].encode() + canonical(notes))
        remarks = sha256(row["comments_salt"].encode() + canonical(row["comments"])) if told else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Bad("notes_fields") from error
    if digest != row["sha256"]:
        raise Bad("notes_digest")
    weights = [one["weight"] for one in notes["criteria"]]
    if not all(1 <= weight <= 100 for weight in weights) or sum(weights) != 100:
        raise Bad("notes_weights")
    total = sum(Fraction(one["value"]) * one["weight"] for one in notes["criteria"]) / 100
    if Fraction(notes["total"]) != total:
        raise Bad("notes_total", expected=float(total))
    if told and remarks != notes["comments_sha256"]:
        raise Bad("notes_comments")
    report = [("notes_ok", {**notes, **_score("total", notes["total"])})]
    report += [("notes_line", {**one, **_score("value", one["value"])}) for one in notes["criteria"]]
    report += [("notes_comments_ok", {})] if told else []
    if proof is not None:
        about = verify_proof(proof, key)
        report += [("notes_held", _holds(row, parse(proof)["entry"])), *about]
    if ledger is not None:
        whole = verify_ledger(io.BytesIO(ledger), key)
        report += [*_in_ledger(row, map(json.loads, io.BytesIO(ledger))), *whole]
    return [*report, ("notes_alone", {})] if proof is None and ledger is None else report


def _holds(row, entry, body=None):
    """The entry, when what it says has the digest of these notes; Bad otherwise. `body`: where the file has none."""
    held = row.get("entry")
    if held is not None:
        try:
            same = held["hash"] == entry["hash"] and sha256(held["salt"].encode() + canonical(held["body"]))
        except ValueError as error:
            raise Bad("notes_entry") from error
        if same != entry["digest"] or not _agrees(entry, held["body"]):
            raise Bad("notes_entry")
        body = held["body"]
    if not body or row["sha256"] not in _digests(body, row["notes"]["proposal"]):
        raise Bad("notes_entry")
    return entry


def _digests(body, proposal):
    """The digests of a proposal's notes that a payload holds."""
    rows = body.get("notes")
    rows = rows if isinstance(rows, list) else []
    return [one.get("sha256") for one in rows if isinstance(one, dict) and one.get("proposal") == proposal]


def _in_ledger(row, entries):
    """What is said of the entry of a verified export that holds these notes, and of one that replaced them since."""
    held, found, later = row.get("entry"), None, None
    for entry in entries:
        if "hash" not in entry or "seq" not in entry or "digest" not in entry:
            continue  # the header, a checkpoint, the head
        digests = _digests(entry.get("body") or {}, row["notes"]["proposal"])
        if (held and entry["hash"] == held["hash"]) or (not held and row["sha256"] in digests):
            found = entry
        elif found and digests:
            later = entry
    if found is None:
        raise Bad("notes_entry")
    report = [("notes_held", _holds(row, found, found.get("body")))]
    return [*report, ("notes_later", later)] if later else report


# What is verified, and the option that names a second file.
READERS = {
    "proof": (verify_proof, "receipt"), "consistency": (verify_consistency, None), "review": (verify_review, None),
    "checkpoints": (verify_checkpoints, None), "receipt": (verify_receipt, "envelope"),
    "passport": (verify_passport, "archive"), "contract": (verify_contract, "pdf"), "sample": (verify_sample, "ledger"),
}  # fmt: skip


# --- Command line --------------------------------------------------------------------------------------------------
class _Parser(argparse.ArgumentParser):
    """Speaks the language asked for: argparse's own words are English."""

    lang = FR

    def print_help(self, file=None):
        print((HELP, __doc__)[self.lang].rstrip(), file=file)

    def error(self, message):
        given = " ".join(sys.argv[1:] if self.given is None else self.given)
        print(say(self.lang, "arguments", given=given or "–"), file=sys.stderr)
        raise SystemExit(2)

    given = None


def _language(arguments):
    """The language asked for, wherever it stands: what is wrong with the other arguments is told in it too."""
    words = list(map(str, arguments))
    asked = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "--lang"]
    asked += [word[len("--lang=") :] for word in words if word.startswith("--lang=")]
    return EN if "en" in asked else FR


def _arguments(arguments):
    given = sys.argv[1:] if arguments is None else list(arguments)
    _Parser.lang, _Parser.given = _language(given), given
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("file")
    common.add_argument("--lang", choices=("fr", "en"), default=argparse.SUPPRESS)
    common.add_argument("--key", metavar="BASE64", action="append")
    parser = _Parser()
    parser.add_argument("--lang", choices=("fr", "en"), default="fr")
    commands = parser.add_subparsers(dest="what", required=True)
    names = ("ledger", "draw", "notice", "notices", "notes", *READERS)
    added = {name: commands.add_parser(name, parents=[common]) for name in names}
    added["ledger"].add_argument("--from", dest="first", metavar="N", type=int, default=1)
    added["ledger"].add_argument("--expect", metavar="HASH", type=str.lower)
    added["ledger"].add_argument("--checkpoints", metavar="FILE")
    added["draw"].add_argument("--commitment", metavar="HEX", type=str.lower)
    added["draw"].add_argument("--minutes", metavar="FILE")
    several = {"notice": ("proof", "ledger", "kept"), "notices": ("ledger",), "notes": ("proof", "ledger")}
    for name, files in several.items():
        for beside in files:
            added[name].add_argument(f"--{beside}", metavar="FILE")
    for name, (_verify_it, beside) in READERS.items():
        if beside:
            added[name].add_argument(f"--{beside}", metavar="FILE", dest="beside")
    return parser.parse_args(arguments)


def _unreadable(error, path):
    """Why a file cannot be read, as a message of ours: the system has its own language."""
    if isinstance(error, RecursionError):
        return Unusable("unreadable", why=("nested", {}))
    if isinstance(error, MemoryError):
        return Unusable("unreadable", why=("too_big", {}))
    path = getattr(error, "filename", None) or path
    if isinstance(error, FileNotFoundError):
        return Unusable("unreadable", why=("no_file", {"path": path}))
    if isinstance(error, IsADirectoryError):
        return Unusable("unreadable", why=("a_folder", {"path": path}))
    if isinstance(error, PermissionError):
        return Unusable("unreadable", why=("not_allowed", {"path": path}))
    return Unusable("unreadable", why=("not_read", {"path": path, "code": getattr(error, "errno", None) or "?"}))


def _open(path):
    try:
        return open(path, "rb")
    except ValueError as error:  # no file has such a name (a zero in it)
        raise FileNotFoundError(2, "", path) from error


def _read(path):
    with _open(path) as file:
        return file.read()


def _beside(path):
    """The bytes of a file named by an option, however few; None where the option was not given."""
    return None if path is None else _read(path)


def _kept(path, key):
    """The checkpoints of a file that somebody kept, verified first."""
    report = verify_checkpoints(_read(path), key)
    return [values | {"root": bytes.fromhex(values["root"])} for name, values in report if name == "checkpoint_ok"]


def _verify(options):
    key = options.key
    try:
        for one in keys_of(key):
            from_base64(one, 32)
    except ValueError as error:
        raise Unusable("bad_key") from error
    hashes = [getattr(options, name, None) or GENESIS for name in ("expect", "commitment")]
    if getattr(options, "first", 1) < 1 or not all(map(_is_digest, hashes)):
        raise Unusable("bad_option")
    try:
        if options.what == "ledger":
            kept = [] if options.checkpoints is None else _kept(options.checkpoints, key)
            with _open(options.file) as file:
                return verify_ledger(file, key, options.first, options.expect, kept)
        if options.what == "draw":
            return verify_draw(_read(options.file), key, options.commitment, _beside(options.minutes))
        if options.what in {"notice", "notices"}:
            names = ("proof", "ledger", "kept") if options.what == "notice" else ("ledger",)
            reader = verify_notice if options.what == "notice" else verify_notices
            return reader(_read(options.file), key, **{name: _beside(getattr(options, name)) for name in names})
        if options.what == "notes":
            return verify_notes(_read(options.file), key, *map(_beside, (options.proof, options.ledger)))
        reader, beside = READERS[options.what][0], _beside(getattr(options, "beside", None))
        return reader(_read(options.file), key, *([] if beside is None else [beside]))
    except (OSError, RecursionError, MemoryError) as error:  # no file; nested, or long, to exhaust the reader
        raise _unreadable(error, options.file) from error


def main(arguments=None):
    """The exit code. Whatever happens ends in a sentence: whoever verifies is not to read a program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    lang = _language(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _main(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return _stopped(lang, "interrupted")
    except OSError:  # of what is written: those of what is read have their own messages
        return _stopped(lang, "not_told")


def _stopped(lang, name):
    """Say it where it can be, and let nothing else be written as the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        print(say(lang, name), file=sys.stderr, flush=True)
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 2


def _main(arguments):
    options = _arguments(arguments)
    lang = EN if options.lang == "en" else FR
    del UNCHECKED[:]
    code = 0
    try:
        report = _verify(options)
        if UNCHECKED:
            code = 2
            report = [(INSTEAD.get(name, name), values) for name, values in report if name in BY_DIGESTS | {*INSTEAD}]
        for name, values in report:
            print(say(lang, name, **values))
            code = 2 if name in {"kept_none", "notice_erased", "notice_alone"} else code
    except Bad as bad:
        for name, told in bad.more:
            print(say(lang, name, **told))
        print(say(lang, bad.name, **_inner(lang, bad.values)))
        code = 1
    except Unusable as error:
        print(say(lang, error.name, **_inner(lang, error.values)), file=sys.stderr)
        code = 2
    if UNCHECKED:
        print(say(lang, "no_signatures"), file=sys.stderr)
    return code


def _inner(lang, values):
    """Values whose « why » is a message itself."""
    if isinstance(values.get("why"), tuple):
        name, inner = values["why"]
        return {**values, "why": say(lang, name, **inner)}
    return values


if __name__ == "__main__":
    sys.exit(main())
