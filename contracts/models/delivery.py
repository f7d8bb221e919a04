"""What the vendor delivered, and what the buyer answered."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contracts.models.contract import Contract
from marketplace.columns.shape import ShapedJSONField, held


class Delivery(models.Model):
    """A livraison of a milestone. Its text and files are for the parties and for auditors."""

    milestone = models.ForeignKey("Milestone", on_delete=models.PROTECT, related_name="deliveries")
    number = models.PositiveSmallIntegerField(_("numéro"))
    reference = models.CharField(_("référence du code (empreinte du commit ou version)"), max_length=200, blank=True)
    repository = models.URLField(_("dépôt de code"), max_length=500, blank=True)
    notes = models.TextField(_("notes de livraison"), max_length=5_000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # What the source archive holds, in short, as contracts/code/contents.py found it; None without an archive.
    contents = ShapedJSONField(null=True, blank=True, editable=False, fits=held())
    # None: awaits an answer.
    accepted = models.BooleanField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(_("motif du retour"), max_length=2_000, blank=True)
    cure_by = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("livraison")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["milestone", "number"], name="delivery_number_unique"),
            models.UniqueConstraint(fields=["milestone"], condition=Q(accepted=None), name="delivery_one_waiting"),
            models.CheckConstraint(
                condition=Q(accepted=None) | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="delivery_decided_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(accepted=False) | ~Q(reason=""), name="delivery_return_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.milestone}, {self.number}"

    @property
    def contract(self) -> Contract:
        return self.milestone.contract


class DeliveryFile(models.Model):
    """A file of a delivery. `is_archive`: the source code, from which the passport's identifier is computed."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(_("nom"), max_length=255)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to="livraisons")
    scanned = models.BooleanField(default=False)
    is_archive = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("fichier livré")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["delivery"], condition=Q(is_archive=True), name="delivery_one_archive")
        ]

    def __str__(self) -> str:
        return self.name


class CriterionCheck(models.Model):
    """The buyer's answer to one acceptance criterion of one delivery."""

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="checks")
    criterion = models.ForeignKey("MilestoneCriterion", on_delete=models.PROTECT, related_name="checks")
    met = models.BooleanField(_("respecté"))
    comment = models.CharField(_("commentaire"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("vérification d’un critère")
        ordering = ["criterion__position", "pk"]
        constraints = [models.UniqueConstraint(fields=["delivery", "criterion"], name="criterion_checked_once")]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.met}"
