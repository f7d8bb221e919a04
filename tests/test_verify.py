"""tools/verify.py as anyone runs it: alone, from a shell, on files that the platform gave."""

import ast
import json
import random
import re
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.ledger import export as ledger_export
from contracts.agreement import signature_actions
from marketplace import keys
from marketplace.ledger import checkpoints
from marketplace.ledger.entries import canonical
from marketplace.models import LedgerEntry
from tests import contract_cast
from tests.cast import PUBLISHED_AT
from tests.test_ledger import VERIFY, verify


def run(*arguments) -> subprocess.CompletedProcess:
    """In a process of its own, in isolated mode: nothing of the project is importable."""
    return subprocess.run(
        [sys.executable, "-I", str(VERIFY), *map(str, arguments)],
        capture_output=True,
        timeout=60,
        check=False,
        env={"PYTHONUTF8": "1"},
    )


@pytest.fixture
def receipt(cast, tmp_path):
    """(receipt file, envelope file, submission) of one deposit."""
    submission = cast.submitted(cast.published()).submissions.get()
    (tmp_path / "r.json").write_bytes(verify.canonical(submission.receipt))
    (tmp_path / "e.json").write_bytes(bytes(submission.envelope.content))
    return tmp_path / "r.json", tmp_path / "e.json", submission


def verified(blob: bytes, key=None, envelope=None) -> bool:
    try:
        verify.verify_receipt(blob, key, envelope)
    except verify.Bad:
        return False
    return True


# --- Receipts ------------------------------------------------------------------------------------------------------
def test_a_receipt_and_its_envelope_verify_alone(receipt):
    path, envelope, submission = receipt
    done = run("receipt", path, "--envelope", envelope, "--key", keys.key_id())
    said = done.stdout.decode()
    assert done.returncode == 0, done
    assert f"Accusé vérifié\u00a0: {submission.receipt_number}" in said
    assert "octet pour octet" in said
    assert keys.key_id() in said


def test_it_also_speaks_english(receipt):
    done = run("receipt", receipt[0], "--lang", "en")
    assert done.returncode == 0
    assert "Receipt verified: AD-" in done.stdout.decode()
    assert "WARNING: the key comes from the file itself" in done.stdout.decode()
    assert b"WARNING" not in run("receipt", receipt[0], "--lang", "en", "--key", keys.key_id()).stdout


