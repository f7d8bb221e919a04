"""The ouverture: at the instant, by the clock under the lock, once, whoever asks, and only what counts."""

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import OpenedProposal, Opening, Proposal, Submission
from proposals.opening import actions as opening_actions
from proposals.opening import tasks as opening_tasks
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.unguarded import unguarded

TICK = timedelta(microseconds=1)


def state(row):
    return type(row).objects.values_list("state", flat=True).get(pk=row.pk)


@pytest.mark.parametrize(("instant", "opens"), [(CLOSES_AT - TICK, 0), (CLOSES_AT, 1), (CLOSES_AT + TICK, 1)])
def test_it_opens_at_the_instant_not_before(cast, instant, opens):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    with clock.set_to(instant):
        assert opening_actions.open_due() == opens
    assert state(opportunity) == ("evaluation" if opens else "published")
    assert state(proposal) == ("opened" if opens else "submitted")
    if opens:
        opened = Opening.objects.get()
        assert (opened.opened_at, opened.closes_at) == (instant, CLOSES_AT)


@pytest.mark.parametrize("instant", [CLOSES_AT - TICK, CLOSES_AT, CLOSES_AT + TICK])
def test_it_accepts_deposits_and_withdrawals_until_the_instant(cast, instant):
    """To the microsecond the two rules meet: at any instant either a dépôt is accepted or the opening is due."""
    opportunity = cast.published()
    waiting, deposited = cast.proposal(opportunity), cast.submitted(opportunity, vendor=cast.rival)
    if instant < CLOSES_AT:
        assert cast.deposit(waiting, at=instant).received_at == instant
        with clock.set_to(instant):
            deposit_actions.withdraw(deposited, by=cast.rival_owner)
        return
    ledger, mails = LedgerEntry.objects.count(), OutgoingEmail.objects.count()
    with pytest.raises(ValidationError, match="Trop tard"):
        cast.deposit(waiting, at=instant)
    with clock.set_to(instant), pytest.raises(ValidationError, match="Trop tard"):
        deposit_actions.withdraw(deposited, by=cast.rival_owner)
    assert (state(waiting), state(deposited)) == ("draft", "submitted")
    assert (LedgerEntry.objects.count(), OutgoingEmail.objects.count()) == (ledger, mails)


def test_the_database_refuses_a_late_submission(cast):
    """Even code that forgot the rule: the constraint compares both instants."""
    submission = cast.submitted(cast.published()).submissions.get()
    late = {f.attname: getattr(submission, f.attname) for f in Submission._meta.fields if not f.primary_key}
    late |= {"received_at": CLOSES_AT, "version": 2, "receipt_number": "AD-X", "idempotency_key": uuid.uuid4()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.create(**late)
    with pytest.raises(IntegrityError), transaction.atomic():
        Opening.objects.create(
            opportunity=submission.proposal.opportunity, opened_at=CLOSES_AT - TICK, closes_at=CLOSES_AT
        )


@pytest.mark.parametrize("change", [{"receipt_number": "AD-0"}, {"received_at": PUBLISHED_AT - TICK}])
def test_a_submission_cannot_be_changed_or_deleted(cast, change):
    submission = cast.submitted(cast.published()).submissions.get()
    rows = Submission.objects.filter(pk=submission.pk)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        rows.update(**change)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        rows._raw_delete(rows.db)


def test_twice_is_once(cast):
    opportunity = cast.published()
    cast.submitted(opportunity)
    with clock.set_to(CLOSES_AT):
        assert [opening_actions.open_due(), opening_actions.open_due()] == [1, 0]
        ledger, mails = LedgerEntry.objects.count(), OutgoingEmail.objects.count()
        assert not opening_actions.open_if_due(opportunity.number)
        opening_tasks.open_due()
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        assert opening_actions.open_due() == 0
    assert Opening.objects.count() == 1
    assert (LedgerEntry.objects.count(), OutgoingEmail.objects.count()) == (ledger, mails)
    told = OutgoingEmail.objects.filter(template__contains="opened").values_list("to", "template")
    assert len(told) == len(set(told)) > 0


def test_a_page_opens_it_when_no_job_ever_ran(cast, client):
    """The middleware, on any page of the occasion: no worker is needed for the opening to be on time."""
    client.raise_request_exception = False
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    with clock.set_to(CLOSES_AT - TICK):
        client.get(opportunity.get_absolute_url())
        assert state(opportunity) == "published"
    with clock.set_to(CLOSES_AT):
        client.get(reverse("proposals:minutes", args=[opportunity.number]))
    assert (state(opportunity), state(proposal)) == ("evaluation", "opened")


def test_a_page_of_another_occasion_opens_nothing(cast, client):
    client.raise_request_exception = False
    due, other = cast.published(), cast.published(closes_at=CLOSES_AT + timedelta(days=7))
    with clock.set_to(CLOSES_AT):
        client.get(other.get_absolute_url())
        client.get("/occasions/DAN-2099-9999/")
    assert (state(due), state(other)) == ("published", "published")


def test_a_resumed_occasion_opens_at_its_new_instant(cast):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    later = CLOSES_AT + timedelta(days=7)
    with clock.set_to(CLOSES_AT - timedelta(days=1)):
        award_actions.suspend(opportunity, by=cast.officer, reason="Précision à venir")
        with pytest.raises(ValidationError):  # nothing comes in while suspended
            cast.deposit(proposal, at=CLOSES_AT - timedelta(days=1))
    with clock.set_to(CLOSES_AT + timedelta(hours=1)):
        assert opening_actions.open_due() == 0
        award_actions.resume(opportunity, by=cast.officer, closes_at=later)
        assert opening_actions.open_due() == 0
    second = cast.deposit(proposal, at=later - TICK)
    assert second.closes_at == later
    with clock.set_to(later - TICK):
        assert opening_actions.open_due() == 0
    with clock.set_to(later):
        assert opening_actions.open_due() == 1
    assert OpenedProposal.objects.get().submission == second


def test_a_moved_instant_is_read_again_under_the_lock(cast, monkeypatch):
    """The list of due occasions is old news by the time the lock is held."""
    opportunity = cast.published()
    real = opening_actions.transaction.atomic

    def moved_first(*args, **named):
        with unguarded():
            Opportunity.objects.filter(pk=opportunity.pk).update(closes_at=CLOSES_AT + timedelta(days=1))
        return real(*args, **named)

    monkeypatch.setattr(opening_actions.transaction, "atomic", moved_first)
    with clock.set_to(CLOSES_AT):
        assert not opening_actions.open_if_due(opportunity.number)
    assert state(opportunity) == "published" and not Opening.objects.exists()


def test_no_proposal_is_an_outcome(cast):
    opportunity = cast.published()
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_due() == 1
        minutes = LedgerPayload.objects.get(action="opening.minutes").body
        assert (minutes["received"], minutes["envelopes"], minutes["unreadable"]) == (0, [], [])
        opportunity = Opportunity.objects.get(pk=opportunity.pk)
        with pytest.raises(ValidationError, match="concluez"):
            award_actions.recommend(opportunity, None, by=cast.buyer)
        award_actions.conclude(opportunity, by=cast.officer, code="none_received")
    assert state(opportunity) == "unsuccessful"


def test_drafts_and_withdrawn_proposals_are_left_alone(cast):
    opportunity = cast.published()
    draft, withdrawn = cast.proposal(opportunity), cast.submitted(opportunity, vendor=cast.rival)
    with clock.set_to(PUBLISHED_AT):
        deposit_actions.withdraw(withdrawn, by=cast.rival_owner)
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_due() == 1
    assert (state(draft), state(withdrawn)) == ("draft", "withdrawn")
    assert not OpenedProposal.objects.exists()
    assert draft_actions.read(draft)["text"] and bytes(Proposal.objects.get(pk=draft.pk).draft)
    for user in (cast.buyer, cast.officer, cast.auditor, cast.administrator):
        assert not Proposal.objects.visible_to(user, at=CLOSES_AT).exists()


def test_only_the_last_version_is_opened_and_the_draft_goes(cast):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity, text="Première version")
    draft_actions.write(proposal, at=PUBLISHED_AT, text="Deuxième version")
    second = cast.deposit(proposal)
    draft_actions.write(proposal, at=PUBLISHED_AT, text="Jamais déposé")
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    opened = OpenedProposal.objects.get()
    assert opened.submission == second and opened.content["text"] == "Deuxième version"
    assert bytes(Proposal.objects.get(pk=proposal.pk).draft) == b""
    with pytest.raises(IllegalMove):
        draft_actions.write(proposal, at=CLOSES_AT, text="Trop tard")


