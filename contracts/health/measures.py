"""How a contract under way is doing: milestones against the plan, money against the value, what is late, what is next.

On its page for everybody (amounts and dates are public); on the board of a body's contracts, sorted by trouble.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contracts.deliveries.actions import ANSWER_BUSINESS_DAYS
from contracts.enums import State
from contracts.models import Contract, Milestone
from marketplace.accounts.person import Visitor
from marketplace.dates.calendar import business_days_between
from marketplace.dates.localtime import day, local
from marketplace.lifecycle import known

SOON_DAYS = 7
Scale = Callable[[date], int]  # a day, its place on a chart
WIDTH = 1000  # of the charts, in their own units: whole numbers, which no language writes otherwise


@dataclass(frozen=True)
class Bar:
    """A milestone on the chart: where its plan begins and ends, what is late, when it was done; units of WIDTH."""

    plan_x: int
    plan_width: int
    late_x: int = 0
    late_width: int = 0
    done_x: int | None = None


@dataclass(frozen=True)
class Line:
    """A milestone against its plan. `late_days`: how late it is, or was when it was delivered for good; 0 in time."""

    milestone: Milestone
    done_on: date | None
    late_days: int
    late: str
    tone: str
    bar: Bar


@dataclass
class Health:
    """`worst`: days of the worst lateness, by which the board sorts; `troubles`: why, in words."""

    contract: Contract
    lines: list[Line]
    now_x: int | None
    invoiced_cents: int = 0
    paid_cents: int = 0
    last_delivery: date | None = None
    since_delivery: int | None = None
    next_on: date | None = None
    next_what: str = ""
    worst: int = 0
    soon: bool = False
    troubles: list[str] = field(default_factory=list)

    @property
    def badge(self) -> dict[str, str]:
        if self.worst:
            return {"label": _("En difficulté"), "tone": "bad"}
        return {"label": _("À surveiller"), "tone": "warn"} if self.soon else {"label": _("Va bien"), "tone": "ok"}

    @property
    def done(self) -> int:
        """Milestones that are accepted, whatever was invoiced or paid."""
        return sum(line.milestone.state not in {"planned", "delivered"} for line in self.lines)

    @property
    def money(self) -> list[dict[str, Any]]:
        """Spending against the value: {label, cents, percent, width}."""
        value = self.contract.value_cents
        rows = [(_("Facturé"), self.invoiced_cents), (_("Payé"), self.paid_cents)]
        return [
            {
                "label": label,
                "cents": cents,
                "percent": cents * 100 // value,
                "width": min(cents * WIDTH // value, WIDTH),
            }
            for label, cents in rows
        ]


def days_late(count: int) -> str:
    return ngettext("%d jour de retard", "%d jours de retard", count) % count


def of(contract: Contract, *, at: datetime) -> Health:
    """Computed from rows already fetched: contract.milestones with their deliveries, and contract.invoices."""
    prefetch_related_objects([contract], "milestones__deliveries", "invoices")
    # An ended contract stays as it was on its last day.
    today = local(contract.ended_at or at).date()
    milestones = list(contract.milestones.all())
    last = max([contract.end_date, *(row.due_date for row in milestones), *filter(None, map(_done_on, milestones))])
    scale = _scale(contract.start_date, max(last, today if contract.state == State.ACTIVE else last))
    now_x = scale(today) if contract.start_date <= today else None
    health = Health(contract, _lines(contract, milestones, today, scale), now_x)
    _count_money(health, today)
    _find_deliveries(health, milestones, today)
    _find_next(health, today)
    return health


def _done_on(milestone: Milestone) -> date | None:
    """The day of the delivery that stands: accepted, or awaiting its answer."""
    return local(milestone.delivered_at).date() if milestone.delivered_at else None


def _scale(first: date, last: date) -> Scale:
    """A day → its place on the chart, the first at 0 and the last at WIDTH."""
    length = max((last - first).days, 1)
    return lambda on: min(max((on - first).days, 0) * WIDTH // length, WIDTH)


def _lines(contract: Contract, milestones: list[Milestone], today: date, scale: Scale) -> list[Line]:
    lines, begins = [], contract.start_date
    for milestone in milestones:
        due, done = milestone.due_date, _done_on(milestone)
        ended = done or (today if contract.state == State.ACTIVE else due)
        late_days = max((ended - due).days, 0)
        late = days_late(late_days) if late_days else ""
        tone = ("ok" if milestone.state != "delivered" else "info") if done else "bad" if late_days else "neutral"
        bar = Bar(
            plan_x=scale(min(begins, due)),
            plan_width=max(scale(due) - scale(min(begins, due)), 8),
            late_x=scale(due),
            late_width=scale(ended) - scale(due) if late_days else 0,
            done_x=scale(done) if done else None,
        )
        lines.append(Line(milestone, done, late_days, late, tone, bar))
        begins = max(begins, due)
    return lines


def _count_money(health: Health, today: date) -> None:
    for invoice in health.contract.invoices.all():
        if invoice.kind != "interest":
            health.invoiced_cents += invoice.before_cents
            health.paid_cents += invoice.before_cents if invoice.paid_at else 0
        if invoice.paid_at is None and invoice.due_on < today:
            _trouble(health, _("Facture %s à payer") % invoice.number, (today - invoice.due_on).days)


def _find_deliveries(health: Health, milestones: list[Milestone], today: date) -> None:
    days = [local(delivery.at).date() for row in milestones for delivery in row.deliveries.all()]
    if days:
        health.last_delivery = max(days)
        health.since_delivery = (today - health.last_delivery).days
    if health.contract.state != State.ACTIVE:
        return
    for line in health.lines:
        milestone = line.milestone
        if milestone.state == "planned" and line.late_days:
            _trouble(health, _("Jalon « %s » à livrer") % milestone.title, line.late_days)
        elif milestone.state == "delivered":
            waited = business_days_between(known(line.done_on), today)
            if waited > ANSWER_BUSINESS_DAYS:
                _trouble(
                    health, _("Livraison du jalon « %s » sans réponse") % milestone.title, waited - ANSWER_BUSINESS_DAYS
                )
    if health.contract.end_date < today and any(line.milestone.state == "planned" for line in health.lines):
        _trouble(health, _("Fin prévue le %s") % day(health.contract.end_date), (today - health.contract.end_date).days)


def _trouble(health: Health, what: str, days: int) -> None:
    health.worst = max(health.worst, days)
    health.troubles.append(f"{what}, {days_late(days)}")


def _find_next(health: Health, today: date) -> None:
    """What comes next: a milestone to deliver, or an invoice to pay."""
    if health.contract.state != State.ACTIVE:
        return
    dates = [
        (line.milestone.due_date, line.milestone.title) for line in health.lines if line.milestone.state == "planned"
    ]
    unpaid = [invoice for invoice in health.contract.invoices.all() if invoice.paid_at is None]
    dates += [(invoice.due_on, _("Facture %s à payer") % invoice.number) for invoice in unpaid]
    if dates:
        health.next_on, health.next_what = min(dates)
        health.soon = (health.next_on - today).days <= SOON_DAYS


# --- On the contract's page ------------------------------------------------------------------------------------------
def section(contract: Contract, user: Visitor, at: datetime) -> dict[str, Any]:
    """_health.html: a Health under `now`, and what draws it."""
    return {"now": of(contract, at=at), "running": contract.state == State.ACTIVE, "width": WIDTH}
