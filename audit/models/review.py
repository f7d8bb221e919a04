"""An officer's audit of an award: the list of what the platform knows was done, and a signed conclusion."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.enums import Opinion
from marketplace.columns.shape import ShapedJSONField, held, listed


class AwardReviewQuerySet(models.QuerySet):
    def visible_to(self, user, *, at=None):
        """Auditors; officers of the body."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_auditor:
            return self
        bodies = user.body_memberships.filter(role="officer").values("body")
        return self.filter(award__opportunity__body__in=bodies)


class AwardReview(models.Model):
    """A conclusion on an award, with the checklist as it stood; signed by the platform, never changed.

    `checklist`: [{"code", "done": true | false | null (does not apply), "by", "at", "details"}]; `signed`: the
    dan-review/1 object, whose signature tools/verify.py checks.
    """

    award = models.ForeignKey("proposals.Award", on_delete=models.PROTECT, related_name="reviews")
    opinion = models.CharField(_("conclusion"), max_length=15, choices=Opinion.choices)
    comment = models.TextField(_("commentaire"), max_length=5_000, blank=True)
    checklist = ShapedJSONField(fits=listed(held()))
    signed = ShapedJSONField(fits=held())
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("signée le"))

    objects = AwardReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("vérification d’une attribution")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(opinion="compliant") | ~Q(comment=""), name="review_says_why_when_not_compliant"
            )
        ]

    def __str__(self) -> str:
        return f"{self.award_id} {self.opinion}"
