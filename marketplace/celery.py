"""Worker entry point and the periodic schedule."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

COVER_EVERY = 300  # seconds

app = Celery("marketplace")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Tasks keep the names under which messages may already wait in the queue, wherever their code moves.
app.conf.imports = [
    "marketplace.mail.outbox",
    "marketplace.mail.tasks",
    "marketplace.ledger.tasks",
    "marketplace.accounts.tasks",
    "proposals.opening.tasks",
    "contracts.payments.actions",
    "contracts.payments.webhooks",
    "contracts.payments.tasks",
    "contracts.reminders",
    "audit.cases.reminders",
    "audit.flags.tasks",
]


@setup_logging.connect
def _log_as_the_web_does(**_given: Any) -> None:
    """Worker and beat write what settings.LOGGING says, JSON in production; else Celery puts a format of its own."""
    logging.config.dictConfig(settings.LOGGING)


app.conf.beat_schedule = {
    "send what the outbox still holds": {"task": "marketplace.tasks.sweep_emails", "schedule": 60.0},
    "open what has closed": {"task": "proposals.tasks.open_due", "schedule": 15.0},
    "take up payments left half done": {"task": "contracts.tasks.sweep_payments", "schedule": 60.0},
    # At an hour, not every so many seconds: beat's own memory may be lost at each restart.
    "forget the sessions that ended": {"task": "marketplace.tasks.clear_sessions", "schedule": crontab("20", "4")},
    "sign the ledger": {"task": "marketplace.tasks.sign_ledger", "schedule": crontab("0", "0")},
    "blur the count of sealed entries": {"task": "marketplace.tasks.cover_ledger", "schedule": float(COVER_EVERY)},
    "remind people of what is due": {"task": "contracts.tasks_reminders.remind", "schedule": crontab("0", "7")},
    "remind people of what a monitoring awaits": {"task": "audit.reminders.remind", "schedule": crontab("10", "7")},
    "compute the signals": {"task": "audit.tasks.compute_flags", "schedule": crontab("30", "2")},
    "compare payments with Stripe's books": {"task": "contracts.tasks.reconcile", "schedule": crontab("40", "3")},
}
