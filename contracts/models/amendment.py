"""What changes a contract or ends it: amendments, duties of publication, the performance evaluation."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from contracts import conditions, rules
from contracts.enums import AmendmentState, DutyKind
from contracts.models.contract import of_parties
from marketplace import lifecycle
from marketplace.accounts.person import User, Visitor
from marketplace.columns.shape import ShapedJSONField, held, listed
from marketplace.columns.state import StateField
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import moves
from marketplace.reasons import reason_given


class AmendmentQuerySet(models.QuerySet["Amendment"]):
    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """In force: whoever sees the contract. Pending, refused or withdrawn: the parties and auditors."""
        if not user.is_authenticated or not user.is_active:
            return self.filter(state=AmendmentState.IN_FORCE)
        if user.is_auditor:
            return self
        return self.filter(Q(state=AmendmentState.IN_FORCE) | of_parties(user, "contract"))


class DutyQuerySet(models.QuerySet["Duty"]):
    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """The body's people and auditors. The public reads on the contract's page what was published."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_auditor:
            return self
        return self.filter(contract__award__opportunity__body__in=user.body_memberships.values("body"))

    def to_do(self) -> Self:
        return self.filter(done_on=None)

    def for_list(self) -> Self:
        return self.select_related(
            "contract__award__opportunity__body", "contract__award__proposal__vendor", "amendment", "done_by"
        )


