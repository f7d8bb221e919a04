"""`manage.py schedule`: what is due, when, by a clock that stands still; and `make run` has it beside the site."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery.schedules import crontab
from django.core.management import CommandError, call_command

from marketplace.celery import app
from marketplace.dates import clock
from marketplace.dates.localtime import to_utc
from marketplace.management.commands import schedule
from opportunities.models import Opportunity
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT
from tools import run

ROOT = Path(__file__).resolve().parent.parent
OPEN = "proposals.tasks.open_due"
BY_INTERVAL = sorted(row["task"] for row in app.conf.beat_schedule.values() if isinstance(row["schedule"], float))
BY_HOUR = {row["task"] for row in app.conf.beat_schedule.values() if isinstance(row["schedule"], crontab)}
START = CLOSES_AT - timedelta(hours=3)


@pytest.fixture
def ran(monkeypatch):
    names = []
    monkeypatch.setattr(schedule, "_run", lambda entry: names.append(entry.task))
    return names


def test_the_table_is_celery_s_own():
    assert len(set(BY_INTERVAL)) >= 5 and len(BY_HOUR) >= 6
    assert {row["task"] for row in app.conf.beat_schedule.values()} == {*BY_INTERVAL, *BY_HOUR}
    schedule.Beat({}, at=START)
    assert set(app.tasks) > {*BY_INTERVAL, *BY_HOUR}


def test_intervals_run_at_the_start_and_then_by_themselves(ran):
    beat = schedule.Beat(app.conf.beat_schedule, at=START)
    assert beat.tick(at=START) == 15 and sorted(ran) == BY_INTERVAL
    ran.clear()
    assert beat.tick(at=START + timedelta(seconds=9)) == 6 and not ran
    beat.tick(at=START + timedelta(seconds=15))
    assert ran == [OPEN]
    ran.clear()
    beat.tick(at=START + timedelta(hours=1))  # the machine slept: once, not two hundred times
    assert sorted(ran) == BY_INTERVAL


@pytest.mark.parametrize("day", ["2026-06-15T12:00:00", "2026-10-31T12:00:00", "2027-03-13T12:00:00"])
def test_what_goes_by_the_hour_runs_once_a_day(ran, day):
    """On the nights when the clocks change too."""
    at = to_utc(datetime.fromisoformat(day))
    beat = schedule.Beat(app.conf.beat_schedule, at=at)
    for _step in range(48 * 12):
        beat.tick(at=at)
        at += timedelta(minutes=5)
    counted = Counter(ran)
    assert {name: counted[name] for name in BY_HOUR} == dict.fromkeys(BY_HOUR, 2)
    assert counted[OPEN] == 48 * 12


def test_an_occasion_is_opened_with_nobody_looking(cast):
    cast.submitted(cast.published())
    table = {"open": app.conf.beat_schedule["open what has closed"]}
    before = CLOSES_AT - timedelta(seconds=1)
    beat = schedule.Beat(table, at=before)
    with clock.set_to(before):
        seconds = beat.tick(at=before)
    assert seconds < 60 and Opportunity.objects.get().state == "published"
    after = before + timedelta(seconds=seconds)
    with clock.set_to(after):
        beat.tick(at=after)
    assert Opportunity.objects.get().state == "evaluation"


def test_a_task_that_fails_stops_no_other(db, monkeypatch, caplog):
    ran = []
    schedule.Beat({}, at=START)  # the tasks are there once a table is read
    monkeypatch.setattr(opening_actions, "open_due", lambda: 1 / 0)
    monkeypatch.setattr(app.tasks["marketplace.tasks.sweep_emails"], "run", lambda **given: ran.append(given))
    table = {
        "first": {"task": OPEN, "schedule": 15.0},
        "unknown": {"task": "nowhere.to.be.found", "schedule": 15.0},
        "last": {"task": "marketplace.tasks.sweep_emails", "schedule": 15.0, "kwargs": {"most": 3}},
    }
    beat = schedule.Beat(table, at=START)
    beat.tick(at=START)
    assert ran == [{"most": 3}]
    failed = [record.getMessage() for record in caplog.records if record.name == schedule.__name__]
    assert failed == [f"The task {OPEN} failed.", "The task nowhere.to.be.found failed."]
    beat.tick(at=START + timedelta(seconds=15))
    assert len(ran) == 2


def test_no_task_begins_once_it_is_told_to_stop(ran):
    stop = threading.Event()
    stop.set()
    schedule.Beat(app.conf.beat_schedule, at=START).tick(at=START, stop=stop)
    assert not ran


@pytest.fixture
def _here(db, monkeypatch):
    """The command runs in the test's own process and transaction."""
    monkeypatch.setattr(schedule, "close_old_connections", lambda: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def queue_of(beat) -> str:
    """By its heartbeat."""
    (given,) = [entry.given for entry in beat.entries if entry.task == "marketplace.tasks.heartbeat"]
    return given.get("name", "celery")


def test_each_queue_has_its_own_tasks_and_its_own_heart():
    tables = schedule.by_queue(app.conf.beat_schedule)
    assert set(tables) == {"celery", "mail", "payments"}
    assert sum(map(len, tables.values())) == len(app.conf.beat_schedule)
    for queue, table in tables.items():
        hearts = [row for row in table.values() if row["task"] == "marketplace.tasks.heartbeat"]
        assert [row.get("kwargs", {}).get("name", "celery") for row in hearts] == [queue]
    assert {row["task"] for row in tables["mail"].values()} >= {"marketplace.tasks.sweep_emails"}


@pytest.mark.usefixtures("_here")
def test_a_mail_server_that_holds_its_queue_holds_no_other(monkeypatch):
    """Messages wait for a server that drips; openings and the heart go on meanwhile."""
    held, go, ran = threading.Event(), threading.Event(), []

    def tick(beat, *, at, stop):
        queue = queue_of(beat)
        if queue == "mail":
            held.set()
            assert go.wait(60)
            return 0.0
        assert held.wait(60)
        ran.append(queue)
        if len(ran) > 20 and set(ran) == {"celery", "payments"} and not go.is_set():
            go.set()
            os.kill(os.getpid(), signal.SIGTERM)
        return 0.0

    monkeypatch.setattr(schedule.Beat, "tick", tick)
    with clock.set_to(START):
        call_command("schedule")
    assert set(ran) == {"celery", "payments"}


@pytest.mark.usefixtures("_here")
def test_a_signal_ends_it_and_so_does_the_end_of_its_parent(monkeypatch, capsys):
    ticks, told = [], threading.Event()

    def tick(beat, *, at, stop):
        ticks.append(queue_of(beat))
        if not told.is_set():
            told.set()
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
        return 0.0

    monkeypatch.setattr(schedule.Beat, "tick", tick)
    with clock.set_to(START):
        call_command("schedule", parent=os.getppid())
        assert len(set(ticks)) == len(ticks) and told.is_set()  # none went on after the signal
        call_command("schedule", parent=-1)  # gone already
    assert capsys.readouterr().out.count(f"schedule: {len(app.conf.beat_schedule)} tasks") == 2
    assert not [thread for thread in threading.enumerate() if thread.name in {"celery", "mail", "payments"}]


@pytest.mark.usefixtures("_here")
def test_a_database_away_for_a_while_does_not_end_it(monkeypatch, caplog):
    table = {"open": app.conf.beat_schedule["open what has closed"]}
    monkeypatch.setattr(schedule, "by_queue", lambda _table: {"celery": table})
    answers = iter([OSError("away"), 0.0])

    def tick(beat, *, at, stop):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
        return answer

    monkeypatch.setattr(schedule, "LOOKS_EVERY", 0.01)
    monkeypatch.setattr(schedule.Beat, "tick", tick)
    call_command("schedule")
    assert "could not be read" in caplog.text and next(answers, None) is None


def test_with_redis_it_refuses_and_says_whose_work_it_is(settings):
    settings.CELERY_TASK_ALWAYS_EAGER = False
    with pytest.raises(CommandError, match="REDIS_URL.*beat"):
        call_command("schedule")


def test_the_process_itself_starts_and_ends_at_once(tmp_path):
    """On an empty database: every task fails, and it goes on until it is told to stop."""
    given = {name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "schedule", "--parent", str(os.getpid())],
        cwd=ROOT,
        env=given | {"VAR_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout.readline() == f"schedule: {len(app.conf.beat_schedule)} tasks\n"
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.stdout.close()


# --- make run --------------------------------------------------------------------------------------------------------
class FakeProcess:
    started: list["FakeProcess"] = []
    fails_at = None

    def __init__(self, command, cwd):
        if command[2] == self.fails_at:
            raise OSError("no more processes")
        self.command, self.ended, self.asked = command[2:], False, 0
        self.started.append(self)

    def wait(self, timeout=None):
        self.asked += 1
        if not self.ended and self.asked <= 3:
            raise subprocess.TimeoutExpired(self.command, timeout)
        return 7

    def poll(self):
        return 3

    def terminate(self):
        self.ended = True


@pytest.fixture
def processes(monkeypatch):
    class Own(FakeProcess):
        started = []

    monkeypatch.setattr(run.subprocess, "Popen", Own)
    monkeypatch.delenv("REDIS_URL", raising=False)
    return Own


def test_make_run_has_its_scheduler_and_tells_once_that_it_stopped(processes, capsys):
    assert run.serve("127.0.0.1", "8123") == 7
    assert [process.command for process in processes.started] == [
        ["runserver", "127.0.0.1:8123"],
        ["schedule", "--parent", str(os.getpid())],
    ]
    assert all(process.ended for process in processes.started)
    assert capsys.readouterr().out.count("run: the scheduler stopped (code 3)") == 1


def test_make_run_leaves_no_orphan(processes):
    processes.fails_at = "schedule"
    with pytest.raises(OSError, match="no more processes"):
        run.serve("127.0.0.1", "8123")
    assert [(process.command[0], process.ended) for process in processes.started] == [("runserver", True)]


def test_make_run_leaves_the_schedule_to_celery_where_there_is_redis(processes, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert run.serve("127.0.0.1", "8123") == 7
    assert [process.command[0] for process in processes.started] == ["runserver"]
    assert "worker" in capsys.readouterr().out
