"""Local time: two changes of hour, two languages, one field."""
# ruff: noqa: DTZ001 - naive times, as people type them, are the subject

from datetime import UTC, date, datetime, timedelta

import pytest
from django import forms
from django.template import Context, Template
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.dates import localtime
from marketplace.dates.fields import LocalDateTimeField
from marketplace.dates.localtime import (
    AmbiguousLocalTime,
    NonexistentLocalTime,
    countdown,
    local,
    offset_name,
    to_utc,
)

NBSP = "\u00a0"
CLOSING = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
AROUND_CHANGES = st.sampled_from(
    [datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6), datetime(2027, 3, 14, 7), datetime(2027, 11, 7, 6)]
)


@pytest.mark.parametrize(
    ("typed", "fold", "utc"),
    [
        ("2026-10-20T14:00", None, "2026-10-20T18:00"),
        ("2026-11-24T14:00", None, "2026-11-24T19:00"),
        ("2026-11-01T00:59", None, "2026-11-01T04:59"),
        ("2026-11-01T01:00", 0, "2026-11-01T05:00"),
        ("2026-11-01T01:30", 0, "2026-11-01T05:30"),
        ("2026-11-01T01:30", 1, "2026-11-01T06:30"),
        ("2026-11-01T02:00", None, "2026-11-01T07:00"),
        ("2027-03-14T01:59", None, "2027-03-14T06:59"),
        ("2027-03-14T03:00", None, "2027-03-14T07:00"),
        ("2026-07-01T12:00", 1, "2026-07-01T16:00"),  # a useless fold changes nothing
        ("2026-12-01T12:00", 0, "2026-12-01T17:00"),
    ],
)
def test_a_local_time_becomes_utc(typed, fold, utc):
    found = to_utc(datetime.fromisoformat(typed), fold=fold)
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("typed", ["2026-03-08T02:00", "2026-03-08T02:59", "2027-03-14T02:30"])
@pytest.mark.parametrize("fold", [None, 0, 1])
def test_a_time_that_does_not_exist_is_refused(typed, fold):
    with pytest.raises(NonexistentLocalTime, match="n’existe pas"):
        to_utc(datetime.fromisoformat(typed), fold=fold)


@pytest.mark.parametrize("typed", ["2026-11-01T01:00", "2026-11-01T01:30", "2026-11-01T01:59:59", "2027-11-07T01:15"])
def test_a_time_that_happens_twice_is_asked(typed):
    with pytest.raises(AmbiguousLocalTime, match="deux fois"):
        to_utc(datetime.fromisoformat(typed))
    with pytest.raises(AmbiguousLocalTime):
        to_utc(datetime.fromisoformat(typed).replace(fold=1))
    gap = to_utc(datetime.fromisoformat(typed), fold=1) - to_utc(datetime.fromisoformat(typed), fold=0)
    assert gap == timedelta(hours=1)


@settings(deadline=None)  # a busy machine is not a failure
@given(AROUND_CHANGES, st.integers(min_value=-4 * 86_400, max_value=4 * 86_400))
def test_utc_to_local_and_back_around_the_changes(change, seconds):
    moment = change.replace(tzinfo=UTC) + timedelta(seconds=seconds)
    here = local(moment)
    assert to_utc(here.replace(tzinfo=None), fold=here.fold) == moment


@settings(deadline=None)  # a busy machine is not a failure
@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2090, 1, 1)))
def test_any_typed_time_is_one_instant_or_refused(typed):
    try:
        found = to_utc(typed)
    except (NonexistentLocalTime, AmbiguousLocalTime):
        return
    assert local(found).replace(tzinfo=None, fold=0) == typed.replace(fold=0)


def test_wrong_kinds_of_datetimes_are_refused():
    naive = datetime(2026, 11, 24, 14)
    for use in (local, offset_name, localtime.deadline, localtime.moment, localtime.moment_exact, localtime.short):
        with pytest.raises(TypeError):
            use(naive)
    for use in (localtime.day, lambda value: countdown(value, CLOSING), lambda value: countdown(CLOSING, value)):
        with pytest.raises(TypeError):
            use(naive)
    with pytest.raises(TypeError):
        to_utc(CLOSING)
    with pytest.raises(ValueError, match="limites du calendrier"):
        to_utc(datetime(9999, 12, 31, 23))


