"""The tree of RFC 9162: the vectors of RFC 6962's reference code, and every small tree against the definition."""

import hashlib
import itertools

import pytest

from marketplace.ledger import merkle
from tests.test_ledger import verify

# The eight leaves, roots and proofs that the reference implementations of Certificate Transparency test with.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A, B, C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
D, E, F = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
)
# position (from 0), size, path
INCLUSION = [
    (0, 1, []), (0, 8, [A, B, C]), (5, 8, [D, E, ROOTS[4]]), (2, 3, [ROOTS[2]]), (1, 5, [ROOTS[1], B, D]),
]  # fmt: skip
CONSISTENCY = [(1, 1, []), (1, 8, [A, B, C]), (6, 8, [F, E, ROOTS[4]]), (2, 5, [B, D])]
HASHES = [merkle.leaf(bytes.fromhex(text)) for text in LEAVES]


def tree(hashes):
    return lambda start, end: merkle.root(hashes[start:end])


@pytest.mark.parametrize("size", range(9))
def test_roots(size):
    assert merkle.root(HASHES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("position", "size", "path"), INCLUSION)
def test_inclusion_proofs(position, size, path):
    assert [step.hex() for step in merkle.inclusion(position, size, tree(HASHES))] == path
    root = verify.root_from_inclusion(HASHES[position], position, size, [bytes.fromhex(step) for step in path])
    assert root.hex() == ROOTS[size]


@pytest.mark.parametrize(("first", "second", "path"), CONSISTENCY)
def test_consistency_proofs(first, second, path):
    assert [step.hex() for step in merkle.consistency(first, second, tree(HASHES))] == path
    steps = [bytes.fromhex(step) for step in path]
    assert verify.roots_from_consistency(first, second, bytes.fromhex(ROOTS[first]), steps) == (
        bytes.fromhex(ROOTS[first]),
        bytes.fromhex(ROOTS[second]),
    )


def definition(hashes):
    """MTH of RFC 9162 §2.1.1, word for word."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256().digest()
    k = max(2**power for power in range(12) if 2**power < len(hashes))
    return hashlib.sha256(b"\x01" + definition(hashes[:k]) + definition(hashes[k:])).digest()


def test_every_small_tree_agrees_with_the_definition_and_with_the_verifier():
    hashes = [merkle.leaf(bytes([number])) for number in range(40)]
    seen = 0
    frontier = verify.Frontier()
    for size in range(1, 41):
        frontier.add(hashes[size - 1])
        root = definition(hashes[:size])
        assert root == merkle.root(hashes[:size]) == frontier.root()
        for position in range(size):
            path = merkle.inclusion(position, size, tree(hashes))
            assert verify.root_from_inclusion(hashes[position], position, size, path) == root
            seen += 1
        for first in range(1, size + 1):
            path = merkle.consistency(first, size, tree(hashes))
            old = definition(hashes[:first])
            assert verify.roots_from_consistency(first, size, old, path) == (old, root)
            seen += 1
    assert seen == 1640


def test_a_wrong_proof_gives_another_root():
    """Any step changed, dropped, added or moved; any other position or size."""
    hashes = [merkle.leaf(bytes([number])) for number in range(13)]
    tried = 0
    for position, size in itertools.product(range(13), range(2, 14)):
        if position >= size:
            continue
        root, path = merkle.root(hashes[:size]), merkle.inclusion(position, size, tree(hashes))
        wrong = [path[:-1], [*path, path[0]], *([*path[:n], merkle.EMPTY, *path[n + 1 :]] for n in range(len(path)))]
        for steps in wrong:
            assert verify.root_from_inclusion(hashes[position], position, size, steps) != root
            tried += 1
        for other in range(size):
            if other != position:
                assert verify.root_from_inclusion(hashes[position], other, size, path) != root
                tried += 1
    for first, second in itertools.product(range(1, 14), repeat=2):
        if first >= second:
            continue
        old, new = merkle.root(hashes[:first]), merkle.root(hashes[:second])
        path = merkle.consistency(first, second, tree(hashes))
        for steps in [path[:-1], [*path, path[0]], [merkle.EMPTY, *path[1:]], [*path[:-1], merkle.EMPTY]]:
            assert verify.roots_from_consistency(first, second, old, steps) != (old, new)
            tried += 1
    assert tried > 1000


def test_proofs_that_cannot_exist():
    for position, size in [(-1, 3), (3, 3), (0, 0)]:
        with pytest.raises(ValueError):
            merkle.inclusion(position, size, tree(HASHES))
    for first, second in [(0, 3), (4, 3), (0, 0)]:
        with pytest.raises(ValueError):
            merkle.consistency(first, second, tree(HASHES))
