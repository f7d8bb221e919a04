"""Binding acts after the deposit: a page that says what will happen (GET), then the verb (POST).

A stranger gets 404; somebody of the body who may not gets 403; an act that is no longer possible gets 409.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django import forms, urls
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace import lifecycle
from marketplace.acts import show_at
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of, keeps_typed
from marketplace.lifecycle import IllegalMove, locked
from marketplace.money import taxes
from opportunities.models import Opportunity
from proposals.award import actions
from proposals.enums import State
from proposals.evaluation.board import board
from proposals.evaluation.forms import AwardForm, ConcludeForm, ReasonForm, RecommendForm
from proposals.evaluation.views import occasion_for_staff, refuse_if_tied
from proposals.models import Opening, Proposal
from vendors.eligibility import actions as eligibility


@dataclass(frozen=True)
class Page:
    """The words of templates/proposals/decision.html."""

    title: str
    lead: str
    submit: str
    done: str
    tone: str = "info"
    danger: bool = False


def gate(opportunity: Opportunity, action: str, user) -> None:
    """`lifecycle.gate`, in words of its own for whoever would decide alone."""
    if action in {"confirm_award", "reject_recommendation"} and opportunity.recommended_by_id == user.pk:
        raise PermissionDenied(_("Vous avez fait cette recommandation : une autre personne doit en décider."))
    lifecycle.gate(opportunity, action, user)


def evaluation_of(opportunity: Opportunity) -> str:
    return urls.reverse("proposals:evaluation", args=[opportunity.number])


def _decide(
    request: HttpRequest,
    number: str,
    action: str,
    page: Page,
    make: Callable[..., forms.Form],
    verb: Callable[..., None],
    *,
    then: Callable[[Opportunity], str] = Opportunity.get_absolute_url,
) -> HttpResponse:
    """One act with a small form whose cleaned fields are the verb's arguments."""
    opportunity = occasion_for_staff(request, number, at=clock.now())
    form = make(data_of(request), opportunity)
    if request.method == "POST" and form.is_valid():
        try:
            verb(opportunity, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            show_at(form, error)
            opportunity = occasion_for_staff(request, number, at=clock.now())
        else:
            messages.success(request, page.done)
            return redirect(then(opportunity))
    gate(opportunity, action, request.user)
    return show(request, opportunity, page, form)


def show(request: HttpRequest, opportunity: Opportunity, page: Page, form, **extra) -> HttpResponse:
    context = {"opportunity": opportunity, "page": page, "form": form, "back": evaluation_of(opportunity)} | extra
    if not Opening.objects.filter(opportunity=opportunity).exists():
        context["back"] = opportunity.get_absolute_url()
    status = 422 if request.method == "POST" else 200
    return render(request, "proposals/decision.html", context, status=status)


# --- The award, by two people ----------------------------------------------------------------------------------------
@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def recommend(request: HttpRequest, number: str) -> HttpResponse:
    """A buyer chooses among the eligible proposals; the first is chosen beforehand."""
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    refuse_if_tied(opportunity, request.user)
    shown = board(opportunity, request.user, at=now)
    form = RecommendForm(data_of(request), lines=shown.eligible)
    if request.method == "POST" and form.is_valid():
        chosen = next(
            p for p in (line.proposal for line in shown.eligible) if str(p.public_id) == form.cleaned_data["proposal"]
        )
        try:
            actions.recommend(opportunity, chosen, by=request.user, justification=form.cleaned_data["justification"])
        except ValidationError as error:
            show_at(form, error)
            opportunity = occasion_for_staff(request, number, at=now)
            shown = board(opportunity, request.user, at=now)
        else:
            messages.success(request, _("Recommandation envoyée : une autre personne doit la confirmer."))
            return redirect(evaluation_of(opportunity))
    gate(opportunity, "recommend", request.user)
    context = {
        "opportunity": opportunity,
        "board": shown,
        "form": form,
        "left": len(shown.to_examine + shown.to_score),
        "checks": _checks([line.proposal for line in shown.eligible], at=now),
    }
    return render(request, "proposals/recommend.html", context, status=422 if request.method == "POST" else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, number: str, auditing=None) -> HttpResponse:
    """An officer reads what was recommended, by whom, for how much, then confirms with one button.

    `auditing`: what the auditors' app knows (audit/flags/actions.py): the signals that the award would raise, the open
    cases that this officer may see, and how to keep both the signals and what the officer says of them.
    """
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    refuse_if_tied(opportunity, request.user)
    if "verify" in request.POST:
        actions.verify_attestation(opportunity, by=request.user, shown=request.POST["verify"])
        messages.success(request, _("L’attestation est notée comme vérifiée."))
        return redirect("proposals:confirm", number=number)
    form = AwardForm(data_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            _confirm(opportunity, by=request.user, auditing=auditing, **form.cleaned_data)
        except ValidationError as error:
            show_at(form, error)
            opportunity = occasion_for_staff(request, number, at=now)
        else:
            messages.success(request, _("Attribution confirmée. Tous les prestataires sont prévenus."))
            return redirect(evaluation_of(opportunity))
    gate(opportunity, "confirm_award", request.user)
    shown = board(opportunity, request.user, at=now)
    recommendation = shown.pending
    row = next(row for row in shown.rows if row.proposal.pk == recommendation.proposal_id)
    context = {
        "opportunity": opportunity,
        "board": shown,
        "recommendation": recommendation,
        "row": row,
        "checks": _checks([row.proposal], at=now),
        "amount": taxes(row.proposal.opened.price_cents, on=local(now).date()),
        "form": form if form.is_bound else AwardForm(initial={"recommendation": recommendation.pk}),
        "recommended": recommendation.pk,
        "failed": form if request.method == "POST" else None,
        "flags": auditing.if_awarded(opportunity, recommendation, at=now) if auditing else [],
        "cases": auditing.cases_of(opportunity, request.user) if auditing else [],
        "can_send_back": opportunity.can("reject_recommendation", request.user),
    }
    return render(request, "proposals/confirm.html", context, status=422 if request.method == "POST" else 200)


def _checks(proposals: list[Proposal], *, at) -> list[eligibility.Standing]:
    """Whether each proposal's vendor could be retained today, said before anybody presses."""
    return eligibility.standings([actions.case(proposal) for proposal in proposals], on=local(at).date())


def _confirm(opportunity: Opportunity, *, by, recommendation: int, explanation: str, auditing) -> None:
    """Confirm the recommendation that was on the screen; IllegalMove when another has taken its place since."""
    with transaction.atomic():
        row = locked(opportunity)
        pending = actions.pending(row)
        if row.state == "recommended" and pending is not None and pending.pk != recommendation:
            raise IllegalMove(_("La recommandation a changé depuis que cette page est ouverte : relisez-la."))
        actions.confirm(opportunity, by=by)
        if auditing:
            auditing.keep(opportunity, by=by, at=clock.now(), explanation=explanation)


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def send_back(request: HttpRequest, number: str) -> HttpResponse:
    """An officer returns the recommendation with a reason; the evaluation goes on."""
    page = Page(
        title=_("Renvoyer à l’évaluation"),
        lead=_(
            "La recommandation tombe; les notes restent, et peuvent être corrigées avant une nouvelle recommandation."
        ),
        submit=_("Renvoyer à l’évaluation"),
        done=_("Recommandation renvoyée. La personne qui l’a faite est prévenue."),
    )
    help_text = _("La personne qui a recommandé le lira.")
    make = _reason_form(help_text)
    return _decide(request, number, "reject_recommendation", page, make, actions.send_back, then=evaluation_of)


def _reason_form(help_text: str) -> Callable[..., ReasonForm]:
    return lambda data, opportunity: ReasonForm(data, help_text=help_text)


# --- The occasion itself ---------------------------------------------------------------------------------------------


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def conclude(request: HttpRequest, number: str) -> HttpResponse:
    """No award: the reason that agrees with what was received is chosen beforehand."""
    page = Page(
        title=_("Conclure sans attribution"),
        lead=_("L’occasion se termine sans contrat. Le motif est public, et les prestataires sont prévenus."),
        submit=_("Conclure sans attribution"),
        done=_("Occasion conclue sans attribution."),
        tone="warn",
        danger=True,
    )

    def make(data, opportunity):
        received = Proposal.objects.opened().filter(opportunity=opportunity)
        states = set(received.values_list("state", flat=True))
        guess = "other" if states - {State.REJECTED} else "none_conforming" if states else "none_received"
        return ConcludeForm(data, initial={"code": guess})

    return _decide(request, number, "conclude_without_award", page, make, actions.conclude)
