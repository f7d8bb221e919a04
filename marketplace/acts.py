"""The page of an act: GET says what will happen, POST calls the verb; what it refuses comes back with what was typed.

Every view of an act reads the same: look up, `form = SomeForm(data_of(request))`, `if attempt(request, form, verb)`:
tell and leave; then say who may (`lifecycle.gate`), and `show`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from marketplace import keep
from marketplace.files import shelf
from marketplace.files.store import NotKept
from marketplace.keep import keeps_typed
from marketplace.texts import PlainTexts, Words
from marketplace.twice import unique
from marketplace.twice.once import once

View = Callable[..., HttpResponseBase]
FORGET = "oublier"  # the name of the button that takes a kept file off


@dataclass(frozen=True)
class Page:
    """The words of templates/components/act.html. `tone`: of the notice that holds `lead`, what will happen."""

    title: Words
    lead: Words
    submit: Words
    tone: str = "info"
    danger: bool = False


@dataclass(frozen=True)
class Done:
    """The verb was called; `result` is what it answered."""

    result: Any


def act_page(view: View) -> View:
    """Decorates the view of an act: done once, never cached, and what was typed outlives a session that ended."""
    return _page(once(view))


def draft_page(view: View) -> View:
    """The same, for what is saved as often as one likes: only the very same words, sent twice, are a second click."""
    return _page(once(view, again=True))


def asking_page(view: View) -> View:
    """The same as `act_page`, for a view that commits before it asks another service."""
    return _page(once(view, asks_others=True))


def _page(view: View) -> View:
    return never_cache(keeps_typed(require_http_methods(["GET", "HEAD", "POST"])(_forgets(view))))


def _forgets(view: View) -> View:
    """The button that takes a kept file off, in any form: what was typed comes back, and nothing is done."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        asked = request.POST.get(FORGET) if request.method == "POST" else None
        if asked is None:
            return view(request, *args, **kwargs)
        shelf.forget(request, asked)
        keep.keep(request, why=keep.FILE_TAKEN_OFF)
        return redirect(request.get_full_path())

    return wrapped


def confirmed_act_page(view: View) -> View:
    """The same, for an act that asks again who is there: its answers stay out of error reports."""
    return sensitive_post_parameters("password", "code")(act_page(view))


class ConfirmForm(PlainTexts, forms.Form):
    """Nothing to type: one button, and a place for what the verb refuses."""


def attempt(
    request: HttpRequest,
    form: forms.BaseForm,
    verb: Callable[[], Any],
    *,
    may: bool = True,
    fields: Mapping[str, str | None] | None = None,
) -> Done | None:
    """Call the verb of a posted, valid form; None when nothing was done.

    What the verb refuses (ValidationError), or what another made first that may exist only once, is put at the field
    that it names (`fields`: as in `show_at`).
    PermissionDenied and IllegalMove rise.
    may: False when the verb is known to refuse this person, or this state. It is then called whatever was typed
    (`cleaned_data` holds what is valid): a refusal must not look like a form to correct, and leaves its trace.
    """
    if request.method != "POST":
        return None
    files = form.files if isinstance(form.files, shelf.Chosen) else None
    if form.is_valid() or not may:
        try:
            with unique.told():
                done = Done(verb())
        except ValidationError as error:
            show_refusal(request, form, error, fields)
        else:
            if files is not None:
                files.done()
            return done
    if files is not None:  # a file chosen beside a wrong field is kept for the next try
        files.keep(form)
    return None


def show_refusal(
    request: HttpRequest,
    form: forms.BaseForm,
    error: ValidationError,
    fields: Mapping[str, str | None] | None = None,
) -> None:
    """`show_at`; when the storage is in trouble the page then answers 503, not 422 (marketplace/middleware.py)."""
    if isinstance(error, NotKept):
        vars(request)["not_kept"] = True
    show_at(form, error, fields)


def show_at(form: forms.BaseForm, error: ValidationError, fields: Mapping[str, str | None] | None = None) -> None:
    """Put what a verb refused at the field that it names, or in the summary when the form has no such field.

    `fields`: the form's name for what the verb names otherwise.
    """
    refused = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
    for name, errors in refused.items():
        field = (fields or {}).get(name, name)
        form.add_error(field if field in form.fields else None, errors)


def show(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """The page of the act: 422 when what was posted was not done, as everywhere on the site."""
    return render(request, template, dict(context), status=422 if request.method == "POST" else 200)
