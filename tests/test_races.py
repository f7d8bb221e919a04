"""What two connections at once can break. PostgreSQL only; threads with connections of their own."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections, transaction
from django.test import Client

from marketplace.dates import clock, localtime
from marketplace.files import store
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove
from marketplace.mail import delivery, outbox
from marketplace.models import Checkpoint, LedgerEntry, LedgerPayload, NumberSeries, OutgoingEmail
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import Award, OpenedProposal, Opening, Proposal, SealKey, Submission
from proposals.opening import actions as opening_actions
from proposals.opening import lock
from tests.cast import CLOSES_AT, PUBLISHED_AT, Cast, person, vendor
from tests.test_ledger import exported, first_bad_line
from tests.unguarded import unguarded
from vendors.models import TaxAttestation

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(transactional_db):
    return Cast()


def together(*acts, workers=None) -> list:
    """Run the acts at once, each on its own connection; results, or the exceptions raised, in the same order."""
    count = min(workers or len(acts), len(acts))
    start = threading.Barrier(count)
    waited = threading.local()

    def run(act):
        try:
            if not hasattr(waited, "done"):
                connection.ensure_connection()
                waited.done = True
                start.wait(timeout=60)
            return act()
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        results = list(pool.map(run, acts))
        # A thread's connection is its own: only that thread can close it.
        gate = threading.Barrier(count)

        def close(_number):
            gate.wait(timeout=60)
            connections.close_all()

        list(pool.map(close, range(count)))
    return results


def assert_chain_intact():
    """Sequence without a hole, each link on the one before, each hash recomputed."""
    previous = ledger.GENESIS
    for position, entry in enumerate(LedgerEntry.objects.order_by("seq").select_related("payload"), start=1):
        assert (entry.seq, entry.previous) == (position, previous)
        assert entry.hash == ledger.hashlib.sha256(ledger.canonical(entry.chained())).hexdigest()
        payload = entry.payload
        assert entry.digest == ledger.hashlib.sha256(payload.salt.encode() + ledger.canonical(payload.body)).hexdigest()
        previous = entry.hash


def only(results, *kinds):
    """Those that are exceptions; each must be of these kinds: never a database error."""
    errors = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(error, kinds) for error in errors), errors
    return errors


def test_one_award_from_fifty_confirmations(cast):
    opportunity, _proposals = cast.recommended()
    officers = [cast.officer, cast.second_officer]

    def confirm(officer):
        row, by = Opportunity.objects.get(pk=opportunity.pk), type(officer).objects.get(pk=officer.pk)
        return award_actions.confirm(row, by=by)

    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        results = together(*[lambda by=officers[n % 2]: confirm(by) for n in range(50)])
    assert len(only(results, IllegalMove)) == 49
    assert Award.objects.count() == 1
    assert LedgerPayload.objects.filter(action="opportunity.confirm_award").count() == 1
    assert OutgoingEmail.objects.filter(template__contains="proposal_awarded").count() == 1
    assert sorted(Proposal.objects.values_list("state", flat=True)) == ["awarded", "not_awarded"]
    assert_chain_intact()


def test_confirming_and_sending_back_at_once(cast):
    opportunity, _proposals = cast.recommended()

    def act(verb, by, **named):
        return verb(Opportunity.objects.get(pk=opportunity.pk), by=by, **named)

    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        results = together(
            lambda: act(award_actions.confirm, cast.officer),
            lambda: act(award_actions.send_back, cast.second_officer, reason="Non"),
            lambda: act(award_actions.cancel, cast.officer, reason="Besoin retiré"),
        )
    only(results, IllegalMove)
    state = Opportunity.objects.get(pk=opportunity.pk).state
    assert Award.objects.count() == (state == "awarded")
    assert state in {"awarded", "evaluation", "cancelled"}
    assert_chain_intact()


def ready(cast, count):
    """An occasion with `count` complete drafts of as many vendors."""
    opportunity = cast.published()
    made = []
    for number in range(count):
        owner = person(f"Proposante {number:03}")
        made.append((cast.proposal(opportunity, vendor=vendor(f"Firme {number:03}", owner)), owner))
    return opportunity, made


def close_in(opportunity, seconds):
    closes_at = clock.database_now() + timedelta(seconds=seconds)
    with transaction.atomic(), unguarded():
        Opportunity.objects.filter(pk=opportunity.pk).update(closes_at=closes_at, questions_close_at=closes_at)
    return closes_at


def test_two_hundred_deposits_around_the_closing_instant(cast):
    """Each is receipted and opened, or refused and not: never both, never neither. The opening runs in the middle."""
    opportunity, made = ready(cast, 200)

    def submit(proposal, owner):
        mine = Proposal.objects.get(pk=proposal.pk)
        by = type(owner).objects.get(pk=owner.pk)
        return deposit_actions.deposit(
            mine,
            by=by,
            idempotency_key=uuid.uuid4(),
            integrity=True,
            no_collusion=True,
            lobbying="none",
            accept_terms=True,
        )

    def submit_late(proposal, owner):
        while clock.database_now() < closes_at:
            pass
        return submit(proposal, owner)

    def keep_opening():
        """A worker, or a page: asks as long as it is not done."""
        opened = 0
        while not Opening.objects.exists():
            opened += opening_actions.open_due()
        return opened

    # The true clock runs here, on whatever day: what the cast dates in 2026 must hold today.
    close_in(opportunity, 3600)
    TaxAttestation.objects.update(issued_on=localtime.local(clock.database_now()).date())

    # What a deposit takes here, so that the instant falls in the middle of them on any machine.
    before = clock.database_now()
    submit(*made[0])
    one = (clock.database_now() - before).total_seconds()
    closes_at = close_in(opportunity, min(max(one * 100, 1), 8))
    acts = [lambda p=p, o=o: submit(p, o) for p, o in made[1:190]]
    acts += [lambda p=p, o=o: submit_late(p, o) for p, o in made[190:]]
    results = together(keep_opening, keep_opening, *acts, workers=20)
    only(results, ValidationError, IllegalMove)
    assert sorted(results[:2]) == [0, 1]
    receipts = {r.proposal_id: r for r in [*Submission.objects.filter(proposal=made[0][0]), *results[2:]]
                if isinstance(r, Submission)}  # fmt: skip
    opened = {row.proposal_id: row for row in OpenedProposal.objects.select_related("submission")}
    assert Opening.objects.count() == 1
    assert set(opened) == set(receipts) == set(Submission.objects.values_list("proposal", flat=True))
    assert all(row.readable and row.submission_id == receipts[pk].pk for pk, row in opened.items())
    assert all(receipt.received_at < closes_at for receipt in receipts.values())
    refused = Proposal.objects.exclude(pk__in=opened)
    assert set(refused.values_list("state", flat=True)) <= {"draft"}
    assert len(receipts) + refused.count() == 200
    assert refused.count() >= 10 and len(receipts) >= 1
    minutes = LedgerPayload.objects.get(action="opening.minutes").body
    assert minutes["received"] == len(receipts)
    assert_chain_intact()


def test_workers_at_once_open_once(cast):
    opportunity, _pair = cast.published(), None
    for firm in (cast.vendor, cast.rival):
        cast.submitted(opportunity, vendor=firm)
    with clock.set_to(CLOSES_AT):
        results = together(
            *[opening_actions.open_due] * 3, *[lambda: opening_actions.open_if_due(opportunity.number)] * 3
        )
    assert not only(results) and sum(map(bool, results)) == 1
    assert Opening.objects.count() == 1 and OpenedProposal.objects.count() == 2
    told = OutgoingEmail.objects.filter(template__contains="opened").values_list("to", "template")
    assert len(told) == len(set(told)) > 3
    assert LedgerPayload.objects.filter(action="opening.minutes").count() == 1
    assert_chain_intact()


def test_visitors_of_an_occasion_that_is_being_opened_wait_for_nothing(cast):
    """An opening holds the occasion's row and the lock on another connection, as long as they look."""
    occasion, other = cast.published(), cast.published(closes_at=CLOSES_AT + timedelta(days=7))
    cast.submitted(occasion)
    begun, looked = threading.Event(), threading.Event()

    def opens():
        with lock.alone(occasion.pk) as taken:
            Opportunity.objects.select_for_update().get(pk=occasion.pk)
            begun.set()
            looked.wait(timeout=60)
            return taken

    def look():
        begun.wait(timeout=60)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")  # whatever waits is then an error, not a test without end
            stranger, officer = Client(), Client()
            officer.force_login(cast.officer)
            assert lock.under_way(occasion.pk) and not lock.under_way(other.pk)
            assert opening_actions.open_if_due(occasion.number) is opening_actions.Outcome.UNDER_WAY
            assert opening_actions.open_due() == 0
            for number in range(9):
                shown = stranger.get(occasion.get_absolute_url(), {"n": number})
                assert shown.status_code == 200 and "L’ouverture est en cours" in shown.content.decode()
            assert stranger.get(other.get_absolute_url()).status_code == 200
            refused = officer.post(f"{occasion.get_absolute_url()}annuler/", {"reason": "Non"})
            suspended = officer.post(f"{other.get_absolute_url()}suspendre/", {"reason": "Précision"})
            return refused.status_code, suspended.status_code
        finally:
            looked.set()

    with clock.set_to(CLOSES_AT):
        results = together(opens, look)
        assert not only(results) and results == [True, (409, 302)]
        assert not lock.under_way(occasion.pk) and opening_actions.open_due() == 1
    assert_chain_intact()


