"""What people do with signals, beside their moves: join one to a case, and look at them before an act is done."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.enums import FlagState, State
from audit.flags import compute, data
from audit.flags.catalogue import CATALOGUE, sentence
from audit.flags.loader import Reads, load
from audit.models import Monitoring, RedFlag
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, known, locked
from opportunities.models import Opportunity
from proposals.models import Recommendation

# What is computed from the procurement alone; the others compare it with all those of its body or of its vendors.
ALONE = ("R003", "R018", "R028", "R030", "R035", "R036", "AFFIL", "WINDOW", "LATE_ADD", "RENOTED")
AMONG = ("R024", "R025", "R038", "R058", "SPLIT", "CLUSTER", "SINGLE", "ROTATE")
MUST_EXPLAIN = ("SPLIT",)  # before publication
OPEN_CASES = (State.OPEN, State.ASKED)


def join(flag: RedFlag, *, by, monitoring: Monitoring) -> None:
    """The signal becomes part of a case about the same procurement that is not concluded."""
    with transaction.atomic():
        case = locked(monitoring)
        if case.opportunity_id != flag.opportunity_id or case.state not in OPEN_CASES:
            raise IllegalMove(_("Cette vérification est conclue, ou porte sur une autre occasion."))
        flag.monitor(by=by, monitoring=case)


def cases_for(flag: RedFlag, user):
    """Those that it may join."""
    return Monitoring.objects.visible_to(user).filter(opportunity=flag.opportunity, state__in=OPEN_CASES).order_by("pk")


def if_awarded(opportunity: Opportunity, recommendation: Recommendation, *, at: datetime) -> list[compute.Found]:
    """What would be flagged of the occasion if the recommendation were confirmed now; nothing is kept."""
    proposal = recommendation.proposal
    award = data.Award(proposal.vendor_id, known(proposal.opened.price_cents), at)

    def awarded(world: data.World) -> data.World:
        rows = (
            replace(row, awards=(*row.awards, award)) if row.number == opportunity.number and not row.award else row
            for row in world.procurements
        )
        return replace(world, procurements=tuple(rows), about=opportunity.number)

    # Texts and documents are read for this one only: the formulas that compare occasions use figures.
    alone = compute.found(awarded(load(at, only=opportunity)), at, ALONE)
    among = compute.found(awarded(load(at, reads=Reads.FIGURES)), at, AMONG)
    return [row for row in (*alone, *among) if row.number == opportunity.number]


def cases_of(opportunity: Opportunity, user):
    """Cases about it that are not closed, as this person may know of them."""
    seen = Monitoring.objects.visible_to(user).filter(opportunity=opportunity)
    return seen.exclude(state=State.CLOSED).order_by("pk")


def keep(
    opportunity: Opportunity, *, by, at: datetime, explanations: Mapping[tuple[str, int | None], str] | None = None
) -> None:
    """Write down, with the award just confirmed, the signals it raises and what the officer says of each of them.

    explanations: {(code, vendor's key or None): text}; a signal without one stays to be explained.
    """
    award = opportunity.awards.get(reversed_at=None)
    rows = if_awarded(opportunity, award.recommendation, at=at)
    for row in rows:
        same: dict[str, Any] = {"code": row.code, "opportunity": opportunity, "vendor_id": row.vendor}
        seen = {"value": row.value, "threshold": row.threshold, "details": row.details, "last_at": at}
        flag, _created = RedFlag.objects.update_or_create(
            **same, defaults=seen | {"ceased_at": None}, create_defaults=seen | {"first_at": at}
        )
        said = (explanations or {}).get((row.code, row.vendor), "").strip()
        if said and flag.state != FlagState.DISMISSED:
            flag.explain(by=by, reason=said)
    if rows:
        codes = sorted({row.code for row in rows})
        ledger.record("redflag.award", f"award:{opportunity.number}", by=by, at=at, signals=codes)


def before_publication(opportunity: Opportunity, *, at: datetime) -> list[dict]:
    """[{title, text, normal, must}] of a notice under review; `must`: publishing it needs a justification.

    What the page of a publication asks (opportunities/review/views.py), wired in marketplace/urls.py.
    """
    if not (opportunity.budget_cents and opportunity.closes_at):
        return []
    return [
        {
            "title": str(CATALOGUE[row.code].title),
            "text": sentence(row.code, row.details),
            "normal": str(CATALOGUE[row.code].normal),
            "must": row.code in MUST_EXPLAIN,
        }
        for row in compute.before_publication(opportunity, at)
    ]
