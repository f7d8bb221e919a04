"""Contracts at each stage, made through the public verbs with the people of tests/cast.py."""

from datetime import date, datetime, timedelta

from contracts.agreement import draft_actions, signature_actions
from contracts.deliveries import actions as delivery_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, Invoice, Milestone, Signatory
from marketplace.dates import clock
from tests.cast import CLOSES_AT
from tests.kept import kept
from vendors.models import TaxRegistration

SIGNED_AT = CLOSES_AT + timedelta(days=3)  # vendredi 27 novembre 2026
TPS, TVQ = "123456789 RT0001", "1234567890 TQ0001"
DELIVERED_AT = datetime.fromisoformat("2026-12-14T15:00:00+00:00")
ACCEPTED_AT = datetime.fromisoformat("2026-12-16T15:00:00+00:00")
INVOICED_AT = datetime.fromisoformat("2026-12-17T15:00:00+00:00")


def plan(*amounts: int) -> list[dict]:
    """Milestones of these amounts (cents), a week apart, with two criteria each."""
    return [
        {
            "title": f"Jalon {rank}",
            "description": "Le code et sa documentation.",
            "criteria": ["Les tests passent.", "La documentation est à jour."],
            "amount_cents": amount,
            "due_date": date(2026, 12, 15) + timedelta(days=7 * rank),
        }
        for rank, amount in enumerate(amounts)
    ]


# What an officer types to go on with an attestation that nobody verified.
UNVERIFIED = "Le service de Revenu Québec ne répond pas aujourd’hui."


@kept
def signatories(cast) -> None:
    """Both officers may sign any contract of the body."""
    for person in (cast.officer, cast.second_officer):
        Signatory.objects.get_or_create(
            body=cast.body, user=person,
            defaults={"title": "Directrice des contrats", "limit_cents": 90_000_00, "named_at": CLOSES_AT},
        )  # fmt: skip


@kept
def draft(cast, *, at=SIGNED_AT, amounts=None, holdback=0, **occasion) -> Contract:
    """A contract in preparation, by default 64 000 $ (the cast's fixed price) in two milestones."""
    opportunity, _proposals = cast.awarded(**occasion)
    signatories(cast)
    with clock.set_to(at):
        contract = draft_actions.start(opportunity, by=cast.buyer)
        value = contract.amount_cents
        lines = plan(*(amounts or (value // 4, value - value // 4)))
        fields = {
            "start_date": date(2026, 12, 1), "end_date": date(2027, 3, 31), "holdback_percent": holdback,
            "repository": "https://git.exemple.invalid/atelier/ponts",
        }  # fmt: skip
        draft_actions.edit(contract, by=cast.buyer, fields=fields, plan=lines)
    return contract


@kept
def offered(cast, *, at=SIGNED_AT, **fields) -> Contract:
    contract = draft(cast, at=at, **fields)
    with clock.set_to(at):
        signature_actions.offer(contract, by=cast.officer)
    return contract


@kept
def vendor_signed(cast, *, at=SIGNED_AT, **fields) -> Contract:
    contract = offered(cast, at=at, **fields)
    with clock.set_to(at):
        signature_actions.sign_as_vendor(
            contract, by=owner(contract), text_sha256=contract.text_sha256, title="Présidente", method="password",
            integrity=True,
        )  # fmt: skip
    return contract


@kept
def active(cast, *, at=SIGNED_AT, **fields) -> Contract:
    """A concluded contract; the vendor is registered for taxes, its attestation verified."""
    contract = vendor_signed(cast, at=at, **fields)
    verified(contract, cast.officer)
    with clock.set_to(at):
        signature_actions.sign(contract, by=cast.officer, text_sha256=contract.text_sha256, method="password")
    register(contract)
    return contract


def verified(contract, by) -> None:
    """Whatever attestation the vendor has was looked up at Revenu Québec."""
    contract.vendor.attestations.filter(verified_at=None).update(verified_by=by, verified_at=SIGNED_AT)


def owner(contract):
    return contract.vendor.memberships.filter(role="owner").earliest("pk").user


@kept
def register(contract, *, small_supplier=False) -> TaxRegistration:
    numbers = {} if small_supplier else {"tps_number": TPS, "tvq_number": TVQ}
    return TaxRegistration.objects.get_or_create(
        vendor=contract.vendor,
        defaults={"small_supplier": small_supplier, "by": owner(contract), "at": SIGNED_AT, **numbers},
    )[0]


def milestone(contract, position=1) -> Milestone:
    return contract.milestones.get(position=position)


@kept
def delivered(contract, position=1, *, at=DELIVERED_AT, archive=None) -> Milestone:
    row = milestone(contract, position)
    with clock.set_to(at):
        delivery_actions.deliver(
            row, by=owner(contract), notes="Version 1.0, prête à vérifier.", reference="v1.0",
            repository="https://git.exemple.invalid/atelier/ponts", archive=archive,
        )  # fmt: skip
    return row


def all_met(row: Milestone) -> dict:
    return {criterion.pk: (True, "") for criterion in row.criteria.all()}


@kept
def accepted(cast, contract, position=1, *, at=ACCEPTED_AT, archive=None) -> Milestone:
    """Accepted by the buyer: the officer may then pay it."""
    row = delivered(contract, position, archive=archive)
    with clock.set_to(at):
        delivery_actions.accept(row, by=cast.buyer, checks=all_met(row))
    return row


@kept
def invoiced(cast, contract, position=1, *, at=INVOICED_AT) -> Invoice:
    row = accepted(cast, contract, position)
    with clock.set_to(at):
        return invoice_actions.issue(row, by=owner(contract))
