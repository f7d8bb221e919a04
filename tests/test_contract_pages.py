"""Contracts at a browser: prepare, offer, sign, read; who sees what at each stage, what is refused, what is kept."""

import json
import re
from datetime import date, timedelta
from io import BytesIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from contracts.agreement import draft_actions, signature_actions
from contracts.models import Clause, Contract, Signatory
from marketplace.dates import clock
from marketplace.ledger.entries import LedgerPayload
from marketplace.models import OutgoingEmail
from proposals.award import actions as award_actions
from tests import contract_cast as made
from tests.cast import PASSWORD
from tests.reading import signed_in, text_of, words
from vendors.models import TaxAttestation, VendorMembership

pytestmark = pytest.mark.django_db
AT = made.SIGNED_AT
STAGES = ["draft", "offered", "vendor_signed", "active"]
BODY = ["buyer", "other_buyer", "officer", "second_officer"]
VENDOR = ["vendor_owner", "vendor_member"]
STRANGERS = ["rival_owner", "outside_buyer", "outside_officer", "administrator", "outsider"]


@pytest.fixture
def then():
    """The clock stands still at the instant of the signatures."""
    with clock.set_to(AT):
        yield AT


def address(contract, page: str = "") -> str:
    return f"/contrats/{contract.number}/{page}"


def fresh(contract) -> Contract:
    return Contract.objects.get(pk=contract.pk)


def answer(person, path: str) -> int:
    client = signed_in(person) if person else Client()
    return client.get(path).status_code


def typed(contract, *rows, **changes) -> dict:
    """What the browser posts: the terms, then a row per milestone."""
    page = {
        "seen": draft_actions.version(contract), "start_date": "2026-12-01", "end_date": "2027-03-31",
        "repository": "https://git.exemple.invalid/atelier/ponts", "holdback_percent": "5",
        "personal_information": "non", "jalons-TOTAL_FORMS": str(len(rows)), "jalons-INITIAL_FORMS": "0",
    }  # fmt: skip
    for rank, row in enumerate(rows):
        page |= {f"jalons-{rank}-{name}": value for name, value in row.items()}
    return page | changes


def row(amount="32 000", title="Prototype", due="2027-01-15", criteria="Les tests passent.\nLa page est lue.") -> dict:
    return {"title": title, "description": "", "criteria": criteria, "amount_cents": amount, "due_date": due}


# --- Who sees what ---------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("stage", STAGES)
def test_who_reads_a_contract_at_each_stage(cast, then, stage):
    contract = getattr(made, stage)(cast)
    seen = {
        "draft": {*BODY, "auditor"},
        "offered": {*BODY, *VENDOR, "auditor"},
        "vendor_signed": {*BODY, *VENDOR, "auditor"},
        "active": {*BODY, *VENDOR, *STRANGERS, "auditor", None},
    }[stage]
    everybody = [*BODY, *VENDOR, *STRANGERS, "auditor", None]
    told = {who for who in everybody if answer(who and getattr(cast, who), address(contract)) == 200}
    assert told == seen
    assert answer(cast.officer, "/contrats/CT-2026-9999/") == 404
    listed = contract.number in words(Client().get("/contrats/"))
    assert listed == (stage == "active")


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("stage", STAGES)
def test_documents_are_for_the_parties_and_auditors(cast, then, stage):
    contract = getattr(made, stage)(cast)
    papers = list(contract.documents.all())
    assert len(papers) == {"draft": 0, "offered": 1, "vendor_signed": 1, "active": 2}[stage]
    for paper in papers:
        path = address(contract, f"documents/{paper.sha256}/")
        for who in [*BODY, *VENDOR, "auditor"]:
            got = signed_in(getattr(cast, who)).get(path)
            assert got.status_code == 200
            assert got["Content-Disposition"].startswith(f'attachment; filename="{contract.number}-')
            assert got["X-Content-Type-Options"] == "nosniff" and b"".join(got).startswith(b"%PDF-")
        assert {answer(getattr(cast, who), path) for who in STRANGERS} == {404}
        assert answer(None, path) == 302
    assert answer(cast.officer, address(contract, f"documents/{'0' * 64}/")) == 404
    statuses = {who: answer(getattr(cast, who), address(contract, "signatures.json")) for who in [*BODY, *STRANGERS]}
    assert statuses == {who: 200 if stage == "active" and who in BODY else 404 for who in statuses}


def test_a_document_of_another_contract_is_not_served(cast, then):
    first, second = made.active(cast), made.active(cast)
    paper = first.documents.last()
    assert answer(cast.officer, address(second, f"documents/{paper.sha256}/")) == 404


