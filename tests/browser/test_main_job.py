"""The main job (docs: the product's own paragraph), by people who only have the screens.

The rows made here are those that no screen makes: a public body, its people, and persons whose address is verified.
"""

import json
import re
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest

from marketplace.models import LedgerEntry, OutgoingEmail, User
from marketplace.search import fold
from opportunities.models import BodyMembership, Opportunity, PublicBody
from proposals.models import Award, Proposal, Submission
from tests.browser.conftest import verify_address
from tests.browser.vendor_steps import PDF, nearly_deposit, propose_alone, propose_as_company, replace, sign_up
from tests.cast import CLOSES_AT, PASSWORD, vendor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TITLE = "Réservation des salles communautaires"
NEED = """## Contexte

Une **développeuse** ou un développeur expérimenté remplacera le cahier papier.

- trois centres communautaires
- 1 400 réservations par année"""
SCORES = {"company": ("90", "85,5", "80"), "alone": ("80", "80", "75")}
# What leaves during the whole story, and how many times.
MAILS = {
    "mfa/email/totp_activated": 2,  # the buyer and the officer, at their first sign-in
    "account/email/email_confirmation_signup": 1,
    "opportunity_to_review": 2,
    "opportunity_in_review": 2,
    "opportunity_returned": 1,
    "opportunity_published": 1,
    "proposal_submitted": 3,
    "opportunity_opened": 2,
    "opportunity_opened_vendor": 2,
    "award_to_confirm": 1,
    "note_reexamination_asked": 1,
    "note_reexamination_decided": 1,
    "award_confirmed": 2,
    "proposal_awarded": 1,
    "proposal_not_awarded": 1,
}


def verified(name: str) -> User:
    """A person who can sign in; browsers refuse addresses with accents before the @."""
    user = User.objects.create_user(f"{fold(name).replace(' ', '.')}@exemple.invalid", PASSWORD, name=name)
    verify_address(user)
    return user


@pytest.fixture
def body():
    """A public body, its buyer (who is also an officer: the tool must refuse the second act), its officer."""
    body = PublicBody.objects.create(name="Ville d’Essai", acronym="VE", regime="municipal", region="01")
    buyer, officer = verified("Béatrice Acheteuse"), verified("Odile Responsable")
    for user, role in ((buyer, "buyer"), (buyer, "officer"), (officer, "officer")):
        BodyMembership.objects.create(user=user, body=body, role=role)
    return SimpleNamespace(body=body, buyer=buyer, officer=officer)


def criterion(row: int, label: str, weight: str, **more) -> dict:
    values = {"label": label, "weight": weight, "description": f"Niveau attendu : {label}.", "minimum": "50"} | more
    return {f"grille-{row}-{name}": value for name, value in values.items()}


def every_field() -> dict:
    """The whole form of an occasion, but its grid and its files."""
    return {
        "title": TITLE,
        "teaser": "Réserver une salle en ligne, en deux minutes.",
        "description": NEED,
        "skills": "Python, Accessibilité Web",
        "budget_cents": "64 000",
        "location": "Rimouski",
        "region": "01",
        "remote_ok": True,
        "remote_description": "Tout à distance, sauf une visite.",
        "code_licence": "LiLiQ-R-1.1",
        "acceptance_criteria": "Les tests passent et le guide est écrit.",
        "submission_info": "Dans le dépôt public de la ville.",
        "contact_name": "Béatrice Acheteuse",
        "contact_email": "beatrice.acheteuse@exemple.invalid",
        "award_mode": {"choice": "adjusted_price"},
        "k_percent": "20",
        "evaluation_criteria": "La note 70 est celle d’un travail satisfaisant.",
        "closes_at_date": "2026-11-24",
        "closes_at_time": "14:00",
        "questions_close_at_date": "2026-11-19",
        "questions_close_at_time": "14:00",
        "assignment_date": "2026-12-08",
        "start_date": "2026-12-15",
        "completion_date": "2027-03-31",
    }


