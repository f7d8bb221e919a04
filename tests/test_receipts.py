"""Accusés: the page, the signed file, the envelope, and the check that anybody can make."""

import base64
import hashlib
import json
import subprocess
import sys
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger.entries import LedgerEntry, canonical
from marketplace.models import OutgoingEmail
from proposals.deposit import actions as deposit_actions
from proposals.deposit.receipt import check
from proposals.models import Proposal, Submission
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT

pytestmark = pytest.mark.usefixtures("now")
VERIFY = "/verifier/"


def text_of(response) -> str:
    return response.content.decode().replace("\u00a0", " ")


def address(name: str, submission) -> str:
    return reverse(f"proposals:{name}", args=[submission.receipt_number])


@pytest.fixture
def occasion(cast):
    return cast.published()


@pytest.fixture
def submission(cast, occasion):
    return cast.submitted(occasion).submissions.get()


def signed(receipt: dict, key: Ed25519PrivateKey | None = None) -> dict:
    body = {name: value for name, value in receipt.items() if name != "signature"}
    sign = (key or keys.signing()).sign
    return body | {"signature": base64.b64encode(sign(canonical(body))).decode()}


# --- The receipt of one's own ---------------------------------------------------------------------------------------
def test_the_page_says_what_was_received(cast, client, submission):
    client.force_login(cast.vendor_owner)
    page = text_of(client.get(address("receipt", submission)))
    for said in [
        "Accusé de dépôt n° 1",
        submission.receipt_number,
        "Atelier Boréal inc.",
        "3 novembre 2026, 9 h 00 min 00,000 s (HNE)",
        "Personne ne peut la lire avant le mardi 24 novembre 2026, 14 h 00 (HNE).",
        submission.envelope_sha256[:8],
    ]:
        assert said in page
    assert "no-store" in client.get(address("receipt", submission))["Cache-Control"]


def test_the_file_is_the_signed_receipt(cast, client, submission):
    client.force_login(cast.vendor_owner)
    answer = client.get(address("receipt_json", submission))
    assert answer["Content-Type"].startswith("application/json")
    assert answer["Content-Disposition"] == f'attachment; filename="accuse-{submission.receipt_number}.json"'
    receipt = json.loads(answer.content)
    assert receipt == submission.receipt
    signature = base64.b64decode(receipt.pop("signature"))
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(receipt["key"]))
    public.verify(signature, canonical(receipt))


def test_the_envelope_has_the_digest_of_the_receipt(cast, client, submission):
    client.force_login(cast.vendor_member)
    answer = client.get(address("envelope", submission))
    assert hashlib.sha256(answer.content).hexdigest() == submission.envelope_sha256
    assert answer["Content-Disposition"].startswith("attachment;")
    assert b"Nous ferons" not in answer.content


def test_after_a_withdrawal_the_receipt_stays_and_the_envelope_is_gone(cast, client, submission):
    deposit_actions.withdraw(submission.proposal, by=cast.vendor_owner)
    client.force_login(cast.vendor_owner)
    page = text_of(client.get(address("receipt", submission)))
    assert "Ce dépôt a été retiré" in page and "Télécharger l’enveloppe" not in page
    assert client.get(address("envelope", submission)).status_code == 404
    assert client.get(address("receipt_json", submission)).status_code == 200


def test_a_replaced_receipt_names_the_last(cast, client, submission):
    second = cast.deposit(Proposal.objects.get(), at=PUBLISHED_AT + timedelta(hours=1))
    client.force_login(cast.vendor_owner)
    page = text_of(client.get(address("receipt", submission)))
    assert "Remplacé par le dépôt n° 2" in page and "Remplacer</a>" not in page
    page = text_of(client.get(address("receipt", second)))
    assert "dépôt n° 1 du 3 novembre 2026" in page
    assert "scellée" in page


def test_a_withdrawn_receipt_stays_withdrawn_once_another_is_deposited(cast, client, submission, mailoutbox):
    """« n° 1 (retiré) » for ever; the second one replaces nothing, whatever the chain of digests says."""
    deposit_actions.withdraw(submission.proposal, by=cast.vendor_owner)
    second = cast.deposit(Proposal.objects.get(), at=PUBLISHED_AT + timedelta(hours=1))
    third = cast.deposit(Proposal.objects.get(), at=PUBLISHED_AT + timedelta(hours=2))
    client.force_login(cast.vendor_owner)
    pages = [text_of(client.get(address("receipt", row))) for row in (submission, second, third)]
    assert "Ce dépôt a été retiré" in pages[0] and "Remplacé par" not in pages[0]
    assert "Aucun dépôt : le n° 1 a été retiré" in pages[1] and "Remplacé par le dépôt n° 3" in pages[1]
    assert "dépôt n° 2 du 3 novembre 2026" in pages[2]
    own = text_of(client.get(submission.proposal.get_absolute_url()))
    assert own.count("(retiré)") == 1 and own.count("(remplacé)") == 1
    bodies = [row.body for row in OutgoingEmail.objects.filter(template="emails/proposal_submitted.txt").order_by("pk")]
    assert ["(remplace le précédent)" in body for body in bodies] == [False, False, True]


