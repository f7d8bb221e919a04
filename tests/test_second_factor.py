"""The second factor, from « Mon profil » to sign-in; and the second look, asked at an act."""

import logging
import re
from datetime import timedelta
from html import unescape
from io import StringIO
from urllib.parse import parse_qs, urlparse

import pytest
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django import forms
from django.core import mail
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from marketplace import boxes, keep
from marketplace.accounts.reauthentication import SecondLook, confirm_person, period_of, spend
from marketplace.dates import clock
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail, User
from tests import leaks
from tests.cast import PASSWORD, person
from tests.conftest import NOW
from tests.reading import signed_in, text_of, words
from tests.test_accounts import NOT_OURS
from tests.test_every_page import assert_whole
from tests.test_races import together

RATES = {"login_failed": "30/m/ip,10/5m/key", "second_look": "5/5m/user"}
PERIOD = timedelta(seconds=30)


def code_of(secret: str, at) -> str:
    """What the person's application shows at `at`."""
    return format_hotp_value(hotp_value(secret, int(at.timestamp()) // 30))


def secret_of(user) -> str:
    return get_adapter().decrypt(user.authenticator_set.get(type="totp").data["secret"])


def next_code(user) -> str:
    """The one that the application shows next: the first served to turn it on."""
    return code_of(user.secret, NOW + PERIOD)


def wrong(secret: str, at) -> str:
    """Six digits that are right in no period near `at`."""
    near = {code_of(secret, at + PERIOD * n) for n in (-1, 0, 1)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


def turn_on(client, at=NOW) -> str:
    """From a signed-in client: password, first code. Answers the secret."""
    page = confirmed(client, reverse("mfa_activate_totp"), at)
    secret = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', text_of(page))[1].replace(" ", "")
    with clock.set_to(at):
        done = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret, at)})
    assert done.status_code == 302 and done["Location"] == reverse("mfa_view_recovery_codes")
    return secret


def confirmed(client, url: str, at=NOW, *, asked: str = "", **answers):
    """A page that asks first who is there; `answers` with the password, where there is an application."""
    with clock.set_to(at):
        asked = asked or client.get(url)["Location"]
        assert asked.startswith(reverse("account_reauthenticate"))
        return client.post(asked, {"password": PASSWORD} | answers, follow=True)


@pytest.fixture(autouse=True)
def _standing_still():
    """A question that was answered stays answered for as long as a test lasts."""
    with clock.set_to(NOW):
        yield


@pytest.fixture
def rita(db):
    user = person("Rita Roy")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def protected(rita):
    """Rita with the second factor on: the secret of her application."""
    client = signed_in(rita)
    rita.secret = turn_on(client)
    rita.refresh_from_db()  # sessions of before have ended
    rita.codes = rita.authenticator_set.get(type="recovery_codes").wrap().get_unused_codes()
    return rita


# --- On and off ------------------------------------------------------------------------------------------------------
def test_the_profile_leads_there(rita):
    assert reverse("mfa_index") in text_of(signed_in(rita).get(reverse("profile")))
    assert "Désactivée" in text_of(signed_in(rita).get(reverse("mfa_index")))


def test_turning_it_on(rita, django_capture_on_commit_callbacks):
    client = signed_in(rita)
    with django_capture_on_commit_callbacks(execute=True):
        secret = turn_on(client)
    assert secret_of(rita) == secret
    entry = LedgerEntry.objects.get()
    assert (entry.action, entry.subject) == ("person.second_factor_on", f"person:{rita.public_id}")
    assert entry.actor == entry.subject
    page = client.get(reverse("mfa_view_recovery_codes"))
    codes = rita.authenticator_set.get(type="recovery_codes").wrap().get_unused_codes()
    assert len(codes) == 10 and all(code in text_of(page) for code in codes)
    told = OutgoingEmail.objects.get()
    assert client.get(reverse("profile")).status_code == 200, "this session goes on"
    assert told.subject == "Vérification en deux étapes activée" and told.to == rita


