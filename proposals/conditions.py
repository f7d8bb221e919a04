"""What must hold before a proposal moves: (proposal, at) -> None, or ValidationError.

The docstring's first line is published in /api/workflow.
"""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from marketplace.lifecycle import complain

Proposal = Any  # proposals.models.Proposal, which imports these


def before_closing(proposal: Proposal, at: datetime) -> None:
    """The occasion is published and its closing instant has not come, by the database's clock."""
    if not proposal.opportunity.accepts_proposals(at=at):
        complain(None, _("Trop tard ou impossible : cette occasion n’accepte plus de dépôt ni de retrait."))


def in_evaluation(proposal: Proposal, at: datetime) -> None:
    """The occasion is in evaluation."""
    if proposal.opportunity.state != "evaluation":
        complain(None, _("L’occasion n’est pas en évaluation."))


def readable(proposal: Proposal, at: datetime) -> None:
    """The integrity of the proposal was established at the opening."""
    if not proposal.opened.readable:
        complain(None, _("L’intégrité de cette proposition n’a pas été constatée à l’ouverture."))


def fully_scored(proposal: Proposal, at: datetime) -> None:
    """Each criterion of the grid has a score from 0 to 100."""
    if proposal.scores.count() != proposal.opportunity.criteria.count():
        complain(None, _("Chaque critère doit avoir une note."))


def award_made(proposal: Proposal, at: datetime) -> None:
    """The award of the occasion was confirmed in the same transaction."""
    if proposal.opportunity.state != "awarded":
        complain(None, _("L’attribution n’est pas confirmée."))


def wins(proposal: Proposal, at: datetime) -> None:
    """The confirmed award names this proposal."""
    award_made(proposal, at)
    if not proposal.awards.filter(reversed_at=None).exists():
        complain(None, _("L’attribution ne nomme pas cette proposition."))


def loses(proposal: Proposal, at: datetime) -> None:
    """The confirmed award names another proposal."""
    award_made(proposal, at)
    if proposal.awards.filter(reversed_at=None).exists():
        complain(None, _("L’attribution nomme cette proposition."))
