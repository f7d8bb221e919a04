"""Accounts: our words, 422 on refusal, and the page one was going to, kept until one is in."""

import re
from datetime import UTC, datetime

import pytest
from allauth.account.adapter import get_adapter
from django.urls import reverse
from django.utils import translation
from django.utils.formats import localize

from marketplace.models import OutgoingEmail, User
from tests.reading import text_of

PASSWORD = "un mot de passe assez long"
NOT_OURS = re.compile(r"e-mail|[a-zà-ÿ]'[a-zà-ÿ]| \?", re.IGNORECASE)


@pytest.fixture
def person(db):
    user = User.objects.create_user("rita@exemple.ca", PASSWORD, name="Rita Roy")
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    return user


def sign_up(client, **fields):
    values = {
        "name": "Nadia Neuve", "email": "nadia@exemple.ca", "password1": PASSWORD, "password2": PASSWORD,
        "language": "fr-ca", "terms": "on",
    }  # fmt: skip
    return client.post(reverse("account_signup"), values | fields)


# --- Words -----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_an_empty_form_is_refused_in_our_words(client, name):
    answer = client.post(reverse(name), {})
    assert answer.status_code == 422
    text = text_of(answer)
    assert "Adresse courriel\u00a0: Ce champ est obligatoire." in text
    assert not NOT_OURS.search(text), NOT_OURS.findall(text)
    assert " novalidate" in answer.content.decode()
    assert "placeholder" not in answer.content.decode()


def test_a_wrong_password(client, person):
    answer = client.post(reverse("account_login"), {"login": person.email, "password": "autre chose"})
    assert answer.status_code == 422
    assert "L’adresse courriel ou le mot de passe est incorrect." in text_of(answer)


def test_signing_in_and_out(client, person):
    answer = client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD}, follow=True)
    assert "Vous êtes en session, Rita Roy." in text_of(answer)
    assert "Votre session est fermée." in text_of(client.post(reverse("account_logout"), follow=True))


def test_addresses_in_our_words(client, person):
    client.force_login(person)
    url = reverse("account_email")
    client.post(client.get(url)["Location"], {"password": PASSWORD})
    taken = client.post(url, {"action_add": "", "email": person.email})
    assert taken.status_code == 422
    assert "Cette adresse courriel est déjà dans votre compte." in text_of(taken)
    added = text_of(client.post(url, {"action_add": "", "email": "rita2@exemple.ca"}, follow=True))
    assert "Un lien de confirmation est envoyé à rita2@exemple.ca." in added
    primary = text_of(client.post(url, {"action_primary": "", "email": "rita2@exemple.ca"}, follow=True))
    assert "Votre adresse courriel principale doit être confirmée." in primary
    removed = text_of(client.post(url, {"action_remove": "", "email": "rita2@exemple.ca"}, follow=True))
    assert "L’adresse courriel rita2@exemple.ca est retirée de votre compte." in removed
    for text in (added, primary, removed):
        assert not NOT_OURS.search(text), NOT_OURS.findall(text)


def test_every_message_of_the_library_is_ours():
    """What the adapter may say in French: no « e-mail », no straight apostrophe."""
    spoken = {
        "account_inactive", "cannot_remove_primary_email", "duplicate_email", "email_password_mismatch",
        "email_taken", "enter_current_password", "incorrect_password", "invalid_login", "invalid_password_reset",
        "max_email_addresses", "too_many_login_attempts", "unknown_email", "unverified_primary_email",
        "same_as_current", "rate_limited",
    }  # fmt: skip
    with translation.override("fr-ca"):
        for code in spoken:
            assert not NOT_OURS.search(str(get_adapter().error_messages[code])), code


# --- Where one was going ---------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_page_one_was_going_to_survives_sign_up(client):
    going = "/mon-profil/?x=1"
    refused = client.get(going)
    login = client.get(refused.headers["Location"])
    signup = re.search(r'href="([^"]*signup[^"]*)"', login.content.decode()[login.content.decode().index("<main") :])[1]
    form = client.get(signup)
    assert f'name="next" value="{going}"' in form.content.decode()
    assert sign_up(client, next=going).status_code == 302
    link = re.search(r"https?://\S+", OutgoingEmail.objects.get().body)[0]
    client.cookies.clear()  # the e-mail is opened elsewhere
    page = client.get(link)
    assert f'name="next" value="{going}"' in page.content.decode()
    confirmed = client.post(link, {"next": going})
    assert confirmed.headers["Location"] == going
    back = client.get(going)
    assert back.headers["Location"].endswith("next=/mon-profil/%3Fx%3D1")
    signed_in = {"login": "nadia@exemple.ca", "password": PASSWORD, "next": going}
    assert client.post(reverse("account_login"), signed_in).headers["Location"] == going


@pytest.mark.django_db
def test_no_link_leads_to_another_site(client):
    sign_up(client, next="https://ailleurs.example/")
    assert "ailleurs" not in OutgoingEmail.objects.get().body


def test_the_page_s_language_is_kept(client, person):
    client.force_login(person)
    assert client.get("/en/compte/login/").headers["Location"] == "/en/a-faire/"
    assert client.get("/compte/login/").headers["Location"] == "/a-faire/"


# --- The administration's hours --------------------------------------------------------------------------------------
def test_the_letter_h_is_a_letter():
    at = datetime(2026, 11, 2, 17, 21, tzinfo=UTC)
    with translation.override("fr-ca"):
        assert localize(at) == "2 novembre 2026, 17\u00a0h\u00a021"
