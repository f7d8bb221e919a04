"""What administrators see of the answers: read-only, nothing before the opening, and never a proposal's content.

Submissions, envelopes, keys and opened contents are deliberately not registered.
"""

from django.contrib import admin

from marketplace.administration import ReadOnly
from proposals.models import AFTER_OPENING, Award, Opening, Proposal, Recommendation


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ["public_id", "opportunity", "vendor", "state"]
    list_filter = ["state"]
    list_select_related = ["opportunity", "vendor"]
    search_fields = ["opportunity__number", "vendor__legal_name"]
    fields = ["public_id", "opportunity", "vendor", "state", "rejection_code"]

    def get_queryset(self, request):
        return super().get_queryset(request).filter(state__in=AFTER_OPENING)


@admin.register(Opening)
class OpeningAdmin(ReadOnly):
    list_display = ["opportunity", "opened_at", "closes_at"]
    list_select_related = ["opportunity"]
    ordering = ["-opened_at"]


@admin.register(Recommendation)
class RecommendationAdmin(ReadOnly):
    """Without the ranking, which holds prices and scores."""

    list_display = ["opportunity", "at", "by", "decided_at", "accepted"]
    list_select_related = ["opportunity", "by"]
    fields = ["opportunity", "by", "at", "decided_by", "decided_at", "accepted"]
    ordering = ["-at"]


@admin.register(Award)
class AwardAdmin(ReadOnly):
    list_display = ["opportunity", "at", "amount_cents", "confirmed_by", "reversed_at"]
    list_select_related = ["opportunity", "confirmed_by"]
    fields = [
        "opportunity",
        "proposal",
        "amount_cents",
        "confirmed_by",
        "at",
        "reversed_at",
        "reversed_by",
        "reversal_reason",
    ]
    ordering = ["-at"]