def test_the_public_reads_neither_names_nor_reasons_nor_documents(cast, then):
    contract = made.offered(cast)
    signature_actions.withdraw_offer(contract, by=cast.officer, reason="Une date était fausse.")
    signature_actions.offer(contract, by=cast.officer)
    signature_actions.sign_as_vendor(
        contract, by=cast.vendor_owner, text_sha256=contract.text_sha256, title="Présidente", method="password",
        integrity=True,
    )  # fmt: skip
    made.verified(contract, cast.officer)
    signature_actions.sign(contract, by=cast.officer, text_sha256=contract.text_sha256, method="password")
    shown = text_of(Client().get(address(contract)))
    for hidden in [cast.officer.name, cast.vendor_owner.name, "Présidente", "Une date était fausse", "documents/"]:
        assert hidden not in shown
    assert "64\u00a0000\u00a0$" in shown and "Conclu\u00a0: signé par l’organisme" in shown
    told = words(signed_in(cast.vendor_member).get(address(contract)))
    assert cast.officer.name in told and "Une date était fausse." in told and "Reprendre" not in told


@pytest.mark.parametrize(
    ("stage", "who", "primary"),
    [
        ("draft", "buyer", "Envoyer à la signature"),
        ("draft", "officer", "Envoyer à la signature"),
        ("offered", "buyer", None),
        ("offered", "officer", None),
        ("offered", "vendor_owner", "Lire et signer"),
        ("offered", "vendor_member", None),
        ("vendor_signed", "officer", "Conclure le contrat"),
        ("vendor_signed", "buyer", None),
        ("vendor_signed", "vendor_owner", None),
        ("offered", "auditor", None),
    ],
)
def test_one_primary_button_says_what_is_next(cast, then, stage, who, primary):
    contract = getattr(made, stage)(cast)
    shown = text_of(signed_in(getattr(cast, who)).get(address(contract)))
    buttons = re.findall(r'<a class="btn primary"[^>]*>([^<]+)</a>', shown)
    assert buttons == ([primary] if primary else [])


# --- Starting --------------------------------------------------------------------------------------------------------
def test_a_contract_starts_from_the_awards_page_once(cast, then):
    opportunity, _proposals = cast.awarded()
    assert "Préparer le contrat" in text_of(signed_in(cast.buyer).get(f"/occasions/{opportunity.number}/attribution/"))
    assert "Préparer le contrat" not in text_of(Client().get(f"/occasions/{opportunity.number}/attribution/"))
    path = f"/occasions/{opportunity.number}/contrat/"
    for who in (cast.vendor_owner, cast.outside_officer, cast.auditor, cast.administrator):
        assert signed_in(who).post(path).status_code == 404
    assert signed_in(cast.buyer).get(path)["Location"] == f"/occasions/{opportunity.number}/attribution/"
    assert not Contract.objects.exists()
    first = signed_in(cast.buyer).post(path)
    assert first.status_code == 302 and first["Location"].endswith("/preparer/")
    assert signed_in(cast.officer).post(path)["Location"] == first["Location"]
    contract = Contract.objects.get()
    assert signed_in(cast.officer).get(path)["Location"] == address(contract)
    assert (contract.amount_cents, contract.prepared_by) == (64_000_00, cast.buyer)
    assert "Atelier Boréal inc." in words(signed_in(cast.buyer).get(first["Location"]))


def test_nothing_to_contract_before_the_award(cast):
    opportunity, _proposals = cast.recommended()
    path = f"/occasions/{opportunity.number}/contrat/"
    assert signed_in(cast.buyer).post(path).status_code == 409
    assert not Contract.objects.exists()


# --- Preparing -------------------------------------------------------------------------------------------------------
def test_preparing_saves_terms_and_milestones(cast, then):
    contract = made.draft(cast)
    client = signed_in(cast.buyer)
    page = typed(contract, row(), row("32 000,00 $", "Mise en service", "2027-03-31"), personal_information="oui")
    saved = client.post(address(contract, "preparer/"), page)
    assert saved.status_code == 302
    contract = fresh(contract)
    assert (contract.holdback_percent, contract.personal_information) == (5, True)
    assert [m.amount_cents for m in contract.milestones.all()] == [32_000_00, 32_000_00]
    assert [c.text for c in contract.milestones.first().criteria.all()] == ["Les tests passent.", "La page est lue."]
    shown = words(client.get(address(contract, "preparer/")))
    assert "Total des jalons : 64 000 $ sur 64 000 $" in shown and "Il manque" not in shown


