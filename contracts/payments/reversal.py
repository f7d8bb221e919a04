"""Undoing a payment takes two officers: one asks with a reason, the other confirms, or declines with a reason.

Once confirmed, the system does it. The request is no state of the payment: withdrawn or declined, it leaves no mark but
in the ledger.
"""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from contracts import rules
from contracts.enums import PaymentMethod, PaymentState
from contracts.models import Payment
from contracts.payments import actions, emails, settlement
from marketplace import later
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, known, locked
from marketplace.models import User
from marketplace.reasons import reason_given


def request_reversal(payment: Payment, *, by: User, reason: str) -> None:
    """First of the two officers."""
    with transaction.atomic():
        row = locked(payment)
        if not rules.is_officer(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.state not in {PaymentState.RECEIVED, PaymentState.PAID}:
            raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
        if row.reversal_requested_by_id is not None:
            raise IllegalMove(_("L’annulation est déjà demandée."))
        row.reversal_reason, row.reversal_requested_by = reason_given(reason), by
        row.save(update_fields=["reversal_reason", "reversal_requested_by"])
        at = clock.now()
        extra = row.about() | {"reason": row.reversal_reason}
        ledger.record("payment.request_reversal", row.ledger_subject(), by=by, at=at, **extra)
        emails.reversal_requested(row, at=at)
    payment.__dict__.update(row.__dict__)


def withdraw_reversal(payment: Payment, *, by: User) -> None:
    """Whoever asked takes the request back: the payment stands."""
    with transaction.atomic():
        row = _requested(payment)
        if row.reversal_requested_by_id != by.pk:
            raise PermissionDenied(_("Seule la personne qui a demandé l’annulation peut retirer sa demande."))
        _forget(row)
        ledger.record("payment.withdraw_reversal", row.ledger_subject(), by=by, at=clock.now(), **row.about())
    payment.__dict__.update(row.__dict__)


def decline_reversal(payment: Payment, *, by: User, reason: str) -> None:
    """Second officer, who does not agree: the payment stands, and whoever asked reads why."""
    with transaction.atomic():
        row = _requested(payment)
        if not rules.can_reverse(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        reason, asker, at = reason_given(reason), known(row.reversal_requested_by), clock.now()
        _forget(row)
        extra = row.about() | {"reason": reason}
        ledger.record("payment.decline_reversal", row.ledger_subject(), by=by, at=at, **extra)
        emails.reversal_declined(row, asker, by, reason, at=at)
    payment.__dict__.update(row.__dict__)


def _requested(payment: Payment) -> Payment:
    """The payment, locked, while its reversal awaits an answer; IllegalMove otherwise."""
    row = locked(payment)
    if row.reversal_requested_by_id is None or row.state not in {PaymentState.RECEIVED, PaymentState.PAID}:
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
    return row


def _forget(row: Payment) -> None:
    row.reversal_reason, row.reversal_requested_by = "", None
    row.save(update_fields=["reversal_reason", "reversal_requested_by"])


def reverse(payment: Payment, *, by: User) -> None:
    """Second officer. By Stripe, a task takes the transfer back, then refunds; otherwise it is a record only."""
    with transaction.atomic():
        payment.reverse(by=by)
        if payment.method == PaymentMethod.OUTSIDE:
            payment.refund(by=None)
            settlement.record_unpaid(payment, at=clock.now())
        else:
            later.publish(actions.settle_payment, payment.pk)
