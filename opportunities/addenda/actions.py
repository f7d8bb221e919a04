"""An addendum: what is made clearer in a published notice, and the closing instant that it may move."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, locked
from marketplace.models import User
from opportunities import conditions, rules
from opportunities.enums import NoticeKind
from opportunities.models import Addendum, NoticeVersion, Opportunity

ADDENDUM_MAX = 5_000


def add_addendum(opportunity: Opportunity, *, by: User, text: str) -> Addendum:
    """Add to a published notice, before its closing instant or while suspended; the addendum can never be changed.

    Near the closing instant, that instant moves: `opportunity.closes_at` then holds the new one. Tells nobody:
    proposals/notice/actions.py does.
    """
    with transaction.atomic():
        row = locked(opportunity)
        at = clock.now()
        if not rules.works_there(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if not row.takes_addenda(at=at):
            raise IllegalMove(_("Un addenda ne peut plus être ajouté."))
        text = text.strip()
        if not text:
            complain("text", _("Ce champ est obligatoire."))
        if len(text) > ADDENDUM_MAX:
            complain("text", _("L’addenda dépasse 5 000 caractères."))
        addendum = Addendum(opportunity=row, number=row.addenda.count() + 1, text=text, by=by, at=at)
        moved: dict[str, Any] = {}
        if closes_at := conditions.closing_after_addendum(row, at):
            conditions.keep_order(row, closes_at)
            row.closes_at = closes_at
            moved = {"closes_at": closes_at.isoformat()}
        version = NoticeVersion.objects.write(row, NoticeKind.ADDENDUM, by=by, at=at, added=[addendum])
        addendum.save(force_insert=True)
        row.save(update_fields=["closes_at", "assignment_date", "start_date", "completion_date", "notice_version"])
        ledger.record(
            "opportunity.addendum", row.ledger_subject(), by=by, at=at, number=addendum.number, text=text, **moved,
            **version,
        )  # fmt: skip
    addendum.moved_closing = bool(moved)
    opportunity.__dict__.update(row.__dict__)
    return addendum
