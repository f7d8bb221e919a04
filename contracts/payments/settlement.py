"""Money out: one transfer to the vendor for each payment received, or all of it back. Safe to repeat, and to kill.

No lock is held while Stripe is asked. Each step is: write that it begins (committed), ask Stripe under a key that names
the step, write what it answered. Whoever finds a step begun looks at Stripe's books before asking again, because keys
are forgotten after 24 hours. A key that Stripe refused for good is never used again: the next one ends in -2, -3…
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from contracts.models import Contract, Payment
from contracts.payments import emails, stripe_gateway
from contracts.payments.stripe_objects import Refund, Reversal, Transfer
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.ledger.entries import LedgerPayload
from marketplace.lifecycle import IllegalMove, known, locked

Made = TypeVar("Made")
log = logging.getLogger(__name__)
REST = timedelta(hours=1)  # between two tries of what Stripe refused for good
REFUSED = "payment.stripe_refused"


class Disagreement(Exception):
    """Stripe's books say something else than ours about one payment: nothing is moved, people must look."""


def fresh(payment: Payment) -> Payment:
    """The payment as the database has it now, with what the acts below need."""
    return Payment.objects.select_related("invoice__milestone", "invoice__contract").get(pk=payment.pk)


def metadata(payment: Payment) -> dict[str, str]:
    """What every object of this payment carries at Stripe: no name, no personal data."""
    invoice = payment.invoice
    names = {"payment": str(payment.public_id), "invoice": invoice.number, "contract": invoice.contract.number}
    if invoice.milestone:
        names["milestone"] = str(invoice.milestone.public_id)
    return names


# --- What Stripe refused for good ------------------------------------------------------------------------------------
def _refusals(payments: QuerySet[Payment]) -> QuerySet[LedgerPayload]:
    subjects = [f"payment:{public_id}" for public_id in payments.values_list("public_id", flat=True)]
    return LedgerPayload.objects.filter(action=REFUSED, subject__in=subjects)


def tries(payment: Payment) -> int:
    """How many keys of this invoice's steps are used up, plus one: those of reversed payments, and refused ones."""
    siblings = payment.invoice.payments
    reversed_ones = siblings.exclude(pk=payment.pk).exclude(transfer_id="").count()
    return 1 + reversed_ones + _refusals(siblings.all()).count()


