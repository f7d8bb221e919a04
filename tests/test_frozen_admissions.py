"""Who is admissible, once notes are frozen: by two people, in every mode; what the database refuses of one alone."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import reexamination_actions
from proposals.models import NoteReexamination, Proposal
from tests.cast import CLOSES_AT
from tests.test_evaluation_pages import main_of, page
from vendors.models import VendorMembership

LATER = CLOSES_AT + timedelta(days=2)
WHY = "La déclaration d’intégrité n’est pas signée."
TEXT = "Signez la déclaration."
MODES = ["price", "quality_min_price", "adjusted_price", "quality_fixed"]


@pytest.fixture
def later():
    with clock.set_to(LATER):
        yield LATER


def fresh(row):
    return type(row)._base_manager.get(pk=row.pk)


def frozen(cast, mode, **fields):
    """(occasion, (first, last)): unveiled, or where nothing is unveiled recommended then sent back."""
    if mode in ("price", "quality_fixed"):
        opportunity, pair = cast.recommended(mode=mode, **fields)
        with clock.set_to(LATER):
            award_actions.send_back(opportunity, by=cast.officer, reason="À revoir")
    else:
        opportunity, pair = cast.unveiled(mode=mode, **fields)
    opportunity = fresh(opportunity)
    assert opportunity.notes_frozen_at is not None
    places = {line.proposal.pk: line.ranked.rank for line in award_actions.lines(opportunity)}
    return opportunity, sorted((fresh(one) for one in pair), key=lambda one: places[one.pk])


def asked(cast, proposal, outcome="rejected", **given):
    why = {"code": "CONF-9", "text": TEXT} if outcome == "rejected" else {}
    given = {"by": cast.buyer, "reason": WHY} | given
    return reexamination_actions.ask_admission(proposal, outcome=outcome, **why, **given)


def sql(text, *params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.rowcount


# --- Nobody alone ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_one_person_alone_moves_nobodys_admission_once_frozen(cast, later, mode):
    _opportunity, (first, last) = frozen(cast, mode)
    reexamination_actions.accept(asked(cast, last), by=cast.officer)
    tried = 0
    for person in (cast.buyer, cast.other_buyer):
        for proposal in (first, last):
            with pytest.raises(ValidationError, match="gelée"):
                evaluation_actions.reexamine(fresh(proposal), by=person, reason=WHY)
            for act in (
                lambda one, by=person: evaluation_actions.admit(one, by=by),
                lambda one, by=person: evaluation_actions.reject(one, by=by, code="CONF-9", text=TEXT),
            ):
                tried += 1
                with pytest.raises((ValidationError, IllegalMove)):
                    act(fresh(proposal))
            for move in ("readmit", "exclude"):
                with pytest.raises(PermissionDenied):
                    getattr(fresh(proposal), move)(by=person, reexamination=None)
    assert tried == 8
    assert (fresh(first).state, fresh(last).state) == ("scored", "rejected")


@pytest.mark.parametrize("mode", MODES)
def test_by_two_people_rejected_then_admitted_again_with_its_notes(cast, later, mode):
    opportunity, (first, last) = frozen(cast, mode)
    OutgoingEmail.objects.all().delete()
    request = asked(cast, first)
    assert fresh(first).state == "scored" and not NoteReexamination.objects.accepted().exists()
    with pytest.raises(ValidationError, match="attend une décision"):
        award_actions.recommend(fresh(opportunity), first, by=cast.buyer)
    with pytest.raises(PermissionDenied):
        reexamination_actions.accept(request, by=cast.buyer)
    reexamination_actions.accept(request, by=cast.officer)
    row = fresh(first)
    assert (row.state, row.rejection_code, row.rejection_text) == ("rejected", "CONF-9", TEXT)
    assert (row.reexamination, row.examined_by) == (request, cast.officer)
    assert fresh(request).effect == {
        "before": {"rank": 1, "place": "ranked", "first": [str(first.public_id)]},
        "after": {"rank": None, "place": "rejected", "first": [str(last.public_id)]},
    }
    told = OutgoingEmail.objects.filter(template="emails/proposal_rejected.txt")
    assert told.exists() and all(TEXT in message.body for message in told)
    assert [line.proposal for line in award_actions.lines(fresh(opportunity))] == [last]
    back = asked(cast, row, "admissible", by=cast.other_buyer, reason="Elle est signée.")
    reexamination_actions.accept(back, by=cast.buyer)
    row = fresh(first)
    assert (row.state, row.rejection_code, row.reexamination) == ("scored", "", back)
    assert [line.proposal for line in award_actions.lines(fresh(opportunity))] == [first, last]
    entries = LedgerPayload.objects.filter(subject=first.ledger_subject(), action__startswith="proposal.")
    acts = list(entries.order_by("entry").values_list("action", flat=True))
    assert acts[-3:] == ["proposal.exclude", "proposal.readmit", "proposal.restore"]
    excluded = LedgerPayload.objects.get(action="proposal.exclude").body
    assert (excluded["code"], excluded["text"], excluded["reason"]) == ("CONF-9", TEXT, WHY)
    assert excluded["asked_by"] == f"person:{cast.buyer.public_id}" != excluded["decided_by"]
    public = LedgerEntry.objects.public().filter(subject=first.ledger_subject())
    assert {entry.action for entry in public} == {"notereexamination.accept"}
    accepted = LedgerPayload.objects.filter(action="notereexamination.accept")
    assert not [row for row in accepted if WHY in str(row.body) or "CONF-9" in str(row.body) or "rank" in str(row.body)]


def test_what_a_request_must_hold(cast, later):
    _opportunity, (first, last) = frozen(cast, "adjusted_price")
    ask = reexamination_actions.ask_admission
    for proposal, given, message in [
        (first, {"outcome": "rejected", "code": "CONF-9", "text": TEXT, "reason": " "}, "Inscrivez le motif"),
        (first, {"outcome": "rejected", "code": "CONF-1", "text": TEXT}, "Choisissez un motif"),
        (first, {"outcome": "rejected", "code": "CONF-9", "text": " "}, "Expliquez le rejet"),
        (first, {"outcome": "rejected", "code": "CONF-9", "text": "é" * 2_001}, "2 000"),
        (first, {"outcome": "admissible"}, "Rien ne change"),
        (first, {"outcome": "awarded"}, "n’est pas un choix valide"),
    ]:
        with pytest.raises(ValidationError) as refused:
            ask(proposal, by=cast.buyer, **{"reason": WHY} | given)
        assert message in str(refused.value), (message, refused.value)
    for who in ("officer", "auditor", "outside_buyer", "administrator", "vendor_owner"):
        with pytest.raises(PermissionDenied):
            asked(cast, first, by=getattr(cast, who))
    assert not NoteReexamination.objects.exists()
    waiting = asked(cast, first)
    with pytest.raises(ValidationError, match="attend déjà une décision"):
        asked(cast, first, by=cast.other_buyer)
    with pytest.raises(ValidationError, match="attend déjà une décision"):
        cast.ask_reexamination(first, "95")
    VendorMembership.objects.create(user=cast.other_buyer, vendor=cast.rival, role="member")
    for who in ("auditor", "administrator", "outside_officer", "vendor_owner", "other_buyer"):
        with pytest.raises(PermissionDenied):
            reexamination_actions.accept(waiting, by=type(cast.buyer).objects.get(pk=getattr(cast, who).pk))
    assert fresh(last).state == fresh(first).state == "scored"


@pytest.mark.parametrize("stage", ["opened", "scored", "recommended", "awarded"])
def test_neither_before_the_freeze_nor_from_the_recommendation_on(cast, later, stage):
    _opportunity, (first, _second) = getattr(cast, stage)(mode="adjusted_price")
    with pytest.raises(ValidationError):
        asked(cast, fresh(first))
    assert not NoteReexamination.objects.exists()


def test_before_the_freeze_one_person_looks_again_and_the_former_name_goes(cast, later):
    _opportunity, (first, _second) = cast.scored(mode="adjusted_price")
    evaluation_actions.reexamine(fresh(first), by=cast.other_buyer, reason=WHY)
    assert (fresh(first).state, fresh(first).examined_by) == ("opened", None)


@pytest.mark.parametrize("mode", MODES)
def test_a_reversal_puts_nobodys_admission_in_one_hand(cast, mode):
    opportunity, pair = cast.awarded(mode=mode)
    with clock.set_to(LATER):
        award_actions.request_reversal(opportunity, by=cast.officer, reason=WHY)
        award_actions.reverse(opportunity, by=cast.second_officer)
        assert {fresh(one).state for one in pair} == {"scored"}
        assert {line.ranked.rank for line in award_actions.lines(fresh(opportunity))} == {1, 2}  # as they were
        for proposal in pair:
            with pytest.raises(ValidationError, match="gelée"):
                evaluation_actions.reexamine(fresh(proposal), by=cast.buyer, reason=WHY)
        best = award_actions.lines(fresh(opportunity))[0].proposal
        reexamination_actions.accept(asked(cast, best), by=cast.other_buyer)
        award_actions.recommend(fresh(opportunity), fresh(next(p for p in pair if p != best)), by=cast.buyer)
        award_actions.confirm(fresh(opportunity), by=cast.officer)
        assert fresh(opportunity).state == "awarded" and fresh(best).state == "rejected"


# --- What the database refuses ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_a_frozen_admission_is_not_changed_by_sql(cast, later, mode):
    _opportunity, (first, last) = frozen(cast, mode)
    refused = asked(cast, first)
    reexamination_actions.refuse(refused, by=cast.officer, reason="Elle est signée.")
    of_another = asked(cast, last)
    reexamination_actions.accept(of_another, by=cast.officer)
    waiting = asked(cast, first)
    before = list(Proposal.objects.order_by("pk").values())
    table, tried = "UPDATE proposals_proposal SET", 0
    reject = f"{table} state = 'rejected', rejection_code = 'CONF-9', rejection_text = '{TEXT}'"
    for forged, proposal in [
        (f"{reject} WHERE id = %s", first),
        *((f"{reject}, reexamination_id = {row.pk} WHERE id = %s", first) for row in (refused, of_another, waiting)),
        (f"{table} state = 'opened' WHERE id = %s", first),
        (f"{table} state = 'admissible' WHERE id = %s", first),
        (f"{table} reexamination_id = {waiting.pk} WHERE id = %s", first),
        (f"{table} rejection_text = 'Autre' WHERE id = %s", last),
        (f"{table} rejection_code = 'CONF-3' WHERE id = %s", last),
        (f"{table} state = 'scored' WHERE id = %s", last),
        (f"{table} state = 'admissible', rejection_code = '', rejection_text = '' WHERE id = %s", last),
        (f"{table} reexamination_id = NULL WHERE id = %s", last),
    ]:
        tried += 1
        with pytest.raises(DatabaseError):
            sql(forged, proposal.pk)
    assert tried == 12 and list(Proposal.objects.order_by("pk").values()) == before
    reexamination_actions.accept(waiting, by=cast.other_buyer)
    back = asked(cast, fresh(first), "admissible")
    reexamination_actions.accept(back, by=cast.other_buyer)
    with pytest.raises(DatabaseError):  # used up
        sql(f"{reject}, reexamination_id = {waiting.pk} WHERE id = %s", first.pk)
    assert fresh(first).state == "scored"


def test_a_request_stays_as_it_was_asked(cast, later):
    _opportunity, (first, _last) = frozen(cast, "adjusted_price")
    request = asked(cast, first)
    for forged in ("outcome = 'admissible', code = '', text = ''", "code = 'CONF-3'", "text = 'Autre'"):
        with pytest.raises(DatabaseError):
            sql(f"UPDATE proposals_notereexamination SET {forged} WHERE id = %s", request.pk)
    reexamination_actions.accept(request, by=cast.officer)
    with pytest.raises(DatabaseError):
        sql("UPDATE proposals_notereexamination SET effect = NULL WHERE id = %s", request.pk)
    for wrong in ({"outcome": "rejected"}, {"outcome": "admissible", "code": "CONF-9"}, {"outcome": "opened"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            NoteReexamination.objects.create(
                proposal=first, reason=WHY, asked_by=cast.buyer, asked_at=LATER, seen=1, total_after="1", **wrong
            )


def test_before_the_freeze_sql_may(cast, later):
    _opportunity, (first, _second) = cast.scored(mode="adjusted_price")
    assert sql("UPDATE proposals_proposal SET state = 'opened' WHERE id = %s", first.pk) == 1
    assert Opportunity.objects.get(pk=first.opportunity_id).notes_frozen_at is None


# --- By the pages ----------------------------------------------------------------------------------------------------
def plain(response):
    return main_of(response).replace("\u00a0", " ")


@pytest.mark.parametrize("mode", MODES)
def test_asked_by_one_decided_by_another_through_the_pages(cast, client, later, mode):
    opportunity, (first, last) = frozen(cast, mode)
    here, ask = page("examine", opportunity, first), page("ask_admission_reexamination", opportunity, first)
    client.force_login(cast.buyer)
    body = plain(client.get(here))
    assert ask in body and "Demander que la proposition soit rejetée" in body
    for name in ("reexamine", "reject", "admit"):
        assert page(name, opportunity, first) not in body, name
        data = {"reason": WHY, "code": "CONF-9", "text": TEXT}
        assert client.post(page(name, opportunity, first), data).status_code in (409, 422)
    empty = client.post(ask, {"outcome": "rejected", "code": "", "text": "", "reason": WHY})
    assert empty.status_code == 422 and "Choisissez un motif de rejet" in plain(empty)
    typed = {"outcome": "rejected", "code": "CONF-9", "text": TEXT, "reason": WHY}
    assert client.post(ask, typed).status_code == 302
    request = first.note_reexaminations.get()
    decide = reverse("proposals:decide_note_reexamination", args=[opportunity.number, first.public_id, request.pk])
    body = plain(client.get(here))
    assert "aucune autre ne peut être faite d’ici là" in body and ask not in body
    assert client.get(ask).status_code == 409
    own = client.get(decide)
    assert own.status_code == 200 and "Vous l’avez demandé" in plain(own) and "<form" not in plain(own)
    assert client.post(decide).status_code == 403
    client.force_login(cast.officer)
    assert decide in main_of(client.get(page("evaluation", opportunity)))
    body = plain(client.get(decide))
    for word in (
        WHY,
        TEXT,
        "CONF-9",
        "Rang avant",
        f"{last.vendor} devient la première",
        "est rejetée et n’est plus classée",
    ):
        assert word in body, word
    english = plain(client.get(f"/en{decide}"))
    assert f"{last.vendor} becomes first" in english and "devient" not in english
    assert client.post(decide).status_code == 302
    assert (fresh(first).state, client.post(decide).status_code) == ("rejected", 409)
    table = plain(client.get(page("evaluation", opportunity)))
    assert WHY in table and "est rejetée et n’est plus classée" in table
    client.force_login(cast.buyer)
    again = plain(client.get(here))
    assert "Demander que la proposition soit admise" in again
    assert client.post(ask, {"outcome": "admissible", "reason": "Elle est signée."}).status_code == 302


def test_where_one_more_waits_for_its_notes_what_was_read_stays(cast, client, later):
    """Prices that were unveiled, and who is under the minimum, are not hidden again; ranks wait."""
    opportunity, (first, last) = cast.opened(mode="quality_min_price", prices=(51_234_00, 52_345_00))
    for proposal in (first,):
        cast.admit(proposal)
        cast.score(proposal, "69")
    evaluation_actions.reject(last, by=cast.buyer, code="CONF-9", text=TEXT)
    cast.unveil(fresh(opportunity))
    reexamination_actions.accept(asked(cast, fresh(last), "admissible"), by=cast.officer)
    client.force_login(cast.buyer)
    body = plain(client.get(page("evaluation", opportunity)))
    assert "Sous le minimum" in body and "À noter" in body and "51 234" not in body
