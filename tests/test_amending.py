"""Amendments: three turns, two people of the body, the ceiling to the cent, milestones that always total the value."""

import io
import re
from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from contracts import documents
from contracts.amendments import actions as amendment_actions
from contracts.deliveries import actions as delivery_actions
from contracts.models import Amendment, Contract
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerPayload, OutgoingEmail
from proposals.models import Award
from tests import contract_cast as cc
from tests.cast import PASSWORD, Cast
from tests.conftest import IN_A_TEST
from tests.test_races import together
from vendors.models import TaxAttestation, VendorMembership

PROPOSED_AT = datetime.fromisoformat("2026-12-07T15:00:00+00:00")
REASON = "Un module de plus pour les ponts ferroviaires"


@pytest.fixture(autouse=True)
def _quick_documents(request, monkeypatch):
    """Documents are not what is tried here, but by the test that asks for them."""
    if "real_documents" not in request.fixturenames:
        monkeypatch.setattr(documents.pdf, "render", lambda template, data, **_named: f"{template} {data}".encode())


@pytest.fixture
def real_documents():
    pass


@pytest.fixture
def then():
    """The clock stands still, ten days after the contract was concluded."""
    with clock.set_to(PROPOSED_AT):
        yield PROPOSED_AT


def fresh(row):
    """The same row, as a new request reads it."""
    return type(row).objects.get(pk=row.pk)


def person_of(cast, contract, who: str):
    """`who`: a name of the cast, `owner` of the vendor or `rival`."""
    found = {"owner": cast.vendor_owner, "rival": cast.rival_owner, "member": cast.vendor_member}
    return type(cast.buyer).objects.get(pk=(found.get(who) or getattr(cast, who)).pk)


def grown(contract, delta: int, *, index=-1) -> list[dict]:
    """The plan as it is, one milestone worth `delta` more."""
    plan = amendment_actions.plan_of(contract)
    plan[index]["amount_cents"] += delta
    return plan


def proposed(cast, contract, delta=5_000_00, *, by=None, plan=None, **fields) -> Amendment:
    plan = grown(contract, delta) if plan is None else plan
    fields |= {"reason": REASON, "delta_cents": delta}
    return amendment_actions.propose(contract, by=by or cast.buyer, plan=plan, **fields)


def approved(cast, contract, delta=5_000_00, **fields) -> Amendment:
    amendment = proposed(cast, contract, delta, **fields)
    amendment_actions.approve(amendment, by=cast.second_officer)
    return amendment


def in_force(cast, contract, delta=5_000_00, **fields) -> Amendment:
    amendment = approved(cast, contract, delta, **fields)
    amendment_actions.accept(amendment, by=cc.owner(contract), method="password")
    return amendment


def assert_sound(contract) -> None:
    """Milestones total the value, the value is the award's and the amendments in force, under the ceiling."""
    row = Contract.objects.get(pk=contract.pk)
    deltas = sum(row.amendments.filter(state="in_force").values_list("delta_cents", flat=True))
    assert row.amended_cents == deltas
    assert row.value_cents == row.amount_cents + deltas == sum(row.milestones.values_list("amount_cents", flat=True))
    assert 0 < row.value_cents < row.ceiling_cents
    assert row.amount_cents == Award.objects.get(pk=row.award_id).amount_cents


# --- The whole way ---------------------------------------------------------------------------------------------------
def test_three_turns_then_in_force(cast, then):
    contract = cc.active(cast)
    end = contract.end_date + timedelta(days=30)
    amendment = proposed(cast, contract, end_date=end)
    assert (amendment.state, str(amendment)) == ("proposed", f"{contract.number}-A1")
    assert fresh(contract).value_cents == 64_000_00
    amendment_actions.approve(amendment, by=cast.officer)
    assert fresh(contract).value_cents == 64_000_00
    amendment_actions.accept(amendment, by=cast.vendor_owner, method="password+totp")
    row = fresh(contract)
    assert (row.value_cents, row.amended_cents, row.amount_cents, row.end_date) == (69_000_00, 5_000_00, 64_000_00, end)
    assert [m.amount_cents for m in row.milestones.all()] == [16_000_00, 53_000_00]
    assert_sound(contract)
    story = LedgerPayload.objects.about(amendment.ledger_subject())
    assert [entry.action for entry in story] == ["amendment.propose", "amendment.approve", "amendment.accept"]
    assert {entry.body["text_sha256"] for entry in story} == {amendment.text_sha256}
    assert story.last().body["method"] == "password+totp" and story.last().body["value_cents"] == 69_000_00


