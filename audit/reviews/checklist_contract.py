"""The checklist's lines about the contract that the award became: value, signatures, publications, changes, money."""

from django.conf import settings

from audit.reviews.checklist_lines import Line, names
from audit.reviews.facts import Facts
from contracts.enums import Party
from marketplace.dates.localtime import local


def value(facts: Facts) -> Line:
    contract = facts.contract
    if contract is None:
        return Line("value", None)
    details = {"contract": contract.number, "contract_cents": contract.amount_cents}
    return Line("value", contract.amount_cents == facts.award.amount_cents, at=contract.signed_at, details=details)


def signatures(facts: Facts) -> Line:
    """The vendor first, then a person of the body whose mandate and limit covered the value that day."""
    if facts.contract is None:
        return Line("signatures", None)
    rows = facts.signatures
    ours = rows[-1] if rows and rows[-1].party == Party.BODY else None
    covered = ours is not None and any(
        row.user_id == ours.by_id
        and row.named_at <= ours.at
        and (row.ended_at is None or row.ended_at > ours.at)
        and row.limit_cents >= facts.contract.amount_cents
        for row in facts.signatories
    )
    details = {"covered": covered, "contract_cents": facts.contract.amount_cents}
    done = [row.party for row in rows] == [Party.VENDOR, Party.BODY] and covered
    return Line("signatures", done, tuple(row.name for row in rows), facts.contract.signed_at, details)


def duties(facts: Facts) -> Line:
    """Published at the SEAO by their last day; one that is not due yet says nothing."""
    today = local(facts.at).date()
    late = [row for row in facts.duties if (row.done_on or today) > row.due_on]
    done = [row for row in facts.duties if row.done_on]
    details = {"done": len(done), "late": len(late), "to_come": len(facts.duties) - len({*done, *late})}
    answer = False if late else True if done else None
    at = max((row.done_at for row in done if row.done_at), default=None)
    return Line("duties", answer, names(row.done_by for row in done), at, details)


def amendments(facts: Facts) -> Line:
    """Under the ceiling all together, each approved by somebody else than who proposed it."""
    contract, rows = facts.contract, facts.amendments
    if contract is None or not rows:
        return Line("amendments", None)
    alone = [row.number for row in rows if row.approved_by_id in (None, row.proposed_by_id)]
    under = contract.value_cents < contract.ceiling_cents
    details = {
        "count": len(rows), "value_cents": contract.value_cents, "ceiling_cents": contract.ceiling_cents,
        "alone": alone, "under": under,
    }  # fmt: skip
    by = [person for row in rows for person in (row.proposed_by, row.approved_by)]
    return Line("amendments", under and not alone, names(by), max(row.in_force_at for row in rows), details)


def invoices(facts: Facts) -> Line:
    """Paid by their last day; one that is not due yet says nothing."""
    today = local(facts.at).date()
    outside = {row.invoice_id: row.paid_on for row in facts.payments if row.paid_on}

    def day_of(row):
        """Paid outside, the day that the body says and the vendor confirmed: lateness counts to it."""
        return (outside.get(row.pk) or local(row.paid_at).date()) if row.paid_at else today

    late = [row.number for row in facts.invoices if day_of(row) > row.due_on]
    paid = [row for row in facts.invoices if row.paid_at]
    details = {"paid": len(paid), "late": late, "days": settings.PAYMENT_DAYS}
    answer = False if late else True if paid else None
    return Line("invoices", answer, at=max((row.paid_at for row in paid), default=None), details=details)


def payers(facts: Facts) -> Line:
    """Nobody paid what they had accepted themselves."""
    if not facts.payments:
        return Line("payers", None)
    alone = [row.invoice.number for row in facts.payments if row.by_id == row.invoice.accepted_by_id]
    at = max((row.settled_at for row in facts.payments if row.settled_at), default=None)
    details = {"count": len(facts.payments), "alone": alone}
    return Line("payers", not alone, names(row.by for row in facts.payments), at, details)
