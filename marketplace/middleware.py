"""Small middleware: health, private-unless-listed with typed text kept, refusals answered and traced."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _

from marketplace import keep
from marketplace.cache import Handler
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove


def health(get_response: Handler) -> Handler:
    """What machines ask, before every other middleware: no session, no host check, no redirect to HTTPS.

    /sante is answered here: no database, no route. /pret and /metrics by their views.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info == "/sante":
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path_info in {"/pret", "/metrics"}:
            view, args, kwargs = resolve(request.path_info)
            response: HttpResponse = view(request, *args, **kwargs)
            response["X-Content-Type-Options"] = "nosniff"
            return response
        return get_response(request)

    return middleware


def limits(get_response: Handler) -> Handler:
    """413 for a request larger than any form of ours; much smaller for whoever shows no session."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        known = settings.SESSION_COOKIE_NAME in request.COOKIES
        if length > (settings.REQUEST_MAX_BYTES if known else settings.VISITOR_REQUEST_MAX_BYTES):
            return HttpResponse(
                "Envoi trop volumineux : 10 Mo au plus par fichier. / Too large: 10 MB at most for a file.\n",
                status=413,
                content_type="text/plain; charset=utf-8",
            )
        return get_response(request)

    return middleware


class PrivateUnlessListed(LoginRequiredMiddleware):
    """Every view asks for a signed-in person unless it is marked `login_not_required` (tests walk every URL)."""

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponseRedirect:
        keep.keep(request)
        return super().handle_no_permission(request, view_func)


class RefusedForms:
    """422 where allauth would answer 200 to a form with errors, as the site's own forms do."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
        view = request.resolver_match.url_name if request.resolver_match else None
        if request.method == "POST" and response.status_code == 200 and (view or "").startswith("account_"):
            form = (response.context_data or {}).get("form")
            if form is not None and form.is_bound and form.errors:
                response.status_code = 422
        return response


def page_above(path: str) -> str:
    """The own page of the thing whose act is at `path`: the nearest address above that ends by naming one, or "".

    Only the address is read: a link that tells nothing. Whoever is refused an act for its state was shown the thing.
    """
    names = path.strip("/").split("/")
    for count in range(len(names) - 1, 1, -1):
        above = f"/{'/'.join(names[:count])}/"
        try:
            match = resolve(above)
        except Resolver404:
            continue
        if match.route.endswith(">/"):
            return above
    return ""


class Refusals:
    """Answers a refused act with 403 or 409 and a next step, and leaves its trace in the ledger.

    The trace is written here, after the act's own transaction was rolled back.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, PermissionDenied | IllegalMove):
            return None
        act = getattr(exception, "act", None)
        if act and request.user.is_authenticated:
            action, subject = act
            reason = type(exception).__name__
            ledger.record_refusal(action, subject, by=request.user, at=clock.now(), reason=reason)
        illegal = isinstance(exception, IllegalMove)
        context = {
            "title": _("Ce geste n’est plus possible") if illegal else _("Accès refusé"),
            "message": str(exception) or _("Vous n’avez pas le droit de faire ce geste."),
            "back_url": page_above(request.path_info) if illegal else "",
            "next_step": _("Rien n’a changé. Revenez à la page précédente pour voir où en est le dossier."),
            "action_url": reverse("dashboard"),
            "action_label": _("À faire"),
        }
        return render(request, "error.html", context, status=409 if illegal else 403)
