"""Alterations of an export, of proofs and of checkpoints, on seeded dice: each is found, its first bad row named.

The files are made once, through the public verbs, in a transaction that is taken back: the tests only hold bytes.
"""

import base64
import hashlib
import json
import random
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.models import Checkpoint, LedgerEntry
from proposals.award import actions as award_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT, Cast
from tests.test_ledger import exported, first_bad_line, verify

pytestmark = pytest.mark.django_db  # or the database would not be made when these tests run alone
ROUNDS = 40
HEXADECIMAL = "0123456789abcdef"


@dataclass(frozen=True)
class Material:
    """What the platform gave. `first`: where the file starts; `heads`: genuine heads of exports that end earlier."""

    lines: tuple[bytes, ...]
    first: int
    heads: dict[int, bytes]
    bare_head: bytes  # of an export without payloads
    other_header: bytes  # of an export that starts elsewhere


@pytest.fixture(scope="module")
def procurement(django_db_setup, django_db_blocker):
    """A procurement from draft to award, a checkpoint signed now and then: {name: what was published of it}."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = _published_files()
        transaction.set_rollback(True)
    return made


def _published_files() -> dict:
    cast = Cast()
    opportunity, proposals = cast.opened()
    checkpoints.make(at=CLOSES_AT)
    for proposal in proposals:
        cast.admit(proposal)
        cast.score(proposal)
    checkpoints.make(at=CLOSES_AT)
    later = CLOSES_AT + timedelta(days=1)
    with clock.set_to(later):
        award_actions.recommend(opportunity, award_actions.lines(opportunity)[0].proposal, by=cast.buyer)
        checkpoints.make(at=later)
        award_actions.confirm(opportunity, by=cast.officer)
        checkpoints.make(at=later)
    cast.draft(title="Une autre", at=PUBLISHED_AT)  # entries that no checkpoint covers
    sizes = list(Checkpoint.objects.values_list("size", flat=True))
    covering = {size: Checkpoint.objects.get(size=size) for size in sizes}
    middle, last = sizes[1], sizes[-1]
    proofs = [
        checkpoints.proof_of(LedgerEntry.objects.get(seq=seq), covering[size], payload=payload)
        for seq, size, payload in ((1, sizes[0], False), (2, middle, True), (5, last, True), (last, last, False))
    ]
    pairs = [(sizes[0], middle), (sizes[0], last), (middle, last), (last, last)]
    return {
        "whole": _material(1, other=3),
        "excerpt": _material(6, other=1),
        "proofs": [verify.canonical(proof) for proof in proofs],
        "consistencies": [
            verify.canonical(checkpoints.consistency_of(covering[first], covering[second])) for first, second in pairs
        ],
        "checkpoints": "\n".join(covering[size].note for size in sizes).encode(),
    }


def _material(first: int, *, other: int) -> Material:
    lines = tuple(exported(first=first, with_payloads=True))
    last = LedgerEntry.objects.count()
    heads = {seq: exported(first=first, last=seq, with_payloads=True)[-1] for seq in range(first, last)}
    return Material(lines, first, heads, exported(first=first)[-1], exported(first=other)[0])


# --- What a forger writes --------------------------------------------------------------------------------------------
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
STRANGER_KEY = base64.b64encode(STRANGER.public_key().public_bytes_raw()).decode()


def by_us(message: bytes) -> bytes:
    return base64.b64decode(keys.sign(message))


def note_of(told: dict, *, sign=by_us, key=None, name=None) -> str:
    """A checkpoint's text: `told` as read_note gives it; signed by us unless `sign` and `key` say otherwise."""
    root = base64.b64encode(told["root"]).decode()
    text = f"{told['origin']}\n{told['size']}\n{root}\n{told['at']}\n{told['hash']}\n"
    public = base64.b64decode(key or keys.key_id())
    named = hashlib.sha256(f"{told['origin']}\n\x01".encode() + public).digest()[:4]
    return f"{text}\n\u2014 {name or told['origin']} {base64.b64encode(named + sign(text.encode())).decode()}\n"


