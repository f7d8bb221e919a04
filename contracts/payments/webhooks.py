"""What Stripe tells us: kept under its unique id, then handled by asking Stripe. A hint, never a proof.

Order, repeats and losses cannot matter: handling an event only finds which of our objects it names, and brings that
object to what Stripe says of it now. https://docs.stripe.com/webhooks
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from celery import shared_task
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from contracts.models import Payment, PayoutAccount, StripeEvent
from contracts.payments import actions, payout_account, settlement, stripe_gateway
from marketplace import later
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.mail.delivery import INTERVALS, LIMIT

log = logging.getLogger(__name__)
MOST = 256 * 1024  # bytes; Stripe's events are far smaller
SILENT_FOR = timedelta(minutes=2)  # until Stripe, which did not answer, is asked again
ALONE = timedelta(minutes=1)  # an event that nobody handled by then was lost by the queue: the sweep takes it


class Outcome(Enum):
    """What became of one event. SILENT: Stripe answered nothing, about this one or about any."""

    DONE = "done"
    FAILED = "failed"
    SILENT = "silent"


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


def handle(pk: int) -> Outcome:
    """Bring what the event names to what Stripe says now. What is not done is left for the sweep, at growing intervals
    for 72 hours as a message of the outbox; a Stripe that does not answer is asked again for as long as it takes.
    """
    event = StripeEvent.objects.filter(pk=pk, handled_at=None, given_up_at=None).first()
    if event is None:
        return Outcome.DONE
    try:
        _follow(event)
    except stripe_gateway.Unsure as error:
        why = f"{type(error).__name__}: {error}"[:200]
        StripeEvent.objects.filter(pk=pk).update(next_at=clock.now() + SILENT_FOR, last_error=why)
        return Outcome.SILENT
    except (stripe_gateway.Refused, settlement.Disagreement) as error:
        _failed(event, f"{type(error).__name__}: {getattr(error, 'code', error)}")
        return Outcome.FAILED
    except Exception as error:  # one event that breaks must not keep the others waiting
        log.exception("event %s", event.event_id)
        _failed(event, type(error).__name__)
        return Outcome.FAILED
    StripeEvent.objects.filter(pk=pk).update(handled_at=clock.now(), next_at=None, last_error="")
    return Outcome.DONE


def _failed(event: StripeEvent, why: str) -> None:
    at = clock.now()
    since = event.failing_since or at
    known: dict[str, Any] = {"attempts": F("attempts") + 1, "failing_since": since, "last_error": why[:200]}
    if at >= since + LIMIT:
        known |= {"given_up_at": at, "next_at": None}
        log.error("event %s was given up: %s", event.event_id, why)
    else:
        interval = INTERVALS[min(event.attempts, len(INTERVALS) - 1)]
        known["next_at"] = min(at + interval, since + LIMIT)
    StripeEvent.objects.filter(pk=event.pk).update(**known)


def due(*, at: datetime) -> QuerySet[StripeEvent]:
    """What a sweep takes: whose next attempt has come, and what the queue lost."""
    return waiting().filter(Q(next_at__lte=at) | Q(next_at=None, received_at__lt=at - ALONE))


def waiting() -> QuerySet[StripeEvent]:
    """Not done with, and still tried. The one whose turn came first is first."""
    rows = StripeEvent.objects.filter(handled_at=None, given_up_at=None)
    return rows.order_by(F("next_at").asc(nulls_first=True), "received_at", "pk")


def given_up() -> QuerySet[StripeEvent]:
    """What nobody tries any more: it waits for a person."""
    return StripeEvent.objects.filter(handled_at=None).exclude(given_up_at=None).order_by("received_at", "pk")


def take_up(names: Sequence[str] = (), *, at: datetime) -> int:
    """Have what was given up tried at the next sweep, with 72 hours before it; how many. No name: all of it."""
    return _settle("payment.events_again", names, at=at, failing_since=None, given_up_at=None, next_at=at, attempts=0)


def close(names: Sequence[str], *, at: datetime) -> int:
    """Have nobody asked about these any more: somebody looked. Why they failed is kept."""
    return _settle("payment.events_close", names, at=at, handled_at=at)


def _settle(action: str, names: Sequence[str], *, at: datetime, **known: Any) -> int:
    with transaction.atomic():
        rows = given_up().filter(event_id__in=names) if names else given_up()
        count = rows.order_by().update(**known)
        if count:
            ledger.record(action, "payments", by=None, at=at, events=count, operator=True)
    return count


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
