"""The public list: who sees what, search, filters and their counts, pages, cost."""

import importlib
import itertools
import random
import re
from datetime import timedelta

import pytest
from django.apps import apps as django_apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace import cache as page_cache
from marketplace.dates import clock
from opportunities.models import Opportunity, PublicBody, Skill
from opportunities.search.filters import GROUPS, Filters
from opportunities.search.labels import public_badge
from tests.cast import CLOSES_AT

URL = "/occasions/"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _pages_are_not_kept(monkeypatch):
    """Rows are stored here without any act: nothing would tell the page cache that they changed."""
    monkeypatch.setattr(page_cache, "SECONDS", 0)


def stored(cast, at, **fields) -> Opportunity:
    """A row in any state without its history: what the list reads, cheaply."""
    number = f"DAN-2026-{Opportunity.objects.count() + 1:04d}"
    values = {
        "number": number, "body": cast.body, "author": cast.buyer, "title": f"Besoin {number}", "state": "published",
        "budget_cents": 30_000_00, "region": "01", "code_licence": "MIT", "closes_at": at + 10 * DAY,
        "assignment_date": at.date(), "created_at": at, "updated_at": at, "published_at": at - DAY,
    } | fields  # fmt: skip
    skills = values.pop("skills", ())
    # Its skills first, under a key far from the counted ones: a published notice takes none without an act.
    row = Opportunity(pk=1_000_000 + Opportunity.objects.count(), **values)
    named = [Skill.objects.get_or_create(folded=name.lower(), defaults={"name": name})[0] for name in skills]
    Opportunity.skills.through.objects.bulk_create(
        Opportunity.skills.through(opportunity_id=row.pk, skill_id=one.pk) for one in named
    )
    row.search_text = row.words()
    row.save(force_insert=True)
    return row


def found(client, query="") -> list[str]:
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200
    return [row.number for row in answer.context["rows"]]


def total(client, query="") -> int:
    return client.get(f"{URL}?{query}").context["total"]


def test_only_what_was_published_is_listed(client, cast, now):
    draft, review, seen = cast.draft(), cast.in_review(), cast.published()
    for user in (None, cast.buyer, cast.officer, cast.administrator):
        if user:
            client.force_login(user)
        assert found(client, "etat=ouverte&etat=suspendue&etat=evaluation&etat=attribuee&etat=sans-suite") == [
            seen.number
        ]
    page = client.get(URL).content.decode()
    assert draft.number not in page and review.number not in page


@pytest.mark.parametrize(
    ("state", "hours", "etat", "label", "tone"),
    [
        ("published", 1, "ouverte", "Ouverte", "ok"),
        ("published", 0, "evaluation", "Fermée", "neutral"),
        ("published", -1, "evaluation", "Fermée", "neutral"),
        ("suspended", 1, "suspendue", "Suspendue", "warn"),
        ("evaluation", -1, "evaluation", "En évaluation", "info"),
        ("recommended", -1, "evaluation", "En évaluation", "info"),
        ("awarded", -1, "attribuee", "Attribuée", "neutral"),
        ("unsuccessful", -1, "sans-suite", "Sans attribution", "neutral"),
        ("cancelled", 1, "sans-suite", "Annulée", "bad"),
    ],
)
def test_each_state_has_one_public_name(client, cast, now, state, hours, etat, label, tone):
    row = stored(cast, now, state=state, closes_at=now + timedelta(hours=hours))
    assert public_badge(row, now) == {"label": label, "tone": tone}
    for value in GROUPS[0].values:
        answer = client.get(URL, {"etat": value})
        assert [r.number for r in answer.context["rows"]] == ([row.number] if value == etat else [])
        numbers = {line["value"]: line["number"] for line in answer.context["groups"][0]["values"]}
        assert numbers == {code: int(code == etat) for code in numbers}


