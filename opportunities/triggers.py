"""What SQL refuses of an occasion: that its notes, once frozen, be opened again.

A migration that rebuilds the table on SQLite drops its triggers: it must call `install` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

_TABLE, _NAME = "opportunities_opportunity", "opportunity_notes_stay_frozen"
_MESSAGE = "the notes of an occasion stay frozen"


def install(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER {_NAME} BEFORE UPDATE ON {_TABLE} FOR EACH ROW WHEN (OLD.notes_frozen_at IS NOT NULL "
                f"AND NEW.notes_frozen_at IS DISTINCT FROM OLD.notes_frozen_at) EXECUTE FUNCTION {_NAME}()"
            )
        else:
            cursor.execute(
                f"CREATE TRIGGER {_NAME} BEFORE UPDATE ON {_TABLE} WHEN OLD.notes_frozen_at IS NOT NULL "
                f"AND NEW.notes_frozen_at IS NOT OLD.notes_frozen_at BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
            )


def remove(connection: BaseDatabaseWrapper) -> None:
    on = f" ON {_TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER IF EXISTS {_NAME}{on}")
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP FUNCTION IF EXISTS {_NAME}()")
