"""A vendor's draft: starting it, writing it, its files. Only the proposal's own people; others get 404."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace import acts
from marketplace.acts import ConfirmForm, Page, act_page, attempt, draft_page, show_refusal
from marketplace.dates import clock
from marketplace.files import quarantine
from marketplace.files.downloads import download
from marketplace.files.shelf import chosen
from marketplace.keep import data_of, typed_before
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import known, locked
from marketplace.money import format_cents
from marketplace.requests import PersonRequest
from marketplace.twice.once import once
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from proposals import rules
from proposals.access import own_proposal
from proposals.drafts import actions
from proposals.drafts.forms import DraftForm, VendorChoiceForm
from proposals.enums import State
from proposals.models import AFTER_OPENING, Proposal
from proposals.opening import actions as opening_actions
from proposals.proponent import story
from vendors.models import Vendor


def closed(request: PersonRequest, proposal: Proposal, *, at: datetime, typed: list[str] | None = None) -> HttpResponse:
    """409: too late by the database's clock, or suspended; what was typed is shown so that nothing is lost."""
    context = {
        "proposal": proposal,
        "opportunity": proposal.opportunity,
        "now": at,
        "typed": typed,
        "last": proposal.submissions.order_by("version").last(),
        "late": at >= proposal.opportunity.closing,
    }
    return render(request, "proposals/closed.html", context, status=409)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@once
def start(request: PersonRequest, number: str) -> HttpResponse:
    """In whose name; the draft is made by the POST. One who works for the body that asks cannot propose."""
    now = clock.now()
    occasions = Opportunity.objects.visible_to(request.user, at=now).public().select_related("body")
    opportunity = get_object_or_404(occasions, number=number)
    vendors = list(Vendor.objects.acted_for(request.user).order_by("sort_key", "pk"))
    proposals = Proposal.objects.visible_to(request.user, at=now).filter(opportunity=opportunity, vendor__in=vendors)
    existing = list(proposals.select_related("vendor"))
    taken = {proposal.vendor_id for proposal in existing}
    free = [vendor for vendor in vendors if vendor.pk not in taken and vendor.archived_at is None]
    if existing and not free and len(existing) == 1:
        return redirect(existing[0])
    if occasion_rules.works_there(opportunity, request.user):
        raise PermissionDenied(
            _("Vous travaillez pour l’organisme qui publie cette occasion : vous ne pouvez pas y proposer.")
        )
    context: dict[str, Any] = {"opportunity": opportunity, "now": now, "existing": existing, "vendors": free}
    if not opportunity.accepts_proposals(at=now):
        return render(request, "proposals/start.html", context, status=409 if request.method == "POST" else 200)
    form = VendorChoiceForm(request.POST if request.method == "POST" else None, vendors=free)
    if form.is_bound and form.is_valid():
        vendor = next(row for row in free if str(row.public_id) == form.cleaned_data["vendor"])
        proposal = actions.start(opportunity, vendor, by=request.user, at=now)
        return redirect("proposals:edit", public_id=proposal.public_id)
    back = urlencode({"suite": request.path})
    context |= {"form": form, "open": True, "create_url": f"{reverse('vendors:create')}?{back}"}
    return render(request, "proposals/start.html", context, status=422 if form.is_bound else 200)


