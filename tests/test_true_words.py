"""What pages announce is what happens: amounts and taxes as they are, papers before anybody writes, dates gone by."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from marketplace.dates import clock
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
        (link,) = re.findall(r'href="([^"]*\?suite=[^"]*)"', shown)
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
