"""A JSON column that lost its shape spoils its own page, which says so, and no other; verify.py names the occasion."""

import json

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection, models

from marketplace.columns import shape
from proposals.models import Recommendation, Submission
from tests.reading import text_of
from tests.test_notices import held, problems
from tests.unguarded import unguarded

WORDS = "Ces données ne se lisent pas"
VALUES = ["[1]", "{}", '"x"', "7", "null", "true", '[{"proposal": null}]', '{"lines": 1}']


def test_every_json_column_has_a_shape():
    """Whoever adds one says what its values look like: the pages that read it are written for that."""
    fields = [
        field
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.JSONField) and model.__module__.partition(".")[0] not in {"allauth", "django"}
    ]
    assert len(fields) == 24
    assert not [str(field) for field in fields if not isinstance(field, shape.ShapedJSONField)]
    assert not [str(field) for field in fields if field.fits(7)]
    assert [str(field) for field in fields if field.fits("x")] == ["contracts.Passport.publiccode"]  # a file's text


@pytest.mark.parametrize(
    ("fits", "right", "wrong"),
    [
        (shape.listed(shape.number), [[], [1, 2]], [None, {}, [True], ["1"], [1.5], 1]),
        (shape.mapped(shape.text), [{}, {"a": "b"}], [None, [], {"a": 1}]),
        (shape.held({"a": shape.yes_or_no}, b=shape.fraction), [{"a": True}, {"a": False, "b": "173/2"}],
         [{}, {"a": 1}, {"a": True, "b": "x"}, {"a": True, "b": "1/0"}, {"a": True, "b": 1}, []]),
        (shape.either(shape.fraction, shape.nothing), ["86.5", None], ["", "1" * 100, [], 5]),
    ],
    ids=["listed", "mapped", "held", "either"],
)  # fmt: skip
def test_shapes(fits, right, wrong):
    assert all(map(fits, right)) and not any(map(fits, wrong))


def test_what_is_unread_answers_nothing():
    value = shape.Unread("app.Model.column")
    asked = [
        lambda: list(value), lambda: len(value), lambda: bool(value), lambda: value["a"], lambda: value.get("a"),
        lambda: "a" in value, lambda: value | {}, lambda: {} | value, lambda: str(value), lambda: f"{value}",
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(shape.Misshapen, match=r"app\.Model\.column"):
            ask()


def forge(model, pk, column, value):
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET {column} = %s WHERE {model._meta.pk.column} = %s", (value, pk)
        )


def test_a_page_says_that_it_cannot_be_shown(cast, client, caplog):
    """Fault of 0.5: a traceback on the public award page, and an export that ended there."""
    spoiled, _proposals = cast.awarded(mode="adjusted_price")
    sound, _others = cast.awarded(mode="price", title="Autre")
    recommendation = Recommendation.objects.get(opportunity=spoiled)
    submission = Submission.objects.get(proposal=recommendation.proposal)
    expected = held()
    assert not problems(expected)
    pages = [f"/occasions/{spoiled.number}/{end}" for end in ("", "attribution/", "ouverture/", "avis.json")]
    pages += [f"/en/occasions/{spoiled.number}/attribution/", "/attributions/", "/", "/registre/"]
    refused = 0
    for model, pk, column, label in (
        (Recommendation, recommendation.pk, "ranking", "proposals.Recommendation.ranking"),
        (Submission, submission.pk, "receipt", "proposals.Submission.receipt"),
    ):
        before = json.dumps(getattr(model.objects.get(pk=pk), column))
        for value in VALUES:
            with unguarded():
                forge(model, pk, column, value)
            for page in pages:
                cache.clear()
                caplog.clear()
                answer = client.get(page)
                assert answer.status_code in {200, 500}, (page, value)
                if answer.status_code == 500:
                    refused += 1
                    words = "These data cannot be read" if page.startswith("/en/") else WORDS
                    assert words in text_of(answer) and "Traceback" not in text_of(answer)
                    said = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
                    assert any(label in line for line in said) and not [r for r in caplog.records if r.exc_info]
            assert client.get(pages[1]).status_code == 500
            assert client.get(f"/occasions/{sound.number}/attribution/").status_code == 200
            found = problems(expected)
            assert {values["number"] for _name, values in found} == {spoiled.number}
            assert ("notice_unread", {"number": spoiled.number, "column": label}) in found
        with unguarded():
            forge(model, pk, column, before)
    assert refused >= 2 * len(VALUES) * 2
    assert not problems(expected)
