"""The people of a vendor: inviting, answering an invitation, roles, leaving. Strangers get 404."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.dates import clock
from vendors import rules, views
from vendors.forms import InviteForm, RoleForm
from vendors.members import actions
from vendors.models import Invitation, Vendor, VendorMembership


def _vendor(request: HttpRequest, public_id) -> Vendor:
    return get_object_or_404(views.with_people(request.user), public_id=public_id)


@never_cache
@require_POST
def invite(request: HttpRequest, public_id) -> HttpResponse:
    """Send an invitation; the answer is the same whether the address has an account or not."""
    vendor = _vendor(request, public_id)
    form = InviteForm(request.POST, auto_id="invite_%s")
    # Who asks comes first: a refusal must not look like a form to correct.
    if not rules.may_bind(vendor, request.user) or form.is_valid():
        typed = form.cleaned_data if form.is_valid() else {}
        try:
            made = actions.invite(vendor, by=request.user, email=typed.get("email", ""), role=typed.get("role", ""))
        except ValidationError as error:
            form.add_error("email", error.messages)
        else:
            messages.success(request, _("Invitation envoyée à %s.") % made.email)
            return redirect("vendors:edit", public_id=public_id)
    return views.page(request, vendor, invite_form=form)


@never_cache
@require_POST
def withdraw(request: HttpRequest, public_id, invitation_id) -> HttpResponse:
    """Take back an invitation that nobody answered."""
    vendor = _vendor(request, public_id)
    found = get_object_or_404(vendor.invitations.all(), public_id=invitation_id)
    actions.withdraw(found, by=request.user)
    messages.success(request, _("L’invitation de %s est retirée.") % found.email)
    return redirect("vendors:edit", public_id=public_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, invitation_id) -> HttpResponse:
    """What accepting means, for whoever has confirmed the address; then the answer."""
    rows = Invitation.objects.addressed_to(request.user).select_related("vendor", "invited_by")
    found = get_object_or_404(rows, public_id=invitation_id)
    name = found.vendor.legal_name
    if request.method == "POST" and request.POST.get("answer") == "accept":
        actions.accept(found, by=request.user)
        messages.success(request, _("Vous agissez maintenant pour « %s ».") % name)
        return redirect("vendors:edit", public_id=found.vendor.public_id)
    if request.method == "POST" and request.POST.get("answer") == "decline":
        actions.decline(found, by=request.user)
        messages.success(request, _("Vous avez décliné l’invitation de « %s ».") % name)
        return redirect("vendors:mine")
    status = 422 if request.method == "POST" else 200
    return render(request, "vendors/invitation.html", {"invitation": found}, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def member(request: HttpRequest, public_id, person_id) -> HttpResponse:
    """One of the vendor's people: an owner changes the role or removes; anybody leaves, but the last owner."""
    now = clock.now()
    vendor = _vendor(request, public_id)
    rows = VendorMembership.objects.filter(vendor=vendor).select_related("user", "vendor")
    found = get_object_or_404(rows, user__public_id=person_id)
    oneself, owns = found.user_id == request.user.pk, rules.is_owner(vendor, request.user)
    removing = request.POST.get("act") == "remove"
    form = RoleForm(request.POST if request.method == "POST" and not removing else None, initial={"role": found.role})
    refused = None
    try:
        if removing:
            actions.remove(found, by=request.user)
            if oneself:
                messages.success(request, _("Vous n’agissez plus pour « %s ».") % vendor.legal_name)
                return redirect("vendors:mine")
            messages.success(request, _("%s n’agit plus pour ce prestataire.") % found.user)
            return redirect("vendors:edit", public_id=public_id)
        if request.method == "POST" and (not owns or form.is_valid()):
            actions.change_role(found, by=request.user, role=form.data.get("role", ""))
            messages.success(request, _("Le rôle est à jour."))
            return redirect("vendors:edit", public_id=public_id)
    except ValidationError as error:
        refused = " ".join(error.messages)
    context = {
        "vendor": vendor,
        "member": found,
        "form": form,
        "oneself": oneself,
        "may_change": owns,
        "may_remove": owns or oneself,
        "refused": refused,
        "now": now,
    }
    return render(request, "vendors/member.html", context, status=422 if request.method == "POST" else 200)
