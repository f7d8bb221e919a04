"""What must hold before a contract, a milestone, a payment or an amendment moves: (object, at) -> None, or
ValidationError at the right field. The docstring's first line is published in /api/workflow.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from contracts.enums import CONCLUDED, State
from marketplace.dates.localtime import local
from marketplace.lifecycle import Condition, complain
from marketplace.money import format_cents
from opportunities.conditions import ceiling_cents
from opportunities.enums import CodeLicence
from vendors.eligibility import actions as eligibility


def complaints(condition: Condition, thing: Any, at: datetime) -> list[str]:
    """What a condition would say today, for a page that lists it; empty when it holds."""
    try:
        condition(thing, at)
    except ValidationError as error:
        return error.messages
    return []


def award_stands(contract: Any, at: datetime) -> None:
    """The award was not reversed, and nobody asks for it."""
    if contract.award.reversed_at is not None:
        complain(None, _("L’attribution a été annulée : ce contrat ne peut plus être signé."))
    if contract.opportunity.reversal_requested_by_id is not None:
        complain(None, _("L’annulation de l’attribution est demandée : attendez la décision."))


def licence_agreed(contract: Any, at: datetime) -> None:
    """The parties chose the licence of the code, where the notice left it to be agreed."""
    if contract.licence == CodeLicence.TO_BE_AGREED:
        complain("licence", _("Choisissez la licence du code livré : l’avis la laissait à convenir."))


def plan_complete(contract: Any, at: datetime) -> None:
    """The milestones total the contract's value, each with a criterion and a date within the contract's."""
    problems: list[str] = []
    milestones = list(contract.milestones.prefetch_related("criteria"))
    if not milestones:
        complain("milestones", _("Inscrivez au moins un jalon."))
    total = sum(milestone.amount_cents for milestone in milestones)
    if total != contract.value_cents:
        problems.append(
            _("Les jalons totalisent %(total)s; le contrat vaut %(value)s.")
            % {"total": format_cents(total), "value": format_cents(contract.value_cents)}
        )
    for milestone in milestones:
        if not milestone.criteria.all():
            problems.append(_("Le jalon « %s » n’a pas de critère d’acceptation.") % milestone.title)
        if not contract.start_date <= milestone.due_date <= contract.end_date:
            problems.append(_("La date du jalon « %s » sort de la durée du contrat.") % milestone.title)
    if problems:
        raise ValidationError({"milestones": problems})


def plan_in_order(contract: Any, at: datetime) -> None:
    """No milestone is dated before the one above it."""
    for above, milestone in pairwise(contract.milestones.all()):
        if milestone.due_date < above.due_date:
            complain("milestones", _("La date du jalon « %s » précède celle du jalon d’avant.") % milestone.title)


def eligible(contract: Any, at: datetime) -> None:
    """The vendor may contract: integrity declaration, attestation from 25 000 $, no recorded ineligibility."""
    eligibility.check(contract.vendor, amount_cents=contract.value_cents, on=local(at).date(), integrity=True)


def contract_active(thing: Any, at: datetime) -> None:
    """The contract is under way."""
    if thing.contract.state != State.ACTIVE:
        complain(None, _("Le contrat n’est pas en cours."))


def contract_concluded(thing: Any, at: datetime) -> None:
    """The contract was signed by both parties."""
    if thing.contract.state not in CONCLUDED:
        complain(None, _("Le contrat n’est pas conclu."))


def all_paid(contract: Any, at: datetime) -> None:
    """Every milestone and every invoice is paid, the holdback included."""
    if contract.milestones.exclude(state="paid").exists():
        complain(None, _("Des jalons ne sont pas payés."))
    if contract.invoices.filter(paid_at=None).exists():
        complain(None, _("Des factures ne sont pas payées."))
    held = sum(contract.invoices.filter(kind="milestone").values_list("holdback_cents", flat=True))
    if held and not contract.invoices.filter(kind="holdback").exists():
        complain(None, _("La retenue n’est pas libérée : le prestataire doit la facturer."))


def code_catalogued(contract: Any, at: datetime) -> None:
    """The code is catalogued, or the reason why it is not is written down."""
    if not contract.passports.catalogued().exists() and not contract.no_code_reason.strip():
        complain("no_code_reason", _("Aucun code n’est catalogué : inscrivez pourquoi."))


def no_delivery_waiting(contract: Any, at: datetime) -> None:
    """No delivery awaits the buyer's answer."""
    if contract.milestones.filter(state="delivered").exists():
        complain(None, _("Une livraison attend une réponse : acceptez-la ou retournez-la d’abord."))


