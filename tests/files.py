"""Files as people's programs write them, small: what is inside is what readers look at."""

import io
import struct
import zipfile

import pypdf
from django.core.files.uploadedfile import SimpleUploadedFile

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n%%EOF\n"
# The harmless text that every antivirus finds, in two halves: this file itself is not to be found.
EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()


def sent(name: str, blob: bytes = PDF) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, blob, "application/octet-stream")


def zipped(**parts: bytes | str) -> bytes:
    """A ZIP; « __ » in a name is « / », « _ » is « . »."""
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return blob.getvalue()


def office(**parts: bytes | str) -> bytes:
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, content in parts.items():
            archive.writestr(name.replace("_", "."), content)
    return blob.getvalue()


def opendocument(*, encrypted: bool = False) -> bytes:
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", "x")
        entry = "<manifest:encryption-data/>" if encrypted else ""
        archive.writestr("META-INF/manifest.xml", f"<manifest:manifest>{entry}</manifest:manifest>")
    return blob.getvalue()


def compound(**streams: bytes) -> bytes:
    """A compound file ([MS-CFB]): the container of Office before 2007, and of an encrypted document of today."""
    size, free, end = 512, 0xFFFFFFFF, 0xFFFFFFFE
    entries, sectors, fat = [], [], []

    def entry(name: str, kind: int, first: int, length: int) -> bytes:
        raw = name.encode("utf-16-le") + b"\0\0"
        head = raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw), kind, 1) + struct.pack("<III", free, free, free)
        return (head.ljust(116, b"\0") + struct.pack("<IQ", first, length)).ljust(128, b"\0")

    directories = (len(streams) + 1 + 3) // 4
    place = 1 + directories  # sector 0: the FAT; then the directory
    entries.append(entry("Root Entry", 5, end, 0))
    for name, content in streams.items():
        count = max(1, -(-len(content) // size))
        entries.append(entry(name, 2, place, len(content)))
        sectors += [content[rank * size : (rank + 1) * size].ljust(size, b"\0") for rank in range(count)]
        fat += [place + rank + 1 for rank in range(count - 1)] + [end]
        place += count
    directory = b"".join(entries).ljust(directories * size, b"\0")
    links = [0xFFFFFFFD, *range(2, directories + 1), end, *fat]
    table = struct.pack(f"<{len(links)}I", *links).ljust(size, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    head = head.ljust(44, b"\0") + struct.pack("<IIII", 1, 1, 0, 0) + struct.pack("<III", end, 0, end)
    head = head.ljust(76, b"\0") + struct.pack("<I", 0) + b"\xff" * (108 * 4)
    return head + table + directory + b"".join(sectors)


def word(*, locked: bool = False) -> bytes:
    """A .doc, asking for a password or not."""
    fib = struct.pack("<HHHHHH", 0xA5EC, 0x00C1, 0, 0x0409, 0, 0x0100 if locked else 0).ljust(4096, b"\0")
    return compound(WordDocument=fib)


def workbook(record: bytes = b"") -> bytes:
    """An .xls whose first record is followed by this one."""
    return compound(Workbook=(struct.pack("<HH", 0x0809, 16) + b"\0" * 16 + record).ljust(4096, b"\0"))


def locked_office() -> bytes:
    """A .docx, .xlsx or .pptx with a password: no ZIP any more."""
    return compound(EncryptionInfo=b"\x04\x00\x04\x00" + b"\0" * 300, EncryptedPackage=b"\x01" * 5000)


def locked_pdf(password: str = "secret", algorithm: str = "AES-256") -> bytes:
    """password: "" for one that only forbids something, and that every reader opens."""
    writer, blob = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(100, 100)
    writer.encrypt(password, "proprietaire", algorithm=algorithm)
    writer.write(blob)
    return blob.getvalue()


def locked_zip(name: str = "devis.txt") -> bytes:
    """One entry, whose header says that a password is asked."""
    blob = bytearray(zipped(**{name.replace(".", "_"): "x" * 50}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        blob[blob.index(mark) + place] |= 1
    return bytes(blob)


def heic(brand: bytes = b"heic") -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x00\x00mif1heic" + b"\0" * 40
