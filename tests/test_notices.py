"""What was published is kept, version after version, and the ledger holds the digest of each."""

import io
import json
from datetime import timedelta

import pytest
from django.db import transaction

from audit.ledger import export as ledger_export
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.ledger.entries import canonical
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.models import NoticeVersion, Opportunity
from opportunities.versions import document
from proposals.award import actions as award_actions
from proposals.award import facts as award_facts
from proposals.models import Award
from proposals.notice import actions as notice_actions
from proposals.notice import export
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.test_ledger import verify


def versions(opportunity) -> list[NoticeVersion]:
    return list(NoticeVersion.objects.filter(opportunity=opportunity).order_by("number"))


def kinds(opportunity) -> list[str]:
    return [row.kind for row in versions(opportunity)]


def told(row: NoticeVersion) -> dict:
    return json.loads(row.document)


def ledger_lines() -> bytes:
    return b"".join(ledger_export.lines(with_payloads=True))


def held() -> dict:
    return verify.notices_held(io.BytesIO(ledger_lines()))


def notices() -> bytes:
    return b"".join(export.lines())


def problems(expected: dict, *numbers: str) -> list[tuple[str, dict]]:
    """What verify.py finds of these notices (every one by default) in a fresh export, against what a ledger holds."""
    blob = b"".join(export.lines(numbers=list(numbers) or None))
    at, rows = verify.read_notices(blob)
    known = {number: one for number, one in expected.items() if not numbers or number in numbers}
    return verify.compare_notices(at, rows, known)[0]


def sound(opportunity) -> None:
    """Every version's text, digest, chain and entry in the ledger agree, and the rows say what the last one says."""
    opportunity = Opportunity.objects.get(pk=opportunity.pk)
    rows = versions(opportunity)
    assert [row.number for row in rows] == list(range(1, opportunity.notice_version + 1))
    acts = [
        row.body
        for row in LedgerPayload.objects.about(opportunity.ledger_subject())
        if "notice_version" in row.body
    ]  # fmt: skip
    assert [(body["notice_version"], body["notice_sha256"]) for body in acts] == [(r.number, r.sha256) for r in rows]
    previous = ""
    for row in rows:
        assert document.digest(row.document) == row.sha256
        assert canonical(told(row)).decode() == row.document
        assert told(row).get("previous_sha256", "") == previous
        previous = row.sha256
    assert NoticeVersion.objects.live(opportunity, award=award_facts.of(opportunity)) == told(rows[-1])
    assert not problems(held(), opportunity.number)


# --- Each act --------------------------------------------------------------------------------------------------------
def test_publication_keeps_the_whole_notice(cast, now):
    opportunity = cast.published(mode="adjusted_price")
    sound(opportunity)
    [row] = versions(opportunity)
    notice = told(row)
    assert (row.kind, row.by, row.at) == ("publication", cast.officer, opportunity.published_at)
    assert (notice["type"], notice["number"], notice["version"]) == ("dan-notice/1", opportunity.number, 1)
    assert [line["weight"] for line in notice["criteria"]] == [40, 35, 25] and notice["k_percent"] == 20
    assert notice["budget_cents"] == 64_000_00 and notice["award_mode"] == "adjusted_price"
    assert notice["closes_at"] == "2026-11-24T19:00:00.000000Z" and notice["assignment_date"] == "2026-12-08"
    assert notice["skills"] == ["Python"] and notice["contact_email"] == "beatrice@exemple.invalid"
    assert notice["body"] == {"id": cast.body.pk, "name": "Ville d’Essai"} and notice["status"] == "published"
    assert notice["draw_commitment"] == opportunity.draw_commitment and notice["remote_ok"] is True
    assert not {"award", "addenda", "attachments", "state_reason", "previous_sha256"} & set(notice)


