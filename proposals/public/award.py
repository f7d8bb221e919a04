"""What the public reads of one award: how the proposals ranked, the winner's notes, what changed afterwards, the draw.

Of a ranked proposal: its rank, final note, price and adjusted price. Of one that is not ranked (rejected, or below a
minimum), only that it was received: its price was never to be known.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from marketplace.dates.localtime import local
from opportunities.models import Opportunity
from proposals.evaluation import effect, notes
from proposals.models import Award, Draw, NoteReexamination, OpenedProposal, Proposal
from vendors import taxes as vendor_taxes


@dataclass(frozen=True)
class Place:
    """One ranked proposal. name: as its receipt says it; final: exact, out of 100; amounts in cents; None: has none."""

    rank: int
    name: str
    final: Fraction | None
    price_cents: int | None
    adjusted_cents: int | None
    drawn: bool
    retained: bool


def with_ranking(award: Award, opportunity: Opportunity) -> Award:
    """The award with what its page says of it: how many were admissible, whether a draw told ties, taxes, days."""
    lines = award.recommendation.ranking
    award.admissible = len(lines)
    award.drawn = any(line["drawn"] for line in lines)
    award.taxes = vendor_taxes.charged(award.proposal.vendor, award.amount_cents, on=local(award.at).date())
    award.days = (local(award.at).date() - local(opportunity.published).date()).days
    return award


def ranking(award: Award) -> list[Place]:
    """The ranked proposals as the confirmed recommendation holds them, the first one first."""
    names = _names(award.opportunity_id)
    winner = str(award.proposal.public_id)
    places = [
        Place(
            line["rank"],
            names[line["proposal"]],
            Fraction(line["final"]) if line["final"] else None,
            line["price_cents"],
            line["adjusted_cents"],
            line["drawn"],
            line["proposal"] == winner,
        )
        for line in award.recommendation.ranking
        if line["rank"] is not None
    ]
    return sorted(places, key=lambda place: place.rank)


def notes_of(award: Award) -> dict[str, Any] | None:
    """The winner's notes by criterion, and how to compute their digest again; None where there is no grid.

    Not the comments: they are between the body and its vendor.
    """
    version = award.proposal.notes_versions.order_by("-number").first()
    if version is None:
        return None
    award.proposal.opportunity = award.opportunity
    sealed = notes.sealed(award.proposal)
    return {"lines": version.criteria, "proof": sealed.shown() if sealed else None}


def reexaminations(opportunity: Opportunity) -> list[dict[str, Any]]:
    """What changed after it was frozen: whose total, rank or admission, from what to what, why, when.

    Never who, nor one note, nor the explanation of a rejection, which is its vendor's.
    """
    rows = list(NoteReexamination.objects.accepted().filter(proposal__opportunity=opportunity).order_by("pk"))
    names = _names(opportunity.pk) if rows else {}
    public_ids = dict(Proposal.objects.filter(opportunity=opportunity).values_list("pk", "public_id")) if rows else {}
    told = []
    for row in rows:
        name = names[str(public_ids[row.proposal_id])]
        told.append({"row": row, "name": name, "effect": effect.told(row.effect, name, names)})
    return told


def _names(opportunity_id: int) -> dict[str, str]:
    """{public id: name}, of the opened proposals, as their receipts say it."""
    rows = OpenedProposal.objects.filter(opening=opportunity_id).values_list(
        "proposal__public_id", "submission__receipt"
    )
    return {str(public_id): receipt["proponent"] for public_id, receipt in rows}


def draw(opportunity: Opportunity) -> Draw | None:
    """The last draw, with the names behind its digests, all public since the opening."""
    last = opportunity.draws.order_by("at", "pk").last()
    if last:
        receipts = opportunity.opening.proposals.values_list("submission__receipt", flat=True)
        names = {receipt["envelope_sha256"]: receipt["proponent"] for receipt in receipts}
        last.ties = [[{"digest": digest, "name": names.get(digest, "")} for digest in tie] for tie in last.order]
    return last
