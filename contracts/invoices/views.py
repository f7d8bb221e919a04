"""Pages of invoices: on the contract's page, the list, one invoice, issuing; and a vendor's tax numbers.

An invoice's own page is for the parties and for auditors; everybody else gets 404.
"""

from datetime import UTC, date, datetime, time

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, prefetch_related_objects
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from contracts import rules
from contracts.deliveries.views import contract_of, milestone_of
from contracts.enums import LIVE_PAYMENTS
from contracts.invoices import actions, interest
from contracts.invoices.forms import IssueForm, TaxForm
from contracts.models import Contract, Invoice, Milestone, TaxRegistration
from contracts.payments import views as payment_views
from marketplace import cursors
from marketplace.acts import ConfirmForm, show_at
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of, keeps_typed
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, gate
from vendors import rules as vendor_rules
from vendors.models import Vendor

PAGE = 20
TABS = ("a-payer", "en-retard", "payees")


# --- Paid, due, late -------------------------------------------------------------------------------------------------
def standing(invoice: Invoice, today: date) -> dict:
    """{label, tone, days}: « À payer », « En retard de 12 jours », « Payée »; `days` late while it is owed."""
    if invoice.paid_at is not None:
        return {"label": _("Payée"), "tone": "ok", "days": 0}
    days = interest.days_late(invoice.due_on, today)
    if days:
        label = ngettext("En retard de %d jour", "En retard de %d jours", days) % days
        return {"label": label, "tone": "bad", "days": days}
    return {"label": _("À payer"), "tone": "info", "days": 0}


# --- On the contract's page ------------------------------------------------------------------------------------------
def section(contract: Contract, user, at) -> dict:
    """Context of templates/contracts/_invoices.html. Everybody reads amounts and dates; links are for the parties."""
    prefetch_related_objects([contract], "milestones__criteria", "invoices")
    reads, binds = rules.reads_all(contract, user), contract.is_public() and rules.binds_vendor(contract, user)
    today = local(at).date()
    invoices = sorted(contract.invoices.all(), key=lambda invoice: invoice.pk)
    ready = [m for m in contract.milestones.all() if binds and m.state == "accepted"]
    return {
        "rows": [{"invoice": i, "state": standing(i, today), "url": i.get_absolute_url() if reads else ""}
                 for i in invoices],
        "to_invoice": [{"milestone": m, "url": _issue_url(m)} for m in ready],
        "release_url": reverse("contracts:holdback", args=[contract.number])
        if binds and actions.can_release(contract) else "",
        "held_cents": sum(i.holdback_cents for i in invoices)
        if not any(i.kind == "holdback" for i in invoices) else 0,
        "holdback_percent": contract.holdback_percent,
        "before_cents": sum(i.before_cents for i in invoices if i.kind != "interest"),
        "taxes_url": reverse("contracts:taxes", args=[contract.vendor.public_id])
        if binds and not TaxRegistration.objects.filter(vendor=contract.vendor).exists() else "",
    }  # fmt: skip


def _issue_url(milestone: Milestone) -> str:
    return reverse("contracts:issue", args=[milestone.contract.number, milestone.position])


# --- The list --------------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def invoices(request: HttpRequest) -> HttpResponse:
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
    rows, older = _rows(seen, tab, late, request.GET.get("apres", ""))
    labels = {"a-payer": _("À payer"), "en-retard": _("En retard"), "payees": _("Payées")}
    numbers = dict(zip(TABS, (counts["to_pay"], counts["late"], counts["paid"]), strict=True))
    context = {
        "tabs": [{"url": f"?etat={t}", "label": labels[t], "count": numbers[t], "current": t == tab} for t in TABS],
        "tab": tab,
        "rows": [{"invoice": row, "state": standing(row, today)} for row in rows],
        "older_url": f"?{urlencode({'etat': tab, 'apres': older})}" if older else "",
        "first_url": f"?etat={tab}" if request.GET.get("apres") else "",
    }
    return render(request, "contracts/invoices.html", context)


