"""What must hold before a monitoring moves: (monitoring, at) -> None, or ValidationError.

The docstring's first line is published in /api/workflow.
"""

from django.utils.translation import gettext as _

from marketplace.dates.localtime import day, local
from marketplace.lifecycle import complain


def with_finding(monitoring, at) -> None:
    """The conclusion holds a finding."""
    if not monitoring.finding:
        complain(None, _("La conclusion ne relève aucun manquement : il n’y a rien à corriger."))


def heard(monitoring, at) -> None:
    """The body was asked, and answered or let the last day pass: nobody is found at fault unheard."""
    if monitoring.state != "explanation_requested":
        complain("finding", _("Demandez d’abord des explications à l’organisme : il doit avoir pu répondre."))
    answered = monitoring.notes.order_by("pk").last().kind == "answer"
    if not answered and local(at).date() <= monitoring.due_on:
        complain("finding", _("La réponse de l’organisme est attendue jusqu’au %s.") % day(monitoring.due_on))


def nothing_awaited(monitoring, at) -> None:
    """No remedy is awaited: no finding, a remedy accepted, or its day is past."""
    if monitoring.state == "concluded" and monitoring.finding and local(at).date() <= monitoring.due_on:
        complain(None, _("Un correctif est attendu jusqu’au %s.") % day(monitoring.due_on))
