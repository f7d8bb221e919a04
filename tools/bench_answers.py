"""The proposals of the measurements' occasions, from the sealed draft to the award: see bench_data.py."""

import os
import uuid
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from bench_world import World
from django.db.models import F

from opportunities.models import Opportunity
from proposals.deposit import actions as deposit_actions
from proposals.deposit import declarations, receipt, sealing
from proposals.models import (
    Award,
    OpenedProposal,
    Opening,
    Proposal,
    Recommendation,
    Score,
    SealedEnvelope,
    SealKey,
    Submission,
)

SEALED_STATES = ["draft", "withdrawn", "submitted", "submitted", "submitted"]
PROPOSAL_STATES = {
    "published": SEALED_STATES,
    "cancelled": SEALED_STATES,
    "evaluation": ["opened"] * 5,
    "recommended": ["scored"] * 4 + ["rejected"],
    "awarded": ["awarded"] + ["not_awarded"] * 3 + ["rejected"],
}
FINALS = [90, 84, 78, 72]  # the scored ones, best first: no tie


@dataclass
class _Answer:
    """One proposal, its occasion's key, what it says, and its only submission if it was ever deposited."""

    proposal: Proposal
    key: SealKey
    content: dict
    submission: Submission | None = None
    sealed: sealing.Sealed | None = None


def write_proposals(occasions: list[Opportunity], grid: dict, world: World) -> None:
    keys = []
    for occasion in occasions:
        public, wrapped = sealing.new_pair(occasion.number)
        keys.append(SealKey(opportunity=occasion, public_key=public, wrapped_private_key=wrapped))
    world.save(SealKey, keys)
    answers = [answer for key in keys for answer in _answers(key, world)]
    world.save(Proposal, [answer.proposal for answer in answers])
    deposited = [answer for answer in answers if answer.proposal.state != "draft"]
    for answer in deposited:
        _seal(answer, world)
    world.save(Submission, [answer.submission for answer in deposited])
    kept = [answer for answer in deposited if answer.proposal.state != "withdrawn"]  # a withdrawal destroys the content
    world.save(SealedEnvelope, [SealedEnvelope(submission=one.submission, content=one.sealed.envelope) for one in kept])
    _openings([answer for answer in kept if answer.proposal.state != "submitted"], grid, world)


def _answers(key: SealKey, world: World) -> list[_Answer]:
    occasion, rng = key.opportunity, world.rng
    vendors = rng.sample(world.individuals, 3) + rng.sample(world.firms, 2)
    rng.shuffle(vendors)
    made = []
    for vendor, state in zip(vendors, PROPOSAL_STATES[occasion.state], strict=True):
        last = min(occasion.closes_at, world.at)
        seconds = rng.randrange(60, int((last - occasion.published_at).total_seconds()))
        at = occasion.published_at + timedelta(seconds=seconds)
        rejected = state == "rejected"
        proposal = Proposal(
            opportunity=occasion, vendor=vendor, created_by=world.owners[vendor.pk], state=state, created_at=at,
            updated_at=at, rejection_code="CONF-4" if rejected else "",
            rejection_text="La proposition ne peut pas être lue." if rejected else "",
            examined_by=occasion.author if state in ("scored", "awarded", "not_awarded", "rejected") else None,
        )  # fmt: skip
        content = {"text": rng.choice(world.answers), "comments": rng.choice(world.answers)[:200], "files": []}
        if occasion.state in ("published", "cancelled"):
            proposal.draft = sealing.seal_draft(content, about=str(proposal.public_id))
        made.append(_Answer(proposal, key, content))
    return made


def _seal(answer: _Answer, world: World) -> None:
    """What proposals/deposit/actions.py does for a first version without files, except opening it again to prove it."""
    proposal, occasion = answer.proposal, answer.proposal.opportunity
    by, at = proposal.created_by, proposal.updated_at
    answer.content |= {
        "price_cents": occasion.budget_cents,
        "proponent": deposit_actions.proponent(proposal.vendor),
        **declarations.declared(by=by.name, at=at, lobbying="none"),
        "terms_version": world.terms.version,
    }
    about = f"{occasion.number}/{proposal.public_id}/1"
    answer.sealed = sealing.seal(answer.content, {}, public_key=answer.key.public_key, about=about)
    digest = answer.sealed.digest
    answer.submission = Submission(
        proposal=proposal, version=1, receipt_number=receipt.new_number(), received_at=at,
        closes_at=occasion.closes_at,
        envelope_sha256=digest, submitted_by=by, terms=world.terms, idempotency_key=uuid.uuid4(),
    )  # fmt: skip
    answer.submission.receipt = receipt.signed(answer.submission, proposal)
    subject = proposal.ledger_subject()
    sealed = {"sealed": True, "version": 1, "envelope_sha256": digest}
    world.act(at, "proposal.submit", subject, by, before="draft", after="submitted", **sealed)
    if proposal.state == "withdrawn":
        world.act(at, "proposal.withdraw", subject, by, before="submitted", after="withdrawn", **sealed)


