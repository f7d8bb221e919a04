"""The stand-in for Stripe, driven by the real ``stripe`` package and judged by Stripe's own OpenAPI description."""

import http.client
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

from tools.stripe_standin.client import KEY, SECRET, ControlRefused, Standin

DONE = "https://marche.test/factures/7/?session={CHECKOUT_SESSION_ID}"
BACK = "https://marche.test/factures/7/"
MANDATE = {"payment_schedule": "sporadic", "transaction_type": "business"}


@pytest.fixture(scope="module")
def process():
    with Standin(validate=True) as standin:
        yield standin


@pytest.fixture
def standin(process):
    """Empty; at the end nothing may have strayed from Stripe's description."""
    process.reset()
    yield process
    assert process.violations() == []


def client_of(standin, key=KEY, timeout=30):
    requests = stripe.RequestsClient(timeout=timeout)
    return stripe.StripeClient(
        key, base_addresses=standin.base_addresses, max_network_retries=0, http_client=requests
    ).v1


@pytest.fixture
def api(standin):
    return client_of(standin)


def account(api, standin, complete=True):
    made = api.accounts.create({"type": "express", "country": "CA", "capabilities": {"transfers": {"requested": True}}})
    if complete:
        standin.control("complete_account", account=made.id)
    return made.id


def session(api, amount=1_000_000, **more):
    line = {"currency": "cad", "unit_amount": amount, "product_data": {"name": "Jalon 1"}}
    return api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": line}],
            "payment_method_types": ["card", "acss_debit"],
            "payment_method_options": {"acss_debit": {"currency": "cad", "mandate_options": MANDATE}},
            "payment_intent_data": {"transfer_group": "contrat-7", "metadata": {"facture": "7"}},
            "client_reference_id": "facture-7",
            "metadata": {"jalon": "1"},
            "success_url": DONE,
            "cancel_url": BACK,
        }
        | more
    )


def paid(api, standin, amount=1_000_000, how="card", **more):
    """A paid session's charge."""
    made = session(api, amount, **more)
    standin.control("pay", session=made.id, how=how)
    expanded = api.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge"]})
    return expanded.payment_intent.latest_charge


def transfer(api, destination, charge, amount=400_000, key=None, **more):
    options = {"idempotency_key": key} if key else None
    params = {"amount": amount, "currency": "cad", "destination": destination, "source_transaction": charge} | more
    return api.transfers.create(params, options)


def types(standin):
    """Types of the pending events, all of them verified by the real package."""
    found = []
    for payload, signature in standin.take_events():
        found.append(stripe.Webhook.construct_event(payload, signature, SECRET).type)
    return found


def browse(url, form=None):
    """One request of a person's browser: (status, address or page)."""
    parts = urlsplit(url)
    link = http.client.HTTPConnection(parts.netloc, timeout=30)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    link.request("POST" if form else "GET", parts.path, urlencode(form) if form else None, headers)
    answer = link.getresponse()
    body = answer.read().decode()
    link.close()
    return answer.status, answer.headers["Location"] or body


