"""The end of a contract: completed when all is paid, or terminated with a public reason; then the evaluation."""

import io
from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from pypdf import PdfReader

from contracts.amendments import actions as amendment_actions
from contracts.deliveries import actions as delivery_actions
from contracts.end import actions as end_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, Duty, Invoice, Milestone, Payment, Performance
from contracts.payments import settlement
from contracts.publication import actions as publication_actions
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerPayload, OutgoingEmail
from tests import contract_cast as cc
from tests.cast import PASSWORD
from tests.test_amending import (
    EVERYBODY,
    Undo,
    _quick_documents,  # noqa: F401 - an autouse fixture
    fresh,
    person_of,
    proposed,
    real_documents,  # noqa: F401 - a fixture
    url,
    words,
)

ENDED_AT = datetime.fromisoformat("2027-01-12T16:00:00+00:00")
MARKS = {"quality": 4, "deadlines": 2, "communication": 5}
COMMENT = "Livré en retard, mais bien fait."
EVALUATION = MARKS | {"satisfactory": True, "comment": COMMENT}
REASON = "Le besoin a disparu"
PARTY = {"buyer", "other_buyer", "officer", "second_officer", "owner", "member"}


@pytest.fixture
def then():
    with clock.set_to(ENDED_AT):
        yield ENDED_AT


def settled(cast, contract, *, at=cc.INVOICED_AT) -> Contract:
    """Every milestone delivered, accepted, invoiced and paid: what payments do is written as they write it."""
    for milestone in contract.milestones.filter(state="planned"):
        cc.invoiced(cast, contract, milestone.position, at=at)
    if contract.holdback_percent:
        with clock.set_to(at):
            invoice_actions.release_holdback(contract, by=cc.owner(contract))
    Invoice.objects.filter(contract=contract).update(paid_at=at)
    Milestone.objects.filter(contract=contract).update(state="paid", paid_at=at)
    return fresh(contract)


def completed(cast, **fields) -> Contract:
    contract = settled(cast, cc.active(cast, **fields))
    end_actions.complete(contract, by=cast.officer, no_code_reason="Formation seulement")
    return contract


def terminated(cast, **fields) -> Contract:
    contract = cc.active(cast, **fields)
    end_actions.terminate(contract, by=cast.officer, reason=REASON)
    return contract


STAGES = {
    "offered": lambda cast: cc.offered(cast),
    "active": lambda cast: cc.active(cast),
    "completed": completed,
    "terminated": terminated,
}


# --- Completing ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("holdback", [0, 10])
def test_a_contract_is_completed_when_everything_is_paid(cast, then, holdback):
    contract = settled(cast, cc.active(cast, holdback=holdback))
    OutgoingEmail.objects.all().delete()
    end_actions.complete(contract, by=cast.officer, no_code_reason="  Formation seulement ")
    row = fresh(contract)
    assert (row.state, row.ended_at, row.final_cents) == ("completed", ENDED_AT, 64_000_00)
    assert row.no_code_reason == "Formation seulement"
    duty = Duty.objects.get(contract=contract, kind="final")
    assert (duty.amount_cents, duty.due_on) == (64_000_00, date(2027, 1, 12) + timedelta(days=90))
    told = set(OutgoingEmail.objects.filter(template="emails/contract_ended.txt").values_list("to_id", flat=True))
    staff = {cast.buyer.pk, cast.other_buyer.pk, cast.officer.pk, cast.second_officer.pk}
    assert told == staff | {cast.vendor_owner.pk}
    assert "64 000,00 $" in OutgoingEmail.objects.first().body.replace("\u00a0", " ")


def unpaid_invoice(cast, contract):
    Invoice.objects.filter(contract=contract, milestone__position=2).update(paid_at=None)


def unpaid_milestone(cast, contract):
    Milestone.objects.filter(contract=contract, position=2).update(state="invoiced", paid_at=None)


def unreleased_holdback(cast, contract):
    Invoice.objects.filter(contract=contract, kind="holdback").delete()


