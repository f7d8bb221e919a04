"""A contract's history, told from the ledger: what happened, when, why; never who."""

from collections.abc import Callable
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from contracts.enums import State
from contracts.models import Contract, Milestone
from marketplace.dates import localtime
from marketplace.ledger.entries import LedgerPayload
from marketplace.money import format_cents

Told = tuple[str, str]  # (label, detail)
Teller = Callable[[dict[str, Any]], Told]  # from what the ledger keeps of an act
MOST_AMENDMENTS = 30  # far over what a contract under the ceiling can know


def events(contract: Contract, milestones: list[Milestone], *, party: bool) -> list[dict[str, Any]]:
    """{label, at, detail, done} for components/timeline.html; `party`: what precedes the conclusion is told too.

    One query. `milestones`: those of the contract, already read.
    """
    amended = [f"amendment:{contract.number}-A{rank}" for rank in range(1, MOST_AMENDMENTS + 1)]
    mine = [contract.ledger_subject(), *(milestone.ledger_subject() for milestone in milestones)]
    happened: list[dict[str, Any]] = []
    payloads = LedgerPayload.objects.filter(Q(subject__in=mine) | Q(subject__in=amended, action="amendment.accept"))
    for payload in payloads.select_related("entry").order_by("entry__seq"):
        tell = (_PARTIES.get(payload.action) if party else None) or _PUBLIC.get(payload.action)
        if tell:
            label, detail = tell(payload.body)
            happened.append({"label": label, "at": payload.entry.at, "detail": detail, "done": True})
    return happened + _to_come(contract, milestones)


def _to_come(contract: Contract, milestones: list[Milestone]) -> list[dict[str, Any]]:
    if contract.state != State.ACTIVE:
        return []
    waited = next((row for row in milestones if row.state == "planned"), None)
    steps: list[dict[str, Any]] = []
    if waited is not None:
        label = _("Livraison prévue du jalon %d") % waited.position
        steps.append({"label": label, "at": localtime.day(waited.due_date)})
    steps.append({"label": _("Fin prévue"), "at": localtime.day(contract.end_date)})
    return [step | {"done": False} for step in steps]


def _milestone(label: str) -> Teller:
    return lambda body: (label % body.get("milestone", ""), "")


def _reason(label: str) -> Teller:
    return lambda body: (label, body.get("reason", ""))


def unverified(body: dict[str, Any]) -> str:
    """Why an act went on with an attestation that nobody had verified; empty when there was no such thing."""
    if "unverified_reason" not in body:
        return ""
    told = {"number": body.get("attestation", ""), "reason": body["unverified_reason"]}
    return _("L’attestation n° %(number)s n’était pas notée comme vérifiée. Motif : %(reason)s") % told


def _completed(body: dict[str, Any]) -> Told:
    return _("Terminé"), _("Total payé, avant taxes : %s") % format_cents(body.get("final_cents") or 0)


def _amended(body: dict[str, Any]) -> Told:
    delta = body.get("delta_cents") or 0
    sign = "+" if delta > 0 else ""
    return _("Avenant en vigueur : %s") % f"{sign}{format_cents(delta)}", body.get("reason", "")


_PUBLIC: dict[str, Teller] = {
    "contract.sign_as_vendor": lambda body: (_("Signé par le prestataire"), ""),
    "contract.sign": lambda body: (_("Conclu : signé par l’organisme"), ""),
    "contract.complete": _completed,
    "contract.terminate": lambda body: (_("Résilié"), body.get("reason", "")),
    "milestone.deliver": lambda body: _milestone(_("Jalon %s livré"))(body),
    "milestone.accept": lambda body: _milestone(_("Jalon %s accepté"))(body),
    "milestone.invoice": lambda body: _milestone(_("Jalon %s facturé"))(body),
    "milestone.pay": lambda body: _milestone(_("Jalon %s payé"))(body),
    "milestone.unpay": lambda body: _milestone(_("Paiement du jalon %s annulé"))(body),
    "amendment.accept": _amended,
}
# What only the parties and auditors read, or read more of.
_PARTIES: dict[str, Teller] = {
    "contract.create": lambda body: (_("Préparation commencée"), ""),
    "contract.sign": lambda body: (_("Conclu : signé par l’organisme"), unverified(body)),
    "contract.offer": lambda body: (_("Envoyé à la signature du prestataire"), ""),
    "contract.refuse_terms": lambda body: _reason(_("Changements demandés par le prestataire"))(body),
    "contract.withdraw_offer": lambda body: _reason(_("Repris par l’organisme"))(body),
    "milestone.send_back": lambda body: (_("Jalon %s retourné") % body.get("milestone", ""), body.get("reason", "")),
}
