"""/pret says what is missing, quickly and without a word too many; /sante says that the process serves."""

import json
import socket
import threading
from datetime import timedelta

import pytest
from django.db import OperationalError

from marketplace.celery import app
from marketplace.dates import clock
from marketplace.models import Heartbeat
from marketplace.service import checks, heartbeat, probes
from marketplace.service import tasks as service_tasks
from tests.conftest import NOW

NAMES = {"database", "keys", "broker", "migrations", "seal_key", "scheduler", "mail_worker", "payments_worker"}
UNUSED = {"broker": "unused", "payments_worker": "unused"}
SECRET = "hote-secret.exemple.invalid"


@pytest.fixture(autouse=True)
def _fresh():
    checks.states.forget()
    yield
    checks.states.forget()


@pytest.fixture
def beating(db, now):
    for name in ("scheduler", "mail", "payments"):
        heartbeat.beat(at=now, name=name)


@pytest.fixture
def silent():
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"127.0.0.1:{port}"


def ask(client, **named):
    answer = client.get("/pret", **named)
    return answer.status_code, json.loads(answer.content)


def test_ready(beating, client):
    assert ask(client) == (
        200,
        {
            "ready": True,
            "checks": dict.fromkeys(NAMES, "ok") | UNUSED,
        },
    )


def missing_migration(monkeypatch, settings):
    known = checks._last_migrations()
    monkeypatch.setattr(checks, "_last_migrations", lambda: known | {("marketplace", "9999_tomorrow")})


def lost_key(monkeypatch, settings):
    settings.SEAL_KEY_FILE = settings.BASE_DIR / "nowhere" / "seal.key"


def not_a_key(monkeypatch, settings):
    settings.SIGNING_KEY_FILE = settings.BASE_DIR / "pyproject.toml"


def stopped(name, at=NOW - timedelta(minutes=6)):
    def change(monkeypatch, settings):
        settings.STRIPE_SECRET_KEY = "sk_test_x"
        Heartbeat.objects.filter(name=name).update(at=at)

    return change


def no_scheduler(monkeypatch, settings):
    Heartbeat.objects.filter(name="scheduler").delete()


@pytest.mark.parametrize(
    ("breaks", "name"),
    [
        (missing_migration, "migrations"),
        (lost_key, "keys"),
        (not_a_key, "keys"),
        (stopped("scheduler", at=NOW - timedelta(minutes=5, seconds=1)), "scheduler"),
        (stopped("mail"), "mail_worker"),
        (stopped("payments"), "payments_worker"),
        (no_scheduler, "scheduler"),
    ],
)
def test_what_is_missing_is_named(beating, client, monkeypatch, settings, breaks, name):
    breaks(monkeypatch, settings)
    status, said = ask(client)
    assert (status, said["ready"]) == (503, False)
    assert {key for key, state in said["checks"].items() if state == "down"} == {name}


def test_a_scheduler_that_ran_five_minutes_ago_runs(beating, client):
    Heartbeat.objects.update(at=NOW - timedelta(minutes=5))
    assert ask(client)[0] == 200


def test_a_broker_that_is_down(beating, client, settings, closed):
    settings.REDIS_URL = f"redis://{closed}/0"
    assert ask(client)[1]["checks"]["broker"] == "down"


def test_a_broker_that_hears_and_says_nothing_holds_nobody(beating, client, settings, silent):
    settings.REDIS_URL = f"redis://{silent}/0"
    assert ask(client)[1]["checks"]["broker"] == "down"
    assert probes.queue_length() is None


def test_without_its_database_the_rest_is_not_asked_and_no_word_of_the_error_leaves(
    beating, client, monkeypatch, caplog, settings
):
    def refuse():
        raise OperationalError(f"could not translate host name {SECRET}")

    asked = []
    monkeypatch.setitem(checks.CHECKS, "database", refuse)
    monkeypatch.setitem(checks.IN_DATABASE, "migrations", lambda: asked.append(1))
    status, said = ask(client)
    assert status == 503 and not asked
    assert said["checks"] == {
        "database": "down", "keys": "ok", "broker": "unused", "migrations": "unknown",
        "seal_key": "unknown", "scheduler": "unknown", "mail_worker": "unknown", "payments_worker": "unknown",
    }  # fmt: skip
    assert "OperationalError" in caplog.text and SECRET not in caplog.text + json.dumps(said)