@pytest.mark.parametrize("spoil", [unpaid_invoice, unpaid_milestone, unreleased_holdback])
def test_not_before(cast, then, spoil):
    contract = settled(cast, cc.active(cast, holdback=5))
    spoil(cast, contract)
    with pytest.raises(ValidationError):
        end_actions.complete(fresh(contract), by=cast.officer, no_code_reason="Aucun")
    row = fresh(contract)
    assert (row.state, row.no_code_reason) == ("active", "")
    assert not Duty.objects.filter(kind="final").exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2_001])
def test_why_no_code_is_catalogued(cast, then, reason):
    contract = settled(cast, cc.active(cast))
    with pytest.raises(ValidationError) as refused:
        end_actions.complete(contract, by=cast.officer, no_code_reason=reason)
    assert "no_code_reason" in refused.value.message_dict
    assert fresh(contract).state == "active"


# --- Terminating -----------------------------------------------------------------------------------------------------
def test_the_total_paid_follows_a_payment_undone_after_the_end(cast, then):
    contract = completed(cast)
    whole = contract.final_cents
    invoice = contract.invoices.filter(kind="milestone").first()
    settlement.record_unpaid(
        Payment.objects.create(
            invoice=invoice, method="outside", state="declared", amount_cents=invoice.total_cents, by=cast.officer,
            created_at=then, reference="VIR-1", paid_on=then.date(),
        ),
        at=then,
    )  # fmt: skip
    assert fresh(contract).final_cents == whole - invoice.before_cents


def test_a_termination_has_a_public_reason(cast, client, then):
    contract = cc.active(cast)
    for empty in ["", " ", None]:
        with pytest.raises(ValidationError):
            end_actions.terminate(contract, by=cast.officer, reason=empty)
    end_actions.terminate(contract, by=cast.officer, reason=REASON)
    row = fresh(contract)
    assert (row.state, row.state_reason, row.ended_at) == ("terminated", REASON, ENDED_AT)
    assert REASON in words(client.get(contract.get_absolute_url()))
    letter = OutgoingEmail.objects.get(template="emails/contract_terminated.txt", to=cast.vendor_owner)
    assert REASON in letter.body and "reste dû" in letter.body


def test_what_was_accepted_is_still_owed(cast, then):
    """It is invoiced after the end; the final description then says what was paid by the day it is published."""
    contract = cc.active(cast)
    row = cc.accepted(cast, contract)
    end_actions.terminate(contract, by=cast.officer, reason=REASON)
    duty = Duty.objects.get(kind="final")
    assert duty.amount_cents == 0
    invoice_actions.issue(row, by=cast.vendor_owner)
    Invoice.objects.update(paid_at=ENDED_AT)
    assert publication_actions.amount_to_publish(duty) == 16_000_00
    publication_actions.publish(duty, by=cast.officer, done_on=date(2027, 1, 12), proof="20270112-1")
    assert fresh(duty).amount_cents == 16_000_00


def test_a_delivery_is_answered_first(cast, then):
    contract = cc.active(cast)
    row = cc.delivered(contract)
    with pytest.raises(ValidationError):
        end_actions.terminate(contract, by=cast.officer, reason=REASON)
    delivery_actions.send_back(row, by=cast.buyer, checks={}, reason="Incomplet", cure_by=date(2027, 2, 1))
    end_actions.terminate(contract, by=cast.officer, reason=REASON)


@pytest.mark.parametrize("act", ["complete", "terminate"])
def test_a_pending_amendment_is_decided_first(cast, then, act):
    contract = cc.active(cast) if act == "terminate" else settled(cast, cc.active(cast))
    if act == "terminate":
        proposed(cast, contract)
    else:
        amendment_actions.propose(contract, by=cast.buyer, reason="Plus tard", end_date=date(2027, 6, 1))
    with pytest.raises(ValidationError):
        if act == "complete":
            end_actions.complete(contract, by=cast.officer, no_code_reason="Aucun")
        else:
            end_actions.terminate(contract, by=cast.officer, reason=REASON)
    assert fresh(contract).state == "active"


