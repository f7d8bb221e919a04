"""The cursor of lists: what it names is found again, and whatever is not one opens the first page."""

from datetime import UTC, datetime

import pytest

from marketplace import lists
from proposals.models import Award

ORDER = ("-at", "-pk")


def read(text):
    return lists.read(text, Award.objects.all(), ORDER)


def test_a_row_is_found_again_to_the_microsecond():
    instant = datetime(2026, 11, 24, 19, 0, 0, 123456, tzinfo=UTC)
    row = Award(at=instant, pk=42)
    assert read(lists.written(row, ORDER)) == (instant, 42)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "-",
        "1-",
        "-1",
        "1",
        "1-2-3",
        "a-1",
        "1-a",
        "١-1",
        "1-²",
        "\x001-1",
        "9" * 18 + "-1",
        "1-" + "9" * 19,
        "2026-11-24_1",
    ],
)
def test_what_is_not_a_cursor(forged):
    assert read(forged) is None


def test_the_furthest_is_a_date():
    assert read("9" * 17 + "-" + "9" * 18)[0].year < 9999
