"""What the ledger commits to of a proposal's notes, and the file by which anybody entitled to them computes it again.

`dan-notes/1`: `sha256` is SHA-256(salt ‖ canonical(notes)). `notes` names the occasion, the proposal, each criterion
with its weight, its value and who gave it, the exact total, and the digest of the comments, salted apart: so that the
public recomputes the winner's total without its comments, and each vendor its own with them. Both salts are random and
stay in the database until then: nobody can try values until one gives the digest.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Max

from marketplace.ledger import checkpoints
from marketplace.ledger.entries import LedgerEntry, LedgerPayload, canonical
from marketplace.models import User
from opportunities.models import Criterion, Opportunity
from proposals.enums import State
from proposals.models import NotesSeal, NotesVersion, Proposal, Score

TYPE = "dan-notes/1"
TOLD = ("id", "label", "weight", "value", "by")  # of a criterion's note; its comment has a digest of its own
SEALING = ("opportunity.unveil_prices", "opportunity.recommend", "notereexamination.accept")


def person(user: User) -> str:
    """As the ledger names people."""
    return f"person:{user.public_id}"


def line(criterion: Criterion, value: Decimal, comment: str, by: str) -> dict[str, Any]:
    """One criterion's note, as a version holds it."""
    return {
        "id": criterion.pk,
        "label": criterion.label,
        "weight": criterion.weight,
        "value": f"{value:.2f}",
        "comment": comment,
        "by": by,
    }


def lines_of(proposal: Proposal) -> list[dict[str, Any]]:
    """The notes of a proposal as they are, in the grid's order."""
    rows = Score.objects.filter(proposal=proposal).select_related("criterion", "by")
    return [
        line(row.criterion, row.value, row.comment, person(row.by))
        for row in rows.order_by("criterion__position", "criterion")
    ]


def total(lines: Iterable[dict[str, Any]]) -> str:
    """Σ value × weight / 100, exact: at most four decimals, « 86.5 »."""
    exact = sum((Decimal(one["value"]) * one["weight"] for one in lines), Decimal(0)) / 100
    return f"{exact.normalize():f}" if exact else "0"


def last(proposal: Proposal) -> NotesVersion | None:
    return NotesVersion.objects.filter(proposal=proposal).select_related("by").order_by("-number").first()


# --- Digests ---------------------------------------------------------------------------------------------------------
def document(version: NotesVersion, comments_salt: str) -> dict[str, Any]:
    """What is hashed."""
    return {
        "occasion": version.proposal.opportunity.number,
        "proposal": str(version.proposal.public_id),
        "version": version.number,
        "criteria": [{name: one[name] for name in TOLD} for one in version.criteria],
        "total": total(version.criteria),
        "comments_sha256": digest(comments_salt, comments_of(version)),
    }


def comments_of(version: NotesVersion) -> list[dict[str, Any]]:
    return [{"id": one["id"], "comment": one["comment"]} for one in version.criteria]


def digest(salt: str, content: dict[str, Any] | list[Any]) -> str:
    return hashlib.sha256(salt.encode() + canonical(content)).hexdigest()


def seal(version: NotesVersion, *, at: datetime) -> NotesSeal:
    """Write the digest of one version; its act puts it in the ledger."""
    salt, comments_salt = secrets.token_hex(32), secrets.token_hex(32)
    sha256 = digest(salt, document(version, comments_salt))
    return NotesSeal.objects.create(version=version, salt=salt, comments_salt=comments_salt, sha256=sha256, at=at)


def seal_all(opportunity: Opportunity, *, at: datetime) -> list[dict[str, str]]:
    """Seal the notes of each scored proposal that has none for them yet; what the ledger is to hold, by proposal."""
    scored = Proposal.objects.filter(opportunity=opportunity, state=State.SCORED)
    latest = scored.annotate(latest=Max("notes_versions__number")).values_list("pk", "latest")
    wanted = dict(latest)
    versions = NotesVersion.objects.filter(proposal__in=wanted, seal=None).select_related("proposal__opportunity")
    seals = [
        seal(version, at=at)
        for version in versions.order_by("proposal", "number")
        if version.number == wanted[version.proposal_id]
    ]
    return [{"proposal": str(one.version.proposal.public_id), "sha256": one.sha256} for one in seals]


# --- The file --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Sealed:
    """A version of notes with its digest; `entry`: the payload of the ledger's entry that holds it, None if erased."""

    seal: NotesSeal
    entry: LedgerPayload | None

    def shown(self) -> dict[str, Any]:
        """For proposals/_notes_proof.html: the digest, and the public proof of the entry that holds it, once signed."""
        entry = self.entry.entry if self.entry else None
        proved = entry is not None and checkpoints.covering(entry.seq) is not None
        version = self.seal.version
        return {
            "sha256": self.seal.sha256,
            "hash": entry.hash if entry else "",
            "proved": proved,
            "at": self.seal.at,
            "version": version.number,
            "reexamined": version.reexamination_id is not None,
        }

    def file(self, *, comments: bool) -> dict[str, Any]:
        """`dan-notes/1`, as `tools/verify.py notes` reads it; `comments`: for the vendor that they concern."""
        version = self.seal.version
        content: dict[str, Any] = {
            "type": TYPE,
            "notes": document(version, self.seal.comments_salt),
            "salt": self.seal.salt,
            "sha256": self.seal.sha256,
        }
        if comments:
            content |= {"comments": comments_of(version), "comments_salt": self.seal.comments_salt}
        if self.entry is not None:
            about = {"hash": self.entry.entry.hash, "salt": self.entry.salt, "body": self.entry.body}
            content["entry"] = about
        return content


def freezing(opportunity: Opportunity) -> dict[str, Any] | None:
    """The entry of the ledger by which notes were frozen, for the body's people; None before, or without digests."""
    if opportunity.notes_frozen_at is None:
        return None
    acts = LedgerEntry.objects.filter(subject=opportunity.ledger_subject(), at=opportunity.notes_frozen_at)
    entry = acts.filter(action__in=SEALING).order_by("seq").first()
    if entry is None:
        return None
    return {"hash": entry.hash, "at": entry.at, "proved": checkpoints.covering(entry.seq) is not None}


def sealed(proposal: Proposal) -> Sealed | None:
    """The digest that counts for a proposal: of its last notes. None where they were frozen before digests were kept.

    The caller shows it to whoever is entitled to the notes.
    """
    return next(iter(all_sealed(proposal)[::-1]), None)


def all_sealed(proposal: Proposal) -> list[Sealed]:
    """Each digest of its notes, oldest first: of those that were frozen, then of what each re-examination made."""
    rows = NotesSeal.objects.filter(version__proposal=proposal).select_related("version__proposal__opportunity")
    seals = list(rows.order_by("version__number"))
    if not seals:
        return []
    subjects = [proposal.opportunity.ledger_subject(), proposal.ledger_subject()]
    payloads = LedgerPayload.objects.filter(subject__in=subjects, action__in=SEALING).select_related("entry")
    holding = {one["sha256"]: payload for payload in payloads for one in payload.body.get("notes", [])}
    return [Sealed(row, holding.get(row.sha256)) for row in seals]
