"""Delivering a milestone, examining it criterion by criterion, its files, its lateness, its reminders."""

import hashlib
import io
import uuid
import zipfile
from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contracts import conditions
from contracts import reminders as contract_reminders
from contracts.deliveries import actions as delivery_actions
from contracts.deliveries import section as delivery_section
from contracts.invoices import section as invoice_section
from contracts.models import Contract, CriterionCheck, Delivery, DeliveryFile, Milestone, Passport, Reminder
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from tests import contract_cast as made
from tests.contract_cast import ACCEPTED_AT, DELIVERED_AT
from tests.reading import signed_in, text_of, words
from tests.test_every_page import assert_whole

MIT = "SPDX-License-Identifier: MIT\n"
COMMIT = "SPDX-License-Identifier: MIT\n"


def packed(**files) -> bytes:
    """A .zip of these files."""
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as archive:
        for name, text in (files or {"main.py": "print(1)\n"}).items():
            archive.writestr(name, text)
    return blob.getvalue()


def facts(name: str, blob: bytes) -> dict:
    digest = hashlib.sha256(blob).hexdigest()
    return {"name": name, "size": len(blob), "content_type": "application/zip", "sha256": digest, "scanned": False}


_BLOB = packed()
CODE = (_BLOB, facts("code.zip", _BLOB))  # as marketplace.files.uploads.checked gives it


def sent(name: str, blob: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, blob)


def page(contract, position=1) -> str:
    return reverse("contracts:milestone", args=[contract.number, position])


def deliver_page(contract, position=1) -> str:
    return reverse("contracts:deliver", args=[contract.number, position])


def fetched(client, path):
    """A download, read to its end, which closes its file: (status, bytes, headers)."""
    answer = client.get(path)
    return answer.status_code, answer.getvalue(), answer.headers


def again(row):
    return type(row).objects.get(pk=row.pk)


def answers(row, *, met="yes", **changes) -> dict:
    """What the examine page posts, every criterion answered."""
    posted = {"delivery": str(row.deliveries.last().number), "decision": "accept"}
    for criterion in row.criteria.all():
        posted |= {f"met_{criterion.pk}": met, f"comment_{criterion.pk}": ""}
    return posted | changes


@pytest.fixture
def contract(cast):
    return made.active(cast, amounts=(24_000_00, 40_000_00))


@pytest.fixture
def delivered_day():
    with clock.set_to(DELIVERED_AT):
        yield DELIVERED_AT


# --- The whole way ---------------------------------------------------------------------------------------------------
def test_delivered_returned_delivered_again_accepted(cast, contract, delivered_day):
    vendor, buyer = signed_in(cast.vendor_owner), signed_in(cast.buyer)
    assert_whole("deliver", vendor.get(deliver_page(contract)))
    answer = vendor.post(
        deliver_page(contract),
        {"notes": "**Version 1**, voir <script>alert(1)</script>", "reference": "v1.0", "repository": "",
         "files": [sent("guide.txt", b"Mode d'emploi")]},
    )  # fmt: skip
    assert (answer.status_code, answer["Location"]) == (302, page(contract))
    row = made.milestone(contract)
    assert (row.state, row.delivered_at) == ("delivered", DELIVERED_AT)
    shown = buyer.get(page(contract))
    assert_whole("examine", shown)
    assert "<strong>Version 1</strong>" in text_of(shown) and "<script>alert" not in text_of(shown)
    assert "guide.txt" in words(shown) and "non analysé contre les virus" in words(shown)

    first, second = row.criteria.all()
    posted = answers(row, decision="return", reason="La documentation manque.", cure_by="2026-12-22")
    posted |= {f"met_{second.pk}": "no", f"comment_{second.pk}": "Rien sur l’installation"}
    assert buyer.post(page(contract), posted).status_code == 302
    correcting = words(vendor.get(deliver_page(contract))).split("Critères à corriger")[1].split("Notes de")[0]
    assert second.text in correcting and "Rien sur l’installation" in correcting and first.text not in correcting
    row = again(row)
    assert (row.state, row.cure_by, row.delivered_at) == ("planned", date(2026, 12, 22), None)
    told = OutgoingEmail.objects.get(template="emails/milestone_returned.txt")
    assert told.to == cast.vendor_owner
    assert "La documentation manque." in told.body and "22 décembre 2026" in told.body and page(contract) in told.body
    shown = vendor.get(deliver_page(contract))
    assert "La documentation manque." in words(shown) and "d’ici le 22 décembre 2026" in words(shown)

    posted = {"notes": "Documentation ajoutée.", "reference": "v1.1"}
    assert vendor.post(deliver_page(contract), posted).status_code == 302
    row = again(row)
    assert (row.state, row.cure_by) == ("delivered", None)
    assert buyer.post(page(contract), answers(row)).status_code == 302
    row = again(row)
    assert (row.state, row.accepted_by, row.accepted_at) == ("accepted", cast.buyer, DELIVERED_AT)
    shown = signed_in(cast.auditor).get(page(contract))
    assert_whole("accepted", shown)
    for text in ("Livraison 1", "Rien sur l’installation", "Livraison 2", "Documentation ajoutée.", "Acceptée"):
        assert text in words(shown), text
    assert [d.accepted for d in row.deliveries.all()] == [False, True]
    acts = LedgerEntry.objects.filter(subject=row.ledger_subject()).values_list("action", flat=True)
    assert list(acts) == ["milestone.deliver", "milestone.send_back", "milestone.deliver", "milestone.accept"]
    payload = LedgerPayload.objects.get(action="milestone.send_back").body
    assert (payload["reason"], payload["cure_by"]) == ("La documentation manque.", "2026-12-22")


