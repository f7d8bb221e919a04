"""What changes a contract or ends it, on its page: amendments, publications, the evaluation, and who can do what."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from contracts import rules
from contracts.amendments import actions
from contracts.end import actions as end_actions
from contracts.enums import State
from contracts.models import Amendment, Contract, Performance
from contracts.publication import actions as publication_actions
from marketplace.accounts.person import Visitor
from marketplace.dates.localtime import local

TONES = {"proposed": "warn", "approved": "warn", "in_force": "ok", "refused": "bad", "withdrawn": "neutral"}


def section(contract: Contract, user: Visitor, at: datetime) -> dict[str, Any]:
    """_changes.html: amendments, publications, evaluation, and what this person can do.

    The public reads amendments in force and publications made; the parties and auditors read the rest.
    """
    entitled = rules.reads_all(contract, user)
    inside = entitled and user.is_authenticated and (rules.works_there(contract, user) or user.is_auditor)
    amendments = [row for row in contract.amendments.all() if entitled or row.state == "in_force"]
    duties = list(contract.duties.all())
    performance = Performance.objects.filter(contract=contract).select_related("by", "reply_by").first()
    return {
        "amendments": [_shown(row) for row in amendments],
        "amended_percent": percent(contract.amended_cents, contract.amount_cents),
        "over": publication_actions.over_threshold(contract.amount_cents, contract.amended_cents),
        "published": [duty for duty in duties if duty.done_on],
        "to_publish": [duty for duty in duties if not duty.done_on] if inside else [],
        "today": local(at).date(),
        "performance": performance if entitled else None,
        "can_reply": performance is not None and end_actions.can_reply(performance, user, at=at),
        "acts": _acts(contract, user, amendments, performance),
        "entitled": entitled,
    }


def percent(part: int, whole: int) -> Decimal:
    """One decimal, cut towards zero: « plus de 10 % » is never shown where the law does not see it."""
    return Decimal(part * 1000 // whole if part >= 0 else -(-part * 1000 // whole)) / 10


def _shown(amendment: Amendment) -> dict[str, Any]:
    return {"row": amendment, "badge": badge(amendment), "url": page_of(amendment)}


def badge(amendment: Amendment) -> dict[str, Any]:
    return {"label": amendment.get_state_display(), "tone": TONES[amendment.state]}


def page_of(amendment: Amendment) -> str:
    return reverse("contracts:amendment", args=[amendment.contract.number, amendment.number])


def _acts(
    contract: Contract, user: Visitor, amendments: list[Amendment], performance: Performance | None
) -> list[dict[str, Any]]:
    """The buttons, shown only to those who can."""
    pending = any(row.state in actions.PENDING for row in amendments)
    active = contract.state == State.ACTIVE and not pending
    prepares = rules.can_prepare(contract, user)
    evaluates = prepares and performance is None and contract.state in end_actions.ENDED
    entries = [
        ("amend", _("Proposer un avenant"), active and prepares, False),
        ("complete", _("Terminer le contrat"), active and contract.can("complete", user), False),
        ("terminate", _("Résilier le contrat"), active and contract.can("terminate", user), True),
        ("evaluate", _("Évaluer le rendement"), evaluates, False),
    ]
    return [
        {"url": reverse(f"contracts:{name}", args=[contract.number]), "label": label, "danger": danger}
        for name, label, shown, danger in entries
        if shown
    ]
