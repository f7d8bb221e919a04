"""Invoices: amounts to the cent, tax numbers, the holdback, the late clock, interest, who may, and the list."""

import io
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from contracts import documents
from contracts.deliveries import actions as delivery_actions
from contracts.invoices import actions as invoice_actions
from contracts.invoices import views as invoice_views
from contracts.models import Contract, Invoice, Milestone, Reminder
from contracts.payments import actions as payment_actions
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from marketplace.money import format_cents, taxes
from tests import contract_cast as made
from tests.cast import Cast
from tests.conftest import IN_A_TEST
from tests.contract_cast import INVOICED_AT, TPS, TVQ
from tests.reading import signed_in, text_of, words
from tests.test_delivering import READERS, STRANGERS, again, fetched, remind
from tests.test_every_page import assert_whole
from tests.test_races import assert_chain_intact, only, together
from vendors.models import TaxRegistration

DUE = date(2027, 1, 16)  # 30 days after the invoice of 17 December 2026


@pytest.fixture
def contract(cast):
    return made.active(cast, amounts=(24_000_00, 40_000_00))


@pytest.fixture
def invoicing_day():
    with clock.set_to(INVOICED_AT):
        yield INVOICED_AT


def local_noon(on: date) -> datetime:
    return datetime.fromisoformat(f"{on}T17:00:00+00:00")


def page(name, *args) -> str:
    return reverse(f"contracts:{name}", args=args)


def issue_page(contract, position=1) -> str:
    return page("issue", contract.number, position)


def paid(cast, invoice, on: date) -> Invoice:
    """Paid by the body's own system, the vendor confirms the same day."""
    with clock.set_to(local_noon(on)):
        payment = payment_actions.declare_outside(invoice, by=cast.officer, reference=f"V-{invoice.pk}", paid_on=on)
        payment_actions.confirm(payment, by=made.owner(invoice.contract))
    return again(invoice)


# --- The whole way ---------------------------------------------------------------------------------------------------
def test_seen_to_the_cent_then_issued_read_and_downloaded(cast, contract, invoicing_day):
    made.accepted(cast, contract)
    vendor = signed_in(cast.vendor_owner)
    shown = vendor.get(issue_page(contract))
    assert_whole("issue", shown)
    for text in ("24 000,00 $", "1 200,00 $", "2 394,00 $", "27 594,00 $", TPS, TVQ, "16 janvier 2027"):
        assert text in words(shown), text
    answer = vendor.post(issue_page(contract), {"total": "2759400", "reference": " 2026-118 "})
    invoice = Invoice.objects.get()
    assert answer["Location"] == page("invoice", invoice.number) and invoice.number == f"{contract.number}-F1"
    assert (invoice.before_cents, invoice.tps_cents, invoice.tvq_cents) == (24_000_00, 1_200_00, 2_394_00)
    assert (invoice.total_cents, invoice.due_on, invoice.reference) == (27_594_00, DUE, "2026-118")
    assert made.milestone(contract).state == "invoiced"
    officers = {cast.officer.email, cast.second_officer.email}
    told = OutgoingEmail.objects.filter(template="emails/invoice_issued.txt")
    assert {row.address for row in told} == officers
    assert page("invoice", invoice.number) in told[0].body and format_cents(27_594_00, exact=True) in told[0].body

    officer = signed_in(cast.officer)
    shown = officer.get(page("invoice", invoice.number))
    assert_whole("invoice", shown)
    for text in ("27 594,00 $", "2026-118", "À payer", TPS, "Travail accepté le", "Béatrice Acheteuse"):
        assert text in words(shown), text
    assert page("pay", invoice.number) in text_of(shown)
    status, blob, headers = fetched(officer, page("invoice_pdf", invoice.number))
    assert (status, headers["Content-Disposition"]) == (200, f'attachment; filename="{invoice.number}.pdf"')
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(blob)).pages).replace("\u00a0", " ")
    for said in (invoice.number, "27 594,00 $", TVQ, "2026-118"):
        assert said in text, said
    act = LedgerPayload.objects.get(action="milestone.invoice").body
    assert (act["invoice"], act["total_cents"]) == (invoice.number, 27_594_00)


