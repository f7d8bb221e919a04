"""Bullets as word processors copy them: signs of their own fonts, or dots, then a tab. They become Markdown's « - ».

Word writes the bullet of each level with another sign, and may lose how far the line was from the margin: in a run of
lines that begin at the same place, a sign that was not there yet opens a deeper level, and one that was comes back to
its own.
"""

import re

# Private codes of the fonts Symbol and Wingdings (U+F000 + the code in the font): what they look like.
_FONT_SIGNS = {
    "\uf02d": "–", "\uf0b7": "•", "\uf0a7": "▪", "\uf0a8": "◆", "\uf06c": "●", "\uf06e": "■", "\uf06f": "□",
    "\uf071": "❑", "\uf072": "❑", "\uf075": "◆", "\uf076": "❖", "\uf09f": "•", "\uf0d8": "➢", "\uf0e0": "→",
    "\uf0e8": "➔", "\uf0f0": "⇨", "\uf0fc": "✓", "\uf0fe": "☑",
}  # fmt: skip
_PRINTABLE = str.maketrans(_FONT_SIGNS)
_DOTS = "•●▪■◦○◆❖➢➔‣⁃∙□❑✓☑"
# A dot may touch its words; what is also a sign of text needs a space, a letter or a dash its tab (or its spaces).
_BULLET = re.compile(
    rf"([ \t]*)(?:([{_DOTS}])[ \t\u00a0]*|([·§])[ \t\u00a0]+|([o–—])(?:[ \u00a0]?\t|[ \u00a0]{{3}})[ \t\u00a0]*"
    r"|(-)\u00a0 *)(?=\S)"
)
_DASH = re.compile(r"([ \t]*)[–—‐‑][ \u00a0](?=\S)")
_ITEM = re.compile(r" {0,3}(?:[-+*]|[0-9]{1,9}[.)])[ \t]")
_FENCE = re.compile(r"[ \t>]*(`{3,}(?=[^`]*$)|~{3,})(.*)")
_INDENT = 2


def printable(text: str) -> str:
    """The signs of Symbol and Wingdings that people paste, as signs that every font has; the same length."""
    return text.translate(_PRINTABLE)


def as_lists(text: str) -> str:
    """`text` with each line that begins with such a bullet written as an item of Markdown; code is left alone."""
    lines, run = printable(text).split("\n"), _Run()
    return "\n".join(run.written(lines, place) for place in range(len(lines)))


class _Run:
    """Where the text stands: in code, in a list, and at which level of the last bullets."""

    def __init__(self) -> None:
        self.levels: list[tuple[int, str]] = []  # (distance from the margin, sign) of each open level
        self.base = 0
        self.fence = ""
        self.listed = False  # whether a list of Markdown's own is open
        self.blank = True

    def written(self, lines: list[str], place: int) -> str:
        line, blank = lines[place], self.blank
        self.blank = not line.strip()
        if match := _FENCE.match(line):
            closes = bool(self.fence) and match[1].startswith(self.fence) and not match[2].strip()
            self.fence = "" if closes else self.fence or match[1]
            return line
        if self.fence or self.blank:
            return line
        if bullet := _BULLET.match(line):
            sign = next(group for group in bullet.groups()[1:] if group)
            return self._item(len(bullet[1].expandtabs(4)), sign, line[bullet.end() :])
        beside = (*lines[max(0, place - 1) : place], *lines[place + 1 : place + 2])
        if (dash := _DASH.match(line)) and any(map(_DASH.match, beside)):  # alone, a dialogue or an aside
            return self._item(len(dash[1].expandtabs(4)), "–", line[dash.end() :])
        if _ITEM.match(line):
            self.listed = True
            self.levels.clear()
        elif blank and not line.startswith((" ", "\t")):  # another paragraph: the next bullet is of the first level
            self.listed = False
            self.levels.clear()
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
