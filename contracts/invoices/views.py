"""Pages of invoices: the list, one invoice, issuing; and a vendor's tax numbers.

An invoice's own page is for the parties and for auditors; everybody else gets 404.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts import rules
from contracts.access import contract_of, invoice_of, milestone_of
from contracts.enums import LIVE_PAYMENTS
from contracts.invoices import actions, interest
from contracts.invoices.actions import Bill
from contracts.invoices.forms import IssueForm, TaxForm
from contracts.invoices.section import standing
from contracts.models import Contract, Invoice
from contracts.payments.history import history
from marketplace.acts import ConfirmForm, act_page, attempt, show
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.files.downloads import stored_download
from marketplace.keep import data_of
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, gate
from marketplace.lists import page
from marketplace.requests import PersonRequest, way_back
from vendors import rules as vendor_rules
from vendors.models import TaxRegistration, Vendor

PAGE = 20
TABS = ("a-payer", "en-retard", "payees")


# --- The list --------------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def invoices(request: PersonRequest) -> HttpResponse:
    """`/factures/`: those of one's bodies and vendors, or all of them for auditors; first what must be paid first."""
    at = clock.now()
    today = local(at).date()
    seen = Invoice.objects.visible_to(request.user, at=at)
    late = Q(paid_at=None, due_on__lt=today)
    counts = seen.aggregate(
        to_pay=Count("pk", filter=Q(paid_at=None)), late=Count("pk", filter=late),
        paid=Count("pk", filter=Q(paid_at__isnull=False)),
    )  # fmt: skip
    tab = request.GET.get("etat")
    tab = tab if tab in TABS else TABS[0]
    # What is owed: the first due first; what is paid: the last due first.
    order = ("-due_on", "-pk") if tab == "payees" else ("due_on", "pk")
    where = {"a-payer": Q(paid_at=None), "en-retard": late, "payees": Q(paid_at__isnull=False)}[tab]
    shown = page(request, seen.for_list().filter(where), order=order, size=PAGE, pairs=[("etat", tab)])
    labels = {"a-payer": _("À payer"), "en-retard": _("En retard"), "payees": _("Payées")}
    numbers = dict(zip(TABS, (counts["to_pay"], counts["late"], counts["paid"]), strict=True))
    context = {
        "tabs": [{"url": f"?etat={t}", "label": labels[t], "count": numbers[t], "current": t == tab} for t in TABS],
        "tab": tab,
        "rows": [{"invoice": invoice, "state": standing(invoice, today)} for invoice in shown.rows],
        "older_url": shown.older,
        "first_url": shown.first,
    }
    return render(request, "contracts/invoices.html", context)


# --- One invoice -----------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def invoice(request: PersonRequest, number: str) -> HttpResponse:
    """Facts, lines, taxes, what is late and its interest, payments."""
    at = clock.now()
    shown = invoice_of(request, number, at=at)
    contract, user = shown.contract, request.user
    days = actions.days_late(shown, at=at)
    cents = actions.interest_cents(shown, at=at) if days else 0
    binds, officer = rules.binds_vendor(contract, user), rules.is_officer(contract, user)
    claim = shown.claims.first()
    payments = history(shown, user)
    waits = shown.paid_at is None and not any(payment.state in LIVE_PAYMENTS for payment in payments)
    context = {
        "invoice": shown,
        "contract": contract,
        "state": standing(shown, local(at).date()),
        "paid_on": actions.paid_on(shown),
        "days": days,
        "interest_cents": cents,
        "claim": claim,
        "can_claim": binds and interest.claimable(cents) and actions.can_claim(shown),
        "can_pay": waits and rules.can_pay(shown, user),
        "accepted_it": waits and officer and user.pk == shown.accepted_by_id,
        "payments": payments,
        "terms": _(shown.details["terms"]),
    }
    return render(request, "contracts/invoice.html", context)


@never_cache
@require_safe
def invoice_pdf(request: PersonRequest, number: str) -> FileResponse:
    """The invoice as it was issued."""
    at = clock.now()
    invoice = invoice_of(request, number, at=at)
    download = stored_download(invoice.file, f"{invoice.number}.pdf", "application/pdf")
    if not rules.is_vendor_person(invoice.contract, request.user):
        ledger.record_read("file", f"invoice:{invoice.number}", by=request.user, at=at, file=invoice.sha256)
    return download


# --- Issuing ---------------------------------------------------------------------------------------------------------
@act_page
def issue(request: PersonRequest, number: str, position: int) -> HttpResponse:
    """The invoice of an accepted milestone: shown to the cent, then issued."""
    at = clock.now()
    milestone = milestone_of(contract_of(request, number, at=at), position)
    gate(milestone, "invoice", request.user)

    def make(typed: dict[str, Any]) -> Invoice:
        return actions.issue(
            milestone, by=request.user, reference=typed["reference"], seen_cents=typed["total"]
        )  # fmt: skip

    return _issuing(
        request, milestone.contract, "contracts/issue.html", lambda: actions.bill_of_milestone(milestone, at=at),
        make, milestone=milestone,
    )  # fmt: skip


