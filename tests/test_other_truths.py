"""Other examples of words that were once untrue, and of dead ends, that nobody had reported.

« What pages announce is what happens » (tests/test_true_words.py): other pages, messages, states, modes, and English.
"""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import translation

from marketplace.dates import clock
from marketplace.models import OutgoingEmail
from proposals.award import actions as award_actions
from proposals.drafts import actions as draft_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.models import Proposal
from tests import contract_cast as stage
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import address, signed_in, text_of, words
from vendors.models import TaxAttestation, TaxRegistration

AFTER = CLOSES_AT + timedelta(days=5)
LABELS = {"quality_fixed": ("Montant forfaitaire", "Fixed price"), "price": ("Montant maximal", "Maximum amount")}


@pytest.fixture(autouse=True)
def _french():
    cache.clear()
    with translation.override("fr-ca"):
        yield


def told(template: str, person=None) -> list[str]:
    """The messages of a template, to a person: ordinary spaces, one line each."""
    rows = OutgoingEmail.objects.filter(template=f"emails/{template}.txt").order_by("pk")
    rows = rows if person is None else rows.filter(address=person.email)
    return [" ".join(f"{row.subject} {row.body}".replace("\u00a0", " ").split()) for row in rows]


# --- The result of whoever lost --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "french", "english"),
    [
        ("price", "seul le prix compte", "only the price"),
        ("quality_min_price", "la qualité ouvre la porte", "quality opens the door"),
        ("adjusted_price", "le prix ajusté classe", "adjusted price"),
    ],
)
def test_the_message_and_the_page_say_why_in_each_mode_and_language(cast, mode, french, english):
    cast.rival_owner.language = "en"
    cast.rival_owner.save()
    _occasion, (_won, lost) = cast.awarded(mode=mode, values=("90", "80"), prices=(40_000_00, 55_000_00))
    (message,) = told("proposal_not_awarded", cast.rival_owner)
    path = lost.get_absolute_url()
    with clock.set_to(AFTER):
        client = signed_in(cast.rival_owner)
        pages = [words(client.get(path)), words(client.get("/en" + path))]
    assert english in message and french not in message
    assert french in pages[0] and english in pages[1], pages


def test_a_fixed_amount_is_nobodys_price(cast):
    _occasion, (won, lost) = cast.awarded(mode="quality_fixed")
    with clock.set_to(AFTER):
        for person, proposal in ((cast.vendor_owner, won), (cast.rival_owner, lost)):
            page = words(signed_in(person).get(proposal.get_absolute_url()))
            assert "Votre prix" not in page and "Montant forfaitaire, avant taxes 64 000 $" in page
    assert "prix proposé" not in told("proposal_awarded")[0]


def test_a_reversal_does_not_say_that_a_rejected_proposal_counts_again(cast):
    occasion, (kept, rejected) = cast.opened(mode="price")
    with clock.set_to(CLOSES_AT):
        evaluation_actions.admit(kept, by=cast.buyer)
        evaluation_actions.reject(rejected, by=cast.buyer, code="ADM-1", text="Le permis manque.")
        award_actions.recommend(occasion, Proposal.objects.get(pk=kept.pk), by=cast.buyer)
        award_actions.confirm(occasion, by=cast.officer)
        award_actions.request_reversal(occasion, by=cast.officer, reason="Une erreur de calcul.")
        award_actions.reverse(occasion, by=cast.second_officer)
    (its,), (other,) = told("award_reversed", cast.rival_owner), told("award_reversed", cast.vendor_owner)
    assert "la vôtre reste rejetée" in its and "dont la vôtre" not in its
    assert "dont la vôtre, comptent de nouveau" in other
    assert all(
        "l’admissibilité, les notes et les rangs restent ceux" in one for one in told("award_reversed", cast.buyer)
    )


def test_without_an_award_no_result_is_promised(cast):
    occasion, _proposals = cast.opened(mode="price")
    with clock.set_to(CLOSES_AT):
        award_actions.conclude(occasion, by=cast.officer, code="other", reason="Le besoin a changé.")
    for person in (cast.vendor_owner, cast.rival_owner):
        (message,) = told("opportunity_unsuccessful", person)
        assert "résultat" not in message and "Votre proposition :" in message and "Le besoin a changé." in message


# --- Taxes of a small supplier ---------------------------------------------------------------------------------------
def test_a_small_supplier_is_taxed_nowhere_after_the_award(cast):
    TaxRegistration.objects.create(vendor=cast.vendor, small_supplier=True, by=cast.vendor_owner, at=PUBLISHED_AT)
    contract = stage.offered(cast, mode="price", prices=(48_000_00, 55_000_00))
    occasion = contract.award.opportunity
    conditional = "la TPS et la TVQ s’y ajoutent si le prestataire y est inscrit"  # a clause, of any contract
    pages = [
        (cast.officer, contract.get_absolute_url()), (cast.vendor_owner, contract.get_absolute_url()),
        (cast.vendor_owner, reverse("contracts:sign", args=[contract.number])),
        (None, reverse("proposals:minutes", args=[occasion.number])),
        (cast.vendor_owner, contract.award.proposal.get_absolute_url()),
        (cast.auditor, reverse("audit:review", args=[occasion.number])),
    ]  # fmt: skip
    with clock.set_to(stage.SIGNED_AT):
        for person, path in pages:
            page = (signed_in(person) if person else Client()).get(path)
            assert page.status_code == 200 and "TVQ" not in words(page).replace(conditional, "")
    assert not any("TVQ" in one for name in ("proposal_awarded", "award_confirmed") for one in told(name))


