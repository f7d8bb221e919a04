"""Worlds that are built once a process, then handed out again: `@kept` over the functions that build a test's world.

An awarded occasion costs 417 queries; its rows, written back, some thirty. So the first call of a kept function really
runs, and what it changed is kept: rows of the database, files, callbacks for after the commit, the objects returned and
those passed as arguments. The same call in the same state, in a later test, writes all that back, under the same keys.

The same state: the migrated database, then the same kept calls in the same order, and nothing else. Any other write
makes the state unknown until the test (or its savepoint) is rolled back, and kept functions then simply run. They also
run where somebody watches how they run (captured logs or queries) or commits (transactional tests). The clock, the
language, the settings and whatever else `monkeypatch` changed belong to the call. So a test may always ask for what it
needs, in any order, and what it gets is its own: nothing is shared between tests but time.
"""

import contextlib
import functools
import io
import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import FunctionType
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import UserSettingsHolder, settings
from django.core import mail
from django.core.cache import cache
from django.db import connection, models, transaction
from django.db.models.fields.files import FieldFile
from django.utils import translation

from marketplace.dates import clock

WATCHING = {"caplog", "capsys", "capfd", "capsysbinary", "capfdbinary"}
_PLAIN = (str, int, float, bytes, bool, type(None), date, datetime, timedelta, Decimal, UUID, Enum)
_WRITE = re.compile(r'\s*(?:INSERT (?:OR IGNORE )?INTO|UPDATE|DELETE FROM) "?(\w+)"?')
_SAVEPOINT = re.compile(r'(SAVEPOINT|ROLLBACK TO SAVEPOINT)\s+"?(\w+)"?')
_NEUTRAL = ("SELECT", "BEGIN", "RELEASE", "SET ", "LOCK ", "SHOW ", "PRAGMA", "EXPLAIN")
# Their triggers compare them with others: a contract with its award and its milestones, a notice's parts with it; those
# of notes refuse them once the occasion has frozen them.
_LAST = ("opportunities_opportunity", "contracts_contract")
_UNASKED = object()


class CannotKeep(Exception):
    """An argument, a result or an effect that cannot be told again."""


@dataclass
class Table:
    columns: list[str]
    key: int
    rows: dict[Any, tuple]


@dataclass
class Recording:
    """What one running function changed so far: each touched table as it was before."""

    before: dict[str, Table] = field(default_factory=dict)
    broken: bool = False


@dataclass
class Kept:
    """What a function did; `token` names the state that it leads to."""

    writes: list[tuple[str, list[tuple]]] | str
    tables: list[str]
    callbacks: list[tuple[Callable, bool]]
    files: dict[Path, bytes]
    objects: bytes
    token: object = field(default_factory=object)


class World:
    """What is known of the database of the test that runs."""

    def __init__(self) -> None:
        self.store: dict[tuple, Kept] = {}
        self.base = object()
        self.token: object | None = None
        self.seen: dict[str, Table] = {}
        self.savepoints: dict[str, object | None] = {}
        self.recordings: list[Recording] = []
        self.patches: list = []
        self.closed = True

    def begin(self, *, closed: bool) -> None:
        """A test begins; `closed`: its functions simply run."""
        if self.watch not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.watch)
        self.token, self.closed = (None if closed else _UNASKED), closed
        self.seen, self.savepoints, self.recordings = {}, {}, []

    def end(self, *, emptied: bool) -> None:
        """It ends; `emptied`: by an emptied database, whose first rows have other keys than before."""
        if emptied:
            self.store.clear()
        self.token, self.closed = None, True

    def known(self) -> object | None:
        """Names the present state; None: unknown."""
        if self.closed or connection.force_debug_cursor:
            return None
        if self.token is _UNASKED:
            with contextlib.closing(connection.connection.cursor()) as cursor:
                cursor.execute("SELECT 1 FROM marketplace_user UNION ALL SELECT 1 FROM marketplace_ledgerentry")
                self.token = None if cursor.fetchone() else self.base
        return self.token

    def watch(self, execute, sql, params, many, context):
        """Between Django and the database: what is about to be written."""
        if savepoint := _SAVEPOINT.match(sql):
            what, name = savepoint.groups()
            if what == "SAVEPOINT":
                self.savepoints[name] = self.token
            else:
                self.token = self.savepoints.get(name)
                self.seen.clear()
        elif not sql.lstrip("(").startswith(_NEUTRAL) or ";" in sql:
            for part in sql.split("; "):
                if not part.lstrip("(").startswith(_NEUTRAL):
                    self.token = None
                    write = _WRITE.match(part)
                    self.touch(write and write[1])
        return execute(sql, params, many, context)

    def touch(self, table: str | None) -> None:
        """The table is about to change; None: nobody knows which."""
        for recording in self.recordings:
            if table is None:
                recording.broken = True
            elif table not in recording.before:
                recording.before[table] = self.read(table)
        self.seen.pop(table, None)

    def read(self, table: str) -> Table:
        """All its rows, as the database's driver gives them."""
        if table not in self.seen:
            with contextlib.closing(connection.connection.cursor()) as cursor:
                cursor.execute(f'SELECT * FROM "{table}"')
                columns = [column[0] for column in cursor.description]
                key = columns.index(_keys().get(table, columns[0]))
                self.seen[table] = Table(columns, key, {row[key]: row for row in cursor.fetchall()})
        return self.seen[table]


