"""« Courriels » of the pilot: what has not left the outbox, and why; neither what a message says, nor to whom, whole.

Neither what is kept on purpose, nor what is told only to the author of an unopened proposal (outbox.to_tell).
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from marketplace.acts import ConfirmForm, Page, act_page, attempt, show
from marketplace.administration import administrators_only
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.lists import FilterForm, page
from marketplace.mail import actions, outbox
from marketplace.mail.delivery import State
from marketplace.models import OutgoingEmail
from marketplace.requests import PersonRequest

PAGE = 50
TONES = {State.WAITING: "neutral", State.SENDING: "info", State.GIVEN_UP: "bad"}


class StateFilter(FilterForm):
    """`etat`: one of those of what has not left."""

    etat = forms.ChoiceField(
        required=False, choices=[(state.value, state.label) for state in State if state != State.SENT]
    )


def masked(address: str) -> str:
    """« l•••@exemple.org »: enough to know whose server refuses, not whose message it is."""
    local, _at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


@administrators_only
@require_safe
def outgoing(request: PersonRequest) -> HttpResponse:
    """`/pilotage/courriels/`"""
    at = clock.now()
    form = StateFilter(request.GET)
    has_text = ExpressionWrapper(~Q(body=""), output_field=BooleanField())
    rows = outbox.to_tell().defer("body", "subject").annotate(has_text=has_text)
    if form.asked["etat"]:
        rows = rows.filter(state=form.asked["etat"])
    shown = page(request, rows, order=["-waits_since", "-public_id"], size=PAGE, pairs=form.pairs)
    context = {
        "rows": [(row, masked(row.address), TONES[State(row.state)]) for row in shown.rows],
        "figures": outbox.figures(at=at),
        "form": form,
        "older": shown.older,
        "first": shown.first,
        "now": at,
    }
    return render(request, "mail/outgoing.html", context)


RESEND = Page(
    title=gettext_lazy("Renvoyer ce courriel"),
    lead=gettext_lazy(
        "Il part dans la minute. S’il ne peut pas partir, il est essayé de nouveau pendant 72 heures, sauf si le "
        "serveur de courriel le refuse pour de bon."
    ),
    submit=gettext_lazy("Renvoyer"),
)
RESEND_ALL = Page(
    title=gettext_lazy("Renvoyer les courriels abandonnés"),
    lead=gettext_lazy(
        "Corrigez d’abord ce qui les a fait refuser. Tous ceux qui peuvent partir seront envoyés dans la minute, y "
        "compris ceux que cette page ne montre pas."
    ),
    submit=gettext_lazy("Tout renvoyer"),
)


@administrators_only
@act_page
def resend(request: PersonRequest, public_id: Any) -> HttpResponse:
    """One message, which waits or was given up; 404 for any other."""
    email = get_object_or_404(actions.can_leave(outbox.to_tell()), public_id=public_id)
    form = ConfirmForm(data_of(request))
    rows = OutgoingEmail.objects.filter(pk=email.pk)
    if attempt(request, form, lambda: actions.resend(rows, by=request.user, at=clock.now())):
        messages.success(request, _("Ce courriel part dans la minute."))
        return redirect("outgoing")
    back = reverse("outgoing")
    context = {"page": RESEND, "form": form, "back": back, "email": email, "address": masked(email.address)}
    return show(request, "mail/resend.html", context)


@administrators_only
@act_page
def resend_all(request: PersonRequest) -> HttpResponse:
    """Everything that was given up."""
    form = ConfirmForm(data_of(request))
    done = attempt(request, form, lambda: actions.resend(actions.given_up(), by=request.user, at=clock.now()))
    if done:
        messages.success(request, _("Les courriels abandonnés qui peuvent partir partent dans la minute."))
        return redirect("outgoing")
    return show(request, "mail/resend.html", {"page": RESEND_ALL, "form": form, "back": reverse("outgoing")})


urlpatterns = [
    path("pilotage/courriels/", outgoing, name="outgoing"),
    path("pilotage/courriels/renvoyer/", resend_all, name="resend_all"),
    path("pilotage/courriels/<uuid:public_id>/renvoyer/", resend, name="resend"),
]
