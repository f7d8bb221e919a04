"""What the parties agree on: clauses, milestones with their acceptance criteria, signatures, signed documents."""

import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contracts import conditions, rules
from contracts.enums import DocumentKind, MilestoneState, Party, State
from marketplace import lifecycle
from marketplace.columns.state import StateField
from marketplace.lifecycle import moves
from marketplace.models import User
from marketplace.reasons import reason_given


class Clause(models.Model):
    """A clause of a body's contracts; without a body, one that every contract has. Contracts keep their own copy."""

    body = models.ForeignKey(
        "opportunities.PublicBody", null=True, blank=True, on_delete=models.PROTECT, related_name="clauses"
    )
    position = models.PositiveSmallIntegerField(_("ordre"), default=0)
    title = models.CharField(_("titre de la clause"), max_length=150)
    text = models.TextField(_("texte de la clause"), max_length=5_000)
    # Only in contracts where personal information is involved.
    personal_information = models.BooleanField(_("seulement avec des renseignements personnels"), default=False)
    retired_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("clause")
        ordering = ["body_id", "position", "pk"]

    def __str__(self) -> str:
        return self.title


class Signatory(models.Model):
    """A person named to sign for a body, up to a value before taxes (plan de délégation; LCOP, a. 8)."""

    body = models.ForeignKey(
        "opportunities.PublicBody",
        verbose_name=_("organisme public"),
        on_delete=models.PROTECT,
        related_name="signatories",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("personne"), on_delete=models.PROTECT, related_name="signing_rights"
    )
    title = models.CharField(_("fonction"), max_length=100)
    limit_cents = models.PositiveBigIntegerField(_("limite de signature, avant taxes"))
    named_at = models.DateTimeField(_("nommée le"))
    ended_at = models.DateTimeField(_("fin du mandat"), null=True, blank=True)

    class Meta:
        verbose_name = _("signataire")
        constraints = [
            models.UniqueConstraint(
                fields=["body", "user"],
                condition=Q(ended_at=None),
                name="signatory_once",
                violation_error_message=_("Cette personne est déjà signataire de l’organisme."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.title}"


class Signature(models.Model):
    """One party's signature of one text. `method`: how the person was recognised again at the act."""

    contract = models.ForeignKey("Contract", on_delete=models.PROTECT, related_name="signatures")
    party = models.CharField(_("partie"), max_length=6, choices=Party)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("nom de la personne"), max_length=100)
    title = models.CharField(_("fonction"), max_length=100)
    at = models.DateTimeField(_("signé le"))
    text_sha256 = models.CharField(_("empreinte du texte signé"), max_length=64)
    method = models.CharField(max_length=20)  # "password" or "password+totp"
    # The vendor renews its integrity declaration as it signs (LCOP, a. 21.2).
    integrity = models.BooleanField(_("déclaration d’intégrité"), default=False)
    void_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("signature")
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "party"], condition=Q(void_at=None), name="signature_one_per_party"
            ),
            models.CheckConstraint(condition=Q(party__in=Party.values), name="signature_party_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.title}"


class Document(models.Model):
    """A PDF that the parties signed or may sign, kept as it was. Append-only by trigger."""

    contract = models.ForeignKey("Contract", on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(_("nature"), max_length=10, choices=DocumentKind)
    amendment = models.ForeignKey(
        "Amendment", null=True, blank=True, on_delete=models.PROTECT, related_name="documents"
    )
    at = models.DateTimeField()
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    file = models.FileField(upload_to="contrats")

    class Meta:
        verbose_name = _("document contractuel")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.sha256[:12]}"


@lifecycle.register
class Milestone(lifecycle.Stateful, models.Model):
    """A jalon: what is delivered, by when, for how much (cents before taxes). Those of a contract total its value."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    contract = models.ForeignKey(
        "Contract", verbose_name=_("contrat"), on_delete=models.PROTECT, related_name="milestones"
    )
    position = models.PositiveSmallIntegerField(_("rang"))
    title = models.CharField(_("titre du jalon"), max_length=150)
    description = models.TextField(_("ce qui est livré"), max_length=3_000, blank=True)
    amount_cents = models.PositiveBigIntegerField(_("montant du jalon, avant taxes"))
    due_date = models.DateField(_("date prévue"))
    state = StateField(
        _("état"), default=MilestoneState.PLANNED, choices=MilestoneState.choices, protected=True, editable=False
    )
    delivered_at = models.DateTimeField(_("livré le"), null=True, editable=False)
    accepted_at = models.DateTimeField(_("accepté le"), null=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    paid_at = models.DateTimeField(_("payé le"), null=True, editable=False)
    # After a return: the day by which the vendor must deliver again.
    cure_by = models.DateField(_("à corriger d’ici le"), null=True, editable=False)

    class Meta:
        verbose_name = _("jalon")
        ordering = ["position", "pk"]
        indexes = [models.Index(fields=["state", "due_date"], name="milestone_state_due")]
        constraints = [
            lifecycle.choices_constraint("milestone", MilestoneState.values),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="milestone_amount_positive"),
            models.CheckConstraint(
                condition=Q(state__in=["planned", "delivered"])
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="milestone_accepted_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def ledger_subject(self) -> str:
        return f"milestone:{self.public_id}"

    def concerns(self, user: User) -> bool:
        return rules.reads_all(self, user)

    @property
    def is_lost(self) -> bool:
        """It will never be delivered: the contract was terminated before."""
        return self.state == MilestoneState.PLANNED and self.contract.state == State.TERMINATED

    @property
    def state_label(self) -> str:
        return str(_("Non réalisé")) if self.is_lost else self.get_state_display()

    def lock_parents(self) -> dict[str, models.Model]:
        return {"contract": lifecycle.locked(self.contract)}

    def about(self) -> dict[str, Any]:
        """What the ledger needs to place it."""
        return {"contract": self.contract.number, "milestone": self.position}

    @moves(
        MilestoneState.PLANNED,
        to=MilestoneState.DELIVERED,
        allowed=rules.binds_vendor,
        roles=["vendor"],
        label=_("Livrer"),
        conditions=[conditions.contract_active],
    )
    def deliver(self, *, by: User | None, at: datetime, write: Callable[..., Any]) -> None:
        """`write(milestone, by=, at=)` keeps the Delivery (contracts/deliveries/actions.py)."""
        delivery = write(self, by=by, at=at)
        self.delivered_at = at
        self.cure_by = None
        self._ledger_extra = self.about() | {"delivery": delivery.number, "reference": delivery.reference}

    @moves(
        MilestoneState.DELIVERED,
        to=MilestoneState.ACCEPTED,
        allowed=rules.is_buyer,
        roles=["buyer"],
        label=_("Accepter la livraison"),
        conditions=[conditions.contract_active],
    )
    def accept(self, *, by: User | None, at: datetime, decide: Callable[..., Any]) -> None:
        """`decide(milestone, by=, at=)` keeps each criterion's answer; all are met, or ValidationError."""
        decide(self, by=by, at=at)
        self.accepted_at, self.accepted_by = at, by
        self._ledger_extra = self.about()

    @moves(
        MilestoneState.DELIVERED,
        to=MilestoneState.PLANNED,
        allowed=rules.is_buyer,
        roles=["buyer"],
        label=_("Retourner la livraison"),
        conditions=[conditions.contract_active],
        ledger_details=["reason", "cure_by"],
    )
    def send_back(
        self, *, by: User | None, at: datetime, decide: Callable[..., Any], reason: str, cure_by: date
    ) -> None:
        """The vendor is told what is missing, and by when to deliver again (`cure_by`: a local date after today)."""
        reason = reason_given(reason)
        conditions.cure_day(self, cure_by, at)
        decide(self, by=by, at=at)
        self.cure_by = cure_by
        self.delivered_at = None
        self._ledger_extra = self.about()

    @moves(
        MilestoneState.ACCEPTED,
        to=MilestoneState.INVOICED,
        allowed=rules.binds_vendor,
        roles=["vendor"],
        label=_("Facturer"),
        conditions=[conditions.contract_concluded],
    )
    def invoice(self, *, by: User | None, at: datetime, write: Callable[..., Any]) -> None:
        """`write(milestone, by=, at=)` makes the Invoice (contracts/invoices/actions.py)."""
        invoice = write(self, by=by, at=at)
        self._ledger_extra = self.about() | {"invoice": invoice.number, "total_cents": invoice.total_cents}

    @moves(
        MilestoneState.INVOICED,
        to=MilestoneState.PAID,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Constater le paiement"),
        conditions=[conditions.invoice_paid],
    )
    def pay(self, *, by: User | None, at: datetime) -> None:
        """Part of contracts/payments/actions.py: the money reached the vendor, or the vendor confirmed it."""
        self.paid_at = at
        self._ledger_extra = self.about()

    @moves(
        MilestoneState.PAID,
        to=MilestoneState.INVOICED,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Constater l’annulation du paiement"),
        conditions=[conditions.invoice_unpaid],
    )
    def unpay(self, *, by: User | None, at: datetime) -> None:
        """Part of contracts/payments/actions.py: the payment was reversed."""
        self.paid_at = None
        self._ledger_extra = self.about()


class MilestoneCriterion(models.Model):
    """One acceptance criterion of a milestone, answered one by one at each delivery."""

    milestone = models.ForeignKey(Milestone, on_delete=models.CASCADE, related_name="criteria")  # part of it
    position = models.PositiveSmallIntegerField(default=0)
    text = models.CharField(_("critère d’acceptation"), max_length=500)

    class Meta:
        verbose_name = _("critère d’acceptation")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.text
