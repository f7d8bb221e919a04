"""The dépôt through the pages: check, declare, replace, withdraw, too late; and everybody else kept out."""

import uuid
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from marketplace.dates import clock
from marketplace.ledger.entries import LedgerEntry
from marketplace.models import Terms, TermsAcceptance
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import Proposal, SealedEnvelope, Submission
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.desk import PDF, accepted, draft_of, put, save, text_of, url
from vendors.models import VendorMembership

pytestmark = pytest.mark.usefixtures("now")


@pytest.fixture
def occasion(cast):
    return cast.published(mode="adjusted_price")


@pytest.fixture
def proposal(cast, occasion):
    return cast.proposal(occasion)


@pytest.fixture
def owner(cast, client):
    client.force_login(cast.vendor_owner)
    return cast.vendor_owner


# --- The dépôt -----------------------------------------------------------------------------------------------------
def test_check_declare_deposit(owner, client, proposal):
    save(client, proposal, price="58 500", files=[SimpleUploadedFile("plan.pdf", PDF)], verifier="1")
    page = text_of(client.get(url("submit", proposal)))
    for said in ["Nous ferons le travail.", "plan.pdf", "58 500,00 $", "2 925,00 $", "5 835,38 $", "67 260,38 $"]:
        assert said in page
    assert "Conditions de dépôt" in page and "version 1" in page
    response = put(client, proposal)
    submission = Submission.objects.get()
    assert response.url == reverse("proposals:receipt", args=[submission.receipt_number])
    assert submission.terms == Terms.objects.get(kind="proposal")
    assert TermsAcceptance.objects.filter(user=owner, terms=submission.terms).exists()
    receipt = text_of(client.get(response.url))
    assert "Personne ne peut la lire avant le mardi 24 novembre 2026, 14 h 00 (HNE)" in receipt


@pytest.mark.parametrize("missing", ["integrity", "no_collusion", "lobbying", "accept_terms", "terms", "stamp"])
def test_nothing_is_deposited_without_every_declaration(owner, client, proposal, missing):
    posted = accepted(client, proposal)
    del posted[missing]
    response = client.post(url("submit", proposal), posted)
    assert response.status_code == 422
    assert "Il y a un problème" in text_of(response)
    assert not Submission.objects.exists()
    assert Proposal.objects.get().state == "draft"


def test_new_terms_must_be_read(owner, client, proposal):
    posted = accepted(client, proposal)
    Terms.objects.create(
        kind="proposal", version=2, in_force_at=PUBLISHED_AT - timedelta(days=1), text_fr="Nouveau.", text_en="New."
    )
    response = client.post(url("submit", proposal), posted)
    assert response.status_code == 422
    assert "accept_terms" in response.context["form"].errors
    assert put(client, proposal).status_code == 302
    assert Submission.objects.get().terms.version == 2


def test_what_changed_after_the_check_is_checked_again(owner, client, proposal):
    posted = accepted(client, proposal)
    draft_actions.write(proposal, at=PUBLISHED_AT + timedelta(minutes=1), text="Une autre main.")
    response = client.post(url("submit", proposal), posted)
    assert response.status_code == 422
    assert "Une autre main." in text_of(response)
    assert not Submission.objects.exists()


def test_a_double_click_is_one_receipt(owner, client, proposal):
    posted = accepted(client, proposal)
    first, second = (client.post(url("submit", proposal), posted) for _click in range(2))
    assert first.url == second.url
    assert Submission.objects.count() == 1
    assert LedgerEntry.objects.filter(payload__action="proposal.submit").count() == 1


def test_replacing_gives_version_two(owner, client, proposal):
    put(client, proposal)
    save(client, proposal, text="Mieux.")
    page = text_of(client.get(url("submit", proposal)))
    assert "Ce dépôt remplacera le dépôt n° 1" in page
    put(client, proposal)
    one, two = Submission.objects.order_by("version")
    assert (two.version, two.previous_sha256) == (2, one.envelope_sha256)


