"""Readiness: whether this process could do its work now, in eight checks that take a moment.

Kept a few seconds in each process, so that a caller who insists costs nothing.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from marketplace import keys
from marketplace.dates import clock
from marketplace.service import heartbeat, probes

logger = logging.getLogger(__name__)
KEPT = 5.0  # seconds
OK, DOWN, UNUSED, UNKNOWN = "ok", "down", "unused", "unknown"
Value = TypeVar("Value")
Check = Callable[[], bool | None]


class Kept(Generic[Value]):
    """What a function answered, for so many seconds. While one thread asks again, the others get the former answer."""

    def __init__(self, ask: Callable[[], Value], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = threading.Lock()
        self._answer: tuple[float, Value] | None = None

    def __call__(self) -> Value:
        kept = self._answer
        if kept and time.monotonic() < kept[0]:
            return kept[1]
        mine = self._lock.acquire(blocking=False)
        if kept and not mine:
            return kept[1]
        try:
            value = self._ask()
            self._answer = (time.monotonic() + self._seconds, value)
            return value
        finally:
            if mine:
                self._lock.release()

    def forget(self) -> None:
        self._answer = None


@cache
def _last_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of each app, as the code has them."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())


def migrations() -> bool:
    """Every migration of this version is applied."""
    return _last_migrations() <= set(MigrationRecorder(connection).applied_migrations())


def keys_readable() -> bool:
    """Both key files can be read now, and hold keys: a process that starts would start."""
    keys.check()
    keys.seal_key(settings.SEAL_KEY_FILE.read_bytes())
    keys.signing_key(settings.SIGNING_KEY_FILE.read_bytes())
    return True


def seal_key() -> bool:
    """The seal key is the one that this database was begun with."""
    keys.check_database()
    return True


def scheduler() -> bool:
    """The periodic tasks ran less than five minutes ago."""
    return not heartbeat.late(at=clock.now())


def mail_worker() -> bool:
    """So did those that go through the messages' queue."""
    return not heartbeat.late(at=clock.now(), name=heartbeat.MAIL)


def payments_worker() -> bool | None:
    """So did those of the payments' queue; None where bodies pay by their own system."""
    return not heartbeat.late(at=clock.now(), name=heartbeat.PAYMENTS) if settings.STRIPE_SECRET_KEY else None


# Those of the second kind ask the database: useless once it is known not to answer, and slow.
CHECKS: dict[str, Check] = {"database": probes.database, "keys": keys_readable, "broker": probes.broker}
IN_DATABASE: dict[str, Check] = {
    "migrations": migrations,
    "seal_key": seal_key,
    "scheduler": scheduler,
    "mail_worker": mail_worker,
    "payments_worker": payments_worker,
}


def _state(name: str, check: Check) -> str:
    try:
        answer = check()
    except Exception as error:  # any failure is the answer; its words may name hosts and roles
        logger.warning("Not ready: %s (%s).", name, type(error).__name__)
        return DOWN
    return UNUSED if answer is None else OK if answer else DOWN


def _states() -> dict[str, str]:
    states = {name: _state(name, check) for name, check in CHECKS.items()}
    for name, check in IN_DATABASE.items():
        states[name] = _state(name, check) if states["database"] == OK else UNKNOWN
    return states


states = Kept(_states, KEPT)


def ready(answer: dict[str, str]) -> bool:
    """Whether nothing is missing."""
    return set(answer.values()) <= {OK, UNUSED}
