"""What follows an award, by people who only have the screens: signed, delivered, invoiced, paid, reused.

The rows made here are those that no screen of theirs makes: an awarded occasion, and who may sign for the body.
"""

from datetime import datetime

import pytest

from contracts.models import Contract, Invoice, Payment, Reuse
from marketplace.models import LedgerPayload, OutgoingEmail
from tests import contract_cast
from tests.browser import contract_steps as steps
from tests.browser.conftest import NARROW, verify_address
from tests.cast import PASSWORD
from tests.payment_cast import assert_chain_unbroken
from tools.stripe_standin.client import Standin

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TOTALS = {1: "27 594,00 $", 2: "45 990,00 $"}


@pytest.fixture
def cast(cast):
    for user in (cast.buyer, cast.officer, cast.vendor_owner, cast.outside_buyer):
        verify_address(user)
    return cast


class Days:
    """The site's clock and Stripe's, moved together."""

    def __init__(self, site_clock, standin: Standin | None = None):
        self.site_clock, self.standin = site_clock, standin

    def at(self, text: str) -> None:
        """To a local instant of the winter: « 2026-12-14 10:00 »."""
        instant = datetime.fromisoformat(f"{text.replace(' ', 'T')}:00-05:00")
        self.site_clock.move(instant)
        if self.standin:
            self.standin.control("clock", at=int(instant.timestamp()))


def enter(buyer, officer, vendor) -> None:
    for person, email in ((buyer, steps.BUYER), (officer, steps.OFFICER), (vendor, steps.VENDOR)):
        person.sign_in(email)
        person.look()


def webhooks_change_nothing(standin: Standin) -> None:
    """What Stripe tells afterwards arrives twice: everything was already known."""
    before = LedgerPayload.objects.count()
    for event in standin.events():
        standin.control("replay", event=event["id"])
    standin.control("release")
    standin.deliver()
    rows = standin.control("deliveries")
    assert rows and {row["answer"] for row in rows} == {"200"}, rows
    standin.control("hold")
    assert LedgerPayload.objects.count() == before


def test_from_the_award_to_the_reused_code(cast, people, site_clock, findings, standin):
    opportunity, _proposals = cast.awarded()
    contract_cast.signatories(cast)
    buyer, officer, vendor = people("buyer"), people("officer"), people("vendor")
    visitor, other = people("visitor"), people("outside")
    days, firm = Days(site_clock, standin), str(cast.vendor)

    days.at("2026-11-27 10:00")
    enter(buyer, officer, vendor)
    contract = steps.prepare(buyer, opportunity.number)
    visitor.go(contract.get_absolute_url(), 404)
    steps.ask_for_a_change(vendor, contract)
    steps.revise(buyer, contract)
    steps.sign(vendor, buyer, officer, contract)
    steps.tax_numbers(vendor, contract)
    steps.open_account(vendor, contract, standin)

    days.at("2026-12-14 10:00")
    steps.deliver(vendor, contract, 1)
    days.at("2026-12-15 10:00")
    steps.send_back(buyer, contract)
    days.at("2026-12-16 10:00")
    steps.deliver(vendor, contract, 1, "Corriger")
    days.at("2026-12-17 10:00")
    steps.accept(buyer, contract, 1)
    first = steps.invoice(vendor, contract, 1, TOTALS[1])
    days.at("2026-12-18 10:00")
    steps.pay_by_stripe(officer, first, firm, TOTALS[1], standin)
    webhooks_change_nothing(standin)
    vendor.visit(f"/factures/{first}/")
    vendor.sees("Payée", "18 décembre 2026")

    days.at("2027-01-08 10:00")
    officer.visit("/projets/")
    steps.deliver(vendor, contract, 2, archive=False)
    days.at("2027-01-11 10:00")
    steps.accept(buyer, contract, 2)
    second = steps.invoice(vendor, contract, 2, TOTALS[2])
    days.at("2027-01-12 10:00")
    officer.visit("/factures/")
    steps.pay_outside(officer, second, firm, "2027-01-12")
    days.at("2027-01-13 10:00")
    steps.confirm(vendor, second)
    steps.publish_at_seao(officer, contract)
    steps.complete(officer, contract)
    days.at("2027-01-14 10:00")
    steps.evaluate(buyer, vendor, contract)
    steps.reuse(other, visitor, contract)
    steps.public_page(visitor, contract, [first, second])

    assert_all_is_written(contract, standin)
    assert len(findings.checked) >= 60, len(findings.checked)
    assert not findings.report(), findings.report()