def told_by(line: bytes) -> dict:
    return verify.read_note(json.loads(line)["note"], keys.key_id())


def as_line(row: dict) -> bytes:
    return verify.canonical(row) + b"\n"


def checkpoint_line(note: str) -> bytes:
    return as_line({"type": "checkpoint", "note": note})


def signed_by_a_stranger(line: bytes) -> bytes:
    """The header or the head, signed again with another key."""
    bare = {name: value for name, value in json.loads(line).items() if name != "signature"}
    bare |= {"key": STRANGER_KEY} if "key" in bare else {}
    return as_line(bare | {"signature": base64.b64encode(STRANGER.sign(verify.canonical(bare))).decode()})


def rehashed(row: dict) -> bytes:
    """What a forger who knows the recipe would write."""
    row["hash"] = verify.sha256(verify.canonical({name: row[name] for name in verify.CHAINED}))
    return as_line(row)


def changed(value, dice):
    """Another value of the same kind."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + dice.choice([-1, 1, 1000])
    if isinstance(value, list):
        return [*value, "0" * 64] if not value or dice.random() < 0.5 else value[1:]
    if isinstance(value, dict):
        return value | {"note": "ajout"}
    if not value:
        return "x"
    position = dice.randrange(len(value))
    letter = dice.choice([c for c in HEXADECIMAL if c != value[position]])
    return value[:position] + letter + value[position + 1 :]


def flipped(blob: bytes, position: int, dice) -> bytes:
    """One bit."""
    return blob[:position] + bytes([blob[position] ^ (1 << dice.randrange(8))]) + blob[position + 1 :]


# --- Alterations of an entry: (lines, at, dice, material) -> the place of the first bad row --------------------------
def _edit(lines, at, dice, given):
    row = json.loads(lines[at])
    name = dice.choice([*verify.CHAINED, "hash"])
    lines[at] = as_line(row | {name: changed(row[name], dice)})
    return at


def _edit_and_rehash(lines, at, dice, given):
    """A row whose hash is right again no longer goes with its payload, or with its neighbours."""
    row = json.loads(lines[at])
    name = dice.choice(["action", "actor", "subject"])
    lines[at] = rehashed(row | {name: changed(row[name], dice)})
    return at if json.loads(lines[at])["action"] != "sealed" else at + 1


def _edit_payload(lines, at, dice, given):
    row = json.loads(lines[at])
    name = dice.choice(["salt", "body"])
    lines[at] = as_line(row | {name: changed(row[name], dice)})
    return at


def _forge(lines, at, dice, given):
    """A consistent row in place of the true one: what follows no longer follows it."""
    row = json.loads(lines[at])
    row["digest"] = verify.sha256(dice.randbytes(8))
    row.pop("body"), row.pop("salt")
    lines[at] = rehashed(row)
    return at + 1


def _one_bit(lines, at, dice, given):
    lines[at] = flipped(lines[at], dice.randrange(len(lines[at])), dice)
    return at


def _space(lines, at, dice, given):
    lines[at] = lines[at].replace(b",", b", ", 1)
    return at


def _delete(lines, at, dice, given):
    del lines[at]
    return at


def _delete_several(lines, at, dice, given):
    del lines[at : min(at + dice.randrange(2, 6), len(lines) - 1)]
    return at


def _insert(lines, at, dice, given):
    lines.insert(at, rehashed(json.loads(lines[_entries(lines)[0]])) if at > 1 else lines[at + 1])
    return at


def _insert_a_new_row(lines, at, dice, given):
    """Of the right number, chained to the one before: what follows gives it away, its number first."""
    row = json.loads(lines[at])
    row |= {"action": "vendor.create", "subject": "vendor:x", "digest": verify.sha256(dice.randbytes(8))}
    del row["salt"], row["body"]
    lines.insert(at, rehashed(row))
    return at + 1


def _duplicate(lines, at, dice, given):
    lines.insert(at, lines[at])
    return at + 1


def _swap(lines, at, dice, given):
    other = dice.choice([place for place in _entries(lines) if place != at])
    lines[at], lines[other] = lines[other], lines[at]
    return min(at, other)


def _move(lines, at, dice, given):
    other = dice.choice([place for place in _entries(lines) if place != at])
    lines.insert(other, lines.pop(at))
    return min(at, other)


def _reverse(lines, at, dice, given):
    end = min(at + 4, len(lines) - 1)
    if end - at < 2:
        at, end = 1, 3
    lines[at:end] = lines[at:end][::-1]
    return at


def _truncate(lines, at, dice, given):
    del lines[at:]
    return at


def _cut_mid_line(lines, at, dice, given):
    del lines[at + 1 :]
    lines[at] = lines[at][: dice.randrange(1, len(lines[at]))]
    return at


def _lose_the_middle(lines, at, dice, given):
    del lines[at:-1]
    return at


def _not_json(lines, at, dice, given):
    lines[at] = dice.choice([b"\n", b"[]\n", b"null\n", b"{\n", b"\xff\n", b"[" * 100_000 + b"\n", b'{"a":NaN}\n'])
    return at


def _huge(lines, at, dice, given):
    row = json.loads(lines[at])
    lines[at] = as_line(row | {"body": {"note": "x" * verify.LINE_MAX}})
    return at


def _extra_field(lines, at, dice, given):
    lines[at] = as_line(json.loads(lines[at]) | {"zz": dice.choice(["", 1, None])})
    return at


def _missing_field(lines, at, dice, given):
    row = json.loads(lines[at])
    del row[dice.choice([*verify.CHAINED, "hash", "salt", "body"])]
    lines[at] = as_line(row)
    return at


def _wrong_type(lines, at, dice, given):
    row = json.loads(lines[at])
    row[dice.choice([*verify.CHAINED, "hash", "salt"])] = dice.choice([None, True, 1.5, [], {}])
    lines[at] = as_line(row)
    return at


def _windows_lines(lines, at, dice, given):
    lines[at] = lines[at].replace(b"\n", b"\r\n")
    return at


def _strip(lines, at, dice, given):
    row = json.loads(lines[at])
    del row["salt"], row["body"]
    lines[at] = as_line(row)
    return at


def _strip_all_from_there(lines, at, dice, given):
    for place in _entries(lines):
        if place >= at:
            _strip(lines, place, dice, given)
    return at


# --- Alterations of the header and of the head -----------------------------------------------------------------------
def _edit_header(lines, at, dice, given):
    header = json.loads(lines[0])
    name = dice.choice([*sorted(verify.HEADER), "zz"])
    lines[0] = as_line(header | {name: changed(header.get(name, ""), dice)})
    return 0


def _strange_header(lines, at, dice, given):
    changes = [
        *({"first": at + 1}, {"first": 0}, {"first": True}, {"first": None}, {"key": "A" * 43 + "="}, {"key": []}),
        *({"type": "dan-ledger/1"}, {"frontier": None}, {"frontier": ["zz"]}, {"frontier": 1}, {"origin": ["x"]}),
        *({"signature": ""}, {"signature": None}, {"signature": keys.sign(b"something else")}),
    ]
    lines[0] = as_line(json.loads(lines[0]) | dice.choice(changes))
    return 0


def _edit_frontier(lines, at, dice, given):
    """The tree before the excerpt: only the header's signature holds it."""
    header = json.loads(lines[0])
    peaks = list(header["frontier"]) or ["0" * 64]
    peaks[dice.randrange(len(peaks))] = verify.sha256(dice.randbytes(8))
    lines[0] = as_line(header | {"frontier": peaks})
    return 0