# --- Accounts --------------------------------------------------------------------------------------------------------
def test_account_is_onboarded_through_its_page(api, standin):
    made = api.accounts.create(
        {
            "controller": {
                "fees": {"payer": "application"},
                "losses": {"payments": "application"},
                "requirement_collection": "stripe",
                "stripe_dashboard": {"type": "express"},
            },
            "country": "CA",
            "email": "paie@prestataire.test",
            "capabilities": {"transfers": {"requested": True}},
            "metadata": {"prestataire": "12"},
        }
    )
    assert (made.type, made.capabilities.transfers, made.details_submitted) == ("express", "inactive", False)
    link = {"account": made.id, "type": "account_onboarding", "refresh_url": BACK + "encore", "return_url": BACK}

    url = api.account_links.create(link).url
    status, page = browse(url)
    assert status == 200 and "aucun argent réel" in page and "paie@prestataire.test" in page
    assert browse(url) == (303, BACK + "encore")  # opened already
    assert browse(url, {"choix": "incomplet"}) == (303, BACK)
    assert api.accounts.retrieve(made.id).requirements.currently_due == ["external_account"]
    assert browse(url, {"choix": "terminer"})[0] == 410

    late = api.account_links.create(link).url
    standin.control("clock", advance=301)
    assert browse(late) == (303, BACK + "encore")

    url = api.account_links.create(link).url
    browse(url)
    assert browse(url, {"choix": "terminer"}) == (303, BACK)
    ready = api.accounts.retrieve(made.id)
    assert ready.payouts_enabled and ready.details_submitted and ready.capabilities.transfers == "active"
    assert api.accounts.login_links.create(made.id).url.startswith(standin.url)

    events = [json.loads(payload) for payload, _ in standin.take_events()]
    assert [each["type"] for each in events] == ["account.updated"] * 2
    assert events[1]["account"] == made.id
    assert events[1]["data"]["previous_attributes"]["payouts_enabled"] is False


def test_account_of_somebody_else_is_refused(api):
    with pytest.raises(stripe.PermissionError):
        api.accounts.retrieve("acct_inconnu")
    with pytest.raises(stripe.InvalidRequestError, match="No such account"):
        api.account_links.create(
            {"account": "acct_x", "type": "account_onboarding", "refresh_url": BACK, "return_url": BACK}
        )


# --- Checkout --------------------------------------------------------------------------------------------------------
def test_card_payment_through_the_page(api, standin):
    made = session(api)
    assert (made.status, made.payment_status, made.payment_intent) == ("open", "unpaid", None)
    status, page = browse(made.url)
    assert status == 200 and "10\u00a0000,00\u00a0$" in page and "Jalon 1" in page
    assert browse(made.url, {"choix": "annuler"}) == (303, BACK)

    status, page = browse(made.url, {"choix": "declined"})
    assert status == 402 and "refusée" in page
    declined = api.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent"]})
    assert declined.status == "open" and declined.payment_intent.last_payment_error.code == "card_declined"
    assert types(standin) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]

    assert browse(made.url, {"choix": "card"}) == (303, DONE.replace("{CHECKOUT_SESSION_ID}", made.id))
    status, page = browse(made.url)
    assert status == 200 and "Paiement déjà fait" in page
    browse(made.url, {"choix": "card"})
    done = api.checkout.sessions.retrieve(
        made.id, {"expand": ["line_items", "payment_intent.latest_charge.balance_transaction"]}
    )
    intent, charge = done.payment_intent, done.payment_intent.latest_charge
    assert (done.status, done.payment_status, intent.status) == ("complete", "paid", "succeeded")
    assert (charge.transfer_group, charge.metadata["facture"], done.metadata["jalon"]) == ("contrat-7", "7", "1")
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (29_030, 970_970)
    assert done.line_items.data[0].amount_total == 1_000_000
    assert types(standin) == ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]
    assert [each.status for each in api.charges.list().data] == ["succeeded", "failed"]


@pytest.mark.parametrize("ok", [True, False])
def test_debit_is_decided_later(api, standin, ok):
    made = session(api)
    assert browse(made.url, {"choix": "debit" if ok else "debit-refuse"})[0] == 303
    waiting = api.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge"]})
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    assert (waiting.payment_intent.status, waiting.payment_intent.latest_charge.status) == ("processing", "pending")
    assert types(standin)[1:] == ["charge.pending", "payment_intent.processing", "checkout.session.completed"]
    with pytest.raises(stripe.InvalidRequestError, match="pending"):
        transfer(api, account(api, standin), waiting.payment_intent.latest_charge.id)
    types(standin)

    standin.control("clock", advance=31)
    settled = api.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge"]})
    charge = settled.payment_intent.latest_charge
    if ok:
        assert (settled.payment_status, settled.payment_intent.status, charge.paid) == ("paid", "succeeded", True)
        assert types(standin)[-1] == "checkout.session.async_payment_succeeded"
    else:
        assert (settled.payment_status, charge.status) == ("unpaid", "failed")
        assert settled.payment_intent.status == "requires_payment_method"
        assert types(standin)[-1] == "checkout.session.async_payment_failed"
    with pytest.raises(ControlRefused, match="No debit"):
        standin.control("settle", session=made.id, ok=True)


