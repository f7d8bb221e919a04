"""tools/verify.py on draws and on auditors' samples: what is altered is found, what was not compared is said."""

import json
import random
from datetime import date, timedelta

import pytest
from django.urls import reverse

from audit.ledger import export as ledger_export
from audit.samples import actions as sample_actions
from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger.entries import canonical
from proposals.award import actions as award_actions
from proposals.evaluation import draw as drawing
from proposals.models import Draw
from tests.cast import CLOSES_AT
from tests.test_ledger import verify
from tests.test_verify import run, said


# --- Draws ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def drawn(cast):
    """A real tie: two proposals at the same price."""
    cast.awarded(mode="price", prices=(55_000_00, 55_000_00))
    draw = Draw.objects.get()
    return {"commitment": draw.commitment, "secret": draw.secret, "digests": draw.digests, "order": draw.order}


def test_a_real_draw_verifies_alone(drawn, tmp_path):
    path = tmp_path / "d.json"
    path.write_text(json.dumps(drawn), encoding="utf-8")
    done = run("draw", path)
    assert done.returncode == 0, done
    assert "Tirage vérifié" in done.stdout.decode()
    assert "ATTENTION" in done.stdout.decode() and drawn["commitment"] in done.stdout.decode()
    path.write_text(json.dumps(drawn | {"order": [drawn["order"][0][::-1]]}), encoding="utf-8")
    done = run("draw", path)
    assert done.returncode == 1
    assert "n’est pas celui que donne le calcul" in done.stdout.decode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"secret": "00" * 32}, "draw_secret"),
        ({"commitment": "0" * 64}, "draw_secret"),
        ({"secret": "zz"}, "draw_fields"),
        ({"secret": ""}, "draw_fields"),
        ({"secret": "00" * 31}, "draw_fields"),
        ({"secret": 1}, "draw_fields"),
        ({"digests": []}, "draw_tied"),
        ({"digests": None}, "draw_fields"),
        ({"digests": "ab"}, "draw_fields"),
        ({"digests": ["\ud800"]}, "draw_fields"),
        ({"digests": ["a" * 64, "a" * 64]}, "draw_fields"),
        ({"digests": ["A" * 64]}, "draw_fields"),
        ({"order": None}, "draw_fields"),
        ({"order": []}, "draw_fields"),
        ({"order": [[]]}, "draw_fields"),
        ({"order": [["f" * 64]]}, "draw_fields"),
        ({"order": [1, 2]}, "draw_fields"),
        ({"order": ["f" * 64, "e" * 64]}, "draw_fields"),
        ({"order": [["f" * 64, "e" * 64]]}, "draw_tied"),
        ({"order": [["f" * 64, "f" * 64]]}, "draw_tied"),
        ({"note": "ajout"}, "draw_fields"),
    ],
)
def test_an_altered_draw_fails(drawn, change, why):
    with pytest.raises(verify.Bad) as caught:
        verify.verify_draw(json.dumps(drawn | change).encode())
    assert caught.value.name == why


def test_a_tied_proposal_taken_out_of_its_pair_is_seen(drawn):
    with pytest.raises(verify.Bad, match="draw_fields"):
        verify.verify_draw(json.dumps(drawn | {"order": [drawn["order"][0][:1]]}).encode())


@pytest.fixture
def minutes(cast, drawn, client):
    """The signed minutes of the drawn occasion, as anybody downloads them."""
    with clock.set_to(CLOSES_AT):
        answer = client.get(reverse("proposals:minutes_json", args=[Draw.objects.get().opportunity.number]))
    assert answer.status_code == 200 and "proces-verbal-DAN-" in answer["Content-Disposition"]
    return answer.content


def test_a_draw_is_compared_with_the_notice_and_the_minutes(drawn, minutes, tmp_path):
    (tmp_path / "d.json").write_text(json.dumps(drawn), encoding="utf-8")
    (tmp_path / "m.json").write_bytes(minutes)
    given = ("--commitment", drawn["commitment"].upper(), "--minutes", tmp_path / "m.json", "--key", keys.key_id())
    done = run("draw", tmp_path / "d.json", *given)
    assert done.returncode == 0 and "ATTENTION" not in said(done), done
    assert "celle de l’avis" in said(done) and "ceux du procès-verbal" in said(done)
    assert run("draw", tmp_path / "d.json", "--commitment", "0" * 64).returncode == 1
    assert run("draw", tmp_path / "d.json", "--commitment", "abc").returncode == 2
    assert run("draw", tmp_path / "d.json", *given[2:4], "--key", "A" * 43 + "=").returncode == 1


