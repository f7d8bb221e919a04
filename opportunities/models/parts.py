"""What hangs from an occasion: skills, criteria, addenda, attachments."""

import uuid
from collections.abc import Iterable
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Count, Q, Value, When
from django.utils.translation import gettext_lazy as _


class SkillQuerySet(models.QuerySet["Skill"]):
    def counted(self, *, first: Iterable["Skill"] = ()) -> Self:
        """Each with `number`, of the occasions by which it was found: these first, then the most asked for."""
        asked = Case(When(pk__in=[skill.pk for skill in first], then=Value(1)), default=Value(0))
        return self.annotate(number=Count("opportunities"), asked=asked).order_by("-asked", "-number", "folded")


class Skill(models.Model):
    """A skill, known by its folded name: « Accessibilité » and « accessibilite » are one."""

    name = models.CharField(_("nom de la compétence"), max_length=100)
    folded = models.CharField(_("forme cherchée, sans accents"), max_length=100, unique=True)

    objects = SkillQuerySet.as_manager()

    number: int  # read by SkillQuerySet.counted

    class Meta:
        verbose_name = _("compétence")
        ordering = ["folded"]

    def __str__(self) -> str:
        return self.name


class Criterion(models.Model):
    """One line of the evaluation grid. Weight in whole per cent; the weights of an occasion total 100."""

    opportunity = models.ForeignKey("Opportunity", on_delete=models.CASCADE, related_name="criteria")  # part of it
    position = models.PositiveSmallIntegerField(default=0)
    label = models.CharField(_("critère"), max_length=100)
    description = models.TextField(_("niveau de performance acceptable"), max_length=1_000, blank=True)
    weight = models.PositiveSmallIntegerField(_("poids (%)"), validators=[MinValueValidator(1), MaxValueValidator(100)])
    minimum = models.PositiveSmallIntegerField(
        _("note minimale"), null=True, blank=True, validators=[MaxValueValidator(100)]
    )

    # proposals/evaluation/board.py, `criteria_of`
    code: str
    floor: int | None

    class Meta:
        verbose_name = _("critère")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(weight__range=(1, 100)), name="criterion_weight_range"),
            models.CheckConstraint(condition=Q(minimum=None) | Q(minimum__lte=100), name="criterion_minimum_range"),
        ]

    def __str__(self) -> str:
        return self.label


class Addendum(models.Model):
    """Something added after publication; never edited, never removed."""

    opportunity = models.ForeignKey("Opportunity", on_delete=models.PROTECT, related_name="addenda")
    number = models.PositiveSmallIntegerField()
    text = models.TextField(_("texte de l’addenda"), max_length=5_000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    version = models.PositiveSmallIntegerField(default=1, editable=False)  # of the notice, that brought it

    moved_closing: bool  # opportunities/addenda/actions.py, of the one just added

    class Meta:
        verbose_name = _("addenda")
        verbose_name_plural = _("addendas")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["opportunity", "number"], name="addendum_number_unique")]

    def __str__(self) -> str:
        return f"Addenda {self.number}"


class Attachment(models.Model):
    """A file of the notice. Private until publication; served by a view that checks who asks."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    opportunity = models.ForeignKey("Opportunity", on_delete=models.CASCADE, related_name="attachments")  # part of it
    name = models.CharField(_("nom"), max_length=255)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to="occasions")
    scanned = models.BooleanField(default=False)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    version = models.PositiveSmallIntegerField(default=1, editable=False)  # of the notice, that brought it

    class Meta:
        verbose_name = _("pièce jointe")
        verbose_name_plural = _("pièces jointes")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name
