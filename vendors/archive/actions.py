"""A vendor that answers no more, until somebody takes it back: no new proposal, no deposit; the rest goes on."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove
from marketplace.models import User
from marketplace.reasons import reason_given
from vendors import rules
from vendors.members import emails
from vendors.models import Vendor


def archive(vendor: Vendor, *, by: User, reason: str) -> None:
    """By an owner, or an administrator. What was deposited stays; contracts, invoices and payments go on.

    ValidationError at `reason`; IllegalMove when it is archived already.
    """
    _turn(vendor, by=by, archived=True, reason=reason_given(reason))


def restore(vendor: Vendor, *, by: User, reason: str) -> None:
    """The reverse, by the same people."""
    _turn(vendor, by=by, archived=False, reason=reason_given(reason))


def _turn(vendor: Vendor, *, by: User, archived: bool, reason: str) -> None:
    with transaction.atomic():
        row = Vendor.objects.select_for_update().get(pk=vendor.pk)
        if not rules.may_archive(row, by):
            raise PermissionDenied(_("Seuls les propriétaires de ce prestataire l’archivent ou le rétablissent."))
        if (row.archived_at is not None) == archived:
            raise IllegalMove(
                _("Ce prestataire est déjà archivé.") if archived else _("Ce prestataire n’est pas archivé.")
            )
        at: datetime = clock.now()
        row.archived_at = at if archived else None
        row.save(update_fields=["archived_at"])
        action = "vendor.archive" if archived else "vendor.restore"
        ledger.record(action, f"vendor:{row.public_id}", by=by, at=at, reason=reason)
        emails.archived(row, archived=archived, reason=reason, by=by, at=at)
    vendor.archived_at = row.archived_at
