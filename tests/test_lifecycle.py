"""Every action × state × person, generated from /api/workflow, through the public verbs."""

import contextlib
import uuid
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction

from marketplace import lifecycle
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from opportunities.enums import State as OpportunityState
from opportunities.models import Opportunity
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.enums import NoteReexaminationState
from proposals.enums import State as ProposalState
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import price_actions, reexamination_actions
from proposals.models import Award, NoteReexamination, Proposal, Score
from tests import audit_moves, contract_moves
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.unguarded import unguarded

# product.md, « Lifecycles ». `reexamine` and `take_back` are ours: what people did is corrected in the open, and undone
# while nobody decided (docs/decisions.md).
PRODUCT = {
    "opportunity": [
        ("submit_for_review", {"draft"}, "in_review", {"buyer"}),
        ("take_back", {"in_review"}, "draft", {"buyer"}),
        ("return_to_author", {"in_review"}, "draft", {"officer"}),
        ("publish", {"in_review"}, "published", {"officer"}),
        ("suspend", {"published"}, "suspended", {"officer"}),
        ("resume", {"suspended"}, "published", {"officer"}),
        ("open", {"published"}, "evaluation", {"system"}),
        ("unveil_prices", {"evaluation"}, "evaluation", {"buyer"}),
        ("recommend", {"evaluation"}, "recommended", {"buyer"}),
        ("confirm_award", {"recommended"}, "awarded", {"officer"}),
        ("reject_recommendation", {"recommended"}, "evaluation", {"officer"}),
        ("conclude_without_award", {"evaluation"}, "unsuccessful", {"officer"}),
        ("reverse_award", {"awarded"}, "evaluation", {"officer", "auditor"}),
        ("cancel", {"in_review", "published", "suspended", "evaluation", "recommended"}, "cancelled", {"officer"}),
    ],
    "proposal": [
        ("submit", {"draft", "submitted", "withdrawn"}, "submitted", {"vendor"}),
        ("withdraw", {"submitted"}, "withdrawn", {"vendor"}),
        ("open", {"submitted"}, "opened", {"system"}),
        ("admit", {"opened"}, "admissible", {"buyer"}),
        ("reject", {"opened"}, "rejected", {"buyer"}),
        ("score", {"admissible", "scored"}, "scored", {"buyer"}),
        ("award", {"scored"}, "awarded", {"officer"}),
        ("decline", {"scored"}, "not_awarded", {"officer"}),
        ("reexamine", {"admissible", "scored", "rejected"}, "opened", {"buyer"}),
        ("readmit", {"opened", "rejected"}, "admissible", {"system"}),
        ("exclude", {"opened", "admissible", "scored"}, "rejected", {"system"}),
        ("restore", {"admissible", "awarded", "not_awarded"}, "scored", {"system"}),
    ],
    "notereexamination": [
        ("accept", {"pending"}, "accepted", {"buyer", "officer"}),
        ("refuse", {"pending"}, "refused", {"buyer", "officer"}),
        ("withdraw", {"pending"}, "withdrawn", {"buyer"}),
    ],
    **contract_moves.PRODUCT,
    **audit_moves.PRODUCT,
}

# Who each person is, as /api/workflow names roles, for the cast's body and its vendor's proposal.
PEOPLE = {
    "visitor": set(),
    "buyer": {"buyer"},  # the author
    "officer": {"officer"},
    "second_officer": {"officer"},
    "vendor_owner": {"vendor"},
    "vendor_member": set(),  # prepares, does not commit the firm
    "rival_owner": set(),
    "outside_buyer": set(),
    "outside_officer": set(),
    "auditor": {"auditor"},
    "administrator": set(),
    "system": {"system"},
}
# The officer asked for the reversal, the buyer for the re-examination: the second person is somebody else.
NOT_TWICE = {
    ("opportunity", "reverse_award", "officer"),
    ("notereexamination", "accept", "buyer"),
    ("notereexamination", "refuse", "buyer"),
    *contract_moves.NOT_TWICE,
}
REASON = "Motif public"