def _genuine_header_of_another_export(lines, at, dice, given):
    lines[0] = given.other_header
    return 0


def _no_header(lines, at, dice, given):
    del lines[0]
    return 0


def _one_bit_of_the_header(lines, at, dice, given):
    return _one_bit(lines, 0, dice, given)


def _header_of_another_key(lines, at, dice, given):
    lines[0] = signed_by_a_stranger(lines[0])
    return 0


def _all_of_another_key(lines, at, dice, given):
    """Everything signed again: right in everything but who signed."""
    lines[0], lines[-1] = signed_by_a_stranger(lines[0]), signed_by_a_stranger(lines[-1])
    for place in _checkpoints(lines):
        lines[place] = checkpoint_line(note_of(told_by(lines[place]), sign=STRANGER.sign, key=STRANGER_KEY))
    return 0


def _delete_the_beginning(lines, at, dice, given):
    """The header says that it was always an excerpt."""
    first = json.loads(lines[at])["seq"]
    del lines[1:at]
    lines[0] = as_line(json.loads(lines[0]) | {"first": first if first > given.first else first + 1})
    return 0


def _older_head(lines, at, dice, given):
    """Genuine, but of the export that ended there."""
    lines[-1] = given.heads[dice.choice(sorted(given.heads))]
    return len(lines) - 1