def test_rows_come_and_go_and_nothing_typed_is_lost(cast, then):
    contract = made.draft(cast)
    client, path = signed_in(cast.buyer), address(contract, "preparer/")
    page = typed(contract, row(title="Premier"), row("texte", title="Second"), repository="pas une adresse")
    assert f'formaction="{path}#jalon-3"' in text_of(client.get(path))  # lands on the row that it adds
    more = client.post(path, page | {"ajouter": "1"})
    assert 'id="jalon-3"' in text_of(more) and f'formaction="{path}#jalon-4"' in text_of(more)
    assert more.status_code == 200 and 'name="jalons-2-title"' in text_of(more)
    for kept in ("Premier", "Second", "texte", "pas une adresse"):
        assert f'value="{kept}"' in text_of(more)
    assert "Il y a un problème" not in text_of(more)
    less = text_of(client.post(path, page | {"retirer": "0"}))
    assert 'value="Second"' in less and 'value="Premier"' not in less and "jalons-1-title" not in less
    assert client.post(path, page | {"retirer": "99999"}).status_code == 200
    assert fresh(contract).milestones.count() == 2 and fresh(contract).holdback_percent == 0


def test_the_total_is_the_servers(cast, then):
    contract = made.draft(cast)
    client, path = signed_in(cast.buyer), address(contract, "preparer/")
    page = typed(contract, row("10 000"), row("20 000,50"), row("n’importe quoi"), recalculer="1")
    assert "Total des jalons : 30 000,50 $ sur 64 000 $ Il reste 33 999,50 $ à répartir." in words(
        client.post(path, page)
    )
    part = client.post(path, page, headers={"HX-Request": "true"})
    assert "<html" not in text_of(part) and "30\u00a0000,50\u00a0$" in text_of(part)
    over = client.post(path, typed(contract, row("64 000,01"), recalculer="1"))
    assert "Les jalons dépassent la valeur du contrat." in words(over)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"end_date": "2026-11-01"}, "Le travail ne peut pas finir avant de commencer."),
        ({"start_date": ""}, "Ce champ est obligatoire."),
        ({"repository": "ftp://exemple.invalid/x"}, "L’adresse du dépôt commence par https://."),
        ({"holdback_percent": "11"}, "inférieure ou égale à 10"),
        ({"personal_information": ""}, "Ce champ est obligatoire."),
        ({"jalons-0-amount_cents": "0"}, "Jalon 1, Montant, avant taxes : Le montant doit être d’au moins 0,01 $."),
        ({"jalons-0-amount_cents": "1,234"}, "Montant ambigu"),
        ({"jalons-0-title": " "}, "Jalon 1, Titre du jalon : Ce champ est obligatoire."),
        ({"jalons-0-due_date": ""}, "Jalon 1, Date prévue : Ce champ est obligatoire."),
        ({"jalons-0-due_date": "2027-04-01"}, "Jalon 1, Date prévue : Cette date sort de la durée du contrat."),
        ({"jalons-0-criteria": "x" * 501}, "Un critère d’acceptation a au plus 500 caractères."),
        ({"jalons-0-criteria": "a\n" * 21}, "Un jalon a au plus 20 critères."),
    ],
)
def test_errors_stand_at_their_row_and_nothing_is_saved(cast, then, changes, sentence):
    contract = made.draft(cast)
    page = typed(contract, row(title="Mon jalon à moi")) | changes
    refused = signed_in(cast.buyer).post(address(contract, "preparer/"), page)
    assert refused.status_code == 422
    assert sentence in words(refused)
    assert "Mon jalon à moi" in text_of(refused) or "jalons-0-title" in changes
    assert fresh(contract).milestones.count() == 2


def test_the_price_and_an_announced_licence_are_not_typed(cast, then):
    contract = made.draft(cast)
    page = typed(contract, row("64 000"), licence="MIT", amount_cents="1", state="active", number="CT-1")
    assert signed_in(cast.buyer).post(address(contract, "preparer/"), page).status_code == 302
    contract = fresh(contract)
    assert (contract.licence, contract.amount_cents, contract.state) == ("LiLiQ-R-1.1", 64_000_00, "draft")


def test_a_licence_to_be_agreed_is_chosen_before_the_offer(cast, then):
    contract = made.draft(cast, code_licence="to-be-agreed")
    client, path = signed_in(cast.buyer), address(contract, "preparer/")
    assert "Choisissez la licence" in words(client.get(path))
    assert client.post(path, typed(contract, row("64 000"))).status_code == 422
    assert client.post(path, typed(contract, row("64 000"), licence="to-be-agreed")).status_code == 422
    assert client.post(path, typed(contract, row("64 000"), licence="MIT")).status_code == 302
    assert fresh(contract).licence == "MIT"


