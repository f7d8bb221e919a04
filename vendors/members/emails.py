"""What the people of a vendor are told of each other. They only queue rows: safe inside the act's transaction."""

from datetime import datetime
from typing import Any

from marketplace.mail import outbox
from marketplace.models import User
from vendors.models import Invitation, Vendor, VendorMembership


def invited(invitation: Invitation, *, known: User | None, at: datetime) -> None:
    """To the address, whether an account has it or not."""
    to: dict[str, Any] = {"address": invitation.email, "to": known}
    outbox.queue_to_address("emails/vendor_invitation.txt", **to, at=at, invitation=invitation)


def withdrawn(invitation: Invitation, *, by: User, known: User | None, at: datetime) -> None:
    to: dict[str, Any] = {"address": invitation.email, "to": known}
    about: dict[str, Any] = {"vendor": invitation.vendor, "by": by}
    outbox.queue_to_address("emails/vendor_member.txt", **to, at=at, what="withdrawn", **about)


def role_changed(member: VendorMembership, *, by: User, at: datetime) -> None:
    """To its person, who may be the one who changed it."""
    about: dict[str, Any] = {"vendor": member.vendor, "by": by, "role": member.get_role_display, "code": member.role}
    outbox.queue("emails/vendor_member.txt", to=member.user, at=at, what="role", **about)


def removed(member: VendorMembership, *, by: User, at: datetime) -> None:
    about: dict[str, Any] = {"vendor": member.vendor, "by": by}
    outbox.queue("emails/vendor_member.txt", to=member.user, at=at, what="removed", **about)


def archived(vendor: Vendor, *, archived: bool, reason: str, by: User, at: datetime) -> None:
    """To the whole team, whoever did it included: what it means."""
    for person in _team(vendor):
        about: dict[str, Any] = {"vendor": vendor, "archived": archived, "reason": reason, "by": by}
        outbox.queue("emails/vendor_archived.txt", to=person, at=at, **about)


def new_owner(vendor: Vendor, *, owner: User | None, email: str, reason: str, at: datetime) -> None:
    """To the whole team, the new owner included: who it is, or who was invited to be."""
    for person in _team(vendor):
        about: dict[str, Any] = {
            "vendor": vendor,
            "owner": owner,
            "email": email,
            "reason": reason,
            "oneself": person == owner,
        }
        outbox.queue("emails/vendor_new_owner.txt", to=person, at=at, **about)


def _team(vendor: Vendor) -> list[User]:
    return [row.user for row in vendor.memberships.select_related("user").order_by("pk")]


def to_owners(vendor: Vendor, what: str, *, at: datetime, but: User | None = None, **about: Any) -> None:
    """what: somebody "joined" or "left" (`who`, `role`), or "declined" (`email`)."""
    owners = vendor.memberships.filter(role=VendorMembership.Role.OWNER).select_related("user").order_by("pk")
    for owner in owners:
        if owner.user != but:
            outbox.queue("emails/vendor_people.txt", to=owner.user, at=at, what=what, vendor=vendor, **about)
