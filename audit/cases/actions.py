"""The acts of a monitoring: open, ask, answer, conclude, announce a remedy, accept it, close.

Each writes a message that is never changed, with its documents, in the transaction of the move; the ledger keeps the
digest of both. What is awaited of the body has a last day; both sides are told; demands and conclusions make a letter.
`key`, everywhere: of the form that was sent. Sent twice, it does the act once.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import rules
from audit.cases import emails, letters
from audit.cases.status import lateness
from audit.enums import REPLIES, Note, State
from audit.models import TEXT_MAX, Monitoring, MonitoringFile, MonitoringNote, RedFlag
from marketplace.dates import clock
from marketplace.dates.calendar import add_business_days, is_business_day, next_business_day
from marketplace.dates.localtime import day, local
from marketplace.files import store
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, locked
from marketplace.models import NumberSeries

ANSWER_BUSINESS_DAYS = 10  # given by default
LEAST_BUSINESS_DAYS = 3
MOST_DAYS = 365
MOST_FILES = 10
NO_REMEDY = gettext_lazy("Retirez cette date : sans manquement, aucun correctif n’est attendu.")


def open_(opportunity, *, by, title: str, text: str, files=(), flags=(), key=None) -> Monitoring:
    """A new case about a published procurement. `files`: pairs that marketplace.files.uploads.checked gives.

    `flags`: signals about it that join the case. Raises PermissionDenied, IllegalMove, ValidationError.
    """
    with transaction.atomic(), store.taken_back():
        row, note = locked(opportunity), sent(key, by)
        at = clock.now()
        gate_open(row, by)
        if note and _says(note, Note.OPENING, text) and note.monitoring.opportunity_id == row.pk:
            return note.monitoring
        case = Monitoring(
            number=NumberSeries.take("VE", local(at).year), opportunity=row, title=title.strip(), opened_by=by,
            opened_at=at,
        )  # fmt: skip
        case.clean_fields(exclude={"state", "opportunity", "opened_by"})
        case.save(force_insert=True)
        digests = _write(case, Note.OPENING, text, by=by, at=at, files=files, key=key)
        # Rows before the ledger, as every act does: two acts on one signal must not wait for each other.
        list(RedFlag.objects.select_for_update().filter(pk__in=[flag.pk for flag in flags]).order_by("pk"))
        ledger.record("monitoring.open", case.ledger_subject(), by=by, at=at, occasion=row.number, **digests)
        for flag in flags:
            if flag.opportunity_id != row.pk:
                complain("flags", _("Ce signal porte sur une autre occasion."))
            flag.monitor(by=by, monitoring=case)
    return case


def gate_open(opportunity, by) -> None:
    """Whether this person may open a case about this occasion: PermissionDenied or IllegalMove otherwise."""
    if not rules.can_monitor(opportunity, by):
        raise PermissionDenied(_("Vous n’avez pas le droit de vérifier cette occasion."))
    if not opportunity.is_public():
        raise IllegalMove(_("Une occasion se vérifie à partir de sa publication."))


def ask(monitoring: Monitoring, *, by, text: str, due_on: date, files=(), key=None) -> None:
    """Ask the body for explanations; `due_on`: the last day, a business day, at least three of them away."""
    with _once(monitoring, Note.QUESTION, text, files, by=by, key=key, due_on=due_on, dated=True) as write:
        if write:
            monitoring.ask(by=by, due_on=due_on, write=write)
            emails.asked(monitoring, at=clock.now())


def answer(monitoring: Monitoring, *, by, text: str, files=(), key=None) -> None:
    """The body answers, as often as it wants while explanations are asked for, late too: the ledger says how late."""
    _reply("monitoring.answer", Note.ANSWER, monitoring, by=by, text=text, files=files, key=key)


def announce_remedy(monitoring: Monitoring, *, by, text: str, files=(), key=None) -> None:
    """The body says what it corrected, after a finding."""
    _reply("monitoring.remedy", Note.REMEDY, monitoring, by=by, text=text, files=files, key=key)


def _reply(action: str, kind: Note, monitoring: Monitoring, *, by, text: str, files, key) -> None:
    with _once(monitoring, kind, text, files, by=by, key=key) as write:
        if write:
            row, at = locked(monitoring), clock.now()
            gate_reply(row, kind, by)
            ledger.record(action, row.ledger_subject(), by=by, at=at, **write(row, by=by, at=at))
            emails.answered(row, at=at)


def gate_reply(monitoring: Monitoring, kind: Note, by) -> None:
    """What an answer or a remedy would be refused for, before anything is typed."""
    if not rules.can_answer(monitoring, by):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if not may_reply(monitoring, kind):
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))


def may_reply(monitoring: Monitoring, kind: Note) -> bool:
    if kind == Note.ANSWER:
        return monitoring.state == State.ASKED
    return monitoring.state == State.CONCLUDED and bool(monitoring.finding)


def conclude(
    monitoring: Monitoring, *, by, finding: bool, text: str, due_on: date | None = None, files=(), key=None
) -> None:
    """With or without a finding; with one, and only then, `due_on` is the last day for a remedy."""
    if due_on and not finding:
        complain("due_on", str(NO_REMEDY))
    with _once(monitoring, Note.CONCLUSION, text, files, by=by, key=key, due_on=due_on, dated=finding) as write:
        if write:
            monitoring.conclude(by=by, finding=finding, due_on=due_on, write=write)
            emails.concluded(monitoring, at=clock.now())


def accept_remedy(monitoring: Monitoring, *, by, text: str, files=(), key=None) -> None:
    with _once(monitoring, Note.ACCEPTANCE, text, files, by=by, key=key) as write:
        if write:
            monitoring.accept_remedy(by=by, write=write)
            emails.remedied(monitoring, at=clock.now())


def close(monitoring: Monitoring, *, by, text: str, files=(), key=None) -> None:
    with _once(monitoring, Note.CLOSING, text, files, by=by, key=key) as write:
        if write:
            monitoring.close(by=by, write=write)
            emails.closed(monitoring, at=clock.now())


def default_due_day(at) -> date:
    return add_business_days(local(at).date(), ANSWER_BUSINESS_DAYS)


def _check_last_day(due_on: date | None, at) -> None:
    today = local(at).date()
    least = add_business_days(today, LEAST_BUSINESS_DAYS)
    if due_on is None:
        complain("due_on", _("Donnez le dernier jour."))
    if due_on < least:
        complain("due_on", _("Laissez au moins trois jours ouvrables : le %s ou plus tard.") % day(least))
    if due_on > today + timedelta(days=MOST_DAYS):
        complain("due_on", _("Donnez un jour d’ici un an."))
    if not is_business_day(due_on):
        complain("due_on", _("Ce jour n’est pas ouvrable : choisissez plutôt le %s.") % day(next_business_day(due_on)))


def flags_of(opportunity, user):
    """The signals that may join a case about this occasion."""
    return RedFlag.objects.visible_to(user).filter(opportunity=opportunity, state__in=["new", "explained"])


# --- Messages and documents ------------------------------------------------------------------------------------------
def sent(key: uuid.UUID | None, by) -> MonitoringNote | None:
    """The message that this form already made: the second half of a double click."""
    if key is None:
        return None
    return MonitoringNote.objects.filter(key=key, by=by).select_related("monitoring__opportunity").first()


def _says(note: MonitoringNote, kind: Note, text: str) -> bool:
    """The same form, with the same text. `note`: what `sent` gives under the lock. Another text is refused later."""
    return (note.kind, note.text) == (kind, (text or "").strip())


@contextmanager
def _once(
    monitoring: Monitoring, kind: Note, text: str, files, *, by, key, due_on: date | None = None, dated: bool = False
) -> Iterator[Callable[..., dict[str, Any]] | None]:
    """The transaction of one act, under the case's lock, and what the act calls to write its message.

    None for the other half of a double click: it finds what the first half wrote, and does nothing. `dated`: the
    message gives a last day.
    """
    with transaction.atomic(), store.taken_back():
        row, note = locked(monitoring), sent(key, by)

        def write(row: Monitoring, *, by, at) -> dict[str, Any]:
            if dated:
                _check_last_day(due_on, at)
            return _write(row, kind, text, by=by, at=at, due_on=due_on, files=files, key=key)

        yield None if note and _says(note, kind, text) and note.monitoring_id == row.pk else write


def _write(monitoring, kind, text, *, by, at, key=None, due_on=None, files=()) -> dict[str, Any]:
    """Save the message, its documents and its letter; what the ledger keeps of them: {name: SHA-256}, `late_days`."""
    text = (text or "").strip()
    if not text:
        complain("text", _("Ce champ est obligatoire."))
    if len(text) > TEXT_MAX:
        complain("text", _("Ce texte dépasse 10 000 caractères."))
    if len(files) > MOST_FILES:
        complain("files", _("Joignez au plus %d fichiers.") % MOST_FILES)
    key = key or uuid.uuid4()
    if MonitoringNote.objects.filter(key=key).exists():
        complain(None, _("Ce formulaire a déjà servi à envoyer un autre message : vérifiez, puis envoyez de nouveau."))
    note = MonitoringNote.objects.create(
        key=key, monitoring=monitoring, kind=kind, text=text, due_on=due_on, by=by, at=at
    )
    for content, about in files:
        _store(note, content, about)
    sha256 = digest(note)
    digests: dict[str, Any] = {"note_sha256": sha256}
    if kind in REPLIES and (late := lateness(monitoring.notes.order_by("pk")).get(note.pk)):
        digests["late_days"] = late
    if kind in letters.KINDS:
        letter = letters.letter(note, finding=monitoring.finding, digest=sha256)
        about = letters.described(note, letter)
        _store(note, letter, about | {"is_letter": True})
        digests["letter_sha256"] = about["sha256"]
    return digests


def _store(note: MonitoringNote, content: bytes, about: dict) -> None:
    MonitoringFile.objects.create(note=note, file=store.keep("verifications", content), **about)


def digest(note: MonitoringNote) -> str:
    """SHA-256 of a message and of the documents joined to it, in canonical JSON: what the ledger holds of it."""
    content = {
        "monitoring": note.monitoring.number,
        "kind": str(note.kind),
        "text": note.text,
        "due_on": note.due_on.isoformat() if note.due_on else None,
        "at": ledger.instant(note.at),
        "files": [file.sha256 for file in note.files.filter(is_letter=False)],
    }
    return hashlib.sha256(ledger.canonical(content)).hexdigest()
