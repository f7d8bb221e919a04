"""Values that people type and paste: golden tables, and what holds of any text (kinds F, G and H)."""

from datetime import date, time
from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marketplace.dates import localtime
from marketplace.mail import address
from marketplace.money import MAX_CENTS, format_cents, parse_cents
from marketplace.templatetags.marketplace import decimal_fr
from marketplace.values import day, neq, number, postal_code, signs, tax_number, telephone

NBSP, THIN = "\u00a0", "\u202f"
INVISIBLE = (
    "\u200b\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2069\u061c\u180e\x00\x07\u034f\ufe0f"
)
SPACES = " \t\u00a0\u1680\u2002\u2003\u2007\u2008\u2009\u200a\u202f\u205f\u3000\r\n\u2028"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
# Full width, Arabic-Indic, Eastern Arabic-Indic, Devanagari, Bengali, mathematical bold, segmented.
ZEROS = "\uff10\u0660\u06f0\u0966\u09e6\U0001d7ce\U0001fbf0"
CASES = settings(max_examples=500, deadline=None, derandomize=True)

# --- 60 spellings of money -------------------------------------------------------------------------------------------
MONEY = {
    12_345_00: [
        "12345", "12 345", "12\u00a0345", "12\u202f345", "12\t345", "12\u2003345", "12\u2009345", "12\u205f345",
        "12\u3000345", "12 345 $", "12 345$", "$12,345", "$ 12 345", "$12 345.00", "12 345,00 $", "12345.00",
        "12 345,0", "12.345,00", "12,345.00", "12'345.00", "12\u2019345,00", "CAD 12 345", "CAD12345", "12 345 CAD",
        "12 345 $ CAN", "12 345 $CAN", "12 345 $ CA", "12 345 $CA", "CA$12,345", "CAN$ 12 345", "C$12,345",
        "CAD$ 12 345", "12 345 CAN", "cad 12 345", "12 345 dollars", "12 345 dollars canadiens", "12 345 $ canadiens",
        "\u200b12 345,00 $", "\ufeff12345", "12\u00ad345", "\u202a12 345 $\u202c", "12 345 $\u200b", "１２３４５",
        "１２ ３４５，００ ＄", "١٢٣٤٥", "١٢٬٣٤٥٫٠٠", "१२३४५", "12 345,- $", "12 345.-", "12 345,\u2013",
        "12 345 $.", "012345", "  12 345  ", "12\n345", "𝟏𝟐𝟑𝟒𝟓",
    ],
    1_234_567_89: ["1 234 567,89 $", "$1,234,567.89", "1.234.567,89", "1'234'567.89", "CAD 1\u202f234\u202f567,89"],
    0: ["0", "0 $", "0,00", "$0.00"],
}  # fmt: skip


@pytest.mark.parametrize(("typed", "cents"), [(typed, cents) for cents, all_ in MONEY.items() for typed in all_])
def test_spellings_of_money(typed, cents):
    assert parse_cents(typed) == cents


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("12,345", "deux façons"), ("12.345", "deux façons"), ("CAD 12,345", "deux façons"),
        ("12 345,678", "deux décimales"), ("12 345 $ US", "dollars canadiens"), ("USD 12", "dollars canadiens"),
        ("12 €", "dollars canadiens"), ("45 k$", "en entier"), ("1,5 M$", "en entier"), ("(12 345)", "négatif"),
        ("\u201312 345", "négatif"), ("12 345-", "négatif"), ("45²", "par exemple"), ("½", "par exemple"),
        ("environ 12 345", "par exemple"), ("12 345 à 15 000", "par exemple"), ("\u200b", "Entrez un montant"),
    ],
)  # fmt: skip
def test_what_is_wrong_of_an_amount_is_named(typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError, match=said):
        parse_cents(typed)


def test_the_golden_tables_are_as_long_as_they_should_be():
    assert len({typed for all_ in MONEY.values() for typed in all_}) >= 55
    assert len(NEQ) >= 12 and len(TELEPHONES) >= 12 and len(POSTAL) >= 8 and len(DAYS) >= 12 and len(SCORES) >= 8