def test_an_invoice_is_read_in_english_and_stays_french_on_paper(cast, contract, invoicing_day):
    invoice = made.invoiced(cast, contract)
    reader, title, address = signed_in(cast.officer), invoice.milestone.title, page("invoice", invoice.number)
    _status, blob, _headers = fetched(reader, page("invoice_pdf", invoice.number))
    assert "Payable dans les 30 jours" in PdfReader(io.BytesIO(blob)).pages[0].extract_text().replace("\n", " ")
    assert invoice.details["lines"][0]["label"] == f"Jalon 1 – {title}"
    assert f"Jalon 1 – {title}" in words(reader.get(address))
    shown = reader.get(f"/en{address}")
    assert_whole("invoice", shown)
    assert "Payable within 30 days" in words(shown) and "Payable dans" not in words(shown)
    assert f'<th scope="row">Milestone 1 – <span lang="fr-CA">{title}</span></th>' in text_of(shown)


def test_a_double_click_issues_one_invoice(cast, contract, invoicing_day):
    row = made.accepted(cast, contract)
    stale, vendor = again(row), signed_in(cast.vendor_owner)
    posted = {"total": "2759400", "reference": ""}
    assert vendor.post(issue_page(contract), posted).status_code == 302
    assert vendor.post(issue_page(contract), posted).status_code == 409
    assert vendor.get(issue_page(contract)).status_code == 409
    with pytest.raises(IllegalMove):
        invoice_actions.issue(stale, by=cast.vendor_owner)
    assert Invoice.objects.count() == 1
    assert LedgerEntry.objects.filter(action="milestone.invoice").count() == 1


def test_only_what_is_accepted_is_invoiced(cast, contract, invoicing_day):
    vendor = signed_in(cast.vendor_owner)
    for _stage in range(2):  # planned, then delivered
        assert vendor.get(issue_page(contract)).status_code == 409
        assert vendor.post(issue_page(contract), {"total": "2759400"}).status_code == 409
        if made.milestone(contract).state == "planned":
            made.delivered(contract)
    assert not Invoice.objects.exists()


def test_another_amount_than_the_one_seen_is_not_issued(cast, contract, invoicing_day):
    made.accepted(cast, contract)
    vendor = signed_in(cast.vendor_owner)
    vendor.get(issue_page(contract))
    invoice_actions.register_taxes(cast.vendor, by=cast.vendor_owner, small_supplier=True)
    answer = vendor.post(issue_page(contract), {"total": "2759400", "reference": "Gardée"})
    assert answer.status_code == 422 and "Le montant a changé" in words(answer)
    assert 'value="2400000"' in text_of(answer) and "Gardée" in text_of(answer)
    assert not Invoice.objects.exists() and made.milestone(contract).state == "accepted"
    assert vendor.post(issue_page(contract), {"total": "2400000"}).status_code == 302
    for wrong in ("", "x", "-1"):
        assert vendor.post(issue_page(contract), {"total": wrong}).status_code == 409  # already issued


@pytest.mark.parametrize("typed", [{"total": ""}, {"total": "abc"}, {"total": "2759400", "reference": "x" * 51}])
def test_a_bad_form_is_shown_again(cast, contract, invoicing_day, typed):
    made.accepted(cast, contract)
    answer = signed_in(cast.vendor_owner).post(issue_page(contract), typed)
    assert answer.status_code == 422 and not Invoice.objects.exists()
    assert_whole("issue", answer)


# --- Who may ---------------------------------------------------------------------------------------------------------
def test_who_issues(cast, contract, invoicing_day):
    row = made.accepted(cast, contract)
    for name in READERS | STRANGERS:
        if name == "vendor_owner":
            continue
        reader, refused = signed_in(getattr(cast, name)), 403 if name in READERS else 404
        assert reader.get(issue_page(contract)).status_code == refused, name
        assert reader.post(issue_page(contract), {"total": "2759400"}).status_code == refused, name
        with pytest.raises(PermissionDenied):
            invoice_actions.issue(again(row), by=getattr(cast, name))
    assert not Invoice.objects.exists()


