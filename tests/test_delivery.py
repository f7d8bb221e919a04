"""One message of the outbox: at growing intervals for 72 hours, each for itself, without any lock while it is sent."""

import smtplib
import ssl
from datetime import timedelta
from email.utils import parseaddr
from importlib import import_module

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.apps import apps
from django.core import mail as django_mail
from django.core.mail.message import sanitize_address
from django.db import connection

from marketplace.celery import app
from marketplace.dates import clock
from marketplace.mail import delivery, outbox
from marketplace.mail import tasks as mail_tasks
from marketplace.mail.address import can_be_written
from marketplace.mail.delivery import INTERVALS, LEASE, LIMIT, Fate, Reason, State
from marketplace.models import OutgoingEmail
from tests.cast import PUBLISHED_AT
from tests.test_races import only, together

pytestmark = pytest.mark.django_db
POISON = "=?utf-8?q?=0a?=@example.com"
MINUTE = timedelta(minutes=1)


def write(address="a@exemple.invalid", **named):
    outbox.enqueue("emails/x.txt", address, "Sujet", "Texte", to=None, at=PUBLISHED_AT, **named)
    return OutgoingEmail.objects.latest("pk")


def at(instant, act, *args):
    with clock.set_to(instant):
        return act(*args)


@pytest.fixture
def server(monkeypatch):
    """A mail server that answers what the test says, by address or to all; what it took, in order."""

    class Server:
        answers: dict = {}
        to_all = None
        asked: list = []
        taken: list = []

    it = Server()
    it.answers, it.asked, it.taken = {}, [], []

    def send(message, *args, **named):
        (address,) = message.to
        it.asked.append(address)
        error = it.answers.get(address, it.to_all)
        if error is not None:
            raise error
        it.taken.append(message)
        return 1

    monkeypatch.setattr(django_mail.EmailMessage, "send", send)
    return it


def refused(code, text=b""):
    return smtplib.SMTPRecipientsRefused({"a@exemple.invalid": (code, text)})


