"""What hangs from one procurement, as a person sees it: its objects, their names, and the entries about them."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.models import AwardReview, Monitoring, RedFlag
from contracts.models import Amendment, Contract, Delivery, Document, Invoice, Milestone, Payment
from marketplace.models import LedgerEntry, LedgerPayload, User
from opportunities.models import Opportunity
from proposals.models import Award, Proposal


@dataclass
class Story:
    """What hangs from an occasion, as this person sees it: rows already fetched, in a fixed number of queries.

    `objects`: {ledger subject: (words, address or "")}.
    """

    opportunity: Opportunity
    proposals: list[Proposal]
    awards: list[Award]
    contracts: list[Contract]
    milestones: list[Milestone]
    invoices: list[Invoice]
    payments: list[Payment]
    amendments: list[Amendment]
    documents: list[Document]
    deliveries: list[Delivery]
    monitorings: list[Monitoring]
    flags: list[RedFlag]
    reviews: list[AwardReview]
    objects: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def proposal_subjects(self) -> list[str]:
        return [proposal.ledger_subject() for proposal in self.proposals]


def story_of(opportunity: Opportunity, user: User) -> Story:
    """Only what this person may read: no proposal before its opening, nor ever one that was not opened."""
    contracts = list(Contract.objects.visible_to(user).filter(award__opportunity=opportunity).for_list().order_by("pk"))
    inside = {"contract__in": contracts}
    proposals = Proposal.objects.visible_to(user).opened().filter(opportunity=opportunity)
    deliveries = Delivery.objects.filter(milestone__contract__in=contracts).select_related("milestone")
    invoices = list(Invoice.objects.visible_to(user).filter(**inside).select_related("contract").order_by("pk"))
    awards = Award.objects.filter(opportunity=opportunity).select_related("proposal__vendor", "confirmed_by")
    story = Story(
        opportunity=opportunity,
        proposals=list(
            proposals.select_related("vendor", "opened__submission").defer("draft", "opened__data_key").order_by("pk")
        ),
        awards=list(awards.order_by("pk")),
        contracts=contracts,
        milestones=list(Milestone.objects.filter(**inside).select_related("contract").order_by("contract", "position")),
        invoices=invoices,
        payments=list(Payment.objects.filter(invoice__in=invoices).select_related("invoice__contract").order_by("pk")),
        amendments=list(
            Amendment.objects.visible_to(user)
            .filter(**inside)
            .select_related("contract")
            .order_by("contract", "number")
        ),
        documents=list(Document.objects.filter(**inside).select_related("contract").order_by("pk")),
        deliveries=list(deliveries.prefetch_related("files").order_by("pk")),
        monitorings=list(Monitoring.objects.visible_to(user).filter(opportunity=opportunity).order_by("pk")),
        flags=list(
            RedFlag.objects.visible_to(user).filter(opportunity=opportunity).select_related("vendor").order_by("pk")
        ),
        reviews=list(
            AwardReview.objects.visible_to(user)
            .filter(award__opportunity=opportunity)
            .select_related("by")
            .order_by("pk")
        ),
    )
    story.objects = _objects(story)
    return story


def _objects(story: Story) -> dict[str, tuple[str, str]]:
    occasion = story.opportunity
    named: list[tuple[Any, str, str]] = [
        (row, _("Proposition : %s") % row.vendor, reverse("proposals:examine", args=[occasion.number, row.public_id]))
        for row in story.proposals
    ]
    named += [(row, row.number, row.get_absolute_url()) for row in story.contracts]
    named += [
        (row, _("Jalon %d") % row.position, reverse("contracts:milestone", args=[row.contract.number, row.position]))
        for row in story.milestones
    ]
    named += [
        (row, _("Paiement, facture %s") % row.invoice.number, row.invoice.get_absolute_url()) for row in story.payments
    ]
    named += [
        (row, str(row), reverse("contracts:amendment", args=[row.contract.number, row.number]))
        for row in story.amendments
    ]
    named += [(row, row.number, row.get_absolute_url()) for row in story.monitorings]
    named += [(row, _("Signal %s") % row.code, "") for row in story.flags]
    return {
        occasion.ledger_subject(): (occasion.number, occasion.get_absolute_url()),
        f"award:{occasion.number}": (_("Attribution"), reverse("proposals:award", args=[occasion.number])),
    } | {row.ledger_subject(): (words, address) for row, words, address in named}


def entries_of(story: Story):
    """Every entry about the procurement; those that were sealed too, once opened."""
    unsealed = LedgerPayload.objects.filter(subject__in=story.proposal_subjects).values("entry_id")
    return LedgerEntry.objects.filter(Q(subject__in=list(story.objects)) | Q(seq__in=unsealed)).order_by("seq")
