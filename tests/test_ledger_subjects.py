"""What the public ledger's entries are about: words, and a link where there is a public page; nothing more."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.models import Contract
from contracts.payments import actions as payment_actions
from marketplace.dates import clock
from marketplace.models import LedgerEntry
from opendata import subjects
from tests import contract_cast
from tests.contract_cast import INVOICED_AT
from tests.reading import words

THEN = INVOICED_AT + timedelta(days=5)


@pytest.fixture
def contract(cast):
    with clock.set_to(THEN):
        made = contract_cast.active(cast, mode="adjusted_price")
        invoice = contract_cast.invoiced(cast, made)
        payment = payment_actions.declare_outside(invoice, by=cast.officer, reference="EFT-1", paid_on=THEN.date())
        payment_actions.confirm(payment, by=contract_cast.owner(made))
        yield made


def test_the_public_page_says_what_each_act_is_about(client, cast, contract):
    answer = client.get("/registre/")
    page, read = answer.content.decode(), words(answer)
    number, place = contract.number, f'href="/contrats/{contract.number}/"'
    milestone = contract.milestones.order_by("position").first()
    assert f"<a {place}>Jalon {milestone.position} du contrat {number}</a>" in page
    assert f"<a {place}>Paiement du contrat {number}</a>" in page and f"<a {place}>Contrat {number}</a>" in page
    occasion = contract.opportunity.number
    assert f'<a href="/occasions/{occasion}/">Occasion {occasion}</a>' in page
    for kind in ("milestone:", "payment:", "contract:", "occasion:"):
        assert kind not in read
    english = client.get("/en/registre/").content.decode()
    assert f'href="/en/contrats/{number}/"' in english


def test_every_public_subject_has_words(cast, contract):
    asked = set(LedgerEntry.objects.public().values_list("subject", flat=True))
    assert asked - set(subjects.named(asked)) == set()


def test_what_is_not_public_has_no_link_and_no_name(cast, contract):
    draft = cast.draft()
    Contract.objects.filter(pk=contract.pk).update(state="draft")
    milestone = contract.milestones.first()
    asked = [
        f"contract:{contract.number}", f"amendment:{contract.number}-A2", milestone.ledger_subject(),
        draft.ledger_subject(), f"vendor:{cast.vendor.public_id}", f"person:{cast.buyer.public_id}",
        f"organisme:{cast.other_body.pk}", "milestone:x", f"payment:{uuid4()}", "organisme:\u0661", "inconnu:1",
        "ledger",
    ]  # fmt: skip
    found = subjects.named(asked)
    assert {url for _words, url in found.values()} == {""}
    told = " ".join(text for text, _url in found.values())
    assert f"Avenant 2 du contrat {contract.number}" in told
    for secret in (cast.vendor.legal_name, cast.buyer.name, cast.other_body.name, draft.title):
        assert secret not in told
    assert not {"milestone:x", "inconnu:1"} & set(found)
    assert subjects.named([f"organisme:{cast.body.pk}"]) == {f"organisme:{cast.body.pk}": (cast.body.name, "")}


def test_it_costs_the_same_for_one_and_for_many(client, cast, contract):
    def cost(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    one = cost("/registre/?un")
    for _rank in range(3):
        contract_cast.active(cast)
    assert cost("/registre/?plusieurs") == one <= 8
