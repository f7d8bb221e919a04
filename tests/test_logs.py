"""No line of a log holds a link that somebody else could follow: every route that carries a secret, walked."""

import io
import json
import logging
import re
import uuid
from types import SimpleNamespace

import pytest
from django.core import signing
from django.urls import get_resolver
from django.urls.converters import IntConverter, SlugConverter, UUIDConverter

from marketplace import logs
from marketplace.converters import Code, Rank

TOKEN = "MQ:1wJf3x:5e0Zk2pD3vQ8mYl7bT6cR9sW4uX1aN0oP_hJ-gKi"
KEYS = {"key": TOKEN, "uidb36": "1"}
NAMES_OF_THINGS = (Code, Rank, IntConverter, UUIDConverter, SlugConverter)  # no secret: who may read them is checked
# A converter that usually names a thing, and here is what an invited person is sent.
LINKS = {"invitation", "withdraw_invitation"}


def routes(patterns, start=""):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            if pattern.pattern and "pilotage/" in str(pattern.pattern):
                continue  # the administration's own: keys of rows
            yield from routes(pattern.url_patterns, start + str(pattern.pattern))
        else:
            yield start + str(pattern.pattern), pattern


def secrets() -> dict[str, tuple[str, str]]:
    """{route's name: (path, secret)} of each route that carries one."""
    found = {}
    for route, pattern in routes(get_resolver().url_patterns):
        converters = pattern.pattern.converters
        groups = set(pattern.pattern.regex.groupindex)
        odd = {name for name in groups if not isinstance(converters.get(name), NAMES_OF_THINGS)}
        if not odd and pattern.name not in LINKS:
            continue
        identifier = str(uuid.uuid4())
        secret = identifier if pattern.name in LINKS else TOKEN
        path = re.sub(r"<uuid:invitation_id>", identifier, route).replace("<str:token>", TOKEN)
        path = re.sub(r"<\w+:\w+>", str(uuid.uuid4()), path)
        path = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda match: KEYS[match[1]], path)
        found[pattern.name] = (f"/{path.replace('^', '').replace('$', '')}", secret)
    return found


def test_the_routes_that_carry_a_secret_are_these():
    assert set(secrets()) == {"account_confirm_email", "account_reset_password_from_key", "account_undo", *LINKS}
    assert sum(1 for _route in routes(get_resolver().url_patterns)) > 150


def line(record: logging.LogRecord, formatter: logging.Formatter) -> str:
    return formatter.format(record)


def record(message: str, *args, error: Exception | None = None) -> logging.LogRecord:
    given = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("django.request", logging.WARNING, __file__, 1, message, args, given)


FORMATTERS = {"json": logs.JsonFormatter, "plain": logs.PlainFormatter}


@pytest.mark.parametrize("prefix", ["", "/en"])
@pytest.mark.parametrize("kind", FORMATTERS)
def test_neither_a_message_nor_an_exception_tells_it(kind, prefix):
    formatter = FORMATTERS[kind]()
    seen = 0
    for path, secret in secrets().values():
        path = prefix + path
        try:
            raise ValueError(f"no page at {path!r}")
        except ValueError as error:
            said = [
                line(record("Not Found: %s", path), formatter),
                line(record("Internal Server Error: %s", path, error=error), formatter),
                line(record("GET /compte/connexion/?next=%s", path.replace("/", "%2F").replace(":", "%3A")), formatter),
                line(record("https://exemple.ca%s", path), formatter),
            ]
        for text in said:
            seen += 1
            assert secret not in text and secret.replace(":", "%3A") not in text, text
            assert secret[-20:] not in text and logs.MASK in text, text
            if kind == "json":
                json.loads(text)
    assert seen == 20


def test_what_is_signed_is_masked_wherever_it_stands():
    """A route of tomorrow, made with Django's own signatures."""
    value = signing.dumps({"address": 12})
    for text in (f"Not Found: /compte/defaire/{value}/", f"?jeton={value}&x=1", f"'{value.replace(':', '%3A')}'"):
        assert value[-20:] not in logs.masked(text) and logs.MASK in logs.masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Not Found: /occasions/DAN-2026-0001/ouverture/", "Forbidden: /prestataires/9f0c/versements/",
        '2026-11-30T13:16:05.120000Z "GET /pret HTTP/1.1" 200', "redis://127.0.0.1:6379/0 does not answer",
        "a" * 64, "file.py:12 < other.py:40", "at 2026-11-30 13:16:05,120",
    ],
)  # fmt: skip
def test_the_rest_is_left_as_it_is(text):
    assert logs.masked(text) == text


@pytest.mark.django_db
def test_what_django_itself_says_of_a_request(client):
    """Its own warning of an act that is not allowed, as production writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("django")
    logger.addHandler(handler)
    try:
        assert client.delete(f"/compte/confirm-email/{TOKEN}/").status_code >= 400
    finally:
        logger.removeHandler(handler)
    said = stream.getvalue()
    assert "/compte/confirm-email/•••/" in said and TOKEN not in said


def test_an_access_log_that_an_operator_asks_for_is_masked():
    path = f"/compte/password/reset/key/1-{TOKEN}/"
    environ = {
        "REQUEST_METHOD": "GET", "RAW_URI": f"{path}?a=1", "SERVER_PROTOCOL": "HTTP/1.1", "PATH_INFO": path,
        "HTTP_REFERER": f"https://exemple.ca{path}",
    }  # fmt: skip
    answer = SimpleNamespace(status="200 OK", sent=3, headers=[("Location", path)])
    request = SimpleNamespace(headers=[("REFERER", path)])
    took = SimpleNamespace(seconds=0, microseconds=5)
    logger = logs.AccessLogger.__new__(logs.AccessLogger)  # its handlers are no matter here
    atoms = logger.atoms(answer, request, environ, took)
    assert TOKEN not in str(atoms) and atoms["r"].startswith("GET /compte/password/reset/key/•••") and atoms["D"] == 5


def test_every_handler_of_ours_masks(settings):
    made = {each["()"] for each in settings.LOGGING["formatters"].values()}
    assert made == {"marketplace.logs.JsonFormatter", "marketplace.logs.PlainFormatter"}
    assert {"django", "django.server"} <= set(settings.LOGGING["loggers"])
