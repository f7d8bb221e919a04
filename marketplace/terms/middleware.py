"""Whoever signed in without having accepted the terms in force accepts them before anything else, or signs out.

What is due is written in the session at the sign-in (accounts/adapters.py): a page costs no query for it.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from marketplace.accounts.middleware import OPEN as SETTING_UP
from marketplace.accounts.middleware import led_to
from marketplace.cache import Handler

DUE = "terms_due"  # in the session
# What such a person may still reach: what may be reached before a second factor is set up, and the acceptance.
OPEN = {*SETTING_UP, "accept_terms", "mfa_view_recovery_codes", "mfa_download_recovery_codes"}


class TermsFirst:
    """After the second factor is asked, before any view that is not public."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        public = not getattr(view, "login_required", True)
        if public or settings.SESSION_COOKIE_NAME not in request.COOKIES or DUE not in request.session:
            return None
        match = request.resolver_match
        if match is None or match.view_name in OPEN or not request.user.is_authenticated:
            return None
        return led_to("accept_terms", request)
