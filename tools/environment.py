"""Which variables set this product: those of whoever runs a test or a drill must not reach it."""

import re
from pathlib import Path

_SETTINGS = Path(__file__).resolve().parents[1] / "marketplace" / "settings.py"
_READ = re.compile(r'\benv\.\w+\(\s*"([A-Z0-9_]+)"')


def ours() -> set[str]:
    """Every variable that marketplace/settings.py reads, and the one that names a file in its place (`NAME_FILE`)."""
    names = set(_READ.findall(_SETTINGS.read_text(encoding="utf-8")))
    return names | {f"{name}_FILE" for name in names}
