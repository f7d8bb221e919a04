"""Lists as word processors, PDFs and e-mail programs copy them: signs of their own fonts, dots, fixed spaces.

Bullets become Markdown's « - ». Word writes the bullet of each level with another sign, and may lose how far the line
was from the margin: in a run of lines that begin at the same place, a sign that was not there yet opens a deeper level,
and one that was comes back to its own. Boxes (☐, ☑, ✔, ✗) are one level, and stay in the words: they say something.
Numbers that Markdown has no list for (« a) », « 1.1 ») keep their lines.
"""

import re
import unicodedata

# Private codes of the fonts Symbol and Wingdings (U+F000 + the code in the font): what they look like.
_FONT_SIGNS = {
    "\uf02d": "–", "\uf044": "Δ", "\uf046": "☞", "\uf04a": "☺", "\uf053": "Σ", "\uf06c": "●", "\uf06e": "■",
    "\uf06f": "☐", "\uf071": "❑", "\uf072": "❑", "\uf075": "◆", "\uf076": "❖", "\uf09f": "•", "\uf0a3": "≤",
    "\uf0a5": "∞", "\uf0a7": "▪", "\uf0a8": "◆", "\uf0ae": "→", "\uf0b0": "°", "\uf0b1": "±", "\uf0b3": "≥",
    "\uf0b4": "×", "\uf0b7": "•", "\uf0b9": "≠", "\uf0bb": "≈", "\uf0d8": "➢", "\uf0de": "⇒", "\uf0df": "←",
    "\uf0e0": "→", "\uf0e8": "➔", "\uf0f0": "⇨", "\uf0fb": "✗", "\uf0fc": "✓", "\uf0fd": "☒", "\uf0fe": "☑",
}  # fmt: skip
_ANY_SIGN = "▪"  # of the others, no font of ours has one
_PRINTABLE = str.maketrans({chr(code): _FONT_SIGNS.get(chr(code), _ANY_SIGN) for code in range(0xF020, 0xF100)})
# The same code is « ≤ » in Symbol, and a box to tick in Wingdings 2.
_BOX_OR_LESS = re.compile(r"(^[ \t]*)\uf0a3(?=[ \t\u00a0])", re.M)
_FIXED = "\u00a0\u2000-\u200a\u202f\u205f\u3000"  # spaces that are none for Markdown
_SPACES = rf"[ \t{_FIXED}]"
_DOTS = "•●▪■◦○◆◇❖➢➔➤►▶▸‣⁃∙⦁⚫◉◾▫❍⮚□❑✓・"
_BOXES = "☐☑☒✔✗✘✅❌"
# Letters of a list that lost the font Wingdings: « ü » was a tick, « Ø » an arrow, « v » four diamonds.
_LETTERS = "oØüŸvqnlèð"
# A dot may touch its words; what is also a sign of text needs a space, a letter or a dash its tab (or its spaces).
_BULLET = re.compile(
    rf"({_SPACES}*)(?:([{_DOTS}]){_SPACES}*|([·§]){_SPACES}+"
    rf"|([{_LETTERS}])(?:[ {_FIXED}]?\t|[ {_FIXED}]{{2}}){_SPACES}*"
    rf"|([à–—])(?:[ {_FIXED}]?\t|[ {_FIXED}]{{3}}){_SPACES}*|([-+*])[{_FIXED}]{_SPACES}*)(?=\S)"
)
_BOX = re.compile(rf"({_SPACES}*)(?=[{_BOXES}]\ufe0f?{_SPACES}*\S)")
# Signs that also begin a sentence: an aside, a quotation, what follows from something. Two lines of them are a list.
_DASH = re.compile(rf"({_SPACES}*)([–—‐‑‒―−→⇒⇨»★☞]){_SPACES}(?=\S)")
_LONE = re.compile(rf"{_SPACES}*[{_DOTS}]{_SPACES}*")
_ITEM = re.compile(r" {0,3}(?:[-+*]|[0-9]{1,9}[.)])[ \t]")
_FIXED_ITEM = re.compile(rf"({_SPACES}*)([0-9]{{1,9}}[.)])[{_FIXED}]{_SPACES}*(?=\S)")
_FAR_ITEM = re.compile(rf"([ \t]*[{_FIXED}]{_SPACES}*)([-+*]|[0-9]{{1,9}}[.)])[ \t]+(?=\S)")
_NUMBERED = re.compile(
    rf"{_SPACES}*(?:(?:[A-Za-z]|[ivxlIVXL]{{2,5}})[.)]|[0-9]{{1,3}}(?:\.[0-9]{{1,3}})+\.?|[0-9]{{1,3}}°)"
    rf"(?:\t|[ {_FIXED}]{{2}}){_SPACES}*(?=\S)"
)
_QUOTE = re.compile(r"(?: {0,3}> ?)*")
_FENCE = re.compile(r"[ \t>]*(`{3,}(?=[^`]*$)|~{3,})(.*)")
_INDENT = 2


def printable(text: str) -> str:
    """The signs of Symbol and Wingdings that people paste, as signs that every font has; the same length."""
    return _BOX_OR_LESS.sub(r"\1☐", text).translate(_PRINTABLE)


