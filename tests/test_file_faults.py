"""What goes wrong around stored bytes: a full disk, a kill, an error before or after the commit, a storage in trouble.

Each row of « Storage » in the table of faults; and the same for every kind of file.
"""

import errno
import hashlib
import uuid
from contextlib import contextmanager, suppress

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.urls import reverse
from kombu.exceptions import OperationalError

from contracts.models import Delivery, Document, Invoice
from marketplace.dates import clock
from marketplace.files import disk, store, sweep
from marketplace.ledger import entries as ledger
from marketplace.mail import outbox
from marketplace.models import KeptFile, LedgerEntry, LedgerPayload
from opportunities.models import Attachment, Opportunity
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import OpenedProposal, SealedFile, Submission
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.file_story import KINDS, PDF, Story, agreeing, stored
from tests.reading import text_of
from tests.unguarded import unguarded
from vendors.models import TaxAttestation


class Broken(Exception):
    pass


class Killed(BaseException):
    """The process ends here: nothing of ours runs after it."""


@contextmanager
def once_saved(model, then):
    """`then` happens each time that a row of this table was written, inside its transaction."""

    def receiver(sender, **kwargs):
        then()

    post_save.connect(receiver, sender=model)
    try:
        yield
    finally:
        post_save.disconnect(receiver, sender=model)


def broken():
    raise Broken


def full(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")


# --- Every kind of file, every moment --------------------------------------------------------------------------------
@pytest.fixture
def kept_late(monkeypatch):
    """The folders of bytes that were kept by a transaction that had written the ledger before; committed tests only."""
    keep, record_all, holding, late = store.keep, ledger.record_all, [], []

    def watched_keep(folder, *args):
        late.extend(folder for act in holding if connection.atomic_blocks and act is connection.atomic_blocks[0])
        return keep(folder, *args)

    def watched_record(*args, **named):
        holding[:] = connection.atomic_blocks[:1]
        return record_all(*args, **named)

    monkeypatch.setattr(store, "keep", watched_keep)
    monkeypatch.setattr(ledger, "record_all", watched_record)
    return late


@pytest.mark.django_db(transaction=True)
def test_the_watch_over_what_is_kept_late(cast, kept_late):
    """The next test's guard can fail."""
    with transaction.atomic():
        store.keep("sealed", b"avant")
        ledger.record("opportunity.edit", "occasion:X", by=None, at=PUBLISHED_AT)
    store.keep("sealed", b"apres")
    assert not kept_late
    with transaction.atomic():
        ledger.record("opportunity.edit", "occasion:X", by=None, at=PUBLISHED_AT)
        store.keep("sealed", b"pendant")
    assert kept_late == ["sealed"]


@pytest.mark.django_db(transaction=True)
def test_rows_and_bytes_agree_whatever_fails(cast, client, monkeypatch, kept_late):
    story, seen = Story(cast), []
    for model, at, act in story.steps():
        seen.append(model)
        rows, entries, files = model._base_manager.count(), LedgerEntry.objects.count(), stored()
        with clock.set_to(at):
            # The disk is full.
            with monkeypatch.context() as patch, pytest.raises(store.NotKept, match="stockage est en difficulté"):
                patch.setattr(disk.os, "fsync", full)
                act()
            assert (model._base_manager.count(), LedgerEntry.objects.count(), stored()) == (rows, entries, files), model
            # An error before the commit. What the house itself makes (PDFs) waits for the sweep; what is sent goes.
            with once_saved(model, broken), pytest.raises(Broken):
                act()
            assert (model._base_manager.count(), LedgerEntry.objects.count()) == (rows, entries), model
            if model not in (Document, Invoice):
                assert stored() == files, model
            agreeing()
            # An error after the commit: the queue is not there.
            with once_saved(model, lambda: transaction.on_commit(broken)), pytest.raises(Broken):
                act()
        assert model._base_manager.count() > rows, model
        assert stored() > files, model
        assert agreeing() > 0
    # A file kept for the next try is a courtesy, and refuses nothing: tests/test_kept_files.py.
    assert seen == KINDS and {*seen, KeptFile} == {model for model, _field in store.fields()}
    assert not kept_late  # the ledger's lock is everybody's: nobody waits for a slow storage behind it

    # What is left is the sweep's: the two PDFs whose transaction was rolled back, and nothing else.
    found = sweep.look(at=clock.now(), older_than=sweep.OLDER_THAN * -1)
    assert sorted(file.name.partition("/")[0] for file in found.orphans) == ["contrats", "factures"]
    assert not found.missing

    # A withdrawal while the queue is down destroys the sealed file all the same.
    def no_queue(*args, **kwargs):
        raise OperationalError("Error 111 connecting to redis")

    monkeypatch.setattr(outbox.deliver_email, "delay", no_queue)
    monkeypatch.setattr(outbox.deliver_email, "apply_async", no_queue)
    sealed = {name for name in stored() if name.startswith("sealed/")}
    with clock.set_to(PUBLISHED_AT), suppress(OperationalError):  # the outbox's business
        deposit_actions.withdraw(story.made["proposal"], by=cast.vendor_owner)
    assert len(sealed) == 1 and not sealed & stored() and not SealedFile.objects.exists()


# --- A sealed file ---------------------------------------------------------------------------------------------------
@pytest.fixture
def proposal(cast):
    made = cast.proposal(cast.published(mode="price"))
    draft_actions.add_file(made, SimpleUploadedFile("plan.pdf", PDF), at=PUBLISHED_AT)
    return made


def deposit(cast, proposal):
    with clock.set_to(PUBLISHED_AT):
        return deposit_actions.deposit(
            proposal,
            by=cast.vendor_owner,
            idempotency_key=uuid.uuid4(),
            integrity=True,
            no_collusion=True,
            lobbying="none",
            accept_terms=True,
        )


def opens(proposal) -> OpenedProposal:
    with clock.set_to(CLOSES_AT):
        opening_actions.open_if_due(proposal.opportunity.number)
    opened = OpenedProposal.objects.get(proposal=proposal)
    assert opened.readable
    (item,) = opened.content["files"]
    assert opening_actions.read_file(opened, item["id"]) == (item, PDF)
    return opened


def test_a_full_disk_then_a_second_deposit(cast, proposal, monkeypatch):
    """The receipt of the second attempt holds, though the first left or did not leave something under its name."""
    with monkeypatch.context() as patch, pytest.raises(store.NotKept):
        patch.setattr(disk.os, "fsync", full)
        deposit(cast, proposal)
    assert not Submission.objects.exists()
    deposit(cast, proposal)
    opens(proposal)


@pytest.mark.parametrize("left", [0, 7, 10_000], ids=["nothing", "a part", "all of it"])
def test_a_kill_in_the_middle_of_writing_then_a_second_deposit(cast, proposal, monkeypatch, left, settings):
    def dies(storage, name, content):
        path = settings.MEDIA_ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[:left])
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(disk.Disk, "write", dies)
        deposit(cast, proposal)
    deposit(cast, proposal)
    assert len([name for name in stored() if name.startswith("sealed/")]) == 2
    opens(proposal)
    assert sweep.sweep(at=clock.now(), older_than=sweep.OLDER_THAN * -1).removed == 2  # with the draft's own file
    opens(proposal)


