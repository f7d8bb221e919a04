"""Pictures of the awards: flows from bodies to vendors, concentration, delays, prices against ceilings.

Pure functions make the figures and their places, in whole units of each drawing; the page draws them as SVG, and shows
the same figures in a table beside. Amounts in cents before taxes; days are days of the calendar in Québec.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from statistics import median

WIDTH = 1000  # of the bars
TOP = 10
TOP_SHARES = 3
MOST_PRICES = 40
FLOW_WIDTH, FLOW_HEIGHT, GAP, NODE, LEFT, RIGHT = 1000, 420, 10, 12, 345, 655
LINE, LABEL = 36, 47  # a name and its amount, one under the other; small letters that fit beside
CAPITAL = 1.4  # small letters
HALF = 50  # percent of what a body awards: from there, a band stands out
OTHERS = ""  # the name of what is not in the top: shown as « Autres »
Pairs = Counter[tuple[str, str]]  # of (body, vendor)


@dataclass(frozen=True)
class Line:
    """One standing award. `ceiling_cents`: the legal ceiling when it was published; None: has not come.

    `short`: what the body is called where room is short; its name when it is empty.
    """

    number: str
    body: str
    vendor: str
    cents: int
    budget_cents: int
    ceiling_cents: int
    published: date
    awarded: date
    signed: date | None = None
    paid_days: tuple[int, ...] = ()
    short: str = ""


# --- Flows -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Node:
    """A body or a vendor, in the middle of its slot. `label`: the name as it fits beside."""

    name: str
    label: str
    cents: int
    y: int
    height: int

    @property
    def middle(self) -> int:
        return self.y + self.height // 2

    @property
    def bottom(self) -> int:
        return max(self.y + self.height, self.middle + LINE // 2)


@dataclass(frozen=True)
class Band:
    """From a body to a vendor: `path` is the outline of the band, `width` its part of the longest bar.

    `percent`: of what the body awards; `strong`: half of it or more, to one named vendor.
    """

    body: str
    vendor: str
    cents: int
    count: int
    percent: Decimal
    strong: bool
    width: int
    path: str


@dataclass
class Flows:
    bodies: list[Node] = field(default_factory=list)
    vendors: list[Node] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    total: int = 0

    @property
    def height(self) -> int:
        return max((node.bottom for node in [*self.bodies, *self.vendors]), default=0)

    @property
    def stacked(self) -> list[tuple[Node, list[Band]]]:
        """Each body with its bands, where there is no room for two columns."""
        return [(body, [band for band in self.bands if band.body == body.name]) for body in self.bodies]


def flows(lines: list[Line]) -> Flows:
    """The ten greatest bodies and vendors, the others together; the bands total what was awarded, to the cent."""
    if not lines:
        return Flows()
    bodies, vendors = _top(lines, "body"), _top(lines, "vendor")
    cents: Pairs = Counter()
    counts: Pairs = Counter()
    sent: Counter[str] = Counter()
    got: Counter[str] = Counter()
    for line in lines:
        body, vendor = line.body if line.body in bodies else OTHERS, line.vendor if line.vendor in vendors else OTHERS
        cents[body, vendor] += line.cents
        counts[body, vendor] += 1
        sent[body] += line.cents
        got[vendor] += line.cents
    total, short = sum(cents.values()), {line.body: line.short for line in lines if line.short}
    left, right = _nodes(sent, total, short), _nodes(got, total, {})
    return Flows(left, right, _bands(left, right, cents, counts), total)


def _top(lines: list[Line], column: str) -> set[str]:
    totals: Counter[str] = Counter()
    for line in lines:
        totals[getattr(line, column)] += line.cents
    return {name for name, _cents in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:TOP]}


def _nodes(totals: Counter[str], total: int, short: dict[str, str]) -> list[Node]:
    """One below the other, the greatest first, the others last; each as high as its share, and never invisible."""
    order = sorted(totals.items(), key=lambda item: (item[0] == OTHERS, -item[1], item[0]))
    room, y, nodes = FLOW_HEIGHT - GAP * (TOP + 1), 0, []
    for name, cents in order:
        height = max(cents * room // total, 2)
        slot = max(height, LINE)
        nodes.append(Node(name, _label(name, short), cents, y + (slot - height) // 2, height))
        y += slot + GAP
    return nodes


def _label(name: str, short: dict[str, str]) -> str:
    return name if _room(name) <= LABEL else fitting(short.get(name, name))


def fitting(name: str) -> str:
    """A name in the room that there is beside its node: whole words, then « … »."""
    if _room(name) <= LABEL:
        return name
    words = name.split()
    while len(words) > 1 and _room(" ".join(words)) >= LABEL:
        words.pop()
    return " ".join(words)[: int(LABEL / CAPITAL) if len(words) == 1 else None].rstrip(" ,;:-–(") + "…"


def _room(text: str) -> float:
    return sum(CAPITAL if letter.isupper() else 1 for letter in text)


def _bands(left: list[Node], right: list[Node], cents: Pairs, counts: Pairs) -> list[Band]:
    used: Counter[str] = Counter()
    arrived: Counter[str] = Counter()
    bands = []
    longest = max(cents.values())
    for body in left:
        for vendor in right:
            amount = cents[body.name, vendor.name]
            if not amount:
                continue
            from_top = body.y + body.height * used[body.name] // body.cents
            used[body.name] += amount
            from_end = max(body.y + body.height * used[body.name] // body.cents, from_top + 1)
            to_top = vendor.y + vendor.height * arrived[vendor.name] // vendor.cents
            arrived[vendor.name] += amount
            to_end = max(vendor.y + vendor.height * arrived[vendor.name] // vendor.cents, to_top + 1)
            start, end, bend = LEFT + NODE, RIGHT - NODE, (LEFT + RIGHT) // 2
            path = (
                f"M{start} {from_top}C{bend} {from_top} {bend} {to_top} {end} {to_top}"
                f"V{to_end}C{bend} {to_end} {bend} {from_end} {start} {from_end}Z"
            )
            strong = OTHERS not in (body.name, vendor.name) and amount * 100 >= body.cents * HALF
            bands.append(
                Band(
                    body.name, vendor.name, amount, counts[body.name, vendor.name], _percent(amount, body.cents),
                    strong, max(amount * WIDTH // longest, 1), path,
                )
            )  # fmt: skip
    return bands


# --- Concentration ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Share:
    """A vendor's part of a body's awards: percent with one decimal, and its place on the bar."""

    vendor: str
    cents: int
    percent: Decimal
    x: int
    width: int


@dataclass(frozen=True)
class Concentration:
    """`index`: Herfindahl-Hirschman, the sum of the squares of the shares in percent: 10 000 when one has all."""

    body: str
    cents: int
    count: int
    vendors: int
    shares: list[Share]
    index: int


def concentration(lines: list[Line]) -> list[Concentration]:
    """The ten greatest bodies, the most concentrated first. `shares`: the first three vendors, then the others."""
    bodies = []
    for body in _top(lines, "body"):
        own = [line for line in lines if line.body == body]
        totals: Counter[str] = Counter()
        whole = sum(line.cents for line in own)
        for line in own:
            totals[line.vendor] += line.cents
        order = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        parts = order[:TOP_SHARES]
        if left := sum(cents for _name, cents in order[TOP_SHARES:]):
            parts.append((OTHERS, left))
        shares, x, before = [], 0, 0
        for name, cents in parts:
            before += cents
            end = before * WIDTH // whole
            shares.append(Share(name, cents, _percent(cents, whole), x, end - x))
            x = end
        index = _rounded(sum(Decimal(cents * 100) ** 2 for cents in totals.values()) / Decimal(whole) ** 2)
        bodies.append(Concentration(body, whole, len(own), len(totals), shares, int(index)))
    return sorted(bodies, key=lambda one: (-one.index, -one.cents, one.body))


def _percent(part: int, whole: int) -> Decimal:
    return (Decimal(part * 100) / whole).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1), rounding=ROUND_HALF_UP)


# --- Delays ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Delay:
    """Median days of one body, None where nothing happened yet; `widths` on a scale common to all."""

    body: str
    count: int
    award: int | None
    contract: int | None
    payment: int | None
    widths: tuple[int, int, int] = (0, 0, 0)


def delays(lines: list[Line]) -> list[Delay]:
    """Publication → award, award → contract, invoice → payment: medians by body, in the order of their names."""
    medians = []
    for body in sorted({line.body for line in lines}):
        own = [line for line in lines if line.body == body]
        medians.append(
            Delay(
                body, len(own),
                _median([(line.awarded - line.published).days for line in own]),
                _median([(line.signed - line.awarded).days for line in own if line.signed]),
                _median([days for line in own for days in line.paid_days]),
            )
        )  # fmt: skip
    longest = max((days or 0 for row in medians for days in (row.award, row.contract, row.payment)), default=0) or 1

    def width(days: int | None) -> int:
        return (days or 0) * WIDTH // longest

    return [replace(row, widths=(width(row.award), width(row.contract), width(row.payment))) for row in medians]


def _median(values: list[int]) -> int | None:
    return int(_rounded(Decimal(str(median(values))))) if values else None


# --- Prices against ceilings -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Price:
    """One award on the scale from 0 to the ceiling: `price_x`, `budget_x`; percent of the notice's own maximum."""

    line: Line
    percent: Decimal
    price_x: int
    budget_x: int


def prices(lines: list[Line]) -> list[Price]:
    """The forty last awards, the nearest to their notice's maximum first."""
    last = sorted(lines, key=lambda line: (line.awarded, line.number), reverse=True)[:MOST_PRICES]
    last_prices = [
        Price(
            line,
            _percent(line.cents, line.budget_cents),
            min(line.cents * WIDTH // line.ceiling_cents, WIDTH),
            min(line.budget_cents * WIDTH // line.ceiling_cents, WIDTH),
        )
        for line in last
    ]
    return sorted(last_prices, key=lambda price: (-price.percent, price.line.number))
