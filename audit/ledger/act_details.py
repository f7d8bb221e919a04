"""What a payload of the ledger says, in words: labels, amounts, people, states and criteria by their names."""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.enums import Checked, FlagState, Opinion, Sampling
from audit.enums import State as MonitoringState
from contracts import enums as contract
from marketplace.dates import localtime
from marketplace.markup import readable
from marketplace.money import format_cents
from opportunities.enums import State as OccasionState
from opportunities.enums import UnsuccessfulReason
from opportunities.models import Opportunity
from proposals.enums import NoteReexaminationState, ReexaminationOutcome, RejectionCode
from proposals.enums import State as ProposalState
from vendors.models import Vendor

LABELS = {
    "reason": gettext_lazy("Motif"),
    "outcome": gettext_lazy("Suite demandée"),
    "asked_by": gettext_lazy("Demandé par"),
    "decided_by": gettext_lazy("Décidé par"),
    "text": gettext_lazy("Texte"),
    "code": gettext_lazy("Code"),
    "number": gettext_lazy("Numéro"),
    "name": gettext_lazy("Nom"),
    "body": gettext_lazy("Organisme"),
    "changed": gettext_lazy("Champs modifiés"),
    "closes_at": gettext_lazy("Date limite"),
    "before": gettext_lazy("État avant"),
    "after": gettext_lazy("État après"),
    "received": gettext_lazy("Propositions reçues"),
    "unreadable": gettext_lazy("Intégrité non constatée"),
    "envelopes": gettext_lazy("Empreintes des enveloppes"),
    "envelope_sha256": gettext_lazy("Empreinte de l’enveloppe"),
    "version": gettext_lazy("Version"),
    "scores": gettext_lazy("Notes par critère"),
    "comments": gettext_lazy("Commentaires par critère"),
    "notes": gettext_lazy("Empreintes des notes"),
    "seen": gettext_lazy("Version des notes réexaminée"),
    "lines": gettext_lazy("Notes réexaminées"),
    "total_before": gettext_lazy("Note finale avant"),
    "total_after": gettext_lazy("Note finale après"),
    "value_cents": gettext_lazy("Valeur, avant taxes"),
    "delta_cents": gettext_lazy("Variation, avant taxes"),
    "amount_cents": gettext_lazy("Montant, taxes comprises"),
    "total_cents": gettext_lazy("Total de la facture"),
    "final_cents": gettext_lazy("Total payé, avant taxes"),
    "fee_cents": gettext_lazy("Frais"),
    "text_sha256": gettext_lazy("Empreinte du texte"),
    "sha256": gettext_lazy("Empreinte du fichier"),
    "contract": gettext_lazy("Contrat"),
    "milestone": gettext_lazy("Jalon"),
    "milestones": gettext_lazy("Jalons"),
    "delivery": gettext_lazy("Livraison"),
    "reference": gettext_lazy("Référence"),
    "invoice": gettext_lazy("Facture"),
    "cure_by": gettext_lazy("À corriger d’ici le"),
    "due_on": gettext_lazy("Au plus tard le"),
    "late_days": gettext_lazy("Jours de retard"),
    "finding": gettext_lazy("Manquement relevé"),
    "occasion": gettext_lazy("Occasion"),
    "monitoring": gettext_lazy("Vérification"),
    "draw_commitment": gettext_lazy("Engagement du tirage"),
    "method": gettext_lazy("Personne reconnue par"),
    "requested_by": gettext_lazy("Demandée par"),
    "account": gettext_lazy("Compte de versement"),
    "address": gettext_lazy("Adresse"),
    "amendment": gettext_lazy("Avenant"),
    "archive_sha256": gettext_lazy("Empreinte de l’archive"),
    "attestation": gettext_lazy("Attestation de Revenu Québec"),
    "unverified_reason": gettext_lazy("Motif de continuer sans qu’elle soit vérifiée"),
    "award_cents": gettext_lazy("Montant attribué, avant taxes"),
    "charge": gettext_lazy("Paiement chez Stripe"),
    "clause": gettext_lazy("Clause"),
    "commit": gettext_lazy("Commit"),
    "digests": gettext_lazy("Empreintes des enveloppes"),
    "dispute": gettext_lazy("Contestation"),
    "document_sha256": gettext_lazy("Empreinte du document"),
    "done_on": gettext_lazy("Faite le"),
    "end_date": gettext_lazy("Fin du contrat"),
    "failure": gettext_lazy("Cause de l’échec"),
    "fields": gettext_lazy("Champs modifiés"),
    "file": gettext_lazy("Fichier, par son empreinte ou son identifiant"),
    "files": gettext_lazy("Documents"),
    "first": gettext_lazy("De l’inscription"),
    "in_force_at": gettext_lazy("En vigueur le"),
    "justification": gettext_lazy("Justification"),
    "kind": gettext_lazy("Nature"),
    "last": gettext_lazy("À l’inscription"),
    "licence": gettext_lazy("Licence"),
    "limit_cents": gettext_lazy("Limite de signature"),
    "minimum_cents": gettext_lazy("Montant minimal, avant taxes"),
    "note": gettext_lazy("Compte rendu"),
    "notice_sha256": gettext_lazy("Empreinte de l’avis"),
    "notice_version": gettext_lazy("Version de l’avis"),
    "open_licence": gettext_lazy("Licence ouverte"),
    "operator": gettext_lazy("Par"),
    "opinion": gettext_lazy("Conclusion"),
    "order": gettext_lazy("Ordre tiré"),
    "passport": gettext_lazy("Passeport"),
    "person": gettext_lazy("Personne"),
    "picks": gettext_lazy("Attributions retenues"),
    "population": gettext_lazy("Attributions parmi lesquelles"),
    "population_sha256": gettext_lazy("Empreinte de la population"),
    "proof": gettext_lazy("Preuve"),
    "refund": gettext_lazy("Remboursement chez Stripe"),
    "reply_until": gettext_lazy("Réplique possible jusqu’au"),
    "result": gettext_lazy("Constat"),
    "role": gettext_lazy("Rôle"),
    "sbom_sha256": gettext_lazy("Empreinte de la nomenclature logicielle"),
    "secret": gettext_lazy("Secret du tirage"),
    "seed": gettext_lazy("Graine"),
    "signals": gettext_lazy("Signaux"),
    "since": gettext_lazy("Du"),
    "size": gettext_lazy("Taille"),
    "small_supplier": gettext_lazy("Petit fournisseur"),
    "source": gettext_lazy("Source"),
    "status": gettext_lazy("État"),
    "supersedes": gettext_lazy("Remplace"),
    "swhid": gettext_lazy("Identifiant du code (SWHID)"),
    "title": gettext_lazy("Titre"),
    "transfer": gettext_lazy("Virement de Stripe"),
    "transfer_reversal": gettext_lazy("Virement repris par Stripe"),
    "until": gettext_lazy("Au"),
    "vendor": gettext_lazy("Prestataire"),
    "with_payloads": gettext_lazy("Détails joints"),
}
STATES = {
    "opportunity": OccasionState,
    "proposal": ProposalState,
    "notereexamination": NoteReexaminationState,
    "contract": contract.State,
    "milestone": contract.MilestoneState,
    "amendment": contract.AmendmentState,
    "payment": contract.PaymentState,
    "monitoring": MonitoringState,
    "redflag": FlagState,
}
# What a code means, by the name of its field.
CODES = {
    "code": dict(RejectionCode.choices) | dict(UnsuccessfulReason.choices),
    "kind": dict(contract.DutyKind.choices) | dict(Vendor.Kind.choices),
    "method": {
        "password": gettext_lazy("mot de passe redemandé"),
        "password+totp": gettext_lazy("mot de passe et second facteur redemandés"),
    },
    "opinion": dict(Opinion.choices),
    "outcome": dict(ReexaminationOutcome.choices),
    "result": dict(Checked.choices),
    "status": dict(contract.DisputeStatus.choices),
}
# Parts of a notice that are no column of it.
_PARTS = {
    "criteria": gettext_lazy("Grille"),
    "skills": gettext_lazy("Compétences"),
    "attachments": gettext_lazy("Pièces jointes"),
}
PEOPLE = re.compile(r"person:([0-9a-f-]{36})")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def described(action: str, body: dict, people: dict, criteria: dict) -> list[tuple[str, str]]:
    """[(label, text)] of a payload, its own order kept; what its entry already says is left out.

    `people`: {public id: name}; `criteria`: {position, as the payload writes it: label} of the procurement scored.
    """
    states = dict(STATES[kind].choices) if (kind := action.partition(".")[0]) in STATES else {}
    labels, codes = LABELS, CODES
    if kind == "sample":
        labels, codes = LABELS | {"method": gettext_lazy("Méthode")}, CODES | {"method": dict(Sampling.choices)}
    details = []
    for key, value in body.items():
        if key in {"action", "actor", "subject"} or value in ("", None):
            continue
        if key in {"before", "after"}:
            text = str(states.get(value, value))
        elif key == "changed" and kind == "opportunity":
            text = ", ".join(map(_notice_part, value)) or _("aucun")
        elif key == "scores":
            text = _scores(value, criteria)
        elif key == "comments":
            text = _comments(value, criteria)
        elif key == "text" and action == "opportunity.addendum":
            text = readable(str(value))  # Markdown: the same numbers as its page
        elif key == "lines" and kind == "notereexamination":
            text = _reexamined(value)
        else:
            text = str(codes.get(key, {}).get(str(value)) or _text(key, value, people))
        details.append((str(labels.get(key, key)), text))
    return details


