"""Public pages, answered from memory to visitors without a session, and never stale after an act.

The key holds the last public number of the ledger: any act on anything public makes new keys, so that a page never
shows a state that has changed. What only time changes (« ferme dans 2 heures ») is at most `SECONDS` old, and never
crosses a closing instant: `public_page` views say until when they hold.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control

from marketplace.ledger import entries as ledger

SECONDS = 15
Handler = Callable[[HttpRequest], HttpResponse]


def public_page(view: Callable[..., Any]) -> Callable[..., HttpResponse]:
    """Mark a view whose GET answer is the same for every visitor. See `hold`."""

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.public_page = True
        if request.user.is_authenticated:  # it may show what only this person sees
            patch_cache_control(response, private=True, no_store=True)
        return response

    return marked


def hold(response: HttpResponse, seconds: int) -> HttpResponse:
    """Have a public page kept in memory so long, which is less than SECONDS."""
    response.holds_seconds = seconds  # type: ignore[attr-defined]  # read by PublicPageCache
    return response


class PublicPageCache:
    """First middleware that may answer: before sessions, languages and views."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        visitor = settings.SESSION_COOKIE_NAME not in request.COOKIES and "messages" not in request.COOKIES
        if request.method != "GET" or not visitor or request.headers.get("HX-Request"):
            return self.get_response(request)
        key = self._key(request)
        answer = cache.get(key)
        if answer is not None:
            body, content_type, headers = answer
            return HttpResponse(body, content_type=content_type, headers=headers)
        response = self.get_response(request)
        cacheable = response.status_code == 200 and getattr(response, "public_page", False) and not response.cookies
        seconds = min(SECONDS, getattr(response, "holds_seconds", SECONDS))
        if cacheable and seconds > 0 and not response.streaming:
            headers = {name: value for name, value in response.items() if name.lower() != "content-type"}
            cache.set(key, (response.content, response["Content-Type"], headers), seconds)
        return response

    def _key(self, request: HttpRequest) -> str:
        # Sealed acts change no public page, and must not empty the cache in the hour before a closing.
        head = ledger.head()
        request.ledger_head = head  # type: ignore[attr-defined]  # read by marketplace.context, for every page
        seq = head.seq if head else 0
        language = request.headers.get("Accept-Language", "")[:20] if request.path == "/" else ""
        text = f"{request.scheme}|{request.get_host()}|{request.get_full_path()}|{language}|{seq}"
        return f"page:{hashlib.sha256(text.encode()).hexdigest()}"
