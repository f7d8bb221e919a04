"""A form does its act once: the second click, « Back, send », two tabs and two processes are led to the first's result.

Each form carries a hidden number, one a rendering: `{% csrf_token %}` writes it (marketplace/templatetags/forms.py). It
comes back with a refused page and through a sign-in (marketplace/keep.py), and through the browser's history, which
asks for the page again (static/site.js). The view of an act is marked `@once`, `act_page` does it: its whole POST is
one transaction, which holds the number. Whoever comes second waits for it, and is redirected where the first was.

A form that was refused did nothing, and may be sent again. A form that did its act and comes with other words comes
back, to be sent as another act or not at all. Without a number (nobody's browser), a POST acts as it always did.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from marketplace.dates import clock
from marketplace.files import store
from marketplace.lifecycle import IllegalMove
from marketplace.twice.sent import SentForm

View = Callable[..., HttpResponseBase]

FIELD = "key"
# What a view refuses: its verb took back what it had done; what was written beside (a code that is spent) stays.
_REFUSALS = (PermissionDenied, IllegalMove, Http404, store.NotKept, store.Unreadable)
_SPACE = 0x0E3  # first of the two numbers of an advisory lock: a space apart from the opening's
_LONGEST = 500  # characters of an address


# --- The form's number ------------------------------------------------------------------------------------------------
def number_of(posted: QueryDict) -> UUID | None:
    """The number of the form that was posted; None when it has none, or not one of ours."""
    try:
        return UUID(posted.get(FIELD) or "")
    except ValueError:
        return None


def number_for(request: HttpRequest | None) -> UUID:
    """The number of a form that is being drawn: its own when it comes back, a new one otherwise."""
    if request is None:
        return uuid4()
    kept = getattr(request, "kept_number", None)  # through a sign-in (marketplace/keep.py)
    return kept or (number_of(request.POST) if request.method == "POST" else None) or uuid4()


# --- Once -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Sending:
    """One POST of a numbered form, as SentForm names it."""

    key: str
    content: str


def once(view: View, *, again: bool = False, asks_others: bool = False) -> View:
    """Mark the view of an act.

    again: a page that one saves as often as one likes: only the very same words are a second click.
    asks_others: the view commits before it asks another service, which must not wait in a transaction, and can be
    asked again: the number is written after the act, the second click waits for the first by a lock.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # A part of a page, saved as one types, is no form that is sent.
        number = None if request.headers.get("HX-Request") else number_of(request.POST)
        if request.method != "POST" or number is None:
            return view(request, *args, **kwargs)
        sending = _sending(request, number, again=again)

        def act() -> HttpResponseBase:
            return view(request, *args, **kwargs)

        with _alone(sending.key) if asks_others else nullcontext():
            answer = _first(sending, act, asks_others=asks_others)
        if isinstance(answer, SentForm):
            same = answer.content == sending.content
            return _led(request, answer) if same else _again(request, answer, view, args, kwargs)
        return answer

    wrapped.once = True  # type: ignore[attr-defined]  # a mark that functions carry
    return wrapped


def undone(response: HttpResponseRedirect) -> HttpResponseRedirect:
    """A redirection of a view that did nothing: its form may be sent again."""
    response.undone = True  # type: ignore[attr-defined]  # read by `_result`
    return response


def _first(sending: _Sending, act: Callable[[], HttpResponseBase], *, asks_others: bool) -> HttpResponseBase | SentForm:
    """The act's answer; or what the same form had done."""
    refusal: Exception | None = None
    response: HttpResponseBase | None = None
    whole: AbstractContextManager[Any] = nullcontext() if asks_others else transaction.atomic()
    with whole:
        if asks_others:
            if row := SentForm.objects.filter(key=sending.key).first():
                return row
            response = act()
        else:
            # Whoever comes second waits here for the first: nothing else is locked yet.
            defaults = {"content": sending.content, "at": clock.now()}
            row, mine = SentForm.objects.get_or_create(key=sending.key, defaults=defaults)
            if not mine:
                return row
            try:
                response = act()
            except _REFUSALS as error:
                refusal = error
        address = _result(response)
        if asks_others and address:
            SentForm.objects.create(key=sending.key, content=sending.content, at=clock.now(), address=address)
        elif not asks_others and address:
            SentForm.objects.filter(key=sending.key).update(address=address)
        elif not asks_others:
            SentForm.objects.filter(key=sending.key).delete()
    if refusal is not None:
        raise refusal
    assert response is not None
    return response


