"""Our own formulas about what a body does: splitting, clustering, windows, addenda, reversals, amendments, payments.

Each: (world, at) -> measures, like those of ocp.py. The formulas about bidders are in bidders.py.
"""

import re
from collections import Counter, defaultdict
from datetime import timedelta
from fractions import Fraction
from statistics import median

from audit.flags.data import Measure, Procurement, World, decimal
from audit.flags.ocp import _day, _in_order
from audit.flags.thresholds import threshold
from marketplace.dates.calendar import business_days_between
from marketplace.dates.localtime import local
from marketplace.search import fold, sort_key, words

# Words that number the parts of one need.
_PARTS = frozenset(words("phase lot partie volet tranche étape suite ii iii iv un deux trois"))


# --- Splitting -------------------------------------------------------------------------------------------------------
Need = tuple[frozenset[str], frozenset[str]]
_WEIGHT = 1_000_000


def need(row: Procurement) -> Need:
    """(stems of the title and of the summary, runs of three letters of the title), without what numbers a part."""
    stems = frozenset(w for w in words(f"{row.title} {row.teaser}") if w not in _PARTS and not w.isdigit())
    title = " ".join(w for w in re.findall(r"[a-z]{2,}", fold(row.title)) if w not in _PARTS)
    return stems, frozenset(title[start : start + 3] for start in range(len(title) - 2))


