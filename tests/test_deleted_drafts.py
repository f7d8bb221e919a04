"""A draft goes for ever, with its bytes, by whoever may write it; what was sent, deposited or published never does."""

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit.ledger import acts
from audit.ledger import export as ledger_export
from marketplace.dates import clock
from marketplace.files import store, sweep
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from opportunities.drafts import actions as occasion_draft_actions
from opportunities.enums import State as OccasionState
from opportunities.models import Attachment, Criterion, Opportunity
from opportunities.review import actions as notice_review_actions
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.enums import State
from proposals.models import DraftFile, Proposal
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.files import sent
from tests.test_lifecycle import PEOPLE, build_opportunity, build_proposal, cell, instant, somebody

PDF = b"%PDF-1.7 essai"
ASKING = [person for person in PEOPLE if person != "system"]  # nothing deletes by itself


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def occasion_url(opportunity) -> str:
    return f"/occasions/{opportunity.number}/supprimer/"


def proposal_url(proposal) -> str:
    return f"/propositions/{proposal.public_id}/supprimer/"


def attach(cast, opportunity) -> str:
    """A file of the draft; the name of its bytes."""
    name = store.keep("occasions", PDF, ".pdf")
    Attachment.objects.create(
        opportunity=opportunity, name="devis.pdf", content_type="application/pdf", size=len(PDF), sha256="0" * 64,
        file=name, added_by=cast.buyer, at=PUBLISHED_AT,
    )  # fmt: skip
    return name


# --- Who, when -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", OccasionState.values)
def test_an_occasion_by_everybody_in_every_state(cast, state):
    """A draft, by the body's buyers; nothing else, by anybody."""
    built, seen = build_opportunity(cast, state), 0
    for person in ASKING:
        by = somebody(cast, person)
        legal = state == "draft" and person == "buyer"
        with cell(), clock.set_to(instant("opportunity", "delete", state)):
            try:
                occasion_draft_actions.delete(Opportunity.objects.get(pk=built.pk), by=by)
            except (PermissionDenied, IllegalMove):
                assert not legal, person
            else:
                assert legal, person
            assert Opportunity.objects.filter(pk=built.pk).exists() != legal
        seen += 1
    assert seen == len(PEOPLE) - 1


@pytest.mark.parametrize("state", State.values)
def test_a_proposal_by_everybody_in_every_state(cast, state):
    """A draft that was never deposited, by its vendor's people, whatever their role; nothing else, by anybody."""
    built, seen = build_proposal(cast, state), 0
    for person in ASKING:
        by = somebody(cast, person)
        legal = state == "draft" and person in ("vendor_owner", "vendor_member")
        with cell(), clock.set_to(instant("proposal", "delete", state)):
            try:
                draft_actions.delete(Proposal.objects.get(pk=built.pk), by=by)
            except (PermissionDenied, IllegalMove):
                assert not legal, person
            else:
                assert legal, person
            assert Proposal.objects.filter(pk=built.pk).exists() != legal
        seen += 1
    assert seen == len(PEOPLE) - 1


WEB = {"buyer": 302, "other_buyer": 302, "officer": 403, "outside_buyer": 404, "auditor": 404, "administrator": 404,
       "vendor_owner": 404}  # fmt: skip


@pytest.mark.parametrize("person", WEB)
def test_an_occasion_through_the_page(cast, now, person):
    draft = cast.draft()
    client = signed_in(getattr(cast, person))
    assert client.get(occasion_url(draft)).status_code == (200 if WEB[person] == 302 else WEB[person])
    assert client.post(occasion_url(draft)).status_code == WEB[person]
    assert Opportunity.objects.filter(pk=draft.pk).exists() == (WEB[person] != 302)


@pytest.mark.parametrize("state", sorted({*OccasionState.values} - {"draft"}))
def test_what_was_sent_stays(cast, state):
    built = build_opportunity(cast, state)
    client = signed_in(cast.buyer)
    with clock.set_to(instant("opportunity", "delete", state)):
        assert "supprimer/" not in client.get(built.get_absolute_url()).content.decode()
        assert client.get(occasion_url(built)).status_code == 409
        assert client.post(occasion_url(built)).status_code == 409
    assert LedgerPayload.objects.get(action="opportunity.delete.refused").actor == cast.buyer