def test_three_openers_make_one_opening_and_none_waits_for_another(cast):
    occasion = cast.published()
    cast.submitted(occasion)
    with clock.set_to(CLOSES_AT):
        results = together(*[lambda: opening_actions.open_if_due(occasion.number)] * 3)
    outcomes = opening_actions.Outcome
    assert not only(results) and results.count(outcomes.OPENED) == 1
    assert set(results) <= {outcomes.OPENED, outcomes.UNDER_WAY, outcomes.NOTHING}
    assert Opening.objects.count() == 1 and OpenedProposal.objects.filter(readable=True).count() == 1
    assert_chain_intact()


def test_a_message_is_sent_once_by_workers_at_once(cast, mailoutbox):
    with outbox.held():
        cast.in_review()
    OutgoingEmail.objects.update(held=False)
    rows = list(OutgoingEmail.objects.values_list("pk", flat=True))
    results = together(*[lambda pk=pk: delivery.deliver(pk) for pk in rows for _ in range(6)])
    assert not only(results) and results.count(True) == len(rows) == len(mailoutbox)


def test_a_double_click_deposits_once(cast):
    """The same key on two connections: one dépôt, one ledger entry, one message, the same receipt for both."""
    made = cast.proposal(cast.published())
    key = uuid.uuid4()

    def submit():
        mine = Proposal.objects.get(pk=made.pk)
        by = type(cast.vendor_owner).objects.get(pk=cast.vendor_owner.pk)
        return deposit_actions.deposit(
            mine, by=by, idempotency_key=key, integrity=True, no_collusion=True, lobbying="none", accept_terms=True
        ).receipt_number

    with clock.set_to(PUBLISHED_AT):
        results = together(*[submit] * 8)
    assert not only(results) and len(set(results)) == 1
    assert Submission.objects.count() == 1
    assert LedgerPayload.objects.filter(action="proposal.submit").count() == 1
    assert OutgoingEmail.objects.filter(template__contains="proposal_submitted").count() == 1


