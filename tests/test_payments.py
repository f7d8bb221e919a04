"""Paying an invoice by Stripe: one transfer whatever happens, and none for a refused payment (peers.md, I1)."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import override

from contracts.models import Payment
from contracts.payments import actions as payment_actions
from contracts.payments import payout_account, reversal, settlement, stripe_gateway
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerPayload
from tests import contract_cast
from tests.cast import Cast
from tests.payment_cast import CANCEL, PAID_AT, SUCCESS, Till, again, mails, milestone_of, no_lock_held, use
from tests.test_races import only, together
from tools.stripe_standin.client import Standin
from vendors.models import Ineligibility

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def process():
    with Standin(validate=True) as running:
        yield running


@pytest.fixture
def till(cast, process, client, settings, django_capture_on_commit_callbacks):
    process.reset()
    use(settings, process)
    with no_lock_held() as asked:
        made = Till(cast, process, client, django_capture_on_commit_callbacks)
        yield made
        process.chaos()
        assert process.violations() == []
        assert len(process.requests()) >= len([1 for each in asked if each == 0]) > 0


def transfer_keys(till) -> list[str]:
    """The idempotency key of each try at sending money."""
    asked = [row for row in till.standin.requests() if (row["method"], row["path"]) == ("POST", "/v1/transfers")]
    return [row["key"] for row in asked]


# --- The paths -------------------------------------------------------------------------------------------------------
def test_a_card(till, settings):
    settings.STRIPE_FEE_BASIS_POINTS = 150
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    assert (payment.state, payment.amount_cents) == ("started", invoice.total_cents) == ("started", 27_594_00)
    assert payment.fee_cents == 413_91
    till.assert_not_paid(payment)
    till.pay(payment)
    till.deliver()
    till.assert_paid_once(payment)
    assert till.transfers()[0]["amount"] == 27_594_00 - 413_91
    about = till.transfers()[0]["metadata"]
    assert about == {
        "payment": str(payment.public_id), "invoice": invoice.number, "contract": invoice.contract.number,
        "milestone": str(invoice.milestone.public_id),
    }  # fmt: skip
    (key,) = {
        row["key"] for row in till.standin.requests() if row["path"] == "/v1/transfers" and row["method"] == "POST"
    }
    assert key == invoice.transfer_key == f"milestone-{invoice.milestone.public_id}"
    assert [row.to for row in mails("payment_paid")] == [till.cast.vendor_owner]
    assert [row.to for row in mails("payment_done")] == [till.cast.officer]


def test_a_debit_that_the_bank_pays(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment, "debit")
    till.deliver()
    till.assert_not_paid(payment)
    assert again(payment).state == "processing"
    till.standin.control("settle", session=payment.session_id, ok=True)
    till.deliver()
    till.assert_paid_once(payment)


def test_a_debit_that_the_bank_refuses(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment, "debit")
    till.deliver()
    till.standin.control("settle", session=payment.session_id, ok=False)
    till.deliver()
    till.assert_not_paid(payment)
    assert (again(payment).failure, again(payment).why) == ("bank_declined", "La banque a refusé le débit.")
    assert [row.to for row in mails("payment_failed")] == [till.cast.officer]
    second = till.start(invoice)  # the invoice can be paid by another attempt
    assert second.pk != payment.pk
    till.pay(second)
    till.deliver()
    till.assert_paid_once(second)


def test_a_refused_card_never_pays(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    for _time in range(3):
        till.pay(payment, "declined")
    till.deliver(times=2)
    till.sweep()
    till.assert_not_paid(payment)
    till.wait(timedelta(hours=25))
    till.deliver()
    till.assert_not_paid(payment)
    assert again(payment).state == "failed"


def test_the_sweep_pays_without_any_webhook(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    till.sweep()
    till.assert_paid_once(payment)
    assert till.sweep() == 0


def test_an_invoice_without_milestone_is_paid(till):
    """The holdback: the key of its transfer is the invoice's own."""
    from contracts.invoices import actions as invoice_actions

    contract = contract_cast.active(till.cast, amounts=(64_000_00,), holdback=10)
    invoice = contract_cast.invoiced(till.cast, contract, 1)
    till.account()
    till.paid(invoice)
    with till.now():
        holdback = invoice_actions.release_holdback(contract, by=till.cast.vendor_owner)
    payment = till.paid(holdback)
    assert payment.state == "paid" and payment.invoice.paid_at is not None
    assert holdback.transfer_key == f"invoice-{holdback.public_id}"
    assert sum(each["amount"] for each in till.transfers()) == sum(
        contract.invoices.values_list("total_cents", flat=True)
    )