def _result(response: HttpResponseBase | None) -> str:
    """Where the act led, on this site; "" when nothing was done, or it led elsewhere."""
    if not isinstance(response, HttpResponseRedirect) or getattr(response, "undone", False):
        return ""
    return response.url if response.url.startswith("/") and len(response.url) <= _LONGEST else ""


def _sending(request: HttpRequest, number: UUID, *, again: bool) -> _Sending:
    who = str(request.user.pk) if request.user.is_authenticated else "visitor"
    content = _content(request)
    own = f"{who}\n{request.path}\n{number}" + (f"\n{content}" if again else "")
    return _Sending(key=_secret("key", own), content=content)


def _content(request: HttpRequest) -> str:
    """The digest of what was posted, files included. Neither a password nor a code of the moment is part of it."""
    skipped = {"csrfmiddlewaretoken", FIELD}
    if "password" in request.POST:  # who is there, asked again (marketplace/accounts/reauthentication.py)
        skipped |= {"password", "code"}
    rows: list[str] = []
    for name, values in sorted(request.POST.lists()):
        if name not in skipped and not name.startswith("confirm-"):
            rows += [f"{name}={value}" for value in values]
    for name, uploads in sorted(request.FILES.lists()):
        for upload in uploads:
            digest = hashlib.sha256()
            for chunk in upload.chunks():
                digest.update(chunk)
            upload.seek(0)
            rows.append(f"{name}={upload.name}:{digest.hexdigest()}")
    return _secret("content", "\n".join(f"{len(row)}:{row}" for row in rows))


def _secret(what: str, text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return salted_hmac(f"marketplace.twice.{what}", data, algorithm="sha256").hexdigest()


# --- Coming second ----------------------------------------------------------------------------------------------------
def _led(request: HttpRequest, row: SentForm) -> HttpResponse:
    messages.info(request, _("C’était déjà fait : voici ce que votre premier envoi a donné."))
    return HttpResponseRedirect(row.address)


def _again(
    request: HttpRequest, row: SentForm, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> HttpResponseBase:
    """The form, with what was typed and a new number; where it is not offered any more, a page that gives it back."""
    request.method = "GET"
    request.typed_again = request.POST  # type: ignore[attr-defined]  # read by marketplace/keep.py
    messages.warning(
        request,
        _(
            "Ce formulaire a déjà servi : ce qu’il demandait est fait. Ce que vous y avez changé depuis n’est pas "
            "enregistré."
        ),
    )
    try:
        response = view(request, *args, **kwargs)
    except _REFUSALS:
        response = None
    if response is not None and response.status_code in {200, 422}:
        response.status_code = 422
        return response
    request.method = "POST"
    context = {
        "title": _("Ce formulaire a déjà servi"),
        "message": _("Rien n’a été fait une seconde fois. Pour un autre geste, repartez de la page où il se fait."),
        "action_url": row.address or reverse("dashboard"),
        "action_label": _("Voir ce qui a été fait"),
    }
    return render(request, "error.html", context, status=409)


# --- Alone ------------------------------------------------------------------------------------------------------------
@contextmanager
def _alone(key: str) -> Iterator[None]:
    """One sending of a form at a time, outside any transaction; whoever comes second waits."""
    if connection.vendor == "postgresql":
        lock = [_SPACE, int(key[:8], 16) - 2**31]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", lock)
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", lock)
        return
    file = os.open(f"{connection.settings_dict['NAME']}-sending", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
