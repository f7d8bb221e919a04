"""Unveiling the prices: from there on the notes do not change."""

from collections.abc import Mapping

from django.db import transaction

from marketplace import lifecycle
from marketplace.dates import clock
from marketplace.lifecycle import locked
from marketplace.models import User
from opportunities.models import Opportunity
from proposals.enums import State
from proposals.evaluation import notes
from proposals.models import NotesVersion


class Moved(Exception):
    """Notes are not those that were on the screen; nothing is frozen. `now`: what `standing` answers."""

    def __init__(self, now: Mapping[str, int]) -> None:
        super().__init__(str(now))
        self.now = now


def unveil(opportunity: Opportunity, *, by: User, seen: Mapping[str, int] | None = None) -> None:
    """Freeze the notes, write the digest of each proposal's in the ledger, then show prices and ranks.

    seen: as `standing` answered it when the notes were shown; None: none were shown to anybody.
    Raises as the move does, and `Moved`; then nothing has changed.
    """
    with transaction.atomic():
        row = locked(opportunity)
        at = clock.now()
        lifecycle.check(row, "unveil_prices", by=by, at=at)
        now = standing(row)
        if seen is not None and seen != now:
            raise Moved(now)
        row.unveil_prices(by=by, at=at, notes=notes.seal_all(row, at=at))
    opportunity.__dict__.update(row.__dict__)


def standing(opportunity: Opportunity) -> dict[str, int]:
    """{public id of a scored proposal: the number of the version of its notes}: what an unveiling would freeze."""
    rows = NotesVersion.objects.filter(proposal__opportunity=opportunity, proposal__state=State.SCORED)
    numbers = rows.order_by("number").values_list("proposal__public_id", "number")
    return {str(public_id): number for public_id, number in numbers}


def versions(opportunity: Opportunity, numbers: Mapping[str, int]) -> dict[str, NotesVersion]:
    """{public id: the version of that number}, of the occasion's own."""
    rows = NotesVersion.objects.filter(proposal__opportunity=opportunity).select_related("by", "proposal__vendor")
    return {
        str(row.proposal.public_id): row
        for row in rows.defer("proposal__draft")
        if numbers.get(str(row.proposal.public_id)) == row.number
    }
