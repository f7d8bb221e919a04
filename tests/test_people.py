"""Powers that do not mix, accounts that close, what an administrator changes of a person: refused, told, written."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from marketplace.accounts import actions
from marketplace.dates import clock
from marketplace.ledger import labels
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail, User
from opportunities.models import BodyMembership
from tests.cast import Cast, person
from tests.conftest import NOW
from tests.reading import signed_in, text_of, words
from tests.test_races import together
from tests.test_second_factor import turn_on
from vendors.members import actions as member_actions
from vendors.models import Vendor, VendorMembership


@pytest.fixture(autouse=True)
def _standing_still():
    with clock.set_to(NOW):
        yield


def form_of(user, **changed) -> dict:
    """What an administrator posts to change a person."""
    values = {"name": user.name, "language": user.language} | {
        right: "on" for right in ("is_active", "is_auditor", "is_staff") if getattr(user, right)
    }
    return {name: value for name, value in (values | changed).items() if value}


def change(pilot, user, under="", **changed):
    return pilot.post(f"{under}/pilotage/marketplace/user/{user.pk}/change/", form_of(user, **changed))


@pytest.fixture
def pilot(cast):
    return signed_in(cast.administrator)


# --- Powers that do not mix ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize("right", ["is_staff", "is_auditor"])
@pytest.mark.parametrize("who", ["vendor_owner", "vendor_member", "rival_owner"])
def test_no_person_of_a_vendor_administers_or_audits(pilot, cast, who, right, language):
    user = getattr(cast, who)
    answer = change(pilot, user, language, **{right: "on"})
    assert answer.status_code == 200
    why = "acts for a vendor" if language else "agit pour un prestataire"
    assert why in words(answer)
    assert answer.context["adminform"].form.errors.keys() == {right}
    row = User.objects.get(pk=user.pk)
    assert (row.is_staff, row.is_superuser, row.is_auditor) == (False, False, False)


def test_an_operator_makes_no_administrator_of_a_vendor_s_person(cast):
    EmailAddress.objects.create(user=cast.vendor_member, email=cast.vendor_member.email, verified=True, primary=True)
    with pytest.raises(CommandError, match="agit pour un prestataire"):
        call_command("create_admin", email=cast.vendor_member.email)
    assert not User.objects.get(pk=cast.vendor_member.pk).is_staff


@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize("who", ["administrator", "auditor"])
def test_whoever_administers_or_audits_joins_no_vendor(cast, who, language):
    user = getattr(cast, who)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    offer = member_actions.invite(cast.vendor, by=cast.vendor_owner, email=user.email, role="member")
    client, path = signed_in(user), f"{language}{reverse('vendors:invitation', args=[offer.public_id])}"
    why = "acts for no vendor" if language else "n’agit pour aucun prestataire"
    page = client.get(path)
    assert why in words(page) and 'value="accept"' not in text_of(page)
    refused = client.post(path, {"answer": "accept"})
    assert refused.status_code == 422 and why in words(refused)
    assert not user.vendor_memberships.exists()
    offer.refresh_from_db()
    assert offer.answered_at is None, "the invitation still waits: the person may decline"
    with pytest.raises(ValidationError):
        member_actions.accept(offer, by=user)
    assert client.post(path, {"answer": "decline"}).status_code == 302


VENDOR = {
    "kind": "individual", "legal_name": "Ada autonome", "email": "ada@exemple.invalid", "street": "1, rue Une",
    "city": "Lévis", "province": "Québec", "postal_code": "G6V 1A1", "country": "Canada",
}  # fmt: skip


@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize("who", ["administrator", "auditor"])
def test_nor_registers_one(cast, who, language):
    client, before = signed_in(getattr(cast, who)), Vendor.objects.count()
    path = f"{language}{reverse('vendors:create')}"
    why = "acts for no vendor" if language else "n’agit pour aucun prestataire"
    assert why in words(client.get(path))
    refused = client.post(path, VENDOR)
    assert refused.status_code == 422 and why in words(refused) and 'value="Ada autonome"' in text_of(refused)
    assert Vendor.objects.count() == before and not getattr(cast, who).vendor_memberships.exists()
    assert signed_in(cast.outsider).post(path, VENDOR).status_code == 302


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("right", ["is_staff", "is_auditor"])
@pytest.mark.parametrize("door", ["accept", "create"])
def test_two_requests_at_once_do_not_mix_powers(transactional_db, right, door):
    """Ten rounds: either the power or the vendor, never both, and never neither for a fault of ours."""
    cast = Cast()
    for number in range(10):
        user = person(f"Personne {number}")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        offer = member_actions.invite(cast.vendor, by=cast.vendor_owner, email=user.email, role="member")
        pilot, client = signed_in(cast.administrator), signed_in(user)
        path = reverse("vendors:invitation", args=[offer.public_id]) if door == "accept" else reverse("vendors:create")
        data = {"answer": "accept"} if door == "accept" else VENDOR | {"legal_name": f"Firme {number}"}
        answers = together(
            lambda pilot=pilot, user=user: change(pilot, user, **{right: "on"}).status_code,
            lambda client=client, path=path, data=data: client.post(path, data).status_code,
        )
        row = User.objects.get(pk=user.pk)
        power, tied = getattr(row, right), row.vendor_memberships.exists()
        assert power != tied, (number, answers)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_nor_do_an_administrator_s_two_hands(transactional_db):
    """Made administrator in one window, buyer of a body in the other."""
    cast = Cast()
    for number in range(8):
        user = person(f"Personne {number}")
        one, other = signed_in(cast.administrator), signed_in(cast.administrator)
        add = {"user": user.pk, "body": cast.body.pk, "role": "buyer"}
        together(
            lambda one=one, user=user: change(one, user, is_staff="on").status_code,
            lambda other=other, add=add: other.post("/pilotage/opportunities/bodymembership/add/", add).status_code,
        )
        row = User.objects.get(pk=user.pk)
        assert row.is_staff != row.body_memberships.exists(), number


# --- Accounts that close ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_a_closed_account_s_sessions_never_wake_up(pilot, cast, language, django_capture_on_commit_callbacks):
    """The old cookie stays dead once the account is open again; the person is told both times, in their language."""
    User.objects.filter(pk=cast.vendor_owner.pk).update(language=language)
    user = User.objects.get(pk=cast.vendor_owner.pk)
    old = signed_in(user)
    assert old.get("/mon-profil/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert change(pilot, user, is_active="").status_code == 200, "a reason is asked"
        assert change(pilot, user, is_active="", reason="Départ annoncé").status_code == 302
    assert old.get("/mon-profil/").status_code == 302
    closed = User.objects.get(pk=user.pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert change(pilot, closed, is_active="on").status_code == 302
    assert old.get("/mon-profil/")["Location"].startswith(("/compte/login/", "/en/compte/login/"))
    assert signed_in(User.objects.get(pk=user.pk)).get("/mon-profil/").status_code == 200
    rows = OutgoingEmail.objects.filter(to=user).order_by("pk")
    assert [row.template for row in rows] == ["emails/account_deactivated.txt", "emails/account_reactivated.txt"]
    assert all(row.language == language and row.state == "sent" and row.address == user.email for row in rows)
    assert "Départ annoncé" in rows[0].body
    written = LedgerPayload.objects.about(f"person:{user.public_id}")
    assert [row.body["reason"] for row in written if row.action == "person.deactivate"] == ["Départ annoncé"]
    acts = written.values_list("action", flat=True)
    assert list(acts) == ["person.rights", "person.deactivate", "person.rights", "person.reactivate"]


def test_a_password_link_of_before_is_dead_too(pilot, cast):
    EmailAddress.objects.create(user=cast.outsider, email=cast.outsider.email, verified=True, primary=True)
    Client().post(reverse("account_reset_password"), {"email": cast.outsider.email})
    body = OutgoingEmail.objects.get().body
    path = body[body.index("/compte/") :].split()[0]
    assert "n’est plus valide" not in words(Client().get(path, follow=True))
    for active in ("", "on"):
        change(pilot, User.objects.get(pk=cast.outsider.pk), is_active=active, reason="Départ")
    assert "n’est plus valide" in words(Client().get(path, follow=True))


def test_another_change_ends_no_session(pilot, cast):
    old = signed_in(cast.outsider)
    assert change(pilot, cast.outsider, name="Ulysse Autrement").status_code == 302
    assert old.get("/mon-profil/").status_code == 200 and not OutgoingEmail.objects.exists()


def test_a_factor_taken_away_ends_sessions_and_is_told(cast):
    EmailAddress.objects.create(user=cast.auditor, email=cast.auditor.email, verified=True, primary=True)
    turn_on(signed_in(cast.auditor))
    OutgoingEmail.objects.all().delete()
    user = User.objects.get(pk=cast.auditor.pk)
    old = signed_in(user)
    assert actions.take_second_factor(user, at=NOW)
    assert old.get("/mon-profil/").status_code == 302
    assert OutgoingEmail.objects.get().template == "emails/account_factor_reset.txt"
    assert not actions.take_second_factor(user, at=NOW)


# --- Roles are told --------------------------------------------------------------------------------------------------
ROLE_WORDS = {
    "buyer": ("préparer des occasions", "prepare opportunities"),
    "officer": ("confirmer une attribution", "confirm an award"),
    "is_auditor": ("interroger un organisme", "question a body"),
    "is_staff": ("gérer les organismes", "manage bodies"),
}


@pytest.mark.parametrize("language", ["fr-ca", "en"])
@pytest.mark.parametrize("role", ROLE_WORDS)
@pytest.mark.parametrize("has_one", [False, True])
def test_whoever_gets_a_role_is_told_what_it_lets_do_and_what_it_asks(pilot, cast, settings, language, role, has_one):
    """And when it is taken: by the act's own form, in the person's language, the ledger as before."""
    User.objects.filter(pk=cast.outsider.pk).update(language=language)
    user = User.objects.get(pk=cast.outsider.pk)
    for one in (cast.administrator, *([user] if has_one else [])):
        Authenticator.objects.create(user=one, type="totp", data={})
    settings.SECOND_FACTOR_REQUIRED = True
    if role.startswith("is_"):
        assert change(pilot, user, **{role: "on"}).status_code == 302
    else:
        data = {"user": user.pk, "body": cast.body.pk, "role": role}
        assert pilot.post(reverse("admin:opportunities_bodymembership_add"), data).status_code == 302
    told = OutgoingEmail.objects.get()
    english = language == "en"
    assert told.to == user and told.language == language and ROLE_WORDS[role][english] in told.body
    asked, on = ("you will be asked", "yours is already on") if english else ("il vous sera demandé", "déjà activée")
    assert (asked in told.body, on in told.body) == (not has_one, has_one)
    OutgoingEmail.objects.all().delete()
    if role.startswith("is_"):
        assert change(pilot, User.objects.get(pk=user.pk), **{role: ""}).status_code == 302
    else:
        where = reverse("admin:opportunities_bodymembership_delete", args=[user.body_memberships.get().pk])
        assert pilot.post(where, {"post": "yes"}).status_code == 302
    taken = OutgoingEmail.objects.get()
    assert ("on file" if english else "au dossier") in taken.body and asked not in taken.body
    assert LedgerEntry.objects.count() == 2


def test_an_operator_s_command_tells_it_too(cast):
    EmailAddress.objects.create(user=cast.outsider, email=cast.outsider.email, verified=True, primary=True)
    call_command("create_admin", email=cast.outsider.email)
    assert OutgoingEmail.objects.get().template == "emails/account_rights.txt"


def test_a_vendor_s_people_are_told_who_comes_and_goes(cast):
    """Each act, and who reads of it: its person, or the owners when it is the person's own."""
    EmailAddress.objects.create(user=cast.outsider, email=cast.outsider.email, verified=True, primary=True)

    def offer():
        return member_actions.invite(cast.vendor, by=cast.vendor_owner, email=cast.outsider.email, role="member")

    def told() -> list[tuple]:
        rows = list(OutgoingEmail.objects.order_by("pk").values_list("to", "template"))
        OutgoingEmail.objects.all().delete()
        return [(pk, template.split("/")[1].removesuffix(".txt")) for pk, template in rows]

    owner, other = cast.vendor_owner.pk, cast.outsider.pk
    member_actions.withdraw(offer(), by=cast.vendor_owner)
    assert told() == [(other, "vendor_invitation"), (other, "vendor_member")]
    member_actions.decline(offer(), by=cast.outsider)
    assert told() == [(other, "vendor_invitation"), (owner, "vendor_people")]
    for leaves, reads in ((cast.outsider, (owner, "vendor_people")), (cast.vendor_owner, (other, "vendor_member"))):
        member = member_actions.accept(offer(), by=cast.outsider)
        assert told() == [(other, "vendor_invitation"), (owner, "vendor_people")]
        member_actions.change_role(member, by=cast.vendor_owner, role="admin")
        member_actions.change_role(member, by=cast.vendor_owner, role="admin")
        assert told() == [(other, "vendor_member")], "the same role again is no change"
        member_actions.remove(member, by=leaves)
        assert told() == [reads]


