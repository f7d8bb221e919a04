"""A proposal's draft: encrypted at rest, its files too. A draft is not a dépôt."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from marketplace import boxes
from marketplace.dates import clock
from marketplace.files import clamd, quarantine, store
from marketplace.files.uploads import apart, checked, none_added
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.models import FileScan, User
from opportunities.models import Opportunity
from proposals import rules
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


@dataclass
class Added:
    """Of some files: the names of those added, of those there already, and what the others are refused for.

    left: some that are right could not be added (no room, the storage in trouble), and may be tried again.
    """

    names: list[str]
    already: list[str]
    refused: list[ValidationError]
    left: bool = False


def add_files(proposal: Proposal, uploads: Sequence[UploadedFile], *, at: datetime) -> Added:
    """Add those that are right; none, with one sentence, when there is no room for all of them. Raises nothing."""
    added = Added([], [], [])
    held = read(proposal).get("files", [])
    room = settings.FILES_PER_PROPOSAL - len(held)
    marks = {_mark(item) for item in held}
    news = [upload for upload in uploads if not _is_there(upload, marks)]
    if len(news) > max(room, 0):
        sentence = _("Pas plus de %d fichiers.") % settings.FILES_PER_PROPOSAL
        if held:
            sentence += " " + _("Le brouillon en compte déjà %d.") % len(held)
        added.refused.append(ValidationError({"files": f"{sentence} {none_added(len(uploads))}"}))
        added.left = True
        return added
    for upload in uploads:
        try:
            name = add_file(proposal, upload, at=at)
        except ValidationError as error:  # each file is judged alone: the others are added
            added.refused.append(error)
            added.left = added.left or isinstance(error, store.NotKept)
        else:
            (added.names if name else added.already).append(name or upload.name or "")
    return added


def _is_there(upload: UploadedFile, marks: set[tuple[str, str]]) -> bool:
    try:
        _blob, facts = checked(upload, field="files")
    except ValidationError:
        return False
    return (facts["sha256"], upload.name or "") in marks


def _mark(item: dict[str, Any]) -> tuple[str, str]:
    """What tells a file of a draft from another: its digest, and the name that it was sent under."""
    return item["sha256"], item.get("sent", item["name"])


def add_file(proposal: Proposal, upload: UploadedFile, *, at: datetime) -> str:
    """Type, size and virus checks, then encrypted to the storage; ValidationError at `files`, or store.NotKept.

    Its name in the draft, where no other bears it; "" when the same file is there already: no second copy is kept.
    """
    blob, item = checked(upload, field="files")
    item["id"] = str(uuid.uuid4())
    if upload.name != item["name"]:
        item["sent"] = upload.name or ""

    def added(content: Content) -> Content:
        files = content.get("files", [])
        if any(_mark(other) == _mark(item) for other in files):
            raise _Already
        if len(files) >= settings.FILES_PER_PROPOSAL:
            complain("files", _("Pas plus de %d fichiers.") % settings.FILES_PER_PROPOSAL)
        item["name"] = apart(item["name"], [other["name"] for other in files])
        return {"files": [*files, item]}

    # Before the transaction: a storage that is slow to say no keeps nobody waiting.
    name = store.keep("drafts", boxes.seal(blob, about=_about(proposal, item)))
    try:
        with transaction.atomic(), store.taken_back(name):
            _change(proposal, added, at=at)
            DraftFile.objects.create(proposal=proposal, file_id=item["id"], file=name)
            if not item["scanned"]:
                quarantine.wait(name)
    except _Already:
        return ""
    return str(item["name"])


class _Already(Exception):
    """The same file is in the draft; never leaves this module."""


def scan(proposal: Proposal) -> None:
    """Before a deposit: what was taken without the antivirus is scanned now, if it answers. No lock is held.

    ValidationError at `files` where a virus is found. What it does not answer for is sealed all the same, marked: the
    closing instant waits for nobody; such a file is scanned once it is opened, and given to nobody before.
    """
    if not quarantine.in_use():
        return
    stored = Proposal.objects.filter(pk=proposal.pk).first()  # as it stands: the caller's may be older, or gone
    unseen = [item for item in read(stored).get("files", []) if not item["scanned"]] if stored else []
    rows, turn = {str(row.file_id): row for row in _rows(proposal)}, clamd.Turn()
    for item in unseen:
        row = rows.get(item["id"])
        if row is None:
            continue
        state = quarantine.states([known(row.file.name)]).get(known(row.file.name), quarantine.WAITING)
        if state == quarantine.WAITING:
            try:
                state = quarantine.look(known(row.file.name), read_file(proposal, item), turn)
            except store.Unreadable:  # the deposit says it
                continue
        if state == quarantine.INFECTED:
            complain("files", _("« %s » contient un virus : retirez-le, puis déposez.") % item["name"])


def sealed_items(proposal: Proposal, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files of a draft as its envelope describes them: without the name they were sent under, scanned or not."""
    names = {str(row.file_id): known(row.file.name) for row in _rows(proposal)} if items else {}
    unseen = [names[item["id"]] for item in items if not item["scanned"] and item["id"] in names]
    states = quarantine.states(unseen) if unseen else {}
    return [
        {name: value for name, value in item.items() if name != "sent"}
        | {"scanned": item["scanned"] or states.get(names.get(item["id"], "")) == quarantine.CLEAN}
        for item in items
    ]


def waiting_files() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """(stored name, how to read it in the clear) of the drafts' files that wait for the antivirus."""
    waiting = FileScan.objects.filter(state=FileScan.State.WAITING, name=OuterRef("file"))
    rows = DraftFile.objects.annotate(tried=Subquery(waiting.values("at")[:1])).exclude(tried=None)
    for row in rows.select_related("proposal").order_by("tried", "pk")[: quarantine.BATCH]:
        yield known(row.file.name), partial(_clear, row)


def _clear(row: DraftFile) -> bytes:
    return boxes.open(store.read(row.file.name), about=_about(row.proposal, {"id": str(row.file_id)}))


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


def check_deletable(proposal: Proposal, user: User) -> None:
    """PermissionDenied unless the person is of the vendor; IllegalMove once it was deposited, taken back or not."""
    if not rules.is_author(proposal, user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if proposal.state != State.DRAFT:
        raise IllegalMove(_("Seule une proposition qui n’a jamais été déposée se supprime."))


def delete(proposal: Proposal, *, by: User) -> None:
    """Take a draft that was never deposited away for ever, with its encrypted files; at any time, the closing or not.

    Nobody else knew of it: its entry in the ledger stays sealed. Raises PermissionDenied or IllegalMove.
    """
    with transaction.atomic():
        row = locked(proposal)
        check_deletable(row, by)
        for name in _rows(row).values_list("file", flat=True):
            store.destroy_after_commit(name)
        _rows(row).delete()
        ledger.record("proposal.delete", row.ledger_subject(), by=by, at=clock.now(), sealed=True)
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
