"""A tie with an occasion: by a firm of today, or by one's own hand in a firm that was left since."""

import pytest

from marketplace.dates import clock
from marketplace.models import User
from opportunities import rules as occasion_rules
from opportunities.models import BodyMembership, Opportunity
from proposals.models import Proposal
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT, person
from vendors.models import VendorMembership


@pytest.mark.parametrize("hand", ["wrote", "deposited"])
def test_a_tie_outlives_the_membership(cast, hand):
    """Whoever wrote or deposited a proposal, then left its firm, is no judge of the occasion."""
    by = person("Zoé Partie", is_auditor=True)
    VendorMembership.objects.create(user=by, vendor=cast.rival, role="owner")
    with clock.set_to(PUBLISHED_AT):
        occasion = cast.published()
        proposal = cast.proposal(occasion, vendor=cast.rival, by=by if hand == "wrote" else cast.rival_owner)
        cast.deposit(proposal, by=cast.rival_owner if hand == "wrote" else by)
    by.vendor_memberships.all().delete()
    BodyMembership.objects.create(user=by, body=cast.body, role="officer")
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)
        occasion = Opportunity.objects.get(pk=occasion.pk)
        fresh = User.objects.get(pk=by.pk)
        assert occasion_rules.has_tie(occasion, fresh) and not occasion_rules.can_oversee(occasion, fresh)
        assert list(Proposal.objects.tying(fresh)) == [Proposal.objects.get(pk=proposal.pk)]
        other, _none = cast.opened(proposals=0)
        assert not occasion_rules.has_tie(other, fresh)
        assert not occasion_rules.has_tie(occasion, User.objects.get(pk=cast.officer.pk))
