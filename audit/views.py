"""The first page of the auditors’ floor: what awaits."""

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from audit.access import auditors_only
from audit.cases.status import standing
from audit.models import Monitoring, RedFlag, SamplingPlan
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.models import Checkpoint
from marketplace.requests import PersonRequest

FEW = 5


@require_safe
@auditors_only
def home(request: PersonRequest) -> HttpResponse:
    """What awaits an auditor: late cases, answers to read, new signals, the last checkpoints and samples."""
    today = local(clock.now()).date()
    cases, flags = Monitoring.objects.visible_to(request.user), RedFlag.objects.visible_to(request.user)
    new = flags.standing().filter(state="new").values("code").annotate(n=Count("pk")).order_by("-n", "code")
    late = cases.late(today).select_related("opportunity__body").order_by("due_on", "pk")[:FEW]
    to_read = cases.awaiting_auditor().select_related("opportunity__body").order_by("pk")[:FEW]
    context = {
        "late": [(case, standing(case, today)) for case in late],
        "to_read": [(case, standing(case, today)) for case in to_read],
        "flags": list(new),
        "checkpoints": list(Checkpoint.objects.order_by("-size")[:FEW]),
        "plans": list(SamplingPlan.objects.visible_to(request.user).order_by("-at", "-pk")[:FEW]),
    }
    return render(request, "audit/home.html", context)


urlpatterns = [path("", home, name="home")]