def no_pending_amendment(contract: Any, at: datetime) -> None:
    """No amendment is pending."""
    if contract.amendments.filter(state__in=["proposed", "approved"]).exists():
        complain(None, _("Un avenant attend une décision : terminez-le ou retirez-le d’abord."))


def cure_day(milestone: Any, cure_by: date | None, at: datetime) -> None:
    """The day by which to deliver again is after today."""
    if cure_by is None or cure_by <= local(at).date():
        complain("cure_by", _("Laissez au moins un jour pour corriger."))
    if cure_by > local(at).date() + timedelta(days=365):
        complain("cure_by", _("Cette date est trop lointaine."))


def invoice_paid(milestone: Any, at: datetime) -> None:
    """The milestone's invoice is paid."""
    if not milestone.invoices.filter(kind="milestone", paid_at__isnull=False).exists():
        complain(None, _("La facture de ce jalon n’est pas payée."))


def invoice_unpaid(milestone: Any, at: datetime) -> None:
    """The milestone's invoice is owed again."""
    if milestone.invoices.filter(kind="milestone", paid_at__isnull=False).exists():
        complain(None, _("La facture de ce jalon est payée."))


def payment_reversal_requested(payment: Any, at: datetime) -> None:
    """An officer asked for the reversal, with a reason."""
    if payment.reversal_requested_by_id is None:
        complain(None, _("Une ou un responsable doit d’abord demander l’annulation, avec un motif."))


def amendment_possible(amendment: Any, at: datetime) -> None:
    """The value stays under the ceiling, the new plan totals it and takes away nothing that was delivered."""
    contract = amendment.contract
    value = contract.value_cents + amendment.delta_cents
    ceiling = min(contract.ceiling_cents, ceiling_cents(local(at).date()))
    if value <= 0:
        complain("delta", _("Avec cet avenant, le contrat ne vaudrait plus rien : il faut plutôt le résilier."))
    if value >= ceiling:
        complain(
            "delta",
            _("Avec cet avenant, le contrat vaudrait %(value)s : il doit rester sous %(ceiling)s, avant taxes.")
            % {"value": format_cents(value), "ceiling": format_cents(ceiling)},
        )
    begun = contract.milestones.exclude(state="planned").values_list("amount_cents", flat=True)
    total = sum(begun) + sum(row["amount_cents"] for row in amendment.plan)
    if total != value:
        complain(
            "plan",
            _("Les jalons totalisent %(total)s; avec l’avenant, le contrat vaudrait %(value)s.")
            % {"total": format_cents(total), "value": format_cents(value)},
        )
    planned = {str(row.public_id): row for row in contract.milestones.filter(state="planned")}
    lines = {line["id"]: line for line in amendment.plan if line["id"]}
    if lines.keys() - planned.keys():
        complain("plan", _("Un des jalons modifiés a été livré depuis : refaites l’avenant."))
    _keeps_what_was_answered(planned, lines)
    end = amendment.end_date or contract.end_date
    if any(row["due_date"] > end.isoformat() or row["due_date"] < contract.start_date.isoformat()
           for row in amendment.plan):  # fmt: skip
        complain("plan", _("La date d’un jalon sort de la durée du contrat."))


def _keeps_what_was_answered(planned: dict[str, Any], lines: dict[str, Any]) -> None:
    """A milestone that was delivered, then returned, stays, with the criteria that were answered: they are evidence."""
    for key, milestone in planned.items():
        if key not in lines and milestone.deliveries.exists():
            complain("plan", _("Le jalon « %s » a déjà été livré : il ne peut plus être retiré.") % milestone.title)
        answered = milestone.criteria.filter(checks__isnull=False).values_list("text", flat=True)
        if key in lines and set(answered) - set(lines[key]["criteria"]):
            complain(
                "plan", _("Des critères du jalon « %s » ont déjà servi : gardez-les tels quels.") % milestone.title
            )


def amendment_eligible(amendment: Any, at: datetime) -> None:
    """When the value goes up, the vendor may contract for the new one."""
    contract = amendment.contract
    if amendment.delta_cents > 0:
        value = contract.value_cents + amendment.delta_cents
        eligibility.check(contract.vendor, amount_cents=value, on=local(at).date(), integrity=True)


def holdback_of(amount_cents: int, percent: int) -> int:
    """Cents held back of a milestone, rounded half up."""
    return (amount_cents * percent + 50) // 100
