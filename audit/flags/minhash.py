"""Near-identical texts: sequences of five words (shingles), their Jaccard index, and MinHash to estimate it.

MinHash (Broder, 1997), of the kind with one order and many elements: put in a random order, the first 128 shingles of
two texts together are a sample of all of them, and the share of the sample that both texts have estimates their Jaccard
index, with a standard error of at most 0.045. The order is fixed: the same text always has the same signature.
"""

import hashlib
import heapq

from marketplace.search import fold

SHINGLE = 5  # words
SAMPLE = 128


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def shingles(text: str) -> frozenset[str]:
    """Every run of five words, folded (capitals, accents and punctuation do not count); none in a shorter text."""
    words = "".join(sign if sign.isalnum() else " " for sign in fold(text)).split()
    return frozenset(" ".join(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1))


def jaccard(one: frozenset, other: frozenset) -> float:
    """Shared elements over all elements, 0 to 1; two empty sets share nothing."""
    together = len(one | other)
    return len(one & other) / together if together else 0.0


def signature(elements: frozenset[str]) -> tuple[int, ...]:
    """The 128 smallest numbers of its elements, or all of them where there are fewer, in order."""
    return tuple(heapq.nsmallest(SAMPLE, map(_number, elements)))


def estimate(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """The Jaccard index as two signatures tell it."""
    if not one or not other:
        return 0.0
    sample = heapq.nsmallest(SAMPLE, {*one, *other})
    return len({*one} & {*other} & {*sample}) / len(sample)