def keyed(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"


def resting(payment: Payment, *, at: datetime) -> bool:
    """Whether Stripe refused less than an hour ago: asking again every minute would change nothing."""
    mine = LedgerPayload.objects.filter(action=REFUSED, subject=payment.ledger_subject())
    return mine.filter(entry__at__gt=at - REST).exists()


def _note_refusal(payment: Payment, step: str, used: int, refusal: stripe_gateway.Refused) -> None:
    """Once for each key, whoever was told of it first; people are told at the first one of a payment."""
    with transaction.atomic():
        row = locked(payment)
        if tries(row) != used:
            return
        at = clock.now()
        first = not _refusals(Payment.objects.filter(pk=row.pk)).exists()
        row.failure = refusal.code[:300]
        row.save(update_fields=["failure"])
        ledger.record(REFUSED, row.ledger_subject(), by=None, at=at, step=step, code=refusal.code)
        if first:
            emails.blocked(row, step, at=at)


def _step(payment: Payment, step: str, base: str, begun: datetime | None, make: Callable[..., Made]) -> Made:
    """`make(key=…)` under this step's present key. A refusal is noted and raised again."""
    used = tries(payment)
    try:
        return make(key=keyed(base, used))
    except stripe_gateway.Refused as refusal:
        _note_refusal(payment, step, used, refusal)
        raise
    except stripe_gateway.Unsure as doubt:
        # The kept answer of a request that failed and left nothing: this key will never work.
        if doubt.replayed and begun and clock.now() - begun > REST:
            _note_refusal(payment, step, used, stripe_gateway.Refused("server_error"))
        raise


# --- To the vendor ---------------------------------------------------------------------------------------------------
def settle(payment: Payment) -> None:
    """Send what was received to the vendor, once; nothing in any other state. Unsure, Refused or Disagreement."""
    begun = Payment.objects.filter(pk=payment.pk, state="received", transfer_started_at=None)
    first = begun.update(transfer_started_at=clock.now())
    row = fresh(payment)
    if row.state == "received":
        _paid(row, _transfer(row, first=bool(first)).id)


def _transfer(payment: Payment, *, first: bool = False) -> Transfer:
    """The payment's only transfer: the one that an earlier try made, or a new one."""
    transfer = None if first else _made_before(payment)
    if transfer is None:
        about = metadata(payment)

        def make(*, key: str) -> Transfer:
            return stripe_gateway.create_transfer(
                amount_cents=payment.amount_cents - payment.fee_cents, destination=payment.destination,
                source=payment.charge_id, group=payment.contract.number, metadata=about, key=key,
            )  # fmt: skip

        transfer = _step(payment, "transfer", payment.invoice.transfer_key, payment.transfer_started_at, make)
    expected = (
        payment.amount_cents - payment.fee_cents,
        stripe_gateway.CURRENCY,
        payment.destination,
        str(payment.public_id),
    )
    if (transfer.amount_cents, transfer.currency, transfer.destination, transfer.metadata.get("payment")) != expected:
        raise Disagreement(f"transfer {transfer.id} of payment {payment.public_id}")
    return transfer


def _made_before(payment: Payment) -> Transfer | None:
    mine = str(payment.public_id)
    transfers = [
        each for each in stripe_gateway.transfers_of(payment.contract.number) if each.metadata.get("payment") == mine
    ]
    if len(transfers) > 1:
        raise Disagreement(f"{len(transfers)} transfers of payment {mine}")
    return transfers[0] if transfers else None


def _paid(payment: Payment, transfer: str) -> None:
    try:
        with transaction.atomic():
            payment.transfer(by=None, transfer=transfer)
            record_paid(payment, at=known(payment.settled_at))
    except IllegalMove:
        log.info("payment %s was recorded by another worker", payment.public_id)


def record_paid(payment: Payment, *, at: datetime) -> None:
    """Part of the act that makes a payment `paid`: the invoice and its milestone are paid, people are dispute."""
    invoice = payment.invoice
    invoice.paid_at = at
    invoice.save(update_fields=["paid_at"])
    if invoice.milestone:
        invoice.milestone.pay(by=None)
    _keep_total(invoice.contract)
    if payment.failure:
        payment.failure = ""
        payment.save(update_fields=["failure"])
    emails.paid(payment, at=at)


# --- Back to the body ------------------------------------------------------------------------------------------------
def undo(payment: Payment) -> None:
    """Finish a reversal that two officers decided: take the transfer back, refund the charge, in that order."""
    row = fresh(payment)
    if row.state != "reversing":
        return
    if row.transfer_started_at and not row.transfer_id:
        _finish_transfer(row)
    if row.transfer_id and not row.transfer_reversal_id:
        _keep(row, transfer_reversal_id=_reversal(row).id)
    if row.charge_id and not row.refund_id:
        _keep(row, refund_id=_refund(row).id)
    try:
        with transaction.atomic():
            row.refund(by=None, refund=row.refund_id, transfer_reversal=row.transfer_reversal_id)
            record_unpaid(row, at=clock.now())
    except IllegalMove:
        log.info("reversal of payment %s was recorded by another worker", row.public_id)


def _finish_transfer(payment: Payment) -> None:
    """A transfer was begun and its answer lost: find or make it, so that no late answer can send money afterwards."""
    try:
        _keep(payment, transfer_id=_transfer(payment).id)
    except stripe_gateway.Refused:
        log.info("payment %s was never transferred", payment.public_id)


def _keep(payment: Payment, **ids: str) -> None:
    Payment.objects.filter(pk=payment.pk).update(**ids)
    for name, value in ids.items():
        setattr(payment, name, value)


def _reversal(payment: Payment) -> Reversal:
    sent = stripe_gateway.transfer(payment.transfer_id)
    if sent.reversals:  # ours, or made by hand at Stripe: the reconciliation tells which
        if sent.reversed_cents != sent.amount_cents:
            raise Disagreement(f"transfer {sent.id} is reversed in part")
        return sent.reversals[0]

    def make(*, key: str) -> Reversal:
        return stripe_gateway.reverse_transfer(
            sent.id, amount_cents=sent.amount_cents, metadata=metadata(payment), key=key
        )

    return _step(payment, "transfer_reversal", f"reversal-{payment.public_id}", payment.transfer_started_at, make)


def _refund(payment: Payment) -> Refund:
    refunds = [each for each in stripe_gateway.refunds_of(payment.charge_id) if each.stands]
    if refunds:
        if sum(each.amount_cents for each in refunds) != payment.amount_cents:
            raise Disagreement(f"charge {payment.charge_id} is refunded in part")
        return refunds[0]

    def make(*, key: str) -> Refund:
        about = metadata(payment)
        return stripe_gateway.refund_charge(
            payment.charge_id, amount_cents=payment.amount_cents, metadata=about, key=key
        )

    return _step(payment, "refund", f"refund-{payment.public_id}", payment.created_at, make)


def record_unpaid(payment: Payment, *, at: datetime) -> None:
    """Part of the act that makes a payment `refunded`: the invoice is owed again, people are dispute."""
    invoice = payment.invoice
    if invoice.paid_at is not None:
        invoice.paid_at = None
        invoice.save(update_fields=["paid_at"])
        if invoice.milestone:
            invoice.milestone.unpay(by=None)
    _keep_total(invoice.contract)
    emails.reversed_payment(payment, at=at)


def _keep_total(contract: Contract) -> None:
    """A contract that ended keeps the total that was really paid, also when a payment is undone or made afterwards."""
    if contract.final_cents is not None:
        type(contract).objects.filter(pk=contract.pk).update(final_cents=contract.paid_before_taxes())


# --- The payer's bank ------------------------------------------------------------------------------------------------
def refresh_dispute(dispute_id: str) -> None:
    """Keep what Stripe says of a dispute; officers are told when it opens and each time it changes."""
    dispute = stripe_gateway.dispute(dispute_id)
    payment = Payment.objects.filter(charge_id=dispute.charge).exclude(charge_id="").first()
    if payment is None:
        log.warning("dispute %s is about a charge that is not ours", dispute_id)
        return
    with transaction.atomic():
        row = locked(payment)
        before = (row.dispute_id, row.dispute_status, row.dispute_due_at)
        if before == (dispute.id, dispute.status, dispute.due_at):
            return
        row.dispute_id, row.dispute_status, row.dispute_due_at = dispute.id, dispute.status, dispute.due_at
        row.save(update_fields=["dispute_id", "dispute_status", "dispute_due_at"])
        if before[:2] != (dispute.id, dispute.status):
            at = clock.now()
            ledger.record(
                "payment.dispute", row.ledger_subject(), by=None, at=at, dispute=dispute.id, status=dispute.status
            )
            emails.disputed(row, at=at)