# --- What happens here -----------------------------------------------------------------------------------------------
def test_nobody_is_sent_elsewhere_for_the_contract(cast):
    _occasion, (won, _lost) = cast.awarded(mode="price", prices=(48_000_00, 55_000_00))
    assert "ici même; un courriel vous dira quand le lire et le signer" in told("proposal_awarded")[0]
    client = signed_in(cast.vendor_owner)
    with clock.set_to(AFTER):
        assert "Le contrat se prépare, se signe et se suit ici" in words(client.get(won.get_absolute_url()))
    elsewhere = re.compile("vous joindra|vous contactera|vous écrira|par la poste|hors du site|hors plateforme")
    found = [
        path for folder in ("templates", "proposals", "opportunities", "contracts")
        for path in Path(settings.BASE_DIR, folder).rglob("*") if path.suffix in (".html", ".txt", ".py")
        and elsewhere.search(path.read_text())
    ]  # fmt: skip
    assert not found


# --- Revenu Québec's attestation -------------------------------------------------------------------------------------
def test_the_attestation_is_announced_wherever_one_writes_and_in_english(cast):
    with clock.set_to(PUBLISHED_AT):
        occasion = cast.published(mode="price")
        proposal = cast.proposal(occasion)
        client = signed_in(cast.vendor_owner)
        for name in ("edit", "submit", "detail"):
            page = words(client.get(reverse(f"proposals:{name}", args=[proposal.public_id])))
            assert "Exigée au dépôt dès 25 000 $ avant taxes" in page
        assert "Revenu Québec attestation Required" in words(Client().get("/en" + address(occasion)))
    assert "a Revenu Québec attestation" in words(Client().get("/en/aide/"))


def test_another_attestation_is_not_verified_by_the_first(cast):
    """A renewal that nobody verified, in both languages, beside a former one that somebody did."""
    occasion, _proposals = cast.recommended(mode="price", prices=(48_000_00, 55_000_00))
    client, path = signed_in(cast.officer), reverse("proposals:confirm", args=[occasion.number])
    with clock.set_to(AFTER):
        client.post(path, {"verify": str(cast.vendor.attestations.get().public_id)})
        assert "Rien à signaler" in words(client.get(path))
        cast.vendor.attestations.update(withdrawn_at=AFTER)
        TaxAttestation.objects.create(
            vendor=cast.vendor, number="RQ-2026-000002", issued_on=AFTER.date(), added_by=cast.vendor_owner, at=AFTER
        )
        page, english = words(client.get(path)), words(client.get("/en" + path))
    assert "Attestation à vérifier" in page and "Rien à signaler" not in page
    assert "Attestation to verify" in english and "Nothing to report" not in english


# --- What the amount is called ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", LABELS)
def test_the_amount_is_called_what_it_is_where_it_is_written(cast, mode):
    (french, english), other = LABELS[mode], LABELS["price" if mode == "quality_fixed" else "quality_fixed"]
    draft = cast.draft(mode=mode)
    path = reverse("opportunities:edit", args=[draft.number])
    client = signed_in(cast.buyer)
    with clock.set_to(PUBLISHED_AT):
        page, translated = words(client.get(path)), words(client.get("/en" + path))
        refused = words(client.post(path, {"title": "x", "budget_cents": "95 000", "award_mode": mode}))
        switched = words(client.post(path, {"title": "x", "budget_cents": "95 000", "award_mode": "price"}))
    assert f"{french}, avant taxes" in page and other[0] not in page
    assert f"{english}, before taxes" in translated and other[1] not in translated
    assert f"{french}, avant taxes : Le montant doit être" in refused and other[0] not in refused
    assert "Montant maximal, avant taxes : Le montant doit être" in switched


def test_auditors_call_no_fixed_amount_a_maximum(cast):
    occasion, _proposals = cast.awarded(mode="quality_fixed")
    client = signed_in(cast.auditor)
    with clock.set_to(AFTER):
        for path in (reverse("audit:review", args=[occasion.number]), reverse("audit:pictures"),
                     reverse("audit:timeline", args=[occasion.number])):  # fmt: skip
            page = client.get(path)
            assert page.status_code == 200 and not re.search("montants? maxima|Maximum", words(page), re.I)


