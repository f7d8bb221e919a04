"""The story of one procurement: every act, in order, with who, what, documents and proof; reads only when asked."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.cases import actions as case_actions
from audit.ledger import acts, timeline_views
from audit.models import RedFlag
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry, LedgerPayload
from tests import contract_cast
from tests.contract_cast import INVOICED_AT
from tests.reading import signed_in, text_of, words

THEN = INVOICED_AT + timedelta(days=2)


@pytest.fixture
def then():
    with clock.set_to(THEN):
        yield THEN


def page_of(cast, occasion, **asked):
    return signed_in(cast.auditor).get(f"/verification/occasions/{occasion.number}/", asked)


def told(answer) -> list:
    return [act for _day, acts in answer.context["days"] for act in acts]


@pytest.fixture
def story(cast, then):
    contract = contract_cast.active(cast, mode="adjusted_price")
    contract_cast.invoiced(cast, contract)
    return contract


def test_every_act_is_there_in_order(cast, story):
    found = told(page_of(cast, story.opportunity))
    expected = [
        "opportunity.create", "opportunity.submit_for_review", "opportunity.publish", "opportunity.open",
        "opening.minutes", "proposal.submit", "proposal.open", "proposal.admit", "proposal.score",
        "opportunity.recommend", "opportunity.confirm_award", "proposal.award", "proposal.decline", "contract.create",
        "contract.offer", "contract.sign_as_vendor", "contract.sign", "milestone.deliver", "milestone.accept",
        "milestone.invoice",
    ]  # fmt: skip
    assert set(expected) <= {act.action for act in found}
    assert [act.entry.seq for act in found] == sorted(act.entry.seq for act in found)
    assert sum(act.action == "proposal.submit" for act in found) == 2, "both deposits, told once opened"
    assert all(act.label and act.label != act.action for act in found)
    days = [day for day, _acts in page_of(cast, story.opportunity).context["days"]]
    assert days == sorted(set(days)) and days[0] == date(2026, 11, 3)


def test_who_in_which_role_about_what(cast, story):
    found = {act.action: act for act in told(page_of(cast, story.opportunity))}
    publish = found["opportunity.publish"]
    assert (publish.actor, publish.role) == ("Odile Responsable", "responsable des règles contractuelles")
    assert found["proposal.submit"].role == "prestataire" and found["opening.minutes"].actor == "La plateforme"
    assert "Coop Code du Fleuve" in found["proposal.submit"].what or "Boréal" in found["proposal.submit"].what
    assert found["contract.sign"].url == f"/contrats/{story.number}/"
    assert found["contract.sign"].document and found["milestone.invoice"].document
    page = words(page_of(cast, story.opportunity))
    assert "Notes par critère" in page and "Empreinte de l’enveloppe" in page
    assert "Critère 1 : 90" in page, "criteria by their names, not by their places"
    confirmed = dict(found["opportunity.confirm_award"].details)
    assert confirmed["Prestataire"] in {"Atelier Boréal inc.", "Coop Code du Fleuve"}
    assert "$" in confirmed["Montant attribué, avant taxes"]


def test_no_detail_keeps_the_name_of_its_field(cast, story):
    """Every label is words: nothing of the ledger's own vocabulary is shown."""
    entries = LedgerEntry.objects.order_by("seq")
    labels = {label for act in acts.told(entries, cast.auditor) for label, _text in act.details}
    assert len(labels) > 15 and not [label for label in labels if label == label.lower()]


def test_documents_open_for_the_auditor(cast, story):
    client = signed_in(cast.auditor)
    answer = page_of(cast, story.opportunity)
    addresses = {address for _name, address in answer.context["files"]}
    addresses |= {act.document[1] for act in told(answer) if act.document}
    addresses |= {act.url for act in told(answer) if act.url}
    assert len(addresses) > 8
    for address in addresses:
        found = client.get(address)
        assert found.status_code == 200, address
        if found.streaming:
            assert b"".join(found.streaming_content)


def test_reads_are_behind_their_filter(cast, story):
    proposal = story.award.proposal
    with clock.set_to(THEN):
        ledger.record_read("proposal", proposal.ledger_subject(), by=cast.buyer, at=THEN)
    assert not [act for act in told(page_of(cast, story.opportunity)) if act.action.startswith("read.")]
    reads = told(page_of(cast, story.opportunity, type="lectures"))
    assert [act.action for act in reads] == ["read.proposal"] and reads[0].actor == cast.buyer.name


