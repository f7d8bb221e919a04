"""An open session is not the whole account: who is there is asked, the former address is told, and undoes."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from marketplace.accounts import links, undo
from marketplace.accounts import tasks as account_tasks
from marketplace.accounts.change import UNDO_FOR, AccountChange
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail, User
from tests import leaks
from tests.cast import PASSWORD, person
from tests.conftest import NOW
from tests.reading import signed_in, text_of, words
from tests.test_every_page import ROUTES, address, assert_whole
from tests.test_races import together
from tests.test_second_factor import PERIOD, code_of, secret_of, turn_on, wrong

NEW = "Bouleau-jaune-7319"
EVIL = "rival@ailleurs.test"


@pytest.fixture(autouse=True)
def _standing_still():
    with clock.set_to(NOW):
        yield


@pytest.fixture
def odile(db):
    """An officer's account as it is after its first sign-in: an application, a confirmed address."""
    user = person("Odile Ouellet")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    user.secret = turn_on(signed_in(user))
    user.refresh_from_db()
    OutgoingEmail.objects.all().delete()
    mail.outbox.clear()
    return user


def codes(user):
    """One code after another, each of its own period: they serve once."""
    at = NOW
    while True:
        at += PERIOD
        yield at, code_of(user.secret, at)


def confirm(client, user) -> None:
    """Prove who is there, at the page that asks it."""
    code = {} if not hasattr(user, "secret") else {"code": code_of(user.secret, NOW + PERIOD)}
    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD} | code)
    assert answer.status_code == 302, words(answer)


def state(user) -> tuple:
    """What a session must not change."""
    row = User.objects.get(pk=user.pk)
    addresses = EmailAddress.objects.filter(user=user).order_by("pk").values_list("email", "verified", "primary")
    factors = Authenticator.objects.filter(user=user).order_by("pk").values_list("type", "data")
    return row.email, row.password, list(addresses), list(factors)


def path_of(change) -> str:
    return reverse("account_undo", args=[links.undo_token(change)])


def links_in(body: str) -> list[str]:
    return re.findall(r"https?://[^/\s]+(/\S*annuler/\S+)", body)


# --- A session alone -------------------------------------------------------------------------------------------------
ATTACKS = [
    ("account_email", {"action_add": "", "email": EVIL}),
    ("account_email", {"action_primary": "", "email": "seconde@exemple.invalid"}),
    ("account_email", {"action_remove": "", "email": "seconde@exemple.invalid"}),
    ("account_email", {"action_send": "", "email": "seconde@exemple.invalid"}),
    ("account_change_password", {"password1": NEW, "password2": NEW}),
    ("account_change_password", {"password1": NEW, "password2": NEW, "oldpassword": "autre", "password": "autre"}),
    ("mfa_activate_totp", {"code": "123456"}),
    ("mfa_replace_totp", {"code": "123456"}),
    ("mfa_deactivate_totp", {}),
    ("mfa_deactivate_totp", {"password": "autre", "code": "123456"}),
    ("mfa_view_recovery_codes", {}),
    ("mfa_download_recovery_codes", {}),
    ("mfa_generate_recovery_codes", {}),
    ("account_reauthenticate", {"password": "", "code": ""}),
    ("account_reauthenticate", {"password": "autre", "code": "000000"}),
]


@pytest.mark.parametrize("language", ["", "/en"])
def test_an_open_session_changes_no_way_in(odile, language, django_capture_on_commit_callbacks):
    EmailAddress.objects.create(user=odile, email="seconde@exemple.invalid", verified=True)
    client, before, seen = signed_in(odile), state(odile), 0
    attacks = [(language + reverse(name), data) for name, data in ATTACKS]
    with django_capture_on_commit_callbacks(execute=True):
        for path, data in attacks:
            for extra in ({}, {"confirm": "1"}, {"confirm": "1", "confirm-password": "autre", "confirm-code": "1"}):
                answer = client.post(path, data | extra)
                seen += 1
                assert answer.status_code in {302, 403, 405, 422}, (path, answer.status_code)
                assert state(odile) == before, (path, extra)
    assert seen == 3 * len(ATTACKS)
    assert not OutgoingEmail.objects.exists()


