"""The only door of stored bytes: kept under a name that is never used again, read, destroyed.

The order makes it right. Bytes are written, synced and compared with their digest first; the row that holds their exact
name is committed after. So a crash leaves bytes without a row, which the sweep removes (marketplace/files/sweep.py),
and never a row with other bytes. After the commit nothing deletes them but an act that says so.
"""

import hashlib
import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import SuspiciousFileOperation, ValidationError
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext as _

from marketplace.files.disk import Disk
from marketplace.files.storage import Storage

logger = logging.getLogger(__name__)
_SUFFIX = re.compile(r"(\.[a-z0-9]{1,10})?")
storage = cast(Storage, default_storage)  # Disk, or Bucket: STORAGES in marketplace/settings.py
_written: ContextVar[list[str] | None] = ContextVar("written", default=None)


class NotKept(ValidationError):
    """The bytes could not be written, or are not what was written. Nothing was kept; the page shows it, with 503."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        message = _(
            "Le fichier n’a pas pu être enregistré : le stockage est en difficulté. Rien n’a été déposé ni envoyé; "
            "réessayez dans quelques minutes."
        )
        super().__init__(*(args or [message]), **kwargs)


class Unreadable(Exception):
    """Stored bytes that cannot be given: `Missing`, `Unavailable` or `Altered`."""


class Missing(Unreadable):
    """They are not in the storage, which answers: lost."""


class Altered(Unreadable):
    """They are there, and they are not those that were kept: replaced or damaged. Nobody is given them."""


class Elsewhere(OSError):
    """The storage that answers is not this database's: a volume that is not mounted, or a setting that leads astray."""

    def __str__(self) -> str:
        return (
            "ce stockage n’est pas celui de cette base (sa marque y manque, ou est une autre) : un volume n’est pas "
            "monté, ou le réglage mène ailleurs"
        )


class Unavailable(Unreadable):
    """The storage is in trouble (rights, a folder in the way, input-output, an object store's refusal): wait."""


# --- In --------------------------------------------------------------------------------------------------------------
def keep(folder: str, content: bytes, suffix: str = "") -> str:
    """Write bytes under a new random name, prove that they are there, and answer the name that the row will hold.

    folder: the `upload_to` of the row's field. suffix: « .pdf », or nothing. NotKept if anything fails.
    """
    if folder not in folders() or not _SUFFIX.fullmatch(suffix):
        raise ValueError(f"{folder!r} {suffix!r}")
    name = f"{folder}/{uuid.uuid4()}{suffix}"
    try:
        check_ours()
        storage.write(name, content)
        same = hashlib.sha256(storage.read(name)).digest() == hashlib.sha256(content).digest()
    except OSError as error:
        # Neither name nor folder: before the opening, a line of the log tells nothing about who deposits.
        logger.critical("A file could not be kept: %s %s.", type(error).__name__, error.errno or "")
        raise NotKept from error
    if not same:
        logger.critical("A file that was just written is not what was written.")
        destroy(name)
        raise NotKept
    written = _written.get()
    if written is not None:
        written.append(name)
    return name


