"""What a file is, as the programs that open it see it: by its content first, its extension saying what was meant.

A PDF's header may stand anywhere in the first 1 024 bytes (ISO 32000-1, annex H.3.4.1); a text may be in UTF-8, with a
mark or not, in UTF-16 or in Windows-1252; a photo that a telephone named .jpg may be HEIC or WebP.
"""

import io
import re
import zipfile
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from marketplace.texts import Words

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_WITHIN = 1024  # bytes
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."


class Kind(NamedTuple):
    """What an extension announces. start: the usual first bytes (None: a text). holds: what readers open under it."""

    media_type: str
    start: bytes | None
    holds: frozenset[str]


def _kind(media_type: str, start: bytes | None, *holds: str) -> Kind:
    return Kind(media_type, start, frozenset(holds))


Kinds = dict[str, Kind]
_HEADS = {  # of pictures: what is found, by its first bytes
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff",
    "gif": b"GIF8",
}
_PICTURE_TYPES = {
    "png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "tiff": "image/tiff",
    "heic": "image/heic",
}  # fmt: skip
# Pictures that browsers or readers of documents do not all show: recognised, to be named, never taken.
_UNSHOWN = {
    "bigtiff": (b"II+\x00", b"MM\x00+"), "psd": (b"8BPS",), "jp2": (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"),
    "jxl": (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "), "ico": (b"\x00\x00\x01\x00",),
}  # fmt: skip
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}  # brands of ISO/IEC 23008-12
PICTURES: Kinds = {
    "png": _kind("image/png", _HEADS["png"], *_PICTURE_TYPES),
    "jpg": _kind("image/jpeg", _HEADS["jpeg"], *_PICTURE_TYPES),
    "jpeg": _kind("image/jpeg", _HEADS["jpeg"], *_PICTURE_TYPES),
    "gif": _kind("image/gif", _HEADS["gif"], *_PICTURE_TYPES),
    "webp": _kind("image/webp", b"RIFF", *_PICTURE_TYPES),
    "tif": _kind("image/tiff", b"II*\x00", *_PICTURE_TYPES),
    "tiff": _kind("image/tiff", b"II*\x00", *_PICTURE_TYPES),
    "heic": _kind("image/heic", b"\x00\x00\x00\x18ftypheic", *_PICTURE_TYPES),
    "heif": _kind("image/heic", b"\x00\x00\x00\x18ftypheic", *_PICTURE_TYPES),
}
PDF: Kinds = {"pdf": _kind("application/pdf", b"%PDF-", "pdf")}
DOCUMENTS: Kinds = {
    **PDF,
    **{name: PICTURES[name] for name in ("png", "jpg", "jpeg")},
    "docx": _kind(f"{_OFFICE}wordprocessingml.document", _ZIP, "office"),
    "xlsx": _kind(f"{_OFFICE}spreadsheetml.sheet", _ZIP, "office"),
    "pptx": _kind(f"{_OFFICE}presentationml.presentation", _ZIP, "office"),
    "odt": _kind(f"{_OPEN}text", _ZIP, "office"),
    "ods": _kind(f"{_OPEN}spreadsheet", _ZIP, "office"),
    "odp": _kind(f"{_OPEN}presentation", _ZIP, "office"),
    # Word, Excel and PowerPoint open these by their content, whatever wrote them.
    "doc": _kind("application/msword", _OLE, "ole", "rtf", "office"),
    "xls": _kind("application/vnd.ms-excel", _OLE, "ole", "office"),
    "ppt": _kind("application/vnd.ms-powerpoint", _OLE, "ole", "office"),
    "rtf": _kind("application/rtf", b"{\\rtf", "rtf", "ole"),
    "txt": _kind("text/plain; charset=utf-8", None, "text"),
    "md": _kind("text/plain; charset=utf-8", None, "text"),
    "csv": _kind("text/plain; charset=utf-8", None, "text"),
    **{name: PICTURES[name] for name in ("heic", "heif", "webp", "gif", "tif", "tiff")},
}
PAPERS: Kinds = PDF | PICTURES  # one document on paper: its PDF, or a photo of it
# Source code, which contracts/code/archive.py reads: it judges what the first bytes do not tell (b"": anything).
ARCHIVES: Kinds = {
    "zip": _kind("application/zip", _ZIP),
    "tar": _kind("application/x-tar", b""),
    "gz": _kind("application/gzip", b"\x1f\x8b"),
    "tgz": _kind("application/gzip", b"\x1f\x8b"),
    "xz": _kind("application/x-xz", b"\xfd7zXZ\x00"),
    "bundle": _kind("application/octet-stream", b"# v"),
}
RECEIPTS: Kinds = {name: _kind("application/json", None, "text") for name in ("json", "txt")}  # read, never stored


def accept(types: Kinds) -> str:
    """The `accept` attribute of a file input."""
    return ",".join(f".{extension}" for extension in types)


# --- What the content is ---------------------------------------------------------------------------------------------
def media_type(extension: str, blob: bytes, types: Kinds) -> str | None:
    """The media type of these bytes where they are what the extension announces, or what readers open under it."""
    kind = types[extension]
    if not kind.holds:
        return kind.media_type if blob.startswith(kind.start or b"") else None
    if "text" in kind.holds:
        read = decoded(blob)
        return kind.media_type.replace("utf-8", read[1]) if read else None
    found = recognised(blob)
    if found not in kind.holds:
        return None
    return _PICTURE_TYPES.get(found, kind.media_type)


def recognised(blob: bytes) -> str:
    """pdf, office, ole, rtf, zip, rar, 7z, gzip, page (of the web) or a picture's kind; empty for anything else."""
    for found, head in _HEADS.items():
        if blob.startswith(head):
            return found
    for found, heads in _UNSHOWN.items():
        if blob.startswith(heads):
            return found
    if blob.startswith(b"BM") and blob[6:10] == b"\0\0\0\0":
        return "bmp"
    if blob.startswith(b"RIFF") and blob[8:12] == b"WEBP":
        return "webp"
    if blob.startswith((b"II*\x00", b"MM\x00*")):
        return "tiff"
    if blob[4:8] == b"ftyp":
        brands = {blob[place : place + 4] for place in (8, *range(16, min(blob[3], 64), 4))}
        if brands & {b"avif", b"avis"} and not brands & (_HEIC - {b"mif1", b"msf1"}):
            return "avif"
        if blob[8:12] in _HEIC:
            return "heic"
    if blob.startswith(_OLE):
        return "ole"
    if blob.startswith(_ZIP):
        return "office" if _is_office(blob) else "zip"
    for found, head in (("rar", b"Rar!\x1a\x07"), ("7z", b"7z\xbc\xaf\x27\x1c"), ("gzip", b"\x1f\x8b")):
        if blob.startswith(head):
            return found
    if blob.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x00")[:5] == b"{\\rtf":
        return "rtf"
    if markup := _MARKUP.match(_BOM.sub(b"", blob[:_PDF_WITHIN].replace(b"\0", b""))):
        return "svg" if markup[1].lower() == b"svg" else "page"  # whatever it quotes further on
    return "pdf" if b"%PDF-" in blob[:_PDF_WITHIN] else ""


_BOM = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)")
_MARKUP = re.compile(rb"\s*(?:<!--.*?-->\s*|<\?xml.*?\?>\s*)*<(!doctype html|html|head|body|svg)\b", re.I | re.S)


def _is_office(blob: bytes) -> bool:
    """A document of Office or OpenDocument, and not any other archive under its name."""
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return False
    return bool(names & {"[Content_Types].xml", "mimetype", "content.xml", "META-INF/manifest.xml"})


# --- Texts -----------------------------------------------------------------------------------------------------------
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


# What DOS (page 850) and Mac OS wrote for « é », « è », « ê », « ç » inside a word, where Windows-1252 has quotation
# marks, daggers and capitals.
_OLD_LETTER = re.compile(rb"[a-zA-Z'](?:[\x82\x88]|\x87[a-z])|[a-z'][\x8a\x8e\x8f]")
_MODERN_LETTER = re.compile(rb"[a-zA-Z'][\xc0-\xff]|[\xc0-\xff][a-z]")


def is_empty(blob: bytes) -> bool:
    """Whether there is nothing in it: no byte, or only what editors write of themselves (a mark, spaces, lines)."""
    read = decoded(blob) if len(blob) <= 4_096 else None
    return not blob or (read is not None and not read[0].strip(" \t\r\n\f\v\u00a0\ufeff\x1a"))


def _old_charset(blob: bytes) -> str:
    """utf-32, or old (DOS, Mac OS): charsets that browsers do not read; empty for the others."""
    if blob.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) or (
        len(blob) % 4 == 0 and blob.count(0) * 2 > len(blob) and (b"\0\0\0" in (blob[:3], blob[1:4]))
    ):
        return "utf-32"
    old = _OLD_LETTER.search(blob) and not _MODERN_LETTER.search(blob)
    return "old" if old and not _CONTROL.search(blob.decode("latin-1")) else ""