def test_a_draft_has_no_version(cast):
    for opportunity in (cast.draft(), cast.in_review()):
        assert not versions(opportunity) and opportunity.notice_version == 0
    with clock.set_to(PUBLISHED_AT):
        award_actions.cancel(cast.in_review(), by=cast.officer, reason="Le besoin a disparu.")
    assert not NoticeVersion.objects.exists() and not problems(held())


def test_a_minimum_that_a_mode_implies_is_in_it(cast):
    assert told(versions(cast.published(mode="quality_min_price"))[0])["default_minimum"] == 70


def test_an_addendum_near_the_closing_is_one_version_with_its_text_and_the_new_dates(cast):
    opportunity = cast.published()
    with clock.set_to(CLOSES_AT - timedelta(days=1)):
        notice_actions.add_addendum(opportunity, by=cast.buyer, text="Le format change.")
    sound(opportunity)
    first, second = map(told, versions(opportunity))
    assert kinds(opportunity) == ["publication", "addendum"]
    assert second["addenda"] == [
        {"number": 1, "text": "Le format change.", "version": 2, "at": "2026-11-23T19:00:00.000000Z"}
    ]
    assert second["closes_at"] > first["closes_at"]
    own = {"version", "kind", "at", "previous_sha256", "addenda", "closes_at"}
    assert {n: v for n, v in first.items() if n not in own} == {n: v for n, v in second.items() if n not in own}


def test_suspension_resumption_and_cancellation_say_their_reason(cast):
    opportunity = cast.published()
    with clock.set_to(PUBLISHED_AT + timedelta(days=1)):
        award_actions.suspend(opportunity, by=cast.officer, reason="Une erreur est à l’étude.")
        sound(opportunity)
        notice_actions.add_addendum(opportunity, by=cast.buyer, text="La correction.")
        sound(opportunity)
        award_actions.resume(opportunity, by=cast.officer, closes_at=CLOSES_AT + timedelta(days=7))
        sound(opportunity)
        award_actions.cancel(opportunity, by=cast.officer, reason="Le besoin a disparu.")
    sound(opportunity)
    rows = [told(row) for row in versions(opportunity)]
    assert [row["status"] for row in rows] == ["published", "suspended", "suspended", "published", "cancelled"]
    assert [row.get("state_reason") for row in rows] == [
        None, "Une erreur est à l’étude.", "Une erreur est à l’étude.", None, "Le besoin a disparu.",
    ]  # fmt: skip
    assert rows[3]["closes_at"] == "2026-12-01T19:00:00.000000Z"


def test_opening_and_recommending_make_no_version(cast):
    opportunity, _proposals = cast.recommended(mode="price")
    sound(opportunity)
    assert kinds(opportunity) == ["publication"]


def test_the_award_is_told_with_its_ranks_and_reasons(cast):
    opportunity, proposals = cast.unveiled(mode="adjusted_price", values=("90", "80"))
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        second = award_actions.lines(opportunity)[1].proposal
        award_actions.recommend(opportunity, second, by=cast.buyer, justification="La première s’est désistée.")
        award_actions.confirm(opportunity, by=cast.officer)
    sound(opportunity)
    assert kinds(opportunity) == ["publication", "award"]
    award, row = told(versions(opportunity)[-1])["award"], Award.objects.get()
    assert award == json.loads(document.text(document.filled(award_facts.of(opportunity))))
    assert award["amount_cents"] == row.amount_cents and award["vendor"] == str(second.vendor)
    assert award["justification"] == "La première s’est désistée." and award["received"] == 2
    assert [line["rank"] for line in award["ranking"]] == [1, 2]
    assert {line["vendor"] for line in award["ranking"]} == {str(one.vendor) for one in proposals}
    assert [note["value"] for note in award["notes"]] == ["90.00"] * 3 or len(award["notes"]) == 3
    assert versions(opportunity)[-1].at == row.at


