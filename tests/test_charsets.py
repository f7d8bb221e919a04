"""A request is UTF-8 or refused with the French page: never read as something else, never an error of the server."""

import io
from functools import cache
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import close_old_connections
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.test import Client, RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils.http import parse_header_parameters
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marketplace.doors import charsets, multipart
from marketplace.doors.site import at_the_top

pytestmark = pytest.mark.django_db
DOOR = "/compte/login/"
# Charsets of every sort: of text, of several bytes, of bytes to bytes, of hosts, of source code, and none at all.
OTHERS = [
    *("utf-7", "UTF-7", "unicode-1-1-utf-7", "utf-16", "utf-16le", "utf-8-sig", "latin-1", "windows-1252", "cp037"),
    *("shift_jis", "iso-2022-jp", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "rot13"),
    *(
        "zlib_codec",
        "bz2",
        "base64",
        "hex",
        "uu",
        "quopri",
        "mbcs",
        "inconnu",
        "utf 8",
        "*",
        "é",
        "\udcff",
        "a" * 300,
        "../utf-8",
    ),
]
SAME = ["UTF-8", '"utf8"', "us-ascii"]


def part(headers: str, content: bytes) -> bytes:
    return f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode("utf-8", "surrogateescape") + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


LOGIN = part('Content-Disposition: form-data; name="login"', b"a@exemple.test")
# Where a charset may be said: place -> (Content-Type, body), of one charset.
PLACES = {
    "form with files": lambda name: (f"{MULTIPART_CONTENT}; charset={name}", form(LOGIN)),
    "form with files, first": lambda name: (
        f"multipart/form-data; charset={name}; boundary={BOUNDARY}",
        form(part('Content-Disposition: form-data; name="login"', b"+2AA-")),
    ),
    "form": lambda name: (f"application/x-www-form-urlencoded; charset={name}", b"login=a"),
    "form, in capitals": lambda name: (f"application/x-www-form-urlencoded; CHARSET={name}", b"login=a"),
    "text": lambda name: (f"text/plain; charset={name}", b"x"),
    "JSON": lambda name: (f"application/json;charset={name}", b"{}"),
    "a field": lambda name: (
        MULTIPART_CONTENT,
        form(part(f'Content-Disposition: form-data; name="login"\r\nContent-Type: text/plain; charset={name}', b"a")),
    ),
    "a file": lambda name: (
        MULTIPART_CONTENT,
        form(
            LOGIN,
            part(
                f'Content-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: a/b; charset={name}', b"a"
            ),
        ),
    ),
}


def in_charset(name: str) -> str:
    """As the bytes of a header become text on their way to us."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def ask(path: str = "/", *, method: str = "GET", body: bytes = b"", **environ) -> tuple[int, str]:
    """What a server gets: (status, page). By the whole entry point, not by the tests' client."""
    said = {"PATH_INFO": path, "CONTENT_LENGTH": str(len(body)), "HTTP_COOKIE": f"csrftoken={'x' * 32}"} | environ
    seen = []
    answer = application()(
        RequestFactory()._base_environ(REQUEST_METHOD=method) | said | {"wsgi.input": io.BytesIO(body)},
        lambda status, headers: seen.append(int(status[:3])),
    )
    return seen[0], b"".join(answer).decode()


@cache
def application():
    return at_the_top(WSGIHandler())


@pytest.fixture(autouse=True)
def _connection_is_the_tests():
    """A server's request begins by closing connections: not this one, which is in the test's transaction."""
    request_started.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)


def refused(answer: tuple[int, str]) -> bool:
    status, page = answer
    return status == 400 and "Cette demande n’a pas pu être lue" in page


def test_no_other_charset_is_read_wherever_it_is_said():
    seen = 0
    for place, make in PLACES.items():
        for name in OTHERS:
            told, body = make(name)
            answer = ask(DOOR, method="POST", body=body, CONTENT_TYPE=in_charset(told), QUERY_STRING="next=/%C3%A9/")
            assert refused(answer), (place, name, answer[0])
            seen += 1
    assert seen == len(PLACES) * len(OTHERS) and seen > 240


