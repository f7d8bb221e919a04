"""What is done after an act, by a worker: published once the act is committed, and never its failure.

Every task that is asked for here is also taken up by a sweep, or done again by the night (tests/test_later.py holds the
table): a broker that is down, frozen or full delays it, and nobody who acted sees an error.
"""

import os
from functools import cache
from typing import Any

from celery import Task, current_app
from django.conf import settings
from django.db import transaction
from kombu import pools
from kombu.exceptions import KombuError
from kombu.pools import ProducerPool
from redis.exceptions import RedisError

from marketplace.patience.breaker import Breaker

TIMEOUT = 0.3  # seconds, to connect and to be answered
# Of this process's publications only: a worker waits longer than that for its next message.
_SHORT = {
    **{"socket_connect_timeout": TIMEOUT, "socket_timeout": TIMEOUT, "retry_on_timeout": False},
    **{"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0},
}
_UNAVAILABLE = (KombuError, RedisError, OSError)
broker = Breaker("The queue (REDIS_URL)")


def publish(task: Task, *args: Any) -> None:
    """Have `task` done with these arguments (keys, never rows) once the transaction is committed. Raises nothing."""
    # Not a `partial`: Django asks the name of a robust one that fails.
    transaction.on_commit(lambda: send(task, *args), robust=True)


def send(task: Task, *args: Any, countdown: float = 0, **kwargs: Any) -> bool:
    """Publish now, for who is not in a transaction; False when the queue did not take it.

    countdown: seconds to wait before it is done.
    """
    options: dict[str, Any] = {"countdown": countdown} if countdown else {}
    if settings.CELERY_TASK_ALWAYS_EAGER:
        task.apply_async(args, kwargs, **options)
        return True
    if not broker.allows():
        return False
    try:
        with _producers(os.getpid()).acquire(block=True, timeout=TIMEOUT) as producer:
            task.apply_async(args, kwargs, producer=producer, retry=False, **options)
    except _UNAVAILABLE as error:
        broker.failed(error)
        return False
    broker.works()
    return True


@cache
def _producers(process: int) -> ProducerPool:
    """Of this process: a connection does not outlive a fork."""
    connection = current_app.connection_for_write(connect_timeout=TIMEOUT)
    connection.transport_options = {**(connection.transport_options or {}), **_SHORT}
    return pools.producers[connection]
