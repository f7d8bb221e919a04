"""Offering a contract, signing it, refusing its terms, taking it back: each act on a page that says what it commits to.

Who signs proves who they are at the act (marketplace/accounts/reauthentication.py), for the text whose digest was on
the page.
"""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from contracts import documents, rules
from contracts.agreement import signature_actions
from contracts.agreement.draft_views import gate, missing
from contracts.agreement.forms import SignForm, VendorSignForm
from contracts.deliveries.views import contract_of
from contracts.enums import DocumentKind
from contracts.models import Contract, taxes_charged
from marketplace.acts import ConfirmForm, show_at
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of, keeps_typed
from marketplace.money import format_cents
from marketplace.reasons import ReasonForm
from opportunities import rules as occasion_rules
from vendors.eligibility import actions as eligibility


def _status(request: HttpRequest) -> int:
    return 422 if request.method == "POST" else 200


def _standing(contract: Contract, at) -> list[eligibility.Standing]:
    """Whether the vendor may contract today. It renews its integrity declaration as it signs."""
    return eligibility.standings([eligibility.Case(contract.vendor, contract.value_cents)], on=local(at).date())


# --- The body offers, and takes back ---------------------------------------------------------------------------------
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, number: str) -> HttpResponse:
    """What will be frozen and sent to the vendor, what is missing, whether the vendor is eligible."""
    at = clock.now()
    contract = contract_of(request, number, at=at, among=rules.works_there)
    form = ConfirmForm(data_of(request))
    if request.method == "POST":
        try:
            signature_actions.offer(contract, by=request.user)
        except ValidationError as error:
            show_at(form, error)
        else:
            messages.success(request, _("Le contrat est envoyé à la signature. Le prestataire est prévenu."))
            return redirect(contract)
    gate(contract, "offer", request.user)
    lacks, checks = missing(contract, at), _standing(contract, at)
    context = {
        "contract": contract,
        "form": form,
        "amount": taxes_charged(contract.vendor, contract.value_cents),
        "milestones": list(contract.milestones.prefetch_related("criteria")),
        "clauses": documents.clauses_for(contract),
        "missing": lacks,
        "checks": checks,
        "ready": not lacks and not any(check.reasons for check in checks),
        "overdue_start": contract.start_date < local(at).date(),
    }
    return render(request, "contracts/offer.html", context, status=_status(request))


@never_cache
@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, number: str) -> HttpResponse:
    """The body takes the contract up again; a signature already given falls."""
    contract = contract_of(request, number, at=clock.now(), among=rules.works_there)
    form = ReasonForm(data_of(request), help_text=_("Le prestataire le lira."))
    if request.method == "POST" and form.is_valid():
        signature_actions.withdraw_offer(contract, by=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, _("Le contrat est de nouveau en préparation. Le prestataire est prévenu."))
        return redirect("contracts:prepare", number=number)
    gate(contract, "withdraw_offer", request.user)
    return render(request, "contracts/withdraw.html", {"contract": contract, "form": form}, status=_status(request))


# --- The vendor refuses the terms ------------------------------------------------------------------------------------
@never_cache
@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
def refuse(request: HttpRequest, number: str) -> HttpResponse:
    """The vendor asks for changes: the body takes the contract up again, and offers it anew."""
    contract = contract_of(request, number, at=clock.now(), among=rules.is_vendor_person)
    form = ReasonForm(data_of(request), help_text=_("L’organisme le lira : dites quoi changer, et pourquoi."))
    if request.method == "POST" and form.is_valid():
        signature_actions.refuse_terms(contract, by=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, _("Votre demande est envoyée. L’organisme vous enverra le contrat de nouveau."))
        return redirect(contract.award.proposal)  # in preparation, the contract is the body's alone
    gate(contract, "refuse_terms", request.user)
    return render(request, "contracts/refuse.html", {"contract": contract, "form": form}, status=_status(request))


