"""One's vendors: create, read, change; strangers get 404; administrators only read."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from marketplace.models import LedgerEntry
from tests.cast import person, vendor
from vendors.models import Vendor, VendorMembership

FIELDS = {
    "kind": "company",
    "legal_name": "Atelier Neuf inc.",
    "neq": "1149222300",
    "email": "Bonjour@Exemple.INVALID",
    "phone": "418 555-0123 poste 4",
    "street": "1, rue Neuve",
    "street2": "",
    "city": "Matane",
    "region": "01",
    "province": "Québec",
    "postal_code": "G4W 1A1",
    "country": "Canada",
}


@pytest.fixture
def owner(cast, client):
    client.force_login(cast.outsider)
    return cast.outsider


def text_of(response) -> str:
    return response.content.decode().replace("\u00a0", " ")


def test_creator_becomes_owner(owner, client):
    response = client.post(reverse("vendors:create"), FIELDS)
    made = Vendor.objects.get(legal_name="Atelier Neuf inc.")
    assert response.status_code == 302
    assert made.email == "bonjour@exemple.invalid"
    assert made.memberships.get().role == "owner"
    assert LedgerEntry.objects.filter(action="vendor.create", subject=f"vendor:{made.public_id}").count() == 1
    page = text_of(client.get(reverse("vendors:mine")))
    assert "Atelier Neuf inc." in page and "Propriétaire" in page


def test_self_employed_without_neq(owner, client):
    page = client.get(reverse("vendors:create"), {"nature": "individual"})
    assert page.context["form"]["kind"].value() == "individual"
    assert client.post(reverse("vendors:create"), FIELDS | {"kind": "individual", "neq": ""}).status_code == 302


@pytest.mark.parametrize(
    "field", ["legal_name", "email", "street", "city", "province", "postal_code", "country", "kind"]
)
@pytest.mark.parametrize("value", ["", "   "])
def test_required_fields(owner, client, field, value):
    before = Vendor.objects.count()
    response = client.post(reverse("vendors:create"), FIELDS | {field: value})
    assert response.status_code == 422
    assert response.context["form"].errors[field]
    assert "Il y a un problème" in text_of(response)
    assert Vendor.objects.count() == before


@pytest.mark.parametrize("field", ["legal_name", "street", "street2", "city", "province", "postal_code", "country"])
def test_limits(owner, client, field):
    assert client.post(reverse("vendors:create"), FIELDS | {"country": "France", field: "x" * 101}).status_code == 422
    assert client.post(reverse("vendors:create"), FIELDS | {"country": "France", field: "x" * 100}).status_code == 302
    assert Vendor.objects.filter(**{field: "x" * 100}).exists()


@pytest.mark.parametrize("neq", ["123456789", "12345678901", "11492223oo", "11-4922230"])
def test_neq_refused(owner, client, neq):
    response = client.post(reverse("vendors:create"), FIELDS | {"neq": neq})
    assert response.status_code == 422
    assert "Le NEQ a dix chiffres." in text_of(response)


def test_neq_with_spaces_is_the_same(owner, client):
    client.post(reverse("vendors:create"), FIELDS | {"neq": " 11 4922 2300 "})
    assert Vendor.objects.get(legal_name=FIELDS["legal_name"]).neq == "1149222300"


@pytest.mark.parametrize(("neq", "warned"), [("1149222300", False), ("9949222300", True), ("1139222300", True)])
def test_an_unusual_neq_is_noticed_not_refused(owner, client, neq, warned):
    response = client.post(reverse("vendors:create"), FIELDS | {"neq": neq}, follow=True)
    assert Vendor.objects.filter(neq=neq).exists()
    assert ("vérifiez-le" in text_of(response)) is warned


def test_one_neq_once(owner, client):
    client.post(reverse("vendors:create"), FIELDS)
    response = client.post(reverse("vendors:create"), FIELDS | {"legal_name": "Autre"})
    assert response.status_code == 422
    assert response.context["form"].errors["neq"] == ["Un prestataire est déjà inscrit avec ce NEQ."]


@pytest.mark.parametrize(
    "typed", ["１１４９２２２３００", "1149-222-300", "NEQ\u00a01149222300", "\u200b1149222300", "١١٤٩٢٢٢٣٠٠"]
)
def test_a_neq_in_other_signs_is_the_same_firm(owner, client, typed):
    client.post(reverse("vendors:create"), FIELDS)
    response = client.post(reverse("vendors:create"), FIELDS | {"legal_name": "Autre", "neq": typed})
    assert response.status_code == 422
    assert response.context["form"].errors["neq"] == ["Un prestataire est déjà inscrit avec ce NEQ."]
    assert Vendor.objects.get(neq=typed) == Vendor.objects.get(neq="1149222300")
    with pytest.raises(IntegrityError), transaction.atomic():  # whatever writes it
        Vendor.objects.filter(pk=vendor("Par une autre voie", owner).pk).update(neq=typed)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [("neq", "1149-222", "Le NEQ a dix chiffres. Il y en a 7 ici."), ("phone", "555-0123", "Il manque l’indicatif")],
)
def test_a_wrong_number_has_one_message(owner, client, field, typed, said):
    response = client.post(reverse("vendors:create"), FIELDS | {field: typed})
    (error,) = response.context["form"].errors[field]
    assert error.replace("\u00a0", " ").startswith(said) and list(response.context["form"].errors) == [field]


def test_numbers_kept_before_are_spelled_once(cast, owner):
    """The migration: other digits are written plainly; two vendors with one number stay as they are."""
    rows = {
        "plain": vendor("Une", owner),
        "twin": vendor("Deux", owner),
        "alone": vendor("Trois", owner),
        "odd": vendor("Quatre", owner),
    }
    before = {"plain": "1149222300", "twin": "１１４９２２２３００", "alone": "２２４９２２２３００"}
    with connection.cursor() as cursor:  # as the form of before did: the column now spells what it is given
        for name, typed in before.items():
            cursor.execute("UPDATE vendors_vendor SET neq = %s WHERE id = %s", [typed, rows[name].pk])
        cursor.execute("UPDATE vendors_vendor SET phone = %s WHERE id = %s", ["(418) 555.0123 ext 4", rows["alone"].pk])
        cursor.execute("UPDATE vendors_vendor SET phone = %s WHERE id = %s", ["555-0123", rows["odd"].pk])
    import_module("vendors.migrations.0003_numbers").spell(apps, None)
    found = {row.pk: (row.neq, row.phone) for row in Vendor.objects.all()}
    assert found[rows["plain"].pk][0] == "1149222300" and found[rows["twin"].pk][0] == before["twin"]
    assert found[rows["alone"].pk] == ("2249222300", "418 555-0123 poste 4")
    assert found[rows["odd"].pk][1] == "555-0123"


def test_ones_vendors_come_as_in_a_dictionary(owner, client):
    for name in ("Zoo numérique", "École du code", "Eau vive", "eau claire"):
        vendor(name, owner)
    rows = client.get(reverse("vendors:mine")).context["memberships"]
    assert [row.vendor.legal_name for row in rows] == ["eau claire", "Eau vive", "École du code", "Zoo numérique"]


@pytest.mark.parametrize(
    ("suite", "goes"),
    [
        ("/occasions/DAN-2026-0001/proposer/", "/occasions/DAN-2026-0001/proposer/"),
        ("https://exemple.invalid/", "/prestataires/"),
        ("//exemple.invalid/", "/prestataires/"),
        ("javascript:alert(1)", "/prestataires/"),
    ],
)
def test_goes_back_to_one_of_our_pages_only(owner, client, suite, goes):
    page = client.get(reverse("vendors:create"), {"suite": suite})
    assert (suite in text_of(page)) is (goes == suite)
    assert client.post(reverse("vendors:create"), FIELDS | {"suite": suite}).url == goes


@pytest.mark.parametrize(
    ("who", "get", "post"),
    [
        ("vendor_owner", 200, 302),
        ("vendor_member", 200, 403),
        ("administrator", 200, 403),
        ("rival_owner", 404, 404),
        ("outsider", 404, 404),
        ("buyer", 404, 404),
        ("officer", 404, 404),
        ("auditor", 404, 404),
    ],
)
def test_who_reads_and_who_changes(cast, client, who, get, post):
    client.force_login(getattr(cast, who))
    url = reverse("vendors:edit", args=[cast.vendor.public_id])
    assert client.get(url).status_code == get
    assert client.post(url, FIELDS | {"legal_name": "Changé"}).status_code == post
    assert Vendor.objects.filter(legal_name="Changé").exists() is (post == 302)


def test_an_administrator_of_the_vendor_changes_it(cast, client):
    VendorMembership.objects.filter(user=cast.vendor_member).update(role="admin")
    client.force_login(cast.vendor_member)
    url = reverse("vendors:edit", args=[cast.vendor.public_id])
    assert client.post(url, FIELDS | {"city": "Gaspé"}).status_code == 302
    entry = LedgerEntry.objects.get(action="vendor.edit")
    assert "city" in entry.payload.body["fields"]
    assert "Gaspé" not in str(entry.payload.body)


def test_what_was_typed_comes_back(cast, client):
    client.force_login(cast.vendor_owner)
    url = reverse("vendors:edit", args=[cast.vendor.public_id])
    response = client.post(url, FIELDS | {"city": " ", "street": "7, rue gardée"})
    assert response.status_code == 422
    page = text_of(response)
    assert "7, rue gardée" in page
    assert "<h1>Atelier Boréal inc.</h1>" in page


def test_a_visitor_signs_in_first(cast, client):
    for url in [reverse("vendors:mine"), reverse("vendors:create")]:
        assert client.get(url).url.startswith(reverse("account_login"))


def test_the_administration_site_only_reads(cast, client):
    client.force_login(cast.administrator)
    change = reverse("admin:vendors_vendor_change", args=[cast.vendor.pk])
    assert client.get(reverse("admin:vendors_vendor_changelist")).status_code == 200
    assert client.get(reverse("admin:vendors_vendormembership_changelist")).status_code == 200
    assert client.get(change).status_code == 200
    assert client.post(change, {"legal_name": "Piraté"}).status_code == 403
    assert client.get(reverse("admin:vendors_vendor_add")).status_code == 403
    assert not Vendor.objects.filter(legal_name="Piraté").exists()


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same(cast, client, django_assert_num_queries, rows):
    owner = person("Noé Plusieurs")
    for number in range(rows):
        vendor(f"Firme {number}", owner)
    client.force_login(owner)
    client.get(reverse("vendors:mine"))
    with django_assert_num_queries(4):  # session, person, memberships, invitations
        assert client.get(reverse("vendors:mine")).status_code == 200


@pytest.mark.parametrize(
    ("country", "typed", "kept"),
    [
        ("Canada", "g8b1a1", "G8B 1A1"),
        ("CANADA ", "G8B-1A1", "G8B 1A1"),
        ("Canada", "G8B 1A1", "G8B 1A1"),
        ("France", "75001", "75001"),
        ("Canada", "75001", None),
        ("Canada", "D8B 1A1", None),
        ("Canada", "G8B 1A", None),
        ("Canada", "G8B  1A1", "G8B 1A1"),
        ("Canada", "g8b\u00a0\u20131a1", "G8B 1A1"),
        ("C\u200banada", "G8B\u20021A1", "G8B 1A1"),
    ],
)
def test_a_canadian_postal_code(owner, client, country, typed, kept):
    answer = client.post(reverse("vendors:create"), FIELDS | {"country": country, "postal_code": typed})
    if kept:
        assert Vendor.objects.get(legal_name="Atelier Neuf inc.").postal_code == kept
    else:
        assert answer.status_code == 422 and "G8B 1A1" in text_of(answer)
        assert answer.context["form"].errors["postal_code"]


def test_the_regions_begin_with_a_choice_to_make(owner, client):
    assert client.get(reverse("vendors:create")).context["form"].fields["region"].choices[0] == ("", "Choisissez")


def test_a_name_is_plain(owner, client):
    assert client.post(reverse("vendors:create"), FIELDS | {"legal_name": "\u200b\u202e"}).status_code == 422
    client.post(reverse("vendors:create"), FIELDS | {"legal_name": "Atelier\u202e\nNeuf\u200b"})
    assert Vendor.objects.filter(legal_name="Atelier Neuf").exists()
