"""Noting, beside a contract or an invoice to pay, that Revenu Québec knows the vendor's attestation."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from contracts import rules
from contracts.access import contract_of
from contracts.attestation import actions
from contracts.models import Contract
from marketplace.accounts.person import Visitor
from marketplace.dates import clock
from marketplace.requests import PersonRequest, way_back
from marketplace.twice.once import once


def verify_url(contract: Contract, user: Visitor) -> str:
    """Where this person says that it was verified; "" for whoever may not."""
    return reverse("contracts:verify_attestation", args=[contract.number]) if rules.is_officer(contract, user) else ""


@never_cache
@require_POST
@once
def verify(request: PersonRequest, number: str) -> HttpResponse:
    """`suite`: the page that showed it."""
    contract = contract_of(request, number, at=clock.now(), among=rules.works_there)
    actions.verify(contract, by=request.user, shown=request.POST.get("verify", ""))
    messages.success(request, _("L’attestation est notée comme vérifiée."))
    return redirect(way_back(request) or contract)


urlpatterns = [path("contrats/<code:number>/attestation/verifier/", verify, name="verify_attestation")]