def test_no_other_address_of_the_account_changes_it(odile):
    """Every address under /compte/, whatever it is: posted to with everything that any of them reads."""
    client, before, seen = signed_in(odile), state(odile), 0
    everything = {
        "email": EVIL, "action_add": "", "oldpassword": "autre", "password": "autre", "password1": NEW,
        "password2": NEW, "code": "123456", "name": "x", "login": odile.email,
    }  # fmt: skip
    for name, route, _pattern in ROUTES:
        if not name.startswith(("account_", "mfa_")):
            continue
        for verb in ("get", "post", "put", "delete"):
            answer = getattr(client, verb)(address(route), everything if verb in {"get", "post"} else "")
            seen += 1
            assert answer.status_code < 500, (name, verb)
            assert state(odile) == before, (name, verb)
            client = signed_in(odile)
    assert seen >= 60


def test_the_whole_row_of_the_faults_table(odile, django_capture_on_commit_callbacks):
    """With an open session only: add an address, confirm it, reset the password by it. It stops at the first step."""
    client = signed_in(odile)
    assert client.post(reverse("account_email"), {"action_add": "", "email": EVIL}).status_code == 422
    assert not EmailAddress.objects.filter(email=EVIL).exists()
    with django_capture_on_commit_callbacks(execute=True):
        Client().post(reverse("account_reset_password"), {"email": EVIL})
    assert not [row for row in OutgoingEmail.objects.all() if "/password/reset/key/" in row.body or row.to == odile]


def test_an_unconfirmed_address_resets_nothing(odile):
    EmailAddress.objects.create(user=odile, email=EVIL, verified=False)
    Client().post(reverse("account_reset_password"), {"email": EVIL})
    assert not OutgoingEmail.objects.filter(to=odile).exists()
    Client().post(reverse("account_reset_password"), {"email": odile.email.upper()})
    assert OutgoingEmail.objects.filter(to=odile, address=odile.email).count() == 1


def test_what_was_typed_is_done_once_the_question_is_answered(odile):
    """A POST is asked at its own address, and goes on from there, in one request more."""
    client, url = signed_in(odile), reverse("account_email")
    asked = client.post(url, {"action_add": "", "email": "nouvelle@exemple.invalid"})
    assert asked.status_code == 422 and 'value="nouvelle@exemple.invalid"' in text_of(asked)
    assert "no-store" in asked["Cache-Control"]
    assert_whole(url, asked)
    kept = {"action_add": "", "email": "nouvelle@exemple.invalid", "confirm": "1"}
    refused = client.post(url, kept | {"confirm-password": PASSWORD, "confirm-code": wrong(odile.secret, NOW)})
    assert refused.status_code == 422 and "Ce code est incorrect" in text_of(refused)
    assert PASSWORD not in text_of(refused)
    done = client.post(url, kept | {"confirm-password": PASSWORD, "confirm-code": code_of(odile.secret, NOW + PERIOD)})
    assert done.status_code == 302
    assert EmailAddress.objects.filter(user=odile, email="nouvelle@exemple.invalid", verified=False).exists()
    assert client.get(url).status_code == 200, "and is not asked again for a while"


def test_the_password_changes_with_both_factors(odile):
    client, other, url = signed_in(odile), signed_in(odile), reverse("account_change_password")
    right = {"password1": NEW, "password2": NEW, "password": PASSWORD, "code": code_of(odile.secret, NOW + PERIOD)}
    for wrong_one in (
        right | {"password": NEW},
        right | {"code": wrong(odile.secret, NOW)},
        right | {"password2": "x"},
    ):
        assert client.post(url, wrong_one).status_code == 422
    assert client.post(url, right)["Location"] == reverse("profile")
    assert User.objects.get(pk=odile.pk).check_password(NEW)
    assert client.get(reverse("profile")).status_code == 200
    assert other.get(reverse("profile")).status_code == 302


def test_the_password_page_is_limited(odile, settings):
    settings.ACCOUNT_RATE_LIMITS = {"second_look": "5/5m/user", "change_password": "30/m/user"}
    client = signed_in(odile)
    data = {"password1": NEW, "password2": NEW, "password": "autre", "code": "123456"}
    answers = [text_of(client.post(reverse("account_change_password"), data)) for _try in range(6)]
    assert "Trop d’essais ont échoué" in answers[5] and "Trop d’essais" not in answers[4]


