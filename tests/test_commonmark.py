"""Markdown shows what CommonMark and GitHub show; its numbers are the same on the page, in e-mails and in PDFs."""

import io
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pypdf import PdfReader

from marketplace import markup, pdf
from marketplace.commonmark import blocks, word
from tests.test_pdf import AT, letter
from tests.written import BUG_REPORT, DIFFERENT, NOT_PASTED, PASTED, TEXTS

REFERENCE = MarkdownIt("commonmark", {"html": False}).enable("table")


class Structure(HTMLParser):
    """Tags, numbers, addresses and words of a page, whatever its spaces."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.found, self.words = [], ""
        self.feed(html)
        self.close()
        self.flush()

    def flush(self):
        self.found += [" ".join(self.words.split())] if self.words.strip() else []
        self.words = ""

    def handle_starttag(self, tag, attrs):
        self.flush()
        given = dict(attrs)
        self.found.append((tag, given.get("start", "1") if tag == "ol" else unquote(given.get("href") or "")))

    def handle_endtag(self, tag):
        if tag not in ("br", "hr", "img"):
            self.flush()
            self.found.append(f"/{tag}")

    def handle_data(self, data):
        self.words += data


def ours(text):
    return Structure(markup.render(text)).found


def theirs(text):
    """The reference, its headings brought to ours: a page has its own first two levels."""
    return Structure(re.sub("<(/?)h[12]>", r"<\1h3>", REFERENCE.render(text))).found


def test_the_corpus_is_large():
    assert len(set(TEXTS)) == len(TEXTS) >= 75 and len(PASTED) >= 20


@pytest.mark.parametrize("text", TEXTS)
def test_what_people_write_is_shown_as_commonmark_shows_it(text):
    assert ours(text) == theirs(text)


@pytest.mark.parametrize(("text", "reason"), DIFFERENT.items())
def test_differences_are_known(text, reason):
    assert ours(text) != theirs(text), f"the same by now: {reason}"


@given(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=4), st.sampled_from(["\n", "\n\n"]))
def test_texts_together_are_shown_as_commonmark_shows_them(texts, between):
    """Blocks meet in ways that nobody writes down. Sections of `[guide]` and of raw text aside: all are here."""
    text = between.join(texts)
    assert ours(text) == theirs(text)


@given(st.text(alphabet=st.sampled_from("-*+>#1.2) \n\n\t`|:=ab~"), max_size=60))
def test_blocks_of_any_signs_are_those_of_commonmark(text):
    """Inline signs (stars, backquotes) are the package's: blocks alone are compared."""
    kept = {"p", "ul", "ol", "li", "blockquote", "pre", "hr", "h3", "h4", "h5", "h6", "table", "thead", "tbody"}
    found, wanted = ([one for one in shown if one[0] in kept] for shown in (ours(text), theirs(text)))
    assert found == wanted


@pytest.mark.parametrize(("pasted", "markdown"), PASTED)
def test_bullets_of_word_processors_are_lists(pasted, markdown):
    assert ours(pasted) == theirs(markdown)
    for windows in (pasted.replace("\n", "\r\n"), f"{pasted}\n"):
        assert ours(windows) == theirs(markdown)


@pytest.mark.parametrize("text", NOT_PASTED)
def test_what_only_looks_like_a_bullet_stays_text(text):
    assert "<li>" not in markup.render(text)


def test_signs_of_symbol_fonts_never_reach_a_page():
    for sign, shown in word._FONT_SIGNS.items():
        assert word.printable(sign) == shown
        assert sign not in markup.render(f"un {sign} deux") + markup.plain(f"{sign}\tun")


def test_eleven_list_lines_are_eleven_items():
    html = markup.render(BUG_REPORT)
    assert html.count("<li>") == 11 and html.count("<ol>") == 1 and html.count("<ul>") == 2


# --- The same numbers everywhere -------------------------------------------------------------------------------------
def page_numbers(text):
    """The numbers that a browser writes before the items of numbered lists, in order."""
    numbers, lists = [], []
    for one in ours(text):
        if one[0] in ("ul", "ol"):
            lists.append(int(one[1]) if one[0] == "ol" else None)
        elif one in ("/ul", "/ol"):
            lists.pop()
        elif one[0] == "li" and lists[-1] is not None:
            numbers.append(lists[-1])
            lists[-1] += 1
    return numbers


def written_numbers(text):
    return [int(number) for number in re.findall(r"(?m)^ *(?:- )*([0-9]{1,9})\.(?: |$)", text)]


