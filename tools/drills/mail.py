#!/usr/bin/env python3
"""A mail server that refuses for a day, then goes, then accepts and never answers, then is back.

    python tools/drills/mail.py [--seed N] [--sample] [--database postgres|sqlite]

A real SMTP server (aiosmtpd) and the house's own sweep; the hours pass on the house's clock, which the drill moves.
200 messages wait, and two that nothing can be done for: an address that no header can hold, and one that the server
refuses for good. During the silence an occasion falls due, and an event of Stripe waits to be handled: both go on while
the sweep waits for the mail server. Then every message must have left once, and only once.

`--sample`: 20 messages and three hours, for CI. Prints a table; exit code 1 when something is not as it must be.
"""

import argparse
import contextlib
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from postgres import free_port  # noqa: E402

from drills import ground  # noqa: E402 - after the path

POISON = "=?utf-8?q?=0a?=@example.com"
NOBODY = "personne@exemple.invalid"
TIMEOUT = 2.5  # seconds that the house waits for the mail server: ten in production
AT_MOST = 4.0  # seconds that an opening, or a sweep of payments, may take meanwhile


class Post:
    """The mail server: what it answers, and what it took (Message-ID → how many times)."""

    def __init__(self, port: int) -> None:
        self.port, self.refuses, self.taken = port, True, Counter()
        self.asked = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.asked += 1
        if address == NOBODY:
            return "550 5.1.1 no such person"
        if self.refuses:
            return "451 4.3.2 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.taken[message_from_bytes(envelope.content)["Message-ID"]] += 1
        return "250 OK"

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        from aiosmtpd.controller import Controller

        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        try:
            yield
        finally:
            controller.stop()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Connections are taken; nothing is ever said."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(64)
            yield


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--sample", action="store_true", help="20 messages and three hours, for CI")
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dan-drill-") as name, ground.database(args.database, Path(name)) as url:
        port = free_port()
        ground.configure(url, Path(name), EMAIL_URL=f"smtp://127.0.0.1:{port}")
        return drill(Post(port), messages=20 if args.sample else 200, hours=3 if args.sample else 24, seed=args.seed)


def drill(post: Post, *, messages: int, hours: int, seed: int) -> int:
    from django.conf import settings

    from contracts.models import StripeEvent
    from contracts.payments import tasks as payment_tasks
    from marketplace.celery import app
    from marketplace.dates import clock
    from marketplace.mail import outbox
    from marketplace.mail import tasks as mail_tasks
    from marketplace.mail.delivery import State
    from marketplace.models import OutgoingEmail
    from proposals.models import Opening
    from proposals.opening import tasks as opening_tasks
    from tests.cast import CLOSES_AT, Cast

    # As with a queue: what is published waits for a worker, which is the sweep here.
    settings.CELERY_TASK_ALWAYS_EAGER = app.conf.task_always_eager = False
    settings.EMAIL_TIMEOUT = TIMEOUT
    chance, figures = random.Random(seed), {}
    start = CLOSES_AT - timedelta(hours=hours)
    with outbox.held():
        cast = Cast()
        occasion = cast.published()
        cast.submitted(occasion)
    addresses = [f"personne{number}@exemple.invalid" for number in range(messages)] + [POISON, NOBODY]
    chance.shuffle(addresses)
    for address in addresses:
        outbox.enqueue("emails/drill.txt", address, "Essai", "Texte", to=None, at=start)

    def pass_time(since: timedelta, until: timedelta) -> timedelta:
        """Sweeps each minute of the first hour, then each five minutes; stops once nothing waits."""
        now = since
        while now <= until and OutgoingEmail.objects.filter(held=False, state=State.WAITING).exists():
            with clock.set_to(start + now):
                mail_tasks.sweep_emails()
            now += timedelta(minutes=1 if now < timedelta(hours=1) else 5)
        return now

    half, whole = timedelta(hours=hours / 2), timedelta(hours=hours)
    with post.listening():
        pass_time(timedelta(minutes=2), half)
    figures["attempts while it refuses"] = post.asked
    pass_time(half, whole - timedelta(minutes=5))  # nobody listens
    figures["left during the outage"] = sum(post.taken.values())

    with clock.set_to(CLOSES_AT), post.silent():
        StripeEvent.objects.create(
            event_id="evt_drill", type="unknown.kind", payload={"id": "x"},
            created_at=start, received_at=start,
        )  # fmt: skip
        OutgoingEmail.objects.filter(held=False, state=State.WAITING).update(next_at=CLOSES_AT)
        sweep = threading.Thread(target=mail_tasks.sweep_emails)
        began = time.monotonic()
        sweep.start()
        while not OutgoingEmail.objects.filter(state=State.SENDING).exists() and sweep.is_alive():
            time.sleep(0.01)
        for name, act in (
            ("opening, seconds", opening_tasks.open_due),
            ("payments, seconds", lambda: payment_tasks.sweep(at=CLOSES_AT)),
        ):
            before = time.monotonic()
            act()
            figures[name] = round(time.monotonic() - before, 2)
        figures["sweep still waiting then"] = sweep.is_alive()
        sweep.join()
        figures["sweep of a silent server, seconds"] = round(time.monotonic() - began, 2)
        figures["opened"] = Opening.objects.count()
        figures["events handled"] = StripeEvent.objects.exclude(handled_at=None).count()

    post.refuses = False
    back = whole + timedelta(minutes=5)
    with post.listening():
        ended = pass_time(back, back + timedelta(hours=6))
    rows = OutgoingEmail.objects.filter(held=False)
    expected = {f"<{row.public_id}@localhost>" for row in rows.exclude(address__in=[POISON, NOBODY])}
    figures["messages, those of the opening included"] = len(expected)
    figures["left once"] = sum(count == 1 for name, count in post.taken.items() if name in expected)
    figures["left more than once"] = sum(count > 1 for count in post.taken.values())
    figures["minutes from its return to the last"] = round((ended - back).total_seconds() / 60)
    figures["given up (impossible, refused)"] = sorted(
        rows.filter(state=State.GIVEN_UP).values_list("reason", flat=True)
    )
    good = (
        figures["left during the outage"] == 0
        and figures["attempts while it refuses"] > messages
        and figures["sweep still waiting then"]
        and max(figures["opening, seconds"], figures["payments, seconds"]) <= AT_MOST
        and (figures["opened"], figures["events handled"]) == (1, 1)
        and set(post.taken) == expected
        and set(post.taken.values()) == {1}
        and figures["given up (impossible, refused)"] == ["address", "refused"]
        and not rows.filter(state__in=[State.WAITING, State.SENDING]).exists()
    )
    for name, value in figures.items():
        print(f"{name:<42}{value}")
    print(f"mail drill: {messages} messages, {hours} simulated hours, seed {seed}: {'passed' if good else 'FAILED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
