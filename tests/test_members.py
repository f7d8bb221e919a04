"""The people of a vendor: invited by e-mail, members by their own act, roles and departures."""

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from marketplace.models import LedgerPayload, OutgoingEmail
from tests.cast import person
from vendors.members import actions as member_actions
from vendors.models import Invitation, VendorMembership

TEMPLATE = "emails/vendor_invitation.txt"


def confirmed(user, *, email=None, verified=True):
    return EmailAddress.objects.create(user=user, email=email or user.email, verified=verified, primary=not email)


def to(name, vendor, **extra):
    return reverse(f"vendors:{name}", kwargs={"public_id": vendor.public_id} | extra)


def answer_url(invitation):
    return reverse("vendors:invitation", args=[invitation.public_id])


def text_of(response) -> str:
    return response.content.decode().replace("\u00a0", " ")


def acts(vendor) -> list[str]:
    return [row.action for row in LedgerPayload.objects.about(f"vendor:{vendor.public_id}")]


def role_of(user, vendor) -> str | None:
    return VendorMembership.objects.filter(user=user, vendor=vendor).values_list("role", flat=True).first()


@pytest.fixture
def invitation(cast, now):
    confirmed(cast.outsider)
    return member_actions.invite(cast.vendor, by=cast.vendor_owner, email=cast.outsider.email, role="member")


def test_an_invitation_is_the_same_with_or_without_an_account(cast, client, now):
    client.force_login(cast.vendor_owner)
    for address in (cast.outsider.email.upper(), "Personne@Exemple.INVALID"):
        answer = client.post(to("invite", cast.vendor), {"email": f" {address} ", "role": "admin"}, follow=True)
        assert answer.status_code == 200 and f"Invitation envoyée à {address.lower()}." in text_of(answer)
        assert address.lower() in text_of(client.get(to("edit", cast.vendor)))
    assert [row.address for row in OutgoingEmail.objects.filter(template=TEMPLATE).order_by("pk")] == [
        cast.outsider.email, "personne@exemple.invalid",
    ]  # fmt: skip
    assert role_of(cast.outsider, cast.vendor) is None  # nobody joins without accepting
    assert acts(cast.vendor) == ["vendor.invite", "vendor.invite"]
    for payload in LedgerPayload.objects.filter(action="vendor.invite"):
        assert "exemple.invalid" not in str(payload.body)
    unknown = OutgoingEmail.objects.get(address="personne@exemple.invalid")
    assert unknown.to is None and unknown.body.startswith("Bonjour,\n") and "Atelier Boréal" in unknown.body


@pytest.mark.parametrize("email", ["", "  ", "pas une adresse", "a@b", "x" * 250 + "@exemple.invalid"])
def test_a_bad_address_is_told_at_its_field(cast, client, now, email):
    client.force_login(cast.vendor_owner)
    answer = client.post(to("invite", cast.vendor), {"email": email, "role": "member"})
    assert answer.status_code == 422 and "email" in answer.context["invite_form"].errors
    assert not Invitation.objects.exists()


def test_not_twice_not_a_member_not_an_owner_not_too_many(cast, client, now, invitation):
    client.force_login(cast.vendor_owner)

    def refused(email, role="member"):
        answer = client.post(to("invite", cast.vendor), {"email": email, "role": role})
        assert answer.status_code == 422
        return text_of(answer)

    assert "déjà invitée" in refused(cast.outsider.email)
    assert "agit déjà" in refused(cast.vendor_member.email)
    refused("neuf@exemple.invalid", role="owner")
    for number in range(member_actions.PER_DAY - 1):
        member_actions.invite(cast.vendor, by=cast.vendor_owner, email=f"p{number}@exemple.invalid", role="member")
    assert "20 invitations" in refused("neuf@exemple.invalid")


@pytest.mark.parametrize(
    ("who", "status"),
    [("vendor_member", 403), ("administrator", 403), ("rival_owner", 404), ("buyer", 404), ("outsider", 404)],
)
def test_others_do_not_invite_nor_withdraw(cast, client, invitation, who, status):
    client.force_login(getattr(cast, who))
    assert (
        client.post(to("invite", cast.vendor), {"email": "n@exemple.invalid", "role": "member"}).status_code == status
    )
    url = to("withdraw_invitation", cast.vendor, invitation_id=invitation.public_id)
    assert client.post(url).status_code == status
    assert Invitation.objects.pending().count() == 1


def test_an_invitation_of_another_vendor_is_not_found(cast, client, invitation):
    client.force_login(cast.rival_owner)
    url = to("withdraw_invitation", cast.rival, invitation_id=invitation.public_id)
    assert client.post(url).status_code == 404


