"""The auditors' floor: who may enter, and its first page, what awaits."""

from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache

from audit import rules
from opportunities.models import Opportunity
from proposals.access import refuse_if_tied


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
