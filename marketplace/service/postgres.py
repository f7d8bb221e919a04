"""PostgreSQL's own programs: pg_dump and pg_restore, with the connection's address and never a password in a list."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

# Debian keeps each major version's programs apart, off PATH.
_DEBIAN = Path("/usr/lib/postgresql")


class ProgramFailed(Exception):
    """A program is missing, or refused; its text is for the operator."""


def dump(connection: BaseDatabaseWrapper, path: Path, *, snapshot: str) -> None:
    """Write the database as `snapshot` sees it: custom format, neither owners nor rights, which are the target's."""
    _run(
        "pg_dump",
        connection,
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
        f"--file={path}",
    )


def load(connection: BaseDatabaseWrapper, path: Path) -> None:
    """Put a dump into an empty database, whole or not at all."""
    # Comments name extensions, which a role that owns only the database may create and not comment.
    options = ("--no-owner", "--no-privileges", "--no-comments", "--single-transaction", "--exit-on-error")
    _run("pg_restore", connection, *options, str(path))


def check_can_load(connection: BaseDatabaseWrapper) -> None:
    """ProgramFailed when `load` could not do its work: no program, or a role that may not make tables."""
    _program("pg_restore")
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_schema_privilege(current_user, current_schema(), 'CREATE')")
        if not cursor.fetchone()[0]:
            raise ProgramFailed("ce rôle ne peut pas créer de tables : restaurez avec le rôle propriétaire de la base")


def _program(name: str) -> str:
    """The newest of Debian's, else the one on PATH: an older one refuses a newer server."""
    versions = [path for path in _DEBIAN.glob(f"*/bin/{name}") if path.parent.parent.name.isdecimal()]
    if versions:
        return str(max(versions, key=lambda path: int(path.parent.parent.name)))
    found = shutil.which(name)
    if not found:
        raise ProgramFailed(f"{name} n’est pas installé ici (paquet postgresql-client).")
    return found


def _run(name: str, connection: BaseDatabaseWrapper, *options: str) -> None:
    values: dict[str, Any] = connection.get_connection_params()
    arguments = [_program(name), "--no-password", *options]
    if name == "pg_restore":
        arguments.insert(1, f"--dbname={values['dbname']}")
    given = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    given |= {"PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert"}
    # Nothing of ours besides: variables of whoever runs this could lead to another server.
    environment = {key: str(values[value]) for key, value in given.items() if values.get(value)}
    done = subprocess.run(arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ProgramFailed(f"{name} a échoué : {said[0] if said else done.returncode}")
