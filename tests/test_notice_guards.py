"""The guards themselves: every trigger is there, details of the ledger, opened proposals and awards stay, and what was
published before versions were kept gets its first one."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.ledger import payload_triggers
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities import triggers as occasion_triggers
from opportunities.models import NoticeVersion, Opportunity, Skill
from opportunities.versions import triggers as notice_triggers
from proposals import triggers as note_triggers
from proposals.award import actions as award_actions
from proposals.award import triggers as award_triggers
from proposals.models import Award, OpenedProposal, Proposal, Recommendation
from tests.cast import CLOSES_AT
from tests.conftest import APPEND_ONLY
from tests.test_ledger import verify
from tests.test_notices import held, ledger_lines, notices, problems, told
from tests.unguarded import unguarded

GUARDS = (notice_triggers, occasion_triggers, note_triggers, award_triggers, payload_triggers)


def present() -> set[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}


def test_every_guard_is_there_after_the_last_migration(db):
    """SQLite drops those of a table that a migration rebuilds: whoever writes such a migration installs them again."""
    expected = {name for guard in GUARDS for name in guard.names(connection.vendor)}
    ends = ("append_only", "no_truncate") if connection.vendor == "postgresql" else ("no_update", "no_delete")
    expected |= {f"{table}_{end}" for table in APPEND_ONLY for end in ends}
    assert len(expected) > 50
    assert not expected - present()


def test_a_function_of_a_guard_reads_our_own_tables(cast):
    """A temporary table of the same name, which any role may make, does not answer for ours."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite: a trigger reads the tables of its own database")
    row = cast.published()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE opportunities_noticeversion (opportunity_id bigint, number smallint)")
        cursor.execute("INSERT INTO opportunities_noticeversion VALUES (%s, 2)", [row.pk])
        with pytest.raises(DatabaseError, match="by a version"), transaction.atomic():
            cursor.execute(
                "UPDATE opportunities_opportunity SET title = 'x', notice_version = 2 WHERE id = %s", [row.pk]
            )
        cursor.execute("DROP TABLE pg_temp.opportunities_noticeversion")


def test_the_name_of_a_skill_that_was_asked_for_stays(cast, client):
    cast.published()
    asked = Skill.objects.get(folded="python")
    other = Skill.objects.create(name="Go", folded="go")
    client.force_login(cast.administrator)
    for skill, name in ((asked, "Python"), (other, "Autre")):
        address = f"/pilotage/opportunities/skill/{skill.pk}/change/"
        page = client.get(address).content.decode()
        assert ('name="name"' in page) is (skill == other)
        assert client.post(address, {"name": "Autre"}).status_code == 302
        skill.refresh_from_db()
        assert skill.name == name


# --- Details of the ledger -------------------------------------------------------------------------------------------
def test_a_detail_never_changes_and_leaves_with_its_trace_only(cast):
    cast.published()
    entry = LedgerEntry.objects.get(action="opportunity.publish")
    rows = LedgerPayload.objects.filter(entry=entry)
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        rows.update(body={})
    with pytest.raises(DatabaseError, match="with its trace only"), transaction.atomic():
        rows.delete()
    ledger.erase(entry, by=None, at=clock.now(), reason="Demande accordée.")
    assert not rows.exists()
    trace = LedgerPayload.objects.filter(action="ledger.erase")
    with pytest.raises(DatabaseError, match="with its trace only"), transaction.atomic():
        trace.delete()
    assert trace.get().body["reason"] == "Demande accordée."


# --- Awards and opened proposals -------------------------------------------------------------------------------------
def test_awards_and_what_led_to_them_stay(cast):
    opportunity, (first, second) = cast.awarded(mode="price")
    award = Award.objects.filter(opportunity=opportunity)
    recommendation = Recommendation.objects.filter(opportunity=opportunity)
    opened = OpenedProposal.objects.filter(proposal=first)
    forged = [
        *(lambda change=change: award.update(**change) for change in (
            {"amount_cents": 1}, {"proposal": first}, {"at": CLOSES_AT}, {"reversed_at": CLOSES_AT},
        )),
        *(lambda change=change: recommendation.update(**change) for change in (
            {"justification": "x"}, {"ranking": []}, {"proposal": first}, {"accepted": None}, {"decided_at": CLOSES_AT},
        )),
        *(lambda change=change: opened.update(**change) for change in ({"price_cents": 1}, {"content": {}})),
        lambda: Proposal.objects.filter(pk=first.pk).update(vendor=cast.rival),
        lambda: Proposal.objects.filter(pk=second.pk).update(created_at=CLOSES_AT),
        lambda: award._raw_delete("default"), lambda: recommendation._raw_delete("default"),
        lambda: opened._raw_delete("default"), lambda: Proposal.objects.filter(pk=first.pk)._raw_delete("default"),
    ]  # fmt: skip
    assert len(forged) == 17
    for forge in forged:
        with pytest.raises(DatabaseError), transaction.atomic():
            assert not forge(), "it was accepted"


