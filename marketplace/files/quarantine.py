"""Files that the antivirus has not seen: held until it has, and told as such.

Without CLAMD_URL nothing is held: pages say « non analysé ». With it, a file taken while the antivirus was away is
given to nobody until a periodic task has had it scanned; one where a virus is then found is never given. What was said
of a file after it was taken stands in `FileScan`, under the exact name of its bytes: rows that only
grow need no change.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Subquery
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext as _

from marketplace import guard
from marketplace.dates import clock
from marketplace.files import clamd, store
from marketplace.models import FileScan

logger = logging.getLogger(__name__)
BATCH = 50  # files of one run, the longest untried first
CLEAN, INFECTED, WAITING = FileScan.State.CLEAN, FileScan.State.INFECTED, FileScan.State.WAITING


class Held(Exception):
    """This file is not given: it waits for the antivirus, or a virus was found in it (`infected`)."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.infected = state == INFECTED


def in_use() -> bool:
    """Whether this installation has an antivirus, hence holds what it has not seen."""
    return bool(settings.CLAMD_URL)


# --- Before giving ---------------------------------------------------------------------------------------------------
def check(name: str | None, *, scanned: bool) -> None:
    """Held unless the stored file of this name may be given. scanned: what its row says."""
    if in_use() and not scanned:
        _give(states([name or ""]).get(name or "", WAITING))


def check_file(file: FieldFile) -> None:
    """The same, of a row's file; a row without `scanned` holds a document of ours."""
    check(file.name, scanned=getattr(file.instance, "scanned", True))


def check_item(item: dict[str, Any]) -> None:
    """The same, of a proposal's file, as its draft or its envelope describes it."""
    if in_use() and not item.get("scanned"):
        _give(_items([item])[item["id"]])


def _give(state: str) -> None:
    if state != CLEAN:
        raise Held(state)


def states(names: Iterable[str]) -> dict[str, str]:
    """{stored name: what the antivirus said since}; a name that nothing was said of is not there."""
    return dict(FileScan.objects.filter(name__in=list(names)).values_list("name", "state"))


def _items(items: Iterable[dict[str, Any]]) -> dict[str, str]:
    """{id: state} of a proposal's files. A draft's file and its sealed copies hold the same bytes: one scan will do."""
    names: dict[str, list[str]] = {item["id"]: [] for item in items}
    for model, field in store.fields():
        if names and any(other.name == "file_id" for other in model._meta.concrete_fields):
            rows = model._base_manager.filter(file_id__in=list(names))
            for file_id, name in rows.values_list("file_id", field.name):
                names[str(file_id)].append(name)
    said = states(name for each in names.values() for name in each)
    found = {}
    for file_id, each in names.items():
        known = {said.get(name) for name in each}
        found[file_id] = INFECTED if INFECTED in known else CLEAN if CLEAN in known else WAITING
    return {file_id: str(state) for file_id, state in found.items()}


# --- What pages say --------------------------------------------------------------------------------------------------
def described(files: Iterable[Any]) -> list[Any]:
    """The same files (rows, or a proposal's descriptions), each with `scan`: what is to be said of it, or ""."""
    files = [dict(file) if isinstance(file, dict) else file for file in files]  # what it was read from stays as it is
    unseen = [file for file in files if not _scanned(file)]
    said: dict[Any, str] = {}
    if unseen and in_use():
        items = [file for file in unseen if isinstance(file, dict)]
        said = {**(_items(items) if items else {})}
        rows = [file.file.name for file in unseen if not isinstance(file, dict)]
        said |= states(rows) if rows else {}
    for file in files:
        key = file["id"] if isinstance(file, dict) else file.file.name
        text = "" if _scanned(file) else sentence(said.get(key, WAITING))
        if isinstance(file, dict):
            file["scan"] = text
        else:
            file.scan = text
    return files


def _scanned(file: Any) -> bool:
    return bool(file.get("scanned") if isinstance(file, dict) else getattr(file, "scanned", True))


def sentence(state: str) -> str:
    if not in_use():
        return _("non analysé contre les virus")
    if state == INFECTED:
        return _("un virus y a été trouvé : il n’est donné à personne")
    return "" if state == CLEAN else _("en attente d’analyse contre les virus")


# --- Scanning what waits ---------------------------------------------------------------------------------------------
def wait(name: str) -> None:
    """This stored file, which only another module can read in the clear, was not scanned: it waits."""
    FileScan.objects.get_or_create(name=name, defaults={"state": WAITING, "at": clock.now()})


def look(name: str, content: bytes, turn: clamd.Turn | None = None) -> str:
    """Have one stored file scanned now; its state, still WAITING when the antivirus does not answer."""
    answer = clamd.verdict(content, turn or clamd.Turn())
    state = INFECTED if answer.endswith("FOUND") else CLEAN if answer.endswith("OK") else WAITING
    FileScan.objects.update_or_create(name=name, defaults={"state": state, "at": clock.now()})
    if state == INFECTED:  # the name of a sealed file would tell of a deposit
        logger.critical("A stored file holds a virus; it is given to nobody (%s).", name.partition("/")[0])
    return str(state)


def answers() -> bool:
    """Whether there is an antivirus, and it is there: else a run would only wait."""
    try:
        return in_use() and clamd.ping()
    except OSError:
        return False


def look_all(names: Iterable[tuple[str, Callable[[], bytes]]]) -> None:
    """Scan each of these; one that breaks stops none of the others, and gives its turn to others next time."""
    for name, read in names:
        if not clamd.breaker.allows():
            return
        with guard.one("scan", name.partition("/")[0]):
            FileScan.objects.update_or_create(
                name=name, defaults={"at": clock.now()}, create_defaults={"at": clock.now(), "state": WAITING}
            )
            look(name, read())


def tables() -> list[tuple[type[models.Model], models.FileField]]:
    """The tables whose rows say whether they were scanned, and whose bytes are stored as they came."""
    return [
        (model, field)
        for model, field in store.fields()
        if any(other.name == "scanned" for other in model._meta.concrete_fields)
    ]


def waiting() -> list[str]:
    """The names of what waits in those tables, the longest untried first."""
    names: list[tuple[Any, str]] = []
    for model, field in tables():
        said = FileScan.objects.filter(name=OuterRef(field.name))
        rows = (
            model._base_manager.filter(scanned=False)
            .exclude(**{field.name: ""})
            .annotate(settled=Exists(said.exclude(state=WAITING)), tried=Subquery(said.values("at")[:1]))
            .filter(settled=False)
            .order_by(F("tried").asc(nulls_first=True), "pk")
        )
        names += list(rows.values_list("tried", field.name)[:BATCH])
    # None first: what was never tried.
    names.sort(key=lambda pair: (pair[0] is not None, pair[0] or 0))
    return [name for _tried, name in names[:BATCH]]


def scan_waiting() -> None:
    """Have what waits scanned, while the antivirus answers."""
    if answers():
        look_all((name, lambda name=name: store.read(name)) for name in waiting())  # type: ignore[misc]


def forget_gone() -> None:
    """What was said of files that are no more."""
    held = store.names()
    gone = [name for name in FileScan.objects.values_list("name", flat=True).iterator() if name not in held]
    FileScan.objects.filter(name__in=gone).delete()