def test_a_failed_replacement_leaves_the_first(owner, client, proposal, monkeypatch, settings):
    save(client, proposal, files=[SimpleUploadedFile("plan.pdf", PDF)])
    put(client, proposal)
    files = sorted(path.name for path in settings.MEDIA_ROOT.rglob("*"))
    posted = accepted(client, proposal)

    def fails(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(deposit_actions.proposal_emails, "submitted", fails)
    client.raise_request_exception = False
    assert client.post(url("submit", proposal), posted).status_code == 500
    assert Submission.objects.get().version == 1
    assert sorted(path.name for path in settings.MEDIA_ROOT.rglob("*")) == files
    monkeypatch.undo()
    client.raise_request_exception = True
    with clock.set_to(CLOSES_AT):
        client.get(url("detail", proposal))
    assert Proposal.objects.get().opened.readable


def test_changes_not_deposited_are_told(owner, client, proposal):
    put(client, proposal)
    with clock.set_to(PUBLISHED_AT + timedelta(hours=1)):
        save(client, proposal, text="Pas encore déposé.")
        assert "Vos derniers changements ne sont pas déposés" in text_of(client.get(url("detail", proposal)))
        assert "Vos derniers changements ne sont pas déposés" in text_of(client.get(reverse("proposals:mine")))


def test_withdraw_then_deposit_again(owner, client, proposal):
    put(client, proposal)
    assert "Retirer votre proposition?" in text_of(client.get(url("withdraw", proposal)))
    assert Proposal.objects.get().state == "submitted"
    assert client.post(url("withdraw", proposal)).status_code == 302
    assert Proposal.objects.get().state == "withdrawn"
    assert not SealedEnvelope.objects.exists()
    assert client.post(url("withdraw", proposal)).status_code == 409
    assert put(client, proposal).status_code == 302
    assert Submission.objects.order_by("version").last().version == 2
    assert Proposal.objects.get().state == "submitted"


# --- Too late ------------------------------------------------------------------------------------------------------
def test_the_last_microsecond_counts(owner, client, proposal):
    posted = accepted(client, proposal)
    with clock.set_to(CLOSES_AT - timedelta(microseconds=1)):
        assert client.post(url("submit", proposal), posted).status_code == 302
    assert Submission.objects.get().received_at == CLOSES_AT - timedelta(microseconds=1)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), timedelta(days=300)])
def test_at_the_closing_instant_nothing_is_accepted(owner, client, proposal, late):
    posted = accepted(client, proposal)
    before = draft_of(proposal)
    with clock.set_to(CLOSES_AT + late):
        for answer in [
            client.get(url("submit", proposal)),
            client.post(url("submit", proposal), posted),
            client.get(url("edit", proposal)),
            save(client, proposal, text="Une seconde trop tard."),
            client.get(url("withdraw", proposal)),
            client.post(url("withdraw", proposal)),
            client.post(url("remove_file", proposal, uuid.uuid4())),
        ]:
            assert answer.status_code == 409
            assert "mardi 24 novembre 2026, 14 h 00 (HNE)" in text_of(answer)
        saved = save(client, proposal, text="Une seconde trop tard.")
        assert "Une seconde trop tard." in text_of(saved)
        assert "Trop tard" in text_of(saved)
    assert not Submission.objects.exists()
    assert draft_of(proposal) == before
    assert Proposal.objects.get().state == "draft"


def test_after_closing_a_deposit_stays_what_its_receipt_says(owner, cast, client, proposal):
    put(client, proposal)
    posted = accepted(client, proposal)
    submission = Submission.objects.get()
    with clock.set_to(CLOSES_AT):
        assert client.post(url("submit", proposal), posted).status_code == 409
        assert client.post(url("withdraw", proposal)).status_code == 409
        for who in (cast.buyer, cast.administrator):
            client.force_login(who)
            assert save(client, proposal, text="Changé").status_code == 404
    opened = Proposal.objects.get()
    assert opened.state == "opened"
    assert opened.opened.submission.envelope_sha256 == submission.envelope_sha256
    assert opened.opened.content["text"] == "Nous ferons le travail."


def test_the_clock_passing_during_the_request_is_told_too(owner, client, proposal, monkeypatch):
    posted = accepted(client, proposal)
    real, calls = clock.now, []

    def passing():
        calls.append(1)
        return real() if len(calls) == 1 else CLOSES_AT

    monkeypatch.setattr(clock, "now", passing)
    response = client.post(url("submit", proposal), posted)
    assert response.status_code == 409
    assert "Trop tard" in text_of(response)
    assert not Submission.objects.exists()