# --- Starting --------------------------------------------------------------------------------------------------------
def test_starting_again_gives_the_same_page(till):
    invoice = till.invoice()
    till.account()
    with till.now():
        first = payment_actions.start(invoice, by=till.cast.officer, success_url=SUCCESS, cancel_url=CANCEL)
        second = payment_actions.start(
            invoice, by=till.cast.second_officer, success_url="http://autre/", cancel_url=CANCEL
        )
    assert first == second and invoice.payments.count() == 1
    assert len(till.standin.state()["checkout.session"]) == 1


def test_an_expired_page_makes_room_for_another(till):
    invoice = till.invoice()
    till.account()
    old = till.start(invoice)
    till.wait(timedelta(hours=25))
    new = till.start(invoice)
    assert (again(old).state, again(new).state, new.pk == old.pk) == ("failed", "started", False)


def test_coming_back_after_paying_elsewhere(till):
    """The page was paid in another tab: starting again answers with the return page, and pays once."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    with till.now():
        url = payment_actions.start(invoice, by=till.cast.officer, success_url=SUCCESS, cancel_url=CANCEL)
    assert url == SUCCESS
    till.assert_paid_once(payment)


def test_a_page_is_abandoned_to_pay_otherwise(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    with till.now():
        with pytest.raises(IllegalMove):
            payment_actions.declare_outside(invoice, by=till.cast.officer, reference="VIR-1", paid_on=PAID_AT.date())
        payment_actions.abandon(payment, by=till.cast.officer)
        made = payment_actions.declare_outside(invoice, by=till.cast.officer, reference="VIR-1", paid_on=PAID_AT.date())
    assert again(payment).state == "failed" and made.state == "declared"
    assert till.standin.state()["checkout.session"][0]["status"] == "expired"


def test_a_page_paid_at_the_last_moment_is_not_abandoned(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    with till.now(), pytest.raises(IllegalMove):
        payment_actions.abandon(payment, by=till.cast.officer)
    till.assert_paid_once(payment)


@pytest.mark.parametrize("who", ["buyer", "vendor_owner", "outside_officer", "auditor", "administrator", "outsider"])
def test_only_officers_pay(till, who):
    invoice = till.invoice()
    till.account()
    with pytest.raises(PermissionDenied):
        till.start(invoice, by=getattr(till.cast, who))
    with till.now(), pytest.raises(PermissionDenied):
        payment_actions.declare_outside(
            invoice, by=getattr(till.cast, who), reference="VIR-1", paid_on=PAID_AT.date()
        )  # fmt: skip
    assert not Payment.objects.exists()


def test_whoever_accepted_the_work_does_not_pay_it(till):
    invoice = till.invoice()
    till.account()
    invoice.accepted_by = till.cast.officer
    invoice.save()
    with pytest.raises(PermissionDenied, match="une autre personne responsable"):
        till.start(invoice)
    till.start(invoice, by=till.cast.second_officer)


def test_an_ineligible_vendor_is_not_paid(till):
    """C13, at the payment: the contract's value decides, on the day of the payment."""
    invoice = till.invoice()
    till.account()
    row = Ineligibility.objects.create(
        vendor=till.cast.vendor, source="rena", since=PAID_AT.date(), recorded_by=till.cast.administrator, at=PAID_AT
    )
    with pytest.raises(ValidationError, match="n’est pas admissible"):
        till.start(invoice)
    with till.now(), pytest.raises(ValidationError, match="n’est pas admissible"):
        payment_actions.declare_outside(invoice, by=till.cast.officer, reference="VIR-1", paid_on=PAID_AT.date())
    assert not Payment.objects.exists()
    row.until = PAID_AT.date() - timedelta(days=1)
    row.since = row.until
    row.save()
    assert till.start(invoice).state == "started"


