"""The outbox's only door: `queue` writes a row in the act's transaction, `deliver` sends it after commit.

Templates are `templates/emails/*.txt`: the first line is the subject, one blank line, then the text. One recipient per
message, always. Delivery is at least once: a crash between the mail server's yes and our commit can repeat a message,
never lose one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from celery import shared_task
from celery.contrib.django.task import DjangoTask
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django.template.loader import render_to_string
from django.utils import translation

from marketplace.dates import clock
from marketplace.models import OutgoingEmail, User

MAX_ATTEMPTS = 12
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
    template: str, *, address: str, to: User | None, at: datetime, confidential: bool = False, **context: Any
) -> None:
    """Write `template` to an address, in the language of the User who has it, or in the active one without any."""
    with translation.override(to.language if to else translation.get_language()):
        text = render_to_string(template, {**context, "to": to, "base_url": settings.BASE_URL, "now": at})
        subject, _, body = text.strip().partition("\n")
        enqueue(template, address, subject, body.strip() + "\n", to=to, at=at, confidential=confidential)


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
    )
    if not email.held:
        deliver_email.delay_on_commit(email.pk)


@shared_task(name="marketplace.tasks.deliver_email", base=DjangoTask)
def deliver_email(pk: int, **kwargs: Any) -> None:
    """A task takes ids; `**kwargs` lets old workers live."""
    deliver(pk)


def deliver(pk: int) -> bool:
    """Send one row if it still waits; True when this call sent it. Two workers at once send it once."""
    with transaction.atomic():
        rows = OutgoingEmail.objects.filter(pk=pk, sent_at=None, held=False, attempts__lt=MAX_ATTEMPTS)
        email = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).first()
        if email is None:
            return False
        email.attempts += 1
        try:
            EmailMessage(
                email.subject, email.body, to=[email.address], headers={"Content-Language": email.language}
            ).send()
        except OSError as error:  # smtplib's errors are OSErrors: the sweep tries again
            email.last_error = type(error).__name__
        else:
            email.sent_at, email.last_error = clock.database_now(), ""
            if email.secret:
                email.body = ""
        email.save(update_fields=["attempts", "last_error", "sent_at", "body"])
        return email.sent_at is not None


def waiting(*, at: datetime) -> list[int]:
    """Rows that a lost task left behind: older than a minute, not sent."""
    rows = OutgoingEmail.objects.filter(
        sent_at=None, held=False, attempts__lt=MAX_ATTEMPTS, created_at__lt=at - timedelta(minutes=1)
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:500])


class Figures(NamedTuple):
    """The outbox in numbers. `oldest_seconds`: 0 when nothing waits; `failed`: what waits and was tried in vain."""

    waiting: int
    oldest_seconds: float
    failed: int
    given_up: int


def figures(*, at: datetime) -> Figures:
    """What waits and what was given up at `at`, in one query.

    Confidential messages are left out: their number and their age would tell that somebody deposits, and when.
    """
    waits, given_up = Q(attempts__lt=MAX_ATTEMPTS), Q(attempts__gte=MAX_ATTEMPTS)
    row = OutgoingEmail.objects.filter(sent_at=None, held=False, confidential=False).aggregate(
        waiting=Count("pk", filter=waits),
        oldest=Min("created_at", filter=waits),
        failed=Count("pk", filter=waits & ~Q(last_error="")),
        given_up=Count("pk", filter=given_up),
    )
    oldest = row.pop("oldest")
    return Figures(oldest_seconds=max(0.0, (at - oldest).total_seconds()) if oldest else 0.0, **row)
