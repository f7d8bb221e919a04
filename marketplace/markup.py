"""The one door from untrusted text to HTML: Markdown, then an allow-list. The only `mark_safe` of the project.

Markdown runs without raw HTML (« <b> » is shown as typed) and without images. Of whatever comes out, two walls keep
only the same listed tags, attributes and protocols: bleach, whose last version this is, then nh3, which decides. They
share the list and not a line of code (html5lib in Python, html5ever in Rust): a flaw in one meets the other.

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
from markdown.inlinepatterns import InlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

LINK_REL = "nofollow noopener"
_HEADINGS = ("h3", "h4", "h5", "h6")  # a page has its own h1 and h2
_BLOCKS = ("p", "ul", "ol", "li", "pre", "blockquote", "table", "thead", "tbody", "tr", "hr", *_HEADINGS)
TAGS = frozenset((*_BLOCKS, "th", "td", "br", "strong", "em", "code", "a"))
ATTRIBUTES = {"a": {"href", "rel", "title"}}
PROTOCOLS = frozenset(("http", "https", "mailto"))
# Markdown looks for the end of each sign in the rest of its paragraph: 20 000 lone « [ » cost a minute of processor.
# Signs × characters, added over the paragraphs, bound that work; a bracket costs eight times the others (measured).
# The worst text under the bound takes about half a second; 10 000 characters with 200 links stay far below it.
MAX_WORK = 24_000_000
_BRACKET_WEIGHT = 8
_SIGNS = re.compile(r"[\n`|>*_<\\&!]")
MAX_CHARACTERS = 60_000


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
        address = match.group(0).rstrip(".,;:!?'\"’»)*_")
        if address.count("(") > address.count(")") and match.group(0)[len(address) :].startswith(")"):
            address += ")"
        link = Element("a", {"href": address})
        link.text = AtomicString(address)
        return link, match.start(0), match.start(0) + len(address)


def _converter() -> markdown.Markdown:
    # A new one each time: it keeps state and is not safe between threads; making one costs less than a millisecond.
    converter = markdown.Markdown(extensions=["fenced_code", "sane_lists", "tables"], output_format="html")
    converter.preprocessors.deregister("html_block")
    converter.inlinePatterns.deregister("html")
    converter.inlinePatterns.register(_BareAddress(r"https?://[^\s<>\x02\x03]+", converter), "bare_address", 95)
    converter.treeprocessors.register(_HouseRules(converter), "house_rules", 15)  # after inline (20)
    return converter


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
        return last_wall(first_wall(_converter().convert(text)))
    except RecursionError:  # thousands of nested quotes: nobody's need, shown as typed
        return _as_typed(text)


def render(text: str | None) -> SafeString:
    """Untrusted Markdown → HTML that is safe in any page; an empty string for None.

    A text made to exhaust the converter is shown as it was typed, escaped.
    """
    return mark_safe(_clean_html(str(text or "")))


class _TextOnly(HTMLParser):
    """Collects the text of clean HTML, a line for each block, a dash for each list item."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag in _BLOCKS or tag == "br":
            self.parts.append("\n")
        if tag == "li":
            self.parts.append("- ")

    def handle_endtag(self, tag):
        if tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_data(self, data):
        self.parts.append(data)


def plain(text: str | None) -> str:
    """Untrusted Markdown → text without markup, one line per block, for teasers, mails and data.

    The result is plain text, not HTML: « <b> » in it is three characters, which a template still has to escape.
    """
    collector = _TextOnly()
    collector.feed(_clean_html(str(text or "")))
    collector.close()
    lines = (re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in "".join(collector.parts).split("\n"))
    return re.sub(r"(?m)^- ?\n", "- ", "\n".join(line for line in lines if line))
