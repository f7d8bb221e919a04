"""Acts on an occasion that also tell people: move, then queue the messages, in one transaction."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import complain
from marketplace.models import NumberSeries, User
from marketplace.reasons import REASON_MAX
from opportunities import emails as occasion_emails
from opportunities import rules
from opportunities.models import Opportunity, PublicBody


def create(*, by: User, body: PublicBody, at: datetime, **fields: Any) -> Opportunity:
    """A new draft with its number. PermissionDenied unless `by` buys for `body`."""
    with transaction.atomic():
        opportunity = Opportunity(body=body, author=by, created_at=at, updated_at=at, **fields)
        if not rules.is_buyer(opportunity, by):
            raise PermissionDenied(_("Seules les personnes acheteuses de l’organisme créent une occasion."))
        opportunity.number = NumberSeries.take("DAN", local(at).year)
        opportunity.save()
        ledger.record("opportunity.create", opportunity.ledger_subject(), by=by, at=at, body=body.name)
    return opportunity


def submit_for_review(opportunity: Opportunity, *, by: User) -> None:
    with transaction.atomic():
        opportunity.submit_for_review(by=by)
        occasion_emails.submitted_for_review(opportunity, at=opportunity.updated_at)


def take_back(opportunity: Opportunity, *, by: User) -> None:
    """The body's buyers take back what they sent, while no officer decided."""
    with transaction.atomic():
        opportunity.take_back(by=by)
        occasion_emails.taken_back(opportunity, by=by, at=opportunity.updated_at)


def return_to_author(opportunity: Opportunity, *, by: User, reason: str) -> None:
    with transaction.atomic():
        opportunity.return_to_author(by=by, reason=reason)
        occasion_emails.returned(opportunity, at=clock.now())


def publish(opportunity: Opportunity, *, by: User, justification: str = "") -> None:
    """`justification`: of what a signal asks; 2 000 characters at most. The page that shows the signal requires it.

    An entry of its own in the ledger: that of the publication is proved to everybody, with all its detail.
    """
    if len(justification) > REASON_MAX:
        complain("justification", _("Le motif dépasse %d caractères.") % REASON_MAX)
    with transaction.atomic():
        opportunity.publish(by=by)
        if justification.strip():
            ledger.record(
                "redflag.publish",
                opportunity.ledger_subject(),
                by=by,
                at=opportunity.published,
                justification=justification.strip(),
            )
        occasion_emails.published(opportunity, at=opportunity.published)
