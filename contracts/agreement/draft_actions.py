"""From an award to a contract ready to be offered: the first draft, then its plan of milestones."""

from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from contracts import rules
from contracts.enums import State
from contracts.models import Contract, Milestone, MilestoneCriterion
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.markup import plain
from marketplace.models import NumberSeries, User
from opportunities.conditions import ceiling_cents
from opportunities.enums import CodeLicence
from opportunities.models import Opportunity
from proposals.models import Award

MOST_MILESTONES = 30
MOST_CRITERIA = 20
CRITERION_MAX = 500
DEFAULT_DAYS = 90  # when the notice announces no end
FIELDS = ("licence", "repository", "personal_information", "holdback_percent", "start_date", "end_date")


def start(opportunity: Opportunity, *, by: User) -> Contract:
    """The draft contract of a standing award, made from the notice and the winning price; the same one if asked twice.

    PermissionDenied unless `by` prepares contracts there, IllegalMove when nothing is awarded.
    """
    with transaction.atomic():
        row = locked(opportunity)
        award = Award.objects.standing().filter(opportunity=row).select_related("proposal__vendor").first()
        contract = Contract(award=award or Award(opportunity=row))
        if not rules.can_prepare(contract, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if award is None:
            raise IllegalMove(_("Cette occasion n’est pas attribuée."))
        existing = Contract.objects.filter(award=award).first()
        if existing is not None:
            return existing
        at = clock.now()
        today = local(at).date()
        contract.number = NumberSeries.take("CT", today.year)
        contract.amount_cents = award.amount_cents
        contract.ceiling_cents = ceiling_cents(today)
        contract.licence = row.code_licence
        contract.start_date = max(known(row.start_date), today)
        contract.end_date = max(row.completion_date or contract.start_date + timedelta(days=DEFAULT_DAYS),
                                contract.start_date)  # fmt: skip
        contract.prepared_by, contract.created_at, contract.updated_at = by, at, at
        contract.save()
        milestone = Milestone.objects.create(
            contract=contract,
            position=1,
            title=_("Livraison complète"),
            description=row.submission_info,
            amount_cents=award.amount_cents,
            due_date=contract.end_date,
        )
        _write_criteria(milestone, criteria_of(row.acceptance_criteria))
        ledger.record(
            "contract.create",
            contract.ledger_subject(),
            by=by,
            at=at,
            occasion=row.number,
            value_cents=award.amount_cents,
        )
        return contract


def criteria_of(text: str) -> list[str]:
    """The notice's acceptance criteria, one per line of its list, or per paragraph; each at most 500 characters.

    A list's numbers stay, for people name criteria by them.
    """
    lines = [line.removeprefix("- ").strip() for line in plain(text).splitlines()]
    return [line[:CRITERION_MAX] for line in lines if line.strip("- ")][:MOST_CRITERIA]


def version(contract: Contract) -> str:
    """Which saved state of a contract in preparation a form was made from."""
    return contract.updated_at.isoformat()


def edit(
    contract: Contract, *, by: User, fields: dict[str, Any], plan: list[dict[str, Any]], seen: str | None = None
) -> None:
    """Change a contract in preparation. `fields`: some of FIELDS.

    `plan`: the milestones in order, [{title, description, criteria: [text], amount_cents, due_date}].
    `seen`: the `version` that was on the screen; ValidationError when somebody saved another one since.
    """
    with transaction.atomic():
        row = locked(contract)
        if not rules.can_prepare(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.state != State.DRAFT or row.is_void:
            raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
        if seen is not None and seen != version(row):
            complain(
                None, _("Quelqu’un a enregistré ce contrat pendant que vous écriviez : votre texte est gardé ici.")
            )
        at = clock.now()
        if fields.get("licence", row.licence) != row.licence and row.opportunity.code_licence not in {
            CodeLicence.TO_BE_AGREED
        }:
            complain("licence", _("La licence est celle que l’avis a annoncée."))
        for name in FIELDS:
            setattr(row, name, fields.get(name, getattr(row, name)))
        if row.end_date < row.start_date:
            complain("end_date", _("Le travail ne peut pas finir avant de commencer."))
        row.updated_at = at
        row.clean_fields(exclude={"state", "award"})
        row.save()
        row.milestones.all().delete()
        write_plan(row, plan)
        ledger.record("contract.edit", row.ledger_subject(), by=by, at=at, milestones=len(plan))
    contract.__dict__.update(row.__dict__)


def write_plan(contract: Contract, plan: list[dict[str, Any]], *, first: int = 1) -> None:
    """Add planned milestones in order, from position `first` on. ValidationError at `plan`."""
    if len(plan) > MOST_MILESTONES:
        complain("plan", _("Un contrat a au plus %d jalons.") % MOST_MILESTONES)
    for position, line in enumerate(plan, first):
        write_milestone(Milestone(contract=contract, position=position), line)


def write_milestone(milestone: Milestone, line: dict[str, Any]) -> Milestone:
    """Save one planned milestone from a line of a plan."""
    milestone.title, milestone.description = line["title"].strip(), line.get("description", "").strip()
    milestone.amount_cents = line["amount_cents"]
    due = line["due_date"]
    milestone.due_date = date.fromisoformat(due) if isinstance(due, str) else due
    if not milestone.amount_cents or milestone.amount_cents <= 0:
        complain("plan", _("Un jalon vaut plus de 0 $."))
    milestone.clean_fields(exclude={"state", "contract"})
    milestone.save()
    _write_criteria(milestone, line["criteria"])
    return milestone


def _write_criteria(milestone: Milestone, texts: list[str]) -> None:
    if len(texts) > MOST_CRITERIA:
        complain("plan", _("Un jalon a au plus %d critères.") % MOST_CRITERIA)
    # Those whose text is the same stay: answers of past deliveries are about them.
    before: dict[str, MilestoneCriterion] = {row.text: row for row in milestone.criteria.all()}
    for position, text in enumerate(dict.fromkeys(texts)):
        if len(text) > CRITERION_MAX:
            complain("plan", _("Un critère d’acceptation a au plus %d caractères.") % CRITERION_MAX)
        row = before.pop(text, None) or MilestoneCriterion(milestone=milestone, text=text)
        row.position = position
        row.save()
    milestone.criteria.filter(pk__in=[row.pk for row in before.values()]).delete()
