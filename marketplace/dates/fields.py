"""A day, as forms ask for it; an instant is localtime.LocalDateTimeField."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.dates.localtime import local

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


def day_field(label: Any, help_text: Any = "") -> forms.DateField:
    """A day that may be left empty."""
    return forms.DateField(
        label=label,
        required=False,
        help_text=help_text,
        widget=DayInput,
        validators=[plausible_year],
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Entrez une date valide, par exemple 2026-11-24.")},
    )
