"""Connected accounts: creation, onboarding links, what a verified or a restricted account looks like."""

from tools.stripe_standin import forms
from tools.stripe_standin.errors import Refused, invalid
from tools.stripe_standin.listing import collection, page
from tools.stripe_standin.state import State, new_id
from tools.stripe_standin.webhooks import emit

LINK_LASTS = 300
FIRST_DUE = ["business_type", "external_account", "tos_acceptance.date", "tos_acceptance.ip"]
INCOMPLETE_DUE = ["external_account"]
NO_REQUIREMENT: dict = {
    "alternatives": [],
    "current_deadline": None,
    "currently_due": [],
    "disabled_reason": None,
    "errors": [],
    "eventually_due": [],
    "past_due": [],
    "pending_verification": [],
}
CONTROLLERS = {
    "express": ("application_express", "application", "stripe", "express"),
    "custom": ("application_custom", "application", "application", "none"),
    "standard": ("account", "stripe", "stripe", "full"),
}
WATCHED = ("capabilities", "charges_enabled", "details_submitted", "payouts_enabled", "requirements")


# --- What the API answers --------------------------------------------------------------------------------------------
def create(state: State, params: dict) -> dict:
    kind, controller = _controller(params)
    country = forms.text(params, "country", default="CA").upper()
    if country != "CA":
        raise invalid("country", "the stand-in only opens accounts in CA", "country_unsupported")
    asked = forms.branch(params, "capabilities")
    capabilities = {name: "inactive" for name in asked if forms.boolean(forms.branch(asked, name), "requested")}
    id = new_id("acct", 16)
    account = {
        "id": id,
        "object": "account",
        "business_profile": _profile(forms.branch(params, "business_profile")),
        "business_type": forms.text(params, "business_type"),
        "capabilities": capabilities,
        "charges_enabled": False,
        "controller": controller,
        "country": country,
        "created": state.now(),
        "default_currency": "cad",
        "details_submitted": False,
        "email": forms.text(params, "email"),
        "external_accounts": collection([], f"/v1/accounts/{id}/external_accounts"),
        "future_requirements": dict(NO_REQUIREMENT),
        "metadata": forms.metadata(params),
        "payouts_enabled": False,
        "requirements": NO_REQUIREMENT
        | {
            "currently_due": FIRST_DUE,
            "disabled_reason": "requirements.past_due",
            "eventually_due": FIRST_DUE,
            "past_due": FIRST_DUE,
        },
        "settings": _settings(),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": kind,
    }
    return state.add(account)


def _controller(params: dict) -> tuple[str, dict]:
    """The account's type and its controller, from ``type`` or from ``controller[…]``."""
    if "controller" in params:
        if "type" in params:
            raise invalid("type", "not together with controller")
        asked = forms.branch(params, "controller")
        parts = (
            forms.text(forms.branch(asked, "fees"), "payer", default="account"),
            forms.text(forms.branch(asked, "losses"), "payments", default="stripe"),
            forms.text(asked, "requirement_collection", default="stripe"),
            forms.text(forms.branch(asked, "stripe_dashboard"), "type", default="full"),
        )
        express = parts == ("application", "application", "stripe", "express")
        kind = "express" if express else "standard" if parts == CONTROLLERS["standard"] else "none"
    else:
        kind = forms.choice(params, "type", CONTROLLERS, required=True)
        parts = CONTROLLERS[kind]
    payer, payments, collection_by, dashboard = parts
    return kind, {
        "fees": {"payer": payer},
        "is_controller": True,
        "losses": {"payments": payments},
        "requirement_collection": collection_by,
        "stripe_dashboard": {"type": dashboard},
        "type": "application",
    }


def _profile(asked: dict) -> dict:
    names = ("mcc", "name", "product_description", "support_email", "support_phone", "support_url", "url")
    return {name: forms.text(asked, name) for name in names} | {"support_address": None}


def _settings() -> dict:
    empty = {"statement_descriptor": None, "statement_descriptor_kana": None, "statement_descriptor_kanji": None}
    return {
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_payments": {"statement_descriptor_prefix": None},
        "dashboard": {"display_name": None, "timezone": "America/Toronto"},
        "payments": empty,
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 7, "interval": "daily"},
            "statement_descriptor": None,
        },
    }


def retrieve(state: State, params: dict, id: str) -> dict:
    account = state.find(id, "account")
    if account is None:
        # Stripe does not say whether a foreign account exists.
        why = f"The key has no access to account '{id}' (or it does not exist)."
        raise Refused(why, status=403, code="account_invalid")
    return account


