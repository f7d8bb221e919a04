"""One function per message about a monitoring. They only queue rows: safe inside the act's transaction.

The text of a case is never in a message: it is read on the platform, by whoever may.
"""

from audit import rules
from audit.enums import Note
from marketplace.mail import outbox
from marketplace.models import User
from opportunities.emails import people

BY_AUDITORS = [Note.OPENING, Note.QUESTION, Note.CONCLUSION, Note.ACCEPTANCE, Note.CLOSING]


def tell(persons, template: str, monitoring, *, at, **more) -> None:
    for person in persons:
        outbox.queue(template, to=person, at=at, monitoring=monitoring, opportunity=monitoring.opportunity, **more)


def officers(monitoring) -> list:
    """Those who may answer: nobody with a tie to a vendor that answered."""
    return [person for person in people(monitoring.opportunity, "officer") if rules.can_answer(monitoring, person)]


def auditors(monitoring) -> list:
    """Those who wrote in the case; when none is an auditor any more, every auditor without a tie."""
    able = User.objects.filter(is_active=True, is_auditor=True).order_by("pk")
    wrote = monitoring.notes.filter(kind__in=BY_AUDITORS).values("by")
    authors = [person for person in able.filter(pk__in=wrote) if rules.can_monitor(monitoring, person)]
    return authors or [person for person in able if rules.can_monitor(monitoring, person)]


def asked(monitoring, *, at):
    tell(officers(monitoring), "emails/monitoring_asked.txt", monitoring, at=at)


def answered(monitoring, *, at):
    tell(auditors(monitoring), "emails/monitoring_answered.txt", monitoring, at=at)


def concluded(monitoring, *, at):
    tell(officers(monitoring), "emails/monitoring_concluded.txt", monitoring, at=at)


def remedied(monitoring, *, at):
    tell(officers(monitoring), "emails/monitoring_remedied.txt", monitoring, at=at)


def closed(monitoring, *, at):
    corrected = monitoring.notes.filter(kind=Note.ACCEPTANCE).exists()
    tell(officers(monitoring), "emails/monitoring_closed.txt", monitoring, at=at, corrected=corrected)
