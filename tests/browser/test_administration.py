"""The administration, light and dark: nothing serious for axe on its index, lists, forms, histories and deletions."""

import pytest

from opportunities.models import BodyMembership
from tests.browser.conftest import NARROW, WIDE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def addresses(cast) -> list[str]:
    person, membership = cast.outsider.pk, BodyMembership.objects.first().pk
    return [
        "", "marketplace/", "marketplace/user/", "marketplace/user/?is_active__exact=1&q=a",
        f"marketplace/user/{person}/change/", f"marketplace/user/{person}/history/",
        "marketplace/terms/", "marketplace/terms/add/", "marketplace/ledgerentry/", "marketplace/outgoingemail/",
        "opportunities/bodymembership/", "opportunities/bodymembership/add/",
        f"opportunities/bodymembership/{membership}/delete/", f"opportunities/publicbody/{cast.body.pk}/change/",
        "opportunities/opportunity/", f"vendors/vendor/{cast.vendor.pk}/change/", "vendors/ineligibility/add/",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_administration_is_readable(cast, people, findings, scheme):
    """« Changer le mot de passe » leads to the site's own page, in the same colours."""
    pilot, seen = people("pilot", color_scheme=scheme), 0
    pilot.enter_as(cast.administrator)
    person = f"/pilotage/marketplace/user/{cast.outsider.pk}/change/"
    pilot.go(person)
    for ticked in (False, True):  # the history says which way
        pilot.page.set_checked('[name="is_active"]', ticked)
        pilot.page.fill('[name="reason"]', "Départ annoncé par l’organisme.")
        with pilot.page.expect_navigation():
            pilot.page.click('[name="_continue"]')
    pilot.page.set_checked('[name="is_active"]', False)
    pilot.page.fill('[name="reason"]', "")
    with pilot.page.expect_navigation():
        pilot.page.click('[name="_continue"]')
    pilot.sees("Dites pourquoi ce compte est désactivé.")
    judge(pilot, findings)
    for address in addresses(cast):
        for language in ("", "/en") if address in ("", addresses(cast)[5]) else ("",):
            pilot.page.goto(f"{pilot.address}{language}/pilotage/{address}")
            findings._judge(pilot.page, pilot.page.url)
            seen += 1
    pilot.page.goto(f"{pilot.address}/pilotage/password_change/")
    judge(pilot, findings)
    assert seen == 19
    assert not findings.report(), findings.report()


def judge(pilot, findings) -> None:
    """Wide then narrow; Django's page has a heading of its own beside the site's name."""
    for size in (WIDE, NARROW):
        pilot.page.set_viewport_size(size)
        findings._judge(pilot.page, pilot.page.url)