# --- In the ledger ---------------------------------------------------------------------------------------------------
def test_what_an_administrator_changes_is_written_and_not_shown(pilot, cast):
    """A new name, a language: who, whom, which fields in the entry; the values in the detail that can be erased."""
    assert change(pilot, cast.outsider, name="Ulysse Renommé", language="en").status_code == 302
    entry = LedgerEntry.objects.get(action="person.edit")
    assert entry.subject == f"person:{cast.outsider.public_id}"
    assert entry.actor == f"person:{cast.administrator.public_id}"
    assert entry.payload.body["changes"] == {
        "name": ["Ulysse Passant", "Ulysse Renommé"],
        "language": ["fr-ca", "en"],
    }
    assert entry not in LedgerEntry.objects.public()
    assert "Ulysse" not in str(entry.chained())
    assert "Ulysse" not in text_of(Client().get(reverse("ledger")))


@pytest.mark.parametrize("language", ["", "/en"])
def test_the_history_says_which_way(pilot, cast, language):
    """« compte actif : non », then « oui »: for each box that an administrator turns."""
    user, seen = cast.outsider, 0
    for right in ("is_active", "is_auditor", "is_staff"):
        for value in ("", "on") if right == "is_active" else ("on", ""):
            row = User.objects.get(pk=user.pk)
            assert change(pilot, row, **{right: value}, reason="Essai").status_code == 302
            seen += 1
    said = words(pilot.get(f"{language}/pilotage/marketplace/user/{user.pk}/history/")).replace("&nbsp;", " ")
    french = [
        f"{what} : {way}"
        for what in ("compte actif", "vérifie les marchés", "administre la plateforme")
        for way in ("oui", "non")
    ]
    english = [
        f"{what}: {way}"
        for what in ("account active", "audits procurements", "administers the platform")
        for way in ("yes", "no")
    ]
    assert seen == 6 and all(phrase in said for phrase in (english if language else french)), said


