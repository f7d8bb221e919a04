"""Money and time as figures, the bar and the drawing of what closes, and « où en est-elle? »."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.template import Context, Template
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from marketplace.charts.swarm import DAYS, TALL, WIDE, Need, draw
from marketplace.dates.localtime import countdown
from marketplace.money import format_cents
from marketplace.templatetags.figures import figure, soon, time_bar
from proposals.award import actions as award_actions
from proposals.public.strip import steps
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("64\u00a0000\u00a0$", "64\u00a0000<span>\u00a0$</span>"),
        ("64\u00a0000,50\u00a0$", "64\u00a0000,50<span>\u00a0$</span>"),
        ("$64,000", "<span>$</span>64,000"),
        ("8\u00a0jours 20\u00a0heures", "8<span>\u00a0jours </span>20<span>\u00a0heures</span>"),
        ("moins d’une minute", "<span>moins d’une minute</span>"),
        ("<b>5 $", "<span>&lt;b&gt;</span>5<span> $</span>"),
        ("", ""),
    ],
)
def test_a_figure_is_its_digits_then_its_units(text, shown):
    assert figure(text) == shown


@given(st.integers(0, 10**9), st.sampled_from(["fr", "en"]))
def test_nothing_of_a_figure_is_lost(cents, language):
    with translation.override(language):
        for text in (format_cents(cents), countdown(NOW + timedelta(seconds=cents), NOW)):
            assert figure(text).replace("<span>", "").replace("</span>", "") == text


@pytest.mark.parametrize(
    ("left", "urgent"),
    [(timedelta(0), False), (MINUTE, True), (timedelta(hours=48) - MINUTE, True), (timedelta(hours=48), False),
     (-MINUTE, False)],
)  # fmt: skip
def test_urgent_is_under_forty_eight_hours_and_not_after(left, urgent):
    assert soon(NOW + left, NOW) is urgent
    assert soon(None, NOW) is False


@pytest.mark.parametrize(
    ("until", "since", "width"),
    [(30, None, "100.0"), (45, None, "100.0"), (15, None, "50.0"), (-1, None, "0.0"), (5, -15, "25.0"), (0, 0, "0.0")],
)
def test_the_bar_is_what_remains(until, since, width):
    since = None if since is None else NOW + timedelta(days=since)
    assert time_bar(NOW + timedelta(days=until), NOW, since) == {"width": width}


def needs(closings):
    return [
        Need(f"Besoin {place}", "Ville", cents, NOW + timedelta(hours=hours))
        for place, (hours, cents) in enumerate(closings)
    ]


@given(st.lists(st.tuples(st.integers(-48, 24 * 40), st.integers(1, 100_000_00)), max_size=60))
def test_the_thirty_days_are_drawn_within_their_frame(closings):
    for frame in (WIDE, TALL):
        drawn = draw(needs(closings), NOW, frame)
        assert len(drawn.dots) == sum(0 < hours <= 24 * DAYS for hours, _cents in closings)
        for dot in drawn.dots:
            assert frame.margin <= dot.x - dot.r and dot.x + dot.r <= frame.end + 0.001
            assert dot.y + dot.r < frame.axis and dot.urgent == (dot.need.closes_at - NOW < timedelta(hours=48))
        assert all(right.x - left.x > 200 for left, right in pairwise(drawn.named))


def test_those_that_close_together_stand_apart():
    drawn = draw(needs([(100, 60_000_00)] * 5), NOW, WIDE)
    places = [(dot.x, dot.y) for dot in drawn.dots]
    assert len(set(places)) == 5
    for place, one in enumerate(drawn.dots):
        for other in drawn.dots[place + 1 :]:
            assert (one.x - other.x) ** 2 + (one.y - other.y) ** 2 >= (one.r + other.r) ** 2


def test_what_is_drawn_is_text_never_markup():
    page = Template("{% load figures %}{% swarm needs now %}")
    drawn = page.render(Context({"needs": [Need("<b>", "<i>", 5, NOW + timedelta(days=3))], "now": NOW}))
    assert "<b>" not in drawn and "&lt;b&gt;" in drawn and "style=" not in drawn


# --- Where is it? ----------------------------------------------------------------------------------------------------
def told(occasion, at, **contract):
    return [(step.label, step.state) for step in steps(occasion, at, **contract)]


def test_each_stage_has_its_step(cast):
    questions = PUBLISHED_AT + timedelta(days=1)
    draft = told(cast.draft(), PUBLISHED_AT)
    assert draft[0] == ("Publiée", "now") and {state for _label, state in draft[1:]} == {"next"} and len(draft) == 8
    open_one = cast.published()
    seen = {
        "Questions": told(open_one, questions),
        "Fermeture": told(open_one, open_one.questions_close_at),
        "Ouverture": told(open_one, CLOSES_AT),
        "Évaluation": told(cast.opened()[0], CLOSES_AT + MINUTE),
        "Attribution": told(cast.recommended()[0], CLOSES_AT + MINUTE),
    }
    awarded = cast.awarded()[0]
    seen |= {"Contrat": told(awarded, CLOSES_AT + MINUTE), "Payé": told(awarded, CLOSES_AT + MINUTE, signed=True)}
    for label, line in seen.items():
        here = [name for name, _state in line].index(label)
        assert [state for _label, state in line] == ["done"] * here + ["now"] + ["next"] * (7 - here), label
    assert {state for _label, state in told(awarded, CLOSES_AT + MINUTE, signed=True, paid=True)} == {"done"}


def test_what_goes_no_further_stops_and_says_so(cast, now):
    cancelled = cast.published()
    award_actions.cancel(cancelled, by=cast.officer, reason="Essai")
    assert told(cancelled, PUBLISHED_AT)[-1] == ("Annulée", "ended") and len(told(cancelled, PUBLISHED_AT)) == 2
    nothing, _proposals = cast.opened(proposals=0)
    award_actions.conclude(nothing, by=cast.officer, code="none_received")
    assert [state for _label, state in told(nothing, CLOSES_AT)] == ["done"] * 4 + ["ended"]


def test_a_suspended_occasion_keeps_its_place(cast, now):
    occasion = cast.published()
    award_actions.suspend(occasion, by=cast.officer, reason="Essai")
    assert told(occasion, PUBLISHED_AT + MINUTE)[1] == ("Questions", "now")
