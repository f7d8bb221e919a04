"""The dépôt: a proposal's draft is checked, sealed, proved openable, written and answered with a signed receipt.

Everything happens in one transaction, the proposal locked and its occasion held (nobody opens, moves or cancels it
meanwhile; others deposit), at one instant of the database's clock: a submission is either complete and receipted, or it
never happened and the previous one still counts.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace import boxes, lifecycle
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.files import quarantine, store
from marketplace.ledger.entries import canonical
from marketplace.lifecycle import complain, locked
from marketplace.models import Terms, TermsAcceptance, User
from marketplace.money import format_cents
from opportunities.models import Opportunity
from proposals import emails as proposal_emails
from proposals.deposit import declarations, overlap, receipt, sealing
from proposals.drafts import actions as draft_actions
from proposals.enums import Lobbying, State
from proposals.models import Proposal, SealedEnvelope, SealedFile, SealKey, Submission
from vendors.eligibility import actions as eligibility
from vendors.models import Vendor

TEXT_MAX = 10_000


@dataclass(frozen=True)
class Shown:
    """What the page that was posted showed: the draft (its `stamp`), and the version of the terms, as text."""

    stamp: str
    terms: str


def already(proposal: Proposal, key: UUID | str) -> Submission | None:
    """The dépôt that was made with this idempotency key: what the second half of a double click is answered."""
    try:
        return proposal.submissions.filter(idempotency_key=UUID(str(key))).first()
    except ValueError:
        return None


def deposit(
    proposal: Proposal,
    *,
    by: User,
    idempotency_key: UUID,
    integrity: bool,
    no_collusion: bool,
    lobbying: str,
    accept_terms: bool,
    common_person: bool = False,
    shown: Shown | None = None,
) -> Submission:
    """Submit or replace. The same `idempotency_key` again answers the receipt already given (double click).

    integrity, no_collusion, lobbying (a value of `Lobbying`): what `by` declares for the vendor, sealed with it.
    common_person: declared, where `by` is behind another vendor's answer too (overlap.py).
    shown: ValidationError when the draft, or the terms, are not those any more; None: there was no page.
    Raises ValidationError (store.NotKept among them), store.Unreadable, PermissionDenied or IllegalMove; then nothing
    has changed and the previous dépôt stands.
    """
    if already(proposal, idempotency_key) is None:
        draft_actions.scan(proposal)
    with transaction.atomic(), store.taken_back():
        row = locked(proposal)
        # Under the lock: the other half of a double click finds what the first half wrote, and moves nothing.
        earlier = already(row, idempotency_key)
        if earlier is not None:
            return earlier
        if shown is not None and shown.stamp != draft_actions.stamp(row):
            complain(
                None,
                _("Le brouillon a changé depuis l’affichage de cette page : vérifiez-le, puis déposez de nouveau."),
            )
        at = clock.now()
        terms = Terms.objects.in_force(Terms.Kind.PROPOSAL, at=at)
        if shown is not None and shown.terms != str(terms.version):
            complain("accept_terms", _("Les conditions de dépôt ont changé : lisez-les, puis acceptez-les."))
        lifecycle.check(row, "submit", by=by, at=at)
        if not integrity:
            complain("integrity", _("La déclaration d’intégrité est obligatoire."))
        if not no_collusion:
            complain("no_collusion", _("L’attestation relative à la probité est obligatoire."))
        if lobbying not in Lobbying:
            complain("lobbying", _("Dites si des activités de lobbyisme ont été exercées."))
        if not accept_terms:
            complain("accept_terms", _("Acceptez les conditions de dépôt."))
        # One person's dépôts wait for each other: of two at once, the second sees the first, and declares it.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        behind = overlap.others(row, by)
        if behind and not common_person:
            complain("common_person", overlap.MISSING)
        content = draft_actions.read(row)
        amount = _complete(row.opportunity, content)
        eligibility.check(row.vendor, amount_cents=amount, on=local(at).date(), integrity=integrity)
        TermsAcceptance.objects.get_or_create(user=by, terms=terms, defaults={"at": at})
        content |= {"files": draft_actions.sealed_items(row, content["files"])} if content.get("files") else {}
        content |= {
            "price_cents": amount,
            "proponent": proponent(row.vendor),
            **declarations.declared(by=by.name, at=at, lobbying=lobbying),
            "terms_version": terms.version,
        }
        content |= overlap.declaration(behind, by=by, at=at) if behind else {}
        previous = row.submissions.order_by("version").last()
        version = previous.version + 1 if previous else 1
        sealed = _sealed(row, content, f"{row.opportunity.number}/{row.public_id}/{version}")
        submission = Submission(
            proposal=row,
            version=version,
            receipt_number=receipt.new_number(),
            received_at=at,
            closes_at=row.opportunity.closing,
            envelope_sha256=sealed.digest,
            previous_sha256=previous.envelope_sha256 if previous else "",
            submitted_by=by,
            terms=terms,
            idempotency_key=idempotency_key,
        )
        submission.receipt = receipt.signed(submission, row)
        submission.save(force_insert=True)
        SealedEnvelope.objects.create(submission=submission, content=sealed.envelope)
        unseen = {item["id"] for item in content.get("files", []) if not item["scanned"]}
        for name, box in sealed.files.items():
            stored = store.keep("sealed", box)
            SealedFile.objects.create(submission=submission, file_id=name, file=stored)
            if name in unseen:
                quarantine.wait(stored)
        # Before the move writes the ledger: its lock is everybody's, and rendering a message takes longer than writing.
        proposal_emails.submitted(row, submission, replaces=row.state == State.SUBMITTED, at=at)
        row.submit(by=by, at=at, submission=submission)
    proposal.__dict__.update(row.__dict__)
    return submission


def problems_of(opportunity: Opportunity, content: dict[str, Any]) -> dict[str, str]:
    """What keeps a draft from being deposited, by field."""
    problems = {}
    if not content.get("text", "").strip():
        problems["text"] = _("Écrivez votre proposition.")
    for field in ("text", "comments"):
        if len(content.get(field, "")) > TEXT_MAX:
            problems[field] = _("Ce texte dépasse 10 000 caractères.")
        if "\x00" in content.get(field, ""):  # PostgreSQL cannot hold it: it would stop the opening, for everyone
            problems[field] = _("Ce texte contient un caractère interdit.")
    price = content.get("price_cents")
    if opportunity.asks_price:
        if not isinstance(price, int) or price <= 0:
            problems["price"] = _("Indiquez votre prix, avant taxes.")
        elif price > opportunity.budget:
            problems["price"] = _("Le prix dépasse le montant maximal de %s.") % format_cents(opportunity.budget)
    return problems


def amount_cents(opportunity: Opportunity, content: dict[str, Any]) -> int | None:
    """What the proposal is for, before taxes: its price, or the budget where the occasion fixes it. None: not typed."""
    return content.get("price_cents") if opportunity.asks_price else opportunity.budget_cents


def _complete(opportunity: Opportunity, content: dict[str, Any]) -> int:
    """The amount of a draft from which nothing is missing; ValidationError naming each field otherwise."""
    problems, amount = problems_of(opportunity, content), amount_cents(opportunity, content)
    if problems or amount is None:
        raise ValidationError(problems)
    return amount


def _sealed(proposal: Proposal, content: dict[str, Any], about: str) -> sealing.Sealed:
    """The content and the draft's files, sealed until the opening.

    Before answering « déposée »: what was just sealed is opened, as the opening will, and compared.
    """
    key, occasion = seal_key(proposal.opportunity), proposal.opportunity.number
    try:
        files = draft_actions.read_files(proposal, content.get("files", []))
    except (store.Missing, store.Altered):
        complain(
            None, _("Un fichier du brouillon n’est plus dans le stockage : retirez-le, puis joignez-le de nouveau.")
        )
    sealed = sealing.seal(content, files, public_key=bytes(key.public_key), about=about)
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
        raise boxes.CannotOpen("The envelope just sealed does not open.")
    return sealed


def seal_key(opportunity: Opportunity) -> SealKey:
    """The occasion's pair, made at its first dépôt; another one of the same instant waits for it, and shares it."""
    key = SealKey.objects.filter(opportunity=opportunity).first()
    if key is None:
        public_key, wrapped = sealing.new_pair(opportunity.number)
        pair = {"public_key": public_key, "wrapped_private_key": wrapped}
        key, _made = SealKey.objects.get_or_create(opportunity=opportunity, defaults=pair)
    return key


def proponent(vendor: Vendor) -> dict[str, str]:
    """Who proposes, as known at the instant of the dépôt: the vendor's page may change later, this does not."""
    fields = ("legal_name", "neq", "street", "street2", "city", "province", "postal_code", "country", "email", "phone")
    return {"kind": vendor.kind} | {field: getattr(vendor, field) for field in fields}


def withdraw(proposal: Proposal, *, by: User) -> None:
    """Take a proposal back before closing: its sealed content is destroyed, its digests stay."""
    with transaction.atomic():
        locked(proposal)  # before listing what to destroy: a replacement may be on its way
        last = proposal.submissions.order_by("version").last()
        # Asked before the messages: one that cannot be queued after the commit must not keep the files from going.
        for name in SealedFile.objects.filter(submission__proposal=proposal).values_list("file", flat=True):
            store.destroy_after_commit(name)
        proposal.withdraw(by=by)
        proposal_emails.withdrawn(proposal, lifecycle.known(last), by=by, at=proposal.updated_at)
