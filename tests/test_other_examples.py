"""Other examples of each kind of fault that was once met: what is typed, pasted and copied (kinds A to C, F to H).

Each table holds what nobody had reported, with what is right; the tests count what they saw.
"""

import io
from datetime import date, time
from decimal import Decimal

import pytest
from django.utils import translation
from pypdf import PdfReader

from marketplace import markup, pdf
from marketplace.mail import address
from marketplace.money import parse_cents
from marketplace.texts import one_line, several_lines
from marketplace.values import day, neq, number, postal_code, tax_number, telephone
from tests.test_commonmark import ours, theirs
from tests.test_pdf import AT, letter

NBSP, THIN = "\u00a0", "\u202f"
LIST = "- plan\n- code"


# --- A. Numbers ------------------------------------------------------------------------------------------------------
NUMBERS = {
    # typed: what the page, the e-mail and the PDF say, in words.
    "3) trois\n4) quatre": "3. trois\n4. quatre",
    "1. un\n\n    ```\n    code\n    ```\n\n2. deux": "2. deux",
    "> 4. quatre\n> 5. cinq": "5. cinq",
    "1.\u00a0Contexte\n2.\u00a0Besoin": "2. Besoin",
    "7.\u202f\u00a0\u00a0Sept\n8.\u202f\u00a0\u00a0Huit": "8. Huit",
    "Étapes :\n1.\u00a0lire\n2.\u00a0écrire": "2. écrire",
    "  1. un\n  2. deux\n\n  suite": "2. deux",
}  # fmt: skip


@pytest.mark.parametrize(("typed", "said"), NUMBERS.items())
def test_a_numbers_are_the_same_everywhere(typed, said):
    text = several_lines(typed)
    for written in (markup.plain(text), markup.readable(text)):
        assert all(line in [found.strip() for found in written.split("\n")] for line in said.split("\n"))
    assert "<ol" in markup.render(text)


def test_a_numbers_in_a_pdf():
    data = letter(paragraphs=[markup.readable(several_lines(text)) for text in NUMBERS], reference="", subject="Avis")
    pages = PdfReader(io.BytesIO(pdf.render("letter", data, at=AT))).pages
    words = " ".join("\n".join(page.extract_text() for page in pages).split())
    seen = [line for said in NUMBERS.values() for line in said.split("\n") if line in words]
    assert len(seen) == 8


# --- B. Lists and blocks that people write ---------------------------------------------------------------------------
AS_GITHUB = [
    "- [ ] à faire\n- [X] fait", "1. tableau :\n\n   | a |\n   |---|\n   | 1 |", "> | a |\n> |---|\n> | 1 |",
    "Titre\n=", "Phrase.\n\n| a | b |\n|---|---|\n| `x|y` | 2 |", "ligne\\\\\nautre", "ligne\\\nautre",
    "&laquo;&nbsp;oui&nbsp;&raquo; &hellip; &euro;", "<a@b.ca> <https://a.ca>", "Note[^1].", "a\n> b",
    "1. a\n\n\tb\n2. c",
    "| a |\n| - |", "- a\n-\n- b", "> - a\n>   b\n> - c", "C:\\Users\\moi \\\\serveur\\partage", "Terme\n: définition",
]  # fmt: skip


@pytest.mark.parametrize("text", AS_GITHUB)
def test_b_what_people_write_is_shown_as_github_shows_it(text):
    assert ours(text) == theirs(text)


INDENTED = {
    "  - plan\n  - code": LIST, "    - plan\n    - code": LIST, "\n\t•\tplan\n\t•\tcode": LIST,
    "  - plan\n    - détail\n  - code": "- plan\n  - détail\n- code",
}  # fmt: skip


@pytest.mark.parametrize(("typed", "markdown"), INDENTED.items())
def test_b_a_list_that_begins_a_text_keeps_its_shape(typed, markdown):
    """A form takes the margin off the first line: the others lose it too."""
    assert ours(several_lines(typed)) == theirs(markdown)


@pytest.mark.parametrize("end", ["…", ".", " »", "\u00a0: voir", ", puis", ")", "”"])
def test_b_an_address_in_a_sentence_is_a_link_that_leads_somewhere(end):
    assert '<a href="https://exemple.quebec/guide"' in markup.render(f"Voir https://exemple.quebec/guide{end}")


