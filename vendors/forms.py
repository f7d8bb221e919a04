"""The forms of a vendor: BC's proponent fields, stripped and checked; its people; its papers."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.dates.fields import day_field, plausible_year
from marketplace.files.uploads import PAPERS, OneFileField
from marketplace.reasons import ReasonForm
from marketplace.regions import Region
from marketplace.search import fold
from marketplace.texts import PlainTexts
from marketplace.values import postal_code
from marketplace.values.fields import AttestationField
from marketplace.values.neq import usual
from vendors.models import Ineligibility, Invitation, Vendor, VendorMembership


class InviteForm(PlainTexts, forms.Form):
    """Whom to invite, by address, and as what. An owner is made by an owner, among those who have joined."""

    email = forms.EmailField(
        label=_("Adresse courriel"),
        max_length=254,
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
        help_text=_("Une personne de l’équipe devient propriétaire aussitôt. Toute autre reçoit une invitation."),
    )
    field_order = ["email", "reason"]


class RoleForm(PlainTexts, forms.Form):
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
            "email": forms.EmailInput({"autocomplete": "email"}),
            "street": forms.TextInput({"autocomplete": "address-line1"}),
            "street2": forms.TextInput({"autocomplete": "address-line2"}),
            "city": forms.TextInput({"autocomplete": "address-level2"}),
            "province": forms.TextInput({"autocomplete": "address-level1"}),
            "postal_code": forms.TextInput({"autocomplete": "postal-code"}),
            "country": forms.TextInput({"autocomplete": "country-name"}),
        }
        help_texts = {
            "neq": _("Dix chiffres. Laissez vide si vous n’en avez pas."),
            "phone": _("Par exemple 418 555-0123 poste 4."),
            "legal_name": _("Celui qui figurera au procès-verbal d’ouverture et au contrat."),
            "email": _("Celui que l’organisme utilisera s’il retient votre proposition."),
            "region": _("Si vous êtes au Québec."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        region = cast(forms.ChoiceField, self.fields["region"])
        region.choices = [("", gettext("Choisissez")), *Region.choices]

    def clean_neq(self) -> str:
        """Unique, told at the field."""
        neq: str = self.cleaned_data["neq"]
        if neq and Vendor.objects.filter(neq=neq).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Un prestataire est déjà inscrit avec ce NEQ."), code="unique")
        return neq

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        code = values.get("postal_code")
        if code and fold(values.get("country") or "").strip(" .") in {"canada", "ca", "can"}:
            try:
                values["postal_code"] = postal_code.read(code)
            except ValueError as error:
                self.add_error("postal_code", str(error))
        return values

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def unusual_neq(self) -> bool:
        """Ten digits, but not of a known series: worth a second look, nothing more."""
        neq = self.cleaned_data.get("neq", "")
        return bool(neq) and not usual(neq)


class AttestationForm(PlainTexts, forms.Form):
    """An attestation de Revenu Québec. The number cleans to capitals without spaces; the copy is judged when kept."""

    number = AttestationField(
        label=_("Numéro de l’attestation"),
        help_text=_("Tel qu’il figure sur l’attestation : les organismes le vérifient auprès de Revenu Québec."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    issued_on = day_field(_("Date de délivrance"), required=True)
    file = OneFileField(
        label=_("Copie de l’attestation"),
        types=PAPERS,
        help_text=_(
            "PDF ou photo (JPEG, PNG, HEIC), 10 Mo au plus. Lue par votre équipe et par les organismes qui retiennent "
            "votre proposition."
        ),
    )


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


class LiftForm(PlainTexts, forms.ModelForm):
    """What is recorded stays; one box to tick lifts it from now on."""

    lift = forms.BooleanField(
        label=_("Lever cette inadmissibilité"),
        help_text=_("Le prestataire redevient admissible aussitôt. Le geste est inscrit au registre."),
    )

    class Meta:
        model = Ineligibility
        fields: list[str] = []
