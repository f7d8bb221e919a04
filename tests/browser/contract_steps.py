"""What both parties do on the screens, from the award to a completed contract: steps of test_contract_journey.py."""

import io
import tarfile

from contracts.models import Contract, Milestone
from opportunities.models import Opportunity
from tests.cast import PASSWORD
from tests.contract_cast import UNVERIFIED
from tests.test_passports import COMMIT, FILES

REPOSITORY = "https://git.exemple.invalid/atelier/ponts"
BUYER, OFFICER, VENDOR, OUTSIDE = (
    f"{name}@exemple.invalid"
    for name in ("beatrice.acheteuse", "odile.responsable", "victor.proposant", "bruno.ailleurs")
)
REPLY = "Nous sommes fiers du résultat, et restons disponibles."


def source() -> bytes:
    """The code as `git archive` packs it: licence, publiccode.yml, bill of materials."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": COMMIT}) as out:
        for path, content in FILES.items():
            entry = tarfile.TarInfo(f"ponts-1.0/{path}")
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def todo(person, title: str, action: str) -> None:
    """From « À faire », the button of one thing."""
    person.go("/a-faire/")
    person.link(f"{action} : {title}")


def is_pdf(person, link: str) -> None:
    content = person.download(link)
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF"), content[:40]


def value(person, name: str) -> str:
    return person.page.locator(f'main [name="{name}"]').input_value()


# --- Agreeing --------------------------------------------------------------------------------------------------------
def first_milestone(**more) -> dict:
    values = {
        "title": "Carte consultable",
        "description": "La carte publique et son guide.",
        "criteria": "La carte s’affiche en moins de deux secondes.\nLe guide est écrit.",
        "amount_cents": "24 000",
        "due_date": "2026-12-15",
    } | more
    return {f"jalons-0-{name}": text for name, text in values.items()}


def second_milestone(**more) -> dict:
    values = {
        "title": "Mise à jour chaque nuit",
        "criteria": "Les données de la veille sont là au matin.",
        "amount_cents": "40 000",
        "due_date": "2027-01-15",
    } | more
    return {f"jalons-1-{name}": text for name, text in values.items()}


def prepare(buyer, number: str) -> Contract:
    """Two milestones, one date out of range then right, nothing lost; sent to the vendor's signature."""
    title = Opportunity.objects.get(number=number).title
    todo(buyer, title, "Préparer le contrat")
    buyer.look()
    buyer.press("Préparer le contrat")
    buyer.sees("64 000 $", "Préparer le contrat")
    buyer.look()
    terms = {"start_date": "2026-12-01", "end_date": "2027-03-31", "repository": REPOSITORY, "holdback_percent": "0"}
    buyer.fill(**terms, personal_information={"choice": "non"}, **first_milestone())
    buyer.press("Ajouter un jalon")
    buyer.look()
    buyer.fill(**second_milestone(amount_cents="39 000", due_date="2027-05-01"))
    buyer.press("Enregistrer", exact=True)
    buyer.sees("Il y a un problème", "Cette date sort de la durée du contrat.")
    buyer.look()
    for name, text in first_milestone().items():
        assert value(buyer, name).replace("\r", "") == text, name
    assert value(buyer, "jalons-1-due_date") == "2027-05-01" and value(buyer, "repository") == REPOSITORY
    buyer.fill(**{"jalons-1-due_date": "2027-01-15"})
    buyer.press("Enregistrer", exact=True)
    buyer.sees("est enregistré", "Il manque, pour l’envoyer à la signature")
    buyer.look()
    is_pdf(buyer, "Télécharger le projet de contrat (PDF)")
    buyer.fill(**{"jalons-1-amount_cents": "40 000"})
    buyer.press("Enregistrer et relire")
    buyer.sees("Envoyer le contrat à la signature", "Carte consultable", "Mise à jour chaque nuit")
    buyer.look()
    buyer.press("Envoyer à la signature")
    buyer.sees("Le contrat est envoyé à la signature.", "Le prestataire doit signer")
    buyer.look()
    return Contract.objects.get()


def ask_for_a_change(vendor, contract: Contract) -> None:
    """Reads the PDF, then says what to change."""
    todo(vendor, contract.title, "Lire et signer")
    vendor.sees("Le texte à signer", "64 000 $", "Déclaration d’intégrité")
    vendor.look()
    is_pdf(vendor, "Télécharger le contrat (PDF)")
    vendor.link("Demander des changements")
    vendor.look()
    vendor.press("Envoyer ma demande")
    vendor.sees("Il y a un problème")
    vendor.fill(reason="Trois secondes plutôt que deux : la carte est lourde.")
    vendor.press("Envoyer ma demande")
    vendor.sees("Votre demande est envoyée")
    vendor.look()
    vendor.visit(contract.get_absolute_url(), 404)  # in preparation, it is the body's alone


