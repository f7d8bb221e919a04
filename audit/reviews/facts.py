"""What the platform keeps about one award, read in a fixed number of queries: what the checklist is computed from."""

from dataclasses import dataclass
from datetime import datetime

from audit.models import RedFlag
from contracts.enums import CONCLUDED, AmendmentState, MilestoneState, PaymentState
from contracts.models import Contract, Payment
from marketplace.models import Checkpoint, LedgerEntry, LedgerPayload, OutgoingEmail
from proposals.models import Award, Draw, Proposal
from vendors.models import Ineligibility, TaxAttestation, VendorMembership

TOLD = ["emails/opportunity_addendum.txt", "emails/proposal_not_awarded.txt", "emails/proposal_awarded.txt"]


@dataclass
class Facts:
    """Rows already fetched. `told`: {(template, instant): (people written to, messages that still wait)}.

    `flags`: those that stand, in the states that the body may know.
    `ties`: {vendor: its people}; `entries`: {rank: entry}, and `payloads` those of their details that remain.
    """

    award: Award
    at: datetime
    criteria: list
    addenda: list
    proposals: list
    ties: dict
    told: dict
    draw: Draw | None
    attestations: list
    ineligibilities: list
    contract: Contract | None
    signatures: list
    signatories: list
    duties: list
    amendments: list
    milestones: list
    invoices: list
    payments: list
    entries: dict
    payloads: list
    checkpoint: Checkpoint | None
    flags: list

    @property
    def opportunity(self):
        return self.award.opportunity

    @property
    def winner(self) -> Proposal:
        return next(row for row in self.proposals if row.pk == self.award.proposal_id)


def awards():
    """Awards with what the checklist and its page name."""
    return Award.objects.select_related(
        "opportunity__body", "opportunity__opening", "opportunity__published_by", "opportunity__notes_frozen_by",
        "proposal__vendor", "confirmed_by", "recommendation__by", "recommendation__proposal", "contract",
    )  # fmt: skip


def facts(award: Award, *, at: datetime) -> Facts:
    """`award`: a row of awards()."""
    opportunity = award.opportunity
    proposals = list(
        Proposal.objects.opened()
        .filter(opportunity=opportunity)
        .select_related("vendor", "opened__submission__envelope", "examined_by")
        .defer("draft", "opened__data_key")
        .prefetch_related(
            "scores__by",
            "notes_versions__seal",
            "note_reexaminations__asked_by",
            "note_reexaminations__decided_by",
            "note_reexaminations__lines__criterion",
        )  # fmt: skip
        .order_by("pk")
    )
    vendors = [row.vendor_id for row in proposals]
    ties: dict[int, set[int]] = {row.vendor_id: {row.created_by_id} for row in proposals}
    for vendor, person in VendorMembership.objects.filter(vendor__in=vendors).values_list("vendor_id", "user_id"):
        ties[vendor].add(person)
    contract = Contract.objects.filter(award=award, state__in=CONCLUDED).first()
    inside = _of_contract(contract)
    subjects = _subjects(opportunity, proposals, inside, contract)
    # Reads are no act of the award: looking at the list would change it.
    acts = LedgerPayload.objects.filter(subject__in=subjects).exclude(action__startswith="read.")
    payloads = list(acts.select_related("entry", "actor"))
    entries = {row.entry_id: row.entry for row in payloads}
    rows = LedgerEntry.objects.filter(subject__in=subjects).exclude(action__startswith="read.")
    entries |= {row.seq: row for row in rows.order_by("seq")}
    return Facts(
        award=award,
        at=at,
        criteria=list(opportunity.criteria.all()),
        addenda=list(opportunity.addenda.select_related("by")),
        proposals=proposals,
        ties=ties,
        told=_told(opportunity, ties),
        draw=Draw.objects.filter(opportunity=opportunity).order_by("-pk").first(),
        attestations=list(
            TaxAttestation.objects.filter(vendor=award.proposal.vendor_id).select_related("verified_by").order_by("pk")
        ),
        ineligibilities=list(Ineligibility.objects.filter(vendor=award.proposal.vendor_id).order_by("pk")),
        contract=contract,
        signatories=list(opportunity.body.signatories.order_by("pk")),
        entries=entries,
        payloads=payloads,
        checkpoint=Checkpoint.objects.order_by("-size").first(),
        flags=list(RedFlag.objects.as_told().standing().filter(opportunity=opportunity).order_by("code", "pk")),
        **inside,
    )


def _of_contract(contract: Contract | None) -> dict:
    if contract is None:
        names = ("signatures", "duties", "amendments", "milestones", "invoices", "payments")
        return {name: [] for name in names}
    payments = Payment.objects.filter(invoice__contract=contract, state=PaymentState.PAID)
    return {
        "signatures": list(contract.signatures.filter(void_at=None).order_by("at", "pk")),
        "duties": list(contract.duties.select_related("done_by", "amendment")),
        "amendments": list(
            contract.amendments.filter(state=AmendmentState.IN_FORCE).select_related(
                "contract", "proposed_by", "approved_by"
            )
        ),
        "milestones": list(contract.milestones.exclude(state__in=[MilestoneState.PLANNED, MilestoneState.DELIVERED])),
        "invoices": list(contract.invoices.order_by("pk")),
        "payments": list(payments.select_related("by", "invoice").order_by("pk")),
    }


def _subjects(opportunity, proposals: list, inside: dict, contract) -> list[str]:
    rows = [opportunity, *proposals, *inside["milestones"], *inside["amendments"], *inside["payments"]]
    return [row.ledger_subject() for row in [*rows, *([contract] if contract else [])]]


def _told(opportunity, ties: dict) -> dict:
    """Messages about this occasion, by template and instant: they are queued at the instant of their act."""
    people = set().union(*ties.values()) if ties else set()
    rows = OutgoingEmail.objects.filter(
        to__in=people, template__in=TOLD, subject__startswith=opportunity.number,
        created_at__gte=opportunity.published_at,
    ).values_list("template", "created_at", "to_id", "subject", "sent_at", "held")  # fmt: skip
    messages: dict = {}
    for template, created_at, person, subject, sent_at, held in rows:
        if subject[len(opportunity.number) :][:1].isdigit():
            continue  # DAN-2026-00011 begins as DAN-2026-0001 does
        written_to, waiting = messages.setdefault((template, created_at), (set(), []))
        written_to.add(person)
        if sent_at is None and not held:
            waiting.append(person)
    return messages


def standing_flags(award: Award, user):
    """The signals that stand about the award's occasion, as this person sees them."""
    return RedFlag.objects.visible_to(user).standing().filter(opportunity=award.opportunity_id)