def test_accepted_once_and_by_one_only(cast, contract, delivered_day):
    """I1: a second acceptance, by the same person or another, changes nothing."""
    row = made.delivered(contract)
    checks = made.all_met(row)
    stale = again(row)
    delivery_actions.accept(row, by=cast.buyer, checks=checks)
    for person in (cast.buyer, cast.other_buyer):
        with pytest.raises(IllegalMove):
            delivery_actions.accept(again(stale), by=person, checks=checks)
        assert signed_in(person).post(page(contract), answers(row)).status_code == 409
        assert signed_in(person).post(page(contract), answers(row, decision="return")).status_code == 409
    assert LedgerEntry.objects.filter(action="milestone.accept").count() == 1
    assert CriterionCheck.objects.count() == 2 and again(row).accepted_by == cast.buyer
    assert OutgoingEmail.objects.filter(template="emails/milestone_accepted.txt").count() == 1


def test_what_the_archive_holds_is_read_at_the_delivery(cast, contract, delivered_day):
    Contract.objects.filter(pk=contract.pk).update(licence="MIT")
    bom = '{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"type": "library", "name": "x"}]}'
    blob = packed(**{"LICENSE": MIT, "publiccode.yml": "name: Ponts\n", "bom.json": bom, "main.py": "print(1)\n"})
    vendor = signed_in(cast.vendor_owner)
    answer = vendor.post(deliver_page(contract), {"notes": "Le code.", "archive": sent("ponts.zip", blob)})
    assert answer.status_code == 302, words(answer)
    kept = Delivery.objects.get()
    found = kept.contents
    assert found["files"] == 4 and found["swhid"].startswith("swh:1:dir:")
    assert found["licence"]["agrees"] and found["sbom"]["components"] == 1
    assert found["publiccode"]["path"] == "publiccode.yml" and found["publiccode"]["errors"]
    archive = kept.files.get()
    assert archive.is_archive and archive.content_type == "application/zip"
    with archive.file.open("rb") as stored:
        assert stored.read() == blob
    shown = signed_in(cast.buyer).get(page(contract))
    assert_whole("contents", shown)
    for text in ("Ce que contient l’archive", "CycloneDX 1.5", "Conforme", "À corriger", found["swhid"]):
        assert text in words(shown), text


