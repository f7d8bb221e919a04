"""The two keys that live outside the database: one wraps occasions' private keys, one signs receipts."""

import base64
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


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
