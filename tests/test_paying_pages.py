"""The pages of payments: who sees them, what they say, what they refuse."""

import re
from datetime import timedelta

import pytest
from django.utils import translation

from contracts.models import Invoice, Payment, PayoutAccount, Reconciliation
from contracts.payments import actions as payment_actions
from contracts.payments import history as payment_history
from contracts.payments import reconciliation, reversal
from marketplace.dates import clock
from marketplace.models import LedgerPayload, User
from tests import contract_cast
from tests.cast import PASSWORD
from tests.payment_cast import PAID_AT, Till, again, mails, use
from tools.stripe_standin.client import Standin
from vendors.models import Ineligibility

pytestmark = pytest.mark.django_db
NBSP = "\u00a0"
PEOPLE = ["officer", "second_officer", "buyer", "vendor_owner", "vendor_member", "rival_owner", "outside_officer",
          "auditor", "administrator", "outsider"]  # fmt: skip


@pytest.fixture(autouse=True)
def _french():
    with translation.override("fr-ca"):
        yield


@pytest.fixture(scope="module")
def process():
    with Standin(validate=True) as running:
        yield running


@pytest.fixture
def till(cast, process, client, settings, django_capture_on_commit_callbacks):
    process.reset()
    use(settings, process)
    yield Till(cast, process, client, django_capture_on_commit_callbacks)
    process.chaos()
    assert process.violations() == []


def ask(till, who, path, data=None, *, later=timedelta(0)):
    if who is not None:
        till.client.force_login(User.objects.get(pk=who.pk))
    with till.now(later):
        return till.client.get(path) if data is None else till.client.post(path, data)


def text(answer) -> str:
    return re.sub(r"[ \t\n]+", " ", answer.content.decode())


def by_stripe(**fields) -> dict:
    return {"way": "stripe", "password": PASSWORD} | fields


def outside(**fields) -> dict:
    return {"way": "outside", "reference": "VIR-1", "paid_on": "2026-12-18", "password": PASSWORD} | fields


# --- Paying ----------------------------------------------------------------------------------------------------------
def test_the_page_says_what_will_be_paid_and_changes_nothing(till):
    invoice = till.invoice()
    till.account()
    before = LedgerPayload.objects.count()
    answer = ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/")
    page = text(answer)
    amounts = [f"27{NBSP}594,00{NBSP}$", f"1{NBSP}200,00{NBSP}$", f"2{NBSP}394,00{NBSP}$"]
    names = ["Atelier Boréal inc.", contract_cast.TPS, contract_cast.TVQ, "Béatrice Acheteuse"]
    labels = ["Moyen de paiement", "Référence du paiement", "Date du paiement", "Mot de passe"]
    for part in [*amounts, *names, *labels, "Rien à signaler", "16 janvier 2027"]:
        assert part in page, part
    assert till.standin.url in answer["Content-Security-Policy"].split("form-action")[1].split(";")[0]
    assert not Payment.objects.exists() and LedgerPayload.objects.count() == before
    assert till.standin.url not in ask(till, None, "/")["Content-Security-Policy"]


STATUS = {
    "officer": 200,
    "second_officer": 200,
    "buyer": 403,
    "vendor_owner": 403,
    "vendor_member": 403,
    "auditor": 403,
}


@pytest.mark.parametrize("who", PEOPLE)
def test_who_sees_the_page(till, who):
    invoice = till.invoice()
    till.account()
    person = getattr(till.cast, who)
    expected = STATUS.get(who, 404)
    assert ask(till, person, f"/factures/{invoice.number}/payer/").status_code == expected
    answer = ask(till, person, f"/factures/{invoice.number}/payer/", outside())
    assert answer.status_code == (302 if expected == 200 else expected)
    assert Payment.objects.count() == (expected == 200)


def test_from_the_page_to_paid(till):
    invoice = till.invoice()
    till.account()
    answer = ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/", by_stripe())
    payment = Payment.objects.get()
    assert answer.status_code == 302 and answer["Location"].startswith(till.standin.url)
    assert payment.session_id in answer["Location"]
    back = f"/factures/{invoice.number}/payer/retour/"
    session = till.standin.state()["checkout.session"][0]
    assert session["success_url"].endswith(back) and session["locale"] == "fr-CA"
    assert "Pas encore payé" in text(ask(till, None, back))
    assert "Un paiement est commencé" in text(ask(till, None, f"/factures/{invoice.number}/payer/"))
    till.pay(payment)
    assert "<h2>Payé</h2>" in text(ask(till, None, back))  # before any webhook
    till.assert_paid_once(payment)
    assert ask(till, None, f"/factures/{invoice.number}/payer/").status_code == 409
    till.deliver(times=2)
    till.assert_paid_once(payment)


