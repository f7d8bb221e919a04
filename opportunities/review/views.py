"""Two persons see every notice before the public does: sending, returning, publishing."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.dates import clock
from marketplace.dates.calendar import business_days_between
from marketplace.dates.localtime import local
from marketplace.lifecycle import gate
from opportunities.drafts.forms import JustifyForm, ReasonForm
from opportunities.drafts.views import missing, of_my_body
from opportunities.models import Opportunity
from opportunities.review import actions

_methods = require_http_methods(["GET", "HEAD", "POST"])


def _put(error: ValidationError, form) -> None:
    for field, problems in (error.error_dict if hasattr(error, "error_dict") else {None: error.error_list}).items():
        form.add_error(field if field in form.fields else None, problems)


def preview(opportunity: Opportunity, at) -> dict:
    """Context of opportunities/_preview.html: the notice as the public will read it."""
    days = None
    if opportunity.closes_at is not None:
        today, closing = local(at).date(), local(opportunity.closes_at).date()
        days = {"calendar": (closing - today).days, "business": business_days_between(today, closing)}
    return {"opportunity": opportunity, "days": days, "now": at}


@never_cache
@_methods
def submit_for_review(request: HttpRequest, number: str) -> HttpResponse:
    """The buyer checks the whole notice, then sends it to the officers of the body."""
    at = clock.now()
    opportunity = of_my_body(request, number, at=at)
    status = 200
    if request.method == "POST":
        try:
            actions.submit_for_review(opportunity, by=request.user)
        except ValidationError:
            status = 422
        else:
            messages.success(
                request, _("L’occasion %s est envoyée en révision. Les responsables en sont avisés.") % number
            )
            return redirect(opportunity)
    else:
        gate(opportunity, "submit_for_review", request.user)
    problems = missing(opportunity, at)
    context = preview(opportunity, at) | {"problems": problems}
    return render(request, "opportunities/submit_for_review.html", context, status=status)


@never_cache
@_methods
def return_to_author(request: HttpRequest, number: str) -> HttpResponse:
    """An officer sends the notice back with what to change."""
    at = clock.now()
    opportunity = of_my_body(request, number, at=at)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        # Who asks and the state come first: a refusal must not look like a form to correct.
        if not opportunity.can("return_to_author", request.user) or form.is_valid():
            try:
                actions.return_to_author(opportunity, by=request.user, reason=form.data.get("reason", ""))
            except ValidationError as error:
                _put(error, form)
            else:
                messages.success(
                    request, _("L’occasion %s est retournée à l’autrice ou à l’auteur, avec le motif.") % number
                )
                return redirect(opportunity)
    else:
        gate(opportunity, "return_to_author", request.user)
    context = {"opportunity": opportunity, "form": form}
    return render(request, "opportunities/return_to_author.html", context, status=422 if form.is_bound else 200)


@never_cache
@_methods
def publish(request: HttpRequest, number: str, warnings: Callable[..., list[dict]] | None = None) -> HttpResponse:
    """An officer who neither wrote nor sent the notice reads all of it, then publishes.

    `warnings(opportunity, at=)`: [{title, text, normal, must}], what would be asked of the notice once it is public;
    with one that `must` be justified, the justification is required, and kept in the ledger.
    """
    at = clock.now()
    opportunity = of_my_body(request, number, at=at)
    if request.method != "POST":
        gate(opportunity, "publish", request.user)
    asked = warnings(opportunity, at=at) if warnings and opportunity.can("publish", request.user) else []
    must = any(warning["must"] for warning in asked)
    form = JustifyForm(request.POST if request.method == "POST" else None) if must else None
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            reason = form.cleaned_data["justification"] if form else ""
            actions.publish(opportunity, by=request.user, justification=reason)
        except ValidationError:
            pass
        else:
            messages.success(request, _("L’occasion %s est publiée : les prestataires peuvent proposer.") % number)
            return redirect(opportunity)
    problems = missing(opportunity, at)
    context = preview(opportunity, at) | {"problems": problems, "warnings": asked, "form": form}
    status = 422 if request.method == "POST" else 200
    return render(request, "opportunities/publish.html", context, status=status)
