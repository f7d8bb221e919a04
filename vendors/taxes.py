"""The taxes that a vendor adds to an amount: one answer for its proposal, the award, the contract and the invoice."""

from datetime import date

from marketplace.money import TaxBreakdown, taxes
from vendors.models import TaxRegistration, Vendor


def charged(vendor: Vendor, before_cents: int, *, on: date | None = None) -> TaxBreakdown:
    """At the rates of the local day `on`; none from a small supplier. One that said nothing yet is taken to charge."""
    if TaxRegistration.objects.filter(vendor=vendor, small_supplier=True).exists():
        return TaxBreakdown(before=before_cents, tps=0, tvq=0, total=before_cents)
    return taxes(before_cents, on=on)
