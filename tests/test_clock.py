"""The clock is the database's: a server whose own clock is wrong decides as the others do."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from marketplace.dates import clock
from opportunities.models import Opportunity
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.unguarded import unguarded

ROOT = Path(__file__).resolve().parent.parent
APPS = ["marketplace", "vendors", "opportunities", "proposals"]
CLOCKS = {"now", "utcnow", "today", "localnow", "database_now", "time", "time_ns", "monotonic", "localtime", "Now"}


@pytest.mark.parametrize("shift", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-400)])
def test_a_wrong_server_clock_changes_nothing(db, shift):
    before = clock.database_now()
    with time_machine.travel(datetime.now(UTC) + shift):
        during = clock.now()
        assert abs(datetime.now(UTC) - before - shift) < timedelta(seconds=60)
        assert Opportunity.objects.open(at=clock.Now()).count() == 0
    after = clock.database_now()
    assert before <= during <= after
    assert during.tzinfo is UTC or during.utcoffset() == timedelta(0)


@pytest.mark.parametrize("shift", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_wrong_server_clock_neither_opens_early_nor_late(cast, shift):
    opportunity = cast.published()
    real = clock.database_now()
    for closes_at, due in ((real + timedelta(minutes=30), False), (real - timedelta(minutes=30), True)):
        with unguarded():
            Opportunity.objects.filter(pk=opportunity.pk).update(closes_at=closes_at, questions_close_at=None)
        with time_machine.travel(real + shift):
            assert Opportunity.objects.due(at=clock.Now()).exists() == due
            assert Opportunity.objects.due(at=clock.now()).exists() == due
            assert bool(opening_actions.open_if_due(opportunity.number)) == due


def test_the_expression_and_the_call_agree(cast):
    """`Now()` inside a query, and `now()` before it: the same instant, in the same form as stored ones."""
    cast.published()
    value = Opportunity.objects.values_list(clock.Now(), flat=True).get()
    if isinstance(value, str):  # SQLite returns an expression's text
        value = datetime.fromisoformat(value).replace(tzinfo=UTC)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    assert abs(value - clock.now()) < timedelta(seconds=10)
    for at in (CLOSES_AT, CLOSES_AT - timedelta(microseconds=1), CLOSES_AT + timedelta(microseconds=1)):
        with clock.set_to(at):
            inside = Opportunity.objects.due(at=clock.Now()).exists()
            outside = Opportunity.objects.due(at=clock.now()).exists()
        assert inside == outside == (at >= CLOSES_AT)


def test_stored_instants_compare_with_the_clock_to_the_microsecond(cast):
    """SQLite compares text: whole seconds, milliseconds and microseconds must sort together."""
    opportunity = cast.published()
    for micro in (0, 1, 999, 1000, 500_000, 999_999):
        closes_at = CLOSES_AT.replace(microsecond=micro)
        with unguarded():
            Opportunity.objects.filter(pk=opportunity.pk).update(closes_at=closes_at, questions_close_at=None)
        for offset, due in ((-1, False), (0, True), (1, True)):
            with clock.set_to(closes_at + timedelta(microseconds=offset)):
                assert Opportunity.objects.due(at=clock.Now()).exists() == due, (micro, offset)
                assert Opportunity.objects.open(at=clock.now()).exists() != due, (micro, offset)


def test_set_to_is_refused_in_production(settings):
    settings.PRODUCTION = True
    with pytest.raises(RuntimeError), clock.set_to(PUBLISHED_AT):
        pytest.fail("the clock was set")


def test_set_to_takes_aware_instants_and_undoes_itself(db):
    with pytest.raises(TypeError), clock.set_to(datetime(2026, 11, 3)):  # noqa: DTZ001 - the mistake itself
        pytest.fail("the clock was set")
    with clock.set_to(PUBLISHED_AT):
        with pytest.raises(ValueError), clock.set_to(CLOSES_AT):
            raise ValueError
        assert clock.now() == PUBLISHED_AT
        assert clock.database_now() != PUBLISHED_AT
    assert clock.now() != PUBLISHED_AT


def test_a_worker_started_the_day_before_knows_what_day_it_is(cast, client):
    """Nothing keeps the instant of its start: the same process, before and after."""
    opportunity = cast.published()
    asked = {}
    for at in (CLOSES_AT - timedelta(days=1), CLOSES_AT + timedelta(days=1)):
        with clock.set_to(at):
            asked[at] = (
                opportunity.accepts_proposals(at=clock.now()),
                Opportunity.objects.open(at=clock.now()).exists(),
                Opportunity.objects.due(at=clock.Now()).exists(),
            )
    assert list(asked.values()) == [(True, True, False), (False, False, True)]


def python_files():
    return [path for app in APPS for path in (ROOT / app).rglob("*.py")]


def _called(node) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _makes_a_value(call) -> bool:
    """`time(14, 0)` is a time of day, not a question."""
    return isinstance(call.func, ast.Name) and call.func.id == "time" and bool(call.args)


def test_no_default_argument_and_no_module_reads_a_clock():
    """A default is computed when the process starts: it would still say yesterday tomorrow."""
    seen, found = 0, []
    for path in python_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        frozen = []
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef):
                defaults = [d for d in [*node.args.defaults, *node.args.kw_defaults] if d is not None]
                seen += len(defaults)
                frozen += defaults
            elif isinstance(node, ast.Module | ast.ClassDef):
                kept = (ast.Assign, ast.AnnAssign, ast.Expr)
                frozen += [child for child in node.body if isinstance(child, kept)]
        for node in frozen:
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and _called(call) in CLOCKS and not _makes_a_value(call):
                    found.append(f"{path.relative_to(ROOT)}:{call.lineno}")
    assert seen > 50 and not found


def test_only_the_clock_module_asks_what_time_it_is():
    """Everything else is told (`at=`) or asks the database's clock through this one door."""
    # The doctor compares both clocks; readiness counts how long an answer is kept.
    allowed = {"marketplace/dates/clock.py", "marketplace/service/doctor.py", "marketplace/service/checks.py"}
    found = []
    for path in python_files():
        name = str(path.relative_to(ROOT))
        if name in allowed or "/migrations/" in name:
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            owner = getattr(call.func.value, "id", getattr(call.func.value, "attr", ""))
            if owner in {"timezone", "datetime", "date", "time"} and call.func.attr in CLOCKS:
                found.append(f"{name}:{call.lineno}")
    assert not found
