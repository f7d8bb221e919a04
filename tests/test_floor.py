"""The auditors' floor: who enters each page, what awaits, the ledger's pages, and what stays sealed."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.cases import actions as case_actions
from audit.ledger import acts
from audit.models import RedFlag
from audit.samples import actions as sample_actions
from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.models import Checkpoint, LedgerEntry, LedgerPayload
from opportunities.models import BodyMembership
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from tests import contract_cast, leaks
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import signed_in, text_of, words
from vendors.models import VendorMembership

NEARLY = CLOSES_AT - timedelta(seconds=1)
LATER = CLOSES_AT + timedelta(days=4)
VERIFY = Path(__file__).resolve().parent.parent / "tools" / "verify.py"
PEOPLE = ["buyer", "officer", "outside_officer", "vendor_owner", "rival_owner", "administrator", "outsider"]


@pytest.fixture
def then():
    with clock.set_to(LATER):
        yield LATER


def plan_of(cast):
    return sample_actions.draw(
        by=cast.auditor, title="Premier tirage", method="random", since=PUBLISHED_AT.date(), until=LATER.date(), size=3
    )


def pages(occasion, plan) -> list[str]:
    return [
        "/verification/",
        "/verification/recherche/",
        "/verification/recherche/?q=ponts",
        f"/verification/occasions/{occasion.number}/",
        "/verification/registre/",
        "/verification/registre/1/",
        "/verification/registre/exporter/",
        "/verification/echantillons/",
        "/verification/echantillons/nouveau/",
        f"/verification/echantillons/{plan.number}/",
        f"/verification/echantillons/{plan.number}/echantillon.csv",
        f"/verification/echantillons/{plan.number}/echantillon.json",
        "/verification/images/",
    ]


@pytest.mark.usefixtures("bare_refusals")
def test_auditors_enter_and_nobody_else(cast, then):
    """The table person × page: 200 for the auditor, 404 for all the others; visitors sign in."""
    occasion, _pair = cast.awarded()
    plan = plan_of(cast)
    entries = LedgerEntry.objects.count()
    for path in pages(occasion, plan):
        assert signed_in(cast.auditor).get(path).status_code == 200, path
        for who in PEOPLE:
            assert signed_in(getattr(cast, who)).get(path).status_code == 404, (path, who)
    for who in PEOPLE:
        client = signed_in(getattr(cast, who))
        for path in ("registre/signer/", "registre/exporter/", "echantillons/nouveau/"):
            assert client.post(f"/verification/{path}", {"first": "1"}).status_code == 404, (path, who)
    assert LedgerEntry.objects.count() == entries, "a GET writes nothing"


def test_a_tied_auditor_does_not_read_what_the_rivals_wrote(cast, then):
    occasion, pair = cast.awarded(mode="adjusted_price")
    VendorMembership.objects.create(user=cast.auditor, vendor=cast.rival, role="member")
    client = signed_in(cast.auditor)
    for page in ("", "dossier.zip"):
        assert client.get(f"/verification/occasions/{occasion.number}/{page}").status_code == 403
    scored = LedgerPayload.objects.filter(subject=pair[0].ledger_subject(), action="proposal.score").first()
    page = text_of(client.get(f"/verification/registre/{scored.entry_id}/"))
    assert "90.00" not in page and '"scores"' not in page
    refused = client.post("/verification/registre/exporter/", {"first": "1", "details": "on"})
    assert refused.status_code == 403
    assert client.post("/verification/registre/exporter/", {"first": "1"}).status_code == 200


def test_the_link_is_in_the_navigation_of_auditors_only(cast, then):
    link = 'href="/verification/"'
    assert link in text_of(signed_in(cast.auditor).get("/a-faire/"))
    assert link not in text_of(signed_in(cast.officer).get("/a-faire/"))
    assert link not in text_of(signed_in(cast.administrator).get("/a-faire/"))


def test_the_first_page_says_what_awaits(cast, then):
    cast.awarded()
    checkpoints.make(at=clock.now())
    plan = plan_of(cast)
    page = words(signed_in(cast.auditor).get("/verification/"))
    assert plan.title in page and "Aucun organisme n’est en retard." in page
    assert Checkpoint.objects.get().root[:16] in page


@pytest.mark.parametrize("path", ["", "registre/", "echantillons/", "recherche/?q=pont", "images/"])
def test_pages_cost_the_same_for_one_and_for_three(cast, then, path):
    client = signed_in(cast.auditor)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/verification/{path}").status_code == 200
        return len(queries)

    cast.awarded()
    plan_of(cast)
    checkpoints.make(at=clock.now())
    one = cost()
    for _time in range(2):
        cast.awarded()
        plan_of(cast)
        checkpoints.make(at=clock.now())
    assert cost() == one
    assert one <= 10, one


# --- Sealed ----------------------------------------------------------------------------------------------------------
def test_nothing_of_an_unopened_proposal_is_anywhere(cast):
    """Ten marks of a sealed deposit and of a draft, and the deposit's own identifiers: on no page of the floor."""
    occasion = cast.published(mode="price")
    texts = ["zq81d0aa52e1", "zq3b77c0d94f", "zq5c9e11a7b2"]
    sealed = cast.proposal(occasion, text=f"Démarche {texts[0]}", price_cents=48_173_29)
    draft_actions.add_file(sealed, SimpleUploadedFile(f"{texts[1]}.txt", texts[2].encode()), at=PUBLISHED_AT)
    cast.deposit(sealed)
    drafted = cast.proposal(occasion, vendor=cast.rival, text="Démarche zq77aa00bb11", price_cents=41_111_37)
    receipt = sealed.submissions.get()
    hidden = [str(sealed.public_id), str(drafted.public_id), receipt.receipt_number, receipt.envelope_sha256]
    hidden += [cast.vendor.legal_name, cast.rival.legal_name, cast.vendor_owner.name]
    marks = leaks.Marks([*texts, "zq77aa00bb11", *hidden], [48_173_29, 41_111_37])
    with clock.set_to(NEARLY):
        checkpoints.make(at=NEARLY)
        client = signed_in(cast.auditor)
        asked = ["pont", "Boréal", "Fleuve", "Victor", receipt.receipt_number, str(sealed.public_id), "proposal.submit"]
        asked += [f"proposal:{sealed.public_id}", f"person:{cast.vendor_owner.public_id}", "déposer"]
        start = [f"/verification/occasions/{occasion.number}/", "/verification/", "/verification/images/"]
        sealed_rows = LedgerEntry.objects.filter(action="sealed").values_list("seq", flat=True)
        for path in start + [f"/verification/registre/{n}/" for n in sealed_rows]:
            assert not marks.found_in(client.get(path).content), path

        def read(path: str, text: str, **asked) -> bytes:
            """The page without what was typed."""
            page = client.get(path, {"q": text} | asked).content
            return page.replace(text.encode(), b"").replace(quote(text, safe="").encode(), b"")

        for text in asked:
            assert not marks.found_in(read("/verification/registre/", text)), text
            page = client.get("/verification/recherche/", {"q": text})
            for _label, count, address, _current in page.context["tabs"]:
                if count:
                    tab = address.rpartition("=")[2]
                    assert tab not in {"prestataires", "personnes", "attributions", "contrats"}, (text, tab)
                    assert not marks.found_in(read("/verification/recherche/", text, dans=tab)), (text, tab)
        answer = client.post("/verification/registre/exporter/", {"first": "1", "details": "on"})
        assert not marks.found_in(b"".join(answer.streaming_content))
        answer = client.get(f"/verification/occasions/{occasion.number}/dossier.zip")
        assert answer.status_code == 200
        assert not marks.found_in(*unzipped(answer).values())


