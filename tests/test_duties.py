"""Publications at the SEAO: what raises them, by when, what to copy, the proof; who writes and who reads."""

from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from contracts.end import actions as end_actions
from contracts.models import Duty
from contracts.publication import actions as publication_actions
from marketplace.dates import clock
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerPayload
from tests import contract_cast as cc
from tests.test_amending import (
    EVERYBODY,
    PROPOSED_AT,
    Undo,
    _quick_documents,  # noqa: F401 - an autouse fixture
    fresh,
    in_force,
    person_of,
    then,  # noqa: F401 - a fixture
    url,
    words,
)
from tests.test_ending import settled

STAFF = {"buyer", "other_buyer", "officer", "second_officer"}
TODAY = date(2026, 12, 7)


# --- What raises them ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("instant", "due"),
    [
        (datetime.fromisoformat("2026-11-27T14:00:00-05:00"), date(2026, 12, 12)),
        (datetime.fromisoformat("2026-11-27T23:59:00-05:00"), date(2026, 12, 12)),
        (datetime.fromisoformat("2026-11-28T00:01:00-05:00"), date(2026, 12, 13)),
    ],
)
def test_the_initial_description(cast, instant, due):
    """Fifteen days after the conclusion, counted in Québec's days."""
    contract = cc.active(cast, at=instant)
    duty = contract.duties.get()
    assert (duty.kind, duty.due_on, duty.amount_cents) == ("initial", due, 64_000_00)


@pytest.mark.parametrize("way", ["complete", "terminate"])
def test_the_final_description(cast, way):
    """Ninety days after the end, with the total paid."""
    contract = cc.active(cast)
    if way == "complete":
        contract = settled(cast, contract)
    with clock.set_to(datetime.fromisoformat("2027-01-31T22:00:00-05:00")):
        if way == "complete":
            end_actions.complete(contract, by=cast.officer, no_code_reason="Aucun")
        else:
            end_actions.terminate(contract, by=cast.officer, reason="Besoin disparu")
    duty = contract.duties.get(kind="final")
    assert (duty.due_on, duty.amount_cents) == (date(2027, 5, 1), 64_000_00 if way == "complete" else 0)


@pytest.mark.parametrize(
    ("deltas", "published"),
    [
        ([6_400_00], [None]),
        ([6_400_01], [6_400_01]),
        ([3_200_00, 3_200_00], [None, None]),
        ([3_200_00, 3_200_01], [None, 6_400_01]),
        ([6_400_01, 1], [6_400_01, 1]),
        ([7_000_00, -1_000_00, 5_00], [7_000_00, None, None]),
        ([7_000_00, -1_000_00, 500_00], [7_000_00, None, 6_500_00]),
        ([-7_000_00], [None]),
    ],
)
def test_what_must_be_published(cast, then, deltas, published):  # noqa: F811
    """More than 10 % of 64 000 $: first what has accumulated, then each addition, within 60 days."""
    contract = cc.active(cast)
    for delta, amount in zip(deltas, published, strict=True):
        amendment = in_force(cast, contract, delta)
        duty = Duty.objects.filter(amendment=amendment).first()
        assert (duty.amount_cents if duty else None) == amount
        if duty:
            assert (duty.kind, duty.due_on) == ("extra", date(2026, 12, 7) + timedelta(days=60))


