"""The accusé de dépôt (dan-receipt/1): canonical JSON signed with Ed25519 (RFC 8032).

Anybody checks it: on /verifier/, or offline with tools/verify.py.
"""

import base64
import secrets
from typing import Any

from cryptography.exceptions import InvalidSignature

from marketplace import keys
from marketplace.ledger.entries import canonical, instant
from proposals.models import Proposal, Submission

_TYPE = "dan-receipt/1"
_TEXTS = (
    *("number", "occasion", "proposal", "proponent", "received_at", "closes_at"),
    *("envelope_sha256", "key", "signature"),
)
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U: read aloud without mistakes


def new_number() -> str:
    """AD-7K3F-9Q2M-V5TB."""
    return "AD-" + "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


def signed(submission: Submission, proposal: Proposal) -> dict[str, Any]:
    """Of a dépôt about to be written; instants in UTC."""
    body = {
        "type": _TYPE,
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


def check(receipt: dict[str, Any]) -> str:
    """ "valid", "altered" (signature that does not hold), "other_key", or "malformed"."""
    if receipt.get("type") != _TYPE or not all(isinstance(receipt.get(name), str) for name in _TEXTS):
        return "malformed"
    if receipt["key"] != keys.key_id():
        return "other_key"
    body = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        signature = base64.b64decode(receipt["signature"], validate=True)
        keys.signing().public_key().verify(signature, canonical(body))
    except (InvalidSignature, ValueError):
        return "altered"
    return "valid"
