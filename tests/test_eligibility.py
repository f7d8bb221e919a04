"""Who may answer, be retained, be paid: the dates, the threshold, the registers; refused at each door, with reasons."""

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.dates import clock
from marketplace.files import store
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.models import Award, Proposal, Recommendation, Submission
from tests.cast import CLOSES_AT, PUBLISHED_AT, person, vendor
from tests.desk import PDF, put, text_of, url
from tests.unguarded import unguarded
from vendors.eligibility import actions as eligibility
from vendors.models import Ineligibility, TaxAttestation, end_of_third_month

DAY = date(2026, 11, 3)
AFTER = CLOSES_AT + timedelta(days=2)
LEAST = 25_000_00


@pytest.fixture
def firm(cast):
    """A vendor without any attestation."""
    cast.vendor.attestations.all().delete()
    return cast.vendor


def issue(firm, issued_on, *, number="RQ-TEST-1", **fields) -> TaxAttestation:
    owner = firm.memberships.filter(role="owner").earliest("pk").user
    return TaxAttestation.objects.create(
        vendor=firm, number=number, issued_on=issued_on, added_by=owner, at=PUBLISHED_AT, **fields
    )


def bar(cast, firm, since=date(2026, 1, 1), until=None, **fields) -> Ineligibility:
    fields = {"source": "rena", "recorded_by": cast.administrator, "at": PUBLISHED_AT} | fields
    return Ineligibility.objects.create(vendor=firm, since=since, until=until, **fields)


def codes(firm, *, amount=LEAST, on=DAY, integrity=True) -> list[str]:
    return [reason.code for reason in eligibility.reasons(firm, amount_cents=amount, on=on, integrity=integrity)]


def local_noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 17, tzinfo=UTC)


def logged(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- How long an attestation counts ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("issued", "last"),
    [
        ("2026-08-15", "2026-11-30"),
        ("2026-08-01", "2026-11-30"),
        ("2026-08-31", "2026-11-30"),
        ("2026-11-30", "2027-02-28"),  # February
        ("2027-11-01", "2028-02-29"),  # a leap year
        ("2096-11-15", "2097-02-28"),
        ("2026-09-30", "2026-12-31"),  # the year's last day
        ("2026-10-01", "2027-01-31"),  # the next year
        ("2026-12-31", "2027-03-31"),
        ("2028-02-29", "2028-05-31"),
    ],
)
def test_until_the_end_of_the_third_month(firm, issued, last):
    issued, last = date.fromisoformat(issued), date.fromisoformat(last)
    assert end_of_third_month(issued) == last
    issue(firm, issued)
    assert codes(firm, on=issued) == codes(firm, on=last) == []
    assert codes(firm, on=issued - timedelta(days=1)) == codes(firm, on=last + timedelta(days=1)) == ["attestation"]


def test_the_threshold_to_the_cent(firm):
    assert codes(firm, amount=LEAST - 1) == []
    assert codes(firm, amount=LEAST) == codes(firm, amount=LEAST + 1) == ["attestation"]
    issue(firm, date(2026, 10, 31))
    assert codes(firm, amount=LEAST) == []


def test_the_threshold_has_dates(firm, settings):
    settings.ATTESTATION_FROM_CENTS = [(date(2000, 1, 1), LEAST), (date(2026, 11, 4), 30_000_00)]
    assert codes(firm, on=DAY) == ["attestation"]
    assert codes(firm, on=DAY + timedelta(days=1)) == []


def test_the_last_one_counts_and_a_withdrawn_one_does_not(firm):
    issue(firm, date(2026, 1, 10))
    assert codes(firm) == ["attestation"]
    fresh = issue(firm, date(2026, 10, 10), number="RQ-TEST-2")
    issue(firm, date(2026, 12, 1), number="RQ-TEST-3")  # of a later day: not yet
    assert codes(firm) == []
    TaxAttestation.objects.filter(pk=fresh.pk).update(withdrawn_at=PUBLISHED_AT)
    assert codes(firm) == ["attestation"]