def decoded(blob: bytes) -> tuple[str, str] | None:
    """(the text without its mark, its charset as HTTP names it) of a text as editors read it; None for anything else.

    UTF-16 without a mark is told by its zero bytes, which are all on one side. Windows-1252 comes last: any bytes could
    be read so, hence no control character (what binaries are full of) is taken.
    """
    for mark, charset in _MARKS:
        if blob.startswith(mark):
            return _text(blob, charset if charset == "utf-16" else "utf-8-sig", charset)
    half = len(blob) // 2
    if len(blob) % 2 == 0 and b"\x00" in blob:
        for charset, zeros, letters in (("utf-16-le", blob[1::2], blob[::2]), ("utf-16-be", blob[::2], blob[1::2])):
            if zeros.count(0) * 2 > half and b"\x00" not in letters:
                return _text(blob, charset, charset.replace("-le", "le").replace("-be", "be"))
    read = _text(blob, "utf-8", "utf-8")
    return read or (None if _old_charset(blob) else _text(blob, "windows-1252", "windows-1252"))


def _text(blob: bytes, codec: str, charset: str) -> tuple[str, str] | None:
    try:
        text = blob.decode(codec)
    except UnicodeDecodeError:
        return None
    # DOS ended texts with ^Z; terminals' colours (ESC) stand in the logs that people join.
    return None if _CONTROL.search(text.rstrip("\x1a").replace("\x1b[", "")) else (text, charset)


