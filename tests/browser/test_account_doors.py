"""Staff set up a second factor and come back to what they wrote; a change to an account is undone from a message."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress

from marketplace.models import User
from opportunities.models import Opportunity
from tests.browser.conftest import NARROW, WIDE, verify_address
from tests.cast import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]

ELSEWHERE = "autre.adresse@exemple.invalid"


def look_both_ways(person) -> None:
    """The page as it is, at 1280 px then at 360 px."""
    for size in (WIDE, NARROW):
        person.page.set_viewport_size(size)
        person.look()


def undo_link(message) -> str:
    return re.search(r"https?://[^/\s]+(/\S*annuler/\S+)", message.body)[1]


def test_what_was_written_survives_the_set_up_on_a_phone_without_scripts(cast, people, findings):
    """A buyer signed in before the factor was asked of the role: the draft just written comes back."""
    draft, buyer = cast.draft(), people("buyer", java_script_enabled=False, viewport=NARROW)
    Opportunity.objects.filter(pk=draft.pk).update(teaser="Avant.")
    buyer.enter_as(cast.buyer)
    buyer.go(f"/occasions/{draft.number}/modifier/")
    cast.buyer.authenticator_set.all().delete()  # the role begins to ask it
    buyer.fill(title="Un titre que personne ne veut récrire")
    buyer.press("Enregistrer")
    buyer.sees("la vérification en deux étapes", "confirmez que c’est vous", "Votre texte est gardé")
    buyer._set_up()
    buyer.sees("Voici ce que vous aviez écrit; rien n’est encore enregistré.")
    assert buyer.page.locator('main [name="title"]').input_value() == "Un titre que personne ne veut récrire"
    buyer.press("Enregistrer")
    assert Opportunity.objects.get(pk=draft.pk).title == "Un titre que personne ne veut récrire"
    assert not findings.report(), findings.report()


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_an_added_address_is_undone_from_the_message(cast, people, findings, mails, language):
    """Asked who is there; told at once; undone signed out, in another browser."""
    french, under = language == "fr-ca", "" if language == "fr-ca" else "/en"
    User.objects.filter(pk=cast.officer.pk).update(language=language)
    verify_address(cast.officer)
    officer, reader = people("officer"), people("reader", viewport=NARROW)
    officer.enter_as(cast.officer)
    officer.go(f"{under}/compte/email/")
    officer.sees("Confirmer que c’est vous" if french else "Confirm that it is you")
    look_both_ways(officer)
    officer.fill(password="pas le bon", code="123456")
    officer.press("Confirmer" if french else "Confirm", exact=True)
    officer.sees("Il y a un problème" if french else "There is a problem")
    look_both_ways(officer)
    officer.fill(password=PASSWORD)
    officer.press("Confirmer" if french else "Confirm", exact=True)
    officer.page.fill("#id_email", ELSEWHERE)
    officer.press("Ajouter" if french else "Add", exact=True)
    look_both_ways(officer)
    assert EmailAddress.objects.filter(user=cast.officer, email=ELSEWHERE).exists()
    officer.visit(f"{under}/compte/password/change/")
    officer.visit(f"{under}/compte/deux-etapes/")
    officer.visit(f"{under}/compte/deux-etapes/desactiver/")

    (told,) = mails(cast.officer.email)
    link = undo_link(told)
    assert link.startswith(f"{under}/compte/annuler/")
    reader.visit(link)
    look_both_ways(reader)
    reader.press("Annuler ce changement" if french else "Undo this change")
    reader.sees("Le changement est annulé" if french else "The change is undone")
    look_both_ways(reader)
    assert list(EmailAddress.objects.filter(user=cast.officer).values_list("email", flat=True)) == [cast.officer.email]
    officer.go(f"{under}/a-faire/")
    officer.sees("Connexion" if french else "Sign in")
    reader.visit(link, 410)
    assert not findings.report(), findings.report()


def test_the_administration_asks_before_a_write_and_keeps_what_was_typed(cast, people, settings, findings):
    settings.ADMINISTRATION_ASKS_AGAIN = True
    pilot = people("pilot")
    pilot.enter_as(cast.administrator)
    where = f"/pilotage/marketplace/user/{cast.outsider.pk}/change/"
    pilot.go(where)
    pilot.sees("Confirmer que c’est vous")
    pilot.fill(password=PASSWORD)
    pilot.press("Confirmer", exact=True)
    assert pilot.path == where
    pilot.page.fill('[name="name"]', "Ulysse Renommé")
    pilot.clock.move(timedelta(hours=1))  # a long telephone call
    with pilot.page.expect_navigation():
        pilot.page.click('[name="_continue"]')
    pilot.sees("Rien n’est encore fait.")
    look_both_ways(pilot)
    pilot.page.fill('[name="confirm-password"]', PASSWORD)
    pilot.page.fill('[name="confirm-code"]', pilot.telephone())
    pilot.press("Confirmer et continuer")
    assert User.objects.get(pk=cast.outsider.pk).name == "Ulysse Renommé"
    assert not findings.report(), findings.report()