def revise(buyer, contract: Contract) -> None:
    buyer.go("/a-faire/")
    buyer.sees("Trois secondes plutôt que deux")
    todo(buyer, contract.title, "Revoir")
    buyer.sees("Le contrat revient avec ce motif", "Trois secondes plutôt que deux")
    buyer.look()
    buyer.fill(**first_milestone(criteria="La carte s’affiche en moins de trois secondes.\nLe guide est écrit."))
    buyer.press("Enregistrer et relire")
    buyer.press("Envoyer à la signature")
    buyer.sees("Le contrat est envoyé à la signature.")


def sign(vendor, buyer, officer, contract: Contract) -> None:
    """The vendor, with a wrong password first; then the officer, who says why the attestation waits: without words
    first. The buyer may not."""
    todo(vendor, contract.title, "Lire et signer")
    vendor.fill(title="Présidente", integrity=True, password="pas le bon")
    vendor.press("Signer", exact=True)
    vendor.sees("Il y a un problème")
    vendor.look()
    assert (value(vendor, "title"), value(vendor, "password")) == ("Présidente", "")
    vendor.fill(password=PASSWORD)
    vendor.press("Signer", exact=True)
    vendor.sees("Vous avez signé.", "l’organisme doit conclure")
    vendor.look()

    buyer.visit(f"{contract.get_absolute_url()}signer/")
    buyer.sees("Une autre personne doit signer")
    todo(officer, contract.title, "Signer")
    officer.sees("Conclure le contrat", "Présidente", "Attestation à vérifier")
    officer.look()
    officer.fill(unverified_reason="ok", password=PASSWORD)
    officer.press("Signer et conclure")
    officer.sees("Il y a un problème", "Écrivez votre motif en mots : au moins 3.")
    officer.look()
    assert (value(officer, "unverified_reason"), value(officer, "password")) == ("ok", "")
    officer.fill(unverified_reason=UNVERIFIED, password=PASSWORD)
    officer.press("Signer et conclure")
    officer.sees("Le contrat est conclu : il est public", "Attestation des signatures", UNVERIFIED)
    officer.look()
    is_pdf(officer, "Contrat signé (PDF)")


# --- Being paid ------------------------------------------------------------------------------------------------------
def tax_numbers(vendor, contract: Contract) -> None:
    vendor.go(contract.get_absolute_url())
    vendor.sees("Inscrivez vos numéros de taxes")
    vendor.look()
    vendor.link("Les inscrire")
    vendor.look()
    vendor.fill(situation={"choice": "registered"}, tps_number="12345", tvq_number="1234567890TQ0001")
    vendor.press("Enregistrer", exact=True)
    vendor.sees("Un numéro de TPS s’écrit 123456789 RT0001.")
    vendor.look()
    vendor.fill(tps_number="123456789rt0001")
    vendor.press("Enregistrer", exact=True)
    vendor.sees("Vos taxes sont inscrites.")
    assert value(vendor, "tps_number") == "123456789 RT0001"


def open_account(vendor, contract: Contract, standin) -> None:
    """Left unfinished on Stripe's page, then finished: the product says what Stripe says."""
    vendor.go(f"/prestataires/{contract.vendor.public_id}/")
    vendor.link("Versements", exact=True)
    vendor.sees("Aucun compte de versement")
    vendor.look()
    vendor.press("Ouvrir le compte chez Stripe")
    assert vendor.page.url.startswith(standin.url), vendor.page.url
    vendor.sees("Simulateur, aucun argent réel", "Inscription aux paiements")
    vendor.look()
    vendor.press("Laisser incomplet")
    vendor.sees("Votre compte n’est pas prêt", "Ce que Stripe demande encore")
    vendor.look()
    vendor.press("Compléter chez Stripe")
    vendor.press("Terminer l’inscription")
    assert vendor.path == f"/prestataires/{contract.vendor.public_id}/versements/"
    vendor.sees("Votre compte est prêt")
    vendor.look()


