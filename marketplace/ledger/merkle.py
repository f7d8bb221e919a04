"""Merkle trees as RFC 9162 §2.1 defines them (the same as RFC 6962 §2.1), with SHA-256.

A tree is given by `size`, its number of leaves, and `root_of(start, end)`: the root of its leaves start..end (end not
included), which the caller computes from what it keeps. Positions count from 0. Hashes are 32 raw bytes.
"""

import hashlib
from collections.abc import Callable, Sequence

RootOf = Callable[[int, int], bytes]
EMPTY = hashlib.sha256().digest()


def leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two below `size` (at least 2): where the tree parts."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves, or over roots of equal, complete subtrees."""
    if not leaves:
        return EMPTY
    level = list(leaves)
    while len(level) > 1:
        paired = [node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[-1:] if len(level) % 2 else paired
    return level[0]


def inclusion(position: int, size: int, root_of: RootOf) -> list[bytes]:
    """The path from a leaf to the root of the first `size` leaves, deepest first (RFC 9162 §2.1.3.1)."""
    if not 0 <= position < size:
        raise ValueError("The leaf is not in the tree.")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if position < middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start = middle
    return path[::-1]


def consistency(first: int, second: int, root_of: RootOf) -> list[bytes]:
    """What shows that the first `first` leaves of `second` did not change (RFC 9162 §2.1.4.1); empty when equal."""
    if not 0 < first <= second:
        raise ValueError("A consistency proof goes from a tree that is not empty to one at least as large.")
    path, start, end, whole = [], 0, second, True
    while first - start != end - start:
        middle = start + split(end - start)
        if first <= middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start, whole = middle, False
    return ([] if whole else [root_of(start, end)]) + path[::-1]


class Growing:
    """A tree that grows by a leaf at a time, kept as the roots of its complete subtrees, the largest first."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)

    def add(self, leaf_hash: bytes) -> None:
        size = self.size
        while size & 1:
            leaf_hash, size = node(self.peaks.pop(), leaf_hash), size >> 1
        self.peaks.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY
        top = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            top = node(peak, top)
        return top
