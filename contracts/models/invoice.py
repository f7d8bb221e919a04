"""What is owed: tax registrations and invoices. Never changed once issued, except for the payment's instant."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contracts.enums import InvoiceKind
from contracts.models.contract import of_parties
from marketplace.accounts.person import Visitor
from marketplace.columns.shape import ShapedJSONField, held, listed


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """The parties' people and auditors. The public sees amounts and dates on the contract's page."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_auditor:
            return self
        return self.filter(of_parties(user, "contract"))

    def unpaid(self) -> Self:
        return self.filter(paid_at=None)

    def for_list(self) -> Self:
        return self.select_related(
            "contract__award__opportunity__body", "contract__award__proposal__vendor", "milestone"
        ).order_by("-pk")


class Invoice(models.Model):
    """A facture, in cents: total = before + tps + tvq. `before_cents` is what is owed now, the holdback taken off.

    It is received the instant it is issued: both parties are here. `due_on`: the last day to pay, 30 days after the
    later of receipt and acceptance (c. C-65.1, r. 8, s. 2). Interest bears no tax, and no interest.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(_("numéro"), max_length=24, unique=True, editable=False)
    contract = models.ForeignKey("Contract", on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(_("nature"), max_length=10, choices=InvoiceKind, default=InvoiceKind.MILESTONE)
    milestone = models.ForeignKey("Milestone", null=True, blank=True, on_delete=models.PROTECT, related_name="invoices")
    # Of interest: the invoice paid late.
    about = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="claims")
    issued_at = models.DateTimeField(_("émise le"))
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    accepted_on = models.DateField(_("travail accepté le"))
    due_on = models.DateField(_("à payer au plus tard le"))
    holdback_cents = models.PositiveBigIntegerField(_("retenue, avant taxes"), default=0)
    before_cents = models.PositiveBigIntegerField(_("montant avant taxes"))
    tps_cents = models.PositiveBigIntegerField(_("TPS"))
    tvq_cents = models.PositiveBigIntegerField(_("TVQ"))
    total_cents = models.PositiveBigIntegerField(_("montant à payer"))
    tps_number = models.CharField(max_length=20, blank=True)
    tvq_number = models.CharField(max_length=20, blank=True)
    reference = models.CharField(_("votre numéro de facture"), max_length=50, blank=True)
    # Names and addresses as they were: {"seller": {...}, "buyer": {...}, "lines": [{label, cents}]}.
    details = ShapedJSONField(fits=held({"seller": held(), "buyer": held(), "lines": listed(held())}))
    file = models.FileField(upload_to="factures")
    sha256 = models.CharField(max_length=64)
    paid_at = models.DateTimeField(_("payée le"), null=True, blank=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("facture")
        indexes = [models.Index(fields=["due_on"], condition=Q(paid_at=None), name="invoice_to_pay")]
        constraints = [
            models.UniqueConstraint(
                fields=["milestone"], condition=Q(kind="milestone"), name="invoice_one_per_milestone"
            ),
            models.UniqueConstraint(fields=["contract"], condition=Q(kind="holdback"), name="invoice_one_holdback"),
            models.UniqueConstraint(fields=["about"], condition=Q(kind="interest"), name="invoice_one_claim"),
            models.CheckConstraint(
                condition=Q(total_cents=F("before_cents") + F("tps_cents") + F("tvq_cents")),
                name="invoice_total_is_the_sum",
            ),
            models.CheckConstraint(condition=Q(total_cents__gt=0), name="invoice_total_positive"),
            models.CheckConstraint(
                condition=Q(kind="milestone", milestone__isnull=False, about=None)
                | Q(kind="holdback", milestone=None, about=None)
                | Q(kind="interest", milestone=None, about__isnull=False),
                name="invoice_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(tps_cents=0, tvq_cents=0) | (~Q(tps_number="") & ~Q(tvq_number="")),
                name="invoice_taxes_need_numbers",
            ),
            models.CheckConstraint(
                condition=~Q(kind="interest") | Q(tps_cents=0, tvq_cents=0), name="invoice_interest_without_tax"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("contracts:invoice", args=[self.number])

    @property
    def transfer_key(self) -> str:
        """What is paid once: the milestone; without one, the invoice. Stripe's idempotency keys begin with it."""
        return f"milestone-{self.milestone.public_id}" if self.milestone else f"invoice-{self.public_id}"
