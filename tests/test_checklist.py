"""The checklist of an award: what holds on a procurement well led, and each line that sees what is wrong."""

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from audit.reviews import actions as review_actions
from audit.reviews import checklist
from audit.reviews import facts as review_facts
from audit.reviews.checklist_words import PAGES, STEPS, WORDS, counts, sentence, shown
from contracts.amendments import actions as amendment_actions
from contracts.models import Contract, Duty, Invoice, Signatory
from contracts.payments import actions as payment_actions
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from opportunities.models import Criterion, Opportunity
from proposals.models import Draw, Proposal, Recommendation, SealedEnvelope
from proposals.notice import actions as notice_actions
from tests import contract_cast as stage
from tests.cast import CLOSES_AT
from tests.unguarded import unguarded
from vendors.models import Ineligibility, TaxAttestation, VendorMembership

AFTER = CLOSES_AT + timedelta(days=3)
LATER = stage.INVOICED_AT + timedelta(days=120)


def row_of(opportunity):
    return review_facts.awards().standing().get(opportunity=opportunity)


def answers(opportunity, *, at=AFTER) -> dict:
    """{code: line} of the standing award."""
    with clock.set_to(at):
        return {line.code: line for line in checklist.lines(review_facts.facts(row_of(opportunity), at=at))}


def done(opportunity, *, at=AFTER) -> dict:
    return {code: line.done for code, line in answers(opportunity, at=at).items()}


@pytest.fixture
def awarded(cast):
    """Two proposals, quality at a fixed price, nothing after the award."""
    with translation.override("fr-ca"):
        return cast.awarded()[0]


# --- A procurement well led ------------------------------------------------------------------------------------------
def test_every_line_of_a_good_award(cast, awarded):
    """What does not apply yet says so; the attestation is there, and nobody noted having verified it."""
    found = done(awarded)
    del found["checkpoint"]  # entries bear the database's own day: the next tests say what becomes of them
    none = {
        "addenda",
        "overlap",
        "draw",
        "signals",
        "value",
        "signatures",
        "duties",
        "amendments",
        "invoices",
        "payers",
    }
    assert {code for code, answer in found.items() if answer is None} == none
    assert {code for code, answer in found.items() if answer is False} == {"attestation"}
    lines = answers(awarded)
    assert lines["reviewed"].by == (cast.officer.name,)
    assert lines["two_people"].by == (cast.buyer.name, cast.officer.name)
    assert lines["told"].details == {"count": 2, "missing": [], "waiting": 2}


def test_a_signed_checkpoint_covers_the_acts(awarded):
    with clock.set_to(AFTER):
        checkpoints.make(at=AFTER)
    assert done(awarded)["checkpoint"] is True


def test_the_last_acts_wait_for_the_nightly_checkpoint(awarded):
    rows = review_facts.facts(row_of(awarded), at=AFTER).entries.values()
    written = max(row.recorded_at for row in rows)
    assert done(awarded, at=written + timedelta(hours=1))["checkpoint"] is None
    assert done(awarded, at=written + timedelta(days=3))["checkpoint"] is False


def test_a_newer_act_takes_nothing_from_what_is_covered(awarded):
    """Whoever notes something about the award changes neither the answer nor what one signs."""
    with clock.set_to(AFTER):
        checkpoints.make(at=AFTER)
    soon = LedgerEntry.objects.latest("seq").recorded_at + timedelta(hours=1)
    before = review_actions.fingerprint(review_actions.computed(row_of(awarded), at=soon))
    with transaction.atomic():
        ledger.record("opportunity.addendum", awarded.ledger_subject(), by=None, at=AFTER)
    line = answers(awarded, at=soon)["checkpoint"]
    assert (line.done, line.details["left"]) == (True, 1)
    assert review_actions.fingerprint(review_actions.computed(row_of(awarded), at=soon)) == before
    assert "que le prochain couvrira : 1." in sentence("checkpoint", True, line.details)


@pytest.mark.parametrize("mode", ["price", "quality_min_price", "adjusted_price"])
def test_the_ranking_is_the_same_in_each_mode(cast, mode):
    opportunity, _proposals = cast.awarded(mode=mode)
    found = done(opportunity)
    assert found["ranking"] is True
    assert found["amount"] is True
    assert found["grid"] is (None if mode == "price" else True)
    assert found["scored"] is (None if mode == "price" else True)


def test_the_contract_up_to_its_payment(cast):
    contract = stage.active(cast)
    opportunity = contract.opportunity
    invoice = stage.invoiced(cast, contract)
    found = done(opportunity, at=stage.INVOICED_AT)
    assert (found["value"], found["signatures"], found["invoices"], found["payers"]) == (True, True, None, None)
    assert found["duties"] is False  # 15 days after the conclusion, nothing is noted
    with clock.set_to(stage.INVOICED_AT):
        paid = payment_actions.declare_outside(
            invoice, by=cast.officer, reference="VIR-1", paid_on=date(2026, 12, 17)
        )  # fmt: skip
        payment_actions.confirm(paid, by=stage.owner(contract))
    found = answers(opportunity, at=stage.INVOICED_AT)
    assert (found["invoices"].done, found["payers"].done) == (True, True)
    assert found["payers"].by == (cast.officer.name,)
    assert found["entries"].done is True, found["entries"].details


