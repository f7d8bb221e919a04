"""A monitoring from its opening to its end, by an auditor and an officer who only have the screens (D6)."""

from datetime import timedelta

import pytest

from audit.models import Monitoring, MonitoringNote
from marketplace.models import LedgerPayload
from tests import audit_moves
from tests.browser.conftest import NARROW, WIDE, verify_address
from tests.cast import CLOSES_AT
from tests.payment_cast import assert_chain_unbroken

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]

AUDITOR, OFFICER = "aude.verificatrice@exemple.invalid", "odile.responsable@exemple.invalid"
TITLE = "Délai de publication abrégé"
PROOF = "Procès-verbal de la réunion du 2 novembre.\n".encode()


def look_both_ways(person) -> None:
    """The page where the person is, wide then narrow, and wide again."""
    person.look()
    person.page.set_viewport_size(NARROW)
    person.look()
    person.page.set_viewport_size(WIDE)


def todo(person, action: str) -> None:
    person.go("/a-faire/")
    look_both_ways(person)
    person.link(f"{action} : Vérification {Monitoring.objects.get().number}")


def told(messages) -> set[str]:
    """Who received a message about the case."""
    return {message.to[0] for message in messages if message.subject.startswith("VE-")}


def typed(person) -> str:
    return person.page.locator('main [name="text"]').input_value()


def is_letter(person) -> bytes:
    content = person.download("Lettre (PDF)")
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF"), content[:40]
    return content


def test_from_the_opening_to_the_end(cast, people, site_clock, findings, mails):
    occasion, _proposals = cast.awarded()
    audit_moves.flag(occasion)
    for user in (cast.auditor, cast.officer, cast.second_officer):
        verify_address(user)
    auditor, officer, other, buyer = (people(name) for name in ("auditor", "officer", "outside officer", "buyer"))
    site_clock.move(CLOSES_AT + timedelta(days=3))
    auditor.sign_in(AUDITOR)
    officer.sign_in(OFFICER)
    other.enter_as(cast.outside_officer)
    buyer.enter_as(cast.buyer)

    # Opened: the body knows nothing.
    auditor.go("/verification/dossiers/")
    auditor.sees("Aucune vérification pour le moment")
    look_both_ways(auditor)
    auditor.go(f"/verification/occasions/{occasion.number}/ouvrir/")
    look_both_ways(auditor)
    auditor.fill(text="L’avis a été publié dix jours.")
    auditor.press("Ouvrir la vérification")
    auditor.sees("Il y a un problème", "Objet")
    look_both_ways(auditor)
    assert typed(auditor) == "L’avis a été publié dix jours."
    auditor.fill(title=TITLE)
    auditor.page.get_by_role("checkbox").check()
    auditor.press("Ouvrir la vérification")
    auditor.sees("Vérification ouverte", "Rien n’est encore demandé à l’organisme", "Signaux joints")
    look_both_ways(auditor)
    case = Monitoring.objects.get()
    officer.visit(case.get_absolute_url(), 404)
    assert not told(mails())

    # Asked, with a letter.
    auditor.link("Demander des explications")
    look_both_ways(auditor)
    auditor.fill(text="Pourquoi dix jours plutôt que quinze?", due_on="2026-11-28")
    auditor.press("Envoyer la demande")
    auditor.sees("Laissez au moins trois jours ouvrables")
    assert typed(auditor) == "Pourquoi dix jours plutôt que quinze?"
    look_both_ways(auditor)
    auditor.fill(due_on="2026-12-11")
    auditor.press("Envoyer la demande")
    auditor.sees("Demande envoyée", "Réponse attendue au plus tard le 11 décembre 2026")
    look_both_ways(auditor)
    is_letter(auditor)
    assert told(mails()) == {cast.officer.email, cast.second_officer.email}
    for stranger in (other, buyer):
        stranger.visit(case.get_absolute_url(), 404)

    # Answered by the officer, late, with a document.
    site_clock.move(CLOSES_AT + timedelta(days=20))
    todo(officer, "Répondre")
    officer.sees("Répondre à la demande d’explications", "Pourquoi dix jours plutôt que quinze?")
    look_both_ways(officer)
    officer.fill(text="Le besoin était urgent : le procès-verbal joint le montre.")
    officer.attach("files", "pv.txt", PROOF)
    officer.press("Envoyer la réponse")
    officer.sees("Réponse envoyée", "C’est au tour de la vérification", "pv.txt", "3 jours de retard")
    look_both_ways(officer)
    assert is_letter(officer)
    assert cast.auditor.email in told(mails())

    # Concluded with a finding.
    todo(auditor, "Examiner")
    auditor.sees("L’organisme a répondu", "procès-verbal joint")
    look_both_ways(auditor)
    assert auditor.download("pv.txt") == PROOF
    readers = LedgerPayload.objects.filter(action="read.file").order_by("pk")
    assert [row.actor for row in readers] == [cast.officer, cast.auditor]  # each, of what the other side wrote
    auditor.link("Conclure")
    auditor.press("Conclure", exact=True)
    auditor.sees("Il y a un problème")
    look_both_ways(auditor)
    auditor.fill(finding={"choice": "yes"}, text="L’urgence n’est pas établie.")
    auditor.press("Conclure", exact=True)
    auditor.sees("Donnez le dernier jour pour corriger.")
    assert typed(auditor) == "L’urgence n’est pas établie."
    auditor.fill(due_on="2027-01-15")
    auditor.press("Conclure", exact=True)
    auditor.sees("Conclusion envoyée", "Correctif attendu au plus tard le 15 janvier 2027")
    auditor.sees_not("Fermer la vérification")
    look_both_ways(auditor)

    # The remedy, announced and accepted; the end.
    todo(officer, "Annoncer le correctif")
    look_both_ways(officer)
    officer.fill(text="La directive demande désormais quinze jours.")
    officer.press("Envoyer", exact=True)
    officer.sees("Correctif annoncé")
    look_both_ways(officer)
    todo(auditor, "Examiner")
    auditor.link("Constater le correctif")
    look_both_ways(auditor)
    auditor.fill(text="La directive est lue.")
    auditor.press("Constater le correctif")
    auditor.sees("Correctif constaté", "peut être fermée")
    auditor.link("Fermer la vérification")
    look_both_ways(auditor)
    auditor.fill(text="Merci de votre collaboration.")
    auditor.press("Fermer la vérification")
    auditor.sees("Vérification fermée", "Fermée le")
    look_both_ways(auditor)
    officer.visit(f"{case.get_absolute_url()}fermer/", 403)
    officer.visit(case.get_absolute_url())
    officer.sees("Merci de votre collaboration.", TITLE)
    for person in (auditor, officer):
        person.go("/verification/dossiers/")
        person.sees(TITLE, "Manquement corrigé", "Fermée le")
        look_both_ways(person)
        person.visit(f"/en{case.get_absolute_url()}")

    kinds = MonitoringNote.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["opening", "question", "answer", "conclusion", "remedy", "acceptance", "closing"]
    assert Monitoring.objects.get().state == "closed"
    assert_chain_unbroken()
    assert not findings.report(), findings.report()
