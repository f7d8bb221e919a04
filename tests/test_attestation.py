"""Revenu Québec's attestation: shown wherever a vendor's standing is, never green while nobody verified it, verified or
justified before the body signs, raises the value and pays. Before the award: tests/test_eligibility.py.
"""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from audit.reviews import checklist, checklist_words
from audit.reviews import facts as review_facts
from contracts.agreement import signature_actions
from contracts.amendments import actions as amendment_actions
from contracts.attestation import actions as attestation_actions
from contracts.models import Contract, Payment
from contracts.payments import actions as payment_actions
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry, LedgerPayload
from tests import contract_cast as stage
from tests.cast import PASSWORD
from tests.payment_cast import PAID_AT
from tests.reading import signed_in, text_of, words
from tests.test_eligibility import AFTER, page
from vendors.models import TaxAttestation

pytestmark = pytest.mark.django_db
WHY = stage.UNVERIFIED
LITTLE = ["", "   ", ".", "ok", "1234 5678 9", "!!! ??? ...", "x y z", "Service absent", "\u200b\u200b"]
LABEL = "Pourquoi continuer sans que l’attestation soit vérifiée"


def fresh(contract) -> Contract:
    return Contract.objects.get(pk=contract.pk)


def sign(contract, by, **changes) -> None:
    signature_actions.sign(contract, by=by, text_sha256=contract.text_sha256, method="password", **changes)


def declare(invoice, by, **changes) -> Payment:
    return payment_actions.declare_outside(invoice, by=by, reference="VIR-1", paid_on=PAID_AT.date(), **changes)


def unverified_again(vendor, number="RQ-2026-000002") -> TaxAttestation:
    """The vendor's next attestation, which nobody has looked up yet."""
    owner = vendor.memberships.get(role="owner").user
    return TaxAttestation.objects.create(
        vendor=vendor, number=number, issued_on=date(2026, 12, 1), added_by=owner, at=stage.DELIVERED_AT
    )


def address(contract, name="sign") -> str:
    return reverse(f"contracts:{name}", args=[contract.number])


# --- The body's signature --------------------------------------------------------------------------------------------
@pytest.fixture
def signing(cast):
    contract = stage.vendor_signed(cast)
    with clock.set_to(stage.SIGNED_AT):
        yield contract


@pytest.mark.parametrize("reason", LITTLE)
def test_the_body_does_not_sign_without_words(cast, signing, reason):
    with pytest.raises(ValidationError) as refused:
        sign(signing, cast.officer, unverified_reason=reason)
    assert list(refused.value.message_dict) == ["unverified_reason"]
    assert fresh(signing).state == "vendor_signed" and not signing.signatures.filter(party="body").exists()
    typed = {"text_sha256": signing.text_sha256, "password": PASSWORD, "unverified_reason": reason}
    answer = signed_in(cast.officer).post(address(signing), typed)
    assert answer.status_code == 422 and answer.context["form"].errors.keys() == {"unverified_reason"}
    assert fresh(signing).state == "vendor_signed"


def test_the_reason_is_kept_and_read_by_the_parties_and_auditors_alone(cast, signing):
    path = address(signing)
    shown = words(signed_in(cast.officer).get(path))
    assert LABEL in shown and "Attestation à vérifier" in shown and "Rien à signaler" not in shown
    typed = {"text_sha256": signing.text_sha256, "password": PASSWORD, "unverified_reason": WHY}
    assert signed_in(cast.officer).post(path, typed).status_code == 302
    body = LedgerPayload.objects.get(action="contract.sign").body
    assert (body["attestation"], body["unverified_reason"]) == ("RQ-2026-000001", WHY)
    contract = signing.get_absolute_url()
    for who in (cast.officer, cast.buyer, cast.vendor_owner, cast.auditor):
        assert WHY in text_of(signed_in(who).get(contract))
    assert WHY not in text_of(signed_in(cast.outside_buyer).get(contract))
    assert WHY not in text_of(signed_in(cast.rival_owner).get(contract))


