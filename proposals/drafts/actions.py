"""A proposal's draft: encrypted at rest, its files too. A draft is not a dépôt."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace import boxes
from marketplace.files import store
from marketplace.files.uploads import checked
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.models import User
from opportunities.models import Opportunity
from proposals.deposit import sealing
from proposals.deposit.sealing import Content
from proposals.enums import State
from proposals.models import DraftFile, Proposal
from vendors.models import Vendor

EDITABLE = {State.DRAFT, State.SUBMITTED, State.WITHDRAWN}


def start(opportunity: Opportunity, vendor: Vendor, *, by: User, at: datetime) -> Proposal:
    """The vendor's proposal for this occasion, made if there is none. Two at once make one, by constraint."""
    proposal, _created = Proposal.objects.get_or_create(
        opportunity=opportunity, vendor=vendor, defaults={"created_by": by, "created_at": at, "updated_at": at}
    )
    return proposal


def read(proposal: Proposal) -> Content:
    """{text, comments, price_cents, files: [{id, name, size, content_type, sha256, scanned}]}; {} when new."""
    if not proposal.draft:
        return {}
    return sealing.open_draft(bytes(proposal.draft), about=str(proposal.public_id))


def stamp(proposal: Proposal) -> str:
    """Which state of the draft a page shows: posted back, it tells whether somebody else changed it meanwhile."""
    return proposal.updated_at.isoformat()


def write(proposal: Proposal, *, at: datetime, **fields: Any) -> None:
    """Save some of the draft's fields; IllegalMove after the opening."""
    _change(proposal, lambda content: fields, at=at)


def _change(proposal: Proposal, change: Callable[[Content], Content], *, at: datetime) -> None:
    """Give `change` the draft as it is under the lock, and save the fields it answers: no colleague's work is lost."""
    with transaction.atomic():
        row = locked(proposal)
        if row.state not in EDITABLE:
            raise IllegalMove(_("Cette proposition ne peut plus être modifiée."))
        content = read(row)
        row.draft = sealing.seal_draft(content | change(content), about=str(row.public_id))
        row.updated_at = at
        row.save(update_fields=["draft", "updated_at"])
    proposal.__dict__.update(row.__dict__)


def add_file(proposal: Proposal, upload: UploadedFile, *, at: datetime) -> None:
    """Type, size and virus checks, then encrypted to the storage; ValidationError at `files`, or store.NotKept."""
    blob, item = checked(upload, field="files")
    item["id"] = str(uuid.uuid4())

    def added(content: Content) -> Content:
        files = content.get("files", [])
        if len(files) >= settings.FILES_PER_PROPOSAL:
            complain("files", _("Pas plus de %d fichiers.") % settings.FILES_PER_PROPOSAL)
        return {"files": [*files, item]}

    # Before the transaction: a storage that is slow to say no keeps nobody waiting.
    name = store.keep("drafts", boxes.seal(blob, about=_about(proposal, item)))
    with transaction.atomic(), store.taken_back(name):
        _change(proposal, added, at=at)
        DraftFile.objects.create(proposal=proposal, file_id=item["id"], file=name)


def remove_file(proposal: Proposal, file_id: str, *, at: datetime) -> None:
    """Take a file off the draft; dépôts already made keep their own sealed copy."""

    def removed(content: Content) -> Content:
        return {"files": [item for item in content.get("files", []) if item["id"] != file_id]}

    with transaction.atomic():
        _change(proposal, removed, at=at)
        for row in _rows(proposal):
            if str(row.file_id) == file_id:
                store.destroy_after_commit(known(row.file.name))
                row.delete()


def read_files(proposal: Proposal, items: list[dict[str, Any]]) -> dict[str, bytes]:
    """{id: plain bytes} of these files of the draft. store.Unreadable: other bytes open no box."""
    names = {str(row.file_id): row.file.name for row in _rows(proposal)} if items else {}
    try:
        return {
            item["id"]: boxes.open(store.read(names.get(item["id"])), about=_about(proposal, item)) for item in items
        }
    except boxes.CannotOpen as error:
        raise store.Altered(proposal.pk) from error


def read_file(proposal: Proposal, item: dict[str, Any]) -> bytes:
    return read_files(proposal, [item])[item["id"]]


def find_file(proposal: Proposal, file_id: str) -> tuple[dict[str, Any], bytes] | None:
    """(description, bytes) of one file of the draft, or None when it has no such file."""
    for item in read(proposal).get("files", []):
        if item["id"] == file_id:
            return item, read_file(proposal, item)
    return None


def _rows(proposal: Proposal) -> QuerySet[DraftFile]:
    return DraftFile.objects.filter(proposal=proposal)


def _about(proposal: Proposal, item: dict[str, Any]) -> str:
    return f"draft:{proposal.public_id}/{item['id']}"
