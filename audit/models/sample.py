"""Samples of awards to audit: drawn by a rule that anyone can run again."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.enums import Checked, Sampling
from marketplace.columns.shape import ShapedJSONField, anything, listed

NOTE_MAX = 2_000


class SamplingPlanQuerySet(models.QuerySet):
    def visible_to(self, user, *, at=None):
        """Auditors."""
        entitled = user.is_authenticated and user.is_active and user.is_auditor
        return self if entitled else self.none()


class SamplingPlan(models.Model):
    """Which awards were retained, among which, and how. Never changed: another plan is another row.

    `population`: [number, cents before taxes, standing signals] of each award that answered the criteria, as they
    were then, in order of number; `picks`: the numbers retained, in order of rank (audit/samples/actions.py).
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
    population = ShapedJSONField(fits=listed(listed(anything)))
    picks = ShapedJSONField(fits=listed(anything))
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


class PlanCheck(models.Model):
    """What an auditor noted of one award of a sample: once, and never changed."""

    plan = models.ForeignKey(SamplingPlan, on_delete=models.PROTECT, related_name="checks")
    opportunity = models.ForeignKey("opportunities.Opportunity", on_delete=models.PROTECT, related_name="+")
    result = models.CharField(_("constat"), max_length=15, choices=Checked.choices)
    note = models.TextField(_("note"), max_length=NOTE_MAX)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("examinée le"))

    class Meta:
        verbose_name = _("examen d’une attribution retenue")
        verbose_name_plural = _("examens des attributions retenues")
        constraints = [
            models.UniqueConstraint(fields=["plan", "opportunity"], name="sample_checked_once"),
            models.CheckConstraint(condition=~Q(note=""), name="sample_check_has_note"),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.opportunity_id}"
