"""The body's side after the opening: the table, one proposal, the acts; who may, what is hidden, what is refused."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.dates import clock
from marketplace.models import LedgerPayload
from opportunities.models import Criterion, Opportunity
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.models import OpenedProposal, Proposal
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, person, vendor
from tests.unguarded import unguarded
from vendors.models import VendorMembership

NBSP = "\u00a0"


@pytest.fixture
def after():
    """A day after the closing instant."""
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        yield CLOSES_AT + timedelta(days=1)


def page(name, opportunity, proposal=None):
    return reverse(f"proposals:{name}", args=[opportunity.number, *([proposal.public_id] if proposal else [])])


def text_of(response) -> str:
    return response.content.decode()


def main_of(response) -> str:
    """What is between <main> tags, without CSRF tokens: the rest of the frame counts the ledger."""
    found = re.search(r"<main.*</main>", text_of(response), re.DOTALL).group()
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", found)


def again(opportunity):
    return Opportunity.objects.get(pk=opportunity.pk)


def opened_with(cast, count, mode="quality_min_price"):
    """An occasion in evaluation with `count` opened proposals of as many vendors."""
    opportunity = cast.published(mode=mode)
    made = []
    for index in range(count):
        owner = person(f"Prop {count} {mode} {index}")
        firm = vendor(f"Firme {count} {mode} {index}", owner)
        made.append(cast.submitted(opportunity, vendor=firm, price_cents=(50 + index) * 1000_00))
    with clock.set_to(CLOSES_AT):
        opening_actions.open_if_due(opportunity.number)
    return again(opportunity), [Proposal.objects.get(pk=p.pk) for p in made]


# --- Who sees what ---------------------------------------------------------------------------------------------------
INSIDE = ["buyer", "other_buyer", "officer", "second_officer", "auditor"]
OUTSIDE = ["outside_buyer", "outside_officer", "administrator", "vendor_owner", "vendor_member", "outsider"]
DECISIONS = ["recommend", "confirm", "send_back", "suspend", "resume", "cancel", "conclude", "reverse"]


@pytest.mark.parametrize("who", INSIDE)
def test_the_body_and_auditors_read_the_evaluation(cast, client, after, who):
    opportunity, (first, _second) = cast.opened()
    client.force_login(getattr(cast, who))
    assert client.get(page("evaluation", opportunity)).status_code == 200
    response = client.get(page("examine", opportunity, first))
    assert response.status_code == 200
    assert "Nous ferons le travail." in text_of(response)
    assert "no-store" in response["Cache-Control"]


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("who", OUTSIDE)
def test_strangers_get_404_everywhere_read_or_write(cast, client, after, who):
    opportunity, (first, _second) = cast.opened()
    client.force_login(getattr(cast, who))
    for name in ["evaluation", *DECISIONS]:
        assert client.get(page(name, opportunity)).status_code == 404, name
    for name in DECISIONS:
        assert client.post(page(name, opportunity), {"reason": "x"}).status_code == 404, name
    assert client.get(page("examine", opportunity, first)).status_code == 404
    for name in ["admit", "reject", "score", "reexamine"]:
        assert client.post(page(name, opportunity, first), {}).status_code == 404, name
    assert not LedgerPayload.objects.filter(action__endswith=".refused").exists()


def test_visitors_are_sent_to_sign_in(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    for url in [page("evaluation", opportunity), page("examine", opportunity, first), page("confirm", opportunity)]:
        assert client.get(url)["Location"].startswith(reverse("account_login"))


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize(
    ("stage", "allowed"),
    [
        ("scored", {"buyer": {"recommend"}, "officer": {"conclude", "cancel"}, "auditor": set()}),
        ("recommended", {"buyer": set(), "officer": {"confirm", "send_back", "cancel"}, "auditor": set()}),
        ("awarded", {"buyer": set(), "officer": {"reverse"}, "auditor": set()}),
        ("published", {"buyer": set(), "officer": {"suspend", "cancel"}, "auditor": set()}),
    ],
)
def test_each_act_opens_for_its_people_in_its_state_only(cast, client, stage, allowed):
    result = getattr(cast, stage)()
    opportunity = again(result[0] if isinstance(result, tuple) else result)
    instant = CLOSES_AT - timedelta(days=10) if stage == "published" else CLOSES_AT + timedelta(days=3)
    with clock.set_to(instant):
        for who, names in allowed.items():
            client.force_login(getattr(cast, who))
            for name in DECISIONS:
                status = client.get(page(name, opportunity)).status_code
                assert (status == 200) == (name in names), (who, name, status)
                assert status in {200, 403, 409}, (who, name, status)


def test_buttons_are_shown_to_those_who_can(cast, client, after):
    opportunity, _proposals = cast.recommended()
    shown = {}
    for who in ["buyer", "officer", "auditor"]:
        client.force_login(getattr(cast, who))
        shown[who] = main_of(client.get(page("evaluation", opportunity)))
    confirm, cancel = page("confirm", opportunity), page("cancel", opportunity)
    assert confirm in shown["officer"] and cancel in shown["officer"]
    for who in ["buyer", "auditor"]:
        assert confirm not in shown[who] and cancel not in shown[who]
    assert "Vous avez recommandé" in shown["buyer"]


def test_before_the_opening_nothing_is_said_not_even_how_many(cast, client, now):
    empty, full = cast.published(), cast.published()
    cast.submitted(full)
    cast.submitted(full, vendor=cast.rival)
    client.force_login(cast.officer)
    pages = []
    for opportunity in [empty, full]:
        response = client.get(page("evaluation", opportunity))
        assert response.status_code == 200
        pages.append(main_of(response).replace(opportunity.number, "N"))
    assert "Les propositions sont scellées jusqu’au mardi 24 novembre 2026" in pages[0]
    assert pages[0] == pages[1]
    assert "Atelier" not in pages[1]


def test_an_unopened_proposal_is_not_found_and_a_suspension_keeps_the_seal(cast, client, now):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    client.force_login(cast.buyer)
    assert client.get(page("examine", opportunity, proposal)).status_code == 404
    award_actions.suspend(opportunity, by=cast.officer, reason="Question en cours")
    assert "restent scellées" in main_of(client.get(page("evaluation", opportunity)))


def test_a_proposal_of_another_occasion_is_not_found(cast, client, after):
    opportunity, _mine = cast.opened()
    _other, (theirs, _second) = cast.opened()
    client.force_login(cast.buyer)
    assert client.get(page("examine", opportunity, theirs)).status_code == 404
    assert client.post(page("admit", opportunity, theirs)).status_code == 404


def test_a_buyer_tied_to_a_proponent_is_kept_out(cast, client, after):
    opportunity, (first, second) = cast.scored()
    VendorMembership.objects.create(user=cast.other_buyer, vendor=cast.rival, role="member")
    client.force_login(cast.other_buyer)
    for url in [
        page("evaluation", opportunity),
        page("examine", opportunity, first),
        page("examine", opportunity, second),
    ]:
        assert client.get(url).status_code == 403
    assert client.post(page("recommend", opportunity), {"proposal": second.public_id}).status_code == 403


# --- Prices ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["quality_min_price", "adjusted_price"])
def test_prices_come_after_every_score(cast, client, after, mode):
    opportunity, (first, second) = cast.opened(mode=mode, prices=(51_234_00, 52_345_00))
    client.force_login(cast.buyer)
    urls = [
        page("evaluation", opportunity),
        page("examine", opportunity, first),
        page("examine", opportunity, second),
        page("recommend", opportunity),
    ]

    def pages():
        return " ".join(main_of(client.get(url)) for url in urls).replace(NBSP, " ")

    for step in [
        lambda: None,
        lambda: cast.admit(first),
        lambda: cast.score(first, "90"),
        lambda: cast.admit(second),
    ]:
        step()
        hidden = pages()
        assert "51 234" not in hidden and "52 345" not in hidden
        assert "Les prix se dévoilent par un geste, une fois toutes les notes données" in hidden
    cast.score(second, "80")
    scored = pages()
    assert "51 234" not in scored and "52 345" not in scored
    cast.unveil(again(opportunity))
    shown = pages()
    assert "51 234,00 $" in shown and "52 345,00 $" in shown


def test_the_price_of_a_rejected_or_insufficient_proposal_stays_hidden(cast, client, after):
    opportunity, (first, second) = cast.unveiled(
        mode="adjusted_price", values=("90", "60"), prices=(51_000_00, 52_345_00)
    )
    client.force_login(cast.buyer)
    shown = main_of(client.get(page("evaluation", opportunity))).replace(NBSP, " ")
    assert "51 000,00 $" in shown and "52 345" not in shown
    assert "Sous le minimum" in shown
    assert "52 345" not in main_of(client.get(page("examine", opportunity, second))).replace(NBSP, " ")


def test_price_alone_shows_prices_at_once(cast, client, after):
    opportunity, (first, second) = cast.opened(mode="price", prices=(51_000_00, 49_000_00))
    client.force_login(cast.buyer)
    assert f"49{NBSP}000,00{NBSP}$" in main_of(client.get(page("evaluation", opportunity)))
    for proposal in [first, second]:
        assert client.post(page("admit", opportunity, proposal)).status_code == 302
    assert [line.proposal for line in award_actions.lines(opportunity)] == [second, first]


@pytest.mark.parametrize(
    ("mode", "seen", "unseen"),
    [
        ("price", ["Prix"], ["Prix ajusté", "Note finale"]),
        ("quality_min_price", ["Prix", "Note finale", "85,00"], ["Prix ajusté"]),
        ("adjusted_price", ["Prix ajusté", "Note finale", "45 454,55 $", "50 000,00 $"], []),
        ("quality_fixed", ["Note finale", "85,00", "64 000 $"], ["Prix"]),
    ],
)
def test_the_four_modes_on_screen(cast, client, after, mode, seen, unseen):
    opportunity, _proposals = cast.unveiled(mode=mode, proposals=1, prices=(50_000_00,), values=("85",))
    client.force_login(cast.buyer)
    table = main_of(client.get(page("evaluation", opportunity))).replace(NBSP, " ")
    headers = re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", table)
    for word in seen:
        assert word in table, word
    for word in unseen:
        assert word not in headers, word


def test_a_draw_is_flagged(cast, client, after):
    opportunity, _proposals = cast.scored(values=("85", "85"))
    client.force_login(cast.buyer)
    table = main_of(client.get(page("evaluation", opportunity)))
    # The heaviest criterion is tied too: only a draw remains.
    assert table.count("départagée au sort") == 2
    assert "tirage au sort que chacun peut refaire" in table


def test_many_criteria_have_codes_and_a_legend(cast, client, after):
    opportunity = cast.draft()
    opportunity.criteria.all().delete()
    for position, weight in enumerate([15, 15, 15, 15, 10, 10, 10, 10]):
        Criterion.objects.create(
            opportunity=opportunity, position=position, label=f"Un critère au long libellé {position}", weight=weight
        )
    with clock.set_to(CLOSES_AT - timedelta(days=21)):
        notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
        notice_review_actions.publish(opportunity, by=cast.officer)
    cast.submitted(opportunity)
    client.force_login(cast.buyer)
    table = main_of(client.get(page("evaluation", opportunity)))  # the page itself opens what is due
    assert '<abbr title="Un critère au long libellé 7">C8</abbr>' in table
    assert "Légende des critères" in table


# --- Examining -------------------------------------------------------------------------------------------------------
def score_data(opportunity, *values, comment=""):
    data = {}
    for criterion, value in zip(opportunity.criteria.all(), values, strict=True):
        data |= {f"score_{criterion.pk}": value, f"comment_{criterion.pk}": comment}
    return data


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("0", "0"), ("100", "100"), ("70,5", "70.5"), ("88.25", "88.25"), (" 12 ", "12"), ("100,00", "100")],
)
def test_scores_accepted(cast, client, after, typed, kept):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    client.force_login(cast.buyer)
    response = client.post(page("score", opportunity, first), score_data(opportunity, typed, "80"))
    assert response.status_code == 302
    assert first.scores.get(criterion__position=0).value == Decimal(kept)
    assert Proposal.objects.get(pk=first.pk).state == "scored"


@pytest.mark.parametrize("typed", ["100,01", "-1", "−1", "70,123", "abc", "", "  ", "1e1", "NaN", "7_0", "101", "50%"])
def test_scores_refused_at_the_field_and_everything_typed_is_back(cast, client, after, typed):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    client.force_login(cast.buyer)
    data = score_data(opportunity, typed, "81,25", comment="Une remarque précieuse")
    response = client.post(page("score", opportunity, first), data)
    assert response.status_code == 422
    body = main_of(response)
    field = opportunity.criteria.first().pk
    assert f'id="id_score_{field}_error"' in body and "Il y a un problème" in body
    assert 'value="81,25"' in body and body.count("Une remarque précieuse") == 2
    assert Proposal.objects.get(pk=first.pk).state == "admissible"
    assert not first.scores.exists()


def test_a_zero_is_a_score_and_ranks(cast, client, after):
    opportunity, _proposals = cast.scored(values=("0", "80"))
    client.force_login(cast.buyer)
    table = main_of(client.get(page("evaluation", opportunity)))
    assert table.count("0,00</") >= 3
    assert [line.ranked.rank for line in award_actions.lines(opportunity)] == [1, 2]


def test_comments_have_a_limit(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    client.force_login(cast.buyer)
    url = page("score", opportunity, first)
    assert client.post(url, score_data(opportunity, "1", "2", comment="é" * 2_001)).status_code == 422
    assert client.post(url, score_data(opportunity, "1", "2", comment="é" * 2_000)).status_code == 302


def test_admit_then_score_then_the_next_thing(cast, client, after):
    opportunity, (first, second) = cast.opened()
    client.force_login(cast.buyer)
    here = page("examine", opportunity, first)
    body = main_of(client.get(here))
    assert page("admit", opportunity, first) in body and page("score", opportunity, first) not in body
    assert page("examine", opportunity, second) in body  # next
    assert client.post(page("admit", opportunity, first))["Location"] == f"{here}#noter"
    assert page("score", opportunity, first) in main_of(client.get(here))
    response = client.post(page("score", opportunity, first), score_data(opportunity, "80", "70"), follow=True)
    assert "Notes enregistrées." in text_of(response)
    assert "Examiner" in main_of(response)
    assert 'value="80,00"' in main_of(client.get(here))


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"code": "", "text": "Motif"}, "code", "Ce champ est obligatoire."),
        ({"code": "CONF-99", "text": "Motif"}, "code", "choix valide"),
        ({"code": "CONF-9", "text": "   "}, "text", "Ce champ est obligatoire."),
        ({"code": "CONF-9", "text": "é" * 2_001}, "text", "2000"),
    ],
)
def test_a_rejection_needs_a_code_and_a_text(cast, client, after, data, field, message):
    opportunity, (first, _second) = cast.opened()
    client.force_login(cast.buyer)
    response = client.post(page("reject", opportunity, first), data)
    assert response.status_code == 422
    body = main_of(response)
    error = re.search(rf'id="id_{field}_error">(.*?)</p>', body).group(1)
    assert message in error.replace(NBSP, "")
    assert Proposal.objects.get(pk=first.pk).state == "opened"


def test_a_rejection_is_shown_with_its_reason_and_can_be_corrected(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    client.force_login(cast.buyer)
    data = {"code": "CONF-9", "text": "Déclaration <b>absente</b>", "state": "awarded"}
    assert client.post(page("reject", opportunity, first), data).status_code == 302
    body = main_of(client.get(page("examine", opportunity, first)))
    assert "CONF-9" in body and "Déclaration &lt;b&gt;absente" in body
    assert client.post(page("reexamine", opportunity, first), {"reason": "  "}).status_code == 422
    assert client.post(page("reexamine", opportunity, first), {"reason": "Elle y était."}).status_code == 302
    assert Proposal.objects.get(pk=first.pk).state == "opened"


def test_an_unreadable_proposal_can_only_be_rejected(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    with unguarded():
        OpenedProposal.objects.filter(proposal=first).update(readable=False, content={}, price_cents=None)
    client.force_login(cast.buyer)
    assert "Intégrité non constatée" in main_of(client.get(page("evaluation", opportunity)))
    body = main_of(client.get(page("examine", opportunity, first)))
    assert page("admit", opportunity, first) not in body and "Intégrité non constatée" in body
    response = client.post(page("admit", opportunity, first))
    assert response.status_code == 422
    assert "n’a pas été constatée à l’ouverture" in main_of(response)
    done = client.post(page("reject", opportunity, first), {"code": "CONF-4", "text": "Illisible"})
    assert done.status_code == 302


@pytest.mark.parametrize("who", ["officer", "auditor"])
@pytest.mark.parametrize("name", ["admit", "reject", "score", "reexamine"])
def test_only_buyers_examine_even_with_an_empty_form(cast, client, after, who, name):
    opportunity, (first, _second) = cast.opened()
    client.force_login(getattr(cast, who))
    assert client.post(page(name, opportunity, first), {}).status_code == 403
    assert Proposal.objects.get(pk=first.pk).state == "opened"


def test_a_second_admission_is_409_and_after_the_recommendation_scores_are_frozen(cast, client, after):
    opportunity, (first, _second) = cast.scored()
    client.force_login(cast.buyer)
    assert client.post(page("admit", opportunity, first)).status_code == 409
    award_actions.recommend(opportunity, first, by=cast.buyer)
    response = client.post(page("score", opportunity, first), score_data(opportunity, "1", "1"))
    assert response.status_code == 422
    assert "pas en évaluation" in main_of(response)
    assert first.scores.first().value == 90
    assert page("score", opportunity, first) not in main_of(client.get(page("examine", opportunity, first)))


def test_reading_never_writes(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    client.force_login(cast.buyer)
    before = LedgerPayload.objects.count()
    assert client.get(page("admit", opportunity, first)).status_code == 405
    for name in ["reject", "score", "reexamine"]:
        assert client.get(page(name, opportunity, first))["Location"] == page("examine", opportunity, first)
    assert LedgerPayload.objects.count() == before


def test_scores_typed_after_the_session_ended_come_back(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    url = page("score", opportunity, first)
    data = score_data(opportunity, "71,5", "82", comment="Mon avis détaillé")
    client.cookies["csrftoken"] = "x" * 32  # the browser that showed the form still has its cookie
    assert client.post(url, data).status_code == 302  # to the sign-in page
    client.force_login(cast.buyer)
    body = main_of(client.get(url))
    assert 'value="71,5"' in body and "Mon avis détaillé" in body
    assert client.get(url).status_code == 302  # once only
    assert not first.scores.exists()


# --- Deciding --------------------------------------------------------------------------------------------------------
def test_recommend_the_first_without_a_justification(cast, client, after):
    opportunity, (first, _second) = cast.scored()
    client.force_login(cast.buyer)
    body = main_of(client.get(page("recommend", opportunity)))
    assert re.search(rf'value="{first.public_id}"[^>]*checked', body)
    response = client.post(page("recommend", opportunity), {"proposal": first.public_id, "justification": " "})
    assert response["Location"] == page("evaluation", opportunity)
    assert award_actions.pending(opportunity).proposal == first


def test_recommend_another_needs_a_justification_at_its_field(cast, client, after):
    opportunity, (_first, second) = cast.scored()
    client.force_login(cast.buyer)
    url = page("recommend", opportunity)
    response = client.post(url, {"proposal": second.public_id, "justification": "   "})
    assert response.status_code == 422
    assert re.search(r'id="id_justification_error">Cette proposition n’est pas au premier rang', main_of(response))
    assert again(opportunity).state == "evaluation"
    too_long = {"proposal": second.public_id, "justification": "é" * 2_001}
    assert client.post(url, too_long).status_code == 422
    assert client.post(url, too_long | {"justification": "é" * 2_000}).status_code == 302


def test_forged_and_ineligible_choices_are_refused(cast, client, after):
    opportunity, (_first, second) = cast.unveiled(mode="adjusted_price", values=("90", "60"))
    _elsewhere, (foreign, _last) = cast.scored()
    client.force_login(cast.buyer)
    for forged in [second.public_id, foreign.public_id, uuid.uuid4(), "x", ""]:
        response = client.post(page("recommend", opportunity), {"proposal": forged, "justification": "Parce que"})
        assert response.status_code == 422, forged
    assert again(opportunity).state == "evaluation"


def test_recommending_too_early_says_what_is_left(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    client.force_login(cast.buyer)
    url = page("recommend", opportunity)
    assert "Il reste 2 propositions à examiner ou à noter" in main_of(client.get(url))
    assert client.post(url, {"proposal": first.public_id}).status_code == 422


def test_a_recommender_cannot_confirm_and_the_ledger_knows(cast, client, after):
    opportunity, (first, _second) = cast.scored()
    cast.buyer.body_memberships.create(body=cast.body, role="officer")  # one person, two roles
    client.force_login(cast.buyer)
    assert client.post(page("recommend", opportunity), {"proposal": first.public_id}).status_code == 302
    url = page("confirm", opportunity)
    refused = client.get(url)
    assert refused.status_code == 403 and "une autre personne doit en décider" in text_of(refused)
    assert client.post(url, {"recommendation": award_actions.pending(opportunity).pk}).status_code == 403
    assert client.post(page("send_back", opportunity), {"reason": "Non"}).status_code == 403
    refusals = LedgerPayload.objects.filter(subject=opportunity.ledger_subject(), action__endswith=".refused")
    assert [row.action for row in refusals.order_by("pk")] == [
        "opportunity.confirm_award.refused",
        "opportunity.reject_recommendation.refused",
    ]
    assert {row.actor for row in refusals} == {cast.buyer}
    assert again(opportunity).state == "recommended"
    assert not opportunity.awards.exists()


def test_confirm_shows_what_is_confirmed_then_once_only(cast, client, after):
    opportunity, (first, _second) = cast.recommended()
    client.force_login(cast.officer)
    url = page("confirm", opportunity)
    body = main_of(client.get(url)).replace(NBSP, " ")
    for word in ["Atelier Boréal inc.", "Béatrice Acheteuse", "64 000 $", "73 584,00 $", "90,00"]:
        assert word in body, word
    seen = award_actions.pending(opportunity).pk
    assert client.post(url, {"recommendation": seen})["Location"] == page("evaluation", opportunity)
    assert client.post(url, {"recommendation": seen}).status_code == 409
    assert client.get(url).status_code == 409
    assert opportunity.awards.count() == 1
    assert Proposal.objects.get(pk=first.pk).state == "awarded"


def test_a_recommendation_replaced_meanwhile_is_not_confirmed_by_surprise(cast, client, after):
    opportunity, (_first, second) = cast.recommended()
    seen = award_actions.pending(opportunity).pk
    award_actions.send_back(again(opportunity), by=cast.second_officer, reason="À revoir")
    award_actions.recommend(again(opportunity), second, by=cast.buyer, justification="Après correction")
    client.force_login(cast.officer)
    assert client.post(page("confirm", opportunity), {"recommendation": seen}).status_code == 409
    assert again(opportunity).state == "recommended"
    assert client.post(page("confirm", opportunity), {"recommendation": "x"}).status_code == 422


def test_send_back_with_a_reason_that_the_table_shows(cast, client, after):
    opportunity, _proposals = cast.recommended()
    client.force_login(cast.officer)
    url = page("send_back", opportunity)
    assert client.post(url, {"reason": "  "}).status_code == 422
    assert client.post(url, {"reason": "é" * 2_001}).status_code == 422
    assert client.post(url, {"reason": "Une note est à revoir"}).status_code == 302
    assert again(opportunity).state == "evaluation"
    client.force_login(cast.buyer)
    assert f"Recommandation renvoyée{NBSP}: Une note est à revoir" in main_of(
        client.get(page("evaluation", opportunity))
    )


def test_suspend_then_resume(cast, client, now):
    opportunity = cast.published()
    client.force_login(cast.officer)
    assert client.post(page("suspend", opportunity), {"reason": ""}).status_code == 422
    assert client.post(page("suspend", opportunity), {"reason": "Question de droit"}).status_code == 302
    url = page("resume", opportunity)
    assert 'value="2026-11-24"' in main_of(client.get(url))
    for day, time, message in [
        ("", "", "obligatoire"),
        ("2026-11-04", "14:00", "Laissez au moins 3 jours"),
        ("2026-11-23", "14:00", "ne peut pas devancer"),
        ("2026-11-28", "14:00", "jour ouvrable"),
        ("2027-03-14", "02:30", "n’existe pas"),
    ]:
        response = client.post(url, {"closes_at_date": day, "closes_at_time": time})
        assert response.status_code == 422, day
        assert message in main_of(response), message
    assert client.post(url, {"closes_at_date": "2026-12-01", "closes_at_time": "14:00"}).status_code == 302
    assert again(opportunity).closes_at.isoformat() == "2026-12-01T19:00:00+00:00"


def test_cancel_keeps_the_seal_and_its_reason(cast, client, now):
    opportunity = cast.published()
    cast.submitted(opportunity)
    client.force_login(cast.officer)
    url = page("cancel", opportunity)
    assert client.post(url, {"reason": " "}).status_code == 422
    assert client.post(url, {"reason": "Le besoin n’existe plus"}).status_code == 302
    assert client.post(url, {"reason": "Encore"}).status_code == 409
    body = main_of(client.get(page("evaluation", opportunity)))
    assert "restent scellées pour toujours" in body and "Atelier" not in body


@pytest.mark.parametrize(
    ("proposals", "code", "reason", "status", "message"),
    [
        (0, "none_received", "", 302, ""),
        (1, "none_received", "", 422, "Des propositions ont été reçues."),
        (1, "none_conforming", "", 422, "ne sont pas rejetées"),
        (0, "other", "  ", 422, "Inscrivez le motif."),
        (0, "other", "Budget retiré", 302, ""),
        (0, "other", "é" * 2_001, 422, "2000"),
        (0, "", "", 422, "obligatoire"),
        (0, "forged", "", 422, "choix valide"),
    ],
)
def test_conclude_without_award(cast, client, after, proposals, code, reason, status, message):
    opportunity, _proposals = cast.opened(proposals=proposals)
    client.force_login(cast.officer)
    response = client.post(page("conclude", opportunity), {"code": code, "reason": reason})
    assert response.status_code == status
    if message:
        assert message in main_of(response).replace(NBSP, "") or message in main_of(response)
    assert again(opportunity).state == ("unsuccessful" if status == 302 else "evaluation")


def test_conclude_guesses_the_reason(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    client.force_login(cast.officer)

    def guess():
        return re.search(r'value="(\w+)"[^>]*checked', main_of(client.get(page("conclude", opportunity)))).group(1)

    assert guess() == "other"
    for proposal in opportunity.proposals.all():
        evaluation_actions.reject(proposal, by=cast.buyer, code="CONF-6", text="Essai non satisfait")
    assert guess() == "none_conforming"
    assert "Conclure" in main_of(client.get(page("evaluation", opportunity)))


@pytest.mark.parametrize("second", ["second_officer", "auditor"])
def test_an_award_is_reversed_by_two_people(cast, client, after, second):
    opportunity, _proposals = cast.awarded()
    url = page("reverse", opportunity)
    client.force_login(cast.auditor)
    assert client.get(url).status_code == 403  # nobody asked yet
    assert client.post(url, {"reason": "Moi"}).status_code == 403
    assert client.post(url, {"step": "confirm"}).status_code == 422
    client.force_login(cast.officer)
    assert client.post(url, {"step": "request", "reason": "  "}).status_code == 422
    assert client.post(url, {"step": "request", "reason": "Erreur de calcul"}).status_code == 302
    assert client.post(url, {"step": "request", "reason": "Autre"}).status_code == 409
    own = client.get(url)
    assert own.status_code == 200 and "Vous avez demandé cette annulation" in main_of(own)
    assert client.post(url, {"step": "confirm"}).status_code == 403
    assert LedgerPayload.objects.filter(action="opportunity.reverse_award.refused", actor=cast.officer).exists()
    client.force_login(getattr(cast, second))
    assert "Erreur de calcul" in main_of(client.get(page("evaluation", opportunity)))
    assert "Erreur de calcul" in main_of(client.get(url))
    assert client.post(url, {"step": "confirm"}).status_code == 302
    assert again(opportunity).state == "evaluation"
    assert client.post(url, {"step": "confirm"}).status_code in {403, 409}
    body = main_of(client.get(page("evaluation", opportunity)))
    assert "Attribution annulée" in body and "Erreur de calcul" in body


# --- Costs -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["quality_min_price", "price"])
@pytest.mark.parametrize("scored", [False, True])
def test_the_table_costs_the_same_for_one_and_three(cast, client, after, mode, scored):
    client.force_login(cast.buyer)
    costs = []
    for count in [1, 3]:
        opportunity, proposals = opened_with(cast, count, mode)
        for proposal in proposals if scored else []:
            cast.admit(proposal)
            cast.score(proposal, "85")
        for url in [page("evaluation", opportunity), page("examine", opportunity, proposals[0])]:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            costs.append(len(queries))
    assert costs[:2] == costs[2:]
    assert max(costs) <= 30


def test_the_admin_shows_opened_proposals_without_their_content(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    with clock.set_to(CLOSES_AT - timedelta(days=10)):
        sealed = cast.submitted(cast.published())
    client.force_login(cast.administrator)
    listed = text_of(client.get(reverse("admin:proposals_proposal_changelist")))
    assert str(first.public_id) in listed and str(sealed.public_id) not in listed
    shown = text_of(client.get(reverse("admin:proposals_proposal_change", args=[first.pk])))
    assert "Nous ferons le travail." not in shown
    assert client.get(reverse("admin:proposals_proposal_change", args=[sealed.pk])).status_code == 302
    for name in ["opening", "recommendation", "award"]:
        assert client.get(reverse(f"admin:proposals_{name}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:proposals_{name}_add")).status_code == 403
    from django.contrib import admin

    registered = {model.__name__ for model in admin.site._registry}
    assert not registered & {"Submission", "SealedEnvelope", "SealKey", "OpenedProposal", "Score"}
