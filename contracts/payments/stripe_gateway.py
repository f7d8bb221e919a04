"""The only door to Stripe: plain values in, plain values out. Nothing here touches our database.

Amounts are integer cents, instants aware UTC. A POST always carries an idempotency key chosen by the caller: the same
key and the same parameters give the same answer for 24 hours (https://docs.stripe.com/api/idempotent_requests).
Two exceptions come out: `Unsure`, the act may have happened and is tried again with the same key; `Refused`, it did not
happen. Payloads are never logged: Stripe's own logger is kept quiet.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import stripe
from django.conf import settings

from contracts.models import failures
from contracts.payments.stripe_objects import (
    Account,
    Charge,
    Dispute,
    Event,
    Intent,
    Refund,
    Reversal,
    Session,
    Transfer,
    identifier,
    instant,
    metadata,
    read_account,
    read_charge,
    read_dispute,
    read_intent,
    read_refund,
    read_session,
    read_transfer,
)
from marketplace.files.documents import read_json

CURRENCY = "cad"
NAME_MOST = 100  # characters of an identifier that our columns keep
TIMEOUT = (5.0, 20.0)  # seconds to connect, then to answer
RETRIES = 1  # by the library itself, with the same key; then the sweep takes over

logging.getLogger("stripe").setLevel(logging.WARNING)
stripe.enable_telemetry = False  # nothing about our requests but the requests


class Unsure(Exception):
    """No answer, or Stripe's own failure: it may have happened. Try again with the same key.

    replayed: this failure is the kept answer of an earlier try, which will never give another under this key.
    """

    def __init__(self, reason: str, *, replayed: bool = False) -> None:
        super().__init__(reason)
        self.replayed = replayed


class Refused(Exception):
    """Stripe answered no, and did nothing. `code` is Stripe's; the text, its sentence for people."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return failures.sentence(self.code)


# --- The connection --------------------------------------------------------------------------------------------------
def enabled() -> bool:
    """Whether this installation pays by Stripe."""
    return bool(settings.STRIPE_SECRET_KEY)


def origins() -> list[str]:
    """Where Stripe's own pages are: what `form-action` must allow on the pages that lead there."""
    if settings.STRIPE_API_BASE:
        parts = urlsplit(settings.STRIPE_API_BASE)
        return [f"{parts.scheme}://{parts.netloc}"]
    return ["https://checkout.stripe.com", "https://connect.stripe.com"]


@lru_cache(maxsize=4)
def _connect(key: str, base: str, timeout: float | tuple[float, float], retries: int) -> stripe.StripeClient:
    http = stripe.RequestsClient(timeout=timeout)
    return stripe.StripeClient(
        key, base_addresses={"api": base} if base else None, http_client=http, max_network_retries=retries
    )


def _v1() -> Any:
    return _connect(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, TIMEOUT, RETRIES).v1


def forget() -> None:
    """Drop the connections, in a process that inherited them from another."""
    _connect.cache_clear()


def _ask(call: Callable, *args: Any, key: str | None = None) -> dict:
    """One request; a dict of Stripe's answer. Unsure or Refused."""
    options = {"idempotency_key": key} if key else {}
    try:
        return call(*args, options).to_dict()
    except stripe.StripeError as error:
        raise _translated(error) from None  # the original holds the payload


def _translated(error: stripe.StripeError) -> Unsure | Refused:
    """409: another request holds the key. 401, 403, 429 and 5xx: nothing is known about the act itself."""
    status = error.http_status or 0
    replayed = {name.lower() for name in error.headers or {}} >= {"idempotent-replayed"}
    if isinstance(error, stripe.IdempotencyError) and status == 400:
        return Refused("idempotency")
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError) and status in {400, 402, 404}:
        return Refused(error.code or "invalid_request")
    if status == 403 and error.code == "account_invalid":  # closed, or taken away from us: about this one, and for good
        return Refused("account_invalid")
    return Unsure(f"{type(error).__name__} {status}".strip(), replayed=replayed)


# --- Vendors' accounts -----------------------------------------------------------------------------------------------
def create_account(*, business_type: str, email: str, metadata: dict, key: str) -> Account:
    """An Express account in Canada that can receive transfers. business_type: company or individual."""
    body = {
        "type": "express",
        "country": "CA",
        "business_type": business_type,
        "email": email,
        "capabilities": {"transfers": {"requested": True}},
        "metadata": metadata,
    }
    return read_account(_ask(_v1().accounts.create, body, key=key))


def account(account_id: str) -> Account:
    return read_account(_ask(_v1().accounts.retrieve, account_id, {}))


def account_link(account_id: str, *, return_url: str, refresh_url: str) -> str:
    """The address of Stripe's onboarding page: it serves once, and expires within minutes."""
    body = {
        "account": account_id,
        "type": "account_onboarding",
        "return_url": return_url,
        "refresh_url": refresh_url,
    }
    return _ask(_v1().account_links.create, body)["url"]


