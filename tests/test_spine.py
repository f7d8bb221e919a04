"""The main job through the public verbs, from a draft to a reversed award."""

import pytest

from marketplace.dates import clock
from marketplace.models import LedgerEntry, OutgoingEmail
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from tests.cast import CLOSES_AT


def test_from_draft_to_award_and_back(cast):
    opportunity, (first, second) = cast.awarded()
    assert opportunity.state == "awarded"
    assert [first.state, second.state] == ["awarded", "not_awarded"]
    standing = award_actions.Award.objects.standing().get(opportunity=opportunity)
    assert standing.proposal == first
    assert standing.amount_cents == 64_000_00
    with clock.set_to(CLOSES_AT):
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Erreur de calcul")
        award_actions.reverse(opportunity, by=cast.second_officer)
    assert Opportunity.objects.get(pk=opportunity.pk).state == "evaluation"
    assert set(opportunity.proposals.values_list("state", flat=True)) == {"scored"}
    assert LedgerEntry.objects.count() > 15
    assert OutgoingEmail.objects.count() > 15


@pytest.mark.parametrize("mode", ["price", "quality_min_price", "adjusted_price", "quality_fixed"])
def test_every_mode_reaches_an_award(cast, mode):
    opportunity, proposals = cast.awarded(mode=mode)
    winner = {"price": 1, "quality_min_price": 1, "adjusted_price": 1, "quality_fixed": 0}[mode]
    assert [p.state for p in proposals].index("awarded") == winner
