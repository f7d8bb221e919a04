"""One function per message about an occasion. They only queue rows: safe inside the act's transaction."""

from marketplace.mail import outbox


def people(opportunity, role: str, *, but=()):
    """The body's active people who hold a role, once each, without some."""
    people = {m.user for m in opportunity.body.memberships.filter(role=role).select_related("user") if m.user.is_active}
    return sorted((person for person in people if person not in but), key=lambda person: person.pk)


def submitted_for_review(opportunity, *, at):
    for officer in people(opportunity, "officer", but=[opportunity.author, opportunity.submitted_by]):
        outbox.queue("emails/opportunity_to_review.txt", to=officer, at=at, opportunity=opportunity)
    outbox.queue("emails/opportunity_in_review.txt", to=opportunity.author, at=at, opportunity=opportunity)


def returned(opportunity, *, at):
    for person in {opportunity.author, opportunity.submitted_by}:
        outbox.queue("emails/opportunity_returned.txt", to=person, at=at, opportunity=opportunity)


def published(opportunity, *, at):
    for person in {opportunity.author, opportunity.submitted_by}:
        outbox.queue("emails/opportunity_published.txt", to=person, at=at, opportunity=opportunity)
