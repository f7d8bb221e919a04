"""The ledger's commands and tasks: signing, erasing, blurring the count of what is sealed."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.ledger import tasks as ledger_tasks
from marketplace.models import Checkpoint, LedgerEntry, LedgerPayload
from proposals.deposit import actions as deposit_actions
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.test_ledger import exported, first_bad_line, verify

WHY = "Demande d’effacement du 4 janvier"


def told(lines: list[bytes]) -> list[dict]:
    """The entries of an export."""
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if "seq" in row and "type" not in row]


# --- Signing ---------------------------------------------------------------------------------------------------------
def test_sign_ledger_writes_the_note_that_it_kept(cast):
    cast.published()
    out = StringIO()
    call_command("sign_ledger", stdout=out)
    made = Checkpoint.objects.get()
    assert out.getvalue() == made.note
    assert verify.read_note(out.getvalue(), keys.key_id())["size"] == made.size == LedgerEntry.objects.count()
    assert LedgerEntry.objects.latest("seq").action == "ledger.checkpoint"
    assert verify.verify_checkpoints(out.getvalue().encode(), keys.key_id())


def test_the_nightly_task_signs_even_when_nothing_happened(cast):
    cast.published()
    ledger_tasks.sign_ledger()
    ledger_tasks.sign_ledger()
    first, second = Checkpoint.objects.all()
    assert second.size == first.size + 1  # the request itself
    assert LedgerPayload.objects.filter(action="ledger.checkpoint", actor=None).count() == 2
    assert first_bad_line(exported(), keys.key_id()) is None


def test_an_empty_ledger_can_be_signed(db):
    ledger_tasks.sign_ledger()
    assert Checkpoint.objects.get().size == 1


def test_a_checkpoint_on_demand_names_who_asked(cast):
    checkpoints.make(by=cast.auditor, at=PUBLISHED_AT)
    assert LedgerPayload.objects.get(action="ledger.checkpoint").actor == cast.auditor


# --- Blurring --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("dice", "added"), [(0, 1), (1, 0), (3, 0)])
def test_a_cover_is_written_now_and_then(db, monkeypatch, dice, added):
    monkeypatch.setattr("secrets.randbelow", lambda odds: dice)
    ledger_tasks.cover_ledger()
    assert LedgerEntry.objects.filter(action="sealed").count() == added


def test_a_cover_looks_like_a_deposit_and_tells_nothing(cast, monkeypatch):
    """Not even in an export with payloads, before as after the openings."""
    opportunity = cast.published()
    monkeypatch.setattr("secrets.randbelow", lambda odds: 0)
    ledger_tasks.cover_ledger()
    cover = LedgerEntry.objects.latest("seq")
    gone = cast.submitted(opportunity)
    sealed = LedgerEntry.objects.latest("seq")
    with clock.set_to(PUBLISHED_AT):
        deposit_actions.withdraw(gone, by=cast.vendor_owner)
    public = ("action", "actor", "subject")
    assert [getattr(cover, name) for name in public] == [getattr(sealed, name) for name in public] == ["sealed"] * 3
    for instant in (PUBLISHED_AT, CLOSES_AT):
        with clock.set_to(instant):
            opening_actions.open_due()
        rows = {row["seq"]: row for row in told(exported(with_payloads=True))}
        assert set(rows[cover.seq]) == set(rows[sealed.seq]) == verify.BARE
    assert b"ledger.cover" not in b"".join(exported(with_payloads=True))
    assert not LedgerEntry.objects.public().filter(pk__in=[cover.pk, sealed.pk])
    # Nor by the size of the digest or of anything else that is told.
    assert {name: len(str(rows[cover.seq][name])) for name in verify.BARE if name != "seq"} == {
        name: len(str(rows[sealed.seq][name])) for name in verify.BARE if name != "seq"
    }


# --- Erasing ---------------------------------------------------------------------------------------------------------
def erase(*numbers, reason=WHY) -> str:
    out = StringIO()
    call_command("erase_details", *map(str, numbers), "--reason", reason, stdout=out)
    return out.getvalue()


def test_details_are_erased_and_the_reason_kept(cast):
    cast.awarded()
    made = checkpoints.make(at=CLOSES_AT)
    entries = list(LedgerEntry.objects.filter(action__in=["opportunity.recommend", "opportunity.confirm_award"]))
    proofs = [checkpoints.proof_of(entry, made) for entry in entries]
    said = erase(*(entry.seq for entry in entries)).splitlines()
    assert said[0] == "2 détail(s) détruit(s)." and "opportunity.confirm_award, opportunity.recommend" in said[1]
    assert not LedgerPayload.objects.filter(entry__in=entries)
    acts = LedgerPayload.objects.filter(action="ledger.erase").order_by("entry_id")
    assert [act.subject for act in acts] == [f"entry:{entry.hash[:32]}" for entry in entries]
    assert {act.body["reason"] for act in acts} == {WHY}
    assert [checkpoints.proof_of(entry, made) for entry in entries] == proofs
    lines = exported(with_payloads=True)
    assert first_bad_line(lines, keys.key_id()) is None
    rows = {row["seq"]: row for row in told(lines)}
    assert all(set(rows[entry.seq]) == verify.BARE for entry in entries)


def test_all_or_none(cast):
    cast.awarded()
    entry = LedgerEntry.objects.get(action="opportunity.publish")
    before, last = LedgerPayload.objects.count(), LedgerEntry.objects.count()
    with pytest.raises(CommandError, match="999999"):
        erase(entry.seq, 999999)
    assert (LedgerPayload.objects.count(), LedgerEntry.objects.count()) == (before, last)
    erase(entry.seq, entry.seq)  # twice the same number is once
    before, last = LedgerPayload.objects.count(), LedgerEntry.objects.count()
    other = LedgerEntry.objects.get(action="opportunity.submit_for_review")
    with pytest.raises(CommandError, match="Rien n’a été détruit"):
        erase(other.seq, entry.seq)
    assert (LedgerPayload.objects.count(), LedgerEntry.objects.count()) == (before, last)
    assert LedgerPayload.objects.filter(entry=other).exists()


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_reason_is_needed(cast, reason):
    cast.published()
    with pytest.raises(CommandError, match="pourquoi"):
        erase(1, reason=reason)
    with pytest.raises(CommandError):
        call_command("erase_details", "1")
    assert LedgerPayload.objects.filter(entry_id=1).exists()


def test_an_erasure_itself_is_never_erased(cast):
    cast.published()
    erase(1)
    act = LedgerEntry.objects.latest("seq")
    with pytest.raises(CommandError):
        erase(act.seq)
    assert act.payload.body["reason"] == WHY


def test_what_is_sealed_is_evidence_until_the_opening(cast, monkeypatch):
    opportunity = cast.published()
    cast.submitted(opportunity)
    sealed = LedgerEntry.objects.latest("seq")
    with clock.set_to(PUBLISHED_AT):
        gone = cast.submitted(opportunity, vendor=cast.rival)
        deposit_actions.withdraw(gone, by=cast.rival_owner)
    withdrawn = LedgerEntry.objects.latest("seq")
    monkeypatch.setattr("secrets.randbelow", lambda odds: 0)
    checkpoints.cover()
    cover = LedgerEntry.objects.latest("seq")
    for entry in (sealed, withdrawn, cover):
        with pytest.raises(CommandError, match="scellé"):
            erase(entry.seq)
        with pytest.raises(ValueError):
            ledger.erase(entry, by=None, at=PUBLISHED_AT, reason=WHY)
    assert LedgerPayload.objects.filter(entry__in=[sealed, withdrawn, cover]).count() == 3
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    erase(sealed.seq, withdrawn.seq)
    with pytest.raises(CommandError):
        erase(cover.seq)  # it holds nothing personal; erasing it would say what it is
    lines = exported(with_payloads=True)
    assert first_bad_line(lines, keys.key_id()) is None
    assert all(set(row) == verify.BARE for row in told(lines) if row["seq"] in {sealed.seq, withdrawn.seq})
    assert str(gone.public_id) not in b"".join(lines).decode()
