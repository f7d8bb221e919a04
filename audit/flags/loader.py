"""The formulas' values from the database, in a bounded number of queries.

Proposals are read only where the opening took place, and only those that it opened. Drafts of notices are not read.
"""

import hashlib
import re
from collections import defaultdict
from datetime import datetime
from enum import Enum

from django.db.models import Max, Q

from audit.flags import data, documents
from contracts.enums import CONCLUDED, AmendmentState, InvoiceKind, PaymentState
from contracts.models import Amendment, Contract, Invoice
from marketplace.dates.localtime import local
from marketplace.lifecycle import known
from marketplace.search import fold
from opportunities.conditions import ceiling_cents
from opportunities.enums import AwardMode
from opportunities.models import Addendum, Attachment, Opportunity
from proposals.deposit import overlap
from proposals.enums import State
from proposals.evaluation import effect
from proposals.models import Award, NoteReexamination, OpenedProposal, Proposal
from vendors.models import Vendor, VendorMembership

# Addresses that anybody may have, and those that cannot exist.
_SHARED = frozenset(
    [
        "gmail.com", "outlook.com", "outlook.fr", "hotmail.com", "hotmail.fr", "hotmail.ca", "live.com",
        "live.ca", "live.fr", "msn.com", "yahoo.com", "yahoo.ca", "yahoo.fr", "icloud.com", "me.com", "proton.me",
        "protonmail.com", "videotron.ca", "bell.net", "sympatico.ca", "cgocable.ca", "telus.net",
        "globetrotter.net", "xplornet.com", "gmx.com", "pm.me", "fastmail.com",
    ]
)  # fmt: skip
_RESERVED = (".invalid", ".example", ".test", ".localhost")


class Reads(Enum):
    """How much is read of each procurement."""

    NOTICES = 1  # notices, awards and contracts, not a proposal nor a vendor
    FIGURES = 2  # also who answered, when, at what price, and what became of it
    ALL = 3  # also texts, documents and what is known of vendors


def load(
    at: datetime, *, also: Opportunity | None = None, only: Opportunity | None = None, reads: Reads = Reads.ALL
) -> data.World:
    """Everything published at `at`, or `only` that one.

    `also`: a notice not published yet, as if it were now, for its own body's eyes.
    """
    seen = Opportunity.objects.public().filter(published_at__lte=at)
    if only is not None:
        seen = seen.filter(pk=only.pk)
    rows = list(seen.defer("search_text", *["description"] * (reads is not Reads.ALL)).order_by("pk"))
    if also is not None and also.pk not in {row.pk for row in rows}:
        rows.append(also)
    skills = _grouped(
        Opportunity.skills.through.objects.values_list("opportunity_id", "skill__folded").order_by("opportunity_id")
    )
    addenda = _grouped(Addendum.objects.values_list("opportunity_id", "at").order_by("at"))
    opened, vendors = _proposals(seen, texts=reads is Reads.ALL) if reads is not Reads.NOTICES else ({}, {})
    awards = defaultdict(list)
    for row in Award.objects.select_related("proposal").order_by("at", "pk"):
        awards[row.opportunity_id].append(data.Award(row.proposal.vendor_id, row.amount_cents, row.at, row.reversed_at))
    renoted = _renoted()
    contracts = _contracts()
    return data.World(
        tuple(
            data.Procurement(
                number=row.number,
                body=row.body_id,
                published_at=row.published_at or at,
                closes_at=row.closes_at or at,
                title=row.title,
                teaser=row.teaser,
                notice=f"{row.title}\n{row.teaser}\n{row.description}" if reads is Reads.ALL else "",
                skills=frozenset(skills[row.pk]),
                budget_cents=row.budget_cents or 0,
                ceiling_cents=ceiling_cents(local(row.published_at or at).date()),
                mode=row.award_mode,
                short_reason=row.short_period_reason,
                ended=row.state in ("cancelled", "unsuccessful"),
                addenda=tuple(addenda[row.pk]),
                proposals=opened.get(row.pk),
                awards=tuple(awards[row.pk]),
                renoted=tuple(renoted[row.pk]),
                contract=contracts.get(row.pk),
            )
            for row in rows
        ),
        vendors,
    )