def test_who_reads_an_invoice(cast, contract, client):
    invoice = made.invoiced(cast, contract)
    shown, file = page("invoice", invoice.number), page("invoice_pdf", invoice.number)
    with clock.set_to(INVOICED_AT):
        for name in READERS | STRANGERS:
            reader, expected = signed_in(getattr(cast, name)), 200 if name in READERS else 404
            assert reader.get(shown).status_code == expected, name
            assert fetched(reader, file)[0] == expected, name
            listed = reader.get(page("invoices"))
            assert (invoice.number in text_of(listed)) == (name in READERS), name
        for path in (shown, file, page("invoices"), issue_page(contract)):
            assert client.get(path)["Location"].startswith("/compte/login/")
        visitor = client.get(contract.get_absolute_url())
        assert invoice.number in words(visitor) and "27 594,00 $" in words(visitor)  # amounts and dates are public
        assert shown not in text_of(visitor) and TPS not in text_of(visitor)


def test_whoever_accepted_is_told_that_another_pays(cast, contract, invoicing_day):
    invoice = made.invoiced(cast, contract)
    Invoice.objects.filter(pk=invoice.pk).update(accepted_by=cast.officer)
    shown = signed_in(cast.officer).get(page("invoice", invoice.number))
    assert "Vous avez accepté ce travail" in words(shown) and page("pay", invoice.number) not in text_of(shown)
    shown = signed_in(cast.second_officer).get(page("invoice", invoice.number))
    assert page("pay", invoice.number) in text_of(shown)
    for name in ("buyer", "vendor_owner", "auditor"):
        assert page("pay", invoice.number) not in text_of(
            signed_in(getattr(cast, name)).get(page("invoice", invoice.number))
        )


# --- Tax numbers -----------------------------------------------------------------------------------------------------
def taxes_page(vendor) -> str:
    return page("taxes", vendor.public_id)


@pytest.mark.parametrize(
    ("tps", "tvq"),
    [
        ("123456789RT0001", "1234567890TQ0001"),
        ("123456789 rt 0001", " 1234567890\u00a0tq\u00a00001 "),
        ("123 456 789-RT-0001", "1234 567 890 TQ 0001"),
        (TPS, TVQ),
    ],
)
def test_numbers_are_read_as_people_write_them(cast, invoicing_day, tps, tvq):
    owner = signed_in(cast.vendor_owner)
    answer = owner.post(taxes_page(cast.vendor), {"situation": "registered", "tps_number": tps, "tvq_number": tvq})
    assert answer.status_code == 302, words(answer)
    kept = TaxRegistration.objects.get()
    assert (kept.tps_number, kept.tvq_number, kept.small_supplier, kept.by) == (TPS, TVQ, False, cast.vendor_owner)
    act = LedgerPayload.objects.get(action="vendor.tax_registration").body
    assert "123456789" not in str(act) and act["small_supplier"] is False
    assert TPS in text_of(owner.get(taxes_page(cast.vendor)))


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({}, "Choisissez votre situation"),
        ({"situation": "autre"}, "Sélectionnez un choix valide"),
        ({"situation": "registered"}, "Inscrivez votre numéro de TPS"),
        ({"situation": "registered", "tps_number": TPS}, "Inscrivez votre numéro de TVQ"),
        ({"situation": "registered", "tps_number": "123456789", "tvq_number": TVQ}, "s’écrit 123456789 RT0001"),
        ({"situation": "registered", "tps_number": TVQ, "tvq_number": TPS}, "s’écrit 1234567890 TQ0001"),
        ({"situation": "registered", "tps_number": "123456789²RT0001", "tvq_number": TVQ}, "s’écrit 123456789 RT0001"),
        ({"situation": "small", "tps_number": TPS}, "n’inscrit pas de numéro"),
        ({"situation": "small", "tps_number": "12"}, "n’inscrit pas de numéro"),
    ],
)
def test_wrong_numbers_are_shown_again(cast, invoicing_day, typed, sentence):
    answer = signed_in(cast.vendor_owner).post(taxes_page(cast.vendor), typed)
    assert answer.status_code == 422 and sentence in words(answer), words(answer)
    assert all(value in text_of(answer) for value in typed.values() if value != "autre")
    assert not TaxRegistration.objects.exists()
    assert_whole("tax", answer)


