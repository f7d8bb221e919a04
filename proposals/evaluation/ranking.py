"""Ranks in the four award modes: pure functions, exact arithmetic, no model.

Source: Secrétariat du Conseil du trésor, « modes d'adjudication »; adjusted price: price / (1 + K × (score − 70) / 30),
with K from 15 to 30 % announced in the notice, an acceptable level of 70, and a final score of at least 70.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

from opportunities.enums import ACCEPTABLE, AwardMode

Value = TypeVar("Value")


@dataclass(frozen=True)
class Grid:
    """Weights in whole per cent and minima, by criterion id; `mode` and K as announced."""

    mode: str
    weights: dict[int, int] = field(default_factory=dict)
    minima: dict[int, int | None] = field(default_factory=dict)
    k_percent: int | None = None


@dataclass(frozen=True)
class Entry:
    """One scored proposal: price in cents, scores 0–100 by criterion id, digest of its envelope."""

    id: str
    price_cents: int
    scores: dict[int, Fraction]
    digest: str


@dataclass(frozen=True)
class Ranked:
    """rank None: not eligible. final: weighted score or None; adjusted_cents: exact. tie: the first place of the tie
    that was drawn for it, None when there was none.
    """

    entry: Entry
    rank: int | None
    final: Fraction | None
    adjusted_cents: Fraction | None
    tie: int | None = None

    @property
    def drawn(self) -> bool:
        return self.tie is not None

    @property
    def adjusted_rounded(self) -> int | None:
        """Cents, half up."""
        return None if self.adjusted_cents is None else int(self.adjusted_cents + Fraction(1, 2))


def final_score(grid: Grid, entry: Entry) -> Fraction | None:
    """Σ score × weight / 100; None where there is no grid."""
    if not grid.weights:
        return None
    return sum((entry.scores[key] * weight for key, weight in grid.weights.items()), Fraction(0)) / 100


def adjusted_price(price_cents: int, final: Fraction, k_percent: int) -> Fraction:
    """50 000 $, 85, K 20 % → 45 454,55 $ (exact fraction of a cent; round for display only)."""
    return Fraction(price_cents) / (1 + Fraction(k_percent, 100) * (final - ACCEPTABLE) / 30)


def eligible(grid: Grid, entry: Entry, final: Fraction | None) -> bool:
    """Every minimum is met; « qualité minimale » asks 70 of each criterion, « prix ajusté » 70 overall."""
    default = AwardMode(grid.mode).default_minimum or 0
    for key in grid.weights:
        minimum = grid.minima.get(key)
        if entry.scores[key] < (default if minimum is None else minimum):
            return False
    return grid.mode != "adjusted_price" or _given(final) >= ACCEPTABLE


def rank(grid: Grid, entries: list[Entry], *, draw: Callable[[list[str]], list[str]] | None = None) -> list[Ranked]:
    """Best first, ineligible last. Ties: the heaviest criterion when there is one heaviest, then `draw`.

    draw: digests of the tied -> the same digests in drawn order; without it the tied share a rank.
    """
    rows = []
    for entry in entries:
        final = final_score(grid, entry)
        ok = eligible(grid, entry, final)
        adjusted = None
        if grid.mode == "adjusted_price" and ok:
            adjusted = adjusted_price(entry.price_cents, _given(final), _given(grid.k_percent))
        rows.append((ok, _key(grid, entry, final, adjusted), entry, final, adjusted))
    good = sorted((row for row in rows if row[0]), key=lambda row: (row[1], row[2].digest))
    result: list[Ranked] = []
    while good:
        tied = [row for row in good if row[1] == good[0][1]]
        good = good[len(tied) :]
        place = len(result) + 1
        order = draw([row[2].digest for row in tied]) if draw and len(tied) > 1 else None
        if order:
            tied.sort(key=lambda row: order.index(row[2].digest))
        for offset, (_ok, _k, entry, final, adjusted) in enumerate(tied):
            result.append(
                Ranked(entry, place + (offset if order else 0), final, adjusted, tie=place if order else None)
            )
    bad = sorted((row for row in rows if not row[0]), key=lambda row: row[2].digest)
    return result + [Ranked(entry, None, final, None) for _ok, _k, entry, final, _adjusted in bad]


def _key(grid: Grid, entry: Entry, final: Fraction | None, adjusted: Fraction | None) -> tuple[Fraction, Fraction]:
    """Smaller is better."""
    if grid.mode == "quality_fixed":
        first = -_given(final)
    elif grid.mode == "adjusted_price":
        first = Fraction(0) if adjusted is None else adjusted  # not eligible: it gets no rank
    else:
        first = Fraction(entry.price_cents)
    heaviest = _heaviest(grid)
    return (first, -entry.scores[heaviest] if heaviest is not None else Fraction(0))


def _heaviest(grid: Grid) -> int | None:
    """The one heaviest criterion; None when another weighs as much (the rule is then unusable)."""
    if not grid.weights:
        return None
    top = max(grid.weights.values())
    heavy = [key for key, weight in grid.weights.items() if weight == top]
    return heavy[0] if len(heavy) == 1 else None


def _given(value: Value | None) -> Value:
    """What this mode always has; ValueError: better no rank than a wrong one."""
    if value is None:
        raise ValueError("This award mode asks for a grid, and for K where prices are adjusted.")
    return value
