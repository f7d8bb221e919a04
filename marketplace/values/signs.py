"""The signs of what people type and paste: what shows nothing goes, what looks alike is written one way.

Spreadsheets, PDFs, telephones and other keyboards add invisible signs (U+200B, U+FEFF, U+202A…, U+00AD), fixed and thin
spaces, several dashes, digits of other scripts. Everything that reads a value starts here.
"""

import re
import unicodedata

from marketplace.search import fold

MOST = 10_000  # characters of one value that are looked at: far over any value, far under what would take time
# Letters and signs by their category, yet they show nothing: Hangul fillers, the empty Braille cell, joiners of signs.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Drawn as nothing though their category says otherwise. U+FFFC is the place of a picture that the clipboard, or a
# telephone's dictation, left behind.
NOTHING = frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f\ufffc")
_SELECTORS = frozenset(chr(code) for code in range(0xFE00, 0xFE10))  # they choose how an emoji is drawn
_LINE_BREAK = re.compile("\r\n?|[\u0085\u2028\u2029]")
_DASHES = {"\u2212", "\u2043", "\u02d7", "\u30fc", "\uff70"}  # besides category Pd: minus, bullet, Japanese long sign
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u02b9\u2032\u00b4`\uff07", "'"))
_COLONS = str.maketrans("\u2236\ua789\u02f8", ":::")
_ARABIC = str.maketrans({"\u066b": ",", "\u066c": " ", "\u066a": "%", "\u060c": ","})  # decimal, thousands, percent
# « 45² » is not 452, nor « ½ » 1/2: these stay as they are, and are refused where only digits make sense.
_NOT_DIGITS = ("<super>", "<sub>", "<fraction>", "<circle>")


def invisible(char: str) -> bool:
    """Whether this character is drawn as nothing, not even as a space: control (but line breaks and tabs), format…"""
    category = unicodedata.category(char)
    return category == "Cf" or (category == "Cc" and not char.isspace()) or char in NOTHING or char in _SELECTORS


def line_breaks(text: str) -> str:
    """The same text, each of its line breaks one character, whatever wrote it (browsers send two)."""
    return _LINE_BREAK.sub("\n", text)


def without_nul(text: str) -> str:
    """No database column of text holds U+0000, and nobody types it: it goes, everywhere alike."""
    return text.replace("\x00", "")


def plain(text: str) -> str:
    """A value in plain signs: compatibility forms written plainly (NFKC), digits of ASCII, one ordinary space between
    words, one dash, one apostrophe; nothing invisible.

    Cut after `MOST` characters. Never an error.
    """
    signs = (char for char in text[:MOST] if not invisible(char))
    written = unicodedata.normalize("NFC", "".join(map(_plain, signs)))
    return " ".join(written.translate(_ARABIC).translate(_APOSTROPHES).translate(_COLONS).split())


def packed(text: str) -> str:
    """The same without any space: identifiers are read so."""
    return plain(text).replace(" ", "")


def _plain(char: str) -> str:
    if char.isascii():
        return char
    if char in BLANK or char.isspace():
        return " "
    if unicodedata.category(char) == "Pd" or char in _DASHES:
        return "-"
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.decimal(char))
    if unicodedata.decomposition(char).startswith(_NOT_DIGITS):
        return char
    written = unicodedata.normalize("NFKC", char)
    return "".join(_plain(one) for one in written) if written != char else char


_AROUND = " \"'«»“”„‹›|=;"  # quotation marks, a spreadsheet's « =" », what lists put between their items
_MOST_NAMES = 12
_BETWEEN = " .:,;=/#()[]'\"«»“”|-"  # between a value and the words that name it
_NAME = r"(?P<name>n[°º]|[^\W\d_]+(?:\.[^\W\d_]+)*)"
_FIRST = re.compile(rf"{_NAME}(?![^\W\d_])(?P<apart>[{re.escape(_BETWEEN)}]*)", re.I)
_LAST = re.compile(rf"(?P<apart>[{re.escape(_BETWEEN)}]+){_NAME}[{re.escape(_BETWEEN)}]*$", re.I)


def unquoted(text: str) -> str:
    """A plain value without what a sentence, a list or a spreadsheet put around it: « '45 », « "45" », « 45; »."""
    return text.strip(_AROUND)


def unnamed(text: str, names: str, *, touching: bool = True) -> str:
    """A plain value without the words around it that only name it: « NEQ : 1161234567 », « 1161234567 (NEQ) ».

    names: these words, folded, without points, a space between them. touching: nothing, or a dash, may stand between a
    name and the value; not where letters are signs of the value too.
    """
    value = text.strip(_BETWEEN)
    for _number in range(_MOST_NAMES):
        first, last = _FIRST.match(value), _LAST.search(value)
        if first and _is_name(first, names, touching):
            value = value[first.end() :]
        elif last and _is_name(last, names, touching):
            value = value[: last.start()]
        else:
            break
    return value


def _is_name(found: re.Match[str], names: str, touching: bool) -> bool:
    return fold(found["name"]).replace(".", "") in names.split() and (touching or bool(found["apart"].strip("-")))


def bare(text: str) -> str:
    """An address of a page: nothing invisible, no space around it, its letters as they are."""
    return "".join(char for char in text[:MOST] if not invisible(char)).strip().strip("<>").strip()


def shown(text: str, most: int = 40) -> str:
    """What was typed, for a message that quotes it: one line, cut."""
    line = plain(text)
    return line if len(line) <= most else line[: most - 1] + "…"