# --- C. Pasted from Word, a PDF, an e-mail ---------------------------------------------------------------------------
PASTED = {
    # Signs of Word's fonts: bullets of its library, and any other of their private codes.
    **{f"{sign}\tplan\n{sign}\tcode": LIST for sign in "\uf0e0\uf0f0\uf046\uf0b2\uf0a4\uf0af\uf0c4\uf025"},
    **{f"{sign}\tplan\n{sign}\tcode": "- ✗ plan\n- ✗ code" for sign in "\uf0fb"},
    "\uf0a3\tplan\n\uf0fe\tcode": "- ☐ plan\n- ☑ code",
    # The same, where the font was lost: plain text of Outlook.
    **{f"{sign}  plan\n{sign}  code": LIST for sign in "ØüvqŸnlè"},
    **{f"{sign}\tplan\n{sign}\tcode": LIST for sign in "Øüà"},
    # Dots and arrows of other programs.
    **{f"{sign} plan\n{sign} code": LIST for sign in "►▶⦁⚫◉◾▫❍➤→⇒»★−―‒"},
    # A checklist says which is done: one level, its boxes kept.
    "☑ plan\n☐ code": "- ☑ plan\n- ☐ code", "✔ plan\n✗ code": "- ✔ plan\n- ✗ code",
    "✅ plan\n❌ code": "- ✅ plan\n- ❌ code",
    # Fixed spaces for a margin, or after the bullet.
    "*\u00a0plan\n*\u00a0code": LIST, "-\u202fplan\n-\u202fcode": LIST, "+\u2003plan\n+\u2003code": "+ plan\n+ code",
    "\u00a0- plan\n\u00a0- code": LIST, "\u2003• plan\n\u2003• code": LIST,
    "•\u00a0plan\n\u00a0\u00a0\u00a0\u00a0o\u00a0\u00a0 détail\n•\u00a0code": "- plan\n  - détail\n- code",
    # A PDF leaves the bullet on its own line; an answer by e-mail quotes.
    "•\nplan\n•\ncode": LIST, "> •\tplan\n> •\tcode": "> - plan\n> - code", "•\ufffc plan\n•\ufffc code": LIST,
}  # fmt: skip


@pytest.mark.parametrize(("pasted", "markdown"), PASTED.items())
def test_c_bullets_are_lists(pasted, markdown):
    text = several_lines(pasted)
    assert ours(text) == theirs(markdown)
    assert not any("\ue000" <= sign <= "\uf8ff" for sign in text)


NUMBERED = ["a)\tplan\nb)\tcode", "a.\u00a0\u00a0plan\nb.\u00a0\u00a0code", "1.1\tplan\n1.2\tcode",
"i.\tplan\nii.\tcode",
            "1°\tplan\n2°\tcode"]  # fmt: skip


@pytest.mark.parametrize("pasted", NUMBERED)
def test_c_numbers_that_markdown_has_no_list_for_keep_their_lines(pasted):
    assert len(markup.readable(several_lines(pasted)).split("\n")) == 2


@pytest.mark.parametrize(
    "text", ["→ voir l’annexe", "» dit-il", "n importe quoi", "v 2.0 est prête", "à la ligne", "l’un\nl’autre",
             "```\n• code\n✗ code\n```", "1.5 million\n2.5 millions"],
)  # fmt: skip
def test_c_what_only_looks_like_a_bullet_stays_text(text):
    assert "<li>" not in markup.render(several_lines(text))


# --- F. Digits, letters and accents written otherwise ----------------------------------------------------------------
OTHERWISE = [
    (neq.read, "𝟭𝟭𝟲𝟭𝟮𝟯𝟰𝟱𝟲𝟳", "1161234567"), (neq.read, "۱۱۶۱۲۳۴۵۶۷", "1161234567"),
    (postal_code.read, "Ｇ１Ｒ　２Ｂ５", "G1R 2B5"), (parse_cents, "﹩1,234.56", 123456),
    (parse_cents, "１ ２３４，５６ ＄ ＣＡ", 123456), (telephone.read, "（４１８） ５５５−１２３４", "418 555-1234"),
    (day.read, "２０２６－１２－０１", date(2026, 12, 1)), (day.hour, "14∶30", time(14, 30)),
    (number.whole, "४५ ％", 45), (address.read, "jeanne@exemple。ca", "jeanne@exemple.ca"),
    (one_line, "Cafe\u0301 E\u0301toile", "Café Étoile"), (several_lines, "De\u0301ja\u0300 vu", "Déjà vu"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "typed", "right"), OTHERWISE)