# --- Told, and undone ------------------------------------------------------------------------------------------------
def act(client, user, kind: str, commit) -> None:
    """Whoever has session, password and telephone changes the account."""
    with commit(execute=True):
        if kind == "password_changed":
            code = code_of(user.secret, NOW + PERIOD)
            data = {"password1": NEW, "password2": NEW, "password": PASSWORD, "code": code}
            assert client.post(reverse("account_change_password"), data).status_code == 302
        elif kind == "second_factor_off":
            data = {"password": PASSWORD, "code": code_of(user.secret, NOW + PERIOD)}
            assert client.post(reverse("mfa_deactivate_totp"), data).status_code == 302
        elif kind == "second_factor_replaced":
            confirm(client, user)
            page = text_of(client.get(reverse("mfa_replace_totp")))
            new = re.search(r'id="secret">([^<]+)', page)[1].replace(" ", "")
            assert client.post(reverse("mfa_replace_totp"), {"code": code_of(new, NOW)}).status_code == 302
        else:
            confirm(client, user)
            button = {"address_added": "add", "primary_changed": "primary", "address_removed": "remove"}[kind]
            email = EVIL if kind == "address_added" else "seconde@exemple.invalid"
            assert client.post(reverse("account_email"), {f"action_{button}": "", "email": email}).status_code == 302


KINDS = sorted(AccountChange.Kind.values)