def test_an_invented_or_a_hidden_proposal_is_found(drawn, minutes):
    """Whoever may add a digest chooses the order: the computation alone then holds, the minutes do not."""
    secret, winners = bytes.fromhex(drawn["secret"]), set()
    for extra in range(16):
        digests = [*drawn["digests"], f"{extra:064x}"]
        order = [verify.draw_order(secret, digests, drawn["order"][0])]
        winners.add(order[0][0])
        forged = json.dumps(drawn | {"digests": digests, "order": order}).encode()
        assert verify.verify_draw(forged)
        with pytest.raises(verify.Bad) as caught:
            verify.verify_draw(forged, keys.key_id(), drawn["commitment"], minutes)
        assert (caught.value.name, caught.value.values) == ("draw_minutes", {"extra": 1, "missing": 0})
    assert len(winners) == 2
    assert verify.verify_draw(json.dumps(drawn).encode(), keys.key_id(), None, minutes)


def signed_again(minutes: bytes, **changes) -> bytes:
    bare = {name: value for name, value in (json.loads(minutes) | changes).items() if name != "signature"}
    return canonical(bare | {"signature": keys.sign(canonical(bare))})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"envelopes": []}, "draw_minutes"),
        ({"envelopes": [None]}, "minutes_fields"),
        ({"envelopes": [{}]}, "minutes_fields"),
        ({"commitment": "0" * 64}, "draw_minutes"),
        ({"type": "dan-minutes/2"}, "minutes_fields"),
    ],
)
def test_other_minutes_are_refused_even_signed(drawn, minutes, change, why):
    with pytest.raises(verify.Bad) as caught:
        verify.verify_draw(json.dumps(drawn).encode(), keys.key_id(), None, signed_again(minutes, **change))
    assert caught.value.name == why
    with pytest.raises(verify.Bad):
        changed = canonical(json.loads(minutes) | change)
        verify.verify_draw(json.dumps(drawn).encode(), keys.key_id(), None, changed)


def test_there_are_no_minutes_before_the_opening(cast, client):
    opportunity = cast.published()
    cast.submitted(opportunity)
    with clock.set_to(opportunity.published_at):
        assert client.get(reverse("proposals:minutes_json", args=[opportunity.number])).status_code == 404


def test_the_recipes_are_the_platform_s(drawn):
    dice = random.Random(7)
    for _round in range(50):
        digests = [dice.randbytes(32).hex() for _ in range(dice.randrange(2, 9))]
        tied = dice.sample(digests, dice.randrange(2, len(digests) + 1))
        secret = dice.randbytes(32)
        assert verify.draw_order(secret, digests, tied) == drawing.order(secret, digests, tied)
    for value in ({"é": [1, None, "« x »"], "a": {"b": True}}, {}):
        assert verify.canonical(value) == canonical(value)


def test_two_separate_ties_are_given_as_two_lists(drawn):
    secret = bytes.fromhex(drawn["secret"])
    digests = [f"{number:064x}" for number in range(4)]
    groups = [verify.draw_order(secret, digests, digests[:2]), verify.draw_order(secret, digests, digests[2:])]
    row = drawn | {"digests": digests, "order": groups}
    assert dict(verify.verify_draw(json.dumps(row).encode()))["draw_facts"]["ties"] == "2, 2"


def test_the_award_follows_the_draw(cast, drawn):
    winner = award_actions.Award.objects.get().proposal
    assert winner.opened.submission.envelope_sha256 == drawn["order"][0][0]


# --- Samples ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def drawn_sample(cast):
    """A random sample of two awards out of three, as its file tells it."""
    for _each in range(3):
        cast.awarded()
    with clock.set_to(CLOSES_AT + timedelta(days=4)):
        fields = {"since": date(2026, 11, 1), "until": date(2026, 11, 28), "size": 2}
        return sample_actions.as_data(sample_actions.draw(by=cast.auditor, title="Tirage", method="random", **fields))


@pytest.fixture
def sample():
    """The same by hand, for alterations: three awards out of four."""
    seed, numbers = "5e" * 32, [f"DAN-2026-{rank:04}" for rank in range(1, 5)]
    lots = {number: verify.sha256(f"{seed}{number}".encode()) for number in numbers}
    order = sorted(numbers, key=lots.get)
    rows = [
        {"number": number, "cents": 4_200_000, "signals": 1, "sha256": lots[number],
         "rank": order.index(number) + 1, "retained": order.index(number) < 3}
        for number in numbers
    ]  # fmt: skip
    digest = verify.sha256(verify.canonical([[number, 4_200_000, 1] for number in numbers]))
    return {
        "format": "dan-sample/2", "number": "EC-2026-0001", "method": "random", "since": "2026-01-01",
        "until": "2026-11-22", "body": None, "minimum_cents": 0, "size": 3, "seed": seed,
        "drawn_at": "2026-11-22T15:00:00.000000Z", "population": rows, "population_sha256": digest, "picks": order[:3],
    }  # fmt: skip


