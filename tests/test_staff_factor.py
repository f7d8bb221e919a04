"""Staff without a second factor does nothing but set one up, at every address, in every verb; then comes back."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings as conf
from django.test import Client
from django.urls import reverse
from django.utils import translation

from marketplace.accounts import middleware
from marketplace.accounts.second_factor import is_missing
from marketplace.dates import clock
from opportunities.models import BodyMembership
from tests.cast import PASSWORD, person
from tests.conftest import NOW
from tests.reading import signed_in, text_of, words
from tests.test_every_page import ROUTES, address
from tests.test_second_factor import PERIOD, code_of, wrong

VERBS = ("get", "head", "post", "put", "patch", "delete", "options")
STAFF = ("buyer", "officer", "auditor", "administrator")
# Asked by machines, before any session is looked at.
MACHINES = {"health", "ready", "metrics"}


@pytest.fixture(autouse=True)
def _required(settings, _settings):
    settings.SECOND_FACTOR_REQUIRED = True
    with clock.set_to(NOW):
        yield


def asked(answer) -> bool:
    """Whether this answer leads to the set-up, and nowhere else."""
    return answer.status_code == 302 and answer["Location"].startswith((SETTING_UP, f"/en{SETTING_UP}"))


SETTING_UP = "/compte/deux-etapes/activer/"


def going(answer) -> str:
    return parse_qs(urlsplit(answer["Location"]).query)["next"][0]


def set_up(client, where: str) -> tuple:
    """From the page that one was led to, to the page one was going to: (the secret, the answer)."""
    question = client.get(where)
    assert "À faire avant toute chose" in words(client.get(question["Location"]))
    page = client.post(question["Location"], {"password": PASSWORD}, follow=True)
    secret = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', text_of(page))[1].replace(" ", "")
    assert "À faire avant toute chose" in text_of(page)
    target = re.search(r'name="next" value="([^"]+)"', text_of(page))[1].replace("&amp;", "&")
    assert client.post(where, {"code": wrong(secret, NOW), "next": target}).status_code == 422
    done = client.post(where, {"code": code_of(secret, NOW), "next": target}, follow=True)
    assert "Codes de secours" in text_of(done)
    link = re.search(r'<a class="btn primary" href="([^"]+)">C’est noté', text_of(done))[1].replace("&amp;", "&")
    return secret, client.get(link)


# --- Nothing else ----------------------------------------------------------------------------------------------------
@pytest.mark.any_database
@pytest.mark.parametrize("who", STAFF)
def test_every_address_in_every_verb_leads_to_the_set_up(cast, who):
    """Pages, data, downloads, the administration: nothing is read, nothing is done, existing object or not.

    Everybody reads and posts everywhere; the other verbs are shared out: each address meets each of them from somebody.
    """
    occasion, (proposal, _other) = cast.recommended()
    values = {"number": occasion.number, "public_id": proposal.public_id}
    values["receipt_number"] = proposal.submissions.get().receipt_number
    client, seen, left, wrong_ones = signed_in(getattr(cast, who)), 0, set(), []
    before = {model: model.objects.count() for model in (type(occasion), type(proposal), Authenticator)}
    for place, (name, route, _pattern) in enumerate(ROUTES):
        if name in MACHINES:
            continue
        path = address(route, **values)
        for verb in VERBS:
            if verb not in ("get", "post") and (place + VERBS.index(verb)) % len(STAFF) != STAFF.index(who):
                continue
            answer = getattr(client, verb)(path)
            if name in middleware.OPEN:
                left.add(name)
                continue
            seen += 1
            if not asked(answer):
                wrong_ones.append((verb, path, answer.status_code))
        if name == "account_logout" or name == "admin:logout":
            client = signed_in(getattr(cast, who))
    assert not wrong_ones, wrong_ones[:20]
    assert seen > 1000, seen
    assert left == middleware.OPEN, "what is open exists"
    assert before == {model: model.objects.count() for model in before}


def test_what_is_open_is_what_sets_it_up_leaves_or_explains(cast):
    """The list itself is a decision."""
    assert len(middleware.OPEN) == 14
    client = signed_in(cast.auditor)
    for name in ("pages:help", "pages:contact", "pages:accessibility", "pages:privacy", "pages:terms"):
        assert client.get(reverse(name)).status_code == 200
    assert client.get(reverse("account_reauthenticate")).status_code == 200
    assert client.post(reverse("account_logout")).status_code == 302
    assert client.get("/mon-profil/")["Location"].startswith("/compte/login/")


@pytest.mark.parametrize("who", ["vendor_owner", "vendor_member", "outsider"])
def test_nobody_else_is_asked(cast, who):
    client = signed_in(getattr(cast, who))
    assert client.get("/mon-profil/").status_code == 200
    assert Client().get("/occasions/").status_code == 200


def test_a_page_of_ours_costs_one_query_more_and_a_visitor_none(cast, django_assert_num_queries, settings):
    for who, queries in (("auditor", 1), ("buyer", 1), ("vendor_owner", 1)):
        user = getattr(cast, who)
        with django_assert_num_queries(queries):
            assert is_missing(user) == (who != "vendor_owner")
    settings.SECOND_FACTOR_REQUIRED = False
    with django_assert_num_queries(0):
        assert not is_missing(cast.auditor)


def test_part_of_a_page_sends_the_whole_page_away(cast):
    client = signed_in(cast.buyer)
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/occasions/nouvelle/?x=1"}
    answer = client.get("/occasions/", headers=headers)
    assert answer.status_code == 200 and not answer.content
    assert answer["HX-Redirect"].startswith(SETTING_UP)
    assert parse_qs(urlsplit(answer["HX-Redirect"]).query)["next"] == ["/occasions/nouvelle/?x=1"]


# --- Who falls under it ----------------------------------------------------------------------------------------------
def test_from_the_next_request_of_whoever_becomes_staff(cast):
    client = signed_in(cast.outsider)
    assert client.get("/mon-profil/").status_code == 200
    membership = BodyMembership.objects.create(user=cast.outsider, body=cast.body, role="buyer")
    assert asked(client.get("/mon-profil/"))
    membership.delete()
    assert client.get("/mon-profil/").status_code == 200
    for right in ("is_auditor", "is_staff"):
        type(cast.outsider).objects.filter(pk=cast.outsider.pk).update(**{right: True})
        assert asked(client.get("/mon-profil/"))
        type(cast.outsider).objects.filter(pk=cast.outsider.pk).update(**{right: False})


def test_recovery_codes_alone_are_no_second_factor(cast):
    Authenticator.objects.create(user=cast.auditor, type="recovery_codes", data={"seed": "x", "used_mask": 0})
    assert asked(signed_in(cast.auditor).get("/mon-profil/"))


# --- The set-up, and back --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", STAFF)
@pytest.mark.parametrize("language", ["", "/en"])
def test_setting_it_up_leads_back_where_one_was_going(cast, who, language):
    going_to = f"{language}/occasions/?q=python&page=2"
    client = signed_in(getattr(cast, who))
    answer = client.get(going_to)
    assert asked(answer) and going(answer) == going_to
    assert answer["Location"].startswith(f"{language}{SETTING_UP}")
    question = client.get(answer["Location"])
    assert client.post(question["Location"], {"password": "autre"}).status_code == 422
    page = client.post(question["Location"], {"password": PASSWORD}, follow=True)
    assert page.status_code == 200
    said = words(page)
    assert ("Before anything else" if language else "À faire avant toute chose") in said
    if not language:
        _secret, back = set_up(signed_in(getattr(cast, who)), answer["Location"])
        assert back.status_code == 200 and back.request["PATH_INFO"] == "/occasions/"


def test_what_was_typed_comes_back_on_the_same_address(cast):
    """A long form posted by a buyer who has no factor: kept, through the set-up, once."""
    client = signed_in(cast.buyer)
    draft = cast.draft()
    path = f"/occasions/{draft.number}/modifier/"
    client.cookies["csrftoken"] = "x" * 32
    answer = client.post(path, {"title": "Un titre écrit longuement", "description": "Trois paragraphes."})
    assert asked(answer) and going(answer) == path
    assert "Votre texte est gardé" in words(client.get(client.get(answer["Location"])["Location"]))
    _secret, back = set_up(client, answer["Location"])
    assert back.status_code == 200 and "Un titre écrit longuement" in text_of(back)
    assert "rien n’est encore enregistré" in words(back) and "session avait pris fin" not in words(back)
    assert type(draft).objects.get(pk=draft.pk).title == draft.title
    assert "Un titre écrit longuement" not in text_of(client.get(path))


def test_a_button_without_text_leads_back_to_its_page(cast):
    """Not to an address that answers 405."""
    client = signed_in(cast.buyer)
    number = cast.draft().number
    page = f"/occasions/{number}/"
    for referer, back in (
        (f"http://testserver{page}?x=1", f"{page}?x=1"),
        ("https://ailleurs.test/x", reverse("dashboard")),
        ("", reverse("dashboard")),
    ):
        answer = client.delete(reverse("profile"), headers={"Referer": referer})
        assert asked(answer) and going(answer) == back


def test_the_other_sessions_end_and_sign_in_takes_both_steps(cast):
    cast.auditor.emailaddress_set.create(email=cast.auditor.email, verified=True, primary=True)
    other, client = signed_in(cast.auditor), signed_in(cast.auditor)
    secret, back = set_up(client, client.get("/mon-profil/")["Location"])
    assert back.status_code == 200
    assert other.get("/mon-profil/")["Location"].startswith("/compte/login/")
    later = NOW + 5 * PERIOD
    fresh = Client()
    step = fresh.post("/compte/login/", {"login": cast.auditor.email, "password": PASSWORD, "next": "/mon-profil/"})
    assert step["Location"] == reverse("mfa_authenticate")
    assert fresh.get("/mon-profil/")["Location"].startswith("/compte/login/")
    with clock.set_to(later):
        assert fresh.post(step["Location"], {"code": code_of(secret, later)})["Location"] == "/mon-profil/"
    assert fresh.get("/mon-profil/").status_code == 200


def test_an_address_that_waits_to_be_confirmed_is_no_dead_end(cast):
    cast.auditor.emailaddress_set.create(email="autre@exemple.invalid", verified=False)
    client = signed_in(cast.auditor)
    _secret, back = set_up(client, client.get("/mon-profil/")["Location"])
    assert back.status_code == 200


def test_a_link_elsewhere_is_not_followed(cast):
    client = signed_in(cast.auditor)
    page = client.post(
        client.get(f"{SETTING_UP}?next=https://ailleurs.test/")["Location"], {"password": PASSWORD}, follow=True
    )
    assert page.status_code == 200 and not re.search(r'(value|href)="https?://ailleurs', text_of(page))
    assert 'name="next"' not in text_of(page)


# --- What the first page says ----------------------------------------------------------------------------------------
def sign_in(user, then="") -> tuple:
    """By the sign-in page; (client, the page one lands on)."""
    user.emailaddress_set.get_or_create(email=user.email, defaults={"verified": True, "primary": True})
    client = Client()
    posted = {"login": user.email, "password": PASSWORD} | ({"next": then} if then else {})
    return client, client.post("/compte/login/", posted, follow=True)


def links_of(page) -> set[str]:
    """Where the page itself leads, the site's frame aside."""
    text = text_of(page)
    return set(re.findall(r'<a [^>]*href="(/[^"]*)"', text[text.index("</nav>") : text.index("</main>")]))


