"""`/signaux/`: what is computed, how, why it may be normal, and how many: never which procurement.

Only awarded procurements count, and only years and bodies with enough awards that a total points at nobody.
"""

from collections import Counter, defaultdict

from django.contrib.auth.decorators import login_not_required
from django.db.models import Count
from django.db.models.functions import ExtractYear
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.flags.catalogue import CATALOGUE
from audit.flags.thresholds import START, THRESHOLDS
from audit.models import RedFlag
from marketplace.cache import public_page
from marketplace.dates import clock
from marketplace.dates.localtime import ZONE, local
from opportunities.models import PublicBody
from proposals.models import Award

LEAST = 5  # awards


def totals() -> dict:
    """{years, codes, bodies}: counts by code and year, by body; four queries."""
    awarded = Award.objects.standing()
    by_year = awarded.values(year=ExtractYear("at", tzinfo=ZONE)).annotate(n=Count("pk")).order_by("year")
    years = {row["year"]: row["n"] for row in by_year if row["n"] >= LEAST}
    by_body = awarded.values("opportunity__body").annotate(n=Count("pk"))
    bodies = {row["opportunity__body"]: row["n"] for row in by_body if row["n"] >= LEAST}
    flags = RedFlag.objects.standing().filter(opportunity__state="awarded", opportunity__awards__reversed_at=None)
    counted = flags.values(
        "code", "opportunity__body", "opportunity", year=ExtractYear("opportunity__awards__at", tzinfo=ZONE)
    ).annotate(n=Count("pk"))
    cells: Counter[tuple[str, int]] = Counter()
    of_body: Counter[int] = Counter()
    flagged = defaultdict(set)
    for row in counted.order_by():
        body = row["opportunity__body"]
        cells[row["code"], row["year"]] += row["n"]
        of_body[body] += row["n"]
        flagged[body].add(row["opportunity"])
    names = PublicBody.objects.filter(pk__in=bodies).order_by("sort_key", "pk")
    return {
        "years": list(years.items()),
        "codes": {code: [cells[code, year] for year in years] for code in CATALOGUE},
        "bodies": [
            {
                "name": body.name,
                "awards": bodies[body.pk],
                "flags": of_body[body.pk],
                "flagged": len(flagged[body.pk]),
            }
            for body in names
        ],
    }


@login_not_required
@public_page
@require_safe
def signals(request: HttpRequest) -> HttpResponse:
    counted, on = totals(), local(clock.now()).date()
    rows = [
        {
            "entry": entry,
            "threshold": max(
                ((since, value) for since, value in THRESHOLDS.get(code, []) if since <= on), default=None
            ),
            "counts": list(zip([year for year, _n in counted["years"]], counted["codes"][code], strict=True)),
        }
        for code, entry in CATALOGUE.items()
    ]
    context = {"rows": rows, "years": counted["years"], "bodies": counted["bodies"], "least": LEAST, "origin": START}
    return render(request, "audit/public_flags.html", context)
