"""The business calendar of Québec: a golden table, then what must hold for any day."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.dates.calendar import (
    add_business_days,
    business_days_between,
    easter,
    holidays,
    is_business_day,
    next_business_day,
)

DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31))
COUNTS = st.integers(min_value=-400, max_value=400)


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        *[(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2028, 4, 16), (2029, 4, 1)],
        *[(2030, 4, 21), (2031, 4, 13), (2032, 3, 28), (2033, 4, 17), (2034, 4, 9), (2035, 3, 25)],
        *[(1818, 3, 22), (1943, 4, 25), (2000, 4, 23), (2038, 4, 25)],
    ],
)
def test_easter(year, month, day):
    assert easter(year) == date(year, month, day)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-01-01", "Jour de l’An"),
        ("2026-01-02", "Lendemain du jour de l’An"),
        ("2026-04-03", "Vendredi saint"),
        ("2026-04-06", "Lundi de Pâques"),
        ("2024-03-29", "Vendredi saint"),
        ("2035-03-26", "Lundi de Pâques"),
        ("2026-05-18", "Journée nationale des patriotes"),
        ("2027-05-24", "Journée nationale des patriotes"),
        ("2026-05-18", "Journée nationale des patriotes"),
        ("2032-05-24", "Journée nationale des patriotes"),
        ("2026-06-24", "Fête nationale du Québec"),
        ("2029-06-25", "Fête nationale du Québec"),  # the 24th is a Sunday
        ("2035-06-25", "Fête nationale du Québec"),
        ("2026-07-01", "Fête du Canada"),
        ("2029-07-02", "Fête du Canada"),  # the 1st is a Sunday
        ("2026-09-07", "Fête du Travail"),
        ("2031-09-01", "Fête du Travail"),
        ("2026-10-12", "Action de grâces"),
        ("2029-10-08", "Action de grâces"),
        ("2028-10-09", "Action de grâces"),
        ("2026-12-24", "Veille de Noël"),
        ("2026-12-25", "Noël"),
        ("2028-12-26", "Lendemain de Noël"),
        ("2026-12-31", "Veille du jour de l’An"),
    ],
)
def test_days_off(day, name):
    day = date.fromisoformat(day)
    assert str(holidays(day.year)[day]) == name
    assert not is_business_day(day)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-09-30", "National Day for Truth and Reconciliation: federal"),
        ("2026-11-11", "Remembrance Day: federal"),
        ("2026-05-25", "the patriots' day is the Monday before the 25th"),
        ("2026-04-07", "the Tuesday after Easter"),
        ("2028-06-26", "24 June on a Saturday is not moved"),
        ("2028-07-03", "1 July on a Saturday is not moved"),
        ("2027-12-27", "Christmas on a Saturday: kept simplification"),
        ("2028-01-03", "New Year on a Saturday: kept simplification"),
        ("2028-02-29", "a leap day"),
    ],
)
def test_days_that_are_worked(day, why):
    assert is_business_day(date.fromisoformat(day)), why


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2026-11-20", 1, "2026-11-23"),  # over a weekend
        ("2026-11-21", 1, "2026-11-23"),  # from a Saturday
        ("2026-11-23", -1, "2026-11-20"),
        ("2026-11-22", -1, "2026-11-20"),
        ("2026-04-02", 1, "2026-04-07"),  # Good Friday and Easter Monday
        ("2026-04-07", -1, "2026-04-02"),
        ("2026-12-23", 1, "2026-12-28"),
        ("2026-12-23", 4, "2027-01-04"),
        ("2027-01-04", -4, "2026-12-23"),
        ("2029-06-22", 1, "2029-06-26"),
        ("2029-06-29", 1, "2029-07-03"),
        ("2026-10-09", 1, "2026-10-13"),
        ("2026-09-04", 1, "2026-09-08"),
        ("2026-05-15", 1, "2026-05-19"),
        ("2026-06-23", 2, "2026-06-26"),
        ("2026-11-03", 10, "2026-11-17"),
        ("2026-11-24", -3, "2026-11-19"),
        ("2026-11-21", 0, "2026-11-21"),  # a Saturday stays a Saturday
        ("2028-12-22", 1, "2028-12-27"),
        ("2027-12-23", 1, "2027-12-27"),
        ("2026-02-27", 1, "2026-03-02"),
        ("2026-01-05", 250, "2027-01-05"),
    ],
)
def test_adding_business_days(start, count, end):
    assert add_business_days(date.fromisoformat(start), count) == date.fromisoformat(end)


@pytest.mark.parametrize("year", range(2024, 2036))
def test_each_year_has_thirteen_days_off_in_order(year):
    days = list(holidays(year))
    assert len(days) == 13
    assert days == sorted(days)
    assert {day.year for day in days} == {year}


def test_the_list_cannot_be_changed_by_a_caller():
    with pytest.raises(TypeError):
        holidays(2026)[date(2026, 3, 3)] = "Congé"


@settings(deadline=None)  # a busy machine is not a failure
@given(DAYS, COUNTS)
def test_adding_then_counting_gives_the_count(day, count):
    assert business_days_between(day, add_business_days(day, count)) == count


@settings(deadline=None)  # a busy machine is not a failure
@given(DAYS, COUNTS)
def test_adding_then_removing_comes_back_to_a_business_day(day, count):
    start = next_business_day(day)
    there = add_business_days(start, count)
    assert is_business_day(there)
    assert add_business_days(there, -count) == start
    assert business_days_between(there, start) == -count


@settings(deadline=None)  # a busy machine is not a failure
@given(DAYS)
def test_next_business_day_is_the_nearest(day):
    found = next_business_day(day)
    assert is_business_day(found)
    assert 0 <= (found - day).days <= 5
    assert found == (day if is_business_day(day) else add_business_days(day, 1))


def test_a_datetime_is_refused():
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    for use in (is_business_day, next_business_day):
        with pytest.raises(TypeError):
            use(moment)
    with pytest.raises(TypeError):
        add_business_days(moment, 0)
    with pytest.raises(TypeError):
        business_days_between(moment, date(2026, 11, 25))
