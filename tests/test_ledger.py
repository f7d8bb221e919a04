"""The ledger: append-only by the database, chained, exported, and verified without Django."""

import json
from importlib import util
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from audit.ledger import export as ledger_export
from marketplace import keys
from marketplace.celery import COVER_EVERY
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.models import Opportunity
from proposals.deposit import actions as deposit_actions
from proposals.models import Submission
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.unguarded import unguarded

VERIFY = Path(__file__).parent.parent / "tools" / "verify.py"


def load_verify():
    """tools/verify.py as a module: it belongs to no package."""
    spec = util.spec_from_file_location("verify", VERIFY)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify = load_verify()


def exported(**options) -> list[bytes]:
    return list(ledger_export.lines(**options))


def first_bad_line(lines: list[bytes], key: str | None = None, **options) -> int | None:
    """The line that the verifier names, None when all is well."""
    try:
        verify.verify_ledger(BytesIO(b"".join(lines)), key, **options)
    except verify.Bad as bad:
        return bad.values["line"]
    return None


# --- Append-only -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", [LedgerEntry, Submission])
def test_rows_can_be_neither_changed_nor_deleted_through_the_orm(cast, model):
    cast.awarded()
    field = {LedgerEntry: "action", Submission: "receipt_number"}[model]
    for act in (lambda rows: rows.update(**{field: "forged"}), lambda rows: rows._raw_delete(rows.db)):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act(model.objects.all())
    assert not model.objects.filter(**{field: "forged"}).exists()


