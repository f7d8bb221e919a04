"""What Stripe tells us: kept under its unique id, then handled by asking Stripe. A hint, never a proof.

Order, repeats and losses cannot matter: handling an event only finds which of our objects it names, and brings that
object to what Stripe says of it now. https://docs.stripe.com/webhooks
"""

import logging
from typing import Any

from celery import shared_task
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from contracts.models import Payment, PayoutAccount, StripeEvent
from contracts.payments import actions, payout_account, settlement, stripe_gateway
from marketplace import later
from marketplace.dates import clock

log = logging.getLogger(__name__)
MOST = 256 * 1024  # bytes; Stripe's events are far smaller
MAX_ATTEMPTS = 50  # then the nightly comparison is what remains


@login_not_required
@csrf_exempt
@never_cache
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """`/stripe/evenements`: 200 once kept, also the fifth time; 400 for a signature that is not Stripe's."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST or len(request.body) > MOST:
        return HttpResponse(status=413)
    received = stripe_gateway.read_event(request.body, request.headers.get("Stripe-Signature", ""))
    if received is None:
        return HttpResponse(status=400)
    with transaction.atomic():
        event, is_new = StripeEvent.objects.get_or_create(
            event_id=received.id,
            defaults={
                "type": received.type,
                "account": received.account[:100],
                "payload": {"id": received.object_id} | received.about,
                "created_at": received.created,
                "received_at": clock.now(),
            },
        )
        if is_new:
            later.publish(handle_event, event.pk)
    return HttpResponse("ok\n", content_type="text/plain")


@shared_task(name="contracts.tasks.handle_event")
def handle_event(pk: int, **kwargs: Any) -> None:
    handle(pk)


def handle(pk: int) -> bool:
    """Bring what the event names to what Stripe says now; True when done. A failure is left for the sweep."""
    event = StripeEvent.objects.filter(pk=pk, handled_at=None).first()
    if event is None:
        return True
    try:
        _follow(event)
    except (stripe_gateway.Unsure, stripe_gateway.Refused, settlement.Disagreement) as error:
        return _failed(pk, f"{type(error).__name__}: {getattr(error, 'code', error)}")
    except Exception as error:  # one event that breaks must not keep the others waiting
        log.exception("event %s", event.event_id)
        return _failed(pk, type(error).__name__)
    StripeEvent.objects.filter(pk=pk).update(handled_at=clock.now(), last_error="")
    return True


def _failed(pk: int, why: str) -> bool:
    StripeEvent.objects.filter(pk=pk).update(attempts=F("attempts") + 1, last_error=why[:200])
    return False


def _follow(event: StripeEvent) -> None:
    """Unknown types and objects that are not ours are done with as they are."""
    kind = event.payload.get("object", "")
    if kind == "account":
        for account in PayoutAccount.objects.filter(account_id=event.payload["id"]):
            payout_account.refresh(account)
        return
    if kind == "dispute":
        settlement.refresh_dispute(event.payload["id"])
        return
    payment = _payment_of(event)
    if payment is not None:
        actions.advance(payment)


def _payment_of(event: StripeEvent) -> Payment | None:
    """By our own identifier, which every object of ours carries; else by the names that we know."""
    named = event.payload
    mine = named.get("metadata", {}).get("payment", "")
    if mine:
        try:
            return Payment.objects.filter(public_id=mine).first()
        except ValidationError:  # not one of our identifiers
            return None
    for name in ("charge", "payment_intent"):
        known = named.get(name) or (named["id"] if named.get("object") == name else "")
        if known:
            payment = Payment.objects.filter(**{f"{name}_id": known}).first()
            if payment is not None:
                return payment
    return None
