"""What is done after an act: one function publishes, a sweep takes up what the queue lost, and nobody sees an error."""

import ast
import socket
from collections import defaultdict
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from kombu import pools
from kombu.exceptions import OperationalError

from contracts.payments import actions as payment_actions
from marketplace import later
from marketplace.celery import app
from marketplace.dates import clock
from marketplace.mail import outbox
from marketplace.mail import tasks as mail_tasks
from marketplace.models import LedgerEntry, OutgoingEmail
from opportunities.review import actions as notice_review_actions
from tests.cast import PUBLISHED_AT
from tests.test_architecture import code, name_of, parsed

# What is published → what does it when the queue lost it; the reason, when nothing has to.
TAKEN_UP = {
    "deliver_email": "marketplace.tasks.sweep_emails",
    "settle_payment": "contracts.tasks.sweep_payments",
    "handle_event": "contracts.tasks.sweep_payments",
    "compute_flags": "audit.tasks.compute_flags",
    "write_cover": "",  # a lost cover is one of those that chance does not draw
}
ELSEWHERE = {"delay", "apply_async", "delay_on_commit", "apply_async_on_commit", "send_task", "s", "si", "signature"}


def calls():
    for path in code():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                yield name_of(path), node, getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_nobody_else_publishes():
    seen, others = 0, []
    for name, node, called in calls():
        seen += 1
        if called in ELSEWHERE and isinstance(node.func, ast.Attribute):
            others.append((name, called))
    assert seen > 5_000
    assert set(others) == {("marketplace/later.py", "apply_async")} and len(others) == 2


def test_what_is_published_is_taken_up_by_a_sweep():
    published = []
    for name, node, called in calls():
        if called in {"publish", "send"} and ast.unparse(node.func) in {"later.publish", "later.send"}:
            published.append(ast.unparse(node.args[0]).rpartition(".")[2])
            assert name != "marketplace/later.py"
    assert len(published) >= 7 and set(published) == set(TAKEN_UP)
    periodic = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert set(filter(None, TAKEN_UP.values())) <= periodic


# --- A broker that does not answer -----------------------------------------------------------------------------------
@pytest.fixture
def queue(monkeypatch, settings):
    """Tasks are published, to the broker that the test names."""

    def use(url):
        monkeypatch.setenv("CELERY_BROKER_WRITE_URL", url)
        later._producers.cache_clear()

    settings.CELERY_TASK_ALWAYS_EAGER = app.conf.task_always_eager = False
    yield use
    app.conf.task_always_eager = True
    later._producers.cache_clear()


@pytest.fixture
def closed():
    """The address of a Redis that was stopped: nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"redis://:mot-de-passe@127.0.0.1:{probe.getsockname()[1]}/0"


@pytest.fixture
def frozen():
    """The address of a Redis that was frozen: connections are taken, nothing is answered; and how many there were."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"redis://:mot-de-passe@127.0.0.1:{listener.getsockname()[1]}/0", listener


def connections_to(listener) -> int:
    listener.setblocking(False)
    count = 0
    while True:
        try:
            taken, _address = listener.accept()
        except BlockingIOError:
            return count
        taken.close()
        count += 1


def test_an_act_stands_when_the_queue_is_gone(
    cast, queue, closed, caplog, mailoutbox, django_capture_on_commit_callbacks
):
    with outbox.held():
        draft = cast.draft()
    OutgoingEmail.objects.all().delete()
    queue(closed)
    with clock.set_to(PUBLISHED_AT), django_capture_on_commit_callbacks(execute=True) as published:
        notice_review_actions.submit_for_review(draft, by=cast.buyer)
    draft = type(draft).objects.get(pk=draft.pk)
    waiting = OutgoingEmail.objects.filter(state="waiting")
    assert draft.state == "in_review" and len(published) == waiting.count() >= 2 and not mailoutbox
    told = [record.getMessage() for record in caplog.records if "queue" in record.getMessage()]
    assert len(told) == 1 and "mot-de-passe" not in caplog.text
    with clock.set_to(PUBLISHED_AT + 2 * mail_tasks.delivery.ALONE):
        mail_tasks.sweep_emails()
    assert len(mailoutbox) == len(published) and not waiting.exists()


def test_a_frozen_queue_is_waited_for_once(queue, frozen, db):
    url, listener = frozen
    queue(url)
    assert [later.send(payment_actions.settle_payment, number) for number in range(20)] == [False] * 20
    assert connections_to(listener) == 1


def test_the_time_outs_are_short_and_are_only_ours(queue, closed):
    queue(closed)
    connection = later._producers(1).connections.connection
    options = connection.transport_options
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (later.TIMEOUT, later.TIMEOUT)
    assert later.TIMEOUT < 0.5 and options["max_retries"] == 0
    assert "socket_timeout" not in app.conf.broker_transport_options  # a worker waits for its next message
    assert urlsplit(connection.as_uri()).port == urlsplit(closed).port


@pytest.mark.parametrize("error", [OperationalError("redis://:secret@x"), OSError("secret"), TimeoutError()])
def test_what_the_queue_raises_is_not_the_callers(queue, monkeypatch, caplog, db, error):
    class Pool:
        def acquire(self, **named):
            raise error

    queue("redis://127.0.0.1:1/0")
    monkeypatch.setattr(pools, "producers", defaultdict(Pool))
    with transaction.atomic():
        later.publish(payment_actions.settle_payment, 1)
    assert later.send(payment_actions.settle_payment, 1) is False
    assert "secret" not in caplog.text


def test_a_rolled_back_act_publishes_nothing(db, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(later, "send", lambda task, *args: sent.append(args))
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        later.publish(payment_actions.settle_payment, 1)
        assert not sent
        transaction.set_rollback(True)
    assert not sent


def test_the_queue_gets_the_task_and_its_keys(queue, monkeypatch, db):
    """Kombu's own memory stands for the broker."""
    queue("memory://later-test")
    assert later.send(payment_actions.settle_payment, 41) and later.send(mail_tasks.delivery.deliver_email, 42)
    with later._producers(later.os.getpid()).acquire(block=True) as producer:
        for name, task, key in (
            ("payments", "contracts.tasks.settle_payment", 41),
            ("mail", "marketplace.tasks.deliver_email", 42),
        ):
            message = app.amqp.queues[name].bind(producer.channel).get()
            assert message.headers["task"] == task and message.decode()[0] == [key]
            message.ack()


def test_a_recalculation_that_cannot_be_asked_says_so(cast, client, queue, closed):
    queue(closed)
    client.force_login(cast.auditor)
    answer = client.post("/verification/signaux/recalculer/", follow=True)
    page = answer.content.decode()
    assert "n’a pas pu être demandé" in page and "Calcul demandé" not in page
    assert not LedgerEntry.objects.filter(action="flags.compute").exists()
