"""Code and links inside a line, as CommonMark reads them where the Markdown package is looser (6.1, 6.3)."""

import re

from markdown import Markdown
from markdown.inlinepatterns import (
    BACKTICK_RE,
    IMAGE_LINK_RE,
    LINK_RE,
    BacktickInlineProcessor,
    ImageInlineProcessor,
    LinkInlineProcessor,
)

_TICKS = re.compile("`+")
_IN_ANGLES = re.compile(r"<([^<>\n]*)>")
_BARE = re.compile(r"[^\s()]+|[()]")
_TITLE = re.compile(r"""\s+(?:"([^"]*)"|'([^']*)'|\(([^()]*)\))""")
_SPACES = re.compile(r"\s*")


class CodeSpan(BacktickInlineProcessor):
    """Code ends at a run of as many backticks as it began with: without one, they are signs as any others."""

    def find_code_spans(  # type: ignore[override]  # as the package answers; its stubs say less
        self, start: int, text: str
    ) -> tuple[int, int | None]:
        """Where the code begins and ends; None for its end where no run closes it."""
        opening = _TICKS.match(text, start)
        assert opening  # the pattern found one here
        for closing in _TICKS.finditer(text, opening.end()):
            if len(closing[0]) == len(opening[0]):
                return opening.end(), closing.start()
        return opening.end(), None


class _Target(LinkInlineProcessor):
    """What stands in the parentheses: an address without spaces, then a title in quotes or parentheses, or nothing."""

    def getLink(self, data: str, index: int) -> tuple[str, str | None, int, bool]:
        """The address, the title, where the whole ends, and whether it is one at all."""
        refused = ("", None, index, False)
        if data[index : index + 1] != "(":
            return refused
        place = _after_spaces(data, index + 1)
        if angles := _IN_ANGLES.match(data, place):
            address, place = angles[1], angles.end()
        elif data[place : place + 1] == "<":
            return refused
        else:
            end, depth = _end_of_bare(data, place)
            if depth:
                return refused
            address, place = data[place:end], end
        title = None
        if found := _TITLE.match(data, place):
            title = next(part for part in found.groups() if part is not None)
            title, place = self.RE_TITLE_CLEAN.sub(" ", self.unescape(title)), found.end()
        place = _after_spaces(data, place)
        if data[place : place + 1] != ")":
            return refused
        return self.unescape(address).strip(), title, place + 1, True


class _ImageTarget(_Target, ImageInlineProcessor):
    """The same for a picture."""


def _after_spaces(data: str, place: int) -> int:
    spaces = _SPACES.match(data, place)
    return spaces.end() if spaces else place


def _end_of_bare(data: str, place: int) -> tuple[int, int]:
    """Where an address without angle brackets ends, at a space or at the parenthesis that it did not open; and how many
    of its own are still open there."""
    depth = 0
    while part := _BARE.match(data, place):
        if part[0] == ")" and not depth:
            break
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        place = part.end()
    return place, depth


def install(md: Markdown) -> None:
    """In the places of the package's own."""
    md.inlinePatterns.register(CodeSpan(BACKTICK_RE), "backtick", 190)
    md.inlinePatterns.register(_Target(LINK_RE, md), "link", 160)
    md.inlinePatterns.register(_ImageTarget(IMAGE_LINK_RE, md), "image_link", 150)
