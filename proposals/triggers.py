"""What SQL refuses once notes are frozen: a score, or an admission, that no accepted re-examination holds.

Whoever forges one must write that re-examination first, by two people, with its reason and what it asks: rows that
cannot be changed nor taken away. An accepted one serves once: a later change of the same note, or of the same
admission, needs a later one. It is asked before it is decided; one of notes is accepted with a version of the notes and
its digest, which the ledger must hold too. Notes are frozen once the last version of each scored proposal's has its
digest. A migration that rebuilds one of these tables on SQLite drops its triggers: it must call `install` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, different, make, unmake

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
_ASKED_OF_ADMISSION = ("outcome", "code", "text")

_SEALED = (
    "EXISTS (SELECT 1 FROM proposals_notesversion v JOIN proposals_notesseal s ON s.version_id = v.id "
    "WHERE v.reexamination_id = NEW.id AND v.proposal_id = NEW.proposal_id)"
)
_UNSEALED = (
    "EXISTS (SELECT 1 FROM proposals_proposal p JOIN proposals_notesversion v ON v.proposal_id = p.id "
    "WHERE p.opportunity_id = NEW.id AND p.state = 'scored' "
    "AND NOT EXISTS (SELECT 1 FROM proposals_notesseal s WHERE s.version_id = v.id) AND NOT EXISTS "
    "(SELECT 1 FROM proposals_notesversion w WHERE w.proposal_id = p.id AND w.number > v.number))"
)
_WAITING = (
    "EXISTS (SELECT 1 FROM proposals_proposal p WHERE p.opportunity_id = NEW.id "
    "AND p.state IN ('opened', 'admissible'))"
)

_SCORES: list[Refusal] = [
    (
        "notes_frozen_whole", "opportunities_opportunity", "UPDATE",
        "OLD.notes_frozen_at IS NULL AND NEW.notes_frozen_at IS NOT NULL AND (OLD.state <> 'evaluation' "
        f"OR NEW.state NOT IN ('evaluation', 'recommended') OR NEW.notes_frozen_by_id IS NULL OR {_UNSEALED} "
        f"OR {_WAITING})",
        "notes are frozen with the digest of each",
    ),
    (
        "notereexamination_asked", "proposals_notereexamination", "INSERT",
        f"{_NEW} AND (NEW.state <> 'pending' OR NEW.decided_by_id IS NOT NULL OR NEW.decided_at IS NOT NULL)",
        "a re-examination of notes is asked before it is decided",
    ),
    ("score_frozen_insert", "proposals_score", "INSERT", f"{_NEW} AND NOT {_HELD}", "notes are frozen"),
    (
        "score_frozen_update", "proposals_score", "UPDATE",
        f"({_OLD} OR {_NEW}) AND NOT ({_SAME_PLACE} AND {_LATER} AND {_HELD})",
        "notes are frozen",
    ),
    ("score_frozen_delete", "proposals_score", "DELETE", _OLD, "notes are frozen"),
]  # fmt: skip

# --- Who is admissible -----------------------------------------------------------------------------------------------
_OCCASION_FROZEN = (
    "EXISTS (SELECT 1 FROM opportunities_opportunity o "
    "WHERE o.id = OLD.opportunity_id AND o.notes_frozen_at IS NOT NULL)"
)
# One that counts goes to its award and back by the occasion's moves: it never leaves the ranks.
_COUNTS = "CASE WHEN {row}.state IN ('scored', 'awarded', 'not_awarded') THEN 'scored' ELSE {row}.state END"
_MOVED = f"{_COUNTS.format(row='OLD')} <> {_COUNTS.format(row='NEW')}"
_DECIDED = (
    "EXISTS (SELECT 1 FROM proposals_notereexamination r WHERE r.id = NEW.reexamination_id AND r.state = 'accepted' "
    "AND r.proposal_id = NEW.id AND r.outcome = NEW.state AND r.code = NEW.rejection_code "
    "AND r.text = NEW.rejection_text)"
)


def _rules(vendor: str, *, admissions: bool) -> list[Refusal]:
    kept = " AND ".join(f"OLD.{name} = NEW.{name}" for name in (*_ASKED, *(_ASKED_OF_ADMISSION if admissions else ())))
    of_notes = " AND NEW.outcome = ''" if admissions else ""
    table = "proposals_notereexamination"
    rules = [
        *_SCORES,
        (
            "notereexamination_decided", table, "UPDATE",
            f"NOT (OLD.state = 'pending' AND {kept}) OR (NEW.state = 'accepted'{of_notes} AND NOT {_SEALED})",
            "a re-examination is decided once",
        ),
        ("notereexamination_stays", table, "DELETE", "1 = 1", "a re-examination stays"),
    ]  # fmt: skip
    if admissions:
        why = different(vendor, ("rejection_code", "rejection_text", "reexamination_id"))
        noted = f"OLD.state = 'admissible' AND NEW.state = 'scored' AND NOT ({why})"
        wrong = f"{_OCCASION_FROZEN} AND ({_MOVED} OR {why}) AND NOT ({noted}) AND NOT ({_LATER} AND {_DECIDED})"
        message = "who is admissible is frozen with the notes"
        rules.append(("proposal_frozen", "proposals_proposal", "UPDATE", wrong, message))
    return rules


def _holds_admissions(connection: BaseDatabaseWrapper) -> bool:
    """Whether the tables have what migration 0008 adds: 0006 installs what stood before it."""
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, "proposals_proposal")
    return "reexamination_id" in {column.name for column in columns}


def install(connection: BaseDatabaseWrapper) -> None:
    make(connection, _rules(connection.vendor, admissions=_holds_admissions(connection)))


def remove(connection: BaseDatabaseWrapper) -> None:
    unmake(connection, _rules(connection.vendor, admissions=True))


def names(vendor: str) -> list[str]:
    """Every trigger, as the database's catalogue calls it."""
    return [name for name, *_rest in _rules(vendor, admissions=True)]
