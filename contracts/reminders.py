"""Each morning, by e-mail: what awaits an answer, what is due soon, what is late. Each event once for each person.

The state is read when the task runs, so that nobody is reminded of what was done since; a day without the task loses
nothing: the next one reminds of what still holds.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from celery import shared_task
from django.db import transaction
from django.db.models import Q

from contracts import emails as contract_emails
from contracts.deliveries.actions import ANSWER_BUSINESS_DAYS
from contracts.enums import CONCLUDED, PaymentState, State
from contracts.models import Contract, Delivery, Invoice, Milestone, Payment, Reminder
from marketplace import guard
from marketplace.dates import clock
from marketplace.dates.calendar import business_days_between
from marketplace.dates.localtime import local
from marketplace.models import User

MILESTONE_DAYS = 3  # before its planned date
INVOICE_DAYS = 5  # before the last day to pay
CONFIRM_BUSINESS_DAYS = (15, 5)  # after a payment was declared: told once at 5, then once at 15
# Somebody already paid: the money, or the vendor's answer, is on its way.
UNDER_WAY = [PaymentState.PROCESSING, PaymentState.RECEIVED, PaymentState.DECLARED]


@shared_task(name="contracts.tasks_reminders.remind")
def remind(**kwargs: Any) -> None:
    """`/a-faire/` says the same at any time; this is for who does not come."""
    at = clock.now()
    today = local(at).date()
    for kind in (_deliveries, _milestones, _invoices, _declared):
        with guard.one("reminders of", kind.__name__):
            kind(today, at=at)


def _once(
    event: str, persons: Iterable[User], template: str, contract: Contract, *, at: datetime, **context: Any
) -> None:
    """Write to those who were not told of this event yet."""
    for person in persons:
        with guard.one("reminder to person", person.pk), transaction.atomic():
            _row, new = Reminder.objects.get_or_create(event=event, to=person, defaults={"at": at})
            if new:
                contract_emails.tell([person], template, contract, at=at, **context)


def _deliveries(today: date, *, at: datetime) -> None:
    """Deliveries that wait for an answer since five business days: to the buyers."""
    rows = Delivery.objects.filter(
        accepted=None, milestone__state="delivered", milestone__contract__state=State.ACTIVE
    ).select_related("milestone__contract__award__opportunity__body", "milestone__contract__award__proposal__vendor")
    for delivery in rows.order_by("pk"):
        with guard.one("reminder of delivery", delivery.pk):
            if business_days_between(local(delivery.at).date(), today) >= ANSWER_BUSINESS_DAYS:
                contract, event = delivery.contract, f"delivery-waits:{delivery.pk}"
                buyers = contract_emails.body_people(contract, "buyer")
                _once(event, buyers, "emails/milestone_waiting.txt", contract, at=at, delivery=delivery)


def _milestones(today: date, *, at: datetime) -> None:
    """Milestones to deliver soon, late, or to correct by tomorrow: to those who commit the vendor."""
    soon = Q(cure_by=None, due_date__lte=today + timedelta(days=MILESTONE_DAYS))
    cure = Q(cure_by__lte=today + timedelta(days=1))
    rows = Milestone.objects.filter(soon | cure, state="planned", contract__state=State.ACTIVE).select_related(
        "contract__award__opportunity__body", "contract__award__proposal__vendor"
    )
    for milestone in rows.order_by("pk"):
        with guard.one("reminder of milestone", milestone.pk):
            day = milestone.cure_by or milestone.due_date
            if day < today:
                kind, template = "milestone-late", "emails/milestone_late.txt"
            elif milestone.cure_by:
                kind, template = "milestone-cure", "emails/milestone_cure.txt"
            else:
                kind, template = "milestone-due", "emails/milestone_due.txt"
            event = f"{kind}:{milestone.pk}:{day}"
            persons = contract_emails.vendor_people(milestone.contract)
            _once(event, persons, template, milestone.contract, at=at, milestone=milestone, day=day)


def _invoices(today: date, *, at: datetime) -> None:
    """Invoices to pay soon, or late: to the officers, who pay."""
    rows = (
        Invoice.objects.filter(
            paid_at=None, due_on__lte=today + timedelta(days=INVOICE_DAYS), contract__state__in=CONCLUDED
        )
        .exclude(payments__state__in=UNDER_WAY)
        .select_related("contract__award__opportunity__body", "contract__award__proposal__vendor")
    )
    for invoice in rows.order_by("pk"):
        with guard.one("reminder of invoice", invoice.pk):
            kind, template = "invoice-due", "emails/invoice_due.txt"
            if invoice.due_on < today:
                kind, template = "invoice-late", "emails/invoice_late.txt"
            officers = contract_emails.body_people(invoice.contract, "officer", but=[invoice.accepted_by])
            _once(f"{kind}:{invoice.pk}", officers, template, invoice.contract, at=at, invoice=invoice)


def _declared(today: date, *, at: datetime) -> None:
    """Payments declared by the body that wait for the vendor's answer: to those who commit the vendor."""
    rows = Payment.objects.filter(state=PaymentState.DECLARED, invoice__contract__state__in=CONCLUDED).select_related(
        "invoice__contract__award__opportunity__body", "invoice__contract__award__proposal__vendor"
    )
    for payment in rows.order_by("pk"):
        with guard.one("reminder of payment", payment.pk):
            waited = business_days_between(local(payment.created_at).date(), today)
            passed = next((days for days in CONFIRM_BUSINESS_DAYS if waited >= days), None)
            if passed:
                contract, about = payment.contract, {"payment": payment, "invoice": payment.invoice}
                event, persons = f"payment-declared-{passed}:{payment.pk}", contract_emails.vendor_people(contract)
                _once(event, persons, "emails/payment_unconfirmed.txt", contract, at=at, **about)
