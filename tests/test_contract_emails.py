"""Every message about a contract, rendered for real by driving contracts to their ends, in both languages."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings
from django.core import mail as sent

from contracts import reminders as contract_reminders
from contracts.agreement import signature_actions
from contracts.amendments import actions as amendment_actions
from contracts.deliveries import actions as delivery_actions
from contracts.end import actions as end_actions
from contracts.invoices import actions as invoice_actions
from contracts.models import Contract, Invoice, Milestone, Payment, Reconciliation
from contracts.payments import actions as payment_actions
from contracts.payments import emails as payment_emails
from contracts.payments import reversal
from marketplace.dates import clock
from marketplace.models import User
from opportunities.models import BodyMembership
from tests import contract_cast as stage
from tests.reading import signed_in
from tests.test_amending import _quick_documents  # noqa: F401 - an autouse fixture
from tests.test_emails import AFTER_THE_AWARD, FOUND, REASON, TITLE, check_links, check_whole, last, mails, speaking

# Each template, and who of the cast ever receives it. A template that is not here, or not driven below, fails.
VENDOR, BUYERS, OFFICERS = {"vendor_owner"}, {"buyer", "other_buyer"}, {"officer", "second_officer"}
EVERYBODY = VENDOR | BUYERS | OFFICERS
PAYER = {"officer"}
RECIPIENTS = {
    "contract_offered": VENDOR,
    "contract_withdrawn": VENDOR,
    "contract_terms_refused": BUYERS | OFFICERS,
    "contract_to_sign": OFFICERS,
    "contract_concluded": EVERYBODY,
    "contract_ended": EVERYBODY,
    "contract_terminated": EVERYBODY,
    "milestone_delivered": BUYERS,
    "milestone_waiting": BUYERS,
    "milestone_accepted": VENDOR,
    "milestone_returned": VENDOR,
    "milestone_due": VENDOR,
    "milestone_cure": VENDOR,
    "milestone_late": VENDOR,
    "invoice_issued": OFFICERS,
    "invoice_due": OFFICERS,
    "invoice_late": OFFICERS,
    "amendment_to_approve": {"second_officer"},  # the first one proposed it
    "amendment_to_accept": VENDOR,
    "amendment_in_force": EVERYBODY,
    "amendment_refused": BUYERS | OFFICERS - {"second_officer"},  # who refused it
    "amendment_withdrawn": VENDOR | {"second_officer"},
    "payment_declared": VENDOR,
    "payment_unconfirmed": VENDOR,
    "payment_contested": OFFICERS,
    "payment_retracted": VENDOR,
    "payment_paid": VENDOR,
    "payment_done": PAYER,
    "payment_failed": PAYER,
    "payment_blocked": PAYER,
    "payment_waits": VENDOR,
    "payment_reversal_requested": {"second_officer"},  # the first one asked for it
    "payment_reversal_declined": PAYER,  # who asked for it
    "payment_reversed": VENDOR | OFFICERS,
    "payment_disputed": OFFICERS,
    "payment_mismatches": {"administrator"},
    "performance_evaluated": VENDOR,
    "performance_replied": OFFICERS | {"buyer"},  # who evaluated
}


def instant(month: int, day: int, hour: int = 15) -> datetime:
    return datetime(2027 if month < 6 else 2026, month, day, hour, tzinfo=UTC)


def about_contracts() -> list:
    return [row for row in mails() if row.template.removeprefix("emails/").startswith(AFTER_THE_AWARD)]


def sign_both(cast, contract) -> None:
    signature = {"text_sha256": contract.text_sha256, "method": "password"}
    signature_actions.sign_as_vendor(contract, by=cast.vendor_owner, title="Présidente", integrity=True, **signature)
    signature_actions.sign(contract, by=cast.officer, unverified_reason=stage.UNVERIFIED, **signature)


def agreed(cast, **occasion) -> Contract:
    """Offered three times before both parties sign."""
    contract = stage.draft(cast, amounts=(20_000_00, 20_000_00, 24_000_00), title=TITLE, **occasion)
    with clock.set_to(instant(11, 27)):
        signature_actions.offer(contract, by=cast.officer)
        signature_actions.withdraw_offer(contract, by=cast.officer, reason=REASON)
        signature_actions.offer(contract, by=cast.officer)
        signature_actions.refuse_terms(contract, by=cast.vendor_owner, reason=REASON)
        signature_actions.offer(contract, by=cast.officer)
        sign_both(cast, contract)
    stage.register(contract)
    return contract


def amended(cast, contract) -> None:
    """One refused, one withdrawn before and one after the approval, one in force that changes no value."""

    def proposed(delta_cents=5_000_00, end_date=None):
        plan = amendment_actions.plan_of(contract)
        plan[-1]["amount_cents"] += delta_cents
        return amendment_actions.propose(
            contract, by=cast.officer, reason=REASON, delta_cents=delta_cents, end_date=end_date, plan=plan
        )

    with clock.set_to(instant(11, 30)):
        amendment_actions.refuse(proposed(), by=cast.second_officer, reason=REASON)
        amendment_actions.withdraw(proposed(-1_000_00), by=cast.officer)
        withdrawn = proposed()
        amendment_actions.approve(withdrawn, by=cast.second_officer)
        amendment_actions.withdraw(withdrawn, by=cast.officer)
        accepted = proposed(0, end_date=date(2027, 4, 30))
        amendment_actions.approve(accepted, by=cast.second_officer)
        amendment_actions.accept(accepted, by=cast.vendor_owner, method="password")


def remind(*moments: datetime) -> None:
    for moment in moments:
        with clock.set_to(moment):
            contract_reminders.remind()


def worked(cast, contract) -> Invoice:
    """The first milestone: returned, delivered again, left waiting, accepted and invoiced; the others late."""
    row = stage.delivered(contract, at=instant(12, 1))
    with clock.set_to(instant(12, 2)):
        delivery_actions.send_back(row, by=cast.buyer, checks={}, reason=REASON, cure_by=date(2026, 12, 4))
    remind(instant(12, 3))  # to deliver again
    stage.delivered(contract, at=instant(12, 4))
    remind(instant(12, 11))  # it waits
    with clock.set_to(instant(12, 14)):
        delivery_actions.accept(row, by=cast.buyer, checks=stage.all_met(row))
        invoice = invoice_actions.issue(row, by=cast.vendor_owner)
    second = stage.milestone(contract, 2).due_date
    remind(*(datetime(second.year, second.month, second.day + days, 15, tzinfo=UTC) for days in (-2, 1)))
    remind(instant(1, 12), instant(1, 14))  # due on the 13th
    return invoice


def declared(cast, invoice) -> Payment:
    return payment_actions.declare_outside(
        invoice, by=cast.officer, reference="VIR-2027-001", paid_on=date(2027, 1, 15)
    )


def paid_outside(cast, invoice) -> Payment:
    """Contested, retracted, declared again and confirmed; its reversal declined, then made by two people; then paid."""
    with clock.set_to(instant(1, 15)):
        contested = declared(cast, invoice)
        payment_actions.contest(contested, by=cast.vendor_owner, reason=REASON)
        payment_actions.retract(contested, by=cast.officer, reason=REASON)
        payment = declared(cast, invoice)
        payment_actions.confirm(payment, by=cast.vendor_owner)
        reversal.request_reversal(payment, by=cast.officer, reason=REASON)
        reversal.decline_reversal(payment, by=cast.second_officer, reason=REASON)
        reversal.request_reversal(payment, by=cast.officer, reason=REASON)
        reversal.reverse(payment, by=cast.second_officer)
        payment = declared(cast, invoice)
    remind(instant(1, 22))  # not answered yet
    with clock.set_to(instant(1, 15)):
        payment_actions.confirm(payment, by=cast.vendor_owner)
    return payment


def told_of_stripe(cast, invoice) -> None:
    """What Stripe's answers tell; tests/test_payments.py tries when."""
    at = instant(1, 16)
    payment = Payment(
        invoice=invoice, method="stripe", state="received", amount_cents=invoice.total_cents, fee_cents=150_00,
        by=cast.officer, created_at=at, failure=REASON, dispute_id="du_1", dispute_due_at=instant(1, 30),
        reversal_requested_by=cast.officer, reversal_reason=REASON,
    )  # fmt: skip
    payment_emails.paid(payment, at=at)
    payment_emails.failed(payment, at=at)
    for step in ("transfer", "transfer_reversal", "refund"):
        payment_emails.blocked(payment, step, at=at)
    payment_emails.reversed_payment(payment, at=at)
    for status in ("needs_response", "under_review", "won", "lost"):
        payment.dispute_status = status
        payment_emails.disputed(payment, at=at)
    for count in (1, 3):
        payment_emails.mismatches(Reconciliation.objects.create(started_at=at, since=at), count, at=at)


