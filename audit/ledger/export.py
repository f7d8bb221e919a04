"""The ledger as JSON Lines that tools/verify.py checks alone: a header, one line per entry, checkpoints, a signed head.

The header is signed: where the file starts (`first`) and the Merkle tree before it (`frontier`: the roots of the
complete subtrees of the entries before). A checkpoint follows the entry that it ends with. The head signs everything
that the file claims: where it starts (`first`, and `previous`: the hash before it, 64 zeros at the very start), how
many entries (`count`), where it ends (`seq`, `hash`, `root`), which checkpoints (`checkpoints`: their sizes), how many
payloads (`payloads`) and which entries came without one (`without`: ranges of numbers), so that nothing can be cut off,
at either end, between or from a row.
Payloads of acts on a proposal stay out until that proposal is opened, whoever asks: before, they would tell who bids.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from django.conf import settings

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints, merkle
from marketplace.ledger.entries import GENESIS, canonical, instant
from marketplace.models import Checkpoint, LedgerEntry, LedgerPayload
from proposals.models import AFTER_OPENING, Proposal

FORMAT = "dan-ledger/2"
CHUNK = 500


class NothingThere(Exception):
    """No entry in the asked range."""


def lines(
    *, first: int = 1, last: int | None = None, with_payloads: bool = False, withheld: Callable = lambda entries: set()
) -> Iterator[bytes]:
    """The export of entries first..last (the whole by default), one line each, memory flat. NothingThere when none.

    `withheld`: entries -> numbers of those whose payload stays out, for a reader who may not read them all.
    IllegalMove when the checkpoints name another ledger than LEDGER_ORIGIN: such an export could not be verified.
    """
    checkpoints.check_origin()
    entries = LedgerEntry.objects.filter(seq__gte=first)
    # What is appended while this runs is left for the next export.
    end = entries.order_by("-seq").values_list("seq", flat=True).first() or 0
    end = min(end, last or end)
    if first > 1 and end < first:
        raise NothingThere
    tree = merkle.Growing(first - 1, checkpoints.frontier(first - 1))
    header = {
        "type": FORMAT, "key": keys.key_id(), "origin": settings.LEDGER_ORIGIN, "first": first,
        "frontier": [peak.hex() for peak in tree.peaks],
    }  # fmt: skip
    yield _line(header | {"signature": keys.sign(canonical(header))})
    notes = dict(Checkpoint.objects.filter(size__gte=first, size__lte=end).values_list("size", "note"))
    head: dict[str, Any] = {
        "type": "head", "first": first, "previous": GENESIS, "count": 0, "seq": 0, "hash": GENESIS, "payloads": 0
    }  # fmt: skip
    without: list[list[int]] = []
    rows = entries.filter(seq__lte=end).order_by("seq").iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        payloads = _payloads(chunk, withheld(chunk)) if with_payloads else {}
        for entry in chunk:
            payload = payloads.get(entry.seq, {})
            yield _line(entry.chained() | {"hash": entry.hash} | payload)
            if not head["count"]:
                head["previous"] = entry.previous
            head |= {"count": head["count"] + 1, "seq": entry.seq, "hash": entry.hash}
            if payload:
                head["payloads"] += 1
            elif without and without[-1][1] == entry.seq - 1:
                without[-1][1] = entry.seq
            else:
                without.append([entry.seq, entry.seq])
            tree.add(merkle.leaf(bytes.fromhex(entry.hash)))
            if entry.seq in notes:
                yield _line({"type": "checkpoint", "note": notes[entry.seq]})
    head |= {"without": without, "checkpoints": sorted(notes), "root": tree.root().hex()}
    head |= {"at": instant(clock.database_now())}
    yield _line(head | {"signature": keys.sign(canonical(head))})


def _payloads(chunk: list[LedgerEntry], withheld: set[int]) -> dict[int, dict]:
    """{seq: {salt, body}} of the entries that may be told."""
    sealed = {entry.seq for entry in chunk if entry.action == "sealed"}
    rows = list(LedgerPayload.objects.filter(entry_id__gte=chunk[0].seq, entry_id__lte=chunk[-1].seq))
    subjects = {row.subject.partition(":") for row in rows if row.entry_id in sealed}
    about = {name for kind, _colon, name in subjects if kind == "proposal"}  # others stay sealed: no opening tells them
    opened = Proposal.objects.filter(public_id__in=about, state__in=AFTER_OPENING)
    opened_subjects = {f"proposal:{public_id}" for public_id in opened.values_list("public_id", flat=True)}
    return {
        row.entry_id: {"salt": row.salt, "body": row.body}
        for row in rows
        if row.entry_id not in withheld and (row.entry_id not in sealed or row.subject in opened_subjects)
    }


def _line(value: dict) -> bytes:
    return canonical(value) + b"\n"
