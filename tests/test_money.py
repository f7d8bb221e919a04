"""Money: typed, shown, taxed, always integer cents."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django import forms
from django.template import Context, Template
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.money import MAX_CENTS, MoneyField, format_cents, parse_cents, tax_rates, taxes

NBSP, NNBSP = "\u00a0", "\u202f"
CENTS = st.integers(min_value=0, max_value=MAX_CENTS)


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("0", 0),
        ("64000", 64_000_00),
        ("64 000", 64_000_00),
        (f"64{NBSP}000{NBSP}$", 64_000_00),
        (f"64{NNBSP}000,50{NBSP}$", 64_000_50),
        ("64 000,50 $", 64_000_50),
        ("64000.50", 64_000_50),
        ("64000,5", 64_000_50),
        ("1 234 567,89 $", 1_234_567_89),
        ("$64,000", 64_000_00),
        ("$64,000.50", 64_000_50),
        ("64,000.50", 64_000_50),
        ("1,234,567", 1_234_567_00),
        ("1.234,50", 1_234_50),
        ("64.000,00", 64_000_00),
        ("1.234.567", 1_234_567_00),
        ("$1,234", 1_234_00),
        ("$ 12", 12_00),
        ("12$", 12_00),
        ("12 $ CA", 12_00),
        ("CA$12", 12_00),
        ("12 CAD", 12_00),
        ("  7,05  ", 7_05),
        ("1,23", 1_23),
        ("007", 7_00),
        ("0,01", 1),
    ],
)
def test_what_people_type_is_read(typed, cents):
    assert parse_cents(typed) == cents


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Entrez un montant"),
        ("   ", "Entrez un montant"),
        ("1,234", "ambigu"),
        ("1.234", "ambigu"),
        ("64,000 $", f"«{NBSP}64{NBSP}000{NBSP}» ou «{NBSP}64,00{NBSP}»"),
        ("1,234", "1,23"),
        ("64.000", "ambigu"),
        ("64.00,0", "par exemple"),
        ("6400.000,00", "par exemple"),
        ("-5", "négatif"),
        ("\u22125 $", "négatif"),
        ("$-5", "négatif"),
        ("12,3456", "deux décimales"),
        ("64 000,125", "deux décimales"),
        ("64 00", "par exemple"),
        ("6 4000", "par exemple"),
        ("12,", "par exemple"),
        (",50", "par exemple"),
        ("1e5", "par exemple"),
        ("NaN", "par exemple"),
        ("$", "par exemple"),
        ("$12$", "par exemple"),
        ("12 €", "dollars canadiens"),
        ("douze", "par exemple"),
        ("9" * 20, "trop grand"),
        ("9" * 5000, "trop grand"),
    ],
)
def test_what_is_not_an_amount_is_refused_with_a_sentence(typed, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_cents(typed)


@pytest.mark.parametrize("wrong", [64_000.5, 64_000, None, b"12", True])
def test_only_text_is_parsed(wrong):
    with pytest.raises(TypeError):
        parse_cents(wrong)


@pytest.mark.parametrize("wrong", [0.1, 64_000.0, True, "12", None])
def test_floats_are_refused_everywhere(wrong):
    for use in (format_cents, taxes, lambda value: MoneyField(max_cents=value or "")):
        with pytest.raises(TypeError):
            use(wrong)
    with pytest.raises(TypeError):
        MoneyField().prepare_value(1.5)


@pytest.mark.parametrize(
    ("cents", "exact", "french", "english"),
    [
        (64_000_00, None, "64 000 $", "$64,000"),
        (45_454_55, None, "45 454,55 $", "$45,454.55"),
        (90_000_00, True, "90 000,00 $", "$90,000.00"),
        (99, None, "0,99 $", "$0.99"),
        (0, None, "0 $", "$0"),
        (1_234_567_05, None, "1 234 567,05 $", "$1,234,567.05"),
        (45_454_55, False, "45 455 $", "$45,455"),
        (-12_50, None, "\u221212,50 $", "\u2212$12.50"),
        (-40, False, "0 $", "$0"),
    ],
)
def test_shown_in_both_languages_with_fixed_spaces(cents, exact, french, english):
    assert format_cents(cents, exact=exact, lang="fr") == french.replace(" ", NBSP)
    assert format_cents(cents, exact=exact, lang="en") == english


def test_the_active_language_is_the_default():
    with translation.override("en"):
        assert format_cents(100_000_00) == "$100,000"
    with translation.override("fr-ca"):
        assert format_cents(100_000_00) == f"100{NBSP}000{NBSP}$"
    with translation.override(None):
        assert format_cents(5_00) == f"5{NBSP}$"


@settings(deadline=None)  # a busy machine is not a failure
@given(CENTS, st.sampled_from([None, True]), st.sampled_from(["fr", "en"]))
def test_what_is_shown_can_be_typed_back(cents, exact, lang):
    assert parse_cents(format_cents(cents, exact=exact, lang=lang)) == cents


@settings(deadline=None)  # a busy machine is not a failure
@given(st.text(max_size=50))
def test_any_text_is_an_amount_or_a_sentence(text):
    try:
        assert 0 <= parse_cents(text) <= MAX_CENTS
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("before", "tps", "tvq", "total"),
    [
        (82_500_00, 4_125_00, 8_229_38, 94_854_38),
        (0, 0, 0, 0),
        (10, 1, 1, 12),  # 0.5 and 0.9975 of a cent, both up
        (9, 0, 1, 10),
        (100_00, 5_00, 9_98, 114_98),
        (89_999_99, 4_500_00, 8_977_50, 103_477_49),
    ],
)
def test_taxes(before, tps, tvq, total):
    result = taxes(before)
    assert (result.before, result.tps, result.tvq, result.total) == (before, tps, tvq, total)


@settings(deadline=None)  # a busy machine is not a failure
@given(CENTS)
def test_taxes_add_up_and_are_rounded_half_up(cents):
    result = taxes(cents)
    assert result.total == result.before + result.tps + result.tvq
    assert -50_000 <= result.tps * 100_000 - cents * 5_000 - 0 <= 50_000
    assert -50_000 < result.tvq * 100_000 - cents * 9_975 <= 50_000


def test_tax_rates_have_a_date():
    assert tax_rates(date(2013, 1, 1)) == tax_rates() == (5_000, 9_975)
    with pytest.raises(ValueError, match="2012-12-31"):
        taxes(100, on=date(2012, 12, 31))
    with pytest.raises(TypeError):
        tax_rates(datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="negative"):
        taxes(-1)


class Priced(forms.Form):
    price = MoneyField(min_cents=1_00, max_cents=89_999_99)


@pytest.mark.parametrize(("typed", "cents"), [("64 000,50 $", 64_000_50), ("1", 1_00), ("$89,999.99", 89_999_99)])
def test_the_field_cleans_to_cents(typed, cents):
    form = Priced({"price": typed})
    assert form.is_valid(), form.errors
    assert form.cleaned_data == {"price": cents}


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "required"), (NBSP, "required"), ("0,99", "min_cents"), ("90 000", "max_cents"), ("1,234", "invalid")],
)
def test_the_field_refuses_and_keeps_what_was_typed(typed, code):
    form = Priced({"price": typed})
    assert [error.code for error in form.errors.as_data()["price"]] == [code]
    if typed.strip():
        assert f'value="{typed}"' in str(form["price"])


def test_the_field_shows_its_initial_and_knows_when_it_changed():
    form = Priced(initial={"price": 64_000_50})
    assert f'value="64{NBSP}000,50"' in str(form["price"])
    with translation.override("en"):  # the sign stands beside the field
        assert 'value="64000.50"' in str(form["price"])
    assert 'inputmode="decimal"' in str(form["price"])
    assert not Priced({"price": "64 000,50 $"}, initial={"price": 64_000_50}).has_changed()
    assert Priced({"price": "64 000,51"}, initial={"price": 64_000_50}).has_changed()
    assert MoneyField(required=False).clean("") is None


@settings(deadline=None)  # a busy machine is not a failure
@given(CENTS, st.sampled_from(["fr", "en"]))
def test_the_shown_initial_is_read_back(cents, lang):
    with translation.override(lang):
        field = MoneyField()
        assert field.clean(field.prepare_value(cents)) == cents


@pytest.mark.parametrize(
    ("source", "french", "english"),
    [
        ("{{ cents|money }}", "64 000 $", "$64,000"),
        ("{{ cents|money_exact }}", "64 000,00 $", "$64,000.00"),
        ("{{ none|money }}", "–", "–"),
        ("{{ missing|money }}", "", ""),
        ("{{ score|decimal_fr }}", "86,88", "86.88"),
        ("{{ score|decimal_fr:1 }}", "86,9", "86.9"),
        ("{{ big|decimal_fr }}", "12 345,50", "12,345.50"),
        ("{{ none|decimal_fr }}", "–", "–"),
        ("{{ rate|percent }}", "9,975 %", "9.975%"),
        ("{{ forty|percent }}", "40 %", "40%"),
        ("{{ none|percent }}", "–", "–"),
        ("{{ 0|weight }}", "0 Ko", "0 kB"),
        ("{{ 300|weight }}", "1 Ko", "1 kB"),
        ("{{ 1048575|weight }}", "1 Mo", "1 MB"),
        ("{{ 1500000|weight }}", "1,4 Mo", "1.4 MB"),
        ("{{ 10485760|weight }}", "10 Mo", "10 MB"),
        ("{{ digest|digest_groups }}", "0123abcd 4567ef89 01", "0123abcd 4567ef89 01"),
        ("{{ raw|digest_groups }}", "ff00", "ff00"),
    ],
)
def test_template_filters_for_numbers(source, french, english):

    values = {
        "cents": 64_000_00,
        "none": None,
        "score": Decimal("86.875"),
        "big": Decimal("12345.5"),
        "rate": Decimal("9.9750"),
        "forty": Decimal("40.00"),
        "digest": "0123abcd4567ef8901",
        "raw": b"\xff\x00",
    }
    template = Template("{% load marketplace %}" + source)
    with translation.override("fr-ca"):
        assert template.render(Context(values)).replace(NBSP, " ") == french
    with translation.override("en"):
        assert template.render(Context(values)) == english
