"""Everything the stand-in knows, in one SQLite file: objects, idempotency keys, deliveries, the log of requests.

One connection under one lock: a request is one transaction, so what an answer tells, the events that it caused and the
idempotency key that keeps it are written together or not at all. WAL: a killed process loses nothing answered.
"""

import contextlib
import json
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

from tools.stripe_standin.errors import no_such

TABLES = """
create table if not exists objects (
  seq integer primary key autoincrement, id text unique not null, kind text not null, created integer not null,
  body text not null, hidden text not null);
create index if not exists objects_kind on objects (kind, seq);
create index if not exists objects_group on objects (kind, json_extract(body, '$.transfer_group'));
create index if not exists objects_status on objects (kind, json_extract(body, '$.status'));
create table if not exists keys (
  scope text, key text, path text, digest text, status integer, body blob, request text, primary key (scope, key));
create table if not exists deliveries (
  seq integer primary key autoincrement, event text not null, type text not null, rank real not null,
  due real not null, forged integer not null, attempts integer not null, status text not null, answer text);
create index if not exists deliveries_status on deliveries (status, rank);
create table if not exists requests (
  seq integer primary key autoincrement, at integer, method text, path text, params text, key text, status integer,
  replayed integer, fault text);
create table if not exists violations (
  seq integer primary key autoincrement, side text, method text, path text, reason text);
create table if not exists settings (name text primary key, value text not null);
"""
NAMES = ("objects", "keys", "deliveries", "requests", "violations", "settings")
LOG_LENGTH = 5000


def new_id(prefix: str, length: int = 24) -> str:
    """Random, never reused, even after a reset: the product may still hold an old one."""
    return f"{prefix}_{secrets.token_hex((length + 1) // 2)[:length]}"


dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class State:
    """The store. Everything that reads or writes does it inside ``with state.transaction():``."""

    def __init__(self, path: str):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)  # told at the end of each transaction: the deliverer waits on it
        self.check: Callable[[dict], None] | None = None  # --validate: raises on an event of a wrong shape
        self.base_url = ""  # where the hosted pages are
        self.random = random.Random()  # of the faults only; the control door seeds it
        self.request: dict | None = None  # {"id", "idempotency_key"}: what caused the events being made
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self.db.row_factory = sqlite3.Row
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("pragma synchronous=normal")
        self.db.executescript(TABLES)
        self.settings = self._stored_settings()

    def _stored_settings(self) -> dict:
        return {row["name"]: json.loads(row["value"]) for row in self.db.execute("select * from settings")}

    def close(self) -> None:
        with self.lock:
            self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self.lock:
            self.db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self.db.execute("rollback")
                self.settings = self._stored_settings()
                raise
            self.db.execute("commit")
            self.changed.notify_all()

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: undone on an exception, while the rest of the transaction stays."""
        self.db.execute("savepoint attempt")
        try:
            yield
        except BaseException:
            self.db.execute("rollback to attempt")
            raise
        finally:
            self.db.execute("release attempt")

    def reset(self) -> None:
        for name in NAMES:
            self.db.execute(f"delete from {name}")
        self.settings = {}

    # --- Settings and time -------------------------------------------------------------------------------------------
    def setting(self, name: str, default=None):
        return self.settings.get(name, default)

    def set(self, name: str, value) -> None:
        self.settings[name] = value
        self.db.execute("insert or replace into settings values (?, ?)", (name, dump(value)))

    def now(self) -> int:
        """Seconds since 1970: the machine's clock, unless the control door stopped or moved it."""
        at = self.setting("clock")
        return at if at is not None else int(time.time()) + self.setting("clock_offset", 0)

    # --- Objects -----------------------------------------------------------------------------------------------------
    def add(self, body: dict, hidden: dict | None = None) -> dict:
        self.db.execute(
            "insert into objects (id, kind, created, body, hidden) values (?, ?, ?, ?, ?)",
            (body["id"], body["object"], body["created"], dump(body), dump(hidden or {})),
        )
        return body

    def save(self, body: dict) -> dict:
        self.db.execute(
            "update objects set body = ?, created = ? where id = ?", (dump(body), body["created"], body["id"])
        )
        return body

    def find(self, id: str, kind: str | None = None) -> dict | None:
        row = self.db.execute("select kind, body from objects where id = ?", (id,)).fetchone()
        return json.loads(row["body"]) if row and kind in (None, row["kind"]) else None

    def get(self, id: str, kind: str, *, param: str = "id", status: int = 404) -> dict:
        """The object, or `Refused` (404 in a path, 400 in a parameter)."""
        body = self.find(id, kind)
        if body is None:
            raise no_such(kind, id, param=param, status=status)
        return body

    def hidden(self, id: str) -> dict:
        """What the stand-in remembers beside an object and never shows."""
        row = self.db.execute("select hidden from objects where id = ?", (id,)).fetchone()
        return json.loads(row["hidden"]) if row else {}

    def hide(self, id: str, **values) -> None:
        self.db.execute("update objects set hidden = ? where id = ?", (dump(self.hidden(id) | values), id))

    def remove(self, id: str) -> None:
        self.db.execute("delete from objects where id = ?", (id,))

    def of_kind(self, kind: str, **equal) -> Iterator[dict]:
        """Every object of a kind whose fields equal these, oldest first."""
        where = "".join(f" and json_extract(body, '$.{name}') = ?" for name in equal)
        query = f"select body from objects where kind = ?{where} order by seq"
        for row in self.db.execute(query, (kind, *equal.values())).fetchall():
            yield json.loads(row["body"])

    def everything(self) -> dict[str, list[dict]]:
        rows_by_kind: dict[str, list[dict]] = {}
        for row in self.db.execute("select kind, body from objects order by seq"):
            rows_by_kind.setdefault(row["kind"], []).append(json.loads(row["body"]))
        return rows_by_kind

    # --- Logs --------------------------------------------------------------------------------------------------------
    def log(self, method: str, path: str, params: dict, key: str | None, status: int, replayed: bool, fault: str):
        seq = self.db.execute(
            "insert into requests (at, method, path, params, key, status, replayed, fault) values (?,?,?,?,?,?,?,?)",
            (self.now(), method, path, dump(params), key, status, replayed, fault),
        ).lastrowid
        if seq % 500 == 0:
            self.db.execute("delete from requests where seq <= ?", (seq - LOG_LENGTH,))

    def violation(self, side: str, method: str, path: str, reason: str) -> None:
        self.db.execute(
            "insert into violations (side, method, path, reason) values (?, ?, ?, ?)", (side, method, path, reason)
        )

    def rows(self, table: str) -> list[dict]:
        """A log as dicts, oldest first: ``requests``, ``violations`` or ``deliveries``."""
        return [dict(row) for row in self.db.execute(f"select * from {table} order by seq")]
