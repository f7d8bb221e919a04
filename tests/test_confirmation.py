"""« Confirmez votre adresse »: named, written to again, corrected; nobody learns which addresses have accounts."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from marketplace.dates import clock
from marketplace.models import OutgoingEmail, TermsAcceptance, User
from tests.cast import PASSWORD, person
from tests.conftest import NOW
from tests.reading import text_of, words
from tests.test_every_page import assert_whole

PAGE = "/compte/confirm-email/"
SIGN_UP = {
    "name": "Camille Essai", "email": "camile@exemple.invalid", "password1": PASSWORD,
    "password2": PASSWORD, "language": "fr-ca", "terms": "on",
}  # fmt: skip
WRONG, RIGHT, TAKEN = SIGN_UP["email"], "camille@exemple.invalid", "rita.roy@exemple.invalid"


@pytest.fixture(autouse=True)
def _limits(settings, db):
    from marketplace import settings as written

    settings.ACCOUNT_RATE_LIMITS = written.ACCOUNT_RATE_LIMITS
    cache.clear()
    with clock.set_to(NOW):
        yield


@pytest.fixture
def rita():
    user = person("Rita Roy")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def signed_up(email: str = WRONG, **more) -> Client:
    client = Client()
    answer = client.post("/compte/signup/", SIGN_UP | {"email": email} | more)
    assert answer["Location"].endswith(PAGE)
    return client


def told() -> list[tuple[str, str]]:
    rows = OutgoingEmail.objects.order_by("pk")
    return [(row.address, row.template.split("/")[-1].removesuffix(".txt")) for row in rows]


def link_of(address: str) -> str:
    body = OutgoingEmail.objects.filter(address=address).latest("pk").body
    return re.search(r"https?://\S+", body)[0]


@pytest.mark.parametrize("under", ["", "/en"])
def test_the_page_names_the_address(under):
    client = signed_up()
    page = client.get(under + PAGE)
    assert WRONG in words(page) and page["Cache-Control"].count("no-store")
    assert_whole(PAGE, page)
    for phrase in (
        ("Send another message", "Correct the address") if under else ("Envoyer un autre", "Corriger l’adresse")
    ):
        assert phrase in words(page)
    assert WRONG not in words(Client().get(PAGE)), "in another browser it says what to do"
    with clock.set_to(NOW + timedelta(hours=1)):
        assert WRONG not in words(client.get(PAGE)), "a shared computer forgets"


def test_it_is_sent_again_but_not_at_once():
    client = signed_up()
    assert told() == [(WRONG, "email_confirmation_signup")]
    again = client.post(PAGE, follow=True)
    assert "attendez trois minutes" in words(again) and len(told()) == 1
    cache.clear()  # three minutes later
    again = client.post(PAGE, follow=True)
    assert f"Un lien de confirmation est envoyé à {WRONG}" in words(again)
    assert told() == [(WRONG, "email_confirmation_signup")] * 2


def test_a_mistyped_address_is_corrected_and_the_first_link_opens_nothing():
    client = signed_up()
    first = link_of(WRONG)
    page = client.post(PAGE, {"email": f" {RIGHT.upper()} "}, follow=True)
    assert RIGHT in words(page) and told()[-1] == (RIGHT, "email_confirmation_signup")
    user = User.objects.get()
    assert user.email == RIGHT and user.check_password(PASSWORD)
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [(RIGHT, False, True)]
    stranger = Client().get(first)
    assert "n’est plus valide" in words(stranger)
    assert Client().post(first).status_code in {200, 302, 404, 422}
    assert not EmailAddress.objects.filter(verified=True).exists()
    Client().post(link_of(RIGHT))
    assert EmailAddress.objects.get().verified
    assert Client().post("/compte/login/", {"login": RIGHT, "password": PASSWORD})["Location"] == "/a-faire/"


def test_a_stranger_cannot_tell_which_address_has_an_account(rita):
    """Signing up with a known address or a new one, sending again, correcting to a known one or a new one."""
    seen = []
    for number, first in enumerate((TAKEN, "nouvelle@exemple.invalid")):
        for other in (TAKEN, f"autre{number}@exemple.invalid"):
            email = first
            cache.clear()
            if EmailAddress.objects.exclude(user=rita).filter(email=email).exists():
                email = "nouvelle2@exemple.invalid"
            client, pages = signed_up(email), []
            for post in (None, {}, {"email": other}):
                page = client.get(PAGE) if post is None else client.post(PAGE, post, follow=True)
                said = re.sub(r"[\w.]+@exemple\.invalid", "@", words(page))
                pages.append((page.status_code, said))
            seen.append(pages)
    same = [pages for pages in seen[1:] if pages[:2] != seen[0][:2]]
    assert len(seen) == 4 and not same
    assert seen[1][2] == seen[3][2], "corrected to a new address"
    assert EmailAddress.objects.get(email=TAKEN).user == rita


def test_who_typed_a_known_address_gets_the_account_that_was_meant(rita):
    client = signed_up(TAKEN, name="Camille Essai")
    assert told() == [(TAKEN, "account_already_exists")]
    client.post(PAGE, {"email": RIGHT})
    user = User.objects.get(email=RIGHT)
    assert (user.name, user.check_password(PASSWORD)) == ("Camille Essai", True)
    assert TermsAcceptance.objects.filter(user=user).count() == 1
    assert told()[-1] == (RIGHT, "email_confirmation_signup")
    rita.refresh_from_db()
    assert rita.email == TAKEN and EmailAddress.objects.get(user=rita).verified


def test_corrected_to_a_known_address_changes_nothing(rita):
    client = signed_up()
    client.post(PAGE, {"email": TAKEN})
    assert told()[-1] == (TAKEN, "account_already_exists")
    assert User.objects.filter(email=WRONG).exists() and EmailAddress.objects.get(user=rita).email == TAKEN
    cache.clear()
    client.post(PAGE, {"email": RIGHT})
    assert User.objects.exclude(pk=rita.pk).get().email == RIGHT


def test_a_sign_in_before_the_confirmation_leads_there_too():
    signed_up()
    cache.clear()
    client = Client()
    page = client.post("/compte/login/", {"login": WRONG, "password": PASSWORD, "next": "/mon-profil/"}, follow=True)
    assert WRONG in words(page) and 'name="next" value="/mon-profil/"' in text_of(page)
    client.post(PAGE, {"email": RIGHT, "next": "/mon-profil/"})
    assert User.objects.get().email == RIGHT and "next=/mon-profil/" in link_of(RIGHT).replace("%2F", "/")


def test_a_confirmed_account_is_moved_by_nobody(rita):
    """The page was left open; meanwhile the address was confirmed."""
    client = signed_up()
    Client().post(link_of(WRONG))
    client.post(PAGE, {"email": RIGHT})
    assert User.objects.exclude(pk=rita.pk).get().email == WRONG
    assert not EmailAddress.objects.filter(email=RIGHT).exists()


def test_corrections_are_counted(settings):
    client = signed_up()
    answers = [client.post(PAGE, {"email": f"camille{n}@exemple.invalid"}).status_code for n in range(12)]
    assert answers == [302] * 10 + [422] * 2
    assert client.post(PAGE, {"email": "pas une adresse"}).status_code == 422
    assert len(told()) == 11


def test_the_sign_up_page_says_how_one_acts_for_whom():
    french, english = words(Client().get("/compte/signup/")), words(Client().get("/en/compte/signup/"))
    assert "les personnes qui administrent la plateforme vous donnent ensuite votre rôle" in french
    assert "the people who administer the platform then give you your role" in english
    assert "rejoindre" not in french
