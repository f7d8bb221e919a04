"""A proposal's draft: encrypted at rest, its files too. A draft is not a dépôt."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace import boxes
from marketplace.files.uploads import checked, taken_back
from marketplace.lifecycle import IllegalMove, complain, locked
from marketplace.models import User
from opportunities.models import Opportunity
from proposals.deposit import sealing
from proposals.deposit.sealing import Content
from proposals.enums import State
from proposals.models import Proposal
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
    """Type, size and virus checks, then encrypted to disk; ValidationError at `files`."""
    blob, item = checked(upload, field="files")
    item["id"] = str(uuid.uuid4())

    def added(content: Content) -> Content:
        files = content.get("files", [])
        if len(files) >= settings.FILES_PER_PROPOSAL:
            complain("files", _("Pas plus de %d fichiers.") % settings.FILES_PER_PROPOSAL)
        return {"files": [*files, item]}

    with taken_back() as written:
        box = ContentFile(boxes.seal(blob, about=_about(proposal, item)))
        written.append(default_storage.save(_path(item), box))
        _change(proposal, added, at=at)


def remove_file(proposal: Proposal, file_id: str, *, at: datetime) -> None:
    """Take a file off the draft; dépôts already made keep their own sealed copy."""
    gone: list[dict[str, Any]] = []

    def removed(content: Content) -> Content:
        files = content.get("files", [])
        gone.extend(item for item in files if item["id"] == file_id)
        return {"files": [item for item in files if item["id"] != file_id]}

    _change(proposal, removed, at=at)
    for item in gone:
        default_storage.delete(_path(item))


def read_file(proposal: Proposal, item: dict[str, Any]) -> bytes:
    with default_storage.open(_path(item)) as file:
        return boxes.open(file.read(), about=_about(proposal, item))


def find_file(proposal: Proposal, file_id: str) -> tuple[dict[str, Any], bytes] | None:
    """(description, bytes) of one file of the draft, or None when it has no such file."""
    for item in read(proposal).get("files", []):
        if item["id"] == file_id:
            return item, read_file(proposal, item)
    return None


def _path(item: dict[str, Any]) -> str:
    return f"drafts/{item['id']}"


def _about(proposal: Proposal, item: dict[str, Any]) -> str:
    return f"draft:{proposal.public_id}/{item['id']}"
