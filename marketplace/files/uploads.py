"""Files that people send: typed by extension and content, sized, scanned, never written to disk in the clear."""

import hashlib
import io
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext as _

from marketplace.files import clamd
from marketplace.lifecycle import complain

_ZIP = b"PK\x03\x04"
# Extension -> (media type, first bytes; None: UTF-8 text)
Kinds = Mapping[str, tuple[str, bytes | None]]
TYPES: Kinds = {
    "pdf": ("application/pdf", b"%PDF-"),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "jpg": ("image/jpeg", b"\xff\xd8\xff"),
    "jpeg": ("image/jpeg", b"\xff\xd8\xff"),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", _ZIP),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _ZIP),
    "odt": ("application/vnd.oasis.opendocument.text", _ZIP),
    "ods": ("application/vnd.oasis.opendocument.spreadsheet", _ZIP),
    "txt": ("text/plain; charset=utf-8", None),
    "md": ("text/plain; charset=utf-8", None),
    "csv": ("text/plain; charset=utf-8", None),
}
# Source code, which contracts/code/archive.py reads: it judges what the first bytes do not tell (b"": anything).
ARCHIVES: Kinds = {
    "zip": ("application/zip", _ZIP),
    "tar": ("application/x-tar", b""),
    "gz": ("application/gzip", b"\x1f\x8b"),
    "tgz": ("application/gzip", b"\x1f\x8b"),
    "xz": ("application/x-xz", b"\xfd7zXZ\x00"),
    "bundle": ("application/octet-stream", b"# v"),
}
ACCEPT = ",".join(f".{extension}" for extension in TYPES)
ACCEPT_ARCHIVES = ",".join(f".{extension}" for extension in ARCHIVES)


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
    name = re.sub(r"[^\w.()’ -]", "_", name.replace("'", "’")).strip(" .")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = extension, ""
    return f"{stem[:200] or 'fichier'}{dot}{extension[:10]}"


def checked(upload: UploadedFile, *, field: str, types: Kinds = TYPES) -> tuple[bytes, dict[str, Any]]:
    """(bytes, {name, size, content_type, sha256, scanned}); ValidationError at `field` with what is wrong.

    types: those accepted, TYPES or ARCHIVES.
    """
    name = clean_name(upload.name or "")
    if (upload.size or 0) > settings.FILE_MAX_BYTES:
        complain(field, _("« %s » dépasse 10 Mo.") % name)
    blob = upload.read()
    if not blob:
        complain(field, _("« %s » est vide.") % name)
    stem, _dot, extension = name.rpartition(".")
    kind = types.get(extension.lower() if stem else "")
    if kind is None:
        complain(field, _("« %(name)s » : type non accepté. Types acceptés : %(types)s.") % {
            "name": name, "types": ", ".join(types)})  # fmt: skip
    media_type, start = kind
    if not (_is_text(blob) if start is None else blob.startswith(start)):
        complain(field, _("« %s » n’est pas ce que son extension annonce.") % name)
    scanned = _scan(blob, name, field, getattr(upload, "turn", None) or clamd.Turn())
    return blob, {
        "name": name,
        "size": len(blob),
        "content_type": media_type,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "scanned": scanned,
    }


def _is_text(blob: bytes) -> bool:
    try:
        return "\x00" not in blob.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False


def _scan(blob: bytes, name: str, field: str, turn: clamd.Turn) -> bool:
    """True when clamd found nothing; False when there is no scanner, or it is down: the page says « non analysé »."""
    answer = clamd.verdict(blob, turn)
    if answer.endswith("FOUND"):
        complain(field, _("« %s » contient un virus : il n’a pas été conservé.") % name)
    return answer.endswith("OK")


# --- In a form -------------------------------------------------------------------------------------------------------
class SeveralFiles(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Zero or more files; cleans to a list of (bytes, facts) as `checked` gives them."""

    widget = SeveralFiles(attrs={"accept": ACCEPT, "multiple": True})

    def clean(self, data: Any, initial: Any = None) -> list[tuple[bytes, dict[str, Any]]]:
        given = [file for file in (data if isinstance(data, list | tuple) else [data]) if file]
        files, problems = [], []
        for file in given:
            try:
                files.append(checked(file, field="files"))
            except ValidationError as error:
                problems += error.messages
        if problems:
            raise ValidationError(problems)
        return files
