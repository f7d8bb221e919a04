"""What people were reminded of, so that a daily task tells each thing once."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Reminder(models.Model):
    """One person was reminded of one event. `event` names it with its date: a date that moves is a new event."""

    event = models.CharField(_("événement"), max_length=80)
    to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("écrit le"))

    class Meta:
        verbose_name = _("rappel")
        constraints = [models.UniqueConstraint(fields=["event", "to"], name="reminder_once")]

    def __str__(self) -> str:
        return self.event
