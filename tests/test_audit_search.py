"""One box for auditors: each tab finds what it should, without accents, in pages, at a fixed cost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import search_views
from audit.cases import actions as case_actions
from audit.names import named
from audit.samples import actions as sample_actions
from marketplace.dates import clock
from marketplace.models import User
from tests import contract_cast
from tests.cast import CLOSES_AT, person, vendor
from tests.contract_cast import SIGNED_AT
from tests.reading import signed_in, text_of, words
from vendors.models import VendorMembership

TABS = list(search_views.TABS)


@pytest.fixture
def then():
    with clock.set_to(SIGNED_AT):
        yield SIGNED_AT


def found(cast, text: str, tab: str) -> list:
    rows = signed_in(cast.auditor).get("/verification/recherche/", {"q": text, "dans": tab}).context["rows"]
    return [row.entry.seq if tab == "registre" else str(row["row"]) for row in rows]


def counts(cast, text: str) -> dict:
    tabs = signed_in(cast.auditor).get("/verification/recherche/", {"q": text}).context["tabs"]
    return {name: count for name, (_label, count, _address, _current) in zip(TABS, tabs, strict=True)}


@pytest.mark.parametrize(
    ("text", "tab", "count"),
    [
        ("pont", "occasions", 1),
        ("PONTS", "occasions", 1),
        ("béton", "occasions", 0),
        ("atelier boreal", "attributions", 1),
        ("Boréal", "attributions", 1),
        ("coop", "attributions", 0),
        ("boreal", "contrats", 1),
        ("fleuve", "prestataires", 1),
        ("beatrice", "personnes", 1),
        ("BÉATRICE acheteuse", "personnes", 1),
        ("victor", "personnes", 1),
        ("ulysse", "personnes", 0),
        ("ada pilote", "personnes", 0),
        ("exemple.invalid", "personnes", 0),
        ("@", "personnes", 0),
        ("signer pour l’organisme", "registre", 1),
        ("%", "prestataires", 0),
        (".*", "prestataires", 0),
        ("(", "personnes", 0),
        ("64000", "attributions", 1),
        ("64 000 $", "attributions", 1),
        ("64\u202f000,00\u00a0$", "attributions", 1),
        ("$64,000.00", "contrats", 1),
        ("64 000,01", "attributions", 0),
        ("²", "attributions", 0),
        ("boreal", "occasions", 1),
        ("coop", "occasions", 0),
    ],
)
def test_what_each_tab_finds(cast, then, text, tab, count):
    contract_cast.active(cast)
    assert len(found(cast, text, tab)) == counts(cast, text)[tab] == count


def test_numbers_are_found(cast, then):
    contract = contract_cast.active(cast)
    occasion = contract.opportunity.number
    got = counts(cast, occasion)
    assert (got["occasions"], got["attributions"], got["contrats"]) == (1, 1, 1) and got["registre"] > 5
    assert counts(cast, contract.number.lower())["contrats"] == 1
    first = signed_in(cast.auditor).get("/verification/recherche/", {"q": contract.number})
    assert first.context["tab"] == "contrats", "the first tab that has results"


def test_an_invoice_is_found_by_its_number_and_its_amount(cast):
    with clock.set_to(contract_cast.INVOICED_AT):
        contract = contract_cast.active(cast)
        invoice = contract_cast.invoiced(cast, contract)
        for text in (invoice.number, invoice.number.lower(), f"{invoice.total_cents / 100:.2f}"):
            assert found(cast, text, "contrats") == [contract.number], text


def test_cases_and_samples_are_found_and_linked(cast, then):
    occasion, _pair = cast.awarded()
    case = case_actions.open_(occasion, by=cast.auditor, title="Délai à expliquer", text="Pourquoi?")
    plan = sample_actions.draw(
        by=cast.auditor, title="Premier tirage", method="random", since=CLOSES_AT.date(), until=SIGNED_AT.date(), size=1
    )
    client = signed_in(cast.auditor)
    for text in (case.number, case.number.lower(), "delai expliquer", occasion.number):
        assert found(cast, text, "verifications") == [case.number], text
    for text in (plan.number, "tirage"):
        assert found(cast, text, "echantillons") == [plan.number], text
    page = client.get("/verification/recherche/", {"q": case.number})
    assert page.context["tab"] == "verifications" and case.get_absolute_url() in text_of(page)
    assert f"/verification/echantillons/{plan.number}/" in text_of(
        client.get("/verification/recherche/", {"q": plan.number})
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [("Borael", "Boréal"), ("atelier boreale", "Atelier Boréal"), ("Béatrise", "Béatrice"), ("wxyz", ""), ("pont", "")],
)
def test_what_nearly_is_a_name_is_suggested(cast, then, text, meant):
    cast.awarded()
    page = signed_in(cast.auditor).get("/verification/recherche/", {"q": text})
    assert page.context["suggestion"] == meant
    assert ("Vouliez-vous dire" in text_of(page)) is bool(meant)


def test_nothing_that_is_not_told_is_suggested(cast, then):
    """Neither a vendor that only prepares, nor its people, nor a notice that is not published."""
    cast.draft(at=SIGNED_AT, closes_at=SIGNED_AT + timedelta(days=30), title="Zéphyrine secrète")
    occasion = cast.published()
    cast.submitted(occasion, vendor=vendor("Zinzolin Discret inc.", person("Zoélie Discrète")))
    for text in ("zephirine", "zinzolen", "zoelia"):
        page = signed_in(cast.auditor).get("/verification/recherche/", {"q": text})
        assert page.context["suggestion"] == "", text


def test_a_person_has_a_role_and_a_place(cast, then):
    contract_cast.active(cast)
    hidden = person("Victorine Cachée")
    VendorMembership.objects.create(user=cast.buyer, vendor=vendor("Zinc Discret inc.", hidden), role="member")
    pages = {
        text: words(signed_in(cast.auditor).get("/verification/recherche/", {"q": text, "dans": "personnes"}))
        for text in ("victor", "beatrice")
    }
    assert "Propriétaire, Atelier Boréal inc." in pages["victor"]
    assert "Ville d’Essai" in pages["beatrice"] and "Zinc" not in pages["beatrice"]


def test_a_vendor_or_a_person_that_only_prepares_is_not_found(cast, then):
    owner = person("Zoé Discrète")
    made = vendor("Zinc Discret inc.", owner)
    occasion = cast.published()
    cast.submitted(occasion, vendor=made)
    assert not any(counts(cast, "zinc discret").values()) and not any(counts(cast, "zoe discrete").values())
    with clock.set_to(CLOSES_AT):
        signed_in(cast.auditor).get(f"/occasions/{occasion.number}/")
    assert found(cast, "zinc discret", "prestataires") == ["Zinc Discret inc."]
    assert counts(cast, "zoe discrete")["personnes"] == 1


def test_no_address_is_shown(cast, then):
    contract_cast.active(cast)
    for text in ("beatrice", "victor", "boreal", "odile"):
        for tab in TABS:
            page = signed_in(cast.auditor).get("/verification/recherche/", {"q": text, "dans": tab})
            assert "@exemple.invalid" not in text_of(page)


def test_pages_follow_each_other(cast, then, monkeypatch):
    for _time in range(5):
        cast.awarded()
    everything = found(cast, "ponts", "occasions")
    monkeypatch.setattr(search_views, "PAGE", 2)
    client, read = signed_in(cast.auditor), []
    address = "/verification/recherche/?q=ponts&dans=occasions"
    while address:
        page = client.get(address)
        read += [str(row["row"]) for row in page.context["rows"]]
        older = page.context["older"]
        address = f"/verification/recherche/{older}" if older else None
    assert read == everything and len(read) == 5


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_costs_at_most_eight_queries_and_the_same_for_one_and_three(cast, then, tab):
    text = {"prestataires": "o", "personnes": "a", "registre": "publier"}.get(tab, "pont")
    client = signed_in(cast.auditor)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/verification/recherche/", {"q": text, "dans": tab}).status_code == 200
        return len(queries)

    contract_cast.active(cast)
    one = cost()
    contract_cast.active(cast)
    contract_cast.active(cast)
    assert cost() == one <= 8


@pytest.mark.parametrize("text", ["", " ", "\x00", "x" * 500, "œuvre", "😀", "'; DROP TABLE", "\\", "[", "a\x00b"])
def test_odd_searches_are_answered(cast, then, text):
    cast.awarded()
    for tab in ("", "personnes", "registre", "inconnu"):
        asked = {"q": text, "dans": tab, "avant": "9" * 30}
        assert signed_in(cast.auditor).get("/verification/recherche/", asked).status_code == 200


def test_names_are_found_with_or_without_accents(db):
    for name in ("Étienne Lœuvre", "Zacharie Noël-Côté", "Renée O’Brien"):
        person(name)

    def names(text):
        return sorted(User.objects.filter(named("name", text)).values_list("name", flat=True))

    assert names("etienne loeuvre") == names("ÉTIENNE") == names("Lœuvre") == ["Étienne Lœuvre"]
    assert names("noel-cote") == names("cote zach") == ["Zacharie Noël-Côté"]
    assert names("renee o’brien") == ["Renée O’Brien"]
    assert names("") == names("???") == []
