"""Official documents: readable by everyone, kept for long, the same bytes twice, and nothing typed becomes markup."""

import io
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.conf import settings
from django.utils.translation import gettext_lazy
from pypdf import PdfReader

from marketplace import pdf
from marketplace.money import format_cents, taxes

AT = datetime.fromisoformat("2026-12-15T15:30:00+00:00")
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
BODY = {"name": "Ville d’Essai", "region": "Bas-Saint-Laurent", "contact": "Béatrice Acheteuse, achats@exemple.invalid"}
VENDOR = {
    "legal_name": "Atelier Boréal inc.",
    "neq": "1170000001",
    "address": ["1, rue de l’Essai", "Rimouski (Québec)  G5L 1A1"],
    "tps_number": "123456789 RT0001",
    "tvq_number": "1234567890 TQ0001",
    "small_supplier": False,
}
HOSTILE = [
    "#panic()",
    "$x$",
    "*bold*",
    "]",
    '#read("/etc/passwd")',
    "_souligné_ `code` <balise> @renvoi //commentaire",
    "= Titre",
    '"); #include("/pdf/base.typ")',
    "\\u{41} \\",
    "${jinja} {{ data }} {% now %}",
]


def written(cents: int) -> str:
    return format_cents(cents, exact=True, lang="fr")


def amounts(cents: int) -> dict:
    found = taxes(cents)
    return {
        "before": written(found.before),
        "tps": written(found.tps),
        "tvq": written(found.tvq),
        "total": written(found.total),
    }


def milestones(count: int) -> list[dict]:
    return [
        {
            "number": n,
            "title": "Prototype accessible" if n == 1 else f"Livraison de l’étape {n}",
            "description": "Une première version, essayée par cinq personnes.\n\n- au clavier\n- au lecteur d’écran",
            "criteria": ["Les tests automatisés passent.", "Aucun défaut WCAG 2.2 AA connu."],
            "amount": written(20_000_00),
            "due": "vendredi 26 février 2027",
        }
        for n in range(1, count + 1)
    ]


def contract(**fields) -> dict:
    return {
        "number": "CT-2026-0007",
        "title": "Tableau de bord des ponts et routes",
        "occasion": {"number": "DAN-2026-0012", "title": "Tableau de bord des ponts et routes"},
        "body": BODY,
        "vendor": VENDOR,
        "amount": amounts(60_000_00),
        "dates": {
            "start": "lundi 4 janvier 2027",
            "end": "vendredi 30 avril 2027",
            "offered": "mardi 15 décembre 2026, 10 h 30 (HNE)",
        },
        "licence": "LiLiQ-R 1.1",
        "repository": "https://code.exemple.invalid/ville-essai/tableau-de-bord-des-ponts-et-des-routes-du-bas-saint-laurent",
        "milestones": milestones(3),
        "holdback": "10 %",
        "need": "Chaque printemps, 1 400 limites de charge changent.\nElles sont publiées trop tard.\n\n"
        "Il faut :\n- une carte\n- un flux de données ouvertes\n- des alertes par courriel\n\nLe tout accessible.",
        "acceptance": "- Les tests passent.\n- La documentation est complète.",
        "clauses": [
            {"title": "Intégrité", "text": "Le prestataire déclare qu’il n’y a eu ni collusion ni trucage."},
            {
                "title": "Paiement",
                "text": "L’organisme public paie dans les 30 jours qui suivent la réception de la facture ou "
                "l’acceptation de la livraison, selon la plus tardive.",
            },
            {
                "title": "Propriété intellectuelle et licence",
                "text": "Le code est publié sous la licence nommée au contrat.",
            },
            {"title": "Droit applicable", "text": "Le droit en vigueur au Québec s’applique."},
        ],
        "signatures": [
            {
                "party": "Atelier Boréal inc.",
                "name": "Victor Proposant",
                "title": "Président",
                "at": "mardi 15 décembre 2026, 14 h 02 (HNE)",
                "method": "Mot de passe et code à usage unique",
                "digest": DIGEST,
            },
            {"party": "Ville d’Essai", "name": "", "title": "", "at": "", "method": "", "digest": ""},
        ],
        "text_digest": DIGEST,
    } | fields


