"""Payments received: payment intents, charges, balance transactions, refunds, disputes, the platform's balance."""

from tools.stripe_standin import forms
from tools.stripe_standin.errors import Refused, invalid
from tools.stripe_standin.listing import ON_DEMAND, collection, page
from tools.stripe_standin.state import State, new_id
from tools.stripe_standin.webhooks import emit

DAY = 86_400
AVAILABLE_AFTER = 7 * DAY
DISPUTE_FEE = 1500
BILLING = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
DECLINED = {"code": "card_declined", "decline_code": "generic_decline", "message": "Your card was declined."}
DEBIT_FAILED = {"code": "payment_method_provider_decline", "message": "The bank refused the debit."}


# --- Making them -----------------------------------------------------------------------------------------------------
def new_intent(state: State, amount: int, types: list[str], given: dict, options: dict | None = None) -> dict:
    """``given``: what ``payment_intent_data`` asked: description, metadata, transfer_group."""
    id = new_id("pi")
    intent = {
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": new_id(f"{id}_secret"),
        "confirmation_method": "automatic",
        "created": state.now(),
        "currency": "cad",
        "customer": None,
        "description": given.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": given.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": options or {},
        "payment_method_types": types,
        "processing": None,
        "receipt_email": given.get("receipt_email"),
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": given.get("statement_descriptor"),
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": given.get("transfer_group"),
    }
    state.add(intent)
    emit(state, "payment_intent.created", intent)
    return intent


def new_charge(state: State, intent: dict, method: str, status: str) -> dict:
    """A charge of an intent by ``card`` or ``acss_debit``, in the state given: succeeded, pending or failed."""
    debit = method == "acss_debit"
    charge = {
        "id": new_id("py" if debit else "ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if status == "failed" else intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": dict(BILLING),
        "calculated_statement_descriptor": "SIMULATEUR",
        "captured": status != "failed",
        "created": state.now(),
        "currency": "cad",
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": _outcome("authorized"),
        "paid": status == "succeeded",
        "payment_intent": intent["id"],
        "payment_method": new_id("pm"),
        "payment_method_details": {"type": method, method: _debit() if debit else _card()},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": None,
        "status": status,
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    if status == "succeeded":
        _book_charge(state, charge, method)
    if status == "failed":
        _fail(charge, DECLINED)
    return state.add(charge)


def _outcome(kind: str) -> dict:
    refused = kind != "authorized"
    return {
        "network_status": "declined_by_network" if refused else "approved_by_network",
        "reason": "generic_decline" if refused else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details." if refused else "Payment complete.",
        "type": kind,
    }


def _card() -> dict:
    absent = dict.fromkeys(("installments", "mandate", "network_token", "three_d_secure", "wallet"))
    return absent | {
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "CA",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": "standinstandinst",
        "funding": "credit",
        "last4": "4242",
        "network": "visa",
    }


def _debit() -> dict:
    return {
        "bank_name": "STRIPE TEST BANK",
        "fingerprint": "standinstandinst",
        "institution_number": "000",
        "last4": "6789",
        "mandate": new_id("mandate"),
        "transit_number": "11000",
    }


def _fail(charge: dict, why: dict) -> None:
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0}
    charge |= {"failure_code": why["code"], "failure_message": why["message"], "outcome": _outcome("issuer_declined")}


def _book_charge(state: State, charge: dict, method: str) -> None:
    """Fees in whole cents: 2.9 % + 30 ¢ by card; 1 % + 40 ¢, at most 5 $, by debit."""
    amount = charge["amount"]
    fee = (amount * 29 + 500) // 1000 + 30 if method == "card" else min((amount + 50) // 100 + 40, 500)
    kind = "charge" if method == "card" else "payment"
    charge["balance_transaction"] = book(state, kind, amount, charge["id"], fee=fee, after=AVAILABLE_AFTER)["id"]


def book(
    state: State, kind: str, amount: int, source: str, *, fee: int = 0, after: int = 0, category: str = ""
) -> dict:
    """A line of the platform's balance: signed cents, the fee taken off; available ``after`` seconds."""
    lines = [{"amount": fee, "application": None, "currency": "cad", "description": "Frais", "type": "stripe_fee"}]
    return state.add(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": state.now() + after,
            "balance_type": "payments",
            "created": state.now(),
            "currency": "cad",
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": lines if fee else [],
            "net": amount - fee,
            "reporting_category": category or ("charge" if kind == "payment" else kind),
            "source": source,
            "status": "pending" if after else "available",
            "type": kind,
        }
    )


def method_of(charge: dict) -> str:
    return charge["payment_method_details"]["type"]


def succeed(state: State, intent: dict, charge: dict) -> None:
    """Mark an intent as paid by this charge, and tell it."""
    if charge["status"] == "pending":
        charge |= {"status": "succeeded", "paid": True}
        _book_charge(state, charge, method_of(charge))
        state.save(charge)
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
    intent |= {"payment_method": charge["payment_method"], "last_payment_error": None}
    state.save(intent)
    emit(state, "charge.succeeded", charge)
    emit(state, "payment_intent.succeeded", intent)


