"""Where the next page of a list begins, in its address: `<microseconds since 1970>-<pk>` of the last row shown."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(instant: datetime, pk: int) -> str:
    """The cursor of a row that the list orders by this instant, then by key."""
    return f"{(instant - _EPOCH) // timedelta(microseconds=1)}-{pk}"


def read(text: str) -> tuple[datetime, int] | None:
    """(instant, pk), or None for whatever is not a cursor: the first page answers."""
    micros, _dash, pk = text.partition("-")
    if not (micros.isascii() and micros.isdecimal() and pk.isascii() and pk.isdecimal()):
        return None
    if len(micros) > 17 or len(pk) > 18:  # before int(), which refuses thousands of digits; databases, large keys
        return None
    return _EPOCH + timedelta(microseconds=int(micros)), int(pk)
