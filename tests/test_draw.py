"""The draw: committed before the first proposal, computed by anybody afterwards, chosen by nobody."""

import hashlib
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.dates import clock
from marketplace.models import LedgerPayload
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.evaluation import draw, ranking
from proposals.models import Draw
from tests.cast import CLOSES_AT
from tests.leaks import Marks, database

digests = st.lists(
    st.binary(min_size=4, max_size=8).map(lambda b: hashlib.sha256(b).hexdigest()), unique=True, min_size=2
)


def by_hand(secret: bytes, everyone: list[str], tied: list[str]) -> list[str]:
    """As the tutorial says it: SHA-256 of the secret and of all digests, then of that and each digest."""
    seed = hashlib.sha256(secret + b"".join(digest.encode() for digest in sorted(everyone))).digest()
    return sorted(tied, key=lambda digest: hashlib.sha256(seed + digest.encode()).hexdigest())


@settings(max_examples=80, deadline=None)
@given(everyone=digests, data=st.data())
def test_the_order_of_the_inputs_changes_nothing(everyone, data):
    tied = data.draw(st.lists(st.sampled_from(everyone), unique=True, min_size=1))
    again = data.draw(st.permutations(everyone)), data.draw(st.permutations(tied))
    drawn = draw.order(b"s" * 32, everyone, tied)
    assert drawn == draw.order(b"s" * 32, *again) == by_hand(b"s" * 32, everyone, tied)
    assert sorted(drawn) == sorted(tied)


def test_every_input_can_change_the_order():
    tied = [hashlib.sha256(bytes([n])).hexdigest() for n in range(8)]
    base = draw.order(b"secret", tied, tied)
    assert draw.order(b"another", tied, tied) != base
    assert draw.order(b"secret", [*tied, "0" * 64], tied) != base


def test_nobody_is_favoured():
    """Over many secrets each of three comes first about a third of the time (±5 points)."""
    tied = [hashlib.sha256(bytes([n])).hexdigest() for n in range(3)]
    first = [draw.order(n.to_bytes(4, "big"), tied, tied)[0] for n in range(3000)]
    assert all(850 < first.count(digest) < 1150 for digest in tied)


def test_the_commitment_is_public_before_any_proposal_and_the_secret_nowhere(cast):
    draft = cast.in_review()
    assert draft.draw_commitment == ""
    opportunity = cast.published()
    secret = opportunity.draw_secret()
    assert len(secret) == 32
    assert opportunity.draw_commitment == draw.commitment(secret) == hashlib.sha256(secret).hexdigest()
    published = LedgerPayload.objects.get(action="opportunity.publish", subject=opportunity.ledger_subject())
    assert published.body["draw_commitment"] == opportunity.draw_commitment
    assert not Marks([secret.hex()]).found_in(*database())
    assert not any(secret in blob for blob in database())
    assert cast.published().draw_commitment != opportunity.draw_commitment


TWO_TIES = [(100, "a"), (100, "b"), (200, "c"), (300, "d"), (300, "e")]


@pytest.fixture
def tied(cast):
    """Two proposals with equal scores, at a fixed price: only a draw can rank them."""
    opportunity, pair = cast.scored(values=("80", "80"))
    return opportunity, {p.submissions.get().envelope_sha256: p for p in pair}


def test_a_tie_is_drawn_published_and_computed_again(cast, tied):
    opportunity, proposals = tied
    expected = by_hand(opportunity.draw_secret(), list(proposals), list(proposals))
    lines = award_actions.lines(opportunity)
    assert [line.ranked.entry.digest for line in lines] == expected
    assert [line.ranked.rank for line in lines] == [1, 2] and all(line.ranked.drawn for line in lines)
    assert not Draw.objects.exists()  # nothing is revealed before the recommendation
    with clock.set_to(CLOSES_AT):
        award_actions.recommend(opportunity, lines[0].proposal, by=cast.buyer)
    drawn = Draw.objects.get()
    assert drawn.commitment == Opportunity.objects.get(pk=opportunity.pk).draw_commitment
    assert hashlib.sha256(bytes.fromhex(drawn.secret)).hexdigest() == drawn.commitment
    assert drawn.digests == sorted(proposals) and drawn.order == [expected]
    assert [by_hand(bytes.fromhex(drawn.secret), drawn.digests, tie) for tie in drawn.order] == drawn.order
    body = LedgerPayload.objects.get(action="draw").body
    assert (body["secret"], body["digests"], body["order"]) == (drawn.secret, drawn.digests, drawn.order)


def test_the_second_of_a_draw_is_not_first(cast, tied):
    opportunity, _proposals = tied
    second = award_actions.lines(opportunity)[1].proposal
    with clock.set_to(CLOSES_AT):
        with pytest.raises(ValidationError, match="premier rang"):
            award_actions.recommend(opportunity, second, by=cast.buyer)
        assert not Draw.objects.exists()  # rolled back with the refusal
        award_actions.recommend(opportunity, second, by=cast.buyer, justification="La première s’est désistée.")


def test_drawing_again_gives_the_same_order(cast, tied):
    """Sent back, then recommended again: the same secret, the same digests, the same order."""
    opportunity, _proposals = tied
    for day in (1, 2):
        with clock.set_to(CLOSES_AT + timedelta(days=day)):
            opportunity = Opportunity.objects.get(pk=opportunity.pk)
            award_actions.recommend(opportunity, award_actions.lines(opportunity)[0].proposal, by=cast.buyer)
            award_actions.send_back(opportunity, by=cast.officer, reason="À vérifier")
    assert Draw.objects.count() == 2
    assert len({(d.secret, str(d.digests), str(d.order)) for d in Draw.objects.all()}) == 1


def test_no_tie_no_draw(cast):
    opportunity, _pair = cast.recommended()
    assert not Draw.objects.exists() and not any(line.ranked.drawn for line in award_actions.lines(opportunity))


def test_two_ties_are_drawn_apart():
    grid = ranking.Grid("price")
    entries = [ranking.Entry(str(n), cents, {}, digest) for n, (cents, digest) in enumerate(TWO_TIES)]
    ranked = ranking.rank(grid, entries, draw=lambda tied: sorted(tied, reverse=True))
    assert [(row.entry.digest, row.rank, row.tie) for row in ranked] == [
        ("b", 1, 1), ("a", 2, 1), ("c", 3, None), ("e", 4, 4), ("d", 5, 4),
    ]  # fmt: skip


def test_the_draw_can_be_taken_away_and_verified(cast, tied, client):
    opportunity, _proposals = tied
    url = reverse("proposals:draw_json", args=[opportunity.number])
    with clock.set_to(CLOSES_AT):
        award_actions.recommend(opportunity, award_actions.lines(opportunity)[0].proposal, by=cast.buyer)
        assert client.get(url).status_code == 404
        award_actions.confirm(opportunity, by=cast.officer)
    assert client.get(url).json()["order"] == Draw.objects.get().order