def test_a_suspension_stops_deposits_not_writing(owner, cast, client, proposal):
    posted = accepted(client, proposal)
    award_actions.suspend(Opportunity.objects.get(), by=cast.officer, reason="Précisions à venir")
    assert save(client, proposal, text="Toujours possible.").status_code == 302
    response = client.post(url("submit", proposal), posted)
    assert response.status_code == 409
    assert "suspendue" in text_of(response)
    assert not Submission.objects.exists()


# --- Who -----------------------------------------------------------------------------------------------------------
STRANGERS = ["rival_owner", "outsider", "buyer", "officer", "outside_buyer", "auditor", "administrator", "visitor"]


@pytest.mark.parametrize("who", STRANGERS)
def test_before_the_opening_a_proposal_exists_for_nobody_else(cast, client, occasion, who):
    proposal = cast.proposal(occasion)
    draft_actions.add_file(proposal, SimpleUploadedFile("plan.pdf", PDF), at=PUBLISHED_AT)
    number = cast.deposit(proposal).receipt_number
    item = draft_of(proposal)["files"][0]["id"]
    if who != "visitor":
        client.force_login(getattr(cast, who))
    before = Proposal.objects.values().get()
    addresses = [url(name, proposal) for name in ("detail", "edit", "submit", "withdraw")]
    addresses += [url("file", proposal, item), url("remove_file", proposal, item)]
    addresses += [reverse(f"proposals:{name}", args=[number]) for name in ("receipt", "receipt_json", "envelope")]
    for address in addresses:
        for send in (client.get, client.post):
            answer = send(address)
            if who == "visitor":
                assert answer.url.startswith(reverse("account_login"))
            else:
                assert answer.status_code in (404, 405), address
                assert b"Atelier" not in answer.content
    if who != "visitor":
        assert b"Atelier" not in client.get(reverse("proposals:mine")).content
    assert Proposal.objects.values().get() == before


@pytest.mark.parametrize("who", ["buyer", "officer", "auditor", "administrator", "rival_owner"])
def test_after_the_opening_the_vendor_s_pages_stay_its_own(cast, client, who):
    _occasion, (proposal, _other) = cast.opened()
    client.force_login(getattr(cast, who))
    for name in ("detail", "edit", "submit", "withdraw"):
        assert client.get(url(name, proposal)).status_code == 404


@pytest.mark.parametrize(
    ("who", "status"),
    [
        *(("vendor_owner", 200), ("vendor_member", 200), ("buyer", 200), ("officer", 200), ("auditor", 200)),
        *(("administrator", 404), ("rival_owner", 404), ("outside_buyer", 404)),
    ],
)
def test_opened_files_are_for_those_entitled(cast, client, who, status):
    occasion = cast.published()
    proposal = cast.proposal(occasion)
    draft_actions.add_file(proposal, SimpleUploadedFile("plan.pdf", PDF), at=PUBLISHED_AT)
    cast.deposit(proposal)
    with clock.set_to(CLOSES_AT):
        client.get(reverse("proposals:minutes", args=[occasion.number]))
    opened = Proposal.objects.get()
    assert opened.state == "opened"
    client.force_login(getattr(cast, who))
    item = opened.opened.content["files"][0]["id"]
    answer = client.get(url("file", proposal, item))
    assert answer.status_code == status
    assert (answer.content == PDF) is (status == 200)
    assert client.get(url("file", proposal, uuid.uuid4())).status_code == 404


def test_members_prepare_owners_and_administrators_deposit(cast, client, proposal):
    client.force_login(cast.vendor_member)
    assert save(client, proposal, text="Préparé par Marie.").status_code == 302
    page = text_of(client.get(url("submit", proposal)))
    assert "Seuls les propriétaires et gestionnaires de « Atelier Boréal inc. » peuvent déposer." in page
    assert "Déposer la proposition" not in page
    answer = put(client, proposal)
    assert answer.status_code == 403
    assert not Submission.objects.exists()
    VendorMembership.objects.filter(user=cast.vendor_member).update(role="admin")
    assert put(client, proposal).status_code == 302
    VendorMembership.objects.filter(user=cast.vendor_member).update(role="member")
    assert client.post(url("withdraw", proposal)).status_code == 403
    assert Proposal.objects.get().state == "submitted"


def test_a_refusal_before_the_opening_leaves_no_public_trace(cast, client, proposal):
    before = LedgerEntry.objects.count()
    client.force_login(cast.vendor_member)
    put(client, proposal)
    assert LedgerEntry.objects.count() == before
