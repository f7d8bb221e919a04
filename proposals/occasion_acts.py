"""An act of the body on its occasion: a page that says what will happen (GET), then the verb (POST).

A stranger gets 404; somebody of the body who may not gets 403; an act that is no longer possible gets 409.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace import acts, lifecycle
from marketplace.acts import Page, attempt
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.models import User
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from opportunities.models import Opportunity
from proposals.access import occasion_for_staff
from proposals.models import Opening


def decide(
    request: PersonRequest,
    number: str,
    page: Page,
    *,
    move: str,
    form_of: Callable[[Any, Opportunity], forms.Form],
    verb: Callable[..., None],
    message: str,
    then: Callable[[Opportunity], str] = Opportunity.get_absolute_url,
) -> HttpResponse:
    """The view of one move: `form_of(data, opportunity)` gives its form, whose cleaned fields are the verb's arguments.

    message: what is said once it is done; then: where to go.
    """
    opportunity = occasion_for_staff(request, number, at=clock.now())
    form = form_of(data_of(request), opportunity)
    if attempt(request, form, lambda: verb(opportunity, by=request.user, **form.cleaned_data)):
        messages.success(request, message)
        return redirect(then(opportunity))
    gate(opportunity, move, request.user)
    return show(request, opportunity, page, form)


def reason_form(help_text: str) -> Callable[[Any, Opportunity], ReasonForm]:
    """The form of an act that only needs a reason; `help_text` says who will read it."""
    return lambda data, opportunity: ReasonForm(data, help_text=help_text)


def gate(opportunity: Opportunity, move: str, user: User) -> None:
    """`lifecycle.gate`, in words of its own for whoever would decide alone."""
    if move in {"confirm_award", "reject_recommendation"} and opportunity.recommended_by_id == user.pk:
        raise PermissionDenied(_("Vous avez fait cette recommandation : une autre personne doit en décider."))
    lifecycle.gate(opportunity, move, user)


def show(
    request: PersonRequest,
    opportunity: Opportunity,
    page: Page,
    form: forms.Form,
    *,
    template: str = "proposals/decision.html",
    **context: Any,
) -> HttpResponse:
    """The page itself; `back` leads to the evaluation once there is one."""
    opened = Opening.objects.filter(opportunity=opportunity).exists()
    back = evaluation_of(opportunity) if opened else opportunity.get_absolute_url()
    shown = {"opportunity": opportunity, "page": page, "form": form, "back": back}
    return acts.show(request, template, shown | context)


def evaluation_of(opportunity: Opportunity) -> str:
    """The address of its evaluation."""
    return reverse("proposals:evaluation", args=[opportunity.number])
