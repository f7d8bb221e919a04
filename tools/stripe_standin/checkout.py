"""Checkout sessions: opened by the product, paid by a person on the hosted page (or by the control door)."""

from tools.stripe_standin import charges, forms
from tools.stripe_standin.errors import Refused, invalid, missing
from tools.stripe_standin.listing import ON_DEMAND, collection, page
from tools.stripe_standin.state import State, new_id
from tools.stripe_standin.webhooks import emit

METHODS = ("card", "acss_debit")
SHORTEST, LONGEST = 30 * 60, 24 * 60 * 60
LEAST, MOST = 50, 99_999_999
DATA = {"description", "metadata", "receipt_email", "statement_descriptor", "transfer_group"}
SCHEDULES = ("combined", "interval", "sporadic")


# --- What the API answers --------------------------------------------------------------------------------------------
def create(state: State, params: dict) -> dict:
    forms.choice(params, "mode", ("payment",), required=True)
    methods = forms.sequence(params, "payment_method_types") or ["card"]
    if unknown := set(methods) - set(METHODS):
        raise invalid("payment_method_types", f"the stand-in does not know {', '.join(sorted(unknown))}")
    lines = [_line(line, f"line_items[{n}]") for n, line in enumerate(forms.sequence(params, "line_items"))]
    if not lines:
        raise missing("line_items")
    total = sum(line["amount_total"] for line in lines)
    if not LEAST <= total <= MOST:
        small = total < LEAST
        code = "amount_too_small" if small else "amount_too_large"
        raise Refused(f"The total must be from {LEAST} to {MOST} cents, not {total}.", code=code)
    data = _intent_data(forms.branch(params, "payment_intent_data"))
    options = _options(forms.branch(params, "payment_method_options"), methods)
    now = state.now()
    expires_at = forms.integer(params, "expires_at", default=now + LONGEST)
    if not now + SHORTEST <= expires_at <= now + LONGEST:
        raise invalid("expires_at", "from 30 minutes to 24 hours after creation")
    addresses = {name: _address(params, name) for name in ("success_url", "cancel_url")}
    if not addresses["success_url"]:
        raise missing("success_url")
    id = new_id("cs_test", 58)
    email = forms.text(params, "customer_email")
    session = (
        _blank()
        | addresses
        | {
            "id": id,
            "amount_subtotal": total,
            "amount_total": total,
            "client_reference_id": forms.text(params, "client_reference_id"),
            "created": now,
            "customer_details": _customer(email) if email else None,
            "customer_email": email,
            "expires_at": expires_at,
            "locale": forms.text(params, "locale"),
            "metadata": forms.metadata(params),
            "payment_method_options": options,
            "payment_method_types": methods,
            "submit_type": forms.text(params, "submit_type"),
            "url": f"{state.base_url}/c/pay/{id}",
        }
    )
    return state.add(session, {"lines": lines, "data": data})


def _line(line: dict, name: str) -> dict:
    if not isinstance(line, dict) or "price_data" not in line:
        raise missing(f"{name}[price_data]")
    price = forms.branch(line, "price_data")
    forms.currency(price)
    label = forms.text(forms.branch(price, "product_data"), "name")
    if not label:
        raise missing(f"{name}[price_data][product_data][name]")
    unit = forms.integer(price, "unit_amount", required=True)
    quantity = forms.integer(line, "quantity", required=True)
    if unit < 0 or quantity < 1:
        raise invalid(name, "a price from 0 and a quantity from 1 are expected", "parameter_invalid_integer")
    amount = unit * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": "cad",
        "description": label,
        "metadata": forms.metadata(line),
        "price": None,
        "quantity": quantity,
    }


def _intent_data(asked: dict) -> dict:
    if unknown := set(asked) - DATA:
        raise invalid("payment_intent_data", f"the stand-in does not know {', '.join(sorted(unknown))}")
    return {name: forms.text(asked, name) for name in DATA - {"metadata"}} | {"metadata": forms.metadata(asked)}


def _options(asked: dict, methods: list[str]) -> dict:
    """What the answer repeats. A pre-authorized debit needs its mandate's schedule and kind of account."""
    options = {}
    if "card" in methods:
        options["card"] = {"request_three_d_secure": "automatic"}
    if "acss_debit" in methods:
        name = "payment_method_options[acss_debit]"
        debit = forms.branch(asked, "acss_debit")
        mandate = forms.branch(debit, "mandate_options")
        schedule = forms.choice(mandate, "payment_schedule", SCHEDULES)
        kind = forms.choice(mandate, "transaction_type", ("business", "personal"))
        described = forms.text(mandate, "interval_description")
        if not schedule or not kind:
            raise missing(f"{name}[mandate_options][{'transaction_type' if schedule else 'payment_schedule'}]")
        if schedule != "sporadic" and not described:
            raise missing(f"{name}[mandate_options][interval_description]")
        options["acss_debit"] = {
            "currency": forms.text(debit, "currency", default="cad"),
            "mandate_options": {
                "interval_description": described,
                "payment_schedule": schedule,
                "transaction_type": kind,
            },
            "verification_method": forms.text(debit, "verification_method", default="automatic"),
        }
    return options


def _address(params: dict, name: str) -> str | None:
    address = forms.text(params, name)
    if address and not address.startswith(("http://", "https://")):
        raise invalid(name, "an absolute http(s) address is expected", "url_invalid")
    return address


def _customer(email: str) -> dict:
    absent = dict.fromkeys(("address", "business_name", "individual_name", "name", "phone"))
    return absent | {"email": email, "tax_exempt": "none", "tax_ids": []}