# --- What to send instead --------------------------------------------------------------------------------------------
_ONE_BY_ONE = _("C’est une archive : joignez plutôt chaque document à part, par exemple en PDF.")
_NO_MACROS = _("Enregistrez ce document sans macros (.docx, .xlsx, .pptx) ou en PDF, puis joignez-le.")
_AS_PDF = _("Enregistrez ce document en PDF, puis joignez-le.")
_AS_PICTURE = _("Enregistrez cette image en PNG, en JPEG ou en PDF, puis joignez-la.")
_ARCHIVES = ("zip", "rar", "7z", "tar", "gz", "tgz", "bz2", "xz", "zst", "cab", "iso")
_MACROS = ("docm", "xlsm", "pptm", "dotm", "xltm", "xlsb", "ppsm")
_OTHERS = (
    *("pages", "numbers", "key", "html", "htm", "mht", "mhtml", "eml", "msg", "wps", "wpd", "odg", "vsd", "vsdx"),
    *("xps", "one", "epub", "tex", "pub", "mpp", "dot", "dotx", "xltx", "potx", "ppsx", "xml", "json"),
)
_DRAWN = ("svg", "bmp", "avif", "psd", "ai", "eps", "jfif", "jp2", "raw", "dng", "cr2", "emf", "wmf")
_INSTEAD: dict[str, Words] = {
    **dict.fromkeys(_ARCHIVES, _ONE_BY_ONE),
    **dict.fromkeys(_MACROS, _NO_MACROS),
    **dict.fromkeys(_OTHERS, _AS_PDF),
    **dict.fromkeys(_DRAWN, _AS_PICTURE),
}
_NAMED: dict[str, Words] = {
    "pdf": _("un PDF"), "office": _("un document Office ou OpenDocument récent"),
    "ole": _("un document Office d’avant 2007 (.doc, .xls ou .ppt)"), "rtf": _("un document RTF"), "zip": _ONE_BY_ONE,
    "rar": _ONE_BY_ONE, "7z": _ONE_BY_ONE, "gzip": _ONE_BY_ONE, "png": _("une image PNG"),
    "jpeg": _("une image JPEG"), "gif": _("une image GIF"), "webp": _("une image WebP"),
    "tiff": _("une image TIFF"), "heic": _("une image HEIC"),
}  # fmt: skip
_PICTURES_NAMED = {
    "avif": "AVIF", "bigtiff": "BigTIFF", "bmp": "BMP", "psd": "Photoshop", "jp2": "JPEG 2000", "jxl": "JPEG XL",
    "ico": "ICO", "svg": "SVG",
}  # fmt: skip


def instead_of(extension: str, types: Kinds) -> str:
    """What to send instead of a kind that is not taken; empty where there is nothing to say."""
    return str(_INSTEAD.get(extension, "")) if "pdf" in types else ""


_WEB_PAGE = _("C’est une page web, souvent celle qui demande de se connecter : téléchargez le document lui-même.")
_UTF_32 = _("C’est un texte en UTF-32 : enregistrez-le en UTF-8, puis joignez-le.")
_OLD_CHARSET = _(
    "C’est un texte dans un ancien codage (MS-DOS, page 850, ou Mac OS) : enregistrez-le en UTF-8, puis joignez-le."
)
_LEFT_BY_OFFICE = _("C’est la marque d’un document ouvert dans Office : fermez-le, puis joignez le document lui-même.")
_LEFT_BY_MAC = _("C’est une note de macOS sur un autre fichier : joignez le document lui-même.")


def unread_text(blob: bytes) -> str:
    """What to do with a text in a charset that is not taken; empty for anything else."""
    return str({"utf-32": _UTF_32, "old": _OLD_CHARSET}.get(_old_charset(blob), ""))


def really(name: str, blob: bytes) -> str:
    """What these bytes are, for a sentence about a name that says otherwise; empty when nobody can tell.

    name: as it was sent. A folder that is joined whole brings what programs leave beside documents.
    """
    if name.startswith("~$"):
        return str(_LEFT_BY_OFFICE)
    if name.startswith("._") and blob.startswith(b"\x00\x05\x16\x07"):
        return str(_LEFT_BY_MAC)
    found = recognised(blob)
    if found == "page":
        return str(_WEB_PAGE)
    if found in _PICTURES_NAMED:
        return str(_("C’est une image %s : envoyez-la en PNG, en JPEG ou en PDF.") % _PICTURES_NAMED[found])
    named = _NAMED.get(found)
    if named is None:
        return unread_text(blob)
    return str(named) if named is _ONE_BY_ONE else str(_("C’est %s : donnez-lui la bonne extension.") % named)
