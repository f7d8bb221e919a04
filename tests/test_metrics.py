"""/metrics: the catalogue of gauges, to who shows the token; what it must never tell; and the alerts that read it."""

import math
import re
import socket
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from prometheus_client.parser import text_string_to_metric_families

from contracts.models import Mismatch, Reconciliation
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.mail import outbox
from marketplace.models import OutgoingEmail
from marketplace.service import checks, gauges, heartbeat, probes, views
from marketplace.urls import GAUGES
from opportunities.models import Opportunity
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.conftest import NOW

ALERTS = Path(__file__).resolve().parent.parent / "deploy" / "alerts.yml"
BY_NAME = {gauge.name: gauge for gauge in GAUGES}
TOKEN = "un-jeton-de-32-caracteres-au-moins"


@pytest.fixture
def prometheus(settings, client):
    """What Prometheus reads: {name: value}."""
    settings.METRICS_TOKEN = TOKEN

    def scrape() -> dict[str, float]:
        answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain; version=0.0.4")
        families = text_string_to_metric_families(answer.content.decode())
        return {sample.name: sample.value for family in families for sample in family.samples}

    return scrape


def value_of(name, at=NOW):
    return BY_NAME[name].read(at)


# --- Who may read ----------------------------------------------------------------------------------------------------
def test_without_a_token_there_is_no_such_address(client, settings):
    settings.METRICS_TOKEN = ""
    for header in ({}, {"authorization": "Bearer "}, {"authorization": f"Bearer {TOKEN}"}):
        assert client.get("/metrics", headers=header).status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, f"Bearer é{TOKEN}"],
)
def test_a_wrong_token_reads_nothing(client, settings, header):
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"authorization": header})
    assert answer.status_code == 401 and answer["WWW-Authenticate"] == "Bearer"
    assert b"dan_" not in answer.content


def test_prometheus_reads_every_gauge(db, now, prometheus):
    read = prometheus()
    there = {name for name, gauge in BY_NAME.items() if gauge.read(now) is not None}
    assert set(read) == there | {views.UNREAD} and len(there) >= 7
    assert read[views.UNREAD] == 0 and read["dan_scheduler_age_seconds"] == math.inf
    heartbeat.beat(at=now - timedelta(seconds=40))
    assert prometheus()["dan_scheduler_age_seconds"] == 40


def test_a_gauge_that_breaks_breaks_no_other(db, now, prometheus, monkeypatch, caplog):
    def broken(at):
        raise RuntimeError("jean.tremblay@exemple.invalid")

    monkeypatch.setattr(outbox, "figures", broken)
    read = prometheus()
    assert read[views.UNREAD] == 4 and "dan_outbox_waiting" not in read and "dan_due_not_opened" in read
    assert caplog.text.count("RuntimeError") == 4 and "tremblay" not in caplog.text


def test_a_database_that_does_not_answer_is_an_answer(db, client, settings, monkeypatch):
    def broken():
        raise DatabaseError("role marketplace_app")

    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(views.clock, "now", broken)
    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 503 and b"role" not in answer.content


# --- The catalogue ---------------------------------------------------------------------------------------------------
def test_the_catalogue_is_well_formed():
    assert len(GAUGES) >= 13 and len(BY_NAME) == len(GAUGES)
    for gauge in GAUGES:
        assert re.fullmatch(r"dan_[a-z_]+", gauge.name) and gauge.help.endswith("."), gauge.name
        assert gauge.unit != "seconds" or gauge.name.endswith("_seconds"), gauge.name
        assert gauge.unit != "part" or gauge.name.endswith("_ratio"), gauge.name
        assert gauge.unit != "yes" or (gauge.name.endswith("_up") and gauge.least == 1), gauge.name
        assert gauge.label and gauge.about and gauge.remedy, gauge.name
        assert not gauge.urgent or gauge.most is not None or gauge.least is not None, gauge.name


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0, "seconds", "0 s"), (40.4, "seconds", "40 s"), (60, "seconds", "1 minute"),
        (600, "seconds", "10 minutes"), (93_600, "seconds", "1 jour 2 heures"), (math.inf, "seconds", "jamais"),
        (3, "count", "3"), (0.8, "part", "80 %"), (1.0, "yes", "répond"), (0.0, "yes", "ne répond pas"),
    ],
)  # fmt: skip
def test_a_value_in_words(value, unit, words):
    assert gauges.in_words(value, unit).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("most", "least", "value", "state"),
    [
        (60, None, 60, "ok"), (60, None, 60.1, "watch"), (60, None, math.inf, "watch"), (None, None, 9_999, "told"),
        (None, 1, 1, "ok"), (None, 1, 0, "watch"), (60, None, None, "unused"),
    ],
)  # fmt: skip
def test_when_it_is_well(most, least, value, state):
    gauge = gauges.Gauge("dan_x", "X.", "count", lambda at: value, "x", "x", "x", most=most, least=least)
    (reading,) = gauges.read([gauge], at=NOW)
    assert (reading.state, reading.wrong) == (state, state == "watch")