def test_what_the_archive_holds_is_told_in_the_readers_language(cast, contract, delivered_day):
    """Also what no database would keep as it came: NUL characters, halves of surrogate pairs."""
    Contract.objects.filter(pk=contract.pk).update(licence="MIT")
    bad = packed(**{"LICENSE": "Tous droits réservés", "publiccode.yml": '"a\\0": 1\n"a\\0": 2\n', "bom.json": "{"})
    vendor = signed_in(cast.vendor_owner)
    assert vendor.post(deliver_page(contract), {"notes": "x", "archive": sent("a.zip", bad)}).status_code == 302
    found = Delivery.objects.get().contents
    assert found["licence"]["sentence"][1] == {"path": "LICENSE", "licence": "MIT"}
    assert found["publiccode"]["errors"] == [["a", "Cette clé est présente deux fois."]]
    reader = signed_in(cast.buyer)
    french, english = words(reader.get(page(contract))), words(reader.get(f"/en{page(contract)}"))
    for text in (
        "« LICENSE » n’est pas reconnu",
        "Cette clé est présente deux fois.",
        "n’est pas un document JSON",
        "Ko",
    ):
        assert text in french and text not in english, text
    for text in ("“LICENSE” is not recognized", "This key appears twice.", "is not a readable JSON document", "kB"):
        assert text in english and text not in french, text


def test_an_archive_without_anything_says_what_is_missing(cast, contract, delivered_day):
    Contract.objects.filter(pk=contract.pk).update(licence="MIT")
    made.delivered(contract, archive=CODE)
    shown = words(signed_in(cast.buyer).get(page(contract)))
    assert "À vérifier" in shown and "Aucun fichier de licence" in shown and "Absent" in shown and "Absente" in shown


def test_the_passport_comes_with_the_acceptance(cast, contract, delivered_day):
    row = made.delivered(contract, archive=CODE)
    assert not Passport.objects.exists()
    delivery_actions.accept(row, by=cast.buyer, checks=made.all_met(row))
    assert Passport.objects.get().delivery == row.deliveries.get()


# --- Who may ---------------------------------------------------------------------------------------------------------
READERS = {"buyer", "other_buyer", "officer", "second_officer", "vendor_owner", "vendor_member", "auditor"}
STRANGERS = {"rival_owner", "outside_buyer", "outside_officer", "administrator", "outsider"}


def test_who_reads_a_milestone_and_its_files(cast, contract, delivered_day, client):
    made.delivered(contract, archive=CODE)
    file = reverse("contracts:delivery_file", args=[contract.number, DeliveryFile.objects.get().public_id])
    for name in READERS | STRANGERS:
        reader = signed_in(getattr(cast, name))
        expected = 200 if name in READERS else 404
        assert (reader.get(page(contract)).status_code, fetched(reader, file)[0]) == (expected, expected), name
    for path in (page(contract), deliver_page(contract), file):
        assert client.get(path)["Location"].startswith("/compte/login/")
        assert client.post(path)["Location"].startswith("/compte/login/")


def test_who_delivers_and_who_answers(cast, contract, delivered_day):
    """Owners and administrators of the winner deliver; the body's buyers answer; nobody else, and nothing changes."""
    row = made.milestone(contract)
    for name in READERS | STRANGERS:
        if name == "vendor_owner":
            continue
        reader, refused = signed_in(getattr(cast, name)), 403 if name in READERS else 404
        assert reader.get(deliver_page(contract)).status_code == refused, name
        assert reader.post(deliver_page(contract), {"notes": "x"}).status_code == refused, name
        with pytest.raises(PermissionDenied):
            delivery_actions.deliver(again(row), by=getattr(cast, name), notes="x")
    assert not Delivery.objects.exists()
    made.delivered(contract)
    for name in READERS | STRANGERS:
        if name in {"buyer", "other_buyer"}:
            continue
        reader, refused = signed_in(getattr(cast, name)), 403 if name in READERS else 404
        for decision in ("accept", "return"):
            posted = answers(row, decision=decision, reason="x", cure_by="2027-01-04")
            assert reader.post(page(contract), posted).status_code == refused, (name, decision)
        if name in READERS:
            assert "Accepter la livraison" not in text_of(reader.get(page(contract))), name
        with pytest.raises(PermissionDenied):
            delivery_actions.accept(again(row), by=getattr(cast, name), checks=made.all_met(row))
    assert again(row).state == "delivered"
    assert "Accepter la livraison" in text_of(signed_in(cast.other_buyer).get(page(contract)))