def test_once_the_closing_is_past_the_receipt_does_not_offer_to_replace(cast, client, submission, monkeypatch):
    monkeypatch.setattr(opening_actions, "ask", lambda number: opening_actions.Outcome.AWAITED)
    client.force_login(cast.vendor_owner)
    with clock.set_to(CLOSES_AT):
        page = text_of(client.get(address("receipt", submission)))
    assert "l’ouverture est attendue" in page and "Vous pouvez la remplacer" not in page


@pytest.mark.parametrize(
    ("who", "receipt", "envelope"),
    [
        ("vendor_owner", 200, 200),
        ("vendor_member", 200, 200),
        ("buyer", 200, 404),
        ("officer", 200, 404),
        ("auditor", 200, 404),
        ("administrator", 404, 404),
        ("rival_owner", 404, 404),
        ("outsider", 404, 404),
        ("outside_officer", 404, 404),
    ],
)
def test_after_the_opening_the_body_reads_the_receipt_never_the_envelope(
    cast, client, submission, who, receipt, envelope
):
    with clock.set_to(CLOSES_AT):
        client.get(reverse("proposals:minutes", args=[submission.proposal.opportunity.number]))
        client.force_login(getattr(cast, who))
        answer = client.get(address("receipt", submission))
        assert answer.status_code == receipt
        assert client.get(address("receipt_json", submission)).status_code == receipt
        assert client.get(address("envelope", submission)).status_code == envelope
    if receipt == 200:
        assert "L’enveloppe a été ouverte, intacte" in text_of(answer)


def test_an_unknown_receipt(cast, client, submission):
    client.force_login(cast.vendor_owner)
    for number in ["AD-2222-2222-2222", "x", submission.receipt_number.lower()]:
        assert client.get(reverse("proposals:receipt", args=[number])).status_code == 404


# --- Anybody checks -------------------------------------------------------------------------------------------------
def test_a_receipt_is_valid_for_a_visitor_and_nothing_is_written(client, submission):
    before = LedgerEntry.objects.count()
    answer = client.post(VERIFY, {"text": json.dumps(submission.receipt)})
    page = text_of(answer)
    assert answer.status_code == 200
    assert "Signature valide" in page and "Atelier Boréal inc." in page and submission.receipt_number in page
    assert "ne sont pas ouvertes" in page
    assert LedgerEntry.objects.count() == before
    assert not answer.cookies


@pytest.mark.parametrize("dumped", [{}, {"indent": 4}, {"ensure_ascii": False}, {"sort_keys": True}])
def test_how_the_file_is_laid_out_does_not_matter(client, submission, dumped):
    blob = b"\xef\xbb\xbf" + json.dumps(submission.receipt, **dumped).encode()
    answer = client.post(VERIFY, {"file": SimpleUploadedFile("accuse.json", blob)})
    assert "Signature valide" in text_of(answer)


@pytest.mark.parametrize(
    "field", ["number", "occasion", "proposal", "proponent", "version", "received_at", "closes_at", "envelope_sha256"]
)
def test_one_change_and_the_signature_does_not_hold(client, submission, field):
    value = submission.receipt[field]
    changed = value + 1 if isinstance(value, int) else value[:-1] + ("0" if value[-1] != "0" else "1")
    answer = client.post(VERIFY, {"text": json.dumps(submission.receipt | {field: changed})})
    page = text_of(answer)
    assert answer.status_code == 200
    assert "Signature invalide" in page and "Signature valide" not in page and "Numéro de l’accusé" not in page


def test_an_added_field_or_another_key_does_not_hold(client, submission):
    assert check(submission.receipt) == "valid"
    assert check(submission.receipt | {"note": "x"}) == "altered"
    assert check(submission.receipt | {"signature": "AAAA"}) == "altered"
    assert check(submission.receipt | {"signature": "ÿ"}) == "altered"
    forger = Ed25519PrivateKey.generate()
    theirs = base64.b64encode(forger.public_key().public_bytes_raw()).decode()
    forged = signed(submission.receipt | {"key": theirs}, forger)
    assert check(forged) == "other_key"
    assert check(signed(submission.receipt, forger)) == "altered"
    assert "une autre clé" in text_of(client.post(VERIFY, {"text": json.dumps(forged)}))


