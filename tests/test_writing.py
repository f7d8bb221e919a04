"""The vendor's side: start, draft, files, then follow to the result."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from marketplace.dates import clock
from opportunities.models import BodyMembership
from proposals.drafts import actions as draft_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.models import Proposal, Submission
from tests.cast import CLOSES_AT, PASSWORD, PUBLISHED_AT, person, vendor
from tests.desk import PDF, draft_of, put, save, text_of, url

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


# --- Starting ------------------------------------------------------------------------------------------------------
def test_looking_makes_nothing_pressing_makes_one_draft(owner, cast, client, occasion):
    address = reverse("proposals:start", args=[occasion.number])
    page = client.get(address)
    assert "Vous proposez au nom de « Atelier Boréal inc. »" in text_of(page)
    assert Proposal.objects.count() == 0
    for _press in range(2):
        response = client.post(address, {"vendor": str(cast.vendor.public_id)})
        assert response.status_code == 302
    assert Proposal.objects.count() == 1
    assert client.get(address).url == Proposal.objects.get().get_absolute_url()


def test_without_a_vendor_both_kinds_are_offered(cast, client, occasion):
    client.force_login(cast.outsider)
    address = reverse("proposals:start", args=[occasion.number])
    page = text_of(client.get(address))
    assert "nature=company" in page and "nature=individual" in page and "suite=%2Foccasions" in page
    assert client.post(address, {"vendor": str(cast.vendor.public_id)}).status_code == 422
    assert Proposal.objects.count() == 0


@pytest.mark.parametrize("who", ["vendor_owner", "administrator"])
def test_another_s_vendor_cannot_be_posted(cast, client, occasion, who):
    client.force_login(getattr(cast, who))
    address = reverse("proposals:start", args=[occasion.number])
    for forged in [str(cast.rival.public_id), str(cast.rival.pk), "", "x"]:
        assert client.post(address, {"vendor": forged, "state": "submitted"}).status_code == 422
    assert Proposal.objects.count() == 0


def test_several_vendors_are_a_choice(owner, cast, client, occasion):
    second = vendor("Victor à son compte", cast.vendor_owner, kind="individual")
    address = reverse("proposals:start", args=[occasion.number])
    assert "Au nom de qui proposez-vous?" in text_of(client.get(address))
    assert client.post(address, {}).status_code == 422
    assert client.post(address, {"vendor": str(second.public_id)}).status_code == 302
    assert Proposal.objects.get().vendor == second


def test_who_works_for_the_body_cannot_propose(owner, cast, client, occasion):
    BodyMembership.objects.create(user=cast.vendor_owner, body=cast.body, role="buyer")
    address = reverse("proposals:start", args=[occasion.number])
    page = client.get(address)
    assert page.status_code == 403
    assert "Vous travaillez pour l’organisme" in text_of(page)
    assert client.post(address, {"vendor": str(cast.vendor.public_id)}).status_code == 403
    assert Proposal.objects.count() == 0


def test_only_an_open_occasion_is_proposed_to(owner, cast, client, occasion):
    assert client.get(reverse("proposals:start", args=[cast.draft().number])).status_code == 404
    address = reverse("proposals:start", args=[occasion.number])
    with clock.set_to(CLOSES_AT):
        assert "n’accepte pas de proposition" in text_of(client.get(address))
        assert client.post(address, {"vendor": str(cast.vendor.public_id)}).status_code == 409
    assert Proposal.objects.count() == 0


# --- The draft -----------------------------------------------------------------------------------------------------
def test_an_incomplete_draft_is_saved_and_says_it_is_not_deposited(owner, client, proposal):
    assert "Brouillon : rien n’est déposé" in text_of(client.get(url("edit", proposal)))
    response = save(client, proposal, text="", price="")
    assert response.url == url("edit", proposal)
    assert draft_of(proposal) == {"text": "", "comments": "", "price_cents": None}
    page = client.get(url("submit", proposal))
    assert {line["url"].split("#")[1] for line in page.context["missing"]} == {"id_text", "id_price"}
    assert put(client, proposal).status_code == 422
    assert not Submission.objects.exists()
    assert Proposal.objects.get().state == "draft"


@pytest.mark.parametrize("field", ["text", "comments"])
def test_limits_of_the_texts(owner, client, proposal, field):
    assert save(client, proposal, **{field: "é" * 10_000}).status_code == 302
    refused = save(client, proposal, **{field: "é" * 10_001})
    assert refused.status_code == 422
    assert "é" * 10_001 in text_of(refused)
    assert draft_of(proposal)[field] == "é" * 10_000


def test_whitespace_is_missing(owner, client, proposal):
    save(client, proposal, text=" \r\n\t ")
    assert put(client, proposal).status_code == 422
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("typed", "cents"), [("48 173,29", 48_173_29), ("$48,173.29", 48_173_29), ("64 000", 64_000_00)]
)
def test_prices(owner, client, proposal, typed, cents):
    assert save(client, proposal, price=typed).status_code == 302
    assert draft_of(proposal)["price_cents"] == cents


@pytest.mark.parametrize("typed", ["-5", "abc", "1,234", "12,345 678"])
def test_prices_refused_keep_what_was_typed(owner, client, proposal, typed):
    response = save(client, proposal, price=typed, text="Gardé.")
    assert response.status_code == 422
    assert "price" in response.context["form"].errors
    assert typed in text_of(response) and "Gardé." in text_of(response)


def test_a_price_over_the_maximum_is_a_warning_then_a_refusal(owner, client, proposal):
    page = client.post(
        url("edit", proposal),
        {"text": "Oui.", "comments": "", "price": "64 000,01", "stamp": proposal.updated_at.isoformat()},
        follow=True,
    )
    assert "Votre prix dépasse le montant maximal de 64 000 $" in text_of(page)
    assert put(client, proposal).status_code == 422
    assert not Submission.objects.exists()
    save(client, proposal, price="64 000")
    assert put(client, proposal).status_code == 302


def test_no_price_is_asked_for_a_fixed_amount(owner, cast, client):
    proposal = cast.proposal(cast.published())
    assert "price" not in client.get(url("edit", proposal)).context["form"].fields
    save(client, proposal, price="1")
    assert put(client, proposal).status_code == 302
    with clock.set_to(CLOSES_AT):
        client.get(url("detail", proposal))
    assert Proposal.objects.get().opened.price_cents == 64_000_00


def test_two_people_never_overwrite_each_other(owner, cast, client, proposal):
    stamp = proposal.updated_at.isoformat()
    draft_actions.write(proposal, at=PUBLISHED_AT + timedelta(minutes=5), text="Le texte de Marie.")
    response = save(client, proposal, stamp=stamp, text="Le texte de Victor.")
    assert response.status_code == 422
    page = text_of(response)
    assert "Le texte de Marie." in page and "Le texte de Victor." in page
    assert draft_of(proposal)["text"] == "Le texte de Marie."
    assert save(client, proposal, stamp=response.context["stamp"], text="Le texte de Victor.").status_code == 302
    assert draft_of(proposal)["text"] == "Le texte de Victor."


def test_a_double_save_is_not_a_conflict(owner, client, proposal):
    stamp = proposal.updated_at.isoformat()
    with clock.set_to(PUBLISHED_AT + timedelta(minutes=5)):
        assert save(client, proposal, stamp=stamp, text="Pareil.").status_code == 302
        assert save(client, proposal, stamp=stamp, text="Pareil.").status_code == 302


def test_an_expired_session_gives_the_text_back(owner, cast, client, proposal):
    from allauth.account.models import EmailAddress

    EmailAddress.objects.create(user=cast.vendor_owner, email=cast.vendor_owner.email, verified=True, primary=True)
    Session.objects.all().delete()  # the browser still has its cookies
    marker = "phrase-que-personne-ne-doit-lire"
    response = save(client, proposal, text=marker)
    assert response.url.startswith(reverse("account_login"))
    for session in Session.objects.all():
        assert marker not in session.session_data
        assert marker not in str(session.get_decoded())
    assert "Votre texte est gardé" in text_of(client.get(response.url))
    client.post(response.url, {"login": cast.vendor_owner.email, "password": PASSWORD})
    page = client.get(url("edit", proposal))
    assert marker in text_of(page)
    assert "Votre session avait pris fin" in text_of(page)
    assert draft_of(proposal)["text"] == "Nous ferons le travail."
    assert save(client, proposal, text=marker, stamp=page.context["stamp"]).status_code == 302


@pytest.mark.parametrize(
    "headers", [{"origin": "https://ailleurs.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_another_site_plants_no_text(owner, client, proposal, headers):
    Session.objects.all().delete()
    data = {"text": "planté", "comments": "", "price": "", "stamp": ""}
    assert client.post(url("edit", proposal), data, headers=headers).status_code == 302
    assert not Session.objects.exists()


def test_posted_states_and_vendors_change_nothing(owner, cast, client, proposal):
    save(client, proposal, state="submitted", vendor=str(cast.rival.pk), vendor_id=str(cast.rival.pk), created_by="1")
    row = Proposal.objects.get()
    assert (row.state, row.vendor, row.created_by) == ("draft", cast.vendor, cast.vendor_owner)


# --- Files ---------------------------------------------------------------------------------------------------------
def test_files_are_encrypted_given_back_and_taken_off(owner, client, proposal, settings):
    odd = SimpleUploadedFile("../../Où ça? d%r\\plan “été”.pdf", PDF)
    assert save(client, proposal, files=[odd, SimpleUploadedFile("notes.txt", "été".encode())]).status_code == 302
    first, second = draft_of(proposal)["files"]
    assert first["name"].endswith(".pdf") and "/" not in first["name"] and "\\" not in first["name"]
    on_disk = [path.read_bytes() for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert len(on_disk) == 2 and not any(PDF in blob for blob in on_disk)
    given = client.get(url("file", proposal, first["id"]))
    assert given.content == PDF
    assert given["Content-Disposition"].startswith("attachment;")
    assert given["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in given["Cache-Control"]
    save(client, proposal, retirer=first["id"])
    assert [item["id"] for item in draft_of(proposal)["files"]] == [second["id"]]
    assert client.post(url("remove_file", proposal, second["id"])).status_code == 302
    assert draft_of(proposal)["files"] == []
    assert client.post(url("remove_file", proposal, second["id"])).status_code == 404
    assert client.get(url("remove_file", proposal, second["id"])).status_code == 405
    assert client.get(url("file", proposal, second["id"])).status_code == 404


@pytest.mark.parametrize(
    ("name", "blob", "message"),
    [
        ("vide.pdf", b"", "est vide"),
        ("virus.exe", b"MZ", "type non accepté"),
        ("sans-extension", b"texte", "type non accepté"),
        ("faux.pdf", b"<html>", "n’est pas ce que son extension annonce"),
        ("double.pdf.html", b"<html>", "type non accepté"),
        ("gros.pdf", b"%PDF-" + b"0" * (10 * 1024 * 1024 - 4), "dépasse 10 Mo"),
    ],
)
def test_files_refused_keep_the_text(owner, client, proposal, name, blob, message):
    response = save(client, proposal, text="Le texte reste.", files=[SimpleUploadedFile(name, blob)])
    assert response.status_code == 422
    assert message in " ".join(response.context["form"].errors["files"])
    assert draft_of(proposal).get("files", []) == []
    assert draft_of(proposal)["text"] == "Le texte reste."
    assert "Le texte reste." in text_of(response)
    assert "Votre texte est enregistré." in text_of(response)  # good news: not among the errors
    assert "enregistré" not in " ".join(response.context["form"].errors["files"])


def test_the_largest_file_and_the_fifth_are_accepted_not_the_sixth(owner, client, proposal):
    largest = SimpleUploadedFile("limite.pdf", b"%PDF-" + b"0" * (10 * 1024 * 1024 - 5))
    others = [SimpleUploadedFile(f"{number}.txt", b"x") for number in range(4)]
    assert save(client, proposal, files=[largest, *others]).status_code == 302
    refused = save(client, proposal, files=[SimpleUploadedFile("6.txt", b"x")])
    assert refused.status_code == 422
    assert "Pas plus de 5 fichiers" in " ".join(refused.context["form"].errors["files"])
    assert len(draft_of(proposal)["files"]) == 5


# --- Following -----------------------------------------------------------------------------------------------------
def test_in_evaluation_until_the_award(cast, client):
    _occasion, (proposal, _other) = cast.scored(mode="adjusted_price")
    client.force_login(cast.vendor_owner)
    page = text_of(client.get(url("detail", proposal)))
    assert "En évaluation" in page
    for hidden in ["Admissible", "Notée", "90,00", "Coop Code du Fleuve"]:
        assert hidden not in page


def test_the_debrief_shows_one_s_own_scores_and_the_winner(cast, client):
    _occasion, (proposal, other) = cast.awarded(mode="adjusted_price")
    client.force_login(cast.vendor_owner)
    page = text_of(client.get(url("detail", proposal)))
    # The other's final note is public at the award, in the sentence that explains the ranks; its notes are its own.
    assert "90,00" in page and page.count("80,00") == 1
    result = client.get(url("detail", proposal)).context["debrief"]
    assert result["row"]["proposal"] == str(proposal.public_id)
    assert result["ranked"] == 2
    assert (result["award"].proposal.vendor.legal_name in page) and "Votre rang" in page
    client.force_login(cast.rival_owner)
    assert "90,00" not in text_of(client.get(url("detail", other)))


def test_a_rejected_vendor_reads_why(cast, client):
    _occasion, (proposal, _other) = cast.opened()
    with clock.set_to(CLOSES_AT):
        evaluation_actions.reject(proposal, by=cast.buyer, code="CONF-3", text="Le prix dépend d’une <b>condition</b>.")
    client.force_login(cast.vendor_owner)
    page = text_of(client.get(url("detail", proposal)))
    assert "Proposition conditionnelle ou restrictive" in page
    assert "&lt;b&gt;condition" in page


def test_my_proposals_by_what_remains(cast, client):
    other = cast.published(title="Deuxième")
    cast.proposal(other)
    cast.submitted(cast.published(title="Troisième"))
    cast.opened(title="Quatrième", closes_at=CLOSES_AT - timedelta(days=7))
    client.force_login(cast.vendor_owner)
    groups = {row["name"]: len(row["rows"]) for row in client.get(reverse("proposals:mine")).context["groups"]}
    assert groups == {"todo": 1, "submitted": 1, "evaluation": 1}
    with clock.set_to(CLOSES_AT):
        groups = {row["name"]: len(row["rows"]) for row in client.get(reverse("proposals:mine")).context["groups"]}
    assert groups == {"evaluation": 2, "over": 1}


def test_nothing_yet(cast, client):
    client.force_login(person("Nora Nouvelle"))
    assert "Aucune proposition pour le moment" in text_of(client.get(reverse("proposals:mine")))
    assert client.get(reverse("proposals:mine"), {"avant": "zéro"}).status_code == 200


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same(cast, client, django_assert_num_queries, rows):
    for number in range(rows):
        cast.submitted(cast.published(title=f"Occasion {number}"))
    client.force_login(cast.vendor_owner)
    client.get(reverse("proposals:mine"))
    with django_assert_num_queries(4):  # session, person, proposals, their dépôts
        assert client.get(reverse("proposals:mine")).status_code == 200


def test_no_page_of_a_proposal_is_kept_by_a_cache(owner, client, proposal):
    for name in ("detail", "edit", "submit"):
        assert "no-store" in client.get(url(name, proposal))["Cache-Control"]


def test_markdown_of_a_proposal_is_inert(owner, client, proposal):
    save(client, proposal, text="<script>alert(1)</script> [x](javascript:alert(1))")
    page = client.get(url("submit", proposal)).content.decode()
    assert "<script>alert" not in page and 'href="javascript' not in page
