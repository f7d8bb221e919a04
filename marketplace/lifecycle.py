"""One door for state: `@moves` opens a transaction, locks, checks, moves, validates, saves and writes the ledger.

Wraps django-fsm-2 once, because its `permission=` does not stop a call and its transitions do not save. Nothing else
writes a state, and each model's `<model>_state_known` constraint refuses states the database does not know.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from types import MappingProxyType
from typing import Any, Concatenate, NoReturn, Protocol, Self, TypeVar, cast, overload

import django_fsm
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, models, transaction
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext as _

from marketplace.accounts.person import User, Visitor
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.texts import Words

M = TypeVar("M", bound="Stateful")
T = TypeVar("T")
Moved = TypeVar("Moved", covariant=True)
Rule = Callable[[Any, Any], bool]
Condition = Callable[[Any, datetime], None]


class IllegalMove(Exception):
    """The object is not in a state from which this act exists. `marketplace.middleware.Refusals` answers 409."""


@dataclass(frozen=True)
class Move:
    """One row of the published workflow (`/api/workflow`)."""

    name: str
    label: Words
    sources: tuple[str, ...]
    target: str
    roles: tuple[str, ...]
    conditions: tuple[str, ...]
    basis: str


WORKFLOW: dict[str, list[Move]] = {}


class BoundVerb(Protocol[Moved]):
    """A declared move, on its row: `opportunity.publish(by=user)` answers the same row, moved."""

    def __call__(self, *, by: User | None, **details: Any) -> Moved: ...


class Verb(Protocol[M]):
    """A declared move, on its class: `Opportunity.publish.move` is what is published of it."""

    move: Move
    allowed: Rule
    conditions: tuple[Condition, ...]
    alters_data: bool
    # Checks and moves a row that is already locked, in memory; answers what the ledger is to hold of it.
    change: Callable[[M, User | None, datetime, dict[str, Any]], ledger.Act]

    def __call__(self, row: M, /, *, by: User | None, **details: Any) -> M: ...

    @overload
    def __get__(self, row: None, model: type[M]) -> Self: ...
    @overload
    def __get__(self, row: M, model: type[M]) -> BoundVerb[M]: ...


class Stateful(models.Model):
    """What a model with a lifecycle provides. Mixed into a model that has `state` (a protected FSMField)."""

    state: Any  # each model declares its FSMField
    # What a move adds to its own entry in the ledger: set by its method.
    _ledger_extra: Mapping[str, Any] = MappingProxyType({})

    class Meta:
        abstract = True

    @property
    def ledger_sealed(self) -> bool:
        """Whether the ledger shows this object's acts only as « sealed » (see marketplace.ledger)."""
        return False

    def ledger_subject(self) -> str:
        """`occasion:DAN-2026-0001`: how the ledger names this object."""
        raise NotImplementedError

    def concerns(self, user: User) -> bool:
        """Whether this person's refused attempts leave a trace: strangers must not be able to fill the ledger."""
        return True

    def also_writes(self, move: str, *, by: User | None, at: datetime) -> Mapping[str, Any]:
        """Rows that a move writes beside its own, once the object has its new state and before it is saved.

        Answers what the move's entry in the ledger says of them.
        """
        return {}

    def lock_parents(self) -> dict[str, models.Model]:
        """Lock the rows this object hangs from, before its own (from the top down, always); {attribute: locked row}."""
        return {}

    def can(self, action: str, user: Visitor | None) -> bool:
        """Whether the button should show: right state and right person (conditions are told on pressing)."""
        verb = getattr(type(self), action)
        return self.state in verb.move.sources and bool(verb.allowed(self, user))


def locked(row: M) -> M:
    """The same object, read again under its lock; parents first. IllegalMove where somebody deleted it meanwhile."""
    parents = row.lock_parents()
    fresh = type(row)._base_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if fresh is None:
        raise IllegalMove(_("Cela n’existe plus : quelqu’un vient de le supprimer."))
    for name, parent in parents.items():
        setattr(fresh, name, parent)
    return fresh


