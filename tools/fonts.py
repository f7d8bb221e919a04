#!/usr/bin/env python3
"""Make again the fonts that we carry, from npm's @fontsource packages.

    python tools/fonts.py

marketplace/fonts/: what PDFs need besides Typst's own, as TrueType, for Typst reads no WOFF2. static/fonts/: what pages
are set in, as WOFF2. What is written depends on the packages' version alone (VERSION): run it again to change that, or
LETTERS and SIGNS. Licences stand beside the fonts. Then it prints the rules of static/site.css that give a font of the
reader's machine the measures of ours, while ours is on its way. Needs npm, and the development dependencies (fonttools,
polib; brotli comes with whitenoise).
"""

import shutil
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polib
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem
from fontTools.varLib.hvar import add_HVAR
from fontTools.varLib.instancer import instantiateVariableFont

VERSION = "5.3.0"
ROOT = Path(__file__).resolve().parent.parent
PDF, WEB = ROOT / "marketplace" / "fonts", ROOT / "static" / "fonts"

# --- PDFs: a package, its subset, the file's name: syllabics of Inuktitut, Cree, Naskapi and their neighbours.
PDF_FAMILIES = (("@fontsource/noto-sans-canadian-aboriginal", "canadian-aboriginal", "NotoSansCanadianAboriginal"),)
PDF_WEIGHTS = ((400, "Regular"), (700, "Bold"))

# --- Pages: Latin-1 and what French and English add to it; whatever else people type is drawn by their own machine.
LETTERS = {*range(0x20, 0x7F), *range(0xA0, 0x100), *map(ord, "ŒœŸ\u2009–—‘’‚“”„•…′″‹›⁄€™−")}
SIGNS = {*map(ord, "≤≥←→↑↓✓‖")}
# Drawn as another character is: the narrow fixed space, both hyphens of typographers.
SAME = {0x202F: 0x2009, 0x2010: 0x2D, 0x2011: 0x2D}
WEIGHTS = (400, 700)  # what the design uses, of 100 to 900


@dataclass(frozen=True)
class WebFont:
    """A file of static/fonts/: its sources are asked in their order for each character that is still missing."""

    file: str
    sources: tuple[tuple[str, str], ...]  # a package, one of its files
    characters: set[int]


def _variable(stem: str) -> tuple[tuple[str, str], ...]:
    package = f"@fontsource-variable/{stem}"
    files = (f"{stem}-{subset}-wght-normal" for subset in ("latin", "latin-ext", "math"))
    return *((package, file) for file in files), ("@fontsource/noto-sans-math", "noto-sans-math-latin-400-normal")


_MONO = "@fontsource/roboto-mono"
WEB_FONTS = (
    WebFont("roboto-var.woff2", _variable("roboto"), LETTERS | SIGNS),
    WebFont("open-sans-var.woff2", _variable("open-sans"), LETTERS | SIGNS),
    WebFont(
        "roboto-mono-400.woff2",
        tuple((_MONO, f"roboto-mono-{subset}-400-normal") for subset in ("latin", "latin-ext")),
        LETTERS,
    ),
)
WEB_LICENCES = {
    "@fontsource-variable/roboto": "Roboto",
    "@fontsource-variable/open-sans": "OpenSans",
    "@fontsource/roboto-mono": "RobotoMono",
    "@fontsource/noto-sans-math": "NotoSansMath",
}
# What stands in for ours meanwhile: Arial, and those that are as wide. Of these, Arimo is on npm, and is measured.
ARIAL = "@fontsource/arimo"
FALLBACKS = (("Roboto", "roboto-var.woff2"), ("Open Sans", "open-sans-var.woff2"))
LOCAL = {
    400: ("Arial", "Liberation Sans", "Arimo Regular", "Helvetica"),
    700: ("Arial Bold", "Liberation Sans Bold", "Arimo Bold", "Helvetica Bold"),
}


class Packages:
    """npm's packages, each fetched once into a folder of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, package: str) -> Path:
        """Where a package's files are; CalledProcessError when it is not to be had."""
        folder = self.folder / package.replace("/", "-")
        if not folder.exists():
            folder.mkdir()
            subprocess.run(["npm", "pack", "--silent", f"{package}@{VERSION}"], cwd=folder, check=True)
            with tarfile.open(next(folder.glob("*.tgz"))) as packed:
                packed.extractall(folder, filter="data")
        return folder / "package"

    def font(self, package: str, file: str) -> TTFont:
        """One file, which keeps the date of its makers: ours would change the bytes at each run."""
        return TTFont(self.path(package) / "files" / f"{file}.woff2", recalcTimestamp=False)

    def licence(self, package: str, to: Path) -> None:
        """Copy a package's licence beside the fonts made from it."""
        shutil.copyfile(self.path(package) / "LICENSE", to)


