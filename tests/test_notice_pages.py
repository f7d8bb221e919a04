"""What the occasion's page gives of the published notice, each version and its proof; what it gives to nobody."""

import hashlib
import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.models import LedgerPayload
from opportunities.models import Criterion, NoticeVersion, Opportunity
from proposals.award import actions as award_actions
from proposals.notice import actions as notice_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import address, signed_in, words
from tests.test_ledger import verify
from tests.test_verify import run
from tests.test_verify_commands import tried
from tests.unguarded import unguarded


@pytest.fixture
def corrected(cast):
    """Published, then an addendum: two versions."""
    opportunity = cast.published()
    with clock.set_to(PUBLISHED_AT + timedelta(days=1)):
        notice_actions.add_addendum(opportunity, by=cast.buyer, text="Le format change.")
    return opportunity


def test_the_current_notice_is_the_last_version_byte_for_byte(client, corrected):
    last = NoticeVersion.objects.get(opportunity=corrected, number=2)
    answer = client.get(address(corrected, "avis.json"))
    assert answer.status_code == 200 and answer.content.decode() == last.document
    assert hashlib.sha256(answer.content).hexdigest() == last.sha256
    assert f'filename="avis-{corrected.number}.json"' in answer["Content-Disposition"]
    for number in (1, 2):
        kept = client.get(address(corrected, f"versions/{number}.json"))
        assert kept.content.decode() == NoticeVersion.objects.get(number=number).document
        assert f"version-{number}.json" in kept["Content-Disposition"]
    assert client.get("/en" + address(corrected, "versions/1.json")).status_code == 200


@pytest.mark.parametrize("page", ["avis.json", "versions/1.json", "versions/1/preuve.json"])
def test_nobody_takes_away_what_is_not_published(cast, client, page):
    for opportunity in (cast.draft(), cast.in_review()):
        for person in (None, cast.buyer, cast.officer, cast.administrator, cast.outsider):
            reader = signed_in(person) if person else client
            assert reader.get(address(opportunity, page)).status_code == 404
    assert client.get(f"/occasions/DAN-2099-0001/{page}").status_code == 404


def test_bad_numbers_are_404(client, corrected):
    for page in ("versions/3.json", "versions/0.json", "versions/01.json", "versions/-1.json", "versions/x.json",
                 "versions/99999999999999999999.json", "versions/3/preuve.json"):  # fmt: skip
        assert client.get(address(corrected, page)).status_code == 404, page
    assert client.post(address(corrected, "avis.json")).status_code == 405


def test_the_proof_comes_with_a_checkpoint_and_says_no_more_than_the_public_reads(client, corrected):
    proof = address(corrected, "versions/2/preuve.json")
    assert client.get(proof).status_code == 404
    assert "le prochain relevé signé en donnera la preuve" in words(client.get(address(corrected)))
    checkpoints.make(at=PUBLISHED_AT + timedelta(days=1))
    told = json.loads(client.get(proof).content)
    assert told["body"]["notice_version"] == 2
    notice = client.get(address(corrected, "avis.json")).content
    report = dict(verify.verify_notice(notice, keys.key_id(), proof=client.get(proof).content))
    assert report["notice_recorded"]["seq"] == told["entry"]["seq"] and "notice_alone" not in report
    assert "le prochain relevé" not in words(client.get(address(corrected)))


def test_an_entry_that_says_more_is_not_given(client, cast):
    opportunity = cast.published()
    checkpoints.make(at=PUBLISHED_AT)
    assert client.get(address(opportunity, "versions/1/preuve.json")).status_code == 200
    row = LedgerPayload.objects.get(action="opportunity.publish")
    with unguarded():
        LedgerPayload.objects.filter(pk=row.pk).update(body=row.body | {"justification": "secrète"})
    assert client.get(address(opportunity, "versions/1/preuve.json")).status_code == 404


def test_every_act_that_makes_a_version_is_proved(client, cast):
    """Whatever the act says besides is public: every version of every kind has its proof."""
    opportunity, _proposals = cast.awarded(mode="price")
    with clock.set_to(CLOSES_AT + timedelta(days=3)):
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Une erreur.")
        award_actions.reverse(opportunity, by=cast.second_officer)
        award_actions.conclude(opportunity, by=cast.officer, code="other", reason="Le besoin a disparu.")
        later = cast.published(closes_at=CLOSES_AT + timedelta(days=14))
        notice_actions.add_addendum(later, by=cast.buyer, text="Le format change.")
        award_actions.suspend(later, by=cast.officer, reason="Une erreur.")
        award_actions.resume(later, by=cast.officer, closes_at=CLOSES_AT + timedelta(days=21))
        award_actions.cancel(later, by=cast.officer, reason="Le besoin a disparu.")
        checkpoints.make(at=clock.now())
    rows = list(NoticeVersion.objects.select_related("opportunity"))
    assert len({row.kind for row in rows}) == 8
    for row in rows:
        answer = client.get(address(row.opportunity, f"versions/{row.number}/preuve.json"))
        assert answer.status_code == 200, row.kind
        verify.verify_notice(row.document.encode(), keys.key_id(), proof=answer.content)


