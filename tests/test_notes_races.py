"""Notes saved, unveiled, re-examined and confirmed by many at once: PostgreSQL, a connection each (test_races.py)."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerPayload, User
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import notes, price_actions, reexamination_actions
from proposals.models import Award, NoteReexamination, NotesVersion, Proposal
from tests.cast import CLOSES_AT, Cast
from tests.test_races import assert_chain_intact, only, together

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
AFTER = CLOSES_AT + timedelta(days=1)
REFUSALS = (ValidationError, IllegalMove, PermissionDenied, evaluation_actions.Overtaken)


@pytest.fixture
def cast(transactional_db):
    return Cast()


def me(person):
    return User.objects.get(pk=person.pk)


def saves(proposal, person, number, seen=0):
    """Save a note of one's own, as a page that showed version `seen` would."""
    mine = Proposal.objects.get(pk=proposal.pk)
    values = {c.pk: (Decimal(50 + number % 50), f"{person.name} {number}") for c in mine.opportunity.criteria.all()}
    evaluation_actions.score(mine, by=me(person), values=values, seen=seen)
    return number


def assert_nothing_is_lost():
    """Versions without a hole, each in the ledger; each proposal's notes are those of its last version."""
    for proposal in Proposal.objects.all():
        versions = list(proposal.notes_versions.all())
        assert [row.number for row in versions] == list(range(1, len(versions) + 1))
        if versions:
            assert notes.lines_of(proposal) == versions[-1].criteria
    told = LedgerPayload.objects.filter(action__in=["proposal.score", "notereexamination.accept"])
    assert sum("version" in row.body for row in told) == NotesVersion.objects.count()


def test_fifty_saves_by_two_people_lose_nothing(cast):
    """Each page showed no note: the first one saves, the others are shown its notes; then each saves knowingly."""
    _opportunity, (first, _second) = cast.opened(mode="adjusted_price")
    cast.admit(first)
    people = [cast.buyer, cast.other_buyer]
    with clock.set_to(AFTER):
        results = together(*[lambda n=n: saves(first, people[n % 2], n) for n in range(50)], workers=10)
        assert len(only(results, evaluation_actions.Overtaken)) == 49
        assert (
            NotesVersion.objects.get().criteria[0]["comment"].endswith(str(next(r for r in results if r in range(50))))
        )

        def insists(number):
            """Reads what stands, and saves over it until nobody was faster."""
            for _try in range(60):
                seen = Proposal.objects.get(pk=first.pk).notes_versions.count()
                try:
                    return saves(first, people[number % 2], number, seen)
                except evaluation_actions.Overtaken:
                    continue
            raise AssertionError("somebody else was always faster")

        kept = together(*[lambda n=n: insists(n) for n in range(100, 120)], workers=6)
    assert not only(kept) and NotesVersion.objects.count() == 21
    said = {row.criteria[0]["comment"] for row in NotesVersion.objects.all()}
    assert len(said) == 21  # every version that was saved is there
    assert_nothing_is_lost()
    assert_chain_intact()


def test_nothing_moves_after_the_unveiling_whoever_saves_meanwhile(cast):
    opportunity, (first, second) = cast.scored(mode="adjusted_price")
    people = [cast.buyer, cast.other_buyer]

    def unveil(person):
        price_actions.unveil(Opportunity.objects.get(pk=opportunity.pk), by=me(person))
        return "unveiled"

    acts = [lambda n=n: saves((first, second)[n % 2], people[n % 2], n, seen=1) for n in range(40)]
    acts[20:20] = [lambda n=n: unveil(people[n % 2]) for n in range(10)]
    with clock.set_to(AFTER):
        results = together(*acts, workers=10)
    only(results, *REFUSALS)
    assert results.count("unveiled") == 1
    unveiled = LedgerPayload.objects.get(action="opportunity.unveil_prices")
    assert not LedgerPayload.objects.filter(action="proposal.score", entry__gt=unveiled.entry_id).exists()
    sealed = {one["proposal"]: one["sha256"] for one in unveiled.body["notes"]}
    for proposal in (first, second):
        seal = notes.sealed(Proposal.objects.get(pk=proposal.pk)).seal
        assert seal.sha256 == sealed[str(proposal.public_id)] and seal.version.number == proposal.notes_versions.count()
        assert notes.digest(seal.salt, notes.document(seal.version, seal.comments_salt)) == seal.sha256
    assert_nothing_is_lost()
    assert_chain_intact()


