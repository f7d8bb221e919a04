"""Through the web door: every POST that the lifecycles do not allow answers 403, 404 or 409 and changes nothing."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.dates import clock
from marketplace.models import LedgerPayload, OutgoingEmail
from proposals.opening import actions as opening_actions
from tests.cast import CLOSES_AT
from tests.test_lifecycle import MODELS, PEOPLE, PRODUCT, instant, may, row

# action -> route; the acts of the system have none.
DOORS = {
    "opportunity": {
        "submit_for_review": "opportunities:submit_for_review",
        "take_back": "opportunities:take_back",
        "return_to_author": "opportunities:return_to_author",
        "publish": "opportunities:publish",
        "suspend": "proposals:suspend",
        "resume": "proposals:resume",
        "unveil_prices": "proposals:unveil_prices",
        "recommend": "proposals:recommend",
        "confirm_award": "proposals:confirm",
        "reject_recommendation": "proposals:send_back",
        "conclude_without_award": "proposals:conclude",
        "reverse_award": "proposals:reverse",
        "cancel": "proposals:cancel",
    },
    "proposal": {
        "submit": "proposals:submit",
        "withdraw": "proposals:withdraw",
        "admit": "proposals:admit",
        "reject": "proposals:reject",
        "score": "proposals:score",
        "reexamine": "proposals:reexamine",
    },
    "notereexamination": {
        "accept": "proposals:decide_note_reexamination",
        "refuse": "proposals:refuse_note_reexamination",
        "withdraw": "proposals:withdraw_note_reexamination",
    },
    "contract": {
        "offer": "contracts:offer",
        "refuse_terms": "contracts:refuse_terms",
        "withdraw_offer": "contracts:withdraw_offer",
        "sign_as_vendor": "contracts:sign",
        "sign": "contracts:sign",
        "complete": "contracts:complete",
        "terminate": "contracts:terminate",
    },
    "milestone": {
        "deliver": "contracts:deliver",
        "accept": "contracts:milestone",
        "send_back": "contracts:milestone",
        "invoice": "contracts:issue",
    },
    "payment": {
        "confirm": "contracts:answer_payment",
        "contest": "contracts:answer_payment",
        "retract": "contracts:retract_payment",
        "reverse": "contracts:reverse_payment",
    },
    "amendment": {
        "approve": "contracts:approve_amendment",
        "accept": "contracts:accept_amendment",
        "refuse": "contracts:refuse_amendment",
        "withdraw": "contracts:withdraw_amendment",
    },
    "monitoring": {
        "ask": "audit:ask",
        "conclude": "audit:conclude",
        "accept_remedy": "audit:accept_remedy",
        "close": "audit:close",
    },
}
ASKING = ["buyer", "officer", "vendor_owner", "rival_owner", "outside_officer", "auditor", "administrator"]
# What a page would send, well filled, and what only a forger would.
POSTED = {
    "reason": "Motif", "text": "Texte", "code": "other", "justification": "Motif", "closes_at": "2026-12-08T14:00",
    "closes_on": "2026-12-08", "closes_at_0": "2026-12-08", "closes_at_1": "14:00", "hour": "14:00", "confirm": "on",
    "accept_terms": "on", "integrity": "on", "no_collusion": "on",
    "lobbying": "none", "state": "awarded", "id": "1", "pk": "1", "by": "1", "author": "1",
}  # fmt: skip


def url(model, action, built):
    if model in ("opportunity", "contract", "monitoring"):
        return reverse(DOORS[model][action], args=[built.number])
    if model == "notereexamination":
        args = [built.opportunity.number, built.proposal.public_id, built.pk]
        return reverse(DOORS[model][action], args=args)
    if model == "milestone":
        return reverse(DOORS[model][action], args=[built.contract.number, built.position])
    if model == "amendment":
        return reverse(DOORS[model][action], args=[built.contract.number, built.number])
    if model == "payment":
        return reverse(DOORS[model][action], args=[built.public_id])
    if action in ("submit", "withdraw"):
        return reverse(DOORS[model][action], args=[built.public_id])
    return reverse(DOORS[model][action], args=[built.opportunity.number, built.public_id])


@pytest.mark.any_database
@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize(("model", "state"), [(m, s) for m in DOORS for s in MODELS[m][1].values])
def test_a_forbidden_post_changes_nothing(cast, model, state):
    manager, _states, build, _act = MODELS[model]
    built = build(cast, state)
    before, told, wrong, seen = row(manager, built.pk), OutgoingEmail.objects.count(), [], 0
    occasion = built if model == "opportunity" else getattr(built, "contract", built).opportunity
    scores = {f"score_{criterion.pk}": "80" for criterion in occasion.criteria.all()}
    table = {name: (sources, roles) for name, sources, _to, roles in PRODUCT[model]}
    for person in ASKING:
        client = Client()
        client.force_login(getattr(cast, person))
        for action in DOORS[model]:
            # One address may be the door of two acts: it is forbidden when both are.
            acts = [act for act, door in DOORS[model].items() if door == DOORS[model][action]]
            if any(state in table[a][0] and may(model, a, state, person, PEOPLE[person], table[a][1]) for a in acts):
                continue
            if (action, person) == ("reverse_award", "officer"):
                continue  # the same address asks for the reversal
            at = instant(model, "", state)
            codes = {"reject": "CONF-4", "conclude_without_award": "other"}
            posted = POSTED | {"key": str(uuid.uuid4()), "idempotency_key": str(uuid.uuid4())} | scores
            posted["code"] = codes.get(action, "")
            with clock.set_to(at):
                answer = client.post(url(model, action, built), posted)
            seen += 1
            if answer.status_code not in (403, 404, 409) or row(manager, built.pk) != before:
                wrong.append((action, person, answer.status_code))
    assert not wrong
    assert seen > min(20, 4 * len(DOORS[model]))
    assert OutgoingEmail.objects.count() == told


LAST = {
    "opportunity": "cancelled", "proposal": "rejected", "notereexamination": "refused", "contract": "terminated",
    "milestone": "planned", "payment": "confirmed", "amendment": "refused", "monitoring": "closed",
}  # fmt: skip


@pytest.mark.parametrize("model", DOORS)
def test_a_refusal_gives_back_what_was_written(cast, model):
    """Whatever the refusal: 403, 404 or 409. A password never comes back, nor a choice."""
    _manager, _states, build, _act = MODELS[model]
    built, seen = build(cast, LAST[model]), set()
    words = "Trois pages\nécrites <ici>."
    secret = {"password": "quatre mots bien choisis", "csrfmiddlewaretoken": "x" * 32, "code": "CONF-4"}
    for person in ("auditor", "outside_officer", "officer"):
        client = Client(enforce_csrf_checks=True)
        client.cookies["csrftoken"] = "x" * 32
        client.force_login(getattr(cast, person))
        for action in DOORS[model]:
            with clock.set_to(instant(model, "", LAST[model])):
                answer = client.post(url(model, action, built), {"reason": words} | secret)
            if answer.status_code in (403, 404, 409):  # or 422, for an act that this state knows
                page = answer.content.decode()
                assert "Trois pages\nécrites &lt;ici&gt;." in page, (action, person, page)
                assert not any(value in page for value in secret.values())
                seen.add((action, answer.status_code))
    assert {action for action, _status in seen} == set(DOORS[model])
    assert len({status for _action, status in seen}) > 1, seen


def test_a_refusal_is_in_the_ledger_with_its_author(cast, client):
    occasion = cast.published()
    client.force_login(cast.buyer)
    with clock.set_to(CLOSES_AT):
        opening_actions.open_if_due(occasion.number)
        answer = client.post(reverse("proposals:cancel", args=[occasion.number]), {"reason": "Motif"})
    assert answer.status_code == 403
    assert LedgerPayload.objects.get(action="opportunity.cancel.refused").actor == cast.buyer


def test_a_refusal_about_an_unopened_proposal_leaves_no_trace(cast, client):
    proposal = cast.submitted(cast.published())
    entries = LedgerPayload.objects.count()
    for person in ("buyer", "officer", "administrator", "rival_owner", "vendor_member"):
        client.force_login(getattr(cast, person))
        with clock.set_to(CLOSES_AT.replace(day=23)):
            answer = client.post(reverse("proposals:withdraw", args=[proposal.public_id]))
        assert answer.status_code == (403 if person == "vendor_member" else 404)
    assert LedgerPayload.objects.count() == entries