def make_pdf(packages: Packages, package: str, subset: str, name: str) -> None:
    """Write one family's files for PDFs."""
    for weight, style in PDF_WEIGHTS:
        font = packages.font(package, f"{package.partition('/')[2]}-{subset}-{weight}-normal")
        font.flavor = None
        font.save(PDF / f"{name}-{style}.ttf", reorderTables=True)
    packages.licence(package, PDF / f"{name}-OFL.txt")


def make_web(packages: Packages, wanted: WebFont) -> None:
    """Write one font for pages; SystemExit when a character that it must have is in none of its sources."""
    made, missing = None, set(wanted.characters)
    for number, source in enumerate(wanted.sources):
        font = packages.font(*source)
        found = missing & font.getBestCmap().keys()
        if not found:
            continue
        missing -= found
        part = reduced(font, found)
        if made is None:
            made = part
        else:
            graft(made, part, suffix=f".{number}")
    if made is None or missing:
        raise SystemExit(f"{wanted.file}: no source has {' '.join(f'U+{code:04X}' for code in sorted(missing))}")
    for table in made["cmap"].tables:
        table.cmap.update({code: table.cmap[as_] for code, as_ in SAME.items() if as_ in table.cmap})
    if "fvar" in made:
        add_HVAR(made)
    made.flavor = "woff2"
    made.save(WEB / wanted.file)


def reduced(font: TTFont, codes: set[int]) -> TTFont:
    """The font with these characters and our weights only, without hints, and without the table that graft() voids."""
    options = Options()
    options.hinting = False  # screens of today smooth without them, and they are a third of the bytes
    options.layout_features = ["kern"]  # figures of both families are tabular as they are
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    if "fvar" in font:
        del font["HVAR"]  # made again from the glyphs once they are all there
        font = instantiateVariableFont(font, {"wght": WEIGHTS})
    return font


def graft(font: TTFont, donor: TTFont, suffix: str) -> None:
    """Add the donor's characters to the font, at its scale; a donor of one weight gives it for all of them."""
    scale_upem(donor, font["head"].unitsPerEm)
    for name in donor.getGlyphOrder()[1:]:  # but « .notdef »
        glyph = donor["glyf"][name]
        for component in glyph.components if glyph.isComposite() else ():
            component.glyphName += suffix
        font["glyf"][name + suffix] = glyph
        font["hmtx"][name + suffix] = donor["hmtx"][name]
        if "gvar" in font:
            font["gvar"].variations[name + suffix] = donor["gvar"].variations.get(name, []) if "gvar" in donor else []
    for table in font["cmap"].tables:
        table.cmap.update({code: name + suffix for code, name in donor.getBestCmap().items()})


def fallback(family: str, file: str, weight: int, packages: Packages, seen: Counter[str]) -> str:
    """The @font-face that gives Arial the width and the height of ours, at one weight."""
    ours = instantiateVariableFont(TTFont(WEB / file), {"wght": weight})
    arial = packages.font(ARIAL, f"arimo-latin-{weight}-normal")
    adjust = round(width(ours, seen) / width(arial, seen), 3)
    em, line = ours["head"].unitsPerEm, ours["hhea"]
    sizes = {
        "size-adjust": adjust,
        "ascent-override": line.ascent / em / adjust,
        "descent-override": -line.descent / em / adjust,
        "line-gap-override": line.lineGap / em / adjust,
    }
    local = ", ".join(f'local("{name}")' for name in LOCAL[weight])
    # Arial has two weights: each stands for those of ours that are nearest.
    weights = "400 500" if weight == WEIGHTS[0] else "600 700"
    told = " ".join(f"{name}: {value:.1%};" for name, value in sizes.items())
    return f'@font-face {{ font-family: "{family} fallback"; src: {local}; font-weight: {weights}; {told} }}'


def width(font: TTFont, seen: Counter[str]) -> float:
    """The mean advance of a character of our pages, in ems."""
    names, advances = font.getBestCmap(), font["hmtx"]
    drawn = {char: times for char, times in seen.items() if ord(char) in names}
    total = sum(times * advances[names[ord(char)]][0] for char, times in drawn.items())
    return total / sum(drawn.values()) / font["head"].unitsPerEm


def texts() -> Iterable[str]:
    """The words of pages, in both languages."""
    for entry in polib.pofile(str(ROOT / "locale" / "en" / "LC_MESSAGES" / "django.po")):
        yield entry.msgid + entry.msgstr


def main() -> None:
    for folder in (PDF, WEB):
        folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        packages = Packages(Path(temporary))
        for family in PDF_FAMILIES:
            make_pdf(packages, *family)
        for wanted in WEB_FONTS:
            make_web(packages, wanted)
        for package, name in WEB_LICENCES.items():
            packages.licence(package, WEB / f"{name}-OFL.txt")
        for path in sorted((*PDF.iterdir(), *WEB.iterdir())):
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
        seen = Counter("".join(texts()))
        for family, file in FALLBACKS:
            for weight in WEIGHTS:
                print(fallback(family, file, weight, packages, seen))


if __name__ == "__main__":
    main()
