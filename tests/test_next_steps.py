"""Where somebody is told that something is to be done, or is wrong, the way there stands beside it, prefilled."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from audit.models import Monitoring
from contracts.models import Contract, Duty, Mismatch, Reconciliation
from contracts.payments import actions as payment_actions
from marketplace.dates import clock
from proposals.award import actions as award_actions
from proposals.models import OpenedProposal
from tests import audit_moves
from tests import contract_cast as stage
from tests.cast import CLOSES_AT, person
from tests.desk import number_in, text_of
from tests.unguarded import unguarded
from vendors.models import VendorMembership

CONFIRMED = CLOSES_AT + timedelta(days=2)
LATE = stage.SIGNED_AT + timedelta(days=60)
OPEN = "Ouvrir une vérification"


@pytest.fixture(autouse=True)
def _french():
    with translation.override("fr-ca"):
        yield


def get(who, address, *, at):
    client = Client()
    client.force_login(who)
    with clock.set_to(at):
        return client.get(address)


def evaluation(occasion) -> str:
    return reverse("proposals:evaluation", args=[occasion.number])


# --- After the award -------------------------------------------------------------------------------------------------
def test_confirming_leads_to_the_contract(cast):
    """The officer lands where the contract is prepared with one button, which does it."""
    occasion, _proposals = cast.recommended()
    client = Client()
    client.force_login(cast.officer)
    with clock.set_to(CONFIRMED):
        address = reverse("proposals:confirm", args=[occasion.number])
        page = client.get(address)
        posted = {"recommendation": page.context["recommended"], "key": number_in(page)}
        landed = client.post(address, posted, follow=True)
        text = text_of(landed)
        start = reverse("contracts:start", args=[occasion.number])
        assert "L’attribution est confirmée : le contrat est à préparer." in text and "Rien : l’évaluation" not in text
        assert f'action="{start}"' in text
        assert client.post(start).status_code == 302
    contract = Contract.objects.get()
    text = text_of(get(cast.buyer, evaluation(occasion), at=CONFIRMED))
    assert f"Le contrat {contract.number} la suit" in text and f'href="{contract.get_absolute_url()}"' in text


def test_what_may_not_be_done_is_not_offered(cast):
    """While a reversal is asked, somebody answers it first; auditors prepare nothing; nothing follows without award."""
    occasion, _proposals = cast.awarded()
    start = reverse("contracts:start", args=[occasion.number])
    assert start not in text_of(get(cast.auditor, evaluation(occasion), at=CONFIRMED))
    with clock.set_to(CONFIRMED):
        award_actions.request_reversal(occasion, by=cast.officer, reason="Erreur de lecture.")
    for who in (cast.officer, cast.second_officer, cast.buyer):
        assert start not in text_of(get(who, evaluation(occasion), at=CONFIRMED))
    cancelled, _proposals = cast.opened(title="Une autre")
    with clock.set_to(CONFIRMED):
        award_actions.cancel(cancelled, by=cast.officer, reason="Besoin disparu.")
    assert "Rien : l’évaluation est terminée." in text_of(get(cast.officer, evaluation(cancelled), at=CONFIRMED))


# --- The case file ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "shown"),
    [("officer", True), ("second_officer", True), ("auditor", True), ("buyer", False), ("other_buyer", False)],
)
def test_the_case_file_is_where_they_look(cast, who, shown):
    occasion, _proposals = cast.awarded()
    case = audit_moves.asked(cast, opportunity=occasion)
    user, link = getattr(cast, who), reverse("audit:casefile", args=[occasion.number])
    pages = [evaluation(occasion)]
    if shown:
        pages += [reverse("audit:review", args=[occasion.number]), reverse("audit:monitoring", args=[case.number])]
        pages.append(reverse("audit:timeline" if user.is_auditor else "opportunities:history", args=[occasion.number]))
    for address in pages:
        answer = get(user, address, at=audit_moves.OPENED_AT)
        assert answer.status_code == 200 and (link in answer.content.decode()) is shown, address
    download = get(user, link, at=audit_moves.OPENED_AT)
    assert download.status_code == (200 if shown else 404)
    if shown:
        list(download.streaming_content)


# --- « Ouvrir une vérification » -------------------------------------------------------------------------------------
def late_duty(cast):
    duty = Duty.objects.filter(contract=stage.active(cast), done_on=None).order_by("pk").first()
    return duty.contract.opportunity, f"publication={duty.pk}", reverse("contracts:duties"), "Publication en retard"


def failed_point(cast):
    occasion, _proposals = cast.awarded()
    address = reverse("audit:review", args=[occasion.number])
    return occasion, "point=attestation", address, "Attestation vérifiée auprès de Revenu Québec"


def unreadable(cast):
    occasion, (first, _second) = cast.opened()
    with unguarded():
        OpenedProposal.objects.filter(proposal=first).update(readable=False, content={}, price_cents=None)
    address = reverse("proposals:examine", args=[occasion.number, first.public_id])
    return occasion, f"proposition={first.public_id}", address, "Intégrité non constatée : Atelier Boréal inc."


def mismatch(cast):
    contract = stage.active(cast)
    invoice = stage.invoiced(cast, contract)
    with clock.set_to(stage.INVOICED_AT):
        payment = payment_actions.declare_outside(
            invoice, by=cast.officer, reference="VIR-1", paid_on=date(2026, 12, 17)
        )
    run = Reconciliation.objects.create(started_at=stage.INVOICED_AT, since=stage.INVOICED_AT, finished_at=LATE)
    row = Mismatch.objects.create(run=run, kind="transfer_amount", payment=payment, ours="100", theirs="200")
    address = reverse("contracts:reconciliation", args=[run.pk])
    return contract.opportunity, f"ecart={row.pk}", address, f"Écart de paiement, facture {invoice.number}"


def signal(cast):
    occasion, _proposals = cast.awarded()
    flag = audit_moves.flag(occasion)
    return occasion, f"signal={flag.pk}", flag.get_absolute_url(), ""


FOUND = [failed_point, unreadable, mismatch, signal, late_duty]


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.__name__)
def test_what_an_auditor_finds_opens_a_case_prefilled(cast, found):
    occasion, about, address, title = found(cast)
    form = reverse("audit:open_monitoring", args=[occasion.number])
    assert f'href="{form}?{about}"' in get(cast.auditor, address, at=LATE).content.decode()
    page = get(cast.auditor, f"{form}?{about}", at=LATE)
    assert page.status_code == 200
    typed = page.context["form"]
    assert typed["title"].value().startswith(title) and typed["title"].value() and len(typed["text"].value()) > 20
    client = Client()
    client.force_login(cast.auditor)
    with clock.set_to(LATE):
        sent = client.post(
            form, {"title": typed["title"].value(), "text": typed["text"].value(), "key": number_in(page)}
        )
    assert sent.status_code == 302 and Monitoring.objects.get().title == typed["title"].value()


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.__name__)
def test_whoever_may_not_open_one_has_no_link_and_nothing_of_another_occasion_is_told(cast, found):
    occasion, about, address, _title = found(cast)
    form = reverse("audit:open_monitoring", args=[occasion.number])
    for who in (cast.officer, cast.buyer):
        answer = get(who, address, at=LATE)
        assert answer.status_code in {200, 404} and form not in answer.content.decode()
        assert get(who, f"{form}?{about}", at=LATE).status_code == 404
    inside = cast.member("Aude Deux", "officer")
    inside.is_auditor = True
    inside.save()
    tied = person("Alix Deux", is_auditor=True)
    VendorMembership.objects.create(user=tied, vendor=cast.rival, role="member")
    for who in (inside, tied):
        answer = get(who, address, at=LATE)
        assert form not in answer.content.decode()
    other, _proposals = cast.awarded(title="Une tout autre occasion")
    elsewhere = reverse("audit:open_monitoring", args=[other.number])
    name, _equal, value = about.partition("=")
    asked = [f"{name}=x", f"{name}=", f"{name}=%00", f"{name}=99999999999999999999999999"]
    for query in [*asked, *([about] if name != "point" else [])]:
        page = get(cast.auditor, f"{elsewhere}?{query}", at=LATE)
        assert page.status_code == 200, query
        assert not page.context["form"]["title"].value() and not page.context["form"]["text"].value(), query


def test_a_line_that_holds_prefills_nothing(cast):
    occasion, _proposals = cast.awarded()
    form = reverse("audit:open_monitoring", args=[occasion.number])
    page = get(cast.auditor, f"{form}?point=two_people", at=LATE)
    assert not page.context["form"]["title"].value()
