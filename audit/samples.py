"""Samples of awards to audit: drawn by a rule that anyone can run again."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.enums import Sampling


class SamplingPlanQuerySet(models.QuerySet):
    def visible_to(self, user, *, at=None):
        """Auditors."""
        entitled = user.is_authenticated and user.is_active and user.is_auditor
        return self if entitled else self.none()


class SamplingPlan(models.Model):
    """Which awards were retained, among which, and how. Never changed: another plan is another row.

    `population`: numbers of the occasions awarded in the period, sorted; `picks`: those retained, in the order drawn.
    At random: the smallest SHA-256(seed ‖ number) first; the seed is written before the population is looked at.
    """

    number = models.CharField(_("numéro"), max_length=20, unique=True)
    title = models.CharField(_("objet"), max_length=150)
    method = models.CharField(_("méthode"), max_length=10, choices=Sampling.choices)
    since = models.DateField(_("attribuées du"))
    until = models.DateField(_("au"))
    body = models.ForeignKey(
        "opportunities.PublicBody", verbose_name=_("organisme"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="+",
    )  # fmt: skip
    minimum_cents = models.PositiveBigIntegerField(_("montant minimal, avant taxes"), default=0)
    size = models.PositiveSmallIntegerField(_("taille"), validators=[MinValueValidator(1), MaxValueValidator(500)])
    seed = models.CharField(_("graine"), max_length=64)
    population = models.JSONField()
    picks = models.JSONField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("tiré le"))

    objects = SamplingPlanQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan d’échantillonnage")
        verbose_name_plural = _("plans d’échantillonnage")
        indexes = [models.Index(fields=["-at", "-id"], name="sample_recent")]

    def __str__(self) -> str:
        return self.number

    def ledger_subject(self) -> str:
        return f"sample:{self.number}"
