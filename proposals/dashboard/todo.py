"""« À faire » of this floor: one line for each thing that awaits a person. Never a count of unopened proposals."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.models import User
from opportunities.enums import State as Occasion
from opportunities.models import Opportunity
from proposals.enums import State
from proposals.models import NoteReexamination, Proposal, Recommendation
from vendors.models import Invitation

MOST = 50
RECENT = timedelta(days=30)
Item = dict[str, Any]
Waiting = Any  # an Opportunity, with what `of_body` annotates


def item(title: str, why: str, url: str, action: str, due: datetime | None = None, late: str = "") -> Item:
    """A line of components/todo.html. `due`: an instant; `late`: how late it already is, in words."""
    return {"title": title, "why": why, "due": due, "late": late, "url": url, "action": action}


def ties_with(user: User, occasion: str = "pk") -> Exists:
    """Whether a vendor of this person answered: they do not read the evaluation. occasion: where its key is."""
    return Exists(Proposal.objects.tying(user).filter(opportunity=OuterRef(occasion)))


# --- People of a public body -----------------------------------------------------------------------------------------
def of_body(user: User, buys: set[int], rules: set[int], *, at: datetime) -> list[Item]:
    """Of the bodies that the person buys for, and whose rules are the person's: one query, whatever waits.

    Nothing of the evaluation of an occasion that a vendor of theirs answered awaits them.
    """
    asked = NoteReexamination.objects.pending().filter(proposal__opportunity=OuterRef("pk"))
    last = Recommendation.objects.filter(opportunity=OuterRef("pk"), decided_by__isnull=False).order_by("-pk")
    states = [Occasion.DRAFT, Occasion.IN_REVIEW, Occasion.SUSPENDED, Occasion.EVALUATION, Occasion.RECOMMENDED]
    waiting = (
        Opportunity.objects.visible_to(user, at=at)
        .filter(body_id__in=buys | rules)
        .filter(Q(state__in=states) | Q(state=Occasion.AWARDED, reversal_requested_by__isnull=False))
        .exclude(ties_with(user), state__in=[Occasion.EVALUATION, Occasion.RECOMMENDED, Occasion.AWARDED])
        .annotate(
            left=Count("proposals", filter=Q(proposals__state__in=[State.OPENED, State.ADMISSIBLE])),
            scored=Count("proposals", filter=Q(proposals__state=State.SCORED)),
            to_decide=Exists(asked.exclude(asked_by=user)),
            sent_back=Subquery(last.values("accepted")[:1]),
            sent_back_reason=Subquery(last.values("decision_reason")[:1]),
        )
        .order_by("closes_at", "pk")[:MOST]
    )
    items = []
    for occasion in waiting:
        if occasion.body_id in rules:
            items += _officer(occasion, user)
        if occasion.body_id in buys:
            items += _buyer(occasion, user, rules)
    return items


def _officer(occasion: Waiting, user: User) -> list[Item]:
    def page(name: str) -> str:
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
    if occasion.state == Occasion.EVALUATION and occasion.to_decide:
        return [_reexamination(occasion)]
    if occasion.can("confirm_award", user):
        why = _("Une attribution est recommandée : une autre personne doit la confirmer")
        return [item(title, why, page("proposals:confirm"), _("Examiner"))]
    if occasion.reversal_requested_by_id and occasion.can("reverse_award", user):
        return [item(title, _("Annulation de l’attribution demandée"), page("proposals:reverse"), _("Examiner"))]
    return []


def _reexamination(occasion: Waiting) -> Item:
    url = reverse("proposals:evaluation", args=[occasion.number])
    return item(
        occasion.title, _("Réexamen demandé par une autre personne : à accepter ou à refuser"), url, _("Examiner")
    )


def _buyer(occasion: Waiting, user: User, rules: set[int]) -> list[Item]:
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
    if occasion.scored and occasion.prices_wait:
        url = reverse("proposals:unveil_prices", args=[occasion.number])
        return [item(title, _("Toutes les notes sont données : dévoiler les prix"), url, _("Dévoiler les prix"))]
    if occasion.to_decide:
        return [] if occasion.body_id in rules else [_reexamination(occasion)]
    if occasion.scored and occasion.sent_back is False:
        why = _("Recommandation renvoyée : %s") % occasion.sent_back_reason
        return [item(title, why, evaluation, _("Revoir"))]
    if occasion.scored:
        url = reverse("proposals:recommend", args=[occasion.number])
        return [item(title, _("Toutes les notes sont données : recommander une attribution"), url, _("Recommander"))]
    return []


# --- Vendors ---------------------------------------------------------------------------------------------------------
def undeposited(proposal: Proposal, *, at: datetime) -> bool:
    """Something can still be deposited, and nothing of this proposal counts yet."""
    return proposal.state in {State.DRAFT, State.WITHDRAWN} and proposal.opportunity.accepts_proposals(at=at)


def _changed(proposal: Proposal, *, at: datetime) -> bool:
    """Deposited, then edited: what counts is the older text."""
    return (
        proposal.state == State.SUBMITTED
        and proposal.opportunity.accepts_proposals(at=at)
        and proposal.deposited_at is not None
        and proposal.updated_at > proposal.deposited_at
    )


def of_vendors(proposals: Iterable[Proposal], *, at: datetime) -> list[Item]:
    """Of one's own proposals, as `ProposalQuerySet.with_instants` reads them."""
    items = []
    for proposal in sorted(proposals, key=lambda p: (p.opportunity.closing, p.pk)):
        title, url = proposal.opportunity.title, proposal.get_absolute_url()
        due, edit = proposal.opportunity.closes_at, reverse("proposals:edit", args=[proposal.public_id])
        if undeposited(proposal, at=at):
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


def invitations(user: User) -> list[Item]:
    """Vendors that invite the person to act for them."""
    rows = Invitation.objects.addressed_to(user).select_related("vendor").order_by("pk")[:MOST]
    return [
        item(
            row.vendor.legal_name,
            _("Vous êtes invité à agir pour ce prestataire"),
            reverse("vendors:invitation", args=[row.public_id]),
            _("Répondre"),
        )
        for row in rows
    ]


# --- Auditors --------------------------------------------------------------------------------------------------------
def of_auditor(user: User, rules: set[int], *, at: datetime) -> list[Item]:
    """Elsewhere than where the person is an officer: that is told with the body's."""
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
        for occasion in asked.exclude(body_id__in=rules).order_by("pk")[:MOST]
        if occasion.can("reverse_award", user)
    ]
