"""« À faire » of the auditors' floor, for the dashboard: what a case awaits of a body, and of an auditor."""

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.cases.status import standing
from audit.enums import State
from audit.models import Monitoring
from audit.reviews import views as review_views
from marketplace.dates.localtime import local
from proposals.dashboard.todo import item

MOST = 30  # of each kind


def items(user, buys: set, rules: set, vendors: set, *, at) -> list[dict]:
    """See proposals/dashboard/views.py for the arguments."""
    today = local(at).date()
    lines: list[dict] = []
    if rules:
        lines += _of_officers(user, rules, today)
        lines += _awards(user, rules)
    if user.is_auditor:
        lines += _of_auditors(user, today)
    return lines


def _line(monitoring, today, url: str, action: str) -> dict:
    title = _("Vérification %(number)s : %(title)s") % {"number": monitoring.number, "title": monitoring.title}
    where = standing(monitoring, today)
    why = " · ".join(part for part in (where["text"], where["noted"]) if part)
    return item(title, why, url, action, late=where["late"])


def _of_officers(user, bodies: set, today) -> list[dict]:
    waiting = Monitoring.objects.visible_to(user).awaiting_body().filter(opportunity__body__in=bodies)
    lines = []
    for monitoring in waiting.select_related("opportunity").order_by("due_on", "pk")[:MOST]:
        asked = monitoring.state == State.ASKED
        url = reverse("audit:answer" if asked else "audit:announce_remedy", args=[monitoring.number])
        action = _("Répondre") if asked else _("Annoncer le correctif")
        lines.append(_line(monitoring, today, url, action))
    return lines


def _awards(user, bodies: set) -> list[dict]:
    """Awards about which signals stand, that nobody of the body audited yet."""
    lines = []
    for award in review_views.to_review(bodies, user)[:MOST]:
        title = _("Vérifier l’attribution %s") % award.opportunity.number
        why = ngettext("%d signal", "%d signaux", award.signals) % award.signals
        url = reverse("audit:review", args=[award.opportunity.number])
        lines.append(item(title, f"{award.opportunity.title} · {why}", url, _("Vérifier")))
    return lines


def _of_auditors(user, today) -> list[dict]:
    """Those of the person's cases that wait for an auditor or are late; and those that nobody follows any more."""
    mine = Q(opened_by=user) | Q(concluded_by=user) | Q(opened_by__is_active=False) | Q(opened_by__is_auditor=False)
    seen = Monitoring.objects.visible_to(user).filter(mine)
    lines = []
    for rows in (seen.awaiting_auditor(), seen.late(today)):
        for monitoring in rows.select_related("opportunity").order_by("due_on", "pk")[:MOST]:
            lines.append(_line(monitoring, today, monitoring.get_absolute_url(), _("Examiner")))
    return lines
