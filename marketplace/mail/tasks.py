"""The outbox’s sweep."""

from typing import Any

from celery import shared_task

from marketplace.dates import clock
from marketplace.mail import outbox


@shared_task(name="marketplace.tasks.sweep_emails")
def sweep_emails(**kwargs: Any) -> None:
    """Send again what a lost task left in the outbox."""
    for pk in outbox.waiting(at=clock.now()):
        outbox.deliver(pk)
