"""Writing a draft: its fields, skills, grid and files, in one transaction, without losing what another person wrote."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.files import store
from marketplace.files.uploads import apart, none_added
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked, name_act
from marketplace.models import User
from opportunities import rules
from opportunities.enums import State
from opportunities.models import Attachment, Criterion, Opportunity, PublicBody, Skill
from opportunities.review import actions as notice_review_actions

ATTACHMENTS_MAX = 20
Values = dict[str, Any]
Skills = list[tuple[str, str]]  # folded, as typed
Files = list[tuple[bytes, dict[str, Any]]]  # as uploads.checked gives them


class Stale(Exception):
    """Somebody saved the draft since it was shown; `current` is what is stored now."""

    def __init__(self, current: Opportunity):
        super().__init__("the draft changed meanwhile")
        self.current = current


def check_editable(opportunity: Opportunity, user: User) -> None:
    """PermissionDenied unless the person buys for the body; IllegalMove once it is no longer a draft."""
    if not rules.is_buyer(opportunity, user):
        raise PermissionDenied(_("Seules les personnes acheteuses de l’organisme modifient un brouillon."))
    _refuse_in_review(opportunity)
    if opportunity.is_public():
        raise IllegalMove(_("Une occasion publiée ne se modifie plus : un addenda l’accompagne."))
    if opportunity.state != State.DRAFT:
        raise IllegalMove(_("Seul un brouillon se modifie."))


def check_deletable(opportunity: Opportunity, user: User) -> None:
    """The same for a draft's end: whoever may write it may delete it, for nobody but the body ever saw it."""
    if not rules.is_buyer(opportunity, user):
        raise PermissionDenied(_("Seules les personnes acheteuses de l’organisme suppriment un brouillon."))
    _refuse_in_review(opportunity)
    if opportunity.state != State.DRAFT:
        raise IllegalMove(_("Seul un brouillon se supprime : une occasion publiée ou annulée reste."))


def _refuse_in_review(opportunity: Opportunity) -> None:
    """Not lost to its writers: the review can be taken back."""
    if opportunity.state == State.IN_REVIEW:
        raise IllegalMove(_("L’occasion est en révision : reprenez d’abord le brouillon, depuis sa page."))


def _locked(opportunity: Opportunity, by: User, check: Callable[[Opportunity, User], None], act: str) -> Opportunity:
    """The draft under its lock, once `check` holds; a refusal names the act."""
    row = locked(opportunity)
    try:
        check(row, by)
    except (PermissionDenied, IllegalMove) as refusal:
        if row.concerns(by):
            name_act(refusal, f"opportunity.{act}", row.ledger_subject())
        raise
    return row


def _locked_draft(opportunity: Opportunity, by: User) -> Opportunity:
    row = _locked(opportunity, by, check_editable, "edit")
    row.editor_ids = sorted({*row.editor_ids, by.pk})  # whoever wrote any of it will not review it
    return row


def start(
    *, by: User, body: PublicBody, at: datetime, values: Values, skills: Skills, criteria: list[Values], files: Files
) -> Opportunity:
    """A new draft with all its parts. PermissionDenied unless `by` buys for `body`."""
    with transaction.atomic(), store.taken_back():
        kept = _kept(files)  # the form gave them names that differ
        opportunity = notice_review_actions.create(by=by, body=body, at=at, **values)
        _write_parts(opportunity, by=by, at=at, skills=skills, criteria=criteria, files=kept)
    return opportunity


def save(
    opportunity: Opportunity,
    *,
    by: User,
    seen: str,
    values: Values,
    skills: Skills,
    criteria: list[Values],
    files: Files,
) -> Opportunity:
    """Replace the draft's content. `seen`: the `version` shown with the form; Stale when another one is stored."""
    with transaction.atomic(), store.taken_back():
        row = _locked_draft(opportunity, by)
        if version(row) != seen:
            raise Stale(row)
        at = clock.now()
        files = fresh(row, files)
        changed = sorted(
            [name for name, value in values.items() if getattr(row, name) != value]
            + _changed_parts(row, skills=skills, criteria=criteria, files=files)
        )
        for name, value in values.items():
            setattr(row, name, value)
        # Two saves within the clock's grain are still two versions.
        row.updated_at = max(at, row.updated_at + timedelta(microseconds=1))
        row.save()
        _write_parts(row, by=by, at=at, skills=skills, criteria=criteria, files=_kept(files))
        ledger.record("opportunity.edit", row.ledger_subject(), by=by, at=at, changed=changed)
    return row


