"""`tools/verify.py notes`: the notes that were frozen are those of the ledger, to whoever is entitled to them."""

import importlib.util
import json
import subprocess
import sys
from datetime import timedelta

import pytest

from audit.ledger import export
from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.ledger.entries import canonical, erase
from marketplace.models import LedgerEntry, OutgoingEmail
from proposals.award import actions as award_actions
from proposals.evaluation import notes, reexamination_actions
from proposals.models import NotesSeal
from tests.cast import CLOSES_AT
from tests.test_ledger import VERIFY
from tests.test_verify_commands import tried

spec = importlib.util.spec_from_file_location("verify_notes_tool", VERIFY)
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)
LATER = CLOSES_AT + timedelta(days=3)


@pytest.fixture
def later():
    with clock.set_to(LATER):
        yield


def exported(**options) -> bytes:
    return b"".join(export.lines(**options))


def proof_of(hashed: str) -> bytes:
    entry = LedgerEntry.objects.get(hash=hashed)
    return canonical(checkpoints.proof_of(entry, checkpoints.covering(entry.seq)))


def names(report) -> list[str]:
    return [name for name, _values in report]


@pytest.fixture
def frozen(cast, later):
    """{"proposal", "file"} of a proposal whose notes are frozen, with comments."""
    opportunity, (first, second) = cast.scored(mode="adjusted_price", values=("91.25", "77.5"))
    cast.score(first, "91.25", comment="Clair, « chiffré ».", seen=1)
    cast.unveil(opportunity, at=LATER)
    return {"first": first, "second": second, "file": notes.sealed(first).file(comments=True)}


def test_with_an_export_with_payloads_or_without_and_with_a_proof(frozen):
    checkpoints.make(at=LATER)
    blob = canonical(frozen["file"])
    for ledger in (exported(with_payloads=True), exported()):
        report = verify.verify_notes(blob, keys.key_id(), ledger=ledger)
        assert names(report)[:5] == ["notes_ok", "notes_line", "notes_line", "notes_line", "notes_comments_ok"]
        assert "notes_held" in names(report) and "ledger_ok" in names(report) and "notes_later" not in names(report)
    report = verify.verify_notes(blob, keys.key_id(), proof=proof_of(frozen["file"]["entry"]["hash"]))
    assert "notes_held" in names(report) and "proof_ok" in names(report)
    assert names(verify.verify_notes(blob))[-1] == "notes_alone"
    assert dict(report)["notes_ok"]["total"] == "91.25"


def test_without_the_comments_the_total_is_still_computed(frozen):
    blob = canonical(notes.sealed(frozen["first"]).file(comments=False))
    assert b"chiffr" not in blob and b"comments_salt" not in blob
    assert "notes_ok" in names(verify.verify_notes(blob, keys.key_id(), ledger=exported(with_payloads=True)))


def change(row, path, value):
    *parents, last = path
    for step in parents:
        row = row[step]
    row[last] = value


@pytest.mark.parametrize(
    ("path", "value", "bad"),
    [
        (("notes", "criteria", 0, "value"), "99.00", "notes_digest"),
        (("notes", "total"), "99", "notes_digest"),
        (("notes", "proposal"), "x", "notes_digest"),
        (("comments", 0, "comment"), "Autre", "notes_comments"),
        (("salt",), "0" * 64, "notes_digest"),
        (("entry", "salt"), "0" * 32, "notes_entry"),
        (("entry", "body", "notes", 0, "sha256"), "0" * 64, "notes_entry"),
        (("entry", "hash"), "0" * 64, "notes_entry"),
        (("notes", "criteria", 0, "weight"), True, "notes_fields"),
        (("notes", "criteria", 0, "value"), "9e9", "notes_fields"),
        (("notes", "criteria"), [1], "notes_fields"),
        (("comments",), None, "notes_fields"),
        (("entry",), [], "notes_fields"),
        (("type",), "dan-notes/2", "notes_fields"),
        (("extra",), 1, "notes_fields"),
    ],
)
def test_each_change_is_found(frozen, path, value, bad):
    row = json.loads(canonical(frozen["file"]))
    change(row, path, value)
    with pytest.raises(verify.Bad) as found:
        verify.verify_notes(canonical(row), keys.key_id(), ledger=exported(with_payloads=True))
    assert found.value.name == bad


