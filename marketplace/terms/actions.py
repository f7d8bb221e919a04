"""A new version of what people accept: told to those whom it binds, accepted at the next sign-in.

The first version is ticked as one signs up. From the second on, a sign-in asks whoever has not accepted the one in
force; a version whose day has not come asks nothing yet. Terms of submission are accepted at each deposit.
"""

from datetime import datetime

from django.db.models import QuerySet

from marketplace.mail import outbox
from marketplace.models import Terms, TermsAcceptance, User


def due(user: User, *, at: datetime) -> Terms | None:
    """The terms of use that this person has yet to accept; None when there are none."""
    terms = Terms.objects.in_force(Terms.Kind.USE, at=at)
    if terms.version == 1 or TermsAcceptance.objects.filter(user=user, terms=terms).exists():
        return None
    return terms


def accept(terms: Terms, *, by: User, at: datetime) -> None:
    """Once, however many times it is sent."""
    TermsAcceptance.objects.get_or_create(user=by, terms=terms, defaults={"at": at})


def bound(terms: Terms) -> QuerySet[User]:
    """Whom this text binds: everybody, or those who act for a vendor."""
    people = User.objects.filter(is_active=True)
    if terms.kind == Terms.Kind.PROPOSAL:
        people = people.filter(vendor_memberships__isnull=False).distinct()
    return people.order_by("pk")


def tell(terms: Terms, *, at: datetime) -> int:
    """A version was just published, in this transaction: a message to each; how many."""
    count = 0
    for user in bound(terms).iterator(chunk_size=500):
        outbox.queue("emails/account_terms.txt", to=user, at=at, terms=terms)
        count += 1
    return count