def test_ours_is_read_however_it_is_spelled(client):
    seen = 0
    for place, make in PLACES.items():
        for name in SAME:
            told, body = make(name)
            answer = client.generic("POST", DOOR, body, content_type=told)
            ours = answer.status_code == 422 or (place == "JSON" and answer["Content-Type"] == "application/json")
            assert ours, (place, name, answer.status_code)
            seen += 1
    assert seen == len(PLACES) * len(SAME)


def test_the_tests_own_client_meets_the_same_door(client):
    """Without the entry point, where Django can make its request at all."""
    for name in ("utf-7", "zlib_codec", "idna", "undefined", "base64"):
        told = f"multipart/form-data; charset={name}; boundary={BOUNDARY}"
        assert client.generic("POST", DOOR, form(LOGIN), content_type=told).status_code == 400


# --- Bytes that are not UTF-8 ----------------------------------------------------------------------------------------
BROKEN = [b"\xff", b"\xe9t\xe9", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"a\x80"]
WRITTEN = ["été", "à\u00a0ê", "🎉", "\ufffd", "ᐃᓄᒃᑎᑐᑦ", "100 %", "+2AA-", "a&b=c", "\u2028"]


def disposition(rest: bytes) -> bytes:
    return b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\nx\r\n" % (BOUNDARY.encode(), rest)


# place -> (method, path, query, Content-Type, body), of some bytes.
FORM = "application/x-www-form-urlencoded"
BYTES = {
    "path": lambda b: ("GET", f"/occasions/{b.decode('latin-1')}/", "", "", b""),
    "query": lambda b: ("GET", "/occasions/", f"q={quote(b)}", "", b""),
    "query, as it is": lambda b: ("GET", "/occasions/", f"q={b.decode('latin-1')}", "", b""),
    "query, its name": lambda b: ("GET", "/occasions/", f"{quote(b)}=1", "", b""),
    "form": lambda b: ("POST", DOOR, "", FORM, b"login=" + quote(b).encode()),
    "form, as it is": lambda b: ("POST", DOOR, "", FORM, b"login=" + b),
    "form, its name": lambda b: ("POST", DOOR, "", FORM, quote(b).encode() + b"=1"),
    "field": lambda b: (
        "POST", DOOR, "", MULTIPART_CONTENT, form(part('Content-Disposition: form-data; name="login"', b))
    ),
    "field, its name": lambda b: ("POST", DOOR, "", MULTIPART_CONTENT, form(disposition(b'name="' + b + b'"'))),
    "file, its name": lambda b: (
        "POST", DOOR, "", MULTIPART_CONTENT, form(disposition(b'name="f"; filename="' + b + b'.txt"'))
    ),
    "file, its name escaped": lambda b: (
        "POST", DOOR, "", MULTIPART_CONTENT, form(disposition(b"name=f; filename*=utf-8''" + quote(b).encode()))
    ),
    "another header of a part": lambda b: (
        "POST", DOOR, "", MULTIPART_CONTENT, form(disposition(b"name=f\r\nX-Note: " + b))
    ),
    "half a part": lambda b: ("POST", DOOR, "", MULTIPART_CONTENT, disposition(b'name="' + b + b'"')[:-3]),
}  # fmt: skip


def test_bytes_that_are_not_utf8_are_refused_in_every_place():
    seen = 0
    for place, make in BYTES.items():
        for blob in BROKEN:
            method, path, query, told, body = make(blob)
            answer = ask(path, method=method, body=body, QUERY_STRING=query, CONTENT_TYPE=told)
            assert refused(answer), (place, blob, answer[0])
            seen += 1
    assert seen == len(BYTES) * len(BROKEN)


def test_what_people_write_passes_in_every_place(client):
    seen = 0
    for place, make in BYTES.items():
        text = "".join(WRITTEN).replace("%", "") if place == "path" else "".join(WRITTEN)
        method, path, query, told, body = make(text.encode())
        if method == "GET":
            assert ask(path, QUERY_STRING=query)[0] == (404 if place == "path" else 200), place
        else:
            assert client.generic("POST", path, body, content_type=told).status_code == 422, place
        seen += 1
    assert seen == len(BYTES) == 13


# --- Read as it was written ------------------------------------------------------------------------------------------
def read(body: bytes, told: str = MULTIPART_CONTENT):
    request = RequestFactory().generic("POST", "/", body, content_type=told)
    return request.POST, request.FILES


