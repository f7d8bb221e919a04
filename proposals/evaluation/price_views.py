"""Unveiling the prices: the page says which notes will be frozen and who gave them, then one button."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from marketplace.acts import ConfirmForm, Page, act_page, attempt
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.requests import PersonRequest
from proposals import occasion_acts
from proposals.access import occasion_for_staff, refuse_if_tied
from proposals.evaluation import price_actions
from proposals.evaluation.board import board
from proposals.occasion_acts import evaluation_of


@act_page
def unveil(request: PersonRequest, number: str) -> HttpResponse:
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    refuse_if_tied(opportunity, request.user)
    form = ConfirmForm(data_of(request))
    if attempt(request, form, lambda: price_actions.unveil(opportunity, by=request.user)):
        messages.success(request, _("Prix dévoilés. Les notes sont gelées, et leurs empreintes sont au registre."))
        return redirect(evaluation_of(opportunity))
    occasion_acts.gate(opportunity, "unveil_prices", request.user)
    shown = board(opportunity, request.user, at=now)
    page = Page(
        title=_("Dévoiler les prix"),
        lead=_(
            "Les notes ne changeront plus : ni vous, ni l’administration ne pourrez les corriger. Une erreur vue plus"
            " tard demandera un réexamen : un motif public, une autre personne qui l’accepte, et un signal."
        ),
        submit=_("Dévoiler les prix : les notes ne changeront plus"),
        tone="warn",
    )
    scores = [score for row in shown.rows for _criterion, score in row.scores if score]
    context = {
        "board": shown,
        "left": len(shown.to_examine + shown.to_score),
        "people": sorted({str(score.by) for score in scores}),
        "notes": len(scores),
    }
    return occasion_acts.show(request, opportunity, page, form, template="proposals/unveil.html", **context)
