"""The reuse catalogue: what is in it, found how, reused by whom; and « ce besoin existe déjà ? » in drafts."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contracts.end import actions as end_actions
from contracts.models import Contract, Passport, Reuse
from contracts.reuse import actions as reuse_actions
from contracts.reuse import catalogue_views, similarity
from contracts.reuse import section as reuse_section
from marketplace.dates import clock
from marketplace.ledger import labels as ledger_labels
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerPayload
from marketplace.search import index_text
from opportunities.models import BodyMembership, Opportunity, PublicBody, Skill
from tests.cast import PUBLISHED_AT
from tests.contract_cast import ACCEPTED_AT
from tests.reading import signed_in, text_of, words
from tests.test_passports import FILES, LICENCE, PUBLICCODE, issued
from tests.unguarded import unguarded

LATER = ACCEPTED_AT + timedelta(days=30)
BARE = {"README.md": b"#", "LICENSE": LICENCE}


def entry(cast, title, teaser="", **occasion) -> Passport:
    """A catalogued passport that its notice describes."""
    return issued(cast, BARE, title=title, teaser=teaser, **occasion)


def of_other_body(cast, passport) -> Passport:
    with unguarded():
        Opportunity.objects.filter(pk=passport.contract.opportunity.pk).update(body=cast.other_body)
    return Passport.objects.for_list().get(pk=passport.pk)


def shown(query: str = "", client=None) -> list[str]:
    """Names on the list, in order."""
    answer = (client or Client()).get(f"/code/{query}")
    assert answer.status_code == 200
    return [row.name for row in answer.context["rows"]]


# --- The list --------------------------------------------------------------------------------------------------------
def test_the_catalogue_shows_what_may_be_taken_up(cast):
    passport = issued(cast)
    answer = Client().get("/code/")
    page, html = words(answer), text_of(answer)
    for part in ("Carte des ponts", "LiLiQ-R-1.1", "Ville d’Essai", passport.contract.number, passport.swhid, "Python",
                 "1 logiciel à réutiliser", "16 décembre 2026", passport.summary):  # fmt: skip
        assert part in page, part
    for link in (passport.get_absolute_url(), passport.contract.get_absolute_url(), passport.repository,
                 f"/code/{passport.public_id}/publiccode.yml"):  # fmt: skip
        assert f'href="{link}"' in html, link


def test_an_empty_catalogue_says_so(db):
    assert "Le catalogue est vide pour le moment" in words(Client().get("/code/"))
    assert "Aucun logiciel ne correspond" in words(Client().get("/code/?q=pont"))


def test_code_that_is_not_open_is_not_in_it(cast):
    issued(cast, code_licence="assignment")
    issued(cast, {"README.md": b"#"})
    assert shown() == []


def test_words_are_found_as_in_occasions(cast):
    entry(cast, "Réservation de salles", "Pour les bibliothèques.")
    entry(cast, "Suivi du déneigement", "Rue par rue.")
    assert shown("?q=RESERVER") == shown("?q=bibliotheque") == ["Réservation de salles"]
    assert shown("?q=rues+deneigement") == ["Suivi du déneigement"]
    assert shown("?q=rues+salle") == []
    assert len(shown("?q=python")) == len(shown("?q=Ville+d’Essai")) == 2


def test_filters_narrow_and_count(cast):
    first = entry(cast, "Réservation de salles", code_licence="LiLiQ-R-1.1")
    entry(cast, "Suivi du déneigement")
    of_other_body(cast, first)
    skill = Skill.objects.create(name="Go", folded="go")
    with unguarded():
        first.contract.opportunity.skills.add(skill)
    body = cast.other_body.pk
    assert shown(f"?organisme={body}") == shown("?competence=go") == ["Réservation de salles"]
    assert shown(f"?organisme={cast.body.pk}") == ["Suivi du déneigement"]
    assert shown(f"?organisme={cast.body.pk}&competence=go") == []
    assert len(shown("?licence=LiLiQ-R-1.1")) == 2 and shown("?licence=MIT") == []
    groups = Client().get("/code/").context["groups"]
    assert [(line["label"], line["number"]) for line in groups[0]["values"]] == [
        ("Régie d’ailleurs", 1), ("Ville d’Essai", 1),
    ]  # fmt: skip
    assert [(line["label"], line["number"]) for line in groups[1]["values"]] == [("LiLiQ-R-1.1", 2)]
    chosen = Client().get(f"/code/?organisme={body}&q=").context  # another address: the first one is in the page cache
    assert [line["number"] for line in chosen["groups"][0]["values"]] == [1, 1]
    assert [line["number"] for line in chosen["groups"][1]["values"]] == [1]
    assert {skill.folded: skill.number for skill in chosen["skills"]} == {"go": 1, "python": 1}


@pytest.mark.parametrize(
    "query",
    ["?organisme=abc", "?organisme=999999999", "?organisme=99999999999999999999", "?competence=%00", "?q=%00",
     "?apres=zut", "?apres=1-", "?apres=9999999999999999999-1", "?licence=" + "x" * 500, "?apres=99999999999999999-1",
     "?q=" + "mot " * 300],
)  # fmt: skip
def test_odd_addresses_do_no_harm(db, query):
    assert shown(query) == []


def test_one_page_after_another(cast, monkeypatch):
    monkeypatch.setattr(catalogue_views, "PAGE", 2)
    made = [entry(cast, f"Logiciel {rank}") for rank in range(5)]
    for rank, passport in enumerate(made):  # the last two at the same instant
        Passport.objects.filter(pk=passport.pk).update(at=ACCEPTED_AT + timedelta(hours=min(rank, 3)))
    seen, query = [], ""
    while query is not None:
        answer = Client().get(f"/code/{query}")
        seen += [row.name for row in answer.context["rows"]]
        older = answer.context["older"]
        query = older.partition("/code/")[2] if older else None
    assert seen == [f"Logiciel {rank}" for rank in (4, 3, 2, 1, 0)]
    assert "Les plus récents" in words(answer)


def test_the_list_costs_the_same_for_one_and_for_three(cast):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            shown("?q=logiciel", client=Client())
        return len([each for each in queries if "ledger" not in each["sql"]])

    def reused(title):
        passport = entry(cast, title)
        reuse_actions.declare_reuse(passport.contract, body=cast.other_body, by=cast.outside_buyer)

    reused("Logiciel un")
    one = cost()
    reused("Logiciel deux")
    reused("Logiciel trois")
    assert cost() == one <= 8


# --- One entry -------------------------------------------------------------------------------------------------------
def test_the_page_of_one_entry(cast):
    passport = issued(cast)
    page = words(Client().get(passport.get_absolute_url()))
    for part in ("Carte des ponts", passport.swhid, passport.commit, "Atelier Boréal inc.", "CycloneDX 1.5",
                 "2 composants", "Valable (norme 0.5)", "verify.py passport", "Jalon 1"):  # fmt: skip
        assert part in page, part
    assert cast.buyer.name not in page and cast.vendor_owner.name not in page


def test_a_mismatch_is_shown_to_everybody(cast):
    passport = issued(cast, reference="f" * 40)
    page = words(Client().get(passport.get_absolute_url()))
    assert "Ce n’est pas celui que le prestataire avait nommé." in page
    assert "L’archive déclare le commit" in page


def test_what_an_archive_lacks_is_told_in_the_readers_language(cast):
    described = PUBLICCODE.replace("platforms: [web]", "platforms: [web]\nlogo: logo.gif")
    passport = issued(cast, BARE | {"publiccode.yml": described.encode()}, reference="f" * 40)
    assert passport.publiccode_problems == [["logo", ["Formats acceptés : %s.", ".svg, .svgz, .png"]]]
    for path in (passport.get_absolute_url(), passport.contract.get_absolute_url()):
        english, french = words(Client().get(f"/en{path}")), words(Client().get(path))
        for text in ("The archive declares commit", "publiccode.yml, logo: Formats accepted: .svg", "has no readable"):
            assert text in english and text not in french, text
        for text in ("L’archive déclare le commit", "publiccode.yml, logo : Formats acceptés", "n’a pas de nomen"):
            assert text in french and text not in english, text


def test_a_terminated_contracts_code_stays(cast):
    passport = issued(cast)
    with clock.set_to(LATER):
        end_actions.terminate(Contract.objects.get(pk=passport.contract.pk), by=cast.officer, reason="Fin du projet.")
    assert shown() == ["Carte des ponts"]


# --- The contract's page ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("licence", "who", "sees", "findings"),
    [("LiLiQ-R-1.1", "anonymous", True, 2), ("assignment", "anonymous", False, 0), ("assignment", "buyer", True, 2),
     ("assignment", "vendor_member", True, 2), ("assignment", "outside_buyer", False, 0)],
)  # fmt: skip
def test_the_section_of_the_contracts_page(cast, licence, who, sees, findings):
    from django.contrib.auth.models import AnonymousUser

    passport = issued(cast, BARE, code_licence=licence)
    contract = Contract.objects.for_list().get(pk=passport.contract.pk)
    user = AnonymousUser() if who == "anonymous" else getattr(cast, who)
    with CaptureQueriesContext(connection) as queries:
        made = reuse_section.section(contract, user, LATER)
    assert made["current"] == passport and len(queries) <= 6
    assert (made["shown"] is not None) is sees and len(made["findings"]) == findings
    assert bool(made["why_not"]) is (licence == "assignment")


# --- « Nous réutilisons » --------------------------------------------------------------------------------------------
def test_another_body_says_that_it_reuses_then_takes_it_back(cast):
    passport = issued(cast)
    client, address = signed_in(cast.outside_buyer), f"/code/{passport.public_id}/reutiliser/"
    assert "Nous réutilisons ce code" in words(client.get(passport.get_absolute_url()))
    assert "Régie d’ailleurs" in words(client.get(address))
    with clock.set_to(LATER):
        answer = client.post(address, {"body": cast.other_body.pk, "note": "Sur notre carte des chemins."})
    assert answer.status_code == 302
    page = words(Client().get(passport.get_absolute_url()))
    assert "Régie d’ailleurs" in page and "Sur notre carte des chemins." in page and "15 janvier 2027" in page
    assert "Réutilisé par : Régie d’ailleurs" in words(Client().get("/code/"))
    told = LedgerPayload.objects.get(action="reuse.declare")
    assert (told.subject, told.actor) == (passport.contract.ledger_subject(), cast.outside_buyer)
    assert told.body["name"] == "Régie d’ailleurs" and told.body["note"] == "Sur notre carte des chemins."

    assert "Nous réutilisons ce code" not in words(client.get(passport.get_absolute_url()))
    assert client.get(address).status_code == 403
    ending_address = f"{address}{cast.other_body.pk}/retirer/"
    assert client.get(ending_address).status_code == 200 and Reuse.objects.filter(ended_at=None).exists()
    assert client.post(ending_address).status_code == 302
    assert "Régie d’ailleurs" not in words(Client().get(passport.get_absolute_url()))
    assert LedgerPayload.objects.filter(action="reuse.end").count() == 1
    assert client.post(ending_address).status_code == 404
    assert client.post(address, {"body": cast.other_body.pk}).status_code == 302  # again, one day
    assert ledger_labels.label("reuse.declare") and ledger_labels.label("reuse.end")


@pytest.mark.parametrize(
    ("who", "status"),
    [("outside_buyer", 200), ("outside_officer", 200), ("buyer", 403), ("officer", 403), ("vendor_owner", 404),
     ("auditor", 404), ("administrator", 404), ("outsider", 404)],
)  # fmt: skip
def test_who_may_say_it(cast, who, status):
    passport = issued(cast)
    client, address = signed_in(getattr(cast, who)), f"/code/{passport.public_id}/reutiliser/"
    assert client.get(address).status_code == status
    assert (client.post(address, {"body": cast.other_body.pk}).status_code == 302) is (status == 200)
    assert Reuse.objects.exists() is (status == 200)
    assert client.post(f"{address}{cast.other_body.pk}/retirer/").status_code == (302 if status == 200 else 404)


def test_bad_input_is_shown_again(cast):
    passport = issued(cast)
    client, address = signed_in(cast.outside_buyer), f"/code/{passport.public_id}/reutiliser/"
    for posted in ({"body": cast.body.pk, "note": "Ma note."}, {"body": "", "note": "Ma note."},
                   {"body": cast.other_body.pk, "note": "Ma note. " * 50}):  # fmt: skip
        answer = client.post(address, posted)
        assert answer.status_code == 422 and "Ma note." in text_of(answer)
    assert not Reuse.objects.exists()


def test_the_verb_refuses_what_the_page_would(cast):
    passport = issued(cast)
    contract = passport.contract
    with pytest.raises(PermissionDenied):
        reuse_actions.declare_reuse(contract, body=cast.body, by=cast.buyer)
    with pytest.raises(PermissionDenied):
        reuse_actions.declare_reuse(contract, body=cast.other_body, by=cast.buyer)
    with pytest.raises(ValidationError):
        reuse_actions.declare_reuse(contract, body=cast.other_body, by=cast.outside_buyer, note="x" * 301)
    made = reuse_actions.declare_reuse(contract, body=cast.other_body, by=cast.outside_buyer)
    with pytest.raises(IllegalMove):
        reuse_actions.declare_reuse(contract, body=cast.other_body, by=cast.outside_officer)
    with pytest.raises(PermissionDenied):
        reuse_actions.end_reuse(made, by=cast.buyer)
    reuse_actions.end_reuse(made, by=cast.outside_officer)
    with pytest.raises(IllegalMove):
        reuse_actions.end_reuse(made, by=cast.outside_officer)
    closed = issued(cast, code_licence="assignment")
    with pytest.raises(IllegalMove):
        reuse_actions.declare_reuse(closed.contract, body=cast.other_body, by=cast.outside_buyer)


def test_somebody_of_two_bodies_chooses(cast):
    third = PublicBody.objects.create(name="Office tiers", acronym="OT", region="06")
    BodyMembership.objects.create(user=cast.outside_buyer, body=third, role="officer")
    BodyMembership.objects.create(user=cast.outside_buyer, body=cast.body, role="buyer")
    passport = issued(cast)
    assert reuse_actions.bodies_for(passport.contract, cast.outside_buyer) == [third, cast.other_body]
    reuse_actions.declare_reuse(passport.contract, body=third, by=cast.outside_buyer)
    assert reuse_actions.bodies_for(passport.contract, cast.outside_buyer) == [cast.other_body]


def test_a_body_number_out_of_bounds_is_not_found(cast):
    passport = issued(cast)
    address = f"/code/{passport.public_id}/reutiliser/{10**30}/retirer/"
    assert signed_in(cast.outside_buyer).get(address).status_code == 404


# --- « Ce besoin existe déjà ? » --------------------------------------------------------------------------------------
CODE = {
    "ponts": ("Tableau de bord des ponts et routes",
              "Rendre lisibles, sur téléphone, les entraves et limites de charge publiées en données ouvertes."),
    "salles": ("Formulaire de réservation de salles pour les bibliothèques",
               "Remplacer un tableur partagé par un service simple, en français, relié au calendrier municipal."),
    "anonymisation": ("Anonymisation de jeux de données culturels",
                      "Un outil libre qui repère et masque les renseignements personnels avant diffusion."),
    "permis": ("Demande de permis de construction en ligne",
               "Les citoyens déposent leurs plans et suivent leur demande."),
    "déneigement": ("Carte du déneigement en temps réel", "Montrer où sont passées les charrues, rue par rue."),
    "collectes": ("Rappel des collectes d’ordures et de recyclage", "Un texto la veille de la collecte."),
    "garderies": ("Liste d’attente des places en garderie", "Les parents inscrivent leur enfant une seule fois."),
    "archives": ("Numérisation des archives photographiques", "Recherche dans les fonds photographiques."),
}  # fmt: skip
ALIKE = [
    ("ponts", "Carte des limites de charge des ponts", "Les camionneurs doivent connaître les ponts limités."),
    ("ponts", "État des ponts et des routes", "Publier les entraves et les limites de charge."),
    ("ponts", "Limites de charge au dégel", "Une carte des ponts pour les transporteurs, sur leur téléphone."),
    ("salles", "Réservation de salles communautaires", "Permettre aux organismes de réserver une salle en ligne."),
    ("salles", "Système de réservation des salles de la bibliothèque", ""),
    ("anonymisation", "Masquer les renseignements personnels dans les jeux de données", "Avant diffusion."),
    ("anonymisation", "Outil d’anonymisation de documents", "Repérer et masquer les renseignements personnels."),
    ("permis", "Portail de demandes de permis", "Déposer une demande de permis de construction."),
    ("permis", "Permis de construction numériques", "Dépôt des plans en ligne."),
    ("déneigement", "Suivi du déneigement des rues", "Savoir quand la charrue passe."),
    ("collectes", "Application mobile des collectes", "Rappels de collecte des ordures et du recyclage."),
    ("garderies", "Inscription unique en garderie", "Une seule liste d’attente pour toutes les garderies."),
    ("archives", "Moteur de recherche des photographies d’archives", "Indexer les fonds photographiques."),
]
UNLIKE = [
    ("Tableau de bord des dépenses", "Rendre lisibles les dépenses publiées en données ouvertes."),
    ("Application mobile de paiement du stationnement", "Payer son stationnement avec son téléphone."),
    ("Gestion des plaintes des citoyens", "Suivre une plainte, de son dépôt à sa fermeture."),
    ("Formulaire d’inscription aux camps de jour", "Un service simple, en français, utilisable au clavier."),
    ("Carte des pistes cyclables", "Montrer l’état des pistes en temps réel."),
    ("Inventaire des arbres publics", "Cartographier chaque arbre, rue par rue."),
    ("Planification des horaires d’infirmières", "Respecter les conventions collectives."),
    ("Portail de données ouvertes", "Publier des jeux de données et leur dictionnaire."),
    ("Refonte du site web municipal", "Un site accessible, en français, relié au calendrier municipal."),
    ("Billetterie du musée", "Vendre des billets et gérer les visites de groupes scolaires."),
    ("Robot conversationnel", "Répondre aux questions des citoyens, jour et nuit."),
    ("Demande de subvention en ligne", "Les organismes culturels déposent leur demande et suivent son traitement."),
    ("Prêt de matériel à la bibliothèque", "Réserver un appareil et le rapporter."),
    ("Python", "Django et Python."),
    ("Logiciel", ""),
]


@pytest.fixture
def stocked(cast) -> dict[str, Passport]:
    """One contract, one passport: its words are changed for each case of the table."""
    return {"passport": entry(cast, "Tout autre chose", "Sans rapport.")}


def put(passport: Passport, title: str, teaser: str) -> None:
    occasion = passport.contract.opportunity
    with unguarded():
        Opportunity.objects.filter(pk=occasion.pk).update(title=title, teaser=teaser)
    text = index_text(title, teaser, "Python", "Ville d’Essai")
    Passport.objects.filter(pk=passport.pk).update(name=title, summary=teaser, search_text=text)


def test_the_table_of_likenesses(cast, stocked):
    draft = cast.draft(title="Brouillon", teaser="")
    wrong = []
    for key, (title, teaser) in CODE.items():
        put(stocked["passport"], title, teaser)
        for wanted, asked, why in [*ALIKE, *((None, *unlike) for unlike in UNLIKE)]:
            draft.title, draft.teaser = asked, why
            found = similarity.matches(draft)
            if bool(found) is not (wanted == key):
                wrong.append((key, asked, [row.likeness for row in found]))
    assert not wrong


def test_the_likeliest_comes_first_and_three_at_most(cast):
    for more in ("", " de quartier", " et de patinoires", " de réunion et de spectacle"):
        entry(cast, f"Réservation de salles{more}")
    entry(cast, "Suivi du déneigement")
    found = similarity.matches(cast.draft(title="Réservation de salles de quartier"))
    assert [row.name for row in found][:2] == ["Réservation de salles de quartier", "Réservation de salles"]
    assert len(found) == 3 and [r.likeness for r in found] == sorted((r.likeness for r in found), reverse=True)


def test_the_same_skill_tells_two_apart(cast):
    for title in ("Réservation de salles A", "Réservation de salles B"):
        passport = entry(cast, title)
        skill, _new = Skill.objects.get_or_create(folded="caldav", defaults={"name": "CalDAV"})
        if title.endswith("A"):
            with unguarded():
                passport.contract.opportunity.skills.add(skill)
            Passport.objects.filter(pk=passport.pk).update(search_text=f"{passport.search_text}caldav ")
    draft = cast.draft(title="Réservation de salles")
    draft.skills.set([skill])
    assert [row.name for row in similarity.matches(draft)][0] == "Réservation de salles A"


def test_matching_takes_two_queries(cast):
    entry(cast, "Réservation de salles")
    for title in ("Réservation de salles", "Tout autre chose que cela"):
        draft = Opportunity.objects.get(pk=cast.draft(title=title).pk)
        with CaptureQueriesContext(connection) as queries:
            similarity.matches(draft)
        assert len(queries) <= 2


def test_a_notices_own_code_is_not_proposed_to_it(cast):
    passport = entry(cast, "Réservation de salles")
    assert similarity.matches(passport.contract.opportunity) == []


@pytest.mark.parametrize(("title", "seen"), [("Réservation de nos salles", True), ("Suivi des plaintes", False)])
def test_drafts_and_reviews_say_that_it_exists(cast, title, seen):
    passport = entry(cast, "Réservation de salles")
    draft = cast.draft(title=title)
    link = f'href="{passport.get_absolute_url()}"'
    with clock.set_to(PUBLISHED_AT):
        edit = signed_in(cast.buyer).get(f"/occasions/{draft.number}/modifier/")
        assert edit.status_code == 200 and (link in text_of(edit)) is seen
        assert ("Ce besoin existe déjà" in text_of(edit)) is seen
        sent = cast.in_review(title=title)
        publish = signed_in(cast.officer).get(f"/occasions/{sent.number}/publier/")
        assert publish.status_code == 200 and (link in text_of(publish)) is seen
        new = signed_in(cast.buyer).get("/occasions/nouvelle/")
        assert new.status_code == 200 and "Ce besoin existe déjà" not in text_of(new)


def test_files_of_the_passport_tests_are_what_they_say():
    assert set(BARE) < set(FILES)
