"""Events and their way to the product: made, queued, signed as Stripe signs, delivered again until a 2xx answer.

Signature: https://docs.stripe.com/webhooks#verify-manually. ``t`` is the machine's clock at the moment of the attempt.
"""

import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request

from tools.stripe_standin.state import State, new_id

API_VERSION = "2026-10-28.endive"
GIVE_UP_AFTER = 16
LONGEST_WAIT = 300
ANSWER_WITHIN = 20
WRONG_SECRET = "whsec_of_somebody_else"


def emit(state: State, type: str, body: dict, *, account: str | None = None, previous: dict | None = None) -> dict:
    """Write an event about an object and queue it. ``account`` names the connected account on which it happened."""
    data = {"object": body} | ({"previous_attributes": previous} if previous else {})
    event = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": state.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": state.request or {"id": None, "idempotency_key": None},
        "type": type,
    }
    if account:
        event["account"] = account
    if state.check:
        state.check(event)
    state.add(event)
    mischief, dice = state.setting("webhook_chaos", {}), state.random
    if dice.random() < mischief.get("drop", 0):
        return event
    for _ in range(1 + (dice.random() < mischief.get("duplicate", 0))):
        due = time.time() + dice.random() * mischief["delay"] if mischief.get("delay") else 0
        queue(state, event, due=due, rank=dice.random() if mischief.get("shuffle") else None)
    return event


def queue(state: State, event: dict, *, due: float = 0, forged: bool = False, rank: float | None = None) -> None:
    """One more delivery of an event, not before the instant ``due`` (machine's clock). Order: rank, else arrival."""
    seq = state.db.execute(
        "insert into deliveries (event, type, rank, due, forged, attempts, status) values (?, ?, 0, ?, ?, 0, ?)",
        (event["id"], event["type"], due, forged, "pending"),
    ).lastrowid
    state.db.execute("update deliveries set rank = ? where seq = ?", (seq if rank is None else rank, seq))


def sign(payload: bytes, secret: str, at: int) -> str:
    """The ``Stripe-Signature`` header."""
    digest = hmac.new(secret.encode(), b"%d." % at + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def pending(state: State, limit: int = 1000, *, due_by: float | None = None) -> list[dict]:
    """Deliveries to make, in order, without those held: `{seq, event, type, forged, attempts}`."""
    held = state.setting("held", [])
    if held is True:
        return []
    rows = state.db.execute(
        "select * from deliveries where status = 'pending' and due <= ? order by rank limit ?",
        (float("inf") if due_by is None else due_by, limit),
    ).fetchall()
    return [dict(row) for row in rows if row["type"] not in held]


def letter(state: State, delivery: dict, secret: str, at: int | None = None) -> tuple[bytes, str]:
    """What is posted: the body and the signature header."""
    body = state.find(delivery["event"]) or {"id": delivery["event"], "object": "event", "removed": True}
    payload = json.dumps(body, indent=2, ensure_ascii=False).encode()
    return payload, sign(payload, WRONG_SECRET if delivery["forged"] else secret, at or int(time.time()))


def take(state: State, secret: str, limit: int, at: int | None) -> list[dict]:
    """Hand over pending deliveries as if they had been delivered: `[{id, payload, signature}]`."""
    taken = []
    for delivery in pending(state, limit):
        payload, signature = letter(state, delivery, secret, at)
        settle(state, delivery, "taken", True)
        taken.append({"id": delivery["event"], "payload": payload.decode(), "signature": signature})
    return taken


def settle(state: State, delivery: dict, answer: str, done: bool) -> None:
    """Note an attempt; a failed one comes back later and later, then is given up."""
    attempts = delivery["attempts"] + 1
    status = "delivered" if done else "failed" if attempts >= GIVE_UP_AFTER else "pending"
    due = time.time() + min(2 ** (attempts - 1), LONGEST_WAIT)
    state.db.execute(
        "update deliveries set attempts = ?, status = ?, due = ?, answer = ? where seq = ?",
        (attempts, status, due, answer, delivery["seq"]),
    )


class Deliverer(threading.Thread):
    """Posts pending deliveries to the product, one at a time; wakes after each transaction."""

    def __init__(self, state: State, url: str | None, secret: str):
        super().__init__(daemon=True, name="deliverer")
        self.state, self.url, self.secret = state, url, secret
        self.one_at_a_time = threading.Lock()
        self.stopped = False

    def run(self) -> None:
        while not self.stopped:
            with self.state.changed:
                ready = pending(self.state, 20, due_by=time.time())
                if not ready:
                    self.state.changed.wait(timeout=1)
            if ready:
                self.deliver(ready)

    def stop(self) -> None:
        with self.state.changed:
            self.stopped = True
            self.state.changed.notify_all()

    def deliver(self, deliveries: list[dict] | None = None) -> list[dict]:
        """Try these now (all that wait, without regard to their retry instant, by default): `[{id, type, answer}]`."""
        report = []
        with self.one_at_a_time:
            if deliveries is None:
                with self.state.lock:
                    deliveries = pending(self.state)
            for delivery in deliveries:
                with self.state.lock:
                    row = self.state.db.execute("select status from deliveries where seq = ?", (delivery["seq"],))
                    fresh = row.fetchone()
                    if not fresh or fresh["status"] != "pending":
                        continue
                    payload, signature = letter(self.state, delivery, self.secret)
                answer, delivered = self._post(payload, signature)
                with self.state.transaction():
                    settle(self.state, delivery, answer, delivered)
                report.append({"id": delivery["event"], "type": delivery["type"], "answer": answer})
        return report

    def _post(self, payload: bytes, signature: str) -> tuple[str, bool]:
        if not self.url:
            return "no webhook address", False
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        request = urllib.request.Request(self.url, payload, headers | {"User-Agent": "Stripe/1.0 (stand-in)"})
        try:
            with urllib.request.build_opener(NoRedirect).open(request, timeout=ANSWER_WITHIN) as answer:
                return str(answer.status), True
        except urllib.error.HTTPError as refusal:
            with refusal:
                return str(refusal.code), False
        except OSError as broken:
            return str(broken)[:200], False


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirection is a failed delivery, as it is for Stripe."""

    def redirect_request(self, *_args):
        return None
