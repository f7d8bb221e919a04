"""What must hold before a monitoring moves: (monitoring, at) -> None, or ValidationError.

The docstring's first line is published in /api/workflow.
"""

from datetime import date, datetime
from typing import Any, Protocol

from django.utils.translation import gettext as _

from marketplace.dates.localtime import day, local
from marketplace.lifecycle import complain, known


class Case(Protocol):
    """What is read of a monitoring, whose model knows these conditions."""

    state: str
    finding: bool | None
    due_on: date | None
    notes: Any


def with_finding(monitoring: Case, at: datetime) -> None:
    """The conclusion holds a finding."""
    if not monitoring.finding:
        complain(None, _("La conclusion ne relève aucun manquement : il n’y a rien à corriger."))


def heard(monitoring: Case, at: datetime) -> None:
    """The body was asked, and answered or let the last day pass: nobody is found at fault unheard."""
    if monitoring.state != "explanation_requested":
        complain("finding", _("Demandez d’abord des explications à l’organisme : il doit avoir pu répondre."))
    due_on = known(monitoring.due_on)
    answered = monitoring.notes.order_by("pk").last().kind == "answer"
    if not answered and local(at).date() <= due_on:
        complain("finding", _("La réponse de l’organisme est attendue jusqu’au %s.") % day(due_on))


def nothing_awaited(monitoring: Case, at: datetime) -> None:
    """No remedy is awaited: no finding, a remedy accepted, or its day is past."""
    if monitoring.state != "concluded" or not monitoring.finding:
        return
    due_on = known(monitoring.due_on)
    if local(at).date() <= due_on:
        complain(None, _("Un correctif est attendu jusqu’au %s.") % day(due_on))