def test_a_form_left_open_does_not_erase_what_another_saved(cast, then):
    contract = made.draft(cast)
    mine = typed(contract, row("64 000", title="Le mien"))
    with clock.set_to(AT + timedelta(minutes=1)):
        theirs = typed(contract, row("64 000", title="Le sien"))
        assert signed_in(cast.officer).post(address(contract, "preparer/"), theirs).status_code == 302
        refused = signed_in(cast.buyer).post(address(contract, "preparer/"), mine)
    assert refused.status_code == 422 and "Quelqu’un a enregistré ce contrat" in words(refused)
    assert "Le mien" in text_of(refused)
    assert [m.title for m in fresh(contract).milestones.all()] == ["Le sien"]


def test_who_may_prepare(cast, then):
    contract = made.draft(cast)
    page = typed(contract, row("64 000"))
    for who in [*VENDOR, *STRANGERS]:
        assert signed_in(getattr(cast, who)).post(address(contract, "preparer/"), page).status_code == 404, who
    assert signed_in(cast.auditor).get(address(contract, "preparer/")).status_code == 404
    assert Client().post(address(contract, "preparer/"), page).status_code == 302
    signature_actions.offer(contract, by=cast.officer)
    assert signed_in(cast.buyer).get(address(contract, "preparer/")).status_code == 409
    assert signed_in(cast.buyer).post(address(contract, "preparer/"), page).status_code == 409
    assert signed_in(cast.vendor_owner).get(address(contract, "preparer/")).status_code == 404


def test_the_draft_in_pdf_says_that_it_is_one(cast, then):
    contract = made.draft(cast)
    got = signed_in(cast.buyer).get(address(contract, "projet.pdf"))
    assert got["Content-Disposition"] == f'attachment; filename="{contract.number}-projet.pdf"'
    assert all("(PROJET)" in page.extract_text() for page in PdfReader(BytesIO(got.content)).pages)
    assert signed_in(cast.vendor_owner).get(address(contract, "projet.pdf")).status_code == 404
    signature_actions.offer(contract, by=cast.officer)
    assert signed_in(cast.buyer).get(address(contract, "projet.pdf")).status_code == 404


# --- Offering --------------------------------------------------------------------------------------------------------
def test_offering_freezes_the_text_and_tells_the_vendor(cast, then):
    contract = made.draft(cast)
    client = signed_in(cast.buyer)
    page = words(client.get(address(contract, "offrir/")))
    assert (
        "Envoyer à la signature" in page
        and "Attestation à vérifier" in page
        and "Renseignements personnels Non" in page
    )
    done = client.post(address(contract, "offrir/"))
    assert done.status_code == 302
    contract = fresh(contract)
    paper = contract.documents.get()
    assert contract.state == "offered" and contract.text_sha256 == paper.sha256
    told = OutgoingEmail.objects.filter(template__contains="contract_offered")
    assert [message.to for message in told] == [cast.vendor_owner]
    assert paper.sha256[:16] in told[0].body
    assert client.post(address(contract, "offrir/")).status_code == 409


def test_an_incomplete_contract_is_not_offered(cast, then):
    contract = made.draft(cast)
    client = signed_in(cast.buyer)
    page = typed(contract, row("63 999,99", criteria=""))
    assert client.post(address(contract, "preparer/"), page).status_code == 302
    shown = client.get(address(contract, "offrir/"))
    assert "Les jalons totalisent 63 999,99 $; le contrat vaut 64 000 $." in words(shown)
    assert "n’a pas de critère d’acceptation" in words(shown)
    assert '<button class="btn primary">' not in text_of(shown)
    refused = client.post(address(contract, "offrir/"))
    assert refused.status_code == 422 and "Il y a un problème" in words(refused)
    assert fresh(contract).state == "draft" and not contract.documents.exists()


def test_the_pdf_holds_what_was_agreed(cast, then):
    contract = made.draft(cast, holdback=10)
    draft_actions.edit(
        contract, by=cast.buyer, fields={"personal_information": True}, plan=made.plan(24_000_00, 40_000_00)
    )
    Clause.objects.create(body=cast.body, position=1, title="Accès au chantier", text="Les lundis seulement.")
    Clause.objects.create(body=cast.other_body, position=1, title="Clause d’ailleurs", text="Non.")
    signature_actions.offer(contract, by=cast.officer)
    with contract.documents.get().file.open() as file:
        reader = PdfReader(BytesIO(file.read()))
        text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    for said in [
        contract.number, "Atelier Boréal inc.", "Ville d’Essai", "64 000,00 $", "73 584,00 $", "24 000,00 $",
        "Les tests passent.", "Accès au chantier", "Les lundis seulement.", "Renseignements personnels", "a. 17",
        "LiLiQ-R 1.1", "10 %",
    ]:  # fmt: skip
        assert said in text.replace("\u00a0", " ").replace("\u202f", " "), said
    assert "Clause d’ailleurs" not in text and "PROJET" not in text