def test_fields_and_files_are_read_as_they_were_written():
    fields = {f"champ {text}": [text, text + "é"] for text in WRITTEN if "%" not in text}
    file = SimpleUploadedFile("à ê été 🎉.pdf", b"%PDF-\xff\x00", "application/pdf")
    post, files = read(encode_multipart(BOUNDARY, fields | {"pièce": file}))
    assert dict(post.lists()) == fields
    assert list(files) == ["pièce"] and files["pièce"].name == "à ê été 🎉.pdf"
    assert files["pièce"].read() == b"%PDF-\xff\x00" and files["pièce"].field_name == "pièce"
    with pytest.raises(AttributeError):
        post["x"] = "y"
    escaped = read(form(part("Content-Disposition: form-data; name=f; filename*=utf-8''%C3%A9t%C3%A9.txt", b"x")))[1]
    assert escaped["f"].name == "été.txt"
    encoded = 'Content-Disposition: form-data; name="f"\r\nContent-Transfer-Encoding: base64'
    assert read(form(part(encoded, b"w6l0w6k=")))[0]["f"] == "été"


@settings(max_examples=40)
@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n'), min_size=1), st.text()))
@example({" ": "--" + BOUNDARY})
def test_our_reading_is_that_of_django(fields):
    body = encode_multipart(BOUNDARY, fields)
    handlers = [multipart.Utf8Form(RequestFactory().get("/"))]
    meta = {"CONTENT_TYPE": MULTIPART_CONTENT, "CONTENT_LENGTH": len(body)}
    try:
        theirs = MultiPartParser(meta, io.BytesIO(body), [handlers[0].__class__.__base__()], "utf-8").parse()[0]
    except MultiPartParserError:
        theirs = None
    request = RequestFactory().generic("POST", "/", body, content_type=MULTIPART_CONTENT)
    try:
        ours = request.POST
    except MultiPartParserError:
        ours = None
    assert (ours and dict(ours.lists())) == (theirs and dict(theirs.lists()))


class Slowly(io.BytesIO):
    """At most so many bytes a time."""

    def __init__(self, body: bytes, most: int) -> None:
        super().__init__(body)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.most if size is None or size < 0 else min(self.most, size))


def test_each_part_is_looked_at_however_the_bytes_come():
    """At every size of reading, whether the part is the first, the second or the last."""
    plain = part('Content-Disposition: form-data; name="a"', b"--" + BOUNDARY[:5].encode() + b"\r\n\r\n-" * 9)
    other = part('Content-Disposition: form-data; name="b"\r\nContent-Type: text/plain; charset=utf-7', b"+2AA-")
    seen = 0
    for parts in ([other, plain], [plain, other], [plain, plain, other]):
        for most in (*range(1, 80), 1_024, 65_536):
            watched = multipart._Watched(Slowly(form(*parts), most), BOUNDARY.encode())
            with pytest.raises(MultiPartParserError):
                while watched.read(65_536):
                    pass
            seen += 1
            watched = multipart._Watched(Slowly(form(plain, plain), most), BOUNDARY.encode())
            assert b"".join(iter(lambda watched=watched: watched.read(999), b"")) == form(plain, plain)
    assert seen == 243


def test_what_is_looked_at_stays_small():
    """A file of ten megabytes passes, and never more than a reading and a boundary is held."""
    watched = multipart._Watched(io.BytesIO(form(LOGIN, part("X: y", b"\r" * 10_000_000))), BOUNDARY.encode())
    most = 0
    while watched.read(65_536):
        most = max(most, len(watched._rest))
    assert most < 2_048


# --- Headers ---------------------------------------------------------------------------------------------------------
FILES = "multipart/form-data; boundary"
GARBAGE = [
    *(
        "",
        ";",
        ";;;",
        "x",
        "/",
        "multipart/form-data",
        "multipart/form-data;",
        f"{FILES}=",
        f"{FILES}=\x7f",
        f"{FILES}=é",
    ),
    *(f"{FILES}={'b' * 201}", f'{FILES}="', f"{FILES}*=utf-8''%FF", f"{FILES}*0=a; boundary*2=c; boundary*=b"),
    *("a" * 7_000, "; " * 3_000, "a/b; =c", "text/plain; charset", "text/plain; charset*=x''y", "text/plain; a*b"),
    *("multipart/mixed; boundary=x", "application/json; charset*0=ut; charset*1=f-7", "=?utf-8?q?a?=; b=c"),
]


