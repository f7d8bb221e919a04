"""How a view finds the occasion that an address names, for those who work on it; everybody else gets 404."""

from datetime import datetime

from django.http import Http404
from django.shortcuts import get_object_or_404

from marketplace.requests import PersonRequest
from opportunities import rules
from opportunities.models import Opportunity


def of_my_body(request: PersonRequest, number: str, *, at: datetime) -> Opportunity:
    """The occasion for the people of its body; Http404 for anyone else, published or not, who leaves no trace."""
    rows = Opportunity.objects.visible_to(request.user, at=at).select_related("body", "author", "submitted_by")
    opportunity = get_object_or_404(rows, number=number)
    if not rules.works_there(opportunity, request.user):
        raise Http404
    return opportunity
