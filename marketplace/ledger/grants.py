"""What the application's database role may do, table by table; `manage.py migrate` gives it, on PostgreSQL.

A table's owner can disable its triggers, and so can a superuser: in production web and worker connect as a role that
owns nothing (`APP_DATABASE_ROLE`), and that has the rows its acts need, no more. Each application says it of each of
its tables, in its `apps.py`: `rights`, {model's name: one of the constants below}. What nobody names gets nothing.
"""

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

READ = "SELECT"
APPEND = "SELECT, INSERT"  # what is written stays
KEEP = "SELECT, INSERT, UPDATE"  # what exists may change, and is never taken away
ROWS = "SELECT, INSERT, UPDATE, DELETE"
# Tables of packages, by application.
_OTHERS = {
    "account": ROWS,
    "admin": APPEND,
    "auth": READ,
    "contenttypes": READ,
    "mfa": ROWS,
    "sessions": ROWS,
}


def but(*columns: str) -> str:
    """What is written stays, except these columns: what a later act adds to the row."""
    return f"{APPEND}, UPDATE ({', '.join(columns)})"


def by_table() -> dict[str, str]:
    """{table: rights} of every model that has a table; "" where nobody says anything."""
    return {
        model._meta.db_table: _of(config, model._meta.model_name or "")
        for config in apps.get_app_configs()
        for model in config.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }


def _of(config: AppConfig, model: str) -> str:
    rights: dict[str, str] | None = getattr(config, "rights", None)
    return _OTHERS.get(config.label, "") if rights is None else rights.get(model, "")


def give(connection: BaseDatabaseWrapper) -> str:
    """Give the application's role exactly these rights, at once; its name, or "" where there is none to give to.

    That is on SQLite, where no role of this name exists, and where we are connected as that role (a first trial, a
    development database): then whoever migrates is also whoever serves, and the triggers are the only wall.
    """
    role = settings.APP_DATABASE_ROLE
    if connection.vendor != "postgresql":
        return ""
    name, door = connection.ops.quote_name(role), "erase_payload(bigint)"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname <> current_user", [role])
        if not cursor.fetchone():
            return ""
        cursor.execute("SELECT current_schema(), has_schema_privilege(%s, current_schema(), 'USAGE')", [role])
        schema, enters = cursor.fetchone()
        schema = connection.ops.quote_name(schema)
        if not enters:
            cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
        # What an installation of before gave to every table to come.
        cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {name}")
        cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON SEQUENCES FROM {name}")
        present = set(connection.introspection.table_names(cursor))
        for table, rights in sorted((by_table() | {"django_migrations": READ}).items()):
            if table in present:
                quoted = connection.ops.quote_name(table)
                cursor.execute(f"REVOKE ALL ON {quoted} FROM {name}")  # columns' rights too
                if rights:
                    cursor.execute(f"GRANT {rights} ON {quoted} TO {name}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}")
        cursor.execute("SELECT to_regprocedure(%s) IS NOT NULL", [door])
        if cursor.fetchone()[0]:
            cursor.execute(f"REVOKE ALL ON FUNCTION {door} FROM PUBLIC")  # a restored one is everybody's
            cursor.execute(f"GRANT EXECUTE ON FUNCTION {door} TO {name}")
    return role
