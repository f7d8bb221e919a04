"""An award audited by an officer, and its signals explained, joined and dismissed, with the screens only."""

from datetime import timedelta

import pytest

from audit.flags import public_views as public_flag_views
from audit.models import AwardReview, RedFlag
from marketplace.models import LedgerPayload
from tests.browser.conftest import NARROW, WIDE
from tests.cast import CLOSES_AT, PASSWORD
from tests.payment_cast import assert_chain_unbroken

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]

LATER = CLOSES_AT + timedelta(days=3)


def look_both_ways(person) -> None:
    """The page where the person is, wide then narrow, and wide again."""
    person.look()
    person.page.set_viewport_size(NARROW)
    person.look()
    person.page.set_viewport_size(WIDE)


def visit(person, path: str) -> None:
    person.go(path)
    look_both_ways(person)


@pytest.fixture
def alone(cast):
    """An award whose winner was the only one to answer."""
    return cast.awarded(mode="price", proposals=1)[0]


def test_signals_and_the_conclusion(cast, alone, people, site_clock, findings):
    site_clock.move(LATER)
    auditor, officer = people("auditor"), people("second officer")
    auditor.enter_as(cast.auditor)
    officer.enter_as(cast.second_officer)

    # Nothing computed yet; the auditor computes.
    visit(auditor, "/verification/signaux/")
    auditor.sees("Aucun signal")
    auditor.press("Recalculer maintenant")
    auditor.sees("Calcul demandé", "Une seule proposition")
    look_both_ways(auditor)
    flag = RedFlag.objects.get(code="R018")

    # The officer finds the award in what awaits, explains the signal, then concludes.
    visit(officer, "/a-faire/")
    officer.link(f"Vérifier : Vérifier l’attribution {alone.number}")
    officer.sees("Attestation vérifiée auprès de Revenu Québec", "Personne n’a encore conclu")
    look_both_ways(officer)
    visit(officer, "/verification/mes-signaux/")
    officer.link("Une seule proposition")
    officer.sees("Pourquoi ce peut être normal", "1 seule valeur se compare")
    look_both_ways(officer)
    officer.link("Expliquer")
    officer.press("Envoyer l’explication")
    officer.sees("Il y a un problème")
    look_both_ways(officer)
    officer.fill(reason="Un seul atelier de la région fait ce travail.")
    officer.press("Envoyer l’explication")
    officer.sees("Explication envoyée", "Un seul atelier de la région")

    officer.go(f"/verification/attributions/{alone.number}/")
    officer.link("Conclure")
    look_both_ways(officer)
    officer.fill(opinion={"choice": "reserved"}, password=PASSWORD)
    officer.press("Signer la conclusion")
    officer.sees("Il y a un problème", "Dites pourquoi")
    look_both_ways(officer)
    officer.fill(comment="L’attestation n’a pas été vérifiée.", password=PASSWORD)
    officer.press("Signer la conclusion")
    officer.sees("Conclusion signée", "Conforme, avec réserves", "L’attestation n’a pas été vérifiée.")
    look_both_ways(officer)
    assert officer.download("Conclusion (PDF)").startswith(b"%PDF-")
    assert b"dan-review/1" in officer.download("Fichier signé (JSON)")
    visit(officer, "/verification/attributions/")
    assert AwardReview.objects.get().by == cast.second_officer

    # The auditor opens a case from the signal, then dismisses it and takes it up again.
    auditor.go(f"/verification/signaux/{flag.pk}/")
    auditor.sees("Un seul atelier de la région")
    auditor.link("Joindre à une vérification")
    look_both_ways(auditor)
    auditor.link("Ouvrir une vérification")
    auditor.fill(title="Une seule réponse", text="À vérifier.")
    auditor.press("Ouvrir la vérification")
    visit(auditor, f"/verification/signaux/{flag.pk}/")
    auditor.sees("En vérification", "VE-2026-0001")  # the case that was opened from the signal has it
    auditor.link("Écarter")
    auditor.fill(reason="Expliqué et vérifié.")
    auditor.press("Écarter")
    auditor.sees("Signal écarté")
    auditor.link("Reprendre")
    look_both_ways(auditor)
    for page in ("/en/verification/signaux/", f"/en/verification/signaux/{flag.pk}/", "/en/verification/attributions/"):
        visit(auditor, page)
    visit(auditor, f"/en/verification/attributions/{alone.number}/")
    assert LedgerPayload.objects.filter(action="award.review").count() == 1
    assert_chain_unbroken()
    assert not findings.report(), findings.report()


def test_before_a_notice_before_an_award_and_in_public(cast, people, site_clock, findings):
    site_clock.move(LATER)
    for _award in range(public_flag_views.LEAST):
        cast.awarded(mode="price")
    waiting, _proposals = cast.recommended(proposals=1)
    reviewed = cast.in_review(at=LATER, closes_at=CLOSES_AT + timedelta(days=14))
    officer, auditor, visitor = people("officer"), people("auditor"), people("visitor")
    officer.enter_as(cast.officer)
    visit(officer, f"/occasions/{reviewed.number}/publier/")
    officer.sees("dépassent ensemble le plafond", "Justification")
    officer.press("Publier l’occasion")
    officer.sees("Il y a un problème")
    look_both_ways(officer)
    visit(officer, f"/occasions/{waiting.number}/confirmer/")
    officer.sees("Signaux, si cette attribution est confirmée", "Une seule proposition")
    auditor.enter_as(cast.auditor)
    auditor.go("/verification/signaux/")
    auditor.press("Recalculer maintenant")
    look_both_ways(auditor)
    for path in ("/signaux/", "/en/signaux/"):
        visit(visitor, path)
    visitor.sees_not(waiting.number)
    assert not findings.report(), findings.report()
