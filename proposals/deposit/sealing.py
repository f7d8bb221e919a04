"""Sealing, on one page, with one library (cryptography).

Each occasion has an X25519 pair; its private half is stored wrapped (AES-256-GCM) by a key derived from SEAL_KEY_FILE,
which does not live in the database. Each submission gets a fresh data key: the text and each file are encrypted with it
(AES-256-GCM), and the data key is wrapped to the occasion's public key with HPKE (RFC 9180: X25519, HKDF-SHA256,
AES-256-GCM). Drafts are encrypted at rest with a key of their own. Nothing here decides *when* to open:
proposals/opening/actions.py.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from marketplace import boxes, keys
from marketplace.boxes import CannotOpen, decrypt, encrypt
from marketplace.ledger.entries import canonical

_HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
FORMAT = "dan-envelope/1"
Content = dict[str, Any]  # JSON values


@dataclass(frozen=True)
class Sealed:
    """envelope: the bytes whose SHA-256 the receipt states. files: ciphertexts by file id, stored apart."""

    envelope: bytes
    digest: str
    files: dict[str, bytes]


def new_pair(occasion: str) -> tuple[bytes, bytes]:
    """(public key, wrapped private key) of one occasion."""
    private = X25519PrivateKey.generate()
    return private.public_key().public_bytes_raw(), encrypt(
        keys.derived(f"occasion:{occasion}"), private.private_bytes_raw(), occasion
    )


def seal(content: Content, files: dict[str, bytes], *, public_key: bytes, about: str) -> Sealed:
    """Seal a submission. `about` (occasion/proposal/version) is bound to every part: nothing can be swapped."""
    data_key = AESGCM.generate_key(256)
    boxes = {name: encrypt(data_key, blob, f"{about}/{name}") for name, blob in files.items()}
    wrapped = _HPKE.encrypt(data_key, X25519PublicKey.from_public_bytes(public_key), info=about.encode())
    envelope = canonical(
        {
            "format": FORMAT,
            "about": about,
            "data_key": base64.b64encode(wrapped).decode(),
            "content": base64.b64encode(encrypt(data_key, canonical(content), about)).decode(),
            "files": {name: hashlib.sha256(box).hexdigest() for name, box in boxes.items()},
        }
    )
    return Sealed(envelope, hashlib.sha256(envelope).hexdigest(), boxes)


class KeyUnavailable(CannotOpen):
    """SEAL_KEY_FILE is not the one that wrapped this occasion's key: nothing must be opened, nor declared altered."""


def private_key(wrapped: bytes, occasion: str) -> X25519PrivateKey:
    """The occasion's private key, unwrapped; KeyUnavailable when the platform's own key is the wrong one."""
    try:
        return X25519PrivateKey.from_private_bytes(decrypt(keys.derived(f"occasion:{occasion}"), wrapped, occasion))
    except CannotOpen as error:
        raise KeyUnavailable(occasion) from error


def unseal(envelope: bytes, *, digest: str, wrapped_private: bytes, occasion: str, about: str) -> tuple[Content, bytes]:
    """(content, data key); CannotOpen when a byte of the envelope changed, or when it is about something else."""
    if hashlib.sha256(envelope).hexdigest() != digest:
        raise CannotOpen
    try:
        parts = json.loads(envelope)
        if parts["format"] != FORMAT or parts["about"] != about:
            raise CannotOpen
        private = private_key(wrapped_private, occasion)
        data_key = _HPKE.decrypt(base64.b64decode(parts["data_key"]), private, info=about.encode())
        return json.loads(decrypt(data_key, base64.b64decode(parts["content"]), about)), data_key
    except (KeyError, TypeError, ValueError, InvalidTag) as error:
        raise CannotOpen from error


def open_file(box: bytes, *, data_key: bytes, envelope: bytes, about: str, name: str) -> bytes:
    """One file's plain bytes; CannotOpen unless its ciphertext is the one that the envelope names."""
    if json.loads(envelope)["files"].get(name) != hashlib.sha256(box).hexdigest():
        raise CannotOpen
    return decrypt(data_key, box, f"{about}/{name}")


def seal_draft(value: Content, *, about: str) -> bytes:
    """A draft: encrypted at rest, with a key that is not in the database."""
    return boxes.seal(canonical(value), about=f"draft:{about}")


def open_draft(box: bytes, *, about: str) -> Content:
    return dict(json.loads(boxes.open(box, about=f"draft:{about}")))
