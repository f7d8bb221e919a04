"""What is typed to say that a publication at the SEAO was done."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from contracts.publication.actions import PROOF_MAX
from marketplace.dates.fields import day_field
from marketplace.texts import PlainTexts


class PublishForm(PlainTexts, forms.Form):
    done_on = day_field(gettext_lazy("Publiée le"))
    proof = forms.CharField(
        label=gettext_lazy("Numéro ou adresse de l’avis au SEAO"),
        help_text=gettext_lazy("La preuve de la publication; elle paraît sur la page du contrat."),
        max_length=PROOF_MAX,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["done_on"].required = True