def test_the_sentences_say_what_to_do(cast, firm):
    bar(cast, firm, until=date(2026, 12, 31))
    with pytest.raises(ValidationError) as refused:
        eligibility.check(firm, amount_cents=LEAST, on=DAY, integrity=False, field="price")
    told = [line.replace("\u00a0", " ") for line in refused.value.message_dict["price"]]
    assert len(told) == 3
    assert told[0].startswith("La déclaration d’intégrité manque")
    assert "valide le 3 novembre 2026" in told[1] and "25 000 $" in told[1] and "doit en ajouter une" in told[1]
    assert "du 1er janvier 2026 au 31 décembre 2026" in told[2] and "RENA" in told[2]
    issue(firm, date(2026, 7, 15), number="RQ-VIEUX")
    late = eligibility.reasons(firm, amount_cents=LEAST, on=DAY, integrity=True)[0].text.replace("\u00a0", " ")
    assert "n° RQ-VIEUX n’est plus valide depuis le 1er novembre 2026" in late
    with pytest.raises(ValidationError) as refused:
        eligibility.check(firm, amount_cents=LEAST, on=DAY, integrity=True)
    assert len(refused.value.messages) == 2


# --- Registers -------------------------------------------------------------------------------------------------------
def test_the_window_of_an_ineligibility(cast):
    row = bar(cast, cast.vendor, date(2026, 11, 3), date(2026, 11, 20), source="oqlf")
    for on, barred in [(2, False), (3, True), (10, True), (20, True), (21, False)]:
        assert codes(cast.vendor, on=date(2026, 11, on)) == (["ineligible"] if barred else []), on
    assert codes(cast.rival) == []
    Ineligibility.objects.filter(pk=row.pk).update(until=None)
    assert codes(cast.vendor, on=date(2027, 1, 30)) == ["ineligible"]
    Ineligibility.objects.filter(pk=row.pk).update(lifted_at=PUBLISHED_AT, lifted_by=cast.administrator)
    assert codes(cast.vendor) == []


def test_every_register_is_told(cast):
    bar(cast, cast.vendor)
    bar(cast, cast.vendor, source="oqlf")
    assert codes(cast.vendor, amount=1) == ["ineligible", "ineligible"]


@pytest.mark.parametrize("count", [1, 3])
def test_two_queries_at_most(cast, count):
    firms = [vendor(f"Firme {n}", person(f"Firmin {n}")) for n in range(count)]
    with CaptureQueriesContext(connection) as queries:
        found = eligibility.standings([eligibility.Case(firm, LEAST) for firm in firms], on=DAY)
    assert len(queries) == 2
    assert [standing.vendor for standing in found] == firms
    assert all(standing.attestation and not standing.reasons for standing in found)
    with CaptureQueriesContext(connection) as queries:
        eligibility.standings([eligibility.Case(firm, LEAST - 1) for firm in firms], on=DAY)
    assert len(queries) == 1


# --- At the dépôt ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["quality_fixed", "quality_min_price"])
def test_a_deposit_is_refused_over_http_and_keeps_what_was_typed(firm, cast, client, now, mode):
    """By the vendor's price, or the budget where the occasion fixes it."""
    proposal = cast.proposal(cast.published(mode=mode), price_cents=LEAST)
    client.force_login(cast.vendor_owner)
    answer = put(client, proposal)
    page = text_of(answer)
    assert answer.status_code == 422
    assert "Il manque une attestation de Revenu Québec valide le 3 novembre 2026" in page
    assert reverse("vendors:papers", args=[firm.public_id]) in page
    assert page.count("checked") == 4
    assert not Submission.objects.exists()
    assert Proposal.objects.get(pk=proposal.pk).state == "draft"
    issue(firm, DAY)
    assert put(client, proposal).status_code == 302
    assert Submission.objects.count() == 1


def test_under_the_threshold_the_price_counts_not_the_budget(firm, cast, client, now):
    proposal = cast.proposal(cast.published(mode="price"), price_cents=LEAST - 1)
    client.force_login(cast.vendor_owner)
    assert put(client, proposal).status_code == 302


