"""Near-identical texts: sequences of five words (shingles), their Jaccard index, and MinHash to estimate it.

MinHash (Broder, 1997): under a random order of all shingles, the chance that two sets have the same smallest element is
their Jaccard index. 128 orders give an estimate whose standard error is at most 0.045. The orders are fixed: the same
text always has the same signature.
"""

import hashlib

from marketplace.search import fold

SHINGLE = 5  # words
PERMUTATIONS = 128
_PRIME = (1 << 30) - 35  # a prime: x → a·x + b modulo it reorders all hashes; small, for speed


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % _PRIME


_ORDERS = [(_number(f"a{rank}") or 1, _number(f"b{rank}")) for rank in range(PERMUTATIONS)]


def shingles(text: str) -> frozenset[str]:
    """Every run of five words, folded (capitals, accents and punctuation do not count); none in a shorter text."""
    found = "".join(sign if sign.isalnum() else " " for sign in fold(text)).split()
    return frozenset(" ".join(found[start : start + SHINGLE]) for start in range(len(found) - SHINGLE + 1))


def jaccard(one: frozenset, other: frozenset) -> float:
    """Shared elements over all elements, 0 to 1; two empty sets share nothing."""
    together = len(one | other)
    return len(one & other) / together if together else 0.0


def signature(elements: frozenset[str]) -> tuple[int, ...]:
    """128 smallest numbers; () for nothing."""
    numbers = [_number(element) for element in elements]
    return tuple(min((a * n + b) % _PRIME for n in numbers) for a, b in _ORDERS) if numbers else ()


def estimate(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """The Jaccard index as two signatures tell it."""
    if not one or not other:
        return 0.0
    return sum(a == b for a, b in zip(one, other, strict=True)) / PERMUTATIONS
