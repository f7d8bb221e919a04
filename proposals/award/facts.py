"""What the public reads of a standing award, as the notice's version that tells it holds it (`dan-notice/1`)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opportunities.models import Opportunity
from proposals.models import OpenedProposal, Recommendation

Facts = dict[str, Any]


def of(opportunity: Opportunity) -> Facts:
    """{} when no award stands."""
    award = opportunity.awards.standing().select_related("recommendation").first()
    return told(award.recommendation, award.amount_cents, winner=award.proposal_id, at=award.at) if award else {}


def told(recommendation: Recommendation, amount_cents: int, *, winner: int, at: datetime) -> Facts:
    """Names are those of the receipts: a vendor's page may change later, an award does not.

    amount_cents: before taxes; winner: the retained proposal's key. The ranking, of the ranked alone (the price of a
    proposal below a minimum is never shown): ranks, prices and adjusted prices in cents, final notes as exact
    fractions; the winner's notes by criterion, in the grid's order. No one else's notes: they are each vendor's own.
    """
    opened = OpenedProposal.objects.filter(opening__opportunity=recommendation.opportunity_id)
    rows = {
        str(public_id): (pk, receipt)
        for pk, public_id, receipt in opened.values_list(
            "proposal_id", "proposal__public_id", "submission__receipt"
        ).order_by("pk")
    }  # fmt: skip
    retained: Mapping[str, Any] = next((receipt for pk, receipt in rows.values() if pk == winner), {})
    mine: Mapping[str, Any] = next((row for row in recommendation.ranking if _key(rows, row) == winner), {})
    grid = recommendation.opportunity.criteria.values_list("pk", "label")
    return {
        "at": at,
        "vendor": retained.get("proponent", ""),
        "receipt": retained.get("number", ""),
        "amount_cents": amount_cents,
        "recommended_at": recommendation.at,
        "justification": recommendation.justification if mine.get("rank") != 1 else "",
        "received": len(rows),
        "ranking": [
            {
                "rank": row["rank"], "vendor": rows[row["proposal"]][1]["proponent"], "final": row["final"],
                "price_cents": row["price_cents"], "adjusted_cents": row["adjusted_cents"], "drawn": row["drawn"],
            }
            for row in recommendation.ranking
            if row["rank"] is not None and row["proposal"] in rows
        ],
        "notes": [
            {"title": label, "value": mine.get("scores", {})[str(pk)]}
            for pk, label in grid
            if str(pk) in mine.get("scores", {})
        ],
    }  # fmt: skip


def _key(rows: Mapping[str, tuple[int, Any]], row: Mapping[str, Any]) -> int | None:
    return rows.get(row["proposal"], (None, None))[0]
