"""One message of the outbox leaves: claimed by one short UPDATE, sent without any lock, then its fate is written.

Delivery is at least once: a crash between the mail server's yes and our commit can repeat a message, never lose one;
the same `Message-ID` both times lets mail software see that it is the same. What passes (connection, time-out, 4xx) is
tried again at growing intervals for 72 hours; what does not (5xx about the recipient or the message, an address that
nothing can be sent to) is given up at once, and shown to who pilots the platform (RFC 5321, section 4.2.1).
"""

import logging
import re
import smtplib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q, QuerySet

from marketplace.dates import clock
from marketplace.mail.address import can_be_written
from marketplace.models import OutgoingEmail
from marketplace.patience.breaker import Breaker

log = logging.getLogger(__name__)
State, Reason = OutgoingEmail.State, OutgoingEmail.Reason

INTERVALS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120, 240)]  # then the last one, again
LIMIT = timedelta(hours=72)  # from `waits_since`
LEASE = timedelta(minutes=10)  # longer than a message takes (SOFT_LIMIT): then who claimed it is dead
SOFT_LIMIT = 300  # seconds of a task; one conversation has an end of its own (mail/smtp.py)
ALONE = timedelta(minutes=1)  # a message that nobody took by then was lost by the queue: the sweep takes it
ROUND = 500  # messages, at most, that one sweep takes
server = Breaker("The mail server (EMAIL_URL)", seconds=60)
_ENHANCED = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b")  # RFC 3463, at the start of the reply's text


class Fate(Enum):
    """What became of one attempt. SILENT: the server answered nothing at all, to this message or to any."""

    SENT = "sent"
    FAILED = "failed"
    SILENT = "silent"
    NOT_NOW = "not now"


@dataclass(frozen=True)
class Failure:
    """Why a message did not leave. `note`: the error's name and the server's codes."""

    reason: str
    note: str
    permanent: bool = False


@shared_task(name="marketplace.tasks.deliver_email", soft_time_limit=SOFT_LIMIT)
def deliver_email(pk: int, **kwargs: Any) -> None:
    """A task takes ids; `**kwargs` lets old workers live."""
    # Who acts waits for it where there is no queue, and the whole queue where there is one: once the server was silent,
    # others go on, and the sweep takes theirs.
    if server.allows():
        deliver(pk)


def deliver(pk: int) -> bool:
    """Send one row if its turn has come; True when this call sent it. Several workers at once send it once."""
    return attempt(pk) is Fate.SENT


def attempt(pk: int) -> Fate:
    """The same, telling more."""
    at = clock.now()
    email = _claim(pk, at=at)
    if email is None:
        return Fate.NOT_NOW
    failure = _send(email)
    if failure is None:
        _sent(email)
        server.works()
        return Fate.SENT
    _failed(email, failure, at=at)
    return Fate.SILENT if failure.reason == Reason.UNREACHABLE else Fate.FAILED


def due(*, at: datetime) -> QuerySet[OutgoingEmail]:
    """What a sweep takes: whose next attempt has come, what the queue lost, what a dead worker had claimed."""
    lost = Q(state=State.WAITING, next_at=None, created_at__lt=at - ALONE)
    return OutgoingEmail.objects.filter(lost | _again(at), held=False, sent_at=None)


def _again(at: datetime) -> Q:
    return Q(state=State.WAITING, next_at__lte=at) | Q(state=State.SENDING, claimed_at__lte=at - LEASE)


def _claim(pk: int, *, at: datetime) -> OutgoingEmail | None:
    """The row, ours for LEASE; None when it is another's, or not to be sent now."""
    free = Q(state=State.WAITING, next_at=None) | _again(at)
    rows = OutgoingEmail.objects.filter(free, pk=pk, held=False, sent_at=None)
    if not rows.update(state=State.SENDING, claimed_at=at, attempts=F("attempts") + 1):
        return None
    return OutgoingEmail.objects.get(pk=pk)


def _send(email: OutgoingEmail) -> Failure | None:
    """Hand the message to the mail server. Nothing that one message does here reaches another."""
    if not can_be_written(email.address):
        return Failure(Reason.ADDRESS, "", permanent=True)
    try:
        message_of(email).send()
    except Exception as error:
        return failure_of(error)
    return None


def message_of(email: OutgoingEmail) -> EmailMessage:
    """What leaves. `Auto-Submitted`: no absence replies to us (RFC 3834, section 5)."""
    headers = {
        "Content-Language": email.language,
        "Auto-Submitted": "auto-generated",
        "Message-ID": f"<{email.public_id}@{urlsplit(settings.BASE_URL).hostname}>",  # the same at each attempt
    }
    return EmailMessage(email.subject, email.body, to=[email.address], headers=headers)


def failure_of(error: Exception) -> Failure:
    """What an error of the sending means. Only codes and names are kept: a reply's sentence repeats the address."""
    name = type(error).__name__
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()), (0, b""))
        return _replied(name, code, said, permanent=code // 100 == 5)
    if isinstance(error, smtplib.SMTPResponseException):
        if isinstance(error, smtplib.SMTPDataError):
            return _replied(name, error.smtp_code, error.smtp_error, permanent=error.smtp_code // 100 == 5)
        # At the greeting, the sign-in or the sender it is about us: it is corrected, and the message can leave.
        return Failure(Reason.UNWELCOME, _note(name, error.smtp_code, error.smtp_error))
    if isinstance(error, OSError | SoftTimeLimitExceeded):  # smtplib's other errors are OSErrors
        server.failed(error)
        return Failure(Reason.UNREACHABLE, name)
    log.error("A message of the outbox could not be prepared (%s).", name)  # its text may hold what the message says
    return Failure(Reason.DEFECT, name)


def _replied(name: str, code: int, said: bytes | str, *, permanent: bool) -> Failure:
    return Failure(Reason.REFUSED if permanent else Reason.PUT_OFF, _note(name, code, said), permanent)


def _note(name: str, code: int, said: bytes | str) -> str:
    found = _ENHANCED.match(said if isinstance(said, bytes) else said.encode())
    return " ".join([name, str(code), *([found[1].decode()] if found else [])])


def _sent(email: OutgoingEmail) -> None:
    """It left: whoever claims this row now, that is what became of it."""
    left = {"body": ""} if email.secret else {}
    OutgoingEmail.objects.filter(pk=email.pk).update(
        state=State.SENT, sent_at=clock.database_now(), next_at=None, reason="", last_error="", **left
    )


def _failed(email: OutgoingEmail, failure: Failure, *, at: datetime) -> None:
    """Wait for the next attempt, or give up. A claim that outlived its lease writes nothing: another holds the row."""
    end = email.waits_since + LIMIT
    known: dict[str, Any] = {"reason": failure.reason, "last_error": failure.note}
    if failure.permanent or at >= end:
        known |= {"state": State.GIVEN_UP, "next_at": None}
        if email.secret:  # a link of 72 hours ago: nobody will follow it, and nobody should find it
            known["body"] = ""
    else:
        interval = INTERVALS[min(email.attempts, len(INTERVALS)) - 1]
        known |= {"state": State.WAITING, "next_at": min(at + interval, end)}
    OutgoingEmail.objects.filter(pk=email.pk, state=State.SENDING, claimed_at=at).update(**known)
