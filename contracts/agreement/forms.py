"""What is typed about a contract: its terms and milestones, a refusal, a signature, a clause."""

from datetime import date
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.agreement.draft_actions import CRITERION_MAX, MOST_CRITERIA, MOST_MILESTONES
from contracts.attestation.forms import UnverifiedReason
from contracts.models import Clause, Contract
from marketplace.accounts.reauthentication import SecondLook
from marketplace.dates.fields import day_field
from marketplace.dates.localtime import day
from marketplace.keep import Quiet
from marketplace.money import MoneyField, parse_cents
from marketplace.texts import PlainTexts, Words
from opportunities.enums import CodeLicence

ROW_FIELDS = ("title", "description", "criteria", "amount_cents", "due_date")
PREFIX = "jalons"


def required_day(label: Words, help_text: Words = "") -> forms.DateField:
    field = day_field(label, help_text)
    field.required = True
    return field


class ContractForm(Quiet, PlainTexts, forms.Form):
    """The terms of a contract in preparation. The licence is asked only where the notice left it to be agreed."""

    start_date = required_day(gettext_lazy("Début du travail"))
    end_date = required_day(gettext_lazy("Fin prévue"))
    repository = forms.URLField(
        label=gettext_lazy("Dépôt de code"),
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text=gettext_lazy("L’adresse où le code sera livré, si elle est connue; elle sera publique."),
    )
    holdback_percent = forms.IntegerField(
        label=gettext_lazy("Retenue (%)"),
        min_value=0,
        max_value=settings.HOLDBACK_MAX_PERCENT,
        help_text=gettext_lazy("Part de chaque jalon versée quand tout est accepté; 0 s’il n’y en a pas."),
    )
    personal_information = forms.TypedChoiceField(
        label=gettext_lazy("Le travail touche-t-il des renseignements personnels?"),
        choices=[("oui", gettext_lazy("Oui : la clause sur leur protection s’ajoute")), ("non", gettext_lazy("Non"))],
        coerce=lambda value: value == "oui",
        widget=forms.RadioSelect,
    )
    licence = forms.ChoiceField(
        label=gettext_lazy("Licence du code livré"),
        help_text=gettext_lazy("L’avis la laissait à convenir : choisissez-la avec le prestataire."),
    )

    def __init__(self, *args: Any, contract: Contract, quiet: bool = False, **kwargs: Any) -> None:
        self.quiet = quiet
        kwargs.setdefault("initial", _terms_of(contract))
        super().__init__(*args, **kwargs)
        self.fields["holdback_percent"].widget.attrs["size"] = "4"
        if contract.opportunity.code_licence == CodeLicence.TO_BE_AGREED:
            agreed = [(value, label) for value, label in CodeLicence.choices if value != CodeLicence.TO_BE_AGREED]
            licence = self.fields["licence"]
            assert isinstance(licence, forms.ChoiceField)
            licence.choices = [("", _("Choisissez")), *agreed]
        else:
            del self.fields["licence"]

    def clean_repository(self) -> str:
        address = self.cleaned_data["repository"]
        if address and not address.startswith(("https://", "http://")):
            raise ValidationError(_("L’adresse du dépôt commence par https://."))
        return address

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        start, end = values.get("start_date"), values.get("end_date")
        if start and end and end < start:
            self.add_error("end_date", _("Le travail ne peut pas finir avant de commencer."))
        return values


def _terms_of(contract: Contract) -> dict[str, Any]:
    return {
        "start_date": contract.start_date,
        "end_date": contract.end_date,
        "repository": contract.repository,
        "holdback_percent": contract.holdback_percent,
        "personal_information": "oui" if contract.personal_information else "non",
        "licence": "" if contract.licence == CodeLicence.TO_BE_AGREED else contract.licence,
    }