def test_the_database_keeps_one_of_each(cast, then):  # noqa: F811
    contract = cc.active(cast)
    with pytest.raises(IntegrityError), transaction.atomic():
        Duty.objects.create(contract=contract, kind="initial", due_on=TODAY, amount_cents=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        contract.duties.update(done_on=TODAY)  # without a proof


# --- What is copied --------------------------------------------------------------------------------------------------
def test_the_texts_to_copy(cast, then):  # noqa: F811
    contract = cc.active(cast)
    contract.vendor.neq = "1234567890"
    contract.vendor.save()
    in_force(cast, contract, 7_000_00)
    with clock.set_to(PROPOSED_AT + timedelta(days=1)):
        end_actions.terminate(contract, by=cast.officer, reason="Besoin disparu")
    texts = {row.kind: publication_actions.text_of(row).replace("\u00a0", " ") for row in Duty.objects.for_list()}
    for text in texts.values():
        for said in [contract.number, contract.title, "Atelier Boréal inc.", "NEQ : 1234567890", "27 novembre 2026"]:
            assert said in text, said
    assert (
        "Montant du contrat, avant taxes : 64 000,00 $" in texts["initial"] and "Options : Aucune" in texts["initial"]
    )
    assert "Dépense supplémentaire à publier, avant taxes : 7 000,00 $" in texts["extra"]
    assert f"{contract.number}-A1, en vigueur le 7 décembre 2026" in texts["extra"] and "ferroviaires" in texts["extra"]
    assert "Date de résiliation : 8 décembre 2026" in texts["final"]
    assert "Montant total payé, avant taxes : 0,00 $" in texts["final"]


# --- Publishing ------------------------------------------------------------------------------------------------------
def test_who_marks_it_published(cast, then):  # noqa: F811
    contract = cc.active(cast)
    duty = contract.duties.get()
    for who in EVERYBODY:
        try:
            with transaction.atomic():
                publication_actions.publish(fresh(duty), by=person_of(cast, contract, who), done_on=TODAY, proof="123")
                raise Undo
        except Undo:
            assert who in {"officer", "second_officer"}, who
        except PermissionDenied:
            assert who not in {"officer", "second_officer"}, who


def test_published_once_with_its_proof(cast, then):  # noqa: F811
    contract = cc.active(cast)
    duty = contract.duties.get()
    publication_actions.publish(
        duty, by=cast.officer, done_on=date(2026, 12, 4), proof="  https://seao.exemple.invalid/avis/9 "
    )
    row = fresh(duty)
    assert (row.done_on, row.proof) == (date(2026, 12, 4), "https://seao.exemple.invalid/avis/9")
    assert (row.done_by, row.done_at) == (cast.officer, PROPOSED_AT)
    with pytest.raises(IllegalMove):
        publication_actions.publish(duty, by=cast.second_officer, done_on=TODAY, proof="autre")
    entry = LedgerPayload.objects.get(action="duty.publish")
    assert entry.body["kind"] == "initial" and entry.body["proof"] == row.proof


@pytest.mark.parametrize(
    ("done_on", "proof", "field"),
    [
        (TODAY + timedelta(days=1), "123", "done_on"),
        (date(2026, 11, 26), "123", "done_on"),  # before the contract was concluded
        (TODAY, "", "proof"),
        (TODAY, "   ", "proof"),
        (TODAY, "x" * 301, "proof"),
    ],
)
def test_what_is_refused(cast, then, done_on, proof, field):  # noqa: F811
    duty = cc.active(cast).duties.get()
    with pytest.raises(ValidationError) as refused:
        publication_actions.publish(duty, by=cast.officer, done_on=done_on, proof=proof)
    assert set(refused.value.message_dict) == {field}
    assert fresh(duty).done_on is None
    publication_actions.publish(duty, by=cast.officer, done_on=date(2026, 11, 27), proof="x" * 300)


# --- Pages -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", EVERYBODY)
def test_who_reads_the_pages(cast, client, then, who):  # noqa: F811
    contract = cc.active(cast)
    duty = contract.duties.get()
    client.force_login(person_of(cast, contract, who))
    one, several = url("duty", duty.pk), url("duties")
    reads = who in STAFF | {"auditor"}
    assert client.get(one).status_code == (200 if reads else 404)
    other = who in {"outside_buyer", "outside_officer"}
    answer = client.get(several)
    assert answer.status_code == (200 if reads or other else 404)
    assert (contract.number in answer.content.decode()) == reads
    posted = client.post(one, {"done_on": "2026-12-07", "proof": "9"})
    expected = 302 if who in {"officer", "second_officer"} else 403 if reads else 404
    assert posted.status_code == expected
    writes = "Marquer comme publiée" in (words(client.get(one)) if reads else "")
    assert not writes if expected == 302 else True


def test_visitors_are_asked_who_they_are(cast, client, then):  # noqa: F811
    duty = cc.active(cast).duties.get()
    assert client.get(url("duties")).status_code == client.get(url("duty", duty.pk)).status_code == 302


def test_the_way_of_one_publication(cast, client, then):  # noqa: F811
    contract = cc.active(cast)
    duty = contract.duties.get()
    client.force_login(cast.officer)
    page = words(client.get(url("duty", duty.pk)))
    assert "il reste 5 jours" in page and "Date de conclusion : 27 novembre 2026" in page
    for wrong in [
        {"done_on": "2026-12-08"},
        {"done_on": ""},
        {"done_on": "hier"},
        {"proof": " "},
        {"proof": "x" * 301},
    ]:
        answer = client.post(url("duty", duty.pk), {"done_on": "2026-12-05", "proof": "AVIS-4"} | wrong)
        assert answer.status_code == 422 and "Il y a un problème" in words(answer)
        assert "proof" in wrong or "AVIS-4" in answer.content.decode()
    done = {"done_on": "2026-12-05", "proof": "https://seao.exemple.invalid/avis/4"}
    assert client.post(url("duty", duty.pk), done).status_code == 302
    assert client.post(url("duty", duty.pk), done).status_code == 409
    assert "noté" in words(client.get(url("duty", duty.pk)))
    assert "Rien à publier" in words(client.get(url("duties")))
    client.logout()
    public = client.get(contract.get_absolute_url()).content.decode()
    assert 'href="https://seao.exemple.invalid/avis/4"' in public


def test_a_proof_is_never_a_dangerous_link(cast, client, then):  # noqa: F811
    contract = cc.active(cast)
    publication_actions.publish(contract.duties.get(), by=cast.officer, done_on=TODAY, proof="javascript:alert(1)<b>")
    page = client.get(contract.get_absolute_url()).content.decode()
    assert 'href="javascript' not in page and "javascript:alert(1)&lt;b&gt;" in page


def test_late_ones_come_first(cast, client, then):  # noqa: F811
    late = cc.active(cast)
    soon = cc.active(cast, at=PROPOSED_AT)
    client.force_login(cast.officer)
    with clock.set_to(datetime.fromisoformat("2026-12-13T00:30:00-05:00")):
        page = words(client.get(url("duties")))
        assert page.index(late.number) < page.index(soon.number)
        assert page.count("En retard") == 1
        assert "1 jour de retard" in words(client.get(url("duty", late.duties.get().pk)))
    with clock.set_to(datetime.fromisoformat("2026-12-12T23:30:00-05:00")):
        assert "En retard" not in words(client.get(url("duties")))


@pytest.mark.parametrize("who", ["officer", "auditor"])
def test_the_list_costs_the_same_for_one_and_three(cast, client, then, who, django_assert_max_num_queries):  # noqa: F811
    client.force_login(getattr(cast, who))
    counts = []
    for more in (1, 2):
        for _number in range(more):
            contract = cc.active(cast)
            publication_actions.publish(contract.duties.get(), by=cast.officer, done_on=TODAY, proof="1")
            cc.active(cast)
        with django_assert_max_num_queries(8) as seen:
            client.get(url("duties"))
        counts.append(len(seen.captured_queries))
    assert counts[0] == counts[1]
