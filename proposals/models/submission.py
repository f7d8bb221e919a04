"""What the platform keeps of sealing and opening: keys, submissions, envelopes, the opening and what it opened."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.columns.shape import ShapedJSONField, held, listed, text
from marketplace.lifecycle import known

_RECEIPT = held({"number": text, "occasion": text, "proponent": text, "envelope_sha256": text})


class SealKey(models.Model):
    """An occasion's X25519 pair; the private half is wrapped by a key that does not live in the database."""

    opportunity = models.OneToOneField(
        "opportunities.Opportunity", primary_key=True, on_delete=models.PROTECT, related_name="seal_key"
    )
    public_key = models.BinaryField()
    wrapped_private_key = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.opportunity_id}"


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def in_order(self) -> Self:
        """The first one first. `withdrawn`: taken back since; a replaced one keeps its envelope until then."""
        kept = SealedEnvelope.objects.filter(submission=models.OuterRef("pk"))
        return self.annotate(withdrawn=~models.Exists(kept)).order_by("version")


class Submission(models.Model):
    """A dépôt: one sealed submission of a proposal, and its receipt. Append-only by trigger. Instants in UTC."""

    proposal = models.ForeignKey("Proposal", on_delete=models.PROTECT, related_name="submissions")
    version = models.PositiveIntegerField()
    # Random, not counted: a serial number would tell how many were deposited.
    receipt_number = models.CharField(max_length=20, unique=True)
    received_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    envelope_sha256 = models.CharField(max_length=64)
    previous_sha256 = models.CharField(max_length=64, blank=True)
    receipt = ShapedJSONField(fits=_RECEIPT)
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    terms = models.ForeignKey("marketplace.Terms", on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.UUIDField()
    withdrawn: bool  # only what `in_order` gives has it

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        verbose_name = _("dépôt")
        constraints = [
            models.UniqueConstraint(fields=["proposal", "version"], name="submission_version_unique"),
            models.UniqueConstraint(fields=["proposal", "idempotency_key"], name="submission_sent_once"),
            models.CheckConstraint(
                condition=Q(received_at__lt=models.F("closes_at")), name="submission_before_closing"
            ),
        ]

    def __str__(self) -> str:
        return self.receipt_number

    @property
    def about(self) -> str:
        """What is bound to every sealed part, so that nothing can be swapped."""
        return f"{self.receipt['occasion']}/{self.proposal.public_id}/{self.version}"


class SealedEnvelope(models.Model):
    """The sealed bytes themselves, apart from the submission so that a withdrawal can destroy them."""

    submission = models.OneToOneField(Submission, primary_key=True, on_delete=models.PROTECT, related_name="envelope")
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.submission_id}"


class Opening(models.Model):
    """The ouverture of an occasion: once, by constraint. Its minutes are public."""

    opportunity = models.OneToOneField(
        "opportunities.Opportunity",
        verbose_name=_("occasion"),
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="opening",
    )
    opened_at = models.DateTimeField(_("ouverte le"))
    closes_at = models.DateTimeField(_("date et heure limites de dépôt"))

    class Meta:
        verbose_name = _("ouverture")
        constraints = [
            models.CheckConstraint(condition=Q(opened_at__gte=models.F("closes_at")), name="opening_after_closing")
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id}"


class OpenedProposal(models.Model):
    """What the opening read of one proposal: the last complete submission. `data_key` opens its files."""

    proposal = models.OneToOneField("Proposal", primary_key=True, on_delete=models.PROTECT, related_name="opened")
    opening = models.ForeignKey(Opening, on_delete=models.PROTECT, related_name="proposals")
    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, related_name="opened")
    # False: « intégrité non constatée » - the envelope could not be opened; the proposal can only be rejected.
    readable = models.BooleanField()
    content = ShapedJSONField(default=dict, fits=held(files=listed(held())))
    price_cents = models.PositiveBigIntegerField(null=True)
    data_key = models.BinaryField(default=b"")

    def __str__(self) -> str:
        return f"{self.proposal_id}"

    @property
    def price(self) -> int:
        """`price_cents`, which every readable proposal has."""
        return known(self.price_cents)
