"""Pages of a contract's end: completing, terminating, the evaluation of the vendor and its reply.

They are for the parties, auditors read; strangers get 404.
"""

import hashlib
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts import conditions, rules
from contracts.access import contract_of, keep_read
from contracts.end import actions
from contracts.end.forms import CompleteForm, EvaluateForm, ReplyForm, TerminateForm
from contracts.models import Contract, Performance
from marketplace.acts import act_page, attempt, confirmed_act_page, show
from marketplace.dates import clock
from marketplace.files.downloads import download
from marketplace.keep import data_of, typed_before
from marketplace.lifecycle import IllegalMove, gate
from marketplace.requests import PersonRequest


# --- Ending ----------------------------------------------------------------------------------------------------------
def _checks(contract: Contract, at: datetime) -> list[dict]:
    """What must hold before the contract is completed: [{label, problem}]; the code is asked by the form."""
    asked = [
        (_("Tout est accepté, facturé et payé"), conditions.all_paid),
        (_("Aucun avenant n’attend"), conditions.no_pending_amendment),
    ]
    return [
        {"label": label, "problem": " ".join(conditions.complaints(condition, contract, at))}
        for label, condition in asked
    ]


@act_page
def complete(request: PersonRequest, number: str) -> HttpResponse:
    """An officer closes a contract whose work is done and paid."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    form = CompleteForm(data_of(request), asks=not contract.passports.catalogued().exists())
    if attempt(request, form, lambda: actions.complete(contract, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Contrat terminé. Les deux parties sont prévenues."))
        return redirect(contract)
    gate(contract, "complete", request.user)
    checks = _checks(contract, at)
    context = {"contract": contract, "form": form, "checks": checks, "ready": not any(c["problem"] for c in checks)}
    context["paid"] = contract.paid_before_taxes()
    return show(request, "contracts/complete.html", context)


@confirmed_act_page
def terminate(request: PersonRequest, number: str) -> HttpResponse:
    """An officer, recognised again, ends the contract before its term, with a public reason."""
    contract = contract_of(request, number, at=clock.now())
    gate(contract, "terminate", request.user)  # first: whoever may not is not asked who they are
    data = request.POST if request.method == "POST" else None
    form = TerminateForm(data, request=request, initial=typed_before(request))
    if attempt(request, form, lambda: actions.terminate(contract, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Contrat résilié. Le prestataire est prévenu, avec le motif."))
        return redirect(contract)
    milestones = list(contract.milestones.all())
    context = {
        "contract": contract,
        "form": form,
        "waiting": [milestone for milestone in milestones if milestone.state == "delivered"],
        "owed": sum(milestone.amount_cents for milestone in milestones if milestone.state in {"accepted", "invoiced"}),
        "lost": sum(milestone.amount_cents for milestone in milestones if milestone.state == "planned"),
    }
    return show(request, "contracts/terminate.html", context)


# --- Performance -----------------------------------------------------------------------------------------------------
@act_page
def evaluate(request: PersonRequest, number: str) -> HttpResponse:
    """A buyer or an officer evaluates, once, after the end."""
    contract = contract_of(request, number, at=clock.now())
    form = EvaluateForm(data_of(request))
    if attempt(request, form, lambda: actions.evaluate(contract, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Évaluation envoyée au prestataire, qui peut y répliquer."))
        return redirect(f"{contract.get_absolute_url()}#rendement")
    if not rules.can_prepare(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_evaluate(contract, request.user):
        raise IllegalMove(_("Le rendement s’évalue une fois, quand le contrat est terminé ou résilié."))
    return show(request, "contracts/evaluate.html", {"contract": contract, "form": form})


def performance_of(contract: Contract) -> Performance:
    performance = Performance.objects.filter(contract=contract).select_related("by", "reply_by").first()
    if performance is None:
        raise Http404
    performance.contract = contract
    return performance


@act_page
def reply(request: PersonRequest, number: str) -> HttpResponse:
    """The vendor answers its evaluation, once, in time."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    performance = performance_of(contract)
    form = ReplyForm(data_of(request))
    if attempt(request, form, lambda: actions.reply(performance, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Réplique enregistrée. L’organisme est prévenu."))
        return redirect(f"{contract.get_absolute_url()}#rendement")
    if not rules.binds_vendor(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_reply(performance, request.user, at=at):
        raise IllegalMove(_("La réplique est déjà donnée, ou son délai est passé."))
    return show(request, "contracts/reply.html", {"contract": contract, "performance": performance, "form": form})


@never_cache
@require_safe
def letter(request: PersonRequest, number: str) -> HttpResponse:
    """The evaluation as a letter, for the parties and auditors."""
    contract = contract_of(request, number, at=clock.now())
    blob = actions.performance_pdf(performance_of(contract))
    response = download(blob, f"{contract.number}-rendement.pdf", "application/pdf")
    return keep_read(contract, request.user, response, file=hashlib.sha256(blob).hexdigest())


urlpatterns = [
    path("contrats/<code:number>/terminer/", complete, name="complete"),
    path("contrats/<code:number>/resilier/", terminate, name="terminate"),
    path("contrats/<code:number>/rendement/evaluer/", evaluate, name="evaluate"),
    path("contrats/<code:number>/rendement/repliquer/", reply, name="reply"),
    path("contrats/<code:number>/rendement.pdf", letter, name="performance"),
]