def test_a_barred_vendor_deposits_nothing_and_keeps_its_previous_deposit(cast, client, now):
    proposal = cast.submitted(cast.published(mode="price"), price_cents=1_000_00)
    bar(cast, cast.vendor)
    client.force_login(cast.vendor_owner)
    answer = put(client, proposal)
    assert answer.status_code == 422
    assert "registre des entreprises non admissibles (RENA)" in text_of(answer)
    assert proposal.submissions.count() == 1
    assert client.get(url("withdraw", proposal)).status_code == 200


def test_the_day_is_counted_in_quebec(firm, cast):
    """Valid through 31 January: at 23 h 59 in Québec it is already February in Greenwich."""
    closes_at = datetime(2027, 2, 3, 19, tzinfo=UTC)
    occasion = cast.published(closes_at=closes_at)
    issue(firm, date(2026, 10, 15))
    last = datetime(2027, 2, 1, 4, 59, tzinfo=UTC)
    proposal = cast.proposal(occasion)
    with pytest.raises(ValidationError):
        cast.deposit(proposal, at=last + timedelta(minutes=1))
    cast.deposit(proposal, at=last)
    assert proposal.submissions.count() == 1


# --- At the award ----------------------------------------------------------------------------------------------------
def page(name, occasion) -> str:
    return reverse(f"proposals:{name}", args=[occasion.number])


def recommend(occasion, proposal, by):
    with clock.set_to(AFTER):
        award_actions.recommend(Opportunity.objects.get(pk=occasion.pk), proposal, by=by)


def test_expired_between_the_deposit_and_the_recommendation(cast):
    occasion, (first, second) = cast.scored()
    cast.vendor.attestations.update(issued_on=date(2026, 8, 1))  # valid through 30 November
    with clock.set_to(datetime(2026, 12, 1, 5, 0, tzinfo=UTC)):
        with pytest.raises(ValidationError) as refused:
            award_actions.recommend(occasion, first, by=cast.buyer)
        assert "n’est plus valide depuis le" in refused.value.message_dict["proposal"][0]
        assert Opportunity.objects.get(pk=occasion.pk).state == occasion.state == "evaluation"
        award_actions.recommend(occasion, second, by=cast.buyer, justification="La première n’est plus admissible.")


def test_a_recommendation_is_refused_over_http(cast):
    occasion, (first, _second) = cast.scored()
    client = logged(cast.buyer)
    with clock.set_to(AFTER):
        assert "Attestation à vérifier" in text_of(client.get(page("recommend", occasion)))
        bar(cast, cast.vendor)
        shown = text_of(client.get(page("recommend", occasion)))
        assert "Admissibilité" in shown and "Ne peut pas être retenu" in shown and "RENA" in shown
        typed = {"proposal": str(first.public_id), "justification": "Un texte à garder."}
        answer = client.post(page("recommend", occasion), typed)
    assert answer.status_code == 422
    assert answer.context["form"].errors["proposal"]
    assert "Un texte à garder." in text_of(answer)
    assert not Recommendation.objects.exists()


def test_a_confirmation_is_refused_then_allowed_once_settled(cast):
    occasion, (first, _second) = cast.recommended()
    cast.vendor.attestations.update(issued_on=date(2026, 8, 1))
    client = logged(cast.officer)
    december = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
    with clock.set_to(december):
        shown = client.get(page("confirm", occasion))
        assert "Ne peut pas être retenu" in text_of(shown) and "Rien à signaler" not in text_of(shown)
        data = {"recommendation": shown.context["recommendation"].pk}
        answer = client.post(page("confirm", occasion), data)
        assert answer.status_code == 422
        assert "n’est plus valide depuis le" in text_of(answer).partition("Admissibilité")[0]
        assert not Award.objects.exists()
        assert Opportunity.objects.get(pk=occasion.pk).state == "recommended"
        assert Proposal.objects.get(pk=first.pk).state == "scored"
        eligibility.declare(cast.vendor, by=cast.vendor_owner, number="RQ-NEUF", issued_on=date(2026, 12, 1))
        assert "Attestation à vérifier" in text_of(client.get(page("confirm", occasion)))
        assert client.post(page("confirm", occasion), data).status_code == 302
    assert Award.objects.get().proposal == first


