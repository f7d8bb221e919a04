"""The migrated database, made once and copied for each process: migrating takes eight seconds, copying some hundredths.

Kept from one run to the next, in pytest's cache (SQLite) or beside the test databases (PostgreSQL), under a digest of
everything that a migration may read: our code, the locked dependencies and the seal key. Any change makes another.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from marketplace import keys
from marketplace.management.commands import migrate

ROOT = Path(__file__).resolve().parent.parent


def prepare(shared: Path, own: Path) -> None:
    """Have the test database that Django is about to create begin as a copy.

    shared: a folder for all processes; own: one for this process.
    """
    # Each test has a storage of its own: none is marked but by a test that asks.
    migrate.Command._mark_storage = lambda command: None  # type: ignore[method-assign]
    with _alone(shared / "lock"):
        if connection.vendor == "sqlite":
            template = shared / f"{_digest()}.sqlite3"
            if not template.exists():
                for old in shared.glob("*.sqlite3*"):
                    old.unlink()
                partial = shared / "partial.sqlite3"
                _migrate(str(partial))
                partial.rename(template)
            # A file, not memory: in memory, the threads of a live server would share the test's own connection.
            connection.settings_dict["TEST"]["NAME"] = str(shutil.copy(template, own / "test.sqlite3"))
            connection.settings_dict["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"  # no power cut is tested
        else:
            connection.settings_dict["TEST"]["TEMPLATE"] = _postgres_template()


def _migrate(name: str) -> None:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0, run_syncdb=True)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


def _postgres_template() -> str:
    prefix = f"test_{settings.DATABASES['default']['NAME']}_migrated_"
    template = prefix + _digest()
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
        present = {name for (name,) in cursor.fetchall()}
        if template not in present:
            for old in present | {prefix + "partial"}:
                cursor.execute(f'DROP DATABASE IF EXISTS "{old}"')
            cursor.execute(f'CREATE DATABASE "{prefix}partial"')
            _migrate(prefix + "partial")
            cursor.execute(f'ALTER DATABASE "{prefix}partial" RENAME TO "{template}"')
    return template


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; the system frees the lock of whoever dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest() -> str:
    digest = hashlib.sha256(keys.verifier().encode())  # which the database keeps
    houses = [folder.parent for folder in ROOT.glob("*/apps.py")]
    for path in sorted([ROOT / "requirements.lock", *(path for house in houses for path in house.rglob("*.py"))]):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
