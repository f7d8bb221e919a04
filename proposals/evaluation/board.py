"""The evaluation of one occasion as its table shows it: rows, ranks, and which prices may be seen.

A price is not shown before prices are unveiled, except where the price alone decides; the price of a proposal that is
rejected or below the minimum is never shown in the other modes (RCTI: its envelope would go back unopened).
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from marketplace.models import User
from opportunities.enums import AwardMode
from opportunities.models import Criterion, Opportunity
from proposals.award import ranks
from proposals.enums import NoteReexaminationState, State
from proposals.evaluation import effect
from proposals.evaluation.ranking import Ranked
from proposals.models import NoteReexamination, Proposal, Recommendation, Score

MANY_CRITERIA, LONG_LABEL = 5, 24  # beyond, the table's headers are C1, C2… with a legend


@dataclass(frozen=True)
class Row:
    """One proposal in the table. `scores`: Score or None by criterion; amounts in cents, None when not to be shown."""

    proposal: Proposal
    label: str
    tone: str
    rank: int | None = None
    drawn: bool = False
    chosen: bool = False
    scores: list[tuple[Criterion, Score | None]] = field(default_factory=list)
    final: Decimal | None = None
    price_cents: int | None = None
    adjusted_cents: int | None = None


@dataclass(frozen=True)
class Board:
    """The evaluation of one occasion as it stands."""

    opportunity: Opportunity
    criteria: list[Criterion]
    rows: list[Row]
    lines: list[ranks.Line]
    recommendations: list[Recommendation]
    reexaminations: list[NoteReexamination] = field(default_factory=list)

    def with_state(self, *states: State) -> list[Proposal]:
        return [row.proposal for row in self.rows if row.proposal.state in states]

    @property
    def to_examine(self) -> list[Proposal]:
        return self.with_state(State.OPENED)

    @property
    def to_score(self) -> list[Proposal]:
        return self.with_state(State.ADMISSIBLE)

    @property
    def prices_hidden(self) -> bool:
        """Whether prices exist and still wait for their unveiling."""
        return self.opportunity.prices_wait

    @property
    def ready_to_unveil(self) -> bool:
        """Every admissible proposal is scored, and only the unveiling is awaited."""
        waiting = self.to_examine or self.to_score
        return self.prices_hidden and not waiting and bool(self.with_state(State.SCORED))

    @property
    def reexamination_pending(self) -> bool:
        return any(row.state == NoteReexaminationState.PENDING for row in self.reexaminations)

    @property
    def reexamined(self) -> list[NoteReexamination]:
        """Those that changed notes, or were asked and refused: what whoever decides must know."""
        return [row for row in self.reexaminations if row.state != NoteReexaminationState.WITHDRAWN]

    @property
    def shows_adjusted(self) -> bool:
        return self.opportunity.award_mode == AwardMode.ADJUSTED_PRICE

    @property
    def drawn(self) -> bool:
        return any(row.drawn for row in self.rows)

    @property
    def abbreviated(self) -> bool:
        return len(self.criteria) > MANY_CRITERIA or any(len(c.label) > LONG_LABEL for c in self.criteria)

    @property
    def eligible(self) -> list[ranks.Line]:
        return [line for line in self.lines if line.ranked.rank is not None]

    @property
    def pending(self) -> Recommendation | None:
        return next((each for each in self.recommendations if each.accepted is None), None)

    @property
    def sent_back(self) -> Recommendation | None:
        """The last recommendation, when an officer sent it back."""
        last = self.recommendations[0] if self.recommendations else None
        return last if last and last.accepted is False and last.decided_by_id else None


def board(opportunity: Opportunity, user: User, *, at: datetime) -> Board:
    """Everything the table shows, in a number of queries that does not depend on how many proposals there are."""
    proposals = list(
        Proposal.objects.visible_to(user, at=at)
        .opened()
        .filter(opportunity=opportunity)
        .select_related("vendor", "opened__submission")
        .defer("draft", "opened__content", "opened__data_key")
        .prefetch_related("scores__by")
        .order_by("opened__submission__received_at", "pk")
    )
    criteria = criteria_of(opportunity)
    recommendations = list(
        opportunity.recommendations.select_related("proposal__vendor", "by", "decided_by").order_by("-pk")
    )
    lines = ranks.lines(opportunity) if proposals else []
    pending = next((each for each in recommendations if each.accepted is None), None)
    frozen = opportunity.notes_frozen_at is not None
    # What was read is not hidden again while one more waits for its notes: prices and minima stay, without a rank.
    known = lines or (ranks.lines(opportunity, partial=True) if proposals and frozen else [])
    ranked = {line.proposal.pk: line.ranked for line in known}
    rows = [_row(opportunity, p, ranked.get(p.pk), criteria, pending, placed=bool(lines)) for p in proposals]
    places = {line.proposal.pk: place for place, line in enumerate(lines)}
    rows.sort(key=lambda row: (row.proposal.state == State.REJECTED, places.get(row.proposal.pk, 0)))
    reexaminations = list(NoteReexamination.objects.of(opportunity)) if frozen else []
    mine = {proposal.pk: proposal for proposal in proposals}
    reexaminations = [row for row in reexaminations if row.proposal_id in mine]  # no more than the table shows
    names = {str(proposal.public_id): str(proposal.vendor) for proposal in proposals}
    for row in reexaminations:
        row.proposal = mine[row.proposal_id]
        row.proposal.opportunity = opportunity
        row.told = effect.told(row.effect, str(row.proposal.vendor), names)
    return Board(opportunity, criteria, rows, lines, recommendations, reexaminations)


def criteria_of(opportunity: Opportunity) -> list[Criterion]:
    """The grid, each line with its `code` (C1…) and `floor`: under that score `ranking.eligible` says no; or None."""
    default = opportunity.default_minimum
    criteria = list(opportunity.criteria.all())
    for position, criterion in enumerate(criteria, 1):
        criterion.code = f"C{position}"
        criterion.floor = default if criterion.minimum is None else criterion.minimum
    return criteria


def _row(
    opportunity: Opportunity,
    proposal: Proposal,
    ranked: Ranked | None,
    criteria: list[Criterion],
    pending: Recommendation | None,
    *,
    placed: bool,
) -> Row:
    """placed: whether ranks are final enough to be shown."""
    scored = proposal.state in ranks.RANKED_STATES
    scores = {score.criterion_id: score for score in proposal.scores.all()} if scored else {}
    rank = ranked.rank if ranked else None
    if opportunity.award_mode == AwardMode.PRICE:
        price = proposal.opened.price_cents
    else:
        price = ranked.entry.price_cents if ranked and rank is not None else None
    recommended = pending is not None and pending.proposal_id == proposal.pk
    label, tone = _status(proposal, ranked, recommended)
    weights = {criterion.pk: criterion.weight for criterion in criteria}
    final = None
    if scores and criteria:
        # Exact: two decimals times whole weights. The rank is computed in fractions by ranking.py.
        final = sum((scores[key].value * weight for key, weight in weights.items()), Decimal(0)) / 100
    return Row(
        proposal,
        label,
        tone,
        rank=rank if placed else None,
        drawn=bool(placed and ranked and ranked.drawn),
        chosen=recommended
        or proposal.state == State.AWARDED
        or (placed and rank == 1 and opportunity.state == "evaluation"),
        scores=[(criterion, scores.get(criterion.pk)) for criterion in criteria],
        final=final,
        price_cents=price,
        adjusted_cents=ranked.adjusted_rounded if ranked and rank is not None else None,
    )


def _status(proposal: Proposal, ranked: Ranked | None, recommended: bool) -> tuple[str, str]:
    """The label and tone of the last column."""
    if recommended:
        return _("Recommandée"), "ok"
    if proposal.state == State.OPENED and not proposal.opened.readable:
        return _("Intégrité non constatée"), "bad"
    if proposal.state == State.REJECTED:
        return _("Rejetée"), "bad"
    if ranked is not None and ranked.rank is None:
        return _("Sous le minimum"), "warn"
    return {
        State.OPENED: (_("À examiner"), "info"),
        State.ADMISSIBLE: (_("À noter"), "info"),
        State.SCORED: (_("Admissible"), "info"),
        State.AWARDED: (_("Retenue"), "ok"),
        State.NOT_AWARDED: (_("Non retenue"), "neutral"),
    }[State(proposal.state)]
