"""Small encrypted boxes (AES-256-GCM) for what is written and not yet deposited: drafts, kept forms."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketplace import keys

_NONCE = 12


class CannotOpen(Exception):
    """The box was altered, or is about something else."""


def encrypt(key: bytes, plain: bytes, about: str) -> bytes:
    """nonce ‖ ciphertext, bound to `about`."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, about.encode())


def decrypt(key: bytes, box: bytes, about: str) -> bytes:
    """The plain bytes, or CannotOpen."""
    try:
        return AESGCM(key).decrypt(bytes(box[:_NONCE]), bytes(box[_NONCE:]), about.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotOpen from error


def seal(plain: bytes, *, about: str) -> bytes:
    """A box with a key of its own, derived from the one that is not in the database."""
    return encrypt(keys.derived(f"box:{about}"), plain, about)


def open(box: bytes, *, about: str) -> bytes:
    return decrypt(keys.derived(f"box:{about}"), box, about)


def aes_cbc(key: bytes, start: bytes, plain: bytes) -> bytes:
    """AES-CBC without padding, as a PDF checks its password (marketplace/files/protection.py); no box of ours."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    return cipher.update(plain) + cipher.finalize()
