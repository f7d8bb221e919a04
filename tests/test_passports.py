"""The deliverable passport: what the accepted archive holds, signed; what disagrees is said; anybody verifies it."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client
from pypdf import PdfReader

from contracts.code import archive, swhid
from contracts.deliveries import actions as delivery_actions
from contracts.models import Passport
from contracts.reuse import actions as reuse_actions
from contracts.reuse import passports
from contracts.reuse import section as reuse_section
from marketplace import keys
from marketplace.dates import clock
from marketplace.files import store
from marketplace.ledger.entries import canonical
from marketplace.models import LedgerPayload
from tests import contract_cast
from tests.contract_cast import ACCEPTED_AT, DELIVERED_AT
from tests.reading import signed_in, words
from tools import verify

LICENCE = b"SPDX-License-Identifier: LiLiQ-R-1.1\n"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PUBLICCODE = """\
publiccodeYmlVersion: "0.5"
name: Carte des ponts
url: https://git.exemple.invalid/atelier/ponts.git
platforms: [web]
developmentStatus: stable
softwareType: standalone/web
description:
  en:
    shortDescription: Map of bridge load limits, for truck drivers and dispatchers.
    longDescription: &LONG
    features: [Map]
  fr:
    shortDescription: Carte des limites de charge des ponts, pour les camionneurs.
    longDescription: LONG
    features: [Carte]
legal:
  license: LiLiQ-R-1.1
maintenance:
  type: internal
  contacts:
    - name: Atelier Boréal
localisation:
  localisationReady: true
  availableLanguages: [fr]