# --- NEQ -------------------------------------------------------------------------------------------------------------
NEQ = [
    "1161234567", "1161-234-567", "1161.234.567", "NEQ 1161234567", "1161 234 567", "NEQ : 1161 234 567",
    "neq:1161234567", "N.E.Q. 1161-234-567", "NEQ no 1161234567", "n° 1161234567", "#1161234567",
    "１１６１２３４５６７",
    "\u200b1161\u200b234\u200b567", "\ufeff1161234567\u202c", "1161\u2011234\u2011567", "1161\u00a0234\u00a0567",
    "1161\u2013234\u2013567", "١١٦١٢٣٤٥٦٧", "1161/234/567", "1161234567.", "1161\u00ad234567", "(1161234567)",
]  # fmt: skip


@pytest.mark.parametrize("typed", NEQ)
def test_spellings_of_a_neq(typed):
    assert neq.read(typed) == "1161234567"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "dix chiffres"), ("NEQ", "dix chiffres"), ("123", "Il y en a 3"), ("12345678901", "Il y en a 11"),
        ("123456789", "numéro d’entreprise fédéral"), ("116123456O", "« O » n’en est pas un"),
        ("1161234567a", "« A » n’en|« a » n’en"), ("11612345²7", "« ² »"),
    ],
)  # fmt: skip
def test_what_is_wrong_of_a_neq_is_named(typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError) as raised:
        neq.read(typed)
    assert str(raised.value).startswith("Le NEQ a dix chiffres.")
    assert any(part in str(raised.value).replace(NBSP, " ") for part in said.split("|"))


@pytest.mark.parametrize(
    ("digits", "usual"),
    [("1161234567", True), ("2241234567", True), ("3391234567", True), ("8851234567", True), ("1234567890", False),
     ("1131234567", False), ("9961234567", False)],
)  # fmt: skip
def test_only_series_that_are_issued_are_usual(digits, usual):
    assert neq.usual(digits) is usual


# --- Telephones ------------------------------------------------------------------------------------------------------
TELEPHONES = [
    ("418 555-0123", "418 555-0123"), ("(418) 555-0123", "418 555-0123"), ("418.555.0123", "418 555-0123"),
    ("4185550123", "418 555-0123"), ("1-418-555-0123", "418 555-0123"), ("+1 418 555 0123", "418 555-0123"),
    ("418\u2011555\u20110123", "418 555-0123"), ("418/555-0123", "418 555-0123"),
    ("Tél. : 418 555-0123", "418 555-0123"), ("tel:+14185550123", "418 555-0123"),
    ("418 555-0123, poste 4", "418 555-0123 poste 4"), ("418 555-0123 #4", "418 555-0123 poste 4"),
    ("418 555-0123 x4", "418 555-0123 poste 4"), ("418 555-0123x4", "418 555-0123 poste 4"),
    ("418 555-0123 p. 4", "418 555-0123 poste 4"), ("418 555-0123 (poste 4)", "418 555-0123 poste 4"),
    ("418 555-0123 ext. 4", "418 555-0123 poste 4"), ("418 555-0123 extension 4", "418 555-0123 poste 4"),
    ("418 555-0123 Poste : 4", "418 555-0123 poste 4"), ("418 555-0123;ext=4", "418 555-0123 poste 4"),
    ("418 555-0123 poste no 4", "418 555-0123 poste 4"), ("\u202a418 555-0123\u202c", "418 555-0123"),
    ("４１８ ５５５－０１２３", "418 555-0123"), ("+33 1 42 34 56 78", "+33 1 42 34 56 78"),
    ("0033 1 42 34 56 78", "+33142345678"), ("+44 (0)20 7946 0958", "+44 20 7946 0958"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "kept"), TELEPHONES)
def test_spellings_of_telephones(typed, kept):
    assert telephone.read(typed) == kept and telephone.read(kept) == kept


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("555-0123", "indicatif régional"), ("418 555-012", "en a 9"), ("418 555-0123 poste 1234567", "6 chiffres"),
        ("418-FLEURS1", "« F »"), ("018 555-0123", "Aucun numéro"), ("+33", "de 8 à 15"), ("poste", "« p »"),
        ("\u200b", "Entrez un numéro"),
    ],
)  # fmt: skip
def test_what_is_wrong_of_a_telephone_is_named(typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError) as raised:
        telephone.read(typed)
    assert said in str(raised.value).replace(NBSP, " ")


