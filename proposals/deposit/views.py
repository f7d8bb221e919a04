"""Depositing a proposal, and taking it back. Only the proposal’s own people; others get 404."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from marketplace import acts
from marketplace.acts import ConfirmForm, act_page, attempt
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of, typed_before
from marketplace.models import Terms
from marketplace.requests import PersonRequest
from marketplace.twice import once
from opportunities import rules as occasion_rules
from proposals import rules
from proposals.access import own_proposal
from proposals.deposit import actions, overlap
from proposals.deposit.forms import DepositForm
from proposals.drafts import actions as draft_actions
from proposals.drafts.forms import DraftForm
from proposals.drafts.views import closed
from proposals.models import Proposal, Submission
from proposals.proponent import story
from vendors import taxes as vendor_taxes
from vendors.eligibility import actions as eligibility


@sensitive_post_parameters()
@act_page
def submit(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Check one's answers, declare, deposit. What is sealed is what this page showed."""
    now = clock.now()
    proposal = own_proposal(request, public_id, at=now)
    if not _accepts(proposal, at=now):
        return closed(request, proposal, at=now)
    typed_before(request)  # boxes to tick are ticked again by hand
    behind = overlap.others(proposal, request.user)
    form = DepositForm(request.POST if request.method == "POST" else None, behind=bool(behind))
    tried = form.is_valid()
    shown = actions.Shown(stamp=request.POST.get("stamp", ""), terms=request.POST.get("terms", ""))

    def deposit() -> Submission:
        typed = form.cleaned_data
        return actions.deposit(
            proposal,
            by=request.user,
            idempotency_key=once.number_of(request.POST) or uuid4(),
            integrity=typed["integrity"],
            no_collusion=typed["no_collusion"],
            lobbying=typed["lobbying"],
            accept_terms=typed["accept_terms"],
            common_person=typed.get("common_person", False),
            shown=shown,
        )

    if done := attempt(request, form, deposit):
        return redirect("proposals:receipt", receipt_number=done.result.receipt_number)
    if tried:  # and refused: the draft, or the clock, may have moved meanwhile
        now = clock.now()
        proposal = own_proposal(request, public_id, at=now)
        if not _accepts(proposal, at=now):
            return closed(request, proposal, at=now)
    context = _answers(proposal, at=now) | {
        "form": form,
        "behind": behind,
        "begun": overlap.begun(proposal, request.user),
        "terms": Terms.objects.in_force(Terms.Kind.PROPOSAL, at=now),
        "stamp": draft_actions.stamp(proposal),
        "may_deposit": rules.can_deposit(proposal, request.user),
        "works_there": occasion_rules.works_there(proposal.opportunity, request.user),
        "now": now,
    }
    return acts.show(request, "proposals/submit.html", context)


def _accepts(proposal: Proposal, *, at: datetime) -> bool:
    return proposal.opportunity.accepts_proposals(at=at) and story.can_prepare(proposal, at=at)


def _answers(proposal: Proposal, *, at: datetime) -> dict[str, Any]:
    """All that would be sealed, and what is missing from it with where to write it."""
    content = draft_actions.read(proposal)
    opportunity = proposal.opportunity
    edit_url = reverse("proposals:edit", args=[proposal.public_id])
    labels = {name: field.label for name, field in DraftForm(opportunity=opportunity).fields.items()}
    missing = [
        {"label": labels.get(name, name), "url": f"{edit_url}#id_{name}", "message": message}
        for name, message in actions.problems_of(opportunity, content).items()
    ]
    price = actions.amount_cents(opportunity, content)
    today = local(at).date()
    barred = eligibility.reasons(proposal.vendor, amount_cents=price, on=today, integrity=True) if price else []
    return {
        "ineligible": barred,
        "proposal": proposal,
        "opportunity": opportunity,
        "content": content,
        "edit_url": edit_url,
        "missing": missing,
        "price": vendor_taxes.charged(proposal.vendor, price) if price else None,
        "last": proposal.submissions.order_by("version").last(),
    }


@act_page
def withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Confirm, then take the dépôt back: its sealed content is destroyed, the draft stays."""
    now = clock.now()
    proposal = own_proposal(request, public_id, at=now)
    if not proposal.opportunity.accepts_proposals(at=now):
        return closed(request, proposal, at=now)
    if attempt(request, ConfirmForm(data_of(request)), lambda: actions.withdraw(proposal, by=request.user)):
        messages.success(request, _("Votre proposition est retirée. Son brouillon vous reste."))
        return redirect(proposal)
    if request.method == "POST":  # the clock moved meanwhile
        return closed(request, proposal, at=clock.now())
    if not proposal.can("withdraw", request.user):
        return redirect(proposal)
    last = proposal.submissions.order_by("version").last()
    context = {"proposal": proposal, "opportunity": proposal.opportunity, "last": last, "now": now}
    return render(request, "proposals/withdraw.html", context)
