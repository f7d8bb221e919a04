"""The case file: whole, the same twice, verifiable elsewhere, and never more than its reader may read."""

import csv
import hashlib
import io
import json
import os
import shlex
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pypdf
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.casefile.archive import safe
from audit.cases import actions as case_actions
from audit.models import RedFlag
from audit.reviews import actions as review_actions
from contracts.amendments import actions as amendment_actions
from contracts.payments import actions as payment_actions
from marketplace import keys
from marketplace.dates import clock
from marketplace.dates.calendar import next_business_day
from marketplace.ledger import checkpoints
from marketplace.models import LedgerPayload
from opportunities.models import Opportunity
from proposals.drafts import actions as draft_actions
from proposals.enums import RejectionCode
from proposals.evaluation import actions as evaluation_actions
from proposals.models import Proposal
from proposals.opening import actions as opening_actions
from tests import contract_cast, leaks
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.contract_cast import INVOICED_AT, SIGNED_AT
from tests.reading import signed_in
from vendors.models import VendorMembership

THEN = INVOICED_AT + timedelta(days=3)
VERIFY = Path(__file__).resolve().parent.parent / "tools" / "verify.py"


@pytest.fixture
def then():
    with clock.set_to(THEN):
        yield THEN


def ask(person, occasion):
    return signed_in(person).get(f"/verification/occasions/{occasion.number}/dossier.zip")


def raw(person, occasion) -> bytes:
    answer = ask(person, occasion)
    assert answer.status_code == 200 and answer["Content-Type"] == "application/zip"
    return b"".join(answer.streaming_content)  # read to its end, it closes its file


def inside(person, occasion) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw(person, occasion))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def rows(blob: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(blob.decode("utf-8-sig"))))


@pytest.fixture
def story(cast, then):
    """A contract with a paid invoice, an amendment, a signal and a case that asked something."""
    contract = contract_cast.active(cast, mode="adjusted_price")
    invoice = contract_cast.invoiced(cast, contract)
    made = payment_actions.declare_outside(invoice, by=cast.officer, reference="=EFT-1", paid_on=THEN.date())
    payment_actions.confirm(made, by=contract_cast.owner(contract))
    amendment_actions.propose(
        contract, by=cast.buyer, reason="Une page de plus.", delta_cents=0, end_date=date(2027, 4, 30)
    )
    flag = RedFlag.objects.create(
        code="R018", opportunity=contract.opportunity, value=1, threshold=1, first_at=THEN, last_at=THEN, details={}
    )
    flag.dismiss(by=cast.auditor, reason="Motif des vérificateurs")
    case = case_actions.open_(contract.opportunity, by=cast.auditor, title="Délai", text="Le délai paraît court.")
    case_actions.ask(
        case, by=cast.auditor, text="Pourquoi si vite?", due_on=next_business_day(THEN.date() + timedelta(days=20))
    )
    seen = review_actions.fingerprint(review_actions.computed(contract.award, at=THEN))
    conclusion = {"opinion": "reserved", "comment": "Tout y est.", "method": "password", "seen": seen}
    review_actions.conclude(contract.award, by=cast.second_officer, **conclusion)
    checkpoints.make(at=THEN)
    return contract


