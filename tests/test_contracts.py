"""From an award to a concluded contract, through the public verbs; what the database refuses; races."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from contracts import documents
from contracts.agreement import draft_actions, signature_actions
from contracts.models import Clause, Contract, Document, Signature
from marketplace.dates import clock
from marketplace.ledger.entries import LedgerPayload
from marketplace.lifecycle import IllegalMove
from opportunities.models import BodyMembership, Opportunity
from proposals.award import actions as award_actions
from proposals.models import Award
from tests import contract_cast as made
from tests.cast import CLOSES_AT, Cast, person
from tests.contract_cast import SIGNED_AT
from vendors.models import TaxAttestation, VendorMembership

pytestmark = pytest.mark.django_db


@pytest.fixture
def then():
    with clock.set_to(SIGNED_AT):
        yield SIGNED_AT


def fresh(contract) -> Contract:
    return Contract.objects.get(pk=contract.pk)


def sign_as_vendor(contract, by=None, **changes):
    typed = {"text_sha256": contract.text_sha256, "title": "Présidente", "method": "password", "integrity": True}
    signature_actions.sign_as_vendor(contract, by=by or made.owner(contract), **(typed | changes))


def sign(contract, by, **changes):
    typed = {"text_sha256": contract.text_sha256, "method": "password", "unverified_reason": made.UNVERIFIED}
    signature_actions.sign(contract, by=by, **(typed | changes))


# --- The story -------------------------------------------------------------------------------------------------------
def test_from_the_award_to_the_conclusion(cast, then):
    contract = made.active(cast)
    assert (contract.state, contract.value_cents, contract.signed_at) == ("active", 64_000_00, SIGNED_AT)
    offered, signed = contract.documents.order_by("pk")
    for paper in (offered, signed):
        with paper.file.open() as file:
            assert hashlib.sha256(file.read()).hexdigest() == paper.sha256
    assert {row.text_sha256 for row in contract.signatures.all()} == {offered.sha256} == {contract.text_sha256}
    acts = [row.action for row in LedgerPayload.objects.about(contract.ledger_subject())]
    assert acts == [
        "contract.create", "contract.edit", "contract.offer", "contract.sign_as_vendor", "contract.sign",
    ]  # fmt: skip
    last = LedgerPayload.objects.get(action="contract.sign").body
    assert (last["value_cents"], last["text_sha256"]) == (64_000_00, contract.text_sha256)
    assert contract.duties.get().due_on == date(2026, 12, 12)  # 15 days after


def test_the_draft_comes_from_the_notice_and_the_winning_price(cast, then):
    opportunity, _proposals = cast.awarded(mode="price", acceptance_criteria="- Les tests passent.\n- C’est documenté.")
    contract = draft_actions.start(opportunity, by=cast.buyer)
    only = contract.milestones.get()
    assert contract.amount_cents == only.amount_cents == 55_000_00
    assert [row.text for row in only.criteria.all()] == ["Les tests passent.", "C’est documenté."]
    assert contract.start_date == max(opportunity.start_date, date(2026, 11, 27))
    assert draft_actions.start(opportunity, by=cast.officer).pk == contract.pk


def test_the_text_is_the_one_that_was_offered(cast, then):
    """A clause, a name, a notice that change afterwards change nothing of what is signed."""
    contract = made.offered(cast)
    before = list(contract.clauses)
    Clause.objects.filter(body=None).update(text="Autre chose.")
    Clause.objects.create(body=cast.body, title="Tardive", text="Trop tard.", position=1)
    sign_as_vendor(contract)
    sign(contract, cast.officer)
    assert fresh(contract).clauses == before
    assert {clause["title"] for clause in before} >= {"Prix et paiement", "Modifications"}
    assert "Renseignements personnels" not in {clause["title"] for clause in before}


def test_clauses_are_the_standard_ones_then_the_bodys(cast, then):
    contract = made.draft(cast)
    Clause.objects.create(body=cast.body, title="La nôtre", text="Oui.", position=1)
    Clause.objects.create(body=cast.body, title="Retirée", text="Non.", position=2, retired_at=SIGNED_AT)
    Clause.objects.create(body=cast.body, title="Personnelle", text="Oui.", position=3, personal_information=True)
    titles = [clause["title"] for clause in documents.clauses_for(contract)]
    assert titles[0] == "Objet et documents du contrat" and titles[-1] == "La nôtre" and len(titles) == 12
    contract.personal_information = True
    assert [clause["title"] for clause in documents.clauses_for(contract)][-2:] == ["La nôtre", "Personnelle"]


# --- The price guard: a contract is worth its award ------------------------------------------------------------------
def refused_by_the_database(act) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        act()


@pytest.mark.parametrize("cents", [63_999_99, 64_000_01, 1])
def test_the_database_refuses_another_price(cast, then, cents):
    contract = made.draft(cast)
    refused_by_the_database(lambda: Contract.objects.filter(pk=contract.pk).update(amount_cents=cents))
    other, _proposals = cast.awarded()
    values = {
        field.attname: getattr(contract, field.attname)
        for field in Contract._meta.concrete_fields
        if field.attname != "id"
    }
    standing = Award.objects.standing().get(opportunity=other)
    again = Contract(**(values | {"award_id": standing.pk, "number": "CT-2026-0999", "amount_cents": cents}))
    refused_by_the_database(lambda: again.save(force_insert=True))
    again.amount_cents = standing.amount_cents
    again.save(force_insert=True)


def test_the_database_refuses_an_award_that_is_another_price(cast, then):
    contract = made.draft(cast)
    cheap, _proposals = cast.awarded(mode="price")
    standing = Award.objects.standing().get(opportunity=cheap)
    refused_by_the_database(lambda: Contract.objects.filter(pk=contract.pk).update(award=standing))


@pytest.mark.parametrize("cents", [-1, 1, 15_999_99])
def test_the_database_refuses_milestones_that_do_not_total_the_contract(cast, then, cents):
    contract = made.offered(cast)
    contract.milestones.filter(position=1).update(amount_cents=16_000_00 + cents)
    refused_by_the_database(lambda: Contract.objects.filter(pk=contract.pk).update(state="vendor_signed"))


def test_the_database_knows_the_ceiling_to_the_cent(cast, then):
    contract = made.draft(cast)
    room = contract.ceiling_cents - contract.amount_cents
    rows = Contract.objects.filter(pk=contract.pk)
    rows.update(amended_cents=room - 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(amended_cents=room)


@pytest.mark.parametrize("amounts", [[64_000_01], [63_999_99], [32_000_00, 32_000_01], [1]])
def test_an_offer_totals_the_value_to_the_cent(cast, then, amounts):
    contract = made.draft(cast)
    draft_actions.edit(contract, by=cast.buyer, fields={}, plan=made.plan(*amounts))
    with pytest.raises(ValidationError, match="Les jalons totalisent"):
        signature_actions.offer(contract, by=cast.officer)
    assert fresh(contract).state == "draft" and not Document.objects.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"criteria": []}, "n’a pas de critère"),
        ({"due_date": date(2027, 4, 1)}, "sort de la durée"),
        ({"due_date": date(2026, 11, 30)}, "sort de la durée"),
        ({"due_date": date(2026, 12, 14)}, "précède celle du jalon d’avant"),
    ],
)
def test_an_incomplete_milestone_is_not_offered(cast, then, change, sentence):
    contract = made.draft(cast)
    plan = made.plan(32_000_00, 32_000_00)
    draft_actions.edit(contract, by=cast.buyer, fields={}, plan=[plan[0], plan[1] | change])
    with pytest.raises(ValidationError, match=sentence):
        signature_actions.offer(contract, by=cast.officer)


@pytest.mark.parametrize(
    "change",
    [{"amount_cents": 0}, {"amount_cents": -5}, {"title": " "}, {"title": "x" * 151}, {"criteria": ["x" * 501]},
     {"criteria": ["x"] * 21}],
)  # fmt: skip
def test_a_bad_plan_changes_nothing(cast, then, change):
    contract = made.draft(cast)
    with pytest.raises(ValidationError):
        draft_actions.edit(contract, by=cast.buyer, fields={}, plan=[made.plan(64_000_00)[0] | change])
    assert [row.amount_cents for row in contract.milestones.all()] == [16_000_00, 48_000_00]


def test_the_announced_licence_holds(cast, then):
    contract = made.draft(cast)
    with pytest.raises(ValidationError, match="celle que l’avis a annoncée"):
        draft_actions.edit(contract, by=cast.buyer, fields={"licence": "MIT"}, plan=made.plan(64_000_00))
    to_agree = made.draft(cast, code_licence="to-be-agreed")
    with pytest.raises(ValidationError, match="Choisissez la licence"):
        signature_actions.offer(to_agree, by=cast.officer)


# --- Who may, at each state ------------------------------------------------------------------------------------------
MOVES = {
    "offer": ("draft", {"buyer", "other_buyer", "officer", "second_officer"}),
    "sign_as_vendor": ("offered", {"vendor_owner"}),
    "refuse_terms": ("offered", {"vendor_owner"}),
    "withdraw_offer": ("offered", {"officer", "second_officer"}),
    "sign": ("vendor_signed", {"officer", "second_officer"}),
}
EVERYBODY = [
    "buyer", "other_buyer", "officer", "second_officer", "vendor_owner", "vendor_member", "rival_owner",
    "outside_buyer", "outside_officer", "auditor", "administrator", "outsider",
]  # fmt: skip


def act(contract, move, by) -> None:
    calls = {
        "offer": lambda: signature_actions.offer(contract, by=by),
        "sign_as_vendor": lambda: sign_as_vendor(contract, by=by),
        "refuse_terms": lambda: signature_actions.refuse_terms(contract, by=by, reason="Un motif"),
        "withdraw_offer": lambda: signature_actions.withdraw_offer(contract, by=by, reason="Un motif"),
        "sign": lambda: sign(contract, by=by),
    }
    calls[move]()


@pytest.mark.parametrize("move", MOVES)
def test_who_may_make_each_move(cast, then, move):
    stage, allowed = MOVES[move]
    contract = getattr(made, stage)(cast)
    for who in EVERYBODY:
        by = getattr(cast, who)
        assert contract.can(move, by) == (who in allowed), who
        if who not in allowed:
            with pytest.raises(PermissionDenied):
                act(fresh(contract), move, by)
    act(contract, move, getattr(cast, sorted(allowed)[0]))


@pytest.mark.parametrize("stage", ["draft", "offered", "vendor_signed", "active"])
def test_each_move_exists_from_its_states_only(cast, then, stage):
    contract = getattr(made, stage)(cast)
    by = {"sign_as_vendor": cast.vendor_owner, "refuse_terms": cast.vendor_owner}
    possible = {
        "draft": {"offer"},
        "offered": {"sign_as_vendor", "refuse_terms", "withdraw_offer"},
        "vendor_signed": {"sign", "withdraw_offer"},
        "active": set(),
    }[stage]
    for move in MOVES.keys() - possible:
        with pytest.raises(IllegalMove):
            act(fresh(contract), move, by.get(move, cast.officer))
    if stage != "draft":
        with pytest.raises(IllegalMove):
            draft_actions.edit(contract, by=cast.buyer, fields={}, plan=made.plan(64_000_00))


def test_nobody_sits_on_both_sides(cast, then):
    """The vendor's owner hired by the body binds no one; an officer with a tie signs nothing."""
    contract = made.offered(cast)
    BodyMembership.objects.create(user=cast.vendor_owner, body=cast.body, role="officer")
    both = type(cast.vendor_owner).objects.get(pk=cast.vendor_owner.pk)
    for move in ("sign_as_vendor", "refuse_terms", "withdraw_offer"):
        with pytest.raises(PermissionDenied):
            act(fresh(contract), move, both)
    other = person("Gaston Gestionnaire")
    VendorMembership.objects.create(user=other, vendor=cast.vendor, role="admin")
    sign_as_vendor(contract, by=other)
    with pytest.raises(PermissionDenied):
        sign(fresh(contract), both)


