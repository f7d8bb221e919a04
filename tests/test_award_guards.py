"""What became of an occasion follows its acts: awards made and reversed by moves, outcomes of proposals by their award,
notes frozen whole, the first of two people fixed. Each statement is one that the application's role may write.
"""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction

from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from opportunities.models import NoticeVersion, Opportunity
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import notes, reexamination_actions
from proposals.models import Award, NoteReexamination, NotesVersion, Proposal, Recommendation, Score
from tests.cast import CLOSES_AT
from tests.test_notices import held, problems
from tests.unguarded import unguarded

LATER = CLOSES_AT + timedelta(days=3)


def forged(statement, *parameters) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


# Two guards know what became of a proposal; which of them speaks first is the database's choice.
GUARDED = "what became|who is admissible is frozen"


def refused(words: str, statement: str, *parameters) -> None:
    with pytest.raises(DatabaseError, match=words), transaction.atomic():
        assert not forged(statement, *parameters), "it was accepted"


def spare(opportunity, proposal, **given) -> Recommendation:
    """Another accepted recommendation, as the application's role may write one."""
    first = Recommendation.objects.filter(opportunity=opportunity).first()
    values = {
        "opportunity": opportunity, "proposal": proposal, "by": first.by, "at": first.at, "ranking": first.ranking,
        "accepted": True, "decided_by": first.decided_by, "decided_at": first.decided_at,
    }  # fmt: skip
    return Recommendation.objects.create(**(values | given))


