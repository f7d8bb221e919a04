"""Paying an invoice: through Stripe (separate charge and transfer), or by the body's own system.

By Stripe the body pays the platform on Stripe's page; `advance` then asks Stripe what happened and moves the payment,
whoever calls it: the return page, a webhook, the sweep, all at once if need be. No lock is held while Stripe answers.
"""

import logging
from datetime import date
from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from contracts import conditions, rules
from contracts.attestation import actions as attestation_actions
from contracts.enums import LIVE_PAYMENTS, PaymentMethod, PaymentState
from contracts.models import Invoice, Payment, PayoutAccount, failures
from contracts.payments import emails, settlement, stripe_gateway
from contracts.payments.settlement import Disagreement
from contracts.payments.stripe_objects import Charge, Intent, Session
from marketplace import later
from marketplace.accounts.person import User, Visitor
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from vendors.eligibility import actions as eligibility

log = logging.getLogger(__name__)
DEAD = {"requires_payment_method", "canceled"}  # of an intent whose page is complete: the bank refused
__all__ = ["Disagreement", "advance", "confirm", "contest", "declare_outside", "retract", "start", "sync"]


def fee_cents(amount_cents: int) -> int:
    """The platform's fee, rounded half up; the setting is in hundredths of a percent."""
    return (amount_cents * settings.STRIPE_FEE_BASIS_POINTS + 5_000) // 10_000


def alive(invoice: Invoice) -> Payment | None:
    """The invoice's only payment that is under way or done."""
    return invoice.payments.filter(state__in=LIVE_PAYMENTS).select_related("by").first()


def payout_account(invoice: Invoice) -> PayoutAccount | None:
    """Where the vendor receives its money, when it can."""
    account = PayoutAccount.objects.filter(vendor=invoice.contract.vendor).first()
    return account if account is not None and account.can_receive else None


# --- Who may, and when -----------------------------------------------------------------------------------------------
def may_pay(invoice: Invoice, user: Visitor) -> None:
    """PermissionDenied, in words, unless this person may pay this invoice."""
    if not rules.can_pay(invoice, user):
        if rules.is_officer(invoice, user):
            raise PermissionDenied(_("Vous avez accepté ce travail : une autre personne responsable doit le payer."))
        raise PermissionDenied(_("Seules les personnes responsables de l’organisme paient ses factures."))


def _to_pay(invoice: Invoice, *, by: User) -> tuple[Invoice, Payment | None]:
    """The invoice under its contract's lock, and its live payment; whoever may not pay, or pays twice, is refused.

    What an unverified attestation asks is asked where the payment begins, not when its page is opened again.
    """
    locked(invoice.contract)
    row = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    may_pay(row, by)
    if row.paid_at is not None:
        raise IllegalMove(_("Cette facture est déjà payée."))
    at = clock.now()
    conditions.contract_concluded(row, at)
    contract = row.contract
    eligibility.check(contract.vendor, amount_cents=contract.value_cents, on=local(at).date(), integrity=True)
    return row, alive(row)


# --- By Stripe -------------------------------------------------------------------------------------------------------
def start(invoice: Invoice, *, by: User, success_url: str, cancel_url: str, unverified_reason: str = "") -> str:
    """The address of Stripe's page for this invoice. Called again, it gives the same page while that page lives.

    unverified_reason: why it is paid although nobody verified the vendor's attestation, when that is so.
    PermissionDenied, IllegalMove, ValidationError with every reason, or stripe_gateway.Unsure: then call it again.
    """
    for _attempt in range(2):
        payment = _begin(invoice, by=by, unverified_reason=unverified_reason)
        url = _page(payment, success_url=success_url, cancel_url=cancel_url)
        if url:
            return url
    raise stripe_gateway.Unsure("no page")


def _begin(invoice: Invoice, *, by: User, unverified_reason: str) -> Payment:
    """The payment's row, committed before Stripe is asked for anything."""
    with transaction.atomic():
        row, present = _to_pay(invoice, by=by)
        if present is not None:
            if present.method == PaymentMethod.STRIPE and present.state == PaymentState.STARTED:
                return settlement.fresh(present)
            raise IllegalMove(_("Un paiement de cette facture est déjà en cours."))
        if not stripe_gateway.enabled():
            complain(None, _("Le paiement par Stripe n’est pas offert ici : déclarez un paiement de votre système."))
        account = payout_account(row)
        if account is None:
            complain(None, _("Le prestataire n’a pas de compte de versement qui puisse recevoir ce paiement."))
        at = clock.now()
        kept = attestation_actions.reason_kept(row.contract, unverified_reason, at=at)
        payment = Payment.objects.create(
            invoice=row, method=PaymentMethod.STRIPE, state=PaymentState.STARTED, amount_cents=row.total_cents,
            fee_cents=fee_cents(row.total_cents), by=by, created_at=at, destination=account.account_id,
        )  # fmt: skip
        ledger.record("payment.start", payment.ledger_subject(), by=by, at=at, **payment.about() | kept)
    return settlement.fresh(payment)