def test_sessions_expire(api, standin):
    asked, timed = session(api), session(api)
    assert api.checkout.sessions.expire(asked.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="Only an open session"):
        api.checkout.sessions.expire(asked.id)
    standin.control("clock", advance=24 * 3600)
    assert api.checkout.sessions.retrieve(timed.id).status == "expired"
    assert browse(f"{standin.url}/c/pay/{timed.id}", {"choix": "card"})[0] == 410
    assert types(standin) == ["checkout.session.expired"] * 2
    assert api.payment_intents.list().data == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "subscription"}, "mode"),
        ({"line_items": []}, "line_items"),
        ({"success_url": "/factures/7/"}, "success_url"),
        ({"expires_at": 12}, "expires_at"),
        ({"payment_method_types": ["card", "paypal"]}, "paypal"),
        ({"payment_method_options": {}}, "payment_schedule"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
    ],
)
def test_session_refusals(api, change, words):
    with pytest.raises(stripe.InvalidRequestError, match=words):
        session(api, **change)


def test_session_amounts_have_limits(api):
    for amount in (49, 100_000_000):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            session(api, amount)
        assert refusal.value.code in ("amount_too_small", "amount_too_large")


# --- Transfers, refunds, disputes ------------------------------------------------------------------------------------
def test_transfers_share_a_charge(api, standin):
    charge, destination = paid(api, standin), account(api, standin)
    first = transfer(api, destination, charge.id, metadata={"jalon": "1"})
    assert (first.transfer_group, first.amount_reversed, first.reversed) == ("contrat-7", 0, False)
    transfer(api, destination, charge.id, 600_000, transfer_group="contrat-7")
    with pytest.raises(stripe.InvalidRequestError, match="0 is left") as refusal:
        transfer(api, destination, charge.id, 1)
    assert refusal.value.code == "amount_too_large"

    part = api.transfers.reversals.create(first.id, {"amount": 150_000})
    assert part.transfer == first.id
    again = api.transfers.retrieve(first.id)
    assert (again.amount_reversed, again.reversed, again.reversals.data[0].id) == (150_000, False, part.id)
    with pytest.raises(stripe.InvalidRequestError, match="250000 is left"):
        api.transfers.reversals.create(first.id, {"amount": 250_001})
    api.transfers.reversals.create(first.id)
    assert api.transfers.retrieve(first.id).reversed
    assert [each.amount for each in api.transfers.reversals.list(first.id).data] == [250_000, 150_000]
    transfer(api, destination, charge.id, 400_000)  # what came back can leave again
    assert types(standin)[-5:] == [
        *["transfer.created"] * 2,
        *["transfer.reversed"] * 2,
        "transfer.created",
    ]


def test_transfer_refusals(api, standin):
    charge, destination = paid(api, standin), account(api, standin)
    other = account(api, standin, complete=False)
    cases = [
        ({"destination": "acct_inconnu"}, "No such account", "resource_missing"),
        ({"destination": other}, "capability", "insufficient_capabilities_for_transfer"),
        ({"charge": "ch_inconnue"}, "No such charge", "resource_missing"),
        ({"transfer_group": "autre"}, "no other group", None),
        ({"amount": 0}, "amount", "parameter_invalid_integer"),
        ({"amount": 1_000_001}, "is left", "amount_too_large"),
    ]
    for change, words, code in cases:
        with pytest.raises(stripe.InvalidRequestError, match=words) as refusal:
            transfer(api, **{"destination": destination, "charge": charge.id} | change)
        assert refusal.value.code == code
    standin.control("restrict_account", account=destination)
    with pytest.raises(stripe.InvalidRequestError, match="capability"):
        transfer(api, destination, charge.id)
    assert api.transfers.list().data == []


