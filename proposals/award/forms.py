"""What is typed to recommend an award, to confirm it, or to conclude without one."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.reasons import REASON_MAX
from marketplace.texts import PlainTexts
from opportunities.enums import UnsuccessfulReason
from proposals.award.actions import Line
from proposals.models import Proposal


class RecommendForm(PlainTexts, forms.Form):
    """`lines`: the eligible lines of the ranking, best first; the first is chosen beforehand. Cleans to a Proposal."""

    proposal = forms.ChoiceField(label=gettext_lazy("Proposition recommandée"), widget=forms.RadioSelect, choices=[])
    justification = forms.CharField(
        label=gettext_lazy("Justification"),
        help_text=gettext_lazy("Obligatoire si la proposition n’est pas au premier rang; elle sera alors publique."),
        max_length=REASON_MAX,
        required=False,
        widget=forms.Textarea({"rows": 5}),
    )

    def __init__(self, data: Any = None, *, lines: list[Line], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.lines = lines
        field = cast(forms.ChoiceField, self.fields["proposal"])
        label = _("Rang %(rank)d : %(name)s")
        field.choices = [
            (str(line.proposal.public_id), label % {"rank": line.ranked.rank, "name": line.proposal.vendor})
            for line in lines
        ]
        if lines:
            field.initial = str(lines[0].proposal.public_id)

    def clean_proposal(self) -> Proposal:
        chosen = self.cleaned_data["proposal"]
        return next(line.proposal for line in self.lines if str(line.proposal.public_id) == chosen)


class AwardForm(PlainTexts, forms.Form):
    """Which recommendation was on the screen: another one is never confirmed by surprise."""

    recommendation = forms.IntegerField(widget=forms.HiddenInput)
    explanation = forms.CharField(
        label=gettext_lazy("Ce qui explique les signaux (facultatif)"),
        help_text=gettext_lazy(
            "Gardé avec eux, pour les vérificatrices et vérificateurs. Sans explication, ils restent à expliquer."
        ),
        required=False,
        max_length=REASON_MAX,
        widget=forms.Textarea({"rows": 4}),
    )


class ConcludeForm(PlainTexts, forms.Form):
    code = forms.ChoiceField(
        label=gettext_lazy("Pourquoi n’y a-t-il pas d’attribution?"),
        choices=UnsuccessfulReason.choices,
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=gettext_lazy("Précisions"),
        help_text=gettext_lazy("Publiques. Obligatoires pour « Autre motif »."),
        max_length=REASON_MAX,
        required=False,
        widget=forms.Textarea({"rows": 5}),
    )
