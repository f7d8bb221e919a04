"""Every published notice as JSON Lines: what today's rows say, and each version that was kept (`dan-notices/1`).

`tools/verify.py notices` compares them with the ledger: a row that was changed without an act is found, and named. The
instant of the first line is read before any notice: what the ledger holds from later is not expected here.
"""

from collections.abc import Iterator
from typing import Any

from marketplace.dates import clock
from marketplace.ledger.entries import canonical, instant
from opportunities.models import NoticeVersion, Opportunity
from proposals.award import facts as award_facts

FORMAT = "dan-notices/1"
CHUNK = 200


def lines(*, numbers: list[str] | None = None) -> Iterator[bytes]:
    """The export of every occasion that was ever published, or of those of these numbers, memory flat."""
    yield _line({"type": FORMAT, "at": instant(clock.database_now())})
    rows = Opportunity.objects.public().order_by("pk")
    if numbers is not None:
        rows = rows.filter(number__in=numbers)
    count = 0
    for pk in rows.values_list("pk", flat=True).iterator(chunk_size=CHUNK):
        yield _line(whole(pk))
        count += 1
    yield _line({"type": "end", "count": count})


def whole(pk: int) -> dict[str, Any]:
    """{number, live, versions: [{version, sha256, document}]}; `live`: as the rows are now, None where no version is.

    Read again when an act made a version meanwhile: half of one and half of the other is nothing that was published.
    """
    while True:
        opportunity = Opportunity.objects.select_related("body").get(pk=pk)
        versions = list(NoticeVersion.objects.filter(opportunity=pk).order_by("number"))
        live = NoticeVersion.objects.live(opportunity, award=award_facts.of(opportunity))
        if Opportunity.objects.filter(pk=pk, notice_version=opportunity.notice_version).exists():
            break
    return {
        "number": opportunity.number,
        "live": live,
        "versions": [{"version": row.number, "sha256": row.sha256, "document": row.document} for row in versions],
    }


def _line(value: dict[str, Any]) -> bytes:
    return canonical(value) + b"\n"
