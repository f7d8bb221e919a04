"""Pages of the second factor: turning it on and off, recovery codes, the code at sign-in."""

from typing import Any

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.mfa.base import views as sign_in
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.internal.flows import deactivate_totp
from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic.edit import FormView
from qrcode import QRCode

from marketplace.accounts.person import User
from marketplace.accounts.reauthentication import SecondLook
from marketplace.dates import clock
from marketplace.files.downloads import as_download
from marketplace.ledger import entries as ledger
from marketplace.requests import PersonRequest

_QUIET = 4  # modules left empty around a QR code (ISO/IEC 18004)


class Refused:
    """Mixin of allauth's views: 422 to a form with errors, as everywhere on the site."""

    def form_invalid(self, form: forms.BaseForm) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]  # the view's own
        response.status_code = 422
        return response


secret_code = method_decorator(sensitive_post_parameters("code"), name="dispatch")

private = method_decorator(never_cache, name="dispatch")


@secret_code
class Authenticate(Refused, sign_in.AuthenticateView):
    """After the password, at sign-in."""

    template_name = "mfa/authenticate.html"

    def _build_forms(self) -> forms.BaseForm:
        self.webauthn_form = None
        posted = self.request.POST if self.request.method == "POST" else None
        self.auth_form = self.get_form_class()(user=self.stage.login.user, data=posted)
        return self.auth_form


@secret_code
class Reauthenticate(Refused, sign_in.ReauthenticateView):
    """With a code instead of the password, before one's recovery codes are shown."""

    template_name = "mfa/reauthenticate.html"


def _factors(user: User) -> QuerySet:
    return Authenticator.objects.filter(user=user)


def qr(text: str) -> dict[str, Any]:
    """{size, path}: a square of `size` modules, the dark ones drawn by an SVG path."""
    code = QRCode(border=_QUIET)
    code.add_data(text)
    rows = code.get_matrix()
    dark = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, module in enumerate(row) if module]
    return {"size": len(rows), "path": "".join(dark)}


@private
@secret_code
class TurnOn(Refused, totp.ActivateTOTPView):
    """Show the secret, check a first code."""

    template_name = "mfa/totp/activate_form.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
        return context | {"qr": qr(context["totp_url"]), "secret": " ".join(groups)}

    def form_valid(self, form: Any) -> HttpResponse:
        user, at = self.request.user, clock.now()
        with transaction.atomic():
            response = super().form_valid(form)
            application = _factors(user).get(type=Authenticator.Type.TOTP)
            application.data["spent"] = form.period
            application.save(update_fields=["data"])
            _codes_are_shown(user)
            ledger.record("person.second_factor_on", f"person:{user.public_id}", by=user, at=at)
        return response


@private
@method_decorator(sensitive_post_parameters("password", "code"), name="dispatch")
class TurnOff(Refused, FormView):
    """Takes both factors, at the act: a session left open, or a stolen password, must not be enough."""

    form_class = SecondLook
    template_name = "mfa/totp/deactivate_form.html"
    success_url = reverse_lazy("mfa_index")
    request: PersonRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.authenticator = get_object_or_404(_factors(self.request.user), type=Authenticator.Type.TOTP)
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        user, at = self.request.user, clock.now()
        with transaction.atomic():
            reauthenticate_by_password(self.request)  # what the library asks before it removes anything
            deactivate_totp(self.request, self.authenticator)
            ledger.record("person.second_factor_off", f"person:{user.public_id}", by=user, at=at)
        return super().form_valid(form)


def _codes_are_shown(user: User) -> None:
    """The library writes it when their page is first read; a page that is read must write nothing."""
    for codes in _factors(user).filter(type=Authenticator.Type.RECOVERY_CODES):
        codes.wrap().mark_as_viewed()


@private
class RecoveryCodes(recovery.ViewRecoveryCodesView):
    """Those that remain."""

    template_name = "mfa/recovery_codes/index.html"


@private
class NewRecoveryCodes(Refused, recovery.GenerateRecoveryCodesView):
    """Ten others; the former ones serve no more."""

    template_name = "mfa/recovery_codes/generate.html"

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            _codes_are_shown(self.request.user)
        return response


@private
class DownloadRecoveryCodes(recovery.DownloadRecoveryCodesView):
    """The same, as a text to print or to put in a safe."""

    template_name = "mfa/recovery_codes/download.txt"
    content_type = "text/plain; charset=utf-8"

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        return as_download(super().render_to_response(context, **kwargs), "codes-de-secours.txt")


urlpatterns = [
    path("", sign_in.index, name="mfa_index"),
    path("code/", Authenticate.as_view(), name="mfa_authenticate"),
    path("confirmer/", Reauthenticate.as_view(), name="mfa_reauthenticate"),
    path("activer/", TurnOn.as_view(), name="mfa_activate_totp"),
    path("desactiver/", TurnOff.as_view(), name="mfa_deactivate_totp"),
    path("codes-de-secours/", RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("codes-de-secours/nouveaux/", NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("codes-de-secours/telecharger/", DownloadRecoveryCodes.as_view(), name="mfa_download_recovery_codes"),
]
