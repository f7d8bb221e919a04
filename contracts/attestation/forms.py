"""The reason for going on with an attestation that nobody verified, beside an act that asks who is there."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from marketplace.accounts.reauthentication import SecondLook
from marketplace.reasons import REASON_MAX
from vendors.eligibility import actions as eligibility


class UnverifiedReason(SecondLook):
    """`unverified`: whether a reason is needed; the field is there only then."""

    unverified_reason = forms.CharField(
        label=gettext_lazy("Pourquoi continuer sans que l’attestation soit vérifiée"),
        help_text=gettext_lazy(
            "Faites-la plutôt noter comme vérifiée, plus haut. Sinon, dites pourquoi en quelques mots : le motif est "
            "gardé au registre, et le prestataire, votre organisme, les vérificatrices et vérificateurs le lisent."
        ),
        max_length=REASON_MAX,
        validators=[eligibility.readable],
        widget=forms.Textarea({"rows": 3}),
    )

    def __init__(self, *args: Any, unverified: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not unverified:
            del self.fields["unverified_reason"]
