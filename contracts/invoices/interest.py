"""Interest on a late payment: Règlement sur le paiement d'intérêts aux fournisseurs du gouvernement (c. C-65.1, r. 8).

What the text says (s. 3 and 4), and what we decided where it is silent:

- « Période de paiement » runs from the later of the invoice's receipt and the acceptance to the payment, in calendar
  days; the payment is late when it passes 30 days. So day 30 is the due day, and day 31 the first day late.
- « L'intérêt […] est calculé à compter du premier jour de retard »: each day late bears interest, from the day after
  the due day to the day of payment included. There are then as many days of interest as days late, and a payment one
  day late bears one day. Counting from the due day to the eve of the payment gives the same number of days.
- The rate is that of s. 28 of the Loi sur l'administration fiscale, « au taux en vigueur »: each day bears the rate in
  force that day. The text gives a yearly rate and no year: 365 days always, leap years included, so that one amount,
  rate and number of days always make one sum.
- Simple interest: interest bears none unless a law or a contract says so (Code civil du Québec, a. 1620).
- The creditor's amount is the whole invoice, taxes included. Holdbacks are not late before their own day (s. 5).
- Interest is paid on the supplier's request only, and not under 5,00 $ (s. 4).
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings

from marketplace.money import check_cents

GRACE_DAYS = 30
DAYS_IN_YEAR = 365
_BASIS_POINTS = 10_000

# (first day, basis points per year): 700 is 7 %. A new rate is a new line of settings.LATE_INTEREST_RATES.
Rates = Iterable[tuple[date, int]]


def due_on(received: date, accepted: date) -> date:
    """The last day to pay without interest: 30 days after the later of receipt and acceptance (local dates)."""
    return max(_day(received), _day(accepted)) + timedelta(days=GRACE_DAYS)


def days_late(due_on: date, paid_on: date) -> int:
    """Calendar days late: 0 when paid on the due day or before, 1 the day after."""
    return max(0, (_day(paid_on) - _day(due_on)).days)


def interest_cents(total_cents: int, due_on: date, paid_on: date, rates: Rates) -> int:
    """Interest in cents on `total_cents` (taxes included) paid, or counted, on `paid_on`.

    Exact integers to the end, rounded half up once. `rates`: [(first day, basis points per year)], in any order.
    Raises TypeError for a float or a datetime, ValueError for a negative amount or a day before the first rate.
    """
    if check_cents(total_cents) < 0:
        raise ValueError("interest is computed on an amount that is not negative")
    late = days_late(due_on, paid_on)
    if not late:
        return 0
    first = due_on + timedelta(days=1)
    table = sorted((_day(start), check_cents(points)) for start, points in rates)
    if not table or first < table[0][0]:
        raise ValueError(f"no rate of interest is known for {first.isoformat()}")
    day_points, end = 0, paid_on  # the sum, over the days late, of that day's rate
    for start, points in reversed(table):
        begin = max(start, first)
        if begin <= end:
            day_points += ((end - begin).days + 1) * points
            end = begin - timedelta(days=1)
    unit = _BASIS_POINTS * DAYS_IN_YEAR
    return (2 * total_cents * day_points + unit) // (2 * unit)


def claimable(cents: int) -> bool:
    """Whether interest of `cents` may be asked for: not when it is less than 5,00 $ (s. 4)."""
    return check_cents(cents) >= settings.LATE_INTEREST_MINIMUM_CENTS


def _day(value: date) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError(f"interest follows local dates, not {type(value).__name__}")
    return value