def test_another_contracts_file_is_not_found_here(cast, contract, delivered_day):
    made.delivered(contract, archive=CODE)
    other = made.active(cast, title="Autre besoin")
    found = DeliveryFile.objects.get().public_id
    owner = signed_in(cast.vendor_owner)
    status, blob, headers = fetched(owner, reverse("contracts:delivery_file", args=[contract.number, found]))
    assert (status, blob[:2], headers["Content-Disposition"]) == (200, b"PK", 'attachment; filename="code.zip"')
    assert headers["X-Content-Type-Options"] == "nosniff" and "no-store" in headers["Cache-Control"]
    assert owner.get(reverse("contracts:delivery_file", args=[other.number, found])).status_code == 404
    assert owner.get(reverse("contracts:delivery_file", args=[contract.number, uuid.uuid4()])).status_code == 404
    assert owner.get(page(contract, 99)).status_code == 404


# --- Not now ---------------------------------------------------------------------------------------------------------
def test_what_is_no_longer_possible_answers_409(cast, contract, delivered_day):
    vendor, buyer = signed_in(cast.vendor_owner), signed_in(cast.buyer)
    row = made.milestone(contract)
    assert buyer.post(page(contract), {"decision": "accept"}).status_code == 409  # nothing is delivered
    made.delivered(contract)
    assert vendor.get(deliver_page(contract)).status_code == 409  # a delivery waits
    assert vendor.post(deliver_page(contract), {"notes": "Encore"}).status_code == 409
    assert Delivery.objects.count() == 1
    delivery_actions.accept(row, by=cast.buyer, checks=made.all_met(row))
    assert vendor.post(deliver_page(contract), {"notes": "Encore"}).status_code == 409


def test_an_ended_contract_takes_no_delivery(cast, contract, delivered_day):
    contract.terminate(by=cast.officer, reason="Besoin disparu")
    vendor = signed_in(cast.vendor_owner)
    assert vendor.get(deliver_page(contract)).status_code == 409
    assert vendor.post(deliver_page(contract), {"notes": "x"}).status_code == 409
    with pytest.raises(ValidationError):
        made.delivered(contract)
    assert "En retard" not in words(vendor.get(page(contract)))


def test_a_contract_that_is_not_concluded_takes_no_delivery(cast, delivered_day):
    contract = made.offered(cast)
    assert signed_in(cast.vendor_owner).post(deliver_page(contract), {"notes": "x"}).status_code == 409
    assert not Delivery.objects.exists()


def test_another_delivery_than_the_one_read_is_not_accepted(cast, contract, delivered_day):
    """A page left open: a colleague returned what it shows, and the vendor delivered again."""
    row = made.delivered(contract)
    posted = answers(row)
    delivery_actions.send_back(row, by=cast.other_buyer, checks={}, reason="Incomplet", cure_by=date(2026, 12, 20))
    delivery_actions.deliver(row, by=cast.vendor_owner, notes="Seconde version")
    answer = signed_in(cast.buyer).post(page(contract), posted)
    assert answer.status_code == 409 and "Une autre livraison" in words(answer)
    assert again(row).state == "delivered" and not CriterionCheck.objects.exists()


# --- Bad input -------------------------------------------------------------------------------------------------------
WRONG_ARCHIVES = {
    "code.exe": (b"MZ", "type non accepté"),
    "code.pdf": (b"%PDF-1.7", "type non accepté"),
    "code.zip": (b"PK\x03\x04 broken", "abîmée ou incomplète"),
    "vide.zip": (b"", "est vide"),
    "faux.zip": (b"<html>", "n’est pas ce que son extension annonce"),
    "faux.tar": (b"ceci n'est pas une archive", "archive non reconnue"),
    "faux.bundle": (b"# vilain bundle", "archive non reconnue"),
    "sort.zip": (packed(**{"../evil.py": "x"}), "sort de l’archive"),
    "gros.zip": (b"PK\x03\x04" + b"0" * (10 * 1024 * 1024), "dépasse 10"),
}


