"""A contract's page, its documents, the public list, one's own contracts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts import history, rules
from contracts.access import contract_of, keep_read
from contracts.agreement import signature_actions
from contracts.agreement.obstacles import missing, why_not
from contracts.amendments import section as amendment_section
from contracts.deliveries import section as delivery_section
from contracts.enums import CONCLUDED, State
from contracts.health import measures
from contracts.invoices import section as invoice_section
from contracts.models import Contract, Milestone
from contracts.models.contract import ContractQuerySet
from contracts.reuse import section as reuse_section
from marketplace.cache import public_page
from marketplace.dates import clock
from marketplace.dates.localtime import ZONE, day, local, to_utc
from marketplace.files.downloads import download, stored_download
from marketplace.ledger.entries import canonical
from marketplace.lists import FilterForm, WordsField, page
from marketplace.models import User
from marketplace.requests import PersonRequest
from marketplace.search import having
from opportunities.models import PublicBody
from vendors import taxes as vendor_taxes

PAGE = 20
Act = tuple[str, str]  # the label and the address of a button
TONES = {
    State.DRAFT: "neutral",
    State.OFFERED: "warn",
    State.VENDOR_SIGNED: "warn",
    State.ACTIVE: "ok",
    State.COMPLETED: "neutral",
    State.TERMINATED: "bad",
}


# What other modules show on the contract's page: (name in the context, template, section, before the conclusion too).
PARTS = [
    ("health", "contracts/_health.html", measures.section, False),
    ("milestones", "contracts/_milestones.html", delivery_section.section, True),
    ("invoices", "contracts/_invoices.html", invoice_section.section, False),
    ("changes", "contracts/_changes.html", amendment_section.section, False),
    ("passports", "contracts/_passports.html", reuse_section.section, False),
]


def badge(contract: Contract) -> dict[str, Any]:
    """{label, tone} of a contract: void when its award fell before the signatures."""
    if contract.is_void:
        return {"label": _("Sans effet"), "tone": "bad"}
    return {"label": contract.get_state_display(), "tone": TONES[contract.state]}


# --- One contract ----------------------------------------------------------------------------------------------------
@login_not_required
@public_page
@require_safe
def detail(request: HttpRequest, number: str) -> HttpResponse:
    """Public from the conclusion on; before it, and beside it, the workplace of both parties: what comes next first."""
    at, user = clock.now(), request.user
    contract = get_object_or_404(Contract.objects.visible_to(user, at=at).for_list(), number=number)
    shown = [part for part in PARTS if contract.is_public() or part[3]]
    sections = {name: section(contract, user, at) for name, _template, section, _early in shown}
    milestones = list(contract.milestones.all())
    entitled = rules.reads_all(contract, user)
    context = {
        "contract": contract,
        "badge": badge(contract),
        "amount": vendor_taxes.charged(contract.vendor, contract.value_cents),
        "parts": [template for _name, template, _section, _early in shown],
        "paid": sum(row.state == "paid" for row in milestones),
        "accepted": sum(row.state in {"accepted", "invoiced", "paid"} for row in milestones),
        "count": len(milestones),
        "events": history.events(contract, milestones, party=entitled),
        "entitled": entitled,
    }
    if entitled and user.is_authenticated:
        context |= _for_those_entitled(contract, user, milestones, at)
    return render(request, "contracts/detail.html", context | sections)


def _for_those_entitled(contract: Contract, user: User, milestones: list[Milestone], at: datetime) -> dict[str, Any]:
    """Documents and signatures; for the parties, what comes next."""
    party = rules.is_party(contract, user)
    return {
        "party": party,
        "documents": list(contract.documents.select_related("amendment")),
        "signatures": list(contract.signatures.filter(void_at=None)),
        "next": _next(contract, user, milestones, at) if party else None,
    }


def _say(
    title: str,
    body: str = "",
    *,
    tone: str = "info",
    acts: Iterable[Act] = (),
    items: Iterable[str] = (),
    filled: bool = True,
) -> dict[str, Any]:
    """One notice and its buttons: {tone, title, body, items, acts: [{label, url, primary}]}.

    filled: the first button is what comes next; False when the next step is somebody else's.
    """
    buttons = [{"label": label, "url": url, "primary": filled and rank == 0} for rank, (label, url) in enumerate(acts)]
    return {"tone": tone, "title": title, "body": body, "acts": buttons, "items": items}


def _next(contract: Contract, user: User, milestones: list[Milestone], at: datetime) -> dict[str, Any] | None:
    """Where the contract stands for this person of a party, and what to do."""
    if contract.is_void:
        return _say(
            _("L’attribution a été annulée : ce contrat est sans effet"), contract.award.reversal_reason, tone="bad"
        )
    if contract.state == State.DRAFT:
        return _next_draft(contract, user, at)
    if contract.state == State.OFFERED:
        return _next_offered(contract, user)
    if contract.state == State.VENDOR_SIGNED:
        return _next_signed(contract, user)
    if contract.state == State.ACTIVE:
        return _next_active(contract, user, milestones, at)
    return None


def _to(name: str, *args: Any) -> str:
    return reverse(f"contracts:{name}", args=args)


def _next_draft(contract: Contract, user: User, at: datetime) -> dict[str, Any]:
    reason, title = contract.state_reason, _("Contrat en préparation")
    if reason:
        title = _("Contrat à revoir")
    if not contract.can("offer", user):
        return _say(title, reason or _("Les personnes acheteuses et responsables de votre organisme le préparent."))
    lacks = missing(contract, at)
    prepare = (_("Modifier le contrat"), _to("prepare", contract.number))
    offer = (_("Envoyer à la signature"), _to("offer", contract.number))
    body = reason or (_("Il manque, pour l’envoyer à la signature :") if lacks else _("Relisez-le, puis envoyez-le."))
    acts = [prepare] if lacks else [offer, prepare]
    return _say(title, body, tone="warn" if reason else "info", items=lacks, acts=acts)


def _withdrawal(contract: Contract, user: User) -> list[Act]:
    if contract.can("withdraw_offer", user):
        return [(_("Reprendre le contrat"), _to("withdraw_offer", contract.number))]
    return []


def _next_offered(contract: Contract, user: User) -> dict[str, Any]:
    if contract.can("sign_as_vendor", user):
        acts = [(_("Lire et signer"), _to("sign", contract.number))]
        acts.append((_("Demander des changements"), _to("refuse_terms", contract.number)))
        return _say(_("Le contrat attend votre signature"), _("Lisez le PDF : c’est lui que vous signez."), acts=acts)
    if rules.works_there(contract, user):
        body = _("Vous recevrez un courriel s’il demande des changements; les responsables, dès qu’il aura signé.")
        if rules.is_officer(contract, user):
            body = _("Vous recevrez un courriel dès qu’il aura signé ou demandé des changements.")
        return _say(_("Le prestataire doit signer"), body, acts=_withdrawal(contract, user), filled=False)
    return _say(_("Le contrat est à signer"), why_not(contract, user, "sign_as_vendor"))


def _next_signed(contract: Contract, user: User) -> dict[str, Any]:
    if not rules.works_there(contract, user):
        body = _("Le contrat est conclu quand la personne signataire de l’organisme signe à son tour.")
        return _say(_("Le prestataire a signé : l’organisme doit conclure"), body)
    title = _("Le prestataire a signé : le contrat est à conclure")
    if contract.can("sign", user):
        acts = [(_("Conclure le contrat"), _to("sign", contract.number)), *_withdrawal(contract, user)]
        return _say(title, _("Votre signature engage l’organisme et rend le contrat public."), acts=acts)
    return _say(title, why_not(contract, user, "sign"), acts=_withdrawal(contract, user), filled=False)


def _next_active(contract: Contract, user: User, milestones: list[Milestone], at: datetime) -> dict[str, Any] | None:
    """The most pressing act of this person among the milestones, in their order."""
    number = contract.number
    states = ("planned", "delivered", "accepted")
    first = {state: next((row for row in milestones if row.state == state), None) for state in states}
    if rules.binds_vendor(contract, user):
        if first["accepted"]:
            title = _("Le jalon %d est accepté : facturez-le") % first["accepted"].position
            return _say(title, acts=[(_("Facturer"), _to("issue", number, first["accepted"].position))])
        if first["planned"]:
            title = _("Prochain jalon à livrer : %s") % first["planned"].title
            late = delivery_section.standing(first["planned"], local(at).date())["late"]
            acts = [(_("Livrer"), _to("deliver", number, first["planned"].position))]
            return _say(title, late, tone="warn" if late else "info", acts=acts)
    if rules.is_buyer(contract, user) and first["delivered"]:
        title = _("Le jalon %d est livré : examinez-le") % first["delivered"].position
        return _say(title, acts=[(_("Examiner"), _to("milestone", number, first["delivered"].position))])
    if rules.is_officer(contract, user):
        return _next_officer(contract, user, milestones)
    return None


def _next_officer(contract: Contract, user: User, milestones: list[Milestone]) -> dict[str, Any] | None:
    owed = [invoice for invoice in contract.invoices.all() if invoice.paid_at is None]
    if owed:
        first = min(owed, key=lambda invoice: (invoice.due_on, invoice.pk))
        values = {"number": first.number, "day": day(first.due_on)}
        title = _("La facture %(number)s est à payer au plus tard le %(day)s") % values
        return _say(title, acts=[(_("Voir la facture"), _to("invoice", first.number))])
    if all(row.state == "paid" for row in milestones):
        return _say(
            _("Tout est payé : le contrat peut se terminer"), acts=[(_("Terminer"), _to("complete", contract.number))]
        )
    return None


# --- Documents -------------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def document(request: PersonRequest, number: str, sha256: str) -> FileResponse:
    """A PDF that was offered or signed, byte for byte, as a download."""
    contract = contract_of(request, number, at=clock.now())
    document = contract.documents.filter(sha256=sha256).first()
    if document is None:
        raise Http404
    name = f"{number}-{document.kind}-{document.sha256[:12]}.pdf"
    response = stored_download(document.file, name, "application/pdf")
    return keep_read(contract, request.user, response, file=document.sha256)


@never_cache
@require_safe
def signatures(request: PersonRequest, number: str) -> HttpResponse:
    """The signed attestation of a concluded contract, in canonical JSON."""
    contract = contract_of(request, number, at=clock.now())
    if not contract.is_public():
        raise Http404
    content = canonical(signature_actions.attestation(contract)) + b"\n"
    return download(content, f"{number}-signatures.json", "application/json; charset=utf-8")


# --- Lists -----------------------------------------------------------------------------------------------------------
STATES = [(state.value, state.label) for state in CONCLUDED]


class ContractFilter(FilterForm):
    q = WordsField()
    organisme = forms.ChoiceField(required=False)
    etat = forms.ChoiceField(required=False, choices=STATES)
    annee = forms.ChoiceField(required=False)

    def rows(self, contracts: ContractQuerySet) -> ContractQuerySet:
        """Those that match."""
        contracts = contracts.filter(having("search_text", self.asked["q"]))
        if self.asked["organisme"]:
            contracts = contracts.filter(award__opportunity__body=self.asked["organisme"])
        if self.asked["etat"]:
            contracts = contracts.filter(state=self.asked["etat"])
        if year := self.asked["annee"]:
            start, end = (to_utc(datetime(int(year) + more, 1, 1)) for more in (0, 1))  # noqa: DTZ001 - local
            contracts = contracts.filter(signed_at__gte=start, signed_at__lt=end)
        return contracts


@login_not_required
@public_page
@require_safe
def contracts(request: HttpRequest) -> HttpResponse:
    """Concluded contracts, the last one first. Unknown values are left out."""
    public = Contract.objects.public()
    bodies = PublicBody.objects.filter(opportunities__awards__contract__in=public).distinct().order_by("sort_key", "pk")
    named = [(str(body.pk), body.name) for body in bodies]
    years = [str(instant.year) for instant in public.datetimes("signed_at", "year", order="DESC", tzinfo=ZONE)]
    form = ContractFilter(request.GET, organisme=named, annee=[(year, year) for year in years])
    order = ("-signed_at", "-pk")
    shown = page(request, form.rows(public).for_list(), order=order, size=PAGE, pairs=form.pairs)
    context = {
        "rows": [(contract, badge(contract)) for contract in shown.rows],
        "asked": form.asked,
        "filtered": bool(form.pairs),
        "bodies": named,
        "states": STATES,
        "years": years,
        "older": shown.older,
        "first": shown.first,
    }
    return render(request, "contracts/list.html", context)


@never_cache
@require_safe
def mine(request: PersonRequest) -> HttpResponse:
    """The contracts of one's bodies and of one's vendors, the last one first."""
    user = request.user
    rows = Contract.objects.of_body(user) | Contract.objects.of_vendor(user)
    shown = page(request, rows.for_list(), order=["-pk"], size=PAGE)
    context = {
        "rows": [(contract, badge(contract)) for contract in shown.rows],
        "own": True,
        "clauses_of": PublicBody.objects.filter(memberships__user=user).distinct().order_by("sort_key", "pk"),
        "older": shown.older,
        "first": shown.first,
    }
    return render(request, "contracts/list.html", context)


urlpatterns = [
    path("contrats/", contracts, name="list"),
    path("mes-contrats/", mine, name="mine"),
    path("contrats/<code:number>/", detail, name="detail"),
    path("contrats/<code:number>/documents/<slug:sha256>/", document, name="document"),
    path("contrats/<code:number>/signatures.json", signatures, name="signatures"),
]