def test_reexaminations_recommendations_and_confirmations_at_once(cast):
    """One pending at a time, decided once, never by whoever asked; one award; each change has its trace."""
    opportunity, (first, second) = cast.unveiled(mode="adjusted_price")

    def occasion():
        return Opportunity.objects.get(pk=opportunity.pk)

    def ask(number):
        proposal = Proposal.objects.get(pk=(first, second)[number % 2].pk)
        values = {c.pk: (Decimal(75 + number), "Relu") for c in proposal.opportunity.criteria.all()}
        seen = proposal.notes_versions.count()
        by = me((cast.buyer, cast.other_buyer)[number % 2])
        reexamination_actions.ask(proposal, by=by, reason=f"Motif {number}", values=values, seen=seen)
        return "asked"

    def decide(number):
        row = NoteReexamination.objects.pending().order_by("pk").first()
        if row is None:
            return "none"
        by = me((cast.buyer, cast.other_buyer, cast.officer)[number % 3])
        if number % 4:
            reexamination_actions.accept(row, by=by)
        else:
            reexamination_actions.refuse(row, by=by, reason="Non")
        return "decided"

    def recommend():
        best = award_actions.lines(occasion())[0].proposal
        award_actions.recommend(occasion(), best, by=me(cast.buyer), justification="Premier rang")
        return "recommended"

    def confirm(number):
        award_actions.confirm(occasion(), by=me((cast.officer, cast.second_officer)[number % 2]))
        return "confirmed"

    acts = []
    for number in range(14):
        acts += [lambda n=number: ask(n), lambda n=number: decide(n), recommend, lambda n=number: confirm(n)]
    with clock.set_to(AFTER):
        results = together(*acts, workers=8)
        only(results, *REFUSALS)
        for row in NoteReexamination.objects.pending():  # what was left when the others had finished
            reexamination_actions.accept(row, by=me(cast.officer))
        if occasion().state == "evaluation":
            recommend()
        last = together(*[lambda n=n: confirm(n) for n in range(10)])
        only(last, *REFUSALS)
    counts = Counter(result for result in results if isinstance(result, str))
    assert counts["asked"] == NoteReexamination.objects.count() >= 1
    assert Award.objects.count() == 1 and occasion().state == "awarded"
    states = Counter(NoteReexamination.objects.values_list("state", flat=True))
    assert set(states) <= {"accepted", "refused"}
    assert not [row for row in NoteReexamination.objects.all() if row.decided_by_id == row.asked_by_id]
    traces = LedgerPayload.objects.filter(action="notereexamination.accept").count()
    assert traces == states["accepted"] == NotesVersion.objects.filter(reexamination__isnull=False).count()
    award = Award.objects.get()
    changed = LedgerPayload.objects.filter(action="notereexamination.accept").order_by("entry").last()
    confirmed = LedgerPayload.objects.get(action="opportunity.confirm_award")
    assert changed is None or changed.entry_id < confirmed.entry_id
    final = {row["proposal"]: row["final"] for row in award.recommendation.ranking}
    for proposal in (first, second):  # ranked upon the notes that stand
        version = proposal.notes_versions.order_by("-number").first()
        assert Fraction(notes.total(version.criteria)) == Fraction(final[str(proposal.public_id)])
    assert_nothing_is_lost()
    assert_chain_intact()