def invoice(**fields) -> dict:
    # The taxes of a held back part are due with it.
    charged = amounts(18_000_00) | {"before": written(20_000_00)}
    return (
        {
            "number": "F-2027-0031",
            "kind_label": "Facture",
            "contract": "CT-2026-0007",
            "occasion": "DAN-2026-0012 – Tableau de bord des ponts et routes",
            "body": BODY,
            "vendor": VENDOR,
            "issued": "lundi 1er mars 2027",
            "received": "lundi 1er mars 2027",
            "accepted": "vendredi 26 février 2027",
            "due": "mercredi 31 mars 2027",
            "lines": [{"label": "Jalon 1 – Prototype accessible", "amount": written(20_000_00)}],
            "holdback": "−" + written(2_000_00),
            "terms": "Payable dans les 30 jours.\n\nAprès ce délai, des intérêts de 5 $ et plus peuvent être demandés.",
            "reference": "CT-2026-0007/1",
        }
        | charged
        | fields
    )


def amendment(**fields) -> dict:
    return {
        "number": "CT-2026-0007-A1",
        "contract": "CT-2026-0007",
        "title": "Tableau de bord des ponts et routes",
        "body": "Ville d’Essai",
        "vendor": "Atelier Boréal inc.",
        "reason": "Le ministère a publié un nouveau format de données.",
        "before": written(60_000_00),
        "delta": "+" + written(4_500_00),
        "after": written(64_500_00),
        "changes": ["Jalon 3 : lecture du nouveau format.", "Échéance du jalon 3 : vendredi 14 mai 2027."],
        "due": "vendredi 14 mai 2027",
        "approvals": [
            {
                "party": "Ville d’Essai",
                "name": "Odile Responsable",
                "title": "RARC",
                "at": "lundi 8 mars 2027, 9 h 05 (HNE)",
            },
            {"party": "Atelier Boréal inc.", "name": "Victor Proposant", "title": "Président", "at": ""},
        ],
    } | fields


def passport(**fields) -> dict:
    return {
        "title": "Tableau de bord des ponts et routes",
        "contract": "CT-2026-0007",
        "milestone": "Jalon 1 – Prototype accessible",
        "body": "Ville d’Essai",
        "vendor": "Atelier Boréal inc.",
        "repository": "https://code.exemple.invalid/ville-essai/ponts",
        "commit": "94a9ed024d3859793618152ea559a168bbcbb5e2",
        "swhid": "swh:1:dir:d198bc9d7a6bcf6db04f476d29314f157507d505",
        "licence": "LiLiQ-R-1.1",
        "publiccode": "Valide",
        "publiccode_version": "0.4.0",
        "sbom_format": "CycloneDX 1.6, 48 composants",
        "sbom_digest": DIGEST,
        "archive_digest": DIGEST[::-1],
        "accepted": "vendredi 26 février 2027, 11 h 12 (HNE)",
        "accepted_by": "Béatrice Acheteuse",
        "signature": "mX9v" * 22,
        "key": "Zm9v" * 11,
        "verify": "https://exemple.invalid/verifier/passeport/CT-2026-0007-1",
    } | fields


def letter(**fields) -> dict:
    return {
        "from": {"name": "Ville d’Essai", "address": ["10, rue de l’Hôtel-de-Ville", "Rimouski (Québec)  G5L 2B2"]},
        "to": {"name": "Atelier Boréal inc.", "address": VENDOR["address"]},
        "date": "lundi 15 mars 2027",
        "subject": "Avis de retour du jalon 2",
        "reference": "CT-2026-0007",
        "paragraphs": [
            "Madame, Monsieur,",
            "Nous avons examiné la livraison du 10 mars. Deux critères ne sont pas satisfaits :\n"
            "- les tests échouent;\n- la documentation manque.",
            "Vous pouvez livrer de nouveau quand vous serez prêts.",
        ],
        "signature": {"name": "Béatrice Acheteuse", "title": "Acheteuse"},
    } | fields