def fail(state: State, intent: dict, charge: dict, why: dict) -> None:
    """Send an intent back to its start after a refused charge, and tell it."""
    if charge["status"] != "failed":
        _fail(charge, why)
        state.save(charge)
    intent |= {"status": "requires_payment_method", "latest_charge": charge["id"]}
    intent["last_payment_error"] = {"type": "card_error", "charge": charge["id"]} | why
    state.save(intent)
    emit(state, "charge.failed", charge)
    emit(state, "payment_intent.payment_failed", intent)


# --- What the API answers --------------------------------------------------------------------------------------------
def retrieve_intent(state: State, params: dict, id: str) -> dict:
    return state.get(id, "payment_intent", param="intent")


def list_intents(state: State, params: dict) -> dict:
    return page(state, "payment_intent", params, "/v1/payment_intents", {})


def retrieve_charge(state: State, params: dict, id: str) -> dict:
    return state.get(id, "charge")


def list_charges(state: State, params: dict) -> dict:
    equal = {name: forms.text(params, name) for name in ("payment_intent", "transfer_group")}
    return page(state, "charge", params, "/v1/charges", equal)


def list_transactions(state: State, params: dict) -> dict:
    equal = {name: forms.text(params, name) for name in ("source", "type")}
    return page(state, "balance_transaction", params, "/v1/balance_transactions", equal)


def retrieve_transaction(state: State, params: dict, id: str) -> dict:
    return state.get(id, "balance_transaction")


def balance(state: State, params: dict | None = None) -> dict:
    """Available and pending cents of the platform, summed from its transactions."""
    query = """select coalesce(sum(json_extract(body, '$.net')) filter (where available <= :now), 0) as available,
        coalesce(sum(json_extract(body, '$.net')) filter (where available > :now), 0) as pending
        from (select body, json_extract(body, '$.available_on') as available from objects
        where kind = 'balance_transaction')"""
    row = state.db.execute(query, {"now": state.now()}).fetchone()
    kinds = {name: [{"amount": row[name], "currency": "cad"}] for name in ("available", "pending")}
    return {"object": "balance", "livemode": False} | kinds


def create_refund(state: State, params: dict) -> dict:
    by_charge, by_intent = forms.text(params, "charge"), forms.text(params, "payment_intent")
    if bool(by_charge) == bool(by_intent):
        raise invalid("charge", "exactly one of charge and payment_intent is expected", "parameter_missing")
    reason = forms.choice(params, "reason", ("duplicate", "fraudulent", "requested_by_customer"))
    if forms.boolean(params, "reverse_transfer"):
        raise Refused("The transfers of this charge are separate: reverse them one by one.", param="reverse_transfer")
    if by_intent:
        intent = state.get(by_intent, "payment_intent", param="payment_intent", status=404)
        by_charge = intent["latest_charge"] or ""
    charge = state.get(by_charge, "charge", param="charge")
    return refund(state, charge, forms.integer(params, "amount"), reason, forms.metadata(params))


def refund(state: State, charge: dict, amount: int | None, reason: str | None = None, meta: dict | None = None) -> dict:
    """Give back ``amount`` cents (all that is left, without one). Raises `Refused` beyond what is left."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise Refused("This charge has not succeeded: nothing to refund.", code="charge_not_refundable", param="charge")
    if charge["disputed"]:
        raise Refused("This charge is disputed: it cannot be refunded.", code="charge_disputed", param="charge")
    if not left:
        raise Refused("This charge is already refunded.", code="charge_already_refunded", param="charge")
    amount = left if amount is None else amount
    if amount < 1 or amount > left:
        raise Refused(f"Refund of {amount} where {left} is left.", code="amount_too_large", param="amount")
    id = new_id("re")
    kind = "refund" if method_of(charge) == "card" else "payment_refund"
    body = {
        "id": id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": book(state, kind, -amount, id, category="refund")["id"],
        "charge": charge["id"],
        "created": state.now(),
        "currency": "cad",
        "metadata": meta or {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    state.add(body)
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    state.save(charge)
    emit(state, "refund.created", body)
    emit(state, "charge.refunded", charge, previous=previous)
    return body


def retrieve_refund(state: State, params: dict, id: str) -> dict:
    return state.get(id, "refund")


def list_refunds(state: State, params: dict) -> dict:
    equal = {name: forms.text(params, name) for name in ("charge", "payment_intent")}
    return page(state, "refund", params, "/v1/refunds", equal)


def _refunds_of(state: State, charge: dict) -> dict:
    rows = list(state.of_kind("refund", charge=charge["id"]))[::-1]
    return collection(rows[:10], f"/v1/charges/{charge['id']}/refunds", len(rows) > 10)


ON_DEMAND["charge", "refunds"] = _refunds_of