def test_without_an_account_there_is_nothing_to_pay_to(till):
    invoice = till.invoice()
    with pytest.raises(ValidationError, match="compte de versement"):
        till.start(invoice)
    till.account(complete=False)
    with pytest.raises(ValidationError, match="compte de versement"):
        till.start(invoice)


def test_a_paid_invoice_is_not_paid_again(till):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    with pytest.raises(IllegalMove):
        till.start(invoice)
    till.assert_paid_once(payment)


# --- What goes wrong on the way --------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["500_before", "429", "500_after", "drop_before", "drop_after", "500_kept_done"])
@pytest.mark.parametrize("where", ["/v1/checkout/sessions", "/v1/transfers"])
def test_one_fault_and_all_is_well_at_the_second_try(till, where, fault):
    invoice = till.invoice()
    till.account()
    till.standin.chaos(fault, only={"method": "POST", "path": where})
    if where == "/v1/transfers":
        payment = till.start(invoice)
    else:
        with pytest.raises(stripe_gateway.Unsure):
            till.start(invoice)
        if fault == "500_kept_done":  # this key will answer 500 for a day: the sweep gives the attempt up
            till.wait(timedelta(minutes=3))
            till.sweep(everything=False)
        payment = till.start(invoice)
    till.pay(payment)
    till.deliver()
    till.sweep()
    till.assert_paid_once(payment)
    assert set(transfer_keys(till)) == {invoice.transfer_key}


def test_a_slow_answer_is_a_lost_one(till, settings):
    use(settings, till.standin, timeout=(5.0, 0.3))
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    till.standin.chaos({"fault": "slow", "seconds": 1}, only={"method": "POST", "path": "/v1/transfers"})
    till.deliver()
    till.assert_paid_once(payment)  # by the next event: it looked at Stripe's books first
    assert [row["fault"] for row in till.standin.requests() if row["fault"] != "ok"] == ["slow"]


def test_the_keys_are_forgotten_after_a_day(till):
    """The transfer was made, its answer lost, and a day went by: it is found in the group, not made again."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    till.standin.chaos("drop_after", "500_before", "500_before", only={"path": "/v1/transfers"})
    till.deliver()
    till.standin.control("forget_keys")
    till.wait(timedelta(hours=25))
    till.standin.chaos()
    till.sweep()
    till.assert_paid_once(payment)


def test_a_kept_failure_takes_another_key_an_hour_later(till):
    """Stripe failed while it made the transfer, left nothing, and repeats its 500 under that key for a day."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    till.standin.chaos("500_kept", only={"method": "POST", "path": "/v1/transfers"})
    till.deliver()
    till.sweep()
    assert not till.transfers()
    till.wait(timedelta(minutes=61))
    till.sweep()
    till.sweep()
    till.assert_paid_once(payment)
    keys = transfer_keys(till)
    assert keys[-1] == f"{invoice.transfer_key}-2" and set(keys[:-1]) == {invoice.transfer_key}