def test_an_award_is_made_by_its_occasion_s_move(cast):
    opportunity, _proposals = cast.recommended(mode="price")
    pending = Recommendation.objects.get(opportunity=opportunity)
    with pytest.raises(DatabaseError, match="by its occasion"), transaction.atomic():
        Award.objects.create(
            opportunity=opportunity, proposal=pending.proposal, recommendation=pending, amount_cents=1,
            confirmed_by=cast.officer, at=CLOSES_AT,
        )  # fmt: skip


# --- What was published before ---------------------------------------------------------------------------------------
@pytest.fixture
def of_before(cast):
    """A database of an earlier version: one occasion awarded, one published, one draft; no version anywhere."""
    awarded, _proposals = cast.awarded(mode="adjusted_price")
    published, draft = cast.published(), cast.draft()
    with unguarded():
        NoticeVersion.objects.all()._raw_delete("default")
        Opportunity.objects.update(notice_version=0)
        for row in LedgerPayload.objects.filter(body__has_key="notice_version"):
            kept = {name: value for name, value in row.body.items() if not name.startswith("notice_")}
            LedgerPayload.objects.filter(pk=row.pk).update(body=kept)
    import_module("proposals.migrations.0007_notices_awards").write(apps, None)
    return awarded, published, draft


def test_what_was_published_gets_its_first_version(cast, of_before):
    awarded, published, draft = of_before
    rows = {row.opportunity_id: row for row in NoticeVersion.objects.all()}
    assert set(rows) == {awarded.pk, published.pk}
    assert {(row.number, row.kind, row.by) for row in rows.values()} == {(1, "before", None)}
    assert told(rows[awarded.pk])["award"]["amount_cents"] == Award.objects.get().amount_cents
    assert [len(told(rows[awarded.pk])["award"][name]) for name in ("ranking", "notes")] == [2, 3]
    assert Opportunity.objects.get(pk=draft.pk).notice_version == 0
    assert not problems(held())  # today's rows say what the kept document says
    assert verify.compare_notices(*verify.read_notices(notices()), held())[1]["before"] == 2


def test_the_next_act_puts_it_in_the_ledger(cast, of_before):
    _awarded, published, _draft = of_before
    with clock.set_to(published.published_at):
        award_actions.suspend(Opportunity.objects.get(pk=published.pk), by=cast.officer, reason="Une erreur.")
    first, second = NoticeVersion.objects.filter(opportunity=published).order_by("number")
    assert told(second)["previous_sha256"] == first.sha256
    assert not problems(held())
    with unguarded():
        NoticeVersion.objects.filter(pk=first.pk).update(document=first.document.replace('"weight":60', '"weight":61'))
    found = [name for name, _values in problems(held(), published.number)]
    assert "notice_version" in found and "notice_link" in found


def test_an_occasion_that_nobody_published_is_found(cast):
    opportunity = cast.published()
    expected = held()
    row = Opportunity.objects.get(pk=opportunity.pk)
    row.pk, row.number, row.notice_version = None, "DAN-2026-9999", 0
    row._state.adding = True
    row.save(force_insert=True)  # nothing of it is in the ledger
    assert ("notice_unversioned", {"number": "DAN-2026-9999"}) in problems(expected)
    with pytest.raises(DatabaseError, match="by a version"), transaction.atomic():
        Opportunity.objects.filter(pk=row.pk).update(title="Autre")


def test_an_occasion_that_was_taken_away_is_found(cast):
    opportunity = cast.published()
    expected = held()
    with unguarded():
        NoticeVersion.objects.all()._raw_delete("default")
        Opportunity.objects.filter(pk=opportunity.pk).update(published_at=None, state="draft")
    at, rows = verify.read_notices(notices())
    assert verify.compare_notices(at, rows, expected)[0] == [("notice_gone", {"number": opportunity.number})]


def test_the_command_writes_a_file_whole(cast, tmp_path):
    cast.published()
    call_command("export_notices", str(tmp_path / "avis.jsonl"))
    assert dict(verify.verify_notices((tmp_path / "avis.jsonl").read_bytes(), None, ledger_lines()))["notices_ok"] == {
        "count": 1, "versions": 1, "before": 0, "erased": [],
    }  # fmt: skip
    with pytest.raises(Exception, match="ne peut pas être écrit"):
        call_command("export_notices", str(tmp_path / "nulle-part" / "avis.jsonl"))
