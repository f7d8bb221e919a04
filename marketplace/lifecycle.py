"""One door for state: `@moves` opens a transaction, locks, checks, moves, validates, saves and writes the ledger.

Wraps django-fsm-2 once, because its `permission=` does not stop a call and its transitions do not save. Nothing else
writes a state, and each model's `<model>_state_known` constraint refuses states the database does not know.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps

import django_fsm
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.texts import Words


class IllegalMove(Exception):
    """The object is not in a state from which this act exists. `marketplace.middleware.Refusals` answers 409."""


@dataclass(frozen=True)
class Move:
    """One row of the published workflow (`/api/workflow`)."""

    model: str
    name: str
    label: Words
    sources: tuple[str, ...]
    target: str
    roles: tuple[str, ...]
    conditions: tuple[str, ...]
    basis: str


WORKFLOW: dict[str, list[Move]] = {}


class Stateful:
    """What a model with a lifecycle provides. Mixed into a model that has `state` (a protected FSMField)."""

    # True: the ledger shows this object's acts only as « sealed » (see marketplace.ledger).
    ledger_sealed = False

    def ledger_subject(self) -> str:
        """`occasion:DAN-2026-0001`: how the ledger names this object."""
        raise NotImplementedError

    def concerns(self, user) -> bool:
        """Whether this person's refused attempts leave a trace: strangers must not be able to fill the ledger."""
        return True

    def lock_parents(self) -> dict:
        """Lock the rows this object hangs from, before its own (from the top down, always); {attribute: locked row}."""
        return {}

    def can(self, action: str, user) -> bool:
        """Whether the button should show: right state and right person (conditions are told on pressing)."""
        method = getattr(type(self), action)
        return self.state in method.move.sources and bool(method.allowed(self, user))


def locked(row):
    """The same object, read again under its lock; parents first."""
    parents = row.lock_parents()
    fresh = type(row)._base_manager.select_for_update(of=("self",)).get(pk=row.pk)
    for name, parent in parents.items():
        setattr(fresh, name, parent)
    return fresh


def moves(
    source: str | Iterable[str],
    *,
    to: str,
    allowed: Callable,
    roles: Iterable[str],
    label: Words,
    conditions: Iterable[Callable] = (),
    basis: str = "",
    ledger_details: Iterable[str] = (),
):
    """Declare a move. The method gets `by` (a User, or None for the system) and `at` (the clock, read under the lock).

    A caller that already holds the lock, and decided by an instant that it read under it, passes that one as `at=`.
    allowed: a sentence of `rules.py`, (object, user) -> bool.   roles: who that sentence names, published.
    conditions: (object, at) -> None, each raises ValidationError with what is missing.
    ledger_details: names of keyword arguments kept in the ledger's payload.
    Raises PermissionDenied, IllegalMove or ValidationError; then nothing has changed.
    """
    sources = (source,) if isinstance(source, str) else tuple(source)

    def decorate(method):
        step = django_fsm.transition(field="state", source=list(sources), target=to)(method)

        def go(self, by, at, details):
            row = locked(self)
            at = at or clock.now()
            check(row, method.__name__, by=by, at=at)
            before = row.state
            step(row, by=by, at=at, **details)
            row.clean_fields(exclude={"state"})  # a protected field refuses full_clean()
            row.clean()
            row.save()  # the database checks its constraints: asking it first would cost a query for each
            kept = {name: str(details[name]) for name in ledger_details if details.get(name)}
            kept |= getattr(row, "_ledger_extra", {})
            action = f"{row._meta.model_name}.{method.__name__}"
            ledger.record(
                action, row.ledger_subject(), by=by, at=at, sealed=row.ledger_sealed, before=before, after=to, **kept
            )
            return row

        @wraps(method)
        def run(self, *, by, at=None, **details):
            try:
                with transaction.atomic():
                    row = go(self, by, at, details)
            except (PermissionDenied, IllegalMove) as refusal:
                # The web door (marketplace.middleware.Refusals) writes it in the ledger: here the caller may still
                # hold a transaction that its own rollback would take back. Sealed objects leave no trace at all.
                if not self.ledger_sealed and by is not None and self.concerns(by):
                    refusal.act = (f"{self._meta.model_name}.{method.__name__}", self.ledger_subject())
                raise
            # Not refresh_from_db(): a protected field refuses it, or loses its protection for the whole process.
            self.__dict__.update(row.__dict__)
            return self

        run.alters_data = True  # a template cannot call it by accident
        run.allowed, run.conditions = allowed, tuple(conditions)
        run.spec = (sources, to, tuple(roles), label, tuple(c.__doc__ or c.__name__ for c in conditions), basis)
        return run

    return decorate


def register(model: type) -> type:
    """Class decorator: publish the model's moves in WORKFLOW and give each method its `.move`."""
    rows = []
    for name, method in vars(model).items():
        if hasattr(method, "spec"):
            sources, target, roles, label, conditions, basis = method.spec
            method.move = Move(model._meta.model_name, name, label, sources, target, roles, conditions, basis)
            rows.append(method.move)
    WORKFLOW[model._meta.model_name] = rows
    return model


def gate(row, action: str, user) -> None:
    """What the move would refuse before anything is typed: PermissionDenied or IllegalMove."""
    method = getattr(type(row), action)
    if not method.allowed(row, user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if row.state not in method.move.sources:
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))


def check(row, action: str, *, by, at: datetime) -> None:
    """All that the move asks of a row under its lock, for a verb that must know before its own work.

    Raises as the move does: PermissionDenied, IllegalMove or ValidationError.
    """
    gate(row, action, by)
    for condition in getattr(type(row), action).conditions:
        condition(row, at)


def choices_constraint(model_name: str, states: Iterable[str]):
    """The `<model>_state_known` constraint: the database knows the same states as the code."""
    return CheckConstraint(condition=Q(state__in=sorted(states)), name=f"{model_name}_state_known")


def complain(field: str | None, message: str) -> None:
    """Raise the ValidationError that the page shows at `field` (None: at the top)."""
    raise ValidationError({field: message} if field else message)
