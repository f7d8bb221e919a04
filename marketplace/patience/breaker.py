"""What is optional is not waited for: after one failure, nobody asks that server again for some seconds.

A page then pays one time-out at most, whatever it would have asked; when the seconds are over, one caller tries while
the others still go without.
"""

import logging
from collections.abc import Callable
from threading import Lock

from marketplace.dates import clock

log = logging.getLogger(__name__)
SECONDS = 5.0  # that nobody asks after a failure
LOG_EVERY = 60.0  # seconds: an outage is told each minute, not each request


class Breaker:
    """Of one server, for the whole process (its threads together)."""

    def __init__(self, name: str, *, seconds: float = SECONDS) -> None:
        self.name = name
        self._seconds = seconds
        self._lock = Lock()
        self._again: float | None = None  # when one caller may try; None while the server answers
        self._told: float | None = None

    def allows(self, check: Callable[[], object] | None = None, errors: tuple[type[Exception], ...] = ()) -> bool:
        """Whether the caller may ask the server now.

        check: what the one caller who tries after a failure asks first; one of `errors` means that it still fails.
        """
        with self._lock:
            if self._again is None:
                return True
            if clock.elapsed() < self._again:
                return False
            self._again = clock.elapsed() + self._seconds  # others go without while this caller tries
        if check is not None:
            try:
                check()
            except errors as error:
                self.failed(error)
                return False
            self.works()
        return True

    def failed(self, error: BaseException) -> None:
        """The server did not answer, or refused: nobody asks it for a while. Told once a minute, by the error's name
        only: its text may hold an address and a password."""
        now = clock.elapsed()
        with self._lock:
            self._again = now + self._seconds
            tell = self._told is None or now - self._told >= LOG_EVERY
            if tell:
                self._told = now
        if tell:
            log.error("%s does not answer (%s): going on without it.", self.name, type(error).__name__)

    def works(self) -> None:
        """The server answered."""
        if self._again is None:  # read without the lock: each call that succeeds passes here
            return
        with self._lock:
            self._again = self._told = None
        log.warning("%s answers again.", self.name)