# --- What an error means ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "reason", "permanent", "note"),
    [
        (refused(550, b"5.1.1 <lea@exemple.invalid> unknown"), Reason.REFUSED, True, "550 5.1.1"),
        (refused(552, b"mailbox of lea full"), Reason.REFUSED, True, "552"),
        (refused(450, b"4.2.1 later, lea"), Reason.PUT_OFF, False, "450 4.2.1"),
        (refused(421, b"closing"), Reason.PUT_OFF, False, "421"),
        (smtplib.SMTPDataError(554, b"5.7.1 spam from lea"), Reason.REFUSED, True, "554 5.7.1"),
        (smtplib.SMTPDataError(451, "4.3.0 try again"), Reason.PUT_OFF, False, "451 4.3.0"),
        (smtplib.SMTPSenderRefused(553, b"5.7.1 not you", "us@x"), Reason.UNWELCOME, False, "553 5.7.1"),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 bad"), Reason.UNWELCOME, False, "535 5.7.8"),
        (smtplib.SMTPConnectError(554, b"no"), Reason.UNWELCOME, False, "554"),
        (smtplib.SMTPHeloError(-1, b""), Reason.UNWELCOME, False, "-1"),
        (smtplib.SMTPServerDisconnected("timed out"), Reason.UNREACHABLE, False, ""),
        (smtplib.SMTPNotSupportedError("no STARTTLS"), Reason.UNREACHABLE, False, ""),
        (ConnectionRefusedError(), Reason.UNREACHABLE, False, ""),
        (TimeoutError(), Reason.UNREACHABLE, False, ""),
        (ssl.SSLError(1, "certificate of lea"), Reason.UNREACHABLE, False, ""),
        (SoftTimeLimitExceeded(), Reason.UNREACHABLE, False, ""),
        (ValueError("lea@exemple.invalid"), Reason.DEFECT, False, ""),
        (IndexError(), Reason.DEFECT, False, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_passes_and_what_does_not(server, error, reason, permanent, note):
    row = write()
    server.to_all = error
    assert at(PUBLISHED_AT, delivery.deliver, row.pk) is False
    row.refresh_from_db()
    assert (row.reason, row.state) == (reason, State.GIVEN_UP if permanent else State.WAITING)
    assert row.last_error == " ".join(filter(None, [type(error).__name__, note])) and "lea" not in row.last_error
    assert row.next_at == (None if permanent else PUBLISHED_AT + MINUTE)
    assert len(server.asked) == 1 and not server.taken


def test_the_intervals_grow_and_end_after_72_hours(server):
    """Followed by a sweep each minute for four days: what is asked, when, and that it stops."""
    row = write()
    server.to_all = TimeoutError()
    asked, instant = [], PUBLISHED_AT
    at(instant, delivery.deliver, row.pk)
    while instant < PUBLISHED_AT + timedelta(days=4):
        row.refresh_from_db()
        if row.state == State.GIVEN_UP:
            break
        early = row.next_at - timedelta(seconds=1)
        assert not delivery.due(at=early).exists()
        assert at(early, delivery.attempt, row.pk) is Fate.NOT_NOW
        asked.append(row.next_at - instant)
        instant = row.next_at
        at(instant, mail_tasks.sweep_emails)
    assert asked[: len(INTERVALS)] == INTERVALS == sorted(INTERVALS)
    assert set(asked[len(INTERVALS) : -1]) == {INTERVALS[-1]} and 20 < len(asked) < 30
    assert instant - PUBLISHED_AT == LIMIT and row.attempts == len(asked) + 1
    assert (row.state, row.reason, row.next_at) == (State.GIVEN_UP, Reason.UNREACHABLE, None)
    assert not delivery.due(at=instant + timedelta(days=9)).exists()


def test_a_server_that_is_back_gets_everything_once(server):
    rows = [write(f"p{number}@exemple.invalid") for number in range(12)]
    server.to_all = ConnectionRefusedError()
    for hour in range(24):
        at(PUBLISHED_AT + timedelta(hours=hour), mail_tasks.sweep_emails)
    assert not OutgoingEmail.objects.exclude(state=State.WAITING).exists()
    server.to_all = None
    for minutes in range(0, 5 * 60, 5):
        at(PUBLISHED_AT + timedelta(days=1, minutes=minutes), mail_tasks.sweep_emails)
    assert sorted(message.to[0] for message in server.taken) == sorted(row.address for row in rows)


# --- One message never stops another ---------------------------------------------------------------------------------
def test_a_poisonous_message_stops_none(server):
    poison, *others = write(POISON), *[write(f"p{n}@exemple.invalid") for n in range(3)]
    strange = write("etrange@exemple.invalid")
    server.answers["etrange@exemple.invalid"] = RuntimeError("nobody thought of it")
    at(PUBLISHED_AT + 2 * MINUTE, mail_tasks.sweep_emails)
    assert [message.to[0] for message in server.taken] == [row.address for row in others]
    poison.refresh_from_db(), strange.refresh_from_db()
    assert (poison.state, poison.reason, poison.last_error) == (State.GIVEN_UP, Reason.ADDRESS, "")
    assert (strange.state, strange.reason) == (State.WAITING, Reason.DEFECT)
    assert POISON not in server.asked


def test_the_mail_library_chokes_on_that_address_and_misreads_its_like():
    """Without our check: an error that is no OSError, or somebody else's address."""
    with pytest.raises(ValueError, match="newlines"):
        sanitize_address(POISON, "utf-8")
    assert sanitize_address("=?utf-8?q?victime?=@exemple.invalid", "utf-8") == "victime@exemple.invalid"


def test_a_silent_server_costs_three_time_outs_a_sweep(server):
    for number in range(10):
        write(f"p{number}@exemple.invalid")
    server.to_all = TimeoutError()
    at(PUBLISHED_AT + 2 * MINUTE, mail_tasks.sweep_emails)
    at(PUBLISHED_AT + 2 * MINUTE, mail_tasks.sweep_emails)
    assert server.asked == [f"p{number}@exemple.invalid" for number in range(6)]  # each in its turn
    server.answers = {f"p{number}@exemple.invalid": refused(450) for number in range(10)}
    at(PUBLISHED_AT + 4 * MINUTE, mail_tasks.sweep_emails)
    assert len(server.asked) == 16  # it answers: all are asked


# --- Claims ----------------------------------------------------------------------------------------------------------
def test_a_message_is_claimed_before_the_server_is_asked(server, monkeypatch):
    row, seen = write(), []

    def send(message, *args, **named):
        seen.append(OutgoingEmail.objects.filter(pk=row.pk).values_list("state", "attempts").get())
        assert at(PUBLISHED_AT, delivery.attempt, row.pk) is Fate.NOT_NOW
        return 1

    monkeypatch.setattr(django_mail.EmailMessage, "send", send)
    assert at(PUBLISHED_AT, delivery.deliver, row.pk)
    assert seen == [(State.SENDING, 1)]


def test_no_transaction_is_opened_around_the_sending(server, monkeypatch):
    depth, inside = len(connection.savepoint_ids), []
    row = write()
    monkeypatch.setattr(
        django_mail.EmailMessage, "send", lambda *args, **named: inside.append(len(connection.savepoint_ids))
    )
    at(PUBLISHED_AT, delivery.deliver, row.pk)
    assert inside == [depth]


def test_what_a_dead_worker_had_claimed_is_taken_up(server):
    row = write()
    OutgoingEmail.objects.update(state=State.SENDING, claimed_at=PUBLISHED_AT, attempts=1)
    for early in (timedelta(0), LEASE - timedelta(seconds=1)):
        at(PUBLISHED_AT + early, mail_tasks.sweep_emails)
        assert not server.taken
    at(PUBLISHED_AT + LEASE, mail_tasks.sweep_emails)
    row.refresh_from_db()
    assert len(server.taken) == 1 and (row.state, row.attempts) == (State.SENT, 2)


def test_a_late_failure_does_not_undo_another_workers_claim(server):
    row = write()
    with clock.set_to(PUBLISHED_AT):
        mine = delivery._claim(row.pk, at=PUBLISHED_AT)
    later = PUBLISHED_AT + LEASE
    assert delivery._claim(row.pk, at=later) is not None
    delivery._failed(mine, delivery.failure_of(TimeoutError()), at=PUBLISHED_AT)
    row.refresh_from_db()
    assert (row.state, row.claimed_at) == (State.SENDING, later)


# --- What leaves -----------------------------------------------------------------------------------------------------
def test_the_headers(mailoutbox, settings):
    settings.BASE_URL = "https://marches.exemple.test"
    first, second = write(), write()
    for row in (first, second):
        assert at(PUBLISHED_AT, delivery.deliver, row.pk)
    names = [message.message()["Message-ID"] for message in mailoutbox]
    assert names == [f"<{row.public_id}@marches.exemple.test>" for row in (first, second)]
    assert len(set(names)) == 2 and delivery.message_of(first).message()["Message-ID"] == names[0]  # again: the same
    assert {message.message()["Auto-Submitted"] for message in mailoutbox} == {"auto-generated"}


@pytest.mark.parametrize("permanent", [True, False])
def test_a_secret_that_was_given_up_is_erased(server, permanent):
    row = write(secret=True)
    OutgoingEmail.objects.update(body="lien-secret")
    server.to_all = refused(550) if permanent else TimeoutError()
    at(PUBLISHED_AT + (timedelta(0) if permanent else LIMIT), delivery.deliver, row.pk)
    row.refresh_from_db()
    assert (row.state, row.body) == (State.GIVEN_UP, "")


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("lea@exemple.invalid", True),
        ("lea.o'neil+x@sous.exemple.invalid", True),
        ("lea@métro.example", True),
        (f"{'a' * 64}@exemple.invalid", True),
        (POISON, False),
        ("=?utf-8?q?victime=40exemple.invalid=3e?=@exemple.invalid", False),
        ("=?utf-8?q?victime?=@exemple.invalid", False),
        ("lea@=?utf-8?q?x?=.invalid", False),
        ("léa@exemple.invalid", False),
        (f"{'a' * 65}@exemple.invalid", False),
        (f"lea@{'a.' * 130}invalid", False),
        (f"lea@{'a' * 64}.invalid", False),
        ("lea@exemple..invalid", False),
        ("lea.@exemple.invalid", False),
        ("lea", False),
        ("@exemple.invalid", False),
        ("lea@", False),
        ("", False),
        ("lea@exemple.invalid\nBcc: x@y.invalid", False),
        ("lea\r@exemple.invalid", False),
        ("lea\x00@exemple.invalid", False),
        ("a b@exemple.invalid", False),
        ("lea@exemple.invalid, x@y.invalid", False),
        ("Lea <lea@exemple.invalid>", False),
        ("lea(x)@exemple.invalid", False),
    ],
)
def test_addresses_that_can_be_written(address, good):
    assert can_be_written(address) is good
    if good:
        row = OutgoingEmail(address=address, subject="s", body="b", language="fr-ca")
        assert parseaddr(delivery.message_of(row).message()["To"])[1].startswith("lea" if "lea" in address else "a")


