"""Depositing a proposal, and taking it back. Only the proposal’s own people; others get 404."""

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from marketplace import keep
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.lifecycle import locked
from marketplace.models import Terms
from marketplace.money import taxes
from opportunities import rules as occasion_rules
from proposals import rules
from proposals.access import own_proposal
from proposals.deposit import actions
from proposals.deposit.forms import DepositForm
from proposals.drafts import actions as draft_actions
from proposals.drafts.forms import DraftForm
from proposals.drafts.views import closed
from proposals.models import Proposal
from proposals.vendor import story
from vendors.eligibility import actions as eligibility


@keep.keeps_typed
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def submit(request: HttpRequest, public_id) -> HttpResponse:
    """Check one's answers, declare, deposit. What is sealed is what this page showed; a double click is harmless."""
    now = clock.now()
    proposal = own_proposal(request, public_id, at=now)
    key = request.POST.get("key", "")
    done = _already(proposal, key)
    if done is not None:
        return redirect("proposals:receipt", receipt_number=done.receipt_number)
    if not (proposal.opportunity.accepts_proposals(at=now) and story.can_prepare(proposal, at=now)):
        return closed(request, proposal, at=now)
    terms = Terms.objects.in_force(Terms.Kind.PROPOSAL, at=now)
    keep.typed_before(request)  # boxes to tick are ticked again by hand
    form = DepositForm(request.POST if request.method == "POST" else None, initial={"key": uuid.uuid4()})
    if form.is_bound:
        if form.is_valid():
            submission = _deposit(request, proposal, form, terms)
            if submission is not None:
                return redirect("proposals:receipt", receipt_number=submission.receipt_number)
            at = clock.now()
            proposal = own_proposal(request, public_id, at=at)
            if not proposal.opportunity.accepts_proposals(at=at):
                return closed(request, proposal, at=at)
        if "key" in form.errors:  # forged or cut: a new one, so that the next press works
            form.data = form.data.copy()
            form.data["key"] = str(uuid.uuid4())
    context = _answers(proposal, at=now) | {
        "form": form,
        "terms": terms,
        "stamp": draft_actions.stamp(proposal),
        "may_deposit": rules.can_deposit(proposal, request.user),
        "works_there": occasion_rules.works_there(proposal.opportunity, request.user),
        "now": now,
    }
    return render(request, "proposals/submit.html", context, status=422 if form.is_bound else 200)


def _already(proposal: Proposal, key: str):
    """The dépôt that this form already made: the second half of a double click."""
    try:
        return proposal.submissions.filter(idempotency_key=uuid.UUID(key)).first()
    except ValueError:
        return None


def _deposit(request: HttpRequest, proposal: Proposal, form: DepositForm, terms: Terms):
    """The Submission, or None with what is missing told on the form. Refusals (403, 409) rise."""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            row = locked(proposal)
            done = _already(row, str(data["key"]))
            if done is None and request.POST.get("stamp") != draft_actions.stamp(row):
                raise ValidationError(
                    _("Le brouillon a changé depuis l’affichage de cette page : vérifiez-le, puis déposez de nouveau.")
                )
            if done is None and request.POST.get("terms") != str(terms.version):
                raise ValidationError(
                    {"accept_terms": _("Les conditions de dépôt ont changé : lisez-les, puis acceptez-les.")}
                )
            return actions.deposit(
                row,
                by=request.user,
                idempotency_key=data["key"],
                integrity=data["integrity"],
                accept_terms=data["accept_terms"],
            )
    except ValidationError as error:
        told = error.error_dict if hasattr(error, "error_dict") else {None: error.error_list}
        for name, lines in told.items():
            form.add_error(name if name in form.fields else None, lines)
        return None


def _answers(proposal: Proposal, *, at) -> dict:
    """All that would be sealed, and what is missing from it with where to write it."""
    content = draft_actions.read(proposal)
    opportunity = proposal.opportunity
    edit_url = reverse("proposals:edit", args=[proposal.public_id])
    missing = []
    try:
        actions.complete(proposal, content)
    except ValidationError as error:
        labels = {name: field.label for name, field in DraftForm(opportunity=opportunity).fields.items()}
        missing = [
            {"label": labels.get(name, name), "url": f"{edit_url}#id_{name}", "message": " ".join(lines)}
            for name, lines in error.message_dict.items()
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
        "price": taxes(price) if price else None,
        "last": proposal.submissions.order_by("version").last(),
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, public_id) -> HttpResponse:
    """Confirm, then take the dépôt back: its sealed content is destroyed, the draft stays."""
    now = clock.now()
    proposal = own_proposal(request, public_id, at=now)
    if not proposal.opportunity.accepts_proposals(at=now):
        return closed(request, proposal, at=now)
    if request.method == "POST":
        try:
            actions.withdraw(proposal, by=request.user)
        except ValidationError:
            return closed(request, proposal, at=clock.now())
        messages.success(request, _("Votre proposition est retirée. Son brouillon vous reste."))
        return redirect(proposal)
    if not proposal.can("withdraw", request.user):
        return redirect(proposal)
    last = proposal.submissions.order_by("version").last()
    context = {"proposal": proposal, "opportunity": proposal.opportunity, "last": last, "now": now}
    return render(request, "proposals/withdraw.html", context)
