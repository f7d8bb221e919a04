"""Form fields of values that people type by hand: each is read by its own module of this folder."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from marketplace.values import neq, postal_code, tax_number, telephone
from marketplace.values.signs import plain

ROOM = 60  # characters of an input: spaces, dashes, « NEQ » and what else is taken out


class ReadField(forms.CharField):
    """A text read by `read`, whose sentence is the field's error; the empty value when there is nothing to see."""

    read: Callable[[str], Any]
    reads_typed = True

    def __init__(self, *, max_length: int | None = None, **kwargs: Any) -> None:
        """`max_length` is the column's: what is read is never longer, and what is typed may be."""
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("maxlength", str(ROOM))

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or not plain(value):
            return value if value is not None and not isinstance(value, str) else self.empty_value
        try:
            return type(self).read(value)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error


class NeqField(ReadField):
    """Ten digits."""

    read = staticmethod(neq.read)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"inputmode": "numeric", "autocomplete": "off"}


class PostalCodeField(ReadField):
    """« G8B 1A1 ». An address of another country has another code: its form asks for a text."""

    read = staticmethod(postal_code.read)


class TelephoneField(ReadField):
    """« 418 555-0123 poste 4 »."""

    read = staticmethod(telephone.read)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"type": "tel", "autocomplete": "tel"}


class TpsField(ReadField):
    """« 123456789 RT0001 »."""

    read = staticmethod(tax_number.tps)


class TvqField(ReadField):
    """« 1234567890 TQ0001 »."""

    read = staticmethod(tax_number.tvq)


class AttestationField(ReadField):
    """« ABC-123456 »."""

    read = staticmethod(tax_number.attestation)
