"""Acts of the ledger as auditors read them, in words: who, in which role, about what, with which details.

What may be told: nothing of a notice that is not published; nothing of a proposal before it is opened, nor of a rival's
for whoever answers the same occasion; not what a vendor or a person does for itself, whose detail is its own.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Substr
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.enums import FlagState
from audit.enums import State as MonitoringState
from contracts import enums as contract
from marketplace import ledger_labels, lifecycle, localtime
from marketplace.models import LedgerEntry, LedgerPayload, User
from marketplace.money import format_cents
from opportunities.enums import State as OccasionState
from opportunities.enums import UnsuccessfulReason
from opportunities.models import Opportunity
from proposals.enums import RejectionCode
from proposals.enums import State as ProposalState
from proposals.models import Proposal

OCCASION = "occasion:"
OWN = ("vendor:", "person:", "attestation:")
ROLES = {
    "buyer": gettext_lazy("achat"),
    "officer": gettext_lazy("responsable des règles contractuelles"),
    "vendor": gettext_lazy("prestataire"),
    "auditor": gettext_lazy("vérification"),
    "system": gettext_lazy("plateforme"),
}
LABELS = {
    "reason": gettext_lazy("Motif"),
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
    "finding": gettext_lazy("Manquement relevé"),
    "occasion": gettext_lazy("Occasion"),
    "monitoring": gettext_lazy("Vérification"),
    "draw_commitment": gettext_lazy("Engagement du tirage"),
    "method": gettext_lazy("Personne reconnue par"),
    "requested_by": gettext_lazy("Demandée par"),
}
STATES = {
    "opportunity": OccasionState,
    "proposal": ProposalState,
    "contract": contract.State,
    "milestone": contract.MilestoneState,
    "amendment": contract.AmendmentState,
    "payment": contract.PaymentState,
    "monitoring": MonitoringState,
    "redflag": FlagState,
}
_PEOPLE = re.compile(r"person:([0-9a-f-]{36})")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass
class Act:
    """One entry, told. `action` and `subject` are "sealed" when nothing may be told; `details`: [(label, text)]."""

    entry: LedgerEntry
    action: str
    subject: str
    label: str
    actor: str = ""
    role: str = ""
    details: list = field(default_factory=list)
    body: dict | None = None
    kind: str = ""
    what: str = ""
    url: str = ""


def visible():
    """Every entry but those about a notice that is not published: its drafts and reviews are its body's."""
    published = Opportunity.objects.public().filter(number=Substr(OuterRef("subject"), len(OCCASION) + 1))
    return LedgerEntry.objects.filter(~Q(subject__startswith=OCCASION) | Exists(published))


def proposals_told(subjects, user) -> set[str]:
    """Those of these subjects that are opened proposals which this person may read."""
    asked = set()
    for subject in subjects:
        kind, _colon, name = subject.partition(":")
        if kind == "proposal":
            try:
                asked.add(UUID(name))
            except ValueError:
                continue
    if not asked:
        return set()
    found = Proposal.objects.visible_to(user).opened().filter(public_id__in=asked)
    return {f"proposal:{public_id}" for public_id in found.values_list("public_id", flat=True)}


def told(entries, user) -> list[Act]:
    """Each entry with its detail when it may be told; four queries, whatever their number."""
    entries = list(entries)
    found = LedgerPayload.objects.filter(entry__in=[entry.pk for entry in entries]).select_related("actor")
    payloads = {payload.entry_id: payload for payload in found}
    proposals = proposals_told({p.subject for p in payloads.values()}, user)
    for entry in entries:
        payload = payloads.get(entry.pk)
        if payload is None:
            continue
        sealed = entry.action == "sealed" or payload.subject.startswith("proposal:")
        if payload.subject.startswith(OWN) or (sealed and payload.subject not in proposals):
            del payloads[entry.pk]
    people = _people(entries, payloads.values())
    return [_act(entry, payloads.get(entry.pk), people) for entry in entries]


def _people(entries, payloads) -> dict[str, str]:
    """{person's public id: name} of everybody that these entries name."""
    ids = {m[1] for entry in entries for m in [_PEOPLE.fullmatch(entry.actor)] if m}
    for payload in payloads:
        ids |= set(_PEOPLE.findall(str(payload.body)))
    if not ids:
        return {}
    return {str(public_id): name for public_id, name in User.objects.filter(public_id__in=ids).values_list(
        "public_id", "name"
    )}  # fmt: skip


