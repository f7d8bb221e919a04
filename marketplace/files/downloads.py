"""A file that is taken away: one place for the headers that every download needs."""

import io
from typing import TypeVar

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header

from marketplace.files import quarantine, store
from marketplace.ledger.entries import canonical

Response = TypeVar("Response", bound=HttpResponseBase)


def as_download(response: Response, name: str) -> Response:
    """Saved under `name` (any characters), never shown in our pages and never taken for another type."""
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def download(content: bytes, name: str, content_type: str) -> HttpResponse:
    """`content` as a download."""
    return as_download(HttpResponse(content, content_type=content_type), name)


def stored_download(file: FieldFile, name: str, content_type: str) -> FileResponse:
    """A stored file, as a download; store.Unreadable or quarantine.Held becomes a page (marketplace/middleware.py).

    Read whole before it answers (settings.FILE_MAX_BYTES bounds it): it is compared with the digest that its row holds,
    and whoever records a read records one that took place.
    """
    quarantine.check_file(file)
    return as_download(FileResponse(io.BytesIO(store.read_same(file)), content_type=content_type), name)


def json_download(value: dict, name: str) -> HttpResponse:
    """A document of ours as canonical JSON: the bytes that its signature and its digest are made of."""
    return download(canonical(value), name, "application/json")