# --- Postal codes ----------------------------------------------------------------------------------------------------
POSTAL = [
    "G8B 1A1", "g8b1a1", "G8B-1A1", "g8b\u00a01a1", "G8B  1A1", "g8b\u20131a1", "G8B\u20031A1", "\u200bG8B\ufeff 1A1",
    "Ｇ８Ｂ １Ａ１", "G8B.1A1", "G8B 1A1,", "G8B IAI",
]  # fmt: skip


@pytest.mark.parametrize("typed", POSTAL)
def test_spellings_of_a_postal_code(typed):
    assert postal_code.read(typed) == "G8B 1A1"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("G8B 1A", "en a 5"), ("75001", "en a 5"), ("D8B 1A1", "« D » n’y est jamais"), ("GAB 1A1", "« A » devrait"),
        ("W8B 1A1", "Aucun ne commence"), ("88B 1A1", "« 8 » n’y est jamais une lettre"), ("", "Entrez un code postal"),
    ],
)  # fmt: skip
def test_what_is_wrong_of_a_postal_code_is_named(typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError) as raised:
        postal_code.read(typed)
    assert said in str(raised.value).replace(NBSP, " ")


# --- Tax and attestation numbers -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("read", "typed", "kept"),
    [
        (tax_number.tps, "123456789 RT0001", "123456789 RT0001"), (tax_number.tps, "123456789rt0001", None),
        (tax_number.tps, "TPS : 123 456 789 RT 0001", None), (tax_number.tps, "123456789\u2013RT\u20130001", None),
        (tax_number.tps, "\u200b123456789\u00a0RT0001", None),
        (tax_number.tps, "１２３４５６７８９ ＲＴ０００１", None),
        (tax_number.tvq, "1234567890 TQ0001", "1234567890 TQ0001"), (tax_number.tvq, "TVQ no 1234567890tq0001", None),
        (tax_number.tvq, "1234-567-890 TQ 0001", None), (tax_number.tvq, "\ufeff1234567890.TQ0001", None),
        (tax_number.attestation, "ABC-123456", "ABC-123456"), (tax_number.attestation, "abc\u2013123456", None),
        (tax_number.attestation, "abc\u2011123 456", None), (tax_number.attestation, "\u200babc-123456.", None),
    ],
)  # fmt: skip
def test_spellings_of_tax_numbers(read, typed, kept):
    right = {tax_number.tps: "123456789 RT0001", tax_number.tvq: "1234567890 TQ0001"}.get(read, "ABC-123456")
    assert read(typed) == (kept or right)


@pytest.mark.parametrize(
    ("read", "typed", "said"),
    [
        (tax_number.tps, "123456789", "Il manque « RT »"), (tax_number.tvq, "1234567890", "Il manque « TQ »"),
        (tax_number.tps, "1234567890 TQ0001", "est un numéro de TVQ"),
        (tax_number.tvq, "123456789 RT0001", "est un numéro de TPS"),
        (tax_number.tps, "12345678 RT0001", "8 chiffres avant"), (tax_number.tvq, "abc", "« TQ » n’y est pas"),
        (tax_number.attestation, "abc", "de 6 à 30"), (tax_number.attestation, "ABC_123456", "« _ » n’en est pas"),
    ],
)  # fmt: skip
def test_what_is_wrong_of_a_tax_number_is_named(read, typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError) as raised:
        read(typed)
    assert said in str(raised.value).replace(NBSP, " ")


# --- Days, hours, numbers --------------------------------------------------------------------------------------------
DAYS = [
    "2026-11-24", "2026/11/24", "2026.11.24", "20261124", "24/11/2026", "24-11-2026", "11/24/2026", "24 novembre 2026",
    "mardi 24 novembre 2026", "le 24 nov. 2026", "24-nov-2026", "November 24, 2026", "Nov. 24, 2026",
    "Tuesday, November 24, 2026", "24th November 2026", "2026-11-24 00:00:00", "2026-11-24T00:00:00",
    "\u200b2026\u201111\u201124", "２０２６－１１－２４", "24\u00a0novembre\u00a02026", "24 NOVEMBRE 2026",
]  # fmt: skip


