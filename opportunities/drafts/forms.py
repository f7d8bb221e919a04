"""The buyer's form. Limits are always enforced; what is missing is allowed until the draft is sent for review."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.dates.fields import LocalDateTimeField, day_field, plausible_year
from marketplace.dates.localtime import local
from marketplace.files.uploads import FilesField
from marketplace.keep import Quiet
from marketplace.money import MoneyField, format_cents
from marketplace.reasons import REASON_MAX
from marketplace.regions import Region
from marketplace.search import fold
from marketplace.texts import PlainTexts
from opportunities.conditions import ceiling_cents
from opportunities.drafts import actions
from opportunities.models import Criterion, Opportunity, PublicBody
from opportunities.models.mode import amount_label

SKILL_MAX = 100
SKILLS_MAX = 20
CRITERIA_MAX = 20


class OpportunityForm(Quiet, PlainTexts, forms.ModelForm):
    """Every field of a draft but its body. `at` is the request's instant: the ceiling is a dated rule."""

    keeps_lines = ("skills",)

    budget_cents = MoneyField(label=gettext_lazy("Montant maximal, avant taxes"), required=False)
    skills = forms.CharField(
        label=gettext_lazy("Compétences"),
        required=False,
        max_length=3_000,
        help_text=gettext_lazy("Séparez-les par des virgules, par exemple : Python, accessibilité Web. 20 au plus."),
        widget=forms.TextInput({"list": "known-skills", "autocomplete": "off"}),
    )
    k_percent = forms.IntegerField(
        label=gettext_lazy("Valeur de K (%)"),
        required=False,
        min_value=15,
        max_value=30,
        help_text=gettext_lazy("Exigée en mode « prix ajusté », de 15 à 30 %; sans objet dans les autres."),
    )
    questions_close_at = LocalDateTimeField(
        label=gettext_lazy("Date limite des questions"),
        validators=[plausible_year],
        required=False,
        help_text=gettext_lazy(
            "D’ordinaire trois jours ouvrables avant la date limite de dépôt. "
            "Les prestataires les envoient à la personne à joindre."
        ),
    )
    closes_at = LocalDateTimeField(
        label=gettext_lazy("Date et heure limites de dépôt"),
        validators=[plausible_year],
        required=False,
        help_text=gettext_lazy(
            "Un jour ouvrable, heure de l’Est. "
            "Quinze jours de publication sont recommandés; sous dix, il faut un motif public."
        ),
    )
    assignment_date = day_field(gettext_lazy("Attribution prévue"))
    start_date = day_field(gettext_lazy("Début du travail"))
    completion_date = day_field(gettext_lazy("Fin du travail"))
    files = FilesField(  # type: ignore[assignment]  # a field: the form's own `files` is something else
        label=gettext_lazy("Ajouter des fichiers"),
        required=False,
        most=lambda: actions.ATTACHMENTS_MAX,
        too_many=gettext_lazy("Une occasion compte %d pièces jointes au plus."),
        help_text=gettext_lazy("PDF, Word, Excel, PowerPoint, OpenDocument, image ou texte; 10 Mo au plus chacun."),
    )

    class Meta:
        model = Opportunity
        fields = (
            *("title", "teaser", "description", "remote_ok", "remote_description", "location", "region"),
            *("budget_cents", "code_licence", "submission_info", "acceptance_criteria", "evaluation_criteria"),
            *("award_mode", "k_percent", "contact_name", "contact_email", "questions_close_at", "closes_at"),
            *("assignment_date", "start_date", "completion_date", "short_period_reason"),
        )
        widgets = {
            "award_mode": forms.RadioSelect,
            "teaser": forms.Textarea({"rows": 3}),
            "description": forms.Textarea({"rows": 14}),
            "remote_description": forms.Textarea({"rows": 3}),
            "submission_info": forms.Textarea({"rows": 3}),
            "acceptance_criteria": forms.Textarea({"rows": 8}),
            "evaluation_criteria": forms.Textarea({"rows": 4}),
            "short_period_reason": forms.Textarea({"rows": 3}),
        }
        help_texts = {
            "title": gettext_lazy("Ce que l’on veut obtenir, en une ligne : « Réservation de salles en ligne »."),
            "teaser": gettext_lazy("Deux phrases pour la liste des occasions."),
            "description": gettext_lazy("Le contexte, les personnes à servir, ce qui existe déjà. Markdown accepté."),
            "remote_description": gettext_lazy(
                "Si le travail à distance est accepté : ce qui se fait à distance, et ce qui demande une présence."
            ),
            "location": gettext_lazy("La municipalité, par exemple : Rimouski."),
            "acceptance_criteria": gettext_lazy(
                "Ce qui doit être vrai pour que la livraison soit acceptée et payée. Markdown accepté."
            ),
            "submission_info": gettext_lazy("Où et comment le code sera remis : dépôt, environnement, accès."),
            "evaluation_criteria": gettext_lazy("Ce qui aide à comprendre la grille. Markdown accepté."),
            "short_period_reason": gettext_lazy("Seulement si la publication dure moins de dix jours; il sera public."),
            "award_mode": gettext_lazy("Ce qui fait retenir une proposition. Il ne change plus après la publication."),
            "contact_name": gettext_lazy(
                "La personne à qui les prestataires écrivent; son nom et son courriel seront publics."
            ),
        }

    def __init__(self, *args: Any, at: datetime, quiet: bool = False, **kwargs: Any) -> None:
        self.at, self.quiet = at, quiet
        super().__init__(*args, **kwargs)
        self.fields["budget_cents"].label = amount_label(self.data.get("award_mode") or self.instance.award_mode)
        region = cast(forms.ChoiceField, self.fields["region"])
        region.choices = [("", _("Choisissez")), *Region.choices]
        if self.instance.pk and "skills" not in self.initial:
            self.initial["skills"] = ", ".join(skill.name for skill in self.instance.skills.all())

    def clean_budget_cents(self) -> int | None:
        cents, ceiling = self.cleaned_data["budget_cents"], ceiling_cents(local(self.at).date())
        if cents is not None and not 0 < cents < ceiling:
            raise ValidationError(
                _("Le montant doit être de plus de 0 $ et inférieur à %s avant taxes.") % format_cents(ceiling)
            )
        return cents

    def clean_skills(self) -> list[tuple[str, str]]:
        """[(folded, name)] without duplicates: « Accessibilité » and « accessibilite » are one."""
        names: dict[str, str] = {}
        for typed in re.split(r"[,;\n]", self.cleaned_data["skills"]):
            name = " ".join(typed.split())
            folded = " ".join(fold(name).split())
            if not name:
                continue
            if not folded:
                raise ValidationError(_("« %s » n’est pas une compétence.") % name)
            if max(len(name), len(folded)) > SKILL_MAX:
                raise ValidationError(_("Une compétence compte %d caractères au plus.") % SKILL_MAX)
            names.setdefault(folded, name)
        if len(names) > SKILLS_MAX:
            raise ValidationError(
                _("Il y a %(n)d compétences; le maximum est de %(max)d.") % {"n": len(names), "max": SKILLS_MAX}
            )
        return list(names.items())

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        questions, closing = values.get("questions_close_at"), values.get("closes_at")
        if questions and closing and questions > closing:
            self.add_error("questions_close_at", _("Les questions doivent se terminer avant la date limite de dépôt."))
        closing_day = closing and local(closing).date()
        order = [
            (closing_day, "assignment_date", _("L’attribution ne peut pas précéder la date limite de dépôt.")),
            (values.get("assignment_date"), "start_date", _("Le travail ne peut pas commencer avant l’attribution.")),
            (values.get("start_date"), "completion_date", _("Le travail ne peut pas finir avant de commencer.")),
        ]
        for earlier, field, message in order:
            if earlier and values.get(field) and values[field] < earlier:
                self.add_error(field, message)
        return values

    def draft_values(self) -> dict[str, Any]:
        """The model's fields, cleaned, for opportunities/drafts/actions.py."""
        return {name: self.cleaned_data[name] for name in OpportunityForm.Meta.fields}


