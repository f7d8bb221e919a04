"""After the award: contracts, what is delivered, owed, paid, changed and reused. A file a noun."""

from contracts.models.amendment import Amendment, Duty, Performance
from contracts.models.contract import Contract
from contracts.models.delivery import CriterionCheck, Delivery, DeliveryFile
from contracts.models.invoice import Invoice
from contracts.models.passport import Passport, Reuse
from contracts.models.payment import Mismatch, Payment, PayoutAccount, Reconciliation, StripeEvent
from contracts.models.reminder import Reminder
from contracts.models.terms import Clause, Document, Milestone, MilestoneCriterion, Signatory, Signature

__all__ = [
    "Amendment",
    "Clause",
    "Contract",
    "CriterionCheck",
    "Delivery",
    "DeliveryFile",
    "Document",
    "Duty",
    "Invoice",
    "Milestone",
    "MilestoneCriterion",
    "Mismatch",
    "Passport",
    "Payment",
    "PayoutAccount",
    "Performance",
    "Reconciliation",
    "Reminder",
    "Reuse",
    "Signatory",
    "Signature",
    "StripeEvent",
]
