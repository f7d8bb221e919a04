"""Routes of one's vendors."""

from django.urls import path

from vendors import views
from vendors.archive import views as archive_views
from vendors.eligibility import views as eligibility_views
from vendors.members import views as member_views

app_name = "vendors"
urlpatterns = [
    path("", views.mine, name="mine"),
    path("nouveau/", views.create, name="create"),
    path("invitations/<uuid:invitation_id>/", member_views.invitation, name="invitation"),
    path("<uuid:public_id>/", views.edit, name="edit"),
    path("<uuid:public_id>/archiver/", archive_views.archive, name="archive"),
    path("<uuid:public_id>/inviter/", member_views.invite, name="invite"),
    path(
        "<uuid:public_id>/invitations/<uuid:invitation_id>/retirer/", member_views.withdraw, name="withdraw_invitation"
    ),
    path("<uuid:public_id>/personnes/<uuid:person_id>/", member_views.member, name="member"),
    path("<uuid:public_id>/documents/", eligibility_views.papers, name="papers"),
    path("<uuid:public_id>/documents/<uuid:paper_id>/copie/", eligibility_views.file, name="paper_file"),
    path("<uuid:public_id>/documents/<uuid:paper_id>/retirer/", eligibility_views.withdraw, name="withdraw_paper"),
]