# --- An occasion -----------------------------------------------------------------------------------------------------
def test_a_draft_occasion_goes_whole(cast, now, django_capture_on_commit_callbacks):
    draft, other = cast.draft(title="Un besoin abandonné"), cast.draft()
    name, kept = attach(cast, draft), attach(cast, other)
    buyer = signed_in(cast.other_buyer)
    assert occasion_url(draft) in buyer.get(draft.get_absolute_url()).content.decode()
    page = buyer.get(occasion_url(draft)).content.decode()
    assert "Un besoin abandonné" in page and draft.number in page and "devis.pdf" in page and "définitif" in page
    with django_capture_on_commit_callbacks(execute=True):
        answer = buyer.post(occasion_url(draft), follow=True)
    assert f"Le brouillon {draft.number} est supprimé." in answer.content.decode()
    for path in ("", "modifier/", "supprimer/", "envoyer/"):
        assert buyer.get(f"/occasions/{draft.number}/{path}").status_code == 404
    assert not Criterion.objects.filter(opportunity=draft.pk).exists()
    assert list(Attachment.objects.values_list("file", flat=True)) == [kept]
    assert not store.storage.has(name) and store.storage.has(kept)
    entry = LedgerPayload.objects.get(action="opportunity.delete")
    assert (entry.subject, entry.actor) == (draft.ledger_subject(), cast.other_buyer)
    assert entry.body.keys() == {"action", "actor", "subject"}
    assert cast.draft(title="Un autre").number not in {draft.number, other.number}


def test_its_acts_are_not_public_and_an_auditor_is_told_no_detail(cast, now):
    draft = cast.draft()
    occasion_draft_actions.delete(draft, by=cast.buyer)
    assert not LedgerEntry.objects.public().filter(subject=draft.ledger_subject()).exists()
    told = acts.told(LedgerEntry.objects.filter(action="opportunity.delete"), cast.auditor)
    assert [(act.what, act.details, act.body) for act in told] == [("avis non publié", [], None)]


def test_one_that_was_returned_or_taken_back_goes_too(cast, now):
    for undo in ("return_to_author", "take_back"):
        made = cast.in_review(title=undo)
        if undo == "take_back":
            notice_review_actions.take_back(made, by=cast.buyer)
        else:
            notice_review_actions.return_to_author(made, by=cast.officer, reason="Non.")
        assert signed_in(cast.buyer).post(occasion_url(made)).status_code == 302
    assert not Opportunity.objects.exists()
    assert LedgerEntry.objects.filter(action="opportunity.return_to_author").exists()  # what was said stays


def test_bytes_that_a_crash_left_are_the_sweep_s(cast, now):
    draft = cast.draft()
    name = attach(cast, draft)
    occasion_draft_actions.delete(draft, by=cast.buyer)  # no commit in this test: the bytes are there
    assert store.storage.has(name)
    orphans = sweep.look(at=clock.now() + timedelta(days=36_500)).orphans
    assert name in {file.name for file in orphans}


def test_whoever_writes_what_was_just_deleted_reads_it(cast, now):
    """409 with what was typed, not an error, for every act on a row that is gone."""
    draft = cast.draft()
    occasion_draft_actions.delete(Opportunity.objects.get(pk=draft.pk), by=cast.buyer)
    for act in (
        lambda: occasion_draft_actions.delete(draft, by=cast.buyer),
        lambda: notice_review_actions.submit_for_review(draft, by=cast.buyer),
        lambda: occasion_draft_actions.save(draft, by=cast.buyer, seen="", values={}, skills=[], criteria=[], files=[]),
    ):
        with pytest.raises(IllegalMove, match="n’existe plus"):
            act()


@pytest.mark.parametrize("state", ["published", "cancelled"])
def test_the_database_keeps_what_was_published(cast, state):
    built = build_opportunity(cast, state)
    with pytest.raises(DatabaseError), transaction.atomic():
        Opportunity.objects.filter(pk=built.pk)._raw_delete("default")


# --- A proposal ------------------------------------------------------------------------------------------------------
def with_a_file(cast, occasion, **kwargs) -> Proposal:
    made = cast.proposal(occasion, **kwargs)
    draft_actions.add_file(made, sent("plan.pdf"), at=PUBLISHED_AT)
    return Proposal.objects.get(pk=made.pk)


def test_a_draft_proposal_goes_whole(cast, now, django_capture_on_commit_callbacks):
    occasion = cast.published()
    made, rival = with_a_file(cast, occasion), with_a_file(cast, occasion, vendor=cast.rival)
    name, kept = (DraftFile.objects.get(proposal=row).file.name for row in (made, rival))
    member = signed_in(cast.vendor_member)
    assert proposal_url(made) in member.get(made.get_absolute_url()).content.decode()
    page = member.get(proposal_url(made)).content.decode()
    assert occasion.title in page and "plan.pdf" in page and cast.vendor.legal_name in page
    with django_capture_on_commit_callbacks(execute=True):
        answer = member.post(proposal_url(made), follow=True)
    assert "Le brouillon de proposition est supprimé." in answer.content.decode()
    for path in ("", "modifier/", "supprimer/", "deposer/"):
        assert member.get(f"/propositions/{made.public_id}/{path}").status_code == 404
    assert list(Proposal.objects.all()) == [rival] and not store.storage.has(name) and store.storage.has(kept)
    # And another may be begun: one at a time, not one for ever.
    assert draft_actions.start(occasion, cast.vendor, by=cast.vendor_owner, at=PUBLISHED_AT).pk != made.pk