def test_who_changes_a_vendors_taxes(cast, invoicing_day, client):
    posted = {"situation": "small"}
    expected = {"vendor_owner": (200, 302), "vendor_member": (200, 403)}
    for name in READERS | STRANGERS:
        reader = signed_in(getattr(cast, name))
        found = (
            reader.get(taxes_page(cast.vendor)).status_code,
            reader.post(taxes_page(cast.vendor), posted).status_code,
        )
        assert found == expected.get(name, (404, 404)), name
    assert client.get(taxes_page(cast.vendor)).status_code == 302
    assert TaxRegistration.objects.get().small_supplier
    with pytest.raises(PermissionDenied):
        invoice_actions.register_taxes(cast.vendor, by=cast.vendor_member, small_supplier=True)
    member = signed_in(cast.vendor_member).get(taxes_page(cast.vendor))
    assert "Petit fournisseur" in words(member) and '<form class="form"' not in text_of(member)


def test_without_numbers_no_invoice_and_the_way_to_give_them(cast, contract, invoicing_day):
    TaxRegistration.objects.all().delete()
    made.accepted(cast, contract)
    vendor = signed_in(cast.vendor_owner)
    assert taxes_page(cast.vendor) in text_of(vendor.get(contract.get_absolute_url()))
    shown = vendor.get(issue_page(contract))
    way = f"{taxes_page(cast.vendor)}?suite="
    assert way in text_of(shown) and "Émettre la facture" not in text_of(shown)
    answer = vendor.post(issue_page(contract), {"total": "2759400"})
    assert answer.status_code == 422 and "vos numéros de taxes" in words(answer) and not Invoice.objects.exists()
    posted = {"situation": "small", "suite": issue_page(contract)}
    assert vendor.post(taxes_page(cast.vendor), posted)["Location"] == issue_page(contract)
    away = {"situation": "small", "suite": "https://ailleurs.invalid/"}
    assert vendor.post(taxes_page(cast.vendor), away)["Location"] == taxes_page(cast.vendor)


def test_a_small_supplier_invoices_without_taxes(cast, contract, invoicing_day):
    TaxRegistration.objects.all().delete()
    made.register(contract, small_supplier=True)
    invoice = made.invoiced(cast, contract)
    assert (invoice.tps_cents, invoice.tvq_cents, invoice.total_cents) == (0, 0, 24_000_00)
    shown = words(signed_in(cast.officer).get(page("invoice", invoice.number)))
    assert "Petit fournisseur" in shown and "TVQ" not in shown
    invoice_actions.register_taxes(
        cast.vendor, by=cast.vendor_owner, small_supplier=False, tps_number=TPS, tvq_number=TVQ
    )
    assert again(invoice).details["seller"]["small_supplier"] and again(invoice).tps_number == ""


# --- The holdback ----------------------------------------------------------------------------------------------------
def test_a_holdback_over_three_milestones_sums_to_the_cent(cast, invoicing_day):
    amounts = (20_000_05, 20_000_15, 23_999_80)
    contract = made.active(cast, amounts=amounts, holdback=7)
    vendor = signed_in(cast.vendor_owner)
    for position in (1, 2, 3):
        assert vendor.get(page("holdback", contract.number)).status_code == 409
        made.invoiced(cast, contract, position)
    bills = list(Invoice.objects.order_by("pk"))
    assert [bill.holdback_cents for bill in bills] == [1_400_00, 1_400_01, 1_679_99]  # 7 %, half a cent up
    assert page("holdback", contract.number) in text_of(vendor.get(contract.get_absolute_url()))
    shown = vendor.get(page("holdback", contract.number))
    assert_whole("holdback", shown)
    assert "4 480,00 $" in words(shown)
    total = taxes(4_480_00).total
    assert vendor.post(page("holdback", contract.number), {"total": str(total)}).status_code == 302
    assert vendor.post(page("holdback", contract.number), {"total": str(total)}).status_code == 409
    last = Invoice.objects.get(kind="holdback")
    assert (last.number, last.before_cents, last.total_cents) == (f"{contract.number}-F4", 4_480_00, total)
    assert sum(bill.before_cents for bill in Invoice.objects.all()) == contract.value_cents == 64_000_00
    assert last.accepted_by == cast.buyer
    assert LedgerPayload.objects.get(action="invoice.holdback").body["total_cents"] == total


def test_who_releases_the_holdback(cast, invoicing_day):
    contract = made.active(cast, amounts=(64_000_00,), holdback=10)
    made.invoiced(cast, contract)
    for name in READERS | STRANGERS:
        if name == "vendor_owner":
            continue
        reader, refused = signed_in(getattr(cast, name)), 403 if name in READERS else 404
        assert reader.get(page("holdback", contract.number)).status_code == refused, name
        assert reader.post(page("holdback", contract.number), {"total": "1"}).status_code == refused, name
        with pytest.raises(PermissionDenied):
            invoice_actions.release_holdback(contract, by=getattr(cast, name))
    assert Invoice.objects.count() == 1


