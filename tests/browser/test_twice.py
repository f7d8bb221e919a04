"""Send, the browser's arrow, send: one act, with scripts and a page that is asked for again."""

import pytest

from marketplace.models import OutgoingEmail
from opportunities.models import Addendum
from tests.cast import PUBLISHED_AT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_addendum_sent_back_and_sent_again_is_one(cast, people, site_clock, findings):
    occasion = cast.published()
    cast.submitted(occasion)
    site_clock.move(PUBLISHED_AT)
    told = OutgoingEmail.objects.filter(template__contains="addendum")
    buyer = people("buyer")
    buyer.enter_as(cast.buyer)
    buyer.go(f"/occasions/{occasion.number}/addenda/")
    buyer.fill(text="Le format est précisé.")
    buyer.press("Publier l’addenda")
    buyer.sees("L’addenda 1 est publié")
    sent = told.count()

    buyer.page.go_back()
    buyer.page.wait_for_load_state()
    assert buyer.page.url.endswith("/addenda/")
    buyer.fill(text="Le format est précisé.")  # what a browser that forgets it has typed again
    buyer.press("Publier l’addenda")
    buyer.sees("C’était déjà fait")
    assert buyer.page.url.endswith(occasion.get_absolute_url())
    assert Addendum.objects.count() == 1 and told.count() == sent > 0
    buyer.look()

    buyer.page.go_back()
    buyer.page.wait_for_load_state()
    buyer.fill(text="Le format est précisé autrement.")  # other words: nothing is lost, nothing is done by surprise
    buyer.press("Publier l’addenda")
    buyer.sees("Ce formulaire a déjà servi")
    assert buyer.page.locator('main [name="text"]').input_value() == "Le format est précisé autrement."
    buyer.look()
    assert Addendum.objects.count() == 1
    buyer.press("Publier l’addenda")
    buyer.sees("L’addenda 2 est publié")
    assert Addendum.objects.count() == 2