""".replace("&LONG", "LONG").replace("LONG", "Une carte tenue à jour chaque nuit. " * 10)
SBOM = json.dumps(
    {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"name": "django"}, {"name": "psycopg"}]}
).encode()
FILES = {"README.md": b"# Ponts\n", "LICENSE": LICENCE, "publiccode.yml": PUBLICCODE.encode(), "bom.json": SBOM}


def tar_gz(files: dict[str, bytes], *, commit: str = COMMIT, top: str = "ponts-1.0/") -> tuple[bytes, dict]:
    """(bytes, description) of an archive as `git archive` makes them, as marketplace.files.uploads.checked gives it."""
    buffer = io.BytesIO()
    pax = {"comment": commit} if commit else {}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers=pax) as packed:
        for path, data in files.items():
            info = tarfile.TarInfo(top + path)
            info.size, info.mode = len(data), 0o755 if path.endswith(".sh") else 0o644
            packed.addfile(info, io.BytesIO(data))
    # Without the hour: the same files give the same bytes, in whatever second they are packed.
    return described("code.tar.gz", gzip.compress(buffer.getvalue(), mtime=0), "application/gzip")


def zipped(files: dict[str, bytes]) -> tuple[bytes, dict]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, data in files.items():
            packed.writestr(path, data)
    return described("code.zip", buffer.getvalue(), "application/zip")


def described(name: str, blob: bytes, kind: str) -> tuple[bytes, dict]:
    digest = hashlib.sha256(blob).hexdigest()
    return blob, {"name": name, "content_type": kind, "size": len(blob), "sha256": digest, "scanned": False}


def deliver(contract, made, *, reference="v1.0", position=1, at=DELIVERED_AT):
    row = contract_cast.milestone(contract, position)
    with clock.set_to(at):
        return delivery_actions.deliver(
            row, by=contract_cast.owner(contract), notes="Prêt.", reference=reference, archive=made,
            repository="https://git.exemple.invalid/atelier/ponts",
        )  # fmt: skip


def accept(cast, contract, *, position=1, at=ACCEPTED_AT):
    row = contract_cast.milestone(contract, position)
    with clock.set_to(at):
        return delivery_actions.accept(row, by=cast.buyer, checks=contract_cast.all_met(row))


def issued(cast, files=None, *, contract=None, reference="v1.0", commit=COMMIT, **occasion) -> Passport:
    """A passport through the whole chain: an active contract, its first milestone delivered, then accepted."""
    contract = contract or contract_cast.active(cast, **occasion)
    deliver(contract, tar_gz(FILES if files is None else files, commit=commit), reference=reference)
    accept(cast, contract)
    return contract.passports.get(superseded_at=None)


# --- What it says ----------------------------------------------------------------------------------------------------
def test_a_passport_says_what_the_archive_holds(cast):
    passport = issued(cast, reference=COMMIT)
    said = passport.document
    assert passport.swhid == swhid.directory({path: (archive.FILE, data) for path, data in FILES.items()})
    assert passport.commit == COMMIT and said["commit_agrees"] is True
    assert (passport.licence, passport.open_licence, said["licence_agrees"]) == ("LiLiQ-R-1.1", True, True)
    assert (passport.sbom_format, passport.sbom_components) == ("CycloneDX 1.5", 2)
    assert passport.sbom_sha256 == hashlib.sha256(SBOM).hexdigest()
    assert passport.archive_sha256 == passport.delivery.files.get().sha256
    assert passport.publiccode == PUBLICCODE and passport.publiccode_problems == []
    assert said["publiccode_sha256"] == hashlib.sha256(PUBLICCODE.encode()).hexdigest()
    assert passport.name == "Carte des ponts"
    assert passport.summary == "Carte des limites de charge des ponts, pour les camionneurs."
    assert reuse_section.findings(passport) == []
    assert " cart " in passport.search_text and " python " in passport.search_text


def test_a_passport_is_signed_and_in_the_ledger(cast):
    passport = issued(cast)
    said = passport.document
    bare = {name: value for name, value in said.items() if name != "signature"}
    assert verify.signed(canonical(bare), said["signature"], keys.key_id())
    assert set(said) == set(verify.PASSPORT)
    told = LedgerPayload.objects.get(action="passport.issue")
    assert told.subject == passport.contract.ledger_subject() and told.actor == cast.buyer
    assert told.body["swhid"] == passport.swhid and told.body["passport"] == str(passport.public_id)
    assert told.body["document_sha256"] == hashlib.sha256(canonical(said)).hexdigest()
    everything = json.dumps(said, ensure_ascii=False)
    assert not any(name in everything for name in (cast.buyer.name, cast.vendor_owner.name, cast.vendor_owner.email))


def test_without_a_publiccode_the_notice_describes_it(cast):
    passport = issued(cast, {"README.md": b"#", "LICENSE": LICENCE})
    occasion = passport.contract.opportunity
    assert (passport.name, passport.summary) == (occasion.title, occasion.teaser)
    assert passport.publiccode is None and passport.sbom_sha256 == "" and passport.open_licence
    told = reuse_section.findings(passport)
    assert len(told) == 2 and "publiccode.yml" in told[0] and "SBOM" in told[1]


BAD = {
    "broken": "name: [",
    "no licence": PUBLICCODE.replace("  license: LiLiQ-R-1.1", "  mainCopyrightOwner: Moi"),
    "not text": PUBLICCODE.replace("name: Carte des ponts", "name: 12"),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_an_invalid_publiccode_is_refused_and_its_problems_kept(cast, text):
    passport = issued(cast, FILES | {"publiccode.yml": text.encode()})
    if "name: 12" in text:  # YAML reads a number, the standard a text: the file's own text is kept
        return
    assert passport.publiccode is None and passport.publiccode_problems
    assert passport.document["publiccode_sha256"] == ""
    assert passport.name == passport.contract.title
    assert Client().get(f"{passport.get_absolute_url()}publiccode.yml").status_code == 404


@pytest.mark.parametrize(
    ("files", "licence", "shared"),
    [
        (FILES, "LiLiQ-R-1.1", True),
        (FILES, "MIT", False),
        ({"README.md": b"#"}, "LiLiQ-R-1.1", False),
        (FILES | {"LICENSE": b"Tous droits reserves"}, "LiLiQ-R-1.1", False),
        (FILES | {"LICENSE": b"SPDX-License-Identifier: MIT"}, "MIT", True),
        (FILES | {"LICENSE": b"SPDX-License-Identifier: Apache-2.0"}, "Apache-2.0", True),
        (FILES | {"LICENSE": b"SPDX-License-Identifier: GPL-3.0-or-later"}, "GPL-3.0-or-later", True),
        (FILES, "assignment", False),
    ],
)
def test_only_code_whose_licence_file_is_the_contracts_is_shared(cast, files, licence, shared):
    passport = issued(cast, files, code_licence=licence)
    assert passport.open_licence is shared
    assert Passport.objects.catalogued().exists() is shared
    assert passport.licence == ("NOASSERTION" if licence == "assignment" else licence)
    if not shared:
        assert reuse_section.why_not_shared(passport)


def test_a_publiccode_that_announces_another_licence_is_told(cast):
    passport = issued(cast, FILES | {"publiccode.yml": PUBLICCODE.replace("LiLiQ-R-1.1", "MIT").encode()})
    assert passport.publiccode is not None and passport.open_licence
    assert "MIT" in reuse_section.findings(passport)[0]


@pytest.mark.parametrize(
    ("reference", "declared", "agrees", "kept"),
    [
        (COMMIT, COMMIT, True, COMMIT),
        (COMMIT.upper(), COMMIT, True, COMMIT),
        (COMMIT[:10], COMMIT, True, COMMIT),
        ("f" * 40, COMMIT, False, COMMIT),
        ("fffffff", COMMIT, False, COMMIT),
        ("v1.0", COMMIT, None, COMMIT),
        ("", COMMIT, None, COMMIT),
        (COMMIT, "", None, COMMIT),
        ("v1.0", "", None, ""),
    ],
)
def test_the_commit_of_the_archive_against_the_one_named(cast, reference, declared, agrees, kept):
    passport = issued(cast, reference=reference, commit=declared)
    assert passport.document["commit_agrees"] is agrees
    assert passport.commit == kept
    assert ("commit" in " ".join(reuse_section.findings(passport))) is (agrees is False)


def test_a_later_delivery_takes_the_place_of_the_former_passport(cast):
    contract = contract_cast.active(cast)
    first = issued(cast, contract=contract)
    later = ACCEPTED_AT + timedelta(days=3)
    deliver(contract, tar_gz(FILES | {"README.md": b"# Ponts 2\n"}), position=2, at=later)
    accept(cast, contract, position=2, at=later)
    second = contract.passports.get(superseded_at=None)
    first.refresh_from_db()
    assert first.superseded_at == second.at == later
    assert second.document["supersedes"] == str(first.public_id) and second.swhid != first.swhid
    assert list(Passport.objects.catalogued()) == [second]
    page = words(Client().get(first.get_absolute_url()))
    assert "Ce passeport a été remplacé" in page and "Voir le passeport en vigueur" in page


def test_code_that_is_not_open_pushes_nothing_out_of_the_catalogue(cast):
    contract = contract_cast.active(cast)
    first = issued(cast, contract=contract)
    later = ACCEPTED_AT + timedelta(days=3)
    deliver(contract, tar_gz(FILES | {"LICENSE": b"SPDX-License-Identifier: MIT\n"}), position=2, at=later)
    accept(cast, contract, position=2, at=later)
    assert list(Passport.objects.catalogued()) == [first]
    second = contract.passports.exclude(pk=first.pk).get()
    assert not second.open_licence and not second.document["supersedes"]
    assert "Ce passeport a été remplacé" not in words(Client().get(first.get_absolute_url()))


def test_no_archive_no_passport(cast):
    contract = contract_cast.active(cast)
    contract_cast.accepted(cast, contract)
    assert not contract.passports.exists()


def test_an_archive_changed_on_the_disk_stops_the_acceptance(cast):
    contract = contract_cast.active(cast)
    made = deliver(contract, tar_gz(FILES))
    stored = made.files.get().file.name
    store.storage.remove(stored)
    store.storage.write(stored, tar_gz(FILES | {"a": b"b"})[0])
    with pytest.raises(ValidationError, match="n’est plus celle"):
        accept(cast, contract)
    assert contract_cast.milestone(contract).state == "delivered" and not contract.passports.exists()


def test_what_was_read_for_another_delivery_is_not_used(cast):
    contract = contract_cast.active(cast)
    deliver(contract, tar_gz(FILES))
    stale = passports.examine(delivery_actions.waiting(contract_cast.milestone(contract)))
    row = contract_cast.milestone(contract)
    with clock.set_to(DELIVERED_AT + timedelta(hours=1)):
        delivery_actions.send_back(
            row, by=cast.buyer, checks={}, reason="À refaire.", cure_by=DELIVERED_AT.date() + timedelta(days=9)
        )
    again = deliver(contract, tar_gz(FILES | {"b": b"2"}), at=DELIVERED_AT + timedelta(hours=2))
    again.accepted, again.decided_by, again.decided_at = True, cast.buyer, ACCEPTED_AT
    again.save()
    with transaction.atomic():
        made = reuse_actions.issue(again, by=cast.buyer, at=ACCEPTED_AT, facts=stale)
    assert made.swhid != stale.swhid and made.archive_sha256 == again.files.get().sha256


# --- Its files -------------------------------------------------------------------------------------------------------
def test_the_pdf_and_the_json_are_the_passport(cast):
    passport = issued(cast)
    address = passport.get_absolute_url()
    answer = Client().get(f"{address}passeport.json")
    assert json.loads(answer.content) == passport.document
    assert answer["Content-Disposition"].startswith("attachment")
    answer = Client().get(f"{address}passeport.pdf")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    flat = "".join(text.split())
    for part in (passport.contract.number, passport.swhid, passport.archive_sha256, "LiLiQ-R-1.1", "16décembre2026"):
        assert part in flat, part
    assert Client().get(f"{address}passeport.pdf").content == answer.content
    answer = Client().get(f"{address}publiccode.yml")
    assert answer.content.decode() == PUBLICCODE and "yaml" in answer["Content-Type"]


WHO = {"anonymous": 404, "outsider": 404, "rival_owner": 404, "outside_buyer": 404, "vendor_owner": 200, "buyer": 200,
       "officer": 200, "auditor": 200}  # fmt: skip


@pytest.mark.parametrize(("who", "status"), WHO.items())
def test_code_that_is_not_open_is_for_the_parties_and_auditors(cast, who, status):
    passport = issued(cast, code_licence="assignment")
    client = Client() if who == "anonymous" else signed_in(getattr(cast, who))
    for page in ("", "passeport.json", "passeport.pdf", "publiccode.yml"):
        assert client.get(passport.get_absolute_url() + page).status_code == status, page


# --- Verified without the platform -----------------------------------------------------------------------------------
@pytest.fixture
def papers(cast, tmp_path):
    """(passport file, archive file) of an issued passport."""
    files = FILES | {"bin/démarrer.sh": b"#!/bin/sh\n", "a.b": b"1", "a/c": b"2", "a0": b"3"}
    passport = issued(cast, files)
    paper, packed = tmp_path / "passeport.json", tmp_path / "code.tar.gz"
    paper.write_text(json.dumps(passport.document, ensure_ascii=False, indent=1), encoding="utf-8")
    packed.write_bytes(tar_gz(files)[0])
    return paper, packed


def test_the_tool_verifies_a_passport_and_its_archive(papers, capsys):
    paper, packed = papers
    assert verify.main(["passport", str(paper), "--key", keys.key_id(), "--archive", str(packed)]) == 0
    said = capsys.readouterr().out
    assert "Passeport vérifié" in said and "octet pour octet" in said and "swh:1:dir:" in said
    assert verify.main(["passport", str(paper), "--lang", "en"]) == 0
    assert "WARNING" in capsys.readouterr().out


def test_the_tool_recognises_the_same_content_packed_otherwise(papers, tmp_path, capsys):
    """Other bytes, the same files: the archive is another one, the code is the same."""
    paper, _packed = papers
    files = FILES | {"bin/démarrer.sh": b"#!/bin/sh\n", "a.b": b"1", "a/c": b"2", "a0": b"3"}
    other = tmp_path / "autre.tar.gz"
    other.write_bytes(tar_gz(files, commit="", top="x/")[0])
    assert verify.main(["passport", str(paper), "--archive", str(other)]) == 0
    assert "même contenu" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["swhid", "licence", "contract", "commit", "body", "archive_sha256", "open_licence"])
def test_a_changed_passport_is_found_out(papers, name, capsys):
    paper, packed = papers
    said = json.loads(paper.read_text(encoding="utf-8"))
    said[name] = not said[name] if isinstance(said[name], bool) else said[name] + "x"
    paper.write_text(json.dumps(said), encoding="utf-8")
    assert verify.main(["passport", str(paper), "--archive", str(packed)]) == 1
    assert "changé" in capsys.readouterr().out


def test_what_is_not_a_passport_or_another_code(papers, tmp_path, capsys):
    paper, _packed = papers
    other = tmp_path / "code.zip"
    other.write_bytes(zipped(FILES)[0])
    assert verify.main(["passport", str(paper), "--archive", str(other)]) == 1
    assert "Ce code n’est pas celui" in capsys.readouterr().out
    assert verify.main(["passport", str(paper), "--key", "A" * 43 + "="]) == 1
    said = json.loads(paper.read_text(encoding="utf-8"))
    for wrong in (said | {"more": 1}, {k: v for k, v in said.items() if k != "swhid"}, said | {"milestone": "1"}):
        paper.write_text(json.dumps(wrong), encoding="utf-8")
        assert verify.main(["passport", str(paper)]) == 1
    other.write_bytes(b"not an archive")
    paper.write_text(json.dumps(said), encoding="utf-8")
    assert verify.main(["passport", str(paper), "--archive", str(other)]) == 2
    assert verify.main(["passport", str(paper), "--archive", str(tmp_path / "absent")]) == 2
