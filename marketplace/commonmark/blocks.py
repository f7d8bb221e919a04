"""The blocks of a Markdown text, as CommonMark 0.31.2 (section 3, « Blocks and inlines ») and GitHub's tables say.

The `Markdown` package reads a block at a time, cut at empty lines: it sees no list after a sentence, begins each list
at 1 and wants four spaces before a nested one. `Blocks` takes the place of its block parser: it goes through the lines
once, keeping the quotes and list items that are open, then gives the tree whose texts the package reads inline.

Not here: HTML blocks, because raw HTML is shown as typed (marketplace/markup.py).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ElementTree, SubElement

from markdown.blockparser import BlockParser
from markdown.util import AtomicString, code_escape

# Quotes and items inside one another: past these, « > » and « - » are text. What reads the tree afterwards recurses.
MOST_OPEN = 24
MOST_COLUMNS = 100
_MARKER = re.compile(r"(?:([-+*])|([0-9]{1,9})([.)]))(?= |$)")
_HEADING = re.compile(r"(#{1,6})(?= |$)")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_DASHES = re.compile(r":?-+:?")
_UNDERLINE = re.compile(r"(?:=+|-+) *")
_DESTINATION = r"(?:<([^<>\n\\]*(?:\\.[^<>\n\\]*)*)>|([^\s<][^\s]*))"
_TITLE = r"(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|\(((?:[^()\\]|\\.)*)\))"
_REFERENCE = re.compile(
    rf"\[((?:[^\[\]\\]|\\.){{1,999}})\]: *(?:\n *)?{_DESTINATION}(?:(?: +|(?: *\n *)){_TITLE}(?= *(?:\n|$)))?"
    r"(?: *(?:\n|$))",
    re.DOTALL,
)


@dataclass(slots=True)
class Node:
    """A block: a container (`inside`) or a leaf (`lines`). `first`, `last`: its line numbers, empty ones left out."""

    kind: str  # document, quote, list, item; text, heading, rule, code, fence, table, references
    first: int
    last: int = 0
    inside: list["Node"] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    level: int = 0  # of a heading; how far an item's content, or a fence, is from where it stands
    sign: str = ""  # a list's « - », « . »…, or a fence's own signs
    start: int | None = None  # of a numbered list
    cells: list[list[str]] = field(default_factory=list)  # of a table


class Blocks(BlockParser):
    """In place of the package's block parser: lines → the tree that its inline patterns then read.

    `work`: how many times a line was looked at for a container, whatever the text; a test bounds it.
    """

    work = 0

    def parseDocument(self, lines: Iterable[str]) -> "ElementTree[Element]":  # type: ignore[override]
        root = Element(self.md.doc_tag)
        self.root = root
        _Reader(self).read(lines, root)
        return ElementTree(root)


class _Reader:
    def __init__(self, parser: Blocks) -> None:
        self.parser, self.references = parser, parser.md.references
        self.document = Node("document", 0)
        self.open: list[Node] = []  # quotes and items, the outermost first
        self.leaf: Node | None = None
        self.number = 0

    def read(self, lines: Iterable[str], root: Element) -> None:
        for number, line in enumerate(lines):
            self.number = number
            self._line(line)
        self._close(0)
        _last_lines(self.document)
        _build(self.document, root)

    # --- One line ------------------------------------------------------------------------------------------------
    def _line(self, line: str) -> None:
        at, kept = self._continued(line)
        whole = kept == len(self.open)
        leaf = self.leaf
        if leaf is not None and whole and leaf.kind in ("fence", "code") and self._verbatim(leaf, line, at):
            return
        # « Laziness »: a line of a paragraph may go without the marks of what holds it.
        paragraph = leaf if leaf is not None and leaf.kind == "text" else None
        table = leaf if leaf is not None and leaf.kind == "table" and whole else None
        lazy = paragraph
        if not whole or table:
            paragraph = None
        opened = False
        while True:
            rest = line[at:].lstrip(" ")
            indent = len(line) - at - len(rest)
            if not rest:
                if not opened:
                    self._blank(kept, whole)
                return
            if indent >= 4:
                if lazy is None or opened:
                    self._open(Node("code", self.number, lines=[line[at + 4 :]]), kept)
                    return
                break
            if rest[0] == ">" and kept < MOST_OPEN:
                self._enter(Node("quote", self.number), kept)
                at += indent + 1
                at += line[at : at + 1] == " "
            elif paragraph is not None and self._underlined(paragraph, rest):
                return
            elif found := _leaf(rest, indent, self.number):
                self._open(found, kept)
                if found.kind in ("heading", "rule"):
                    self.leaf = None
                return
            elif kept < MOST_OPEN and (item := self._item(rest, indent, kept, paragraph)):
                at += item.level
            else:
                break
            kept, opened, paragraph, lazy, table = len(self.open), True, None, None, None
        if lazy is not None and not opened:
            lazy.lines.append(rest)
            lazy.last = self.number
        elif table is not None:
            table.cells.append(_cells(rest))
            table.last = self.number
        else:
            self._open(Node("text", self.number, lines=[rest]), kept)

    def _continued(self, line: str) -> tuple[int, int]:
        """Where the line's own content begins, and how many of the open containers it goes on with."""
        at, kept, end = 0, 0, len(line.rstrip(" "))
        for node in self.open:
            self.parser.work += 1
            seen = line[at : at + node.level + 4]  # no need to look further
            rest = seen.lstrip(" ")
            indent = len(seen) - len(rest)
            if node.kind == "quote":
                if indent > 3 or not rest.startswith(">"):
                    break
                at += indent + 1
                at += line[at : at + 1] == " "
                node.last = self.number
            elif at >= end:  # an empty line stays in an item, unless nothing else is there
                if not node.inside:
                    break
                at = min(at + node.level, len(line))
            elif indent >= node.level:
                at += node.level
            else:
                break
            kept += 1
        return at, kept

    def _blank(self, kept: int, whole: bool) -> None:
        """An empty line ends a paragraph or a table, and the quotes that it does not carry."""
        if not whole:
            self._close(kept)
        else:
            self._finish()

    def _verbatim(self, leaf: Node, line: str, at: int) -> bool:
        """Whether the line belongs to the open code; a fence that ends here is closed."""
        rest = line[at:].lstrip(" ")
        indent = len(line) - at - len(rest)
        if leaf.kind == "code":
            if rest and indent < 4:
                return False
            leaf.lines.append(line[at + 4 :])
            leaf.last = self.number if rest else leaf.last
            return True
        leaf.last = self.number
        signs = rest.rstrip(" ")
        if indent < 4 and len(signs) >= len(leaf.sign) and signs == leaf.sign[0] * len(signs):
            self._finish()
        else:
            leaf.lines.append(line[at + min(indent, leaf.level) :])
        return True

    def _underlined(self, paragraph: Node, rest: str) -> bool:
        """« --- » or « === » under a paragraph makes it a heading; dashes and bars under its last line, a table."""
        if _UNDERLINE.fullmatch(rest):
            self._take_references(paragraph)
            if not paragraph.lines:  # nothing but references: nothing to underline
                self._open(_leaf(rest, 0, self.number) or Node("text", self.number, lines=[rest]), len(self.open))
                return True
            paragraph.kind, paragraph.level, paragraph.last = "heading", 1 if rest[0] == "=" else 2, self.number
            self.leaf = None
            return True
        header = paragraph.lines[-1]
        if not set(rest) <= set("|:- ") or "|" not in header:
            return False
        cells, dashes = _cells(header), _cells(rest)
        if len(cells) != len(dashes) or len(cells) > MOST_COLUMNS or not all(map(_DASHES.fullmatch, dashes)):
            return False
        paragraph.lines.pop()
        if paragraph.lines:
            paragraph.last = self.number - 2
            self._open(Node("table", self.number - 1), len(self.open))
        else:
            paragraph.kind = "table"
        assert self.leaf is not None
        self.leaf.cells, self.leaf.last = [cells], self.number
        return True

    def _item(self, rest: str, indent: int, kept: int, paragraph: Node | None) -> Node | None:
        """The list item that begins here, open; None when this is no marker, or one that may not cut a paragraph."""
        marker = _MARKER.match(rest)
        if marker is None:
            return None
        after = rest[marker.end() :]
        spaces = len(after) - len(after.lstrip(" "))
        empty = not after.strip(" ")
        start = int(marker[2]) if marker[2] else None
        if paragraph is not None and (empty or start not in (None, 1)):
            return None
        sign = marker[1] or marker[3]
        width = 1 if empty or spaces > 4 else spaces
        item = Node("item", self.number, level=indent + marker.end() + width, sign=sign, start=start)
        self._enter(item, kept)
        return item

    # --- What is open --------------------------------------------------------------------------------------------
    def _enter(self, node: Node, kept: int) -> None:
        """Open a container under the `kept` first ones; an item joins the list that it goes on with, or begins one."""
        self._close(kept)
        parent = self.open[-1] if self.open else self.document
        if node.kind == "item":
            lists = parent.inside[-1:]
            if not lists or lists[0].kind != "list" or lists[0].sign != node.sign:
                lists = [Node("list", self.number, sign=node.sign, start=node.start)]
                parent.inside += lists
            parent = lists[0]
        parent.inside.append(node)
        self.open.append(node)

    def _open(self, leaf: Node, kept: int) -> None:
        self._close(kept)
        (self.open[-1] if self.open else self.document).inside.append(leaf)
        leaf.last = max(leaf.last, leaf.first)
        self.leaf = leaf

    def _close(self, kept: int) -> None:
        self._finish()
        del self.open[kept:]

    def _finish(self) -> None:
        leaf, self.leaf = self.leaf, None
        if leaf is not None and leaf.kind == "text":
            self._take_references(leaf)
        elif leaf is not None and leaf.kind == "code":
            while not leaf.lines[-1].strip(" "):
                leaf.lines.pop()

    def _take_references(self, paragraph: Node) -> None:
        """« [name]: address "title" » at the beginning of a paragraph is no text: links elsewhere use it."""
        if not paragraph.lines[0].startswith("["):
            return
        text, at = "\n".join(paragraph.lines), 0
        while match := _REFERENCE.match(text, at):
            name = " ".join(match[1].split()).lower()
            address = match[2] if match[2] is not None else match[3]
            title = next((match[place] for place in (4, 5, 6) if match[place] is not None), None)
            if name:
                self.references.setdefault(name, (address, title or ""))
            at = match.end()
        paragraph.lines = text[at:].split("\n") if text[at:].strip() else []
        if not paragraph.lines:
            paragraph.kind = "references"


