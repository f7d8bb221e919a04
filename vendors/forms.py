"""The forms of a vendor: BC's proponent fields, stripped and checked; its people; its papers."""

import re
from typing import Any, cast

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.dates.fields import plausible_year
from marketplace.mail import address
from marketplace.reasons import ReasonForm
from marketplace.regions import Region
from marketplace.search import fold
from marketplace.texts import PlainTexts
from vendors.models import Ineligibility, Invitation, Vendor, VendorMembership

# Postes Canada: no D, F, I, O, Q, U anywhere; no W, Z in first place.
CANADIAN_CODE = re.compile(r"([ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z])[ -]?(\d[ABCEGHJ-NPRSTV-Z]\d)", re.ASCII)
# What the Registraire des entreprises issues today, as far as is known: a notice when it differs, never a refusal.
USUAL_NEQ = re.compile(r"^(11|22|33|88)[4-9]\d{7}$")
ATTESTATION_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9-]{4,28}[A-Z0-9]", re.ASCII)


class InviteForm(PlainTexts, forms.Form):
    """Whom to invite, by address, and as what. An owner is made by an owner, among those who have joined."""

    email = forms.EmailField(
        label=_("Adresse courriel"),
        max_length=254,
        validators=[address.check],
        help_text=_("La personne reçoit une invitation, qu’elle accepte ou décline."),
    )
    role = forms.ChoiceField(
        label=_("Rôle"),
        choices=[(role.value, role.label) for role in (Invitation.Role.ADMIN, Invitation.Role.MEMBER)],
        initial=Invitation.Role.MEMBER,
        widget=forms.RadioSelect,
    )


class NewOwnerForm(ReasonForm):
    """By an administrator: to whom an ownerless vendor goes, and why."""

    email = forms.EmailField(
        label=_("Adresse courriel de la nouvelle personne propriétaire"),
        max_length=254,
        validators=[address.check],
        help_text=_("Une personne de l’équipe devient propriétaire aussitôt. Toute autre reçoit une invitation."),
    )
    field_order = ["email", "reason"]


class RoleForm(forms.Form):
    """A member's role."""

    role = forms.ChoiceField(label=_("Rôle"), choices=VendorMembership.Role.choices, widget=forms.RadioSelect)


class VendorForm(PlainTexts, forms.ModelForm):
    """Company or self-employed person. Cleaned texts are stripped, the e-mail address is in lower case."""

    class Meta:
        model = Vendor
        fields = [
            "kind", "legal_name", "neq", "email", "phone", "street", "street2", "city", "region", "province",
            "postal_code", "country",
        ]  # fmt: skip
        widgets = {
            "kind": forms.RadioSelect,
            "legal_name": forms.TextInput({"autocomplete": "organization"}),
            "neq": forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
            "email": forms.EmailInput({"autocomplete": "email"}),
            "phone": forms.TextInput({"type": "tel", "autocomplete": "tel"}),
            "street": forms.TextInput({"autocomplete": "address-line1"}),
            "street2": forms.TextInput({"autocomplete": "address-line2"}),
            "city": forms.TextInput({"autocomplete": "address-level2"}),
            "province": forms.TextInput({"autocomplete": "address-level1"}),
            "postal_code": forms.TextInput({"autocomplete": "postal-code"}),
            "country": forms.TextInput({"autocomplete": "country-name"}),
        }
        help_texts = {
            "legal_name": _("Celui qui figurera au procès-verbal d’ouverture et au contrat."),
            "neq": _("Dix chiffres. Laissez vide si vous n’en avez pas."),
            "email": _("Celui que l’organisme utilisera s’il retient votre proposition."),
            "phone": _("Par exemple 418 555-0123 poste 4."),
            "region": _("Si vous êtes au Québec."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].validators.append(address.check)
        neq = self.fields["neq"]
        neq.validators = []  # spaces are taken out first; ten digits is the model's rule
        neq.widget.attrs["maxlength"] = "20"
        region = cast(forms.ChoiceField, self.fields["region"])
        region.choices = [("", gettext("Choisissez")), *Region.choices]

    def clean_neq(self) -> str:
        """Digits only; unique, told at the field."""
        neq = re.sub(r"\s", "", self.cleaned_data["neq"])
        if neq and Vendor.objects.filter(neq=neq).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Un prestataire est déjà inscrit avec ce NEQ."), code="unique")
        return neq

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        code = values.get("postal_code")
        if code and fold(values.get("country") or "") == "canada":
            halves = CANADIAN_CODE.fullmatch(code.upper())
            if halves:
                values["postal_code"] = f"{halves[1]} {halves[2]}"
            else:
                self.add_error("postal_code", gettext("Un code postal canadien s’écrit ainsi : G8B 1A1."))
        return values

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def unusual_neq(self) -> bool:
        """Ten digits, but not of a known series: worth a second look, nothing more."""
        neq = self.cleaned_data.get("neq", "")
        return bool(neq) and not USUAL_NEQ.match(neq)


class AttestationForm(PlainTexts, forms.Form):
    """An attestation de Revenu Québec. The number cleans to capitals without spaces; the copy is judged when kept."""

    number = forms.CharField(
        label=_("Numéro de l’attestation"),
        max_length=40,
        help_text=_("Tel qu’il figure sur l’attestation : les organismes le vérifient auprès de Revenu Québec."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    issued_on = forms.DateField(
        label=_("Date de délivrance"),
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        validators=[plausible_year],
    )
    file = forms.FileField(
        label=_("Copie de l’attestation"),
        required=False,
        allow_empty_file=True,
        help_text=_("PDF, 10 Mo au plus. Lue par votre équipe et par les organismes qui retiennent votre proposition."),
        widget=forms.FileInput({"accept": ".pdf"}),
    )

    def clean_number(self) -> str:
        number = re.sub(r"\s", "", self.cleaned_data["number"]).upper()
        if not ATTESTATION_NUMBER.fullmatch(number):
            raise forms.ValidationError(_("Le numéro compte de 6 à 30 lettres, chiffres et traits d’union."))
        return number


class IneligibilityForm(PlainTexts, forms.ModelForm):
    """A new record, by an administrator."""

    class Meta:
        model = Ineligibility
        fields = ["vendor", "source", "since", "until", "note"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        for name in ("since", "until"):
            if self.cleaned_data.get(name):
                try:
                    plausible_year(self.cleaned_data[name])
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return self.cleaned_data


class LiftForm(forms.ModelForm):
    """What is recorded stays; one box to tick lifts it from now on."""

    lift = forms.BooleanField(
        label=_("Lever cette inadmissibilité"),
        help_text=_("Le prestataire redevient admissible aussitôt. Le geste est inscrit au registre."),
    )

    class Meta:
        model = Ineligibility
        fields: list[str] = []