# --- Both sign -------------------------------------------------------------------------------------------------------
@never_cache
@keeps_typed
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def sign(request: HttpRequest, number: str) -> HttpResponse:
    """Each party's turn on one address: the vendor first, then the body, whose signature concludes the contract."""
    contract = contract_of(request, number, at=clock.now(), among=rules.is_party)
    user = request.user
    as_vendor = rules.is_vendor_person(contract, user) and not rules.works_there(contract, user)
    action, make = ("sign_as_vendor", VendorSignForm) if as_vendor else ("sign", SignForm)
    reason = why_not(contract, user, action)
    if request.method == "POST":
        gate(contract, action, user)  # before the password is looked at
    elif not reason or contract.is_void or contract.state not in getattr(Contract, action).move.sources:
        gate(contract, action, user)
    form = make(data_of(request), request=request, contract=contract)
    if request.method == "POST" and form.is_valid():
        try:
            done = _act(contract, user, form, as_vendor=as_vendor)
        except ValidationError as error:
            show_at(form, error)
        else:
            messages.success(request, done)
            return redirect(contract)
    document = contract.documents.filter(kind=DocumentKind.OFFERED, sha256=contract.text_sha256).first()
    if document is None:
        raise Http404
    context = {
        "contract": contract,
        "form": form,
        "document": document,
        "amount": taxes_charged(contract.vendor, contract.value_cents),
        "as_vendor": as_vendor,
        "why_not": reason,
        "checks": _standing(contract, clock.now()),
        "signatures": contract.signatures.filter(void_at=None),
        "can_refuse": contract.can("refuse_terms", user),
        "can_withdraw": contract.can("withdraw_offer", user),
    }
    return render(request, "contracts/sign.html", context, status=_status(request))


def _act(contract: Contract, user, form: forms.Form, *, as_vendor: bool) -> str:
    """Sign with what the form holds; what to tell then."""
    typed = form.cleaned_data
    if as_vendor:
        signature_actions.sign_as_vendor(
            contract, by=user, text_sha256=typed["text_sha256"], title=typed["title"], method=form.confirmed_by,
            integrity=typed["integrity"],
        )  # fmt: skip
        return _("Vous avez signé. L’organisme doit maintenant conclure le contrat.")
    signature_actions.sign(contract, by=user, text_sha256=typed["text_sha256"], method=form.confirmed_by)
    return _("Le contrat est conclu : il est public, et le travail peut commencer.")


def why_not(contract: Contract, user, action: str) -> str:
    """Why this person of a party may not make this signature; an empty text when they may."""
    if action == "sign_as_vendor":
        if rules.binds_vendor(contract, user):
            return ""
        return _("Seuls les propriétaires et gestionnaires du prestataire l’engagent : l’une de ces personnes signe.")
    if not occasion_rules.is_officer(contract.opportunity, user):
        return _("Une personne responsable des règles contractuelles, nommée signataire, conclut le contrat.")
    if occasion_rules.has_tie(contract.opportunity, user):
        return _("Vous appartenez à un prestataire qui a répondu à cette occasion : une autre personne doit signer.")
    named = contract.body.signatories.filter(user=user, ended_at=None).first()
    if named is None:
        return _("Vous n’êtes pas nommé signataire de l’organisme : la personne qui pilote la plateforme le fait.")
    if named.limit_cents < contract.value_cents:
        return _("Votre limite de signature est de %(limit)s; ce contrat vaut %(value)s.") % {
            "limit": format_cents(named.limit_cents),
            "value": format_cents(contract.value_cents),
        }
    return ""


urlpatterns = [
    path("contrats/<code:number>/offrir/", offer, name="offer"),
    path("contrats/<code:number>/reprendre/", withdraw, name="withdraw_offer"),
    path("contrats/<code:number>/demander-des-changements/", refuse, name="refuse_terms"),
    path("contrats/<code:number>/signer/", sign, name="sign"),
]