def test_the_secret_to_scan_is_the_secret_that_is_written(rita):
    page = text_of(confirmed(signed_in(rita), reverse("mfa_activate_totp")))
    link = urlparse(unescape(re.search(r'href="(otpauth://[^"]+)"', page)[1]))
    asked = parse_qs(link.query)
    assert asked["secret"][0] == re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', page)[1].replace(" ", "")
    assert asked["issuer"] == ["Développe avec nous"] and rita.email in link.path.replace("%40", "@")
    size = int(re.search(r'viewBox="0 0 (\d+) \1" shape', page)[1])
    assert size % 4 == 1 + 8 % 4 and "data:" not in page  # 17 + 4 × version modules, and a margin of 4 on each side


def test_a_wrong_first_code_turns_nothing_on(rita):
    client = signed_in(rita)
    before = re.search(r'id="secret">([^<]+)', text_of(confirmed(client, reverse("mfa_activate_totp"))))[1]
    with clock.set_to(NOW):
        answer = client.post(reverse("mfa_activate_totp"), {"code": wrong(before.replace(" ", ""), NOW)})
    assert answer.status_code == 422
    assert "Ce code est incorrect" in text_of(answer) and before in text_of(answer)
    again = client.get(reverse("mfa_activate_totp"))
    assert before in text_of(again), "the key that was just added to the application must still be the right one"
    assert not Authenticator.objects.exists() and not LedgerEntry.objects.exists()


def test_turning_it_off_takes_both_factors(protected, django_capture_on_commit_callbacks):
    client, url, later = signed_in(protected), reverse("mfa_deactivate_totp"), NOW + 4 * PERIOD
    right = {"password": PASSWORD, "code": code_of(protected.secret, later)}
    with clock.set_to(later):
        assert "Confirmez que c’est vous" in text_of(client.get(url))
        for typed in ({}, {"password": PASSWORD}, {"code": right["code"]}, right | {"password": "autre"}):
            assert client.post(url, typed).status_code == 422
        assert client.post(url, right | {"code": wrong(protected.secret, later)}).status_code == 422
        assert protected.authenticator_set.count() == 2
        with django_capture_on_commit_callbacks(execute=True):
            done = client.post(url, right)
    assert done["Location"] == reverse("mfa_index")
    assert not Authenticator.objects.exists()
    assert LedgerEntry.objects.last().action == "person.second_factor_off"
    assert OutgoingEmail.objects.last().subject == "Vérification en deux étapes désactivée"
    assert client.get(url).status_code == 404


def test_nothing_is_turned_on_without_the_password(rita):
    client = signed_in(rita)
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer.status_code == 302 and answer["Location"].startswith(reverse("account_reauthenticate"))
    asked = client.post(reverse("mfa_activate_totp"), {"code": "123456"})
    assert asked.status_code == 422 and "Rien n’est encore fait." in text_of(asked)
    assert not Authenticator.objects.exists()


# --- Recovery codes --------------------------------------------------------------------------------------------------
def test_recovery_codes_are_read_downloaded_and_replaced(protected):
    client = signed_in(protected)
    page = confirmed(client, reverse("mfa_view_recovery_codes"), code=next_code(protected))
    file = client.get(reverse("mfa_download_recovery_codes"))
    assert file["Content-Type"] == "text/plain; charset=utf-8" and "codes-de-secours.txt" in file["Content-Disposition"]
    for answer in (page, file):
        assert all(code in text_of(answer) for code in protected.codes)
    assert client.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    text = text_of(client.get(reverse("mfa_view_recovery_codes")))
    assert not [code for code in protected.codes if code in text]
    assert spend(protected, protected.codes[0], at=NOW) is None


