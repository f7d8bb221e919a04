"""Who may do what to an occasion: sentences, (opportunity, user) -> bool. `None` is the system."""

from typing import Any

from marketplace.accounts.person import Visitor

Occasion = Any  # opportunities.models.Opportunity: rules import no model


def roles_in(user: Visitor | None, body_id: int) -> set[str]:
    """The person's roles in one public body; read once per person object."""
    if user is None or not user.is_authenticated or not user.is_active:
        return set()
    roles = getattr(user, "_body_roles", None)
    if roles is None:
        roles = set(user.body_memberships.values_list("body_id", "role"))
        user._body_roles = roles  # type: ignore[attr-defined]  # this app's own, of which people know nothing
    return {role for body, role in roles if body == body_id}


def is_buyer(opportunity: Occasion, user: Visitor | None) -> bool:
    return "buyer" in roles_in(user, opportunity.body_id)


def is_officer(opportunity: Occasion, user: Visitor | None) -> bool:
    return "officer" in roles_in(user, opportunity.body_id)


def works_there(opportunity: Occasion, user: Visitor | None) -> bool:
    return bool(roles_in(user, opportunity.body_id))


def is_system(opportunity: Occasion, user: Visitor | None) -> bool:
    return user is None


def can_edit(opportunity: Occasion, user: Visitor | None) -> bool:
    return opportunity.state == "draft" and is_buyer(opportunity, user)


def can_review(opportunity: Occasion, user: Visitor | None) -> bool:
    """An officer who wrote none of it and did not send it: two persons see every notice before the public does."""
    hands = {opportunity.author_id, opportunity.submitted_by_id, *opportunity.editor_ids}
    return user is not None and is_officer(opportunity, user) and user.pk not in hands


def has_tie(opportunity: Occasion, user: Visitor | None) -> bool:
    """A conflict, whatever the person's other roles: a vendor of theirs deposited an answer here, or they wrote or
    deposited one for a vendor that they left since.
    """
    if user is None or not user.is_authenticated:
        return False
    answers = getattr(user, "_answers", None)
    if answers is None:
        answers = opportunity.proposals.model.objects.may_tie(user)
        user._answers = answers  # type: ignore[attr-defined]  # this app's own, of which people know nothing
    return bool(answers) and opportunity.proposals.tying(user).exists()


def can_recommend(opportunity: Occasion, user: Visitor | None) -> bool:
    """A buyer without a tie."""
    return is_buyer(opportunity, user) and not has_tie(opportunity, user)


def can_unveil(opportunity: Occasion, user: Visitor | None) -> bool:
    """A buyer without a tie: the evaluation is one person's until panels have a chair."""
    return can_recommend(opportunity, user)


def can_oversee(opportunity: Occasion, user: Visitor | None) -> bool:
    """An officer without a tie."""
    return is_officer(opportunity, user) and not has_tie(opportunity, user)


def can_confirm_award(opportunity: Occasion, user: Visitor | None) -> bool:
    """An officer without a tie, who is not the one who recommended."""
    return user is not None and can_oversee(opportunity, user) and user.pk != opportunity.recommended_by_id


def can_request_reversal(opportunity: Occasion, user: Visitor | None) -> bool:
    return opportunity.state == "awarded" and can_oversee(opportunity, user)


def can_reverse_award(opportunity: Occasion, user: Visitor | None) -> bool:
    """A second officer, or an auditor, without a tie, after an officer asked for it."""
    if user is None or not user.is_authenticated or user.pk == opportunity.reversal_requested_by_id:
        return False
    entitled = is_officer(opportunity, user) or (user.is_active and user.is_auditor)
    return entitled and not has_tie(opportunity, user)
