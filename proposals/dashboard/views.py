"""`/a-faire/`: what awaits the person who asks, then what is theirs.

What awaits in a higher app (contracts) comes through `more`, wired in marketplace/urls.py.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.dates import clock
from marketplace.dates.localtime import URGENT
from marketplace.models import User
from marketplace.requests import PersonRequest
from opportunities.enums import State as Occasion
from opportunities.models import Opportunity
from proposals.dashboard import todo
from proposals.enums import State
from proposals.models import Award, Proposal

SHOWN = 20  # rows of each table, newest first
_TONES = {
    Occasion.DRAFT: "draft",
    Occasion.PUBLISHED: "ok",
    Occasion.SUSPENDED: "warn",
    Occasion.AWARDED: "ok",
    Occasion.UNSUCCESSFUL: "neutral",
    Occasion.CANCELLED: "bad",
}
_PROPOSAL_TONES = {
    State.DRAFT: "draft",
    State.SUBMITTED: "ok",
    State.WITHDRAWN: "warn",
    State.REJECTED: "bad",
    State.AWARDED: "ok",
    State.NOT_AWARDED: "neutral",
}


@never_cache
@require_safe
def dashboard(request: PersonRequest, more: Sequence[Callable[..., list[todo.Item]]] = ()) -> HttpResponse:
    """`more`: functions (user, buys, rules, vendors, at=) -> items; the first three are sets of bodies and vendors."""
    now, user = clock.now(), request.user
    roles = list(user.body_memberships.values_list("role", "body_id"))
    buys = {body for role, body in roles if role == "buyer"}
    rules = {body for role, body in roles if role == "officer"}
    vendors = set(user.vendor_memberships.values_list("vendor_id", flat=True))
    lines: list[todo.Item] = []
    context: dict[str, Any] = {"now": now, "buys": bool(buys), "works": bool(roles), "sells": bool(vendors)}
    context["oversees"] = bool(rules)
    if roles:
        lines += todo.of_body(user, buys, rules, at=now)
        context["occasions"] = _occasions(user, buys | rules, at=now)
    if user.is_auditor:
        lines += todo.of_auditor(user, rules, at=now)
        awards = Award.objects.standing().annotate(tied=todo.ties_with(user, "opportunity")).for_list()[:10]
        context["awards"] = [(award, _award_url(award)) for award in awards]
    if vendors:
        own = Proposal.objects.visible_to(user, at=now).filter(vendor_id__in=vendors)
        proposals = list(own.defer("draft").with_instants().for_list()[: todo.MOST])
        urgent = [p for p in proposals if todo.undeposited(p, at=now) and p.opportunity.closing - now < URGENT]
        lines += todo.of_vendors((p for p in proposals if p not in urgent), at=now)  # said once: the notice says it
        context["urgent"] = urgent
        context["proposals"] = [_shown(proposal, at=now) for proposal in proposals[:SHOWN]]
    for items in more:
        lines += items(user, buys, rules, vendors, at=now)
    lines += todo.invitations(user)
    lines.sort(key=lambda line: not line["late"])  # what is late comes first; the rest keeps its order
    context["todo"] = lines
    context["waiting"] = len(lines) + len(context.get("urgent", ()))
    context["newcomer"] = not (roles or vendors or lines or user.is_auditor or user.is_staff)
    return render(request, "dashboard.html", context)


def _occasions(user: User, bodies: set[int], *, at: datetime) -> list[dict[str, Any]]:
    of_bodies = Opportunity.objects.visible_to(user, at=at).filter(body_id__in=bodies).select_related("body")
    rows = []
    for occasion in of_bodies.annotate(tied=todo.ties_with(user)).order_by("-pk")[:SHOWN]:
        label, tone = occasion.get_state_display(), _TONES.get(occasion.state, "info")
        if occasion.state == Occasion.PUBLISHED and not occasion.accepts_proposals(at=at):
            label, tone = _("Fermée"), "info"
        opened = occasion.state in {
            Occasion.EVALUATION,
            Occasion.RECOMMENDED,
            Occasion.AWARDED,
            Occasion.UNSUCCESSFUL,
        }
        shown = opened and not occasion.tied
        url = reverse("proposals:evaluation", args=[occasion.number]) if shown else occasion.get_absolute_url()
        rows.append({"occasion": occasion, "label": label, "tone": tone, "url": url})
    return rows


def _award_url(award: Any) -> str:
    """The evaluation that an auditor reads; the public page where they have a tie."""
    page = "award" if award.tied else "evaluation"
    return reverse(f"proposals:{page}", args=[award.opportunity.number])


def _shown(proposal: Proposal, *, at: datetime) -> dict[str, Any]:
    label, tone = proposal.get_state_display(), _PROPOSAL_TONES.get(proposal.state, "info")
    if proposal.state in {State.OPENED, State.ADMISSIBLE, State.SCORED}:
        label = _("En évaluation")  # where the body stands in its work is told with the result
    if proposal.state in {State.DRAFT, State.WITHDRAWN} and not todo.undeposited(proposal, at=at):
        tone = "neutral"  # too late, or not now: nothing to do
    return {"proposal": proposal, "label": label, "tone": tone}