def casefile(**fields) -> dict:
    return {
        "number": "DAN-2026-0001",
        "title": "Tableau de bord des ponts et routes",
        "at": "22 décembre 2026, 10 h 00 (HNE)",
        "facts": [{"label": "Organisme", "value": "Ville d’Essai"}, {"label": "Empreinte", "value": DIGEST}],
        "sections": [
            {"title": "Attribution", "none": "Aucune.", "header": ["Attributaire", "Montant"], "widths": [3, 1],
             "rows": [["Atelier Boréal inc.", "64 000,00 $"]]},
            {"title": "Contrats", "none": "Aucun.", "header": ["Contrat"], "widths": [1], "rows": []},
        ],
    } | fields  # fmt: skip


def review(**fields) -> dict:
    return {
        "number": "DAN-2026-0001",
        "title": "Tableau de bord des ponts et routes",
        "body": "Ville d’Essai",
        "vendor": "Atelier Boréal inc.",
        "amount": written(64_000_00),
        "awarded": "vendredi 4 décembre 2026",
        "opinion": "Conforme, avec des remarques",
        "comment": "Le procès-verbal manque.\n- à joindre au dossier",
        "groups": [
            {"title": "Besoin et avis", "lines": [
                {"title": "Double regard", "state": "oui", "text": "Publié par Odile Responsable (3 novembre 2026)"},
                {"title": "Addenda", "state": "sans objet", "text": "Aucun addenda."},
            ]},
            {"title": "Attribution", "lines": [
                {"title": "Prix", "state": "non", "text": "Le prix dépasse le budget annoncé."},
            ]},
        ],
        "by": "Odile Responsable",
        "at": "mardi 15 décembre 2026, 10 h 30 min 00,000 s (HNE)",
        "method": "Mot de passe et code à usage unique",
        "signature": "mX9v" * 22,
        "key": "Zm9v" * 11,
        "digest": DIGEST,
    } | fields  # fmt: skip


SAMPLES = {"amendment": amendment, "contract": contract, "invoice": invoice, "letter": letter, "passport": passport}
SAMPLES |= {"casefile": casefile, "review": review}


def made(template: str, data: dict | None = None, *, at=AT) -> PdfReader:
    return PdfReader(io.BytesIO(pdf.render(template, SAMPLES[template]() if data is None else data, at=at)))


def text_of(reader: PdfReader) -> str:
    """All pages as one line: fixed spaces and turns of lines count as spaces."""
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def spaced(text: str) -> str:
    return " ".join(text.split())


def tags(reader: PdfReader) -> list[str]:
    """The structure types in reading order."""
    found = []

    def walk(node):
        node = node.get_object()
        if isinstance(node, list):
            for inside in node:
                walk(inside)
        elif isinstance(node, dict):
            if "/S" in node:
                found.append(str(node["/S"]))
            if "/K" in node:
                walk(node["/K"])

    walk(reader.trailer["/Root"]["/StructTreeRoot"]["/K"])
    return found


# --- What every document is ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("template", sorted(pdf.TEMPLATES))
def test_a_document_is_accessible_and_made_to_be_kept(template):
    reader = made(template)
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "fr-CA"
    assert root["/MarkInfo"]["/Marked"].value and root["/ViewerPreferences"]["/DisplayDocTitle"].value
    assert reader.metadata.title and reader.metadata.author == "Développe avec nous"
    xmp = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    assert "<pdfaid:part>2</pdfaid:part>" in xmp and "<pdfaid:conformance>A</pdfaid:conformance>" in xmp
    assert tags(reader).count("/H1") == 1
    fonts = {
        str(font.get_object()["/BaseFont"]) for page in reader.pages for font in page["/Resources"]["/Font"].values()
    }
    assert all(re.match(r"/[A-Z]{6}\+(Libertinus|DejaVu)", font) for font in fonts), "a font of this machine"


@pytest.mark.parametrize("template", sorted(pdf.TEMPLATES))
def test_the_same_data_gives_the_same_bytes(template):
    data = SAMPLES[template]()
    first = pdf.render(template, data, at=AT)
    assert pdf.render(template, data, at=AT) == first
    assert pdf.render(template, data, at=AT.astimezone(timezone(timedelta(hours=-5)))) == first
    assert pdf.render(template, data, at=AT + timedelta(seconds=1)) != first


def test_a_document_is_dated_by_the_act():
    assert made("letter").metadata.creation_date == AT.astimezone(UTC)
    with pytest.raises(TypeError):
        pdf.render("letter", letter(), at=AT.replace(tzinfo=None))