def test_one_changed_byte_of_the_envelope_fails(receipt):
    path, envelope, _submission = receipt
    blob = bytearray(envelope.read_bytes())
    blob[len(blob) // 2] ^= 1
    envelope.write_bytes(blob)
    done = run("receipt", path, "--envelope", envelope)
    assert done.returncode == 1
    assert "L’enveloppe n’est pas celle" in done.stdout.decode()


def test_one_changed_byte_of_the_receipt_fails(receipt):
    path = receipt[0]
    blob = bytearray(path.read_bytes())
    blob[blob.index(b'"version":1') + 10] = ord("2")
    path.write_bytes(blob)
    done = run("receipt", path)
    assert done.returncode == 1
    assert "La signature n’est pas valable" in done.stdout.decode()


def test_any_changed_bit_of_the_receipt_fails(receipt):
    blob = receipt[0].read_bytes()
    assert verified(blob)
    dice = random.Random(4821)
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1 << dice.randrange(8)
        assert not verified(bytes(changed)), position


def test_the_signature_has_one_spelling_only(receipt):
    """The last letter of a base64 text has bits that a lenient decoder ignores."""
    row = json.loads(receipt[0].read_bytes())
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for letter in letters.replace(row["signature"][-3], ""):
        other = row | {"signature": f"{row['signature'][:-3]}{letter}=="}
        assert not verified(verify.canonical(other))
    for spelling in (row["signature"] + "\n", " " + row["signature"], row["signature"].rstrip("=")):
        assert not verified(verify.canonical(row | {"signature": spelling}))


@pytest.mark.parametrize(
    "change",
    [
        {"key": None},
        {"signature": 1},
        {"type": "dan-receipt/2"},
        {"note": "ajout"},
        {"version": 1.0},
        {"version": True},
        {"proponent": "\ud800"},
    ],
)
def test_a_strange_receipt_fails(receipt, change):
    row = json.loads(receipt[0].read_bytes()) | change
    assert not verified(json.dumps(row).encode())
    for name in row:
        assert not verified(verify.canonical({key: "" for key in row if key != name}))


def test_a_readable_receipt_still_verifies(receipt):
    """What the browser saves may be indented: only its values are signed."""
    row = json.loads(receipt[0].read_bytes())
    assert verified(json.dumps(row, indent=2).encode())
    assert verified(json.dumps(row, ensure_ascii=True).encode(), keys.key_id())


def test_a_receipt_signed_by_somebody_else_fails(receipt):
    stranger = Ed25519PrivateKey.generate()
    row = json.loads(receipt[0].read_bytes())
    del row["signature"]
    row["key"] = verify.base64.b64encode(stranger.public_key().public_bytes_raw()).decode()
    row["signature"] = verify.base64.b64encode(stranger.sign(verify.canonical(row))).decode()
    blob = verify.canonical(row)
    assert verified(blob)  # by the key it carries: that is why it must be compared
    assert not verified(blob, keys.key_id())


def test_a_late_receipt_contradicts_itself(receipt):
    row = json.loads(receipt[0].read_bytes())
    row["received_at"] = row["closes_at"]
    del row["signature"]
    row["signature"] = keys.sign(verify.canonical(row))
    with pytest.raises(verify.Bad, match="receipt_late"):
        verify.verify_receipt(verify.canonical(row), None)


# --- Ledger --------------------------------------------------------------------------------------------------------
def test_a_ledger_export_verifies_alone(cast, tmp_path):
    cast.awarded()
    path = tmp_path / "l.jsonl"
    lines = list(ledger_export.lines(with_payloads=True))
    path.write_bytes(b"".join(lines))
    done = run("ledger", path, "--key", keys.key_id())
    assert done.returncode == 0, done
    assert "dans l’ordre, sans trou ni changement" in done.stdout.decode()
    assert "ATTENTION" not in done.stdout.decode()
    done = run("ledger", path, "--expect", json.loads(lines[-2])["hash"].upper())
    assert done.returncode == 0 and "L’empreinte attendue y est" in done.stdout.decode()
    assert "la clé vient du fichier lui-même" in done.stdout.decode()
    done = run("ledger", path, "--expect", "0" * 63 + "1")
    assert done.returncode == 1 and "n’est pas dans ce registre" in done.stdout.decode()
    done = run("ledger", path, "--from", "2")
    assert done.returncode == 1 and "Ligne 1" in done.stdout.decode()
    path.write_bytes(b"".join(lines[:7] + lines[8:]))
    done = run("ledger", path)
    assert done.returncode == 1
    assert "Ligne 8 (inscription 7)\u00a0: l’inscription 7 était attendue" in done.stdout.decode()
    done = run("ledger", path, "--lang", "en")
    assert "Line 8 (entry 7): entry 7 was expected" in done.stdout.decode()
    row = {name: value for name, value in json.loads(lines[7]).items() if name in verify.BARE}
    path.write_bytes(b"".join([*lines[:7], verify.canonical(row) + b"\n", *lines[8:]]))
    done = run("ledger", path, "--key", keys.key_id())
    assert done.returncode == 1
    assert "Ligne 8 (inscription 7)\u00a0: son détail a été retiré" in done.stdout.decode()


def test_an_excerpt_must_be_asked_for(cast, tmp_path):
    cast.published()
    path = tmp_path / "l.jsonl"
    path.write_bytes(b"".join(ledger_export.lines(first=2)))
    done = run("ledger", path)
    assert done.returncode == 1
    assert "Ligne 1\u00a0: le fichier commence à l’inscription 2, pas à 1" in done.stdout.decode()
    done = run("ledger", path, "--from", "2")
    assert done.returncode == 0 and "C’est un extrait" in done.stdout.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ["ledger", "/nowhere/l.jsonl"],
        ["receipt", "/nowhere/r.json"],
        ["draw", "/nowhere/d.json"],
        ["ledger", str(VERIFY), "--key", "court"],
        ["ledger", str(VERIFY), "--from", "0"],
        ["ledger", str(VERIFY), "--from", "x"],
        ["ledger", str(VERIFY), "--expect", "abc"],
        ["nothing", str(VERIFY)],
        [],
    ],
)
def test_when_nothing_can_be_verified_it_exits_with_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert not done.stdout