def test_f_other_signs_are_the_same_value(read, typed, right):
    assert read(typed) == right


# --- G. Invisible signs ----------------------------------------------------------------------------------------------
UNSEEN = [
    (neq.read, "\u200f1161234567\u2069", "1161234567"), (neq.read, "\ufffc1161234567", "1161234567"),
    (parse_cents, "1\u2060234,56\u200e $", 123456), (telephone.read, "\u2068418 555-1234\u2069", "418 555-1234"),
    (postal_code.read, "\u200eG1R\u200d2B5", "G1R 2B5"), (day.read, "\u200e2026-12-01\ufffc", date(2026, 12, 1)),
    (number.score, "\u200f80,5\u200f", Decimal("80.5")), (address.read, "\u2068jeanne@exemple.ca\u2069",
    "jeanne@exemple.ca"),
    (one_line, "\u3164Atelier\u3164", "Atelier"), (one_line, "\ufffcAtelier", "Atelier"), (one_line, "Ate\u034flier",
    "Atelier"),
    (several_lines, "\ufffc Bonjour\u2800", "Bonjour"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "typed", "right"), UNSEEN)
def test_g_what_nobody_sees_changes_nothing(read, typed, right):
    assert read(typed) == right


# --- H. Ordinary spellings -------------------------------------------------------------------------------------------
ORDINARY = {
    neq.read: {
        "1161234567": ["Numéro d’entreprise du Québec (NEQ) : 1161234567", "NEQ = 1161234567", "1161234567 (NEQ)",
                       "Matricule : 1161234567", "1161234567 NEQ", "'1161234567", '="1161234567"', "« 1161234567 »",
                       "1,161,234,567", "1161234567.0", "1161234567,00", "1161·234·567",
                       "Quebec enterprise number: 1161234567",
                       "N E Q 1161 234 567", "[1161234567]", "NEQ : 1161234567 (REQ)"],
    },
    telephone.read: {
        "418 555-1234 poste 12": ["(418) 555-1234 poste 12", "(418) 555-1234, poste 12 (bureau)", "418-555-1234,,12",
                                  "418-555-1234;12", "418 555-1234 [poste 12]", "418 555-1234 poste téléphonique 12",
                                  "418 555-1234 poste: 12.", "418 555-1234 au poste 12",
                                  "418 555-1234 poste numéro 12"],
        "418 555-1234": ["+1.418.555.1234", "(+1) 418 555-1234", "T : 418 555-1234", "Cell. : 418 555-1234",
                         "☎ 418 555-1234",
                         "📞 418•555•1234", "418 555-1234 (bureau)", "No de tél. : 418 555-1234", "[418] 555-1234",
                         "Sans frais : 418 555-1234", "418 555-1234;", "tel://4185551234"],
    },
    postal_code.read: {
        "G1R 2B5": ["g1r-2b5", "G1R2B5, Québec", "Québec (Québec)  G1R 2B5", "QC G1R 2B5", "Code postal : g1r2b5",
                    "« G1R 2B5 »", "G1R:2B5", "CA-G1R 2B5", "1035, rue des Parlementaires, Québec G1R 2B5"],
    },
    parse_cents: {
        123456: ["1 234,56 $ CA", "1 234,56 $ CDN", "CDN$1,234.56", "$CDN 1,234.56", "1 234,56 $ (CAD)", "+1 234,56 $",
                 '"1 234,56 $"', "= 1 234,56 $", "1 234, 56 $", "1 234,56 $;", "1.234,56", "1,234.56"],
    },
    day.read: {
        date(2026, 12, 1): ["1er décembre 2026", "mar. 1er déc. 2026", "Tue, Dec 1, 2026", "1st of December 2026",
                            "01DEC2026",
                            "2026-déc-01", "2026_12_01", "« 2026-12-01 »", "2026-12-01 (mardi)",
                            "premier décembre 2026",
                            "1° décembre 2026", "Tue Dec 01 00:00:00 2026", "2026-12-01T00:00:00-05:00",
                            "2026-12-01 12:00:00 AM"],
    },
    day.hour: {
        time(14, 30): ["14.30", "14 heures et 30", "à 14 h 30", "14 h 30 (HNE)", "14:30 EST", "« 14 h 30 »",
                       "2.30pm", "14 hrs 30"],
    },
    number.whole: {45: ["45 pour cent", "45 p. 100", "45.", "'45", "« 45 »",
    "45 pts"], -3: ["– 3"], 1234: ["1.234,00", "1,234.00"]},
    number.fractional: {Decimal("1234.5"): ["1,234.5", "1.234,5", "'1234,5"], Decimal("0.5"): [",5", ".5"]},
    number.score: {Decimal(80): ["80 sur 100", "80 points", "80,", "« 80 »", "80 / 100"]},
    tax_number.tps: {
        "123456789 RT0001": ["TPS/TVH : 123456789 RT0001", "T.P.S. 123456789 RT0001",
                             "No d’inscription TPS : 123456789RT0001",
                             "123456789RT0001 (TPS)", "GST Number: 123456789 RT0001"],
    },
    tax_number.tvq: {"1234567890 TQ0001": ["Numéro de TVQ 1234567890TQ0001", "T.V.Q. : 1234567890 TQ 0001",
    "« 1234567890TQ0001 »"]},
    tax_number.attestation: {
        "ABC-123456": ["Attestation no ABC-123456", "Numéro d’attestation : abc-123456", "No ABC-123456",
                       '"ABC-123456"',
                       "Attestation de Revenu Québec ABC-123456"],
        "NO-123456": ["NO-123456"],
    },
    address.read: {
        "jeanne@exemple.ca": ["Jeanne Roy (jeanne@exemple.ca)", "jeanne@exemple.ca (Jeanne Roy)",
                              "[jeanne@exemple.ca]",
                              "[jeanne@exemple.ca](mailto:jeanne@exemple.ca)", "mailto:jeanne@exemple.ca?subject=Avis",
                              "Courriel : jeanne@exemple.ca", "« jeanne@exemple.ca »", "'jeanne@exemple.ca'",
                              "jeanne@exemple. ca"],
        "l'ami@exemple.ca": ["l’ami@exemple.ca"],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("read", "typed", "right"),
    [(read, typed, right) for read, values in ORDINARY.items() for right, all_ in values.items() for typed in all_],
)
def test_h_ordinary_spellings_are_read(read, typed, right):
    assert read(typed) == right


NAMED = [
    (parse_cents, "45 000$/an", "« /an » n’en fait pas partie"), (parse_cents, "45 000 $ + taxes", "« + taxes »"),
    (parse_cents, "Douze mille", "en chiffres"), (parse_cents, "45k CAD", "en entier"), (parse_cents, "$45k",
    "en entier"),
    (parse_cents, "45 000 $ É.-U.", "dollars canadiens"), (parse_cents, "45 000 $-", "négatif"),
    (day.read, "01/12/2026", "Écrivez 2026-12-01 ou 2026-01-12"), (day.read, "15 déc 26", "quatre chiffres"),
    (day.hour, "minuit", "00:00 ou 23:59"), (neq.read, "NEQ O161234567", "« O »"),
    (telephone.read, "418 555-1234 ou 418 555-9999", "« o »"), (postal_code.read, "G1R 2BS", "« S »"),
    (tax_number.tps, "TPS : 1234567890 TQ0001", "numéro de TVQ"), (number.whole, "45 jours", "« 45 jours »"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "typed", "said"), NAMED)
def test_h_what_is_wrong_is_named(read, typed, said):
    with translation.override("fr-ca"), pytest.raises(ValueError) as refused:
        read(typed)
    assert said in str(refused.value).replace(NBSP, " ").replace(THIN, " ")


def test_the_tables_are_as_long_as_they_should_be():
    spelled = sum(len(all_) for values in ORDINARY.values() for all_ in values.values())
    assert len(NUMBERS) >= 7 and len(AS_GITHUB) + len(INDENTED) >= 20 and len(PASTED) + len(NUMBERED) >= 50
    assert len(OTHERWISE) >= 12 and len(UNSEEN) >= 12 and spelled >= 110 and len(NAMED) >= 15