def test_reading_the_codes_writes_nothing(protected):
    """Not even the library's own « seen »: whatever their age, a page that is read leaves the rows as they are."""
    client = signed_in(protected)
    confirmed(client, reverse("mfa_view_recovery_codes"), code=next_code(protected))
    for name in ("mfa_index", "mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_deactivate_totp"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(reverse(name)).status_code == 200
        assert not [q["sql"] for q in queries if not q["sql"].lstrip().upper().startswith("SELECT")], name


def test_somebody_else_s_codes_are_out_of_reach(protected, cast):
    client = signed_in(cast.administrator)
    confirmed(client, reverse("mfa_index"), asked=reverse("account_reauthenticate"))
    for name in ("mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_deactivate_totp", "mfa_replace_totp"):
        assert client.get(reverse(name)).status_code == 404


# --- Sign-in ---------------------------------------------------------------------------------------------------------
def first_step(user, going="/mon-profil/") -> Client:
    client = Client()
    data = {"login": user.email, "password": PASSWORD, "next": going}
    answer = client.post(reverse("account_login"), data)
    assert answer["Location"] == reverse("mfa_authenticate")
    assert client.get("/mon-profil/").status_code == 302, "the password alone opens nothing"
    return client


def second_step(client, code: str, at):
    with clock.set_to(at):
        return client.post(reverse("mfa_authenticate"), {"code": code})


LATER = NOW + 10 * PERIOD


@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_signing_in_with_a_code(protected, drift):
    client = first_step(protected)
    done = second_step(client, code_of(protected.secret, LATER + drift * PERIOD), LATER)
    assert done["Location"] == "/mon-profil/"
    assert client.get("/mon-profil/").status_code == 200


@pytest.mark.parametrize(
    "typed",
    [
        lambda secret, codes: "",
        lambda secret, codes: wrong(secret, LATER),
        lambda secret, codes: code_of(secret, LATER - 2 * PERIOD),
        lambda secret, codes: code_of(secret, LATER + 2 * PERIOD),
        lambda secret, codes: secret,
        lambda secret, codes: "٠١٢٣٤٥",
        lambda secret, codes: codes[0][:-1],
        lambda secret, codes: PASSWORD,
    ],
    ids=["empty", "wrong", "too old", "too early", "the key", "other digits", "cut", "the password"],
)  # fmt: skip
def test_a_wrong_code_opens_nothing(protected, typed):
    client = first_step(protected)
    text = typed(protected.secret, protected.codes)
    answer = second_step(client, text, LATER)
    assert answer.status_code == 422
    assert not text or text not in text_of(answer)
    assert client.get("/mon-profil/").status_code == 302
    assert second_step(client, code_of(protected.secret, LATER), LATER).status_code == 302


def test_a_form_without_its_field_is_refused_too(protected):
    assert first_step(protected).post(reverse("mfa_authenticate"), {"credential": "{}"}).status_code == 422


def test_a_code_serves_once(protected):
    """Neither again, nor after a later one; not even the code that turned the second factor on; in any process."""
    code, earlier = code_of(protected.secret, LATER), code_of(protected.secret, LATER - PERIOD)
    assert second_step(first_step(protected), code_of(protected.secret, NOW), NOW).status_code == 422
    assert second_step(first_step(protected), code, LATER).status_code == 302
    cache.clear()  # what another process would know
    for used in (code, f" {code[:3]} {code[3:]} ", earlier):
        assert second_step(first_step(protected), used, LATER + PERIOD).status_code == 422
    assert second_step(first_step(protected), code_of(protected.secret, LATER + PERIOD), LATER).status_code == 302


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_code_serves_once_to_two_at_the_same_instant(protected):
    for code in (code_of(protected.secret, LATER), protected.codes[0]):
        proofs = together(*[lambda code=code: spend(protected, code, at=LATER)] * 4)
        assert len([proof for proof in proofs if proof is not None]) == 1, proofs


def test_a_recovery_code_serves_once(protected):
    spaced = f"{protected.codes[0][:4]} {protected.codes[0][4:]}"
    assert second_step(first_step(protected), spaced, LATER).status_code == 302
    assert second_step(first_step(protected), protected.codes[0], LATER).status_code == 422
    assert second_step(first_step(protected), protected.codes[1], LATER).status_code == 302
    assert "Il vous en reste 8." in text_of(signed_in(protected).get(reverse("mfa_index")))


def test_codes_cannot_be_tried_one_by_one(protected, settings):
    settings.ACCOUNT_RATE_LIMITS = RATES
    client = first_step(protected)
    answers = [second_step(client, wrong(protected.secret, LATER), LATER) for _try in range(10)]
    assert all("Ce code est incorrect" in text_of(answer) for answer in answers)
    stopped = second_step(client, code_of(protected.secret, LATER), LATER)
    assert stopped.status_code == 422 and "Trop d’essais ont échoué" in text_of(stopped)


def test_without_it_the_password_is_enough(rita):
    data = {"login": rita.email, "password": PASSWORD}
    assert Client().post(reverse("account_login"), data)["Location"] == reverse("dashboard")


def test_giving_up_at_the_second_step(protected):
    client = first_step(protected)
    assert client.post(reverse("account_logout"), {"next": reverse("account_login")}).status_code == 302
    assert client.get(reverse("mfa_authenticate"))["Location"] == reverse("account_login")


def test_who_is_there_is_asked_with_both_factors(protected):
    """Neither the password alone, nor the telephone alone, opens the codes that stand for the telephone."""
    client, going = signed_in(protected), reverse("mfa_view_recovery_codes")
    asked = client.get(going)["Location"]
    right = {"password": PASSWORD, "code": next_code(protected)}
    for typed in ({}, {"password": PASSWORD}, {"code": right["code"]}, right | {"password": "autre"}):
        assert client.post(asked, typed).status_code == 422
        assert client.get(going)["Location"] == asked
    assert client.post(asked, right)["Location"] == going
    assert client.get(going).status_code == 200


def test_the_answer_lasts_a_short_time_in_that_session_alone(protected, settings):
    client, going = signed_in(protected), reverse("mfa_view_recovery_codes")
    confirmed(client, going, code=next_code(protected))
    end = NOW + timedelta(minutes=settings.CONFIRMATION_MINUTES)
    for at, status in ((end - timedelta(seconds=1), 200), (end, 302), (NOW - PERIOD, 302)):
        with clock.set_to(at):
            assert client.get(going).status_code == status
    assert signed_in(protected).get(going).status_code == 302


def test_another_application(protected, django_capture_on_commit_callbacks):
    """A new telephone: asked with the old one, or a recovery code; other sessions end, and it is told."""
    client, other, url = signed_in(protected), signed_in(protected), reverse("mfa_replace_totp")
    page = confirmed(client, url, code=protected.codes[0])
    new = re.search(r'id="secret">([^<]+)', text_of(page))[1].replace(" ", "")
    assert new != protected.secret and "Remplacer votre application" in text_of(page)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(url, {"code": wrong(new, NOW)}).status_code == 422
        assert secret_of(protected) == protected.secret
        assert client.post(url, {"code": code_of(new, NOW)})["Location"] == reverse("mfa_index")
    assert secret_of(protected) == new and protected.authenticator_set.count() == 2
    assert client.get("/mon-profil/").status_code == 200 and other.get("/mon-profil/").status_code == 302
    assert "a été remplacée" in OutgoingEmail.objects.filter(template="emails/account_changed.txt").get().subject
    assert spend(protected, protected.codes[1], at=LATER), "the recovery codes stay"
    stranger = signed_in(person("Nadia Neuve"))
    confirmed(stranger, "", asked=reverse("account_reauthenticate"))
    assert stranger.get(url).status_code == 404


# --- What is kept ----------------------------------------------------------------------------------------------------
def test_no_secret_is_readable_where_things_are_kept(rita, django_capture_on_commit_callbacks, caplog):
    """Before and after the first code: database (sessions too), cache, messages, logs."""
    caplog.set_level(logging.DEBUG)
    client = signed_in(rita)
    page = text_of(confirmed(client, reverse("mfa_activate_totp")))
    secret = re.search(r'id="secret">([^<]+)', page)[1].replace(" ", "")
    marks = leaks.Marks(texts=[secret, PASSWORD])
    assert marks.found_in(page.replace(" ", "").encode()) == {secret}, "the test would see it"
    client.post(reverse("mfa_activate_totp"), {"code": "12"})
    assert not marks.found_in(*leaks.database(), *leaks.memory())
    with clock.set_to(NOW), django_capture_on_commit_callbacks(execute=True):
        assert client.post(reverse("mfa_activate_totp"), {"code": code_of(secret, NOW)}).status_code == 302
    codes = rita.authenticator_set.get(type="recovery_codes").wrap().generate_codes()
    seed = get_adapter().decrypt(rita.authenticator_set.get(type="recovery_codes").data["seed"])
    marks = leaks.Marks(texts=[secret, PASSWORD, seed, *codes])
    assert mail.outbox or OutgoingEmail.objects.exists()
    assert not marks.found_in(*leaks.database(), *leaks.memory(), *leaks.mails(), caplog.text.encode())


def test_an_altered_secret_is_refused(rita):
    turn_on(signed_in(rita))
    kept = rita.authenticator_set.get(type="totp").data["secret"]
    assert get_adapter().encrypt("a") != get_adapter().encrypt("a")
    for altered in (kept[:-8] + "AAAAAAA=", kept[8:]):
        with pytest.raises((boxes.CannotOpen, ValueError)):
            get_adapter().decrypt(altered)


# --- The second look -------------------------------------------------------------------------------------------------
class ActForm(SecondLook):
    """An act's form, as a contract's signature or a payment will have."""

    note = forms.CharField(label="Note", max_length=10)
    agree = forms.BooleanField(label="D’accord")


@pytest.fixture
def ask(rf, rita):
    """ask(posted) → (bound form, "password: what is wrong, code: …")."""

    def look(posted, at=LATER, form_class=ActForm, user=rita):
        request = rf.post("/", posted)
        request.user = user
        with clock.set_to(at), allauth_context.request_context(request):
            form = form_class(request.POST, request=request)
            form.is_valid()
        return form

    return look


FULL = {"note": "Oui", "agree": "on", "password": PASSWORD}


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({}, None, None),
        ({"password": ""}, "password", "Ce champ est obligatoire."),
        ({"password": "autre chose"}, "password", "Ce mot de passe est incorrect."),
        ({"password": f" {PASSWORD}"}, "password", "Ce mot de passe est incorrect."),
        ({"password": PASSWORD.upper()}, "password", "Ce mot de passe est incorrect."),
        ({"agree": ""}, "agree", "Ce champ est obligatoire."),
        ({"code": "123456"}, None, None),
    ],
)  # fmt: skip
def test_with_a_password_alone(ask, changed, field, said):
    form = ask(FULL | changed)
    assert form.errors == ({field: [said]} if field else {})
    assert form.confirmed_by == ("" if field else "password")
    assert list(form.fields) == ["note", "agree", "password"]
    assert "password" not in form.cleaned_data and "code" not in form.cleaned_data


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({}, None, None),
        ({"code": ""}, "code", "Ce champ est obligatoire."),
        ({"code": "wrong"}, "code", "Ce code est incorrect, ou il a déjà servi. Attendez le suivant."),
        ({"code": "recovery"}, None, None),
        ({"password": "autre chose"}, "password", "Ce mot de passe est incorrect."),
        ({"note": ""}, "note", "Ce champ est obligatoire."),
    ],
)  # fmt: skip
def test_with_both_factors(protected, ask, changed, field, said):
    right = code_of(protected.secret, LATER)
    codes = {"wrong": wrong(protected.secret, LATER), "recovery": protected.codes[3]}
    posted = FULL | {"code": right} | changed
    posted["code"] = codes.get(posted["code"], posted["code"])
    form = ask(posted)
    assert form.errors == ({field: [said]} if field else {})
    assert form.confirmed_by == ("" if field else "password+totp")
    assert list(form.fields) == ["note", "agree", "password", "code"]
    assert "password" not in form.cleaned_data and "code" not in form.cleaned_data
    shown = form.as_div()
    assert PASSWORD not in shown and posted["code"] not in (shown if posted["code"] else [])
    # A form that was refused for something else has spent nothing.
    again = ask(FULL | {"code": right})
    assert again.is_valid() == (field is not None or "code" in changed)


