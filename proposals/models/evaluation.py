"""The notes given to an admissible proposal."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from opportunities.models import Criterion


class Score(models.Model):
    """One criterion's score of one proposal: 0 to 100, two decimals."""

    proposal = models.ForeignKey("proposals.Proposal", on_delete=models.PROTECT, related_name="scores")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="scores")
    value = models.DecimalField(
        _("note"), max_digits=5, decimal_places=2, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )
    comment = models.TextField(_("commentaire"), max_length=2_000, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("note")
        constraints = [
            models.UniqueConstraint(fields=["proposal", "criterion"], name="score_once"),
            models.CheckConstraint(condition=Q(value__gte=0, value__lte=100), name="score_range"),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.value}"
