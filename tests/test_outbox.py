"""The outbox: with the act or not at all, after it, once, to one person, in that person's language."""

from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail as django_mail
from django.db import transaction

from marketplace.dates import clock
from marketplace.mail import delivery, outbox
from marketplace.mail import tasks as mail_tasks
from marketplace.models import LedgerEntry, OutgoingEmail
from opportunities.models import Opportunity
from opportunities.review import actions as notice_review_actions
from tests.cast import PUBLISHED_AT, person

TEMPLATE = "emails/opportunity_in_review.txt"


class Broken(Exception):
    pass


@pytest.fixture
def opportunity(cast):
    with outbox.held():
        made = cast.draft()
    OutgoingEmail.objects.all().delete()
    return made


def queue(opportunity, to, **named):
    outbox.queue(TEMPLATE, to=to, at=PUBLISHED_AT, opportunity=opportunity, **named)
    return OutgoingEmail.objects.latest("pk")


def fail_with(monkeypatch, error):
    def send(message, *args, **named):
        raise error

    monkeypatch.setattr(django_mail.EmailMessage, "send", send)


def test_what_is_rolled_back_tells_nobody(cast, opportunity, mailoutbox, django_capture_on_commit_callbacks):
    ledger = LedgerEntry.objects.count()
    with (
        django_capture_on_commit_callbacks(execute=True) as sent,
        clock.set_to(PUBLISHED_AT),
        pytest.raises(Broken),
        transaction.atomic(),
    ):
        notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
        assert OutgoingEmail.objects.count() >= 2
        raise Broken
    assert not sent and not mailoutbox
    assert OutgoingEmail.objects.count() == 0 and LedgerEntry.objects.count() == ledger
    assert Opportunity.objects.get(pk=opportunity.pk).state == "draft"


def test_a_message_leaves_after_the_commit(cast, opportunity, mailoutbox, django_capture_on_commit_callbacks):
    with clock.set_to(PUBLISHED_AT), django_capture_on_commit_callbacks(execute=True) as sent:
        notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
        assert not mailoutbox
    rows = OutgoingEmail.objects.all()
    assert len(sent) == len(mailoutbox) == rows.count() >= 2
    assert all(row.sent_at and row.attempts == 1 and not row.last_error for row in rows)
    assert {message.to[0] for message in mailoutbox} == {row.address for row in rows}


def test_each_message_has_one_recipient(cast, opportunity, mailoutbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), clock.set_to(PUBLISHED_AT):
        notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
    assert all(len(message.recipients()) == 1 for message in mailoutbox)
    told = [message.to[0] for message in mailoutbox]
    assert len(told) == len(set(told))


def test_delivering_twice_sends_once(cast, opportunity, mailoutbox):
    row = queue(opportunity, cast.buyer)
    assert [delivery.deliver(row.pk), delivery.deliver(row.pk)] == [True, False]
    delivery.deliver_email(row.pk)
    assert len(mailoutbox) == 1
    assert delivery.deliver(10**9) is False


@pytest.mark.parametrize(
    "error", [OSError("down"), ConnectionRefusedError(), SMTPServerDisconnected("bye"), TimeoutError()]
)
def test_a_failing_server_is_tried_again_by_the_sweep(cast, opportunity, mailoutbox, monkeypatch, error):
    row = queue(opportunity, cast.buyer)
    with monkeypatch.context() as patch, clock.set_to(PUBLISHED_AT):
        fail_with(patch, error)
        assert delivery.deliver(row.pk) is False
        row.refresh_from_db()
        assert (row.attempts, row.sent_at, row.last_error) == (1, None, type(error).__name__)
    with clock.set_to(PUBLISHED_AT + timedelta(seconds=59)):
        mail_tasks.sweep_emails()  # its turn comes in a second
        assert not mailoutbox
    with clock.set_to(PUBLISHED_AT + timedelta(minutes=1)):
        mail_tasks.sweep_emails()
        mail_tasks.sweep_emails()
    row.refresh_from_db()
    assert len(mailoutbox) == 1 and row.sent_at and (row.attempts, row.last_error) == (2, "")


