"""A process that pays is killed (SIGKILL) between any two steps, again and again: exactly one transfer all the same.

Each run: the same database, with an invoice to pay; children forked from this process play the officer, Stripe's
webhooks and the sweep, and kill themselves at a chosen point (before or after a request to Stripe, a commit, a write);
the stand-in adds its faults. Then nobody dies any more, and what is true at the end is checked.
"""

import gc
import json
import logging
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.db.utils import load_backend
from django.test import RequestFactory
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.models import Invoice, Payment, PayoutAccount, StripeEvent
from contracts.payments import actions as payment_actions
from contracts.payments import reversal, stripe_gateway, webhooks
from contracts.payments import tasks as payment_tasks
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerPayload, User
from tests import contract_cast
from tests.cast import Cast
from tests.payment_cast import CANCEL, PAID_AT, SUCCESS, assert_chain_unbroken, use
from tools.stripe_standin.client import ControlRefused, Standin

HOURS = timedelta(hours=1)
PAYS = ("card", "debit")
REFUSED = ("declined", "refused_debit")
FAULTS = ("ok", "ok", "500_before", "429", "500_after", "500_kept", "500_kept_done", "drop_before", "drop_after")


@dataclass(frozen=True)
class Story:
    """how: what the payer does; undo: two officers reverse it afterwards. kills: for each child, its fatal point."""

    how: str = "card"
    undo: bool = False
    kills: tuple[int | str, ...] = ()
    faults: tuple[str, ...] = ()
    disorder: int = 0


# `make drills`: each point of each story, as often as it comes, and many deaths in a row. `make test`: a sample of the
# deaths in a row, then each point by its name, once.
WHOLE = bool(os.environ.get("DRILLS"))
STORIES, LEAST_RUNS = (270, 500) if WHOLE else (16, 50)

PLAIN = (Story("card"), Story("debit"), Story("card", undo=True), Story("declined"), Story("refused_debit"))


# --- Where one may die -----------------------------------------------------------------------------------------------
class Death:
    """Counts the points that a child reaches, and kills it at the one that was chosen (by rank or by name)."""

    def __init__(self, chosen: int | str | None, log: Path):
        self.chosen, self.log, self.reached = chosen, log, []

    def point(self, name: str) -> None:
        self.reached.append(name)
        if self.chosen in (len(self.reached), name):
            self.write(killed=name)
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, killed: str = "") -> None:
        self.log.write_text(json.dumps({"reached": self.reached, "killed": killed}))

    def install(self) -> None:
        """Around every request to Stripe, every commit, and every write outside a transaction."""
        link = connections["default"]
        ask, pages, commit = stripe_gateway._ask, stripe_gateway._pages, link.commit

        def asking(call, *args, **kwargs):
            return self.around(f"asking {call.__qualname__}", lambda: ask(call, *args, **kwargs))

        def paging(call, *args, **kwargs):
            return self.around(f"asking {call.__qualname__}", lambda: iter(list(pages(call, *args, **kwargs))))

        def writing(execute, sql, params, many, context):
            def run():
                return execute(sql, params, many, context)

            alone = not link.in_atomic_block and sql.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}
            return self.around(f"writing in {doing()}", run) if alone else run()

        stripe_gateway._ask, stripe_gateway._pages = asking, paging
        link.commit = lambda: self.around(f"committing {doing()}", commit)
        link.execute_wrappers.append(writing)

    def around(self, name: str, act):
        self.point(f"before {name}")
        found = act()
        self.point(f"after {name}")
        return found


def doing() -> str:
    """The innermost function of the payments' code that is running."""
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        ours = {"contracts", "marketplace"} & set(path.parts[-3:-1])
        if ours and path.parent.name != "ledger" and path.stem != "lifecycle":
            return f"{path.stem}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"


