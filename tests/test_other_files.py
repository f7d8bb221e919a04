"""Other examples of each kind of fault that was once met: acts, files, licences, documents, words (D, E, I to N).

Each table holds what nobody had reported, with what is right; the tests count what they saw.
"""

import io

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from contracts.code import licences, publiccode
from contracts.code.archive import FILE
from marketplace import pdf
from marketplace.dates import clock
from marketplace.files import protection, uploads
from marketplace.files.uploads import FilesField, apart, checked, clean_name
from marketplace.models import KeptFile
from marketplace.search import index_text, query_terms, sort_key
from tests.cast import PUBLISHED_AT
from tests.desk import number_in, text_of
from tests.doubles import FIRM
from tests.files import PDF, heic, locked_office, locked_pdf, office, opendocument, sent, workbook
from tests.reading import signed_in, words
from tests.test_kept_files import attestation_story, delivery_files_story, occasion_story, proposal_story
from tests.test_pdf import AT, letter
from tests.test_publiccode import edited
from vendors.models import Vendor


# --- D. The same form twice ------------------------------------------------------------------------------------------
def sent_again(client, path, data, key):
    """Ways for the same form to come again: its number in other letters, from an address with a query, a third time."""
    yield client.post(path, data | {"key": key.upper()})
    yield client.post(path, data | {"key": key.replace("-", "")})
    yield client.post(f"{path}?retour=1", data | {"key": key})
    yield client.post(path, data | {"key": key, "csrfmiddlewaretoken": "un autre"})


def test_d_the_same_form_does_its_act_once_however_it_comes_again(cast):
    occasion, client = cast.published(), signed_in(cast.buyer)
    path, data = f"{occasion.get_absolute_url()}addenda/", {"text": "Une précision."}
    with clock.set_to(PUBLISHED_AT):
        key = number_in(client.get(path))
        first = client.post(path, data | {"key": key})
        again = list(sent_again(client, path, data, key))
        client.logout()
        client.force_login(cast.buyer)
        again.append(client.post(path, data | {"key": key}))
    assert first.status_code == 302 and occasion.addenda.count() == 1 and len(again) == 5
    assert {(answer.status_code, answer["Location"]) for answer in again} == {(302, first["Location"])}


# --- E. What may exist once, in another spelling ----------------------------------------------------------------------
@pytest.mark.parametrize("typed", ["NEQ : 1165-234-567 (REQ)", "1,165,234,567", "۱۱۶۵۲۳۴۵۶۷", "\ufffc1165234567.0"])
def test_e_the_same_neq_in_another_spelling_is_the_same(cast, typed):
    Vendor.objects.filter(pk=cast.vendor.pk).update(neq="1165234567")
    with clock.set_to(PUBLISHED_AT):
        answer = signed_in(cast.outsider).post("/prestataires/nouveau/", FIRM | {"neq": typed})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"neq": ["Un prestataire est déjà inscrit avec ce NEQ."]}


def test_e_the_same_attestation_in_another_spelling_is_the_same(cast):
    path, before = reverse("vendors:papers", args=[cast.vendor.public_id]), cast.vendor.attestations.count()
    number = cast.vendor.attestations.get().number
    with clock.set_to(PUBLISHED_AT):
        typed = {"number": f"Attestation no {number.lower()}", "issued_on": "2026-11-02"}
        answer = signed_in(cast.vendor_owner).post(path, typed)
    assert answer.status_code == 422 and "number" in answer.context["form"].errors
    assert cast.vendor.attestations.count() == before


