"""Conformity and scores: the buyer's verbs on opened proposals, with what they tell."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from marketplace import lifecycle
from marketplace.dates import clock
from marketplace.lifecycle import locked
from marketplace.models import User
from opportunities.models import Criterion
from proposals import emails as proposal_emails
from proposals.enums import State
from proposals.evaluation import notes
from proposals.models import NotesVersion, Proposal, Score


class Overtaken(Exception):
    """Somebody saved other notes since the page was shown; nothing is written. `version`: theirs."""

    def __init__(self, version: NotesVersion) -> None:
        super().__init__(str(version))
        self.version = version


def admit(proposal: Proposal, *, by: User) -> None:
    """Conforming. Where there is no grid (price only) there is nothing to score: it is ranked by its price at once."""
    with transaction.atomic():
        proposal.admit(by=by)
        if not proposal.opportunity.scores_quality:
            proposal.score(by=by)


def reject(proposal: Proposal, *, by: User, code: str, text: str) -> None:
    """Not conforming: the vendor is told why, at once."""
    with transaction.atomic():
        proposal.reject(by=by, code=code, text=text)
        proposal_emails.rejected(proposal, at=clock.now())


def score(proposal: Proposal, *, by: User, values: Mapping[int, tuple[Decimal, str]], seen: int = 0) -> None:
    """Save the notes of one proposal; `values`: {criterion id: (note, comment)}, those of another grid left aside.

    seen: the number of the version that the page showed, 0 when it showed none. Raises as the move does,
    ValidationError when a note is missing, and `Overtaken` when another version was saved since; saving again what is
    there already, as a double click does, changes nothing.
    """
    with transaction.atomic():
        row = locked(proposal)
        at = clock.now()
        lifecycle.check(row, "score", by=by, at=at)
        criteria = list(row.opportunity.criteria.all())
        before = notes.last(row)
        if before is not None and _same(before, criteria, values):
            if row.state == State.ADMISSIBLE:  # examined again, and noted as before
                row.score(by=by, at=at, version=before)
            proposal.__dict__.update(row.__dict__)
            return
        if before is not None and before.number != seen:
            raise Overtaken(before)
        _write(row, criteria, values, by=by, at=at)
        version = keep(row, by=by, at=at, number=before.number + 1 if before else 1)
        row.score(by=by, at=at, version=version)
        if before is not None and before.by_id != by.pk:
            proposal_emails.notes_replaced(row, before, version, at=at)
    proposal.__dict__.update(row.__dict__)


def _same(version: NotesVersion, criteria: list[Criterion], values: Mapping[int, tuple[Decimal, str]]) -> bool:
    """Whether these values are the version's own."""
    typed = [(c.pk, f"{values[c.pk][0]:.2f}", values[c.pk][1]) for c in criteria if c.pk in values]
    return typed == [(line["id"], line["value"], line["comment"]) for line in version.criteria]


def _write(
    proposal: Proposal, criteria: list[Criterion], values: Mapping[int, tuple[Decimal, str]], *, by: User, at: datetime
) -> None:
    """The rows of the notes: what does not change keeps its author."""
    present = {row.criterion_id: row for row in proposal.scores.all()}
    for criterion in criteria:
        if criterion.pk not in values:
            continue
        value, comment = values[criterion.pk]
        row = present.get(criterion.pk)
        if row is not None and (row.value, row.comment) == (value, comment):
            continue
        given = {"value": value, "comment": comment, "by": by, "at": at}
        Score(**given).clean_fields(exclude={"proposal", "criterion", "by", "reexamination"})
        Score.objects.update_or_create(proposal=proposal, criterion=criterion, defaults=given)


def keep(proposal: Proposal, *, by: User, at: datetime, number: int) -> NotesVersion:
    """Write the next version: all the notes as they are now."""
    return NotesVersion.objects.create(
        proposal=proposal, number=number, criteria=notes.lines_of(proposal), by=by, at=at
    )


def reexamine(proposal: Proposal, *, by: User, reason: str) -> None:
    """Begin the admission of a proposal again, while nothing is frozen; after it: reexamination_actions.py."""
    proposal.reexamine(by=by, reason=reason)
