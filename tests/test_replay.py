"""Past purchases, replayed: the file is checked whole, the record is found again, and nothing is left half-done."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from demo import purchases
from demo import replay as replay_module
from demo.purchases import shortened
from marketplace.models import LedgerEntry, OutgoingEmail, User
from opportunities.models import Opportunity, PublicBody
from proposals.models import Award, Draw, Submission
from vendors.models import Vendor

# The public archive, where it is at hand (it is not part of this repository).
DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "micropurchases.json"

SAMPLE = {
    "source": "Échantillon inventé",
    "purchases": [
        {
            "id": 7,
            "mode": "reverse",
            "title": "Corriger la page de connexion",
            "summary": "Une phrase.",
            "description": "Le texte entier.",
            "skills": ["Python", "Django"],
            "customer": None,
            "repository": "https://exemple.invalid/code",
            "ceiling": 3500,
            "opens_at": "2016-02-24T18:00:00+00:00",
            "closes_at": "2016-02-26T18:00:00+00:00",
            "bids": [
                {"bidder": 1, "amount": 100, "at": "2016-02-24T17:59:59+00:00"},  # before the publication
                {"bidder": 1, "amount": 900, "at": "2016-02-24T18:00:00+00:00"},
                {"bidder": 2, "amount": 800, "at": "2016-02-24T19:00:00+00:00"},
                {"bidder": 3, "amount": 3501, "at": "2016-02-24T20:00:00+00:00"},  # over the ceiling
                {"bidder": 1, "amount": 700, "at": "2016-02-25T08:00:00-05:00"},  # replaces 900
                {"bidder": 4, "amount": 1, "at": "2016-02-26T18:00:00+00:00"},  # at the closing instant
                {"bidder": 2, "amount": 2, "at": "2016-02-26T18:00:01+00:00"},  # after it
            ],
            "winner": {"bidder": 1, "amount": 700},
        },
        {
            "id": 8,
            "mode": "sealed_bid",
            "title": "Personne n’a répondu",
            "summary": "",
            "description": "Le texte entier.",
            "skills": ["Go"],
            "ceiling": 89_999,
            "opens_at": "2016-02-24T18:00:00Z",
            "closes_at": "2016-02-29T18:00:00Z",
            "bids": [],
            "winner": None,
        },
    ],
}


@pytest.fixture
def sample():
    return copy.deepcopy(SAMPLE)


def write(tmp_path, data) -> Path:
    path = tmp_path / "achats.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def replay(path) -> list[str]:
    out = StringIO()
    call_command("replay", str(path), stdout=out)
    return out.getvalue().splitlines()


def refused(path) -> str:
    """The message of a refusal, after checking that nothing was written."""
    with pytest.raises(CommandError) as caught:
        call_command("replay", str(path), stdout=StringIO())
    for model in (Opportunity, PublicBody, Vendor, User, LedgerEntry, OutgoingEmail):
        assert not model.objects.exists(), model
    return str(caught.value).replace("\u00a0", " ")


# --- What it plays ---------------------------------------------------------------------------------------------------
def test_the_sample_is_replayed_through_the_verbs(db, tmp_path, sample):
    header, first, second, last = replay(write(tmp_path, sample))
    assert header.split("  ")[0] == "id"
    assert first.split() == ["7", "7", "2", "1", "700", "same"]
    assert second.split() == ["8", "0", "0", "-", "-", "same"]
    assert last == "2 purchases, 2 awarded as recorded"
    assert len({line.rindex("  ") for line in (header, first, second)}) == 1  # aligned

    seven, eight = Opportunity.objects.order_by("pk")
    assert (seven.state, eight.state) == ("awarded", "unsuccessful")
    assert (seven.number, eight.number) == ("DAN-2016-0001", "DAN-2016-0002")
    assert seven.body.name == "Archives 18F (reprise de données publiques)"
    assert seven.body.region == "03"
    assert seven.budget_cents == 3_500_00
    assert seven.award_mode == "price"
    assert not seven.criteria.exists()
    assert seven.short_period_reason == "Reprise d’un achat historique\u00a0: délai d’origine"
    assert seven.questions_close_at == seven.closes_at
    assert seven.published_at == datetime(2016, 2, 24, 18, tzinfo=UTC)
    assert seven.opening.opened_at == seven.closes_at
    assert sorted(skill.name for skill in seven.skills.all()) == ["Django", "Python"]
    award = Award.objects.get()
    assert award.amount_cents == 700_00
    assert award.proposal.vendor.legal_name == "Proposant 1 (reprise)"
    assert award.recommendation.by_id != award.confirmed_by_id
    versions = award.proposal.submissions.order_by("version").values_list("version", "received_at")
    assert [version for version, _at in versions] == [1, 2]
    assert versions[1][1] == datetime(2016, 2, 25, 13, tzinfo=UTC)
    assert set(seven.proposals.values_list("vendor__legal_name", "state")) == {
        ("Proposant 1 (reprise)", "awarded"),
        ("Proposant 2 (reprise)", "not_awarded"),
    }
    assert Submission.objects.count() == 3


def test_no_message_leaves(db, tmp_path, sample, mailoutbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        replay(write(tmp_path, sample))
    assert OutgoingEmail.objects.exists()
    assert not OutgoingEmail.objects.filter(held=False).exists()
    assert not mailoutbox


def test_nobody_can_sign_in_as_the_replayed_people(db, tmp_path, sample):
    replay(write(tmp_path, sample))
    assert not any(user.has_usable_password() for user in User.objects.all())


def test_the_order_of_bids_in_the_file_does_not_matter(db, tmp_path, sample):
    sample["purchases"][0]["bids"].reverse()
    assert replay(write(tmp_path, sample))[1].split() == ["7", "7", "2", "1", "700", "same"]


@pytest.mark.parametrize("winner", [{"bidder": 2, "amount": 800}, {"bidder": 1, "amount": 701}, None])
def test_a_record_that_says_otherwise_differs(db, tmp_path, sample, winner):
    sample["purchases"][0]["winner"] = winner
    lines = replay(write(tmp_path, sample))
    assert lines[1].split() == ["7", "7", "2", "1", "700", "differs"]
    assert lines[-1] == "2 purchases, 1 awarded as recorded"


def test_a_recorded_winner_whose_bid_is_refused_differs(db, tmp_path, sample):
    sample["purchases"][0] |= {"bids": sample["purchases"][0]["bids"][:1], "winner": {"bidder": 1, "amount": 100}}
    lines = replay(write(tmp_path, sample))
    assert lines[1].split() == ["7", "1", "0", "-", "-", "differs"]
    assert lines[-1] == "2 purchases, 1 awarded as recorded"


def test_a_tie_is_drawn_and_said(db, tmp_path, sample):
    bids = [{"bidder": n, "amount": 500, "at": f"2016-02-25T18:00:0{n}Z"} for n in (1, 2, 3)]
    sample["purchases"][0] |= {"bids": bids, "winner": {"bidder": 1, "amount": 500}}
    lines = replay(write(tmp_path, sample))
    won = int(lines[1].split()[3])
    assert lines[1].split() == ["7", "3", "3", str(won), "500", "tie"]
    assert lines[-1] == f"2 purchases, {2 if won == 1 else 1} awarded as recorded"
    digest = Award.objects.get().proposal.opened.submission.envelope_sha256
    assert Draw.objects.get().order[0][0] == digest


def test_a_tie_further_down_is_not_a_tie_for_the_award(db, tmp_path, sample):
    bids = [{"bidder": n, "amount": 500 if n > 1 else 400, "at": f"2016-02-25T18:00:0{n}Z"} for n in (1, 2, 3)]
    sample["purchases"][0] |= {"bids": bids, "winner": {"bidder": 1, "amount": 400}}
    assert replay(write(tmp_path, sample))[1].split()[-1] == "same"


def test_two_files_one_after_the_other(db, tmp_path, sample):
    replay(write(tmp_path, sample))
    assert replay(write(tmp_path, sample))[-1] == "2 purchases, 2 awarded as recorded"
    assert PublicBody.objects.count() == 1
    assert Vendor.objects.filter(legal_name="Proposant 1 (reprise)").count() == 1


def test_a_long_summary_is_cut_at_a_word_and_kept_whole(db, tmp_path, sample):
    summary = "mot " * 200 + "fin."
    sample["purchases"][0]["summary"] = summary
    replay(write(tmp_path, sample))
    opportunity = Opportunity.objects.order_by("pk").first()
    assert opportunity.teaser.endswith("mot…")
    assert len(opportunity.teaser) <= 500
    assert opportunity.description.startswith(summary + "\n\nLe texte entier.")
    assert "Source\u00a0: Échantillon inventé" in opportunity.description


def test_shortened():
    assert shortened("a" * 500) == "a" * 500
    assert shortened("a" * 501) == "a" * 499 + "…"
    assert shortened("b" * 498 + " cc") == "b" * 498 + "…"
    assert shortened("b" * 499 + " cc") == "b" * 499 + "…"
    assert shortened("b" * 495 + ", dddddd") == "b" * 495 + "…"


# --- What it refuses -------------------------------------------------------------------------------------------------
def without(field):
    return lambda p: p.pop(field)


def put(**fields):
    return lambda p: p.update(fields)


def bid(**fields):
    return lambda p: p["bids"][3].update(fields)


MALFORMED = [
    *((without(name), name) for name in ("mode", "title", "summary", "description", "skills", "ceiling")),
    *((without(name), name) for name in ("opens_at", "closes_at", "bids", "winner")),
    (put(mode="auction"), "mode"),
    (put(mode=None), "mode"),
    (put(mode=[]), "mode"),
    (put(title=""), "title"),
    (put(title=" \n "), "title"),
    (put(title="x" * 201), "title"),
    (put(title=12), "title"),
    (put(title="un\x00deux"), "title"),
    (put(title="un\ud800deux"), "title"),
    (put(summary=None), "summary"),
    (put(description="  "), "description"),
    (put(description="x" * 9_990), "description"),
    (put(skills=[]), "skills"),
    (put(skills="Python"), "skills"),
    (put(skills=["Python", 3]), "skills[1]"),
    (put(skills=[" "]), "skills[0]"),
    (put(skills=["x" * 101]), "skills[0]"),
    (put(repository=3), "repository"),
    (put(repository="x" * 401), "repository"),
    (put(customer=3), "customer"),
    (put(ceiling=90_000), "ceiling"),
    (put(ceiling=3500.0), "ceiling"),
    (put(ceiling="3500"), "ceiling"),
    (put(ceiling=0), "ceiling"),
    (put(ceiling=-1), "ceiling"),
    (put(ceiling=True), "ceiling"),
    (put(ceiling=None), "ceiling"),
    (put(ceiling=10**400), "ceiling"),
    (put(opens_at="hier"), "opens_at"),
    (put(opens_at="2016-02-24T18:00:00"), "opens_at"),
    (put(opens_at="2016-02-24"), "opens_at"),
    (put(opens_at=1456336800), "opens_at"),
    (put(opens_at="2016-02-30T18:00:00Z"), "opens_at"),
    (put(opens_at="0001-01-01T00:00:00+14:00"), "opens_at"),
    (put(closes_at="9999-12-31T23:59:59-12:00"), "closes_at"),
    (put(closes_at=None), "closes_at"),
    (put(closes_at="2016-02-24T18:00:00+00:00"), "closes_at"),
    (put(closes_at="2016-02-24T17:00:00+00:00"), "closes_at"),
    (put(closes_at="2016-02-27T18:00:00+00:00"), "closes_at"),  # a Saturday
    (put(bids={}), "bids"),
    (put(bids=[3]), "bids[0]"),
    (bid(amount=12.0), "bids[3].amount"),
    (bid(amount=12.5), "bids[3].amount"),
    (bid(amount=-12), "bids[3].amount"),
    (bid(amount=0), "bids[3].amount"),
    (bid(amount="12"), "bids[3].amount"),
    (bid(amount=True), "bids[3].amount"),
    (bid(amount=None), "bids[3].amount"),
    (bid(amount=10**15), "bids[3].amount"),
    (bid(bidder="36"), "bids[3].bidder"),
    (bid(bidder=-1), "bids[3].bidder"),
    (bid(at=None), "bids[3].at"),
    (bid(at="2016-02-25T08:00:00"), "bids[3].at"),
    (lambda p: p["bids"][3].pop("amount"), "bids[3].amount"),
    (lambda p: p["bids"][3].pop("bidder"), "bids[3].bidder"),
    (lambda p: p["bids"][3].pop("at"), "bids[3].at"),
    (put(winner=36), "winner"),
    (put(winner={}), "winner.bidder"),
    (put(winner={"bidder": 1}), "winner.amount"),
    (put(winner={"bidder": 1, "amount": 1.5}), "winner.amount"),
    (put(winner={"bidder": 99, "amount": 700}), "winner.bidder"),
]


@pytest.mark.parametrize(("spoil", "field"), MALFORMED)
def test_a_malformed_purchase_is_named_with_its_field(db, tmp_path, sample, spoil, field):
    spoil(sample["purchases"][0])
    assert f"achat 7, champ {field} : " in refused(write(tmp_path, sample))


def test_the_table_is_long_enough():
    assert len(MALFORMED) >= 25


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d["purchases"][1].pop("id"), "achat en position 2, champ id : ce champ manque"),
        (lambda d: d["purchases"][1].update(id="8"), "achat en position 2, champ id : "),
        (lambda d: d["purchases"][1].update(id=7), "achat 7, champ id : ce numéro est déjà pris"),
        (lambda d: d["purchases"].append(None), "achat en position 3 : un objet est attendu"),
        (lambda d: d.update(purchases=[]), "Champ purchases"),
        (lambda d: d.update(purchases={}), "Champ purchases"),
        (lambda d: d.pop("purchases"), "Champ purchases"),
        (lambda d: d.update(source=3), "Champ source"),
    ],
)
def test_a_malformed_file_is_refused(db, tmp_path, sample, spoil, said):
    spoil(sample)
    assert said in refused(write(tmp_path, sample))


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "un objet JSON"),
        (b'"x"', "un objet JSON"),
        (b'{"purchases": [NaN]}', "NaN"),
        (b'{"purchases": [], "purchases": []}', "deux fois"),
        (b"[" * 200_000, "JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "JSON"),
        (json.dumps(SAMPLE).encode("utf-16"), "UTF-8"),
        (json.dumps(SAMPLE, ensure_ascii=False).encode("latin-1", "replace"), "UTF-8"),
        (b"\xef\xbb\xbf" + json.dumps(SAMPLE).encode(), "JSON"),
    ],
)
def test_what_is_not_json_in_utf_8_is_refused(db, tmp_path, blob, said):
    path = tmp_path / "achats.json"
    path.write_bytes(blob)
    assert said in refused(path)


def test_every_problem_is_told_at_once(db, tmp_path, sample):
    sample["purchases"][0]["mode"] = "x"
    sample["purchases"][1]["ceiling"] = "x"
    said = refused(write(tmp_path, sample))
    assert "achat 7, champ mode" in said
    assert "achat 8, champ ceiling" in said


def test_a_missing_file_is_said(db, tmp_path):
    assert "ne peut pas être lu" in refused(tmp_path / "absent.json")
    assert "ne peut pas être lu" in refused(tmp_path)


def test_production_refuses(db, tmp_path, sample, settings):
    settings.PRODUCTION = True
    assert "production" in refused(write(tmp_path, sample))


def test_a_crash_half_way_leaves_nothing(db, tmp_path, sample, monkeypatch):
    def crash(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(replay_module.award_actions, "conclude", crash)  # the second purchase
    with pytest.raises(KeyboardInterrupt):
        call_command("replay", str(write(tmp_path, sample)), stdout=StringIO())
    assert not Opportunity.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_what_the_platform_refuses_is_told_with_the_purchase(db, tmp_path, sample, monkeypatch):
    read = purchases.read

    def with_a_ceiling_that_the_check_let_through(path):
        return [replace(purchase, ceiling=95_000) for purchase in read(path)]

    monkeypatch.setattr(purchases, "read", with_a_ceiling_that_the_check_let_through)
    said = refused(write(tmp_path, sample))
    assert "achat 7 : la plateforme a refusé : Le montant doit être inférieur à" in said


# --- The archive -----------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not DATA.exists(), reason="the public archive of past purchases is not on this machine")
def test_the_twenty_purchases_of_the_archive_are_awarded_as_recorded(db):
    lines = replay(DATA)
    assert lines[-1] == "20 purchases, 20 awarded as recorded"
    assert {line.split()[-1] for line in lines[1:-1]} == {"same"}
    assert Award.objects.count() == 20
    assert Opportunity.objects.filter(state="awarded").count() == 20