def unzipped(answer) -> dict[str, bytes]:
    import io
    import zipfile

    blob = b"".join(answer.streaming_content)
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_sealed_entry_says_nothing_then_says_what_it_was(cast):
    occasion = cast.published()
    sealed = cast.submitted(occasion)
    seq = LedgerPayload.objects.get(action="proposal.submit").entry_id
    client = signed_in(cast.auditor)
    with clock.set_to(NEARLY):
        before = words(client.get(f"/verification/registre/{seq}/"))
    assert "Cette inscription est scellée" in before and "Déposer" not in before
    with clock.set_to(CLOSES_AT):
        client.get(f"/occasions/{occasion.number}/")
        after = words(client.get(f"/verification/registre/{seq}/"))
        found = client.get("/verification/registre/", {"q": sealed.ledger_subject()})
    assert "Déposer" in after and cast.vendor_owner.name in after
    assert seq in [act.entry.seq for act in found.context["acts"]]


def test_a_withdrawn_proposal_stays_sealed_after_the_opening(cast):
    occasion = cast.published()
    cast.submitted(occasion)
    gone = cast.submitted(occasion, vendor=cast.rival)
    with clock.set_to(NEARLY):
        deposit_actions.withdraw(gone, by=cast.rival_owner)
    with clock.set_to(CLOSES_AT):
        client = signed_in(cast.auditor)
        client.get(f"/occasions/{occasion.number}/")
        page = text_of(client.get(f"/verification/occasions/{occasion.number}/"))
        assert cast.rival.legal_name not in page and str(gone.public_id) not in page
        for payload in LedgerPayload.objects.filter(subject=gone.ledger_subject()):
            assert "Cette inscription est scellée" in words(client.get(f"/verification/registre/{payload.entry_id}/"))


