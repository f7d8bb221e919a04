"""A day, an hour, an instant, as forms ask for them: typed as people write them (marketplace/values/day.py)."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.dates.localtime import AmbiguousLocalTime, NonexistentLocalTime, is_ambiguous, local, to_utc
from marketplace.values import day
from marketplace.values.signs import plain

FIRST_YEAR, LAST_YEAR = 2000, 2100


def plausible_year(value: date | datetime) -> None:
    """ValidationError outside 2000–2100: a slip of the finger, not a plan."""
    year = local(value).year if isinstance(value, datetime) else value.year
    if not FIRST_YEAR <= year <= LAST_YEAR:
        years = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise ValidationError(_("Entrez une date entre %(first)d et %(last)d.") % years)


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class DayField(forms.DateField):
    """A day typed as people write it; None when empty and not required."""

    widget = DayInput
    reads_typed = True

    def to_python(self, value: Any) -> date | None:
        if not isinstance(value, str) or not value:
            return super().to_python(value)
        try:
            return day.read(value) if plain(value) else None
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error


class HourField(forms.TimeField):
    """An hour typed as people write it; None when empty and not required."""

    reads_typed = True

    def to_python(self, value: Any) -> time | None:
        if not isinstance(value, str) or not value:
            return super().to_python(value)
        try:
            return day.hour(value) if plain(value) else None
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error


def day_field(label: Any, help_text: Any = "", *, required: bool = False) -> DayField:
    """A day of a year that people plan in; it may be left empty, unless `required`."""
    return DayField(label=label, required=required, help_text=help_text, validators=[plausible_year])


FOLD_CHOICES = (
    ("", gettext_lazy("Choisissez")),
    ("0", gettext_lazy("Heure avancée (HAE), la première fois")),
    ("1", gettext_lazy("Heure normale (HNE), la seconde fois")),
)


def _typed_is_ambiguous(day_typed: object, time_typed: object) -> bool:
    """Whether what is in the two inputs (texts or values) is a time that happens twice; False when unreadable."""
    try:
        on = day_typed if isinstance(day_typed, date) else day.read(str(day_typed))
        at = time_typed if isinstance(time_typed, time) else day.hour(str(time_typed))
        return is_ambiguous(datetime.combine(on, at.replace(tzinfo=None)))
    except (ValueError, OverflowError):
        return False


class LocalDateTimeWidget(forms.MultiWidget):
    """Two native inputs, date and time, and a choice of the hour shown only when the typed time happens twice.

    Names are `<name>_date`, `<name>_time`, `<name>_fold`. The field's label is the legend of the group.
    """

    use_fieldset = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        date_attrs = {"type": "date", "aria-label": gettext_lazy("Date")}
        time_attrs = {"type": "time", "aria-label": gettext_lazy("Heure (heure de l’Est)")}
        fold_attrs = {"aria-label": gettext_lazy("Heure avancée ou heure normale")}
        widgets: dict[str, forms.Widget | type[forms.Widget]] = {
            "date": forms.DateInput(attrs=date_attrs, format="%Y-%m-%d"),
            "time": forms.TimeInput(attrs=time_attrs, format="%H:%M"),
            "fold": forms.Select(attrs=fold_attrs, choices=FOLD_CHOICES),
        }
        super().__init__(widgets, attrs)

    def decompress(self, value: datetime | None) -> list[Any]:
        """Aware datetime → [date, time to the minute, "0" or "1" when the hour happens twice]."""
        if value is None:
            return [None, None, None]
        here = local(value)
        naive = here.replace(tzinfo=None, fold=0)
        fold = str(here.fold) if is_ambiguous(naive) else ""
        return [here.date(), naive.time().replace(second=0, microsecond=0), fold]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        values = value if isinstance(value, (list, tuple)) else self.decompress(value)
        context = super().get_context(name, values, attrs)
        if not _typed_is_ambiguous(*values[:2]):
            context["widget"]["subwidgets"] = context["widget"]["subwidgets"][:2]
        return context


class LocalDateTimeField(forms.MultiValueField):
    """A date and a time typed in Québec, cleaned to an aware UTC datetime (None when empty and not required).

    A time that does not exist is refused, one that happens twice is asked: the form comes back with what was typed and
    a choice between HAE and HNE. Programs may post `<name>_fold` at once ("0" or "1"); it is ignored when useless.
    """

    widget = LocalDateTimeWidget
    default_error_messages = {
        "incomplete": gettext_lazy("Entrez la date et l’heure."),
    }

    def __init__(self, **kwargs: Any) -> None:
        incomplete = {"incomplete": self.default_error_messages["incomplete"]}
        fields = (
            DayField(error_messages=incomplete),
            HourField(error_messages=incomplete),
            forms.ChoiceField(choices=FOLD_CHOICES, required=False),
        )
        super().__init__(fields=fields, require_all_fields=False, **kwargs)

    def compress(self, data_list: Sequence[Any]) -> datetime | None:
        if not data_list:
            return None
        on, at, fold = data_list
        try:
            return to_utc(datetime.combine(on, at), fold=int(fold) if fold else None)
        except AmbiguousLocalTime as error:
            raise ValidationError(str(error), code="ambiguous") from error
        except NonexistentLocalTime as error:
            raise ValidationError(str(error), code="nonexistent") from error
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error
