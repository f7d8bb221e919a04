"""Who may do what after the award: sentences, (object, user) -> bool. `None` is the system.

The object is a contract, or something that has `.contract`: rules know no model.
"""

from typing import Any

from marketplace.accounts.person import Visitor
from opportunities import rules as occasion
from vendors import rules as vendor


def _contract(thing: Any) -> Any:
    return getattr(thing, "contract", thing)


def _key(user: Visitor | None) -> int | None:
    return user.pk if user else None


def is_system(thing: Any, user: Visitor | None) -> bool:
    return user is None


def is_buyer(thing: Any, user: Visitor | None) -> bool:
    """A buyer of the body, without a tie to a vendor that answered."""
    return occasion.can_recommend(_contract(thing).opportunity, user)


def is_officer(thing: Any, user: Visitor | None) -> bool:
    """An officer of the body, without a tie."""
    return occasion.can_oversee(_contract(thing).opportunity, user)


def works_there(thing: Any, user: Visitor | None) -> bool:
    return occasion.works_there(_contract(thing).opportunity, user)


def is_vendor_person(thing: Any, user: Visitor | None) -> bool:
    """Any person of the vendor: reads everything of its contracts."""
    return vendor.is_member(_contract(thing).vendor, user)


def binds_vendor(thing: Any, user: Visitor | None) -> bool:
    """Owners and administrators of the vendor, unless they also work for the body: nobody sits on both sides."""
    contract = _contract(thing)
    return vendor.may_bind(contract.vendor, user) and not occasion.works_there(contract.opportunity, user)


def is_party(thing: Any, user: Visitor | None) -> bool:
    return works_there(thing, user) or is_vendor_person(thing, user)


def reads_all(thing: Any, user: Visitor | None) -> bool:
    """The parties and auditors read deliveries, files and documents; the public reads the rest."""
    return is_party(thing, user) or bool(user and user.is_authenticated and user.is_active and user.is_auditor)


def can_prepare(thing: Any, user: Visitor | None) -> bool:
    return is_buyer(thing, user) or is_officer(thing, user)


def _signs_for(contract: Any, user: Visitor | None, value_cents: int) -> bool:
    named = contract.body.signatories.filter(user=_key(user), ended_at=None)
    return bool(named.filter(limit_cents__gte=value_cents).exists())


def can_sign(thing: Any, user: Visitor | None) -> bool:
    """An officer named signatory, for a limit that covers the contract's value."""
    contract = _contract(thing)
    return is_officer(contract, user) and _signs_for(contract, user, contract.value_cents)


def can_pay(invoice: Any, user: Visitor | None) -> bool:
    """An officer who accepted nothing of what the invoice is for: one person never does both."""
    if not is_officer(invoice, user) or _key(user) == invoice.accepted_by_id:
        return False
    return invoice.kind != "holdback" or not invoice.contract.milestones.filter(accepted_by=user).exists()


def can_pay_payment(payment: Any, user: Visitor | None) -> bool:
    return can_pay(payment.invoice, user)


def can_reverse(payment: Any, user: Visitor | None) -> bool:
    """A second officer, after a first one asked for it."""
    return is_officer(payment, user) and _key(user) != payment.reversal_requested_by_id


def can_approve(amendment: Any, user: Visitor | None) -> bool:
    """A signatory who did not propose it, for a limit that covers the contract's value as it becomes."""
    if not is_officer(amendment, user) or _key(user) == amendment.proposed_by_id:
        return False
    return _signs_for(amendment.contract, user, amendment.contract.value_cents + max(amendment.delta_cents, 0))


def can_answer_amendment(amendment: Any, user: Visitor | None) -> bool:
    """Whoever's turn it is: a second officer, then the vendor."""
    if amendment.state == "proposed":
        return can_approve(amendment, user)
    return binds_vendor(amendment, user)


def can_withdraw_amendment(amendment: Any, user: Visitor | None) -> bool:
    return is_officer(amendment, user) or (is_buyer(amendment, user) and _key(user) == amendment.proposed_by_id)


def can_reuse(body: Any, user: Visitor | None) -> bool:
    """People of a public body say what it reuses."""
    return bool(occasion.roles_in(user, body.pk))