def test_what_is_written_is_compared_before_it_is_acknowledged(cast, proposal, monkeypatch):
    real = disk.Disk.read
    with monkeypatch.context() as patch, pytest.raises(store.NotKept):
        patch.setattr(
            disk.Disk, "read",
            lambda self, name: real(self, name)[:-1] if name.startswith("sealed/") else real(self, name),
        )  # fmt: skip
        deposit(cast, proposal)
    assert not Submission.objects.exists() and not [name for name in stored() if name.startswith("sealed/")]


def test_the_page_of_a_deposit_that_the_disk_refused(cast, proposal, client, monkeypatch, caplog):
    """503, in plain words, and nothing is deposited; the draft's page gives back what was typed."""
    client.force_login(cast.vendor_owner)
    page, edit = (reverse(f"proposals:{name}", args=[proposal.public_id]) for name in ("submit", "edit"))
    with clock.set_to(PUBLISHED_AT):
        form = client.get(page).context
        posted = {
            "key": uuid.uuid4(), "stamp": form["stamp"], "terms": form["terms"].version, "integrity": "on",
            "no_collusion": "on", "lobbying": "none", "accept_terms": "on",
        }  # fmt: skip
        typed = {"text": "Tout neuf.", "comments": "", "price": "60000", "stamp": form["stamp"]}
        with monkeypatch.context() as patch:
            patch.setattr(disk.os, "fsync", full)
            refused = client.post(page, posted)
            kept = client.post(edit, typed | {"files": [SimpleUploadedFile("b.pdf", PDF)]})
        for answer in (refused, kept):
            assert answer.status_code == 503 and "n’a pas pu être enregistré" in text_of(answer)
        assert "Tout neuf." in text_of(kept) and not Submission.objects.exists()
        assert client.post(page, posted | {"stamp": client.get(page).context["stamp"]}).status_code == 302
    assert Submission.objects.count() == 1
    # Neither a name nor a kind of file: a log tells nothing about who deposits.
    lines = [record.getMessage() for record in caplog.records if "could not be kept" in record.getMessage()]
    assert len(lines) == 2 and not any("sealed" in line or "drafts" in line for line in lines)


def test_a_draft_whose_file_is_lost_is_told_so(cast, proposal, client, settings):
    (path,) = (settings.MEDIA_ROOT / "drafts").iterdir()
    path.unlink()
    client.force_login(cast.vendor_owner)
    with clock.set_to(PUBLISHED_AT):
        page = reverse("proposals:submit", args=[proposal.public_id])
        form = client.get(page).context
        posted = (
            {"key": uuid.uuid4(), "stamp": form["stamp"], "terms": form["terms"].version}
            | dict.fromkeys(("integrity", "no_collusion", "accept_terms"), "on")
            | {"lobbying": "none"}
        )
        answer = client.post(page, posted)
    assert answer.status_code == 422 and "n’est plus dans le stockage" in text_of(answer)
    assert not Submission.objects.exists()


