"""Routes under /occasions/. Its public page, its addenda and its publication need higher apps: marketplace/urls.py."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`
from opportunities import editing, listing, reviewing

urlpatterns = [
    path("", listing.occasions, name="list"),
    path("nouvelle/", editing.create, name="create"),
    path("<code:number>/modifier/", editing.edit, name="edit"),
    path("<code:number>/pieces/<uuid:file_id>/", editing.attachment, name="attachment"),
    path("<code:number>/pieces/<uuid:file_id>/retirer/", editing.remove_attachment, name="remove_attachment"),
    path("<code:number>/envoyer/", reviewing.submit_for_review, name="submit_for_review"),
    path("<code:number>/retourner/", reviewing.return_to_author, name="return_to_author"),
]
