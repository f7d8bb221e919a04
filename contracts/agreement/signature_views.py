"""Offering a contract, signing it, refusing its terms, taking it back: each act on a page that says what it commits to.

Who signs proves who they are at the act (marketplace/accounts/reauthentication.py), for the text whose digest was on
the page.
"""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _

from contracts import documents, rules
from contracts.access import contract_of
from contracts.agreement import signature_actions
from contracts.agreement.forms import BodySignForm, SignForm, VendorSignForm
from contracts.agreement.obstacles import gate, missing, why_not
from contracts.attestation import actions as attestation_actions
from contracts.attestation.views import verify_url
from contracts.enums import DocumentKind
from contracts.models import Contract
from marketplace.acts import ConfirmForm, act_page, attempt, confirmed_act_page, show
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of
from marketplace.models import User
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from vendors import taxes as vendor_taxes


# --- The body offers, and takes back ---------------------------------------------------------------------------------
@act_page
def offer(request: PersonRequest, number: str) -> HttpResponse:
    """What will be frozen and sent to the vendor, what is missing, whether the vendor is eligible."""
    at = clock.now()
    contract = contract_of(request, number, at=at, among=rules.works_there)
    form = ConfirmForm(data_of(request))
    if attempt(request, form, lambda: signature_actions.offer(contract, by=request.user)):
        messages.success(request, _("Le contrat est envoyé à la signature. Le prestataire est prévenu."))
        return redirect(contract)
    gate(contract, "offer", request.user)
    lacks, standing = missing(contract, at), attestation_actions.standing(contract, at=at)
    context = {
        "contract": contract,
        "form": form,
        "amount": vendor_taxes.charged(contract.vendor, contract.value_cents),
        "milestones": list(contract.milestones.prefetch_related("criteria")),
        "clauses": documents.clauses_for(contract),
        "missing": lacks,
        "checks": [standing],
        "verify_url": verify_url(contract, request.user),
        "ready": not lacks and not standing.reasons,
        "overdue_start": contract.start_date < local(at).date(),
    }
    return show(request, "contracts/offer.html", context)


@act_page
def withdraw(request: PersonRequest, number: str) -> HttpResponse:
    """The body takes the contract up again; a signature already given falls."""
    contract = contract_of(request, number, at=clock.now(), among=rules.works_there)
    form = ReasonForm(data_of(request), help_text=_("Le prestataire le lira."))
    if attempt(request, form, lambda: signature_actions.withdraw_offer(contract, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Le contrat est de nouveau en préparation. Le prestataire est prévenu."))
        return redirect("contracts:prepare", number=number)
    gate(contract, "withdraw_offer", request.user)
    return show(request, "contracts/withdraw.html", {"contract": contract, "form": form})


# --- The vendor refuses the terms ------------------------------------------------------------------------------------
@act_page
def refuse(request: PersonRequest, number: str) -> HttpResponse:
    """The vendor asks for changes: the body takes the contract up again, and offers it anew."""
    contract = contract_of(request, number, at=clock.now(), among=rules.is_vendor_person)
    form = ReasonForm(data_of(request), help_text=_("L’organisme le lira : dites quoi changer, et pourquoi."))
    if attempt(request, form, lambda: signature_actions.refuse_terms(contract, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Votre demande est envoyée. L’organisme vous enverra le contrat de nouveau."))
        return redirect(contract.award.proposal)  # in preparation, the contract is the body's alone
    gate(contract, "refuse_terms", request.user)
    return show(request, "contracts/refuse.html", {"contract": contract, "form": form})


# --- Both sign -------------------------------------------------------------------------------------------------------
@confirmed_act_page
def sign(request: PersonRequest, number: str) -> HttpResponse:
    """Each party's turn on one address: the vendor first, then the body, whose signature concludes the contract."""
    contract = contract_of(request, number, at=clock.now(), among=rules.is_party)
    user = request.user
    as_vendor = rules.is_vendor_person(contract, user) and not rules.works_there(contract, user)
    action = "sign_as_vendor" if as_vendor else "sign"
    reason = why_not(contract, user, action)
    if request.method == "POST":
        gate(contract, action, user)  # before the password is looked at
    elif not reason or contract.is_void or contract.state not in getattr(Contract, action).move.sources:
        gate(contract, action, user)
    standing = attestation_actions.standing(contract, at=clock.now())  # it declares its integrity again as it signs
    data = data_of(request)
    form: SignForm
    if as_vendor:
        form = VendorSignForm(data, request=request, contract=contract)
    else:
        form = BodySignForm(data, request=request, contract=contract, unverified=standing.unverified)
    if done := attempt(request, form, lambda: _act(contract, user, form, as_vendor=as_vendor)):
        messages.success(request, done.result)
        return redirect(contract)
    document = contract.documents.filter(kind=DocumentKind.OFFERED, sha256=contract.text_sha256).first()
    if document is None:
        raise Http404
    context = {
        "contract": contract,
        "form": form,
        "document": document,
        "amount": vendor_taxes.charged(contract.vendor, contract.value_cents),
        "as_vendor": as_vendor,
        "why_not": reason,
        "checks": [standing],
        "verify_url": verify_url(contract, user),
        "signatures": contract.signatures.filter(void_at=None),
        "can_refuse": contract.can("refuse_terms", user),
        "can_withdraw": contract.can("withdraw_offer", user),
    }
    return show(request, "contracts/sign.html", context)


def _act(contract: Contract, user: User, form: SignForm, *, as_vendor: bool) -> str:
    """Sign with what the form holds; what to tell then."""
    typed = form.cleaned_data
    if as_vendor:
        signature_actions.sign_as_vendor(
            contract, by=user, text_sha256=typed["text_sha256"], title=typed["title"], method=form.confirmed_by,
            integrity=typed["integrity"],
        )  # fmt: skip
        return _("Vous avez signé. L’organisme doit maintenant conclure le contrat.")
    signature_actions.sign(
        contract, by=user, text_sha256=typed["text_sha256"], method=form.confirmed_by,
        unverified_reason=typed.get("unverified_reason", ""),
    )  # fmt: skip
    return _("Le contrat est conclu : il est public, et le travail peut commencer.")


urlpatterns = [
    path("contrats/<code:number>/offrir/", offer, name="offer"),
    path("contrats/<code:number>/reprendre/", withdraw, name="withdraw_offer"),
    path("contrats/<code:number>/demander-des-changements/", refuse, name="refuse_terms"),
    path("contrats/<code:number>/signer/", sign, name="sign"),
]