def test_everybody_is_told_at_each_turn(cast, then):
    contract = cc.active(cast)
    OutgoingEmail.objects.all().delete()

    def told() -> dict:
        rows = OutgoingEmail.objects.order_by("pk")
        found = {(row.template.removeprefix("emails/").removesuffix(".txt"), row.to_id) for row in rows}
        assert len(found) == len(rows)
        texts = "".join(row.subject + row.body for row in rows)
        assert "{" not in texts and contract.number in texts
        rows.delete()
        return {name: {pk for other, pk in found if other == name} for name, _pk in found}

    staff = {cast.buyer.pk, cast.other_buyer.pk, cast.officer.pk, cast.second_officer.pk}
    amendment = proposed(cast, contract, by=cast.officer)
    assert told() == {"amendment_to_approve": {cast.second_officer.pk}}
    amendment_actions.approve(amendment, by=cast.second_officer)
    assert told() == {"amendment_to_accept": {cast.vendor_owner.pk}}
    amendment_actions.accept(amendment, by=cast.vendor_owner, method="password")
    assert told() == {"amendment_in_force": staff | {cast.vendor_owner.pk}}
    amendment = proposed(cast, contract)
    told()
    amendment_actions.refuse(amendment, by=cast.officer, reason="Trop cher")
    assert told() == {"amendment_refused": staff - {cast.officer.pk}}
    amendment = approved(cast, contract)
    told()
    amendment_actions.refuse(amendment, by=cast.vendor_owner, reason="Délai trop court")
    assert told() == {"amendment_refused": staff}
    amendment = proposed(cast, contract, by=cast.officer)
    told()
    amendment_actions.withdraw(amendment, by=cast.officer)
    assert told() == {"amendment_withdrawn": {cast.second_officer.pk}}
    amendment = approved(cast, contract)
    told()
    amendment_actions.withdraw(amendment, by=cast.buyer)
    assert told() == {"amendment_withdrawn": {cast.vendor_owner.pk}}


def test_milestones_are_changed_removed_and_added(cast, then):
    contract = cc.active(cast, amounts=(20_000_00, 30_000_00, 14_000_00))
    first, second, third = contract.milestones.all()
    plan = amendment_actions.plan_of(contract)
    criteria = ["Les tests passent.", "Un essai."]
    plan[0] |= {"title": "  Prototype  ", "due_date": date(2027, 1, 20), "criteria": criteria}
    new = {"id": None, "title": "Formation", "criteria": ["Dix personnes formées."], "amount_cents": 24_000_00,
           "due_date": date(2027, 3, 1)}  # fmt: skip
    amendment = proposed(cast, contract, -20_000_00, plan=[plan[0], new])
    assert [line.replace("\u00a0", " ") for line in amendment_actions.changes(amendment)] == [
        "Le jalon « Jalon 0 » devient « Prototype ».",
        "Jalon « Jalon 0 » : la date passe du 15 décembre 2026 au 20 janvier 2027.",
        "Jalon « Jalon 0 » : les critères d’acceptation changent.",
        "Jalon ajouté : « Formation », 24 000,00 $, le 1er mars 2027.",
        "Jalon retiré : « Jalon 1 », 30 000,00 $.",
        "Jalon retiré : « Jalon 2 », 14 000,00 $.",
    ]
    amendment_actions.approve(amendment, by=cast.officer)
    amendment_actions.accept(amendment, by=cast.vendor_owner, method="password")
    rows = list(fresh(contract).milestones.all())
    assert [(row.position, row.title, row.amount_cents) for row in rows] == [
        (1, "Prototype", 20_000_00), (4, "Formation", 24_000_00),
    ]  # fmt: skip
    assert rows[0].public_id == first.public_id and {second.pk, third.pk}.isdisjoint({row.pk for row in rows})
    assert [c.text for c in rows[0].criteria.all()] == ["Les tests passent.", "Un essai."]
    assert_sound(contract)


