"""Sampling plans: a draw that anyone can run again, recorded before and after, over standing awards only."""

import csv
import hashlib
import io
import json
from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from audit import sampling
from audit.models import RedFlag, SamplingPlan
from marketplace import clock
from marketplace.ledger import LedgerEntry
from marketplace.models import LedgerPayload
from proposals import award
from tests.cast import CLOSES_AT
from tests.reading import signed_in, text_of, words

LATER = CLOSES_AT + timedelta(days=4)
SINCE, UNTIL = date(2026, 11, 1), date(2026, 11, 28)


@pytest.fixture
def then():
    with clock.set_to(LATER):
        yield LATER


def drawn(cast, **fields) -> SamplingPlan:
    values = {"title": "Tirage", "method": "random", "since": SINCE, "until": UNTIL, "size": 2}
    return sampling.draw(by=cast.auditor, **(values | fields))


def typed(**fields) -> dict:
    values = {"title": "Automne", "method": "random", "since": "2026-11-01", "until": "2026-11-28", "size": "2"}
    return values | {"body": "", "minimum_cents": ""} | fields


def flag(occasion, code="R018"):
    return RedFlag.objects.create(
        code=code, opportunity=occasion, value=1, threshold=1, first_at=LATER, last_at=LATER, details={}
    )


def recomputed(plan: dict) -> list[str]:
    """The recipe of the page, from the downloaded plan alone: nothing of the platform's code."""
    keyed = [
        (hashlib.sha256((plan["seed"] + number).encode("utf-8")).hexdigest(), number) for number in plan["population"]
    ]
    return [number for _key, number in sorted(keyed)][: plan["size"]]


def test_anyone_can_run_the_draw_again(cast, then):
    for _time in range(5):
        cast.awarded()
    plan = drawn(cast)
    data = json.loads(signed_in(cast.auditor).get(f"/verification/echantillons/{plan.number}/echantillon.json").content)
    assert len(data["population"]) == 5 and len(data["picks"]) == 2
    assert recomputed(data) == data["picks"] == plan.picks
    joined = "".join(f"{number}\n" for number in sorted(data["population"]))
    assert hashlib.sha256(joined.encode()).hexdigest() == data["population_sha256"]


@given(
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.sets(st.integers(1, 9999), min_size=1, max_size=40),
    st.integers(1, 50),
)
def test_the_rule_depends_on_nothing_but_its_recipe(seed, numbers, size):
    population = {f"DAN-2026-{n:04d}": (n, n % 3) for n in numbers}
    backwards = dict(reversed(population.items()))
    plan = {"seed": seed, "population": list(population), "size": size}
    assert sampling.picks("random", seed, population, size) == recomputed(plan)
    for method in ("random", "amount", "flags"):
        chosen = sampling.picks(method, seed, population, size)
        assert chosen == sampling.picks(method, seed, backwards, size)
        assert len(set(chosen)) == len(chosen) <= size and set(chosen) <= set(population)
    amounts = [population[n][0] for n in sampling.picks("amount", seed, population, size)]
    assert amounts == sorted((n for n in numbers), reverse=True)[:size]
    marked = [population[n][1] for n in sampling.picks("flags", seed, population, size)]
    assert marked == sorted((n % 3 for n in numbers if n % 3), reverse=True)[:size]


def test_every_award_has_the_same_chance():
    population = {f"DAN-2026-{n:04d}": (1, 0) for n in range(10)}
    counts = dict.fromkeys(population, 0)
    for seed in range(2_000):
        for number in sampling.picks("random", f"{seed:064x}", population, 3):
            counts[number] += 1
    assert all(520 < count < 680 for count in counts.values()), counts  # 600 expected, six standard deviations around


def test_the_seed_is_written_before_the_population_is_read(cast, then, monkeypatch):
    cast.awarded()
    seen = []
    real = sampling.population_of

    def spied(**asked):
        seen.append(LedgerPayload.objects.filter(action="sample.seed").get().body["seed"])
        return real(**asked)

    monkeypatch.setattr(sampling, "population_of", spied)
    plan = drawn(cast)
    assert seen == [plan.seed] and len(plan.seed) == 64
    seed, draw = LedgerEntry.objects.filter(action__startswith="sample.").order_by("seq")
    assert (seed.action, draw.action) == ("sample.seed", "sample.draw")
    body = draw.payload.body
    assert body["population_sha256"] == sampling.digest_of(plan.population) and body["picks"] == plan.picks
    assert not LedgerEntry.objects.public().filter(action__startswith="sample.").exists()


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
        award.request_reversal(second, by=cast.officer, reason="Erreur de calcul.")
        award.reverse(second, by=cast.second_officer)
    cast.recommended()
    assert drawn(cast).population == [first.number]
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
            sampling.draw(by=who, title="T", method="random", since=SINCE, until=UNTIL, size=1)


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
    rows = list(csv.DictReader(io.StringIO(client.get(f"{answer['Location']}echantillon.csv").content.decode())))
    assert [(row["number"], row["retained"]) for row in rows] == [(occasion.number, "yes")]
    assert plan.title in words(client.get("/verification/echantillons/"))


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
    award.request_reversal(occasion, by=cast.officer, reason="Erreur de calcul.")
    award.reverse(occasion, by=cast.second_officer)
    page = signed_in(cast.auditor).get(f"/verification/echantillons/{plan.number}/")
    assert "Attribution annulée depuis" in words(page)
