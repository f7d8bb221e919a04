"""Each night: the signals, computed again from all the data."""

from celery import shared_task

from marketplace import clock


@shared_task
def compute_flags(**kwargs) -> None:
    from audit.flags import compute

    compute.refresh(clock.now())