# --- Signing ---------------------------------------------------------------------------------------------------------
def signature(contract, **changes) -> dict:
    typed = {"text_sha256": contract.text_sha256, "title": "Présidente", "integrity": "on", "password": PASSWORD}
    return typed | changes


def test_a_small_supplier_signs_without_taxes(cast, then):
    """The page says what the PDF and the invoices say."""
    contract = made.draft(cast)
    made.register(contract, small_supplier=True)
    signature_actions.offer(contract, by=cast.officer)
    for page in (
        signed_in(cast.vendor_owner).get(address(contract, "signer/")),
        signed_in(cast.buyer).get(address(contract)),
    ):
        assert page.context["amount"].total == contract.value_cents
        assert "Petit fournisseur" in words(page) and "TVQ 0" not in words(page)


def test_both_parties_sign_at_the_browser(cast, then):
    contract = made.offered(cast)
    path = address(contract, "signer/")
    vendor, body = signed_in(cast.vendor_owner), signed_in(cast.officer)
    page = words(vendor.get(path))
    assert "Déclaration d’intégrité" in page and contract.text_sha256[:8] in page
    assert body.get(path).status_code == 409  # not its turn
    assert vendor.post(path, signature(contract)).status_code == 302
    contract = fresh(contract)
    mine = contract.signatures.get(party="vendor")
    assert (contract.state, mine.title, mine.method, mine.integrity) == (
        "vendor_signed",
        "Présidente",
        "password",
        True,
    )
    assert vendor.post(path, signature(contract)).status_code == 409
    shown = words(body.get(path))
    assert "Prestataire : signé par Victor Proposant, Présidente" in shown and "Attestation à vérifier" in shown
    reason = {"unverified_reason": made.UNVERIFIED}
    assert body.post(path, signature(contract, title="Reine", **reason)).status_code == 302
    contract = fresh(contract)
    assert contract.state == "active" and contract.signed_at == AT
    assert contract.signatures.get(party="body").title == "Directrice des contrats"  # as named, not as typed
    assert contract.documents.filter(kind="signed").count() == 1
    assert contract.duties.filter(kind="initial").count() == 1
    told = OutgoingEmail.objects.filter(template__contains="contract_concluded").values_list("to", flat=True)
    assert {cast.vendor_owner.pk, cast.buyer.pk, cast.officer.pk} <= set(told)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"password": "autre"}, "mot de passe"),
        ({"password": ""}, "Ce champ est obligatoire."),
        ({"integrity": ""}, "La déclaration d’intégrité est obligatoire."),
        ({"title": "  "}, "Ce champ est obligatoire."),
        ({"title": "x" * 101}, "le maximum est de 100"),
        ({"text_sha256": "0" * 64}, "Le contrat a changé depuis que vous l’avez lu"),
        ({"text_sha256": ""}, "Le contrat a changé depuis que vous l’avez lu"),
    ],
)
def test_a_signature_is_refused_and_nothing_is_lost(cast, then, changes, sentence):
    contract = made.offered(cast)
    refused = signed_in(cast.vendor_owner).post(address(contract, "signer/"), signature(contract, **changes))
    assert refused.status_code == 422 and sentence in words(refused)
    assert fresh(contract).state == "offered" and not contract.signatures.exists()
    assert PASSWORD not in text_of(refused)
    assert f'name="text_sha256" value="{contract.text_sha256}"' in text_of(refused)
    assert 'value="Présidente"' in text_of(refused) or "title" in changes


def test_a_text_that_changed_between_reading_and_signing(cast, then):
    contract = made.offered(cast)
    read = signature(contract)
    signature_actions.withdraw_offer(contract, by=cast.officer, reason="Une clause manquait.")
    client, path = signed_in(cast.vendor_owner), address(contract, "signer/")
    assert client.post(path, read).status_code == 404  # in preparation again: the body's alone
    Clause.objects.create(body=cast.body, position=1, title="Nouvelle", text="Nouvelle clause.")
    signature_actions.offer(contract, by=cast.officer)
    assert contract.text_sha256 != read["text_sha256"]
    refused = client.post(path, read)
    assert refused.status_code == 422 and "Le contrat a changé" in words(refused)
    assert client.post(path, signature(contract)).status_code == 302


