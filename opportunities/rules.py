"""Who may do what to an occasion: sentences, (opportunity, user) -> bool. `None` is the system."""


def roles_in(user, body_id: int) -> set[str]:
    """The person's roles in one public body; read once per person object."""
    if user is None or not user.is_authenticated or not user.is_active:
        return set()
    if not hasattr(user, "_body_roles"):
        user._body_roles = set(user.body_memberships.values_list("body_id", "role"))
    return {role for body, role in user._body_roles if body == body_id}


def is_buyer(opportunity, user) -> bool:
    return "buyer" in roles_in(user, opportunity.body_id)


def is_officer(opportunity, user) -> bool:
    return "officer" in roles_in(user, opportunity.body_id)


def works_there(opportunity, user) -> bool:
    return bool(roles_in(user, opportunity.body_id))


def is_system(opportunity, user) -> bool:
    return user is None


def can_edit(opportunity, user) -> bool:
    return opportunity.state == "draft" and is_buyer(opportunity, user)


def can_review(opportunity, user) -> bool:
    """An officer who wrote none of it and did not send it: two persons see every notice before the public does."""
    hands = {opportunity.author_id, opportunity.submitted_by_id, *opportunity.editor_ids}
    return is_officer(opportunity, user) and user.pk not in hands


def has_tie(opportunity, user) -> bool:
    """The person belongs to a vendor that deposited an answer here: a conflict, whatever the person's other roles."""
    if not hasattr(user, "_vendor_ids"):
        user._vendor_ids = set(user.vendor_memberships.values_list("vendor_id", flat=True))
    answers = opportunity.proposals.exclude(state__in=["draft", "withdrawn"])
    return bool(user._vendor_ids) and answers.filter(vendor__in=user._vendor_ids).exists()


def can_recommend(opportunity, user) -> bool:
    """A buyer without a tie."""
    return is_buyer(opportunity, user) and not has_tie(opportunity, user)


def can_oversee(opportunity, user) -> bool:
    """An officer without a tie."""
    return is_officer(opportunity, user) and not has_tie(opportunity, user)


def can_confirm_award(opportunity, user) -> bool:
    """An officer without a tie, who is not the one who recommended."""
    return can_oversee(opportunity, user) and user.pk != opportunity.recommended_by_id


def can_request_reversal(opportunity, user) -> bool:
    return opportunity.state == "awarded" and can_oversee(opportunity, user)


def can_reverse_award(opportunity, user) -> bool:
    """A second officer, or an auditor, without a tie, after an officer asked for it."""
    if user is None or not user.is_authenticated or user.pk == opportunity.reversal_requested_by_id:
        return False
    entitled = is_officer(opportunity, user) or (user.is_active and user.is_auditor)
    return entitled and not has_tie(opportunity, user)


def can_add_addendum(opportunity, user) -> bool:
    """While proposals may still come in: whoever wrote it, or an officer."""
    return opportunity.state == "published" and works_there(opportunity, user)
