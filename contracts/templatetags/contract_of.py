"""`{% contract_of opportunity user as contract %}`: the contract that an occasion led to, for those who may see it."""

from datetime import datetime
from typing import Any

from django import template

from contracts.models import Contract
from marketplace.accounts.person import Visitor
from opportunities.models import Opportunity
from proposals.public import strip

register = template.Library()


@register.simple_tag
def contract_of(opportunity: Opportunity, user: Visitor) -> Contract | None:
    """The standing award's contract, or None: one query, and only for an awarded occasion."""
    if opportunity.state != "awarded":
        return None
    contracts = Contract.objects.visible_to(user).filter(award__opportunity=opportunity, award__reversed_at=None)
    return contracts.first()


@register.inclusion_tag("public/_strip.html")
def where_is(opportunity: Opportunity, at: datetime, contract: Contract | None) -> dict[str, Any]:
    """`{% where_is o now contract %}`: the eight steps of an occasion, whose last two its contract knows."""
    state = contract.state if contract else ""
    signed, paid = state in {"active", "completed", "terminated"}, state == "completed"
    steps = strip.steps(opportunity, at, signed=signed, paid=paid)
    rank = next((rank for rank, step in enumerate(steps) if step.state in {"now", "ended"}), len(steps) - 1)
    return {"steps": steps, "rank": rank + 1, "here": steps[rank], "following": steps[rank + 1 : rank + 2]}