def weights(needs: list[Need]) -> list[dict[str, int]]:
    """What each word, then each trigram, counts for: one over the number of needs that have it.

    Notices share much: « application mobile pour », the sentences of a body. What few others say tells a need apart.
    """
    counts: list[Counter[str]] = [Counter(), Counter()]
    for one in needs:
        for count, elements in zip(counts, one, strict=True):
            count.update(elements)
    return [{element: _WEIGHT // times for element, times in count.items()} for count in counts]


def likeness(one: Need, other: Need, rarity: list[dict[str, int]]) -> Fraction:
    """How alike two needs are, 0 to 1: the mean of the weighted Jaccard indexes of words and of trigrams."""
    total = Fraction(0)
    for mine, theirs, weight in zip(one, other, rarity, strict=True):
        shared = sum(weight[element] for element in mine & theirs)
        if shared:
            total += Fraction(shared, sum(weight[element] for element in mine | theirs))
    return total / len(rarity)


def split(world: World, at) -> list[Measure]:
    """Each occasion with what the body bought alike in the 12 months before: the sum, where it reaches the ceiling.

    Alike: the needs are, or one vendor got both and they are somewhat. Each amount is under the ceiling.
    """
    rows = [(row, need(row)) for row in _in_order(world)]
    rarity = weights([one for _row, one in rows])
    by_body: defaultdict[int, list[tuple[Procurement, Need]]] = defaultdict(list)
    measures = []
    for row, mine in rows:
        if row.ended or not 0 < row.amount_cents < row.ceiling_cents:
            continue
        if world.about in ("", row.number):
            measures.append(_split_of(row, mine, by_body[row.body], rarity))
        by_body[row.body].append((row, mine))
    return measures


def _split_of(row: Procurement, mine: Need, earlier: list, rarity) -> Measure:
    on = _day(row.published_at)
    since = row.published_at - timedelta(days=int(threshold("SPLIT.DAYS", on)))
    alike, same_vendor = threshold("SPLIT.ALIKE", on), threshold("SPLIT.SAME", on)
    total, others = row.amount_cents, []
    for other, theirs in earlier:
        if other.published_at < since:
            continue
        same = row.award and other.award and row.award.vendor == other.award.vendor
        if likeness(mine, theirs, rarity) >= (same_vendor if same else alike):
            others.append(other.number)
            total += other.amount_cents
    details = {"others": others, "total_cents": total, "ceiling_cents": row.ceiling_cents}
    flagged = bool(others) and total >= row.ceiling_cents
    value, ceiling = Fraction(total, 100), Fraction(row.ceiling_cents, 100)
    return Measure(row.number, decimal(value), decimal(ceiling), flagged, details=details)


# --- Amounts just under the ceiling ----------------------------------------------------------------------------------
def cluster(world: World, at) -> list[Measure]:
    """Per body, over the last 12 months: the share of its awards in the last tenth under the ceiling.

    Told at the last of them.
    """
    on = _day(at)
    since = at - timedelta(days=int(threshold("CLUSTER.DAYS", on)))
    band, limit, least = threshold("CLUSTER.BAND", on), threshold("CLUSTER", on), threshold("CLUSTER.LEAST", on)
    awarded: Counter[int] = Counter()
    near = defaultdict(list)
    for row in _in_order(world):
        if not row.award or not since <= row.award.at <= at:
            continue
        awarded[row.body] += 1
        if row.ceiling_cents * (1 - Fraction(band)) <= row.award.amount_cents < row.ceiling_cents:
            near[row.body].append(row)
    measures = []
    for body, count in awarded.items():
        share = Fraction(len(near[body]), count)
        number = near[body][-1].number if near[body] else ""
        flagged = share >= limit and len(near[body]) >= least
        details = {"near": [row.number for row in near[body]], "awards": count, "body": body}
        measures.append(Measure(number, decimal(share), decimal(limit), flagged, details=details))
    return measures


# --- The notice ------------------------------------------------------------------------------------------------------
def window(world: World, at) -> list[Measure]:
    """Business days to answer; or days under the least that needs no reason, when no reason is recorded.

    What R003 says already is left to it.
    """
    measures = []
    for row in _in_order(world):
        first, last = _day(row.published_at), _day(row.closes_at)
        if (row.closes_at - row.published_at).days < threshold("R003", first):
            continue
        business, days = business_days_between(first, last), (last - first).days
        limit, least = threshold("WINDOW", first), threshold("WINDOW.DAYS", first)
        details = {"business": business, "days": days, "reason": bool(row.short_reason.strip())}
        if days < least and not row.short_reason.strip():
            measures.append(
                Measure(row.number, decimal(days), decimal(least), True, details=details | {"why": "reason"})
            )
        else:
            measures.append(
                Measure(row.number, decimal(business), decimal(limit), business < limit,
                        details=details | {"why": "holidays"})
            )  # fmt: skip
    return measures


def late_addendum(world: World, at) -> list[Measure]:
    """Hours from the last addendum to the closing, as it stood in the end: one that moved the closing is not late."""
    measures = []
    for row in _in_order(world):
        if not row.addenda:
            continue
        limit = threshold("LATE_ADD", _day(row.published_at))
        hours = Fraction(int((row.closes_at - max(row.addenda)).total_seconds()), 3600)
        late = sum(row.closes_at - instant <= timedelta(hours=int(limit)) for instant in row.addenda)
        details = {"hours": str(decimal(hours)), "late": late}
        measures.append(Measure(row.number, decimal(hours), decimal(limit), hours <= limit, details=details))
    return measures


# --- The award and after ---------------------------------------------------------------------------------------------
def reversed_award(world: World, at) -> list[Measure]:
    """Awards reversed."""
    measures = []
    for row in _in_order(world):
        if row.awards:
            limit = threshold("REVERSED", _day(row.published_at))
            undone = [award for award in row.awards if award.reversed_at is not None]
            vendors = sorted({world.name(award.vendor) for award in undone}, key=sort_key)
            details = {"reversed": len(undone), "vendors": vendors}
            measures.append(
                Measure(row.number, decimal(len(undone)), decimal(limit), len(undone) >= limit, details=details)
            )
    return measures


def renoted(world: World, at) -> list[Measure]:
    """Re-examinations, of notes or of an admission, accepted after the notes were frozen."""
    measures = []
    for row in _in_order(world):
        if row.renoted:
            limit = threshold("RENOTED", _day(row.published_at))
            vendors = sorted({world.name(one.vendor) for one in row.renoted}, key=sort_key)
            details = {"count": len(row.renoted), "vendors": vendors, "changes": [one.change for one in row.renoted]}
            flagged = len(row.renoted) >= limit
            measures.append(Measure(row.number, decimal(len(row.renoted)), decimal(limit), flagged, details=details))
    return measures


def amended(world: World, at) -> list[Measure]:
    """What amendments added to a contract's value, over the initial value; or how many there are."""
    measures = []
    for row in _in_order(world):
        if row.contract is None or not row.contract.amount_cents:
            continue
        on = _day(row.published_at)
        added = sum(amendment.delta_cents for amendment in row.contract.amendments)
        share, count = Fraction(added, row.contract.amount_cents), len(row.contract.amendments)
        limit, most = threshold("AMEND", on), threshold("AMEND.COUNT", on)
        details = {"added_cents": added, "initial_cents": row.contract.amount_cents, "count": count}
        flagged = share > limit or count >= most
        vendor = row.award.vendor if row.award else None
        measures.append(Measure(row.number, decimal(share), decimal(limit), flagged, vendor, details))
    return measures


def slow_payment(world: World, at) -> list[Measure]:
    """The median of the days from what is owed to its payment. Not paid yet: to today, once that passes the limit."""
    measures, today = [], local(at).date()
    for row in _in_order(world):
        if row.contract is None:
            continue
        limit, days, late = threshold("SLOWPAY", _day(row.published_at)), [], 0
        for invoice in row.contract.invoices:
            waited = ((invoice.paid_on or today) - invoice.owed_from).days
            if invoice.paid_on or waited > limit:
                days.append(waited)
                late += waited > limit
        if days:
            middle = Fraction(median(map(Fraction, days)))
            details = {"median": str(decimal(middle)), "invoices": len(days), "late": late}
            measures.append(Measure(row.number, decimal(middle), decimal(limit), middle > limit, details=details))
    return measures


FORMULAS = {
    "SPLIT": split, "CLUSTER": cluster, "WINDOW": window, "LATE_ADD": late_addendum, "REVERSED": reversed_award,
    "RENOTED": renoted,    "AMEND": amended, "SLOWPAY": slow_payment,
}  # fmt: skip
