"""Invoices: one per accepted milestone, one for the holdback, one for the interest of a late payment."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from contracts import conditions, documents, rules
from contracts import emails as contract_emails
from contracts.enums import CONCLUDED, InvoiceKind
from contracts.invoices import interest
from contracts.models import Contract, Invoice, Milestone
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.files import store
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.models import User
from marketplace.money import TaxBreakdown, format_cents
from vendors import rules as vendor_rules
from vendors import taxes as vendor_taxes
from vendors.models import TaxRegistration, Vendor

# Printed on invoices, which are in French; a page says it in the reader's language.
TERMS = gettext_noop(
    "Payable dans les 30 jours qui suivent la plus tardive de la réception de la facture et de l’acceptation du "
    "travail. Au-delà, des intérêts sont dus sur demande du prestataire (RLRQ, c. C-65.1, r. 8)."
)


@dataclass(frozen=True)
class Bill:
    """What an invoice would say today: cents, and local days. `before` = work - held; `total` = before + taxes."""

    kind: str
    work_cents: int
    held_cents: int
    before_cents: int
    tps_cents: int
    tvq_cents: int
    total_cents: int
    accepted_on: date
    due_on: date


def registration(contract: Contract) -> TaxRegistration:
    """The vendor's tax numbers; ValidationError while it has given none."""
    registered = TaxRegistration.objects.filter(vendor=contract.vendor).first()
    if registered is None:
        complain(None, _("Inscrivez d’abord vos numéros de taxes, ou déclarez-vous petit fournisseur."))
    return registered


def register_taxes(
    vendor: Vendor, *, by: User, small_supplier: bool, tps_number: str = "", tvq_number: str = ""
) -> TaxRegistration:  # fmt: skip
    """The vendor's tax numbers, or its statement that it is a small supplier. Invoices already issued keep theirs.

    PermissionDenied unless `by` commits it. The numbers stay out of the ledger.
    """
    with transaction.atomic():
        row = Vendor._base_manager.select_for_update().get(pk=vendor.pk)
        if not vendor_rules.may_bind(row, by):
            raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire changent ses taxes."))
        at = clock.now()
        registered = TaxRegistration(
            vendor=row, small_supplier=small_supplier, tps_number=tps_number, tvq_number=tvq_number, by=by, at=at
        )
        registered.clean_fields(exclude={"vendor", "by"})
        registered.validate_constraints(exclude={"vendor"})
        registered.save()
        subject = f"vendor:{row.public_id}"
        ledger.record("vendor.tax_registration", subject, by=by, at=at, small_supplier=small_supplier)
    return registered


def _bill(
    contract: Contract, kind: InvoiceKind, work_cents: int, *, accepted_on: date, at: datetime, held_cents: int = 0
) -> Bill:
    """With the vendor's taxes, at today's rates; ValidationError while it has given no number."""
    today, before = local(at).date(), work_cents - held_cents
    registration(contract)
    amount = vendor_taxes.charged(contract.vendor, before, on=today)
    if kind == InvoiceKind.INTEREST:
        amount = TaxBreakdown(before=before, tps=0, tvq=0, total=before)
    due = interest.due_on(today, accepted_on)
    return Bill(kind, work_cents, held_cents, before, amount.tps, amount.tvq, amount.total, accepted_on, due)


def bill_of_milestone(milestone: Milestone, *, at: datetime) -> Bill:
    """An accepted milestone's, the holdback taken off."""
    contract = milestone.contract
    held = conditions.holdback_of(milestone.amount_cents, contract.holdback_percent)
    if contract.invoices.filter(kind=InvoiceKind.HOLDBACK).exists():
        held = 0  # released already: a milestone that an amendment added since is owed whole
    accepted_on = local(known(milestone.accepted_at)).date()
    return _bill(
        contract, InvoiceKind.MILESTONE, milestone.amount_cents, accepted_on=accepted_on, at=at, held_cents=held
    )


