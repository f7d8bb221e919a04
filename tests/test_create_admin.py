"""`manage.py create_admin`: who administers can sign in at once, and acts for nobody else."""

import io
import sys

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.urls import reverse

from marketplace.management.commands import create_admin
from marketplace.models import LedgerPayload, User
from tests.cast import PASSWORD, person

EMAIL, NAME = "pilote@example.org", "Ada Poulin"
GOOD = "Correct-cheval-pile-2026"


@pytest.fixture
def typed(monkeypatch):
    """What the operator sends on the standard input, a line each."""

    def send(*lines: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return send


def create(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_admin", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    before = list(User.objects.order_by("pk").values("pk", "is_staff", "is_superuser"))
    with pytest.raises(CommandError) as caught:
        create(*arguments)
    assert list(User.objects.order_by("pk").values("pk", "is_staff", "is_superuser")) == before
    assert not LedgerPayload.objects.filter(action="person.rights").exists()
    return str(caught.value)


@pytest.mark.django_db
def test_a_new_administrator_signs_in_at_once(typed, client):
    typed("Pilote@Example.org", NAME, GOOD)  # nothing is given: everything is asked
    assert f"{EMAIL} : compte créé, adresse confirmée." in create()
    made = User.objects.get()
    assert (made.email, made.name, made.is_staff, made.is_superuser, made.is_auditor) == (
        EMAIL,
        NAME,
        True,
        True,
        False,
    )
    trace = LedgerPayload.objects.get(action="person.rights")
    assert trace.body["is_staff"] and trace.body["operator"] and trace.actor is None
    answer = client.post(reverse("account_login"), {"login": EMAIL, "password": GOOD})
    assert answer.status_code == 302 and client.get(reverse("admin:index")).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("password", "said"),
    [("court", "12 caractères"), ("", "12 caractères"), (EMAIL, "trop semblable")],
)
def test_a_weak_password_is_refused(typed, password, said):
    typed(password)
    assert said in refused("--email", EMAIL, "--name", NAME)


@pytest.mark.django_db
def test_the_two_passwords_of_a_terminal_must_agree(monkeypatch):
    answers = iter([GOOD, GOOD + "x", GOOD, GOOD])
    monkeypatch.setattr(sys, "stdin", type("Terminal", (io.StringIO,), {"isatty": lambda self: True})())
    monkeypatch.setattr(create_admin, "getpass", lambda _prompt: next(answers))
    assert "diffèrent" in refused("--email", EMAIL, "--name", NAME)
    create("--email", EMAIL, "--name", NAME)
    assert User.objects.get().check_password(GOOD)


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["pilote", "pilote@", "@example.org", "a b@example.org", ""])
def test_an_address_is_an_address(typed, email):
    typed(email)
    assert "n’est pas une adresse" in refused("--name", NAME)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["\u200b", "x" * 101])
def test_a_name_can_be_seen_and_fits(typed, name):
    typed(GOOD)
    assert "1 à 100" in refused("--email", EMAIL, "--name", name)


def confirmed(user: User, *, verified: bool = True) -> User:
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
    return user


def test_an_account_that_confirmed_its_address_is_promoted_with_its_own_password(db):
    known = confirmed(person("Ada Poulin"))
    assert "administre maintenant" in create("--email", known.email.upper())
    known.refresh_from_db()
    assert known.is_staff and known.is_superuser and known.check_password(PASSWORD)
    assert User.objects.count() == 1
    with pytest.raises(CommandError, match="déjà"):
        create("--email", known.email)


def test_who_is_not_promoted(cast):
    unconfirmed = confirmed(person("Sans Preuve"), verified=False)
    inactive = confirmed(person("Partie"))
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    reasons = {
        unconfirmed: "n’a pas confirmé son adresse",
        inactive: "désactivé",
        person("Sans Adresse"): "n’a pas confirmé son adresse",
        confirmed(cast.vendor_member): "agit pour un prestataire",
        confirmed(cast.buyer): "agit pour un organisme",
        confirmed(cast.auditor): "administrer et vérifier",
    }
    for somebody, reason in reasons.items():
        assert reason in refused("--email", somebody.email), somebody


def test_the_second_address_of_an_account_makes_no_other(db, typed):
    EmailAddress.objects.create(user=person("Ada Poulin"), email=EMAIL, verified=False)
    typed(GOOD)
    assert "autre compte" in refused("--email", EMAIL, "--name", NAME)


@pytest.mark.parametrize("right", ["is_staff", "is_auditor"])
def test_the_administration_refuses_a_person_of_a_vendor_too(cast, client, right):
    client.force_login(cast.administrator)
    address = reverse("admin:marketplace_user_change", args=[cast.vendor_owner.pk])
    data = {"name": cast.vendor_owner.name, "language": "fr-ca", "is_active": "on", right: "on"}
    answer = client.post(address, data)
    assert answer.status_code == 200 and "agit pour un prestataire" in answer.content.decode()
    assert not User.objects.filter(pk=cast.vendor_owner.pk).exclude(is_staff=False, is_auditor=False).exists()
