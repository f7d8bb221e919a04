"""Who acts for a vendor: invitations that the invited person accepts, roles, departures. All is written and told.

Nobody becomes a member without accepting: a membership ties one's hands where that vendor answers.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain
from marketplace.models import User
from marketplace.reasons import reason_given
from vendors import rules
from vendors.members import emails
from vendors.models import Invitation, Vendor, VendorMembership

PER_DAY = 20  # invitations of one vendor: enough for a team, too few to bother strangers
Role = VendorMembership.Role


def invite(vendor: Vendor, *, by: User, email: str, role: str) -> Invitation:
    """Offer `role` to whoever confirms this address, and write to it, whether an account has it or not.

    PermissionDenied unless `by` commits the vendor; ValidationError at `email`.
    """
    with transaction.atomic():
        row = _locked(vendor)
        if not rules.may_bind(row, by):
            raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire invitent."))
        at, email = clock.now(), email.strip().lower()
        if row.memberships.filter(user__email__iexact=email).exists():
            complain("email", _("Cette personne agit déjà pour ce prestataire."))
        if row.invitations.pending().filter(email=email).exists():
            complain("email", _("Cette personne est déjà invitée."))
        if row.invitations.filter(at__gt=at - timedelta(days=1)).count() >= PER_DAY:
            complain("email", _("Pas plus de %d invitations par jour.") % PER_DAY)
        invitation = Invitation.objects.create(vendor=row, email=email, role=role, invited_by=by, at=at)
        # The address stays out of the ledger: it is personal, and the person has agreed to nothing yet.
        ledger.record("vendor.invite", _subject(row), by=by, at=at, role=role)
        emails.invited(invitation, known=_person_at(email), at=at)
    return invitation


def withdraw(invitation: Invitation, *, by: User) -> None:
    """The vendor takes a pending invitation back."""
    with transaction.atomic():
        vendor = _locked(invitation.vendor)
        if not rules.may_bind(vendor, by):
            raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire invitent."))
        at = _answer(invitation, accepted=None)
        ledger.record("vendor.withdraw_invitation", _subject(vendor), by=by, at=at)
        emails.withdrawn(invitation, by=by, known=_person_at(invitation.email), at=at)


def accept(invitation: Invitation, *, by: User) -> VendorMembership:
    """The invited person joins. The view has found the invitation among those addressed to `by`.

    ValidationError for who administers or audits: they read what competitors must not.
    """
    with transaction.atomic():
        if why := by.locked().why_not_vendor():
            complain(None, why)
        vendor = _locked(invitation.vendor)
        at = _answer(invitation, accepted=True)
        member, created = VendorMembership.objects.get_or_create(
            user=by, vendor=vendor, defaults={"role": invitation.role}
        )
        if not created and invitation.role == Role.OWNER:  # by another of the person's addresses
            member.role = Role.OWNER
            member.save(update_fields=["role"])
        if created or invitation.role == Role.OWNER:
            ledger.record("vendor.join", _subject(vendor), by=by, at=at, role=member.role)
            emails.to_owners(vendor, "joined", at=at, who=by, role=member.get_role_display)
    return member


def new_owner(vendor: Vendor, *, by: User, email: str, reason: str) -> VendorMembership | None:
    """An administrator gives a vendor whose owners are away another one; None when that person is invited to be.

    Nobody joins without accepting: one of the team becomes owner at once, another gets an invitation. PermissionDenied
    unless `by` administers; ValidationError where the owners are there to do it, or at `email` and `reason`.
    """
    reason, email = reason_given(reason), email.strip().lower()
    with transaction.atomic():
        row, at = _locked(vendor), clock.now()
        if not rules.administers(by):
            raise PermissionDenied(_("Seule une personne qui administre la plateforme nomme ainsi une propriétaire."))
        since = at - timedelta(days=settings.OWNER_AWAY_DAYS)
        owners = row.memberships.filter(role=Role.OWNER)
        if owners.filter(user__is_active=True, user__last_login__gte=since).exists():
            days = settings.OWNER_AWAY_DAYS
            complain(None, _("Une personne propriétaire est venue depuis %d jours : elle nomme qui elle veut.") % days)
        member = row.memberships.select_related("user").filter(user__email__iexact=email, user__is_active=True).first()
        if member is not None and member.role == Role.OWNER:
            complain("email", _("Cette personne est déjà propriétaire."))
        if member is not None:
            before, member.role = member.role, Role.OWNER
            member.save(update_fields=["role"])
            said: dict[str, Any] = {"person": f"person:{member.user.public_id}", "before": before}
        else:
            _offer(row, email, by=by, at=at)
            said = {"invited": True}
        ledger.record("vendor.new_owner", _subject(row), by=by, at=at, reason=reason, **said)
        emails.new_owner(row, owner=member.user if member else None, email=email, reason=reason, at=at)
    return member


def _offer(vendor: Vendor, email: str, *, by: User, at: datetime) -> None:
    """An invitation to own it, instead of another that waits at this address."""
    vendor.invitations.pending().filter(email=email).update(answered_at=at)
    offer = Invitation.objects.create(vendor=vendor, email=email, role=Role.OWNER, invited_by=by, at=at)
    emails.invited(offer, known=_person_at(email), at=at)


def decline(invitation: Invitation, *, by: User) -> None:
    """The invited person says no; the vendor may invite again."""
    with transaction.atomic():
        vendor = _locked(invitation.vendor)
        at = _answer(invitation, accepted=False)
        ledger.record("vendor.decline", _subject(vendor), by=by, at=at)
        emails.to_owners(vendor, "declined", at=at, email=invitation.email)


def change_role(member: VendorMembership, *, by: User, role: str) -> None:
    """An owner gives a member another role; the last owner stays one."""
    with transaction.atomic():
        vendor, row = _locked_member(member)
        if not rules.is_owner(vendor, by):
            raise PermissionDenied(_("Seuls les propriétaires de ce prestataire changent les rôles."))
        if row.role == role:
            return
        _keep_an_owner(row, "role")
        before, row.role = row.role, role
        row.save(update_fields=["role"])
        whom, at = f"person:{row.user.public_id}", clock.now()
        ledger.record("vendor.role", _subject(vendor), by=by, at=at, person=whom, before=before, after=role)
        emails.role_changed(row, by=by, at=at)


def remove(member: VendorMembership, *, by: User) -> None:
    """Leave, or be removed by an owner; the last owner cannot."""
    with transaction.atomic():
        vendor, row = _locked_member(member)
        if row.user_id != by.pk and not rules.is_owner(vendor, by):
            raise PermissionDenied(_("Seuls les propriétaires de ce prestataire retirent une personne."))
        _keep_an_owner(row, None)
        whom, at = f"person:{row.user.public_id}", clock.now()
        ledger.record("vendor.leave", _subject(vendor), by=by, at=at, person=whom, before=row.role)
        if row.user_id == by.pk:
            emails.to_owners(vendor, "left", at=at, but=by, who=by)
        else:
            emails.removed(row, by=by, at=at)
        row.delete()


def _subject(vendor: Vendor) -> str:
    return f"vendor:{vendor.public_id}"


def _person_at(email: str) -> User | None:
    """Whose language a message to this address is in."""
    return User.objects.filter(email__iexact=email, is_active=True).first()


def _locked(vendor: Vendor) -> Vendor:
    """The vendor under its lock: who acts for it changes one act at a time."""
    return Vendor.objects.select_for_update().get(pk=vendor.pk)


def _locked_member(member: VendorMembership) -> tuple[Vendor, VendorMembership]:
    vendor = _locked(member.vendor)
    row = vendor.memberships.select_related("user").filter(pk=member.pk).first()
    if row is None:
        raise IllegalMove(_("Cette personne n’agit plus pour ce prestataire."))
    return vendor, row


def _keep_an_owner(row: VendorMembership, field: str | None) -> None:
    others = VendorMembership.objects.filter(vendor=row.vendor_id, role=Role.OWNER).exclude(pk=row.pk)
    if row.role == Role.OWNER and not others.exists():
        complain(field, _("Un prestataire garde au moins une personne propriétaire : nommez-en d’abord une autre."))


def _answer(invitation: Invitation, *, accepted: bool | None) -> datetime:
    """Close a pending invitation, once; the instant. The vendor is locked."""
    at = clock.now()
    if not Invitation.objects.pending().filter(pk=invitation.pk).update(answered_at=at, accepted=accepted):
        raise IllegalMove(_("Cette invitation a déjà sa réponse."))
    return at
