"""Licences: SPDX expressions known and open, and the licence file of a tree against the contract's licence."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from license_expression import ExpressionError, LicenseWithExceptionSymbol, Licensing, get_license_index
from license_expression import get_spdx_licensing as _spdx

from contracts.code.archive import SYMLINK, Tree
from contracts.code.sentences import Sentence
from contracts.code.sentences import Sentence as _
from opportunities.enums import CodeLicence

MAX_EXPRESSION = 500  # characters
MAX_TITLE = 2_000  # characters of a licence file in which its own name, or its first words, must come
# What the contract leaves to the parties: the licence file is then nobody's business but theirs.
UNDEMANDING = frozenset({CodeLicence.ASSIGNMENT.value, CodeLicence.TO_BE_AGREED.value})
# Approved by the Open Source Initiative, or free for the Free Software Foundation: those that public code meets.
_OPEN = """
    0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause
    BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC0-1.0 CDDL-1.0 CDDL-1.1
    CECILL-2.0 CECILL-2.1 CECILL-B CECILL-C CPL-1.0 ECL-2.0 EFL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 FSFAP FTL
    GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU IJG IPL-1.0 ISC LGPL-2.0-only
    LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later LiLiQ-P-1.1 LiLiQ-R-1.1
    LiLiQ-Rplus-1.1 LPPL-1.3c MIT MIT-0 MIT-Modern-Variant MPL-1.1 MPL-2.0 MS-PL MS-RL MulanPSL-2.0 NCSA OFL-1.1
    OpenSSL OSL-3.0 PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 QPL-1.0 Ruby Sleepycat Unicode-3.0 Unlicense UPL-1.0
    Vim W3C WTFPL X11 Zend-2.0 Zlib ZPL-2.1
"""
OPEN = frozenset(_OPEN.split())
_FILE = re.compile(r"(licen[cs]e|copying|unlicense)([.-].*)?", re.I)
_TAG = re.compile(r"SPDX-License-Identifier:[ \t]*([^\r\n]{1,200})")
# Words that only the licence's own text has, in the text without case nor repeated spaces -> ids that text stands for.
# The same GNU text serves « only » and « or later »: the choice is written elsewhere.
_TEXTS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("(liliq-p) version 1.1",), ("LiLiQ-P-1.1",)),
    (("(liliq-r) version 1.1",), ("LiLiQ-R-1.1",)),
    (("(liliq-r+) version 1.1",), ("LiLiQ-Rplus-1.1",)),
    (("gnu affero general public license version 3",), ("AGPL-3.0-or-later", "AGPL-3.0-only")),
    (("gnu lesser general public license version 3",), ("LGPL-3.0-or-later", "LGPL-3.0-only")),
    (("gnu lesser general public license version 2.1",), ("LGPL-2.1-or-later", "LGPL-2.1-only")),
    (("gnu general public license version 3",), ("GPL-3.0-or-later", "GPL-3.0-only")),
    (("gnu general public license version 2",), ("GPL-2.0-or-later", "GPL-2.0-only")),
    (("gnu library general public license version 2",), ("LGPL-2.0-or-later", "LGPL-2.0-only")),
    (("mozilla public license version 2.0",), ("MPL-2.0",)),
    (("european union public licence v. 1.2",), ("EUPL-1.2",)),
    (("cecill", "version 2.1"), ("CECILL-2.1",)),
    (("apache license", "version 2.0", "terms and conditions for use"), ("Apache-2.0",)),
    (("permission is hereby granted, free of charge, to any person obtaining a copy", "the above copyright notice"),
     ("MIT",)),
    (("redistributions in binary form must reproduce", "neither the name"), ("BSD-3-Clause",)),
    (("redistributions in binary form must reproduce",), ("BSD-2-Clause",)),
    (("permission to use, copy, modify, and/or distribute this software for any purpose",), ("ISC", "0BSD")),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """The tree's licence file against the contract. `agrees` is None when the contract demands nothing.

    paths: the licence files, the nearest to the root first; found: the SPDX ids that their texts may stand for.
    sentence: what to tell the person.
    """

    agrees: bool | None
    paths: tuple[str, ...]
    found: tuple[str, ...]
    sentence: Sentence


@cache
def _ids() -> dict[str, str]:
    """{lower case: SPDX id}. The index also knows ids and aliases that are not SPDX's."""
    listed = [(e.get("spdx_license_key"), *e.get("other_spdx_license_keys", ())) for e in get_license_index()]
    return {key.lower(): key for keys in listed for key in keys if key and not key.startswith("LicenseRef-")}