def test_a_notice_that_is_not_published_is_not_told(cast, then):
    hidden = cast.draft(at=LATER, closes_at=LATER + timedelta(days=30), title="Zéphyr secret")
    client = signed_in(cast.auditor)
    assert client.get(f"/verification/occasions/{hidden.number}/").status_code == 404
    for path in ("registre/", f"registre/?q={hidden.number}", "recherche/?q=zephyr", f"recherche/?q={hidden.number}"):
        page = text_of(client.get(f"/verification/{path}")).replace(f'value="{hidden.number}"', "")
        assert "Zéphyr" not in page and f"occasion:{hidden.number}" not in page, path
    entry = LedgerEntry.objects.get(subject=hidden.ledger_subject())
    page = client.get(f"/verification/registre/{entry.seq}/")
    assert "avis non publié" in words(page) and entry.hash[:8] in text_of(page) and page.context["body"] == ""
    assert "Zéphyr" not in text_of(page) and f"?q=occasion%3A{hidden.number}" not in text_of(page)
    for text in (hidden.number, hidden.ledger_subject()):
        assert not client.get("/verification/registre/", {"q": text}).context["acts"], "no search tells which notice"


def test_every_rank_is_listed_and_the_same_details_stay_out_of_pages_and_exports(cast, then, tmp_path):
    """What auditors do not read on a page is not in their export either; the export, and the proofs, still verify."""
    cast.awarded()
    hidden = cast.draft(at=LATER, closes_at=LATER + timedelta(days=30), title="Zéphyr secret")
    with transaction.atomic():
        ledger.record(
            "vendor.payout_account",
            f"vendor:{cast.vendor.public_id}",
            by=cast.vendor_owner,
            at=LATER,
            account="acct_zq9",
        )
    own = LedgerEntry.objects.latest("seq").seq
    made = LedgerEntry.objects.get(subject=hidden.ledger_subject()).seq
    checkpoints.make(at=LATER)
    client = signed_in(cast.auditor)
    page = client.get("/verification/registre/")
    assert [act.entry.seq for act in page.context["acts"]] == list(range(LedgerEntry.objects.count(), 0, -1))
    assert "avis non publié" in words(page) and "acct_zq9" not in text_of(page)
    about = client.get(f"/verification/registre/{own}/")
    assert "acct_zq9" not in text_of(about) and f"?q=vendor%3A{cast.vendor.public_id}" not in text_of(about)
    answer = client.post("/verification/registre/exporter/", {"first": "1", "details": "on"})
    file = tmp_path / "registre.jsonl"
    file.write_bytes(b"".join(answer.streaming_content))
    assert verify("ledger", file) == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    told = {row["seq"] for row in rows if "body" in row}
    shown = {act.entry.seq for act in acts.told(LedgerEntry.objects.all(), cast.auditor) if act.body is not None}
    assert told == shown and not {own, made} & told and len(told) > 10
    for seq in (own, made):
        file.write_bytes(client.get(f"/verification/registre/{seq}/preuve.json").content)
        assert "body" not in json.loads(file.read_text()) and verify("proof", file) == 0


