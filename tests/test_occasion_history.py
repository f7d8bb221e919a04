"""What happened to an occasion, for the people of its body: from its draft to its contract, nothing sealed before."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from audit.cases import actions as case_actions
from marketplace.dates import clock
from opportunities.models import Opportunity
from opportunities.review import actions as review_actions
from proposals.deposit import actions as deposit_actions
from proposals.opening import actions as opening_actions
from tests import contract_cast as stage
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.desk import text_of
from vendors.models import VendorMembership

AFTER = CLOSES_AT + timedelta(days=3)


@pytest.fixture(autouse=True)
def _french():
    with translation.override("fr-ca"):
        yield


def page(who, occasion, *, at, **asked):
    client = Client()
    client.force_login(who)
    with clock.set_to(at):
        return client.get(reverse("opportunities:history", args=[occasion.number]), asked)


def acts_of(answer) -> list[tuple[str, str]]:
    """(who, act) of each line."""
    return [(act.actor, act.label) for _day, acts in answer.context["days"] for act in acts]


def linked(who, occasion, *, at) -> bool:
    """Whether the occasion's page leads there."""
    client = Client()
    client.force_login(who)
    with clock.set_to(at):
        answer = client.get(occasion.get_absolute_url())
    return reverse("opportunities:history", args=[occasion.number]) in answer.content.decode()


# --- Who -------------------------------------------------------------------------------------------------------------
STAGES = {
    "draft": lambda cast: cast.draft(),
    "in_review": lambda cast: cast.in_review(),
    "published": lambda cast: cast.published(),
    "evaluation": lambda cast: cast.opened()[0],
    "recommended": lambda cast: cast.recommended()[0],
    "awarded": lambda cast: cast.awarded()[0],
}
READERS = ("buyer", "other_buyer", "officer", "second_officer")
OTHERS = ("outside_buyer", "outside_officer", "auditor", "administrator", "vendor_owner", "vendor_member", "outsider")


@pytest.mark.parametrize("state", STAGES)
def test_who_reads_it(cast, state):
    occasion = STAGES[state](cast)
    for who in READERS:
        answer = page(getattr(cast, who), occasion, at=AFTER)
        assert answer.status_code == 200, who
        assert acts_of(answer)
    for who in OTHERS:
        assert page(getattr(cast, who), occasion, at=AFTER).status_code == 404, who
    assert page(cast.outsider, occasion, at=AFTER).status_code == 404


@pytest.mark.parametrize("state", STAGES)
def test_its_link_is_where_they_look_and_never_where_it_would_be_refused(cast, state):
    occasion = STAGES[state](cast)
    at = PUBLISHED_AT if state in {"draft", "in_review", "published"} else AFTER
    assert linked(cast.buyer, occasion, at=at) and linked(cast.officer, occasion, at=at)
    for who in ("administrator", "auditor", "vendor_owner"):
        client = Client()
        client.force_login(getattr(cast, who))
        with clock.set_to(at):
            text = client.get(occasion.get_absolute_url()).content.decode()
        assert reverse("opportunities:history", args=[occasion.number]) not in text, who


def test_whoever_answers_does_not_read_it(cast):
    occasion, _proposals = cast.opened()
    tied = cast.member("Béa Deux", "buyer")
    VendorMembership.objects.create(user=tied, vendor=cast.rival, role="member")
    assert page(tied, occasion, at=AFTER).status_code == 403
    assert not linked(tied, occasion, at=AFTER)


# --- What ------------------------------------------------------------------------------------------------------------
def test_it_goes_from_the_draft_to_the_contract(cast):
    contract = stage.active(cast)
    stage.accepted(cast, contract)
    answer = page(cast.buyer, contract.opportunity, at=stage.ACCEPTED_AT)
    told = acts_of(answer)
    buyer, officer, vendor = cast.buyer.name, cast.officer.name, cast.vendor_owner.name
    order = [
        (buyer, "Envoyer en révision"), (officer, "Publier"), (vendor, "Déposer"),
        (buyer, "Recommander une attribution"), (officer, "Confirmer l’attribution"),
        (officer, "Signer pour l’organisme"), (vendor, "Livrer"), (buyer, "Accepter la livraison"),
    ]  # fmt: skip
    assert set(order) <= set(told), told
    places = [told.index(act) for act in order]
    assert places == sorted(places)
    text = text_of(answer)
    assert contract.number in text and "Procès-verbal" in text
    assert reverse("audit:casefile", args=[contract.opportunity.number]) not in text  # its officers' alone
    officers = text_of(page(cast.officer, contract.opportunity, at=stage.ACCEPTED_AT))
    assert reverse("audit:casefile", args=[contract.opportunity.number]) in officers


def test_nothing_of_a_proposal_before_the_opening_nor_ever_of_a_draft(cast):
    """Deposited, replaced, taken back, begun: neither an act nor how many there were."""
    occasion = cast.published()
    before = acts_of(page(cast.officer, occasion, at=PUBLISHED_AT))
    first = cast.submitted(occasion)
    cast.deposit(first)
    cast.submitted(occasion, vendor=cast.rival)
    with clock.set_to(PUBLISHED_AT):
        deposit_actions.withdraw(first, by=cast.vendor_owner)
        with pytest.raises(PermissionDenied):
            deposit_actions.withdraw(first, by=cast.rival_owner)
    for who in READERS:
        answer = page(getattr(cast, who), occasion, at=PUBLISHED_AT)
        assert acts_of(answer) == before
        assert (
            "Coop" not in text_of(answer) and "Victor" not in text_of(answer) and "Geste scellé" not in text_of(answer)
        )
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)
    after = page(cast.buyer, occasion, at=CLOSES_AT)
    assert (cast.rival_owner.name, "Déposer") in acts_of(after)
    assert cast.vendor_owner.name not in text_of(after)  # what was taken back was never opened


def test_what_was_refused_read_or_said_by_auditors_is_not_told(cast):
    occasion, _proposals = cast.awarded()
    with clock.set_to(AFTER):
        with pytest.raises(PermissionDenied):
            review_actions.publish(Opportunity.objects.get(pk=occasion.pk), by=cast.buyer)
        case_actions.open_(occasion, by=cast.auditor, title="Délai court", text="À vérifier.")
    client = Client()
    client.force_login(cast.auditor)
    with clock.set_to(AFTER):
        list(client.get(reverse("audit:casefile", args=[occasion.number])).streaming_content)
    answer = page(cast.officer, occasion, at=AFTER)
    text = text_of(answer)
    assert "Refusé" not in text and "Délai court" not in text and cast.auditor.name not in text
    assert not {"verification", "lectures"} & {code for code, _label, _chosen in answer.context["kinds"]}
    for kind in ("verification", "lectures"):  # asked by hand: as if it were not
        assert acts_of(page(cast.officer, occasion, at=AFTER, type=kind)) == acts_of(answer)


def test_kinds_narrow_it(cast):
    occasion, _proposals = cast.awarded()
    told = acts_of(page(cast.buyer, occasion, at=AFTER, type="avis"))
    assert ("Publier" in {act for _who, act in told}) and "Déposer" not in {act for _who, act in told}


def test_it_costs_the_same_for_one_proposal_and_for_two(cast):
    costs = []
    for proposals in (1, 2):
        occasion, _proposals = cast.opened(proposals=proposals, title=f"Occasion {proposals}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert page(cast.buyer, occasion, at=AFTER).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]
