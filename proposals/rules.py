"""Who may do what to a proposal: sentences, (proposal, user) -> bool. `None` is the system."""

from opportunities import rules as occasion
from vendors import rules as vendor


def is_author(proposal, user) -> bool:
    """Any person of the vendor: reads and prepares its proposals."""
    return vendor.is_member(proposal.vendor, user)


def can_deposit(proposal, user) -> bool:
    """Owners and administrators of the vendor, unless they also work for the body that asks."""
    return vendor.may_bind(proposal.vendor, user) and not occasion.works_there(proposal.opportunity, user)


def can_examine(proposal, user) -> bool:
    """A buyer of the body who belongs to none of the vendors that answer: ranking a rival is a conflict too."""
    return occasion.can_recommend(proposal.opportunity, user)


def can_reexamine(proposal, user) -> bool:
    """The system too: reversing an award puts every proposal back on the table."""
    return user is None or can_examine(proposal, user)


def can_settle(proposal, user) -> bool:
    """Part of confirming the award: the same person."""
    return occasion.can_confirm_award(proposal.opportunity, user)


def is_system(proposal, user) -> bool:
    return user is None
