"""Amendments: proposed by the body, approved by a second person, accepted by the vendor, then applied.

What changes is written milestones first, then the contract's row: the database checks that the ones total the other
(contracts/triggers.py). Every turn checks the ceiling and the plan again, under the contract's lock.
"""

from datetime import date, datetime
from itertools import pairwise
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from contracts import conditions, documents, rules
from contracts import emails as contract_emails
from contracts.agreement import draft_actions
from contracts.attestation import actions as attestation_actions
from contracts.enums import DocumentKind, MilestoneState, Party, State
from contracts.models import Amendment, Contract, Milestone
from contracts.publication import actions as publication_actions
from marketplace.dates import clock
from marketplace.dates.localtime import day, local, moment_exact
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known, locked
from marketplace.models import User
from marketplace.money import format_cents
from marketplace.reasons import reason_given
from marketplace.texts import longest

PENDING = ["proposed", "approved"]
LAST_DAY = date(2100, 12, 31)


# --- Plans -----------------------------------------------------------------------------------------------------------
def plan_of(contract: Contract) -> list[dict[str, Any]]:
    """The milestones that are not delivered, as the lines of an amendment's plan."""
    rows = contract.milestones.filter(state=MilestoneState.PLANNED).prefetch_related("criteria")
    return [
        {
            "id": str(row.public_id),
            "title": row.title,
            "description": row.description,
            "criteria": [criterion.text for criterion in row.criteria.all()],
            "amount_cents": row.amount_cents,
            "due_date": row.due_date.isoformat(),
        }
        for row in rows
    ]


