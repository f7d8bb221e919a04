"""Payments, the vendor's account at Stripe, what Stripe told us, and what the nightly comparison found."""

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contracts import conditions, rules
from contracts.enums import LIVE_PAYMENTS, DisputeStatus, PaymentMethod, PaymentState
from contracts.models import failures
from contracts.models.contract import Contract
from contracts.models.invoice import Invoice
from marketplace import lifecycle
from marketplace.columns.shape import ShapedJSONField, held, listed, text
from marketplace.columns.state import StateField
from marketplace.lifecycle import moves
from marketplace.models import User
from marketplace.reasons import reason_given


class PayoutAccount(models.Model):
    """A vendor's Express account at Stripe, as Stripe last described it."""

    vendor = models.OneToOneField("vendors.Vendor", on_delete=models.PROTECT, related_name="payout_account")
    account_id = models.CharField(max_length=100, unique=True)
    details_submitted = models.BooleanField(default=False)
    transfers_active = models.BooleanField(default=False)
    payouts_enabled = models.BooleanField(default=False)
    requirements = ShapedJSONField(default=list, blank=True, fits=listed(text))  # names of what Stripe still asks for
    disabled_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    refreshed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("compte de versement")

    def __str__(self) -> str:
        return self.account_id

    @property
    def can_receive(self) -> bool:
        return self.transfers_active