# --- The people and machines of a story ------------------------------------------------------------------------------
def quietly(act, *args, **kwargs) -> None:
    """Do it; Stripe's silence, and what is no longer possible, are for the next one to deal with."""
    try:
        act(*args, **kwargs)
    except (stripe_gateway.Unsure, stripe_gateway.Refused, IllegalMove, ValidationError, ControlRefused):
        return


def play(story: Story, standin: Standin, at) -> None:
    """Everything once, from the top: what is done already does nothing."""
    with clock.set_to(at):
        invoice = Invoice.objects.get()
        officer, second = User.objects.filter(body_memberships__role="officer").order_by("pk")[:2]
        undone = Payment.objects.filter(reversal_requested_by__isnull=False).exists()
        if invoice.paid_at is None and not undone:
            quietly(payment_actions.start, invoice, by=officer, success_url=SUCCESS, cancel_url=CANCEL)
        for payment in Payment.objects.filter(state__in=["started", "processing"]).exclude(session_id=""):
            how = {"refused_debit": "debit"}.get(story.how, story.how)
            quietly(standin.control, "pay", session=payment.session_id, how=how)
            if how == "debit":
                deliver(story, standin)
                quietly(standin.control, "settle", session=payment.session_id, ok=story.how == "debit")
        deliver(story, standin)
        for payment in Payment.objects.all():
            quietly(payment_actions.advance, payment)
        payment_tasks.sweep(at=at, everything=True)
        if story.undo:
            for payment in Payment.objects.filter(state="paid"):
                if payment.reversal_requested_by_id is None:
                    quietly(reversal.request_reversal, payment, by=officer, reason="Erreur.")
                quietly(reversal.reverse, Payment.objects.get(pk=payment.pk), by=second)
            deliver(story, standin)
            payment_tasks.sweep(at=at, everything=True)