def issue(milestone: Milestone, *, by: User, reference: str = "", seen_cents: int | None = None) -> Invoice:
    """The vendor's invoice for an accepted milestone; the body receives it at once.

    `seen_cents`: the total that was on the screen; ValidationError when it is another one now.
    """
    issued: list[Invoice] = []

    def write(row: Milestone, *, by: User, at: datetime) -> Invoice:
        label = f"Jalon {row.position} – {row.title}"
        bill = bill_of_milestone(row, at=at)
        _same_total(bill, seen_cents)
        issued.append(
            _write(
                row.contract, bill, by=by, at=at, milestone=row, accepted_by=row.accepted_by,
                lines=[{"label": label, "cents": bill.work_cents}], reference=reference,
            )
        )  # fmt: skip
        return issued[0]

    with transaction.atomic():
        milestone.invoice(by=by, write=write)
        contract_emails.invoiced(issued[0], at=issued[0].issued_at)
    return issued[0]


def _same_total(bill: Bill, seen_cents: int | None) -> None:
    if seen_cents is not None and seen_cents != bill.total_cents:
        complain(None, _("Le montant a changé depuis que cette page est ouverte : vérifiez-le, puis recommencez."))


def held_cents(contract: Contract) -> int:
    """What invoices held back so far, in cents before taxes."""
    return sum(contract.invoices.filter(kind=InvoiceKind.MILESTONE).values_list("holdback_cents", flat=True))


def can_release(contract: Contract) -> bool:
    """Every milestone of the plan is invoiced, something was held back, and it is not invoiced yet.

    Reads what is prefetched: a page asks it without a query.
    """
    left = {milestone.state for milestone in contract.milestones.all()} - {"invoiced", "paid"}
    if contract.state == "terminated":
        left &= {"accepted", "delivered"}  # what was never delivered will never be
    invoices = list(contract.invoices.all())
    held = sum(invoice.holdback_cents for invoice in invoices if invoice.kind == InvoiceKind.MILESTONE)
    released = any(invoice.kind == InvoiceKind.HOLDBACK for invoice in invoices)
    return contract.state in CONCLUDED and held > 0 and not left and not released


def bill_of_holdback(contract: Contract, *, at: datetime) -> Bill:
    """What was held back, accepted the day the last milestone was."""
    last = _last_accepted(contract)
    accepted_on = local(known(last.accepted_at)).date()
    return _bill(contract, InvoiceKind.HOLDBACK, held_cents(contract), accepted_on=accepted_on, at=at)


def _last_accepted(contract: Contract) -> Milestone:
    return contract.milestones.exclude(accepted_at=None).order_by("-accepted_at", "-pk")[0]


