"""Triggers that refuse: those that make a table append-only, and any other, on PostgreSQL and on SQLite.

The database role of the application should not own these tables in production (docs/operations.md): an owner could
disable the triggers; nobody else can.
"""

from collections.abc import Callable, Iterable

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Its name, its table, INSERT, UPDATE or DELETE, the SQL of when that is wrong (OLD, NEW), what is answered.
Refusal = tuple[str, str, str, str, str]
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


def make(connection: BaseDatabaseWrapper, rules: Iterable[Refusal]) -> None:
    """Install one trigger for each of what these tables refuse."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT current_schema()")
            schema = connection.ops.quote_name(cursor.fetchone()[0])
        for name, table, verb, wrong, message in rules:
            if connection.vendor == "postgresql":
                # A temporary table of the same name must not answer for ours: it comes last.
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
                    f"SET search_path = {schema}, pg_temp AS $$ BEGIN "
                    f"IF {wrong} THEN RAISE EXCEPTION '{message}' "
                    "USING ERRCODE = 'integrity_constraint_violation'; END IF; "
                    f"RETURN {'OLD' if verb == 'DELETE' else 'NEW'}; END $$"
                )
                cursor.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
            else:
                cursor.execute(
                    f"CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {wrong} "
                    f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
                )


def unmake(connection: BaseDatabaseWrapper, rules: Iterable[Refusal]) -> None:
    """The reverse of `make`."""
    with connection.cursor() as cursor:
        for name, table, *_rest in rules:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def different(vendor: str, names: Iterable[str]) -> str:
    """The SQL of « one of these columns changes », where one of them may be null."""
    sign = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    return " OR ".join(f"OLD.{name} {sign} NEW.{name}" for name in names)
