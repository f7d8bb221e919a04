"""How messages leave: Django's own way, with an end to the whole conversation, whatever the server says meanwhile.

smtplib counts its time-out again at each byte: a server that drips one every few seconds held a worker, or the thread
of a page, until a message's lease was over and another process sent it too.
"""

import io
import smtplib
import socket
from contextlib import suppress
from typing import Any

from django.core.mail.backends.smtp import EmailBackend as Backend

from marketplace.patience.deadline import Deadline

TIMES = 3  # the whole conversation, in time-outs of one step (EMAIL_TIMEOUT)
ASKED = 4.0  # seconds for a step, when it is only asked whether the server lets us in


class Conversation(smtplib.SMTP):
    """smtplib's own: `timeout` still bounds each step, and TIMES as much all of them."""

    _deadline: Deadline

    def connect(self, *args: Any, **named: Any) -> tuple[int, bytes]:
        self._deadline = Deadline(TIMES * self.timeout)
        return super().connect(*args, **named)

    def patience(self) -> float:
        """For how long the socket may wait now."""
        return self._deadline.left(self.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """One connection, of all the addresses that a name may have. A resolver has time-outs of its own."""
        refused: OSError = OSError("The host has no address.")
        for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            link = socket.socket(family, kind, protocol)
            try:
                link.settimeout(self.patience())
                link.connect(address)
                return link
            except OSError as error:
                link.close()
                refused = error
        raise refused

    def send(self, s: str | bytes) -> None:  # type: ignore[override]  # typeshed: any buffer; smtplib gives these two
        """Byte after byte if need be: over TLS, `sendall` counts its time-out again at each record."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        rest = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        try:
            while rest:
                self.sock.settimeout(self.patience())
                rest = rest[self.sock.send(rest) :]
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected("Server not connected") from error

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Answers(self))
        reply = super().getreply()
        if self.sock is not None:  # TLS may begin now, and waits as long as its socket does
            self.sock.settimeout(self.patience())
        return reply


class SecureConversation(smtplib.SMTP_SSL, Conversation):
    """The same, in TLS from the start."""


class _Answers(io.RawIOBase):
    """What the server says, as it comes."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation, self._socket = conversation, conversation.sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        assert self._socket is not None  # `getreply` makes it over one
        self._socket.settimeout(self._conversation.patience())
        return self._socket.recv_into(buffer)


class EmailBackend(Backend):
    """Django's, over such conversations: smtplib's own errors, or TimeoutError, when one is over."""

    @property
    def connection_class(self) -> type[Conversation]:
        return SecureConversation if self.use_ssl else Conversation

    def _close_connection(self, connection: Conversation) -> None:
        """Once the server took a message, nothing that it says at the good-bye makes it a failure."""
        with suppress(OSError):  # smtplib's errors are OSErrors, and those of TLS
            connection.quit()
        connection.close()


def enter() -> None:
    """Connect, and sign in as messages do, without sending; an OSError when the server does not let us in."""
    backend = EmailBackend(timeout=ASKED)
    try:
        backend.open()
        assert backend.connection is not None  # `open` raises otherwise
        backend.connection.noop()
    finally:
        backend.close()