def test_what_is_frozen_is_what_was_shown_whoever_saves_meanwhile(cast):
    """The unveiling carries the versions that its page showed: it freezes those, or nothing."""
    opportunity, (first, second) = cast.scored(mode="adjusted_price")
    people = [cast.buyer, cast.other_buyer]

    def occasion():
        return Opportunity.objects.get(pk=opportunity.pk)

    def unveil(person):
        seen = price_actions.standing(occasion())
        price_actions.unveil(occasion(), by=me(person), seen=seen)
        return seen

    def insists(number):
        proposal = (first, second)[number % 2]
        return saves(proposal, people[number % 2], number, seen=proposal.notes_versions.count())

    acts = [lambda n=n: insists(n) for n in range(30)]
    acts[10:10] = [lambda n=n: unveil(people[n % 2]) for n in range(20)]
    with clock.set_to(AFTER):
        results = together(*acts, workers=10)
        only(results, price_actions.Moved, *REFUSALS)
        shown = [result for result in results if isinstance(result, dict)]
        if not shown:  # every page was overtaken
            shown = [unveil(cast.buyer)]
    assert len(shown) == 1 and occasion().notes_frozen_at is not None
    for proposal in (first, second):
        sealed = notes.sealed(Proposal.objects.get(pk=proposal.pk)).seal.version.number
        assert shown[0][str(proposal.public_id)] == sealed == proposal.notes_versions.count()
    assert_nothing_is_lost()
    assert_chain_intact()


def test_nobody_alone_moves_an_admission_however_many_try_at_once(cast):
    """Each move of a frozen proposal has its accepted re-examination, by two people; one pending at a time."""
    opportunity, pair = cast.unveiled(mode="adjusted_price")
    people = [cast.buyer, cast.other_buyer]

    def fresh(number):
        return Proposal.objects.get(pk=pair[number % 2].pk)

    def alone(number):
        proposal, by = fresh(number), me(people[number % 2])
        if number % 3 == 0:
            evaluation_actions.reexamine(proposal, by=by, reason="Seul")
        elif number % 3 == 1:
            evaluation_actions.reject(proposal, by=by, code="CONF-9", text="Seul")
        else:
            evaluation_actions.admit(proposal, by=by)
        return "alone"

    def ask(number):
        proposal = fresh(number)
        outcome = "admissible" if proposal.state == "rejected" else "rejected"
        why = {"code": "CONF-9", "text": "Absente"} if outcome == "rejected" else {}
        by = me(people[number % 2])
        reexamination_actions.ask_admission(proposal, by=by, reason=f"Motif {number}", outcome=outcome, **why)
        return "asked"

    def decide(number):
        row = NoteReexamination.objects.pending().order_by("pk").first()
        if row is None:
            return "none"
        by = me((cast.buyer, cast.other_buyer, cast.officer)[number % 3])
        if number % 5:
            reexamination_actions.accept(row, by=by)
        else:
            reexamination_actions.refuse(row, by=by, reason="Non")
        return "decided"

    acts = []
    for number in range(16):
        acts += [partial(each, number) for each in (ask, alone, decide, decide)]
    with clock.set_to(AFTER):
        results = together(*acts, workers=8)
        only(results, *REFUSALS)
        for row in NoteReexamination.objects.pending():
            reexamination_actions.accept(row, by=me(cast.officer))
    assert "alone" not in results and results.count("asked") == NoteReexamination.objects.count() >= 1
    accepted = NoteReexamination.objects.accepted()
    assert not [row for row in accepted if row.decided_by_id == row.asked_by_id]
    moved = LedgerPayload.objects.filter(action__in=["proposal.exclude", "proposal.readmit"]).count()
    assert moved == accepted.count() >= 1
    for one in pair:
        last, proposal = accepted.filter(proposal=one).order_by("pk").last(), Proposal.objects.get(pk=one.pk)
        wanted = "rejected" if last is not None and last.outcome == "rejected" else "scored"
        assert (proposal.reexamination, proposal.state) == (last, wanted)
    assert Opportunity.objects.get(pk=opportunity.pk).state == "evaluation"
    assert_nothing_is_lost()
    assert_chain_intact()
