"""The auditors' floor in the browser: axe clean, not too wide, in both languages, at 1280 and 360 px."""

from datetime import timedelta

import pytest

from audit.cases import actions as case_actions
from audit.models import RedFlag
from audit.samples import actions as sample_actions
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.models import LedgerEntry
from opportunities.models import Opportunity
from tests import contract_cast
from tests.browser.test_pages import look_both_ways
from tests.cast import Cast
from tests.contract_cast import INVOICED_AT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]
THEN = INVOICED_AT + timedelta(days=3)


@pytest.fixture
def floor(transactional_db, site_clock):
    """A procurement under contract, one being evaluated, a signal, a sample and a checkpoint."""
    site_clock.move(THEN)
    cast = Cast()
    contract = contract_cast.active(cast, mode="adjusted_price")
    contract_cast.invoiced(cast, contract)
    cast.awarded(budget_cents=50_000_00)
    cast.opened()
    with clock.set_to(THEN):
        RedFlag.objects.create(
            code="R018", opportunity=contract.opportunity, value=1, threshold=1, first_at=THEN, last_at=THEN, details={}
        )
        checkpoints.make(at=THEN)
        plan = sample_actions.draw(
            by=cast.auditor, title="Automne 2026", method="random", since=THEN.date().replace(month=11, day=1),
            until=THEN.date(), size=2,
        )  # fmt: skip
        examined = Opportunity.objects.get(number=plan.picks[0])
        case_actions.open_(examined, by=cast.auditor, title="Calendrier", text="À comprendre.")
        sample_actions.examine(
            plan, examined, by=cast.auditor, result="case_opened", note="Calendrier comparé à l’avis."
        )
    return cast, contract, plan


def addresses(contract, plan) -> list[str]:
    sealed = LedgerEntry.objects.filter(action="sealed").first().seq
    number = contract.opportunity.number
    return [
        "", "recherche/?q=ponts", "recherche/?q=boreal&dans=attributions", "recherche/?q=a&dans=personnes",
        "recherche/?q=publier&dans=registre", "recherche/?q=introuvable", f"occasions/{number}/",
        f"occasions/{number}/?type=lectures", "registre/", "registre/3/", f"registre/{sealed}/", "registre/exporter/",
        "echantillons/", "echantillons/nouveau/", f"echantillons/{plan.number}/",
        f"echantillons/{plan.number}/{plan.picks[1]}/examiner/", "images/", "images/?du=2030-01-01",
    ]  # fmt: skip


def test_the_floor_is_readable(floor, people, findings):
    cast, contract, plan = floor
    auditor = people("Aude")
    auditor.enter_as(cast.auditor)
    for address in addresses(contract, plan):
        look_both_ways(auditor, f"/verification/{address}")
        look_both_ways(auditor, f"/en/verification/{address}", axe_when_narrow=False)
    assert not findings.report(), findings.report()


def test_an_auditor_draws_signs_and_exports(floor, people, findings, monkeypatch):
    """Through the screens only: the link of the navigation, a sample, a checkpoint, the export, the case file."""
    monkeypatch.setattr(checkpoints, "_ON_DEMAND_AFTER", timedelta(0))  # the fixture has just made one
    cast, contract, _plan = floor
    auditor = people("Aude")
    auditor.enter_as(cast.auditor)
    page = auditor.page
    auditor.go("/a-faire/")
    page.get_by_role("navigation", name="Navigation principale").get_by_role("link", name="Vérification").click()
    page.get_by_role("link", name="Tirer un échantillon").click()
    page.get_by_label("Objet").fill("Tirage d’essai")
    page.get_by_label("Attribuées du").fill("2026-11-01")
    page.get_by_role("button", name="Tirer").click()
    page.get_by_role("heading", name="Tirage d’essai").wait_for()
    auditor.look()
    auditor.go("/verification/registre/")
    page.get_by_role("button", name="Signer un relevé maintenant").click()
    page.get_by_text("Relevé signé").wait_for()
    page.get_by_role("link", name="Exporter").click()
    page.get_by_label("De l’inscription").fill("99999")
    page.get_by_role("button", name="Télécharger").click()
    page.get_by_text("n’a pas encore d’inscription").first.wait_for()
    auditor.look()
    page.get_by_label("De l’inscription").fill("1")
    with page.expect_download() as export:
        page.get_by_role("button", name="Télécharger").click()
    assert export.value.suggested_filename == "registre-1-fin.jsonl"
    auditor.go(f"/verification/occasions/{contract.opportunity.number}/")
    with page.expect_download() as casefile:
        page.get_by_role("link", name="Télécharger le dossier").click()
    assert casefile.value.suggested_filename == f"{contract.opportunity.number}.zip"
    assert not findings.report(), findings.report()