def _head_without_payloads(lines, at, dice, given):
    """Genuine, but of an export that told no payload: the first one is then too many."""
    lines[-1] = given.bare_head
    return 1


def _edit_head(lines, at, dice, given):
    head = json.loads(lines[-1])
    name = dice.choice([*sorted(verify.HEAD), "zz"])
    lines[-1] = as_line(head | {name: changed(head.get(name, ""), dice)})
    return len(lines) - 1


def _head_of_another_key(lines, at, dice, given):
    lines[-1] = signed_by_a_stranger(lines[-1])
    return len(lines) - 1


def _one_bit_of_the_head(lines, at, dice, given):
    return _one_bit(lines, len(lines) - 1, dice, given)


def _more_after_the_head(lines, at, dice, given):
    lines.append(dice.choice([lines[-1], lines[at], lines[0], lines[_checkpoints(lines)[0]], b"\n", b" "]))
    return len(lines) - 1


# --- Alterations of a checkpoint: `at` is not used, one is chosen ----------------------------------------------------
def _checkpoint_deleted(lines, at, dice, given):
    place = dice.choice(_checkpoints(lines))
    del lines[place]
    return place


def _checkpoints_deleted(lines, at, dice, given):
    places = dice.sample(_checkpoints(lines), dice.randrange(2, len(_checkpoints(lines)) + 1))
    for place in sorted(places, reverse=True):
        del lines[place]
    return min(places)


def _checkpoint_duplicated(lines, at, dice, given):
    place = dice.choice(_checkpoints(lines))
    lines.insert(place, lines[place])
    return place + 1


def _checkpoint_moved(lines, at, dice, given):
    """Named where it is found: no other row is wrong before it."""
    place = dice.choice(_checkpoints(lines))
    row = lines.pop(place)
    other = dice.choice([number for number in range(1, len(lines)) if number != place])
    lines.insert(other, row)
    return other


def _checkpoints_swapped(lines, at, dice, given):
    one, two = sorted(dice.sample(_checkpoints(lines), 2))
    lines[one], lines[two] = lines[two], lines[one]
    return one


def _checkpoint_inserted(lines, at, dice, given):
    """Genuine in everything, where none was published: the signed head does not count it."""
    free = [place for place in _entries(lines) if place + 1 not in _checkpoints(lines)]
    place = dice.choice(free)
    tree = verify.Frontier(given.first - 1, map(bytes.fromhex, json.loads(lines[0])["frontier"]))
    for number in [number for number in _entries(lines) if number <= place]:
        tree.add(verify.leaf(bytes.fromhex(json.loads(lines[number])["hash"])))
    row = json.loads(lines[place])
    told = told_by(lines[_checkpoints(lines)[0]]) | {"size": tree.size, "root": tree.root(), "hash": row["hash"]}
    lines.insert(place + 1, checkpoint_line(note_of(told)))
    return place + 1