def _written(contract: Contract, plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plan as it is kept: stripped texts, ISO dates. ValidationError at `plan` for a line that cannot be."""
    lines = [_line(contract, line) for line in plan]
    ids = [line["id"] for line in lines if line["id"]]
    if len(ids) != len(set(ids)):
        complain("plan", _("Le même jalon est inscrit deux fois."))
    if len(lines) + contract.milestones.exclude(state=MilestoneState.PLANNED).count() > draft_actions.MOST_MILESTONES:
        complain("plan", _("Un contrat a au plus %d jalons.") % draft_actions.MOST_MILESTONES)
    return lines


def days_above(contract: Contract, plan: list[dict[str, Any]]) -> list[date | None]:
    """Of each line of a plan, the day of the milestone that will stand above it, delivered ones included; None of the
    first. New lines come last, in their order.
    """
    rows = list(contract.milestones.all())
    ranks = {str(row.public_id): row.position for row in rows}
    last = max(ranks.values(), default=0) + 1
    begun = [(row.position, row.due_date, None) for row in rows if row.state != MilestoneState.PLANNED]
    lines = [(ranks.get(str(line.get("id")), last), _date(line["due_date"]), index) for index, line in enumerate(plan)]
    placed = sorted([*begun, *lines], key=lambda one: one[0])
    above = {lower[2]: upper[1] for upper, lower in pairwise(placed)}
    return [above.get(index) for index in range(len(plan))]


def _date(written: str | date) -> date:
    return date.fromisoformat(written) if isinstance(written, str) else written


def _check_order(contract: Contract, plan: list[dict[str, Any]]) -> None:
    for line, above in zip(plan, days_above(contract, plan), strict=True):
        if above and _date(line["due_date"]) < above:
            complain("plan", _("La date du jalon « %s » précède celle du jalon d’avant.") % line["title"])


def _line(contract: Contract, line: dict[str, Any]) -> dict[str, Any]:
    due = line["due_date"]
    written = {
        "id": str(line["id"]) if line.get("id") else None,
        "title": line["title"].strip(),
        "description": line.get("description", "").strip(),
        "criteria": list(dict.fromkeys(filter(None, (text.strip() for text in line["criteria"])))),
        "amount_cents": line["amount_cents"],
        "due_date": due if isinstance(due, str) else due.isoformat(),
    }
    if not written["title"] or len(written["title"]) > longest(Milestone, "title"):
        complain("plan", _("Chaque jalon a un titre, de 150 caractères au plus."))
    if len(written["description"]) > longest(Milestone, "description"):
        complain("plan", _("La description du jalon « %s » dépasse 3 000 caractères.") % written["title"])
    if not written["criteria"] or len(written["criteria"]) > draft_actions.MOST_CRITERIA:
        complain(
            "plan",
            _("Le jalon « %(title)s » a de 1 à %(most)d critères.")
            % {"title": written["title"], "most": draft_actions.MOST_CRITERIA},
        )
    if any(len(text) > draft_actions.CRITERION_MAX for text in written["criteria"]):
        complain("plan", _("Un critère d’acceptation a au plus %d caractères.") % draft_actions.CRITERION_MAX)
    if not written["amount_cents"] or written["amount_cents"] <= 0:
        complain("plan", _("Un jalon vaut plus de 0 $."))
    return written


def changes(amendment: Amendment) -> list[str]:
    """What a pending amendment would change in the milestones, one sentence each, in the active language."""
    before = {line["id"]: line for line in plan_of(amendment.contract)}
    sentences: list[str] = []
    for line in amendment.plan:
        old = before.pop(line["id"], None)
        shown = {"title": line["title"], "amount": _money(line["amount_cents"]), "day": _day(line["due_date"])}
        if old is None:
            sentences.append(_("Jalon ajouté : « %(title)s », %(amount)s, le %(day)s.") % shown)
            continue
        was = {"title": old["title"], "old": _money(old["amount_cents"]), "before": _day(old["due_date"])} | {
            key: shown[key] for key in ("amount", "day")
        }
        if line["title"] != old["title"]:
            sentences.append(
                _("Le jalon « %(old)s » devient « %(new)s ».") % {"old": old["title"], "new": line["title"]}
            )
        if line["amount_cents"] != old["amount_cents"]:
            sentences.append(_("Jalon « %(title)s » : le montant passe de %(old)s à %(amount)s.") % was)
        if line["due_date"] != old["due_date"]:
            sentences.append(_("Jalon « %(title)s » : la date passe du %(before)s au %(day)s.") % was)
        if line["description"] != old["description"]:
            sentences.append(_("Jalon « %s » : ce qui est livré change.") % old["title"])
        if line["criteria"] != old["criteria"]:
            sentences.append(_("Jalon « %s » : les critères d’acceptation changent.") % old["title"])
    for old in before.values():
        shown = {"title": old["title"], "amount": _money(old["amount_cents"])}
        sentences.append(_("Jalon retiré : « %(title)s », %(amount)s.") % shown)
    return sentences


def _money(cents: int) -> str:
    return format_cents(cents, exact=True)


def _day(iso: str) -> str:
    return day(date.fromisoformat(iso))


# --- The turns -------------------------------------------------------------------------------------------------------
def propose(
    contract: Contract, *, by: User, reason: str, delta_cents: int = 0, end_date: date | None = None,
    plan: list[dict[str, Any]] | None = None,
) -> Amendment:  # fmt: skip
    """A buyer or an officer proposes; one at a time. `plan`: as `Amendment.plan`, or None to change none.

    PermissionDenied, IllegalMove when the contract is not under way or another amendment waits, ValidationError at
    `reason`, `delta`, `end_date` or `plan`.
    """
    with transaction.atomic():
        row = locked(contract)
        if not rules.can_prepare(row, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if row.state != State.ACTIVE:
            raise IllegalMove(_("Le contrat n’est pas en cours."))
        if row.amendments.filter(state__in=PENDING).exists():
            raise IllegalMove(_("Un avenant attend déjà une décision."))
        at = clock.now()
        amendment = Amendment(
            contract=row,
            number=row.amendments.count() + 1,
            reason=reason_given(reason),
            delta_cents=delta_cents,
            end_date=end_date if end_date != row.end_date else None,
            plan=_written(row, plan_of(row) if plan is None else plan),
            proposed_by=by,
            proposed_at=at,
        )
        _end_possible(amendment, at)
        conditions.amendment_possible(amendment, at)
        if plan is not None:
            _check_order(row, amendment.plan)
        conditions.amendment_eligible(amendment, at)
        if not delta_cents and amendment.end_date is None and not changes(amendment):
            complain(None, _("Cet avenant ne change rien."))
        amendment.save(force_insert=True)
        ledger.record("amendment.propose", amendment.ledger_subject(), by=by, at=at, **amendment.about())
        contract_emails.amendment_proposed(amendment, at=at)
    return amendment


def _end_possible(amendment: Amendment, at: datetime) -> None:
    end = amendment.end_date
    if end is not None and not local(at).date() <= end <= LAST_DAY:
        complain("end_date", _("La nouvelle fin ne peut pas être déjà passée."))
    if end is not None and end < amendment.contract.start_date:
        complain("end_date", _("Le travail ne peut pas finir avant de commencer."))


def approve(amendment: Amendment, *, by: User, unverified_reason: str = "") -> None:
    """A second person of the body commits it; the vendor is asked.

    unverified_reason: why the value goes up although nobody verified the vendor's attestation, when that is so.
    """
    with transaction.atomic():
        amendment.approve(
            by=by,
            justified=lambda row, at: attestation_actions.raise_reason_kept(row, unverified_reason, at=at),
        )
        contract_emails.amendment_approved(amendment, at=known(amendment.approved_at))


def accept(amendment: Amendment, *, by: User, method: str) -> None:
    """The vendor accepts: it is in force. `method`: what marketplace/accounts/reauthentication.py answers."""

    def apply(row: Amendment, *, by: User, at: datetime) -> None:
        _apply(row, by=by, at=at, method=method)

    with transaction.atomic():
        amendment.accept(by=by, apply=apply, how=method)
        publication_actions.amended(amendment, at=known(amendment.in_force_at))
        contract_emails.amendment_in_force(amendment, at=known(amendment.in_force_at))


def refuse(amendment: Amendment, *, by: User, reason: str) -> None:
    """The second officer, or the vendor, says no and why; nothing changes."""
    with transaction.atomic():
        amendment.refuse(by=by, reason=reason)
        contract_emails.amendment_refused(amendment, by=by, at=clock.now())


def withdraw(amendment: Amendment, *, by: User) -> None:
    """The body takes it back before it is in force."""
    with transaction.atomic():
        amendment.withdraw(by=by)
        contract_emails.amendment_withdrawn(amendment, by=by, at=clock.now())


# --- In force --------------------------------------------------------------------------------------------------------
def _apply(amendment: Amendment, *, by: User, at: datetime, method: str) -> None:
    contract = amendment.contract
    before = contract.value_cents
    with override(documents.FRENCH):
        sentences = changes(amendment)
    planned = {str(row.public_id): row for row in contract.milestones.filter(state=MilestoneState.PLANNED)}
    position = max(contract.milestones.values_list("position", flat=True), default=0)
    for line in amendment.plan:
        row = planned.pop(line["id"], None)
        if row is None:
            position += 1  # a number is never given twice: deliveries and invoices name it
            row = Milestone(contract=contract, position=position)
        draft_actions.write_milestone(row, line)
    for row in planned.values():
        row.delete()
    contract.amended_cents += amendment.delta_cents
    contract.end_date = amendment.end_date or contract.end_date
    contract.updated_at = at
    contract.save(update_fields=["amended_cents", "end_date", "updated_at"])
    with override(documents.FRENCH):
        data = _pdf_data(amendment, before=before, changes=sentences, method=method)
    documents.keep(contract, DocumentKind.AMENDMENT, "amendment", data, at=at, amendment=amendment)


def _pdf_data(amendment: Amendment, *, before: int, changes: list[str], method: str) -> dict[str, Any]:
    """templates/pdf/amendment.typ's data."""
    contract, digest = amendment.contract, amendment.text_sha256
    sign = "+" if amendment.delta_cents > 0 else ""
    return {
        "number": str(amendment),
        "contract": contract.number,
        "title": contract.title,
        "body": contract.body.name,
        "vendor": contract.vendor.legal_name,
        "reason": amendment.reason,
        "before": _money(before),
        "delta": sign + _money(amendment.delta_cents),
        "after": _money(contract.value_cents),
        "changes": changes,
        "due": day(amendment.end_date) if amendment.end_date else "",
        "approvals": [
            {
                "party": str(Party.BODY.label),
                "name": known(amendment.approved_by).name,
                "title": _title(contract, Party.BODY, known(amendment.approved_by)),
                "at": moment_exact(known(amendment.approved_at)),
                "digest": digest,
            },
            {
                "party": str(Party.VENDOR.label),
                "name": known(amendment.accepted_by).name,
                "title": _title(contract, Party.VENDOR, known(amendment.accepted_by)),
                "at": moment_exact(known(amendment.in_force_at)),
                "method": documents.METHODS[method],
                "digest": digest,
            },
        ],
        "text_digest": digest,
    }


def _title(contract: Contract, party: str, person: User) -> str:
    """What the person is: as a signatory of the body, as they signed the contract, or by role."""
    named = contract.body.signatories.filter(user=person, ended_at=None).first() if party == Party.BODY else None
    signed = contract.signatures.filter(party=party, by=person, void_at=None).first()
    if paper := named or signed:
        return paper.title
    if party == Party.BODY:
        return _("Responsable des règles contractuelles")
    return contract.vendor.memberships.get(user=person).get_role_display()
