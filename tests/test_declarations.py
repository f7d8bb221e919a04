"""What is declared with a deposit (integrity, no collusion, lobbying): asked, sealed, read by whoever reads it."""

import uuid

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from audit.casefile import texts
from audit.reviews import checklist, checklist_words
from audit.reviews import facts as review_facts
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerPayload, OutgoingEmail
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.deposit import declarations
from proposals.enums import Lobbying
from proposals.models import Proposal, Submission
from proposals.opening import actions as opening_actions
from tests.cast import PUBLISHED_AT
from tests.desk import accepted, url
from tests.reading import address, signed_in, text_of, words
from tests.test_eligibility import AFTER
from tests.unguarded import unguarded

pytestmark = pytest.mark.django_db
ALL = {"integrity": True, "no_collusion": True, "lobbying": "exercised", "accept_terms": True}
SAID = str(Lobbying.EXERCISED.label)


@pytest.fixture
def proposal(cast):
    return cast.proposal(cast.published())


def deposit(cast, proposal, **changes):
    with clock.set_to(PUBLISHED_AT):
        return deposit_actions.deposit(proposal, by=cast.vendor_owner, idempotency_key=uuid.uuid4(), **(ALL | changes))


def opened(cast, proposal, **changes):
    """The only proposal of its occasion, with lobbying declared, once opened."""
    deposit(cast, proposal, **changes)
    with clock.set_to(proposal.opportunity.closes_at):
        assert opening_actions.open_if_due(proposal.opportunity.number)
    return Proposal.objects.get(pk=proposal.pk)


def of_before(proposal) -> None:
    """As it was deposited before these declarations were asked."""
    row = proposal.opened
    del row.content[declarations.PROBITY], row.content[declarations.LOBBYING]
    with unguarded():
        row.save(update_fields=["content"])


# --- Asked -----------------------------------------------------------------------------------------------------------
WRONG = [
    ("integrity", False), ("no_collusion", False), ("lobbying", ""), ("lobbying", "yes"), ("lobbying", "NONE"),
    ("lobbying", None), ("accept_terms", False),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_nothing_is_deposited_without_each(cast, proposal, field, value):
    with pytest.raises(ValidationError) as refused:
        deposit(cast, proposal, **{field: value})
    assert list(refused.value.message_dict) == [field]
    assert not Submission.objects.exists()


@pytest.mark.parametrize(("field", "value"), [pair for pair in WRONG if pair[1] is not None])
def test_the_page_says_which_and_keeps_the_others(cast, proposal, field, value):
    client = signed_in(cast.vendor_owner)
    with clock.set_to(PUBLISHED_AT):
        page = text_of(client.get(url("submit", proposal)))
        for said in ("Attestation relative à la probité", "Déclaration concernant le lobbyisme", SAID):
            assert said in page
        assert 'value="none" required id="id_lobbying_0" checked' not in page  # nobody declares by leaving things be
        answer = client.post(
            url("submit", proposal), accepted(client, proposal, **({"lobbying": "exercised"} | {field: value}))
        )
    assert answer.status_code == 422 and answer.context["form"].errors.keys() == {field}
    for name in {"integrity", "no_collusion", "accept_terms"} - {field}:
        assert answer.context["form"][name].value() is True
    assert field == "lobbying" or answer.context["form"]["lobbying"].value() == "exercised"
    assert not Submission.objects.exists()


@pytest.mark.parametrize("choice", Lobbying.values)
def test_what_was_declared_is_what_is_opened(cast, proposal, choice):
    content = opened(cast, proposal, lobbying=choice).opened.content
    made = {"by": cast.vendor_owner.name, "at": ledger.instant(PUBLISHED_AT)}
    assert content["integrity_declaration"] == content["probity_declaration"] == made
    assert content["lobbying_declaration"] == made | {"choice": choice}


# --- Sealed ----------------------------------------------------------------------------------------------------------
def test_nothing_of_it_shows_before_the_opening(cast, proposal):
    submission = deposit(cast, proposal)
    where = [str(row.body) for row in LedgerPayload.objects.all()]
    where += [row.subject + row.body for row in OutgoingEmail.objects.all()]
    where += [str(submission.receipt)]
    with clock.set_to(PUBLISHED_AT):
        occasion = address(proposal.opportunity)
        for who in ("buyer", "officer", "auditor", "administrator", "rival_owner", "vendor_owner", "vendor_member"):
            client = signed_in(getattr(cast, who))
            pages = [occasion, reverse("proposals:evaluation", args=[proposal.opportunity.number])]
            pages += [proposal.get_absolute_url(), reverse("proposals:receipt", args=[submission.receipt_number])]
            where += [text_of(client.get(page)) for page in pages]
        where.append(text_of(Client().get(occasion)))
    assert len(where) > 30
    for text in where:
        assert SAID not in text and "exercised" not in text and "lobbying" not in text and "probity" not in text


# --- Read ------------------------------------------------------------------------------------------------------------
def test_who_reads_the_proposal_reads_them(cast, proposal):
    proposal = opened(cast, proposal)
    examine = reverse("proposals:examine", args=[proposal.opportunity.number, proposal.public_id])
    with clock.set_to(AFTER):
        for who, page in [
            ("buyer", examine), ("officer", examine), ("auditor", examine),
            ("vendor_owner", proposal.get_absolute_url()), ("vendor_member", proposal.get_absolute_url()),
        ]:  # fmt: skip
            shown = words(signed_in(getattr(cast, who)).get(page))
            assert SAID in shown and "Faite par Victor Proposant" in shown, who
        for who in ("rival_owner", "administrator", "outside_buyer"):
            assert signed_in(getattr(cast, who)).get(examine).status_code == 404
        for page in ("", "ouverture/", "attribution/"):
            assert SAID not in text_of(Client().get(address(proposal.opportunity, page)))
    assert SAID in texts.proposal(proposal, None)["declarations"].values()


def test_what_was_deposited_before_stays_readable_and_valid(cast):
    occasion, (first, _second) = cast.scored()
    of_before(first)
    examine = reverse("proposals:examine", args=[occasion.number, first.public_id])
    with clock.set_to(AFTER):
        for who, page in [("buyer", examine), ("vendor_owner", first.get_absolute_url())]:
            shown = words(signed_in(getattr(cast, who)).get(page))
            assert shown.count("Elle n’était pas demandée au moment de ce dépôt.") == 2
            assert "Nous ferons le travail." in shown and "Faite par Victor Proposant" in shown
        award_actions.recommend(occasion, first, by=cast.buyer)
        award_actions.confirm(occasion, by=cast.officer)
    assert line(occasion) == (None, "La proposition a été déposée avant que ce soit demandé.")


def line(occasion) -> tuple[bool | None, str]:
    award = review_facts.awards().get(opportunity=occasion)
    with clock.set_to(AFTER):
        (found,) = [one for one in checklist.lines(review_facts.facts(award, at=AFTER)) if one.code == "declared"]
    return found.done, checklist_words.sentence("declared", found.done, found.details)


def test_the_checklist_tells_what_was_declared(cast):
    occasion, _proposals = cast.awarded()
    assert line(occasion) == (True, f"Probité attestée. {Lobbying.NONE.label}")