GARBAGE = [
    "",
    "   ",
    "bonjour",
    "{",
    "[]",
    "null",
    "1",
    '"texte"',
    "{}",
    '{"type": "dan-receipt/1"}',
    '{"type": "dan-receipt/1", "signature": 3}',
    "[" * 9_000,
    '{"a":' * 3_000,
    "9" * 9_000,
    "\x00\x01",
    "<script>alert(1)</script>",
    '{"type": "dan-receipt/2"}',
]


@pytest.mark.parametrize("text", GARBAGE)
@pytest.mark.parametrize("way", ["text", "file"])
def test_garbage_is_refused_with_words(client, submission, text, way):
    value = text if way == "text" else SimpleUploadedFile("accuse.json", text.encode())
    answer = client.post(VERIFY, {way: value})
    assert answer.status_code == 422
    assert "Il y a un problème" in text_of(answer)
    assert b"<script>alert" not in answer.content


@pytest.mark.parametrize(
    "change", [{"version": float("nan")}, {"version": 10**400}, {"proponent": "\ud800"}, {"number": None}, {"x": [[]]}]
)
def test_strange_values_are_told_not_an_error(client, submission, change):
    answer = client.post(VERIFY, {"text": json.dumps(submission.receipt | change)})
    assert answer.status_code in (200, 422)
    assert "Signature valide" not in text_of(answer)


def test_bytes_that_are_not_text(client, db):
    assert client.post(VERIFY, {"file": SimpleUploadedFile("a.json", b"\xff\xfe\x00{")}).status_code == 422


def test_twenty_kilobytes_and_no_more(client, submission):
    blob = json.dumps(submission.receipt).encode()
    for way in ("text", "file"):
        for size, status in [(20_000, 200), (20_001, 422)]:
            padded = blob + b" " * (size - len(blob))
            value = padded.decode() if way == "text" else SimpleUploadedFile("a.json", padded)
            answer = client.post(VERIFY, {way: value})
            # A pasted text loses the spaces around it before it is measured.
            assert answer.status_code == (200 if way == "text" else status), (way, size, answer.context["form"].errors)
    assert client.post(VERIFY, {"text": "x" * 20_001}).status_code == 422


def test_after_the_opening_it_says_whether_the_envelope_was_opened(cast, client, occasion, submission):
    second = cast.deposit(Proposal.objects.get(), at=PUBLISHED_AT + timedelta(hours=1))
    withdrawn = cast.submitted(occasion, vendor=cast.rival)
    gone = withdrawn.submissions.get()
    deposit_actions.withdraw(withdrawn, by=cast.rival_owner)
    said = {
        submission: "n’est pas parmi les enveloppes ouvertes",
        second: "est parmi les enveloppes ouvertes",
        gone: "n’est pas parmi les enveloppes ouvertes",
    }
    for row in said:  # before: the same words for all, whatever became of them
        page = text_of(client.post(VERIFY, {"text": json.dumps(row.receipt)}))
        assert "on ne dit pas lesquelles" in page and "parmi" not in page
    with clock.set_to(CLOSES_AT):
        for row, words in said.items():
            assert words in text_of(client.post(VERIFY, {"text": json.dumps(row.receipt)}))


def test_a_signed_receipt_of_an_unknown_occasion(client, submission):
    receipt = signed(submission.receipt | {"occasion": "DAN-1999-9999"})
    page = text_of(client.post(VERIFY, {"text": json.dumps(receipt)}))
    assert "Signature valide" in page and "DAN-1999-9999" in page


def test_the_page_explains_how_to_do_without_us(client, db, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        page = text_of(client.get(VERIFY))
    assert "verify.py" in page and keys.key_id() in page.replace("&#x27;", "'").replace("&#43;", "+")
    with translation.override("fr-ca"):  # what the request activates ends here
        assert client.get("/en/verifier/").status_code == 200


def test_the_stand_alone_verifier_agrees(cast, client, submission, tmp_path, settings):
    tool = settings.BASE_DIR / "tools" / "verify.py"
    if not tool.exists():
        pytest.skip("tools/verify.py is not there")
    client.force_login(cast.vendor_owner)
    for name in ("receipt_json", "envelope"):
        (tmp_path / f"{name}.json").write_bytes(client.get(address(name, submission)).content)

    def run() -> int:
        command = [sys.executable, str(tool), "receipt", str(tmp_path / "receipt_json.json")]
        command += ["--envelope", str(tmp_path / "envelope.json"), "--key", keys.key_id()]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert run() == 0
    envelope = tmp_path / "envelope.json"
    envelope.write_bytes(envelope.read_bytes()[:-2] + b" }")
    assert run() != 0


def test_receipts_are_counted_by_nobody(cast, occasion):
    """Random numbers: two receipts say nothing about how many there are."""
    one, two = cast.submitted(occasion), cast.submitted(occasion, vendor=cast.rival)
    numbers = [row.submissions.get().receipt_number for row in (one, two)]
    assert numbers[0][3:] != numbers[1][3:]
    assert Submission.objects.count() == 2
