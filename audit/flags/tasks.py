"""Each night, and when an auditor asks: the signals, computed again from all the data."""

from celery import shared_task

from audit.flags import compute
from marketplace.dates import clock
from marketplace.models import User


@shared_task(name="audit.tasks.compute_flags")
def compute_flags(by: int | None = None, **kwargs) -> None:
    """`by`: the person who asked; None for the night."""
    compute.refresh(clock.now(), by=by and User.objects.get(pk=by))
