"""The ouverture: once, at or after the closing instant by the database's clock, in one place.

A worker's beat asks every few seconds; any page of a due occasion asks too (`ask`), so that no job is needed for it to
be right. One process opens (proposals/opening/lock.py); the others are told, and wait for nothing: envelopes are read
first, and the ledger's lock, which is everybody's, is taken last, for the time of a few writes.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, F, Max, OuterRef, Q, Subquery

from marketplace import lifecycle
from marketplace.boxes import CannotOpen
from marketplace.dates import clock
from marketplace.files import quarantine, store
from marketplace.ledger import entries as ledger
from marketplace.models import FileScan
from opportunities.models import Opportunity
from proposals import emails as proposal_emails
from proposals.deposit import sealing
from proposals.enums import State
from proposals.models import OpenedProposal, Opening, Proposal, SealedEnvelope, SealedFile, SealKey, Submission
from proposals.opening import lock

logger = logging.getLogger(__name__)

# What a page does itself: an occasion of a few proposals at once, a larger one when no worker came in that time.
FEW = 20  # proposals
PATIENCE = timedelta(minutes=2)
# An opening that is held back is tried again by pages no more often than by the worker's beat.
TRIED_AGAIN_AFTER = 15  # seconds


class Outcome(Enum):
    """What became of an opening that was asked for. True: this call opened it."""

    OPENED = "opened"
    NOTHING = "nothing"  # not due, or done
    UNDER_WAY = "under_way"  # another process is opening it
    AWAITED = "awaited"  # due, and left to the worker
    HELD_BACK = "held_back"  # due, and impossible for now: operators are told by a critical log line

    def __bool__(self) -> bool:
        return self is Outcome.OPENED


class FilesUnavailable(Exception):
    """A sealed file cannot be read: an outage, or a loss. Nothing is opened until somebody knows which."""


@dataclass(frozen=True)
class _Read:
    """What the envelope of a submission held. readable: False when it is « intégrité non constatée »."""

    submission: Submission
    readable: bool
    content: sealing.Content
    data_key: bytes


def ask(number: str) -> Outcome:
    """Open it for a page, which must answer soon, and whatever happens: never raises because an opening failed."""
    due = (
        Opportunity.objects.due(at=clock.Now())
        .filter(number=number)
        .annotate(instant=clock.Now(), received=Count("proposals", filter=Q(proposals__state=State.SUBMITTED)))
        .first()
    )
    if due is None:
        return Outcome.NOTHING
    held = f"opening-held-back:{due.pk}"
    if cache.get(held):
        return Outcome.HELD_BACK
    if due.received > FEW and due.instant - due.closing < PATIENCE:
        return Outcome.UNDER_WAY if lock.under_way(due.pk) else Outcome.AWAITED
    try:
        outcome = open_if_due(number)
    except Exception:  # a page of a closed occasion answers, with or without its opening
        logger.critical("%s cannot be opened yet.", number, exc_info=True)
        outcome = Outcome.HELD_BACK
    if outcome is Outcome.HELD_BACK:
        cache.set(held, True, TRIED_AGAIN_AFTER)
    return outcome


def open_if_due(number: str) -> Outcome:
    """Open one occasion if its closing instant has passed. HELD_BACK: nothing has changed; it can be opened once the
    right SEAL_KEY_FILE, or the storage, is back.
    """
    try:
        return open_now(number)
    except (sealing.KeyUnavailable, FilesUnavailable) as error:
        logger.critical("%s cannot be opened yet: %s.", number, type(error).__name__)
        return Outcome.HELD_BACK


def open_now(number: str, *, missing_files: bool = False) -> Outcome:
    """The same, for an operator: OPENED, NOTHING or UNDER_WAY; raises sealing.KeyUnavailable or FilesUnavailable.

    missing_files: an operator says that they are lost (`manage.py open_occasion`); the proposals concerned are then
    « intégrité non constatée ». A storage in trouble has lost nothing: it raises all the same.
    """
    occasion = Opportunity.objects.due(at=clock.Now()).filter(number=number).values_list("pk", flat=True).first()
    if occasion is None:
        return Outcome.NOTHING
    with lock.alone(occasion) as taken:
        if not taken:
            return Outcome.UNDER_WAY
        with transaction.atomic():
            found = _still_due(occasion)
        if found is None:
            return Outcome.NOTHING
        # From here on nothing is deposited nor withdrawn, and the instant does not move: each reads the clock under
        # the occasion's lock, which was just held after the closing. Only a cancellation may still come.
        envelopes = _read_all(found[0], missing_files)
        with transaction.atomic():
            found = _still_due(occasion)
            if found is None:
                return Outcome.NOTHING
            _write(*found, envelopes)
        return Outcome.OPENED


def open_due() -> int:
    """Open everything that is due; how many this call opened."""
    numbers = Opportunity.objects.due(at=clock.Now()).order_by("closes_at", "pk").values_list("number", flat=True)
    opened = 0
    for number in list(numbers):
        try:
            opened += bool(open_if_due(number))
        except Exception:  # each has its own transaction: one that fails is tried again later, and stops no other
            logger.exception("The opening of %s failed.", number)
    return opened


def _still_due(occasion: int) -> tuple[Opportunity, datetime] | None:
    """(the occasion, the instant), both read under its lock: it may have been opened, or its closing moved."""
    opportunity = Opportunity.objects.select_for_update(of=("self",)).get(pk=occasion)
    at = clock.now()
    return (opportunity, at) if opportunity.is_due(at=at) else None


def _read_all(opportunity: Opportunity, missing_files: bool) -> list[_Read]:
    """The last complete submission of each proposal, opened in memory; nothing is written meanwhile."""
    submitted = Submission.objects.filter(proposal__opportunity=opportunity, proposal__state=State.SUBMITTED)
    last = submitted.annotate(last=Max("proposal__submissions__version")).filter(version=F("last"))
    submissions = list(last.select_related("proposal", "envelope").order_by("proposal_id"))
    if not submissions:
        return []
    key = SealKey.objects.filter(opportunity=opportunity).first()
    if key is None:
        raise sealing.KeyUnavailable(opportunity.number)
    wrapped = bytes(key.wrapped_private_key)
    # Before any is read: with the wrong key, every one would look altered for ever.
    sealing.private_key(wrapped, opportunity.number)
    return [_unsealed(row, wrapped, opportunity.number, missing_files) for row in submissions]


def _unsealed(submission: Submission, wrapped_private: bytes, occasion: str, missing_files: bool) -> _Read:
    """One submission, opened; an altered one is reported, and keeps none of the others from opening."""
    try:
        content, data_key = sealing.unseal(
            bytes(submission.envelope.content),
            digest=submission.envelope_sha256,
            wrapped_private=wrapped_private,
            occasion=occasion,
            about=submission.about,
        )
        for item in content.get("files", []):
            _file(submission, data_key, item)
    except store.Unreadable as error:
        if not missing_files or isinstance(error, store.Unavailable):
            raise FilesUnavailable(occasion) from error
    except (CannotOpen, SealedEnvelope.DoesNotExist):
        pass
    else:
        return _Read(submission, True, content, data_key)
    return _Read(submission, False, {}, b"")


def _write(opportunity: Opportunity, at: datetime, envelopes: Sequence[_Read]) -> None:
    """What was read becomes public, in the caller's transaction. The ledger last: from its first entry to the commit,
    nobody else writes in it.
    """
    opening = Opening.objects.create(opportunity=opportunity, opened_at=at, closes_at=opportunity.closing)
    of_proposal = {read.submission.proposal_id: read for read in envelopes}
    proposals = list(
        Proposal.objects.filter(opportunity=opportunity, state=State.SUBMITTED)
        .select_for_update(of=("self",))
        .order_by("pk")
    )
    OpenedProposal.objects.bulk_create(
        OpenedProposal(
            proposal=proposal,
            opening=opening,
            submission=of_proposal[proposal.pk].submission,
            readable=of_proposal[proposal.pk].readable,
            content=of_proposal[proposal.pk].content,
            price_cents=of_proposal[proposal.pk].content.get("price_cents"),
            data_key=of_proposal[proposal.pk].data_key,
        )
        for proposal in proposals
    )
    proposal_emails.opened(opportunity, opening, at=at)
    for proposal in proposals:
        proposal.opportunity = opportunity
    minutes = {
        "received": len(envelopes),
        "envelopes": sorted(read.submission.envelope_sha256 for read in envelopes),
        "unreadable": sorted(read.submission.envelope_sha256 for read in envelopes if not read.readable),
    }
    lifecycle.move_all(
        [("open", [opportunity]), ("open", proposals)],
        by=None,
        at=at,
        also=[ledger.Act("opening.minutes", opportunity.ledger_subject(), minutes)],
    )


def _file(submission: Submission, data_key: bytes, item: dict[str, Any]) -> bytes:
    row = submission.sealed_files.filter(file_id=item["id"]).first()
    return sealing.open_file(
        store.read(row.file.name if row else None),
        data_key=data_key,
        envelope=bytes(submission.envelope.content),
        about=submission.about,
        name=item["id"],
    )


def waiting_files() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """(stored name, how to read it in the clear) of the opened proposals' files that wait for the antivirus."""
    waiting = FileScan.objects.filter(state=FileScan.State.WAITING, name=OuterRef("file"))
    rows = SealedFile.objects.annotate(tried=Subquery(waiting.values("at")[:1])).exclude(tried=None)
    for row in rows.exclude(submission__opened=None).order_by("tried", "pk")[: quarantine.BATCH]:
        yield lifecycle.known(row.file.name), partial(_clear, row)


def _clear(row: SealedFile) -> bytes:
    opened = OpenedProposal.objects.get(submission=row.submission_id)
    return lifecycle.known(read_file(opened, str(row.file_id)))[1]


def read_file(opened: OpenedProposal, file_id: str) -> tuple[dict[str, Any], bytes] | None:
    """(description, bytes) of one file of an opened proposal, or None when it has no such file. store.Unreadable."""
    for item in opened.content.get("files", []):
        if item["id"] == file_id:
            try:
                return item, _file(opened.submission, bytes(opened.data_key), item)
            except CannotOpen as error:
                raise store.Altered(file_id) from error
    return None
