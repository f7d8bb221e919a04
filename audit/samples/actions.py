"""Sampling plans: which awards to audit, retained by a rule that anyone can run again; then what was found of each.

The seed is drawn and written in the ledger before the population is read, in the same transaction. The population is
frozen as it is then, amounts and signals included, and the ledger keeps its digest: signals come and go afterwards.
"""

import hashlib
import secrets

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from audit import rules
from audit.enums import Checked, Sampling, State
from audit.ledger.search import in_period
from audit.models import NOTE_MAX, Monitoring, PlanCheck, RedFlag, SamplingPlan
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, locked
from marketplace.models import NumberSeries
from opportunities.models import Opportunity
from proposals.models import Award, Proposal

TYPE = "dan-sample/2"
Population = list[list]  # [[number, cents, signals], …], in order of number


# --- The rule --------------------------------------------------------------------------------------------------------
def lot(seed: str, number: str) -> str:
    """SHA-256(seed ‖ number): both as text, one after the other, in UTF-8; hexadecimal."""
    return hashlib.sha256(f"{seed}{number}".encode()).hexdigest()


def ranked(method: str, seed: str, population: Population) -> list[str]:
    """Every number of the population in order of rank: the first ones are retained.

    At random: by lot. By amount: the greatest first. By signals: the most first, then the greatest amount. Equals: by
    number, so that only a draw at random depends on the seed.
    """
    keys = {
        Sampling.RANDOM: lambda row: lot(seed, row[0]),
        Sampling.AMOUNT: lambda row: -row[1],
        Sampling.FLAGS: lambda row: (-row[2], -row[1]),
    }
    return [row[0] for row in sorted(sorted(population), key=keys[Sampling(method)])]


def digest_of(population: Population) -> str:
    """What the ledger keeps of a population: SHA-256 of its canonical JSON."""
    return hashlib.sha256(ledger.canonical(sorted(population))).hexdigest()


def population_of(*, method: str, since, until, body, minimum_cents: int) -> Population:
    """Standing awards of these days in Québec, both included; by signals, only those about which one stands."""
    flags = RedFlag.objects.standing().filter(opportunity=OuterRef("opportunity")).order_by().values("opportunity")
    rows = in_period(Award.objects.standing().filter(amount_cents__gte=minimum_cents), since, until)
    rows = rows.filter(opportunity__body=body) if body else rows
    rows = rows.annotate(flags=Coalesce(Subquery(flags.annotate(n=Count("pk")).values("n")), 0))
    if method == Sampling.FLAGS:
        rows = rows.filter(flags__gt=0)
    return sorted(map(list, rows.values_list("opportunity__number", "amount_cents", "flags")))


def draw(*, by, title: str, method: str, since, until, size: int, body=None, minimum_cents: int = 0) -> SamplingPlan:
    """A new plan. PermissionDenied; ValidationError when no award is in the period."""
    if not rules.is_auditor(None, by):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    with transaction.atomic():
        at = clock.now()
        plan = SamplingPlan(
            number=NumberSeries.take("EC", local(at).year), title=title, method=method, since=since, until=until,
            body=body, minimum_cents=minimum_cents, size=size, seed=secrets.token_hex(32), by=by, at=at,
        )  # fmt: skip
        # First the seed, then the population: the order of the two entries cannot be changed afterwards.
        ledger.record("sample.seed", plan.ledger_subject(), by=by, at=at, seed=plan.seed)
        asked = {"method": method, "since": since, "until": until, "body": body, "minimum_cents": minimum_cents}
        plan.population = population_of(**asked)
        if not plan.population:
            unmarked = method == Sampling.FLAGS and population_of(**asked | {"method": Sampling.RANDOM})
            words = _("Aucune attribution de cette période ne porte de signal.") if unmarked else ""
            complain(None, words or _("Aucune attribution ne correspond : élargissez la période ou le montant."))
        plan.picks = ranked(method, plan.seed, plan.population)[:size]
        plan.clean_fields(exclude={"body", "by"})
        plan.save(force_insert=True)
        ledger.record(
            "sample.draw", plan.ledger_subject(), by=by, at=at, method=method, since=since.isoformat(),
            until=until.isoformat(), body=body.name if body else "", minimum_cents=minimum_cents, size=size,
            seed=plan.seed, population=len(plan.population), population_sha256=digest_of(plan.population),
            picks=plan.picks,
        )  # fmt: skip
    return plan