def test_nobody_signs_up_with_an_address_that_nothing_reaches(client):
    answer = client.post("/compte/signup/", {"email": POISON, "name": "Lea"})
    assert answer.status_code == 422 and "ne peut pas recevoir de courriel" in answer.content.decode()


# --- Figures, queues, migration --------------------------------------------------------------------------------------
def test_figures():
    assert outbox.figures(at=PUBLISHED_AT) == outbox.Figures(0, 0, 0, 0.0, 0.0)
    for _ in range(4):
        write()
    waiting, failed, given_up, sent = OutgoingEmail.objects.order_by("pk")
    hour = timedelta(hours=1)
    OutgoingEmail.objects.filter(pk=failed.pk).update(reason="put_off", attempts=1, waits_since=PUBLISHED_AT - hour)
    OutgoingEmail.objects.filter(pk=given_up.pk).update(state="given_up", waits_since=PUBLISHED_AT - 9 * hour)
    OutgoingEmail.objects.filter(pk=sent.pk).update(state="sent", sent_at=PUBLISHED_AT)
    expected = outbox.Figures(waiting=2, failed=1, given_up=1, stopped_seconds=3600.0, put_off_seconds=2 * 3600.0)
    assert outbox.figures(at=PUBLISHED_AT + hour) == expected
    write(confidential=True)  # a receipt: counting it would count deposits
    with outbox.held():
        write()
    OutgoingEmail.objects.filter(confidential=True).update(waits_since=PUBLISHED_AT - 20 * hour)
    assert outbox.figures(at=PUBLISHED_AT + hour) == expected