def test_one_refused_message_does_not_stop_the_sweep(cast, opportunity, mailoutbox, monkeypatch):
    first, second = queue(opportunity, cast.buyer), queue(opportunity, cast.officer)
    real = django_mail.EmailMessage.send

    def send(message, *args, **named):
        if message.to == [first.address]:
            raise OSError("refused")
        return real(message, *args, **named)

    monkeypatch.setattr(django_mail.EmailMessage, "send", send)
    with clock.set_to(PUBLISHED_AT + timedelta(minutes=2)):
        mail_tasks.sweep_emails()
    assert [message.to for message in mailoutbox] == [[second.address]]


def test_held_messages_are_never_sent(cast, opportunity, mailoutbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True) as sent, outbox.held():
        row = queue(opportunity, cast.buyer)
    assert row.held and not sent
    assert delivery.deliver(row.pk) is False
    with clock.set_to(PUBLISHED_AT + timedelta(days=1)):
        mail_tasks.sweep_emails()
    assert not mailoutbox and not queue(opportunity, cast.officer).held


def test_a_secret_is_erased_once_sent(db, mailoutbox, monkeypatch):
    outbox.enqueue("account/x.txt", "a@exemple.invalid", "Sujet", "lien-secret", to=None, at=PUBLISHED_AT, secret=True)
    row = OutgoingEmail.objects.get()
    with monkeypatch.context() as patch, clock.set_to(PUBLISHED_AT):
        fail_with(patch, OSError())
        delivery.deliver(row.pk)
    row.refresh_from_db()
    assert row.body == "lien-secret"  # still needed
    with clock.set_to(PUBLISHED_AT + timedelta(minutes=1)):
        assert delivery.deliver(row.pk)
    row.refresh_from_db()
    assert row.body == "" and "lien-secret" in mailoutbox[0].body


def test_inactive_people_get_nothing(cast, opportunity):
    cast.officer.is_active = False
    cast.officer.save()
    with clock.set_to(PUBLISHED_AT):
        notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
    addresses = set(OutgoingEmail.objects.values_list("address", flat=True))
    assert cast.officer.email not in addresses and cast.second_officer.email in addresses


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_each_reads_their_own_language(cast, opportunity, mailoutbox, language):
    reader = person("Lea Reader", language=language)
    row = queue(opportunity, reader)
    assert row.language == language
    delivery.deliver(row.pk)
    assert mailoutbox[0].extra_headers["Content-Language"] == language


def test_a_subject_is_one_line(db, mailoutbox):
    outbox.enqueue(
        "x.txt", "a@exemple.invalid", "Un\n sujet\r\nBcc: b@exemple.invalid", "corps", to=None, at=PUBLISHED_AT
    )
    row = OutgoingEmail.objects.get()
    assert row.subject.split() == ["Un", "sujet", "Bcc:", "b@exemple.invalid"]
    assert len(row.subject.splitlines()) == 1
    assert delivery.deliver(row.pk) and mailoutbox[0].recipients() == ["a@exemple.invalid"]
    outbox.enqueue("x.txt", "a@exemple.invalid", "é" * 400, "corps", to=None, at=PUBLISHED_AT)
    assert len(OutgoingEmail.objects.latest("pk").subject) == 250


def test_a_title_cannot_write_into_a_message(cast):
    """Plain text: nothing is escaped, and what people typed adds no header."""
    opportunity = cast.draft(title="L’accès & « l’usage » <b>")
    row = queue(opportunity, cast.buyer)
    text = row.subject + row.body
    assert "L’accès & « l’usage » <b>" in text and "&amp;" not in text and "&lt;" not in text and "&#" not in text


def test_every_message_has_a_subject_and_a_body(cast):
    """The whole story of one occasion, then each template that was used."""
    cast.awarded()
    rows = OutgoingEmail.objects.all()
    assert rows.count() > 15
    for row in rows:
        assert row.subject.strip() and len(row.body) > 40 and row.to_id, row.template
        assert "{{" not in row.body + row.subject and "{%" not in row.body, row.template
        assert "None" not in row.body, row.template
