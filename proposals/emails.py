"""One function per message about proposals and what becomes of them. One recipient per message, always.

Before the opening a message about a proposal goes to its own vendor only, and is hidden from administrators.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from marketplace.mail import outbox
from marketplace.models import User
from opportunities.emails import people
from opportunities.models import Addendum, Opportunity
from proposals.enums import State
from proposals.models import Award, NoteReexamination, NotesVersion, Opening, Proposal, Recommendation, Submission
from proposals.proponent import explanation


def _vendor_people(proposal: Proposal) -> list[User]:
    """Those who commit the vendor, and whoever began the proposal while still one of its people."""
    people = {
        membership.user
        for membership in proposal.vendor.memberships.select_related("user")
        if membership.role in {"owner", "admin"} or membership.user_id == proposal.created_by_id
    }
    return sorted(people, key=lambda person: person.pk)


def hearers(opportunity: Opportunity) -> list[tuple[User, Proposal]]:
    """Who answers the occasion and hears of what happens to it, and by which proposal of theirs.

    Before the opening: the people of every draft and dépôt, each once, by a dépôt rather than by a draft. From the
    opening on, only of those that were opened, once for each: what becomes of one is not what becomes of another.
    """
    opened = Opening.objects.filter(opportunity=opportunity).exists()
    rows = opportunity.proposals.filter(opened__isnull=False) if opened else opportunity.proposals.all()
    rows = rows.select_related("vendor", "opened").defer("draft", "opened__content").order_by("pk")
    pairs = [(person, proposal) for proposal in rows for person in _vendor_people(proposal)]
    if opened:
        return pairs
    first: dict[User, Proposal] = {}
    for person, proposal in sorted(pairs, key=lambda pair: pair[1].state != State.SUBMITTED):
        first.setdefault(person, proposal)
    return list(first.items())


def _tell_vendors(opportunity: Opportunity, template: str, *, at: datetime, **context: Any) -> None:
    """Hidden from administrators until the proposal is opened: who answers is nobody's to know."""
    for person, proposal in hearers(opportunity):
        outbox.queue(
            template,
            to=person,
            at=at,
            confidential=not hasattr(proposal, "opened"),
            opportunity=opportunity,
            proposal=proposal,
            **context,
        )


def _tell_body(
    opportunity: Opportunity,
    template: str,
    *,
    at: datetime,
    roles: Iterable[str] = ("buyer", "officer"),
    but: Iterable[User] = (),
    **context: Any,
) -> None:
    reached = set(but)
    for role in roles:
        for person in people(opportunity, role):
            if person not in reached:
                reached.add(person)
                outbox.queue(template, to=person, at=at, opportunity=opportunity, **context)


def submitted(proposal: Proposal, submission: Submission, *, replaces: bool, at: datetime) -> None:
    """To whoever deposited, and those who could have. replaces: whether a dépôt stood until this one."""
    for person in _vendor_people(proposal):
        outbox.queue(
            "emails/proposal_submitted.txt", to=person, at=at, confidential=True,
            opportunity=proposal.opportunity, proposal=proposal, submission=submission, replaces=replaces,
        )  # fmt: skip


def withdrawn(proposal: Proposal, submission: Submission, *, by: User, at: datetime) -> None:
    """To the same: what they think deposited is no more."""
    for person in _vendor_people(proposal):
        outbox.queue(
            "emails/proposal_withdrawn.txt", to=person, at=at, confidential=True,
            opportunity=proposal.opportunity, proposal=proposal, submission=submission, by=by,
        )  # fmt: skip


def suspended(opportunity: Opportunity, *, at: datetime) -> None:
    _tell_vendors(opportunity, "emails/opportunity_suspended.txt", at=at)
    _tell_body(opportunity, "emails/opportunity_suspended.txt", at=at)


def resumed(opportunity: Opportunity, *, at: datetime) -> None:
    _tell_vendors(opportunity, "emails/opportunity_resumed.txt", at=at)
    _tell_body(opportunity, "emails/opportunity_resumed.txt", at=at)


