"""One item of a task that has many: what it raises is written down, and stops none of those after it.

Every periodic task that goes through rows does it under this guard (tests/test_one_bad_row.py walks them all).
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

logger = logging.getLogger(__name__)
_FRAMES = 4  # of the innermost: enough to find the place


@contextmanager
def one(what: str, key: object) -> Iterator[None]:
    """`with guard.one("invoice", invoice.pk):` around what concerns this one alone; `key` names no person.

    The line has the error's name and where it was raised, never its text: a database's quotes the row. A time limit is
    about the task, and goes on.
    """
    try:
        yield
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        logger.error("%s %s was left for the next time: %s at %s.", what, key, type(error).__name__, place(error))
        if not connection.in_atomic_block:  # one that broke is made anew for the next item
            connection.close_if_unusable_or_obsolete()


def place(error: BaseException) -> str:
    """« file.py:12 < other.py:40 », from where it was raised outwards."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
