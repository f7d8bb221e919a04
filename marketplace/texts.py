"""What people type, made plain: no control character, something to see, and a limit said with its numbers."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db.models import CharField, Model, TextField
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from marketplace.commonmark.word import printable
from marketplace.dates.localtime import NBSP, language

Words = str | Promise  # a text, or one that is translated when it is shown
# Letters by their category, yet they show nothing: Hangul fillers and the empty Braille cell.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_LINE_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_JOINERS = "\u200c\u200d"  # they hold emoji and some scripts together: kept in long texts


def visible(text: str, kinds: str = "LNPS") -> bool:
    """Whether at least one character can be seen: of these kinds (letter, number, punctuation, symbol)."""
    return any(unicodedata.category(char)[0] in kinds and char not in _BLANK for char in text)


def one_line(text: str) -> str:
    """A title, a name: no control or format character (line breaks, zero width, direction overrides), no outer space.

    An empty text when nothing can be seen in it: a required field then says so.
    """
    text = _LINE_BREAKS.sub(" ", text)
    text = "".join(char for char in text if unicodedata.category(char) not in {"Cc", "Cf"}).strip()
    return printable(text) if visible(text) else ""


def several_lines(text: str) -> str:
    """A long text: the same, but its lines, tabs and joined characters stay."""
    keepers = "\t\n\r" + _JOINERS
    text = "".join(char for char in text if char in keepers or unicodedata.category(char) not in {"Cc", "Cf"})
    return printable(text.strip()) if visible(text, "LMNPS") else ""


def grouped(number: int) -> str:
    """« 20 001 », or "20,001" in English."""
    text = f"{number:,}"
    return text if language() == "en" else text.replace(",", NBSP)


def longest(model: type[Model], column: str) -> int:
    """Characters that a column of text holds."""
    field = model._meta.get_field(column)
    assert isinstance(field, CharField | TextField) and field.max_length is not None
    return field.max_length


class Limit(MaxLengthValidator):
    """The usual limit, told with both numbers as people write them."""

    def __call__(self, value: str) -> None:
        if len(value) > self.limit_value:
            message = _("Ce texte compte %(count)s caractères; le maximum est de %(limit)s.")
            counts = {"count": grouped(len(value)), "limit": grouped(self.limit_value)}
            raise ValidationError(message % counts, code="max_length")


class PlainTexts(forms.BaseForm):
    """Mixin of a form: its text fields come cleaned by `one_line`, or `several_lines` in a text area, then limited.

    keeps_lines: names of one-line inputs where line breaks separate things. `as_typed`: texts are only limited.
    """

    keeps_lines: tuple[str, ...] = ()
    as_typed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in limit_texts(self):
            if not self.as_typed:
                lines = isinstance(field.widget, forms.Textarea) or name in self.keeps_lines
                clean = several_lines if lines else one_line
                field.to_python = _cleaned(field.to_python, clean)  # type: ignore[assignment,method-assign]  # this one's


def limit_texts(form: forms.BaseForm) -> list[tuple[str, forms.Field]]:
    """Have the form's text fields tell their limit with `Limit`; they are answered."""
    texts = [
        (name, field)
        for name, field in form.fields.items()
        if type(field) in {forms.CharField, forms.EmailField} and not isinstance(field.widget, forms.PasswordInput)
    ]
    for _name, field in texts:
        field.validators = [
            Limit(check.limit_value) if isinstance(check, MaxLengthValidator) else check for check in field.validators
        ]
    return texts


def _cleaned(read: Callable[[Any], Any], clean: Callable[[str], str]) -> Callable[[Any], Any]:
    """`field.to_python`, then `clean`."""

    def to_python(value: Any) -> Any:
        text = read(value)
        return clean(text) if isinstance(text, str) else text

    return to_python
