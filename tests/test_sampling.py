"""Sampling plans: a draw that anyone can run again, recorded before and after, over standing awards only."""

import csv
import hashlib
import html
import io
import json
import re
import shlex
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from audit.models import PlanCheck, RedFlag, SamplingPlan
from audit.reviews import actions as review_actions
from audit.reviews import facts as review_facts
from audit.samples import actions as sample_actions
from marketplace.dates import clock
from marketplace.ledger.entries import LedgerEntry
from marketplace.models import LedgerPayload, User
from proposals.award import actions as award_actions
from proposals.models import Award
from tests import audit_moves
from tests.cast import CLOSES_AT, person
from tests.reading import signed_in, text_of, words
from vendors.models import VendorMembership

LATER = CLOSES_AT + timedelta(days=4)
VERIFY = Path(__file__).resolve().parent.parent / "tools" / "verify.py"
SINCE, UNTIL = date(2026, 11, 1), date(2026, 11, 28)


@pytest.fixture
def then():
    with clock.set_to(LATER):
        yield LATER


def drawn(cast, **fields) -> SamplingPlan:
    values = {"title": "Tirage", "method": "random", "since": SINCE, "until": UNTIL, "size": 2}
    return sample_actions.draw(by=cast.auditor, **(values | fields))


def typed(**fields) -> dict:
    values = {"title": "Automne", "method": "random", "since": "2026-11-01", "until": "2026-11-28", "size": "2"}
    return values | {"body": "", "minimum_cents": ""} | fields


def flag(occasion, code="R018"):
    return RedFlag.objects.create(
        code=code, opportunity=occasion, value=1, threshold=1, first_at=LATER, last_at=LATER, details={}
    )


def recomputed(plan: dict) -> list[str]:
    """The recipe of the page, from the downloaded plan alone: nothing of the platform's code."""
    keyed = []
    for row in plan["population"]:
        lot = hashlib.sha256((plan["seed"] + row["number"]).encode("utf-8")).hexdigest()
        order = {"random": (lot,), "amount": (-row["cents"],), "flags": (-row["signals"], -row["cents"])}
        keyed.append((*order[plan["method"]], row["number"]))
    return [number for *_key, number in sorted(keyed)][: plan["size"]]


def files(client, plan) -> tuple[dict, list[dict]]:
    """Both downloads: the JSON object, and the rows of the CSV."""
    address = f"/verification/echantillons/{plan.number}/echantillon."
    both = [client.get(f"{address}{extension}") for extension in ("json", "csv")]
    names = [f'attachment; filename="echantillon-{plan.number}.{extension}"' for extension in ("json", "csv")]
    assert [answer["Content-Disposition"] for answer in both] == names
    return json.loads(both[0].content), list(csv.DictReader(io.StringIO(both[1].content.decode())))