def test_transfer_without_a_charge_needs_balance(api, standin):
    paid(api, standin)
    params = {"amount": 900_000, "currency": "cad", "destination": account(api, standin)}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        api.transfers.create(params)
    assert refusal.value.code == "balance_insufficient"
    standin.control("clock", advance=7 * 86_400)
    api.transfers.create(params)
    assert api.balance.retrieve().available[0].amount == 70_970


def test_refunds(api, standin):
    charge = paid(api, standin)
    part = api.refunds.create({"charge": charge.id, "amount": 300_000, "reason": "requested_by_customer"})
    assert (part.status, part.charge, part.payment_intent) == ("succeeded", charge.id, charge.payment_intent)
    with pytest.raises(stripe.InvalidRequestError, match="700000 is left"):
        api.refunds.create({"charge": charge.id, "amount": 700_001})
    api.refunds.create({"payment_intent": charge.payment_intent, "metadata": {"facture": "7"}})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        api.refunds.create({"charge": charge.id})
    assert refusal.value.code == "charge_already_refunded"
    again = api.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert again.refunded and [each.amount for each in again.refunds.data] == [700_000, 300_000]
    assert [each.id for each in api.refunds.list({"charge": charge.id, "limit": 1}).data] == [again.refunds.data[0].id]
    with pytest.raises(stripe.InvalidRequestError, match="0 is left"):
        transfer(api, account(api, standin), charge.id, 1)
    assert types(standin)[4:8] == ["refund.created", "charge.refunded"] * 2


def test_disputes(api, standin):
    charge = paid(api, standin)
    dispute = standin.control("open_dispute", charge=charge.id)
    assert api.charges.retrieve(charge.id).disputed
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        api.refunds.create({"charge": charge.id})
    assert refusal.value.code == "charge_disputed"
    standin.control("close_dispute", dispute=dispute["id"], won=True)
    assert api.disputes.retrieve(dispute["id"]).status == "won"
    assert [each.id for each in api.disputes.list({"charge": charge.id}).data] == [dispute["id"]]
    second = paid(api, standin)
    lost = standin.control("open_dispute", charge=second.id, amount=100)
    standin.control("close_dispute", dispute=lost["id"], won=False)
    names = [each for each in types(standin) if "dispute" in each]
    steps = ["created", "funds_withdrawn", "funds_reinstated", "closed", "created", "funds_withdrawn", "closed"]
    assert names == [f"charge.dispute.{step}" for step in steps]


# --- Lists -----------------------------------------------------------------------------------------------------------
def test_lists_page_both_ways(api, standin):
    charge, destination = paid(api, standin), account(api, standin)
    other = account(api, standin)
    made = [transfer(api, destination, charge.id, 100 + n).id for n in range(5)]
    transfer(api, other, charge.id, 1)
    page = api.transfers.list({"limit": 2, "destination": destination})
    assert ([each.id for each in page.data], page.has_more) == (made[:2:-1], True)
    page = api.transfers.list({"limit": 3, "destination": destination, "starting_after": made[3]})
    assert ([each.id for each in page.data], page.has_more) == (made[2::-1], False)
    page = api.transfers.list({"limit": 2, "ending_before": made[1], "destination": destination})
    assert ([each.id for each in page.data], page.has_more) == ([made[3], made[2]], True)
    every = api.transfers.list({"transfer_group": "contrat-7", "limit": 2}).auto_paging_iter()
    assert len({each.id for each in every}) == 6
    assert api.transfers.list({"transfer_group": "autre"}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="limit"):
        api.transfers.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError, match="No such transfer"):
        api.transfers.list({"starting_after": charge.id})