@contextmanager
def taken_back(*names: str) -> Iterator[None]:
    """Inside a transaction: if the block fails, the bytes kept in it, and `names`, are destroyed at once.

    Inside, never around: what fails after the commit (a message that cannot be queued) must destroy nothing. It is a
    courtesy for refusals, which are many; bytes left by any other failure are the sweep's.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("taken_back stands inside the transaction that it follows")
    written = list(names)
    before = _written.set(written)
    try:
        yield
    except BaseException:
        for name in written:
            destroy(name)
        raise
    finally:
        _written.reset(before)


# --- Out -------------------------------------------------------------------------------------------------------------
def read(name: str | None) -> bytes:
    """The bytes of the name that a row holds; Missing or Unavailable."""
    if not name:
        raise Missing("no name")
    try:
        return storage.read(name)
    except FileNotFoundError as error:
        missing = error
    except (OSError, SuspiciousFileOperation) as error:
        raise Unavailable(name) from error
    try:
        check_ours()  # nothing is lost in another storage than ours
    except OSError as error:
        raise Unavailable(name) from error
    raise Missing(name) from missing


def read_same(file: FieldFile) -> bytes:
    """The bytes of a row's file, those whose SHA-256 the same row holds (`sha256`); Missing, Unavailable or Altered.

    Whoever can write in the database or in the storage can put other bytes in their place: this is who would see it.
    """
    content = read(file.name)
    if hashlib.sha256(content).hexdigest() != cast(Any, file.instance).sha256:
        raise Altered(file.name)
    return content


def destroy_after_commit(name: str) -> None:
    """Destroy once the present transaction is committed. Ask it first: other acts after the commit may fail."""
    transaction.on_commit(lambda: destroy(name), robust=True)


def destroy(name: str) -> None:
    """Remove the bytes; a failure is written down and left to the sweep, never an error of the act."""
    try:
        storage.remove(name)
    except Exception as error:
        logger.error("A stored file could not be destroyed, the sweep will try again: %s.", type(error).__name__)


def location(place: Storage = storage) -> Path | None:
    """The folder of a storage that is on a disk; None for an object store."""
    return Path(place.location) if isinstance(place, Disk) else None


def tried() -> bool:
    """In each folder: write a file that no row holds, read it again, take it away; whether all came back as they went.

    OSError for any trouble.
    """
    same = True
    for folder in folders():
        content, name = uuid.uuid4().bytes, f"{folder}/{uuid.uuid4()}"
        storage.write(name, content)
        try:
            same = same and storage.read(name) == content
        finally:
            storage.remove(name)
    return same


def latest_lost(each: int = 3) -> int:
    """How many of the latest files of each kind cannot be found; Unavailable when the storage is in trouble."""
    lost = 0
    for model, field in fields():
        rows = model._base_manager.exclude(**{field.name: ""}).order_by("-pk")
        for name in rows.values_list(field.name, flat=True)[:each]:
            try:
                read(name)
            except Missing:
                lost += 1
    return lost


# --- Whose storage ---------------------------------------------------------------------------------------------------
MARK = "storage-mark"  # at the root of the storage, beside the folders


def check_ours() -> None:
    """Elsewhere unless the storage holds the mark that this database knows; OSError when it does not answer.

    Without it, an empty folder where a volume should be mounted looks like the loss of everything. A database that was
    never marked (before `migrate`) is not checked.
    """
    value = _marks().values_list("value", flat=True).first()
    if value is None:
        return
    try:
        found = storage.read(MARK)
    except FileNotFoundError as error:
        raise Elsewhere from error
    if found != value.encode():
        raise Elsewhere


def mark() -> None:
    """Write once, in the database and in the storage, that they belong together. `migrate` alone calls it."""
    if _marks().exists():
        return
    if storage.has(MARK):  # a database made anew beside its files
        value = storage.read(MARK).decode()
    else:
        value = str(uuid.uuid4())
        storage.write(MARK, value.encode())
    _marks().create(value=value)


def adopt(value: str | None = None, place: Storage = storage) -> None:
    """Say that this storage is the database's: its mark, or `value`, is written there over any other."""
    value = value or _marks().values_list("value", flat=True).get()
    place.remove(MARK)
    place.write(MARK, value.encode())


def _marks() -> Any:
    return apps.get_model("marketplace", "StorageMark").objects  # by its name: tables are made of what stands on us


# --- Who holds names -------------------------------------------------------------------------------------------------
def fields() -> list[tuple[type[models.Model], models.FileField]]:
    """Every column of every table that holds the name of stored bytes."""
    return [
        (model, field)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.FileField)
    ]


def folders() -> list[str]:
    """The folders of the storage that are ours, in order."""
    return sorted({str(field.upload_to) for _model, field in fields()})


def names() -> set[str]:
    """The names of stored bytes that rows hold."""
    return {
        name
        for model, field in fields()
        for name in model._base_manager.exclude(**{field.name: ""}).values_list(field.name, flat=True).iterator()
    }


def digested() -> list[tuple[type[models.Model], models.FileField]]:
    """Those of tables that hold the SHA-256 of the bytes too. The others' bytes are encrypted, and prove themselves."""
    return [
        (model, field) for model, field in fields() if any(one.name == "sha256" for one in model._meta.concrete_fields)
    ]


def altered() -> Iterator[str]:
    """The names of the stored bytes that are not those whose digest their row holds; one in memory at a time.

    OSError when the storage does not answer. What is missing is left out.
    """
    for model, field in digested():
        rows = model._base_manager.exclude(**{field.name: ""}).order_by("pk").values_list(field.name, "sha256")
        for name, digest in rows.iterator(chunk_size=500):
            with suppress(FileNotFoundError):
                if hashlib.sha256(storage.read(name)).hexdigest() != digest:
                    yield name


def absent() -> set[str]:
    """The names that rows hold of what the storage does not have, whosever it is. OSError when it does not answer."""
    return {name for name in names() if not storage.has(name)}
