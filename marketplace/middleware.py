"""Small middleware: health, private-unless-listed with typed text kept, refusals answered and traced."""

import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _

from marketplace import keep
from marketplace.cache import Handler
from marketplace.columns.shape import Misshapen
from marketplace.dates import clock
from marketplace.files import quarantine, store
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove

logger = logging.getLogger(__name__)


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

    The trace is written here, after the act's own transaction was rolled back. A storage in trouble is told the same
    way: 503, or 404 for a file that is lost. So are other bytes than those that were kept, which nobody is given: 503;
    and a row that cannot be read: 500.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 422 and getattr(request, "not_kept", False):  # marketplace/acts.py, `show_refusal`
            response.status_code = 503
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, store.Unreadable | store.NotKept):
            return _storage_trouble(request, exception)
        if isinstance(exception, quarantine.Held):
            return _held(request, exception)
        if isinstance(exception, Misshapen):
            return _unreadable_row(request, exception)
        if not isinstance(exception, PermissionDenied | IllegalMove):
            return None
        act = getattr(exception, "act", None)
        if act and request.user.is_authenticated:
            action, subject = act
            reason = type(exception).__name__
            ledger.record_refusal(action, subject, by=request.user, at=clock.now(), reason=reason)
        illegal = isinstance(exception, IllegalMove)
        context = {
            "title": _("Ce geste n’est pas possible maintenant") if illegal else _("Accès refusé"),
            "message": str(exception) or _("Vous n’avez pas le droit de faire ce geste."),
            "back_url": page_above(request.path_info) if illegal else "",
            "next_step": _("Rien n’a changé. Revenez à la page précédente pour voir où en est le dossier."),
            "action_url": reverse("dashboard"),
            "action_label": _("À faire"),
        }
        return render(request, "error.html", context, status=409 if illegal else 403)


def _held(request: HttpRequest, exception: quarantine.Held) -> HttpResponse:
    """409: a file that the antivirus has not seen yet, or where it found a virus."""
    if exception.infected:
        title, message = _("Fichier retenu"), _("Un virus a été trouvé dans ce fichier : il n’est donné à personne.")
    else:
        title = _("En attente d’analyse")
        message = _(
            "L’antivirus n’a pas encore analysé ce fichier : il sera donné dès que ce sera fait. Réessayez dans "
            "quelques minutes."
        )
    context = {"title": title, "message": message, "back_url": page_above(request.path_info)}
    response = render(request, "error.html", context, status=409)
    if not exception.infected:
        response["Retry-After"] = "120"
    return response


def _storage_trouble(request: HttpRequest, exception: store.Unreadable | store.NotKept) -> HttpResponse:
    logger.critical(
        "%s answers %s.", request.resolver_match and request.resolver_match.view_name, type(exception).__name__
    )
    title = _("Stockage momentanément inaccessible")
    message = _("Le stockage des fichiers ne répond pas. Rien n’a changé; réessayez dans quelques minutes.")
    if isinstance(exception, store.Missing):
        title = _("Fichier introuvable")
        message = _("Ce fichier n’est plus dans le stockage. L’équipe de la plateforme en est avertie.")
    elif isinstance(exception, store.Altered):
        title = _("Fichier retenu")
        message = _(
            "Ce fichier n’est plus celui qui a été enregistré : son contenu ne correspond pas à son empreinte. Il "
            "n’est remis à personne. L’équipe de la plateforme en est avertie."
        )
    response = render(
        request,
        "error.html",
        {"title": title, "message": message},
        status=404 if isinstance(exception, store.Missing) else 503,
    )
    if isinstance(exception, store.Unavailable | store.NotKept):
        response["Retry-After"] = "120"
    return response


def _unreadable_row(request: HttpRequest, exception: Misshapen) -> HttpResponse:
    """Which column, never what it holds: `export_notices` and tools/verify.py name the occasion."""
    logger.critical(
        "%s cannot be shown: %s holds something else than what was written there.",
        request.resolver_match and request.resolver_match.view_name, exception,
    )  # fmt: skip
    context = {
        "title": _("Ces données ne se lisent pas"),
        "message": _(
            "Une ligne de la base de données n’a plus la forme dans laquelle elle a été écrite. Cette page ne peut pas "
            "être montrée. L’équipe de la plateforme en est avertie."
        ),
    }
    return render(request, "error.html", context, status=500)
