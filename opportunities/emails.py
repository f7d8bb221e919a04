"""One function per message about an occasion, or a role in a body. They only queue rows: safe inside the act."""

from collections.abc import Iterable
from datetime import datetime

from marketplace.accounts import second_factor
from marketplace.lifecycle import known
from marketplace.mail import outbox
from marketplace.models import User
from opportunities.models import BodyMembership, Opportunity


def people(opportunity: Opportunity, role: str, *, but: Iterable[User | None] = ()) -> list[User]:
    """The body's active people who hold a role, once each, without some."""
    memberships = opportunity.body.memberships.filter(role=role).select_related("user")
    active = {membership.user for membership in memberships if membership.user.is_active}
    return sorted(active - set(but), key=lambda person: person.pk)


def _reviewers(opportunity: Opportunity) -> list[User]:
    """The officers who are asked to review it: not those who wrote or sent it."""
    return people(opportunity, "officer", but=[opportunity.author, opportunity.submitted_by])


def submitted_for_review(opportunity: Opportunity, *, at: datetime) -> None:
    for officer in _reviewers(opportunity):
        outbox.queue("emails/opportunity_to_review.txt", to=officer, at=at, opportunity=opportunity)
    outbox.queue("emails/opportunity_in_review.txt", to=opportunity.author, at=at, opportunity=opportunity)


def taken_back(opportunity: Opportunity, *, by: User, at: datetime) -> None:
    """To those who were asked to review it, and to those who wrote and sent it, but whoever takes it back."""
    reviewers = _reviewers(opportunity)
    for person in sorted(
        {*reviewers, opportunity.author, known(opportunity.submitted_by)} - {by}, key=lambda one: one.pk
    ):
        outbox.queue(
            "emails/opportunity_taken_back.txt", to=person, at=at, opportunity=opportunity, by=by,
            reviews=person in reviewers,
        )  # fmt: skip


def returned(opportunity: Opportunity, *, at: datetime) -> None:
    for person in {opportunity.author, known(opportunity.submitted_by)}:
        outbox.queue("emails/opportunity_returned.txt", to=person, at=at, opportunity=opportunity)


def published(opportunity: Opportunity, *, at: datetime) -> None:
    for person in {opportunity.author, known(opportunity.submitted_by)}:
        outbox.queue("emails/opportunity_published.txt", to=person, at=at, opportunity=opportunity)


def role_changed(membership: BodyMembership, *, given: bool, at: datetime) -> None:
    """An administrator gave this role, or takes it: its person is told what it lets do."""
    factor = second_factor.standing(membership.user)
    outbox.queue(
        "emails/account_role.txt", to=membership.user, at=at, membership=membership, given=given, factor=factor
    )
