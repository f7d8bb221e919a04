"""What is typed to change a contract: an amendment, its milestones, the answers of both parties."""

from datetime import date
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.agreement.draft_actions import MOST_MILESTONES
from contracts.agreement.forms import PREFIX, ROW_FIELDS, MilestoneForm, MilestoneRows
from contracts.amendments import actions
from contracts.attestation.forms import UnverifiedReason
from contracts.models import Contract
from marketplace.accounts.reauthentication import SecondLook
from marketplace.dates.fields import day_field
from marketplace.keep import Quiet
from marketplace.money import MoneyField
from marketplace.reasons import REASON_MAX
from marketplace.texts import PlainTexts

MOST_ROWS = MOST_MILESTONES + 30
ACCESSORY = gettext_lazy(
    "Cette modification est un accessoire du contrat et n’en change pas la nature (Loi sur les contrats des "
    "organismes publics, a. 17)."
)


class AmendForm(Quiet, PlainTexts, forms.Form):
    """Why, how much more or less, until when."""

    reason = forms.CharField(
        label=gettext_lazy("Motif"),
        help_text=gettext_lazy("Public dès que l’avenant est en vigueur."),
        max_length=REASON_MAX,
        widget=forms.Textarea({"rows": 5}),
    )
    direction = forms.ChoiceField(
        label=gettext_lazy("Valeur du contrat"),
        choices=[
            ("same", gettext_lazy("Elle ne change pas")),
            ("more", gettext_lazy("Elle augmente")),
            ("less", gettext_lazy("Elle diminue")),
        ],
        initial="same",
        widget=forms.RadioSelect,
    )
    amount = MoneyField(label=gettext_lazy("De combien, avant taxes"), required=False, min_cents=1)
    end_date = day_field(gettext_lazy("Nouvelle fin prévue"), gettext_lazy("Seulement si elle change."))
    accessory = forms.BooleanField(
        label=ACCESSORY,
        error_messages={
            "required": gettext_lazy(
                "Cochez cette case si c’est exact : un avenant qui changerait la nature du contrat n’est pas permis."
            )
        },
    )

    def __init__(self, *args: Any, quiet: bool = False, **kwargs: Any) -> None:
        self.quiet = quiet
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        direction, amount = values.get("direction"), values.get("amount")
        if direction in {"more", "less"} and amount is None and not self.has_error("amount"):
            self.add_error("amount", _("Entrez un montant."))
        if direction == "same" and amount is not None:
            self.add_error("direction", _("Un montant est inscrit : dites si la valeur augmente ou diminue."))
        return values

    def delta_cents(self) -> int:
        """What the contract's value gains, in cents; negative when it loses."""
        return {"same": 0, "more": 1, "less": -1}[self.cleaned_data["direction"]] * (self.cleaned_data["amount"] or 0)


class PlannedForm(MilestoneForm):
    """A milestone as it will be. `id`: of a milestone that exists; none for a new one."""

    id = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        if not self.has_error("criteria") and not values.get("criteria"):
            self.add_error("criteria", _("Ce champ est obligatoire."))
        return values


class BasePlanned(MilestoneRows):
    """The milestones that are not delivered: changed, removed by their box, or added."""

    row_name = gettext_lazy("Jalon %d de cette liste")
    contract: Contract

    def days_above(self, rows: list[dict[str, Any]]) -> list[date | None]:
        return actions.days_above(self.contract, rows)

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].label = _("Retirer ce jalon")

    def plan(self) -> list[dict[str, Any]]:
        """The lines of `Amendment.plan`."""
        names = ("id", *ROW_FIELDS)
        return [{name: row.get(name) for name in names} for row in self.cleaned_data if row and not row.get("DELETE")]


def planned_forms(
    data: QueryDict | None = None, *, contract: Contract, quiet: bool = False, more: bool = False
) -> BasePlanned:
    """The formset of the milestones. Unbound: those that are planned; bound: what was typed, and `more`: one more."""
    if data is not None and more:
        data = data.copy()
        try:
            total = int(data.get(f"{PREFIX}-TOTAL_FORMS", ""))
        except ValueError:
            total = 0
        data[f"{PREFIX}-TOTAL_FORMS"] = str(min(max(total, 0) + 1, MOST_ROWS))
    stored = [] if data is not None else actions.plan_of(contract)
    factory = forms.formset_factory(
        PlannedForm, formset=BasePlanned, extra=0 if stored else 1, can_delete=True, max_num=MOST_MILESTONES,
        validate_max=True, absolute_max=MOST_ROWS,
    )  # fmt: skip
    initial = [line | {"criteria": "\n".join(line["criteria"])} for line in stored]
    rows = cast(BasePlanned, factory(data, prefix=PREFIX, initial=initial or None, form_kwargs={"quiet": quiet}))
    rows.contract = contract  # the factory's class is made from it
    return rows


class ApproveForm(UnverifiedReason):
    """The second person says the same of it as the first, and who it is: approving commits the body."""

    accessory = forms.BooleanField(label=ACCESSORY)


class AcceptForm(SecondLook):
    """The vendor accepts the text that was on the screen, and says who it is."""

    text_sha256 = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, text_sha256: str, **kwargs: Any) -> None:
        self.expected = text_sha256
        super().__init__(*args, **kwargs)

    def clean_text_sha256(self) -> str:
        if self.cleaned_data["text_sha256"] != self.expected:
            raise ValidationError(_("Cet avenant n’est pas celui que vous avez lu : relisez-le."))
        return self.expected