@pytest.mark.parametrize("typed", DAYS)
def test_spellings_of_a_day(typed):
    assert day.read(typed) == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("03/04/2026", "Écrivez 2026-04-03 ou 2026-03-04"), ("24/11/26", "quatre chiffres"),
        ("24 novembre", "Il manque l’année"), ("2026-02-30", "n’existe pas"), ("demain", "2026-11-24"),
        ("24 jui 2026", "2026-11-24"), ("\u200b", "Entrez une date"),
    ],
)  # fmt: skip
def test_what_is_wrong_of_a_day_is_named(typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError, match=said):
        day.read(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("14:00", time(14)), ("14 h", time(14)), ("14 h 00", time(14)), ("14h30", time(14, 30)), ("2 pm", time(14)),
        ("2:30 p.m.", time(14, 30)), ("12:05 a.m.", time(0, 5)), ("midi", time(12)), ("14:00:00", time(14)),
        ("\u200b14\u202fh\u202f00", time(14)), ("１４：００", time(14)), ("9 heures", time(9)),
    ],
)  # fmt: skip
def test_spellings_of_an_hour(typed, kept):
    assert day.hour(typed) == kept


SCORES = [
    ("80", "80"), ("80,5", "80.5"), ("80.50", "80.5"), ("80/100", "80"), ("\u200b 80", "80"),
    ("８０", "80"), ("100,00", "100"), ("0", "0"), ("٨٠٫٥", "80.5"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "kept"), SCORES)
def test_spellings_of_a_note(typed, kept):
    assert number.score(typed) == Decimal(kept)


@pytest.mark.parametrize(
    ("typed", "said"),
    [("101", "dépasser 100"), ("100,01", "dépasser 100"), ("-1", "négative"), ("80,555", "deux décimales"),
     ("bien", "de 0 à 100"), ("1e2", "de 0 à 100"), ("80 %", "de 0 à 100"), ("\u200b", "Entrez une note")],
)  # fmt: skip
def test_what_is_wrong_of_a_note_is_named(typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError, match=said):
        number.score(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("45", 45), ("1 234", 1234), ("45,0", 45), ("45 %", 45), ("٤٥", 45), ("\ufeff45\u200b", 45), ("-3", -3), ("+4", 4),
     ("1'234", 1234), ("000", 0)],
)  # fmt: skip
def test_spellings_of_a_whole_number(typed, kept):
    assert number.whole(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "x", "4.5", "4²", "4 5", "9223372036854775808", "--4", "9" * 30, "0" * 9_000 + "x", "inf"]
)
def test_what_is_no_whole_number_is_told(typed):
    with pytest.raises(ValueError, match="[a-z]"):
        number.whole(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("jeanne@exemple.ca", None), (" \u200bjeanne@exemple.ca\ufeff", None), ("jeanne@\u00adexemple.ca", None),
        ("Jeanne Roy <jeanne@exemple.ca>", None), ("mailto:jeanne@exemple.ca", None), ("jeanne@exemple.ca;", None),
        ("jeanne＠exemple.ca", None), ("jeanne @ exemple.ca", None), ("<jeanne@exemple.ca>,", None),
        ("a b@exemple.ca", "a b@exemple.ca"), ("pas une adresse", "pas une adresse"),
    ],
)  # fmt: skip
def test_spellings_of_an_address(typed, kept):
    assert address.read(typed) == (kept or "jeanne@exemple.ca")


# --- What holds of any text ------------------------------------------------------------------------------------------
READERS = [
    parse_cents, neq.read, telephone.read, postal_code.read, tax_number.tps, tax_number.tvq, tax_number.attestation,
    day.read, day.hour, number.whole, number.fractional, number.score,
]  # fmt: skip
_ODD = ".,'$%#:;/()xXpRTQTNEAh²½٣é€"
NEAR = st.text(
    alphabet=st.sampled_from(list("0123456789" + SPACES + DASHES + INVISIBLE + ".,'$%#:;/()xXpRTQTNEAh²½٣é€")),
    max_size=40,
)


@pytest.mark.parametrize("read", READERS, ids=lambda read: f"{read.__module__}.{read.__name__}")
def test_any_text_is_a_value_or_a_sentence(read):
    @CASES
    @given(st.one_of(NEAR, st.text(max_size=60)))
    @example("\ud800")
    @example("9" * 20_000)
    def holds(text):
        try:
            read(text)
        except ValueError as error:
            assert type(error) is ValueError and str(error).endswith((".", "\u00bb", ")")), error

    holds()


