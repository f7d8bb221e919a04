"""What people type to pay, to answer a declared payment, and to undo one."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.attestation.forms import UnverifiedReason
from marketplace.accounts.reauthentication import SecondLook
from marketplace.dates.fields import day_field
from marketplace.reasons import REASON_MAX
from marketplace.texts import PlainTexts

STRIPE, OUTSIDE = "stripe", "outside"


class PayForm(UnverifiedReason):
    """By Stripe, or a payment already made by the body's own system. `stripe`: whether the first is possible."""

    way = forms.ChoiceField(label=gettext_lazy("Moyen de paiement"), widget=forms.RadioSelect, choices=[])
    reference = forms.CharField(
        label=gettext_lazy("Référence du paiement"),
        help_text=gettext_lazy("Celle de votre système financier, que le prestataire verra sur son relevé."),
        max_length=100,
        required=False,
    )
    paid_on = day_field(gettext_lazy("Date du paiement"))

    def __init__(self, *args: Any, stripe: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ways = [(STRIPE, _("Payer maintenant, par carte ou par débit préautorisé"))] if stripe else []
        ways.append((OUTSIDE, _("Déclarer un paiement déjà fait par notre système financier")))
        way = self.fields["way"]
        assert isinstance(way, forms.ChoiceField)
        way.choices, way.initial = ways, ways[0][0]

    def clean(self) -> dict[str, Any]:
        super().clean()
        typed = self.cleaned_data
        if typed.get("way") == OUTSIDE:
            for name, message in (
                ("reference", _("Inscrivez la référence du paiement.")),
                ("paid_on", _("Inscrivez la date du paiement.")),
            ):
                if not typed.get(name) and name not in self.errors:
                    self.add_error(name, message)
        return typed


class AnswerForm(PlainTexts, forms.Form):
    """The vendor's answer to a declared payment: received, or not, and then why."""

    answer = forms.ChoiceField(
        label=gettext_lazy("Avez-vous reçu ce paiement?"),
        widget=forms.RadioSelect,
        choices=[
            ("confirm", gettext_lazy("Oui, il est reçu en entier")),
            ("contest", gettext_lazy("Non, il n’est pas reçu")),
        ],
    )
    reason = forms.CharField(
        label=gettext_lazy("Ce qui manque"),
        help_text=gettext_lazy("Si vous ne l’avez pas reçu : l’organisme le lira."),
        max_length=REASON_MAX,
        required=False,
        widget=forms.Textarea({"rows": 4}),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        typed = self.cleaned_data
        if typed.get("answer") == "contest" and not typed.get("reason") and "reason" not in self.errors:
            self.add_error("reason", _("Dites ce qui manque : l’organisme doit pouvoir le corriger."))
        return typed


class ReverseForm(SecondLook):
    """The second officer's confirmation: it moves money."""
