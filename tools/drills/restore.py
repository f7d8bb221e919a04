#!/usr/bin/env python3
"""Rehearse a loss: a backup of one installation, put back in another, and what is sealed in it opened.

    python tools/drills/restore.py [--database sqlite|postgres] [--deposits 5]

1. A first installation, with its own database (for PostgreSQL, a cluster), files and keys: a published occasion, sealed
   proposals with a file each, one of them withdrawn, a signed checkpoint of the ledger.
2. `manage.py backup`. The drill looks for both keys in every byte of it: they must not be there.
3. The first installation is gone: its database and its files are destroyed.
4. `manage.py restore` in a second one: another cluster, another folder; the keys are brought apart.
5. `manage.py doctor`, `export_ledger`, `tools/verify.py ledger` with the key and the checkpoints kept from before.
6. The occasion is opened, and each sealed file compared with what was deposited.

Each step is timed; the last line is JSON. Exit code 1 at the first thing that is not as it was.
"""

import argparse
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from drills import ground  # noqa: E402 - after the path

FILE_BYTES = 200_000
# What the doctor must find, no scheduler runs here; and may find, from the day on which the world's occasion closes.
STOPPED, LATE = {"Tâches automatiques", "Exécuteur des courriels"}, {"Ouverture en retard"}


class Drill:
    """What is measured, and where an installation's processes get their settings from."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.seconds: dict[str, float] = {}
        self.keys = base / "keys"
        self.keys.mkdir(mode=0o700)

    def environment(self, name: str, url: str) -> dict[str, str]:
        """Those of installation `name`; both have the same keys, which no backup holds."""
        var = self.base / name
        ours = {
            "VAR_DIR": str(var),
            "MEDIA_ROOT": str(var / "media"),
            "DATABASE_URL": url,
            "SEAL_KEY_FILE": str(self.keys / "seal.key"),
            "SIGNING_KEY_FILE": str(self.keys / "signing.pem"),
            "EMAIL_URL": "console://",
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        }
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
        return kept | ours

    def run(self, step: str, *command: str, environment: dict[str, str], codes: tuple[int, ...] = (0,)) -> str:
        """What a command says; SystemExit when it ends otherwise than told."""
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        self.seconds[step] = round(time.monotonic() - begin, 2)
        if done.returncode not in codes:
            sys.exit(f"restore: {step} failed ({done.returncode})\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        print(f"restore: {step:<28} {self.seconds[step]:>7.2f} s", flush=True)
        return done.stdout


def rehearse(database: str, deposits: int) -> dict[str, object]:
    """The whole drill; the figures of the last line."""
    base = Path(tempfile.mkdtemp(prefix="dan-restore-"))
    drill, copy, facts = Drill(base), base / "backup", base / "facts.json"
    try:
        with ground.database(database, base / "first") as url:
            first = drill.environment("first", url)
            drill.run("migrate the first", "manage.py", "migrate", "--verbosity=0", environment=first)
            drill.run("make its world", __file__, "--world", str(facts), str(deposits), environment=first)
            drill.run("backup", "manage.py", "backup", str(copy), environment=first)
        shutil.rmtree(base / "first")  # with SQLite's file; PostgreSQL's cluster ended with the block
        told = json.loads(facts.read_text())
        searched = no_key_in(copy, drill.keys)
        with ground.database(database, base / "second") as url:
            second = drill.environment("second", url)
            drill.run("restore", "manage.py", "restore", str(copy), environment=second)
            said = drill.run("doctor", "manage.py", "doctor", environment=second, codes=(1,))
            broken = {
                line.partition("  ")[2].strip().partition(" : ")[0] for line in said.splitlines() if "PANNE" in line[:5]
            }
            if not STOPPED <= broken <= STOPPED | LATE:
                sys.exit(f"restore: the doctor finds something else than what the drill stopped\n{said}")
            ledger, notes = base / "ledger.jsonl", base / "releves.txt"
            notes.write_text(told["note"], encoding="utf-8")
            drill.run("export the ledger", "manage.py", "export_ledger", str(ledger), environment=second)
            verify = ["tools/verify.py", "ledger", str(ledger), "--key", told["key"], "--expect", told["head"]]
            drill.run("verify the ledger", *verify, "--checkpoints", str(notes), environment=second)
            said = drill.run("open and read", __file__, "--open", str(facts), environment=second)
            opened = json.loads(said.splitlines()[-1])  # after the messages, which console:// writes
        size = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
        return {
            "database": database, "deposits": deposits, "backup_bytes": size, "bytes_searched_for_keys": searched,
            **opened, "seconds": drill.seconds,
        }  # fmt: skip
    finally:
        shutil.rmtree(base, ignore_errors=True)


def no_key_in(copy: Path, keys: Path) -> int:
    """How many bytes were searched; SystemExit when a key is among them, raw or in base64."""
    seal, signing = (keys / "seal.key").read_bytes().strip(), (keys / "signing.pem").read_bytes()
    body = b"".join(signing.splitlines()[1:-1])
    needles = [seal, base64.b64decode(seal), body, base64.b64decode(body)[-32:]]
    searched = 0
    for path in copy.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            searched += len(content)
            if any(needle in content for needle in needles):
                sys.exit(f"restore: a key is in {path.name}")
    return searched


# --- Inside an installation ------------------------------------------------------------------------------------------
def make_world(facts: Path, deposits: int) -> None:
    """A published occasion and its sealed proposals, a file each; what must be found again, in `facts`."""
    import django  # the steps below run in an installation's own process

    django.setup()
    from django.core.files.uploadedfile import SimpleUploadedFile

    from marketplace import keys
    from marketplace.dates import clock
    from marketplace.ledger import checkpoints
    from marketplace.models import LedgerEntry
    from proposals.deposit import actions as deposit_actions
    from proposals.drafts import actions as draft_actions
    from tests.cast import PUBLISHED_AT, Cast, person, vendor

    cast = Cast()
    occasion = cast.published()
    files = {}
    for number in range(deposits):
        firm = vendor(f"Atelier {number} inc.", person(f"Proposante {number}"))
        proposal = cast.proposal(occasion, vendor=firm)
        blob = b"%PDF-1.7\n" + hashlib.shake_128(f"{number}".encode()).digest(FILE_BYTES)
        draft_actions.add_file(proposal, SimpleUploadedFile("offre.pdf", blob), at=PUBLISHED_AT)
        cast.deposit(proposal)
        if number:
            files[str(proposal.public_id)] = hashlib.sha256(blob).hexdigest()
        else:
            with clock.set_to(PUBLISHED_AT + timedelta(hours=1)):
                deposit_actions.withdraw(proposal, by=firm.memberships.get().user)
    note = checkpoints.make(at=clock.now()).note
    head = LedgerEntry.objects.latest("seq").hash
    facts.write_text(
        json.dumps({"number": occasion.number, "files": files, "note": note, "head": head, "key": keys.key_id()})
    )


def open_world(facts: Path) -> None:
    """Open the occasion and read each sealed file; figures on standard output."""
    import django

    django.setup()
    from marketplace.dates import clock
    from proposals.models import OpenedProposal
    from proposals.opening import actions as opening_actions
    from tests.cast import CLOSES_AT

    told = json.loads(facts.read_text())
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(told["number"])
    read = {}
    for opened in OpenedProposal.objects.select_related("proposal"):
        (item,) = opened.content["files"]
        found = opening_actions.read_file(opened, item["id"])
        assert opened.readable and found
        read[str(opened.proposal.public_id)] = hashlib.sha256(found[1]).hexdigest()
    if read != told["files"] or not read:
        sys.exit("restore: a sealed file is not what was deposited")
    print(json.dumps({"opened": len(read), "files_compared": len(read)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--deposits", type=int, default=5)
    parser.add_argument("--world", nargs=2, metavar=("FACTS", "DEPOSITS"), help=argparse.SUPPRESS)
    parser.add_argument("--open", metavar="FACTS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.world:
        make_world(Path(asked.world[0]), int(asked.world[1]))
    elif asked.open:
        open_world(Path(asked.open))
    else:
        print(json.dumps(rehearse(asked.database, max(2, asked.deposits))))


if __name__ == "__main__":
    main()
