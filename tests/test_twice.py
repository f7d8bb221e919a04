"""What comes twice at once: a form does its act once, and of two who ask for what may exist once, one is told."""

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client
from django.utils import translation

from contracts import documents
from marketplace.dates import clock
from tests.doubles import STORIES
from tests.typing_forms import filled

# What a page, a reminder of who reads, or a session writes by itself.
ASIDE = {"marketplace_sentform", "django_session", "marketplace_outgoingemail_x"}
TABLES = [model for model in apps.get_models() if model._meta.db_table not in ASIDE and model._meta.managed]


@pytest.fixture(autouse=True)
def _quick_documents(monkeypatch):
    """Documents are not what is tried here."""
    monkeypatch.setattr(documents.pdf, "render", lambda template, data, **_named: f"{template} {data}".encode())


def counted() -> dict[str, int]:
    """Rows of every table: acts, ledger entries, messages."""
    return {model._meta.label: model._base_manager.count() for model in TABLES}


def grew(before: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in counted().items() if count != before[name]}


def person_of(cast, story) -> Client:
    client = Client()
    if story.who:
        client.force_login(getattr(cast, story.who))
    return client


@pytest.mark.parametrize("name", sorted(STORIES))
def test_back_then_send_does_it_once(cast, name, settings):
    """The same form, sent again: one act, and the second answer leads where the first did."""
    story = STORIES[name]
    settings.ADMINISTRATION_ASKS_AGAIN = False
    path = story.build(cast)
    client = person_of(cast, story)
    with clock.set_to(story.at), translation.override("fr-ca"):
        cache.clear()
        data = filled(client, path, page=story.page(path) if story.page else "", typed=story.typed)
        before = counted()
        first = client.post(path, data)
        assert first.status_code == 302, (path, data, errors(first))
        made, after = grew(before), counted()
        again = client.post(path, data)
    assert again.status_code == 302 and again["Location"] == first["Location"], (path, again.status_code)
    assert not grew(after)
    assert made or name in CHANGES_ROWS_ALONE, name


def errors(answer) -> object:
    """What a refused page says."""
    import re

    forms = [value for row in answer.context or [] for value in row.values() if getattr(value, "errors", None)]
    text = re.sub(r"<[^>]+>|\s+", " ", answer.content.decode().partition("<main")[2])
    return [form.errors for form in forms] or text[:1500]


CHANGES_ROWS_ALONE: set[str] = set()
