"""Files that people send: recognised, sized, scanned, never written to disk in the clear; the fields that take them."""

import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext as _

from marketplace.files import clamd, kinds, protection
from marketplace.files.kinds import Kinds
from marketplace.texts import Words
from marketplace.values import signs

TYPES, PAPERS, ARCHIVES = kinds.DOCUMENTS, kinds.PAPERS, kinds.ARCHIVES
Checked = tuple[bytes, dict[str, Any]]  # what `checked` answers
_DEVICE = re.compile(r"^(con|prn|aux|nul|com[1-9]|lpt[1-9])(?=\.|$)", re.I)  # Windows writes no file of such a name
NAME_MAX = 211  # characters of a name that `clean_name` made


class SizedMemoryUploadHandler(FileUploadHandler):
    """Keeps an upload in memory, and stops keeping it (not reading it) past the largest allowed size.

    `marketplace.doors.middleware.limits` bounds the whole request. A request has one handler, and its files one turn at
    the scanner.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._turn = clamd.Turn()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._buffer, self._size = io.BytesIO(), 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._size += len(raw_data)
        if self._size <= settings.FILE_MAX_BYTES:
            self._buffer.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        self._buffer.seek(0)
        upload = InMemoryUploadedFile(
            self._buffer, self.field_name, self.file_name, self.content_type, self._size, self.charset
        )
        upload.turn = self._turn  # type: ignore[attr-defined]  # `checked` looks for it
        return upload


def clean_name(name: str) -> str:
    """A name safe in a header, a ZIP and on any system; the extension is kept. « we?rd d%r/bad.csv » → « bad.csv ».

    An apostrophe becomes, or stays, the typographic one, which no shell reads as a quote.
    """
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    while name and (name[-1].isspace() or signs.invisible(name[-1])):  # what a web page left after the extension
        name = name[:-1]
    name = re.sub(r"[^\w.()’ -]", "_", name.replace("'", "’")).strip(" .")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = extension, ""
    stem = _DEVICE.sub(r"\1_", stem)
    return f"{stem[:200] or 'fichier'}{dot}{extension[:10]}"


def apart(name: str, taken: Iterable[str]) -> str:
    """The name, or « name (2).pdf » where another file has it: whatever the case, as Windows and macOS compare."""
    others = {other.casefold() for other in taken}
    if name.casefold() not in others:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = extension, ""
    for number in count(2):
        mark = f" ({number})"
        other = f"{stem[: 200 - len(mark)]}{mark}{dot}{extension}"
        if other.casefold() not in others:
            return other
    raise AssertionError  # there is always another number


def checked(upload: UploadedFile, *, field: str, types: Kinds = TYPES) -> Checked:
    """(bytes, {name, size, content_type, sha256, scanned}); ValidationError at `field` with what is wrong.

    types: those accepted, of marketplace/files/kinds.py. An upload is judged once: asked again, the answer is the same.
    """
    verdict = getattr(upload, "verdict", None)
    if verdict is None:
        try:
            verdict = _judged(upload, types)
        except ValidationError as error:
            verdict = error
        upload.verdict = verdict  # type: ignore[attr-defined]  # ours: marketplace/files/shelf.py looks for it too
    if isinstance(verdict, ValidationError):
        raise ValidationError({field: verdict.messages})
    blob, facts = verdict
    return blob, dict(facts)


def _judged(upload: UploadedFile, types: Kinds) -> Checked:
    name = clean_name(upload.name or "")
    if (upload.size or 0) > settings.FILE_MAX_BYTES:
        raise ValidationError(_("« %s » dépasse 10 Mo.") % name)
    blob = upload.read()
    if kinds.is_empty(blob):
        raise ValidationError(_("« %s » est vide.") % name)
    stem, _dot, extension = name.rpartition(".")
    extension = extension.lower() if stem else ""
    locked = extension in types and protection.asks_password(blob)
    if locked and types is not ARCHIVES:  # what reads a source archive names the entry
        raise ValidationError(
            _(
                "Ce document est protégé par un mot de passe : « %s ». Retirez le mot de passe, puis joignez-le de "
                "nouveau."
            )
            % name
        )
    media_type = kinds.media_type(extension, blob, types) if extension in types else None
    if media_type is None:
        raise ValidationError(_refused(upload.name or "", name, extension, blob, types))
    return blob, {
        "name": name,
        "size": len(blob),
        "content_type": media_type,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "scanned": types is not kinds.RECEIPTS and _scan(blob, name, getattr(upload, "turn", None) or clamd.Turn()),
    }


def _refused(given_name: str, name: str, extension: str, blob: bytes, types: Kinds) -> str:
    """Why, and what to send instead."""
    if extension in types and "text" in types[extension].holds and (why := kinds.unread_text(blob)):
        sentences = [_("« %s » ne se lit pas.") % name, why]
    elif extension in types:
        sentences = [_("« %s » n’est pas ce que son extension annonce.") % name, kinds.really(given_name, blob)]
    elif types is PAPERS:
        sentences = [_("« %s » n’est pas un PDF, ni une photo (JPEG, PNG, HEIC).") % name]
    else:
        sentences = [
            _("« %s » : type non accepté.") % name,
            kinds.instead_of(extension, types),
            _("Types acceptés : %s.") % ", ".join(types),
        ]
    return " ".join(sentence for sentence in sentences if sentence)


def _scan(blob: bytes, name: str, turn: clamd.Turn) -> bool:
    """True when clamd found nothing; False without a scanner, or when it is down (marketplace/files/quarantine.py)."""
    answer = clamd.verdict(blob, turn)
    if answer.endswith("FOUND"):
        raise ValidationError(_("« %s » contient un virus : il n’a pas été conservé.") % name)
    return answer.endswith("OK")


# --- In a form -------------------------------------------------------------------------------------------------------
class SeveralFiles(forms.FileInput):
    """As the browser's own input, but several files at once."""

    allow_multiple_selected = True


