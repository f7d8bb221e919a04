"""Every command that a page prints, run as written on what that page gives to download, with the tool it links to."""

import hashlib
import html
import re
import shlex
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry
from proposals.models import Draw
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import text_of
from tests.test_ledger import VERIFY

TOOL = "/donnees-ouvertes/verify.py"


def fill(count: int) -> None:
    with transaction.atomic():
        for number in range(count):
            ledger.record("terms.add", f"terms:{number}", by=None, at=PUBLISHED_AT)


def commands(page: str) -> list[list[str]]:
    found = re.findall(r"<(?:code|p)[^>]*>\s*(python3 verify\.py [^<]+)</", page)
    return [shlex.split(html.unescape(text)) for text in found]


def download(client, page: str, folder) -> None:
    """What the page links to and a browser would save, under the name that it would give."""
    for link, named in re.findall(r'<a [^>]*?href="([^"]+\.(?:json|txt|py))"(?: download(?:="([^"]*)")?)?', page):
        answer = client.get(html.unescape(link))
        assert answer.status_code == 200, link
        given = re.search(r'filename="([^"]+)"', answer.get("Content-Disposition", ""))
        (folder / (given[1] if given else named or link.rpartition("/")[2])).write_bytes(answer.getvalue())


def run_all(page: str, folder) -> list[str]:
    """What each command says; all must answer 0 without a warning, and name the published key."""
    told = []
    for words in commands(page):
        assert "--key" in words and keys.key_id() in words, words
        done = subprocess.run(
            [sys.executable, "-I", *words[1:]], cwd=folder, capture_output=True, timeout=60, check=False,
            env={"PYTHONUTF8": "1"},
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout.decode(), done.stderr.decode())
        assert "ATTENTION" not in done.stdout.decode()
        told.append(words[2])
    return told


def tried(client, path: str, folder) -> list[str]:
    page = client.get(path).content.decode()
    assert TOOL in page and hashlib.sha256(VERIFY.read_bytes()).hexdigest() in page
    assert f"{settings.BASE_URL}/.well-known/dan-cles.json" in page and settings.BASE_URL + TOOL in page
    download(client, page, folder)
    return run_all(page, folder)


def test_the_tool_is_given_as_it_is(client, db):
    answer = client.get(TOOL)
    assert answer.content == VERIFY.read_bytes()
    assert answer["Content-Type"].startswith("text/x-python") and "attachment" in answer["Content-Disposition"]


def test_the_public_pages_of_the_ledger(client, cast, tmp_path):
    cast.published()
    for _each in range(2):
        checkpoints.make(at=PUBLISHED_AT)
        fill(3)
    cast.published(title="Plus récente que le dernier relevé")
    assert tried(client, "/registre/", tmp_path) == ["proof"]
    assert tried(client, "/registre/releves/", tmp_path) == ["checkpoints", "checkpoints", "consistency"]
    assert tried(client, "/en/registre/", tmp_path) == ["proof"]


@pytest.mark.parametrize("path", ["/registre/", "/registre/releves/"])
def test_without_a_checkpoint_no_command_is_given(client, cast, path):
    cast.published()
    assert not commands(client.get(path).content.decode())


def test_a_receipt_its_envelope_and_its_proof(client, cast, tmp_path):
    number = cast.submitted(cast.published()).submissions.get().receipt_number
    client.force_login(cast.vendor_owner)
    with clock.set_to(PUBLISHED_AT):
        assert tried(client, f"/accuses/{number}/", tmp_path) == ["receipt"]
        checkpoints.make(at=PUBLISHED_AT)
        assert tried(client, f"/accuses/{number}/", tmp_path) == ["receipt", "proof"]
        receipt = (tmp_path / f"accuse-{number}.json").read_text(encoding="utf-8")
        page = client.post("/verifier/", {"text": receipt}).content.decode()
    assert run_all(page, tmp_path) == ["receipt"]  # under the name of the receipt that was read


def test_the_page_that_verifies_says_how_to_without_it(client, db):
    page = client.get("/verifier/").content.decode()
    assert TOOL in page and commands(page)[0][2] == "receipt" and "--envelope" in commands(page)[0]


def test_an_auditors_pages(client, cast, tmp_path):
    cast.published()
    entry = LedgerEntry.objects.get(action="opportunity.publish")
    fill(1_000 - LedgerEntry.objects.count())
    thousandth = LedgerEntry.objects.latest("seq")
    checkpoints.make(at=PUBLISHED_AT)
    client.force_login(cast.auditor)
    for row in (entry, thousandth):
        assert tried(client, f"/verification/registre/{row.seq}/", tmp_path) == ["proof"]
    answer = client.post(reverse("audit:export"), {"first": "1", "last": "", "details": ""})
    (tmp_path / re.search(r'filename="([^"]+)"', answer["Content-Disposition"])[1]).write_bytes(answer.getvalue())
    assert tried(client, "/verification/registre/", tmp_path) == ["ledger"]


def test_a_draw(client, cast, tmp_path):
    cast.awarded(mode="price", prices=(55_000_00, 55_000_00))
    number = Draw.objects.get().opportunity.number
    with clock.set_to(CLOSES_AT):
        assert tried(client, f"/occasions/{number}/attribution/", tmp_path) == ["draw"]
        minutes = client.get(f"/occasions/{number}/ouverture/")
    assert "proces-verbal.json" in minutes.content.decode() and "procès-verbal signé" in text_of(minutes)