def addendum(opportunity: Opportunity, added: Addendum, *, at: datetime) -> None:
    """To those who answer, and to the author of the notice."""
    template = "emails/opportunity_addendum.txt"
    _tell_vendors(opportunity, template, at=at, addendum=added)
    outbox.queue(template, to=opportunity.author, at=at, opportunity=opportunity, addendum=added)


def cancelled(opportunity: Opportunity, *, at: datetime) -> None:
    _tell_vendors(opportunity, "emails/opportunity_cancelled.txt", at=at)
    _tell_body(opportunity, "emails/opportunity_cancelled.txt", at=at)


def opened(opportunity: Opportunity, opening: Opening, *, at: datetime) -> None:
    _tell_vendors(opportunity, "emails/opportunity_opened_vendor.txt", at=at, opening=opening)
    _tell_body(opportunity, "emails/opportunity_opened.txt", at=at, opening=opening, count=opening.proposals.count())


def rejected(proposal: Proposal, *, at: datetime) -> None:
    for person in _vendor_people(proposal):
        outbox.queue(
            "emails/proposal_rejected.txt", to=person, at=at, opportunity=proposal.opportunity, proposal=proposal
        )


def notes_replaced(proposal: Proposal, before: NotesVersion, version: NotesVersion, *, at: datetime) -> None:
    """To whoever saved the notes that another person replaced, knowing it."""
    outbox.queue(
        "emails/notes_replaced.txt", to=before.by, at=at, opportunity=proposal.opportunity, proposal=proposal,
        before=before, version=version,
    )  # fmt: skip


def note_reexamination_asked(reexamination: NoteReexamination, *, at: datetime) -> None:
    """To whoever may decide it."""
    opportunity = reexamination.proposal.opportunity
    _tell_body(
        opportunity, "emails/note_reexamination_asked.txt", at=at, but=[reexamination.asked_by],
        reexamination=reexamination,
    )  # fmt: skip


def note_reexamination_decided(reexamination: NoteReexamination, *, at: datetime) -> None:
    outbox.queue(
        "emails/note_reexamination_decided.txt",
        to=reexamination.asked_by,
        at=at,
        opportunity=reexamination.proposal.opportunity,
        reexamination=reexamination,
    )


def recommended(opportunity: Opportunity, recommendation: Recommendation, *, at: datetime) -> None:
    _tell_body(
        opportunity, "emails/award_to_confirm.txt", at=at, roles=["officer"], but=[recommendation.by],
        recommendation=recommendation,
    )  # fmt: skip


def sent_back(opportunity: Opportunity, recommendation: Recommendation, *, at: datetime) -> None:
    outbox.queue(
        "emails/award_sent_back.txt",
        to=recommendation.by,
        at=at,
        opportunity=opportunity,
        recommendation=recommendation,
    )


def awarded(opportunity: Opportunity, award: Award, *, at: datetime) -> None:
    for person, proposal in hearers(opportunity):
        won = proposal.pk == award.proposal_id
        template = "emails/proposal_awarded.txt" if won else "emails/proposal_not_awarded.txt"
        context: dict[str, Any] = {"opportunity": opportunity, "proposal": proposal, "award": award}
        proposal.opportunity = opportunity
        context |= {"line": award.recommendation.line(proposal), "justification": award.recommendation.why_not_first}
        # Called by the template, in the language of whoever receives it.
        context["why"] = partial(explanation.text, award.recommendation, proposal)
        context["reexaminations"] = partial(explanation.reexaminations, proposal)
        outbox.queue(template, to=person, at=at, **context)
    _tell_body(opportunity, "emails/award_confirmed.txt", at=at, award=award)


def unsuccessful(opportunity: Opportunity, *, at: datetime) -> None:
    _tell_vendors(opportunity, "emails/opportunity_unsuccessful.txt", at=at)
    _tell_body(opportunity, "emails/opportunity_unsuccessful.txt", at=at)


def reversal_requested(opportunity: Opportunity, *, by: User, at: datetime) -> None:
    _tell_body(opportunity, "emails/reversal_requested.txt", at=at, roles=["officer"], but=[by])


def reversed_award(opportunity: Opportunity, award: Award, *, at: datetime) -> None:
    _tell_vendors(opportunity, "emails/award_reversed.txt", at=at, award=award)
    _tell_body(opportunity, "emails/award_reversed.txt", at=at, award=award)
