"""The periodic tasks of an installation without Redis, in one process: what celery beat and the workers do elsewhere.

One thread for each queue, as there is one worker for each elsewhere: what waits for a mail server, or for Stripe, keeps
neither an opening nor the heart from its turn.
"""

import copy
import logging
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any

from celery.schedules import BaseSchedule, maybe_schedule, schedule
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections, connections

from marketplace.celery import app
from marketplace.dates import clock
from marketplace.doors import arguments

logger = logging.getLogger(__name__)

Table = Mapping[str, Mapping[str, Any]]
LOOKS_EVERY = 5  # seconds, at most: for a parent that is gone


@dataclass
class _Entry:
    task: str
    schedule: BaseSchedule
    last: datetime
    given: Mapping[str, Any] = field(default_factory=dict)


class Beat:
    """Runs what is due of a table such as `marketplace/celery.py` has, one task after the other, here.

    What goes by an interval runs at the first tick, for it may have been due while nothing ran; what goes by the hour
    waits for its hour.
    """

    def __init__(self, table: Table, *, at: datetime) -> None:
        for module in app.conf.imports:  # the tasks themselves; Celery's own way sets Django up again, logs included
            import_module(module)
        self.at = at
        self.entries = [self._entry(row) for row in table.values()]

    def _entry(self, row: Mapping[str, Any]) -> _Entry:
        # A copy: the table's own keep the clock that Celery gave them.
        every: Any = copy.copy(maybe_schedule(row["schedule"], app=app))
        every.nowfun = lambda: self.at
        past = timedelta(seconds=every.seconds) if isinstance(every, schedule) else timedelta()
        return _Entry(row["task"], every, self.at - past, row.get("kwargs", {}))

    def tick(self, *, at: datetime, stop: threading.Event | None = None) -> float:
        """Run what is due at this instant; in how many seconds to ask again. `stop`: no further task once it is set."""
        self.at = at
        nexts = []
        for entry in self.entries:
            due, seconds = entry.schedule.is_due(entry.last)
            if due and not (stop and stop.is_set()):
                entry.last = at
                _run(entry)
            nexts.append(float(seconds))
        return min(nexts)


def by_queue(table: Table) -> dict[str, Table]:
    """The same rows, by the queue that Celery would send them to."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, row in table.items():
        queue = app.amqp.router.route(dict(row.get("options", {})), row["task"])["queue"]
        found.setdefault(getattr(queue, "name", queue), {})[name] = row
    return dict(found)


def _run(entry: _Entry) -> None:
    try:
        app.tasks[entry.task].apply(kwargs=dict(entry.given), throw=True)
    except Exception:  # the next one is not to wait for this one to be mended; its own turn comes again
        logger.exception("The task %s failed.", entry.task)


class Command(BaseCommand):
    help = "Exécute les tâches périodiques d’une installation sans Redis (avec Redis : celery beat et un worker)."

    def add_arguments(self, parser: CommandParser) -> None:
        process = arguments.whole(least=1, most=arguments.LARGEST)
        parser.add_argument("--parent", type=process, help="le processus avec lequel finir, par son numéro")

    def handle(self, *args: Any, parent: int | None = None, **options: Any) -> None:
        if not settings.CELERY_TASK_ALWAYS_EAGER:
            raise CommandError(
                "REDIS_URL est définie : les tâches périodiques sont celles de « celery -A marketplace beat », "
                "qu’un worker exécute. Cette commande est pour une installation sans Redis."
            )
        # Not the event that threads wait for: its lock may be held by the very code that a signal interrupts.
        told: SimpleQueue[int] = SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: told.put(received))
        stop = threading.Event()
        at = clock.now()
        beats = {queue: Beat(rows, at=at) for queue, rows in by_queue(app.conf.beat_schedule).items()}
        self.stdout.write(f"schedule: {sum(len(beat.entries) for beat in beats.values())} tasks", ending="\n")
        self.stdout.flush()
        threads = [threading.Thread(target=_work, args=(beat, stop), name=queue) for queue, beat in beats.items()]
        for thread in threads:
            thread.start()
        while parent in {None, os.getppid()}:
            with suppress(Empty):
                told.get(timeout=LOOKS_EVERY)
                break
        stop.set()
        for thread in threads:  # a task that has begun is finished
            thread.join()


def _work(beat: Beat, stop: threading.Event) -> None:
    while not stop.is_set():
        stop.wait(min(_tick(beat, stop), LOOKS_EVERY))
    connections.close_all()  # this thread's own


def _tick(beat: Beat, stop: threading.Event) -> float:
    close_old_connections()  # as each request does
    try:
        return beat.tick(at=clock.now(), stop=stop)
    except Exception:  # the database that tells the time may be away for a while
        logger.exception("The schedule could not be read.")
        return LOOKS_EVERY
