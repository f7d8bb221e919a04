"""Background work on proposals."""

from celery import shared_task

from proposals.opening import actions


@shared_task(name="proposals.tasks.open_due")
def open_due(**kwargs) -> None:
    """Open every occasion whose closing instant has passed; several workers at once open each once."""
    actions.open_due()