def test_it_holds_everything(cast, story):
    found = inside(cast.auditor, story.opportunity)
    for name in ("LISEZMOI.txt", "README.txt", "sommaire.pdf", "occasion.json", "proces-verbal.json", "evaluation.csv",
                 "attribution.json", "liste-de-controle.csv", "paiements.csv", "avenants.csv", "signaux.csv",
                 "inscriptions.jsonl", "releve.txt", "verify.py", "SHA256SUMS"):  # fmt: skip
        assert found[name], name
    kinds = {name.rpartition("/")[0].partition("/")[0] for name in found}
    assert {"propositions", "contrats", "factures", "verifications", "preuves", "conclusions", "avis"} <= kinds
    versions = list(story.opportunity.versions.all())
    assert [found[f"avis/version-{row.number:02d}.json"].decode() for row in versions] == [
        row.document for row in versions
    ]
    assert found["LISEZMOI.txt"].count(b"verify.py notice avis/version-") == len(versions) >= 2
    assert sum(name.endswith("/texte.txt") for name in found) == 2
    assert sum(name.startswith("contrats/") and name.endswith(".pdf") for name in found) == 2
    assert json.loads(found["occasion.json"])["number"] == story.opportunity.number
    assert json.loads(found["attribution.json"])["amount_cents"] == story.amount_cents
    (paid,) = rows(found["paiements.csv"])
    assert paid["state"] == "paid" and paid["reference"] == "'=EFT-1", "a spreadsheet must not compute it"
    assert rows(found["avenants.csv"])[0]["reason"] == "Une page de plus."
    assert rows(found["signaux.csv"])[0]["reason"] == "Motif des vérificateurs"
    assert [row["rank"] for row in rows(found["evaluation.csv"])] == ["1", "2"]
    notes = [text for name, text in found.items() if name.startswith("verifications/") and name.endswith(".txt")]
    assert any(b"Pourquoi si vite?" in text for text in notes) and len(notes) == 2
    checks = rows(found["liste-de-controle.csv"])
    assert len(checks) > 20 and {row["done"] for row in checks} <= {"oui", "non", "sans objet"}
    assert all(row["group"] and row["check"] and row["found"] for row in checks)
    assert json.loads(found["conclusions/01.json"])["comment"] == "Tout y est."
    assert found["conclusions/01.pdf"].startswith(b"%PDF")
    opened = json.loads(found["proces-verbal.json"])
    assert len(opened["envelopes"]) == 2 and opened["occasion"] == story.opportunity.number


def test_reasons_of_rejections_and_comments_on_scores_are_in_it(cast, then):
    occasion, (kept, out) = cast.opened(mode="adjusted_price")
    with clock.set_to(CLOSES_AT + timedelta(hours=1)):
        cast.admit(kept)
        values = {c.pk: (Decimal("81.5"), f"Vu au point {c.position}") for c in occasion.criteria.all()}
        evaluation_actions.score(kept, by=cast.buyer, values=values)
        code = RejectionCode.values[0]
        evaluation_actions.reject(out, by=cast.buyer, code=code, text="Le formulaire n’est pas signé.")
        for who in (cast.auditor, cast.officer):
            found = inside(who, occasion)
            scored, rejected = sorted(rows(found["evaluation.csv"]), key=lambda row: row["rejection_text"])
            assert rejected["rejection_text"] == "Le formulaire n’est pas signé." and rejected["rejection"]
            assert "Vu au point 0" in scored.values()
            one, other = (json.loads(found[name]) for name in sorted(found) if name.endswith("/proposition.json"))
            assert one["scores"][0] == {"criterion": "Critère 1", "value": "81.50", "comment": "Vu au point 0"}
            assert other["rejection_text"] == "Le formulaire n’est pas signé." and other["rejection"]
            assert "liste-de-controle.csv" not in found, "there is no award yet"


def test_the_same_facts_give_the_same_bytes(cast, story):
    first = raw(cast.auditor, story.opportunity)
    with clock.set_to(THEN + timedelta(hours=5)):
        assert raw(cast.auditor, story.opportunity) == first
    reads = LedgerPayload.objects.filter(action="read.casefile")
    assert [row.actor for row in reads] == [cast.auditor] * 2, "each download, hours apart, is recorded"
    assert {row.body["file"] for row in reads} == {hashlib.sha256(first).hexdigest()}
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        instants = {info.filename: info.date_time for info in archive.infolist()}
    assert instants["occasion.json"] == (2026, 11, 3, 14, 0, 0)
    assert all((2026, 11, 3) <= moment[:3] <= (2026, 12, 20) for moment in instants.values())


def test_both_languages_give_the_same_bytes(cast, story):
    number = story.opportunity.number
    client = signed_in(cast.auditor)
    answers = [client.get(f"{prefix}/verification/occasions/{number}/dossier.zip") for prefix in ("", "/en")]
    one, other = (b"".join(answer.streaming_content) for answer in answers)
    assert one == other


def test_the_sums_name_every_file(cast, story):
    found = inside(cast.auditor, story.opportunity)
    sums = dict(reversed(line.split("  ", 1)) for line in found.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(blob).hexdigest() for name, blob in found.items()}


