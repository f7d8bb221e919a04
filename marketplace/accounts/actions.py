"""What an administrator, or an operator, does to somebody's account. Its person is told; the ledger keeps it."""

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from marketplace.accounts import second_factor
from marketplace.accounts.person import User
from marketplace.ledger import entries as ledger
from marketplace.mail import outbox


def activity_changed(person: User, *, by: User | None, at: datetime, reason: str = "") -> None:
    """The account was just deactivated, or activated again, in this transaction: `is_active` is the new value.

    reason: the administrator's words, which the person reads; kept in the part of the ledger that can be erased.
    Sessions end for good either way: one that slept while the account was closed never wakes up.
    """
    with transaction.atomic():
        person.end_sessions()
        template, action = "emails/account_deactivated.txt", "person.deactivate"
        if person.is_active:
            template, action = "emails/account_reactivated.txt", "person.reactivate"
        # Not `queue`: it writes to nobody who is inactive, and this is what must be told.
        outbox.queue_to_address(template, address=person.email, to=person, at=at, reason=reason)
        said: dict[str, Any] = {"reason": reason} if reason else {}
        ledger.record(action, f"person:{person.public_id}", by=by, at=at, **said)


def rights_changed(person: User, *, right: str, at: datetime) -> None:
    """`right` ("is_auditor" or "is_staff") was just given to this person, or taken: they are told what it lets do."""
    given, factor = getattr(person, right), second_factor.standing(person)
    outbox.queue("emails/account_rights.txt", to=person, at=at, right=right, given=given, factor=factor)


def take_second_factor(person: User, *, at: datetime) -> bool:
    """By an operator, for who lost telephone and codes: the factor goes, and every session; whether there was one."""
    with transaction.atomic():
        removed, _details = Authenticator.objects.filter(user=person).delete()
        if not removed:
            return False
        person.end_sessions()
        outbox.queue("emails/account_factor_reset.txt", to=person, at=at)
        ledger.record("person.second_factor_off", f"person:{person.public_id}", by=None, at=at, operator=True)
    return True
