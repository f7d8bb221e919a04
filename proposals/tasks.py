"""Background work on proposals."""

from celery import shared_task

from proposals import opening


@shared_task
def open_due(**kwargs) -> None:
    """Open every occasion whose closing instant has passed; several workers at once open each once."""
    opening.open_due()
