"""Background work of the ground floor. A task takes ids, fetches, makes one call; `**kwargs` lets old workers live."""

from celery import shared_task

from marketplace import clock, mail


@shared_task
def deliver_email(pk: int, **kwargs) -> None:
    mail.deliver(pk)


@shared_task
def sweep_emails(**kwargs) -> None:
    """Send again what a lost task left in the outbox."""
    for pk in mail.waiting(at=clock.now()):
        mail.deliver(pk)
