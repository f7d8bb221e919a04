"""A backup that can be checked: a snapshot of the database, then the files, and a manifest of both. Never the keys.

The database comes first: a file is written before its row is committed, so each row of the snapshot has its file when
the files are copied afterwards. What the rows of the snapshot hold is compared with what was copied: a file that was
lost before, or that a later act removed meanwhile, is named in the manifest as gone.

What is written is as private as the database: folders 0700, files 0600. It holds sealed envelopes, which only the seal
key opens, and personal information, which nothing protects: encrypt it before it leaves the machine.
"""

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.files import store
from marketplace.files.documents import read_json
from marketplace.files.storage import Storage
from marketplace.ledger.entries import GENESIS, canonical, instant
from marketplace.service import postgres

FORMAT = "dan-backup/1"
MANIFEST = "manifest.json"
FILES = "files"


class Refused(Exception):
    """What keeps a backup from being made, or put back; its text is for the operator."""


class Head(NamedTuple):
    """The ledger's last entry: its number (0: none) and its hash."""

    seq: int
    hash: str


class Done(NamedTuple):
    """files and size (bytes) without the database; gone: files that rows of the snapshot hold and that are nowhere."""

    head: Head
    files: int
    size: int
    gone: int


# --- Making one ------------------------------------------------------------------------------------------------------
def make(folder: Path, *, connection: BaseDatabaseWrapper, at: datetime, storage: Storage = store.storage) -> Done:
    """Write a backup into `folder`, which must be absent or empty. Refused; without a manifest, it is not finished."""
    if files_folder := store.location(storage):
        _apart(folder, files_folder)
    if storage is store.storage:
        try:
            store.check_ours()
        except store.Elsewhere as error:
            raise Refused(f"{error}.") from error
    _private_folder(folder)
    before = os.umask(0o077)
    try:
        name, head, held = _snapshot(folder, connection)
        files = _copy(folder / FILES, storage)
        gone = sorted(held - {file["name"] for file in files})
        if gone and not files:
            raise Refused(f"Aucun des {len(gone)} fichiers que la base tient n’est dans ce stockage.")
        manifest = {
            "type": FORMAT,
            "at": instant(at),
            "version": version(),
            "database": {"vendor": connection.vendor, **_facts(folder, name)},
            "ledger": {"origin": settings.LEDGER_ORIGIN, "seq": head.seq, "hash": head.hash},
            "files": files,
            "gone": gone,
        }
        (folder / MANIFEST).write_bytes(canonical(manifest) + b"\n")
    finally:
        os.umask(before)
    return Done(head, len(files), sum(file["size"] for file in files), len(gone))


def version() -> str:
    """This product's, as publiccode.yml says it: an installed package may be another."""
    text = (settings.BASE_DIR / "publiccode.yml").read_text(encoding="utf-8")
    found = re.search(r"^softwareVersion:\s*[\"']?([\w.+-]+)", text, re.MULTILINE)
    return found[1] if found else ""


def _private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refused(f"{folder} n’est pas vide : une sauvegarde n’en recouvre jamais une autre.")
        folder.chmod(0o700)
    except OSError as error:
        raise Refused(f"{folder} ne peut pas être écrit : {error.strerror}.") from error


def _apart(folder: Path, files: Path) -> None:
    """The backup must not copy itself, nor take the keys with the files."""
    if folder.resolve().is_relative_to(files.resolve()):
        raise Refused(f"{folder} est dans le dossier des fichiers : choisissez-en un autre.")
    for key in (settings.SEAL_KEY_FILE, settings.SIGNING_KEY_FILE):
        if key.resolve().is_relative_to(files.resolve()):
            raise Refused(
                f"{key} est dans le dossier des fichiers : sortez-la, une sauvegarde ne prend jamais les clés."
            )


def _snapshot(folder: Path, connection: BaseDatabaseWrapper) -> tuple[str, Head, set[str]]:
    """(name of the file, the ledger's head in it, the names of stored bytes that its rows hold).

    All three of the very snapshot, whatever is written meanwhile.
    """
    if connection.vendor == "sqlite":
        name = "database.sqlite3"
        connection.ensure_connection()
        with closing(sqlite3.connect(folder / name)) as target:
            connection.connection.backup(target)
            return name, _head(target.execute(_HEAD)), _held(target)
    name = "database.dump"
    # pg_dump reads the same snapshot as this transaction, for as long as it lasts.
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        cursor.execute(_HEAD)
        head, held = _head(cursor), _held(cursor)
        postgres.dump(connection, folder / name, snapshot=snapshot)
    return name, head, held


def _head(cursor: Any) -> Head:
    row = cursor.fetchone()
    return Head(*row) if row else Head(0, GENESIS)


def _held(database: Any) -> set[str]:
    """Every name of stored bytes that a row holds. `database`: a cursor, or a connection of sqlite3."""
    held = set()
    for model, field in store.fields():
        rows = database.execute(f'SELECT "{field.column}" FROM "{model._meta.db_table}" WHERE "{field.column}" <> \'\'')
        held |= {name for (name,) in (rows or database).fetchall()}
    return held


_MARKS = "marketplace_storagemark"
_HEAD = "SELECT seq, hash FROM marketplace_ledgerentry ORDER BY seq DESC LIMIT 1"