def test_eligibility_lost_between_the_offer_and_the_signature(cast, then):
    contract = made.offered(cast)
    TaxAttestation.objects.filter(vendor=cast.vendor).update(withdrawn_at=AT)
    client, path = signed_in(cast.vendor_owner), address(contract, "signer/")
    assert "La signature sera refusée" in words(client.get(path))
    refused = client.post(path, signature(contract))
    assert refused.status_code == 422 and "Il manque une attestation de Revenu Québec" in words(refused)
    assert fresh(contract).state == "offered"


def test_the_body_concludes_with_an_eligible_vendor_only(cast, then):
    contract = made.vendor_signed(cast)
    TaxAttestation.objects.filter(vendor=cast.vendor).update(withdrawn_at=AT)
    client, path = signed_in(cast.officer), address(contract, "signer/")
    assert "Ne peut pas être retenu" in words(client.get(path))
    assert client.post(path, signature(contract)).status_code == 422
    assert fresh(contract).state == "vendor_signed"


def limited(cast, cents):
    Signatory.objects.filter(user=cast.officer).update(limit_cents=cents)
    return cast.officer


def unnamed(cast):
    Signatory.objects.filter(user=cast.officer).update(ended_at=AT)
    return cast.officer


def tied(cast):
    VendorMembership.objects.create(user=cast.officer, vendor=cast.rival, role="member")
    return cast.officer


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        (
            lambda cast: limited(cast, 63_999_99),
            "Votre limite de signature est de 63 999,99 $; ce contrat vaut 64",
        ),
        (unnamed, "Vous n’êtes pas nommé signataire"),
        (tied, "Vous appartenez à un prestataire qui a répondu"),
        (lambda cast: cast.buyer, "Une personne responsable des règles contractuelles"),
    ],
    ids=["limit", "not named", "tie", "buyer"],
)
def test_why_this_person_may_not_conclude(cast, then, who, sentence):
    contract = made.vendor_signed(cast)
    client = signed_in(who(cast))
    shown = client.get(address(contract, "signer/"))
    assert shown.status_code == 200 and sentence in words(shown)
    assert "password" not in text_of(shown)
    assert sentence in words(client.get(address(contract)))
    assert client.post(address(contract, "signer/"), signature(contract)).status_code == 403
    assert fresh(contract).state == "vendor_signed"


def test_a_limit_to_the_cent_suffices(cast, then):
    contract = made.vendor_signed(cast)
    client = signed_in(limited(cast, 64_000_00))
    typed = signature(contract, unverified_reason=made.UNVERIFIED)
    assert client.post(address(contract, "signer/"), typed).status_code == 302


def test_members_of_the_vendor_read_and_do_not_sign(cast, then):
    contract = made.offered(cast)
    client, path = signed_in(cast.vendor_member), address(contract, "signer/")
    assert "Seuls les propriétaires et gestionnaires" in words(client.get(path))
    assert client.post(path, signature(contract)).status_code == 403
    assert client.post(address(contract, "demander-des-changements/"), {"reason": "Non"}).status_code == 403
    for who in [*STRANGERS, "auditor"]:
        assert signed_in(getattr(cast, who)).post(path, signature(contract)).status_code == 404, who


def test_the_vendor_asks_for_changes(cast, then):
    contract = made.offered(cast)
    client, path = signed_in(cast.vendor_owner), address(contract, "demander-des-changements/")
    assert client.get(path).status_code == 200
    assert client.post(path, {"reason": "  "}).status_code == 422
    assert client.post(path, {"reason": "x" * 2_001}).status_code == 422
    done = client.post(path, {"reason": "La date du jalon 1 est trop tôt."}, follow=True)
    assert done.request["PATH_INFO"] == contract.award.proposal.get_absolute_url()
    assert "dès qu’il vous est envoyé à signer" in words(client.get("/mes-contrats/"))
    assert done.status_code == 200 and contract.number not in words(done)
    assert fresh(contract).state == "draft"
    assert "La date du jalon 1 est trop tôt." in words(signed_in(cast.buyer).get(address(contract)))
    assert client.post(path, {"reason": "Encore"}).status_code == 404


