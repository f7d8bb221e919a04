"""The public's pages: who sees what, the notice and its history, home, the page cache, the cost of each page."""

import hashlib
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.dates import clock
from opportunities.addenda import actions as addendum_actions
from opportunities.models import Addendum, Attachment, Criterion, Opportunity, Skill
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.models import Proposal
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import address, signed_in, text_of, words
from tests.unguarded import unguarded

AFTER = CLOSES_AT + timedelta(days=5)
PAGES = ["", "ouverture/", "attribution/"]
STAFF = ["buyer", "other_buyer", "officer", "second_officer"]
STRANGERS = ["vendor_owner", "vendor_member", "rival_owner", "outside_buyer", "outside_officer", "auditor", "outsider"]


# --- Who sees what ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stage", ["draft", "in_review"])
def test_unpublished_occasions_exist_for_the_body_and_administrators_only(cast, now, stage):
    opportunity = getattr(cast, stage)()
    assert Client().get(address(opportunity)).status_code == 404
    for name in STRANGERS:
        assert signed_in(getattr(cast, name)).get(address(opportunity)).status_code == 404, name
    for name in [*STAFF, "administrator"]:
        response = signed_in(getattr(cast, name)).get(address(opportunity))
        assert response.status_code == 200, name
        assert "Brouillon" in words(response) or "En révision" in words(response)
        assert cast.buyer.name in text_of(response)  # who wrote it
    for page in PAGES[1:]:  # nothing to open nor to award: not even for the body
        assert signed_in(cast.officer).get(address(opportunity, page)).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_published_pages_are_everybodys(cast, now, page):
    opportunity = cast.published()
    assert Client().get(address(opportunity, page)).status_code == 200
    for name in [*STAFF, *STRANGERS, "administrator"]:
        assert signed_in(getattr(cast, name)).get(address(opportunity, page)).status_code == 200, name


@pytest.mark.parametrize("page", PAGES)
def test_unknown_and_odd_numbers_are_404(db, now, page):
    for number in ["DAN-2026-9999", "x", "'; DROP TABLE--", "é" * 300]:
        assert Client().get(f"/occasions/{number}/{page}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/attributions/"])
def test_public_pages_refuse_to_write(db, now, path):
    assert Client().post(path).status_code == 405


def test_strangers_read_no_staff_name_nor_count(cast):
    """A-12: no note, no staff e-mail, no count of proposals; the announced contact is the only person named."""
    staff = [cast.buyer, cast.other_buyer, cast.officer, cast.second_officer]
    with clock.set_to(PUBLISHED_AT):
        opportunity = cast.published(contact_name="Service des achats", contact_email="achats@exemple.invalid")
        for vendor in (cast.vendor, cast.rival):
            cast.submitted(opportunity, vendor=vendor)
        others = [name for name in STRANGERS if name != "rival_owner"]  # who sees its own proposal's name
        clients = [Client(), *(signed_in(getattr(cast, name)) for name in others)]
        for client in clients:
            for page in PAGES:
                html = text_of(client.get(address(opportunity, page)))
                for person in staff:
                    assert person.name not in html and person.email not in html
                assert "achats@exemple.invalid" in html or page
                assert cast.rival.legal_name not in html
                assert not re.search(r"\b2 (propositions|dépôts)", html)
    with clock.set_to(AFTER):
        for client in clients[:2]:
            for page in PAGES:
                html = text_of(client.get(address(opportunity, page)))
                assert not any(person.name in html or person.email in html for person in staff)


def test_nobody_counts_before_the_opening(cast, now):
    """The same page with none and with two sealed proposals, for the body too."""
    empty, full = cast.published(), cast.published()
    for vendor in (cast.vendor, cast.rival):
        cast.submitted(full, vendor=vendor)
    for client in (Client(), signed_in(cast.buyer), signed_in(cast.officer), signed_in(cast.administrator)):
        for page in PAGES:
            shown = [
                re.sub(
                    r"[0-9a-f]{16,64}|[0-9a-f]{8}( [0-9a-f]{8})+|csrf\S+ value=\S+|name=.key. value=\S+", "", text_of(r)
                ).replace(o.number, "N")
                for o in (empty, full)
                for r in [client.get(address(o, page))]
            ]
            assert shown[0] == shown[1]


