"""What a request's headers may not change, and what may be sent by whom: asked of the application, then of gunicorn."""

import ast
import http.client
import importlib
import os
import re
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection
from django.test import Client, RequestFactory

from marketplace.doors.site import at_the_top
from tests.cast import PASSWORD
from tests.test_architecture import MODULES, ROOT, name_of, parsed
from tools.postgres import free_port
from tools.stripe_standin import webhooks as stripe_side

SECRET = "whsec_essai"
PAGE = "/occasions/"
# What servers, proxies and frameworks are known to take an address, a host, a method or a caller from.
HEADERS = [
    *(("SCRIPT_NAME", value) for value in ("/occasions", "/occasions/", "/", "/nulle-part", "//mal.example")),
    *((name, "/occasions") for name in ("Script-Name", "X-Script-Name", "X-Forwarded-Prefix", "X-Forwarded-Path")),
    *((name, "/a-propos/") for name in ("PATH_INFO", "Path-Info", "X-Original-URL", "X-Rewrite-URL", "SCRIPT_URL")),
    *((name, "/a-propos/") for name in ("Script-Url", "REDIRECT_URL", "Redirect-Url", "RAW_URI", "REQUEST_URI")),
    *((name, "mal.example") for name in ("X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "SERVER_NAME")),
    ("Forwarded", "for=192.0.2.1;host=mal.example;proto=https"),
    *((name, "81") for name in ("X-Forwarded-Port", "SERVER_PORT")),
    *((name, "DELETE") for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "REQUEST_METHOD")),
    *((name, "https") for name in ("X-Forwarded-Protocol", "X-Forwarded-Proto", "X-Url-Scheme", "HTTPS")),
    *((name, "on") for name in ("X-Forwarded-Ssl", "Front-End-Https")),
    *((name, "alice@exemple.test") for name in ("REMOTE_USER", "Remote-User", "X-Remote-User")),
    *((name, "192.0.2.1") for name in ("X_Forwarded_For", "REMOTE_ADDR", "Remote-Addr", "X-Real-IP", "Client-IP")),
    *(("QUERY_STRING", "q=x"), ("Query-String", "q=x"), ("CONTENT_TYPE", "a/b; charset=utf-7"), ("wsgi_x", "x")),
]  # fmt: skip


def environ_of(headers: list[tuple[str, str]], path: str) -> dict:
    """What gunicorn makes of trusted headers when nobody told it not to: the worst case."""
    environ = RequestFactory()._base_environ(PATH_INFO=path)
    for name, value in headers:
        if name == "SCRIPT_NAME" and path.startswith(value):  # gunicorn stops there when it does not
            environ |= {"SCRIPT_NAME": value, "PATH_INFO": path.removeprefix(value)}
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


# --- The application -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cut", "rest", "whole"),
    [
        ("/occasions", "/", "/occasions/"),
        ("/occasions/", "", "/occasions/"),
        ("/", "occasions/", "/occasions/"),
        ("/%6Fccasions", "/", "/occasions/"),
        ("/occ%C3%A9", "/x", "/occ\xc3\xa9/x"),
        ("//mal.example", "/x", "//mal.example/x"),
        ("", "/occasions/", "/occasions/"),
    ],
)
def test_the_entry_point_gives_back_what_a_server_cut_from_the_path(cut, rest, whole):
    seen = []
    at_the_top(lambda environ, start: seen.append(environ) or [])({"SCRIPT_NAME": cut, "PATH_INFO": rest}, None)
    assert [(environ["SCRIPT_NAME"], environ["PATH_INFO"]) for environ in seen] == [("", whole)]