def _page(payment: Payment, *, success_url: str, cancel_url: str) -> str:
    """The open page's address; `success_url` when it has been paid; empty when it is dead, and so is the payment."""
    if payment.session_id:
        session = stripe_gateway.session(payment.session_id)
    else:
        try:
            session = _new_session(payment, success_url=success_url, cancel_url=cancel_url)
        except stripe_gateway.Refused as refusal:
            _fail(payment, refusal.code)
            if refusal.code == "idempotency":  # asked before in other words: that page was never shown to anybody
                return ""
            raise ValidationError(str(refusal)) from None
        mine = Payment.objects.filter(pk=payment.pk, state=PaymentState.STARTED, session_id__in=["", session.id])
        if not mine.update(session_id=session.id):
            stripe_gateway.expire_session(session.id)
            raise IllegalMove(_("Ce paiement a été abandonné. Recommencez."))
    if session.status == "open":
        return session.url
    advance(payment)
    return success_url if session.status == "complete" else ""


def _new_session(payment: Payment, *, success_url: str, cancel_url: str) -> Session:
    language = payment.by.language
    with override(language):
        label = _("Facture %s") % payment.invoice.number
    return stripe_gateway.create_session(
        amount_cents=payment.amount_cents,
        label=label,
        group=payment.contract.number,
        metadata=settlement.metadata(payment),
        success_url=success_url,
        cancel_url=cancel_url,
        locale="en" if language == "en" else "fr-CA",
        key=f"checkout-{payment.public_id}",
    )


def abandon(payment: Payment, *, by: User) -> None:
    """Close a Stripe page that nobody paid on, so that the invoice can be paid otherwise. IllegalMove once paid."""
    may_pay(payment.invoice, by)
    row = settlement.fresh(payment)
    if row.state != PaymentState.STARTED:
        raise IllegalMove(_("Ce paiement ne peut plus être abandonné."))
    if row.session_id:
        try:
            stripe_gateway.expire_session(row.session_id)
        except stripe_gateway.Refused:  # complete, or expired: Stripe says which
            advance(row)
    with transaction.atomic():
        row = settlement.fresh(row)
        if row.state == PaymentState.STARTED:
            row.fail(by=None, failure=failures.ABANDONED)
            ledger.record("payment.abandon", row.ledger_subject(), by=by, at=clock.now(), **row.about())
        elif row.state != PaymentState.FAILED:
            raise IllegalMove(_("Ce paiement ne peut plus être abandonné."))


def _fail(payment: Payment, failure: str) -> None:
    try:
        with transaction.atomic():
            payment.fail(by=None, failure=failure)
    except IllegalMove:
        log.info("payment %s had already moved", payment.public_id)


# --- What became of it -----------------------------------------------------------------------------------------------
@shared_task(name="contracts.tasks.settle_payment")
def settle_payment(pk: int, **kwargs: Any) -> None:
    """Send what was received, or give it back."""
    for payment in Payment.objects.filter(pk=pk):
        advance_or_wait(payment)


def advance_or_wait(payment: Payment) -> bool:
    """`advance`, for tasks: False, and a line in the logs, when the sweep must try again."""
    try:
        advance(payment)
    except (stripe_gateway.Unsure, stripe_gateway.Refused, Disagreement) as error:
        log.warning("payment %s waits: %s", payment.public_id, error)
        return False
    except Exception:  # one payment that breaks must not keep the others waiting
        log.exception("payment %s", payment.public_id)
        return False
    return True


def advance(payment: Payment) -> None:
    """Everything that this payment can do now, by asking Stripe. Safe at any time, any number of times, at once.

    stripe_gateway.Unsure, stripe_gateway.Refused or Disagreement: then what could not be done is left for the sweep.
    """
    sync(payment)
    state = Payment.objects.filter(pk=payment.pk).values_list("state", flat=True).get()
    if state == PaymentState.RECEIVED:
        settlement.settle(payment)
    elif state == PaymentState.REVERSING:
        settlement.undo(payment)