@act_page
def holdback(request: PersonRequest, number: str) -> HttpResponse:
    """The invoice of what was held back, once everything is accepted and invoiced."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    if not rules.binds_vendor(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_release(contract):
        raise IllegalMove(_("La retenue ne peut pas être facturée maintenant."))

    def make(typed: dict[str, Any]) -> Invoice:
        return actions.release_holdback(
            contract, by=request.user, reference=typed["reference"], seen_cents=typed["total"]
        )  # fmt: skip

    return _issuing(
        request, contract, "contracts/holdback.html", lambda: actions.bill_of_holdback(contract, at=at), make
    )


def _issuing(
    request: PersonRequest, contract: Contract, template: str, preview: Callable[[], Bill],
    make: Callable[[dict[str, Any]], Invoice], **extra: Any,
) -> HttpResponse:  # fmt: skip
    """The common part: the amounts on the screen, the form, the verb. Without tax numbers: where to give them."""
    data = data_of(request)
    form = IssueForm(data)
    if issued := attempt(request, form, lambda: make(form.cleaned_data)):
        messages.success(request, _("Facture %s émise. L’organisme l’a reçue.") % issued.result.number)
        return redirect(issued.result)
    bill = None
    registered = TaxRegistration.objects.filter(vendor=contract.vendor).first()
    if registered is not None:
        bill = preview()
        if data is None:
            form.initial["total"] = bill.total_cents
        else:  # the amount may have changed: what is posted next is what is shown now
            data = data.copy()
            data["total"] = str(bill.total_cents)
            form.data = data
    back = urlencode({"suite": request.path})
    context = {
        "contract": contract,
        "form": form,
        "bill": bill,
        "registered": registered,
        "taxes_url": f"{reverse('contracts:taxes', args=[contract.vendor.public_id])}?{back}",
    } | extra
    return show(request, template, context)


@act_page
def claim(request: PersonRequest, number: str) -> HttpResponse:
    """« Réclamer les intérêts » of an invoice paid late: how they are counted, then the invoice."""
    at = clock.now()
    shown = invoice_of(request, number, at=at)
    if not rules.binds_vendor(shown, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_claim(shown):
        raise IllegalMove(_("Les intérêts se réclament une fois, quand la facture est payée."))
    form = ConfirmForm(data_of(request))
    if claimed := attempt(request, form, lambda: actions.claim_interest(shown, by=request.user)):
        messages.success(request, _("Facture d’intérêts %s émise. L’organisme l’a reçue.") % claimed.result.number)
        return redirect(claimed.result)
    cents = actions.interest_cents(shown, at=at)
    context = {
        "invoice": shown,
        "contract": shown.contract,
        "form": form,
        "days": actions.days_late(shown, at=at),
        "paid_on": actions.paid_on(shown),
        "interest_cents": cents,
        "claimable": interest.claimable(cents),
        "least_cents": settings.LATE_INTEREST_MINIMUM_CENTS,
    }
    return show(request, "contracts/interest.html", context)


# --- Tax numbers -----------------------------------------------------------------------------------------------------
@act_page
def taxes(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """`/prestataires/<uuid>/taxes/`: for the vendor's people; owners and administrators change them."""
    vendor = get_object_or_404(Vendor.objects.filter(memberships__user=request.user), public_id=public_id)
    may_change = vendor_rules.may_bind(vendor, request.user)
    if request.method == "POST" and not may_change:
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire changent ses taxes."))
    registered = TaxRegistration.objects.filter(vendor=vendor).first()
    form = TaxForm(data_of(request), initial=TaxForm.first(registered))
    then = way_back(request)
    if attempt(request, form, lambda: actions.register_taxes(vendor, by=request.user, **form.registration())):
        messages.success(request, _("Vos taxes sont inscrites. Les factures déjà émises ne changent pas."))
        return redirect(then or reverse("contracts:taxes", args=[public_id]))
    context = {"vendor": vendor, "form": form, "kept": registered, "may_change": may_change, "suite": then}
    return show(request, "contracts/tax.html", context)


urlpatterns = [
    path("factures/", invoices, name="invoices"),
    path("factures/<code:number>/", invoice, name="invoice"),
    path("factures/<code:number>/pdf", invoice_pdf, name="invoice_pdf"),
    path("factures/<code:number>/interets/", claim, name="claim_interest"),
    path("contrats/<code:number>/jalons/<int:position>/facturer/", issue, name="issue"),
    path("contrats/<code:number>/retenue/", holdback, name="holdback"),
    path("prestataires/<uuid:public_id>/taxes/", taxes, name="taxes"),
]