def test_a_request_knows_no_other_place_host_or_scheme():
    seen = 0
    for header in HEADERS:
        made = []
        at_the_top(lambda environ, start, made=made: made.append(WSGIRequest(environ)) or [])(
            environ_of([header], PAGE), None
        )
        (request,) = made
        assert (request.path, request.path_info, request.get_full_path()) == (PAGE, PAGE, PAGE), header
        assert request.build_absolute_uri() == f"http://testserver{PAGE}", header
        assert (request.method, request.GET.dict(), request.content_type) == ("GET", {}, ""), header
        seen += 1
    assert seen == len(HEADERS) > 45
    for setting in ("USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT"):
        assert not getattr(django_settings, setting)


@pytest.mark.django_db
def test_the_tests_client_and_the_development_server_have_no_script_name_either(client):
    plain = client.get(PAGE).content
    for prefix in ("/x", PAGE, "//mal.example"):
        answer = client.get(PAGE, {"v": prefix}, SCRIPT_NAME=prefix)
        assert answer.status_code == 200 and b"mal.example/" not in answer.content
        assert client.get(PAGE).content == plain


# --- Bodies ----------------------------------------------------------------------------------------------------------
class Unread:
    """A body that nobody may read."""

    def read(self, *args):
        raise AssertionError("the body was read")

    readline = read


def send(client: Client, length: int | str, **extra) -> int:
    """The status of a form of so many bytes, none of which may be read."""
    data = {
        "PATH_INFO": "/compte/login/",
        "CONTENT_TYPE": "multipart/form-data; boundary=b",
        "CONTENT_LENGTH": str(length),
        "wsgi.input": Unread(),
    }
    return client.request(REQUEST_METHOD="POST", **data | extra).status_code


BIG = 60 * 1024 * 1024
FORGED = ["a" * 32, "", "x", "é" * 20, "A" * 4_000, "' OR 1=1 --", "../../etc/passwd"]


@pytest.mark.django_db
@pytest.mark.parametrize("forged", FORGED, ids=range(len(FORGED)))
def test_a_forged_session_opens_no_door_to_a_large_body(client, settings, forged):
    client.cookies["sessionid"] = forged
    for length in (settings.VISITOR_REQUEST_MAX_BYTES + 1, BIG):
        assert send(client, length) == 413


@pytest.mark.django_db
def test_nor_does_a_session_of_nobody(client, cast, settings):
    """What one gets for nothing: an ended session, one that only keeps what was typed, one of a closed account."""
    owner = cast.vendor_owner
    client.force_login(owner)
    closed = client.cookies["sessionid"].value
    owner.is_active = False
    owner.save()
    assert send(client, BIG) == 413
    client.logout()
    client.cookies["sessionid"] = closed
    assert send(client, BIG) == 413
    session = client.session
    session["typed"] = {}
    session.save()
    client.cookies["sessionid"] = session.session_key
    assert send(client, BIG) == 413


@pytest.mark.django_db
def test_whoever_is_signed_in_may_send_as_much_as_a_form_holds(client, cast, settings):
    client.force_login(cast.vendor_owner)
    assert send(client, settings.REQUEST_MAX_BYTES + 1) == 413
    with pytest.raises(AssertionError, match="the body was read"):
        send(client, settings.REQUEST_MAX_BYTES)


@pytest.mark.django_db
def test_a_visitors_own_form_is_read(client, cast):
    answer = client.post(
        "/compte/login/", {"login": cast.vendor_owner.email, "password": PASSWORD, "note": "x" * 900_000}
    )
    assert answer.status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("coding", ["chunked", "Chunked", "gzip, chunked", "identity", "x"])
def test_a_body_tells_its_length(client, cast, coding):
    client.force_login(cast.vendor_owner)
    for path in ("/compte/login/", "/stripe/evenements", "/"):
        extra = {"HTTP_TRANSFER_ENCODING": coding, "PATH_INFO": path, "CONTENT_LENGTH": ""}
        assert send(client, 0, **extra) == 411