def _checkpoint_of_another_ledger(lines, at, dice, given):
    """Well signed notes that are not of this ledger: another key, another root, another head, another origin."""
    place = dice.choice(_checkpoints(lines))
    told = told_by(lines[place])
    digest = verify.sha256(dice.randbytes(8))
    lines[place] = checkpoint_line(
        dice.choice(
            [
                note_of(told, sign=STRANGER.sign, key=STRANGER_KEY),
                note_of(told, sign=STRANGER.sign),  # it says our key's name
                note_of(told | {"root": bytes.fromhex(digest)}),
                note_of(told | {"hash": digest}),
                note_of(told | {"origin": "ailleurs.exemple.invalid/registre"}),
                note_of(told | {"size": told["size"] + dice.choice([-1, 1, 1000])}),
                note_of(told, name="ailleurs.exemple.invalid/registre"),
            ]
        )
    )
    return place


def _checkpoint_line_changed(lines, at, dice, given):
    place = dice.choice(_checkpoints(lines))
    parts = json.loads(lines[place])["note"].split("\n")
    number = dice.choice([0, 1, 2, 3, 4, 6])
    act = dice.choice(["change", "delete", "repeat", "add", "empty"])
    if act == "change":
        parts[number] = changed(parts[number], dice)
    elif act == "delete":
        del parts[number]
    else:
        parts.insert(number, {"repeat": parts[number], "add": "extension", "empty": ""}[act])
    lines[place] = checkpoint_line("\n".join(parts))
    return place


def _checkpoint_bit(lines, at, dice, given):
    return _one_bit(lines, dice.choice(_checkpoints(lines)), dice, given)


def _checkpoint_spelled_otherwise(lines, at, dice, given):
    """The same signature and the same numbers, written in another way."""
    place = dice.choice(_checkpoints(lines))
    told, note = told_by(lines[place]), json.loads(lines[place])["note"]
    head, _blank, signature = note.rstrip("\n").rpartition(" ")
    padded = signature.rstrip("=")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = dice.choice(letters.replace(padded[-1], ""))
    spellings = [
        *(note.rstrip("\n"), note + "\n", " " + note, note.replace("\n", "\r\n"), note.replace("\u2014", "-")),
        *(f"{head} {padded}\n", f"{head}  {signature}\n", f"{head} {signature}=\n", f"{head} {signature} \n"),
        f"{head} {padded[:-1]}{other}{signature[len(padded) :]}\n",
        note.replace(f"\n{told['size']}\n", f"\n0{told['size']}\n", 1),
        note.replace(f"\n{told['size']}\n", f"\n+{told['size']}\n", 1),
        note.replace(told["hash"], told["hash"].upper()),
        note + note.rpartition("\n\n")[2],  # a second signature
    ]
    lines[place] = checkpoint_line(dice.choice(spellings))
    return place


def _checkpoint_fields(lines, at, dice, given):
    place = dice.choice(_checkpoints(lines))
    row = json.loads(lines[place])
    changes = [{"note": None}, {"note": 1}, {"note": ""}, {"note": []}, {"zz": 1}, {"type": "note"}, {"type": None}]
    lines[place] = as_line(row | dice.choice(changes))
    return place


ALTERATIONS = [
    *(_edit, _edit_and_rehash, _edit_payload, _forge, _one_bit, _space, _delete, _delete_several, _insert),
    *(_insert_a_new_row, _duplicate, _swap, _move, _reverse, _truncate, _cut_mid_line, _lose_the_middle, _not_json),
    *(_extra_field, _missing_field, _wrong_type, _windows_lines, _strip, _strip_all_from_there),
    *(_edit_header, _strange_header, _edit_frontier, _genuine_header_of_another_export, _no_header),
    *(_one_bit_of_the_header, _header_of_another_key, _all_of_another_key, _delete_the_beginning),
    *(_older_head, _head_without_payloads, _edit_head, _head_of_another_key, _one_bit_of_the_head),
    *(_more_after_the_head, _checkpoint_deleted, _checkpoints_deleted, _checkpoint_duplicated, _checkpoint_moved),
    *(_checkpoints_swapped, _checkpoint_inserted, _checkpoint_of_another_ledger, _checkpoint_line_changed),
    *(_checkpoint_bit, _checkpoint_spelled_otherwise, _checkpoint_fields),
]


