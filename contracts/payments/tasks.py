"""Background work on payments. A task takes ids; each may run twice, or not at all: the sweep takes up the rest."""

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.db.models import Q

from contracts.enums import PaymentState
from contracts.models import Payment, StripeEvent
from contracts.payments import actions, reconciliation, settlement, stripe_gateway, webhooks
from marketplace.dates import clock

PATIENCE = timedelta(minutes=2)  # longer than any request to Stripe
YOUNG = timedelta(minutes=30)  # from then on, what waits for a person or a bank is asked for twice an hour


@shared_task(name="contracts.tasks.sweep_payments")
def sweep_payments(**kwargs: Any) -> None:
    """Each minute: whatever a lost task, a lost webhook or a dead process left half done."""
    if stripe_gateway.enabled():
        sweep(at=clock.now())


def sweep(*, at: datetime, everything: bool = False) -> int:
    """How many things were taken up. `everything`: without waiting for anybody's turn."""
    left = StripeEvent.objects.filter(handled_at=None, attempts__lt=webhooks.MAX_ATTEMPTS)
    if not everything:
        left = left.filter(received_at__lt=at - timedelta(minutes=1))
    events = list(left.order_by("received_at", "pk").values_list("pk", flat=True)[:200])
    for pk in events:
        webhooks.handle(pk)
    old = at if everything else at - PATIENCE
    waiting = Q(state__in=[PaymentState.STARTED, PaymentState.PROCESSING], created_at__lte=old)
    ours = Q(state__in=[PaymentState.RECEIVED, PaymentState.REVERSING])
    rows = list(Payment.objects.filter(waiting | ours, method="stripe").order_by("pk"))
    for payment in rows:
        asked_of_us = payment.state in {PaymentState.RECEIVED, PaymentState.REVERSING}
        if payment.state == PaymentState.STARTED and not payment.session_id:
            actions.give_up_without_page(payment)
        elif everything or (not settlement.resting(payment, at=at) if asked_of_us else _its_turn(payment, at=at)):
            actions.advance_or_wait(payment)
    return len(events) + len(rows)


def _its_turn(payment: Payment, *, at: datetime) -> bool:
    return payment.created_at > at - YOUNG or payment.pk % 30 == at.minute % 30


@shared_task(name="contracts.tasks.reconcile")
def reconcile(**kwargs: Any) -> None:
    """Each night: our payments against Stripe's books."""
    if stripe_gateway.enabled():
        reconciliation.run(at=clock.now())
