"""`{% load monitor %}`: where whoever reads a page may audit an occasion; no link answers them 403."""

from typing import Any

from django import template
from django.urls import reverse

from audit import rules
from marketplace.accounts.person import Visitor
from opportunities.models import Opportunity
from proposals.models import Proposal

register = template.Library()


@register.filter
def may_be_monitored_by(opportunity: Opportunity, user: Visitor) -> bool:
    """`{% if occasion|may_be_monitored_by:user %}`: whether they may open a case about it."""
    return opportunity.is_public() and rules.can_monitor(opportunity, user)


@register.simple_tag(takes_context=True)
def story_url(context: dict[str, Any], number: str) -> str:
    """`{% story_url occasion.number %}`: its whole story, or its public page where a vendor of this auditor answered.

    One query a person, whatever the number of occasions.
    """
    user = context["user"]
    tied = getattr(user, "_tied_numbers", None)
    if tied is None:
        tied = set(Proposal.objects.tying(user).values_list("opportunity__number", flat=True))
        user._tied_numbers = tied
    return reverse("opportunities:detail" if number in tied else "audit:timeline", args=[number])
