"""Sign-in and sign-up through django-allauth: our form, our outbox."""

from allauth.account.adapter import DefaultAccountAdapter
from django import forms
from django.conf import settings
from django.urls import reverse, reverse_lazy, translate_url
from django.utils import translation
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from marketplace import clock, mail
from marketplace.models import Terms, TermsAcceptance


def _terms_label() -> str:
    text = _("J’accepte les conditions d’utilisation")
    return format_html('{} (<a href="{}" target="_blank">{}</a>)', text, reverse_lazy("pages:terms"), _("les lire"))


class SignupForm(forms.Form):
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

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["language"].initial = "en" if translation.get_language() == "en" else "fr-ca"

    def signup(self, request, user) -> None:
        """Called by allauth once the person exists, in its transaction."""
        at = clock.now()
        user.name = self.cleaned_data["name"].strip()
        user.language = self.cleaned_data["language"]
        user.save(update_fields=["name", "language"])
        terms = Terms.objects.in_force(Terms.Kind.USE, at=at)
        TermsAcceptance.objects.get_or_create(user=user, terms=terms, defaults={"at": at})


class AccountAdapter(DefaultAccountAdapter):
    """Account messages leave through the outbox; their secret links are erased once sent."""

    def get_login_redirect_url(self, request) -> str:
        """« À faire », in the language the person chose."""
        return translate_url(reverse("dashboard"), request.user.language)

    def send_mail(self, template_prefix: str, email: str, context: dict) -> None:
        user = context.get("user")
        language = user.language if user is not None else translation.get_language()
        with translation.override(language):
            message = self.render_mail(template_prefix, email, context)
        at = clock.now()
        known = user if user is not None and user.pk else None
        mail.enqueue(f"{template_prefix}.txt", email, message.subject, message.body, to=known, at=at, secret=True)

    def render_mail(self, template_prefix, email, context, headers=None):
        message = super().render_mail(template_prefix, email, context, headers)
        if getattr(message, "alternatives", None):  # one plain text body: what the outbox keeps is what is sent
            message.alternatives = []
        return message

    def save_user(self, request, user, form, commit=True):
        user = super().save_user(request, user, form, commit=False)
        user.email = user.email.lower()
        if commit:
            user.save()
        return user