# --- Working ---------------------------------------------------------------------------------------------------------
def deliver(vendor, contract: Contract, position: int, action: str = "Livrer", *, archive: bool = True) -> None:
    todo(vendor, f"{contract.title}, jalon {position}", action)
    vendor.look()
    assert value(vendor, "repository") == REPOSITORY
    vendor.fill(notes=f"## Jalon {position}\n\nPrêt à vérifier.", reference=COMMIT)
    if archive:
        vendor.attach("archive", "ponts-1.0.tar.gz", source(), "application/gzip")
    vendor.press("Livrer", exact=True)
    vendor.sees("Jalon livré.")
    vendor.look()


def send_back(buyer, contract: Contract) -> None:
    """Without a reason first; then with one, and the day to deliver again by."""
    todo(buyer, f"{contract.title}, jalon 1", "Examiner")
    buyer.sees(
        "Votre réponse", "ponts-1.0.tar.gz", "Le fichier de licence est celui de LiLiQ-R-1.1.", "CycloneDX 1.5", COMMIT
    )
    buyer.look()
    buyer.fill(**{"cure_by": "2026-12-18"})
    buyer.press("Retourner la livraison")
    buyer.sees("Écrivez ce qui manque : le prestataire le lira.")
    buyer.look()
    assert value(buyer, "cure_by") == "2026-12-18"
    buyer.fill(reason="Le guide n’explique pas l’installation.")
    buyer.press("Retourner la livraison")
    buyer.sees("Livraison retournée.", "18 décembre 2026")
    buyer.look()


def accept(buyer, contract: Contract, position: int) -> None:
    """Criterion by criterion; one forgotten first."""
    todo(buyer, f"{contract.title}, jalon {position}", "Examiner")
    buyer.look()
    yes = buyer.page.locator('main [name^="met_"][value="yes"]')
    for rank in range(1, yes.count()):
        yes.nth(rank).check()
    buyer.press("Accepter la livraison")
    buyer.sees("Dites si ce critère est respecté.")
    buyer.look()
    yes.first.check()
    buyer.page.locator('main [name^="comment_"]').first.fill("Vérifié sur deux téléphones.")
    buyer.press("Accepter la livraison")
    buyer.sees("Livraison acceptée.", "Vérifié sur deux téléphones.")
    buyer.look()


def invoice(vendor, contract: Contract, position: int, total: str) -> str:
    """The invoice's number."""
    todo(vendor, f"{contract.title}, jalon {position}", "Facturer")
    vendor.sees(total, "123456789 RT0001", "1234567890 TQ0001")
    vendor.look()
    vendor.fill(reference=f"A-{position}")
    vendor.press("Émettre la facture")
    vendor.sees("émise. L’organisme l’a reçue.", total)
    vendor.look()
    is_pdf(vendor, "Télécharger la facture (PDF)")
    return Milestone.objects.get(contract=contract, position=position).invoices.get().number


def pay_by_stripe(officer, number: str, vendor_name: str, total: str, standin) -> None:
    """The attestation verified; a card refused, then one accepted; back here, it is paid before any webhook arrives."""
    todo(officer, f"Facture {number}, {vendor_name}", "Payer")
    officer.sees(total, "Attestation à vérifier", UNVERIFIED, "Béatrice Acheteuse")
    officer.look()
    officer.press("Noter l’attestation comme vérifiée")
    assert officer.path == f"/factures/{number}/payer/", officer.path
    officer.sees("L’attestation est notée comme vérifiée.", "Rien à signaler")
    officer.look()
    officer.fill(way={"choice": "stripe"})
    officer.press("Continuer")
    officer.sees("Il y a un problème")
    officer.look()
    officer.fill(password=PASSWORD)
    officer.press("Continuer")
    assert officer.page.url.startswith(standin.url), officer.page.url
    officer.sees("Simulateur, aucun argent réel", number, total)
    officer.look()
    officer.press("Payer par carte (refusée)")
    officer.sees("Votre carte a été refusée.")
    officer.look()
    officer.press("Payer par carte (acceptée)")
    assert officer.path.startswith(f"/factures/{number}/payer/retour/"), officer.path
    officer.sees("Payé", "La somme est versée au compte de")
    officer.look()
    officer.visit(f"/factures/{number}/payer/", 409)


def pay_outside(officer, number: str, vendor_name: str, day: str) -> None:
    """Paid by the body's own system: without its reference first."""
    todo(officer, f"Facture {number}, {vendor_name}", "Payer")
    officer.fill(way={"choice": "outside"}, paid_on=day, password=PASSWORD)
    officer.press("Continuer")
    officer.sees("Inscrivez la référence du paiement.")
    officer.look()
    assert (value(officer, "paid_on"), value(officer, "password")) == (day, "")
    officer.fill(reference="VIR-2027-0042", password=PASSWORD)
    officer.press("Continuer")
    officer.sees("Paiement déclaré", "VIR-2027-0042")
    officer.look()