def test_the_signed_document_says_everything(cast, then, real_documents):
    contract = cc.active(cast)
    amendment = in_force(cast, contract, -4_000_00, end_date=date(2027, 4, 30))
    document = amendment.documents.get()
    assert (document.kind, document.contract_id) == ("amendment", contract.pk)
    with document.file.open() as file:
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(file.read())).pages)
    text = " ".join(text.replace("\u00a0", " ").split())
    for said in [
        f"{contract.number}-A1", REASON, "64 000,00 $", "−4 000,00 $", "60 000,00 $", "30 avril 2027",
        "Omar Responsable", "Victor Proposant", "mot de passe redemandé", "le montant passe de",
    ]:  # fmt: skip
        assert said in text, said


# --- Who may, when ---------------------------------------------------------------------------------------------------
EVERYBODY = [
    "buyer", "other_buyer", "officer", "second_officer", "outside_buyer", "outside_officer", "auditor",
    "administrator", "owner", "member", "rival", "outsider",
]  # fmt: skip
STAGES = {
    "proposed": lambda cast, contract: proposed(cast, contract, by=cast.officer),
    "approved": lambda cast, contract: approved(cast, contract, by=cast.officer),
    "in_force": lambda cast, contract: in_force(cast, contract, by=cast.officer),
}
ACTS = {
    "approve": lambda row, by: amendment_actions.approve(row, by=by),
    "accept": lambda row, by: amendment_actions.accept(row, by=by, method="password"),
    "refuse": lambda row, by: amendment_actions.refuse(row, by=by, reason="Non"),
    "withdraw": lambda row, by: amendment_actions.withdraw(row, by=by),
}
# The officer proposed; the second one approved.
ALLOWED = {
    ("proposed", "approve"): {"second_officer"},
    ("proposed", "refuse"): {"second_officer"},
    ("proposed", "withdraw"): {"officer", "second_officer"},
    ("approved", "accept"): {"owner"},
    ("approved", "refuse"): {"owner"},
    ("approved", "withdraw"): {"officer", "second_officer"},
}


class Undo(Exception):
    pass


@pytest.mark.parametrize("stage", STAGES)
def test_who_may_what_at_each_state(cast, then, stage):
    contract = cc.active(cast)
    amendment = STAGES[stage](cast, contract)
    for act, do in ACTS.items():
        for who in EVERYBODY:
            person = person_of(cast, contract, who)
            allowed = who in ALLOWED.get((stage, act), set())
            assert fresh(amendment).can(act, person) == allowed, (stage, act, who)
            try:
                with transaction.atomic():
                    do(fresh(amendment), person)
                    raise Undo
            except Undo:
                assert allowed, (stage, act, who)
            except (PermissionDenied, IllegalMove):
                assert not allowed, (stage, act, who)
            assert fresh(amendment).state == stage


def test_who_may_propose(cast, then):
    contract = cc.active(cast)
    for who in EVERYBODY:
        try:
            with transaction.atomic():
                proposed(cast, contract, 0, by=person_of(cast, contract, who), end_date=date(2027, 6, 1))
                raise Undo
        except Undo:
            assert who in {"buyer", "other_buyer", "officer", "second_officer"}, who
        except PermissionDenied:
            assert who not in {"buyer", "other_buyer", "officer", "second_officer"}, who


@pytest.mark.parametrize("stage", ["draft", "offered", "vendor_signed"])
def test_a_contract_not_concluded_is_not_amended(cast, then, stage):
    contract = getattr(cc, stage)(cast)
    with pytest.raises(IllegalMove):
        proposed(cast, contract)