@pytest.mark.parametrize("told", GARBAGE, ids=range(len(GARBAGE)))
def test_a_garbled_content_type_is_refused_and_no_more(told):
    for body in (b"", form(LOGIN), b"login=a"):
        for method in ("GET", "POST"):
            status, page = ask(DOOR, method=method, body=body, CONTENT_TYPE=in_charset(told), QUERY_STRING="a=%C3%A9")
            assert status in ({200, 400} if method == "GET" else {400, 403}), status
            assert "<h1" in page


BITS = ["a/b", "; ", ";", "charset", "boundary", "name", "=", "*", "*0", "*1", "*0*", "''", "'", '"', "\\", "utf-8"]
BITS += ["utf-7", "x", "%C3%A9", "%FF", "é", "(", ")", ",", " ", "idna''x", "zlib_codec''x", "undefined''%FF"]


@given(st.lists(st.sampled_from(BITS), max_size=14))
@example(["a/b", ";", "charset", "*", "=", "x", "''", "x"])
def test_what_passes_is_what_django_can_read(bits):
    """Its request is made of a Content-Type outside of any net: what it stumbles on never comes to it."""
    told = "".join(bits)
    if charsets.is_utf8_header(told):
        _kind, parameters = parse_header_parameters(told)
        assert parameters.get("charset", "utf-8").strip().lower() in charsets.NAMES


MONSTERS = ["x" * 8_000, "é" * 200, "\xff\xfe", "=?utf-7?q?+2AA-?=", "fr," * 3_000, "*;q=" + "9" * 500, "fr;q=é"]
MONSTERS += [";" * 5_000, "-" * 5_000, in_charset("\ufffd"), "%00", "%FF", "http://[", "//", "bytes=-", "\\"]
READ = ["Accept", "Accept-Encoding", "Accept-Language", "Cookie", "HX-Current-URL", "HX-Request", "HX-Target", "Origin"]
READ += ["If-Modified-Since", "If-None-Match", "Range", "Referer", "Sec-Fetch-Site", "User-Agent", "X-CSRFToken"]
READ += ["X-Forwarded-For"]
AT_A_FORM = {"Cookie", "Origin", "Referer", "X-CSRFToken"}


def test_a_monstrous_header_is_no_error_of_the_server():
    seen = 0
    for name in READ:
        key = "HTTP_" + name.upper().replace("-", "_")
        for value in MONSTERS:
            for method, path in (("GET", "/"), ("POST", DOOR))[: 1 + (name in AT_A_FORM)]:
                status, _page = ask(path, method=method, **{key: value})
                assert status < 500, (name, value[:30], status)
                seen += 1
    assert seen == (len(READ) + len(AT_A_FORM)) * len(MONSTERS) > 300


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "messages"])
def test_a_cookie_of_ours_with_nul_is_refused(name):
    """Quoted, a cookie may hold any byte: PostgreSQL would refuse the key of the session that it names."""
    for value in ('"\\000aaaaaaaaaaaa"', '"aaaaaaaaaaaaaaa\\000"'):
        assert refused(ask("/", HTTP_COOKIE=f"{name}={value}"))
    for value in ("\xff" * 32, '"\\377aaaaaaaaaaaaaaa"', "é" * 16, "a" * 4_000, ""):
        assert ask("/", HTTP_COOKIE=f"{name}={value}")[0] == 200


def test_a_cookie_of_others_is_not_our_business():
    for value in ("\xff", '"\\000"', "%FF"):
        assert ask("/", HTTP_COOKIE=f"mesure={value}")[0] == 200


def test_lengths():
    for told in ("-1", "+1", "1e3", "0x10", "１２", " 1", "1 ", "9" * 5_000, "é", "1,1"):
        assert refused(ask(DOOR, method="POST", CONTENT_TYPE=FORM, CONTENT_LENGTH=told)), told


def test_a_client_that_is_ours_is_served():
    assert Client().get("/?q=%C3%A9").status_code == 200