def test_first_deposits_at_once_share_one_key(cast):
    """The occasion's pair is made once, whoever comes first; every envelope opens with it."""
    opportunity, made = ready(cast, 6)
    with clock.set_to(PUBLISHED_AT):
        results = together(*[
            lambda p=p, o=o: deposit_actions.deposit(
                Proposal.objects.get(pk=p.pk), by=o, idempotency_key=uuid.uuid4(), integrity=True, no_collusion=True,
                lobbying="none", accept_terms=True,
            )
            for p, o in made
        ])  # fmt: skip
    assert not only(results) and SealKey.objects.count() == 1
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    assert OpenedProposal.objects.filter(readable=True).count() == 6


def test_a_slow_storage_keeps_nobody_from_being_in_time(cast, monkeypatch):
    """One deposit's file takes its time; another deposit made meanwhile is receipted; the opening waits for both."""
    opportunity, made = ready(cast, 3)
    deposit = {"integrity": True, "no_collusion": True, "lobbying": "none", "accept_terms": True}
    first, slow, quick = made
    with clock.set_to(PUBLISHED_AT):
        for proposal, _owner in (slow, quick):
            draft_actions.add_file(proposal, SimpleUploadedFile("a.txt", b"Texte.\n"), at=PUBLISHED_AT)
        deposit_actions.deposit(first[0], by=first[1], idempotency_key=uuid.uuid4(), **deposit)  # the key is made
    keep, writing, done = store.keep, threading.Event(), threading.Event()

    def keep_slowly(folder, *args):
        if threading.current_thread().name == "slow":
            writing.set()
            assert done.wait(timeout=60)
        return keep(folder, *args)

    monkeypatch.setattr(store, "keep", keep_slowly)
    results = {}

    def act(name, verb):
        def run():
            try:
                results[name] = verb()
            except Exception as error:
                results[name] = error
            finally:
                connections.close_all()

        thread = threading.Thread(target=run, name=name)
        thread.start()
        return thread

    def deposited(proposal, owner):
        row = Proposal.objects.get(pk=proposal.pk)
        return deposit_actions.deposit(row, by=owner, idempotency_key=uuid.uuid4(), **deposit)

    with clock.set_to(CLOSES_AT - timedelta(seconds=1)):
        waiting = act("slow", lambda: deposited(*slow))
        assert writing.wait(timeout=60)
        act("quick", lambda: deposited(*quick)).join(timeout=60)
    assert isinstance(results.get("quick"), Submission), results
    with clock.set_to(CLOSES_AT):  # passes while the first is still being written: it was in time
        opening = act("opening", lambda: opening_actions.open_if_due(opportunity.number))
        while not blocked():
            assert opening.is_alive()
        done.set()
        waiting.join(timeout=60)
        opening.join(timeout=60)
    assert isinstance(results["slow"], Submission) and results["opening"], results
    assert OpenedProposal.objects.filter(readable=True).count() == 3
    assert_chain_intact()


