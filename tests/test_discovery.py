"""What machines read first: robots.txt, sitemap.xml, security.txt; canonical, hreflang and Open Graph links."""

import re
from datetime import UTC, datetime, timedelta
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.test import override_settings
from django.urls import reverse

from marketplace import cache as page_cache
from marketplace.dates import clock
from marketplace.discovery.views import PRIVATE, SECURITY_DAYS
from marketplace.urls import SITEMAPS
from opportunities.models import Opportunity
from proposals.notice import actions as notice_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT

NS = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}
BASE = settings.BASE_URL
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _pages_are_not_kept(monkeypatch):
    monkeypatch.setattr(page_cache, "SECONDS", 0)


def listed(client, section) -> dict[str, str | None]:
    """{address: lastmod} of one file."""
    answer = client.get(f"/sitemap-{section}.xml")
    assert answer.status_code == 200 and answer["Content-Type"].startswith("application/xml")
    tree = ElementTree.fromstring(answer.content)
    return {url.find("s:loc", NS).text: url.findtext("s:lastmod", None, NS) for url in tree.findall("s:url", NS)}


# --- robots.txt ------------------------------------------------------------------------------------------------------
def test_robots_close_what_is_private_and_nothing_that_the_sitemap_lists(client, cast):
    cast.awarded()
    answer = client.get("/robots.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    robots = RobotFileParser()
    robots.parse(answer.content.decode().splitlines())
    assert robots.site_maps() == [f"{BASE}/sitemap.xml"]
    for path in PRIVATE:
        assert not robots.can_fetch("*", BASE + path) and not robots.can_fetch("*", f"{BASE}/en{path}x")
    addresses = [url for section in SITEMAPS for url in listed(client, section)]
    assert len(addresses) >= 40 and all(robots.can_fetch("*", url) for url in addresses)


@override_settings(DEMONSTRATION=True)
def test_a_demonstration_is_shown_by_no_engine(client, db):
    assert client.get("/robots.txt").content == b"User-agent: *\nDisallow: /\n"


# --- sitemap.xml -----------------------------------------------------------------------------------------------------
def test_the_index_names_each_file(client, cast):
    cast.published()
    tree = ElementTree.fromstring(client.get("/sitemap.xml").content)
    files = [url.text for url in tree.iterfind("s:sitemap/s:loc", NS)]
    assert [re.search(r"/sitemap-([a-z]+)\.xml$", url)[1] for url in files] == list(SITEMAPS)
    assert client.get("/sitemap-nulle.xml").status_code == 404
    assert client.get("/sitemap-pages.xml?p=9").status_code == 404
    assert client.get("/sitemap-pages.xml?p=x").status_code == 404


def test_every_address_is_a_page_in_both_languages(client, cast):
    cast.awarded()
    seen = 0
    with clock.set_to(CLOSES_AT + HOUR):
        for section in SITEMAPS:
            tree = ElementTree.fromstring(client.get(f"/sitemap-{section}.xml").content)
            for url in tree.findall("s:url", NS):
                address = url.find("s:loc", NS).text
                assert address.startswith(BASE + "/")
                links = {link.get("hreflang"): link.get("href") for link in url.findall("x:link", NS)}
                assert set(links) == {"fr-ca", "en", "x-default"} and address in links.values()
                seen += 1
                assert client.get(address.removeprefix(BASE)).status_code == 200, address
    assert seen >= 40


def test_only_what_is_public_is_listed(client, cast):
    cast.draft()
    cast.in_review()
    assert listed(client, "occasions") == listed(client, "attributions") == listed(client, "contrats") == {}
    shown = cast.published()
    page = f"{BASE}/occasions/{shown.number}/"
    with clock.set_to(PUBLISHED_AT + HOUR):
        assert listed(client, "occasions") == {
            page: PUBLISHED_AT.date().isoformat(),
            page.replace(f"{BASE}/", f"{BASE}/en/"): PUBLISHED_AT.date().isoformat(),
        }
    assert listed(client, "ouvertures") == {}


def test_a_date_moves_with_public_acts_and_never_with_sealed_ones(client, cast):
    occasion = cast.published()
    page = BASE + occasion.get_absolute_url()

    def changed() -> str | None:
        return listed(client, "occasions")[page]

    before = PUBLISHED_AT.date().isoformat()
    with clock.set_to(PUBLISHED_AT + HOUR):
        assert changed() == before
    at = PUBLISHED_AT + timedelta(days=3)
    with clock.set_to(at):
        cast.deposit(cast.proposal(occasion), at=at)
        assert changed() == before
        occasion = Opportunity.objects.get(pk=occasion.pk)
        notice_actions.add_addendum(occasion, text="Le format des données est précisé.", by=cast.officer)
        assert changed() == at.date().isoformat()
    with clock.set_to(CLOSES_AT - HOUR):
        assert changed() == at.date().isoformat()
    with clock.set_to(CLOSES_AT + HOUR):
        Opportunity.objects.filter(pk=occasion.pk).update(updated_at=CLOSES_AT + 9 * HOUR)  # says nothing to a reader
        assert changed() == CLOSES_AT.date().isoformat()


@pytest.mark.parametrize("rows", [1, 3])
def test_a_file_costs_the_same(client, cast, rows, django_assert_num_queries):
    for _n in range(rows):
        cast.published()
    client.get("/sitemap-occasions.xml")
    with django_assert_num_queries(3):  # the ledger's head, the clock, the rows
        client.get("/sitemap-occasions.xml")


# --- security.txt ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("now", ["2026-11-30T12:00", "2028-02-29T23:59", "2031-12-31T04:00", "2099-06-01T00:00"])
def test_security_txt_never_expires(client, db, now):
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    with clock.set_to(at):
        answer = client.get("/.well-known/security.txt")
    assert answer.status_code == 200 and answer["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.content.decode()
    fields = [line.split(": ", 1) for line in text.splitlines() if not line.startswith("#")]
    named = dict(fields)
    assert [name for name, _value in fields].count("Expires") == 1
    expires = datetime.fromisoformat(named["Expires"])
    assert at + timedelta(days=SECURITY_DAYS - 1) < expires < at + timedelta(days=365)
    assert fields[0] == ["Contact", f"mailto:{settings.CONTACT_EMAIL}"]
    assert named["Preferred-Languages"] == "fr, en" and named["Canonical"] == f"{BASE}/.well-known/security.txt"
    assert "français" in text and "security flaw" in text
    for name, value in fields:
        if value.startswith(BASE) and name == "Contact":
            assert client.get(value.removeprefix(BASE)).status_code == 200


# --- Links in <head> -------------------------------------------------------------------------------------------------
def head(client, url) -> dict[str, str]:
    """{what it is: address or text} of the links and of Open Graph."""
    page = client.get(url).content.decode().partition("</head>")[0]
    links = {f"{kind}": href for kind, href in re.findall(r'<link rel="(canonical)" href="([^"]+)"', page)}
    links |= dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)"', page))
    return links | dict(re.findall(r'<meta property="(og:[a-z:_]+)" content="([^"]*)"', page))


def test_a_public_page_says_where_it_is_in_both_languages(client, cast):
    occasion = cast.published(title='Relevé « simple » des "ponts" & routes')
    path = occasion.get_absolute_url()
    for url, lang in ((path, "fr_CA"), (f"/en{path}", "en_CA")):
        links = head(client, url)
        assert links["canonical"] == links["og:url"] == BASE + url
        assert links["fr-CA"] == links["x-default"] == BASE + path and links["en-CA"] == f"{BASE}/en{path}"
        assert links["og:locale"] == lang and links["og:type"] == "website"
        assert "&quot;ponts&quot; &amp; routes" in links["og:title"] and links["og:description"]
        assert links["og:image"].startswith(f"{BASE}/static/partage") and links["og:image:width"] == "1200"


def test_a_list_has_one_address_whatever_narrows_it(client, cast):
    cast.published()
    for query in ("", "?q=pont", "?etat=&region=01", "?apres=1-1", "?page=derniere"):
        assert head(client, f"/occasions/{query}")["canonical"] == f"{BASE}/occasions/"


@pytest.mark.parametrize("path", ["/occasions/DAN-2026-9999/", "/nulle-part/", "/en/nulle-part/"])
def test_a_page_that_is_not_there_names_none(client, db, path):
    assert client.get(path).status_code == 404 and not head(client, path)


def test_a_private_page_names_none(client, cast):
    client.force_login(cast.vendor_owner)
    assert client.get(reverse("vendors:mine")).status_code == 200 and not head(client, reverse("vendors:mine"))


def test_every_fixed_page_names_itself_once(client, db):
    seen = 0
    for name in SITEMAPS["pages"].names:
        path = reverse(name)
        page = client.get(path).content.decode()
        assert page.count('rel="canonical"') == page.count('property="og:title"') == 1, path
        assert head(client, path)["canonical"] == BASE + path
        title = re.search(r"<title>(.+?) – ", page)[1]
        assert head(client, path)["og:title"].strip() == title.strip()
        seen += 1
    assert seen >= 19
