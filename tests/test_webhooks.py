"""What Stripe tells: signed or refused, kept once, handled in any order any number of times (peers.md, I1)."""

import json
import random
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from contracts import gauges
from contracts.models import StripeEvent
from contracts.payments import stripe_gateway, webhooks
from contracts.payments import tasks as payment_tasks
from marketplace.dates import clock
from marketplace.ledger import labels
from marketplace.models import LedgerEntry, OutgoingEmail
from tests.payment_cast import Till, again, use
from tools.stripe_standin import webhooks as stripe_side
from tools.stripe_standin.client import SECRET, Standin

pytestmark = pytest.mark.django_db
DOOR = "/stripe/evenements"


@pytest.fixture(scope="module")
def process():
    with Standin(validate=True) as running:
        yield running


@pytest.fixture
def till(cast, process, client, settings, django_capture_on_commit_callbacks):
    process.reset()
    use(settings, process)
    yield Till(cast, process, client, django_capture_on_commit_callbacks)
    process.chaos()
    assert process.violations() == []


def signed(body: bytes, *, secret=SECRET, at=None) -> str:
    return stripe_side.sign(body, secret, at or int(time.time()))


def event(**fields) -> bytes:
    value = {
        "id": "evt_1", "object": "event", "type": "charge.succeeded", "created": 1_797_600_000,
        "data": {"object": {"id": "ch_1", "object": "charge", "metadata": {}}},
    }  # fmt: skip
    return json.dumps(value | fields).encode()


# --- At the door -----------------------------------------------------------------------------------------------------
def test_the_door_is_public_without_csrf_and_only_a_post(till):
    strict = Client(enforce_csrf_checks=True)
    body = event()
    answer = strict.post(
        DOOR, body, content_type="application/json", headers={"Stripe-Signature": signed(body)}
    )  # fmt: skip
    assert answer.status_code == 200
    assert strict.get(DOOR).status_code == 405
    assert "Set-Cookie" not in answer.headers


FORGED = {
    "": lambda: "",
    "n’importe quoi": lambda: "n’importe quoi",
    "t=1,v1=00": lambda: "t=1,v1=00",
    "another secret": lambda: signed(event(), secret="whsec_d_un_autre"),
    "an hour old": lambda: signed(event(), at=int(time.time()) - 3600),
    "another event": lambda: signed(event(id="evt_2")),
    "another version": lambda: signed(event()).replace("v1=", "v0="),
}


@pytest.mark.parametrize("signature", FORGED)
def test_a_forged_signature_leaves_nothing(till, signature):
    signature = FORGED[signature]()  # as old as the test: an old one is refused for its age
    assert till.post(event(), signature).status_code == 400
    assert not StripeEvent.objects.exists()


def test_an_empty_secret_signs_nothing(till, settings):
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert till.post(event(), signed(event(), secret="")).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"id": 1}',
        event(data={}),
        event(data={"object": None}),
        event(id=None),
    ],
    ids=map(str, range(9)),
)
def test_a_signed_oddity_leaves_nothing(till, body):
    assert till.post(body, signed(body)).status_code == 400
    assert not StripeEvent.objects.exists()


def test_what_is_too_large_is_not_read(till):
    body = b"x" * (webhooks.MOST + 1)
    assert till.post(body, signed(body)).status_code == 413


def test_only_what_is_useful_is_kept(till):
    thing = {
        "id": "ch_9", "object": "charge", "payment_intent": "pi_9", "billing_details": {"email": "p@exemple.invalid"},
        "metadata": {"payment": "x", "autre": "secret"},
    }  # fmt: skip
    body = event(data={"object": thing})
    till.post(body, signed(body))
    (row,) = StripeEvent.objects.all()
    assert row.payload == {"id": "ch_9", "object": "charge", "payment_intent": "pi_9", "metadata": {"payment": "x"}}
    assert row.handled_at is not None


def test_an_unknown_type_is_kept_and_done_with(till):
    till.standin.control("unknown_event")
    assert till.deliver() == 1
    (row,) = StripeEvent.objects.all()
    assert row.type == "radar.something_new.created" and row.handled_at and row.attempts == 0


# --- Repeats, order, losses ------------------------------------------------------------------------------------------
def everything(till) -> tuple:
    acts = list(LedgerEntry.objects.values_list("action", flat=True))
    return acts, OutgoingEmail.objects.count(), [t["id"] for t in till.transfers()]