# --- Each document ---------------------------------------------------------------------------------------------------
def test_a_contract_says_what_is_agreed():
    reader = made("contract")
    text = text_of(reader)
    assert reader.metadata.title == "Contrat CT-2026-0007 – Tableau de bord des ponts et routes"
    for said in [
        "Atelier Boréal inc.",
        "1, rue de l’Essai",
        "Montant avant taxes 60 000,00 $",
        "TPS 3 000,00 $",
        "TVQ 5 985,00 $",
        "Total, taxes comprises 68 985,00 $",
        "Retenue sur chaque paiement : 10 %.",
        "Jalon 1 – Prototype accessible",
        "Aucun défaut WCAG 2.2 AA connu.",
        "2. Paiement",
        "Signé par Victor Proposant",
        "Ville d’Essai À signer sur la plateforme.",
        f"Empreinte SHA-256 du texte signé : {DIGEST}",
        f"Contrat CT-2026-0007 · empreinte {DIGEST[:12]} 1 de 3",
    ]:
        assert said in text, said
    found = tags(reader)
    assert found.count("/Table") == 2 and found.count("/TH") == 2 + 4
    assert found.count("/L") >= 5  # facts, and what was typed with « - »


def test_a_contract_to_sign_shows_both_parties():
    text = text_of(made("contract", contract(signatures=[], text_digest="", holdback="", repository="")))
    assert text.count("À signer sur la plateforme.") == 2
    assert "mpreinte" not in text and "Retenue" not in text and "Dépôt de code" not in text


def test_fifty_milestones_run_over_pages_under_the_same_header():
    reader = made("contract", contract(milestones=milestones(50)))
    pages = [spaced(page.extract_text()) for page in reader.pages]
    assert len(pages) > 5 and all(f"{n} de {len(pages)}" in page for n, page in enumerate(pages, 1))
    assert sum("N° Jalon Échéance Montant avant taxes" in page for page in pages) >= 2
    assert all(f"Jalon {n} – " in " ".join(pages) for n in range(1, 51))


def test_an_invoice_shows_its_registration_numbers():
    text = text_of(made("invoice"))
    for said in [
        "N° de TPS 123456789 RT0001",
        "N° de TVQ 1234567890 TQ0001",
        "À payer au plus tard le mercredi 31 mars 2027",
        "Montant avant taxes 20 000,00 $ Retenue −2 000,00 $ TPS 900,00 $ TVQ 1 795,50 $",
        "Total à payer, taxes comprises 20 695,50 $",
    ]:
        assert said in text, said
    assert "Petit fournisseur" not in text


def test_a_small_supplier_charges_no_tax_and_says_so():
    vendor = VENDOR | {"tps_number": "", "tvq_number": "", "small_supplier": True}
    text = text_of(made("invoice", invoice(vendor=vendor, total=written(18_000_00))))
    assert "Petit fournisseur : aucune taxe (TPS, TVQ) n’est perçue." in text
    assert "Total à payer 18 000,00 $" in text and "900,00" not in text and "N° de TPS" not in text


@pytest.mark.parametrize("missing", ["tps_number", "tvq_number"])
def test_an_invoice_with_taxes_and_no_number_is_refused(missing):
    with pytest.raises(pdf.PdfError, match="both registration numbers"):
        pdf.render("invoice", invoice(vendor=VENDOR | {missing: ""}), at=AT)


def test_an_amendment_a_passport_and_a_letter_say_theirs():
    text = text_of(made("amendment"))
    assert "Valeur du contrat après l’avenant 64 500,00 $" in text and "Changement +4 500,00 $" in text
    assert "Approuvé par Odile Responsable" in text and "À approuver sur la plateforme." in text
    text = text_of(made("passport"))
    assert "swh:1:dir:d198bc9d7a6bcf6db04f476d29314f157507d505" in text and DIGEST in text
    assert len(made("passport").pages) == 1
    reader = made("letter", letter(to="Régie d’ailleurs", signature="Odile Responsable", reference=""))
    assert "Régie d’ailleurs" in text_of(reader) and "les tests échouent;" in text_of(reader)
    assert reader.metadata.title == "Avis de retour du jalon 2"