def test_one_amendment_waits_at_a_time(cast, then):
    contract = cc.active(cast)
    first = proposed(cast, contract)
    with pytest.raises(IllegalMove):
        proposed(cast, contract)
    with pytest.raises(IntegrityError), transaction.atomic():
        Amendment.objects.create(
            contract=contract, number=2, reason="x", proposed_by=cast.buyer, proposed_at=PROPOSED_AT
        )
    amendment_actions.withdraw(first, by=cast.buyer)
    assert proposed(cast, contract).number == 2


def test_nobody_does_both_turns_of_the_body(cast, then):
    contract = cc.active(cast)
    amendment = proposed(cast, contract, by=cast.officer)
    with pytest.raises(PermissionDenied):
        amendment_actions.approve(amendment, by=cast.officer)
    with pytest.raises(IntegrityError), transaction.atomic():
        Amendment.objects.filter(pk=amendment.pk).update(approved_by=cast.officer)
    with pytest.raises(IntegrityError), transaction.atomic():
        Amendment.objects.filter(pk=amendment.pk).update(state="approved")


def test_nobody_sits_on_both_sides(cast, then):
    contract = cc.active(cast)
    amendment = approved(cast, contract)
    VendorMembership.objects.create(user=cast.officer, vendor=contract.vendor, role="admin")
    both = person_of(cast, contract, "officer")
    for act, do in ACTS.items():
        with pytest.raises((PermissionDenied, IllegalMove)):
            do(fresh(amendment), both)
        assert not fresh(amendment).can(act, both)


# --- What is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("delta", "possible"),
    [(25_999_99, True), (26_000_00, False), (26_000_01, False), (10**12, False), (-47_999_99, True)],
)
def test_the_ceiling_to_the_cent(cast, then, delta, possible):
    contract = cc.active(cast)
    if possible:
        in_force(cast, contract, delta)
        assert fresh(contract).value_cents == 64_000_00 + delta
        assert_sound(contract)
        return
    with pytest.raises(ValidationError) as refused:
        proposed(cast, contract, delta)
    assert set(refused.value.message_dict) == {"delta"}
    assert not Amendment.objects.exists()


@pytest.mark.parametrize("stage", ["proposed", "approved"])
def test_each_turn_checks_the_ceiling_again(cast, then, stage, settings):
    contract = cc.active(cast)
    amendment = STAGES[stage](cast, contract)
    settings.CEILING_CENTS = [*settings.CEILING_CENTS, (date(2026, 12, 1), 69_000_00)]
    act, who = {"proposed": ("approve", "second_officer"), "approved": ("accept", "owner")}[stage]
    with pytest.raises(ValidationError) as refused:
        ACTS[act](amendment, person_of(cast, contract, who))
    assert "delta" in refused.value.message_dict
    assert fresh(amendment).state == stage and fresh(contract).value_cents == 64_000_00


def test_the_database_refuses_what_the_code_would_forget(cast, then):
    contract = cc.active(cast)
    rows = Contract.objects.filter(pk=contract.pk)
    last = contract.milestones.last()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(amended_cents=1)  # the milestones do not total it
    with pytest.raises(IntegrityError), transaction.atomic():
        type(last).objects.filter(pk=last.pk).update(amount_cents=last.amount_cents + 26_000_00)
        rows.update(amended_cents=26_000_00)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(amount_cents=contract.amount_cents + 1)  # a contract is worth its award
    assert_sound(contract)


@pytest.mark.parametrize(
    ("delta", "change", "field"),
    [
        (5_000_00, {}, "plan"),  # the milestones do not follow
        (0, {"amount_cents": 48_000_01}, "plan"),
        (0, {"amount_cents": 0}, "plan"),
        (0, {"amount_cents": -1}, "plan"),
        (0, {"title": " "}, "plan"),
        (0, {"title": "x" * 151}, "plan"),
        (0, {"description": "x" * 3_001}, "plan"),
        (0, {"criteria": []}, "plan"),
        (0, {"criteria": [" "]}, "plan"),
        (0, {"criteria": [f"c{n}" for n in range(21)]}, "plan"),
        (0, {"criteria": ["x" * 501]}, "plan"),
        (0, {"due_date": date(2027, 4, 1)}, "plan"),
        (0, {"due_date": date(2026, 11, 30)}, "plan"),
        (0, {"id": "00000000-0000-4000-8000-000000000000"}, "plan"),
        (0, {}, "__all__"),  # nothing changes
    ],
)
def test_plans_that_are_refused(cast, then, delta, change, field):
    contract = cc.active(cast)
    plan = amendment_actions.plan_of(contract)
    plan[-1] |= change
    with pytest.raises(ValidationError) as refused:
        amendment_actions.propose(contract, by=cast.buyer, reason=REASON, delta_cents=delta, plan=plan)
    found = refused.value.message_dict if hasattr(refused.value, "error_dict") else {"__all__": refused.value.messages}
    assert set(found) == {field}
    assert not Amendment.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", None, "x" * 2_001])
