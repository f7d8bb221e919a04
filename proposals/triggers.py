"""What SQL refuses once the notes of an occasion are frozen: a score that no accepted re-examination holds.

Whoever forges a note must write that re-examination first, by two people, with its reason and its values: rows that
cannot be changed nor taken away. An accepted one serves once: a later change of the same note needs a later one.
A migration that rebuilds one of these tables on SQLite drops its triggers: it must call `install` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

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

# Name → (table, verb, when it is refused, what is said).
_REFUSED = {
    "score_frozen_insert": ("proposals_score", "INSERT", f"{_NEW} AND NOT {_HELD}", "notes are frozen"),
    "score_frozen_update": (
        "proposals_score", "UPDATE", f"({_OLD} OR {_NEW}) AND NOT ({_SAME_PLACE} AND {_LATER} AND {_HELD})",
        "notes are frozen",
    ),
    "score_frozen_delete": ("proposals_score", "DELETE", _OLD, "notes are frozen"),
    "notereexamination_decided": (
        "proposals_notereexamination", "UPDATE", f"NOT (OLD.state = 'pending' AND {_KEPT})",
        "a re-examination of notes is decided once",
    ),
    "notereexamination_stays": ("proposals_notereexamination", "DELETE", "1 = 1", "a re-examination of notes stays"),
}  # fmt: skip


def install(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, (table, verb, wrong, message) in _REFUSED.items():
            if connection.vendor == "postgresql":
                row = "OLD" if verb == "DELETE" else "NEW"
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF {wrong} THEN RAISE EXCEPTION '{message}' "
                    f"USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {row}; END $$"
                )
                cursor.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
            else:
                cursor.execute(
                    f"CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {wrong} "
                    f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
                )


def remove(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, (table, _verb, _wrong, _message) in _REFUSED.items():
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
