"""Worker entry point and the periodic schedule."""

import logging.config
import os
from typing import Any

from celery import Celery, signals
from celery.schedules import crontab
from django.conf import settings

from marketplace.doors import start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

COVER_EVERY = 300  # seconds

app = Celery("marketplace")
app.config_from_object("django.conf:settings", namespace="CELERY")
signals.worker_init.connect(start.of_background, weak=False)
signals.beat_init.connect(start.of_background, weak=False)
# Tasks keep the names under which messages may already wait in the queue, wherever their code moves.
app.conf.imports = [
    "marketplace.mail.delivery",
    "marketplace.mail.tasks",
    "marketplace.ledger.tasks",
    "marketplace.accounts.tasks",
    "marketplace.files.tasks",
    "marketplace.service.tasks",
    "proposals.opening.tasks",
    "contracts.payments.actions",
    "contracts.payments.webhooks",
    "contracts.payments.tasks",
    "contracts.reminders",
    "audit.cases.reminders",
    "audit.flags.tasks",
]


@signals.setup_logging.connect
def _log_as_the_web_does(**_given: Any) -> None:
    """Worker and beat write what settings.LOGGING says, JSON in production; else Celery puts a format of its own."""
    logging.config.dictConfig(settings.LOGGING)


app.conf.beat_schedule = {
    "send what the outbox still holds": {
        "task": "marketplace.tasks.sweep_emails",
        "schedule": 60.0,
        "options": {"expires": 60},  # while the mail server is slow, sweeps do not pile up
    },
    "say that tasks run": {"task": "marketplace.tasks.heartbeat", "schedule": 60.0},
    # Through the other queues too: each may have a worker of its own.
    **{
        f"say that {name} tasks run": {
            "task": "marketplace.tasks.heartbeat",
            "schedule": 60.0,
            "kwargs": {"name": name},
            "options": {"queue": name},
        }
        for name in ("mail", "payments")
    },
    "open what has closed": {"task": "proposals.tasks.open_due", "schedule": 15.0},
    "take up payments left half done": {
        "task": "contracts.tasks.sweep_payments",
        "schedule": 60.0,
        "options": {"expires": 60},  # while Stripe is slow, sweeps do not pile up
    },
    # At an hour, not every so many seconds: beat's own memory may be lost at each restart.
    "forget the sessions that ended": {"task": "marketplace.tasks.clear_sessions", "schedule": crontab("20", "4")},
    "sign the ledger": {"task": "marketplace.tasks.sign_ledger", "schedule": crontab("0", "0")},
    "blur the count of sealed entries": {"task": "marketplace.tasks.cover_ledger", "schedule": float(COVER_EVERY)},
    "scan the files that wait": {
        "task": "marketplace.tasks.scan_files",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "scan the files of proposals that wait": {
        "task": "proposals.tasks.scan_files",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "sweep the stored files": {"task": "marketplace.tasks.sweep_files", "schedule": crontab("50", "4")},
    "remind people of what is due": {"task": "contracts.tasks_reminders.remind", "schedule": crontab("0", "7")},
    "remind people of what a monitoring awaits": {"task": "audit.reminders.remind", "schedule": crontab("10", "7")},
    "compute the signals": {"task": "audit.tasks.compute_flags", "schedule": crontab("30", "2")},
    "compare payments with Stripe's books": {"task": "contracts.tasks.reconcile", "schedule": crontab("40", "3")},
}
