"""One person behind two answers to one occasion: warned, asked to declare it, told to nobody before the opening."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from audit.flags import compute, loader
from audit.reviews import checklist
from audit.reviews import facts as review_facts
from marketplace.dates import clock
from marketplace.ledger.entries import LedgerEntry, LedgerPayload
from marketplace.models import OutgoingEmail
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.deposit import overlap
from proposals.models import OpenedProposal, Proposal, Submission
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT, person
from tests.desk import accepted, put, text_of, url
from vendors.models import VendorMembership

SECOND = "Une seconde réponse à la même occasion"
ASKED = "Une même personne, plusieurs réponses"
TOLD = "Une même personne derrière plusieurs propositions"


@pytest.fixture(autouse=True)
def _now():
    with translation.override("fr-ca"), clock.set_to(PUBLISHED_AT):
        yield


@pytest.fixture
def occasion(cast):
    return cast.published()


@pytest.fixture
def both(cast):
    """Victor owns Atelier Boréal and acts for Coop Code du Fleuve too, as one who may deposit."""
    VendorMembership.objects.create(user=cast.vendor_owner, vendor=cast.rival, role="admin")
    return cast.vendor_owner


def signed_in(who) -> Client:
    client = Client()
    client.force_login(who)
    return client


def opened(occasion) -> list[Proposal]:
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)
    return list(Proposal.objects.filter(opportunity=occasion).order_by("pk"))


@pytest.fixture
def declared(cast, occasion, both):
    """Both deposited, the second one declared through its page."""
    cast.submitted(occasion)
    second = cast.proposal(occasion, vendor=cast.rival)
    assert put(signed_in(both), second, common_person="on").status_code == 302
    return second


# --- Starting --------------------------------------------------------------------------------------------------------
def test_a_second_answer_is_warned_of_before_it_is_started(cast, occasion, both):
    address = reverse("proposals:start", args=[occasion.number])
    assert SECOND not in text_of(signed_in(both).get(address))
    cast.proposal(occasion)
    page = text_of(signed_in(both).get(address))
    assert SECOND in page and "vous devrez le déclarer en déposant la seconde" in page
    assert SECOND not in text_of(signed_in(cast.rival_owner).get(address))  # who acts for one of them alone


# --- Depositing ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("other", "who", "asked", "warned"),
    [
        ("none", "both", False, False),
        ("draft", "both", False, True),  # nothing of it counts yet
        ("withdrawn", "both", False, True),
        ("submitted", "both", True, False),
        ("submitted", "rival_owner", False, False),  # nothing tells the rival's own people
        ("sent", "left", True, False),  # sent by that person, who left since
        ("sent and withdrawn", "left", True, False),  # its state is not theirs to know any more
        ("submitted", "member", True, False),  # a plain member of the other
    ],
)
def test_who_must_declare(cast, occasion, both, other, who, asked, warned):
    if who == "member":
        both = person("Mina Membre")
        VendorMembership.objects.create(user=both, vendor=cast.vendor, role="member")
        VendorMembership.objects.create(user=both, vendor=cast.rival, role="admin")
    if other != "none":
        first = cast.proposal(occasion)
        if other != "draft":
            cast.deposit(first, by=cast.vendor_owner)
        if "withdrawn" in other:
            put_back = signed_in(cast.vendor_owner).post(url("withdraw", first))
            assert put_back.status_code == 302
    if who == "left":
        VendorMembership.objects.filter(user=both, vendor=cast.vendor).delete()
    second = cast.proposal(occasion, vendor=cast.rival)
    client = signed_in(cast.rival_owner if who == "rival_owner" else both)
    page = text_of(client.get(url("submit", second)))
    assert (ASKED in page, SECOND in page) == (asked, warned)
    # What is attested stays true for whoever acts for both.
    assert ("que ceux pour qui je déclare agir plus bas" in page) == asked
    if not asked:
        assert "Atelier Boréal" not in page.partition("<main")[2] or warned
    before = Submission.objects.count()
    response = put(client, second)
    assert response.status_code == (422 if asked else 302)
    if asked:
        assert str(overlap.MISSING) in text_of(response)
        assert Submission.objects.count() == before and not second.submissions.exists()
        assert put(client, second, common_person="on").status_code == 302
    assert second.submissions.count() == 1


def test_the_first_answer_is_declared_too_when_it_is_replaced(cast, occasion, both, declared):
    first = Proposal.objects.get(vendor=cast.vendor)
    assert put(signed_in(both), first).status_code == 422
    assert put(signed_in(both), first, common_person="on").status_code == 302
    opened(occasion)
    assert [(each.proposal, each.others) for each in overlap.declared(occasion)] == [
        (first, [declared]),
        (declared, [first]),
    ]


def test_an_answer_that_came_meanwhile_is_asked_about(cast, occasion, both):
    """The page was shown before the other one was deposited: nothing is sealed undeclared."""
    first, second = cast.proposal(occasion), cast.proposal(occasion, vendor=cast.rival)
    client = signed_in(both)
    posted = accepted(client, second)
    cast.deposit(first, by=both)
    response = client.post(url("submit", second), posted)
    assert response.status_code == 422 and ASKED in text_of(response)
    assert not second.submissions.exists()


def test_another_occasion_has_nothing_to_do_with_it(cast, occasion, both):
    cast.submitted(cast.published(title="Une autre occasion"))
    second = cast.proposal(occasion, vendor=cast.rival)
    assert ASKED not in text_of(signed_in(both).get(url("submit", second)))


# --- Before the opening ----------------------------------------------------------------------------------------------
def test_nothing_is_told_before_the_opening(cast, occasion, both, declared):
    """Not a word to the people of one vendor about the other, to the body, to auditors, in the ledger, in messages."""
    pages = {
        cast.rival_owner: [url("detail", declared), url("edit", declared), url("submit", declared)],
        cast.vendor_member: [url("detail", Proposal.objects.get(vendor=cast.vendor)), reverse("proposals:mine")],
        cast.buyer: [reverse("proposals:evaluation", args=[occasion.number]), occasion.get_absolute_url()],
        cast.officer: [reverse("proposals:evaluation", args=[occasion.number]), occasion.get_absolute_url()],
        cast.auditor: [reverse("audit:timeline", args=[occasion.number]), occasion.get_absolute_url()],
    }
    seen = 0
    for who, addresses in pages.items():
        other = "Atelier Boréal" if who == cast.rival_owner else "Coop Code"
        for address in addresses:
            text = text_of(signed_in(who).get(address)).partition("<main")[2]
            assert text and other not in text and "agissez" not in text and TOLD not in text, address
            seen += 1
    assert seen == 11
    assert overlap.declared(occasion) == []
    deposits = LedgerEntry.objects.filter(action="sealed")
    assert deposits.count() == 2
    kept = str(list(LedgerPayload.objects.filter(action="proposal.submit").values_list("body", flat=True)))
    assert overlap.KEY not in kept
    for message in OutgoingEmail.objects.filter(template="emails/proposal_submitted.txt"):
        assert not ("Atelier" in message.body and "Coop" in message.body)


# --- After it --------------------------------------------------------------------------------------------------------
SENTENCE = (
    "En déposant pour « Coop Code du Fleuve », Victor Proposant a déclaré agir aussi pour « Atelier Boréal inc. »"
)


def test_the_body_reads_it_once_opened(cast, occasion, declared):
    first, second = opened(occasion)
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        for who in (cast.buyer, cast.officer, cast.auditor):
            client = signed_in(who)
            assert SENTENCE in text_of(client.get(reverse("proposals:evaluation", args=[occasion.number])))
            for proposal in (first, second):
                page = client.get(reverse("proposals:examine", args=[occasion.number, proposal.public_id]))
                assert SENTENCE in text_of(page)
    for proposal in (first, second):
        cast.admit(proposal)
        cast.score(proposal)
    fresh = Opportunity.objects.get(pk=occasion.pk)
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        award_actions.recommend(fresh, award_actions.lines(fresh)[0].proposal, by=cast.buyer)
        page = text_of(signed_in(cast.officer).get(reverse("proposals:confirm", args=[occasion.number])))
    assert SENTENCE in page
    assert "une même personne, déclarée au dépôt" in page  # the signal that the award would raise


def test_one_that_was_taken_back_is_not_named(cast, occasion, both, declared):
    first = Proposal.objects.get(vendor=cast.vendor)
    assert signed_in(both).post(url("withdraw", first)).status_code == 302
    opened(occasion)
    assert OpenedProposal.objects.get().content[overlap.KEY]["by"] == both.name
    assert overlap.declared(occasion) == []
    with clock.set_to(CLOSES_AT):
        page = text_of(signed_in(cast.buyer).get(reverse("proposals:evaluation", args=[occasion.number])))
    assert TOLD not in page and "Atelier Boréal" not in page


@pytest.mark.parametrize(("left", "clue"), [(False, "declared"), (True, "declared"), (None, "people")])
def test_the_signal_sees_it(cast, occasion, both, left, clue):
    """Declared, or not (None: another deposited the second), and once that person left. The cast has one address."""
    cast.submitted(occasion)
    second = cast.proposal(occasion, vendor=cast.rival)
    if left is None:
        cast.deposit(second, by=cast.rival_owner)
    else:
        put(signed_in(both), second, common_person="on")
    if left:
        VendorMembership.objects.filter(user=both).delete()
    assert not compute.found(loader.load(PUBLISHED_AT), PUBLISHED_AT, ("AFFIL",))
    opened(occasion)
    (flag,) = compute.found(loader.load(CLOSES_AT), CLOSES_AT, ("AFFIL",))
    assert [pair["clues"] for pair in flag.details["pairs"]] == [sorted(["address", clue])]


def test_who_sent_and_left_is_seen_undeclared(cast, occasion, both):
    """Deposited for one house, then left it for the other, where a colleague deposits."""
    cast.submitted(occasion)
    VendorMembership.objects.filter(user=both, vendor=cast.vendor).delete()
    cast.deposit(cast.proposal(occasion, vendor=cast.rival), by=cast.rival_owner)
    opened(occasion)
    (flag,) = compute.found(loader.load(CLOSES_AT), CLOSES_AT, ("AFFIL",))
    assert [pair["clues"] for pair in flag.details["pairs"]] == [["address", "people"]]


@pytest.mark.parametrize(("case", "done"), [("nobody", None), ("declared", True), ("silent", False)])
def test_the_checklist_has_a_line_of_it(cast, case, done):
    occasion = cast.published()
    cast.submitted(occasion)
    second = cast.proposal(occasion, vendor=cast.rival)
    if case != "nobody":
        VendorMembership.objects.create(user=cast.vendor_owner, vendor=cast.rival, role="admin")
    if case == "declared":
        put(signed_in(cast.vendor_owner), second, common_person="on")
    else:
        cast.deposit(second, by=cast.rival_owner)
    for proposal in opened(occasion):
        cast.admit(proposal)
        cast.score(proposal)
    occasion = Opportunity.objects.get(pk=occasion.pk)
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        award_actions.recommend(occasion, award_actions.lines(occasion)[0].proposal, by=cast.buyer)
        award_actions.confirm(occasion, by=cast.officer)
        award = review_facts.awards().standing().get(opportunity=occasion)
        line = next(
            line for line in checklist.lines(review_facts.facts(award, at=clock.now())) if line.code == "overlap"
        )
        page = text_of(signed_in(cast.auditor).get(reverse("audit:review", args=[occasion.number])))
    assert line.done is done
    pair = "Atelier Boréal inc. – Coop Code du Fleuve"
    assert line.details == {
        "declared": [pair] if case == "declared" else [],
        "missing": [pair] if case == "silent" else [],
    }
    said = {None: "Aucune personne commune connue.", True: f"Déclarée par qui a déposé : {pair}.",
            False: f"Une personne commune, non déclarée : {pair}."}  # fmt: skip
    assert said[done] in page
