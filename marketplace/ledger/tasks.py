"""The ledger’s periodic work: the day’s signed checkpoint, and entries that blur the count."""

from typing import Any

from celery import shared_task

from marketplace import later
from marketplace.dates import clock
from marketplace.ledger import checkpoints


@shared_task(name="marketplace.tasks.sign_ledger")
def sign_ledger(**kwargs: Any) -> None:
    """The day's signed checkpoint."""
    checkpoints.make(at=clock.now())


@shared_task(name="marketplace.tasks.cover_ledger")
def cover_ledger(**kwargs: Any) -> None:
    """At an instant that nothing tells beforehand: covers at regular instants would be told from deposits."""
    wait = checkpoints.cover_due()
    if wait is not None:
        later.send(write_cover, countdown=wait)


@shared_task(name="marketplace.tasks.write_cover")
def write_cover(**kwargs: Any) -> None:
    checkpoints.cover()
