"""The heartbeats: rows that a periodic task writes each minute, one through each queue. The age of one tells whether
the scheduler and that queue's worker both live.

Kept in the database: what a process believes of itself says nothing of the others.
"""

import math
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

SCHEDULER = "scheduler"  # through the queue `celery`
MAIL, PAYMENTS = "mail", "payments"  # through the queue of that name
LATE = timedelta(minutes=5)  # four beats missed: more than a restart


class Heartbeat(models.Model):
    """When something that must run by itself last did; `at` in UTC, by the database's clock."""

    name = models.CharField(_("nom"), max_length=40, primary_key=True)
    at = models.DateTimeField(_("dernier signe de vie"))

    class Meta:
        verbose_name = _("signe de vie")
        verbose_name_plural = _("signes de vie")

    def __str__(self) -> str:
        return self.name


def beat(*, at: datetime, name: str = SCHEDULER) -> None:
    """Write that `name` runs. An older instant never replaces a newer one: a task may wait long in the queue."""
    if not Heartbeat.objects.filter(name=name, at__lte=at).update(at=at):
        Heartbeat.objects.get_or_create(name=name, defaults={"at": at})


def age(*, at: datetime, name: str = SCHEDULER) -> timedelta | None:
    """How long ago `name` last ran; None when it never did."""
    last = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    return at - last if last else None


def seconds(*, at: datetime, name: str = SCHEDULER) -> float:
    """The same in seconds, +Inf for never.

    Other queues than the first are told in whole minutes: a worker that has just sent somebody's message beats a moment
    later, and a moment must not tell of a deposit.
    """
    since = age(at=at, name=name)
    if since is None:
        return math.inf
    told = max(0.0, since.total_seconds())
    return told if name == SCHEDULER else told // 60 * 60


def late(*, at: datetime, name: str = SCHEDULER) -> bool:
    """It has not beaten for too long, or never."""
    return seconds(at=at, name=name) > LATE.total_seconds()
