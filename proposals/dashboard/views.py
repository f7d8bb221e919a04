"""`/a-faire/`: what awaits the person who asks, then what is theirs. Never a count of unopened proposals.

What awaits in a higher app (contracts) comes through `more`, wired in marketplace/urls.py.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.dates import clock
from opportunities.enums import State as Occasion
from opportunities.models import Opportunity
from proposals.enums import State
from proposals.models import Award, Proposal, Recommendation
from vendors.models import Invitation

SHOWN = 20  # rows of each table, newest first
MOST_TODO = 50
URGENT = timedelta(hours=48)
RECENT = timedelta(days=30)
_TONES = {
    Occasion.DRAFT: "neutral",
    Occasion.PUBLISHED: "ok",
    Occasion.SUSPENDED: "warn",
    Occasion.AWARDED: "ok",
    Occasion.UNSUCCESSFUL: "neutral",
    Occasion.CANCELLED: "bad",
}
_PROPOSAL_TONES = {
    State.DRAFT: "warn",
    State.SUBMITTED: "ok",
    State.WITHDRAWN: "warn",
    State.REJECTED: "bad",
    State.AWARDED: "ok",
    State.NOT_AWARDED: "neutral",
}


@never_cache
@require_safe
def dashboard(request: HttpRequest, more: Sequence[Callable[..., list[dict]]] = ()) -> HttpResponse:
    """`more`: functions (user, buys, rules, vendors, at=) -> items; the first three are sets of bodies and vendors."""
    now, user = clock.now(), request.user
    roles = list(user.body_memberships.values_list("role", "body_id"))
    buys = {body for role, body in roles if role == "buyer"}
    rules = {body for role, body in roles if role == "officer"}
    vendors = list(user.vendor_memberships.values_list("vendor_id", flat=True))
    todo: list[dict] = []
    context = {"now": now, "buys": bool(buys), "works": bool(roles), "sells": bool(vendors), "todo": todo}
    context["oversees"] = bool(rules)
    if roles:
        todo += _body_todo(user, buys, rules, at=now)
        context["occasions"] = _occasions(user, buys | rules, at=now)
    if user.is_auditor:
        todo += _auditor_todo(user, rules, at=now)
        context["awards"] = Award.objects.standing().for_list()[:10]
    if vendors:
        proposals = list(_own_proposals(user, vendors, at=now))
        urgent = [p for p in proposals if _undeposited(p, at=now) and p.opportunity.closes_at - now < URGENT]
        todo += _vendor_todo([p for p in proposals if p not in urgent], at=now)  # said once: the notice says it
        context["urgent"] = urgent
        context["proposals"] = [_shown(proposal, at=now) for proposal in proposals[:SHOWN]]
    for items in more:
        todo += items(user, buys, rules, set(vendors), at=now)
    todo += _invitations(user)
    todo.sort(key=lambda line: not line["late"])  # what is late comes first; the rest keeps its order
    context["waiting"] = len(todo) + len(context.get("urgent", ()))
    context["newcomer"] = not (roles or vendors or todo or user.is_auditor or user.is_staff)
    return render(request, "dashboard.html", context)


def item(title: str, why: str, url: str, action: str, due=None, late: str = "") -> dict:
    """A line of components/todo.html. `due`: an instant; `late`: how late it already is, in words."""
    return {"title": title, "why": why, "due": due, "late": late, "url": url, "action": action}


# --- People of a public body -----------------------------------------------------------------------------------------
def _body_todo(user, buys: set, rules: set, *, at) -> list[dict]:
    """One query, whatever waits. Counts are of opened proposals only."""
    last = Recommendation.objects.filter(opportunity=OuterRef("pk"), decided_by__isnull=False).order_by("-pk")
    states = [Occasion.DRAFT, Occasion.IN_REVIEW, Occasion.SUSPENDED, Occasion.EVALUATION, Occasion.RECOMMENDED]
    waiting = (
        Opportunity.objects.visible_to(user, at=at)
        .filter(body_id__in=buys | rules)
        .filter(Q(state__in=states) | Q(state=Occasion.AWARDED, reversal_requested_by__isnull=False))
        .annotate(
            left=Count("proposals", filter=Q(proposals__state__in=[State.OPENED, State.ADMISSIBLE])),
            scored=Count("proposals", filter=Q(proposals__state=State.SCORED)),
            sent_back=Subquery(last.values("accepted")[:1]),
            sent_back_reason=Subquery(last.values("decision_reason")[:1]),
        )
        .order_by("closes_at", "pk")[:MOST_TODO]
    )
    items = []
    for occasion in waiting:
        if occasion.body_id in rules:
            items += _officer(occasion, user)
        if occasion.body_id in buys:
            items += _buyer(occasion, user)
    return items


def _officer(occasion: Opportunity, user) -> list[dict]:
    def page(name):
        return reverse(name, args=[occasion.number])

    title = occasion.title
    if occasion.state == Occasion.IN_REVIEW and occasion.can("publish", user):
        why = _("En révision : publier ou retourner")
        return [item(title, why, page("opportunities:publish"), _("Réviser"))]
    if occasion.state == Occasion.SUSPENDED:
        return [item(title, _("Suspendue : reprendre ou annuler"), page("proposals:resume"), _("Reprendre"))]
    if occasion.state == Occasion.EVALUATION and not (occasion.left or occasion.scored):
        why = _("Aucune proposition ne peut être retenue")
        return [item(title, why, page("proposals:conclude"), _("Conclure"))]
    if occasion.can("confirm_award", user):
        why = _("Une attribution est recommandée : une autre personne doit la confirmer")
        return [item(title, why, page("proposals:confirm"), _("Examiner"))]
    if occasion.reversal_requested_by_id and occasion.can("reverse_award", user):
        return [item(title, _("Annulation de l’attribution demandée"), page("proposals:reverse"), _("Examiner"))]
    return []


def _buyer(occasion: Opportunity, user) -> list[dict]:
    title = occasion.title or occasion.number
    evaluation = reverse("proposals:evaluation", args=[occasion.number])
    if occasion.state == Occasion.DRAFT and user.pk in {occasion.author_id, occasion.submitted_by_id}:
        url = reverse("opportunities:edit", args=[occasion.number])
        if occasion.state_reason:
            return [item(title, _("Retournée : %s") % occasion.state_reason, url, _("Corriger"))]
        return [item(title, _("Brouillon à terminer"), url, _("Continuer"))]
    if occasion.state != Occasion.EVALUATION:
        return []
    if occasion.left:
        why = ngettext(
            "%d proposition à examiner ou à noter", "%d propositions à examiner ou à noter", occasion.left
        ) % occasion.left  # fmt: skip
        return [item(title, why, evaluation, _("Évaluer"))]
    if occasion.scored and occasion.sent_back is False:
        why = _("Recommandation renvoyée : %s") % occasion.sent_back_reason
        return [item(title, why, evaluation, _("Revoir"))]
    if occasion.scored:
        url = reverse("proposals:recommend", args=[occasion.number])
        return [item(title, _("Toutes les notes sont données : recommander une attribution"), url, _("Recommander"))]
    return []


def _occasions(user, bodies: set, *, at) -> list[dict]:
    found = Opportunity.objects.visible_to(user, at=at).filter(body_id__in=bodies).select_related("body")
    rows = []
    for occasion in found.order_by("-pk")[:SHOWN]:
        label, tone = occasion.get_state_display(), _TONES.get(occasion.state, "info")
        if occasion.state == Occasion.PUBLISHED and not occasion.accepts_proposals(at=at):
            label, tone = _("Fermée"), "info"
        opened = occasion.state in {
            Occasion.EVALUATION,
            Occasion.RECOMMENDED,
            Occasion.AWARDED,
            Occasion.UNSUCCESSFUL,
        }
        url = reverse("proposals:evaluation", args=[occasion.number]) if opened else occasion.get_absolute_url()
        rows.append({"occasion": occasion, "label": label, "tone": tone, "url": url})
    return rows


# --- Vendors ---------------------------------------------------------------------------------------------------------
def _own_proposals(user, vendors: list, *, at):
    return (
        Proposal.objects.visible_to(user, at=at)
        .filter(vendor_id__in=vendors)
        .defer("draft")
        .annotate(
            deposited_at=Max("submissions__received_at"),
            decided_at=Max("opportunity__awards__at", filter=Q(opportunity__awards__reversed_at=None)),
        )
        .for_list()[:MOST_TODO]
    )


def _undeposited(proposal: Proposal, *, at) -> bool:
    """Something can still be deposited, and nothing of this proposal counts yet."""
    return proposal.state in {State.DRAFT, State.WITHDRAWN} and proposal.opportunity.accepts_proposals(at=at)


def _changed(proposal: Proposal, *, at) -> bool:
    """Deposited, then edited: what counts is the older text."""
    return (
        proposal.state == State.SUBMITTED
        and proposal.opportunity.accepts_proposals(at=at)
        and proposal.deposited_at is not None
        and proposal.updated_at > proposal.deposited_at
    )


def _vendor_todo(proposals: list[Proposal], *, at) -> list[dict]:
    items = []
    for proposal in sorted(proposals, key=lambda p: (p.opportunity.closes_at, p.pk)):
        title, url = proposal.opportunity.title, proposal.get_absolute_url()
        due, edit = proposal.opportunity.closes_at, reverse("proposals:edit", args=[proposal.public_id])
        if _undeposited(proposal, at=at):
            why = _("Retirée : rien n’est déposé") if proposal.deposited_at else _("Brouillon : rien n’est déposé")
            items.append(item(title, why, edit, _("Continuer"), due))
        elif _changed(proposal, at=at):
            why = _("Vos dernières modifications ne sont pas déposées; le dépôt précédent reste valide")
            items.append(item(title, why, edit, _("Revoir"), due))
        elif proposal.state == State.REJECTED and proposal.opportunity.state in {"evaluation", "recommended"}:
            items.append(item(title, _("Proposition rejetée : le motif est à lire"), url, _("Lire")))
        elif proposal.state == State.NOT_AWARDED and proposal.decided_at and at - proposal.decided_at < RECENT:
            items.append(item(title, _("Le résultat est connu"), url, _("Voir le résultat")))
    return items


def _shown(proposal: Proposal, *, at) -> dict:
    label, tone = proposal.get_state_display(), _PROPOSAL_TONES.get(proposal.state, "info")
    if proposal.state in {State.OPENED, State.ADMISSIBLE, State.SCORED}:
        label = _("En évaluation")  # where the body stands in its work is told with the result
    if proposal.state in {State.DRAFT, State.WITHDRAWN} and not _undeposited(proposal, at=at):
        tone = "neutral"  # too late, or not now: nothing to do
    return {"proposal": proposal, "label": label, "tone": tone}


def _invitations(user) -> list[dict]:
    """Vendors that invite the person to act for them."""
    found = Invitation.objects.addressed_to(user).select_related("vendor").order_by("pk")[:MOST_TODO]
    return [
        item(
            row.vendor.legal_name,
            _("Vous êtes invité à agir pour ce prestataire"),
            reverse("vendors:invitation", args=[row.public_id]),
            _("Répondre"),
        )
        for row in found
    ]


# --- Auditors --------------------------------------------------------------------------------------------------------
def _auditor_todo(user, rules: set, *, at) -> list[dict]:
    asked = Opportunity.objects.visible_to(user, at=at).filter(
        state=Occasion.AWARDED, reversal_requested_by__isnull=False
    )
    return [
        item(
            occasion.title,
            _("Annulation de l’attribution demandée : %s") % occasion.reversal_reason,
            reverse("proposals:reverse", args=[occasion.number]),
            _("Examiner"),
        )
        for occasion in asked.exclude(body_id__in=rules).order_by("pk")[:MOST_TODO]
        if occasion.can("reverse_award", user)
    ]