def test_a_storage_in_trouble_holds_the_opening_and_not_the_page(cast, proposal, client, settings, caplog):
    """A folder in the way of one sealed file: neither lost nor altered, so nobody may declare it either."""
    deposit(cast, proposal)
    number = proposal.opportunity.number
    name = SealedFile.objects.get().file.name
    path, away = settings.MEDIA_ROOT / name, settings.MEDIA_ROOT / "away"
    path.rename(away)
    path.mkdir()
    with clock.set_to(CLOSES_AT):
        assert client.get(proposal.opportunity.get_absolute_url()).status_code == 200
        assert opening_actions.open_due() == 0
        with pytest.raises(opening_actions.FilesUnavailable):
            opening_actions.open_now(number)
        with pytest.raises(CommandError, match="rien n’a été ouvert"):
            call_command("open_occasion", number, "--fichiers-perdus")
    assert not OpenedProposal.objects.exists() and Opportunity.objects.get(number=number).state == "published"
    assert any(record.levelname in ("CRITICAL", "ERROR") and number in record.getMessage() for record in caplog.records)
    path.rmdir()
    away.rename(path)
    opens(proposal)


# --- Downloads -------------------------------------------------------------------------------------------------------
@pytest.fixture
def addresses(cast, proposal):
    """(who, path) of every page that gives a stored file, at a late day."""
    from tests import audit_moves as stage
    from tests import contract_cast as made
    from tests.file_story import document
    from tests.test_delivering import CODE

    with clock.set_to(PUBLISHED_AT):
        paper = TaxAttestation.objects.get(vendor=cast.vendor)
        paper.file, paper.sha256 = store.keep("attestations", PDF, ".pdf"), hashlib.sha256(PDF).hexdigest()
        paper.save()
        content, about = document()
        notice = proposal.opportunity
        stored = store.keep("occasions", content)
        with transaction.atomic(), unguarded():
            attachment = Attachment.objects.create(
                opportunity=notice, added_by=cast.buyer, at=PUBLISHED_AT, file=stored, **about
            )
    deposit(cast, proposal)
    (item,) = draft_actions.read(proposal)["files"]
    contract = made.active(cast)
    milestone = made.accepted(cast, contract, archive=CODE)
    with clock.set_to(made.INVOICED_AT):
        from contracts.invoices import actions as invoice_actions

        invoice = invoice_actions.issue(milestone, by=cast.vendor_owner)
    case = stage.answered(cast, opportunity=contract.opportunity, files=[document()])
    number = contract.number
    delivered = Delivery.objects.get(milestone=milestone).files.get()
    joined = case.notes.get(kind="answer").files.get()
    return [
        (None, f"/occasions/{notice.number}/pieces/{attachment.public_id}/"),
        (cast.vendor_owner, f"/prestataires/{cast.vendor.public_id}/documents/{paper.public_id}/copie/"),
        (cast.vendor_owner, f"/propositions/{proposal.public_id}/fichiers/{item['id']}/"),
        (cast.officer, f"/contrats/{number}/documents/{contract.documents.first().sha256}/"),
        (cast.officer, f"/contrats/{number}/fichiers/{delivered.public_id}"),
        (cast.officer, f"/factures/{invoice.number}/pdf"),
        (cast.auditor, f"/verification/dossiers/{case.number}/fichiers/{joined.public_id}"),
        (cast.auditor, f"/verification/occasions/{contract.opportunity.number}/dossier.zip"),
    ]


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        (FileNotFoundError(), 404, "n’est plus dans le stockage"),
        (PermissionError(), 503, "stockage des fichiers ne répond pas"),
        (IsADirectoryError(), 503, "stockage des fichiers ne répond pas"),
        (OSError(errno.EIO, "io"), 503, "stockage des fichiers ne répond pas"),
        (b"%PDF-1.7 forged", 503, "n’est remis à personne"),
    ],
    ids=["lost", "rights", "a folder", "input-output", "altered"],
)
def test_a_file_that_cannot_be_read_answers_a_page(
    cast, client, addresses, monkeypatch, trouble, status, words, settings
):
    def fails(self, name):
        if isinstance(trouble, bytes):
            return trouble
        raise trouble

    settings.MEDIA_ROOT.mkdir(exist_ok=True)
    asked = []
    for at in (PUBLISHED_AT, CLOSES_AT, CLOSES_AT.replace(year=2027)):
        with clock.set_to(at):
            for who, path in addresses:
                client.logout()
                if who:
                    client.force_login(who)
                answer = client.get(path)
                if answer.status_code != 200:  # not its time yet
                    continue
                b"".join(answer.streaming_content) if answer.streaming else answer.content
                reads = LedgerPayload.objects.filter(action__startswith="read.").count()
                with monkeypatch.context() as patch:
                    patch.setattr(disk.Disk, "read", fails)
                    answer = client.get(path)
                assert answer.status_code == status and words in text_of(answer), path
                assert LedgerPayload.objects.filter(action__startswith="read.").count() == reads
                asked.append(path)
    assert set(asked) == {path for _who, path in addresses} and len(asked) > len(addresses)
