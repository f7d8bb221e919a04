"""Whether a vendor may answer, be retained, be paid: one function with its reasons, and the papers that prove it.

Asked at the dépôt (proposals/deposit/actions.py), at the recommendation and the confirmation of the award
(proposals/award/actions.py), at both signatures of the contract, at an amendment that raises its value and at the
payment. Acts on attestations are « sealed » in the ledger: who adds one today may well deposit today.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.dates.localtime import day, local
from marketplace.files import store, uploads
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, complain, known
from marketplace.models import User
from marketplace.money import format_cents
from vendors import rules
from vendors.models import Ineligibility, TaxAttestation, Vendor

_SUFFIXES = {kind.media_type: f".{extension}" for extension, kind in reversed(uploads.PAPERS.items())}
REASON_WORDS = 3  # of a reason to go on with an attestation that nobody verified
_WORD = re.compile(r"[^\W\d_]{2,}")
PER_DAY = 20  # attestations of one vendor: far over any need, and a bound to what they may store


@dataclass(frozen=True)
class Reason:
    """Why not. `code`: integrity, attestation or ineligible; `text`: what is missing and what to do."""

    code: str
    text: str


@dataclass(frozen=True)
class Case:
    """A vendor for an amount (cents before taxes); `integrity`: whether it made the declaration."""

    vendor: Vendor
    amount_cents: int
    integrity: bool = True


@dataclass(frozen=True)
class Standing:
    """The answer for one case. `attestation`: the valid one that counts, None when it is missing or not required."""

    vendor: Vendor
    reasons: list[Reason]
    attestation: TaxAttestation | None = None

    @property
    def unverified(self) -> bool:
        """Whether it rests on an attestation that nobody has yet looked up at Revenu Québec."""
        return self.attestation is not None and self.attestation.verified_at is None


def reasons(vendor: Vendor, *, amount_cents: int, on: date, integrity: bool) -> list[Reason]:
    """Every reason why this vendor is not eligible for this amount (cents before taxes) on a day in Québec; or none."""
    return standings([Case(vendor, amount_cents, integrity)], on=on)[0].reasons


def check(vendor: Vendor, *, amount_cents: int, on: date, integrity: bool, field: str | None = None) -> None:
    """ValidationError with every reason, at `field` (None: at the top), unless the vendor is eligible."""
    texts = [reason.text for reason in reasons(vendor, amount_cents=amount_cents, on=on, integrity=integrity)]
    if texts:
        raise ValidationError({field: texts} if field else texts)


def standings(cases: Iterable[Case], *, on: date) -> list[Standing]:
    """One answer for each case, in their order. Two queries at most, however many they are."""
    cases = list(cases)
    least = attestation_from_cents(on)
    barred: dict[int, list[Ineligibility]] = {}
    for row in Ineligibility.objects.in_force(on).filter(vendor__in=[case.vendor.pk for case in cases]).order_by("pk"):
        barred.setdefault(row.vendor_id, []).append(row)
    bound = [case.vendor.pk for case in cases if case.amount_cents >= least]
    newest: dict[int, TaxAttestation] = {}  # if one is valid, so is the last one issued
    if bound:
        rows = TaxAttestation.objects.current().filter(vendor__in=bound, issued_on__lte=on)
        newest = {row.vendor_id: row for row in rows.order_by("issued_on", "pk")}
    answers = []
    for case in cases:
        why = [] if case.integrity else [Reason("integrity", _missing_declaration())]
        paper = newest.get(case.vendor.pk)
        valid = paper if paper is not None and paper.valid_on(on) else None
        if case.amount_cents >= least and valid is None:
            why.append(Reason("attestation", _missing_attestation(paper, on, least)))
        why += [Reason("ineligible", _barred(row)) for row in barred.get(case.vendor.pk, [])]
        answers.append(Standing(case.vendor, why, valid))
    return answers


def readable(reason: str) -> None:
    """ValidationError unless somebody can read a reason in it: a few words, not a sign typed to get through."""
    if len(_WORD.findall(reason)) < REASON_WORDS:
        raise ValidationError(_("Écrivez votre motif en mots : au moins %d.") % REASON_WORDS)


def reason_kept(standing: Standing, reason: str) -> dict[str, str]:
    """What the ledger keeps of an act that goes on with this standing: nothing, unless it is `unverified`.

    Then the attestation's number and the reason; ValidationError at `unverified_reason` when there is none to read.
    """
    if not standing.unverified:
        return {}
    try:
        readable(reason)
    except ValidationError as error:
        raise ValidationError({"unverified_reason": error}) from None
    return {"attestation": known(standing.attestation).number, "unverified_reason": reason.strip()}


def attestation_from_cents(on: date) -> int:
    """From which amount, in cents before taxes, the attestation is required on a day: a dated setting."""
    return max((since, cents) for since, cents in settings.ATTESTATION_FROM_CENTS if since <= on)[1]


# --- What is told ----------------------------------------------------------------------------------------------------
def _missing_declaration() -> str:
    return _("La déclaration d’intégrité manque : une personne qui engage le prestataire doit la faire.")


def _missing_attestation(last: TaxAttestation | None, on: date, least: int) -> str:
    values = {"on": day(on), "least": format_cents(least)}
    todo = _("Le prestataire doit en ajouter une à ses documents d’admissibilité.")
    if last is None:
        text = _("Il manque une attestation de Revenu Québec valide le %(on)s : elle est exigée à partir de %(least)s.")
    else:
        text = _(
            "L’attestation de Revenu Québec n° %(number)s n’est plus valide depuis le %(ended)s, "
            "et il en faut une à partir de %(least)s."
        )
        values |= {"number": last.number, "ended": day(last.valid_through + timedelta(days=1))}
    return f"{text % values} {todo}"


def _barred(row: Ineligibility) -> str:
    values = {"source": row.get_source_display(), "since": day(row.since)}
    text = _("Le prestataire n’est pas admissible depuis le %(since)s : %(source)s.")
    if row.until:
        text = _("Le prestataire n’est pas admissible du %(since)s au %(until)s : %(source)s.")
        values["until"] = day(row.until)
    todo = _("Si c’est une erreur, il écrit à l’équipe de la plateforme avec une preuve.")
    return f"{text % values} {todo}"


# --- The papers ------------------------------------------------------------------------------------------------------
def declare(
    vendor: Vendor, *, by: User, number: str, issued_on: date, file: UploadedFile | uploads.Checked | None = None
) -> TaxAttestation:
    """Add an attestation, with a copy (a PDF, a photo) or not. PermissionDenied unless `by` commits the vendor.

    ValidationError at `number`, `issued_on` or `file`, or store.NotKept; then nothing was kept.
    """
    if isinstance(file, UploadedFile):
        file = uploads.checked(file, field="file", types=uploads.PAPERS)
    blob, facts = file or (b"", {})
    row = TaxAttestation(number=number, issued_on=issued_on, added_by=by)
    with transaction.atomic(), store.taken_back():
        row.vendor = _bound(vendor, by)
        row.at = clock.now()
        _plausible(row, on=local(row.at).date())
        if facts:
            row.sha256, row.scanned = facts["sha256"], facts["scanned"]
            row.file = store.keep("attestations", blob, _SUFFIXES[facts["content_type"]])
        row.save(force_insert=True)
        _record("attestation.add", row, by=by, at=row.at, sha256=row.sha256)
    return row


def _plausible(row: TaxAttestation, *, on: date) -> None:
    if row.issued_on > on:
        complain("issued_on", _("Cette date est à venir : inscrivez celle que porte l’attestation."))
    if row.valid_through < on:
        complain(
            "issued_on", _("Cette attestation n’est plus valide : elle l’était jusqu’au %s.") % day(row.valid_through)
        )
    others = row.vendor.attestations
    if others.current().filter(number=row.number).exists():
        complain("number", _("Cette attestation est déjà dans la liste."))
    if others.filter(at__gt=row.at - timedelta(days=1)).count() >= PER_DAY:
        complain("number", _("Pas plus de %d attestations par jour.") % PER_DAY)


def withdraw(attestation: TaxAttestation, *, by: User) -> None:
    """Take back one that was typed wrong: it counts no more. IllegalMove when that was already done."""
    with transaction.atomic():
        _bound(attestation.vendor, by)
        at = clock.now()
        if not TaxAttestation.objects.current().filter(pk=attestation.pk).update(withdrawn_at=at):
            raise IllegalMove(_("Cette attestation est déjà retirée."))
        _record("attestation.withdraw", attestation, by=by, at=at)


def verify(vendor: Vendor, *, shown: str, by: User, at: datetime, subject: str) -> None:
    """Revenu Québec confirmed this number and date to `by`; the caller has judged who may say so.

    shown: the public identifier that was on the screen; IllegalMove when it is not the vendor's, was withdrawn or
    verified since. subject: how the ledger names what it was verified for.
    """
    waiting = vendor.attestations.current().filter(verified_at=None).select_for_update()
    paper = next((row for row in waiting if str(row.public_id) == shown), None)
    if paper is None:
        raise IllegalMove(_("Cette attestation a changé depuis que cette page est ouverte : relisez-la."))
    if paper.added_by_id == by.pk:
        raise PermissionDenied(_("Une autre personne que celle qui l’a ajoutée doit la vérifier."))
    paper.verified_by, paper.verified_at = by, at
    paper.save(update_fields=["verified_by", "verified_at"])
    ledger.record("attestation.verify", subject, by=by, at=at, sealed=True, number=paper.number)


def _bound(vendor: Vendor, by: User) -> Vendor:
    """The vendor under its lock, for somebody who commits it."""
    row = Vendor.objects.select_for_update().get(pk=vendor.pk)
    if not rules.may_add_papers(row, by):
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire changent ses documents."))
    return row


def _record(action: str, row: TaxAttestation, *, by: User, at: datetime, **body: Any) -> None:
    issued = row.issued_on.isoformat()
    subject = f"vendor:{row.vendor.public_id}"
    ledger.record(action, subject, by=by, at=at, sealed=True, number=row.number, issued_on=issued, **body)
