"""Finds marked texts wherever the platform keeps something: database, files, cache, logs, mails, pages."""

import base64
import gzip
import re
import zlib
from itertools import chain

from django.apps import apps
from django.core import mail
from django.core.cache import cache
from django.db import connection, models


def needles(mark: str) -> list[bytes]:
    """The mark as it is, and as common encodings would hide it."""
    plain = mark.encode()
    found = [
        plain,
        mark.encode("utf-16-le"),
        mark.encode("utf-16-be"),
        plain.hex().encode(),
        plain.hex().upper().encode(),
    ]
    for shift in range(3):  # inside a longer text, base64 has three alignments; its ends depend on the neighbours
        code = base64.b64encode(b"\0" * shift + plain).rstrip(b"=")
        found.append(code[2 if shift == 1 else 3 if shift == 2 else 0 : -1])
    return found


def price_needles(cents: int) -> list[bytes]:
    """48 173,29 $, as cents and as people write it."""
    dollars, rest = divmod(cents, 100)
    shapes = [f"{cents}", f"{dollars}.{rest:02d}", f"{dollars},{rest:02d}"]
    shapes += [
        f"{dollars // 1000}{space}{dollars % 1000:03d},{rest:02d}" for space in (" ", "\u00a0", "\u202f", "&nbsp;")
    ]
    return [shape.encode() for shape in shapes]


class Marks:
    """What must not be found. `found_in(bytes)` says which marks are there, encoded or compressed ones included."""

    def __init__(self, texts=(), prices=()):
        self.patterns = {mark: re.compile(b"|".join(map(re.escape, needles(mark)))) for mark in texts}
        for cents in prices:
            shapes = b"|".join(map(re.escape, price_needles(cents)))
            # Whole numbers only: seven digits may well be inside a digest.
            self.patterns[cents] = re.compile(rb"(?<![\w+/])(?:" + shapes + rb")(?![\w+/])")

    def found_in(self, *haystacks: bytes) -> set:
        found = set()
        for haystack in chain.from_iterable(map(_readings, haystacks)):
            found |= {mark for mark, pattern in self.patterns.items() if pattern.search(haystack)}
        return found


def _readings(blob: bytes) -> list[bytes]:
    """The bytes, and what they say once decompressed or decoded."""
    readings = [blob]
    for decode in (zlib.decompress, gzip.decompress, lambda data: zlib.decompress(data, -15), base64.b64decode):
        try:
            readings.append(decode(blob))
        except (ValueError, OSError, EOFError, zlib.error):
            continue
    return readings


def database() -> list[bytes]:
    """Every table, as a dump would write it, then every binary value by itself. Inside the test's transaction."""
    dumped = []
    if connection.vendor == "postgresql":
        for table in connection.introspection.table_names():
            with connection.cursor() as cursor, cursor.copy(f'COPY "{table}" TO STDOUT') as copy:
                dumped.append(b"".join(bytes(part) for part in copy))
    else:
        dumped.append("\n".join(connection.connection.iterdump()).encode("utf-8", "surrogateescape"))
    for model in apps.get_models():
        fields = [field.name for field in model._meta.fields if isinstance(field, models.BinaryField)]
        for values in model._base_manager.values_list(*fields) if fields else ():
            dumped += [bytes(value) for value in values if value]
    return dumped


def files(folder) -> list[bytes]:
    """Names and contents of every file of a folder."""
    if not folder.exists():
        return []
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)).encode() for path in paths] + [path.read_bytes() for path in paths]


def memory() -> list[bytes]:
    """The cache's values."""
    return [bytes(value) for value in cache._cache.values()]


def mails() -> list[bytes]:
    return [message.message().as_bytes() for message in mail.outbox] + [
        f"{message.subject}\n{message.body}\n{message.to}".encode() for message in mail.outbox
    ]


_SORTING = re.compile(r"[?&;](o|_facets)=")  # the same list in another order
_LINK = re.compile(r'(?:href|action|src|data-[\w-]*url)="([^"#]*)')


def walk(client, start: list[str], *, within: str = "/", most: int = 400) -> dict[str, bytes]:
    """Every page reachable by links from `start`, one filter at a time: {address: bytes}.

    A page that breaks is an AssertionError.
    """
    waiting, pages = list(start), {}
    while waiting:
        address = waiting.pop()
        if address in pages:
            continue
        assert len(pages) < most, f"more than {most} pages: {address}"
        response = client.get(address)
        assert response.status_code < 500, f"{address}: {response.status_code}"
        body = b"".join(response.streaming_content) if response.streaming else response.content
        pages[address] = body + str(response.headers).encode()
        if response.status_code in (301, 302):
            links = [response["Location"]]
        elif "html" in response.get("Content-Type", ""):
            links = _LINK.findall(body.decode())
        else:
            links = []
        for link in links:
            link = link.replace("&amp;", "&")
            link = address.partition("?")[0] + link if link.startswith("?") else link
            skipped = ("/static/", "/en/", "//", "/compte/", "/pilotage/logout", "/pilotage/jsi18n")
            if "/pilotage/" in link and ("?" in link or within != "/pilotage/"):
                continue
            if (
                link.startswith(within)
                and not link.startswith(skipped)
                and not _SORTING.search(link)
                and link.count("=") < 2
            ):
                waiting.append(link)
    return pages