@pytest.mark.parametrize(
    ("write", "utc", "french", "english"),
    [
        (
            "deadline",
            "2026-11-24T19:00",
            "mardi 24 novembre 2026, 14 h 00 (HNE)",
            "Tuesday, November 24, 2026, 2:00 p.m. (EST)",
        ),
        (
            "deadline",
            "2026-10-20T18:00",
            "mardi 20 octobre 2026, 14 h 00 (HAE)",
            "Tuesday, October 20, 2026, 2:00 p.m. (EDT)",
        ),
        (
            "deadline",
            "2026-12-01T05:05",
            "mardi 1er décembre 2026, 0 h 05 (HNE)",
            "Tuesday, December 1, 2026, 12:05 a.m. (EST)",
        ),
        (
            "deadline",
            "2026-11-01T05:30",
            "dimanche 1er novembre 2026, 1 h 30 (HAE)",
            "Sunday, November 1, 2026, 1:30 a.m. (EDT)",
        ),
        (
            "deadline",
            "2026-11-01T06:30",
            "dimanche 1er novembre 2026, 1 h 30 (HNE)",
            "Sunday, November 1, 2026, 1:30 a.m. (EST)",
        ),
        ("moment", "2026-11-22T15:02:17", "22 novembre 2026, 10 h 02 (HNE)", "November 22, 2026, 10:02 a.m. (EST)"),
        ("moment", "2026-08-01T16:00", "1er août 2026, 12 h 00 (HAE)", "August 1, 2026, 12:00 p.m. (EDT)"),
        (
            "moment_exact",
            "2026-11-22T15:02:17.384999",
            "22 novembre 2026, 10 h 02 min 17,384 s (HNE)",
            "November 22, 2026, 10:02:17.384 a.m. (EST)",
        ),
        (
            "moment_exact",
            "2026-11-24T18:59:59.999999",
            "24 novembre 2026, 13 h 59 min 59,999 s (HNE)",
            "November 24, 2026, 1:59:59.999 p.m. (EST)",
        ),
        ("day", "2026-11-23T04:59", "22 novembre 2026", "November 22, 2026"),
        ("short", "2026-11-24T19:00", "24 nov., 14 h (HNE)", "Nov. 24, 2 p.m. (EST)"),
        ("short", "2026-07-01T13:30", "1er juill., 9 h 30 (HAE)", "July 1, 9:30 a.m. (EDT)"),
    ],
)
def test_written_in_both_languages(write, utc, french, english):
    value = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    function = getattr(localtime, write)
    assert function(value, "fr").replace(NBSP, " ") == french
    assert function(value, "en").replace(NBSP, " ") == english
    with translation.override("en"):
        assert function(value) == function(value, "en")
    with translation.override("fr-ca"):
        assert function(value) == function(value, "fr")


def test_spaces_inside_an_hour_are_fixed():
    assert f"14{NBSP}h{NBSP}00" in localtime.deadline(CLOSING, "fr")
    assert f"2:00{NBSP}p.m." in localtime.deadline(CLOSING, "en")


def test_a_plain_date_is_written_as_it_is():
    assert localtime.day(date(2026, 1, 1), "fr") == "1er janvier 2026"


