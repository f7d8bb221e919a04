"""« Versements »: the vendor's account at Stripe, for its owners and administrators."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from contracts.models import PayoutAccount
from contracts.payments import payout_account, stripe_gateway
from contracts.payments.views import SILENT, to_stripe
from marketplace.acts import asking_page
from marketplace.requests import PersonRequest
from vendors import rules
from vendors.models import Vendor


def _vendor(request: PersonRequest, public_id: UUID) -> Vendor:
    """One of those one acts for; its members read elsewhere, strangers and administrators get 404."""
    vendor = get_object_or_404(Vendor.objects.filter(memberships__user=request.user), public_id=public_id)
    if not rules.may_bind(vendor, request.user):
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire voient ses versements."))
    return vendor


def _link(request: PersonRequest, account: PayoutAccount) -> HttpResponse:
    """Leave for Stripe's page. stripe_gateway.Unsure or stripe_gateway.Refused."""

    def page(name: str) -> str:
        return request.build_absolute_uri(reverse(f"contracts:{name}", args=[account.vendor.public_id]))

    return HttpResponseRedirect(
        payout_account.link(account, return_url=page("payouts_return"), refresh_url=page("payouts_again"))
    )


@asking_page
@to_stripe
def account(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """What Stripe says of the account; a POST opens it, or goes on with it, on Stripe's page."""
    vendor = _vendor(request, public_id)
    account = PayoutAccount.objects.filter(vendor=vendor).first()
    problem, status = "", 200
    if request.method == "POST":
        try:
            return _link(request, payout_account.open_account(vendor, by=request.user))
        except ValidationError as error:  # a button without a form: the page says it in a notice
            problem, status = " ".join(error.messages), 422
        except stripe_gateway.Refused as refusal:
            problem, status = str(refusal), 422
        except stripe_gateway.Unsure:
            problem, status = str(SILENT), 503
    context = {
        "vendor": vendor,
        "account": account,
        "missing": payout_account.missing(account) if account else [],
        "enabled": stripe_gateway.enabled(),
        "problem": problem,
    }
    return render(request, "contracts/payouts.html", context, status=status)


@never_cache
@require_GET
def back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Where Stripe's page leads back. As `payments.views.pay_return`: asks Stripe, believes nothing of the request."""
    vendor = _vendor(request, public_id)
    for account in PayoutAccount.objects.filter(vendor=vendor):
        try:
            payout_account.refresh(account)
        except (stripe_gateway.Unsure, stripe_gateway.Refused):
            messages.warning(request, str(SILENT))
    return redirect("contracts:payouts", vendor.public_id)


@never_cache
@require_GET
def again(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Stripe's page had expired: another link to the same page. Nothing of ours changes."""
    vendor = _vendor(request, public_id)
    account = get_object_or_404(PayoutAccount.objects.filter(vendor=vendor))
    try:
        return _link(request, account)
    except (stripe_gateway.Unsure, stripe_gateway.Refused):
        messages.warning(request, str(SILENT))
        return redirect("contracts:payouts", vendor.public_id)
