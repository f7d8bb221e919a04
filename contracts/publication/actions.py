"""What must be published at the SEAO, by when (quebec.md §1.8; days: settings.SEAO_DAYS), and the proof that it was."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from contracts import rules
from contracts.enums import DutyKind, State
from contracts.models import Amendment, Contract, Duty
from marketplace.dates import clock
from marketplace.dates.localtime import day, local
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.models import User
from marketplace.money import format_cents
from marketplace.texts import longest

PROOF_MAX = longest(Duty, "proof")


# --- What raises them ------------------------------------------------------------------------------------------------
def _raise(
    contract: Contract, kind: DutyKind, amount_cents: int, *, at: datetime, amendment: Amendment | None = None
) -> Duty:
    due = local(at).date() + timedelta(days=settings.SEAO_DAYS[kind.value])
    return Duty.objects.create(contract=contract, kind=kind, amendment=amendment, due_on=due, amount_cents=amount_cents)


def concluded(contract: Contract, *, at: datetime) -> None:
    """The initial description: 15 days after the conclusion, whatever the amount, since the call was public."""
    _raise(contract, DutyKind.INITIAL, contract.value_cents, at=at)


def over_threshold(amount_cents: int, amended_cents: int) -> bool:
    """Whether additional spending passes 10 % of the initial amount."""
    return amended_cents * 100 > amount_cents * settings.EXTRA_SPENDING_PERCENT


def amended(amendment: Amendment, *, at: datetime) -> None:
    """Past 10 % of additional spending: what has accumulated when it is passed, then each addition; within 60 days."""
    contract = amendment.contract
    if amendment.delta_cents <= 0 or not over_threshold(contract.amount_cents, contract.amended_cents):
        return
    already = over_threshold(contract.amount_cents, contract.amended_cents - amendment.delta_cents)
    amount = amendment.delta_cents if already else contract.amended_cents
    _raise(contract, DutyKind.EXTRA, amount, at=at, amendment=amendment)


def ended(contract: Contract, *, at: datetime) -> None:
    """The final description: 90 days after the end, with the total paid."""
    _raise(contract, DutyKind.FINAL, amount_of_the_end(contract), at=at)


def amount_of_the_end(contract: Contract) -> int:
    """What was paid before taxes: after a termination, invoices go on being paid until it is published."""
    return contract.paid_before_taxes() if contract.final_cents is None else contract.final_cents


# --- What is published -----------------------------------------------------------------------------------------------
def amount_to_publish(duty: Duty) -> int:
    """Cents before taxes, as of now while it waits, as they were published afterwards."""
    if duty.kind == DutyKind.FINAL and duty.done_on is None:
        return amount_of_the_end(duty.contract)
    return duty.amount_cents


def text_of(duty: Duty) -> str:
    """What to copy into the SEAO's form, in French: name, NEQ, nature, dates, amounts, options."""
    contract, vendor = duty.contract, duty.contract.vendor
    amount = format_cents(amount_to_publish(duty), exact=True, lang="fr")
    facts = [
        ("Organisme public", contract.body.name),
        ("Numéro du contrat", contract.number),
        ("Numéro de l’avis", contract.opportunity.number),
        ("Prestataire", vendor.legal_name),
        ("NEQ", vendor.neq or "Aucun"),
        ("Nature du contrat", f"{contract.title} (services : développement de logiciels)"),
        ("Mode d’attribution", "Appel public sur « Développe avec nous »"),
        ("Date de conclusion", _day(contract.signed_at)),
    ]
    initial = format_cents(contract.amount_cents, exact=True, lang="fr")
    if duty.kind == DutyKind.INITIAL:
        facts += [("Montant du contrat, avant taxes", amount), ("Options", "Aucune")]
    elif duty.kind == DutyKind.EXTRA:
        amendment = known(duty.amendment)
        facts += [
            ("Montant initial du contrat, avant taxes", initial),
            ("Dépense supplémentaire à publier, avant taxes", amount),
            ("Avenant", f"{contract.number}-A{amendment.number}, en vigueur le {_day(amendment.in_force_at)}"),
            ("Motif", " ".join(amendment.reason.split())),
        ]
    else:
        ended = "Date de fin" if contract.state == State.COMPLETED else "Date de résiliation"
        facts += [
            (ended, _day(contract.ended_at)),
            ("Montant initial du contrat, avant taxes", initial),
            ("Montant total payé, avant taxes", amount),
            ("Options exercées", "Aucune"),
        ]
    return "\n".join(f"{label} : {value}" for label, value in facts)


def _day(instant: datetime | None) -> str:
    return day(local(known(instant)).date(), "fr")


def event_day(duty: Duty) -> date:
    """The local day of what is to be published: nothing was published before it."""
    if duty.kind == DutyKind.INITIAL:
        instant = duty.contract.signed_at
    elif duty.kind == DutyKind.EXTRA:
        instant = known(duty.amendment).in_force_at
    else:
        instant = duty.contract.ended_at
    return local(known(instant)).date()


def publish(duty: Duty, *, by: User, done_on: date, proof: str) -> None:
    """An officer says when it was published at the SEAO, and the number or address that proves it.

    PermissionDenied, IllegalMove once it is done, ValidationError at `done_on` or `proof`.
    """
    with transaction.atomic():
        contract = locked(duty.contract)
        row = Duty.objects.select_for_update(of=("self",)).get(pk=duty.pk)
        row.contract = contract
        if not rules.is_officer(contract, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.done_on is not None:
            raise IllegalMove(_("Cette publication est déjà marquée comme faite."))
        at = clock.now()
        proof = proof.strip()
        if not proof or len(proof) > PROOF_MAX:
            complain("proof", _("Inscrivez le numéro ou l’adresse de l’avis, en %d caractères au plus.") % PROOF_MAX)
        if done_on > local(at).date():
            complain("done_on", _("Cette date n’est pas encore venue."))
        if done_on < event_day(row):
            complain("done_on", _("Rien n’était à publier avant le %s.") % day(event_day(row)))
        row.amount_cents = amount_to_publish(row)
        row.done_on, row.proof, row.done_by, row.done_at = done_on, proof, by, at
        row.save(update_fields=["amount_cents", "done_on", "proof", "done_by", "done_at"])
        ledger.record(
            "duty.publish", contract.ledger_subject(), by=by, at=at, kind=row.kind, done_on=done_on.isoformat(),
            proof=proof, amount_cents=row.amount_cents, amendment=row.amendment.number if row.amendment else None,
        )  # fmt: skip
    duty.__dict__.update(row.__dict__)
