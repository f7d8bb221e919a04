"""Our payments against Stripe's books: every discrepancy of a window, and of whatever is not finished.

Nothing is corrected here: a difference is told to people. A difference that only the time between two readings made is
not one: what is found is looked at a second time, and only what is still there is written down.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from contracts.enums import PaymentState
from contracts.models import Mismatch, Payment, PayoutAccount, Reconciliation, failures
from contracts.payments import emails, stripe_gateway
from contracts.payments.stripe_objects import Account, Charge, Dispute, Refund, Transfer
from marketplace.dates import clock
from marketplace.money import format_cents

DAYS = 35
GRACE = timedelta(hours=1)  # under way: a worker may be between two steps
LATE = timedelta(days=1)  # received and still not sent
FINAL = [PaymentState.PAID, PaymentState.FAILED, PaymentState.REFUNDED]

KINDS = {
    "charge_unknown": _("Un encaissement chez Stripe ne correspond à aucun de nos paiements."),
    "charge_missing": _("Un paiement reçu selon la plateforme n’a pas d’encaissement chez Stripe."),
    "charge_failed": _("Un paiement reçu selon la plateforme n’a pas réussi chez Stripe."),
    "charge_amount": _("Le montant encaissé diffère."),
    "charge_currency": _("La devise encaissée diffère."),
    "still_open": _("Le paiement a réussi chez Stripe, et il est encore ouvert ici."),
    "not_transferred": _("Un paiement reçu depuis plus d’une journée n’est pas versé au prestataire."),
    "transfer_unknown": _("Un versement chez Stripe ne correspond à aucun de nos paiements."),
    "transfer_missing": _("Un paiement versé selon la plateforme n’a pas de versement chez Stripe."),
    "transfer_amount": _("Le montant versé diffère."),
    "transfer_destination": _("Le versement est allé à un autre compte."),
    "transfer_twice": _("Deux versements ont été faits pour un même jalon."),
    "reversal_unknown": _("Un versement a été repris chez Stripe sans que la plateforme le sache."),
    "reversal_missing": _("Un versement repris selon la plateforme ne l’est pas chez Stripe."),
    "refund_unknown": _("Un remboursement chez Stripe n’est pas inscrit ici."),
    "refund_missing": _("Un paiement remboursé selon la plateforme ne l’est pas chez Stripe."),
    "dispute_unknown": _("Une contestation chez Stripe n’est pas inscrite ici, ou a changé."),
    "account_differs": _("Le compte de versement d’un prestataire a changé chez Stripe."),
    "account_closed": _("Stripe ne montre plus le compte de versement d’un prestataire."),
}


def words(kind: str) -> str:
    """The kind in a sentence."""
    return str(KINDS.get(kind, kind))


def shown(text: str) -> str:
    """One side of a difference, for people: digits alone are cents, a code of a refusal is its sentence."""
    return format_cents(int(text), exact=True) if text.isdecimal() else str(failures.SENTENCES.get(text, text))


@dataclass(frozen=True)
class Finding:
    """payment: our row's key or None; ours and theirs: what each side says, as text."""

    kind: str
    payment: int | None
    stripe_id: str
    ours: str = ""
    theirs: str = ""

    @property
    def key(self) -> tuple[str, int | None, str]:
        return self.kind, self.payment, self.stripe_id


@dataclass(frozen=True)
class Books:
    """Stripe's side of a window, each by id. `accounts`: those of our vendors who were paid in it; `closed`: those of
    them that Stripe refuses to show, with its code: one account that was closed must not stop the whole comparison."""

    charges: dict[str, Charge]
    transfers: dict[str, Transfer]
    refunds: dict[str, Refund]
    disputes: dict[str, Dispute]
    accounts: dict[str, Account]
    closed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.charges) + len(self.transfers) + len(self.refunds) + len(self.disputes) + len(self.accounts)


# --- One run ---------------------------------------------------------------------------------------------------------
def run(*, at: datetime, days: int = DAYS) -> Reconciliation:
    """Compare, keep what was found, and tell the administrators. A Stripe that does not answer is an `error`."""
    since = window(at=at, days=days)
    row = Reconciliation.objects.create(started_at=at, since=since)
    try:
        books = read(since)
        findings = list(compare(books, since=since, at=at))
        if findings:
            again = {finding.key for finding in compare(read(since), since=since, at=at)}
            findings = [finding for finding in findings if finding.key in again]
    except (stripe_gateway.Unsure, stripe_gateway.Refused) as error:
        row.error, row.finished_at = str(getattr(error, "code", error))[:300], clock.now()
        row.save(update_fields=["error", "finished_at"])
        return row
    Mismatch.objects.bulk_create(
        Mismatch(
            run=row, kind=each.kind, payment_id=each.payment, stripe_id=each.stripe_id[:100], ours=each.ours[:200],
            theirs=each.theirs[:200],
        )
        for each in findings
    )  # fmt: skip
    row.compared, row.finished_at = len(books), clock.now()
    row.save(update_fields=["compared", "finished_at"])
    if findings:
        emails.mismatches(row, len(findings), at=at)
    return row