def test_an_auditor_does_not_read_the_details_of_a_case_that_they_may_not_read(cast, then):
    """They work for the body, which was told of nothing yet: neither on a page, nor in an export."""
    opportunity, _proposals = cast.awarded()
    flag = RedFlag.objects.create(
        code="R018", opportunity=opportunity, value=1, threshold=1, first_at=LATER, last_at=LATER
    )
    case = case_actions.open_(opportunity, by=cast.auditor, title="Zéphyr", text="Motif zéphyr.", flags=[flag])
    audited = LedgerEntry.objects.filter(subject__in=[case.ledger_subject(), flag.ledger_subject()])
    assert audited.count() == 2
    checkpoints.make(at=LATER)
    client = signed_in(cast.auditor)

    def read() -> tuple[bool, bool]:
        pages = [client.get(f"/verification/registre/{entry.seq}/").context["body"] != "" for entry in audited]
        lines = b"".join(client.post("/verification/registre/exporter/", {"first": "1", "details": "on"}))
        rows = {row["seq"]: row for row in map(json.loads, lines.splitlines()) if "seq" in row}
        exported = ["body" in rows[entry.seq] for entry in audited]
        assert len({*pages, *exported}) == 1
        return pages[0], exported[0]

    assert read() == (True, True)
    BodyMembership.objects.create(user=cast.auditor, body=cast.body, role="officer")
    assert read() == (False, False)
    assert "ce dossier ne vous est pas montré" in words(client.get("/verification/registre/"))
    BodyMembership.objects.all().delete()
    VendorMembership.objects.create(user=cast.auditor, vendor=cast.rival, role="member")
    assert all(not act.body for act in acts.told(audited, cast.auditor))


# --- The ledger's pages ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("publier", "opportunity.publish"),
        ("PUBLIER", "opportunity.publish"),
        ("procès verbal", "opening.minutes"),
        ("proces verbal", "opening.minutes"),
        ("odile responsable", "opportunity.publish"),
    ],
)
def test_searching_the_ledger(cast, then, text, expected):
    cast.awarded()
    found = signed_in(cast.auditor).get("/verification/registre/", {"q": text}).context["acts"]
    assert expected in {act.action for act in found}
    assert len(found) < LedgerEntry.objects.count()


def test_searching_by_number_hash_period_and_page(cast, then, monkeypatch):
    from audit.ledger import views as ledger_views

    cast.awarded()
    client = signed_in(cast.auditor)

    def seqs(**asked):
        return [act.entry.seq for act in client.get("/verification/registre/", asked).context["acts"]]

    third = LedgerEntry.objects.get(seq=3)
    assert seqs(q="3") == [3] and seqs(q=third.hash[:10]) == [3] and seqs(q=third.hash.upper()) == [3]
    assert seqs(q="f" * 64) == [] and seqs(q="9" * 17) == []
    assert seqs(du="2026-11-24", au="2026-11-24") and 1 not in seqs(du="2026-11-24")
    assert 1 in seqs(au="2026-11-03") and seqs(du="2027-01-01") == []
    assert client.get("/verification/registre/", {"du": "hier", "avant": "x"}).status_code == 200
    everything = seqs()
    monkeypatch.setattr(ledger_views, "PAGE", 7)
    read, page = [], client.get("/verification/registre/")
    while True:
        read += [act.entry.seq for act in page.context["acts"]]
        if not page.context["older"]:
            break
        page = client.get("/verification/registre/" + page.context["older"])
    assert read == everything == sorted(read, reverse=True)


def test_an_entry_its_detail_its_proof_and_its_neighbours(cast, then, tmp_path):
    cast.awarded()
    client = signed_in(cast.auditor)
    entry = LedgerEntry.objects.get(action="opportunity.publish")
    proof = f"/verification/registre/{entry.seq}/preuve.json"
    assert client.get(proof).status_code == 404
    assert "Le prochain relevé signé l’attestera" in words(client.get(f"/verification/registre/{entry.seq}/"))
    assert client.post("/verification/registre/signer/").status_code == 302
    made = Checkpoint.objects.get()
    assert LedgerEntry.objects.get(action="ledger.checkpoint").actor == f"person:{cast.auditor.public_id}"
    assert made.size == LedgerEntry.objects.count()
    page = client.get(f"/verification/registre/{entry.seq}/")
    assert "Odile Responsable" in words(page) and entry.hash[:8] in text_of(page)
    assert (page.context["before"].seq, page.context["after"].seq) == (entry.seq - 1, entry.seq + 1)
    file = tmp_path / "preuve.json"
    file.write_bytes(client.get(proof).content)
    assert json.loads(file.read_text())["body"]["action"] == "opportunity.publish"
    assert verify("proof", file) == 0
    file.write_text(file.read_text().replace("opportunity.publish", "opportunity.cancel"))
    assert verify("proof", file) == 1


