"""What is typed to conclude on an award."""

from django import forms
from django.utils.translation import gettext_lazy

from audit.enums import Opinion
from audit.reviews.actions import COMMENT_MAX
from marketplace.accounts.reauthentication import SecondLook


class ConcludeAwardForm(SecondLook):
    """The opinion, why, the checklist that was on the screen (`seen`), then who it is."""

    opinion = forms.ChoiceField(label=gettext_lazy("Conclusion"), choices=Opinion.choices, widget=forms.RadioSelect)
    comment = forms.CharField(
        label=gettext_lazy("Commentaire, obligatoire sauf si l’attribution est conforme"),
        help_text=gettext_lazy("Dites sur quoi portent les réserves ou la non-conformité."),
        max_length=COMMENT_MAX,
        required=False,
        widget=forms.Textarea({"rows": 6}),
    )
    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)
