"""Run the whole test suite on every database this machine has, and say loudly what was not run.

``python tools/test.py [--only sqlite|postgres] [--coverage] [--random] [pytest's own arguments]``

SQLite first, then PostgreSQL (``DATABASE_URL`` when it names one, else a private cluster), each in one pytest with two
processes. Tests that touch no database, or look at what none changes, run with the first one only. Redis and Chromium
are given to the tests as ``TEST_REDIS_URL`` and ``TEST_CHROMIUM``. With ``CI=true`` a missing service is a failure. The
last line is always ``N passed, N failed, N skipped``, the sum over databases; the exit code is not 0 when a test failed
or none ran.

--coverage: measured, then told against the floor of pyproject.toml; under it, the exit code is not 0.
--random: property-based tests alone, which look for new examples (they are the same at each run otherwise).
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
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import environment
from postgres import PostgresUnavailable, private_cluster

ROOT = Path(__file__).resolve().parent.parent
DATABASES = ("sqlite", "postgres")
SLOWEST = 20
NO_DATABASE = "no database"  # a kind of tests/conftest.py
# A file's tests stay in one process, which builds its worlds once; files in tests/conftest.py's order, longest first.
SHARING = ["--dist", "loadfile", "--no-loadscope-reorder"]
NOTHING_COLLECTED = 5

# What a developer may have set for `make run` or for production must not leak into the tests; but a test key of Stripe,
# which whoever runs the tests may give.
OURS = {name for name in environment.ours() if not name.startswith("STRIPE_")}


@dataclass
class Case:
    """One test on one database. ``kind`` and ``setup`` (seconds) are written by tests/conftest.py."""

    database: str
    name: str
    kind: str
    setup: float
    seconds: float


@dataclass
class Tally:
    """What one database's run gave. ``failures`` and ``skips`` count by test id and by reason."""

    database: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    skips: Counter = field(default_factory=Counter)
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def skipped(self) -> int:
        return self.skips.total()

    @property
    def collected(self) -> int:
        return self.passed + len(self.failures) + self.skipped

    def read(self, report: Path, code: int) -> None:
        """Add pytest's junit report; a run that broke without a failed test counts as one failure."""
        if report.exists():
            for case in ET.parse(report).iter("testcase"):
                self._add(case)
        if code not in (0, NOTHING_COLLECTED) and not self.failures:
            self.failures.append(f"pytest itself ended with code {code}")

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
        told = {each.get("name"): each.get("value") for each in case.iter("property")}
        kind, setup = told.get("kind", "not told"), float(told.get("setup", 0))
        self.cases.append(Case(self.database, name, kind, setup, float(case.get("time", 0))))


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
    """Run the suite on one database."""
    variables = {name: value for name, value in os.environ.items() if name not in OURS}
    variables |= extra | {"VAR_DIR": str(work / f"var-{database}")}
    if url:
        variables["DATABASE_URL"] = url
    marks = [f"({args.marks})"] * bool(args.marks)
    # Tests of PostgreSQL's own behaviour are not « skipped » on SQLite when they run on PostgreSQL next.
    marks += ["not postgres"] * (database == "sqlite" and args.postgres_follows)
    marks += ["not no_database and not any_database"] * (database != args.first)
    marks += ["hypothesis"] * args.random
    marks += ["not drill"] * ("drill" not in (args.marks or ""))  # they belong to `make drills`
    report = work / f"{database}.xml"
    measured = ["-m", "coverage", "run"] * args.coverage
    print(f"\n=== {database} ===", flush=True)
    start = time.monotonic()
    code = subprocess.run(
        [sys.executable, *measured, "-m", "pytest", "-n", args.workers, *SHARING, f"--junit-xml={report}"]
        + (["-m", " and ".join(marks)] if marks else [])
        + args.pytest,
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
    ).returncode
    tally = Tally(database, seconds=time.monotonic() - start)
    tally.read(report, code)
    return tally


