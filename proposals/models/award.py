"""How an evaluation ends: recommendations, draws, awards."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.columns.shape import (
    ShapedJSONField,
    either,
    fraction,
    held,
    listed,
    mapped,
    nothing,
    number,
    text,
    yes_or_no,
)
from marketplace.money import TaxBreakdown
from proposals.models.proposal import Proposal

# As proposals/award/actions.py, `_frozen`, writes it.
_RANKING = listed(
    held(
        {
            "proposal": text, "rank": either(number, nothing), "price_cents": either(number, nothing),
            "final": either(fraction, nothing), "adjusted_cents": either(number, nothing), "drawn": yes_or_no,
        },
        scores=mapped(fraction),
    )
)  # fmt: skip


class Recommendation(models.Model):
    """What a buyer recommended, with the ranking as it stood, and what an officer decided."""

    opportunity = models.ForeignKey(
        "opportunities.Opportunity",
        verbose_name=_("occasion"),
        on_delete=models.PROTECT,
        related_name="recommendations",
    )
    proposal = models.ForeignKey("Proposal", on_delete=models.PROTECT, related_name="recommendations")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("recommandée par"), on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("recommandée le"))
    justification = models.TextField(_("justification"), max_length=2_000, blank=True)
    ranking = ShapedJSONField(fits=_RANKING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("décidée par"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(_("décidée le"), null=True)
    accepted = models.BooleanField(_("acceptée"), null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        verbose_name = _("recommandation")
        constraints = [
            models.UniqueConstraint(
                fields=["opportunity"], condition=Q(accepted=None), name="recommendation_one_pending"
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=models.F("by")), name="recommendation_two_people"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id}"

    def line(self, proposal: Proposal) -> dict[str, Any] | None:
        """A proposal's line of the ranking as it stood; None when it was not ranked."""
        return next((row for row in self.ranking if row["proposal"] == str(proposal.public_id)), None)

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The ranking as people may read it: the price of a proposal below a minimum is known to nobody."""
        return [row if row["rank"] is not None else row | {"price_cents": None} for row in self.ranking]

    @property
    def why_not_first(self) -> str:
        """The justification that those who came before the recommended proposal are owed; empty when it is first."""
        line = self.line(self.proposal)
        return self.justification if line and line["rank"] != 1 else ""


class Draw(models.Model):
    """A tirage au sort that anyone can compute again from what it publishes (proposals/evaluation/draw.py).

    digests: every opened envelope's, sorted. order: one list of digests, in drawn order, for each tie.
    """

    opportunity = models.ForeignKey("opportunities.Opportunity", on_delete=models.PROTECT, related_name="draws")
    at = models.DateTimeField()
    commitment = models.CharField(max_length=64)
    secret = models.CharField(max_length=64)
    digests = ShapedJSONField(fits=listed(text))
    order = ShapedJSONField(fits=listed(listed(text)))

    ties: list[list[dict[str, str]]]  # proposals/public/award.py, `draw`: its digests with their names

    class Meta:
        verbose_name = _("tirage au sort")

    def __str__(self) -> str:
        return f"{self.opportunity_id}"


class AwardQuerySet(models.QuerySet["Award"]):
    def standing(self) -> Self:
        return self.filter(reversed_at=None)

    def for_list(self) -> Self:
        return self.select_related("opportunity__body", "proposal__vendor").order_by("-at", "-pk")


class Award(models.Model):
    """The confirmed award: one standing per occasion, amount in cents before taxes, two different people."""

    opportunity = models.ForeignKey(
        "opportunities.Opportunity", verbose_name=_("occasion"), on_delete=models.PROTECT, related_name="awards"
    )
    proposal = models.ForeignKey(
        "Proposal", verbose_name=_("proposition retenue"), on_delete=models.PROTECT, related_name="awards"
    )
    recommendation = models.OneToOneField(Recommendation, on_delete=models.PROTECT, related_name="award")
    amount_cents = models.PositiveBigIntegerField(_("montant avant taxes, en cents"))
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("confirmée par"), on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("confirmée le"))
    reversed_at = models.DateTimeField(_("annulée le"), null=True)
    reversed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("annulée par"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    reversal_reason = models.TextField(_("motif de l’annulation"), blank=True)

    objects = AwardQuerySet.as_manager()

    # proposals/public/award.py, `with_ranking`
    admissible: int
    drawn: bool
    taxes: TaxBreakdown
    days: int
    share: str

    class Meta:
        verbose_name = _("attribution")
        indexes = [models.Index(fields=["-at", "-id"], name="award_recent")]
        constraints = [
            models.UniqueConstraint(fields=["opportunity"], condition=Q(reversed_at=None), name="award_one_standing"),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="award_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id}"
