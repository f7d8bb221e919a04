"""allauth's account forms with our labels, so that a field and the error summary call it by the same name.

Read lazily, through ACCOUNT_FORMS and MFA_FORMS: allauth.account.forms itself imports marketplace.accounts.adapters.
"""

from collections.abc import Mapping
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.models import EmailAddress
from allauth.account.utils import get_next_redirect_url
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as code_forms
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.internal.flows.add import validate_can_add_authenticator
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from marketplace.accounts import confirmation
from marketplace.accounts.person import User
from marketplace.accounts.reauthentication import OneTimeCode, SecondLook, period_of, spend, tell_recovery
from marketplace.dates import clock
from marketplace.texts import PlainTexts

LABELS = {
    "login": _("Adresse courriel"),
    "email": _("Adresse courriel"),
    "password": _("Mot de passe"),
    "password1": _("Nouveau mot de passe"),
    "password2": _("Mot de passe, une deuxième fois"),
    "code": _("Code de l’application d’authentification"),
}


class OurWords(PlainTexts):
    """Labels above, and no placeholder: it would repeat the label, in other words."""

    labels: Mapping[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = {**LABELS, **self.labels}.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)


class LoginForm(OurWords, allauth_forms.LoginForm):
    """Sign-in."""


class SignupForm(OurWords, allauth_forms.SignupForm):
    """Sign-up; what we add to it is marketplace.accounts.adapters.SignupForm."""

    labels = {"password1": _("Mot de passe")}

    def try_save(self, request: HttpRequest) -> Any:
        """An address that already has an account costs a hash too: the answer's delay must not tell which has one."""
        typed = self.cleaned_data
        password = make_password(typed["password1"]) if self.account_already_exists else ""
        going = get_next_redirect_url(request) or ""
        kept = {"name": typed["name"].strip(), "language": typed["language"], "next": going}
        confirmation.begin(request, typed["email"], **kept, password=password)
        return super().try_save(request)


class CorrectAddressForm(OurWords, forms.Form):
    """Another address, on the page of the one that waits to be confirmed."""

    labels = {"email": _("La bonne adresse courriel")}
    email = forms.EmailField(max_length=254, widget=forms.EmailInput({"autocomplete": "email"}))

    def clean_email(self) -> str:
        """As at the sign-up, without saying whether it has an account."""
        email: str = account_adapter().clean_email(self.cleaned_data["email"])
        return email.lower()


class AddEmailForm(OurWords, allauth_forms.AddEmailForm):
    """One more address."""


class ChangePasswordForm(OurWords, SecondLook, allauth_forms.SetPasswordForm):
    """From the profile: the new one, then who is there."""

    labels = {"password": _("Mot de passe actuel")}


class ResetPasswordForm(OurWords, allauth_forms.ResetPasswordForm):
    """Asks for a link. An address that waits to be confirmed is nobody's yet: no link goes there."""

    users: list[User]  # whom the library writes to

    def clean_email(self) -> str:
        email: str = super().clean_email()
        confirmed = EmailAddress.objects.filter(email__iexact=email, verified=True).values_list("user", flat=True)
        owners = set(confirmed)
        self.users = [user for user in self.users if user.pk in owners or user.email.lower() == email.lower()]
        return email


class ResetPasswordKeyForm(OurWords, allauth_forms.ResetPasswordKeyForm):
    """Behind the link."""


class AsksCode(OurWords):
    """A code of the application, or a recovery code, that serves once."""

    user: User  # whose code it is: allauth's forms know it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget = OneTimeCode()
        self.fields["code"].help_text = _("Six chiffres, ou un de vos codes de secours.")

    def clean_code(self) -> str:
        succeeded = check_rate_limit(self.user)
        self.authenticator = spend(self.user, self.cleaned_data["code"], at=clock.now())
        if self.authenticator is None:
            raise get_adapter().validation_error("incorrect_code")
        self.authenticator.user = self.user
        succeeded()
        tell_recovery(context.request, self.authenticator)
        return self.cleaned_data["code"]


class AuthenticateForm(AsksCode, code_forms.AuthenticateForm):
    """After the password, at sign-in."""


class ActivateTOTPForm(OurWords, totp_forms.ActivateTOTPForm):
    """A first code. Until it is right, the secret waits in the session, encrypted: sessions are in the database.

    It stays the same when the page is read again: it may already be in the person's application. Once the form is
    valid, `period` is the one whose code was given.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = context.request.session
        waiting = session.get(SECRET_SESSION_KEY)
        super().__init__(*args, **kwargs)
        self.fields["code"].widget = OneTimeCode()
        self.fields["code"].help_text = _("Les six chiffres que l’application affiche.")
        if waiting:
            self.secret = get_adapter().decrypt(waiting)
        session[SECRET_SESSION_KEY] = waiting or get_adapter().encrypt(self.secret)

    def clean_code(self) -> str:
        validate_can_add_authenticator(self.user)
        succeeded = check_rate_limit(self.user, error_key="rate_limited")
        self.period = period_of(self.secret, self.cleaned_data["code"], at=clock.now())
        if self.period is None:
            raise get_adapter().validation_error("incorrect_code")
        succeeded()
        return self.cleaned_data["code"]
