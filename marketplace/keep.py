"""What was typed comes back: a long form posted after the session ended is kept, encrypted, through the sign-in.

A view marked `@keeps_typed` is refused to a visitor as any other; what was posted goes into the visitor's session,
encrypted with a key that is not in the database, and is given back once, on the same address, by `typed_before`.
"""

import base64
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import resolve, reverse
from django.urls.exceptions import Resolver404
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

from marketplace import boxes
from marketplace.files import shelf
from marketplace.requests import caller_address
from marketplace.twice import once

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

_SESSION = "typed"
SESSION_ENDED, FACTOR, FILE_TAKEN_OFF = "session", "factor", "file"  # why it is kept
_PER_HOUR = 60  # for one caller's address: an office, not a flood
_MOST = 300_000  # characters, url-encoded: two texts of 10 000 accented characters and room to spare


def keeps_typed(view: View) -> View:
    """Mark a view whose POST must survive the end of a session."""
    view.keeps_typed = True  # type: ignore[attr-defined]  # a mark that functions carry
    return view


def keep(request: HttpRequest, *, why: str = SESSION_ENDED) -> bool:
    """Keep this POST if its view asks for it; True when kept.

    why: SESSION_ENDED, or FACTOR when a second factor must be set up first (marketplace/accounts/middleware.py).
    """
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return False
    if request.method != "POST" or not getattr(view, "keeps_typed", False):
        return False
    if why != FILE_TAKEN_OFF and not _ours(request):
        return False
    files, lost = shelf.put_all(request)
    typed = request.POST.copy()
    for name in ("csrfmiddlewaretoken", "oublier"):  # marketplace/acts.py, FORGET
        typed.pop(name, None)
    if typed.pop("password", None) is not None:  # a second look (marketplace/accounts/reauthentication.py): never kept
        typed.pop("code", None)
    for name in [name for name in typed if name.startswith("confirm-")]:  # the same, asked in the middle of a POST
        del typed[name]
    text = typed.urlencode()
    if len(text) > _MOST or not (set(typed) - {once.FIELD} or files):  # a form with one button holds nothing to keep
        return False
    box = boxes.seal(text.encode(), about=f"typed:{request.path}")
    shelf.remember(request)
    request.session[_SESSION] = {"path": request.path, "box": base64.b64encode(box).decode(), "why": why}
    if lost:  # no name: messages are stored in the clear
        messages.warning(request, _("Un fichier n’a pas pu être gardé : il faudra le choisir de nouveau."))
    if why == FACTOR:
        messages.info(request, _("Votre texte est gardé : vous le retrouverez ensuite."))
    elif why == FILE_TAKEN_OFF:
        pass  # said on the page that comes back
    elif files and not request.user.is_authenticated:
        messages.info(
            request,
            _("Votre session a pris fin. Votre texte et vos fichiers sont gardés : connectez-vous pour les retrouver."),
        )
    elif not request.user.is_authenticated:  # read on the sign-in page, where one fears to have lost everything
        messages.info(request, _("Votre session a pris fin. Votre texte est gardé : connectez-vous pour le retrouver."))
    return True


def _ours(request: HttpRequest) -> bool:
    """Typed on our own page, by a browser that had it open, not too often: no other site plants text here."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if (origin and origin != f"{request.scheme}://{request.get_host()}") or site != "same-origin":
        return False
    if not {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME} & set(request.COOKIES):
        return False
    key = f"keep:{caller_address(request)}"
    cache.add(key, 0, 3600)
    try:
        return cache.incr(key) <= _PER_HOUR
    except ValueError:  # the hour ended between the two, or the cache came back: a new count
        cache.set(key, 1, 3600)
        return True


def typed_before(request: HttpRequest) -> QueryDict | None:
    """What was typed on this address before the session ended, or in a form that has served, once; None otherwise."""
    again: QueryDict | None = vars(request).pop("typed_again", None)  # marketplace/twice/once.py
    if again is not None:
        return again
    typed = request.session.get(_SESSION)
    if request.method != "GET" or not typed or typed["path"] != request.path:
        return None
    del request.session[_SESSION]
    text = boxes.open(base64.b64decode(typed["box"]), about=f"typed:{request.path}")
    if typed.get("why") == FACTOR:
        messages.info(request, _("Voici ce que vous aviez écrit; rien n’est encore enregistré."))
    elif typed.get("why") == FILE_TAKEN_OFF:
        messages.info(request, _("Le fichier est retiré. Voici ce que vous aviez écrit; rien n’est encore enregistré."))
    else:
        messages.info(
            request, _("Votre session avait pris fin. Voici ce que vous aviez écrit; rien n’est encore enregistré.")
        )
    kept = QueryDict(text.decode())
    vars(request)["kept_number"] = once.number_of(kept)  # the same form: if it had served, it has
    return kept


@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form older than the session: give its text back instead of losing it; otherwise explain."""
    if keep(request):
        if request.user.is_authenticated:
            return redirect(request.path)
        return redirect(f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': request.path})}")
    context = {
        "title": _("Cette page était ouverte depuis trop longtemps"),
        "message": _("Rechargez-la, puis recommencez. Rien n’a été enregistré."),
    }
    return render(request, "error.html", context, status=403)


def sentences_of(request: HttpRequest) -> list[str]:
    """What was written in a POST, for the page that refuses it: what holds several words, and no password.

    Nothing when the body was not read: a page that refuses must not fail on it.
    """
    if request.method != "POST" or not hasattr(request, "_post"):
        return []
    written = [value for name, values in request.POST.lists() if "password" not in name for value in values]
    return [value for value in written if len(value.split()) > 1]


def data_of(request: HttpRequest) -> QueryDict | None:
    """What was posted, or typed before the session ended; None for a new form."""
    return request.POST if request.method == "POST" else typed_before(request)


class Quiet(forms.BaseForm):
    """A form that can show what was typed without judging it: kept through a sign-in, or redrawn with one more row."""

    quiet = False

    @property
    def errors(self) -> ErrorDict:
        return ErrorDict() if self.quiet else super().errors