def test_the_words_of_a_person_s_page_are_ours(pilot, cast):
    page = words(pilot.get(f"/pilotage/marketplace/user/{cast.outsider.pk}/change/"))
    assert "Statut équipe" not in page and "utilisateur" not in page
    assert "Compte actif" in page and "Administre la plateforme" in page and "Celle de ses courriels" in page


def test_nothing_changed_writes_nothing(pilot, cast):
    assert change(pilot, cast.outsider).status_code == 302
    assert not LedgerEntry.objects.exists()


def test_memberships_of_bodies_are_written(pilot, cast):
    data = {"user": cast.outsider.pk, "body": cast.body.pk, "role": "buyer"}
    assert pilot.post(reverse("admin:opportunities_bodymembership_add"), data).status_code == 302
    row = BodyMembership.objects.get(user=cast.outsider)
    where = reverse("admin:opportunities_bodymembership_delete", args=[row.pk])
    assert pilot.post(where, {"post": "yes"}).status_code == 302
    assert list(LedgerEntry.objects.order_by("seq").values_list("action", flat=True)) == [
        "body.member_added", "body.member_removed",
    ]  # fmt: skip


def test_every_act_on_a_person_has_its_words():
    acts = ("deactivate", "edit", "reactivate", "rights", "second_factor_off", "second_factor_on", "undo")
    assert {code for code in labels.codes() if code.startswith("person.")} == {f"person.{act}" for act in acts}
    hidden = {f"person.{act}" for act in acts if act != "rights"}
    from marketplace.ledger.entries import BETWEEN_PARTIES

    assert hidden <= set(BETWEEN_PARTIES)


def test_the_same_person_twice_through_one_vendor(cast):
    """The rules about tied people stay: a member may join a second vendor, and no power follows."""
    EmailAddress.objects.create(user=cast.vendor_member, email=cast.vendor_member.email, verified=True, primary=True)
    offer = member_actions.invite(cast.rival, by=cast.rival_owner, email=cast.vendor_member.email, role="member")
    member_actions.accept(offer, by=cast.vendor_member)
    assert VendorMembership.objects.filter(user=cast.vendor_member).count() == 2
