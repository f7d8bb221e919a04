"""How a view finds what an address names, for those who may see it; everybody else gets 404."""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from marketplace.models import User
from marketplace.requests import PersonRequest
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from proposals.models import Proposal
from proposals.opening import actions as opening_actions
from vendors.models import Vendor


def occasion_for_staff(request: PersonRequest, number: str, *, at: datetime) -> Opportunity:
    """The occasion, for its body's people and auditors; 404 for everybody else, administrators included."""
    rows = Opportunity.objects.visible_to(request.user, at=at).select_related("body", "recommended_by")
    opportunity = get_object_or_404(rows, number=number)
    if not (occasion_rules.works_there(opportunity, request.user) or request.user.is_auditor):
        raise Http404
    return opportunity


def refuse_if_tied(opportunity: Opportunity, user: User) -> None:
    """PermissionDenied for a person of the body who belongs to one of the proponents."""
    if occasion_rules.has_tie(opportunity, user):
        raise PermissionDenied(
            _("Vous êtes membre d’un prestataire qui a déposé une proposition : l’évaluation ne vous est pas montrée.")
        )


def opened_proposal(request: PersonRequest, number: str, public_id: UUID, *, at: datetime) -> Proposal:
    """One opened proposal of the occasion, for its body's people without a tie and auditors; 404 for everybody else."""
    opportunity = occasion_for_staff(request, number, at=at)
    refuse_if_tied(opportunity, request.user)
    rows = Proposal.objects.visible_to(request.user, at=at).opened().filter(opportunity=opportunity)
    proposal = get_object_or_404(
        rows.select_related("vendor", "examined_by", "opened__submission").prefetch_related("scores__by"),
        public_id=public_id,
    )
    proposal.opportunity = opportunity
    return proposal


def own_proposal(request: PersonRequest, public_id: UUID, *, at: datetime) -> Proposal:
    """One of one's own proposals, opened first if its occasion is due and it can be; 404 for everybody else."""
    mine = Proposal.objects.visible_to(request.user, at=at).filter(vendor__in=Vendor.objects.acted_for(request.user))
    rows = mine.select_related("opportunity__body", "vendor")
    proposal = get_object_or_404(rows, public_id=public_id)
    if opening_actions.ask(proposal.opportunity.number):
        proposal = rows.get(pk=proposal.pk)
    return proposal
