"""What SQL refuses once the notes of an occasion are frozen: a score that no accepted re-examination holds.

Whoever forges a note must write that re-examination first, by two people, with its reason and its values: rows that
cannot be changed nor taken away. An accepted one serves once: a later change of the same note needs a later one.
A migration that rebuilds one of these tables on SQLite drops its triggers: it must call `install` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, make, unmake

_FROZEN = (
    "EXISTS (SELECT 1 FROM proposals_proposal p JOIN opportunities_opportunity o ON o.id = p.opportunity_id "
    "WHERE p.id = {row}.proposal_id AND o.notes_frozen_at IS NOT NULL)"
)
_HELD = (
    "EXISTS (SELECT 1 FROM proposals_notereexaminationline l JOIN proposals_notereexamination r "
    "ON r.id = l.reexamination_id WHERE r.id = NEW.reexamination_id AND r.state = 'accepted' "
    "AND r.proposal_id = NEW.proposal_id AND l.criterion_id = NEW.criterion_id "
    "AND l.value_after = NEW.value AND l.comment_after = NEW.comment)"
)
_SAME_PLACE = "OLD.proposal_id = NEW.proposal_id AND OLD.criterion_id = NEW.criterion_id"
_LATER = "(OLD.reexamination_id IS NULL OR OLD.reexamination_id < NEW.reexamination_id)"
_OLD, _NEW = _FROZEN.format(row="OLD"), _FROZEN.format(row="NEW")
_ASKED = ("proposal_id", "reason", "asked_by_id", "asked_at", "seen", "total_before", "total_after")
_KEPT = " AND ".join(f"OLD.{name} = NEW.{name}" for name in _ASKED)

_RULES: list[Refusal] = [
    ("score_frozen_insert", "proposals_score", "INSERT", f"{_NEW} AND NOT {_HELD}", "notes are frozen"),
    (
        "score_frozen_update", "proposals_score", "UPDATE",
        f"({_OLD} OR {_NEW}) AND NOT ({_SAME_PLACE} AND {_LATER} AND {_HELD})",
        "notes are frozen",
    ),
    ("score_frozen_delete", "proposals_score", "DELETE", _OLD, "notes are frozen"),
    (
        "notereexamination_decided", "proposals_notereexamination", "UPDATE",
        f"NOT (OLD.state = 'pending' AND {_KEPT})",
        "a re-examination of notes is decided once",
    ),
    ("notereexamination_stays", "proposals_notereexamination", "DELETE", "1 = 1", "a re-examination of notes stays"),
]  # fmt: skip


def install(connection: BaseDatabaseWrapper) -> None:
    make(connection, _RULES)


def remove(connection: BaseDatabaseWrapper) -> None:
    unmake(connection, _RULES)
