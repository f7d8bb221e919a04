"""Any page of a due occasion asks for its opening: no background job is needed for it to be on time."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from marketplace.cache import Handler
from marketplace.middleware import page_above
from proposals.opening import actions
from proposals.opening.actions import Outcome


class OpenDueOccasions:
    """For views that take an occasion's `number`. One cheap query; the opening itself is idempotent.

    Whoever reads is never kept waiting by an opening that another process does: `outcome_of` tells the view. Whoever
    would act is refused (409) until it ends. One that is held back for now refuses nothing: it may take days.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if "number" not in view_kwargs:
            return None
        outcome = actions.ask(view_kwargs["number"])
        request.opening = outcome  # type: ignore[attr-defined]  # read by `outcome_of`
        if request.method in {"GET", "HEAD", "OPTIONS"} or outcome not in {Outcome.UNDER_WAY, Outcome.AWAITED}:
            return None
        opening = outcome is Outcome.UNDER_WAY
        context = {
            "title": _("L’ouverture est en cours") if opening else _("L’ouverture est attendue"),
            "message": _("La date limite est passée : les propositions de cette occasion s’ouvrent en ce moment.")
            if opening
            else _("La date limite est passée : les propositions de cette occasion vont s’ouvrir, toutes ensemble."),
            "next_step": _("Rien n’a changé. Réessayez dans un instant."),
            "back_url": page_above(request.path_info),
        }
        return render(request, "error.html", context, status=409)


def outcome_of(request: HttpRequest) -> Outcome:
    """What became of the opening that this request asked for."""
    return getattr(request, "opening", Outcome.NOTHING)