def test_a_refused_confirmation_changes_nothing_in_the_callers_hands(cast):
    occasion, _proposals = cast.recommended()
    bar(cast, cast.vendor)
    with clock.set_to(AFTER), pytest.raises(ValidationError):
        award_actions.confirm(occasion, by=cast.officer)
    assert occasion.state == "recommended"


def test_a_sealed_declaration_is_asked_for(cast):
    occasion, (first, _second) = cast.scored()
    content = first.opened.content
    assert content.pop("integrity_declaration")
    with unguarded():
        first.opened.save(update_fields=["content"])
    with pytest.raises(ValidationError, match="déclaration d’intégrité"):
        recommend(occasion, first, cast.buyer)


@pytest.mark.parametrize(("name", "stage"), [("recommend", "scored"), ("confirm", "recommended")])
def test_the_panel_costs_two_queries(cast, name, stage):
    counts = []
    for proposals in (1, 2):
        occasion, _made = getattr(cast, stage)(proposals=proposals, mode="quality_fixed")
        with clock.set_to(AFTER):
            client = logged(cast.buyer if name == "recommend" else cast.officer)
            client.get(page(name, occasion))
            with CaptureQueriesContext(connection) as queries:
                assert client.get(page(name, occasion)).status_code == 200
        tables = [query["sql"] for query in queries]
        counts.append(sum("vendors_taxattestation" in sql or "vendors_ineligibility" in sql for sql in tables))
    assert counts == [2, 2]


# --- Verified by an officer ------------------------------------------------------------------------------------------
def test_an_officer_notes_that_it_was_verified(cast):
    occasion, (first, _second) = cast.recommended()
    paper = cast.vendor.attestations.get()
    client = logged(cast.officer)
    with clock.set_to(AFTER):
        shown = text_of(client.get(page("confirm", occasion)))
        assert "n° RQ-2026-000001" in shown and "non vérifiée" in shown
        answer = client.post(page("confirm", occasion), {"verify": str(paper.public_id)})
        assert answer.status_code == 302
        shown = text_of(client.get(page("confirm", occasion)))
        assert "vérifiée le 26 novembre 2026" in shown and "non vérifiée" not in shown
        assert client.post(page("confirm", occasion), {"verify": str(paper.public_id)}).status_code == 409
        assert "vérifiée" not in text_of(
            logged(cast.vendor_owner).get(papers_of(cast.vendor))
        )  # it would tell who wins
    paper.refresh_from_db()
    assert (paper.verified_by, paper.verified_at) == (cast.officer, AFTER)
    assert not Award.objects.exists()
    payload = LedgerPayload.objects.get(action="attestation.verify")
    assert payload.subject == first.ledger_subject() and payload.actor == cast.officer
    assert payload.entry.action == "sealed"


@pytest.mark.parametrize(
    ("who", "status"),
    [("buyer", 403), ("auditor", 403), ("outside_officer", 404), ("administrator", 404), ("vendor_owner", 404)],
)
def test_others_verify_nothing(cast, who, status):
    occasion, _proposals = cast.recommended()
    paper = cast.vendor.attestations.get()
    with clock.set_to(AFTER):
        answer = logged(getattr(cast, who)).post(page("confirm", occasion), {"verify": str(paper.public_id)})
    assert answer.status_code == status
    paper.refresh_from_db()
    assert paper.verified_at is None


@pytest.mark.parametrize("shown", ["", "x", str(uuid.UUID(int=7)), "rival"])
def test_only_the_winners_attestation_is_verified(cast, shown):
    occasion, _proposals = cast.recommended()
    shown = str(cast.rival.attestations.get().public_id) if shown == "rival" else shown
    with clock.set_to(AFTER):
        assert logged(cast.officer).post(page("confirm", occasion), {"verify": shown}).status_code == 409
        with pytest.raises(IllegalMove):
            award_actions.verify_attestation(
                cast.scored()[0], by=cast.officer, shown=shown
            )  # nothing is recommended there
    assert not TaxAttestation.objects.exclude(verified_at=None).exists()


