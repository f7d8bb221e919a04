"""Who is really there: the second factor (an authenticator application) and the second look, asked at the act itself.

An act that commits money or a signature asks for the password again, and for a one-time code where the account has
one, on its own page: having signed in recently is not enough. The view's form inherits `SecondLook`, its page includes
`components/reauthenticate.html`, and the view is marked `@sensitive_post_parameters("password", "code")`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter as account_adapter
from allauth.core import ratelimit
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from marketplace.accounts.person import User
from marketplace.dates import clock
from marketplace.requests import PersonRequest

_PERIOD = 30  # seconds that a code lasts (RFC 6238, section 5.2)
_DRIFT = 1  # periods by which a telephone's clock may be early or late (same section)


# --- One-time codes --------------------------------------------------------------------------------------------------
def has_application(user: User) -> bool:
    """Whether this person turned the second factor on."""
    return bool(get_adapter().is_mfa_enabled(user, [Authenticator.Type.TOTP]))


@sensitive_variables("secret", "code")
def period_of(secret: str, code: str, *, at: datetime) -> int | None:
    """The 30-second period, near `at`, whose code this is; None for a wrong code."""
    current = int(at.timestamp()) // _PERIOD
    for period in range(current - _DRIFT, current + _DRIFT + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, period))):
            return period
    return None


@sensitive_variables("code")
def spend(user: User, code: str, *, at: datetime) -> Authenticator | None:
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

    def __init__(self) -> None:
        super().__init__({"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "off"})


# --- At the act ------------------------------------------------------------------------------------------------------
@sensitive_variables("form_data", "password", "code")
def confirm_person(user: User, form_data: Mapping[str, Any], request: HttpRequest) -> str:
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

    def __init__(self, *args: Any, request: PersonRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        if not has_application(request.user):
            del self.fields["code"]
        asked = [name for name in self.fields if name in ("password", "code")]
        self.order_fields([name for name in self.fields if name not in asked] + asked)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # a hook of Django's that its stubs leave out
        if not self.errors:
            try:
                self.confirmed_by = confirm_person(self.request.user, self.cleaned_data, self.request)
            except ValidationError as error:
                self.add_error(None, error)
        for name in ("password", "code"):
            self.cleaned_data.pop(name, None)