def test_the_body_takes_a_signed_text_back(cast, then):
    contract = made.vendor_signed(cast)
    path = address(contract, "reprendre/")
    assert signed_in(cast.buyer).post(path, {"reason": "Non"}).status_code == 403
    assert signed_in(cast.vendor_owner).get(path).status_code == 404
    client = signed_in(cast.officer)
    assert "ne comptera plus" in words(client.get(path))
    assert client.post(path, {"reason": ""}).status_code == 422
    assert client.post(path, {"reason": "Erreur de date."}).status_code == 302
    contract = fresh(contract)
    assert contract.state == "draft" and contract.signatures.get().void_at == AT
    told = OutgoingEmail.objects.get(template__contains="contract_withdrawn")
    assert told.to == cast.vendor_owner and "Erreur de date." in told.body
    refused = client.post(path, {"reason": "Encore"})
    assert refused.status_code == 409 and f'href="{contract.get_absolute_url()}">Revenir au dossier' in text_of(refused)


def test_a_void_contract_says_so_and_has_no_button(cast, then):
    contract = made.vendor_signed(cast)
    opportunity = contract.opportunity
    award_actions.request_reversal(opportunity, by=cast.officer, reason="Erreur de calcul")
    award_actions.reverse(opportunity, by=cast.second_officer)
    for who in (cast.officer, cast.buyer, cast.vendor_owner, cast.auditor):
        shown = signed_in(who).get(address(contract))
        assert "ce contrat est sans effet" in words(shown) and "Sans effet" in words(shown)
        assert "btn primary" not in text_of(shown)
    assert signed_in(cast.officer).post(address(contract, "signer/"), signature(contract)).status_code == 409
    assert signed_in(cast.officer).post(address(contract, "reprendre/"), {"reason": "Non"}).status_code in {302, 409}
    assert Client().get(address(contract)).status_code == 404


# --- Lists -----------------------------------------------------------------------------------------------------------
def test_the_public_list_filters_and_pages(cast, then, monkeypatch):
    contracts = [made.active(cast, title=title) for title in ("Carte des ponts", "Réservation de salles", "Avis")]
    assert words(Client().get("/contrats/")).count("CT-2026-") == 3
    cases = {
        "q=réservations": [1], "q=atelier+boreal": [0, 1, 2], "q=zèbre": [], "etat=active": [0, 1, 2],
        "etat=completed": [], "annee=2026": [0, 1, 2], "annee=1999": [0, 1, 2], f"organisme={cast.body.pk}": [0, 1, 2],
        "etat=n'importe&organisme=x&apres=%00": [0, 1, 2],
    }  # fmt: skip
    for query, expected in cases.items():
        shown = words(Client().get(f"/contrats/?{query}"))
        assert [rank for rank, one in enumerate(contracts) if one.number in shown] == expected, query
    monkeypatch.setattr("contracts.views.PAGE", 2)
    first = signed_in(cast.outsider).get("/contrats/?etat=active")  # visitors may be shown the page kept above
    older = re.search(r'rel="next" href="([^"]+)"', text_of(first))[1].replace("&amp;", "&")
    second = words(Client().get(f"/contrats/{older}"))
    assert contracts[0].number in second and contracts[2].number not in second


def test_my_contracts_are_mine(cast, then):
    drafted, sent = made.draft(cast), made.offered(cast)
    assert {n for n in (drafted.number, sent.number) if n in words(signed_in(cast.buyer).get("/mes-contrats/"))} == {
        drafted.number, sent.number,
    }  # fmt: skip
    theirs = words(signed_in(cast.vendor_member).get("/mes-contrats/"))
    assert sent.number in theirs and drafted.number not in theirs
    for who in (cast.rival_owner, cast.outside_officer, cast.outsider, cast.auditor):
        assert "CT-2026" not in words(signed_in(who).get("/mes-contrats/"))


def test_pages_cost_the_same_for_one_and_for_three(cast, then):
    def cost(client, path) -> int:
        client.get(path)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    one = made.active(cast, amounts=[64_000_00])
    visitor, officer = Client(headers={"HX-Request": "true"}), signed_in(cast.officer)
    before = [cost(visitor, "/contrats/"), cost(officer, "/mes-contrats/")]
    page = {who: cost(client, address(one)) for who, client in (("visitor", visitor), ("officer", officer))}
    three = made.active(cast, amounts=[20_000_00, 22_000_00, 22_000_00])
    made.active(cast)
    assert [cost(visitor, "/contrats/"), cost(officer, "/mes-contrats/")] == before
    assert max(before) <= 8
    assert {"visitor": cost(visitor, address(three)), "officer": cost(officer, address(three))} == page
    assert max(page.values()) <= 20, page


