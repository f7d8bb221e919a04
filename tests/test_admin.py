"""The administrator's tables: what they must not show, and what they must not let happen."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from marketplace.administration import Administered
from marketplace.mail import outbox
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail, Terms, User
from tests.cast import PUBLISHED_AT


@pytest.fixture
def pilot(client, cast, now):
    client.force_login(cast.administrator)
    return client


def page(pilot, name, *args, **query):
    return pilot.get(reverse(f"admin:{name}", args=args), query)


def rights(**fields) -> dict:
    """A posted form: a right that is absent is taken away."""
    values = {"name": "Ada Pilote", "language": "fr-ca", "is_active": "on", "is_staff": "on"} | fields
    return {name: value for name, value in values.items() if value}


def change(pilot, user, **fields):
    return pilot.post(reverse("admin:marketplace_user_change", args=[user.pk]), rights(**fields))


# --- Who comes in ----------------------------------------------------------------------------------------------------
def test_only_administrators_come_in(client, cast, now):
    where = reverse("admin:index")
    assert client.get(where).status_code == 302
    login = reverse("admin:login")
    assert client.get(login).headers["Location"].startswith(reverse("account_login"))
    assert client.post(login, {"username": cast.administrator.email, "password": "x"}).status_code == 302
    for user in (cast.buyer, cast.officer, cast.auditor, cast.vendor_owner):
        client.force_login(user)
        assert client.get(where).status_code == 302
        assert client.get(login).status_code == 403
    client.force_login(cast.administrator)
    assert client.get(where).status_code == 200


def test_no_right_outside_memberships():
    for model in (Group, LedgerPayload, Authenticator):
        assert not admin.site.is_registered(model)


# --- Rights ----------------------------------------------------------------------------------------------------------
def test_a_person_is_shown_without_password(pilot, cast):
    answer = page(pilot, "marketplace_user_change", cast.buyer.pk)
    assert answer.status_code == 200
    assert cast.buyer.password not in answer.content.decode()
    assert 'name="password' not in answer.content.decode()


def test_rights_are_given_with_a_trace(pilot, cast):
    assert change(pilot, cast.outsider, name="Ulysse").status_code == 302
    outsider = User.objects.get(pk=cast.outsider.pk)
    assert (outsider.is_auditor, outsider.is_staff, outsider.is_superuser) == (False, True, True)
    entry = LedgerEntry.objects.get(action="person.rights")
    assert entry.subject == f"person:{outsider.public_id}"
    assert entry.actor == f"person:{cast.administrator.public_id}"
    assert entry.payload.body["is_staff"] is True
    change(pilot, cast.outsider, name="Ulysse", is_staff="")
    assert not User.objects.get(pk=cast.outsider.pk).is_superuser


def test_a_new_name_leaves_no_trace_of_rights(pilot, cast):
    assert change(pilot, cast.administrator, name="Ada P.").status_code == 302
    assert not LedgerEntry.objects.filter(action="person.rights").exists()


@pytest.mark.parametrize("lost", ["is_staff", "is_active"])
def test_the_last_administrator_stays(pilot, cast, lost):
    answer = change(pilot, cast.administrator, **{lost: ""})
    assert answer.status_code == 200
    assert "C’est la dernière personne qui administre" in answer.content.decode()
    assert User.objects.filter(is_staff=True, is_active=True).get() == cast.administrator


def test_an_inactive_administrator_does_not_count(pilot, cast):
    User.objects.filter(pk=cast.outsider.pk).update(is_staff=True, is_active=False)
    assert change(pilot, cast.administrator, is_staff="").status_code == 200
    User.objects.filter(pk=cast.outsider.pk).update(is_active=True)
    assert change(pilot, cast.administrator, is_staff="").status_code == 302


def test_forged_fields_change_nothing(pilot, cast):
    before = User.objects.get(pk=cast.outsider.pk)
    forged = {"email": "autre@exemple.invalid", "password": "x", "is_superuser": "on", "public_id": "x"}
    assert change(pilot, cast.outsider, name="Ulysse", is_staff="", **forged).status_code == 302
    after = User.objects.get(pk=cast.outsider.pk)
    assert (after.email, after.password, after.public_id) == (before.email, before.password, before.public_id)
    assert not after.is_superuser


def test_a_blank_name_is_refused(pilot, cast):
    answer = change(pilot, cast.administrator, name="   ")
    assert answer.status_code == 200
    assert User.objects.get(pk=cast.administrator.pk).name == "Ada Pilote"


# --- Nothing is deleted, the ledger and the outbox are read ----------------------------------------------------------
@pytest.mark.parametrize("model", ["user", "terms", "ledgerentry", "outgoingemail"])
def test_nothing_is_deleted(pilot, cast, model):
    cast.awarded()
    outbox.enqueue("x.txt", "a@exemple.invalid", "Sujet", "Texte", to=None, at=PUBLISHED_AT)
    kind = {"user": User, "terms": Terms, "ledgerentry": LedgerEntry, "outgoingemail": OutgoingEmail}[model]
    row = kind.objects.order_by("pk").last()
    count = kind.objects.count()
    assert pilot.post(reverse(f"admin:marketplace_{model}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    pilot.post(reverse(f"admin:marketplace_{model}_changelist"), action)
    assert kind.objects.count() == count


@pytest.mark.parametrize("model", ["ledgerentry", "outgoingemail"])
def test_what_is_read_only_cannot_be_written(pilot, cast, model):
    cast.published()
    outbox.enqueue("x.txt", "a@exemple.invalid", "Sujet", "Texte", to=None, at=PUBLISHED_AT)
    kind = {"ledgerentry": LedgerEntry, "outgoingemail": OutgoingEmail}[model]
    row = kind.objects.order_by("pk").last()
    assert pilot.get(reverse(f"admin:marketplace_{model}_add")).status_code == 403
    where = reverse(f"admin:marketplace_{model}_change", args=[row.pk])
    assert pilot.get(where).status_code == 404
    assert pilot.post(where, {"action": "forged", "subject": "forged"}).status_code == 404


def test_the_ledger_is_searched_and_shows_no_sealed_act(pilot, cast):
    cast.awarded()
    where = "marketplace_ledgerentry_changelist"
    assert LedgerEntry.objects.filter(action="sealed").count() == 2
    assert not page(pilot, where).context["cl"].queryset.filter(action="sealed").exists()
    last = LedgerEntry.objects.public().latest("seq")
    assert page(pilot, where, q=last.hash).context["cl"].queryset.get() == last
    assert page(pilot, where, q="opportunity.publish").context["cl"].queryset.count() == 1
    for strange in ("9" * 30, "²", "-1", "'; --", "x" * 500):
        answer = page(pilot, where, q=strange)
        assert answer.status_code == 200
        assert not answer.context["cl"].queryset.exists()


def test_messages_about_sealed_proposals_and_one_time_links_stay_out(pilot, cast):
    opportunity = cast.published()
    cast.submitted(opportunity)
    hidden = OutgoingEmail.objects.get(confidential=True)
    outbox.enqueue("a.txt", "b@exemple.invalid", "Lien", "https://secret-link", to=None, at=PUBLISHED_AT, secret=True)
    outbox.enqueue("b.txt", "c@exemple.invalid", "Clair", "texte-clair", to=None, at=PUBLISHED_AT)
    listed = page(pilot, "marketplace_outgoingemail_changelist").content.decode()
    assert "c@exemple.invalid" in listed
    for secret in (hidden.address, "secret-link", "texte-clair"):
        assert secret not in listed
    for row in OutgoingEmail.objects.all():  # no page of its own: their numbers would count the hidden ones
        assert page(pilot, "marketplace_outgoingemail_change", row.pk).status_code == 404
        assert f"/{row.pk}/change/" not in listed
    found = page(pilot, "marketplace_outgoingemail_changelist", q="secret-link").context["cl"].queryset
    assert not found.exists()


# --- No oracle -------------------------------------------------------------------------------------------------------
def registered():
    return [(model, model_admin) for model, model_admin in admin.site._registry.items() if model_admin.opts.app_label
            in {"marketplace", "vendors", "opportunities", "proposals"}]  # fmt: skip


def test_every_table_is_administered_by_our_rules():
    assert len(registered()) >= 11
    assert all(isinstance(model_admin, Administered) for _model, model_admin in registered())


@pytest.mark.any_database
def test_only_listed_filters_filter(pilot, cast):
    """Every column and relation, through the address: 400 unless the class lists it."""
    cast.submitted(cast.published())
    tried = 0
    for model, model_admin in registered():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        allowed = {*model_admin.list_filter, model_admin.date_hierarchy}
        for field in model._meta.get_fields():
            name = getattr(field, "name", None)
            if name in allowed:
                continue
            for lookup in (name, f"{name}__isnull", f"{name}__pk", f"{name}__regex"):
                tried += 1
                answer = pilot.get(address, {lookup: "1"})
                assert answer.status_code in {302, 400}, (address, lookup)
                assert answer.status_code == 400 or "e=1" in answer.url, (address, lookup)
    assert tried > 400


def test_nobody_gives_powers_to_whoever_administers(pilot, cast):
    where = reverse("admin:opportunities_bodymembership_add")
    data = {"user": cast.administrator.pk, "body": cast.body.pk, "role": "officer"}
    assert "n’agit pour aucun organisme" in pilot.post(where, data).content.decode()
    assert not cast.administrator.body_memberships.exists()
    where = reverse("admin:marketplace_user_change", args=[cast.administrator.pk])
    data = {"name": "Ada", "language": "fr-ca", "is_active": "on", "is_staff": "on", "is_auditor": "on"}
    assert "administrer et vérifier" in pilot.post(where, data).content.decode()
    where = reverse("admin:marketplace_user_change", args=[cast.officer.pk])
    assert "agit pour un organisme" in pilot.post(where, data | {"is_auditor": ""}).content.decode()


# --- Terms -----------------------------------------------------------------------------------------------------------
def new_terms(pilot, **fields):
    values = {
        "kind": "use", "in_force_at_0": "2026-12-01", "in_force_at_1": "09:00",
        "text_fr": "Nouveau texte", "text_en": "New text", "changes_fr": "Plus clair.", "changes_en": "Clearer.",
    }  # fmt: skip
    return pilot.post(reverse("admin:marketplace_terms_add"), values | fields)


def test_a_new_version_is_added_with_the_next_number(pilot):
    assert new_terms(pilot).status_code == 302
    added = Terms.objects.get(text_en="New text")
    assert (added.kind, added.version) == ("use", 2)
    entry = LedgerEntry.objects.get(action="terms.add")
    assert entry.payload.body["in_force_at"] == "2026-12-01T14:00:00.000000Z"


def test_terms_are_neither_edited_nor_dated_back(pilot):
    first = Terms.objects.order_by("pk").first()
    where = reverse("admin:marketplace_terms_change", args=[first.pk])
    assert pilot.get(where).status_code == 200
    assert pilot.post(where, {"text_fr": "forged"}).status_code == 403
    assert new_terms(pilot, in_force_at_0="2026-10-01").status_code == 200
    assert new_terms(pilot, text_fr="   ").status_code == 200
    assert Terms.objects.count() == 2