def test_a_reason_is_given(cast, then, reason):
    contract = cc.active(cast)
    with pytest.raises(ValidationError) as refused:
        amendment_actions.propose(contract, by=cast.buyer, reason=reason, end_date=date(2027, 6, 1))
    assert "reason" in refused.value.message_dict


@pytest.mark.parametrize(
    ("end", "possible"),
    [(date(2026, 12, 6), False), (date(2026, 12, 31), True), (date(2026, 12, 30), True), (date(2101, 1, 1), False),
     (date(2026, 12, 21), False)],
)  # fmt: skip
def test_new_ends(cast, then, end, possible):
    """Milestones are due on 15 and 22 December; today is the 7th."""
    contract = cc.active(cast)
    try:
        amendment_actions.propose(contract, by=cast.buyer, reason=REASON, end_date=end)
        assert possible
    except ValidationError as refused:
        assert not possible and set(refused.message_dict) <= {"end_date", "plan"}


def test_the_value_cannot_fall_to_nothing(cast, then):
    contract = cc.active(cast)
    with pytest.raises(ValidationError) as refused:
        amendment_actions.propose(contract, by=cast.buyer, reason=REASON, delta_cents=-64_000_00, plan=[])
    assert "delta" in refused.value.message_dict


def test_a_vendor_that_may_not_contract_gets_no_more(cast, then):
    """Without a valid attestation a dearer contract is refused, at each turn; one for the same price is not."""
    contract = cc.active(cast)
    amendment = proposed(cast, contract)
    TaxAttestation.objects.all().delete()
    with pytest.raises(ValidationError):
        amendment_actions.approve(amendment, by=cast.second_officer)
    amendment_actions.withdraw(amendment, by=cast.buyer)
    with pytest.raises(ValidationError):
        proposed(cast, contract)
    in_force(cast, contract, -1_00)


# --- What happens between two turns ----------------------------------------------------------------------------------
@pytest.mark.parametrize("position", [1, 2])
def test_a_milestone_delivered_meanwhile_stops_the_amendment(cast, then, position):
    """Whether the amendment removed it or kept it."""
    contract = cc.active(cast)
    plan = amendment_actions.plan_of(contract)[1:]
    plan[0]["amount_cents"] += 16_000_00 - 1_00
    amendment = approved(cast, contract, -1_00, plan=plan)
    cc.delivered(contract, position, at=PROPOSED_AT)
    with pytest.raises(ValidationError) as refused:
        amendment_actions.accept(amendment, by=cast.vendor_owner, method="password")
    assert "plan" in refused.value.message_dict
    assert fresh(amendment).state == "approved"
    assert_sound(contract)
    amendment_actions.withdraw(amendment, by=cast.buyer)


def sent_back(cast, contract, position):
    row = cc.delivered(contract, position, at=PROPOSED_AT)
    checks = {criterion.pk: (True, "") for criterion in row.criteria.all()[:1]}
    delivery_actions.send_back(row, by=cast.buyer, checks=checks, reason="À refaire", cure_by=date(2026, 12, 20))
    return row


def test_what_was_delivered_once_is_not_removed(cast, then):
    contract = cc.active(cast)
    sent_back(cast, contract, 1)
    plan = amendment_actions.plan_of(contract)[1:]
    with pytest.raises(ValidationError) as refused:
        amendment_actions.propose(contract, by=cast.buyer, reason=REASON, delta_cents=-16_000_00, plan=plan)
    assert "déjà été livré" in str(refused.value)


