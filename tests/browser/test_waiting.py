"""A visitor of an occasion that is due and not opened: told at once, shown the opening once it is there."""

from contextlib import contextmanager

import pytest

from proposals.deposit import sealing
from proposals.opening import actions, lock
from tests.browser.conftest import NARROW, WIDE
from tests.cast import CLOSES_AT, Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@contextmanager
def taken(occasion):
    yield False


def held_back(*args):
    raise sealing.KeyUnavailable


def test_the_page_waits_and_comes_back_by_itself(people, site_clock, findings, monkeypatch):
    occasion = Cast().published()
    site_clock.move(CLOSES_AT)
    visitor = people("visiteuse")
    address = occasion.get_absolute_url()
    for where, replaced, sentence in (
        ((actions, "_read_all"), held_back, "L’ouverture est attendue"),
        ((lock, "alone"), taken, "L’ouverture est en cours"),
    ):
        monkeypatch.undo()
        monkeypatch.setattr(*where, replaced)
        site_clock.move(CLOSES_AT)
        for size in (WIDE, NARROW):
            visitor.page.set_viewport_size(size)
            for path in (address, f"{address}ouverture/"):
                visitor.go(path)
                assert sentence in visitor.text()
                visitor.look()
    visitor.page.clock.install()
    visitor.go(address)
    monkeypatch.undo()
    assert actions.open_due() == 1
    with visitor.page.expect_navigation():  # nobody pressed anything
        visitor.page.clock.fast_forward(6_000)
    assert "L’ouverture est en cours" not in visitor.text() and "En évaluation" in visitor.text()
    assert len(findings.checked) == 8 and not findings.problems, findings.report()
