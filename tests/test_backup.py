"""Backup and restore: what is put back is what was there, byte for byte; anything else is refused beforehand."""

import hashlib
import json
import sqlite3
import stat
from contextlib import closing
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper

from marketplace import keys
from marketplace.dates import clock
from marketplace.files import store
from marketplace.files.disk import Disk
from marketplace.files.storage import Stored
from marketplace.ledger import entries as ledger
from marketplace.ledger.entries import GENESIS, canonical
from marketplace.models import LedgerEntry
from marketplace.service import backup, postgres
from marketplace.service.postgres import ProgramFailed
from tests.cast import person
from tests.conftest import NOW

CONTENTS = {"sealed/a.bin": b"\0sealed\xff" * 500, "livraisons/été.zip": b"PK\x03\x04", "drafts/vide.txt": b""}


class Memory(dict):
    """A storage as marketplace/files/storage.py describes it."""

    def write(self, name, content):
        self[name] = content

    def read(self, name):
        if name not in self:
            raise FileNotFoundError(name)
        return self[name]

    def remove(self, name):
        self.pop(name, None)

    def stored(self, folder):
        return [Stored(name, len(self[name]), NOW) for name in self if name.rpartition("/")[0] == folder]


def sqlite(path: Path, *rows: tuple[int, str], held=()) -> DatabaseWrapper:
    """A database of its own; with a ledger, and rows that hold the names of stored bytes, when there are `rows`."""
    made = DatabaseWrapper(connection.settings_dict | {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path),
                                                       "OPTIONS": {}, "TIME_ZONE": None}, alias="other")  # fmt: skip
    if rows:
        with closing(sqlite3.connect(path)) as base:
            base.execute("CREATE TABLE marketplace_ledgerentry (seq integer PRIMARY KEY, hash text)")
            base.executemany("INSERT INTO marketplace_ledgerentry VALUES (?, ?)", rows)
            for model, field in store.fields():
                base.execute(f"CREATE TABLE {model._meta.db_table} ({field.column} text)")
            base.executemany("INSERT INTO proposals_sealedfile VALUES (?)", [[name] for name in held])
            base.commit()
    return made


def stored(storage) -> dict[str, bytes]:
    return {name: storage.read(name) for name in backup.names(storage)}


def filled(storage):
    for name, content in CONTENTS.items():
        storage.write(name, content)
    return storage


@pytest.fixture
def made(db, tmp_path) -> Path:
    """A small backup: two entries in the ledger, three files."""
    with closing_wrapper(sqlite(tmp_path / "first.sqlite3", (1, "a" * 64), (2, "b" * 64))) as base:
        done = backup.make(tmp_path / "backup", connection=base, storage=filled(Memory()), at=NOW)
    assert done == ((2, "b" * 64), 3, sum(map(len, CONTENTS.values())), 0)
    return tmp_path / "backup"


class closing_wrapper:
    def __init__(self, wrapper):
        self.wrapper = wrapper

    def __enter__(self):
        return self.wrapper

    def __exit__(self, *error):
        self.wrapper.close()


def restore(folder: Path, tmp_path: Path, storage=None):
    storage = Memory() if storage is None else storage
    with closing_wrapper(sqlite(tmp_path / "second.sqlite3")) as base:
        done = backup.put_back(folder, connection=base, storage=storage)
        with base.cursor() as cursor:
            cursor.execute("SELECT seq, hash FROM marketplace_ledgerentry ORDER BY seq")
            rows = cursor.fetchall()
    return done, rows, storage


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_bytes())


def rewrite(folder: Path, change) -> None:
    manifest = manifest_of(folder)
    change(manifest)
    (folder / "manifest.json").write_bytes(canonical(manifest))


# --- There and back --------------------------------------------------------------------------------------------------
def test_what_comes_back_is_what_was_there(made, tmp_path):
    done, rows, storage = restore(made, tmp_path)
    assert rows == [(1, "a" * 64), (2, "b" * 64)] and done.head == (2, "b" * 64) and done.files == 3
    assert stored(storage) == CONTENTS


def test_to_and_from_a_disk(db, tmp_path):
    source = filled(Disk(tmp_path / "files"))
    with closing_wrapper(sqlite(tmp_path / "first.sqlite3", (1, "a" * 64))) as base:
        backup.make(tmp_path / "backup", connection=base, storage=source, at=NOW)
    target = Disk(tmp_path / "others")
    restore(tmp_path / "backup", tmp_path, target)
    assert stored(target) == stored(source) == CONTENTS