def test_both_guides_list_every_file_and_their_commands_work_as_written(cast, story, tmp_path):
    found = inside(cast.auditor, story.opportunity)
    for name, blob in found.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(blob)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    run, asked = [], set()
    for guide in ("LISEZMOI.txt", "README.txt"):
        text = found[guide].decode()
        listed = {line.split("  ")[0].strip() for line in text.splitlines()}
        assert {name for name in found if not name.startswith("preuves/")} | {"preuves/"} <= listed
        assert hashlib.sha256(found["verify.py"]).hexdigest() in text and keys.key_id() in text
        assert f"{settings.BASE_URL}/.well-known/dan-cles.json" in text
        asked |= {line.strip() for line in text.splitlines() if line.startswith("    ")}
    assert found["verify.py"] == VERIFY.read_bytes()
    for command in asked:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        run.append(command.split()[2] if command.startswith("python3") else command.split()[0])
    assert {"sha256sum", "for", "checkpoints", "proof", "receipt", "review", "contract"} <= set(run)
    (tmp_path / "attribution.json").write_bytes(b"{}")
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1


def test_a_draw_is_in_it_with_what_it_is_compared_with(cast, then, tmp_path):
    occasion, _pair = cast.awarded(mode="quality_min_price", values=("80", "80"), prices=(50_000_00, 50_000_00))
    found = inside(cast.auditor, occasion)
    for name in ("tirage.json", "proces-verbal.json", "verify.py"):
        (tmp_path / name).write_bytes(found[name])
    (command,) = (line for line in found["LISEZMOI.txt"].decode().splitlines() if "verify.py draw" in line)
    arguments = [sys.executable, *shlex.split(command)[1:]]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_proofs_verify_without_the_platform(cast, story, tmp_path):
    found = inside(cast.auditor, story.opportunity)
    proofs = sorted(name for name in found if name.startswith("preuves/"))
    lines = [json.loads(line) for line in found["inscriptions.jsonl"].splitlines()]
    assert [int(name[8:-5]) for name in proofs] == [line["seq"] for line in lines]
    assert len(proofs) > 30
    for name in (*proofs[:: len(proofs) // 4], proofs[-1]):
        file = tmp_path / "proof.json"
        file.write_bytes(found[name])
        done = subprocess.run(
            [sys.executable, VERIFY, "proof", file, "--key", keys.key_id()], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout
    assert all("body" in line for line in lines)
    assert "read." not in found["inscriptions.jsonl"].decode()


def test_many_proofs_read_the_ledger_a_few_times(cast, story, django_assert_max_num_queries):
    with django_assert_max_num_queries(110):
        raw(cast.auditor, story.opportunity)


def test_the_summary_can_be_read(cast, story):
    reader = pypdf.PdfReader(io.BytesIO(inside(cast.auditor, story.opportunity)["sommaire.pdf"]))
    text = " ".join(page.extract_text() for page in reader.pages).replace("\xa0", " ")
    for words in (story.opportunity.number, "Atelier Boréal", story.number, "Confirmer l’attribution", "Aude"):
        assert words in text, words


def test_before_the_first_checkpoint_there_is_no_proof(cast, then):
    occasion, _pair = cast.awarded()
    found = inside(cast.auditor, occasion)
    assert "releve.txt" not in found and not [name for name in found if name.startswith("preuves/")]
    assert "verify.py proof" not in found["LISEZMOI.txt"].decode() and "0 des" in found["LISEZMOI.txt"].decode()


# --- Who gets what ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("auditor", 200), ("officer", 200), ("second_officer", 200), ("buyer", 404), ("outside_officer", 404),
        ("vendor_owner", 404), ("administrator", 404), ("outsider", 404),
    ],
)  # fmt: skip
def test_who_may_take_it(cast, then, who, status):
    occasion, _pair = cast.awarded()
    answer = ask(getattr(cast, who), occasion)
    assert answer.status_code == status
    assert status == 404 or b"".join(answer.streaming_content)
    recorded = LedgerPayload.objects.filter(action="read.casefile", subject=occasion.ledger_subject())
    assert recorded.count() == (status == 200)


@pytest.mark.parametrize("who", ["auditor", "officer"])
def test_a_tie_refuses_it(cast, then, who):
    occasion, _pair = cast.awarded()
    VendorMembership.objects.create(user=getattr(cast, who), vendor=cast.rival, role="member")
    assert ask(getattr(cast, who), occasion).status_code == 403
    assert not LedgerPayload.objects.filter(action="read.casefile").exists()


def test_officers_get_no_case_that_they_were_not_told_of(cast, story):
    hidden = case_actions.open_(story.opportunity, by=cast.auditor, title="Autre doute", text="Rien n’est demandé.")
    flag = RedFlag.objects.create(
        code="R036", opportunity=story.opportunity, value=1, threshold=1, first_at=THEN, last_at=THEN, details={}
    )
    flag.monitor(by=cast.auditor, monitoring=hidden)
    found = inside(cast.officer, story.opportunity)
    everything = b"".join(found.values()) + "".join(found).encode()
    for words in (hidden.number, "Autre doute", "Rien n’est demandé"):
        assert words.encode() not in everything, words
    told = {row["code"]: row for row in rows(found["signaux.csv"])}
    assert (told["R018"]["state"], told["R018"]["reason"]) == ("dismissed", "Motif des vérificateurs")
    assert told["R036"]["state"] == "new"
    assert any(name.startswith("verifications/") for name in found), "the case that asked something is theirs too"
    assert hidden.number.encode() in b"".join(inside(cast.auditor, story.opportunity).values())


# --- Sealed ----------------------------------------------------------------------------------------------------------
def test_only_what_was_opened_is_in_it(cast):
    """Before the opening, nothing; after it, what was opened; a draft and a withdrawn proposal never."""
    occasion = cast.published(mode="price")
    marks = ["zq11aa22bb33", "zq44cc55dd66", "zq77ee88ff99", "zq10203040aa"]
    opened = cast.proposal(occasion, text=f"Démarche {marks[0]}", price_cents=48_173_29)
    draft_actions.add_file(
        opened, SimpleUploadedFile(f"{marks[1]}.txt", f"inside {marks[1]}".encode()), at=PUBLISHED_AT
    )
    cast.deposit(opened)
    cast.proposal(occasion, vendor=cast.rival, text=f"Brouillon {marks[2]}", price_cents=41_111_37)
    secret = leaks.Marks(marks, [48_173_29, 41_111_37])
    with clock.set_to(CLOSES_AT - timedelta(seconds=1)):
        before = inside(cast.auditor, occasion)
        assert not secret.found_in(*before.values(), *(name.encode() for name in before))
        assert not any(name.startswith("propositions") for name in before) and "evaluation.csv" not in before
        assert "proces-verbal.json" not in before and "tirage.json" not in before
        assert b"sealed" not in before["inscriptions.jsonl"]
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)
        after = inside(cast.auditor, occasion)
    found = secret.found_in(*after.values(), *(name.encode() for name in after))
    assert found == {marks[0], marks[1], 48_173_29}, "price alone decides: it is shown at the opening"


