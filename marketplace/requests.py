"""Whose request it is, for the views that only signed-in people reach (marketplace/middleware.py)."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from marketplace.accounts.person import User


class PersonRequest(HttpRequest):
    """`user` is never the anonymous one."""

    user: User
    htmx: HtmxDetails  # django_htmx.middleware
