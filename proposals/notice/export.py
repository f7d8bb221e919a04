"""Every published notice as JSON Lines: what today's rows say, and each version that was kept (`dan-notices/1`).

`tools/verify.py notices` compares them with the ledger: a row that was changed without an act is found, and named. The
instant of the first line is read before any notice: what the ledger holds from later is not expected here. Of each
occasion: its notice and its versions, the bytes of its files, every award, who did what, and what became of each opened
proposal. Never anything of one that is not opened. Like the ledger's details, this is for operators and auditors.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from marketplace.columns.shape import Misshapen
from marketplace.dates import clock
from marketplace.files import store
from marketplace.ledger.entries import LedgerEntry, canonical, instant
from marketplace.models import User
from opportunities.models import NoticeVersion, Opportunity
from opportunities.versions import document as notice_document
from proposals.award import facts as award_facts
from proposals.evaluation import notes
from proposals.models import NotesSeal, Proposal

FORMAT = "dan-notices/1"
CHUNK = 200
PEOPLE = ("author", "submitted_by", "published_by", "recommended_by", "notes_frozen_by", "reversal_requested_by")
Row = dict[str, Any]


def lines(*, numbers: list[str] | None = None) -> Iterator[bytes]:
    """The export of every occasion that was ever published, or of those of these numbers, memory flat.

    store.Unavailable when the storage does not answer: nobody could say what its files are.
    """
    yield _line({"type": FORMAT, "at": instant(clock.database_now())})
    rows = Opportunity.objects.public().order_by("pk")
    if numbers is not None:
        rows = rows.filter(number__in=numbers)
    count = 0
    for pk in rows.values_list("pk", flat=True).iterator(chunk_size=CHUNK):
        yield _line(whole(pk))
        count += 1
    yield _line({"type": "end", "count": count})


def whole(pk: int) -> Row:
    """One occasion's line; every name is always there.

    `live`: the notice as the rows are now, None where no version is. `unread`: the columns that hold something else
    than what was written; what is made of them is None, and all the rest is told.
    Read again when an act took place meanwhile: half of one state and half of another is nothing that was published.
    """
    while True:
        before = _head()
        row = _whole(Opportunity.objects.select_related("body", *PEOPLE).get(pk=pk))
        if _head() == before:
            return row


def _head() -> int | None:
    return LedgerEntry.objects.order_by("-seq").values_list("seq", flat=True).first()


def _whole(opportunity: Opportunity) -> Row:
    versions = NoticeVersion.objects.filter(opportunity=opportunity).order_by("number")
    unread: list[str] = []
    made: dict[str, Callable[[Opportunity], Any]] = {
        "live": lambda row: NoticeVersion.objects.live(row, award=award_facts.of(row)),
        "awards": _awards,
        "proposals": _proposals,
        "draws": _draws,
    }
    told: Row = {}
    for name, read in made.items():
        try:
            told[name] = read(opportunity)
        except Misshapen as error:
            told[name] = None
            unread += [str(error)] if str(error) not in unread else []
    return {
        "number": opportunity.number,
        "last": opportunity.notice_version,
        "versions": [{"version": one.number, "sha256": one.sha256, "document": one.document} for one in versions],
        "files": _files(opportunity),
        "people": _people(opportunity),
        **told,
        "unread": unread,
    }


def _files(opportunity: Opportunity) -> list[Row]:
    """[{name, sha256, stored}], in the notice's order. stored: the digest of the bytes that are kept, None of none."""
    rows = []
    for one in opportunity.attachments.order_by("pk"):
        try:
            stored = hashlib.sha256(store.read(one.file.name)).hexdigest()
        except store.Missing:
            stored = None
        rows.append({"name": one.name, "sha256": one.sha256, "stored": stored})
    return rows


def _awards(opportunity: Opportunity) -> list[Row]:
    """Every award, the first one first: as its version tells it, who confirmed it, and how it was reversed."""
    awards = opportunity.awards.select_related("recommendation", "confirmed_by", "reversed_by").order_by("at", "pk")
    return [
        {
            "award": notice_document.filled(
                award_facts.told(row.recommendation, row.amount_cents, winner=row.proposal_id, at=row.at)
            ),
            "by": _person(row.confirmed_by),
            "reversed": None
            if row.reversed_at is None
            else {"at": instant(row.reversed_at), "by": _person(row.reversed_by), "reason": row.reversal_reason},
        }
        for row in awards
    ]


def _people(opportunity: Opportunity) -> Row:
    """Who did what two people do, as the occasion's row says it; reasons and instants beside them."""
    return {name: _person(getattr(opportunity, name)) for name in PEOPLE} | {
        "notes_frozen_at": _instant(opportunity.notes_frozen_at),
        "reversal_reason": opportunity.reversal_reason,
    }


def _proposals(opportunity: Opportunity) -> list[Row]:
    """What became of each opened proposal, and its notes once they are frozen: as they are, and as they were kept."""
    rows = Proposal.objects.filter(opportunity=opportunity, opened__isnull=False)
    return [
        {
            "proposal": str(row.public_id),
            "envelope": row.opened.submission.envelope_sha256,
            "state": row.state,
            "examined_by": _person(row.examined_by),
            "rejection": {"code": row.rejection_code, "text": row.rejection_text},
            "notes": _notes(row),
        }
        for row in rows.select_related("opened__submission", "examined_by").defer("draft").order_by("pk")
    ]


def _notes(proposal: Proposal) -> Row | None:
    """{salt, kept, live}: what the last digest was made of, and the same of today's notes. None without a digest."""
    seals = NotesSeal.objects.filter(version__proposal=proposal).select_related("version__proposal__opportunity")
    seal = seals.order_by("-version__number").first()
    if seal is None:
        return None
    kept = notes.document(seal.version, seal.comments_salt)
    lines = notes.lines_of(proposal)
    comments = [{"id": one["id"], "comment": one["comment"]} for one in lines]
    live = kept | {
        "criteria": [{name: one[name] for name in notes.TOLD} for one in lines],
        "total": notes.total(lines),
        "comments_sha256": notes.digest(seal.comments_salt, comments),
    }
    return {"salt": seal.salt, "kept": kept, "live": live}


def _draws(opportunity: Opportunity) -> list[Row]:
    """Every draw, the first one first, as the ledger's detail says it."""
    rows = opportunity.draws.order_by("at", "pk")
    return [{"secret": row.secret, "digests": list(row.digests), "order": list(row.order)} for row in rows]


def _person(user: User | None) -> str:
    """As the ledger names people; empty for nobody."""
    return notes.person(user) if user else ""


def _instant(at: datetime | None) -> str:
    return instant(at) if at else ""


def _line(value: Row) -> bytes:
    return canonical(value) + b"\n"
