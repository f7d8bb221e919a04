"""Routes of one's vendors."""

from django.urls import path

from vendors import papers, people, views

app_name = "vendors"
urlpatterns = [
    path("", views.mine, name="mine"),
    path("nouveau/", views.create, name="create"),
    path("invitations/<uuid:invitation_id>/", people.invitation, name="invitation"),
    path("<uuid:public_id>/", views.edit, name="edit"),
    path("<uuid:public_id>/inviter/", people.invite, name="invite"),
    path("<uuid:public_id>/invitations/<uuid:invitation_id>/retirer/", people.withdraw, name="withdraw_invitation"),
    path("<uuid:public_id>/personnes/<uuid:person_id>/", people.member, name="member"),
    path("<uuid:public_id>/documents/", papers.papers, name="papers"),
    path("<uuid:public_id>/documents/<uuid:paper_id>/copie/", papers.file, name="paper_file"),
    path("<uuid:public_id>/documents/<uuid:paper_id>/retirer/", papers.withdraw, name="withdraw_paper"),
]