def window(*, at: datetime, days: int) -> datetime:
    """From when to read: so many days, or since the oldest payment that is not finished."""
    oldest = Payment.objects.exclude(state__in=FINAL).filter(method="stripe").order_by("created_at").first()
    since = at - timedelta(days=days)
    return min(since, oldest.created_at - GRACE) if oldest else since


def last_runs(count: int) -> QuerySet[Reconciliation]:
    """The last ones first, each with `found`: how many discrepancies."""
    return Reconciliation.objects.annotate(found=Count("mismatches")).order_by("-pk")[:count]


def read(since: datetime) -> Books:
    """Stripe's books. stripe_gateway.Unsure or stripe_gateway.Refused."""
    recent = Payment.objects.filter(method="stripe", created_at__gte=since).values_list("destination", flat=True)
    accounts, closed = {}, {}
    for name in sorted(set(recent) - {""}):
        try:
            accounts[name] = stripe_gateway.account(name)
        except stripe_gateway.Refused as refusal:
            closed[name] = refusal.code
    return Books(
        charges={each.id: each for each in stripe_gateway.charges(since)},
        transfers={each.id: each for each in stripe_gateway.transfers(since)},
        refunds={each.id: each for each in stripe_gateway.refunds(since)},
        disputes={each.id: each for each in stripe_gateway.disputes(since)},
        accounts=accounts,
        closed=closed,
    )


# --- The comparison --------------------------------------------------------------------------------------------------
def compare(books: Books, *, since: datetime, at: datetime) -> Iterator[Finding]:
    """Every discrepancy. Our rows are read after Stripe's: what moved meanwhile is found gone at the second look."""
    charges = set(books.charges) | {each.charge for each in books.refunds.values()}
    charges |= {each.charge for each in books.disputes.values()}
    ours = Payment.objects.filter(method="stripe").filter(
        Q(created_at__gte=since)
        | Q(charge_id__in=charges - {""})
        | Q(transfer_id__in=set(books.transfers))
        | Q(refund_id__in=set(books.refunds))
    )
    rows = list(ours.select_related("invoice__milestone", "invoice__contract").order_by("pk"))
    for payment in rows:
        if payment.created_at >= since:
            yield from _payment(payment, books, at=at)
    yield from _charges(rows, books, at=at)
    yield from _transfers(rows, books, at=at)
    yield from _refunds(rows, books, at=at)
    yield from _disputes(rows, books)
    yield from _accounts(books)


def _payment(payment: Payment, books: Books, *, at: datetime) -> Iterator[Finding]:
    """What our row says, looked for at Stripe."""
    if payment.charge_id and payment.charge_id not in books.charges:
        yield Finding("charge_missing", payment.pk, payment.charge_id, payment.state)
    if payment.transfer_id and payment.transfer_id not in books.transfers:
        yield Finding("transfer_missing", payment.pk, payment.transfer_id, payment.state)
    charge = books.charges.get(payment.charge_id)
    if payment.state == PaymentState.RECEIVED and charge and charge.created < at - LATE:
        yield Finding("not_transferred", payment.pk, payment.charge_id, payment.failure)
    if payment.refund_id:
        refund = books.refunds.get(payment.refund_id)
        if refund is None or not refund.stands:
            yield Finding(
                "refund_missing", payment.pk, payment.refund_id, payment.state, refund.status if refund else ""
            )
    sent = books.transfers.get(payment.transfer_id)
    if payment.transfer_reversal_id and sent and sent.reversed_cents != sent.amount_cents:
        theirs = str(sent.reversed_cents)
        yield Finding("reversal_missing", payment.pk, payment.transfer_reversal_id, str(sent.amount_cents), theirs)


