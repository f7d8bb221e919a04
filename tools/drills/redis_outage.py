#!/usr/bin/env python3
"""Redis is killed, then frozen, while vendors deposit and an occasion is opened.

    python tools/drills/redis_outage.py [--seed N] [--sample]

PostgreSQL, a Redis of its own, gunicorn as the image starts it (two processes, four threads). Fifty vendors deposit
from their sessions, four at once, a fifth of them while Redis answers, the others while it is stopped (SIGKILL), then
frozen (SIGSTOP); visitors read public pages, people sign in and are limited; the occasion falls due and is opened.
Every page must answer within two seconds (ten in a sample) and never by an error; every deposit that was acknowledged
must be opened, and its receipt verify; every message must wait in the outbox.

`--sample`: ten deposits, for CI. Prints a table; exit code 1 when something is not as it must be.
"""

import argparse
import contextlib
import http.client
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from postgres import free_port, private_cluster  # noqa: E402

from drills import ground  # noqa: E402 - after the path

AT_MOST = 2.0  # seconds, for any page
SAMPLE_AT_MOST = 10.0  # CI shares its machine: a sample tells the seconds, and fails on what hangs
AT_ONCE = 4
CSRF = "a" * 32  # the same in the cookie and in the form
HIDDEN = re.compile(r'<input type="hidden" name="(stamp|terms|key)" value="([^"]*)"')
PHASES = ("answers", "stopped", "frozen")