def _leaf(rest: str, indent: int, number: int) -> Node | None:
    """A heading, a rule or the beginning of fenced code; None for anything else."""
    if match := _HEADING.match(rest):
        words = rest[match.end() :].strip(" ")
        closing = words.rstrip("#")
        words = closing.rstrip(" ") if not closing or closing.endswith(" ") else words
        return Node("heading", number, number, lines=[words], level=len(match[1]))
    if rest[0] in "*-_" and len(signs := rest.replace(" ", "")) >= 3 and signs == rest[0] * len(signs):
        return Node("rule", number, number)
    if match := _FENCE.match(rest):
        return Node("fence", number, number, sign=match[1] or match[2], level=indent)
    return None


def _cells(row: str) -> list[str]:
    """The cells of a table's row: cut at bars, but for « \\| », the outer ones left out."""
    row = row.strip(" ")
    row = row[1:] if row.startswith("|") else row
    cells = re.split(r"(?<!\\)\|", row)
    if len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return [cell.strip(" ").replace("\\|", "|") for cell in cells]


def _last_lines(node: Node) -> int:
    """The last line of each container is that of what it holds."""
    node.last = max([node.last, node.first, *map(_last_lines, node.inside)])
    return node.last


def _parted(nodes: list[Node]) -> bool:
    """Whether an empty line stands between two of them."""
    return any(before.last + 1 < after.first for before, after in zip(nodes, nodes[1:], strict=False))


