"""Red flags: what a formula saw in our own data, why it may be normal, and what became of it."""

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, When
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from audit import rules
from audit.enums import TOLD, FlagState
from marketplace import lifecycle
from marketplace.columns.shape import ShapedJSONField, held
from marketplace.columns.state import StateField
from marketplace.lifecycle import moves
from marketplace.reasons import reason_given
from proposals.models import Proposal


class RedFlagQuerySet(models.QuerySet):
    def visible_to(self, user, *, at=None):
        """Auditors; officers of the body concerned; nobody with a tie. The public reads totals, never a flag.

        `shown`: its state as this person may know it. A case that the body was not told of does not show.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        rows = self.exclude(opportunity__in=Proposal.objects.tying(user).values("opportunity"))
        if user.is_auditor:
            return rows.as_told(Q(opportunity__body__in=user.body_memberships.values("body")))
        bodies = user.body_memberships.filter(role="officer").values("body")
        return rows.filter(opportunity__body__in=bodies).as_told()

    def as_told(self, who: Q | None = None):
        """`shown`: the state that the body may know; only in the rows that `who` keeps, when it is given."""
        untold = (who or Q()) & Q(state=FlagState.MONITORED) & ~Q(monitoring__state__in=TOLD)
        shown = Case(When(untold, then=F("state_before")), default=F("state"), output_field=models.CharField())
        return self.annotate(shown=shown)

    def standing(self):
        """Still computed, and not dismissed."""
        return self.filter(ceased_at=None).exclude(state=FlagState.DISMISSED)

    def for_list(self):
        return self.select_related("opportunity__body", "vendor", "monitoring").order_by("-first_at", "-pk")


@lifecycle.register
class RedFlag(lifecycle.Stateful, models.Model):
    """One formula true of one procurement (and vendor). `value` and `threshold` in the formula's unit.

    `details`: what the sentence of audit/flags/texts.py needs, JSON values only. Found again each night: `last_at`
    moves on; no longer found: `ceased_at` is set, and taken off if it comes back.
    """

    code = models.CharField(_("code"), max_length=12)
    opportunity = models.ForeignKey("opportunities.Opportunity", on_delete=models.PROTECT, related_name="flags")
    vendor = models.ForeignKey("vendors.Vendor", null=True, blank=True, on_delete=models.PROTECT, related_name="flags")
    state = StateField(_("état"), default=FlagState.NEW, choices=FlagState.choices, protected=True, editable=False)
    value = models.DecimalField(_("valeur"), max_digits=16, decimal_places=4)
    threshold = models.DecimalField(_("seuil"), max_digits=16, decimal_places=4)
    details = ShapedJSONField(default=dict, blank=True, fits=held())
    first_at = models.DateTimeField(_("vu la première fois le"))
    last_at = models.DateTimeField(_("vu la dernière fois le"))
    ceased_at = models.DateTimeField(_("n’est plus vu depuis le"), null=True, blank=True)
    reason = models.TextField(_("explication"), max_length=2_000, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    monitoring = models.ForeignKey(
        "audit.Monitoring", null=True, blank=True, on_delete=models.PROTECT, related_name="flags"
    )
    state_before = models.CharField(_("état avant la vérification"), max_length=50, blank=True, editable=False)

    shown: str  # RedFlagQuerySet.as_told: the state that the person may know

    objects = RedFlagQuerySet.as_manager()

    class Meta:
        verbose_name = _("signal")
        verbose_name_plural = _("signaux")
        indexes = [models.Index(fields=["-first_at", "-id"], name="flag_recent")]
        constraints = [
            lifecycle.choices_constraint("redflag", FlagState.values),
            models.UniqueConstraint(fields=["code", "opportunity", "vendor"], name="flag_once_for_a_vendor"),
            models.UniqueConstraint(fields=["code", "opportunity"], condition=Q(vendor=None), name="flag_once"),
            models.CheckConstraint(
                condition=~Q(state="in_monitoring") | Q(monitoring__isnull=False), name="flag_monitored_somewhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.opportunity_id}"

    def get_absolute_url(self) -> str:
        return reverse("audit:flag", args=[self.pk])

    @property
    def shown_label(self) -> str:
        return str(FlagState(self.shown).label)

    def ledger_subject(self) -> str:
        return f"flag:{self.pk}"

    def concerns(self, user) -> bool:
        return rules.is_auditor(self, user) or rules.can_answer(self, user)

    def _decided(self, by, at, reason):
        self.reason, self.decided_by, self.decided_at = reason.strip(), by, at
        self._ledger_extra = {"code": self.code, "occasion": self.opportunity.number, "reason": self.reason}

    # From a case too: that the body could no longer explain would tell it of one it was not told of.
    @moves(
        [FlagState.NEW, FlagState.EXPLAINED, FlagState.MONITORED],
        to=FlagState.EXPLAINED,
        allowed=rules.can_answer,
        roles=["officer"],
        label=_("Expliquer un signal"),
    )
    def explain(self, *, by, at, reason):
        reason_given(reason)
        self._decided(by, at, reason)

    @moves(
        [FlagState.NEW, FlagState.EXPLAINED],
        to=FlagState.MONITORED,
        allowed=rules.can_monitor,
        roles=["auditor"],
        label=_("Joindre un signal à une vérification"),
    )
    def monitor(self, *, by, at, monitoring):
        self.monitoring, self.state_before = monitoring, self.state
        self._ledger_extra = {"code": self.code, "monitoring": monitoring.number}

    @moves(
        [FlagState.NEW, FlagState.EXPLAINED, FlagState.MONITORED],
        to=FlagState.DISMISSED,
        allowed=rules.can_monitor,
        roles=["auditor"],
        label=_("Écarter un signal"),
    )
    def dismiss(self, *, by, at, reason):
        reason_given(reason)
        self._decided(by, at, reason)

    @moves(
        FlagState.DISMISSED,
        to=FlagState.NEW,
        allowed=rules.can_monitor,
        roles=["auditor"],
        label=_("Reprendre un signal écarté"),
    )
    def take_up(self, *, by, at, reason):
        reason_given(reason)
        self._decided(by, at, reason)


class FlagPeers(models.Model):
    """Quartiles of one formula's value over everything comparable, as the last computation found them."""

    code = models.CharField(_("code"), max_length=12, unique=True)
    count = models.PositiveIntegerField(_("valeurs comparées"))
    first = models.DecimalField(_("premier quartile"), max_digits=16, decimal_places=4)
    median = models.DecimalField(_("médiane"), max_digits=16, decimal_places=4)
    third = models.DecimalField(_("troisième quartile"), max_digits=16, decimal_places=4)
    at = models.DateTimeField(_("calculé le"))

    class Meta:
        verbose_name = _("quartiles d’un signal")
        verbose_name_plural = _("quartiles des signaux")

    def __str__(self) -> str:
        return self.code

    @property
    def quartiles(self) -> tuple:
        return self.first, self.median, self.third