def _changed_parts(row: Opportunity, *, skills: Skills, criteria: list[Values], files: Files) -> list[str]:
    """Which of the draft's parts are about to change: "skills", "criteria" (what, or in which order), "attachments"."""
    columns = ("label", "description", "weight", "minimum")
    grid = list(row.criteria.values(*columns))
    asked = [{name: line.get(name, "" if name == "description" else None) for name in columns} for line in criteria]
    parts = {
        "skills": set(row.skills.values_list("folded", flat=True)) != {folded for folded, _name in skills},
        "criteria": grid != asked,
        "attachments": bool(files),
    }
    return [name for name, differs in parts.items() if differs]


def version(opportunity: Opportunity) -> str:
    """What tells one saved draft from the next."""
    return opportunity.updated_at.isoformat()


def fresh(opportunity: Opportunity, files: Files) -> Files:
    """Those that the draft does not have yet (same name, same digest), under names that no other file of it bears."""
    there = list(opportunity.attachments.values_list("name", "sha256"))
    added: Files = []
    for blob, facts in files:
        if (facts["name"], facts["sha256"]) not in there:
            taken = [name for name, _digest in there] + [about["name"] for _blob, about in added]
            added.append((blob, facts | {"name": apart(facts["name"], taken)}))
    return added


def _kept(files: Files) -> list[tuple[str, Values]]:
    """The files' stored names and facts. Before any entry in the ledger: its lock is everybody's, a storage is slow."""
    suffixes = [f".{facts['name'].rpartition('.')[2].lower()}" for _blob, facts in files]
    return [
        (store.keep("occasions", blob, suffix), facts) for (blob, facts), suffix in zip(files, suffixes, strict=True)
    ]


def _write_parts(
    opportunity: Opportunity,
    *,
    by: User,
    at: datetime,
    skills: Skills,
    criteria: list[Values],
    files: list[tuple[str, Values]],
) -> None:
    opportunity.skills.set(_skills(skills))
    opportunity.criteria.all().delete()
    Criterion.objects.bulk_create(
        Criterion(opportunity=opportunity, position=position, **row) for position, row in enumerate(criteria)
    )
    if files and opportunity.attachments.count() + len(files) > ATTACHMENTS_MAX:
        sentence = _("Une occasion compte %d pièces jointes au plus.") % ATTACHMENTS_MAX
        complain("files", f"{sentence} {none_added(len(files))}")
    for stored, facts in files:
        Attachment.objects.create(opportunity=opportunity, added_by=by, at=at, file=stored, **facts)
        ledger.record(
            "opportunity.attach", opportunity.ledger_subject(), by=by, at=at, sha256=facts["sha256"], name=facts["name"]
        )


def _skills(named: Skills) -> list[Skill]:
    """The skills of [(folded, name)], created when they are new; the first spelling stays."""
    folded = [key for key, _name in named]
    known = set(Skill.objects.filter(folded__in=folded).values_list("folded", flat=True))
    Skill.objects.bulk_create(
        [Skill(folded=key, name=name) for key, name in named if key not in known], ignore_conflicts=True
    )
    return list(Skill.objects.filter(folded__in=folded))


def detach(attachment: Attachment, *, by: User) -> None:
    """Remove a file from a draft; the stored file goes once the transaction is done."""
    with transaction.atomic():
        row = _locked_draft(attachment.opportunity, by)
        at = clock.now()
        ledger.record(
            "opportunity.detach", row.ledger_subject(), by=by, at=at, sha256=attachment.sha256, name=attachment.name
        )
        store.destroy_after_commit(known(attachment.file.name))
        attachment.delete()
        row.save(update_fields=["editor_ids"])


def delete(opportunity: Opportunity, *, by: User) -> None:
    """Take a draft away for ever, with its grid and files; its number is not given again. The ledger keeps its acts.

    Raises PermissionDenied or IllegalMove.
    """
    with transaction.atomic():
        row = _locked(opportunity, by, check_deletable, "delete")
        for name in row.attachments.values_list("file", flat=True):
            store.destroy_after_commit(name)
        ledger.record("opportunity.delete", row.ledger_subject(), by=by, at=clock.now())
        row.delete()
