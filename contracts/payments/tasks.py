"""Background work on payments. A task takes ids; each may run twice, or not at all: the sweep takes up the rest."""

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.db.models import Q

from contracts.enums import PaymentState
from contracts.models import Payment
from contracts.payments import actions, reconciliation, settlement, stripe_gateway, webhooks
from marketplace import guard
from marketplace.dates import clock

PATIENCE = timedelta(minutes=2)  # longer than any request to Stripe
ROUND = 200  # events, at most, that one sweep takes
IN_A_ROW = 3  # events that Stripe did not answer to: it is Stripe that is away, and the others' turn is kept
YOUNG = timedelta(minutes=30)  # from then on, what waits for a person or a bank is asked for twice an hour


@shared_task(name="contracts.tasks.sweep_payments")
def sweep_payments(**kwargs: Any) -> None:
    """Each minute: whatever a lost task, a lost webhook or a dead process left half done."""
    if stripe_gateway.enabled():
        sweep(at=clock.now())


def sweep(*, at: datetime, everything: bool = False) -> int:
    """How many things were taken up. `everything`: without waiting for anybody's turn."""
    left = webhooks.waiting() if everything else webhooks.due(at=at)
    events = list(left.values_list("pk", flat=True)[:ROUND])
    silent = 0
    for pk in events:
        outcome = webhooks.Outcome.FAILED
        with guard.one("event", pk):
            outcome = webhooks.handle(pk)
        silent = silent + 1 if outcome is webhooks.Outcome.SILENT else 0
        if silent == IN_A_ROW and not everything:
            break
    old = at if everything else at - PATIENCE
    waiting = Q(state__in=[PaymentState.STARTED, PaymentState.PROCESSING], created_at__lte=old)
    ours = Q(state__in=[PaymentState.RECEIVED, PaymentState.REVERSING])
    rows = list(Payment.objects.filter(waiting | ours, method="stripe").order_by("pk"))
    for payment in rows:
        with guard.one("payment", payment.public_id):
            _take_up(payment, at=at, everything=everything)
    return len(events) + len(rows)


def _take_up(payment: Payment, *, at: datetime, everything: bool) -> None:
    asked_of_us = payment.state in {PaymentState.RECEIVED, PaymentState.REVERSING}
    if payment.state == PaymentState.STARTED and not payment.session_id:
        actions.give_up_without_page(payment)
    elif everything or (not settlement.resting(payment, at=at) if asked_of_us else _its_turn(payment, at=at)):
        actions.advance_or_wait(payment)


def _its_turn(payment: Payment, *, at: datetime) -> bool:
    return payment.created_at > at - YOUNG or payment.pk % 30 == at.minute % 30


@shared_task(name="contracts.tasks.reconcile")
def reconcile(**kwargs: Any) -> None:
    """Each night: our payments against Stripe's books."""
    if stripe_gateway.enabled():
        reconciliation.run(at=clock.now())
