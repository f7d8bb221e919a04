"""Acts of the body on its notice that those who answer it must hear about: act, then queue the messages, together."""

from django.db import transaction

from opportunities import verbs
from opportunities.models import Addendum, Opportunity
from proposals import notifications


def add_addendum(opportunity: Opportunity, *, by, text: str) -> Addendum:
    """Add to a published notice and tell everybody with a draft or a dépôt, and its author.

    `addendum.moved_closing` says whether the closing instant moved; `opportunity.closes_at` then holds the new one.
    Raises as opportunities.verbs.add_addendum does.
    """
    with transaction.atomic():
        addendum = verbs.add_addendum(opportunity, by=by, text=text)
        notifications.addendum(opportunity, addendum, at=addendum.at)
        return addendum
