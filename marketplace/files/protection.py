"""Whether a document asks for a password before it shows anything: a person who must read it could not.

Only what is sure is said so. A PDF that forbids printing, or a workbook whose structure is locked, is encrypted too,
with a password that every reader knows: it is taken.
"""

import hashlib
import io
import re
import struct
import zipfile
from collections.abc import Iterator

from marketplace import boxes
from marketplace.files import kinds

_MOST_PART = 2_000_000  # bytes of one part of a ZIP


def asks_password(blob: bytes) -> bool:
    """Whether these bytes cannot be read without a password that their maker chose."""
    check = {"pdf": _pdf, "ole": _ole, "office": _zip, "zip": _zip}.get(kinds.recognised(blob))
    try:
        return bool(check and check(blob))
    except (ValueError, IndexError, KeyError, struct.error, OSError, RuntimeError, NotImplementedError,
            zipfile.BadZipFile):  # fmt: skip
        return False  # odd or broken: nothing sure can be said


# --- ZIP, Office, OpenDocument ---------------------------------------------------------------------------------------
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags of an entry: classic, strong, hidden directory


def _zip(blob: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        entries = archive.infolist()
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            return True
        names = {entry.filename for entry in entries}
        if "encrypted-package" in names:  # OpenDocument encrypted as a whole
            return True
        if "META-INF/manifest.xml" not in names:
            return False
        with archive.open("META-INF/manifest.xml") as manifest:
            return b"encryption-data" in manifest.read(_MOST_PART)


# --- Office before 2007, and what holds an encrypted one of today ([MS-CFB], [MS-OFFCRYPTO]) -------------------------
_MOST_SECTORS = 100_000
_ENTRY = 128
_DEFAULT = "VelvetSweatshop"  # the password of Excel for what only locks a structure


def _ole(blob: bytes) -> bool:
    streams = dict(_streams(blob))
    if "EncryptedPackage" in streams or "EncryptedSummary" in streams:  # .docx, .xlsx, .pptx ; .ppt
        return True
    word = streams.get("WordDocument", b"")
    if word[:2] == b"\xec\xa5":  # [MS-DOC] 2.5.2: fEncrypted
        return bool(struct.unpack_from("<H", word, 10)[0] & 0x0100)
    return _workbook(streams.get("Workbook") or streams.get("Book") or b"")


def _streams(blob: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, first sectors) of each stream of a compound file; those of the mini stream come empty."""
    shift, fat_sectors = struct.unpack_from("<H", blob, 30)[0], struct.unpack_from("<I", blob, 44)[0]
    directory, cutoff = struct.unpack_from("<I", blob, 48)[0], struct.unpack_from("<I", blob, 56)[0]
    if shift not in (9, 12):
        return
    size = 1 << shift
    each = size // 4
    places = list(struct.unpack_from("<109I", blob, 76))
    more, links = struct.unpack_from("<I", blob, 68)[0], 0
    while more < 0xFFFFFFFA and len(places) < fat_sectors and links < 1_000:
        block = struct.unpack_from(f"<{each}I", blob, (more + 1) * size)
        places += block[:-1]
        more, links = block[-1], links + 1

    def after(sector: int) -> int:
        return int(struct.unpack_from("<I", blob, (places[sector // each] + 1) * size + 4 * (sector % each))[0])

    def chain(sector: int, most: int) -> bytes:
        pieces: list[bytes] = []
        while sector < 0xFFFFFFFA and len(pieces) < most:
            pieces.append(blob[(sector + 1) * size : (sector + 2) * size])
            sector = after(sector)
        return b"".join(pieces)

    entries = chain(directory, min(_MOST_SECTORS, len(blob) // size))
    for place in range(0, len(entries) - _ENTRY + 1, _ENTRY):
        entry = entries[place : place + _ENTRY]
        length = struct.unpack_from("<H", entry, 64)[0]
        if entry[66] == 2 and 2 <= length <= 64:
            first, total = struct.unpack_from("<II", entry, 116)
            yield entry[: length - 2].decode("utf-16-le", "replace"), chain(first, 8) if total >= cutoff else b""


def _workbook(stream: bytes) -> bool:
    """[MS-XLS] 2.4.117: a FilePass record after the first one, and not the password that everybody has."""
    place = 0
    while place + 4 <= len(stream):
        record, size = struct.unpack_from("<HH", stream, place)
        body = stream[place + 4 : place + 4 + size]
        if record == 0x002F:
            kind, major = struct.unpack_from("<HH", body)
            return not (kind == 1 and major == 1 and _is_default(body[6:22], body[22:38], body[38:54]))
        if record not in (0x0809, 0x0086):  # BOF, WriteProtect: nothing else stands before it
            return False
        place += 4 + size
    return False


def _is_default(salt: bytes, verifier: bytes, digest: bytes) -> bool:
    first = _md5(_DEFAULT.encode("utf-16-le"))[:5]
    key = _md5(_md5((first + salt) * 16)[:5] + b"\0\0\0\0")
    plain = _rc4(key, verifier + digest)
    return _md5(plain[:16]) == plain[16:32]


# --- PDF (ISO 32000-1, 7.6; ISO 32000-2, 7.6.4) ----------------------------------------------------------------------
_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_REFERENCE = re.compile(rb"/Encrypt\s{1,20}(\d{1,9})\s{1,20}(\d{1,5})\s{1,20}R")
_STRING = rb"\s{0,20}(?:\(((?:\\.|[^\\)])*)\)|<([0-9A-Fa-f\s]*)>)"
_ID = re.compile(rb"/ID\s{0,20}\[" + _STRING, re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_SIGNS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\r\n": b"", b"\n": b"", b"\r": b""}
_MOST_DICTIONARY = 4_096


def _pdf(blob: bytes) -> bool:
    dictionary = _dictionary(blob)
    if dictionary is None:
        return False
    if re.search(rb"/Filter\s{0,20}/Adobe\.PubSec", dictionary):
        return True  # to be opened with somebody's certificate
    if not re.search(rb"/Filter\s{0,20}/Standard", dictionary):
        return False
    revision, user, owner = _number(dictionary, b"R", 0), _value(dictionary, b"U"), _value(dictionary, b"O")
    if revision in (5, 6) and len(user) >= 48:
        digest = hashlib.sha256(user[32:40]).digest() if revision == 5 else _hardened(user[32:40])
        return digest != user[:32]
    if revision not in (2, 3, 4) or len(user) < 32 or len(owner) < 32:
        return False
    found = _ID.search(blob, blob.rfind(b"/ID"))
    identity = _plain(found[1], found[2]) if found else b""
    length = max(5, min(16, _number(dictionary, b"Length", 40) // 8)) if revision > 2 else 5
    if revision == 4:
        length = 16  # a crypt filter's, whatever the dictionary says beside
    permissions = struct.pack("<I", _number(dictionary, b"P", 0) & 0xFFFFFFFF)
    clear = revision == 4 and re.search(rb"/EncryptMetadata\s{0,20}false", dictionary)
    key = _md5(_PAD + owner[:32] + permissions + identity + (b"\xff" * 4 if clear else b""))
    if revision == 2:
        return _rc4(key[:5], _PAD) != user[:32]
    for _round in range(50):
        key = _md5(key[:length])
    check = _md5(_PAD + identity)
    for turn in range(20):
        check = _rc4(bytes(byte ^ turn for byte in key[:length]), check)
    return check != user[:16]


def _dictionary(blob: bytes) -> bytes | None:
    """The encryption dictionary that the last trailer names: an own object, or written in the trailer."""
    last = None
    for last in _REFERENCE.finditer(blob):  # noqa: B007 - the last one is wanted
        pass
    if last is None:
        place = blob.rfind(b"/Encrypt")
        inline = re.match(rb"/Encrypt\s{0,20}<<", blob[place : place + 40]) if place >= 0 else None
        return blob[place : place + _MOST_DICTIONARY] if inline else None
    number = rb"(?<!\d)" + last[1] + rb"\s{1,20}" + last[2] + rb"\s{1,20}obj"
    found = re.search(number, blob)
    if found is None:
        return None
    return blob[found.end() : found.end() + _MOST_DICTIONARY].partition(b"endobj")[0]


def _number(dictionary: bytes, name: bytes, default: int) -> int:
    # /Length stands in the crypt filters too: the one of the dictionary is outside of them.
    outside = re.sub(rb"/CF\s{0,20}<<.*?>>\s{0,20}>>", b"", dictionary, flags=re.DOTALL)
    found = re.search(rb"/" + name + rb"\s{1,20}(-?\d{1,12})(?!\d)", outside)
    return int(found[1]) if found else default


def _value(dictionary: bytes, name: bytes) -> bytes:
    found = re.search(rb"/" + name + rb"(?=[\s(<])" + _STRING, dictionary, re.DOTALL)
    return _plain(found[1], found[2]) if found else b""


def _plain(literal: bytes | None, hexadecimal: bytes | None) -> bytes:
    if literal is None:
        digits = re.sub(rb"\s", b"", hexadecimal or b"")
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    return _ESCAPED.sub(_unescaped, literal)


def _unescaped(found: re.Match[bytes]) -> bytes:
    sign = found[1]
    return bytes([int(sign, 8) & 0xFF]) if sign.isdigit() else _SIGNS.get(sign, sign)


def _hardened(salt: bytes) -> bytes:
    """ISO 32000-2, algorithm 2.B, of an empty password."""
    key, turn = hashlib.sha256(salt).digest(), 0
    while True:
        block = boxes.aes_cbc(key[:16], key[16:32], key * 64)
        digest = (hashlib.sha256, hashlib.sha384, hashlib.sha512)[sum(block[:16]) % 3]
        key, turn = digest(block).digest(), turn + 1
        if turn >= 64 and block[-1] <= turn - 32:
            return key[:32]


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()  # the formats' own; nothing of ours rests on it


def _rc4(key: bytes, content: bytes) -> bytes:
    """The formats' own cipher, of a few bytes: to know whether a password opens them."""
    state, place = list(range(256)), 0
    for index in range(256):
        place = (place + state[index] + key[index % len(key)]) % 256
        state[index], state[place] = state[place], state[index]
    out, first, second = bytearray(), 0, 0
    for byte in content:
        first = (first + 1) % 256
        second = (second + state[first]) % 256
        state[first], state[second] = state[second], state[first]
        out.append(byte ^ state[(state[first] + state[second]) % 256])
    return bytes(out)