def test_who_ends_a_contract(cast, then):
    paid = settled(cast, cc.active(cast))
    running = cc.active(cast)
    for who in EVERYBODY:
        person = person_of(cast, paid, who)
        for act in [
            lambda by: end_actions.complete(fresh(paid), by=by, no_code_reason="Aucun"),
            lambda by: end_actions.terminate(fresh(running), by=by, reason=REASON),
        ]:
            try:
                with transaction.atomic():
                    act(person)
                    raise Undo
            except Undo:
                assert who in {"officer", "second_officer"}, who
            except PermissionDenied:
                assert who not in {"officer", "second_officer"}, who


@pytest.mark.parametrize("stage", ["offered", "completed", "terminated"])
def test_only_a_contract_under_way_ends(cast, then, stage):
    contract = STAGES[stage](cast)
    with pytest.raises(IllegalMove):
        end_actions.complete(contract, by=cast.officer, no_code_reason="Aucun")
    with pytest.raises(IllegalMove):
        end_actions.terminate(contract, by=cast.officer, reason=REASON)


# --- Performance -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stage", STAGES)
def test_who_evaluates_when(cast, then, stage):
    contract = STAGES[stage](cast)
    ended = stage in {"completed", "terminated"}
    for who in EVERYBODY:
        person = person_of(cast, contract, who)
        allowed = ended and who in {"buyer", "other_buyer", "officer", "second_officer"}
        assert end_actions.can_evaluate(fresh(contract), person) == allowed, who
        try:
            with transaction.atomic():
                end_actions.evaluate(contract, by=person, **EVALUATION)
                raise Undo
        except Undo:
            assert allowed, who
        except (PermissionDenied, IllegalMove):
            assert not allowed, who


def test_an_evaluation_is_made_once_and_told(cast, then):
    contract = completed(cast)
    performance = end_actions.evaluate(contract, by=cast.buyer, **EVALUATION)
    assert performance.reply_until == date(2027, 1, 12) + timedelta(days=30)
    with pytest.raises(IllegalMove):
        end_actions.evaluate(contract, by=cast.officer, **EVALUATION)
    mails = OutgoingEmail.objects.filter(template="emails/performance_evaluated.txt")
    assert [mail.to_id for mail in mails] == [cast.vendor_owner.pk]
    assert COMMENT not in mails[0].body
    entry = LedgerPayload.objects.get(action="performance.evaluate")
    assert COMMENT not in str(entry.body) and "satisfactory" not in entry.body


@pytest.mark.parametrize(
    "wrong", [{"quality": 0}, {"quality": 6}, {"deadlines": -1}, {"comment": " "}, {"comment": "x" * 3_001}]
)
def test_evaluations_out_of_bounds(cast, then, wrong):
    contract = terminated(cast)
    with pytest.raises(ValidationError):
        end_actions.evaluate(contract, by=cast.buyer, **(EVALUATION | wrong))
    assert not Performance.objects.exists()


def test_the_database_knows_the_bounds(cast, then):
    performance = end_actions.evaluate(terminated(cast), by=cast.buyer, **EVALUATION)
    with pytest.raises(IntegrityError), transaction.atomic():
        Performance.objects.filter(pk=performance.pk).update(quality=6)


LAST = date(2027, 2, 11)  # thirty days after the evaluation


