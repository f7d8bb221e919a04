"""The dépôt: a proposal's draft is checked, sealed, proved openable, written and answered with a signed receipt.

Everything happens inside the move `proposal.submit`, under the occasion's lock, at one instant of the database's clock:
a submission is either complete and receipted, or it never happened and the previous one still counts.
"""

import secrets
import uuid

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace import keys, uploads
from marketplace.dates.localtime import local
from marketplace.ledger.entries import canonical, instant
from marketplace.lifecycle import complain, locked
from marketplace.models import Terms, TermsAcceptance
from marketplace.money import format_cents
from proposals import emails as proposal_emails
from proposals.deposit import sealing
from proposals.drafts import actions as draft_actions
from proposals.models import Proposal, SealedEnvelope, SealKey, Submission
from vendors.eligibility import actions as eligibility

TEXT_MAX = 10_000
RECEIPT_TYPE = "dan-receipt/1"
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U: read aloud without mistakes


def complete(proposal, content: dict) -> None:
    """ValidationError naming each field that keeps a draft from being deposited."""
    problems = {}
    text = content.get("text", "")
    if not text.strip():
        problems["text"] = _("Ce champ est obligatoire.")
    for field in ("text", "comments"):
        if len(content.get(field, "")) > TEXT_MAX:
            problems[field] = _("Ce texte dépasse 10 000 caractères.")
        if "\x00" in content.get(field, ""):  # PostgreSQL cannot hold it: it would stop the opening, for everyone
            problems[field] = _("Ce texte contient un caractère interdit.")
    opportunity = proposal.opportunity
    price = content.get("price_cents")
    if opportunity.asks_price:
        if not isinstance(price, int) or price <= 0:
            problems["price"] = _("Indiquez votre prix, avant taxes.")
        elif price > opportunity.budget_cents:
            problems["price"] = _("Le prix dépasse le montant maximal de %s.") % format_cents(opportunity.budget_cents)
    if problems:
        raise ValidationError(problems)


def amount_cents(opportunity, content: dict) -> int | None:
    """What the proposal is for, before taxes: its price, or the budget where the occasion fixes it. None: not typed."""
    return content.get("price_cents") if opportunity.asks_price else opportunity.budget_cents


class _Already(Exception):
    """The other half of a double click won the lock: its submission answers both, and this half leaves no trace."""

    def __init__(self, submission: Submission):
        self.submission = submission


def deposit(proposal: Proposal, *, by, idempotency_key: uuid.UUID, integrity: bool, accept_terms: bool) -> Submission:
    """Submit or replace. The same `idempotency_key` again answers the receipt already given (double click).

    Raises ValidationError, PermissionDenied or IllegalMove; then nothing has changed and the previous dépôt stands.
    """
    made: list[Submission] = []

    def seal(row: Proposal, *, by, at) -> Submission:
        made.append(_seal(row, by, at, idempotency_key, integrity, accept_terms, written))
        # Before the door writes the ledger: its lock is everybody's, and rendering a message takes longer than writing.
        proposal_emails.submitted(row, made[0], at=at)
        return made[0]

    with uploads.taken_back() as written, transaction.atomic():
        # Under the lock: the other half of a double click finds what the first half wrote, and moves nothing.
        done = locked(proposal).submissions.filter(idempotency_key=idempotency_key).first()
        if done is not None:
            return done
        proposal.submit(by=by, deposit=seal)
    return made[0]


