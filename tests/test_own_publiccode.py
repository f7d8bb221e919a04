"""Our own publiccode.yml, judged by the validator that judges what vendors deliver; and one version everywhere."""

import re
import tomllib
from pathlib import Path

from contracts.code import licences, publiccode

ROOT = Path(__file__).resolve().parent.parent
FILES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.png")}
PUBLISHED = publiccode.validate((ROOT / "publiccode.yml").read_bytes(), files=FILES)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RELEASES = re.findall(
    r"^## (\d+\.\d+\.\d+) – (\d{4}-\d{2}-\d{2})$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_our_own_validator_accepts_it():
    assert (PUBLISHED.errors, PUBLISHED.warnings) == ([], [])
    assert set(PUBLISHED.data["description"]) == {"fr", "en"}


def test_one_version_everywhere():
    newest, day = RELEASES[0]
    assert PROJECT["version"] == newest == PUBLISHED.data["softwareVersion"]
    assert PUBLISHED.data["releaseDate"] == day


def test_the_changelog_has_the_newest_first():
    numbers = [tuple(map(int, number.split("."))) for number, _day in RELEASES]
    days = [day for _number, day in RELEASES]
    assert len(RELEASES) >= 4
    assert numbers == sorted(set(numbers), reverse=True) and days == sorted(days, reverse=True)


def test_one_licence_everywhere():
    declared = PUBLISHED.data["legal"]["license"]
    assert declared == PROJECT["license"]
    assert licences.recognised("LICENSE", (ROOT / "LICENSE").read_bytes()) == (declared,)
