"""Undoing a confirmed award takes two people: one asks, with a public reason, and may take it back; one confirms."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from marketplace.acts import ConfirmForm, Page, act_page, attempt
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.lifecycle import IllegalMove
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from marketplace.twice.once import once
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from proposals import occasion_acts
from proposals.access import occasion_for_staff
from proposals.award import actions
from proposals.occasion_acts import evaluation_of


@act_page
def reverse(request: PersonRequest, number: str) -> HttpResponse:
    """First an officer asks, with a public reason; then another officer, or an auditor, confirms."""
    opportunity = occasion_for_staff(request, number, at=clock.now())
    asked = opportunity.reversal_requested_by_id is not None
    confirming = request.POST.get("step") == "confirm" if request.method == "POST" else asked
    if asked and not confirming:
        raise IllegalMove(_("L’annulation est déjà demandée."))
    return (_confirm if confirming else _ask)(request, opportunity)


def _ask(request: PersonRequest, opportunity: Opportunity) -> HttpResponse:
    form = ReasonForm(data_of(request), help_text=_("Il sera public."))
    if attempt(request, form, lambda: actions.request_reversal(opportunity, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Annulation demandée : une autre personne doit la confirmer."))
        return redirect(evaluation_of(opportunity))
    _gate(opportunity, request)
    if not occasion_rules.can_request_reversal(opportunity, request.user):
        raise PermissionDenied(_("Une ou un responsable doit d’abord demander l’annulation, avec un motif."))
    title, submit = _("Demander l’annulation de l’attribution"), _("Demander l’annulation")
    return _show(request, opportunity, title, submit, form, confirming=False)


def _confirm(request: PersonRequest, opportunity: Opportunity) -> HttpResponse:
    form = ConfirmForm(data_of(request))
    if attempt(request, form, lambda: actions.reverse(opportunity, by=request.user)):
        message = _(
            "Attribution annulée. L’évaluation reprend, avec les mêmes rangs; les prestataires et votre organisme sont "
            "prévenus."
        )
        messages.success(request, message)
        return redirect(evaluation_of(opportunity))
    _gate(opportunity, request)
    # Who asked cannot confirm: the page says so instead of showing a button.
    own = opportunity.reversal_requested_by_id == request.user.pk
    title, submit = _("Annuler l’attribution"), _("Confirmer l’annulation")
    return _show(request, opportunity, title, submit, form, confirming=True, own_request=own)


def _gate(opportunity: Opportunity, request: PersonRequest) -> None:
    if not (occasion_rules.is_officer(opportunity, request.user) or request.user.is_auditor):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if opportunity.state != "awarded":
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))


def _show(request: PersonRequest, opportunity: Opportunity, title: str, submit: str, form, **context) -> HttpResponse:
    lead = _("L’attribution tombe et l’évaluation reprend, avec les mêmes rangs; les deux versions restent publiques.")
    page = Page(title=title, lead=lead, submit=submit, tone="bad", danger=True)
    standing = opportunity.awards.standing().select_related("proposal__vendor").first()
    return occasion_acts.show(request, opportunity, page, form, standing=standing, **context)


@never_cache
@require_POST
@once
def withdraw(request: PersonRequest, number: str) -> HttpResponse:
    """Whoever asked for the reversal takes the request back: the award stands."""
    opportunity = occasion_for_staff(request, number, at=clock.now())
    actions.withdraw_reversal(opportunity, by=request.user)
    messages.success(request, _("Votre demande d’annulation est retirée : l’attribution tient."))
    return redirect(evaluation_of(opportunity))
