"""The auditors' floor: who may enter, and its first page, what awaits."""

from functools import wraps

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit import rules
from audit.models import Monitoring, RedFlag, SamplingPlan
from audit.standing import standing
from marketplace import clock
from marketplace.localtime import local
from marketplace.models import Checkpoint
from opportunities.models import Opportunity
from proposals.evaluating import refuse_if_tied

FEW = 5


def auditors_only(view):
    """The page exists for auditors; 404 for everybody else, administrators included."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not rules.is_auditor(None, request.user):
            raise Http404
        return view(request, *args, **kwargs)

    return never_cache(guarded)


def occasion_for(request: HttpRequest, number: str, *, officers: bool = False) -> Opportunity:
    """A published occasion, for auditors (and, if asked, the officers of its body); 404 for others; 403 for the tied.

    Whoever answers an occasion neither audits it nor reads its rivals.
    """
    found = Opportunity.objects.visible_to(request.user).public().select_related("body", "author")
    opportunity = get_object_or_404(found, number=number)
    officer = officers and "officer" in rules.occasion.roles_in(request.user, opportunity.body_id)
    if not (rules.is_auditor(opportunity, request.user) or officer):
        raise Http404
    refuse_if_tied(opportunity, request.user)
    return opportunity


@require_safe
@auditors_only
def home(request: HttpRequest) -> HttpResponse:
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
