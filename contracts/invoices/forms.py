"""What is typed about invoices: the vendor's own number, its tax numbers."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.models import Invoice
from marketplace.texts import PlainTexts, longest
from marketplace.values.fields import TpsField, TvqField
from vendors.models import TaxRegistration

REGISTERED, SMALL = "registered", "small"


class IssueForm(PlainTexts, forms.Form):
    """`total`: the cents that were on the screen; another amount is never invoiced by surprise."""

    reference = forms.CharField(
        label=gettext_lazy("Votre numéro de facture"),
        required=False,
        max_length=longest(Invoice, "reference"),
        help_text=gettext_lazy("Celui de votre comptabilité, si vous en avez un. Le nôtre est donné à l’émission."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    total = forms.IntegerField(
        widget=forms.HiddenInput,
        min_value=0,
        error_messages={"required": gettext_lazy("Ce formulaire était incomplet : vérifiez, puis recommencez.")},
    )


class TaxForm(PlainTexts, forms.Form):
    """Two numbers, or a small supplier. Numbers clean to « 123456789 RT0001 » and « 1234567890 TQ0001 »."""

    situation = forms.ChoiceField(
        label=gettext_lazy("Votre situation"),
        choices=[
            (REGISTERED, gettext_lazy("Inscrit à la TPS et à la TVQ")),
            (SMALL, gettext_lazy("Petit fournisseur : je ne perçois pas de taxes")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choisissez votre situation.")},
    )
    tps_number = TpsField(
        label=gettext_lazy("Numéro de TPS"),
        required=False,
        help_text=gettext_lazy("Neuf chiffres, RT et quatre chiffres : 123456789 RT0001."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    tvq_number = TvqField(
        label=gettext_lazy("Numéro de TVQ"),
        required=False,
        help_text=gettext_lazy("Dix chiffres, TQ et quatre chiffres : 1234567890 TQ0001."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )

    @staticmethod
    def first(registered: TaxRegistration | None) -> dict[str, Any]:
        """What the form shows of a registration already kept."""
        if registered is None:
            return {}
        situation = SMALL if registered.small_supplier else REGISTERED
        return {"situation": situation, "tps_number": registered.tps_number, "tvq_number": registered.tvq_number}

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        for name, missing in (
            ("tps_number", _("Inscrivez votre numéro de TPS.")),
            ("tvq_number", _("Inscrivez votre numéro de TVQ.")),
        ):
            situation = values.get("situation")
            # Of a small supplier, how a number is written matters no more: it must go.
            if situation == SMALL and (self.errors.pop(name, None) or values.get(name)):
                self.add_error(
                    name, _("Un petit fournisseur n’inscrit pas de numéro : effacez-le, ou changez de situation.")
                )
            elif situation == REGISTERED and name in values and not values[name]:
                self.add_error(name, missing)
        return values

    def registration(self) -> dict[str, Any]:
        """What `actions.register_taxes` takes."""
        values = self.cleaned_data
        small = values["situation"] == SMALL
        return {"small_supplier": small, "tps_number": values["tps_number"], "tvq_number": values["tvq_number"]}