def ended(cast, contract) -> None:
    for position in (2, 3):
        row = stage.delivered(contract, position, at=instant(1, 18))
        with clock.set_to(instant(1, 18)):
            delivery_actions.accept(row, by=cast.buyer, checks=stage.all_met(row))
            invoice_actions.issue(row, by=cast.vendor_owner)
    Invoice.objects.filter(contract=contract, paid_at=None).update(paid_at=instant(1, 19))
    Milestone.objects.filter(contract=contract).update(state="paid")
    with clock.set_to(instant(1, 20)):
        end_actions.complete(Contract.objects.get(pk=contract.pk), by=cast.officer, no_code_reason=REASON)
        performance = end_actions.evaluate(
            Contract.objects.get(pk=contract.pk), by=cast.buyer, quality=4, deadlines=2, communication=5,
            satisfactory=True, comment=REASON,
        )  # fmt: skip
        end_actions.reply(performance, by=cast.vendor_owner, text=REASON)


def whole_story(cast) -> Contract:
    contract = agreed(cast)
    amended(cast, contract)
    invoice = worked(cast, contract)
    paid_outside(cast, invoice)
    told_of_stripe(cast, invoice)
    ended(cast, contract)
    terminated = stage.active(cast, title=TITLE)
    with clock.set_to(instant(1, 21)):
        end_actions.terminate(terminated, by=cast.officer, reason=REASON)
    return contract