def test_no_holdback_nothing_to_release(cast, contract, invoicing_day):
    for position in (1, 2):
        made.invoiced(cast, contract, position)
    assert signed_in(cast.vendor_owner).get(page("holdback", contract.number)).status_code == 409
    with pytest.raises(IllegalMove):
        invoice_actions.release_holdback(contract, by=cast.vendor_owner)


def test_what_an_amendment_adds_after_the_release_is_owed_whole(cast, invoicing_day):
    contract = made.active(cast, amounts=(64_000_00,), holdback=10)
    made.invoiced(cast, contract)
    invoice_actions.release_holdback(contract, by=cast.vendor_owner)
    Milestone.objects.create(
        contract=contract, position=2, title="Ajout", amount_cents=1_000_00, due_date=contract.end_date
    )
    assert made.invoiced(cast, contract, 2).holdback_cents == 0


def test_a_terminated_contract_releases_what_was_held(cast, invoicing_day):
    contract = made.active(cast, amounts=(24_000_00, 40_000_00), holdback=10)
    made.invoiced(cast, contract)
    assert not invoice_actions.can_release(again(contract))
    contract.terminate(by=cast.officer, reason="Besoin disparu")
    assert invoice_actions.release_holdback(again(contract), by=cast.vendor_owner).before_cents == 2_400_00


@pytest.fixture
def three(cast, monkeypatch):
    monkeypatch.setattr(documents, "invoice_pdf", lambda invoice: b"%PDF-")  # its content has tests of its own
    return made.active(cast, amounts=(20_000_00, 20_000_00, 24_000_00), holdback=10)


@settings(max_examples=40, deadline=None, suppress_health_check=IN_A_TEST)
@given(
    cuts=st.lists(st.integers(1, 64_000_00 - 1), min_size=2, max_size=2, unique=True),
    percent=st.integers(0, 10),
    small=st.booleans(),
)
def test_invoices_always_total_the_contract(cast, three, cuts, percent, small):
    """However the value is cut and held back: not a cent is lost or made; each total is the sum of its parts."""
    low, high = sorted(cuts)
    amounts = (low, high - low, three.value_cents - high)
    with transaction.atomic(), clock.set_to(INVOICED_AT):
        for position, cents in enumerate(amounts, 1):
            Milestone.objects.filter(contract=three, position=position).update(
                amount_cents=cents, state="accepted", accepted_at=INVOICED_AT, accepted_by=cast.buyer
            )
        Contract.objects.filter(pk=three.pk).update(holdback_percent=percent)
        TaxRegistration.objects.filter(vendor=cast.vendor).delete()
        made.register(three, small_supplier=small)
        contract = again(three)
        for milestone in contract.milestones.all():
            bill = invoice_actions.issue(milestone, by=cast.vendor_owner)
            held = (milestone.amount_cents * percent + 50) // 100
            assert (bill.holdback_cents, bill.before_cents) == (held, milestone.amount_cents - held)
        if invoice_actions.can_release(again(three)):
            invoice_actions.release_holdback(again(three), by=cast.vendor_owner)
        bills = list(Invoice.objects.filter(contract=three))
        assert sum(bill.before_cents for bill in bills) == contract.value_cents == sum(amounts)
        for bill in bills:
            due = taxes(bill.before_cents)
            expected = (0, 0, bill.before_cents) if small else (due.tps, due.tvq, due.total)
            assert (bill.tps_cents, bill.tvq_cents, bill.total_cents) == expected
        transaction.set_rollback(True)


