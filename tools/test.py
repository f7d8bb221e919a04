"""Run the whole test suite on every database this machine has, and say loudly what was not run.

``python tools/test.py [--only sqlite|postgres] [pytest's own arguments]``

SQLite first, then PostgreSQL (``DATABASE_URL`` when it names one, else a private cluster). Redis and Chromium are
given to the tests as ``TEST_REDIS_URL`` and ``TEST_CHROMIUM``. For each database, the tests run in two processes, then
those marked ``serial`` or ``browser`` alone. With ``CI=true`` a missing service is a failure. The last line is always
``N passed, N failed, N skipped``, the sum over databases; the exit code is not 0 when a test failed or none ran.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from postgres import PostgresUnavailable, private_cluster

ROOT = Path(__file__).resolve().parent.parent
DATABASES = ("sqlite", "postgres")
ALONE = "serial or browser"
NOTHING_COLLECTED = 5

# What a developer may have set for `make run` or for production must not leak into the tests.
OURS = {
    *("PRODUCTION", "DEBUG", "SECRET_KEY", "SECRET_KEY_FILE", "ALLOWED_HOSTS", "BASE_URL", "DATABASE_URL", "REDIS_URL"),
    *("SEAL_KEY_FILE", "SIGNING_KEY_FILE", "MEDIA_ROOT", "VAR_DIR", "EMAIL_URL", "DEFAULT_FROM_EMAIL", "CLAMD_URL"),
    *("OCDS_PREFIX", "CONTACT_EMAIL", "LOG_LEVEL"),
}


@dataclass
class Tally:
    """What one database's runs gave. ``failures`` and ``skips`` count by test id and by reason."""

    database: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    skips: Counter = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def skipped(self) -> int:
        return self.skips.total()

    @property
    def collected(self) -> int:
        return self.passed + len(self.failures) + self.skipped

    def read(self, report: Path, code: int, step: str) -> None:
        """Add pytest's junit report; a run that broke without a failed test counts as one failure."""
        before = len(self.failures)
        if report.exists():
            for case in ET.parse(report).iter("testcase"):
                self._add(case)
        if code not in (0, NOTHING_COLLECTED) and len(self.failures) == before:
            self.failures.append(f"pytest itself ({step}) ended with code {code}")

    def _add(self, case: ET.Element) -> None:
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            # A test that fails and whose teardown fails is written twice.
            if name not in self.failures:
                self.failures.append(name)
        elif skip is not None:
            reason = skip.get("message") or "no reason given"
            self.skips[f"expected failure: {reason}" if skip.get("type") == "pytest.xfail" else reason] += 1
        else:
            self.passed += 1


def loud(message: str) -> None:
    """A line nobody can miss, in the run and in the log of the CI."""
    bar = "!" * min(100, len(message) + 4)
    print(f"\n{bar}\n! {message}\n{bar}", flush=True)


@contextlib.contextmanager
def postgres_url() -> Iterator[str | None]:
    """``DATABASE_URL`` when it names PostgreSQL, else a private cluster's, else ``None``."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith(("postgres://", "postgresql://")):
        yield given
        return
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(private_cluster())
        except PostgresUnavailable as why:
            print(why, file=sys.stderr)
            url = None
        yield url


@contextlib.contextmanager
def redis_url() -> Iterator[str | None]:
    """``TEST_REDIS_URL``, else a private server that keeps nothing, else ``REDIS_URL``, else ``None``.

    A private server is preferred to ``REDIS_URL``: the tests may empty what they are given.
    """
    binary = shutil.which("redis-server")
    given = os.environ.get("TEST_REDIS_URL") or (None if binary else os.environ.get("REDIS_URL"))
    if given or not binary:
        yield given
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="dan-redis-") as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        server = subprocess.Popen(
            [binary, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: the server is stopped below
        )
        try:
            yield f"redis://127.0.0.1:{port}/0" if _answers(server, port) else None
        finally:
            server.terminate()
            server.wait(timeout=10)


def _answers(server: subprocess.Popen, port: int) -> bool:
    """Whether Redis answers PING within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(b"PING\r\n")
            if link.recv(16).startswith(b"+PONG"):
                return True
        time.sleep(0.05)
    return False