def test_open_ones_come_nearest_first_and_the_others_latest_first(client, cast, now):
    near, far = (stored(cast, now, closes_at=now + days * DAY) for days in (1, 5))
    old, recent = (stored(cast, now, closes_at=now - days * DAY, state="awarded") for days in (9, 2))
    assert found(client) == [near.number, far.number]
    assert found(client, "etat=attribuee") == [recent.number, old.number]
    page = client.get(URL).content.decode()
    assert "2 occasions ouvertes" in page and "de la plus proche à la plus lointaine" in page
    assert "Ferme dans" in page
    assert "2 occasions attribuées" in client.get(f"{URL}?etat=attribuee").content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("accessibilite", True), ("ACCESSIBILITÉ", True), ("ponts", True), ("pont", True), ("routes", True),
        ("C++", True), ("Rimouski", True), ("VE", True), ("bas-saint-laurent", True), ("l’accessibilité", True),
        ("pont accessibilité", True), ("pont chaussure", False), ("C#", False), ("drone", False),
        ("%", True), ("_", True), ("(", True), ("de la", True), ("' OR 1=1 --", False), ("\x00pont", True),
    ],
)  # fmt: skip
def test_search(client, cast, now, query, expected):
    stored(cast, now, title="Tableau des ponts et de la route", location="Rimouski", skills=["Accessibilité", "C++"])
    assert total(client, reverse_query(q=query)) == int(expected)


def reverse_query(**values) -> str:
    from urllib.parse import urlencode

    return urlencode(values)