@pytest.mark.parametrize("lacks", ["verified", "not required"])
def test_nothing_is_asked_when_nothing_is_unverified(cast, lacks):
    contract = stage.vendor_signed(cast, **({"budget_cents": 20_000_00} if lacks == "not required" else {}))
    if lacks == "verified":
        stage.verified(contract, cast.officer)
    with clock.set_to(stage.SIGNED_AT):
        shown = words(signed_in(cast.officer).get(address(contract)))
        assert LABEL not in shown and "Rien à signaler" in shown
        sign(contract, cast.officer, unverified_reason=WHY)
    assert "unverified_reason" not in LedgerPayload.objects.get(action="contract.sign").body


def test_the_vendor_is_asked_nothing(cast):
    contract = stage.offered(cast)
    with clock.set_to(stage.SIGNED_AT):
        shown = words(signed_in(cast.vendor_owner).get(address(contract)))
    assert LABEL not in shown and "Attestation à vérifier" not in shown


# --- Verified beside the contract ------------------------------------------------------------------------------------
WHO = {
    "officer": 302, "second_officer": 302, "buyer": 403, "vendor_owner": 404, "vendor_member": 404, "rival_owner": 404,
    "auditor": 404, "outside_officer": 404, "outside_buyer": 404, "administrator": 404,
}  # fmt: skip


@pytest.mark.parametrize("who", WHO)
def test_who_notes_that_it_was_verified(cast, signing, who):
    paper = cast.vendor.attestations.get()
    client = signed_in(getattr(cast, who))
    typed = {"verify": str(paper.public_id), "suite": address(signing)}
    answer = client.post(address(signing, "verify_attestation"), typed)
    assert answer.status_code == WHO[who]
    paper.refresh_from_db()
    assert (paper.verified_by == getattr(cast, who)) == (WHO[who] == 302)
    if WHO[who] == 302:
        assert answer.url == address(signing)
        kept = LedgerPayload.objects.get(action="attestation.verify")
        assert kept.subject == signing.award.proposal.ledger_subject() and kept.entry.action == "sealed"
        assert client.post(address(signing, "verify_attestation"), typed).status_code == 409
    elif WHO[who] != 404:
        assert "Noter l’attestation" not in text_of(client.get(address(signing)))


def test_once_verified_the_body_signs_without_a_reason(cast, signing):
    client = signed_in(cast.officer)
    shown = client.get(address(signing))
    assert reverse("contracts:verify_attestation", args=[signing.number]) in text_of(shown)
    attestation_actions.verify(signing, by=cast.officer, shown=str(cast.vendor.attestations.get().public_id))
    shown = words(client.get(address(signing)))
    assert "Rien à signaler" in shown and LABEL not in shown and "vérifiée le 27 novembre 2026" in shown
    sign(signing, cast.officer)
    assert fresh(signing).state == "active"


def test_elsewhere_is_no_page_to_come_back_to(cast, signing):
    typed = {"verify": str(cast.vendor.attestations.get().public_id), "suite": "https://ailleurs.example/"}
    answer = signed_in(cast.officer).post(address(signing, "verify_attestation"), typed)
    assert answer.url == signing.get_absolute_url()


# --- Payments --------------------------------------------------------------------------------------------------------
@pytest.fixture
def paying(cast):
    """An invoice of a contract that was signed with a verified attestation; another, unverified, counts now."""
    invoice = stage.invoiced(cast, stage.active(cast))
    unverified_again(cast.vendor)
    with clock.set_to(PAID_AT):
        yield invoice


def pay_page(invoice) -> str:
    return reverse("contracts:pay", args=[invoice.number])


def typed(**changes) -> dict:
    return {"way": "outside", "reference": "VIR-1", "paid_on": "2026-12-18", "password": PASSWORD} | changes


