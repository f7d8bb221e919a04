"""Conformity and scores: the buyer's verbs on opened proposals, with what they tell."""

from decimal import Decimal

from django.db import transaction

from marketplace.dates import clock
from marketplace.models import User
from proposals import emails as proposal_emails
from proposals.models import Proposal


def admit(proposal: Proposal, *, by: User) -> None:
    """Conforming. Where there is no grid (price only) there is nothing to score: it is ranked by its price at once."""
    with transaction.atomic():
        proposal.admit(by=by)
        if not proposal.opportunity.scores_quality:
            proposal.score(by=by, values={})


def reject(proposal: Proposal, *, by: User, code: str, text: str) -> None:
    """Not conforming: the vendor is told why, at once."""
    with transaction.atomic():
        proposal.reject(by=by, code=code, text=text)
        proposal_emails.rejected(proposal, at=clock.now())


def score(proposal: Proposal, *, by: User, values: dict[int, tuple[Decimal, str]]) -> None:
    """`values` by criterion id; ValidationError when one is missing or is not of this grid."""
    criteria = {criterion.pk: criterion for criterion in proposal.opportunity.criteria.all()}
    proposal.score(by=by, values={criteria[key]: value for key, value in values.items() if key in criteria})


def reexamine(proposal: Proposal, *, by: User, reason: str) -> None:
    proposal.reexamine(by=by, reason=reason)