def test_a_code_signs_one_act(protected, ask):
    code = code_of(protected.secret, LATER)
    assert ask(FULL | {"code": code}).is_valid()
    cache.clear()
    assert "code" in ask(FULL | {"code": code}).errors
    assert second_step(first_step(protected), code, LATER).status_code == 422
    assert ask(FULL | {"code": code_of(protected.secret, LATER + PERIOD)}).is_valid()


def test_five_wrong_passwords(rita, ask, settings):
    """The act is stopped, even for the right password; neither the session nor sign-in is, nor anybody else."""
    settings.ACCOUNT_RATE_LIMITS = RATES
    assert ask(FULL).is_valid()
    for _try in range(5):
        assert ask(FULL | {"password": "autre"}).errors == {"password": ["Ce mot de passe est incorrect."]}
    assert ask(FULL).errors == {"password": ["Trop d’essais ont échoué. Réessayez plus tard."]}
    assert Client().post(reverse("account_login"), {"login": rita.email, "password": PASSWORD}).status_code == 302
    assert ask(FULL, user=person("Nadia Neuve")).is_valid()


def test_success_forgets_the_failures(ask, settings):
    settings.ACCOUNT_RATE_LIMITS = RATES
    for _round in range(3):
        for _try in range(4):
            assert not ask(FULL | {"password": "autre"}).is_valid()
        assert ask(FULL).is_valid()


