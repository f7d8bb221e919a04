"""The award, by two people, or none: recommending, confirming, sending back, concluding. The page: occasion_acts.py."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from marketplace import acts
from marketplace.acts import Page, act_page, attempt
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of
from marketplace.lifecycle import IllegalMove, locked
from marketplace.models import User
from marketplace.requests import PersonRequest
from opportunities.models import Opportunity
from proposals import occasion_acts
from proposals.access import occasion_for_staff, refuse_if_tied
from proposals.award import actions
from proposals.award.forms import AwardForm, ConcludeForm, RecommendForm
from proposals.deposit import overlap
from proposals.enums import State
from proposals.evaluation.board import board
from proposals.models import Proposal, Recommendation
from proposals.occasion_acts import decide, evaluation_of
from vendors import taxes as vendor_taxes
from vendors.eligibility import actions as eligibility


class Auditing(Protocol):
    """What the auditors' app knows of an award before it is confirmed: audit/flags/actions.py, of a higher floor."""

    def if_awarded(self, opportunity: Opportunity, recommendation: Recommendation, *, at: datetime) -> list[Any]:
        """The signals that the award would raise."""

    def cases_of(self, opportunity: Opportunity, user: User) -> QuerySet[Any]:
        """The open cases about the occasion that this person may see."""

    def keep(
        self, opportunity: Opportunity, *, by: User, at: datetime, explanations: Mapping[tuple[str, int | None], str]
    ) -> None:
        """Keep the signals of the award just confirmed, and what the officer says of each: {(code, vendor): text}."""


@act_page
def recommend(request: PersonRequest, number: str) -> HttpResponse:
    """A buyer chooses among the eligible proposals; the first is chosen beforehand."""
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    refuse_if_tied(opportunity, request.user)
    shown = board(opportunity, request.user, at=now)
    form = RecommendForm(data_of(request), lines=shown.eligible)
    if attempt(request, form, lambda: actions.recommend(opportunity, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Recommandation envoyée : une autre personne doit la confirmer."))
        return redirect(evaluation_of(opportunity))
    occasion_acts.gate(opportunity, "recommend", request.user)
    context = {
        "opportunity": opportunity,
        "board": shown,
        "form": form,
        "left": len(shown.to_examine + shown.to_score),
        "checks": _checks([line.proposal for line in shown.eligible], at=now),
    }
    return acts.show(request, "proposals/recommend.html", context)


@act_page
def confirm(request: PersonRequest, number: str, auditing: Auditing | None = None) -> HttpResponse:
    """An officer reads what was recommended, by whom, for how much, then confirms with one button."""
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    refuse_if_tied(opportunity, request.user)
    if "verify" in request.POST:
        actions.verify_attestation(opportunity, by=request.user, shown=request.POST["verify"])
        messages.success(request, _("L’attestation est notée comme vérifiée."))
        return redirect("proposals:confirm", number=number)
    form = AwardForm(data_of(request))

    def verb() -> None:
        shown = form.cleaned_data["recommendation"]
        said = form.explanations()
        _confirm(opportunity, by=request.user, recommendation=shown, explanations=said, auditing=auditing)

    if attempt(request, form, verb):
        messages.success(request, _("Attribution confirmée. Tous les prestataires sont prévenus."))
        return redirect(evaluation_of(opportunity))
    occasion_acts.gate(opportunity, "confirm_award", request.user)
    shown = board(opportunity, request.user, at=now)
    recommendation = shown.pending
    if recommendation is None:  # sent back while this page was being read
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
    row = next(row for row in shown.rows if row.proposal.pk == recommendation.proposal_id)
    flags = auditing.if_awarded(opportunity, recommendation, at=now) if auditing else []
    context = {
        "opportunity": opportunity,
        "board": shown,
        "overlaps": overlap.declared(opportunity),
        "recommendation": recommendation,
        "row": row,
        "checks": _checks([row.proposal], at=now),
        "amount": vendor_taxes.charged(row.proposal.vendor, row.proposal.opened.price, on=local(now).date()),
        "form": form,
        "explained": form.offer(flags),
        "recommended": recommendation.pk,
        "failed": form if request.method == "POST" else None,
        "flags": flags,
        "cases": auditing.cases_of(opportunity, request.user) if auditing else [],
        "can_send_back": opportunity.can("reject_recommendation", request.user),
    }
    return acts.show(request, "proposals/confirm.html", context)


def _checks(proposals: list[Proposal], *, at: datetime) -> list[eligibility.Standing]:
    """Whether each proposal's vendor could be retained today, said before anybody presses."""
    return eligibility.standings([actions.case(proposal) for proposal in proposals], on=local(at).date())


def _confirm(
    opportunity: Opportunity,
    *,
    by: User,
    recommendation: int,
    explanations: Mapping[tuple[str, int | None], str],
    auditing: Auditing | None,
) -> None:
    """Confirm the recommendation that was on the screen; IllegalMove when another has taken its place since."""
    with transaction.atomic():
        row = locked(opportunity)
        pending = actions.pending(row)
        if row.state == "recommended" and pending is not None and pending.pk != recommendation:
            raise IllegalMove(_("La recommandation a changé depuis que cette page est ouverte : relisez-la."))
        actions.confirm(row, by=by)
        if auditing:
            auditing.keep(row, by=by, at=clock.now(), explanations=explanations)


@act_page
def send_back(request: PersonRequest, number: str) -> HttpResponse:
    """An officer returns the recommendation with a reason; the evaluation goes on."""
    page = Page(
        title=_("Renvoyer à l’évaluation"),
        lead=_("La recommandation tombe; les notes restent gelées. Une erreur se corrige par un réexamen des notes."),
        submit=_("Renvoyer à l’évaluation"),
    )
    return decide(
        request,
        number,
        page,
        move="reject_recommendation",
        form_of=occasion_acts.reason_form(_("La personne qui a recommandé le lira.")),
        verb=actions.send_back,
        message=_("Recommandation renvoyée. La personne qui l’a faite est prévenue."),
        then=evaluation_of,
    )


@act_page
def conclude(request: PersonRequest, number: str) -> HttpResponse:
    """No award: the reason that agrees with what was received is chosen beforehand."""
    page = Page(
        title=_("Conclure sans attribution"),
        lead=_("L’occasion se termine sans contrat. Le motif est public, et les prestataires sont prévenus."),
        submit=_("Conclure sans attribution"),
        tone="warn",
        danger=True,
    )
    return decide(
        request,
        number,
        page,
        move="conclude_without_award",
        form_of=_conclude_form,
        verb=actions.conclude,
        message=_("Occasion conclue sans attribution."),
    )


def _conclude_form(data: Any, opportunity: Opportunity) -> ConcludeForm:
    states = set(Proposal.objects.opened().filter(opportunity=opportunity).values_list("state", flat=True))
    guess = "other" if states - {State.REJECTED} else "none_conforming" if states else "none_received"
    return ConcludeForm(data, initial={"code": guess})