def _act(entry: LedgerEntry, payload: LedgerPayload | None, people: dict) -> Act:
    sealed = entry.action == "sealed" and payload is None
    action = payload.action if payload else entry.action
    subject = payload.subject if payload else entry.subject
    if sealed:
        return Act(entry, "sealed", "sealed", _("Geste scellé"))
    actor = payload.body.get("actor", entry.actor) if payload else entry.actor
    return Act(
        entry, action, subject, words(action), actor=_name(actor, people), role=role(action, actor),
        details=described(action, payload.body, people) if payload else [], body=payload.body if payload else None,
        kind=kind_of(action),
    )  # fmt: skip


def words(action: str) -> str:
    """The act in words; what was refused says so."""
    if action.endswith(".refused"):
        return _("Refusé : %s") % (words(action.removesuffix(".refused")) or action)
    return ledger_labels.label(action) or action


def _name(actor: str, people: dict) -> str:
    if actor == "system":
        return _("La plateforme")
    match = _PEOPLE.fullmatch(actor)
    return people.get(match[1], _("Personne inconnue")) if match else actor


def role(action: str, actor: str) -> str:
    """In which role the act is done, as the lifecycle says; empty where it does not."""
    model, _dot, name = action.partition(".")
    move = next((move for move in lifecycle.WORKFLOW.get(model, []) if move.name == name), None)
    if move is None or actor == "system":
        return ""
    return _(" ou ").join(str(ROLES.get(one, one)) for one in move.roles)


KINDS = {
    "avis": (gettext_lazy("Avis"), ("opportunity.",)),
    "propositions": (gettext_lazy("Propositions"), ("proposal.", "opening.", "draw")),
    "attribution": (gettext_lazy("Attribution"), ("award.",)),
    "contrat": (gettext_lazy("Contrat"), ("contract.", "passport.", "reuse.", "duty.", "performance.")),
    "jalons": (gettext_lazy("Jalons"), ("milestone.",)),
    "avenants": (gettext_lazy("Avenants"), ("amendment.",)),
    "argent": (gettext_lazy("Factures et paiements"), ("invoice.", "payment.")),
    "verification": (gettext_lazy("Vérification"), ("monitoring.", "redflag.", "sample.")),
    "lectures": (gettext_lazy("Lectures"), ("read.",)),
}
_AWARDING = ("recommend", "confirm_award", "reject_recommendation", "reverse_award", "conclude_without_award")
_AWARDING += ("request_reversal", "withdraw_reversal")


def kind_of(action: str) -> str:
    if action.startswith("opportunity.") and action.removesuffix(".refused").partition(".")[2] in _AWARDING:
        return "attribution"
    return next((kind for kind, (_label, starts) in KINDS.items() if action.startswith(starts)), "")


# --- Details in words ------------------------------------------------------------------------------------------------
def described(action: str, body: dict, people: dict) -> list[tuple[str, str]]:
    """[(label, text)] of a payload, its own order kept; what its entry already says is left out."""
    states = dict(STATES[kind].choices) if (kind := action.partition(".")[0]) in STATES else {}
    told = []
    for key, value in body.items():
        if key in {"action", "actor", "subject"} or value in ("", None):
            continue
        text = str(states.get(value, value)) if key in {"before", "after"} else _text(key, value, people)
        told.append((str(LABELS.get(key, key)), text))
    return told


def _text(key: str, value, people: dict) -> str:
    if isinstance(value, bool):
        return _("oui") if value else _("non")
    if isinstance(value, int) and key.endswith("_cents"):
        return format_cents(value, exact=True)
    if isinstance(value, list):
        return ", ".join(_text("", one, people) for one in value) or _("aucun")
    if isinstance(value, dict):
        return ", ".join(f"{name} : {_text('', one, people)}" for name, one in value.items())
    text = str(value)
    if key == "code":
        return str(dict(RejectionCode.choices).get(text) or dict(UnsuccessfulReason.choices).get(text) or text)
    if _INSTANT.match(text):
        try:
            when = datetime.fromisoformat(text)
            return localtime.moment(when) if when.tzinfo else text
        except ValueError:
            return text
    return _PEOPLE.sub(lambda match: people.get(match[1], match[0]), text)
