"""Codes of contracts, milestones, invoices and payments, and their French labels."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Of a contract. One whose award was reversed before the signatures is void: computed, never stored."""

    DRAFT = "draft", _("En préparation")
    OFFERED = "offered", _("À signer par le prestataire")
    VENDOR_SIGNED = "vendor_signed", _("À signer par l’organisme")
    ACTIVE = "active", _("En cours")
    COMPLETED = "completed", _("Terminé")
    TERMINATED = "terminated", _("Résilié")


# From the body's signature on: the contract is concluded, and public.
CONCLUDED = [State.ACTIVE, State.COMPLETED, State.TERMINATED]


class MilestoneState(models.TextChoices):
    PLANNED = "planned", _("Prévu")
    DELIVERED = "delivered", _("Livré")
    ACCEPTED = "accepted", _("Accepté")
    INVOICED = "invoiced", _("Facturé")
    PAID = "paid", _("Payé")


class AmendmentState(models.TextChoices):
    PROPOSED = "proposed", _("À approuver")
    APPROVED = "approved", _("À accepter par le prestataire")
    IN_FORCE = "in_force", _("En vigueur")
    REFUSED = "refused", _("Refusé")
    WITHDRAWN = "withdrawn", _("Retiré")


class PaymentState(models.TextChoices):
    """By Stripe: started → processing → received → paid. By the body's own system: declared → paid, once confirmed."""

    STARTED = "started", _("Commencé")
    PROCESSING = "processing", _("En traitement à la banque")
    RECEIVED = "received", _("Reçu, à verser")
    DECLARED = "declared", _("À confirmer par le prestataire")
    CONTESTED = "contested", _("Non reçu, selon le prestataire")
    PAID = "paid", _("Payé")
    FAILED = "failed", _("Échoué")
    REVERSING = "reversing", _("Annulation en cours")
    REFUNDED = "refunded", _("Annulé et remboursé")


# At most one of these per invoice, by constraint.
LIVE_PAYMENTS = [
    PaymentState.STARTED,
    PaymentState.PROCESSING,
    PaymentState.RECEIVED,
    PaymentState.DECLARED,
    PaymentState.CONTESTED,
    PaymentState.PAID,
    PaymentState.REVERSING,
]


class DisputeStatus(models.TextChoices):
    """Where a dispute of the payer's bank stands (`status` of Stripe's Dispute); `warning_`: only an inquiry yet.

    Stripe may add to them: a payment keeps whatever it said.
    """

    WARNING_NEEDS_RESPONSE = "warning_needs_response", _("question de la banque, en attente de réponse")
    WARNING_UNDER_REVIEW = "warning_under_review", _("question de la banque, réponse à l’étude")
    WARNING_CLOSED = "warning_closed", _("question de la banque, close")
    NEEDS_RESPONSE = "needs_response", _("en attente de réponse")
    UNDER_REVIEW = "under_review", _("réponse à l’étude")
    WON = "won", _("gagnée, le paiement tient")
    LOST = "lost", _("perdue, la banque a repris le montant")
    PREVENTED = "prevented", _("évitée, le paiement tient")


class PaymentMethod(models.TextChoices):
    STRIPE = "stripe", _("Stripe")
    OUTSIDE = "outside", _("Système financier de l’organisme")


class InvoiceKind(models.TextChoices):
    MILESTONE = "milestone", _("Jalon")
    HOLDBACK = "holdback", _("Libération de la retenue")
    INTEREST = "interest", _("Intérêts de retard")


class Party(models.TextChoices):
    VENDOR = "vendor", _("Prestataire")
    BODY = "body", _("Organisme public")


class DutyKind(models.TextChoices):
    """What must be published at the SEAO (quebec.md §1.8: sister text of the RCTI)."""

    INITIAL = "initial", _("Description initiale du contrat")
    EXTRA = "extra", _("Dépense supplémentaire de plus de 10 %")
    FINAL = "final", _("Description finale du contrat")


class DocumentKind(models.TextChoices):
    OFFERED = "offered", _("Contrat offert à la signature")
    SIGNED = "signed", _("Contrat signé")
    AMENDMENT = "amendment", _("Avenant signé")