def blocked() -> bool:
    """Whether some connection waits for another's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
        return cursor.fetchone()[0] > 0


def test_replacing_and_withdrawing_at_once(cast):
    """Whichever is last counts, and the files on the disk are those of the envelopes that remain."""
    made = cast.submitted(cast.published())

    def replace():
        mine = Proposal.objects.get(pk=made.pk)
        return deposit_actions.deposit(
            mine,
            by=cast.vendor_owner,
            idempotency_key=uuid.uuid4(),
            integrity=True,
            no_collusion=True,
            lobbying="none",
            accept_terms=True,
        )

    def withdraw():
        return deposit_actions.withdraw(Proposal.objects.get(pk=made.pk), by=cast.vendor_owner)

    with clock.set_to(PUBLISHED_AT):
        results = together(replace, withdraw, replace, withdraw)
    only(results, IllegalMove)
    state = Proposal.objects.get(pk=made.pk).state
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    assert OpenedProposal.objects.filter(readable=True).count() == (state == "submitted")
    assert_chain_intact()


def test_twenty_starts_make_one_proposal(cast):
    opportunity = cast.published()
    results = together(*[
        lambda: draft_actions.start(opportunity, cast.vendor, by=cast.vendor_owner, at=PUBLISHED_AT).pk
        for _ in range(20)
    ])  # fmt: skip
    assert not only(results) and len(set(results)) == 1
    assert Proposal.objects.count() == 1


def test_numbers_are_never_given_twice(cast):
    results = together(*[lambda: NumberSeries.take("DAN", 2031) for _ in range(40)])
    assert not only(results)
    assert sorted(results) == [f"DAN-2031-{number:04d}" for number in range(1, 41)]


def test_two_officers_review_at_once(cast):
    opportunity = cast.in_review()

    def act(name, by, **named):
        return getattr(Opportunity.objects.get(pk=opportunity.pk), name)(by=by, **named)

    with clock.set_to(PUBLISHED_AT):
        results = together(
            lambda: act("publish", cast.officer),
            lambda: act("return_to_author", cast.second_officer, reason="À revoir"),
            lambda: act("publish", cast.second_officer),
        )
    assert len(only(results, IllegalMove, PermissionDenied)) == 2
    told = LedgerPayload.objects.filter(action__in=["opportunity.publish", "opportunity.return_to_author"])
    assert told.count() == 1
    assert_chain_intact()


def test_two_editors_of_one_draft_keep_both_fields(cast):
    made = cast.proposal(cast.published())
    together(
        lambda: draft_actions.write(Proposal.objects.get(pk=made.pk), at=PUBLISHED_AT, text="Le texte"),
        lambda: draft_actions.write(Proposal.objects.get(pk=made.pk), at=PUBLISHED_AT, comments="Les références"),
    )
    content = draft_actions.read(Proposal.objects.get(pk=made.pk))
    assert (content["text"], content["comments"]) == ("Le texte", "Les références")


def test_entries_and_checkpoints_written_at_once_make_one_line(cast):
    """Nothing else orders these acts: the chain's own lock does, and each reads the last row once it has it."""

    def record(number):
        def act():
            with transaction.atomic():
                ledger.record("terms.add", f"terms:{number}", by=None, at=PUBLISHED_AT)
            if number % 20 == 0:
                checkpoints.make(at=PUBLISHED_AT)

        return act

    before = LedgerEntry.objects.count()
    assert not only(together(*(record(number) for number in range(200)), workers=8))
    assert LedgerEntry.objects.count() == before + 210 and Checkpoint.objects.count() == 10
    assert_chain_intact()
    assert first_bad_line(exported()) is None
