"""Who made the documents of opened proposals: author, company, identifier of the original, as fingerprints.

PDF, Office and OpenDocument files say it in plain sight. Read defensively: a file that cannot be read says nothing.
Names never leave this module: the HMAC of each does. The software that wrote a file is left out: everybody has it.
"""

import hashlib
import hmac
import io
import logging
import re
import zipfile

from django.core.cache import cache

from marketplace import keys
from marketplace.files import kinds, store
from marketplace.lifecycle import known
from marketplace.search import fold
from proposals.models import OpenedProposal
from proposals.opening import actions as opening_actions

log = logging.getLogger(__name__)
KEPT = 30 * 24 * 3600  # seconds: an opened file never changes
EXTENSIONS = ("pdf", "docx", "xlsx", "pptx", "odt", "ods", "odp")
MOST_BYTES = 30_000_000
_PARTS = {"docProps/core.xml", "docProps/app.xml", "meta.xml"}
_PART_BYTES = 200_000
# What nobody chose: names that machines and programs give.
_NOBODY = frozenset(
    [
        "user", "utilisateur", "admin", "administrateur", "administrator", "owner", "proprietaire", "pc", "home",
        "hp", "dell", "lenovo", "acer", "asus", "unknown", "inconnu", "anonymous", "anonyme", "author", "auteur",
        "default", "test", "microsoft", "office", "libreoffice", "openpyxl", "pythondocx", "microsoftofficeuser",
        "windowsuser", "microsoftcorporation", "unspecified", "untitled", "apple", "google",
    ]
)  # fmt: skip
# Bounded everywhere: a file made to be slow costs what another costs.
_TAGS = re.compile(
    rb"<(?:dc:creator|cp:lastModifiedBy|Company|meta:initial-creator|pdf:Author|xmpMM:OriginalDocumentID)\b"
    rb"[^<>]{0,200}>(?:\s{0,20}<[^<>/]{0,80}>){0,3}\s{0,20}([^<]{0,200})<"
)
_PDF_AUTHOR = re.compile(rb"/Author\s{0,20}(?:\(((?:\\.|[^\\()]){0,200})\)|<([0-9A-Fa-f\s]{0,800})>)")
_PDF_ID = re.compile(rb"/ID\s{0,20}\[\s{0,20}(?:<([0-9A-Fa-f]{16,64})>)")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)


def marks_of(opened: list[OpenedProposal]) -> dict[int, frozenset[str]]:
    """{proposal id: fingerprints}; each file is read once a month."""
    names = {row.pk: f"flags:marks:{row.submission_id}" for row in opened if _files(row)}
    cached = cache.get_many(names.values())
    unread = [pk for pk, name in names.items() if name not in cached]
    rows = OpenedProposal.objects.filter(pk__in=unread).select_related("submission__proposal", "submission__envelope")
    for row in rows.iterator(chunk_size=100) if unread else ():
        fingerprints = sorted(set().union(*(_of_file(row, item) for item in _files(row))))
        cache.set(names[row.pk], fingerprints, KEPT)
        cached[names[row.pk]] = fingerprints
    return {pk: frozenset(cached[name]) for pk, name in names.items() if name in cached}


def marks_of_attachment(attachment) -> frozenset[str]:
    """Those of a file of the notice: who fills in a form of the body bears its marks."""
    name = f"flags:marks:{attachment.sha256}"
    fingerprints = cache.get(name)
    if fingerprints is None:
        fingerprints = []
        if _readable(attachment.name, attachment.size):
            try:
                fingerprints = sorted(marks(store.read_same(attachment.file)))
            except (store.Unavailable, store.Altered):  # and says something tomorrow: nothing is remembered
                log.info("The attachment %s could not be read now.", attachment.public_id)
                return frozenset()
            except Exception:  # a file that is lost or odd says nothing here
                log.info("The attachment %s could not be read.", attachment.public_id, exc_info=True)
        cache.set(name, fingerprints, KEPT)
    return frozenset(fingerprints)


def marks(blob: bytes) -> frozenset[str]:
    """The fingerprints of one file's makers; none where it says nothing."""
    said = _of_zip(blob) if blob.startswith(b"PK") else _of_pdf(blob) if kinds.recognised(blob) == "pdf" else set()
    plain = {re.sub(r"[^a-z0-9]", "", fold(value)) for value in said}
    return frozenset(_fingerprint(value) for value in plain if len(value) > 3 and value not in _NOBODY)


def _files(row) -> list[dict]:
    return [item for item in row.content.get("files", []) if _readable(item["name"], item["size"])]


def _readable(name: str, size: int) -> bool:
    return name.lower().rpartition(".")[2] in EXTENSIONS and size <= MOST_BYTES


def _of_file(row, item: dict) -> frozenset[str]:
    try:
        _about, content = known(opening_actions.read_file(row, item["id"]))
        return marks(content)
    except Exception:  # a file that is lost, altered or odd says nothing here
        log.info("A file of proposal %s could not be read.", row.pk, exc_info=True)
        return frozenset()


def _of_zip(blob: bytes) -> set[str]:
    said = set()
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            for name in _PARTS & set(archive.namelist()):
                with archive.open(name) as part:
                    said |= _of_xml(part.read(_PART_BYTES))  # no more, whatever it would expand to
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError):
        return set()
    return said


def _of_pdf(blob: bytes) -> set[str]:
    """What is written in the clear: the information dictionary, the identifier of the original, XMP metadata."""
    said = _of_xml(blob)
    for plain, hexadecimal in _PDF_AUTHOR.findall(blob):
        raw = bytes.fromhex(_even(re.sub(rb"\s", b"", hexadecimal).decode())) if hexadecimal else _unescaped(plain)
        said.add(raw[2:].decode("utf-16-be", "replace") if raw.startswith(b"\xfe\xff") else raw.decode("latin-1"))
    said |= {f"id{digits.decode().lower()}" for digits in _PDF_ID.findall(blob)}
    return said


def _unescaped(plain: bytes) -> bytes:
    def one(match) -> bytes:
        sign = match[1]
        return bytes([int(sign, 8) & 255]) if sign.isdigit() else sign

    return _ESCAPE.sub(one, plain)


def _even(digits: str) -> str:
    return digits + "0" * (len(digits) % 2)


def _of_xml(blob: bytes) -> set[str]:
    """The text of the few elements that name people; by pattern: no parser, so no entity that expands."""
    return {text.decode("utf-8", "replace") for text in _TAGS.findall(blob)}


def _fingerprint(value: str) -> str:
    return hmac.new(keys.derived("flags:marks"), value.encode(), hashlib.sha256).hexdigest()[:32]
