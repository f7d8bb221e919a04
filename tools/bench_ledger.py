"""What the ledger costs: the share of a verb's time that writing it takes, and how long a million rows take to verify.

``python tools/bench_ledger.py [--pairs 40] [--rows 100000,1000000] [--json FILE]``

The verbs run on twin occasions, with the ledger and with a stand-in that writes nothing, in turns, each in its own
committed transaction: the median of the ratios is kept. On SQLite, then on a private PostgreSQL when there is one. The
export is written without a database, every row with its payload, a checkpoint every thousand rows; tools/verify.py
reads it in a process of its own. Exit code 1 when an aim is missed.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

import verify
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from postgres import PostgresUnavailable, private_cluster

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tools" / "verify.py"
SHARE_AT_MOST = 0.15
SECONDS_AT_MOST = 60
MEGABYTES_MORE_AT_MOST = 16  # from the small export to the large one: what ten times the checkpoints weigh, and no rows
ROWS = [100_000, 1_000_000]
EVERY = 1_000
WARM = 3
# On Linux a program's peak of memory begins at the size of the process that forked it: this one, with an export behind
# it, is ten times the verifier. A small one stands between, and says what the program took.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_pid, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


# --- Writing ---------------------------------------------------------------------------------------------------------
def verbs_on(url: str | None, pairs: int) -> dict[str, dict]:
    """{verb: {with, without, share}} in a process of its own, on this database (None: a new SQLite file)."""
    with tempfile.TemporaryDirectory(prefix="dan-bench-ledger-") as work:
        named = {
            "DATABASE_URL": url or f"sqlite:///{work}/bench.sqlite3",
            "VAR_DIR": work,
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(ROOT),
        }
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        command = [sys.executable, __file__, "--inside", "--pairs", str(pairs)]
        process = subprocess.run(command, env=inherited | named, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(process.stderr[-2000:])
    return json.loads(process.stdout.splitlines()[-1])


def inside(pairs: int) -> dict[str, dict]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("migrate", verbosity=0)
    from marketplace.mail import outbox

    with outbox.held():  # what a message costs to send is not part of the act
        return {name: _paired(*prepare(pairs + WARM)) for name, prepare in _verbs().items()}


def _verbs() -> dict:
    """{verb: n -> (2n things to do it to, how)}; the people and the occasions are those of the tests."""
    from marketplace.dates import clock
    from opportunities.review import actions as notice_review_actions
    from proposals.award import actions as award_actions
    from proposals.deposit import actions as deposit_actions
    from tests.cast import CLOSES_AT, PUBLISHED_AT, Cast

    cast = Cast()

    def publish(pairs):
        def act(opportunity):
            with clock.set_to(PUBLISHED_AT):
                notice_review_actions.publish(opportunity, by=cast.officer)

        return [cast.in_review(title=f"Occasion {rank}") for rank in range(2 * pairs)], act

    def submit(pairs):
        def act(proposal):
            with clock.set_to(PUBLISHED_AT):
                deposit_actions.deposit(
                    proposal,
                    by=cast.vendor_owner,
                    idempotency_key=uuid.uuid4(),
                    integrity=True,
                    no_collusion=True,
                    lobbying="none",
                    accept_terms=True,
                )

        text = "Nous ferons le travail en trois livraisons. " * 45
        return [cast.proposal(cast.published(title=f"Appel {rank}"), text=text) for rank in range(2 * pairs)], act

    def confirm(pairs):
        def act(opportunity):
            with clock.set_to(CLOSES_AT):
                award_actions.confirm(opportunity, by=cast.officer)

        return [cast.recommended(title=f"Choix {rank}")[0] for rank in range(2 * pairs)], act

    return {"publish": publish, "deposit": submit, "confirm_award": confirm}


def _paired(things: list, act) -> dict:
    """Milliseconds (medians) with and without the ledger, and the median of the paired ratios, less one."""
    from marketplace.ledger import entries as ledger

    real, nothing = ledger.record, ledger.LedgerEntry(seq=0)

    def timed(thing, record) -> float:
        ledger.record = record
        before = time.perf_counter()
        act(thing)
        took = time.perf_counter() - before
        ledger.record = real
        return took * 1000

    def stub(*_args, **_kwargs):
        return nothing

    rows = []
    for rank in range(len(things) // 2):
        first, second = things[2 * rank : 2 * rank + 2]
        if rank % 2:
            without, written = timed(first, stub), timed(second, real)
        else:
            written, without = timed(first, real), timed(second, stub)
        rows.append((written, without))
    rows = rows[WARM:]
    share = median(written / without for written, without in rows) - 1
    return {"with": median(row[0] for row in rows), "without": median(row[1] for row in rows), "share": share}


# --- Verifying -------------------------------------------------------------------------------------------------------
def write_export(path: Path, count: int) -> str:
    """An export of `count` entries as the platform writes them, and the key that signed it."""
    secret, dice, origin = Ed25519PrivateKey.generate(), random.Random(count), "banc.exemple.invalid/registre"
    public = secret.public_key().public_bytes_raw()
    key = base64.b64encode(public).decode()
    named = hashlib.sha256(f"{origin}\n\x01".encode() + public).digest()[:4]
    tree, previous, instant = verify.Frontier(), verify.GENESIS, "2026-11-24T19:00:00.000000Z"

    def signed(row: dict) -> bytes:
        signature = base64.b64encode(secret.sign(verify.canonical(row))).decode()
        return verify.canonical(row | {"signature": signature}) + b"\n"

    with path.open("wb") as file:
        file.write(signed({"type": "dan-ledger/2", "key": key, "origin": origin, "first": 1, "frontier": []}))
        for seq in range(1, count + 1):
            act = {"action": "opportunity.edit", "actor": f"person:{uuid.UUID(int=seq)}", "subject": f"occasion:{seq}"}
            body = act | {"fields": ["title", "description"], "reason": "Précision demandée par un prestataire"}
            salt = dice.randbytes(16).hex()
            digest = verify.sha256(salt.encode() + verify.canonical(body))
            row = act | {"seq": seq, "at": instant, "recorded_at": instant, "digest": digest, "previous": previous}
            previous = verify.sha256(verify.canonical(row))
            file.write(verify.canonical(row | {"hash": previous, "salt": salt, "body": body}) + b"\n")
            tree.add(verify.leaf(bytes.fromhex(previous)))
            if seq % EVERY == 0:
                text = f"{origin}\n{seq}\n{base64.b64encode(tree.root()).decode()}\n{instant}\n{previous}\n"
                signature = base64.b64encode(named + secret.sign(text.encode())).decode()
                note = f"{text}\n\u2014 {origin} {signature}\n"
                file.write(verify.canonical({"type": "checkpoint", "note": note}) + b"\n")
        head = {"type": "head", "first": 1, "previous": verify.GENESIS, "count": count, "seq": count, "hash": previous}
        head |= {"root": tree.root().hex(), "payloads": count, "without": [], "at": instant}
        file.write(signed(head | {"checkpoints": list(range(EVERY, count + 1, EVERY))}))
    return key


def verified(count: int) -> dict:
    """{rows, megabytes, seconds, memory_mb} of one verification, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="dan-bench-ledger-") as work:
        path = Path(work) / "ledger.jsonl"
        key = write_export(path, count)
        size = path.stat().st_size
        command = [sys.executable, str(TOOL), "ledger", str(path), "--key", key]
        before = time.monotonic()
        measured = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, check=True)
        took = time.monotonic() - before
    code, cpu, kilobytes = measured.stdout.split()
    if int(code):
        raise RuntimeError(f"verify.py answered {code}: {measured.stderr[-2000:]}")
    return {
        "rows": count, "megabytes": round(size / 1e6), "seconds": round(took, 1),
        "cpu_seconds": round(float(cpu), 1), "memory_mb": round(int(kilobytes) / 1024, 1),
    }  # fmt: skip


