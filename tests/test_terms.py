"""New terms: told to those whom they bind, accepted at the next sign-in, with what was typed given back."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.accounts.confirmation import accept_terms
from marketplace.dates import clock
from marketplace.models import OutgoingEmail, Terms, TermsAcceptance, User
from marketplace.terms import actions, middleware
from tests.cast import PASSWORD, PUBLISHED_AT
from tests.reading import signed_in, text_of, words
from tests.test_every_page import PRIVATE, address, assert_whole

THEN = PUBLISHED_AT + timedelta(days=7)
ACCEPT = "/conditions/accepter/"


@pytest.fixture(autouse=True)
def _standing_still():
    with clock.set_to(PUBLISHED_AT):
        yield


def publish(cast, **fields):
    """By the administration's own form; in force a week later."""
    values = {
        "kind": "use", "in_force_at_0": "2026-11-10", "in_force_at_1": "09:00:00", "text_fr": "Texte **deux**.",
        "text_en": "Text **two**.", "changes_fr": "Les délais sont plus courts.", "changes_en": "Delays are shorter.",
    }  # fmt: skip
    return signed_in(cast.administrator).post(reverse("admin:marketplace_terms_add"), values | fields)


def sign_in(user, then: str = "/mon-profil/", client: Client | None = None):
    user.emailaddress_set.get_or_create(email=user.email, defaults={"verified": True, "primary": True})
    client = client or Client()
    return client, client.post("/compte/login/", {"login": user.email, "password": PASSWORD, "next": then}, follow=True)


# --- Told ------------------------------------------------------------------------------------------------------------
def test_everybody_is_told_in_their_language_what_changes_and_when(cast, django_capture_on_commit_callbacks):
    User.objects.filter(pk=cast.rival_owner.pk).update(language="en")
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    with django_capture_on_commit_callbacks(execute=True):
        assert publish(cast).status_code == 302
    rows = {row.to_id: row for row in OutgoingEmail.objects.all()}
    assert set(rows) == set(User.objects.filter(is_active=True).values_list("pk", flat=True)) and len(rows) > 10
    french, english = rows[cast.buyer.pk], rows[cast.rival_owner.pk]
    assert "Les délais sont plus courts." in french.body and "10 novembre 2026, 9 h 00 (HNE)" in french.body.replace(
        "\u00a0", " "
    )
    assert "Delays are shorter." in english.body and english.subject == "New terms of use"
    assert all(row.state == "sent" for row in rows.values())


def test_terms_of_submission_are_told_to_those_who_submit(cast):
    assert publish(cast, kind="proposal").status_code == 302
    told = set(OutgoingEmail.objects.values_list("to", flat=True))
    assert told == {cast.vendor_owner.pk, cast.vendor_member.pk, cast.rival_owner.pk}
    with clock.set_to(THEN):
        assert sign_in(cast.vendor_owner)[1].request["PATH_INFO"] == "/mon-profil/", "accepted at each deposit"


def test_a_version_says_what_it_changes(cast):
    refused = publish(cast, changes_fr=" ", changes_en="")
    assert refused.context["adminform"].form.errors.keys() == {"changes_fr", "changes_en"}
    assert Terms.objects.count() == 2 and not OutgoingEmail.objects.exists()


def test_what_is_announced_is_on_the_public_page(cast):
    publish(cast)
    page = Client().get("/conditions/")
    assert "À venir" in words(page) and "Les délais sont plus courts." in words(page)
    assert_whole("/conditions/", page)


# --- Accepted --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["fr-ca", "en"])
@pytest.mark.parametrize("who", ["buyer", "auditor", "administrator", "vendor_owner", "outsider"])
def test_the_next_sign_in_asks_once_and_leads_on(cast, who, language):
    publish(cast)
    user = getattr(cast, who)
    User.objects.filter(pk=user.pk).update(language=language)
    client, page = sign_in(user)
    assert page.request["PATH_INFO"] == "/mon-profil/", "not in force yet"
    under = "/en" if language == "en" else ""
    with clock.set_to(THEN):
        client, page = sign_in(user, f"{under}/mon-profil/")
        assert page.request["PATH_INFO"] == under + ACCEPT and page.status_code == 200
        said = words(page)
        change, button = ("Delays are shorter.", "I accept") if under else ("Les délais sont plus courts.", "J’accepte")
        assert change in said and button in said and "two" in said or "deux" in said
        assert_whole(ACCEPT, page)
        assert client.post(under + ACCEPT, {"version": "1", "next": "/mon-profil/"}).status_code == 409
        done = client.post(under + ACCEPT, {"version": "2", "next": f"{under}/mon-profil/"}, follow=True)
        assert done.request["PATH_INFO"] == f"{under}/mon-profil/"
        assert TermsAcceptance.objects.get(user=user).terms.version == 2
        assert client.post(under + ACCEPT, {"version": "2"}).status_code == 302
        assert sign_in(user)[1].request["PATH_INFO"] == "/mon-profil/", "asked once"
    assert TermsAcceptance.objects.filter(user=user).count() == 1


def test_what_was_typed_when_the_session_ended_comes_back_after_it(cast):
    publish(cast)
    with clock.set_to(THEN):
        client = signed_in(cast.outsider)
        client.logout()
        client.cookies["csrftoken"] = "x" * 32
        answer = client.post("/mon-profil/", {"name": "Ulysse Renommé", "language": "en"})
        assert answer["Location"].startswith("/compte/login/")
        client, page = sign_in(cast.outsider, client=client)
        assert page.request["PATH_INFO"] == ACCEPT
        back = client.post(ACCEPT, {"version": "2", "next": "/mon-profil/"}, follow=True)
        assert "Ulysse Renommé" in text_of(back) and "rien n’est encore enregistré" in words(back)


def test_nothing_private_is_reached_before(cast):
    """Every private address, in two verbs; public pages stay readable, and one may leave."""
    publish(cast)
    occasion = cast.published()
    with clock.set_to(THEN):
        client, _page = sign_in(cast.vendor_owner)
        seen, wrong = 0, []
        for name, route in PRIVATE:
            if name in middleware.OPEN or name.startswith("admin:log"):
                continue
            path = address(route, number=occasion.number)
            for ask in (client.get, client.post):
                answer = ask(path)
                seen += 1
                if answer.status_code != 302 or ACCEPT not in answer["Location"]:
                    wrong.append((path, answer.status_code))
        assert not wrong and seen > 250, wrong
        assert client.get(f"/occasions/{occasion.number}/").status_code == 200
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/mon-profil/"}
        assert ACCEPT in client.get("/a-faire/", headers=headers)["HX-Redirect"]
        assert client.post("/compte/logout/").status_code == 302
        assert client.get("/mon-profil/")["Location"].startswith("/compte/login/")


def test_a_page_costs_no_query_for_it(cast, django_assert_num_queries):
    publish(cast)
    with clock.set_to(THEN), django_assert_num_queries(2):
        assert actions.due(cast.outsider, at=THEN).version == 2
    assert actions.due(cast.outsider, at=PUBLISHED_AT) is None, "the first was ticked at the sign-up"


def test_whoever_signs_up_afterwards_is_not_asked(cast):
    publish(cast)
    with clock.set_to(THEN):
        accept_terms(cast.outsider, at=THEN)
        assert sign_in(cast.outsider)[1].request["PATH_INFO"] == "/mon-profil/"
