"""Disputes: opened and decided by the payer's bank (the control door), read by the product."""

from tools.stripe_standin import forms
from tools.stripe_standin.charges import DAY, DISPUTE_FEE, book, method_of
from tools.stripe_standin.errors import Refused
from tools.stripe_standin.listing import page
from tools.stripe_standin.state import State, new_id
from tools.stripe_standin.webhooks import emit

TEXTS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "uncategorized_file",
    "uncategorized_text",
)


def open_dispute(state: State, charge_id: str, amount: int | None = None, reason: str = "fraudulent") -> dict:
    """The bank takes the money back, with a fee, until the dispute is decided."""
    charge = state.get(charge_id, "charge")
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise Refused("Only a succeeded charge, not disputed yet, can be disputed.")
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    if not 1 <= amount <= left:
        raise Refused(f"A dispute of {amount} where {left} is left on the charge.")
    id = new_id("du")
    taken = book(state, "adjustment", -amount, id, fee=DISPUTE_FEE, category="dispute")
    details = {"due_by": state.now() + 7 * DAY, "has_evidence": False, "past_due": False, "submission_count": 0}
    dispute = {
        "id": id,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [taken],
        "charge": charge["id"],
        "created": state.now(),
        "currency": "cad",
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(TEXTS) | {"enhanced_evidence": {}},
        "evidence_details": details | {"enhanced_eligibility": {}},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    if method_of(charge) == "card":
        card = {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"}
        dispute["payment_method_details"] = {"type": "card", "card": card}
    state.add(dispute)
    charge["disputed"] = True
    state.save(charge)
    emit(state, "charge.dispute.created", dispute)
    emit(state, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(state: State, id: str, won: bool) -> dict:
    """Decided: the money comes back when the platform wins."""
    dispute = state.get(id, "dispute")
    if dispute["status"] in ("won", "lost"):
        raise Refused("This dispute is already closed.")
    dispute["status"] = "won" if won else "lost"
    if won:
        back = book(state, "adjustment", dispute["amount"], id, category="dispute_reversal")
        dispute["balance_transactions"].append(back)
    state.save(dispute)
    if won:
        emit(state, "charge.dispute.funds_reinstated", dispute)
    emit(state, "charge.dispute.closed", dispute)
    return dispute


def retrieve(state: State, params: dict, id: str) -> dict:
    return state.get(id, "dispute", param="dispute")


def index(state: State, params: dict) -> dict:
    equal = {name: forms.text(params, name) for name in ("charge", "payment_intent")}
    return page(state, "dispute", params, "/v1/disputes", equal)
