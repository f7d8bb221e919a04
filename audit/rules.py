"""Who audits: sentences, (object, user) -> bool. The object is an occasion, or something that has `.opportunity`."""

from typing import Any

from marketplace.accounts.person import Visitor
from opportunities import rules as occasion


def _opportunity(thing: object) -> Any:
    return getattr(thing, "opportunity", thing)


def is_auditor(thing: object, user: Visitor | None) -> bool:
    return bool(user and user.is_authenticated and user.is_active and user.is_auditor)


def can_monitor(thing: object, user: Visitor | None) -> bool:
    """An auditor who neither works for the body nor belongs to a vendor that answered: nobody audits their own work."""
    opportunity = _opportunity(thing)
    return (
        is_auditor(thing, user)
        and not occasion.works_there(opportunity, user)
        and not occasion.has_tie(opportunity, user)
    )


def can_answer(thing: object, user: Visitor | None) -> bool:
    """An officer of the body, without a tie to a vendor that answered."""
    return occasion.can_oversee(_opportunity(thing), user)


def can_review_award(thing: Any, user: Visitor) -> bool:
    """An officer of the body, without a tie, who neither recommended nor confirmed the award."""
    if not can_answer(thing, user):
        return False
    award = thing if hasattr(thing, "confirmed_by_id") else thing.award
    return user.pk not in {award.confirmed_by_id, award.recommendation.by_id}
