"""`{% contract_of opportunity user as contract %}`: the contract that an occasion led to, for those who may see it."""

from django import template

from contracts.models import Contract
from marketplace.accounts.person import Visitor
from opportunities.models import Opportunity

register = template.Library()


@register.simple_tag
def contract_of(opportunity: Opportunity, user: Visitor) -> Contract | None:
    """The standing award's contract, or None: one query, and only for an awarded occasion."""
    if opportunity.state != "awarded":
        return None
    contracts = Contract.objects.visible_to(user).filter(award__opportunity=opportunity, award__reversed_at=None)
    return contracts.first()
