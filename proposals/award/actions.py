"""From scores to a confirmed award: the verbs that cross occasion, proposals and award."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, check, complain, known, locked
from marketplace.models import User
from marketplace.reasons import reason_given
from opportunities import rules as occasion_rules
from opportunities.conditions import no_contract_signed
from opportunities.models import Opportunity
from proposals import emails as proposal_emails
from proposals.award import facts as award_facts
from proposals.award.ranks import Line, lines
from proposals.enums import State
from proposals.evaluation import notes
from proposals.models import Award, Draw, Proposal, Recommendation
from vendors.eligibility import actions as eligibility


def case(proposal: Proposal) -> eligibility.Case:
    """What is asked of a vendor before its opened proposal wins: for its price, and the declaration that it sealed."""
    declared = bool(proposal.opened.content.get("integrity_declaration"))
    return eligibility.Case(proposal.vendor, proposal.opened.price, declared)


def _check_eligible(proposal: Proposal, *, at: datetime, field: str | None = None) -> None:
    """ValidationError with every reason why this proposal's vendor cannot be retained."""
    asked = case(proposal)
    eligibility.check(
        asked.vendor, amount_cents=asked.amount_cents, on=local(at).date(), integrity=asked.integrity, field=field
    )


def recommend(opportunity: Opportunity, proposal: Proposal, *, by: User, justification: str = "") -> Recommendation:
    """A buyer proposes the award; a justification is required when the proposal is not first."""
    row = Opportunity.objects.get(pk=opportunity.pk)  # the caller's object must not keep what a refusal below undoes
    with transaction.atomic():
        row = locked(row)
        at = clock.now()
        check(row, "recommend", by=by, at=at)
        row.recommend(by=by, at=at, notes=notes.seal_all(row, at=at))
        table = lines(row)
        line = next((line for line in table if line.proposal.pk == proposal.pk), None)
        if line is None or line.ranked.rank is None:
            complain("proposal", _("Cette proposition n’est pas admissible à l’attribution."))
        _check_eligible(line.proposal, at=at, field="proposal")
        justification = justification.strip()
        if line.ranked.rank != 1 and not justification:
            complain("justification", _("Cette proposition n’est pas au premier rang : justifiez la recommandation."))
        if len(justification) > 2_000:
            complain("justification", _("La justification dépasse 2 000 caractères."))
        if any(line.ranked.drawn for line in table):
            _publish_draw(row, table, by=by, at=at)
        recommendation = Recommendation.objects.create(
            opportunity=row,
            proposal=proposal,
            by=by,
            at=at,
            justification=justification,
            ranking=[_frozen(line) for line in table],
        )
        proposal_emails.recommended(row, recommendation, at=at)
    opportunity.__dict__.update(row.__dict__)
    return recommendation


def _frozen(line: Line) -> dict[str, Any]:
    """The ranking as it stood, exact values as text."""
    ranked = line.ranked
    return {
        "proposal": str(line.proposal.public_id),
        "rank": ranked.rank,
        "price_cents": ranked.entry.price_cents,
        "final": None if ranked.final is None else str(ranked.final),
        "adjusted_cents": ranked.adjusted_rounded,
        "drawn": ranked.drawn,
        "scores": {str(key): str(score.value) for key, score in line.scores.items()},
    }


def _publish_draw(opportunity: Opportunity, table: list[Line], *, by: User, at: datetime) -> None:
    ties: dict[int, list[str]] = {}
    for line in table:
        if line.ranked.tie is not None:
            ties.setdefault(line.ranked.tie, []).append(line.ranked.entry.digest)
    drawn = Draw.objects.create(
        opportunity=opportunity,
        at=at,
        commitment=opportunity.draw_commitment,
        secret=opportunity.draw_secret().hex(),
        digests=sorted(opportunity.opening.proposals.values_list("submission__envelope_sha256", flat=True)),
        order=list(ties.values()),
    )
    ledger.record(
        "draw",
        opportunity.ledger_subject(),
        by=by,
        at=at,
        secret=drawn.secret,
        digests=drawn.digests,
        order=drawn.order,
    )


def pending(opportunity: Opportunity) -> Recommendation | None:
    """The recommendation that awaits an officer."""
    return opportunity.recommendations.filter(accepted=None).select_related("proposal__vendor", "by").first()


def confirm(opportunity: Opportunity, *, by: User) -> Award:
    """A second person confirms: one award, one winner, everyone told.

    Raises as the moves do, and ValidationError when the winner is not, or no more, eligible.
    """
    row = Opportunity.objects.get(pk=opportunity.pk)  # the caller's object must not keep what a refusal below undoes
    with transaction.atomic():
        chosen = pending(locked(row))
        at = clock.now()  # under the lock: the move, the award and the version that tells it have one instant
        facts, published = None, None
        if chosen:
            price = chosen.proposal.opened.price
            facts = {"vendor": str(chosen.proposal.vendor), "award_cents": price}
            published = award_facts.told(chosen, price, winner=chosen.proposal_id, at=at)
        row.confirm_award(by=by, at=at, told=facts, published=published)
        recommendation = Recommendation.objects.select_for_update().get(opportunity=row, accepted=None)
        winner = recommendation.proposal
        _check_eligible(winner, at=at)
        _decide(recommendation, by=by, at=at, accepted=True)
        award = Award.objects.create(
            opportunity=row,
            proposal=winner,
            recommendation=recommendation,
            amount_cents=winner.opened.price,
            confirmed_by=by,
            at=at,
        )
        for proposal in Proposal.objects.filter(opportunity=row, state=State.SCORED).order_by("pk"):
            if proposal.pk == winner.pk:
                proposal.award(by=by)
            else:
                proposal.decline(by=by)
        proposal_emails.awarded(row, award, at=at)
    opportunity.__dict__.update(row.__dict__)
    return award


