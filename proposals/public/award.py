"""What the public reads of one award: how the proposals ranked, the winner's notes, what changed afterwards, the draw.

Of a ranked proposal: its rank, final note, price and adjusted price. Of one that is not ranked (rejected, or below a
minimum), only that it was received: its price was never to be known.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from marketplace.dates.localtime import local
from opportunities.models import Opportunity
from proposals.evaluation import notes
from proposals.models import Award, Draw, NoteReexamination, OpenedProposal
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
    rows = OpenedProposal.objects.filter(opening=award.opportunity_id).values_list(
        "proposal__public_id", "submission__receipt"
    )
    names = {str(public_id): receipt["proponent"] for public_id, receipt in rows}
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
    """Notes that changed after they were frozen: whose total, from what to what, why, when. Never who, nor one note."""
    rows = NoteReexamination.objects.accepted().filter(proposal__opportunity=opportunity)
    rows = rows.select_related("proposal__opened__submission").defer("proposal__opened__content", "proposal__draft")
    return [{"row": row, "name": row.proposal.opened.submission.receipt["proponent"]} for row in rows.order_by("pk")]


def draw(opportunity: Opportunity) -> Draw | None:
    """The last draw, with the names behind its digests, all public since the opening."""
    last = opportunity.draws.order_by("at", "pk").last()
    if last:
        receipts = opportunity.opening.proposals.values_list("submission__receipt", flat=True)
        names = {receipt["envelope_sha256"]: receipt["proponent"] for receipt in receipts}
        last.ties = [[{"digest": digest, "name": names.get(digest, "")} for digest in tie] for tie in last.order]
    return last
