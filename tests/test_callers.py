"""Who calls, as every limit counts it: one function, believed no further than the proxies that were announced."""

import re

import pytest
from allauth.account.adapter import get_adapter
from allauth.core.internal.ratelimit import get_ip
from django.core.cache import cache
from django.test import Client, RequestFactory

from marketplace import keep
from marketplace.requests import caller_address
from tests.cast import PASSWORD
from tests.test_architecture import code, name_of

PROXY = "10.0.0.7"


def asked(forwarded=None, peer=PROXY):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return RequestFactory().post("/", headers=headers, REMOTE_ADDR=peer)


# (proxies, what X-Forwarded-For says, who calls)
CHAINS = [
    (0, None, PROXY),
    (0, "192.0.2.9", PROXY),
    (1, None, PROXY),
    (1, "", PROXY),
    (1, "192.0.2.9", "192.0.2.9"),
    (1, "1.1.1.1, 192.0.2.9", "192.0.2.9"),
    (1, "1.1.1.1,2.2.2.2 ,  192.0.2.9 ", "192.0.2.9"),
    (2, "1.1.1.1, 192.0.2.9, 10.0.0.8", "192.0.2.9"),
    (2, "192.0.2.9", PROXY),
    (3, "192.0.2.9, 10.0.0.8", PROXY),
    (1, "192.0.2.9:4711", "192.0.2.9"),
    (1, "[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::"),
    (1, "2001:db8:1:2::1", "2001:db8:1:2::"),
    (1, "2001:0DB8:1:2:ffff::", "2001:db8:1:2::"),
    (1, "::ffff:192.0.2.9", "192.0.2.9"),
    (1, "fe80::1%eth0", "fe80::"),
    (1, "unknown", PROXY),
    (1, "_hidden", PROXY),
    (1, "192.0.2.256", PROXY),
    (1, "192.0.2.9, ", PROXY),
    (1, "x" * 10_000, PROXY),
    (1, "[", PROXY),
    (1, "\u0661.1.1.1", PROXY),
    (1, "', DROP TABLE", PROXY),
]


@pytest.mark.parametrize(("proxies", "forwarded", "caller"), CHAINS)
def test_who_calls(settings, proxies, forwarded, caller):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    request = asked(forwarded)
    assert caller_address(request) == caller
    assert get_adapter(request).get_client_ip(request) == get_ip(request) == caller  # what the library counts


@pytest.mark.parametrize("peer", ["", "unix:", "anything"])
def test_a_peer_without_an_address_is_one_caller(peer):
    """A socket of the file system has none: behind it, only the proxies tell callers apart."""
    assert caller_address(asked(peer=peer)) == ""
    assert get_ip(asked(peer=peer)) == ""


def test_two_neighbours_of_a_64_are_one_caller_and_two_of_ipv4_are_two(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    six = {caller_address(asked(f"2001:db8::{number:x}")) for number in range(1, 300)}
    four = {caller_address(asked(f"::ffff:192.0.2.{number}")) for number in range(1, 201)}
    assert len(six) == 1 and len(four) == 200


@pytest.fixture
def form(cast):
    """The address of a form whose text is kept."""
    return f"/occasions/{cast.draft().number}/modifier/"


def post(client, path, forwarded):
    client.cookies["csrftoken"] = "x" * 32
    return client.post(path, {"title": "Mon texte"}, headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR=PROXY)


@pytest.mark.django_db
def test_others_behind_the_same_proxy_do_not_take_what_a_vendor_writes(cast, settings, form):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    cache.clear()
    for number in range(keep._PER_HOUR + 2):
        post(Client(), form, f"203.0.113.9, 198.51.100.{number}")
    vendor = Client()
    post(vendor, form, "203.0.113.9, 192.0.2.1")
    assert vendor.session["typed"]["path"] == form


@pytest.mark.django_db
def test_one_caller_is_limited_whatever_it_writes_left_of_its_address(cast, settings, form):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    cache.clear()
    for number in range(keep._PER_HOUR):
        post(Client(), form, f"203.0.113.{number}, 192.0.2.1")
    client = Client()
    post(client, form, "203.0.113.200, 192.0.2.1")
    assert "typed" not in client.session


@pytest.mark.django_db
@pytest.mark.parametrize("door", ["/compte/login/", "/pilotage/login/"])
def test_sign_ins_are_counted_by_caller_and_not_by_proxy(cast, settings, door):
    """The administration's own door leads to the one that counts."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/m/ip"}
    cache.clear()

    def tries(caller, email, password):
        client = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": caller})
        answer = client.post(door, {"login": email, "username": email, "password": password})
        if answer.status_code == 302 and answer["Location"].startswith("/compte/login/"):
            answer = client.post(answer["Location"], {"login": email, "password": password})
        return answer.status_code

    administrator = cast.administrator.email
    for number in range(3):
        assert tries("192.0.2.1", f"personne{number}@exemple.test", "faux-mot-de-passe") == 422
    assert tries("192.0.2.1", administrator, PASSWORD) == 422  # the right password, too late
    assert tries("192.0.2.2", administrator, PASSWORD) == 302


def test_nothing_else_reads_an_address():
    """REMOTE_ADDR and the proxies' headers are read in one place."""
    wanted = re.compile(r"REMOTE_ADDR|REMOTE_HOST|X[-_]FORWARDED[-_]FOR|X[-_]REAL[-_]IP|get_client_ip\(", re.IGNORECASE)
    seen, readers = 0, set()
    for path in code():
        seen += 1
        if wanted.search(path.read_text(encoding="utf-8")):
            readers.add(name_of(path))
    assert seen > 300
    assert readers == {"marketplace/requests.py", "marketplace/accounts/adapters.py"}
