"""The outbox's only door: `queue` writes a row in the act's transaction, which leaves after commit (mail/delivery.py).

Templates are `templates/emails/*.txt`: the first line is the subject, one blank line, then the text. One recipient per
message, always.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.template.loader import render_to_string
from django.utils import translation

from marketplace import later
from marketplace.mail.delivery import Reason, State, deliver_email
from marketplace.models import OutgoingEmail, User

_holding = False


@contextmanager
def held() -> Iterator[None]:
    """Messages queued inside are kept and never sent: their recipients are fictitious (seed, replay, bench)."""
    global _holding
    before, _holding = _holding, True
    try:
        yield
    finally:
        _holding = before


def queue(template: str, *, to: User, at: datetime, confidential: bool = False, **context: Any) -> None:
    """Write `template` to a User, in that person's language. Inactive people get nothing."""
    if not to.is_active:
        return
    queue_to_address(template, address=to.email, to=to, at=at, confidential=confidential, **context)


def queue_to_address(
    template: str,
    *,
    address: str,
    to: User | None,
    at: datetime,
    confidential: bool = False,
    secret: bool = False,
    **context: Any,
) -> None:
    """Write `template` to an address, in the language of the User who has it, or in the active one without any."""
    with translation.override(to.language if to else translation.get_language()):
        text = render_to_string(template, {**context, "to": to, "base_url": settings.BASE_URL, "now": at})
        subject, _, body = text.strip().partition("\n")
        body = body.strip() + "\n"
        enqueue(template, address, subject, body, to=to, at=at, confidential=confidential, secret=secret)


def enqueue(
    template: str,
    address: str,
    subject: str,
    body: str,
    *,
    to: User | None,
    at: datetime,
    confidential: bool = False,
    secret: bool = False,
) -> None:
    """Save one row and have it sent after commit."""
    email = OutgoingEmail.objects.create(
        to=to,
        address=address,
        template=template,
        language=translation.get_language() or settings.LANGUAGE_CODE,
        subject=" ".join(subject.splitlines())[:250],
        body=body,
        confidential=confidential,
        secret=secret,
        held=_holding,
        created_at=at,
        waits_since=at,
    )
    if not email.held:
        later.publish(deliver_email, email.pk)


# --- What is told of it ----------------------------------------------------------------------------------------------
_SHUT = (Reason.UNREACHABLE, Reason.UNWELCOME)  # about the mail service
_HEARD = (Reason.PUT_OFF, Reason.REFUSED)  # it let us in, and answered about one message


@dataclass(frozen=True)
class Figures:
    """What has not left: how many messages wait, how many of these met at least one failure, how many were given up and
    wait for a person.

    stopped_seconds: the age of the oldest that the mail service itself keeps: nobody tried it, or the server answered
    nothing, or did not let us in, and took no other message since. put_off_seconds: of the oldest that waits for
    itself, most often because its recipient's server asks to wait. 0 without any.
    """

    waiting: int
    failed: int
    given_up: int
    stopped_seconds: float
    put_off_seconds: float


def to_tell() -> QuerySet[OutgoingEmail]:
    """What has not left, as the pilot and the metrics may know it: neither what is held on purpose, nor what is told
    only to the author of an unopened proposal, which could be counted."""
    rows = OutgoingEmail.objects.filter(sent_at=None, held=False, confidential=False)
    # A personal link that was given up is erased: there is nothing left to send, its person asks for another.
    return rows.exclude(state=State.GIVEN_UP, body="")


def figures(*, at: datetime) -> Figures:
    """In two queries: the last sign that the mail server works, then the rows that have not left."""
    signs = OutgoingEmail.objects.filter(Q(state=State.SENT) | Q(reason__in=_HEARD), confidential=False)
    heard = signs.aggregate(last=Max("claimed_at"))["last"]
    waits = Q(state__in=[State.WAITING, State.SENDING])
    shut = Q(reason__in=_SHUT, claimed_at__gt=heard) if heard else Q(reason__in=_SHUT)
    stopped = Q(attempts=0) | Q(reason="") | shut
    row = to_tell().aggregate(
        waiting=Count("pk", filter=waits),
        failed=Count("pk", filter=waits & ~Q(reason="")),
        given_up=Count("pk", filter=Q(state=State.GIVEN_UP)),
        stopped=Min("waits_since", filter=waits & stopped),
        put_off=Min("waits_since", filter=waits & ~stopped),
    )

    def age(since: datetime | None) -> float:
        return max(0.0, (at - since).total_seconds()) if since else 0.0

    return Figures(
        waiting=row["waiting"],
        failed=row["failed"],
        given_up=row["given_up"],
        stopped_seconds=age(row["stopped"]),
        put_off_seconds=age(row["put_off"]),
    )
