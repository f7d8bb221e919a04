"""Offering and signing: both parties sign one text, recognised again at the act; the body's signature concludes."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from contracts import documents
from contracts import emails as contract_emails
from contracts.attestation import actions as attestation_actions
from contracts.enums import DocumentKind, Party
from contracts.models import Contract, Signature
from contracts.publication import actions as publication_actions
from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import complain
from marketplace.models import User


def offer(contract: Contract, *, by: User) -> None:
    """Freeze the text, make its PDF and ask the vendor to sign it."""
    with transaction.atomic():
        clauses = documents.clauses_for(contract)

        def document(row: Contract, at: datetime) -> str:
            with override(documents.FRENCH):
                data = documents.contract_data(row, clauses=clauses)
            return documents.keep(row, DocumentKind.OFFERED, "contract", data, at=at).sha256

        contract.offer(by=by, clauses=clauses, document=document)
        contract_emails.offered(contract, at=contract.updated_at)


def refuse_terms(contract: Contract, *, by: User, reason: str) -> None:
    """The vendor asks for changes: the body takes the contract up again."""
    with transaction.atomic():
        contract.refuse_terms(by=by, reason=reason)
        contract_emails.terms_refused(contract, at=contract.updated_at)


def withdraw_offer(contract: Contract, *, by: User, reason: str) -> None:
    """The body takes back a contract that is not concluded."""
    with transaction.atomic():
        contract.withdraw_offer(by=by, reason=reason)
        contract_emails.offer_withdrawn(contract, at=contract.updated_at)


def _same_text(contract: Contract, text_sha256: str) -> None:
    if text_sha256 != contract.text_sha256:
        complain(None, _("Le contrat a changé depuis que vous l’avez lu : relisez-le avant de signer."))


def sign_as_vendor(contract: Contract, *, by: User, text_sha256: str, title: str, method: str, integrity: bool) -> None:
    """The vendor signs, and declares its integrity again. `method`: what confirm_person answers."""

    def signature(row: Contract, *, by: User, at: datetime) -> Signature:
        _same_text(row, text_sha256)
        if not integrity:
            complain("integrity", _("La déclaration d’intégrité est obligatoire."))
        if not title.strip():
            complain("title", _("Inscrivez votre fonction."))
        return _write(row, Party.VENDOR, by=by, at=at, title=title.strip(), method=method, integrity=True)

    with transaction.atomic():
        contract.sign_as_vendor(by=by, signature=signature)
        contract_emails.vendor_signed(contract, at=contract.updated_at)


def sign(contract: Contract, *, by: User, text_sha256: str, method: str, unverified_reason: str = "") -> None:
    """The body's signatory concludes the contract: the signed PDF is kept, its publication at the SEAO falls due.

    unverified_reason: why it goes on although nobody verified the vendor's attestation, when that is so.
    """

    def signature(row: Contract, *, by: User, at: datetime) -> Signature:
        _same_text(row, text_sha256)
        title = row.body.signatories.get(user=by, ended_at=None).title
        signed = _write(row, Party.BODY, by=by, at=at, title=title, method=method, integrity=False)
        with override(documents.FRENCH):
            signatures = row.signatures.filter(void_at=None)
            data = documents.contract_data(row, clauses=row.clauses, signatures=signatures)
        documents.keep(row, DocumentKind.SIGNED, "contract", data, at=at)
        return signed

    with transaction.atomic():
        contract.sign(
            by=by,
            signature=signature,
            justified=lambda row, at: attestation_actions.reason_kept(row, unverified_reason, at=at),
        )
        at = clock.now()
        publication_actions.concluded(contract, at=at)
        contract_emails.concluded(contract, at=at)


def _write(
    contract: Contract, party: str, *, by: User, at: datetime, title: str, method: str, integrity: bool
) -> Signature:
    signature = Signature(
        contract=contract, party=party, by=by, name=by.name, title=title, at=at, text_sha256=contract.text_sha256,
        method=method, integrity=integrity,
    )  # fmt: skip
    signature.clean_fields(exclude={"contract", "by"})
    signature.save()
    return signature


# --- The attestation -------------------------------------------------------------------------------------------------
ATTESTATION_TYPE = "dan-contract/1"


def attestation(contract: Contract) -> dict:
    """Who signed which text of a concluded contract, signed by the platform: what tools/verify.py reads.

    `value_cents`: as both parties signed it, before taxes; amendments have their own documents.
    """
    document = contract.documents.get(kind=DocumentKind.SIGNED)
    bare = {
        "type": ATTESTATION_TYPE,
        "contract": contract.number,
        "text_sha256": contract.text_sha256,
        "signed_sha256": document.sha256,
        "signatures": [
            {
                "party": str(row.party),
                "name": row.name,
                "title": row.title,
                "at": ledger.instant(row.at),
                "method": row.method,
            }
            for row in contract.signatures.filter(void_at=None)
        ],
        "value_cents": contract.amount_cents,
        "key": keys.key_id(),
    }
    return bare | {"signature": keys.sign(ledger.canonical(bare))}
