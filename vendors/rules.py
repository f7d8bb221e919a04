"""Who may act for a vendor: sentences, (vendor, user) -> bool."""

from typing import Any

from marketplace.accounts.person import Visitor

Vendor = Any  # vendors.models.Vendor: rules import no model


def roles_in(user: Visitor | None, vendor_id: int) -> set[str]:
    """The person's roles in one vendor; read once per person object."""
    if user is None or not user.is_authenticated or not user.is_active:
        return set()
    roles = getattr(user, "_vendor_roles", None)
    if roles is None:
        roles = set(user.vendor_memberships.values_list("vendor_id", "role"))
        user._vendor_roles = roles  # type: ignore[attr-defined]  # this app's own, of which people know nothing
    return {role for vendor, role in roles if vendor == vendor_id}


def is_member(vendor: Vendor, user: Visitor | None) -> bool:
    return bool(roles_in(user, vendor.pk))


def may_bind(vendor: Vendor, user: Visitor | None) -> bool:
    """Owners and administrators commit the firm: they deposit and withdraw. Members prepare."""
    return bool(roles_in(user, vendor.pk) & {"owner", "admin"})


def is_owner(vendor: Vendor, user: Visitor | None) -> bool:
    return "owner" in roles_in(user, vendor.pk)


def may_archive(vendor: Vendor, user: Visitor | None) -> bool:
    """Its owners, and administrators, who act for no vendor."""
    return is_owner(vendor, user) or administers(user)


def administers(user: Visitor | None) -> bool:
    return user is not None and user.is_active and user.is_staff and user.is_superuser


def can_edit(vendor: Vendor, user: Visitor | None) -> bool:
    return may_bind(vendor, user)


def may_add_papers(vendor: Vendor, user: Visitor | None) -> bool:
    """Its attestations commit the firm, as a dépôt does."""
    return may_bind(vendor, user)
