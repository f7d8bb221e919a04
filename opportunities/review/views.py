"""Two persons see every notice before the public does: sending, taking back, returning, publishing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from marketplace import acts
from marketplace.acts import ConfirmForm, Page, act_page, attempt
from marketplace.dates import clock
from marketplace.dates.calendar import business_days_between
from marketplace.dates.localtime import local
from marketplace.keep import data_of
from marketplace.lifecycle import gate
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from opportunities.access import of_my_body
from opportunities.drafts.forms import JustifyForm
from opportunities.drafts.problems import problems_of
from opportunities.models import Opportunity
from opportunities.review import actions


def preview(opportunity: Opportunity, at: datetime) -> dict[str, Any]:
    """Context of opportunities/_preview.html: the notice as the public will read it."""
    days = None
    if opportunity.closes_at is not None:
        today, closing = local(at).date(), local(opportunity.closes_at).date()
        days = {"calendar": (closing - today).days, "business": business_days_between(today, closing)}
    return {"opportunity": opportunity, "days": days, "now": at}


@act_page
def submit_for_review(request: PersonRequest, number: str) -> HttpResponse:
    """The buyer checks the whole notice, then sends it to the officers of the body."""
    at = clock.now()
    opportunity = of_my_body(request, number, at=at)
    form = ConfirmForm(data_of(request))
    if attempt(request, form, lambda: actions.submit_for_review(opportunity, by=request.user)):
        messages.success(request, _("L’occasion %s est envoyée en révision. Les responsables en sont avisés.") % number)
        return redirect(opportunity)
    gate(opportunity, "submit_for_review", request.user)
    context = preview(opportunity, at) | {"problems": problems_of(opportunity, at)}
    return acts.show(request, "opportunities/submit_for_review.html", context)


@act_page
def take_back(request: PersonRequest, number: str) -> HttpResponse:
    """A buyer takes the notice back from the review, to write it again or to delete it."""
    opportunity = of_my_body(request, number, at=clock.now())
    form = ConfirmForm(data_of(request))
    if attempt(request, form, lambda: actions.take_back(opportunity, by=request.user)):
        messages.success(
            request, _("L’occasion %s est de nouveau un brouillon. Les responsables en sont avisés.") % number
        )
        return redirect(opportunity)
    gate(opportunity, "take_back", request.user)
    page = Page(
        title=_("Reprendre le brouillon"),
        lead=_(
            "L’occasion n’attendra plus la révision : elle redevient un brouillon, que vous pouvez modifier, envoyer "
            "de nouveau ou supprimer. Les responsables qui pouvaient la réviser en sont avisés."
        ),
        submit=_("Reprendre le brouillon"),
    )
    context = {"page": page, "form": form, "opportunity": opportunity, "back": opportunity.get_absolute_url()}
    return acts.show(request, "opportunities/take_back.html", context)


@act_page
def return_to_author(request: PersonRequest, number: str) -> HttpResponse:
    """An officer sends the notice back with what to change."""
    opportunity = of_my_body(request, number, at=clock.now())
    form = ReasonForm(data_of(request))

    def verb() -> None:
        actions.return_to_author(opportunity, by=request.user, reason=form.cleaned_data.get("reason", ""))

    if attempt(request, form, verb, may=opportunity.can("return_to_author", request.user)):
        messages.success(request, _("L’occasion %s est retournée à l’autrice ou à l’auteur, avec le motif.") % number)
        return redirect(opportunity)
    gate(opportunity, "return_to_author", request.user)
    return acts.show(request, "opportunities/return_to_author.html", {"opportunity": opportunity, "form": form})


@act_page
def publish(
    request: PersonRequest, number: str, warnings: Callable[..., list[dict[str, Any]]] | None = None
) -> HttpResponse:
    """An officer who neither wrote nor sent the notice reads all of it, then publishes.

    `warnings(opportunity, at=)`: [{title, text, normal, must}], what would be asked of the notice once it is public;
    with one that `must` be justified, the justification is required, and kept in the ledger.
    """
    at = clock.now()
    opportunity = of_my_body(request, number, at=at)
    may = opportunity.can("publish", request.user)
    asked = warnings(opportunity, at=at) if warnings and may else []
    justify = any(warning["must"] for warning in asked)
    form = (JustifyForm if justify else ConfirmForm)(data_of(request))
    if attempt(request, form, lambda: actions.publish(opportunity, by=request.user, **form.cleaned_data)):
        messages.success(request, _("L’occasion %s est publiée : les prestataires peuvent proposer.") % number)
        return redirect(opportunity)
    gate(opportunity, "publish", request.user)
    context = preview(opportunity, at) | {
        "problems": problems_of(opportunity, at), "warnings": asked, "form": form if justify else None,
    }  # fmt: skip
    return acts.show(request, "opportunities/publish.html", context)