def test_withdrawn_then_deposited_again_counts(cast):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity, text="Avant")
    with clock.set_to(PUBLISHED_AT):
        deposit_actions.withdraw(proposal, by=cast.vendor_owner)
    third = cast.deposit(proposal)
    assert third.version == 2 and third.previous_sha256 == proposal.submissions.get(version=1).envelope_sha256
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    assert OpenedProposal.objects.get().submission == third


def test_the_minutes_name_every_envelope(cast):
    opportunity, pair = cast.opened()
    minutes = LedgerPayload.objects.get(action="opening.minutes").body
    digests = sorted(p.submissions.get().envelope_sha256 for p in pair)
    assert minutes["envelopes"] == digests and minutes["received"] == 2
    # Public, unlike what came before it.
    assert LedgerEntry.objects.get(action="opening.minutes").subject == opportunity.ledger_subject()


def test_nobody_opens_by_hand(cast):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    for user in (cast.officer, cast.buyer, cast.auditor, cast.administrator, cast.vendor_owner):
        with clock.set_to(CLOSES_AT):
            with pytest.raises(PermissionDenied):
                opportunity.open(by=user)
            with pytest.raises(PermissionDenied):
                proposal.open(by=user)
    with clock.set_to(CLOSES_AT - TICK), pytest.raises(ValidationError, match="n’est pas passée"):
        opportunity.open(by=None)


@pytest.mark.parametrize("verb", ["suspend", "cancel"])
def test_a_stopped_occasion_is_not_opened(cast, verb):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    with clock.set_to(PUBLISHED_AT):
        getattr(award_actions, verb)(opportunity, by=cast.officer, reason="Motif")
    with clock.set_to(CLOSES_AT + timedelta(days=30)):
        assert opening_actions.open_due() == 0
    assert state(proposal) == "submitted"


def test_one_that_fails_does_not_keep_the_others_closed(cast, monkeypatch):
    """Each occasion is opened in a transaction of its own; the failure is still seen."""
    first, second = cast.published(), cast.published()
    cast.submitted(first)
    real = opening_actions.proposal_emails.opened

    def fails(opportunity, *args, **named):
        if opportunity.pk == first.pk:
            raise OSError("storage")
        return real(opportunity, *args, **named)

    monkeypatch.setattr(opening_actions.proposal_emails, "opened", fails)
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_due() == 1
        assert (state(first), state(second)) == ("published", "evaluation")
        monkeypatch.undo()
        assert opening_actions.open_due() == 1
    assert state(first) == "evaluation"
