"""What a drill stands on: a database of its own, and Django with nothing of whoever runs it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import environment


@contextlib.contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The DATABASE_URL of an empty database that ends with the block; « sqlite »: a file in `folder`."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'db.sqlite3'}"
        return
    from postgres import private_cluster  # only where it is asked for: it needs the server's programs

    with private_cluster(max_connections=20) as url:
        yield url


def configure(url: str, work: Path, **given: str) -> None:
    """Django in this process, on this database, migrated, its files in `work`; `given`: variables besides."""
    for name in environment.ours():
        os.environ.pop(name, None)
    os.environ |= {
        "DATABASE_URL": url, "VAR_DIR": str(work), "LOG_LEVEL": "CRITICAL",
        "DJANGO_SETTINGS_MODULE": "marketplace.settings", **given,
    }  # fmt: skip
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
