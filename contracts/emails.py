"""One function per message about a contract. They only queue rows: safe inside the act's transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from contracts.models import Amendment, Contract, Delivery, Invoice, Performance
from marketplace.mail import outbox
from marketplace.models import User
from opportunities.emails import people


def vendor_people(contract: Contract) -> list[User]:
    """Those who commit the vendor."""
    rows = contract.vendor.memberships.filter(role__in=["owner", "admin"]).select_related("user").order_by("user_id")
    return [row.user for row in rows]


def body_people(contract: Contract, *roles: str, but: Iterable[User | None] = ()) -> list[User]:
    """The body's people who hold one of these roles, once each."""
    persons = {person for role in roles for person in people(contract.opportunity, role, but=but)}
    return sorted(persons, key=lambda person: person.pk)


def tell(persons: Iterable[User], template: str, contract: Contract, *, at: datetime, **context: Any) -> None:
    for person in persons:
        outbox.queue(template, to=person, at=at, contract=contract, **context)


def offered(contract: Contract, *, at: datetime) -> None:
    tell(vendor_people(contract), "emails/contract_offered.txt", contract, at=at)


def terms_refused(contract: Contract, *, at: datetime) -> None:
    tell(body_people(contract, "buyer", "officer"), "emails/contract_terms_refused.txt", contract, at=at)


def offer_withdrawn(contract: Contract, *, at: datetime) -> None:
    tell(vendor_people(contract), "emails/contract_withdrawn.txt", contract, at=at)


def vendor_signed(contract: Contract, *, at: datetime) -> None:
    tell(body_people(contract, "officer"), "emails/contract_to_sign.txt", contract, at=at)


def concluded(contract: Contract, *, at: datetime) -> None:
    both = vendor_people(contract) + body_people(contract, "buyer", "officer")
    tell(dict.fromkeys(both), "emails/contract_concluded.txt", contract, at=at)


def delivered(delivery: Delivery, *, at: datetime) -> None:
    contract = delivery.contract
    tell(body_people(contract, "buyer"), "emails/milestone_delivered.txt", contract, at=at, delivery=delivery)


def accepted(delivery: Delivery, *, at: datetime) -> None:
    tell(vendor_people(delivery.contract), "emails/milestone_accepted.txt", delivery.contract, at=at, delivery=delivery)


def returned(delivery: Delivery, *, at: datetime) -> None:
    tell(vendor_people(delivery.contract), "emails/milestone_returned.txt", delivery.contract, at=at, delivery=delivery)


def invoiced(invoice: Invoice, *, at: datetime) -> None:
    tell(
        body_people(invoice.contract, "officer", but=[invoice.accepted_by]),
        "emails/invoice_issued.txt",
        invoice.contract,
        at=at,
        invoice=invoice,
    )


# --- Amendments ------------------------------------------------------------------------------------------------------
def amendment_proposed(amendment: Amendment, *, at: datetime) -> None:
    second = body_people(amendment.contract, "officer", but=[amendment.proposed_by])
    tell(second, "emails/amendment_to_approve.txt", amendment.contract, at=at, amendment=amendment)


def amendment_approved(amendment: Amendment, *, at: datetime) -> None:
    tell(
        vendor_people(amendment.contract),
        "emails/amendment_to_accept.txt",
        amendment.contract,
        at=at,
        amendment=amendment,
    )


def amendment_in_force(amendment: Amendment, *, at: datetime) -> None:
    contract = amendment.contract
    both = vendor_people(contract) + body_people(contract, "buyer", "officer")
    tell(dict.fromkeys(both), "emails/amendment_in_force.txt", contract, at=at, amendment=amendment)


def amendment_refused(amendment: Amendment, *, by: User, at: datetime) -> None:
    """Those of the body who did not refuse it; the vendor, when it refused, knows."""
    persons = body_people(amendment.contract, "buyer", "officer", but=[by])
    tell(persons, "emails/amendment_refused.txt", amendment.contract, at=at, amendment=amendment)


def amendment_withdrawn(amendment: Amendment, *, by: User, at: datetime) -> None:
    """Whose turn it was."""
    contract = amendment.contract
    waited = vendor_people(contract) if amendment.approved_by_id else body_people(contract, "officer", but=[by])
    tell(waited, "emails/amendment_withdrawn.txt", contract, at=at, amendment=amendment)


# --- The end ---------------------------------------------------------------------------------------------------------
def ended(contract: Contract, *, at: datetime) -> None:
    both = vendor_people(contract) + body_people(contract, "buyer", "officer")
    tell(dict.fromkeys(both), "emails/contract_ended.txt", contract, at=at)


def terminated(contract: Contract, *, at: datetime) -> None:
    both = vendor_people(contract) + body_people(contract, "buyer", "officer")
    tell(dict.fromkeys(both), "emails/contract_terminated.txt", contract, at=at)


def performance_evaluated(performance: Performance, *, at: datetime) -> None:
    contract = performance.contract
    tell(vendor_people(contract), "emails/performance_evaluated.txt", contract, at=at, performance=performance)


def performance_replied(performance: Performance, *, at: datetime) -> None:
    contract = performance.contract
    persons = dict.fromkeys([performance.by, *body_people(contract, "officer")])
    tell(persons, "emails/performance_replied.txt", contract, at=at, performance=performance)
