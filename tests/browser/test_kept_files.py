"""A file chosen beside a wrong field, at a browser without scripts: kept, said, taken off, joined."""

import pytest

from proposals.drafts import actions as draft_actions
from proposals.models import Proposal
from tests.browser.conftest import NARROW, OVERFLOW, verify_address

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def test_a_file_beside_a_wrong_price_is_kept_without_scripts(cast, people, site_clock, findings):
    verify_address(cast.vendor_owner)
    proposal = cast.proposal(cast.published(mode="adjusted_price"))
    vendor = people("vendor", java_script_enabled=False, viewport=NARROW)
    vendor.sign_in("victor.proposant@exemple.invalid")
    address = f"/propositions/{proposal.public_id}/modifier/"
    vendor.go(address)
    vendor.fill(text="Le texte.", price="abc")
    vendor.attach("files", "annexe.txt", b"L'annexe.\n")
    vendor.press("Enregistrer le brouillon")
    vendor.sees("Il y a un problème", "annexe.txt : conservé, il sera joint")
    assert vendor.page.evaluate(OVERFLOW) <= 0
    # A second one, then the first is taken off: what was typed stays.
    vendor.attach("files", "plan.txt", b"Le plan.\n")
    vendor.press("Enregistrer le brouillon")
    vendor.sees("annexe.txt : conservé", "plan.txt : conservé")
    vendor.fill(text="Le texte, mieux.")
    vendor.press("Retirer annexe.txt")
    vendor.sees("Le fichier est retiré.", "plan.txt : conservé, il sera joint")
    assert vendor.page.input_value("#id_text") == "Le texte, mieux."
    vendor.fill(price="58 000")
    vendor.page.press("#id_price", "Enter")  # saves, and takes nothing off
    vendor.sees("Brouillon enregistré")
    (item,) = draft_actions.read(Proposal.objects.get(pk=proposal.pk))["files"]
    assert item["name"] == "plan.txt"