# --- Paying in -------------------------------------------------------------------------------------------------------
def create_session(
    *,
    amount_cents: int,
    label: str,
    group: str,
    metadata: dict,
    success_url: str,
    cancel_url: str,
    locale: str,
    key: str,
) -> Session:
    """A Checkout page for one payment, by card or by pre-authorized debit of a business's account."""
    price = {"currency": CURRENCY, "unit_amount": amount_cents, "product_data": {"name": label}}
    mandate = {"payment_schedule": "sporadic", "transaction_type": "business"}
    body = {
        "mode": "payment",
        "payment_method_types": ["card", "acss_debit"],
        "payment_method_options": {"acss_debit": {"mandate_options": mandate}},
        "line_items": [{"price_data": price, "quantity": 1}],
        "client_reference_id": metadata["payment"],
        "metadata": metadata,
        "payment_intent_data": {"transfer_group": group, "metadata": metadata},
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": locale,
    }
    return read_session(_ask(_v1().checkout.sessions.create, body, key=key))


def session(session_id: str) -> Session:
    """With its payment intent and the intent's last charge."""
    expand = {"expand": ["payment_intent.latest_charge"]}
    return read_session(_ask(_v1().checkout.sessions.retrieve, session_id, expand))


def expire_session(session_id: str) -> Session:
    """Nobody can pay on it any more. Refused when somebody has."""
    return read_session(_ask(_v1().checkout.sessions.expire, session_id, {}))


def intent(intent_id: str) -> Intent:
    """With its last charge."""
    return read_intent(_ask(_v1().payment_intents.retrieve, intent_id, {"expand": ["latest_charge"]}))


# --- Paying out, and taking back -------------------------------------------------------------------------------------
def create_transfer(
    *, amount_cents: int, destination: str, source: str, group: str, metadata: dict, key: str
) -> Transfer:
    """From one charge (`source`) to a vendor's account."""
    body = {
        "amount": amount_cents,
        "currency": CURRENCY,
        "destination": destination,
        "source_transaction": source,
        "transfer_group": group,
        "metadata": metadata,
    }
    return read_transfer(_ask(_v1().transfers.create, body, key=key))


def transfers_of(group: str) -> list[Transfer]:
    return [read_transfer(body) for body in _pages(_v1().transfers.list, {"transfer_group": group})]


def transfer(transfer_id: str) -> Transfer:
    return read_transfer(_ask(_v1().transfers.retrieve, transfer_id, {}))


def reverse_transfer(transfer_id: str, *, amount_cents: int, metadata: dict, key: str) -> Reversal:
    body = {"amount": amount_cents, "metadata": metadata}
    reversal = _ask(_v1().transfers.reversals.create, transfer_id, body, key=key)
    return Reversal(reversal["id"], reversal["amount"])


def refund_charge(charge_id: str, *, amount_cents: int, metadata: dict, key: str) -> Refund:
    return read_refund(
        _ask(_v1().refunds.create, {"charge": charge_id, "amount": amount_cents, "metadata": metadata}, key=key)
    )


def refunds_of(charge_id: str) -> list[Refund]:
    return [read_refund(body) for body in _pages(_v1().refunds.list, {"charge": charge_id})]


def dispute(dispute_id: str) -> Dispute:
    return read_dispute(_ask(_v1().disputes.retrieve, dispute_id, {}))


# --- The books, for the reconciliation -------------------------------------------------------------------------------
def _pages(call: Callable, params: dict) -> Iterator[dict]:
    try:
        for each in call({"limit": 100, **params}).auto_paging_iter():
            yield each.to_dict()
    except stripe.StripeError as error:
        raise _translated(error) from None


def _since(call: Callable, since: datetime) -> Iterator[dict]:
    return _pages(call, {"created": {"gte": int(since.timestamp())}})


def charges(since: datetime) -> Iterator[Charge]:
    return map(read_charge, _since(_v1().charges.list, since))


def transfers(since: datetime) -> Iterator[Transfer]:
    return map(read_transfer, _since(_v1().transfers.list, since))


def refunds(since: datetime) -> Iterator[Refund]:
    return map(read_refund, _since(_v1().refunds.list, since))


def disputes(since: datetime) -> Iterator[Dispute]:
    return map(read_dispute, _since(_v1().disputes.list, since))


# --- What Stripe tells -----------------------------------------------------------------------------------------------
def read_event(payload: bytes, signature: str) -> Event | None:
    """The event, when the signature is Stripe's and recent; None otherwise."""
    if not settings.STRIPE_WEBHOOK_SECRET:
        return None  # an empty secret would sign anything
    try:
        stripe.WebhookSignature.verify_header(
            payload, signature, settings.STRIPE_WEBHOOK_SECRET, stripe.Webhook.DEFAULT_TOLERANCE
        )
        event = read_json(payload)  # not by the library, which a deep nest breaks
        body = event["data"]["object"]
        names = ("object", "charge", "payment_intent")
        about = {name: identifier(body[name]) for name in names if body.get(name)}
        texts = [event["id"], event["type"], event.get("account") or "-"]
        if not all(isinstance(text, str) and 0 < len(text) <= NAME_MOST and text.isascii() for text in texts):
            return None
        return Event(
            id=event["id"],
            type=event["type"],
            account=event.get("account") or "",
            created=instant(event["created"]),
            object_id=identifier(body.get("id")),
            about=about | {"metadata": metadata(body)},
        )
    except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError, AttributeError, OSError, OverflowError):
        return None