@pytest.mark.parametrize(
    ("kind", "holds"),
    [
        ("avis", "opportunity.publish"),
        ("propositions", "proposal.submit"),
        ("attribution", "opportunity.confirm_award"),
        ("contrat", "contract.sign"),
        ("jalons", "milestone.accept"),
    ],
)
def test_filters_by_kind(cast, story, kind, holds):
    found = told(page_of(cast, story.opportunity, type=kind))
    assert holds in {act.action for act in found}
    assert {act.kind for act in found} == {kind}


def test_every_act_of_a_lifecycle_has_a_kind_or_is_not_of_a_procurement():
    of_procurements = ("opportunity.", "proposal.", "contract.", "milestone.", "amendment.", "invoice.", "payment.")
    from marketplace.ledger import labels as ledger_labels

    for code in ledger_labels.codes():
        if code.startswith((*of_procurements, "monitoring.", "redflag.")):
            assert acts.kind_of(code), code


def test_before_the_opening_the_story_has_the_notice_only(cast):
    occasion = cast.published()
    sealed = cast.submitted(occasion)
    cast.proposal(occasion, vendor=cast.rival)
    with clock.set_to(occasion.closes_at - timedelta(seconds=1)):
        answer = page_of(cast, occasion)
    assert {act.kind for act in told(answer)} == {"avis"}
    assert answer.context["count"] == 3
    assert str(sealed.public_id) not in text_of(answer) and cast.vendor.legal_name not in text_of(answer)
    assert not answer.context["story"].proposals


def test_another_procurement_is_not_mixed_in(cast, story):
    other, _pair = cast.awarded()
    mine = {act.entry.seq for act in told(page_of(cast, story.opportunity))}
    theirs = {act.entry.seq for act in told(page_of(cast, other))}
    assert mine and theirs and not mine & theirs
    everything = LedgerEntry.objects.filter(action__regex=r"^(opportunity|proposal|contract|milestone|sealed)")
    assert everything.filter(action="sealed").count() == 4
    assert set(everything.values_list("seq", flat=True)) <= mine | theirs


def test_monitorings_and_signals_are_in_it(cast, story):
    flag = RedFlag.objects.create(
        code="R018", opportunity=story.opportunity, value=1, threshold=1, first_at=THEN, last_at=THEN, details={}
    )
    case = case_actions.open_(story.opportunity, by=cast.auditor, title="Un seul prix", text="Pourquoi?", flags=[flag])
    answer = page_of(cast, story.opportunity, type="verification")
    assert {act.action for act in told(answer)} == {"monitoring.open", "redflag.monitor"}
    assert case.number in words(answer) and "R018" in words(answer)


def test_an_erased_detail_is_said(cast, story):
    entry = LedgerEntry.objects.get(action="opportunity.publish", subject=story.opportunity.ledger_subject())
    ledger.erase(entry, by=None, at=THEN, reason="Demande de la personne")
    found = next(act for act in told(page_of(cast, story.opportunity)) if act.entry.seq == entry.seq)
    assert found.body is None and not found.details and found.actor == "Odile Responsable"
    assert "Détail effacé" in words(page_of(cast, story.opportunity))


def test_a_long_story_goes_on_page_by_page(cast, story, monkeypatch):
    whole = [act.entry.seq for act in told(page_of(cast, story.opportunity))]
    monkeypatch.setattr(timeline_views, "PAGE", 9)
    client, read = signed_in(cast.auditor), []
    address = f"/verification/occasions/{story.opportunity.number}/"
    while address:
        answer = client.get(address)
        read += [act.entry.seq for act in told(answer)]
        more = answer.context["more"]
        address = f"/verification/occasions/{story.opportunity.number}/{more}" if more else None
    assert read == whole


def test_it_costs_the_same_whatever_happened(cast, then):
    def cost(occasion) -> int:
        client = signed_in(cast.auditor)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/verification/occasions/{occasion.number}/").status_code == 200
        return len(queries)

    short, long = contract_cast.active(cast), contract_cast.active(cast, amounts=(16_000_00, 16_000_00, 32_000_00))
    one = cost(short.opportunity)
    for position in (1, 2, 3):
        contract_cast.invoiced(cast, long, position)
    # A contract whose files exist prefetches them: one more query for deliveries, one for payments.
    assert cost(long.opportunity) <= one + 2 <= 32


def test_unknown_filters_and_pages_are_left_out(cast, story):
    for asked in ({"type": "n’importe"}, {"apres": "x"}, {"apres": "9" * 30}, {"type": ["avis", "jalons"]}):
        assert page_of(cast, story.opportunity, **asked).status_code == 200
    assert not LedgerPayload.objects.filter(action="read.export").exists()