def _openings(answers: list[_Answer], grid: dict, world: World) -> None:
    by_occasion: dict[Opportunity, list[_Answer]] = {}
    for answer in answers:
        by_occasion.setdefault(answer.proposal.opportunity, []).append(answer)
    openings = {
        occasion: Opening(
            opportunity=occasion, opened_at=occasion.closes_at + timedelta(seconds=4), closes_at=occasion.closes_at
        )
        for occasion in by_occasion
    }
    world.save(Opening, list(openings.values()))
    world.save(
        OpenedProposal,
        [
            OpenedProposal(
                proposal=one.proposal, opening=openings[one.proposal.opportunity], submission=one.submission,
                readable=True, content=one.content, price_cents=one.content["price_cents"], data_key=os.urandom(32),
            )
            for one in answers
        ],
    )  # fmt: skip
    scores, recommendations = [], []
    for occasion, group in by_occasion.items():
        _tell_opening(occasion, group, openings[occasion], world)
        if occasion.state != "evaluation":
            recommendations.append(_decide(occasion, group, grid[occasion], scores, world))
    world.save(Score, scores)
    world.save(Recommendation, recommendations)
    # After their scores, which triggers guard from here on.
    Opportunity.objects.filter(state__in=["recommended", "awarded"]).update(notes_frozen_at=F("closes_at"))
    world.save(
        Award,
        [
            Award(
                opportunity=one.opportunity, proposal=one.proposal, recommendation=one, confirmed_by=one.decided_by,
                amount_cents=one.opportunity.budget_cents, at=one.decided_at,
            )
            for one in recommendations
            if one.accepted
        ],
    )  # fmt: skip


def _tell_opening(occasion: Opportunity, group: list[_Answer], opening: Opening, world: World) -> None:
    at, subject = opening.opened_at, occasion.ledger_subject()
    world.act(at, "opportunity.open", subject, None, before="published", after="evaluation")
    for one in group:
        world.act(at, "proposal.open", one.proposal.ledger_subject(), None, before="submitted", after="opened")
    digests = sorted(one.submission.envelope_sha256 for one in group)
    world.act(at, "opening.minutes", subject, None, received=len(group), envelopes=digests, unreadable=[])


def _decide(occasion: Opportunity, group: list[_Answer], criteria, scores: list[Score], world: World) -> Recommendation:
    """Scores, ranking, recommendation and, when awarded, the confirmation: one day after another."""
    subject, by = occasion.ledger_subject(), occasion.author
    officer = occasion.published_by
    scored_at, at, decided_at = (occasion.closes_at + timedelta(days=days) for days in (2, 5, 7))
    ranked = [one for one in group if one.proposal.state != "rejected"]
    ranking = []
    for one in group:
        name = one.proposal.ledger_subject()
        if one not in ranked:
            world.act(scored_at, "proposal.reject", name, by, before="opened", after="rejected", code="CONF-4",
                      text=one.proposal.rejection_text)  # fmt: skip
            continue
        value = FINALS[len(ranking)]
        scores += [Score(proposal=one.proposal, criterion=c, value=value, by=by, at=scored_at) for c in criteria]
        world.act(scored_at, "proposal.admit", name, by, before="opened", after="admissible")
        world.act(scored_at, "proposal.score", name, by, before="admissible", after="scored",
                  scores={"0": str(value), "1": str(value)})  # fmt: skip
        ranking.append(
            {"proposal": str(one.proposal.public_id), "rank": len(ranking) + 1, "price_cents": occasion.budget_cents,
             "final": str(Fraction(value)), "adjusted_cents": None, "drawn": False,
             "scores": {str(c.pk): f"{value}.00" for c in criteria}}
        )  # fmt: skip
    world.act(at, "opportunity.recommend", subject, by, before="evaluation", after="recommended")
    awarded = occasion.state == "awarded"
    if awarded:
        world.act(decided_at, "opportunity.confirm_award", subject, officer, before="recommended", after="awarded")
        for one in ranked:
            verb = "award" if one is ranked[0] else "decline"
            name = one.proposal.ledger_subject()
            world.act(decided_at, f"proposal.{verb}", name, officer, before="scored", after=one.proposal.state)
    return Recommendation(
        opportunity=occasion, proposal=ranked[0].proposal, by=by, at=at, ranking=ranking,
        decided_by=officer if awarded else None, decided_at=decided_at if awarded else None,
        accepted=True if awarded else None,
    )  # fmt: skip