# --- Late ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("instant", "days"),
    [
        ("2027-01-16T23:59:59-05:00", 0),  # already the 17th in UTC
        ("2027-01-17T00:00:00-05:00", 1),
        ("2027-01-28T08:00:00-05:00", 12),
        ("2027-03-14T01:59:59-05:00", 57),  # the night clocks go forward
        ("2027-03-14T03:00:00-04:00", 57),
        ("2027-03-14T23:30:00-04:00", 57),
        ("2027-03-15T00:00:00-04:00", 58),
    ],
)
def test_days_late_follow_the_calendar_of_quebec(cast, contract, instant, days):
    invoice = made.invoiced(cast, contract)
    assert invoice.due_on == DUE
    with clock.set_to(datetime.fromisoformat(instant)):
        assert invoice_actions.days_late(invoice, at=clock.now()) == days
        shown = words(signed_in(cast.officer).get(page("invoice", invoice.number)))
        assert ("En retard de" in shown) == bool(days)
        interest = (2 * 27_594_00 * 700 * days + 3_650_000) // 7_300_000  # 7 %, simple, half up
        assert invoice_actions.interest_cents(invoice, at=clock.now()) == interest
        if days:
            plural = "jours" if days > 1 else "jour"
            assert f"En retard de {days} {plural}; intérêts courus : " in shown
            assert format_cents(interest, exact=True).replace("\u00a0", " ") in shown
            listed = words(signed_in(cast.officer).get(page("invoices") + "?etat=en-retard"))
            assert f"En retard de {days} {plural}" in listed


def test_the_later_of_receipt_and_acceptance_begins_the_thirty_days(cast, contract):
    """Accepted on the 16th in the evening, invoiced after midnight UTC: one local day."""
    row = made.accepted(cast, contract, at=datetime.fromisoformat("2026-12-16T23:30:00-05:00"))
    with clock.set_to(datetime.fromisoformat("2026-12-16T23:45:00-05:00")):
        invoice = invoice_actions.issue(row, by=cast.vendor_owner)
    assert (invoice.accepted_on, invoice.due_on) == (date(2026, 12, 16), date(2027, 1, 15))


# --- Interest --------------------------------------------------------------------------------------------------------
def test_interest_of_a_late_payment_is_claimed_once(cast, contract):
    invoice = paid(cast, made.invoiced(cast, contract), date(2027, 1, 28))
    at = local_noon(date(2027, 1, 29))
    claim = page("claim_interest", invoice.number)
    with clock.set_to(at):
        assert invoice_actions.interest_cents(invoice, at=at) == 63_50  # 27 594,00 $ × 7 % × 12 ÷ 365
        vendor = signed_in(cast.vendor_owner)
        shown = vendor.get(page("invoice", invoice.number))
        assert claim in text_of(shown) and "12 jours de retard" in words(shown)
        asked = vendor.get(claim)
        assert_whole("interest", asked)
        assert "63,50 $" in words(asked)
        assert vendor.post(claim).status_code == 302
        for again_asked in (vendor.get(claim), vendor.post(claim)):
            assert again_asked.status_code == 409
        made_one = Invoice.objects.get(kind="interest")
        assert (made_one.about, made_one.total_cents) == (invoice, 63_50)
        assert (made_one.tps_cents, made_one.tvq_cents, made_one.due_on) == (0, 0, date(2027, 2, 28))
        assert made_one.number in words(vendor.get(page("invoice", invoice.number)))
        assert_whole("invoice", vendor.get(page("invoice", made_one.number)))
        assert LedgerPayload.objects.get(action="invoice.interest").body["total_cents"] == 63_50
        # Interest bears no interest.
        assert invoice_actions.interest_cents(made_one, at=local_noon(date(2028, 1, 1))) == 0
        assert vendor.get(page("claim_interest", made_one.number)).status_code == 409


def test_who_claims_interest(cast, contract):
    invoice = paid(cast, made.invoiced(cast, contract), date(2027, 1, 28))
    with clock.set_to(local_noon(date(2027, 1, 29))):
        for name in READERS | STRANGERS:
            if name == "vendor_owner":
                continue
            reader, refused = signed_in(getattr(cast, name)), 403 if name in READERS else 404
            assert reader.get(page("claim_interest", invoice.number)).status_code == refused, name
            assert reader.post(page("claim_interest", invoice.number)).status_code == refused, name
            with pytest.raises(PermissionDenied):
                invoice_actions.claim_interest(invoice, by=getattr(cast, name))
    assert not Invoice.objects.filter(kind="interest").exists()


def test_an_unpaid_invoice_claims_nothing_yet(cast, contract):
    invoice = made.invoiced(cast, contract)
    with clock.set_to(local_noon(date(2027, 1, 28))):
        vendor = signed_in(cast.vendor_owner)
        assert vendor.post(page("claim_interest", invoice.number)).status_code == 409
        assert page("claim_interest", invoice.number) not in text_of(vendor.get(page("invoice", invoice.number)))


