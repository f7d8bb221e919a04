"""What comes twice at once: a form does its act once, and of two who ask for what may exist once, one is told."""

from collections import Counter

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db.models import Max
from django.forms import BaseForm, BaseFormSet
from django.test import Client
from django.utils import translation
from django.utils.html import strip_tags

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
    rows = [row for context in answer.context or [] for row in getattr(context, "dicts", [context])]
    values = [value for row in rows for value in dict(row).values()]
    told = [value.errors for value in values if isinstance(value, BaseForm | BaseFormSet) and any(value.errors)]
    return told or " ".join(strip_tags(answer.content.decode().partition("<main")[2]).split())[:900]


# Those that change a row and make none.
CHANGES_ROWS_ALONE = {"proposals:edit"}

# Addresses that take a POST and are no story, and why nothing is done twice.
NO_ACT = {
    "reads": {"proposals:verify", "audit:export", "health", "ready", "metrics"},
    "Stripe's event is kept once, under its own number: tests/test_webhooks.py": {"stripe_events"},
    "Stripe is asked with a key of its own, and answers the same: tests/test_paying_survives.py": {
        "contracts:abandon_payment", "contracts:payouts",
    },
    "a sign-in, a code, a password, a choice of language: done again, it is the same": {
        "account_login", "account_logout", "mfa_authenticate", "account_reauthenticate", "account_change_password",
        "account_reset_password_from_key", "account_confirm_email", "account_confirm_login_code", "profile",
        "mfa_activate_totp", "mfa_replace_totp", "mfa_deactivate_totp", "mfa_generate_recovery_codes",
        "mfa_index", "mfa_view_recovery_codes", "mfa_download_recovery_codes",
    },
    "a link serves once: tests/test_account_doors.py": {"account_undo"},
    "the same form as account_signup: tests/test_account_doors.py": {"account_email"},
}  # fmt: skip


def posts(cast) -> set[str]:
    """Every address that a signed-in person may post to, the administration's aside."""
    client, found = Client(), set()
    client.force_login(cast.outsider)
    for name, route, _pattern in ROUTES:
        if not name.startswith("admin:") and client.post(address(route)).status_code != 405:
            client.force_login(cast.outsider)
            found.add(name)
    return found


def test_every_form_of_the_product_is_walked(cast, bare_refusals):
    told = {name for name in STORIES if not name.startswith("admin:")}
    others = set().union(*NO_ACT.values())
    taken = posts(cast)
    assert taken - told - others == set()
    assert told - taken == set()
    assert len(told) == 93


def test_every_act_is_marked():
    views = {name: pattern.callback for name, _route, pattern in ROUTES}
    unmarked = {name for name in STORIES if not getattr(views[name], "once", False)}
    # Saved again, a vendor's page changes nothing; the administration's views are wrapped as they are called.
    assert {name for name in unmarked if not name.startswith("admin:")} == {"vendors:edit"}


# --- At once ---------------------------------------------------------------------------------------------------------
PARTS = 4


def repeated(before: list[int]) -> list:
    """What an act wrote more than once: entries of one act about one thing, messages of one kind to one person."""
    entries = LedgerPayload.objects.filter(entry__gt=before[0]).values_list("action", "subject")
    mails = OutgoingEmail.objects.filter(pk__gt=before[1]).values_list("template", "address", "subject")
    return [row for rows in (entries, mails) for row, count in Counter(rows).items() if count > 1]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", range(PARTS))
def test_two_clicks_at_once_do_it_once(part, settings):
    """Two connections, the same form: nothing twice, no error, and both are led to the same place."""
    settings.ADMINISTRATION_ASKS_AGAIN = False
    cast, wrong, names = Cast(), {}, list(STORIES)[part::PARTS]
    for name in names:
        story = STORIES[name]
        path = story.build(cast)
        with clock.set_to(story.at), translation.override("fr-ca"):
            cache.clear()
            page = story.page(path) if story.page else ""
            data = filled(person_of(cast, story), path, page=page, typed=story.typed)
            clients = [person_of(cast, story) for _click in range(2)]
            last = [model.objects.aggregate(last=Max("pk"))["last"] or 0 for model in (LedgerPayload, OutgoingEmail)]
            before = counted()
            answers = together(*[lambda client=client: client.post(path, data) for client in clients])
            made, after, twice = grew(before), counted(), repeated(last)
            answers.append(person_of(cast, story).post(path, data))
        told = {getattr(answer, "status_code", repr(answer)) for answer in answers}
        places = {answer.headers.get("Location") for answer in answers if not isinstance(answer, Exception)}
        if told != {302} or len(places) != 1 or twice or grew(after):
            wrong[name] = told, places, twice, made, grew(after)
    assert not wrong
    assert len(names) >= len(STORIES) // PARTS > 20