def _blank() -> dict:
    absent = (
        "after_expiration allow_promotion_codes billing_address_collection client_secret collected_information consent "
        "consent_collection currency_conversion customer invoice origin_context payment_intent payment_link "
        "payment_method_configuration_details permissions recovered_from saved_payment_method_options setup_intent "
        "shipping_address_collection shipping_cost subscription"
    )
    return dict.fromkeys(absent.split()) | {
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "branding_settings": {
            "background_color": "#ffffff",
            "border_style": "rounded",
            "button_color": "#095797",
            "display_name": "Simulateur",
            "font_family": "default",
            "icon": None,
            "logo": None,
        },
        "currency": "cad",
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": "if_required",
        "discounts": [],
        "excluded_payment_method_types": [],
        "invoice_creation": None,
        "livemode": False,
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "redirect_on_completion": "always",
        "shipping_options": [],
        "status": "open",
        "tax_id_collection": {"enabled": False, "required": "never"},
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "wallet_options": None,
    }


def retrieve(state: State, params: dict, id: str) -> dict:
    expire_due(state)
    return state.get(id, "checkout.session", param="session")


def index(state: State, params: dict) -> dict:
    expire_due(state)
    equal = {name: forms.text(params, name) for name in ("payment_intent", "status")}
    return page(state, "checkout.session", params, "/v1/checkout/sessions", equal)


def list_lines(state: State, params: dict, id: str) -> dict:
    return _lines_of(state, state.get(id, "checkout.session", param="session"))


def expire(state: State, params: dict, id: str) -> dict:
    expire_due(state)
    session = state.get(id, "checkout.session", param="session")
    if session["status"] != "open":
        raise Refused(f"Only an open session can be expired; this one is {session['status']}.", param="session")
    return _expired(state, session)


def expire_due(state: State) -> None:
    """Close the sessions whose time has come: Stripe does it without being asked."""
    for session in list(state.of_kind("checkout.session", status="open")):
        if session["expires_at"] <= state.now():
            _expired(state, session)


def _expired(state: State, session: dict) -> dict:
    session |= {"status": "expired", "url": None}
    state.save(session)
    emit(state, "checkout.session.expired", session)
    return session


def _lines_of(state: State, session: dict) -> dict:
    lines = state.hidden(session["id"])["lines"]
    return collection(lines, f"/v1/checkout/sessions/{session['id']}/line_items")


ON_DEMAND["checkout.session", "line_items"] = _lines_of


# --- What the payer, or their bank, does -----------------------------------------------------------------------------
def pay(state: State, id: str, how: str, settles: dict | None = None) -> dict:
    """The payer's choice: ``card``, ``declined`` (a refused card) or ``debit`` (settled later). Raises `Refused`.

    ``settles`` is ``{"at": seconds, "ok": bool}`` when a debit must settle by itself.
    """
    expire_due(state)
    session = state.get(id, "checkout.session", param="session")
    method = {"card": "card", "declined": "card", "debit": "acss_debit"}.get(how)
    if session["status"] != "open":
        raise Refused(f"This session is {session['status']}.", code="session_not_open")
    if method not in session["payment_method_types"]:
        raise Refused(f"This session does not take payment by {method or how}.")
    intent = _intent_of(state, session)
    if how == "declined":
        charges.fail(state, intent, charges.new_charge(state, intent, method, "failed"), charges.DECLINED)
        return session
    charge = charges.new_charge(state, intent, method, "pending" if how == "debit" else "succeeded")
    session |= {"status": "complete", "url": None}
    session["customer_details"] = session["customer_details"] or _customer("payeur@example.org")
    if how == "debit":
        intent |= {"status": "processing", "latest_charge": charge["id"], "payment_method": charge["payment_method"]}
        state.save(intent)
        state.save(session)
        state.hide(id, settles=settles)
        emit(state, "charge.pending", charge)
        emit(state, "payment_intent.processing", intent)
    else:
        session["payment_status"] = "paid"
        state.save(session)
        charges.succeed(state, intent, charge)
    emit(state, "checkout.session.completed", session)
    return session


def _intent_of(state: State, session: dict) -> dict:
    """The session's payment intent; Stripe makes it at the first attempt to pay, not before."""
    if session["payment_intent"]:
        return state.get(session["payment_intent"], "payment_intent")
    data = state.hidden(session["id"])["data"]
    intent = charges.new_intent(state, session["amount_total"], session["payment_method_types"], data)
    session["payment_intent"] = intent["id"]
    state.save(session)
    return intent


def settle(state: State, id: str, ok: bool) -> dict:
    """The bank's answer to a debit, some days later: paid, or refused."""
    session = state.get(id, "checkout.session")
    intent = state.find(session["payment_intent"] or "", "payment_intent")
    if not intent or intent["status"] != "processing":
        raise Refused("No debit is waiting for its bank on this session.")
    charge = state.get(intent["latest_charge"], "charge")
    state.hide(id, settles=None)
    if ok:
        charges.succeed(state, intent, charge)
        session["payment_status"] = "paid"
        state.save(session)
        emit(state, "checkout.session.async_payment_succeeded", session)
    else:
        charges.fail(state, intent, charge, charges.DEBIT_FAILED)
        emit(state, "checkout.session.async_payment_failed", session)
    return session


def settle_due(state: State) -> None:
    """Settle the debits of the hosted page whose delay is over."""
    for intent in list(state.of_kind("payment_intent", status="processing")):
        for session in list(state.of_kind("checkout.session", payment_intent=intent["id"])):
            due = state.hidden(session["id"]).get("settles")
            if due and due["at"] <= state.now():
                settle(state, session["id"], due["ok"])