class MilestoneForm(Quiet, PlainTexts, forms.Form):
    """One milestone; a blank row is no milestone. Without criteria it can be saved, and not offered."""

    # Needed in a row where something is typed; not marked as required, because a blank row is fine.
    title = forms.CharField(label=gettext_lazy("Titre du jalon"), max_length=150, required=False)
    description = forms.CharField(
        label=gettext_lazy("Ce qui est livré"),
        max_length=3_000,
        required=False,
        widget=forms.Textarea({"rows": 2}),
    )
    criteria = forms.CharField(
        label=gettext_lazy("Critères d’acceptation"),
        max_length=MOST_CRITERIA * (CRITERION_MAX + 2),
        required=False,
        help_text=gettext_lazy("Un par ligne : chacun sera vérifié à la livraison."),
        widget=forms.Textarea({"rows": 3}),
    )
    amount_cents = MoneyField(label=gettext_lazy("Montant, avant taxes"), required=False, min_cents=1)
    due_date = day_field(gettext_lazy("Date prévue"))

    def __init__(self, *args: Any, quiet: bool = False, **kwargs: Any) -> None:
        self.quiet = quiet
        super().__init__(*args, **kwargs)

    def clean_criteria(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["criteria"].splitlines() if line.strip()]
        if len(lines) > MOST_CRITERIA:
            raise ValidationError(_("Un jalon a au plus %d critères.") % MOST_CRITERIA)
        if any(len(line) > CRITERION_MAX for line in lines):
            raise ValidationError(_("Un critère d’acceptation a au plus %d caractères.") % CRITERION_MAX)
        return lines

    def clean(self) -> dict[str, Any]:
        for name in ("title", "amount_cents", "due_date"):
            if not self.has_error(name) and self.cleaned_data.get(name) in ("", None):
                self.add_error(name, _("Ce champ est obligatoire."))
        return self.cleaned_data


class MilestoneRows(forms.BaseFormSet):
    """Milestones on one page: none of them is tied to a stored row while it is typed, and a blank row is left out."""

    row_name: Words = gettext_lazy("Jalon %d")  # which row an error is about

    def initial_form_count(self) -> int:
        return 0 if self.is_bound else super().initial_form_count()

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if index is not None:
            form.called = str(self.row_name) % (index + 1)

    def clean(self) -> None:
        """No date before that of the milestone above; said at each row where it is."""
        kept = [row for row in self.forms if row.cleaned_data and not row.cleaned_data.get("DELETE")]
        dated = [row for row in kept if row.cleaned_data.get("due_date")]
        for row, above in zip(dated, self.days_above([row.cleaned_data for row in dated]), strict=True):
            if above and row.cleaned_data["due_date"] < above:
                row.add_error("due_date", _("Cette date précède celle du jalon d’avant : %s.") % day(above))

    def days_above(self, rows: list[dict[str, Any]]) -> list[date | None]:
        """Of these milestones, the day of the one above each; None of the first."""
        return [None, *(row["due_date"] for row in rows)][: len(rows)]

    def total_cents(self) -> int:
        """The sum of the amounts that stay, typed or stored; what is not an amount counts for nothing."""
        total = 0
        for row in self.forms:
            value = row["amount_cents"].value()
            try:
                cents = value if isinstance(value, int) else parse_cents(value or "")
            except ValueError:
                continue
            total += 0 if self.can_delete and row["DELETE"].value() else cents
        return total


class BasePlan(MilestoneRows):
    """The milestones of a contract in preparation, replaced as a whole on saving."""

    def rows(self) -> list[dict[str, Any]]:
        """The milestones to keep, in order, as `draft_actions` writes them."""
        return [{name: row[name] for name in ROW_FIELDS} for row in self.cleaned_data if row]

    def within(self, start: date | None, end: date | None) -> bool:
        """Whether each date is within the contract's; says at each row where it is not."""
        right = True
        for row in self.forms:
            due = getattr(row, "cleaned_data", {}).get("due_date")
            if due and start and end and not start <= due <= end:
                row.add_error("due_date", _("Cette date sort de la durée du contrat."))
                right = False
        return right