@pytest.mark.parametrize("who", STAFF)
@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_just_after_a_sign_in_the_set_up_comes_at_once_and_names_itself(cast, who, language):
    """The password was typed two seconds before; the way out is to sign out, not the page that leads back here."""
    user = getattr(cast, who)
    type(user).objects.filter(pk=user.pk).update(language=language)
    user.refresh_from_db()
    client, page = sign_in(user)
    path = page.request["PATH_INFO"]
    assert path == ("/en" if language == "en" else "") + SETTING_UP and page.status_code == 200
    said = words(page)
    for phrase in (
        ("two-step verification", "two minutes", "app, on your phone", "Sign out")
        if language == "en"
        else ("la vérification en deux étapes", "deux minutes", "application d’authentification", "Me déconnecter")
    ):
        assert phrase in said
    assert 'type="password"' not in text_of(page)
    assert links_of(page) == set(), "nothing leads back to the page itself"
    assert client.post(reverse("account_logout")).status_code == 302
    assert client.get(path)["Location"].count("/compte/login/") == 1


def test_later_the_question_says_why_it_is_asked(cast):
    client, _page = sign_in(cast.buyer)
    for minutes, asked_again in ((14, False), (16, True)):
        with clock.set_to(NOW + timedelta(minutes=minutes)):
            page = client.get(f"{SETTING_UP}?next=/mon-profil/", follow=True)
            assert ('type="password"' in text_of(page)) == asked_again, minutes
    said = words(page)
    assert "<h1>Activer la vérification en deux étapes</h1>" in text_of(page)
    assert "Votre mot de passe n’a pas été demandé depuis un moment" in said and "Me déconnecter" in said
    assert "La page demandée" not in said and links_of(page) == set()
    waiting = {"code": "123456", "next": "/mon-profil/"}
    with clock.set_to(NOW + timedelta(minutes=16)):
        page = client.post(SETTING_UP, waiting)
    assert page.status_code == 422 and "Me déconnecter" in words(page) and links_of(page) == set()