def test_one_delivered_and_another_returned_meanwhile(cast, then):
    """The sums agree by chance: still refused, nothing is lost."""
    contract = cc.active(cast, amounts=(20_000_00, 20_000_00, 24_000_00))
    cc.delivered(contract, 2, at=PROPOSED_AT)
    plan = amendment_actions.plan_of(contract)[1:]  # the first one goes
    amendment = approved(cast, contract, -20_000_00, plan=plan)
    cc.delivered(contract, 1, at=PROPOSED_AT)
    delivery_actions.send_back(
        cc.milestone(contract, 2), by=cast.buyer, checks={}, reason="À refaire", cure_by=date(2026, 12, 20)
    )
    with pytest.raises(ValidationError):
        amendment_actions.accept(amendment, by=cast.vendor_owner, method="password")
    assert_sound(contract)


def test_criteria_that_were_answered_stay(cast, then):
    contract = cc.active(cast)
    row = sent_back(cast, contract, 1)
    plan = amendment_actions.plan_of(contract)
    plan[0]["criteria"] = ["La documentation est à jour.", "Un essai réussit."]
    with pytest.raises(ValidationError) as refused:
        amendment_actions.propose(contract, by=cast.buyer, reason=REASON, plan=plan)
    assert "ont déjà servi" in str(refused.value)
    plan[0]["criteria"] = ["Un essai réussit.", "Les tests passent."]
    in_force(cast, contract, 0, plan=plan)
    assert [c.text for c in row.criteria.all()] == plan[0]["criteria"]
    assert row.deliveries.get().checks.get().criterion.text == "Les tests passent."


def test_an_ended_contract_is_not_amended(cast, then):
    contract = cc.active(cast)
    amendment = approved(cast, contract)
    with pytest.raises(ValidationError):
        contract.terminate(by=cast.officer, reason="Besoin disparu")
    amendment_actions.withdraw(amendment, by=cast.officer)
    contract.terminate(by=cast.officer, reason="Besoin disparu")
    with pytest.raises(IllegalMove):
        proposed(cast, contract)


def test_a_refusal_says_why(cast, then):
    contract = cc.active(cast)
    amendment = proposed(cast, contract)
    with pytest.raises(ValidationError):
        amendment_actions.refuse(amendment, by=cast.officer, reason=" ")
    amendment_actions.refuse(amendment, by=cast.officer, reason="Hors de la nature du contrat")
    assert (fresh(amendment).state, fresh(amendment).state_reason) == ("refused", "Hors de la nature du contrat")


# --- Any sequence ----------------------------------------------------------------------------------------------------
steps = st.lists(
    st.tuples(
        st.integers(-70_000_00, 40_000_00), st.integers(0, 3), st.sampled_from(["grow", "add", "remove", "deliver"])
    ),
    min_size=1,
    max_size=6,
)


def step_plan(contract, delta: int, index: int, how: str) -> list[dict]:
    plan = amendment_actions.plan_of(contract)
    if how == "remove" and len(plan) > 1:
        gone = plan.pop(index % len(plan))
        plan[-1]["amount_cents"] += gone["amount_cents"] + delta
    elif how == "add" or not plan:
        due = date(2027, 3, 1)
        plan.append({"id": None, "title": "De plus", "criteria": ["Fait."], "amount_cents": delta, "due_date": due})
    else:
        plan[index % len(plan)]["amount_cents"] += delta
    return plan