def draft_occasion(buyer) -> str:
    """Every field, a mistake in the weights, its correction; the number of the occasion, sent for review."""
    buyer.sign_in("beatrice.acheteuse@exemple.invalid")
    buyer.look()
    buyer.link("Nouvelle occasion")
    buyer.look()
    buyer.fill(**every_field())
    buyer.fill(**criterion(0, "Compréhension du besoin", "40"))
    buyer.fill(**criterion(1, "Équipe et expérience", "30"))
    buyer.fill(**criterion(2, "Accessibilité", "20"))
    buyer.attach("files", "plan des salles.pdf", PDF, "application/pdf")
    buyer.press("Enregistrer et relire")
    # 90 %: the tool says so, leads to the field, and loses nothing.
    buyer.sees("Le total des poids est de 90 %; il doit être de 100 %.")
    buyer.look()
    number = re.search(r"/occasions/([^/]+)/", buyer.page.url)[1]
    buyer.link("Grille d’évaluation")
    buyer.sees("Total des poids : 90 %")
    buyer.look()
    assert buyer.page.locator('textarea[name="description"]').input_value() == NEED
    buyer.fill(**{"grille-2-weight": "30"})
    buyer.press("Enregistrer", exact=True)
    buyer.sees("Total des poids : 100 %", "plan des salles.pdf", "Tout est rempli")
    buyer.press("Enregistrer et relire")
    buyer.look()
    buyer.press("Envoyer en révision")
    buyer.sees("est envoyée en révision")
    buyer.look()
    return number


def review(buyer, officer, visitor, number: str) -> None:
    """Returned with a reason, mended, sent again, published by the other person."""
    visitor.go(f"/occasions/{number}/", 404)
    buyer.sees("Une personne responsable, qui n’en a rien rédigé, la publiera ou la retournera.")
    buyer.visit(f"/occasions/{number}/publier/", 403)

    officer.sign_in("odile.responsable@exemple.invalid")
    officer.sees(TITLE)
    officer.look()
    officer.go(f"/occasions/{number}/")
    officer.link("Retourner")
    officer.look()
    officer.press("Retourner l’occasion")  # without a reason
    officer.sees("Il y a un problème")
    officer.look()
    officer.fill(reason="Précisez le nombre de salles.")
    officer.press("Retourner l’occasion")
    officer.sees("Retournée avec ce motif")

    buyer.go("/a-faire/")
    buyer.look()
    buyer.go(f"/occasions/{number}/modifier/")
    buyer.sees("Précisez le nombre de salles.")
    buyer.fill(description=NEED + "\n- sept salles")
    buyer.press("Enregistrer et relire")
    buyer.sees("sept salles")
    buyer.press("Envoyer en révision")

    officer.go(f"/occasions/{number}/")
    officer.link("Publier", exact=True)
    officer.sees("sept salles", "64 000,00 $", "mardi 24 novembre 2026, 14 h 00 (HNE)")
    officer.look()
    officer.press("Publier l’occasion")
    officer.sees("est publiée")


def find(visitor, number: str) -> None:
    """By words without accents nor plural, then by filters; the list, then the occasion."""
    visitor.visit("/")
    visitor.sees(TITLE)
    visitor.visit("/occasions/")
    visitor.page.fill('[name="q"]', "developpeur reservation")
    with visitor.page.expect_response(lambda answer: "q=developpeur" in answer.url):
        visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**q=developpeur**")
    visitor.sees("1 occasion", TITLE)
    with visitor.page.expect_response(lambda answer: "region=01" in answer.url):
        visitor.page.check("#f-region-01")
    visitor.page.wait_for_url("**region=01**")
    visitor.sees(TITLE)
    visitor.look()
    visitor.page.fill('[name="q"]', "comptabilité")
    with visitor.page.expect_response(lambda answer: "q=comptabilit" in answer.url):
        visitor.page.keyboard.press("Enter")
    visitor.page.get_by_text("Aucune occasion ouverte ne correspond").wait_for()
    visitor.look()
    visitor.visit(f"/occasions/{number}/")
    visitor.sees("Prix ajusté le plus bas", "K = 20 %", "Accessibilité", "30 %", "Déposer une proposition")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="plan des salles.pdf").click()
    assert download.value.path().read_bytes() == PDF


def verify(visitor, receipt: str) -> None:
    """Anybody: the true receipt, then one where a digit was changed."""
    visitor.visit("/verifier/")
    visitor.fill(text=receipt)
    visitor.press("Vérifier", exact=True)
    visitor.sees("Signature valide", "Atelier Boréal inc.", "on ne dit pas lesquelles sont gardées")
    visitor.look()
    altered = json.loads(receipt) | {"version": 1}
    visitor.fill(text=json.dumps(altered))
    visitor.press("Vérifier", exact=True)
    visitor.sees("Signature invalide")
    visitor.look()