def test_each_event_five_times_changes_nothing_more(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    till.deliver()
    before = everything(till)
    till.standin.take_events()
    told = till.standin.events()
    for each in told:
        till.standin.control("replay", event=each["id"], times=5)
    assert till.deliver() == len(told) * 5 >= 30
    assert everything(till) == before and StripeEvent.objects.count() == len(told)
    till.assert_paid_once(payment)


@pytest.mark.parametrize("how", ["card", "debit"])
@pytest.mark.parametrize("seed", range(6))
def test_any_order_ends_the_same(till, how, seed):
    """All events of a whole story kept back, then delivered shuffled, some twice, one lost."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment, "declined")
    till.pay(payment, how)
    if how == "debit":
        till.standin.control("settle", session=payment.session_id, ok=True)
    events = till.standin.take_events()
    dice = random.Random(seed)
    events += dice.sample(events, 3)
    dice.shuffle(events)
    events.pop()
    for payload, signature in events:
        assert till.post(payload, signature).status_code == 200
    till.assert_paid_once(payment)
    assert not StripeEvent.objects.filter(handled_at=None).exists()


@pytest.mark.parametrize("seed", range(4))
def test_a_refused_debit_in_any_order_never_pays(till, seed):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment, "debit")
    till.standin.control("settle", session=payment.session_id, ok=False)
    events = till.standin.take_events() * 2
    random.Random(seed).shuffle(events)
    for payload, signature in events:
        till.post(payload, signature)
    till.assert_not_paid(payment)
    assert again(payment).state == "failed"


def test_a_success_told_by_a_lie_moves_nothing(till):
    """Signed, and yet not what Stripe's books say: an event is a hint."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    thing = {
        "id": payment.session_id, "object": "checkout.session", "status": "complete", "payment_status": "paid",
        "metadata": {"payment": str(payment.public_id)},
    }  # fmt: skip
    body = event(type="checkout.session.completed", data={"object": thing})
    assert till.post(body, signed(body)).status_code == 200
    till.assert_not_paid(payment)


@pytest.mark.parametrize("mine", ["nobody", "00000000-0000-0000-0000-000000000000", "' or 1=1 --"])
def test_an_event_about_nothing_of_ours(till, mine):
    body = event(data={"object": {"id": "cs_1", "object": "checkout.session", "metadata": {"payment": mine}}})
    assert till.post(body, signed(body)).status_code == 200
    assert StripeEvent.objects.get().handled_at is not None


