"""The one door from untrusted text to HTML: Markdown, then an allow-list. The only `mark_safe` of the project.

The text is read as CommonMark says, and GitHub for tables (blocks: marketplace/commonmark/), without raw HTML (« <b> »
is shown as typed) and without images. Of whatever comes out, two walls keep only the same listed tags, attributes and
protocols: bleach, whose last version this is, then nh3, which decides. They share the list and not a line of code
(html5lib in Python, html5ever in Rust): a flaw in one meets the other.

Results are kept in the memory of the process only. They may come from a sealed proposal: they must never reach a
shared cache (Redis, disk).
"""

import re
from functools import lru_cache
from html import escape, unescape
from html.parser import HTMLParser
from xml.etree.ElementTree import Element

import bleach
import markdown
import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor, SubstituteTagInlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from marketplace.commonmark import spans
from marketplace.commonmark.blocks import Blocks
from marketplace.commonmark.word import as_lists

LINK_REL = "nofollow noopener"
_HEADINGS = ("h3", "h4", "h5", "h6")  # a page has its own h1 and h2
_BLOCKS = ("p", "ul", "ol", "li", "pre", "blockquote", "table", "thead", "tbody", "tr", "hr", *_HEADINGS)
TAGS = frozenset((*_BLOCKS, "th", "td", "br", "strong", "em", "code", "a"))
ATTRIBUTES = {"a": {"href", "rel", "title"}, "ol": {"start"}}
PROTOCOLS = frozenset(("http", "https", "mailto"))
# Markdown looks for the end of each sign in the rest of its paragraph: 20 000 lone « [ » cost a minute of processor.
# Signs × characters, added over the paragraphs, bound that work; a bracket costs eight times the others (measured).
# The worst text under the bound takes about half a second; 10 000 characters with 200 links stay far below it.
MAX_WORK = 24_000_000
_BRACKET_WEIGHT = 8
_SIGNS = re.compile(r"[\n`|>*_<\\&!]")
MAX_CHARACTERS = 60_000
_NUMBER = re.compile(r"[0-9]{1,9}")  # of a list's first item
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"  # what a backslash escapes


def _safe_address(address: str) -> bool:
    """Whether a browser would read this href as relative or as one of `PROTOCOLS`."""
    # bleach checks protocols too, but takes « javascript:1/alert(1) » for a host and its port.
    read = re.sub(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff\ufffd]+", "", unescape(address)).lower()
    scheme = re.match(r"([^/?#\\:]*):", read)
    return scheme is None or scheme[1] in PROTOCOLS


def _allowed_attribute(tag: str, name: str, value: str) -> bool:
    if name not in ATTRIBUTES.get(tag, ()):
        return False
    if name == "href":
        return _safe_address(value)
    if name == "start":
        return _NUMBER.fullmatch(value) is not None
    return name != "rel" or value == LINK_REL


# It also takes away addresses that no browser can read (« https://[ »), and writes the rel of every link itself.
_LAST_WALL = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    url_schemes=PROTOCOLS,
    link_rel=None,
    set_tag_attribute_values={"a": {"rel": LINK_REL}},
    clean_content_tags=set(),
)


def first_wall(html: str) -> str:
    """What bleach leaves of this HTML. RecursionError when it is nested to exhaust it."""
    return bleach.clean(html, tags=TAGS, attributes=_allowed_attribute, protocols=PROTOCOLS, strip=True)


def last_wall(html: str) -> str:
    """What nh3 leaves of this HTML."""
    return _LAST_WALL.clean(html)


class _HouseRules(Treeprocessor):
    """Headings start at h3, links carry their rel, an image becomes a link to it."""

    def run(self, root: Element) -> None:
        for element in root.iter():
            if element.tag in ("h1", "h2"):
                element.tag = "h3"
            elif element.tag == "img":
                source, text = element.get("src", ""), element.get("alt", "")
                element.attrib.clear()
                element.tag, element.text = "a", AtomicString(text or source)
                element.set("href", source)
            if element.tag == "a":
                element.set("rel", LINK_REL)


class _BareAddress(InlineProcessor):
    """« https://example.org/x » in a sentence becomes a link, without the punctuation that follows it."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(  # type: ignore[override]  # the library's InlineProcessor itself answers more than its base
        self, match: re.Match[str], data: str
    ) -> tuple[Element, int, int]:
        address = match.group(0).rstrip(".,;:!?'\"’”»…)*_")
        if address.count("(") > address.count(")") and match.group(0)[len(address) :].startswith(")"):
            address += ")"
        link = Element("a", {"href": address})
        link.text = AtomicString(address)
        return link, match.start(0), match.start(0) + len(address)


class _House(Extension):
    """CommonMark's blocks, code and links, no raw HTML, no image."""

    def extendMarkdown(self, md: markdown.Markdown) -> None:
        md.parser = Blocks(md)
        spans.install(md)
        md.ESCAPED_CHARS = list(_PUNCTUATION)
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        # After « escape » (180): of two backslashes before a line break, the first escapes the second.
        md.inlinePatterns.register(SubstituteTagInlineProcessor(r"\\\n", "br"), "backslash_break", 175)
        md.inlinePatterns.register(_BareAddress(r"https?://[^\s<>\x02\x03]+", md), "bare_address", 95)
        md.treeprocessors.register(_HouseRules(md), "house_rules", 15)  # after inline (20)


