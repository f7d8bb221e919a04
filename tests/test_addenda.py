"""An addendum: who is told, and the closing instant that it moves when it comes near it."""

from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from audit.ledger.act_details import described
from marketplace.dates import clock
from marketplace.dates.localtime import local, to_utc
from marketplace.models import LedgerPayload, OutgoingEmail
from opportunities import conditions
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.notice import actions as notice_actions
from proposals.public import history
from tests.cast import CLOSES_AT, closing
from vendors.models import VendorMembership

TEMPLATE = "emails/opportunity_addendum.txt"


def url(opportunity) -> str:
    return reverse("opportunities:add_addendum", args=[opportunity.number])


def again(opportunity) -> Opportunity:
    return Opportunity.objects.get(pk=opportunity.pk)


def here(year, month, day, hour=14, minute=0) -> datetime:
    return to_utc(datetime(year, month, day, hour, minute))  # noqa: DTZ001 - local by definition


def text_of(answer) -> str:
    return answer.content.decode().replace("\u00a0", " ")


# --- Who is told ---
def test_everybody_who_answers_is_told_once_and_the_author(cast, now):
    opportunity = cast.published()
    cast.submitted(opportunity)
    cast.proposal(opportunity, vendor=cast.rival)  # a draft is enough
    VendorMembership.objects.create(user=cast.vendor_owner, vendor=cast.rival, role="admin")  # two vendors, one message
    OutgoingEmail.objects.all().delete()
    cast.rival_owner.language = "en"
    cast.rival_owner.save()
    notice_actions.add_addendum(opportunity, by=cast.officer, text="Le **format** est précisé.")
    rows = {row.to: row for row in OutgoingEmail.objects.filter(template=TEMPLATE)}
    assert set(rows) == {cast.vendor_owner, cast.rival_owner, cast.buyer}
    assert OutgoingEmail.objects.count() == 3
    assert {person for person, row in rows.items() if row.confidential} == {cast.vendor_owner, cast.rival_owner}
    assert rows[cast.rival_owner].language == "en" and "November 24, 2026" in rows[cast.rival_owner].body
    for row in rows.values():
        assert "Le format est précisé." in row.body
    said = rows[cast.vendor_owner].body.replace("\u00a0", " ")
    assert "La date limite ne change pas : mardi 24 novembre 2026, 14 h 00 (HNE)" in said
    assert "reste valide et scellée" in said
    assert "/propositions/" not in rows[cast.buyer].body and "Atelier" not in rows[cast.buyer].body


@pytest.mark.parametrize(
    ("typed", "shown", "html"),
    [
        ("Précision.\n\n2. Deuxième", "Précision.\n\n2. Deuxième", '<ol start="2">'),
        ("1. un\n1. deux", "1. un\n2. deux", "<ol>"),
        ("Joindre :\n\uf0b7\tle plan\no\tsigné", "Joindre :\n\n- le plan\n   - signé", "<ul>"),
    ],
)
def test_the_page_the_message_and_the_ledger_say_the_same_numbers(client, cast, now, typed, shown, html):
    opportunity = cast.published()
    cast.submitted(opportunity)
    notice_actions.add_addendum(opportunity, by=cast.officer, text=typed)
    assert html in client.get(opportunity.get_absolute_url()).content.decode()
    for row in OutgoingEmail.objects.filter(template=TEMPLATE):
        assert shown in row.body
    body = LedgerPayload.objects.get(entry__action="opportunity.addendum").body
    assert body["text"] == typed  # what was typed is what the ledger commits to
    assert ("Texte", shown) in described("opportunity.addendum", body, {}, {})


def test_whoever_left_the_vendor_is_no_longer_told(cast, now):
    opportunity = cast.published()
    made = cast.proposal(opportunity, by=cast.vendor_member)
    assert made.created_by == cast.vendor_member
    VendorMembership.objects.filter(user=cast.vendor_member).delete()
    notice_actions.add_addendum(opportunity, by=cast.buyer, text="Précision")
    told = OutgoingEmail.objects.filter(template=TEMPLATE).values_list("to", flat=True)
    assert set(told) == {cast.vendor_owner.pk, cast.buyer.pk}