def test_the_return_page_tells_each_state(till):
    invoice = till.invoice()
    till.account()
    back = f"/factures/{invoice.number}/payer/retour/"
    assert ask(till, till.cast.officer, back).status_code == 404
    payment = till.start(invoice)
    till.pay(payment, "debit")
    assert "<h2>En traitement</h2>" in text(ask(till, till.cast.buyer, back))
    till.standin.control("settle", session=payment.session_id, ok=False)
    page = text(ask(till, None, back))
    assert "<h2>Non payé</h2>" in page and "La banque a refusé le débit." in page
    till.standin.chaos(probability={"500_before": 1.0})
    assert ask(till, till.cast.auditor, back).status_code == 200
    assert "Stripe ne répond pas" not in text(ask(till, till.cast.officer, back))  # final: nobody is asked
    till.standin.chaos()
    second = till.start(invoice)
    till.standin.chaos(probability={"500_before": 1.0})
    assert "Stripe ne répond pas" in text(ask(till, till.cast.officer, back))
    assert again(second).state == "started"
    assert ask(till, till.cast.vendor_owner, back).status_code == 403
    assert ask(till, till.cast.rival_owner, back).status_code == 404


def test_an_auditor_reads_and_moves_nothing(till):
    invoice = till.invoice()
    till.account()
    payment = till.start(invoice)
    till.pay(payment)
    assert "Pas encore payé" in text(ask(till, till.cast.auditor, f"/factures/{invoice.number}/payer/retour/"))
    assert again(payment).state == "started"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (by_stripe(password="faux"), "mot de passe"),
        (by_stripe(password=""), "Mot de passe"),
        (by_stripe(way="autre"), "Moyen de paiement"),
        (outside(reference=""), "Inscrivez la référence du paiement."),
        (outside(paid_on=""), "Inscrivez la date du paiement."),
        (outside(paid_on="2026-12-19"), "Cette date est à venir"),
        (outside(paid_on="hier"), "Date du paiement"),
        (outside(reference="x" * 101), "Référence du paiement"),
    ],
)
def test_bad_input_is_shown_again(till, typed, told):
    invoice = till.invoice()
    till.account()
    answer = ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/", typed)
    assert answer.status_code == 422 and told in text(answer)
    assert not Payment.objects.exists()
    if typed.get("reference"):
        assert f'value="{typed["reference"]}"' in answer.content.decode()
    if typed["password"]:
        assert typed["password"] not in answer.content.decode()


def test_an_ineligible_vendor_is_told_of_before_and_after(till):
    invoice = till.invoice()
    till.account()
    Ineligibility.objects.create(
        vendor=till.cast.vendor, source="rena", since=PAID_AT.date(), recorded_by=till.cast.administrator, at=PAID_AT
    )
    path = f"/factures/{invoice.number}/payer/"
    page = text(ask(till, till.cast.officer, path))
    assert "Ne peut pas être payé maintenant" in page and "n’est pas admissible depuis" in page
    assert 'name="password"' not in page
    answer = ask(till, till.cast.officer, path, by_stripe())
    assert answer.status_code == 422 and "n’est pas admissible depuis" in text(answer)
    assert not Payment.objects.exists() and not till.standin.state().get("checkout.session")


