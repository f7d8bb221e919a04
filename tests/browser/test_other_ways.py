"""The same acts without scripts on a phone, and with the keyboard only: they bind people, so they must work for all."""

from datetime import timedelta

import pytest

from opportunities.models import Opportunity
from proposals.models import Proposal, Submission
from tests.browser.conftest import NARROW, OVERFLOW, verify_address
from tests.cast import CLOSES_AT, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@pytest.fixture
def cast(cast):
    for user in (cast.vendor_owner, cast.rival_owner, cast.officer):
        verify_address(user)
    return cast


def fits(person) -> None:
    """Style sheets alone keep the page within 360 px, even without scripts."""
    assert person.page.evaluate(OVERFLOW) <= 0, f"{person.name}: {person.page.url} is too wide"


def test_without_scripts_on_a_phone(cast, people, site_clock, findings):
    waiting, published = cast.in_review(title="Un besoin à publier"), cast.published(mode="adjusted_price")
    vendor = people("vendor", java_script_enabled=False, viewport=NARROW)
    officer = people("officer", java_script_enabled=False, viewport=NARROW)

    officer.sign_in("odile.responsable@exemple.invalid")
    officer.sees("Un besoin à publier")
    officer.go(f"/occasions/{waiting.number}/publier/")
    fits(officer)
    officer.press("Publier l’occasion")
    officer.sees("est publiée")
    fits(officer)

    # The menu and the filters are open when no script can open them.
    vendor.go("/")
    vendor.page.get_by_role("navigation", name="Navigation principale").get_by_role("link", name="Occasions").click()
    vendor.fill(q="ponts routes")
    vendor.press("Rechercher")
    vendor.sees("1 occasion", published.title)
    vendor.page.check("#f-region-01")
    vendor.press("Appliquer les filtres")
    fits(vendor)
    vendor.link(published.title)
    vendor.link("Déposer une proposition")
    vendor.fill(login="victor.proposant@exemple.invalid", password=PASSWORD)
    vendor.press("Se connecter")
    vendor.press("Commencer la proposition")
    vendor.fill(text="Sans script, *tout* se fait.", price="58 000")
    vendor.attach("files", "plan.txt", b"Le plan.\n")
    fits(vendor)
    vendor.press("Vérifier et déposer")
    vendor.press("Déposer la proposition")
    vendor.sees("Il y a un problème", "La déclaration d’intégrité est obligatoire.")
    vendor.fill(integrity=True, no_collusion=True, lobbying={"choice": "none"}, accept_terms=True)
    fits(vendor)
    vendor.press("Déposer la proposition")
    vendor.sees("Accusé de dépôt n° 1")
    fits(vendor)
    vendor.link("Retirer ma proposition")
    vendor.press("Retirer ma proposition")
    vendor.sees("Votre proposition est retirée")
    vendor.go("/propositions/")
    fits(vendor)
    assert Proposal.objects.get(opportunity=published).state == "withdrawn"

    recommended, _proposals = cast.recommended(title="Un besoin à attribuer")
    site_clock.move(CLOSES_AT + timedelta(days=2))
    officer.go("/a-faire/")
    officer.sees("Un besoin à attribuer")
    fits(officer)
    officer.go(f"/occasions/{recommended.number}/confirmer/")
    fits(officer)
    officer.press("Confirmer l’attribution")
    vendor.go(f"/occasions/{recommended.number}/attribution/")
    vendor.sees("Attribution à Atelier Boréal inc.")
    fits(vendor)
    assert not findings.report(), findings.report()


def test_with_the_keyboard_only(cast, people, site_clock, findings):
    """Tab, Space and Enter, and one sees where the focus is."""
    occasion = cast.published()
    cast.proposal(occasion, vendor=cast.rival)
    vendor = people("vendor")
    vendor.go("/compte/login/")
    vendor.page.keyboard.press("Tab")
    assert vendor.page.evaluate("() => document.activeElement.matches('a.skip')"), "the first Tab skips the navigation"
    vendor.page.keyboard.press("Enter")
    vendor.tab_to('[name="login"]')
    vendor.page.keyboard.type("rita.rivale@exemple.invalid")
    vendor.tab_to('[name="password"]')
    vendor.page.keyboard.type(PASSWORD)
    vendor.enter()
    vendor.sees("Rita Rivale")

    proposal = Proposal.objects.get(opportunity=occasion)
    vendor.go(f"/propositions/{proposal.public_id}/deposer/")
    for name in ("integrity", "no_collusion", "lobbying", "accept_terms"):
        vendor.tab_to(f'[name="{name}"]')
        vendor.page.keyboard.press("Space")
    vendor.tab_to(".form-actions .btn.primary")
    vendor.enter()
    vendor.sees("Accusé de dépôt n° 1")
    assert Submission.objects.filter(proposal=proposal).count() == 1

    recommended, _proposals = cast.recommended(title="Un besoin à attribuer")
    site_clock.move(CLOSES_AT + timedelta(days=2))
    officer = people("officer")
    officer.sign_in("odile.responsable@exemple.invalid")
    officer.go(f"/occasions/{recommended.number}/confirmer/")
    officer.tab_to(".form-actions .btn.primary")
    officer.enter()
    assert Opportunity.objects.get(pk=recommended.pk).state == "awarded"
    assert not findings.report(), findings.report()
