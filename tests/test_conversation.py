"""A conversation with the mail server ends, whatever the server says meanwhile; messages leave by it, TLS or not."""

import datetime
import ipaddress
import smtplib
import socket
import ssl

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.mail import EmailMessage

from marketplace.dates import clock
from marketplace.mail import delivery, smtp
from marketplace.models import OutgoingEmail
from marketplace.service import doctor
from tests.test_delivery import write

STEP = 10


@pytest.fixture
def watch(monkeypatch):
    """This process's watch, which the test moves."""

    class Watch:
        seconds = 1000.0

    monkeypatch.setattr(clock, "elapsed", lambda: Watch.seconds)
    return Watch


class Link:
    """A socket whose other end says a byte every so many seconds, without an end.

    script: what it says before, at once. takes: how many bytes it takes each time that it takes some.
    """

    def __init__(self, watch, *, every=5.0, script=b"", takes=10**6):
        self.watch, self.every, self.rest, self.takes = watch, every, script, takes
        self.timeout = None

    def settimeout(self, seconds):
        assert seconds > 0
        self.timeout = seconds

    def _wait(self):
        self.watch.seconds += min(self.every, self.timeout)
        if self.every >= self.timeout:
            raise TimeoutError

    def recv_into(self, buffer):
        if self.rest:
            said, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        else:
            self._wait()
            said = b"2"
        buffer[: len(said)] = said
        return len(said)

    def send(self, data):
        if self.takes < len(data):
            self._wait()
        return min(self.takes, len(data))

    def close(self):
        pass


@pytest.fixture
def link(monkeypatch, watch, settings):
    """Connections lead to such a socket."""
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = "courriel.exemple.invalid", STEP

    def use(**named):
        made = Link(watch, **named)
        monkeypatch.setattr(smtp.Conversation, "_get_socket", lambda *_args: made)
        return made

    return use


GREETING = b"220 hello\r\n"
HELLO = GREETING + b"250 hello\r\n"
CASES = {
    "at the greeting": {},
    "in the middle of a reply": {"script": GREETING + b"250-hello\r\n250-"},
    "after the sender": {"script": HELLO + b"250 sender\r\n"},
    "it takes a byte now and then": {"script": HELLO + b"250 sender\r\n250 you\r\n354 go on\r\n", "takes": 40},
}


@pytest.mark.parametrize("case", CASES)
def test_a_server_that_drips_is_left_in_the_end(link, watch, case):
    """One byte every five seconds: no step is ever ten seconds long."""
    link(**CASES[case])
    with pytest.raises(smtplib.SMTPServerDisconnected):
        EmailMessage("s", "b" * 5000, to=["a@exemple.invalid"], connection=smtp.EmailBackend()).send()
    assert watch.seconds == 1000 + smtp.TIMES * STEP


def test_a_step_is_still_bounded_by_itself(link, watch):
    link(every=60)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtp.EmailBackend().open()
    assert watch.seconds == 1000 + STEP


@pytest.mark.django_db
def test_such_a_server_is_unreachable_and_the_message_waits(link, settings):
    settings.EMAIL_BACKEND = "marketplace.mail.smtp.EmailBackend"
    link()
    row = write()
    assert delivery.attempt(row.pk) is delivery.Fate.SILENT
    assert OutgoingEmail.objects.get().reason == "unreachable"


def test_a_conversation_ends_before_its_lease(settings):
    assert smtp.TIMES * settings.EMAIL_TIMEOUT <= 30 < delivery.SOFT_LIMIT < delivery.LEASE.total_seconds()


def test_the_doctor_is_not_held_by_it(link, watch, settings):
    settings.EMAIL_BACKEND = "marketplace.mail.smtp.EmailBackend"
    link()
    (line,) = doctor._mail()
    assert line.state == doctor.FAULT and watch.seconds - 1000 <= 15


def test_what_is_said_after_the_message_was_taken_changes_nothing(link, watch):
    """It would be sent again."""
    took = HELLO + b"250 sender\r\n250 you\r\n354 go on\r\n250 taken\r\n"
    for end in (b"", b"x" * 9000 + b"\r\n"):
        link(script=took + end)
        message = EmailMessage("s", "b", to=["a@exemple.invalid"], connection=smtp.EmailBackend())
        assert message.send() == 1


def test_the_addresses_of_a_host_share_the_time(monkeypatch, watch):
    class Nobody:
        def __init__(self, *_kind):
            self.timeout = None

        def settimeout(self, seconds):
            self.timeout = seconds

        def connect(self, address):
            tried.append(address)
            watch.seconds += self.timeout
            raise TimeoutError

        def close(self):
            pass

    tried = []
    many = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 25)) for n in range(9)]
    with monkeypatch.context() as patch:
        patch.setattr(smtp.socket, "getaddrinfo", lambda *_args, **_named: many)
        patch.setattr(smtp.socket, "socket", Nobody)
        with pytest.raises(TimeoutError):
            smtp.Conversation("courriel.exemple.invalid", 25, "here", timeout=STEP)
    assert len(tried) == smtp.TIMES and watch.seconds == 1000 + smtp.TIMES * STEP


# --- A real server ---------------------------------------------------------------------------------------------------
class Post:
    def __init__(self):
        self.taken = []

    async def handle_DATA(self, server, session, envelope):
        self.taken.append((server.transport.get_extra_info("sslcontext") is not None, envelope.content))
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(the server's context, one that trusts it)."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(place, critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(path)
    return theirs, ssl.create_default_context(cadata=made.public_bytes(pem).decode())


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
def test_messages_leave(settings, monkeypatch, certificate, way):
    theirs, ours = certificate
    given = {"plain": {}, "starttls": {"tls_context": theirs}, "tls": {"ssl_context": theirs}}[way]
    settings.EMAIL_BACKEND = "marketplace.mail.smtp.EmailBackend"
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = way == "starttls", way == "tls"
    monkeypatch.setattr(smtp.EmailBackend, "ssl_context", ours)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    post = Post()
    controller = Controller(post, hostname="127.0.0.1", port=port, **given)
    if way == "tls":  # it would greet itself in clear, to see that it started
        monkeypatch.setattr(
            controller, "_trigger_server", lambda: socket.create_connection(("127.0.0.1", port)).close()
        )
    controller.start()
    try:
        assert EmailMessage("Sujet", "é" * 200_000, to=["a@exemple.invalid"]).send() == 1
        (line,) = doctor._mail()
    finally:
        controller.stop()
    ((encrypted, content),) = post.taken
    assert encrypted is (way != "plain") and len(content) > 200_000 and line.state == doctor.OK