def test_a_transfer_that_stripe_refuses_waits_for_the_vendor(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.standin.control("restrict_account", account=payment.destination)
    till.pay(payment)
    till.deliver(times=3)
    row = again(payment)
    assert row.state == "received" and "compte de versement du prestataire" in row.why and not till.transfers()
    assert invoice.__class__.objects.get(pk=invoice.pk).paid_at is None
    refusals = LedgerPayload.objects.filter(action=settlement.REFUSED)
    tried = refusals.count()
    till.sweep(everything=False)  # not asked again at once
    assert refusals.count() == tried
    assert [row.to for row in mails("payment_blocked")] == [till.cast.officer]
    assert [row.to for row in mails("payment_waits")] == [till.cast.vendor_owner]
    till.standin.control("complete_account", account=payment.destination)
    till.deliver()  # account.updated: what waited goes on
    till.assert_paid_once(payment)
    assert again(payment).failure == ""


def test_a_refusal_is_kept_as_a_code_and_told_in_the_readers_language():
    made = Payment(method="stripe", failure="balance_insufficient")
    assert made.why == "Le solde disponible chez Stripe ne suffit pas."
    with override("en"):
        assert made.why == "The available balance at Stripe is not enough."
        made.failure = "new_code"
        assert made.why == "Stripe refused the request (new_code)."
        made.failure, made.method = "Rien reçu.", "outside"
        assert made.why == "Rien reçu."


def test_another_amount_moves_nothing(till):
    """What Stripe shows is not what we asked for: nothing is believed."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    state = till.standin.state()
    till.standin.control("alter", id=state["charge"][0]["id"], set={"amount": 1_00})
    with till.now(), pytest.raises(payment_actions.Disagreement):
        payment_actions.advance(payment)
    till.deliver()
    till.assert_not_paid(payment)


def test_a_dead_process_left_no_page(till):
    """It died between the row and the session: two minutes later the row makes room."""
    invoice = till.invoice()
    till.account()
    till.standin.chaos("drop_after", only={"method": "POST", "path": "/v1/checkout"})
    with pytest.raises(stripe_gateway.Unsure):
        till.start(invoice)
    payment = Payment.objects.get()
    assert (payment.state, payment.session_id) == ("started", "")
    till.sweep(everything=False)
    assert again(payment).state == "started"
    till.wait(timedelta(minutes=3))
    till.sweep(everything=False)
    assert again(payment).state == "failed"


# --- By the body's own system ----------------------------------------------------------------------------------------
@pytest.fixture
def outside(cast):
    """An invoice declared as paid outside, without any Stripe."""
    contract = contract_cast.active(cast, amounts=(24_000_00, 40_000_00))
    invoice = contract_cast.invoiced(cast, contract, 1)
    with clock.set_to(PAID_AT):
        made = payment_actions.declare_outside(
            invoice, by=cast.officer, reference=" VIR-2026-17 ", paid_on=PAID_AT.date()
        )
    return made


@pytest.mark.parametrize("who", ["officer", "buyer", "vendor_member", "rival_owner", "auditor", "administrator"])
def test_only_the_winner_confirms_receipt(cast, outside, who):
    """I2."""
    with clock.set_to(PAID_AT), pytest.raises(PermissionDenied):
        payment_actions.confirm(outside, by=getattr(cast, who))
    assert again(outside).state == "declared" and milestone_of(outside.invoice).state == "invoiced"


def test_the_winner_confirms(cast, outside):
    later = PAID_AT + timedelta(days=2)
    with clock.set_to(later):
        payment_actions.confirm(outside, by=cast.vendor_owner)
    row = again(outside)
    assert (row.state, row.settled_at, row.reference) == ("paid", later, "VIR-2026-17")
    assert row.invoice.paid_at == later and row.invoice.milestone.state == "paid"
    with clock.set_to(later), pytest.raises(IllegalMove):
        payment_actions.confirm(outside, by=cast.vendor_owner)
    assert len(mails("payment_declared")) == 1 and len(mails("payment_done")) == 1


def test_not_received_then_corrected(cast, outside):
    with clock.set_to(PAID_AT):
        payment_actions.contest(outside, by=cast.vendor_owner, reason="Rien sur le relevé.")
        assert {row.to for row in mails("payment_contested")} == {cast.officer, cast.second_officer}
        payment_actions.retract(outside, by=cast.officer, reason="Mauvais compte.")
        assert again(outside).state == "failed"
        second = payment_actions.declare_outside(
            outside.invoice, by=cast.officer, reference="VIR-2026-18", paid_on=PAID_AT.date()
        )  # fmt: skip
        payment_actions.contest(second, by=cast.vendor_owner, reason="Toujours rien.")
        payment_actions.confirm(second, by=cast.vendor_owner)  # it came a day later
    assert again(second).state == "paid"


@pytest.mark.parametrize(("days", "refused"), [(1, "à venir"), (-2, "précède la facture")])
def test_a_payment_outside_has_a_possible_date(cast, outside, days, refused):
    with clock.set_to(PAID_AT):
        payment_actions.retract(outside, by=cast.officer, reason="Erreur.")
        with pytest.raises(ValidationError, match=refused):
            payment_actions.declare_outside(
                outside.invoice, by=cast.officer, reference="A", paid_on=PAID_AT.date() + timedelta(days=days)
            )
        with pytest.raises(ValidationError, match="référence"):
            payment_actions.declare_outside(outside.invoice, by=cast.officer, reference="  ", paid_on=PAID_AT.date())


# --- Undoing ---------------------------------------------------------------------------------------------------------
def reverse(till, payment):
    with till.now():
        reversal.request_reversal(payment, by=till.cast.officer, reason="Payé en double par notre système.")
        reversal.reverse(payment, by=till.cast.second_officer)


def test_two_officers_undo_a_payment(till):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    with till.now():
        with pytest.raises(PermissionDenied):
            reversal.request_reversal(payment, by=till.cast.buyer, reason="Non.")
        with pytest.raises(ValidationError):
            reversal.reverse(payment, by=till.cast.second_officer)
        reversal.request_reversal(payment, by=till.cast.officer, reason="Payé en double.")
        with pytest.raises(PermissionDenied):
            reversal.reverse(payment, by=till.cast.officer)
        with pytest.raises(PermissionDenied):
            reversal.withdraw_reversal(payment, by=till.cast.second_officer)
        reversal.withdraw_reversal(payment, by=till.cast.officer)
        assert again(payment).state == "paid"
    reverse(till, payment)
    row = again(payment)
    assert row.state == "refunded" and row.refund_id and row.transfer_reversal_id
    assert row.invoice.paid_at is None and row.invoice.milestone.state == "invoiced"
    (transfer,), (charge,) = till.transfers(), till.standin.state()["charge"]
    assert transfer["reversed"] and charge["refunded"]
    assert [row.to for row in mails("payment_reversal_requested")] == [till.cast.second_officer] * 2
    second = till.paid(invoice)  # and paid anew: another transfer, under the milestone's next key
    assert second.state == "paid" and len(till.transfers()) == 2
    keys = transfer_keys(till)
    assert keys == [invoice.transfer_key, f"{invoice.transfer_key}-2"]


@pytest.mark.parametrize("fault", ["500_before", "500_after", "drop_after", "500_kept_done"])
@pytest.mark.parametrize("where", ["/v1/transfers", "/v1/refunds"])
def test_undoing_survives_a_fault(till, where, fault):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    till.standin.chaos(fault, only={"method": "POST", "path": where})
    reverse(till, payment)
    assert again(payment).state == "reversing"
    till.sweep()
    assert again(payment).state == "refunded"
    state = till.standin.state()
    assert [each["amount"] for each in state["refund"]] == [payment.amount_cents]
    assert [each["amount"] for each in state["transfer_reversal"]] == [payment.amount_cents]


def test_what_was_received_and_not_sent_is_given_back(till):
    """The vendor's account was closed: the transfer was tried, in vain; the body gets its money back."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.standin.control("restrict_account", account=payment.destination)
    till.pay(payment)
    till.deliver()
    reverse(till, again(payment))
    row = again(payment)
    assert (row.state, row.transfer_id, bool(row.refund_id)) == ("refunded", "", True)
    assert not till.transfers() and row.invoice.milestone.state == "invoiced"


def test_a_lost_transfer_is_found_before_the_refund(till):
    """Two officers decide while a worker waits for Stripe's answer: no money is sent after the refund."""
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    till.standin.chaos("drop_after", *["500_before"] * 20, only={"path": "/v1/transfers"})
    till.deliver()
    assert again(payment).state == "received" and len(till.transfers()) == 1
    till.standin.chaos()
    reverse(till, again(payment))
    assert again(payment).state == "refunded"
    assert [each["reversed"] for each in till.transfers()] == [True]


def test_a_spent_account_holds_the_reversal_back(till):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    till.standin.control("drain_account", account=payment.destination)
    reverse(till, payment)
    row = again(payment)
    assert row.state == "reversing" and "solde" in row.why and not till.standin.state().get("refund")
    till.standin.control("drain_account", account=payment.destination, drained=False)
    till.wait(timedelta(hours=2))
    till.sweep(everything=False)
    assert again(payment).state == "refunded"


def test_undoing_a_payment_outside_is_a_record(cast, outside):
    with clock.set_to(PAID_AT):
        payment_actions.confirm(outside, by=cast.vendor_owner)
        reversal.request_reversal(outside, by=cast.officer, reason="Chèque sans provision.")
        reversal.reverse(outside, by=cast.second_officer)
    row = again(outside)
    assert (row.state, row.refund_id, row.transfer_reversal_id) == ("refunded", "", "")
    assert row.invoice.paid_at is None and row.invoice.milestone.state == "invoiced"
    assert {each.to for each in mails("payment_reversed")} == {cast.vendor_owner, cast.officer, cast.second_officer}


# --- Disputes and accounts -------------------------------------------------------------------------------------------
def test_a_dispute_is_kept_up_to_date(till):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    dispute = till.standin.control("open_dispute", charge=payment.charge_id)
    till.deliver(times=2)
    row = again(payment)
    assert (row.dispute_id, row.dispute_status, row.state) == (dispute["id"], "needs_response", "paid")
    assert row.dispute_due_at is not None
    assert {each.to for each in mails("payment_disputed")} == {till.cast.officer, till.cast.second_officer}
    till.standin.control("close_dispute", dispute=dispute["id"], won=True)
    till.deliver(backwards=True)
    assert again(payment).dispute_status == "won" and len(mails("payment_disputed")) == 4


def test_an_account_is_opened_once(till):
    row = till.account(complete=False)
    assert not row.can_receive and (
        "external_account",
        "le compte bancaire où verser l’argent",
    ) in payout_account.missing(row)
    assert till.account().pk == row.pk
    assert len(till.standin.state()["account"]) == 1
    row.refresh_from_db()
    assert row.can_receive and payout_account.missing(row) == []
    with till.now(), pytest.raises(PermissionDenied):
        payout_account.open_account(till.cast.vendor, by=till.cast.vendor_member)


def test_no_event_nor_error_tells_anything_personal(till, caplog):
    caplog.set_level("DEBUG")
    invoice = till.invoice()
    till.account()
    till.paid(invoice)
    assert "exemple.invalid" not in caplog.text and "4242424242424242" not in caplog.text


# --- At once ---------------------------------------------------------------------------------------------------------
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once(transactional_db, process, client, settings):
    """Return page, webhooks and sweep together, on connections of their own; then eight reversals."""
    process.reset()
    use(settings, process)
    till = Till(Cast(), process, client, lambda execute: nullcontext())
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)

    def advance():
        return payment_actions.advance(again(payment))

    with clock.set_to(PAID_AT):
        only(together(*[advance] * 8), stripe_gateway.Unsure, stripe_gateway.Refused)
        till.sweep()
        till.assert_paid_once(payment)
        reversal.request_reversal(payment, by=till.cast.officer, reason="Payé en double.")

        def undo():
            return reversal.reverse(again(payment), by=till.cast.second_officer)

        only(together(*[undo] * 8), IllegalMove)
        only(together(*[advance] * 8), stripe_gateway.Unsure, stripe_gateway.Refused)
        till.sweep()
    assert again(payment).state == "refunded"
    assert [len(process.state()[kind]) for kind in ("transfer", "transfer_reversal", "refund")] == [1, 1, 1]
    assert process.violations() == []
