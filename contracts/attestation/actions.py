"""The attestation of Revenu Québec that a contract rests on: verified, or gone on with for a reason that is kept.

The reason is kept in the ledger's entry of the act (the body's signature, its approval of an amendment that raises the
value, a payment), once for an attestation and a contract; a detail that was erased is a reason to ask again.
"""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from contracts import history, rules
from contracts.models import Amendment, Contract, Payment
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger.entries import LedgerPayload
from marketplace.lifecycle import IllegalMove, locked
from marketplace.models import User
from vendors.eligibility import actions as eligibility
from vendors.eligibility.actions import Standing


def standing(contract: Contract, *, at: datetime, more_cents: int = 0) -> Standing:
    """Whether the vendor may contract, and be paid, for what the contract is worth that day.

    more_cents: what an amendment would add to it.
    """
    case = eligibility.Case(contract.vendor, contract.value_cents + more_cents)
    return eligibility.standings([case], on=local(at).date())[0]


def justification(contract: Contract, standing: Standing) -> LedgerPayload | None:
    """The last act that went on with this very attestation, for this contract, and said why; None otherwise."""
    paper = standing.attestation
    if paper is None or not standing.unverified:
        return None
    payments = Payment.objects.filter(invoice__contract=contract).only("public_id")
    amendments = contract.amendments.only("number", "contract")
    subjects = [contract.ledger_subject(), *(row.ledger_subject() for row in (*payments, *amendments))]
    acts = LedgerPayload.objects.filter(subject__in=subjects, body__attestation=paper.number)
    acts = acts.filter(body__has_key="unverified_reason", entry__at__gte=paper.at)
    return acts.select_related("entry", "actor").order_by("entry__seq").last()


def reason_kept(contract: Contract, reason: str, *, at: datetime) -> dict[str, str]:
    """What the ledger keeps of an act that goes on with the vendor's attestation as it is at this instant.

    Nothing when it is verified, not required, or justified before. ValidationError at `unverified_reason`.
    """
    return _kept(contract, standing(contract, at=at), reason)


def raise_of(amendment: Amendment, *, at: datetime) -> Standing | None:
    """The vendor's standing for what an amendment would make the contract worth; None when it adds nothing to it."""
    if amendment.delta_cents <= 0:
        return None
    return standing(amendment.contract, at=at, more_cents=amendment.delta_cents)


def raise_reason_kept(amendment: Amendment, reason: str, *, at: datetime) -> dict[str, str]:
    """As `reason_kept`, of the body's approval of an amendment: nothing either when the value does not go up."""
    found = raise_of(amendment, at=at)
    return _kept(amendment.contract, found, reason) if found else {}


def told(amendment: Amendment) -> str:
    """Why this amendment was approved although nobody had verified the attestation; "" when there is no such reason."""
    acts = LedgerPayload.objects.filter(subject=amendment.ledger_subject(), body__has_key="unverified_reason")
    payload = acts.order_by("entry__seq").last()
    return history.unverified(payload.body) if payload else ""


def _kept(contract: Contract, found: Standing, reason: str) -> dict[str, str]:
    return {} if justification(contract, found) else eligibility.reason_kept(found, reason)


def verify(contract: Contract, *, by: User, shown: str) -> None:
    """An officer says that Revenu Québec knows the attestation that was on the screen (its public identifier).

    Raises PermissionDenied or IllegalMove.
    """
    with transaction.atomic():
        row = locked(contract)
        if not rules.is_officer(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.is_void:
            raise IllegalMove(_("L’attribution a été annulée : ce contrat est sans effet."))
        subject = row.award.proposal.ledger_subject()  # as before the award: the public reads nothing of it
        eligibility.verify(row.vendor, shown=shown, by=by, at=clock.now(), subject=subject)