def confirm(vendor, number: str) -> None:
    todo(vendor, f"Facture {number}", "Répondre")
    vendor.look()
    vendor.fill(answer={"choice": "confirm"})
    vendor.press("Répondre")
    vendor.sees("Réception confirmée : la facture est payée.", "Payée")
    vendor.look()


# --- The end ---------------------------------------------------------------------------------------------------------
def complete(officer, contract: Contract) -> None:
    officer.go(contract.get_absolute_url())
    officer.sees("Tout est payé : le contrat peut se terminer")
    officer.look()
    officer.link("Terminer", exact=True)
    officer.sees("Le code a son passeport", "64 000,00 $")
    officer.look()
    officer.press("Terminer le contrat")
    officer.sees("Contrat terminé.")
    officer.look()


def publish_at_seao(officer, contract: Contract) -> None:
    """The conclusion and the final description are due: the first is published."""
    officer.visit("/publications-seao/")
    officer.page.get_by_role("table").get_by_role("link", name=contract.number).first.click()
    officer.look()
    officer.fill(done_on="2026-11-30", proof="SEAO-1234567")
    officer.press("Marquer comme publiée")
    officer.sees("Publication notée, avec sa preuve.", "SEAO-1234567")
    officer.look()


def evaluate(buyer, vendor, contract: Contract) -> None:
    buyer.go(contract.get_absolute_url())
    buyer.link("Évaluer le rendement")
    buyer.look()
    buyer.fill(quality={"choice": "5"}, deadlines={"choice": "4"}, comment="Travail soigné; un retard d’un jour.")
    buyer.press("Envoyer l’évaluation")
    buyer.sees("Il y a un problème")
    buyer.look()
    assert value(buyer, "comment") == "Travail soigné; un retard d’un jour."
    buyer.fill(communication={"choice": "5"}, satisfactory={"choice": "yes"})
    buyer.press("Envoyer l’évaluation")
    buyer.sees("Évaluation envoyée au prestataire", "Satisfaisant")
    buyer.look()

    todo(vendor, contract.title, "Lire")
    vendor.sees("Travail soigné")
    vendor.look()
    vendor.fill(text=REPLY)
    vendor.press("Envoyer la réplique")
    vendor.sees("Réplique enregistrée.", REPLY)
    vendor.look()
    is_pdf(vendor, "Télécharger la lettre (PDF)")


def reuse(other, visitor, contract: Contract) -> None:
    """A visitor finds the code; a buyer of another body says that it is reused there."""
    visitor.visit("/code/?q=camionneur")
    visitor.sees("1 logiciel à réutiliser", "Carte des ponts")
    visitor.link("Carte des ponts")
    visitor.sees("LiLiQ-R-1.1", "swh:1:dir:", COMMIT, "Valable (norme 0.5)", "CycloneDX 1.5", "2 composants")
    visitor.look()
    is_pdf(visitor, "Passeport (PDF)")
    other.sign_in(OUTSIDE)
    other.go(visitor.path)
    other.link("Nous réutilisons ce code")
    other.look()
    other.fill(note="Pour nos ponts à nous.")
    other.press("Le déclarer publiquement")
    other.sees("Merci : chacun peut lire que Régie d’ailleurs réutilise ce code.")
    other.look()
    visitor.go(visitor.path)
    visitor.sees("Régie d’ailleurs", "Pour nos ponts à nous.")


def public_page(visitor, contract: Contract, numbers: list[str]) -> None:
    """Signed out, one reads the plan, the amounts, what was paid and the code; not what is between the parties."""
    visitor.visit("/contrats/?q=ponts")
    visitor.link(contract.title)
    visitor.look()
    visitor.sees("Terminé", "64 000 $", "2 sur 2", "Carte consultable", "Mise à jour chaque nuit", *numbers)
    visitor.sees("24 000,00 $", "45 990,00 $", "Total payé, avant taxes", "Carte des ponts", "Régie d’ailleurs")
    visitor.sees("SEAO-1234567", "Signé par le prestataire", "Jalon 2 payé", "LiLiQ")
    visitor.sees_not("Travail soigné", REPLY, "VIR-2027-0042", "Le guide n’explique pas", "Documents et signatures")
    visitor.visit("/registre/")
    visitor.go("/factures/", 200)
    assert "/compte/login/" in visitor.page.url
