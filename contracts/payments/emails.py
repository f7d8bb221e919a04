"""One function per message about a payment. They only queue rows: safe inside the act's transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from contracts.emails import body_people, tell, vendor_people
from contracts.models import Payment, Reconciliation
from marketplace import guard
from marketplace.mail import outbox
from marketplace.models import User


def _tell(persons: Iterable[User], template: str, payment: Payment, *, at: datetime, **context: Any) -> None:
    context |= {"payment": payment, "invoice": payment.invoice}
    tell(dict.fromkeys(persons), template, payment.contract, at=at, **context)


def paid(payment: Payment, *, at: datetime) -> None:
    """To the vendor, and to whoever paid."""
    _tell(vendor_people(payment.contract), "emails/payment_paid.txt", payment, at=at)
    _tell([payment.by], "emails/payment_done.txt", payment, at=at)


def failed(payment: Payment, *, at: datetime) -> None:
    _tell([payment.by], "emails/payment_failed.txt", payment, at=at)


def blocked(payment: Payment, step: str, *, at: datetime) -> None:
    """Stripe refused to send or to give back: whoever paid is told, and the vendor when its account is the cause."""
    _tell([payment.by], "emails/payment_blocked.txt", payment, at=at, step=step)
    if step == "transfer":
        _tell(vendor_people(payment.contract), "emails/payment_waits.txt", payment, at=at)


def declared(payment: Payment, *, at: datetime) -> None:
    _tell(vendor_people(payment.contract), "emails/payment_declared.txt", payment, at=at)


def contested(payment: Payment, *, at: datetime) -> None:
    _tell(body_people(payment.contract, "officer"), "emails/payment_contested.txt", payment, at=at)


def retracted(payment: Payment, *, at: datetime) -> None:
    _tell(vendor_people(payment.contract), "emails/payment_retracted.txt", payment, at=at)


def reversal_requested(payment: Payment, *, at: datetime) -> None:
    others = body_people(payment.contract, "officer", but=[payment.reversal_requested_by])
    _tell(others, "emails/payment_reversal_requested.txt", payment, at=at)


def reversal_declined(payment: Payment, asker: User, officer: User, reason: str, *, at: datetime) -> None:
    """To whoever asked for it."""
    _tell([asker], "emails/payment_reversal_declined.txt", payment, at=at, officer=officer, reason=reason)


def reversed_payment(payment: Payment, *, at: datetime) -> None:
    both = vendor_people(payment.contract) + body_people(payment.contract, "officer")
    _tell(both, "emails/payment_reversed.txt", payment, at=at)


def disputed(payment: Payment, *, at: datetime) -> None:
    _tell(body_people(payment.contract, "officer"), "emails/payment_disputed.txt", payment, at=at)


def mismatches(run: Reconciliation, count: int, *, at: datetime) -> None:
    """To the administrators: what the nightly comparison found."""
    for person in User.objects.filter(is_staff=True, is_active=True).order_by("pk"):
        with guard.one("mismatches told to person", person.pk), transaction.atomic():
            outbox.queue("emails/payment_mismatches.txt", to=person, at=at, run=run, count=count)
