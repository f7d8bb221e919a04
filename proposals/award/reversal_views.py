"""Undoing a confirmed award takes two people: one asks, with a public reason, and may take it back; one confirms."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.acts import show_at
from marketplace.dates import clock
from marketplace.keep import data_of, keeps_typed
from marketplace.lifecycle import IllegalMove
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from proposals.award import actions
from proposals.award.views import Page, evaluation_of, show
from proposals.evaluation.forms import ConfirmForm, ReasonForm
from proposals.evaluation.views import occasion_for_staff


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def reverse(request: HttpRequest, number: str) -> HttpResponse:
    """First an officer asks, with a public reason; then another officer, or an auditor, confirms."""
    opportunity = occasion_for_staff(request, number, at=clock.now())
    user = request.user
    asked = opportunity.reversal_requested_by_id is not None
    if request.method == "POST":
        confirming = request.POST.get("step") == "confirm"
        if not confirming and asked:
            raise IllegalMove(_("L’annulation est déjà demandée."))
    else:
        confirming = asked
    form = ConfirmForm(data_of(request)) if confirming else ReasonForm(data_of(request), help_text=_("Il sera public."))
    if request.method == "POST" and form.is_valid():
        try:
            if confirming:
                actions.reverse(opportunity, by=user)
                done = _(
                    "Attribution annulée. Toutes les propositions reviennent à l’examen; tout le monde est prévenu."
                )
            else:
                actions.request_reversal(opportunity, by=user, reason=form.cleaned_data["reason"])
                done = _("Annulation demandée : une autre personne doit la confirmer.")
        except ValidationError as error:
            show_at(form, error)
            opportunity = occasion_for_staff(request, number, at=clock.now())
        else:
            messages.success(request, done)
            return redirect(evaluation_of(opportunity))
    return _reversal_page(request, opportunity, form, confirming)


@never_cache
@require_POST
def withdraw(request: HttpRequest, number: str) -> HttpResponse:
    """Whoever asked for the reversal takes the request back: the award stands."""
    opportunity = occasion_for_staff(request, number, at=clock.now())
    actions.withdraw_reversal(opportunity, by=request.user)
    messages.success(request, _("Votre demande d’annulation est retirée : l’attribution tient."))
    return redirect(evaluation_of(opportunity))


def _reversal_page(request: HttpRequest, opportunity: Opportunity, form, confirming: bool) -> HttpResponse:
    user = request.user
    if not (occasion_rules.is_officer(opportunity, user) or user.is_auditor):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if opportunity.state != "awarded":
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
    if not confirming and not occasion_rules.can_request_reversal(opportunity, user):
        raise PermissionDenied(_("Une ou un responsable doit d’abord demander l’annulation, avec un motif."))
    page = Page(
        title=_("Annuler l’attribution") if confirming else _("Demander l’annulation de l’attribution"),
        lead=_(
            "L’attribution tombe, toutes les propositions reviennent à l’examen; les deux versions restent publiques."
        ),
        submit=_("Confirmer l’annulation") if confirming else _("Demander l’annulation"),
        done="",
        tone="bad",
        danger=True,
    )
    standing = opportunity.awards.standing().select_related("proposal__vendor").first()
    return show(
        request,
        opportunity,
        page,
        form,
        standing=standing,
        confirming=confirming,
        # Who asked cannot confirm: the page says so instead of showing a button.
        own_request=confirming and opportunity.reversal_requested_by_id == user.pk,
    )
