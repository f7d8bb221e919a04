"""The site stands at the top of its host, whatever a server, a proxy or a request's header says."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from marketplace.doors import charsets

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


def at_the_top(application: Application) -> Application:
    """`application`, which never sees a SCRIPT_NAME nor a Content-Type that Django's request could not be made from.

    gunicorn takes SCRIPT_NAME from a header of whoever it trusts, cuts it from the path, and hands over both: an
    occasion's page would be kept in memory under another's address, with links that lead nowhere.
    """

    def site(environ: Environ, start_response: Any) -> Iterable[bytes]:
        cut = unquote_to_bytes(environ.get("SCRIPT_NAME", "").encode("latin-1")).decode("latin-1")
        environ["PATH_INFO"] = cut + environ.get("PATH_INFO", "")
        environ["SCRIPT_NAME"] = ""
        if not charsets.is_utf8_header(environ.get("CONTENT_TYPE", "")):
            environ["CONTENT_TYPE"] = charsets.UNREADABLE  # answered 400 by marketplace/doors/middleware.py
        return application(environ, start_response)

    return site