# --- Clauses ---------------------------------------------------------------------------------------------------------
def test_officers_keep_their_bodys_clauses(cast, then):
    client, base = signed_in(cast.officer), f"/organismes/{cast.body.pk}/clauses/"
    assert "Prix et paiement" in words(client.get(base))
    page = {"title": "Accès", "text": "Les lundis.", "personal_information": ""}
    assert client.post(f"{base}nouvelle/", page | {"text": " "}).status_code == 422
    assert client.post(f"{base}nouvelle/", page).status_code == 302
    first = Clause.objects.get(body=cast.body)
    assert client.get(f"{base}{first.pk}/").status_code == 200
    assert client.post(f"{base}{first.pk}/", page | {"text": "Les mardis."}).status_code == 302
    second = Clause.objects.get(body=cast.body, retired_at=None)
    assert (second.position, second.text) == (first.position, "Les mardis.")
    assert client.post(f"{base}{first.pk}/", page).status_code == 409
    assert client.post(f"{base}{second.pk}/retirer/").status_code == 302
    assert client.post(f"{base}{second.pk}/retirer/").status_code == 409
    acts = LedgerPayload.objects.filter(action__startswith="clause.").order_by("pk")
    assert [act.action for act in acts] == ["clause.add", "clause.replace", "clause.retire"]


def test_nobody_else_changes_clauses(cast, then):
    base, page = f"/organismes/{cast.body.pk}/clauses/", {"title": "Accès", "text": "Les lundis."}
    mine = Clause.objects.create(body=cast.body, title="Accès", text="Non.")
    standard = Clause.objects.filter(body=None).first()
    assert signed_in(cast.buyer).get(base).status_code == 200
    assert signed_in(cast.buyer).post(f"{base}nouvelle/", page).status_code == 403
    assert signed_in(cast.buyer).post(f"{base}{mine.pk}/retirer/").status_code == 403
    for who in [*VENDOR, *STRANGERS]:
        for path in (base, f"{base}nouvelle/", f"{base}{mine.pk}/"):
            assert signed_in(getattr(cast, who)).get(path).status_code == 404
        assert signed_in(getattr(cast, who)).post(f"{base}{mine.pk}/retirer/").status_code == 404
    for path in (f"{base}{standard.pk}/", f"{base}{standard.pk}/retirer/"):
        assert signed_in(cast.officer).post(path, page).status_code == 404  # everyone's, not the body's


# --- The administration ----------------------------------------------------------------------------------------------
def test_administrators_name_signatories_and_the_ledger_knows(cast, then):
    client, base = signed_in(cast.administrator), "/pilotage/contracts/signatory/"
    page = {"body": cast.body.pk, "user": cast.officer.pk, "title": "Directrice", "limit_cents": "50 000"}
    assert client.post(f"{base}add/", page | {"user": cast.buyer.pk}).status_code == 200  # refused: not an officer
    assert not Signatory.objects.exists()
    for wrong in ({"body": "9" * 30}, {"body": "-1"}, {"body": "x"}, {"user": "9" * 30}):
        answer = client.post(f"{base}add/", page | wrong)
        assert answer.status_code == 200 and answer.context["errors"], wrong
    assert client.post(f"{base}add/", page).status_code == 302
    named = Signatory.objects.get()
    assert (named.limit_cents, named.named_at) == (50_000_00, AT)
    assert client.post(f"{base}add/", page).status_code == 200 and Signatory.objects.count() == 1
    client.post(f"{base}{named.pk}/change/", {"end": "on", "limit_cents": "90 000"})
    named.refresh_from_db()
    assert (named.ended_at, named.limit_cents) == (AT, 50_000_00)
    acts = LedgerPayload.objects.filter(action__startswith="signatory.").values_list("action", flat=True)
    assert sorted(acts) == ["signatory.end", "signatory.name"]
    for who in (cast.officer, cast.auditor, cast.vendor_owner):
        assert signed_in(who).get(base).status_code == 302
    made.offered(cast)
    assert "CT-2026" not in words(client.get("/pilotage/contracts/contract/"))


def test_the_attestation_is_canonical_and_signed(cast, then):
    contract = made.active(cast)
    got = signed_in(cast.auditor).get(address(contract, "signatures.json"))
    told = json.loads(got.content)
    assert told["type"] == "dan-contract/1" and told["value_cents"] == 64_000_00
    assert [one["party"] for one in told["signatures"]] == ["vendor", "body"]
    assert told["text_sha256"] == contract.documents.get(kind="offered").sha256
    assert told["signed_sha256"] == contract.documents.get(kind="signed").sha256
    assert got.content == signed_in(cast.buyer).get(address(contract, "signatures.json")).content
    assert date(2026, 12, 1) == contract.start_date
