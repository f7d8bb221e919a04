"""A change to an account's ways in is told at once to the address of before, with a link that undoes it.

Whoever holds a session and a password may still not be the person: the message goes where the person was last known to
read, and its link needs neither. It puts the addresses back as they were before that change, whatever was done since.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts.change import UNDO_FOR, AccountChange
from marketplace.accounts.links import undo_token
from marketplace.accounts.person import User
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove
from marketplace.mail import outbox

Kind = AccountChange.Kind
_FACTORS = (Kind.FACTOR_OFF, Kind.FACTOR_REPLACED)


# --- Telling ---------------------------------------------------------------------------------------------------------
def as_it_is(user: User) -> dict[str, Any]:
    """What `tell` keeps, taken before the change: the addresses, and the factors as they are stored, encrypted."""
    rows = EmailAddress.objects.filter(user=user).order_by("pk")
    factors = Authenticator.objects.filter(user=user).order_by("pk")
    return {
        "email": user.email,
        "addresses": [[row.email, row.verified, row.primary] for row in rows],
        "factors": [[row.type, row.data] for row in factors],
    }


def tell(
    user: User, kind: AccountChange.Kind, *, before: dict[str, Any], to: Iterable[str], at: datetime, address: str = ""
) -> None:
    """Write to each of these addresses what was changed, with a link of its own that undoes it.

    Without the link to an address that was itself added in the time for undoing: whoever added it with a stolen session
    would take the account back with it.
    """
    recent = {row.address.lower() for row in _added(user, at=at)}
    # Only what takes a factor away gives one back: otherwise a mailbox alone would undo the factor set up since.
    kept = {name: value for name, value in before.items() if name != "factors" or kind in _FACTORS}
    with transaction.atomic():
        for told in dict.fromkeys(each.lower() for each in to):
            change = AccountChange(user=user, kind=kind, told=told, address=address, before=kept, at=at)
            if told not in recent:
                change.save()
            outbox.queue_to_address(
                "emails/account_changed.txt",
                address=told,
                to=user,
                at=at,
                secret=True,
                change=change,
                token=undo_token(change) if change.pk else "",
            )


def _added(user: User, *, at: datetime) -> QuerySet[AccountChange]:
    """The additions of addresses that can still be undone."""
    rows = AccountChange.objects.filter(user=user, kind=Kind.ADDRESS_ADDED, undone_at=None)
    return rows.filter(at__gt=at - UNDO_FOR, at__lte=at)


def password_changed(user: User, *, at: datetime) -> None:
    """Told to the main address: in the profile, or by a link."""
    tell(user, Kind.PASSWORD_CHANGED, before=as_it_is(user), to=[user.email], at=at)


# --- Undoing ---------------------------------------------------------------------------------------------------------
def undo(change: AccountChange, *, at: datetime) -> bool:
    """Put the account back as it was before this change; whether its addresses could be.

    Sessions end and the password opens nothing any more: whoever made the change knew it. IllegalMove when the link
    has served, or is too old. The caller then sends a password link to `change.told`.
    """
    with transaction.atomic():
        user = change.user.locked()
        row = AccountChange.objects.select_for_update().get(pk=change.pk)
        if not row.can_be_undone(at=at):
            raise IllegalMove(_("Ce lien a déjà servi, ou n’est plus valide."))
        # Nor those that were added shortly before it, but the one that is told: a stolen session adds an address first.
        strange = {other.address.lower() for other in _added(user, at=at)} - {row.told}
        whole = _restore_addresses(user, row.before, strange=strange)
        if "factors" in row.before:
            _restore_factors(user, row.before["factors"])
        user.set_unusable_password()
        user.save(update_fields=["password"])
        user.end_sessions()
        # Those that came after it are undone with it, and so is what the same act told elsewhere.
        AccountChange.objects.filter(user=user, at__gte=row.at, undone_at=None).update(undone_at=at)
        ledger.record("person.undo", f"person:{user.public_id}", by=None, at=at, kind=row.kind)
    return whole


def _restore_addresses(user: User, before: dict[str, Any], *, strange: set[str]) -> bool:
    """The addresses of before without the strange ones, and no other.

    False when one of them now belongs to somebody else: it stays there.
    """
    lost = {
        email
        for email, verified, _primary in before["addresses"]
        if EmailAddress.objects.filter(email__iexact=email, verified=True).exclude(user=user).exists()
        or User.objects.filter(email__iexact=email).exclude(pk=user.pk).exists()
    }
    away = lost | {email for email, *_rest in before["addresses"] if email.lower() in strange}
    wanted = [row for row in before["addresses"] if row[0] not in away]
    main = before["email"] if before["email"] not in away else ""
    if not wanted and not main:
        return False
    EmailAddress.objects.filter(user=user).exclude(email__in=[email for email, *_rest in wanted]).delete()
    EmailAddress.objects.filter(user=user).update(primary=False)
    for email, verified, primary in wanted:
        EmailAddress.objects.update_or_create(
            user=user, email=email, defaults={"verified": verified, "primary": primary}
        )
    user.email = main or wanted[0][0]
    user.save(update_fields=["email"])
    return not lost


def _restore_factors(user: User, factors: list[list[Any]]) -> None:
    """The application and the recovery codes of before, instead of those set up since."""
    rows = Authenticator.objects.filter(user=user)
    secrets = {row.data.get("secret") for row in rows if row.type == Authenticator.Type.TOTP}
    if secrets & {data.get("secret") for kind, data in factors if kind == Authenticator.Type.TOTP}:
        return  # the same application: the codes spent since stay spent
    rows.delete()
    for kind, data in factors:
        Authenticator.objects.create(user=user, type=kind, data=data)
