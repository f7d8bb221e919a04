"""The demo: every stage, through the verbs, whatever the day it is started on."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.ledger import export as ledger_export
from audit.models import AwardReview, Monitoring, RedFlag, SamplingPlan
from contracts.models import Contract, Delivery, Duty, Invoice, Milestone, Passport, Payment, Reuse, Signature
from demo import people, story
from marketplace.dates import clock
from marketplace.dates.calendar import is_business_day
from marketplace.dates.localtime import local
from marketplace.models import Checkpoint, LedgerEntry, OutgoingEmail, User
from opportunities.models import Opportunity, PublicBody
from proposals.models import Award, Draw, Proposal
from proposals.opening import actions as opening_actions
from tests.cast import Cast
from tests.test_ledger import verify
from vendors.models import Vendor

pytestmark = pytest.mark.django_db

DAYS = [
    datetime(2026, 12, 29, 15, 0, tzinfo=UTC),  # among the holidays
    datetime(2027, 1, 13, 16, 30, tzinfo=UTC),  # an occasion that closed before the holidays was awarded after them
    datetime(2027, 3, 14, 6, 59, tzinfo=UTC),  # the night the hour changes, a Sunday
    datetime(2027, 7, 2, 17, 59, tzinfo=UTC),  # a business day, one minute before 14 h
]
SATURDAY = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)


def seed(*arguments) -> str:
    out = StringIO()
    call_command("seed", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.any_database
@pytest.mark.parametrize("day", DAYS, ids=lambda day: f"{day:%Y-%m-%d}")
def test_every_stage_is_there_whatever_the_day(day):
    with clock.set_to(day):
        seed()
    states = Counter(Opportunity.objects.values_list("state", flat=True))
    assert states == {
        "draft": 1, "in_review": 1, "published": 7, "suspended": 1, "cancelled": 1,
        "evaluation": 1, "recommended": 1, "awarded": 5, "unsuccessful": 1,
    }  # fmt: skip
    due = Opportunity.objects.due(at=day)
    assert due.count() == 1
    assert day - due.get().closes_at < timedelta(days=8)
    closings = sorted(Opportunity.objects.open(at=day).values_list("closes_at", flat=True))
    assert len(closings) == 6
    assert closings[0] - day < timedelta(days=6)
    for opportunity in Opportunity.objects.all():
        closing = local(opportunity.closes_at)
        assert is_business_day(closing.date())
        assert (closing.hour, closing.minute) == (14, 0)
        if opportunity.published_at:
            assert local(opportunity.closes_at).date() - local(opportunity.published_at).date() >= timedelta(days=10)
        assert opportunity.questions_close_at < opportunity.closes_at
    instants = list(LedgerEntry.objects.order_by("seq").values_list("at", flat=True))
    assert instants == sorted(instants)
    assert instants[-1] < day
    # The evaluation is half-way: one scored, one admitted, one to examine, one rejected.
    evaluated = Proposal.objects.filter(opportunity__state="evaluation")
    assert sorted(evaluated.values_list("state", flat=True)) == ["admissible", "opened", "rejected", "scored"]
    check_contracts(day)
    check_monitorings(day)


def check_monitorings(day):
    """A case at each stage, one of them late; something to do for both sides; signals; a review."""
    today = local(day).date()
    assert Counter(Monitoring.objects.values_list("state", flat=True)) == {
        "open": 1, "explanation_requested": 3, "concluded": 1, "closed": 2,
    }  # fmt: skip
    assert Monitoring.objects.late(today).count() == 1
    assert Monitoring.objects.awaiting_body().count() == 2
    assert Monitoring.objects.awaiting_auditor().count() == 3
    officer = User.objects.get(email=people.ACCOUNTS["officer"].email)
    assert Monitoring.objects.visible_to(officer).awaiting_body().count() == 2
    assert {"AFFIL", "R028", "R035", "R036"} <= set(RedFlag.objects.standing().values_list("code", flat=True))
    review = AwardReview.objects.get()
    assert review.award.at < review.at < day
    plan = SamplingPlan.objects.get()
    assert len(plan.population) == 5 and len(plan.picks) == 3 and plan.checks.count() == 1
    computed = LedgerEntry.objects.get(action="flags.compute")
    assert computed.seq <= Checkpoint.objects.latest("size").size
    for note in (note for case in Monitoring.objects.all() for note in case.notes.exclude(due_on=None)):
        assert is_business_day(note.due_on) and local(note.at).date() < note.due_on


def check_contracts(day):
    """What follows an award, at each stage; the dates hold together even where holidays moved them."""
    assert Counter(Contract.objects.values_list("state", flat=True)) == {"offered": 1, "active": 2, "completed": 1}
    states = Counter(Milestone.objects.values_list("state", flat=True))
    assert states == {"planned": 4, "delivered": 1, "invoiced": 1, "paid": 3}
    returned = Delivery.objects.get(accepted=False)
    assert returned.milestone.state == "planned"
    assert is_business_day(returned.cure_by)
    assert local(returned.at).date() <= local(returned.decided_at).date() < returned.cure_by
    assert local(day).date() < returned.cure_by  # there is still time to correct
    for contract in Contract.objects.all():
        assert re.fullmatch(r"CT-\d{4}-\d{4}", contract.number), contract.number
        assert sum(contract.milestones.values_list("amount_cents", flat=True)) == contract.value_cents
        for milestone in contract.milestones.all():
            assert contract.start_date <= milestone.due_date <= contract.end_date
            assert is_business_day(milestone.due_date)
    for signature in Signature.objects.filter(void_at=None, party="body"):
        vendor = signature.contract.signatures.get(void_at=None, party="vendor")
        assert signature.contract.created_at < vendor.at < signature.at
    assert Invoice.objects.count() == 4
    owed = Invoice.objects.get(paid_at=None)
    assert local(day).date() <= owed.due_on  # to pay, not late
    for payment in Payment.objects.all():
        assert (payment.method, payment.state) == ("outside", "paid")
        assert local(payment.invoice.issued_at).date() <= payment.paid_on <= local(payment.created_at).date()
        assert payment.by_id != payment.invoice.accepted_by_id
        assert payment.settled_at > payment.created_at
    catalogued = Passport.objects.catalogued()
    assert sorted(catalogued.values_list("name", flat=True)) == ["Panneau de refuges", "Salles ouvertes"]
    assert all(passport.publiccode and passport.sbom_format for passport in catalogued)
    assert not any(passport.publiccode_problems for passport in catalogued)
    reuse = Reuse.objects.get()
    assert reuse.ended_at is None
    assert reuse.body != reuse.contract.body
    assert Counter(Duty.objects.values_list("kind", flat=True)) == {"initial": 3, "final": 1}
    done = Contract.objects.get(state="completed")
    assert done.ended_at < done.performance.at < reuse.at


def test_the_demo(client, mailoutbox, django_capture_on_commit_callbacks):
    """One seed, looked at from every side: seeding is the slow part."""
    with django_capture_on_commit_callbacks(execute=True), clock.set_to(SATURDAY):
        said = seed()
    check_variety()
    check_people()
    check_nothing_was_sent(mailoutbox)
    check_accounts(said)
    check_something_to_do()
    check_sign_in(client)
    with clock.set_to(SATURDAY):
        assert opening_actions.open_due() == 1
    verify.verify_ledger(BytesIO(b"".join(ledger_export.lines(with_payloads=True))), None)


def check_variety():
    public = Opportunity.objects.public()
    modes = {"price", "quality_min_price", "adjusted_price", "quality_fixed"}
    assert set(public.values_list("award_mode", flat=True)) == modes
    assert len(set(public.values_list("code_licence", flat=True))) >= 5
    assert len(set(public.values_list("region", flat=True))) >= 5
    assert len(set(public.values_list("body", flat=True))) >= 8
    assert Award.objects.standing().count() == 5
    draw = Draw.objects.get()
    assert Award.objects.filter(proposal__opened__submission__envelope_sha256=draw.order[0][0]).exists()
    assert {"withdrawn", "rejected", "draft"} <= set(Proposal.objects.values_list("state", flat=True))
    assert Proposal.objects.filter(submissions__version=2).exists()


def check_people():
    """Bodies are real; firms and people are plainly invented."""
    assert PublicBody.objects.count() == 59
    assert not PublicBody.objects.filter(name__contains="'").exists()
    assert all("Démo" in name for name in User.objects.values_list("name", flat=True))
    assert all("Démo" in name for name in Vendor.objects.values_list("legal_name", flat=True))
    assert all(address.endswith("@exemple.invalid") for address in User.objects.values_list("email", flat=True))
    assert all(neq == "" or neq.startswith("1199") for neq in Vendor.objects.values_list("neq", flat=True))


def check_nothing_was_sent(mailoutbox):
    assert OutgoingEmail.objects.exists()
    assert not OutgoingEmail.objects.filter(held=False).exists()
    assert not mailoutbox


def check_accounts(said):
    for account in people.ACCOUNTS.values():
        assert re.search(rf"^{re.escape(account.role)} +{re.escape(account.email)} +{people.PASSWORD}$", said, re.M)
        assert EmailAddress.objects.get(email=account.email, verified=True, primary=True)
        assert User.objects.get(email=account.email).terms_acceptances.exists()


def check_sign_in(client):
    for account in people.ACCOUNTS.values():
        client.logout()
        answer = client.post(reverse("account_login"), {"login": account.email, "password": people.PASSWORD})
        assert answer.status_code == 302
        assert client.session["_auth_user_id"] == str(User.objects.get(email=account.email).pk)


def check_something_to_do():
    by = {key: User.objects.get(email=account.email) for key, account in people.ACCOUNTS.items()}
    assert Opportunity.objects.get(state="in_review").can("publish", by["officer"])
    recommended = Opportunity.objects.get(state="recommended")
    assert recommended.can("confirm_award", by["officer"])
    assert recommended.can("confirm_award", by["second_officer"])
    assert Proposal.objects.get(opportunity__state="evaluation", state="opened").can("admit", by["buyer"])
    for vendor in ("nordet", "lea"):
        assert Proposal.objects.visible_to(by[vendor]).count() >= 3
    offered = Contract.objects.get(state="offered")
    assert offered.can("sign_as_vendor", by["lea"])
    assert not offered.is_public()
    returned, delivered = Delivery.objects.get(accepted=False), Delivery.objects.get(accepted=None)
    assert returned.milestone.can("deliver", by["nordet"])
    assert delivered.contract.vendor == returned.contract.vendor
    assert by["auditor"].is_auditor
    assert by["administrator"].is_staff
    assert not Proposal.objects.visible_to(by["administrator"]).exists()


def test_the_french_is_typeset():
    text = story.STORIES.read_text(encoding="utf-8").partition("[[story]]")[2]
    assert "'" not in text
    assert not re.search(r"\S [:%$»]|« ", text)
    assert not re.search(r"\s[;!?]", text)
    assert not re.search(r"opportunité|\bmail|vendeur", text, re.IGNORECASE)


def test_it_never_adds_to_what_is_there():
    Cast().draft()
    people_before = User.objects.count()
    with pytest.raises(CommandError, match="rien n’a été écrit"):
        seed()
    assert seed("--if-empty") == ""
    assert Opportunity.objects.count() == 1
    assert User.objects.count() == people_before


def test_production_refuses(settings):
    settings.PRODUCTION = True
    for arguments in ([], ["--if-empty"]):
        with pytest.raises(CommandError, match="production"):
            seed(*arguments)
    assert not User.objects.exists()


def test_a_crash_leaves_nothing(monkeypatch):
    def crash(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(story.award_actions, "confirm", crash)
    with pytest.raises(KeyboardInterrupt):
        seed()
    assert not Opportunity.objects.exists()
    assert not User.objects.exists()