def test_a_vendor_sees_its_own_proposal_and_nobody_elses(cast, now):
    opportunity = cast.published()
    own, _rival = cast.proposal(opportunity), cast.submitted(opportunity, vendor=cast.rival)
    html = text_of(signed_in(cast.vendor_owner).get(address(opportunity)))
    assert f"/propositions/{own.public_id}/" in html and "Brouillon, non déposée" in html
    assert cast.rival.legal_name not in html
    cast.deposit(own)
    assert "Déposée et scellée" in text_of(signed_in(cast.vendor_member).get(address(opportunity)))
    outsider = text_of(signed_in(cast.outsider).get(address(opportunity)))
    assert "/propositions/" not in outsider and f"{address(opportunity)}proposer/" in outsider


@pytest.mark.parametrize(
    ("stage", "person", "shown", "hidden"),
    [
        ("draft", "buyer", ["modifier", "envoyer"], ["publier", "annuler", "proposer"]),
        ("draft", "officer", [], ["modifier", "envoyer", "publier"]),
        ("in_review", "officer", ["publier", "retourner", "annuler"], ["modifier", "envoyer"]),
        ("in_review", "buyer", [], ["publier", "retourner", "annuler"]),
        ("published", "buyer", ["addenda"], ["modifier", "suspendre", "annuler", "evaluation", "proposer"]),
        ("published", "officer", ["addenda", "suspendre", "annuler"], ["evaluation", "proposer"]),
        ("published", "outside_officer", ["proposer"], ["addenda", "suspendre", "annuler"]),
        ("published", "administrator", [], ["addenda", "suspendre", "annuler", "evaluation"]),
    ],
)
def test_the_bodys_buttons(cast, now, stage, person, shown, hidden):
    opportunity = getattr(cast, stage)()
    html = text_of(signed_in(getattr(cast, person)).get(address(opportunity)))
    for act in shown:
        assert f'href="{address(opportunity)}{act}/"' in html
    for act in hidden:
        assert f'href="{address(opportunity)}{act}/"' not in html


def test_a_draft_says_what_is_missing(cast, now):
    opportunity = cast.draft(location=" ", acceptance_criteria="")
    shown = words(signed_in(cast.buyer).get(address(opportunity)))
    assert "Lieu : Ce champ est obligatoire." in shown
    assert "Critères d’acceptation : Ce champ est obligatoire." in shown


def test_a_bare_draft_is_shown(cast, now):
    opportunity = notice_review_actions.create(by=cast.buyer, body=cast.body, at=now, title="Seulement un titre")
    response = signed_in(cast.buyer).get(address(opportunity))
    assert response.status_code == 200 and "Seulement un titre" in text_of(response)


# --- The notice ------------------------------------------------------------------------------------------------------
def test_everything_of_the_notice(cast, now):
    opportunity = cast.draft(
        mode="adjusted_price", submission_info="Dépôt Git public.", evaluation_criteria="Barème annexé.",
        completion_date=CLOSES_AT.date() + timedelta(days=90),
    )  # fmt: skip
    Criterion.objects.filter(opportunity=opportunity, position=0).update(minimum=75, description="Montrez le code.")
    Attachment.objects.create(
        opportunity=opportunity, name="annexe.pdf", content_type="application/pdf", size=2048, sha256="0" * 64,
        file="occasions/x", added_by=cast.buyer, at=now,
    )  # fmt: skip
    notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
    notice_review_actions.publish(opportunity, by=cast.officer)
    addendum_actions.add_addendum(opportunity, by=cast.buyer, text="Une **précision**.")
    response = Client().get(address(opportunity))
    shown = words(response)
    for part in [
        "Ouverte", opportunity.title, opportunity.teaser, "Ville d’Essai", "Bas-Saint-Laurent", "64 000 $",
        "mardi 24 novembre 2026, 14 h 00 (HNE)", "Ferme dans 21 jours 5 heures",
        "vendredi 20 novembre 2026, 14 h 00 (HNE)",
        "Rimouski, à distance accepté", "Rencontres à distance.", "LiLiQ-R 1.1", "8 décembre 2026", "15 décembre 2026",
        "22 février 2027", "Python", "Prix ajusté le plus bas", "K = 20 %", "Critère 1", "Montrez le code.",
        "40 %", "75",
        "Les tests passent.", "Dépôt Git public.", "Barème annexé.", "annexe.pdf", "Addenda n° 1", "précision",
        "Béatrice Acheteuse", "beatrice@exemple.invalid", "Historique public",
    ]:  # fmt: skip
        assert part in shown, part
    assert "<strong>1 400</strong>" in text_of(response)
    assert hashlib.sha256(opportunity.draw_secret()).hexdigest()[:8] in text_of(response)


