"""Icons: every name exists in the sprite, and none is read aloud, for words beside it say the same."""

import re
from pathlib import Path
from xml.etree import ElementTree

from django.conf import settings
from django.template.loader import render_to_string

from tests.test_architecture import TEMPLATES, code, name_of

SVG = "{http://www.w3.org/2000/svg}"
SPRITE = Path(settings.BASE_DIR) / "static" / "icons.svg"
INCLUDED = re.compile(r'\{% include "components/icon\.html" with name=(\S+)')
# How a component, or a view, is given the one that it shows.
GIVEN = re.compile(r"""\bicon["']?(?:=|: )["']([^"']*)["']""")


def symbols() -> list[ElementTree.Element]:
    return ElementTree.parse(SPRITE).getroot().findall(f"{SVG}symbol")


def named() -> dict[str, str]:
    """Each name that templates and code write, with where; a name that is not written out could not be read here."""
    found = {}
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        for name in INCLUDED.findall(text):
            literal = re.fullmatch(r'"(.*)"', name)
            assert literal or re.fullmatch(r"(\w+\.)*icon", name), f"{name_of(path)}: write the icon’s name: {name}"
            if literal:
                found[literal[1]] = name_of(path)
        found |= dict.fromkeys(GIVEN.findall(text), name_of(path))
    for path in code():
        found |= dict.fromkeys(GIVEN.findall(path.read_text(encoding="utf-8")), name_of(path))
    return found


def test_names_are_in_the_sprite():
    names = [symbol.get("id") for symbol in symbols()]
    assert names == sorted(set(names)) and len(names) >= 30
    assert not {name: where for name, where in named().items() if name not in names}


def test_the_style_guide_shows_them_all():
    shown = INCLUDED.findall((Path(settings.BASE_DIR) / "templates/styleguide.html").read_text(encoding="utf-8"))
    assert list(dict.fromkeys(shown)) == [f'"{symbol.get("id")}"' for symbol in symbols()]


def test_they_are_drawn_with_the_colour_of_words():
    for symbol in symbols():
        assert symbol.get("viewBox") == "0 0 24 24"
        assert (symbol.get("fill"), symbol.get("stroke")) == ("none", "currentColor")
        assert not symbol.get("stroke-width")  # icon.html gives it, so that a style sheet can
        assert {part.tag.removeprefix(SVG) for part in symbol} <= {"path", "circle", "rect"}
        assert all(part.get("fill") in {None, "currentColor"} and not part.get("stroke") for part in symbol)


def test_none_is_read_aloud_nor_reached_by_the_keyboard():
    drawn = render_to_string("components/icon.html", {"name": "calendar"}).strip()
    assert drawn == (
        '<svg class="i" width="24" height="24" stroke-width="1.75" aria-hidden="true" focusable="false">'
        '<use href="/static/icons.svg#calendar"/></svg>'
    )
    uses = 0
    for path in TEMPLATES:
        for before in re.split(r"<use\b", path.read_text(encoding="utf-8"))[:-1]:
            opening = before[before.rindex("<svg") :]
            assert 'aria-hidden="true"' in opening and 'focusable="false"' in opening, name_of(path)
            uses += 1
    assert uses >= 1
