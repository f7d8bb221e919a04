"""Who read what is sensitive is kept in the ledger, once an hour for a person and an object; never public."""

import hashlib
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from contracts.deliveries import actions as delivery_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, DeliveryFile
from marketplace.dates import clock
from marketplace.files import store
from marketplace.ledger import entries as ledger
from marketplace.ledger import labels as ledger_labels
from marketplace.models import LedgerEntry, LedgerPayload
from proposals.drafts import actions as draft_actions
from proposals.opening import actions as opening_actions
from tests import contract_cast as made
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.test_delivering import CODE
from tests.test_ledger import exported
from vendors.models import TaxAttestation

READ_AT = CLOSES_AT + timedelta(days=60)


def reads() -> list[tuple[str, str, object]]:
    """(action, subject, person) of every read that was kept, oldest first."""
    rows = LedgerPayload.objects.filter(action__startswith="read.").select_related("actor").order_by("entry_id")
    return [(row.action, row.subject, row.actor) for row in rows]


def ask(client, who, path, *, at=READ_AT) -> int:
    client.force_login(who)
    with clock.set_to(at):
        answer = client.get(path)
        b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer.status_code


@pytest.fixture
def pages(cast):
    """{what: (path, the subject that the ledger names)} of a contract's whole story."""
    contract = made.active(cast)
    milestone = made.delivered(contract, archive=CODE)
    with clock.set_to(made.ACCEPTED_AT):
        delivery_actions.accept(milestone, by=cast.buyer, checks=made.all_met(milestone))
    with clock.set_to(made.INVOICED_AT):
        invoice = invoice_actions.issue(milestone, by=cast.vendor_owner)
    proposal = contract.award.proposal
    document = contract.documents.filter(kind="signed").get()
    paper = TaxAttestation.objects.get(vendor=cast.vendor)
    paper.file, paper.sha256 = store.keep("attestations", b"%PDF-1.4", ".pdf"), hashlib.sha256(b"%PDF-1.4").hexdigest()
    paper.save()
    archive = DeliveryFile.objects.get(delivery__milestone=milestone)
    number, vendor = contract.number, cast.vendor.public_id
    occasion = contract.opportunity
    return {
        "proposal": (f"/occasions/{occasion.number}/evaluation/{proposal.public_id}/", proposal.ledger_subject()),
        "document": (f"/contrats/{number}/documents/{document.sha256}/", contract.ledger_subject()),
        "delivery file": (f"/contrats/{number}/fichiers/{archive.public_id}", milestone.ledger_subject()),
        "invoice": (f"/factures/{invoice.number}/pdf", f"invoice:{invoice.number}"),
        "attestation": (f"/prestataires/{vendor}/documents/{paper.public_id}/copie/", f"vendor:{vendor}"),
    }


# Page × person: who reads, and of whom it is kept. Everybody else gets 404, and nothing is kept.
BODY, VENDOR = ("buyer", "officer", "second_officer"), ("vendor_owner", "vendor_member")
READERS = {
    "proposal": ((*BODY, "auditor"), (*BODY, "auditor")),
    "document": ((*BODY, *VENDOR, "auditor"), ("auditor",)),
    "delivery file": ((*BODY, *VENDOR, "auditor"), (*BODY, "auditor")),
    "invoice": ((*BODY, *VENDOR, "auditor"), (*BODY, "auditor")),
    "attestation": ((*BODY, *VENDOR), BODY),
}
EVERYBODY = (*BODY, *VENDOR, "auditor", "outside_officer", "rival_owner", "administrator", "outsider")


@pytest.mark.parametrize("what", READERS)
def test_who_reads_and_of_whom_it_is_kept(cast, client, pages, what):
    path, subject = pages[what]
    may_read, kept = READERS[what]
    for who in EVERYBODY:
        person, before = getattr(cast, who), reads()
        status = ask(client, person, path)
        assert status == (200 if who in may_read else 404), (what, who)
        action = "read.proposal" if what == "proposal" else "read.file"
        expected = [(action, subject, person)] if who in kept else []
        assert reads()[len(before) :] == expected, (what, who)
    client.logout()
    assert client.get(path).status_code == 302
    # Nobody sees it one by one, signed in or not.
    assert not LedgerEntry.objects.public().filter(action__startswith="read.")
    assert b"read." not in client.get("/registre/").content


def test_a_proposals_file_is_kept_after_the_opening_only(cast, client):
    opportunity = cast.published()
    proposal = cast.proposal(opportunity)
    with clock.set_to(PUBLISHED_AT):
        draft_actions.add_file(proposal, SimpleUploadedFile("a.txt", b"Bonjour"), at=PUBLISHED_AT)
    item = draft_actions.read(proposal)["files"][0]
    cast.deposit(proposal)
    path = f"/propositions/{proposal.public_id}/fichiers/{item['id']}/"
    examine = f"/occasions/{opportunity.number}/evaluation/{proposal.public_id}/"
    people = (cast.buyer, cast.officer, cast.auditor, cast.administrator, cast.rival_owner, cast.outsider)
    for person in people:  # sealed: it does not exist, and asking for it leaves no trace that it does
        assert ask(client, person, path, at=PUBLISHED_AT) == 404
        assert ask(client, person, examine, at=PUBLISHED_AT) == 404
    for person in (cast.vendor_owner, cast.vendor_member):
        assert ask(client, person, path, at=PUBLISHED_AT) == 200
    assert not reads() and str(proposal.public_id) not in b"".join(exported(with_payloads=True)).decode()
    with clock.set_to(CLOSES_AT):
        opening_actions.open_due()
    assert [ask(client, person, path, at=CLOSES_AT) for person in people] == [200, 200, 200, 404, 404, 404]
    assert ask(client, cast.vendor_owner, path, at=CLOSES_AT) == 200
    assert reads() == [("read.file", proposal.ledger_subject(), person) for person in people[:3]]


