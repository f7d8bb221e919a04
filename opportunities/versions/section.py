"""The versions of a notice on its public page, told from the ledger: what each is, and how it is proved."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from marketplace.ledger.entries import LedgerPayload
from marketplace.texts import Words
from opportunities.enums import NoticeKind
from opportunities.models import Opportunity
from opportunities.models.version import KINDS


@dataclass(frozen=True)
class Line:
    """`at` and `sha256`: None and "" for the version of before versions were kept, which no entry holds."""

    number: int
    label: Words
    at: datetime | None
    sha256: str
    proved: bool  # a signed checkpoint covers its entry


def lines(opportunity: Opportunity, payloads: Iterable[LedgerPayload], *, attested: int) -> list[Line]:
    """Every version, the last one first; [] before the publication.

    payloads: what the ledger holds of the occasion; attested: how many entries the last signed checkpoint covers.
    """
    recorded = {}
    for payload in payloads:
        if number := payload.body.get("notice_version"):
            label = KINDS.get(payload.action.partition(".")[2], NoticeKind.CORRECTION).label
            entry, digest = payload.entry, payload.body["notice_sha256"]
            recorded[number] = Line(number, label, entry.at, digest, entry.seq <= attested)
    return [
        recorded.get(number, Line(number, NoticeKind.BEFORE.label, None, "", False))
        for number in range(opportunity.notice_version, 0, -1)
    ]
