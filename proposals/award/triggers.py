"""What the database refuses of an award and of what led to it: figures stay, decisions are taken once.

SQLite drops the triggers of a table that it rebuilds: such a migration calls `remove` before and `install` after.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, different, make, unmake

_AWARD = ("id", "opportunity_id", "proposal_id", "recommendation_id", "amount_cents", "confirmed_by_id", "at")
_REVERSAL = ("reversed_at", "reversed_by_id", "reversal_reason")
_RECOMMENDATION = ("id", "opportunity_id", "proposal_id", "by_id", "at", "justification")
_DECISION = ("accepted", "decided_by_id", "decided_at", "decision_reason")
_PROPOSAL = ("id", "public_id", "opportunity_id", "vendor_id", "created_by_id", "created_at")


def _rules(vendor: str) -> list[Refusal]:
    award, recommendation, proposal = "proposals_award", "proposals_recommendation", "proposals_proposal"
    # PostgreSQL's jsonb, and SQLite's text of it.
    ranking = different(vendor, ("ranking",))
    # The occasion's own moves come first, and each of them needs a version of the notice.
    state = "(SELECT o.state FROM opportunities_opportunity o WHERE o.id = NEW.opportunity_id)"
    undone = f"({different(vendor, _REVERSAL)}) AND (OLD.reversed_at IS NOT NULL OR {state} = 'awarded')"
    return [
        (
            "award_figures", award, "UPDATE",
            f"{different(vendor, _AWARD)} OR ({undone})",
            "an award is reversed, once, never changed",
        ),
        ("award_confirmed", award, "INSERT", f"{state} <> 'awarded'", "an award is confirmed by its occasion’s move"),
        ("award_stays", award, "DELETE", "OLD.id IS NOT NULL", "an award stays"),
        (
            "recommendation_figures", recommendation, "UPDATE",
            f"{different(vendor, _RECOMMENDATION)} OR {ranking} "
            f"OR (OLD.accepted IS NOT NULL AND ({different(vendor, _DECISION)}))",
            "a recommendation is decided, once, never changed",
        ),
        ("recommendation_stays", recommendation, "DELETE", "OLD.id IS NOT NULL", "a recommendation stays"),
        (
            "proposal_whose", proposal, "UPDATE", different(vendor, _PROPOSAL),
            "a proposal stays its vendor’s, for its occasion",
        ),
        (
            "proposal_stays", proposal, "DELETE", "OLD.state <> 'draft'", "a proposal that was sent stays",
        ),
    ]  # fmt: skip


def install(connection: BaseDatabaseWrapper) -> None:
    make(connection, _rules(connection.vendor))


def remove(connection: BaseDatabaseWrapper) -> None:
    unmake(connection, _rules(connection.vendor))


def names(vendor: str) -> list[str]:
    """Every trigger, as the database's catalogue calls it."""
    return [name for name, *_rest in _rules(vendor)]