def _entries(lines) -> list[int]:
    return [place for place, line in enumerate(lines) if b'"digest":' in line]


def _checkpoints(lines) -> list[int]:
    return [place for place, line in enumerate(lines) if b'"note":' in line]


# --- The ledger ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["whole", "excerpt"])
def test_every_alteration_is_found_and_its_first_bad_row_named(procurement, kind):
    """Twice 1 900 alterations."""
    given = procurement[kind]
    clean, first = list(given.lines), given.first
    assert first_bad_line(clean, keys.key_id(), first=first) is None
    assert len(_checkpoints(clean)) == 4 and len(_entries(clean)) > 15
    dice = random.Random(20261121)
    seen, places = 0, _entries(clean)
    for alter in [*ALTERATIONS, *[_huge] * (kind == "whole")]:
        for _round in range(ROUNDS if alter is not _huge else 1):
            lines = list(clean)
            expected = alter(lines, dice.choice(places), dice, given) + 1
            if lines == clean:
                continue
            assert first_bad_line(lines, keys.key_id(), first=first) == expected, (alter.__name__, expected)
            seen += 1
    assert seen >= 1_900


def test_without_the_expected_key_a_file_of_somebody_else_is_only_coherent(procurement):
    """Why --key matters; and a file that is signed in part by somebody else is not even that."""
    for kind in ("whole", "excerpt"):
        given = procurement[kind]
        lines = list(given.lines)
        _all_of_another_key(lines, 1, random.Random(1), given)
        assert first_bad_line(lines, first=given.first) is None
        assert first_bad_line(lines, keys.key_id(), first=given.first) == 1
        assert first_bad_line(lines, STRANGER_KEY, first=given.first) is None
        half = [lines[0], *given.lines[1:]]
        assert first_bad_line(half, first=given.first) == _checkpoints(half)[0] + 1
        half = [*lines[:-1], given.lines[-1]]
        assert first_bad_line(half, first=given.first) == len(half)


def test_a_checkpoint_that_somebody_kept_denounces_a_ledger_written_again(procurement):
    """The operator, with the key, signs another past: whoever kept a checkpoint sees it."""
    lines = list(procurement["whole"].lines)
    kept = [told_by(lines[place]) for place in _checkpoints(lines)]
    other = [kept[0], kept[1] | {"root": b"\x00" * 32}]
    assert first_bad_line(lines, keys.key_id(), kept=kept) is None
    assert first_bad_line(lines, keys.key_id(), kept=other) == _checkpoints(lines)[1]


# --- Proofs ----------------------------------------------------------------------------------------------------------
def refused(what: str, blob: bytes) -> bool:
    try:
        getattr(verify, f"verify_{what}")(blob, keys.key_id())
    except verify.Bad:
        return True
    return False


def _paths(path: list[str], dice) -> list[list[str]]:
    """Shortened, lengthened, in another order, changed."""
    stray = verify.sha256(dice.randbytes(8))
    found = [path[1:], path[:-1], [*path, stray], [stray, *path], path[::-1], [*path, *path], []]
    for place in range(len(path)):
        found += [path[:place] + [stray] + path[place + 1 :], path[:place] + path[place + 1 :]]
        found += [path[:place] + [other] + path[place + 1 :] for other in (path[place].upper(), path[place] + " ")]
        found += [path[:place] + [other] + path[place + 1 :] for other in (path[place][:-2], 1, None, "")]
        found += [path[: place + 1] + path[place:], dice.sample(path, len(path))]
    return [other for other in found if other != path]