def seconds(instant=PUBLISHED_AT + 60 * MINUTE):
    """(what the mail service keeps, what waits for itself), by the age of the oldest, in minutes."""
    told = outbox.figures(at=instant)
    return told.stopped_seconds / 60, told.put_off_seconds / 60


@pytest.mark.parametrize(
    ("error", "stopped"),
    [
        (None, True),  # nobody tried it
        (TimeoutError(), True),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 bad"), True),
        (smtplib.SMTPConnectError(421, b"too busy"), True),
        (refused(451, b"4.7.1 greylisted"), False),
        (refused(421, b"closing"), False),
        (smtplib.SMTPDataError(452, b"4.3.1 later"), False),
        (ValueError("a defect of ours"), False),
    ],
)
def test_whose_fault_it_is_that_a_message_waits(server, error, stopped):
    """The mail service's, which concerns everybody; or one message's."""
    row = write()
    server.to_all = error
    if error is not None:
        at(PUBLISHED_AT, delivery.deliver, row.pk)
        at(PUBLISHED_AT + MINUTE, mail_tasks.sweep_emails)
    assert seconds() == ((60, 0) if stopped else (0, 60))


@pytest.mark.parametrize("answer", [None, refused(450, b"later"), refused(550, b"no")])
def test_a_server_that_has_let_us_in_since_is_not_down(server, answer):
    """Its silence was about that message, or is over: the message waits for its own turn."""
    row, other = write(), write("b@exemple.invalid")
    server.answers = {row.address: TimeoutError(), other.address: answer}
    at(PUBLISHED_AT + 2 * MINUTE, delivery.deliver, other.pk)
    at(PUBLISHED_AT + 5 * MINUTE, delivery.deliver, row.pk)
    assert seconds()[0] == 60  # it answered before, not since
    OutgoingEmail.objects.filter(pk=other.pk).update(claimed_at=PUBLISHED_AT + 6 * MINUTE)
    assert seconds() == (0, 60)


