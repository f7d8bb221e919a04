"""The ouverture: once, at or after the closing instant by the database's clock, whoever asks first.

A worker's beat asks every few seconds, and any page of a due occasion asks too, so that no job is needed for it to be
right. The occasion's row lock decides who does it; the others find it done.
"""

import logging
from typing import Any

from django.db import transaction

from marketplace.boxes import CannotOpen
from marketplace.dates import clock
from marketplace.files import store
from marketplace.ledger import entries as ledger
from opportunities.models import Opportunity
from proposals import emails as proposal_emails
from proposals.deposit import sealing
from proposals.enums import State
from proposals.models import OpenedProposal, Opening, Proposal, SealedEnvelope, SealKey, Submission

logger = logging.getLogger(__name__)


class FilesUnavailable(Exception):
    """A sealed file cannot be read: an outage, or a loss. Nothing is opened until somebody knows which."""


def open_if_due(number: str, *, missing_files: bool = False) -> bool:
    """Open one occasion if its closing instant has passed; True when this call opened it.

    Raises sealing.KeyUnavailable or FilesUnavailable; then nothing has changed: it can be opened once the right
    SEAL_KEY_FILE, or the storage, is back. missing_files: an operator says that they are lost (`manage.py
    open_occasion`); the proposals concerned are then « intégrité non constatée ». A storage in trouble has lost
    nothing: it raises all the same.
    """
    if not Opportunity.objects.due(at=clock.Now()).filter(number=number).exists():
        return False
    with transaction.atomic():
        opportunity = Opportunity.objects.select_for_update(of=("self",)).get(number=number)
        # Read again under the lock: another process may have opened it, or an officer moved the closing instant.
        at = clock.now()
        if opportunity.state != "published" or at < opportunity.closing:
            return False
        opportunity.open(by=None)
        opening = Opening.objects.create(opportunity=opportunity, opened_at=at, closes_at=opportunity.closing)
        submitted = Proposal.objects.filter(opportunity=opportunity, state=State.SUBMITTED)
        proposals = list(submitted.select_related("vendor").order_by("pk"))
        if proposals:
            key = SealKey.objects.filter(opportunity=opportunity).first()
            if key is None:
                raise sealing.KeyUnavailable(number)
            # Before any is read: with the wrong key, every one would look altered for ever.
            sealing.private_key(bytes(key.wrapped_private_key), number)
            for proposal in proposals:
                _open(proposal, opening, key, missing_files)
        opened = opening.proposals.select_related("submission")
        ledger.record(
            "opening.minutes",
            opportunity.ledger_subject(),
            by=None,
            at=at,
            received=len(opened),
            envelopes=sorted(row.submission.envelope_sha256 for row in opened),
            unreadable=sorted(row.submission.envelope_sha256 for row in opened if not row.readable),
        )
        proposal_emails.opened(opportunity, opening, at=at)
        return True


def open_due() -> int:
    """Open everything that is due; how many this call opened."""
    numbers = Opportunity.objects.due(at=clock.Now()).order_by("closes_at", "pk").values_list("number", flat=True)
    opened = 0
    for number in list(numbers):
        try:
            opened += open_if_due(number)
        except Exception:  # each has its own transaction: one that fails is tried again later, and stops no other
            logger.exception("The opening of %s failed.", number)
    return opened


def _open(proposal: Proposal, opening: Opening, key: SealKey, missing_files: bool) -> None:
    """Open the last complete submission; an altered one is reported, and keeps none of the others from opening."""
    submission, number = proposal.submissions.latest("version"), opening.opportunity.number
    content: sealing.Content = {}
    data_key, readable = b"", False
    try:
        content, data_key = sealing.unseal(
            bytes(submission.envelope.content),
            digest=submission.envelope_sha256,
            wrapped_private=bytes(key.wrapped_private_key),
            occasion=number,
            about=submission.about,
        )
        for item in content.get("files", []):
            _file(submission, data_key, item)
        readable = True
    except store.Unreadable as error:
        if not missing_files or isinstance(error, store.Unavailable):
            raise FilesUnavailable(number) from error
        content, data_key = {}, b""
    except (CannotOpen, SealedEnvelope.DoesNotExist):
        content, data_key = {}, b""
    OpenedProposal.objects.create(
        proposal=proposal,
        opening=opening,
        submission=submission,
        readable=readable,
        content=content,
        price_cents=content.get("price_cents"),
        data_key=data_key,
    )
    proposal.open(by=None)


def _file(submission: Submission, data_key: bytes, item: dict[str, Any]) -> bytes:
    row = submission.sealed_files.filter(file_id=item["id"]).first()
    return sealing.open_file(
        store.read(row.file.name if row else None),
        data_key=data_key,
        envelope=bytes(submission.envelope.content),
        about=submission.about,
        name=item["id"],
    )


def read_file(opened: OpenedProposal, file_id: str) -> tuple[dict[str, Any], bytes] | None:
    """(description, bytes) of one file of an opened proposal, or None when it has no such file."""
    for item in opened.content.get("files", []):
        if item["id"] == file_id:
            return item, _file(opened.submission, bytes(opened.data_key), item)
    return None