@pytest.mark.parametrize(
    ("limit", "may"), [(63_999_99, False), (64_000_00, True), (0, False)], ids=["a cent under", "equal", "none"]
)
def test_the_signatorys_limit(cast, then, limit, may):
    contract = made.vendor_signed(cast)
    cast.body.signatories.filter(user=cast.officer).update(limit_cents=limit)
    assert contract.can("sign", cast.officer) == may
    if not may:
        with pytest.raises(PermissionDenied):
            sign(contract, cast.officer)


def test_a_signatory_of_another_body_or_whose_mandate_ended_signs_nothing(cast, then):
    contract = made.vendor_signed(cast)
    mandates = cast.body.signatories.filter(user=cast.officer)
    mandates.update(body=cast.other_body)
    assert not contract.can("sign", cast.officer)
    cast.other_body.signatories.filter(user=cast.officer).update(body=cast.body, ended_at=SIGNED_AT)
    assert not contract.can("sign", cast.officer)
    assert contract.can("sign", cast.second_officer)


# --- Signing ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"text_sha256": "0" * 64}, "a changé depuis que vous l’avez lu"),
        ({"text_sha256": ""}, "a changé depuis que vous l’avez lu"),
        ({"integrity": False}, "déclaration d’intégrité est obligatoire"),
        ({"title": "  "}, "Inscrivez votre fonction"),
    ],
)
def test_what_a_vendors_signature_needs(cast, then, changes, sentence):
    contract = made.offered(cast)
    with pytest.raises(ValidationError, match=sentence):
        sign_as_vendor(contract, **changes)
    assert fresh(contract).state == "offered" and not Signature.objects.exists()


