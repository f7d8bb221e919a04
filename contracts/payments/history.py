"""The payments of an invoice, as its page shows them."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from contracts import rules
from contracts.enums import PaymentState
from contracts.history import unverified
from contracts.models import Invoice, Payment
from marketplace.accounts.person import Visitor
from marketplace.ledger.entries import LedgerPayload


def history(invoice: Invoice, user: Visitor) -> list[Payment]:
    """The invoice's payments, newest first, each with `acts` and `unverified`.

    acts: [(label, url)] that this person may do next.
    """
    rows = list(
        invoice.payments.select_related("by", "answered_by", "reversal_requested_by", "reversed_by").order_by("-pk")
    )
    begun = LedgerPayload.objects.filter(subject__in=[payment.ledger_subject() for payment in rows])
    begun = begun.filter(action__in=["payment.start", "payment.declare"])
    told = {payload.subject: unverified(payload.body) for payload in begun}
    for payment in rows:
        payment.invoice = invoice
        payment.unverified = told.get(payment.ledger_subject(), "")
        payment.acts = list(_acts(payment, user))
    return rows


def _acts(payment: Payment, user: Visitor) -> Iterator[tuple[str, str]]:
    def page(name: str) -> str:
        return reverse(f"contracts:{name}", args=[payment.public_id])

    state, officer = payment.state, rules.is_officer(payment, user)
    if state == PaymentState.STARTED and rules.can_pay_payment(payment, user):
        yield _("Reprendre le paiement"), reverse("contracts:pay", args=[payment.invoice.number])
    if state in {PaymentState.PROCESSING, PaymentState.RECEIVED} and officer:
        yield _("Voir où il en est"), reverse("contracts:pay_return", args=[payment.invoice.number])
    if payment.can("confirm", user):
        yield _("Répondre"), page("answer_payment")
    if payment.can("retract", user):
        yield _("Retirer la déclaration"), page("retract_payment")
    if state in {PaymentState.RECEIVED, PaymentState.PAID} and officer:
        asked = payment.reversal_requested_by_id is not None
        yield (
            (_("Examiner la demande d’annulation"), page("reverse_payment"))
            if asked
            else (_("Demander l’annulation"), page("request_payment_reversal"))
        )