# --- Awards ----------------------------------------------------------------------------------------------------------
def test_an_award_is_inserted_standing_by_its_move(cast):
    """Fault of 0.5: an award already reversed was accepted, and shown on the public page with its forged reason."""
    opportunity, proposals = cast.awarded(mode="price")
    made = Award.objects.get()
    loser = next(row for row in proposals if row.pk != made.proposal_id)
    recommendation = spare(opportunity, loser)
    award = {
        "opportunity": opportunity, "proposal": loser, "recommendation": recommendation, "amount_cents": 60_000_00,
        "confirmed_by": cast.officer, "at": made.at,
    }  # fmt: skip
    for change in (
        {"reversed_at": LATER, "reversed_by": cast.officer, "reversal_reason": "MOTIF FORGÉ"},
        {"reversed_at": LATER}, {"reversal_reason": "MOTIF FORGÉ"}, {"reversed_by": cast.officer},
        {"amount_cents": 1}, {"at": LATER}, {"confirmed_by": cast.buyer},
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match="by its occasion"), transaction.atomic():
            Award.objects.create(**(award | change))
    with pytest.raises(DatabaseError), transaction.atomic():  # one stands
        Award.objects.create(**award)
    # As the owner, it is found and named.
    expected = held()
    with unguarded():
        Award.objects.create(**award, reversed_at=LATER, reversed_by=cast.officer, reversal_reason="MOTIF FORGÉ")
    assert ("award_extra", {"number": opportunity.number, "rank": 2}) in problems(expected)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_cents": 1}, {"confirmed_by": "buyer"}, {"at": CLOSES_AT}, {"proposal": "other"},
        {"recommendation": "other"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_confirmed_award_is_what_was_recommended(cast, monkeypatch, change):
    """In its occasion's own transaction too: a confirmation that wrote another figure would be rolled back."""
    opportunity, proposals = cast.recommended(mode="price")
    chosen = Recommendation.objects.get().proposal_id
    other = next(row for row in proposals if row.pk != chosen)
    create, seen = Award.objects.create, []

    def another(**values):
        told = dict(change)
        if "proposal" in told:
            told["proposal"] = other
        if "confirmed_by" in told:
            told["confirmed_by"] = cast.buyer
        if "recommendation" in told:
            told["recommendation"] = spare(opportunity, other)
        seen.append(told)
        return create(**(values | told))

    monkeypatch.setattr(type(Award.objects), "create", lambda _manager, **values: another(**values))
    with clock.set_to(LATER), pytest.raises(DatabaseError, match="by its occasion"):
        award_actions.confirm(opportunity, by=cast.officer)
    assert seen and Opportunity.objects.get(pk=opportunity.pk).state == "recommended"


def test_an_award_is_reversed_by_its_move(cast):
    opportunity, _proposals = cast.awarded(mode="price")
    reverses = "UPDATE proposals_award SET reversed_at = %s, reversed_by_id = %s, reversal_reason = %s"
    for at, by, reason in (
        (LATER, cast.officer.pk, "MOTIF FORGÉ"), (LATER, None, "x"), (None, cast.officer.pk, ""), (None, None, "x"),
    ):  # fmt: skip
        refused("an award is reversed", reverses, at, by, reason)
    with clock.set_to(LATER):
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Une erreur.")
        award_actions.reverse(opportunity, by=cast.second_officer)
    made = Award.objects.get()
    version = NoticeVersion.objects.get(kind="reversal")
    assert (made.reversed_at, made.reversal_reason) == (version.at, "Une erreur.")
    for column, value in (
        ("reversal_reason", "x"), ("reversed_by_id", cast.officer.pk), ("reversed_at", CLOSES_AT), ("amount_cents", 1),
        ("reversed_at", None), ("proposal_id", None),
    ):  # fmt: skip
        refused("an award is reversed", f"UPDATE proposals_award SET {column} = %s", value)
    refused("an award stays", "DELETE FROM proposals_award")
    assert not problems(held())


# --- Proposals -------------------------------------------------------------------------------------------------------
@pytest.fixture
def settled(cast):
    """Awarded, one proposal rejected."""
    opportunity, (first, second) = cast.opened(mode="price")
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        evaluation_actions.reject(second, by=cast.buyer, code="ADM-3", text="Attestation échue.")
        evaluation_actions.admit(first, by=cast.buyer)
        evaluation_actions.score(Proposal.objects.get(pk=first.pk), by=cast.buyer, values={}, seen=0)
        award_actions.recommend(opportunity, first, by=cast.buyer)
        award_actions.confirm(opportunity, by=cast.officer)
    return opportunity, first, second


def test_what_became_of_a_proposal_follows_the_award(cast, settled):
    """Fault of 0.5: the winner and a loser could change places, and a rejection its reason."""
    _opportunity, first, second = settled
    states = ("draft", "submitted", "opened", "admissible", "scored", "rejected", "not_awarded", "awarded", "withdrawn")
    tried = 0
    for proposal in (first, second):
        for other in states:
            if other != Proposal.objects.get(pk=proposal.pk).state:
                tried += 1
                with pytest.raises(DatabaseError), transaction.atomic():
                    assert not Proposal.objects.filter(pk=proposal.pk).update(state=other)
        for column, value in (
            ("rejection_code", "ADM-1"),
            ("rejection_text", "x"),
            ("examined_by_id", cast.officer.pk),
        ):
            tried += 1
            refused(GUARDED, f"UPDATE proposals_proposal SET {column} = %s WHERE id = %s", value, proposal.pk)
    assert tried == 22
    assert not problems(held())


def test_a_reversal_puts_every_proposal_back_where_it_was(cast, settled):
    """Ranks are given back, the examination is not: one person alone rejects nothing any more."""
    opportunity, first, second = settled
    with clock.set_to(LATER):
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Une erreur.")
        award_actions.reverse(opportunity, by=cast.second_officer)
        assert [Proposal.objects.get(pk=row.pk).state for row in (first, second)] == ["scored", "rejected"]
        for proposal, state in ((first, "awarded"), (second, "not_awarded"), (first, "not_awarded")):
            refused(GUARDED, "UPDATE proposals_proposal SET state = %s WHERE id = %s", state, proposal.pk)
        rejection = {"code": "ADM-4", "text": "Au registre."}
        with pytest.raises(IllegalMove):
            evaluation_actions.reject(Proposal.objects.get(pk=first.pk), by=cast.buyer, **rejection)
        for proposal in (first, second):
            with pytest.raises(ValidationError):
                evaluation_actions.reexamine(Proposal.objects.get(pk=proposal.pk), by=cast.buyer, reason="Au registre.")
        asked = reexamination_actions.ask_admission(
            first, by=cast.buyer, reason="Au registre des entreprises.", outcome="rejected", **rejection
        )
        reexamination_actions.accept(asked, by=cast.other_buyer)
    assert Proposal.objects.get(pk=first.pk).rejection_code == "ADM-4"
    refused(GUARDED, "UPDATE proposals_proposal SET rejection_text = 'x' WHERE id = %s", first.pk)
    assert not problems(held())


def test_no_proposal_begins_awarded(cast, settled):
    opportunity, _first, _second = settled
    values = {"opportunity": opportunity, "vendor": cast.vendor, "created_by": cast.buyer, "created_at": LATER}
    for state in ("awarded", "not_awarded"):
        with pytest.raises(DatabaseError, match="what became"), transaction.atomic():
            Proposal.objects.create(**values, updated_at=LATER, state=state)


# --- Notes -----------------------------------------------------------------------------------------------------------
def test_notes_are_frozen_whole_and_by_somebody(cast):
    """Fault of 0.5: set early by SQL, it took the place of the unveiling, and nothing told it."""
    freezes = "UPDATE opportunities_opportunity SET notes_frozen_at = %s, notes_frozen_by_id = %s WHERE id = %s"
    published = cast.published(title="Publiée")
    opened, _proposals = cast.opened(mode="adjusted_price", title="Ouverte")
    scored, _proposals = cast.scored(mode="adjusted_price", title="Notée")
    for row in (published, opened, scored):
        refused("with the digest", freezes, LATER, cast.buyer.pk, row.pk)
        refused("stay frozen", freezes, None, cast.buyer.pk, row.pk)
    cast.unveil(scored)
    for at, by in ((None, None), (LATER, cast.buyer.pk), (scored.closes_at, None)):
        refused("stay frozen", freezes, at, by, scored.pk)
    assert not problems(held())


def test_a_reexamination_is_asked_then_accepted_with_a_digest(cast):
    opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    with clock.set_to(LATER):
        asked = cast.ask_reexamination(first, "92")
    decided = {"decided_by": cast.other_buyer, "decided_at": LATER}
    with pytest.raises(DatabaseError, match="asked before"), transaction.atomic():
        NoteReexamination.objects.create(
            proposal=first, state="accepted", reason="x", asked_by=cast.buyer, asked_at=LATER, seen=1, total_after="9",
            **decided,
        )  # fmt: skip
    with pytest.raises(DatabaseError, match="decided once"), transaction.atomic():
        NoteReexamination.objects.filter(pk=asked.pk).update(state="accepted", **decided)
    with clock.set_to(LATER):
        reexamination_actions.accept(asked, by=cast.other_buyer)
    assert not problems(held(), opportunity.number)


def test_a_forged_reexamination_stays_behind_and_is_named(cast):
    """All that the application's role must write for a frozen note to move: the ledger has not its digest."""
    opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    expected = held()
    with clock.set_to(LATER):
        asked = cast.ask_reexamination(first, "92")
    lines = [line | {"value": "92.00"} for line in first.notes_versions.get().criteria]
    version = NotesVersion.objects.create(
        proposal=first, number=2, criteria=lines, by=cast.other_buyer, at=LATER, reexamination=asked
    )
    notes.seal(version, at=LATER)
    NoteReexamination.objects.filter(pk=asked.pk).update(
        state="accepted", decided_by=cast.other_buyer, decided_at=LATER
    )  # fmt: skip
    Score.objects.filter(proposal=first).update(value="92", reexamination=asked)
    found = dict(problems(expected, opportunity.number))
    assert found["notes_unheld"]["proposal"] == str(first.public_id)


# --- Two people ------------------------------------------------------------------------------------------------------
def test_the_first_of_two_people_stays(cast):
    opportunity, _proposals = cast.recommended(mode="price")
    sets = "UPDATE opportunities_opportunity SET {} = %s WHERE id = %s"
    for value in (cast.other_buyer.pk, None):
        refused("who recommended", sets.format("recommended_by_id"), value, opportunity.pk)
    with clock.set_to(LATER):
        award_actions.confirm(opportunity, by=cast.officer)
        refused("who recommended", sets.format("recommended_by_id"), None, opportunity.pk)
        refused("asked for a reversal", sets.format("reversal_reason"), "x", opportunity.pk)
        refused("asked for a reversal", sets.format("reversal_requested_by_id"), cast.officer.pk, opportunity.pk)
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Une erreur.")
        refused("asked for a reversal", sets.format("reversal_requested_by_id"), cast.second_officer.pk, opportunity.pk)
        refused("asked for a reversal", sets.format("reversal_reason"), "x", opportunity.pk)
        award_actions.withdraw_reversal(opportunity, by=cast.officer)
    assert not problems(held())
