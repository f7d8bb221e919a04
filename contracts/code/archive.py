"""A source archive (.zip, .tar, .tar.gz, .tar.xz, git bundle) read in memory into the tree that git would keep.

Nothing is extracted on disk and no header is believed: sizes are counted while reading. What git does not keep is
dropped as git drops it (owners, dates, empty folders; modes become 100644, 100755 or 120000).

An archive holds what its maker put in it: `export-ignore` and `export-subst` attributes, or submodules (which archives
leave as empty folders), make its directory id differ from the commit's own tree. A git bundle has none of these gaps.
"""

import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

from django.utils.translation import gettext as _

from contracts.code import bundle
from marketplace.lifecycle import complain

MAX_BYTES = 200 * 1024 * 1024  # all files together, unpacked
MAX_FILES = 50_000
MAX_DEPTH = 64  # folders, one inside another
MAX_PATH = 4_096  # bytes, as on Linux
# A source tree packs 3 to 20 times; a bomb, a thousand. Small archives get the floor whatever their ratio.
MAX_RATIO = 200
RATIO_FLOOR = 10 * 1024 * 1024
XZ_MEMORY = 128 * 1024 * 1024  # what xz -9 needs, twice

FILE, EXECUTABLE, SYMLINK, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000
# {path with "/": (mode, bytes)}: the file's bytes, the symlink's target, or the submodule's commit in hexadecimal.
# Names that are not UTF-8 keep their bytes as lone surrogates (PEP 383), so that no id changes.
Tree = dict[str, tuple[int, bytes]]
Entry = tuple[str, int | None, bytes]  # path as written, mode or None for a folder, bytes
Checked = tuple[list[str], int | None, bytes]  # the same, its path in parts

_CHUNK = 64 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}")
_UTF8_NAME = 0x800  # zip flag: the name is UTF-8
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # zip flags: classic, strong, hidden directory
_UNICODE_PATH = 0x7075  # zip extra field of Info-ZIP: the name in UTF-8


@dataclass(frozen=True)
class Source:
    """A tree; the commit id that `git archive` (or the bundle) declares; the forge's top folder that was taken off."""

    tree: Tree
    declared_commit: str | None = None
    stripped: str = ""


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _TooBig(Exception):
    """More unpacked bytes than allowed."""


class _Budget:
    """Counts unpacked bytes, and stops the reading when they pass what the packed size allows."""

    def __init__(self, packed: int) -> None:
        self.left = min(MAX_BYTES, max(RATIO_FLOOR, packed * MAX_RATIO))

    def spend(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left < 0:
            raise _TooBig
        return data


def read(name: str, blob: bytes, *, field: str, commit: str | None = None) -> Source:
    """The tree of an uploaded archive, its kind told by its first bytes (`name` is only for the sentences).

    `commit` chooses the commit of a bundle: a full id, or None for the one it offers. Raises ValidationError at `field`
    with what is wrong: a path that leaves the archive, a duplicate, a device, a password, a bomb, a broken file.
    """
    budget = _Budget(len(blob))
    declared: str | None
    try:
        if blob.startswith((b"# v2 git bundle\n", b"# v3 git bundle\n")):
            tree, declared = bundle.read(blob, commit, max_bytes=MAX_BYTES, max_files=MAX_FILES)
            _checked([(path, mode, data) for path, (mode, data) in tree.items()], field)
            return Source(tree, declared)
        if blob.startswith(b"PK\x03\x04"):
            entries, declared = _zip(blob, budget, field)
        elif blob.startswith(b"\x1f\x8b"):
            entries, declared = _tar(gzip.GzipFile(fileobj=io.BytesIO(blob)), len(blob), budget, field)
        elif blob.startswith(b"\xfd7zXZ\x00"):
            entries, declared = _tar(_Xz(blob), len(blob), budget, field)
        elif blob[257:262] == b"ustar":
            entries, declared = _tar(io.BytesIO(blob), len(blob), budget, field)
        else:
            complain(
                field, _("« %s » : archive non reconnue. Envoyez un .zip, .tar, .tar.gz, .tar.xz ou .bundle.") % name
            )
        tree, stripped = _strip(_checked(entries, field))
    except (_TooBig, bundle.TooBig):
        complain(field, _("« %s » prend trop de place une fois décompressée (200 Mo au plus).") % name)
    except bundle.BundleError as error:
        complain(field, str(error))
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error, OSError, EOFError,
            UnicodeError, NotImplementedError, ValueError, OverflowError, RecursionError):  # fmt: skip
        complain(field, _("« %s » est illisible : l’archive est abîmée ou incomplète.") % name)
    if not tree:
        complain(field, _("« %s » ne contient aucun fichier.") % name)
    return Source(tree, declared, stripped)


