"""What the body's people type of an opened proposal: a rejection, scores."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.reasons import REASON_MAX
from marketplace.templatetags.marketplace import decimal_fr
from marketplace.texts import PlainTexts
from marketplace.values import number
from marketplace.values.fields import ReadField
from opportunities.models import Criterion
from proposals.enums import ReexaminationOutcome, RejectionCode
from proposals.models import Score

TEXT_MAX = 2_000


class ScoreField(ReadField):
    """A score from 0 to 100, at most two decimals, comma or point; cleans to a Decimal (None when not given)."""

    read = staticmethod(number.score)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(empty_value=None, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"inputmode": "decimal", "autocomplete": "off", "size": "8"}

    def prepare_value(self, value: Any) -> Any:
        """Typed text as it is; a kept score as « 70,50 »."""
        return decimal_fr(value) if isinstance(value, Decimal) else value


def _rejections() -> list[tuple[str, str]]:
    return [("", _("Choisissez un motif")), *((code, f"{code} – {label}") for code, label in RejectionCode.choices)]


class RejectForm(PlainTexts, forms.Form):
    code = forms.ChoiceField(label=gettext_lazy("Motif de rejet"), choices=_rejections)
    text = forms.CharField(
        label=gettext_lazy("Explication"),
        help_text=gettext_lazy("Le prestataire la lira dès le rejet. Nommez l’exigence et ce qui manque."),
        max_length=TEXT_MAX,
        widget=forms.Textarea({"rows": 4}),
    )


class ScoreForm(PlainTexts, forms.Form):
    """One score and one comment for each of `criteria` (board.criteria_of), filled with those already given."""

    def __init__(
        self,
        data: Any = None,
        *,
        criteria: Iterable[Criterion],
        scores: Iterable[Score] = (),
        seen: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        self.criteria = list(criteria)
        given = {score.criterion_id: score for score in scores}
        # The version that the page showed, 0 when it showed none: what was saved since is never overwritten unseen.
        self.fields["seen"] = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput, initial=seen)
        for criterion in self.criteria:
            score = given.get(criterion.pk)
            floor = getattr(criterion, "floor", None)
            self.fields[f"score_{criterion.pk}"] = ScoreField(
                help_text="" if floor is None else _("Minimum : %d") % floor,
                label=_("Note, %s") % criterion.label,
                initial=score.value if score else None,
            )
            self.fields[f"comment_{criterion.pk}"] = forms.CharField(
                label=_("Commentaire, %s") % criterion.label,
                max_length=TEXT_MAX,
                required=False,
                widget=forms.Textarea({"rows": 3}),
                initial=score.comment if score else "",
            )

    def lines(self) -> list[dict[str, Any]]:
        """For the page: [{criterion, score, comment}], the last two being bound fields."""
        return [
            {"criterion": c, "score": self[f"score_{c.pk}"], "comment": self[f"comment_{c.pk}"]} for c in self.criteria
        ]

    def seen(self) -> int:
        return self.cleaned_data.get("seen") or 0

    def values(self) -> dict[int, tuple[Decimal, str]]:
        """What proposals/evaluation/actions.py, `score`, takes."""
        typed = self.cleaned_data
        return {c.pk: (typed[f"score_{c.pk}"], typed[f"comment_{c.pk}"]) for c in self.criteria}


def _reason() -> forms.CharField:
    """Of a re-examination."""
    return forms.CharField(
        label=_("Motif"),
        help_text=_(
            "Dites l’erreur, et ce qui la montre. S’il est accepté, ce motif sera public à l’attribution; refusé ou"
            " retiré, il reste à l’organisme et aux vérificatrices et vérificateurs."
        ),
        max_length=REASON_MAX,
        widget=forms.Textarea({"rows": 4}),
    )


class NoteReexaminationForm(ScoreForm):
    """The notes as they should be, each with the one that stands, and the reason."""

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["reason"] = _reason()


class AdmissionReexaminationForm(PlainTexts, forms.Form):
    """What a frozen admission should be: one of `outcomes`, the codes of ReexaminationOutcome that it may become."""

    outcome = forms.ChoiceField()
    code = forms.ChoiceField(label=gettext_lazy("Motif de rejet"), choices=_rejections, required=False)
    text = forms.CharField(
        label=gettext_lazy("Explication"),
        help_text=gettext_lazy(
            "Le prestataire la lira dès que le rejet sera accepté. Nommez l’exigence et ce qui manque."
        ),
        max_length=TEXT_MAX,
        widget=forms.Textarea({"rows": 4}),
        required=False,
    )

    def __init__(self, data: Any = None, *, outcomes: list[str], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        labels = dict(ReexaminationOutcome.choices)
        alone = len(outcomes) == 1
        self.fields["outcome"] = forms.ChoiceField(
            label=_("Ce qui est demandé"),
            choices=[(code, labels[code]) for code in outcomes],
            widget=forms.HiddenInput if alone else forms.RadioSelect,
            initial=outcomes[0] if alone else None,
        )
        if ReexaminationOutcome.REJECTED not in outcomes:
            del self.fields["code"], self.fields["text"]
        self.fields["reason"] = _reason()
