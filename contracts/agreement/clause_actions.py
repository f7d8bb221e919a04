"""A body's own clauses, kept by its officers; the standard ones are read. Contracts already offered keep their copies.

A clause is never changed in place: the former one is retired, another one takes its position.
"""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from contracts.models import Clause
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known
from marketplace.models import User
from opportunities import rules as occasion_rules
from opportunities.models import PublicBody

MOST_CLAUSES = 40


def keep(
    body: PublicBody, *, by: User, title: str, text: str, personal_information: bool, instead: Clause | None = None
) -> Clause:
    """Add a clause, at the end or in the place of another one, which is retired. PermissionDenied but to officers.

    ValidationError when the body has too many; IllegalMove when the one to replace is retired already.
    """
    with transaction.atomic():
        rows, at = _locked(body, by), clock.now()
        if instead is None and rows.count() >= MOST_CLAUSES:
            complain(None, _("Un organisme a au plus %d clauses.") % MOST_CLAUSES)
        if instead is not None:
            _retire(rows, instead, at)
        last = rows.aggregate(last=Max("position"))["last"] or 0
        clause = Clause.objects.create(
            body=body, title=title, text=text, personal_information=personal_information,
            position=last + 1 if instead is None else instead.position,
        )  # fmt: skip
        extra: dict[str, Any] = {"replaces": instead.pk} if instead is not None else {}
        action = "clause.replace" if instead is not None else "clause.add"
        ledger.record(action, f"organisme:{body.pk}", by=by, at=at, clause=clause.pk, title=title, **extra)
    return clause


def retire(clause: Clause, *, by: User) -> None:
    """Contracts offered from now on go without it. Raises as `keep` does."""
    with transaction.atomic():
        rows, at = _locked(known(clause.body), by), clock.now()
        _retire(rows, clause, at)
        subject = f"organisme:{clause.body_id}"
        ledger.record("clause.retire", subject, by=by, at=at, clause=clause.pk, title=clause.title)


def _locked(body: PublicBody, by: User) -> QuerySet[Clause]:
    """The body's clauses in force, for an officer, while nobody else changes them."""
    if "officer" not in occasion_rules.roles_in(by, body.pk):
        raise PermissionDenied(_("Seules les personnes responsables de l’organisme changent ses clauses."))
    PublicBody.objects.select_for_update().filter(pk=body.pk).first()
    return Clause.objects.filter(body=body, retired_at=None)


def _retire(rows: QuerySet[Clause], clause: Clause, at: datetime) -> None:
    if not rows.filter(pk=clause.pk).update(retired_at=at):
        raise IllegalMove(_("Cette clause est déjà retirée."))
