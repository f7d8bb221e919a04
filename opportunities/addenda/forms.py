"""What is typed in an addendum."""

from django import forms
from django.utils.translation import gettext_lazy

from marketplace.texts import PlainTexts
from opportunities.addenda.actions import ADDENDUM_MAX


class AddendumForm(PlainTexts, forms.Form):
    """What is added to a published notice."""

    text = forms.CharField(
        label=gettext_lazy("Texte de l’addenda"),
        max_length=ADDENDUM_MAX,
        help_text=gettext_lazy("Dites ce qui change et ce qui ne change pas. Markdown accepté."),
        widget=forms.Textarea({"rows": 10}),
    )
