"""Addresses under /compte/: allauth's, and ours instead of those where an account could be taken over."""

from allauth.account import urls as allauth_urls
from django.urls import include, path

from marketplace.accounts import account_views, views
from marketplace.keep import keeps_typed

_OURS = [
    path("reauthenticate/", account_views.Confirm.as_view(), name="account_reauthenticate"),
    path("email/", keeps_typed(account_views.Addresses.as_view()), name="account_email"),
    path("password/change/", account_views.PasswordChange.as_view(), name="account_change_password"),
    path("confirm-email/", account_views.ConfirmationSent.as_view(), name="account_email_verification_sent"),
    path("annuler/<str:token>/", account_views.undo_change, name="account_undo"),
]
# An account without a password chooses one by a link sent to its address, never from an open session.
_WITHOUT = {"account_set_password"} | {page.name for page in _OURS}

urlpatterns = [
    *_OURS,
    *(page for page in allauth_urls.urlpatterns if page.name not in _WITHOUT),
    path("deux-etapes/", include(views.urlpatterns)),
]