class Undo(Exception):
    """Ends a cell: what it did is rolled back."""


@contextlib.contextmanager
def cell():
    with contextlib.suppress(Undo), transaction.atomic():
        yield
        raise Undo


def somebody(cast, name):
    return (
        {"visitor": AnonymousUser(), "system": None}.get(name) if name in ("visitor", "system") else getattr(cast, name)
    )


# --- An object in each state, made once, and each act with all its conditions met ------------------------------------
def build_opportunity(cast, state):
    if state == "suspended":
        made = cast.published()
        with clock.set_to(PUBLISHED_AT):
            award_actions.suspend(made, by=cast.officer, reason=REASON)
    elif state == "awarded":
        made, _proposals = cast.awarded()
        with clock.set_to(CLOSES_AT + timedelta(days=3)):
            award_actions.request_reversal(made, by=cast.officer, reason=REASON)
    elif state == "unsuccessful":
        made, _proposals = cast.opened(proposals=0)
        with clock.set_to(CLOSES_AT):
            award_actions.conclude(made, by=cast.officer, code="none_received")
    elif state == "cancelled":
        made = cast.published()
        with clock.set_to(PUBLISHED_AT):
            award_actions.cancel(made, by=cast.officer, reason=REASON)
    elif state in ("evaluation", "recommended"):
        build = {"evaluation": cast.scored, "recommended": cast.recommended}[state]
        made, _proposals = build(mode="quality_min_price", prices=(50_000_00, 55_000_00))
    else:
        made = {"draft": cast.draft, "in_review": cast.in_review, "published": cast.published}[state]()
    return made


def act_on_opportunity(opportunity, action, by):
    late = CLOSES_AT + timedelta(days=14)
    best = opportunity.proposals.filter(state="scored", vendor__legal_name__startswith="Atelier").first()
    acts = {
        "submit_for_review": lambda: notice_review_actions.submit_for_review(opportunity, by=by),
        "take_back": lambda: notice_review_actions.take_back(opportunity, by=by),
        "return_to_author": lambda: notice_review_actions.return_to_author(opportunity, by=by, reason=REASON),
        "publish": lambda: notice_review_actions.publish(opportunity, by=by),
        "suspend": lambda: award_actions.suspend(opportunity, by=by, reason=REASON),
        "resume": lambda: award_actions.resume(opportunity, by=by, closes_at=late),
        "open": lambda: opportunity.open(by=by),
        "unveil_prices": lambda: price_actions.unveil(opportunity, by=by),
        "recommend": lambda: award_actions.recommend(opportunity, best, by=by),
        "confirm_award": lambda: award_actions.confirm(opportunity, by=by),
        "reject_recommendation": lambda: award_actions.send_back(opportunity, by=by, reason=REASON),
        "conclude_without_award": lambda: award_actions.conclude(opportunity, by=by, code="other", reason=REASON),
        "reverse_award": lambda: award_actions.reverse(opportunity, by=by),
        "cancel": lambda: award_actions.cancel(opportunity, by=by, reason=REASON),
    }
    acts[action]()


def prepare_opportunity(cast, opportunity, action):
    """Prices are unveiled before anybody recommends."""
    if action == "recommend" and opportunity.state == "evaluation":
        price_actions.unveil(opportunity, by=cast.buyer)


def build_reexamination(cast, state):
    _occasion, pair = cast.unveiled(mode="quality_min_price")
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        made = cast.ask_reexamination(pair[0], "85")
        act = {"accepted": "accept", "refused": "refuse", "withdrawn": "withdraw"}.get(state)
        if act:
            act_on_reexamination(made, act, cast.buyer if act == "withdraw" else cast.officer)
    return made


