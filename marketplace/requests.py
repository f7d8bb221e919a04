"""What our middleware, and the libraries', promise of a request, for the views that count on it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from marketplace.accounts.person import User


class HtmxRequest(HttpRequest):
    """`htmx`: whether a part of the page is asked for, and how (django_htmx's middleware)."""

    htmx: HtmxDetails


class PersonRequest(HtmxRequest):
    """`user` is never the anonymous one: only signed-in people reach the view (marketplace/middleware.py)."""

    user: User
