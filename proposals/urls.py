"""Routes of the answers: the vendor's side, the public's, the body's."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`
from proposals.award import reversal_views
from proposals.award import views as award_views
from proposals.deposit import receipt_views
from proposals.deposit import views as deposit_views
from proposals.drafts import views as draft_views
from proposals.evaluation import price_views, reexamination_views
from proposals.evaluation import views as evaluation_views
from proposals.notice import views as notice_views
from proposals.proponent import views as proponent_views
from proposals.public import views as public_views

urlpatterns = [
    # the public's
    path("attributions/", public_views.awards, name="awards"),
    path("occasions/<code:number>/ouverture/", public_views.minutes, name="minutes"),
    path("occasions/<code:number>/ouverture/etat/", public_views.opening_state, name="opening_state"),
    path("occasions/<code:number>/ouverture/proces-verbal.json", public_views.minutes_json, name="minutes_json"),
    path("occasions/<code:number>/attribution/", public_views.award, name="award"),
    path("occasions/<code:number>/attribution/notes.json", public_views.notes_json, name="notes_json"),
    path("occasions/<code:number>/attribution/tirage.json", public_views.draw_json, name="draw_json"),
    path("verifier/", receipt_views.verify, name="verify"),
    # the vendor's
    path("occasions/<code:number>/proposer/", draft_views.start, name="start"),
    path("propositions/", proponent_views.mine, name="mine"),
    path("propositions/<uuid:public_id>/", proponent_views.detail, name="detail"),
    path("propositions/<uuid:public_id>/notes.json", proponent_views.notes_json, name="own_notes_json"),
    path("propositions/<uuid:public_id>/notes-<rank:rank>.json", proponent_views.notes_json, name="own_notes_version"),
    path("propositions/<uuid:public_id>/modifier/", draft_views.edit, name="edit"),
    path("propositions/<uuid:public_id>/supprimer/", draft_views.delete, name="delete"),
    path("propositions/<uuid:public_id>/deposer/", deposit_views.submit, name="submit"),
    path("propositions/<uuid:public_id>/retirer/", deposit_views.withdraw, name="withdraw"),
    path("propositions/<uuid:public_id>/fichiers/<uuid:file_id>/", draft_views.file, name="file"),
    path("propositions/<uuid:public_id>/fichiers/<uuid:file_id>/retirer/", draft_views.remove_file, name="remove_file"),
    path("accuses/<code:receipt_number>/", receipt_views.page, name="receipt"),
    path("accuses/<code:receipt_number>/accuse.json", receipt_views.as_json, name="receipt_json"),
    path("accuses/<code:receipt_number>/preuve.json", receipt_views.proof, name="proof"),
    path("accuses/<code:receipt_number>/enveloppe.json", receipt_views.envelope, name="envelope"),
    # the body's
    path("occasions/<code:number>/evaluation/", evaluation_views.table, name="evaluation"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/", evaluation_views.examine, name="examine"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/admettre/", evaluation_views.admit, name="admit"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/rejeter/", evaluation_views.reject, name="reject"),
    path("occasions/<code:number>/evaluation/<uuid:public_id>/noter/", evaluation_views.score, name="score"),
    path(
        "occasions/<code:number>/evaluation/<uuid:public_id>/reexaminer/", evaluation_views.reexamine, name="reexamine"
    ),
    path(
        "occasions/<code:number>/evaluation/<uuid:public_id>/reexamen-des-notes/",
        reexamination_views.ask,
        name="ask_note_reexamination",
    ),
    path(
        "occasions/<code:number>/evaluation/<uuid:public_id>/reexamen-de-l-admissibilite/",
        reexamination_views.ask_admission,
        name="ask_admission_reexamination",
    ),
    path(
        "occasions/<code:number>/evaluation/<uuid:public_id>/reexamen-des-notes/<int:pk>/",
        reexamination_views.decide,
        name="decide_note_reexamination",
    ),
    path(
        "occasions/<code:number>/evaluation/<uuid:public_id>/reexamen-des-notes/<int:pk>/refuser/",
        reexamination_views.refuse,
        name="refuse_note_reexamination",
    ),
    path(
        "occasions/<code:number>/evaluation/<uuid:public_id>/reexamen-des-notes/<int:pk>/retirer/",
        reexamination_views.withdraw,
        name="withdraw_note_reexamination",
    ),
    path("occasions/<code:number>/devoiler-les-prix/", price_views.unveil, name="unveil_prices"),
    path("occasions/<code:number>/recommander/", award_views.recommend, name="recommend"),
    path("occasions/<code:number>/renvoyer/", award_views.send_back, name="send_back"),
    path("occasions/<code:number>/suspendre/", notice_views.suspend, name="suspend"),
    path("occasions/<code:number>/reprendre/", notice_views.resume, name="resume"),
    path("occasions/<code:number>/annuler/", notice_views.cancel, name="cancel"),
    path("occasions/<code:number>/conclure/", award_views.conclude, name="conclude"),
    path("occasions/<code:number>/annuler-attribution/", reversal_views.reverse, name="reverse"),
    path("occasions/<code:number>/annuler-attribution/retirer/", reversal_views.withdraw, name="withdraw_reversal"),
]
