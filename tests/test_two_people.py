"""No act that needs two people can be done twice by one; nobody sits on both sides of the table."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from marketplace.dates import clock
from opportunities.drafts import actions as occasion_draft_actions
from opportunities.models import BodyMembership, Opportunity
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.models import Award, Proposal
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT, vendor
from tests.test_lifecycle import REASON, act_on_opportunity, act_on_proposal
from vendors.models import VendorMembership


def both_roles(cast, person, role):
    BodyMembership.objects.create(user=person, body=cast.body, role=role)
    return type(person).objects.get(pk=person.pk)


@pytest.mark.parametrize("verb", ["publish", "return_to_author"])
@pytest.mark.parametrize("who", ["author", "sender"])
def test_who_wrote_or_sent_a_notice_does_not_review_it(cast, verb, who):
    opportunity = cast.draft()
    sender = cast.buyer if who == "author" else cast.other_buyer
    with clock.set_to(PUBLISHED_AT):
        notice_review_actions.submit_for_review(opportunity, by=sender)
        both = both_roles(cast, cast.buyer if who == "author" else cast.other_buyer, "officer")
        with pytest.raises(PermissionDenied):
            act_on_opportunity(Opportunity.objects.get(pk=opportunity.pk), verb, both)
        act_on_opportunity(Opportunity.objects.get(pk=opportunity.pk), verb, cast.officer)


@pytest.mark.parametrize("verb", ["confirm_award", "reject_recommendation"])
def test_who_recommends_does_not_decide(cast, verb):
    opportunity, _proposals = cast.recommended()
    both = both_roles(cast, cast.buyer, "officer")
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        with pytest.raises(PermissionDenied):
            act_on_opportunity(opportunity, verb, both)
        act_on_opportunity(opportunity, verb, cast.officer)


def test_the_database_refuses_one_person_for_both_signatures(cast):
    opportunity, _proposals = cast.recommended()
    pending = award_actions.pending(opportunity)
    with pytest.raises(IntegrityError), transaction.atomic():
        type(pending).objects.filter(pk=pending.pk).update(decided_by=pending.by, accepted=True)


def test_who_asks_for_a_reversal_does_not_reverse(cast):
    opportunity, _proposals = cast.awarded()
    auditor_and_officer = both_roles(cast, cast.auditor, "officer")
    with clock.set_to(CLOSES_AT + timedelta(days=3)):
        with pytest.raises(ValidationError, match="doit d’abord demander"):
            award_actions.reverse(opportunity, by=cast.second_officer)
        award_actions.request_reversal(opportunity, by=auditor_and_officer, reason=REASON)
        with pytest.raises(PermissionDenied):
            award_actions.reverse(opportunity, by=auditor_and_officer)
        with pytest.raises(ValidationError):
            award_actions.request_reversal(opportunity, by=cast.officer, reason="  ")
        award_actions.reverse(opportunity, by=cast.officer)
    assert Opportunity.objects.get(pk=opportunity.pk).state == "evaluation"


def test_a_reversal_that_was_confirmed_again_needs_a_new_request(cast):
    opportunity, _proposals = cast.awarded()
    with clock.set_to(CLOSES_AT + timedelta(days=3)):
        award_actions.request_reversal(opportunity, by=cast.officer, reason=REASON)
        award_actions.reverse(opportunity, by=cast.second_officer)
        award_actions.recommend(opportunity, award_actions.lines(opportunity)[0].proposal, by=cast.buyer)
        award_actions.confirm(opportunity, by=cast.officer)
        with pytest.raises(ValidationError):
            award_actions.reverse(opportunity, by=cast.second_officer)
    assert Award.objects.standing().count() == 1 and Award.objects.count() == 2


def test_one_side_of_the_table_only(cast):
    """Of the vendor and of the body: neither deposits for the one nor examines for the other."""
    both = both_roles(cast, cast.vendor_owner, "buyer")
    draft = cast.proposal(cast.published(), by=cast.vendor_owner)
    with clock.set_to(PUBLISHED_AT), pytest.raises(PermissionDenied):
        act_on_proposal(draft, "submit", both)
    VendorMembership.objects.filter(user=both).update(role="member")
    VendorMembership.objects.create(user=cast.outsider, vendor=cast.vendor, role="owner")
    cast.deposit(draft, by=cast.outsider)
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(draft.opportunity.number)
        both = type(both).objects.get(pk=both.pk)
        for action in ("admit", "reject"):
            with pytest.raises(PermissionDenied):
                act_on_proposal(Proposal.objects.get(pk=draft.pk), action, both)


def test_a_refused_verb_leaves_the_object_in_hand_as_it_was(cast):
    """A page shows the form again with the object that it fetched: it must not believe in what was rolled back."""
    opportunity, (_first, second) = cast.scored()
    with clock.set_to(CLOSES_AT), pytest.raises(ValidationError, match="premier rang"):
        award_actions.recommend(opportunity, second, by=cast.buyer)
    assert opportunity.state == "evaluation" and opportunity.recommended_by is None


def test_an_inactive_person_may_do_nothing(cast):
    opportunity = cast.in_review()
    type(cast.officer).objects.filter(pk=cast.officer.pk).update(is_active=False)
    gone = type(cast.officer).objects.get(pk=cast.officer.pk)
    with clock.set_to(PUBLISHED_AT), pytest.raises(PermissionDenied):
        notice_review_actions.publish(opportunity, by=gone)


def test_an_officer_who_wrote_part_of_a_notice_does_not_review_it(cast):
    """Buyer and officer at once: rewrites a colleague's draft, and leaves the sending to the colleague."""
    opportunity = cast.draft()
    both = both_roles(cast, cast.officer, "buyer")
    values = {"title": "Réécrit par la responsable"}
    with clock.set_to(PUBLISHED_AT):
        seen = occasion_draft_actions.version(opportunity)
        occasion_draft_actions.save(
            opportunity, by=both, seen=seen, values=values, skills=[("python", "Python")],
            criteria=[{"label": "A", "weight": 100}], files=[],
        )  # fmt: skip
        opportunity = Opportunity.objects.get(pk=opportunity.pk)
        notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
        with pytest.raises(PermissionDenied):
            notice_review_actions.publish(opportunity, by=both)
        notice_review_actions.publish(opportunity, by=cast.second_officer)