class Redis:
    """A server of the drill's own, that it may kill."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.process = folder, free_port(), None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [shutil.which("redis-server"), *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        wait_for(self.port)

    def send(self, what: signal.Signals) -> None:
        self.process.send_signal(what)
        if what == signal.SIGKILL:
            self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def wait_for(port: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


class Site:
    """Asks the web processes, and remembers how long each page took, by phase."""

    def __init__(self, port: int, at_most: float) -> None:
        self.port, self.at_most, self.phase = port, at_most, PHASES[0]
        self.forget()

    def forget(self) -> None:
        """What was asked until now is not counted."""
        self.taken: dict[str, list[float]] = {phase: [] for phase in PHASES}
        self.slow: list[str] = []
        self.statuses: dict[str, Counter] = {phase: Counter() for phase in PHASES}

    def ask(self, path: str, *, cookie: str = "", **fields) -> tuple[int, str, str]:
        """(status, page, where it sends the browser)."""
        headers = {"Cookie": f"csrftoken={CSRF}{'; ' + cookie if cookie else ''}"}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        began = time.monotonic()
        try:
            if fields:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                link.request("POST", path, urlencode(fields | {"csrfmiddlewaretoken": CSRF}), headers)
            else:
                link.request("GET", path, headers=headers)
            answer = link.getresponse()
            page = answer.read().decode()
        finally:
            link.close()
        seconds = time.monotonic() - began
        self.taken[self.phase].append(seconds)
        self.statuses[self.phase][answer.status] += 1
        if seconds > self.at_most:
            self.slow.append(f"{self.phase}: {path} {seconds:.1f} s")
        return answer.status, page, answer.headers.get("Location") or ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--sample", action="store_true", help="ten deposits, for CI")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dan-drill-")))
        url = stack.enter_context(private_cluster())
        redis = Redis(work)
        stack.callback(redis.stop)
        redis.start()
        ground.configure(
            url, work, REDIS_URL=f"redis://127.0.0.1:{redis.port}/0", EMAIL_URL="smtp://127.0.0.1:9", LOG_LEVEL="ERROR"
        )
        port = free_port()
        command = ["-m", "gunicorn", "marketplace.wsgi", f"--bind=127.0.0.1:{port}", "--workers=2", "--threads=4"]
        with (work / "gunicorn.log").open("wb") as log:
            web = subprocess.Popen([sys.executable, *command, "--log-level=error"], cwd=ROOT, stdout=log, stderr=log)
        stack.callback(web.wait)
        stack.callback(web.terminate)
        wait_for(port)
        site = Site(port, SAMPLE_AT_MOST if args.sample else AT_MOST)
        return drill(site, redis, count=10 if args.sample else 50, seed=args.seed, log=work / "gunicorn.log")


def drill(site: Site, redis: Redis, *, count: int, seed: int, log: Path) -> int:
    from bench_deposits import session
    from django.db import transaction

    from marketplace.dates import clock
    from marketplace.mail import outbox
    from marketplace.models import OutgoingEmail
    from opportunities.models import Opportunity
    from proposals.deposit import receipt
    from proposals.models import OpenedProposal, Opening, Submission
    from proposals.opening import actions as opening_actions
    from tests.cast import PASSWORD, Cast, person, vendor
    from tests.unguarded import unguarded

    chance, now = random.Random(seed), clock.now()
    with outbox.held():
        cast = Cast()
        occasion = cast.published(at=now - timedelta(days=12), closes_at=now + timedelta(days=10))
        places = []
        for number in range(count):
            owner = person(f"Prestataire Numéro{number}")
            firm = vendor(f"Firme {number} inc.", owner)
            made = cast.proposal(occasion, vendor=firm, by=owner, at=now, price_cents=20_000_00)
            places.append((made, session(owner)))
    chance.shuffle(places)
    receipts: list[str] = []
    refused: list[str] = []

    def deposit(place) -> None:
        made, cookie = place
        path = f"/propositions/{made.public_id}/deposer/"
        _status, page, _to = site.ask(path, cookie=cookie)
        answers = dict(HIDDEN.findall(page)) | {
            "integrity": "on",
            "no_collusion": "on",
            "lobbying": "none",
            "accept_terms": "on",
        }
        status, page, to = site.ask(path, cookie=cookie, **answers)
        if status == 302 and to.startswith("/accuses/"):
            receipts.append(to.strip("/").rpartition("/")[2])
            site.ask(to, cookie=cookie)
        else:
            refused.append(f"{site.phase}: {status}")
        for public in ("/", "/occasions/", f"/occasions/{occasion.number}/", "/registre/"):
            site.ask(f"{public}?banc={chance.random()}" if chance.random() < 0.5 else public)
        site.ask("/a-faire/", cookie=cookie)

    def many(some) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(deposit, some))

    def sign_in(email: str, password: str) -> tuple[int, str]:
        status, page, _to = site.ask("/compte/login/", login=email, password=password)
        return status, page

    # Not counted: what each process loads with its first pages (a process answers what it accepts first).
    with ThreadPoolExecutor(AT_ONCE * 2) as pool:
        made, cookie = places[0]
        for path in (f"/propositions/{made.public_id}/deposer/", "/", f"/occasions/{occasion.number}/", "/a-faire/"):
            list(pool.map(lambda _n, path=path: site.ask(path, cookie=cookie), range(AT_ONCE * 4)))
        list(pool.map(lambda _n: sign_in("personne@exemple.invalid", "faux"), range(AT_ONCE * 2)))
    site.forget()

    first, second = count // 5, count * 3 // 5
    many(places[:first])
    redis.send(signal.SIGKILL)
    site.phase = "stopped"
    many(places[first:second])
    signed_in = [sign_in(cast.buyer.email, PASSWORD)[0]]
    # Ten failures of one account in five minutes, in each process: twenty-two cannot all be let through.
    limited = sum("Trop d’essais" in sign_in(cast.officer.email, "faux")[1] for _attempt in range(22))
    redis.start()
    site.phase = "answers"
    time.sleep(6)  # the processes ask it again after five seconds
    for _time in range(4):
        site.ask("/")
    redis.send(signal.SIGSTOP)
    site.phase = "frozen"
    many(places[second:])
    signed_in.append(sign_in(cast.other_buyer.email, PASSWORD)[0])
    # No worker can be asked: past PATIENCE, a page opens even a large occasion (proposals/opening/actions.py).
    with transaction.atomic(), unguarded():
        Opportunity.objects.filter(pk=occasion.pk).update(
            closes_at=clock.now() - opening_actions.PATIENCE, questions_close_at=None
        )
    opening = site.ask(f"/occasions/{occasion.number}/")[0]
    for path in ("/", f"/occasions/{occasion.number}/ouverture/", "/compte/login/", "/verifier/"):
        site.ask(path)
    redis.send(signal.SIGCONT)

    submissions = list(Submission.objects.select_related("proposal"))
    opened = set(OpenedProposal.objects.values_list("submission__receipt_number", flat=True))
    verified = sum(receipt.check(row.receipt) == "valid" for row in submissions)
    waiting = OutgoingEmail.objects.filter(held=False, template="emails/proposal_submitted.txt")
    errors = sum(n for counts in site.statuses.values() for status, n in counts.items() if status >= 500)
    good = (
        not refused
        and not errors
        and not site.slow
        and len(receipts) == len(submissions) == verified == count
        and set(receipts) == opened
        and (Opening.objects.count(), opening) == (1, 200)
        and waiting.filter(sent_at=None).count() == count
        and signed_in == [302, 302]
        and limited >= 2
    )
    print(f"{'Redis':<10}{'pages':>8}{'median, ms':>12}{'slowest, ms':>13}  answers")
    for phase in PHASES:
        taken = sorted(site.taken[phase]) or [0.0]
        told = ", ".join(f"{status}: {n}" for status, n in sorted(site.statuses[phase].items()))
        print(f"{phase:<10}{len(taken):>8}{taken[len(taken) // 2] * 1e3:>12.0f}{taken[-1] * 1e3:>13.0f}  {told}")
    figures = {
        "deposits acknowledged, opened, verified": (len(receipts), len(opened), verified),
        "refused": refused,
        f"pages over {site.at_most:.0f} seconds": site.slow,
        "messages that wait in the outbox": waiting.filter(sent_at=None).count(),
        "sign-ins without Redis": signed_in,
        "wrong passwords stopped, of 22": limited,
    }
    for name, value in figures.items():
        print(f"{name:<42}{value}")
    if not good:
        print(log.read_text(errors="replace")[-4000:])
    print(f"redis drill: {count} deposits, seed {seed}: {'passed' if good else 'FAILED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
