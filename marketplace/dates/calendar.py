"""The business calendar of Québec, computed for any year of the Gregorian calendar.

A business day is a Monday to Friday that is not one of the days off of Québec's public service:

- days that the law makes statutory for all: Act respecting labour standards (CQLR, c. N-1.1), s. 60 (1 January, Good
  Friday or Easter Monday, the Monday preceding 25 May, 1 July or 2 July when the 1st is a Sunday, Labour Day,
  Thanksgiving, 25 December) and National Holiday Act (CQLR, c. F-1.1): 24 June, and 25 June when the 24th is a Sunday;
- days that public bodies add: 2 January, both Good Friday and Easter Monday, 24, 26 and 31 December.

Not included: the National Day for Truth and Reconciliation (30 September) and Remembrance Day, which are federal.
A kept simplification: when 1 or 2 January or 24, 25, 26 or 31 December falls on a weekend, the collective agreements
move the day off to a neighbouring weekday that varies from one to the other; here it is not moved.

All functions take local dates. A datetime raises TypeError: its local day must be chosen first.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from django.utils.translation import gettext_lazy as _

from marketplace.texts import Words

_DAY = timedelta(days=1)
_MONDAY, _SATURDAY, _SUNDAY = 0, 5, 6


def easter(year: int) -> date:
    """Easter Sunday of a Gregorian year (computus of Meeus, Jones and Butcher)."""
    golden = year % 19
    century, in_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - correction + 15) % 30
    leaps, leap_rest = divmod(in_century, 4)
    weekday = (32 + 2 * century_rest + 2 * leaps - epact - leap_rest) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def _monday_on_or_after(day: date) -> date:
    return day + _DAY * ((_MONDAY - day.weekday()) % 7)


@lru_cache(maxsize=64)
def holidays(year: int) -> Mapping[date, Words]:
    """The days off of one year in order, with their (translatable) names; read-only.

    24 June and 1 July appear on the day they are observed. Days that fall on a weekend are listed too.
    """
    national, canada, sunday = date(year, 6, 24), date(year, 7, 1), easter(year)
    days: dict[date, Words] = {
        date(year, 1, 1): _("Jour de l’An"),
        date(year, 1, 2): _("Lendemain du jour de l’An"),
        sunday - 2 * _DAY: _("Vendredi saint"),
        sunday + _DAY: _("Lundi de Pâques"),
        _monday_on_or_after(date(year, 5, 18)): _("Journée nationale des patriotes"),
        national + _DAY * (national.weekday() == _SUNDAY): _("Fête nationale du Québec"),
        canada + _DAY * (canada.weekday() == _SUNDAY): _("Fête du Canada"),
        _monday_on_or_after(date(year, 9, 1)): _("Fête du Travail"),
        _monday_on_or_after(date(year, 10, 8)): _("Action de grâces"),
        date(year, 12, 24): _("Veille de Noël"),
        date(year, 12, 25): _("Noël"),
        date(year, 12, 26): _("Lendemain de Noël"),
        date(year, 12, 31): _("Veille du jour de l’An"),
    }
    return MappingProxyType(days)


def _check(day: date) -> date:
    if isinstance(day, datetime) or not isinstance(day, date):
        raise TypeError(f"the business calendar takes local dates, not {type(day).__name__}")
    return day


def is_business_day(day: date) -> bool:
    """Whether public bodies work that day."""
    return _check(day).weekday() < _SATURDAY and day not in holidays(day.year)


def next_business_day(day: date) -> date:
    """The first business day on or after `day`: itself when it is one."""
    while not is_business_day(day):
        day += _DAY
    return day


def add_business_days(day: date, count: int) -> date:
    """The `count`-th business day after `day` (before it when negative; `day` itself when 0, whatever it is)."""
    step = _DAY if count > 0 else -_DAY
    left = abs(count)
    _check(day)
    while left:
        day += step
        left -= is_business_day(day)
    return day


def business_days_between(start: date, end: date) -> int:
    """How many business days one moves from `start` to `end`; negative when `end` is earlier.

    The start is not counted, the end is, so that for every day and n
    ``business_days_between(day, add_business_days(day, n)) == n``.
    """
    step = _DAY if _check(start) <= _check(end) else -_DAY
    moved, day = 0, start
    while day != end:
        day += step
        moved += is_business_day(day)
    return moved if step > timedelta(0) else -moved