def test_accepting(cast, client, invitation):
    client.force_login(cast.outsider)
    for page in (reverse("vendors:mine"), reverse("dashboard")):
        assert answer_url(invitation) in text_of(client.get(page))
    assert "organisme public" in text_of(client.get(answer_url(invitation)))
    assert role_of(cast.outsider, cast.vendor) is None
    assert client.post(answer_url(invitation), {"answer": "peut-être"}).status_code == 422
    assert client.post(answer_url(invitation), {"answer": "accept"})["Location"] == to("edit", cast.vendor)
    assert role_of(cast.outsider, cast.vendor) == "member"
    assert client.post(answer_url(invitation), {"answer": "accept"}).status_code == 404  # answered
    assert acts(cast.vendor) == ["vendor.invite", "vendor.join"]


def test_declining_then_invited_again(cast, client, invitation):
    client.force_login(cast.outsider)
    assert client.post(answer_url(invitation), {"answer": "decline"}).status_code == 302
    assert role_of(cast.outsider, cast.vendor) is None
    assert acts(cast.vendor) == ["vendor.invite", "vendor.decline"]
    member_actions.invite(cast.vendor, by=cast.vendor_owner, email=cast.outsider.email, role="admin")


def test_withdrawn_it_can_no_longer_be_accepted(cast, client, invitation):
    client.force_login(cast.vendor_owner)
    url = to("withdraw_invitation", cast.vendor, invitation_id=invitation.public_id)
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 409
    client.force_login(cast.outsider)
    assert client.post(answer_url(invitation), {"answer": "accept"}).status_code == 404
    assert role_of(cast.outsider, cast.vendor) is None


def test_only_a_confirmed_address_opens_it(cast, client, invitation):
    client.force_login(cast.rival_owner)
    confirmed(cast.rival_owner)
    assert client.get(answer_url(invitation)).status_code == 404
    thief = person("Théo Malin")
    confirmed(thief, email=f"{thief.pk}{cast.outsider.email}", verified=True)
    EmailAddress.objects.filter(user=cast.outsider).update(verified=False)
    for user in (thief, cast.outsider):
        client.force_login(user)
        assert client.get(answer_url(invitation)).status_code == 404
        assert client.post(answer_url(invitation), {"answer": "accept"}).status_code == 404


def test_it_waits_for_a_sign_up(cast, client, now):
    made = member_actions.invite(cast.vendor, by=cast.vendor_owner, email="neuve@exemple.invalid", role="admin")
    newcomer = person("Neuve Venue")
    confirmed(newcomer, email="Neuve@exemple.invalid")  # a second address of hers, written otherwise
    client.force_login(newcomer)
    assert client.post(answer_url(made), {"answer": "accept"}).status_code == 302
    assert role_of(newcomer, cast.vendor) == "admin"


# --- Roles and departures ---
def member_url(vendor, user):
    return to("member", vendor, person_id=user.public_id)


def test_an_owner_changes_a_role_and_removes(cast, client, now):
    client.force_login(cast.vendor_owner)
    url = member_url(cast.vendor, cast.vendor_member)
    assert client.post(url, {"role": "chef"}).status_code == 422
    assert client.post(url, {"role": "admin"}).status_code == 302
    assert role_of(cast.vendor_member, cast.vendor) == "admin"
    assert client.post(url, {"act": "remove"}).status_code == 302
    assert role_of(cast.vendor_member, cast.vendor) is None
    assert client.get(url).status_code == 404
    assert acts(cast.vendor) == ["vendor.role", "vendor.leave"]


def test_the_last_owner_stays(cast, client, now):
    client.force_login(cast.vendor_owner)
    url = member_url(cast.vendor, cast.vendor_owner)
    for data in ({"act": "remove"}, {"role": "member"}):
        answer = client.post(url, data)
        assert answer.status_code == 422 and "au moins une personne propriétaire" in text_of(answer)
    assert role_of(cast.vendor_owner, cast.vendor) == "owner" and not acts(cast.vendor)
    client.post(member_url(cast.vendor, cast.vendor_member), {"role": "owner"})
    assert client.post(url, {"act": "remove"})["Location"] == reverse("vendors:mine")
    assert role_of(cast.vendor_owner, cast.vendor) is None
    assert client.get(to("edit", cast.vendor)).status_code == 404


def test_a_member_leaves_and_changes_nobody(cast, client, now):
    client.force_login(cast.vendor_member)
    for data in ({"act": "remove"}, {"role": "member"}):
        assert client.post(member_url(cast.vendor, cast.vendor_owner), data).status_code == 403
    own = member_url(cast.vendor, cast.vendor_member)
    assert client.post(own, {"role": "owner"}).status_code == 403
    assert client.post(own, {"act": "remove"}).status_code == 302
    assert role_of(cast.vendor_member, cast.vendor) is None and acts(cast.vendor) == ["vendor.leave"]


def test_strangers_and_people_of_other_vendors_are_not_found(cast, client, now):
    client.force_login(cast.rival_owner)
    assert client.post(member_url(cast.vendor, cast.vendor_member), {"act": "remove"}).status_code == 404
    assert client.post(member_url(cast.rival, cast.vendor_member), {"act": "remove"}).status_code == 404
    assert role_of(cast.vendor_member, cast.vendor) == "member"
