"""Who may act for a vendor: sentences, (vendor, user) -> bool."""


def roles_in(user, vendor_id: int) -> set[str]:
    """The person's roles in one vendor; read once per person object."""
    if user is None or not user.is_authenticated or not user.is_active:
        return set()
    if not hasattr(user, "_vendor_roles"):
        user._vendor_roles = set(user.vendor_memberships.values_list("vendor_id", "role"))
    return {role for vendor, role in user._vendor_roles if vendor == vendor_id}


def is_member(vendor, user) -> bool:
    return bool(roles_in(user, vendor.pk))


def may_bind(vendor, user) -> bool:
    """Owners and administrators commit the firm: they deposit and withdraw. Members prepare."""
    return bool(roles_in(user, vendor.pk) & {"owner", "admin"})


def is_owner(vendor, user) -> bool:
    return "owner" in roles_in(user, vendor.pk)


def can_edit(vendor, user) -> bool:
    return may_bind(vendor, user)


def may_add_papers(vendor, user) -> bool:
    """Its attestations commit the firm, as a dépôt does."""
    return may_bind(vendor, user)