def test_without_stripe_only_the_bodys_own_system(till, settings):
    invoice = till.invoice()
    page = text(ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/"))
    assert "pas encore être payé par Stripe" in page and 'value="stripe"' not in page
    settings.STRIPE_SECRET_KEY = ""
    page = text(ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/"))
    assert "Stripe" not in page.split("<main")[1].split("</main>")[0]
    assert ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/", by_stripe()).status_code == 422
    assert ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/", outside()).status_code == 302
    assert Payment.objects.get().state == "declared"


def test_stripe_does_not_answer(till):
    invoice = till.invoice()
    till.account()
    till.standin.chaos(probability={"500_before": 1.0})
    answer = ask(till, till.cast.officer, f"/factures/{invoice.number}/payer/", by_stripe())
    assert answer.status_code == 503 and "Stripe ne répond pas en ce moment" in text(answer)
    till.standin.chaos()
    assert ask(till, None, f"/factures/{invoice.number}/payer/", by_stripe()).status_code == 302
    assert Payment.objects.count() == 1


def test_paying_otherwise(till):
    invoice = till.invoice()
    till.account()
    path = f"/factures/{invoice.number}/payer/"
    ask(till, till.cast.officer, path, by_stripe())
    assert ask(till, None, path, outside()).status_code == 409
    assert ask(till, till.cast.buyer, path + "abandonner/", {}).status_code == 403
    assert ask(till, till.cast.officer, path + "abandonner/", {}).status_code == 302
    assert ask(till, None, path + "abandonner/", {}).status_code == 409
    assert ask(till, None, path, outside()).status_code == 302
    assert sorted(Payment.objects.values_list("state", flat=True)) == ["declared", "failed"]


def test_a_page_in_english_pays_too(till):
    invoice = till.invoice()
    till.account()
    User.objects.filter(pk=till.cast.officer.pk).update(language="en")
    answer = ask(till, till.cast.officer, f"/en/factures/{invoice.number}/payer/", by_stripe())
    assert answer.status_code == 302
    session = till.standin.state()["checkout.session"][0]
    assert session["locale"] == "en" and "/en/factures/" in session["success_url"]


# --- The vendor's answer ---------------------------------------------------------------------------------------------
@pytest.fixture
def declared(till):
    invoice = till.invoice()
    with till.now():
        return payment_actions.declare_outside(invoice, by=till.cast.officer, reference="VIR-1", paid_on=PAID_AT.date())


ANSWERS = {
    "vendor_owner": 200,
    "vendor_member": 403,
    "officer": 403,
    "second_officer": 403,
    "buyer": 403,
    "auditor": 403,
}


@pytest.mark.parametrize("who", PEOPLE)
def test_who_answers(till, declared, who):
    person = getattr(till.cast, who)
    path = f"/paiements/{declared.public_id}/reponse/"
    expected = ANSWERS.get(who, 404)
    answer = ask(till, person, path)
    assert answer.status_code == expected
    posted = ask(till, person, path, {"answer": "confirm"})
    assert posted.status_code == (302 if expected == 200 else expected)
    assert again(declared).state == ("paid" if expected == 200 else "declared")
    if expected == 200:
        assert "VIR-1" in text(answer) and ask(till, person, path).status_code == 409


def test_not_received(till, declared):
    path = f"/paiements/{declared.public_id}/reponse/"
    answer = ask(till, till.cast.vendor_owner, path, {"answer": "contest"})
    assert answer.status_code == 422 and "Dites ce qui manque" in text(answer)
    assert ask(till, None, path, {}).status_code == 422
    assert ask(till, None, path, {"answer": "contest", "reason": "Rien <b>reçu</b>."}).status_code == 302
    page = text(ask(till, till.cast.officer, f"/paiements/{declared.public_id}/retirer/"))
    assert "Rien &lt;b&gt;reçu&lt;/b&gt;." in page
    assert ask(till, None, f"/paiements/{declared.public_id}/retirer/", {"reason": ""}).status_code == 422
    assert (
        ask(till, None, f"/paiements/{declared.public_id}/retirer/", {"reason": "Mauvais compte."}).status_code == 302
    )
    assert again(declared).state == "failed" and again(declared).get_state_display() == "Retirée"
    shown = text(ask(till, None, declared.invoice.get_absolute_url()))
    assert "Retirée" in shown and "Échoué" not in shown
    refused = ask(till, till.cast.vendor_owner, path)
    assert refused.status_code == 409 and f'href="/paiements/{declared.public_id}/">Revenir au dossier' in text(refused)
    assert ask(till, None, f"/paiements/{declared.public_id}/").url == declared.invoice.get_absolute_url()
    assert ask(till, till.cast.rival_owner, f"/paiements/{declared.public_id}/").status_code == 404


@pytest.mark.parametrize("who", [name for name in PEOPLE if name not in {"officer", "second_officer"}])
def test_only_officers_retract(till, declared, who):
    strangers = {"rival_owner", "outside_officer", "administrator", "outsider"}
    answer = ask(till, getattr(till.cast, who), f"/paiements/{declared.public_id}/retirer/", {"reason": "Non."})
    assert answer.status_code == (404 if who in strangers else 403)


# --- Undoing ---------------------------------------------------------------------------------------------------------
def test_undoing_takes_two_officers_and_a_password(till):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    first = f"/paiements/{payment.public_id}/demander-l-annulation/"
    second = f"/paiements/{payment.public_id}/annuler/"
    for who, expected in (("buyer", 403), ("vendor_owner", 403), ("auditor", 403), ("rival_owner", 404)):
        assert ask(till, getattr(till.cast, who), first).status_code == expected
        assert ask(till, getattr(till.cast, who), second).status_code == expected
    assert ask(till, till.cast.officer, second).status_code == 409  # nobody asked yet
    assert ask(till, None, first).status_code == 200
    assert ask(till, None, first, {"reason": " "}).status_code == 422
    assert ask(till, None, first, {"reason": "Payé en double."}).status_code == 302
    assert ask(till, None, first).status_code == 409
    page = text(ask(till, None, second))
    assert "Vous avez demandé cette annulation" in page and 'name="password"' not in page
    assert ask(till, None, second, {"password": PASSWORD}).status_code == 403
    assert ask(till, None, second + "retirer/", {}).status_code == 302
    assert ask(till, None, first, {"reason": "Payé en double."}).status_code == 302
    page = text(ask(till, till.cast.second_officer, second))
    assert "Payé en double." in page and "Odile Responsable" in page
    assert ask(till, None, second, {"password": "faux"}).status_code == 422
    assert again(payment).state == "paid"
    assert ask(till, None, second, {"password": PASSWORD}).status_code == 302
    assert again(payment).state == "refunded"
    assert ask(till, None, second, {"password": PASSWORD}).status_code == 409


DECLINES = dict.fromkeys(["officer", "buyer", "vendor_owner", "vendor_member", "auditor"], 403) | {
    "second_officer": 302
}


@pytest.mark.parametrize("who", PEOPLE)
def test_only_another_officer_declines(till, declared, who):
    path, person, expected = f"/paiements/{declared.public_id}/annuler/refuser/", getattr(till.cast, who), DECLINES
    with till.now():
        payment_actions.confirm(declared, by=till.cast.vendor_owner)
    unasked = 409 if who in {"officer", "second_officer"} else expected.get(who, 404)
    assert ask(till, person, path).status_code == unasked
    with till.now():
        reversal.request_reversal(declared, by=till.cast.officer, reason="Payé en double.")
    assert ask(till, person, path, {"reason": "C’est une autre facture."}).status_code == expected.get(who, 404)
    assert bool(again(declared).reversal_reason) == (who != "second_officer")


def test_a_declined_reversal_leaves_the_payment_as_it_was(till):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    first, second = (f"/paiements/{payment.public_id}/{part}/" for part in ("demander-l-annulation", "annuler"))
    ask(till, till.cast.officer, first, {"reason": "Payé en double."})
    assert "refuser/" not in text(ask(till, None, second))  # who asked withdraws
    assert f'href="{second}refuser/"' in text(ask(till, till.cast.second_officer, second))
    page = text(ask(till, None, f"{second}refuser/"))
    assert "Payé en double." in page and 'name="password"' not in page
    assert ask(till, None, f"{second}refuser/", {"reason": " "}).status_code == 422
    assert ask(till, None, f"{second}refuser/", {"reason": "Deux <b>livraisons</b>."}).status_code == 302
    row = again(payment)
    assert (row.state, row.reversal_requested_by, row.reversal_reason) == ("paid", None, "")
    assert row.invoice.paid_at is not None
    (told,) = mails("payment_reversal_declined")
    assert told.to == till.cast.officer and "Deux <b>livraisons</b>." in told.body
    kept = LedgerPayload.objects.get(action="payment.decline_reversal").body
    assert kept["reason"] == "Deux <b>livraisons</b>."
    assert ask(till, None, second, {"password": PASSWORD}).status_code == 409
    assert ask(till, None, f"{second}refuser/", {"reason": "Encore."}).status_code == 409
    assert ask(till, till.cast.officer, first, {"reason": "Vraiment en double."}).status_code == 302


# --- The history -----------------------------------------------------------------------------------------------------
def acts(invoice, person) -> list[str]:
    rows = payment_history.history(Invoice.objects.get(pk=invoice.pk), User.objects.get(pk=person.pk))
    return [label for row in rows for label, _url in row.acts]


def test_each_person_sees_their_next_act(till, declared, django_assert_max_num_queries):
    invoice = declared.invoice
    cast = till.cast
    assert acts(invoice, cast.vendor_owner) == ["Répondre"]
    assert acts(invoice, cast.officer) == ["Retirer la déclaration"]
    assert acts(invoice, cast.buyer) == acts(invoice, cast.auditor) == acts(invoice, cast.vendor_member) == []
    with till.now():
        payment_actions.confirm(declared, by=cast.vendor_owner)
    assert acts(invoice, cast.officer) == ["Demander l’annulation"] and acts(invoice, cast.vendor_owner) == []
    with till.now():
        reversal.request_reversal(declared, by=cast.officer, reason="Chèque sans provision.")
    assert acts(invoice, cast.second_officer) == ["Examiner la demande d’annulation"]


def test_the_history_is_a_table(till):
    from django.template.loader import render_to_string

    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    till.standin.control("open_dispute", charge=payment.charge_id)
    till.deliver()
    rows = payment_history.history(payment.invoice, till.cast.officer)
    page = render_to_string("contracts/_payments.html", {"payments": rows})
    for part in (
        "Stripe",
        f"27{NBSP}594,00{NBSP}$",
        "Payé",
        "Odile Responsable",
        "Contesté par la banque du payeur (en attente de réponse)",
        "réponse avant",
    ):
        assert part in page, part
    for status, words in [("won", "(gagnée, le paiement tient)"), ("inventé_par_stripe", "(inventé_par_stripe)")]:
        rows[0].dispute_status = status
        page = render_to_string("contracts/_payments.html", {"payments": rows})
        assert words in page and "réponse avant" not in page


# --- The vendor's account --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", PEOPLE)
def test_who_sees_the_account(till, who):
    path = f"/prestataires/{till.cast.vendor.public_id}/versements/"
    expected = {"vendor_owner": 200, "vendor_member": 403}.get(who, 404)
    for end in ("", "retour/", "reprendre/"):
        answer = ask(till, getattr(till.cast, who), path + end)
        if expected == 200 and end:
            assert answer.status_code == {"retour/": 302, "reprendre/": 404}[end]
        else:
            assert answer.status_code == expected
    assert ask(till, None, path, {}).status_code == (302 if expected == 200 else expected)


def test_onboarding(till):
    cast = till.cast
    path = f"/prestataires/{cast.vendor.public_id}/versements/"
    answer = ask(till, cast.vendor_owner, path)
    assert "Aucun compte de versement" in text(answer)
    assert till.standin.url in answer["Content-Security-Policy"].split("form-action")[1].split(";")[0]
    answer = ask(till, None, path, {})
    row = PayoutAccount.objects.get()
    assert answer.status_code == 302 and f"/setup/e/{row.account_id}/" in answer["Location"]
    (account,) = till.standin.state()["account"]
    assert (account["type"], account["country"], account["business_type"]) == ("express", "CA", "company")
    assert account["metadata"] == {"vendor": str(cast.vendor.public_id)}
    till.standin.control("complete_account", account=row.account_id, incomplete=True)
    assert ask(till, None, path + "retour/")["Location"] == path
    page = text(ask(till, None, path))
    assert "Votre compte n’est pas prêt" in page
    assert "le compte bancaire où verser l’argent" in page and "(external_account)" in page
    assert ask(till, None, path + "reprendre/")["Location"].startswith(till.standin.url)
    till.standin.control("complete_account", account=row.account_id)
    ask(till, None, path + "retour/")
    assert "Votre compte est prêt" in text(ask(till, None, path))
    acts = LedgerPayload.objects.filter(action="vendor.payout_account")
    assert acts.count() == 1
    till.standin.chaos(probability={"500_before": 1.0})
    assert ask(till, None, path, {}).status_code == 503
    assert ask(till, None, path + "retour/").status_code == ask(till, None, path + "reprendre/").status_code == 302


# --- The comparison --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", PEOPLE)
def test_who_reads_the_comparisons(till, who):
    run = Reconciliation.objects.create(started_at=PAID_AT, since=PAID_AT - timedelta(days=35))
    expected = 200 if who in {"auditor", "administrator"} else 404
    for path in ("/paiements/rapprochements/", f"/paiements/rapprochements/{run.pk}/"):
        assert ask(till, getattr(till.cast, who), path).status_code == expected


def test_the_comparison_in_words(till, django_assert_num_queries):
    invoice = till.invoice()
    till.account()
    payment = till.paid(invoice)
    till.standin.control("foreign_charge", amount=5_000)
    till.standin.control("alter", id=payment.transfer_id, set={"amount": 1})
    with till.now():
        run = reconciliation.run(at=clock.now())
    page = text(ask(till, till.cast.auditor, f"/paiements/rapprochements/{run.pk}/"))
    assert "Le montant versé diffère." in page and payment.invoice.number in page and f"50,00{NBSP}$" in page
    assert "Un encaissement chez Stripe ne correspond à aucun de nos paiements." in page
    assert "2 écarts" in text(ask(till, None, "/paiements/rapprochements/"))
    assert ask(till, None, "/paiements/rapprochements/999/").status_code == 404


# --- What is written to people ---------------------------------------------------------------------------------------
TEMPLATES = [
    *("payment_paid", "payment_done", "payment_failed", "payment_blocked", "payment_waits", "payment_declared"),
    *("payment_contested", "payment_retracted", "payment_reversal_requested", "payment_reversal_declined"),
    "payment_reversed",
    *("payment_disputed", "payment_mismatches"),
]


def every_message(till) -> None:
    """Each message about payments at least once."""
    till.account()
    contract = contract_cast.active(till.cast, amounts=(24_000_00, 40_000_00))
    first, second = (contract_cast.invoiced(till.cast, contract, position) for position in (1, 2))
    payment = till.start(first)
    till.pay(payment, "debit")
    till.deliver()
    till.standin.control("settle", session=payment.session_id, ok=False)
    till.deliver()
    payment = till.start(first)
    till.standin.control("restrict_account", account=payment.destination)
    till.pay(payment)
    till.deliver()
    till.standin.control("complete_account", account=payment.destination)
    till.deliver()
    dispute = till.standin.control("open_dispute", charge=again(payment).charge_id)
    till.deliver()
    till.standin.control("close_dispute", dispute=dispute["id"], won=True)
    with till.now():
        made = payment_actions.declare_outside(
            second, by=till.cast.officer, reference="VIR <1>", paid_on=PAID_AT.date()
        )
        payment_actions.contest(made, by=till.cast.vendor_owner, reason="Rien « reçu » & rien <vu>.")
        payment_actions.retract(made, by=till.cast.officer, reason="Mauvais compte.")
        made = payment_actions.declare_outside(second, by=till.cast.officer, reference="VIR-2", paid_on=PAID_AT.date())
        payment_actions.confirm(made, by=till.cast.vendor_owner)
        reversal.request_reversal(made, by=till.cast.officer, reason="Payé en double.")
        reversal.decline_reversal(made, by=till.cast.second_officer, reason="Deux livraisons.")
        reversal.request_reversal(made, by=till.cast.officer, reason="Chèque sans provision.")
        reversal.reverse(made, by=till.cast.second_officer)
        reconciliation.run(at=clock.now())


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_every_message_is_whole(till, language, settings):
    User.objects.update(language=language)
    for person in vars(till.cast).values():
        if isinstance(person, User):
            person.language = language
    every_message(till)
    for template in TEMPLATES:
        rows = mails(template)
        assert rows, template
        for row in rows:
            whole = f"{row.subject}\n{row.body}"
            assert 10 < len(row.subject) <= 120 and len(row.body) > 200 and row.subject not in row.body, template
            for leak in ("{{", "{%", "&lt;", "&amp;", "None", "\n\n\n", "datetime", " ,"):
                assert leak not in whole, (template, leak, whole)
            assert row.to.name in row.body.split("\n")[0]
            links = re.findall(r"https?://\S+", row.body)
            assert len(links) >= 3 and all(link.startswith(settings.BASE_URL) for link in links), template
            assert all(link.startswith(f"{settings.BASE_URL}/en/") for link in links) == (language == "en")