def test_duties_that_are_due_later_say_nothing(cast):
    contract = stage.active(cast)
    assert done(contract.opportunity)["duties"] is None
    Duty.objects.filter(contract=contract).update(
        done_on=date(2026, 12, 1), done_by=cast.officer, proof="SEAO 1", done_at=AFTER
    )
    assert done(contract.opportunity, at=LATER)["duties"] is True


def test_an_amendment_by_two_people(cast):
    contract = stage.active(cast)
    with clock.set_to(stage.INVOICED_AT):
        plan = amendment_actions.plan_of(contract)
        plan[-1]["amount_cents"] += 1_000_00
        made = amendment_actions.propose(
            contract, by=cast.buyer, reason="Motif", delta_cents=1_000_00, end_date=None, plan=plan
        )  # fmt: skip
        amendment_actions.approve(made, by=cast.officer)
        amendment_actions.accept(made, by=cast.vendor_owner, method="password")
    line = answers(contract.opportunity, at=LATER)["amendments"]
    assert line.done is True
    assert line.by == (cast.buyer.name, cast.officer.name)


def test_a_draw_is_verified(cast):
    opportunity, _proposals = cast.awarded(mode="price", prices=(50_000_00, 50_000_00))
    assert done(opportunity)["draw"] is True
    with unguarded():
        Draw.objects.update(secret="00" * 32)
    assert done(opportunity)["draw"] is False


def test_an_addendum_is_told_to_whoever_was_preparing(cast):
    opportunity = cast.published()
    proposal = cast.submitted(opportunity)
    with clock.set_to(CLOSES_AT - timedelta(days=7)):
        notice_actions.add_addendum(opportunity, by=cast.buyer, text="Précision.")
    later = cast.submitted(opportunity, vendor=cast.rival, at=CLOSES_AT - timedelta(days=6))
    _award(cast, opportunity, [proposal, later])
    line = answers(opportunity)["addenda"]
    assert line.done is True
    OutgoingEmail.objects.filter(template="emails/opportunity_addendum.txt", to=cast.vendor_owner).delete()
    line = answers(opportunity)["addenda"]
    assert line.done is False
    assert line.details["missing"] == ["1, Atelier Boréal inc."]


def _award(cast, opportunity, proposals):
    from proposals.award import actions as award_actions
    from proposals.opening import actions as opening_actions

    with clock.set_to(opportunity.closes_at):
        assert opening_actions.open_if_due(opportunity.number)
    for proposal in proposals:
        row = Proposal.objects.get(pk=proposal.pk)
        cast.admit(row)
        cast.score(row)
    fresh = Opportunity.objects.get(pk=opportunity.pk)
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        award_actions.recommend(fresh, award_actions.lines(fresh)[0].proposal, by=cast.buyer)
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        award_actions.confirm(fresh, by=cast.officer)


# --- What is wrong ---------------------------------------------------------------------------------------------------
def _winner(opportunity):
    return Proposal.objects.get(opportunity=opportunity, state="awarded")


def _changed_payload(opportunity):
    row = LedgerPayload.objects.filter(subject=opportunity.ledger_subject(), action="opportunity.publish").get()
    LedgerPayload.objects.filter(pk=row.pk).update(body=row.body | {"after": "draft"})


WRONG = {
    "reviewed": lambda o, c: Opportunity.objects.filter(pk=o.pk).update(editor_ids=[c.officer.pk]),
    "ceiling": lambda o, c: Opportunity.objects.filter(pk=o.pk).update(budget_cents=90_000_00),
    "grid": lambda o, c: Criterion.objects.filter(opportunity=o, position=0).update(weight=61),
    "envelopes": lambda o, c: SealedEnvelope.objects.filter(submission__proposal=_winner(o)).update(content=b"autre"),
    "ties": lambda o, c: VendorMembership.objects.create(user=c.buyer, vendor=c.rival, role="member"),
    "scored": lambda o, c: _winner(o).scores.first().delete(),
    "two_people": lambda o, c: Recommendation.objects.filter(opportunity=o).update(by=c.officer, decided_by=c.buyer),
    "told": lambda o, c: OutgoingEmail.objects.filter(template="emails/proposal_not_awarded.txt").delete(),
    "hashes": lambda o, c: _changed_payload(o),
    "opening": lambda o, c: LedgerPayload.objects.filter(action="opening.minutes").delete(),
}


@pytest.mark.parametrize("code", WRONG)
def test_each_line_sees_what_is_wrong(cast, awarded, code):
    before = done(awarded)
    assert before[code] is True
    with unguarded():
        WRONG[code](awarded, cast)
    if code == "scored":  # nothing can be ranked again without all the scores
        facts = review_facts.facts(row_of(awarded), at=AFTER)
        assert checklist.scored(facts).done is False
        return
    assert done(awarded)[code] is False


