"""allauth's account forms with our labels, so that a field and the error summary call it by the same name.

Read lazily, through ACCOUNT_FORMS: allauth.account.forms itself imports marketplace.accounts.
"""

from allauth.account import forms as allauth_forms
from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy as _

LABELS = {
    "login": _("Adresse courriel"),
    "email": _("Adresse courriel"),
    "password": _("Mot de passe"),
    "oldpassword": _("Mot de passe actuel"),
    "password1": _("Nouveau mot de passe"),
    "password2": _("Mot de passe, une deuxième fois"),
}


class OurWords:
    """Labels above, and no placeholder: it would repeat the label, in other words."""

    labels: dict = {}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = {**LABELS, **self.labels}.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)


class LoginForm(OurWords, allauth_forms.LoginForm):
    """Sign-in."""


class SignupForm(OurWords, allauth_forms.SignupForm):
    """Sign-up; what we add to it is marketplace.accounts.SignupForm."""

    labels = {"password1": _("Mot de passe")}

    def try_save(self, request):
        """An address that already has an account costs a hash too: the answer's delay must not tell which has one."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class AddEmailForm(OurWords, allauth_forms.AddEmailForm):
    """One more address."""


class ChangePasswordForm(OurWords, allauth_forms.ChangePasswordForm):
    """From the profile."""


class SetPasswordForm(OurWords, allauth_forms.SetPasswordForm):
    """For an account that has no password yet."""


class ResetPasswordForm(OurWords, allauth_forms.ResetPasswordForm):
    """Asks for a link."""


class ResetPasswordKeyForm(OurWords, allauth_forms.ResetPasswordKeyForm):
    """Behind the link."""


class ReauthenticateForm(OurWords, allauth_forms.ReauthenticateForm):
    """Confirms who is there before a sensitive change."""