def still_sealed(buyer, visitor, number: str) -> None:
    """A second before the closing instant, nobody knows who, nor how many."""
    buyer.visit(f"/occasions/{number}/evaluation/")
    buyer.sees("Les propositions sont scellées jusqu’au")
    buyer.sees_not("Atelier Boréal", "Sam Solo", "57 000")
    visitor.visit(f"/occasions/{number}/ouverture/")
    visitor.sees("L’ouverture n’a pas encore eu lieu")
    visitor.sees_not("Atelier Boréal", "Sam Solo")


def opened(late, visitor, receipt: str, number: str) -> None:
    """Late by a second is late; the minutes are public; the receipt is among what was opened."""
    late.press("Déposer la proposition")
    late.sees("Trop tard : la date limite est passée", "mardi 24 novembre 2026, 14 h 00 (HNE)")
    late.look()
    visitor.visit(f"/occasions/{number}/ouverture/")
    visitor.sees("Procès-verbal d’ouverture", "Atelier Boréal inc.", "Sam Solo", "Propositions reçues 2")
    visitor.sees_not("Tardif", "57 000", "59 000", "61 000")
    visitor.go("/verifier/")
    visitor.fill(text=receipt)
    visitor.press("Vérifier", exact=True)
    visitor.sees("Cette enveloppe est parmi les enveloppes ouvertes")


def evaluate(buyer, officer, number: str) -> None:
    """Admit and score both without the price, then ranks and prices appear; recommend the first."""
    buyer.visit("/a-faire/")
    for name, scores in (("Atelier Boréal inc.", SCORES["company"]), ("Sam Solo", SCORES["alone"])):
        buyer.go(f"/occasions/{number}/evaluation/")
        buyer.sees("masqué")
        buyer.sees_not("57 000", "59 000")
        buyer.look()
        buyer.page.get_by_role("table").get_by_role("link", name=name).click()
        buyer.look()
        buyer.press("Admettre")
        fields = buyer.page.locator('[name^="score_"]')
        for index, score in enumerate(scores):
            fields.nth(index).fill(score)
        buyer.page.locator('[name^="comment_"]').first.fill("Très clair.")
        buyer.press("Enregistrer les notes")
    buyer.sees("Dévoiler les prix")
    buyer.sees_not("57 000", "59 000", "Recommander une attribution")
    buyer.page.get_by_role("table").get_by_role("link", name="Sam Solo").click()
    buyer.page.locator('[name^="score_"]').first.fill("78")  # a correction, while prices are hidden
    buyer.press("Enregistrer les notes")
    buyer.go(f"/occasions/{number}/devoiler-les-prix/")
    buyer.sees("Voici les notes qui seront gelées", "Béatrice Acheteuse", "78,00")
    buyer.look()
    buyer.press("Dévoiler les prix : les notes ne changeront plus")
    buyer.sees("57 000,50 $", "59 000,00 $", "Recommander une attribution", "Notes et admissibilité gelées le")
    buyer.look()
    reexamine(buyer, officer, number)
    buyer.go(f"/occasions/{number}/recommander/")
    buyer.look()
    buyer.press("Envoyer la recommandation")
    buyer.sees("Vous avez recommandé : une autre personne, responsable, doit confirmer.")
    buyer.look()
    # The buyer is also an officer of the body: the same person cannot do both.
    buyer.visit(f"/occasions/{number}/confirmer/", 403)

    officer.go("/a-faire/")
    officer.sees(TITLE)
    officer.look()
    officer.go(f"/occasions/{number}/confirmer/")
    officer.sees(
        "Atelier Boréal inc.", "Béatrice Acheteuse", "57 000,50 $", "Réexamens depuis que les notes sont gelées"
    )
    officer.sees("Notes ou admissibilité changées après avoir été gelées")
    officer.look()
    officer.press("Confirmer l’attribution")
    officer.visit(f"/occasions/{number}/evaluation/")