def test_a_confidential_message_tells_nothing_even_by_leaving(server):
    """That a receipt left would tell that somebody deposited."""
    row, receipt = write(), write("b@exemple.invalid", confidential=True)
    server.answers = {row.address: TimeoutError()}
    at(PUBLISHED_AT, delivery.deliver, row.pk)
    before = seconds()
    assert at(PUBLISHED_AT + MINUTE, delivery.deliver, receipt.pk) and seconds() == before == (60, 0)


def test_a_silent_server_does_not_hold_the_queue(server, settings):
    """With a worker too: messages that wait behind a silent server are the sweep's, and the queue goes on."""
    settings.CELERY_TASK_ALWAYS_EAGER = False
    rows = [write(f"p{number}@exemple.invalid") for number in range(5)]
    server.to_all = TimeoutError()
    for row in rows:
        at(PUBLISHED_AT, delivery.deliver_email, row.pk)
    assert len(server.asked) == 1
    server.to_all = None
    at(PUBLISHED_AT + 2 * MINUTE, mail_tasks.sweep_emails)
    assert len(server.taken) == 5


def test_mail_and_payments_have_queues_of_their_own():
    def queue_of(task):
        return app.amqp.router.route({}, task)["queue"].name

    mail = {"marketplace.tasks.deliver_email", "marketplace.tasks.sweep_emails"}
    payments = {f"contracts.tasks.{name}" for name in ("settle_payment", "handle_event", "sweep_payments", "reconcile")}
    tasks = {entry["task"] for entry in app.conf.beat_schedule.values()} | mail | payments
    assert {task for task in tasks if queue_of(task) == "mail"} == mail and len(tasks) > 12
    assert {task for task in tasks if queue_of(task) == "payments"} == payments
    for module in app.conf.imports:
        import_module(module)
    assert mail | payments <= set(app.tasks)
    assert {queue_of(task) for task in tasks - mail - payments} == {"celery"}
    assert set(app.amqp.queues) == {"celery", "mail", "payments"}  # a worker told nothing takes all
    assert all(name == queue.routing_key == queue.exchange.name for name, queue in app.amqp.queues.items())


def test_the_migration_keeps_what_was_sent_and_what_was_given_up():
    """Its function on rows as they were: states by default, whatever became of them."""
    fill = import_module("marketplace.migrations.0005_outbox").fill
    sent, tried, lost, new = (write() for _ in range(4))
    OutgoingEmail.objects.filter(pk=tried.pk).update(attempts=3, last_error="TimeoutError")
    OutgoingEmail.objects.filter(pk=lost.pk).update(attempts=12, last_error="TimeoutError")
    OutgoingEmail.objects.filter(pk=sent.pk).update(attempts=1, state="sent", sent_at=PUBLISHED_AT)
    OutgoingEmail.objects.update(waits_since=PUBLISHED_AT + LIMIT)
    names = set(OutgoingEmail.objects.values_list("public_id", flat=True))
    fill(apps, None)
    rows = OutgoingEmail.objects.order_by("pk")
    assert [row.state for row in rows] == ["sent", "waiting", "given_up", "waiting"]
    assert [row.reason for row in rows] == ["", "unreachable", "unreachable", ""]
    assert {row.waits_since for row in rows} == {PUBLISHED_AT}
    assert len({row.public_id for row in rows} - names) == 4
    assert at(PUBLISHED_AT, delivery.deliver, new.pk)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sweeps", [2, 6])
def test_sweeps_at_once_send_each_message_once(mailoutbox, sweeps):
    rows = [write(f"p{number}@exemple.invalid") for number in range(15)]
    OutgoingEmail.objects.update(state=State.WAITING, next_at=PUBLISHED_AT, sent_at=None)
    mailoutbox.clear()
    with clock.set_to(PUBLISHED_AT + MINUTE):
        assert not only(together(*[mail_tasks.sweep_emails] * sweeps))
    assert sorted(message.to[0] for message in mailoutbox) == sorted(row.address for row in rows)
    assert set(OutgoingEmail.objects.values_list("state", "attempts")) <= {(State.SENT, 1), (State.SENT, 2)}
