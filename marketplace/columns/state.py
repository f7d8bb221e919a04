"""The column that holds where something stands in its life: only the acts of its lifecycle may change it."""

from typing import Any

import django_fsm


class StateField(django_fsm.FSMField):
    """django-fsm's field; in a migration, the plain text column that it is in the database.

    A migration draws every model again and again, and each FSMField drawn listens to all models that come after it: a
    third of the time that a new database takes.
    """

    def deconstruct(self) -> Any:
        """As a CharField: who may change a state is no migration."""
        name, _path, args, kwargs = super().deconstruct()
        del kwargs["protected"]
        return name, "django.db.models.CharField", args, kwargs

    def clone(self) -> Any:
        name, _path, args, kwargs = self.deconstruct()
        return type(self)(*args, protected=self.protected, **kwargs)
