"""The outbox’s sweep."""

from typing import Any

from celery import shared_task

from marketplace import guard
from marketplace.dates import clock
from marketplace.mail import delivery

ROUND_SECONDS = 45  # then the next sweep goes on: a task that is stopped in the middle of a sending sends again
IN_A_ROW = 3  # messages that the server did not answer to: it is the server's fault, and the others' turn is kept


@shared_task(name="marketplace.tasks.sweep_emails", soft_time_limit=delivery.SOFT_LIMIT)
def sweep_emails(**kwargs: Any) -> None:
    """Send what is due: what a lost task left, and what waits for its next attempt.

    A server that answers nobody costs three time-outs, not one a message; what was not tried stays due.
    """
    rows = delivery.due(at=clock.now()).order_by("attempts", "pk").values_list("pk", flat=True)
    silent, began = 0, clock.elapsed()
    for pk in list(rows[: delivery.ROUND]):
        fate = delivery.Fate.FAILED
        with guard.one("message", pk):
            fate = delivery.attempt(pk)
        if fate is not delivery.Fate.NOT_NOW:
            silent = silent + 1 if fate is delivery.Fate.SILENT else 0
        if silent == IN_A_ROW or clock.elapsed() - began > ROUND_SECONDS:
            break
