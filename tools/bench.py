"""Measure the main pages against an empty view, on PostgreSQL, at two sizes of the database.

``python tools/bench.py [--sizes 1000,10000] [--seconds 5] [--json FILE] [--ledger]``

Loads the rows of bench_data.py in a private cluster (or in ``DATABASE_URL``, whose database must be named ``…_bench``:
its content is **erased**), starts gunicorn with two processes, puts a bounded load on each page, and prints a table and
what was aimed at; then what the ledger costs (bench_ledger.py; nothing else with --ledger). A figure means nothing on
another machine: compare the ratios to the empty view of the same run.
Exit code 1 when an aim is missed or a page fails. docs/performance.md says how to read it.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import bench_ledger
import bench_load
from postgres import PostgresUnavailable, private_cluster

ROOT = Path(__file__).resolve().parent.parent
QUERIES_AT_MOST = 8
SHARE_OF_EMPTY = 0.25
HEALTH, EMPTY = "an empty answer (/sante)", "an empty view, all middleware"
EMPTY_AGAIN = "the empty view again"
DRIFT = 0.25  # between the two: above it, the machine was doing something else and rates say little
LIST_KEPT, LIST_BUILT = "list, page kept", "list, page built"


@dataclass
class Line:
    """One measured thing: bench_load.Figures, with the queries and bytes of one answer (None: not a page)."""

    name: str
    rate: float
    p50: float
    p99: float
    errors: int = 0
    cpu: float | None = None
    queries: int | None = None
    bytes: int | None = None


@dataclass
class Run:
    """Everything measured at one size."""

    size: int
    loading_seconds: float
    rows: dict[str, int]
    lines: list[Line] = field(default_factory=list)
    memory_mb: list[int] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def line(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name), None)


# --- The database --------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def database() -> Iterator[str]:
    """The URL to measure on: a private cluster's, or the caller's when its name says that it may be erased."""
    given = os.environ.get("DATABASE_URL", "")
    if not given:
        with private_cluster() as url:
            yield url
    elif not urlsplit(given).path.endswith("_bench"):
        sys.exit("bench: the database of DATABASE_URL is erased, so its name must end with « _bench ».")
    elif not given.startswith(("postgres://", "postgresql://")):
        sys.exit("bench: DATABASE_URL must name a PostgreSQL database.")
    else:
        yield given


def configure(url: str, work: Path) -> None:
    """Django in this process, with the settings that the measured server gets through the same environment."""
    for name in ("PRODUCTION", "SECRET_KEY", "SECRET_KEY_FILE", "ALLOWED_HOSTS", "BASE_URL", "REDIS_URL", "EMAIL_URL"):
        os.environ.pop(name, None)
    for name in ("SEAL_KEY_FILE", "SIGNING_KEY_FILE", "MEDIA_ROOT", "CLAMD_URL"):
        os.environ.pop(name, None)
    os.environ |= {
        "DATABASE_URL": url,
        "VAR_DIR": str(work),
        "DEBUG": "false",
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "bench_settings",
    }
    (work / "static").mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()


def fill(size: int):
    """Erase everything, migrate, load; (Loaded, seconds)."""
    import bench_data
    from django.contrib.contenttypes.models import ContentType
    from django.core.cache import cache
    from django.core.management import call_command
    from django.db import connection

    from marketplace.dates import clock

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    ContentType.objects.clear_cache()
    cache.clear()
    call_command("migrate", verbosity=0)
    start = time.monotonic()
    loaded = bench_data.load(size, at=clock.now())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return loaded, time.monotonic() - start


# --- Pages -----------------------------------------------------------------------------------------------------------
def pages() -> list[tuple[str, str, bool, bool]]:
    """(name, path, signed in, answer built each time) of everything that is asked for, in this order."""
    import bench_data
    from bench_floor import EMPTY as empty_path
    from django.urls import reverse

    from marketplace.dates import clock
    from opportunities.models import Opportunity
    from proposals.models import Award

    occasion = Opportunity.objects.open(at=clock.now()).filter(addenda__isnull=False).order_by("closes_at").first()
    detail, listing = occasion.get_absolute_url(), reverse("opportunities:list")
    lines = [
        (HEALTH, "/sante", False, False),
        (EMPTY, empty_path, False, False),
        (LIST_KEPT, listing, False, False),
        (LIST_BUILT, listing, False, True),
        ("list, last page, built", f"{listing}?page=derniere", False, True),
        ("list, every state, built", f"{listing}?etat=ouverte&etat=evaluation&etat=attribuee", False, True),
        ("list, one word searched, built", f"{listing}?q={bench_data.SEARCHED_TYPED}", False, True),
        ("list, signed-in vendor", listing, True, True),
        ("home, page kept", reverse("home"), False, False),
        ("home, page built", reverse("home"), False, True),
        ("open occasion, page kept", detail, False, False),
        ("open occasion, page built", detail, False, True),
        ("open occasion, signed-in vendor", detail, True, True),
        ("own proposals, signed-in vendor", reverse("proposals:mine"), True, True),
        ("awards, page built", reverse("proposals:awards"), False, True),
    ]
    award = Award.objects.select_related("opportunity").order_by("-at").first()
    lines.append(("one award, page built", reverse("proposals:award", args=[award.opportunity.number]), False, True))
    return [*lines, (EMPTY_AGAIN, empty_path, False, False)]


def count_queries(path: str, cookie: str) -> int:
    """Queries of one answer built by this process, on the same database, once everything lazy is loaded."""
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(raise_request_exception=False, headers={"host": "127.0.0.1", "cookie": cookie})
    client.get(path)
    cache.clear()
    with CaptureQueriesContext(
        connection,
    ) as captured:
        client.get(path)
    return len(captured)


def measure_pages(run: Run, port: int, process, seconds: float) -> None:
    import bench_deposits

    session = bench_deposits.session(bench_deposits.some_vendor())
    for name, path, signed_in, built in pages():
        cookie = session if signed_in else ""
        status, size = bench_load.get(port, path, cookie)
        if status != 200:
            run.missing.append(f"{name}: {path} answers {status}")
            continue
        figures = bench_load.put(port, process, path, seconds=seconds, cookie=cookie, unique=built)
        # A page that is kept costs what finding it costs: its queries are counted on the line that builds it.
        queries = count_queries(path, cookie) if built or name == EMPTY else None
        run.lines.append(Line(name, **asdict(figures), queries=queries, bytes=size))
        show(run.lines[-1], run)


def measure_deposits(run: Run, port: int, seconds: float) -> None:
    """One caller by function calls, then four browsers; a visit is five requests."""
    import bench_deposits

    figures, queries = bench_deposits.by_calls(seconds)
    run.lines.append(Line("submit a proposal, calls, one caller", **asdict(figures), queries=queries))
    show(run.lines[-1], run)
    try:
        visit, last = bench_deposits.by_browsers(port, seconds)
    except RuntimeError as error:
        run.missing.append(f"dépôts by HTTP: {error}")
        return
    for name, figures in (("whole visit of a bidder, four at once", visit), ("its last request, the deposit", last)):
        run.lines.append(Line(name, **asdict(figures)))
        show(run.lines[-1], run)


# --- What is printed --------------------------------------------------------------------------------------------------
HEADER = f"{'':<40}" + "".join(f"{name:>9}" for name in ("per s", "p50 ms", "p99 ms", "cpu ms", "queries", "bytes"))
HEADER += f"{'of empty':>10}"


def show(line: Line, run: Run) -> None:
    empty = run.line(EMPTY)
    share = f"{line.rate / empty.rate:.0%}" if empty and line.bytes is not None else ""
    cells = [f"{line.rate:,.0f}" if line.rate >= 100 else f"{line.rate:.1f}", f"{line.p50:.1f}", f"{line.p99:.1f}"]
    cells += ["" if line.cpu is None else f"{line.cpu:.2f}", "" if line.queries is None else str(line.queries)]
    cells += ["" if line.bytes is None else f"{line.bytes:,}"]
    failed = f"  {line.errors} ERRORS" if line.errors else ""
    print(f"{line.name:<40}" + "".join(f"{cell:>9}" for cell in cells) + f"{share:>10}{failed}", flush=True)


def aims(runs: list[Run]) -> list[tuple[str, bool | None]]:
    """What docs/performance.md promises, and whether this run kept it; None: told, not promised."""
    results = []
    for run in runs:
        empty = run.line(EMPTY)
        for name in (LIST_KEPT, LIST_BUILT):
            line = run.line(name)
            if line and empty:
                share = line.rate / empty.rate
                sentence = f"{run.size:,} occasions: {name}, {share:.0%} of the empty view"
                # The aim is on the product as shipped; the page built each time is told beside it.
                if name == LIST_BUILT:
                    results.append((sentence, None))
                else:
                    results.append((f"{sentence} (aim: {SHARE_OF_EMPTY:.0%})", share >= SHARE_OF_EMPTY))
        asked = [line for line in run.lines if line.bytes and line.queries]  # at least the empty view
        worst = max(asked, key=lambda line: line.queries)
        results.append(
            (
                f"{run.size:,} occasions: {worst.queries} queries at most ({worst.name}; aim: {QUERIES_AT_MOST})",
                worst.queries <= QUERIES_AT_MOST,
            )
        )
        results.append((f"{run.size:,} occasions: no failed request", not any(line.errors for line in run.lines)))
    for small, large in zip(runs, runs[1:], strict=False):
        differ = [
            line.name
            for line in small.lines
            if line.queries is not None and (other := large.line(line.name)) and other.queries != line.queries
        ]
        text = f"the same number of queries at {small.size:,} and {large.size:,}"
        results.append((text + (f" (not: {', '.join(differ)})" if differ else ""), not differ))
    return results


def measure(size: int, url: str, work: Path, seconds: float) -> Run:
    loaded, took = fill(size)
    run = Run(size, round(took, 1), dict(loaded.rows))
    print(f"\n{size:,} occasions, {loaded.rows.total():,} rows, loaded in {took:.0f} s\n{HEADER}", flush=True)
    for name, figures in bench_load.raw_reads(url, min(seconds, 3)):
        run.lines.append(Line(name, **asdict(figures)))
        show(run.lines[-1], run)
    with bench_load.server(ROOT, work / "gunicorn.log") as (port, process):
        measure_pages(run, port, process, seconds)
        measure_deposits(run, port, seconds)
        run.memory_mb = bench_load.memory(process)
    first, again = run.line(EMPTY), run.line(EMPTY_AGAIN)
    if first and again and abs(again.rate / first.rate - 1) > DRIFT:
        print("The empty view's rate moved: the machine is busy; trust « cpu ms » and queries, not rates.", flush=True)
    for text in run.missing:
        print(f"NOT MEASURED {text}", flush=True)
    if run.memory_mb:
        print(f"memory of the server's processes after the load: {run.memory_mb} MB", flush=True)
    return run


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    sizes = [1_000, 10_000]
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=sizes)
    parser.add_argument("--seconds", type=float, default=5.0, help="load on each page (5)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--ledger", action="store_true", help="measure the ledger only")
    parser.add_argument("--pairs", type=int, default=40, help="runs of a verb with and without the ledger (40)")
    parser.add_argument("--rows", type=lambda text: [int(size) for size in text.split(",")], default=bench_ledger.ROWS)
    args = parser.parse_args()
    if min(args.sizes) < 500:
        parser.error("--sizes: at least 500 occasions, or a search finds nothing")
    return args


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then too
    args = arguments()
    runs, machine = ([], "") if args.ledger else pages_and_deposits(args)
    ledger, results = bench_ledger.run(args.pairs, sorted(args.rows))
    print("\naims")
    results = aims(runs) + results
    for text, kept in results:
        print(f"{ {True: 'yes', False: 'NO', None: ''}[kept]:<4}{text}")
    if args.json:
        figures = {"machine": machine, "runs": [asdict(run) for run in runs], "ledger": ledger, "aims": results}
        args.json.write_text(json.dumps(figures, indent=1))
    return 0 if all(kept is not False for _text, kept in results) and not any(run.missing for run in runs) else 1


def pages_and_deposits(args: argparse.Namespace) -> tuple[list[Run], str]:
    """What is measured at each size, and on which machine."""
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dan-bench-")))
        try:
            url = stack.enter_context(database())
        except PostgresUnavailable as why:
            sys.exit(f"bench: {why}: run `make services`")
        configure(url, work)
        machine = (
            f"{os.cpu_count()} cores, Python {platform.python_version()}, {'wrk' if bench_load.wrk() else 'threads'}"
        )
        busy = f", load average before {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
        print(
            f"{machine}{busy}; gunicorn × {bench_load.WORKERS}, {bench_load.CONNECTIONS} connections, {args.seconds} s"
        )
        return [measure(size, url, work, args.seconds) for size in args.sizes], machine


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
