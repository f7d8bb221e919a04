"""Our payments against Stripe's books: nothing on a clean set, and each kind of difference found by its name."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from contracts.models import Mismatch, Payment, PayoutAccount, Reconciliation
from contracts.payments import reconciliation, reversal, stripe_gateway
from marketplace.dates import clock
from tests import contract_cast
from tests.payment_cast import Till, again, mails, use
from tools.stripe_standin.client import Standin

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def process():
    with Standin(validate=True) as running:
        yield running


@pytest.fixture
def till(cast, process, client, settings, django_capture_on_commit_callbacks):
    process.reset()
    use(settings, process)
    made = Till(cast, process, client, django_capture_on_commit_callbacks)
    made.ready = made.invoice()
    made.account()
    yield made
    process.chaos()
    assert process.violations() == []


def compare(till, **options) -> Reconciliation:
    with till.now():
        return reconciliation.run(at=clock.now(), **options)


def kinds(till) -> list[str]:
    return sorted(compare(till).mismatches.values_list("kind", flat=True))


def two_invoices(till):
    return till.ready, contract_cast.invoiced(till.cast, till.ready.contract, 2)


# --- No false alarm --------------------------------------------------------------------------------------------------
def test_nothing_on_every_path(till, settings):
    """Paid with a fee, refunded by two officers and paid anew, refused, abandoned, under way: all agree."""
    settings.STRIPE_FEE_BASIS_POINTS = 125
    first, second = two_invoices(till)
    payment = till.paid(first)
    with till.now():
        reversal.request_reversal(payment, by=till.cast.officer, reason="Erreur.")
        reversal.reverse(payment, by=till.cast.second_officer)
    till.deliver()
    assert till.paid(first).state == "paid"
    refused = till.start(second)
    till.pay(refused, "declined")
    till.pay(refused, "debit")
    till.deliver()
    assert kinds(till) == []  # under way at the bank
    till.standin.control("settle", session=refused.session_id, ok=False)
    till.deliver()
    last = till.start(second)
    assert kinds(till) == []  # a page that nobody paid on
    till.pay(last, "debit")
    till.standin.control("settle", session=last.session_id, ok=True)
    assert kinds(till) == []  # paid a moment ago, the webhook still on its way
    till.deliver()
    assert again(last).state == "paid"
    dispute = till.standin.control("open_dispute", charge=again(last).charge_id)
    till.deliver()
    assert kinds(till) == []
    till.standin.control("close_dispute", dispute=dispute["id"], won=True)
    till.deliver()
    till.wait(timedelta(days=30))
    run = compare(till)
    assert not run.mismatches.exists() and run.compared > 8 and run.finished_at and not run.error
    till.wait(timedelta(days=30))  # out of the window, both here and there
    assert kinds(till) == [] and not mails("payment_mismatches")


def test_a_transfer_under_way_is_not_a_difference(till):
    payment = till.start(till.invoice())
    till.pay(payment)
    till.standin.chaos("drop_after", *["500_before"] * 20, only={"path": "/v1/transfers"})
    till.deliver()
    till.standin.chaos()
    assert again(payment).state == "received"
    assert kinds(till) == []
    till.wait(timedelta(hours=2))
    assert kinds(till) == ["transfer_unknown"]
    till.sweep()
    assert kinds(till) == []


def test_what_moves_during_the_comparison_is_not_a_difference(till, monkeypatch):
    payment = till.start(till.invoice())
    till.pay(payment)
    till.wait(timedelta(hours=2))
    real = reconciliation.read

    def read(since):
        books = real(since)
        if again(payment).state == "started":
            till.deliver()  # the webhook comes just after Stripe's books were read
        return books

    monkeypatch.setattr(reconciliation, "read", read)
    assert kinds(till) == []


# --- Each kind -------------------------------------------------------------------------------------------------------
def paid_then(till, act) -> list[str]:
    payment = till.paid()
    till.wait(timedelta(hours=3))
    act(payment)
    return kinds(till)


def test_a_charge_that_is_not_ours(till):
    till.standin.control("foreign_charge", amount=5_000)
    run = compare(till)
    (row,) = run.mismatches.all()
    assert (row.kind, row.payment, row.theirs) == ("charge_unknown", None, "5000")
    assert reconciliation.words(row.kind).startswith("Un encaissement")
    assert [mail.to for mail in mails("payment_mismatches")] == [till.cast.administrator]


def test_a_charge_that_is_gone(till):
    assert paid_then(till, lambda p: till.standin.control("remove", id=p.charge_id)) == ["charge_missing"]


def test_a_charge_that_failed_after_all(till):
    act = lambda p: till.standin.control("alter", id=p.charge_id, set={"status": "failed"})  # noqa: E731
    assert paid_then(till, act) == ["charge_failed"]


def test_another_amount_was_charged(till):
    act = lambda p: till.standin.control("alter", id=p.charge_id, set={"amount": p.amount_cents - 1})  # noqa: E731
    assert paid_then(till, act) == ["charge_amount"]


def test_another_currency_was_charged(till):
    act = lambda p: till.standin.control("alter", id=p.charge_id, set={"currency": "usd"})  # noqa: E731
    assert paid_then(till, act) == ["charge_currency"]


def test_a_transfer_that_is_not_ours(till):
    till.standin.control("fund", amount=10_000)
    account = PayoutAccount.objects.get().account_id
    till.standin.control("foreign_transfer", amount=4_000, destination=account)
    assert kinds(till) == ["transfer_unknown"]


def test_a_transfer_that_is_gone(till):
    assert paid_then(till, lambda p: till.standin.control("remove", id=p.transfer_id)) == ["transfer_missing"]


def test_another_amount_was_transferred(till):
    act = lambda p: till.standin.control("alter", id=p.transfer_id, set={"amount": 12_345})  # noqa: E731
    assert paid_then(till, act) == ["transfer_amount"]


def test_the_money_went_to_another_account(till):
    other = till.account(till.cast.rival).account_id
    act = lambda p: till.standin.control("alter", id=p.transfer_id, set={"destination": other})  # noqa: E731
    assert paid_then(till, act) == ["transfer_destination"]


def test_two_transfers_for_one_milestone(till, settings):
    settings.STRIPE_FEE_BASIS_POINTS = 5_000  # half stays on the charge: room for a second one

    def twice(payment):
        about = {"payment": str(payment.public_id), "milestone": str(payment.invoice.milestone.public_id)}
        till.standin.control(
            "foreign_transfer", amount=payment.amount_cents - payment.fee_cents, destination=payment.destination,
            source_transaction=payment.charge_id, transfer_group=payment.contract.number, metadata=about,
        )  # fmt: skip

    assert paid_then(till, twice) == ["transfer_twice", "transfer_unknown"]


def test_a_refund_made_by_hand(till):
    assert paid_then(till, lambda p: till.standin.control("refund", charge=p.charge_id)) == ["refund_unknown"]


def test_a_refund_that_failed(till):
    payment = till.paid()
    with till.now():
        reversal.request_reversal(payment, by=till.cast.officer, reason="Erreur.")
        reversal.reverse(payment, by=till.cast.second_officer)
    assert kinds(till) == []
    row = again(payment)
    till.standin.control("alter", id=row.refund_id, set={"status": "failed"})
    till.standin.control("alter", id=row.transfer_id, set={"amount_reversed": 1, "reversed": False})
    assert kinds(till) == ["refund_missing", "reversal_missing"]
    till.standin.control("remove", id=row.refund_id)
    assert "refund_missing" in kinds(till)


def test_a_transfer_taken_back_by_hand(till):
    assert paid_then(till, lambda p: till.standin.control("reverse", transfer=p.transfer_id)) == ["reversal_unknown"]


def test_a_dispute_that_we_were_not_told_of(till):
    payment = till.paid()
    dispute = till.standin.control("open_dispute", charge=payment.charge_id)
    assert kinds(till) == ["dispute_unknown"]
    till.deliver()
    assert kinds(till) == []
    till.standin.control("close_dispute", dispute=dispute["id"], won=False)
    assert kinds(till) == ["dispute_unknown"]


def test_received_and_not_sent_for_a_day(till):
    payment = till.start(till.invoice())
    till.standin.control("restrict_account", account=payment.destination)
    till.pay(payment)
    till.deliver()
    till.wait(timedelta(hours=23))
    assert kinds(till) == []
    till.wait(timedelta(hours=2))
    assert kinds(till) == ["not_transferred"]
    till.wait(timedelta(days=60))  # as long as it is not finished, whatever the window
    assert kinds(till) == ["not_transferred"]


def test_paid_at_stripe_and_still_open_here(till):
    payment = till.start(till.invoice())
    till.pay(payment)
    assert kinds(till) == []
    till.wait(timedelta(hours=2))
    assert kinds(till) == ["still_open"]
    till.sweep()
    assert kinds(till) == []


def test_paid_at_stripe_and_failed_here(till):
    payment = till.start(till.invoice())
    till.pay(payment)
    Payment.objects.filter(pk=payment.pk).update(state="failed")
    run = compare(till)
    (row,) = run.mismatches.all()
    assert (row.kind, row.payment_id, row.ours) == ("charge_unknown", payment.pk, "failed")


def test_an_account_that_changed_in_silence(till):
    payment = till.paid()
    till.standin.control("restrict_account", account=payment.destination)
    assert kinds(till) == ["account_differs"]
    till.deliver()
    assert kinds(till) == []


def test_every_kind_has_its_sentence():
    import ast
    import inspect

    used = {
        node.args[0].value
        for node in ast.walk(ast.parse(inspect.getsource(reconciliation)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
    }
    assert used == set(reconciliation.KINDS) and len(used) == 19


# --- Runs ------------------------------------------------------------------------------------------------------------
def test_a_stripe_that_does_not_answer_is_an_error_not_a_difference(till):
    till.paid()
    till.standin.chaos("ok", "500_before")
    run = compare(till)
    assert run.error and run.finished_at and not run.mismatches.exists() and not mails("payment_mismatches")


def test_many_pages_of_books(till):
    for amount in range(130):
        till.standin.control("foreign_charge", amount=5_000 + amount)
    run = compare(till)
    assert run.mismatches.count() == 130 == Mismatch.objects.count()


def test_the_command(till):
    out = StringIO()
    with till.now():
        call_command("reconcile", stdout=out)
        assert "0 écart(s)" in out.getvalue()
        till.standin.control("foreign_charge", amount=5_000)
        with pytest.raises(CommandError, match="écarts"):
            call_command("reconcile", stdout=out)
        assert "ne correspond à aucun" in out.getvalue()
        till.standin.chaos("500_before")
        with pytest.raises(CommandError, match="Stripe n’a pas répondu"):
            call_command("reconcile", stdout=out)


def test_the_command_without_a_key(till, settings):
    settings.STRIPE_SECRET_KEY = ""
    assert not stripe_gateway.enabled()
    with pytest.raises(CommandError, match="STRIPE_SECRET_KEY"):
        call_command("reconcile")