def test_a_query_without_any_word_says_so(client, cast, now):
    stored(cast, now)
    assert "ne contient aucun mot à chercher" in client.get(URL, {"q": "("}).content.decode()
    page = client.get(URL, {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert(1)" not in page


def test_an_empty_answer_helps(client, cast, now):
    stored(cast, now, state="awarded", title="Carte des sentiers")
    page = client.get(URL, {"q": "sentier"}).content.decode()
    assert "Aucune occasion ouverte ne correspond" in page
    link = re.search(r'class="btn" href="([^"]+)">Chercher dans toutes', page)[1].replace("&amp;", "&")
    assert client.get(link).context["total"] == 1
    assert "Aucune occasion ne correspond" in client.get(f"{URL}?q=drone&etat=attribuee").content.decode()


def mixture(cast, now, count=60):
    dice = random.Random(7)
    other = PublicBody.objects.create(name="Bibliothèque d’Essai", region="06")
    for _n in range(count):
        state = dice.choice(["published", "published", "suspended", "evaluation", "awarded", "cancelled"])
        stored(
            cast, now, state=state, region=dice.choice(["01", "03", "06"]), body=dice.choice([cast.body, other]),
            budget_cents=dice.choice([24_999_99, 25_000_00, 50_000_00, 50_000_01, 89_999_99]),
            remote_ok=dice.random() < 0.5, code_licence=dice.choice(["MIT", "LiLiQ-R-1.1", "GPL-3.0-or-later"]),
            closes_at=now + dice.choice([-3, 2, 2, 4]) * DAY, title=dice.choice(["Carte des ponts", "Portail"]),
            skills=dice.sample(["Python", "Django", "QGIS", "C++"], 2),
        )  # fmt: skip


def test_a_filter_never_raises_the_count_and_each_figure_is_true(client, cast, now):
    mixture(cast, now)
    values = {"q": ["pont"], "competence": ["python", "c++"]} | {g.param: list(g.values)[:3] for g in GROUPS}
    dice = random.Random(3)
    for _n in range(12):
        chosen = {param: dice.choice(options) for param, options in values.items() if dice.random() < 0.4}
        answer = client.get(URL, chosen)
        count = answer.context["total"]
        assert count == Filters.read(answer.wsgi_request.GET, now).rows(Opportunity.objects.public()).count()
        for param in values.keys() - chosen.keys() - {"etat"}:
            assert client.get(URL, chosen | {param: dice.choice(values[param])}).context["total"] <= count
        for group in answer.context["groups"]:
            for line in dice.sample(group["values"], min(1, len(group["values"]))):
                alone = chosen | {group["param"]: line["value"]}
                assert client.get(URL, alone).context["total"] == line["number"], (chosen, line)
        for skill in answer.context["skills"][:2]:
            assert client.get(URL, chosen | {"competence": skill.folded}).context["total"] == skill.number


def test_two_values_of_a_group_add_up(client, cast, now):
    mixture(cast, now)
    one, two = total(client, "region=01"), total(client, "region=03")
    assert total(client, "region=01&region=03") == one + two
    assert total(client, "region=99&etat=nimporte&montant=&competence=inconnue") == total(client)


def test_chips_take_one_filter_away(client, cast, now):
    mixture(cast, now)
    answer = client.get(f"{URL}?q=pont&region=01&region=03&competence=c%2B%2B&etat=attribuee&tri=x")
    chips = {str(chip["label"]): chip["url"] for chip in answer.context["chips"]}
    assert list(chips) == ["«\u00a0pont\u00a0»", "Attribuée", "Bas-Saint-Laurent", "Capitale-Nationale", "C++"]
    assert chips["C++"] == f"{URL}?q=pont&etat=attribuee&region=01&region=03"
    assert chips["Attribuée"] == f"{URL}?q=pont&region=01&region=03&competence=c%2B%2B&etat="
    assert "Effacer" in answer.content.decode()


@pytest.mark.parametrize("etat", ["ouverte", "attribuee"])
def test_walking_the_pages_sees_each_row_once(client, cast, now, etat):
    state, sign = ("published", 1) if etat == "ouverte" else ("awarded", -1)
    # Several rows close at the same instant, across the ends of pages.
    made = {stored(cast, now, state=state, closes_at=now + sign * (1 + n // 7) * DAY).number for n in range(45)}
    expected = found_all(client, f"{URL}?etat={etat}", "older")
    assert len(expected) == 45 and set(expected) == made
    backwards = found_all(client, f"{URL}?etat={etat}&page=derniere", "newer", pages_reversed=True)
    assert backwards == expected
    second = client.get(client.get(f"{URL}?etat={etat}").context["pages"]["older"])
    assert [r.number for r in client.get(second.context["pages"]["newer"]).context["rows"]] == expected[:20]
    assert [r.number for r in client.get(second.context["pages"]["first"]).context["rows"]] == expected[:20]
    assert [r.number for r in client.get(second.context["pages"]["last"]).context["rows"]] == expected[40:]


def found_all(client, url, link, pages_reversed=False) -> list[str]:
    pages = []
    while url:
        answer = client.get(url)
        pages.append([row.number for row in answer.context["rows"]])
        url = answer.context["pages"].get(link)
    return list(itertools.chain(*(reversed(pages) if pages_reversed else pages)))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "-",
        "1-",
        "-1",
        "1-1-1",
        "9" * 18 + "-1",
        "9" * 400 + "-1",
        "1-" + "9" * 30,
        "²-1",
        "1e9-3",
        "\x00-\x00",
        "-5-5",
    ],
)
@pytest.mark.parametrize("way", ["apres", "avant"])
def test_a_forged_cursor_shows_the_first_page(client, cast, now, way, cursor):
    row = stored(cast, now)
    assert found(client, reverse_query(**{way: cursor})) == [row.number]


def test_the_same_number_of_queries_for_one_row_and_three(client, cast, now):
    costs = []
    for count in (1, 2):  # 1 row, then 3
        for _n in range(count):
            stored(cast, now, skills=["Python", "Django"])
        for query in ("", "q=besoin&region=01&etat=ouverte&etat=evaluation"):
            with CaptureQueriesContext(connection) as queries:
                client.get(f"{URL}?{query}")
            costs.append(len(queries))
    assert costs[:2] == costs[2:]
    assert max(costs) <= 8


def test_htmx_gets_the_results_only(client, cast, now):
    row = stored(cast, now)
    answer = client.get(f"{URL}?region=01&q=", headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "<html" not in page and row.number in page and 'hx-swap-oob="innerHTML"' in page
    assert answer["HX-Push-Url"] == f"{URL}?region=01"
    assert "HX-Request" in answer["Vary"]
    whole = client.get(URL, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in whole.content.decode()


def test_a_kept_page_never_crosses_a_closing_instant(client, cast):
    opportunity = cast.published()
    with clock.set_to(CLOSES_AT - timedelta(seconds=5, microseconds=500_000)):
        assert client.get(URL).holds_seconds == 5
        assert opportunity.title in client.get(URL).content.decode()
    with clock.set_to(CLOSES_AT - timedelta(microseconds=1)):
        assert client.get(URL).holds_seconds == 0
    with clock.set_to(CLOSES_AT - timedelta(minutes=5)):
        assert client.get(f"{URL}?q=pont").holds_seconds == 15


def test_buyers_are_offered_a_new_occasion(client, cast, now):
    assert reverse("opportunities:create") not in client.get(URL).content.decode()
    client.force_login(cast.vendor_owner)
    assert reverse("opportunities:create") not in client.get(URL).content.decode()
    client.force_login(cast.buyer)
    assert reverse("opportunities:create") in client.get(URL).content.decode()


def test_a_post_is_refused_and_the_page_has_no_inline_code(client, cast, now):
    stored(cast, now)
    assert client.post(URL).status_code == 405
    page = client.get(URL).content.decode()
    assert not re.search(r"<script(?![^>]* src=)|\sstyle=|\son\w+=", page)


def test_the_state_can_be_emptied(client, cast, now):
    """No box ticked, or the last chip taken away, is every state; « Tous les états » leads back to the open ones."""
    mixture(cast, now)
    everything = Opportunity.objects.public().count()
    opened = total(client)
    answer = client.get(f"{URL}?etat=")
    assert 0 < opened < everything == answer.context["total"] and "Tous les états" in answer.content.decode()
    assert [(str(chip["label"]), chip["url"]) for chip in answer.context["chips"]] == [("Tous les états", URL)]
    assert not any(line["chosen"] for line in answer.context["groups"][0]["values"])
    assert 'name="etat" value=""' in answer.content.decode()
    one = client.get(f"{URL}?etat=&etat=attribuee&q=")  # what the form sends with one box ticked
    assert one.context["total"] == total(client, "etat=attribuee")
    (chip,) = one.context["chips"]
    assert client.get(chip["url"]).context["total"] == everything
    assert total(client, "q=drone&etat=") == 0
    pages = found_all(client, f"{URL}?etat=", "older")
    assert len(pages) == len(set(pages)) == everything


@pytest.mark.parametrize(
    ("query", "expected"),
    [("compost", 1), ("COMPOST", 1), ("composts", 1), ("logiciels", 1), ("accessibilite", 1), ("accessib", 1),
     ("\u200bcompost\ufeff", 1), ("compo", 1), ("comp", 0), ("composteur", 0)],
)  # fmt: skip
def test_a_word_is_found_by_its_start(client, cast, now, query, expected):
    stored(cast, now, title="Suivi du compostage", description="Un logiciel pensé pour l’accessibilité")
    assert total(client, reverse_query(q=query)) == expected


def test_what_was_published_before_is_indexed_again(cast, now):
    row = stored(cast, now, title="Suivi du compostage", skills=["Python"])
    right = row.search_text
    Opportunity.objects.filter(pk=row.pk).update(search_text=" suivi compostag python ")
    importlib.import_module("opportunities.migrations.0007_search_starts").index_again(django_apps, None)
    assert Opportunity.objects.get(pk=row.pk).search_text == right and " compostage " in right


def test_bodies_come_as_in_a_dictionary(db):
    for name in ("Zoo de l’Essai", "École de l’Essai", "Eau de l’Essai"):
        PublicBody.objects.create(name=name, region="06")
    assert [body.name.split()[0] for body in PublicBody.objects.all()] == ["Eau", "École", "Zoo"]
    one = PublicBody.objects.get(name__startswith="Zoo")
    one.name = "Aquarium"
    one.save()
    assert PublicBody.objects.first() == one