def test_every_altered_proof_is_refused(procurement):
    dice, seen = random.Random(9162), 0
    rows = [json.loads(blob) for blob in procurement["proofs"]]
    notes = [row["checkpoint"] for row in rows]
    told = verify.read_note(notes[2], keys.key_id())
    altered = []
    for row in rows:
        assert not refused("proof", verify.canonical(row))
        altered += [row | {"entry": row["entry"] | {name: changed(row["entry"][name], dice)}} for name in row["entry"]]
        altered += [row | {name: changed(row[name], dice)} for name in row]
        altered += [{key: row[key] for key in row if key != name} for name in row if name not in {"salt", "body"}]
        altered += [row | {"path": path} for path in _paths(row["path"], dice)]
        altered += [row | {"checkpoint": note} for note in notes if note != row["checkpoint"]]
        altered += [row | {"entry": other["entry"]} for other in rows if other["entry"] != row["entry"]]
        altered += [row | {"entry": json.loads(rehashed(row["entry"] | {"subject": "vendor:x"}))}]
        altered += [row | {name: None} for name in row] + [row | {"zz": 1}]
        altered += [
            row | {"checkpoint": note_of(verify.read_note(row["checkpoint"], keys.key_id()) | change, **by)}
            for change, by in (
                ({"root": b"\x00" * 32}, {}),
                ({"size": told["size"] * 1000}, {}),
                ({}, {"sign": STRANGER.sign, "key": STRANGER_KEY}),
                ({}, {"sign": STRANGER.sign}),
            )
        ]
    for row in altered:
        assert refused("proof", verify.canonical(row)), row
        seen += 1
    blob = procurement["proofs"][1]
    for position in range(len(blob)):
        assert refused("proof", flipped(blob, position, dice)), position
        seen += 1
    assert refused("proof", b"") and refused("proof", b"[]") and refused("proof", blob[:-1])
    assert seen >= 1_000


def test_every_altered_consistency_is_refused(procurement):
    dice, seen = random.Random(6962), 0
    rows = [json.loads(blob) for blob in procurement["consistencies"]]
    notes = {row[name] for row in rows for name in ("first", "second")}
    altered = []
    for row in rows:
        assert not refused("consistency", verify.canonical(row))
        altered += [row | {name: changed(row[name], dice)} for name in row]
        altered += [{key: row[key] for key in row if key != name} for name in row]
        altered += [row | {"path": path} for path in _paths(row["path"], dice)]
        altered += [row | {name: note} for name in ("first", "second") for note in notes - {row[name]}]
        altered += [row | {name: None} for name in row] + [row | {"zz": 1}]
        if row["first"] != row["second"]:
            altered.append(row | {"first": row["second"], "second": row["first"]})
        for name in ("first", "second"):
            told = verify.read_note(row[name], keys.key_id())
            altered += [row | {name: note_of(told | {"root": b"\x00" * 32})}]
            altered += [row | {name: note_of(told | {"origin": "ailleurs.exemple.invalid/registre"})}]
            altered += [row | {name: note_of(told, sign=STRANGER.sign, key=STRANGER_KEY)}]
    for row in altered:
        assert refused("consistency", verify.canonical(row)), row
        seen += 1
    blob = procurement["consistencies"][1]
    for position in range(len(blob)):
        assert refused("consistency", flipped(blob, position, dice)), position
        seen += 1
    assert seen >= 1_000


def test_every_altered_list_of_checkpoints_is_refused(procurement):
    dice, blob = random.Random(7), procurement["checkpoints"]
    assert not refused("checkpoints", blob)
    for position in range(len(blob)):
        assert refused("checkpoints", flipped(blob, position, dice)), position
    notes = verify.notes_of(blob)
    for other in (notes[::-1], [*notes, notes[-1]], [notes[1], notes[0], *notes[2:]], []):
        assert refused("checkpoints", "\n".join(other).encode())