# --- When Stripe does not answer -------------------------------------------------------------------------------------
def test_an_event_waits_for_stripe(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    till.standin.chaos(probability={"500_before": 1.0})
    till.deliver()
    rows = StripeEvent.objects.filter(handled_at=None)
    assert rows and all(row.attempts == 0 and row.last_error.startswith("Unsure") for row in rows)
    till.assert_not_paid(payment)
    till.standin.chaos()
    till.wait(timedelta(minutes=2))
    till.sweep(everything=False)
    assert not rows.all()
    till.assert_paid_once(payment)


def test_a_broken_event_does_not_stop_the_others(till, monkeypatch):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    body = event(data={"object": {"id": "acct_1", "object": "account"}})

    def broken(*_args, **_kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(webhooks.PayoutAccount.objects, "filter", broken)
    till.post(body, signed(body))
    till.deliver()
    till.assert_paid_once(payment)
    (row,) = StripeEvent.objects.filter(handled_at=None)
    assert (row.attempts, row.last_error) == (1, "RuntimeError")
    assert row.next_at == till.at + timedelta(minutes=1) and row.given_up_at is None


def test_without_a_key_the_sweep_asks_nobody(till, settings):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    settings.STRIPE_SECRET_KEY = ""
    with till.now():
        payment_tasks.sweep_payments()
        payment_tasks.reconcile()
    assert again(payment).state == "started"


def test_the_payers_bank_is_told_of_once_per_state(till):
    """charge.dispute.* names a dispute: Stripe is asked for it, whatever the event's order."""
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    dispute = till.standin.control("open_dispute", charge=payment.charge_id)
    first = till.standin.take_events()
    till.standin.control("close_dispute", dispute=dispute["id"], won=False)
    for payload, signature in till.standin.take_events() + first:
        till.post(payload, signature)
    assert again(payment).dispute_status == "lost"


# --- For how long ----------------------------------------------------------------------------------------------------
def kept_event(at, name="evt_1") -> StripeEvent:
    payload = {"id": "acct_1", "object": "account"}
    return StripeEvent.objects.create(
        event_id=name, type="account.updated", payload=payload, created_at=at, received_at=at
    )


@pytest.fixture
def stripe_says(monkeypatch, settings):
    """Have Stripe answer this about every account; how many times it was asked."""
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    monkeypatch.setattr(webhooks.PayoutAccount.objects, "filter", lambda **named: [named])
    asked = []

    def use(error):
        def refresh(account):
            asked.append(account)
            if error:
                raise error

        monkeypatch.setattr(webhooks.payout_account, "refresh", refresh)
        return asked

    return use


def sweeps(start, until, *, every=timedelta(minutes=1)):
    at = start
    while at < until:
        with clock.set_to(at):
            payment_tasks.sweep_payments()
        at += every


def test_a_stripe_that_is_away_for_days_loses_nothing(stripe_says, now):
    """Fault of 0.5: after fifty minutes of silence, a dispute or an account's change was never applied."""
    stripe_says(stripe_gateway.Unsure("APIConnectionError"))
    row = kept_event(now)
    sweeps(now, now + timedelta(hours=80), every=timedelta(hours=1))
    row.refresh_from_db()
    assert (row.attempts, row.given_up_at, row.failing_since) == (0, None, None)
    stripe_says(None)
    sweeps(now + timedelta(hours=80), now + timedelta(hours=80, minutes=1))
    row.refresh_from_db()
    assert row.handled_at and row.last_error == ""


def told_of_events(at) -> list:
    return [gauge.read(at) for gauge in gauges.GAUGES if gauge.name.startswith("dan_stripe_events")]


def test_what_stripe_refuses_is_tried_at_growing_intervals_for_72_hours(stripe_says, now):
    asked = stripe_says(stripe_gateway.Refused("resource_missing"))
    row = kept_event(now - timedelta(minutes=2))
    sweeps(now, now + timedelta(hours=73), every=timedelta(minutes=30))
    row.refresh_from_db()
    assert len(asked) == row.attempts < 30 and row.last_error == "Refused: resource_missing"
    assert row.given_up_at == now + timedelta(hours=72) and row.next_at is None
    assert told_of_events(now) == [1, 0]


def test_a_silent_stripe_costs_three_time_outs_a_sweep_and_everybody_has_a_turn(stripe_says, now):
    asked = stripe_says(stripe_gateway.Unsure("timeout"))
    for number in range(7):
        kept_event(now, f"evt_{number}")
    at = now + timedelta(hours=2)
    for turn in range(3):
        with clock.set_to(at + turn * timedelta(minutes=1)):
            payment_tasks.sweep_payments()
    assert len(asked) == 9
    assert not StripeEvent.objects.filter(next_at=None).exists()  # seven in three sweeps of three
    assert told_of_events(at) == [0, 7200]


def given_up(now) -> list[StripeEvent]:
    rows = [kept_event(now, f"evt_{number}") for number in range(3)]
    StripeEvent.objects.update(given_up_at=now, failing_since=now, attempts=20, last_error="Refused: x")
    return rows


def told(*args) -> str:
    out = StringIO()
    call_command("stripe_events", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_the_operator_takes_them_up_again_or_closes_them(stripe_says, now):
    stripe_says(None)
    rows = given_up(now)
    assert "evt_0\taccount.updated" in told() and told().endswith("3 événement(s) abandonné(s).\n")
    assert told("--again", "evt_0") == "1 repris.\n"
    assert told("--close", "evt_1", "evt_9").splitlines()[1:] == ["1 classé(s)."]
    assert told("--again") == "1 repris.\n" and told("--again") == "0 repris.\n"
    for wrong in (["--close"], ["evt_1"], ["--again", "--close", "evt_1"]):
        with pytest.raises(CommandError):
            told(*wrong)
    acts = list(LedgerEntry.objects.order_by("seq").values_list("action", flat=True))
    assert acts == ["payment.events_again", "payment.events_close", "payment.events_again"]
    assert not LedgerEntry.objects.public().exists() and all(map(labels.label, acts))
    sweeps(now + timedelta(minutes=2), now + timedelta(minutes=3))
    for row in rows:
        row.refresh_from_db()
    assert all(row.handled_at for row in rows)
    assert [row.last_error for row in rows] == ["", "Refused: x", ""]
