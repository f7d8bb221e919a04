"""The auditors' floor: who may enter which page."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache

from audit import rules
from marketplace.acts import View
from marketplace.models import User
from marketplace.requests import PersonRequest
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from proposals.access import refuse_if_tied


def _exists_for(may: Callable[[User], bool]) -> Callable[[View], View]:
    """A decorator: the page exists for some people; 404 for everybody else, administrators included."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: PersonRequest, *args, **kwargs) -> HttpResponseBase:
            if not may(request.user):
                raise Http404
            return view(request, *args, **kwargs)

        return never_cache(guarded)

    return decorate


def _audits(user: User) -> bool:
    return rules.is_auditor(None, user)


def _audits_or_oversees(user: User) -> bool:
    return user.is_auditor or user.body_memberships.filter(role="officer").exists()


auditors_only = _exists_for(_audits)
auditors_and_officers = _exists_for(_audits_or_oversees)


def occasion_for(request: PersonRequest, number: str, *, officers: bool = False) -> Opportunity:
    """A published occasion, for auditors (and, if asked, the officers of its body); 404 for others; 403 for the tied.

    Whoever answers an occasion neither audits it nor reads its rivals.
    """
    published = Opportunity.objects.visible_to(request.user).public().select_related("body", "author")
    opportunity = get_object_or_404(published, number=number)
    officer = officers and "officer" in occasion_rules.roles_in(request.user, opportunity.body_id)
    if not (rules.is_auditor(opportunity, request.user) or officer):
        raise Http404
    refuse_if_tied(opportunity, request.user)
    return opportunity