def verify_attestation(opportunity: Opportunity, *, by: User, shown: str) -> None:
    """Whoever may confirm says that Revenu Québec knows the attestation that was on the screen (its public identifier).

    Raises PermissionDenied or IllegalMove.
    """
    with transaction.atomic():
        row = locked(opportunity)
        if not occasion_rules.can_confirm_award(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.state != "recommended":
            raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
        proposal = known(pending(row)).proposal
        # About the proposal: the public reads nothing of it, an auditor does.
        eligibility.verify(proposal.vendor, shown=shown, by=by, at=clock.now(), subject=proposal.ledger_subject())


def send_back(opportunity: Opportunity, *, by: User, reason: str) -> None:
    """An officer refuses the recommendation: the evaluation goes on."""
    with transaction.atomic():
        opportunity.reject_recommendation(by=by, reason=reason)
        at = clock.now()
        recommendation = Recommendation.objects.select_for_update().get(opportunity=opportunity, accepted=None)
        _decide(recommendation, by=by, at=at, accepted=False, reason=reason.strip())
        proposal_emails.sent_back(opportunity, recommendation, at=at)


def _decide(recommendation: Recommendation, *, by: User, at: datetime, accepted: bool, reason: str = "") -> None:
    recommendation.decided_by, recommendation.decided_at = by, at
    recommendation.accepted, recommendation.decision_reason = accepted, reason
    recommendation.save(update_fields=["decided_by", "decided_at", "accepted", "decision_reason"])


def cancel(opportunity: Opportunity, *, by: User, reason: str) -> None:
    """End an occasion with a public reason; vendors who had a proposal are told. Unopened ones stay sealed for ever."""
    with transaction.atomic():
        opportunity.cancel(by=by, reason=reason)
        at = clock.now()
        # Nobody decided it: it fell with the occasion.
        Recommendation.objects.filter(opportunity=opportunity, accepted=None).update(
            accepted=False, decided_at=at, decision_reason=opportunity.state_reason
        )
        proposal_emails.cancelled(opportunity, at=at)


def suspend(opportunity: Opportunity, *, by: User, reason: str) -> None:
    """Stop the clock of deposits for everyone, with a public reason."""
    with transaction.atomic():
        opportunity.suspend(by=by, reason=reason)
        proposal_emails.suspended(opportunity, at=clock.now())


def resume(opportunity: Opportunity, *, by: User, closes_at: datetime) -> None:
    """Publish again with a new closing instant."""
    with transaction.atomic():
        opportunity.resume(by=by, closes_at=closes_at)
        proposal_emails.resumed(opportunity, at=clock.now())


def conclude(opportunity: Opportunity, *, by: User, code: str, reason: str = "") -> None:
    """No award: none received, none conforming, or another public reason. Never a dead end."""
    with transaction.atomic():
        opportunity.conclude_without_award(by=by, code=code, reason=reason)
        proposal_emails.unsuccessful(opportunity, at=clock.now())


def request_reversal(opportunity: Opportunity, *, by: User, reason: str) -> None:
    """First of the two people: an officer asks, with a public reason, that a confirmed award be undone."""
    with transaction.atomic():
        row = locked(opportunity)
        if not occasion_rules.can_oversee(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.state != "awarded":
            raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
        at = clock.now()
        no_contract_signed(row, at)
        row.reversal_reason, row.reversal_requested_by = reason_given(reason), by
        row.save(update_fields=["reversal_reason", "reversal_requested_by"])
        ledger.record("opportunity.request_reversal", row.ledger_subject(), by=by, at=at, reason=row.reversal_reason)
        proposal_emails.reversal_requested(row, by=by, at=at)
    opportunity.__dict__.update(row.__dict__)


def withdraw_reversal(opportunity: Opportunity, *, by: User) -> None:
    """Whoever asked for the reversal thinks better of it, before the second person confirms."""
    with transaction.atomic():
        row = locked(opportunity)
        if row.reversal_requested_by_id is None:
            raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
        if row.reversal_requested_by_id != by.pk:
            raise PermissionDenied(_("Seule la personne qui a demandé l’annulation peut retirer sa demande."))
        row.reversal_reason, row.reversal_requested_by = "", None
        row.save(update_fields=["reversal_reason", "reversal_requested_by"])
        ledger.record("opportunity.withdraw_reversal", row.ledger_subject(), by=by, at=clock.now())
    opportunity.__dict__.update(row.__dict__)


def reverse(opportunity: Opportunity, *, by: User) -> None:
    """Second of the two people: the award falls, every proposal is as before it, both versions stay visible."""
    with transaction.atomic():
        locked(opportunity)
        at = clock.now()  # under the lock: the move, its version and the award have one instant
        opportunity.reverse_award(by=by, at=at)
        award = Award.objects.standing().select_for_update().get(opportunity=opportunity)
        award.reversed_at, award.reversed_by, award.reversal_reason = at, by, opportunity.state_reason
        award.save(update_fields=["reversed_at", "reversed_by", "reversal_reason"])
        # Each as it was before: admissions and notes stay frozen, a mistake is corrected by a re-examination.
        states = [State.AWARDED, State.NOT_AWARDED]
        for proposal in Proposal.objects.filter(opportunity=opportunity, state__in=states).order_by("pk"):
            proposal.restore(by=None)
        proposal_emails.reversed_award(opportunity, award, at=at)
