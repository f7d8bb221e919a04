"""Official documents as PDF: accessible (PDF/UA-1), made to be kept (PDF/A-2a), the same bytes for the same data.

Templates are `templates/pdf/*.typ`, compiled by Typst with the fonts it carries and those of `marketplace/fonts/`
(tools/fonts.py): nothing of the machine shows in them. Drawn: Latin with all its accents, Greek, Cyrillic, Hebrew,
Arabic, Armenian, Georgian, Devanagari, and the syllabics of Inuktitut, Cree and Naskapi. Not drawn, but named by their
codes: what would take megabytes of fonts (Chinese, Japanese, Korean), Tamil, Thai and other scripts. Emoji become a
sign that is drawn, or a word (marketplace/values/emoji.py).
Data reaches them as JSON, where a text is a text: what people typed is never read as markup. Documents are in French:
the Administration's contracts are drawn up in that language (Charter of the French language, CQLR, c. C-11, s. 21).
"""

import functools
import json
import re
import unicodedata
from datetime import datetime
from itertools import groupby
from typing import Any

import typst
from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise

from marketplace.commonmark.word import as_lists, printable
from marketplace.values import emoji

TEMPLATES = {
    "amendment": "pdf/amendment.typ",
    "casefile": "pdf/casefile.typ",
    "contract": "pdf/contract.typ",
    "invoice": "pdf/invoice.typ",
    "letter": "pdf/letter.typ",
    "passport": "pdf/passport.typ",
    "review": "pdf/review.typ",
}
LANGUAGES = {"fr": "CA"}  # language -> region
STANDARDS = ["ua-1", "a-2a"]

# Letters, signs and spaces of French, which Typst's text font draws: no need to ask.
_KNOWN = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x180)))) | frozenset("\n–—‘’“”•…‹›€−\u202f")
# Each character alone: what is refused here has no glyph in any font. Beside a mark, its absence could go unseen.
_PROBE = b"""
#set document(title: "-", date: auto)
#for char in json(bytes(sys.inputs.data)) { par(char) }
"""
_UNDRAWN = re.compile(r'the text `"((?:[^"\\]|\\.)*)"` could not be displayed')
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")
_NAMELESS = {"Co", "Cs", "Cn"}  # private use, half a pair, not assigned
_LINE_BREAKS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # they choose a glyph, and have none


class PdfError(Exception):
    """A document could not be made: an unknown template, data that it lacks, or a refusal in the compiler's words."""


def render(template: str, data: dict[str, Any], *, at: datetime, lang: str = "fr") -> bytes:
    """The PDF of `template` (a key of TEMPLATES), dated `at` (aware; the instant of the act, never of the download).

    `data` holds texts, whole numbers, booleans, lists and dicts, as each template's opening comment says; None is an
    empty text; amounts and dates come written for people. The same data, `at` and version of Typst give the same bytes.
    Raises PdfError; TypeError for a naive `at`, or a value of another type (a float, a date).
    """
    if at.tzinfo is None:
        raise TypeError("a document is dated by an aware datetime")
    if template not in TEMPLATES:
        raise PdfError(f"no template is called {template!r}")
    if lang not in LANGUAGES:
        raise PdfError(f"no document is written in {lang!r}")
    with translation.override(lang):  # lazy labels
        plain = _plain(data) | {"lang": lang, "region": LANGUAGES[lang]}
    coded = _coded(plain, _undrawable(_characters(plain) - _KNOWN))
    try:
        try:
            return _compile(TEMPLATES[template], coded, at)
        except typst.TypstError as error:
            # Marks that no font has together with their letter: the letter stays, the mark becomes its code.
            marks = frozenset(char for char in _refused(error) if unicodedata.category(char).startswith("M"))
            if not marks:
                raise
        return _compile(TEMPLATES[template], _coded(coded, marks), at)
    except typst.TypstError as error:
        raise PdfError(f"{template}: {error.message}") from error


def _compile(path: str, data: dict[str, Any], at: datetime) -> bytes:
    root = settings.BASE_DIR / "templates"
    return typst.compile(root / path, root=root, timestamp=int(at.timestamp()), **_options(data))


def _options(data: Any) -> dict[str, Any]:
    return {"sys_inputs": {"data": json.dumps(data)}, "font_paths": _fonts(), "pdf_standards": STANDARDS}


@functools.cache
def _fonts() -> typst.Fonts:
    """The fonts inside Typst, and ours: the machine's own would change the bytes from one server to another."""
    return typst.Fonts(include_system_fonts=False, font_paths=[settings.BASE_DIR / "marketplace" / "fonts"])


def _plain(value: Any) -> Any:
    """`value` as JSON holds it, its texts made legible."""
    if isinstance(value, (str, Promise)):
        return _legible(str(value))
    if value is None:
        return ""
    if isinstance(value, dict):
        return {str(key): _plain(inside) for key, inside in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inside) for inside in value]
    if isinstance(value, int):
        return value
    raise TypeError(f"a document holds no {type(value).__name__}: write it for people first")


def _legible(text: str) -> str:
    """Composed letters, plain line breaks, nothing invisible; what belongs to no alphabet is named by its code."""
    text = _LINE_BREAKS.sub("\n", text)
    text = as_lists(text) if "\n" in text or "\t" in text else printable(text)  # a title is no list
    text = _VARIATIONS.sub("", text.replace("\t", " "))
    # Format characters (direction overrides, joiners) go: a contract reads in the order in which it was written.
    text = "".join(char for char in text if char == "\n" or unicodedata.category(char) not in {"Cc", "Cf"})
    nameless = frozenset(char for char in text if unicodedata.category(char) in _NAMELESS)
    return _coded(unicodedata.normalize("NFC", text), nameless)


def _characters(value: Any) -> frozenset[str]:
    """Every character of every text in `value`."""
    if isinstance(value, str):
        return frozenset(value)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset().union(*map(_characters, inside))


def _undrawable(chars: frozenset[str]) -> frozenset[str]:
    """Those of `chars` that no font draws: PDF/A and PDF/UA refuse a whole document for one of them."""
    if not chars:
        return chars
    try:
        typst.compile(_PROBE, timestamp=0, **_options(sorted(chars)))
    except typst.TypstError as error:
        return chars & _refused(error)
    return frozenset()


def _refused(error: typst.TypstError) -> frozenset[str]:
    """The characters that the compiler says it could not draw."""

    def unescaped(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else match[2]

    return frozenset("".join(_ESCAPE.sub(unescaped, text) for text in _UNDRAWN.findall(error.diagnostic)))


def _coded(value: Any, chars: frozenset[str]) -> Any:
    """`value` with each run of these characters in words (emoji) or by its codes: « [U+4E2D] », searchable."""
    if not chars:
        return value
    if isinstance(value, str):
        return "".join(
            _code("".join(run)) if hidden else "".join(run) for hidden, run in groupby(value, chars.__contains__)
        )
    if isinstance(value, dict):
        return {key: _coded(inside, chars) for key, inside in value.items()}
    return [_coded(inside, chars) for inside in value] if isinstance(value, list) else value


def _code(text: str) -> str:
    return "".join(
        emoji.told("".join(run)) if known else f"[{' '.join(f'U+{ord(char):04X}' for char in run)}]"
        for known, run in groupby(text, emoji.is_emoji)
    )
