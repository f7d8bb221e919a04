"""One line of an award's checklist, and what the functions that compute them share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from audit.reviews.facts import Facts
from marketplace.ledger import entries as ledger


@dataclass(frozen=True)
class Line:
    """`done`: True, False, or None when it does not apply (yet). `by`: names of people; `at`: when it was last done.

    `details`: JSON values only, what the sentences of audit/reviews/checklist_words.py need.
    """

    code: str
    done: bool | None
    by: tuple[str, ...] = ()
    at: datetime | None = None
    details: dict = field(default_factory=dict)

    def kept(self) -> dict:
        """As AwardReview.checklist holds it."""
        at = ledger.instant(self.at) if self.at else None
        return {"code": self.code, "done": self.done, "by": list(self.by), "at": at, "details": self.details}


def names(people: Iterable) -> tuple[str, ...]:
    return tuple(sorted({str(person) for person in people if person is not None}))


def acts_of(facts: Facts, action: str) -> list:
    """Details of the acts of one kind, oldest first."""
    return sorted((row for row in facts.payloads if row.action == action), key=lambda row: row.entry_id)