def chromium() -> str | None:
    """Path of the browser, ``TEST_CHROMIUM`` first."""
    candidates = (os.environ.get("TEST_CHROMIUM"), "/usr/bin/chromium", shutil.which("chromium"))
    return next((path for path in candidates if path and Path(path).exists()), None)


def run(database: str, url: str | None, extra: dict[str, str], args: argparse.Namespace, work: Path) -> Tally:
    """Run the suite on one database: in parallel first, then what must be alone."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment |= extra | {"VAR_DIR": str(work / f"var-{database}")}
    if url:
        environment["DATABASE_URL"] = url
    # Tests of PostgreSQL's own behaviour are not « skipped » on SQLite when they run on PostgreSQL next.
    elsewhere = database == "sqlite" and args.postgres_follows
    tally = Tally(database)
    start = time.monotonic()
    for step, where, workers in (("parallel", f"not ({ALONE})", args.workers), ("alone", ALONE, "0")):
        marks = [f"({where})"] + [f"({args.marks})"] * bool(args.marks) + ["not postgres"] * elsewhere
        report = work / f"{database}-{step}.xml"
        print(f"\n=== {database}: {step} ===", flush=True)
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", workers, "-m", " and ".join(marks), f"--junit-xml={report}"]
            + args.pytest,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
        ).returncode
        tally.read(report, code, step)
        if code in (2, 4):  # interrupted, or arguments that pytest refuses: the next step would say the same
            break
    tally.seconds = time.monotonic() - start
    return tally


def table(tallies: list[Tally], missing: list[str]) -> None:
    """Print the closing table, what failed, and why tests were skipped."""
    print(f"\n{'database':<12}{'collected':>10}{'passed':>10}{'failed':>10}{'skipped':>10}{'seconds':>10}")
    for tally in tallies:
        numbers = (tally.collected, tally.passed, len(tally.failures), tally.skipped, round(tally.seconds))
        print(f"{tally.database:<12}" + "".join(f"{number:>10}" for number in numbers))
    for tally in tallies:
        for name in tally.failures:
            print(f"FAILED  {tally.database}: {name}")
    for tally in tallies:
        for reason, count in tally.skips.most_common():
            print(f"SKIPPED {tally.database}: {count} × {reason}")
    for name in missing:
        print(f"SKIPPED: {name} not found: run `make services`")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--only", choices=DATABASES, help="run on this database alone")
    parser.add_argument("-n", dest="workers", default="2", help="parallel processes (2)")
    parser.add_argument("-m", dest="marks", help="pytest's mark expression, added to ours")
    args, args.pytest = parser.parse_known_args()
    return args


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then too
    args = arguments()
    strict = os.environ.get("CI", "").lower() in ("1", "true")
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dan-test-")))
        # Not started for `--only sqlite`: a narrow run should start in a second.
        postgres = stack.enter_context(postgres_url()) if args.only != "sqlite" else None
        redis = stack.enter_context(redis_url())
        browser = chromium()
        found = {"PostgreSQL": postgres or args.only == "sqlite", "Redis": redis, "Chromium": browser}
        missing = [name for name, value in found.items() if not value]
        for name in missing:
            loud(f"{'FAILED' if strict else 'SKIPPED'}: {name} not found: run `make services`")
        if missing and (strict or (args.only == "postgres" and not postgres)):
            print(f"\n0 passed, {len(missing)} failed, 0 skipped")
            return 1
        given = {"TEST_REDIS_URL": redis, "TEST_CHROMIUM": browser}
        extra = {name: value for name, value in given.items() if value}
        args.postgres_follows = bool(postgres) and args.only != "sqlite"
        plan = [("sqlite", None), ("postgres", postgres)]
        tallies = [
            run(database, url, extra, args, work)
            for database, url in plan
            if args.only in (None, database) and (database == "sqlite" or url)
        ]
    table(tallies, missing)
    passed, failed, skipped = (
        sum(t.passed for t in tallies),
        sum(len(t.failures) for t in tallies),
        sum(t.skipped for t in tallies),
    )
    if not passed and not failed:
        print("\nNo test ran.")
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