def test_the_body_signs_the_same_text(cast, then):
    contract = made.vendor_signed(cast)
    with pytest.raises(ValidationError, match="a changé"):
        sign(contract, cast.officer, text_sha256="f" * 64)
    assert fresh(contract).state == "vendor_signed" and contract.documents.count() == 1


def test_a_signature_given_to_a_text_taken_back_falls(cast, then):
    contract = made.vendor_signed(cast)
    signature_actions.withdraw_offer(contract, by=cast.officer, reason="Erreur de date.")
    draft_actions.edit(contract, by=cast.buyer, fields={"end_date": date(2027, 4, 30)}, plan=made.plan(64_000_00))
    signature_actions.offer(contract, by=cast.officer)
    with pytest.raises(IllegalMove):
        sign(contract, cast.officer)
    sign_as_vendor(contract)
    sign(contract, cast.officer)
    old, new = contract.signatures.filter(party="vendor")
    assert old.void_at == SIGNED_AT and new.void_at is None and old.text_sha256 != new.text_sha256
    assert [one["at"] for one in signature_actions.attestation(contract)["signatures"]]
    assert len(signature_actions.attestation(contract)["signatures"]) == 2


@pytest.mark.parametrize("stage", ["draft", "offered", "vendor_signed"])
def test_eligibility_is_asked_at_each_turn(cast, then, stage):
    contract = getattr(made, stage)(cast)
    TaxAttestation.objects.filter(vendor=cast.vendor).update(issued_on=date(2026, 7, 1))  # ended in October
    move = {"draft": "offer", "offered": "sign_as_vendor", "vendor_signed": "sign"}[stage]
    with pytest.raises(ValidationError, match="n’est plus valide"):
        act(contract, move, cast.vendor_owner if move == "sign_as_vendor" else cast.officer)
    assert fresh(contract).state == stage


