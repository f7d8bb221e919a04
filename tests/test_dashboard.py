"""`/a-faire/`: what awaits each role, and nothing that a seal or a second person should keep from them."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contracts.agreement import signature_actions
from marketplace.dates import clock
from opportunities.models import Opportunity
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.models import Proposal
from tests import contract_cast
from tests.cast import CLOSES_AT, PUBLISHED_AT

NBSP = "\u00a0"
AFTER = CLOSES_AT + timedelta(days=3)


def seen_by(client, user, *, at=AFTER) -> str:
    client.force_login(user)
    with clock.set_to(at):
        response = client.get(reverse("dashboard"))
    assert response.status_code == 200
    main = re.search(r"<main.*</main>", response.content.decode(), re.DOTALL).group()
    return main.replace(NBSP, " ")


def page(name, opportunity):
    return reverse(name, args=[opportunity.number])


def test_visitors_sign_in_first(db, client):
    assert client.get(reverse("dashboard"))["Location"].startswith(reverse("account_login"))


def test_a_newcomer_is_shown_the_two_ways_in(cast, client):
    body = seen_by(client, cast.outsider)
    assert reverse("vendors:create") in body
    assert "Je travaille pour un organisme public" in body
    assert "Occasions de mes organismes" not in body and "Mes propositions" not in body


def test_the_administrator_finds_the_administration(cast, client):
    body = seen_by(client, cast.administrator)
    assert reverse("admin:index") in body
    assert "Je travaille pour" not in body


def test_a_buyer_finishes_drafts_and_reads_why_one_came_back(cast, client):
    draft, returned = cast.draft(title="Carte des écoles"), cast.in_review(title="Suivi des permis")
    with clock.set_to(PUBLISHED_AT):
        notice_review_actions.return_to_author(returned, by=cast.officer, reason="Précisez le lieu")
    body = seen_by(client, cast.buyer)
    assert page("opportunities:edit", draft) in body and "Brouillon à terminer" in body
    assert "Retournée : Précisez le lieu" in body
    other = seen_by(client, cast.other_buyer)
    assert "Brouillon à terminer" not in other and "Carte des écoles" in other
    assert "Carte des écoles" not in seen_by(client, cast.outside_buyer)


def test_the_award_is_told_until_the_contract_is_sent(cast, client):
    drafted = contract_cast.draft(cast)
    told, sent = "Votre proposition est retenue", "vous envoie le contrat à signer"
    shown = seen_by(client, cast.vendor_owner, at=contract_cast.SIGNED_AT)
    assert told in shown and sent not in shown and told not in seen_by(client, cast.rival_owner)
    with clock.set_to(contract_cast.SIGNED_AT):
        signature_actions.offer(drafted, by=cast.officer)
    shown = seen_by(client, cast.vendor_owner, at=contract_cast.SIGNED_AT)
    assert told not in shown and sent in shown
    with clock.set_to(contract_cast.SIGNED_AT):
        signature_actions.refuse_terms(drafted, by=cast.vendor_owner, reason="La date est trop tôt.")
    shown = seen_by(client, cast.vendor_owner, at=contract_cast.SIGNED_AT)
    assert told not in shown and sent not in shown


def test_officers_review_what_they_did_not_write(cast, client):
    opportunity = cast.in_review()
    body = seen_by(client, cast.officer)
    assert page("opportunities:publish", opportunity) in body
    cast.buyer.body_memberships.create(body=cast.body, role="officer")
    assert page("opportunities:publish", opportunity) not in seen_by(client, cast.buyer)


def test_the_evaluation_from_opening_to_award(cast, client):
    opportunity, (first, second) = cast.opened()
    assert "2 propositions à examiner ou à noter" in seen_by(client, cast.buyer)
    assert page("proposals:conclude", opportunity) not in seen_by(client, cast.officer)
    for proposal, value in [(first, "90"), (second, "80")]:
        cast.admit(proposal)
        cast.score(proposal, value)
    assert page("proposals:recommend", opportunity) in seen_by(client, cast.buyer)
    opportunity = Opportunity.objects.get(pk=opportunity.pk)
    with clock.set_to(AFTER):
        award_actions.recommend(opportunity, first, by=cast.buyer)
    assert page("proposals:confirm", opportunity) in seen_by(client, cast.officer)
    assert page("proposals:confirm", opportunity) not in seen_by(client, cast.buyer)
    with clock.set_to(AFTER):
        award_actions.send_back(opportunity, by=cast.officer, reason="Note à revoir")
    assert "Recommandation renvoyée : Note à revoir" in seen_by(client, cast.buyer)


def test_who_recommended_is_not_asked_to_confirm(cast, client):
    opportunity, _proposals = cast.recommended()
    cast.buyer.body_memberships.create(body=cast.body, role="officer")
    assert page("proposals:confirm", opportunity) not in seen_by(client, cast.buyer)


def test_officers_conclude_resume_and_hear_of_reversals(cast, client):
    empty, _none = cast.opened(proposals=0, title="Sans réponse")
    suspended = cast.published(title="Suspendue un jour")
    with clock.set_to(PUBLISHED_AT):
        award_actions.suspend(suspended, by=cast.officer, reason="Attente")
    awarded, _proposals = cast.awarded(title="Portail")
    with clock.set_to(AFTER):
        award_actions.request_reversal(awarded, by=cast.officer, reason="Erreur")
    mine, others = seen_by(client, cast.officer), seen_by(client, cast.second_officer)
    for body in [mine, others]:
        assert page("proposals:conclude", empty) in body and page("proposals:resume", suspended) in body
    assert page("proposals:reverse", awarded) in others
    assert page("proposals:reverse", awarded) not in mine


def test_auditors_see_reversal_requests_and_recent_awards(cast, client):
    awarded, _proposals = cast.awarded(title="Portail")
    body = seen_by(client, cast.auditor)
    assert "Attributions récentes" in body and "Portail" in body
    assert page("proposals:reverse", awarded) not in body
    with clock.set_to(AFTER):
        award_actions.request_reversal(awarded, by=cast.officer, reason="Erreur")
    assert page("proposals:reverse", awarded) in seen_by(client, cast.auditor)


def test_the_body_never_sees_how_many_are_sealed(cast, client):
    opportunity = cast.published()
    before = seen_by(client, cast.buyer, at=PUBLISHED_AT), seen_by(client, cast.officer, at=PUBLISHED_AT)
    cast.submitted(opportunity)
    cast.submitted(opportunity, vendor=cast.rival)
    assert before == (
        seen_by(client, cast.buyer, at=PUBLISHED_AT),
        seen_by(client, cast.officer, at=PUBLISHED_AT),
    )


def test_a_vendor_is_warned_that_a_draft_is_not_deposited(cast, client):
    opportunity = cast.published()
    proposal = cast.proposal(opportunity)
    edit = reverse("proposals:edit", args=[proposal.public_id])
    calm = seen_by(client, cast.vendor_owner, at=CLOSES_AT - timedelta(hours=49))
    assert "Brouillon : rien n’est déposé" in calm and edit in calm
    assert "notice urgent" not in calm
    urgent = seen_by(client, cast.vendor_owner, at=CLOSES_AT - timedelta(hours=47))
    assert "notice urgent" in urgent and "Il reste 1 jour 23 heures" in urgent
    assert urgent.count(edit) == 1 and "Une chose vous attend" in urgent  # said once
    assert "Tout est à jour" not in urgent
    assert edit not in seen_by(client, cast.vendor_owner, at=CLOSES_AT)
    assert edit not in seen_by(client, cast.rival_owner, at=CLOSES_AT - timedelta(hours=47))


def test_changes_after_the_deposit_and_withdrawals_are_said(cast, client):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    later = PUBLISHED_AT + timedelta(hours=1)
    edit = reverse("proposals:edit", args=[proposal.public_id])
    assert edit not in seen_by(client, cast.vendor_owner, at=later)
    draft_actions.write(proposal, at=later, text="Mieux")
    assert "modifications ne sont pas déposées" in seen_by(client, cast.vendor_owner, at=later)
    with clock.set_to(later):
        deposit_actions.withdraw(proposal, by=cast.vendor_owner)
    assert "Retirée : rien n’est déposé" in seen_by(client, cast.vendor_owner, at=later)


def test_vendors_hear_of_results_and_not_of_work_in_progress(cast, client):
    opportunity, (first, second) = cast.opened()
    cast.admit(first)
    body = seen_by(client, cast.vendor_owner)
    assert "En évaluation" in body and "Admissible" not in body
    with clock.set_to(CLOSES_AT):
        evaluation_actions.reject(second, by=cast.buyer, code="CONF-9", text="Absente")
    assert "Proposition rejetée : le motif est à lire" in seen_by(client, cast.rival_owner)
    _awarded, (winner, loser) = cast.awarded(title="Portail")
    assert "Votre proposition est retenue" in seen_by(client, cast.vendor_owner)
    assert loser.get_absolute_url() in seen_by(client, cast.rival_owner)
    assert winner.get_absolute_url() not in seen_by(client, cast.rival_owner)
    month_later = seen_by(client, cast.vendor_owner, at=AFTER + timedelta(days=40))
    assert "Votre proposition est retenue" not in month_later and "Retenue" in month_later


def test_what_is_late_comes_first(cast, client):
    """For an officer: a late publication, a late invoice, then what awaits, in the order that it had."""
    contract = contract_cast.active(cast)
    invoice = contract_cast.invoiced(cast, contract)
    cast.in_review(title="À relire")
    body = seen_by(client, cast.officer, at=contract_cast.INVOICED_AT + timedelta(days=60))
    lines = re.findall(r"<li><span class=\"k\".*?</li>", body, re.DOTALL)
    late = ["En retard de" in line for line in lines]
    assert late == sorted(late, reverse=True) and sum(late) > 1
    assert any(f"Facture {invoice.number}" in line for line in lines[: sum(late)])
    assert "À relire" in lines[sum(late)]


@pytest.mark.parametrize("who", ["buyer", "officer", "vendor_owner", "auditor"])
def test_the_page_costs_the_same_for_one_and_three(cast, client, who):
    def stage(title):
        cast.draft(title=f"Brouillon {title}")
        cast.in_review(title=f"Révision {title}")
        cast.opened(title=f"Ouverte {title}")
        cast.recommended(title=f"Recommandée {title}")
        asked, _proposals = cast.awarded(title=f"Attribuée {title}")
        with clock.set_to(AFTER):
            award_actions.request_reversal(asked, by=cast.second_officer, reason="Erreur")
        cast.proposal(cast.published(title=f"Publiée {title}"))

    def cost():
        user = type(cast.buyer).objects.get(pk=getattr(cast, who).pk)
        client.force_login(user)
        with clock.set_to(CLOSES_AT - timedelta(hours=10)), CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("dashboard")).status_code == 200
        return len(queries)

    stage("un")
    one = cost()
    stage("deux")
    stage("trois")
    assert cost() == one
    assert one <= 18  # each kind of thing that may wait is one query
    assert Proposal.objects.count() > 12