def _renoted() -> defaultdict[int, list]:
    """{occasion: its accepted re-examinations}."""
    rows = list(
        NoteReexamination.objects.accepted()
        .select_related("proposal")
        .defer("proposal__draft")
        .prefetch_related("lines__criterion")
        .order_by("pk")
    )
    occasions = {row.proposal.opportunity_id for row in rows}
    proposals = Proposal.objects.opened().filter(opportunity__in=occasions) if rows else Proposal.objects.none()
    names = {str(public_id): name for public_id, name in proposals.values_list("public_id", "vendor__legal_name")}
    return _grouped(
        (row.proposal.opportunity_id, data.Renoted(row.proposal.vendor_id, effect.change(row, names))) for row in rows
    )


def _grouped(pairs) -> defaultdict[int, list]:
    values = defaultdict(list)
    for key, value in pairs:
        values[key].append(value)
    return values


# --- Opened proposals and their vendors ------------------------------------------------------------------------------
def _proposals(seen, *, texts: bool) -> tuple[dict[int, tuple[data.Proposal, ...]], dict[int, data.Vendor]]:
    """({occasion: proposals}, {id: vendor}). An occasion opened without any proposal has an empty tuple."""
    proposals: dict[int, list[data.Proposal]] = {
        pk: [] for pk in seen.filter(opening__isnull=False).values_list("pk", flat=True)
    }
    opened = OpenedProposal.objects.filter(proposal__in=Proposal.objects.opened().filter(opportunity__in=seen))
    texts_of, marks, declared = _written(opened) if texts else ({}, {}, {})
    rows = opened.order_by("proposal_id").values_list(
        "pk", "price_cents", "submission__received_at", "proposal__state", "proposal__rejection_code",
        "proposal__vendor", "proposal__opportunity", "proposal__opportunity__award_mode",
        "proposal__opportunity__notes_frozen_at", "proposal__created_by", "submission__submitted_by",
    )  # fmt: skip
    for pk, price_cents, received_at, state, rejection, vendor, occasion, mode, frozen_at, *hands in rows.iterator():
        mode = AwardMode(mode)
        # A price that the evaluators may not read yet is not read here either: a signal would tell it.
        waits = mode.price_waits and (frozen_at is None or state in {State.OPENED, State.ADMISSIBLE})
        hidden = mode == AwardMode.QUALITY_FIXED or waits
        proposals[occasion].append(
            data.Proposal(
                vendor=vendor,
                price_cents=None if hidden else price_cents,
                received_at=received_at,
                admitted=None if state == State.OPENED else state != State.REJECTED,
                rejection=rejection,
                text=texts_of.get(pk, ""),
                marks=marks.get(pk, frozenset()),
                hands=frozenset(hands),
                declared=declared.get(pk, frozenset()),
            )
        )
    vendors = {proposal.vendor for group in proposals.values() for proposal in group}
    return {pk: tuple(group) for pk, group in proposals.items()}, _vendors(vendors) if texts else _names(vendors)


def _written(opened) -> tuple[dict[int, str], dict[int, frozenset[str]], dict[int, frozenset[int]]]:
    """({id: text}, {id: marks of documents}, {id: vendors that its sender declared}) of opened proposals."""
    rows = opened.select_related("proposal").only(
        "content", "submission", "proposal__opportunity", "proposal__public_id", "proposal__vendor"
    )
    rows = list(rows.order_by("proposal_id"))
    vendors = {str(row.proposal.public_id): row.proposal.vendor_id for row in rows}
    said = {row.pk: overlap.named_in(row.content[overlap.KEY]) for row in rows if overlap.KEY in row.content}
    declared = {pk: frozenset(vendors[key] for key in named & vendors.keys()) for pk, named in said.items()}
    return {row.pk: str(row.content.get("text", "")) for row in rows}, _marks(rows), declared


