"""Archiving a vendor and taking it back: by its owners on its page, by administrators from theirs."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.acts import Page, act_page, attempt, show
from marketplace.administration import administrators_only
from marketplace.keep import data_of
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from vendors import rules
from vendors.archive import actions
from vendors.models import Vendor

ARCHIVE = Page(
    title=gettext_lazy("Archiver ce prestataire"),
    lead=gettext_lazy(
        "Il ne pourra plus commencer ni déposer de proposition. Les dépôts déjà faits comptent toujours; son équipe "
        "peut d’abord les retirer. Les contrats, les factures et les paiements continuent. Il pourra être rétabli à "
        "tout moment."
    ),
    submit=gettext_lazy("Archiver"),
    danger=True,
)
RESTORE = Page(
    title=gettext_lazy("Rétablir ce prestataire"),
    lead=gettext_lazy("Il pourra de nouveau commencer et déposer des propositions."),
    submit=gettext_lazy("Rétablir"),
)


@act_page
def archive(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """An owner's page."""
    vendor = get_object_or_404(Vendor.objects.acted_for(request.user), public_id=public_id)
    return _page(request, vendor, back=reverse("vendors:edit", args=[public_id]))


@administrators_only
@act_page
def pilot_archive(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The same, by an administrator."""
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), public_id=public_id)
    return _page(request, vendor, back=reverse("admin:vendors_vendor_change", args=[vendor.pk]))


def _page(request: PersonRequest, vendor: Vendor, *, back: str) -> HttpResponse:
    archived = vendor.archived_at is not None
    verb = actions.restore if archived else actions.archive
    form = ReasonForm(data_of(request), help_text=_("L’équipe de ce prestataire le lira, et le registre le garde."))

    def call() -> Any:
        return verb(vendor, by=request.user, reason=form.cleaned_data.get("reason", ""))

    if attempt(request, form, call, may=rules.may_archive(vendor, request.user)):
        said = _("« %s » est rétabli.") if archived else _("« %s » est archivé.")
        messages.success(request, said % vendor.legal_name)
        return redirect(back)
    may = rules.may_archive(vendor, request.user)
    context = {"page": RESTORE if archived else ARCHIVE, "form": form, "back": back, "vendor": vendor, "may": may}
    return show(request, "vendors/archive.html", context)