def test_lists_filter_by_instant_and_group(api, standin):
    start = 1_800_000_000
    charges = []
    for day in range(3):
        standin.control("clock", at=start + day * 86_400)
        charges.append(paid(api, standin, payment_intent_data={"transfer_group": f"contrat-{day}"}).id)
    window = {"created": {"gte": start, "lt": start + 2 * 86_400}}
    assert [each.id for each in api.charges.list(window).data] == charges[1::-1]
    assert [each.id for each in api.charges.list({"transfer_group": "contrat-2"}).data] == charges[2:]
    assert len(api.payment_intents.list({"created": {"gt": start}}).data) == 2
    events = api.events.list({"type": "charge.succeeded", "expand": ["data.data"]} | window)
    assert [each.data.object.id for each in events.data] == charges[1::-1]
    assert api.events.retrieve(events.data[0].id).type == "charge.succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        api.charges.list({"expand": ["data.amount"]})


# --- Idempotency -----------------------------------------------------------------------------------------------------
def test_same_key_same_request_is_replayed(api, standin):
    charge, destination = paid(api, standin), account(api, standin)
    first = transfer(api, destination, charge.id, key="jalon-1")
    again = transfer(api, destination, charge.id, key="jalon-1")
    assert first.id == again.id and len(api.transfers.list().data) == 1
    assert "Idempotent-Replayed" not in first.last_response.headers
    headers = again.last_response.headers
    assert headers["Idempotent-Replayed"] == "true"
    assert headers["Original-Request"] == first.last_response.headers["Request-Id"]
    assert [row["replayed"] for row in standin.requests() if row["key"] == "jalon-1"] == [0, 1]


def test_same_key_other_request_is_refused(api, standin):
    charge, destination = paid(api, standin), account(api, standin)
    transfer(api, destination, charge.id, key="jalon-1")
    with pytest.raises(stripe.IdempotencyError, match="parameters"):
        transfer(api, destination, charge.id, 1, key="jalon-1")
    with pytest.raises(stripe.IdempotencyError, match="endpoint"):
        api.refunds.create({"charge": charge.id}, {"idempotency_key": "jalon-1"})
    other = client_of(standin, "sk_test_autre")  # keys belong to the caller
    transfer(other, destination, charge.id, 1, key="jalon-1")
    assert len(api.transfers.list().data) == 2


def test_a_refusal_is_kept_but_a_bad_parameter_is_not(api, standin):
    charge, destination = paid(api, standin), account(api, standin, complete=False)
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError, match="capability") as refusal:
            transfer(api, destination, charge.id, key="kept")
        standin.control("complete_account", account=destination)
    assert refusal.value.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.InvalidRequestError, match="amount"):
        transfer(api, destination, charge.id, 0, key="not kept")
    assert transfer(api, destination, charge.id, key="not kept").amount == 400_000
    standin.control("forget_keys")  # a day later the key means nothing
    assert transfer(api, destination, charge.id, key="kept").amount == 400_000


def test_concurrent_same_key_is_a_conflict(api, standin):
    charge, destination = paid(api, standin), account(api, standin)
    standin.chaos("hold", only={"path": "/v1/transfers"})
    made = []
    first = threading.Thread(target=lambda: made.append(transfer(client_of(standin), destination, charge.id, key="k")))
    first.start()
    with pytest.raises(stripe.APIError) as conflict:
        while standin.control("held_requests")["held"] == 0:
            pass
        transfer(api, destination, charge.id, key="k")
    assert (conflict.value.http_status, conflict.value.error.code) == (409, "idempotency_key_in_use")
    standin.control("release_requests")
    first.join(timeout=30)
    assert transfer(api, destination, charge.id, key="k").id == made[0].id


