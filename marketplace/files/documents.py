"""JSON that others wrote, read with bounds."""

import json
import re
from typing import Any, NoReturn

MOST_DEPTH = 100  # an SBOM's components hold components; nothing honest goes further
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it, and not « \u0000 » told in a text


def read_json(blob: bytes) -> Any:
    """The value of a document in UTF-8, with or without a mark at its start; the caller bounds its size.

    ValueError for what is not JSON, NaN included; for more than MOST_DEPTH levels; for NUL and half a
    character (a lone surrogate), which the database refuses. Nested by the thousand, it would exhaust the parser, or
    whoever reads the value next.
    """
    text = blob.decode("utf-8-sig")
    try:
        value = json.loads(text, parse_constant=_not_json)
    except RecursionError as error:
        raise ValueError("nested") from error
    level = [value]
    for _depth in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            break
    else:
        raise ValueError("nested")
    if "\\u" in text:  # the only way to write them
        written = json.dumps(value, ensure_ascii=False)
        written.encode()
        if _NUL.search(written):
            raise ValueError("NUL")
    return value


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)
