"""Triggers that make a table append-only, on PostgreSQL and on SQLite.

The database role of the application should not own these tables in production (docs/operations.md): an owner could
disable the triggers; nobody else can.
"""

from collections.abc import Callable

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

Change = Callable[[BaseDatabaseWrapper, str], None]

_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append-only table %: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def install(connection: BaseDatabaseWrapper, table: str) -> None:
    """Refuse UPDATE, DELETE (and TRUNCATE on PostgreSQL) on `table`."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRES_FUNCTION)
            cursor.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            cursor.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()"
            )
        else:
            for verb in ("UPDATE", "DELETE"):
                cursor.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'append-only table {table}: {verb} refused'); END"
                )


def remove(connection: BaseDatabaseWrapper, table: str) -> None:
    """The reverse of `install`, for migrations backwards and for emptying test databases."""
    names = ("append_only", "no_truncate") if connection.vendor == "postgresql" else ("no_update", "no_delete")
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")


def append_only(*tables: str) -> migrations.RunPython:
    """The migration's operation. SQLite drops the triggers of a table that it rebuilds: then it is repeated."""

    def every(change: Change) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
        def operation(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
            for table in tables:
                change(editor.connection, table)

        return operation

    return migrations.RunPython(every(install), every(remove))
