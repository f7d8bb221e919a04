"""Each night, and when an auditor asks: the signals, computed again from all the data."""

from celery import shared_task

from marketplace import clock
from marketplace.models import User


@shared_task
def compute_flags(by: int | None = None, **kwargs) -> None:
    """`by`: the person who asked; None for the night."""
    from audit.flags import compute

    compute.refresh(clock.now(), by=by and User.objects.get(pk=by))