def test_a_review_says_what_was_found_and_what_was_concluded():
    text = text_of(made("review"))
    assert "Conclusion Conforme, avec des remarques Le procès-verbal manque." in text
    assert "Prix Le prix dépasse le budget annoncé. non" in text and "Addenda Aucun addenda. sans objet" in text
    assert "mX9v" * 22 in text.replace(" ", "") and DIGEST in text.replace(" ", "")
    assert "procès" not in text_of(made("review", review(comment="")))


# --- What people type ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("typed", HOSTILE)
def test_what_is_typed_stays_text(typed):
    """Wherever it stands: Typst's markup and code, or another template language's."""
    data = contract(title=typed, need=typed, licence=typed, clauses=[{"title": typed, "text": typed}])
    data["milestones"][0] |= {"title": typed, "criteria": [typed]}
    reader = made("contract", data)
    assert text_of(reader).count(spaced(typed)) >= 7
    assert typed in reader.metadata.title


def test_long_texts_and_long_words_stay_on_the_page():
    sentence = "Une phrase ordinaire, avec des accents. "
    letters, fixed = "x" * 5_000, "0\u00a0" * 400
    reader = made(
        "contract", contract(title="M" * 200, need=f"{sentence * 125}\n\n{letters}\n\n{fixed}", licence=DIGEST * 4)
    )
    text = text_of(reader)
    joined = text.replace(" ", "")
    assert text.count(sentence.strip()) == 125
    assert joined.count("x") >= 5_000 and joined.count("M" * 10) >= 20 and "0" * 100 in joined
    # 17 cm hold some 90 letters of this size: nothing runs out of the page on one line.
    assert max(len(line) for page in reader.pages for line in page.extract_text().splitlines()) < 130


def test_lines_that_begin_with_a_hyphen_are_a_list():
    before = tags(made("letter", letter(paragraphs=["a - b\n-c\nd"])))
    after = tags(made("letter", letter(paragraphs=["Avant :\r\n- un\r\n- deux\r\nAprès\n \n\n- trois"])))
    assert (after.count("/L") - before.count("/L"), after.count("/LI") - before.count("/LI")) == (2, 3)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Bravo 🎉", "Bravo [fête]"),
        ("📌 À noter ✅ fait ❌ non 👉 ici", "[punaise] À noter ☑ fait ✗ non → ici"),
        ("🇨🇦 👩‍💻 1️⃣ 👍🏽", "[drapeau CA] [femme, ordinateur portable] 1 [pouce levé]"),
        ("⭐ ⚠️ ✔️ ✅📌 🧿中", "⭐ ⚠ ✔ ☑[punaise] [nazar amulet][U+4E2D]"),
        ("中文", "[U+4E2D U+6587]"),
        ("é\u20dd", "é[U+20DD]"),
        ("中\u0301", "[U+4E2D]"),
        ("\ue000 \ud83d \u0378", "[U+E000] [U+D83D] [U+0378]"),
        ("a\u202ec\u0000\u200bd\ufeff", "acd"),
        (unicodedata.normalize("NFD", "Noël à Ivujivik"), "Noël à Ivujivik"),
        ("Ελλάδα, Привет, œuvre, ≥ 5, ½", "Ελλάδα, Привет, œuvre, ≥ 5, ½"),
    ],
)
def test_a_character_without_a_glyph_is_named(typed, shown):
    text = text_of(made("letter", letter(paragraphs=[f"début {typed} fin"])))
    assert f"début {shown}" in text and "fin" in text