def exported(plan: SamplingPlan) -> list[dict]:
    """The population as files give it, in order of number: its rank, and whether it was retained."""
    ranks = {n: rank for rank, n in enumerate(ranked(plan.method, plan.seed, plan.population), start=1)}
    return [
        {
            "number": number, "cents": cents, "signals": signals, "sha256": lot(plan.seed, number),
            "rank": ranks[number], "retained": ranks[number] <= plan.size,
        }
        for number, cents, signals in plan.population
    ]  # fmt: skip


def as_data(plan: SamplingPlan) -> dict:
    """The dan-sample/2 object that `tools/verify.py sample` reads: everything that was used to draw it."""
    return {
        "format": TYPE, "number": plan.number, "method": plan.method, "since": plan.since.isoformat(),
        "until": plan.until.isoformat(), "body": plan.body.name if plan.body else None,
        "minimum_cents": plan.minimum_cents, "size": plan.size, "seed": plan.seed,
        "drawn_at": ledger.instant(plan.at), "population": exported(plan),
        "population_sha256": digest_of(plan.population), "picks": plan.picks,
    }  # fmt: skip


# --- Working through it ----------------------------------------------------------------------------------------------
def tied_to(user, numbers) -> set[str]:
    """Those of these occasions that a vendor of this person answered."""
    mine = Proposal.objects.tying(user).filter(opportunity__number__in=numbers)
    return set(mine.values_list("opportunity__number", flat=True))


def reason_for(number: str, opportunity) -> str:
    """Why a case is opened, when a sample retained this occasion's award; an empty text if it did not."""
    plan = SamplingPlan.objects.filter(number=number).defer("population").first()
    if plan is None or opportunity.number not in plan.picks:
        return ""
    return _("Attribution retenue par l’échantillon %(number)s (%(title)s).") % {
        "number": plan.number,
        "title": plan.title,
    }


def cases_of(plan: SamplingPlan, opportunity):
    """The cases about an occasion that the examination may rest on: still going on, or opened since the draw."""
    return Monitoring.objects.filter(~Q(state=State.CLOSED) | Q(opened_at__gte=plan.at), opportunity=opportunity)


def gate_examine(plan: SamplingPlan, opportunity, by) -> None:
    """PermissionDenied or IllegalMove, with the reason, for whoever may not examine this award of this sample."""
    if not rules.can_monitor(opportunity, by):
        raise PermissionDenied(_("Vous n’avez pas le droit de vérifier cette occasion."))
    if opportunity.number not in plan.picks:
        raise IllegalMove(_("Cet échantillon n’a pas retenu cette attribution."))
    if PlanCheck.objects.filter(plan=plan, opportunity=opportunity).exists():
        raise IllegalMove(_("Cette attribution de l’échantillon est déjà examinée."))


def examine(plan: SamplingPlan, opportunity: Opportunity, *, by, result: str, note: str) -> PlanCheck:
    """What an auditor found of one award of the sample, once. The same again, by the same person, changes nothing.

    Raises PermissionDenied, IllegalMove, ValidationError.
    """
    note = note.strip()
    with transaction.atomic():
        row = locked(opportunity)
        same = PlanCheck.objects.filter(plan=plan, opportunity=row, by=by, result=result, note=note).first()
        if same:  # a double click
            return same
        gate_examine(plan, row, by)
        if result not in Checked.values:
            complain("result", _("Choisissez un constat."))
        if not note:
            complain("note", _("Ce champ est obligatoire."))
        if len(note) > NOTE_MAX:
            complain("note", _("Ce texte dépasse %d caractères.") % NOTE_MAX)
        if result == Checked.CASE_OPENED and not cases_of(plan, row).exists():
            complain("result", _("Aucune vérification n’est ouverte à propos de cette occasion : ouvrez-la d’abord."))
        at = clock.now()
        examined = PlanCheck.objects.create(plan=plan, opportunity=row, result=result, note=note, by=by, at=at)
        ledger.record(
            "sample.check", plan.ledger_subject(), by=by, at=at, occasion=row.number, result=str(result), note=note
        )
    return examined