@pytest.mark.parametrize(("on", "cents"), [(DUE, 0), (date(2027, 1, 17), 3_07)])
def test_less_than_five_dollars_is_not_claimed(cast, on, cents):
    """1 day of 16 000 $: 3,07 $ and taxes; on the due day, nothing."""
    contract = made.active(cast, amounts=(13_916_07, 50_083_93))
    invoice = paid(cast, made.invoiced(cast, contract), on)
    with clock.set_to(local_noon(on)):
        assert invoice_actions.interest_cents(invoice, at=clock.now()) == cents
        vendor = signed_in(cast.vendor_owner)
        assert page("claim_interest", invoice.number) not in text_of(vendor.get(page("invoice", invoice.number)))
        assert "à partir de 5 $" in words(vendor.get(page("claim_interest", invoice.number)))
        answer = vendor.post(page("claim_interest", invoice.number))
        assert answer.status_code == 422 and "à partir de 5 $" in words(answer)
        with pytest.raises(ValidationError):
            invoice_actions.claim_interest(invoice, by=cast.vendor_owner)


# --- The list --------------------------------------------------------------------------------------------------------
def test_the_list_has_three_tabs_and_its_own_people(cast):
    contract = made.active(cast, amounts=(20_000_00, 20_000_00, 24_000_00))
    first, second = made.invoiced(cast, contract, 1), made.invoiced(cast, contract, 2)
    with clock.set_to(INVOICED_AT + timedelta(days=20)):
        made.invoiced(cast, contract, 3, at=INVOICED_AT + timedelta(days=20))
    first = paid(cast, first, date(2026, 12, 18))
    with clock.set_to(local_noon(date(2027, 1, 20))):
        officer = signed_in(cast.officer)
        found = {tab: words(officer.get(page("invoices") + f"?etat={tab}")) for tab in invoice_views.TABS}
        third = f"{contract.number}-F3"
        for tab, inside in {"a-payer": {second.number, third}, "en-retard": {second.number},
                            "payees": {first.number}}.items():  # fmt: skip
            assert {n for n in (first.number, second.number, third) if n in found[tab]} == inside, tab
        assert "À payer (2)" in found["a-payer"] and "En retard (1)" in found["a-payer"]
        assert found["a-payer"].index(second.number) < found["a-payer"].index(third)  # the first due first
        assert_whole("invoices", officer.get(page("invoices") + "?etat=nimporte&apres=2027-99-99_1"))
        assert "Aucune facture" in words(signed_in(cast.outside_officer).get(page("invoices")))


@pytest.mark.parametrize("who", ["officer", "vendor_owner", "auditor"])
def test_the_list_costs_the_same_for_one_and_three(cast, who):
    contract = made.active(cast, amounts=(20_000_00, 20_000_00, 24_000_00))
    reader, counts = signed_in(getattr(cast, who)), []
    for position in (1, 2, 3):
        made.invoiced(cast, contract, position)
        with clock.set_to(INVOICED_AT), CaptureQueriesContext(connection) as captured:
            assert words(reader.get(page("invoices"))).count(f"{contract.number}-F") == position
        counts.append(len(captured))
    assert counts[0] == counts[2] <= 8


def test_the_list_goes_on_without_losing_one(cast, monkeypatch):
    monkeypatch.setattr(invoice_views, "PAGE", 1)
    contract = made.active(cast, amounts=(20_000_00, 20_000_00, 24_000_00))
    for position in (1, 2, 3):
        made.invoiced(cast, contract, position)
    with clock.set_to(INVOICED_AT):
        officer, seen, url = signed_in(cast.officer), [], page("invoices")
        while url:
            answer = officer.get(url)
            seen += [row["invoice"].number for row in answer.context["rows"]]
            url = page("invoices") + answer.context["older_url"] if answer.context["older_url"] else ""
    assert seen == [f"{contract.number}-F{n}" for n in (1, 2, 3)]