def test_two_people_are_needed(cast):
    paper = cast.vendor.attestations.get()
    with pytest.raises(PermissionDenied), transaction.atomic():
        eligibility.verify(cast.vendor, shown=str(paper.public_id), by=cast.vendor_owner, at=AFTER, subject="vendor:x")
    paper.verified_by, paper.verified_at = cast.vendor_owner, AFTER
    with pytest.raises(IntegrityError), transaction.atomic():
        paper.save()


# --- The vendor's documents ------------------------------------------------------------------------------------------
def papers_of(firm) -> str:
    return reverse("vendors:papers", args=[firm.public_id])


def add(client, firm, *, number="rq 2026 abc", issued_on="2026-11-02", **data):
    return client.post(papers_of(firm), {"number": number, "issued_on": issued_on} | data)


def copy_status(user, row) -> int:
    """What the address of the copy answers; read to its end, which closes the file."""
    answer = logged(user).get(reverse("vendors:paper_file", args=[row.vendor.public_id, row.public_id]))
    if answer.streaming:
        assert b"".join(answer.streaming_content) == PDF
    return answer.status_code


def pdf(name="attestation.pdf", blob=PDF):
    return SimpleUploadedFile(name, blob, "application/pdf")


def test_an_attestation_is_added_with_its_copy(firm, cast, now):
    client = logged(cast.vendor_owner)
    assert "Aucune attestation" in text_of(client.get(papers_of(firm)))
    assert papers_of(firm) in text_of(client.get(reverse("vendors:edit", args=[firm.public_id])))
    assert add(client, firm, file=pdf()).status_code == 302
    row = firm.attestations.get()
    assert (row.number, row.issued_on, row.added_by, row.at) == ("RQ2026ABC", date(2026, 11, 2), cast.vendor_owner, now)
    shown = text_of(client.get(papers_of(firm)))
    assert "RQ2026ABC" in shown and "28 février 2027" in shown and "Valide" in shown
    copy = client.get(reverse("vendors:paper_file", args=[firm.public_id, row.public_id]))
    assert b"".join(copy.streaming_content) == PDF
    assert copy["Content-Type"] == "application/pdf" and copy["Content-Disposition"].startswith("attachment")
    payload = LedgerPayload.objects.get(action="attestation.add")
    assert payload.entry.action == payload.entry.subject == payload.entry.actor == "sealed"


