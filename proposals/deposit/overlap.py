"""One person behind two answers to one occasion: asked of whoever deposits, sealed with the dépôt, told once opened.

Before the opening only that person is told of it, and only of vendors that they act for, or sent an answer for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext_lazy as _

from marketplace.ledger.entries import instant
from marketplace.models import User
from opportunities.models import Opportunity
from proposals.enums import State
from proposals.models import OpenedProposal, Proposal, Submission

KEY = "common_person"  # of a sealed content: {by, at, proposals: [public ids]}
MISSING = _("Déclarez que vous agissez pour plus d’un prestataire qui répond à cette occasion.")


def others(proposal: Proposal, by: User) -> list[Proposal]:
    """What this person must declare to deposit: the answers of other vendors to the same occasion that count, of a
    vendor that they act for; and those that they sent for one that they left since, whatever became of them.
    """
    theirs = by.vendor_memberships.values("vendor")
    sent = Submission.objects.filter(submitted_by=by).values("proposal")
    behind = Q(vendor__in=theirs, state=State.SUBMITTED) | (Q(pk__in=sent) & ~Q(vendor__in=theirs))
    rows = Proposal.objects.filter(behind, opportunity=proposal.opportunity).exclude(vendor=proposal.vendor)
    return list(rows.select_related("vendor").defer("draft").order_by("pk"))


def begun(proposal: Proposal, by: User) -> list[Proposal]:
    """The answers of this person's other vendors to the same occasion that do not count: begun, or taken back."""
    theirs = Proposal.objects.visible_to(by).filter(vendor__in=by.vendor_memberships.values("vendor"))
    rows = theirs.filter(opportunity=proposal.opportunity, state__in=[State.DRAFT, State.WITHDRAWN])
    return list(rows.exclude(pk=proposal.pk).select_related("vendor").defer("draft").order_by("pk"))


def declaration(behind: list[Proposal], *, by: User, at: datetime) -> dict[str, Any]:
    """What the sealed content holds of it. No name of a vendor: one that takes its answer back is never told of."""
    return {KEY: {"by": by.name, "at": instant(at), "proposals": [str(other.public_id) for other in behind]}}


@dataclass(frozen=True)
class Declared:
    """At the dépôt of `proposal`, `by` declared to act also for the vendors of `others`, which were opened too."""

    proposal: Proposal
    by: str
    at: datetime
    others: list[Proposal]


def declared(opportunity: Opportunity) -> list[Declared]:
    """Those of an occasion's opened proposals, in the order of the proposals; two queries, of no text."""
    rows = OpenedProposal.objects.filter(opening=opportunity.pk, content__has_key=KEY).order_by("pk")
    said = dict(rows.annotate(said=KeyTransform(KEY, "content")).values_list("pk", "said"))
    if not said:
        return []
    opened = Proposal.objects.opened().filter(opportunity=opportunity).select_related("vendor").defer("draft")
    proposals = {proposal.pk: proposal for proposal in opened.order_by("pk")}
    told = []
    for pk, one in said.items():
        named = named_in(one)
        others = [other for other in proposals.values() if str(other.public_id) in named]
        if others:
            told.append(Declared(proposals[pk], one["by"], datetime.fromisoformat(one["at"]), others))
    return told


def named_in(said: dict[str, Any]) -> set[str]:
    """The public ids of the proposals that a declaration names."""
    return set(said["proposals"])
