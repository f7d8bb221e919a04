"""Every form page of the product at 320 px, the width that 400 % of zoom leaves (WCAG 1.4.10): nothing sticks out."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.cache import cache
from django.test import Client
from django.utils import translation

from contracts import documents
from marketplace.dates import clock
from tests.doubles import STORIES
from tests.test_lifecycle import cell

# The widths of a page come from its words and its style: looked at once.
pytestmark = [pytest.mark.browser, pytest.mark.django_db, pytest.mark.any_database]

PHONE = {"width": 320, "height": 640}
# What sticks out.
OUT = """() => [...document.querySelectorAll("main *")]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
  .map(one => `${one.tagName}.${one.className}#${one.id}`).slice(0, 5)"""
WIDTH = "() => document.documentElement.scrollWidth"


@pytest.fixture
def sheet(chromium):
    """A page 320 px wide that has the site's own files, without a server."""

    def served(route) -> None:
        path = urlsplit(route.request.url).path.removeprefix(settings.STATIC_URL)
        found = finders.find(path)
        route.fulfill(path=found) if found else route.abort()

    page = chromium.new_page(viewport=PHONE, base_url="http://localhost")
    page.route("**/*", served)
    yield page
    page.close()


def pages_of(cast, story) -> list[str]:
    """The page where a story's form stands, as its person reads it in both languages; [] for a form without a page."""
    client = Client()
    with translation.override("fr-ca"):  # the language of the addresses; a page in English leaves its own behind it
        path = story.build(cast)
        path = story.page(path) if story.page else path
        if story.who:
            client.force_login(getattr(cast, story.who))
        with clock.set_to(story.at):
            cache.clear()
            answers = [client.get(prefix + path) for prefix in ("", "/en")]
    return [answer.content.decode() for answer in answers if answer.status_code == 200]


def test_no_form_page_is_wider_than_a_phone(cast, sheet, settings, monkeypatch):
    settings.ADMINISTRATION_ASKS_AGAIN = False
    monkeypatch.setattr(documents.pdf, "render", lambda template, data, **_named: f"{template} {data}".encode())
    seen, wrong = 0, []
    for name, story in sorted(STORIES.items()):
        if name.startswith("admin:"):
            continue  # Django's own pages, for a desk
        pages: list[str] = []
        with cell():
            pages += pages_of(cast, story)
        for html in pages:
            sheet.set_content(html.replace("<head>", '<head><base href="http://localhost/">', 1))
            seen += 1
            if (width := sheet.evaluate(WIDTH)) > PHONE["width"]:
                wrong.append((name, width, sheet.evaluate(OUT)))
    assert not wrong, "\n".join(map(str, wrong))
    assert seen > 160
