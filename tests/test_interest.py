"""Taxes and late-payment interest to the cent (c. C-65.1, r. 8): forty amounts worked out by hand, then properties."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from contracts.invoices.interest import claimable, days_late, due_on, interest_cents
from marketplace.money import MAX_CENTS, taxes

RATES = [(date(2023, 10, 1), 1000), (date(2025, 1, 1), 900), (date(2025, 4, 1), 800), (date(2026, 4, 1), 700)]
YEARLY = 365_000_00  # 365 000,00 $: a day at 10 % is 100,00 $, at 9 % 90,00 $, at 8 % 80,00 $, at 7 % 70,00 $


def half_up(exact: Fraction) -> int:
    return (exact + Fraction(1, 2)).__floor__()


def by_the_day(total: int, due: date, paid: date, rates=RATES) -> int:
    """The same sum, the slow way: one exact fraction for each day late."""
    exact, day = Fraction(0), due + timedelta(days=1)
    while day <= paid:
        points = max((start, points) for start, points in rates if start <= day)[1]
        exact += Fraction(total * points, 10_000 * 365)
        day += timedelta(days=1)
    return half_up(exact)


# --- Taxes: (before, TPS 5 %, TVQ 9,975 %), in cents -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "tps", "tvq"),
    [
        (0, 0, 0),
        (1, 0, 0),  # 0,05 and 0,09975 of a cent
        (5, 0, 0),  # 0,25; 0,49875
        (6, 0, 1),  # 0,3; 0,5985
        (10, 1, 1),  # a half exactly, up; 0,9975
        (20, 1, 2),  # 1; 1,995
        (30, 2, 3),  # one and a half, up; 2,9925
        (1_00, 5, 10),  # 9,975
        (10_00, 50, 1_00),  # 99,75
        (40_00, 2_00, 3_99),  # exact
        (100_00, 5_00, 9_98),  # 997,5: a half exactly, up
        (300_00, 15_00, 29_93),  # 2 992,5
        (12_345_67, 617_28, 1_231_48),  # 61 728,35; 123 148,05825
        (64_000_00, 3_200_00, 6_384_00),
        (82_500_00, 4_125_00, 8_229_38),  # 822 937,5; 94 854,38 $ in all
        (99_999_99, 5_000_00, 9_975_00),  # 499 999,95; 997 499,90025
        (90_000_00, 4_500_00, 8_977_50),
        (1_000_000_00, 50_000_00, 99_750_00),
    ],
)
def test_taxes_are_each_rounded_half_up_and_add_up(before, tps, tvq):
    found = taxes(before, on=date(2026, 9, 1))
    assert (found.tps, found.tvq, found.total) == (tps, tvq, before + tps + tvq)
    assert (tps, tvq) == (half_up(before * Fraction(5, 100)), half_up(before * Fraction(9975, 100_000)))


# --- Interest: (total with taxes, due day, paid day, interest), in cents ---------------------------------------------
@pytest.mark.parametrize(
    ("total", "due", "paid", "cents"),
    [
        (YEARLY, "2026-05-31", "2026-05-31", 0),  # on the due day
        (YEARLY, "2026-05-31", "2026-05-01", 0),  # before
        (0, "2024-01-01", "2026-01-01", 0),
        (YEARLY, "2024-05-31", "2024-06-01", 100_00),  # one day late, 10 %
        (YEARLY, "2026-05-31", "2026-06-01", 70_00),  # one day late, 7 %
        (YEARLY, "2026-05-31", "2026-06-10", 700_00),  # 10 × 70
        (YEARLY, "2025-05-31", "2025-06-30", 2_400_00),  # 30 × 80
        # Rates change: the day of the change bears the new rate.
        (YEARLY, "2024-12-31", "2025-01-01", 90_00),
        (YEARLY, "2024-12-30", "2024-12-31", 100_00),
        (YEARLY, "2024-12-30", "2025-01-01", 190_00),  # 100 + 90
        (YEARLY, "2025-03-30", "2025-04-02", 250_00),  # 90 + 80 + 80
        (YEARLY, "2024-12-31", "2026-04-01", 37_370_00),  # 90 × 90 + 365 × 80 + 70
        (YEARLY, "2023-12-31", "2026-09-01", 84_680_00),  # 366 × 100 + 90 × 90 + 365 × 80 + 154 × 70
        # Leap years: 29 February is a day like another, and the year still counts 365.
        (YEARLY, "2024-02-28", "2024-03-01", 200_00),
        (YEARLY, "2025-02-28", "2025-03-01", 90_00),
        (YEARLY, "2023-12-31", "2024-12-31", 36_600_00),  # 366 days
        # Rounded once, half up: at 10 %, a day is the 3 650th part.
        (18_24, "2024-05-31", "2024-06-01", 0),  # 1 824 / 3 650 = 0,4997
        (18_25, "2024-05-31", "2024-06-01", 1),  # 0,5
        (54_74, "2024-05-31", "2024-06-01", 1),  # 1,4997
        (54_75, "2024-05-31", "2024-06-01", 2),  # 1,5
        (18_24, "2024-05-31", "2024-06-03", 1),  # 3 × 0,4997 = 1,499: by the day it would be 0
        (94_854_38, "2025-05-31", "2025-06-15", 311_85),  # 9 485 438 × 8 % × 15 / 365 = 31 185,0016
    ],
)
def test_interest_to_the_cent(total, due, paid, cents):
    due, paid = date.fromisoformat(due), date.fromisoformat(paid)
    assert interest_cents(total, due, paid, RATES) == cents == by_the_day(total, due, paid)
    assert interest_cents(total, due, paid, reversed(RATES)) == cents  # the table's order does not matter


def test_the_period_runs_from_the_later_of_receipt_and_acceptance():
    assert due_on(date(2026, 9, 1), date(2026, 9, 1)) == date(2026, 10, 1)
    assert due_on(date(2026, 9, 1), date(2026, 9, 20)) == date(2026, 10, 20)
    assert due_on(date(2026, 9, 20), date(2026, 9, 1)) == date(2026, 10, 20)
    assert due_on(date(2024, 1, 30), date(2024, 1, 30)) == date(2024, 2, 29)
    assert due_on(date(2025, 1, 30), date(2025, 1, 30)) == date(2025, 3, 1)


def test_thirty_days_are_not_late_and_thirty_one_are():
    due = due_on(date(2026, 9, 1), date(2026, 9, 1))
    received = date(2026, 9, 1)
    assert [days_late(due, received + timedelta(days=n)) for n in (0, 29, 30, 31, 60)] == [0, 0, 0, 1, 30]


@pytest.mark.parametrize(
    ("total", "cents", "may"),
    [
        (18_231_74, 4_99, False),  # 499,49
        (18_231_75, 5_00, True),  # 499,5: what is owed is a whole number of cents, and that is what is compared
        (18_250_00, 5_00, True),
        (18_213_50, 4_99, False),
    ],
)
def test_under_five_dollars_nothing_is_owed(settings, total, cents, may):
    settings.LATE_INTEREST_MINIMUM_CENTS = 500
    found = interest_cents(total, date(2024, 5, 31), date(2024, 6, 1), RATES)
    assert (found, claimable(found)) == (cents, may)
    assert not claimable(0)


def test_a_day_without_a_known_rate_is_refused_rather_than_guessed():
    with pytest.raises(ValueError, match="2023-09-30"):
        interest_cents(100_00, date(2023, 9, 29), date(2023, 10, 5), RATES)
    with pytest.raises(ValueError, match="no rate"):
        interest_cents(100_00, date(2026, 5, 1), date(2026, 6, 1), [])
    assert interest_cents(YEARLY, date(2023, 9, 30), date(2023, 10, 1), RATES) == 100_00
    assert interest_cents(100_00, date(2020, 1, 1), date(2020, 1, 1), []) == 0  # on time: no rate is needed


def test_never_a_float_nor_an_instant():
    day = date(2026, 6, 1)
    for bad in (1.5, "100", True, None):
        with pytest.raises(TypeError):
            interest_cents(bad, day, day, RATES)
    with pytest.raises(TypeError):
        interest_cents(100, day, day + timedelta(days=1), [(date(2026, 1, 1), 7.0)])
    with pytest.raises(TypeError):
        days_late(day, datetime(2026, 6, 1, tzinfo=UTC))
    with pytest.raises(TypeError):
        due_on(datetime(2026, 6, 1, tzinfo=UTC), day)
    with pytest.raises(TypeError):
        claimable(5.0)
    with pytest.raises(ValueError):
        interest_cents(-1, day, day, RATES)


# --- Properties ------------------------------------------------------------------------------------------------------
CENTS = st.integers(min_value=0, max_value=MAX_CENTS)
DUE = st.dates(date(2023, 10, 1), date(2027, 1, 1))
LATE = st.integers(min_value=0, max_value=1000)


@examples(max_examples=150)
@given(total=CENTS, due=DUE, late=st.integers(min_value=0, max_value=200))
def test_it_equals_the_sum_of_the_days(total, due, late):
    paid = due + timedelta(days=late)
    found = interest_cents(total, due, paid, RATES)
    assert type(found) is int and found == by_the_day(total, due, paid)


@given(total=CENTS, more=CENTS, due=DUE, late=LATE, later=LATE)
def test_it_never_shrinks_with_time_or_amount(total, more, due, late, later):
    first, last = due + timedelta(days=late), due + timedelta(days=late + later)
    assert interest_cents(total, due, first, RATES) <= interest_cents(total, due, last, RATES)
    assert interest_cents(total, due, first, RATES) <= interest_cents(total + more, due, first, RATES)


@given(total=CENTS, due=DUE, before=LATE, after=LATE)
def test_it_can_be_cut_anywhere_within_a_cent(total, due, before, after):
    """A rate's change is nothing special: two periods end to end make the whole, but for the two roundings."""
    cut, end = due + timedelta(days=before), due + timedelta(days=before + after)
    parts = interest_cents(total, due, cut, RATES) + interest_cents(total, cut, end, RATES)
    assert abs(parts - interest_cents(total, due, end, RATES)) <= 1