@pytest.mark.parametrize("name", WRONG_ARCHIVES)
def test_a_bad_archive_is_refused_with_its_sentence_and_nothing_is_kept(cast, contract, delivered_day, name):
    blob, sentence = WRONG_ARCHIVES[name]
    answer = signed_in(cast.vendor_owner).post(
        deliver_page(contract), {"notes": "Mes notes à garder", "reference": "v9", "archive": sent(name, blob)}
    )
    assert answer.status_code == 422
    assert sentence in words(answer), words(answer)
    assert "Mes notes à garder" in text_of(answer) and 'value="v9"' in text_of(answer)
    assert "Fichiers non gardés, à choisir de nouveau" in words(answer)
    assert not Delivery.objects.exists() and made.milestone(contract).state == "planned"
    assert_whole("deliver", answer)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"notes": ""}, "obligatoire"),
        ({"notes": " \u200b "}, "obligatoire"),
        ({"notes": "x" * 5_001}, "5 001"),
        ({"reference": "x" * 201}, "201"),
        ({"repository": "ftp://exemple.invalid/code"}, "URL"),
        ({"repository": "javascript:alert(1)"}, "URL"),
        ({"repository": "https://moi:secret@exemple.invalid/code"}, "mot de passe"),
        ({"files": [sent("a.exe", b"MZ")]}, "type non accepté"),
        ({"files": [sent(f"{n}.txt", b"x") for n in range(6)]}, "Au plus 5 fichiers"),
    ],
)
def test_a_bad_delivery_is_shown_again(cast, contract, delivered_day, changes, sentence):
    posted = {"notes": "Mes notes", "repository": "https://git.exemple.invalid/x", "reference": "v1"} | changes
    answer = signed_in(cast.vendor_owner).post(deliver_page(contract), posted)
    assert answer.status_code == 422 and sentence in words(answer), words(answer)
    assert not Delivery.objects.exists()


def test_answers_are_never_lost(cast, contract, delivered_day):
    row = made.delivered(contract)
    first, second = row.criteria.all()
    buyer = signed_in(cast.buyer)
    cases = [
        ({"decision": "accept", f"met_{second.pk}": "no"}, "retournez la livraison avec un motif"),
        ({"decision": "accept", f"met_{second.pk}": ""}, "Dites si ce critère est respecté"),
        ({"decision": "accept", f"met_{second.pk}": "peut-être"}, "Sélectionnez un choix valide"),
        ({"decision": "return", "reason": ""}, "Écrivez ce qui manque"),
        ({"decision": "return", "cure_by": "2026-12-14"}, "au moins un jour"),
        ({"decision": "return", "cure_by": "2028-12-14"}, "trop lointaine"),
        ({"decision": "return", "cure_by": "demain"}, "date valide"),
        ({"decision": "return", f"comment_{first.pk}": "x" * 501}, "501"),
        ({"decision": "accept", "delivery": ""}, "obligatoire"),
    ]
    for changes, sentence in cases:
        posted = answers(row, reason="Motif gardé", cure_by="2026-12-30") | {f"comment_{first.pk}": "Gardé aussi"}
        answer = buyer.post(page(contract), posted | changes)
        text = text_of(answer)
        assert answer.status_code == 422 and sentence in words(answer), (changes, words(answer))
        assert ("Motif gardé" in text) == ("reason" not in changes)
        assert f"comment_{first.pk}" in changes or "Gardé aussi" in text
        assert f'name="met_{first.pk}" value="yes"' in text and "checked" in text
        assert_whole("examine", answer)
    assert again(row).state == "delivered" and not CriterionCheck.objects.exists()


def test_answers_survive_the_end_of_the_session(cast, contract, delivered_day, client):
    row = made.delivered(contract)
    client.force_login(cast.buyer)
    client.get(page(contract))
    client.logout()
    client.get("/")  # a browser that has the site's cookies
    client.cookies["csrftoken"] = "x" * 32
    posted = answers(row, decision="return", reason="Motif écrit avant la fin", cure_by="2026-12-30")
    assert client.post(page(contract), posted)["Location"].startswith("/compte/login/")
    client.force_login(cast.buyer)
    shown = client.get(page(contract))
    assert "Motif écrit avant la fin" in text_of(shown) and again(row).state == "delivered"


def test_a_verb_wants_every_criterion(cast, contract, delivered_day):
    row = made.delivered(contract)
    checks = made.all_met(row)
    for wrong in ({}, dict(list(checks.items())[:1]), dict.fromkeys(checks, (False, "")), {0: (True, "")}):
        with pytest.raises(ValidationError) as error:
            delivery_actions.accept(again(row), by=cast.buyer, checks=wrong)
        assert "checks" in error.value.message_dict
    assert not CriterionCheck.objects.exists() and again(row).deliveries.get().accepted is None


