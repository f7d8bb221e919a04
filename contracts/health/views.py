"""The board of contracts under way."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts.access import for_people_of_bodies
from contracts.enums import State
from contracts.health import measures
from contracts.models import Contract
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.requests import PersonRequest

MOST_ROWS = 200


@never_cache
@require_safe
def board(request: PersonRequest) -> HttpResponse:
    """Contracts under way, the worst first: of the person's bodies; of every body for auditors."""
    at, user = clock.now(), request.user
    for_people_of_bodies(user)
    rows = Contract.objects.filter(state=State.ACTIVE)
    rows = rows if user.is_auditor else rows.of_body(user)
    # The oldest ends are where the trouble is, should there ever be more than one page can hold.
    rows = rows.for_list().order_by("end_date", "pk").prefetch_related("milestones__deliveries", "invoices")
    contracts = list(rows[: MOST_ROWS + 1])
    measured = [measures.of(contract, at=at) for contract in contracts[:MOST_ROWS]]
    measured.sort(key=lambda health: (-health.worst, not health.soon))
    context = {
        "rows": measured,
        "more": len(contracts) > MOST_ROWS,
        "most": MOST_ROWS,
        "late": sum(health.worst > 0 for health in measured),
        "everybody": user.is_auditor,
        "today": local(at).date(),
    }
    return render(request, "contracts/health.html", context)


urlpatterns = [path("projets/", board, name="projects")]
