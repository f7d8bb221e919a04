"""What is typed to deliver a milestone, and to answer a delivery criterion by criterion."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.deliveries.actions import MOST_FILES
from contracts.models import CriterionCheck, Delivery, MilestoneCriterion
from marketplace.dates.fields import day_field
from marketplace.files import uploads
from marketplace.files.uploads import FilesField
from marketplace.texts import PlainTexts, longest


class WebAddress(forms.URLField):
    """An http(s) address without a name or a password: it ends up in public documents."""

    default_validators = [URLValidator(schemes=["http", "https"])]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(assume_scheme="https", **kwargs)

    def clean(self, value: Any) -> str:
        address: str = super().clean(value)
        if "@" in urlsplit(address).netloc:
            raise ValidationError(_("Retirez de l’adresse le nom d’utilisateur et le mot de passe."))
        return address


class DeliverForm(PlainTexts, forms.Form):
    """What `actions.deliver` takes: `files` cleans to a list of (bytes, facts), `archive` to one or None."""

    notes = forms.CharField(
        label=gettext_lazy("Notes de livraison"),
        help_text=gettext_lazy(
            "Ce qui est livré, et comment vérifier chaque critère. Markdown : titres, listes, liens."
        ),
        max_length=longest(Delivery, "notes"),
        widget=forms.Textarea({"rows": 8}),
    )
    repository = WebAddress(
        label=gettext_lazy("Dépôt de code"),
        required=False,
        max_length=longest(Delivery, "repository"),
        help_text=gettext_lazy("L’adresse où l’organisme lit le code."),
    )
    reference = forms.CharField(
        label=gettext_lazy("Commit ou version livrée"),
        required=False,
        max_length=longest(Delivery, "reference"),
        help_text=gettext_lazy("L’empreinte complète du commit de préférence, sinon le nom de la version."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    archive = uploads.OneFileField(
        label=gettext_lazy("Archive du code source"),
        types=uploads.ARCHIVES,
        help_text=gettext_lazy(
            "Un .zip, .tar, .tar.gz, .tar.xz ou .bundle de 10 Mo au plus, fait avec « git archive » ou "
            "« git bundle ». Elle est lue aussitôt; le passeport du livrable en est tiré à l’acceptation."
        ),
    )
    files = FilesField(  # type: ignore[assignment]  # Django takes the fields out of the class: no `files` is hidden
        label=gettext_lazy("Autres fichiers"),
        required=False,
        most=MOST_FILES,
        too_many=gettext_lazy("Au plus %d fichiers par livraison."),
        help_text=gettext_lazy("Cinq au plus, 10 Mo chacun : PDF, image, document, tableur ou texte."),
    )


MET = [("yes", gettext_lazy("Respecté")), ("no", gettext_lazy("Non respecté"))]


class _PerCriterion(PlainTexts, forms.Form):
    """The fields, one pair for each criterion."""

    delivery = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=32_767)

    def __init__(self, *args: Any, criteria: Iterable[MilestoneCriterion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criteria = list(criteria)
        for criterion in self.criteria:
            self.fields[f"met_{criterion.pk}"] = forms.ChoiceField(
                label=criterion.text, required=False, choices=MET, widget=forms.RadioSelect
            )
            self.fields[f"comment_{criterion.pk}"] = forms.CharField(
                label=_("Commentaire"), required=False, max_length=longest(CriterionCheck, "comment")
            )
        self.fields["reason"] = forms.CharField(
            label=_("Motif du retour"),
            required=False,
            max_length=longest(Delivery, "reason"),
            help_text=_("Ce qui manque. Le prestataire le lira."),
            widget=forms.Textarea({"rows": 4}),
        )
        self.fields["cure_by"] = day_field(_("À livrer de nouveau d’ici le"))


class ExamineForm(_PerCriterion):
    """One answer per criterion, then « accept », or « return » with a reason and the day to deliver again by.

    `delivery`: the number of the one that was read. `accepting`: which of the two buttons was pressed.
    """

    def __init__(self, *args: Any, accepting: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accepting = accepting

    def lines(self) -> list[dict[str, Any]]:
        """For the page: [{criterion, met, comment}], the last two being bound fields."""
        return [{"criterion": c, "met": self[f"met_{c.pk}"], "comment": self[f"comment_{c.pk}"]} for c in self.criteria]

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        for criterion in self.criteria if self.accepting else ():
            name = f"met_{criterion.pk}"
            if values.get(name) == "no":
                self.add_error(name, _("Ce critère n’est pas respecté : retournez la livraison avec un motif."))
            elif name in values and not values[name]:
                self.add_error(name, _("Dites si ce critère est respecté."))
        if not self.accepting:
            if "reason" in values and not values["reason"]:
                self.add_error("reason", _("Écrivez ce qui manque : le prestataire le lira."))
            if "cure_by" in values and not values["cure_by"]:
                self.add_error("cure_by", _("Choisissez le jour d’ici lequel livrer de nouveau."))
        return values

    def checks(self) -> dict[int, tuple[bool, str]]:
        """{criterion pk: (met, comment)}, those answered."""
        values = self.cleaned_data
        return {
            c.pk: (values[f"met_{c.pk}"] == "yes", values[f"comment_{c.pk}"])
            for c in self.criteria
            if values[f"met_{c.pk}"]
        }