@pytest.mark.django_db(transaction=True)
def test_the_whole_database_and_its_rules_come_back(settings, tmp_path):
    """Ours, on this very kind of database: rows, and the triggers that make the ledger only grow."""
    owner = person("Odile Responsable")
    with transaction.atomic():
        last = ledger.record("essai", "essai", by=owner, at=clock.now())
    storage = filled(Memory())
    done = backup.make(tmp_path / "backup", connection=connection, storage=storage, at=clock.now())
    assert done.head == (last.seq, last.hash)
    with transaction.atomic():  # written after the snapshot: not in it
        ledger.record("essai", "essai", by=owner, at=clock.now())
    name = f"restored_{uuid4().hex[:12]}" if connection.vendor == "postgresql" else str(tmp_path / "second.sqlite3")
    other = connection.copy(alias="other")
    other.settings_dict = connection.settings_dict | {"NAME": name}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        done = backup.put_back(tmp_path / "backup", connection=other, storage=Memory())
        assert done.head == (last.seq, last.hash)
        with other.cursor() as cursor:
            cursor.execute("SELECT email FROM marketplace_user")
            assert cursor.fetchall() == [(owner.email,)]
            with pytest.raises(Exception, match="append-only"):
                cursor.execute("DELETE FROM marketplace_ledgerentry")
        assert LedgerEntry.objects.count() == last.seq + 1
        with pytest.raises(backup.Refused, match="pas vide"):
            backup.put_back(tmp_path / "backup", connection=other, storage=Memory())
    finally:
        other.close()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name}")