# Bold or escaped, « 1. » is the beginning of a paragraph; two numbers on one line are read by nobody's pattern.
UNREAD = {"**1. Contexte**\n\n2. Besoin", "1. - 1. trois à la fois"}
NUMBERED = [text for text in TEXTS if page_numbers(text) and text not in UNREAD]


def test_texts_with_numbers_were_seen():
    assert len(NUMBERED) >= 19


@pytest.mark.parametrize("text", NUMBERED)
def test_numbers_are_those_of_the_page(text):
    assert written_numbers(markup.plain(text)) == page_numbers(text)
    assert written_numbers(markup.readable(text)) == page_numbers(text)


def test_numbers_in_a_pdf_are_those_of_the_page():
    """All the texts in one letter: what it says, number by number."""
    data = letter(paragraphs=[markup.readable(text) for text in NUMBERED], reference="", subject="Avis")
    reader = PdfReader(io.BytesIO(pdf.render("letter", data, at=AT)))
    lines = "\n".join(page.extract_text() for page in reader.pages)
    lines = lines.partition("\nAvis\n")[2]
    assert written_numbers(lines) == [number for text in NUMBERED for number in page_numbers(text)]


@pytest.mark.parametrize(
    ("text", "plain", "readable"),
    [
        ("Précision.\n\n2. Deuxième", "Précision.\n2. Deuxième", "Précision.\n\n2. Deuxième"),
        ("1. un\n1. deux", "1. un\n2. deux", "1. un\n2. deux"),
        ("2. a\n   - b\n   - c\n3. d", "2. a\n- b\n- c\n3. d", "2. a\n   - b\n   - c\n3. d"),
        ("- a\n\n  b\n- c", "- a\nb\n- c", "- a\n   b\n- c"),
        ("-\n- b", "-\n- b", "-\n- b"),
        ("| a | b |\n|---|---|\n| 1 | *2* 3 |", "a b\n1 2 3", "a | b\n1 | 2 3"),
        ("[guide](https://ok.example) <https://b.example>", "guide https://b.example",
         "guide (https://ok.example) https://b.example"),
        ("a\n\n```\nb\n  c\n```", "a\nb\nc", "a\n\nb\n  c"),
        ("# Titre\n\nUn.\n\nDeux  \ntrois", "Titre\nUn.\nDeux\ntrois", "Titre\n\nUn.\n\nDeux\ntrois"),
        ("> cité\n\nsuite", "cité\nsuite", "cité\n\nsuite"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_texts_without_markup(text, plain, readable):
    assert markup.plain(text) == plain
    assert markup.readable(text) == readable


# --- Bounded work ----------------------------------------------------------------------------------------------------
HOSTILE = ["> ", "- ", "1. ", "- > ", "> 1. ", "\t- ", "[a]: b\n", "| a |\n|---|\n", "```\n", "a\n", "- a\n\n", "- \n",
           "• ", "o\tx\n", "    ", "# ", "[a]: <", '[a]: b "', "|", "-|", "> a\n", "~~~ ", "=\n", "– a\n",
           "\uf0b7\t"]  # fmt: skip


def work(text):
    """How many times a line was looked at for what is open around it, and how many nodes were made of it."""
    converter = markup._converter()
    parser = converter.parser
    assert isinstance(parser, blocks.Blocks)
    lines = word.as_lists(text).split("\n")
    parser.parseDocument(line.expandtabs(4) for line in lines)
    return parser.work / max(1, len(lines)), sum(1 for _element in parser.root.iter())


@pytest.mark.parametrize("sign", HOSTILE)
def test_work_grows_with_the_text_and_no_faster(sign):
    for line in (sign * 40, (sign * 40 + "\n") * 40, "".join(sign * n + "\n" for n in range(60))):
        once, made = work(line)
        twice, more = work(line * 2)
        assert max(once, twice) <= blocks.MOST_OPEN  # each line meets at most that many open containers
        assert more <= 2.2 * made + 2 * blocks.MOST_OPEN


def test_patterns_of_blocks_are_linear():
    """A reference never ended, spaces without end: each pattern gives up where it stands."""
    for text in ("[" * 30_000, "[a]: " + " " * 30_000 + "x", '[a]: b "' + "x" * 30_000, "|" + " " * 30_000 + "-",
                 "a\n" + "- " * 15_000 + ":", "[" + "\\[" * 15_000, "[a]: b" + " " * 30_000 + "'"):  # fmt: skip
        work(text)


def test_what_is_nested_beyond_reason_is_text():
    assert markup.render("> " * 200 + "fin").count("<blockquote>") == blocks.MOST_OPEN
    assert markup.render("- " * 200 + "fin").count("<ul>") <= blocks.MOST_OPEN
