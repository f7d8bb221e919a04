"""Every periodic task of the house: one row that breaks stops none of those after it, and is told without its text."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
import stripe
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.flags import compute
from audit.models import FlagPeers, RedFlag
from contracts.models import Payment, Reconciliation
from contracts.payments import actions as payment_actions
from contracts.payments import reconciliation, stripe_gateway
from contracts.payments.stripe_objects import Account
from marketplace import guard
from marketplace.celery import app
from marketplace.dates import clock
from marketplace.files import clamd, quarantine, store
from marketplace.mail import delivery, outbox
from marketplace.models import FileScan, FileSweep, OutgoingEmail
from opportunities.models import Attachment
from proposals.drafts import actions as draft_actions
from proposals.models import DraftFile, Opening
from proposals.opening import actions as opening_actions
from tests import audit_moves, contract_cast
from tests.cast import CLOSES_AT, PUBLISHED_AT, person
from tests.test_sweep import orphan, paper

pytestmark = pytest.mark.django_db
PERSONAL = "jean.tremblay@exemple.invalid"
LATE = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Poison(Exception):
    """What the first row raises, with words that no log may repeat."""


def poisoned(real, first):
    """`real`, which breaks when `first(*args, **named)` says that it is about the first row."""

    def call(*args, **named):
        if first(*args, **named):
            raise Poison(PERSONAL)
        return real(*args, **named)

    return call


def run(task: str, at: datetime) -> None:
    for module in app.conf.imports:
        import_module(module)
    with clock.set_to(at):
        app.tasks[task].apply(throw=True)


# --- One story a task: it breaks the first of several, runs the task, and says what became of the others -------------
def contract_reminders(cast, monkeypatch, settings):
    """A milestone that breaks; a person that breaks; both leave the other milestone, the other person, the invoice."""
    contract = contract_cast.active(cast, amounts=(24_000_00, 20_000_00, 20_000_00))
    contract_cast.invoiced(cast, contract, 1)
    bad = contract_cast.milestone(contract, 2)
    before = OutgoingEmail.objects.count()
    monkeypatch.setattr(
        outbox, "queue", poisoned(outbox.queue, lambda template, **named: named.get("milestone") == bad)
    )
    run("contracts.tasks_reminders.remind", LATE)
    told = OutgoingEmail.objects.order_by("pk")[before:]
    assert {row.template for row in told} == {"emails/milestone_late.txt", "emails/invoice_late.txt"}


def monitoring_reminders(cast, monkeypatch, settings):
    audit_moves.asked(cast)
    persons = []

    def first(template, *, to, **named):
        persons.append(to)
        return to == persons[0]

    before = OutgoingEmail.objects.count()
    monkeypatch.setattr(outbox, "queue", poisoned(outbox.queue, first))
    run("audit.reminders.remind", LATE)
    assert len(persons) == 3 and OutgoingEmail.objects.count() == before + 2


def messages(cast, monkeypatch, settings):
    OutgoingEmail.objects.all().delete()
    for number in range(3):
        address = f"lea{number}@exemple.invalid"
        outbox.enqueue("emails/x.txt", address, "Sujet", "Corps", to=None, at=PUBLISHED_AT)
    first = OutgoingEmail.objects.order_by("pk")[0]
    monkeypatch.setattr(delivery, "_sent", poisoned(delivery._sent, lambda email: email.pk == first.pk))
    run("marketplace.tasks.sweep_emails", PUBLISHED_AT + timedelta(hours=1))
    assert list(OutgoingEmail.objects.order_by("pk").values_list("state", flat=True)) == ["sending", "sent", "sent"]


def two_payments(cast, **fields) -> list[Payment]:
    contract = contract_cast.active(cast, amounts=(24_000_00, 40_000_00))
    given = {"method": "stripe", "state": "started", "by": cast.officer, "created_at": LATE - timedelta(days=1)}
    invoices = [contract_cast.invoiced(cast, contract, position) for position in (1, 2)]
    return [
        Payment.objects.create(
            invoice=row, amount_cents=row.total_cents, fee_cents=0, destination=f"acct_{row.pk}", **given | fields
        )
        for row in invoices
    ]


def payments(cast, monkeypatch, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    first, second = two_payments(cast)
    give_up = poisoned(payment_actions.give_up_without_page, lambda payment: payment == first)
    monkeypatch.setattr(payment_actions, "give_up_without_page", give_up)
    run("contracts.tasks.sweep_payments", LATE)
    assert [Payment.objects.get(pk=row.pk).state for row in (first, second)] == ["started", "failed"]


def books(cast, monkeypatch, settings):
    """An account that Stripe no longer shows, then an administrator whose message breaks."""
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    first, second = two_payments(cast, state="failed")
    for name in ("charges", "transfers", "refunds", "disputes"):
        monkeypatch.setattr(stripe_gateway, name, lambda since: [])

    def account(name):
        if name == min(first.destination, second.destination):
            raise stripe_gateway.Refused("account_invalid")
        return Account(name, True, True, True, (), "")

    monkeypatch.setattr(stripe_gateway, "account", account)
    others = [cast.administrator, person("Ada Poulin")]
    type(others[1]).objects.filter(pk=others[1].pk).update(is_staff=True)
    monkeypatch.setattr(outbox, "queue", poisoned(outbox.queue, lambda template, *, to, **named: to == others[0]))
    before = OutgoingEmail.objects.count()
    run("contracts.tasks.reconcile", LATE)
    done = Reconciliation.objects.get()
    assert (done.error, done.compared) == ("", 1)
    assert [(row.kind, row.theirs) for row in done.mismatches.all()] == [("account_closed", "account_invalid")]
    assert reconciliation.words("account_closed") != "account_closed"
    assert [row.to for row in OutgoingEmail.objects.order_by("pk")[before:]] == [others[1]]


def openings(cast, monkeypatch, settings):
    first, second = cast.published(), cast.published()
    real = opening_actions.open_if_due
    monkeypatch.setattr(opening_actions, "open_if_due", poisoned(real, lambda number: number == first.number))
    run("proposals.tasks.open_due", CLOSES_AT)
    assert [row.opportunity for row in Opening.objects.all()] == [second]


def files(cast, monkeypatch, settings):
    names = sorted(orphan(settings, timedelta(days=2)) for _ in range(2))
    paper(cast)  # a row that holds something: otherwise it is another installation's storage
    monkeypatch.setattr(store.storage, "remove", poisoned(store.storage.remove, lambda name: name == names[0]))
    run("marketplace.tasks.sweep_files", CLOSES_AT)
    assert [store.storage.has(name) for name in names] == [True, False]
    assert FileSweep.objects.get().removed == 1


def signals(cast, monkeypatch, settings):
    """A formula that breaks: its flags and peers stay as they are, the others are computed."""
    cast.opened(proposals=1)
    assert compute.refresh(LATE)["found"]
    codes = sorted(RedFlag.objects.values_list("code", flat=True).distinct())
    bad, peers = codes[0], FlagPeers.objects.count()
    monkeypatch.setitem(compute.FORMULAS, bad, poisoned(compute.FORMULAS[bad], lambda *args: True))
    run("audit.tasks.compute_flags", LATE + timedelta(hours=1))
    assert not RedFlag.objects.filter(code=bad).exclude(last_at=LATE, ceased_at=None).exists()
    assert set(RedFlag.objects.filter(last_at__gt=LATE).values_list("code", flat=True)) == set(codes[1:])
    assert FlagPeers.objects.count() == peers and FlagPeers.objects.filter(at=LATE).exists()


def _waiting(cast) -> list[Attachment]:
    occasion = cast.draft()
    facts = {"content_type": "text/plain", "size": 5, "sha256": "0" * 64, "added_by": cast.buyer, "at": PUBLISHED_AT}
    return [
        Attachment.objects.create(
            opportunity=occasion, name=f"{n}.txt", file=store.keep("occasions", b"texte"), **facts
        )
        for n in range(2)
    ]


def scans(cast, monkeypatch, settings):
    settings.CLAMD_URL = "tcp://clamd.invalid:3310"
    monkeypatch.setattr(clamd, "ask", lambda words, *, deadline: b"PONG" if words == b"zPING\0" else b"stream: OK")
    rows = _waiting(cast)
    first = quarantine.waiting()[0]
    monkeypatch.setattr(store, "read", poisoned(store.read, lambda name: name == first))
    run("marketplace.tasks.scan_files", CLOSES_AT)
    states = quarantine.states(row.file.name for row in rows)
    assert sorted(states.values()) == ["clean", "waiting"] and states[first] == "waiting"


def proposal_scans(cast, monkeypatch, settings):
    proposal = cast.proposal(cast.published())
    for number in range(2):
        draft_actions.add_file(proposal, SimpleUploadedFile(f"{number}.txt", b"%d" % number), at=PUBLISHED_AT)
    settings.CLAMD_URL = "tcp://clamd.invalid:3310"
    monkeypatch.setattr(clamd, "ask", lambda words, *, deadline: b"PONG" if words == b"zPING\0" else b"stream: OK")
    first = DraftFile.objects.order_by("pk")[0].file.name
    monkeypatch.setattr(store, "read", poisoned(store.read, lambda name: name == first))
    run("proposals.tasks.scan_files", PUBLISHED_AT)
    assert sorted(FileScan.objects.values_list("state", flat=True)) == ["clean", "waiting"]


STORIES: dict[str, Callable] = {
    "marketplace.tasks.scan_files": scans,
    "proposals.tasks.scan_files": proposal_scans,
    "contracts.tasks_reminders.remind": contract_reminders,
    "audit.reminders.remind": monitoring_reminders,
    "marketplace.tasks.sweep_emails": messages,
    "contracts.tasks.sweep_payments": payments,
    "contracts.tasks.reconcile": books,
    "proposals.tasks.open_due": openings,
    "marketplace.tasks.sweep_files": files,
    "audit.tasks.compute_flags": signals,
}
# Those that go through no rows, or have the database do it in one statement.
ALONE = {
    "marketplace.tasks.heartbeat",
    "marketplace.tasks.clear_sessions",
    "marketplace.tasks.sign_ledger",
    "marketplace.tasks.cover_ledger",
}


def test_every_periodic_task_has_its_story():
    periodic = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert set(STORIES) | ALONE == periodic and not set(STORIES) & ALONE
    assert (len(STORIES), len(ALONE)) == (10, 4)


@pytest.mark.parametrize("task", STORIES)
def test_one_row_that_breaks_stops_no_other(task, cast, monkeypatch, settings, caplog):
    STORIES[task](cast, monkeypatch, settings)
    assert "Poison" in caplog.text
    if task != "proposals.tasks.open_due":  # which logs what the opening itself raised, and no person is in it
        assert PERSONAL not in caplog.text


def test_the_line_names_the_place_and_never_the_words(caplog):
    with guard.one("facture", 7):
        raise Poison(PERSONAL)
    (record,) = caplog.records
    assert record.getMessage().startswith("facture 7 was left for the next time: Poison at test_one_bad_row.py:")
    assert not record.exc_info and PERSONAL not in caplog.text


def test_a_time_limit_is_about_the_task():
    with pytest.raises(SoftTimeLimitExceeded), guard.one("facture", 7):
        raise SoftTimeLimitExceeded


def test_a_closed_account_is_a_refusal_and_a_wrong_key_is_not():
    """Stripe answers 403 to both; silence would end the whole comparison, each night."""

    def answered(code):
        error = stripe.PermissionError("x", http_status=403, json_body={"error": {"code": code}}, code=code)
        return stripe_gateway._translated(error)

    assert isinstance(answered("account_invalid"), stripe_gateway.Refused)
    assert isinstance(answered("more_permissions_required"), stripe_gateway.Unsure)
