"""What people type, made plain: no control character, something to see, and a limit said with its numbers."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db.models import CharField, Model, TextField
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from marketplace.commonmark.word import outdented, printable
from marketplace.dates.localtime import NBSP, language
from marketplace.mail import address
from marketplace.values import day, number, signs

Words = str | Promise  # a text, or one that is translated when it is shown
_LINE_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_EMPTY = "".join(char for char in map(chr, range(0x3001)) if char.isspace()) + "".join(sorted(signs.BLANK))  # at an end
_JOINERS = "\u200c\u200d"  # they hold emoji and some scripts together: kept in long texts


def visible(text: str, kinds: str = "LNPS") -> bool:
    """Whether at least one character can be seen: of these kinds (letter, number, punctuation, symbol)."""
    return any(unicodedata.category(char)[0] in kinds and char not in signs.BLANK for char in text)


def one_line(text: str) -> str:
    """A title, a name: no control or format character (line breaks, zero width, direction overrides), no outer space.

    An empty text when nothing can be seen in it: a required field then says so.
    """
    text = _LINE_BREAKS.sub(" ", text)
    text = _drawn(text).strip(_EMPTY)
    return printable(text) if visible(text) else ""


def several_lines(text: str) -> str:
    """A long text: the same, but its lines (each break one character), tabs and joined characters stay."""
    text = outdented(printable(_drawn(signs.line_breaks(text), but="\t\n" + _JOINERS).rstrip(_EMPTY)))
    return text if visible(text, "LMNPS") else ""


def _drawn(text: str, but: str = "") -> str:
    """What shows something, and `but`; letters and their accents in one sign (NFC): a Mac writes the same names."""
    return unicodedata.normalize("NFC", "".join(char for char in text if char in but or _shows(char)))


def _shows(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf"} and char not in signs.NOTHING


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
    """Mixin of every form of the product: each of its fields reads what people really type and paste.

    Texts come cleaned by `one_line`, or `several_lines` in a text area, then limited; numbers, days, hours, addresses
    go through marketplace/values/. Fields with `reads_typed` do it by themselves; passwords stay as they are.

    keeps_lines: names of one-line inputs where line breaks separate things. `as_typed`: texts are only limited (their
    line breaks are one character, and U+0000 goes, as everywhere).
    """

    keeps_lines: tuple[str, ...] = ()
    as_typed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.read_plainly()

    def full_clean(self) -> None:
        self.read_plainly()  # those added since, by a class above
        super().full_clean()

    def read_plainly(self) -> None:
        """Give its way of reading to each field that has none yet."""
        for name, field in self.fields.items():
            self._read_plainly(name, field)

    def _read_plainly(self, name: str, field: forms.Field) -> None:
        reads = getattr(field, "reads_typed", None)
        if reads is True or reads is field:
            return
        vars(field).pop("to_python", None)  # a copy's would read into the field that it was copied from
        if isinstance(field, forms.MultiValueField):
            for part in field.fields:
                self._read_plainly(name, part)
        elif isinstance(field, forms.EmailField):
            _read(field, address.read)
            if address.judge not in field.validators:  # a copy's has it already
                kept = [check for check in field.validators if check is not validate_email]
                field.validators = [*kept, address.judge]
        elif isinstance(field, forms.URLField):
            _read(field, signs.bare)
        elif isinstance(field, forms.UUIDField | forms.ModelChoiceField):
            _read(field, signs.packed)
        elif isinstance(field.widget, forms.PasswordInput):
            if is_password(field):
                return
            _read(field, signs.packed)  # a code that serves once
        elif isinstance(field, forms.DecimalField | forms.FloatField):
            _read(field, number.fractional)
        elif isinstance(field, forms.IntegerField):
            _read(field, number.whole)
        elif isinstance(field, forms.DateTimeField):
            _read(field, signs.plain)
        elif isinstance(field, forms.DateField):
            _read(field, day.read)
        elif isinstance(field, forms.TimeField):
            _read(field, day.hour)
        elif isinstance(field, forms.CharField):
            lines = isinstance(field.widget, forms.Textarea) or name in self.keeps_lines
            clean = _as_typed if self.as_typed else several_lines if lines else one_line
            if clean is several_lines:
                field.strip = False  # it knows which margin is a list's
            field.to_python = _cleaned(field.to_python, clean)  # type: ignore[assignment,method-assign]  # this one's
        else:
            return
        field.reads_typed = field  # type: ignore[attr-defined]  # a mark of ours
        _limit(field)


class PlainModelForm(PlainTexts, forms.ModelForm):
    """What a form of the administration is, when nothing else is said."""


def is_password(field: forms.Field) -> bool:
    """Whether what is typed is hidden: a password is kept sign for sign."""
    return isinstance(field.widget, forms.PasswordInput) and field.widget.input_type == "password"


def _limit(field: forms.Field) -> None:
    """Have a text field tell its limit with `Limit`."""
    field.validators = [
        Limit(check.limit_value) if type(check) is MaxLengthValidator else check for check in field.validators
    ]


def _as_typed(text: str) -> str:
    return signs.without_nul(signs.line_breaks(text))


def _read(field: forms.Field, read: Callable[[str], Any]) -> None:
    """Have the field read by `read`, whose sentence is the field's error; what is not a text goes as it did."""
    before = field.to_python

    def to_python(value: Any) -> Any:
        if not isinstance(value, str) or not signs.plain(value):
            return before("" if isinstance(value, str) else value)
        try:
            return before(read(value))
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error

    field.to_python = to_python  # type: ignore[method-assign]  # this one's


def _cleaned(read: Callable[[Any], Any], clean: Callable[[str], str]) -> Callable[[Any], Any]:
    """`field.to_python`, then `clean`."""

    def to_python(value: Any) -> Any:
        text = read(value)
        return clean(text) if isinstance(text, str) else text

    return to_python
