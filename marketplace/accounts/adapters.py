"""Sign-in and sign-up through django-allauth: our form, our outbox, our words; second factors kept encrypted."""

import base64
from typing import Any
from urllib.parse import urlencode

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.adapter import DefaultMFAAdapter
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy, translate_url
from django.utils import translation
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from marketplace import boxes
from marketplace.accounts import confirmation, undo
from marketplace.accounts.reauthentication import remember_sign_in
from marketplace.dates import clock
from marketplace.files import shelf
from marketplace.mail import outbox
from marketplace.mail.address import can_be_written
from marketplace.models import User
from marketplace.requests import PersonRequest, caller_address
from marketplace.terms import actions as terms_actions
from marketplace.terms.middleware import DUE
from marketplace.texts import PlainTexts


def _terms_label() -> str:
    text = _("J’accepte les conditions d’utilisation")
    return format_html('{} (<a href="{}" target="_blank">{}</a>)', text, reverse_lazy("pages:terms"), _("les lire"))


class SignupForm(PlainTexts, forms.Form):
    """Added to allauth's sign-up: name, language of the e-mails, terms."""

    name = forms.CharField(
        label=_("Votre nom complet"), max_length=100, widget=forms.TextInput({"autocomplete": "name"})
    )
    language = forms.ChoiceField(
        label=_("Langue de vos courriels"), choices=settings.LANGUAGES, widget=forms.RadioSelect
    )
    terms = forms.BooleanField(
        label=lazy(_terms_label, str)(),
        error_messages={"required": _("Acceptez les conditions d’utilisation pour créer un compte.")},
    )

    field_order = ["name", "email", "password1", "password2", "language", "terms"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].initial = "en" if translation.get_language() == "en" else "fr-ca"

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth once the person exists, in its transaction."""
        user.name = self.cleaned_data["name"].strip()
        user.language = self.cleaned_data["language"]
        user.save(update_fields=["name", "language"])
        confirmation.accept_terms(user, at=clock.now())


# What the library tells without a link that undoes it: ours do (accounts/undo.py), and it has no template here.
_TOLD_ELSEWHERE = {"account/email/email_changed", "account/email/email_deleted", "mfa/email/totp_deactivated"}
_PASSWORD_CHANGED = {f"account/email/password_{how}" for how in ("changed", "reset", "set")}


class AccountAdapter(DefaultAccountAdapter):
    """Account messages leave through the outbox; their secret links are erased once sent."""

    # Our words: the library's French catalogue speaks of « e-mail ».
    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("Ce compte est désactivé."),
        "cannot_remove_primary_email": _("L’adresse principale ne peut pas être retirée."),
        "duplicate_email": _("Cette adresse courriel est déjà dans votre compte."),
        "email_password_mismatch": _("L’adresse courriel ou le mot de passe est incorrect."),
        "email_taken": _("Un compte existe déjà avec cette adresse courriel."),
        "enter_current_password": _("Écrivez votre mot de passe actuel."),
        "incorrect_password": _("Ce mot de passe est incorrect."),
        "invalid_login": _("L’adresse courriel ou le mot de passe est incorrect."),
        "invalid_password_reset": _("Ce lien n’est plus valide. Demandez-en un nouveau."),
        "max_email_addresses": _("Un compte a au plus %d adresses courriel."),
        "too_many_login_attempts": _("Trop d’essais ont échoué. Réessayez plus tard."),
        "unknown_email": _("Aucun compte n’a cette adresse courriel."),
        "unverified_primary_email": _("Votre adresse courriel principale doit être confirmée."),
        "same_as_current": _("La nouvelle valeur doit être différente de l’actuelle."),
        "rate_limited": _("Trop de demandes en peu de temps. Réessayez plus tard."),
    }

    def clean_email(self, email: str) -> str:
        """ValidationError for an address that no message can be written to."""
        cleaned: str = super().clean_email(email)
        if not can_be_written(cleaned):
            raise forms.ValidationError(_("Cette adresse ne peut pas recevoir de courriel."))
        return cleaned

    def get_client_ip(self, request: HttpRequest) -> str:
        """For the library's limits: ours, which a request that passed by fewer proxies does not break."""
        return caller_address(request)

    def get_login_redirect_url(self, request: PersonRequest) -> str:
        """« À faire », in the language the person chose; in English for who is on a page in English."""
        language = "en" if translation.get_language() == "en" else request.user.language
        return translate_url(reverse("dashboard"), language)

    def respond_email_verification_sent(self, request: HttpRequest, user: Any) -> HttpResponse:
        """The page that names the address: a sign-up said it; so does a sign-in, which proved whose account it is."""
        if user is not None and user.pk:
            state = confirmation.waiting(request) or {}
            typed = {name: state[name] for name in ("name", "language", "next") if state.get("email") == user.email}
            typed.setdefault("next", get_next_redirect_url(request) or "")
            confirmation.begin(request, user.email, user=user.pk, **typed)
        return super().respond_email_verification_sent(request, user)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """When the password was typed: the first application is set up without asking it again. Files kept earlier
        (marketplace/files/shelf.py) are looked for in this session.
        """
        shelf.remember(request, user)
        remember_sign_in(request)
        confirmation.forget(request)
        if terms := terms_actions.due(user, at=clock.now()):
            request.session[DUE] = terms.version  # asked before anything else (marketplace/terms/middleware.py)
        return super().post_login(request, user, **kwargs)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """One page asks who is there, whatever proves it (accounts/reauthentication.py)."""
        description = _("Confirmer que c’est vous")
        return [{"id": "reauthenticate", "url": reverse("account_reauthenticate"), "description": description}]

    def get_email_confirmation_url(self, request: HttpRequest | None, emailconfirmation: Any) -> str:
        """The link keeps where the person was going: it is often opened in another browser, without the session."""
        url = super().get_email_confirmation_url(request, emailconfirmation)
        going = get_next_redirect_url(request) if request is not None else None
        return f"{url}?{urlencode({'next': going})}" if going else url

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        user = context.get("user")
        if template_prefix == "account/email/password_reset_key" and user and not user.has_usable_password():
            template_prefix = "account/email/password_choice_key"  # the one of before is dead already: said as it is
        language = user.language if user is not None else translation.get_language()
        with translation.override(language):
            message = self.render_mail(template_prefix, email, context)
        at = clock.now()
        known = user if user is not None and user.pk else None
        outbox.enqueue(f"{template_prefix}.txt", email, message.subject, message.body, to=known, at=at, secret=True)

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """With the person it is for, whom the library leaves out: their name, and their language."""
        if template_prefix in _PASSWORD_CHANGED:
            undo.password_changed(user, at=clock.now())
            return
        if template_prefix in _TOLD_ELSEWHERE:
            return
        super().send_notification_mail(template_prefix, user, {"user": user} | (context or {}), email)

    def render_mail(
        self, template_prefix: str, email: str, context: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        about = {
            "base_url": settings.BASE_URL,
            "confirmation_days": account_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS,
            "password_days": settings.PASSWORD_RESET_TIMEOUT // (24 * 3600),
        }
        message = super().render_mail(template_prefix, email, context | about, headers)
        if getattr(message, "alternatives", None):  # one plain text body: what the outbox keeps is what is sent
            message.alternatives = []
        return message

    def save_user(self, request: HttpRequest, user: User, form: forms.Form, commit: bool = True) -> User:
        user = super().save_user(request, user, form, commit=False)
        user.email = user.email.lower()
        if commit:
            user.save()
        return user


class MFAAdapter(DefaultMFAAdapter):
    """The second factor: our words, and secrets that the database alone does not give."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "add_email_blocked": _("Désactivez d’abord la vérification en deux étapes, puis ajoutez cette adresse."),
        "cannot_delete_authenticator": _("La vérification en deux étapes ne peut pas être désactivée."),
        "cannot_generate_recovery_codes": _("Activez d’abord la vérification en deux étapes."),
        "incorrect_code": _("Ce code est incorrect, ou il a déjà servi. Attendez le suivant."),
        "unverified_email": _("Confirmez d’abord vos adresses courriel."),
    }

    def encrypt(self, text: str) -> str:
        """AES-256-GCM, with a key derived from the one that is not in the database; in base64."""
        return base64.b64encode(boxes.seal(text.encode(), about="mfa")).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """CannotOpen when it was altered, or written under another key."""
        return boxes.open(base64.b64decode(encrypted_text), about="mfa").decode()