@pytest.mark.parametrize("mode", ["price", "quality_min_price", "adjusted_price", "quality_fixed"])
def test_each_mode_is_told(cast, now, mode):
    shown = words(Client().get(address(cast.published(mode=mode))))
    assert ("Critère 1" in shown) == (mode != "price")
    assert ("prix ajusté = prix proposé" in shown) == (mode == "adjusted_price")
    assert ("Minimum : 70 sur 100" in shown) == (mode == "quality_min_price")


def test_untrusted_text_is_inert(cast, now):
    evil = "<script>alert(1)</script> [clic](javascript:alert(1)) ![x](https://exemple.invalid/x) <img src=x onerror=y>"
    fields = ["description", "acceptance_criteria", "submission_info", "evaluation_criteria", "teaser", "title"]
    fields += ["location", "remote_description", "contact_name"]
    opportunity = cast.published(
        **{field: evil[: 90 if field in {"location", "contact_name"} else 150] for field in fields}
    )
    addendum_actions.add_addendum(opportunity, by=cast.buyer, text=evil)
    with unguarded():
        Skill.objects.filter(folded="python").update(name="<b onclick=z>")
    pages = [Client().get(path) for path in (address(opportunity), address(opportunity, "ouverture/"), "/")]
    for response in pages:
        html = text_of(response)
        assert "<script>alert" not in html and 'href="javascript' not in html
        assert "<img" not in html and "<b onclick" not in html


def test_reasons_are_public(cast):
    with clock.set_to(PUBLISHED_AT):
        suspended, cancelled = cast.published(), cast.published()
        award_actions.suspend(suspended, by=cast.officer, reason="Exigence <b>fautive</b>")
        award_actions.cancel(cancelled, by=cast.officer, reason="Besoin disparu")
        assert "Exigence &lt;b&gt;fautive" in text_of(Client().get(address(suspended)))
        assert "Besoin disparu" in words(Client().get(address(cancelled)))
        assert "restent scellées pour toujours" in words(Client().get(address(cancelled, "ouverture/")))
    unsuccessful, _none = cast.opened(proposals=0)
    with clock.set_to(AFTER):
        award_actions.conclude(unsuccessful, by=cast.officer, code="none_received")
        assert "Aucune proposition reçue" in words(Client().get(address(unsuccessful)))
        assert "Conclue sans attribution : Aucune proposition reçue" in words(
            Client().get(address(unsuccessful, "attribution/"))
        )


# --- The public history ----------------------------------------------------------------------------------------------
def history_of(opportunity) -> list[str]:
    html = text_of(Client().get(address(opportunity)))
    steps = html.split('class="timeline"')[1].split("</ol>")[0]
    return [re.sub(r"<[^>]+>", "", re.split(r"<time|<small|<span", step)[0]).split(">", 1)[1].strip()
            for step in steps.split("<li")[1:]]  # fmt: skip


def test_history_from_publication_to_a_reversed_award(cast):
    with clock.set_to(PUBLISHED_AT):
        opportunity = cast.published()
        assert history_of(opportunity) == ["Publiée", "Fermeture et ouverture publique", "Attribution prévue"]
        cast.submitted(opportunity)
        addendum_actions.add_addendum(opportunity, by=cast.buyer, text="Précision")
        award_actions.suspend(opportunity, by=cast.officer, reason="Motif de suspension")
        assert history_of(opportunity) == [
            "Publiée", "Addenda n°\u00a01", "Suspendue", "Reprise ou annulation", "Attribution prévue",
        ]  # fmt: skip
        award_actions.resume(opportunity, by=cast.officer, closes_at=CLOSES_AT + timedelta(days=1))
    late = CLOSES_AT + timedelta(days=1)
    with clock.set_to(late):
        opening_actions.open_if_due(opportunity.number)
        opportunity = Opportunity.objects.get(pk=opportunity.pk)
        proposal = Proposal.objects.get(opportunity=opportunity)
        evaluation_actions.admit(proposal, by=cast.buyer)
        scores = {criterion.pk: (Decimal(80), "secret de comité") for criterion in opportunity.criteria.all()}
        evaluation_actions.score(proposal, by=cast.buyer, values=scores)
        award_actions.recommend(opportunity, proposal, by=cast.buyer)
        award_actions.send_back(opportunity, by=cast.officer, reason="Motif interne du renvoi")
        award_actions.recommend(opportunity, proposal, by=cast.buyer)
        award_actions.confirm(opportunity, by=cast.officer)
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Motif d’annulation")
        assert "Motif d’annulation" not in words(Client().get(address(opportunity)))  # only once it is done
        award_actions.reverse(opportunity, by=cast.second_officer)
        assert history_of(opportunity) == [
            "Publiée", "Addenda n°\u00a01", "Suspendue", "Reprise", "Fermeture et ouverture publique",
            "Attribution recommandée", "Recommandation renvoyée à l’évaluation", "Attribution recommandée",
            "Attribution confirmée", "Attribution annulée", "Attribution prévue",
        ]  # fmt: skip
        shown = words(Client().get(address(opportunity)))
    assert "Motif de suspension" in shown and "Motif d’annulation" in shown
    assert "mercredi 25 novembre 2026, 14 h 00 (HNE)" in shown and "1 proposition reçue" in shown
    assert "Motif interne" not in shown and "secret de comité" not in shown
    assert cast.vendor.legal_name not in shown  # the recommendation names nobody