world = World()


def kept(function: Callable) -> Callable:
    """See the module. The function's arguments: a Cast, model instances and plain values, or it simply runs."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        start = world.known()
        if start is None:
            return function(*args, **kwargs)
        try:
            given: list[models.Model] = []
            key = (start, function, _told(args, given), _told(kwargs, given), _surroundings())
        except CannotKeep:
            return function(*args, **kwargs)
        if key in world.store:
            return _again(world.store[key], given)
        return _first(key, function, args, kwargs, given)

    return call


def _first(key, function, args, kwargs, given):
    """Run, and keep what came of it."""
    recording = Recording()
    world.recordings.append(recording)
    callbacks, outbox, cached, files = len(connection.run_on_commit), len(mail.outbox), _cached(), _files()
    savepoints = list(connection.savepoint_ids)
    try:
        result = function(*args, **kwargs)
    finally:
        world.recordings.pop()
    try:
        now = _files()
        if (recording.broken or len(mail.outbox) != outbox or _cached() != cached or files.keys() - now.keys()
                or len(connection.run_on_commit) < callbacks or savepoints != connection.savepoint_ids):  # fmt: skip
            raise CannotKeep
        if _grew(recording):
            raise CannotKeep
        tables = sorted(recording.before, key=_place)
        made = Kept(
            _ready([write for table in tables for write in _writes(table, recording.before[table])]),
            tables,
            [(run, robust) for _ids, run, robust in connection.run_on_commit[callbacks:]],
            {
                path: (Path(settings.MEDIA_ROOT) / path).read_bytes()
                for path, stamp in now.items()
                if files.get(path) != stamp
            },
            _packed(result, given),
        )
    except CannotKeep:
        return result
    world.store[key] = made
    world.token = made.token
    return result


def _place(table: str) -> tuple[int, str]:
    return _LAST.index(table) + 1 if table in _LAST else 0, table


def _grew(recording: Recording) -> bool:
    """Whether a notice that was there has other versions now: the database lets them in by their own act only."""
    before = recording.before.get("opportunities_opportunity")
    if before is None:
        return False
    version, now = before.columns.index("notice_version"), world.read("opportunities_opportunity").rows
    return any(pk in now and now[pk][version] != row[version] for pk, row in before.rows.items())


def _again(made: Kept, given: list[models.Model]):
    """Write back what the function changed, and hand out what it gave."""
    for table in made.tables:
        world.touch(table)
    with contextlib.closing(connection.connection.cursor()) as cursor:
        if isinstance(made.writes, str):
            cursor.execute(made.writes)
        else:
            for sql, rows in made.writes:
                cursor.executemany(sql, rows)
    for run, robust in made.callbacks:
        transaction.on_commit(run, robust=robust)
    for path, content in made.files.items():
        target = Path(settings.MEDIA_ROOT) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    world.token = made.token
    return _unpacked(made.objects, given)


# --- Rows ------------------------------------------------------------------------------------------------------------
@functools.cache
def _keys() -> dict[str, str]:
    return {model._meta.db_table: model._meta.pk.column for model in apps.get_models(include_auto_created=True)}


def _writes(table: str, before: Table) -> list[tuple[str, list[tuple]]]:
    """Statements that lead from these rows to those of now."""
    now = world.read(table)
    mark = "%s" if connection.vendor == "postgresql" else "?"
    key = now.columns[now.key]
    gone = [(pk,) for pk in before.rows if pk not in now.rows]
    new = [row for pk, row in now.rows.items() if pk not in before.rows]
    changed = [(*row, pk) for pk, row in now.rows.items() if pk in before.rows and before.rows[pk] != row]
    names = ", ".join(f'"{column}"' for column in now.columns)
    marks = ", ".join([mark] * len(now.columns))
    fields = ", ".join(f'"{column}" = {mark}' for column in now.columns)
    writes = [
        (f'DELETE FROM "{table}" WHERE "{key}" = {mark}', gone),
        (f'UPDATE "{table}" SET {fields} WHERE "{key}" = {mark}', changed),
        (f'INSERT INTO "{table}" ({names}) VALUES ({marks})', new),
    ]
    return [(sql, rows) for sql, rows in writes if rows]


def _ready(writes: list[tuple[str, list[tuple]]]) -> list[tuple[str, list[tuple]]] | str:
    """On PostgreSQL one script, for one round trip."""
    if connection.vendor != "postgresql":
        return writes
    with contextlib.closing(connection.connection.cursor()) as cursor:
        return ";".join(cursor.mogrify(sql, row) for sql, rows in writes for row in rows) or "SELECT 1"


# --- Around the database ---------------------------------------------------------------------------------------------
def _surroundings() -> tuple:
    """What a function may depend on besides its arguments and the database."""
    changed: dict[str, str] = {}
    holder = settings._wrapped
    while isinstance(holder, UserSettingsHolder):
        for name, value in vars(holder).items():
            if name.isupper():
                changed.setdefault(name, repr(value))
        holder = holder.default_settings
    changed.pop("MEDIA_ROOT", None)
    return clock.chosen(), translation.get_language(), tuple(sorted(changed.items())), tuple(_patched())


def _patched() -> Iterator[tuple]:
    """What `monkeypatch` changed: by plain values, or functions that hold nothing of the test."""
    for patch in world.patches:
        for target, name, _old in patch._setattr:
            now = vars(target).get(name)
            if isinstance(now, FunctionType) and not (now.__closure__ or now.__defaults__ or now.__kwdefaults__):
                yield target, name, now.__code__
            else:
                yield target, name, _told(now, [])
        for mapping, name, _old in patch._setitem:
            yield id(mapping), name, _told(mapping.get(name), [])


def _files() -> dict[Path, tuple[int, int]]:
    root = Path(settings.MEDIA_ROOT)
    paths = [path for path in root.rglob("*") if path.is_file()] if root.exists() else []
    return {path.relative_to(root): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


def _cached() -> int:
    return len(cache._cache)


# --- Arguments and results -------------------------------------------------------------------------------------------
def _told(value, given: list[models.Model]):
    """The value as part of a key; `given` gains the model instances in it."""
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, models.Model):
        given.append(value)
        return type(value), tuple(_told(vars(value).get(f.attname), []) for f in value._meta.concrete_fields)
    if isinstance(value, FieldFile):
        return FieldFile, value.name
    if isinstance(value, memoryview):
        return bytes, bytes(value)
    if isinstance(value, list | tuple):
        return tuple(_told(one, given) for one in value)
    if isinstance(value, dict):
        return tuple((name, _told(one, given)) for name, one in value.items())
    if isinstance(value, set | frozenset):
        return frozenset(_told(one, given) for one in value)
    if getattr(type(value), "kept_whole", False):
        return type(value), _told(vars(value), given)
    raise CannotKeep(value)


def _packed(result, given: list[models.Model]) -> bytes:
    """The result, and the given instances as the function left them; in it, they are named, not copied."""
    places = {id(one): place for place, one in enumerate(given)}
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.persistent_id = lambda value: places.get(id(value))
    try:
        pickler.dump(([one.__getstate__() for one in given], result))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise CannotKeep from error
    return buffer.getvalue()


def _unpacked(objects: bytes, given: list[models.Model]):
    unpickler = pickle.Unpickler(io.BytesIO(objects))
    unpickler.persistent_load = given.__getitem__
    states, result = unpickler.load()
    for one, state in zip(given, states, strict=True):
        vars(one).update(state)
    return result
