"""What may exist only once, asked for twice at once: the second reads the message at the field, as if it came later.

A form looks first (`validate_unique`, a query), then writes; between the two, somebody else wrote. The database refuses
the second: `told` says so in the words that the form would have used. Every verb of a form is called under it
(`marketplace/acts.py`, `attempt`).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from django.apps import apps
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import UniqueConstraint
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

View = Callable[..., HttpResponseBase]

_SQLITE = re.compile(r"UNIQUE constraint failed: (?:index '(?P<index>\w+)'|(?P<columns>.+))")
_POSTGRESQL = re.compile(
    r"\((?P<columns>[\w, ]+)\)="
)  # the server's detail: « Key (neq)=(1165234567) already exists. »
_DEFAULT = UniqueConstraint.default_violation_error_message


@contextmanager
def told() -> Iterator[None]:
    """Turn the refusal of a known unique constraint into a ValidationError at its field. What was written is undone."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


def asked_again(view: View) -> View:
    """Mark a view whose form looks by itself, and that is not ours: beaten by another, it looks again, and sees."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except IntegrityError as error:
            if refusal_of(error) is None:
                raise
            return view(request, *args, **kwargs)

    return wrapped


def refusal_of(error: IntegrityError) -> ValidationError | None:
    """What to say of it, in the constraint's own words at its last field; None for any other integrity error."""
    found = _known().get(_name(error))
    return found.refusal() if found else None


@dataclass(frozen=True)
class Unique:
    """What a model holds once: a constraint, a field or fields together."""

    model: type[models.Model]
    fields: tuple[str, ...]
    constraint: UniqueConstraint | None = None

    def __str__(self) -> str:
        name = self.constraint.name if self.constraint else "+".join(self.fields)
        return f"{self.model._meta.label}.{name}"

    def refusal(self) -> ValidationError:
        """As the form would have said it; where it has no words, that somebody came first."""
        if len(self.fields) == 1 and self.model._meta.get_field(self.fields[0]).unique:  # type: ignore[union-attr]
            own = self.model().unique_error_message(self.model, self.fields)
            return ValidationError({self.fields[0]: own})
        if self.constraint and self.fields and self.constraint.violation_error_message != _DEFAULT:
            return ValidationError({self.fields[-1]: self.constraint.get_violation_error_message()})
        return ValidationError(
            {NON_FIELD_ERRORS: _("Cela vient d’être fait : rechargez la page pour voir où en est le dossier.")}
        )


def every() -> Iterator[Unique]:
    """All that the models hold once, their keys aside."""
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint):
                # « lower(email) » is about the address.
                written = (name for expression in constraint.expressions for name in _named(expression))
                yield Unique(model, tuple(constraint.fields or written), constraint)
        for together in model._meta.unique_together:
            yield Unique(model, tuple(together))
        for field in model._meta.local_concrete_fields:
            if field.unique and not (field.primary_key and field.auto_created):
                yield Unique(model, (field.name,))


def _named(expression: Any) -> Iterator[str]:
    """The fields of an expression."""
    for part in expression.flatten():
        if isinstance(part, models.F):
            yield part.name  # type: ignore[attr-defined]  # a field that its stubs leave out


def _name(error: IntegrityError) -> str:
    """The constraint's name, or its table and columns: PostgreSQL tells both, SQLite one of them."""
    cause: Any = error.__cause__
    diagnosis = getattr(cause, "diag", None)
    if diagnosis is None:
        found = _SQLITE.search(str(error))
        if found is None:
            return ""
        return found["index"] or ",".join(column.strip() for column in found["columns"].split(","))
    if getattr(cause, "sqlstate", "") != "23505":  # unique_violation
        return ""
    if diagnosis.constraint_name in _known():
        return str(diagnosis.constraint_name)
    found = _POSTGRESQL.search(diagnosis.message_detail or "")
    if found is None:
        return ""
    return ",".join(f"{diagnosis.table_name}.{column.strip()}" for column in found["columns"].split(","))


@cache
def _known() -> dict[str, Unique]:
    """By the constraint's name, and by « table.column,table.column »."""
    known: dict[str, Unique] = {}
    for one in every():
        if one.constraint:
            known[one.constraint.name] = one
        columns = [one.model._meta.get_field(name).column for name in one.fields]  # type: ignore[union-attr]
        if columns:
            known.setdefault(",".join(f"{one.model._meta.db_table}.{column}" for column in columns), one)
    return known
