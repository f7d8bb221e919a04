"""Forms with files, read as UTF-8 or refused: Django's parser replaces what it cannot read, or drops it in silence."""

from typing import Any, Protocol

from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict, multipartparser
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import MultiValueDict

from marketplace.doors import charsets

# Each byte is a character and comes back as it was: the parser loses nothing, and what it read is judged afterwards.
_LOSSLESS = "latin-1"
_END = b"\r\n\r\n"
_MOST = multipartparser.MAX_TOTAL_HEADER_SIZE  # type: ignore[attr-defined]  # of a part, for Django's parser


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Utf8Form(FileUploadHandler):
    """First of FILE_UPLOAD_HANDLERS: has the form parsed with the others, and keeps no file itself.

    MultiPartParserError, which is answered 400, for a field, a name or a part's header that is not UTF-8.
    """

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: str | None = None
    ) -> tuple[QueryDict, MultiValueDict[str, Any]]:
        others = [handler for handler in self.request.upload_handlers if handler is not self]  # type: ignore[union-attr]
        body: Any = _Watched(input_data, boundary)  # the parser only reads it
        parser = _Parser(META, body, others, _LOSSLESS)
        fields, files = parser.parse()
        read = QueryDict(mutable=True)
        for name, values in fields.lists():
            read.setlist(_text(name), [_text(value) for value in values])
        read._mutable = False
        sent: MultiValueDict[str, Any] = MultiValueDict()
        for name, uploads in files.lists():
            sent.setlist(_text(name), uploads)
            for upload in uploads:
                upload.field_name = _text(name)
        return read, sent

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class _Parser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str | None:
        return super().sanitize_file_name(_text(file_name))


def _text(read: str) -> str:
    """What the sender wrote, of what was read without loss."""
    blob = read.encode(_LOSSLESS)
    if not charsets.is_utf8(blob):
        raise MultiPartParserError("A field or a name is not UTF-8.")
    return blob.decode()


class _Watched:
    """The body on its way to the parser; looks at the headers of each part as they pass."""

    def __init__(self, body: Readable, boundary: bytes) -> None:
        self._body, self._mark = body, b"--" + boundary
        self._rest, self._in_headers = b"", False

    def read(self, size: int = -1, /) -> bytes:
        data = self._body.read(size)
        text, at = self._rest + data, 0
        while True:
            if not self._in_headers:
                found = text.find(self._mark, at)
                if found < 0:
                    at = max(at, len(text) - len(self._mark) + 1)  # its end may come with the next bytes
                    break
                at, self._in_headers = found + len(self._mark), True
            end = text.find(_END, at, at + _MOST)
            if end < 0 and data and len(text) - at < _MOST:
                break
            if end >= 0:
                _look(text[at:end])
                at = end
            self._in_headers = False  # read, or longer than the parser takes
        self._rest = text[at:]
        return data


def _look(headers: bytes) -> None:
    """MultiPartParserError when a part's headers are not UTF-8, or announce something else."""
    if not charsets.is_utf8(headers):
        raise MultiPartParserError("A part's header is not UTF-8.")
    for line in headers.decode().split("\r\n"):
        name, _colon, value = line.partition(":")
        if name.strip().lower() in {"content-type", "content-disposition"} and not charsets.is_utf8_header(value):
            raise MultiPartParserError("A part is in another charset than UTF-8.")