def test_no_template_is_forgotten():
    """Renamed, added or deleted: the table above says who it is for, and the story below sends it."""
    assert {name.removesuffix(".txt") for name in FOUND if name.startswith(AFTER_THE_AWARD)} == set(RECIPIENTS)


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_every_message_is_whole(cast, language, django_capture_on_commit_callbacks):
    speaking(cast, language)
    with django_capture_on_commit_callbacks(execute=True):
        whole_story(cast)
    names = {person.pk: name for name, person in vars(cast).items() if isinstance(person, User)}
    told: dict[str, set[str]] = {}
    for row in about_contracts():
        check_whole(row, language)
        check_links(row, language)
        told.setdefault(row.template.removeprefix("emails/").removesuffix(".txt"), set()).add(names[row.to_id])
    assert told == RECIPIENTS
    assert len(sent.outbox) == len(mails())
    assert all(len(message.to) == 1 and not message.cc and not message.bcc for message in sent.outbox)


def test_what_is_told(cast):
    """One story, read from every side: driving it is the slow part."""
    contract = whole_story(cast)
    check_reasons(cast)
    check_what_to_do_and_until_when(cast, contract)
    check_disputes(cast)
    check_each_reader_may_open_what_is_linked()


def check_each_reader_may_open_what_is_linked():
    """No message leads its own reader to a page that is not theirs; acts that are done since answer 409."""
    seen = set()
    with clock.set_to(instant(1, 22)):
        for row in about_contracts():
            for link in re.findall(re.escape(settings.BASE_URL) + r"(/\S+)", row.body):
                if (row.to_id, link) not in seen and "/contact" not in link:
                    seen.add((row.to_id, link))
                    status = signed_in(row.to).get(link).status_code
                    act = "/paiements/" in link or link.endswith("/payer/")
                    assert status in ((200, 302, 409) if act else (200,)), (row.template, link, status)
    assert len(seen) > 20


def check_reasons(cast):
    """As written."""
    for template, person in [
        ("contract_withdrawn", cast.vendor_owner),
        ("contract_terms_refused", cast.buyer),
        ("contract_terminated", cast.vendor_owner),
        ("milestone_returned", cast.vendor_owner),
        ("amendment_to_approve", cast.second_officer),
        ("amendment_to_accept", cast.vendor_owner),
        ("amendment_refused", cast.buyer),
        ("payment_contested", cast.second_officer),
        ("payment_retracted", cast.vendor_owner),
        ("payment_blocked", cast.officer),
        ("payment_reversal_requested", cast.second_officer),
        ("payment_reversal_declined", cast.officer),
        ("payment_reversed", cast.vendor_owner),
    ]:
        assert REASON in last(template, person).body, template
    # What the evaluation says stays on the platform.
    for template in ("performance_evaluated", "performance_replied"):
        assert not any(REASON in row.body for row in mails(template))