@pytest.mark.parametrize("table", ["marketplace_ledgerentry", "proposals_submission"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET {} = 'x'", "DELETE FROM {}"])
def test_rows_can_be_neither_changed_nor_deleted_in_sql(cast, table, sql):
    cast.awarded()
    column = "digest" if "ledger" in table else "envelope_sha256"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(table, column))


@pytest.mark.postgres
def test_a_table_cannot_be_truncated(cast):
    cast.awarded()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # PostgreSQL's own refusal comes first otherwise
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE marketplace_ledgerentry CASCADE")


def test_nothing_is_written_outside_a_transaction(transactional_db):
    with pytest.raises(RuntimeError):
        ledger.record("x", "y", by=None, at=PUBLISHED_AT)
    assert not LedgerEntry.objects.exists()


def test_an_act_that_fails_leaves_no_entry(cast):
    before = LedgerEntry.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ledger.record("x", "y", by=None, at=PUBLISHED_AT)
        _ = 1 / 0
    assert LedgerEntry.objects.count() == before


def test_a_sealed_entry_does_not_tell_how_long_its_act_took(cast):
    """A deposit takes some milliseconds before it is written, an entry that covers for deposits takes none."""
    with transaction.atomic():
        plain = ledger.record("x.plain", "x", by=None, at=PUBLISHED_AT)
        sealed = ledger.record("x.sealed", "x", by=None, at=PUBLISHED_AT, sealed=True)
    assert (plain.at, sealed.at) == (PUBLISHED_AT, sealed.recorded_at)


def test_covers_come_at_any_instant():
    waits = {checkpoints.cover_due() for _ in range(400)}
    assert len(waits) > 40 and None in waits
    assert all(0 <= wait < COVER_EVERY for wait in waits - {None})


def test_a_payload_can_be_erased_and_the_chain_still_holds(cast):
    cast.awarded()
    with unguarded():
        LedgerPayload.objects.filter(entry_id=3).delete()
    lines = exported(with_payloads=True)
    assert first_bad_line(lines) is None
    assert json.loads(lines[-1])["without"] == [[3, 3]]
    whole = exported(first=3, last=3)[1:-1]
    assert lines[3:4] == whole  # the entry itself is what it was


# --- Chain and export ------------------------------------------------------------------------------------------------
def test_the_chain_of_a_whole_procurement_is_verified(cast):
    cast.awarded()
    lines = exported(with_payloads=True)
    report = dict(verify.verify_ledger(BytesIO(b"".join(lines)), keys.key_id()))
    assert report["ledger_ok"] == {"first": 1, "last": LedgerEntry.objects.count()}
    assert report["payloads"]["count"] == LedgerEntry.objects.count()
    assert report["head_ok"]["hash"] == LedgerEntry.objects.latest("seq").hash


def test_an_empty_ledger_is_exported_and_verified(db):
    assert dict(verify.verify_ledger(BytesIO(b"".join(exported())), None)).keys() >= {"ledger_empty"}


def test_an_excerpt_says_what_it_does_not_prove(cast):
    cast.awarded()
    lines = exported(first=4, last=9)
    report = dict(verify.verify_ledger(BytesIO(b"".join(lines)), None, first=4))
    assert report["ledger_ok"] == {"first": 4, "last": 9}
    assert report["excerpt"] == {"before": 3, "previous": LedgerEntry.objects.get(seq=3).hash}
    for asked in (1, 3, 5):  # an excerpt is never taken for the whole, nor for another one
        assert first_bad_line(lines, first=asked) == 1


def test_the_head_states_all_that_the_file_claims(cast):
    cast.published()
    proposal = cast.submitted(Opportunity.objects.get())
    count = LedgerEntry.objects.count()
    head = json.loads(exported(with_payloads=True)[-1])
    assert (head["first"], head["count"], head["seq"], head["previous"]) == (1, count, count, ledger.GENESIS)
    assert (head["payloads"], head["without"]) == (count - 1, [[count, count]])  # the deposit is sealed
    head = json.loads(exported(first=3, last=4)[-1])
    assert (head["first"], head["count"], head["seq"]) == (3, 2, 4)
    assert (head["payloads"], head["without"]) == (0, [[3, 4]])
    assert head["previous"] == LedgerEntry.objects.get(seq=2).hash
    assert proposal.state == "submitted"


def test_a_genuine_older_export_is_found_by_a_hash_that_somebody_kept(cast):
    """It is well signed: only whoever knew more can tell that it is short."""
    cast.awarded()
    older, kept = exported(last=9), json.loads(exported()[-1])["hash"]
    assert first_bad_line(older, keys.key_id()) is None
    assert first_bad_line(older, keys.key_id(), expect=kept) == len(older)
    assert first_bad_line(exported(), keys.key_id(), expect=kept) is None
    assert first_bad_line(exported(), keys.key_id(), expect=json.loads(older[-1])["hash"]) is None
    assert first_bad_line(exported(), keys.key_id(), expect="f" * 64) == len(exported())


def test_the_export_reads_the_ledger_by_chunks(cast, monkeypatch):
    cast.awarded()
    whole = exported(with_payloads=True)[:-1]
    monkeypatch.setattr(ledger_export, "CHUNK", 2)
    assert exported(with_payloads=True)[:-1] == whole


def test_command_to_a_file_and_to_standard_output(cast, tmp_path):
    cast.awarded()
    bounds = ["--to", str(LedgerEntry.objects.count())]  # each export is itself recorded, at the end
    call_command("export_ledger", str(tmp_path / "l.jsonl"), *bounds)
    out = StringIO()
    call_command("export_ledger", *bounds, stdout=out)
    assert (tmp_path / "l.jsonl").read_text(encoding="utf-8").splitlines()[:-1] == out.getvalue().splitlines()[:-1]
    assert [path.name for path in tmp_path.iterdir()] == ["l.jsonl"]
    assert "salt" not in out.getvalue()


@pytest.mark.parametrize("bounds", [["--from", "0"], ["--from", "5", "--to", "4"], ["--from", "999999"]])
def test_command_refuses_impossible_bounds(cast, bounds):
    with pytest.raises(CommandError):
        call_command("export_ledger", *bounds, stdout=StringIO())


def test_command_says_when_it_cannot_write(db, tmp_path):
    with pytest.raises(CommandError, match="ne peut pas être écrit"):
        call_command("export_ledger", str(tmp_path / "absent" / "l.jsonl"))


# --- Sealed acts -------------------------------------------------------------------------------------------------
def test_sealed_acts_tell_nothing_in_an_export_before_the_opening(cast):
    opportunity = cast.published()
    before = LedgerEntry.objects.count()
    proposal = cast.submitted(opportunity)
    with clock.set_to(PUBLISHED_AT):
        deposit_actions.withdraw(proposal, by=cast.vendor_owner)
    cast.deposit(proposal)
    rows = [json.loads(line) for line in exported(with_payloads=True)[1 + before : -1]]
    assert len(rows) == 3
    for row in rows:
        assert {row["action"], row["actor"], row["subject"]} == {"sealed"}
        assert not {"salt", "body"} & set(row)
    text = b"".join(exported(with_payloads=True)).decode()
    for secret in (str(proposal.public_id), str(cast.vendor_owner.public_id), cast.vendor.legal_name):
        assert secret not in text


def test_sealed_acts_are_told_once_the_proposal_is_opened(cast):
    cast.opened(proposals=2)
    rows = [json.loads(line) for line in exported(with_payloads=True)[1:-1]]
    told = [row["body"]["action"] for row in rows if row["action"] == "sealed"]
    assert told == ["proposal.submit", "proposal.submit"]


def test_a_withdrawn_proposal_stays_sealed_after_the_opening(cast):
    opportunity = cast.published()
    gone = cast.submitted(opportunity)
    with clock.set_to(PUBLISHED_AT):
        deposit_actions.withdraw(gone, by=cast.vendor_owner)
    cast.submitted(opportunity, vendor=cast.rival)
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    text = b"".join(exported(with_payloads=True)).decode()
    assert str(gone.public_id) not in text
    assert str(cast.vendor_owner.public_id) not in text


# --- Alterations (by the thousand in tests/test_ledger_fuzz.py) -------------------------------------------------------
def test_a_cut_ledger_is_not_a_small_one(cast):
    """The head is genuine, the header was edited to match what is left."""
    cast.awarded()
    lines = exported(with_payloads=True)
    count = len(lines) - 2
    assert first_bad_line([lines[0], lines[-1]]) == 2  # no entry is left: neither empty, nor verified
    for first in (2, count, count + 1):
        cut = [verify.canonical(json.loads(lines[0]) | {"first": first}) + b"\n", *lines[first:]]
        assert first_bad_line(cut) == 1
        assert first_bad_line(cut, first=first) == 1  # asking for that excerpt does not help: the head says 1


def test_a_payload_lost_or_added_is_named_whatever_was_sealed_around_it(cast):
    """Every pattern of entries with and without a payload, against what was signed."""
    for signed, found, bad in (
        ([], [[4, 4]], ("stripped", 4)),
        ([[1, 1]], [[1, 2]], ("stripped", 2)),
        ([[2, 5]], [[1, 5]], ("stripped", 1)),
        ([[1, 1], [3, 3]], [[1, 3]], ("stripped", 2)),
        ([[1, 1], [5, 5]], [[1, 1], [3, 3], [5, 5]], ("stripped", 3)),
        ([[1, 3]], [[1, 2]], ("added", 3)),
        ([[1, 3]], [[2, 3]], ("added", 1)),
        ([[1, 3], [5, 5]], [[1, 1], [3, 3], [5, 5]], ("added", 2)),
        ([[1, 1], [4, 4]], [[1, 1]], ("added", 4)),
    ):
        with pytest.raises(verify.Bad) as caught:
            verify._payloads_of_the_head({"without": signed}, {"without": found})
        assert (caught.value.name, caught.value.values["seq"]) == bad


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head | {"seq": head["seq"] - 1},
        lambda head: head | {"hash": "0" * 64},
        lambda head: head | {"at": "2027-01-01T00:00:00.000000Z"},
        lambda head: head | {"signature": head["signature"][::-1]},
        lambda head: head | {"note": ""},
        lambda head: head | {"without": []},
        lambda head: head | {"without": [[1]]},
        lambda head: head | {"without": None},
        lambda head: {name: value for name, value in head.items() if name != "previous"},
        lambda head: head | {"signature": keys.sign(b"something else")},
    ],
)
def test_a_changed_head_is_found(cast, change):
    cast.awarded()
    lines = exported()
    lines[-1] = verify.canonical(change(json.loads(lines[-1]))) + b"\n"
    assert first_bad_line(lines) == len(lines)