def test_the_page_shows_each_version_in_both_languages(client, corrected):
    checkpoints.make(at=PUBLISHED_AT + timedelta(days=1))
    page = client.get(address(corrected)).content.decode()
    assert page.count('id="versions"') == 1 and "Comment le vérifier" in page
    for number in (1, 2):
        assert address(corrected, f"versions/{number}.json") in page
        assert address(corrected, f"versions/{number}/preuve.json") in page
    english = words(client.get("/en" + address(corrected)))
    assert "Verify the notice" in english and "Addendum" in english and "Vérifier" not in english


def test_a_draft_s_page_has_no_such_section(cast):
    assert 'id="versions"' not in signed_in(cast.buyer).get(address(cast.draft())).content.decode()


def test_the_page_costs_the_same_for_one_version_and_for_four(client, cast, now):
    opportunity = cast.published()

    def cost():
        client.get(address(opportunity, "?x=0"))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address(opportunity, f"?x={opportunity.notice_version}")).status_code == 200
        return len(queries)

    one = cost()
    with clock.set_to(PUBLISHED_AT):
        for text in "ABC":
            notice_actions.add_addendum(opportunity, by=cast.buyer, text=text)
    assert opportunity.notice_version == 4
    assert cost() == one <= 8


def test_its_command_works_as_printed(client, cast, tmp_path):
    opportunity, _proposals = cast.awarded(mode="price")
    assert "verify.py notice" not in client.get(address(opportunity)).content.decode()
    checkpoints.make(at=CLOSES_AT + timedelta(days=2))
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        for prefix in ("", "/en"):
            (tmp_path / f"l{prefix[1:]}").mkdir()
            assert tried(client, prefix + address(opportunity), tmp_path / f"l{prefix[1:]}") == ["notice"]


def test_a_row_changed_by_its_owner_is_what_the_page_gives_and_the_proof_refuses(client, corrected, tmp_path):
    checkpoints.make(at=PUBLISHED_AT + timedelta(days=1))
    kept = client.get(address(corrected, "avis.json")).content
    proof = client.get(address(corrected, "versions/2/preuve.json")).content
    with unguarded():
        Criterion.objects.filter(opportunity=corrected, position=0).update(weight=61)
    forged = client.get(address(corrected, "avis.json?x=1")).content
    for name, content in {"avis.json": forged, "gardé.json": kept, "preuve.json": proof}.items():
        (tmp_path / name).write_bytes(content)
    given = ("--proof", tmp_path / "preuve.json", "--kept", tmp_path / "gardé.json", "--key", keys.key_id())
    done = run("notice", tmp_path / "avis.json", *given)
    assert done.returncode == 1 and "critère 1, poids (60 → 61)" in done.stdout.decode(), done
    done = run("notice", tmp_path / "gardé.json", *given)
    assert done.returncode == 0 and "octet près" in done.stdout.decode(), done
    done = run("notice", tmp_path / "gardé.json", "--key", keys.key_id(), "--lang", "en")
    assert done.returncode == 2 and "WARNING" in done.stdout.decode()


