"""Short questions to what stands around us. Each has a time-out: what is frozen must not freeze whoever asks."""

import secrets
import shutil
from contextlib import closing

import redis
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from marketplace.celery import app
from marketplace.files import clamd, store

TIMEOUT = 0.5  # seconds, for what is near
STEP = 50  # tasks
DATABASE_TIMEOUT = 2  # seconds, whole: libpq knows no shorter one


def database() -> bool:
    """True when the database takes a new connection and answers; raises what the driver raises otherwise.

    On PostgreSQL by a connection of its own: the one that this process already holds would wait as long as a frozen
    server does.
    """
    if connection.vendor == "postgresql":
        values = connection.get_connection_params() | {"connect_timeout": DATABASE_TIMEOUT}
        connection.Database.connect(**values).close()  # type: ignore[attr-defined]  # psycopg, as Django names it
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _redis(url: str, *, timeout: float) -> redis.Redis:
    """A client without patience, which has not connected yet."""
    return redis.Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )


def _broker() -> redis.Redis | None:
    """The queue's server; None when tasks run in the same process."""
    return _redis(settings.REDIS_URL, timeout=TIMEOUT) if settings.REDIS_URL else None


def broker() -> bool | None:
    """Whether the queue's server answers; None without one."""
    client = _broker()
    if client is None:
        return None
    with closing(client):
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def cache() -> bool | None:
    """Whether the cache's server takes something and gives it back; None without one.

    By a connection of its own: the site's cache goes on without its server, and would say that all is well.
    """
    url = settings.CACHE_URL
    if not url:
        return None
    key, value = f"probe:{secrets.token_hex(8)}", secrets.token_bytes(8)
    with closing(_redis(url, timeout=TIMEOUT / 2)) as client:  # to connect, then to answer
        try:
            with client.pipeline(transaction=False) as asked:
                asked.set(key, value, ex=5)
                asked.get(key)
                return bool(asked.execute() == [True, value])
        except redis.RedisError:
            return False


def queues() -> set[str]:
    """Every queue that tasks of ours are sent to."""
    return {queue.name for queue in app.conf.task_queues}


def queue_length() -> int | None:
    """How many tasks wait in all queues, in steps of STEP; None without a broker, or when it does not answer.

    By one, it would tell of each deposit while no worker runs: its messages are tasks.
    """
    client = _broker()
    if client is None:
        return None
    with closing(client):
        try:
            return sum(client.llen(name) for name in queues()) // STEP * STEP
        except redis.RedisError:
            return None


def scanner() -> bool | None:
    """Whether clamd answers; None without one."""
    if not settings.CLAMD_URL:
        return None
    try:
        return clamd.ping(TIMEOUT)
    except OSError:
        return False


def disk_used() -> float | None:
    """The used part of the disk that holds the files, in hundredths; None when they are on an object store.

    Not finer: it would tell how large the last deposit is.
    """
    folder = store.location()
    if folder is None:
        return None
    while not folder.exists():  # made with the first file
        folder = folder.parent
    total, _used, free = shutil.disk_usage(folder)
    return round(1 - free / total, 2)
