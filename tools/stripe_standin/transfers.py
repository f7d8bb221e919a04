"""Transfers to connected accounts, and their reversals (separate charges and transfers).

https://docs.stripe.com/connect/separate-charges-and-transfers
"""

from tools.stripe_standin import forms
from tools.stripe_standin.charges import balance, book
from tools.stripe_standin.errors import Refused, invalid
from tools.stripe_standin.listing import collection, page
from tools.stripe_standin.state import State, new_id
from tools.stripe_standin.webhooks import emit


def create(state: State, params: dict) -> dict:
    amount = forms.integer(params, "amount", required=True)
    if amount < 1:
        raise invalid("amount", "at least 1", "parameter_invalid_integer")
    forms.currency(params)
    destination = forms.text(params, "destination", required=True)
    source = forms.text(params, "source_transaction")
    given = {"description": forms.text(params, "description"), "metadata": forms.metadata(params)}
    return send(state, amount, destination, source, forms.text(params, "transfer_group"), **given)


def send(
    state: State,
    amount: int,
    destination: str,
    source: str | None,
    group: str | None,
    *,
    description: str | None = None,
    metadata: dict | None = None,
) -> dict:
    """Move cents to an account: from one charge (``source``), else from the available balance. Raises `Refused`."""
    account = state.get(destination, "account", param="destination", status=400)
    if account["capabilities"].get("transfers") != "active":
        raise Refused(
            f"Account '{destination}' cannot receive transfers: its transfers capability is not active.",
            code="insufficient_capabilities_for_transfer",
            param="destination",
        )
    available_on = 0
    if source:
        charge = _source(state, source, amount)
        group = _common_group(state, charge, group)
        available_on = state.get(charge["balance_transaction"], "balance_transaction")["available_on"]
    elif balance(state)["available"][0]["amount"] < amount:
        raise Refused("The available balance does not cover this transfer.", code="balance_insufficient")
    id = new_id("tr")
    transfer = {
        "id": id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": book(state, "transfer", -amount, id, after=max(0, available_on - state.now()))["id"],
        "created": state.now(),
        "currency": "cad",
        "description": description,
        "destination": destination,
        "destination_payment": new_id("py"),
        "livemode": False,
        "metadata": metadata or {},
        "reversals": collection([], f"/v1/transfers/{id}/reversals"),
        "reversed": False,
        "source_transaction": source,
        "source_type": "card",
        "transfer_group": group,
    }
    state.add(transfer)
    _count(state, source, amount)
    emit(state, "transfer.created", transfer)
    return transfer


def _source(state: State, source: str, amount: int) -> dict:
    """The charge to take from, if what was not refunded nor already transferred covers the amount."""
    charge = state.get(source, "charge", param="source_transaction", status=400)
    if charge["status"] != "succeeded":
        raise Refused(f"Charge '{source}' is {charge['status']}: nothing to transfer.", param="source_transaction")
    sent = state.hidden(source).get("sent", 0)  # kept up to date: summing every transfer each time is slow
    left = charge["amount"] - charge["amount_refunded"] - sent
    if amount > left:
        raise Refused(
            f"Transfer of {amount} where {left} is left on charge '{source}'.", code="amount_too_large", param="amount"
        )
    return charge


def _count(state: State, source: str | None, cents: int) -> None:
    """Keep, beside a charge, how much of it has been transferred and not reversed."""
    if source:
        state.hide(source, sent=state.hidden(source).get("sent", 0) + cents)


def _common_group(state: State, charge: dict, group: str | None) -> str:
    """A charge and its transfers share one group: the charge's, else one made from its payment intent."""
    if group and charge["transfer_group"] and group != charge["transfer_group"]:
        raise Refused(
            f"The source charge is in group '{charge['transfer_group']}': no other group is possible.",
            param="transfer_group",
        )
    group = charge["transfer_group"] or group or f"group_{charge['payment_intent']}"
    if charge["transfer_group"] != group:
        charge["transfer_group"] = group
        state.save(charge)
    return group


def retrieve(state: State, params: dict, id: str) -> dict:
    return state.get(id, "transfer", param="transfer")


def index(state: State, params: dict) -> dict:
    equal = {name: forms.text(params, name) for name in ("destination", "transfer_group")}
    return page(state, "transfer", params, "/v1/transfers", equal)


def create_reversal(state: State, params: dict, id: str) -> dict:
    return reverse(
        state,
        state.get(id, "transfer"),
        forms.integer(params, "amount"),
        meta=forms.metadata(params),
    )


def reverse(state: State, transfer: dict, amount: int | None = None, meta: dict | None = None) -> dict:
    """Take cents back from the account (all that is left, without an amount). Raises `Refused`."""
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = left if amount is None else amount
    if amount < 1 or amount > left:
        raise Refused(f"Reversal of {amount} where {left} is left.", code="amount_too_large", param="amount")
    if state.hidden(transfer["destination"]).get("drained"):
        raise Refused("The account no longer holds enough to reverse this transfer.", code="balance_insufficient")
    id = new_id("trr")
    reversal = {
        "id": id,
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": book(state, "transfer_refund", amount, id, category="transfer_reversal")["id"],
        "created": state.now(),
        "currency": "cad",
        "destination_payment_refund": new_id("pyr"),
        "metadata": meta or {},
        "source_refund": None,
        "transfer": transfer["id"],
    }
    state.add(reversal)
    previous = {"amount_reversed": transfer["amount_reversed"], "reversed": transfer["reversed"]}
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    reversals = transfer["reversals"]
    reversals["data"].insert(0, reversal)
    if len(reversals["data"]) > 10:
        reversals |= {"data": reversals["data"][:10], "has_more": True}
    state.save(transfer)
    _count(state, transfer["source_transaction"], -amount)
    emit(state, "transfer.reversed", transfer, previous=previous)
    return reversal


def list_reversals(state: State, params: dict, id: str) -> dict:
    state.get(id, "transfer")
    url = f"/v1/transfers/{id}/reversals"
    return page(state, "transfer_reversal", params, url, {"transfer": id}, created=False)


def retrieve_reversal(state: State, params: dict, transfer: str, id: str) -> dict:
    state.get(transfer, "transfer")
    return state.get(id, "transfer_reversal")
