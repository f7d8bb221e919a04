"""The antivirus, which may be slow, frozen or away: files are taken without it, and marked « non analysé »."""

import socket
import struct
from functools import cached_property
from urllib.parse import urlsplit

from django.conf import settings

from marketplace.patience.breaker import Breaker
from marketplace.patience.deadline import Deadline

CONNECT = 1.0  # second, also to answer that it is there
WHOLE = 20.0  # seconds, for all files of one request
breaker = Breaker("The antivirus (CLAMD_URL)", seconds=60)


class Turn:
    """What the scans of one request share: one bound, which begins with the first."""

    @cached_property
    def deadline(self) -> Deadline:
        return Deadline(WHOLE)


def verdict(blob: bytes, turn: Turn) -> str:
    """What clamd says of these bytes (« stream: OK »); empty without a scanner, or when it does not say it in time."""
    if not settings.CLAMD_URL or not breaker.allows(ping, (OSError,)):
        return ""
    try:
        size = struct.pack("!I", len(blob))
        answer = ask(b"zINSTREAM\0" + size + blob + struct.pack("!I", 0), deadline=turn.deadline)
    except OSError as error:
        _judge(error)
        return ""
    breaker.works()
    return answer.decode("utf-8", "replace")


def ping(seconds: float = CONNECT) -> bool:
    """Whether it answers. OSError when nobody does in so many seconds."""
    return ask(b"zPING\0", deadline=Deadline(seconds)).startswith(b"PONG")


def ask(words: bytes, *, deadline: Deadline) -> bytes:
    """What clamd answers, without its end; an OSError when it is not there, or when the time is over."""
    where = urlsplit(settings.CLAMD_URL)
    with socket.create_connection((where.hostname, where.port or 3310), timeout=deadline.left(CONNECT)) as link:
        link.settimeout(deadline.left())
        link.sendall(words)  # within that time as a whole
        answer = b""
        while not answer.endswith(b"\0"):
            link.settimeout(deadline.left())
            piece = link.recv(4096)
            if not piece:
                break
            answer += piece
    return answer.rstrip(b"\0")


def _judge(error: OSError) -> None:
    """A file that is slow to look at is no outage: whoever sends one would have everybody's taken without a look."""
    try:
        ping()
    except OSError:
        breaker.failed(error)