@cache
def _licensing() -> Licensing:
    return _spdx()


def _parsed(expression: str) -> Any:
    """The expression as a tree of symbols; None when it is not SPDX, or names what SPDX does not list."""
    if not isinstance(expression, str) or not expression.strip() or len(expression) > MAX_EXPRESSION:
        return None
    words = re.sub(r"[()]", " ", expression).split()
    if not all(word.upper() in ("AND", "OR", "WITH") or word.lower().rstrip("+") in _ids() for word in words):
        return None
    try:
        return _licensing().parse(expression, validate=True, strict=True)
    except (ExpressionError, AttributeError, RecursionError):  # AttributeError: its answer to « MIT AND »
        return None


def normalized(expression: str) -> str | None:
    """The expression as SPDX writes it (« mit or apache-2.0 » → « MIT OR Apache-2.0 »); None when it is not SPDX."""
    parsed = _parsed(expression)
    return None if parsed is None else parsed.render()


def is_known(expression: str) -> bool:
    """Whether it is an SPDX expression of listed licences and exceptions (SPDX 2.3, annex D)."""
    return _parsed(expression) is not None


def is_open(expression: str) -> bool:
    """Whether whoever receives the code has an open licence: every part of an AND, one of an OR."""
    parsed = _parsed(expression)
    return parsed is not None and _open(parsed)


def _open(parsed: Any) -> bool:
    if operator := getattr(parsed, "operator", "").strip():
        return (all if operator == "AND" else any)(_open(part) for part in parsed.args)
    if isinstance(parsed, LicenseWithExceptionSymbol):  # an exception only adds permissions
        return parsed.license_symbol.key in OPEN
    return parsed.key in OPEN


def agrees(expression: str, expected: str) -> bool:
    """Whether a declared licence (publiccode.yml, for one) is the contract's: exactly that id, or nothing demanded."""
    return expected in UNDEMANDING or normalized(expression) == normalized(expected) is not None


def files(tree: Tree) -> list[str]:
    """LICENSE, LICENCE, COPYING (any ending) at the root, and what REUSE keeps under LICENSES/."""
    root = [p for p in tree if "/" not in p and _FILE.fullmatch(p)]
    reuse = [p for p in tree if p.upper().startswith("LICENSES/") and p.count("/") == 1]
    return [path for path in sorted(root) + sorted(reuse) if tree[path][0] != SYMLINK]


def recognised(path: str, data: bytes) -> tuple[str, ...]:
    """The SPDX ids that a licence file may stand for, () when it is not one that we recognise."""
    text = data[:200_000].decode("utf-8", "replace")
    if tag := _TAG.search(text):
        return (known,) if (known := normalized(tag[1].strip(" */-#>"))) else ()
    if path.upper().startswith("LICENSES/") and (known := normalized(path.rpartition("/")[2].rpartition(".")[0])):
        return (known,)
    words = " ".join(text.lower().replace("’", "'").split())
    words = re.sub(r"[*_#=,]+ ?", " ", words)
    words = re.sub(r" +", " ", words)
    best, stands_for = MAX_TITLE, tuple[str, ...]()
    for marks, ids in _TEXTS:
        places = [words.find(" ".join(mark.replace(",", " ").split())) for mark in marks]
        if min(places) >= 0 and places[0] < best:  # the first named: licences speak of one another further on
            best, stands_for = places[0], ids
    return stands_for


def check(tree: Tree, expected: str) -> Finding:
    """Compare the tree's licence files with the contract's licence (a value of opportunities.enums.CodeLicence)."""
    paths = tuple(files(tree))
    ids = tuple(dict.fromkeys(i for path in paths for i in recognised(path, tree[path][1])))
    if expected in UNDEMANDING:
        return Finding(None, paths, ids, _("Le contrat ne demande pas de fichier de licence."))
    wanted = normalized(expected)
    if not paths:
        sentence = _("Aucun fichier de licence (LICENSE, LICENCE ou COPYING) à la racine : le contrat demande %s.")
        return Finding(False, paths, ids, sentence % expected)
    if wanted in ids:
        return Finding(True, paths, ids, _("Le fichier de licence est celui de %s.") % expected)
    if not ids:
        sentence = _("« %(path)s » n’est pas reconnu : le contrat demande %(licence)s.")
        return Finding(False, paths, ids, sentence % {"path": paths[0], "licence": expected})
    sentence = _("« %(path)s » est la licence %(found)s, et le contrat demande %(licence)s.")
    return Finding(False, paths, ids, sentence % {"path": paths[0], "found": " / ".join(ids), "licence": expected})
