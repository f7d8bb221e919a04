"""What is typed in a monitoring: its object, messages with documents, last days, the conclusion."""

from typing import cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.cases.actions import MOST_FILES, NO_REMEDY, default_due_day
from audit.cases.status import flag_title
from audit.models import TEXT_MAX, Monitoring
from marketplace.dates import clock
from marketplace.dates.fields import day_field
from marketplace.files.uploads import FilesField
from marketplace.texts import PlainTexts

FINDING = [
    ("no", gettext_lazy("Aucun manquement relevé")),
    ("yes", gettext_lazy("Un manquement est relevé : un correctif est attendu")),
]


class MessageForm(PlainTexts, forms.Form):
    """A text and documents. `label` and `help_text`: what the text is."""

    text = forms.CharField(max_length=TEXT_MAX, widget=forms.Textarea({"rows": 8}))
    files = FilesField(  # type: ignore[assignment]  # a form's uploads have this name; Django tells fields apart
        label=gettext_lazy("Documents"),
        required=False,
        most=MOST_FILES,
        too_many=gettext_lazy("Joignez au plus %d fichiers."),
        help_text=gettext_lazy("Dix au plus, 10 Mo chacun : PDF, image, document, tableur ou texte."),
    )
    order: tuple[str, ...] = ()

    def __init__(self, *args, label, help_text="", **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["text"].label, self.fields["text"].help_text = label, help_text
        self.order_fields(self.order)


class OpenForm(MessageForm):
    """`flags`: the signals that may join the case (audit/cases/actions.py, flags_of); cleans to those chosen."""

    title = forms.CharField(
        label=gettext_lazy("Objet"),
        help_text=gettext_lazy("Une ligne : ce qui est vérifié."),
        max_length=Monitoring._meta.get_field("title").max_length,
    )
    flags = forms.MultipleChoiceField(
        label=gettext_lazy("Signaux à joindre"), required=False, widget=forms.CheckboxSelectMultiple
    )
    order = ("title", "text", "flags")

    def __init__(self, *args, flags, **kwargs):
        super().__init__(*args, **kwargs)
        self._flags = {str(flag.pk): flag for flag in flags}
        field = cast(forms.MultipleChoiceField, self.fields["flags"])
        field.choices = [(key, flag_title(flag)) for key, flag in self._flags.items()]
        if not self._flags:
            del self.fields["flags"]

    def clean_flags(self) -> list:
        return [self._flags[key] for key in self.cleaned_data["flags"]]


class AskForm(MessageForm):
    due_on = day_field(
        gettext_lazy("Réponse attendue au plus tard le"),
        gettext_lazy("Un jour ouvrable, au moins trois jours ouvrables après aujourd’hui."),
    )
    order = ("text", "due_on", "files")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["due_on"].required = True
        self.fields["due_on"].initial = default_due_day(clock.now())


class ConcludeForm(MessageForm):
    finding = forms.ChoiceField(
        label=gettext_lazy("Conclusion"),
        choices=FINDING,
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "Un manquement se relève une fois la demande d’explications répondue, ou son dernier jour passé. "
            "Sans manquement, la vérification se conclut à tout moment."
        ),
    )
    due_on = day_field(
        gettext_lazy("Correctif attendu au plus tard le"),
        gettext_lazy("Seulement si un manquement est relevé : un jour ouvrable, dans au moins trois jours ouvrables."),
    )
    order = ("finding", "text", "due_on", "files")

    def clean_finding(self) -> bool:
        return self.cleaned_data["finding"] == "yes"

    def clean(self) -> dict:
        values = super().clean() or {}
        if values.get("finding") and "due_on" in values and not values["due_on"]:
            self.add_error("due_on", _("Donnez le dernier jour pour corriger."))
        if values.get("finding") is False and values.get("due_on"):
            self.add_error("due_on", NO_REMEDY)
        return values
