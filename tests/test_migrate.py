"""`manage.py migrate`: what it says of a database that an earlier version made, and of the application under way."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from django.db.migrations import Migration

from marketplace.management.commands.migrate import Command

ROOT = Path(__file__).parent.parent


def migrate(var: Path, *arguments: str) -> subprocess.CompletedProcess:
    """In a process of its own, on the SQLite database of this folder."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", *arguments],
        cwd=ROOT,
        env=environment | {"VAR_DIR": str(var)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def made_by(var: Path, *applied: tuple[str, str]) -> Path:
    """A database that holds nothing but the names of the migrations applied to it."""
    file = var / "db.sqlite3"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied text)")
        database.executemany("INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2026-01-01')", applied)
    return file


def tables(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def test_a_database_of_before_is_told_in_one_sentence_and_left_as_it_is(tmp_path):
    file = made_by(tmp_path, ("contenttypes", "0001_initial"), ("contracts", "0004_contents_and_reminders"))
    done = migrate(tmp_path, "--by-app")
    assert done.returncode == 1 and not done.stdout
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith(f"CommandError: La base de données {file} vient d’une version d’avant")
    assert "(contracts.0004_contents_and_reminders n’existe plus)" in sentence
    assert "Rien n’a été changé" in sentence and "mv var var-avant" in sentence
    assert tables(file) == ["django_migrations"]


@pytest.mark.parametrize("applied", [(), (("an_app_of_others", "0009_gone"),)], ids=["untouched", "others"])
def test_an_untouched_new_database_passes(tmp_path, applied):
    if applied:
        made_by(tmp_path, *applied)
    done = migrate(tmp_path, "--plan")
    assert done.returncode == 0, done.stderr
    assert "contracts.0001_initial" in done.stdout and not done.stderr


def test_each_application_is_named_when_its_tables_are_made():
    """The first migration takes seconds: `make run` shows where it is."""

    def said(*, by_app: bool) -> list[str]:
        out = StringIO()
        command = Command(stdout=out)
        command.verbosity, command.by_app = 0, by_app
        for app, name in [("vendors", "0001"), ("contracts", "0001"), ("contracts", "0002"), ("vendors", "0002")]:
            for action in ("apply_start", "apply_success"):
                command.migration_progress_callback(action, Migration(name, app))
        return out.getvalue().splitlines()

    assert said(by_app=True) == ["migrate: vendors", "migrate: contracts", "migrate: vendors"]
    assert said(by_app=False) == []