def test_a_changed_header_or_anything_after_the_head_is_found(cast):
    cast.published()
    lines = exported()
    other = "A" * 43 + "="
    assert first_bad_line([lines[0].replace(keys.key_id().encode(), other.encode()), *lines[1:]], keys.key_id()) == 1
    assert first_bad_line(lines, other) == 1
    assert first_bad_line([lines[0].replace(b"/2", b"/1"), *lines[1:]]) == 1
    assert first_bad_line(lines[1:]) == 1
    assert first_bad_line([]) == 1
    assert first_bad_line([*lines, lines[-1]]) == len(lines) + 1
    assert first_bad_line([*lines, b"\n"]) == len(lines) + 1


def test_a_ledger_written_again_from_the_start_fails_on_its_signature(cast):
    """A forger with the whole file but not the key."""
    cast.published()
    rows = [json.loads(line) for line in exported()[1:-1]]
    previous = ledger.GENESIS
    for row in rows:
        row["actor"], row["previous"] = "system", previous
        row["hash"] = verify.sha256(verify.canonical({name: row[name] for name in verify.CHAINED}))
        previous = row["hash"]
    head = json.loads(exported()[-1]) | {"hash": previous}
    lines = [exported()[0], *(verify.canonical(row) + b"\n" for row in [*rows, head])]
    assert first_bad_line(lines) == len(lines)
