"""One page of a list: so many rows after the last one shown, never « page 12 »; and what narrows the list.

The address of the next page holds where this one ended (`?apres=`): the values of the columns that order the list, the
last of them unique. Instants are microseconds since 1970 (UTC), days are their midnight, keys and UUIDs are numbers:
`1761746400000000-42`, or `42` for a list in the order of its key. Whatever is not a cursor answers the first page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.db.models import DateField, DateTimeField, Q, QuerySet, UUIDField
from django.http import HttpRequest, QueryDict

from marketplace.texts import PlainTexts, Words, one_line

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = 18  # at most, before int(), which refuses thousands of digits; and no database has larger keys
_UUID_DIGITS = 39  # of 2**128
MOST_SEARCHED = 200  # characters; the boxes of the pages stop there too
MOST_TYPED = 2_000
Order = Sequence[str]
Pairs = Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Slice:
    """The rows shown; `older` and `first`: addresses of the next page and of the first, if any."""

    rows: list[Any]
    older: str | None
    first: str | None


def page(
    request: HttpRequest, rows: QuerySet[Any], *, order: Order, size: int, pairs: Pairs = (), name: str = "apres"
) -> Slice:
    """`size` rows in `order` (« -at », « -pk »), from where the address says. `pairs`: the others in it."""
    after = read(request.GET.get(name, ""), rows, order)
    if after is not None:
        rows = rows.filter(beyond(order, after))
    shown = list(rows.order_by(*order)[: size + 1])
    more = [*pairs, (name, written(shown[size - 1], order))] if len(shown) > size else None
    return Slice(
        rows=shown[:size],
        older=f"?{urlencode(more)}" if more else None,
        first=(f"{request.path}?{urlencode(pairs)}" if pairs else request.path) if after is not None else None,
    )


def written(row: Any, order: Order) -> str:
    """The cursor of a row."""
    return "-".join(str(_number(getattr(row, _column(field)))) for field in order)


def read(text: str, rows: QuerySet[Any], order: Order) -> tuple[Any, ...] | None:
    """The values that a cursor holds, one for each column of the order; None for whatever is not a cursor."""
    parts = text.split("-")
    if len(parts) != len(order):
        return None
    columns = [_field(rows, field) for field in order]
    most = [_UUID_DIGITS if isinstance(column, UUIDField) else _DIGITS for column in columns]
    if not all(part.isascii() and part.isdecimal() and len(part) <= n for part, n in zip(parts, most, strict=True)):
        return None
    try:
        return tuple(_value(column, int(part)) for column, part in zip(columns, parts, strict=True))
    except (OverflowError, ValueError):  # further than dates go, or than UUIDs
        return None


def beyond(order: Order, after: tuple[Any, ...]) -> Q:
    """What comes after a row in this order."""
    condition = Q()
    same: dict[str, Any] = {}
    for field, value in zip(order, after, strict=True):
        column, way = _column(field), "lt" if field.startswith("-") else "gt"
        condition |= Q(**same, **{f"{column}__{way}": value})
        same[column] = value
    return condition


def backwards(order: Order) -> Order:
    """The same order read from its end: for the page before, and the last one."""
    return [_column(field) if field.startswith("-") else f"-{field}" for field in order]


def _column(field: str) -> str:
    return field.removeprefix("-")


def _number(value: Any) -> int:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, date):
        return _number(datetime.combine(value, time.min, UTC))
    return int(value)


def _field(rows: QuerySet[Any], name: str) -> Any:
    column = _column(name)
    return rows.model._meta.pk if column == "pk" else rows.model._meta.get_field(column)


def _value(field: Any, number: int) -> Any:
    if isinstance(field, UUIDField):
        return UUID(int=number)
    if isinstance(field, DateTimeField):
        return _EPOCH + timedelta(microseconds=number)
    if isinstance(field, DateField):
        return (_EPOCH + timedelta(microseconds=number)).date()
    return number


class WordsField(forms.CharField):
    """What is searched for: one line, cut at 200 characters, where the page's own box stops too."""

    reads_typed = True

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> str:
        return searched(super().to_python(value) or "")


def searched(typed: str) -> str:
    """What is searched for, in one line, as it is shown again."""
    return " ".join(one_line(typed[:MOST_TYPED]).split())[:MOST_SEARCHED]


class FilterForm(PlainTexts, forms.Form):
    """What narrows a list, read from the address. A value that it does not know is left out: never an error."""

    def __init__(self, data: QueryDict, **choices: Sequence[tuple[str, Words]]) -> None:
        """`choices`: {name: values and labels} of the fields whose choices are read from the database."""
        super().__init__(data)
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = values
        self.is_valid()

    @property
    def asked(self) -> dict[str, Any]:
        """{parameter: cleaned value}; what was not asked, or not understood, is empty."""
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters that count, for addresses that keep them."""
        return [(name, str(value)) for name, value in self.asked.items() if value]


class Ticked(forms.ChoiceField):
    """A box among the filters: « 1 » when it is ticked; whatever else is left out."""

    def __init__(self) -> None:
        super().__init__(required=False, choices=[("1", "")])
