"""Who may do what to a proposal: sentences, (proposal, user) -> bool. `None` is the system."""

from typing import Any

from marketplace.accounts.person import Visitor
from opportunities import rules as occasion
from vendors import rules as vendor

Proposal = Any  # proposals.models.Proposal: rules import no model
NoteReexamination = Any


def is_author(proposal: Proposal, user: Visitor | None) -> bool:
    """Any person of the vendor: reads and prepares its proposals."""
    return vendor.is_member(proposal.vendor, user)


def can_deposit(proposal: Proposal, user: Visitor | None) -> bool:
    """Owners and administrators of the vendor, unless they also work for the body that asks."""
    return vendor.may_bind(proposal.vendor, user) and not occasion.works_there(proposal.opportunity, user)


def can_examine(proposal: Proposal, user: Visitor | None) -> bool:
    """A buyer of the body who belongs to none of the vendors that answer: ranking a rival is a conflict too."""
    return occasion.can_recommend(proposal.opportunity, user)


def can_ask_note_reexamination(proposal: Proposal, user: Visitor | None) -> bool:
    """Whoever may score: a buyer of the body without a tie."""
    return can_examine(proposal, user)


def can_decide_note_reexamination(reexamination: NoteReexamination, user: Visitor | None) -> bool:
    """A buyer or an officer of the body without a tie, who is not the one who asked."""
    asked = reexamination.proposal.opportunity
    entitled = occasion.can_recommend(asked, user) or occasion.can_oversee(asked, user)
    return user is not None and entitled and user.pk != reexamination.asked_by_id


def asked_note_reexamination(reexamination: NoteReexamination, user: Visitor | None) -> bool:
    """The person who asked for it, still a buyer of the body without a tie."""
    mine = user is not None and user.pk == reexamination.asked_by_id
    return mine and can_ask_note_reexamination(reexamination.proposal, user)


def can_settle(proposal: Proposal, user: Visitor | None) -> bool:
    """Part of confirming the award: the same person."""
    return occasion.can_confirm_award(proposal.opportunity, user)


def is_system(proposal: Proposal, user: Visitor | None) -> bool:
    return user is None
