"""Pages of the second factor: turning it on and off, another application, recovery codes, the code at sign-in."""

from typing import Any

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.account.utils import get_next_redirect_url, passthrough_next_redirect_url
from allauth.mfa.base import views as sign_in
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.internal.flows import deactivate_totp
from django import forms
from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic.edit import FormView
from qrcode import QRCode

from marketplace.accounts import second_factor, undo
from marketplace.accounts.account_views import Refused, say_told
from marketplace.accounts.change import AccountChange
from marketplace.accounts.person import User
from marketplace.accounts.reauthentication import SecondLook, asks_again, asks_again_unless_required, remember, way_of
from marketplace.dates import clock
from marketplace.files.downloads import as_download
from marketplace.ledger import entries as ledger
from marketplace.requests import PersonRequest

_QUIET = 4  # modules left empty around a QR code (ISO/IEC 18004)


secret_code = method_decorator(sensitive_post_parameters("code"), name="dispatch")

private = method_decorator(never_cache, name="dispatch")

confirmed = method_decorator(asks_again, name="dispatch")


@secret_code
class Authenticate(Refused, sign_in.AuthenticateView):
    """After the password, at sign-in."""

    template_name = "mfa/authenticate.html"

    def _build_forms(self) -> forms.BaseForm:
        self.webauthn_form = None
        posted = self.request.POST if self.request.method == "POST" else None
        self.auth_form = self.get_form_class()(user=self.stage.login.user, data=posted)
        return self.auth_form


def _factors(user: User) -> QuerySet:
    return Authenticator.objects.filter(user=user)


def qr(text: str) -> dict[str, Any]:
    """{size, path}: a square of `size` modules, the dark ones drawn by an SVG path."""
    code = QRCode(border=_QUIET)
    code.add_data(text)
    rows = code.get_matrix()
    dark = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, module in enumerate(row) if module]
    return {"size": len(rows), "path": "".join(dark)}


class Index(sign_in.IndexView):
    """Whether it is on, and what may be done about it."""

    template_name = "mfa/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"required": second_factor.must_have_one(self.request.user)}


@private
@secret_code
@method_decorator(asks_again_unless_required, name="dispatch")
class TurnOn(Refused, totp.ActivateTOTPView):
    """Show the secret, check a first code. Every other session ends: it was opened with less."""

    template_name = "mfa/totp/activate_form.html"
    replaces = False
    request: PersonRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
        return context | {
            "qr": qr(context["totp_url"]),
            "secret": " ".join(groups),
            "required": second_factor.is_missing(self.request.user),
            "replaces": self.replaces,
            "next": get_next_redirect_url(self.request) or "",
        }

    def get_success_url(self) -> str:
        return passthrough_next_redirect_url(self.request, super().get_success_url(), "next")

    def form_valid(self, form: Any) -> HttpResponse:
        user, at = self.request.user, clock.now()
        with transaction.atomic():
            if self.replaces:
                before = undo.as_it_is(user)
                _factors(user).filter(type=Authenticator.Type.TOTP).delete()
                undo.tell(user, AccountChange.Kind.FACTOR_REPLACED, before=before, to=[user.email], at=at)
                say_told(self.request, [user.email])
            response = super().form_valid(form)
            application = _factors(user).get(type=Authenticator.Type.TOTP)
            application.data["spent"] = form.period
            application.save(update_fields=["data"])
            _codes_are_shown(user)
            user.end_sessions()
            update_session_auth_hash(self.request, user)
            remember(self.request, way_of(user).method(user))  # the password a moment ago, a code just now
            replaced = {"replaced": True} if self.replaces else {}
            ledger.record("person.second_factor_on", f"person:{user.public_id}", by=user, at=at, **replaced)
        return response


@private
@secret_code
@confirmed
class Replace(TurnOn):
    """Another application instead of this one: a new telephone. The recovery codes stay."""

    replaces = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        get_object_or_404(_factors(self.request.user), type=Authenticator.Type.TOTP)
        return FormView.dispatch(self, request, *args, **kwargs)


@private
@method_decorator(sensitive_post_parameters("password", "code"), name="dispatch")
class TurnOff(Refused, FormView):
    """Takes both factors, at the act: a session left open, or a stolen password, must not be enough.

    Not for staff, where it is required: the page says so, and how to change applications.
    """

    form_class = SecondLook
    template_name = "mfa/totp/deactivate_form.html"
    success_url = reverse_lazy("mfa_index")
    request: PersonRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.authenticator = get_object_or_404(_factors(self.request.user), type=Authenticator.Type.TOTP)
        if second_factor.must_have_one(self.request.user):
            status = 403 if request.method == "POST" else 200
            return render(request, self.template_name, {"required": True}, status=status)
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        user, at = self.request.user, clock.now()
        with transaction.atomic():
            before = undo.as_it_is(user)
            reauthenticate_by_password(self.request)  # what the library asks before it removes anything
            deactivate_totp(self.request, self.authenticator)
            undo.tell(user, AccountChange.Kind.FACTOR_OFF, before=before, to=[user.email], at=at)
            say_told(self.request, [user.email])
            ledger.record("person.second_factor_off", f"person:{user.public_id}", by=user, at=at)
        return super().form_valid(form)


def _codes_are_shown(user: User) -> None:
    """The library writes it when their page is first read; a page that is read must write nothing."""
    for codes in _factors(user).filter(type=Authenticator.Type.RECOVERY_CODES):
        codes.wrap().mark_as_viewed()


@private
@confirmed
class RecoveryCodes(recovery.ViewRecoveryCodesView):
    """Those that remain; then where one was going, when they come with a first application."""

    template_name = "mfa/recovery_codes/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"next": get_next_redirect_url(self.request) or ""}


@private
@confirmed
class NewRecoveryCodes(Refused, recovery.GenerateRecoveryCodesView):
    """Ten others; the former ones serve no more."""

    template_name = "mfa/recovery_codes/generate.html"

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            _codes_are_shown(self.request.user)
        return response


@private
@confirmed
class DownloadRecoveryCodes(recovery.DownloadRecoveryCodesView):
    """The same, as a text to print or to put in a safe."""

    template_name = "mfa/recovery_codes/download.txt"
    content_type = "text/plain; charset=utf-8"

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        return as_download(super().render_to_response(context, **kwargs), "codes-de-secours.txt")


urlpatterns = [
    path("", Index.as_view(), name="mfa_index"),
    path("code/", Authenticate.as_view(), name="mfa_authenticate"),
    path("activer/", TurnOn.as_view(), name="mfa_activate_totp"),
    path("remplacer/", Replace.as_view(), name="mfa_replace_totp"),
    path("desactiver/", TurnOff.as_view(), name="mfa_deactivate_totp"),
    path("codes-de-secours/", RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("codes-de-secours/nouveaux/", NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("codes-de-secours/telecharger/", DownloadRecoveryCodes.as_view(), name="mfa_download_recovery_codes"),
]
