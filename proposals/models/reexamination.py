"""A change of notes, or of who is admissible, after both are frozen: one person asks for it, another one decides."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from marketplace import lifecycle
from marketplace.accounts.person import User
from marketplace.columns.shape import ShapedJSONField, either, held, listed, nothing, number, text
from marketplace.columns.state import StateField
from marketplace.lifecycle import moves
from marketplace.reasons import reason_given
from opportunities.models import Criterion, Opportunity
from proposals import conditions, rules
from proposals.enums import NoteReexaminationState as State
from proposals.enums import ReexaminationOutcome as Outcome
from proposals.enums import RejectionCode
from proposals.models.evaluation import NotesSeal

# proposals/evaluation/effect.py
_PLACE = held({"rank": either(nothing, number), "place": text, "first": listed(text)})
_EFFECT = held({"before": _PLACE, "after": _PLACE})


class NoteReexaminationQuerySet(models.QuerySet["NoteReexamination"]):
    def pending(self) -> Self:
        return self.filter(state=State.PENDING)

    def accepted(self) -> Self:
        return self.filter(state=State.ACCEPTED)

    def of(self, opportunity: Opportunity) -> Self:
        """Those of one occasion with what pages say of them, oldest first; the caller may see the occasion's notes."""
        rows = self.filter(proposal__opportunity=opportunity)
        return (
            rows.select_related("proposal__vendor", "asked_by", "decided_by")
            .prefetch_related("lines__criterion")
            .order_by("pk")
        )


@lifecycle.register
class NoteReexamination(lifecycle.Stateful, models.Model):
    """« Réexamen »: not to be taken for Proposal.reexamine, by which one person alone looks at an admission again,
    before anything is frozen.

    `outcome`: empty for notes, whose lines say the change; else the state of the proposal that is asked for, with the
    reason of a rejection (`code`, `text`), and no line. `effect`, once accepted: what it changed in the ranks
    (proposals/evaluation/effect.py).
    `seen`: the version of the notes that was asked about, 0 where there was none (a proposal that is admitted after
    the notes were frozen is given its first ones so). `total_before`, None then, and `total_after`: exact, as text.
    """

    proposal = models.ForeignKey("Proposal", on_delete=models.PROTECT, related_name="note_reexaminations")
    state = StateField(_("état"), default=State.PENDING, choices=State.choices, protected=True, editable=False)
    reason = models.TextField(_("motif public"), max_length=2_000)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("demandé par"), on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(_("demandé le"))
    seen = models.PositiveIntegerField()
    total_before = models.CharField(max_length=12, blank=True)
    total_after = models.CharField(max_length=12, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("décidé par"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(_("décidé le"), null=True)
    refusal = models.TextField(_("motif du refus"), max_length=2_000, blank=True)
    outcome = models.CharField(_("suite demandée"), max_length=10, choices=Outcome.choices, blank=True)
    code = models.CharField(_("motif de rejet"), max_length=10, choices=RejectionCode.choices, blank=True)
    text = models.TextField(_("explication du rejet"), max_length=2_000, blank=True)
    effect = ShapedJSONField(null=True, editable=False, fits=_EFFECT)

    objects = NoteReexaminationQuerySet.as_manager()

    told: Any  # proposals/evaluation/board.py: its effect in words

    class Meta:
        verbose_name = _("réexamen")
        verbose_name_plural = _("réexamens")
        constraints = [
            lifecycle.choices_constraint("notereexamination", State.values),
            models.UniqueConstraint(
                fields=["proposal"],
                condition=Q(state="pending"),
                name="notereexamination_one_pending",
                violation_error_message=_("Un réexamen de cette proposition attend déjà une décision."),
            ),
            models.CheckConstraint(
                condition=Q(state="pending", decided_by=None, decided_at=None)
                | Q(state__in=["accepted", "refused"], decided_by__isnull=False, decided_at__isnull=False)
                & ~Q(decided_by=F("asked_by"))
                | Q(state="withdrawn", decided_at__isnull=False, decided_by=F("asked_by")),
                name="notereexamination_two_people",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="notereexamination_has_reason"),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(refusal=""), name="notereexamination_refused_why"
            ),
            models.CheckConstraint(
                condition=Q(outcome="rejected") & ~Q(code="") & ~Q(text="")
                | Q(outcome__in=["", "admissible"], code="", text=""),
                name="notereexamination_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id}: {self.state}"

    @property
    def opportunity(self) -> Opportunity:
        return self.proposal.opportunity

    @property
    def of_notes(self) -> bool:
        return not self.outcome

    @property
    def what(self) -> str:
        """« Réexamen des notes », « Réexamen de l’admissibilité »."""
        return str(_("Réexamen des notes") if self.of_notes else _("Réexamen de l’admissibilité"))

    def concerns(self, user: User) -> bool:
        return self.proposal.concerns(user)

    def ledger_subject(self) -> str:
        return self.proposal.ledger_subject()

    def lock_parents(self) -> dict[str, models.Model]:
        return {"proposal": lifecycle.locked(self.proposal)}

    @moves(
        State.PENDING,
        to=State.ACCEPTED,
        allowed=rules.can_decide_note_reexamination,
        roles=["buyer", "officer"],
        label=_("Accepter le réexamen"),
        conditions=[conditions.may_be_reexamined],
    )
    def accept(
        self, *, by: User | None, at: datetime, effect: dict[str, Any] | None = None, seal: NotesSeal | None = None
    ) -> None:
        """`effect`: on the ranks; `seal`: of the new notes (proposals/evaluation/reexamination_actions.py).

        What an admission becomes is in the proposal's own entry, of the same instant.
        """
        self.decided_by, self.decided_at, self.effect = by, at, effect
        # What the public downloads to recompute the entry: no name, no comment, and no reason before the award.
        if seal is not None:
            notes = [{"proposal": str(self.proposal.public_id), "sha256": seal.sha256}]
            totals = {"total_before": self.total_before, "total_after": self.total_after}
            self._ledger_extra = {"notes": notes, "version": seal.version.number, **totals}

    @moves(
        State.PENDING,
        to=State.REFUSED,
        allowed=rules.can_decide_note_reexamination,
        roles=["buyer", "officer"],
        label=_("Refuser le réexamen"),
        ledger_details=["reason"],
    )
    def refuse(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.refusal = reason_given(reason)
        self.decided_by, self.decided_at = by, at

    @moves(
        State.PENDING,
        to=State.WITHDRAWN,
        allowed=rules.asked_note_reexamination,
        roles=["buyer"],
        label=_("Retirer la demande de réexamen"),
    )
    def withdraw(self, *, by: User | None, at: datetime) -> None:
        self.decided_by, self.decided_at = by, at


class NoteReexaminationLine(models.Model):
    """What one criterion's note was and is asked to be; never changed. `value_before` None: there was no note."""

    reexamination = models.ForeignKey(NoteReexamination, on_delete=models.PROTECT, related_name="lines")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="+")
    value_before = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    comment_before = models.TextField(max_length=2_000, blank=True)
    value_after = models.DecimalField(
        max_digits=5, decimal_places=2, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )
    comment_after = models.TextField(max_length=2_000, blank=True)

    class Meta:
        verbose_name = _("note réexaminée")
        ordering = ["criterion__position", "criterion"]
        constraints = [
            models.UniqueConstraint(fields=["reexamination", "criterion"], name="notereexamination_line_once"),
            models.CheckConstraint(
                condition=Q(value_after__gte=0, value_after__lte=100), name="notereexamination_line_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.value_before} → {self.value_after}"