# --- Late ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("instant", "late"),
    [
        ("2026-12-15T12:00:00-05:00", ""),
        ("2026-12-15T23:59:59-05:00", ""),  # already the 16th in UTC
        ("2026-12-16T00:00:00-05:00", "En retard de 1 jour"),
        ("2026-12-25T09:00:00-05:00", "En retard de 10 jours"),
    ],
)
def test_a_planned_milestone_is_late_from_the_day_after(cast, contract, instant, late):
    with clock.set_to(datetime.fromisoformat(instant)):
        shown = delivery_section.section(contract, cast.outsider, clock.now())
        assert shown["rows"][0]["state"]["late"] == late
        vendor = signed_in(cast.vendor_owner)
        for path in (page(contract), contract.get_absolute_url(), reverse("dashboard")):
            shown = text_of(vendor.get(path))
            assert (f'<span class="badge bad">{late}</span>' in shown) if late else "En retard" not in shown, path
        assert (late or "Prévu") in words(vendor.get(page(contract)))


def test_a_milestone_of_a_terminated_contract_is_never_done(cast, contract):
    """Neither planned nor to correct: it will not be delivered."""
    row = made.delivered(contract)
    with clock.set_to(DELIVERED_AT):
        delivery_actions.send_back(row, by=cast.buyer, checks={}, reason="Incomplet", cure_by=date(2026, 12, 24))
        contract.terminate(by=cast.officer, reason="Besoin disparu")
    client = signed_in(cast.buyer)
    for path in (contract.get_absolute_url(), page(contract), page(contract, 2)):
        shown = words(client.get(path))
        assert "Non réalisé" in shown and "Retourné, à corriger" not in shown, path
        assert "livrer d’ici" not in shown and "de nouveau d’ici" not in shown.split("Livraison 1")[0], path
        assert '<span class="badge neutral">Prévu</span>' not in text_of(client.get(path)), path
    assert "résilié avant sa livraison" in words(client.get(page(contract, 2)))


def test_a_returned_milestone_is_late_after_its_own_day(cast, contract):
    row = made.delivered(contract)
    with clock.set_to(DELIVERED_AT):
        delivery_actions.send_back(row, by=cast.buyer, checks={}, reason="Incomplet", cure_by=date(2026, 12, 24))
    row = again(row)
    assert delivery_section.standing(row, date(2026, 12, 24))["late"] == ""
    assert delivery_section.standing(row, date(2026, 12, 26))["late"] == "En retard de 2 jours"
    assert delivery_section.standing(row, None) == {"label": "Retourné, à corriger", "tone": "warn", "late": ""}


def test_a_delivery_without_an_answer_is_said_after_five_business_days(cast, contract):
    row = made.delivered(contract)  # Monday the 14th
    assert delivery_section.standing(row, date(2026, 12, 20))["late"] == ""
    assert delivery_section.standing(row, date(2026, 12, 21))["late"] == "Sans réponse depuis 5 jours ouvrables"


# --- On the contract's page ------------------------------------------------------------------------------------------
def test_the_plan_is_public_and_its_acts_are_not(cast, contract, delivered_day, client):
    made.delivered(contract)
    visitor = client.get(contract.get_absolute_url())
    assert "Jalon 0" in words(visitor) and page(contract) not in text_of(visitor)
    assert "Version 1.0, prête à vérifier." not in text_of(visitor)
    owner = text_of(signed_in(cast.vendor_owner).get(contract.get_absolute_url()))
    assert deliver_page(contract, 2) in owner and deliver_page(contract, 1) not in owner
    rows = delivery_section.section(contract, cast.buyer, clock.now())["rows"]
    assert [str(row["act"]) for row in rows] == ["Examiner", ""]
    assert [row["act"] for row in delivery_section.section(contract, cast.auditor, clock.now())["rows"]] == ["", ""]


