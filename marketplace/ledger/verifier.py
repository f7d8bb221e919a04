"""tools/verify.py as it is published: its bytes and their digest, read once."""

import hashlib
from functools import cache

from django.conf import settings


@cache
def content() -> bytes:
    return (settings.BASE_DIR / "tools" / "verify.py").read_bytes()


@cache
def sha256() -> str:
    return hashlib.sha256(content()).hexdigest()