@settings(max_examples=20, deadline=None, suppress_health_check=IN_A_TEST)
@given(steps=steps)
def test_any_sequence_keeps_the_sum(cast, steps):
    """Accepted or refused, whatever is asked: the milestones total the value, which stays under the ceiling."""
    with clock.set_to(PROPOSED_AT), transaction.atomic():
        if not hasattr(cast, "kept"):
            cast.kept = cc.active(cast, amounts=(16_000_00, 24_000_00, 24_000_00))
        mark = transaction.savepoint()
        contract = cast.kept
        before = set(contract.milestones.exclude(state="planned").values_list("pk", flat=True))
        for delta, index, how in steps:
            planned = contract.milestones.filter(state="planned")
            if how == "deliver":
                if planned:
                    row = planned[index % len(planned)]
                    delivery_actions.deliver(row, by=cast.vendor_owner, notes="Voici.", reference="v1")
                    before.add(row.pk)
            else:
                plan = step_plan(contract, delta, index, how)
                value = fresh(contract).value_cents + delta
                try:
                    with transaction.atomic():
                        in_force(cast, contract, delta, plan=plan)
                    assert 0 < value < 90_000_00
                except ValidationError:
                    bad_line = any(line["amount_cents"] <= 0 for line in plan)
                    assert not 0 < value < 90_000_00 or bad_line or not delta
            assert_sound(contract)
            assert before <= set(contract.milestones.values_list("pk", flat=True))
        transaction.savepoint_rollback(mark)


# --- Pages -----------------------------------------------------------------------------------------------------------
def url(name: str, *args) -> str:
    return reverse(f"contracts:{name}", args=args)


def words(response) -> str:
    text = re.search(r"<main.*</main>", response.content.decode(), re.DOTALL).group()
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("\u00a0", " ").split())


def typed(contract, *, change=None, **fields) -> dict:
    """What the page would post, unchanged but for `fields` and the last milestone's `change`."""
    plan = amendment_actions.plan_of(contract)
    plan[-1] |= change or {}
    data = {"reason": REASON, "direction": "same", "amount": "", "end_date": "", "accessory": "on"} | fields
    data |= {"jalons-TOTAL_FORMS": len(plan), "jalons-INITIAL_FORMS": len(plan)}
    for rank, line in enumerate(plan):
        shown = line | {"criteria": "\n".join(line["criteria"]), "amount_cents": f"{line['amount_cents'] / 100:.2f}"}
        data |= {f"jalons-{rank}-{name}": value for name, value in shown.items()}
    return data


def test_the_whole_way_on_pages(cast, client, then):
    contract = cc.active(cast)
    new, back = url("amend", contract.number), contract.get_absolute_url()
    client.force_login(cast.buyer)
    assert new in client.get(back).content.decode()
    page = words(client.get(new))
    assert "augmenter de 25 999,99 $ au plus" in page and "n’en change pas la nature" in page
    data = typed(contract, change={"amount_cents": 55_000_00}, direction="more", amount="7 000")
    answer = client.post(new, data)
    amendment = contract.amendments.get()
    here = url("amendment", contract.number, 1)
    assert (answer.status_code, answer["Location"]) == (302, here)
    page = words(client.get(here))
    assert "Cumul des avenants : 10,9 % du montant initial" in page and "de 64 000,00 $ à 71 000,00 $" in page
    assert "responsable et signataire, doit l’approuver" in page and "Approuver l’avenant" not in page
    client.force_login(cast.officer)
    for said, status in [({}, 422), ({"accessory": "on"}, 422), ({"accessory": "on", "password": PASSWORD}, 302)]:
        assert client.post(url("approve_amendment", contract.number, 1), said).status_code == status
    client.force_login(cast.vendor_owner)
    assert "Accepter l’avenant" in words(client.get(here))
    accept = url("accept_amendment", contract.number, 1)
    for wrong in [{"password": "non"}, {"password": PASSWORD, "text_sha256": "0" * 64}, {}]:
        assert client.post(accept, {"text_sha256": amendment.text_sha256} | wrong).status_code == 422
    assert fresh(amendment).state == "approved"
    given = {"text_sha256": amendment.text_sha256, "password": PASSWORD}
    assert client.post(accept, given).status_code == 302
    assert fresh(contract).value_cents == 71_000_00
    assert client.post(accept, given).status_code == 409  # a double click
    client.logout()
    public = words(client.get(back))
    assert "Avenant 1" in public and REASON in public and "+7 000,00 $" in public and "10,9 %" in public


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, {"reason": " "}),
        ({}, {"direction": "more"}),
        ({}, {"amount": "12"}),
        ({}, {"direction": "more", "amount": "26 000"}),
        ({}, {"direction": "more", "amount": "-5"}),
        ({}, {"end_date": "2026-12-01"}),
        ({}, {"end_date": "demain"}),
        ({}, {"accessory": ""}),
        ({"title": ""}, {}),
        ({"criteria": []}, {}),
        ({"due_date": "2027-04-01"}, {}),
        ({"amount_cents": 48_000_01}, {}),
        ({"id": "pas-un-identifiant"}, {}),
        ({}, {}),
        ({}, {"jalons-TOTAL_FORMS": "beaucoup"}),
    ],
)
def test_what_is_refused_comes_back_as_typed(cast, client, then, change, fields):
    contract = cc.active(cast)
    client.force_login(cast.officer)
    data = {"reason": "Une raison précieuse"} | fields
    answer = client.post(url("amend", contract.number), typed(contract, change=change, **data))
    assert answer.status_code == 422 and "Il y a un problème" in words(answer)
    if fields.get("reason") != " ":
        assert "Une raison précieuse" in answer.content.decode()
    assert not Amendment.objects.exists()


