"""Issuing the passport of an accepted delivery; saying publicly that one's body reuses code, or does no more."""

import hashlib
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from contracts import rules
from contracts.code import contents, licences
from contracts.code.sentences import plain
from contracts.enums import CONCLUDED
from contracts.models import Contract, Delivery, Passport, Reuse
from contracts.reuse import passports
from contracts.reuse.passports import ArchiveFacts
from marketplace.accounts.person import User, Visitor
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, locked
from marketplace.search import index_text
from opportunities.models import PublicBody


# --- Issuing ---------------------------------------------------------------------------------------------------------
def issue(delivery: Delivery, *, by: User, at: datetime, facts: ArchiveFacts | None = None) -> Passport:
    """Make and sign the passport of an accepted delivery; it takes the place of the contract's former one.

    Part of the acceptance (contracts/deliveries/actions.py), under the contract's lock. `facts`: what
    `passports.examine` read before the lock; it is read again when it was another delivery's.
    """
    file = delivery.files.get(is_archive=True)
    if facts is None or facts.file_id != file.pk:
        facts = passports.read(file)
    contract = delivery.contract
    occasion = contract.opportunity
    demanded = contract.licence not in licences.UNDEMANDING
    passport = Passport(
        contract=contract,
        delivery=delivery,
        at=at,
        swhid=facts.swhid,
        commit=facts.commit or contents.commit_of(delivery.reference) or "",
        repository=delivery.repository or contract.repository,
        licence=contract.licence if demanded else passports.UNSTATED,
        open_licence=demanded and facts.agrees is True and licences.is_open(contract.licence),
        archive_sha256=file.sha256,
        publiccode=facts.publiccode,
        publiccode_problems=facts.problems,
        sbom_format=f"{facts.bill.format} {facts.bill.version}"[:20] if facts.bill else "",
        sbom_sha256=facts.bill.sha256 if facts.bill else "",
        sbom_components=facts.bill.components if facts.bill else 0,
        name=(facts.described[0] or occasion.title)[:200],
        summary=(facts.described[1] or occasion.teaser)[:1_000],
    )
    passport.search_text = _words(passport)
    former = contract.passports.filter(superseded_at=None).first()
    if former and former.open_licence and not passport.open_licence:
        passport.superseded_at, former = at, None  # what anybody may take up stays in the catalogue
    passport.document = passports.signed(passport, facts, former)
    if former:
        former.superseded_at = at
        former.save(update_fields=["superseded_at"])
    passport.save(force_insert=True)
    recorded = ("swhid", "archive_sha256", "commit", "licence", "open_licence", "sbom_sha256", "supersedes")
    ledger.record(
        "passport.issue", contract.ledger_subject(), by=by, at=at, passport=str(passport.public_id),
        document_sha256=hashlib.sha256(ledger.canonical(passport.document)).hexdigest(),
        **{name: passport.document[name] for name in recorded},
    )  # fmt: skip
    return passport


def _words(passport: Passport) -> str:
    occasion, body = passport.contract.opportunity, passport.contract.body
    skills = " ".join(skill.name for skill in occasion.skills.all())
    return index_text(
        passport.name, passport.summary, occasion.title, occasion.teaser, skills, body.name, body.acronym,
        passport.licence, passport.contract.number,
    )  # fmt: skip


# --- « Nous réutilisons » --------------------------------------------------------------------------------------------
def bodies_for(contract: Contract, user: Visitor) -> list[PublicBody]:
    """The person's bodies that may say that they reuse it: not the one that paid, not one that said so already."""
    if not user.is_authenticated or not user.is_active:
        return []
    rows = PublicBody.objects.filter(memberships__user=user, active=True).exclude(pk=contract.body.pk)
    return list(rows.exclude(reuses__in=contract.reuses.filter(ended_at=None)).distinct().order_by("sort_key", "pk"))


def declare_reuse(contract: Contract, *, body: PublicBody, by: User, note: str = "") -> Reuse:
    """A person of `body` says publicly that it took this code up.

    PermissionDenied for somebody else or for the body that paid; IllegalMove when nothing is catalogued, or twice.
    """
    with transaction.atomic():
        row = locked(contract)
        if not rules.can_reuse(body, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if body.pk == row.body.pk:
            raise PermissionDenied(_("L’organisme qui a payé ce code ne le déclare pas comme une réutilisation."))
        if row.state not in CONCLUDED or not row.passports.catalogued().exists():
            raise IllegalMove(_("Ce code n’est pas au catalogue."))
        if row.reuses.filter(body=body, ended_at=None).exists():
            raise IllegalMove(_("Votre organisme a déjà déclaré cette réutilisation."))
        at = clock.now()
        reuse = Reuse(contract=row, body=body, by=by, at=at, note=plain(note))
        reuse.clean_fields(exclude={"contract", "body", "by"})
        reuse.save(force_insert=True)
        ledger.record(
            "reuse.declare", row.ledger_subject(), by=by, at=at, body=body.pk, name=body.name, note=reuse.note
        )
    return reuse


def end_reuse(reuse: Reuse, *, by: User) -> None:
    """A person of the body says that it does not reuse it any more; the former declaration stays in the ledger."""
    with transaction.atomic():
        contract = locked(reuse.contract)
        if not rules.can_reuse(reuse.body, by):
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        row = Reuse.objects.select_for_update(of=("self",)).get(pk=reuse.pk)
        if row.ended_at is not None:
            raise IllegalMove(_("Cette réutilisation est déjà retirée."))
        row.ended_at = clock.now()
        row.save(update_fields=["ended_at"])
        ledger.record(
            "reuse.end", contract.ledger_subject(), by=by, at=row.ended_at, body=reuse.body.pk, name=reuse.body.name
        )
    reuse.__dict__.update(row.__dict__)
