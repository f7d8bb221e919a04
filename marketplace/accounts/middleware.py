"""Staff without a second factor does nothing but set one up: every other address, in every verb, leads there."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from marketplace import keep
from marketplace.accounts import second_factor
from marketplace.cache import Handler

# What such a person may reach, by the name of its address: the set-up and its question, leaving, getting an account
# back, the pages that explain. Adding a line here is a decision (tests/test_staff_factor.py walks all the others).
OPEN = {
    *("mfa_activate_totp", "account_reauthenticate", "account_logout", "admin:logout", "account_undo"),
    *("account_reset_password", "account_reset_password_done"),
    *("account_reset_password_from_key", "account_reset_password_from_key_done"),
    *("pages:help", "pages:contact", "pages:accessibility", "pages:privacy", "pages:terms"),
}


class SecondFactorFirst:
    """After the sign-in is asked, before any view."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not settings.SECOND_FACTOR_REQUIRED or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None  # visitors' pages are kept for everybody: nobody is looked up for them
        match = request.resolver_match
        if match is None or match.view_name in OPEN or not second_factor.is_missing(request.user):
            return None
        return led_to("mfa_activate_totp", request)


def led_to(view_name: str, request: HttpRequest) -> HttpResponse:
    """Away to what must be done first, which comes back afterwards."""
    address = f"{reverse(view_name)}?{urlencode({'next': _way_back(request)}, safe='/')}"
    if getattr(request, "htmx", False):  # a part of a page: the whole page must leave
        return HttpResponseClientRedirect(address)
    return redirect(address)


def _way_back(request: HttpRequest) -> str:
    """Where to come back once it is done: the page itself, or the one whose button was pressed.

    What was typed is kept for the address that it was sent to, when its view keeps what is typed.
    """
    if request.method in {"GET", "HEAD"} and not getattr(request, "htmx", False):
        return request.get_full_path()
    if keep.keep(request, why=keep.FACTOR):
        return request.path
    page = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    if url_has_allowed_host_and_scheme(page.geturl(), {request.get_host()}, require_https=request.is_secure()):
        return page.path + (f"?{page.query}" if page.query else "")
    return reverse("dashboard")
