"""The fonts of pages: they draw what pages say, they are small, and the browser fetches each of them once."""

import re
from functools import cache
from html import unescape
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from fontTools.ttLib import TTFont

from marketplace.files.static import CollectedFiles

ROOT = Path(settings.BASE_DIR)
STATIC, FONTS = ROOT / "static", ROOT / "static" / "fonts"
# What each file may weigh, in bytes: they come before the page is in its own letters.
MOST = {"roboto-var.woff2": 21_000, "open-sans-var.woff2": 21_000, "roboto-mono-400.woff2": 12_500}
MAIN = ("roboto-var.woff2", "open-sans-var.woff2")
# Said to people, and left to the fonts of their machine. Of what people type themselves, much more is.
FALLS_BACK: set[str] = set()
# Written for readers elsewhere than on pages: PDFs have fonts of their own (tests/test_pdf.py), messages have none.
NOT_PAGES = ("pdf/", "emails/", "mail/")
FACE = re.compile(r"@font-face \{(.*?)\}")


@cache
def font(name: str) -> TTFont:
    return TTFont(FONTS / name)


def style() -> str:
    return (STATIC / "site.css").read_text(encoding="utf-8")


def faces() -> list[dict[str, str]]:
    """The descriptors of each @font-face of the style sheet."""
    found = [dict(re.findall(r"([\w-]+): (.*?);", rules)) for rules in FACE.findall(style())]
    assert len(found) >= 7
    return found


def said() -> dict[str, str]:
    """Each character beyond ASCII that pages show, with where it was seen."""
    seen: dict[str, str] = {}

    def look(text: str, where: str) -> None:
        seen.update({char: where for char in unescape(text) if ord(char) > 126 and char not in seen})

    for path in (ROOT / "templates").rglob("*.html"):
        name = path.relative_to(ROOT / "templates").as_posix()
        if not name.startswith(NOT_PAGES):
            look(re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8")), name)
    for catalogue in (ROOT / "locale").rglob("*.po"):
        for entry in polib.pofile(str(catalogue)):
            for text in (entry.msgid, entry.msgid_plural, entry.msgstr, *entry.msgstr_plural.values()):
                look(text, entry.msgid[:60])
    for drawn in re.findall(r'content: "(.*?)"', style()):
        look(re.sub(r"\\([0-9a-fA-F]{1,6}) ?", lambda code: chr(int(code[1], 16)), drawn), "site.css")
    return seen


@pytest.mark.parametrize("name", MAIN)
def test_what_pages_say_is_drawn(name):
    drawn = font(name).getBestCmap()
    missing = {char: where for char, where in said().items() if ord(char) not in drawn and char not in FALLS_BACK}
    assert not missing, "add them to SIGNS in tools/fonts.py, or to FALLS_BACK here"
    # What the words above leave out, and that names, amounts and pasted texts have.
    assert all(ord(char) in drawn for char in "ŒœŸÿÇç«»’“”–—…€×−≤≥·←→↑↓✓\xa0\u202f\u2011")
    assert not FALLS_BACK - said().keys()


def test_digests_are_drawn_in_one_width():
    mono = font("roboto-mono-400.woff2")
    assert {mono["hmtx"][mono.getBestCmap()[ord(char)]][0] for char in "0123456789abcdefABCDEF-+/=:. \xa0é"} == {1229}


@pytest.mark.parametrize("name", MAIN)
def test_figures_are_tabular_and_weights_are_those_of_the_design(name):
    drawn, advances = font(name).getBestCmap(), font(name)["hmtx"]
    assert len({advances[drawn[ord(figure)]][0] for figure in "0123456789"}) == 1
    [weight] = font(name)["fvar"].axes
    assert (weight.axisTag, weight.minValue, weight.maxValue) == ("wght", 400, 700)
    assert len(font(name)["HVAR"].table.VarStore.VarData) > 0  # widths follow weights without reading the outlines


def test_files_are_few_and_small():
    assert {path.name for path in FONTS.glob("*.woff2")} == MOST.keys()
    assert not {name: size for name in MOST if (size := (FONTS / name).stat().st_size) > MOST[name]}
    licences = {path.name for path in FONTS.glob("*.txt")}
    assert licences == {f"{name}-OFL.txt" for name in ("NotoSansMath", "OpenSans", "Roboto", "RobotoMono")}
    assert all("SIL Open Font License" in (FONTS / name).read_text(encoding="utf-8") for name in licences)


def test_the_style_sheet_declares_them():
    declared = {}
    for face in faces():
        if address := re.match(r'url\("fonts/(.*?)"\)', face["src"]):
            declared[address[1]] = face["font-family"].strip('"')
            assert face["font-display"] == "swap"
    assert declared.keys() == MOST.keys()
    for token, file in (("--head", "roboto-var"), ("--text", "open-sans-var"), ("--mono", "roboto-mono-400")):
        [first] = re.findall(rf'{token}: "?(.*?)"?,', style())
        assert declared[f"{file}.woff2"] == first


def test_what_stands_in_for_them_is_as_high():
    """Its measures, enlarged as it is, are ours: a line keeps its height when ours comes."""
    seen = 0
    for face in faces():
        if not face["font-family"].endswith(' fallback"'):
            continue
        ours = font({"Roboto": MAIN[0], "Open Sans": MAIN[1]}[face["font-family"].strip('"').removesuffix(" fallback")])
        percent = {name: float(value.rstrip("%")) / 100 for name, value in face.items() if value.endswith("%")}
        em, line = ours["head"].unitsPerEm, ours["hhea"]
        for name, units in (("ascent", line.ascent), ("descent", -line.descent), ("line-gap", line.lineGap)):
            assert percent[f"{name}-override"] * percent["size-adjust"] == pytest.approx(units / em, abs=0.001)
        assert 0.9 < percent["size-adjust"] < 1.1
        seen += 1
    assert seen == 4


def test_a_page_announces_the_files_that_the_style_sheet_asks_for(client, db):
    page = client.get("/").content.decode()
    preloaded = re.findall(r'<link rel="preload" as="font" type="font/woff2" crossorigin href="(.*?)">', page)
    assert preloaded == [f"/static/fonts/{name}" for name in MAIN]
    assert page.index('rel="preload"') < page.index('rel="stylesheet"')


def test_their_names_in_production_are_the_same_in_both_places(tmp_path):
    """Both have the hash of the content: another name in one of them would be a second download."""
    made = CollectedFiles(location=str(tmp_path), base_url="/static/")
    source = FileSystemStorage(location=str(STATIC))
    names = ["site.css", "icons.svg", *(f"fonts/{name}" for name in MOST)]
    for name in names:
        with source.open(name) as file:
            made.save(name, file)
    list(made.post_process({name: (made, name) for name in names}))
    collected = (tmp_path / made.stored_name("site.css")).read_text(encoding="utf-8")
    asked = re.findall(r'url\("(fonts/.*?)"\)', collected)
    assert sorted(f"/static/{name}" for name in asked) == sorted(made.url(f"fonts/{name}") for name in MOST)
    assert all(re.search(r"\.[0-9a-f]{12}\.woff2$", name) for name in asked)
    assert re.fullmatch(r"/static/icons\.[0-9a-f]{12}\.svg", made.url("icons.svg"))
