"""Thresholds of the signals: dated settings. The one that counts is the latest whose first day is not after `on`.

A line is never changed: a new threshold is a new line with its first day, so that what was computed can be explained.
Where they differ from what OCP proposes, and why: docs/decisions.md.
"""

from datetime import date
from decimal import Decimal

START = date(2000, 1, 1)  # before anything was published: a line from this day is the first there ever was


def _from_the_start(value: str) -> list[tuple[date, Decimal]]:
    return [(START, Decimal(value))]


# Code -> [(first day in Québec, value)]. A code with a point holds a second number of the same formula.
THRESHOLDS = {
    "R003": _from_the_start("7"),  # whole days; OCP: 15, which would flag nearly every micro-procurement
    "R018": _from_the_start("1"),  # proposals received
    "R025.LEAST": _from_the_start("4"),  # valid proposals; OCP: 1
    "R028": _from_the_start("2"),  # vendors with one price
    "R030": _from_the_start("0"),  # minutes after the closing instant
    "R035": _from_the_start("1"),  # other vendors, all rejected
    "R036": _from_the_start("1"),  # the rank, by price, of the rejected proposal
    "R038.LEAST": _from_the_start("4"),  # proposals; OCP: 2
    "PEERS": _from_the_start("8"),  # values compared, before quartiles say anything
    "SPLIT.ALIKE": _from_the_start("0.5"),  # likeness of two needs, 0 to 1
    "SPLIT.SAME": _from_the_start("0.25"),  # the same, when both went to one vendor
    "SPLIT.DAYS": _from_the_start("365"),
    "CLUSTER": _from_the_start("0.3"),  # share of a body's awards in the band
    "CLUSTER.LEAST": _from_the_start("4"),  # awards in the band
    "CLUSTER.BAND": _from_the_start("0.1"),  # of the ceiling, under it
    "CLUSTER.DAYS": _from_the_start("365"),
    "AFFIL": _from_the_start("1"),  # clues: a strong one counts 1, a weak one 0.5
    "AFFIL.TEXT": _from_the_start("0.6"),  # Jaccard of five-word sequences
    "WINDOW": _from_the_start("5"),  # business days to answer
    "WINDOW.DAYS": _from_the_start("10"),  # days to answer without a recorded reason
    "SINGLE": _from_the_start("3"),  # procurements
    "SINGLE.DAYS": _from_the_start("730"),
    "ROTATE": _from_the_start("0.9"),  # share of rounds in which each won once
    "ROTATE.LEAST": _from_the_start("8"),  # procurements
    "LATE_ADD": _from_the_start("48"),  # hours
    "REVERSED": _from_the_start("1"),  # awards
    "RENOTED": _from_the_start("1"),  # re-examinations of notes
    "AMEND": _from_the_start("0.1"),  # of the initial value (LCOP, s. 17: published past 10 %)
    "AMEND.COUNT": _from_the_start("3"),  # amendments
    "SLOWPAY": _from_the_start("30"),  # days (c. C-65.1, r. 8, s. 2)
}


def threshold(code: str, on: date) -> Decimal:
    """The value in force on a day; KeyError for an unknown code, ValueError before the first day."""
    return max((since, value) for since, value in THRESHOLDS[code] if since <= on)[1]
