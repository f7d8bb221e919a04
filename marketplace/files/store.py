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
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import SuspiciousFileOperation, ValidationError
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
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
    """Stored bytes that cannot be read: `Missing` or `Unavailable`."""


class Missing(Unreadable):
    """They are not in the storage, which answers: lost."""


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
        raise Missing(name) from error
    except (OSError, SuspiciousFileOperation) as error:
        raise Unavailable(name) from error


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
    """Write a file that no row holds, read it again, take it away; whether what came back is what went in.

    OSError, or whatever an object store's client raises.
    """
    content, name = uuid.uuid4().bytes, f"{folders()[0]}/{uuid.uuid4()}"
    storage.write(name, content)
    try:
        return storage.read(name) == content
    finally:
        storage.remove(name)


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