def _rows(seen, tab: str, late: Q, after: str) -> tuple[list[Invoice], str]:
    """A page and the cursor of the next one. What is owed: the first due first; what is paid: the last due first."""
    paid = tab == "payees"
    where = {"a-payer": Q(paid_at=None), "en-retard": late, "payees": Q(paid_at__isnull=False)}[tab]
    rows = seen.for_list().filter(where).order_by(*(("-due_on", "-pk") if paid else ("due_on", "pk")))
    cursor = cursors.read(after)
    if cursor:
        day, pk = cursor[0].date(), cursor[1]
        beyond = "lt" if paid else "gt"
        rows = rows.filter(Q(**{f"due_on__{beyond}": day}) | Q(**{"due_on": day, f"pk__{beyond}": pk}))
    page = list(rows[: PAGE + 1])
    last = page[PAGE - 1] if len(page) > PAGE else None
    return page[:PAGE], cursors.written(datetime.combine(last.due_on, time.min, UTC), last.pk) if last else ""


# --- One invoice -----------------------------------------------------------------------------------------------------
def _invoice(request: HttpRequest, number: str, *, at) -> Invoice:
    rows = Invoice.objects.visible_to(request.user, at=at).for_list().select_related("accepted_by", "about")
    return get_object_or_404(rows, number=number)


@never_cache
@require_safe
def invoice(request: HttpRequest, number: str) -> HttpResponse:
    """Facts, lines, taxes, what is late and its interest, payments."""
    at = clock.now()
    shown = _invoice(request, number, at=at)
    contract, user = shown.contract, request.user
    days = actions.days_late(shown, at=at)
    cents = actions.interest_cents(shown, at=at) if days else 0
    binds, officer = rules.binds_vendor(contract, user), rules.is_officer(contract, user)
    claim = shown.claims.first()
    payments = payment_views.history(shown, user)
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
def invoice_pdf(request: HttpRequest, number: str) -> HttpResponse:
    """The invoice as it was issued."""
    at = clock.now()
    found = _invoice(request, number, at=at)
    if not rules.is_vendor_person(found.contract, request.user):
        ledger.record_read("file", f"invoice:{found.number}", by=request.user, at=at, file=found.sha256)
    answer = FileResponse(
        found.file.open("rb"), as_attachment=True, filename=f"{found.number}.pdf", content_type="application/pdf"
    )
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


# --- Issuing ---------------------------------------------------------------------------------------------------------
@never_cache
@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
def issue(request: HttpRequest, number: str, position: int) -> HttpResponse:
    """The invoice of an accepted milestone: shown to the cent, then issued."""
    at = clock.now()
    milestone = milestone_of(contract_of(request, number, at=at), position)
    gate(milestone, "invoice", request.user)

    def make(typed: dict) -> Invoice:
        return actions.issue(
            milestone, by=request.user, reference=typed["reference"], seen_cents=typed["total"]
        )  # fmt: skip

    return _issuing(
        request, milestone.contract, "contracts/issue.html", lambda: actions.bill_of_milestone(milestone, at=at),
        make, milestone=milestone,
    )  # fmt: skip