def covered(work: Path) -> bool:
    """Tell which lines and branches were reached; whether they are as many as pyproject.toml wants."""
    variables = os.environ | {"COVERAGE_FILE": str(work / "coverage")}
    told = [
        subprocess.run([sys.executable, "-m", "coverage", *command], cwd=ROOT, env=variables).returncode
        for command in (["combine", "--quiet"], ["report"])
    ]
    return not any(told)


def times(tallies: list[Tally]) -> None:
    """Print the slowest tests, and the minutes by kind of test: `setup` is what comes before the test's own lines."""
    cases = sorted((case for tally in tallies for case in tally.cases), key=lambda case: -case.seconds)
    print(f"\nslowest {min(SLOWEST, len(cases))}: seconds, of which setup")
    for case in cases[:SLOWEST]:
        print(f"{case.seconds:7.1f} {case.setup:6.1f}  {case.database}: {case.name}")
    functions: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        functions[case.name.partition("[")[0]].append(case.seconds)
    print(f"\nslowest {min(SLOWEST, len(functions))} functions: seconds of all their cells")
    for name, some in sorted(functions.items(), key=lambda pair: -sum(pair[1]))[:SLOWEST]:
        print(f"{sum(some):7.1f} {len(some):6}  {name}")
    kinds: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        kinds[case.kind].append(case)
    print(f"\n{'kind':<24}{'tests':>8}{'minutes':>10}{'setup':>10}")
    for kind, some in sorted(kinds.items(), key=lambda pair: -sum(case.seconds for case in pair[1])):
        minutes, setup = sum(case.seconds for case in some) / 60, sum(case.setup for case in some) / 60
        print(f"{kind:<24}{len(some):>8}{minutes:>10.1f}{setup:>10.1f}")


def table(tallies: list[Tally], missing: list[str]) -> None:
    """Print the closing table, what failed, and why tests were skipped."""
    print(f"\n{'database':<12}{'collected':>10}{'passed':>10}{'failed':>10}{'skipped':>10}{'seconds':>10}")
    for tally in tallies:
        numbers = (tally.collected, tally.passed, len(tally.failures), tally.skipped, round(tally.seconds))
        print(f"{tally.database:<12}" + "".join(f"{number:>10}" for number in numbers))
    if once := sum(case.kind == NO_DATABASE for case in tallies[0].cases):
        print(f"{once} of {tallies[0].database}'s touch no database: they run once")
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
    parser.add_argument("--coverage", action="store_true", help="measure what is reached, against the floor")
    parser.add_argument("--random", action="store_true", help="look for new examples in property-based tests")
    parser.add_argument("-n", dest="workers", default="2", help="parallel processes (2)")
    parser.add_argument("-m", dest="marks", help="pytest's mark expression, added to ours")
    args, args.pytest = parser.parse_known_args()
    return args


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then too
    args = arguments()
    strict = os.environ.get("CI", "").lower() in ("1", "true")
    enough = True
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
        extra |= {"TEST_JUDGED": str(work / "judged")}
        extra |= {"HYPOTHESIS_PROFILE": "random"} if args.random else {}
        extra |= {"COVERAGE_FILE": str(work / "coverage")} if args.coverage else {}
        args.postgres_follows = bool(postgres) and args.only != "sqlite"
        plan = [("sqlite", None), ("postgres", postgres)]
        plan = [(name, url) for name, url in plan if args.only in (None, name) and (name == "sqlite" or url)]
        args.first = plan[0][0]
        tallies = [run(database, url, extra, args, work) for database, url in plan]
        if args.coverage:
            enough = covered(work)
    times(tallies)
    table(tallies, missing)
    passed, failed, skipped = (
        sum(t.passed for t in tallies),
        sum(len(t.failures) for t in tallies),
        sum(t.skipped for t in tallies),
    )
    if not passed and not failed:
        print("\nNo test ran.")
    if not enough:
        print("\nFAILED: coverage (see above)")
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed and enough else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
