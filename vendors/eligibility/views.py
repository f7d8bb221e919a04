"""« Documents d’admissibilité »: a vendor's attestations, for its own people; strangers and administrators get 404.

A copy is also served to the people of a public body whose award names the vendor (`TaxAttestation.visible_to`).
"""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace import acts
from marketplace.acts import act_page, attempt
from marketplace.dates import clock
from marketplace.dates.localtime import day, local
from marketplace.files import kinds
from marketplace.files.downloads import stored_download
from marketplace.files.shelf import chosen
from marketplace.keep import data_of
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import known
from marketplace.requests import PersonRequest, way_back
from marketplace.twice.once import once
from vendors import rules
from vendors.eligibility import actions
from vendors.forms import AttestationForm
from vendors.models import Ineligibility, TaxAttestation, Vendor


def _vendor(request: PersonRequest, public_id: UUID) -> Vendor:
    return get_object_or_404(Vendor.objects.acted_for(request.user), public_id=public_id)


@act_page
def papers(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The list, and a form to add one for whoever commits the vendor; its members read. `suite`: where to go after."""
    on = local(clock.now()).date()
    vendor = _vendor(request, public_id)
    may_add, then = rules.may_add_papers(vendor, request.user), way_back(request)
    if request.method == "POST" and not may_add:
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire changent ses documents."))
    form = AttestationForm(data_of(request), chosen(request))
    if done := attempt(request, form, lambda: actions.declare(vendor, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Attestation ajoutée : valide jusqu’au %s.") % day(done.result.valid_through))
        return redirect(then or reverse("vendors:papers", args=[public_id]))
    context = {
        "vendor": vendor,
        "suite": then,
        "form": form,
        "may_add": may_add,
        "rows": [(row, row.valid_on(on)) for row in _attestations(request, vendor)],
        "barred": Ineligibility.objects.in_force(on).filter(vendor=vendor).order_by("pk"),
        "least": actions.attestation_from_cents(on),
    }
    return acts.show(request, "vendors/papers.html", context)


def _attestations(request: PersonRequest, vendor: Vendor) -> QuerySet[TaxAttestation]:
    rows = TaxAttestation.objects.visible_to(request.user).current().filter(vendor=vendor)
    return rows.order_by("-issued_on", "-pk")


@never_cache
@require_safe
def file(request: PersonRequest, public_id: UUID, paper_id: UUID) -> HttpResponseBase:
    """The copy, as a download."""
    rows = TaxAttestation.objects.visible_to(request.user).filter(vendor__public_id=public_id).select_related("vendor")
    paper = get_object_or_404(rows, public_id=paper_id)
    if not paper.file:
        raise Http404
    suffix = known(paper.file.name).rpartition(".")[2]
    copy = stored_download(paper.file, f"attestation-{paper.number}.{suffix}", kinds.PAPERS[suffix].media_type)
    if not rules.is_member(paper.vendor, request.user):
        ledger.record_read("file", f"vendor:{public_id}", by=request.user, at=clock.now(), file=str(paper.public_id))
    return copy


@never_cache
@require_POST
@once
def withdraw(request: PersonRequest, public_id: UUID, paper_id: UUID) -> HttpResponse:
    """Take back one that was typed wrong."""
    vendor = _vendor(request, public_id)
    rows = TaxAttestation.objects.visible_to(request.user).filter(vendor=vendor).select_related("vendor")
    paper = get_object_or_404(rows, public_id=paper_id)
    actions.withdraw(paper, by=request.user)
    messages.success(request, _("L’attestation n° %s est retirée : elle ne compte plus.") % paper.number)
    return redirect("vendors:papers", public_id=public_id)
