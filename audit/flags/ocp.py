"""The eleven indicators of the Open Contracting Partnership (Cardinal, docs/cli/indicators/R) that our data can feed.

Each: (world, at) -> measures, whole populations included. `least`: how many values are compared before quartiles count
(OCP compares from one value on). Ours say how much where OCP's value is always 1: who is flagged is the same.
"""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from audit.flags.data import Measure, Procurement, World, decimal, quartiles
from audit.flags.thresholds import threshold
from marketplace.dates.localtime import local
from marketplace.search import sort_key

FENCE = Fraction(3, 2)  # interquartile ranges beyond a quartile


def _day(at: datetime) -> date:
    return local(at).date()


def _least(at: datetime, given: int | None) -> int:
    return int(threshold("PEERS", _day(at))) if given is None else given


def _in_order(world: World) -> list[Procurement]:
    return sorted(world.procurements, key=lambda row: (row.published_at, row.number))


def _opened(world: World) -> list[Procurement]:
    return [row for row in _in_order(world) if row.proposals is not None]


def r003(world: World, at: datetime, days: int | None = None) -> list[Measure]:
    """Short submission period: whole days from publication to closing, under the threshold."""
    measures = []
    for row in _in_order(world):
        limit = threshold("R003", _day(row.published_at)) if days is None else days
        value = (row.closes_at - row.published_at).days
        measures.append(
            Measure(row.number, decimal(value), decimal(limit), value < limit, details={"days": value})
        )  # fmt: skip
    return measures


def r018(world: World, at: datetime) -> list[Measure]:
    """Single bid received. Every occasion here is an open procedure."""
    measures = []
    for row in _opened(world):
        limit, value = threshold("R018", _day(row.published_at)), len(row.opened)
        if value:
            measures.append(Measure(row.number, decimal(value), decimal(limit), value == limit))
    return measures


def _differences(world: World) -> dict[str, tuple[Fraction, int]]:
    """{procurement: ((second lowest valid price - winning price) over the winning price, the vendor that won)}.

    Where the lowest valid price won.
    """
    differences = {}
    for row in _opened(world):
        if not row.award or not row.asks_price:
            continue
        winner = row.award.vendor
        priced = [(p.vendor, p.price_cents) for p in row.valid if p.price_cents]
        won = [cents for vendor, cents in priced if vendor == winner]
        lost = [cents for vendor, cents in priced if vendor != winner]
        if won and lost and min(lost) >= min(won):
            differences[row.number] = Fraction(min(lost) - min(won), min(won)), winner
    return differences


def _price_gap(world: World, at: datetime, least: int | None, *, low: bool) -> list[Measure]:
    differences = _differences(world)
    if len(differences) < max(1, _least(at, least)):
        return []
    first, _median, third = quartiles([value for value, _winner in differences.values()])
    fence = first - FENCE * (third - first) if low else third + FENCE * (third - first)
    return [
        Measure(
            number, decimal(value), decimal(fence), value <= fence if low else value >= fence, winner,
            {"percent": str(decimal(value * 100)), "fence": str(decimal(fence * 100)), "compared": len(differences)},
        )
        for number, (value, winner) in differences.items()
    ]  # fmt: skip


def r024(world: World, at: datetime, least: int | None = None) -> list[Measure]:
    """Price close to the winning bid: the difference is at or under Q1 - 1.5 IQR."""
    return _price_gap(world, at, least, low=True)


def r058(world: World, at: datetime, least: int | None = None) -> list[Measure]:
    """Heavily discounted bid: the difference is at or over Q3 + 1.5 IQR."""
    return _price_gap(world, at, least, low=False)


def r025(world: World, at: datetime, least: int | None = None, bids: int | None = None) -> list[Measure]:
    """Excessive unsuccessful bids: a vendor that bids as much as the upper quarter, and wins unusually seldom.

    `bids`: the least that counts. Who bid once won all or nothing, and would stretch the quartiles to both ends.
    """
    bids = int(threshold("R025.LEAST", _day(at))) if bids is None else bids
    won: Counter[int] = Counter()
    every: Counter[int] = Counter()
    last = {}
    for row in _opened(world):
        if not row.award:
            continue
        for vendor in {proposal.vendor for proposal in row.valid}:
            every[vendor] += 1
            won[vendor] += vendor == row.award.vendor
            last[vendor] = row.number
    sent = {vendor: count for vendor, count in every.items() if count >= bids}
    if len(sent) < max(1, _least(at, least)):
        return []
    ratios = {vendor: Fraction(won[vendor], sent[vendor]) for vendor in sent}
    first, _median, third = quartiles(list(ratios.values()))
    fence = first - FENCE * (third - first)
    many = quartiles([Fraction(count) for count in sent.values()])[2]
    return [
        Measure(
            last[vendor], decimal(ratios[vendor]), decimal(fence), sent[vendor] >= many and ratios[vendor] <= fence,
            vendor, {"won": won[vendor], "sent": sent[vendor], "vendor": world.name(vendor)},
        )
        for vendor in sorted(sent)
    ]  # fmt: skip


def r028(world: World, at: datetime) -> list[Measure]:
    """Identical bid prices, from different vendors. Not where the body announced the price."""
    measures = []
    for row in _opened(world):
        by_price = defaultdict(set)
        for proposal in row.opened:
            if row.asks_price and proposal.price_cents:
                by_price[proposal.price_cents].add(proposal.vendor)
        if not by_price:
            continue
        limit = threshold("R028", _day(row.published_at))
        price, same = max(by_price.items(), key=lambda pair: (len(pair[1]), -pair[0]))
        details = {"cents": price, "vendors": sorted((world.name(v) for v in same), key=sort_key), "ids": sorted(same)}
        measures.append(Measure(row.number, decimal(len(same)), decimal(limit), len(same) >= limit, details=details))
    return measures