def test_a_refused_addendum_tells_nobody(cast, now):
    opportunity = cast.published()
    cast.submitted(opportunity)
    OutgoingEmail.objects.all().delete()
    with pytest.raises(ValidationError):
        notice_actions.add_addendum(opportunity, by=cast.buyer, text="  ")
    assert not OutgoingEmail.objects.exists()


# --- Near the closing ---
@pytest.mark.parametrize(
    ("closes", "at", "moved"),
    [
        # A Tuesday at 14 h: three days later is a Friday, whose eve is a Thursday.
        (here(2026, 11, 24), here(2026, 11, 21), here(2026, 11, 27)),
        (here(2026, 11, 24), here(2026, 11, 24, 13, 59), here(2026, 11, 27)),
        (here(2026, 11, 24), here(2026, 11, 21, 13, 59), None),
        # A Friday: Monday's eve is a Sunday, so Tuesday.
        (here(2026, 11, 27), here(2026, 11, 26), here(2026, 12, 1)),
        # Over 24 June 2027, a Thursday: the 25th follows a holiday, the 28th a Sunday.
        (here(2027, 6, 21), here(2027, 6, 20), here(2027, 6, 29)),
        # Before the holidays: 24, 25, 26 and 31 December, 1 and 2 January.
        (here(2026, 12, 22), here(2026, 12, 21), here(2026, 12, 29)),
        # The change of hour, 1 November 2026: the same hour on the clock, three days before and after.
        (here(2026, 10, 30), here(2026, 10, 29), here(2026, 11, 3)),
        (here(2026, 11, 3), here(2026, 10, 31), here(2026, 11, 6)),
        (here(2026, 11, 3), here(2026, 10, 31, 13, 59), None),
        # And 14 March 2027.
        (here(2027, 3, 16, 9, 30), here(2027, 3, 13, 9, 30), here(2027, 3, 19, 9, 30)),
        (here(2027, 3, 12), here(2027, 3, 12, 10), here(2027, 3, 16)),
    ],
)
def test_the_new_closing_instant(closes, at, moved):
    assert conditions.closing_after_addendum(Opportunity(closes_at=closes), at) == moved
    if moved:
        assert local(moved).time() == local(closes).time() and local(moved).date() - local(closes).date() >= timedelta(
            3
        )


def test_it_is_said_before_then_done_and_told(client, cast):
    opportunity = cast.published(
        assignment_date=date(2026, 11, 25), start_date=date(2026, 11, 26), completion_date=date(2026, 11, 26)
    )
    cast.submitted(opportunity)
    questions = opportunity.questions_close_at
    client.force_login(cast.buyer)
    with clock.set_to(CLOSES_AT - timedelta(days=4)):
        assert "Cet ajout ne change pas cette date" in text_of(client.get(url(opportunity)))
    with clock.set_to(CLOSES_AT - timedelta(hours=1)):
        page = text_of(client.get(url(opportunity)))
        assert "La date limite sera reportée" in page and "vendredi 27 novembre 2026, 14 h 00 (HNE)" in page
        assert again(opportunity).closes_at == CLOSES_AT
        answer = client.post(url(opportunity), {"text": "Un essai de plus."}, follow=True)
        assert "La nouvelle date limite est : vendredi 27 novembre 2026, 14 h 00 (HNE)." in text_of(answer)
    moved = again(opportunity)
    assert moved.closes_at == CLOSES_AT + timedelta(days=3) and moved.questions_close_at == questions
    assert moved.assignment_date == moved.start_date == moved.completion_date == date(2026, 11, 27)
    entry = LedgerPayload.objects.get(action="opportunity.addendum")
    assert entry.body["closes_at"] == moved.closes_at.isoformat()
    event = next(e for e in history.events(moved, [entry], at=CLOSES_AT) if e["label"].startswith("Addenda"))
    assert "vendredi 27 novembre 2026" in event["detail"]
    for row in OutgoingEmail.objects.filter(template=TEMPLATE):
        said = row.body.replace("\u00a0", " ")
        assert "La nouvelle est : vendredi 27 novembre 2026, 14 h 00 (HNE)" in said
    with clock.set_to(CLOSES_AT):  # what would have been too late is not
        cast.submitted(moved, vendor=cast.rival, at=CLOSES_AT)
        deposit_actions.withdraw(moved.proposals.get(vendor=cast.vendor), by=cast.vendor_owner)