def act_on_reexamination(row, action, by):
    acts = {
        "accept": lambda: reexamination_actions.accept(row, by=by),
        "refuse": lambda: reexamination_actions.refuse(row, by=by, reason=REASON),
        "withdraw": lambda: reexamination_actions.withdraw(row, by=by),
    }
    acts[action]()


def build_proposal(cast, state):
    if state in ("draft", "submitted", "withdrawn"):
        occasion = cast.published()
        made = cast.proposal(occasion) if state == "draft" else cast.submitted(occasion)
        if state == "withdrawn":
            with clock.set_to(PUBLISHED_AT):
                deposit_actions.withdraw(made, by=cast.vendor_owner)
    elif state in ("awarded", "not_awarded"):
        _occasion, pair = cast.awarded(values=("90", "80") if state == "awarded" else ("80", "90"))
        made = pair[0]
    elif state == "scored":
        made = cast.scored()[1][0]
    else:
        made = cast.opened()[1][0]
        if state == "admissible":
            cast.admit(made)
        elif state == "rejected":
            with clock.set_to(CLOSES_AT):
                evaluation_actions.reject(made, by=cast.buyer, code="CONF-4", text=REASON)
    return made


def prepare_proposal(cast, proposal, action):
    """What the act needs around it and no state shows: part of a larger verb, in the same transaction."""
    occasion = Opportunity.objects.get(pk=proposal.opportunity_id)
    if action == "open" and proposal.state == "submitted":
        occasion.open(by=None)
    elif action in ("award", "decline") and proposal.state == "scored":
        table = award_actions.lines(occasion)
        chosen = next(line.proposal for line in table if (line.proposal.pk == proposal.pk) == (action == "award"))
        made = award_actions.recommend(occasion, chosen, by=cast.buyer, justification=REASON)
        occasion.confirm_award(by=cast.officer)
        with unguarded():  # the verb writes it after its notice's version; here it is only what `award` needs to see
            Award.objects.create(
                opportunity=occasion, proposal=chosen, recommendation=made, amount_cents=1, confirmed_by=cast.officer,
                at=clock.now(),
            )  # fmt: skip
    elif action == "restore" and proposal.state == "admissible":
        for criterion in occasion.criteria.all():
            Score.objects.create(proposal=proposal, criterion=criterion, value=75, by=cast.buyer, at=CLOSES_AT)
    elif action == "restore" and proposal.state in ("awarded", "not_awarded"):
        award_actions.request_reversal(occasion, by=cast.officer, reason=REASON)
        occasion.reverse_award(by=cast.second_officer)
        Award.objects.filter(opportunity=occasion).update(
            reversed_at=clock.now(), reversed_by=cast.second_officer, reversal_reason=REASON
        )


def decided(proposal, outcome):
    """An accepted re-examination of the admission, by the people whom the proposal has at hand."""
    asked, decider = proposal.opportunity.author, proposal.opportunity.published_by
    why = {"code": "CONF-4", "text": REASON} if outcome == "rejected" else {}
    made = NoteReexamination.objects.create(
        proposal=proposal, outcome=outcome, reason=REASON, asked_by=asked, asked_at=CLOSES_AT, seen=0, **why
    )
    answer = {"state": "accepted", "decided_by": decider, "decided_at": CLOSES_AT}
    NoteReexamination.objects.filter(pk=made.pk).update(**answer)
    return NoteReexamination.objects.get(pk=made.pk)