def test_a_sign_in_answers_the_question_for_nothing_else(cast):
    """Neither a person who may do without, nor another page; the code just given then counts, for as long as usual."""
    client, _page = sign_in(cast.vendor_owner)
    seen = 0
    for name in ("mfa_activate_totp", "account_email", "mfa_generate_recovery_codes"):
        assert client.get(reverse(name))["Location"].startswith(reverse("account_reauthenticate")), name
        seen += 1
    client, page = sign_in(cast.auditor)
    secret = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', text_of(page))[1].replace(" ", "")
    done = client.post(SETTING_UP, {"code": code_of(secret, NOW)}, follow=True)
    assert "Codes de secours" in words(done), "shown at once"
    with clock.set_to(NOW + timedelta(minutes=16)):
        for name in ("account_email", "mfa_replace_totp", "mfa_view_recovery_codes"):
            assert client.get(reverse(name))["Location"].startswith(reverse("account_reauthenticate")), name
            seen += 1
    assert seen == 6


# --- Staying on ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", STAFF)
@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_staff_cannot_turn_it_off(cast, who, language, settings):
    client = signed_in(getattr(cast, who))
    secret, _back = set_up(client, client.get("/mon-profil/")["Location"])
    with translation.override(language):
        off, index = reverse("mfa_deactivate_totp"), reverse("mfa_index")
    page = client.get(off)
    why = "Elle est exigée de qui agit" if language == "fr-ca" else "It is required of whoever acts"
    assert page.status_code == 200 and why in words(page)
    later = NOW + 3 * PERIOD
    with clock.set_to(later):
        refused = client.post(off, {"password": PASSWORD, "code": code_of(secret, later)})
    assert refused.status_code == 403 and why in words(refused)
    assert Authenticator.objects.filter(user=getattr(cast, who), type="totp").exists()
    assert off not in text_of(client.get(index))
    settings.SECOND_FACTOR_REQUIRED = False
    assert off in text_of(client.get(index))


