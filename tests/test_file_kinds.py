"""Files as readers recognise them (kind I): header within 1 024 bytes, texts in their charset, protected ones named."""

import struct

import pytest
from django import forms
from django.core.exceptions import ValidationError

from marketplace.files import kinds, protection, uploads
from marketplace.files.uploads import ARCHIVES, PAPERS, TYPES, UploadField, apart, checked
from tests import files
from tests.files import PDF, heic, locked_office, locked_pdf, office, opendocument, sent, word, workbook

PNG, JPEG = b"\x89PNG\r\n\x1a\n....", b"\xff\xd8\xff\xe0\x00\x10JFIF"
TEXT = "Prix : 48 500 $, été"


def refused(name: str, blob: bytes, types=TYPES) -> str:
    with pytest.raises(ValidationError) as error:
        checked(sent(name, blob), field="files", types=types)
    (sentence,) = error.value.message_dict["files"]
    return sentence.replace("\u00a0", " ")


TAKEN = {
    # A PDF's header stands anywhere in the first 1 024 bytes.
    "marque.pdf": (b"\xef\xbb\xbf" + PDF, "application/pdf"),
    "lignes.pdf": (b"\r\n" + PDF, "application/pdf"),
    "espaces.pdf": (b" " * 1019 + PDF, "application/pdf"),
    "courriel.pdf": (b"Content-Type: application/pdf\r\n\r\n" + PDF, "application/pdf"),
    "mac.pdf": (b"\x00" * 128 + PDF, "application/pdf"),  # MacBinary
    "imprime.pdf": (locked_pdf(""), "application/pdf"),  # what forbids printing opens everywhere
    # Texts, as editors and spreadsheets save them.
    "utf8.txt": (TEXT.encode(), "text/plain; charset=utf-8"),
    "marque.txt": (TEXT.encode("utf-8-sig"), "text/plain; charset=utf-8"),
    "blocnotes.txt": (TEXT.encode("utf-16"), "text/plain; charset=utf-16"),
    "gros-boutiste.md": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "text/plain; charset=utf-16"),
    "sans-marque.csv": ("a;b\r\n1;2".encode("utf-16-le"), "text/plain; charset=utf-16le"),
    "excel.csv": (TEXT.encode("windows-1252"), "text/plain; charset=windows-1252"),
    "euro.csv": ("12 €;« oui »;œuvre\r\n".encode("windows-1252"), "text/plain; charset=windows-1252"),
    "dos.txt": (b"fin\r\n\x1a", "text/plain; charset=utf-8"),
    "cite.txt": (b"Un PDF commence par %PDF-1.7", "text/plain; charset=utf-8"),
    # Documents, old and new.
    "lettre.doc": (word(), "application/msword"),
    "lettre-rtf.doc": (b"{\\rtf1\\ansi Bonjour}", "application/msword"),
    "lettre.rtf": (b"\xef\xbb\xbf{\\rtf1\\ansi Bonjour}", "application/rtf"),
    "budget.xls": (workbook(), "application/vnd.ms-excel"),
    "diapos.ppt": (files.compound(**{"PowerPoint Document": b"x" * 5000}), "application/vnd.ms-powerpoint"),
    "diapos.pptx": (office(), "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    "plan.docx": (office(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "plan.odt": (opendocument(), "application/vnd.oasis.opendocument.text"),
    "plan.odp": (opendocument(), "application/vnd.oasis.opendocument.presentation"),
    # Pictures, under the name that a telephone or a messenger gave them.
    "photo.heic": (heic(), "image/heic"),
    "photo.HEIF": (heic(b"mif1"), "image/heic"),
    "telephone.jpg": (heic(b"heix"), "image/heic"),
    "messagerie.jpg": (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    "capture.jpeg": (PNG, "image/png"),
    "numerise.tif": (b"MM\x00*\x00\x00\x00\x08", "image/tiff"),
    "anime.gif": (b"GIF89a\x01\x00", "image/gif"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_readers_open_is_taken_under_its_true_type(name):
    blob, media_type = TAKEN[name]
    content, facts = checked(sent(name, blob), field="files")
    assert (content, facts["content_type"], facts["name"]) == (blob, media_type, name)


LOCKED = {
    "devis.docx": locked_office(),
    "budget.xlsx": locked_office(),
    "diapos.pptx": locked_office(),
    "ancien.doc": word(locked=True),
    "ancien.xls": workbook(struct.pack("<HHH", 0x002F, 6, 0) + b"\x12\x34\x56\x78"),
    "ancien.ppt": files.compound(EncryptedSummary=b"x" * 5000),
    "offre.odt": opendocument(encrypted=True),
    "chiffres.docx": files.locked_zip("[Content_Types].xml"),
    **{f"{name}.pdf": locked_pdf(algorithm=name) for name in ("RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256")},
}


@pytest.mark.parametrize("name", LOCKED)
def test_a_protected_document_is_named_as_such(name):
    sentence = refused(name, LOCKED[name])
    assert f"Ce document est protégé par un mot de passe : « {name} »." in sentence and "joignez-le" in sentence


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_a_pdf_that_only_forbids_something_asks_nobody_for_a_password(algorithm):
    assert not protection.asks_password(locked_pdf("", algorithm))


def test_a_workbook_whose_structure_alone_is_locked_is_read():
    """Excel encrypts it with the password that every reader tries."""
    salt, plain = bytes(range(16)), b"0123456789abcdef"
    first = protection._md5("VelvetSweatshop".encode("utf-16-le"))[:5]
    key = protection._md5(protection._md5((first + salt) * 16)[:5] + b"\0\0\0\0")
    sealed = protection._rc4(key, plain + protection._md5(plain))
    record = struct.pack("<HH", 0x002F, 54) + struct.pack("<HHH", 1, 1, 1) + salt + sealed
    assert not protection.asks_password(workbook(record))
    assert protection.asks_password(workbook(record[:-1] + b"x"))


def test_what_is_broken_is_not_said_to_be_protected():
    looked = 0
    for blob in (locked_office(), word(locked=True), workbook(), opendocument(encrypted=True), locked_pdf()):
        for cut in (9, 40, 80, 513, 600, 1100, len(blob) // 2):
            protection.asks_password(blob[:cut])  # and breaks on none
            looked += 1
    assert looked == 35
    assert not protection.asks_password(b"%PDF-1.4 /Encrypt 5 0 R")
    assert not protection.asks_password(b"%PDF-1.4 /Encrypt 5 0 R 5 0 obj << /Filter /Standard /R 6 >> endobj")


REFUSED = {
    "dossier.zip": (files.zipped(a_pdf=PDF), "joignez plutôt chaque document à part"),
    "dossier.rar": (b"Rar!\x1a\x07\x00", "joignez plutôt chaque document à part"),
    "dossier.7z": (b"7z\xbc\xaf\x27\x1c", "joignez plutôt chaque document à part"),
    "dossier.tar.gz": (b"\x1f\x8b\x08", "joignez plutôt chaque document à part"),
    "dossier.docx": (files.zipped(a_pdf=PDF), "joignez plutôt chaque document à part"),  # an archive, renamed
    "macros.docm": (office(), "sans macros"),
    "macros.xlsm": (office(), "sans macros"),
    "notes.pages": (files.zipped(Index__x_iwa="x"), "en PDF"),
    "page.html": (b"<p>", "en PDF"),
    "courriel.msg": (files.compound(a=b"x"), "en PDF"),
    "dessin.svg": (b"<svg/>", "PNG"),
    "outil.exe": (b"MZ\x90\x00", "type non accepté"),
    "plan.docx": (PDF, "C’est un PDF : donnez-lui la bonne extension."),
    "ancien.docx": (word(), "avant 2007"),
    "image.pdf": (PNG, "C’est une image PNG"),
    "trop-loin.pdf": (b" " * 1020 + PDF, "n’est pas ce que son extension annonce"),
    "binaire.txt": (b"MZ\x90\x00\x03", "n’est pas ce que son extension annonce"),
    "binaire.csv": (bytes(range(256)), "n’est pas ce que son extension annonce"),
    "image.txt": (JPEG, "n’est pas ce que son extension annonce"),
    "impair.txt": (b"\xff\xfea\x00b", "n’est pas ce que son extension annonce"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_send_instead(name):
    blob, sentence = REFUSED[name]
    said = refused(name, blob)
    assert sentence in said and f"« {name} »" in said


def test_a_paper_is_a_pdf_or_a_photo_of_it():
    for name, blob in {"a.pdf": PDF, "a.heic": heic(), "a.jpg": JPEG, "a.png": PNG}.items():
        assert checked(sent(name, blob), field="file", types=PAPERS)[0] == blob
    assert "n’est pas un PDF, ni une photo" in refused("a.docx", office(), PAPERS)
    assert "protégé" in refused("a.pdf", locked_pdf(), PAPERS)


def test_source_archives_are_taken_where_they_are_asked():
    assert checked(sent("code.zip", files.zipped(a_py="1")), field="archive", types=ARCHIVES)
    assert "type non accepté" in refused("plan.pdf", PDF, ARCHIVES)


@pytest.mark.parametrize("text", ["", "a", "Été « à » œ", "Ligne\r\nautre\ttab", "日本語", "ᐃᓄᒃᑎᑐᑦ"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_an_editor_saves_is_read_back(text, codec):
    read = kinds.decoded(text.encode(codec))
    assert read and read[0] == text


def test_an_upload_is_judged_once():
    upload = sent("a.pdf", PDF)
    assert checked(upload, field="f") == checked(upload, field="f")  # it is read to its end the first time
    wrong = sent("a.exe", b"MZ")
    for field in ("files", "archive"):
        with pytest.raises(ValidationError) as error:
            checked(wrong, field=field)
        assert list(error.value.message_dict) == [field]


# --- Names that stay apart -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "taken", "found"),
    [
        ("annexe_.pdf", [], "annexe_.pdf"),
        ("annexe_.pdf", ["annexe_.pdf"], "annexe_ (2).pdf"),
        ("Annexe_.PDF", ["annexe_.pdf"], "Annexe_ (2).PDF"),  # one file on Windows
        ("annexe_.pdf", ["annexe_.pdf", "annexe_ (2).pdf"], "annexe_ (3).pdf"),
        ("LISEZMOI", ["LISEZMOI"], "LISEZMOI (2)"),
        ("x" * 200 + ".pdf", ["x" * 200 + ".pdf"], "x" * 196 + " (2).pdf"),
    ],
)
def test_names_stay_apart(name, taken, found):
    assert apart(name, taken) == found and len(found) <= uploads.NAME_MAX


def test_a_field_of_several_files_keeps_names_apart_and_twins_once():
    field = uploads.FilesField(required=False, most=3, too_many="Au plus %d.")
    pair = field.clean([sent("annexe?.pdf"), sent("annexe!.pdf")])  # the same bytes, sent under two names
    assert [facts["name"] for _blob, facts in pair] == ["annexe_.pdf", "annexe_ (2).pdf"]
    assert len(field.clean([sent("a.pdf"), sent("a.pdf"), sent("a.pdf", PDF + b" ")])) == 2
    with pytest.raises(ValidationError) as error:
        field.clean([sent(f"{n}.exe", b"MZ") for n in range(7)])
    assert error.value.messages == ["Au plus 3. Aucun fichier n’est ajouté : vous en avez choisi 7."]


# --- Everywhere ------------------------------------------------------------------------------------------------------
def forms_of_the_product() -> set[type[forms.BaseForm]]:
    from django.urls import get_resolver

    assert get_resolver().url_patterns  # every view, hence every form, is imported
    found, todo = set(), [forms.BaseForm]
    while todo:
        for child in todo.pop().__subclasses__():
            todo.append(child)
            if child.__module__.partition(".")[0] in {"vendors", "opportunities", "proposals", "contracts", "audit"}:
                found.add(child)
    return found


def test_every_upload_field_of_the_product_is_one_of_ours():
    seen = {}
    for form in forms_of_the_product():
        for name, field in getattr(form, "base_fields", {}).items():
            if field.widget.needs_multipart_form:
                seen[f"{form.__name__}.{name}"] = field
    assert not [name for name, field in seen.items() if not isinstance(field, UploadField)]
    assert {name for name, field in seen.items() if not field.keeps} == {"VerifyForm.file"}  # read, never kept
    assert len(seen) >= 10, sorted(seen)
