"""A git bundle (`git bundle create travail.bundle main`), read through dulwich once its weight is known.

A pack names sizes that nobody must believe and deltas that multiply them, so `_weigh` reads it first, within bounds;
only then is dulwich allowed to unfold it.
"""

import io
import zlib
from collections.abc import Iterable
from typing import cast

from django.utils.translation import gettext as _
from dulwich.bundle import Bundle, read_bundle
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag
from dulwich.objects import Tree as GitTree
from dulwich.pack import PackData, PackInflater

HISTORY = 3  # every version of every file may weigh this many times what one tree may
MAX_DELTA_STEPS = 5_000_000  # about two seconds of reading
_MAX_DEPTH = 64
_OFFSET_DELTA, _REF_DELTA = 6, 7
_SUBMODULE, _FOLDER = 0o160000, 0o040000


class BundleError(Exception):
    """What is wrong with the bundle, as a sentence for the person."""


class TooBig(Exception):
    """More unpacked bytes than allowed."""


def read(
    blob: bytes, wanted: str | None, *, max_bytes: int, max_files: int
) -> tuple[dict[str, tuple[int, bytes]], str]:
    """({path: (mode, bytes)}, commit id) of the commit asked, or of the only one that the bundle offers.

    Submodules are kept as (160000, commit id in hexadecimal). Raises TooBig, or BundleError with a sentence.
    """
    start = blob.find(b"\n\nPACK")
    if start < 0:
        raise BundleError(_("Ce bundle git est abîmé ou incomplet."))
    if b"object-format=sha256" in blob[:start]:
        raise BundleError(_("Ce dépôt git utilise SHA-256 : un SWHID se calcule sur un dépôt SHA-1."))
    try:
        _weigh(memoryview(blob)[start + 2 :], max_bytes)
        with read_bundle(io.BytesIO(blob)) as bundle:
            if bundle.prerequisites:
                raise BundleError(_("Ce bundle est incomplet : il s’appuie sur des commits qu’il ne contient pas."))
            objects = {o.id: o for o in _unpacked(bundle) if not isinstance(o, Blob)}
            commit = objects.get(_choose(bundle, objects, wanted))
            if not isinstance(commit, Commit):
                raise BundleError(_("Ce bundle ne contient pas le commit demandé."))
            listed = _list(objects, commit.tree, max_files)
            needed = {identity for _path, mode, identity in listed if mode != _SUBMODULE}
            blobs = {o.id: o.data for o in _unpacked(bundle) if isinstance(o, Blob) and o.id in needed}
        tree = {p: (mode, i if mode == _SUBMODULE else blobs[i]) for p, mode, i in listed}
    except (BundleError, TooBig):
        raise
    except Exception as error:  # dulwich answers a broken pack with whatever exception it meets
        raise BundleError(_("Ce bundle git est abîmé ou incomplet.")) from error
    if sum(len(data) for _mode, data in tree.values()) > max_bytes:
        raise TooBig
    return tree, commit.id.decode()


def _unpacked(bundle: Bundle) -> Iterable[ShaFile]:
    """Every object of the pack."""
    return PackInflater.for_pack_data(cast(PackData, bundle.pack_data))  # what read_bundle always makes of it


def _choose(bundle: Bundle, objects: dict[ObjectID, ShaFile], wanted: str | None) -> ObjectID:
    """The commit's id: the one asked for, else HEAD's, else the only one that the references lead to."""
    if wanted:
        return ObjectID(wanted.lower().encode("ascii", "replace"))
    heads = {bytes(name): _peeled(objects, identity) for name, identity in bundle.references.items()}
    if b"HEAD" in heads:
        return heads[b"HEAD"]
    if len(set(heads.values())) != 1:
        raise BundleError(_("Ce bundle contient plusieurs branches : précisez le commit livré."))
    return next(iter(heads.values()))


def _peeled(objects: dict[ObjectID, ShaFile], identity: bytes) -> ObjectID:
    """Through annotated tags (a few at most: tags may point to tags)."""
    target = ObjectID(identity)
    for _step in range(10):
        tag = objects.get(target)
        if not isinstance(tag, Tag):
            break
        target = tag.object[1]
    return target


def _list(objects: dict[ObjectID, ShaFile], root: ObjectID, max_files: int) -> list[tuple[str, int, ObjectID]]:
    """Every file of a tree as (path, mode, id); folders count too, since a small pack can repeat one without end."""
    listed: list[tuple[str, int, ObjectID]] = []
    waiting, seen = [("", root, 0)], 0
    while waiting:
        folder, identity, depth = waiting.pop()
        tree = objects[identity]
        if not isinstance(tree, GitTree) or depth > _MAX_DEPTH:
            raise BundleError(_("Ce bundle git est abîmé ou incomplet."))
        for name, mode, entry in tree.iteritems():
            seen += 1
            if seen > max_files:
                raise BundleError(_("Le commit contient plus de 50 000 fichiers."))
            path = folder + name.decode("utf-8", "surrogateescape")
            if mode == _FOLDER:
                waiting.append((f"{path}/", entry, depth + 1))
            else:
                listed.append((path, mode, entry))
    return listed


def _weigh(pack: memoryview, max_bytes: int) -> None:
    """Add up what every object unfolds to, without unfolding a delta; TooBig past the bounds."""
    count, position, total, steps = int.from_bytes(pack[8:12], "big"), 12, 0, 0
    for _number in range(count):
        byte = pack[position]
        kind, size, shift = (byte >> 4) & 7, byte & 15, 4
        while byte & 0x80:
            position, byte = position + 1, pack[position + 1]
            size, shift = size | (byte & 0x7F) << shift, shift + 7
        position += 1
        if kind == _REF_DELTA:
            position += 20
        elif kind == _OFFSET_DELTA:
            while pack[position] & 0x80:
                position += 1
            position += 1
        if size > max_bytes:
            raise TooBig
        data, position = _inflate(pack, position, size)
        if kind in (_OFFSET_DELTA, _REF_DELTA):
            size, steps = _unfolded(data, steps)
        total += max(size, len(data))
        if size > max_bytes or total > HISTORY * max_bytes:
            raise TooBig


def _inflate(pack: memoryview, position: int, size: int) -> tuple[bytes, int]:
    """(the object's bytes, where the next one starts). Fed little by little: zlib copies all that it leaves unread."""
    inflater, parts, length = zlib.decompressobj(), [], 0
    while not inflater.eof:
        chunk = bytes(pack[position : position + 4096])
        if not chunk:
            raise EOFError
        parts.append(inflater.decompress(chunk, size + 1 - length))
        length += len(parts[-1])
        position += len(chunk) - len(inflater.unconsumed_tail) - len(inflater.unused_data)
        if length > size:
            raise ValueError("an object is longer than it says")
    return b"".join(parts), position


def _unfolded(delta: bytes, steps: int) -> tuple[int, int]:
    """(bytes that the delta's instructions make, steps read so far)."""
    position, size = 0, 0
    for _header in range(2):  # the base's size and the result's, as the pack declares them
        while delta[position] & 0x80:
            position += 1
        position += 1
    while position < len(delta):
        steps += 1
        if steps > MAX_DELTA_STEPS:
            raise TooBig
        code = delta[position]
        position += 1
        if not code & 0x80:
            size, position = size + code, position + code
            continue
        position += (code & 0x0F).bit_count()  # the offset's bytes
        copied = 0
        for bit in range(3):
            if code & (0x10 << bit):
                copied |= delta[position] << (8 * bit)
                position += 1
        size += copied or 0x10000
    return size, steps
