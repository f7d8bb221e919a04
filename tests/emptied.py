"""A database as it was migrated, after a test that committed: only the tables that hold something are emptied."""

from importlib import import_module

from django.apps import apps
from django.db import connection, transaction

from marketplace import keys
from tests.unguarded import unguarded

# What migrating writes and no test changes.
LEFT = {"django_migrations", "django_content_type", "auth_permission"}


def empty() -> None:
    """Delete what was committed, the triggers off, and write the migrations' own rows again."""
    with transaction.atomic(), connection.cursor() as cursor:
        tables = sorted(set(connection.introspection.table_names(cursor)) - LEFT)
        held = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in tables)
        cursor.execute(held)
        written = [table for (table,) in cursor.fetchall()]
        with unguarded():
            for table in written:
                cursor.execute(f'DELETE FROM "{table}"')
    for migration in ("marketplace.migrations.0003_first_terms", "contracts.migrations.0003_first_clauses"):
        import_module(migration).add(apps, None)
    keys.remember()
