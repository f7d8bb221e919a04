"""The gateway against two Stripes that are not ours: localstripe (a separate process), and Stripe's own test mode.

localstripe knows cards, refusals, 3-D Secure, refunds and signed webhooks; it knows no Checkout, account or transfer.
Stripe's test mode is asked only where STRIPE_SECRET_KEY begins with sk_test_.
"""

import http.server
import importlib.util
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid

import pytest
import stripe

from contracts.models import StripeEvent
from contracts.payments import stripe_gateway

pytestmark = pytest.mark.django_db
installed = pytest.mark.skipif(
    importlib.util.find_spec("localstripe") is None, reason="localstripe is not installed (pip install localstripe)"
)
REAL_KEY = os.environ.get("STRIPE_SECRET_KEY", "")
with_key = pytest.mark.skipif(not REAL_KEY.startswith("sk_test_"), reason="STRIPE_SECRET_KEY is not a test key")
SECRET = "whsec_localstripe"
AMOUNT = 27_594_00


# --- localstripe -----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def letters():
    """What localstripe posts: a queue of (body, signature)."""
    received: queue.Queue = queue.Queue()

    class Box(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put((body, self.headers["Stripe-Signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Box) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        received.port = server.server_port
        yield received
        server.shutdown()


@pytest.fixture(scope="module")
def localstripe(letters):
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "localstripe", "--port", str(port), "--from-scratch"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://localhost:{port}"
    try:
        _until_it_listens(port, process)
        told = f"url=http://127.0.0.1:{letters.port}/&secret={SECRET}".encode()
        with urllib.request.urlopen(f"{base}/_config/webhooks/ours", told, timeout=10):
            yield base
    finally:
        process.terminate()
        process.wait(timeout=10)


def _until_it_listens(port: int, process) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
            return
        except OSError:
            threading.Event().wait(0.05)
    raise RuntimeError("localstripe did not start")


@pytest.fixture
def sdk(localstripe, settings):
    """The product points at localstripe; the payer's side is played with the library itself."""
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_test_12345", SECRET
    settings.STRIPE_API_BASE = localstripe
    stripe_gateway.TIMEOUT, stripe_gateway.RETRIES = (5.0, 10.0), 0
    yield stripe.StripeClient("sk_test_12345", base_addresses={"api": localstripe}).v1
    stripe_gateway.forget()


def card(sdk, number: str) -> str:
    about = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    return sdk.payment_methods.create({"type": "card", "card": about}).id


def intent(sdk, number: str, **fields):
    body = {"amount": AMOUNT, "currency": "cad", "payment_method": card(sdk, number), "metadata": {"payment": "p-1"}}
    return sdk.payment_intents.create(body | fields)


@installed
def test_a_card_is_paid_and_refunded(sdk):
    made = intent(sdk, "4242424242424242", confirm=True)
    told = stripe_gateway.intent(made.id)
    assert (told.status, told.amount_cents, told.currency) == ("succeeded", AMOUNT, "cad")
    assert told.metadata == {"payment": "p-1"} and told.charge.status == "succeeded"
    assert told.charge.amount_cents == AMOUNT
    assert stripe_gateway.refunds_of(told.charge.id) == []
    back = stripe_gateway.refund_charge(
        told.charge.id, amount_cents=AMOUNT, metadata={"payment": "p-1"}, key=str(uuid.uuid4())
    )
    assert (back.charge, back.amount_cents, back.stands) == (told.charge.id, AMOUNT, True)
    assert [each.id for each in stripe_gateway.refunds_of(told.charge.id)] == [back.id]


@installed
def test_a_refused_card(sdk):
    made = intent(sdk, "4000000000000341")
    with pytest.raises(stripe.CardError):
        sdk.payment_intents.confirm(made.id)
    told = stripe_gateway.intent(made.id)
    assert told.status == "requires_payment_method" and told.charge.status == "failed"


@installed
@pytest.mark.parametrize("success", [True, False])
def test_three_d_secure(sdk, localstripe, success):
    made = intent(sdk, "4000002500003155", confirm=True)
    told = stripe_gateway.intent(made.id)
    assert told.status == "requires_action" and told.charge is None
    body = f"client_secret={made.client_secret}&success={str(success).lower()}".encode()
    request = urllib.request.Request(f"{localstripe}/v1/payment_intents/{made.id}/_authenticate", body)
    request.add_header("Authorization", "Bearer sk_test_12345")
    with urllib.request.urlopen(request, timeout=10):
        pass
    told = stripe_gateway.intent(made.id)
    assert told.status == ("succeeded" if success else "requires_payment_method")
    assert bool(told.charge) == success


@installed
def test_what_does_not_exist_is_refused(sdk):
    with pytest.raises(stripe_gateway.Refused):
        stripe_gateway.intent("pi_nobody")


@installed
def test_its_webhooks_pass_our_door(sdk, letters, client):
    """Signed by another implementation, verified by our endpoint; the same body with one byte changed is not."""
    while not letters.empty():
        letters.get()
    made = intent(sdk, "4242424242424242", confirm=True)
    body, signature = letters.get(timeout=20)
    while made.id.encode() not in body or b"payment_intent.succeeded" not in body:
        body, signature = letters.get(timeout=20)
    door = "/stripe/evenements"

    def post(payload):
        return client.post(
            door, payload, content_type="application/json", headers={"Stripe-Signature": signature}
        ).status_code

    assert post(body.replace(b"succeeded", b"sucXeeded")) == 400
    assert [post(body) for _time in range(5)] == [200] * 5
    (row,) = StripeEvent.objects.all()
    assert (row.type, row.payload["id"]) == ("payment_intent.succeeded", made.id)


@installed
def test_a_stripe_that_is_away_is_a_doubt(sdk, settings):
    settings.STRIPE_API_BASE = "http://localhost:1"
    with pytest.raises(stripe_gateway.Unsure):
        stripe_gateway.intent("pi_1")


# --- Stripe's own test mode ------------------------------------------------------------------------------------------
@pytest.fixture
def real(settings):
    settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = REAL_KEY, ""
    yield stripe.StripeClient(REAL_KEY).v1
    stripe_gateway.forget()


@with_key
def test_at_stripe_a_page_is_opened_once_and_closed(real):
    about = {"payment": str(uuid.uuid4()), "contract": "CT-1", "invoice": "CT-1-F1"}
    fields = {
        "amount_cents": AMOUNT, "label": "Facture CT-1-F1", "group": "CT-1", "metadata": about, "locale": "fr-CA",
        "success_url": "https://exemple.ca/retour", "cancel_url": "https://exemple.ca/", "key": about["payment"],
    }  # fmt: skip
    first, second = stripe_gateway.create_session(**fields), stripe_gateway.create_session(**fields)
    assert first.id == second.id and first.url.startswith("https://checkout.stripe.com/")
    assert stripe_gateway.session(first.id).metadata == about
    assert stripe_gateway.expire_session(first.id).status == "expired"


@with_key
def test_at_stripe_a_charge_is_transferred_once_and_taken_back(real):
    """Needs Connect on the account behind the key, and money that the test card 4000000000000077 makes available."""
    key = str(uuid.uuid4())
    account = real.accounts.create(
        {"type": "custom", "country": "CA", "business_type": "individual", "capabilities": {
            "transfers": {"requested": True}, "card_payments": {"requested": True}}}
    )  # fmt: skip
    made = real.payment_intents.create(
        {"amount": 5_000, "currency": "cad", "payment_method": "pm_card_bypassPending", "confirm": True,
         "transfer_group": key, "metadata": {"payment": key}, "payment_method_types": ["card"]}
    )  # fmt: skip
    told = stripe_gateway.intent(made.id)
    assert told.status == "succeeded" and told.metadata == {"payment": key}
    fields = {
        "amount_cents": 4_000, "destination": account.id, "source": told.charge.id, "group": key,
        "metadata": {"payment": key}, "key": key,
    }  # fmt: skip
    try:
        first, second = stripe_gateway.create_transfer(**fields), stripe_gateway.create_transfer(**fields)
    except (
        stripe_gateway.Refused
    ) as refusal:  # the new account has not been verified: the right refusal is all there is
        assert refusal.code in {"insufficient_capabilities_for_transfer", "transfers_not_allowed"}
    else:
        assert first.id == second.id and [each.id for each in stripe_gateway.transfers_of(key)] == [first.id]
        stripe_gateway.reverse_transfer(first.id, amount_cents=4_000, metadata={}, key=f"{key}-r")
    back = stripe_gateway.refund_charge(told.charge.id, amount_cents=5_000, metadata={}, key=f"{key}-refund")
    assert back.stands


@with_key
def test_at_stripe_an_account_and_its_page(real):
    key = str(uuid.uuid4())
    made = stripe_gateway.create_account(business_type="company", email="", metadata={"vendor": key}, key=key)
    assert not made.transfers_active and made.requirements
    assert stripe_gateway.account(made.id) == made
    link = stripe_gateway.account_link(made.id, return_url="https://exemple.ca/", refresh_url="https://exemple.ca/")
    assert link.startswith("https://connect.stripe.com/")
