"""What is read while an occasion is due and not opened: at once, what is true; and no page falls with an opening."""

import json
import logging
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace import lifecycle
from marketplace.dates import clock
from marketplace.files.disk import Disk
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry
from opportunities.models import Opportunity
from proposals.deposit import sealing
from proposals.models import Opening, Proposal
from proposals.opening import actions, lock
from proposals.opening.actions import Outcome
from tests.cast import CLOSES_AT
from tests.test_public_pages import text_of
from tests.test_sealing import Secrets

UNDER_WAY, AWAITED = "L’ouverture est en cours", "L’ouverture est attendue"


def page(name, occasion):
    return reverse(f"proposals:{name}", args=[occasion.number])


@pytest.fixture
def due(cast):
    """An occasion with two proposals, one with files; the clock stands at its closing instant."""
    occasion = cast.published()
    first = cast.proposal(occasion)
    Secrets().attach(first)
    cast.deposit(first)
    cast.submitted(occasion, vendor=cast.rival)
    with clock.set_to(CLOSES_AT):
        yield occasion


@pytest.fixture
def elsewhere(monkeypatch):
    """Another process is opening (tests/test_races.py has a real one)."""

    @contextmanager
    def taken(occasion):
        yield False

    monkeypatch.setattr(lock, "alone", taken)
    monkeypatch.setattr(lock, "under_way", lambda occasion: True)


def test_visitors_are_told_that_it_is_under_way(cast, due, elsewhere):
    buyer = Client()
    buyer.force_login(cast.buyer)
    for client, name in ((Client(), "minutes"), (buyer, "minutes"), (buyer, "evaluation")):
        answer = client.get(page(name, due))
        assert answer.status_code == 200 and UNDER_WAY in text_of(answer), name
    for client in (Client(), buyer):
        shown = text_of(client.get(due.get_absolute_url()))
        assert UNDER_WAY in shown and ">Ouverture en cours<" in shown and "En évaluation" not in shown
        assert "Déposer une proposition" not in shown
    assert ">Fermée<" in text_of(Client().get("/occasions/?etat=evaluation"))
    assert Opportunity.objects.get().state == "published" and not Opening.objects.exists()


def test_in_english_too(due, elsewhere):
    assert "The opening is under way" in text_of(Client().get(f"/en{due.get_absolute_url()}"))


def test_acts_wait_with_a_plain_sentence(cast, due, elsewhere, client):
    client.force_login(cast.officer)
    client.handler.enforce_csrf_checks = True  # as a browser's, the form has been read when it is refused
    client.cookies["csrftoken"] = token = "x" * 32
    ledger = LedgerEntry.objects.count()
    for address in (page("cancel", due), reverse("opportunities:add_addendum", args=[due.number])):
        answer = client.post(address, {"reason": "Besoin retiré", "csrfmiddlewaretoken": token})
        assert answer.status_code == 409
        assert "s’ouvrent en ce moment" in text_of(answer) and due.get_absolute_url() in text_of(answer)
        assert "Besoin retiré" in text_of(answer)  # what was written is not lost
    assert client.get(page("cancel", due)).status_code == 200
    assert Opportunity.objects.get().state == "published" and LedgerEntry.objects.count() == ledger
    assert Client().post(page("cancel", due)).status_code == 302  # a stranger signs in first, as for any act


def test_what_a_vendor_was_writing_is_given_back(cast, due, elsewhere, client):
    client.force_login(cast.vendor_owner)
    own = Proposal.objects.get(vendor=cast.vendor)
    answer = client.post(reverse("proposals:edit", args=[own.public_id]), {"text": "Mes derniers mots"})
    assert answer.status_code == 409 and "Mes derniers mots" in text_of(answer)
    shown = text_of(client.get(own.get_absolute_url()))
    assert "l’ouverture est attendue" in shown and "n’a pas été déposée" not in shown


@pytest.fixture
def broken(settings, monkeypatch):
    """{what fails: a function that has it fail}"""
    sealed = settings.MEDIA_ROOT / "sealed"

    def directory():
        file = min(sealed.iterdir())
        file.unlink()
        file.mkdir()

    def raising(error):
        def fails(*args, **named):
            raise error

        return fails

    return {
        "directory": directory,
        "gone": lambda: sealed.rename(sealed.with_name("away")),
        "denied": lambda: monkeypatch.setattr(Disk, "read", raising(PermissionError(13, "denied"))),
        "key": lambda: monkeypatch.setattr(sealing, "private_key", raising(sealing.KeyUnavailable())),
        "bug": lambda: monkeypatch.setattr(actions.proposal_emails, "opened", raising(RuntimeError("zq-bug"))),
    }


