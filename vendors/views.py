"""One's vendors: the list, a new one, its page. Strangers get 404; members read, owners and administrators change."""

from copy import copy
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.acts import act_page, attempt, show
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.ledger import entries as ledger
from marketplace.models import User
from marketplace.requests import PersonRequest, way_back
from vendors import rules
from vendors.forms import InviteForm, VendorForm
from vendors.models import Invitation, Vendor, VendorMembership


@never_cache
@require_safe
def mine(request: PersonRequest) -> HttpResponse:
    """The vendors one acts for, with one's role in each."""
    memberships = request.user.vendor_memberships.select_related("vendor").order_by("vendor__sort_key", "pk")
    invitations = Invitation.objects.addressed_to(request.user).select_related("vendor", "invited_by").order_by("pk")
    return render(request, "vendors/mine.html", {"memberships": memberships, "invitations": invitations})


@act_page
def create(request: PersonRequest) -> HttpResponse:
    """A new vendor; whoever creates it owns it. `?nature=individual` chooses, `?suite=` says where to go after."""
    now, data = clock.now(), data_of(request)
    then = way_back(request, data)
    kind = request.GET.get("nature")
    initial = {"kind": kind if kind in Vendor.Kind.values else Vendor.Kind.COMPANY, "email": request.user.email}
    form = VendorForm(data, initial=initial)
    if made := attempt(request, form, lambda: _create(form, by=request.user, at=now)):
        messages.success(request, _("« %s » est inscrit. Vous en êtes propriétaire.") % made.result.legal_name)
        _notice_neq(request, form)
        return redirect(then or reverse("vendors:mine"))
    context = {"form": form, "suite": then, "why_not": request.user.why_not_vendor()}
    return show(request, "vendors/form.html", context)


def _create(form: VendorForm, *, by: User, at: datetime) -> Vendor:
    """The vendor of a valid form, with its owner; ValidationError when this person may not have one."""
    with transaction.atomic():
        if why := by.locked().why_not_vendor():
            raise ValidationError(why)
        form.instance.created_at = at
        vendor: Vendor = form.save()
        VendorMembership.objects.create(user=by, vendor=vendor, role=VendorMembership.Role.OWNER)
        ledger.record("vendor.create", f"vendor:{vendor.public_id}", by=by, at=at, kind=vendor.kind)
    return vendor


def with_people(user: User) -> QuerySet[Vendor]:
    """The vendors this person may see, each with `people`, its memberships."""
    everybody = VendorMembership.objects.select_related("user").order_by("pk")
    return Vendor.objects.visible_to(user).prefetch_related(
        Prefetch("memberships", queryset=everybody, to_attr="people")
    )


@act_page
def edit(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """A vendor's page: its fields to change for those who commit it, to read for the others."""
    now = clock.now()
    vendor = get_object_or_404(with_people(request.user), public_id=public_id)
    data = data_of(request)
    if data is None:
        return page(request, vendor)
    if request.method != "POST":
        return page(request, vendor, form=VendorForm(data, instance=copy(vendor)))  # the page shows what is stored
    if not rules.can_edit(vendor, request.user):
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire modifient sa fiche."))
    form = VendorForm(data, instance=copy(vendor))
    if not attempt(request, form, lambda: _change(vendor, data, by=request.user, at=now)):
        return page(request, vendor, form=form)
    messages.success(request, _("La fiche est à jour. Les dépôts déjà faits gardent celle qu’ils portent."))
    _notice_neq(request, form)
    return redirect("vendors:edit", public_id=public_id)


def _change(vendor: Vendor, typed: QueryDict, *, by: User, at: datetime) -> None:
    """Write what was typed over what is stored now: of the same words twice at once, the second change nothing."""
    with transaction.atomic():
        form = VendorForm(typed, instance=Vendor.objects.select_for_update().get(pk=vendor.pk))
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        if form.changed_data:
            form.save()
            changed = sorted(form.changed_data)  # names of fields, never their content
            ledger.record("vendor.edit", f"vendor:{vendor.public_id}", by=by, at=at, fields=changed)


def page(
    request: PersonRequest,
    vendor: Vendor,
    *,
    form: VendorForm | None = None,
    invite_form: InviteForm | None = None,
) -> HttpResponse:
    """The vendor's page; 422 when one of its two forms was posted and refused. `vendor` comes from `with_people`.

    form, invite_form: with what was typed.
    """
    may_edit = rules.can_edit(vendor, request.user)
    context = {
        "vendor": vendor,
        "name": vendor.legal_name,
        "form": form or VendorForm(instance=vendor),
        "invite_form": invite_form or InviteForm(auto_id="invite_%s"),
        "invitations": vendor.invitations.pending().order_by("pk") if may_edit else [],
        "may_edit": may_edit,
        "owns": rules.is_owner(vendor, request.user),
        "facts": _facts(vendor),
    }
    return show(request, "vendors/edit.html", context)


def _notice_neq(request: PersonRequest, form: VendorForm) -> None:
    if form.unusual_neq():
        messages.warning(
            request,
            _("Le NEQ %s ne ressemble pas à ceux du Registraire des entreprises : vérifiez-le. Il est enregistré.")
            % form.cleaned_data["neq"],
        )


def _facts(vendor: Vendor) -> list[dict[str, Any]]:
    address = [vendor.street, vendor.street2, vendor.city, vendor.province, vendor.postal_code, vendor.country]
    rows = [
        (_("Nature"), vendor.get_kind_display()),
        (_("Nom légal"), vendor.legal_name),
        (_("NEQ"), vendor.neq or _("Aucun")),
        (_("Courriel"), vendor.email),
        (_("Téléphone"), vendor.phone or _("Aucun")),
        (_("Adresse"), ", ".join(part for part in address if part)),
        (_("Région"), vendor.get_region_display() or _("Hors du Québec ou non précisée")),
    ]
    return [{"label": label, "value": value} for label, value in rows]