def update(state: State, params: dict, id: str) -> dict:
    account = retrieve(state, params, id)
    if "metadata" in params:
        sent = forms.branch(params, "metadata")
        account["metadata"] = {k: v for k, v in (account["metadata"] | sent).items() if v} if sent else {}
    if "email" in params:
        account["email"] = forms.text(params, "email")
    for name in forms.branch(params, "capabilities"):
        account["capabilities"].setdefault(name, "inactive")
    return state.save(account)


def index(state: State, params: dict) -> dict:
    return page(state, "account", params, "/v1/accounts", {})


def create_link(state: State, params: dict) -> dict:
    id = forms.text(params, "account", required=True)
    account = state.get(id, "account", param="account", status=400)
    kind = forms.choice(params, "type", ("account_onboarding", "account_update"), required=True)
    if kind == "account_update" and account["controller"]["requirement_collection"] == "stripe":
        raise invalid("type", "this account only takes account_onboarding links")
    pages = {name: forms.text(params, name, required=True) for name in ("refresh_url", "return_url")}
    token = new_id("link", 32)
    expires_at = state.now() + LINK_LASTS
    state.add(
        {"id": token, "object": "_account_link", "created": state.now()},
        {"account": id, "expires_at": expires_at, "opened": False, "used": False} | pages,
    )
    url = f"{state.base_url}/setup/e/{id}/{token}"
    return {"object": "account_link", "created": state.now(), "expires_at": expires_at, "url": url}


def create_login_link(state: State, params: dict, id: str) -> dict:
    account = retrieve(state, params, id)
    if account["controller"]["stripe_dashboard"]["type"] != "express":
        raise Refused("Login links are for accounts with the Express dashboard.")
    if not account["details_submitted"]:
        raise Refused("This account has not finished its onboarding.", code="account_invalid")
    return {"object": "login_link", "created": state.now(), "url": f"{state.base_url}/express/{id}"}


# --- What the account's holder, or Stripe's review, does -------------------------------------------------------------
def complete(state: State, id: str) -> dict:
    """The holder gave everything: transfers and payouts work."""

    def change(account):
        account["capabilities"] = dict.fromkeys(account["capabilities"], "active")
        account["charges_enabled"] = "card_payments" in account["capabilities"]
        account["details_submitted"] = account["payouts_enabled"] = True
        account["business_type"] = account["business_type"] or "company"
        account["requirements"] = dict(NO_REQUIREMENT)

    return _changed(state, id, change)


def leave_incomplete(state: State, id: str) -> dict:
    """The holder stopped half-way: a bank account is still due."""

    def change(account):
        account["requirements"] = NO_REQUIREMENT | {
            "currently_due": INCOMPLETE_DUE,
            "disabled_reason": "requirements.past_due",
            "eventually_due": INCOMPLETE_DUE,
            "past_due": INCOMPLETE_DUE,
        }

    return _changed(state, id, change)


def restrict(state: State, id: str, reason: str = "requirements.past_due") -> dict:
    """Stripe asks for a document again: no transfer, no payout until it is given."""

    def change(account):
        due = ["company.verification.document"]
        account["capabilities"] = dict.fromkeys(account["capabilities"], "inactive")
        account["charges_enabled"] = account["payouts_enabled"] = False
        account["requirements"] = NO_REQUIREMENT | {
            "currently_due": due,
            "disabled_reason": reason,
            "eventually_due": due,
            "past_due": due,
        }

    return _changed(state, id, change)


def _changed(state: State, id: str, change) -> dict:
    account = state.get(id, "account")
    before = {name: account[name] for name in WATCHED}
    change(account)
    previous = {name: value for name, value in before.items() if account[name] != value}
    state.save(account)
    emit(state, "account.updated", account, account=id, previous=previous)
    return account


def link_opened(state: State, token: str, id: str, at: int) -> dict | None:
    """Open a link: what it hides, None when unknown; ``expired`` is true the second time, or too late."""
    link = state.hidden(token)
    if link.get("account") != id:
        return None
    expired = link["opened"] or at >= link["expires_at"]
    state.hide(token, opened=True)
    return link | {"expired": expired}


def link_used(state: State, token: str, id: str) -> dict | None:
    """Answer the page: None when the link is unknown, never opened, or already answered."""
    link = state.hidden(token)
    if link.get("account") != id or not link["opened"] or link["used"]:
        return None
    state.hide(token, used=True)
    return link