class NewOpportunityForm(OpportunityForm):
    """The same, with the choice of the body among those that the person buys for."""

    body = forms.ModelChoiceField(
        label=gettext_lazy("Organisme public"), queryset=PublicBody.objects.none(), empty_label=None
    )

    def __init__(self, *args: Any, bodies: QuerySet[PublicBody], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[PublicBody]", self.fields["body"]).queryset = bodies


class CriterionForm(Quiet, PlainTexts, forms.Form):
    """One row of the grid; a blank row is no row."""

    # Needed in a row where something is typed; not marked as required, because a blank row is fine.
    label = forms.CharField(label=gettext_lazy("Critère"), max_length=100, required=False)
    description = forms.CharField(
        label=gettext_lazy("Niveau de performance acceptable"),
        max_length=1_000,
        required=False,
        help_text=gettext_lazy("Ce qu’il faut démontrer pour obtenir 70 sur 100; les prestataires le lisent."),
        widget=forms.Textarea({"rows": 2}),
    )
    weight = forms.IntegerField(label=gettext_lazy("Poids (%)"), min_value=1, max_value=100, required=False)
    minimum = forms.IntegerField(
        label=gettext_lazy("Note minimale sur 100"),
        min_value=0,
        max_value=100,
        required=False,
        help_text=gettext_lazy(
            "En dessous, la proposition n’est pas retenue. "
            "Vide : 70 en mode « qualité minimale », aucune dans les autres."
        ),
    )

    def __init__(self, *args: Any, quiet: bool = False, **kwargs: Any) -> None:
        self.quiet = quiet
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        for name in ("label", "weight"):
            if name not in self.errors and self.cleaned_data.get(name) in ("", None):
                self.add_error(name, _("Ce champ est obligatoire."))
        return self.cleaned_data


class BaseGrid(forms.BaseFormSet):
    def initial_form_count(self) -> int:
        # Rows are replaced as a whole on saving: none of them is tied to a stored one, and a blank row is left out.
        return 0 if self.is_bound else super().initial_form_count()

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].label = _("Retirer ce critère")
        if index is not None:  # which row an error is about
            form.called = form.fields["label"].label = _("Critère %d") % (index + 1)

    def rows(self) -> list[dict[str, Any]]:
        """The criteria to keep, in order."""
        return [
            {name: row[name] for name in ("label", "description", "weight", "minimum")}
            for row in self.cleaned_data
            if row and not row.get("DELETE")
        ]


def grid(
    data: Mapping[str, Any] | None = None, *, criteria: Iterable[Criterion] = (), quiet: bool = False, more: int = 0
) -> BaseGrid:
    """The formset of the criteria. Unbound: the stored rows and `more` blank ones; bound: what was typed."""
    factory = forms.formset_factory(
        CriterionForm, formset=BaseGrid, extra=more, can_delete=True, max_num=CRITERIA_MAX, validate_max=True,
        absolute_max=CRITERIA_MAX + 30,
    )  # fmt: skip
    formset = cast(type[BaseGrid], factory)
    initial = [
        {"label": c.label, "description": c.description, "weight": c.weight, "minimum": c.minimum} for c in criteria
    ]
    return formset(data, prefix="grille", initial=None if data is not None else initial, form_kwargs={"quiet": quiet})


class JustifyForm(PlainTexts, forms.Form):
    """Why what is asked of a notice, before it is published, is right."""

    justification = forms.CharField(
        label=gettext_lazy("Justification"),
        help_text=gettext_lazy("Gardée au registre; les vérificatrices et vérificateurs la liront."),
        max_length=REASON_MAX,
        widget=forms.Textarea({"rows": 5}),
    )
