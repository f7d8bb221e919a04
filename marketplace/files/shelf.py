"""A file chosen beside a wrong field is not lost: kept, encrypted, for its author's next try of the same form.

A browser gives no file back to a page that it shows again. So a form that is refused keeps the good ones here, under
its address; the page says so, with a way to take each off; the next POST finds them among its uploads, and they go once
the act is done, or a day later. Through a sign-in too: what a visitor's session holds is claimed by whoever signs in
there. No name, no type, no address stands in the database in the clear: a proposal's files may be among them.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict

from marketplace import boxes, guard, keys
from marketplace.dates import clock
from marketplace.files import kinds, store
from marketplace.files.documents import read_json
from marketplace.files.uploads import OneFileField, UploadField, checked
from marketplace.models import KeptFile

KEPT_FOR = timedelta(hours=24)
MOST, MOST_BYTES = 40, 150 * 1024 * 1024  # of one person, over all forms: two full deliveries
MOST_OF_VISITORS = 500  # files of those who have not signed in again yet; a megabyte each at most
ANY = kinds.DOCUMENTS | kinds.PICTURES | kinds.ARCHIVES
_SESSION = "kept_files"


class KeptUpload(SimpleUploadedFile):
    """A kept file, among the uploads of a POST. `row`: where it is kept."""

    row: KeptFile


@dataclass(frozen=True)
class Kept:
    """For the page: which one (`public_id`), its name; `field`: of the form, as HTML names it."""

    row: KeptFile
    field: str
    name: str


@dataclass
class State:
    """What one request knows: the kept files of its form, and the names of those that could not be kept, by field."""

    rows: list[Kept]
    lost: dict[str, list[str]] = field(default_factory=dict)


class Chosen(MultiValueDict[str, UploadedFile]):
    """The uploads of a POST: those kept before, then those chosen now. Given to a form as its files."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__()
        self.request = request
        self.state = state_of(request)
        for kept in list(self.state.rows):
            try:
                content = boxes.open(store.read(kept.row.file.name), about=_about(kept.row))
            except (store.Missing, boxes.CannotOpen):
                _forget(self.state, kept)
                continue
            upload = KeptUpload(kept.name, content)
            upload.row = kept.row
            self.appendlist(kept.field, upload)
        for name in request.FILES:
            for chosen_now in request.FILES.getlist(name):
                self.appendlist(name, chosen_now)

    def keep(self, form: forms.BaseForm) -> None:
        """The form comes back: keep what is right of its files, forget what is not; `State` says which."""
        for name, its in form.fields.items():
            if isinstance(its, UploadField) and its.keeps:
                self._keep(form.add_prefix(name), its, refused=name in form.errors)

    def _keep(self, name: str, its: UploadField, *, refused: bool) -> None:
        """refused: something is wrong at the field. Where each file is right, the act itself refused them."""
        uploads, lost = self.getlist(name), self.state.lost.setdefault(name, [])
        if isinstance(its, OneFileField) and uploads:
            *replaced, last = uploads
            self._drop([upload for upload in replaced if last is not upload])
            uploads = [last]
        if its.too_many(uploads) or (refused and all(_is_right(upload, name, its) for upload in uploads)):
            if isinstance(its, OneFileField):
                self._drop(uploads)
            lost += [upload.name or "" for upload in uploads if not isinstance(upload, KeptUpload)]
            return
        seen: set[tuple[str, str]] = set()
        for upload in uploads:
            try:
                blob, facts = checked(upload, field=name, types=its.types)
            except ValidationError:
                lost.append(upload.name or "")
                self._drop([upload])
                continue
            mark = (facts["sha256"], upload.name or "")
            if mark in seen:
                self._drop([upload])
                continue
            seen.add(mark)
            if not isinstance(upload, KeptUpload) and not put(self.request, name, upload.name or "", blob):
                lost.append(upload.name or "")

    def done(self) -> None:
        """The act is done, and has what it needs of them."""
        for name in self:
            self._drop(self.getlist(name))

    def _drop(self, uploads: list[UploadedFile]) -> None:
        rows = {upload.row.pk for upload in uploads if isinstance(upload, KeptUpload)}
        for kept in [kept for kept in self.state.rows if kept.row.pk in rows]:
            _forget(self.state, kept)


def _is_right(upload: UploadedFile, name: str, its: UploadField) -> bool:
    try:
        checked(upload, field=name, types=its.types)
    except ValidationError:
        return False
    return True


def chosen(request: HttpRequest) -> Chosen | None:
    """What a view gives to its form as files: those of this POST, those kept before included; None for a GET."""
    if request.method != "POST":
        return None
    known = vars(request).get("chosen_files")
    if known is None:
        known = vars(request)["chosen_files"] = Chosen(request)
    return known


