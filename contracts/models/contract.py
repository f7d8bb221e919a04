"""After the award: the contract, its lifecycle, and who may see it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contracts import conditions, rules
from contracts.enums import CONCLUDED, State
from marketplace import lifecycle
from marketplace.accounts.person import User, Visitor
from marketplace.columns.shape import ShapedJSONField, held, listed
from marketplace.columns.state import StateField
from marketplace.lifecycle import moves
from marketplace.reasons import reason_given
from marketplace.search import index_text
from opportunities.enums import CodeLicence
from opportunities.models import Opportunity, PublicBody
from proposals.models import Award
from vendors.models import Vendor


def of_parties(user: User, contract: str) -> Q:
    """Rows of the contracts to which this person is a party; `contract`: the path to it."""
    vendor = Q(**{f"{contract}__award__proposal__vendor__in": user.vendor_memberships.values("vendor")})
    body = Q(**{f"{contract}__award__opportunity__body__in": user.body_memberships.values("body")})
    return vendor | body


class ContractQuerySet(models.QuerySet["Contract"]):
    def public(self) -> Self:
        """Concluded ones: both parties signed."""
        return self.filter(state__in=CONCLUDED)

    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """Concluded ones to everybody; the others to the parties and to auditors. Drafts only to the body."""
        if not user.is_authenticated or not user.is_active:
            return self.public()
        if user.is_auditor:
            return self
        vendor = Q(award__proposal__vendor__in=user.vendor_memberships.values("vendor")) & ~Q(state=State.DRAFT)
        body = Q(award__opportunity__body__in=user.body_memberships.values("body"))
        return self.filter(Q(state__in=CONCLUDED) | vendor | body)

    def of_body(self, user: User) -> Self:
        """Those of the bodies that the person works for."""
        return self.filter(award__opportunity__body__in=user.body_memberships.values("body"))

    def of_vendor(self, user: User) -> Self:
        """Those of the person's vendors, once they are offered."""
        return self.filter(award__proposal__vendor__in=user.vendor_memberships.values("vendor")).exclude(
            state=State.DRAFT
        )

    def for_list(self) -> Self:
        return self.select_related("award__opportunity__body", "award__proposal__vendor").order_by("-pk")


