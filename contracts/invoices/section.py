"""The invoices on the contract's page; where each stands, in words."""

from datetime import date, datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext as _

from contracts import rules
from contracts.deliveries.section import lateness
from contracts.invoices import actions, interest
from contracts.models import Contract, Invoice, Milestone
from marketplace.accounts.person import Visitor
from marketplace.dates.localtime import local
from vendors.models import TaxRegistration


# --- Paid, due, late -------------------------------------------------------------------------------------------------
def standing(invoice: Invoice, today: date) -> dict[str, Any]:
    """{label, tone, days}: « À payer », « En retard de 12 jours », « Payée »; `days` late while it is owed."""
    if invoice.paid_at is not None:
        return {"label": _("Payée"), "tone": "ok", "days": 0}
    days = interest.days_late(invoice.due_on, today)
    if days:
        return {"label": lateness(days), "tone": "bad", "days": days}
    return {"label": _("À payer"), "tone": "info", "days": 0}


# --- On the contract's page ------------------------------------------------------------------------------------------
def section(contract: Contract, user: Visitor, at: datetime) -> dict[str, Any]:
    """Context of templates/contracts/_invoices.html. Everybody reads amounts and dates; links are for the parties."""
    prefetch_related_objects([contract], "milestones__criteria", "invoices")
    reads, binds = rules.reads_all(contract, user), contract.is_public() and rules.binds_vendor(contract, user)
    today = local(at).date()
    invoices = sorted(contract.invoices.all(), key=lambda invoice: invoice.pk)
    ready = [m for m in contract.milestones.all() if binds and m.state == "accepted"]
    return {
        "rows": [{"invoice": i, "state": standing(i, today), "url": i.get_absolute_url() if reads else ""}
                 for i in invoices],
        "to_invoice": [{"milestone": m, "url": _issue_url(m)} for m in ready],
        "release_url": reverse("contracts:holdback", args=[contract.number])
        if binds and actions.can_release(contract) else "",
        "held_cents": sum(i.holdback_cents for i in invoices)
        if not any(i.kind == "holdback" for i in invoices) else 0,
        "holdback_percent": contract.holdback_percent,
        "before_cents": sum(i.before_cents for i in invoices if i.kind != "interest"),
        "taxes_url": reverse("contracts:taxes", args=[contract.vendor.public_id])
        if binds and not TaxRegistration.objects.filter(vendor=contract.vendor).exists() else "",
    }  # fmt: skip


def _issue_url(milestone: Milestone) -> str:
    return reverse("contracts:issue", args=[milestone.contract.number, milestone.position])
