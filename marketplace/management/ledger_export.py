"""The ledger as JSON Lines that tools/verify.py checks alone: a header, one line per entry, a signed head.

Payloads of acts on a proposal stay out until that proposal is opened, whoever asks: before, they would tell who bids.
"""

from collections.abc import Iterator
from itertools import islice

from marketplace import clock, keys
from marketplace.ledger import GENESIS, LedgerEntry, LedgerPayload, canonical, instant
from proposals.models import AFTER_OPENING, Proposal

FORMAT = "dan-ledger/1"
CHUNK = 500


class NothingThere(Exception):
    """No entry in the asked range."""


def lines(*, first: int = 1, last: int | None = None, with_payloads: bool = False) -> Iterator[bytes]:
    """The export of entries first..last (the whole by default), one line each, memory flat. NothingThere when none."""
    entries = LedgerEntry.objects.filter(seq__gte=first)
    # What is appended while this runs is left for the next export.
    end = entries.order_by("-seq").values_list("seq", flat=True).first()
    if end is None and first > 1:
        raise NothingThere
    end = min(end or 0, last or end or 0)
    yield _line({"type": FORMAT, "key": keys.key_id(), "first": first})
    found, head_hash = 0, GENESIS
    rows = entries.filter(seq__lte=end).order_by("seq").iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        payloads = _payloads(chunk) if with_payloads else {}
        for entry in chunk:
            yield _line(entry.chained() | {"hash": entry.hash} | payloads.get(entry.seq, {}))
            found, head_hash = entry.seq, entry.hash
    head = {"type": "head", "seq": found, "hash": head_hash, "at": instant(clock.database_now())}
    yield _line(head | {"signature": keys.sign(canonical(head))})


def _payloads(chunk: list[LedgerEntry]) -> dict[int, dict]:
    """{seq: {salt, body}} of the entries that may be told."""
    sealed = {entry.seq for entry in chunk if entry.action == "sealed"}
    rows = list(LedgerPayload.objects.filter(entry_id__gte=chunk[0].seq, entry_id__lte=chunk[-1].seq))
    about = {row.subject.partition(":")[2] for row in rows if row.entry_id in sealed}
    opened = Proposal.objects.filter(public_id__in=about, state__in=AFTER_OPENING)
    told = {f"proposal:{public_id}" for public_id in opened.values_list("public_id", flat=True)}
    return {
        row.entry_id: {"salt": row.salt, "body": row.body}
        for row in rows
        if row.entry_id not in sealed or row.subject in told
    }


def _line(value: dict) -> bytes:
    return canonical(value) + b"\n"
