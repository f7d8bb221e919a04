"""The people of a vendor: inviting, answering an invitation, roles, leaving. Strangers get 404."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.acts import Page, act_page, attempt, show
from marketplace.administration import administrators_only
from marketplace.keep import data_of, typed_before
from marketplace.requests import PersonRequest
from marketplace.twice.once import once
from vendors import rules, views
from vendors.forms import InviteForm, NewOwnerForm, RoleForm
from vendors.members import actions
from vendors.models import Invitation, Vendor, VendorMembership


def _vendor(request: PersonRequest, public_id: UUID) -> Vendor:
    return get_object_or_404(views.with_people(request.user), public_id=public_id)


@act_page
def invite(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Send an invitation; the answer is the same whether the address has an account or not.

    A GET is for what was typed before the session ended: the form is on the vendor's page.
    """
    vendor, data = _vendor(request, public_id), data_of(request)
    if data is None:
        return redirect("vendors:edit", public_id=public_id)
    form = InviteForm(data, auto_id="invite_%s")

    def verb() -> Invitation:
        typed = form.cleaned_data
        return actions.invite(vendor, by=request.user, email=typed.get("email", ""), role=typed.get("role", ""))

    if done := attempt(request, form, verb, may=rules.may_bind(vendor, request.user)):
        messages.success(request, _("Invitation envoyée à %s.") % done.result.email)
        return redirect("vendors:edit", public_id=public_id)
    return views.page(request, vendor, invite_form=form)


@never_cache
@require_POST
@once
def withdraw(request: PersonRequest, public_id: UUID, invitation_id: UUID) -> HttpResponse:
    """Take back an invitation that nobody answered."""
    vendor = _vendor(request, public_id)
    invitation = get_object_or_404(vendor.invitations.all(), public_id=invitation_id)
    actions.withdraw(invitation, by=request.user)
    messages.success(request, _("L’invitation de %s est retirée.") % invitation.email)
    return redirect("vendors:edit", public_id=public_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@once
def invitation(request: PersonRequest, invitation_id: UUID) -> HttpResponse:
    """What accepting means, for whoever has confirmed the address; then the answer."""
    rows = Invitation.objects.addressed_to(request.user).select_related("vendor", "invited_by")
    offer = get_object_or_404(rows, public_id=invitation_id)
    name, answer = offer.vendor.legal_name, request.POST.get("answer")
    why_not = request.user.why_not_vendor()
    if answer == "accept":
        try:
            actions.accept(offer, by=request.user)
        except ValidationError as error:  # one button, and no field: a notice says it
            why_not = " ".join(error.messages)
        else:
            messages.success(request, _("Vous agissez maintenant pour « %s ».") % name)
            return redirect("vendors:edit", public_id=offer.vendor.public_id)
    if answer == "decline":
        actions.decline(offer, by=request.user)
        messages.success(request, _("Vous avez décliné l’invitation de « %s ».") % name)
        return redirect("vendors:mine")
    status = 422 if request.method == "POST" else 200
    return render(request, "vendors/invitation.html", {"invitation": offer, "why_not": why_not}, status=status)


@act_page
def member(request: PersonRequest, public_id: UUID, person_id: UUID) -> HttpResponse:
    """One of the vendor's people: an owner changes the role or removes; anybody leaves, but the last owner."""
    vendor = _vendor(request, public_id)
    rows = VendorMembership.objects.filter(vendor=vendor).select_related("user", "vendor")
    membership = get_object_or_404(rows, user__public_id=person_id)
    owns, oneself = rules.is_owner(vendor, request.user), membership.user_id == request.user.pk
    context: dict[str, Any] = {
        "vendor": vendor,
        "member": membership,
        "form": RoleForm(typed_before(request), initial={"role": membership.role}),
        "oneself": oneself,
        "may_change": owns,
        "may_remove": owns or oneself,
    }
    if request.method != "POST":
        return render(request, "vendors/member.html", context)
    try:
        if request.POST.get("act") == "remove":
            return _remove(request, membership)
        context["form"] = form = RoleForm(request.POST)
        if form.is_valid() or not owns:  # who asks comes first: a refusal must not look like a form to correct
            actions.change_role(membership, by=request.user, role=form.cleaned_data.get("role", ""))
            messages.success(request, _("Le rôle est à jour."))
            return redirect("vendors:edit", public_id=public_id)
    except ValidationError as error:  # two acts on one page: a notice says what either refuses
        context["refused"] = " ".join(error.messages)
    return render(request, "vendors/member.html", context, status=422)


NEW_OWNER = Page(
    title=gettext_lazy("Nommer une autre personne propriétaire"),
    lead=gettext_lazy(
        "Pour un prestataire dont les propriétaires sont partis ou absents. Vérifiez d’abord que la personne peut agir "
        "pour l’entreprise, par exemple au Registraire des entreprises. Toute l’équipe en est avertie."
    ),
    submit=gettext_lazy("Nommer"),
    tone="warn",
)


@administrators_only
@act_page
def new_owner(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """An administrator's page, for a vendor whose owners are away."""
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), public_id=public_id)
    back = reverse("admin:vendors_vendor_change", args=[vendor.pk])
    form = NewOwnerForm(data_of(request), help_text=_("L’équipe de ce prestataire le lira, et le registre le garde."))

    def verb() -> VendorMembership | None:
        return actions.new_owner(vendor, by=request.user, **form.cleaned_data)

    if done := attempt(request, form, verb):
        said = _("%s est propriétaire.") % done.result.user if done.result else _("Invitation envoyée.")
        messages.success(request, said)
        return redirect(back)
    context = {"page": NEW_OWNER, "form": form, "back": back, "vendor": vendor, "may": True}
    return show(request, "vendors/archive.html", context)


def _remove(request: PersonRequest, membership: VendorMembership) -> HttpResponse:
    vendor = membership.vendor
    actions.remove(membership, by=request.user)
    if membership.user_id == request.user.pk:
        messages.success(request, _("Vous n’agissez plus pour « %s ».") % vendor.legal_name)
        return redirect("vendors:mine")
    messages.success(request, _("%s n’agit plus pour ce prestataire.") % membership.user)
    return redirect("vendors:edit", public_id=vendor.public_id)
