"""Acts on an occasion that also tell people: move, then queue the messages, in one transaction."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace import clock, ledger
from marketplace.lifecycle import IllegalMove, complain, locked
from marketplace.localtime import local
from marketplace.models import NumberSeries
from opportunities import conditions, notifications, rules
from opportunities.models import Addendum, Opportunity

ADDENDUM_MAX = 5_000


def create(*, by, body, at, **fields) -> Opportunity:
    """A new draft with its number. PermissionDenied unless `by` buys for `body`."""
    with transaction.atomic():
        opportunity = Opportunity(body=body, author=by, created_at=at, updated_at=at, **fields)
        if not rules.is_buyer(opportunity, by):
            raise PermissionDenied(_("Seules les personnes acheteuses de l’organisme créent une occasion."))
        opportunity.number = NumberSeries.take("DAN", local(at).year)
        opportunity.save()
        ledger.record("opportunity.create", opportunity.ledger_subject(), by=by, at=at, body=body.name)
    return opportunity


def submit_for_review(opportunity: Opportunity, *, by) -> None:
    with transaction.atomic():
        opportunity.submit_for_review(by=by)
        notifications.submitted_for_review(opportunity, at=opportunity.updated_at)


def return_to_author(opportunity: Opportunity, *, by, reason: str) -> None:
    with transaction.atomic():
        opportunity.return_to_author(by=by, reason=reason)
        notifications.returned(opportunity, at=clock.now())


def publish(opportunity: Opportunity, *, by, justification: str = "") -> None:
    """`justification`: of what a signal asks; 2 000 characters at most. The page that shows the signal requires it."""
    if len(justification) > conditions.REASON_MAX:
        complain("justification", _("Le motif dépasse %d caractères.") % conditions.REASON_MAX)
    with transaction.atomic():
        opportunity.publish(by=by, justification=justification.strip())
        notifications.published(opportunity, at=opportunity.published_at)


def add_addendum(opportunity: Opportunity, *, by, text: str) -> Addendum:
    """Add to a published notice, before its closing instant; the addendum can never be changed.

    Near the closing instant, that instant moves: `opportunity.closes_at` then holds the new one. Tells nobody:
    proposals/notices.py does.
    """
    with transaction.atomic():
        row = locked(opportunity)
        at = clock.now()
        if not rules.works_there(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if not row.accepts_proposals(at=at):
            raise IllegalMove(_("Un addenda ne peut plus être ajouté."))
        text = text.strip()
        if not text:
            complain("text", _("Ce champ est obligatoire."))
        if len(text) > ADDENDUM_MAX:
            complain("text", _("L’addenda dépasse 5 000 caractères."))
        addendum = Addendum.objects.create(opportunity=row, number=row.addenda.count() + 1, text=text, by=by, at=at)
        moved = {}
        if closes_at := conditions.closing_after_addendum(row, at):
            conditions.keep_order(row, closes_at)
            row.closes_at = closes_at
            row.save(update_fields=["closes_at", "assignment_date", "start_date", "completion_date"])
            moved = {"closes_at": closes_at.isoformat()}
        ledger.record(
            "opportunity.addendum", row.ledger_subject(), by=by, at=at, number=addendum.number, text=text, **moved
        )
    addendum.moved_closing = bool(moved)
    opportunity.__dict__.update(row.__dict__)
    return addendum
