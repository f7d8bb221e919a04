"""An occasion's public history, told from the ledger: what happened, when, why; never who."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.dates import localtime
from marketplace.ledger.entries import LedgerPayload
from opportunities.enums import State, UnsuccessfulReason
from opportunities.models import Opportunity

MINUTES = "opening.minutes"
Body = dict[str, Any]  # of a LedgerPayload
Told = tuple[str, str, str]  # label, detail, address


def acts(opportunity: Opportunity) -> list[LedgerPayload]:
    """Everything the ledger holds about the occasion, oldest first: one query."""
    return list(LedgerPayload.objects.about(opportunity.ledger_subject()))


def events(
    opportunity: Opportunity,
    payloads: Iterable[LedgerPayload],
    *,
    at: datetime,
    reexaminations: Iterable[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """{label, at, detail, done, url} for components/timeline.html: acts told to everybody, then steps to come.

    reexaminations: those that the award's page tells (proposals/public/award.py), once an award stands.
    Not told: drafting and reviews, refused acts, who did it, whom a recommendation names, why one was sent back.
    """
    events: list[dict[str, Any]] = []
    for payload in payloads:
        tell = _TOLD.get(payload.action)
        if tell:
            label, detail, url = tell(opportunity, payload.body)
            events.append({"label": label, "at": payload.entry.at, "detail": detail, "done": True, "url": url})
    events += [
        {
            "label": _("Réexamen accepté"),
            "at": item["row"].decided_at,
            "detail": item["name"],
            "done": True,
            "url": f"{_award(opportunity)}#reexamens",
        }
        for item in reexaminations
    ]
    return sorted(events, key=lambda event: event["at"]) + _to_come(opportunity)


def _to_come(opportunity: Opportunity) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if opportunity.state == State.PUBLISHED:
        steps.append({"label": _("Fermeture et ouverture publique"), "at": opportunity.closes_at})
    if opportunity.state == State.SUSPENDED:
        steps.append({"label": _("Reprise ou annulation"), "at": _("date à venir")})
    ends = {State.PUBLISHED, State.SUSPENDED, State.EVALUATION, State.RECOMMENDED}
    if opportunity.state in ends and opportunity.assignment_date:
        steps.append({"label": _("Attribution prévue"), "at": localtime.day(opportunity.assignment_date)})
    return [step | {"done": False} for step in steps]


def _opened(opportunity: Opportunity, body: Body) -> Told:
    received = body.get("received", 0)
    text = ngettext("%d proposition reçue", "%d propositions reçues", received) % received
    detail = text if received else _("Aucune proposition reçue")
    return _("Fermeture et ouverture publique"), detail, reverse("proposals:minutes", args=[opportunity.number])


def _new_closing(body: Body) -> str:
    if not body.get("closes_at"):
        return ""
    return _("Nouvelle date limite : %s") % localtime.deadline(datetime.fromisoformat(body["closes_at"]))


def _added(opportunity: Opportunity, body: Body) -> Told:
    return _("Addenda n° %s") % body["number"], _new_closing(body), f"#addenda-{body['number']}"


def _resumed(opportunity: Opportunity, body: Body) -> Told:
    return _("Reprise"), _new_closing(body), ""


def _concluded(opportunity: Opportunity, body: Body) -> Told:
    reasons = dict(UnsuccessfulReason.choices)
    reason, detail = str(reasons.get(body.get("code", ""), "")), body.get("reason", "")
    if reason and detail:
        detail = _("%(reason)s : %(detail)s") % {"reason": reason, "detail": detail}
    return _("Conclue sans attribution"), detail or reason, ""


def _award(opportunity: Opportunity) -> str:
    return reverse("proposals:award", args=[opportunity.number])


_TOLD: dict[str, Callable[[Opportunity, Body], Told]] = {
    "opportunity.publish": lambda o, body: (_("Publiée"), "", ""),
    "opportunity.addendum": _added,
    "opportunity.suspend": lambda o, body: (_("Suspendue"), body.get("reason", ""), ""),
    "opportunity.resume": _resumed,
    MINUTES: _opened,
    "opportunity.unveil_prices": lambda o, body: (_("Prix dévoilés à l’organisme; notes gelées"), "", ""),
    "opportunity.recommend": lambda o, body: (_("Attribution recommandée"), "", ""),
    "draw": lambda o, body: (
        _("Tirage au sort"),
        _("Égalité départagée; les données seront sur la page de l’attribution."),
        "",
    ),
    "opportunity.reject_recommendation": lambda o, body: (_("Recommandation renvoyée à l’évaluation"), "", ""),
    "opportunity.confirm_award": lambda o, body: (_("Attribution confirmée"), "", _award(o)),
    "opportunity.reverse_award": lambda o, body: (_("Attribution annulée"), body.get("reason", ""), _award(o)),
    "opportunity.conclude_without_award": _concluded,
    "opportunity.cancel": lambda o, body: (_("Annulée"), body.get("reason", ""), ""),
}
