"""What SQL refuses of an occasion: that its frozen notes be opened again; that the first of two people become another.

What a freezing needs: proposals/triggers.py.

A migration that rebuilds the table on SQLite drops its triggers: it must call `install` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, different, make, unmake


def _rules(vendor: str) -> list[Refusal]:
    table = "opportunities_opportunity"
    thawed = f"OLD.notes_frozen_at IS NOT NULL AND ({different(vendor, ['notes_frozen_at', 'notes_frozen_by_id'])})"
    by_nobody = "NEW.notes_frozen_at IS NULL AND NEW.notes_frozen_by_id IS NOT NULL"
    recommends = (
        "OLD.state = 'evaluation' AND NEW.state = 'recommended' AND OLD.recommended_by_id IS NULL "
        "AND NEW.recommended_by_id IS NOT NULL"
    )
    goes_back = "OLD.state IN ('recommended', 'awarded') AND NEW.state = 'evaluation' AND NEW.recommended_by_id IS NULL"
    asks = (
        "OLD.state = 'awarded' AND NEW.state = 'awarded' AND OLD.reversal_requested_by_id IS NULL "
        "AND NEW.reversal_requested_by_id IS NOT NULL AND NEW.reversal_reason <> ''"
    )
    asks_no_more = "NEW.reversal_requested_by_id IS NULL AND NEW.reversal_reason = ''"
    reversal = different(vendor, ["reversal_requested_by_id", "reversal_reason"])
    return [
        (
            "opportunity_notes_stay_frozen", table, "UPDATE", f"({thawed}) OR ({by_nobody})",
            "the notes of an occasion stay frozen",
        ),
        (
            "opportunity_recommended_by", table, "UPDATE",
            f"({different(vendor, ['recommended_by_id'])}) AND NOT ({recommends}) AND NOT ({goes_back})",
            "who recommended an award is written by the recommendation",
        ),
        (
            "opportunity_reversal_asked", table, "UPDATE",
            f"({reversal}) AND NOT ({asks}) AND NOT ({asks_no_more})",
            "who asked for a reversal, and why, stays until it is withdrawn or done",
        ),
    ]  # fmt: skip


def install(connection: BaseDatabaseWrapper) -> None:
    make(connection, _rules(connection.vendor))


def remove(connection: BaseDatabaseWrapper) -> None:
    unmake(connection, _rules(connection.vendor))


def names(vendor: str) -> list[str]:
    """Every trigger, as the database's catalogue calls it."""
    return [name for name, *_rest in _rules(vendor)]
