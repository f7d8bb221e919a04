"""Pages of the milestones: delivering, examining, the files.

The page of a milestone is for the parties and for auditors; everybody else gets 404.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts import rules
from contracts.access import contract_of, milestone_of
from contracts.deliveries import actions
from contracts.deliveries.forms import DeliverForm, ExamineForm
from contracts.deliveries.section import page_of, standing
from contracts.enums import State
from contracts.models import DeliveryFile, Milestone
from marketplace.acts import act_page, attempt, show
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.files.downloads import stored_download
from marketplace.files.shelf import chosen
from marketplace.keep import data_of, typed_before
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, gate
from marketplace.models import User
from marketplace.requests import PersonRequest


# --- Delivering ------------------------------------------------------------------------------------------------------
@act_page
def deliver(request: PersonRequest, number: str, position: int) -> HttpResponse:
    """The vendor delivers: notes, where the code is, its archive, files. Nothing is kept when anything is refused."""
    milestone = milestone_of(contract_of(request, number, at=clock.now()), position)
    gate(milestone, "deliver", request.user)
    if milestone.contract.state != State.ACTIVE:
        raise IllegalMove(_("Le contrat n’est pas en cours."))
    last = milestone.deliveries.order_by("number").last()
    initial = {"repository": last.repository if last else milestone.contract.repository}
    form = DeliverForm(data_of(request), chosen(request), initial=initial)
    if attempt(request, form, lambda: actions.deliver(milestone, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Jalon livré. L’organisme est prévenu : il vérifie chaque critère."))
        return redirect(page_of(milestone))
    context = {
        "contract": milestone.contract,
        "milestone": milestone,
        "criteria": milestone.criteria.all(),
        "last": last,
        "unmet": last.checks.filter(met=False).select_related("criterion") if last else [],
        "form": form,
    }
    return show(request, "contracts/deliver.html", context)


# --- Examining -------------------------------------------------------------------------------------------------------
@act_page
def milestone(request: PersonRequest, number: str, position: int) -> HttpResponse:
    """A milestone: its deliveries and their answers; for the buyer, the criteria one by one and two buttons."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    shown = milestone_of(contract, position)
    criteria = list(shown.criteria.all())
    accepting = request.POST.get("decision") == "accept"
    if request.method == "POST":
        gate(shown, "accept" if accepting else "send_back", request.user)
        form = ExamineForm(request.POST, criteria=criteria, accepting=accepting)
        if attempt(request, form, lambda: _answer(shown, form, by=request.user)):
            done = _("Livraison acceptée. Le prestataire est prévenu : il peut facturer.")
            if not accepting:
                done = _("Livraison retournée. Le prestataire est prévenu, avec le motif.")
            messages.success(request, done)
            return redirect(page_of(shown))
    else:
        form = ExamineForm(typed_before(request), criteria=criteria, initial=_first(shown, at=at))
    deliveries = list(
        shown.deliveries.select_related("by", "decided_by").prefetch_related("files", "checks__criterion")
    )
    deliveries.reverse()
    examines = contract.state == State.ACTIVE and shown.can("accept", request.user)
    context = {
        "contract": contract,
        "milestone": shown,
        "state": standing(shown, local(at).date() if contract.state == State.ACTIVE else None),
        "criteria": criteria,
        "delivery": deliveries[0] if deliveries else None,
        "former": deliveries[1:],
        "form": form if examines else None,
        "failed": form if request.method == "POST" else None,
        "delivers": contract.state == State.ACTIVE and shown.can("deliver", request.user),
        "invoices": contract.is_public() and shown.can("invoice", request.user),
        "invoice": shown.invoices.filter(kind="milestone").first(),
    }
    return show(request, "contracts/examine.html", context)


def _first(milestone: Milestone, *, at: datetime) -> dict[str, Any]:
    """The delivery on the screen, and the day proposed to deliver again by."""
    waiting = actions.waiting(milestone) if milestone.state == "delivered" else None
    cure_by = local(at).date() + timedelta(days=settings.CURE_DAYS)
    return {"delivery": waiting.number if waiting else None, "cure_by": cure_by}


def _answer(milestone: Milestone, form: ExamineForm, *, by: User) -> None:
    """Do what the button says."""
    typed = form.cleaned_data
    if form.accepting:
        actions.accept(milestone, by=by, checks=form.checks(), seen=typed["delivery"])
    else:
        actions.send_back(
            milestone, by=by, checks=form.checks(), reason=typed["reason"], cure_by=typed["cure_by"],
            seen=typed["delivery"],
        )  # fmt: skip


@never_cache
@require_safe
def file(request: PersonRequest, number: str, file_id: UUID) -> FileResponse:
    """A file of a delivery, as a download: never shown in our pages, whatever it is."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    files = DeliveryFile.objects.filter(delivery__milestone__contract=contract).select_related("delivery__milestone")
    delivered = get_object_or_404(files, public_id=file_id)
    download = stored_download(delivered.file, delivered.name, delivered.content_type)
    if not rules.is_vendor_person(contract, request.user):
        milestone = delivered.delivery.milestone
        ledger.record_read("file", milestone.ledger_subject(), by=request.user, at=at, file=delivered.sha256)
    return download


urlpatterns = [
    path("contrats/<code:number>/jalons/<int:position>/", milestone, name="milestone"),
    path("contrats/<code:number>/jalons/<int:position>/livrer/", deliver, name="deliver"),
    path("contrats/<code:number>/fichiers/<uuid:file_id>", file, name="delivery_file"),
]
