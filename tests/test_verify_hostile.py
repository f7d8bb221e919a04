"""tools/verify.py on files made to hurt it: no traceback, no minutes of waiting, no line that a file wrote itself."""

import json
import time
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.ledger import export as ledger_export
from marketplace import keys
from marketplace.ledger import checkpoints
from marketplace.ledger.entries import canonical
from marketplace.models import LedgerEntry
from tests.cast import PUBLISHED_AT
from tests.test_ledger import exported, verify
from tests.test_verify import run, said

NBSP = "\u00a0"


def resigned(lines: list[bytes], **changes) -> bytes:
    """The export with another head, signed by the same key."""
    head = {name: value for name, value in (json.loads(lines[-1]) | changes).items() if name != "signature"}
    return b"".join(lines[:-1]) + canonical(head | {"signature": keys.sign(canonical(head))}) + b"\n"


@pytest.fixture
def ledger_lines(cast):
    cast.published()
    checkpoints.make(at=PUBLISHED_AT)
    return exported()


@pytest.mark.parametrize(
    "change",
    [{"checkpoints": value} for value in (5, None, [{}], ["a"], {}, [[1]], [True])]
    + [{"at": []}, {"at": None}, {"without": 1}, {"payloads": None}, {"root": 1}, {"previous": []}, {"type": {}}],
)
def test_a_head_of_strange_shape_is_refused_even_signed(ledger_lines, change):
    with pytest.raises(verify.Bad) as caught:
        verify.verify_ledger(BytesIO(resigned(ledger_lines, **change)), None)
    assert caught.value.name in {"row", "row_seq"}


def test_a_checkpoint_counted_twice_by_the_head_is_refused(ledger_lines):
    sizes = json.loads(ledger_lines[-1])["checkpoints"]
    with pytest.raises(verify.Bad) as caught:
        verify.verify_ledger(BytesIO(resigned(ledger_lines, checkpoints=sizes * 2)), None)
    assert caught.value.values["why"][0] == "head_link"


def test_a_salt_that_is_not_text_is_refused(cast):
    cast.published()
    made = checkpoints.make(at=PUBLISHED_AT)
    entry = LedgerEntry.objects.get(action="opportunity.publish")
    proof = checkpoints.proof_of(entry, made, payload=True) | {"salt": "\ud800"}
    with pytest.raises(verify.Bad, match="proof_fields"):
        verify.verify_proof(json.dumps(proof).encode(), keys.key_id())


def test_what_is_nested_too_deep_is_refused(cast, tmp_path):
    deep = b'{"type":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}"
    (tmp_path / "deep.json").write_bytes(deep + b"\n")
    for what in ("ledger", "proof", "receipt", "draw", "sample", "review", "contract", "consistency"):
        done = run(what, tmp_path / "deep.json", "--key", keys.key_id())
        assert (done.returncode, b"Traceback" in done.stderr) == (1, False), done


def nested(depth: int) -> dict[str, bytes]:
    """Files of this many levels, of every shape that a reader may go down."""
    lists, objects = b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth
    fields = ("entry", "body", "population", "digests", "order", "signature", "key", "path", "picks", "seed")
    files = {"list": lists, "object": objects, "unclosed": b"[" * depth}
    for name in fields:
        files[name] = b'{"type":"dan-proof/1","format":"dan-sample/2","%s":%s}' % (name.encode(), lists)
    return files | {"line": b'{"type":"dan-ledger/2","first":%s}\n' % objects}


def test_no_depth_is_answered_by_a_traceback(tmp_path, capsys):
    """Just under the parser's own limit, the writer that compares what was read is the one that breaks."""
    file, seen = tmp_path / "f", 0
    for depth in (50, 200, 330, 490, 900, 980, 995, 60_000):
        for blob in nested(depth).values():
            file.write_bytes(blob)
            for what in ("ledger", "draw", *verify.READERS):
                seen += 1
                assert verify.main([what, str(file), "--key", keys.key_id()]) in (1, 2), (what, depth)
    assert seen == 8 * 14 * 10
    assert "Traceback" not in "".join(capsys.readouterr())


def test_what_breaks_the_reader_is_a_file_that_cannot_be_read(tmp_path, capsys, monkeypatch):
    def breaks(*_args):
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setitem(verify.READERS, "proof", (breaks, None))
    (tmp_path / "f").write_bytes(b"{}")
    assert verify.main(["proof", str(tmp_path / "f")]) == 2
    assert "il est imbriqué à l’excès" in capsys.readouterr().err


def test_checkpoints_without_a_signature_are_read_at_once():
    start = time.process_time()
    for text in ("a\n" * 150_000, "\u2014 " * 100_000, "a\n\n\u2014 " * 50_000, "\n" * 300_000):
        with pytest.raises(verify.Bad):
            verify.verify_checkpoints(text.encode(), keys.key_id())
    assert time.process_time() - start < 5


