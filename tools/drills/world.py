"""The world of the kill drill: occasions with two proposals each, a contract under way, a case that awaits answers."""

import json
import uuid
from datetime import date, timedelta
from functools import partial
from io import BytesIO
from random import Random
from typing import Any

import verify
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from audit.cases import actions as case_actions
from audit.ledger import export as ledger_export
from audit.models import MonitoringFile, MonitoringNote
from contracts.deliveries import actions as delivery_actions
from contracts.models import Delivery, Milestone
from marketplace.dates import clock
from marketplace.files import store, sweep
from opportunities.models import Opportunity
from proposals.deposit import actions as deposit_actions
from proposals.deposit import sealing
from proposals.drafts import actions as draft_actions
from proposals.models import OpenedProposal, Proposal, SealedFile, SealKey, Submission
from proposals.opening import actions as opening_actions
from tests import audit_moves as stage
from tests import contract_cast as made
from tests.cast import CLOSES_AT, PUBLISHED_AT, everybody
from tests.file_story import PDF, agreeing, document

OCCASIONS = 2
MOST_FILES = 3  # of a draft; five are allowed


class World:
    """What the acts move. Everything is asked of the database again: after a kill nobody knows."""

    names = ("dépôt", "remplacement", "retrait", "ajout d’un fichier", "réponse avec fichier", "livraison", "ouverture")

    def __init__(self, chance: Random, act: type) -> None:
        self.chance, self.act = chance, act
        self.cast = everybody()
        self.people = {self.cast.vendor.pk: self.cast.vendor_owner, self.cast.rival.pk: self.cast.rival_owner}
        self.occasions = [self._occasion() for _ in range(OCCASIONS)]
        contract = made.active(self.cast)
        self.milestone = made.milestone(contract).pk
        self.case = stage.asked(self.cast, opportunity=contract.opportunity)
        self.counted: set[int] = set()  # opened proposals that were counted
        self.acknowledged: set[str] = set()  # receipts

    def _occasion(self) -> str:
        occasion = self.cast.published(mode="price")
        for vendor in (self.cast.vendor, self.cast.rival):
            proposal = self.cast.proposal(occasion, vendor=vendor)
            self._add_file(proposal.pk)
        return occasion.number

    # --- Acts --------------------------------------------------------------------------------------------------------
    def next(self, name: str) -> Any:
        """An act of this name, made possible if it was not."""
        makers = dict(zip(self.names, (self._deposit, self._replace, self._withdraw, self._file, self._answer,
                                       self._deliver, self._open), strict=True))  # fmt: skip
        return makers[name](name)

    def _in_state(self, *states: str) -> Proposal:
        """A proposal of an occasion still closed, in one of these states; brought there if none is."""
        rows = Proposal.objects.filter(opportunity__number__in=self.occasions).order_by("pk")
        fitting = list(rows.filter(state__in=states))
        if fitting:
            return self.chance.choice(fitting)
        proposal = self.chance.choice(list(rows))
        with clock.set_to(PUBLISHED_AT):
            if "submitted" in states:
                self._sent(proposal.pk, uuid.uuid4())
            else:
                deposit_actions.withdraw(proposal, by=self.people[proposal.vendor_id])
        return Proposal.objects.get(pk=proposal.pk)

    def _sent(self, pk: int, key: uuid.UUID) -> str:
        proposal = Proposal.objects.get(pk=pk)
        with clock.set_to(PUBLISHED_AT):
            submission = deposit_actions.deposit(
                proposal,
                by=self.people[proposal.vendor_id],
                idempotency_key=key,
                integrity=True,
                no_collusion=True,
                lobbying="none",
                accept_terms=True,
            )
        return submission.receipt_number

    def _deposit(self, name: str, *states: str) -> Any:
        proposal, key = self._in_state(*(states or ("draft", "withdrawn"))), uuid.uuid4()

        def holds(receipt: str) -> None:
            submission = Submission.objects.get(receipt_number=receipt)
            assert submission == submission.proposal.submissions.latest("version")
            assert submission.proposal.state == "submitted"
            self.acknowledged.add(receipt)

        def after() -> None:
            """Whoever saw no answer presses again: the same receipt if it was committed, one that holds otherwise."""
            if self.chance.random() < 0.3:
                before = deposit_actions.already(proposal, key)
                receipt = self._sent(proposal.pk, key)
                assert before is None or before.receipt_number == receipt
                holds(receipt)

        return self.act(name, partial(self._sent, proposal.pk, key), holds, after)

    def _replace(self, name: str) -> Any:
        return self._deposit(name, "submitted")

    def _withdraw(self, name: str) -> Any:
        proposal = self._in_state("submitted")
        names = list(SealedFile.objects.filter(submission__proposal=proposal).values_list("file", flat=True))

        def run() -> str:
            row = Proposal.objects.get(pk=proposal.pk)
            with clock.set_to(PUBLISHED_AT):
                deposit_actions.withdraw(row, by=self.people[row.vendor_id])
            return "withdrawn"

        def holds(_said: str) -> None:
            assert Proposal.objects.get(pk=proposal.pk).state == "withdrawn"
            assert not SealedFile.objects.filter(submission__proposal=proposal).exists()
            assert not [name for name in names if store.storage.has(name)]

        return self.act(name, run, holds)

    def _add_file(self, pk: int) -> list[str]:
        blob = PDF + self.chance.randbytes(self.chance.randint(1, 60_000))
        proposal = Proposal.objects.get(pk=pk)
        with clock.set_to(PUBLISHED_AT):
            draft_actions.add_file(proposal, SimpleUploadedFile("plan.pdf", blob), at=PUBLISHED_AT)
        return [item["sha256"] for item in draft_actions.read(proposal)["files"]]

    def _file(self, name: str) -> Any:
        proposal = self._in_state("draft", "submitted", "withdrawn")
        files = draft_actions.read(proposal)["files"]
        if len(files) >= MOST_FILES:
            with clock.set_to(PUBLISHED_AT):
                draft_actions.remove_file(proposal, files[0]["id"], at=PUBLISHED_AT)

        def holds(digests: list[str]) -> None:
            assert digests == [
                item["sha256"] for item in draft_actions.read(Proposal.objects.get(pk=proposal.pk))["files"]
            ]

        return self.act(name, partial(self._add_file, proposal.pk), holds)

    def _answer(self, name: str) -> Any:
        key = uuid.uuid4()
        files = [document(self.chance.randbytes(20_000)), document(self.chance.randbytes(10))]

        def run() -> str:
            with clock.set_to(stage.OPENED_AT):
                case_actions.answer(self.case, by=self.cast.officer, text="Voici.", files=files, key=key)
            return "answered"

        def holds(_said: str) -> None:
            assert [file.sha256 for file in MonitoringFile.objects.filter(note__key=key)] == [
                f[1]["sha256"] for f in files
            ]

        def after() -> None:
            assert (
                MonitoringFile.objects.filter(note__key=key).count()
                == 2 * MonitoringNote.objects.filter(key=key).count()
            )

        return self.act(name, run, holds, after)

    def _deliver(self, name: str) -> Any:
        """Delivered, it is sent back, so that it can be delivered again."""
        files = [document(self.chance.randbytes(30_000)) for _ in range(2)]
        notes = f"Livraison {self.chance.random()}"

        def run() -> str:
            with clock.set_to(made.DELIVERED_AT):
                row = Milestone.objects.get(pk=self.milestone)
                delivery_actions.deliver(row, by=self.cast.vendor_owner, notes=notes, files=files)
            return "delivered"

        def holds(_said: str) -> None:
            delivery = Delivery.objects.get(notes=notes)
            assert sorted(file.sha256 for file in delivery.files.all()) == sorted(
                about["sha256"] for _blob, about in files
            )

        def after() -> None:
            row = Milestone.objects.get(pk=self.milestone)
            if row.state != "delivered":
                assert not Delivery.objects.filter(notes=notes).exists()
                return
            holds("")
            with clock.set_to(made.ACCEPTED_AT):
                delivery_actions.send_back(
                    row, by=self.cast.buyer, checks={}, reason="À compléter.", cure_by=date(2027, 1, 15)
                )

        return self.act(name, run, holds, after)

    def _open(self, name: str) -> Any:
        number = self.chance.choice(self.occasions)
        rows = list(Proposal.objects.filter(opportunity__number=number).exclude(state="submitted"))
        if len(rows) == 2:
            self._sent(self.chance.choice(rows).pk, uuid.uuid4())

        def run() -> str:
            with clock.set_to(CLOSES_AT):
                assert opening_actions.open_if_due(number)
            return "opened"

        def holds(_said: str) -> None:
            assert Opportunity.objects.get(number=number).state == "evaluation"

        def after() -> None:
            if Opportunity.objects.get(number=number).state == "evaluation":
                self.occasions[self.occasions.index(number)] = self._occasion()

        return self.act(name, run, holds, after)

    # --- What must hold ----------------------------------------------------------------------------------------------
    def rows_and_bytes(self) -> None:
        """Every row that holds a name has its bytes, with the right digest."""
        agreeing()

    def standing(self) -> int:
        """Every dépôt that stands opens, in memory; how many were opened by an opening since the last time."""
        for proposal in Proposal.objects.filter(state="submitted"):
            submission = proposal.submissions.latest("version")
            key = SealKey.objects.get(opportunity=proposal.opportunity_id)
            envelope = bytes(submission.envelope.content)
            content, data_key = sealing.unseal(
                envelope, digest=submission.envelope_sha256, wrapped_private=bytes(key.wrapped_private_key),
                occasion=proposal.opportunity.number, about=submission.about,
            )  # fmt: skip
            names = {str(row.file_id): row.file.name for row in submission.sealed_files.all()}
            assert set(names) == {item["id"] for item in content["files"]} == set(json.loads(envelope)["files"])
            for item in content["files"]:
                box = store.read(names[item["id"]])
                sealing.open_file(box, data_key=data_key, envelope=envelope, about=submission.about, name=item["id"])
        return self._opened()

    def _opened(self) -> int:
        fresh = OpenedProposal.objects.exclude(pk__in=self.counted).select_related("submission")
        fresh = [row for row in fresh if row.proposal.opportunity.award_mode == "price"]  # ours, not the contract's
        for opened in fresh:
            assert opened.readable, opened
            for item in opened.content["files"]:
                assert opening_actions.read_file(opened, item["id"]) is not None
            self.counted.add(opened.pk)
        return len(fresh)

    def swept(self) -> int:
        """How many files the sweep removed; after it every file has its row, and every row its file."""
        at, any_age = clock.now(), -sweep.OLDER_THAN
        removed = sweep.sweep(at=at, older_than=any_age).removed
        found = sweep.look(at=at, older_than=any_age)
        assert not found.orphans and not found.missing and found.looked == found.owned, found
        return removed

    def open_all(self) -> int:
        """Open what is left; every acknowledged receipt that was neither replaced nor withdrawn was opened."""
        with clock.set_to(CLOSES_AT + timedelta(minutes=1)):
            opening_actions.open_due()
        opened = self._opened()
        assert not Proposal.objects.filter(state="submitted").exists()
        for receipt in self.acknowledged:
            submission = Submission.objects.get(receipt_number=receipt)
            latest = submission == submission.proposal.submissions.latest("version")
            withdrawn = submission.proposal.state == "withdrawn"
            assert not latest or withdrawn or OpenedProposal.objects.get(submission=submission).readable, receipt
        return opened

    def ledger_holds(self) -> None:
        """The whole ledger, by the verifier that the public has."""
        with transaction.atomic():
            lines = b"".join(ledger_export.lines(with_payloads=True))
        verify.verify_ledger(BytesIO(lines), None)
