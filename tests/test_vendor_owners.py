"""A vendor whose owners left gets another one; a vendor that answers no more is archived, and taken back."""

import uuid
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, OutgoingEmail, User
from proposals.deposit import actions as deposit_actions
from proposals.models import Proposal
from tests.cast import PUBLISHED_AT, person
from tests.reading import signed_in, text_of, words
from vendors.archive import actions
from vendors.members import actions as member_actions
from vendors.models import Invitation, Vendor

REASON = "Le propriétaire a quitté l’entreprise : acte du Registraire."


@pytest.fixture(autouse=True)
def _standing_still():
    with clock.set_to(PUBLISHED_AT):
        yield


def told() -> list[tuple[str, int]]:
    rows = OutgoingEmail.objects.order_by("pk").values_list("template", "to")
    return [(template.split("/")[1].removesuffix(".txt"), to) for template, to in rows]


# --- Another owner ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["", "/en"])
def test_one_of_the_team_becomes_owner_at_once(cast, language):
    pilot = signed_in(cast.administrator)
    path = f"{language}{reverse('pilot_new_owner', args=[cast.vendor.public_id])}"
    assert path in text_of(pilot.get(f"{language}/pilotage/vendors/vendor/{cast.vendor.pk}/change/"))
    assert pilot.get(path).status_code == 200
    assert pilot.post(path, {"email": cast.vendor_member.email, "reason": " "}).status_code == 422
    assert pilot.post(path, {"email": cast.vendor_owner.email, "reason": REASON}).status_code == 422
    assert not OutgoingEmail.objects.exists() and not LedgerEntry.objects.exists()
    assert pilot.post(path, {"email": cast.vendor_member.email.upper(), "reason": REASON}).status_code == 302
    assert cast.vendor.memberships.get(user=cast.vendor_member).role == "owner"
    entry = LedgerEntry.objects.get()
    assert (entry.action, entry.subject) == ("vendor.new_owner", f"vendor:{cast.vendor.public_id}")
    assert entry.actor == f"person:{cast.administrator.public_id}" and entry.payload.body["reason"] == REASON
    assert told() == [("vendor_new_owner", cast.vendor_owner.pk), ("vendor_new_owner", cast.vendor_member.pk)]
    former, new = OutgoingEmail.objects.order_by("pk")
    assert "Marie Membre" in former.body and REASON in former.body and "vous a donné la propriété" in new.body


def test_anybody_else_is_invited_and_becomes_owner_by_accepting(cast):
    """Nobody joins without accepting: a membership ties one's hands."""
    EmailAddress.objects.create(user=cast.outsider, email=cast.outsider.email, verified=True, primary=True)
    made = member_actions.new_owner(cast.vendor, by=cast.administrator, email=cast.outsider.email, reason=REASON)
    assert made is None and not cast.vendor.memberships.filter(user=cast.outsider).exists()
    offer = Invitation.objects.get()
    assert offer.role == "owner" and ("vendor_invitation", cast.outsider.pk) in told()
    page = signed_in(cast.outsider).get(reverse("vendors:invitation", args=[offer.public_id]))
    assert "Vous pourrez tout ce que peut ce prestataire" in words(page)
    assert member_actions.accept(offer, by=cast.outsider).role == "owner"


def test_who_joined_meanwhile_becomes_owner_by_accepting(cast):
    address = "marie.ailleurs@exemple.invalid"
    EmailAddress.objects.create(user=cast.vendor_member, email=address, verified=True)
    member_actions.new_owner(cast.vendor, by=cast.administrator, email=address, reason=REASON)
    member_actions.accept(Invitation.objects.get(), by=cast.vendor_member)
    assert cast.vendor.memberships.get(user=cast.vendor_member).role == "owner"


@pytest.mark.parametrize("days, active, allowed", [(29, True, False), (31, True, True), (1, False, True)])
def test_not_where_an_owner_comes(cast, days, active, allowed):
    """Somebody who administers could otherwise read a rival's drafts through a friend."""
    User.objects.filter(pk=cast.vendor_owner.pk).update(
        last_login=PUBLISHED_AT - timedelta(days=days), is_active=active
    )
    act = {"by": cast.administrator, "email": cast.vendor_member.email, "reason": REASON}
    if allowed:
        assert member_actions.new_owner(cast.vendor, **act)
        return
    with pytest.raises(ValidationError, match="est venue depuis 30"):
        member_actions.new_owner(cast.vendor, **act)
    refused = signed_in(cast.administrator)
    path = reverse("pilot_new_owner", args=[cast.vendor.public_id])
    assert refused.post(path, {"email": cast.vendor_member.email, "reason": REASON}).status_code == 422
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("who", ["buyer", "officer", "auditor", "vendor_owner", "vendor_member", "rival_owner"])
def test_nobody_else_names_an_owner(cast, who):
    user = getattr(cast, who)
    with pytest.raises(PermissionDenied):
        member_actions.new_owner(cast.vendor, by=user, email=user.email, reason=REASON)
    for name in ("pilot_new_owner", "pilot_archive"):
        assert signed_in(user).post(reverse(name, args=[cast.vendor.public_id]), {"reason": REASON}).status_code == 404