def r030(world: World, at: datetime) -> list[Measure]:
    """Late bid won. The database refuses a late proposal: this sees what would have been written around it."""
    measures = []
    for row in _opened(world):
        if not row.award:
            continue
        winner = row.award.vendor
        received_at = next((p.received_at for p in row.valid if p.vendor == winner and p.received_at), None)
        if received_at:
            limit = threshold("R030", _day(row.published_at))
            late = Fraction(int((received_at - row.closes_at).total_seconds()), 60)
            measures.append(
                Measure(
                    row.number, decimal(max(late, Fraction(0))), decimal(limit), received_at > row.closes_at, winner,
                    {"minutes": str(decimal(late)), "vendor": world.name(winner)},
                )
            )  # fmt: skip
    return measures


def r035(world: World, at: datetime) -> list[Measure]:
    """All except the winning bid disqualified."""
    measures = []
    for row in _opened(world):
        if not row.award or {proposal.vendor for proposal in row.valid} != {row.award.vendor}:
            continue
        limit = threshold("R035", _day(row.published_at))
        others = {proposal.vendor for proposal in row.rejected} - {row.award.vendor}
        details = {"rejected": len(others), "vendor": world.name(row.award.vendor)}
        measures.append(
            Measure(row.number, decimal(len(others)), decimal(limit), len(others) >= limit, row.award.vendor, details)
        )
    return measures


def r036(world: World, at: datetime) -> list[Measure]:
    """Lowest bid disqualified, where the price alone decides."""
    measures = []
    for row in _opened(world):
        priced = sorted((p.price_cents, p.vendor) for p in row.opened if p.price_cents)
        out = {(p.price_cents, p.vendor) for p in row.rejected if p.price_cents}
        if not row.award or row.mode != "price" or not priced:
            continue
        rank = next((place for place, bid in enumerate(priced, start=1) if bid in out), None)
        if rank is None:
            continue
        limit, vendor = threshold("R036", _day(row.published_at)), priced[rank - 1][1]
        details = {"cents": priced[0][0], "award_cents": row.award.amount_cents, "vendor": world.name(vendor)}
        measures.append(Measure(row.number, decimal(rank), decimal(limit), rank <= limit, vendor, details))
    return measures


@dataclass
class _Tally:
    """Proposals received and rejected; `last`: the procurement of the last rejection."""

    received: int = 0
    rejected: int = 0
    last: str = ""


def r038(world: World, at: datetime, least: int | None = None, bids: int | None = None) -> list[Measure]:
    """Excessive disqualified bids, per body (no vendor) and per vendor; `bids`: the least that counts.

    A ratio of zero is never flagged, even where it is also the fence.
    """
    bids = int(threshold("R038.LEAST", _day(at))) if bids is None else bids
    tallies: dict[str, defaultdict[int, _Tally]] = {"body": defaultdict(_Tally), "vendor": defaultdict(_Tally)}
    for row in _opened(world):
        for proposal in row.opened:
            for kind, key in (("body", row.body), ("vendor", proposal.vendor)):
                tally = tallies[kind][key]
                tally.received += 1
                if proposal.admitted is False:
                    tally.rejected += 1
                    tally.last = row.number
    measures = []
    for kind, tally_of in tallies.items():
        ratios = {key: Fraction(t.rejected, t.received) for key, t in tally_of.items() if t.received >= bids}
        if len(ratios) < max(1, _least(at, least)):
            continue
        first, _median, third = quartiles(list(ratios.values()))
        fence = third + FENCE * (third - first)
        for key in sorted(ratios):
            tally = tally_of[key]
            details = {
                "rejected": tally.rejected,
                "received": tally.received,
                "of": kind,
                kind: world.name(key) if kind == "vendor" else key,
            }
            flagged = ratios[key] >= fence and tally.rejected > 0
            vendor = key if kind == "vendor" else None
            measures.append(Measure(tally.last, decimal(ratios[key]), decimal(fence), flagged, vendor, details))
    return measures


def r048(world: World, at: datetime, least: int | None = None) -> list[Measure]:
    """Heterogeneous supplier. Occasions here have no classification code: the skills asked for stand for it."""
    skills: defaultdict[int, set[str]] = defaultdict(set)
    last = {}
    for row in _in_order(world):
        if row.award and row.skills:
            skills[row.award.vendor] |= row.skills
            last[row.award.vendor] = row.number
    if len(skills) < max(1, _least(at, least)):
        return []
    first, _median, third = quartiles([Fraction(len(kinds)) for kinds in skills.values()])
    fence = math.ceil(third + FENCE * (third - first))
    return [
        Measure(
            last[vendor], decimal(len(kinds)), decimal(fence), len(kinds) >= fence, vendor,
            {"skills": len(kinds), "vendor": world.name(vendor)},
        )
        for vendor, kinds in sorted(skills.items())
    ]  # fmt: skip


FORMULAS = {
    "R003": r003, "R018": r018, "R024": r024, "R025": r025, "R028": r028, "R030": r030, "R035": r035, "R036": r036,
    "R038": r038, "R048": r048, "R058": r058,
}  # fmt: skip