@lifecycle.register
class Amendment(lifecycle.Stateful, models.Model):
    """An avenant: reasoned, approved by a second person, accepted by the vendor, public once in force (LCOP, a. 17).

    `delta_cents`: what it adds to the contract's value, before taxes; negative when it takes off.
    `plan`: the milestones not delivered yet, as they will be: [{"id": public_id or null, "title", "description",
    "criteria": [text], "amount_cents", "due_date": "2026-12-01"}]. A planned milestone that is left out is removed.
    """

    contract = models.ForeignKey("Contract", on_delete=models.PROTECT, related_name="amendments")
    number = models.PositiveSmallIntegerField(_("numéro"))
    state = StateField(
        _("état"), default=AmendmentState.PROPOSED, choices=AmendmentState.choices, protected=True, editable=False
    )
    reason = models.TextField(_("motif de l’avenant"), max_length=2_000)
    delta_cents = models.BigIntegerField(_("variation, avant taxes"), default=0)
    end_date = models.DateField(_("nouvelle fin prévue"), null=True, blank=True)
    plan = ShapedJSONField(default=list, blank=True, fits=listed(held()))
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    in_force_at = models.DateTimeField(_("en vigueur le"), null=True, blank=True)
    state_reason = models.TextField(blank=True)

    objects = AmendmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("avenant")
        ordering = ["number"]
        constraints = [
            lifecycle.choices_constraint("amendment", AmendmentState.values),
            models.UniqueConstraint(fields=["contract", "number"], name="amendment_number_unique"),
            models.UniqueConstraint(
                fields=["contract"], condition=Q(state__in=["proposed", "approved"]), name="amendment_one_pending"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("proposed_by")), name="amendment_two_people"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "in_force"]) | Q(approved_by__isnull=False),
                name="amendment_approved_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="amendment_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.contract.number}-A{self.number}"

    def ledger_subject(self) -> str:
        return f"amendment:{self.contract.number}-A{self.number}"

    def concerns(self, user: User) -> bool:
        return rules.reads_all(self, user)

    def lock_parents(self) -> dict[str, models.Model]:
        return {"contract": lifecycle.locked(self.contract)}

    @property
    def text_sha256(self) -> str:
        """What both parties agree to: the SHA-256 of its content, written as the ledger writes."""
        content = {
            "contract": self.contract.number,
            "number": self.number,
            "reason": self.reason,
            "delta_cents": self.delta_cents,
            "end_date": self.end_date.isoformat() if self.end_date else None,
            "plan": self.plan,
        }
        return hashlib.sha256(ledger.canonical(content)).hexdigest()

    def about(self) -> dict[str, Any]:
        return {"delta_cents": self.delta_cents, "reason": self.reason, "text_sha256": self.text_sha256}

    @moves(
        AmendmentState.PROPOSED,
        to=AmendmentState.APPROVED,
        allowed=rules.can_approve,
        roles=["officer"],
        label=_("Approuver l’avenant"),
        conditions=[conditions.contract_active, conditions.amendment_possible, conditions.amendment_eligible],
        basis="LCOP, a. 17",
    )
    def approve(self, *, by: User | None, at: datetime, justified: Callable[[Self, datetime], dict[str, str]]) -> None:
        """`justified(amendment, at)`: what the ledger keeps of an attestation that nobody verified."""
        kept = justified(self, at)
        self.approved_by, self.approved_at = by, at
        self._ledger_extra = self.about() | kept

    @moves(
        AmendmentState.APPROVED,
        to=AmendmentState.IN_FORCE,
        allowed=rules.binds_vendor,
        roles=["vendor"],
        label=_("Accepter l’avenant"),
        conditions=[conditions.contract_active, conditions.amendment_possible, conditions.amendment_eligible],
    )
    def accept(self, *, by: User | None, at: datetime, apply: Callable[..., None], how: str) -> None:
        """`apply(amendment, by=, at=)` changes the milestones and the contract (contracts/amendments/actions.py).

        `how` the person was recognised again (accounts/reauthentication.py); not `method`, a name of django-fsm's.
        """
        self.accepted_by, self.in_force_at = by, at
        apply(self, by=by, at=at)
        self._ledger_extra = self.about() | {"value_cents": self.contract.value_cents, "method": how}

    @moves(
        [AmendmentState.PROPOSED, AmendmentState.APPROVED],
        to=AmendmentState.REFUSED,
        allowed=rules.can_answer_amendment,
        roles=["officer", "vendor"],
        label=_("Refuser l’avenant"),
        ledger_details=["reason"],
    )
    def refuse(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.state_reason = reason_given(reason)

    @moves(
        [AmendmentState.PROPOSED, AmendmentState.APPROVED],
        to=AmendmentState.WITHDRAWN,
        allowed=rules.can_withdraw_amendment,
        roles=["buyer", "officer"],
        label=_("Retirer l’avenant"),
    )
    def withdraw(self, *, by: User | None, at: datetime) -> None:
        """The body thinks better of it."""


class Duty(models.Model):
    """Something the body must publish at the SEAO, by when, and the proof that it did."""

    contract = models.ForeignKey("Contract", on_delete=models.PROTECT, related_name="duties")
    kind = models.CharField(_("publication"), max_length=7, choices=DutyKind)
    amendment = models.ForeignKey(Amendment, null=True, blank=True, on_delete=models.PROTECT, related_name="duties")
    due_on = models.DateField(_("à publier au plus tard le"))
    amount_cents = models.PositiveBigIntegerField(_("montant à publier, avant taxes"))
    done_on = models.DateField(_("publiée le"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    done_at = models.DateTimeField(null=True, blank=True)
    proof = models.CharField(_("numéro ou adresse de l’avis au SEAO"), max_length=300, blank=True)

    objects = DutyQuerySet.as_manager()

    class Meta:
        verbose_name = _("publication au SEAO")
        verbose_name_plural = _("publications au SEAO")
        ordering = ["due_on", "pk"]
        indexes = [models.Index(fields=["due_on"], condition=Q(done_on=None), name="duty_to_do")]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "kind"], condition=Q(amendment=None), name="duty_once_per_contract"
            ),
            models.UniqueConstraint(
                fields=["amendment"], condition=Q(amendment__isnull=False), name="duty_once_per_amendment"
            ),
            models.CheckConstraint(condition=Q(kind__in=DutyKind.values), name="duty_kind_known"),
            models.CheckConstraint(
                condition=Q(done_on=None) | (~Q(proof="") & Q(done_by__isnull=False)), name="duty_done_has_proof"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.contract.number}"


class Performance(models.Model):
    """The évaluation du rendement of an ended contract: 1 to 5, and the vendor's right to reply within 30 days.

    Between the parties and for auditors; never public.
    """

    contract = models.OneToOneField("Contract", on_delete=models.PROTECT, related_name="performance")
    quality = models.PositiveSmallIntegerField(
        _("qualité du travail"), validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    deadlines = models.PositiveSmallIntegerField(
        _("respect des échéances"), validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    communication = models.PositiveSmallIntegerField(
        _("communication"), validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    satisfactory = models.BooleanField(_("rendement satisfaisant"))
    comment = models.TextField(_("explication"), max_length=3_000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reply_until = models.DateField(_("réplique possible jusqu’au"))
    reply = models.TextField(_("réplique du prestataire"), max_length=3_000, blank=True)
    reply_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reply_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("évaluation du rendement")
        constraints = [
            models.CheckConstraint(
                condition=Q(quality__range=(1, 5), deadlines__range=(1, 5), communication__range=(1, 5)),
                name="performance_range",
            )
        ]

    def __str__(self) -> str:
        return f"{self.contract.number}"
