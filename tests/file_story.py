"""Every kind of file that the house keeps, in the order of a procurement; and whether rows and bytes agree."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models

from audit.cases import actions as case_actions
from audit.models import MonitoringFile
from contracts.agreement import signature_actions
from contracts.deliveries import actions as delivery_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, DeliveryFile, Document, Invoice
from marketplace import boxes
from marketplace.dates import clock
from marketplace.files import store
from opportunities.drafts import actions as notice_actions
from opportunities.models import Attachment
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import DraftFile, SealedFile
from tests import audit_moves as stage
from tests import contract_cast as made
from tests.cast import PUBLISHED_AT
from vendors.eligibility import actions as eligibility
from vendors.models import TaxAttestation

PDF = b"%PDF-1.7\n%\xe2\xe3\n"
KINDS = [Attachment, TaxAttestation, DraftFile, SealedFile, Document, DeliveryFile, Invoice, MonitoringFile]
Step = tuple[type[models.Model], datetime, Callable[[], Any]]


def document(content: bytes = b"Preuve.\n", name: str = "preuve.txt") -> tuple[bytes, dict[str, Any]]:
    """What marketplace.files.uploads.checked gives."""
    about = {"name": name, "size": len(content), "content_type": "text/plain; charset=utf-8", "scanned": False}
    return content, about | {"sha256": hashlib.sha256(content).hexdigest()}


@dataclass
class Story:
    """steps: (the table that gains a row, when, the act). Each act must have been done before the next is asked for."""

    cast: Any
    made: dict[str, Any] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        cast = self.cast
        notice = {
            "by": cast.buyer, "body": cast.body, "at": PUBLISHED_AT, "values": {"title": "Un avis"}, "skills": [],
            "criteria": [], "files": [document()],
        }  # fmt: skip
        yield Attachment, PUBLISHED_AT, lambda: notice_actions.start(**notice)
        paper = {"by": cast.vendor_owner, "number": "RQ-2", "issued_on": date(2026, 11, 2)}
        yield (
            TaxAttestation, PUBLISHED_AT,
            lambda: eligibility.declare(cast.vendor, file=SimpleUploadedFile("a.pdf", PDF), **paper),
        )  # fmt: skip
        proposal = self.made["proposal"] = cast.proposal(cast.published())
        yield (
            DraftFile, PUBLISHED_AT,
            lambda: draft_actions.add_file(proposal, SimpleUploadedFile("plan.pdf", PDF), at=PUBLISHED_AT),
        )  # fmt: skip
        sent = {
            "by": cast.vendor_owner,
            "idempotency_key": uuid.uuid4(),
            "integrity": True,
            "no_collusion": True,
            "lobbying": "none",
            "accept_terms": True,
        }
        yield SealedFile, PUBLISHED_AT, lambda: deposit_actions.deposit(proposal, **sent)
        contract = self.made["contract"] = made.draft(cast)
        yield Document, made.SIGNED_AT, lambda: signature_actions.offer(contract, by=cast.officer)
        contract = Contract.objects.get(pk=contract.pk)
        text = {"text_sha256": contract.text_sha256, "method": "password"}
        with clock.set_to(made.SIGNED_AT):
            signature_actions.sign_as_vendor(contract, by=cast.vendor_owner, title="Présidente", integrity=True, **text)
            signature_actions.sign(contract, by=cast.officer, unverified_reason=made.UNVERIFIED, **text)
        made.register(contract)
        milestone = made.milestone(contract)
        yield (
            DeliveryFile, made.DELIVERED_AT,
            lambda: delivery_actions.deliver(milestone, by=cast.vendor_owner, notes="Voici.", files=[document()]),
        )  # fmt: skip
        with clock.set_to(made.ACCEPTED_AT):
            delivery_actions.accept(milestone, by=cast.buyer, checks=made.all_met(milestone))
        yield Invoice, made.INVOICED_AT, lambda: invoice_actions.issue(milestone, by=cast.vendor_owner)
        case = self.made["case"] = stage.asked(cast, opportunity=contract.opportunity)
        answer = {"by": cast.officer, "text": "Le besoin était urgent.", "files": [document(b"Autre.\n")]}
        yield MonitoringFile, stage.OPENED_AT, lambda: case_actions.answer(case, key=uuid.uuid4(), **answer)


def agreeing() -> int:
    """How many rows hold the name of bytes that are theirs; AssertionError for the first one that does not."""
    seen = 0
    for model, column in store.fields():
        for row in model._base_manager.exclude(**{column.name: ""}):
            blob = store.read(getattr(row, column.name).name)
            if isinstance(row, SealedFile):
                digest = json.loads(bytes(row.submission.envelope.content))["files"][str(row.file_id)]
                assert hashlib.sha256(blob).hexdigest() == digest, row
            elif isinstance(row, DraftFile):
                item = next(i for i in draft_actions.read(row.proposal)["files"] if i["id"] == str(row.file_id))
                plain = boxes.open(blob, about=f"draft:{row.proposal.public_id}/{row.file_id}")
                assert hashlib.sha256(plain).hexdigest() == item["sha256"], row
            else:
                assert hashlib.sha256(blob).hexdigest() == row.sha256, row
            seen += 1
    return seen


def stored() -> set[str]:
    """The names of everything that is stored."""
    return {file.name for folder in store.folders() for file in store.storage.stored(folder)}