def _seal(row, by, at, idempotency_key, integrity, accept_terms, written) -> Submission:
    again = row.submissions.filter(idempotency_key=idempotency_key).first()
    if again is not None:
        raise _Already(again)
    if not integrity:
        complain("integrity", _("La déclaration d’intégrité est obligatoire."))
    terms = Terms.objects.in_force(Terms.Kind.PROPOSAL, at=at)
    if not accept_terms:
        complain("accept_terms", _("Acceptez les conditions de dépôt."))
    content = draft_actions.read(row)
    complete(row, content)
    amount = amount_cents(row.opportunity, content)
    eligibility.check(row.vendor, amount_cents=amount, on=local(at).date(), integrity=integrity)
    TermsAcceptance.objects.get_or_create(user=by, terms=terms, defaults={"at": at})

    version = row.submissions.count() + 1
    previous = row.submissions.order_by("version").last()
    about = f"{row.opportunity.number}/{row.public_id}/{version}"
    content = {
        **content,
        "price_cents": amount,
        "proponent": proponent(row.vendor),
        "integrity_declaration": {"by": by.name, "at": instant(at)},
        "terms_version": terms.version,
    }
    files = {item["id"]: draft_actions.read_file(row, item) for item in content.get("files", [])}
    key = seal_key(row.opportunity)
    sealed = sealing.seal(content, files, public_key=bytes(key.public_key), about=about)
    _prove(sealed, content, files, key, row.opportunity.number, about)
    submission = Submission(
        proposal=row,
        version=version,
        receipt_number=new_number(),
        received_at=at,
        closes_at=row.opportunity.closes_at,
        envelope_sha256=sealed.digest,
        previous_sha256=previous.envelope_sha256 if previous else "",
        submitted_by=by,
        terms=terms,
        idempotency_key=idempotency_key,
    )
    submission.receipt = receipt(submission, row)
    submission.save(force_insert=True)
    SealedEnvelope.objects.create(submission=submission, content=sealed.envelope)
    for name, box in sealed.files.items():
        written.append(default_storage.save(sealing.sealed_path(name, version), ContentFile(box)))
    return submission


def _prove(sealed, content, files, key, occasion, about) -> None:
    """Before answering « déposée »: open what was just sealed, as the opening will, and compare."""
    reread, data_key = sealing.unseal(
        sealed.envelope,
        digest=sealed.digest,
        wrapped_private=bytes(key.wrapped_private_key),
        occasion=occasion,
        about=about,
    )
    same = canonical(reread) == canonical(content) and all(
        sealing.open_file(box, data_key=data_key, envelope=sealed.envelope, about=about, name=name) == files[name]
        for name, box in sealed.files.items()
    )
    if not same:
        raise sealing.CannotOpen("The envelope just sealed does not open.")


def seal_key(opportunity) -> SealKey:
    """The occasion's pair, made at its first dépôt, under the occasion's lock."""
    key = SealKey.objects.filter(opportunity=opportunity).first()
    if key is None:
        public_key, wrapped = sealing.new_pair(opportunity.number)
        key = SealKey.objects.create(opportunity=opportunity, public_key=public_key, wrapped_private_key=wrapped)
    return key


def proponent(vendor) -> dict:
    """Who proposes, as known at the instant of the dépôt: the vendor's page may change later, this does not."""
    fields = ("legal_name", "neq", "street", "street2", "city", "province", "postal_code", "country", "email", "phone")
    return {"kind": vendor.kind} | {field: getattr(vendor, field) for field in fields}


def new_number() -> str:
    """AD-7K3F-9Q2M-V5TB."""
    return "AD-" + "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


def receipt(submission: Submission, proposal: Proposal) -> dict:
    """The accusé de dépôt: canonical JSON signed with Ed25519 (RFC 8032), checked offline by tools/verify.py."""
    body = {
        "type": RECEIPT_TYPE,
        "number": submission.receipt_number,
        "occasion": proposal.opportunity.number,
        "proposal": str(proposal.public_id),
        "proponent": proposal.vendor.legal_name,
        "version": submission.version,
        "received_at": instant(submission.received_at),
        "closes_at": instant(submission.closes_at),
        "envelope_sha256": submission.envelope_sha256,
        "previous_sha256": submission.previous_sha256,
        "key": keys.key_id(),
    }
    return body | {"signature": keys.sign(canonical(body))}


def withdraw(proposal: Proposal, *, by) -> None:
    """Take a proposal back before closing: its sealed content is destroyed, its digests stay."""
    with transaction.atomic():
        locked(proposal)  # before listing what to destroy: a replacement may be on its way
        last = proposal.submissions.order_by("version").last()
        paths = [
            sealing.sealed_path(name, envelope.submission.version)
            for envelope in SealedEnvelope.objects.filter(submission__proposal=proposal).select_related("submission")
            for name in sealing.file_names(bytes(envelope.content))
        ]
        proposal.withdraw(by=by)
        proposal_emails.withdrawn(proposal, last, by=by, at=proposal.updated_at)
        transaction.on_commit(lambda: [default_storage.delete(path) for path in paths])
