"""The ranks of an occasion's proposals, from what is kept of them; as they stand, or as they would be."""

from dataclasses import dataclass
from fractions import Fraction

from django.db.models import Q

from opportunities.models import Opportunity
from proposals.enums import State
from proposals.evaluation import draw as drawing
from proposals.evaluation import ranking
from proposals.models import Proposal, Score

RANKED_STATES = [State.SCORED, State.AWARDED, State.NOT_AWARDED]


@dataclass(frozen=True)
class Line:
    """One line of the ranking table: the proposal and what was computed for it."""

    proposal: Proposal
    ranked: ranking.Ranked
    scores: dict[int, Score]


@dataclass(frozen=True)
class Instead:
    """One proposal as it would be. scores: by criterion, None when it would not count; waits: not examined or noted."""

    proposal: Proposal
    scores: dict[int, Fraction] | None
    waits: bool


def lines(opportunity: Opportunity, *, instead: Instead | None = None, partial: bool = False) -> list[Line]:
    """Scored proposals, best first. Nothing while one still waits, nor before prices are unveiled where they are scored
    apart: a rank would tell them.

    instead: the same, if a proposal were otherwise. partial: those that are scored, though another one waits: who meets
    the minima is known, ranks are not to be shown.
    """
    if opportunity.prices_wait:
        return []
    other = instead.proposal.pk if instead else 0
    waiting = Proposal.objects.filter(opportunity=opportunity, state__in=[State.OPENED, State.ADMISSIBLE])
    if not partial and (waiting.exclude(pk=other).exists() or (instead and instead.waits)):
        return []
    counting = Q(state__in=RANKED_STATES) & ~Q(pk=other)
    if instead and instead.scores is not None:
        counting |= Q(pk=other)
    rows = (
        Proposal.objects.filter(counting, opportunity=opportunity)
        .select_related("vendor", "opened__submission")
        .prefetch_related("scores")
    )
    by_digest = {row.opened.submission.envelope_sha256: row for row in rows}
    grid = _grid(opportunity)
    entries = [
        ranking.Entry(
            str(row.public_id),
            row.opened.price,
            instead.scores
            if instead and instead.scores is not None and row.pk == other
            else {score.criterion_id: Fraction(score.value) for score in row.scores.all()},
            digest,
        )
        for digest, row in by_digest.items()
    ]
    everyone = list(
        opportunity.opening.proposals.values_list("submission__envelope_sha256", flat=True) if entries else []
    )
    secret = opportunity.draw_secret()
    ranked = ranking.rank(grid, entries, draw=lambda tied: drawing.order(secret, everyone, tied))
    return [
        Line(
            by_digest[item.entry.digest],
            item,
            {score.criterion_id: score for score in by_digest[item.entry.digest].scores.all()},
        )
        for item in ranked
    ]


def _grid(opportunity: Opportunity) -> ranking.Grid:
    criteria = list(opportunity.criteria.all())
    return ranking.Grid(
        opportunity.award_mode,
        {criterion.pk: criterion.weight for criterion in criteria},
        {criterion.pk: criterion.minimum for criterion in criteria},
        opportunity.k_percent,
    )
