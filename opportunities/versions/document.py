"""`dan-notice/1`: a whole notice as one JSON value, built from its rows; what the ledger holds the digest of.

Columns keep their names; amounts are cents before taxes, instants UTC as the ledger writes them, days ISO. What is
empty ("", None, [], {}) is left out, at any depth, so that a column that comes later changes no document of before.
Nothing here names a person but the contact that the notice itself announces.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from marketplace.ledger.entries import canonical, instant
from opportunities.enums import AwardMode, State

FORMAT = "dan-notice/1"
# What no act changes once the notice is published: one cancels it and publishes another.
FROZEN = ("budget_cents", "award_mode", "k_percent", "draw_commitment", "published_at")
# What changes in a transaction that also writes a version, and in no other (opportunities/versions/triggers.py).
VERSIONED = (
    *("title", "teaser", "description", "remote_ok", "remote_description", "location", "region", "code_licence"),
    *("submission_info", "acceptance_criteria", "evaluation_criteria", "contact_name", "contact_email"),
    *("questions_close_at", "closes_at", "assignment_date", "start_date", "completion_date", "short_period_reason"),
    *("state_reason", "unsuccessful_reason"),
)
# The public learns of these two by the minutes and the award, not by a version.
_STILL_PUBLISHED = {State.EVALUATION, State.RECOMMENDED}
Document = dict[str, Any]


def stamp(number: int, kind: str, at: datetime, previous: str) -> Document:
    """What tells a version from the others. `previous`: the SHA-256 of the version before it, "" for the first."""
    return {"version": number, "kind": str(kind), "at": instant(at), "previous_sha256": previous}


def status(state: str) -> str:
    """What a version says of the state: published until it is suspended, cancelled, awarded or ended without award."""
    return str(State.PUBLISHED if state in _STILL_PUBLISHED else state)


def of(
    notice: Any,
    stamped: Document,
    *,
    added: Iterable[Any] = (),
    award: Mapping[str, Any] | None = None,
    body_name: str = "",
) -> Document:
    """The document of an occasion (a row, saved or about to be) under a `stamp`.

    added: addenda about to be written. award: what the public reads of the standing award, given by the app that knows
    it. body_name: as an earlier version says it, for a body may change its name without changing its notices.
    """
    columns = {name: getattr(notice, name, None) for name in (*FROZEN, *VERSIONED)}
    value = {
        "type": FORMAT,
        "number": notice.number,
        **stamped,
        "status": status(notice.state),
        "body": {"id": notice.body_id, "name": body_name or notice.body.name},
        **columns,
        "default_minimum": AwardMode(notice.award_mode).default_minimum,
        "skills": sorted(skill.name for skill in notice.skills.all()),
        "criteria": [
            {
                "title": row.label, "acceptable": row.description, "weight": row.weight, "minimum": row.minimum,
            }
            for row in sorted(notice.criteria.all(), key=lambda row: (row.position, row.pk))
        ],
        "attachments": [
            {"name": row.name, "size": row.size, "sha256": row.sha256, "version": row.version}
            for row in sorted(notice.attachments.all(), key=lambda row: row.pk)
        ],
        "addenda": [
            {"number": row.number, "at": row.at, "text": row.text, "version": row.version}
            for row in sorted([*notice.addenda.all(), *added], key=lambda row: row.number)
        ],
        "award": dict(award or {}),
    }  # fmt: skip
    return {name: told for name, told in filled(value).items() if told not in (None, "", [], {})}


def filled(value: Any) -> Any:
    """JSON values only, the empty ones left out, as a document holds them."""
    if isinstance(value, Mapping):
        inside = {name: filled(one) for name, one in value.items()}
        return {name: one for name, one in inside.items() if one not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [filled(one) for one in value]
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def text(document: Document) -> str:
    """The document as it is kept, downloaded and digested."""
    return canonical(document).decode()


def digest(content: str) -> str:
    """SHA-256 of a document's text, in hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()
