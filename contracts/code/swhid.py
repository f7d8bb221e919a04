"""Software Hash Identifiers (ISO/IEC 18670:2025, specification 1.2): computed, read and written.

For contents, directories and revisions they are git's own SHA-1 names, so that anyone checks them with `git` alone.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from dulwich.objects import ObjectID
from dulwich.objects import Tree as GitTree

from contracts.code.archive import SUBMODULE, Tree

_DIRECTORY = 0o40000
_CORE = re.compile(r"swh:1:(?P<kind>snp|rel|rev|dir|cnt):(?P<hash>[0-9a-f]{40})")
_RANGE = re.compile(r"[0-9]+(-[0-9]+)?")
_ORDER = ("origin", "visit", "anchor", "path", "lines", "bytes")  # § 6.4, the recommended order


@dataclass(frozen=True)
class Swhid:
    """An identifier: kind « snp », « rel », « rev », « dir » or « cnt », 40 hexadecimal digits, valid qualifiers."""

    kind: str
    hash: str
    qualifiers: dict[str, str] = field(default_factory=dict)

    @property
    def core(self) -> str:
        return f"swh:1:{self.kind}:{self.hash}"

    def __str__(self) -> str:
        return ";".join([self.core, *(f"{key}={self.qualifiers[key]}" for key in _ORDER if key in self.qualifiers)])


def content(data: bytes) -> str:
    """`swh:1:cnt:…` of a file's bytes (§ 5.1)."""
    return f"swh:1:cnt:{_blob(data)}"


def directory(tree: Tree) -> str:
    """`swh:1:dir:…` of {path: (mode, bytes)} (§ 5.2), as `git write-tree` would name it.

    Empty folders are not there, as in git. A submodule is an entry of mode 160000 whose bytes are its commit's id in
    hexadecimal; archives do not carry them (see contracts.code.archive). Raises ValueError for a path that git
    refuses: empty, « . », « .. » or « .git ».
    """
    root: dict[str, Any] = {}
    for path, entry in tree.items():
        *folders, name = path.split("/")
        if any(part in ("", ".", "..", ".git") for part in (*folders, name)):
            raise ValueError(f"not a path of a tree: {path!r}")
        here = root
        for folder in folders:
            here = here.setdefault(folder, {})
            if not isinstance(here, dict):
                break
        if not isinstance(here, dict) or isinstance(here.get(name), dict):
            raise ValueError(f"both a file and a folder: {path!r}")
        here[name] = entry
    return f"swh:1:dir:{_folder(root)}"


def revision(commit: bytes) -> str:
    """`swh:1:rev:…` of a commit object as `git cat-file commit` writes it (§ 5.3)."""
    return f"swh:1:rev:{_git('commit', commit)}"


def entries(listed: list[tuple[bytes, int, str]]) -> str:
    """The 40 digits of a directory listed as [(name, mode, id of the entry)], in any order."""
    tree = GitTree()
    for name, mode, identity in listed:
        tree.add(name, mode, ObjectID(identity.encode()))
    return tree.id.decode()


def parse(text: str) -> Swhid:
    """Read an identifier with its qualifiers; qualifiers that mean nothing there are ignored, as § 6 demands.

    Raises ValueError with a sentence for the person when the syntax (§ 4) is wrong.
    """
    core, *rest = text.strip().split(";")
    match = _CORE.fullmatch(core)
    if not match:
        raise ValueError(_("Un SWHID s’écrit « swh:1:dir: » suivi de 40 chiffres hexadécimaux."))
    qualifiers: dict[str, str] = {}
    for qualifier in rest:
        key, equals, value = qualifier.partition("=")
        if key not in _ORDER or not equals or key in qualifiers or not _well_formed(key, value):
            raise ValueError(_("Ce SWHID a un qualificateur mal formé : « %s ».") % qualifier[:80])
        qualifiers[key] = value
    return Swhid(match["kind"], match["hash"], _meaningful(match["kind"], qualifiers))


def _well_formed(key: str, value: str) -> bool:
    if not value or any(letter.isspace() for letter in value):
        return False
    if key in ("visit", "anchor"):
        core = _CORE.fullmatch(value)
        return core is not None and (core["kind"] == "snp" if key == "visit" else core["kind"] != "cnt")
    if key in ("lines", "bytes"):
        return bool(_RANGE.fullmatch(value))
    return value.startswith("/") if key == "path" else ":" in value


def _meaningful(kind: str, qualifiers: dict[str, str]) -> dict[str, str]:
    """§ 6.1: fragments are for contents, and bytes win over lines. § 6.2: visit needs origin, anchor needs path.

    § 6.2.3 of the text says that a path is for what is not a content, against its own example and § 6.4: we keep it.
    """
    left = dict(qualifiers)
    if kind != "cnt":
        left.pop("lines", None)
        left.pop("bytes", None)
    if "bytes" in left:
        left.pop("lines", None)
    if "origin" not in left:
        left.pop("visit", None)
    if "path" not in left:
        left.pop("anchor", None)
    return left


def _git(kind: str, data: bytes) -> str:
    # SHA-1 is the standard's (and git's); who signs a passport signs the SHA-256 of the archive beside it.
    return hashlib.sha1(b"%s %d\x00" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def _blob(data: bytes) -> str:
    return _git("blob", data)


def _folder(here: dict[str, Any]) -> str:
    listed = []
    for name, entry in here.items():
        if isinstance(entry, dict):
            mode, identity = _DIRECTORY, _folder(entry)
        else:
            mode, data = entry
            identity = data.decode("ascii") if mode == SUBMODULE else _blob(data)
        listed.append((name.encode("utf-8", "surrogateescape"), mode, identity))
    return entries(listed)
