"""Where a monitoring stands: whose turn it is, until when, how late; how it ended; in words."""

from collections.abc import Iterable
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.enums import ASKS, REPLIES, Note, State
from audit.flags.catalogue import CATALOGUE
from marketplace.dates.localtime import day, local
from marketplace.lifecycle import known

BODY, AUDITOR = "body", "auditor"


def outcome(monitoring) -> dict | None:
    """{label, tone} of its conclusion and of what followed; None before. `corrected`: see MonitoringQuerySet."""
    if monitoring.finding is None:
        return None
    if not monitoring.finding:
        return {"label": _("Sans manquement"), "tone": "ok"}
    if monitoring.corrected:
        return {"label": _("Manquement corrigé"), "tone": "ok"}
    ended = monitoring.state == State.CLOSED
    return {"label": _("Manquement, fermé sans correctif") if ended else _("Manquement relevé"), "tone": "bad"}


def badge(monitoring) -> dict:
    """{label, tone} of where it is; once concluded, how. For rows of `with_last()`."""
    if monitoring.state == State.OPEN:
        return {"label": monitoring.get_state_display(), "tone": "neutral"}
    if monitoring.state == State.ASKED:
        answered = monitoring.last_kind == Note.ANSWER
        label = _("Réponse reçue") if answered else monitoring.get_state_display()
        return {"label": label, "tone": "info" if answered else "warn"}
    if monitoring.state == State.CONCLUDED and monitoring.last_kind == Note.REMEDY:
        return {"label": _("Manquement, correctif annoncé"), "tone": "info"}
    return known(outcome(monitoring))


def turn(monitoring) -> str:
    """BODY, AUDITOR, or "" when it is closed."""
    if monitoring.state == State.CLOSED:
        return ""
    asked = monitoring.state == State.ASKED and monitoring.last_kind == Note.QUESTION
    at_fault = monitoring.state == State.CONCLUDED and monitoring.finding and monitoring.last_kind == Note.CONCLUSION
    return BODY if asked or at_fault else AUDITOR


def standing(monitoring, today: date) -> dict:
    """{turn, text, late, noted} of a row of `with_last()`. `text`: what is awaited and until when; `late`: how late
    the body is, or ""; `noted`: how late what it said came, or ""."""
    whose, due_on, late, noted = turn(monitoring), monitoring.due_on, "", ""
    if whose == BODY:
        asked = monitoring.state == State.ASKED
        words = _("Réponse attendue au plus tard le %s") if asked else _("Correctif attendu au plus tard le %s")
        text = words % day(due_on)
        days = (today - due_on).days
        if days > 0:
            late = ngettext("En retard de %d jour", "En retard de %d jours", days) % days
    else:
        text = {
            Note.OPENING: _("Rien n’est encore demandé à l’organisme"),
            Note.ANSWER: _("L’organisme a répondu : à examiner"),
            Note.REMEDY: _("L’organisme annonce un correctif : à constater"),
            Note.CONCLUSION: _("Sans manquement : peut être fermée"),
            Note.ACCEPTANCE: _("Correctif constaté : peut être fermée"),
        }.get(monitoring.last_kind, "")
        if due_on and monitoring.replied_at:
            noted = late_words(_days_late(monitoring.replied_at, due_on))
    return {"turn": whose, "text": text, "late": late, "noted": noted}


# --- Lateness --------------------------------------------------------------------------------------------------------
def lateness(notes: Iterable) -> dict[int, int]:
    """{pk of a reply: days late}, 0 in time, for what the body first said to each demand and each finding.

    What completes a reply is not late: nothing was awaited any more. `notes`: all those of a case, in their order.
    """
    late, due_on = {}, None
    for note in notes:
        if note.kind in ASKS:
            due_on = note.due_on
        elif note.kind in REPLIES and due_on:
            late[note.pk], due_on = _days_late(note.at, due_on), None
    return late


def _days_late(at, due_on: date) -> int:
    return max((local(at).date() - due_on).days, 0)


def late_words(days: int) -> str:
    return ngettext("%d jour de retard", "%d jours de retard", days) % days if days else ""


# --- Titles ----------------------------------------------------------------------------------------------------------
def note_title(monitoring, note) -> str:
    """What a message is; a conclusion says whether it holds a finding."""
    if note.kind != Note.CONCLUSION:
        return note.get_kind_display()
    return _("Conclusion : un manquement est relevé") if monitoring.finding else _("Conclusion : aucun manquement")


def flag_title(flag) -> str:
    """What a signal is called on a case's pages."""
    return str(CATALOGUE[flag.code].title) if flag.code in CATALOGUE else flag.code