# --- What each one reads ---------------------------------------------------------------------------------------------
def test_due_and_not_opened(cast):
    occasion = cast.published()
    assert [value_of("dan_due_not_opened", at) for at in (PUBLISHED_AT, CLOSES_AT)] == [0, 1]
    late = CLOSES_AT + timedelta(minutes=7)
    assert value_of("dan_due_oldest_seconds", late) == 420 and value_of("dan_due_oldest_seconds", PUBLISHED_AT) == 0
    with clock.set_to(late):
        from proposals.opening import actions as opening_actions  # the only test here that opens

        assert opening_actions.open_if_due(occasion.number)
    assert value_of("dan_due_not_opened", late) == value_of("dan_due_oldest_seconds", late) == 0


def test_the_outbox_in_three_numbers(cast):
    def message(age, **fields):
        return OutgoingEmail.objects.create(
            to=cast.buyer, address=cast.buyer.email, template="t", language="fr-ca", subject="s", body="b",
            created_at=NOW - timedelta(seconds=age), waits_since=NOW - timedelta(seconds=age), **fields,
        )  # fmt: skip

    OutgoingEmail.objects.all().delete()
    names = ("dan_outbox_waiting", "dan_outbox_stopped_seconds", "dan_outbox_given_up")
    assert [value_of(name) for name in names] == [0, 0, 0]
    message(900, confidential=True)  # of somebody who deposits: neither counted nor dated
    message(800, held=True)
    message(700, sent_at=NOW, state="sent")
    assert [value_of(name) for name in names] == [0, 0, 0]
    message(90)
    message(30)
    assert [value_of(name) for name in names] == [2, 90, 0]


def test_the_workers_of_the_other_queues_are_told_in_minutes(db, settings):
    """A second would tell that somebody's message was being sent, receipts included."""
    names = ("dan_mail_worker_age_seconds", "dan_payments_worker_age_seconds")
    assert [value_of(name) for name in names] == [math.inf, None]  # nobody pays by Stripe here
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    heartbeat.beat(at=NOW - timedelta(seconds=119), name="mail")
    heartbeat.beat(at=NOW - timedelta(seconds=370), name="payments")
    assert [value_of(name) for name in names] == [60, 360]
    assert value_of("dan_scheduler_age_seconds") == math.inf  # each speaks for itself
    assert [BY_NAME[name].urgent for name in names] == [True, False]


def test_the_checkpoint_ages(db, now):
    assert value_of("dan_checkpoint_age_seconds") is None
    with clock.set_to(NOW - timedelta(hours=3)):
        made = checkpoints.make(at=clock.now())
    assert value_of("dan_checkpoint_age_seconds", made.at + timedelta(hours=27)) == 27 * 3600
    assert BY_NAME["dan_checkpoint_age_seconds"].most == 26 * 3600


def test_before_its_first_checkpoint_the_ledger_ages_since_its_first_entry(cast):
    cast.published()
    first = checkpoints.LedgerEntry.objects.order_by("seq").first()
    assert value_of("dan_checkpoint_age_seconds", first.recorded_at + timedelta(hours=30)) == 30 * 3600


def test_both_books(db, settings):
    names = ("dan_reconciliation_mismatches", "dan_reconciliation_age_seconds")
    assert [value_of(name) for name in names] == [None, None]
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    assert [value_of(name) for name in names] == [0, None]  # not yet, and nothing began
    run = {"since": NOW, "finished_at": NOW}
    made = Reconciliation.objects.create(started_at=NOW - timedelta(hours=2), **run)
    Mismatch.objects.create(run=made, kind="charge_unknown")
    Reconciliation.objects.create(started_at=NOW, since=NOW, finished_at=NOW, error="unsure")  # Stripe did not answer
    Reconciliation.objects.create(started_at=NOW, since=NOW)  # under way
    assert [value_of(name) for name in names] == [1, 7200]


