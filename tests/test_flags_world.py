"""Precision and recall of every formula on the planted set of tests/flag_world.py, and the page that reports them."""

import json
from pathlib import Path

import pytest
from django.utils.translation import override

from audit.flags import compute
from audit.flags.catalogue import CATALOGUE, amount, sentence
from tests import flag_world

PAGE = Path(__file__).parent.parent / "docs" / "flags.md"
LEAST_PRECISION, LEAST_RECALL = 0.9, 0.95


@pytest.fixture(scope="module")
def planted():
    return flag_world.build()


@pytest.fixture(scope="module")
def found(planted):
    return compute.found(planted.world, planted.at)


@pytest.fixture(scope="module")
def scores(planted, found):
    return flag_world.scores(planted, found)


def test_the_set_is_large_and_always_the_same(planted):
    assert len(planted.world.procurements) >= 200
    assert flag_world.build() == planted
    assert set(planted.labels) == set(compute.FORMULAS)


@pytest.mark.parametrize("code", list(compute.FORMULAS))
def test_a_formula_finds_what_was_planted(scores, code):
    labelled, flagged = scores[code]
    right = len(labelled & flagged)
    assert right / len(labelled) >= LEAST_RECALL, sorted(map(str, labelled - flagged))
    assert right / len(flagged) >= LEAST_PRECISION, sorted(map(str, flagged - labelled))


def test_the_page_says_what_is_measured(planted, found):
    """`python -m tests.flag_world > docs/flags.md` writes it again."""
    assert PAGE.read_text(encoding="utf-8") == flag_world.document(planted, found)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_flag_is_said_in_words(found, language):
    """From what the table keeps: JSON and back."""
    with override(language):
        for flag in found:
            said = sentence(flag.code, json.loads(json.dumps(flag.details)))
            assert len(said) > 20 and said.endswith(".") and "%(" not in said and "%s" not in said, said
            assert amount(flag.code, flag.value) and amount(flag.code, flag.threshold)


def test_every_formula_is_explained():
    for code, entry in CATALOGUE.items():
        assert entry.code == code and len(code) <= 12 and all(vars(entry).values())


def test_no_flag_says_where_people_live_or_are_paid(found, planted):
    private = {getattr(v, name) for v in planted.world.vendors.values() for name in ("address", "phone", "account")}
    said = json.dumps([flag.details for flag in found])
    assert not [value for value in private if value and value in said]