def test_everything_survives_a_kill(tmp_path):
    with Standin(state=tmp_path / "stripe.sqlite3") as standin:
        api = client_of(standin)
        charge, destination = paid(api, standin), account(api, standin)
        made = transfer(api, destination, charge.id, key="jalon-1")
        standin.kill()
        standin.start()
        api = client_of(standin)
        assert transfer(api, destination, charge.id, key="jalon-1").id == made.id
        assert len(api.transfers.list().data) == 1 and "transfer.created" in types(standin)


# --- Faults ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "error", "executed", "retry"),
    [
        ("500_before", stripe.APIError, 0, "new"),
        ("429", stripe.RateLimitError, 0, "new"),
        ("500_after", stripe.APIError, 1, "replayed"),
        ("500_kept", stripe.APIError, 0, "error"),
        ("500_kept_done", stripe.APIError, 1, "error"),
        ("drop_before", stripe.APIConnectionError, 0, "new"),
        ("drop_after", stripe.APIConnectionError, 1, "replayed"),
        ({"fault": "slow", "seconds": 3}, stripe.APIConnectionError, 1, "replayed"),
    ],
)
def test_faults(api, standin, fault, error, executed, retry):
    charge, destination = paid(api, standin), account(api, standin)
    standin.chaos(fault, only={"method": "POST", "path": "/v1/transfers"})
    with pytest.raises(error):
        transfer(client_of(standin, timeout=0.5), destination, charge.id, key="jalon-1")
    assert len(api.transfers.list().data) == executed
    if retry == "error":
        with pytest.raises(stripe.APIError):
            transfer(api, destination, charge.id, key="jalon-1")
        assert len(api.transfers.list().data) == executed
    else:
        again = transfer(api, destination, charge.id, key="jalon-1")
        assert ("Idempotent-Replayed" in again.last_response.headers) == (retry == "replayed")
        assert len(api.transfers.list().data) == 1


def test_chance_is_seeded(api, standin):
    def statuses():
        standin.chaos(probability={"500_before": 0.5}, seed=11, only={"path": "/v1/charges"})
        found = []
        for _ in range(12):
            try:
                api.charges.list()
                found.append(200)
            except stripe.APIError as fault:
                found.append(fault.http_status)
        return found

    first = statuses()
    assert first == statuses() and set(first) == {200, 500}
    with pytest.raises(ControlRefused, match="Unknown"):
        standin.chaos("earthquake")


def test_only_test_keys(standin):
    for key in ("sk_live_vraie", "pk_test_publique"):
        with pytest.raises(stripe.AuthenticationError):
            client_of(standin, key).charges.list()


# --- Webhooks --------------------------------------------------------------------------------------------------------
def test_signatures(api, standin):
    paid(api, standin)
    ((payload, signature), *_), secret = standin.take_events(), standin.secret
    event = stripe.Webhook.construct_event(payload, signature, secret)
    assert event.request.idempotency_key is None and event.type == "payment_intent.created"
    for body, header, key in (
        (payload + b" ", signature, secret),
        (payload, signature, "whsec_autre"),
        (payload, signature.replace("t=", "t=1"), secret),
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, header, key)
    standin.control("replay", event=event.id)
    ((payload, old),) = standin.take_events(at=1_700_000_000)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        stripe.Webhook.construct_event(payload, old, secret)
    standin.control("forge", event=event.id)
    ((payload, forged),) = standin.take_events()
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload, forged, secret)


def test_events_are_held_shuffled_and_repeated(api, standin):
    charge = paid(api, standin)
    standin.control("hold", types=["charge.succeeded"])
    assert "charge.succeeded" not in types(standin)
    standin.control("hold")
    api.refunds.create({"charge": charge.id})
    assert types(standin) == []
    standin.control("release")
    standin.chaos(seed=3)
    order = standin.control("shuffle")["order"]
    assert [json.loads(payload)["id"] for payload, _ in standin.take_events()] == order
    refunded = next(each for each in standin.events() if each["type"] == "charge.refunded")
    assert refunded["delivery"] == ["delivered"]
    standin.control("replay", event=refunded["id"], times=3)
    standin.control("unknown_event", type="jamais.vu")
    assert types(standin) == ["charge.refunded"] * 3 + ["jamais.vu"]
    standin.chaos(webhooks={"duplicate": 1})
    paid(api, standin)
    assert types(standin)[:2] == ["payment_intent.created"] * 2


