"""A concluded contract as OCDS: valid for the standard's own schema, exact to the cent, and nobody's name."""

import json
import zipfile
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.amendments import actions as amendment_actions
from contracts.end import actions as end_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, Payment
from contracts.payments import actions as payment_actions
from contracts.payments import reversal
from marketplace.dates import clock
from opendata import implementation
from tests import contract_cast
from tests.conftest import IN_A_TEST
from tests.contract_cast import INVOICED_AT, SIGNED_AT, owner

# The standard and its extensions, where they are at hand (they are not part of this repository).
STANDARD = Path(__file__).parent.parent.parent / "shared" / "ocds"
needs_standard = pytest.mark.skipif(not STANDARD.is_dir(), reason="needs the OCDS 1.1.5 schema beside the repository")
EXTENSIONS = ("ocds_metrics_extension", "ocds_transactions_relatedMilestone_extension")
PAID_AT = INVOICED_AT + timedelta(days=10)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)


class Undo(Exception):
    """Ends an example without leaving anything."""


def merged(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made


def strict(schema):
    """The same schema, where a field that it does not name is an error."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "$ref" not in schema:
        made.setdefault("additionalProperties", False)
    return made


def schemas() -> tuple[dict, dict]:
    """(of a package without its releases, of a release with the extensions)."""
    with zipfile.ZipFile(STANDARD / "standard.zip") as packed:
        root = "standard-1__1__5/schema/"
        package = json.loads(packed.read(root + "release-package-schema.json"))
        release = json.loads(packed.read(root + "release-schema.json"))
    for name in EXTENSIONS:
        patch = json.loads((STANDARD / "extensions" / name / "release-schema.json").read_text(encoding="utf-8"))
        release = merged(release, patch)
    package["properties"]["releases"]["items"] = {}
    return strict(package), strict(release)


def formats() -> jsonschema.FormatChecker:
    """Dates and addresses, which the library leaves unchecked without other packages."""
    checker = jsonschema.FormatChecker()

    @checker.checks("date-time", ValueError)
    def instant(value) -> bool:
        return not isinstance(value, str) or datetime.fromisoformat(value).utcoffset() is not None

    @checker.checks("uri", ValueError)
    def address(value) -> bool:
        return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)

    return checker


def assert_valid(package: dict) -> None:
    checker = formats()
    for schema, thing in zip(schemas(), (package, package["releases"][0]), strict=True):
        found = jsonschema.Draft4Validator(schema, format_checker=checker).iter_errors(thing)
        assert not [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in found]


def read(contract, *, client=None) -> dict:
    """The package as anybody gets it, amounts as Decimal."""
    answer = (client or Client()).get(f"/donnees-ouvertes/contrats/{contract.number}.json")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/json") and answer["Access-Control-Allow-Origin"] == "*"
    return json.loads(answer.content, parse_float=Decimal)


def contract_of(package: dict) -> dict:
    return package["releases"][0]["contracts"][0]


def transactions(package: dict) -> list[dict]:
    return contract_of(package)["implementation"].get("transactions", [])


def cents(value: dict) -> int:
    assert value["currency"] == "CAD"
    return int(value["amount"] * 100)


def pay(cast, invoice, *, at=PAID_AT) -> Payment:
    """By the body's own system, confirmed by the vendor."""
    with clock.set_to(at):
        made = payment_actions.declare_outside(invoice, by=cast.officer, reference="EFT-1", paid_on=at.date())
        payment_actions.confirm(made, by=owner(invoice.contract))
    return made


# --- Valid -----------------------------------------------------------------------------------------------------------
@needs_standard
def test_each_stage_is_valid_ocds(cast):
    cast.vendor.neq = "1140000000"
    cast.vendor.save()
    contract = contract_cast.active(cast, holdback=10)
    assert_valid(read(contract))
    invoice = contract_cast.invoiced(cast, contract)
    assert_valid(read(contract))
    pay(cast, invoice)
    assert_valid(read(contract))
    with clock.set_to(PAID_AT):
        plan = amendment_actions.plan_of(contract)
        plan[0]["amount_cents"] += 1_000_01
        amendment = amendment_actions.propose(
            contract, by=cast.buyer, reason="Une carte de plus.", delta_cents=1_000_01, plan=plan,
            end_date=date(2027, 4, 30),
        )  # fmt: skip
        amendment_actions.approve(amendment, by=cast.officer)
        amendment_actions.accept(amendment, by=owner(contract), method="password")
    package = read(contract)
    assert_valid(package)
    assert package["releases"][0]["tag"] == ["award", "contract", "contractAmendment", "implementation"]
    with clock.set_to(PAID_AT + timedelta(days=1)):
        end_actions.terminate(Contract.objects.get(pk=contract.pk), by=cast.officer, reason="Le projet s’arrête.")
    package = read(contract)
    assert_valid(package)
    assert contract_of(package)["status"] == "terminated"
    assert contract_of(package)["description"] == "Le projet s’arrête."
    milestones = contract_of(package)["implementation"]["milestones"]
    assert {row["status"] for row in milestones} == {"met", "notMet"}  # nothing is scheduled any more


@needs_standard
def test_the_checks_of_this_file_find_what_is_wrong(cast):
    package = read(contract_cast.active(cast))
    for change in (
        {"inventé": 1},
        {"date": "hier"},
        {"tag": ["conclu"]},
        {"contracts": [contract_of(package) | {"status": "fini"}]},
    ):
        with pytest.raises(AssertionError):
            assert_valid(package | {"releases": [package["releases"][0] | change]})


# --- What it says ----------------------------------------------------------------------------------------------------
def test_a_concluded_contract_is_told(cast):
    cast.vendor.neq = "1140000000"
    cast.vendor.save()
    contract = contract_cast.active(cast)
    package = read(contract)
    release = package["releases"][0]
    told = contract_of(package)
    assert release["ocid"].endswith(contract.opportunity.number) and release["ocid"].startswith("ocds-")
    assert release["buyer"]["name"] == "Ville d’Essai"
    supplier = release["parties"][1]
    assert supplier["identifier"]["id"] == supplier["details"]["neq"] == "1140000000"
    assert release["awards"][0]["id"] == told["awardID"]
    assert cents(release["awards"][0]["value"]) == cents(told["value"]) == 64_000_00
    assert told["status"] == "active" and told["dateSigned"] == "2026-11-27T14:00:00-05:00"
    assert told["period"] == {"startDate": "2026-12-01T00:00:00-05:00", "endDate": "2027-03-31T23:59:59-04:00"}
    assert [m["status"] for m in told["implementation"]["milestones"]] == ["scheduled", "scheduled"]
    assert "transactions" not in told["implementation"]
    assert package["publishedDate"] == release["date"] == "2026-11-27T14:00:00-05:00"


def test_each_paid_milestone_is_a_transaction_that_names_it(cast):
    contract = contract_cast.active(cast, amounts=(16_000_01, 20_000_00, 27_999_99))
    for position in (1, 2):
        invoice = contract_cast.invoiced(cast, contract, position)
        pay(cast, invoice, at=PAID_AT + timedelta(days=position))
    package = read(contract)
    rows = transactions(package)
    milestones = {row["id"]: row for row in contract_of(package)["implementation"]["milestones"]}
    assert [milestones[row["relatedImplementationMilestone"]["id"]]["title"] for row in rows] == ["Jalon 0", "Jalon 1"]
    assert [row["status"] for row in milestones.values()] == ["met", "met", "scheduled"]
    assert all(row["relatedImplementationMilestone"]["title"] == milestones[
        row["relatedImplementationMilestone"]["id"]]["title"] for row in rows)  # fmt: skip
    assert [cents(row["value"]) for row in rows] == list(
        contract.invoices.order_by("pk").values_list("total_cents", flat=True)
    )
    assert rows[0]["date"] == "2026-12-28T00:00:00-05:00"
    parties = {party["id"]: party["roles"] for party in package["releases"][0]["parties"]}
    assert "payer" in parties[rows[0]["payer"]["id"]] and "payee" in parties[rows[0]["payee"]["id"]]


def test_a_holdback_is_paid_without_a_milestone(cast):
    contract = contract_cast.active(cast, amounts=(64_000_00,), holdback=10)
    pay(cast, contract_cast.invoiced(cast, contract))
    with clock.set_to(PAID_AT + timedelta(days=1)):
        invoice = invoice_actions.release_holdback(Contract.objects.get(pk=contract.pk), by=owner(contract))
    pay(cast, invoice, at=PAID_AT + timedelta(days=2))
    first, second = transactions(read(contract))
    assert "relatedImplementationMilestone" in first and "relatedImplementationMilestone" not in second
    # 64 000 $ with both taxes, whatever was held back: 64 000 × 1,14975
    assert cents(first["value"]) + cents(second["value"]) == 73_584_00


def test_a_reversed_payment_is_no_transaction_any_more(cast):
    contract = contract_cast.active(cast)
    made = pay(cast, contract_cast.invoiced(cast, contract))
    before = read(contract)
    later = PAID_AT + timedelta(days=5)
    with clock.set_to(later):
        reversal.request_reversal(made, by=cast.officer, reason="Payée deux fois.")
        assert len(transactions(read(contract))) == 1
        reversal.reverse(made, by=cast.second_officer)
    after = read(contract)
    assert len(transactions(before)) == 1 and transactions(after) == []
    assert after["releases"][0]["date"] == implementation.moment(later) > before["releases"][0]["date"]
    assert after["releases"][0]["id"] != before["releases"][0]["id"]


def test_declared_and_contested_payments_are_not_told(cast):
    contract = contract_cast.active(cast)
    invoice = contract_cast.invoiced(cast, contract)
    with clock.set_to(PAID_AT):
        made = payment_actions.declare_outside(invoice, by=cast.officer, reference="EFT-1", paid_on=PAID_AT.date())
        assert transactions(read(contract)) == []
        payment_actions.contest(made, by=owner(contract), reason="Rien reçu.")
        assert transactions(read(contract)) == []


def test_an_amendment_in_force_is_told_and_a_pending_one_is_not(cast):
    contract = contract_cast.active(cast)
    with clock.set_to(PAID_AT):
        plan = amendment_actions.plan_of(contract)
        plan[0]["amount_cents"] -= 1_234_56
        amendment = amendment_actions.propose(
            contract, by=cast.buyer, reason="Moins de cartes.", delta_cents=-1_234_56, plan=plan
        )
        assert "amendments" not in contract_of(read(contract))
        amendment_actions.approve(amendment, by=cast.officer)
        amendment_actions.accept(amendment, by=owner(contract), method="password")
    told = contract_of(read(contract))
    assert told["amendments"] == [
        {
            "id": f"{contract.number}-A1",
            "date": implementation.moment(PAID_AT),
            "rationale": "Moins de cartes.",
            "description": "Valeur avant taxes\u00a0: -1234.56 CAD.",
        }
    ]
    assert cents(told["value"]) == 64_000_00 - 1_234_56


# --- Money -----------------------------------------------------------------------------------------------------------
@settings(max_examples=12, deadline=None, suppress_health_check=IN_A_TEST)
@given(data=st.data())
def test_transactions_total_the_paid_invoices_to_the_cent(cast, data):
    parts = data.draw(st.lists(st.integers(1, 20_000_00), min_size=1, max_size=3))
    amounts = (*parts, 64_000_00 - sum(parts))
    percent = data.draw(st.integers(0, 10))
    paid = data.draw(st.integers(0, len(amounts)))
    try:
        with transaction.atomic():
            contract = contract_cast.active(cast, amounts=amounts, holdback=percent)
            for position in range(1, paid + 1):
                pay(cast, contract_cast.invoiced(cast, contract, position))
            rows = transactions(json.loads(implementation.written(implementation.package(
                Contract.objects.get(pk=contract.pk))), parse_float=Decimal))  # fmt: skip
            invoices = contract.invoices.exclude(paid_at=None)
            assert sum(cents(row["value"]) for row in rows) == sum(row.total_cents for row in invoices)
            assert len(rows) == paid
            raise Undo
    except Undo:
        pass


@pytest.mark.parametrize(
    ("cents_", "text"), [(0, "0.00"), (1, "0.01"), (10, "0.10"), (123_450, "1234.50"), (8_999_999, "89999.99"),
                         (10**15 + 7, "10000000000000.07")]
)  # fmt: skip
def test_amounts_are_written_digit_by_digit(cents_, text):
    assert implementation.written(implementation.money(cents_)) == f'{{"amount": {text}, "currency": "CAD"}}'


def test_no_float_is_ever_written():
    with pytest.raises(TypeError):
        implementation.written({"amount": 1.1})


@given(ANYTHING)
def test_what_is_written_is_json(value):
    def clean(thing):
        if isinstance(thing, str):
            return thing.replace("\x00", "")
        if isinstance(thing, list):
            return [clean(part) for part in thing]
        if isinstance(thing, dict):
            return {key: clean(part) for key, part in thing.items()}
        return thing

    assert json.loads(implementation.written(value)) == clean(value)


# --- Who and what ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stage", ["draft", "offered", "vendor_signed"])
def test_nothing_before_the_conclusion(cast, stage):
    contract = getattr(contract_cast, stage)(cast)
    client = Client()
    client.force_login(cast.officer)
    for who in (Client(), client):
        assert who.get(f"/donnees-ouvertes/contrats/{contract.number}.json").status_code == 404


def test_no_person_and_no_document_is_named(cast):
    contract = contract_cast.active(cast)
    pay(cast, contract_cast.invoiced(cast, contract))
    text = json.dumps(read(contract), ensure_ascii=False, default=str)
    people = [cast.buyer, cast.officer, cast.vendor_owner, cast.second_officer]
    for hidden in [*(p.name for p in people), *(p.email for p in people), "EFT-1", "documents", contract.text_sha256]:
        assert hidden not in text, hidden


def test_a_self_employed_persons_town_is_not_told(cast):
    cast.vendor.kind = "individual"
    cast.vendor.save()
    assert "Rimouski" not in json.dumps(read(contract_cast.active(cast))["releases"][0]["parties"])


def test_the_same_content_has_the_same_id(cast):
    contract = contract_cast.active(cast)
    first = read(contract)
    with clock.set_to(SIGNED_AT + timedelta(days=40)):
        assert read(contract) == first


def test_it_costs_the_same_for_one_and_for_three_milestones(cast):
    def cost(contract) -> int:
        found = Contract.objects.for_list().get(pk=contract.pk)
        with CaptureQueriesContext(connection) as queries:
            implementation.release(found)
        return len(queries)

    one = contract_cast.active(cast, amounts=(64_000_00,))
    pay(cast, contract_cast.invoiced(cast, one))
    three = contract_cast.active(cast, amounts=(10_000_00, 20_000_00, 34_000_00))
    for position in (1, 2, 3):
        pay(cast, contract_cast.invoiced(cast, three, position), at=PAID_AT + timedelta(hours=position))
    assert cost(one) == cost(three) <= 5