def plan_forms(data: QueryDict | None = None, *, contract: Contract | None = None, quiet: bool = False) -> BasePlan:
    """The formset of the milestones. Unbound: those that `contract` stores; bound: what was typed."""
    stored = list(contract.milestones.prefetch_related("criteria")) if contract else []
    factory = forms.formset_factory(
        MilestoneForm, formset=BasePlan, extra=0 if stored else 1, max_num=MOST_MILESTONES, validate_max=True,
        absolute_max=MOST_MILESTONES + 30,
    )  # fmt: skip
    initial = [
        {
            "title": milestone.title,
            "description": milestone.description,
            "criteria": "\n".join(criterion.text for criterion in milestone.criteria.all()),
            "amount_cents": milestone.amount_cents,
            "due_date": milestone.due_date,
        }
        for milestone in stored
    ]
    rows = factory(data, prefix=PREFIX, initial=initial or None, form_kwargs={"quiet": quiet})
    return cast(BasePlan, rows)  # the factory's class is made from it


def with_rows_changed(data: QueryDict, *, remove: int | None = None) -> QueryDict:
    """What was typed, with one more milestone at the end, or without the one of this rank (from 0)."""
    data = data.copy()
    try:
        total = min(max(int(data.get(f"{PREFIX}-TOTAL_FORMS", "")), 0), MOST_MILESTONES)
    except ValueError:
        total = 0
    ranks = [rank for rank in range(total) if rank != remove]
    rows = [{name: data.get(f"{PREFIX}-{rank}-{name}", "") for name in ROW_FIELDS} for rank in ranks]
    if remove is None:
        rows = [*rows, dict.fromkeys(ROW_FIELDS, "")][:MOST_MILESTONES]
    for rank in range(total):
        for name in ROW_FIELDS:
            data.pop(f"{PREFIX}-{rank}-{name}", None)
    for rank, row in enumerate(rows):
        for name, value in row.items():
            data[f"{PREFIX}-{rank}-{name}"] = value
    data[f"{PREFIX}-TOTAL_FORMS"] = str(len(rows))
    return data


# --- Signing ---------------------------------------------------------------------------------------------------------
class SignForm(SecondLook):
    """A signature: the digest of the text that was on the screen, then who it is."""

    text_sha256 = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, contract: Contract, **kwargs: Any) -> None:
        self.contract = contract
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        if values.get("text_sha256") != self.contract.text_sha256:
            raise ValidationError(
                _("Le contrat a changé depuis que vous l’avez lu : relisez-le avant de signer."), code="changed"
            )
        return values


class BodySignForm(UnverifiedReason, SignForm):
    """The same, with the reason to go on with an attestation that nobody verified, when that is so."""


class VendorSignForm(SignForm):
    """The same, with the function of the person and the integrity declaration, renewed by the signature."""

    title = forms.CharField(
        label=gettext_lazy("Votre fonction chez le prestataire"),
        max_length=100,
        help_text=gettext_lazy("Elle paraît au contrat signé, par exemple : présidente."),
        widget=forms.TextInput({"autocomplete": "organization-title"}),
    )
    integrity = forms.BooleanField(
        label=gettext_lazy("Je fais cette déclaration d’intégrité"),
        error_messages={"required": gettext_lazy("La déclaration d’intégrité est obligatoire.")},
    )


# --- Clauses ---------------------------------------------------------------------------------------------------------
class ClauseForm(PlainTexts, forms.ModelForm):
    """A clause of one body."""

    class Meta:
        model = Clause
        fields = ("title", "text", "personal_information")
        widgets = {"text": forms.Textarea({"rows": 8})}
        help_texts = {
            "title": gettext_lazy("Ce que la clause règle, en quelques mots."),
            "text": gettext_lazy("Elle s’ajoute aux clauses communes dans les contrats à venir."),
        }