def act_on_proposal(proposal, action, by):
    values = {criterion.pk: (Decimal(75), "") for criterion in proposal.opportunity.criteria.all()}
    seen = proposal.notes_versions.count()
    acts = {
        "submit": lambda: deposit_actions.deposit(
            proposal,
            by=by,
            idempotency_key=uuid.uuid4(),
            integrity=True,
            no_collusion=True,
            lobbying="none",
            accept_terms=True,
        ),
        "withdraw": lambda: deposit_actions.withdraw(proposal, by=by),
        "open": lambda: proposal.open(by=by),
        "admit": lambda: evaluation_actions.admit(proposal, by=by),
        "reject": lambda: evaluation_actions.reject(proposal, by=by, code="CONF-4", text=REASON),
        "score": lambda: evaluation_actions.score(proposal, by=by, values=values, seen=seen),
        "award": lambda: proposal.award(by=by),
        "decline": lambda: proposal.decline(by=by),
        "reexamine": lambda: evaluation_actions.reexamine(proposal, by=by, reason=REASON),
        "readmit": lambda: proposal.readmit(by=by, reexamination=decided(proposal, "admissible")),
        "exclude": lambda: proposal.exclude(by=by, reexamination=decided(proposal, "rejected")),
        "restore": lambda: proposal.restore(by=by),
    }
    acts[action]()


MODELS = {
    "opportunity": (Opportunity, OpportunityState, build_opportunity, act_on_opportunity),
    "proposal": (Proposal, ProposalState, build_proposal, act_on_proposal),
    "notereexamination": (NoteReexamination, NoteReexaminationState, build_reexamination, act_on_reexamination),
    **contract_moves.MODELS,
    **audit_moves.MODELS,
}
PREPARE = {
    "opportunity": prepare_opportunity,
    "proposal": prepare_proposal,
    **contract_moves.PREPARE,
    **audit_moves.PREPARE,
}


def instant(model, action, state):
    """Before closing for what must be before it; at the closing instant for the rest; then what follows the award."""
    if model in contract_moves.MODELS:
        return contract_moves.LATER
    if model in audit_moves.MODELS:
        return audit_moves.LATER
    if model == "notereexamination":
        return CLOSES_AT + timedelta(days=1)
    early = {"draft", "in_review", "published", "suspended", "submitted", "withdrawn", "cancelled"}
    opens = action == "open" or (model, action) == ("proposal", "reexamine")
    return PUBLISHED_AT if state in early and not opens else CLOSES_AT


def may(model, action, state, person, held, roles) -> bool:
    """Whether the table lets this person, who holds these roles, do it: each in turn, and never twice alone."""
    roles = contract_moves.TURNS.get((model, action, state), set(roles))
    return bool(held & roles) and (model, action, person) not in NOT_TWICE


class Writes:
    """Counts the statements that may change something."""

    READS = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")

    def __init__(self):
        self.count = 0

    def __call__(self, execute, sql, params, many, context):
        self.count += not sql.startswith(self.READS)
        return execute(sql, params, many, context)


def traces():
    return LedgerEntry.objects.count(), OutgoingEmail.objects.count()


def row(model, pk):
    return model.objects.filter(pk=pk).values().get()


@pytest.fixture
def workflow(client, db):
    return client.get("/api/workflow").json()["workflow"]


@pytest.mark.parametrize("model", sorted(PRODUCT))
def test_the_published_lifecycle_is_the_product_page(workflow, model):
    assert sorted(workflow) == sorted(PRODUCT)
    published = [(m["action"], set(m["from"]), m["to"], set(m["roles"])) for m in workflow[model]]
    assert sorted(published, key=str) == sorted(PRODUCT[model], key=str)
    for move in workflow[model]:
        assert move["label"] and all(move["conditions"])


def test_the_published_conditions_are_sentences(workflow):
    said = [condition for moves in workflow.values() for move in moves for condition in move["conditions"]]
    assert len(said) > 20 and all(" " in condition and condition.endswith(".") for condition in said)


