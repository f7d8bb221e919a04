"""A request is UTF-8, or it is refused: which text of it may be read at all, before anything reads it.

Python knows a hundred charsets and takes the name from whoever sends: some are no charsets (zlib_codec, base64), some
give half characters (utf-7), and a form read in another than the sender's keeps what nobody typed.
"""

from email.message import Message
from typing import Any
from urllib.parse import unquote_to_bytes

# As a header may write it. ASCII is UTF-8 too.
NAMES = {"utf-8", "utf8", "us-ascii", "ascii"}
# What an unreadable Content-Type is replaced by (marketplace/doors/site.py), so that Django does not read it either.
UNREADABLE = "application/x-unreadable"


def is_utf8(blob: bytes) -> bool:
    """Whether these bytes are UTF-8, as RFC 3629 has it: half characters (U+D800 to U+DFFF) are not."""
    try:
        blob.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_utf8_form(blob: bytes) -> bool:
    """The same of a query, or of a form as browsers write them: `nom=%C3%89mile`."""
    return is_utf8(blob) and (b"%" not in blob or is_utf8(unquote_to_bytes(blob)))


def is_utf8_header(value: str) -> bool:
    """Whether a header with parameters says and holds nothing but UTF-8.

    Every `charset=`, and every parameter that names its own charset: `filename*=utf-8''%C3%A9t%C3%A9.pdf` (RFC 8187).
    """
    if ";" not in value:
        return True
    message = Message()
    message["content-type"] = value
    try:
        parameters: list[tuple[str, Any]] = message.get_params([])[1:]
    except (ValueError, LookupError, TypeError, AttributeError):  # the library's own, on what it did not foresee
        return False
    for name, written in parameters:
        if isinstance(written, tuple):
            charset, _language, text = written
            if (charset or "us-ascii").lower() not in NAMES or not is_utf8(text.encode("raw-unicode-escape")):
                return False
            if not charset and not text.isascii():
                return False
            written = text
        if name.lower() == "charset" and written.strip().lower() not in NAMES:
            return False
    return True