def test_an_account_without_a_password_is_told_what_to_do(rita, ask):
    rita.set_unusable_password()
    rita.save()
    form = ask(FULL)
    assert "Votre compte n’a pas de mot de passe." in form.errors["password"][0]


def test_the_function_alone(rf, protected):
    request = rf.post("/")
    request.user = protected
    with clock.set_to(LATER):
        for data in ({}, {"password": None, "code": None}, {"code": code_of(protected.secret, LATER)}):
            with pytest.raises(ValidationError) as refused:
                confirm_person(protected, data, request)
            assert set(refused.value.message_dict) == {"password"}
        right = {"password": PASSWORD, "code": code_of(protected.secret, LATER)}
        assert confirm_person(protected, right, request) == "password+totp"


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 2])
def test_periods(shift):
    """RFC 6238, appendix B: at 1111111109 the code is 081804 (the last six of its eight digits)."""
    from datetime import UTC, datetime

    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    at = datetime.fromtimestamp(1111111109, UTC)
    assert code_of(secret, at) == "081804"
    found = period_of(secret, "081804", at=at + shift * PERIOD)
    assert found == (1111111109 // 30 if abs(shift) < 2 else None)


# --- Nothing typed is kept -------------------------------------------------------------------------------------------
def test_a_form_kept_through_sign_in_has_neither_password_nor_code(rf, db, caplog):
    from django.contrib.sessions.backends.db import SessionStore

    caplog.set_level(logging.DEBUG)
    request = rf.post("/acte/", FULL | {"code": "424242"}, HTTP_HOST="testserver")
    request.session, request.user = SessionStore(), User()
    request.COOKIES["csrftoken"] = "x"
    kept = kept_by(request)
    assert set(kept) == {"note", "agree"}
    # A form that asks for no password keeps its own field of that name: a reason's code.
    other = rf.post("/acte/", {"code": "CONF-9", "text": "Un test a échoué."}, HTTP_HOST="testserver")
    other.session, other.user, other.COOKIES = SessionStore(), User(), request.COOKIES
    assert set(kept_by(other)) == {"code", "text"}
    assert not leaks.Marks(texts=[PASSWORD, "424242"]).found_in(caplog.text.encode())


def kept_by(request):
    """What keep.keep keeps of it, read again as the page would."""
    import base64

    from django.http import QueryDict

    found = type("Found", (), {"func": staticmethod(keep.keeps_typed(lambda request: None))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keep, "resolve", lambda path: found)
        patch.setattr(keep.messages, "info", lambda *args: None)
        assert keep.keep(request)
    box = base64.b64decode(request.session["typed"]["box"])
    return QueryDict(boxes.open(box, about=f"typed:{request.path}").decode())


def test_nothing_typed_at_an_act_is_kept_anywhere(protected, caplog, django_capture_on_commit_callbacks):
    """A right and a wrong answer on a real page, then everything that the platform keeps."""
    caplog.set_level(logging.DEBUG)
    client, url = signed_in(protected), reverse("mfa_deactivate_totp")
    right, mistaken = code_of(protected.secret, LATER), "Mot-de-passe-mal-tapé-9417"
    marks = leaks.Marks(texts=[PASSWORD, mistaken, protected.codes[5]])
    with clock.set_to(LATER), django_capture_on_commit_callbacks(execute=True):
        refused = client.post(url, {"password": mistaken, "code": protected.codes[5]})
        assert refused.status_code == 422 and not marks.found_in(refused.content)
        assert client.post(url, {"password": PASSWORD, "code": right}).status_code == 302
    ledger = repr(list(LedgerPayload.objects.values_list("body", flat=True)))
    kept = [*leaks.database(), *leaks.memory(), *leaks.mails(), caplog.text.encode(), ledger.encode()]
    assert not marks.found_in(*kept)
    assert right not in ledger and right not in caplog.text


# --- Words -----------------------------------------------------------------------------------------------------------
def every_page(user, at) -> dict:
    """{name: answer} of each page as it is read, refused, and after an act."""
    client, pages = signed_in(user), {}
    pages["off"] = client.get(reverse("mfa_index"))
    pages["password"] = client.get(reverse("account_reauthenticate"))
    pages["on"] = confirmed(client, reverse("mfa_activate_totp"), at)
    pages["act"] = signed_in(user).post(reverse("account_email"), {"action_add": "", "email": "autre@exemple.ca"})
    pages["on refused"] = client.post(reverse("mfa_activate_totp"), {"code": ""})
    secret = re.search(r'id="secret">([^<]+)', text_of(pages["on"]))[1].replace(" ", "")
    with clock.set_to(at):
        pages["done"] = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret, at)}, follow=True)
    for name in ("mfa_index", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_deactivate_totp"):
        pages[name] = client.get(reverse(name))
    pages["off refused"] = client.post(reverse("mfa_deactivate_totp"), {})
    pages["new codes"] = client.post(reverse("mfa_generate_recovery_codes"), follow=True)
    pages["code"] = client.get(reverse("account_reauthenticate"))
    pages["code refused"] = client.post(reverse("account_reauthenticate"), {"code": "12"})
    pages["replace"] = client.get(reverse("mfa_replace_totp"))
    pages["addresses"] = client.get(reverse("account_email"))
    pages["password change"] = client.get(reverse("account_change_password"))
    step = Client()
    pages["step"] = step.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)
    pages["step refused"] = step.post(reverse("mfa_authenticate"), {"code": "12"})
    return pages


