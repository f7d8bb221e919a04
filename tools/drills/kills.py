"""The kill drill: processes that deposit, replace, withdraw, add a file, answer, deliver and open, killed at any point.

    python tools/drills/kills.py --kills 300 --database postgres|sqlite --seed N

Each act runs in a process of its own, which kills itself (SIGKILL) at a point drawn from the seed: around a statement,
a commit or a system call on a file, or at any call of any function. After each: rows and bytes agree, what was
acknowledged is there, every dépôt that stands opens, and after the sweep no bytes are without a row. At the end every
occasion is opened, and the ledger is verified by tools/verify.py. Prints a table; exits 1 after a failure.
"""

import argparse
import contextlib
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from drills import ground  # noqa: E402 - after the path
from drills.points import ANYWHERE, INPUT_OUTPUT, Points  # noqa: E402 - after the path

BEYOND = 1.15  # of the points that an act was seen to pass: so some acts end, and are acknowledged


@dataclass
class Act:
    """run: in the process that may die; answers what is acknowledged. holds: of it, in ours; AssertionError if not."""

    name: str
    run: Callable[[], Any]
    holds: Callable[[Any], None]
    after: Callable[[], None] = lambda: None


@dataclass
class Tally:
    tried: Counter = field(default_factory=Counter)
    killed: Counter = field(default_factory=Counter)
    acknowledged: Counter = field(default_factory=Counter)
    swept: Counter = field(default_factory=Counter)
    points: dict[tuple[str, str], int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    opened: int = 0  # receipts whose dépôt was opened by an opening


def configure(url: str, work: Path) -> None:
    """Django in this process: its own folder, no queue, mails that go nowhere."""
    ground.configure(url, work)
    from django.conf import settings

    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    logging.disable(logging.CRITICAL)


# --- One act, in a process of its own --------------------------------------------------------------------------------
def attempt(act: Act, kind: str, last: int | None) -> tuple[bool, Any, int, str]:
    """(killed, what was acknowledged or None, points passed, what failed) of one process."""
    from django.db import connections

    connections.close_all()  # none is shared with the child
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _live(act, Points(last), kind, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _pid, status = os.waitpid(child, 0)
    _settled()
    if os.WIFSIGNALED(status):
        return True, None, last or 0, ""
    answer = json.loads(said)
    return False, answer.get("acknowledged"), answer["points"], answer.get("failed", "")


def _live(act: Act, points: Points, kind: str, writer: int) -> None:
    try:
        with points.watched(kind):
            acknowledged = act.run()
        answer = {"acknowledged": acknowledged, "points": points.passed}
    except BaseException:
        sys.setprofile(None)
        answer = {"failed": traceback.format_exc(), "points": points.passed}
    with contextlib.suppress(BaseException):
        os.write(writer, json.dumps(answer).encode())
    os._exit(0)


def _settled() -> None:
    """PostgreSQL ends the transaction of a dead client when it sees it: a commit may still be on its way."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            others = 1
            while others:
                cursor.execute(
                    "SELECT count(*), pg_sleep(0.005) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                    "AND datname = current_database() AND pid <> pg_backend_pid()"
                )
                (others, _slept) = cursor.fetchone()


# --- The drill -------------------------------------------------------------------------------------------------------
def drill(kills: int, seed: int, tally: Tally) -> None:
    from drills.world import World

    chance = random.Random(seed)
    world = World(chance, Act)
    for name in world.names:  # once each without a kill: how many points it passes
        for kind in (INPUT_OUTPUT, ANYWHERE):
            act = world.next(name)
            _killed, acknowledged, passed, failed = attempt(act, kind, None)
            tally.points[act.name, kind] = passed
            _check(world, act, acknowledged, failed, tally)
    tally.tried.clear(), tally.acknowledged.clear(), tally.swept.clear()
    while tally.killed.total() < kills:
        act, kind = world.next(chance.choice(world.names)), chance.choice((INPUT_OUTPUT, ANYWHERE))
        last = chance.randint(1, int(tally.points[act.name, kind] * BEYOND) + 1)
        killed, acknowledged, passed, failed = attempt(act, kind, last)
        tally.tried[act.name] += 1
        tally.killed[act.name] += killed
        if not killed and not failed:
            tally.points[act.name, kind] = passed
        _check(world, act, acknowledged, failed and f"{kind} {last}: {failed}", tally)
    tally.opened += world.open_all()
    world.ledger_holds()


def _check(world: Any, act: Act, acknowledged: Any, failed: str, tally: Tally) -> None:
    if failed:
        tally.failures.append(f"{act.name}: {failed}")
    try:
        world.rows_and_bytes()
        if acknowledged is not None:
            tally.acknowledged[act.name] += 1
            act.holds(acknowledged)
        tally.opened += world.standing()
        act.after()
        tally.swept[act.name] += world.swept()
    except Exception:
        tally.failures.append(f"{act.name}: {traceback.format_exc()}")


def table(tally: Tally, which: str, seed: int, seconds: float) -> str:
    """Kills by act, in Markdown."""
    lines = ["| act | tried | killed | acknowledged | orphans swept |", "|---|---:|---:|---:|---:|"]
    for name in sorted(tally.tried):
        counted = (tally.tried, tally.killed, tally.acknowledged, tally.swept)
        lines.append(f"| {name} | " + " | ".join(str(counter[name]) for counter in counted) + " |")
    totals = (tally.tried, tally.killed, tally.acknowledged, tally.swept)
    lines.append("| total | " + " | ".join(str(counter.total()) for counter in totals) + " |")
    lines.append(
        f"\n{which}, seed {seed}: {tally.opened} receipts opened, {len(tally.failures)} failures, {seconds:.0f} s"
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="sqlite")
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="dan-kills-"))
    tally, began = Tally(), time.monotonic()
    try:
        with ground.database(options.database, work) as url:
            configure(url, work)
            try:
                drill(options.kills, options.seed, tally)
            except Exception:
                tally.failures.append(traceback.format_exc())
            finally:
                from django.db import connections

                connections.close_all()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(table(tally, options.database, options.seed, time.monotonic() - began))
    for failure in tally.failures:
        print(f"\n{failure}", file=sys.stderr)
    return 1 if tally.failures or tally.killed.total() < options.kills else 0


if __name__ == "__main__":
    sys.exit(main())