def test_a_row_more_loses_nothing(cast, client, then):
    contract = cc.active(cast)
    client.force_login(cast.buyer)
    answer = client.post(url("amend", contract.number), typed(contract, reason="À moitié écrit", ajouter_jalon="1"))
    page = answer.content.decode()
    assert answer.status_code == 200 and "À moitié écrit" in page and "jalons-2-title" in page
    assert "Il y a un problème" not in page and 'id="jalon-3"' in page and '#jalon-4" formnovalidate' in page


ALL_PAGES = ["amend", "amendment", "approve_amendment", "accept_amendment", "refuse_amendment", "withdraw_amendment"]


def test_strangers_find_nothing_and_pending_amendments_are_for_the_parties(cast, client, then):
    contract = cc.active(cast)
    proposed(cast, contract)
    for who in ["rival", "outsider", "outside_officer", "administrator"]:
        client.force_login(person_of(cast, contract, who))
        for name in ALL_PAGES:
            path = url(name, contract.number, *([] if name == "amend" else [1]))
            assert client.get(path).status_code == 404, (who, name)
            assert client.post(path).status_code == (405 if name == "amendment" else 404), (who, name)
        assert REASON not in client.get(contract.get_absolute_url()).content.decode()
    for who in ["member", "auditor", "other_buyer"]:
        client.force_login(person_of(cast, contract, who))
        assert client.get(url("amendment", contract.number, 1)).status_code == 200
        assert client.post(url("approve_amendment", contract.number, 1), {"accessory": "on"}).status_code == 403
    client.force_login(cast.buyer)
    assert client.get(url("amend", contract.number)).status_code == 409
    assert client.post(url("refuse_amendment", contract.number, 1), {"reason": "x"}).status_code == 403
    assert client.post(url("withdraw_amendment", contract.number, 1)).status_code == 302
    assert client.post(url("withdraw_amendment", contract.number, 1)).status_code == 409


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_answers_at_once_give_one(transactional_db):
    """Two owners accept, one delivers: the amendment is applied once, or the delivery stops it; never both halves."""
    everybody = Cast()
    with clock.set_to(PROPOSED_AT):
        contract = cc.active(everybody)
        VendorMembership.objects.filter(user=everybody.vendor_member).update(role="admin")
        plan = amendment_actions.plan_of(contract)[1:]
        plan[0]["amount_cents"] += 15_999_99
        amendment = approved(everybody, contract, -1, plan=plan)
        first = contract.milestones.first()
        results = together(
            lambda: amendment_actions.accept(fresh(amendment), by=everybody.vendor_owner, method="password"),
            lambda: amendment_actions.accept(fresh(amendment), by=everybody.vendor_member, method="password"),
            lambda: delivery_actions.deliver(fresh(first), by=everybody.vendor_owner, notes="Voici."),
        )
    assert sum(not isinstance(result, Exception) for result in results) == 1
    accepted = fresh(amendment).state == "in_force"
    assert LedgerPayload.objects.filter(action="amendment.accept").count() == accepted
    assert fresh(contract).milestones.filter(state="delivered").exists() != accepted
    assert_sound(contract)