def test_a_file_of_something_else_is_not_verified():
    for what in ("ledger", "receipt", "draw"):
        done = run(what, VERIFY)
        assert done.returncode == 1, done
        assert b"Traceback" not in done.stderr


# --- Contracts -----------------------------------------------------------------------------------------------------
@pytest.fixture
def signed(cast, tmp_path):
    """(attestation file, {kind: PDF file}, its content) of a concluded contract."""
    contract = contract_cast.active(cast)
    told = signature_actions.attestation(contract)
    (tmp_path / "s.json").write_bytes(canonical(told) + b"\n")
    for document in contract.documents.all():
        with document.file.open() as file:
            (tmp_path / f"{document.kind}.pdf").write_bytes(file.read())
    return tmp_path / "s.json", {kind: tmp_path / f"{kind}.pdf" for kind in ("offered", "signed")}, told


def signed_again(told: dict, **changes) -> bytes:
    """What somebody else's key signs: right in everything but who signed."""
    bare = {name: value for name, value in (told | changes).items() if name != "signature"}
    return canonical(bare | {"signature": keys.sign(canonical(bare))})


def test_a_contract_and_its_pdf_verify_alone(signed):
    path, papers, told = signed
    done = run("contract", path, "--pdf", papers["offered"], "--key", keys.key_id())
    said = done.stdout.decode().replace("\u00a0", " ")
    assert done.returncode == 0, done
    assert f"Contrat vérifié : {told['contract']}, 64 000,00 $ avant taxes" in said
    assert "Signé pour le prestataire par Victor Proposant, Présidente" in said
    assert "Signé pour l’organisme public par Odile Responsable, Directrice des contrats" in said
    assert "le texte que les deux parties ont signé, octet pour octet" in said
    done = run("contract", path, "--pdf", papers["signed"], "--lang", "en")
    assert done.returncode == 0 and b"with its signatures, byte for byte" in done.stdout
    assert b"WARNING" in done.stdout


def test_another_pdf_than_the_signed_one_fails(signed):
    path, papers, _told = signed
    blob = bytearray(papers["offered"].read_bytes())
    blob[len(blob) // 2] ^= 1
    papers["offered"].write_bytes(blob)
    done = run("contract", path, "--pdf", papers["offered"])
    assert done.returncode == 1 and "Ce PDF n’est ni" in done.stdout.decode()


def test_any_changed_bit_of_an_attestation_fails(signed):
    blob = signed[0].read_bytes().strip()
    dice = random.Random(4821)
    assert verify.verify_contract(blob, keys.key_id())
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1 << dice.randrange(8)
        with pytest.raises(verify.Bad):
            verify.verify_contract(bytes(changed), keys.key_id())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda told: {"type": "dan-contract/2"}, "contract_fields"),
        (lambda told: {"note": "ajout"}, "contract_fields"),
        (lambda told: {"value_cents": "6400000"}, "contract_fields"),
        (lambda told: {"value_cents": True}, "contract_fields"),
        (lambda told: {"signatures": {}}, "contract_fields"),
        (lambda told: {"signatures": [{}, {}]}, "contract_fields"),
        (lambda told: {"signatures": [None]}, "contract_fields"),
        (lambda told: {"signatures": [told["signatures"][0] | {"name": 1}]}, "contract_fields"),
        (lambda told: {"signatures": told["signatures"][:1]}, "contract_parties"),
        (lambda told: {"signatures": []}, "contract_parties"),
        (lambda told: {"signatures": told["signatures"][::-1]}, "contract_parties"),
        (lambda told: {"signatures": [told["signatures"][1], told["signatures"][1]]}, "contract_parties"),
    ],
)
def test_a_strange_attestation_fails_even_signed(signed, change, why):
    with pytest.raises(verify.Bad) as caught:
        verify.verify_contract(signed_again(signed[2], **change(signed[2])), None)
    assert caught.value.name == why