def test_prices_wait_for_the_scores(cast):
    """Where quality is judged first, the file shows no price that the evaluation does not show yet."""
    occasion, pair = cast.opened(mode="adjusted_price", prices=(51_234_56, 52_345_67))
    cast.admit(pair[0])
    cast.score(pair[0])
    secret = leaks.Marks(prices=[51_234_56, 52_345_67])
    with clock.set_to(CLOSES_AT + timedelta(hours=1)):
        assert not secret.found_in(*inside(cast.auditor, occasion).values())
        cast.admit(pair[1])
        cast.score(pair[1])
        assert not secret.found_in(*inside(cast.auditor, occasion).values())  # all scored, not unveiled
        cast.unveil(Opportunity.objects.get(pk=occasion.pk), at=CLOSES_AT + timedelta(hours=1))
        found = inside(cast.auditor, Opportunity.objects.get(pk=occasion.pk))
    assert secret.found_in(*found.values()) == {51_234_56, 52_345_67}
    assert Proposal.objects.filter(opportunity=occasion, state="scored").count() == 2


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("à côté (2).txt", "à-côté-(2).txt"),
        ("...", "fichier"),
        ("a/b\n<c>.txt", "b-c-.txt"),
    ],
)
def test_names_stay_in_their_folder(typed, kept):
    assert safe(typed) == kept


def test_a_contract_before_its_conclusion_is_in_the_auditors_file(cast, then):
    with clock.set_to(SIGNED_AT):
        contract = contract_cast.offered(cast)
    found = inside(cast.auditor, contract.opportunity)
    assert any(name.startswith(f"contrats/{contract.number}/") for name in found)
