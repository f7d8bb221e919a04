"""The door of ``/v1``: routes, keys, idempotency, faults. One request is one transaction."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field

from tools.stripe_standin import charges, checkout, connect, disputes, forms, listing, transfers
from tools.stripe_standin.chaos import Chaos
from tools.stripe_standin.errors import Refused, invalid
from tools.stripe_standin.openapi import Contract, Violation
from tools.stripe_standin.state import State, dump, new_id
from tools.stripe_standin.webhooks import API_VERSION

WINDOW = listing.PAGING | {"created"}
SESSION = {
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "expand",
    "expires_at",
    "line_items",
    "locale",
    "metadata",
    "mode",
    "payment_intent_data",
    "payment_method_options",
    "payment_method_types",
    "submit_type",
    "success_url",
}
TRANSFER = {
    "amount",
    "currency",
    "description",
    "destination",
    "expand",
    "metadata",
    "source_transaction",
    "transfer_group",
}
REFUND = {"amount", "charge", "expand", "metadata", "payment_intent", "reason", "reverse_transfer"}
ACCOUNT = {
    "business_profile",
    "business_type",
    "capabilities",
    "controller",
    "country",
    "email",
    "expand",
    "metadata",
    "type",
}
E, X = listing.PAGING, {"expand"}
# (method, path, what answers, parameters that the stand-in understands)
ROUTES = [
    ("POST", "/v1/accounts", connect.create, ACCOUNT),
    ("GET", "/v1/accounts", connect.index, WINDOW),
    ("GET", "/v1/accounts/{}", connect.retrieve, X),
    ("POST", "/v1/accounts/{}", connect.update, {"capabilities", "email", "metadata"} | X),
    ("POST", "/v1/accounts/{}/login_links", connect.create_login_link, X),
    ("POST", "/v1/account_links", connect.create_link, {"account", "type", "refresh_url", "return_url"} | X),
    ("POST", "/v1/checkout/sessions", checkout.create, SESSION),
    ("GET", "/v1/checkout/sessions", checkout.index, WINDOW | {"payment_intent", "status"}),
    ("GET", "/v1/checkout/sessions/{}", checkout.retrieve, X),
    ("GET", "/v1/checkout/sessions/{}/line_items", checkout.list_lines, E),
    ("POST", "/v1/checkout/sessions/{}/expire", checkout.expire, X),
    ("GET", "/v1/payment_intents", charges.list_intents, WINDOW),
    ("GET", "/v1/payment_intents/{}", charges.retrieve_intent, X),
    ("GET", "/v1/charges", charges.list_charges, WINDOW | {"payment_intent", "transfer_group"}),
    ("GET", "/v1/charges/{}", charges.retrieve_charge, X),
    ("GET", "/v1/balance", charges.balance, X),
    ("GET", "/v1/balance_transactions", charges.list_transactions, WINDOW | {"source", "type"}),
    ("GET", "/v1/balance_transactions/{}", charges.retrieve_transaction, X),
    ("POST", "/v1/refunds", charges.create_refund, REFUND),
    ("GET", "/v1/refunds", charges.list_refunds, WINDOW | {"charge", "payment_intent"}),
    ("GET", "/v1/refunds/{}", charges.retrieve_refund, X),
    ("POST", "/v1/transfers", transfers.create, TRANSFER),
    ("GET", "/v1/transfers", transfers.index, WINDOW | {"destination", "transfer_group"}),
    ("GET", "/v1/transfers/{}", transfers.retrieve, X),
    ("POST", "/v1/transfers/{}/reversals", transfers.create_reversal, {"amount", "metadata"} | X),
    ("GET", "/v1/transfers/{}/reversals", transfers.list_reversals, E),
    ("GET", "/v1/transfers/{}/reversals/{}", transfers.retrieve_reversal, X),
    ("GET", "/v1/disputes", disputes.index, WINDOW | {"charge", "payment_intent"}),
    ("GET", "/v1/disputes/{}", disputes.retrieve, X),
]


def list_events(state: State, params: dict) -> dict:
    return listing.page(state, "event", params, "/v1/events", {"type": forms.text(params, "type")})


def retrieve_event(state: State, params: dict, id: str) -> dict:
    return state.get(id, "event")


ROUTES += [
    ("GET", "/v1/events", list_events, WINDOW | {"type"}),
    ("GET", "/v1/events/{}", retrieve_event, X),
]
COMPILED = [
    (method, re.compile(path.replace("{}", "([^/]+)")), handler, known) for method, path, handler, known in ROUTES
]


def lost() -> Refused:
    return Refused("An error on the stand-in's side (asked by its control door).", status=500, type="api_error")


def limited() -> Refused:
    return Refused("Too many requests (asked by the control door).", status=429, code="rate_limit")


@dataclass
class Call:
    """A request as received."""

    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]


@dataclass
class Answer:
    """What goes back; ``status`` 0 closes the connection instead."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0


