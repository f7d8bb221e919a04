"""Signed checkpoints, proofs of inclusion and of consistency, as they are served and as anyone verifies them."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints, merkle
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove
from marketplace.models import Checkpoint, LedgerBlock, LedgerEntry
from tests.cast import PUBLISHED_AT
from tests.test_ledger import exported, first_bad_line, verify
from tests.test_settings import start


def fill(count: int) -> None:
    with transaction.atomic():
        for number in range(count):
            ledger.record("terms.add", f"terms:{number}", by=None, at=PUBLISHED_AT)


def make() -> Checkpoint:
    return checkpoints.make(at=PUBLISHED_AT)


def leaves():
    hashes = LedgerEntry.objects.order_by("seq").values_list("hash", flat=True)
    return [merkle.leaf(bytes.fromhex(text)) for text in hashes]


def test_a_checkpoint_attests_the_whole_ledger(db):
    fill(3)
    made = make()
    note = verify.read_note(made.note, keys.key_id())
    assert (made.size, note["size"]) == (4, 4)
    assert note["root"] == bytes.fromhex(made.root) == merkle.root(leaves())
    assert note["hash"] == made.head == LedgerEntry.objects.get(seq=4).hash


@pytest.mark.parametrize("block", [1, 2, 4, 256])
def test_roots_do_not_depend_on_what_was_kept(db, monkeypatch, block):
    """Blocks complete, half complete, none: the same roots, frontiers and proofs as from the leaves alone."""
    monkeypatch.setattr(checkpoints, "BLOCK", block)
    sizes = []
    for count in (1, 3, 1, 6, 2):
        fill(count)
        sizes.append(make().size)
    all_leaves = leaves()
    direct = lambda start, end: merkle.root(all_leaves[start:end])  # noqa: E731
    assert LedgerBlock.objects.count() == sizes[-1] // block
    for size in sizes:
        made = Checkpoint.objects.get(size=size)
        assert bytes.fromhex(made.root) == direct(0, size)
        for entry in LedgerEntry.objects.filter(seq__lte=size):
            proof = checkpoints.proof_of(entry, made)
            assert proof["path"] == [step.hex() for step in merkle.inclusion(entry.seq - 1, size, direct)]
        for other in [other for other in sizes if other <= size]:
            proof = checkpoints.consistency_of(Checkpoint.objects.get(size=other), made)
            assert proof["path"] == [step.hex() for step in merkle.consistency(other, size, direct)]
    for size in range(sizes[-1] + 1):
        assert merkle.Growing(size, checkpoints.frontier(size)).root() == direct(0, size)


def test_yesterdays_root_is_still_contained_in_todays_ledger(db, client):
    fill(5)
    yesterday = make()
    fill(8)
    today = make()
    answer = client.get(f"/donnees-ouvertes/registre/coherence/{yesterday.size}-{today.size}.json")
    assert answer.status_code == 200
    report = dict(verify.verify_consistency(answer.content, keys.key_id()))
    assert (report["consistency_ok"]["first"], report["consistency_ok"]["second"]) == (6, 15)


def test_a_public_act_is_proved(cast, client):
    opportunity = cast.published()
    made = make()
    entry = LedgerEntry.objects.get(action="opportunity.publish")
    answer = client.get(f"/donnees-ouvertes/registre/preuves/{entry.hash}.json")
    report = dict(verify.verify_proof(answer.content, keys.key_id()))
    assert report["proof_ok"]["subject"] == opportunity.ledger_subject()
    assert report["checkpoint_ok"]["size"] == made.size


def test_what_is_hidden_or_too_new_has_no_public_proof(cast, client):
    cast.published()
    made = make()
    cast.submitted(cast.published(title="Une autre"))
    hidden = [*LedgerEntry.objects.filter(seq__lte=made.size, action="opportunity.create"),
              *LedgerEntry.objects.filter(action="sealed"), LedgerEntry.objects.latest("seq"),
              LedgerEntry.objects.filter(action="opportunity.publish").latest("seq")]  # fmt: skip
    for entry in hidden:
        assert client.get(f"/donnees-ouvertes/registre/preuves/{entry.hash}.json").status_code == 404
    assert client.get("/donnees-ouvertes/registre/preuves/x.json").status_code == 404


def test_a_vendor_proves_its_own_receipt(cast, client):
    proposal = cast.submitted(cast.published())
    submission = proposal.submissions.get()
    address = f"/accuses/{submission.receipt_number}/preuve.json"
    client.force_login(cast.vendor_owner)
    with clock.set_to(PUBLISHED_AT):
        assert client.get(address).status_code == 404  # no checkpoint covers it yet
        make()
        blob = client.get(address).content
        paper = verify.canonical(submission.receipt)
        report = dict(verify.verify_proof(blob, keys.key_id(), paper))
        assert report["proof_receipt_ok"]["number"] == submission.receipt_number
        with pytest.raises(verify.Bad, match="proof_receipt"):
            other = cast.submitted(cast.published(title="Une autre")).submissions.get()
            verify.verify_proof(blob, keys.key_id(), verify.canonical(other.receipt))
        for person in (cast.rival_owner, cast.buyer, cast.officer, cast.auditor, cast.administrator):
            client.force_login(person)
            assert client.get(address).status_code == 404


def test_the_published_file_grows_and_verifies(db, client):
    for count in (2, 3, 4):
        fill(count)
        make()
    blob = client.get("/donnees-ouvertes/registre/releves.txt").content
    report = verify.verify_checkpoints(blob, keys.key_id())
    assert [values["size"] for name, values in report if name == "checkpoint_ok"] == [3, 7, 12]
    fill(1)
    make()
    longer = client.get("/donnees-ouvertes/registre/releves.txt").content
    assert longer.startswith(blob)
    one = client.get("/donnees-ouvertes/registre/releves/7.txt").content
    assert one in blob and client.get("/donnees-ouvertes/registre/releves/8.txt").status_code == 404


def test_an_export_carries_the_checkpoints_and_agrees_with_those_kept(db):
    fill(4)
    make()
    fill(3)
    make()
    lines = exported()
    assert [json.loads(line).get("type") for line in lines].count("checkpoint") == 2
    assert first_bad_line(lines, keys.key_id()) is None
    kept = [verify.read_note(text, keys.key_id()) for text in Checkpoint.objects.values_list("note", flat=True)]
    assert first_bad_line(lines, keys.key_id(), kept=kept) is None
    assert first_bad_line(exported(last=6), keys.key_id(), kept=kept) == len(exported(last=6))
    other = [kept[0] | {"root": merkle.EMPTY}]
    assert first_bad_line(lines, keys.key_id(), kept=other) == 6
    for first in range(1, 10):
        assert first_bad_line(exported(first=first), keys.key_id(), first=first) is None


@pytest.mark.parametrize("model", [Checkpoint, LedgerBlock])
def test_checkpoints_and_blocks_are_append_only(db, model, monkeypatch):
    monkeypatch.setattr(checkpoints, "BLOCK", 2)
    fill(3)
    make()
    for act in (lambda rows: rows.update(root="0" * 64), lambda rows: rows._raw_delete(rows.db)):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act(model.objects.all())


def test_erasing_a_detail_leaves_every_proof(cast):
    """D5: what was personal is gone, the chain, the export and the proofs stay."""
    cast.awarded()
    made = make()
    entry = LedgerEntry.objects.get(action="opportunity.confirm_award")
    before = checkpoints.proof_of(entry, made)
    ledger.erase(entry, by=None, at=PUBLISHED_AT, reason="Demande d’effacement")
    assert checkpoints.proof_of(LedgerEntry.objects.get(pk=entry.pk), made) == before
    lines = exported(with_payloads=True)
    assert first_bad_line(lines, keys.key_id()) is None
    assert [entry.seq, entry.seq] in json.loads(lines[-1])["without"]
    with pytest.raises(ValueError):
        ledger.erase(entry, by=None, at=PUBLISHED_AT, reason="Encore")


# --- One name for ever, and no two in a minute -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "origin"),
    [
        ({}, "localhost/registre"),
        ({"BASE_URL": "http://127.0.0.1:8123"}, "localhost/registre"),  # as `make run` sets it
        ({"LEDGER_ORIGIN": "ville.example/registre"}, "ville.example/registre"),
    ],
)
def test_at_home_the_name_depends_on_no_address(tmp_path, values, origin):
    done = start({"VAR_DIR": str(tmp_path), **values}, "import marketplace.settings as s; print(s.LEDGER_ORIGIN)")
    assert done == (0, f"{origin}\n")


def test_a_ledger_never_changes_its_name(cast, client, settings, tmp_path):
    """A checkpoint of another name could never be removed: nothing is signed, exported or recorded."""
    cast.published()
    make()
    before = LedgerEntry.objects.count()
    kept, settings.LEDGER_ORIGIN = settings.LEDGER_ORIGIN, "ailleurs.example/registre"
    for act in (make, exported):
        with pytest.raises(IllegalMove, match=f"{kept}.*ailleurs.example/registre"):
            act()
    for command in (["sign_ledger"], ["export_ledger", str(tmp_path / "l.jsonl")]):
        with pytest.raises(CommandError, match="LEDGER_ORIGIN"):
            call_command(*command)
    client.force_login(cast.auditor)
    for path, typed in (("signer/", {}), ("exporter/", {"first": "1", "last": "", "details": ""})):
        answer = client.post(f"/verification/registre/{path}", typed)
        assert answer.status_code == 409 and "ne change jamais de nom" in answer.content.decode()
    assert LedgerEntry.objects.count() == before and not (tmp_path / "l.jsonl").exists()
    settings.LEDGER_ORIGIN = kept
    assert make().size == before + 1


def test_a_second_click_signs_nothing(cast, client, monkeypatch):
    cast.published()
    client.force_login(cast.auditor)
    sign = lambda: client.post("/verification/registre/signer/").status_code  # noqa: E731
    assert [sign() for _click in range(3)] == [302, 409, 409]
    assert Checkpoint.objects.count() == 1
    assert checkpoints.make(at=PUBLISHED_AT).size == 1 + Checkpoint.objects.first().size  # the nightly one goes on
    now = clock.database_now()
    monkeypatch.setattr(clock, "database_now", lambda: now + timedelta(seconds=61))
    assert sign() == 302 and Checkpoint.objects.count() == 3


@pytest.mark.parametrize("number", [0, 2**63 - 1, 2**63, 10**25])
def test_a_number_that_no_ledger_has_is_not_found(client, db, number):
    make()
    for path in (f"releves/{number}.txt", f"coherence/1-{number}.json", f"coherence/{number}-1.json"):
        assert client.get(f"/donnees-ouvertes/registre/{path}").status_code == 404
    for digest in ("x", "A" * 64, "0" * 63, "0" * 65, "0" * 63 + "\u0661", "%00" * 64):
        assert client.get(f"/donnees-ouvertes/registre/preuves/{digest}.json").status_code == 404
