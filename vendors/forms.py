"""The form of a vendor: BC's proponent fields, stripped and checked."""

import re

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from marketplace.regions import Region
from marketplace.search import fold
from marketplace.texts import PlainTexts
from vendors.models import Invitation, Vendor, VendorMembership

# Postes Canada: no D, F, I, O, Q, U anywhere; no W, Z in first place.
CANADIAN_CODE = re.compile(r"([ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z])[ -]?(\d[ABCEGHJ-NPRSTV-Z]\d)", re.ASCII)
# What the Registraire des entreprises issues today, as far as is known: a notice when it differs, never a refusal.
USUAL_NEQ = re.compile(r"^(11|22|33|88)[4-9]\d{7}$")


class InviteForm(PlainTexts, forms.Form):
    """Whom to invite, by address, and as what. An owner is made by an owner, among those who have joined."""

    email = forms.EmailField(
        label=_("Adresse courriel"),
        max_length=254,
        help_text=_("La personne reçoit une invitation, qu’elle accepte ou décline."),
    )
    role = forms.ChoiceField(
        label=_("Rôle"), choices=Invitation.Role.choices, initial=Invitation.Role.MEMBER, widget=forms.RadioSelect
    )


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

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        neq = self.fields["neq"]
        neq.validators = []  # spaces are taken out first; ten digits is the model's rule
        neq.widget.attrs["maxlength"] = "20"
        self.fields["region"].choices = [("", gettext("Choisissez")), *Region.choices]

    def clean_neq(self) -> str:
        """Digits only; unique, told at the field."""
        neq = re.sub(r"\s", "", self.cleaned_data["neq"])
        if neq and Vendor.objects.filter(neq=neq).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Un prestataire est déjà inscrit avec ce NEQ."), code="unique")
        return neq

    def clean(self):
        values = super().clean()
        code = values.get("postal_code")
        if code and fold(values.get("country") or "") == "canada":
            found = CANADIAN_CODE.fullmatch(code.upper())
            if found:
                values["postal_code"] = f"{found[1]} {found[2]}"
            else:
                self.add_error("postal_code", gettext("Un code postal canadien s’écrit ainsi : G8B 1A1."))
        return values

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def unusual_neq(self) -> bool:
        """Ten digits, but not of a known series: worth a second look, nothing more."""
        neq = self.cleaned_data.get("neq", "")
        return bool(neq) and not USUAL_NEQ.match(neq)