@never_cache
@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
def holdback(request: HttpRequest, number: str) -> HttpResponse:
    """The invoice of what was held back, once everything is accepted and invoiced."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    if not rules.binds_vendor(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_release(contract):
        raise IllegalMove(_("La retenue ne peut pas être facturée maintenant."))

    def make(typed: dict) -> Invoice:
        return actions.release_holdback(
            contract, by=request.user, reference=typed["reference"], seen_cents=typed["total"]
        )  # fmt: skip

    return _issuing(
        request, contract, "contracts/holdback.html", lambda: actions.bill_of_holdback(contract, at=at), make
    )


def _issuing(request: HttpRequest, contract: Contract, template: str, preview, make, **extra) -> HttpResponse:
    """The common part: the amounts on the screen, the form, the verb. Without tax numbers: where to give them."""
    form = IssueForm(data_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = make(form.cleaned_data)
        except ValidationError as error:
            show_at(form, error)
        else:
            messages.success(request, _("Facture %s émise. L’organisme l’a reçue.") % made.number)
            return redirect(made)
    bill = None
    registered = TaxRegistration.objects.filter(vendor=contract.vendor).first()
    if registered is not None:
        bill = preview()
        if form.is_bound:  # the amount may have changed: what is posted next is what is shown now
            form.data = form.data.copy()
            form.data["total"] = bill.total_cents
        else:
            form.initial["total"] = bill.total_cents
    back = urlencode({"suite": request.path})
    context = {
        "contract": contract,
        "form": form,
        "bill": bill,
        "registered": registered,
        "taxes_url": f"{reverse('contracts:taxes', args=[contract.vendor.public_id])}?{back}",
    } | extra
    return render(request, template, context, status=422 if request.method == "POST" else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: HttpRequest, number: str) -> HttpResponse:
    """« Réclamer les intérêts » of an invoice paid late: how they are counted, then the invoice."""
    at = clock.now()
    shown = _invoice(request, number, at=at)
    if not rules.binds_vendor(shown, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not actions.can_claim(shown):
        raise IllegalMove(_("Les intérêts se réclament une fois, quand la facture est payée."))
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.claim_interest(shown, by=request.user)
        except ValidationError as error:
            show_at(form, error)
        else:
            messages.success(request, _("Facture d’intérêts %s émise. L’organisme l’a reçue.") % made.number)
            return redirect(made)
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
    return render(request, "contracts/interest.html", context, status=422 if request.method == "POST" else 200)


# --- Tax numbers -----------------------------------------------------------------------------------------------------
@never_cache
@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
def taxes(request: HttpRequest, public_id) -> HttpResponse:
    """`/prestataires/<uuid>/taxes/`: for the vendor's people; owners and administrators change them."""
    vendor = get_object_or_404(Vendor.objects.filter(memberships__user=request.user), public_id=public_id)
    may_change = vendor_rules.may_bind(vendor, request.user)
    if request.method == "POST" and not may_change:
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire changent ses taxes."))
    kept = TaxRegistration.objects.filter(vendor=vendor).first()
    form = TaxForm(data_of(request), initial=TaxForm.first(kept))
    then = _safe_return(request)
    if request.method == "POST" and form.is_valid():
        try:
            actions.register_taxes(vendor, by=request.user, **form.registration())
        except ValidationError as error:
            show_at(form, error)
        else:
            messages.success(request, _("Vos taxes sont inscrites. Les factures déjà émises ne changent pas."))
            return redirect(then or reverse("contracts:taxes", args=[public_id]))
    context = {"vendor": vendor, "form": form, "kept": kept, "may_change": may_change, "suite": then}
    return render(request, "contracts/tax.html", context, status=422 if request.method == "POST" else 200)


def _safe_return(request: HttpRequest) -> str:
    """The page of ours to go back to, or an empty text."""
    then = request.POST.get("suite") or request.GET.get("suite") or ""
    safe = url_has_allowed_host_and_scheme(then, {request.get_host()}, require_https=request.is_secure())
    return then if safe else ""


urlpatterns = [
    path("factures/", invoices, name="invoices"),
    path("factures/<code:number>/", invoice, name="invoice"),
    path("factures/<code:number>/pdf", invoice_pdf, name="invoice_pdf"),
    path("factures/<code:number>/interets/", claim, name="claim_interest"),
    path("contrats/<code:number>/jalons/<int:position>/facturer/", issue, name="issue"),
    path("contrats/<code:number>/retenue/", holdback, name="holdback"),
    path("prestataires/<uuid:public_id>/taxes/", taxes, name="taxes"),
]