def test_a_notice_alone_proves_nothing(client, corrected, tmp_path):
    """Exit code 2, as the tool says; nor does an option whose file is empty pass unseen."""
    notice = client.get(address(corrected, "avis.json")).content
    (tmp_path / "avis.json").write_bytes(notice)
    (tmp_path / "vide.json").write_bytes(b"")
    assert run("notice", tmp_path / "avis.json").returncode == 2
    for name in ("proof", "ledger", "kept"):
        done = run("notice", tmp_path / "avis.json", f"--{name}", tmp_path / "vide.json", "--key", keys.key_id())
        assert done.returncode == 1, (name, done)
        assert run("notice", tmp_path / "avis.json", f"--{name}", "").returncode == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: None, "notice_kept_same"),
        (lambda row: row.update(budget_cents=row["budget_cents"] + 1), "notice_differs"),
        (lambda row: row["criteria"][0].update(weight=True), "notice_differs"),
        (lambda row: row.update(remote_ok=1), "notice_differs"),
    ],
    ids=["same", "amount", "yes for one", "one for yes"],
)
def test_the_copy_that_was_kept_is_compared_byte_for_byte(client, corrected, change, said):
    notice = client.get(address(corrected, "avis.json")).content
    kept = json.loads(notice)
    change(kept)
    report = verify.verify_notice(notice, kept=verify.canonical(kept))
    assert [name for name, _values in report] == ["notice_ok", said, "notice_alone"]
    written = json.dumps(kept, indent=1).encode()
    names = [name for name, _values in verify.verify_notice(notice, kept=written)]
    assert names[1] == ("notice_kept_content" if said == "notice_kept_same" else said)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"award": "x"}, {"criteria": [None]}, {"criteria": "x"}, {"criteria": [{"weight": [1]}]}, {"body": []},
        {"attachments": [1]}, {"addenda": {}}, {"skills": [1]}, {"skills": "Python"}, {"award": {"ranking": [1]}},
        {"award": {"notes": "x"}}, {"budget_cents": 5200000.0}, {"title2": {"a": 1}}, {"award": {"amount_cents": 1.5}},
        {"body": {"name": ["x"]}},
    ],
    ids=str,
)  # fmt: skip
def test_what_no_notice_holds_is_not_read(client, corrected, nonsense):
    notice = json.loads(client.get(address(corrected, "avis.json")).content)
    verify.verify_notice(verify.canonical(notice))
    for values in ({"kept": None}, {"kept": verify.canonical(notice)}):
        with pytest.raises(verify.Bad) as caught:
            verify.verify_notice(verify.canonical(notice | nonsense), **values)
        assert caught.value.name == "notice_fields"
    with pytest.raises(verify.Bad, match="notice_fields"):
        verify.verify_notice(verify.canonical(notice), kept=verify.canonical(notice | nonsense))


def test_a_proof_of_something_else_is_refused(client, corrected):
    checkpoints.make(at=PUBLISHED_AT + timedelta(days=1))
    first, second = (client.get(address(corrected, f"versions/{n}.json")).content for n in (1, 2))
    proof = client.get(address(corrected, "versions/1/preuve.json")).content
    bare = json.loads(proof)
    del bare["salt"], bare["body"]
    for notice, given, name in (
        (second, proof, "notice_proof"), (first, json.dumps(bare).encode(), "notice_proof"),
        (first[:-1], proof, "notice_fields"), (b"[]", proof, "notice_fields"), (b"\xff", proof, "notice_fields"),
        (b'{"type":"dan-notice/2"}', proof, "notice_fields"), (first, b"{}", "proof_fields"),
        (first.replace(b"dan-notice/1", b"dan-notice/9"), proof, "notice_fields"),
    ):  # fmt: skip
        with pytest.raises(verify.Bad) as caught:
            verify.verify_notice(notice, keys.key_id(), proof=given)
        assert caught.value.name == name
    with pytest.raises(verify.Bad) as caught:
        verify.verify_notice(first.replace(b'"weight":60', b'"weight":61'), keys.key_id(), proof=proof)
    assert caught.value.name == "notice_changed"


def test_an_occasion_of_before_says_so(client, cast, now):
    """As the migration leaves it: version 1, which no entry of the ledger holds until the next act names its digest."""
    opportunity = cast.published()
    with unguarded():
        body = LedgerPayload.objects.get(action="opportunity.publish").body
        kept = {name: value for name, value in body.items() if not name.startswith("notice_")}
        LedgerPayload.objects.filter(action="opportunity.publish").update(body=kept)
        row = NoticeVersion.objects.get()
        text = row.document.replace('"kind":"publication"', '"kind":"before"')
        NoticeVersion.objects.update(kind="before", document=text, sha256=hashlib.sha256(text.encode()).hexdigest())
    page = words(client.get(address(opportunity)))
    assert "le prochain acte inscrira son empreinte au registre" in page
    checkpoints.make(at=PUBLISHED_AT)
    assert client.get(address(opportunity, "versions/1/preuve.json")).status_code == 404
    award_actions.suspend(Opportunity.objects.get(), by=cast.officer, reason="Une erreur.")
    second = json.loads(NoticeVersion.objects.get(number=2).document)
    assert second["previous_sha256"] == NoticeVersion.objects.get(number=1).sha256
    assert re.search(r"Telle qu’elle était quand les versions ont commencé", words(client.get(address(opportunity))))
