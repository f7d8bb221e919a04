"""What the database refuses of a published notice, on PostgreSQL and on SQLite.

Grid, mode, K and amount never change again. Dates, texts, skills, files and addenda change while a version is being
written and at no other time: its row comes first (`NoticeVersion`, number n + 1), what changes then, and last the
occasion's own `notice_version`, which can only grow by one and only to a version that is there. So whoever forges a
change through the application's role is refused, or leaves a version behind that the ledger does not know.

SQLite drops the triggers of a table that it rebuilds, and refuses to rebuild one that other triggers read: a migration
that changes `opportunities_opportunity` or a table below calls `remove` before and `install` after.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.ledger.triggers import Refusal, different, make, unmake
from opportunities.versions.document import FROZEN, VERSIONED

_OCCASION, _VERSION = "opportunities_opportunity", "opportunities_noticeversion"
_SKILLS = "opportunities_opportunity_skills"
_UNPUBLISHED = "('draft', 'in_review')"
_STATUS = "CASE WHEN {row}.state IN ('evaluation', 'recommended') THEN 'published' ELSE {row}.state END"


def _rules(vendor: str) -> list[Refusal]:
    """One trigger each."""

    def fixed(row: str) -> str:
        """The occasion that `row` hangs from left the drafts; false where it is not there yet."""
        return (
            f"EXISTS (SELECT 1 FROM {_OCCASION} o WHERE o.id = {row}.opportunity_id AND o.state NOT IN {_UNPUBLISHED})"
        )

    def open_version(row: str, named: str = "") -> str:
        """Its next version is written and it does not bear its number yet; `named`: and the row says that number."""
        return (
            f"EXISTS (SELECT 1 FROM {_OCCASION} o JOIN {_VERSION} v ON v.opportunity_id = o.id "
            f"AND v.number = o.notice_version + 1 WHERE o.id = {row}.opportunity_id{named})"
        )

    own = (
        f"NEW.notice_version = OLD.notice_version + 1 AND EXISTS (SELECT 1 FROM {_VERSION} v "
        "WHERE v.opportunity_id = NEW.id AND v.number = NEW.notice_version)"
    )
    was_fixed = f"OLD.state NOT IN {_UNPUBLISHED}"
    status = f"{_STATUS.format(row='OLD')} <> {_STATUS.format(row='NEW')}"
    frozen = different(vendor, (*FROZEN, "id", "number", "body_id", "author_id", "published_by_id", "submitted_by_id"))
    grid, needs = "a published notice keeps its grid", "a published notice changes by a version"
    moving = (
        f"({was_fixed} AND ({different(vendor, (*VERSIONED, 'notice_version'))} OR {status})) "
        "OR (OLD.published_at IS NULL AND NEW.published_at IS NOT NULL)"
    )
    used = (
        f"EXISTS (SELECT 1 FROM {_SKILLS} l JOIN {_OCCASION} o ON o.id = l.opportunity_id "
        f"WHERE l.skill_id = OLD.id AND o.state NOT IN {_UNPUBLISHED})"
    )
    numbered = (
        f"EXISTS (SELECT 1 FROM {_OCCASION} o WHERE o.id = NEW.opportunity_id "
        "AND (o.state = 'draft' OR NEW.number <> o.notice_version + 1))"
    )
    attached = open_version("NEW", " AND NEW.version = v.number")
    return [
        (
            "notice_frozen", _OCCASION, "UPDATE",
            f"{was_fixed} AND ({frozen} OR NEW.state IN {_UNPUBLISHED})",
            "a published notice keeps its mode, K and amount",
        ),
        ("notice_versioned", _OCCASION, "UPDATE", f"({moving}) AND NOT ({own})", needs),
        ("notice_stays", _OCCASION, "DELETE", was_fixed, "a published notice stays"),
        ("notice_grid_insert", "opportunities_criterion", "INSERT", fixed("NEW"), grid),
        ("notice_grid_update", "opportunities_criterion", "UPDATE", f"{fixed('OLD')} OR {fixed('NEW')}", grid),
        ("notice_grid_delete", "opportunities_criterion", "DELETE", fixed("OLD"), grid),
        ("notice_skills_insert", _SKILLS, "INSERT", f"{fixed('NEW')} AND NOT {open_version('NEW')}", needs),
        ("notice_skills_update", _SKILLS, "UPDATE", f"{fixed('OLD')} OR {fixed('NEW')}", needs),
        ("notice_skills_delete", _SKILLS, "DELETE", f"{fixed('OLD')} AND NOT {open_version('OLD')}", needs),
        (
            "notice_skill_name", "opportunities_skill", "UPDATE",
            f"({different(vendor, ('id', 'name'))}) AND {used}", "a published notice keeps the names of its skills",
        ),
        ("notice_files_insert", "opportunities_attachment", "INSERT", f"{fixed('NEW')} AND NOT {attached}", needs),
        ("notice_files_update", "opportunities_attachment", "UPDATE", f"{fixed('OLD')} OR {fixed('NEW')}", needs),
        (
            "notice_files_delete", "opportunities_attachment", "DELETE",
            f"{fixed('OLD')} AND NOT {open_version('OLD')}", needs,
        ),
        ("notice_addenda_insert", "opportunities_addendum", "INSERT", f"{fixed('NEW')} AND NOT {attached}", needs),
        ("notice_numbered", _VERSION, "INSERT", numbered, "versions of a notice follow each other"),
    ]  # fmt: skip


def install(connection: BaseDatabaseWrapper) -> None:
    make(connection, _rules(connection.vendor))


def remove(connection: BaseDatabaseWrapper) -> None:
    unmake(connection, _rules(connection.vendor))


def names(vendor: str) -> list[str]:
    """Every trigger, as the database's catalogue calls it."""
    return [name for name, *_rest in _rules(vendor)]