def _notice_part(name: str) -> str:
    """A field of a notice, or its grid, as its form calls it."""
    if name in _PARTS:
        return str(_PARTS[name])
    declared = next((field for field in Opportunity._meta.fields if field.name == name), None)
    words = str(declared.verbose_name) if declared else name
    return words[:1].upper() + words[1:]


def _scores(value: dict, criteria: dict) -> str:
    """One line for each criterion; its position, from 1, when its name is not known."""
    lines = []
    for position, score in value.items():
        try:
            score, rank = number_format(Decimal(score)), int(position) + 1
        except (InvalidOperation, ValueError):
            rank = position
        lines.append(f"{criteria.get(position) or _('Critère %s') % rank} : {score}")
    return "\n".join(lines)


def _comments(value: dict, criteria: dict) -> str:
    return "\n".join(
        f"{criteria.get(position) or _('Critère %s') % position} : {comment}" for position, comment in value.items()
    )


def _reexamined(lines: list) -> str:
    """One line for each criterion: its note before and after, then its comments where they changed."""
    told = []
    for line in lines:
        told.append(f"{line['criterion']} : {line['before'] or '–'} → {line['after']}")
        if line["comment_before"] != line["comment_after"]:
            told.append(f"« {line['comment_before']} » → « {line['comment_after']} »")
    return "\n".join(told)


def _text(key: str, value, people: dict) -> str:
    if isinstance(value, bool):
        return _("oui") if value else _("non")
    if isinstance(value, int) and key.endswith("_cents"):
        return format_cents(value, exact=True)
    if isinstance(value, list):
        return ", ".join(_text("", one, people) for one in value) or _("aucun")
    if isinstance(value, dict):
        return ", ".join(f"{name} : {_text('', one, people)}" for name, one in value.items())
    text = str(value)
    if _INSTANT.match(text):
        try:
            when = datetime.fromisoformat(text)
            return localtime.moment(when) if when.tzinfo else text
        except ValueError:
            return text
    return PEOPLE.sub(lambda match: people.get(match[1], match[0]), text)
