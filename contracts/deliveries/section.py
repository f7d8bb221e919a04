"""The milestones on the contract's page; where each stands, in words, as other lists of them say it too."""

from datetime import date, datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contracts import rules
from contracts.deliveries import actions
from contracts.enums import State
from contracts.models import Contract, Milestone
from marketplace.accounts.person import Visitor
from marketplace.dates.calendar import business_days_between
from marketplace.dates.localtime import local
from marketplace.lifecycle import known

TONES = {"planned": "neutral", "delivered": "info", "accepted": "ok", "invoiced": "info", "paid": "ok"}


def page_of(milestone: Milestone) -> str:
    return reverse("contracts:milestone", args=[milestone.contract.number, milestone.position])


# --- Late or not -----------------------------------------------------------------------------------------------------
def standing(milestone: Milestone, today: date | None) -> dict[str, Any]:
    """{label, tone, late}: its state in words, and how late the party whose turn it is, in words (or "").

    `today`: None where nobody is late any more, since the contract ended.
    """
    label, tone, late = milestone.state_label, TONES[milestone.state], ""
    if milestone.state == "planned" and milestone.cure_by and not milestone.is_lost:
        label, tone = _("Retourné, à corriger"), "warn"
    if today is None:
        return {"label": label, "tone": tone, "late": late}
    if milestone.state == "planned":
        late = lateness((today - (milestone.cure_by or milestone.due_date)).days)
    elif milestone.state == "delivered":
        waited = business_days_between(local(known(milestone.delivered_at)).date(), today)
        if waited >= actions.ANSWER_BUSINESS_DAYS:
            late = ngettext("Sans réponse depuis %d jour ouvrable", "Sans réponse depuis %d jours ouvrables", waited)
            late %= waited
    return {"label": label, "tone": tone, "late": late}


def lateness(days: int) -> str:
    """« En retard de 3 jours »; an empty text when it is not."""
    return ngettext("En retard de %d jour", "En retard de %d jours", days) % days if days > 0 else ""


# --- On the contract's page ------------------------------------------------------------------------------------------
def section(contract: Contract, user: Visitor, at: datetime) -> dict[str, Any]:
    """Context of templates/contracts/_milestones.html. Everybody reads the plan; links are for those who read all."""
    prefetch_related_objects([contract], "milestones__criteria")
    today = local(at).date()
    active = contract.state == State.ACTIVE
    delivers, examines = active and rules.binds_vendor(contract, user), active and rules.is_buyer(contract, user)
    reads = rules.reads_all(contract, user) and contract.is_public()
    rows = []
    for milestone in contract.milestones.all():
        row: dict[str, Any] = {
            "milestone": milestone,
            "criteria": milestone.criteria.all(),
            "state": None,
            "url": "",
            "act": "",
        }
        if contract.is_public():
            row["state"] = standing(milestone, today if active else None)
        if reads:
            row["url"] = page_of(milestone)
        if delivers and milestone.state == "planned":
            row["act"], row["act_url"] = _("Livrer"), _to("deliver", milestone)
        elif examines and milestone.state == "delivered":
            row["act"], row["act_url"] = _("Examiner"), page_of(milestone)
        rows.append(row)
    return {"rows": rows, "total_cents": sum(row["milestone"].amount_cents for row in rows)}


def _to(name: str, milestone: Milestone) -> str:
    return reverse(f"contracts:{name}", args=[milestone.contract.number, milestone.position])
