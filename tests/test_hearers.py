"""Who hears of what happens to an occasion: everybody who answers it, a draft is enough, and nobody else through it."""

from datetime import timedelta

import pytest

from marketplace.dates import clock
from marketplace.models import OutgoingEmail
from opportunities.models import Opportunity
from proposals import emails as proposal_emails
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.notice import actions as notice_actions
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT, person, vendor
from vendors.models import VendorMembership

# What each event says to whoever deposited, and to whoever did not.
SAID = {
    "suspended": ("ne peut être ni remplacée ni retirée", "Votre proposition n’est pas déposée; vous pouvez continuer"),
    "resumed": ("reste valide et scellée", "Votre proposition n’est pas déposée. Vous avez jusqu’à cette date"),
    "cancelled": ("n’a pas été ouverte et ne le sera pas", "Votre proposition n’était pas déposée"),
    "addendum": ("reste valide et scellée", "Votre proposition n’est pas déposée. Vous avez jusqu’à cette date"),
    "addendum_suspended": ("ni remplacée ni retirée", "Vous pouvez continuer à l’écrire"),
    "addendum_moves": ("La nouvelle est", "La nouvelle est"),
}


def act(cast, opportunity, event: str) -> None:
    """`resumed` and an addendum while suspended come after a suspension, whose messages are put away."""
    at = CLOSES_AT - timedelta(hours=1) if event == "addendum_moves" else PUBLISHED_AT
    with clock.set_to(at):
        if event in ("resumed", "addendum_suspended"):
            award_actions.suspend(opportunity, by=cast.officer, reason="Erreur")
        OutgoingEmail.objects.all().delete()
        if event == "suspended":
            award_actions.suspend(opportunity, by=cast.officer, reason="Erreur")
        elif event == "resumed":
            award_actions.resume(opportunity, by=cast.officer, closes_at=CLOSES_AT + timedelta(days=7))
        elif event == "cancelled":
            award_actions.cancel(opportunity, by=cast.officer, reason="Besoin disparu")
        else:
            notice_actions.add_addendum(opportunity, by=cast.officer, text="Le format est précisé.")


@pytest.fixture
def answered(cast):
    """An occasion with a dépôt, a draft, a dépôt that was taken back; and a vendor that never began."""
    cast.third_owner = person("Thérèse Tierce")
    cast.third = vendor("Tierce inc.", cast.third_owner)
    vendor("Loin inc.", person("Lou Lointain"))
    with clock.set_to(PUBLISHED_AT):
        opportunity = cast.published()
        cast.submitted(opportunity)
        cast.proposal(opportunity, vendor=cast.rival)
        deposit_actions.withdraw(cast.submitted(opportunity, vendor=cast.third), by=cast.third_owner)
    return opportunity


@pytest.mark.parametrize("event", SAID)
def test_a_draft_is_enough(cast, answered, event):
    act(cast, answered, event)
    vendors = {cast.vendor_owner: cast.vendor, cast.rival_owner: cast.rival, cast.third_owner: cast.third}
    rows = {row.to: row for row in OutgoingEmail.objects.filter(confidential=True)}
    assert set(rows) == set(vendors)
    deposited, draft = SAID[event]
    assert deposited in rows[cast.vendor_owner].body
    for one in (cast.rival_owner, cast.third_owner):
        assert draft in rows[one].body and (deposited == draft or deposited not in rows[one].body), rows[one].body
    for one, row in rows.items():  # without a word of who else answers, nor how many do
        for other in vendors.values():
            assert other == vendors[one] or other.legal_name not in row.body
        theirs = str(answered.proposals.get(vendor=vendors[one]).public_id)
        others = {str(uid) for uid in answered.proposals.values_list("public_id", flat=True)} - {theirs}
        assert not any(uid in row.body for uid in others)
    staff = OutgoingEmail.objects.filter(confidential=False)
    assert staff and not any("/propositions/" in row.body or "inc." in row.body for row in staff)


def test_each_person_hears_once_by_what_is_deposited(cast, answered):
    """Of two vendors: a draft for the first one, begun before, a dépôt for the other."""
    VendorMembership.objects.create(user=cast.third_owner, vendor=cast.rival, role="owner")
    VendorMembership.objects.create(user=cast.rival_owner, vendor=cast.vendor, role="admin")
    heard = {one: proposal.vendor for one, proposal in proposal_emails.hearers(answered)}
    assert len(heard) == len(proposal_emails.hearers(answered)) == 3
    assert heard[cast.rival_owner] == cast.vendor


def test_from_the_opening_on_only_of_what_was_opened(cast, answered):
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(answered.number)
        opened = Opportunity.objects.get(pk=answered.pk)
        assert [one for one, _proposal in proposal_emails.hearers(opened)] == [cast.vendor_owner]
        OutgoingEmail.objects.all().delete()
        award_actions.cancel(opened, by=cast.officer, reason="Besoin disparu")
    told = OutgoingEmail.objects.filter(body__contains="ne sera pas évaluée davantage")
    assert [row.to for row in told] == [cast.vendor_owner]
    assert not OutgoingEmail.objects.filter(to__in=[cast.rival_owner, cast.third_owner]).exists()


def test_an_unpublished_one_has_no_hearers(cast, now):
    made = cast.in_review()
    assert proposal_emails.hearers(made) == []