def _charges(rows: list[Payment], books: Books, *, at: datetime) -> Iterator[Finding]:
    by_charge = {row.charge_id: row for row in rows if row.charge_id}
    by_name = {str(row.public_id): row for row in rows}
    for charge in books.charges.values():
        payment = by_charge.get(charge.id)
        if payment is None:
            if charge.status != "succeeded":
                continue
            named = by_name.get(charge.metadata.get("payment", ""))
            if named and named.state in {PaymentState.STARTED, PaymentState.PROCESSING}:
                if charge.created < at - GRACE:
                    yield Finding("still_open", named.pk, charge.id, named.state, charge.status)
            else:
                theirs = str(charge.amount_cents)
                yield Finding(
                    "charge_unknown", named.pk if named else None, charge.id, named.state if named else "", theirs
                )
            continue
        if charge.status != "succeeded":
            yield Finding("charge_failed", payment.pk, charge.id, payment.state, charge.status)
        if charge.amount_cents != payment.amount_cents:
            yield Finding("charge_amount", payment.pk, charge.id, str(payment.amount_cents), str(charge.amount_cents))
        if charge.currency != stripe_gateway.CURRENCY:
            yield Finding("charge_currency", payment.pk, charge.id, stripe_gateway.CURRENCY, charge.currency)


def _in_flight(payment: Payment | None, states: set[PaymentState], created: datetime, *, at: datetime) -> bool:
    """A worker may have asked, and not yet written the answer."""
    return payment is not None and payment.state in states and created > at - GRACE


def _transfers(rows: list[Payment], books: Books, *, at: datetime) -> Iterator[Finding]:
    by_transfer = {row.transfer_id: row for row in rows if row.transfer_id}
    by_name = {str(row.public_id): row for row in rows}
    standing: dict[str, str] = {}
    for transfer in sorted(books.transfers.values(), key=lambda each: (each.created, each.id)):
        key = transfer.metadata.get("milestone") or transfer.metadata.get("invoice") or ""
        if key and transfer.reversed_cents < transfer.amount_cents:
            if key in standing:
                named = by_name.get(transfer.metadata.get("payment", ""))
                yield Finding("transfer_twice", named.pk if named else None, transfer.id, standing[key], transfer.id)
            standing[key] = transfer.id
        payment = by_transfer.get(transfer.id)
        if payment is None:
            named = by_name.get(transfer.metadata.get("payment", ""))
            if not _in_flight(named, {PaymentState.RECEIVED, PaymentState.REVERSING}, transfer.created, at=at):
                theirs = str(transfer.amount_cents)
                yield Finding("transfer_unknown", named.pk if named else None, transfer.id, "", theirs)
            continue
        due = payment.amount_cents - payment.fee_cents
        if (transfer.amount_cents, transfer.currency) != (due, stripe_gateway.CURRENCY):
            same = transfer.currency == stripe_gateway.CURRENCY
            theirs = str(transfer.amount_cents) if same else f"{transfer.amount_cents} {transfer.currency}"
            yield Finding("transfer_amount", payment.pk, transfer.id, str(due), theirs)
        if transfer.destination != payment.destination:
            yield Finding("transfer_destination", payment.pk, transfer.id, payment.destination, transfer.destination)
        undone = payment.transfer_reversal_id or payment.state == PaymentState.REVERSING
        if transfer.reversed_cents and not undone:
            yield Finding("reversal_unknown", payment.pk, transfer.id, payment.state, str(transfer.reversed_cents))


def _refunds(rows: list[Payment], books: Books, *, at: datetime) -> Iterator[Finding]:
    by_charge = {row.charge_id: row for row in rows if row.charge_id}
    for refund in books.refunds.values():
        payment = by_charge.get(refund.charge)
        if payment is None or not refund.stands or payment.refund_id == refund.id:
            continue
        if not _in_flight(payment, {PaymentState.REVERSING}, refund.created, at=at):
            yield Finding("refund_unknown", payment.pk, refund.id, payment.refund_id, str(refund.amount_cents))


def _disputes(rows: list[Payment], books: Books) -> Iterator[Finding]:
    by_charge = {row.charge_id: row for row in rows if row.charge_id}
    for dispute in books.disputes.values():
        payment = by_charge.get(dispute.charge)
        if payment and (payment.dispute_id, payment.dispute_status) != (dispute.id, dispute.status):
            yield Finding("dispute_unknown", payment.pk, dispute.id, payment.dispute_status, dispute.status)


def _accounts(books: Books) -> Iterator[Finding]:
    for ours in PayoutAccount.objects.filter(account_id__in=set(books.accounts)).order_by("pk"):
        theirs = books.accounts[ours.account_id]
        if (ours.transfers_active, ours.payouts_enabled) != (theirs.transfers_active, theirs.payouts_enabled):
            said = [f"transfers={each.transfers_active}, payouts={each.payouts_enabled}" for each in (ours, theirs)]
            yield Finding("account_differs", None, ours.account_id, *said)
    for name, code in books.closed.items():
        yield Finding("account_closed", None, name, "", code)
