"""Who is really there: the second factor (an authenticator application) and the second look, asked at the act itself.

An act that commits money or a signature asks for the password again, and for a one-time code where the account has
one, on its own page: having signed in recently is not enough. The view's form inherits `SecondLook`, its page includes
`components/reauthenticate.html`, and the view is marked `@sensitive_post_parameters("password", "code")`.
"""

from collections.abc import Mapping
from datetime import datetime

from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.core import ratelimit
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import views as sign_in
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.totp.internal.flows import deactivate_totp
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.generic.edit import FormView
from qrcode import QRCode

from marketplace import clock, ledger

_PERIOD = 30  # seconds that a code lasts (RFC 6238, section 5.2)
_DRIFT = 1  # periods by which a telephone's clock may be early or late (same section)
_QUIET = 4  # modules left empty around a QR code (ISO/IEC 18004)


# --- One-time codes --------------------------------------------------------------------------------------------------
def has_application(user) -> bool:
    """Whether this person turned the second factor on."""
    return get_adapter().is_mfa_enabled(user, [Authenticator.Type.TOTP])


@sensitive_variables("secret", "code")
def period_of(secret: str, code: str, *, at: datetime) -> int | None:
    """The 30-second period, near `at`, whose code this is; None for a wrong code."""
    current = int(at.timestamp()) // _PERIOD
    for period in range(current - _DRIFT, current + _DRIFT + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, period))):
            return period
    return None


@sensitive_variables("code")
def spend(user, code: str, *, at: datetime) -> Authenticator | None:
    """What this code proves that the person has, the application or the recovery codes; None for a wrong code.

    A code serves once, whatever process checks it: the last period spent is written beside the secret, under the
    row's lock, and neither it nor an earlier one is taken again. The library's own memory of used codes is a cache,
    which each process may have for itself.
    """
    with transaction.atomic():
        for authenticator in Authenticator.objects.select_for_update().filter(user=user).order_by("pk"):
            if authenticator.type == Authenticator.Type.TOTP:
                period = period_of(get_adapter().decrypt(authenticator.data["secret"]), code, at=at)
                if period is not None and period > authenticator.data.get("spent", 0):
                    authenticator.data["spent"] = period
                    authenticator.save(update_fields=["data"])
                    return authenticator
            elif authenticator.wrap().validate_code(code):
                return authenticator
    return None


