"""What the home page counts: computed from the tables at each showing, never typed. None: nothing to say yet."""

from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from django.db.models import Count, Sum, Window

from marketplace.dates.localtime import local
from marketplace.lifecycle import known
from proposals.models import Award, Opening

LATEST = 500  # awards read for the median: bounded work however many there are


@dataclass(frozen=True)
class Figures:
    """awarded_cents: sum of standing awards, before taxes. days: median from publication to award, latest 500."""

    awards: int
    awarded_cents: int
    days: int | None
    proposals: Decimal | None


def compute() -> Figures:
    """Two queries: standing awards, and openings with what they received."""
    rows = list(
        Award.objects.standing()
        .annotate(awards=Window(Count("pk")), total=Window(Sum("amount_cents")))
        .order_by("-at", "-pk")
        .values_list("awards", "total", "at", "opportunity__published_at")[:LATEST]
    )
    awards, total = rows[0][:2] if rows else (0, 0)
    durations = [(local(at).date() - local(known(published)).date()).days for _n, _total, at, published in rows]
    opened = Opening.objects.aggregate(openings=Count("pk", distinct=True), received=Count("proposals"))
    mean = Decimal(opened["received"]) / opened["openings"] if opened["openings"] else None
    return Figures(awards, int(total), round(median(durations)) if durations else None, mean)
