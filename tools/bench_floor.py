"""The product's routes and one empty view behind the whole middleware: the floor that pages are compared with."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.urls import path

from marketplace import urls
from marketplace.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

EMPTY = "/banc/vide"


@login_not_required
def empty(request) -> HttpResponse:
    """Two bytes, no template, no query of its own; not a public page, so the page cache never keeps it."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [path(EMPTY[1:], empty), *urls.urlpatterns]
