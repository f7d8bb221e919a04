"""What the database refuses of an award and of what led to it: figures stay, decisions are taken once.

An award is inserted standing, by its occasion's move, whose version comes first; it is reversed likewise. What became
of each proposal follows the award that stands, and nothing else. Rejections are written by an examination, once. Rows
that a migration wrote before these rules are not looked at again.

SQLite drops the triggers of a table that it rebuilds: such a migration calls `remove` before and `install` after.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, different, make, unmake

_AWARD = ("id", "opportunity_id", "proposal_id", "recommendation_id", "amount_cents", "confirmed_by_id", "at")
_REVERSAL = ("reversed_at", "reversed_by_id", "reversal_reason")
_RECOMMENDATION = ("id", "opportunity_id", "proposal_id", "by_id", "at", "justification")
_DECISION = ("accepted", "decided_by_id", "decided_at", "decision_reason")
_PROPOSAL = ("id", "public_id", "opportunity_id", "vendor_id", "created_by_id", "created_at")
_REJECTION = ("rejection_code", "rejection_text", "examined_by_id")
_ENDED = "('awarded', 'unsuccessful', 'cancelled')"
_SETTLED = "('awarded', 'not_awarded')"


def _rules(vendor: str) -> list[Refusal]:
    award, recommendation, proposal = "proposals_award", "proposals_recommendation", "proposals_proposal"
    # PostgreSQL's jsonb, and SQLite's text of it.
    ranking = different(vendor, ("ranking",))
    # The occasion's own moves come first, and each of them needs a version of the notice. Null: it is not there yet;
    # an occasion that no act made is found by its missing versions.
    state = "(SELECT o.state FROM opportunities_opportunity o WHERE o.id = NEW.opportunity_id)"

    def version(kind: str, instant: str) -> str:
        """The occasion's last version is of this kind and of this instant."""
        return (
            "EXISTS (SELECT 1 FROM opportunities_opportunity o JOIN opportunities_noticeversion v "
            "ON v.opportunity_id = o.id AND v.number = o.notice_version "
            f"WHERE o.id = NEW.opportunity_id AND v.kind = '{kind}' AND v.at = {instant})"
        )

    reversal = (
        "OLD.reversed_at IS NULL AND NEW.reversed_at IS NOT NULL AND NEW.reversed_by_id IS NOT NULL "
        f"AND {version('reversal', 'NEW.reversed_at')} AND NEW.reversal_reason = "
        "(SELECT o.state_reason FROM opportunities_opportunity o WHERE o.id = NEW.opportunity_id)"
    )
    undone = f"({different(vendor, _REVERSAL)}) AND NOT ({reversal})"
    recommended = (
        "EXISTS (SELECT 1 FROM proposals_recommendation r JOIN proposals_openedproposal p "
        "ON p.proposal_id = r.proposal_id WHERE r.id = NEW.recommendation_id AND r.accepted "
        "AND r.opportunity_id = NEW.opportunity_id AND r.proposal_id = NEW.proposal_id "
        "AND p.price_cents = NEW.amount_cents AND r.decided_by_id = NEW.confirmed_by_id)"
    )
    standing = (
        f"NEW.reversed_at IS NULL AND NEW.reversed_by_id IS NULL AND NEW.reversal_reason = '' AND {state} = 'awarded' "
        f"AND {version('award', 'NEW.at')} AND {recommended}"
    )
    stands = (
        "EXISTS (SELECT 1 FROM proposals_award a WHERE a.opportunity_id = NEW.opportunity_id "
        "AND a.reversed_at IS NULL{whose})"
    )
    wins = f"NEW.state = 'awarded' AND {stands.format(whose=' AND a.proposal_id = NEW.id')}"
    loses = f"NEW.state = 'not_awarded' AND {stands.format(whose=' AND a.proposal_id <> NEW.id')}"
    settles = f"OLD.state = 'scored' AND (({wins}) OR ({loses}))"
    back = (
        f"OLD.state IN {_SETTLED} AND NEW.state IN ('opened', 'scored') AND {state} = 'evaluation' "
        f"AND NOT {stands.format(whose='')}"
    )
    moved, decided = different(vendor, ("state",)), different(vendor, _REJECTION)
    outcome = (
        # Into and out of what the award decides.
        f"(({moved}) AND (OLD.state IN {_SETTLED} OR NEW.state IN {_SETTLED}) AND NOT ({settles}) AND NOT ({back})) "
        # Nothing else of an occasion that ended.
        f"OR ({state} IN {_ENDED} AND ((({moved}) AND NOT ({settles})) OR ({decided}))) "
        # A rejection is what its examination wrote.
        f"OR (OLD.state = 'rejected' AND NEW.state = 'rejected' AND ({decided}))"
    )
    return [
        (
            "award_figures", award, "UPDATE",
            f"{different(vendor, _AWARD)} OR ({undone})",
            "an award is reversed, once, never changed",
        ),
        (
            "award_confirmed", award, "INSERT", f"{state} IS NOT NULL AND NOT ({standing})",
            "an award is confirmed by its occasion’s move",
        ),
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
            "proposal_outcome", proposal, "UPDATE", outcome,
            "what became of a proposal follows its award, and an examination is not rewritten",
        ),
        (
            "proposal_begins", proposal, "INSERT", f"{state} IS NOT NULL AND NEW.state IN {_SETTLED}",
            "what became of a proposal follows its award",
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