@pytest.mark.parametrize("reason", LITTLE)
def test_nothing_is_paid_without_words(cast, paying, reason):
    with pytest.raises(ValidationError) as refused:
        declare(paying, cast.officer, unverified_reason=reason)
    assert list(refused.value.message_dict) == ["unverified_reason"]
    answer = signed_in(cast.officer).post(pay_page(paying), typed(unverified_reason=reason))
    assert answer.status_code == 422 and answer.context["form"].errors.keys() == {"unverified_reason"}
    assert 'value="VIR-1"' in text_of(answer)
    assert not Payment.objects.exists()


def test_a_payment_with_its_reason(cast, paying):
    shown = words(signed_in(cast.officer).get(pay_page(paying)))
    assert LABEL in shown and "Attestation à vérifier" in shown and "Rien à signaler" not in shown
    assert signed_in(cast.officer).post(pay_page(paying), typed(unverified_reason=WHY)).status_code == 302
    body = LedgerPayload.objects.get(action="payment.declare").body
    assert (body["attestation"], body["unverified_reason"]) == ("RQ-2026-000002", WHY)
    for who in (cast.officer, cast.vendor_owner, cast.auditor):
        assert WHY in words(signed_in(who).get(paying.get_absolute_url()))


def test_a_payment_once_verified(cast, paying):
    contract, paper = paying.contract, cast.vendor.attestations.latest("pk")
    answer = signed_in(cast.officer).post(
        address(contract, "verify_attestation"), {"verify": str(paper.public_id), "suite": pay_page(paying)}
    )
    assert answer.url == pay_page(paying)
    shown = words(signed_in(cast.officer).get(pay_page(paying)))
    assert LABEL not in shown and "Rien à signaler" in shown
    assert signed_in(cast.officer).post(pay_page(paying), typed()).status_code == 302
    assert "unverified_reason" not in LedgerPayload.objects.get(action="payment.declare").body


@pytest.fixture
def justified(cast):
    """An invoice of a contract that the body signed with a reason: the attestation is still unverified."""
    contract = stage.vendor_signed(cast)
    with clock.set_to(stage.SIGNED_AT):
        sign(contract, cast.officer, unverified_reason=WHY)
    stage.register(contract)
    invoice = stage.invoiced(cast, contract)
    with clock.set_to(PAID_AT):
        yield invoice


def test_the_same_attestation_is_justified_once_for_a_contract(cast, justified):
    shown = words(signed_in(cast.officer).get(pay_page(justified)))
    assert LABEL not in shown and "Rien à signaler" not in shown
    assert "Attestation à vérifier" in shown and WHY in shown and cast.officer.name in shown
    assert declare(justified, cast.officer).state == "declared"


def test_another_attestation_of_the_same_number_is_not_the_same(cast, justified):
    """Withdrawn, then typed again: what was said was said of what was there before."""
    TaxAttestation.objects.update(withdrawn_at=stage.ACCEPTED_AT)
    unverified_again(cast.vendor, "RQ-2026-000001")
    with pytest.raises(ValidationError, match="en mots"):
        declare(justified, cast.officer)


def test_an_erased_reason_is_asked_again(cast, justified):
    entry = LedgerEntry.objects.get(action="contract.sign")
    ledger.erase(entry, by=cast.administrator, at=PAID_AT, reason="Demande d’une personne")
    with pytest.raises(ValidationError, match="en mots"):
        declare(justified, cast.officer)


def test_a_reason_for_one_contract_serves_no_other(cast, justified):
    other = stage.vendor_signed(cast)
    assert other.pk != justified.contract.pk and other.vendor == justified.contract.vendor
    with clock.set_to(stage.SIGNED_AT), pytest.raises(ValidationError, match="en mots"):
        sign(other, cast.officer)


# --- Amendments ------------------------------------------------------------------------------------------------------
def amended(cast, contract, cents):
    plan = amendment_actions.plan_of(contract)
    plan[-1]["amount_cents"] += cents
    return amendment_actions.propose(contract, by=cast.buyer, reason="Motif", delta_cents=cents, plan=plan)