def sync(payment: Payment) -> None:
    """Ask Stripe what became of the page, and move the payment accordingly; nothing once it is received."""
    row = settlement.fresh(payment)
    if row.state not in {PaymentState.STARTED, PaymentState.PROCESSING} or not row.session_id:
        return
    session = stripe_gateway.session(row.session_id)
    _agrees(row, session)
    intent = session.intent
    try:
        with transaction.atomic():
            if intent and intent.status == "succeeded" and intent.charge:
                row.receive(by=None, payment_intent=intent.id, charge=intent.charge.id)
                later.publish(settle_payment, row.pk)
            elif session.status == "expired":
                row.fail(by=None, failure=failures.ABANDONED)
            elif session.status == "complete" and intent and intent.status in DEAD:
                row.fail(by=None, failure=failures.DECLINED)
                emails.failed(row, at=clock.now())
            elif session.status == "complete" and intent and row.state == PaymentState.STARTED:
                row.process(by=None, payment_intent=intent.id)  # at the bank, or the account's proof is awaited
    except IllegalMove:
        log.info("payment %s was moved by another worker", row.public_id)


def _agrees(payment: Payment, session: Session) -> None:
    """The session, its intent and its charge are this payment's, for its amount in Canadian dollars."""
    intent = session.intent
    named: list[Session | Intent | Charge] = [session, *([intent] if intent else [])]
    if intent and intent.status == "succeeded" and intent.charge:
        named.append(intent.charge)
    expected = (payment.amount_cents, stripe_gateway.CURRENCY, str(payment.public_id))
    for each in named:
        if (each.amount_cents, each.currency, each.metadata.get("payment")) != expected:
            raise Disagreement(f"{each.id} of payment {payment.public_id}")


def give_up_without_page(payment: Payment) -> None:
    """A process died before it kept the page's name: nobody was ever sent to that page."""
    _fail(payment, failures.ABANDONED)


# --- By the body's own system ----------------------------------------------------------------------------------------
def declare_outside(
    invoice: Invoice, *, by: User, reference: str, paid_on: date, unverified_reason: str = ""
) -> Payment:
    """The body says that it paid: its own reference, the local date. The vendor confirms or contests.

    unverified_reason: as in `start`.
    """
    with transaction.atomic():
        row, present = _to_pay(invoice, by=by)
        if present is not None:
            raise IllegalMove(_("Un paiement de cette facture est déjà en cours."))
        at = clock.now()
        reference = reference.strip()
        if not reference:
            complain("reference", _("Inscrivez la référence du paiement."))
        if paid_on > local(at).date():
            complain("paid_on", _("Cette date est à venir : déclarez le paiement quand il est fait."))
        if paid_on < local(row.issued_at).date():
            complain("paid_on", _("Cette date précède la facture."))
        kept = attestation_actions.reason_kept(row.contract, unverified_reason, at=at)
        payment = Payment(
            invoice=row, method=PaymentMethod.OUTSIDE, state=PaymentState.DECLARED, amount_cents=row.total_cents,
            by=by, created_at=at, reference=reference, paid_on=paid_on,
        )  # fmt: skip
        payment.clean_fields(exclude={"state", "invoice", "by"})
        payment.save(force_insert=True)
        extra = payment.about() | {"reference": reference, "paid_on": paid_on.isoformat()} | kept
        ledger.record("payment.declare", payment.ledger_subject(), by=by, at=at, **extra)
        emails.declared(payment, at=at)
    return payment


def confirm(payment: Payment, *, by: User) -> None:
    """The vendor received it: the invoice is paid at this instant; lateness counts to `paid_on`."""
    with transaction.atomic():
        payment.confirm(by=by)
        settlement.record_paid(payment, at=known(payment.settled_at))


def contest(payment: Payment, *, by: User, reason: str) -> None:
    """The vendor did not receive it."""
    with transaction.atomic():
        payment.contest(by=by, reason=reason)
        emails.contested(payment, at=known(payment.answered_at))


def retract(payment: Payment, *, by: User, reason: str) -> None:
    """The body takes its declaration back."""
    with transaction.atomic():
        payment.retract(by=by, reason=reason)
        emails.retracted(payment, at=clock.now())