def names(storage: Storage) -> Iterator[str]:
    """Every file of a storage in the folders that are ours, by name."""
    for folder in store.folders():
        yield from sorted(file.name for file in storage.stored(folder))


def _copy(folder: Path, storage: Storage) -> list[dict[str, Any]]:
    folder.mkdir(mode=0o700)
    files = []
    for name in names(storage):
        path = folder / _safe(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            content = storage.read(name)
        except FileNotFoundError:  # its act removed it between the list and here
            continue
        with open(path, "xb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        files.append({"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    return files


def _safe(name: str) -> PurePosixPath:
    """The name as a path below a folder. Refused when it would leave it."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise Refused(f"Nom de fichier refusé : {name!r}.")
    return path


def _facts(folder: Path, name: str) -> dict[str, Any]:
    with open(folder / name, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"name": name, "size": file.tell(), "sha256": digest}


# --- Putting it back -------------------------------------------------------------------------------------------------
def put_back(folder: Path, *, connection: BaseDatabaseWrapper, storage: Storage = store.storage) -> Done:
    """Put a backup into an empty database and an empty storage, then check the ledger's head.

    Refused before anything is written when a digest differs, something is missing or one too many, or the target holds
    anything. The files first, the database last and at once: a site that starts too early finds no table rather than
    rows without their files.
    """
    manifest = checked(folder)
    if manifest["database"]["vendor"] != connection.vendor:
        raise Refused(
            f"Cette sauvegarde est celle d’une base {manifest['database']['vendor']}, pas {connection.vendor}."
        )
    if connection.introspection.table_names():
        raise Refused("La base de données n’est pas vide : donnez-en une neuve à DATABASE_URL.")
    if next(names(storage), None):
        raise Refused("Le stockage des fichiers n’est pas vide : donnez-en un neuf à MEDIA_ROOT.")
    if connection.vendor == "postgresql":
        postgres.check_can_load(connection)
    written: list[str] = []
    try:
        for file in manifest["files"]:
            written.append(file["name"])
            _put(folder / FILES / _safe(file["name"]), file, storage)
        _load(connection, folder / manifest["database"]["name"])
    except BaseException:  # another try finds the storage as empty as this one did
        for name in written:
            with suppress(OSError):
                storage.remove(name)
        raise
    with connection.cursor() as cursor:
        cursor.execute(_HEAD)
        head = _head(cursor)
        mark = None
        if _MARKS in connection.introspection.table_names(cursor):  # absent from a backup of before it
            cursor.execute(f"SELECT value FROM {_MARKS}")
            mark = cursor.fetchone()
    if head != Head(manifest["ledger"]["seq"], manifest["ledger"]["hash"]):
        raise Refused("La tête du registre n’est pas celle de la sauvegarde : ne vous servez pas de cette base.")
    if mark:
        store.adopt(mark[0], storage)
    return Done(head, len(manifest["files"]), sum(file["size"] for file in manifest["files"]), len(manifest["gone"]))


def _load(connection: BaseDatabaseWrapper, database: Path) -> None:
    if connection.vendor != "sqlite":
        postgres.load(connection, database)
        return
    connection.ensure_connection()
    with closing(sqlite3.connect(f"file:{database.resolve()}?mode=ro&immutable=1", uri=True)) as source:
        source.backup(connection.connection)


def _put(path: Path, facts: dict[str, Any], storage: Storage) -> None:
    """One file under the very name that its row holds, read again from the storage."""
    storage.write(facts["name"], path.read_bytes())
    if hashlib.sha256(storage.read(facts["name"])).hexdigest() != facts["sha256"]:
        raise Refused(f"{facts['name']} n’est pas revenu tel quel du stockage.")


def checked(folder: Path) -> dict[str, Any]:
    """The manifest, once every digest agrees and nothing else is there. Refused otherwise."""
    try:
        manifest = read_json((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(f"{folder} n’a pas de manifeste lisible : la sauvegarde n’est pas terminée.") from error
    if not isinstance(manifest, dict) or manifest.get("type") != FORMAT:
        raise Refused(f"{folder} n’est pas une sauvegarde de ce format ({FORMAT}).")
    known = {MANIFEST}
    try:
        for file, below in [(manifest["database"], ""), *((file, f"{FILES}/") for file in manifest["files"])]:
            name = f"{below}{_safe(file['name'])}"
            known.add(name)
            facts = _facts(folder, name)
            if (facts["size"], facts["sha256"]) != (file["size"], file["sha256"]):
                raise Refused(f"{name} n’est pas celui de la sauvegarde : son empreinte diffère.")
        (
            len(manifest["gone"]),
            manifest["database"]["vendor"],
            Head(manifest["ledger"]["seq"], manifest["ledger"]["hash"]),
        )
    except FileNotFoundError as error:
        raise Refused(f"Il manque un fichier à la sauvegarde : {Path(error.filename).name}.") from error
    except (KeyError, TypeError) as error:
        raise Refused("Le manifeste est incomplet.") from error
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if there != known:
        raise Refused(f"De trop dans la sauvegarde : {', '.join(sorted(there - known)[:5])}.")
    return manifest