def test_refused_acts_are_not_told(cast, now):
    opportunity = cast.published()
    signed_in(cast.outsider).post(f"{address(opportunity)}suspendre/", {"reason": "x"})
    assert history_of(opportunity)[0] == "Publiée" and len(history_of(opportunity)) == 3


# --- Home ------------------------------------------------------------------------------------------------------------
def test_home_when_there_is_nothing(db, now):
    shown = words(Client().get("/"))
    assert "Aucune occasion n’est ouverte en ce moment." in shown
    assert "médiane" not in shown and "Occasions récentes" not in shown  # no figure without data


def test_home_shows_what_is_computed(cast):
    cast.awarded(title="Déjà attribuée")
    cast.opened(proposals=1)
    at = CLOSES_AT + timedelta(days=2)
    with clock.set_to(at):
        for days in (6, 11, 7, 5, 8):  # in any order of closing
            cast.published(
                at=at, closes_at=at + timedelta(days=days), title=f"Dans {days} jours", short_period_reason="Essai"
            )
        cast.draft(title="Brouillon caché")
        html = text_of(Client().get("/"))
        shown = words(Client().get("/"))
    cards = html.split('class="cards"')[1]
    assert re.findall(r">(Dans \d+ jours)</a>", cards) == ["Dans 5 jours", "Dans 6 jours", "Dans 7 jours"]
    drawn = html.split('class="swarm"')[1].split("</figure>")[0]
    assert drawn.count("<circle") == 2 * 5 and "Les 5 occasions qui ferment d’ici trente jours" in drawn
    assert "Les 5 occasions ouvertes" in shown and "5 occasions ouvertes, 320 000 $." in shown
    assert "de la publication à l’attribution 23 jours" in shown
    assert "propositions par occasion 1,5" in shown  # 2 and 1
    assert "Attributions 1 pour 64 000 $ avant taxes" in shown
    assert "Brouillon caché" not in shown and "90 000 $" in shown


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        ("en", 302),
        ("en-CA,en;q=0.9,fr;q=0.8", 302),
        ("fr;q=0.5,en;q=0.9", 302),
        ("fr-CA,en;q=0.9", 200),
        ("de-DE,en;q=0.9", 200),
        ("*", 200),
        ("", 200),
        ("enn", 200),
        ("\x00;;q=x", 200),
    ],
)
def test_first_visit_follows_an_english_browser(db, now, languages, expected):
    response = Client().get("/", headers={"accept-language": languages})
    assert response.status_code == expected
    if expected == 302:
        assert response["Location"] == "/en/"
        assert Client().get("/en/", headers={"accept-language": languages}).status_code == 200


def test_french_can_be_chosen_with_an_english_browser(cast, now):
    english = {"accept-language": "en-CA"}
    by_link = Client().get("/", headers=english | {"referer": "http://testserver/en/"})
    assert by_link.status_code == 200
    assert Client().get("/", headers=english).status_code == 302  # the chosen page was not kept for the next visitor
    assert Client().get("/", headers=english | {"referer": "https://ailleurs.invalid/"}).status_code == 302
    assert signed_in(cast.outsider).get("/", headers=english).status_code == 200


# --- The page cache --------------------------------------------------------------------------------------------------
def test_a_page_is_never_kept_past_the_closing_instant(cast):
    with clock.set_to(PUBLISHED_AT):
        opportunity = cast.published()
    for path in ("/", address(opportunity), address(opportunity, "ouverture/")):
        for left, holds in ((30, None), (7.9, 7), (0.5, 0)):
            cache.clear()
            with clock.set_to(CLOSES_AT - timedelta(seconds=left)):
                assert getattr(Client().get(path), "holds_seconds", None) == holds