def assert_all_is_written(contract, standin) -> None:
    """One transfer at Stripe, of the invoice's total; states, amounts, digests and the ledger agree."""
    contract = Contract.objects.get(pk=contract.pk)
    assert (contract.state, contract.value_cents, contract.final_cents) == ("completed", 64_000_00, 64_000_00)
    assert [row.state for row in contract.milestones.all()] == ["paid", "paid"]
    by_stripe, outside = Payment.objects.order_by("pk")
    assert (by_stripe.method, by_stripe.state, by_stripe.amount_cents) == ("stripe", "paid", 27_594_00)
    assert (outside.method, outside.state, outside.amount_cents) == ("outside", "paid", 45_990_00)
    (transfer,) = standin.state()["transfer"]
    assert (transfer["amount"], transfer["id"]) == (27_594_00, by_stripe.transfer_id)
    assert transfer["destination"] == contract.vendor.payout_account.account_id
    assert [row.before_cents for row in Invoice.objects.order_by("pk")] == [24_000_00, 40_000_00]
    assert not Invoice.objects.filter(paid_at=None).exists()
    signed, void = contract.signatures.filter(void_at=None), contract.signatures.exclude(void_at=None)
    assert {row.text_sha256 for row in signed} == {contract.text_sha256} and signed.count() == 2 and not void
    assert [row.accepted for row in contract.milestones.get(position=1).deliveries.order_by("number")] == [False, True]
    assert contract.passports.catalogued().count() == 1 and Reuse.objects.get().contract_id == contract.pk
    acts = list(LedgerPayload.objects.values_list("action", flat=True))
    assert acts.count("payment.transfer") == 1 and acts.count("milestone.pay") == 2
    assert not OutgoingEmail.objects.filter(sent_at=None).exists()
    assert_chain_unbroken()


def test_without_scripts_on_a_phone(cast, people, site_clock, findings):
    """Each act that binds somebody, at 360 px, with neither scripts nor Stripe."""
    contract = contract_cast.offered(cast, amounts=(24_000_00, 40_000_00))
    contract_cast.register(contract)
    phone = {"java_script_enabled": False, "viewport": NARROW}
    vendor, buyer, officer = (people(name, **phone) for name in ("vendor", "buyer", "officer"))
    days, firm = Days(site_clock), str(cast.vendor)

    days.at("2026-11-27 15:00")
    enter(buyer, officer, vendor)
    steps.sign(vendor, buyer, officer, contract)
    days.at("2026-12-14 10:00")
    steps.deliver(vendor, contract, 1, archive=False)
    days.at("2026-12-15 10:00")
    steps.accept(buyer, contract, 1)
    number = steps.invoice(vendor, contract, 1, TOTALS[1])
    days.at("2026-12-16 10:00")
    steps.pay_outside(officer, number, firm, "2026-12-16")
    steps.confirm(vendor, number)
    for person in (vendor, buyer, officer):
        for path in (contract.get_absolute_url(), f"/factures/{number}/", "/factures/", "/mes-contrats/"):
            person.visit(path)
    assert Invoice.objects.get().paid_at == site_clock.now
    assert not findings.report(), findings.report()


def test_signing_and_paying_with_the_keyboard_only(cast, people, site_clock, findings, standin):
    """Tab, Space, Enter and what one types; one sees where the focus is."""
    contract = contract_cast.offered(cast, amounts=(24_000_00, 40_000_00))
    days, vendor, officer = Days(site_clock, standin), people("vendor"), people("officer")
    days.at("2026-11-27 15:00")
    vendor.enter_as(cast.vendor_owner)
    vendor.go(f"{contract.get_absolute_url()}signer/")
    vendor.tab_to('[name="integrity"]')
    vendor.page.keyboard.press("Space")
    vendor.tab_to('[name="title"]')
    vendor.page.keyboard.type("Présidente")
    _confirm_person(vendor)
    officer.enter_as(cast.officer)
    officer.go(f"{contract.get_absolute_url()}signer/")
    officer.tab_to('[name="unverified_reason"]')
    officer.page.keyboard.type(contract_cast.UNVERIFIED)
    _confirm_person(officer)
    assert Contract.objects.get().state == "active"

    contract_cast.register(contract)
    vendor.go(f"/prestataires/{contract.vendor.public_id}/versements/")
    for selector in (".form-actions .btn.primary", 'button[value="terminer"]'):
        vendor.tab_to(selector)
        vendor.enter()
    vendor.sees("Votre compte est prêt")
    number = contract_cast.invoiced(cast, contract).number
    days.at("2026-12-18 10:00")
    officer.go(f"/factures/{number}/payer/")
    _confirm_person(officer)
    officer.tab_to('button[value="card"]')
    officer.enter()
    officer.sees("La somme est versée au compte de")
    assert Payment.objects.get().state == "paid"
    assert not findings.report(), findings.report()


def _confirm_person(person) -> None:
    person.tab_to('[name="password"]')
    person.page.keyboard.type(PASSWORD)
    if person.page.locator('main [name="code"]').count():
        person.tab_to('[name="code"]')
        person.page.keyboard.type(person.telephone())
    person.tab_to(".form-actions .btn.primary")
    person.enter()