def test_a_reversal_takes_the_award_out_and_the_next_one_brings_it_back(cast):
    opportunity, _proposals = cast.awarded(mode="price")
    with clock.set_to(CLOSES_AT + timedelta(days=3)):
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Une erreur de calcul.")
        sound(opportunity)
        award_actions.reverse(opportunity, by=cast.second_officer)
        sound(opportunity)
        award_actions.conclude(opportunity, by=cast.officer, code="other", reason="Le besoin a disparu.")
    sound(opportunity)
    rows = [told(row) for row in versions(opportunity)]
    assert kinds(opportunity) == ["publication", "award", "reversal", "unsuccessful"]
    assert ["award" in row for row in rows] == [False, True, False, False]
    assert [row["status"] for row in rows] == ["published", "awarded", "published", "unsuccessful"]
    assert rows[2]["state_reason"] == "Une erreur de calcul." and rows[3]["unsuccessful_reason"] == "other"


def test_a_refused_act_leaves_no_version(cast):
    opportunity = cast.published()
    with clock.set_to(PUBLISHED_AT), pytest.raises(Exception, match="obligatoire|motif"):
        award_actions.suspend(opportunity, by=cast.officer, reason=" ")
    sound(opportunity)
    assert kinds(opportunity) == ["publication"]


def test_what_justifies_a_publication_is_an_entry_of_its_own(cast):
    """The publication's entry is proved to everybody with its detail: what an officer answers to a signal is not."""
    from opportunities.review import actions as notice_review_actions

    opportunity = cast.in_review()
    with clock.set_to(PUBLISHED_AT):
        notice_review_actions.publish(opportunity, by=cast.officer, justification="Deux réseaux distincts.")
    bodies = {row.action: row.body for row in LedgerPayload.objects.about(opportunity.ledger_subject())}
    assert bodies["redflag.publish"]["justification"] == "Deux réseaux distincts."
    assert "justification" not in bodies["opportunity.publish"]
    assert not LedgerEntry.objects.public().filter(action="redflag.publish").exists()


def test_a_body_that_changes_its_name_changes_no_notice(cast):
    opportunity = cast.published()
    type(cast.body).objects.filter(pk=cast.body.pk).update(name="Ville nouvelle")
    sound(opportunity)
    with clock.set_to(PUBLISHED_AT):
        award_actions.suspend(Opportunity.objects.get(), by=cast.officer, reason="Une erreur.")
    assert [told(row)["body"]["name"] for row in versions(opportunity)] == ["Ville d’Essai", "Ville nouvelle"]


def test_the_export_is_read_whole_or_not_at_all(cast):
    cast.published(), cast.published()
    blob = notices()
    whole = ledger_lines()
    assert [name for name, _values in verify.verify_notices(blob, None, whole)][:1] == ["notices_ok"]
    lines = blob.splitlines(keepends=True)
    cut = [
        b"", lines[0], blob[:-1], b"".join(lines[:-1]), b"".join(lines[1:]), b"".join([*lines[:2], lines[3]]),
        b"".join([*lines, lines[1]]), b"".join([lines[0], lines[1], *lines[1:]]), b"[]\n", b"{}\n" + blob,
    ]  # fmt: skip
    for other in cut:
        with pytest.raises(verify.Bad) as caught:
            verify.verify_notices(other, None, whole)
        assert caught.value.name == "notices_fields", other[:60]
    with pytest.raises(verify.Unusable):
        verify.verify_notices(blob, None, None)


HOSTILE = [
    {"live": 3}, {"live": []}, {"number": 7}, {"files": None}, {"files": [{"name": "x"}]}, {"awards": None},
    {"awards": [{}]}, {"awards": [{"award": {}, "by": "x", "reversed": {}}]}, {"people": {}}, {"people": None},
    {"proposals": None}, {"proposals": [1]}, {"draws": [{}]}, {"unread": None}, {"unread": [1]},
    {"versions": None}, {"versions": {}}, {"versions": [3]}, {"versions": [{}]},
    {"versions": [{"version": True, "sha256": "0", "document": "{}"}]},
    {"versions": [{"version": 1, "sha256": "0" * 64, "document": "\ud800"}]}, {"extra": 1},
]  # fmt: skip


