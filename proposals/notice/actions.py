"""Acts of the body on its notice that those who answer it must hear about: act, then queue the messages, together."""

from django.db import transaction

from marketplace.models import User
from opportunities.addenda import actions as addendum_actions
from opportunities.models import Addendum, Opportunity
from proposals import emails as proposal_emails


def add_addendum(opportunity: Opportunity, *, by: User, text: str) -> Addendum:
    """Add to a published notice and tell everybody with a draft or a dépôt, and its author.

    `addendum.moved_closing` says whether the closing instant moved; `opportunity.closes_at` then holds the new one.
    Raises as opportunities/addenda/actions.py does.
    """
    with transaction.atomic():
        addendum = addendum_actions.add_addendum(opportunity, by=by, text=text)
        proposal_emails.addendum(opportunity, addendum, at=addendum.at)
        return addendum
