"""What must hold before a proposal moves: (proposal, at) -> None, or ValidationError.

The docstring's first line is published in /api/workflow.
"""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from marketplace.lifecycle import complain

Proposal = Any  # proposals.models.Proposal, which imports these
NoteReexamination = Any


def before_closing(proposal: Proposal, at: datetime) -> None:
    """The occasion is published and its closing instant has not come, by the database's clock."""
    if not proposal.opportunity.accepts_proposals(at=at):
        complain(None, _("Trop tard ou impossible : cette occasion n’accepte plus de dépôt ni de retrait."))


def vendor_answers(proposal: Proposal, at: datetime) -> None:
    """The vendor is not archived."""
    if proposal.vendor.archived_at is not None:
        complain(None, _("Ce prestataire est archivé : ses propriétaires doivent d’abord le rétablir."))


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


def notes_open(proposal: Proposal, at: datetime) -> None:
    """The notes of the occasion are not frozen."""
    if proposal.opportunity.notes_frozen_at is not None:
        complain(None, _("Les notes sont gelées : elles ne changent plus que par un réexamen, décidé à deux."))


def admission_open(proposal: Proposal, at: datetime) -> None:
    """The notes of the occasion are not frozen: from there on, who is admissible changes by a re-examination."""
    if proposal.opportunity.notes_frozen_at is not None:
        complain(None, _("L’admissibilité est gelée avec les notes : elle ne change plus que par un réexamen, à deux."))


def admission_frozen(proposal: Proposal, at: datetime) -> None:
    """The notes of the occasion are frozen, and the occasion is in evaluation."""
    in_evaluation(proposal, at)
    if proposal.opportunity.notes_frozen_at is None:
        complain(None, _("Rien n’est gelé : l’admissibilité se revoit encore sur la page de la proposition."))


def may_become(proposal: Proposal, outcome: str, at: datetime) -> None:
    """An admission that a re-examination may ask for: another than that which stands, of an envelope that was read."""
    standing = "admissible" if proposal.state in {"admissible", "scored"} else proposal.state
    if standing == outcome:
        complain(None, _("Rien ne change : la proposition est déjà dans cet état."))
    if outcome == "admissible":
        readable(proposal, at)


def notes_frozen(proposal: Proposal, at: datetime) -> None:
    """The notes of the occasion are frozen, the occasion is in evaluation, the proposal is admissible."""
    in_evaluation(proposal, at)
    if proposal.opportunity.notes_frozen_at is None:
        complain(None, _("Les notes ne sont pas gelées : elles se corrigent encore sur la page de la proposition."))
    if proposal.state not in {"admissible", "scored"} or not proposal.opportunity.scores_quality:
        complain(None, _("Cette proposition n’a pas de notes à réexaminer."))


def may_be_reexamined(reexamination: NoteReexamination, at: datetime) -> None:
    """The occasion is in evaluation; of notes: the proposal is admissible, and they are those that were asked about."""
    if not reexamination.of_notes:
        admission_frozen(reexamination.proposal, at)
        may_become(reexamination.proposal, reexamination.outcome, at)
        return
    notes_frozen(reexamination.proposal, at)
    others = reexamination.proposal.notes_versions.exclude(reexamination=reexamination.pk)  # its own is written first
    last = others.order_by("-number").values_list("number", flat=True).first() or 0
    if last != reexamination.seen:
        complain(None, _("Les notes ont changé depuis la demande : retirez-la ou refusez-la."))


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
