"""What is typed to end a contract: its completion, its termination, the evaluation of the vendor and its reply."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from contracts.end.actions import COMMENT_MAX, NO_CODE_MAX
from marketplace.accounts.reauthentication import SecondLook
from marketplace.reasons import REASON_MAX
from marketplace.texts import PlainTexts


class CompleteForm(PlainTexts, forms.Form):
    """`asks`: whether no code is catalogued, so that the reason is needed."""

    no_code_reason = forms.CharField(
        label=gettext_lazy("Pourquoi aucun code n’est catalogué"),
        help_text=gettext_lazy("Public : le code payé par un organisme sert aux autres, sauf raison."),
        max_length=NO_CODE_MAX,
        widget=forms.Textarea({"rows": 4}),
    )

    def __init__(self, *args: Any, asks: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks:
            del self.fields["no_code_reason"]


class TerminateForm(SecondLook):
    """Why, and who it is: ending a contract commits the body."""

    reason = forms.CharField(
        label=gettext_lazy("Motif"),
        help_text=gettext_lazy("Il sera public, et envoyé au prestataire."),
        max_length=REASON_MAX,
        widget=forms.Textarea({"rows": 5}),
    )


MARKS = [
    ("1", gettext_lazy("1 : très insuffisant")),
    ("2", gettext_lazy("2 : insuffisant")),
    ("3", gettext_lazy("3 : acceptable")),
    ("4", gettext_lazy("4 : bon")),
    ("5", gettext_lazy("5 : excellent")),
]


def _mark(label: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(label=label, choices=MARKS, coerce=int, widget=forms.RadioSelect)


class EvaluateForm(PlainTexts, forms.Form):
    quality = _mark(gettext_lazy("Qualité du travail"))
    deadlines = _mark(gettext_lazy("Respect des échéances"))
    communication = _mark(gettext_lazy("Communication"))
    satisfactory = forms.TypedChoiceField(
        label=gettext_lazy("Dans l’ensemble, le rendement est"),
        choices=[("yes", gettext_lazy("Satisfaisant")), ("no", gettext_lazy("Insatisfaisant"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label=gettext_lazy("Explication"),
        help_text=gettext_lazy("Des faits : le prestataire la lira et pourra y répliquer."),
        max_length=COMMENT_MAX,
        widget=forms.Textarea({"rows": 8}),
    )


class ReplyForm(PlainTexts, forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Votre réplique"), max_length=COMMENT_MAX, widget=forms.Textarea({"rows": 8})
    )