@pytest.mark.parametrize(
    ("instant", "open_still"),
    [
        (datetime.fromisoformat("2027-01-12T11:00:00-05:00"), True),
        (datetime.fromisoformat("2027-02-11T23:59:59-05:00"), True),
        (datetime.fromisoformat("2027-02-12T00:00:00-05:00"), False),
        (datetime.fromisoformat("2028-01-01T00:00:00-05:00"), False),
    ],
)  # fmt: skip
def test_the_last_day_to_reply(cast, then, instant, open_still):
    """The whole last day, in Québec."""
    contract = terminated(cast)
    performance = end_actions.evaluate(contract, by=cast.buyer, **EVALUATION)
    assert performance.reply_until == LAST
    at = instant
    with clock.set_to(at):
        assert end_actions.can_reply(performance, cast.vendor_owner, at=at) == open_still
        if not open_still:
            with pytest.raises(IllegalMove):
                end_actions.reply(performance, by=cast.vendor_owner, text="Nous contestons.")
            return
        end_actions.reply(performance, by=cast.vendor_owner, text="  Nous contestons. ")
        assert (fresh(performance).reply, fresh(performance).reply_at) == ("Nous contestons.", at)
        with pytest.raises(IllegalMove):
            end_actions.reply(performance, by=cast.vendor_owner, text="Encore.")
    told = OutgoingEmail.objects.filter(template="emails/performance_replied.txt").values_list("to_id", flat=True)
    assert sorted(told) == sorted([cast.buyer.pk, cast.officer.pk, cast.second_officer.pk])


def test_who_replies(cast, then):
    contract = terminated(cast)
    performance = end_actions.evaluate(contract, by=cast.buyer, **EVALUATION)
    for who in EVERYBODY:
        try:
            with transaction.atomic():
                end_actions.reply(fresh(performance), by=person_of(cast, contract, who), text="Voici.")
                raise Undo
        except Undo:
            assert who == "owner"
        except PermissionDenied:
            assert who != "owner"


def test_the_letter(cast, client, then, real_documents):  # noqa: F811
    contract = terminated(cast)
    end_actions.evaluate(contract, by=cast.buyer, **EVALUATION)
    path = url("performance", contract.number)
    client.force_login(cast.vendor_owner)

    def read() -> tuple[bytes, str]:
        answer = client.get(path)
        assert answer["Content-Type"] == "application/pdf" and contract.number in answer["Content-Disposition"]
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
        return answer.content, " ".join(text.replace("\u00a0", " ").split())

    first, text = read()
    for said in [COMMENT, "Qualité du travail : 4 sur 5", "satisfaisant", "a été résilié le 12 janvier 2027",
                 "11 février 2027", contract.vendor.legal_name, "Ville d’Essai"]:  # fmt: skip
        assert said in text, said
    assert read()[0] == first
    end_actions.reply(Performance.objects.get(), by=cast.vendor_owner, text="Nous contestons.")
    text = read()[1]
    signed, heading, answer = (text.index(said) for said in (cast.buyer.name, "Réplique du prestataire", "Nous cont"))
    assert signed < heading < answer < text.index(cast.vendor_owner.name)
    assert "12 janvier 2027" in text[answer:] and contract.vendor.legal_name in text[answer:]


# --- Pages -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", EVERYBODY)
def test_an_evaluation_is_between_the_parties(cast, client, then, who):
    contract = terminated(cast)
    end_actions.evaluate(contract, by=cast.buyer, **EVALUATION)
    client.force_login(person_of(cast, contract, who))
    entitled = who in PARTY | {"auditor"}
    page = client.get(contract.get_absolute_url())
    assert page.status_code == 200 and (COMMENT in page.content.decode()) == entitled
    assert client.get(url("performance", contract.number)).status_code == (200 if entitled else 404)
    assert (url("reply", contract.number) in page.content.decode()) == (who == "owner")
    expected = 200 if who == "owner" else 403 if entitled else 404
    assert client.get(url("reply", contract.number)).status_code == expected


def test_visitors_do_not_see_it(cast, client, then):
    contract = terminated(cast)
    end_actions.evaluate(contract, by=cast.buyer, **EVALUATION)
    assert COMMENT not in client.get(contract.get_absolute_url()).content.decode()
    assert client.get(url("performance", contract.number)).status_code == 302


def test_completing_on_its_page(cast, client, then):
    contract = cc.active(cast)
    client.force_login(cast.officer)
    page = words(client.get(url("complete", contract.number)))
    assert "Des jalons ne sont pas payés." in page and "Ne rien changer" not in page
    assert client.post(url("complete", contract.number), {"no_code_reason": "Aucun"}).status_code == 422
    settled(cast, contract)
    assert client.post(url("complete", contract.number), {"no_code_reason": " "}).status_code == 422
    assert client.post(url("complete", contract.number), {"no_code_reason": "Aucun"}).status_code == 302
    assert fresh(contract).state == "completed"
    assert client.post(url("complete", contract.number), {"no_code_reason": "Aucun"}).status_code == 409