def test_once_an_hour_for_a_person_and_an_object(cast):
    def read(minutes, who=cast.auditor, subject="contract:x", what="file"):
        ledger.record_read(what, subject, by=who, at=READ_AT + timedelta(minutes=minutes))
        return len(reads())

    assert [read(0), read(1), read(59), read(60), read(61)] == [1, 1, 1, 2, 2]
    assert read(61, who=cast.officer) == 3
    assert read(61, subject="contract:y") == 4
    assert read(61, what="proposal") == 5
    entries = LedgerEntry.objects.filter(action__startswith="read.")
    assert entries.count() == 5 and not entries.public()
    for action in entries.values_list("action", flat=True).distinct():
        assert ledger_labels.label(action)


def test_two_files_of_one_object_are_two_reads_each_named_without_its_name(cast, client, pages):
    path, _subject = pages["document"]
    contract = LedgerEntry.objects.filter(action="contract.sign").get().subject.partition(":")[2]
    assert ask(client, cast.auditor, path) == ask(client, cast.auditor, path) == 200
    other = Contract.objects.get(number=contract).documents.get(kind="offered").sha256
    assert ask(client, cast.auditor, f"/contrats/{contract}/documents/{other}/") == 200
    kept = [row.body["file"] for row in LedgerPayload.objects.filter(action="read.file").order_by("entry_id")]
    assert kept == [path.split("/")[-2], other]
    assert ask(client, cast.auditor, path, at=READ_AT + timedelta(minutes=59)) == 200 and len(reads()) == 2
    for what in ("delivery file", "invoice"):
        assert ask(client, cast.auditor, pages[what][0]) == 200
    assert ask(client, cast.buyer, pages["attestation"][0]) == 200
    files = [row.body["file"] for row in LedgerPayload.objects.filter(action="read.file").order_by("entry_id")]
    assert len(set(files)) == 5 and all(re.fullmatch(r"[0-9a-f-]{36,64}", file) for file in files)


@pytest.mark.parametrize("act", ["noter", "rejeter", "reexaminer"])
def test_a_refused_act_that_shows_the_proposal_is_a_read(cast, client, act):
    """422 shows the whole proposal again: it is kept as when the page is asked for."""
    opportunity, (proposal, _other) = cast.opened()
    if act != "rejeter":
        cast.admit(proposal)
    if act == "reexaminer":
        cast.score(proposal)
    client.force_login(cast.buyer)
    with clock.set_to(READ_AT):
        answer = client.post(f"/occasions/{opportunity.number}/evaluation/{proposal.public_id}/{act}/", {})
    assert answer.status_code == 422 and "Nous ferons le travail" in answer.content.decode()
    assert reads() == [("read.proposal", proposal.ledger_subject(), cast.buyer)]


def test_prices_and_ranks_of_an_evaluation_are_kept_once_they_show(cast, client):
    opportunity, pair = cast.opened(mode="adjusted_price")
    path = f"/occasions/{opportunity.number}/evaluation/"
    assert ask(client, cast.auditor, path) == 200 and not reads()
    for proposal in pair:
        cast.admit(proposal)
        cast.score(proposal)
    assert ask(client, cast.auditor, path) == 200 and not reads()
    cast.unveil(type(opportunity).objects.get(pk=opportunity.pk))
    assert ask(client, cast.auditor, path) == ask(client, cast.auditor, f"/en{path}") == 200
    assert reads() == [("read.evaluation", opportunity.ledger_subject(), cast.auditor)]


def test_an_export_tells_that_it_was_made(cast, tmp_path):
    cast.published()
    call_command("export_ledger", str(tmp_path / "l.jsonl"), "--from", "2", "--with-payloads")
    entry = LedgerEntry.objects.latest("seq")
    assert (entry.action, entry.subject, entry.actor) == ("read.export", "ledger", "system")
    bounds = {"first": 2, "last": None, "with_payloads": True}
    assert {name: entry.payload.body[name] for name in bounds} == bounds
    assert entry.hash in (tmp_path / "l.jsonl").read_text(encoding="utf-8")
    before = LedgerEntry.objects.count()
    with pytest.raises(CommandError):
        call_command("export_ledger", "--from", "999", stdout=StringIO())
    assert LedgerEntry.objects.count() == before
    call_command("export_ledger", stdout=StringIO())
    assert LedgerEntry.objects.count() == before + 1  # each one, even within the hour