@pytest.mark.parametrize("what", ["directory", "gone", "denied", "key", "bug"])
def test_what_fails_in_an_opening_takes_no_page_down(cast, due, broken, what, caplog):
    own = Proposal.objects.get(vendor=cast.vendor)
    submission = own.submissions.get()
    broken[what]()
    people = {name: Client() for name in ("stranger", "vendor_owner", "officer")}
    for name in ("vendor_owner", "officer"):
        people[name].force_login(getattr(cast, name))
    addresses = [
        ("stranger", due.get_absolute_url()),
        ("stranger", page("minutes", due)),
        ("officer", page("evaluation", due)),
        ("vendor_owner", own.get_absolute_url()),
        ("vendor_owner", reverse("proposals:receipt", args=[submission.receipt_number])),
    ]
    for who, address in addresses:
        answer = people[who].get(address)
        assert answer.status_code == 200, address
        shown = text_of(answer)
        assert "attendue" in shown or "scellé" in shown, address
        assert not {"Unavailable", "zq-bug", "denied", "En évaluation"} & set(shown.split()), address
    checked = Client().post(reverse("proposals:verify"), {"text": json.dumps(submission.receipt)})
    assert checked.status_code == 200
    critical = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(critical) == 1 and due.number in critical[0].getMessage()  # once: pages do not insist
    assert AWAITED in text_of(people["stranger"].get(due.get_absolute_url()))
    assert Opportunity.objects.get().state == "published" and not Opening.objects.exists()


def test_an_opening_held_back_keeps_no_officer_from_cancelling(cast, due, broken, client):
    broken["key"]()
    client.force_login(cast.officer)
    assert client.post(page("cancel", due), {"reason": "Clé perdue"}).status_code == 302
    assert Opportunity.objects.get().state == "cancelled"


def test_a_large_occasion_is_left_to_the_worker_for_a_while(due, monkeypatch, client):
    monkeypatch.setattr(actions, "FEW", 1)
    assert AWAITED in text_of(client.get(due.get_absolute_url()))
    monkeypatch.setattr(lock, "under_way", lambda occasion: True)
    assert UNDER_WAY in text_of(client.get(page("minutes", due)))
    monkeypatch.setattr(lock, "under_way", lambda occasion: False)
    assert not Opening.objects.exists()
    cache.clear()  # the page of two seconds ago
    with clock.set_to(CLOSES_AT + actions.PATIENCE):  # nobody came
        assert UNDER_WAY not in text_of(client.get(due.get_absolute_url()))
    assert Opening.objects.get().opened_at == CLOSES_AT + actions.PATIENCE


def test_a_page_that_waits_is_shown_again_when_it_is_over(due, broken, monkeypatch, client):
    """The page asks (htmx); a visitor's page in memory never outlives the opening either."""
    state = page("opening_state", due)
    broken["bug"]()
    waiting = text_of(client.get(due.get_absolute_url()))
    assert f'hx-get="{state}?vu=attendue"' in waiting
    answer = client.get(state, {"vu": "attendue"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content, "HX-Refresh" in answer.headers) == (204, b"", False)
    assert client.get(state, {"vu": "en-cours"}).headers["HX-Refresh"] == "true"  # what it says is not true any more
    monkeypatch.undo()
    assert actions.open_due() == 1
    assert client.get(state, {"vu": "attendue"}).headers["HX-Refresh"] == "true"
    shown = text_of(client.get(due.get_absolute_url()))
    assert AWAITED not in shown and ">En évaluation<" in shown and "hx-trigger" not in shown
    assert client.get("/occasions/DAN-2099-0001/ouverture/etat/").status_code == 404


def test_an_operator_is_told_too(due, elsewhere, capsys):
    call_command("open_occasion", due.number)
    assert "L’ouverture est en cours" in capsys.readouterr().out


def test_the_lock_is_tried_and_never_waited_for(db):
    if connection.vendor == "postgresql":
        pytest.skip("one connection takes it twice: tests/test_races.py")
    assert not lock.under_way(1)
    with lock.alone(1) as first:
        with lock.alone(1) as second, lock.alone(2) as another:
            assert (first, second, another) == (True, False, False)
        assert lock.under_way(1)
    assert not lock.under_way(1)
    with lock.alone(1) as again:
        assert again


def test_the_ledger_is_written_last_and_at_once(due):
    """From its first entry to the commit, everybody else waits: nothing else is done in between."""
    before = LedgerEntry.objects.count()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert actions.open_if_due(due.number) is Outcome.OPENED
    texts = [query["sql"] for query in asked]
    written = [place for place, text in enumerate(texts) if "INTO marketplace_ledgerentry" in text]
    assert len(written) == 1 and len(texts) > 20
    after = [text for text in texts[written[0] + 1 :] if not text.startswith(("RELEASE", "INSERT INTO marketplace_l"))]
    assert not after
    entries = LedgerEntry.objects.filter(seq__gt=before).order_by("seq")
    assert [entry.action for entry in entries] == [
        "opportunity.open", "proposal.open", "proposal.open", "opening.minutes",
    ]  # fmt: skip
    assert {entry.at for entry in entries} == {CLOSES_AT}


def test_many_are_moved_as_one_is(cast, due):
    draft = cast.published(closes_at=CLOSES_AT + timedelta(days=9))
    entries = LedgerEntry.objects.count()
    rows = [*Proposal.objects.filter(opportunity=due).select_related("opportunity")]
    with pytest.raises(lifecycle.ValidationError, match="n’est pas en évaluation"):
        lifecycle.move_all([("open", rows)], by=None, at=CLOSES_AT)
    with pytest.raises(lifecycle.PermissionDenied):
        lifecycle.move_all([("open", [draft])], by=cast.officer, at=CLOSES_AT)
    due.open(by=None)
    with pytest.raises(IllegalMove):
        lifecycle.move_all([("open", [due])], by=None, at=CLOSES_AT)
    assert LedgerEntry.objects.count() == entries + 1
