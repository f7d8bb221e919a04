"""Columns that keep a value in one spelling only, whatever writes it: a form, a command, a shell."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from marketplace.values import fields


class ReadColumn(models.CharField):
    """A text as its form field reads it; what is not such a value is refused by `full_clean`, and found by no lookup.

    Migrations see a plain CharField: nothing of this is in the table.
    """

    form_field: type[fields.ReadField]

    def _spelled(self, value: Any) -> Any:
        try:
            return self.form_field.read(value) if isinstance(value, str) and value else value
        except ValueError:
            return value

    def to_python(self, value: Any) -> Any:
        return self._spelled(super().to_python(value))

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        if value:
            try:
                self.form_field.read(value)
            except ValueError as error:
                raise ValidationError(str(error), code="invalid") from error

    def get_prep_value(self, value: Any) -> Any:
        return self._spelled(super().get_prep_value(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self._spelled(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**({"form_class": self.form_field} | kwargs))

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class NeqColumn(ReadColumn):
    """Ten digits: one firm has one spelling, so that the database refuses the second."""

    form_field = fields.NeqField


class TelephoneColumn(ReadColumn):
    """« 418 555-0123 poste 4 »."""

    form_field = fields.TelephoneField
