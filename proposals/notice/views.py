"""Acts on a published notice that those who answer it are told of: suspending, resuming, cancelling, an addendum."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.acts import show_at
from marketplace.dates import clock
from marketplace.dates.localtime import deadline
from marketplace.keep import data_of, keeps_typed
from marketplace.lifecycle import IllegalMove
from opportunities import conditions
from opportunities import rules as occasion_rules
from opportunities.addenda.forms import AddendumForm
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.award.views import Page, _decide, _reason_form
from proposals.evaluation.forms import ResumeForm
from proposals.notice import actions


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def suspend(request: HttpRequest, number: str) -> HttpResponse:
    page = Page(
        title=_("Suspendre l’occasion"),
        lead=_(
            "Plus aucun dépôt ni retrait pendant la suspension. Les propositions déposées restent scellées et valides."
        ),
        submit=_("Suspendre"),
        done=_("Occasion suspendue. Les prestataires concernés sont prévenus."),
        tone="warn",
    )
    make = _reason_form(_("Il sera public."))
    return _decide(request, number, "suspend", page, make, award_actions.suspend)


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def resume(request: HttpRequest, number: str) -> HttpResponse:
    page = Page(
        title=_("Reprendre l’occasion"),
        lead=_(
            "Les dépôts reprennent jusqu’à la nouvelle date limite. Les propositions déjà déposées restent valides."
        ),
        submit=_("Reprendre"),
        done=_("L’occasion est de nouveau ouverte. Les prestataires concernés sont prévenus."),
    )

    def make(data, opportunity):
        return ResumeForm(data, initial={"closes_at": opportunity.closes_at})

    return _decide(request, number, "resume", page, make, award_actions.resume)


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, number: str) -> HttpResponse:
    page = Page(
        title=_("Annuler l’occasion"),
        lead=_("C’est définitif. Les propositions qui n’ont pas été ouvertes restent scellées pour toujours."),
        submit=_("Annuler l’occasion"),
        done=_("Occasion annulée. Les prestataires concernés sont prévenus."),
        tone="bad",
        danger=True,
    )
    make = _reason_form(_("Il sera public si l’occasion a été publiée."))
    return _decide(request, number, "cancel", page, make, award_actions.cancel)


@never_cache
@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
def add_addendum(request: HttpRequest, number: str) -> HttpResponse:
    """Add to a published notice, before its closing instant; what is added stays. Says beforehand what it moves."""
    at = clock.now()
    rows = Opportunity.objects.visible_to(request.user, at=at).select_related("body")
    opportunity = get_object_or_404(rows, number=number)
    if not occasion_rules.works_there(opportunity, request.user):
        raise Http404
    if not opportunity.accepts_proposals(at=at):
        raise IllegalMove(_("Un addenda ne peut plus être ajouté."))
    form = AddendumForm(data_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            added = actions.add_addendum(opportunity, by=request.user, text=form.cleaned_data["text"])
        except ValidationError as error:
            show_at(form, error)
        else:
            done = _("L’addenda %d est publié. Les personnes qui préparent une réponse sont prévenues.") % added.number
            if added.moved_closing:
                done += " " + _("La nouvelle date limite est : %s.") % deadline(opportunity.closes_at)
            messages.success(request, done)
            return redirect(opportunity)
    context = {
        "opportunity": opportunity,
        "form": form,
        "next_number": opportunity.addenda.count() + 1,
        "moves_to": conditions.closing_after_addendum(opportunity, at),
    }
    return render(request, "opportunities/add_addendum.html", context, status=422 if request.method == "POST" else 200)