def test_terminating_and_evaluating_on_their_pages(cast, client, then):
    contract = cc.active(cast)
    client.force_login(cast.officer)
    here = contract.get_absolute_url()
    assert url("terminate", contract.number) in client.get(here).content.decode()
    assert "64 000,00 $" in words(client.get(url("terminate", contract.number)))
    assert client.post(url("terminate", contract.number), {"reason": ""}).status_code == 422
    assert client.get(url("evaluate", contract.number)).status_code == 409
    for wrong in [{}, {"password": ""}, {"password": "faux"}]:
        refused = client.post(url("terminate", contract.number), {"reason": REASON} | wrong)
        assert refused.status_code == 422 and REASON in words(refused) and "Confirmez que c’est vous" in words(refused)
        assert fresh(contract).state == "active"
    typed = {"reason": REASON, "password": PASSWORD}
    assert client.post(url("terminate", contract.number), typed).status_code == 302
    page = client.get(here).content.decode()
    assert url("terminate", contract.number) not in page and url("evaluate", contract.number) in page
    data = {name: str(value) for name, value in MARKS.items()} | {"satisfactory": "no", "comment": COMMENT}
    for wrong in [{"quality": "6"}, {"quality": ""}, {"satisfactory": ""}, {"comment": ""}]:
        answer = client.post(url("evaluate", contract.number), data | wrong)
        assert answer.status_code == 422 and (wrong == {"comment": ""} or COMMENT in answer.content.decode())
    assert client.post(url("evaluate", contract.number), data).status_code == 302
    assert client.post(url("evaluate", contract.number), data).status_code == 409
    assert not Performance.objects.get().satisfactory
    client.force_login(cast.vendor_owner)
    assert client.post(url("reply", contract.number), {"text": " "}).status_code == 422
    assert client.post(url("reply", contract.number), {"text": "Nous contestons."}).status_code == 302
    assert client.post(url("reply", contract.number), {"text": "Encore."}).status_code == 409
    assert "Nous contestons." in words(client.get(here))


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("name", ["complete", "terminate", "evaluate"])
def test_pages_refuse_others(cast, client, then, name):
    contract = cc.active(cast)
    for who in ["rival", "outsider", "outside_officer", "administrator"]:
        client.force_login(person_of(cast, contract, who))
        assert client.get(url(name, contract.number)).status_code == 404
        assert client.post(url(name, contract.number), {"reason": "x"}).status_code == 404
    for who in ["owner", "auditor"] + (["buyer"] if name != "evaluate" else []):
        client.force_login(person_of(cast, contract, who))
        assert client.get(url(name, contract.number)).status_code == 403
        assert client.post(url(name, contract.number), {"reason": "x"}).status_code == 403


@pytest.mark.parametrize("who", ["officer", "owner", "auditor", None])
def test_the_page_costs_the_same_whatever_it_holds(cast, client, then, who, django_assert_max_num_queries):
    """One amendment or three, one milestone or four; twenty queries at most."""
    counts = []
    for amounts, amendments in [((64_000_00,), 1), ((16_000_00,) * 4, 3)]:
        contract = cc.active(cast, amounts=amounts)
        for _number in range(amendments):
            made = proposed(cast, contract, 1_00)
            amendment_actions.approve(made, by=cast.officer)
            amendment_actions.accept(made, by=cast.vendor_owner, method="password")
        if who:
            client.force_login(person_of(cast, contract, who))
        client.get(contract.get_absolute_url())
        with django_assert_max_num_queries(100) as seen:
            client.get(contract.get_absolute_url() + f"?{amendments}")
        counts.append(len(seen.captured_queries))
    assert counts[0] == counts[1] <= 20, counts
