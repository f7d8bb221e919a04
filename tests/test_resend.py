"""What was given up leaves again when somebody asks; the pilot's page of what has not left."""

import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.dates import clock
from marketplace.mail import outbox, views
from marketplace.mail import tasks as mail_tasks
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from tests.cast import PUBLISHED_AT

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
AT = PUBLISHED_AT + timedelta(days=5)
LIST = "/pilotage/courriels/"


def write(number=0, *, state="given_up", **named):
    secret = named.pop("secret", False)
    confidential = named.pop("confidential", False)
    outbox.enqueue(
        f"emails/x{number}.txt", f"lea{number}@exemple.invalid", "Sujet secret", "Corps secret", to=None,
        at=PUBLISHED_AT + number * HOUR, secret=secret, confidential=confidential,
    )  # fmt: skip
    row = OutgoingEmail.objects.latest("pk")
    given = {"reason": "refused" if state == "given_up" else "", "attempts": 9}
    OutgoingEmail.objects.filter(pk=row.pk).update(state=state, **(given | named))
    row.refresh_from_db()
    return row


def states():
    return list(OutgoingEmail.objects.order_by("pk").values_list("state", flat=True))


def resend(*args):
    out, err = StringIO(), StringIO()
    with clock.set_to(AT):
        call_command("resend", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


# --- The command -----------------------------------------------------------------------------------------------------
def test_all_that_failed_leaves_at_the_next_sweep(mailoutbox):
    failed, hidden = write(1), write(2, confidential=True)
    sent = write(3, state="sent", sent_at=PUBLISHED_AT)
    gone = write(4, secret=True, body="")
    with outbox.held():
        write(5)
    assert resend("--all-failed") == ("2 en attente.\n", "")
    assert states() == ["waiting", "waiting", "sent", "given_up", "given_up"]
    failed.refresh_from_db()
    assert (failed.attempts, failed.waits_since, failed.next_at) == (0, AT, AT)
    with clock.set_to(AT):
        mail_tasks.sweep_emails()
    assert [message.to[0] for message in mailoutbox] == [failed.address, hidden.address]
    assert states() == ["sent", "sent", "sent", "given_up", "given_up"] and sent.sent_at and not gone.body
    assert resend("--all-failed") == ("0 en attente.\n", "")


def test_some_leave_by_their_names():
    one, two, three = write(1), write(2, state="waiting", next_at=AT + HOUR), write(3)
    out, err = resend(str(one.public_id), str(two.public_id))
    assert (out, err) == ("2 en attente.\n", "") and states() == ["waiting", "waiting", "given_up"]
    two.refresh_from_db(), three.refresh_from_db()
    assert two.next_at == AT and three.state == "given_up"
    out, err = resend(str(uuid.uuid4()), str(three.public_id))
    assert out == "1 en attente.\n" and "n’existent pas" in err


@pytest.mark.parametrize("args", [[], ["--all-failed", str(uuid.uuid4())], ["12"], ["x"]])
def test_the_command_asks_which(args):
    write(1)
    with pytest.raises(CommandError):
        resend(*args)
    assert states() == ["given_up"]


def test_the_ledger_tells_who_asked_and_not_how_many(cast):
    write(1, confidential=True)
    resend("--all-failed")
    entry = LedgerEntry.objects.latest("seq")
    assert (entry.action, entry.subject) == ("mail.resend", "mail")
    assert set(LedgerPayload.objects.get(entry=entry).body) <= {"action", "actor", "subject"}
    before = LedgerEntry.objects.count()
    resend("--all-failed")  # nothing changes, and it is told the same: an entry must not say that something waited
    assert LedgerEntry.objects.count() == before + 1


# --- The page --------------------------------------------------------------------------------------------------------
@pytest.fixture
def pilot(cast, client):
    client.force_login(cast.administrator)
    return client


def get(client, path=LIST):
    with clock.set_to(AT):
        return client.get(path)


def test_the_page_tells_states_ages_and_reasons_and_no_contents(pilot):
    write(1, last_error="SMTPRecipientsRefused 550 5.1.1")
    write(2, state="waiting", reason="unreachable", next_at=AT + HOUR)
    write(3, state="waiting", confidential=True)
    write(4, state="sent", sent_at=PUBLISHED_AT)
    text = get(pilot).content.decode()
    assert text.count("emails/x") >= 2 and "emails/x3" not in text and "emails/x4" not in text
    for word in ("Abandonné", "En attente", "550 5.1.1", "refuse ce message", "ne répond pas", "l•••@exemple.invalid"):
        assert word in text, word
    assert "5 jours" in text.replace("\xa0", " ") or "4 jours" in text.replace("\xa0", " ")
    for hidden in ("secret", "lea1@", "lea2@", "lea3@"):
        assert hidden not in text, hidden


def test_nobody_else_knows_of_the_page(cast, client):
    row = write(1)
    others = [cast.buyer, cast.officer, cast.outsider, cast.auditor]
    paths = [LIST, f"{LIST}renvoyer/", f"{LIST}{row.public_id}/renvoyer/"]
    for person in others:
        client.force_login(person)
        for path in paths:
            assert client.get(path).status_code == client.post(path).status_code == 404, (person, path)
    assert states() == ["given_up"]


def test_the_list_is_filtered_and_cut(pilot, monkeypatch):
    monkeypatch.setattr(views, "PAGE", 3)
    for number in range(4):
        write(number)
        write(number, state="waiting")
    OutgoingEmail.objects.update(waits_since=PUBLISHED_AT)  # the same instant: the identifier decides
    seen, path = [], f"{LIST}?etat=given_up"
    while path:
        answer = get(pilot, path)
        seen += [row.pk for row, _address, _tone in answer.context["rows"]]
        path = answer.context["older"] and LIST + answer.context["older"]
        assert not path or "etat=given_up" in path
    assert len(seen) == len(set(seen)) == 4
    assert {row.state for row in OutgoingEmail.objects.filter(pk__in=seen)} == {"given_up"}
    for strange in ("etat=sent", "etat=x", "apres=x", "apres=1-" + "9" * 39, "apres=1-2", "apres=" + "9" * 18 + "-1"):
        assert get(pilot, f"{LIST}?{strange}").status_code == 200


def test_no_number_of_a_row_is_on_the_page(pilot):
    """Numbers could be counted, those of sealed proposals' messages included."""
    OutgoingEmail.objects.bulk_create([OutgoingEmail(
        pk=987_654_000 + number, address="a@exemple.invalid", template="emails/x.txt", language="fr-ca", subject="s",
        body="b", created_at=PUBLISHED_AT, waits_since=PUBLISHED_AT,
    ) for number in range(views.PAGE + 1)])  # fmt: skip
    answer = get(pilot)
    assert answer.context["older"] and "987654" not in answer.content.decode()


def test_the_page_costs_the_same_for_one_and_for_three(pilot):
    costs = []
    for number in range(3):
        write(number, state="waiting" if number == 1 else "given_up")
        with CaptureQueriesContext(connection) as caught:
            get(pilot)
        costs.append(len(caught))
    assert costs[1] == costs[2] <= costs[0]


def test_resending_one_from_its_page(pilot):
    row, other = write(1), write(2)
    path = f"{LIST}{row.public_id}/renvoyer/"
    page = get(pilot, path).content.decode()
    assert "Renvoyer ce courriel" in page and "l•••@exemple.invalid" in page and "secret" not in page
    with clock.set_to(AT):
        assert pilot.post(path).headers["Location"] == LIST
    assert states() == ["waiting", "given_up"] and other.state == "given_up"
    assert LedgerEntry.objects.latest("seq").action == "mail.resend"


@pytest.mark.parametrize("named", [{"state": "sent", "sent_at": PUBLISHED_AT}, {"confidential": True}, {"body": ""}])
def test_what_cannot_be_resent_has_no_page(pilot, named):
    row = write(1, **named)
    path = f"{LIST}{row.public_id}/renvoyer/"
    assert get(pilot, path).status_code == pilot.post(path).status_code == 404
    assert str(row.public_id) not in get(pilot).content.decode()


def test_resending_all_from_the_page(pilot):
    write(1), write(2, confidential=True), write(3, state="waiting")
    assert "renvoyer/" in get(pilot).content.decode()
    assert "Tout renvoyer" in get(pilot, f"{LIST}renvoyer/").content.decode()
    with clock.set_to(AT):
        assert pilot.post(f"{LIST}renvoyer/").headers["Location"] == LIST
    assert states() == ["waiting"] * 3


def test_an_empty_page_says_so(pilot):
    assert "Tout est parti" in get(pilot).content.decode()
    assert "Aucun courriel dans cet état" in get(pilot, f"{LIST}?etat=waiting").content.decode()