@pytest.mark.parametrize("act", ["recommend", "confirm", "cancel", "request_reversal"])
def test_whoever_belongs_to_a_proponent_decides_nothing(cast, act):
    opportunity, proposals = {"recommend": cast.scored, "confirm": cast.recommended}.get(act, cast.awarded)()
    tied = cast.other_buyer if act == "recommend" else cast.second_officer
    VendorMembership.objects.create(user=tied, vendor=cast.rival, role="member")
    opportunity = Opportunity.objects.get(pk=opportunity.pk)
    tied = type(tied).objects.get(pk=tied.pk)
    does = {
        "recommend": lambda: award_actions.recommend(opportunity, proposals[0], by=tied),
        "confirm": lambda: award_actions.confirm(opportunity, by=tied),
        "cancel": lambda: award_actions.cancel(opportunity, by=tied, reason="x"),
        "request_reversal": lambda: award_actions.request_reversal(opportunity, by=tied, reason="x"),
    }[act]
    with clock.set_to(CLOSES_AT + timedelta(days=3)), pytest.raises(PermissionDenied):
        does()


def test_a_mere_draft_ties_nobody(cast):
    """A vendor that never deposited is no proponent: its member decides, and sees what is opened."""
    opportunity, proposals = cast.recommended()
    third = vendor("Tiers inc.", cast.outsider)
    VendorMembership.objects.create(user=cast.second_officer, vendor=third, role="member")
    Proposal.objects.create(
        opportunity=opportunity, vendor=third, created_by=cast.outsider, created_at=CLOSES_AT, updated_at=CLOSES_AT
    )
    assert Proposal.objects.visible_to(cast.second_officer).filter(opportunity=opportunity).count() == 3
    with clock.set_to(CLOSES_AT + timedelta(days=3)):
        award_actions.confirm(Opportunity.objects.get(pk=opportunity.pk), by=cast.second_officer)
