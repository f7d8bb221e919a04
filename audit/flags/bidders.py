"""Our own formulas about who bids: affiliated bidders, repeated single bids, winners that take turns.

Each: (world, at) -> measures, like those of ocp.py. They read opened proposals only.
"""

from collections import Counter, defaultdict
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from itertools import combinations

from audit.flags.data import Measure, Proposal, Vendor, World, decimal
from audit.flags.minhash import estimate, jaccard, shingles, signature
from audit.flags.ocp import _day, _opened
from audit.flags.thresholds import threshold
from marketplace.search import sort_key

STRONG, WEAK = Fraction(1), Fraction(1, 2)
CLUES = {
    "people": STRONG, "declared": STRONG,
    "account": STRONG, "address": STRONG, "phone": STRONG, "text": STRONG, "documents": STRONG,
    "domain": WEAK, "postal_code": WEAK,
}  # fmt: skip
LEAST_SHINGLES = 30  # a shorter text says too little to be a copy
MARGIN = 0.2  # over four standard errors of the estimate: what the signatures discard cannot be near enough


def affiliated(world: World, at) -> list[Measure]:
    """Per occasion: the pair of bidders with the most clues that they are one house."""
    measures = []
    for row in _opened(world):
        if len(row.opened) < 2:
            continue
        on = _day(row.published_at)
        limit, pairs = threshold("AFFIL", on), []
        quoted = shingles(row.notice)
        texts = {proposal.vendor: _Text(proposal.text, quoted) for proposal in row.opened}
        shared = Counter(mark for proposal in row.opened for mark in proposal.marks)
        for one, other in combinations(sorted(row.opened, key=lambda proposal: proposal.vendor), 2):
            clues = _clues(world, one, other, shared)
            if texts[one.vendor].near(texts[other.vendor], float(threshold("AFFIL.TEXT", on))):
                clues.add("text")
            if "address" in clues:
                clues.discard("postal_code")  # said already
            weight = sum(CLUES[clue] for clue in clues)
            if weight:
                pairs.append((weight, one.vendor, other.vendor, sorted(clues)))
        strongest = max((weight for weight, *_rest in pairs), default=Fraction(0))
        strong = [
            {"ids": [one, other], "vendors": [world.name(one), world.name(other)], "clues": clues}
            for weight, one, other, clues in pairs
            if weight >= limit
        ]
        measures.append(
            Measure(row.number, decimal(strongest), decimal(limit), strongest >= limit, details={"pairs": strong})
        )
    return measures


def _clues(world: World, one: Proposal, other: Proposal, shared: Counter) -> set[str]:
    mine, theirs = world.vendors.get(one.vendor), world.vendors.get(other.vendor)
    clues = set()
    if mine and theirs:
        for clue in ("account", "address", "phone", "domain", "postal_code"):
            if getattr(mine, clue) and getattr(mine, clue) == getattr(theirs, clue):
                clues.add(clue)
    # Who sent an answer and left since is behind it all the same.
    if other.vendor in one.declared or one.vendor in other.declared:
        clues.add("declared")
    elif _people(mine, one) & _people(theirs, other):
        clues.add("people")
    # A mark that three proposals bear is a template's.
    if any(shared[mark] == 2 for mark in one.marks & other.marks):
        clues.add("documents")
    return clues


def _people(vendor: Vendor | None, proposal: Proposal) -> frozenset[int]:
    return proposal.hands | vendor.people if vendor else proposal.hands


class _Text:
    """One answer's shingles, without what quotes the notice; its signature once it is asked for."""

    def __init__(self, text: str, quoted: frozenset[str]):
        self.shingles = shingles(text) - quoted

    @cached_property
    def signature(self) -> tuple[int, ...]:
        return signature(self.shingles)

    def near(self, other: "_Text", limit: float) -> bool:
        """Sizes and signatures discard what is far; the sets decide."""
        small, large = sorted([len(self.shingles), len(other.shingles)])
        if small < LEAST_SHINGLES or small < limit * large:  # then the Jaccard index is under the limit
            return False
        if estimate(self.signature, other.signature) < limit - MARGIN:
            return False
        return jaccard(self.shingles, other.shingles) >= limit


def single(world: World, at) -> list[Measure]:
    """Per body and vendor, over the last two years: occasions where that vendor alone answered. Told at the last."""
    on = _day(at)
    since, limit = at - timedelta(days=int(threshold("SINGLE.DAYS", on))), threshold("SINGLE", on)
    alone = defaultdict(list)
    for row in _opened(world):
        if len(row.opened) == 1 and since <= row.closes_at <= at:
            alone[row.body, row.opened[0].vendor].append(row.number)
    return [
        Measure(
            numbers[-1], decimal(len(numbers)), decimal(limit), len(numbers) >= limit, vendor,
            {"numbers": numbers, "vendor": world.name(vendor)},
        )
        for (_body, vendor), numbers in sorted(alone.items())
    ]  # fmt: skip


def rotation(world: World, at) -> list[Measure]:
    """Per group that meets often: the share of its rounds (as many occasions as members) in which each won once.

    A group: the exact bidders of three occasions at least; then every occasion where all of them bid counts, if one of
    them won it. Told at the last of them.
    """
    on = _day(at)
    limit, least = threshold("ROTATE", on), int(threshold("ROTATE.LEAST", on))
    settled = [(row, row.award, frozenset(p.vendor for p in row.opened)) for row in _opened(world) if row.award]
    met = Counter(bidders for _row, _award, bidders in settled)
    measures = []
    for group in sorted((group for group, times in met.items() if times >= 3 and len(group) > 1), key=sorted):
        theirs = [(award, row.number) for row, award, bidders in settled if group <= bidders and award.vendor in group]
        if len(theirs) < least:
            continue
        theirs.sort(key=lambda pair: (pair[0].at, pair[1]))
        winners, size = [award.vendor for award, _number in theirs], len(group)
        rounds = [set(winners[start : start + size]) for start in range(len(winners) - size + 1)]
        if not rounds:
            continue
        share = Fraction(sum(won == group for won in rounds), len(rounds))
        details = {
            "ids": sorted(group), "vendors": sorted((world.name(vendor) for vendor in group), key=sort_key),
            "numbers": [number for _award, number in theirs],
        }  # fmt: skip
        measures.append(Measure(theirs[-1][1], decimal(share), decimal(limit), share >= limit, details=details))
    return measures


FORMULAS = {"AFFIL": affiliated, "SINGLE": single, "ROTATE": rotation}
