"""`make drills`: every long check, whole; with --sample, the fixed sample of each that CI runs.

    python -m tools.drills [--sample] [--only NAME…]

Each is a command of its own, in a process of its own, that prints its figures and exits 1 when something is not as it
must be. A drill that needs a server starts its own on the loopback address. The results of the last whole run are in
docs/operations.md.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRILLS = "tools/drills"


@dataclass(frozen=True)
class Drill:
    """whole, sample: arguments of the interpreter; an empty sample: what CI runs of it is in the suite, or nothing."""

    name: str
    about: str
    whole: tuple[str, ...]
    sample: tuple[str, ...] = ()


def _kills(database: str, kills: int) -> tuple[str, ...]:
    return (f"{DRILLS}/kills.py", "--database", database, "--kills", str(kills), "--seed", "9")


ALL = (
    Drill(
        "properties",
        "new examples for the property-based tests (the suite has the known ones)",
        ("tools/test.py", "--random", "--only", "sqlite"),
    ),
    Drill(
        "paying",
        "a process that pays is killed at each point, and anywhere (the suite has a sample)",
        ("-m", "pytest", "-q", "-s", "tests/test_paying_survives.py"),
    ),
    Drill(
        "start",
        "the image and the host without containers start as user 10001; rights; keys (tests marked `drill`)",
        ("tools/test.py", "-m", "drill"),
        ("tools/test.py", "-m", "drill"),
    ),
    Drill("kills-postgres", "acts killed at any point, PostgreSQL", _kills("postgres", 300), _kills("postgres", 12)),
    Drill("kills-sqlite", "acts killed at any point, SQLite", _kills("sqlite", 100), _kills("sqlite", 12)),
    Drill(
        "mail",
        "a mail server that refuses, is silent, and is back",
        (f"{DRILLS}/mail.py", "--database", "postgres"),
        (f"{DRILLS}/mail.py", "--database", "postgres", "--sample"),
    ),
    Drill(
        "redis",
        "Redis killed, then frozen, while vendors deposit",
        (f"{DRILLS}/redis_outage.py",),
        (f"{DRILLS}/redis_outage.py", "--sample"),
    ),
    Drill(
        "restore-postgres",
        "a loss: backup, another cluster, another store",
        (f"{DRILLS}/restore.py", "--database", "postgres"),
        (f"{DRILLS}/restore.py", "--database", "postgres", "--deposits", "2"),
    ),
    Drill("restore-sqlite", "the same on SQLite", (f"{DRILLS}/restore.py", "--database", "sqlite")),
    Drill("demonstration", "compose.demo.yml by its own commands, no engine", ("-m", "tools.drills.demonstration")),
)


def run(drill: Drill, arguments: tuple[str, ...], *, sample: bool) -> bool:
    """Run one, its output shown as it comes; whether all was as it must be."""
    print(f"\n== {drill.name}{', a sample' if sample else ''}: {drill.about}", flush=True)
    began = time.monotonic()
    environment = os.environ | ({} if sample else {"DRILLS": "whole"})
    code = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=False).returncode
    print(f"== {drill.name}: {'passed' if code == 0 else 'FAILED'}, {time.monotonic() - began:.0f} s", flush=True)
    return code == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sample", action="store_true", help="what CI runs: small, and the same each time")
    parser.add_argument("--only", nargs="+", choices=[drill.name for drill in ALL], help="these alone")
    args = parser.parse_args()
    plan = [
        (drill, drill.sample if args.sample else drill.whole)
        for drill in ALL
        if not args.only or drill.name in args.only
    ]
    results = {drill.name: run(drill, arguments, sample=args.sample) for drill, arguments in plan if arguments}
    failed = [name for name, passed in results.items() if not passed]
    if failed:
        print(f"\nFAILED: {', '.join(failed)}")
    if left := [drill.name for drill, arguments in plan if not arguments]:
        print(f"\nnot sampled here: {', '.join(left)}")
    print(f"\ndrills: {len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