# --- Both ------------------------------------------------------------------------------------------------------------
def run(pairs: int, sizes: list[int]) -> tuple[dict, list[tuple[str, bool | None]]]:
    """Every figure, printed as it comes, and what was aimed at with whether it was kept."""
    figures, aims = {"verbs": {}, "verify": []}, []
    print(f"\n{'the ledger in a verb':<40}{'with ms':>9}{'without':>9}{'share':>9}", flush=True)
    with contextlib.ExitStack() as stack:
        databases = {"SQLite": None}
        try:
            databases["PostgreSQL"] = stack.enter_context(private_cluster())
        except PostgresUnavailable as why:
            print(f"NOT MEASURED on PostgreSQL: {why}")
        for name, url in databases.items():
            figures["verbs"][name] = rows = verbs_on(url, pairs)
            for verb, row in rows.items():
                label = f"{verb}, {name}"
                print(f"{label:<40}{row['with']:>9.2f}{row['without']:>9.2f}{row['share']:>9.1%}", flush=True)
                sentence = f"{label}: the ledger takes {row['share']:.1%} of the verb (aim: {SHARE_AT_MOST:.0%})"
                aims.append((sentence, row["share"] <= SHARE_AT_MOST))
    print(f"\n{'tools/verify.py ledger':<40}{'MB':>9}{'seconds':>9}{'cpu s':>9}{'peak MB':>9}", flush=True)
    for count in sizes:
        row = verified(count)
        figures["verify"].append(row)
        label = f"{count:,} rows"
        shown = f"{row['megabytes']:>9}{row['seconds']:>9}{row['cpu_seconds']:>9}{row['memory_mb']:>9}"
        print(f"{label:<40}{shown}", flush=True)
    large = figures["verify"][-1]
    text = f"{large['rows']:,} rows verified in {large['seconds']} s (aim: {SECONDS_AT_MOST} s)"
    aims.append((text, large["seconds"] <= SECONDS_AT_MOST))
    more = large["memory_mb"] - figures["verify"][0]["memory_mb"]
    text = f"{more:.1f} MB more for {large['rows']:,} rows than for {sizes[0]:,} (aim: {MEGABYTES_MORE_AT_MOST} MB)"
    aims.append((text, more <= MEGABYTES_MORE_AT_MOST))
    return figures, aims


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--pairs", type=int, default=40, help="runs of each verb with and without the ledger (40)")
    parser.add_argument("--rows", type=lambda text: [int(size) for size in text.split(",")], default=ROWS)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(inside(args.pairs)))
        return 0
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load average before {os.getloadavg()[0]:.1f}")
    figures, aims = run(args.pairs, sorted(args.rows))
    print("\naims")
    for text, kept in aims:
        print(f"{'yes' if kept else 'NO':<4}{text}")
    if args.json:
        args.json.write_text(json.dumps(figures | {"aims": aims}, indent=1))
    return 0 if all(kept for _text, kept in aims) else 1


if __name__ == "__main__":
    sys.exit(main())
