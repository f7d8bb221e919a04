"""What is typed to change a published notice; an addendum: opportunities/addenda/forms.py."""

from django import forms
from django.utils.translation import gettext_lazy

from marketplace.dates.fields import LocalDateTimeField, plausible_year
from marketplace.texts import PlainTexts


class ResumeForm(PlainTexts, forms.Form):
    closes_at = LocalDateTimeField(
        label=gettext_lazy("Nouvelle date et heure limites de dépôt"), validators=[plausible_year]
    )
