"""JSON columns of a known shape: a row that lost it spoils no other row, and is told in words, never by a traceback.

What reads a column (a page, an export) is written for its shape. Whoever can write in the database can put anything
there: the value then reads as `Unread`, which answers nothing, and the rest of its row, and of its table, as usual.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import NoneType
from typing import Any, NoReturn

from django.db import models
from django.db.models.fields.json import KeyTransform

Fits = Callable[[Any], bool]


class Misshapen(Exception):
    """A value of the database cannot be read: it has not the shape in which it was written. Its text names the column.

    `marketplace.middleware.Refusals` answers with a page.
    """


class Unread:
    """Stands for a value of another shape: whoever asks anything of it is told Misshapen."""

    __slots__ = ("_column",)

    def __init__(self, column: str) -> None:
        self._column = column

    def _refuse(self, *_args: Any) -> NoReturn:
        raise Misshapen(self._column)

    __iter__ = __len__ = __bool__ = __contains__ = __getitem__ = __or__ = __ror__ = __str__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what Python itself asks
            raise AttributeError(name)
        raise Misshapen(self._column)


class ShapedJSONField(models.JSONField):
    """A JSONField whose values `fits` knows; another value, found in the database, is read as `Unread`."""

    def __init__(self, *args: Any, fits: Fits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fits = fits

    def deconstruct(self) -> Any:
        """As the plain column that it is in the database: a shape is no migration."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def clone(self) -> Any:
        name, _path, args, kwargs = self.deconstruct()
        return type(self)(*args, fits=self.fits, **kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None:  # NULL, or no row at all; « null » is a value
            return None
        value = super().from_db_value(value, expression, connection)
        if isinstance(expression, KeyTransform) or (value is None and self.null) or self.fits(value):
            return value
        return Unread(f"{self.model._meta.label}.{self.name}")


# --- Shapes ----------------------------------------------------------------------------------------------------------
def anything(_value: Any) -> bool:
    return True


def text(value: Any) -> bool:
    return isinstance(value, str)


def number(value: Any) -> bool:
    return type(value) is int


def yes_or_no(value: Any) -> bool:
    return type(value) is bool


def fraction(value: Any) -> bool:
    """An exact number as text, « 173/2 » or « 86.5 »."""
    try:
        return isinstance(value, str) and len(value) < 100 and Fraction(value) is not None
    except (ValueError, ZeroDivisionError):
        return False


def nothing(value: Any) -> bool:
    return isinstance(value, NoneType)


def either(*fits: Fits) -> Fits:
    return lambda value: any(fit(value) for fit in fits)


def listed(fits: Fits) -> Fits:
    """A list of them, perhaps empty."""
    return lambda value: isinstance(value, list) and all(map(fits, value))


def mapped(fits: Fits) -> Fits:
    """An object all of whose values are such, perhaps empty."""
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def held(names: Mapping[str, Fits] | None = None, **optional: Fits) -> Fits:
    """An object with at least these names; `optional`: such where they are there."""
    needed = names or {}

    def fits(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and all(name in value and fit(value[name]) for name, fit in needed.items())
            and all(fit(value[name]) for name, fit in optional.items() if name in value)
        )

    return fits
