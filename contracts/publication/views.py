"""Publications at the SEAO: what the body must publish and by when, the text to copy, the proof that it was done."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts import rules
from contracts.access import for_people_of_bodies
from contracts.models import Duty
from contracts.publication import actions
from contracts.publication.forms import PublishForm
from marketplace.acts import act_page, attempt, show
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of
from marketplace.lifecycle import IllegalMove
from marketplace.requests import PersonRequest

SOON_DAYS = 7
MOST_DONE = 50


def standing(duty: Duty, today: date) -> dict[str, str]:
    """{label, tone} of a publication: done, late, soon or later."""
    if duty.done_on:
        late = duty.done_on > duty.due_on
        return {"label": _("Publiée en retard") if late else _("Publiée"), "tone": "warn" if late else "ok"}
    left = (duty.due_on - today).days
    if left < 0:
        return {"label": _("En retard"), "tone": "bad"}
    return {"label": _("Bientôt"), "tone": "warn"} if left <= SOON_DAYS else {"label": _("À faire"), "tone": "neutral"}


@never_cache
@require_safe
def index(request: PersonRequest) -> HttpResponse:
    """Those of the person's bodies, or of every body for auditors: to publish, the first due first, then published."""
    at, user = clock.now(), request.user
    for_people_of_bodies(user)
    today = local(at).date()
    duties = Duty.objects.visible_to(user, at=at).for_list()

    def shown(rows: Iterable[Duty]) -> list[dict[str, Any]]:
        return [{"row": duty, "badge": standing(duty, today), "mine": rules.is_officer(duty, user)} for duty in rows]

    context = {
        "to_do": shown(duties.to_do()),
        "done": shown(duties.exclude(done_on=None).order_by("-done_on", "-pk")[:MOST_DONE]),
        "today": today,
    }
    return render(request, "contracts/duties.html", context)


@act_page
def publish(request: PersonRequest, duty_id: int) -> HttpResponse:
    """One publication: the text to copy into the SEAO's form, then when it was published and its proof."""
    at = clock.now()
    today = local(at).date()
    duty = get_object_or_404(Duty.objects.visible_to(request.user, at=at).for_list(), pk=duty_id)
    writes = rules.is_officer(duty, request.user)
    form = PublishForm(data_of(request), initial={"done_on": today})
    if request.method == "POST":
        if not writes:
            raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
        if duty.done_on:
            raise IllegalMove(_("Cette publication est déjà marquée comme faite."))
    if attempt(request, form, lambda: actions.publish(duty, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Publication notée, avec sa preuve."))
        return redirect("contracts:duties")
    context = {
        "duty": duty,
        "contract": duty.contract,
        "badge": standing(duty, today),
        "text": actions.text_of(duty),
        "amount": actions.amount_to_publish(duty),
        "form": form,
        "writes": writes and not duty.done_on,
        "days": abs((duty.due_on - today).days),
    }
    return show(request, "contracts/duty.html", context)


urlpatterns = [
    path("publications-seao/", index, name="duties"),
    path("publications-seao/<int:duty_id>/", publish, name="duty"),
]
