"""Lists (newest first, cursors) and ``expand``: the same for every kind of object."""

import json
from collections.abc import Callable

from tools.stripe_standin import forms
from tools.stripe_standin.errors import Refused, invalid, no_such
from tools.stripe_standin.state import State

PAGING = {"limit", "starting_after", "ending_before", "expand"}
DEEPEST = 4
# Fields that are absent unless expanded: (kind, field) -> how to read them.
ON_DEMAND: dict[tuple[str, str], Callable[[State, dict], object]] = {}


def page(state: State, kind: str, params: dict, url: str, equal: dict[str, str | None], created: bool = True) -> dict:
    """One page of a kind: ``{object: "list", data, has_more, url}``. ``equal``: field -> wanted value, None for any."""
    limit = forms.integer(params, "limit", default=10)
    if not 1 <= limit <= 100:
        raise invalid("limit", "between 1 and 100", "parameter_invalid_integer")
    where, values = ["kind = ?"], [kind]
    for name, value in equal.items():
        if value is not None:
            where.append(f"json_extract(body, '$.{name}') = ?")
            values.append(value)
    for sign, instant in _window(params) if created else ():
        where.append(f"created {sign} ?")
        values.append(instant)
    after, before = forms.text(params, "starting_after"), forms.text(params, "ending_before")
    if after and before:
        raise invalid("ending_before", "not together with starting_after")
    for sign, cursor, param in (("<", after, "starting_after"), (">", before, "ending_before")):
        if cursor:
            row = state.db.execute("select seq from objects where id = ? and kind = ?", (cursor, kind)).fetchone()
            if row is None:
                raise no_such(kind, cursor, status=400, param=param)
            where.append(f"seq {sign} ?")
            values.append(row["seq"])
    order = "asc" if before else "desc"
    query = f"select body from objects where {' and '.join(where)} order by seq {order} limit ?"
    fetched = [json.loads(row["body"]) for row in state.db.execute(query, (*values, limit + 1))]
    rows = fetched[:limit]
    return collection(rows[::-1] if before else rows, url, len(fetched) > limit)


def collection(rows: list[dict], url: str, has_more: bool = False) -> dict:
    return {"object": "list", "data": rows, "has_more": has_more, "url": url}


def _window(params: dict) -> list[tuple[str, int]]:
    signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    asked = params.get("created")
    if isinstance(asked, dict):
        if unknown := set(asked) - set(signs):
            raise invalid("created", f"unknown bounds {sorted(unknown)}", "parameter_unknown")
        return [(signs[name], forms.integer(asked, name, required=True)) for name in asked]
    return [("=", forms.integer(params, "created", required=True))] if asked else []


def expand(state: State, answer: dict, params: dict) -> dict:
    """Replace ids by objects along each asked path, ``data.`` first in a list. Raises `Refused`."""
    for path in forms.sequence(params, "expand"):
        steps = path.split(".")
        if len(steps) > DEEPEST + (steps[0] == "data"):
            raise invalid("expand", f"at most {DEEPEST} levels")
        _expand(state, answer, steps, path)
    return answer


def _expand(state: State, node, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for each in node:
            _expand(state, each, steps, path)
        return
    if not steps or not isinstance(node, dict):
        return
    name, *rest = steps
    on_demand = ON_DEMAND.get((node.get("object"), name))
    if on_demand and name not in node:
        node[name] = on_demand(state, node)
    if name not in node:
        raise not_expandable(path)
    if isinstance(node[name], str):
        node[name] = state.find(node[name])
        fits = node[name] is not None
    else:
        fits = node[name] is None or isinstance(node[name], list)
        fits = fits or isinstance(node[name], dict) and "object" in node[name]
    if not fits:
        raise not_expandable(path)
    _expand(state, node[name], rest, path)


def not_expandable(path: str) -> Refused:
    return Refused(f"This property cannot be expanded ({path}).", param="expand", executed=False)
