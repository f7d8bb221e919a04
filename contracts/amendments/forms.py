"""What is typed to change a contract or to end it: an amendment, its milestones, an evaluation, a publication."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.agreement.draft_actions import MOST_MILESTONES
from contracts.agreement.forms import MilestoneForm
from contracts.amendments import actions
from contracts.models import Contract
from marketplace.accounts.reauthentication import SecondLook
from marketplace.dates.fields import day_field
from marketplace.keep import Quiet
from marketplace.money import MoneyField, parse_cents
from marketplace.reasons import REASON_MAX
from marketplace.texts import PlainTexts

PREFIX = "jalons"
MOST_ROWS = MOST_MILESTONES + 30
ACCESSORY = gettext_lazy(
    "Cette modification est un accessoire du contrat et n’en change pas la nature (Loi sur les contrats des "
    "organismes publics, a. 17)."
)


# --- Amendments ------------------------------------------------------------------------------------------------------
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
        error_messages={"required": gettext_lazy("Un avenant qui changerait la nature du contrat n’est pas permis.")},
    )

    def __init__(self, *args, quiet=False, **kwargs):
        self.quiet = quiet
        super().__init__(*args, **kwargs)

    def clean(self):
        values = super().clean()
        direction, amount = values.get("direction"), values.get("amount")
        if direction in {"more", "less"} and amount is None and "amount" not in self._errors:
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

    def clean(self):
        values = super().clean()
        if "criteria" not in self._errors and not values.get("criteria"):
            self.add_error("criteria", _("Ce champ est obligatoire."))
        return values


class BasePlanned(forms.BaseFormSet):
    """The milestones that are not delivered: changed, removed by their box, or added."""

    def initial_form_count(self):
        return 0 if self.is_bound else super().initial_form_count()

    def add_fields(self, form, index):
        super().add_fields(form, index)
        form.fields["DELETE"].label = _("Retirer ce jalon")
        if index is not None:  # which row an error is about
            form.called = _("Jalon %d de cette liste") % (index + 1)

    def plan(self) -> list[dict]:
        """The lines of contracts.changes.Amendment.plan."""
        names = ("id", "title", "description", "criteria", "amount_cents", "due_date")
        return [{name: row.get(name) for name in names} for row in self.cleaned_data if row and not row.get("DELETE")]

    def total_cents(self) -> int:
        """The sum of the amounts on the page that are kept; what is not an amount counts for nothing."""
        total = 0
        for row in self.forms:
            value = row["amount_cents"].value()
            try:
                cents = value if isinstance(value, int) else parse_cents(value or "")
            except ValueError:
                continue
            total += 0 if row["DELETE"].value() else cents
        return total


def planned_forms(data=None, *, contract: Contract, quiet=False, more=False) -> BasePlanned:
    """The formset of the milestones. Unbound: those that are planned; bound: what was typed, and `more`: one more."""
    if data is not None and more:
        data = data.copy()
        try:
            total = int(data.get(f"{PREFIX}-TOTAL_FORMS", ""))
        except ValueError:
            total = 0
        data[f"{PREFIX}-TOTAL_FORMS"] = str(min(max(total, 0) + 1, MOST_ROWS))
    stored = [] if data is not None else actions.plan_of(contract)
    made = forms.formset_factory(
        PlannedForm, formset=BasePlanned, extra=0 if stored else 1, can_delete=True, max_num=MOST_MILESTONES,
        validate_max=True, absolute_max=MOST_ROWS,
    )  # fmt: skip
    initial = [line | {"criteria": "\n".join(line["criteria"])} for line in stored]
    return made(data, prefix=PREFIX, initial=initial or None, form_kwargs={"quiet": quiet})


class ApproveForm(SecondLook):
    """The second person says the same of it as the first, and who it is: approving commits the body."""

    accessory = forms.BooleanField(label=ACCESSORY)


class AcceptForm(SecondLook):
    """The vendor accepts the text that was on the screen, and says who it is."""

    text_sha256 = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args, text_sha256: str, **kwargs):
        self.expected = text_sha256
        super().__init__(*args, **kwargs)

    def clean_text_sha256(self) -> str:
        if self.cleaned_data["text_sha256"] != self.expected:
            raise ValidationError(_("Cet avenant n’est pas celui que vous avez lu : relisez-le."))
        return self.expected


# --- The end ---------------------------------------------------------------------------------------------------------


# --- Publications ----------------------------------------------------------------------------------------------------
