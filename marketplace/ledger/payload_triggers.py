"""What the database refuses of a detail kept beside the ledger: it never changes, and leaves with its trace only.

For a role that owns nothing PostgreSQL refuses both before (marketplace/ledger/grants.py): its only way is
`erase_payload`, which asks for the same trace. These hold on SQLite too, where there are no roles.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, make, unmake

_TABLE = "marketplace_ledgerpayload"


def _rules(vendor: str) -> list[Refusal]:
    start = "left(e.hash, 32)" if vendor == "postgresql" else "substr(e.hash, 1, 32)"
    traced = (
        "EXISTS (SELECT 1 FROM marketplace_ledgerentry e JOIN marketplace_ledgerentry t "
        f"ON t.subject = 'entry:' || {start} AND t.action = 'ledger.erase' AND t.seq > e.seq "
        "WHERE e.seq = OLD.entry_id)"
    )
    return [
        ("payload_stays", _TABLE, "UPDATE", "OLD.entry_id IS NOT NULL", "a detail of the ledger never changes"),
        (
            "payload_leaves_a_trace", _TABLE, "DELETE",
            f"OLD.action = 'ledger.erase' OR NOT {traced}", "a detail of the ledger is erased with its trace only",
        ),
    ]  # fmt: skip


def install(connection: BaseDatabaseWrapper) -> None:
    make(connection, _rules(connection.vendor))


def remove(connection: BaseDatabaseWrapper) -> None:
    unmake(connection, _rules(connection.vendor))


def names(vendor: str) -> list[str]:
    """Every trigger, as the database's catalogue calls it."""
    return [name for name, *_rest in _rules(vendor)]