class OneTimeCode(forms.PasswordInput):
    """Read as it is typed, never written back in the page."""

    input_type = "text"

    def __init__(self):
        super().__init__({"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "off"})


# --- At the act ------------------------------------------------------------------------------------------------------
@sensitive_variables("form_data", "password", "code")
def confirm_person(user, form_data: Mapping, request: HttpRequest) -> str:
    """How the person proved who they are: "password", or "password+totp" where the account has an application.

    form_data: `password`, and `code` (of the application, or a recovery code, which stands for it). ValidationError on
    the field that is wrong. Five failures in five minutes stop these questions for this person, not their sign-in:
    they are counted apart (`second_look` in ACCOUNT_RATE_LIMITS).
    """
    password, code = form_data.get("password") or "", form_data.get("code") or ""
    if not user.has_usable_password():
        text = _("Votre compte n’a pas de mot de passe. Choisissez-en un (« Mot de passe oublié »), puis recommencez.")
        raise ValidationError({"password": ValidationError(text, code="no_password")})
    if not ratelimit.consume(request, action="second_look", user=user):
        raise ValidationError({"password": account_adapter().validation_error("too_many_login_attempts")})
    if not user.check_password(password):
        raise ValidationError({"password": account_adapter().validation_error("incorrect_password")})
    method = "password"
    if has_application(user):
        authenticator = spend(user, code, at=clock.now())
        if authenticator is None:
            raise ValidationError({"code": get_adapter().validation_error("incorrect_code")})
        authenticator.record_usage()
        method = "password+totp"
    ratelimit.clear(request, action="second_look", user=user)
    return method


class SecondLook(forms.Form):
    """Asks who is there, at the act: a form by itself, or the base of the act's form. `request` is required.

    Once valid, `confirmed_by` is confirm_person's answer, and `cleaned_data` holds neither password nor code. They are
    judged last, when the rest of the form is right, so that a code is not spent for nothing.
    """

    password = forms.CharField(
        label=_("Mot de passe"), strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )
    code = forms.CharField(
        label=_("Code de l’application d’authentification"),
        help_text=_("Six chiffres, ou un de vos codes de secours."),
        max_length=20,
        widget=OneTimeCode,
    )

    confirmed_by = ""

    def __init__(self, *args, request: HttpRequest, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request
        if not has_application(request.user):
            del self.fields["code"]
        asked = [name for name in ("password", "code") if name in self.fields]
        self.order_fields([name for name in self.fields if name not in asked] + asked)

    def _post_clean(self) -> None:
        super()._post_clean()
        if not self.errors:
            try:
                self.confirmed_by = confirm_person(self.request.user, self.cleaned_data, self.request)
            except ValidationError as error:
                self.add_error(None, error)
        for name in ("password", "code"):
            self.cleaned_data.pop(name, None)


# --- The pages -------------------------------------------------------------------------------------------------------
class Refused:
    """Mixin of allauth's views: 422 to a form with errors, as everywhere on the site."""

    def form_invalid(self, form) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 422
        return response


secret_code = method_decorator(sensitive_post_parameters("code"), name="dispatch")
private = method_decorator(never_cache, name="dispatch")


@secret_code
class Authenticate(Refused, sign_in.AuthenticateView):
    """After the password, at sign-in."""

    template_name = "mfa/authenticate.html"

    def _build_forms(self):
        self.webauthn_form = None
        posted = self.request.POST if self.request.method == "POST" else None
        self.auth_form = self.get_form_class()(user=self.stage.login.user, data=posted)
        return self.auth_form


@secret_code
class Reauthenticate(Refused, sign_in.ReauthenticateView):
    """With a code instead of the password, before one's recovery codes are shown."""

    template_name = "mfa/reauthenticate.html"


def qr(text: str) -> dict:
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

    def get_context_data(self, **kwargs) -> dict:
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
        return context | {"qr": qr(context["totp_url"]), "secret": " ".join(groups)}

    def form_valid(self, form) -> HttpResponse:
        user, at = self.request.user, clock.now()
        with transaction.atomic():
            response = super().form_valid(form)
            application = user.authenticator_set.get(type=Authenticator.Type.TOTP)
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

    def dispatch(self, request, *args, **kwargs) -> HttpResponse:
        self.authenticator = get_object_or_404(request.user.authenticator_set, type=Authenticator.Type.TOTP)
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form) -> HttpResponse:
        user, at = self.request.user, clock.now()
        with transaction.atomic():
            reauthenticate_by_password(self.request)  # what the library asks before it removes anything
            deactivate_totp(self.request, self.authenticator)
            ledger.record("person.second_factor_off", f"person:{user.public_id}", by=user, at=at)
        return super().form_valid(form)


def _codes_are_shown(user) -> None:
    """The library writes it when their page is first read; a page that is read must write nothing."""
    for codes in user.authenticator_set.filter(type=Authenticator.Type.RECOVERY_CODES):
        codes.wrap().mark_as_viewed()


@private
class RecoveryCodes(recovery.ViewRecoveryCodesView):
    """Those that remain."""

    template_name = "mfa/recovery_codes/index.html"


@private
class NewRecoveryCodes(Refused, recovery.GenerateRecoveryCodesView):
    """Ten others; the former ones serve no more."""

    template_name = "mfa/recovery_codes/generate.html"

    def form_valid(self, form) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            _codes_are_shown(self.request.user)
        return response


@private
class DownloadRecoveryCodes(recovery.DownloadRecoveryCodesView):
    """The same, as a text to print or to put in a safe."""

    template_name = "mfa/recovery_codes/download.txt"
    content_type = "text/plain; charset=utf-8"

    def render_to_response(self, context, **kwargs) -> HttpResponse:
        response = super().render_to_response(context, **kwargs)
        response["Content-Disposition"] = "attachment; filename=codes-de-secours.txt"
        return response


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