@pytest.mark.parametrize("change", HOSTILE, ids=str)
def test_an_export_of_another_shape_is_refused(cast, change):
    cast.published()
    lines = notices().splitlines(keepends=True)
    lines[1] = json.dumps(json.loads(lines[1]) | change).encode() + b"\n"
    with pytest.raises(verify.Bad) as caught:
        verify.verify_notices(b"".join(lines), None, ledger_lines())
    assert caught.value.name == "notices_fields" and caught.value.values["line"] == 2


@pytest.mark.parametrize(
    "versions",
    [[], [{"version": 1, "sha256": "x", "document": "[]"}], [{"version": 10**30, "sha256": "", "document": "{}"}]],
    ids=str,
)
def test_versions_that_are_no_notice_are_named(cast, versions):
    cast.published()
    lines = notices().splitlines(keepends=True)
    row = json.loads(lines[1])
    for live in (None, {}, {"a": [[1]]}):
        lines[1] = json.dumps(row | {"live": live, "versions": versions}).encode() + b"\n"
        with pytest.raises(verify.Bad) as caught:
            verify.verify_notices(b"".join(lines), None, ledger_lines())
        assert caught.value.name == "notices_bad" and caught.value.more
        for name, values in caught.value.more:
            assert verify.say(0, name, **values) and verify.say(1, name, **values)


def test_a_ledger_without_details_says_so(cast):
    opportunity = cast.published()
    bare = b"".join(ledger_export.lines())
    with pytest.raises(verify.Unusable) as caught:
        verify.verify_notices(notices(), None, bare)
    assert caught.value.name == "notices_ledger"
    with pytest.raises(verify.Bad) as caught:
        verify.verify_notice(versions(opportunity)[0].document.encode(), None, ledger=bare)
    assert caught.value.name == "notice_unrecorded"


def test_an_erased_detail_is_told_and_accuses_nobody(cast):
    """The detail of an award names a vendor, and may have to be erased: what the chain still vouches for is said."""
    opportunity, _proposals = cast.awarded(mode="price")
    other = cast.published()
    for action in ("opportunity.publish", "opportunity.confirm_award"):
        entry = LedgerEntry.objects.get(action=action, subject=opportunity.ledger_subject())
        ledger.erase(entry, by=None, at=clock.now(), reason="Demande accordée.")
        facts = verify.compare_notices(*verify.read_notices(notices()), held())
        last = [] if action == "opportunity.publish" else [{"number": opportunity.number, "version": 2}]
        assert facts[0] == [] and facts[1]["erased"] == last
    report = verify.verify_notices(notices(), None, ledger_lines())
    assert [values["number"] for name, values in report if name == "notice_erased"] == [opportunity.number]
    # The number of what was erased is counted: it excuses no version that was never made.
    with transaction.atomic():
        row = Opportunity.objects.select_for_update().get(pk=opportunity.pk)
        NoticeVersion.objects.write(row, "correction", by=None, at=PUBLISHED_AT)
        row.save(update_fields=["notice_version"])
    found = verify.compare_notices(*verify.read_notices(notices()), held())[0]
    assert {name for name, _values in found} >= {"notice_extra"}
    assert other.number not in {values["number"] for _name, values in found}


def test_a_version_is_written_in_a_transaction(cast):
    """Whoever writes one without the act that makes it leaves it behind."""
    opportunity = cast.published()
    expected = held()
    with transaction.atomic():
        row = Opportunity.objects.select_for_update().get(pk=opportunity.pk)
        NoticeVersion.objects.write(row, "correction", by=None, at=PUBLISHED_AT)
        row.title = "Un autre titre"
        row.save(update_fields=["title", "notice_version"])
    found = problems(expected, opportunity.number)
    assert ("notice_extra", {"number": opportunity.number, "version": 2}) in found
