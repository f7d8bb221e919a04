"""Routes of the answers: the vendor's side, the public's, the body's."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`
from proposals import deciding, evaluating, own, public, receipts, reversing, writing

urlpatterns = [
    # the public's
    path("attributions/", public.awards, name="awards"),
    path("occasions/<code:number>/ouverture/", public.minutes, name="minutes"),
    path("occasions/<code:number>/ouverture/proces-verbal.json", public.minutes_json, name="minutes_json"),
    path("occasions/<code:number>/attribution/", public.award, name="award"),
    path("occasions/<code:number>/attribution/tirage.json", public.draw_json, name="draw_json"),
    path("verifier/", receipts.verify, name="verify"),
    # the vendor's
    path("occasions/<code:number>/proposer/", writing.start, name="start"),
    path("propositions/", own.mine, name="mine"),
    path("propositions/<uuid:public_id>/", own.detail, name="detail"),
    path("propositions/<uuid:public_id>/modifier/", writing.edit, name="edit"),
    path("propositions/<uuid:public_id>/deposer/", writing.submit, name="submit"),
    path("propositions/<uuid:public_id>/retirer/", writing.withdraw, name="withdraw"),
    path("propositions/<uuid:public_id>/fichiers/<uuid:file_id>/", writing.file, name="file"),
    path("propositions/<uuid:public_id>/fichiers/<uuid:file_id>/retirer/", writing.remove_file, name="remove_file"),
    path("accuses/<code:receipt_number>/", receipts.page, name="receipt"),
    path("accuses/<code:receipt_number>/accuse.json", receipts.as_json, name="receipt_json"),
    path("accuses/<code:receipt_number>/preuve.json", receipts.proof, name="proof"),
    path("accuses/<code:receipt_number>/enveloppe.json", receipts.envelope, name="envelope"),
    # the body's
    path("occasions/<code:number>/evaluation/", evaluating.table, name="evaluation"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/", evaluating.examine, name="examine"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/admettre/", evaluating.admit, name="admit"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/rejeter/", evaluating.reject, name="reject"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/noter/", evaluating.score, name="score"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/reexaminer/", evaluating.reexamine, name="reexamine"),
    path("occasions/<code:number>/recommander/", deciding.recommend, name="recommend"),
    path("occasions/<code:number>/renvoyer/", deciding.send_back, name="send_back"),
    path("occasions/<code:number>/suspendre/", deciding.suspend, name="suspend"),
    path("occasions/<code:number>/reprendre/", deciding.resume, name="resume"),
    path("occasions/<code:number>/annuler/", deciding.cancel, name="cancel"),
    path("occasions/<code:number>/conclure/", deciding.conclude, name="conclude"),
    path("occasions/<code:number>/annuler-attribution/", reversing.reverse, name="reverse"),
    path("occasions/<code:number>/annuler-attribution/retirer/", reversing.withdraw, name="withdraw_reversal"),
]