def test_what_is_personal_is_not_kept_for_visitors(cast, now):
    opportunity = cast.published()
    cast.proposal(opportunity)
    assert "Voir ma proposition" in text_of(signed_in(cast.vendor_owner).get(address(opportunity)))
    assert "Votre organisme" in text_of(signed_in(cast.officer).get(address(opportunity)))
    visitor = text_of(Client().get(address(opportunity)))
    assert "Voir ma proposition" not in visitor and "Votre organisme" not in visitor
    assert "Voir ma proposition" in text_of(signed_in(cast.vendor_owner).get(address(opportunity)))


# --- What a page costs -----------------------------------------------------------------------------------------------
def cost(path: str, client: Client | None = None) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert (client or Client()).get(path).status_code == 200
    return len(queries)


def test_home_and_awards_cost_the_same_for_one_and_three(cast):
    costs = {"/": [], "/attributions/": []}
    for more in (1, 2):
        for n in range(more):
            cast.awarded(title=f"Attribuée {more}{n}")
            at = CLOSES_AT + timedelta(days=2)
            with clock.set_to(at):
                cast.published(at=at, closes_at=at + timedelta(days=14), title=f"Ouverte {more}{n}")
        with clock.set_to(CLOSES_AT + timedelta(days=3)):
            for path, seen in costs.items():
                seen.append(cost(path))
    for path, seen in costs.items():
        assert seen[0] == seen[1] <= 8, path


def _grow(opportunity, cast, count: int) -> None:
    with unguarded():
        for n in range(count):
            Addendum.objects.create(opportunity=opportunity, number=90 + n, text="a", by=cast.buyer, at=PUBLISHED_AT)
            Criterion.objects.create(opportunity=opportunity, label=f"c{n}", weight=1)
            opportunity.skills.add(Skill.objects.get_or_create(folded=f"s{n}", defaults={"name": f"s{n}"})[0])
            Attachment.objects.create(
                opportunity=opportunity, name=f"{n}.pdf", content_type="application/pdf", size=1, sha256="0" * 64,
                file=f"x{n}", added_by=cast.buyer, at=PUBLISHED_AT,
            )  # fmt: skip


def test_an_occasion_costs_the_same_for_one_and_three(cast, now):
    small, large = cast.published(), cast.published()
    _grow(small, cast, 1)
    _grow(large, cast, 3)
    cast.proposal(small)
    cast.proposal(large)
    assert cost(address(small)) == cost(address(large)) <= 8
    for person in (cast.vendor_owner, cast.officer):
        client = signed_in(person)
        assert cost(address(small), client) == cost(address(large), client) <= 9


def test_minutes_and_award_cost_the_same_for_one_and_two(cast):
    one, two = cast.awarded(proposals=1)[0], cast.awarded(proposals=2)[0]
    with clock.set_to(AFTER):
        for page in PAGES:
            # The award tells its ranking, its notes, their re-examinations and the taxes too.
            assert cost(address(one, page)) == cost(address(two, page)) <= (13 if page == "attribution/" else 8), page


# --- Language of parts -----------------------------------------------------------------------------------------------
def test_what_a_body_wrote_is_said_french_on_pages_in_english(cast, now):
    opportunity = cast.published()
    french, english = (text_of(Client().get(root + address(opportunity))) for root in ("", "/en"))
    assert 'lang="fr-CA"' not in french.split("<body")[1]
    for part in ("<h1{}>Tableau de bord", "<div{}><p>Chaque printemps", "<dd{}>Python", "<h3{}>Critère 1"):
        assert part.format(' lang="fr-CA"') in english and part.format("") in french
    card = text_of(Client().get("/en/occasions/"))
    assert f'{address(opportunity)}" lang="fr-CA">Tableau' in card
    assert '<p class="say" lang="fr-CA">Rendre lisibles' in card
    assert '<text class="nm" lang="fr-CA" x' in text_of(Client().get("/en/"))
    assert '<text class="nm" x' in text_of(Client().get("/"))


def test_the_sign_in_page_speaks_our_french(db):
    html = text_of(Client().get(reverse("account_login")))
    assert ">Mot de passe oublié?</a>" in html and not re.search(r"\w [?!;]", html.split("<main")[1])