def release_holdback(
    contract: Contract, *, by: User, reference: str = "", seen_cents: int | None = None
) -> Invoice:  # fmt: skip
    """The vendor's invoice for what was held back, once everything is accepted. `seen_cents`: as in `issue`."""
    with transaction.atomic():
        row = locked(contract)
        if not rules.binds_vendor(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if not can_release(row):
            raise IllegalMove(_("La retenue ne peut pas être facturée maintenant."))
        at = clock.now()
        bill = bill_of_holdback(row, at=at)
        _same_total(bill, seen_cents)
        invoice = _write(
            row, bill, by=by, at=at, accepted_by=_last_accepted(row).accepted_by,
            lines=[{"label": "Libération de la retenue", "cents": bill.work_cents}], reference=reference,
        )  # fmt: skip
        _recorded(invoice, "invoice.holdback", by=by, at=at)
    return invoice


def paid_on(invoice: Invoice) -> date | None:
    """The local day the invoice was paid; what the body's own system paid has the day that the body declared."""
    if invoice.paid_at is None:
        return None
    payment = invoice.payments.filter(state="paid").first()
    return (payment and payment.paid_on) or local(invoice.paid_at).date()


def days_late(invoice: Invoice, *, at: datetime) -> int:
    """Calendar days past the due day: to the day it was paid, or to today."""
    return interest.days_late(invoice.due_on, paid_on(invoice) or local(at).date())


def interest_cents(invoice: Invoice, *, at: datetime) -> int:
    """Interest of a late invoice so far, in cents: to the day it was paid, or to today. Interest bears none."""
    if invoice.kind == InvoiceKind.INTEREST:
        return 0
    until = paid_on(invoice) or local(at).date()
    return interest.interest_cents(invoice.total_cents, invoice.due_on, until, settings.LATE_INTEREST_RATES)


def can_claim(invoice: Invoice) -> bool:
    """Paid, not itself interest, and not claimed yet; whether the sum reaches 5 $ is said apart."""
    return invoice.kind != InvoiceKind.INTEREST and invoice.paid_at is not None and not invoice.claims.exists()


def claim_interest(invoice: Invoice, *, by: User) -> Invoice:
    """The vendor asks for the interest of an invoice paid late, once, from 5 $ (c. C-65.1, r. 8, s. 3)."""
    with transaction.atomic():
        contract = locked(invoice.contract)
        if not rules.binds_vendor(contract, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        row = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        at = clock.now()
        if not can_claim(row):
            raise IllegalMove(_("Les intérêts se réclament une fois, quand la facture est payée."))
        cents = interest_cents(row, at=at)
        if not interest.claimable(cents):
            complain(None, _("Les intérêts se réclament à partir de 5 $; ceux-ci sont de %s.") % format_cents(cents))
        bill = _bill(contract, InvoiceKind.INTEREST, cents, accepted_on=local(at).date(), at=at)
        label = f"Intérêts de retard, facture {row.number}"
        claim = _write(
            contract, bill, by=by, at=at, about=row, accepted_by=row.accepted_by,
            lines=[{"label": label, "cents": cents}],
        )  # fmt: skip
        _recorded(claim, "invoice.interest", by=by, at=at)
    return claim


def _recorded(invoice: Invoice, action: str, *, by: User, at: datetime) -> None:
    ledger.record(
        action, invoice.contract.ledger_subject(), by=by, at=at, invoice=invoice.number, total_cents=invoice.total_cents
    )
    contract_emails.invoiced(invoice, at=at)


def _write(
    contract: Contract,
    bill: Bill,
    *,
    by: User,
    at: datetime,
    accepted_by: User | None,
    lines: list[dict[str, Any]],
    milestone: Milestone | None = None,
    about: Invoice | None = None,
    reference: str = "",
) -> Invoice:
    registered = registration(contract)
    with override(documents.FRENCH):  # whatever the language of whoever issues it
        region = str(contract.body.get_region_display())
    invoice = Invoice(
        number=f"{contract.number}-F{contract.invoices.count() + 1}",
        contract=contract,
        kind=bill.kind,
        milestone=milestone,
        about=about,
        issued_at=at,
        issued_by=by,
        accepted_by=accepted_by,
        accepted_on=bill.accepted_on,
        due_on=bill.due_on,
        holdback_cents=bill.held_cents,
        before_cents=bill.before_cents,
        tps_cents=bill.tps_cents,
        tvq_cents=bill.tvq_cents,
        total_cents=bill.total_cents,
        tps_number=registered.tps_number,
        tvq_number=registered.tvq_number,
        reference=reference.strip(),
        details={
            "seller": documents.vendor_data(contract.vendor),
            "buyer": {"name": contract.body.name, "region": region},
            "lines": lines,
            "terms": TERMS,
        },
    )
    invoice.clean_fields(exclude={"contract", "milestone", "about", "issued_by", "accepted_by", "file", "sha256"})
    blob = documents.invoice_pdf(invoice)
    invoice.sha256 = hashlib.sha256(blob).hexdigest()
    invoice.file = store.keep("factures", blob, ".pdf")
    invoice.save(force_insert=True)
    return invoice