# --- I. What files are -----------------------------------------------------------------------------------------------
TAKEN = {
    "http.pdf": (b"HTTP/1.1 200 OK\r\n\r\n" + PDF, "application/pdf"),
    "imprimante.pdf": (b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n" + PDF, "application/pdf"),
    "adobe.pdf": (b"%!PS-Adobe-3.0 PDF-1.4\n" + PDF, "application/pdf"),
    "tableur.xls": (office(), "application/vnd.ms-excel"),
    "libre.docx": (opendocument(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "photo.jpeg": (heic(b"heix"), "image/heic"),
    "cree.txt": ("ᐃᓄᒃ".encode(), "text/plain; charset=utf-8"),
    "guillemets.txt": (b"\x93oui\x94 \x96 \x85", "text/plain; charset=windows-1252"),
    "notes.txt": ("note‡, Šimon, VIŠ, l’été…suite, d‚ici".encode("cp1252"), "text/plain; charset=windows-1252"),
    "page.md": (b"<html> est une balise", "text/plain; charset=utf-8"),
    "rapport.pdf\u202c": (PDF, "application/pdf"),
    "rapport.PDF\u200b ": (PDF, "application/pdf"),
}  # fmt: skip
REFUSED = {
    "connexion.pdf": (b"\n<!DOCTYPE html>\n<html>", "C’est une page web"),
    "connexion.docx": (b"\xef\xbb\xbf<!-- x --> <HTML lang='fr'>", "C’est une page web"),
    "export.xls": (b"<html><table>", "C’est une page web"),
    "~$rapport.docx": (b"\x05Marie" + b"\0" * 100, "C’est la marque d’un document ouvert dans Office"),
    "._rapport.pdf": (b"\x00\x05\x16\x07" + b"\0" * 100, "C’est une note de macOS"),
    "tableur.xlsx": (workbook(), "avant 2007"),
    "lettre.docx": (b"{\\rtf1}", "C’est un document RTF"),
    "scan.jpg": (PDF, "C’est un PDF"),
    "citation.pdf": (b"<html>%PDF-1.7", "C’est une page web"),
    "portail.pdf": (b"<?xml version='1.0'?>\n<!DOCTYPE html><p>%PDF-", "C’est une page web"),
    "session.pdf": ("<html>%PDF-".encode("utf-16"), "C’est une page web"),
    "marque.txt": (b"\xef\xbb\xbf", "est vide"),
    "marque.csv": (b"\xff\xfe\r\0\n\0", "est vide"),
    "lignes.md": (b" \r\n\x1a", "est vide"),
    "quatre.txt": ("été".encode("utf-32"), "ne se lit pas. C’est un texte en UTF-32"),
    "quatre.csv": ("été".encode("utf-32-be"), "C’est un texte en UTF-32"),
    "dos.txt": ("L’été, l'école".replace("’", "'").encode("cp850"), "ne se lit pas. C’est un texte dans un ancien"),
    "DOS.CSV": ("Québec;forêt;É".encode("cp850"), "MS-DOS, page 850"),
    "mac.txt": ("Québec, déjà".encode("mac-roman"), "ancien codage"),
    "grand.tif": (b"II+\0\x08\0\0\0" + b"\0" * 20, "C’est une image BigTIFF"),
    "photo.jpg": (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "C’est une image AVIF"),
    "photo.heic": (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "C’est une image AVIF"),
    "logo.png": (b"<?xml version='1.0'?><svg xmlns='x'>", "C’est une image SVG"),
    "plan.jpg": (b"\0\0\0\x0cjP  \r\n\x87\n", "C’est une image JPEG 2000"),
    "maquette.png": (b"8BPS\0\x01", "C’est une image Photoshop"),
}  # fmt: skip
LOCKED = {
    "ligne.pdf": b"\r\n" + locked_pdf("x", "AES-256"), "marque.PDF": b"\xef\xbb\xbf" + locked_pdf("x", "RC4-128"),
    "devis.xls": locked_office(), "budget.ods": opendocument(encrypted=True),
    "diapos.ODP": opendocument(encrypted=True),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_i_what_readers_open_is_taken(name):
    blob, media_type = TAKEN[name]
    assert checked(sent(name, blob), field="files")[1]["content_type"] == media_type


@pytest.mark.parametrize("name", [*REFUSED, *LOCKED])
def test_i_what_is_refused_is_named(name):
    blob, said = REFUSED.get(name) or (LOCKED[name], "Ce document est protégé par un mot de passe")
    with pytest.raises(ValidationError) as refused:
        checked(sent(name, blob), field="files")
    assert said in refused.value.messages[0]
    assert protection.asks_password(blob) == (name in LOCKED)


# --- J. A file beside another wrong field -----------------------------------------------------------------------------
BESIDE = {
    "45k": (proposal_story, {"price": "45 000 $/an"}),
    "an invisible title": (occasion_story, {"title": "\u200b\u3164"}),
    "an ambiguous day": (attestation_story, {"issued_on": "01/12/2026"}),
    "too long": (delivery_files_story, {"notes": "x" * 20_001}),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_j_a_file_beside_a_wrong_field_is_kept(cast, name):
    build, wrong = BESIDE[name]
    story = build(cast)
    client, before = signed_in(getattr(cast, story.who)), story.count()
    with clock.set_to(story.at):
        answer = client.post(story.path, story.right | wrong | {story.field: story.upload()})
        assert answer.status_code == 422 and "annexe.pdf : conservé, il sera joint" in text_of(answer)
        assert client.post(story.path, story.right).status_code == 302
    assert story.count() == before + 1 and not KeptFile.objects.exists()


# --- N. Names --------------------------------------------------------------------------------------------------------
NAMES = {
    "aux.pdf": "aux_.pdf", "CON.txt": "CON_.txt", "nul.tar.gz": "nul_.tar.gz", "auxiliaire.pdf": "auxiliaire.pdf",
    "rapport.pdf\u200f": "rapport.pdf", "rapport.pdf\u2069 ": "rapport.pdf", "re\u0301sume\u0301.pdf": "résumé.pdf",
    "devis 100 %.pdf": "devis 100 _.pdf",
}  # fmt: skip


def test_n_names_are_safe_on_any_system():
    assert {name: clean_name(name) for name in NAMES} == NAMES
    assert all(clean_name(clean) == clean for clean in NAMES.values())


def test_n_names_that_clean_alike_stay_apart():
    given = [
        "annexe?.pdf",
        "annexe!.pdf",
        "annexe_.PDF",
        "annexe*.pdf",
        "résumé.pdf",
        "re\u0301sume\u0301.pdf",
        "Straße.pdf",
        "STRASSE.pdf",
    ]
    files = FilesField(types=uploads.TYPES).clean([sent(name, PDF + name.encode()) for name in given])
    kept = [facts["name"] for _blob, facts in files]
    assert len({name.casefold() for name in kept}) == len(given) == 8
    assert kept[:3] == ["annexe_.pdf", "annexe_ (2).pdf", "annexe_ (3).PDF"] and kept[5] == "résumé (2).pdf"
    assert apart("plan (2).pdf", ["plan.pdf", "PLAN (2).PDF"]) == "plan (2) (2).pdf"


def test_n_the_same_file_under_another_name_is_said_or_kept_knowingly():
    same, other = sent("a.pdf"), sent("b.pdf")
    assert [facts["name"] for _b, facts in FilesField().clean([same, sent("a.pdf"), other])] == ["a.pdf", "b.pdf"]


# --- K. Scripts in documents -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "typed",
    ["Ȣendat, ȣendat", "Kahnawà꞉ke, ꞌAuluk", "Dënesųłıné, Tłı̨chǫ", "ᐃᓕᓭᕐᕕᒃ ᖃᒪᓂᖅᑐᐊᖅ ᙯ", "ᢰᢱ ᣀ", "Mᵐᵉ, 1ʳᵉ, ≤ ½ ☐ ☑ ✗"],
)
def test_k_every_sign_is_drawn(typed):
    data = letter(paragraphs=[typed], subject="Avis", signature=typed)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.render("letter", data, at=AT))).pages)
    assert "[U+" not in text and "\ufffd" not in text


# --- L. Expressions --------------------------------------------------------------------------------------------------
EXPRESSIONS = {
    "LicenseRef-Maison": "LicenseRef-Maison", "MIT OR LicenseRef-Maison": "MIT OR LicenseRef-Maison",
    "DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2": "DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2",
    "LiLiQ-Rplus-1.1+": "LiLiQ-Rplus-1.1+", "((mit))": "MIT", "LGPL-3.0+ AND 0bsd": "LGPL-3.0-or-later AND 0BSD",
    "GPL-2.0-with-bison-exception": "GPL-2.0-or-later WITH Bison-exception-2.2",
    "wxWindows": "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
    **dict.fromkeys(["LiLiQ-R", "MIT/Apache-2.0", "MIT, ISC", "LicenseRef-", "LicenseRef-é", "Apache 2.0",
                     "NOASSERTION"]),
}  # fmt: skip


def test_l_expressions_are_those_of_annex_d():
    assert {text: licences.normalized(text) for text in EXPRESSIONS} == EXPRESSIONS and len(EXPRESSIONS) == 15
    opened = ["MulanPSL-2.0", "BlueOak-1.0.0", "CECILL-C", "OGTSL", "LiLiQ-R-1.1+", "MIT OR LicenseRef-Maison"]
    closed = ["LicenseRef-Maison", "MIT AND LicenseRef-Maison", "Parity-7.0.0", "CC-BY-ND-4.0"]
    assert [licences.is_open(text) for text in opened + closed] == [True] * 6 + [False] * 4
    # A publiccode.yml names listed licences alone: nobody could read the text of another.
    for text in ("LicenseRef-Maison", "MIT OR LicenseRef-Maison"):
        result = publiccode.validate(edited(legal=f"{{license: {text}}}"))
        assert [path for path, _sentence in result.errors] == ["legal.license"] and not licences.is_known(text)


# --- M. Licence files ------------------------------------------------------------------------------------------------
R, RPLUS, P, GPL = "LiLiQ-R-1.1", "LiLiQ-Rplus-1.1", "LiLiQ-P-1.1", "GPL-3.0-or-later GPL-3.0-only"
MIT = ("Permission is hereby granted, free of charge, to any person obtaining a copy of this software. The above "
       "copyright notice and this permission notice shall be included.")  # fmt: skip
TEXTS = {
    "LiLiQ-R 1.1": R, "Code sous licence LILIQ-R+ 1.1 (https://forge.exemple.quebec/licence/).": RPLUS,
    "Licence : LiLiQ-P-1.1": P,
    "Licence Libre du Québec – Réciprocité 1.1": R,
    "Licence Libre du Québec (LiLiQ) – Réciprocité forte\nVersion 1.1": RPLUS,
    "<p>Licence Libre du Qu&eacute;bec &ndash; Permissive</p><p>Version&nbsp;1.1</p>": P,
    "LiLiQ-R License\n(c) 2021\n\n#VERSION FRANCOPHONE\nLicence Libre du Québec – Réciprocité\nVersion 1.1": R,
    "Licence Libre du Que\u0301bec – Re\u0301ciprocite\u0301\nVersion 1.1": R, "LiLiQ-R 1.0": "", "LiLiQ-R 1.10": "",
    "LiLiQ-R 11.1": "",
    "// " + MIT.replace(", ", ",\n// "): "MIT", "; " + MIT.replace("person ", "person\n; "): "MIT", "-- " + MIT: "MIT",
    "GNU GPLv3 ou ultérieure": GPL, "GNU General Public License v3.0": GPL,
    "Licence publique générale GNU, version 3": GPL,
    "GNU GENERAL PUBLIC LICENCE\nVersion 3": GPL,
    "GNU Lesser General Public License v3.0": "LGPL-3.0-or-later LGPL-3.0-only",
    "GNU General Public License, version 2 (version 3 is fine)": "GPL-2.0-or-later GPL-2.0-only",
    "The ASF licenses this file to you under the Apache License, Version 2.0": "Apache-2.0",
    "spdx-license-identifier : liliq-r-1.1": R, '"SPDX-License-Identifier: MIT",': "MIT",
}  # fmt: skip
LOOKED_AT = ("gpl-3.0.txt", "MIT.txt", "Apache-2.0.md", "LICENSE-2.0.txt", "LiLiQ-R11FR.txt",
             "Licence d’utilisation.txt", "COPYINGv3",
             "LICENCE – LiLiQ.txt", "LICENCE.LiLiQ-R", "LICENCE (1).txt", "License_FR.html",
             "LILIQ-R-1.1.md")  # fmt: skip
PASSED_OVER = ("LICENSE-3RD-PARTY", "license-tiers.txt", "LICENSE.template", "license-list.txt",
               "license-report.csv", "license.py",
               "licence.service.ts", "licence.png", "LICENSES-bundled.txt", "licence_conduire.txt",
               "license_plate.md")  # fmt: skip


@pytest.mark.parametrize(("text", "ids"), TEXTS.items())
def test_m_licence_texts_are_recognised(text, ids):
    assert licences.recognised("LICENCE", text.encode()) == tuple(ids.split())


@pytest.mark.parametrize("charset", ["windows-1252", "utf-16-le", "utf-16-be", "utf-16", "utf-8-sig"])
def test_m_in_any_editors_charset(charset):
    text = "Licence Libre du Québec – Réciprocité forte\r\n\r\nVersion 1.1\r\n"
    assert licences.recognised("LICENCE.txt", text.encode(charset)) == (RPLUS,)
    assert licences.recognised("LICENCE.txt", (text + "é" * 200_001).encode(charset)) == (RPLUS,)


def test_m_names_of_licence_files():
    assert len(licences.files(dict.fromkeys(LOOKED_AT, (FILE, b"")))) == len(LOOKED_AT) == 12
    assert licences.files({name: (FILE, MIT.encode()) for name in PASSED_OVER}) == [] and len(PASSED_OVER) == 11
    assert licences.check({"LICENSE-3RD-PARTY": (FILE, MIT.encode())}, "MIT").agrees is False


# --- Dead ends: what is searched is found ----------------------------------------------------------------------------
FOUND = [
    ("déneige", "Déneigement des trottoirs"), ("cadast", "cadastres rénovés"), ("biblio", "Bibliothèque municipale"),
    ("ste-foy", "Bureau de Sainte-Foy"), ("St‑Jean", "Saint-Jean-sur-Richelieu"), ("SAAQ", "la S.A.A.Q."),
    ("r.a.m.q.", "RAMQ"),
    ("employé·e·s", "des employés"), ("étudiants", "les étudiant(e)s"), ("usager·ère·s", "usagers"), ("25 000",
    "25000 $"),
    ("1000", "1\u202f000 courriels"), ("ᐃᓄᒃᑎᑐᑦ", "Site en ᐃᓄᒃᑎᑐᑦ"), ("wi‑fi", "Wi-Fi public"), ("ＡＰＩ", "une API"),
    ("com\u0301post", "Compostage"), ("covid‑19", "COVID-19"), ("ﬁnances", "Finances"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "text"), FOUND)
def test_what_is_searched_is_found(query, text):
    index, terms = index_text(text), query_terms(query)
    assert terms and all(term.stands_in(index) for term in terms)


@pytest.mark.parametrize(
    "ordered", [["Agence", "École", "Érablière", "Zoo"], ["Île-des-Sœurs", "Îlot", "Isle"], ["MRC d’Abitibi",
                "MRC de Rouville"],
                ["Saint-Émile", "Saint‑Eustache"], ["Æsop", "Agence"]],
)  # fmt: skip
def test_names_come_as_in_a_dictionary(ordered):
    assert sorted(set(ordered), key=sort_key) == ordered


@pytest.mark.parametrize("path", ["/robots.txt", "/sitemap.xml", "/.well-known/security.txt"])
@pytest.mark.parametrize("way", ["head", "get", "query", "english"])
def test_what_machines_ask_for_first_is_there(db, path, way):
    client = Client()
    if way == "english":
        answer = client.get(path, HTTP_ACCEPT_LANGUAGE="en")
    else:
        answer = client.head(path) if way == "head" else client.get(path, {"v": "1"} if way == "query" else {})
    assert answer.status_code == 200 and "<!doctype" not in answer.content.decode().lower()


# --- Words that are true ---------------------------------------------------------------------------------------------
def test_what_is_missing_is_named(cast):
    """« Ce champ est obligatoire » alone names nothing: the summary of a refused form says which field."""
    client, seen = signed_in(cast.outsider), 0
    with clock.set_to(PUBLISHED_AT):
        for field in ("legal_name", "email", "street", "city", "postal_code"):
            answer = client.post("/prestataires/nouveau/", FIRM | {field: "\u200b"})
            label = str(answer.context["form"].fields[field].label)
            seen += f"{label} : Ce champ est obligatoire." in words(answer)
    assert seen == 5


def test_a_list_of_fixed_amounts_calls_none_a_maximum(cast):
    cache.clear()
    with clock.set_to(PUBLISHED_AT):
        cast.published(mode="quality_fixed")
        for path, said in (("/occasions/", "Montant maximal"), ("/en/occasions/", "Maximum amount")):
            page = words(Client().get(path))
            assert said not in page and ("Montant" in page or "Amount" in page)
