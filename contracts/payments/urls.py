"""Routes of payments. `patterns` belong under the namespace `contracts`; `public_patterns` outside the languages."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`
from contracts.payments import payout_account_views, views, webhooks

patterns = [
    path("factures/<code:number>/payer/", views.pay, name="pay"),
    path("factures/<code:number>/payer/retour/", views.pay_return, name="pay_return"),
    path("factures/<code:number>/payer/abandonner/", views.abandon, name="abandon_payment"),
    path("paiements/<uuid:public_id>/", views.payment, name="payment"),
    path("paiements/<uuid:public_id>/reponse/", views.answer, name="answer_payment"),
    path("paiements/<uuid:public_id>/retirer/", views.retract, name="retract_payment"),
    path("paiements/<uuid:public_id>/demander-l-annulation/", views.request_reversal, name="request_payment_reversal"),
    path("paiements/<uuid:public_id>/annuler/", views.reverse_payment, name="reverse_payment"),
    path("paiements/<uuid:public_id>/annuler/retirer/", views.withdraw_reversal, name="withdraw_payment_reversal"),
    path("paiements/<uuid:public_id>/annuler/refuser/", views.decline_reversal, name="decline_payment_reversal"),
    path("paiements/rapprochements/", views.reconciliations, name="reconciliations"),
    path("paiements/rapprochements/<int:pk>/", views.reconciliation_run, name="reconciliation"),
    path("prestataires/<uuid:public_id>/versements/", payout_account_views.account, name="payouts"),
    path("prestataires/<uuid:public_id>/versements/retour/", payout_account_views.back, name="payouts_return"),
    path("prestataires/<uuid:public_id>/versements/reprendre/", payout_account_views.again, name="payouts_again"),
]

public_patterns = [path("stripe/evenements", webhooks.receive, name="stripe_events")]
