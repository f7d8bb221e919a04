"""Worker entry point and the periodic schedule."""

import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

app = Celery("marketplace")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "send what the outbox still holds": {"task": "marketplace.tasks.sweep_emails", "schedule": 60.0},
    "open what has closed": {"task": "proposals.tasks.open_due", "schedule": 15.0},
    # At an hour, not every so many seconds: beat's own memory may be lost at each restart.
    "forget the sessions that ended": {"task": "marketplace.tasks.clear_sessions", "schedule": crontab("20", "4")},
}
