"""Routes under /occasions/. Its public page, its addenda and its publication need higher apps: marketplace/urls.py."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`
from opportunities.drafts import views as occasion_draft_views
from opportunities.review import views as notice_review_views
from opportunities.search import views as search_views
from opportunities.versions import views as version_views

urlpatterns = [
    path("", search_views.occasions, name="list"),
    path("nouvelle/", occasion_draft_views.create, name="create"),
    path("<code:number>/modifier/", occasion_draft_views.edit, name="edit"),
    path("<code:number>/supprimer/", occasion_draft_views.delete, name="delete"),
    path("<code:number>/pieces/<uuid:file_id>/", occasion_draft_views.attachment, name="attachment"),
    path(
        "<code:number>/pieces/<uuid:file_id>/retirer/", occasion_draft_views.remove_attachment, name="remove_attachment"
    ),
    path("<code:number>/versions/<rank:rank>.json", version_views.version, name="notice_version"),
    path("<code:number>/versions/<rank:rank>/preuve.json", version_views.proof, name="notice_proof"),
    path("<code:number>/envoyer/", notice_review_views.submit_for_review, name="submit_for_review"),
    path("<code:number>/reprendre-le-brouillon/", notice_review_views.take_back, name="take_back"),
    path("<code:number>/retourner/", notice_review_views.return_to_author, name="return_to_author"),
]
