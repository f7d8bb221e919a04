"""The thirty days to come: one point for each open occasion, at the day when it closes, as large as its amount."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from marketplace.dates import localtime

DAYS = 30
_GAP = 1.5  # between two points
_NAMED, _NAME_WIDTH = 4, 255.0  # how many are named on a wide screen, and the room that a name takes
_CEILING = 100_000_00  # cents: the largest point


@dataclass(frozen=True)
class Need:
    """One occasion: cents before taxes, its closing (UTC)."""

    title: str
    body: str
    cents: int
    closes_at: datetime


@dataclass(frozen=True)
class Dot:
    """x, y, r in the drawing's units; urgent: closes in less than 48 hours."""

    need: Need
    x: float
    y: float
    r: float
    urgent: bool


@dataclass(frozen=True)
class Frame:
    """The drawing's size, and where its line of points and its axis stand."""

    width: float
    height: float
    margin: float
    middle: float
    axis: float
    largest: float

    @property
    def end(self) -> float:
        return self.width - self.margin


WIDE = Frame(width=1152, height=236, margin=30, middle=126, axis=196, largest=22)
TALL = Frame(width=328, height=132, margin=10, middle=48, axis=100, largest=11)


@dataclass(frozen=True)
class Swarm:
    frame: Frame
    dots: list[Dot]
    named: list[Dot]
    ticks: list[tuple[float, str]]  # x, label


def draw(needs: Sequence[Need], at: datetime, frame: Frame) -> Swarm:
    """The points of those that close within thirty days, none over another as far as there is room; names for some."""
    dots: list[Dot] = []
    for need in sorted(needs, key=lambda one: one.closes_at):
        share = (need.closes_at - at) / timedelta(days=DAYS)
        if 0 < share <= 1:
            r = frame.largest * (0.35 + 0.65 * sqrt(min(need.cents / _CEILING, 1)))
            x = frame.margin + r + share * (frame.end - frame.margin - 2 * r)
            x, y = _place(x, r, dots, frame)
            dots.append(Dot(need, x, y, r, need.closes_at - at < localtime.URGENT))
    return Swarm(frame, dots, _named(dots, frame), _ticks(at, frame))


def _place(x: float, r: float, dots: Sequence[Dot], frame: Frame) -> tuple[float, float]:
    """The free place nearest to the middle line: above it, below it, and so on; a little earlier when none is left."""
    for aside in range(6):
        at = max(x - aside * frame.largest, frame.margin + r)
        for step in range(40):
            y = frame.middle + (step + 1) // 2 * 3 * (-1 if step % 2 else 1)
            near = (dot for dot in dots if (dot.x - at) ** 2 + (dot.y - y) ** 2 < (dot.r + r + _GAP) ** 2)
            if r < y < frame.axis - 4 - r and next(near, None) is None:
                return at, y
    return x, frame.middle


def _named(dots: Sequence[Dot], frame: Frame) -> list[Dot]:
    """The first to close, then those whose name finds room: on wide drawings only."""
    named: list[Dot] = []
    if frame.width < 600:
        return named
    for dot in dots:
        if len(named) < _NAMED and dot.x < frame.end - _NAME_WIDTH and (
            not named or dot.x > named[-1].x + _NAME_WIDTH
        ):  # fmt: skip
            named.append(dot)
    return named


def _ticks(at: datetime, frame: Frame) -> list[tuple[float, str]]:
    """Today, then each seventh day; each fourteenth where there is little room."""
    step = 7 if frame.width > 600 else 14
    ticks = []
    for days in range(step, DAYS, step):
        x = frame.margin + days / DAYS * (frame.end - frame.margin)
        ticks.append((x, localtime.short_day(at + timedelta(days=days))))
    return ticks