# --- Reminders -------------------------------------------------------------------------------------------------------
def test_the_vendor_is_reminded_of_a_payment_to_confirm(cast, contract):
    """Five business days after it was declared, then fifteen; not once it is answered."""
    invoice = made.invoiced(cast, contract)
    Milestone.objects.filter(contract=contract, position=2).update(due_date=date(2027, 3, 31))
    with clock.set_to(datetime.fromisoformat("2027-01-11T10:00:00-05:00")):  # a Monday
        paid_on = date(2027, 1, 11)
        payment = payment_actions.declare_outside(invoice, by=cast.officer, reference="VIR-1", paid_on=paid_on)
    told = [("payment_unconfirmed", cast.vendor_owner.email)]
    assert remind("2027-01-15T07:00:00-05:00") == []
    assert remind("2027-01-18T07:00:00-05:00") == told
    assert remind("2027-01-19T07:00:00-05:00") == remind("2027-01-29T07:00:00-05:00") == []
    assert remind("2027-02-01T07:00:00-05:00") == told
    assert remind("2027-02-02T07:00:00-05:00") == remind("2027-03-01T07:00:00-05:00") == []
    sent = OutgoingEmail.objects.filter(template="emails/payment_unconfirmed.txt").first()
    assert page("answer_payment", payment.public_id) in sent.body and "VIR-1" in sent.body
    Reminder.objects.all().delete()
    with clock.set_to(datetime.fromisoformat("2027-03-01T10:00:00-05:00")):
        payment_actions.confirm(payment, by=cast.vendor_owner)
    assert remind("2027-03-02T07:00:00-05:00") == []


def test_officers_are_reminded_of_what_is_to_pay(cast, contract):
    invoice = made.invoiced(cast, contract)
    Milestone.objects.filter(contract=contract, position=2).update(due_date=date(2027, 3, 31))
    due = [("invoice_due", person.email) for person in (cast.officer, cast.second_officer)]
    late = [("invoice_late", address) for _template, address in due]
    assert remind("2027-01-10T07:00:00-05:00") == []
    assert remind("2027-01-11T07:00:00-05:00") == due
    assert remind("2027-01-16T07:00:00-05:00") == []
    assert remind("2027-01-17T07:00:00-05:00") == late
    assert remind("2027-01-18T07:00:00-05:00") == []
    told = OutgoingEmail.objects.filter(template="emails/invoice_late.txt").first()
    assert page("invoice", invoice.number) in told.body and "16 janvier 2027" in told.body


def test_what_is_paid_or_declared_is_not_reminded_of(cast, contract):
    invoice = made.invoiced(cast, contract)
    Milestone.objects.filter(contract=contract, position=2).update(due_date=date(2027, 3, 31))
    with clock.set_to(local_noon(date(2027, 1, 9))):
        payment = payment_actions.declare_outside(invoice, by=cast.officer, reference="V-1", paid_on=date(2027, 1, 9))
    assert remind("2027-01-14T07:00:00-05:00") == []
    told = remind("2027-01-20T07:00:00-05:00")
    assert [template for template, _to in told] == ["payment_unconfirmed"]  # nobody is asked to pay again
    with clock.set_to(local_noon(date(2027, 1, 21))):
        payment_actions.confirm(payment, by=cast.vendor_owner)
    assert remind("2027-01-22T07:00:00-05:00") == []
    assert invoice_actions.days_late(again(invoice), at=local_noon(date(2027, 1, 22))) == 0  # paid on the 9th


# --- At once ---------------------------------------------------------------------------------------------------------
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twenty_clicks_at_once_accept_once_and_issue_one_invoice(transactional_db):
    cast = Cast()
    contract = made.active(cast, amounts=(24_000_00, 40_000_00), holdback=10)
    row = made.delivered(contract)
    checks = made.all_met(row)
    buyers = [cast.buyer, cast.other_buyer]

    def accept(number):
        by = type(cast.buyer).objects.get(pk=buyers[number % 2].pk)
        return delivery_actions.accept(again(row), by=by, checks=checks)

    def issue(_number):
        by = type(cast.buyer).objects.get(pk=cast.vendor_owner.pk)
        return invoice_actions.issue(again(row), by=by)

    for act in (accept, issue):
        with clock.set_to(INVOICED_AT):  # around the threads: the clock is the process's
            results = together(*(partial(act, number) for number in range(20)), workers=8)
        assert len(only(results, IllegalMove)) == 19
    assert Invoice.objects.count() == 1 and again(row).state == "invoiced"
    acts = LedgerEntry.objects.filter(subject=row.ledger_subject()).values_list("action", flat=True)
    assert sorted(acts) == ["milestone.accept", "milestone.deliver", "milestone.invoice"]
    assert_chain_intact()