def verify(kind: str, file, *more) -> int:
    command = [sys.executable, str(VERIFY), kind, str(file), "--key", keys.key_id(), *more]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_an_export_is_recorded_streamed_and_verified(cast, then, tmp_path):
    cast.awarded()
    client = signed_in(cast.auditor)
    for details in ({}, {"details": "on"}):
        answer = client.post("/verification/registre/exporter/", {"first": "1"} | details)
        assert answer.streaming and "attachment" in answer["Content-Disposition"]
        file = tmp_path / "registre.jsonl"
        file.write_bytes(b"".join(answer.streaming_content))
        assert verify("ledger", file) == 0
        assert ('"salt"' in file.read_text()) is bool(details)
    last = LedgerPayload.objects.filter(action="read.export").latest("entry_id")
    assert last.actor == cast.auditor
    assert (last.body["first"], last.body["last"], last.body["with_payloads"]) == (1, None, True)
    answer = client.post("/verification/registre/exporter/", {"first": "3", "last": "9"})
    file.write_bytes(b"".join(answer.streaming_content))
    assert len(file.read_text().splitlines()) == 7 + 2
    assert verify("ledger", file, "--from", "3") == 0


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"first": ""}, "Ce champ est obligatoire"),
        ({"first": "0"}, "supérieure ou égale à 1"),
        ({"first": "999999"}, "n’a pas encore d’inscription 999999"),
        ({"first": "5", "last": "4"}, "vient avant la première"),
        ({"first": "un"}, "nombre entier"),
        ({"first": "5.5"}, "sans décimales"),
        ({"first": "١,٥"}, "sans décimales"),
        ({"first": "²"}, "nombre entier"),
        ({"first": "1", "last": "9" * 40}, "trop grand"),
    ],
)
def test_bounds_are_checked_and_nothing_is_recorded(cast, then, typed, sentence):
    cast.awarded()
    answer = signed_in(cast.auditor).post("/verification/registre/exporter/", typed)
    assert answer.status_code == 422 and sentence in words(answer)
    assert not LedgerEntry.objects.filter(action="read.export").exists()


def test_an_export_is_named_and_recorded_for_what_it_holds(cast, then):
    cast.awarded()
    end = LedgerEntry.objects.count()
    answer = signed_in(cast.auditor).post("/verification/registre/exporter/", {"first": "1", "last": "99999"})
    assert f'filename="registre-1-{end}.jsonl"' in answer["Content-Disposition"]
    assert len(b"".join(answer.streaming_content).splitlines()) == end + 2
    kept = LedgerPayload.objects.get(action="read.export").body
    assert (kept["first"], kept["last"], kept["with_payloads"]) == (1, end, False)
    told = dict(acts.told(LedgerEntry.objects.filter(action="read.export"), cast.auditor)[0].details)
    assert told == {"De l’inscription": "1", "À l’inscription": str(end), "Détails joints": "non"}


@pytest.mark.parametrize("text", ["²", "١٢", "9" * 30, "-1", "1e3"])
def test_odd_numbers_break_no_page(cast, then, text):
    occasion, _pair = cast.awarded()
    client = signed_in(cast.auditor)
    for path in ("registre/?q=", "registre/?avant=", "recherche/?q=", "recherche/?q=pont&avant=",
                 f"occasions/{occasion.number}/?apres=", "attributions/?apres="):  # fmt: skip
        assert client.get(f"/verification/{path}{quote(text)}").status_code == 200, path


def test_the_pages_are_whole_in_english(cast, then):
    occasion, _pair = cast.awarded()
    plan = plan_of(cast)
    client = signed_in(cast.auditor)
    for path in pages(occasion, plan):
        answer = client.get(f"/en{path}")
        assert answer.status_code == 200 and not re.search(r"\{[{%#]", text_of(answer) if not answer.streaming else "")


def test_a_contract_is_found_with_its_acts(cast, then):
    contract = contract_cast.active(cast)
    client = signed_in(cast.auditor)
    found = client.get("/verification/registre/", {"q": contract.number}).context["acts"]
    assert {"contract.sign", "contract.offer"} <= {act.action for act in found}