@pytest.mark.parametrize("change", [{"value_cents": 1}, {"text_sha256": "0" * 64}, {"contract": "CT-2026-0009"}])
def test_an_altered_attestation_is_not_signed(signed, change):
    with pytest.raises(verify.Bad) as caught:
        verify.verify_contract(canonical(signed[2] | change), None)
    assert caught.value.name == "contract_signature"


def test_a_contract_of_another_key_fails(signed):
    path, _papers, _told = signed
    done = run("contract", path, "--key", "A" * 43 + "=")
    assert done.returncode == 1 and "pas signé par la clé attendue" in done.stdout.decode()
    assert run("contract", path, "--key", "court").returncode == 2
    assert run("contract", path.parent / "absent.json").returncode == 2


# --- Proofs and checkpoints ------------------------------------------------------------------------------------------
@pytest.fixture
def proofs(cast, tmp_path):
    """{what: file} of a ledger with two checkpoints, a deposit before the second one; exports, one of them older."""
    opportunity = cast.published()
    first = checkpoints.make(at=PUBLISHED_AT)
    submission = cast.submitted(opportunity).submissions.get()
    deposited = LedgerEntry.objects.latest("seq")
    second = checkpoints.make(at=PUBLISHED_AT)
    entry = LedgerEntry.objects.get(action="opportunity.publish")
    contents = {
        "proof": json.dumps(checkpoints.proof_of(entry, first), indent=1).encode(),
        "receipt proof": canonical(checkpoints.proof_of(deposited, second, payload=True)),
        "receipt": canonical(submission.receipt),
        "consistency": canonical(checkpoints.consistency_of(first, second)),
        "checkpoints": f"{first.note}\n{second.note}".encode(),
        "ledger": b"".join(ledger_export.lines()),
        "short ledger": b"".join(ledger_export.lines(last=second.size - 1)),
        "other": b"{}",
    }
    paths = {name: tmp_path / f"{name.replace(' ', '-')}.txt" for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return paths


def said(done) -> str:
    return done.stdout.decode().replace("\u00a0", " ")


# What is asked (a word in brackets is a file), the exit code, what is said in French and in English.
ASKED = [
    ("proof [proof]", 0, "Preuve vérifiée : l’inscription", "Proof verified: entry"),
    ("proof [receipt proof]", 0, "Le détail correspond à l’empreinte inscrite", "The payload matches"),
    ("proof [receipt proof] --receipt [receipt]", 0, "est celle de l’accusé AD-", "The entry is that of receipt AD-"),
    ("proof [proof] --receipt [receipt]", 1, "n’est pas celle de cet accusé", "not that of this receipt"),
    ("proof [other]", 1, "pas une preuve « dan-proof/1 »", "not a complete “dan-proof/1”"),
    ("consistency [consistency]", 0, "Cohérence vérifiée : les", "Consistency verified: the"),
    ("consistency [proof]", 1, "pas une preuve « dan-consistency/1 »", "not a complete “dan-consistency/1”"),
    ("checkpoints [checkpoints]", 0, "Relevé signé le", "Checkpoint signed at"),
    ("checkpoints [other]", 1, "Relevé 1 : le relevé n’est pas un relevé signé", "Checkpoint 1: the checkpoint is not"),
    ("ledger [ledger] --checkpoints [checkpoints]", 0, "Relevés gardés : 2 comparé(s)", "Checkpoints kept: 2 compared"),
    ("ledger [short ledger] --checkpoints [checkpoints]", 1, "ne contient pas toutes", "not all of which"),
    ("ledger [ledger] --checkpoints [other]", 1, "Relevé 1 :", "Checkpoint 1:"),
]


@pytest.mark.parametrize(("asked", "code", "french", "english"), ASKED)
def test_proofs_and_checkpoints_from_a_shell(proofs, asked, code, french, english):
    words = [str(proofs[word.strip("[]")]) if word[0] == "[" else word for word in re.findall(r"\[[^]]*\]|\S+", asked)]
    for extra, expected in (((), french), (("--lang", "en"), english)):
        done = run(*words, "--key", keys.key_id(), *extra)
        assert done.returncode == code, done
        assert expected in said(done) and not done.stderr
        if code == 0:
            assert keys.key_id() in said(done)


@pytest.mark.parametrize("what", ["proof", "consistency", "checkpoints"])
def test_another_key_refuses_and_no_key_verifies_nothing(proofs, what):
    assert run(what, proofs[what], "--key", "A" * 43 + "=").returncode == 1
    for lang, words in (("fr", "Donnez la clé publiée"), ("en", "Give the published key")):
        done = run(what, proofs[what], "--lang", lang)
        assert (done.returncode, done.stdout) == (2, b"") and words in done.stderr.decode()
    assert run(what, proofs[what], "--key", "court").returncode == 2
    assert run(what, proofs[what].parent / "absent", "--key", keys.key_id()).returncode == 2


def test_kept_checkpoints_need_the_key_too(proofs):
    assert run("ledger", proofs["ledger"], "--checkpoints", proofs["checkpoints"]).returncode == 2
    absent = proofs["ledger"].parent / "absent"
    assert run("ledger", proofs["ledger"], "--checkpoints", absent, "--key", keys.key_id()).returncode == 2


def test_a_kept_checkpoint_that_was_rewritten_is_named(proofs, tmp_path):
    """The operator, with the key, tells another past: the one who kept the former checkpoint sees at which row."""
    note = verify.notes_of(proofs["checkpoints"].read_bytes())[0]
    told = verify.read_note(note, keys.key_id())
    text = note.partition("\n\n")[0].replace(verify.base64.b64encode(told["root"]).decode(), "A" * 43 + "=") + "\n"
    named = verify.hashlib.sha256(f"{told['origin']}\n\x01".encode() + keys.public()).digest()[:4]
    signature = verify.base64.b64encode(named + verify.base64.b64decode(keys.sign(text.encode()))).decode()
    (tmp_path / "kept.txt").write_text(f"{text}\n\u2014 {told['origin']} {signature}\n", encoding="utf-8")
    done = run("ledger", proofs["ledger"], "--key", keys.key_id(), "--checkpoints", tmp_path / "kept.txt")
    assert done.returncode == 1
    assert f"Ligne {told['size'] + 1} (inscription" in said(done) and "que vous avez gardé" in said(done)


def test_the_verifier_is_readable_by_python_3_9():
    ast.parse(VERIFY.read_text(encoding="utf-8"), feature_version=(3, 9))
    tree = ast.parse(VERIFY.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - {"cryptography"} <= sys.stdlib_module_names
    assert not {"tomllib", "graphlib"} & imported
    # What is newer than 3.9 in the standard library, and easily written by habit.
    newer = r"\bzip\([^)]*strict=|\.bit_count\(|itertools\.pairwise|datetime\.UTC"
    assert not re.search(newer, VERIFY.read_text(encoding="utf-8"))
