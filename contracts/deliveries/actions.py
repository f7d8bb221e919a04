"""Delivering a milestone, and answering criterion by criterion."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from contracts import emails as contract_emails
from contracts.code import archive as source_code
from contracts.code import contents
from contracts.models import CriterionCheck, Delivery, DeliveryFile, Milestone
from contracts.reuse import actions as reuse_actions
from contracts.reuse import passports
from marketplace.dates import clock
from marketplace.files import store
from marketplace.lifecycle import IllegalMove, complain, known
from marketplace.models import User

MOST_FILES = 5
ANSWER_BUSINESS_DAYS = 5  # after which the buyers are reminded that a delivery waits
Checks = dict[int, tuple[bool, str]]  # {criterion pk: (met, comment)}
Checked = tuple[bytes, dict[str, Any]]  # what marketplace.files.uploads.checked answers


def deliver(
    milestone: Milestone, *, by: User, notes: str, reference: str = "", repository: str = "",
    files: Sequence[Checked] = (), archive: Checked | None = None,
) -> Delivery:  # fmt: skip
    """The vendor delivers. `archive`: the source code, from which the passport is made at the acceptance.

    The archive is read first: a bad one is refused (ValidationError at `archive`) before anything is kept, and without
    a lock, since it takes seconds.
    """
    delivered: list[Delivery] = []
    report = None
    if archive is not None:
        blob, described = archive
        source = source_code.read(described["name"], blob, field="archive", commit=contents.commit_of(reference))
        report = contents.report(source, licence=milestone.contract.licence)

    def write(row: Milestone, *, by: User, at: datetime) -> Delivery:
        if len(files) > MOST_FILES:
            complain("files", _("Au plus %d fichiers par livraison.") % MOST_FILES)
        delivery = Delivery(
            milestone=row, number=row.deliveries.count() + 1, reference=reference.strip(),
            repository=repository.strip(), notes=notes.strip(), by=by, at=at, contents=report,
        )  # fmt: skip
        delivery.clean_fields(exclude={"milestone", "by"})
        delivery.save()
        for blob, described in files:
            _keep(delivery, blob, described, is_archive=False)
        if archive is not None:
            _keep(delivery, *archive, is_archive=True)
        delivered.append(delivery)
        return delivery

    with transaction.atomic(), store.taken_back():
        milestone.deliver(by=by, write=write)
        contract_emails.delivered(delivered[0], at=delivered[0].at)
    return delivered[0]


def _keep(delivery: Delivery, blob: bytes, described: dict[str, Any], *, is_archive: bool) -> None:
    DeliveryFile.objects.create(
        delivery=delivery, is_archive=is_archive, file=store.keep("livraisons", blob), **described
    )


def waiting(milestone: Milestone) -> Delivery | None:
    """The delivery that awaits an answer."""
    return milestone.deliveries.filter(accepted=None).first()


def _decide(
    row: Milestone,
    *,
    by: User,
    at: datetime,
    checks: Checks,
    accepted: bool,
    seen: int | None = None,
    reason: str = "",
    cure_by: date | None = None,
) -> Delivery:
    """`checks`: {criterion pk: (met, comment)}; all of them when accepting, those answered when returning.

    `seen`: the number of the delivery that was on the screen; IllegalMove when another one has taken its place.
    """
    delivery = known(waiting(row))
    if seen is not None and delivery.number != seen:
        raise IllegalMove(_("Une autre livraison a été faite depuis que cette page est ouverte : relisez-la."))
    criteria = {criterion.pk: criterion for criterion in row.criteria.all()}
    for key, (met, comment) in checks.items():
        if key in criteria:
            check = CriterionCheck(delivery=delivery, criterion=criteria[key], met=met, comment=comment.strip())
            check.clean_fields(exclude={"delivery", "criterion"})
            check.save()
    if accepted and not (criteria.keys() <= checks.keys() and all(checks[key][0] for key in criteria)):
        complain("checks", _("Tous les critères doivent être respectés pour accepter la livraison."))
    delivery.accepted, delivery.decided_by, delivery.decided_at = accepted, by, at
    delivery.reason, delivery.cure_by = reason.strip(), cure_by
    delivery.save(update_fields=["accepted", "decided_by", "decided_at", "reason", "cure_by"])
    return delivery


def accept(milestone: Milestone, *, by: User, checks: Checks, seen: int | None = None) -> Delivery:
    """The buyer accepts, every criterion met; a passport is made when the code came with the delivery."""
    decided: list[Delivery] = []
    present = waiting(milestone)
    # Before the lock, since it takes seconds; and not for somebody who will be refused.
    facts = passports.examine(present) if present and milestone.can("accept", by) else None
    with transaction.atomic():
        milestone.accept(
            by=by,
            decide=lambda row, by, at: decided.append(
                _decide(row, by=by, at=at, checks=checks, accepted=True, seen=seen)
            ),
        )
        delivery = decided[0]
        at = clock.now()
        if delivery.files.filter(is_archive=True).exists():
            reuse_actions.issue(delivery, by=by, at=at, facts=facts)
        contract_emails.accepted(delivery, at=at)
    return delivery


def send_back(
    milestone: Milestone, *, by: User, checks: Checks, reason: str, cure_by: date, seen: int | None = None
) -> Delivery:
    """The buyer returns the delivery: what is missing, and by when to deliver again."""
    decided: list[Delivery] = []
    with transaction.atomic():
        milestone.send_back(
            by=by,
            reason=reason,
            cure_by=cure_by,
            decide=lambda row, by, at: decided.append(
                _decide(row, by=by, at=at, checks=checks, accepted=False, seen=seen, reason=reason, cure_by=cure_by)
            ),
        )
        contract_emails.returned(decided[0], at=clock.now())
    return decided[0]
