"""Where a monitoring stands: whose turn it is, until when, how late; in words."""

from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.enums import Note, State
from audit.flags.catalogue import CATALOGUE
from marketplace.localtime import day

TONES = {State.OPEN: "neutral", State.ASKED: "warn", State.REMEDIED: "ok", State.CLOSED: "neutral"}
BODY, AUDITOR = "body", "auditor"


def badge(monitoring) -> dict:
    """{label, tone} of its state; a conclusion says whether it holds a finding."""
    if monitoring.state == State.CONCLUDED:
        label = _("Conclue, manquement relevé") if monitoring.finding else _("Conclue, sans manquement")
        return {"label": label, "tone": "bad" if monitoring.finding else "ok"}
    return {"label": monitoring.get_state_display(), "tone": TONES[monitoring.state]}


def turn(monitoring, last_kind: str) -> str:
    """BODY, AUDITOR, or "" when it is closed. `last_kind`: what its last message is."""
    if monitoring.state == State.CLOSED:
        return ""
    asked = monitoring.state == State.ASKED and last_kind == Note.QUESTION
    found = monitoring.state == State.CONCLUDED and monitoring.finding and last_kind == Note.CONCLUSION
    return BODY if asked or found else AUDITOR


def standing(monitoring, last_kind: str, today: date) -> dict:
    """{turn, text, late}: what is awaited and until when; `late`: how late the body is, or ""."""
    whose, due_on, late = turn(monitoring, last_kind), monitoring.due_on, ""
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
        }.get(last_kind, "")
    return {"turn": whose, "text": text, "late": late}


def flag_title(flag) -> str:
    """What a signal is called on a case's pages."""
    return str(CATALOGUE[flag.code].title) if flag.code in CATALOGUE else flag.code
