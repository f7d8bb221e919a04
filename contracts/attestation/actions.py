"""The attestation of Revenu Québec that a contract rests on: verified, or gone on with for a reason that is kept.

The reason is kept in the ledger's entry of the act (the body's signature, a payment), once for an attestation and a
contract; a detail that was erased is a reason to ask again.
"""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from contracts import rules
from contracts.models import Contract, Payment
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger.entries import LedgerPayload
from marketplace.lifecycle import IllegalMove, locked
from marketplace.models import User
from vendors.eligibility import actions as eligibility
from vendors.eligibility.actions import Standing


def standing(contract: Contract, *, at: datetime) -> Standing:
    """Whether the vendor may contract, and be paid, for what the contract is worth that day."""
    case = eligibility.Case(contract.vendor, contract.value_cents)
    return eligibility.standings([case], on=local(at).date())[0]


def justification(contract: Contract, standing: Standing) -> LedgerPayload | None:
    """The last act that went on with this very attestation, for this contract, and said why; None otherwise."""
    paper = standing.attestation
    if paper is None or not standing.unverified:
        return None
    payments = Payment.objects.filter(invoice__contract=contract).only("public_id")
    subjects = [contract.ledger_subject(), *(payment.ledger_subject() for payment in payments)]
    acts = LedgerPayload.objects.filter(subject__in=subjects, body__attestation=paper.number)
    acts = acts.filter(body__has_key="unverified_reason", entry__at__gte=paper.at)
    return acts.select_related("entry", "actor").order_by("entry__seq").last()


def reason_kept(contract: Contract, reason: str, *, at: datetime) -> dict[str, str]:
    """What the ledger keeps of an act that goes on with the vendor's attestation as it is at this instant.

    Nothing when it is verified, not required, or justified before. ValidationError at `unverified_reason`.
    """
    found = standing(contract, at=at)
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