@pytest.mark.parametrize("language", ["fr-ca", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_change_is_told_at_once_and_undone_by_its_link(odile, kind, language, django_capture_on_commit_callbacks):
    User.objects.filter(pk=odile.pk).update(language=language)
    odile.refresh_from_db()
    EmailAddress.objects.create(user=odile, email="seconde@exemple.invalid", verified=True)
    before, client = state(odile), signed_in(odile)
    act(client, odile, kind, django_capture_on_commit_callbacks)
    assert state(odile) != before
    told = [message for message in mail.outbox if links_in(message.body)]
    to = {message.to[0] for message in told}
    assert to == ({odile.email} if kind != "address_removed" else {odile.email, "seconde@exemple.invalid"})
    rows = OutgoingEmail.objects.filter(template="emails/account_changed.txt")
    assert all(row.body == "" and row.language == language for row in rows), "the link is not kept once sent"
    message = next(message for message in told if message.to[0] == odile.email)
    (link,) = links_in(message.body)
    assert link.startswith("/en/compte/annuler/") == (language == "en")

    stranger = Client()  # signed out, on another machine, and a machine that follows every link
    page = stranger.get(link)
    assert page.status_code == 200 and stranger.head(link).status_code == 200
    assert_whole(link, page)
    assert ("Undo this change" if language == "en" else "Annuler ce changement") in words(page)
    assert state(odile) != before, "reading undoes nothing"
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        done = stranger.post(link)
    assert done.status_code == 200 and "ended" in words(done) or "ont pris fin" in words(done)
    assert_whole(link, done)
    email, password, addresses, factors = state(odile)
    restored = [(e, v, p) for e, v, p in sorted(addresses)]
    assert (email, restored) == (before[0], sorted(before[2]))
    assert {k for k, _data in factors} == {"totp", "recovery_codes"} and secret_of(odile) == odile.secret
    assert not User.objects.get(pk=odile.pk).has_usable_password()
    assert client.get(reverse("profile")).status_code == 302, "every session ended"
    (reset,) = [message for message in mail.outbox if "/password/reset/key/" in message.body]
    assert reset.to == [odile.email]
    assert stranger.post(link).status_code == 410 and stranger.get(link).status_code == 410, "once"
    choose_again(odile, reset.body)
    entry = LedgerEntry.objects.filter(action="person.undo").get()
    assert entry.actor == "system" and entry not in LedgerEntry.objects.public()
    assert EVIL not in str(list(LedgerPayload.objects.values_list("body", flat=True)))


def choose_again(user, body: str) -> None:
    """The password link works, and sign-in takes both steps."""
    client = Client()
    path = re.search(r"https?://[^/\s]+(/\S*/password/reset/key/\S+)", body)[1]
    form = client.get(path, follow=True)
    chosen = "Mélèze-d’automne-5521"
    action = form.request["PATH_INFO"]
    assert client.post(action, {"password1": chosen, "password2": chosen}).status_code == 302
    step = client.post("/compte/login/", {"login": user.email, "password": chosen})
    assert step["Location"].endswith(reverse("mfa_authenticate"))


def test_a_takeover_in_several_steps_is_undone_by_its_first_link(odile, django_capture_on_commit_callbacks):
    """Password, telephone and session in the wrong hands: another address, made the main one, the first removed."""
    thief = signed_in(odile)
    before = state(odile)
    with django_capture_on_commit_callbacks(execute=True):
        confirm(thief, odile)
        thief.post(reverse("account_email"), {"action_add": "", "email": EVIL})
        EmailAddress.objects.filter(email=EVIL).update(verified=True)  # the thief reads its own mail
        thief.post(reverse("account_email"), {"action_primary": "", "email": EVIL})
        thief.post(reverse("account_email"), {"action_remove": "", "email": odile.email})
        Client().post(reverse("account_reset_password"), {"email": EVIL})
    assert User.objects.get(pk=odile.pk).email == EVIL
    told = [message for message in mail.outbox if message.to == [odile.email] and links_in(message.body)]
    assert len(told) == 3, "each step was told to the address of before"
    (pending,) = [message for message in mail.outbox if "/password/reset/key/" in message.body]
    with django_capture_on_commit_callbacks(execute=True):
        assert Client().post(links_in(told[0].body)[0]).status_code == 200
    email, _password, addresses, _factors = state(odile)
    assert (email, [row[:2] for row in addresses]) == (before[0], [row[:2] for row in before[2]])
    assert thief.get(reverse("profile")).status_code == 302
    path = re.search(r"https?://[^/\s]+(/\S*/password/reset/key/\S+)", pending.body)[1]
    assert "n’est plus valide" in words(Client().get(path, follow=True)), "the thief's own link is dead"
    for message in told[1:]:
        assert Client().post(links_in(message.body)[0]).status_code == 410


def test_any_later_link_puts_the_strange_address_out_too(odile, django_capture_on_commit_callbacks):
    """The thief's address came first, the person uses the link of what followed: nothing of the thief's stays."""
    thief = signed_in(odile)
    with django_capture_on_commit_callbacks(execute=True):
        confirm(thief, odile)
        thief.post(reverse("account_email"), {"action_add": "", "email": EVIL})
        EmailAddress.objects.filter(email=EVIL).update(verified=True)
        later = NOW + timedelta(minutes=5)
        with clock.set_to(later):
            thief.post(reverse("account_email"), {"action_primary": "", "email": EVIL})
            thief.post(reverse("account_email"), {"action_remove": "", "email": odile.email})
    told = [message for message in mail.outbox if message.to == [odile.email] and links_in(message.body)]
    assert len(told) == 3
    with clock.set_to(later), django_capture_on_commit_callbacks(execute=True):
        assert Client().post(links_in(told[-1].body)[0]).status_code == 200
        mail.outbox.clear()
        Client().post(reverse("account_reset_password"), {"email": EVIL})
    assert [row[0] for row in state(odile)[2]] == [odile.email] == [User.objects.get(pk=odile.pk).email]
    assert not [message for message in mail.outbox if EVIL in message.to and "/password/reset/key/" in message.body]


def test_an_address_added_lately_undoes_nothing(odile):
    """The person puts the thief's address out: told, without a link by which it would come back."""
    before = undo.as_it_is(odile)
    EmailAddress.objects.create(user=odile, email=EVIL, verified=True)
    kinds = AccountChange.Kind
    undo.tell(odile, kinds.ADDRESS_ADDED, before=before, to=[odile.email], at=NOW, address=EVIL)
    later = NOW + timedelta(days=1)
    for at, link in [(later, False), (NOW + UNDO_FOR, True)]:
        before = undo.as_it_is(odile)
        undo.tell(odile, kinds.ADDRESS_REMOVED, before=before, to=[EVIL.upper()], at=at, address=EVIL)
        message = OutgoingEmail.objects.filter(address__iexact=EVIL).latest("pk")
        assert bool(links_in(message.body)) == link
        assert ("Cette adresse est récente" in message.body) != link
    assert AccountChange.objects.filter(told=EVIL).count() == 1


def test_a_link_is_ours_timely_and_served_once(odile):
    undo.tell(odile, AccountChange.Kind.PASSWORD_CHANGED, before=undo.as_it_is(odile), to=[odile.email], at=NOW)
    change = AccountChange.objects.get()
    path = path_of(change)
    token = path.rstrip("/").rsplit("/", 1)[1]
    for forged in (token[:-1], token + "x", change.public_id.hex, "x", token.swapcase(), "é:é"):
        assert Client().get(reverse("account_undo", args=[forged])).status_code == 404
        assert Client().post(reverse("account_undo", args=[forged])).status_code == 404
    for verb in ("put", "patch", "delete"):
        assert getattr(Client(), verb)(path).status_code == 405
    with clock.set_to(NOW + UNDO_FOR):
        late = Client().post(path)
        assert late.status_code == 410 and "Ce lien ne sert plus" in words(late)
    assert User.objects.get(pk=odile.pk).has_usable_password()
    with clock.set_to(NOW + UNDO_FOR - timedelta(seconds=1)):
        assert Client().post(path).status_code == 200
    with pytest.raises(IllegalMove):
        undo.undo(change, at=NOW)


def test_a_cross_site_button_undoes_nothing(odile):
    undo.tell(odile, AccountChange.Kind.PASSWORD_CHANGED, before=undo.as_it_is(odile), to=[odile.email], at=NOW)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path_of(AccountChange.objects.get())).status_code == 403


def test_an_address_that_somebody_else_has_since_stays_theirs(odile, django_capture_on_commit_callbacks):
    EmailAddress.objects.create(user=odile, email="seconde@exemple.invalid", verified=True)
    client = signed_in(odile)
    act(client, odile, "address_removed", django_capture_on_commit_callbacks)
    other = person("Autre Personne")
    EmailAddress.objects.create(user=other, email="seconde@exemple.invalid", verified=True)
    change = AccountChange.objects.get(told="seconde@exemple.invalid")
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        page = Client().post(path_of(change))
    assert "sert maintenant à un autre compte" in words(page) and "Aucun lien" in words(page)
    assert EmailAddress.objects.get(email="seconde@exemple.invalid").user == other
    assert User.objects.get(pk=odile.pk).email == odile.email and not mail.outbox


def test_a_mailbox_alone_does_not_take_a_factor_away(odile):
    """A link of before the application does not go back to having none."""
    before = undo.as_it_is(odile) | {"factors": []}
    undo.tell(odile, AccountChange.Kind.PASSWORD_CHANGED, before=before, to=[odile.email], at=NOW)
    assert "factors" not in AccountChange.objects.get().before
    Client().post(path_of(AccountChange.objects.get()))
    assert Authenticator.objects.filter(user=odile, type="totp").exists()


def test_changes_are_forgotten(odile):
    undo.tell(odile, AccountChange.Kind.PASSWORD_CHANGED, before=undo.as_it_is(odile), to=[odile.email], at=NOW)
    for at, left in ((NOW + UNDO_FOR, 1), (NOW + 2 * UNDO_FOR + timedelta(seconds=1), 0)):
        with clock.set_to(at):
            account_tasks.clear_sessions()
        assert AccountChange.objects.count() == left


def test_no_secret_of_a_factor_is_readable_in_what_is_kept(odile, django_capture_on_commit_callbacks):
    act(signed_in(odile), odile, "second_factor_off", django_capture_on_commit_callbacks)
    assert not leaks.Marks(texts=[odile.secret]).found_in(*leaks.database(), *leaks.memory(), *leaks.mails())


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_link_serves_once_to_two_at_the_same_instant(odile):
    undo.tell(odile, AccountChange.Kind.PASSWORD_CHANGED, before=undo.as_it_is(odile), to=[odile.email], at=NOW)
    change = AccountChange.objects.get()
    answers = together(*[lambda: undo.undo(change, at=NOW)] * 4)
    assert sorted(type(answer).__name__ for answer in answers) == ["IllegalMove"] * 3 + ["bool"]


# --- The administration ----------------------------------------------------------------------------------------------
@pytest.fixture
def pilot(cast, settings):
    settings.ADMINISTRATION_ASKS_AGAIN = True
    return signed_in(cast.administrator)


def test_the_administration_asks_who_comes_in(pilot, cast, settings):
    where = reverse("admin:marketplace_user_changelist")
    asked = pilot.get(f"{where}?q=x")
    assert asked["Location"] == f"{reverse('account_reauthenticate')}?next={where}%3Fq%3Dx"
    assert pilot.post(asked["Location"], {"password": "autre"}).status_code == 422
    assert pilot.get(where).status_code == 302
    assert pilot.post(asked["Location"], {"password": PASSWORD})["Location"] == f"{where}?q=x"
    assert pilot.get(where).status_code == 200
    assert signed_in(cast.administrator).get(where).status_code == 302, "in that session alone"
    with clock.set_to(NOW + timedelta(minutes=settings.CONFIRMATION_MINUTES)):
        assert pilot.get(where).status_code == 302


def test_every_page_of_the_administration_asks(pilot, cast):
    """Read or written, the pilot's pages beside Django's too; leaving and going elsewhere are not asked."""
    free = {"admin:logout", "admin:login", "admin:password_change", "admin:password_change_done", "admin:jsi18n"}
    seen = 0
    for name, route, _pattern in ROUTES:
        path = address(route, number="DAN-2026-0001")
        if not path.startswith("/pilotage/") or name in free:
            continue
        answer = pilot.get(path)
        assert answer.status_code == 302 and answer["Location"].startswith(reverse("account_reauthenticate")), path
        answer = pilot.post(path, {"name": "x"})
        assert answer.status_code in {405, 422} and (
            answer.status_code == 405 or "Rien n’est encore fait" in words(answer)
        )
        seen += 1
    assert seen >= 60


def test_what_was_typed_in_the_administration_goes_through(pilot, cast):
    where = reverse("admin:marketplace_user_change", args=[cast.outsider.pk])
    typed = {"name": "Ulysse Nouveau", "language": "en", "is_active": "on"}
    asked = pilot.post(where, typed)
    assert asked.status_code == 422 and 'value="Ulysse Nouveau"' in text_of(asked)
    assert User.objects.get(pk=cast.outsider.pk).name == cast.outsider.name
    again = pilot.post(where, typed | {"confirm": "1", "confirm-password": PASSWORD})
    assert again.status_code == 302
    assert User.objects.get(pk=cast.outsider.pk).name == "Ulysse Nouveau"


def test_the_administration_s_password_page_is_the_account_s(pilot):
    assert pilot.get("/pilotage/password_change/")["Location"] == reverse("account_change_password")
    tries = [
        pilot.post("/pilotage/password_change/", {"old_password": "x", "new_password1": NEW}) for _try in range(14)
    ]
    assert {answer.status_code for answer in tries} == {302}
    assert pilot.get("/pilotage/password_change/done/")["Location"] == reverse("profile")


def test_the_administration_s_sign_in_takes_no_password(pilot, cast, settings):
    """From an administrator's session, Django's own would try any number of them."""
    tries = [pilot.post("/pilotage/login/", {"username": cast.auditor.email, "password": "x"}) for _try in range(14)]
    assert {(answer.status_code, answer["Location"]) for answer in tries} == {(302, reverse("admin:index"))}
    assert pilot.get("/pilotage/login/?next=https://ailleurs.test/")["Location"] == reverse("admin:index")
    assert Client().get("/pilotage/login/?next=/pilotage/auth/")["Location"].endswith("?next=%2Fpilotage%2Fauth%2F")


# --- Ways of proving who one is --------------------------------------------------------------------------------------
def test_another_way_joins_without_a_change_elsewhere(odile, rf, monkeypatch):
    """A passkey's, say: its fields, its name on signatures, its refusal."""
    from django import forms
    from django.core.exceptions import ValidationError

    from marketplace.accounts import reauthentication

    class Passkey:
        def serves(self, user):
            return user.pk == odile.pk

        def method(self, user):
            return "passkey"

        def fields(self, user):
            return {"passkey": forms.CharField(label="Clé d’accès")}

        def prove(self, user, answers, request):
            if answers["passkey"] != "signée":
                raise ValidationError({"passkey": "Clé refusée."})

    monkeypatch.setattr(reauthentication, "WAYS", (Passkey(), *reauthentication.WAYS))
    request = rf.post("/")
    request.user = odile
    form = reauthentication.SecondLook({"passkey": "signée"}, request=request)
    assert form.is_valid() and form.confirmed_by == "passkey" and form.cleaned_data == {}
    refused = reauthentication.SecondLook({"passkey": "non"}, request=request)
    assert refused.errors == {"passkey": ["Clé refusée."]}
    request.user = person("Nadia Neuve")
    assert list(reauthentication.SecondLook(request=request).fields) == ["password"]


def test_each_way_has_its_words_on_signed_documents(db):
    from contracts.documents import METHODS
    from marketplace.accounts.reauthentication import WAYS

    with translation.override("fr-ca"):
        alone = person("Sans Application")
        assert {way.method(alone) for way in WAYS} <= set(METHODS) and "password+totp" in METHODS


# --- What is said of it ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_the_page_says_who_was_warned(odile, language):
    """Each change to the ways in: the address that was written to is named on the page that comes next."""
    client, seen = signed_in(odile), 0
    User.objects.filter(pk=odile.pk).update(language=language)
    under = "" if language == "fr-ca" else "/en"
    warned = f"Un message le dit à {odile.email}" if language == "fr-ca" else f"A message says so to {odile.email}"
    confirm(client, odile)
    EmailAddress.objects.create(user=odile, email="deux@exemple.invalid", verified=True)
    for data in (
        {"action_add": "", "email": "seconde@exemple.invalid"},
        {"action_remove": "", "email": "seconde@exemple.invalid"},
        {"action_primary": "", "email": "deux@exemple.invalid"},
    ):
        page = client.post(f"{under}/compte/email/", data, follow=True)
        assert warned in words(page), data
        seen += 1
    assert (
        client.post(f"{under}/compte/email/", {"action_send": "", "email": "deux@exemple.invalid"}).status_code == 302
    )
    at, code = next(moments := codes(odile))
    at, code = next(moments)
    posted = {"password1": NEW, "password2": NEW, "password": PASSWORD, "code": code}
    with clock.set_to(at):
        page = client.post(f"{under}/compte/password/change/", posted, follow=True)
    assert warned.replace(odile.email, "deux@exemple.invalid") in words(page) and seen == 3


def test_after_an_undoing_the_link_s_message_is_true(odile):
    """The former password is dead: the message does not say that it still serves."""
    undo.tell(odile, AccountChange.Kind.ADDRESS_ADDED, before=undo.as_it_is(odile), to=[odile.email], at=NOW)
    OutgoingEmail.objects.all().delete()
    Client().post(path_of(AccountChange.objects.get()))
    told = OutgoingEmail.objects.get()
    assert "celui d’avant n’ouvre plus rien" in told.body and "ne change pas" not in told.body
    link = re.search(r"https?://\S+reset/key\S+", told.body)[0]
    form = Client()
    page = form.get(link, follow=True)
    done = form.post(page.request["PATH_INFO"], {"password1": NEW, "password2": NEW}, follow=True)
    said = words(done)
    assert said.count("otre mot de passe est changé") == 1 and "Connectez-vous avec le nouveau mot de passe" in said
    OutgoingEmail.objects.all().delete()
    Client().post(reverse("account_reset_password"), {"email": odile.email})
    assert "votre mot de passe ne change pas" in OutgoingEmail.objects.get().body


def test_a_notice_of_the_library_gives_its_instant_with_its_zone(odile):
    from allauth.account.adapter import get_adapter

    from marketplace.accounts.adapters import AccountAdapter

    assert isinstance(get_adapter(), AccountAdapter)
    for template in ("account/email/email_confirm", "mfa/email/totp_activated", "mfa/email/recovery_codes_generated"):
        about = {"user": odile, "ip": "192.0.2.1", "user_agent": "Essai", "timestamp": NOW}
        body = AccountAdapter().render_mail(template, odile.email, about).body
        assert "(HNE)" in body, template


def test_an_address_is_removed_not_withdrawn_in_english(odile):
    client = signed_in(odile)
    confirm(client, odile)
    page = text_of(client.get("/en/compte/email/"))
    assert ">Remove<" in page and "Withdraw" not in page
