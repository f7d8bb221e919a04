"""Pages of a contract's end: completing, terminating, the evaluation of the vendor and its reply.

They are for the parties, auditors read; strangers get 404.
"""

import hashlib

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from contracts import conditions, rules
from contracts.deliveries.views import contract_of, keep_read
from contracts.end import actions
from contracts.end.forms import CompleteForm, EvaluateForm, ReplyForm, TerminateForm
from contracts.models import Contract, Performance
from marketplace.acts import show_at
from marketplace.dates import clock
from marketplace.keep import data_of, keeps_typed, typed_before
from marketplace.lifecycle import IllegalMove, gate


# --- Ending ----------------------------------------------------------------------------------------------------------
def _checks(contract: Contract, at) -> list[dict]:
    """What must hold before the contract is completed: [{label, problem}]; the code is asked by the form."""

    def problem(condition) -> str:
        try:
            condition(contract, at)
        except ValidationError as error:
            return " ".join(error.messages)
        return ""

    return [
        {"label": _("Tout est accepté, facturé et payé"), "problem": problem(conditions.all_paid)},
        {"label": _("Aucun avenant n’attend"), "problem": problem(conditions.no_pending_amendment)},
    ]


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def complete(request: HttpRequest, number: str) -> HttpResponse:
    """An officer closes a contract whose work is done and paid."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    form = CompleteForm(data_of(request), asks=not contract.passports.catalogued().exists())
    if request.method == "POST" and form.is_valid():
        try:
            actions.complete(contract, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            show_at(form, error)
            contract = contract_of(request, number, at=at)
        else:
            messages.success(request, _("Contrat terminé. Les deux parties sont prévenues."))
            return redirect(contract)
    gate(contract, "complete", request.user)
    checks = _checks(contract, at)
    context = {"contract": contract, "form": form, "checks": checks, "ready": not any(c["problem"] for c in checks)}
    context["paid"] = contract.paid_before_taxes()
    return render(request, "contracts/complete.html", context, status=422 if request.method == "POST" else 200)


@never_cache
@keeps_typed
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "POST"])
def terminate(request: HttpRequest, number: str) -> HttpResponse:
    """An officer, recognised again, ends the contract before its term, with a public reason."""
    contract = contract_of(request, number, at=clock.now())
    gate(contract, "terminate", request.user)  # first: whoever may not is not asked who they are
    data = request.POST if request.method == "POST" else None
    form = TerminateForm(data, request=request, initial=typed_before(request))
    if request.method == "POST" and form.is_valid():
        try:
            actions.terminate(contract, by=request.user, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            show_at(form, error)
            contract = contract_of(request, number, at=clock.now())
        else:
            messages.success(request, _("Contrat résilié. Le prestataire est prévenu, avec le motif."))
            return redirect(contract)
    rows = list(contract.milestones.all())
    owed = [row for row in rows if row.state in {"accepted", "invoiced"}]
    context = {
        "contract": contract,
        "form": form,
        "waiting": [row for row in rows if row.state == "delivered"],
        "owed": sum(row.amount_cents for row in owed),
        "lost": sum(row.amount_cents for row in rows if row.state == "planned"),
    }
    return render(request, "contracts/terminate.html", context, status=422 if request.method == "POST" else 200)


# --- Performance -----------------------------------------------------------------------------------------------------
@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def evaluate(request: HttpRequest, number: str) -> HttpResponse:
    """A buyer or an officer evaluates, once, after the end."""
    contract = contract_of(request, number, at=clock.now())
    form = EvaluateForm(data_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            actions.evaluate(contract, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            show_at(form, error)
        else:
            messages.success(request, _("Évaluation envoyée au prestataire, qui peut y répliquer."))
            return redirect(f"{contract.get_absolute_url()}#rendement")
    if not rules.can_prepare(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_evaluate(contract, request.user):
        raise IllegalMove(_("Le rendement s’évalue une fois, quand le contrat est terminé ou résilié."))
    context = {"contract": contract, "form": form}
    return render(request, "contracts/evaluate.html", context, status=422 if request.method == "POST" else 200)


def performance_of(contract: Contract) -> Performance:
    found = Performance.objects.filter(contract=contract).select_related("by", "reply_by").first()
    if found is None:
        raise Http404
    found.contract = contract
    return found


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def reply(request: HttpRequest, number: str) -> HttpResponse:
    """The vendor answers its evaluation, once, in time."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    performance = performance_of(contract)
    form = ReplyForm(data_of(request))
    if request.method == "POST" and form.is_valid():
        actions.reply(performance, by=request.user, text=form.cleaned_data["text"])
        messages.success(request, _("Réplique enregistrée. L’organisme est prévenu."))
        return redirect(f"{contract.get_absolute_url()}#rendement")
    if not rules.binds_vendor(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_reply(performance, request.user, at=at):
        raise IllegalMove(_("La réplique est déjà donnée, ou son délai est passé."))
    context = {"contract": contract, "performance": performance, "form": form}
    return render(request, "contracts/reply.html", context, status=422 if request.method == "POST" else 200)


@never_cache
@require_safe
def letter(request: HttpRequest, number: str) -> HttpResponse:
    """The evaluation as a letter, for the parties and auditors."""
    contract = contract_of(request, number, at=clock.now())
    response = HttpResponse(actions.performance_pdf(performance_of(contract)), content_type="application/pdf")
    response["Content-Disposition"] = content_disposition_header(True, f"{contract.number}-rendement.pdf")
    return keep_read(contract, request.user, response, file=hashlib.sha256(response.content).hexdigest())


urlpatterns = [
    path("contrats/<code:number>/terminer/", complete, name="complete"),
    path("contrats/<code:number>/resilier/", terminate, name="terminate"),
    path("contrats/<code:number>/rendement/evaluer/", evaluate, name="evaluate"),
    path("contrats/<code:number>/rendement/repliquer/", reply, name="reply"),
    path("contrats/<code:number>/rendement.pdf", letter, name="performance"),
]