# --- gunicorn itself -------------------------------------------------------------------------------------------------
def database_url() -> str:
    """Of the tests' own database, migrated and empty."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


class Server:
    def __init__(self, port: int, log) -> None:
        self.port, self.log = port, log

    def ask(self, text: bytes) -> tuple[int, bytes]:
        """(status, body) of the answer to exactly these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as link:
            link.sendall(text)
            answer = http.client.HTTPResponse(link)
            answer.begin()
            return answer.status, answer.read()

    def get(self, path: str, *headers: tuple[str, str]) -> tuple[int, bytes]:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *(f"{n}: {v}" for n, v in headers)]
        return self.ask("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def post(self, path: str, body: bytes, *headers: tuple[str, str]) -> tuple[int, bytes]:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", *(f"{n}: {v}" for n, v in headers)]
        return self.ask("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


@pytest.fixture(scope="module")
def server(django_db_setup, django_db_blocker, tmp_path_factory):
    """gunicorn as the image starts it, from the working folder whose gunicorn.conf.py it reads."""
    folder, port = tmp_path_factory.mktemp("gunicorn"), free_port()
    with django_db_blocker.unblock():
        url = database_url()
        connection.close()
    command = [sys.executable, "-m", "gunicorn", "marketplace.wsgi", "--bind", f"127.0.0.1:{port}"]
    environment = {name: value for name, value in os.environ.items() if name not in {"PRODUCTION", "REDIS_URL"}}
    keys = {name: str(getattr(django_settings, name)) for name in ("SEAL_KEY_FILE", "SIGNING_KEY_FILE")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1", "--threads", "2", "--no-control-socket"],
            cwd=ROOT,
            env=environment | keys | {"DATABASE_URL": url, "STRIPE_WEBHOOK_SECRET": SECRET, "FORWARDED_ALLOW_IPS": "*"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    running = Server(port, folder / "log")
    try:
        _until_it_answers(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)


def _until_it_answers(running: Server, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            assert running.get("/sante") == (200, b"ok\n")
            return
        except OSError:
            time.sleep(0.05)  # until it listens
    raise AssertionError(running.log.read_text())


def test_no_header_moves_the_site_nor_poisons_a_page_that_is_kept(server):
    """A page asked for with the header, then without it, from memory: both are the page as nobody moved it."""
    _status, plain = server.get(f"{PAGE}?v=n")
    assert plain.count(b"v=n") >= 1
    seen = 0
    for number, header in enumerate(HEADERS):
        page, right = f"{PAGE}?v={number}", (200, plain.replace(b"v=n", f"v={number}".encode()))
        assert server.get(page, header) == right, header
        assert server.get(page) == right, header
        seen += 1
    assert seen == len(HEADERS)


def test_the_page_that_was_poisoned_is_itself(server):
    """As it was found: the address of the list, announced as the place of the site, made it the home page's twin."""
    home, listed = server.get("/"), server.get(PAGE, ("Cookie", f"sessionid={'a' * 32}"))
    assert server.get(PAGE, ("SCRIPT_NAME", "/occasions")) == server.get(PAGE) == listed != home


def test_gunicorn_refuses_or_we_do(server):
    forged = ("Cookie", f"sessionid={'a' * 32}")
    form = ("Content-Type", "application/x-www-form-urlencoded")
    door, chunked = "/compte/login/", ("Transfer-Encoding", "chunked")
    table = [
        (server.post(door, b"", form, forged, ("Content-Length", str(BIG))), 413),
        (server.post(door, b"", form, ("Content-Length", str(BIG))), 413),
        (server.post(door, b"5\r\nlogin\r\n0\r\n\r\n", form, chunked), 411),
        (server.post("/stripe/evenements", b"2\r\n{}\r\n0\r\n\r\n", chunked), 411),
        (server.post(door, b"0\r\n\r\n", form, chunked, ("Content-Length", "5")), 400),
        (server.post(door, b"a=b", form, ("Content-Length", "3"), ("Content-Length", "3")), 400),
        (server.get("/?q=%FF"), 400),
        (server.get("/occasions/%FF/"), 400),
        (server.get("/", ("Cookie", "sessionid=a\x00b")), 400),
        (server.get("/", ("Cookie", 'sessionid="\\000aaaaaaaaaaaaa"')), 400),
        (server.get("/?q=%C3%A9", ("Content-Type", "text/plain; charset=zlib_codec")), 400),
        (server.get("/", ("Content-Type", "a/b; charset*=nulle''part")), 400),
        (server.get("/?q=%C3%A9", ("Content-Type", "text/plain; charset=utf-8")), 200),
        (server.get("/", ("Accept-Language", "fr," * 2_000)), 200),
    ]
    assert [status for (status, _body), _right in table] == [right for _answer, right in table]


def test_a_signed_event_nested_sixty_thousand_deep_is_refused(server):
    for body in (b"[" * 60_000 + b"]" * 60_000, b'{"a":' * 30_000 + b"1" + b"}" * 30_000):
        signature = stripe_side.sign(body, SECRET, int(time.time()))
        headers = [("Content-Type", "application/json"), ("Stripe-Signature", signature)]
        assert server.post("/stripe/evenements", body, *headers, ("Content-Length", str(len(body))))[0] == 400
    assert server.get("/sante")[0] == 200


def test_nothing_of_this_was_an_error_of_the_server(server):
    """The last of those that ask it."""
    said = server.log.read_text()
    assert "Traceback" not in said and "Internal Server Error" not in said, said[-3_000:]


def test_what_gunicorn_is_told():
    told: dict = {}
    exec((ROOT / "gunicorn.conf.py").read_text(encoding="utf-8"), told)
    assert (told["forwarder_headers"], told["secure_scheme_headers"], told["forwarded_allow_ips"]) == ("", {}, "")
    assert told["header_map"] == "drop" and not told["proxy_protocol"]
    # A command line would win over the file, and a copy of it would be read by nobody.
    for name in ("Dockerfile", "docker-compose.yml"):
        assert not re.search(r"forwarde|header.map", (ROOT / name).read_text(encoding="utf-8"))


# --- What we take of allauth that it does not promise ----------------------------------------------------------------
PRIVATE = {
    "allauth.account.internal.flows.email_verification.send_verification_email_to_address",
    "allauth.account.internal.flows.reauthentication.did_recently_reauthenticate",
    "allauth.account.internal.flows.reauthentication.reauthenticate_by_password",
    "allauth.core.internal.cryptokit.compare_user_code",
    "allauth.mfa.base.internal.flows.check_rate_limit",
    "allauth.mfa.internal.flows.add.validate_can_add_authenticator",
    "allauth.mfa.totp.internal.auth.SECRET_SESSION_KEY",
    "allauth.mfa.totp.internal.auth.format_hotp_value",
    "allauth.mfa.totp.internal.auth.hotp_value",
    "allauth.mfa.totp.internal.flows.deactivate_totp",
}


def test_what_is_private_in_allauth_is_listed_and_there():
    """The next major version may take any of these away: pyproject.toml caps it, and this list is what to look at."""
    taken = {}
    for path in (path for path in MODULES if "allauth" in path.read_text(encoding="utf-8")):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("allauth"):
                taken |= {f"{node.module}.{alias.name}": name_of(path) for alias in node.names}
            elif isinstance(node, ast.Import):
                taken |= {alias.name: name_of(path) for alias in node.names if alias.name.startswith("allauth")}
    private = {name for name in taken if "internal" in name.split(".") or "._" in name}
    assert len(taken) >= 20 and private == PRIVATE
    for name in taken:
        module, _dot, attribute = name.rpartition(".")
        found = importlib.import_module(module)
        assert hasattr(found, attribute) or importlib.import_module(name), name
    assert re.search(r'"django-allauth\[[a-z,]+\]>=[\d.]+,<66"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
