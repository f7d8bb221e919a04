"""What is typed to recommend an award, to confirm it, or to conclude without one."""

import re
from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.reasons import REASON_MAX
from marketplace.texts import PlainTexts
from opportunities.enums import UnsuccessfulReason
from proposals.award.ranks import Line
from proposals.models import Proposal

_EXPLANATION = re.compile(r"explanation_(?P<code>[A-Z0-9_]{1,20})_(?P<vendor>[0-9]{1,12})")
_MOST = 50  # signals of one award


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
    """Which recommendation was on the screen: another one is never confirmed by surprise.

    Each signal that the award would raise has its own explanation: one never answers for another.
    """

    recommendation = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        for name in [name for name in data or () if _EXPLANATION.fullmatch(name)][:_MOST]:
            self._add(name)

    def _add(self, name: str) -> None:
        self.fields[name] = forms.CharField(
            label=_("Ce qui explique le signal %s (facultatif)") % name.split("_", 1)[1].rpartition("_")[0],
            help_text=_(
                "Gardé avec lui, pour les vérificatrices et vérificateurs. Sans explication, il reste à expliquer."
            ),
            required=False,
            max_length=REASON_MAX,
            widget=forms.Textarea({"rows": 3}),
        )

    def offer(self, flags: Iterable[Any]) -> list[tuple[Any, forms.BoundField]]:
        """Each signal with its field, made when nothing was typed in it, for the page."""
        offered = []
        for flag in flags:
            name = f"explanation_{flag.code}_{flag.vendor or 0}"
            if name not in self.fields:
                self._add(name)
            offered.append((flag, self[name]))
        return offered

    def explanations(self) -> dict[tuple[str, int | None], str]:
        """{(code, vendor's key or None): what explains it}, of those that were typed."""
        said = {}
        for name, text in self.cleaned_data.items():
            match = _EXPLANATION.fullmatch(name)
            if match and text:
                said[match["code"], int(match["vendor"]) or None] = text
        return said


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