def state_of(request: HttpRequest) -> State:
    """What is kept for this person and this address; read once a request."""
    state: State | None = vars(request).get("kept_files")
    if state is None:
        state = vars(request)["kept_files"] = State(_rows(request))
    return state


def _rows(request: HttpRequest) -> list[Kept]:
    """No query where this session kept nothing: what was not shown is never joined either."""
    if not request.user.is_authenticated or _SESSION not in request.session:
        return []
    if theirs := request.session[_SESSION]:  # chosen as this browser's session ended: of whoever just signed in there
        KeptFile.objects.filter(public_id__in=theirs, owner=None).update(owner=request.user)
        request.session[_SESSION] = []
    rows = KeptFile.objects.filter(owner=request.user, place=_place(request), at__gt=clock.now() - KEPT_FOR)
    found = []
    for row in rows.order_by("pk"):
        try:
            about = read_json(boxes.open(bytes(row.about), about=f"{_about(row)}/about"))
        except boxes.CannotOpen:  # of another key: it goes in a day
            continue
        found.append(Kept(row, about["field"], about["name"]))
    return found


def remember(request: HttpRequest, user: Any = None) -> None:
    """This session may have kept files: look for them on its forms. user: who just signed in, if anybody did."""
    if user is None or KeptFile.objects.filter(owner=user).exists():
        request.session.setdefault(_SESSION, [])


# --- In and out ------------------------------------------------------------------------------------------------------
def put(request: HttpRequest, name: str, file_name: str, blob: bytes) -> bool:
    """Keep one file for the next try of this form; False when it cannot be (too many, or the storage is in trouble)."""
    owner = request.user if request.user.is_authenticated else None
    if not _room(owner, len(blob)):
        return False
    row = KeptFile(owner=owner, place=_place(request), size=len(blob), at=clock.now())
    about = json.dumps({"field": name, "name": file_name}).encode()
    row.about = boxes.seal(about, about=f"{_about(row)}/about")
    try:
        # Before the transaction: a storage that is slow to say no keeps nobody waiting.
        stored = store.keep("kept", boxes.seal(blob, about=_about(row)))
    except store.NotKept:
        return False
    with transaction.atomic(), store.taken_back(stored):
        row.file = stored
        row.save(force_insert=True)
    if owner is None:
        request.session[_SESSION] = [*request.session.get(_SESSION, []), str(row.public_id)]
    else:
        remember(request)
        state_of(request).rows.append(Kept(row, name, file_name))
    return True


def put_all(request: HttpRequest) -> tuple[int, int]:
    """Keep every file of this POST, whatever its form: (how many are kept, how many are not)."""
    kept = lost = 0
    for name in request.FILES:
        for upload in request.FILES.getlist(name):
            try:
                blob, _facts = checked(upload, field=name, types=ANY)
                done = put(request, name, upload.name or "", blob)
            except ValidationError:
                done = False
            kept, lost = kept + done, lost + (not done)
    return kept, lost


def forget(request: HttpRequest, public_id: str) -> bool:
    """Take off one of this person's kept files, of this form; False when there is none."""
    state = state_of(request)
    for kept in state.rows:
        if str(kept.row.public_id) == public_id:
            _forget(state, kept)
            return True
    return False


def forget_old() -> None:
    """Take away what nobody came back for."""
    for row in KeptFile.objects.filter(at__lte=clock.now() - KEPT_FOR).order_by("pk"):
        with guard.one("kept file", row.pk):
            _destroy(row)


def _forget(state: State, kept: Kept) -> None:
    state.rows.remove(kept)
    _destroy(kept.row)


def _destroy(row: KeptFile) -> None:
    with transaction.atomic():
        store.destroy_after_commit(str(row.file.name))
        KeptFile.objects.filter(pk=row.pk).delete()  # twice at once is once


def _room(owner: Any, size: int) -> bool:
    rows: QuerySet[KeptFile] = KeptFile.objects.filter(owner=owner)
    if owner is None:
        return rows.count() < MOST_OF_VISITORS
    held = rows.aggregate(files=Count("pk"), bytes=Sum("size", default=0))
    return bool(held["files"] < MOST and held["bytes"] + size <= MOST_BYTES)


def _place(request: HttpRequest) -> str:
    """The form's address, as a keyed digest: who prepares what is nobody's business."""
    return hmac.new(keys.derived("kept-place"), request.path.encode(), hashlib.sha256).hexdigest()


def _about(row: KeptFile) -> str:
    return f"kept:{row.public_id}"
