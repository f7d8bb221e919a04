"""Sending again what had been given up, once its cause is corrected; or at once what waits for its next attempt."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from marketplace.ledger import entries as ledger
from marketplace.mail.delivery import State
from marketplace.models import OutgoingEmail, User


def given_up() -> QuerySet[OutgoingEmail]:
    """Everything that nobody tries to send any more, and that can be sent again."""
    return can_leave(OutgoingEmail.objects.filter(state=State.GIVEN_UP))


def can_leave(rows: QuerySet[OutgoingEmail]) -> QuerySet[OutgoingEmail]:
    """Of these, what can be sent (again): not what left, nor a personal link that is gone (its person asks for
    another), nor what is kept on purpose."""
    return rows.filter(state__in=[State.WAITING, State.GIVEN_UP], held=False).exclude(body="")


def resend(rows: QuerySet[OutgoingEmail], *, by: User | None, at: datetime) -> int:
    """Have these leave at the next sweep, with 72 hours before them; how many will. The ledger tells who asked, never
    how many: some of them may be about sealed proposals."""
    with transaction.atomic():
        count = can_leave(rows).update(state=State.WAITING, waits_since=at, next_at=at, attempts=0)
        # Even when there was none: that there is an entry must not tell that a confidential one waited.
        ledger.record("mail.resend", "mail", by=by, at=at)
    return count