def _marks(rows: list[OpenedProposal]) -> dict[int, frozenset[str]]:
    """Of the documents of occasions with two answers at least; those of the notice's own files are taken off."""
    bids = defaultdict(list)
    for row in rows:
        bids[row.proposal.opportunity_id].append(row)
    several = [row for group in bids.values() if len(group) > 1 for row in group]
    marks = documents.marks_of(several)
    theirs: defaultdict[int, frozenset[str]] = defaultdict(frozenset)
    for attachment in Attachment.objects.filter(opportunity__in=[row.proposal.opportunity_id for row in several]):
        theirs[attachment.opportunity_id] |= documents.marks_of_attachment(attachment)
    return {row.pk: marks[row.pk] - theirs[row.proposal.opportunity_id] for row in several if row.pk in marks}


def _vendors(ids: set[int]) -> dict[int, data.Vendor]:
    people = _grouped(VendorMembership.objects.filter(vendor__in=ids).values_list("vendor_id", "user_id"))
    return {
        row.pk: data.Vendor(
            id=row.pk,
            name=row.legal_name,
            address=_letters(f"{row.street} {row.street2} {row.postal_code}") if row.street.strip() else "",
            postal_code=_letters(row.postal_code),
            phone=_digits(row.phone),
            domain=_domain(row.email),
            account=_hashed(row.payout_account.account_id) if hasattr(row, "payout_account") else "",
            people=frozenset(people[row.pk]),
        )
        for row in Vendor.objects.filter(pk__in=ids).select_related("payout_account").order_by("pk")
    }


def _names(ids: set[int]) -> dict[int, data.Vendor]:
    named = Vendor.objects.filter(pk__in=ids).values_list("pk", "legal_name")
    return {pk: data.Vendor(pk, name) for pk, name in named}


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", fold(text))


def _digits(phone: str) -> str:
    """« +1 (418) 555-0142 poste 3 » → « 4185550142 »: the extension is not the line."""
    line = re.split(r"poste|ext", phone.lower())[0]
    return re.sub(r"\D", "", line)[-10:]


def _domain(email: str) -> str:
    domain = email.lower().rpartition("@")[2]
    return "" if domain in _SHARED or domain.endswith(_RESERVED) else domain


def _hashed(account: str) -> str:
    return hashlib.sha256(account.encode()).hexdigest()[:32]


# --- Contracts -------------------------------------------------------------------------------------------------------
def _contracts() -> dict[int, data.Contract]:
    """{occasion: its concluded contract}, with amendments in force and invoices of work."""
    amendments = defaultdict(list)
    for change in Amendment.objects.filter(state=AmendmentState.IN_FORCE).order_by("in_force_at", "pk"):
        amendments[change.contract_id].append(data.Amendment(change.delta_cents, known(change.in_force_at)))
    invoices = defaultdict(list)
    # A payment outside the platform was made on the day declared, whenever the vendor confirmed it.
    declared = Max("payments__paid_on", filter=Q(payments__state=PaymentState.PAID))
    for invoice in Invoice.objects.exclude(kind=InvoiceKind.INTEREST).annotate(declared=declared).order_by("pk"):
        owed_from = max(local(invoice.issued_at).date(), known(invoice.accepted_on))
        paid_on = (invoice.declared or local(invoice.paid_at).date()) if invoice.paid_at else None
        invoices[invoice.contract_id].append(data.Invoice(owed_from, paid_on))
    rows = Contract.objects.filter(state__in=CONCLUDED).select_related("award")
    return {
        row.award.opportunity_id: data.Contract(
            row.amount_cents, tuple(amendments[row.pk]), tuple(invoices[row.pk])
        )
        for row in rows
    }  # fmt: skip
