"""What a request must be before anything reads it: of a known length, of a size that its sender may send, UTF-8."""

import re
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from marketplace.cache import Handler
from marketplace.doors import charsets
from marketplace.views import bad_request

FORM = "application/x-www-form-urlencoded"
_LENGTH = re.compile(r"[0-9]{1,12}")
# As WSGIRequest writes bytes of a path that are not UTF-8. No address of ours holds a percent sign.
_BROKEN_PATH = re.compile(r"%[89A-F][0-9A-F]", re.IGNORECASE)


def _length(request: HttpRequest) -> int | None:
    """Bytes that the body announces; None for what is no number."""
    told = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(told) if _LENGTH.fullmatch(told) else None


def _too_large(*, ended: bool = False) -> HttpResponse:
    """413. ended: perhaps somebody whose session ended while a form with large files was open."""
    if ended:
        return _plain(
            "Vous n’êtes plus connecté, et cet envoi est trop volumineux pour être gardé. Connectez-vous dans un autre "
            "onglet, revenez en arrière dans celui-ci, puis envoyez de nouveau. / You are no longer signed in, and it "
            "is too large to be kept. Sign in in another tab, go back in this one, then send again.\n",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )
    return _plain(
        "Envoi trop volumineux : 10 Mo au plus par fichier. / Too large: 10 MB at most for a file.\n",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def limits(get_response: Handler) -> Handler:
    """411 for a body that does not tell its length; 413 for one larger than any form of ours, or than a visitor's."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            return _plain(
                "Envoyez la taille du contenu (Content-Length). / Send the size of the content (Content-Length).\n",
                HTTPStatus.LENGTH_REQUIRED,
            )
        length = _length(request)
        if length is None:
            return bad_request(request)
        cookie = settings.SESSION_COOKIE_NAME in request.COOKIES  # not believed yet: see `bodies`
        if length > (settings.REQUEST_MAX_BYTES if cookie else settings.VISITOR_REQUEST_MAX_BYTES):
            return _too_large()
        return get_response(request)

    return middleware


def utf8(get_response: Handler) -> Handler:
    """400 for an address, a Content-Type or a cookie of ours that is not UTF-8, before anything reads them."""

    def middleware(request: HttpRequest) -> HttpResponse:
        told = request.META.get("CONTENT_TYPE", "")
        unreadable = request.content_type == charsets.UNREADABLE or not charsets.is_utf8_header(told)
        if request.encoding is not None:  # `charset=utf8` and the like are spellings of ours; others are refused below
            request.encoding = settings.DEFAULT_CHARSET
        query = request.META.get("QUERY_STRING", "").encode("latin-1", "replace")
        ours = (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages")
        if (
            unreadable
            or _BROKEN_PATH.search(request.path_info)
            or not charsets.is_utf8_form(query)
            or any("\x00" in request.COOKIES.get(name, "") for name in ours)
        ):
            return bad_request(request)
        return get_response(request)

    return middleware


def bodies(get_response: Handler) -> Handler:
    """413 for a large body of whoever is not signed in, and 400 for a form that is not UTF-8.

    After AuthenticationMiddleware, which knows whether a session cookie is one, and before anything reads a body. Forms
    with files are judged as they are parsed (marketplace/doors/multipart.py).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if (_length(request) or 0) > settings.VISITOR_REQUEST_MAX_BYTES and not request.user.is_authenticated:
            return _too_large(ended=settings.SESSION_COOKIE_NAME in request.COOKIES)
        if request.method == "POST" and request.content_type == FORM:
            try:
                readable = charsets.is_utf8_form(request.body)
            except UnreadablePostError:  # the sender has gone: Django answers nobody
                readable = True
            if not readable:
                return bad_request(request)
        return get_response(request)

    return middleware