@pytest.mark.parametrize("method", ["random", "amount", "flags"])
def test_anyone_can_run_the_draw_again(cast, then, method):
    """From the files alone, whatever the method, and after the signals have changed."""
    occasions = [cast.awarded(budget_cents=cents)[0] for cents in (50_000_00, 50_000_00, 64_000_00, 41_000_00)]
    for occasion, code in ((occasions[1], "R018"), (occasions[3], "R018"), (occasions[3], "R036")):
        flag(occasion, code)
    plan = drawn(cast, method=method)
    ledgered = LedgerEntry.objects.get(action="sample.draw").payload.body
    RedFlag.objects.update(ceased_at=LATER)
    flag(occasions[0])
    data, rows = files(signed_in(cast.auditor), plan)
    assert data["format"] == "dan-sample/2" and data["method"] == method and data["body"] is None
    assert recomputed(data) == data["picks"] == plan.picks and len(plan.picks) == 2
    assert [row["number"] for row in data["population"] if row["retained"]] == sorted(plan.picks)
    frozen = [[row["number"], row["cents"], row["signals"]] for row in data["population"]]
    assert frozen == sorted(frozen) and [row[2] for row in frozen] == ([0, 1, 0, 2] if method != "flags" else [1, 2])
    digest = hashlib.sha256(json.dumps(frozen, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
    assert digest == data["population_sha256"] == ledgered["population_sha256"]
    assert (ledgered["method"], ledgered["seed"]) == (method, data["seed"])
    assert list(rows[0]) == ["number", "cents", "signals", "sha256", "rank", "retained"]
    assert [int(row["rank"]) for row in rows] == list(range(1, len(frozen) + 1))
    assert [row["number"] for row in rows if row["retained"] == "yes"] == plan.picks
    by_number = {row["number"]: row for row in rows}
    for row in data["population"]:
        told = by_number[row["number"]]
        assert [told[name] for name in ("cents", "signals", "sha256", "rank")] == [
            str(row[name]) for name in ("cents", "signals", "sha256", "rank")
        ]


@given(
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.sets(st.integers(1, 9999), min_size=1, max_size=40),
    st.integers(1, 50),
)
def test_the_rule_depends_on_nothing_but_its_recipe(seed, numbers, size):
    population = [[f"DAN-2026-{n:04d}", n // 7, n % 3] for n in sorted(numbers)]
    rows = [dict(zip(("number", "cents", "signals"), row, strict=True)) for row in population]
    for method in ("random", "amount", "flags"):
        chosen = sample_actions.ranked(method, seed, population)
        assert chosen == sample_actions.ranked(method, seed, population[::-1])
        assert sorted(chosen) == [row[0] for row in population]
        plan = {"seed": seed, "method": method, "population": rows, "size": size}
        assert chosen[:size] == recomputed(plan)


def test_every_award_has_the_same_chance():
    population = [[f"DAN-2026-{n:04d}", 1, 0] for n in range(10)]
    counts = dict.fromkeys([row[0] for row in population], 0)
    for seed in range(2_000):
        for number in sample_actions.ranked("random", f"{seed:064x}", population)[:3]:
            counts[number] += 1
    assert all(520 < count < 680 for count in counts.values()), counts  # 600 expected, six standard deviations around


def test_the_seed_is_written_before_the_population_is_read(cast, then, monkeypatch):
    cast.awarded()
    seen = []
    real = sample_actions.population_of

    def spied(**asked):
        seen.append(LedgerPayload.objects.filter(action="sample.seed").get().body["seed"])
        return real(**asked)

    monkeypatch.setattr(sample_actions, "population_of", spied)
    plan = drawn(cast)
    assert seen == [plan.seed] and len(plan.seed) == 64
    seed, draw = LedgerEntry.objects.filter(action__startswith="sample.").order_by("seq")
    assert (seed.action, draw.action) == ("sample.seed", "sample.draw")
    body = draw.payload.body
    assert body["population_sha256"] == sample_actions.digest_of(plan.population) and body["picks"] == plan.picks
    assert not LedgerEntry.objects.public().filter(action__startswith="sample.").exists()


def test_the_commands_of_the_page_work(cast, then, tmp_path):
    """As written there, beside the files as the browser names them: the plan, then the plan and the ledger."""
    for _time in range(3):
        cast.awarded()
    client = signed_in(cast.auditor)
    (tmp_path / "verify.py").write_bytes(VERIFY.read_bytes())
    for method in ("random", "amount"):
        plan = drawn(cast, method=method)
        address = f"/verification/echantillons/{plan.number}/"
        exported = client.post("/verification/registre/exporter/", {"first": "1", "details": "on"})
        for answer in (client.get(f"{address}echantillon.json"), exported):
            name = answer["Content-Disposition"].partition('filename="')[2].rstrip('"')
            (tmp_path / name).write_bytes(answer.getvalue())
        commands = re.findall(r"<code>python3 (verify.py sample .+?)</code>", text_of(client.get(address)))
        assert len(commands) == 2
        for command in map(html.unescape, commands):
            words_of = [sys.executable, *shlex.split(command)]
            done = subprocess.run(words_of, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            assert all(number in done.stdout for number in plan.picks)


def test_a_plan_is_never_changed(cast, then):
    cast.awarded()
    plan = drawn(cast)
    for change in (lambda: SamplingPlan.objects.update(picks=[]), lambda: plan.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_only_standing_awards_of_the_period_the_body_and_the_amount(cast, then):
    first, _pair = cast.awarded()
    second, _pair = cast.awarded()
    with clock.set_to(LATER):
        award_actions.request_reversal(second, by=cast.officer, reason="Erreur de calcul.")
        award_actions.reverse(second, by=cast.second_officer)
    cast.recommended()
    assert drawn(cast).population == [[first.number, 64_000_00, 0]]
    day = CLOSES_AT.date() + timedelta(days=2)
    assert drawn(cast, since=day, until=day).picks == [first.number]
    for nothing in (
        {"since": day + timedelta(days=1)}, {"until": day - timedelta(days=1)}, {"body": cast.other_body},
        {"minimum_cents": 64_000_01}, {"method": "flags"},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            drawn(cast, **nothing)
    assert drawn(cast, body=cast.body, minimum_cents=64_000_00).picks == [first.number]
    flag(first)
    assert drawn(cast, method="flags").picks == [first.number]


def test_by_amount_and_by_signals(cast, then):
    occasions = [cast.awarded(budget_cents=cents)[0] for cents in (40_000_00, 60_000_00, 50_000_00)]
    assert drawn(cast, method="amount").picks == [occasions[1].number, occasions[2].number]
    flag(occasions[0])
    flag(occasions[2])
    flag(occasions[2], "R036")
    assert drawn(cast, method="flags", size=9).picks == [occasions[2].number, occasions[0].number]


def test_only_auditors_draw(cast, then):
    cast.awarded()
    for who in (cast.officer, cast.administrator, cast.outsider):
        with pytest.raises(PermissionDenied):
            sample_actions.draw(by=who, title="T", method="random", since=SINCE, until=UNTIL, size=1)


def test_drawing_at_the_browser(cast, then):
    occasion, _pair = cast.awarded()
    client = signed_in(cast.auditor)
    assert client.get("/verification/echantillons/nouveau/").status_code == 200
    answer = client.post("/verification/echantillons/nouveau/", typed())
    plan = SamplingPlan.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/verification/echantillons/{plan.number}/"
    page = client.get(answer["Location"])
    assert occasion.title in words(page) and "SHA-256(graine ‖ numéro)" in words(page)
    assert f'href="/verification/occasions/{occasion.number}/"' in text_of(page)
    assert "2 000,50" not in words(page)
    _data, rows = files(client, plan)
    assert [(row["number"], row["retained"]) for row in rows] == [(occasion.number, "yes")]
    listed = words(client.get("/verification/echantillons/"))
    assert plan.title in listed and "0 de 1 examinée" in listed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": " "}, "obligatoire"),
        ({"method": "hasard"}, "Sélectionnez un choix valide"),
        ({"since": "2026-11-29"}, "Le dernier jour précède le premier."),
        ({"until": "2026-11-29"}, "passé ou présent"),
        ({"size": "0"}, "supérieure ou égale à 1"),
        ({"size": "501"}, "inférieure ou égale à 500"),
        ({"minimum_cents": "1,234"}, "Montant ambigu"),
        ({"minimum_cents": "89 999"}, "Aucune attribution ne correspond"),
        ({"method": "flags"}, "ne porte de signal"),
        ({"body": "999999"}, "Sélectionnez un choix valide"),
    ],
)
def test_what_is_refused_comes_back_as_typed(cast, then, changes, sentence):
    cast.awarded()
    answer = signed_in(cast.auditor).post("/verification/echantillons/nouveau/", typed(**changes))
    assert answer.status_code == 422 and sentence in words(answer), words(answer)
    if "title" not in changes:
        assert 'value="Automne"' in text_of(answer)
    assert not SamplingPlan.objects.exists() and not LedgerEntry.objects.filter(action__startswith="sample.").exists()


def test_an_award_reversed_since_is_said(cast, then):
    occasion, _pair = cast.awarded()
    plan = drawn(cast)
    award_actions.request_reversal(occasion, by=cast.officer, reason="Erreur de calcul.")
    award_actions.reverse(occasion, by=cast.second_officer)
    page = signed_in(cast.auditor).get(f"/verification/echantillons/{plan.number}/")
    assert "Attribution annulée depuis" in words(page)


# --- Working through it ----------------------------------------------------------------------------------------------
def page_of(cast, plan, who=None):
    return signed_in(who or cast.auditor).get(f"/verification/echantillons/{plan.number}/")


def examined(cast, plan, number, **fields):
    return signed_in(cast.auditor).post(
        f"/verification/echantillons/{plan.number}/{number}/examiner/",
        {"result": "nothing_noted", "note": "Pièces relues."} | fields,
    )


def test_a_sample_is_worked_through(cast, then):
    """What each row shows: vendor, amount and signals of the draw, its cases, the body's review, three links."""
    occasion = cast.awarded()[0]
    other = cast.awarded()[0]
    flag(occasion)
    plan = drawn(cast)
    flag(occasion, "R036")
    case = audit_moves.asked(cast, at=LATER, opportunity=occasion)
    row = review_facts.awards().get(opportunity=occasion)
    seen = review_actions.fingerprint(review_actions.computed(row, at=LATER))
    review_actions.conclude(
        row, by=cast.second_officer, opinion="reserved", comment="Délai court.", method="password", seen=seen
    )
    page = page_of(cast, plan)
    first = next(row for row in page.context["rows"] if row.opportunity == occasion)
    assert (first.signals, first.cents, first.may) == (1, 64_000_00, True)
    shown, written = words(page), text_of(page)
    assert "0 de 2 examinées" in shown and cast.vendor.legal_name in shown and case.number in shown
    assert "Conforme, avec réserves" in shown and "Ni vérification, ni revue" in shown
    for address in (
        f"occasions/{occasion.number}/", f"attributions/{occasion.number}/", f"dossiers/{case.number}/",
        f"occasions/{other.number}/ouvrir/?echantillon={plan.number}",
    ):  # fmt: skip
        assert f'href="/verification/{address}"' in written, address
    opening = signed_in(cast.auditor).get(f"/verification/occasions/{other.number}/ouvrir/?echantillon={plan.number}")
    assert f"Attribution retenue par l’échantillon {plan.number} (Tirage)." in words(opening)
    elsewhere = signed_in(cast.auditor).get(f"/verification/occasions/{other.number}/ouvrir/?echantillon=EC-2026-0999")
    assert elsewhere.status_code == 200 and "retenue par" not in words(elsewhere)


def test_an_examination_is_noted_once(cast, then):
    occasion = cast.awarded()[0]
    cast.awarded()
    plan = drawn(cast)
    form = signed_in(cast.auditor).get(f"/verification/echantillons/{plan.number}/{occasion.number}/examiner/")
    assert form.status_code == 200 and "Rien à signaler" in words(form)
    for _time in range(2):  # a double click
        answer = examined(cast, plan, occasion.number)
        assert (answer.status_code, answer["Location"]) == (302, f"/verification/echantillons/{plan.number}/")
    made = PlanCheck.objects.get()
    entry = LedgerEntry.objects.get(action="sample.check")
    assert (made.by, made.result, made.note) == (cast.auditor, "nothing_noted", "Pièces relues.")
    assert entry.subject == plan.ledger_subject()
    told = {"occasion": occasion.number, "result": "nothing_noted", "note": "Pièces relues."}
    assert told.items() <= entry.payload.body.items()
    assert not LedgerEntry.objects.public().filter(action="sample.check").exists()
    assert examined(cast, plan, occasion.number, note="Autre chose").status_code == 409
    page = words(page_of(cast, plan))
    assert "1 de 2 examinées" in page and "Pièces relues." in page
    assert "1 de 2 examinées" in words(signed_in(cast.auditor).get("/verification/echantillons/"))
    for change in (lambda: PlanCheck.objects.update(note="x"), lambda: made.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"note": "  "}, "obligatoire"),
        ({"note": "é" * 2_001}, "2 001 caractères"),
        ({"result": "rien"}, "Sélectionnez un choix valide"),
        ({"result": "case_opened"}, "ouvrez-la d’abord"),
    ],
)
def test_an_examination_refused_comes_back_as_typed(cast, then, changes, sentence):
    occasion = cast.awarded()[0]
    plan = drawn(cast)
    answer = examined(cast, plan, occasion.number, **changes)
    assert answer.status_code == 422 and sentence in words(answer), words(answer)
    if "result" in changes:
        assert "Pièces relues." in text_of(answer)
    assert not PlanCheck.objects.exists()


def test_a_case_is_opened_before_it_is_noted(cast, then):
    occasion = cast.awarded()[0]
    plan = drawn(cast)
    audit_moves.opened(cast, at=LATER, opportunity=occasion)
    assert examined(cast, plan, occasion.number, result="case_opened").status_code == 302
    assert "Une vérification est ouverte" in words(page_of(cast, plan))


def test_only_auditors_who_may_monitor_it_examine(cast, then):
    """The table person × answer; 404 too for an occasion that the sample did not retain."""
    occasion = cast.awarded()[0]
    plan = drawn(cast)
    left_out = cast.awarded()[0]
    assert examined(cast, plan, left_out.number).status_code == 404
    address = f"/verification/echantillons/{plan.number}/{occasion.number}/examiner/"
    tied = person("Aline Liée", is_auditor=True)
    VendorMembership.objects.create(user=tied, vendor=cast.rival, role="member")
    inside = cast.member("Aimé Dedans", "buyer")
    User.objects.filter(pk=inside.pk).update(is_auditor=True)
    inside.refresh_from_db()
    for who, status in (
        (tied, 403), (inside, 403), (cast.officer, 404), (cast.vendor_owner, 404), (cast.administrator, 404),
    ):  # fmt: skip
        typed_by = {"result": "nothing_noted", "note": "Lu."}
        assert signed_in(who).get(address).status_code == status, who
        assert signed_in(who).post(address, typed_by).status_code == status, who
        with pytest.raises(PermissionDenied):
            sample_actions.examine(plan, occasion, by=who, **typed_by)
    assert not PlanCheck.objects.exists()
    flag(occasion)
    audit_moves.opened(cast, at=LATER, opportunity=occasion)
    seen = page_of(cast, drawn(cast, size=1, minimum_cents=1), tied)
    assert seen.status_code == 200 and "VE-2026" not in words(seen) and "/ouvrir/" not in text_of(seen)
    assert not any(row.may for row in seen.context["rows"])
    for name in ("echantillon.csv", "echantillon.json"):
        assert signed_in(tied).get(f"/verification/echantillons/{plan.number}/{name}").status_code == 403, name
    assert "À examiner par une autre personne" in words(page_of(cast, plan, inside))


def test_a_sample_costs_the_same_for_one_and_for_three(cast, then):
    def cost(plan) -> int:
        client = signed_in(cast.auditor)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/verification/echantillons/{plan.number}/").status_code == 200
        return len(queries)

    costs = []
    for size in (1, 3):
        while Award.objects.count() < size:
            audit_moves.opened(cast, at=LATER, opportunity=cast.awarded()[0])
        plan = drawn(cast, size=size)
        for number in plan.picks:
            examined(cast, plan, number)
        costs.append(cost(plan))
    assert costs[0] == costs[1] <= 11, costs
