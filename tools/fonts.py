#!/usr/bin/env python3
"""Make again the fonts that PDFs need besides Typst's own: marketplace/fonts/, from the npm registry's @fontsource.

    python tools/fonts.py

Typst reads TrueType and no WOFF2. What is written depends on the package's version alone (VERSION): run it again only
to change that. Licences stand beside the fonts. Needs npm, and the development dependencies (fonttools, brotli).
"""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from fontTools.ttLib import TTFont

VERSION = "5.3.0"
FONTS = Path(__file__).resolve().parent.parent / "marketplace" / "fonts"
# @fontsource's family, its subset, the file's name: syllabics of Inuktitut, Cree, Naskapi and their neighbours.
FAMILIES = (("noto-sans-canadian-aboriginal", "canadian-aboriginal", "NotoSansCanadianAboriginal"),)
WEIGHTS = ((400, "Regular"), (700, "Bold"))


def make(family: str, subset: str, name: str, folder: Path) -> None:
    """Write one family's files; CalledProcessError when the package is not to be had."""
    subprocess.run(["npm", "pack", "--silent", f"@fontsource/{family}@{VERSION}"], cwd=folder, check=True)
    archive = next(folder.glob(f"*{family}-{VERSION}.tgz"))
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    for weight, style in WEIGHTS:
        source = folder / "package" / "files" / f"{family}-{subset}-{weight}-normal.woff2"
        font = TTFont(source, recalcTimestamp=False)
        font.flavor = None
        font.save(FONTS / f"{name}-{style}.ttf", reorderTables=True)
    shutil.copyfile(folder / "package" / "LICENSE", FONTS / f"{name}-OFL.txt")


def main() -> None:
    FONTS.mkdir(exist_ok=True)
    for family in FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            make(*family, Path(folder))
    for path in sorted(FONTS.iterdir()):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
