"""The measurements' rows: the shape that docs/performance.md states, and the same guarantees as the product's own."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from marketplace.ledger.entries import GENESIS, LedgerEntry, canonical
from marketplace.models import NumberSeries, OutgoingEmail, User
from opportunities.models import Addendum, Opportunity
from proposals.deposit import sealing
from proposals.drafts import actions as draft_actions
from proposals.models import Award, OpenedProposal, Opening, Proposal, SealedEnvelope, Submission
from tests.conftest import NOW
from vendors.models import Vendor, VendorMembership

TOOLS = Path(__file__).resolve().parent.parent / "tools"
OCCASIONS = 20


@pytest.fixture
def loaded(db, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    import bench_data

    return bench_data.load(OCCASIONS, at=NOW)


def test_the_shape(loaded):
    expected = {"draft": 1, "in_review": 1, "published": 4, "evaluation": 3, "recommended": 1, "cancelled": 1}
    assert loaded.states == Counter(expected | {"awarded": 9})
    assert User.objects.count() == 2_000
    assert Vendor.objects.filter(kind="company").count() == 500
    assert VendorMembership.objects.filter(vendor__kind="company").count() == 2_000
    public = Opportunity.objects.public()
    assert public.count() == 18
    assert Proposal.objects.count() == 5 * 18
    assert loaded.proposals == Counter(
        {"draft": 5, "withdrawn": 5, "submitted": 15, "opened": 15, "scored": 4, "rejected": 10, "awarded": 9}
        | {"not_awarded": 27}
    )
    assert Addendum.objects.filter(opportunity__in=public).count() in {4, 5}
    assert Award.objects.count() == 9
    assert Opening.objects.count() == 13
    assert OpenedProposal.objects.count() == 65
    assert Submission.objects.count() == 85
    assert SealedEnvelope.objects.count() == 80  # a withdrawal destroys the content
    assert OutgoingEmail.objects.count() == 0
    assert sum(NumberSeries.objects.values_list("last", flat=True)) == OCCASIONS
    for occasion in public.prefetch_related("skills", "body"):
        assert 2_500 < len(occasion.description) <= 3_000
        assert 160 < len(occasion.teaser) <= 180
        assert 25 <= len(occasion.title) <= 60
        assert len(occasion.skills.all()) == 4
        assert 5_000_00 <= occasion.budget_cents <= 69_000_00
        assert occasion.search_text == occasion.words()
        assert occasion.published_at < NOW
    for occasion in Opportunity.objects.open(at=NOW):
        assert 2 <= (occasion.closes_at - NOW).days <= 44


def test_sealed_content_opens_and_the_ledger_is_one_chain(loaded):
    proposal = Proposal.objects.filter(state="submitted").select_related("opportunity__seal_key").first()
    submission = proposal.submissions.get()
    content, _key = sealing.unseal(
        bytes(submission.envelope.content),
        digest=submission.envelope_sha256,
        wrapped_private=bytes(proposal.opportunity.seal_key.wrapped_private_key),
        occasion=proposal.opportunity.number,
        about=submission.about,
    )
    assert len(content["text"]) > 1_900
    assert content["price_cents"] == proposal.opportunity.budget_cents
    assert draft_actions.read(proposal)["text"] == content["text"]

    previous, before = GENESIS, None
    for seq, entry in enumerate(LedgerEntry.objects.select_related("payload"), start=1):
        assert (entry.seq, entry.previous) == (seq, previous)
        assert entry.hash == hashlib.sha256(canonical(entry.chained())).hexdigest()
        payload = entry.payload
        assert entry.digest == hashlib.sha256(payload.salt.encode() + canonical(payload.body)).hexdigest()
        assert before is None or entry.at >= before
        assert (entry.subject == "sealed") == (payload.action in {"proposal.submit", "proposal.withdraw"})
        previous, before = entry.hash, entry.at


def test_it_refuses_a_database_that_holds_occasions(loaded):
    import bench_data

    with pytest.raises(RuntimeError, match="already holds occasions"):
        bench_data.load(1, at=NOW)