@pytest.mark.parametrize(
    ("left", "french", "english"),
    [
        (timedelta(days=2, hours=4, minutes=59), "2 jours 4 heures", "2 days 4 hours"),
        (timedelta(days=1, hours=1), "1 jour 1 heure", "1 day 1 hour"),
        (timedelta(days=2, minutes=59), "2 jours", "2 days"),
        (timedelta(hours=3, minutes=12, seconds=59), "3 heures 12 minutes", "3 hours 12 minutes"),
        (timedelta(hours=1), "1 heure", "1 hour"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 heures 59 minutes", "23 hours 59 minutes"),
        (timedelta(minutes=1), "1 minute", "1 minute"),
        (timedelta(seconds=59, milliseconds=999), "moins d’une minute", "less than a minute"),
        (timedelta(microseconds=1), "moins d’une minute", "less than a minute"),
        (timedelta(0), "terminé", "ended"),
        (timedelta(microseconds=-1), "terminé", "ended"),
        (timedelta(days=-3), "terminé", "ended"),
    ],
)
def test_countdown(left, french, english):
    assert countdown(CLOSING, CLOSING - left, "fr").replace(NBSP, " ") == french
    assert countdown(CLOSING, CLOSING - left, "en").replace(NBSP, " ") == english


def test_countdown_counts_elapsed_hours_over_a_change():
    evening, noon = to_utc(datetime(2026, 10, 31, 12)), to_utc(datetime(2026, 11, 1, 12))
    assert countdown(local(noon), local(evening), "fr").replace(NBSP, " ") == "1 jour 1 heure"


class Closing(forms.Form):
    closes_at = LocalDateTimeField(label="Date limite")


def typed(day, hour, **more):
    return {"closes_at_date": day, "closes_at_time": hour} | {f"closes_at_{key}": value for key, value in more.items()}


@pytest.mark.parametrize(
    ("data", "utc"),
    [
        (typed("2026-11-24", "14:00"), CLOSING),
        (typed("2026-11-24", "14:00:00", fold=""), CLOSING),
        (typed("24 novembre 2026", "14 h 00"), CLOSING),
        (typed("\u200b24/11/2026", "2:00\u202fp.m."), CLOSING),
        (typed("2026-11-24", "14:00", fold="1"), CLOSING),
        (typed("2026-11-01", "01:30", fold="0"), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (typed("2026-11-01", "01:30", fold="1"), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_the_field_cleans_to_utc(data, utc):
    form = Closing(data)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["closes_at"] == utc
    assert form.cleaned_data["closes_at"].tzinfo is UTC


@pytest.mark.parametrize(
    ("data", "codes", "kept"),
    [
        (typed("2027-03-14", "02:30"), ["nonexistent"], ["2027-03-14", "02:30"]),
        (typed("2026-11-01", "01:30"), ["ambiguous"], ["2026-11-01", "01:30"]),
        (typed("2026-11-01", "01:30", fold="7"), ["invalid_choice"], ["2026-11-01", "01:30"]),
        (typed("2026-02-30", "14:00"), ["invalid"], ["2026-02-30", "14:00"]),
        (typed("2026-11-24", "25:00"), ["invalid"], ["2026-11-24", "25:00"]),
        (typed("11/12/2026", "14:00"), ["invalid"], ["11/12/2026", "14:00"]),
        (typed("2026-11-24", ""), [None], ["2026-11-24"]),
        (typed("", "14:00"), [None], ["14:00"]),
        (typed("9999-12-31", "23:59"), ["invalid"], ["9999-12-31"]),
        (typed("", ""), ["required"], []),
        ({}, ["required"], []),
    ],
)
def test_the_field_refuses_and_keeps_what_was_typed(data, codes, kept):
    form = Closing(data)
    assert [error.code for error in form.errors.as_data()["closes_at"]] == codes
    html = str(form["closes_at"])
    assert all(f'value="{text}"' in html for text in kept)


def test_the_choice_of_the_hour_is_shown_only_when_it_is_needed():
    assert "<select" not in str(Closing()["closes_at"])
    assert "<select" not in str(Closing(initial={"closes_at": CLOSING})["closes_at"])
    assert "<select" not in str(Closing(typed("2026-11-24", "14:00"))["closes_at"])
    assert "<select" not in str(Closing(typed("pas une date", "14:00"))["closes_at"])
    asked = str(Closing(typed("2026-11-01", "01:30"))["closes_at"])
    assert 'name="closes_at_fold"' in asked
    assert "HAE" in asked
    again = str(Closing(initial={"closes_at": datetime(2026, 11, 1, 6, 30, tzinfo=UTC)})["closes_at"])
    assert '<option value="1" selected>' in again


def test_the_inputs_are_native_and_named():
    html = str(Closing(initial={"closes_at": CLOSING})["closes_at"])
    assert 'type="date"' in html
    assert 'value="2026-11-24"' in html
    assert 'type="time"' in html
    assert 'value="14:00"' in html
    assert html.count("aria-label") == 2
    assert "style=" not in html
    assert Closing()["closes_at"].use_fieldset


def test_the_field_knows_when_it_changed_and_may_be_optional():
    assert not Closing(typed("2026-11-24", "14:00"), initial={"closes_at": CLOSING}).has_changed()
    assert Closing(typed("2026-11-24", "14:01"), initial={"closes_at": CLOSING}).has_changed()
    second = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert not Closing(typed("2026-11-01", "01:30", fold="1"), initial={"closes_at": second}).has_changed()
    assert Closing(typed("2026-11-01", "01:30", fold="0"), initial={"closes_at": second}).has_changed()
    assert LocalDateTimeField(required=False).clean([]) is None
    assert LocalDateTimeField(required=False).clean(["", "", ""]) is None


@pytest.mark.parametrize(
    ("source", "french"),
    [
        ("{{ at|deadline }}", "mardi 24 novembre 2026, 14 h 00 (HNE)"),
        ("{{ at|moment }}", "24 novembre 2026, 14 h 00 (HNE)"),
        ("{{ at|moment_exact }}", "24 novembre 2026, 14 h 00 min 00,000 s (HNE)"),
        ("{{ at|short_moment }}", "24 nov., 14 h (HNE)"),
        ("{{ at|day }}", "24 novembre 2026"),
        ("{% countdown at now %}", "2 jours 4 heures"),
        ("{{ none|deadline }}{{ none|day }}", "––"),
        ("{{ missing|deadline }}", ""),
    ],
)
def test_template_filters_for_time(source, french):
    values = {"at": CLOSING, "now": CLOSING - timedelta(days=2, hours=4), "none": None}
    with translation.override("fr-ca"):
        assert Template("{% load marketplace %}" + source).render(Context(values)).replace(NBSP, " ") == french