def test_nothing_that_a_file_says_moves_the_cursor(cast, tmp_path):
    submission = cast.submitted(cast.published()).submissions.get()
    forged = "\n\x1b[32mClé attendue : vraie\u202e\u2028\x9b"
    bare = {name: value for name, value in (submission.receipt | {"proponent": forged}).items() if name != "signature"}
    (tmp_path / "r.json").write_bytes(canonical(bare | {"signature": keys.sign(canonical(bare))}))
    done = run("receipt", tmp_path / "r.json", "--key", keys.key_id())
    assert done.returncode == 0
    told = done.stdout.decode()
    assert not {"\x1b", "\u202e", "\u2028", "\x9b"} & set(told)
    assert r"\u000a\u001b[32mClé attendue" in told and len(told.splitlines()) == 3
    (tmp_path / "name.zip").write_bytes(b"PK\x03\x04\x1b[31m")
    assert b"\x1b" not in run("receipt", tmp_path / "name.zip").stdout


def test_instants_are_told_in_quebecs_time_first():
    if verify.QUEBEC is None:
        pytest.skip("this machine has no data on time zones")
    for at, french, english in (
        ("2026-11-22T03:05:09.123456Z", "2026-11-21 à 22 h 05 min 09 s", "2026-11-21 22:05:09"),
        ("2026-07-01T03:05:09.000000Z", "2026-06-30 à 23 h 05 min 09 s", "2026-06-30 23:05:09"),
    ):
        fr, en = (verify.say(lang, "head_ok", at=at, hash="x") for lang in (verify.FR, verify.EN))
        assert f"{french}, heure du Québec ({at})" in fr and f"{english} Québec time ({at})" in en
    assert verify.say(verify.FR, "head_ok", at="2026-13-99T99:99:99.000000Z", hash="x")
    whole, verify.QUEBEC = verify.QUEBEC, None
    try:
        assert f"signée le {at}{NBSP}:" in verify.say(verify.FR, "head_ok", at=at, hash="x")
    finally:
        verify.QUEBEC = whole


@pytest.mark.parametrize(
    ("cents", "french", "english"),
    [(0, "0,00_$", "$0.00"), (1_950_000, "19_500,00_$", "$19,500.00"), (123_456_789_05, "123_456_789,05_$", None)],
)
def test_amounts_are_written_as_people_do(cents, french, english):
    told = verify._amounts(cents)
    assert told["amount_fr"] == french.replace("_", NBSP)
    assert english in (None, told["amount_en"])


def test_a_file_of_another_kind_is_not_called_altered(cast, tmp_path):
    submission = cast.submitted(cast.published()).submissions.get()
    (tmp_path / "r.json").write_text(json.dumps(submission.receipt, indent=1) + "\n", encoding="utf-8")
    done = run("ledger", tmp_path / "r.json", "--key", keys.key_id())
    assert done.returncode == 1
    assert "Ligne 1 : ce n’est pas un export « dan-ledger/2 » (peut-être un autre fichier), ou" in said(done)
    assert "perhaps another file" in said(run("ledger", tmp_path / "r.json", "--lang", "en"))


# --- Checkpoints that somebody kept ----------------------------------------------------------------------------------
def test_what_could_not_be_compared_is_said(cast, tmp_path):
    cast.published()
    first = checkpoints.make(at=PUBLISHED_AT)
    cast.published(title="Une autre")
    second = checkpoints.make(at=PUBLISHED_AT)
    (tmp_path / "kept.txt").write_text(first.note, encoding="utf-8")
    (tmp_path / "both.txt").write_text(f"{first.note}\n{second.note}", encoding="utf-8")
    start = first.size + 3
    (tmp_path / "l.jsonl").write_bytes(b"".join(ledger_export.lines(first=start)))
    (tmp_path / "next.jsonl").write_bytes(b"".join(ledger_export.lines(first=first.size + 1)))

    def asked(ledger, number, kept, *extra):
        given = ("--from", number, "--checkpoints", tmp_path / kept, "--key", keys.key_id(), *extra)
        return run("ledger", tmp_path / ledger, *given)

    done = asked("l.jsonl", start, "kept.txt")
    assert done.returncode == 2 and "aucun n’a pu être comparé" in said(done)
    assert "none could be compared" in said(asked("l.jsonl", start, "kept.txt", "--lang", "en"))
    done = asked("l.jsonl", start, "both.txt")
    assert done.returncode == 0 and "Relevés gardés : 1 comparé(s) et justes; 1, d’avant" in said(done)
    done = asked("next.jsonl", first.size + 1, "kept.txt")  # what the excerpt says stood before it
    assert done.returncode == 0 and "Relevés gardés : 1 comparé(s) et justes; 0, d’avant" in said(done)


def test_after_a_change_of_key_both_are_given(cast, tmp_path, monkeypatch):
    cast.published()
    checkpoints.make(at=PUBLISHED_AT)
    old, other = keys.key_id(), Ed25519PrivateKey.generate()
    raw = other.public_key().public_bytes_raw()
    for name, value in (("signing", other), ("public", raw), ("key_id", verify.base64.b64encode(raw).decode())):
        monkeypatch.setattr(keys, name, lambda value=value: value)
    checkpoints.make(at=PUBLISHED_AT)
    (tmp_path / "l.jsonl").write_bytes(b"".join(exported()))
    new = keys.key_id()
    assert new != old
    done = run("ledger", tmp_path / "l.jsonl", "--key", new, "--key", old)
    assert done.returncode == 0 and new in said(done) and old in said(done), done
    for given in (new, old):
        assert run("ledger", tmp_path / "l.jsonl", "--key", given).returncode == 1
