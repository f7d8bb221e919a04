"""What a vendor reads from the sign-up to the receipt says what happens, once, in its language."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import translation

from marketplace.dates import clock
from marketplace.models import OutgoingEmail
from proposals.deposit import actions as deposit_actions
from tests.cast import PUBLISHED_AT, person
from tests.reading import signed_in
from vendors.models import VendorMembership


def text_of(answer) -> str:
    return answer.content.decode().replace("\u00a0", " ")


@pytest.mark.django_db
def test_a_word_that_is_no_address_is_told_once(client):
    page = text_of(client.post(reverse("account_signup"), {"email": "jeanne@"}))
    assert "Écrivez une adresse courriel entière" in page and "ne peut pas recevoir de courriel" not in page


@pytest.mark.django_db
def test_the_summary_holds_no_link_in_a_link(client):
    """The label of the terms has a link of its own."""
    page = text_of(client.post(reverse("account_signup"), {}))
    assert (
        '<a href="#id_terms">J’accepte les conditions d’utilisation (les lire) : '
        "Acceptez les conditions d’utilisation pour créer un compte.</a>"
    ) in page


@pytest.mark.parametrize(("mode", "told"), [("price", False), ("quality_fixed", True)])
def test_the_draft_speaks_of_a_grid_where_there_is_one(cast, now, mode, told):
    proposal = cast.proposal(cast.published(mode=mode))
    page = text_of(signed_in(cast.vendor_owner).get(reverse("proposals:edit", args=[proposal.public_id])))
    assert "Markdown : titres, listes, liens, tableaux." in page
    assert ("Répondez à chaque critère de la grille" in page) is told


def test_what_is_saved_after_a_deposit_says_that_it_stands(cast, now):
    proposal = cast.submitted(cast.published())
    page = reverse("proposals:edit", args=[proposal.public_id])
    client = signed_in(cast.vendor_owner)
    stamp = client.get(page).context["stamp"]
    answer = text_of(client.post(page, {"text": "Autre texte", "stamp": stamp, "enregistrer": "1"}, follow=True))
    assert "sans être déposés : le dépôt d’avant reste valide" in answer and "Brouillon enregistré" not in answer


def test_the_number_of_a_deposit_is_written_in_english(cast, now):
    proposal = cast.submitted(cast.published())
    with translation.override("en"):
        address = reverse("proposals:detail", args=[proposal.public_id])
    page = text_of(signed_in(cast.vendor_owner).get(address))
    assert "no. 1" in page and "n° 1" not in page


def test_whoever_could_deposit_is_told_of_a_deposit_and_of_a_withdrawal(cast, now):
    """Members who prepare are told only of what they began."""
    manager = person("Gina Gestion")
    VendorMembership.objects.create(user=manager, vendor=cast.vendor, role="admin")
    proposal = cast.submitted(cast.published())
    with clock.set_to(PUBLISHED_AT + timedelta(hours=1)):
        deposit_actions.withdraw(proposal, by=manager)
    for template, who in (("proposal_submitted", "Déposée par : Victor"), ("proposal_withdrawn", "Retirée par : Gina")):
        rows = OutgoingEmail.objects.filter(template=f"emails/{template}.txt")
        assert {row.to for row in rows} == {cast.vendor_owner, manager}
        assert all(row.confidential and who in row.body.replace("\u00a0", " ") for row in rows)


def test_a_small_supplier_finds_where_to_say_so_beside_the_price(cast, now):
    proposal = cast.proposal(cast.published())
    page = reverse("proposals:submit", args=[proposal.public_id])
    answer = text_of(signed_in(cast.vendor_owner).get(page))
    assert "Petit fournisseur, sans TPS ni TVQ?" in answer
    assert f"{reverse('contracts:taxes', args=[cast.vendor.public_id])}?suite={page}" in answer


def test_a_page_that_is_not_ones_own_names_the_address_in_session(cast, client):
    page = reverse("vendors:edit", args=[cast.vendor.public_id])
    answer = signed_in(cast.outsider).get(page)
    assert answer.status_code == 404 and f"en session avec {cast.outsider.email}" in text_of(answer)


@pytest.mark.parametrize("name", ["account_signup", "account_reset_password"])
def test_a_link_says_how_long_it_serves_and_whom_to_write_to(cast, client, name):
    typed = {
        "email": cast.outsider.email if name == "account_reset_password" else "nouvelle@exemple.invalid",
        "name": "Nina Nouvelle",
        "password1": "Neige-bleue-2026",
        "password2": "Neige-bleue-2026",
        "language": "fr-ca",
        "terms": "on",
    }
    client.post(reverse(name), typed)
    body = OutgoingEmail.objects.get().body.replace("\u00a0", " ")
    assert "Ce lien sert une fois, pendant 3 jours." in body
    assert f"Pour nous joindre : http://localhost:8000{reverse('pages:contact')}" in body