# --- Formats: each gives its entries and the declared commit ----------------------------------------------------------
def _zip(blob: bytes, budget: _Budget, field: str) -> tuple[list[Entry], str | None]:
    entries: list[Entry] = []
    with zipfile.ZipFile(io.BytesIO(blob)) as packed:
        _count(len(packed.infolist()), field)
        for info in packed.infolist():
            path, kind = _zip_name(info), info.external_attr >> 16
            if info.flag_bits & _ENCRYPTED:
                complain(field, _("« %s » est protégé par un mot de passe.") % shown(path))
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                complain(field, _("« %s » est compressé par une méthode que nous ne lisons pas.") % shown(path))
            if path.endswith("/"):
                entries.append((path, None, b""))
                continue
            if stat.S_IFMT(kind) not in (0, stat.S_IFREG, stat.S_IFLNK):
                complain(field, _("« %s » n’est ni un fichier, ni un dossier, ni un lien.") % shown(path))
            with packed.open(info) as member:
                data = _all(member, budget)
            entries.append((path, _mode(stat.S_ISLNK(kind), kind), data))
    return entries, _commit(packed.comment.decode("ascii", "replace"))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The entry's name. Without the UTF-8 flag it is UTF-8 all the same from most tools of this century."""
    if info.flag_bits & _UTF8_NAME:
        return info.orig_filename
    raw, extra = info.orig_filename.encode("cp437"), info.extra
    while len(extra) >= 4:
        tag, size = struct.unpack("<HH", extra[:4])
        if tag == _UNICODE_PATH and struct.unpack("<L", extra[5:9])[0] == zlib.crc32(raw):
            raw = extra[9 : 4 + size]
        extra = extra[4 + size :]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return info.orig_filename


def _tar(stream: Stream, packed: int, budget: _Budget, field: str) -> tuple[list[Entry], str | None]:
    entries: list[Entry] = []
    contents: dict[str, tuple[int, bytes]] = {}
    commit = None
    # « r| »: read once, from start to end. Two budgets, because sparse files have holes that the stream does not hold.
    budgeted = _Budgeted(stream, _Budget(packed))
    with tarfile.open(  # type: ignore[call-overload]  # a stream that is only read needs no more than `read`
        mode="r|", fileobj=budgeted, tarinfo=_StrictHeader
    ) as opened:
        for number, info in enumerate(opened):
            _count(number, field)
            if number == 0:
                commit = _commit(opened.pax_headers.get("comment", ""))
            if info.isdir():
                entries.append((info.name, None, b""))
            elif info.issym():
                entries.append((info.name, SYMLINK, info.linkname.encode("utf-8", "surrogateescape")))
            elif info.islnk():
                if info.linkname not in contents:
                    complain(field, _("« %s » est un lien vers un fichier hors de l’archive.") % shown(info.name))
                budget.spend(contents[info.linkname][1])  # for git a hard link is one more file
                entries.append((info.name, *contents[info.linkname]))
            elif info.isreg():
                contents[info.name] = (_mode(False, info.mode), _all(opened.extractfile(info), budget))
                entries.append((info.name, *contents[info.name]))
            else:
                complain(field, _("« %s » n’est ni un fichier, ni un dossier, ni un lien.") % shown(info.name))
    while budgeted.read(_CHUNK):  # what compresses checks its sum at the very end
        pass
    return entries, commit


# What tarfile itself catches when it reads a header; its stubs leave them out.
_BROKEN_HEADERS = tuple(getattr(tarfile, f"{name}HeaderError") for name in ("Invalid", "Truncated", "Empty"))