@pytest.mark.parametrize(
    ("field", "data", "sentence"),
    [
        ("number", {"number": ""}, "obligatoire"),
        ("number", {"number": "12345"}, "de 6 à 30"),
        ("number", {"number": "12345é"}, "de 6 à 30"),
        ("number", {"number": "1" * 31}, "de 6 à 30"),
        ("issued_on", {"issued_on": ""}, "obligatoire"),
        ("issued_on", {"issued_on": "hier"}, "date"),
        ("issued_on", {"issued_on": "2026-11-04"}, "à venir"),
        ("issued_on", {"issued_on": "9999-12-31"}, "entre 2000 et 2100"),
        ("issued_on", {"issued_on": "0001-01-01"}, "entre 2000 et 2100"),
        ("issued_on", {"issued_on": "2026-07-31"}, "elle l’était jusqu’au 31 octobre 2026"),
        ("file", {"file": ("plan.txt", b"texte")}, "n’est pas un PDF"),
        ("file", {"file": ("plan.pdf", b"texte")}, "n’est pas ce que son extension annonce"),
        ("file", {"file": ("plan.pdf", b"")}, "est vide"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(firm, cast, now, field, data, sentence):
    client = logged(cast.vendor_owner)
    if "file" in data:
        data = {"file": pdf(*data["file"])}
    answer = add(client, firm, **data)
    assert answer.status_code == 422
    assert sentence in " ".join(answer.context["form"].errors[field])
    if field != "number":
        assert 'value="rq 2026 abc"' in text_of(answer)
    assert not firm.attestations.exists()
    assert not LedgerPayload.objects.filter(action="attestation.add").exists()


def test_today_in_quebec_is_the_last_day_of_issue(firm, cast):
    with clock.set_to(datetime(2026, 11, 4, 4, 59, tzinfo=UTC)):  # still 3 November in Québec
        assert add(logged(cast.vendor_owner), firm, issued_on="2026-11-04").status_code == 422
        assert add(logged(cast.vendor_owner), firm, issued_on="2026-11-03").status_code == 302


def test_the_same_number_once_unless_taken_back(firm, cast, now):
    client = logged(cast.vendor_owner)
    add(client, firm)
    answer = add(client, firm, number="RQ2026abc")
    assert answer.status_code == 422 and "déjà dans la liste" in text_of(answer)
    row = firm.attestations.get()
    where = reverse("vendors:withdraw_paper", args=[firm.public_id, row.public_id])
    assert client.get(where).status_code == 405
    assert client.post(where).status_code == 302
    assert client.post(where).status_code == 409
    assert codes(firm) == ["attestation"]
    assert "RQ2026ABC" not in text_of(client.get(papers_of(firm))).partition("<h2>")[2]
    assert add(client, firm).status_code == 302
    assert codes(firm) == []


def test_a_bound_to_what_is_stored(firm, cast, now, monkeypatch):
    monkeypatch.setattr(eligibility, "PER_DAY", 1)
    client = logged(cast.vendor_owner)
    assert add(client, firm).status_code == 302
    answer = add(client, firm, number="RQ-AUTRE", file=pdf())
    assert answer.status_code == 422 and "par jour" in text_of(answer)


def test_a_refused_attestation_leaves_no_file(firm, cast, now, settings):
    add(logged(cast.vendor_owner), firm)
    assert add(logged(cast.vendor_owner), firm, file=pdf()).status_code == 422
    assert not list(settings.MEDIA_ROOT.rglob("*.pdf"))


@pytest.mark.parametrize(
    ("who", "read", "write"),
    [
        ("vendor_owner", 200, 302),
        ("vendor_member", 200, 403),
        ("rival_owner", 404, 404),
        ("administrator", 404, 404),
        ("auditor", 404, 404),
        ("officer", 404, 404),
        ("outsider", 404, 404),
    ],
)
def test_whose_documents_they_are(cast, now, who, read, write):
    row = cast.vendor.attestations.get()
    row.file, row.sha256 = store.keep("attestations", PDF, ".pdf"), hashlib.sha256(PDF).hexdigest()
    row.save()
    client = logged(getattr(cast, who))
    assert client.get(papers_of(cast.vendor)).status_code == read
    assert copy_status(getattr(cast, who), row) == read
    assert add(client, cast.vendor).status_code == write
    withdraw = reverse("vendors:withdraw_paper", args=[cast.vendor.public_id, row.public_id])
    assert client.post(withdraw).status_code == write
    assert papers_of(cast.vendor) not in text_of(client.get(reverse("vendors:edit", args=[cast.vendor.public_id]))) or (
        read == 200
    )


def test_the_copy_goes_to_the_body_that_retained_the_vendor(cast):
    row = cast.vendor.attestations.get()
    row.file, row.sha256 = store.keep("attestations", PDF, ".pdf"), hashlib.sha256(PDF).hexdigest()
    row.save()
    rival = cast.rival.attestations.get()
    occasion, _proposals = cast.recommended()
    assert copy_status(cast.officer, row) == 404
    with clock.set_to(AFTER):
        award_actions.confirm(occasion, by=cast.officer)
        for who, status in [("officer", 200), ("buyer", 200), ("outside_officer", 404), ("auditor", 404)]:
            assert copy_status(getattr(cast, who), row) == status, who
        assert set(TaxAttestation.objects.visible_to(cast.buyer)) == {row}
        assert rival not in TaxAttestation.objects.visible_to(cast.officer)
        assert logged(cast.officer).get(papers_of(cast.vendor)).status_code == 404
        award_actions.request_reversal(occasion, by=cast.officer, reason="Une erreur de calcul.")
        award_actions.reverse(occasion, by=cast.second_officer)
    assert copy_status(cast.officer, row) == 404


def test_an_attestation_without_copy_has_none(cast, now):
    row = cast.vendor.attestations.get()
    assert copy_status(cast.vendor_owner, row) == 404


@pytest.mark.parametrize("rows", [1, 3])
def test_the_page_costs_the_same(firm, cast, now, rows, django_assert_num_queries):
    for number in range(rows):
        issue(firm, DAY, number=f"RQ-{number:06d}")
    bar(cast, firm)
    client = logged(cast.vendor_owner)
    with django_assert_num_queries(6):  # session, person, vendor, roles, attestations, registers
        assert "n’est pas admissible" in text_of(client.get(papers_of(firm)))


def test_nothing_public_moves_when_an_attestation_is_added(firm, cast, now):
    """A vendor that adds one may well deposit next: the public page of the ledger must not tell."""
    cast.published()
    before = Client().get("/registre/").content
    add(logged(cast.vendor_owner), firm)
    assert Client().get("/registre/").content == before


# --- Recorded and lifted by an administrator -------------------------------------------------------------------------
@pytest.fixture
def pilot(cast, now):
    return logged(cast.administrator)


def record(pilot, firm, **fields):
    values = {"vendor": firm.pk, "source": "rena", "since": "2026-11-01", "until": "", "note": "Avis du 1er novembre."}
    return pilot.post(reverse("admin:vendors_ineligibility_add"), values | fields)


def test_an_administrator_records_then_lifts(pilot, cast, now):
    assert record(pilot, cast.vendor).status_code == 302
    row = Ineligibility.objects.get()
    assert (row.recorded_by, row.at, row.since, row.until) == (cast.administrator, now, date(2026, 11, 1), None)
    assert codes(cast.vendor) == ["ineligible"]
    entry = LedgerEntry.objects.public().get(action="vendor.ineligible")
    assert entry.subject == f"vendor:{cast.vendor.public_id}"
    assert entry.payload.body["source"] == "rena" and "note" not in entry.payload.body
    where = reverse("admin:vendors_ineligibility_change", args=[row.pk])
    assert "Avis du 1er novembre." in text_of(pilot.get(where))
    assert pilot.post(where, {"since": "2020-01-01"}).status_code == 200  # the box is not ticked
    assert Ineligibility.objects.get().lifted_at is None
    assert pilot.post(where, {"lift": "on", "since": "2020-01-01"}).status_code == 302
    row = Ineligibility.objects.get()
    assert (row.lifted_by, row.lifted_at, row.since) == (cast.administrator, now, date(2026, 11, 1))
    assert codes(cast.vendor) == []
    assert LedgerEntry.objects.public().filter(action="vendor.eligible_again").count() == 1
    assert pilot.get(where).status_code == 200
    assert pilot.post(where, {"lift": "on"}).status_code == 403
    assert pilot.post(reverse("admin:vendors_ineligibility_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"until": "2026-10-31"}, {"since": ""}, {"source": "x"}, {"vendor": ""}, {"since": "0001-01-01"}]
)
def test_a_wrong_record_is_refused(pilot, cast, wrong):
    assert record(pilot, cast.vendor, **wrong).status_code == 200
    assert not Ineligibility.objects.exists()


def test_nobody_lifts_for_oneself(pilot, cast):
    row = bar(cast, cast.vendor)
    cast.vendor.memberships.create(user=cast.administrator, role="member")
    where = reverse("admin:vendors_ineligibility_change", args=[row.pk])
    assert pilot.post(where, {"lift": "on"}).status_code == 403


def test_the_administration_learns_nothing_of_attestations(pilot, cast):
    cast.submitted(cast.published())
    for name, args in [("admin:vendors_vendor_change", [cast.vendor.pk]), ("admin:vendors_ineligibility_add", [])]:
        assert "RQ-2026" not in text_of(pilot.get(reverse(name, args=args)))
    assert not TaxAttestation.objects.visible_to(cast.administrator).exists()
    for query in ("attestations__number__startswith=RQ", "proposals__isnull=0"):
        answer = pilot.get(reverse("admin:vendors_vendor_changelist") + f"?{query}")
        assert answer.status_code in {302, 400}


@pytest.mark.parametrize("who", ["buyer", "officer", "auditor", "vendor_owner"])
def test_others_do_not_administer(cast, now, who):
    assert record(logged(getattr(cast, who)), cast.rival).status_code == 302  # to the administration's sign-in
    assert not Ineligibility.objects.exists()
