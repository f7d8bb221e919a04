"""The lifecycles of what follows the award, as tests/test_lifecycle.py tries them: tables, objects, acts."""

from datetime import timedelta

from contracts.agreement import signature_actions
from contracts.amendments import actions as amendment_actions
from contracts.deliveries import actions as delivery_actions
from contracts.end import actions as end_actions
from contracts.enums import AmendmentState, MilestoneState, PaymentState
from contracts.enums import State as ContractState
from contracts.invoices import actions as invoice_actions
from contracts.models import Amendment, Contract, Milestone, Payment
from marketplace.dates import clock
from marketplace.dates.localtime import local
from tests import contract_cast as stage
from tests.kept import kept

REASON = "Motif public"
LATER = stage.INVOICED_AT + timedelta(days=1)

# product.md, « Lifecycles »; the two turns of signing, and payments, are states of ours (docs/decisions.md).
PRODUCT = {
    "contract": [
        ("offer", {"draft"}, "offered", {"buyer", "officer"}),
        ("refuse_terms", {"offered"}, "draft", {"vendor"}),
        ("withdraw_offer", {"offered", "vendor_signed"}, "draft", {"officer"}),
        ("sign_as_vendor", {"offered"}, "vendor_signed", {"vendor"}),
        ("sign", {"vendor_signed"}, "active", {"officer"}),
        ("complete", {"active"}, "completed", {"officer"}),
        ("terminate", {"active"}, "terminated", {"officer"}),
    ],
    "milestone": [
        ("deliver", {"planned"}, "delivered", {"vendor"}),
        ("accept", {"delivered"}, "accepted", {"buyer"}),
        ("send_back", {"delivered"}, "planned", {"buyer"}),
        ("invoice", {"accepted"}, "invoiced", {"vendor"}),
        ("pay", {"invoiced"}, "paid", {"system"}),
        ("unpay", {"paid"}, "invoiced", {"system"}),
    ],
    "payment": [
        ("process", {"started"}, "processing", {"system"}),
        ("receive", {"started", "processing"}, "received", {"system"}),
        ("transfer", {"received"}, "paid", {"system"}),
        ("fail", {"started", "processing"}, "failed", {"system"}),
        ("confirm", {"declared", "contested"}, "paid", {"vendor"}),
        ("contest", {"declared"}, "contested", {"vendor"}),
        ("retract", {"declared", "contested"}, "failed", {"officer"}),
        ("reverse", {"received", "paid"}, "reversing", {"officer"}),
        ("refund", {"reversing"}, "refunded", {"system"}),
    ],
    "amendment": [
        ("approve", {"proposed"}, "approved", {"officer"}),
        ("accept", {"approved"}, "in_force", {"vendor"}),
        ("refuse", {"proposed", "approved"}, "refused", {"officer", "vendor"}),
        ("withdraw", {"proposed", "approved"}, "withdrawn", {"buyer", "officer"}),
    ],
}
# The officer asked for the reversal: the second person is somebody else.
NOT_TWICE = {("payment", "reverse", "officer")}
# Where two roles may do it, each in its turn.
TURNS = {("amendment", "refuse", "proposed"): {"officer"}, ("amendment", "refuse", "approved"): {"vendor"}}


@kept
def build_contract(cast, state):
    made = {
        "draft": stage.draft,
        "offered": stage.offered,
        "vendor_signed": stage.vendor_signed,
    }.get(state, stage.active)(cast)
    if state == "completed":
        prepare_contract(cast, made, "complete")
        with clock.set_to(LATER):
            made.complete(by=cast.officer)
    elif state == "terminated":
        with clock.set_to(LATER):
            end_actions.terminate(made, by=cast.officer, reason=REASON)
    return made


def prepare_contract(cast, contract, action):
    if action == "complete" and contract.state == "active":
        contract.milestones.update(state="paid", accepted_at=LATER, accepted_by=cast.buyer)
        Contract.objects.filter(pk=contract.pk).update(no_code_reason=REASON)


def act_on_contract(contract, action, by):
    signature = {"text_sha256": contract.text_sha256, "method": "password"}
    acts = {
        "offer": lambda: signature_actions.offer(contract, by=by),
        "refuse_terms": lambda: signature_actions.refuse_terms(contract, by=by, reason=REASON),
        "withdraw_offer": lambda: signature_actions.withdraw_offer(contract, by=by, reason=REASON),
        "sign_as_vendor": lambda: signature_actions.sign_as_vendor(
            contract, by=by, title="Présidente", integrity=True, **signature
        ),
        "sign": lambda: signature_actions.sign(contract, by=by, unverified_reason=stage.UNVERIFIED, **signature),
        "complete": lambda: end_actions.complete(contract, by=by, no_code_reason=REASON),
        "terminate": lambda: end_actions.terminate(contract, by=by, reason=REASON),
    }
    acts[action]()