# --- Dates -----------------------------------------------------------------------------------------------------------
def test_dates_of_what_is_stopped_count_no_more(cast):
    with clock.set_to(PUBLISHED_AT):
        stopped, suspended, running = (cast.published(title=f"Occasion {number}") for number in range(3))
        award_actions.cancel(stopped, by=cast.officer, reason="Le besoin a changé.")
        award_actions.suspend(suspended, by=cast.officer, reason="Une question à étudier.")
        seen = [words(Client().get(address(one))).count("Cette date ne compte plus") for one in (stopped, suspended)]
        assert seen == [2, 2] and "ne compte plus" not in words(Client().get(address(running)))
        assert "This date no longer counts" in words(Client().get("/en" + address(stopped)))
    cache.clear()
    with clock.set_to(running.questions_close_at + timedelta(minutes=1)):
        page = words(Client().get("/en" + address(running)))
        assert "This date has passed" in page or "This date is past" in page


# --- What is missing is named ----------------------------------------------------------------------------------------
def test_each_refusal_names_its_field(cast):
    with clock.set_to(PUBLISHED_AT):
        occasion, vendor = cast.published(), cast.vendor
        sent = [
            (cast.officer, reverse("proposals:suspend", args=[occasion.number]), {}),
            (cast.officer, address(occasion, "addenda/"), {}),
            (cast.vendor_owner, reverse("vendors:invite", args=[vendor.public_id]), {}),
            (cast.vendor_owner, reverse("vendors:papers", args=[vendor.public_id]), {}),
            (cast.vendor_owner, reverse("profile"), {}),
            (None, reverse("account_signup"), {}),
            (None, reverse("account_reset_password"), {}),
        ]
        for person, path, data in sent:
            answer = (signed_in(person) if person else Client()).post(path, data)
            summary = text_of(answer).partition('class="error-summary"')[2].partition("</div>")[0]
            lines = re.findall(r"<li>(.*?)</li>", summary, re.S)
            assert lines and not [line for line in lines if "Ce champ est obligatoire" in line and ": " not in line], (
                path, answer.status_code, lines,
            )  # fmt: skip


# --- Dead ends -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stop", ["suspend", "cancel"])
def test_a_draft_can_be_deleted_whatever_became_of_its_occasion(cast, stop):
    with clock.set_to(PUBLISHED_AT):
        occasion = cast.published()
        proposal = cast.proposal(occasion)
        getattr(award_actions, stop)(occasion, by=cast.officer, reason="Le besoin a changé.")
        client, path = signed_in(cast.vendor_owner), reverse("proposals:delete", args=[proposal.public_id])
        assert client.get(path).status_code == 200
        client.post(path, {"key": re.search(r'name="key" value="([^"]+)"', text_of(client.get(path)))[1]})
        assert not Proposal.objects.filter(pk=proposal.pk).exists()


def test_whoever_only_has_a_draft_is_told_with_its_colleagues(cast):
    with clock.set_to(PUBLISHED_AT):
        occasion = cast.published()
        draft_actions.start(occasion, cast.vendor, by=cast.vendor_member, at=PUBLISHED_AT)
        award_actions.suspend(occasion, by=cast.officer, reason="Une question à étudier.")
        award_actions.cancel(occasion, by=cast.officer, reason="Le besoin a changé.")
    for person in (cast.vendor_owner, cast.vendor_member):
        assert len(told("opportunity_suspended", person)) == len(told("opportunity_cancelled", person)) == 1
        assert "Votre proposition n’était pas déposée" in told("opportunity_cancelled", person)[0]
    assert not told("opportunity_cancelled", cast.rival_owner)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/security.txt", "/.well-known/security.txt"),
        ("/favicon.ico", "/static/favicon"),
        ("/.well-known/change-password", "/compte/password/change/"),
    ],
)
def test_what_programs_ask_for_by_habit_leads_there(db, asked, given):
    for client in (Client(), Client(headers={"accept-language": "en"})):
        answer = client.get(asked)
        assert answer.status_code == 302 and answer["Location"].startswith(given)
        assert client.head(asked).status_code == 302


@pytest.mark.parametrize(
    ("path", "filters"),
    [
        ("/contrats/", "organisme etat annee"), ("/verification/attributions/", "organisme etat"),
        ("/verification/signaux/", "organisme etat code"), ("/verification/dossiers/", "organisme etat constat"),
    ],
)  # fmt: skip
def test_each_filter_can_be_emptied(cast, path, filters):
    client = signed_in(cast.auditor)
    for value in ("", "inconnu"):
        answer = client.get(path, dict.fromkeys(filters.split(), value))
        assert answer.status_code == 200
    page = text_of(client.get(path))
    for name in filters.split():
        choice = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.S)
        assert choice is None or re.search(r'<option value=""', choice[1]), name


def test_an_occasion_does_not_end_before_it_begins(cast):
    draft = cast.draft()
    path = reverse("opportunities:edit", args=[draft.number])
    with clock.set_to(PUBLISHED_AT):
        data = {"title": draft.title, "start_date": "2026-12-15", "completion_date": "2026-12-01",
                "award_mode": "quality_fixed", "reviser": "1"}  # fmt: skip
        answer = signed_in(cast.buyer).post(path, data)
    assert answer.status_code in (200, 422) and "completion_date" in answer.context["form"].errors