# --- Archived --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["", "/en"])
@pytest.mark.parametrize("who", ["vendor_owner", "administrator"])
def test_archived_then_restored(cast, who, language):
    client = signed_in(getattr(cast, who))
    name = "pilot_archive" if who == "administrator" else "vendors:archive"
    path = f"{language}{reverse(name, args=[cast.vendor.public_id])}"
    for action in ("vendor.archive", "vendor.restore"):
        assert client.get(path).status_code == 200
        assert client.post(path, {"reason": ""}).status_code == 422
        assert client.post(path, {"reason": REASON}).status_code == 302
        vendor = Vendor.objects.get(pk=cast.vendor.pk)
        assert (vendor.archived_at is not None) == (action == "vendor.archive")
        entry = LedgerEntry.objects.get(action=action)
        assert entry.payload.body["reason"] == REASON
        page = words(signed_in(cast.vendor_member).get(f"/prestataires/{vendor.public_id}/"))
        assert ("Prestataire archivé le" in page) == (action == "vendor.archive")
    team = [cast.vendor_owner.pk, cast.vendor_member.pk]
    assert told() == [("vendor_archived", pk) for pk in team * 2]


@pytest.mark.parametrize("who", ["vendor_member", "rival_owner", "buyer", "auditor"])
def test_nobody_else_archives(cast, who):
    user = getattr(cast, who)
    answer = signed_in(user).post(reverse("vendors:archive", args=[cast.vendor.public_id]), {"reason": REASON})
    assert answer.status_code == (403 if who == "vendor_member" else 404)
    with pytest.raises(PermissionDenied):
        actions.archive(cast.vendor, by=user, reason=REASON)
    assert Vendor.objects.get(pk=cast.vendor.pk).archived_at is None


def test_twice_is_refused(cast):
    with pytest.raises(IllegalMove):
        actions.restore(cast.vendor, by=cast.vendor_owner, reason=REASON)
    actions.archive(cast.vendor, by=cast.vendor_owner, reason=REASON)
    with pytest.raises(IllegalMove):
        actions.archive(cast.vendor, by=cast.vendor_owner, reason=REASON)


def test_an_archived_vendor_deposits_nothing_and_keeps_what_it_deposited(cast):
    """Neither begins nor deposits; withdraws what it has; another vendor of the same person is not touched."""
    first, second = cast.published(), cast.published(title="Une autre occasion")
    deposited, draft = cast.submitted(first), cast.proposal(second)
    actions.archive(cast.vendor, by=cast.vendor_owner, reason=REASON)
    draft = Proposal.objects.get(pk=draft.pk)
    act = {
        "by": cast.vendor_owner,
        "idempotency_key": uuid.uuid4(),
        "integrity": True,
        "no_collusion": True,
        "lobbying": "none",
        "accept_terms": True,
    }
    with pytest.raises(ValidationError, match="est archivé"):
        deposit_actions.deposit(draft, **act)
    third = cast.published(title="Une troisième occasion")
    page = signed_in(cast.vendor_owner).get(f"/occasions/{third.number}/proposer/")
    assert cast.vendor.legal_name not in text_of(page)[text_of(page).index("<main") :]
    deposited = Proposal.objects.get(pk=deposited.pk)
    assert deposited.state == "submitted"
    deposit_actions.withdraw(deposited, by=cast.vendor_owner)
    actions.restore(cast.vendor, by=cast.vendor_owner, reason=REASON)
    deposit_actions.deposit(Proposal.objects.get(pk=draft.pk), **act)


def test_a_firm_of_one_whose_owner_left(cast):
    """The story of the faults' list, from end to end: no other member, an account that closed."""
    owner = cast.rival_owner
    User.objects.filter(pk=owner.pk).update(is_active=False)
    heir = person("Hélène Héritière")
    EmailAddress.objects.create(user=heir, email=heir.email, verified=True, primary=True)
    pilot = signed_in(cast.administrator)
    path = reverse("pilot_new_owner", args=[cast.rival.public_id])
    assert pilot.post(path, {"email": heir.email, "reason": REASON}).status_code == 302
    offer = Invitation.objects.get()
    client = signed_in(heir)
    assert client.post(reverse("vendors:invitation", args=[offer.public_id]), {"answer": "accept"}).status_code == 302
    where = reverse("vendors:member", args=[cast.rival.public_id, owner.public_id])
    assert client.post(where, {"act": "remove"}).status_code == 302
    assert [row.user for row in cast.rival.memberships.all()] == [heir]