class Api:
    """Answers ``/v1``. ``contract`` checks requests and answers against Stripe's OpenAPI description, or is None."""

    def __init__(self, state: State, chaos: Chaos, contract: Contract | None):
        self.state, self.chaos, self.contract = state, chaos, contract
        self.running: set[tuple[str, str]] = set()
        self.running_lock = threading.Lock()

    def answer(self, call: Call) -> Answer:
        request_id = new_id("req", 14)
        key = call.headers.get("idempotency-key") if call.method == "POST" else None
        try:
            params = self._params(call)
            scope = self._scope(call, key)
        except Refused as refusal:
            return self._refusal(call, {}, key, refusal, request_id)
        if key is None:
            return self._faulty(call, params, None, scope, request_id)
        with self.running_lock:
            if (scope, key) in self.running:
                busy = Refused("Another request with this key is running.", status=409, code="idempotency_key_in_use")
                return self._refusal(call, params, key, busy, request_id)
            self.running.add((scope, key))
        try:
            return self._faulty(call, params, key, scope, request_id)
        finally:
            with self.running_lock:
                self.running.discard((scope, key))

    @staticmethod
    def _params(call: Call) -> dict:
        return forms.decode(call.query if call.method == "GET" else call.body)

    @staticmethod
    def _scope(call: Call, key: str | None) -> str:
        """Who asks: a test key, so that nobody ever sends a live one here. Idempotency keys belong to it."""
        kind, _, secret = call.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not secret.startswith(("sk_test_", "rk_test_")):
            raise Refused("A test key (sk_test_…) is expected as a bearer token.", status=401)
        if "stripe-account" in call.headers:
            raise Refused("The stand-in does not act on behalf of a connected account.", param="Stripe-Account")
        if key is not None and not 1 <= len(key) <= 255:
            raise invalid("Idempotency-Key", "from 1 to 255 characters")
        return secret

    def _faulty(self, call: Call, params: dict, key: str | None, scope: str, request_id: str) -> Answer:
        step = self.chaos.next(call.method, call.path)
        fault = step["fault"]
        if fault == "hold":
            self.chaos.wait()
        if fault in ("500_before", "429"):
            return self._refusal(call, params, key, limited() if fault == "429" else lost(), request_id, fault)
        if fault == "drop_before":
            with self.state.transaction():
                self.state.log(call.method, call.path, params, key, 0, False, fault)
            return Answer(0, b"")
        answer = self._kept(call, params, key, scope, request_id, fault)
        if fault == "500_after":
            return self._json(500, dump(lost().body).encode(), request_id)
        if fault == "drop_after":
            return Answer(0, b"")
        if fault == "slow":
            answer.wait = float(step.get("seconds", 1))
        return answer

    def _kept(self, call: Call, params: dict, key: str | None, scope: str, request_id: str, fault: str) -> Answer:
        """Answer from the key's first answer, or run and keep the answer under the key."""
        state = self.state
        digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest() if key else ""
        with state.transaction():
            known = (
                state.db.execute("select * from keys where scope = ? and key = ?", (scope, key)).fetchone()
                if key
                else None
            )
            if known:
                status, body, extra = self._replay(known, call, digest)
            else:
                status, body, executed = self._run(call, params, key, request_id, fault)
                extra = {}
                if key and executed:
                    state.db.execute(
                        "insert into keys values (?, ?, ?, ?, ?, ?, ?)",
                        (scope, key, call.path, digest, status, body, request_id),
                    )
            state.log(call.method, call.path, params, key, status, "Idempotent-Replayed" in extra, fault)
        answer = self._json(status, body, request_id)
        answer.headers |= extra | ({"Idempotency-Key": key} if key else {})
        return answer

    @staticmethod
    def _replay(known, call: Call, digest: str) -> tuple[int, bytes, dict]:
        if known["path"] == call.path and known["digest"] == digest:
            return (
                known["status"],
                known["body"],
                {
                    "Idempotent-Replayed": "true",
                    "Original-Request": known["request"],
                },
            )
        what = "parameters" if known["path"] == call.path else f"endpoint ({known['path']})"
        wrong = Refused(f"This idempotency key was first used with other {what}.", type="idempotency_error")
        return wrong.status, dump(wrong.body).encode(), {}

    def _run(self, call: Call, params: dict, key: str | None, request_id: str, fault: str) -> tuple[int, bytes, bool]:
        """Status, body, and whether the endpoint began to run (only then is the answer kept)."""
        self.state.request = {"id": request_id, "idempotency_key": key}
        try:
            if self.contract:
                self.contract.check_request(call.method, call.path, params)
            with self.state.savepoint():
                body = self._handle(call, params)
                if fault == "500_kept":
                    raise lost()
                if self.contract:
                    self.contract.check_answer(call.method, call.path, 200, body)
            if fault == "500_kept_done":
                return 500, dump(lost().body).encode(), True
            return 200, dump(body).encode(), True
        except Violation as wrong:
            self.state.violation(wrong.side, call.method, call.path, wrong.reason)
            if wrong.side == "request":
                return 400, dump(Refused(wrong.reason).body).encode(), False
            return 500, dump(Refused(wrong.reason, type="api_error").body).encode(), False
        except Refused as refusal:
            return self._refused(call, refusal)
        finally:
            self.state.request = None

    def _refused(self, call: Call, refusal: Refused) -> tuple[int, bytes, bool]:
        if self.contract:
            try:
                self.contract.check_answer(call.method, call.path, refusal.status, refusal.body)
            except Violation as wrong:
                self.state.violation(wrong.side, call.method, call.path, wrong.reason)
        return refusal.status, dump(refusal.body).encode(), refusal.executed

    def _handle(self, call: Call, params: dict) -> dict:
        for method, pattern, handler, known in COMPILED:
            match = pattern.fullmatch(call.path)
            if match and method == call.method:
                for name in params:
                    if name not in known:
                        raise invalid(name, "unknown, or not in the stand-in", "parameter_unknown")
                return listing.expand(self.state, handler(self.state, params, *match.groups()), params)
        raise Refused(f"Unrecognized address, or not in the stand-in: {call.method} {call.path}", status=404)

    def _refusal(self, call, params: dict, key: str | None, refusal: Refused, request_id: str, fault="ok") -> Answer:
        with self.state.transaction():
            self.state.log(call.method, call.path, params, key, refusal.status, False, fault)
        return self._json(refusal.status, dump(refusal.body).encode(), request_id)

    @staticmethod
    def _json(status: int, body: bytes, request_id: str) -> Answer:
        headers = {"Content-Type": "application/json", "Request-Id": request_id, "Stripe-Version": API_VERSION}
        return Answer(status, body, headers)
