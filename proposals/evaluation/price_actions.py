"""Unveiling the prices: from there on the notes do not change."""

from django.db import transaction

from marketplace import lifecycle
from marketplace.dates import clock
from marketplace.lifecycle import locked
from marketplace.models import User
from opportunities.models import Opportunity
from proposals.evaluation import notes


def unveil(opportunity: Opportunity, *, by: User) -> None:
    """Freeze the notes, write the digest of each proposal's in the ledger, then show prices and ranks.

    Raises as the move does; then nothing has changed.
    """
    with transaction.atomic():
        row = locked(opportunity)
        at = clock.now()
        lifecycle.check(row, "unveil_prices", by=by, at=at)
        row.unveil_prices(by=by, at=at, notes=notes.seal_all(row, at=at))
    opportunity.__dict__.update(row.__dict__)