def test_each_late_addendum_moves_it_again(cast):
    opportunity = cast.published()
    with clock.set_to(CLOSES_AT - timedelta(hours=1)):
        assert notice_actions.add_addendum(opportunity, by=cast.buyer, text="Un").moved_closing
        assert opportunity.closes_at == closing(date(2026, 11, 27))
        assert not notice_actions.add_addendum(opportunity, by=cast.buyer, text="Deux").moved_closing  # far again
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        assert notice_actions.add_addendum(opportunity, by=cast.buyer, text="Trois").moved_closing
    assert again(opportunity).closes_at == closing(date(2026, 12, 1))
    assert [a.number for a in opportunity.addenda.all()] == [1, 2, 3]


# --- While suspended ---
def suspended(cast, **fields) -> Opportunity:
    opportunity = cast.published(**fields)
    with clock.set_to(CLOSES_AT - timedelta(days=2)):
        award_actions.suspend(opportunity, by=cast.officer, reason="Une erreur est à l’étude.")
    return opportunity


@pytest.mark.parametrize("at", [CLOSES_AT - timedelta(hours=1), CLOSES_AT, CLOSES_AT + timedelta(days=40)])
@pytest.mark.parametrize("who", ["buyer", "officer"])
def test_it_is_added_during_a_suspension_and_moves_nothing(client, cast, at, who):
    """Near the announced closing instant or after it: no instant runs, the resumption gives one."""
    opportunity = suspended(cast)
    client.force_login(getattr(cast, who))
    with clock.set_to(at):
        assert url(opportunity) in client.get(opportunity.get_absolute_url()).content.decode()
        page = text_of(client.get(url(opportunity)))
        assert "La reprise annoncera une nouvelle date limite" in page and "sont acceptées jusqu’au" not in page
        answer = client.post(url(opportunity), {"text": "La correction annoncée."}, follow=True)
        assert "L’addenda 1 est publié" in text_of(answer) and "nouvelle date limite est" not in text_of(answer)
    row = again(opportunity)
    assert (row.state, row.closes_at, row.notice_version) == ("suspended", CLOSES_AT, 3)
    body = LedgerPayload.objects.get(action="opportunity.addendum").body
    assert "closes_at" not in body and body["notice_version"] == 3
    assert row.versions.get(number=3).sha256 == body["notice_sha256"]
    told = OutgoingEmail.objects.get(template=TEMPLATE)
    assert "aucun dépôt n’est accepté" in told.body and "2026, 14" not in told.body


@pytest.mark.parametrize("person", ["vendor_owner", "outside_officer", "administrator", "auditor"])
def test_nobody_else_adds_one_then(client, cast, person):
    opportunity = suspended(cast)
    client.force_login(getattr(cast, person))
    with clock.set_to(CLOSES_AT):
        assert client.get(url(opportunity)).status_code == 404
        assert client.post(url(opportunity), {"text": "Non"}).status_code == 404
    assert not opportunity.addenda.exists()


def test_the_resumption_leaves_the_days_that_an_addendum_asks(cast, settings):
    """Added just before: the new instant is as far from it as if it had moved it, whatever the resumption's minimum."""
    settings.RESUME_MINIMUM_DAYS = 1
    opportunity = suspended(cast)
    with clock.set_to(here(2026, 11, 25)):
        notice_actions.add_addendum(opportunity, by=cast.buyer, text="La correction.")
        with pytest.raises(ValidationError) as refused:
            award_actions.resume(opportunity, by=cast.officer, closes_at=here(2026, 11, 27))
        assert "au moins 3 jours" in str(refused.value.message_dict["closes_at"])
        award_actions.resume(again(opportunity), by=cast.officer, closes_at=here(2026, 11, 30))
    assert again(opportunity).closes_at == here(2026, 11, 30)