def held(row: M) -> M:
    """The same object, read again under a lock that others share: it does not change before the transaction ends.

    Whoever changes it (`locked`) waits for all who hold it; the caller must never ask to change it afterwards.
    """
    if connection.vendor == "postgresql":  # SQLite: the IMMEDIATE transaction is alone anyway
        table = connection.ops.quote_name(row._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR SHARE", [row.pk])
    return type(row)._base_manager.get(pk=row.pk)


def moves(
    source: str | Iterable[str],
    *,
    to: str,
    allowed: Rule,
    roles: Iterable[str],
    label: Words,
    conditions: Iterable[Condition] = (),
    basis: str = "",
    ledger_details: Iterable[str] = (),
) -> Callable[[Callable[Concatenate[M, ...], None]], Verb[M]]:
    """Declare a move. The method gets `by` (a User, or None for the system) and `at` (the clock, read under the lock).

    A caller that already holds the lock, and decided by an instant that it read under it, passes that one as `at=`.
    allowed: a sentence of `rules.py`, (object, user) -> bool.   roles: who that sentence names, published.
    conditions: (object, at) -> None, each raises ValidationError with what is missing.
    ledger_details: names of keyword arguments kept in the ledger's payload.
    Raises PermissionDenied, IllegalMove or ValidationError; then nothing has changed.
    """
    sources = (source,) if isinstance(source, str) else tuple(source)

    def decorate(method: Callable[Concatenate[M, ...], None]) -> Verb[M]:
        name = method.__name__
        step = django_fsm.transition(field="state", source=list(sources), target=to)(method)

        def change(row: M, by: User | None, at: datetime, details: dict[str, Any]) -> ledger.Act:
            check(row, name, by=by, at=at)
            before = row.state
            step(row, by=by, at=at, **details)
            body = {detail: str(details[detail]) for detail in ledger_details if details.get(detail)}
            body |= {**row._ledger_extra, **row.also_writes(name, by=by, at=at), "before": before, "after": to}
            return ledger.Act(f"{row._meta.model_name}.{name}", row.ledger_subject(), body, row.ledger_sealed)

        def go(row: M, by: User | None, at: datetime | None, details: dict[str, Any]) -> M:
            row = locked(row)
            at = at or clock.now()
            act = change(row, by, at, details)
            row.clean_fields(exclude={"state"})  # a protected field refuses full_clean()
            row.clean()
            row.save()  # the database checks its constraints: asking it first would cost a query for each
            ledger.record_all([act], by=by, at=at)
            return row

        @wraps(method)
        def run(self: M, *, by: User | None, at: datetime | None = None, **details: Any) -> M:
            try:
                with transaction.atomic():
                    row = go(self, by, at, details)
            except (PermissionDenied, IllegalMove) as refusal:
                _named(refusal, self, name, by)
                raise
            # Not refresh_from_db(): a protected field refuses it, or loses its protection for the whole process.
            self.__dict__.update(row.__dict__)
            return self

        verb = cast(Verb[M], run)
        verb.alters_data = True  # a template cannot call it by accident
        verb.allowed, verb.conditions, verb.change = allowed, tuple(conditions), change
        verb.move = Move(
            name, label, sources, to, tuple(roles), tuple(c.__doc__ or c.__name__ for c in conditions), basis
        )
        return verb

    return decorate


def move_all(
    moves: Iterable[tuple[str, Sequence[Stateful]]], *, by: User | None, at: datetime, also: Iterable[ledger.Act] = ()
) -> None:
    """Moves without details, each of many rows of one model: one write each, then one moment of the ledger's lock.

    moves: (the move, its rows), in their order; `also`: what the ledger is to hold after them. The caller holds a
    transaction and the rows' locks, parents first. Raises as a move does; the rows in memory are then of no use.
    """
    acts: list[ledger.Act] = []
    for action, rows in moves:
        changed: set[str] = set()
        for row in rows:
            fields = row._meta.concrete_fields
            before = {field.name: getattr(row, field.attname) for field in fields}
            acts.append(getattr(type(row), action).change(row, by, at, {}))
            own = {field.name for field in fields if getattr(row, field.attname) != before[field.name]}
            row.clean_fields(exclude=before.keys() - own | {"state"})  # the rest was clean when it was written
            row.clean()
            changed |= own
        if rows:
            type(rows[0])._base_manager.bulk_update(rows, sorted(changed))
    ledger.record_all([*acts, *also], by=by, at=at)


def _named(refusal: Exception, row: Stateful, action: str, by: User | None) -> None:
    """The web door (marketplace.middleware.Refusals) writes it in the ledger: here the caller may still hold a
    transaction that its own rollback would take back. Sealed objects leave no trace at all, nor do strangers.
    """
    if not row.ledger_sealed and by is not None and row.concerns(by):
        name_act(refusal, f"{row._meta.model_name}.{action}", row.ledger_subject())


def name_act(refusal: Exception, action: str, subject: str) -> None:
    """Tell the web door which act this refusal is about: it keeps a trace of it."""
    refusal.act = (action, subject)  # type: ignore[attr-defined]  # PermissionDenied is Django's


def register(model: type[M]) -> type[M]:
    """Class decorator: publish the model's moves in WORKFLOW."""
    WORKFLOW[str(model._meta.model_name)] = [verb.move for verb in vars(model).values() if hasattr(verb, "move")]
    return model


def gate(row: Stateful, action: str, user: Visitor | None) -> None:
    """What the move would refuse before anything is typed: PermissionDenied or IllegalMove."""
    verb = getattr(type(row), action)
    if not verb.allowed(row, user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if row.state not in verb.move.sources:
        state = row.get_state_display()  # type: ignore[attr-defined]  # each model's own choices
        raise IllegalMove(_("Ce geste ne se fait pas dans l’état actuel : « %s ».") % state)


def check(row: Stateful, action: str, *, by: User | None, at: datetime) -> None:
    """All that the move asks of a row under its lock, for a verb that must know before its own work.

    Raises as the move does: PermissionDenied, IllegalMove or ValidationError.
    """
    try:
        gate(row, action, by)
    except (PermissionDenied, IllegalMove) as refusal:
        _named(refusal, row, action, by)
        raise
    for condition in getattr(type(row), action).conditions:
        condition(row, at)


def choices_constraint(model_name: str, states: Iterable[str]) -> CheckConstraint:
    """The `<model>_state_known` constraint: the database knows the same states as the code."""
    return CheckConstraint(condition=Q(state__in=sorted(states)), name=f"{model_name}_state_known")


def complain(field: str | None, message: Words) -> NoReturn:
    """Raise the ValidationError that the page shows at `field` (None: at the top)."""
    raise ValidationError({field: message} if field else str(message))


def known(value: T | None) -> T:
    """What may be missing, and is not in the state that the object is in. ValueError when it is."""
    if value is None:
        raise ValueError("the object's state promises a value")
    return value