# --- The award that falls --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stage", ["draft", "offered", "vendor_signed"])
def test_a_reversed_award_leaves_a_contract_without_effect(cast, then, stage):
    contract = getattr(made, stage)(cast)
    opportunity = contract.opportunity
    award_actions.request_reversal(opportunity, by=cast.officer, reason="Erreur de calcul")
    move = {"draft": "offer", "offered": "sign_as_vendor", "vendor_signed": "sign"}[stage]
    by = cast.vendor_owner if move == "sign_as_vendor" else cast.officer
    with pytest.raises(ValidationError, match="attendez la décision"):
        act(fresh(contract), move, by)
    award_actions.reverse(opportunity, by=cast.second_officer)
    contract = fresh(contract)
    assert contract.is_void and contract.state == stage
    with pytest.raises(ValidationError, match="ne peut plus être signé"):
        act(contract, move, by)


def test_after_a_new_award_there_is_a_new_contract(cast, then):
    first = made.draft(cast)
    opportunity = first.opportunity
    award_actions.request_reversal(opportunity, by=cast.officer, reason="Erreur de calcul")
    award_actions.reverse(opportunity, by=cast.second_officer)
    award_actions.recommend(opportunity, award_actions.lines(opportunity)[0].proposal, by=cast.buyer)
    award_actions.confirm(opportunity, by=cast.officer)
    second = draft_actions.start(opportunity, by=cast.buyer)
    assert second.number != first.number and fresh(first).is_void and not second.is_void


