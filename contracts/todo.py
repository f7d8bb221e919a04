"""« À faire » after the award, for the dashboard: one query for each kind of thing that may wait."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from contracts.deliveries.section import lateness, standing
from contracts.enums import LIVE_PAYMENTS, AmendmentState, MilestoneState, PaymentState, State
from contracts.models import Amendment, Contract, Duty, Invoice, Milestone, Payment, Performance
from marketplace.dates.localtime import day, local
from marketplace.models import User
from marketplace.money import format_cents
from proposals.dashboard.todo import RECENT, item, ties_with
from proposals.models import Award

MOST = 30  # of each kind
SOON = timedelta(days=7)  # how early a milestone's date is recalled to its vendor
PARTIES = ("contract__award__opportunity__body", "contract__award__proposal__vendor")


def items(user: User, buys: set[int], rules: set[int], vendors: set[int], *, at: datetime) -> list[dict[str, Any]]:
    """What awaits this person; see proposals/dashboard/views.py for the arguments."""
    today = local(at).date()
    entries: list[dict[str, Any]] = []
    if buys or rules:
        entries += _contracts(user, buys, rules) + _awards(user, buys, rules)
    if buys:
        entries += _deliveries(buys, today)
    if rules:
        entries += _invoices(user, rules, today) + _amendments(user, rules) + _duties(rules, today)
        entries += _reversals(user, rules) + _contested(rules)
    if vendors:
        entries += _retained(vendors, at) + _offers(vendors) + _milestones(vendors, today) + _confirmations(vendors)
        entries += _amendments_to_accept(vendors) + _replies(vendors, today)
    return entries


# --- People of a public body -----------------------------------------------------------------------------------------
def _awards(user: User, buys: set[int], rules: set[int]) -> list[dict[str, Any]]:
    waiting = Award.objects.standing().filter(
        opportunity__body__in=buys | rules, contract=None, opportunity__reversal_requested_by=None
    )
    waiting = waiting.exclude(ties_with(user, "opportunity"))
    return [
        item(
            award.opportunity.title,
            _("Attribuée : le contrat est à préparer"),
            reverse("contracts:start", args=[award.opportunity.number]),
            _("Préparer le contrat"),
        )
        for award in waiting.for_list()[:MOST]
    ]


def _contracts(user: User, buys: set[int], rules: set[int]) -> list[dict[str, Any]]:
    waiting = Contract.objects.filter(
        award__opportunity__body__in=buys | rules,
        award__reversed_at=None,
        state__in=[State.DRAFT, State.VENDOR_SIGNED],
    ).exclude(ties_with(user, "award__opportunity"))
    entries = []
    for contract in waiting.for_list()[:MOST]:
        prepare = reverse("contracts:prepare", args=[contract.number])
        if contract.state == State.DRAFT and contract.state_reason:
            why = _("Des changements sont demandés : %s") % contract.state_reason
            entries.append(item(contract.title, why, prepare, _("Revoir")))
        elif contract.state == State.DRAFT:
            why = _("Le contrat est en préparation")
            entries.append(item(contract.title, why, prepare, _("Continuer")))
        elif contract.can("sign", user):
            why = _("%s a signé : votre signature conclut le contrat") % contract.vendor
            entries.append(item(contract.title, why, reverse("contracts:sign", args=[contract.number]), _("Signer")))
    return entries


def _deliveries(buys: set[int], today: date) -> list[dict[str, Any]]:
    waiting = Milestone.objects.filter(
        state=MilestoneState.DELIVERED, contract__state=State.ACTIVE, contract__award__opportunity__body__in=buys
    ).select_related(*PARTIES)
    return [
        item(
            _("%(title)s, jalon %(rank)d") % {"title": milestone.contract.title, "rank": milestone.position},
            _("%s a livré : vérifiez les critères d’acceptation") % milestone.contract.vendor,
            reverse("contracts:milestone", args=[milestone.contract.number, milestone.position]),
            _("Examiner"),
            late=standing(milestone, today)["late"],
        )
        for milestone in waiting.order_by("delivered_at", "pk")[:MOST]
    ]


def _invoices(user: User, rules: set[int], today: date) -> list[dict[str, Any]]:
    alive = Payment.objects.filter(invoice=OuterRef("pk"), state__in=LIVE_PAYMENTS)
    waiting = (
        Invoice.objects.unpaid()
        .filter(contract__award__opportunity__body__in=rules)
        .exclude(accepted_by=user)  # who accepted the work does not pay it
        .filter(~Exists(alive.exclude(state=PaymentState.STARTED)))
        .select_related(*PARTIES)
    )
    entries = []
    for invoice in waiting.order_by("due_on", "pk")[:MOST]:
        amount = format_cents(invoice.total_cents, exact=True)
        why = _("%(amount)s, à payer au plus tard le %(day)s") % {"amount": amount, "day": day(invoice.due_on)}
        title = _("Facture %(number)s, %(vendor)s") % {"number": invoice.number, "vendor": invoice.contract.vendor}
        late = lateness((today - invoice.due_on).days)
        entries.append(item(title, why, reverse("contracts:pay", args=[invoice.number]), _("Payer"), late=late))
    return entries


def _amendments(user: User, rules: set[int]) -> list[dict[str, Any]]:
    waiting = Amendment.objects.filter(
        state=AmendmentState.PROPOSED, contract__award__opportunity__body__in=rules
    ).exclude(proposed_by=user)
    return [
        item(
            row.contract.title,
            _("Un avenant attend l’approbation d’une autre personne : %s") % row.reason,
            reverse("contracts:amendment", args=[row.contract.number, row.number]),
            _("Examiner"),
        )
        for row in waiting.select_related(*PARTIES).order_by("pk")[:MOST]
    ]


def _duties(rules: set[int], today: date) -> list[dict[str, Any]]:
    waiting = Duty.objects.filter(done_on=None, contract__award__opportunity__body__in=rules)
    entries = []
    for duty in waiting.select_related(*PARTIES).order_by("due_on", "pk")[:MOST]:
        facts = {"what": duty.get_kind_display(), "day": day(duty.due_on)}
        why = _("%(what)s : à publier au SEAO au plus tard le %(day)s") % facts
        late = lateness((today - duty.due_on).days)
        entries.append(item(duty.contract.title, why, reverse("contracts:duties"), _("Publier"), late=late))
    return entries


def _reversals(user: User, rules: set[int]) -> list[dict[str, Any]]:
    waiting = (
        Payment.objects.filter(
            Q(state__in=[PaymentState.RECEIVED, PaymentState.PAID]),
            reversal_requested_by__isnull=False,
            invoice__contract__award__opportunity__body__in=rules,
        )
        .exclude(reversal_requested_by=user)
        .select_related("invoice")
    )
    return [
        item(
            _("Facture %s") % payment.invoice.number,
            _("Annulation du paiement demandée : %s") % payment.reversal_reason,
            reverse("contracts:reverse_payment", args=[payment.public_id]),
            _("Examiner"),
        )
        for payment in waiting.order_by("pk")[:MOST]
    ]


def _contested(rules: set[int]) -> list[dict[str, Any]]:
    waiting = Payment.objects.filter(
        state=PaymentState.CONTESTED, invoice__contract__award__opportunity__body__in=rules
    ).select_related("invoice")
    return [
        item(
            _("Facture %s") % payment.invoice.number,
            _("Le prestataire dit ne pas avoir reçu le paiement : %s") % payment.failure,
            payment.invoice.get_absolute_url(),
            _("Examiner"),
        )
        for payment in waiting.order_by("pk")[:MOST]
    ]


# --- Vendors ---------------------------------------------------------------------------------------------------------
def _retained(vendors: set[int], at: datetime) -> list[dict[str, Any]]:
    """Recent awards, until the vendor is sent a contract."""
    waiting = (
        Award.objects.standing()
        .filter(Q(contract=None) | Q(contract__state=State.DRAFT, contract__state_reason=""))
        .filter(proposal__vendor__in=vendors, at__gt=at - RECENT)
    )
    return [
        item(
            award.opportunity.title,
            _("Votre proposition est retenue"),
            award.proposal.get_absolute_url(),
            _("Voir le résultat"),
        )
        for award in waiting.for_list()[:MOST]
    ]


def _offers(vendors: set[int]) -> list[dict[str, Any]]:
    waiting = Contract.objects.filter(
        state=State.OFFERED, award__reversed_at=None, award__proposal__vendor__in=vendors
    ).for_list()
    return [
        item(
            contract.title,
            _("%s vous envoie le contrat à signer") % contract.body.name,
            reverse("contracts:sign", args=[contract.number]),
            _("Lire et signer"),
        )
        for contract in waiting[:MOST]
    ]


def _milestones(vendors: set[int], today: date) -> list[dict[str, Any]]:
    """To correct, to deliver soon, to invoice."""
    waiting = (
        Milestone.objects.filter(contract__award__proposal__vendor__in=vendors)
        .filter(
            Q(state=MilestoneState.PLANNED, contract__state=State.ACTIVE)
            & (Q(cure_by__isnull=False) | Q(due_date__lte=today + SOON))
            | Q(state=MilestoneState.ACCEPTED, contract__state__in=[State.ACTIVE, State.TERMINATED])
        )
        .select_related(*PARTIES)
        .order_by("due_date", "pk")[:MOST]
    )
    entries = []
    for milestone in waiting:
        contract = milestone.contract
        title = _("%(title)s, jalon %(rank)d") % {"title": contract.title, "rank": milestone.position}
        place, late = [contract.number, milestone.position], standing(milestone, today)["late"]
        if milestone.state == MilestoneState.ACCEPTED:
            url = reverse("contracts:issue", args=place)
            entries.append(item(title, _("Accepté : vous pouvez facturer"), url, _("Facturer")))
        elif milestone.cure_by:
            why = _("Retourné : à livrer de nouveau d’ici le %s") % day(milestone.cure_by)
            entries.append(item(title, why, reverse("contracts:deliver", args=place), _("Corriger"), late=late))
        else:
            why = (_("À livrer depuis le %s") if late else _("À livrer d’ici le %s")) % day(milestone.due_date)
            entries.append(item(title, why, reverse("contracts:deliver", args=place), _("Livrer"), late=late))
    return entries


def _confirmations(vendors: set[int]) -> list[dict[str, Any]]:
    waiting = Payment.objects.filter(
        state=PaymentState.DECLARED, invoice__contract__award__proposal__vendor__in=vendors
    ).select_related("invoice")
    return [
        item(
            _("Facture %s") % payment.invoice.number,
            _("L’organisme dit avoir payé %s : l’avez-vous reçu?") % format_cents(payment.amount_cents, exact=True),
            reverse("contracts:answer_payment", args=[payment.public_id]),
            _("Répondre"),
        )
        for payment in waiting.order_by("pk")[:MOST]
    ]


def _amendments_to_accept(vendors: set[int]) -> list[dict[str, Any]]:
    waiting = Amendment.objects.filter(
        state=AmendmentState.APPROVED, contract__award__proposal__vendor__in=vendors
    ).select_related(*PARTIES)
    return [
        item(
            row.contract.title,
            _("Un avenant attend votre accord : %s") % row.reason,
            reverse("contracts:amendment", args=[row.contract.number, row.number]),
            _("Lire et répondre"),
        )
        for row in waiting.order_by("pk")[:MOST]
    ]


def _replies(vendors: set[int], today: date) -> list[dict[str, Any]]:
    waiting = Performance.objects.filter(
        reply_at=None, reply_until__gte=today, contract__award__proposal__vendor__in=vendors
    ).select_related(*PARTIES)
    return [
        item(
            row.contract.title,
            _("Votre rendement est évalué : vous pouvez répliquer jusqu’au %s") % day(row.reply_until),
            reverse("contracts:reply", args=[row.contract.number]),
            _("Lire"),
        )
        for row in waiting.order_by("reply_until", "pk")[:MOST]
    ]