def resampled(row: dict, method: str, amounts=()) -> dict:
    """The same rule by hand, for another method and other amounts."""
    rows = [one | {"cents": cents, "signals": cents % 3} for one, cents in zip(row["population"], amounts, strict=True)]
    keyed = {"amount": lambda one: (-one["cents"], one["number"]),
             "flags": lambda one: (-one["signals"], -one["cents"], one["number"])}  # fmt: skip
    order = [one["number"] for one in sorted(rows, key=keyed[method])]
    for one in rows:
        one |= {"rank": order.index(one["number"]) + 1, "retained": order.index(one["number"]) < row["size"]}
    frozen = [[one["number"], one["cents"], one["signals"]] for one in rows]
    digest = verify.sha256(verify.canonical(frozen))
    return row | {"method": method, "population": rows, "population_sha256": digest, "picks": order[: row["size"]]}


def test_a_sample_is_drawn_again_and_bound_to_the_ledger(drawn_sample, tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(drawn_sample), encoding="utf-8")
    (tmp_path / "l.jsonl").write_bytes(b"".join(ledger_export.lines(with_payloads=True)))
    (tmp_path / "bare.jsonl").write_bytes(b"".join(ledger_export.lines()))
    done = run("sample", tmp_path / "s.json", "--ledger", tmp_path / "l.jsonl", "--key", keys.key_id())
    assert done.returncode == 0 and "ATTENTION" not in said(done), done
    assert "Échantillon vérifié : EC-" in said(done) and ", ".join(drawn_sample["picks"]) in said(done)
    assert "la graine est l’inscription" in said(done)
    done = run("sample", tmp_path / "s.json", "--lang", "en")
    assert done.returncode == 0 and "Sample verified: EC-" in said(done) and "WARNING" in said(done)
    done = run("sample", tmp_path / "s.json", "--ledger", tmp_path / "bare.jsonl", "--key", keys.key_id())
    assert done.returncode == 1 and "l’export n’a pas ses détails" in said(done)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(resampled(drawn_sample, "amount", [1, 2, 3])), encoding="utf-8")
    assert run("sample", other).returncode == 0
    done = run("sample", other, "--ledger", tmp_path / "l.jsonl", "--key", keys.key_id())
    assert done.returncode == 1 and "n’a pas cette graine puis cette population" in said(done)


def test_the_other_two_methods(sample):
    assert verify.verify_sample(canonical(sample))
    for method, amounts in (("amount", [1, 9, 9, 4]), ("flags", [4, 5, 5, 6])):
        assert verify.verify_sample(canonical(resampled(sample, method, amounts)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda row: {"format": "dan-sample/1"}, "sample_fields"),
        (lambda row: {"note": "ajout"}, "sample_fields"),
        (lambda row: {"method": "luck"}, "sample_fields"),
        (lambda row: {"seed": "00"}, "sample_fields"),
        (lambda row: {"size": 0}, "sample_fields"),
        (lambda row: {"size": True}, "sample_fields"),
        (lambda row: {"picks": [[]]}, "sample_fields"),
        (lambda row: {"population": []}, "sample_fields"),
        (lambda row: {"population": [{}]}, "sample_fields"),
        (lambda row: {"population": None}, "sample_fields"),
        (lambda row: {"population": [row["population"][0] | {"number": "\ud800"}]}, "sample_fields"),
        (lambda row: {"population": row["population"] + row["population"][:1]}, "sample_fields"),
        (lambda row: {"population": row["population"][1:]}, "sample_digest"),
        (lambda row: {"population": [row["population"][0] | {"cents": 1}, *row["population"][1:]]}, "sample_digest"),
        (lambda row: {"picks": row["picks"][::-1]}, "sample_picks"),
        (lambda row: {"picks": row["picks"][1:]}, "sample_picks"),
        (lambda row: {"seed": "0" * 64}, None),
        (lambda row: {"population": [row["population"][0] | {"rank": 9}, *row["population"][1:]]}, "sample_rank"),
        (lambda row: {"population": [row["population"][0] | {"sha256": "0" * 64}, *row["population"][1:]]},
         "sample_rank"),
    ],
)  # fmt: skip
def test_an_altered_sample_fails(sample, change, why):
    with pytest.raises(verify.Bad) as caught:
        verify.verify_sample(json.dumps(sample | change(sample)).encode())
    assert caught.value.name == why or (why is None and caught.value.name in {"sample_picks", "sample_rank"})