@pytest.mark.parametrize(("answer", "value"), [(b"PONG\0", 1), (b"", 0), (b"stream: unknown\0", 0)])
def test_the_scanner_is_asked(settings, answer, value):
    heard = []

    def serve(server):
        link, _peer = server.accept()
        with link:
            heard.append(link.recv(16))
            link.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CLAMD_URL = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=serve, args=[server])
        thread.start()
        assert value_of("dan_scanner_up") == value
        thread.join()
        assert heard == [b"zPING\0"]
    assert value_of("dan_scanner_up") == 0  # nobody listens any more
    settings.CLAMD_URL = ""
    assert value_of("dan_scanner_up") is None


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        ([b"+OK\r\n"], 1),
        ([b"-READONLY You can't write against a read only replica.\r\n"], 0),
        ([b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"], 0),
        ([], 0),  # it hears, and hangs up
    ],
)
def test_the_cache_is_asked_to_take_something_and_give_it_back(settings, answers, value):
    """Without the site's own cache, which goes on without its server and would say that all is well."""
    assert value_of("dan_cache_up") is None

    def serve(server):
        link, _peer = server.accept()
        with link, link.makefile("rb") as heard:
            held = None
            while line := heard.readline():  # RESP: *count, then $size and bytes for each word
                words = []
                for _word in range(int(line[1:])):
                    words.append(heard.read(int(heard.readline()[1:]) + 2)[:-2])
                if words[0].upper() == b"SET":
                    held = words[2]
                    if not answers:
                        return
                    link.sendall(answers[0])
                elif words[0].upper() == b"GET":
                    link.sendall(b"$%d\r\n%s\r\n" % (len(held), held))
                else:  # who we are: any server may not know
                    link.sendall(b"-ERR unknown command\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CACHE_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0?protocol=2"
        thread = threading.Thread(target=serve, args=[server])
        thread.start()
        assert value_of("dan_cache_up") == value
        thread.join()
    assert value_of("dan_cache_up") == 0  # nobody listens any more
    assert not BY_NAME["dan_cache_up"].urgent and "cache" not in "".join(checks.CHECKS | checks.IN_DATABASE)


def test_a_frozen_cache_is_waited_for_half_a_second(settings, monkeypatch):
    """To connect, then to answer."""
    asked = []
    make = probes.redis.Redis.from_url
    monkeypatch.setattr(probes.redis.Redis, "from_url", lambda url, **named: asked.append(named) or make(url, **named))
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CACHE_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        assert value_of("dan_cache_up") == 0
    (named,) = asked
    assert named["socket_timeout"] + named["socket_connect_timeout"] <= 0.5 and named["retry"].get_retries() == 0


class Broker:
    """The queue's server, with so many tasks in each queue."""

    def __init__(self, **lengths):
        self.lengths = lengths

    def ping(self):
        return True

    def llen(self, name):
        return self.lengths.get(name, 0)

    def close(self):
        pass


def test_the_queue_is_told_in_steps(monkeypatch):
    """By one, it would count deposits while no worker runs."""
    assert "celery" in probes.queues()
    for waiting, told in ((0, 0), (49, 0), (50, 50), (251, 250)):
        monkeypatch.setattr(probes, "_broker", lambda n=waiting: Broker(celery=n))
        assert value_of("dan_queue_length") == told
    assert value_of("dan_broker_up") == 1
    monkeypatch.undo()
    assert value_of("dan_queue_length") is None and value_of("dan_broker_up") is None


def test_the_disk_is_told_in_hundredths(monkeypatch, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "not" / "made yet"
    monkeypatch.setattr(probes.shutil, "disk_usage", lambda folder: (1_000_000, 0, 123_456))
    assert value_of("dan_disk_used_ratio") == 0.88


# --- What it never tells ---------------------------------------------------------------------------------------------
def test_a_deposit_changes_no_gauge(cast, prometheus):
    """Before the opening, nobody learns from the service that somebody writes, deposits, replaces or withdraws."""
    occasion = cast.published()
    with clock.set_to(PUBLISHED_AT):
        before = prometheus()
        proposal = cast.proposal(occasion)
        file = SimpleUploadedFile("offre.pdf", b"%PDF-" + b"x" * 1000)
        draft_actions.add_file(proposal, file, at=PUBLISHED_AT)
        cast.deposit(proposal)
        cast.submitted(occasion, vendor=cast.rival)
        sealed = OutgoingEmail.objects.filter(confidential=True, sent_at=None).count()
        after = prometheus()
        deposit_actions.withdraw(proposal, by=cast.vendor_owner)
        withdrawn = prometheus()
    assert sealed >= 2 and len(before) >= 8  # there was something to tell
    assert before == after == withdrawn


def test_nothing_in_it_names_anything(cast, client, settings):
    settings.METRICS_TOKEN = TOKEN
    occasion = cast.published()
    cast.submitted(occasion)
    with clock.set_to(CLOSES_AT + timedelta(hours=1)):
        text = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).content.decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) >= 8 and "dan_due_not_opened 1.0" in samples
    assert all(re.fullmatch(r"dan_[a-z_]+ (\d+(\.\d+)?(e[+-]\d+)?|\+Inf)", line) for line in samples)  # no label at all
    assert Opportunity.objects.get().number not in text and cast.vendor.legal_name not in text


# --- The alerts ------------------------------------------------------------------------------------------------------
def rules() -> list[dict]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_each_alert_is_whole_and_reads_what_exists():
    made = rules()
    assert len(made) >= 12 and len({rule["alert"] for rule in made}) == len(made)
    for rule in made:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"\d+[mh]", rule["for"]) and rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "action"} and all(rule["annotations"].values())
        named = set(re.findall(r"\bdan_\w+", rule["expr"]))
        assert named <= set(BY_NAME) | {views.UNREAD}, rule["alert"]
        assert named or "up{" in rule["expr"], rule["alert"]


@pytest.mark.parametrize(
    "gauge", [g for g in GAUGES if g.most is not None or g.least is not None], ids=lambda g: g.name
)
def test_each_bound_of_the_pages_is_the_bound_of_an_alert(gauge):
    bound = f"> {gauge.most:g}" if gauge.most is not None else f"< {gauge.least:g}"
    (rule,) = [rule for rule in rules() if re.search(rf"\b{gauge.name}\b", rule["expr"])]
    assert rule["expr"] == f"{gauge.name} {bound}"
    assert (rule["labels"]["severity"] == "page") == gauge.urgent
