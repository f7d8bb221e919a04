"""From an awarded occasion to a contract ready to be offered: its terms, its milestones, its draft in PDF.

A stranger gets 404; somebody of the body who may not gets 403; a contract that is not in preparation any more gets 409.
"""

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts import documents, rules
from contracts.access import contract_of
from contracts.agreement import draft_actions, obstacles
from contracts.agreement.forms import BasePlan, ContractForm, plan_forms, with_rows_changed
from contracts.enums import State
from contracts.models import Contract
from marketplace import pdf
from marketplace.acts import act_page, attempt, draft_page
from marketplace.dates import clock
from marketplace.files.downloads import download
from marketplace.keep import typed_before
from marketplace.requests import PersonRequest
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity


@act_page
def start(request: PersonRequest, number: str) -> HttpResponse:
    """The draft of an awarded occasion, made by a POST; the one that exists when asked twice.

    A link leads to it too: to the contract, or to the award's page, where the button is.
    """
    rows = Opportunity.objects.visible_to(request.user).select_related("body")
    opportunity = get_object_or_404(rows, number=number)
    if not occasion_rules.works_there(opportunity, request.user):
        raise Http404
    if request.method != "POST":
        drafts = Contract.objects.of_body(request.user).filter(award__opportunity=opportunity, award__reversed_at=None)
        return redirect(drafts.first() or reverse("proposals:award", args=[number]))
    contract = draft_actions.start(opportunity, by=request.user)
    if contract.state != State.DRAFT:
        return redirect(contract)
    return redirect("contracts:prepare", number=contract.number)


@draft_page
def prepare(request: PersonRequest, number: str) -> HttpResponse:
    """The terms and the milestones, saved together. Adding, removing and adding up change nothing that is stored."""
    contract = contract_of(request, number, at=clock.now(), among=rules.works_there)
    obstacles.gate(contract, "offer", request.user)
    if request.method != "POST":
        return _first(request, contract)
    seen = request.POST.get("seen", "")
    if "recalculer" in request.POST:
        form, rows = _quiet(contract, request.POST)
        if request.htmx:
            return render(request, "contracts/_total.html", _sums(contract, rows))
        return _show(request, contract, form, rows, seen=seen)
    if "ajouter" in request.POST or "retirer" in request.POST:
        typed = with_rows_changed(request.POST, remove=_rank(request.POST.get("retirer")))
        return _show(request, contract, *_quiet(contract, typed), seen=seen)
    form, rows = ContractForm(request.POST, contract=contract), plan_forms(request.POST)
    right = form.is_valid() & rows.is_valid()

    def edit() -> None:
        draft_actions.edit(contract, by=request.user, fields=form.cleaned_data, plan=rows.rows(), seen=seen)

    if rows.within(form.cleaned_data.get("start_date"), form.cleaned_data.get("end_date")) and right:
        if attempt(request, form, edit):
            messages.success(request, _("Le contrat %s est enregistré.") % contract.number)
            return redirect("contracts:offer" if "offrir" in request.POST else "contracts:prepare", number=number)
        # Somebody may have saved it meanwhile, and the page says so: saving again replaces what they wrote.
        contract = contract_of(request, number, at=clock.now(), among=rules.works_there)
        seen = draft_actions.version(contract)
    return _show(request, contract, form, rows, seen=seen, status=422)


def _rank(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 4 else None


def _quiet(contract: Contract, data: QueryDict) -> tuple[ContractForm, BasePlan]:
    return ContractForm(data, contract=contract, quiet=True), plan_forms(data, quiet=True)


def _first(request: PersonRequest, contract: Contract) -> HttpResponse:
    """What is stored, or what was typed before the session ended."""
    typed = typed_before(request)
    seen = draft_actions.version(contract)
    if typed is not None:
        return _show(request, contract, *_quiet(contract, typed), seen=typed.get("seen", seen))
    return _show(request, contract, ContractForm(contract=contract), plan_forms(contract=contract), seen=seen)


def _sums(contract: Contract, rows: BasePlan) -> dict[str, int]:
    total = rows.total_cents()
    return {"total": total, "value": contract.value_cents, "left": contract.value_cents - total}


def _show(
    request: PersonRequest, contract: Contract, form: ContractForm, rows: BasePlan, *, seen: str, status: int = 200
) -> HttpResponse:
    shown = not form.quiet and form.is_bound
    context = {
        "contract": contract,
        "form": form,
        "plan": rows,
        "failed": rows if shown else None,
        "show_errors": shown,
        "seen": seen,
        "missing": [] if form.is_bound else obstacles.missing(contract, clock.now()),
        "may_add": len(rows.forms) < draft_actions.MOST_MILESTONES,
    }
    return render(request, "contracts/prepare.html", context | _sums(contract, rows), status=status)


@never_cache
@require_safe
def preview(request: PersonRequest, number: str) -> HttpResponse:
    """What the PDF to sign would be today, marked « projet » on every page; only while it is in preparation."""
    at = clock.now()
    contract = contract_of(request, number, at=at, among=rules.works_there)
    if contract.state != State.DRAFT:
        raise Http404
    with override(documents.FRENCH):
        data = documents.contract_data(contract, clauses=documents.clauses_for(contract))
    data["number"] = f"{contract.number} (PROJET)"
    return download(pdf.render("contract", data, at=at), f"{contract.number}-projet.pdf", "application/pdf")


urlpatterns = [
    path("occasions/<code:number>/contrat/", start, name="start"),
    path("contrats/<code:number>/preparer/", prepare, name="prepare"),
    path("contrats/<code:number>/projet.pdf", preview, name="preview"),
]
