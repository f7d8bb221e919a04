"""Pages of the milestones: the list on the contract's page, delivering, examining, the files.

The page of a milestone is for the parties and for auditors; everybody else gets 404.
"""

from collections.abc import Callable
from datetime import date, timedelta

from django.conf import settings
from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from contracts import rules
from contracts.deliveries import actions
from contracts.deliveries.forms import DeliverForm, ExamineForm
from contracts.enums import State
from contracts.models import Contract, DeliveryFile, Milestone
from marketplace.acts import act_page, attempt, show
from marketplace.dates import clock
from marketplace.dates.calendar import business_days_between
from marketplace.dates.localtime import local
from marketplace.downloads import as_download
from marketplace.keep import data_of, typed_before
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, gate

TONES = {"planned": "neutral", "delivered": "info", "accepted": "ok", "invoiced": "info", "paid": "ok"}


# --- Shared by the pages of contracts --------------------------------------------------------------------------------
def contract_of(request: HttpRequest, number: str, *, at, among: Callable = rules.reads_all) -> Contract:
    """The contract, for people of whom `among(contract, user)` is true: by default its parties and auditors.

    404 for everybody else, administrators included.
    """
    contract = get_object_or_404(Contract.objects.visible_to(request.user, at=at).for_list(), number=number)
    if not among(contract, request.user):
        raise Http404
    return contract


def keep_read(contract: Contract, user, answer: HttpResponse, *, file: str) -> HttpResponse:
    """The same answer: a paper of both parties. That somebody else reads it is kept in the ledger (`file`: which)."""
    if not rules.is_party(contract, user):
        ledger.record_read("file", contract.ledger_subject(), by=user, at=clock.now(), file=file)
    return answer


def milestone_of(contract: Contract, position: int) -> Milestone:
    milestone = get_object_or_404(contract.milestones.select_related("accepted_by"), position=position)
    milestone.contract = contract
    return milestone


def page_of(milestone: Milestone) -> str:
    return reverse("contracts:milestone", args=[milestone.contract.number, milestone.position])


# --- Late or not -----------------------------------------------------------------------------------------------------
def standing(milestone: Milestone, today: date | None) -> dict:
    """{label, tone, late}: its state in words, and how late the party whose turn it is, in words (or "").

    `today`: None where nobody is late any more, since the contract ended.
    """
    label, tone, late = milestone.state_label, TONES[milestone.state], ""
    if milestone.state == "planned" and milestone.cure_by and not milestone.is_lost:
        label, tone = _("Retourné, à corriger"), "warn"
    if today is None:
        return {"label": label, "tone": tone, "late": late}
    if milestone.state == "planned":
        late = lateness((today - (milestone.cure_by or milestone.due_date)).days)
    elif milestone.state == "delivered":
        waited = business_days_between(local(milestone.delivered_at).date(), today)
        if waited >= actions.ANSWER_BUSINESS_DAYS:
            late = ngettext("Sans réponse depuis %d jour ouvrable", "Sans réponse depuis %d jours ouvrables", waited)
            late %= waited
    return {"label": label, "tone": tone, "late": late}


def lateness(days: int) -> str:
    """« En retard de 3 jours »; an empty text when it is not."""
    return ngettext("En retard de %d jour", "En retard de %d jours", days) % days if days > 0 else ""


# --- On the contract's page ------------------------------------------------------------------------------------------
def section(contract: Contract, user, at) -> dict:
    """Context of templates/contracts/_milestones.html. Everybody reads the plan; links are for those who read all."""
    prefetch_related_objects([contract], "milestones__criteria")
    today = local(at).date()
    active = contract.state == State.ACTIVE
    delivers, examines = active and rules.binds_vendor(contract, user), active and rules.is_buyer(contract, user)
    reads = rules.reads_all(contract, user) and contract.is_public()
    rows = []
    for milestone in contract.milestones.all():
        row = {"milestone": milestone, "criteria": milestone.criteria.all(), "state": None, "url": "", "act": ""}
        if contract.is_public():
            row["state"] = standing(milestone, today if active else None)
        if reads:
            row["url"] = page_of(milestone)
        if delivers and milestone.state == "planned":
            row["act"], row["act_url"] = _("Livrer"), _to("deliver", milestone)
        elif examines and milestone.state == "delivered":
            row["act"], row["act_url"] = _("Examiner"), page_of(milestone)
        rows.append(row)
    return {"rows": rows, "total_cents": sum(row["milestone"].amount_cents for row in rows)}


def _to(name: str, milestone: Milestone) -> str:
    return reverse(f"contracts:{name}", args=[milestone.contract.number, milestone.position])


# --- Delivering ------------------------------------------------------------------------------------------------------
@act_page
def deliver(request: HttpRequest, number: str, position: int) -> HttpResponse:
    """The vendor delivers: notes, where the code is, its archive, files. Nothing is kept when anything is refused."""
    milestone = milestone_of(contract_of(request, number, at=clock.now()), position)
    gate(milestone, "deliver", request.user)
    if milestone.contract.state != State.ACTIVE:
        raise IllegalMove(_("Le contrat n’est pas en cours."))
    last = milestone.deliveries.order_by("number").last()
    initial = {"repository": last.repository if last else milestone.contract.repository}
    form = DeliverForm(data_of(request), request.FILES or None, initial=initial)
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
        "files_lost": bool(request.FILES),
    }
    return show(request, "contracts/deliver.html", context)


# --- Examining -------------------------------------------------------------------------------------------------------
@act_page
def milestone(request: HttpRequest, number: str, position: int) -> HttpResponse:
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


def _first(milestone: Milestone, *, at) -> dict:
    """The delivery on the screen, and the day proposed to deliver again by."""
    waiting = actions.waiting(milestone) if milestone.state == "delivered" else None
    cure_by = local(at).date() + timedelta(days=settings.CURE_DAYS)
    return {"delivery": waiting.number if waiting else None, "cure_by": cure_by}


def _answer(milestone: Milestone, form: ExamineForm, *, by) -> None:
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
def file(request: HttpRequest, number: str, file_id) -> HttpResponse:
    """A file of a delivery, as a download: never shown in our pages, whatever it is."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    files = DeliveryFile.objects.filter(delivery__milestone__contract=contract).select_related("delivery__milestone")
    delivered = get_object_or_404(files, public_id=file_id)
    if not rules.is_vendor_person(contract, request.user):
        milestone = delivered.delivery.milestone
        ledger.record_read("file", milestone.ledger_subject(), by=request.user, at=at, file=delivered.sha256)
    return as_download(FileResponse(delivered.file.open("rb"), content_type=delivered.content_type), delivered.name)


urlpatterns = [
    path("contrats/<code:number>/jalons/<int:position>/", milestone, name="milestone"),
    path("contrats/<code:number>/jalons/<int:position>/livrer/", deliver, name="deliver"),
    path("contrats/<code:number>/fichiers/<uuid:file_id>", file, name="delivery_file"),
]
