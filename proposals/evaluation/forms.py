"""What the body's people type after the opening: rejections, scores, recommendations, reasons."""

import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.dates.localtime import LocalDateTimeField
from marketplace.reasons import REASON_MAX
from marketplace.templatetags.marketplace import decimal_fr
from marketplace.texts import PlainTexts, limit_texts
from opportunities.drafts.forms import plausible_year
from opportunities.enums import UnsuccessfulReason
from proposals.enums import RejectionCode
from proposals.models import Proposal

TEXT_MAX = 2_000
_SCORE = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{1,2})?")


class ScoreField(forms.CharField):
    """A score from 0 to 100, at most two decimals, comma or point; cleans to a Decimal (None when not given)."""

    def __init__(self, **kwargs):
        super().__init__(empty_value=None, **kwargs)

    def widget_attrs(self, widget):
        return super().widget_attrs(widget) | {"inputmode": "decimal", "autocomplete": "off", "size": "8"}

    def to_python(self, value) -> Decimal | None:
        text = super().to_python(value)
        if text is None or isinstance(text, Decimal):
            return text
        if not _SCORE.fullmatch(text):
            raise ValidationError(_("Entrez une note de 0 à 100, deux décimales au plus : 70,5 par exemple."))
        score = Decimal(text.replace(",", "."))
        if score > 100:
            raise ValidationError(_("La note ne peut pas dépasser 100."))
        return score

    def prepare_value(self, value):
        """Typed text as it is; a kept score as « 70,50 »."""
        return decimal_fr(value) if isinstance(value, Decimal) else value


class AwardForm(PlainTexts, forms.Form):
    """Which recommendation was on the screen: another one is never confirmed by surprise."""

    recommendation = forms.IntegerField(widget=forms.HiddenInput)
    explanation = forms.CharField(
        label=gettext_lazy("Ce qui explique les signaux (facultatif)"),
        help_text=gettext_lazy(
            "Gardé avec eux, pour les vérificatrices et vérificateurs. Sans explication, ils restent à expliquer."
        ),
        required=False,
        max_length=2_000,
        widget=forms.Textarea({"rows": 4}),
    )


class RejectForm(PlainTexts, forms.Form):
    code = forms.ChoiceField(label=gettext_lazy("Motif de rejet"), choices=[])
    text = forms.CharField(
        label=gettext_lazy("Explication"),
        help_text=gettext_lazy("Le prestataire la lira dès le rejet. Nommez l’exigence et ce qui manque."),
        max_length=TEXT_MAX,
        widget=forms.Textarea({"rows": 4}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["code"].choices = [
            ("", _("Choisissez un motif")),
            *((code, f"{code} – {label}") for code, label in RejectionCode.choices),
        ]


class ScoreForm(forms.Form):
    """One score and one comment for each of `criteria` (evaluating.criteria_of), filled with those already given."""

    def __init__(self, data=None, *, criteria, scores=(), **kwargs):
        super().__init__(data, **kwargs)
        self.criteria = list(criteria)
        kept = {score.criterion_id: score for score in scores}
        for criterion in self.criteria:
            score = kept.get(criterion.pk)
            floor = getattr(criterion, "floor", None)
            self.fields[f"score_{criterion.pk}"] = ScoreField(
                help_text="" if floor is None else _("Minimum : %d") % floor,
                label=_("Note : %s") % criterion.label,
                initial=score.value if score else None,
            )
            self.fields[f"comment_{criterion.pk}"] = forms.CharField(
                label=_("Commentaire : %s") % criterion.label,
                max_length=TEXT_MAX,
                required=False,
                widget=forms.Textarea({"rows": 3}),
                initial=score.comment if score else "",
            )
        limit_texts(self)

    def lines(self) -> list[dict]:
        """For the page: [{criterion, score, comment}], the last two being bound fields."""
        return [
            {"criterion": c, "score": self[f"score_{c.pk}"], "comment": self[f"comment_{c.pk}"]} for c in self.criteria
        ]

    def values(self) -> dict[int, tuple[Decimal, str]]:
        """What `examination.score` takes."""
        typed = self.cleaned_data
        return {c.pk: (typed[f"score_{c.pk}"], typed[f"comment_{c.pk}"]) for c in self.criteria}


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


class ResumeForm(forms.Form):
    closes_at = LocalDateTimeField(
        label=gettext_lazy("Nouvelle date et heure limites de dépôt"), validators=[plausible_year]
    )


class RecommendForm(PlainTexts, forms.Form):
    """`lines`: the eligible lines of the ranking (proposals.award.Line), best first; the first is chosen beforehand."""

    proposal = forms.ChoiceField(label=gettext_lazy("Proposition recommandée"), widget=forms.RadioSelect, choices=[])
    justification = forms.CharField(
        label=gettext_lazy("Justification"),
        help_text=gettext_lazy("Obligatoire si la proposition n’est pas au premier rang; elle sera alors publique."),
        max_length=TEXT_MAX,
        required=False,
        widget=forms.Textarea({"rows": 5}),
    )

    def __init__(self, data=None, *, lines, **kwargs):
        super().__init__(data, **kwargs)
        label = _("Rang %(rank)d : %(name)s")
        self.fields["proposal"].choices = [
            (str(line.proposal.public_id), label % {"rank": line.ranked.rank, "name": line.proposal.vendor})
            for line in lines
        ]
        if lines:
            self.fields["proposal"].initial = str(lines[0].proposal.public_id)
        self.lines = lines

    def clean_proposal(self) -> Proposal:
        chosen = self.cleaned_data["proposal"]
        return next(line.proposal for line in self.lines if str(line.proposal.public_id) == chosen)