def _converter() -> markdown.Markdown:
    # A new one each time: it keeps state and is not safe between threads; making one costs less than a millisecond.
    return markdown.Markdown(extensions=[_House()], output_format="html")


def _too_costly(text: str) -> bool:
    blocks = re.split(r"\n[ \t\r>]*\n", text)
    work = sum((_BRACKET_WEIGHT * block.count("[") + len(_SIGNS.findall(block))) * len(block) for block in blocks)
    return len(text) > MAX_CHARACTERS or work > MAX_WORK


def _as_typed(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


@lru_cache(maxsize=2048)
def _clean_html(text: str) -> str:
    if _too_costly(text):
        return _as_typed(text)
    try:
        return last_wall(first_wall(_converter().convert(as_lists(text))))
    except RecursionError:  # thousands of nested quotes: nobody's need, shown as typed
        return _as_typed(text)


def render(text: str | None) -> SafeString:
    """Untrusted Markdown → HTML that is safe in any page; an empty string for None.

    A text made to exhaust the converter is shown as it was typed, escaped.
    """
    return mark_safe(_clean_html(str(text or "")))


class _TextOnly(HTMLParser):
    """Collects the text of clean HTML, a line for each block, a dash or its number for each list item.

    `roomy`: as a person would write it, for messages and documents: an empty line between two paragraphs, items of a
    list inside another further from the margin, addresses of links after their text.
    """

    def __init__(self, *, roomy: bool = False):
        super().__init__(convert_charrefs=True)
        self.roomy = roomy
        self.lines: list[str] = []
        self.line = ""
        self.lists: list[int | None] = []  # the number of the next item of each open list, None in one of dashes
        self.marker = ""  # of an item whose first words are still to come
        self.address = ""
        self.verbatim = self.row = False

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            self.end_line()
        elif tag in _BLOCKS:
            self.end_line(apart=tag not in ("tr", "thead", "tbody") and not self.lists)
        if tag in ("ul", "ol"):
            self.lists.append(int(dict(attrs).get("start") or 1) if tag == "ol" else None)
        elif tag == "li" and self.lists:
            number = self.lists[-1]
            self.end_marker()
            self.marker = "- " if number is None else f"{number}. "
            self.lists[-1] = None if number is None else number + 1
        elif tag == "a":
            self.address = str(dict(attrs).get("href") or "")
            self.link = len(self.line)
        self.verbatim = self.verbatim or tag == "pre"
        self.row = self.row or tag == "tr"

    def handle_endtag(self, tag):
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
        if tag in _BLOCKS:
            self.end_line(apart=tag not in ("tr", "thead", "tbody", "li") and not self.lists)
            self.verbatim = self.verbatim and tag != "pre"
            if tag == "li":
                self.end_marker()
            self.row = self.row and tag != "tr"
        elif tag in ("td", "th"):
            self.line += " | " if self.roomy else " "
        elif tag == "a" and self.roomy and self.address.removeprefix("mailto:") not in self.line[self.link :]:
            self.line += f" ({self.address})"

    def handle_data(self, data):
        if self.row and "\n" in data and not data.strip():
            return  # between two cells
        first, *others = data.split("\n")
        self.line += first
        for line in others:
            self.end_line()
            self.line = line

    def end_marker(self):
        """An item without any word still has its dash, or its number."""
        if self.marker:
            self.lines.append(self.indent() + self.marker.rstrip())
            self.marker = ""

    def indent(self) -> str:
        return "   " * (len(self.lists) - 1 + (not self.marker)) if self.roomy and self.lists else ""

    def end_line(self, *, apart=False):
        text = self.line.rstrip(" |") if self.row else self.line
        text = text if self.roomy and self.verbatim else re.sub(r"[ \t\r\f\v]+", " ", text).strip()
        self.line, self.link = "", 0
        if text.strip():
            self.lines.append(self.indent() + self.marker + text)
            self.marker = ""
        if apart and self.roomy and self.lines and self.lines[-1]:
            self.lines.append("")


def _texts(text: str | None, *, roomy: bool) -> str:
    collector = _TextOnly(roomy=roomy)
    collector.feed(_clean_html(str(text or "")))
    collector.close()
    collector.end_line()
    return "\n".join(collector.lines).strip("\n")


def plain(text: str | None) -> str:
    """Untrusted Markdown → text without markup, one line per block, for teasers and data. Lists keep their numbers.

    The result is plain text, not HTML: « <b> » in it is three characters, which a template still has to escape.
    """
    return _texts(text, roomy=False)


def readable(text: str | None) -> str:
    """Untrusted Markdown → the same words and numbers as its page, as a person would type them, for e-mails and PDFs.

    Paragraphs are an empty line apart, lists inside lists stand three spaces further, links give their address. Plain
    text, as `plain`'s.
    """
    return _texts(text, roomy=True)
