"""A table of all formulas over the data at hand: how many values, what is flagged, where the peers stand."""

from collections.abc import Iterator
from datetime import datetime

from audit.flags import compute
from audit.flags.catalogue import CATALOGUE, amount
from audit.flags.data import World

HEAD = ("Code", "Signal", "Valeurs", "Signaux", "Q1", "Médiane", "Q3")


def table(head: tuple[str, ...], rows: list[tuple]) -> Iterator[str]:
    """Lines of a Markdown table; the first two columns are words, the others numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' if place < 2 else '---:' for place in range(len(head)))} |"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def lines(world: World, at: datetime) -> Iterator[str]:
    rows = []
    for code, entry in CATALOGUE.items():
        measured = compute.measures(code, world, at)
        spread = [amount(code, value) for value in compute.peers(measured)] if measured else ["–"] * 3
        rows.append((code, entry.title, len(measured), len(compute.flagged({code: measured})), *spread))
    yield from table(HEAD, rows)