# --- The demonstration -----------------------------------------------------------------------------------------------
BAND = {
    "": "La vérification en deux étapes n’y est exigée de personne.",
    "/en": "nobody is asked for two-step verification.",
}


@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize("demonstration", [True, False])
def test_where_nobody_is_asked_a_band_says_so(cast, settings, language, demonstration):
    settings.SECOND_FACTOR_REQUIRED, settings.DEMONSTRATION = False, demonstration
    pages = [Client().get(f"{language}/aide/"), signed_in(cast.administrator).get(f"{language}/pilotage/")]
    for page in pages:
        assert 'class="demonstration"' in text_of(page)
        assert BAND[language].lower() in words(page).lower()
    settings.SECOND_FACTOR_REQUIRED, settings.DEMONSTRATION = True, False
    assert 'class="demonstration"' not in text_of(Client().get(f"{language}/comment-ca-marche/"))


def test_make_run_asks_nobody():
    text = (conf.BASE_DIR / "tools" / "run.py").read_text(encoding="utf-8")
    assert 'os.environ.setdefault("SECOND_FACTOR_REQUIRED", "false")' in text


def test_an_account_made_by_an_operator_is_asked_too(db):
    pilot = person("Pia Pilote", is_staff=True, is_superuser=True)
    assert asked(signed_in(pilot).get("/pilotage/"))