@pytest.mark.parametrize("who", ["vendor_owner", "buyer", "officer", "auditor"])
def test_the_sections_cost_the_same_for_one_and_three_milestones(cast, delivered_day, who):
    counts = []
    for amounts in ((64_000_00,), (20_000_00, 20_000_00, 24_000_00)):
        found = made.active(cast, amounts=amounts, title=f"Besoin {len(amounts)}")
        for position in range(1, len(amounts) + 1):
            made.invoiced(cast, found, position)
        user = type(cast.buyer).objects.get(pk=getattr(cast, who).pk)
        fresh = Contract.objects.select_related("award__opportunity__body", "award__proposal__vendor").get(pk=found.pk)
        with CaptureQueriesContext(connection) as captured:
            assert len(delivery_section.section(fresh, user, clock.now())["rows"]) == len(amounts)
            assert len(invoice_section.section(fresh, user, clock.now())["rows"]) == len(amounts)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 8


# --- Reminders -------------------------------------------------------------------------------------------------------
def remind(instant: str) -> list[tuple[str, str]]:
    """Run the morning's task; (template, to whom) of what it wrote."""
    before = set(OutgoingEmail.objects.values_list("pk", flat=True))
    with clock.set_to(datetime.fromisoformat(instant)):
        contract_reminders.remind()
    rows = OutgoingEmail.objects.exclude(pk__in=before).order_by("pk")
    return [(row.template.removeprefix("emails/").removesuffix(".txt"), row.address) for row in rows]


def test_milestones_are_reminded_of_once(cast, contract):
    owner = cast.vendor_owner.email
    assert remind("2026-12-11T07:00:00-05:00") == []  # due on the 15th: four days
    assert remind("2026-12-12T07:00:00-05:00") == [("milestone_due", owner)]
    assert remind("2026-12-12T07:00:00-05:00") == remind("2026-12-13T07:00:00-05:00") == []
    assert remind("2026-12-15T07:00:00-05:00") == []
    assert remind("2026-12-16T07:00:00-05:00") == [("milestone_late", owner)]
    assert remind("2026-12-17T07:00:00-05:00") == []
    assert remind("2026-12-23T07:00:00-05:00") == [("milestone_late", owner)]  # the second milestone, never announced
    Milestone.objects.filter(contract=contract, position=1).update(due_date=date(2026, 12, 26))
    assert remind("2026-12-24T07:00:00-05:00") == [("milestone_due", owner)]  # another date is another event
    assert Reminder.objects.count() == 4


def test_a_day_without_the_task_loses_nothing(cast, contract):
    assert remind("2026-12-14T07:00:00-05:00") == [("milestone_due", cast.vendor_owner.email)]


def test_deliveries_that_wait_and_corrections(cast, contract):
    row = made.delivered(contract)  # Monday the 14th
    buyers = [("milestone_waiting", person.email) for person in (cast.buyer, cast.other_buyer)]
    Milestone.objects.filter(contract=contract, position=2).update(due_date=date(2027, 3, 1))
    assert remind("2026-12-18T07:00:00-05:00") == []
    assert remind("2026-12-21T07:00:00-05:00") == buyers
    assert remind("2026-12-22T07:00:00-05:00") == []
    with clock.set_to(datetime.fromisoformat("2026-12-22T10:00:00-05:00")):
        delivery_actions.send_back(row, by=cast.buyer, checks={}, reason="Incomplet", cure_by=date(2027, 1, 5))
    owner = cast.vendor_owner.email
    assert remind("2027-01-03T07:00:00-05:00") == []
    assert remind("2027-01-04T07:00:00-05:00") == [("milestone_cure", owner)]
    assert remind("2027-01-05T07:00:00-05:00") == []
    assert remind("2027-01-06T07:00:00-05:00") == [("milestone_late", owner)]


def test_what_was_done_is_not_reminded_of(cast, contract):
    made.accepted(cast, contract)
    assert remind("2026-12-18T07:00:00-05:00") == []
    with clock.set_to(ACCEPTED_AT + timedelta(days=3)):
        contract.terminate(by=cast.officer, reason="Besoin disparu")
    assert remind("2027-02-01T07:00:00-05:00") == []


def test_the_schedule_knows_the_task():
    from marketplace.celery import app

    app.loader.import_default_modules()
    names = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert "contracts.tasks_reminders.remind" in names <= set(app.tasks)


def test_the_day_to_correct_by_is_after_today(cast, contract):
    with pytest.raises(ValidationError):
        conditions.cure_day(made.milestone(contract), None, DELIVERED_AT)
