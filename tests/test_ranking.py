"""Ranks, by hand-computed tables and by properties; and the ranking that an award freezes."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.dates import clock
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import draw, ranking
from proposals.evaluation.ranking import Entry, Grid, rank
from proposals.models import Draw
from tests.cast import CLOSES_AT

MODES = ["price", "quality_min_price", "adjusted_price", "quality_fixed"]
WEIGHTS = {1: 40, 2: 35, 3: 25}


def grid(mode, weights=None, minima=None, k=20) -> Grid:
    weights = ({} if mode == "price" else WEIGHTS) if weights is None else weights
    return Grid(mode, weights, minima or {}, k if mode == "adjusted_price" else None)


def entry(name, dollars, *scores) -> Entry:
    return Entry(name, round(dollars * 100), {n: Fraction(str(s)) for n, s in enumerate(scores, 1)}, f"digest-{name}")


def order(rows) -> list:
    return [(row.entry.id, row.rank) for row in rows]


# --- Adjusted price: Secrétariat du Conseil du trésor's formula ------------------------------------------------------
@pytest.mark.parametrize(
    ("dollars", "score", "k", "cents"),
    [
        (50_000, "85", 20, 45_454_55),  # 50 000 / (1 + 0,20 × 15 / 30) = 45 454,545…
        (50_000, "70", 20, 50_000_00),  # the acceptable level changes nothing
        (50_000, "100", 20, 41_666_67),
        (50_000, "100", 30, 38_461_54),
        (50_000, "100", 15, 43_478_26),
        (60_000, "77.5", 30, 55_813_95),
        (48_173.29, "91.25", 25, 40_925_98),
        (0.01, "100", 15, 1),
        (89_999.99, "70.01", 30, 89_990_99),
    ],
)
def test_adjusted_price(dollars, score, k, cents):
    exact = ranking.adjusted_price(round(dollars * 100), Fraction(score), k)
    (row,) = rank(Grid("adjusted_price", {1: 100}, {}, k), [entry("a", dollars, score)])
    assert row.adjusted_cents == exact and row.adjusted_rounded == cents


def test_a_better_score_may_beat_a_lower_price():
    rows = rank(grid("adjusted_price"), [entry("cheap", 48_000, 70, 70, 70), entry("good", 50_000, 85, 85, 85)])
    assert order(rows) == [("good", 1), ("cheap", 2)]
    assert rows[1].adjusted_rounded == 48_000_00


def test_adjusted_prices_are_compared_exactly():
    """A hundredth of a cent apart: rounding is for display, never for the rank."""
    rows = rank(grid("adjusted_price"), [entry("b", 50_000, 85, 85, 85), entry("a", 50_000, "85", "85", "85.01")])
    assert order(rows) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("scores", "eligible"), [((70, 70, 70), True), (("69.99", 70, 70), False), ((40, 90, 90), True)]
)
def test_adjusted_price_asks_seventy_overall(scores, eligible):
    """(40 × 40 + 90 × 35 + 90 × 25) / 100 = 70 exactly: eligible, though one criterion is low."""
    (row,) = rank(grid("adjusted_price"), [entry("a", 50_000, *scores)])
    assert (row.rank, row.adjusted_cents is not None) == ((1, True) if eligible else (None, False))
    assert row.final == ranking.final_score(grid("adjusted_price"), row.entry)


# --- The other modes -------------------------------------------------------------------------------------------------
def test_price_only():
    rows = rank(grid("price"), [entry("b", 50_000.01), entry("a", 50_000), entry("c", 60_000)])
    assert order(rows) == [("a", 1), ("b", 2), ("c", 3)]
    assert {row.final for row in rows} == {None}


@pytest.mark.parametrize(("score", "rank_"), [("69.99", None), ("70", 1), ("70.01", 1)])
def test_minimum_quality_asks_seventy_of_each_criterion(score, rank_):
    rows = rank(grid("quality_min_price"), [entry("a", 40_000, score, 100, 100), entry("b", 60_000, 70, 70, 70)])
    assert dict(order(rows))["a"] == rank_
    assert dict(order(rows))["b"] == (2 if rank_ else 1)


def test_minimum_quality_then_the_lowest_price_wins_whatever_the_score():
    rows = rank(
        grid("quality_min_price"), [entry("best", 50_000, 100, 100, 100), entry("cheap", 49_999.99, 70, 70, 70)]
    )
    assert order(rows) == [("cheap", 1), ("best", 2)]


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize(("score", "kept"), [("79.99", False), ("80", True)])
def test_a_criterion_with_its_own_minimum(mode, score, kept):
    (row,) = rank(grid(mode, minima={2: 80}), [entry("a", 50_000, 90, score, 90)])
    assert (row.rank == 1) == kept


def test_a_lower_announced_minimum_replaces_seventy():
    (row,) = rank(grid("quality_min_price", minima={1: 50}), [entry("a", 50_000, 50, 70, 70)])
    assert row.rank == 1


def test_quality_at_a_fixed_price():
    rows = rank(grid("quality_fixed"), [entry("a", 64_000, 80, 80, 80), entry("b", 64_000, 90, 80, "79.99")])
    assert order(rows) == [("b", 1), ("a", 2)]
    assert rows[0].final == Fraction("83.9975")


def test_nobody_is_eligible():
    rows = rank(grid("quality_min_price"), [entry("a", 1, 0, 0, 0), entry("b", 1, 69, 100, 100)])
    assert [row.rank for row in rows] == [None, None]
    assert rank(grid("price"), []) == []


# --- Ties ------------------------------------------------------------------------------------------------------------
def test_a_tie_goes_to_the_heaviest_criterion():
    rows = rank(
        grid("quality_min_price"), [entry("a", 50_000, 80, 100, 100), entry("b", 50_000, 81, 70, 70)], draw=boom
    )
    assert order(rows) == [("b", 1), ("a", 2)] and not any(row.drawn for row in rows)


def boom(tied):
    raise AssertionError("nothing to draw")


def test_two_heaviest_criteria_do_not_break_a_tie():
    even = {1: 40, 2: 40, 3: 20}
    rows = [entry("a", 50_000, 90, 70, 70), entry("b", 50_000, 80, 90, 90)]
    assert order(rank(grid("quality_min_price", even), rows)) == [("a", 1), ("b", 1)]
    drawn = rank(grid("quality_min_price", even), rows, draw=lambda tied: sorted(tied, reverse=True))
    assert order(drawn) == [("b", 1), ("a", 2)] and all(row.drawn for row in drawn)


def test_a_tie_shares_a_rank_and_the_next_one_skips():
    rows = [entry("a", 50), entry("b", 50), entry("c", 60), entry("d", 40)]
    assert order(rank(grid("price"), rows)) == [("d", 1), ("a", 2), ("b", 2), ("c", 4)]


def test_a_draw_ranks_only_the_tied():
    rows = [entry("a", 50), entry("b", 50), entry("c", 50), entry("d", 40), entry("e", 60)]
    ranked = rank(grid("price"), rows, draw=lambda tied: sorted(tied, reverse=True))
    assert order(ranked) == [("d", 1), ("c", 2), ("b", 3), ("a", 4), ("e", 5)]
    assert [row.entry.id for row in ranked if row.drawn] == ["c", "b", "a"]


scores = st.integers(60, 100).map(lambda n: Fraction(n))
entries = st.lists(
    st.tuples(st.integers(1, 6), scores, scores, scores), min_size=1, max_size=7
).map(lambda rows: [
    Entry(f"e{n}", price * 10_000_00, {1: a, 2: b, 3: c}, f"digest{n}") for n, (price, a, b, c) in enumerate(rows)
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(mode=st.sampled_from(MODES), rows=entries, data=st.data(), even=st.booleans())
def test_the_order_of_arrival_changes_nothing(mode, rows, data, even):
    weights = {} if mode == "price" else {1: 40, 2: 40, 3: 20} if even else WEIGHTS
    shuffled = data.draw(st.permutations(rows))
    everyone = [row.digest for row in rows]

    def drawing(tied):
        return draw.order(b"secret", everyone, tied)

    one, other = (rank(grid(mode, weights), given, draw=drawing) for given in (rows, shuffled))
    assert one == other
    assert order(rank(grid(mode, weights), rows)) == order(rank(grid(mode, weights), shuffled))
    ranks = [row.rank for row in one if row.rank]
    assert ranks == list(range(1, len(ranks) + 1))  # a draw leaves no shared rank
    assert len(one) == len(rows)


@settings(max_examples=100, deadline=None)
@given(mode=st.sampled_from(MODES), rows=entries)
def test_a_lower_price_or_a_better_score_never_ranks_lower(mode, rows):
    first = {row.entry.id: row.rank for row in rank(grid(mode), rows)}
    changed = rows[0]
    better = Entry(
        changed.id, max(1, changed.price_cents - 1), {k: min(v + 1, 100) for k, v in changed.scores.items()}, ""
    )
    second = {row.entry.id: row.rank for row in rank(grid(mode), [better, *rows[1:]])}
    if first[changed.id]:
        assert second[changed.id] and second[changed.id] <= first[changed.id]


# --- What an award freezes -------------------------------------------------------------------------------------------
def test_no_price_is_ranked_before_every_proposal_is_decided(cast):
    opportunity, (first, second) = cast.opened(mode="adjusted_price")
    cast.admit(first)
    cast.score(first)
    assert award_actions.lines(opportunity) == []
    cast.admit(second)
    assert award_actions.lines(opportunity) == []
    cast.score(second)
    assert award_actions.lines(opportunity) == []  # scored, and not unveiled
    cast.unveil(opportunity)
    assert len(award_actions.lines(opportunity)) == 2


@pytest.mark.parametrize("mode", MODES)
def test_the_recommendation_keeps_the_exact_table(cast, mode):
    opportunity, _pair = cast.recommended(mode=mode, prices=(50_000_00, 48_000_00), values=("85", "77.77"))
    lines = award_actions.pending(opportunity).ranking
    assert [line["rank"] for line in lines] == [1, 2]
    by_price = {line["price_cents"]: line for line in lines}
    if mode == "adjusted_price":
        assert by_price[50_000_00]["adjusted_cents"] == 45_454_55
        assert by_price[50_000_00]["rank"] == 1 and by_price[50_000_00]["final"] == "85"
    assert all(set(line["scores"].values()) <= {"85.00", "77.77"} for line in lines)


def test_below_the_minimum_cannot_be_recommended(cast):
    opportunity, (low, good) = cast.unveiled(mode="quality_min_price", values=("69.99", "70"))
    assert [(line.proposal, line.ranked.rank) for line in award_actions.lines(opportunity)] == [(good, 1), (low, None)]
    with clock.set_to(CLOSES_AT), pytest.raises(ValidationError) as refused:
        award_actions.recommend(opportunity, low, by=cast.buyer, justification="Meilleure démarche")
    assert "proposal" in refused.value.message_dict


def test_not_first_needs_a_justification(cast):
    opportunity, (first, second) = cast.scored()
    with clock.set_to(CLOSES_AT):
        for text in ("", "  \n", "x" * 2_001):
            with pytest.raises(ValidationError) as refused:
                award_actions.recommend(opportunity, second, by=cast.buyer, justification=text)
            assert "justification" in refused.value.message_dict
        award_actions.recommend(opportunity, second, by=cast.buyer, justification="x" * 2_000)
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        assert award_actions.confirm(opportunity, by=cast.officer).proposal == second


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        ("0", True),
        ("100", True),
        ("99.99", True),
        ("-0.01", False),
        ("100.01", False),
        ("50.001", False),
        ("NaN", False),
    ],
)
def test_scores_go_from_0_to_100_with_two_decimals(cast, value, fine):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    values = {c.pk: (Decimal(value), "") for c in opportunity.criteria.all()}
    with clock.set_to(CLOSES_AT):
        if fine:
            evaluation_actions.score(first, by=cast.buyer, values=values)
            assert {score.value for score in first.scores.all()} == {Decimal(value)}
        else:
            with pytest.raises(ValidationError):
                evaluation_actions.score(first, by=cast.buyer, values=values)
            assert not first.scores.exists()


def test_a_missing_or_foreign_criterion_is_refused(cast):
    opportunity, (first, _second) = cast.opened()
    foreign = cast.draft(closes_at=CLOSES_AT).criteria.first()
    cast.admit(first)
    mine = list(opportunity.criteria.all())
    with clock.set_to(CLOSES_AT), pytest.raises(ValidationError):
        evaluation_actions.score(
            first, by=cast.buyer, values={mine[0].pk: (Decimal(80), ""), foreign.pk: (Decimal(80), "")}
        )
    assert not first.scores.exists() and not foreign.scores.exists()


def test_rejected_and_unranked_proposals_never_win(cast):
    opportunity, (first, second) = cast.opened()
    with clock.set_to(CLOSES_AT):
        evaluation_actions.reject(first, by=cast.buyer, code="CONF-4", text="Illisible")
    cast.admit(second)
    cast.score(second)
    assert [line.proposal for line in award_actions.lines(opportunity)] == [second]
    with clock.set_to(CLOSES_AT), pytest.raises(ValidationError):
        award_actions.recommend(opportunity, first, by=cast.buyer, justification="Quand même")
    assert not Draw.objects.exists()
