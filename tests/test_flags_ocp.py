"""The eleven OCP indicators against the examples and results of Cardinal's own documentation, document by document.

Cited: open-contracting/cardinal-rs, docs/cli/indicators/R/NNN.md (« Demonstration » and « Example ») and
docs/examples/R/NNN.jsonl. Where OCP's value is always 1, ours says how much: who is flagged must be the same.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from audit.flags import ocp
from audit.flags.data import Award, Procurement, Proposal, World, decimal, quantile, quartiles

START = datetime(2026, 3, 2, 14, tzinfo=UTC)
AT = START + timedelta(days=300)
F, W, L, V, D = 100, 101, 102, 103, 104  # the tenderers that the examples call by these letters


def row(number, *bids, won=None, body=1, days=20, mode="price", closes_at=None, skills=(), amount=1):
    """bids: (vendor, price in cents or None, valid)."""
    proposals = tuple(Proposal(vendor, price, START, valid) for vendor, price, valid in bids)
    return Procurement(
        number, body, START, closes_at or START + timedelta(days=days), mode=mode, proposals=proposals,
        skills=frozenset(skills), awards=(Award(won, amount, START + timedelta(days=30)),) if won else (),
    )  # fmt: skip


def flagged(measures) -> dict:
    return {(m.number, m.vendor): m.value for m in measures if m.flagged}


def numbers(measures) -> set[str]:
    return {m.number for m in measures if m.flagged}


def world(*rows) -> World:
    return World(tuple(rows))


def two(number, second):
    """The winner at 1, another at `second`: the line of R/024.jsonl and R/058.jsonl."""
    return row(number, (W, 1, True), (L, second, True), won=W)


# --- The demonstrations ----------------------------------------------------------------------------------------------
def test_003_demonstration_one_day_under_fifteen():
    rows = world(row("F", days=1), row("long", days=15))
    assert numbers(ocp.r003(rows, AT, days=15)) == {"F"}


def test_003_counts_whole_days():
    almost = row("F", closes_at=START + timedelta(days=15, seconds=-1))
    assert [m.value for m in ocp.r003(world(almost), AT, days=15)] == [14]


def test_018_demonstration_one_tenderer():
    assert numbers(ocp.r018(world(row("F", (W, None, True)), row("2", (W, None, True), (L, None, True))), AT)) == {"F"}


def test_018_nobody_at_all_is_not_one():
    assert not ocp.r018(world(row("none")), AT)


def test_024_demonstration():
    rows = world(two("F", 2), *(two(str(n), 100) for n in (1, 2, 3, 4)))
    assert {number: value for (number, _v), value in flagged(ocp.r024(rows, AT, least=1)).items()} == {"F": 1}


def test_058_demonstration():
    rows = world(two("F", 100), *(two(str(n), 2) for n in (1, 2, 3, 4)))
    assert {number: value for (number, _v), value in flagged(ocp.r058(rows, AT, least=1)).items()} == {"F": 99}


def test_025_demonstration_one_win_in_six():
    rows = [row("0", (F, None, True), won=F)]
    rows += [row(str(n), (F, None, True), (n, None, True), won=n) for n in range(1, 6)]
    assert {v: value for (_n, v), value in flagged(ocp.r025(world(*rows), AT, least=1, bids=1)).items()} == {
        F: decimal(Fraction(1, 6))
    }


def test_028_demonstration_a_disqualified_bid_counts():
    (measure,) = ocp.r028(world(row("F", (V, 1, True), (D, 1, False))), AT)
    assert measure.flagged and measure.details["ids"] == [V, D]


def test_030_demonstration_received_after_the_deadline():
    closes_at = datetime(2000, 3, 15, tzinfo=UTC)
    late = Proposal(W, None, datetime(2000, 4, 1, tzinfo=UTC))
    given = Procurement("F", 1, closes_at - timedelta(days=20), closes_at, proposals=(late,),
                        awards=(Award(W, 1, closes_at),))  # fmt: skip
    assert numbers(ocp.r030(world(given), AT)) == {"F"}


@pytest.mark.parametrize(("seconds", "late"), [(-1, False), (0, False), (1, True)])
def test_030_the_instant_itself(seconds, late):
    given = row("F", days=20, won=W)
    proposal = Proposal(W, None, given.closes_at + timedelta(seconds=seconds))
    given = Procurement("F", 1, START, given.closes_at, proposals=(proposal,), awards=given.awards)
    assert bool(numbers(ocp.r030(world(given), AT))) is late


def test_035_demonstration():
    assert flagged(ocp.r035(world(row("F", (D, None, False), (V, None, True), won=V)), AT)) == {("F", V): 1}


def test_036_demonstration():
    assert numbers(ocp.r036(world(row("F", (D, 1, False), (V, 2, True), won=V)), AT)) == {"F"}


def test_038_demonstration_per_buyer():
    """docs/examples/R/038.jsonl as the documentation shows it: five buyers, five winners, one bid out at buyer B."""
    rows = [row("0", (1, None, True), (D, None, False), body=66)]
    rows += [row(str(n), (n + 10, None, True), body=n) for n in range(1, 5)]
    measures = ocp.r038(world(*rows), AT, least=1, bids=1)
    assert [(m.details["body"], m.value) for m in measures if m.flagged and m.vendor is None] == [(66, Decimal("0.5"))]


def test_038_the_least_number_of_bids():
    """With OCP's least of two, none of these tenderers is compared: the documented result names the buyer alone."""
    rows = [row("0", (1, None, True), (D, None, False), body=66)]
    rows += [row(str(n), (n + 10, None, True), body=n) for n in range(1, 5)]
    assert set(flagged(ocp.r038(world(*rows), AT, least=1, bids=2))) == {("0", None)}


