"""Which forms were sent, and where what they did is: digests, and neither a person nor a word that was typed."""

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

KEPT_FOR = timedelta(days=30)  # a tab left open; later, the same form is a new act


class SentForm(models.Model):
    """A form that did its act, written in the act's own transaction (marketplace/twice/once.py).

    key: of whom, of the page's address and of the form's own number, under the application's secret: whoever reads the
    table learns of nobody. content: of what was posted, under the same secret. address: where the act led.
    """

    key = models.CharField(max_length=64, primary_key=True)
    content = models.CharField(max_length=64)
    address = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("formulaire envoyé")

    def __str__(self) -> str:
        return self.key[:8]