@lifecycle.register
class Payment(lifecycle.Stateful, models.Model):
    """One attempt at paying one invoice: at most one is alive, by constraint. Amounts in cents, taxes included.

    By Stripe the charge is the platform's, then exactly one Transfer sends `amount - fee` to the vendor. A step is
    written here before and after each call: a process that dies between the two is taken up by the sweep.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    method = models.CharField(_("moyen"), max_length=7, choices=PaymentMethod)
    state = StateField(_("état"), choices=PaymentState.choices, protected=True, editable=False)
    amount_cents = models.PositiveBigIntegerField(_("montant payé, taxes comprises"))
    fee_cents = models.PositiveBigIntegerField(_("frais de la plateforme"), default=0)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(_("commencé le"))
    settled_at = models.DateTimeField(_("payé le"), null=True, blank=True)
    # By Stripe a code (contracts/models/failures.py); outside, what somebody wrote. Pages show `why`.
    failure = models.CharField(_("motif de l’échec"), max_length=300, blank=True)

    # Stripe's names of the steps, empty until they are known.
    session_id = models.CharField(max_length=100, blank=True)
    payment_intent_id = models.CharField(max_length=100, blank=True)
    charge_id = models.CharField(max_length=100, blank=True)
    transfer_started_at = models.DateTimeField(null=True, blank=True)
    transfer_id = models.CharField(max_length=100, blank=True)
    destination = models.CharField(max_length=100, blank=True)
    refund_id = models.CharField(max_length=100, blank=True)
    transfer_reversal_id = models.CharField(max_length=100, blank=True)
    dispute_id = models.CharField(max_length=100, blank=True)
    dispute_status = models.CharField(max_length=40, blank=True)
    dispute_due_at = models.DateTimeField(null=True, blank=True)

    # Outside the platform.
    reference = models.CharField(_("référence du paiement"), max_length=100, blank=True)
    paid_on = models.DateField(_("date du paiement"), null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    reversal_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reversal_reason = models.TextField(blank=True)
    reversed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    acts: list[tuple[str, str]]  # [(label, address)] that the reader may do next: contracts/payments/history.py
    unverified: str  # why it was made although nobody had verified the attestation (the same)

    class Meta:
        verbose_name = _("paiement")
        indexes = [models.Index(fields=["state", "created_at"], name="payment_state")]
        constraints = [
            lifecycle.choices_constraint("payment", PaymentState.values),
            models.UniqueConstraint(fields=["invoice"], condition=Q(state__in=LIVE_PAYMENTS), name="payment_one_alive"),
            models.UniqueConstraint(
                fields=["transfer_id"], condition=~Q(transfer_id=""), name="payment_transfer_unique"
            ),
            models.UniqueConstraint(fields=["session_id"], condition=~Q(session_id=""), name="payment_session_unique"),
            models.CheckConstraint(condition=Q(amount_cents__gt=models.F("fee_cents")), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(method="stripe") | (~Q(reference="") & Q(paid_on__isnull=False)),
                name="payment_outside_has_reference",
            ),
            models.CheckConstraint(
                condition=~Q(method="stripe", state="paid") | ~Q(transfer_id=""), name="payment_paid_was_transferred"
            ),
            models.CheckConstraint(
                condition=~Q(method="outside", state="paid") | Q(answered_by__isnull=False),
                name="payment_outside_was_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(reversed_by=None) | ~Q(reversed_by=models.F("reversal_requested_by")),
                name="payment_reversal_two_people",
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def contract(self) -> Contract:
        return self.invoice.contract

    @property
    def dispute_label(self) -> str:
        """Where the bank's dispute stands, in words; Stripe's own word when it is one that we do not know."""
        return str(dict(DisputeStatus.choices).get(self.dispute_status, self.dispute_status))

    def get_state_display(self) -> str:  # type: ignore[no-redef]  # Django's own is what we put words in the place of
        """Its state in words; outside the platform, a declaration does not fail: the body takes it back."""
        if self.state == PaymentState.FAILED and self.method == PaymentMethod.OUTSIDE:
            return str(_("Retirée"))
        return str(PaymentState(self.state).label)

    @property
    def why(self) -> str:
        """Why it failed, or waits: a sentence in the reader's language, or the words of whoever wrote them."""
        return failures.sentence(self.failure) if self.method == PaymentMethod.STRIPE else self.failure

    def ledger_subject(self) -> str:
        return f"payment:{self.public_id}"

    def concerns(self, user: User) -> bool:
        return rules.reads_all(self, user)

    def lock_parents(self) -> dict[str, models.Model]:
        """The contract, then the invoice: two payments of one invoice wait for each other."""
        invoice = self.invoice
        lifecycle.locked(invoice.contract)
        return {"invoice": Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)}

    def about(self) -> dict[str, Any]:
        return {"contract": self.contract.number, "invoice": self.invoice.number, "amount_cents": self.amount_cents}

    # --- By Stripe: the system moves, after it asked Stripe (contracts/payments/actions.py) --------------------------
    @moves(
        PaymentState.STARTED,
        to=PaymentState.PROCESSING,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Constater un débit en traitement"),
    )
    def process(self, *, by: User | None, at: datetime, payment_intent: str) -> None:
        self.payment_intent_id = payment_intent
        self._ledger_extra = self.about()

    @moves(
        [PaymentState.STARTED, PaymentState.PROCESSING],
        to=PaymentState.RECEIVED,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Constater l’encaissement"),
    )
    def receive(self, *, by: User | None, at: datetime, payment_intent: str, charge: str) -> None:
        self.payment_intent_id, self.charge_id = payment_intent, charge
        self._ledger_extra = self.about() | {"charge": charge}

    @moves(
        PaymentState.RECEIVED,
        to=PaymentState.PAID,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Constater le versement"),
    )
    def transfer(self, *, by: User | None, at: datetime, transfer: str) -> None:
        self.transfer_id, self.settled_at = transfer, at
        self._ledger_extra = self.about() | {"transfer": transfer, "fee_cents": self.fee_cents}

    @moves(
        [PaymentState.STARTED, PaymentState.PROCESSING],
        to=PaymentState.FAILED,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Constater l’échec du paiement"),
        ledger_details=["failure"],
    )
    def fail(self, *, by: User | None, at: datetime, failure: str) -> None:
        self.failure = failure[:300]
        self._ledger_extra = self.about()

    # --- By the body's own system ------------------------------------------------------------------------------------
    @moves(
        [PaymentState.DECLARED, PaymentState.CONTESTED],
        to=PaymentState.PAID,
        allowed=rules.binds_vendor,
        roles=["vendor"],
        label=_("Confirmer la réception du paiement"),
    )
    def confirm(self, *, by: User | None, at: datetime) -> None:
        """Only the winner confirms receipt."""
        self.answered_by, self.answered_at, self.settled_at = by, at, at
        self._ledger_extra = self.about() | {"reference": self.reference}

    @moves(
        PaymentState.DECLARED,
        to=PaymentState.CONTESTED,
        allowed=rules.binds_vendor,
        roles=["vendor"],
        label=_("Signaler un paiement non reçu"),
        ledger_details=["reason"],
    )
    def contest(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.failure = reason_given(reason)[:300]
        self.answered_by, self.answered_at = by, at
        self._ledger_extra = self.about()

    @moves(
        [PaymentState.DECLARED, PaymentState.CONTESTED],
        to=PaymentState.FAILED,
        allowed=rules.is_officer,
        roles=["officer"],
        label=_("Retirer la déclaration de paiement"),
        ledger_details=["reason"],
    )
    def retract(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.failure = reason_given(reason)[:300]
        self._ledger_extra = self.about()

    # --- Undoing: two officers, then the system ----------------------------------------------------------------------
    @moves(
        [PaymentState.RECEIVED, PaymentState.PAID],
        to=PaymentState.REVERSING,
        allowed=rules.can_reverse,
        roles=["officer"],
        label=_("Annuler le paiement"),
        conditions=[conditions.payment_reversal_requested],
    )
    def reverse(self, *, by: User | None, at: datetime) -> None:
        self.reversed_by = by
        self._ledger_extra = self.about() | {"reason": self.reversal_reason}

    @moves(
        PaymentState.REVERSING,
        to=PaymentState.REFUNDED,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Constater le remboursement"),
    )
    def refund(self, *, by: User | None, at: datetime, refund: str = "", transfer_reversal: str = "") -> None:
        self.refund_id, self.transfer_reversal_id = refund, transfer_reversal
        self._ledger_extra = self.about() | {"refund": refund, "transfer_reversal": transfer_reversal}


class StripeEvent(models.Model):
    """What Stripe sent, kept under its unique id before anything is done with it. A hint, never a proof: the objects
    it names are asked for again."""

    event_id = models.CharField(max_length=100, unique=True)
    type = models.CharField(max_length=100)
    account = models.CharField(max_length=100, blank=True)
    payload = ShapedJSONField(fits=held())
    created_at = models.DateTimeField()
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)
    # Attempts that Stripe, or we, answered no to; one that Stripe did not answer counts for nothing.
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("événement de Stripe")
        verbose_name_plural = _("événements de Stripe")
        indexes = [models.Index(fields=["received_at"], condition=Q(handled_at=None), name="stripe_event_to_handle")]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class Reconciliation(models.Model):
    """One comparison of our payments with Stripe's books."""

    started_at = models.DateTimeField(_("commencé le"))
    since = models.DateTimeField(_("depuis"))
    finished_at = models.DateTimeField(_("terminé le"), null=True, blank=True)
    compared = models.PositiveIntegerField(_("objets comparés"), default=0)
    error = models.CharField(_("erreur"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("rapprochement")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d}"


class Mismatch(models.Model):
    """One discrepancy that a comparison found: what we hold, what Stripe holds."""

    run = models.ForeignKey(Reconciliation, on_delete=models.PROTECT, related_name="mismatches")
    kind = models.CharField(_("écart"), max_length=40)
    payment = models.ForeignKey(Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="mismatches")
    stripe_id = models.CharField(_("objet chez Stripe"), max_length=100, blank=True)
    ours = models.CharField(_("selon la plateforme"), max_length=200, blank=True)
    theirs = models.CharField(_("selon Stripe"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("écart")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.stripe_id}"