@kept
def build_milestone(cast, state):
    contract = stage.active(cast)
    if state == "planned":
        return stage.milestone(contract)
    if state == "delivered":
        return stage.delivered(contract)
    if state == "accepted":
        return stage.accepted(cast, contract)
    milestone = stage.invoiced(cast, contract).milestone
    if state == "paid":
        prepare_milestone(cast, milestone, "pay")
        with clock.set_to(LATER):
            milestone.pay(by=None)
    return milestone


def prepare_milestone(cast, milestone, action):
    if action in ("pay", "unpay"):
        milestone.invoices.update(paid_at=LATER if action == "pay" else None)


def act_on_milestone(milestone, action, by):
    met = stage.all_met(milestone)
    week_later = local(LATER).date() + timedelta(days=7)
    acts = {
        "deliver": lambda: delivery_actions.deliver(milestone, by=by, notes="Livré."),
        "accept": lambda: delivery_actions.accept(milestone, by=by, checks=met),
        "send_back": lambda: delivery_actions.send_back(milestone, by=by, checks={}, reason=REASON, cure_by=week_later),
        "invoice": lambda: invoice_actions.issue(milestone, by=by),
        "pay": lambda: milestone.pay(by=by),
        "unpay": lambda: milestone.unpay(by=by),
    }
    acts[action]()


@kept
def build_payment(cast, state):
    invoice = stage.invoiced(cast, stage.active(cast))
    common = {"invoice": invoice, "amount_cents": invoice.total_cents, "by": cast.officer, "created_at": LATER}
    with clock.set_to(LATER):
        if state in ("declared", "contested"):
            made = Payment.objects.create(
                **common, method="outside", state="declared", reference="VIR-1", paid_on=local(LATER).date()
            )
            if state == "contested":
                made.contest(by=cast.vendor_owner, reason=REASON)
            return made
        made = Payment.objects.create(
            **common, method="stripe", state="started", reversal_requested_by=cast.officer, reversal_reason=REASON
        )
        steps = {
            "processing": [("process", {"payment_intent": "pi_1"})],
            "received": [("receive", {"payment_intent": "pi_1", "charge": "ch_1"})],
            "paid": [("receive", {"payment_intent": "pi_1", "charge": "ch_1"}), ("transfer", {"transfer": "tr_1"})],
            "failed": [("fail", {"failure": "Carte refusée"})],
        }
        steps["reversing"] = [*steps["paid"], ("reverse", {})]
        steps["refunded"] = [*steps["reversing"], ("refund", {"refund": "re_1"})]
        for name, details in steps.get(state, []):
            getattr(made, name)(by=cast.second_officer if name == "reverse" else None, **details)
    return made


def act_on_payment(payment, action, by):
    details = {
        "process": {"payment_intent": "pi_1"},
        "receive": {"payment_intent": "pi_1", "charge": "ch_1"},
        "transfer": {"transfer": "tr_2"},
        "fail": {"failure": "Carte refusée"},
        "contest": {"reason": REASON},
        "retract": {"reason": REASON},
        "refund": {"refund": "re_1"},
    }
    getattr(payment, action)(by=by, **details.get(action, {}))


@kept
def build_amendment(cast, state):
    contract = stage.active(cast)
    with clock.set_to(LATER):
        plan = amendment_actions.plan_of(contract)
        plan[-1]["amount_cents"] += 5_000_00
        made = amendment_actions.propose(
            contract, by=cast.buyer, reason=REASON, delta_cents=5_000_00, end_date=None, plan=plan
        )
        if state in ("approved", "in_force"):
            amendment_actions.approve(made, by=cast.officer)
        if state == "in_force":
            amendment_actions.accept(made, by=cast.vendor_owner, method="password")
        elif state == "refused":
            amendment_actions.refuse(made, by=cast.officer, reason=REASON)
        elif state == "withdrawn":
            amendment_actions.withdraw(made, by=cast.buyer)
    return made


def act_on_amendment(amendment, action, by):
    acts = {
        "approve": lambda: amendment_actions.approve(amendment, by=by),
        "accept": lambda: amendment_actions.accept(amendment, by=by, method="password"),
        "refuse": lambda: amendment_actions.refuse(amendment, by=by, reason=REASON),
        "withdraw": lambda: amendment_actions.withdraw(amendment, by=by),
    }
    acts[action]()


MODELS = {
    "contract": (Contract, ContractState, build_contract, act_on_contract),
    "milestone": (Milestone, MilestoneState, build_milestone, act_on_milestone),
    "payment": (Payment, PaymentState, build_payment, act_on_payment),
    "amendment": (Amendment, AmendmentState, build_amendment, act_on_amendment),
}
PREPARE = {"contract": prepare_contract, "milestone": prepare_milestone}
