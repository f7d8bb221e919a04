"""Acts on a published notice that those who answer it are told of: suspending, resuming, cancelling, an addendum."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from marketplace import acts
from marketplace.acts import Page, act_page, attempt
from marketplace.dates import clock
from marketplace.dates.localtime import deadline
from marketplace.keep import data_of
from marketplace.lifecycle import IllegalMove
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from opportunities import conditions
from opportunities import rules as occasion_rules
from opportunities.addenda.forms import AddendumForm
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.notice import actions
from proposals.notice.forms import ResumeForm
from proposals.occasion_acts import decide, reason_form


@act_page
def suspend(request: PersonRequest, number: str) -> HttpResponse:
    page = Page(
        title=_("Suspendre l’occasion"),
        lead=_(
            "Plus aucun dépôt ni retrait pendant la suspension. Les propositions déposées restent scellées et valides."
        ),
        submit=_("Suspendre"),
        tone="warn",
    )
    form_of = reason_form(_("Il sera public."))
    message = _("Occasion suspendue. Les prestataires concernés sont prévenus.")
    return decide(request, number, page, move="suspend", form_of=form_of, verb=award_actions.suspend, message=message)


@act_page
def resume(request: PersonRequest, number: str) -> HttpResponse:
    page = Page(
        title=_("Reprendre l’occasion"),
        lead=_(
            "Les dépôts reprennent jusqu’à la nouvelle date limite. Les propositions déjà déposées restent valides."
        ),
        submit=_("Reprendre"),
    )
    message = _("L’occasion est de nouveau ouverte. Les prestataires concernés sont prévenus.")
    return decide(
        request, number, page, move="resume", form_of=_resume_form, verb=award_actions.resume, message=message
    )


def _resume_form(data: Any, opportunity: Opportunity) -> ResumeForm:
    form = ResumeForm(data, initial={"closes_at": opportunity.closes_at})
    form.fields["closes_at"].help_text = _(
        "Un jour ouvrable, au moins %(days)d jours après la reprise, et pas avant la date annoncée (%(closing)s). "
        "L’attribution et le travail prévus avant cette date sont repoussés avec elle."
    ) % {"days": conditions.least_days_after_resumption(), "closing": deadline(opportunity.closing)}
    return form


@act_page
def cancel(request: PersonRequest, number: str) -> HttpResponse:
    page = Page(
        title=_("Annuler l’occasion"),
        lead=_("C’est définitif. Les propositions qui n’ont pas été ouvertes restent scellées pour toujours."),
        submit=_("Annuler l’occasion"),
        tone="bad",
        danger=True,
    )
    message = _("Occasion annulée. Les prestataires concernés sont prévenus.")
    return decide(
        request, number, page, move="cancel", form_of=_cancel_form, verb=award_actions.cancel, message=message
    )


def _cancel_form(data: Any, opportunity: Opportunity) -> ReasonForm:
    read = _("Il sera public.") if opportunity.is_public() else _("Votre organisme le lira : rien n’a été publié.")
    return ReasonForm(data, help_text=read)


@act_page
def add_addendum(request: PersonRequest, number: str) -> HttpResponse:
    """Add to a published notice, until it closes, suspended or not; what is added stays. Says what it moves."""
    at = clock.now()
    rows = Opportunity.objects.visible_to(request.user, at=at).select_related("body")
    opportunity = get_object_or_404(rows, number=number)
    if not occasion_rules.works_there(opportunity, request.user):
        raise Http404
    if not opportunity.takes_addenda(at=at):
        raise IllegalMove(_("Un addenda ne peut plus être ajouté."))
    form = AddendumForm(data_of(request))
    if done := attempt(request, form, lambda: actions.add_addendum(opportunity, by=request.user, **form.cleaned_data)):
        addendum = done.result
        message = _("L’addenda %d est publié. Les personnes qui préparent une réponse sont prévenues.")
        message %= addendum.number
        if addendum.moved_closing:
            message += " " + _("La nouvelle date limite est : %s.") % deadline(opportunity.closing)
        messages.success(request, message)
        return redirect(opportunity)
    context = {
        "opportunity": opportunity,
        "form": form,
        "next_number": opportunity.addenda.count() + 1,
        "moves_to": conditions.closing_after_addendum(opportunity, at),
    }
    return acts.show(request, "opportunities/add_addendum.html", context)
