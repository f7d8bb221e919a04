"""What Stripe's objects are here: small values, read from the dicts that Stripe answers. No library, no network.

Amounts are integer cents, instants aware UTC. Of what an object carries in `metadata`, only our own names are kept.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

OURS = ("payment", "invoice", "milestone", "contract", "vendor")


@dataclass(frozen=True)
class Account:
    id: str
    details_submitted: bool
    transfers_active: bool
    payouts_enabled: bool
    requirements: tuple[str, ...]
    disabled_reason: str


@dataclass(frozen=True)
class Charge:
    """status: succeeded, pending or failed."""

    id: str
    amount_cents: int
    currency: str
    status: str
    created: datetime
    metadata: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Intent:
    """status: Stripe's, of which `succeeded` and `processing` matter. `charge`: the last try."""

    id: str
    amount_cents: int
    currency: str
    status: str
    metadata: dict[str, str] = field(hash=False)
    charge: Charge | None = None


@dataclass(frozen=True)
class Session:
    """A Checkout page. status: open, complete or expired; `intent` is known from the first try on."""

    id: str
    status: str
    url: str
    amount_cents: int
    currency: str
    metadata: dict[str, str] = field(hash=False)
    intent: Intent | None = None


@dataclass(frozen=True)
class Reversal:
    id: str
    amount_cents: int


@dataclass(frozen=True)
class Transfer:
    id: str
    amount_cents: int
    currency: str
    destination: str
    charge: str
    reversed_cents: int
    created: datetime
    metadata: dict[str, str] = field(hash=False)
    reversals: tuple[Reversal, ...] = ()


@dataclass(frozen=True)
class Refund:
    """status: succeeded, pending, requires_action, failed or canceled."""

    id: str
    charge: str
    amount_cents: int
    status: str
    created: datetime
    metadata: dict[str, str] = field(hash=False)

    @property
    def stands(self) -> bool:
        return self.status not in {"failed", "canceled"}


@dataclass(frozen=True)
class Dispute:
    id: str
    charge: str
    status: str
    amount_cents: int
    due_at: datetime | None


@dataclass(frozen=True)
class Event:
    """What a webhook said. `object_id` and the ids in `about` name what to ask Stripe for again."""

    id: str
    type: str
    account: str
    created: datetime
    object_id: str
    about: dict[str, Any] = field(hash=False)


# --- Reading them -----------------------------------------------------------------------------------------------------
def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def identifier(value: Any) -> str:
    """An id, whether Stripe gave the id or the whole object."""
    return (value["id"] if isinstance(value, dict) else value) or ""


def metadata(body: dict[str, Any]) -> dict[str, str]:
    return {name: text for name, text in (body.get("metadata") or {}).items() if name in OURS}


def read_account(body: dict[str, Any]) -> Account:
    asked = body.get("requirements") or {}
    due = dict.fromkeys([*(asked.get("past_due") or []), *(asked.get("currently_due") or [])])
    return Account(
        id=body["id"],
        details_submitted=bool(body.get("details_submitted")),
        transfers_active=(body.get("capabilities") or {}).get("transfers") == "active",
        payouts_enabled=bool(body.get("payouts_enabled")),
        requirements=tuple(due),
        disabled_reason=asked.get("disabled_reason") or "",
    )


def read_session(body: dict[str, Any]) -> Session:
    intent = body.get("payment_intent")
    return Session(
        id=body["id"],
        status=body["status"],
        url=body.get("url") or "",
        amount_cents=body["amount_total"],
        currency=body["currency"],
        metadata=metadata(body),
        intent=read_intent(intent) if isinstance(intent, dict) else None,
    )


def read_intent(body: dict[str, Any]) -> Intent:
    last = body.get("latest_charge")
    return Intent(
        id=body["id"],
        amount_cents=body["amount"],
        currency=body["currency"],
        status=body["status"],
        metadata=metadata(body),
        charge=read_charge(last) if isinstance(last, dict) else None,
    )


def read_charge(body: dict[str, Any]) -> Charge:
    return Charge(
        body["id"], body["amount"], body["currency"], body["status"], instant(body["created"]), metadata(body)
    )


def read_transfer(body: dict[str, Any]) -> Transfer:
    return Transfer(
        id=body["id"],
        amount_cents=body["amount"],
        currency=body["currency"],
        destination=identifier(body.get("destination")),
        charge=identifier(body.get("source_transaction")),
        reversed_cents=body["amount_reversed"],
        created=instant(body["created"]),
        metadata=metadata(body),
        reversals=tuple(Reversal(each["id"], each["amount"]) for each in (body.get("reversals") or {}).get("data", [])),
    )


def read_refund(body: dict[str, Any]) -> Refund:
    return Refund(
        body["id"], identifier(body.get("charge")), body["amount"], body.get("status") or "", instant(body["created"]),
        metadata(body),
    )  # fmt: skip


def read_dispute(body: dict[str, Any]) -> Dispute:
    due = (body.get("evidence_details") or {}).get("due_by")
    return Dispute(body["id"], identifier(body.get("charge")), body["status"], body["amount"], due and instant(due))