@pytest.fixture
def raising(cast):
    """An amendment that raises the value, to approve; the attestation that counts by then is unverified."""
    contract = stage.active(cast)
    unverified_again(cast.vendor)
    with clock.set_to(PAID_AT):
        yield amended(cast, contract, 5_000_00)


def turn(amendment, name="amendment") -> str:
    return reverse(f"contracts:{name}", args=[amendment.contract.number, amendment.number])


@pytest.mark.parametrize("reason", LITTLE)
def test_no_raise_is_approved_without_words(cast, raising, reason):
    with pytest.raises(ValidationError) as refused:
        amendment_actions.approve(raising, by=cast.second_officer, unverified_reason=reason)
    assert list(refused.value.message_dict) == ["unverified_reason"]
    sent = {"accessory": "on", "password": PASSWORD, "unverified_reason": reason}
    answer = signed_in(cast.second_officer).post(turn(raising, "approve_amendment"), sent)
    assert answer.status_code == 422 and answer.context["approve_form"].errors.keys() == {"unverified_reason"}
    assert type(raising).objects.get(pk=raising.pk).state == "proposed"


def test_a_raise_with_its_reason_which_serves_the_payments_too(cast, raising):
    officer = signed_in(cast.second_officer)
    shown = words(officer.get(turn(raising)))
    assert LABEL in shown and "Attestation à vérifier" in shown and "Rien à signaler" not in shown
    sent = {"accessory": "on", "password": PASSWORD, "unverified_reason": WHY}
    assert officer.post(turn(raising, "approve_amendment"), sent).status_code == 302
    payload = LedgerPayload.objects.get(action="amendment.approve")
    assert (payload.body["attestation"], payload.body["unverified_reason"]) == ("RQ-2026-000002", WHY)
    for who in (cast.buyer, cast.vendor_owner, cast.auditor):
        assert WHY in words(signed_in(who).get(turn(raising)))
    assert not LedgerEntry.objects.public().filter(action="amendment.approve").exists()
    contract = raising.contract
    assert attestation_actions.reason_kept(contract, "", at=PAID_AT) == {}  # justified, for this attestation
    amendment_actions.accept(raising, by=cast.vendor_owner, method="password")
    assert fresh(contract).amended_cents == 5_000_00


def test_a_raise_once_verified(cast, raising):
    paper = cast.vendor.attestations.latest("pk")
    typed_there = {"verify": str(paper.public_id), "suite": turn(raising)}
    officer = signed_in(cast.second_officer)
    assert officer.post(address(raising.contract, "verify_attestation"), typed_there).url == turn(raising)
    shown = words(officer.get(turn(raising)))
    assert LABEL not in shown and "Rien à signaler" in shown
    sent = {"accessory": "on", "password": PASSWORD}
    assert officer.post(turn(raising, "approve_amendment"), sent).status_code == 302
    assert "unverified_reason" not in LedgerPayload.objects.get(action="amendment.approve").body


def test_a_raise_that_reaches_the_amount_asks_for_the_first_time(cast):
    """Under 25 000 $ nothing was asked at the signature; what the contract becomes is what counts."""
    contract = stage.active(cast, budget_cents=20_000_00)
    with clock.set_to(PAID_AT):
        small = amended(cast, contract, 1_000_00)
        amendment_actions.approve(small, by=cast.second_officer)
        amendment_actions.withdraw(small, by=cast.buyer)
        large = amended(cast, contract, 5_000_00)
        TaxAttestation.objects.update(verified_by=None, verified_at=None)
        with pytest.raises(ValidationError, match="en mots"):
            amendment_actions.approve(large, by=cast.second_officer)
        amendment_actions.approve(large, by=cast.second_officer, unverified_reason=WHY)