class UploadField(forms.Field):
    """What every upload field of the product is. keeps: a file chosen beside a wrong field is kept for the next try."""

    keeps = True
    types: Kinds

    def too_many(self, uploads: Sequence[UploadedFile]) -> str:
        """What is said when there are more than the field takes; empty otherwise."""
        return ""

    def bound_data(self, data: Any, initial: Any) -> None:
        return None  # a browser cannot be given a file back


class RawFilesField(UploadField):
    """Any number of uploads, as they came: `checked` judges each one when it is kept.

    most: how many at once; too_many: what is said of more, with « %d » for it.
    """

    def __init__(
        self, *, types: Kinds = TYPES, most: int | Callable[[], int] | None = None, too_many: Words = "", **kwargs: Any
    ) -> None:
        self.types, self.most, self._too_many = types, most, too_many
        kwargs.setdefault("widget", SeveralFiles({"accept": kinds.accept(types), "multiple": True}))
        super().__init__(**kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        return given(data)

    def too_many(self, uploads: Sequence[UploadedFile]) -> str:
        most = self.most() if callable(self.most) else self.most
        if most is None or len(uploads) <= most:
            return ""
        return (str(self._too_many) or _("Pas plus de %d fichiers.")) % most + " " + none_added(len(uploads))


class FilesField(RawFilesField):
    """Zero or more files; cleans to a list of what `checked` gives, with names that differ. The same twice is one."""

    def clean(self, data: Any, initial: Any = None) -> list[Checked]:  # type: ignore[override]
        uploads = given(data)
        if sentence := self.too_many(uploads):
            raise ValidationError(sentence)
        files: list[Checked] = []
        problems: list[str] = []
        seen: set[tuple[str, str]] = set()
        for upload in uploads:
            try:
                blob, facts = checked(upload, field="files", types=self.types)
            except ValidationError as error:
                problems += error.messages
                continue
            mark = (facts["sha256"], upload.name or "")
            if mark not in seen:
                seen.add(mark)
                facts["name"] = apart(facts["name"], [about["name"] for _blob, about in files])
                files.append((blob, facts))
        if problems:
            raise ValidationError(problems)
        return files


class OneFileField(UploadField):
    """One file or none; cleans to what `checked` gives, or None."""

    def __init__(self, *, types: Kinds, keeps: bool = True, **kwargs: Any) -> None:
        self.types, self.keeps = types, keeps
        kwargs.setdefault("widget", forms.FileInput({"accept": kinds.accept(types)}))
        super().__init__(required=False, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> Checked | None:
        if not data:
            return None
        try:
            return checked(data, field="file", types=self.types)
        except ValidationError as error:
            raise ValidationError(error.messages) from error


def given(data: Any) -> list[UploadedFile]:
    """The files of a field that takes several, or one."""
    return [file for file in (data if isinstance(data, list | tuple) else [data]) if file]


def none_added(number: int) -> str:
    """What becomes of more files than there is room for."""
    return _("Aucun fichier n’est ajouté : vous en avez choisi %d.") % number