@lifecycle.register
class Contract(lifecycle.Stateful, models.Model):
    """What an award became. Its value is the winning price, by trigger; amendments alone change it, under the ceiling.

    Amounts in cents before taxes, instants in UTC. `amended_cents`: the sum of the amendments in force, signed.
    """

    number = models.CharField(_("numéro"), max_length=20, unique=True, editable=False)
    award = models.OneToOneField(
        Award, verbose_name=_("attribution"), on_delete=models.PROTECT, related_name="contract"
    )
    state = StateField(_("état"), default=State.DRAFT, choices=State.choices, protected=True, editable=False)
    amount_cents = models.PositiveBigIntegerField(_("montant initial, avant taxes"))
    amended_cents = models.BigIntegerField(_("avenants, avant taxes"), default=0)
    ceiling_cents = models.PositiveBigIntegerField(_("plafond, exclu"))
    licence = models.CharField(_("licence du code livré"), max_length=20, choices=CodeLicence)
    repository = models.URLField(_("dépôt de code"), max_length=500, blank=True)
    personal_information = models.BooleanField(_("renseignements personnels en cause"), default=False)
    holdback_percent = models.PositiveSmallIntegerField(
        _("retenue (%)"), default=0, validators=[MaxValueValidator(settings.HOLDBACK_MAX_PERCENT)]
    )
    start_date = models.DateField(_("début du travail"))
    end_date = models.DateField(_("fin prévue"))
    # The clauses as they were when the contract was offered: [{title, text}]. A clause edited later changes nothing.
    clauses = ShapedJSONField(default=list, editable=False, fits=listed(held()))
    text_sha256 = models.CharField(_("empreinte du texte offert"), max_length=64, blank=True, editable=False)
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    offered_at = models.DateTimeField(_("offert le"), null=True, editable=False)
    signed_at = models.DateTimeField(_("conclu le"), null=True, editable=False)
    ended_at = models.DateTimeField(_("terminé le"), null=True, editable=False)
    final_cents = models.PositiveBigIntegerField(_("total payé, avant taxes"), null=True, editable=False)
    # Why the last refusal, withdrawal or termination; public from the conclusion on.
    state_reason = models.TextField(_("motif"), blank=True, editable=False)
    no_code_reason = models.TextField(_("pourquoi aucun code n’est catalogué"), max_length=2_000, blank=True)
    # From the conclusion on: the words of the title and of both parties' names, as marketplace.search finds them.
    search_text = models.TextField(blank=True, editable=False)

    objects = ContractQuerySet.as_manager()

    class Meta:
        verbose_name = _("contrat")
        indexes = [
            models.Index(fields=["state", "-id"], name="contract_state"),
            models.Index(fields=["-signed_at", "-id"], condition=Q(state__in=CONCLUDED), name="contract_public"),
        ]
        constraints = [
            lifecycle.choices_constraint("contract", State.values),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="contract_amount_positive"),
            models.CheckConstraint(condition=Q(amount_cents__gt=-F("amended_cents")), name="contract_value_positive"),
            models.CheckConstraint(
                condition=Q(ceiling_cents__gt=F("amount_cents") + F("amended_cents")),
                name="contract_under_the_ceiling",
            ),
            models.CheckConstraint(
                condition=Q(holdback_percent__lte=settings.HOLDBACK_MAX_PERCENT), name="contract_holdback_range"
            ),
            models.CheckConstraint(condition=Q(end_date__gte=F("start_date")), name="contract_dates_in_order"),
            models.CheckConstraint(
                condition=~Q(state__in=CONCLUDED) | Q(signed_at__isnull=False), name="contract_concluded_has_instant"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("contracts:detail", args=[self.number])

    # --- What is computed ------------------------------------------------------------------------------------------
    @property
    def opportunity(self) -> Opportunity:
        return self.award.opportunity

    @property
    def body(self) -> PublicBody:
        return self.award.opportunity.body

    @property
    def vendor(self) -> Vendor:
        return self.award.proposal.vendor

    @property
    def title(self) -> str:
        return self.award.opportunity.title

    @property
    def value_cents(self) -> int:
        """What the contract is worth today: the winning price and the amendments in force."""
        return self.amount_cents + self.amended_cents

    @property
    def is_void(self) -> bool:
        """Its award was reversed before it was signed."""
        return self.award.reversed_at is not None

    def is_public(self) -> bool:
        return self.state in CONCLUDED

    # --- What the ledger and the locks need ------------------------------------------------------------------------
    def ledger_subject(self) -> str:
        return f"contract:{self.number}"

    def concerns(self, user: User) -> bool:
        return rules.reads_all(self, user)

    def lock_parents(self) -> dict[str, models.Model]:
        """The occasion's row: signing a contract and reversing its award wait for each other."""
        return {"_locked_occasion": lifecycle.locked(self.award.opportunity)}

    # --- The lifecycle (product.md), with the two turns of signing as states of their own (docs/decisions.md) --------
    @moves(
        State.DRAFT,
        to=State.OFFERED,
        allowed=rules.can_prepare,
        roles=["buyer", "officer"],
        label=_("Envoyer à la signature"),
        conditions=[
            conditions.award_stands,
            conditions.licence_agreed,
            conditions.plan_complete,
            conditions.plan_in_order,
            conditions.eligible,
        ],
        basis="LCOP, a. 12",
    )
    def offer(
        self, *, by: User | None, at: datetime, clauses: list[dict[str, str]], document: Callable[[Self, datetime], str]
    ) -> None:
        """`document(contract, at)` makes the PDF to sign and returns its SHA-256."""
        self.clauses = clauses
        self.offered_at = self.updated_at = at
        self.state_reason = ""
        self.text_sha256 = document(self, at)
        self._ledger_extra = {"text_sha256": self.text_sha256, "value_cents": self.value_cents}

    @moves(
        State.OFFERED,
        to=State.DRAFT,
        allowed=rules.binds_vendor,
        roles=["vendor"],
        label=_("Demander des changements au contrat"),
        ledger_details=["reason"],
    )
    def refuse_terms(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.state_reason = reason_given(reason)
        self.text_sha256, self.offered_at, self.updated_at = "", None, at

    @moves(
        [State.OFFERED, State.VENDOR_SIGNED],
        to=State.DRAFT,
        allowed=rules.is_officer,
        roles=["officer"],
        label=_("Reprendre le contrat"),
        ledger_details=["reason"],
    )
    def withdraw_offer(self, *, by: User | None, at: datetime, reason: str) -> None:
        """The signature already given falls: it was for another text."""
        self.state_reason = reason_given(reason)
        self.text_sha256, self.offered_at, self.updated_at = "", None, at
        self.signatures.filter(void_at=None).update(void_at=at)

    @moves(
        State.OFFERED,
        to=State.VENDOR_SIGNED,
        allowed=rules.binds_vendor,
        roles=["vendor"],
        label=_("Signer pour le prestataire"),
        conditions=[conditions.award_stands, conditions.eligible],
    )
    def sign_as_vendor(self, *, by: User | None, at: datetime, signature: Callable[..., Any]) -> None:
        """`signature(contract, by=, at=)` writes the Signature row (contracts/agreement/signature_actions.py)."""
        signed = signature(self, by=by, at=at)
        self.updated_at = at
        self._ledger_extra = {"text_sha256": signed.text_sha256, "method": signed.method}

    @moves(
        State.VENDOR_SIGNED,
        to=State.ACTIVE,
        allowed=rules.can_sign,
        roles=["officer"],
        label=_("Signer pour l’organisme"),
        conditions=[conditions.award_stands, conditions.plan_complete, conditions.eligible],
        basis="LCOP, a. 22",
    )
    def sign(
        self,
        *,
        by: User | None,
        at: datetime,
        signature: Callable[..., Any],
        justified: Callable[[Self, datetime], dict[str, str]],
    ) -> None:
        """The contract is concluded: work may begin.

        `justified(contract, at)`: what the ledger keeps of an attestation that nobody verified.
        """
        kept = justified(self, at)
        signed = signature(self, by=by, at=at)
        self.signed_at = self.updated_at = at
        self.search_text = index_text(
            self.number, self.title, self.vendor.legal_name, self.body.name, self.body.acronym
        )
        self._ledger_extra = {
            "text_sha256": signed.text_sha256,
            "method": signed.method,
            "value_cents": self.value_cents,
            **kept,
        }

    @moves(
        State.ACTIVE,
        to=State.COMPLETED,
        allowed=rules.is_officer,
        roles=["officer"],
        label=_("Terminer le contrat"),
        conditions=[conditions.all_paid, conditions.code_catalogued, conditions.no_pending_amendment],
    )
    def complete(self, *, by: User | None, at: datetime) -> None:
        self.ended_at = self.updated_at = at
        self.final_cents = self.paid_before_taxes()
        self._ledger_extra = {"final_cents": self.final_cents}

    @moves(
        State.ACTIVE,
        to=State.TERMINATED,
        allowed=rules.is_officer,
        roles=["officer"],
        label=_("Résilier le contrat"),
        conditions=[conditions.no_delivery_waiting, conditions.no_pending_amendment],
        ledger_details=["reason"],
    )
    def terminate(self, *, by: User | None, at: datetime, reason: str) -> None:
        """What was accepted is still owed: invoices go on being issued and paid."""
        self.state_reason = reason_given(reason)
        self.ended_at = self.updated_at = at

    def paid_before_taxes(self) -> int:
        """Cents paid for work, holdback included, interest excluded."""
        paid = self.invoices.exclude(paid_at=None).exclude(kind="interest")
        return paid.aggregate(total=models.Sum("before_cents"))["total"] or 0