@pytest.mark.parametrize("person", ["rival_owner", "buyer", "officer", "auditor", "administrator", "outsider"])
def test_a_stranger_learns_nothing_of_it(cast, now, person):
    made = cast.proposal(cast.published())
    client, before = signed_in(getattr(cast, person)), LedgerEntry.objects.count()
    assert client.get(proposal_url(made)).status_code == client.post(proposal_url(made)).status_code == 404
    assert Proposal.objects.filter(pk=made.pk).exists() and LedgerEntry.objects.count() == before


@pytest.mark.parametrize("when", ["suspended", "cancelled", "opened"])
def test_a_draft_goes_after_the_closing_too(cast, when):
    """Whatever became of the occasion."""
    if when in ("suspended", "cancelled"):
        occasion = build_opportunity(cast, when)
        made = draft_actions.start(occasion, cast.vendor, by=cast.vendor_owner, at=PUBLISHED_AT)
    else:
        occasion = cast.published()
        made = cast.proposal(occasion)
        cast.submitted(occasion, vendor=cast.rival)
        with clock.set_to(CLOSES_AT):
            assert opening_actions.open_if_due(occasion.number)
    client = signed_in(cast.vendor_owner)
    with clock.set_to(CLOSES_AT + timedelta(days=30)):
        assert proposal_url(made) in client.get(made.get_absolute_url()).content.decode()
        assert client.post(proposal_url(made)).status_code == 302
    assert not Proposal.objects.filter(pk=made.pk).exists()


@pytest.mark.parametrize("state", sorted({*State.values} - {"draft"}))
def test_what_was_deposited_stays(cast, state):
    """Taken back or not, for its own people: 409, no button, no trace."""
    built = build_proposal(cast, state)
    client, before = signed_in(cast.vendor_owner), LedgerEntry.objects.count()
    with clock.set_to(instant("proposal", "delete", state)):
        assert "supprimer/" not in client.get(built.get_absolute_url()).content.decode()
        assert client.get(proposal_url(built)).status_code == 409
        assert client.post(proposal_url(built)).status_code == 409
    assert Proposal.objects.filter(pk=built.pk).exists() and LedgerEntry.objects.count() == before
    with pytest.raises(DatabaseError), transaction.atomic():
        Proposal.objects.filter(pk=built.pk)._raw_delete("default")
        connection.check_constraints()  # its dépôts hold it: asked now, not at the commit


def test_its_entry_stays_sealed_for_ever(cast, client):
    """For the public, an auditor and an export, after the opening as before."""
    occasion = cast.published()
    made = cast.proposal(occasion)
    cast.submitted(occasion, vendor=cast.rival)
    with clock.set_to(PUBLISHED_AT):
        draft_actions.delete(Proposal.objects.get(pk=made.pk), by=cast.vendor_owner)
    payload = LedgerPayload.objects.get(action="proposal.delete")
    entry = payload.entry
    assert (entry.action, entry.actor, entry.subject) == ("sealed", "sealed", "sealed")
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)
        told = acts.told([entry], cast.auditor)[0]
        assert (told.action, told.actor, told.details, told.body) == ("sealed", "", [], None)
        exported = b"".join(ledger_export.lines(with_payloads=True)).decode()
        pages = "".join(
            signed_in(person).get(path).content.decode()
            for person in (cast.buyer, cast.auditor)
            for path in (f"/occasions/{occasion.number}/", f"/occasions/{occasion.number}/ouverture/", "/registre/")
        )
    for text in (exported, pages):
        assert str(made.public_id) not in text
    assert "proposal.submit" in exported  # what was opened is told
    assert not OutgoingEmail.objects.filter(body__contains=str(made.public_id)).exists()


def test_depositing_what_a_colleague_just_deleted(cast, now):
    made = cast.proposal(cast.published())
    draft_actions.delete(Proposal.objects.get(pk=made.pk), by=cast.vendor_member)
    with pytest.raises(IllegalMove, match="n’existe plus"):
        deposit_actions.deposit(
            made, by=cast.vendor_owner, idempotency_key=uuid.uuid4(), integrity=True, no_collusion=True,
            lobbying="none", accept_terms=True,
        )  # fmt: skip
    with pytest.raises(IllegalMove, match="n’existe plus"):
        draft_actions.write(made, at=PUBLISHED_AT, text="Trop tard")