def test_048_demonstration_two_kinds_against_one():
    rows = [row("F", won=F, skills=("10", "11"))]
    rows += [row(str(n), won=n, skills=("10",)) for n in range(1, 5)]
    assert {v: value for (_n, v), value in flagged(ocp.r048(world(*rows), AT, least=1)).items()} == {F: 2}


# --- The examples in words: quartiles given, fence and verdict -------------------------------------------------------
@pytest.mark.parametrize(
    ("document", "first", "third", "fence"),
    [
        ("024", "0.05", "0.07", "0.02"),
        ("058", "0.05", "0.07", "0.10"),
        ("025", "0.5", "0.75", "0.125"),
        ("038 buyer", "0.02", "0.22", "0.52"),
        ("038 tenderer", "0", "0.24", "0.60"),
        ("048", "1", "4", "8.5"),  # « 9, with rounding »
    ],
)
def test_the_fences_of_the_examples(document, first, third, fence):
    first, third = Fraction(first), Fraction(third)
    low = document[:3] in ("024", "025")
    assert (first - ocp.FENCE * (third - first) if low else third + ocp.FENCE * (third - first)) == Fraction(fence)


def between(first: str, third: str, count: int) -> list[int]:
    """Second prices, against a winner at 10 000: as many at the first quartile as at the third."""
    return [10_000 + int(Fraction(share) * 10_000) for share in (first, third) for _ in range(count)]


@pytest.mark.parametrize(
    ("formula", "second", "verdict"),
    [
        (ocp.r024, 10_100, True),  # CollusionCorp, 1 %, under 2 %
        (ocp.r024, 10_300, False),
        (ocp.r058, 11_500, True),  # Lemon Industries, 15 %, over 10 %
        (ocp.r058, 10_900, False),
    ],
)
def test_024_and_058_examples(formula, second, verdict):
    peers = [row(f"p{n}", (W, 10_000, True), (L, price, True), won=W)
             for n, price in enumerate(between("0.05", "0.07", 20))]  # fmt: skip
    given = row("F", (W, 10_000, True), (L, second, True), won=W)
    assert ("F" in numbers(formula(world(*peers, given), AT))) is verdict


# --- The exclusions that the documents list --------------------------------------------------------------------------
def test_024_excludes_a_winner_that_was_not_the_lowest():
    assert not ocp.r024(world(row("F", (W, 5, True), (L, 2, True), won=W)), AT, least=1)


def test_024_and_028_exclude_prices_set_by_the_buyer():
    given = row("F", (W, 5, True), (L, 5, True), won=W, mode="quality_fixed")
    assert not ocp.r024(world(given), AT, least=1) and not ocp.r028(world(given), AT)


def test_025_035_036_want_a_final_award():
    given = row("F", (D, 1, False), (V, 2, True))
    assert not ocp.r025(world(given), AT, least=1, bids=1) + ocp.r035(world(given), AT) + ocp.r036(world(given), AT)


def test_035_two_valid_bids_are_competition():
    assert not numbers(ocp.r035(world(row("F", (D, 1, False), (V, 2, True), (W, 3, True), won=V)), AT))


@pytest.mark.parametrize("mode", ["adjusted_price", "quality_min_price", "quality_fixed"])
def test_036_price_only(mode):
    assert not ocp.r036(world(row("F", (D, 1, False), (V, 2, True), won=V, mode=mode)), AT)


def test_036_another_rank_is_not_the_lowest():
    (measure,) = ocp.r036(world(row("F", (V, 1, True), (D, 2, False), won=V)), AT)
    assert not measure.flagged and measure.value == 2


def test_a_reversed_award_is_no_award():
    given = row("F", (D, 1, False), (V, 2, True))
    undone = Award(V, 2, START, reversed_at=START)
    given = Procurement("F", 1, START, given.closes_at, proposals=given.proposals, awards=(undone,))
    assert not ocp.r035(world(given), AT) + ocp.r036(world(given), AT) + ocp.r024(world(given), AT, least=1)


def test_few_values_say_nothing():
    """Ours: quartiles of fewer than eight values flag nobody."""
    rows = world(two("F", 2), *(two(str(n), 100) for n in (1, 2, 3, 4)))
    assert not ocp.r024(rows, AT)


# --- Quantiles -------------------------------------------------------------------------------------------------------
def test_quantiles_are_of_type_8():
    """Hyndman and Fan's h = (n + 1/3) p + 1/3: 1 to 10 has its first quartile at 2.9167."""
    values = [Fraction(n) for n in range(1, 11)]
    assert quartiles(values) == (Fraction(35, 12), Fraction(11, 2), Fraction(97, 12))
    assert quantile([Fraction(7)], Fraction(1, 4)) == 7
    assert quantile(values, Fraction(0)) == 1 and quantile(values, Fraction(1)) == 10
