"""Addresses under /compte/: allauth's, and ours instead of those where an account could be taken over."""

from allauth.account import urls as allauth_urls
from django.urls import URLPattern, include, path

from marketplace.accounts import account_views, views
from marketplace.keep import keeps_typed
from marketplace.twice.once import once
from marketplace.twice.unique import asked_again

_OURS = [
    path("reauthenticate/", account_views.Confirm.as_view(), name="account_reauthenticate"),
    path("email/", keeps_typed(once(asked_again(account_views.Addresses.as_view()))), name="account_email"),
    path("password/change/", account_views.PasswordChange.as_view(), name="account_change_password"),
    path("confirm-email/", account_views.ConfirmationSent.as_view(), name="account_email_verification_sent"),
    path("annuler/<str:token>/", account_views.undo_change, name="account_undo"),
]
# An account without a password chooses one by a link sent to its address, never from an open session.
_WITHOUT = {"account_set_password"} | {page.name for page in _OURS}

# What makes an account or sends a link. Signing in or out, and proving who one is, may be done again and again.
_ONCE = {"account_signup", "account_reset_password"}


def _done_once(page: URLPattern) -> URLPattern:
    """The same address, whose form does its act once."""
    return URLPattern(page.pattern, once(asked_again(page.callback)), page.default_args, page.name)


urlpatterns = [
    *_OURS,
    *(
        _done_once(page) if page.name in _ONCE else page
        for page in allauth_urls.urlpatterns
        if page.name not in _WITHOUT
    ),
    path("deux-etapes/", include(views.urlpatterns)),
]