@pytest.mark.django_db(transaction=True)  # what is said once an act is written, on the page that follows
def test_every_page_is_whole_and_in_our_words(rita):
    names = r"(Google|Microsoft) Authenticator"
    english = re.compile(
        r"\b(the|your|is|authenticator|recovery|password|sign in|activate|generate|cannot|email)\b", re.IGNORECASE
    )
    pages = every_page(rita, NOW)
    for name, answer in pages.items():
        expected = 422 if name.endswith("refused") or name == "act" else 200
        assert answer.status_code == expected, name
        assert_whole(name, answer)
        main = text_of(answer)[text_of(answer).index('<div class="messages') :]
        main = re.sub(r"<svg.*?</svg>", "", main, flags=re.DOTALL)
        said = re.sub(rf"<[^>]+>|{names}", " ", main[: main.index("<footer")])
        assert not english.search(said), (name, english.search(said))
        assert not NOT_OURS.search(said), (name, NOT_OURS.findall(said))
        assert 'style="' not in main and "placeholder" not in main and "data:" not in main, name
    said = words(pages["done"]) + words(pages["new codes"])
    assert "La vérification en deux étapes est activée." in said and "Vos codes de secours sont prêts." in said


def test_what_is_secret_is_not_kept_by_the_browser(protected):
    client = signed_in(protected)
    confirmed(client, reverse("mfa_view_recovery_codes"), code=next_code(protected))
    for name in ("mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_generate_recovery_codes"):
        assert "no-store" in client.get(reverse(name))["Cache-Control"], name
    other = person("Nadia Neuve")
    assert "no-store" in confirmed(signed_in(other), reverse("mfa_activate_totp"))["Cache-Control"]


