"""Background work of the ground floor. A task takes ids, fetches, makes one call; `**kwargs` lets old workers live."""

from importlib import import_module

from celery import shared_task
from django.conf import settings

from marketplace import checkpoints, clock, mail


@shared_task
def deliver_email(pk: int, **kwargs) -> None:
    mail.deliver(pk)


@shared_task
def sweep_emails(**kwargs) -> None:
    """Send again what a lost task left in the outbox."""
    for pk in mail.waiting(at=clock.now()):
        mail.deliver(pk)


@shared_task
def sign_ledger(**kwargs) -> None:
    """The day's signed checkpoint."""
    checkpoints.make(at=clock.now())


@shared_task
def cover_ledger(**kwargs) -> None:
    """At an instant that nothing tells beforehand: covers at regular instants would be told from deposits."""
    wait = checkpoints.cover_due()
    if wait is not None:
        write_cover.apply_async(countdown=wait)


@shared_task
def write_cover(**kwargs) -> None:
    checkpoints.cover()


@shared_task
def clear_sessions(**kwargs) -> None:
    """Delete the rows of sessions that ended; a kept form goes with them."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
