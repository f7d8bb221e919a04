"""One function per message about proposals and what becomes of them. One recipient per message, always.

Before the opening a message about a proposal goes to its own vendor only, and is hidden from administrators.
"""

from marketplace.mail import outbox
from opportunities.emails import people


def _vendor_people(proposal):
    """Those who commit the vendor, and whoever began the proposal while still one of its people."""
    found = {
        m.user
        for m in proposal.vendor.memberships.select_related("user")
        if m.role in {"owner", "admin"} or m.user_id == proposal.created_by_id
    }
    return sorted(found, key=lambda person: person.pk)


def _tell_vendors(opportunity, template: str, *, at, confidential=False, **context) -> None:
    proposals = opportunity.proposals.exclude(state__in=["draft", "withdrawn"]).select_related("vendor")
    for proposal in proposals.order_by("pk"):
        for person in _vendor_people(proposal):
            outbox.queue(
                template,
                to=person,
                at=at,
                confidential=confidential,
                opportunity=opportunity,
                proposal=proposal,
                **context,
            )


def _tell_body(opportunity, template: str, *, at, roles=("buyer", "officer"), but=(), **context) -> None:
    told = set(but)
    for role in roles:
        for person in people(opportunity, role):
            if person not in told:
                told.add(person)
                outbox.queue(template, to=person, at=at, opportunity=opportunity, **context)


def submitted(proposal, submission, *, at):
    outbox.queue(
        "emails/proposal_submitted.txt", to=submission.submitted_by, at=at, confidential=True,
        opportunity=proposal.opportunity, proposal=proposal, submission=submission,
    )  # fmt: skip


def withdrawn(proposal, submission, *, by, at):
    outbox.queue(
        "emails/proposal_withdrawn.txt", to=by, at=at, confidential=True,
        opportunity=proposal.opportunity, proposal=proposal, submission=submission,
    )  # fmt: skip


def suspended(opportunity, *, at):
    _tell_vendors(opportunity, "emails/opportunity_suspended.txt", at=at, confidential=True)
    _tell_body(opportunity, "emails/opportunity_suspended.txt", at=at)


def resumed(opportunity, *, at):
    _tell_vendors(opportunity, "emails/opportunity_resumed.txt", at=at, confidential=True)
    _tell_body(opportunity, "emails/opportunity_resumed.txt", at=at)


def addendum(opportunity, added, *, at):
    """To the people of every draft and dépôt, each once, and to the author of the notice. Who answers stays hidden."""
    template = "emails/opportunity_addendum.txt"
    told = set()
    for proposal in opportunity.proposals.select_related("vendor").order_by("pk"):
        for person in _vendor_people(proposal):
            if person not in told:
                told.add(person)
                outbox.queue(
                    template, to=person, at=at, confidential=True,
                    opportunity=opportunity, addendum=added, proposal=proposal,
                )  # fmt: skip
    outbox.queue(template, to=opportunity.author, at=at, opportunity=opportunity, addendum=added)


def cancelled(opportunity, *, was_public, at):
    if was_public:
        _tell_vendors(opportunity, "emails/opportunity_cancelled.txt", at=at, confidential=True)
    _tell_body(opportunity, "emails/opportunity_cancelled.txt", at=at)


def opened(opportunity, opening, *, at):
    _tell_vendors(opportunity, "emails/opportunity_opened_vendor.txt", at=at, opening=opening)
    _tell_body(opportunity, "emails/opportunity_opened.txt", at=at, opening=opening, count=opening.proposals.count())


def rejected(proposal, *, at):
    for person in _vendor_people(proposal):
        outbox.queue(
            "emails/proposal_rejected.txt", to=person, at=at, opportunity=proposal.opportunity, proposal=proposal
        )


def recommended(opportunity, recommendation, *, at):
    _tell_body(
        opportunity, "emails/award_to_confirm.txt", at=at, roles=["officer"], but=[recommendation.by],
        recommendation=recommendation,
    )  # fmt: skip


def sent_back(opportunity, recommendation, *, at):
    outbox.queue(
        "emails/award_sent_back.txt",
        to=recommendation.by,
        at=at,
        opportunity=opportunity,
        recommendation=recommendation,
    )


def awarded(opportunity, award, *, at):
    for proposal in opportunity.proposals.opened().select_related("vendor").order_by("pk"):
        won = proposal.pk == award.proposal_id
        template = "emails/proposal_awarded.txt" if won else "emails/proposal_not_awarded.txt"
        context = {"opportunity": opportunity, "proposal": proposal, "award": award}
        context |= {"line": award.recommendation.line(proposal), "justification": award.recommendation.why_not_first}
        for person in _vendor_people(proposal):
            outbox.queue(template, to=person, at=at, **context)
    _tell_body(opportunity, "emails/award_confirmed.txt", at=at, award=award)


def unsuccessful(opportunity, *, at):
    _tell_vendors(opportunity, "emails/opportunity_unsuccessful.txt", at=at)
    _tell_body(opportunity, "emails/opportunity_unsuccessful.txt", at=at)


def reversal_requested(opportunity, *, by, at):
    _tell_body(opportunity, "emails/reversal_requested.txt", at=at, roles=["officer"], but=[by])


def reversed_award(opportunity, award, *, at):
    _tell_vendors(opportunity, "emails/award_reversed.txt", at=at, award=award)
    _tell_body(opportunity, "emails/award_reversed.txt", at=at, award=award)
