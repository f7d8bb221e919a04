"""One opening of an occasion at a time, and nobody waits for it: whoever comes second is told that it is under way."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_SPACE = 0x0E2  # first of the two numbers of an advisory lock: a space apart from the ledger's, whose number is single


@contextmanager
def alone(occasion: int) -> Iterator[bool]:
    """Whether this process is the one that opens the occasion (its key); it is until the block ends, or it dies.

    PostgreSQL: an advisory lock, and the block is one transaction, which holds it, and the row's lock once it is taken:
    pages do not wait for it, an act on this very occasion does. SQLite: a lock on a file beside the
    database, one for all occasions; the block is no transaction, for that would keep every other page from writing.
    """
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", _key(occasion))
                taken = cursor.fetchone()[0]
            yield taken
    else:
        with _file(fcntl.LOCK_EX) as taken:
            yield taken


def under_way(occasion: int) -> bool:
    """Whether another process is opening it; nothing is taken, so that none is kept from beginning."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # What pg_try_advisory_xact_lock(a, b) shows of itself: classid a, objid b, objsubid 2.
            cursor.execute(
                "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database()"
                " WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2 AND granted",
                _key(occasion),
            )
            return cursor.fetchone() is not None
    with _file(fcntl.LOCK_SH) as free:
        return not free


def _key(occasion: int) -> list[int]:
    return [_SPACE, occasion % 2**31]


@contextmanager
def _file(kind: int) -> Iterator[bool]:
    """The lock of the file, if it can be had at once. The system frees it with the process that had it."""
    file = os.open(f"{connection.settings_dict['NAME']}-opening", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)