def test_it_says_what_it_holds_and_holds_no_key(made, settings):
    manifest = manifest_of(made)
    assert (manifest["type"], manifest["version"]) == ("dan-backup/1", "0.5.0")
    assert manifest["ledger"] == {"origin": settings.LEDGER_ORIGIN, "seq": 2, "hash": "b" * 64}
    assert {file["name"]: file["sha256"] for file in manifest["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()
    }
    keys.check()
    secrets = [settings.SEAL_KEY_FILE.read_bytes().strip(), settings.SIGNING_KEY_FILE.read_bytes()[40:80]]
    files = [path for path in made.rglob("*") if path.is_file()]
    assert len(files) == 5 and not [path for path in files for secret in secrets if secret in path.read_bytes()]


def test_only_its_owner_reads_it(made):
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [made, *made.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert len(modes) == 10


def test_an_empty_installation_comes_back_too(db, tmp_path):
    with closing_wrapper(sqlite(tmp_path / "first.sqlite3", (1, "a" * 64))) as base:
        with base.cursor() as cursor:
            cursor.execute("DELETE FROM marketplace_ledgerentry")
        done = backup.make(tmp_path / "backup", connection=base, storage=Disk(tmp_path / "no files yet"), at=NOW)
    assert done == ((0, GENESIS), 0, 0, 0)
    assert restore(tmp_path / "backup", tmp_path)[0] == done


class Forgetful(Memory):
    """Between the listing and the reading, or before the listing, an act removes a file."""

    def __init__(self, unlisted=(), unread=()):
        self.unlisted, self.unread = unlisted, unread

    def stored(self, folder):
        return [file for file in super().stored(folder) if file.name not in self.unlisted]

    def read(self, name):
        if name in self.unread:
            raise FileNotFoundError(name)
        return super().read(name)


@pytest.mark.parametrize("moment", ["unlisted", "unread"])
def test_a_file_that_is_not_there_any_more_is_named(db, tmp_path, moment):
    """Whatever the moment: what the rows of the very snapshot hold is compared with what was copied."""
    storage = filled(Forgetful(**{moment: ["drafts/vide.txt"]}))
    with closing_wrapper(sqlite(tmp_path / "first.sqlite3", (1, "a" * 64), held=CONTENTS)) as base:
        done = backup.make(tmp_path / "backup", connection=base, storage=storage, at=NOW)
    assert (done.files, done.gone) == (2, 1) and manifest_of(tmp_path / "backup")["gone"] == ["drafts/vide.txt"]
    restored, _rows, storage = restore(tmp_path / "backup", tmp_path)
    assert restored.gone == 1 and set(stored(storage)) == set(CONTENTS) - {"drafts/vide.txt"}


def test_a_storage_that_lost_everything_makes_no_backup(db, tmp_path):
    first = sqlite(tmp_path / "first.sqlite3", (1, "a" * 64), held=CONTENTS)
    with closing_wrapper(first) as base, pytest.raises(backup.Refused, match="Aucun des 3 fichiers"):
        backup.make(tmp_path / "backup", connection=base, storage=Memory(), at=NOW)
    with pytest.raises(backup.Refused, match="pas terminée"):
        backup.checked(tmp_path / "backup")


def test_a_storage_that_is_not_ours_makes_no_backup(db, tmp_path, settings):
    store.mark()
    settings.MEDIA_ROOT = tmp_path / "not mounted"
    settings.MEDIA_ROOT.mkdir()
    with pytest.raises(CommandError, match="n’est pas celui de cette base"):
        call_command("backup", str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()


def test_a_restored_storage_is_marked(db, tmp_path):
    source, value = filled(Memory()), str(uuid4())
    with closing_wrapper(sqlite(tmp_path / "first.sqlite3", (1, "a" * 64))) as base:
        with base.cursor() as cursor:
            cursor.execute("CREATE TABLE marketplace_storagemark (id integer, value text)")
            cursor.execute("INSERT INTO marketplace_storagemark VALUES (1, %s)", [value])
        backup.make(tmp_path / "backup", connection=base, storage=source, at=NOW)
    _done, _rows, storage = restore(tmp_path / "backup", tmp_path)
    assert storage[store.MARK] == value.encode()


def test_a_load_that_fails_leaves_the_storage_empty(made, tmp_path, monkeypatch):
    def fail(*args):
        raise ProgramFailed("permission refusée")

    monkeypatch.setattr(backup, "_load", fail)
    storage = Memory()
    with pytest.raises(ProgramFailed):
        restore(made, tmp_path, storage)
    assert not storage


# --- Refused, and nothing is written ---------------------------------------------------------------------------------
def changed_byte(folder):
    path = folder / "files" / "sealed" / "a.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


def changed_database(folder):
    with closing(sqlite3.connect(folder / "database.sqlite3")) as base:
        base.execute("UPDATE marketplace_ledgerentry SET hash = ? WHERE seq = 1", ["c" * 64])
        base.commit()


def leaves_the_folder(name):
    def change(folder):
        rewrite(folder, lambda manifest: manifest["files"][0].update(name=name))

    change.__name__ = f"named {name}"
    return change


def other_vendor(folder):
    rewrite(folder, lambda manifest: manifest["database"].update(vendor="postgresql"))


def nested(folder):
    (folder / "manifest.json").write_bytes(b"[" * 100_000)


TABLE = [
    (changed_byte, "empreinte"),
    (changed_database, "empreinte"),
    (lambda folder: (folder / "files" / "drafts" / "vide.txt").unlink(), "manque"),
    (lambda folder: (folder / "database.sqlite3").unlink(), "manque"),
    (lambda folder: (folder / "files" / "de-trop.txt").write_text("x"), "De trop"),
    (lambda folder: (folder / "seal.key").write_text("x"), "De trop"),
    (lambda folder: (folder / "manifest.json").unlink(), "manifeste"),
    (nested, "manifeste"),
    (lambda folder: (folder / "manifest.json").write_bytes(b"{}"), "format"),
    (lambda folder: rewrite(folder, lambda manifest: manifest.pop("files")), "incomplet"),
    (lambda folder: rewrite(folder, lambda manifest: manifest["files"][0].pop("sha256")), "incomplet"),
    (lambda folder: rewrite(folder, lambda manifest: manifest.pop("gone")), "incomplet"),
    (lambda folder: rewrite(folder, lambda manifest: manifest["ledger"].pop("hash")), "incomplet"),
    (other_vendor, "postgresql"),
    (leaves_the_folder("../evil"), "refusé"),
    (leaves_the_folder("/etc/evil"), "refusé"),
    (leaves_the_folder("a/../../evil"), "refusé"),
    (leaves_the_folder(""), "refusé"),
]


@pytest.mark.parametrize(("breaks", "said"), TABLE)
def test_what_is_not_whole_is_refused(made, tmp_path, breaks, said):
    breaks(made)
    storage = Memory()
    with pytest.raises(backup.Refused, match=said):
        restore(made, tmp_path, storage)
    assert not stored(storage)
    with closing(sqlite3.connect(tmp_path / "second.sqlite3")) as base:
        assert not base.execute("SELECT name FROM sqlite_master").fetchall()


def test_a_target_that_holds_anything_is_refused(made, tmp_path):
    full = Memory()
    full.write("sealed/là.txt", b"x")
    with pytest.raises(backup.Refused, match="stockage"):
        restore(made, tmp_path, full)
    assert stored(full) == {"sealed/là.txt": b"x"}
    with (
        closing_wrapper(sqlite(tmp_path / "third.sqlite3", (1, "a" * 64))) as base,
        pytest.raises(backup.Refused, match="pas vide"),
    ):
        backup.put_back(made, connection=base, storage=Memory())


def test_a_head_that_is_not_the_one_is_refused(made, tmp_path):
    rewrite(made, lambda manifest: manifest["ledger"].update(seq=3))
    with pytest.raises(backup.Refused, match="tête du registre"):
        restore(made, tmp_path)


def test_a_store_that_changes_what_it_is_given_is_refused(made, tmp_path):
    class Lying(Memory):
        def write(self, name, content):
            super().write(name, b"other")

    with pytest.raises(backup.Refused, match="tel quel"):
        restore(made, tmp_path, Lying())


def test_where_a_backup_may_not_be_written(db, tmp_path, settings):
    storage = Disk(tmp_path / "files")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    (tmp_path / "file").write_text("x")
    with closing_wrapper(sqlite(tmp_path / "first.sqlite3", (1, "a" * 64))) as base:
        for folder, said in (
            (tmp_path / "full", "pas vide"),
            (tmp_path / "file" / "y", "ne peut pas"),
            (tmp_path / "files" / "b", "dossier"),
        ):
            with pytest.raises(backup.Refused, match=said):
                backup.make(folder, connection=base, storage=storage, at=NOW)
        settings.SEAL_KEY_FILE = tmp_path / "files" / "keys" / "seal.key"
        with pytest.raises(backup.Refused, match="jamais les clés"):
            backup.make(tmp_path / "ok", connection=base, storage=storage, at=NOW)
    assert not (tmp_path / "ok" / "manifest.json").exists()


# --- The commands, the programs --------------------------------------------------------------------------------------
def test_the_commands_say_no_in_a_sentence(db, tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(CommandError, match="Sauvegarde non faite : .*pas vide"):
        call_command("backup", tmp_path, stdout=StringIO())
    with pytest.raises(CommandError, match="Restauration refusée : .*manifeste"):
        call_command("restore", tmp_path, stdout=StringIO())


def test_no_password_is_in_the_list_of_processes(monkeypatch, tmp_path):
    """And libpq's variables of whoever runs it lead to no other server."""
    ran = []

    def run(arguments, env, **options):
        ran.append((arguments, env))
        return SimpleNamespace(returncode=0, stderr=b"")

    monkeypatch.setattr(postgres.subprocess, "run", run)
    monkeypatch.setattr(postgres, "_program", lambda name: name)
    monkeypatch.setenv("PGHOST", "ailleurs.exemple")
    monkeypatch.setenv("PGSERVICE", "ailleurs")
    values = {"host": "base", "port": 5432, "user": "u", "password": "secret-de-la-base", "dbname": "d"}
    fake = SimpleNamespace(get_connection_params=lambda: values)
    postgres.dump(fake, tmp_path / "x", snapshot="0003-1")
    postgres.load(fake, tmp_path / "x")
    assert [arguments[0] for arguments, _env in ran] == ["pg_dump", "pg_restore"]
    for arguments, env in ran:
        assert "secret-de-la-base" not in " ".join(arguments) and "--no-password" in arguments
        assert (env["PGPASSWORD"], env["PGHOST"]) == ("secret-de-la-base", "base") and "PGSERVICE" not in env


def test_a_program_that_fails_says_its_first_line(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "_program", lambda name: name)
    answer = SimpleNamespace(returncode=1, stderr="pg_dump: error: refusé\nDETAIL: …".encode())
    monkeypatch.setattr(postgres.subprocess, "run", lambda *arguments, **options: answer)
    fake = SimpleNamespace(get_connection_params=lambda: {"dbname": "d"})
    with pytest.raises(postgres.ProgramFailed, match="pg_dump a échoué : pg_dump: error: refusé$"):
        postgres.dump(fake, tmp_path / "x", snapshot="0003-1")


def test_a_program_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)
    with pytest.raises(postgres.ProgramFailed, match="pg_dump n’est pas installé"):
        postgres._program("pg_dump")
