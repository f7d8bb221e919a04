"""What pages announce is what happens: amounts and taxes as they are, papers before anybody writes, dates gone by."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from contracts.agreement import signature_actions
from marketplace.dates import clock
from marketplace.models import OutgoingEmail
from opportunities import conditions
from proposals.award import actions as award_actions
from tests import contract_cast as contract_stage
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import address, signed_in, text_of, words
from vendors.models import TaxRegistration

AFTER = CLOSES_AT + timedelta(days=5)
TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
# What was untrue, and what may say it all the same.
UNTRUE = {
    "hors de la plateforme": {"audit/ledger.html"},  # where one keeps one's own copies
    "Montant maximal, avant taxes": {"styleguide.html"},  # Opportunity.amount_label says it where it is true
    "Montant forfaitaire, avant taxes": set(),
    "Il manque quelque chose": set(),
    "créez le compte de nouveau": set(),  # the address is corrected where it is awaited
}


def test_no_template_says_what_is_not():
    root = Path(settings.BASE_DIR, "templates")
    told = {str(path.relative_to(root)): path.read_text() for path in TEMPLATES}
    assert len(told) >= 240
    for words_of_old, allowed in UNTRUE.items():
        assert {name for name, text in told.items() if words_of_old in text} == allowed, words_of_old


@pytest.mark.parametrize(("mode", "label"), [("quality_fixed", "Montant forfaitaire"), ("price", "Montant maximal")])
def test_the_amount_is_called_what_it_is(cast, mode, label):
    """On each page that shows it: the notice, its preview, what is asked, the evaluation, the timeline, the award."""
    draft = cast.draft(mode=mode)
    with clock.set_to(PUBLISHED_AT):
        pages = [
            signed_in(cast.buyer).get(address(draft)),
            Client().get(address(occasion := cast.published(mode=mode))),
            signed_in(cast.vendor_owner).get(reverse("proposals:start", args=[occasion.number])),
        ]
    awarded, _proposals = cast.awarded(mode=mode)
    with clock.set_to(AFTER):
        pages += [
            signed_in(cast.officer).get(address(awarded, "evaluation/")),
            signed_in(cast.auditor).get(reverse("audit:timeline", args=[awarded.number])),
            Client().get(address(awarded, "attribution/")),
        ]
    other = {"Montant forfaitaire": "Montant maximal", "Montant maximal": "Montant forfaitaire"}[label]
    for page in pages:
        assert page.status_code == 200 and f"{label}, avant taxes" in words(page) and other not in words(page)


def test_a_small_supplier_charges_no_taxes_anywhere(cast):
    """One truth: its own proposal, what is deposited, the award that is confirmed, the public award."""
    TaxRegistration.objects.create(vendor=cast.vendor, small_supplier=True, by=cast.vendor_owner, at=PUBLISHED_AT)
    with clock.set_to(PUBLISHED_AT):
        draft = cast.proposal(cast.published(mode="price"))
        pages = [
            signed_in(cast.vendor_owner).get(draft.get_absolute_url()),
            signed_in(cast.vendor_owner).get(reverse("proposals:submit", args=[draft.public_id])),
        ]
    recommended, _proposals = cast.recommended(mode="price", prices=(48_000_00, 55_000_00))
    with clock.set_to(AFTER):
        pages.append(signed_in(cast.officer).get(reverse("proposals:confirm", args=[recommended.number])))
    awarded, _proposals = cast.awarded(mode="price", prices=(48_000_00, 55_000_00))
    with clock.set_to(AFTER):
        pages.append(Client().get(address(awarded, "attribution/")))
    for page in pages:
        assert "Petit fournisseur : aucune taxe n’est facturée" in words(page) and "TVQ" not in words(page)


@pytest.mark.parametrize(
    ("budget_cents", "mode", "said"),
    [
        (64_000_00, "price", "Exigée au dépôt dès 25 000 $ avant taxes"),
        (64_000_00, "quality_fixed", "Attestation de Revenu Québec Exigée au dépôt Comment"),
        (25_000_00, "price", "Exigée au dépôt dès 25 000 $ avant taxes"),
        (24_999_99, "price", None),
    ],
)
def test_the_attestation_is_announced_before_anybody_writes(cast, budget_cents, mode, said):
    with clock.set_to(PUBLISHED_AT):
        occasion = cast.published(mode=mode, budget_cents=budget_cents)
        start = signed_in(cast.vendor_owner).get(reverse("proposals:start", args=[occasion.number]))
        for page in (Client().get(address(occasion)), start):
            assert said in words(page) if said else "Attestation" not in words(page)
            assert bool(said) == (f"{reverse('pages:help')}#attestation" in text_of(page))
        assert 'id="attestation"' in text_of(Client().get(reverse("pages:help")))
        new = signed_in(cast.vendor_owner).get(reverse("vendors:create"))
        assert "une attestation de Revenu Québec valide" in words(new)


def test_the_refusal_leads_to_the_paper_and_back(cast):
    cast.vendor.attestations.update(withdrawn_at=PUBLISHED_AT)
    client = signed_in(cast.vendor_owner)
    with clock.set_to(PUBLISHED_AT):
        proposal = cast.proposal(cast.published(mode="price"))
        submit = reverse("proposals:submit", args=[proposal.public_id])
        shown = text_of(client.get(submit))
        (link,) = re.findall(r'href="([^"]*/documents/[^"]*\?suite=[^"]*)"', shown)  # Taxes has one too
        papers = client.get(link)
        assert f'name="suite" value="{submit}"' in text_of(papers)
        typed = {"number": "RQ-2026-000777", "issued_on": "2026-11-02", "suite": submit}
        assert client.post(papers.wsgi_request.path, typed).url == submit
        assert "Le dépôt sera refusé" not in text_of(client.get(submit))
        elsewhere = typed | {"number": "RQ-2026-000778", "suite": "https://ailleurs.example/"}
        assert client.post(papers.wsgi_request.path, elsewhere).url == papers.wsgi_request.path


def test_a_date_for_questions_that_is_past_says_so(cast):
    with clock.set_to(PUBLISHED_AT):
        occasion = cast.published()
    for instant, past in [(PUBLISHED_AT, False), (occasion.questions_close_at, True)]:
        cache.clear()
        with clock.set_to(instant):
            assert ("Cette date est passée" in words(Client().get(address(occasion)))) == past


def test_an_attestation_that_nobody_verified_is_never_green(cast):
    occasion, _proposals = cast.recommended()
    client, url = signed_in(cast.officer), reverse("proposals:confirm", args=[occasion.number])
    with clock.set_to(AFTER):
        before = text_of(client.get(url))
        assert "Attestation à vérifier" in before and "Rien à signaler" not in before
        client.post(url, {"verify": str(cast.vendor.attestations.get().public_id)})
        after = text_of(client.get(url))
        assert "Rien à signaler" in after and "Attestation à vérifier" not in after


# --- What a buyer reads ----------------------------------------------------------------------------------------------
def test_what_a_draft_lacks_is_named_as_on_its_form_and_leads_there(cast):
    occasion = cast.draft(mode="quality_fixed", budget_cents=None)
    occasion.skills.clear()
    with clock.set_to(PUBLISHED_AT):
        page = signed_in(cast.buyer).get(address(occasion))
        told = words(page)
        english = words(signed_in(cast.buyer).get(f"/en{address(occasion)}"))
    assert "Compétences : Indiquez au moins une compétence." in told
    assert "Montant forfaitaire, avant taxes : Ce champ est obligatoire." in told
    assert f'href="{address(occasion)}modifier/#id_skills"' in text_of(page)
    assert "Skills: Name at least one skill." in english


def test_a_day_off_is_named_with_the_next_business_day(cast):
    christmas = datetime(2026, 12, 25, 19, tzinfo=UTC)
    occasion = cast.draft(closes_at=christmas, questions_close_at=PUBLISHED_AT + timedelta(days=1))
    with pytest.raises(ValidationError) as refused:
        conditions.complete(occasion, PUBLISHED_AT)
    (said,) = refused.value.message_dict["closes_at"]
    assert said == "Le 25 décembre 2026 n’est pas un jour ouvrable. Le premier qui suit est le 28 décembre 2026."


def test_an_act_out_of_turn_says_where_things_stand(cast):
    occasion = cast.in_review()
    with clock.set_to(PUBLISHED_AT):
        buyer, officer = signed_in(cast.buyer), signed_in(cast.officer)
        for act in ("modifier/", "supprimer/"):
            answer = buyer.get(address(occasion, act))
            assert answer.status_code == 409 and "reprenez d’abord le brouillon" in words(answer)
        answer = officer.get(address(occasion, "reprendre/"))
    assert answer.status_code == 409 and "dans l’état actuel : « En révision »" in words(answer)


def test_a_resumption_says_what_is_asked_of_the_new_date(cast):
    occasion = cast.published()
    with clock.set_to(PUBLISHED_AT + timedelta(days=2)):
        award_actions.suspend(occasion, by=cast.officer, reason="Doute sur la grille")
        shown = words(signed_in(cast.officer).get(address(occasion, "reprendre/")))
    assert "Un jour ouvrable, au moins" in shown and "pas avant la date annoncée" in shown


@pytest.mark.parametrize(("stage", "read"), [("in_review", "rien n’a été publié"), ("published", "Il sera public.")])
def test_who_reads_why_it_is_cancelled(cast, stage, read):
    occasion = getattr(cast, stage)()
    with clock.set_to(PUBLISHED_AT + timedelta(days=1)):
        assert read in words(signed_in(cast.officer).get(address(occasion, "annuler/")))


def test_an_empty_opening_says_what_can_be_done_only_while_it_can(cast):
    occasion, _none = cast.opened(proposals=0)
    with clock.set_to(AFTER):
        path = address(occasion, "ouverture/")
        assert "peut conclure l’occasion sans attribution" in words(Client().get(path))
        award_actions.conclude(occasion, by=cast.officer, code="none_received")
        shown = words(Client().get(path))
    assert "il n’y avait rien à ouvrir" in shown and "peut conclure" not in shown


def test_whoever_is_promised_a_message_gets_it(cast):
    """While the vendor has the contract: its signature is told to officers alone, what it asks to buyers too."""
    contract = contract_stage.offered(cast)
    told = {who: words(signed_in(getattr(cast, who)).get(contract.get_absolute_url())) for who in ("buyer", "officer")}
    assert "dès qu’il aura signé ou demandé des changements" in told["officer"]
    assert "s’il demande des changements; les responsables, dès qu’il aura signé" in told["buyer"]
    OutgoingEmail.objects.all().delete()
    with clock.set_to(contract_stage.SIGNED_AT):
        signature_actions.sign_as_vendor(
            contract, by=contract_stage.owner(contract), text_sha256=contract.text_sha256, method="password",
            title="Présidente", integrity=True,
        )  # fmt: skip
    assert {row.to for row in OutgoingEmail.objects.all()} == {cast.officer, cast.second_officer}