def reexamine(buyer, officer, number: str) -> None:
    """A frozen note changes: asked by one person, accepted by another, who reads English."""
    proposal = Proposal.objects.get(vendor__legal_name="Sam Solo")
    here = f"/occasions/{number}/evaluation/{proposal.public_id}/"
    buyer.go(here)
    buyer.look()
    buyer.go(f"{here}reexamen-des-notes/")
    buyer.page.locator('[name^="score_"]').first.fill("80")
    buyer.page.locator('[name^="comment_"]').first.fill("La page 12 n’avait pas été lue.")
    buyer.fill(reason="La page 12 répond au premier critère; elle n’avait pas été lue.")
    buyer.look()
    buyer.press("Demander le réexamen")
    buyer.sees("Réexamen demandé", "À décider", "Retirer ma demande")
    request = proposal.note_reexaminations.get()
    officer.visit(f"/en{here}reexamen-des-notes/{request.pk}/")
    officer.sees("Accept the re-examination of the scores", "78.00", "80.00", "La page 12 répond au premier critère")
    officer.look()
    officer.press("Accept: the scores change")
    officer.sees("Re-examination accepted")
    officer.visit(f"/occasions/{number}/evaluation/")
    officer.sees("Réexamens", "La page 12 répond au premier critère")
    officer.look()


def results(company, alone, late, visitor, number: str) -> None:
    """Each vendor reads its own; the public reads the award and the whole history."""
    company.visit("/a-faire/")
    company.visit(f"/propositions/{Proposal.objects.get(vendor__legal_name='Atelier Boréal inc.').public_id}/")
    company.sees("Retenue", "1 sur 2", "90,00")
    alone.visit(f"/propositions/{Proposal.objects.get(vendor__legal_name='Sam Solo').public_id}/")
    alone.sees("2 sur 2", "Atelier Boréal inc.", "57 000,50 $", "Dans ce mode, le prix ajusté classe")
    alone.sees("La page 12 n’avait pas été lue.", "Ce qui a été réexaminé", "Rang avant")
    alone.sees_not("85,5")
    late.visit("/propositions/")
    visitor.visit(f"/occasions/{number}/attribution/")
    visitor.sees("Attribution à Atelier Boréal inc.", "57 000,50 $", "Deux personnes")
    visitor.visit(f"/occasions/{number}/")
    visitor.sees("Historique public", "Attribuée", "Réexamen accepté")
    visitor.visit("/attributions/")
    visitor.sees(TITLE, "Atelier Boréal inc.")
    visitor.visit("/registre/")
    visitor.go("/occasions/?etat=attribuee")
    visitor.sees(TITLE)


def test_from_the_need_to_the_award(body, people, site_clock, findings, mails):
    verified("Sam Solo")
    vendor("Services Tardif inc.", verified("Luc Tardif"))
    buyer, officer, visitor = people("buyer"), people("officer"), people("visitor")
    company, alone, late = people("company"), people("self-employed"), people("late")

    number = draft_occasion(buyer)
    review(buyer, officer, visitor, number)
    find(visitor, number)
    site_clock.move(timedelta(days=2))
    sign_up(company, mails, number)
    propose_as_company(company, number)
    site_clock.move(timedelta(days=1))
    receipt = replace(company)
    propose_alone(alone, number)
    verify(visitor, receipt)
    site_clock.move(CLOSES_AT - timedelta(seconds=1))
    nearly_deposit(late, number)
    still_sealed(buyer, visitor, number)
    site_clock.move(CLOSES_AT)
    opened(late, visitor, receipt, number)
    site_clock.move(timedelta(days=1))
    evaluate(buyer, officer, number)
    site_clock.move(timedelta(hours=1))
    results(company, alone, late, visitor, number)

    opportunity = Opportunity.objects.get(number=number)
    assert opportunity.state == "awarded"
    assert Award.objects.get().amount_cents == 57_000_50
    states = dict(Proposal.objects.values_list("vendor__legal_name", "state"))
    assert states["Atelier Boréal inc."] == "awarded" and states["Sam Solo"] == "not_awarded"
    assert Submission.objects.count() == 3
    assert LedgerEntry.objects.filter(subject=f"occasion:{number}").count() >= 8
    told = Counter(OutgoingEmail.objects.values_list("template", flat=True))
    assert {name.removeprefix("emails/").removesuffix(".txt"): count for name, count in told.items()} == MAILS, told
    assert len(mails()) == sum(told.values()) and not OutgoingEmail.objects.filter(sent_at=None).exists()
    assert len(findings.checked) >= 20
    assert not findings.report(), findings.report()
