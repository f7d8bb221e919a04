"""What vendors do on the screens, from the account to the receipt: steps of test_main_job.py."""

import re

from marketplace.models import OutgoingEmail
from tests.cast import PASSWORD

OFFER = "## Notre façon de faire\n\nDeux itérations, des tests, [un exemple](https://exemple.invalid/).\n"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
COMPANY_PRICE, COMPANY_FIRST_PRICE, ALONE_PRICE = "57 000,50", "61 000", "59 000"


def sign_up(company, mails, number: str) -> None:
    """From « Déposer une proposition » to an account, through the link of the e-mail."""
    company.go(f"/occasions/{number}/")
    company.link("Déposer une proposition")
    company.look()
    company.link("Créer un compte")
    company.look()
    company.fill(email="Chloe@Exemple.invalid", password1=PASSWORD, password2=PASSWORD, name="Chloé Pro", terms=True)
    company.press("Créer mon compte")
    company.look()
    (message,) = mails("chloe@exemple.invalid")
    link = re.search(r"https?://\S+/compte/\S+", message.body)[0]
    row = OutgoingEmail.objects.get(address="chloe@exemple.invalid")
    assert row.secret and not row.body, "the secret link is erased from the outbox once sent"
    company.go(link.removeprefix(company.address))
    company.look()
    company.press("Oui, la confirmer")
    company.sign_in("chloe@exemple.invalid")
    company.sees("Bienvenue. Choisissez d’abord votre rôle.")
    company.look()


def propose_as_company(company, number: str) -> None:
    """A new company, a draft with a file, an error, the deposit; then a replacement."""
    company.go(f"/occasions/{number}/proposer/")
    company.look()
    company.link("Inscrire une entreprise")
    company.look()
    company.press("Inscrire", exact=True)
    company.sees("Il y a un problème")
    company.look()
    company.fill(
        legal_name="Atelier Boréal inc.", neq="1178 123 456", street="1, rue de l’Essai", city="Rimouski",
        postal_code="G5L 1A1", region="01", phone="418 555-0123",
    )  # fmt: skip
    company.press("Inscrire", exact=True)
    company.sees("Vous proposez au nom de", "Atelier Boréal inc.")
    company.press("Commencer la proposition")
    company.look()
    company.fill(text=OFFER, comments="Disponibles dès décembre.", price="90 000")
    company.attach("files", "équipe.txt", b"Cinq personnes.\n")
    company.press("Enregistrer le brouillon")
    company.sees("Brouillon enregistré", "Votre prix dépasse le montant maximal", "équipe.txt")
    company.look()
    company.fill(price=COMPANY_FIRST_PRICE)
    company.press("Vérifier et déposer")
    company.look()
    company.press("Déposer la proposition")  # neither box is ticked
    company.sees("La déclaration d’intégrité est obligatoire.", "Acceptez les conditions de dépôt.")
    company.look()
    add_attestation(company)
    company.fill(integrity=True, no_collusion=True, lobbying={"choice": "none"}, accept_terms=True)
    company.press("Déposer la proposition")
    company.sees("Accusé de dépôt n° 1", "Votre proposition est déposée et scellée")
    company.look()


def add_attestation(vendor) -> None:
    """What the page of the deposit asks for, from 25 000 $ on: then back to it."""
    vendor.sees("Il manque une attestation de Revenu Québec")
    deposit = vendor.page.url.removeprefix(vendor.address)
    vendor.link("Documents d’admissibilité")
    vendor.look()
    vendor.fill(number="ARQ 2026 4821", issued_on="2026-11-02")
    vendor.press("Ajouter", exact=True)
    vendor.look()
    vendor.go(deposit)


def replace(company) -> str:
    """Version 2, at a better price; the signed receipt, as downloaded."""
    company.link("Remplacer", exact=True)
    company.look()
    company.fill(price=COMPANY_PRICE)
    company.press("Vérifier et déposer")
    company.fill(integrity=True, no_collusion=True, lobbying={"choice": "none"}, accept_terms=True)
    company.press("Déposer et remplacer")
    company.sees("Accusé de dépôt n° 2", "dépôt n° 1 du")
    company.look()
    with company.page.expect_download() as download:
        company.page.get_by_role("link", name="Télécharger l’accusé signé").click()
    return download.value.path().read_text(encoding="utf-8")


def propose_alone(alone, number: str) -> None:
    alone.sign_in("sam.solo@exemple.invalid")
    alone.go(f"/occasions/{number}/proposer/")
    alone.link("M’inscrire comme travailleur autonome")
    assert alone.page.locator('[name="kind"][value="individual"]').is_checked()
    alone.fill(legal_name="Sam Solo", street="8, chemin du Moulin", city="Magog", postal_code="J1X 3W3", region="05")
    alone.press("Inscrire", exact=True)
    alone.press("Commencer la proposition")
    alone.fill(text="Je ferai tout **moi-même**.", price=ALONE_PRICE)
    alone.attach("files", "cv.pdf", PDF, "application/pdf")
    alone.press("Vérifier et déposer")
    add_attestation(alone)
    alone.fill(integrity=True, no_collusion=True, lobbying={"choice": "none"}, accept_terms=True)
    alone.press("Déposer la proposition")
    alone.sees("Accusé de dépôt n° 1")
    alone.visit("/a-faire/")
    alone.visit("/propositions/")


def nearly_deposit(late, number: str) -> None:
    """Everything but the last press."""
    late.sign_in("luc.tardif@exemple.invalid")
    late.go(f"/occasions/{number}/proposer/")
    late.press("Commencer la proposition")
    late.fill(text="Nous arrivons.", price="40 000")
    late.press("Vérifier et déposer")
    late.fill(integrity=True, no_collusion=True, lobbying={"choice": "none"}, accept_terms=True)