@pytest.mark.parametrize(
    "typed",
    [
        "ᐃᓄᒃᑎᑐᑦ, ᓄᓇᕕᒃ, ᑲᑎᕕᒃ",  # Inuktitut, as Nunavik's bodies write their names
        "ᐄᔨᔨᐤ ᐊᔨᒧᐎᓐ, ᒥᔥᑎᓯᓃ",  # Eastern Cree
        "ᓇᔅᑲᐱ, ᑲᐙᐙᒋᑲᒪᒡ",  # Naskapi
        "ᓀᐦᐃᔭᐍᐏᐣ ᐠᐡᐢ",  # Cree of the plains, with finals
        "Kanien’kéha, Wolastoqey, Mi’gmaq, Innu-aimun : ū ē ī ō, uᵉ",
        "Nguyễn Thị Hồng Hạnh, Đặng, Łukasz, Škvorecký, Ștefănescu, Gökçe, Ɛlɔ, Ħ",  # names from elsewhere
        "Ελένη Παπαδοπούλου, Σοφία",
        "Наталія Їжакевич, Ђорђе",
        "שרה לוי",
        "محمد بن علي",
        "Արամ, გიორგი",
    ],
)
def test_names_of_quebec_are_drawn(typed):
    reader = made("letter", letter(paragraphs=[typed], subject=f"Avis – {typed}", signature=typed))
    text = text_of(reader)
    assert "[U+" not in text
    missing = {char for char in typed if char.isalpha() and char not in text}
    assert not missing
    assert not reader.metadata.title or "[U+" not in reader.metadata.title


def test_every_syllabic_is_drawn_by_the_font_that_we_carry():
    """Unified Canadian Aboriginal Syllabics, its first extension; no font but Typst's and ours is read."""
    blocks = [chr(code) for code in (*range(0x1400, 0x1680), *range(0x18B0, 0x18F6))]
    assert len(blocks) == 710 and not pdf._undrawable(frozenset(blocks))
    fonts = sorted(path.name for path in (settings.BASE_DIR / "marketplace/fonts").iterdir())
    assert fonts == [f"NotoSansCanadianAboriginal-{end}" for end in ("Bold.ttf", "OFL.txt", "Regular.ttf")]


def test_numbered_lists_keep_their_numbers_and_levels():
    typed = (
        "Précision :\n2. deux\n3. trois\n   - détail\n     suite\n   - autre\n7. sept\n\n2026. Une année\n1.5 de plus"
    )
    reader = made("letter", letter(paragraphs=[typed]))
    lines = [" ".join(line.split()) for line in reader.pages[0].extract_text().splitlines()]
    start = lines.index("Précision :")
    assert lines[start : start + 10] == [
        "Précision :", "2. deux", "3. trois", "• détail", "suite", "• autre", "7. sept", "2026. Une année",
        "1.5 de plus", "Béatrice Acheteuse",
    ]  # fmt: skip
    before = tags(made("letter", letter(paragraphs=["x"])))
    after = tags(reader)
    assert (after.count("/L") - before.count("/L"), after.count("/LI") - before.count("/LI")) == (3, 6)


def test_bullets_of_word_processors_are_lists_in_documents_too():
    before = tags(made("letter", letter(paragraphs=["x"])))
    reader = made(
        "letter", letter(paragraphs=["Joindre :\n\uf0b7\tle plan\n\uf0b7\tle code\n\uf0a7 autre \uf0e0 suite"])
    )
    text = text_of(reader)
    assert "[U+F0" not in text and "• le plan • le code" in text and "→ suite" in text
    assert tags(reader).count("/LI") - before.count("/LI") == 3


def test_no_character_breaks_a_document():
    """One of each block of the first two planes, alone and before an accent."""
    chars = "".join(chr(code) + " " + chr(code) + "\u0301 " for code in range(0x21, 0x20000, 61))
    assert "[U+" in text_of(made("letter", letter(paragraphs=[chars])))


# --- What is refused -------------------------------------------------------------------------------------------------
def test_errors_are_clear():
    with pytest.raises(pdf.PdfError, match="no template is called 'poster'"):
        pdf.render("poster", {}, at=AT)
    with pytest.raises(pdf.PdfError, match="written in 'en'"):
        pdf.render("letter", letter(), at=AT, lang="en")
    with pytest.raises(pdf.PdfError, match="contract: .*key"):
        pdf.render("contract", {}, at=AT)
    with pytest.raises(pdf.PdfError, match="letter: .*heading title is empty"):
        pdf.render("letter", letter(subject=""), at=AT)


@pytest.mark.parametrize("value", [1.5, AT, AT.date(), b"x"])
def test_values_are_written_for_people_first(value):
    with pytest.raises(TypeError):
        pdf.render("letter", letter(date=value), at=AT)


def test_none_and_lazy_labels_are_texts():
    reader = made("letter", letter(reference=None, subject=gettext_lazy("contrat")))
    assert reader.metadata.title == "contrat"