@pytest.mark.parametrize(("model", "state"), [(m, s) for m in PRODUCT for s in MODELS[m][1].values])
def test_every_action_by_everybody(cast, workflow, model, state):
    """Allowed if and only if the table says so; refused acts change nothing, allowed ones are in the ledger once."""
    manager, _states, build, act = MODELS[model]
    built = build(cast, state)
    assert row(manager, built.pk)["state"] == state
    seen, wrong = Counter(), []
    for move in workflow[model]:
        action, known = move["action"], None
        for person, roles in PEOPLE.items():
            legal = may(model, action, state, person, roles, move["roles"]) and state in move["from"]
            by = somebody(cast, person)
            with cell(), clock.set_to(instant(model, action, state)):
                target = manager.objects.get(pk=built.pk)
                if model in PREPARE:
                    PREPARE[model](cast, target, action)
                    target = manager.objects.get(pk=built.pk)
                entries = LedgerPayload.objects.filter(action=f"{model}.{action}", subject=target.ledger_subject())
                # The same for each person: cells are rolled back.
                known = known or (row(manager, built.pk), traces(), entries.count())
                before, counts, told = known
                writes = Writes()
                try:
                    # A savepoint, as the web door has a transaction of its own.
                    with transaction.atomic(), connection.execute_wrapper(writes):
                        act(target, action, by)
                    outcome = "allowed"
                except (PermissionDenied, IllegalMove):
                    outcome = "refused"
                except ValidationError as error:
                    outcome = f"invalid: {error}"
                # What wrote nothing changed nothing: there is nothing to read again.
                after = row(manager, built.pk) if writes.count else before
                if outcome == "refused":
                    fair = not legal and after == before and (not writes.count or traces() == counts)
                else:
                    fair = legal and after["state"] == move["to"] and entries.count() == told + 1
                    fair = fair and target.state == move["to"]
                if not fair or outcome not in ("allowed", "refused"):
                    wrong.append((action, person, bool(legal), outcome, after["state"]))
            seen[bool(legal)] += 1
    assert not wrong
    assert seen.total() == len(PRODUCT[model]) * len(PEOPLE)


def test_the_table_has_the_cells_we_think():
    cells = {model: len(PRODUCT[model]) * len(MODELS[model][1].values) * len(PEOPLE) for model in PRODUCT}
    assert cells == {
        "opportunity": 14 * 9 * 12, "proposal": 12 * 9 * 12, "notereexamination": 3 * 4 * 12,
        "contract": 7 * 6 * 12, "milestone": 6 * 5 * 12, "payment": 9 * 9 * 12, "amendment": 4 * 5 * 12,
        "monitoring": 4 * 5 * 12, "redflag": 4 * 4 * 12,
    }  # fmt: skip


@pytest.mark.parametrize("model", sorted(PRODUCT))
def test_the_button_shows_for_whoever_may(cast, model):
    """`can` is the rule of the move itself: no page needs a second opinion."""
    _manager, states, build, _act = MODELS[model]
    for state in states.values:
        with cell():
            built = build(cast, state)
            shown = {
                (name, person)
                for name, _f, _t, _r in PRODUCT[model]
                for person in PEOPLE
                if built.can(name, somebody(cast, person))
            }
            expected = {
                (name, person)
                for name, sources, _to, roles in PRODUCT[model]
                for person, held in PEOPLE.items()
                if state in sources and may(model, name, state, person, held, roles)
            }
            assert shown == expected, state


@pytest.mark.parametrize("model", sorted(PRODUCT))
def test_the_database_refuses_a_state_it_does_not_know(cast, model):
    manager, _states, build, _act = MODELS[model]
    built = build(cast, MODELS[model][1].values[0])
    table = connection.ops.quote_name(manager._meta.db_table)
    unknown = "nowhere" if model == "monitoring" else "closed"  # of an occasion, it is computed
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET state = %s WHERE id = %s", [unknown, built.pk])


@pytest.mark.parametrize("model", sorted(PRODUCT))
def test_nothing_writes_a_state_by_hand(cast, model):
    manager, _states, build, _act = MODELS[model]
    built = manager.objects.get(pk=build(cast, MODELS[model][1].values[0]).pk)
    with pytest.raises(AttributeError):
        built.state = "published"


def test_moves_are_registered_for_every_stateful_model():
    assert {m.__name__.lower() for m in lifecycle.Stateful.__subclasses__()} == set(lifecycle.WORKFLOW) == set(PRODUCT)