@pytest.mark.parametrize("forged", ["total", "value"])
def test_a_file_that_is_whole_and_false_is_not_in_the_ledger(frozen, forged):
    row = json.loads(canonical(frozen["file"]))
    if forged == "value":
        for one in row["notes"]["criteria"]:
            one["value"] = "99.00"
    row["notes"]["total"] = "99"
    row["sha256"] = notes.digest(row["salt"], row["notes"])
    with pytest.raises(verify.Bad) as found:
        verify.verify_notes(canonical(row), keys.key_id(), ledger=exported(with_payloads=True))
    assert found.value.name == {"total": "notes_total", "value": "notes_entry"}[forged]


def test_another_proposals_entry_or_proof_is_refused(frozen):
    checkpoints.make(at=LATER)
    row = json.loads(canonical(frozen["file"]))
    other = LedgerEntry.objects.get(action="opportunity.publish")
    with pytest.raises(verify.Bad):
        verify.verify_notes(canonical(row), keys.key_id(), proof=proof_of(other.hash))
    theirs = notes.sealed(frozen["second"]).file(comments=True)
    mixed = theirs | {"notes": row["notes"], "salt": row["salt"], "sha256": row["sha256"], "comments": row["comments"]}
    mixed["comments_salt"] = row["comments_salt"]
    mixed["entry"] = dict(mixed["entry"], body=mixed["entry"]["body"] | {"notes": mixed["entry"]["body"]["notes"][1:]})
    with pytest.raises(verify.Bad):
        verify.verify_notes(canonical(mixed), keys.key_id(), ledger=exported(with_payloads=True))


def test_notes_replaced_since_are_told(cast, frozen):
    request = cast.ask_reexamination(frozen["first"], "95")
    reexamination_actions.accept(request, by=cast.officer)
    ledger = exported(with_payloads=True)
    old = verify.verify_notes(canonical(frozen["file"]), keys.key_id(), ledger=ledger)
    assert "notes_later" in names(old)
    new = verify.verify_notes(
        canonical(notes.sealed(frozen["first"]).file(comments=True)), keys.key_id(), ledger=ledger
    )
    assert "notes_later" not in names(new) and dict(new)["notes_held"]["action"] == "notereexamination.accept"


def test_a_vendor_checks_both_digests_and_reads_its_rank_before(cast, client, tmp_path):
    """The frozen notes' and the re-examined ones', each with a true sentence and a command that runs."""
    opportunity, (first, second) = cast.unveiled(mode="adjusted_price", values=("75.95", "80"))
    with clock.set_to(LATER):
        request = cast.ask_reexamination(first, "69", reason="Une annexe comptée deux fois.", comment="Relu.")
        reexamination_actions.accept(request, by=cast.officer)
        award_actions.recommend(type(opportunity).objects.get(pk=opportunity.pk), second, by=cast.buyer)
        award_actions.confirm(type(opportunity).objects.get(pk=opportunity.pk), by=cast.officer)
        checkpoints.make(at=LATER)
        client.force_login(cast.vendor_owner)
        path = f"/propositions/{first.public_id}/"
        assert tried(client, path, tmp_path) == tried(client, f"/en{path}", tmp_path) == ["notes", "notes"]
        page = client.get(path).content.decode()
        told = OutgoingEmail.objects.get(template="emails/proposal_not_awarded.txt", to=cast.vendor_owner)
    for word in ("Quand les notes ont été gelées, le", "Quand le réexamen de ces notes a été accepté, le", "75,95",
                 "69,00", "sous le minimum, non classée", "Une annexe comptée deux fois."):  # fmt: skip
        assert word in page, word
    for word in ("vos notes ont été réexaminées", "75,95 → 69,00", "2 → sous le minimum", "Une annexe comptée"):
        assert word in told.body, word
    seals = {seal.sha256 for seal in NotesSeal.objects.filter(version__proposal=first)}
    files = [json.loads(client.get(f"{path}notes-{n}.json").content) for n in (1, 2)]
    assert {row["sha256"] for row in files} == seals and len(seals) == 2
    assert client.get(f"{path}notes.json").content == client.get(f"{path}notes-2.json").content
    assert client.get(f"{path}notes-3.json").status_code == 404
    saved = tmp_path / "notes.json"
    saved.write_bytes(canonical(files[0]))
    said = subprocess.run([sys.executable, str(VERIFY), "notes", str(saved)], capture_output=True).stdout.decode()
    assert "75,95" in said and "75.95" not in said and "ceux dont ces notes donnent l’empreinte" in said


