"""How a contract is doing: lateness, spending, what comes next; the board sorted by trouble."""

import re
from datetime import date, datetime, timedelta

import pytest

from contracts.deliveries import actions as delivery_actions
from contracts.end import actions as end_actions
from contracts.health import measures
from contracts.models import Contract, Invoice
from marketplace.dates import clock
from tests import contract_cast as cc
from tests.test_amending import (
    EVERYBODY,
    _quick_documents,  # noqa: F401 - an autouse fixture
    fresh,
    person_of,
    then,  # noqa: F401 - a fixture
    url,
    words,
)

# Milestones of 16 000 $ and 48 000 $, due on Tuesdays 15 and 22 December 2026; the contract ends on 31 March 2027.
DELIVERED = "2026-12-14"


def at(day: str, hour: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{hour}:00-05:00")


def seen(contract, day: str, hour: str = "12:00") -> measures.Health:
    return measures.of(fresh(contract), at=at(day, hour))


# --- Lateness --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("day", "hour", "late", "badge"),
    [
        ("2026-12-05", "12:00", (0, 0), "Va bien"),
        ("2026-12-08", "12:00", (0, 0), "À surveiller"),
        ("2026-12-15", "23:59", (0, 0), "À surveiller"),
        ("2026-12-16", "00:00", (1, 0), "En difficulté"),
        ("2026-12-24", "12:00", (9, 2), "En difficulté"),
    ],
)
def test_days_late_against_the_plan(cast, day, hour, late, badge):
    found = seen(cc.active(cast), day, hour)
    assert tuple(line.late_days for line in found.lines) == late
    assert (found.badge["label"], found.worst) == (badge, max(late))
    assert len(found.troubles) == sum(days > 0 for days in late)


def test_delivered_in_time_is_not_late_and_late_stays_late(cast):
    contract = cc.active(cast)
    cc.accepted(cast, contract)
    assert [line.late_days for line in seen(contract, "2027-01-10").lines] == [0, 19]
    late = cc.active(cast)
    cc.delivered(late, at=at("2026-12-20"))
    with clock.set_to(at("2026-12-21")):
        delivery_actions.accept(cc.milestone(late), by=cast.buyer, checks=cc.all_met(cc.milestone(late)))
    line = seen(late, "2026-12-21").lines[0]
    assert (line.late_days, line.late, line.tone) == (5, "5 jours de retard", "ok")
    assert seen(late, "2026-12-21").worst == 0  # nobody can do anything about it any more


def test_a_returned_milestone_is_late_again(cast):
    contract = cc.active(cast)
    row = cc.delivered(contract)
    with clock.set_to(at("2026-12-16")):
        delivery_actions.send_back(row, by=cast.buyer, checks={}, reason="Incomplet", cure_by=date(2026, 12, 20))
    found = seen(contract, "2026-12-18")
    assert (found.lines[0].done_on, found.lines[0].late_days) == (None, 3)
    assert found.since_delivery == 4


@pytest.mark.parametrize(("day", "trouble"), [("2026-12-21", 0), ("2026-12-22", 1), ("2026-12-29", 4)])
def test_a_delivery_waits_five_business_days(cast, day, trouble):
    """Delivered on Monday 14 December; 24 and 25 are holidays."""
    contract = cc.active(cast, amounts=(64_000_00,))
    cc.delivered(contract, at=at(DELIVERED))
    found = seen(contract, day)
    assert found.worst == trouble
    assert [text for text in found.troubles if "sans réponse" in text] == found.troubles


@pytest.mark.parametrize(("days", "trouble"), [(0, 0), (1, 1), (12, 12)])
def test_an_invoice_not_paid_in_time(cast, days, trouble):
    contract = cc.active(cast, amounts=(64_000_00,))
    invoice = cc.invoiced(cast, contract)
    found = seen(contract, (invoice.due_on + timedelta(days=days)).isoformat())
    assert found.worst == trouble
    Invoice.objects.update(paid_at=at("2027-01-03"))
    assert seen(contract, (invoice.due_on + timedelta(days=days)).isoformat()).worst == 0


def test_past_its_end(cast):
    found = seen(cc.active(cast), "2027-04-02")
    assert found.worst == 108 and any("Fin prévue le 31 mars 2027" in text for text in found.troubles)


def test_an_ended_contract_is_late_no_more(cast):
    contract = cc.active(cast)
    with clock.set_to(at("2026-12-18")):
        end_actions.terminate(contract, by=cast.officer, reason="Besoin disparu")
    before, after = seen(contract, "2026-12-19"), seen(contract, "2027-06-01")
    assert [line.late_days for line in before.lines] == [line.late_days for line in after.lines] == [0, 0]
    assert after.worst == 0 and after.next_on is None


