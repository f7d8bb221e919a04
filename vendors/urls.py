"""Routes of one's vendors."""

from django.urls import path

from vendors import views

app_name = "vendors"
urlpatterns = [
    path("", views.mine, name="mine"),
    path("nouveau/", views.create, name="create"),
    path("<uuid:public_id>/", views.edit, name="edit"),
]