def noise(text: str, draw) -> str:
    """The same value, as another keyboard and a spreadsheet would give it."""
    zero = draw(st.sampled_from(["0", *ZEROS]))
    made = []
    for char in text:
        if draw(st.booleans()):
            made.append(draw(st.sampled_from(INVISIBLE)))
        if char in "0123456789":
            made.append(chr(ord(zero) + int(char)))
        elif char in " \u00a0":
            made.append(draw(st.sampled_from(SPACES)))
        elif char == "-":
            made.append(draw(st.sampled_from(DASHES)))
        else:
            made.append(char)
    ends = st.text(alphabet=st.sampled_from(list(INVISIBLE + SPACES)), max_size=3)
    return draw(ends) + "".join(made) + draw(ends)


def days_shown(on: date) -> list[str]:
    return [on.isoformat(), localtime.day(on, "fr"), localtime.day(on, "en")]


CENTS = st.integers(min_value=0, max_value=MAX_CENTS)
DIGITS = st.integers(min_value=0, max_value=10**10 - 1)
LETTER = st.sampled_from("ABCEGHJKLMNPRSTVXY")
SHOWN = {
    # name: (values, how the product writes one, how it is read)
    "money": (CENTS, lambda c: [format_cents(c, lang="fr"), format_cents(c, exact=True, lang="en")], parse_cents),
    "neq": (DIGITS.map("{:010}".format), lambda n: [n], neq.read),
    "tps": (
        st.tuples(DIGITS, DIGITS).map(lambda t: f"{t[0] % 10**9:09} RT{t[1] % 10**4:04}"),
        lambda n: [n],
        tax_number.tps,
    ),
    "tvq": (st.tuples(DIGITS, DIGITS).map(lambda t: f"{t[0]:010} TQ{t[1] % 10**4:04}"), lambda n: [n], tax_number.tvq),
    "attestation": (
        st.from_regex(r"[A-Z0-9][A-Z0-9-]{4,28}[A-Z0-9]", fullmatch=True),
        lambda n: [n],
        tax_number.attestation,
    ),
    "postal code": (
        st.tuples(LETTER, DIGITS, LETTER, LETTER).map(
            lambda t: f"{t[0]}{t[1] % 10}{t[2]} {t[1] // 10 % 10}{t[3]}{t[1] // 100 % 10}"
        ),
        lambda n: [n],
        postal_code.read,
    ),
    "telephone": (
        st.tuples(
            st.integers(200, 999), st.integers(200, 999), st.integers(0, 9_999), st.integers(-9_999, 999_999)
        ).map(lambda t: f"{t[0]} {t[1]}-{t[2]:04}" + (f" poste {t[3]}" if t[3] > 0 else "")),
        lambda n: [n],
        telephone.read,
    ),
    "note": (
        st.decimals(min_value=0, max_value=100, places=2, allow_nan=False),
        lambda n: [decimal_fr(n), str(n)],
        number.score,
    ),
    "whole": (
        st.integers(0, 10**15),
        lambda n: [str(n), f"{n:,}".replace(",", NBSP), f"{n:,}".replace(",", THIN)],
        number.whole,
    ),
    "day": (st.dates(date(1000, 1, 1), date(2999, 12, 31)), days_shown, day.read),
    "hour": (
        st.times().map(lambda t: t.replace(second=0, microsecond=0)),
        lambda t: [
            f"{t:%H:%M}",
            f"{t.hour}{NBSP}h{NBSP}{t:%M}",
            f"{t.hour % 12 or 12}:{t:%M}{NBSP}{'ap'[t.hour > 11]}.m.",
        ],
        day.hour,
    ),
}


@pytest.mark.parametrize("kind", SHOWN)
def test_what_the_product_writes_it_reads_back_whatever_noise_is_in_it(kind):
    values, written, read = SHOWN[kind]

    @CASES
    @given(st.data())
    def holds(data):
        value = data.draw(values)
        for text in written(value):
            assert read(text) == value
            assert read(noise(text, data.draw)) == value

    holds()


@CASES
@given(st.text(max_size=80))
def test_plain_signs_stay_plain(text):
    made = signs.plain(text)
    assert signs.plain(made) == made and made == made.strip() and "\n" not in made and "\x00" not in made
    assert not any(signs.invisible(char) for char in made)


@CASES
@given(st.text(alphabet=st.sampled_from(list("ab\r\n\u2028\u0085")), max_size=40))
def test_a_line_break_is_one_character(text):
    made = signs.line_breaks(text)
    assert len(made) == len(text) - text.count("\r\n") and not set(made) & set("\r\u2028\u0085")
