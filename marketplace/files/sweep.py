"""The nightly sweep: bytes that no row holds are removed and counted; rows whose bytes are gone, or others, are told.

Bytes without a row are what a crash, a failed destruction or an opening's drafts leave. They are removed a day later:
a row is committed within seconds of its bytes, or never.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketplace.dates import clock
from marketplace.files import store
from marketplace.files.storage import Stored
from marketplace.models import FileSweep

logger = logging.getLogger(__name__)
OLDER_THAN = timedelta(hours=24)
FEW = 5


class TooMany(Exception):
    """Most of what is stored belongs to nobody: another installation's files, or another's database. None removed."""

    def __init__(self, orphans: int, owned: int) -> None:
        super().__init__(f"{orphans} files without a row, {owned} rows with a file")
        self.orphans, self.owned = orphans, owned


@dataclass(frozen=True)
class Found:
    """looked: how many stored files. orphans: those that no row holds. missing: names of rows without their bytes.

    altered: names of rows whose bytes are not those of the digest that they hold.
    """

    looked: int
    owned: int
    orphans: list[Stored]
    missing: list[str]
    altered: list[str]


def look(*, at: datetime, older_than: timedelta = OLDER_THAN) -> Found:
    """Compare what is stored with what rows hold. OSError when the storage cannot be listed, or is not ours."""
    store.check_ours()
    # Stored first, rows after: what a row holds by then is nobody's orphan.
    stored = {file.name: file for folder in store.folders() for file in store.storage.stored(folder)}
    owned = store.names()
    orphans = [file for name, file in stored.items() if name not in owned and file.at < at - older_than]
    # Written since the listing, or erased with its row since: neither is missing.
    missing = [name for name in owned - stored.keys() if not store.storage.has(name)]
    if missing:
        missing = sorted(set(missing) & store.names())
    return Found(len(stored), len(owned), orphans, missing, list(store.altered()))


def sweep(*, at: datetime, older_than: timedelta = OLDER_THAN, many: bool = False) -> FileSweep:
    """Remove what no row holds, count it in a row, tell operators of what is missing.

    TooMany, and nothing is removed, when there are more than FEW orphans and more of them than rows, or no row at all,
    unless `many`.
    """
    found = look(at=at, older_than=older_than)
    too_many = len(found.orphans) > max(FEW, found.owned) or not found.owned
    if found.orphans and too_many and not many:
        raise TooMany(len(found.orphans), found.owned)
    for file in found.orphans:
        store.destroy(file.name)
    removed = [file for file in found.orphans if _gone(file)]
    if found.missing:
        # How many, not which: a name of a sealed file would tell of a deposit. `sweep_files --dry-run` says which.
        logger.critical("%d rows have lost their stored file.", len(found.missing))
    if found.altered:
        logger.critical("%d stored files are not what their rows say.", len(found.altered))
    return FileSweep.objects.create(
        at=clock.now(),
        looked=found.looked,
        removed=len(removed),
        bytes=sum(file.size for file in removed),
        missing=len(found.missing),
        altered=len(found.altered),
    )


def _gone(file: Stored) -> bool:
    try:
        return not store.storage.has(file.name)
    except OSError:  # not known: what was found is counted all the same
        return False
