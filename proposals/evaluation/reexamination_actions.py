"""« Réexamen »: once frozen, a note or an admission changes when one person asks for it and another accepts it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace import lifecycle
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import complain, locked
from marketplace.models import User
from marketplace.reasons import reason_given
from proposals import conditions, rules
from proposals import emails as proposal_emails
from proposals.enums import RejectionCode, State
from proposals.evaluation import effect as effects
from proposals.evaluation import notes
from proposals.models import NoteReexamination, NoteReexaminationLine, NotesVersion, Proposal, Score

TEXT_MAX = 2_000  # characters of what a rejection explains


def ask(
    proposal: Proposal, *, by: User, reason: str, values: Mapping[int, tuple[Decimal, str]], seen: int
) -> NoteReexamination:
    """First of the two people: the reason, which will be public, and the notes as they should be.

    values: {criterion id: (note, comment)}, every criterion's. seen: the version that the page showed.
    Raises PermissionDenied or ValidationError.
    """
    with transaction.atomic():
        row = _entitled(proposal, by=by)
        at = clock.now()
        conditions.notes_frozen(row, at)
        reason = reason_given(reason)
        _alone(row)
        before = notes.last(row)
        if (before.number if before else 0) != seen:
            complain(None, _("Les notes ont changé depuis que cette page est ouverte : relisez-les."))
        asked = _asked(row, before, values, by=by, reason=reason, at=at)
        ledger.record("notereexamination.ask", row.ledger_subject(), by=by, at=at, **_told(asked))
        proposal_emails.note_reexamination_asked(asked, at=at)
    return asked


def ask_admission(
    proposal: Proposal, *, by: User, reason: str, outcome: str, code: str = "", text: str = ""
) -> NoteReexamination:
    """First of the two people: who is admissible is frozen with the notes, and one proposal should stand otherwise.

    outcome: « admissible » or « rejected », then with the reason of a rejection, which its vendor will read.
    Raises PermissionDenied or ValidationError.
    """
    with transaction.atomic():
        row = _entitled(proposal, by=by)
        at = clock.now()
        conditions.admission_frozen(row, at)
        conditions.may_become(row, outcome, at)
        reason, text = reason_given(reason), text.strip()
        rejects = outcome == State.REJECTED
        if rejects and code not in RejectionCode.values:
            complain("code", _("Choisissez un motif de rejet."))
        if rejects and not text:
            complain("text", _("Expliquez le rejet : le prestataire lira ce texte."))
        if len(text) > TEXT_MAX:
            complain("text", _("L’explication dépasse 2 000 caractères."))
        _alone(row)
        before = notes.last(row)
        total = notes.total(before.criteria) if before else ""
        asked = NoteReexamination(
            proposal=row,
            reason=reason,
            asked_by=by,
            asked_at=at,
            seen=before.number if before else 0,
            total_before=total,
            total_after=total,
            outcome=outcome,
            code=code if rejects else "",
            text=text if rejects else "",
        )
        asked.clean_fields(exclude={"state", "decided_by", "decided_at"})
        asked.save()
        told: dict[str, Any] = {"reason": reason, "outcome": outcome}
        told |= {"code": code, "text": text} if rejects else {}
        ledger.record("notereexamination.ask", row.ledger_subject(), by=by, at=at, **told)
        proposal_emails.note_reexamination_asked(asked, at=at)
    return asked


def _entitled(proposal: Proposal, *, by: User) -> Proposal:
    """The proposal under its lock; PermissionDenied for whoever may not ask."""
    row = locked(proposal)
    if not rules.can_ask_note_reexamination(row, by):
        refusal = PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        lifecycle.name_act(refusal, "notereexamination.ask", row.ledger_subject())
        raise refusal
    return row


def _alone(proposal: Proposal) -> None:
    """One waits at a time."""
    if NoteReexamination.objects.pending().filter(proposal=proposal).exists():
        complain(None, _("Un réexamen de cette proposition attend déjà une décision."))


def _asked(
    proposal: Proposal,
    before: NotesVersion | None,
    values: Mapping[int, tuple[Decimal, str]],
    *,
    by: User,
    reason: str,
    at: datetime,
) -> NoteReexamination:
    """The request and its lines, those of the criteria that change; ValidationError when nothing does."""
    rows, after = [], []
    for criterion in proposal.opportunity.criteria.all():
        if criterion.pk not in values:
            complain(None, _("Chaque critère doit avoir une note."))
        value, comment = values[criterion.pk]
        old = before.line(criterion.pk) if before else None
        fresh = notes.line(criterion, value, comment, notes.person(by))
        changed = old is None or (old["value"], old["comment"]) != (fresh["value"], fresh["comment"])
        after.append(fresh)
        if changed:
            rows.append(
                NoteReexaminationLine(
                    criterion=criterion,
                    value_before=Decimal(old["value"]) if old else None,
                    comment_before=old["comment"] if old else "",
                    value_after=value,
                    comment_after=comment,
                )
            )
    if not rows:
        complain(None, _("Rien ne change : entrez au moins une note, ou un commentaire, autrement qu’elle est."))
    asked = NoteReexamination.objects.create(
        proposal=proposal,
        reason=reason,
        asked_by=by,
        asked_at=at,
        seen=before.number if before else 0,
        total_before=notes.total(before.criteria) if before else "",
        total_after=notes.total(after),
    )
    for row in rows:
        row.reexamination = asked
        row.clean_fields(exclude={"reexamination", "criterion"})
    NoteReexaminationLine.objects.bulk_create(rows)
    return asked


def _told(asked: NoteReexamination) -> dict[str, Any]:
    """What the ledger keeps of a request: the reason, and each note before and after."""
    lines = asked.lines.select_related("criterion").order_by("criterion__position", "criterion")
    return {
        "reason": asked.reason,
        "seen": asked.seen,
        "total_before": asked.total_before,
        "total_after": asked.total_after,
        "lines": [
            {
                "criterion": line.criterion.label,
                "before": "" if line.value_before is None else f"{line.value_before:.2f}",
                "after": f"{line.value_after:.2f}",
                "comment_before": line.comment_before,
                "comment_after": line.comment_after,
            }
            for line in lines
        ],
    }


def accept(reexamination: NoteReexamination, *, by: User) -> None:
    """Second of the two people: the notes change, the former ones stay readable, the new digest is in the ledger.

    Or the proposal is admitted, or rejected. Raises as the move does; then nothing has changed.
    """
    with transaction.atomic():
        row = locked(reexamination)
        at = clock.now()
        lifecycle.check(row, "accept", by=by, at=at)
        effect = effects.of(row)
        # The triggers ask for the accepted re-examination: it is written before what it changes.
        if row.of_notes:
            version = _version(row, by=by, at=at)
            row.accept(by=by, at=at, effect=effect, seal=notes.seal(version, at=at))
            _note(row, at=at)
        else:
            row.accept(by=by, at=at, effect=effect)
            _settle(row, at=at)
        proposal_emails.note_reexamination_decided(row, at=at)
    reexamination.__dict__.update(row.__dict__)


def _note(row: NoteReexamination, *, at: datetime) -> None:
    """Write the notes of an accepted one."""
    proposal = row.proposal
    for line in row.lines.all():
        Score.objects.update_or_create(
            proposal=proposal,
            criterion_id=line.criterion_id,
            defaults={
                "value": line.value_after,
                "comment": line.comment_after,
                "by": row.asked_by,
                "at": at,
                "reexamination_id": row.pk,
            },
        )
    if proposal.state == State.ADMISSIBLE:  # its first notes
        proposal.restore(by=None, at=at)


def _settle(row: NoteReexamination, *, at: datetime) -> None:
    """Admit or reject, as an accepted one says. One admitted counts at once where it has its notes, or needs none."""
    proposal = row.proposal
    if row.outcome == State.REJECTED:
        proposal.exclude(by=None, at=at, reexamination=row)
        proposal_emails.rejected(proposal, at=at)
        return
    proposal.readmit(by=None, at=at, reexamination=row)
    if proposal.scores.count() == proposal.opportunity.criteria.count():
        proposal.restore(by=None, at=at)


def _version(row: NoteReexamination, *, by: User, at: datetime) -> NotesVersion:
    """The notes as they become."""
    before = notes.last(row.proposal)
    changed = {line.criterion_id: line for line in row.lines.all()}
    lines = []
    for criterion in row.proposal.opportunity.criteria.all():
        line = changed.get(criterion.pk)
        if line is not None:
            after = notes.line(criterion, line.value_after, line.comment_after, notes.person(row.asked_by))
        else:
            standing = before.line(criterion.pk) if before else None
            if standing is None:
                complain(None, _("Chaque critère doit avoir une note."))
            after = standing
        lines.append(after)
    return NotesVersion.objects.create(
        proposal=row.proposal, number=row.seen + 1, criteria=lines, by=by, at=at, reexamination=row
    )


def refuse(reexamination: NoteReexamination, *, by: User, reason: str) -> None:
    """The notes stay; whoever asked is told why."""
    with transaction.atomic():
        reexamination.refuse(by=by, reason=reason)
        proposal_emails.note_reexamination_decided(reexamination, at=clock.now())


def withdraw(reexamination: NoteReexamination, *, by: User) -> None:
    """Whoever asked thinks better of it."""
    reexamination.withdraw(by=by)