def deliver(story: Story, standin: Standin) -> None:
    """Stripe's webhooks: in order, or shuffled with some of them twice."""
    events = standin.take_events()
    if story.disorder:
        dice = random.Random(story.disorder)
        events += dice.sample(events, len(events) // 2)
        dice.shuffle(events)
    for payload, signature in events:
        request = RequestFactory().post(
            "/stripe/evenements", payload, content_type="application/json", headers={"Stripe-Signature": signature}
        )
        assert webhooks.receive(request).status_code == 200


# --- The world -------------------------------------------------------------------------------------------------------
class World:
    """A SQLite file to copy for each run, the stand-in, and what the runs reached."""

    def __init__(self, folder: Path, standin: Standin, template: Path | None = None):
        self.file, self.log = folder / "db.sqlite3", folder / "log.json"
        self.template = template or folder / "template.sqlite3"
        self.standin = standin
        self.runs = self.deaths = 0
        self.killed: set[str] = set()
        self.found: dict[str, Story] = {}  # a point -> the story of which it is the last child's next death

    def reset(self) -> None:
        connection.close()
        for end in ("", "-wal", "-shm"):
            Path(f"{self.file}{end}").unlink(missing_ok=True)
        shutil.copyfile(self.template, self.file)
        self.standin.reset()
        self.standin.control("clock", at=int(PAID_AT.timestamp()))
        with clock.set_to(PAID_AT):
            told = stripe_gateway.create_account(
                business_type="company", email="a@exemple.invalid", metadata={}, key="a"
            )
            self.standin.control("complete_account", account=told.id)
            PayoutAccount.objects.update(account_id=told.id)
        self.standin.take_events()

    def child(self, story: Story, chosen, at) -> dict:
        """Play the story in a forked process that dies where it must; what it reached."""
        connection.close()
        self.log.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                gc.disable()  # it would copy the parent's memory
                stripe_gateway.forget()
                self.standin._local = threading.local()  # the parent's connection stays the parent's
                death = Death(chosen, self.log)
                death.install()
                play(story, self.standin, at)
                death.write()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        _pid, status = os.waitpid(pid, 0)
        told = json.loads(self.log.read_text()) if self.log.exists() else {"reached": [], "killed": ""}
        if told["killed"]:
            assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            self.deaths += 1
            self.killed.add(told["killed"])
        else:
            assert os.waitstatus_to_exitcode(status) == 0, story
        return told

    def run(self, story: Story) -> list[dict]:
        """One run: the deaths one after the other, then peace, then the truth."""
        self.runs += 1
        self.reset()
        self.standin.chaos(*story.faults)
        told = []
        for rank, chosen in enumerate(story.kills):
            told.append(self.child(story, chosen, PAID_AT + timedelta(minutes=rank)))
            for name in told[-1]["reached"]:
                self.found.setdefault(name, replace(story, kills=(*story.kills[:rank], name)))
        self.standin.chaos()
        at = PAID_AT
        for _round in range(9):
            at += 2 * HOURS  # past the rest after a refusal
            self.standin.control("clock", at=int(at.timestamp()))
            with clock.set_to(at):
                payment_tasks.sweep(at=at, everything=True)
            if self.quiet(story):
                break
            play(story, self.standin, at)
        (self.check_refused if story.how in REFUSED else self.check_undone if story.undo else self.check_paid)(story)
        return told

    def quiet(self, story: Story) -> bool:
        if StripeEvent.objects.filter(handled_at=None).exists():
            return False
        if story.how in REFUSED:
            return Payment.objects.exists()
        return Payment.objects.filter(state="refunded" if story.undo else "paid").exists()

    # --- A second lane, for the second core --------------------------------------------------------------------------
    def one_by_one(self) -> None:
        """Each point of each story, one death each: its rank goes up until nobody dies any more.

        In a sample nobody dies here: what is reached is learnt, for `test_paying_survives` to kill.
        """
        for story in PLAIN:
            rank = 1 if WHOLE else 1_000
            while self.run(replace(story, kills=(rank,)))[0]["killed"]:
                rank += 1

    def aside(self, results: Path) -> int:
        """`one_by_one` in a process of its own, with its own database and stand-in; its pid."""
        connection.close()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                connections["default"].settings_dict["NAME"] = str(self.file)
                stripe_gateway.forget()
                django_settings.STRIPE_API_BASE = self.standin.url
                self.standin._local = threading.local()
                self.one_by_one()
                found = {name: asdict(story) for name, story in self.found.items()}
                told = {"runs": self.runs, "deaths": self.deaths, "killed": sorted(self.killed), "found": found}
                results.write_text(json.dumps(told))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        return pid

    def learn(self, told: dict) -> None:
        """What the other lane did counts as done here."""
        self.runs, self.deaths = self.runs + told["runs"], self.deaths + told["deaths"]
        self.killed |= set(told["killed"])
        for name, story in told["found"].items():
            fields = {key: tuple(value) if isinstance(value, list) else value for key, value in story.items()}
            self.found.setdefault(name, Story(**fields))

    # --- The truth ---------------------------------------------------------------------------------------------------
    def check_paid(self, story: Story) -> None:
        payment, books = Payment.objects.get(state="paid"), self.standin.state()
        (transfer,) = books["transfer"]
        assert (transfer["id"], transfer["amount"]) == (payment.transfer_id, payment.amount_cents), story
        assert (transfer["destination"], transfer["amount_reversed"]) == (payment.destination, 0), story
        assert transfer["metadata"]["milestone"] == str(payment.invoice.milestone.public_id)
        assert len([each for each in books["charge"] if each["status"] == "succeeded"]) == 1, story
        assert payment.invoice.paid_at is not None and payment.invoice.milestone.state == "paid"
        self.check_ledger({"payment.transfer": 1, "milestone.pay": 1, "milestone.unpay": 0, "payment.refund": 0})

    def check_undone(self, story: Story) -> None:
        payment, books = Payment.objects.get(state="refunded"), self.standin.state()
        assert [each["reversed"] for each in books["transfer"]] == [True], story
        assert [each["amount"] for each in books["refund"]] == [payment.amount_cents], story
        assert [each["amount"] for each in books["transfer_reversal"]] == [payment.amount_cents], story
        assert payment.invoice.paid_at is None and payment.invoice.milestone.state == "invoiced"
        self.check_ledger({"payment.transfer": 1, "payment.refund": 1, "milestone.unpay": 1})

    def check_refused(self, story: Story) -> None:
        assert not self.standin.state().get("transfer"), story
        assert not Payment.objects.exclude(state__in=["started", "processing", "failed"]).exists(), story
        invoice = Invoice.objects.get()
        assert invoice.paid_at is None and invoice.milestone.state == "invoiced"
        self.check_ledger({"payment.receive": 0, "payment.transfer": 0, "milestone.pay": 0})

    def check_ledger(self, expected: dict[str, int]) -> None:
        acts = list(LedgerPayload.objects.values_list("action", flat=True))
        assert {name: acts.count(name) for name in expected} == expected
        assert_chain_unbroken()


@pytest.fixture
def world(tmp_path, settings, transactional_db):
    if connection.vendor != "sqlite":
        pytest.skip("forked children share one SQLite file: this test does not run on PostgreSQL")
    with Standin() as standin, Standin() as other:
        use(settings, standin)
        made = World(tmp_path, standin)
        made.other = other
        usual = connections["default"]
        with sqlite3.connect(made.file) as copy:
            usual.ensure_connection()
            usual.connection.backup(copy)  # the migrated and empty database of the tests
        copy.close()
        backend = load_backend(usual.settings_dict["ENGINE"])
        connections["default"] = backend.DatabaseWrapper(usual.settings_dict | {"NAME": str(made.file)}, "default")
        try:
            cast = Cast()
            contract_cast.invoiced(cast, contract_cast.active(cast, amounts=(24_000_00, 40_000_00)))
            PayoutAccount.objects.create(
                vendor=cast.vendor, account_id="acct_0", transfers_active=True, created_at=PAID_AT, refreshed_at=PAID_AT
            )
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            shutil.copyfile(made.file, made.template)
            gc.collect()
            gc.freeze()
            yield made
        finally:
            gc.unfreeze()
            logging.disable(logging.NOTSET)
            connections["default"].close()
            connections["default"] = usual
            stripe_gateway.forget()


def test_paying_survives(world, tmp_path, capsys):
    began = time.monotonic()
    logging.disable(logging.ERROR)
    # 1. Beside: each point of each story, one by one.
    results = tmp_path / "lane.json"
    (tmp_path / "lane").mkdir()
    lane = World(tmp_path / "lane", world.other, world.template)
    pid = lane.aside(results)

    # 2. Here: deaths in a row, anywhere, with Stripe's own faults and webhooks out of order.
    @settings(
        max_examples=STORIES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.builds(
            Story,
            how=st.sampled_from([*PAYS, *PAYS, *REFUSED]),
            undo=st.booleans(),
            kills=st.lists(st.integers(1, 60), min_size=1, max_size=2).map(tuple),
            faults=st.lists(st.sampled_from(FAULTS), max_size=6).map(tuple),
            disorder=st.integers(0, 1_000),
        )
    )
    def anything(story):
        world.run(story)

    try:
        anything()
    finally:
        _pid, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    systematic = json.loads(results.read_text())
    world.learn(systematic)

    # 3. Points that only a recovery reaches, and where nobody has died yet.
    for _round in range(4):
        for name in sorted(set(world.found) - world.killed):
            world.run(world.found[name])
    with capsys.disabled():
        size = "all" if WHOLE else "a sample (all: make drills)"
        runs = f"{world.runs} runs ({systematic['runs']} one by one)"
        told = f"{runs}, {world.deaths} deaths at {len(world.killed)} points"
        sys.stdout.write(f"\npaying, {size}: {told}, {time.monotonic() - began:.0f} s\n")
    assert world.runs >= LEAST_RUNS and world.deaths >= LEAST_RUNS
    assert set(world.found) == world.killed and len(world.killed) >= 40