def test_a_ranking_that_was_not_the_computed_one(awarded):
    made = row_of(awarded).recommendation
    made.ranking[0]["rank"], made.ranking[1]["rank"] = 2, 1
    with unguarded():
        made.save()
    assert done(awarded)["ranking"] is False


def test_a_short_period_needs_its_reason(cast):
    opportunity, _proposals = cast.awarded()
    with unguarded():
        Opportunity.objects.filter(pk=opportunity.pk).update(published_at=CLOSES_AT - timedelta(days=6))
    line = answers(opportunity)["period"]
    assert (line.done, line.details["days"]) == (False, 6)
    with unguarded():
        Opportunity.objects.filter(pk=opportunity.pk).update(short_period_reason="Le pont est fermé.")
    assert answers(opportunity)["period"].done is True


@pytest.mark.parametrize(
    ("lacks", "spoil"),
    [
        (["attestation"], lambda c: TaxAttestation.objects.update(issued_on=date(2026, 6, 1))),
        (["attestation"], lambda c: TaxAttestation.objects.update(at=AFTER)),
        (
            ["ineligible"],
            lambda c: [
                Ineligibility.objects.create(
                    vendor=vendor, source="rena", since=date(2026, 11, 1), recorded_by=c.administrator, at=CLOSES_AT
                )
                for vendor in (c.vendor, c.rival)
            ],
        ),
        (
            [],  # recorded after the award: nobody could know
            lambda c: [
                Ineligibility.objects.create(
                    vendor=vendor, source="rena", since=date(2026, 11, 1), recorded_by=c.administrator, at=AFTER
                )
                for vendor in (c.vendor, c.rival)
            ],
        ),
    ],
)
def test_eligibility_is_that_of_the_day(cast, awarded, lacks, spoil):
    spoil(cast)
    line = answers(awarded)["eligible"]
    assert (line.done, line.details["lacks"]) == (not lacks, lacks)


def test_a_verified_attestation(cast, awarded):
    TaxAttestation.objects.update(verified_by=cast.officer, verified_at=AFTER)
    line = answers(awarded)["attestation"]
    assert (line.done, line.by) == (True, (cast.officer.name,))


def test_a_signature_over_the_limit_and_a_late_invoice(cast):
    contract = stage.active(cast)
    invoice = stage.invoiced(cast, contract)
    Signatory.objects.update(limit_cents=1_00)
    found = answers(contract.opportunity, at=LATER)
    assert found["signatures"].done is False
    assert found["duties"].done is False
    assert (found["invoices"].done, found["invoices"].details["late"]) == (False, [invoice.number])
    Invoice.objects.update(paid_at=stage.INVOICED_AT)
    assert done(contract.opportunity, at=LATER)["invoices"] is True


def test_an_erased_detail_takes_nothing_from_the_ledger(awarded):
    """But the minutes cannot be read any more: that line says so."""
    with unguarded():
        LedgerPayload.objects.filter(subject=awarded.ledger_subject()).exclude(action="opening.minutes").delete()
    found = done(awarded)
    assert (found["entries"], found["hashes"], found["opening"]) == (True, True, True)


# --- As a whole ------------------------------------------------------------------------------------------------------
def test_each_line_has_words_in_both_languages(cast, awarded):
    lines = review_actions.computed(row_of(awarded), at=AFTER)
    assert [line["code"] for line in lines] == list(WORDS)
    for line in lines:
        said = sentence(line["code"], line["done"], line["details"])
        assert said and "%(" not in said
    groups = shown(lines, row_of(awarded))
    assert sum(len(group["lines"]) for group in groups) == len(lines)
    dated = [line for line in lines if line["code"] != "checkpoint"]
    assert counts(dated) == {"yes": 18, "no": 1, "none": 10}


def test_what_does_not_hold_says_where_to_act(cast, awarded, client):
    assert set(STEPS) == set(WORDS) and {step.page for step in STEPS.values()} <= set(PAGES)
    row = row_of(awarded)
    refused = [
        line | {"done": False} for line in review_actions.computed(row, at=AFTER) if line["code"] in {"attestation"}
    ]
    (line,) = shown(refused, row)[3]["lines"]
    assert line["step"]["url"] == f"/occasions/{awarded.number}/attribution/" and line["step"]["text"]
    held = shown(review_actions.computed(row, at=AFTER), row)
    assert all((line["step"] is None) == (line["done"] is not False) for group in held for line in group["lines"])
    client.force_login(cast.officer)
    page = client.get(f"/verification/attributions/{awarded.number}/").content.decode()
    assert "auprès de Revenu Québec, et dites-le" in page and "L’attribution</a>" in page


def test_the_same_number_of_queries_whatever_was_received(cast):
    def cost(opportunity) -> int:
        row = row_of(opportunity)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            checklist.lines(review_facts.facts(row, at=AFTER))
        return len(queries)

    one, two = (cast.awarded(proposals=count, values=("90", "80")[:count])[0] for count in (1, 2))
    assert cost(one) == cost(two) <= 30
    assert Contract.objects.count() == 0
