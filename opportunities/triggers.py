"""What SQL refuses of an occasion: that its notes, once frozen, be opened again.

A migration that rebuilds the table on SQLite drops its triggers: it must call `install` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, different, make, unmake


def _rules(vendor: str) -> list[Refusal]:
    thawed = f"OLD.notes_frozen_at IS NOT NULL AND ({different(vendor, ['notes_frozen_at'])})"
    message = "the notes of an occasion stay frozen"
    return [("opportunity_notes_stay_frozen", "opportunities_opportunity", "UPDATE", thawed, message)]


def install(connection: BaseDatabaseWrapper) -> None:
    make(connection, _rules(connection.vendor))


def remove(connection: BaseDatabaseWrapper) -> None:
    unmake(connection, _rules(connection.vendor))
