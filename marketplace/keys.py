"""The two keys that live outside the database: one wraps occasions' private keys, one signs receipts."""

import base64
import hmac
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection


class SealKeyFault(ImproperlyConfigured):
    """This seal key and this database may not work together; says why, in a sentence for an operator."""


class OtherSealKey(SealKeyFault):
    """SEAL_KEY_FILE holds a seal key, and not the one of this database."""


class SealKeyUnknown(SealKeyFault):
    """The database does not say yet which seal key opens it: `manage.py migrate` has not written it."""


def create(path: Path, content: bytes) -> None:
    """Write a key file readable by its owner alone; FileExistsError rather than overwrite one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def new_seal_key() -> bytes:
    return base64.b64encode(os.urandom(32)) + b"\n"


def new_signing_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists() and not settings.PRODUCTION:
        with suppress(FileExistsError):  # another process of the same first start made it
            create(path, make())
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImproperlyConfigured(f"The key file {path.name} cannot be read: {error.strerror}.") from error


def seal_key(content: bytes) -> bytes:
    """The 32 bytes that a seal key file holds; ImproperlyConfigured when it is not one."""
    try:
        key = base64.b64decode(b"".join(content.split()), validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ImproperlyConfigured("SEAL_KEY_FILE must hold 32 bytes in base64.")
    return key


def signing_key(content: bytes) -> Ed25519PrivateKey:
    """The key that a signing key file holds; ImproperlyConfigured when it is not one."""
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # not a PEM file; encrypted; of an unknown kind
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured("SIGNING_KEY_FILE must hold an Ed25519 private key in PEM, without a password.")
    return key


def check() -> None:
    """Read both keys once; ImproperlyConfigured rather than find out at the first deposit."""
    _master()
    signing()


@cache
def _master() -> bytes:
    return seal_key(_read(settings.SEAL_KEY_FILE, new_seal_key))


def derived(purpose: str) -> bytes:
    """A 32-byte key for one purpose and one object (`"draft:<id>"`), derived from the master (HKDF, RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(_master())


# --- Which seal key opens this database ------------------------------------------------------------------------------
def verifier() -> str:
    """What a database keeps of the seal key: it tells one from another, and nothing of it nor of what it derives.

    An output of HKDF for a purpose of its own (RFC 5869, section 3.2), in hexadecimal.
    """
    return derived("key-check/1").hex()


def check_database() -> None:
    """Compare the seal key with the one that this database was begun with; None when it is the same.

    OtherSealKey, SealKeyUnknown, or ImproperlyConfigured for a file that is no key; DatabaseError when the database
    does not answer.
    """
    kept = _kept()
    if kept is None:
        raise SealKeyUnknown(
            "La base de données ne dit pas encore quelle clé de scellement l’ouvre : lancez « manage.py migrate »."
        )
    if not hmac.compare_digest(kept, verifier()):
        raise OtherSealKey(other_key())


def other_key() -> str:
    """The sentence that a process ends with, and `migrate` too."""
    return (
        f"La clé de scellement n’ouvre pas cette base de données : {settings.SEAL_KEY_FILE} tient une autre clé que "
        "celle avec laquelle la base a commencé. Rien n’a été changé. Remettez la bonne clé, ou la bonne base."
    )


def remember() -> None:
    """Write once which seal key opens this database. `migrate` alone calls it, when it may be believed."""
    _checks().get_or_create(pk=1, defaults={"verifier": verifier()})


def _checks() -> Any:
    return apps.get_model("marketplace", "KeyCheck").objects  # by its name: tables are made of what stands on us


def _kept() -> str | None:
    try:
        return _checks().values_list("verifier", flat=True).first()
    except DatabaseError:
        if _checks().model._meta.db_table in connection.introspection.table_names():
            raise
        return None  # never migrated, or by an earlier version


@cache
def signing() -> Ed25519PrivateKey:
    """The platform's Ed25519 key (RFC 8032)."""
    return signing_key(_read(settings.SIGNING_KEY_FILE, new_signing_key))


@cache
def public() -> bytes:
    """The 32 raw bytes of the public half."""
    return signing().public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def key_id() -> str:
    """The public half in base64: short enough to be its own name."""
    return base64.b64encode(public()).decode()


def sign(message: bytes) -> str:
    """Ed25519 signature in base64."""
    return base64.b64encode(signing().sign(message)).decode()