# --- Money and dates -------------------------------------------------------------------------------------------------
def test_spending_against_the_value(cast):
    contract = cc.active(cast, holdback=10)
    cc.invoiced(cast, contract)
    found = seen(contract, "2026-12-18")
    assert (found.invoiced_cents, found.paid_cents) == (14_400_00, 0)
    assert [row["percent"] for row in found.money] == [22, 0]
    Invoice.objects.update(paid_at=at("2026-12-19"))
    found = seen(contract, "2026-12-20")
    assert found.paid_cents == 14_400_00 and found.money[1]["width"] == 225
    assert (found.done, found.last_delivery, found.since_delivery) == (1, date(2026, 12, 14), 6)


def test_what_comes_next(cast):
    contract = cc.active(cast)
    found = seen(contract, "2026-12-01")
    assert (found.next_on, found.next_what) == (date(2026, 12, 15), "Jalon 0")
    invoice = cc.invoiced(cast, contract)
    found = seen(contract, "2026-12-18")
    assert (found.next_on, found.next_what) == (date(2026, 12, 22), "Jalon 1")
    cc.delivered(contract, 2, at=at("2026-12-20"))
    found = seen(contract, "2026-12-21")
    assert (found.next_on, found.next_what) == (invoice.due_on, f"Facture {invoice.number} à payer")


@pytest.mark.parametrize("day", ["2026-11-28", "2026-12-01", "2026-12-20", "2027-03-31", "2028-01-01"])
def test_the_chart_stays_in_its_frame(cast, day):
    contract = cc.active(cast)
    cc.delivered(contract, at=at(DELIVERED))
    found = seen(contract, day)
    for line in found.lines:
        bar = line.bar
        assert 0 <= bar.plan_x <= measures.WIDTH and bar.plan_width > 0 and bar.late_width >= 0
        assert bar.late_x + bar.late_width <= measures.WIDTH
    assert found.now_x is None or 0 <= found.now_x <= measures.WIDTH


# --- Pages -----------------------------------------------------------------------------------------------------------
def test_the_section_is_for_everybody_and_says_it_in_words(cast, client):
    contract = cc.active(cast)
    cc.invoiced(cast, contract)
    with clock.set_to(at("2026-12-24")):
        page = client.get(contract.get_absolute_url())
        text = page.content.decode()
    assert "État du projet" in text and "2 jours de retard" in text
    drawings = re.findall(r"<svg[^>]*role=\"img\".*?</svg>", text, re.DOTALL)
    assert len(drawings) == 4  # two milestones, two sums
    for drawing in drawings:
        assert "<title" in drawing and "<desc" in drawing and "style=" not in drawing
        named = re.search(r'aria-labelledby="([^"]+)"', drawing)[1].split()
        assert all(f'id="{name}"' in drawing for name in named)
        assert not re.search(r' (?:x|width)="[^"]*[^\d"]', drawing), "whole numbers only"
    assert "<caption" in text and "16 000,00 $" in words(page)


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_reads_the_board(cast, client, then, who):  # noqa: F811
    contract = cc.active(cast)
    client.force_login(person_of(cast, contract, who))
    answer = client.get(url("projects"))
    inside = who in {"buyer", "other_buyer", "officer", "second_officer", "auditor"}
    assert answer.status_code == (200 if inside or who in {"outside_buyer", "outside_officer"} else 404)
    assert (contract.number in answer.content.decode()) == inside


def test_visitors_sign_in_first(cast, client):
    assert client.get(url("projects")).status_code == 302


def test_the_worst_comes_first(cast, client):
    fine = cc.active(cast, amounts=(64_000_00,))
    Contract.objects.filter(pk=fine.pk).update(end_date=date(2026, 12, 29))
    cc.invoiced(cast, fine)
    late, later = cc.active(cast), cc.active(cast, amounts=(64_000_00,))
    cc.accepted(cast, late)
    draft = cc.draft(cast)
    client.force_login(cast.officer)
    with clock.set_to(at("2026-12-24")):
        page = words(client.get(url("projects")))
    assert page.index(later.number) < page.index(late.number) < page.index(fine.number)
    assert "3 contrats en cours · 2 en difficulté" in page and draft.number not in page


@pytest.mark.parametrize("who", ["officer", "auditor"])
def test_the_board_costs_the_same_for_one_and_four(cast, client, who, django_assert_max_num_queries):
    client.force_login(getattr(cast, who))
    counts = []
    for more in (1, 3):
        for _number in range(more):
            contract = cc.active(cast, amounts=(16_000_00,) * 4 if more == 3 else (64_000_00,))
            cc.invoiced(cast, contract)
        with clock.set_to(at("2026-12-24")), django_assert_max_num_queries(8) as asked:
            client.get(url("projects"))
        counts.append(len(asked.captured_queries))
    assert counts[0] == counts[1]


def test_an_empty_board(cast, client, then):  # noqa: F811
    client.force_login(cast.buyer)
    assert "Aucun contrat en cours" in words(client.get(url("projects")))
