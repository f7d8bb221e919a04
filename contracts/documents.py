"""What goes into the PDFs: a contract, an invoice. Documents are in French, whatever the reader's language."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import override

from contracts.enums import Party
from contracts.models import Amendment, Clause, Contract, Document, Invoice, Signature
from marketplace import pdf
from marketplace.dates.localtime import day, local, moment_exact
from marketplace.files import store
from marketplace.markup import readable
from marketplace.money import format_cents
from vendors import taxes as vendor_taxes
from vendors.models import Vendor

FRENCH = "fr-ca"
METHODS = {"password": "mot de passe redemandé", "password+totp": "mot de passe et second facteur redemandés"}


def clauses_for(contract: Contract) -> list[dict[str, str]]:
    """The clauses in force for this contract: everyone's first, then the body's own."""
    everyones = Clause.objects.filter(retired_at=None, body=None)
    own = Clause.objects.filter(retired_at=None, body=contract.body)
    return [
        {"title": clause.title, "text": clause.text}
        for clause in [*everyones, *own]
        if contract.personal_information or not clause.personal_information
    ]


def vendor_data(vendor: Vendor) -> dict[str, Any]:
    """Who is paid, as printed; empty texts where unknown."""
    registered = getattr(vendor, "tax_registration", None)
    place = f"{vendor.city} ({vendor.province})  {vendor.postal_code}"
    return {
        "legal_name": vendor.legal_name,
        "neq": vendor.neq,
        "address": [line for line in (vendor.street, vendor.street2, place, vendor.country) if line],
        "tps_number": registered.tps_number if registered else "",
        "tvq_number": registered.tvq_number if registered else "",
        "small_supplier": bool(registered and registered.small_supplier),
    }


def contract_data(
    contract: Contract, *, clauses: list[dict[str, str]], signatures: Iterable[Signature] = ()
) -> dict[str, Any]:
    """templates/pdf/contract.typ's data. `signatures`: Signature rows, none while the text is only offered."""
    opportunity, body = contract.opportunity, contract.body
    amount, vendor = vendor_taxes.charged(contract.vendor, contract.value_cents), vendor_data(contract.vendor)
    return {
        "number": contract.number,
        "title": opportunity.title,
        "occasion": {"number": opportunity.number, "title": opportunity.title},
        "body": {
            "name": body.name,
            "region": body.get_region_display(),
            "contact": f"{opportunity.contact_name}, {opportunity.contact_email}",
        },
        "vendor": vendor,
        "amount": {
            "before": format_cents(amount.before, exact=True),
            "tps": format_cents(amount.tps, exact=True),
            "tvq": format_cents(amount.tvq, exact=True),
            "total": format_cents(amount.total, exact=True),
        },
        "ceiling": format_cents(contract.ceiling_cents, exact=True),
        "dates": {
            "start": day(contract.start_date),
            "end": day(contract.end_date),
            "offered": day(local(contract.offered_at).date()) if contract.offered_at else "",
        },
        "licence": contract.get_licence_display(),
        "repository": contract.repository,
        "holdback": f"{contract.holdback_percent} %" if contract.holdback_percent else "",
        "milestones": [
            {
                "number": str(milestone.position),
                "title": milestone.title,
                "description": milestone.description,
                "criteria": [criterion.text for criterion in milestone.criteria.all()],
                "amount": format_cents(milestone.amount_cents, exact=True),
                "due": day(milestone.due_date),
            }
            for milestone in contract.milestones.prefetch_related("criteria")
        ],
        "need": readable(opportunity.description),
        "acceptance": readable(opportunity.acceptance_criteria),
        "clauses": clauses,
        "signatures": [
            {
                "party": str(Party(signature.party).label),
                "name": signature.name,
                "title": signature.title,
                "at": moment_exact(signature.at),
                "method": METHODS[signature.method],
                "digest": signature.text_sha256,
            }
            for signature in signatures
        ],
        "text_digest": contract.text_sha256 if signatures else "",
    }


def keep(
    contract: Contract,
    kind: str,
    template: str,
    data: dict[str, Any],
    *,
    at: datetime,
    amendment: Amendment | None = None,
) -> Document:
    """Make the PDF and keep it for ever, under its SHA-256."""
    blob = pdf.render(template, data, at=at)
    digest = hashlib.sha256(blob).hexdigest()
    return Document.objects.create(
        contract=contract, kind=kind, amendment=amendment, at=at, sha256=digest, size=len(blob),
        file=store.keep("contrats", blob, ".pdf"),
    )  # fmt: skip


def invoice_pdf(invoice: Invoice) -> bytes:
    """The PDF of an invoice, from what the row says."""
    details = invoice.details
    taxed = not details["seller"]["small_supplier"] and invoice.kind != "interest"
    with override(FRENCH):
        data = {
            "number": invoice.number,
            "kind_label": "Facture" if invoice.kind == "milestone" else f"Facture ({invoice.get_kind_display()})",
            "contract": invoice.contract.number,
            "occasion": f"{invoice.contract.opportunity.number} – {invoice.contract.title}",
            "body": details["buyer"],
            "vendor": details["seller"],
            "issued": day(local(invoice.issued_at).date()),
            "received": day(local(invoice.issued_at).date()),
            "accepted": day(invoice.accepted_on),
            "due": day(invoice.due_on),
            "lines": [
                {"label": line["label"], "amount": format_cents(line["cents"], exact=True)} for line in details["lines"]
            ],
            "before": format_cents(invoice.before_cents + invoice.holdback_cents, exact=True),
            "holdback": format_cents(-invoice.holdback_cents, exact=True) if invoice.holdback_cents else "",
            "tps": format_cents(invoice.tps_cents, exact=True) if taxed else "",
            "tvq": format_cents(invoice.tvq_cents, exact=True) if taxed else "",
            "total": format_cents(invoice.total_cents, exact=True),
            "terms": details["terms"],
            "reference": invoice.reference,
        }
        return pdf.render("invoice", data, at=invoice.issued_at)
