"""The verifiable draw for ties: anyone computes it again from three published things.

At publication the notice shows SHA-256(secret). When a tie must be broken the secret is published. With
seed = SHA-256(secret ‖ every opened envelope's digest, sorted), the tied come in the order of
SHA-256(seed ‖ own digest), smallest first. The secret was fixed before any proposal, and the digests by the vendors:
nobody chooses the outcome.
"""

import hashlib
from collections.abc import Iterable


def order(secret: bytes, all_digests: Iterable[str], tied: Iterable[str]) -> list[str]:
    """The tied digests in drawn order. tools/verify.py holds the same ten lines."""
    seed = hashlib.sha256(secret + "".join(sorted(all_digests)).encode()).digest()
    return sorted(tied, key=lambda digest: hashlib.sha256(seed + digest.encode()).hexdigest())


def commitment(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()
