"""Routes of payments. `patterns` belong under the namespace `contracts`; `public_patterns` outside the languages."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`
from contracts import paying, payout_views, webhooks

patterns = [
    path("factures/<code:number>/payer/", paying.pay, name="pay"),
    path("factures/<code:number>/payer/retour/", paying.pay_return, name="pay_return"),
    path("factures/<code:number>/payer/abandonner/", paying.abandon, name="abandon_payment"),
    path("paiements/<uuid:public_id>/", paying.payment, name="payment"),
    path("paiements/<uuid:public_id>/reponse/", paying.answer, name="answer_payment"),
    path("paiements/<uuid:public_id>/retirer/", paying.retract, name="retract_payment"),
    path("paiements/<uuid:public_id>/demander-l-annulation/", paying.request_reversal, name="request_payment_reversal"),
    path("paiements/<uuid:public_id>/annuler/", paying.reverse_payment, name="reverse_payment"),
    path("paiements/<uuid:public_id>/annuler/retirer/", paying.withdraw_reversal, name="withdraw_payment_reversal"),
    path("paiements/<uuid:public_id>/annuler/refuser/", paying.decline_reversal, name="decline_payment_reversal"),
    path("paiements/rapprochements/", paying.reconciliations, name="reconciliations"),
    path("paiements/rapprochements/<int:pk>/", paying.reconciliation_run, name="reconciliation"),
    path("prestataires/<uuid:public_id>/versements/", payout_views.account, name="payouts"),
    path("prestataires/<uuid:public_id>/versements/retour/", payout_views.back, name="payouts_return"),
    path("prestataires/<uuid:public_id>/versements/reprendre/", payout_views.again, name="payouts_again"),
]

public_patterns = [path("stripe/evenements", webhooks.receive, name="stripe_events")]