@pytest.mark.parametrize("cents", [0, -5_000_00])
def test_an_amendment_that_adds_nothing_asks_nothing(cast, cents):
    contract = stage.active(cast)
    unverified_again(cast.vendor)
    with clock.set_to(PAID_AT):
        made = amendment_actions.propose(
            contract, by=cast.buyer, reason="Motif", delta_cents=cents, end_date=contract.end_date + timedelta(days=9),
            plan=[row | ({"amount_cents": row["amount_cents"] + cents} if rank == 1 else {})
                  for rank, row in enumerate(amendment_actions.plan_of(contract))],
        )  # fmt: skip
        shown = words(signed_in(cast.second_officer).get(turn(made)))
        assert LABEL not in shown and "Attestation à vérifier" not in shown
        amendment_actions.approve(made, by=cast.second_officer)


def test_the_reason_of_an_approval_outlives_a_session(cast, raising):
    client = signed_in(cast.second_officer)
    client.get(turn(raising))
    client.session.flush()
    sent = {"accessory": "on", "password": PASSWORD, "unverified_reason": WHY}
    answer = client.post(turn(raising, "approve_amendment"), sent)
    assert answer.status_code == 302
    client.force_login(cast.second_officer)
    assert WHY in text_of(client.get(turn(raising, "approve_amendment")))


# --- What auditors read ----------------------------------------------------------------------------------------------
def line(contract):
    award = review_facts.awards().get(pk=contract.award_id)
    found = checklist.lines(review_facts.facts(award, at=PAID_AT))
    (answer,) = [each for each in found if each.code == "attestation"]
    return answer, checklist_words.sentence("attestation", answer.done, answer.details)


def test_the_checklist_tells_the_reasons(cast, justified):
    answer, said = line(justified.contract)
    assert answer.done is False and answer.details == {"unverified_reasons": [WHY]} and WHY in said
    stage.verified(justified.contract, cast.officer)
    answer, said = line(justified.contract)
    assert answer.done is True and WHY in said and "RQ-2026-000001" in said
    was = {"number": "RQ-1"}  # as lists that were signed before hold it
    assert "aucun" in checklist_words.sentence("attestation", True, was)


def test_the_auditors_history_tells_it_in_words(cast, justified):
    path = reverse("audit:timeline", args=[justified.contract.opportunity.number])
    shown = words(signed_in(cast.auditor).get(path))
    assert WHY in shown and "Motif de continuer sans qu’elle soit vérifiée" in shown


# --- At the admission ------------------------------------------------------------------------------------------------
def examined(cast, occasion, proposal, who="buyer"):
    with clock.set_to(AFTER):
        path = reverse("proposals:examine", args=[occasion.number, proposal.public_id])
        return words(signed_in(getattr(cast, who)).get(path))


def test_the_admission_shows_its_state_and_how_to_verify_it(cast):
    occasion, (first, _second) = cast.opened()
    shown = examined(cast, occasion, first)
    assert "Attestation à vérifier" in shown and "Rien à signaler" not in shown
    assert "n° RQ-2026-000001" in shown and "service de vérification de Revenu Québec" in shown
    cast.vendor.attestations.update(verified_by=cast.officer, verified_at=AFTER)
    shown = examined(cast, occasion, first)
    assert "Rien à signaler" in shown and "service de vérification" not in shown
    cast.vendor.attestations.update(withdrawn_at=AFTER)
    assert "Ne peut pas être retenu" in examined(cast, occasion, first)


@pytest.mark.parametrize("mode", ["adjusted_price", "quality_min_price"])
@pytest.mark.parametrize("price", [24_999_99, 25_000_00])
def test_a_price_that_waits_is_not_told_by_its_attestation(cast, mode, price):
    occasion, (first, _second) = cast.opened(mode=mode, prices=(price, 30_000_00))
    shown = examined(cast, occasion, first)
    assert "L’état de l’attestation de Revenu Québec se lit ici une fois les prix dévoilés" in shown
    for told in ("RQ-2026-000001", "Attestation à vérifier", "Rien à signaler", "Ne peut pas être retenu"):
        assert told not in shown


def test_before_the_award_no_panel_is_green(cast):
    occasion, _proposals = cast.scored()
    with clock.set_to(AFTER):
        shown = words(signed_in(cast.buyer).get(page("recommend", occasion)))
    assert "Attestation à vérifier" in shown and "Rien à signaler" not in shown