def test_the_library_s_messages_are_ours():
    ours = type(get_adapter()).error_messages
    with translation.override("fr-ca"):
        for code in type(get_adapter()).__mro__[1].error_messages:
            assert not NOT_OURS.search(str(ours[code])) and "authent" not in str(ours[code]), code


@pytest.mark.parametrize("name", ["totp_activated", "recovery_codes_generated"])
def test_messages_sent(rita, name):
    from marketplace.accounts.adapters import AccountAdapter

    about = {"user": rita, "ip": "192.0.2.1", "user_agent": "Essai", "timestamp": NOW}
    with allauth_context.request_context(RequestFactory().get("/")), translation.override("fr-ca"):
        message = AccountAdapter().render_mail(f"mfa/email/{name}", rita.email, about)
    assert message.body.startswith("Bonjour Rita Roy,") and "Adresse IP" in message.body
    assert not NOT_OURS.search(message.subject + message.body) and "\n\n\n" not in message.body


def test_an_operator_takes_a_lost_factor_away(protected):
    call_command("reset_second_factor", protected.email.upper(), stdout=StringIO())
    assert not Authenticator.objects.filter(user=protected).exists()
    entry = LedgerEntry.objects.order_by("-seq").first()
    assert (entry.action, entry.subject) == ("person.second_factor_off", f"person:{protected.public_id}")
    assert entry not in LedgerEntry.objects.public()
    for email in (protected.email, "personne@exemple.invalid"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", email)


# --- A recovery code that was spent ----------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_a_recovery_code_that_was_spent_is_told(protected, language):
    """At the sign-in and at an act: on the next page with the way to a new application, and by a message."""
    User.objects.filter(pk=protected.pk).update(language=language)
    french = language == "fr-ca"
    under = "" if french else "/en"
    client = Client()
    step = client.post(f"{under}/compte/login/", {"login": protected.email, "password": PASSWORD})
    page = client.post(step["Location"], {"code": protected.codes[0]}, follow=True)
    with translation.override(language):
        replace = reverse("mfa_replace_totp")
    said = "Code de secours utilisé : il en reste 9." if french else "Recovery code used: 9 left."
    assert said in words(page) and f'href="{replace}"' in text_of(page)
    told = OutgoingEmail.objects.filter(template="emails/account_recovery_code.txt")
    assert told.get().to == protected and "9" in told.get().body and replace in told.get().body
    answers = {"password": PASSWORD, "code": protected.codes[1]}
    page = client.post(f"{under}/compte/reauthenticate/", answers, follow=True)
    assert said.replace("9", "8") in words(page) and told.count() == 2
    refused = client.post(f"{under}/compte/reauthenticate/", answers)
    assert refused.status_code == 422 and told.count() == 2, "it serves once"


def test_the_last_one_asks_for_others(protected):
    client = signed_in(protected)
    for code in protected.codes:
        page = client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "code": code}, follow=True)
    assert "C’était votre dernier code de secours : créez-en d’autres." in words(page)


def test_a_code_of_the_application_is_not_told(protected):
    client = signed_in(protected)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "code": next_code(protected)}, follow=True)
    assert not OutgoingEmail.objects.filter(template="emails/account_recovery_code.txt").exists()