# --- The tree ------------------------------------------------------------------------------------------------------
def _build(node: Node, parent: Element, *, tight: bool = False) -> None:
    for inside in node.inside:
        if inside.kind == "text":
            _paragraph(inside, parent, tight)
        elif inside.kind == "quote":
            _build(inside, SubElement(parent, "blockquote"))
        elif inside.kind == "list":
            _list(inside, parent)
        elif inside.kind == "heading":
            SubElement(parent, f"h{inside.level}").text = "\n".join(inside.lines).strip()
        elif inside.kind == "rule":
            SubElement(parent, "hr")
        elif inside.kind in ("code", "fence"):
            code = SubElement(SubElement(parent, "pre"), "code")
            code.text = AtomicString("".join(f"{code_escape(line)}\n" for line in inside.lines))
        elif inside.kind == "table":
            _table(inside, parent)


def _paragraph(node: Node, parent: Element, tight: bool) -> None:
    text = "\n".join(node.lines).rstrip()
    if not tight:
        SubElement(parent, "p").text = text
    elif len(parent):
        parent[-1].tail = f"\n{text}"
    else:
        parent.text = text


def _list(node: Node, parent: Element) -> None:
    listed = SubElement(parent, "ul" if node.start is None else "ol")
    if node.start not in (None, 1):
        listed.set("start", str(node.start))
    loose = _parted(node.inside) or any(_parted(item.inside) for item in node.inside)
    for item in node.inside:
        _build(item, SubElement(listed, "li"), tight=not loose)


def _table(node: Node, parent: Element) -> None:
    table, columns = SubElement(parent, "table"), len(node.cells[0])
    head = SubElement(SubElement(table, "thead"), "tr")
    for cell in node.cells[0]:
        SubElement(head, "th").text = cell
    body = SubElement(table, "tbody") if node.cells[1:] else None
    for row in node.cells[1:]:
        assert body is not None
        line = SubElement(body, "tr")
        for cell in (*row, *[""] * columns)[:columns]:
            SubElement(line, "td").text = cell