def test_whoever_asks_needs_neither_name_nor_https_nor_session(
    beating, client, settings, django_assert_max_num_queries
):
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["exemple.test"]
    with django_assert_max_num_queries(6):
        answer = client.get("/pret", headers={"host": "10.0.0.7:8000"})
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"] and not answer.cookies
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert client.post("/pret").status_code == 405
    said = json.loads(answer.content)
    assert set(said) == {"ready", "checks"} and set(said["checks"]) == NAMES
    assert set(said["checks"].values()) <= {"ok", "down", "unused", "unknown"}


def test_routing_asks_sante_which_asks_nobody(client, monkeypatch, django_assert_num_queries, db):
    """One slow broker must not take every web process out."""

    def broken():
        raise AssertionError("asked")

    for table in (checks.CHECKS, checks.IN_DATABASE):
        for name in list(table):
            monkeypatch.setitem(table, name, broken)
    with django_assert_num_queries(0):
        assert client.get("/sante").content == b"ok\n"
    assert client.get("/pret").status_code == 503


# --- Kept ------------------------------------------------------------------------------------------------------------
def test_whoever_insists_costs_nothing(monkeypatch):
    clockwork, asked = [100.0], []
    monkeypatch.setattr(checks.time, "monotonic", lambda: clockwork[0])
    kept = checks.Kept(lambda: asked.append(1) or len(asked), 5.0)
    assert [kept(), kept()] == [1, 1]
    clockwork[0] = 105.0
    assert kept() == 2
    kept.forget()
    assert kept() == 3


def test_while_one_asks_the_others_get_the_former_answer(monkeypatch):
    begun, go, asked = threading.Event(), threading.Event(), []

    def slow():
        asked.append(1)
        if len(asked) > 1:
            begun.set()
            assert go.wait(30)
        return len(asked)

    clockwork = [0.0]
    monkeypatch.setattr(checks.time, "monotonic", lambda: clockwork[0])
    kept = checks.Kept(slow, 5.0)
    assert kept() == 1
    clockwork[0] = 10.0
    other = threading.Thread(target=kept)
    other.start()
    assert begun.wait(30)
    assert kept() == 1  # would ask a second time, and wait
    go.set()
    other.join()
    assert len(asked) == 2 and kept() == 2


# --- The heartbeat ---------------------------------------------------------------------------------------------------
def test_the_heart_beats_each_minute_and_never_backwards(db, now):
    entries = [entry for entry in app.conf.beat_schedule.values() if entry["task"] == "marketplace.tasks.heartbeat"]
    assert {entry["schedule"] for entry in entries} == {60.0}
    assert service_tasks.write_heartbeat.name == entries[0]["task"] and "marketplace.service.tasks" in app.conf.imports
    assert heartbeat.age(at=now) is None
    service_tasks.write_heartbeat()
    assert heartbeat.age(at=now + timedelta(seconds=30)) == timedelta(seconds=30)
    with clock.set_to(now + timedelta(minutes=2)):
        service_tasks.write_heartbeat()
    service_tasks.write_heartbeat()  # one that waited in the queue
    assert Heartbeat.objects.get().at == now + timedelta(minutes=2)


def test_a_heart_beats_through_each_queue(db, now):
    """Through the queue of its name, so that each worker is heard, whoever else runs."""
    beating = {}
    for entry in app.conf.beat_schedule.values():
        if entry["task"] == "marketplace.tasks.heartbeat":
            queue = app.amqp.router.route(dict(entry.get("options", {})), entry["task"])["queue"]
            beating[queue.name] = entry.get("kwargs", {})
    assert beating == {"celery": {}, "mail": {"name": "mail"}, "payments": {"name": "payments"}}
    assert set(beating) == probes.queues()
    for given in beating.values():
        service_tasks.write_heartbeat(**given, added_by_a_later_version=True)
    assert set(Heartbeat.objects.values_list("name", "at")) == {(n, now) for n in ("scheduler", "mail", "payments")}
    assert not any(heartbeat.late(at=now, name=name) for name in ("scheduler", "mail", "payments"))
    assert heartbeat.late(at=now, name="another")