def test_an_erased_detail_leaves_a_file_without_its_entry(frozen):
    erase(LedgerEntry.objects.get(action="opportunity.unveil_prices"), by=None, at=LATER, reason="Loi 25")
    content = notes.sealed(frozen["first"]).file(comments=True)
    assert "entry" not in content and names(verify.verify_notes(canonical(content)))[-1] == "notes_alone"


def test_the_salts_say_nothing_of_the_other_notes(cast, frozen, client):
    """The public's file, and a vendor's own, hold neither the values nor the salts of anybody else."""
    opportunity = frozen["first"].opportunity
    with clock.set_to(LATER):
        award_actions.recommend(
            type(opportunity).objects.get(pk=opportunity.pk), frozen["first"], by=cast.buyer, justification="Mieux"
        )
        award_actions.confirm(type(opportunity).objects.get(pk=opportunity.pk), by=cast.officer)
    public = client.get(f"/occasions/{opportunity.number}/attribution/notes.json").content
    client.force_login(cast.vendor_owner)
    own = client.get(f"/propositions/{frozen['first'].public_id}/notes.json").content
    theirs = notes.sealed(frozen["second"]).seal
    for blob in (public, own):
        assert b"91.25" in blob and b"77.50" not in blob
        assert theirs.salt.encode() not in blob and theirs.comments_salt.encode() not in blob
    assert b"chiffr" in own and b"chiffr" not in public
    assert client.get(f"/propositions/{frozen['second'].public_id}/notes.json").status_code == 404


@pytest.mark.parametrize("mode", ["adjusted_price", "quality_min_price", "quality_fixed"])
def test_the_commands_of_the_pages_run_as_printed(cast, client, tmp_path, mode):
    opportunity, (first, second) = cast.awarded(mode=mode)
    path = f"/occasions/{opportunity.number}/attribution/"
    with clock.set_to(LATER):
        assert "verify.py notes" not in client.get(path).content.decode()
        checkpoints.make(at=LATER)
        assert tried(client, f"{path}?", tmp_path) == ["notes"]
        for language in ("", "/en"):
            for proposal, owner in ((first, cast.vendor_owner), (second, cast.rival_owner)):
                client.force_login(owner)
                assert tried(client, f"{language}/propositions/{proposal.public_id}/", tmp_path) == ["notes"]


# --- What is read before the ledger ----------------------------------------------------------------------------------
def made(*weights, total="50") -> bytes:
    """A file whose digest is right, all notes being 50."""
    lines = [
        {"id": place, "label": "x", "weight": weight, "value": "50.00", "by": "person:x"}
        for place, weight in enumerate(weights, start=1)
    ]
    content = {
        "occasion": "DAN-2026-0001", "proposal": "p", "version": 1, "criteria": lines, "total": total,
        "comments_sha256": "",
    }  # fmt: skip
    file = {"type": "dan-notes/1", "notes": content, "salt": "s"}
    return json.dumps(file | {"sha256": verify.sha256(b"s" + canonical(content))}).encode()


@pytest.mark.parametrize(
    "weights",
    [(10**400,), (10**4200,), (-5, 105), (0, 100), (50, 49), (50, 51), (101,), (True,), (), (100.0,)],
    ids=lambda weights: f"{len(weights)}-{str(weights)[:12]}",
)
def test_weights_are_those_of_a_grid(weights):
    """Fault of 0.5: a weight of four hundred digits ended in a traceback; negative ones passed."""
    with pytest.raises(verify.Bad) as caught:
        verify.verify_notes(made(*weights))
    typed = all(type(weight) is int for weight in weights)
    assert caught.value.name == ("notes_weights" if typed else "notes_fields")
    assert verify.say(verify.FR, caught.value.name, **caught.value.values)
    assert verify.verify_notes(made(60, 40))[0][0] == "notes_ok"