def test_a_concluded_contract_holds_its_award(cast, then):
    contract = made.vendor_signed(cast)
    opportunity = contract.opportunity
    sign(contract, cast.officer)
    with pytest.raises(ValidationError, match="Le contrat est conclu"):
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Trop tard")
    Opportunity.objects.filter(pk=opportunity.pk).update(reversal_requested_by=cast.officer, reversal_reason="Forcé")
    with pytest.raises(ValidationError, match="Le contrat est conclu"):
        award_actions.reverse(Opportunity.objects.get(pk=opportunity.pk), by=cast.second_officer)
    assert Award.objects.standing().filter(opportunity=opportunity).exists()


# --- What the database keeps -----------------------------------------------------------------------------------------
def test_documents_are_append_only(cast, then):
    made.offered(cast)
    refused_by_the_database(lambda: Document.objects.update(sha256="0" * 64))
    refused_by_the_database(lambda: Document.objects.all().delete())


def test_one_standing_signature_per_party(cast, then):
    contract = made.vendor_signed(cast)
    mine = contract.signatures.get()
    mine.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        mine.save(force_insert=True)


# --- Two connections at once -----------------------------------------------------------------------------------------
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_signing_and_reversing_at_once(transactional_db):
    """Whichever is first wins: never a concluded contract whose award fell."""
    cast = Cast()
    contract = made.vendor_signed(cast)
    opportunity = Opportunity.objects.get(pk=contract.award.opportunity_id)
    Opportunity.objects.filter(pk=opportunity.pk).update(reversal_requested_by=None)

    def conclude():
        sign(Contract.objects.get(pk=contract.pk), type(cast.officer).objects.get(pk=cast.officer.pk))

    def undo():
        row = Opportunity.objects.get(pk=opportunity.pk)
        award_actions.request_reversal(row, by=type(cast.officer).objects.get(pk=cast.officer.pk), reason="Erreur")
        award_actions.reverse(row, by=type(cast.officer).objects.get(pk=cast.second_officer.pk))

    def run(act):
        try:
            connection.ensure_connection()
            return act()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with clock.set_to(CLOSES_AT + timedelta(days=3)), ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, [conclude, undo]))
    contract, standing = fresh(contract), Award.objects.standing().filter(opportunity=opportunity).exists()
    assert all(isinstance(result, ValidationError | IllegalMove | None) for result in results), results
    assert results.count(None) == 1
    assert (contract.state == "active") == standing
    assert (contract.state == "vendor_signed") == contract.is_void
