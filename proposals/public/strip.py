"""« Où en est-elle? »: the eight steps of an occasion, from its notice to the last payment, each with its date.

Solid is written in the ledger, dashed is not yet: nobody can take a plan for a fact.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from marketplace.dates import localtime
from opportunities.enums import State
from opportunities.models import Opportunity

PUBLISHED, QUESTIONS, CLOSING, OPENING, EVALUATION, AWARD, CONTRACT, PAID = range(8)


@dataclass(frozen=True)
class Step:
    """state: "done", "now", "next", or "ended" (the occasion goes no further); when: what its date is, or ""."""

    label: str
    when: str
    state: str


def steps(opportunity: Opportunity, at: datetime, *, signed: bool = False, paid: bool = False) -> list[Step]:
    """The steps as of `at`; signed, paid: what its contract became, which this app does not know.

    What was cancelled or left without an award stops where it stopped, and says so.
    """
    here = PAID + 1 if paid else PAID if signed else _here(opportunity, at)
    labels = [
        _("Publiée"), _("Questions"), _("Fermeture"), _("Ouverture"), _("Évaluation"), _("Attribution"), _("Contrat"),
        _("Payé"),
    ]  # fmt: skip
    told = [
        Step(label, when, "done" if rank < here else "now" if rank == here else "next")
        for rank, (label, when) in enumerate(zip(labels, _dates(opportunity, here), strict=True))
    ]
    if opportunity.state in {State.CANCELLED, State.UNSUCCESSFUL}:
        return [*told[:here], Step(str(opportunity.get_state_display()), "", "ended")]
    return told


def _here(opportunity: Opportunity, at: datetime) -> int:
    """The rank of the step that is under way."""
    state = State(opportunity.state)
    opened = hasattr(opportunity, "opening")
    if state in {State.DRAFT, State.IN_REVIEW}:
        return PUBLISHED
    if state in {State.CANCELLED, State.UNSUCCESSFUL} and opened:
        return EVALUATION
    if state in {State.PUBLISHED, State.SUSPENDED, State.CANCELLED, State.UNSUCCESSFUL}:
        if opportunity.published_at is None:
            return PUBLISHED
        if opportunity.closes_at is not None and at >= opportunity.closes_at:
            return OPENING
        asked = opportunity.questions_close_at
        return QUESTIONS if asked is not None and at < asked else CLOSING
    return {State.EVALUATION: EVALUATION, State.RECOMMENDED: AWARD}.get(state, CONTRACT)


def _dates(opportunity: Opportunity, here: int) -> list[str]:
    """One for each step: what was, or what is planned."""

    def instant(value: datetime | None) -> str:
        return localtime.short(value) if value else ""

    published, questions = opportunity.published_at, opportunity.questions_close_at
    opened = opportunity.opening.opened_at if hasattr(opportunity, "opening") else opportunity.closes_at
    awarded, start, end = opportunity.assignment_date, opportunity.start_date, opportunity.completion_date
    planned = here <= AWARD and awarded is not None
    return [
        localtime.short_day(published) if published else "",
        _("jusqu’au %(when)s") % {"when": localtime.short(questions)} if questions else "",
        instant(opportunity.closes_at),
        instant(opened),
        "",
        _("prévue le %(when)s") % {"when": localtime.short_day(awarded)} if planned and awarded else "",
        _("début le %(when)s") % {"when": localtime.short_day(start)} if start else "",
        _("fin le %(when)s") % {"when": localtime.short_day(end)} if end else "",
    ]