def outdented(text: str) -> str:
    """The text without the margin of its first line. A list loses the same margin on each line, and keeps its shape."""
    text = re.sub(rf"\A(?:{_SPACES}*\n)+", "", text)
    margin = text[: len(text) - len(text.lstrip())]
    first = text[len(margin) :].partition("\n")[0]
    if not margin or not (_ITEM.match(first) or _bullet(first, [])):
        return text.lstrip()
    width, lines = _distance(margin), text.split("\n")
    for place, line in enumerate(lines):
        words = line.lstrip()
        far = _distance(line[: len(line) - len(words)])
        if words and far < width:
            break
        lines[place] = " " * (far - width) + words
    return "\n".join(lines)


def as_lists(text: str) -> str:
    """`text` with each line that begins with such a bullet written as an item of Markdown; code is left alone."""
    lines, run = [_Line(line) for line in printable(text).split("\n")], _Run()
    written: list[str] = []
    for place, line in enumerate(lines):
        shown = run.written(lines, place)
        if shown is None:
            continue
        if run.breaks and written and written[-1].strip(" >"):
            written[-1] += "  "
        written.append(line.quote + shown)
    return "\n".join(written)


class _Line:
    """A line, apart from the signs of the quotations that it is in."""

    def __init__(self, whole: str) -> None:
        self.quote = _QUOTE.match(whole)[0]  # type: ignore[index]  # it matches anything
        self.text = whole[len(self.quote) :]


class _Run:
    """Where the text stands: in code, in a list, and at which level of the last bullets."""

    def __init__(self) -> None:
        self.levels: list[tuple[int, str]] = []  # (distance from the margin, sign) of each open level
        self.base = 0
        self.fence = self.quote = ""
        self.listed = False  # whether a list of Markdown's own is open
        self.blank = True
        self.alone = ""  # a bullet that a PDF left on the line before
        self.breaks = False  # whether the line begins by a number of Word's, which the line before must not run into

    def written(self, lines: list[_Line], place: int) -> str | None:
        """The line as Markdown, None when it is a bullet alone: the next line has it."""
        line, blank = self.alone + lines[place].text, self.blank
        self.alone, self.breaks, self.blank = "", False, not line.strip()
        if lines[place].quote.count(">") != self.quote.count(">"):
            self.levels.clear()
            self.listed = False
        self.quote = lines[place].quote
        if match := _FENCE.match(line):
            closes = bool(self.fence) and match[1].startswith(self.fence) and not match[2].strip()
            self.fence = "" if closes else self.fence or match[1]
            return line
        if self.fence or self.blank:
            return line
        if _LONE.fullmatch(line) and place + 1 < len(lines) and _joins(lines[place + 1]):
            self.alone = line.rstrip() + " "
            return None
        if (bullet := _bullet(line, lines[max(0, place - 1) : place] + lines[place + 1 : place + 2])) is not None:
            return self._item(*bullet)
        if item := _FIXED_ITEM.match(line) or _FAR_ITEM.match(line):
            far = _distance(item[1])
            line = f"{' ' * (far if self.listed or far < 4 else 0)}{item[2]} {line[item.end() :]}"
        if _ITEM.match(line):
            self.listed = True
            self.levels.clear()
        elif blank and not line.startswith((" ", "\t")):  # another paragraph: the next bullet is of the first level
            self.listed = False
            self.levels.clear()
        self.breaks = not blank and bool(_NUMBERED.match(line))
        return line

    def _item(self, distance: int, sign: str, words: str) -> str:
        while self.levels and self.levels[-1][0] > distance:
            self.levels.pop()
        if not self.levels:
            # Under an item of Markdown's own it stays where it is; elsewhere four spaces would make it code.
            self.base = distance if self.listed or distance < 4 else 0
        here = [level for level, (far, _sign) in enumerate(self.levels) if far == distance]
        same = [level for level in here if self.levels[level][1] == sign]
        if same:
            del self.levels[same[0] + 1 :]
        else:
            self.levels.append((distance, sign))
        return f"{' ' * (self.base + _INDENT * (len(self.levels) - 1))}- {words}"


def _bullet(line: str, beside: list[_Line]) -> tuple[int, str, str] | None:
    """(distance from the margin, sign, words) of a line that begins with a bullet."""
    if bullet := _BULLET.match(line):
        return _distance(bullet[1]), next(group for group in bullet.groups()[1:] if group), line[bullet.end() :]
    if box := _BOX.match(line):
        return _distance(box[1]), "☐", line[box.end() :]
    dash = _DASH.match(line)
    if dash and any(_DASH.match(other.text) for other in beside):
        return _distance(dash[1]), "–" if unicodedata.category(dash[2]) == "Pd" else dash[2], line[dash.end() :]
    return None


def _joins(line: _Line) -> bool:
    """Whether this line is the words of the bullet that stands alone before it."""
    return bool(line.text.strip()) and not line.text.startswith(("    ", "\t")) and not _bullet(line.text, [])


def _distance(spaces: str) -> int:
    return len(spaces.expandtabs(4))
