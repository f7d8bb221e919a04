"""« Documents d’admissibilité »: a vendor's attestations, for its own people; strangers and administrators get 404.

A copy is also served to the people of a public body whose award names the vendor (`TaxAttestation.visible_to`).
"""

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.dates import clock
from marketplace.dates.localtime import day, local
from marketplace.ledger import entries as ledger
from vendors import rules
from vendors.eligibility import actions
from vendors.forms import AttestationForm
from vendors.models import Ineligibility, TaxAttestation, Vendor


def _vendor(request: HttpRequest, public_id) -> Vendor:
    """One of those one acts for. Not Vendor.visible_to: administrators see all and act for none."""
    return get_object_or_404(Vendor.objects.filter(memberships__user=request.user), public_id=public_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def papers(request: HttpRequest, public_id) -> HttpResponse:
    """The list, and a form to add one for whoever commits the vendor; its members read."""
    on = local(clock.now()).date()
    vendor = _vendor(request, public_id)
    may_add = rules.may_add_papers(vendor, request.user)
    if request.method == "POST" and not may_add:
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire changent ses documents."))
    form = AttestationForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if form.is_bound and form.is_valid():
        typed = form.cleaned_data
        try:
            made = actions.declare(
                vendor, by=request.user, number=typed["number"], issued_on=typed["issued_on"], upload=typed["file"]
            )
        except ValidationError as error:
            for field, lines in error.message_dict.items():
                form.add_error(field, lines)
        else:
            messages.success(request, _("Attestation ajoutée : valide jusqu’au %s.") % day(made.valid_through))
            return redirect("vendors:papers", public_id=public_id)
    context = {
        "vendor": vendor,
        "form": form,
        "may_add": may_add,
        "rows": [(row, row.valid_on(on)) for row in _attestations(request, vendor)],
        "barred": Ineligibility.objects.in_force(on).filter(vendor=vendor).order_by("pk"),
        "least": actions.attestation_from_cents(on),
    }
    return render(request, "vendors/papers.html", context, status=422 if form.is_bound else 200)


def _attestations(request: HttpRequest, vendor: Vendor):
    rows = TaxAttestation.objects.visible_to(request.user).current().filter(vendor=vendor)
    return rows.order_by("-issued_on", "-pk")


@never_cache
@require_safe
def file(request: HttpRequest, public_id, paper_id) -> HttpResponse:
    """The copy, as a download."""
    rows = TaxAttestation.objects.visible_to(request.user).filter(vendor__public_id=public_id).select_related("vendor")
    found = get_object_or_404(rows, public_id=paper_id)
    if not found.file:
        raise Http404
    if not rules.is_member(found.vendor, request.user):
        ledger.record_read("file", f"vendor:{public_id}", by=request.user, at=clock.now(), file=str(found.public_id))
    name = f"attestation-{found.number}.pdf"
    answer = FileResponse(found.file.open("rb"), as_attachment=True, filename=name, content_type="application/pdf")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@never_cache
@require_POST
def withdraw(request: HttpRequest, public_id, paper_id) -> HttpResponse:
    """Take back one that was typed wrong."""
    vendor = _vendor(request, public_id)
    rows = TaxAttestation.objects.visible_to(request.user).filter(vendor=vendor).select_related("vendor")
    found = get_object_or_404(rows, public_id=paper_id)
    actions.withdraw(found, by=request.user)
    messages.success(request, _("L’attestation n° %s est retirée : elle ne compte plus.") % found.number)
    return redirect("vendors:papers", public_id=public_id)