class _StrictHeader(tarfile.TarInfo):
    """tarfile takes a broken header, or the end of the bytes, for the end of the archive: files would go missing."""

    @classmethod
    def fromtarfile(cls, opened: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(opened)
        except _BROKEN_HEADERS as error:
            raise tarfile.ReadError(str(error)) from error


class _Budgeted:
    def __init__(self, stream: Stream, budget: _Budget) -> None:
        self.stream, self.budget = stream, budget

    def read(self, size: int) -> bytes:
        return self.budget.spend(self.stream.read(size))


class _Xz:
    """An .xz stream, read with a bound on the decoder's own memory (its dictionary may ask for 4 GB)."""

    def __init__(self, blob: bytes) -> None:
        self.decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        self.pending = blob

    def read(self, size: int) -> bytes:
        if self.decoder.eof:
            return b""
        data, self.pending = self.decoder.decompress(self.pending, max_length=size), b""
        if not data and not self.decoder.eof:
            raise EOFError
        return data


def _all(member: Stream, budget: _Budget) -> bytes:
    parts = []
    while part := member.read(_CHUNK):
        parts.append(budget.spend(part))
    return b"".join(parts)


# --- What is common --------------------------------------------------------------------------------------------------
def _count(number: int, field: str) -> None:
    if number > MAX_FILES:
        complain(field, _("L’archive contient plus de 50 000 fichiers."))


def _commit(comment: str) -> str | None:
    return comment if _COMMIT.fullmatch(comment) else None


def _mode(is_link: bool, unix: int) -> int:
    """As git: a symlink, or a file that its owner may run, or a file."""
    return SYMLINK if is_link else EXECUTABLE if unix & stat.S_IXUSR else FILE


def shown(path: str) -> str:
    """A path fit for a sentence: bounded, printable."""
    text = "".join(letter if letter.isprintable() else "?" for letter in path)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _parts(path: str, field: str) -> list[str]:
    """The folders and the name; ValidationError when the path is absolute, climbs, is too long or too deep."""
    bad = _("« %s » : ce chemin sort de l’archive ou n’est pas permis.") % shown(path)
    if "\x00" in path or path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", path):
        complain(field, bad)
    if ".." in re.split(r"[/\\]", path) or len(path.encode("utf-8", "surrogateescape")) > MAX_PATH:
        complain(field, bad)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if len(parts) > MAX_DEPTH:
        complain(field, _("« %s » : les dossiers sont imbriqués trop profondément.") % shown(path))
    if any(part.lower() == ".git" for part in parts):
        complain(
            field, _("L’archive contient le dossier .git : faites-la avec « git archive », ou envoyez un .bundle.")
        )
    return parts


def _checked(entries: Iterable[Entry], field: str) -> list[Checked]:
    """The entries with their paths made sure of: nothing twice, nothing inside a file or behind a symlink."""
    checked = [(_parts(path, field), mode, data) for path, mode, data in entries]
    files = set()
    for parts, mode, _data in checked:
        path = "/".join(parts)
        if mode is None or not parts:
            continue
        if path in files:
            complain(field, _("« %s » est présent deux fois dans l’archive.") % shown(path))
        files.add(path)
    for parts, mode, _data in checked:
        inside = range(1, len(parts) + (mode is None))
        if clash := next((p for end in inside if (p := "/".join(parts[:end])) in files), None):
            complain(field, _("« %s » est à la fois un fichier et un dossier.") % shown(clash))
    return [entry for entry in checked if entry[0]]


def _strip(entries: list[Checked]) -> tuple[Tree, str]:
    """Without the single folder that forges put everything under, when everything (and something) is under it."""
    tops = {parts[0] for parts, _mode, _data in entries}
    files = [(parts, mode, data) for parts, mode, data in entries if mode is not None]
    top = tops.pop() if len(tops) == 1 and files and all(len(parts) > 1 for parts, _m, _d in files) else ""
    return {"/".join(parts[bool(top) :]): (mode, data) for parts, mode, data in files}, top
