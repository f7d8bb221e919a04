"""Unveiling the prices, notes that do not move after it, re-examinations by two people; what the database refuses."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import notes, price_actions, reexamination_actions
from proposals.models import NoteReexamination, NotesSeal, NotesVersion, Proposal, Score
from tests.cast import CLOSES_AT
from vendors.models import VendorMembership

MODES = ["quality_min_price", "adjusted_price"]
LATER = CLOSES_AT + timedelta(days=2)
WHY = "L’annexe C n’avait pas été lue."


@pytest.fixture
def later():
    with clock.set_to(LATER):
        yield LATER


def fresh(row):
    return type(row)._base_manager.get(pk=row.pk)


def values_of(proposal, value, comment=""):
    return {c.pk: (Decimal(value), comment) for c in proposal.opportunity.criteria.all()}


def sql(text, *params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.rowcount


def asked(cast, proposal, value="95", **given):
    return cast.ask_reexamination(proposal, value, reason=WHY, **given)


# --- The unveiling ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_prices_wait_for_their_act_then_notes_are_frozen(cast, later, mode):
    opportunity, (first, second) = cast.scored(mode=mode)
    assert award_actions.lines(opportunity) == []
    with pytest.raises(ValidationError, match="Dévoilez d’abord les prix"):
        award_actions.recommend(opportunity, first, by=cast.buyer, justification="Vite")
    price_actions.unveil(opportunity, by=cast.buyer)
    assert (opportunity.notes_frozen_at, opportunity.notes_frozen_by) == (LATER, cast.buyer)
    assert {line.proposal for line in award_actions.lines(opportunity)} == {first, second}
    for proposal in (first, second):
        with pytest.raises(ValidationError, match="Les notes sont gelées"):
            evaluation_actions.score(fresh(proposal), by=cast.other_buyer, values=values_of(proposal, "1"), seen=1)
    assert {score.value for score in Score.objects.all()} == {Decimal(90), Decimal(80)}
    with pytest.raises(ValidationError, match="pas de prix à dévoiler"):
        price_actions.unveil(fresh(opportunity), by=cast.buyer)
    assert LedgerEntry.objects.filter(action="opportunity.unveil_prices").count() == 1


@pytest.mark.parametrize("mode", ["price", "quality_fixed"])
def test_where_there_is_no_price_to_unveil_notes_freeze_at_the_recommendation(cast, later, mode):
    opportunity, (first, second) = cast.scored(mode=mode)
    with pytest.raises(ValidationError, match="pas de prix à dévoiler"):
        price_actions.unveil(opportunity, by=cast.buyer)
    best = award_actions.lines(opportunity)[0].proposal
    award_actions.recommend(opportunity, best, by=cast.buyer)
    frozen_at = fresh(opportunity).notes_frozen_at
    assert frozen_at == LATER
    body = LedgerPayload.objects.get(action="opportunity.recommend").body
    assert len(body.get("notes", [])) == (2 if mode == "quality_fixed" else 0) == NotesSeal.objects.count()
    award_actions.send_back(opportunity, by=cast.officer, reason="À revoir")
    if mode == "quality_fixed":
        with pytest.raises(ValidationError, match="gelées"):
            evaluation_actions.score(fresh(second), by=cast.buyer, values=values_of(second, "99"), seen=1)
    award_actions.recommend(fresh(opportunity), best, by=cast.buyer)
    assert fresh(opportunity).notes_frozen_at == frozen_at
    assert "notes" not in LedgerPayload.objects.filter(action="opportunity.recommend").latest("pk").body
    assert first.pk and NotesSeal.objects.count() == len(body.get("notes", []))


@pytest.mark.parametrize("left", ["opened", "admissible"])
def test_nothing_is_unveiled_before_every_proposal_is_decided(cast, later, left):
    opportunity, (first, second) = cast.opened(mode="adjusted_price")
    cast.admit(first)
    cast.score(first)
    if left == "admissible":
        cast.admit(second)
    with pytest.raises(ValidationError, match="Il reste 1 proposition"):
        price_actions.unveil(opportunity, by=cast.buyer)
    assert fresh(opportunity).notes_frozen_at is None and not NotesSeal.objects.exists()


def test_who_unveils(cast, later):
    opportunity, _proposals = cast.scored(mode="adjusted_price")
    VendorMembership.objects.create(user=cast.other_buyer, vendor=cast.rival, role="member")
    for person in (cast.officer, cast.other_buyer, cast.outside_buyer, cast.auditor, cast.administrator, None):
        with pytest.raises(PermissionDenied):
            price_actions.unveil(fresh(opportunity), by=person)
    assert fresh(opportunity).notes_frozen_at is None


def test_the_ledger_commits_to_each_proposals_notes_and_tells_none(cast, later):
    opportunity, pair = cast.scored(mode="adjusted_price", values=("91.25", "77.5"))
    cast.score(pair[1], "77.5", comment="Trop court sur les <risques>.", seen=1)
    price_actions.unveil(opportunity, by=cast.buyer)
    body = LedgerPayload.objects.get(action="opportunity.unveil_prices").body
    assert {one["proposal"] for one in body["notes"]} == {str(one.public_id) for one in pair}
    for one in body["notes"]:
        proposal = Proposal.objects.get(public_id=one["proposal"])
        content = notes.sealed(proposal).file(comments=True)
        assert notes.digest(content["salt"], content["notes"]) == one["sha256"] == content["sha256"]
        assert content["entry"]["hash"] == LedgerEntry.objects.get(action="opportunity.unveil_prices").hash
        salt = NotesSeal.objects.get(version__proposal=proposal).salt
        assert len(salt) == 64 and salt not in str(body)
    assert "77.5" not in str(body) and "risques" not in str(body)
    assert len(set(NotesSeal.objects.values_list("salt", flat=True))) == 2


@pytest.mark.parametrize("undo", ["send back", "reverse"])
def test_neither_a_return_nor_a_reversal_opens_the_notes_again(cast, undo):
    opportunity, (first, second) = cast.recommended(mode="adjusted_price")
    with clock.set_to(LATER):
        if undo == "reverse":
            award_actions.confirm(opportunity, by=cast.officer)
            award_actions.request_reversal(opportunity, by=cast.officer, reason=WHY)
            award_actions.reverse(opportunity, by=cast.second_officer)
            assert {fresh(one).state for one in (first, second)} == {"scored"}  # with the notes that they had
            with pytest.raises(ValidationError, match="gelée"):  # nor does it put anybody's admission in one hand
                evaluation_actions.reexamine(fresh(second), by=cast.buyer, reason=WHY)
        else:
            award_actions.send_back(opportunity, by=cast.officer, reason=WHY)
        with pytest.raises(ValidationError, match="gelées"):
            evaluation_actions.score(fresh(first), by=cast.buyer, values=values_of(first, "10"), seen=1)
        assert {line.ranked.final for line in award_actions.lines(fresh(opportunity))} == {90, 80}


# --- Re-examinations -------------------------------------------------------------------------------------------------
def test_a_note_changes_by_two_people_and_leaves_both_versions(cast, later):
    opportunity, (first, second) = cast.unveiled(mode="adjusted_price", prices=(60_000_00, 53_500_00))
    assert award_actions.lines(opportunity)[0].proposal == second
    request = asked(cast, first, "100", comment="L’annexe C répond à tout.")
    assert (request.total_before, request.total_after, request.state) == ("90", "100", "pending")
    assert {score.value for score in first.scores.all()} == {Decimal(90)}  # nothing before it is accepted
    reexamination_actions.accept(request, by=cast.other_buyer)
    assert {(row.value, row.comment, row.by, row.reexamination) for row in first.scores.all()} == {
        (Decimal(100), "L’annexe C répond à tout.", cast.buyer, request)
    }
    versions = list(first.notes_versions.all())
    assert [(row.number, notes.total(row.criteria), row.by) for row in versions] == [
        (1, "90", cast.buyer), (2, "100", cast.other_buyer),
    ]  # fmt: skip
    assert [(line.value_before, line.value_after) for line in request.lines.all()] == [(90, 100)] * 3
    payload = LedgerPayload.objects.get(action="notereexamination.accept")
    assert payload.body["notes"] == [{"proposal": str(first.public_id), "sha256": versions[1].seal.sha256}]
    assert payload.body["total_before"] == "90" and WHY not in str(payload.body)
    said = LedgerPayload.objects.get(action="notereexamination.ask").body
    assert said["reason"] == WHY and said["lines"][0]["before"] == "90.00" and said["lines"][0]["after"] == "100.00"
    public = LedgerEntry.objects.public().filter(action__startswith="notereexamination.")
    assert list(public.values_list("action", flat=True)) == ["notereexamination.accept"]
    assert award_actions.lines(fresh(opportunity))[0].proposal == first  # ranks are computed again
    assert award_actions.lines(fresh(opportunity))[0].ranked.final == 100


@pytest.mark.parametrize("who", ["buyer", "auditor", "administrator", "outside_officer", "vendor_owner", "outsider"])
def test_who_may_not_accept(cast, later, who):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    request = asked(cast, first)
    with pytest.raises(PermissionDenied):
        reexamination_actions.accept(request, by=getattr(cast, who))
    with pytest.raises(PermissionDenied):
        reexamination_actions.refuse(request, by=getattr(cast, who), reason=WHY)
    assert {score.value for score in first.scores.all()} == {Decimal(90)}


def test_a_person_tied_to_any_proponent_neither_asks_nor_decides(cast, later):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    request = asked(cast, first)
    for person in (cast.officer, cast.other_buyer):
        VendorMembership.objects.create(user=person, vendor=cast.rival, role="member")
        with pytest.raises(PermissionDenied):
            reexamination_actions.accept(request, by=type(person).objects.get(pk=person.pk))
    reexamination_actions.withdraw(request, by=cast.buyer)
    with pytest.raises(PermissionDenied):
        asked(cast, first, by=type(cast.other_buyer).objects.get(pk=cast.other_buyer.pk))


@pytest.mark.parametrize("who", ["officer", "auditor", "outside_buyer", "administrator", "vendor_owner"])
def test_who_may_not_ask(cast, later, who):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    with pytest.raises(PermissionDenied):
        asked(cast, first, by=getattr(cast, who))
    assert not NoteReexamination.objects.exists()


def test_a_refusal_and_a_withdrawal_change_nothing_and_are_kept(cast, later):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    refused = asked(cast, first)
    with pytest.raises(ValidationError):
        reexamination_actions.refuse(refused, by=cast.officer, reason="  ")
    reexamination_actions.refuse(refused, by=cast.officer, reason="L’annexe était hors délai.")
    taken_back = asked(cast, first)
    reexamination_actions.withdraw(taken_back, by=cast.buyer)
    assert [row.state for row in NoteReexamination.objects.order_by("pk")] == ["refused", "withdrawn"]
    assert {score.value for score in first.scores.all()} == {Decimal(90)} and NotesVersion.objects.count() == 2
    for row in (refused, taken_back):
        with pytest.raises(IllegalMove):
            reexamination_actions.accept(row, by=cast.officer)
    assert not LedgerEntry.objects.public().filter(action__startswith="notereexamination.").exists()


def test_one_waits_at_a_time_and_nothing_is_recommended_meanwhile(cast, later):
    opportunity, (first, second) = cast.unveiled(mode="adjusted_price")
    request = asked(cast, first)
    with pytest.raises(ValidationError, match="attend déjà une décision"):
        asked(cast, first, "60", by=cast.other_buyer)
    with pytest.raises(ValidationError, match="attend une décision"):
        award_actions.recommend(fresh(opportunity), first, by=cast.buyer, justification="Vite")
    other = asked(cast, second, "99")
    reexamination_actions.withdraw(other, by=cast.buyer)
    reexamination_actions.refuse(request, by=cast.officer, reason=WHY)
    award_actions.recommend(fresh(opportunity), first, by=cast.buyer, justification="Mieux")
    with pytest.raises(ValidationError, match="pas en évaluation"):  # sent back first
        asked(cast, first)


@pytest.mark.parametrize("stage", ["scored", "recommended", "awarded"])
def test_no_reexamination_before_the_freeze_nor_from_the_recommendation_on(cast, later, stage):
    _opportunity, (first, _second) = getattr(cast, stage)(mode="adjusted_price")
    with pytest.raises(ValidationError):
        asked(cast, first)
    assert not NoteReexamination.objects.exists()


def test_what_a_request_must_hold(cast, later):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")

    def ask(values, reason=WHY, seen=1):
        return reexamination_actions.ask(first, by=cast.buyer, reason=reason, values=values, seen=seen)

    whole = values_of(first, "95")
    for values, reason, seen, message in [
        (whole, "  ", 1, "Inscrivez le motif"),
        (whole, "é" * 2_001, 1, "2000"),
        (values_of(first, "90"), WHY, 1, "Rien ne change"),
        (dict(list(whole.items())[:1]), WHY, 1, "Chaque critère"),
        (whole, WHY, 0, "Les notes ont changé"),
        (values_of(first, "100.01"), WHY, 1, "100"),
    ]:
        with pytest.raises(ValidationError) as refused:
            ask(values, reason, seen)
        assert message in str(refused.value), message
    assert not NoteReexamination.objects.exists() and not OutgoingEmail.objects.filter(
        template__contains="reexamination"
    )


def test_a_proposal_admitted_after_the_freeze_gets_its_first_notes_by_two_people(cast, later):
    opportunity, (first, second) = cast.opened(mode="adjusted_price")
    cast.admit(first)
    cast.score(first, "90")
    evaluation_actions.reject(second, by=cast.buyer, code="CONF-9", text="Déclaration absente.")
    price_actions.unveil(opportunity, by=cast.buyer)
    admission = reexamination_actions.ask_admission(second, by=cast.buyer, reason=WHY, outcome="admissible")
    reexamination_actions.accept(admission, by=cast.other_buyer)
    second = fresh(second)
    assert second.state == "admissible"
    with pytest.raises(ValidationError, match="gelées"):
        evaluation_actions.score(second, by=cast.buyer, values=values_of(second, "80"))
    request = asked(cast, second, "80")
    assert request.total_before == ""
    reexamination_actions.accept(request, by=cast.officer)
    assert fresh(second).state == "scored" and second.notes_versions.get().number == 1
    assert len(award_actions.lines(fresh(opportunity))) == 2


def test_the_people_are_told(cast, later):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    OutgoingEmail.objects.all().delete()
    request = asked(cast, first)
    told = OutgoingEmail.objects.filter(template="emails/note_reexamination_asked.txt")
    assert {row.to for row in told} == {cast.other_buyer, cast.officer, cast.second_officer}
    url = reverse("proposals:decide_note_reexamination", args=[first.opportunity.number, first.public_id, request.pk])
    assert all(WHY in row.body and url in row.body for row in told)
    reexamination_actions.accept(request, by=cast.officer)
    assert OutgoingEmail.objects.get(template="emails/note_reexamination_decided.txt").to == cast.buyer


# --- What the database refuses ---------------------------------------------------------------------------------------
FORGED = {
    "an update": ("UPDATE proposals_score SET value = 99 WHERE proposal_id = %s", 0),
    "a comment": ("UPDATE proposals_score SET comment = 'Autre' WHERE proposal_id = %s", 0),
    "a deletion": ("DELETE FROM proposals_score WHERE proposal_id = %s", 0),
    "an insertion": (
        "INSERT INTO proposals_score (proposal_id, criterion_id, value, comment, by_id, at) "
        "SELECT proposal_id, criterion_id, 1, '', by_id, at FROM proposals_score WHERE proposal_id <> %s", 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_a_frozen_score_is_not_changed_by_sql(cast, later, what):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    before = list(Score.objects.order_by("pk").values())
    with pytest.raises(DatabaseError):
        sql(FORGED[what][0], first.pk)
    assert list(Score.objects.order_by("pk").values()) == before and len(before) == 6


def test_before_the_freeze_sql_may(cast, later):
    _opportunity, (first, _second) = cast.scored(mode="adjusted_price")
    assert sql("UPDATE proposals_score SET value = 99 WHERE proposal_id = %s", first.pk) == 3


def test_a_score_does_not_leave_its_proposal(cast, later):
    _frozen, (first, _second) = cast.unveiled(mode="adjusted_price")
    _open, (free, _last) = cast.opened(mode="adjusted_price")
    with pytest.raises(DatabaseError):
        sql("UPDATE proposals_score SET proposal_id = %s WHERE proposal_id = %s", free.pk, first.pk)


def test_the_freeze_is_not_undone_by_sql(cast, later):
    opportunity, _pair = cast.unveiled(mode="adjusted_price")
    for moment in (None, LATER + timedelta(days=1)):
        with pytest.raises(DatabaseError), transaction.atomic():
            Opportunity.objects.filter(pk=opportunity.pk).update(notes_frozen_at=moment)
    assert fresh(opportunity).notes_frozen_at is not None


def test_an_accepted_reexamination_serves_once_for_its_values_alone(cast, later):
    _opportunity, (first, second) = cast.unveiled(mode="adjusted_price")
    one = asked(cast, first, "95")
    reexamination_actions.accept(one, by=cast.officer)
    two = asked(cast, first, "85")
    for number, value, proposal in [
        (one.pk, 95, first),
        (one.pk, 94, first),
        (two.pk, 85, first),
        (one.pk, 95, second),
    ]:
        with pytest.raises(DatabaseError):  # used up, other values, not accepted, another proposal's
            sql(
                "UPDATE proposals_score SET value = %s, reexamination_id = %s WHERE proposal_id = %s",
                value, number, proposal.pk,
            )  # fmt: skip
    reexamination_actions.accept(two, by=cast.other_buyer)
    with pytest.raises(DatabaseError):  # back to what was accepted before
        sql("UPDATE proposals_score SET value = 95, reexamination_id = %s WHERE proposal_id = %s", one.pk, first.pk)
    assert {score.value for score in first.scores.all()} == {Decimal(85)}


def test_a_reexamination_stays_as_it_was_asked_and_decided(cast, later):
    _opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    request = asked(cast, first)
    table = "proposals_notereexamination"
    accepted = f"UPDATE {table} SET state = 'accepted', decided_at = asked_at, decided_by_id"
    for forged in [
        f"UPDATE {table} SET reason = 'Autre' WHERE id = %s",
        f"UPDATE {table} SET asked_by_id = {cast.officer.pk} WHERE id = %s",
        f"DELETE FROM {table} WHERE id = %s",
        f"{accepted} = asked_by_id WHERE id = %s",
        f"{accepted} = NULL WHERE id = %s",
        "UPDATE proposals_notereexaminationline SET value_after = 1 WHERE reexamination_id = %s",
        "DELETE FROM proposals_notereexaminationline WHERE reexamination_id = %s",
    ]:
        with pytest.raises(DatabaseError):
            sql(forged, request.pk)
    reexamination_actions.accept(request, by=cast.officer)
    with pytest.raises(DatabaseError):
        sql(f"UPDATE {table} SET state = 'pending', decided_at = NULL, decided_by_id = NULL WHERE id = %s", request.pk)
    for name in ("notesversion", "notesseal"):
        for verb in (f"DELETE FROM proposals_{name}", f"UPDATE proposals_{name} SET at = at"):
            with pytest.raises(DatabaseError):
                sql(verb)
    assert fresh(request).state == "accepted"
