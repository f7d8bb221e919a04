"""All formulas over all procurements: what they flag, what their peers are, and the table that remembers it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import transaction

from audit.flags import bidders, buyers, ocp
from audit.flags.catalogue import CATALOGUE, amount
from audit.flags.data import Measure, World, decimal, quartiles
from audit.flags.loader import Reads, load
from audit.models import FlagPeers, RedFlag
from marketplace import guard
from marketplace.ledger import entries as ledger
from opportunities.models import Opportunity

FORMULAS = {code: {**ocp.FORMULAS, **buyers.FORMULAS, **bidders.FORMULAS}[code] for code in CATALOGUE}
# Computed from notices and awards alone: what a body may be told about a notice before it publishes it.
BEFORE_PUBLICATION = ("R003", "SPLIT", "WINDOW")


@dataclass(frozen=True)
class Found:
    """One flag: the formula true of a procurement (and vendor). `value` and `threshold` in the formula's unit."""

    code: str
    number: str
    vendor: int | None
    value: Decimal
    threshold: Decimal
    details: dict = field(default_factory=dict)


def measures(code: str, world: World, at: datetime) -> list[Measure]:
    return FORMULAS[code](world, at)


def found(world: World, at: datetime, codes=FORMULAS) -> list[Found]:
    """Every flag, once for a code, a procurement and a vendor, in the order of these three."""
    return flagged({code: measures(code, world, at) for code in codes})


def flagged(measured: dict[str, list[Measure]]) -> list[Found]:
    strongest: dict[tuple, Found] = {}
    for code, rows in measured.items():
        for row in rows:
            key = (code, row.number, row.vendor)
            # Two groups of bidders may end at one procurement: the stronger speaks for both.
            if row.flagged and (key not in strongest or row.value > strongest[key].value):
                strongest[key] = Found(code, row.number, row.vendor, row.value, row.threshold, row.details)
    return sorted(strongest.values(), key=lambda row: (row.code, row.number, row.vendor or 0))


def peers(rows: list[Measure]) -> tuple[Decimal, Decimal, Decimal]:
    """(Q1, median, Q3) of the formula's value over everything comparable, flagged or not."""
    first, median, third = quartiles([Fraction(row.value) for row in rows])
    return decimal(first), decimal(median), decimal(third)


def before_publication(opportunity: Opportunity, at: datetime) -> list[Found]:
    """What would be flagged of a notice if it were published now; nothing is kept. For the body's own people."""
    world = replace(load(at, also=opportunity, reads=Reads.NOTICES), about=opportunity.number)
    return [row for row in found(world, at, BEFORE_PUBLICATION) if row.number == opportunity.number]


def refresh(at: datetime, *, by=None) -> dict[str, int]:
    """Compute everything and write it down: {found, new, back, ceased}. `by`: who asked, None for the night.

    A flag keeps its state: explained or dismissed, it stays so while the formula stays true, and when it comes back.
    A formula that breaks changes none of its flags, and keeps no other from being computed; `failed` then counts them.
    """
    world = load(at)
    measured: dict[str, list[Measure]] = {}
    for code in FORMULAS:
        with guard.one("signal", code):
            measured[code] = measures(code, world, at)
    rows = flagged(measured)
    with transaction.atomic():
        occasions = dict(
            Opportunity.objects.filter(number__in={row.number for row in rows}).values_list("number", "pk")
        )
        known = {
            (flag.code, flag.opportunity_id, flag.vendor_id): flag
            for flag in RedFlag.objects.select_for_update().filter(code__in=measured).order_by("pk")
        }
        new, seen = [], set()
        counts: dict[str, Any] = {"found": len(rows), "new": 0, "back": 0, "ceased": 0}
        if len(measured) < len(FORMULAS):
            counts["failed"] = len(FORMULAS) - len(measured)
        for row in rows:
            key = (row.code, occasions[row.number], row.vendor)
            seen.add(key)
            if flag := known.get(key):
                counts["back"] += flag.ceased_at is not None
                flag.value, flag.threshold, flag.details = row.value, row.threshold, row.details
                flag.last_at, flag.ceased_at = at, None
            else:
                new.append(
                    RedFlag(
                        code=row.code, opportunity_id=key[1], vendor_id=row.vendor, value=row.value,
                        threshold=row.threshold, details=row.details, first_at=at, last_at=at,
                    )
                )  # fmt: skip
        for key, flag in known.items():
            if key not in seen and flag.ceased_at is None:
                flag.ceased_at = at
                counts["ceased"] += 1
        counts["new"] = len(new)
        RedFlag.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)  # the same work may be under way twice
        fields = ["value", "threshold", "details", "last_at", "ceased_at"]
        RedFlag.objects.bulk_update(known.values(), fields, batch_size=200)
        _keep_peers(measured, at)
        ledger.record("flags.compute", "flags", by=by, at=at, **counts)
    return counts


def _keep_peers(measured: dict[str, list[Measure]], at: datetime) -> None:
    broken = FORMULAS.keys() - measured.keys()
    FlagPeers.objects.exclude(code__in=[code for code, rows in measured.items() if rows] + list(broken)).delete()
    quartiles_of = []
    for code, rows in measured.items():
        if rows:
            first, median, third = peers(rows)
            quartiles_of.append(FlagPeers(code=code, count=len(rows), first=first, median=median, third=third, at=at))
    fields = ["count", "first", "median", "third", "at"]
    FlagPeers.objects.bulk_create(quartiles_of, update_conflicts=True, unique_fields=["code"], update_fields=fields)


# --- A report that keeps nothing -------------------------------------------------------------------------------------
HEAD = ("Code", "Signal", "Valeurs", "Signaux", "Q1", "Médiane", "Q3")


def table(head: tuple[str, ...], rows: list[tuple]) -> Iterator[str]:
    """Lines of a Markdown table; the first two columns are words, the others numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' if place < 2 else '---:' for place in range(len(head)))} |"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def report(world: World, at: datetime) -> Iterator[str]:
    """A table of all formulas: how many values, what is flagged, where the peers stand."""
    rows = []
    for code, entry in CATALOGUE.items():
        measured = measures(code, world, at)
        spread = [amount(code, value) for value in peers(measured)] if measured else ["–"] * 3
        rows.append((code, entry.title, len(measured), len(flagged({code: measured})), *spread))
    yield from table(HEAD, rows)
