"""Payments against the Stripe stand-in: one process for a test module, emptied before each test."""

from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import connection

from contracts.models import Invoice, Milestone, Payment, PayoutAccount
from contracts.payments import actions as payment_actions
from contracts.payments import payout_account, stripe_gateway
from contracts.payments import tasks as payment_tasks
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from tests import contract_cast
from tools.stripe_standin.client import KEY, SECRET, Standin

PAID_AT = datetime.fromisoformat("2026-12-18T15:00:00+00:00")
SUCCESS, CANCEL = "http://testserver/retour/", "http://testserver/payer/"


def use(settings, standin: Standin, *, timeout=(5.0, 5.0)) -> None:
    """Point the product at the stand-in, without the library's own retries: each test says what happens."""
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = KEY, SECRET
    settings.STRIPE_API_BASE, settings.STRIPE_FEE_BASIS_POINTS = standin.url, 0
    stripe_gateway.TIMEOUT, stripe_gateway.RETRIES = timeout, 0


@contextmanager
def no_lock_held():
    """Every request to Stripe is made outside the code's own transactions (the test's is not counted)."""
    depth = len(connection.savepoint_ids)
    real_ask, real_pages = stripe_gateway._ask, stripe_gateway._pages
    asked = []

    def ask(*args, **kwargs):
        asked.append(len(connection.savepoint_ids) - depth)
        return real_ask(*args, **kwargs)

    def pages(*args, **kwargs):
        asked.append(len(connection.savepoint_ids) - depth)
        return real_pages(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:  # not the fixture: worlds are built as usual (tests/kept.py)
        patch.setattr(stripe_gateway, "_ask", ask)
        patch.setattr(stripe_gateway, "_pages", pages)
        yield asked
    assert set(asked) <= {0}


class Till:
    """Somebody who pays: the product on one side, the stand-in's control door on the other."""

    def __init__(self, cast, standin: Standin, client, on_commit):
        self.cast, self.standin, self.client, self.on_commit = cast, standin, client, on_commit
        self.at = PAID_AT
        self.ready: Invoice | None = None  # made before anything that is not kept (tests/kept.py)
        standin.control("clock", at=int(PAID_AT.timestamp()))

    # --- Before ------------------------------------------------------------------------------------------------------
    def account(self, vendor=None, *, complete=True) -> PayoutAccount:
        vendor = vendor or self.cast.vendor
        with self.now():
            row = payout_account.open_account(vendor, by=vendor.memberships.filter(role="owner").earliest("pk").user)
            if complete:
                self.standin.control("complete_account", account=row.account_id)
                payout_account.refresh(row)
        self.standin.take_events()
        return row

    def invoice(self, contract=None, position=1) -> Invoice:
        """An issued invoice, to pay by the officer: the buyer accepted the work."""
        if self.ready and not contract:
            return self.ready
        contract = contract or contract_cast.active(self.cast, amounts=(24_000_00, 40_000_00))
        return contract_cast.invoiced(self.cast, contract, position)

    @contextmanager
    def now(self, later: timedelta = timedelta(0)):
        with clock.set_to(self.at + later), self.on_commit(execute=True):
            yield

    def wait(self, later: timedelta) -> None:
        """Time goes by, here and at Stripe."""
        self.at += later
        self.standin.control("clock", at=int(self.at.timestamp()))

    # --- The payer ---------------------------------------------------------------------------------------------------
    def start(self, invoice, *, by=None) -> Payment:
        with self.now():
            payment_actions.start(invoice, by=by or self.cast.officer, success_url=SUCCESS, cancel_url=CANCEL)
        return invoice.payments.latest("pk")

    def pay(self, payment, how="card") -> None:
        self.standin.control("pay", session=payment.session_id, how=how)

    def paid(self, invoice=None, *, how="card") -> Payment:
        """Paid by Stripe, through webhooks alone."""
        payment = self.start(invoice or self.invoice())
        self.pay(payment, how)
        self.deliver()
        return again(payment)

    # --- Webhooks ----------------------------------------------------------------------------------------------------
    def post(self, payload: bytes, signature: str):
        with self.now():
            return self.client.post(
                "/stripe/evenements", payload, content_type="application/json", headers={"Stripe-Signature": signature}
            )

    def deliver(self, *, times=1, backwards=False) -> int:
        """Post what waits, each so many times; how many events there were."""
        events = self.standin.take_events()
        for _time in range(times):
            for payload, signature in reversed(events) if backwards else events:
                assert self.post(payload, signature).status_code == 200
        return len(events)

    def sweep(self, *, everything=True) -> int:
        with self.now():
            return payment_tasks.sweep(at=clock.now(), everything=everything)

    # --- What came of it ---------------------------------------------------------------------------------------------
    def transfers(self) -> list[dict]:
        return self.standin.state().get("transfer", [])

    def assert_paid_once(self, payment) -> None:
        """One transfer of the right amount to the right account; the invoice, the milestone and the ledger say so."""
        payment = again(payment)
        (transfer,) = self.transfers()
        due = payment.amount_cents - payment.fee_cents
        assert (transfer["amount"], transfer["destination"]) == (due, payment.destination)
        assert transfer["amount_reversed"] == 0 and transfer["source_transaction"] == payment.charge_id
        assert transfer["transfer_group"] == payment.contract.number
        assert (payment.state, payment.transfer_id) == ("paid", transfer["id"])
        assert payment.invoice.paid_at is not None
        assert payment.invoice.milestone.state == "paid"
        acts = LedgerPayload.objects.filter(subject=payment.ledger_subject()).values_list("action", flat=True)
        assert list(acts).count("payment.transfer") == 1
        assert_chain_unbroken()

    def assert_not_paid(self, payment) -> None:
        payment = again(payment)
        assert not self.transfers() and payment.state in {"started", "processing", "failed"}
        assert payment.invoice.paid_at is None and payment.invoice.milestone.state == "invoiced"


def again(payment) -> Payment:
    return Payment.objects.select_related("invoice__milestone", "invoice__contract").get(pk=payment.pk)


def milestone_of(invoice) -> Milestone:
    return Milestone.objects.get(pk=invoice.milestone_id)


def mails(template: str) -> list[OutgoingEmail]:
    return list(OutgoingEmail.objects.filter(template=f"emails/{template}.txt").order_by("pk"))


def assert_chain_unbroken() -> None:
    previous = ledger.GENESIS
    for position, entry in enumerate(LedgerEntry.objects.order_by("seq"), start=1):
        assert (entry.seq, entry.previous) == (position, previous)
        assert entry.hash == ledger.hashlib.sha256(ledger.canonical(entry.chained())).hexdigest()
        previous = entry.hash