def check_what_to_do_and_until_when(cast, contract):
    for template, person, parts in [
        ("contract_offered", cast.vendor_owner, [contract.text_sha256, "64\u00a0000,00\u00a0$ avant taxes"]),
        ("contract_concluded", cast.buyer, ["du 1er décembre 2026 au"]),
        ("milestone_returned", cast.vendor_owner, ["d’ici le 4 décembre 2026"]),
        ("milestone_waiting", cast.buyer, ["le 4 décembre 2026, attend"]),
        ("milestone_late", cast.vendor_owner, ["devait être livré d’ici le"]),
        ("payment_contested", cast.officer, ["référence VIR-2027-001", "/retirer/"]),
        ("payment_declared", cast.vendor_owner, ["le 15 janvier 2027", "/reponse/"]),
        ("payment_unconfirmed", cast.vendor_owner, ["le 15 janvier 2027", "/reponse/"]),
        ("performance_evaluated", cast.vendor_owner, ["jusqu’au 19 février 2027 inclusivement"]),
    ]:
        bodies = [row.body for row in mails(template) if row.to == person]
        for part in parts:
            assert any(part in body for body in bodies), (template, part, bodies[-1])
    due = [row.body for row in mails("invoice_due") if "22\u00a0995,00\u00a0$ taxes comprises" in row.body]
    assert len(due) == 2 and all("au plus tard le 13 janvier 2027" in body for body in due)


def check_disputes(cast):
    """In words, not in Stripe's codes."""
    opened, _reviewed, won, lost = [row.body for row in mails("payment_disputed") if row.to == cast.officer]
    assert "Réponse attendue avant le samedi 30 janvier 2027" in opened
    assert "vous n’avez rien à faire" in won and "l’a repris" in lost
    assert not any(code in body for body in (opened, won, lost) for code in ("needs_response", "won", "lost"))


def test_an_amendment_tells_what_it_changes(cast):
    """The value, up or down, only when it changes; the end, only when it moves."""
    amended(cast, agreed(cast))
    bodies = [row.body for row in mails("amendment_to_approve")]
    assert "de 64\u00a0000,00\u00a0$ à 69\u00a0000,00\u00a0$, avant taxes" in bodies[0]
    assert "de 64\u00a0000,00\u00a0$ à 63\u00a0000,00\u00a0$, avant taxes" in bodies[1]
    assert "ne changerait pas" in bodies[3] and "Sa fin serait le 30 avril 2027." in bodies[3]
    assert all("Sa fin" not in body for body in bodies[:3])
    assert "ne changerait pas" in last("amendment_to_accept", cast.vendor_owner).body


def test_the_accepter_is_not_asked_to_pay(cast):
    """One person with both roles may accept the work or pay it, never both (contracts/rules.py, can_pay)."""
    BodyMembership.objects.create(user=cast.officer, body=cast.body, role="buyer")
    contract = stage.active(cast)
    row = stage.delivered(contract)
    with clock.set_to(stage.ACCEPTED_AT):
        delivery_actions.accept(row, by=User.objects.get(pk=cast.officer.pk), checks=stage.all_met(row))
        invoice = invoice_actions.issue(row, by=cast.vendor_owner)
    for days in (-1, 1):
        remind(datetime(invoice.due_on.year, invoice.due_on.month, invoice.due_on.day, 15, tzinfo=UTC)
               + timedelta(days=days))  # fmt: skip
    for template in ("invoice_issued", "invoice_due", "invoice_late"):
        assert {mail.to for mail in mails(template)} == {cast.second_officer}, template


def test_inactive_people_are_left_alone(cast):
    User.objects.filter(pk=cast.second_officer.pk).update(is_active=False)
    contract = stage.active(cast)
    assert cast.second_officer not in {row.to for row in about_contracts()}
    assert contract.state == "active"


def test_a_long_title_keeps_the_subjects_short(cast):
    contract = stage.active(cast, title="Très long titre " * 12)
    stage.invoiced(cast, contract)
    assert about_contracts() and all(len(row.subject) <= 120 for row in about_contracts())
