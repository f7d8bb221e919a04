"""The clock: the database's, read here and nowhere else.

Deadlines compare against the database server's clock, because several web servers share one database and their own
clocks drift. `set_to` lets tests, the demo seed and the replay act at chosen instants; production refuses it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, tuple[str | int, ...]]  # text and parameters, as Django's expressions answer them

_set_to: datetime | None = None

_SQL = {
    # clock_timestamp(), not now(): now() is when the transaction began, perhaps before it waited for a lock.
    "postgresql": "clock_timestamp()",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
}


def database_now() -> datetime:
    """The database's own instant, in UTC, whatever `set_to` says."""
    instant: datetime = row_and_now("SELECT {now}")[0]
    return instant


def row_and_now(query: str, *, after: str = "") -> tuple[Any, ...]:
    """The first row of `query`, whose last column, `{now}`, is that instant: one question instead of two.

    Empty when the query has no row.

    after: a statement that ends before the query begins, and sees nothing of it (PostgreSQL: sent together).
    """
    query = query.replace("{now}", _SQL[connection.vendor])
    with connection.cursor() as cursor:
        cursor.execute(f"{after}; {query}" if after else query)
        if after:
            cursor.nextset()
        row = cursor.fetchone()
    return (*row[:-1], _instant(row[-1])) if row else ()


def _instant(value: datetime | str) -> datetime:
    if isinstance(value, str):
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return value.astimezone(UTC)


def chosen() -> datetime | None:
    """The instant that `set_to` chose; None when the clock is the database's."""
    return _set_to


def now() -> datetime:
    """The instant by which acts are decided, in UTC. Read it once, at the edge, and pass it as `at=`."""
    return _set_to or database_now()


def elapsed() -> float:
    """Seconds since some instant, in this process alone: for how long to leave a server alone, never when."""
    return time.monotonic()


class Now(models.Func):
    """The same instant inside a query: `filter(closes_at__lte=clock.Now())` costs no extra round trip."""

    output_field = models.DateTimeField()
    function = "clock_timestamp"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **extra: Any) -> Sql:
        if _set_to is not None:
            return models.Value(_set_to, output_field=self.output_field).as_sql(compiler, connection)
        return super().as_sql(compiler, connection, *args, **extra)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> Sql:
        if _set_to is not None:
            return self.as_sql(compiler, connection)
        # Django stores instants as text with six decimals; SQLite's clock has three.
        return "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')", ()


@contextmanager
def set_to(instant: datetime) -> Iterator[None]:
    """Act as if it were `instant` (aware). For tests, seed and replay; RuntimeError in production."""
    global _set_to
    if settings.PRODUCTION:
        raise RuntimeError("The clock cannot be set in production.")
    if instant.tzinfo is None:
        raise TypeError("The clock takes aware instants only.")
    before, _set_to = _set_to, instant.astimezone(UTC)
    try:
        yield
    finally:
        _set_to = before
