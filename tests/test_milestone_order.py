"""Milestones are dated in their order: refused at the field, in a contract and in an amendment, and by their verbs."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError

from contracts.amendments import actions as amendment_actions
from contracts.deliveries import actions as delivery_actions
from contracts.models import Amendment
from marketplace.dates import clock
from tests import contract_cast as cc
from tests.test_amending import PROPOSED_AT, REASON, url
from tests.test_amending import typed as typed_amendment
from tests.test_contract_pages import address, fresh, row, signed_in, text_of, typed, words


@pytest.fixture
def then():
    with clock.set_to(PROPOSED_AT):
        yield


@pytest.mark.parametrize(
    ("days", "wrong"),
    [
        (["2027-01-15", "2027-01-15", "2027-01-16"], []),
        (["2027-01-15", "2027-01-14"], [(2, "15 janvier 2027")]),
        (["2027-01-15", "2027-01-20", "2027-01-16"], [(3, "20 janvier 2027")]),
        (["2027-03-01", "2027-02-01", "2027-01-15"], [(2, "1er mars 2027"), (3, "1er février 2027")]),
    ],
)
def test_a_milestone_is_not_dated_before_the_one_above(cast, then, days, wrong):
    contract = cc.draft(cast)
    rows = [row(amount="10 000", due=due, title=f"Étape {rank}") for rank, due in enumerate(days)]
    answer = signed_in(cast.buyer).post(address(contract, "preparer/"), typed(contract, *rows))
    assert answer.status_code == (422 if wrong else 302)
    for rank, above in wrong:
        assert f"Jalon {rank}, Date prévue : Cette date précède celle du jalon d’avant : {above}." in words(answer)
    if wrong:
        assert answer.content.decode().count("précède celle du jalon") == 2 * len(wrong)  # at the field, in the summary
        assert "Étape 0" in text_of(answer) and days[-1] in text_of(answer)
    assert fresh(contract).milestones.count() == (2 if wrong else len(days))


@pytest.mark.parametrize("delivered", [False, True])
def test_a_date_before_the_milestone_above_is_refused_at_its_field(cast, client, then, delivered):
    """Planned or delivered, the one above counts; the first may be late once the second was delivered."""
    contract = cc.active(cast, amounts=(16_000_00, 24_000_00, 24_000_00))
    if delivered:
        delivery_actions.deliver(cc.milestone(contract, 2), by=cast.vendor_owner, notes="Voici.", reference="v1")
    client.force_login(cast.buyer)
    page = url("amend", contract.number)
    answer = client.post(page, typed_amendment(contract, change={"due_date": "2026-12-21"}))
    assert answer.status_code == 422
    assert "Date prévue : Cette date précède celle du jalon d’avant : 22 décembre 2026." in words(answer)
    assert 'value="2026-12-21"' in answer.content.decode() and not Amendment.objects.exists()
    answer = client.post(page, typed_amendment(contract) | {"jalons-0-due_date": "2026-12-25"})
    assert answer.status_code == (302 if delivered else 422)
    assert Amendment.objects.exists() == delivered


def test_an_amendment_that_leaves_the_plan_alone_is_not_asked_for_its_order(cast, then):
    """A contract of before, whose milestones are out of order: its end may still change."""
    contract = cc.active(cast)
    contract.milestones.filter(position=2).update(due_date=date(2026, 12, 2))
    row = amendment_actions.propose(contract, by=cast.buyer, reason=REASON, end_date=date(2027, 6, 1))
    amendment_actions.withdraw(row, by=cast.buyer)
    plan = amendment_actions.plan_of(contract)
    with pytest.raises(ValidationError) as refused:
        amendment_actions.propose(contract, by=cast.buyer, reason=REASON, end_date=date(2027, 6, 1), plan=plan)
    assert "plan" in refused.value.message_dict
