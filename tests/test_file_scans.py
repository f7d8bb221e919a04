"""With an antivirus, what it has not seen is held, and a virus is given to nobody; a real clamd, our own signature."""

import uuid
from datetime import timedelta
from hashlib import sha256

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from audit.casefile.archive import CaseFile
from audit.models import MonitoringFile
from contracts.deliveries import actions as delivery_actions
from contracts.models import DeliveryFile
from marketplace.celery import app
from marketplace.dates import clock
from marketplace.files import clamd as scanner
from marketplace.files import quarantine, store, uploads
from marketplace.files import tasks as file_tasks
from marketplace.models import FileScan
from opportunities.models import Attachment
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import DraftFile, Proposal, SealedFile
from proposals.opening import actions as opening_actions
from proposals.opening import tasks as proposal_tasks
from tests import audit_moves, clamav, contract_cast
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.desk import draft_of, save, text_of, url
from tests.files import EICAR, PDF, office, sent, zipped
from tests.reading import signed_in
from vendors.models import TaxAttestation

pytestmark = pytest.mark.django_db
AWAY = "tcp://127.0.0.1:9"  # nobody listens there
WAITS = "en attente d’analyse contre les virus"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The address of a clamd that knows one virus."""
    if clamav.BINARY is None:
        pytest.skip("clamd is not installed (make services)")
    with clamav.clamd(tmp_path_factory.mktemp("clamav")) as address:
        yield address


@pytest.fixture(autouse=True)
def _answers_again(monkeypatch):
    """Each test begins with an antivirus that nobody missed."""
    scanner.breaker.works()
    yield
    scanner.breaker.works()


class Pretended:
    """An antivirus without a socket: `found` are the words that it finds."""

    def __init__(self, monkeypatch, settings):
        settings.CLAMD_URL, self.away = "tcp://clamd.invalid:3310", False
        monkeypatch.setattr(scanner, "ask", self.ask)

    def ask(self, words, *, deadline):
        if self.away:
            raise ConnectionRefusedError
        if words == b"zPING\0":
            return b"PONG"
        return b"stream: Essai FOUND" if EICAR in words else b"stream: OK"

    def comes_back(self):
        self.away = False
        scanner.breaker.works()


@pytest.fixture
def pretended(monkeypatch, settings):
    return Pretended(monkeypatch, settings)


# --- A real one ------------------------------------------------------------------------------------------------------
CARRIERS = {
    "eicar.txt": EICAR,
    "essai.pdf": PDF + EICAR,
    "plan.docx": office(word=EICAR),
    "code.zip": zipped(eicar_com=EICAR),
    "deux.zip": zipped(un_zip=zipped(eicar_com=EICAR)),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_eicar_and_its_zips_are_refused_by_a_real_clamd(real, settings, name):
    settings.CLAMD_URL = real
    with pytest.raises(ValidationError, match="contient un virus"):
        uploads.checked(sent(name, CARRIERS[name]), field="f", types=uploads.TYPES | uploads.ARCHIVES)
    assert uploads.checked(sent("propre.pdf"), field="f")[1]["scanned"] is True
    assert uploads.checked(sent("propre.docx", office()), field="f")[1]["scanned"] is True


def test_eicar_taken_while_it_was_away_is_never_given(real, settings, cast, now):
    """Through the pages, with a real clamd that comes back."""
    settings.CLAMD_URL = AWAY
    occasion, client = cast.draft(), signed_in(cast.buyer)
    good, bad = attach(cast, occasion, "propre.txt", b"propre"), attach(cast, occasion, "essai.txt", EICAR)
    addresses = [reverse("opportunities:attachment", args=[occasion.number, row.public_id]) for row in (good, bad)]
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 409 and "L’antivirus n’a pas encore analysé ce fichier" in text_of(answer)
        assert answer["Retry-After"]
    page = text_of(client.get(reverse("opportunities:edit", args=[occasion.number])))
    assert page.count(WAITS) == 2
    settings.CLAMD_URL = real
    file_tasks.scan_files()
    first, second = (client.get(address) for address in addresses)
    assert b"".join(first.streaming_content) == b"propre"
    assert second.status_code == 409 and "Un virus a été trouvé" in text_of(second) and "Retry-After" not in second
    page = text_of(client.get(reverse("opportunities:edit", args=[occasion.number])))
    assert WAITS not in page and page.count("un virus y a été trouvé") == 1


# --- Every kind of file ----------------------------------------------------------------------------------------------
def attach(cast, occasion, name="a.txt", blob=b"texte") -> Attachment:
    row = Attachment(opportunity=occasion, name=name, content_type="text/plain", size=len(blob))
    row.sha256 = sha256(blob).hexdigest()
    row.added_by, row.at, row.file = cast.buyer, PUBLISHED_AT, store.keep("occasions", blob)
    row.save()
    return row


def facts_of(blob):
    digest = sha256(blob).hexdigest()
    return {"name": "a.txt", "size": len(blob), "content_type": "text/plain", "sha256": digest, "scanned": False}


def notice(cast, blob):
    occasion = cast.draft()
    row = attach(cast, occasion, blob=blob)
    return row, "buyer", reverse("opportunities:attachment", args=[occasion.number, row.public_id])


def attestation(cast, blob):
    row = cast.vendor.attestations.get()
    row.file, row.sha256 = store.keep("attestations", blob, ".pdf"), sha256(blob).hexdigest()
    row.save()
    return row, "vendor_owner", reverse("vendors:paper_file", args=[row.vendor.public_id, row.public_id])


def case(cast, blob):
    audit_moves.asked(cast, files=[(blob, facts_of(blob))])
    row = MonitoringFile.objects.get(is_letter=False)
    number = row.note.monitoring.number
    return row, "auditor", reverse("audit:monitoring_file", args=[number, row.public_id])


def delivery(cast, blob):
    contract = contract_cast.active(cast)
    with clock.set_to(contract_cast.DELIVERED_AT):
        delivery_actions.deliver(
            contract_cast.milestone(contract, 1), by=cast.vendor_owner, notes="Livré.", files=[(blob, facts_of(blob))]
        )
    row = DeliveryFile.objects.get(name="a.txt")
    return row, "buyer", reverse("contracts:delivery_file", args=[contract.number, row.public_id])


TABLES = {Attachment: notice, TaxAttestation: attestation, MonitoringFile: case, DeliveryFile: delivery}


@pytest.mark.parametrize("build", TABLES.values(), ids=lambda build: build.__name__)
@pytest.mark.parametrize(("blob", "then"), [(b"%PDF-1.7 propre", 200), (EICAR, 409)], ids=["clean", "virus"])
def test_each_table_is_held_then_given_or_never(cast, pretended, build, blob, then):
    row, who, address = build(cast, blob)
    client = signed_in(getattr(cast, who))
    pretended.away = True
    assert client.get(address).status_code == 409
    file_tasks.scan_files()
    assert client.get(address).status_code == 409
    pretended.comes_back()
    file_tasks.scan_files()
    answer = client.get(address)
    assert answer.status_code == then
    if then == 200:
        assert b"".join(answer.streaming_content) == blob
    assert row.scanned is False  # its row is as it was: some only grow


def test_these_tables_are_all_those_that_hold_what_people_sent():
    assert {model for model, _field in quarantine.tables()} == set(TABLES)
    others = {model.__name__ for model, _field in store.fields()} - {model.__name__ for model in TABLES}
    # Ours, encrypted (below), or never given.
    assert others == {"Document", "Invoice", "DraftFile", "SealedFile", "KeptFile"}


def test_without_an_antivirus_nothing_is_held_and_it_is_said(cast, now, settings):
    row, who, address = notice(cast, b"texte")
    client = signed_in(cast.buyer)
    answer = client.get(address)
    assert b"".join(answer.streaming_content) == b"texte"
    page = text_of(client.get(reverse("opportunities:edit", args=[row.opportunity.number])))
    assert "non analysé contre les virus" in page and WAITS not in page
    file_tasks.scan_files()
    assert not FileScan.objects.exists()


def test_one_that_breaks_stops_none_and_leaves_its_turn(cast, pretended, monkeypatch):
    occasion = cast.draft()
    rows = [attach(cast, occasion, f"{n}.txt", b"texte") for n in range(3)]
    store.destroy(rows[0].file.name)
    file_tasks.scan_files()
    states = quarantine.states(row.file.name for row in rows)
    assert [states.get(row.file.name) for row in rows] == ["waiting", "clean", "clean"]
    monkeypatch.setattr(quarantine, "BATCH", 1)
    with clock.set_to(PUBLISHED_AT + timedelta(days=30)):
        last = attach(cast, occasion, "3.txt", b"texte")
        assert quarantine.waiting() == [last.file.name]  # never tried: before the one that was


def test_what_was_said_of_a_file_goes_with_it(cast, pretended):
    row = attach(cast, cast.draft())
    file_tasks.scan_files()
    assert FileScan.objects.count() == 1
    file_tasks.sweep_files()
    assert FileScan.objects.count() == 1
    row.delete()
    file_tasks.sweep_files()
    assert not FileScan.objects.exists()


def test_a_page_of_files_costs_the_same_for_one_and_for_three(cast, pretended, django_assert_num_queries):
    occasion = cast.draft()
    for number in range(3):
        attach(cast, occasion, f"{number}.txt")
        with django_assert_num_queries(2):  # the files, what was said of them
            assert len(quarantine.described(occasion.attachments.all())) == number + 1


# --- Proposals -------------------------------------------------------------------------------------------------------
@pytest.fixture
def proposal(cast):
    return cast.proposal(cast.published(mode="adjusted_price"))


def submit(proposal, cast):
    return deposit_actions.deposit(
        proposal,
        by=cast.vendor_owner,
        idempotency_key=uuid.uuid4(),
        integrity=True,
        no_collusion=True,
        lobbying="none",
        accept_terms=True,
    )


def drafted(cast, proposal, pretended, blob=b"%PDF-1.7 propre"):
    """A draft with a file that was taken while the antivirus was away."""
    pretended.away = True
    with clock.set_to(PUBLISHED_AT):
        client = signed_in(cast.vendor_owner)
        save(client, proposal, files=[sent("plan.pdf", blob)])
    (item,) = draft_of(proposal)["files"]
    assert item["scanned"] is False
    return client, url("file", proposal, item["id"])


def test_a_draft_s_file_waits_and_is_scanned_in_the_clear(cast, proposal, pretended):
    client, address = drafted(cast, proposal, pretended)
    with clock.set_to(PUBLISHED_AT):
        assert client.get(address).status_code == 409
        assert WAITS in text_of(client.get(url("edit", proposal)))
        stamp = draft_actions.stamp(Proposal.objects.get(pk=proposal.pk))
        pretended.comes_back()
        proposal_tasks.scan_files()
        assert client.get(address).content == b"%PDF-1.7 propre"
        assert draft_actions.stamp(Proposal.objects.get(pk=proposal.pk)) == stamp  # nobody's page grows old by it
        assert WAITS not in text_of(client.get(url("edit", proposal)))
        submit(proposal, cast)
    assert not FileScan.objects.filter(state="waiting").exists()


def test_a_virus_is_found_before_it_is_sealed(cast, proposal, pretended):
    drafted(cast, proposal, pretended, PDF + EICAR)
    pretended.comes_back()
    with clock.set_to(PUBLISHED_AT), pytest.raises(ValidationError, match="contient un virus"):
        submit(proposal, cast)
    assert not SealedFile.objects.exists()


@pytest.mark.parametrize(("blob", "then"), [(b"%PDF-1.7 propre", 200), (PDF + EICAR, 409)], ids=["clean", "virus"])
def test_the_antivirus_away_at_the_deposit_is_asked_at_the_opening(cast, proposal, pretended, blob, then):
    """The closing instant waits for nobody: it is sealed, marked, and held once it is opened."""
    drafted(cast, proposal, pretended, blob)
    with clock.set_to(PUBLISHED_AT):
        submit(proposal, cast)
        sealed = SealedFile.objects.get().file.name
        pretended.comes_back()
        DraftFile.objects.get()
        FileScan.objects.exclude(name=sealed).delete()
        proposal_tasks.scan_files()
        assert quarantine.states([sealed]) == {sealed: "waiting"}  # still sealed: nobody can
    with clock.set_to(CLOSES_AT):
        pretended.away = True
        assert opening_actions.open_if_due(proposal.opportunity.number)
        address = url("file", proposal, str(SealedFile.objects.get().file_id))
        buyer = signed_in(cast.buyer)
        assert buyer.get(address).status_code == 409
        pretended.comes_back()
        proposal_tasks.scan_files()
        assert buyer.get(address).status_code == then


def test_a_case_file_waits_and_leaves_a_virus_out(cast, proposal, pretended):
    _row, _who, _address = delivery(cast, EICAR)
    row = DeliveryFile.objects.get(name="a.txt")
    occasion = row.delivery.milestone.contract.award.opportunity
    with clock.set_to(contract_cast.DELIVERED_AT + timedelta(days=1)):
        pretended.away = True
        with pytest.raises(quarantine.Held):
            parts_of(cast, occasion)
        pretended.comes_back()
        file_tasks.scan_files()
        parts = parts_of(cast, occasion)
    (left,) = [path for path in parts if path.endswith("a.txt.retenu.txt")]
    assert "Un virus a été trouvé" in parts[left] and not [path for path in parts if path.endswith("-a.txt")]


def parts_of(cast, occasion) -> dict[str, str]:
    found = CaseFile(occasion, cast.auditor, at=clock.now()).parts()
    return {part.path: part.read().decode("utf-8", "replace") for part in found}


def test_both_tasks_run_each_minute():
    entries = [entry for entry in app.conf.beat_schedule.values() if entry["task"].endswith(".scan_files")]
    assert [entry["schedule"] for entry in entries] == [60.0, 60.0]
