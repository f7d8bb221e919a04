"""The task whose only work is to have run."""

from typing import Any

from celery import shared_task

from marketplace.dates import clock
from marketplace.service import heartbeat


@shared_task(name="marketplace.tasks.heartbeat")
def write_heartbeat(name: str = heartbeat.SCHEDULER, **kwargs: Any) -> None:
    """Each minute, in each queue. It waits there like any other: a queue that nobody empties shows as a heart that
    stopped."""
    heartbeat.beat(at=clock.now(), name=name)