class Receiver(BaseHTTPRequestHandler):
    """The product's webhook: answers from a list, then 200."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.put((body, self.headers["Stripe-Signature"]))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        pass


def test_delivered_until_accepted():
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as product:
        product.received, product.answers = queue.Queue(), [500, 302]
        threading.Thread(target=product.serve_forever, daemon=True).start()
        with Standin(webhook=f"http://127.0.0.1:{product.server_address[1]}/stripe/") as standin:
            api = client_of(standin)
            destination = account(api, standin)
            bodies = [product.received.get(timeout=30)]
            while not any("delivered" in each["delivery"] for each in standin.events()):
                standin.deliver()
            bodies += [product.received.get(timeout=30) for _ in range(2)]
            events = [stripe.Webhook.construct_event(*each, SECRET) for each in bodies]
            assert len({each.id for each in events}) == 1 and events[0].account == destination
            assert standin.control("deliveries")[0]["attempts"] == 3
        product.shutdown()


# --- Behind the product's back ---------------------------------------------------------------------------------------
def test_what_reconciliation_must_find(api, standin):
    charge, destination = paid(api, standin), account(api, standin)
    made = transfer(api, destination, charge.id)
    foreign = standin.control("foreign_charge", amount=5_000, transfer_group="contrat-7")
    standin.control("foreign_transfer", amount=5_000, destination=destination, source_transaction=foreign["id"])
    standin.control("alter", id=made.id, set={"amount": 399_999, "metadata.jalon": "2"})
    standin.control("refund", charge=charge.id, amount=10)
    standin.control("drain_account", account=destination)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        api.transfers.reversals.create(made.id)
    assert refusal.value.code == "balance_insufficient"
    found = standin.state()
    assert [each["amount"] for each in found["transfer"]] == [399_999, 5_000]
    assert api.transfers.retrieve(made.id).metadata["jalon"] == "2"
    assert len(found["charge"]) == 2 and found["charge"][0]["amount_refunded"] == 10
    standin.control("remove", id=foreign["id"])
    assert [each.id for each in api.charges.list().data] == [charge.id]


# --- The judge -------------------------------------------------------------------------------------------------------
def test_a_bad_parameter_is_a_violation(process):
    process.reset()
    api = client_of(process)
    wrong = [
        lambda: api.accounts.create({"type": "express", "couleur": "bleu"}),
        lambda: api.transfers.create({"amount": "beaucoup", "currency": "cad", "destination": "acct_1"}),
        lambda: api.transfers.create({"amount": 5, "currency": "cad"}),
        lambda: api.refunds.create({"charge": "ch_1", "reason": "parce que"}),
        lambda: api.charges.list({"couleur": "bleu"}),
        lambda: session(api, line_items=[{"quantity": 1, "price_data": {"currency": "cad", "prix": 5}}]),
    ]
    for n, request in enumerate(wrong, 1):
        with pytest.raises(stripe.InvalidRequestError):
            request()
        assert len(process.violations()) == n and process.violations()[-1]["side"] == "request"


def test_a_wrong_answer_is_a_violation(process):
    process.reset()
    api = client_of(process)
    charge = process.control("foreign_charge", amount=5_000)
    process.control("alter", id=charge["id"], set={"amount": "cinq"})
    with pytest.raises(stripe.APIError) as refusal:
        api.charges.retrieve(charge["id"])
    assert refusal.value.http_status == 500
    assert process.violations()[0]["side"] == "answer" and "amount" in process.violations()[0]["reason"]