@sensitive_post_parameters()
@draft_page
def edit(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The draft. Saving it deposits nothing. Files are added and taken off by the same form."""
    now = clock.now()
    proposal = own_proposal(request, public_id, at=now)
    opportunity = proposal.opportunity
    if not story.can_prepare(proposal, at=now):
        lost = [request.POST.get(name, "") for name in ("text", "comments", "price")] if request.POST else None
        return closed(request, proposal, at=now, typed=lost)
    typed, theirs = typed_before(request), None
    if request.method == "POST":
        files = known(chosen(request))
        form = DraftForm(request.POST, files, opportunity=opportunity)
        valid = form.is_valid()
        if valid:
            theirs = _save(proposal, form, request.POST.get("stamp", ""), at=now)
        if valid and theirs is None:
            if not _change_files(proposal, form, request, at=now).left:
                files.done()  # the draft has the good ones
            if not form.errors:
                return _saved(request, proposal, form)
        else:
            files.keep(form)
    else:
        form = DraftForm(typed, initial=_initial(proposal), opportunity=opportunity)
    context = {
        "form": form,
        "proposal": proposal,
        "opportunity": opportunity,
        "criteria": opportunity.criteria.all(),
        "content": actions.read(proposal),
        "theirs": theirs,
        "stamp": actions.stamp(proposal) if typed is None else typed.get("stamp", ""),
        "last": proposal.submissions.order_by("version").last(),
        "now": now,
    }
    return acts.show(request, "proposals/form.html", context)


def _initial(proposal: Proposal) -> dict[str, Any]:
    content = actions.read(proposal)
    return {"text": content.get("text"), "comments": content.get("comments"), "price": content.get("price_cents")}


def _save(proposal: Proposal, form: DraftForm, stamp: str, *, at: datetime) -> dict[str, Any] | None:
    """Write the draft; or, when it is not what the page showed, say so on the form and return what it now holds."""
    typed, theirs = form.content(), None
    with transaction.atomic():
        row = locked(proposal)
        if stamp == actions.stamp(row):
            actions.write(row, at=at, **typed)
        else:
            theirs = actions.read(row)
            if all((theirs.get(name) or None) == (value or None) for name, value in typed.items()):
                theirs = None  # a second click, or the same words: nothing to choose
    proposal.__dict__.update(row.__dict__)
    if theirs is not None:
        form.add_error(
            None,
            _(
                "Cette proposition a été modifiée entre-temps par une autre personne ou dans un autre onglet. "
                "Rien n’est écrasé : comparez les deux versions, puis enregistrez celle que vous gardez."
            ),
        )
    return theirs


def _change_files(proposal: Proposal, form: DraftForm, request: PersonRequest, *, at: datetime) -> actions.Added:
    """Take off the file whose button was pressed, add those that were sent; each that is refused is told at it."""
    gone = request.POST.get("retirer")
    if gone:
        actions.remove_file(proposal, gone, at=at)
    added = actions.add_files(proposal, form.cleaned_data["files"], at=at)
    for error in added.refused:
        show_refusal(request, form, error)
    if added.already:  # no name where the page is another one: messages are stored in the clear
        text = _("« %s » est déjà jointe : une seule copie est gardée.") if form.errors else ""
        for name in added.already if text else []:
            messages.info(request, text % name)
        if not text:
            messages.info(request, _("Cette pièce est déjà jointe : une seule copie est gardée."))
    if form.errors:
        messages.info(request, _("Votre texte est enregistré."))
        for name in added.names:
            messages.info(request, _("« %s » est joint au brouillon.") % name)
    return added


def _saved(request: PersonRequest, proposal: Proposal, form: DraftForm) -> HttpResponse:
    price, budget = form.cleaned_data.get("price"), proposal.opportunity.budget
    if price is not None and price > budget:
        messages.warning(
            request,
            _("Votre prix dépasse le montant maximal de %s : il faudra le corriger avant de déposer.")
            % format_cents(budget),
        )
    if "verifier" in request.POST:
        return redirect("proposals:submit", public_id=proposal.public_id)
    said = _("Brouillon enregistré. Il n’est pas déposé.")
    if proposal.state == State.SUBMITTED:
        said = _("Changements enregistrés, sans être déposés : le dépôt d’avant reste valide.")
    messages.success(request, said)
    return redirect("proposals:edit", public_id=proposal.public_id)


@never_cache
@require_POST
@once
def remove_file(request: PersonRequest, public_id: UUID, file_id: UUID) -> HttpResponse:
    """Take one file off the draft, without the draft's form."""
    now = clock.now()
    proposal = own_proposal(request, public_id, at=now)
    if not story.can_prepare(proposal, at=now):
        return closed(request, proposal, at=now)
    if str(file_id) not in {item["id"] for item in actions.read(proposal).get("files", [])}:
        raise Http404
    actions.remove_file(proposal, str(file_id), at=now)
    messages.success(request, _("Le fichier est retiré du brouillon."))
    return redirect("proposals:edit", public_id=proposal.public_id)


@act_page
def delete(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask, then take a draft that was never deposited away for ever; after the closing too."""
    proposal = own_proposal(request, public_id, at=clock.now())
    form = ConfirmForm(data_of(request))
    if attempt(request, form, lambda: actions.delete(proposal, by=request.user)):
        messages.success(request, _("Le brouillon de proposition est supprimé."))
        return redirect("proposals:mine")
    actions.check_deletable(proposal, request.user)
    page = Page(
        title=_("Supprimer le brouillon"),
        lead=_(
            "C’est définitif : son texte et ses fichiers sont détruits, pour toutes les personnes de votre "
            "prestataire. Rien n’a été déposé : personne d’autre n’a su qu’il existait."
        ),
        submit=_("Supprimer le brouillon"),
        tone="bad",
        danger=True,
    )
    files = actions.read(proposal).get("files", [])
    context = {"page": page, "form": form, "proposal": proposal, "files": files, "back": proposal.get_absolute_url()}
    return acts.show(request, "proposals/delete.html", context)


@never_cache
@require_safe
def file(request: PersonRequest, public_id: UUID, file_id: UUID) -> HttpResponse:
    """One file: of the draft for its own people; as opened, after the opening, for whoever may read the proposal."""
    now = clock.now()
    proposals = Proposal.objects.visible_to(request.user, at=now).select_related("opportunity", "vendor")
    proposal = get_object_or_404(proposals, public_id=public_id)
    if proposal.state in AFTER_OPENING:
        opened_file = opening_actions.read_file(proposal.opened, str(file_id))
    else:
        opened_file = actions.find_file(proposal, str(file_id))
    if opened_file is None:
        raise Http404
    item, blob = opened_file
    quarantine.check_item(item)
    if not rules.is_author(proposal, request.user):
        ledger.record_read("file", proposal.ledger_subject(), by=request.user, at=now, file=item["id"])
    return download(blob, item["name"], item["content_type"])
