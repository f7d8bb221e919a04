"""Each morning, by e-mail: what a monitoring awaits of a body, soon or late. Each event once for each person.

As contracts/reminders.py: the state is read when the task runs, and a day without it loses nothing.
"""

from datetime import timedelta

from celery import shared_task
from django.db import transaction

from audit.cases import emails
from audit.models import Monitoring
from contracts.models import Reminder
from marketplace import guard
from marketplace.dates import clock
from marketplace.dates.localtime import local

DAYS = 3  # before the last day


@shared_task(name="audit.reminders.remind")
def remind(**kwargs) -> None:
    """To the officers who may answer, and to the auditors of the case."""
    at = clock.now()
    today = local(at).date()
    soon = Monitoring.objects.awaiting_body().filter(due_on__lte=today + timedelta(days=DAYS))
    for monitoring in soon.select_related("opportunity__body").order_by("pk"):
        with guard.one("reminder of monitoring", monitoring.number):
            late = monitoring.due_on < today
            kind, template = ("late", "emails/monitoring_late.txt") if late else ("due", "emails/monitoring_due.txt")
            event = f"monitoring-{kind}:{monitoring.number}:{monitoring.due_on}"
            for person in dict.fromkeys(emails.officers(monitoring) + emails.auditors(monitoring)):
                _once(event, person, template, monitoring, at=at)


def _once(event: str, person, template: str, monitoring, *, at) -> None:
    with guard.one("reminder to person", person.pk), transaction.atomic():
        _row, new = Reminder.objects.get_or_create(event=event, to=person, defaults={"at": at})
        if new:
            emails.tell([person], template, monitoring, at=at)
